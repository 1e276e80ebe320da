"""The followed dancer's bones over the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from dancecoach.types import BONES, JOINT_INDEX, JOINT_NAMES, Floats, Pose
from dancecoach.ui.heat import heat_color, heat_of
from dancecoach.ui.overlays.base import Scene, write
from dancecoach.ui.theme import Theme

SOLID = 0.5  # visibility from which a bone counts as seen
HIDDEN = 0.15  # below it nothing is drawn
MAX_AGE = 0.4  # seconds a pose may be older than the picture
# The short links inside the trunk carry no news; their joints would only be dots in a line.
_DOTS = tuple(i for i, name in enumerate(JOINT_NAMES) if not name.startswith(("spine", "left_c", "right_c")))
_TAGS = (("L", "left", "left_side"), ("R", "right", "right_side"))
# Where the letter of a side goes: to the first of these that no cue covers.
_TAG_JOINTS = ("wrist", "elbow", "shoulder", "hip", "knee", "ankle")
_LEAST_HEAT = 0.12  # below it nothing is drawn


def side_role(joint: int) -> str:
    """Return the palette entry of the side of the body a joint is on (the dancer's own left and right)."""
    name = JOINT_NAMES[joint]
    return "left_side" if name.startswith("left") else "right_side" if name.startswith("right") else "middle"


def pose_to_draw(scene: Scene) -> Pose | None:
    """Return the pose if it belongs to the picture shown, None when it is too old."""
    snapshot = scene.snapshot
    if snapshot.pose is None or snapshot.frame is None:
        return None
    return snapshot.pose if snapshot.frame.time - snapshot.pose.time <= MAX_AGE else None


class SkeletonOverlay:
    """Thick outlined bones, sides told apart by colour and letter; unsure ones dashed and faint."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint the pose where the picture is."""
        pose = pose_to_draw(scene)
        if pose is None or scene.picture is None:
            return
        points = scene.picture.to_stage(pose.image_joints)
        finite = np.isfinite(points).all(axis=1)
        visibility = np.where(finite, pose.visibility, 0.0)
        points = np.where(finite[:, None], points, 0.0)
        places = [QPointF(x, y) for x, y in points.tolist()]
        # Relative to the dancer, so that somebody far away is not buried under the lines.
        height = float(np.ptp(points[finite][:, 1])) if finite.any() else 0.0
        width = min(max(0.035 * height, 2.0), theme.unit)
        painter.save()
        painter.setClipRect(scene.picture.rect)
        heat = heat_of(scene.snapshot, scene.snapshot.time) if scene.heat else None
        if heat is not None:
            self._heat(painter, places, visibility.tolist(), heat, width, theme)
        self._bones(painter, places, visibility.tolist(), width, theme)
        self._joints(painter, places, visibility.tolist(), width, theme)
        self._tags(painter, places, visibility.tolist(), scene.cue_boxes, theme)
        painter.restore()

    def _heat(
        self,
        painter: QPainter,
        places: list[QPointF],
        visibility: list[float],
        heat: Floats,
        width: float,
        theme: Theme,
    ) -> None:
        """Paint what cost points, wide and light where it cost most; opaque, it fades by growing thin."""
        warm = [(float(heat[parent] + heat[joint]) / 2, parent, joint) for parent, joint in BONES]
        known = [value >= HIDDEN for value in visibility]
        seen = [item for item in warm if item[0] >= _LEAST_HEAT and known[item[1]] and known[item[2]]]
        dots = [(float(share), joint) for joint, share in enumerate(heat) if share >= _LEAST_HEAT and known[joint]]
        for rim in (True, False):
            for share, parent, joint in sorted(seen):
                wide = width * (1.9 + 3.2 * share)
                pen = QPen(theme.color("outline") if rim else heat_color(share, theme.name), wide + rim * 0.8 * width)
                pen.setCapStyle(Qt.PenCapStyle.RoundCap)
                painter.setPen(pen)
                painter.drawLine(places[parent], places[joint])
            painter.setPen(Qt.PenStyle.NoPen)
            for share, joint in sorted(dots):
                radius = width * (1.3 + 1.7 * share) + rim * 0.4 * width
                painter.setBrush(theme.color("outline") if rim else heat_color(share, theme.name))
                painter.drawEllipse(places[joint], radius, radius)

    def _bones(
        self, painter: QPainter, places: list[QPointF], visibility: list[float], width: float, theme: Theme
    ) -> None:
        sure = [bone for bone in BONES if min(visibility[bone[0]], visibility[bone[1]]) >= SOLID]
        # Opaque: Qt blends a wide translucent line ten times slower.
        outline = QPen(theme.color("outline"), width * 1.9)
        outline.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(outline)
        for parent, joint in sure:
            painter.drawLine(places[parent], places[joint])
        for role in ("middle", "left_side", "right_side"):
            pen = QPen(theme.color(role), width)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            dashed = QPen(theme.color(role, 150), width * 0.6)
            dashed.setDashPattern([2.0, 3.0])
            for parent, joint in BONES:
                seen = min(visibility[parent], visibility[joint])
                if side_role(joint) == role and seen >= HIDDEN:
                    painter.setPen(pen if seen >= SOLID else dashed)
                    painter.drawLine(places[parent], places[joint])

    def _joints(
        self, painter: QPainter, places: list[QPointF], visibility: list[float], width: float, theme: Theme
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for joint in _DOTS:
            if visibility[joint] < HIDDEN:
                continue
            painter.setBrush(theme.color("outline", round(255 * visibility[joint])))
            painter.drawEllipse(places[joint], width * 1.15, width * 1.15)
            painter.setBrush(theme.color(side_role(joint), round(255 * visibility[joint])))
            painter.drawEllipse(places[joint], width * 0.75, width * 0.75)

    def _tags(
        self,
        painter: QPainter,
        places: list[QPointF],
        visibility: list[float],
        covered: Sequence[QRectF],
        theme: Theme,
    ) -> None:
        radius = 1.7 * theme.unit
        kept = [box.adjusted(-radius, -radius, radius, radius) for box in covered]
        for letter, side, role in _TAGS:
            joints = [JOINT_INDEX[f"{side}_{name}"] for name in _TAG_JOINTS]
            if visibility[joints[0]] < SOLID:
                continue
            free = (
                joint
                for joint in joints
                if visibility[joint] >= SOLID and not any(box.contains(places[joint]) for box in kept)
            )
            joint = next(free, joints[0])
            center = places[joint]
            painter.setPen(QPen(theme.color(role), max(1.0, 0.3 * theme.unit)))
            painter.setBrush(theme.color("panel"))
            painter.drawEllipse(center, radius, radius)
            spot = QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius)
            write(painter, spot, letter, theme, 2.4, role, True, Qt.AlignmentFlag.AlignCenter)
            painter.setPen(Qt.PenStyle.NoPen)
