"""What an overlay is, the moment it paints, and the few strokes they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from dancecoach.types import Snapshot, StageTiming
from dancecoach.ui.layout import PictureMap
from dancecoach.ui.theme import Theme, wrapped_height
from dancecoach.ui.words import Timing

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTER = Qt.AlignmentFlag.AlignCenter
WRAP = Qt.TextFlag.TextWordWrap


@dataclass(frozen=True)
class Scene:
    """One paint: the snapshot, the time at which its picture will be seen, and what the window adds.

    `seen_at` clock seconds including the display's delay; `picture` None without a picture; `mirror` as switched;
    `own_timings` of the window itself; `help_rows` (keys, words) while the cheat-sheet is open; `heat` whether the
    heat map is switched on; `cue_boxes` where the cues are written, one for each advice.
    """

    snapshot: Snapshot
    seen_at: float
    picture: PictureMap | None = None
    mirror: bool = True
    debug: bool = False
    own_timings: tuple[tuple[str, StageTiming], ...] = ()
    help_rows: Sequence[tuple[str, str]] = ()
    heat: bool = True
    cue_boxes: tuple[QRectF, ...] = ()


class Overlay(Protocol):
    """Paints one part of the stage into its rectangle."""

    def state(self, scene: Scene) -> object | None:
        """Return all of the scene that the picture depends on, to be painted again only when that changes.

        None for a part that moves with time, or is not worth remembering: it is painted every time.
        """
        ...

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint; nothing that was not measured, a dash where a value is unknown."""
        ...


def panel(painter: QPainter, rect: QRectF, theme: Theme) -> None:
    """Fill the background of a part."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("panel", theme.palette.panel_alpha))
    radius = 1.2 * theme.unit
    painter.drawRoundedRect(rect, radius, radius)


def write(
    painter: QPainter,
    rect: QRectF,
    text: str,
    theme: Theme,
    units: float,
    role: str = "text",
    bold: bool = False,
    flags: Qt.AlignmentFlag = LEFT,
) -> None:
    """Write one line, `units` high, smaller where it would not fit the width."""
    painter.setFont(theme.fitted(text, rect.width(), units, bold))
    painter.setPen(theme.color(role))
    painter.drawText(rect, flags | Qt.TextFlag.TextDontClip, text)


def write_wrapped(
    painter: QPainter, rect: QRectF, text: str, theme: Theme, units: float, role: str = "muted", center: bool = False
) -> None:
    """Write text in as many lines as it needs, smaller where they would not fit the rectangle."""
    align = Qt.AlignmentFlag.AlignHCenter if center else Qt.AlignmentFlag.AlignLeft
    flags = int(align | Qt.AlignmentFlag.AlignVCenter) | int(WRAP)
    painter.setPen(theme.color(role))
    for shrink in (1.0, 0.85, 0.72, 0.6, 0.5):
        font = theme.font(units * shrink)
        if wrapped_height(text, rect.width(), font.pixelSize(), False) <= rect.height():
            break
    painter.setFont(font)
    painter.drawText(rect, flags, text)


def timing_shape(painter: QPainter, center: QPointF, size: float, kind: Timing, theme: Theme) -> None:
    """Paint the sign of a timing: a triangle to the left is early, to the right late, a disc on the beat."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(role_of(kind)))
    if kind == "on":
        painter.drawEllipse(center, size * 0.8, size * 0.8)
        return
    tip = size if kind == "late" else -size
    points = [center + QPointF(tip, 0), center + QPointF(-tip * 0.8, -size), center + QPointF(-tip * 0.8, size)]
    painter.drawPolygon(QPolygonF(points))


def role_of(kind: Timing) -> str:
    """Return the palette entry of a timing."""
    return "good" if kind == "on" else kind


def line_pen(theme: Theme, role: str, units: float, alpha: int = 255) -> QPen:
    """Return a round pen `units` hundredths of the window wide."""
    pen = QPen(theme.color(role, alpha), max(1.0, units * theme.unit))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    return pen
