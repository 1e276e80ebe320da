"""The recorded dancer, and the partner, in space: turn with the mouse, zoom with the wheel."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from dancecoach.types import BONES, JOINT_INDEX, Floats, PoseTrack
from dancecoach.ui.overlays.base import CENTER, write
from dancecoach.ui.overlays.skeleton import SOLID, side_role
from dancecoach.ui.theme import Theme, make_theme

MAX_GAP = 0.2  # seconds from a pose beyond which none is shown
_FOCAL = 2.1  # of the picture's half height
_GRID = 2.0  # metres from the middle to the edge of the floor grid


class SkeletonView(QWidget):
    """Draws the pose nearest to a time; poses are never made up between or beyond those recorded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Replay of the dancer")
        self.setToolTip("Drag to turn, wheel to come nearer")
        self.theme_name = "dark"
        self.yaw, self.pitch, self.distance = 0.0, 0.12, 3.0
        self._track: PoseTrack | None = None
        self._partner: PoseTrack | None = None
        self._center = np.zeros(3)
        self._time = 0.0
        self._dragged: QPointF | None = None

    def set_track(self, track: PoseTrack | None, partner: PoseTrack | None = None) -> None:
        """Show this recording, and the partner's of the same room, from its middle of the floor."""
        self._track, self._partner = (None if each is None or len(each) == 0 else each for each in (track, partner))
        known = [each.roots for each in (self._track, self._partner) if each is not None]
        if known:
            # The middle of each counts the same, however long they were seen.
            middle = np.mean([np.nanmedian(roots, axis=0) for roots in known], axis=0)
            self._center = np.nan_to_num(np.array([middle[0], 0.9, middle[2]]))
        self.distance = 3.0 if self._partner is None else 4.2
        self.set_time(0.0)

    def set_time(self, time: float) -> None:
        """Show the poses nearest to `time` seconds."""
        self._time = time
        self.update()

    def shown(self, track: PoseTrack | None) -> int | None:
        """Return which pose of a track is shown now; None where there is none near."""
        if track is None:
            return None
        times = track.times
        after = int(np.searchsorted(times, self._time))
        around = [index for index in (after - 1, after) if 0 <= index < len(times)]
        best = min(around, key=lambda index: abs(times[index] - self._time))
        return best if abs(times[best] - self._time) <= MAX_GAP else None

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Map room points (N, 3) m to widget pixels (N, 2) and their depth (N,) m; depth ≤ 0 is behind the eye."""
        relative = points - self._center
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        x = cos * relative[:, 0] - sin * relative[:, 2]
        z = sin * relative[:, 0] + cos * relative[:, 2]
        cos, sin = math.cos(self.pitch), math.sin(self.pitch)
        y = cos * relative[:, 1] - sin * z
        # The eye is in front of the dancer, where z is large.
        depth = self.distance - (sin * relative[:, 1] + cos * z)
        scale = _FOCAL * self.height() / 2 / np.maximum(depth, 0.05)
        return np.column_stack((self.width() / 2 + x * scale, self.height() / 2 - y * scale)), depth

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint floor and dancer."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = make_theme(self.theme_name, self.height() * 1.65, self.height())
        painter.fillRect(self.rect(), theme.color("panel"))
        self._floor(painter, QPen(theme.color("line"), max(1.0, 0.25 * theme.unit)))
        if self.shown(self._track) is None and self.shown(self._partner) is None:
            text = "nobody was seen here" if self._track is not None else "no session is open"
            write(painter, self.rect().toRectF(), text, theme, 4.5, "muted", False, CENTER)
            return
        # Whoever is farther away first.
        bodies = [(self._track, False), (self._partner, True)]
        for track, is_partner in sorted(bodies, key=lambda body: -self._depth(body[0])):
            index = self.shown(track)
            if track is not None and index is not None:
                self._body(painter, theme, track, index, is_partner)

    def _depth(self, track: PoseTrack | None) -> float:
        index = self.shown(track)
        return 0.0 if track is None or index is None else float(self.project(track.roots[index][None])[1][0])

    def _body(self, painter: QPainter, theme: Theme, track: PoseTrack, index: int, is_partner: bool) -> None:
        """Paint one body; the partner's bones are of one colour and it is named, so that nobody takes it for them."""
        visibility = track.visibility[index]
        places, depth = self.project(track.joints[index] + track.roots[index])
        width = max(2.0, 2.4 * theme.unit * 3.0 / self.distance)
        visible = np.isfinite(places).all(axis=1) & (depth > 0.1)
        seen = [bone for bone in BONES if visible[bone[0]] and visible[bone[1]]]
        ends = [QPointF(x, y) for x, y in np.nan_to_num(places).tolist()]
        for outline in (True, False):
            for parent, joint in seen:
                sure = min(visibility[parent], visibility[joint]) >= SOLID
                if outline and not sure:
                    continue
                role = "outline" if outline else "late" if is_partner else side_role(joint)
                pen = QPen(theme.color(role), width * (1.8 if outline else 1.0))
                pen.setCapStyle(Qt.PenCapStyle.RoundCap)
                if not sure:
                    pen.setWidthF(width * 0.6)
                    pen.setDashPattern([2.0, 3.0])
                painter.setPen(pen)
                painter.drawLine(ends[parent], ends[joint])
        head = JOINT_INDEX["head"]
        if is_partner and visible[head]:
            above = QRectF(ends[head].x() - 12 * theme.unit, ends[head].y() - 9 * theme.unit, 24 * theme.unit, 5.0)
            write(painter, above, "partner", theme, 3.4, "text", True, CENTER)

    def _floor(self, painter: QPainter, pen: QPen) -> None:
        painter.setPen(pen)
        steps = np.arange(-_GRID, _GRID + 0.01, 0.5)
        ends = []
        for step in steps:
            ends.append(((step, -_GRID), (step, _GRID)))
            ends.append(((-_GRID, step), (_GRID, step)))
        flat = np.array(ends, dtype=np.float64).reshape(-1, 2)
        points = np.column_stack((flat[:, 0], np.zeros(len(flat)), flat[:, 1]))
        points += np.array([self._center[0], 0.0, self._center[2]])
        places, depth = self.project(points)
        for index in range(0, len(places), 2):
            if depth[index] > 0.2 and depth[index + 1] > 0.2:
                painter.drawLine(QPointF(*places[index]), QPointF(*places[index + 1]))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn."""
        self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn."""
        if self._dragged is None:
            return
        moved = event.position() - self._dragged
        self._dragged = event.position()
        self.yaw += 0.01 * moved.x()
        self.pitch = min(max(self.pitch + 0.006 * moved.y(), -0.2), 1.4)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop turning."""
        self._dragged = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Come nearer or go away."""
        self.distance = min(max(self.distance * 0.999 ** event.angleDelta().y(), 1.5), 10.0)
        self.update()
