"""Bodies painted without OpenGL: thick bones, the far ones first, the face where it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QRadialGradient

from dancecoach.types import BONES, JOINT_INDEX, Floats
from dancecoach.ui.partner.body import body_frames
from dancecoach.ui.partner.sampling import Moment
from dancecoach.ui.partner.scene import DANCER_PALETTE, HANDS_ALPHA, LINK, PARTNER_PALETTE, Color, held_pairs

# From points (N, 3) m of the room to places (N, 2) pixels and depths (N,) m.
Projection = Callable[[Floats], tuple[Floats, Floats]]

_TRUNK = [JOINT_INDEX[name] for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
_INSIDE = {0, 3, 6, 9, 12, 13, 14}  # joints whose bones the trunk hides
_WIDTHS = {"thigh": 0.14, "shin": 0.1, "arm": 0.085, "foot": 0.085}  # m
_GRID = 2.0


def _limbs() -> tuple[tuple[int, int, float, str], ...]:
    kinds = {"knee": ("thigh", "trousers"), "ankle": ("shin", "trousers"), "foot": ("foot", "dark")}
    found = []
    for parent, joint in BONES:
        name = next((key for key in JOINT_INDEX if JOINT_INDEX[key] == joint), "").partition("_")[2]
        if name in ("elbow", "wrist"):
            found.append((parent, joint, _WIDTHS["arm"], "shirt" if name == "elbow" else "skin"))
        elif name in kinds:
            kind, role = kinds[name]
            found.append((parent, joint, _WIDTHS[kind], role))
    return tuple(found)


_LIMBS = _limbs()


def color(values: Color, alpha: float = 1.0) -> QColor:
    """Return a colour of red, green and blue, 0…1."""
    return QColor.fromRgbF(*values, alpha)


def paint_couple(
    painter: QPainter, moment: Moment, project: Projection, alone: bool, line: QColor, hands: bool = True
) -> None:
    """Paint floor, shadows, bodies and held hands; of the dancer only the shadow of nothing when `alone`."""
    middle = (moment.joints[0] + moment.leader[0]) / 2
    _floor(painter, middle, project, line)
    bodies: list[tuple[Floats, Mapping[str, Color], float]] = [(moment.joints, PARTNER_PALETTE, 1.0)]
    if not alone and moment.state != "solo":
        bodies.append((moment.leader, DANCER_PALETTE, HANDS_ALPHA if moment.state == "holding" else 1.0))
    if moment.ghost is not None:
        bodies.append((moment.ghost, PARTNER_PALETTE, 0.35))
    for joints, _, _ in bodies[:2]:
        paint_shadow(painter, joints, project)
    bodies.sort(key=lambda body: -float(project(body[0][:1])[1][0]))
    for joints, palette, alpha in bodies:
        paint_body(painter, joints, project, palette, alpha)
    if hands:
        paint_held(painter, moment, project)


def paint_held(painter: QPainter, moment: Moment, project: Projection) -> None:
    """Paint a bright link from palm to palm."""
    for start, stop, hold in held_pairs(moment):
        places, _ = project(np.stack([start, stop]))
        if np.isfinite(places).all():
            pen = QPen(color(LINK), max(3.0, 0.07 * hold * _scale(project, start)))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(*places[0]), QPointF(*places[1]))


def paint_body(
    painter: QPainter, joints: Floats, project: Projection, palette: Mapping[str, Color], alpha: float = 1.0
) -> None:
    """Paint somebody of joints (22, 3) m, the far limbs first."""
    places, depth = project(joints)
    if not np.isfinite(places).all():
        return
    scale = _scale(project, joints[0])
    forward = body_frames(joints)[2, 2]
    painter.save()
    painter.setOpacity(painter.opacity() * alpha)
    trunk_depth = float(depth[_TRUNK].mean())
    jobs: list[tuple[float, Callable[[], None]]] = [
        (trunk_depth, lambda: _trunk(painter, places, scale, palette, _faces(project, joints))),
        (float(depth[JOINT_INDEX["head"]]), lambda: _head(painter, joints, project, scale, palette, forward)),
    ]
    for parent, joint, width, role in _LIMBS:
        one, two = QPointF(*places[parent]), QPointF(*places[joint])
        job = _Bone(painter, one, two, width * scale, color(palette[role]))
        jobs.append((float(depth[parent] + depth[joint]) / 2, job))
    for _, paint in sorted(jobs, key=lambda each: -each[0]):
        paint()
    painter.restore()


class _Bone:
    """Paints one limb with a dark rim."""

    def __init__(self, painter: QPainter, start: QPointF, stop: QPointF, width: float, fill: QColor) -> None:
        self._painter, self._ends, self._width, self._fill = painter, (start, stop), width, fill

    def __call__(self) -> None:
        for width, shade in ((self._width * 1.25, self._fill.darker(220)), (self._width, self._fill)):
            pen = QPen(shade, max(width, 1.5))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            self._painter.setPen(pen)
            self._painter.drawLine(*self._ends)


def _faces(project: Projection, joints: Floats) -> bool:
    """Return whether the chest is turned to the viewer."""
    forward = body_frames(joints)[1, 2]
    _, depth = project(np.stack([joints[9], joints[9] + 0.1 * forward]))
    return bool(depth[1] < depth[0])


def _trunk(painter: QPainter, places: Floats, scale: float, palette: Mapping[str, Color], front: bool) -> None:
    shape = QPolygonF([QPointF(*places[joint]) for joint in _TRUNK])
    fill = color(palette["shirt front" if front else "shirt"])
    pen = QPen(fill.darker(180), 0.13 * scale)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(fill.darker(180))
    painter.drawPolygon(shape)
    pen.setColor(fill)
    pen.setWidthF(0.1 * scale)
    painter.setPen(pen)
    painter.setBrush(fill)
    painter.drawPolygon(shape)


def _head(
    painter: QPainter,
    joints: Floats,
    project: Projection,
    scale: float,
    palette: Mapping[str, Color],
    forward: Floats,
) -> None:
    up = body_frames(joints)[2, 1]
    middle = joints[JOINT_INDEX["head"]] + 0.03 * up
    places, depth = project(np.stack([middle, middle + 0.1 * forward]))
    if not np.isfinite(places).all():
        return
    center, nose = QPointF(*places[0]), QPointF(*places[1])
    painter.setPen(QPen(color(palette["hair"]).darker(150), max(1.0, 0.012 * scale)))
    painter.setBrush(color(palette["hair"]))
    painter.drawEllipse(center, 0.095 * scale, 0.12 * scale)
    if depth[1] < depth[0]:
        face = center + (nose - center) * 0.45
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(palette["skin"]))
        painter.drawEllipse(face, 0.072 * scale, 0.095 * scale)
        painter.setBrush(color(palette["skin"]).darker(140))
        painter.drawEllipse(nose, 0.02 * scale, 0.02 * scale)


def paint_shadow(painter: QPainter, joints: Floats, project: Projection) -> None:
    """Paint a soft shadow under the hips and each foot."""
    painter.setPen(Qt.PenStyle.NoPen)
    for place, radius, dark in ((joints[0], 0.4, 90), (joints[10], 0.16, 130), (joints[11], 0.16, 130)):
        ground = place * (1.0, 0.0, 1.0)
        reach = np.array([[0.0, 0, 0], [radius, 0, 0], [-radius, 0, 0], [0, 0, radius], [0, 0, -radius]])
        places, _ = project(ground + reach)
        if not np.isfinite(places).all():
            continue
        wide = max(float(np.ptp(places[:, 0])) / 2, 1.0)
        high = max(float(np.ptp(places[:, 1])) / 2, 1.0)
        painter.save()
        painter.translate(QPointF(*places[0]))
        painter.scale(1.0, high / wide)
        shade = QRadialGradient(QPointF(0, 0), wide)
        shade.setColorAt(0, QColor(0, 0, 0, dark))
        shade.setColorAt(1, QColor(0, 0, 0, 0))
        painter.setBrush(shade)
        painter.drawEllipse(QPointF(0, 0), wide, wide)
        painter.restore()


def _floor(painter: QPainter, middle: Floats, project: Projection, line: QColor) -> None:
    painter.setPen(QPen(line, 1.0))
    steps = np.arange(-_GRID, _GRID + 0.01, 0.5)
    origin = np.round(middle * (1.0, 0.0, 1.0) / 0.5) * 0.5
    ends = [
        end for step in steps for end in ((step, 0, -_GRID), (step, 0, _GRID), (-_GRID, 0, step), (_GRID, 0, step))
    ]
    places, depth = project(np.array(ends, dtype=np.float64) + origin)
    for index in range(0, len(places), 2):
        if depth[index] > 0.2 and depth[index + 1] > 0.2:
            painter.drawLine(QPointF(*places[index]), QPointF(*places[index + 1]))


def _scale(project: Projection, point: Floats) -> float:
    """Return how many pixels a metre is at a point, seen from the front."""
    around = point + np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    places, _ = project(around)
    if not np.isfinite(places).all():
        return 1.0
    return float(np.sqrt((np.linalg.norm(places[1:] - places[0], axis=1) ** 2).sum() / 2)) * 10
