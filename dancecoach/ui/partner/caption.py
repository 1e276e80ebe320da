"""What the partner says of how it is doing, in type for three metres, with a sign of its own for every state."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from dancecoach.types import FollowerMotion, PartnerState
from dancecoach.ui.overlays.base import CENTER, write, write_wrapped
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import FEET_INFERRED, partner_words

LINE, DETAIL = 5.0, 3.2  # hundredths of the window's height
_ROLES: dict[PartnerState, str] = {
    "waiting": "muted",
    "following": "good",
    "uncertain": "late",
    "holding": "late",
    "solo": "accent",
}


def caption_height(theme: Theme, one_line: bool = False) -> float:
    """Return how high a caption of two lines is, or of one, pixels."""
    return theme.px(LINE) * 1.35 + 1.2 * theme.unit + (0.0 if one_line else theme.px(DETAIL) * 1.5)


def paint_caption(
    painter: QPainter, rect: QRectF, motion: FollowerMotion, theme: Theme, one_line: bool = False
) -> None:
    """Paint sign, line and detail into `rect`; in one line only the shortest of details."""
    line, detail = partner_words(motion)
    if one_line and detail:
        line, detail = (f"{line}. {FEET_INFERRED}" if detail.startswith(FEET_INFERRED) else line), ""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("panel", 240))
    painter.drawRoundedRect(rect, 1.2 * theme.unit, 1.2 * theme.unit)
    high = theme.px(LINE) * 1.35
    size = 0.28 * high
    gap = 0.6 * theme.unit
    left = rect.left() + gap + 1.4 * size
    paint_sign(painter, QPointF(left, rect.top() + gap + high / 2), size, motion.state, theme)
    text = QRectF(left + 1.8 * size, rect.top() + gap, rect.right() - left - 2.2 * size - gap, high)
    write(painter, text, line, theme, LINE, "text", True)
    if detail:
        below = QRectF(rect.left() + gap, text.bottom(), rect.width() - 2 * gap, rect.bottom() - text.bottom() - gap)
        write(painter, below, detail, theme, DETAIL, "muted", False, CENTER)


def paint_sign(painter: QPainter, center: QPointF, size: float, state: PartnerState, theme: Theme) -> None:
    """Paint a disc (following), a half one (uncertain), a ring (holding), an arrow (solo) or a dash (waiting)."""
    role = theme.color(_ROLES[state])
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(role)
    if state == "waiting":
        painter.drawRect(QRectF(center.x() - size, center.y() - 0.25 * size, 2 * size, 0.5 * size))
        return
    if state == "solo":
        points = [QPointF(-size, -size), QPointF(size, 0), QPointF(-size, size)]
        painter.drawPolygon(QPolygonF([center + point for point in points]))
        return
    disc = QRectF(center.x() - size, center.y() - size, 2 * size, 2 * size)
    if state == "uncertain":
        painter.drawPie(disc, 90 * 16, 180 * 16)
    elif state == "following":
        painter.drawEllipse(disc)
    if state != "following":
        painter.setPen(QPen(role, 0.35 * size))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(disc.adjusted(0.17 * size, 0.17 * size, -0.17 * size, -0.17 * size))


def paint_invitation(painter: QPainter, rect: QRectF, motion: FollowerMotion, theme: Theme) -> None:
    """Paint in large type what the partner asks for when it dances alone; nothing else."""
    if motion.state != "solo":
        return
    line, _ = partner_words(motion)
    painter.setPen(QPen(theme.color("accent"), max(2.0, 0.6 * theme.unit)))
    painter.setBrush(theme.color("panel"))
    painter.drawRoundedRect(rect, 1.5 * theme.unit, 1.5 * theme.unit)
    inside = rect.adjusted(1.5 * theme.unit, theme.unit, -1.5 * theme.unit, -theme.unit)
    write_wrapped(painter, inside, line, theme, 8.0, "accent", True)
