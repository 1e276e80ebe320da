"""Early or late limb by limb."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from dancecoach.types import BodyPart, Snapshot, Synchrony
from dancecoach.ui.overlays.base import LEFT, Scene, line_pen, panel, role_of, timing_shape, write
from dancecoach.ui.overlays.base import write_wrapped as wrapped
from dancecoach.ui.theme import LARGE_TYPE, Theme, text_width
from dancecoach.ui.words import (
    PART_WORDS,
    SHORT_WORDS,
    UNKNOWN,
    needle_range,
    offset_band,
    part_of,
    signed_ms,
    timing,
    with_offset,
)


def part_shown(snapshot: Snapshot, part: BodyPart) -> Synchrony | None:
    """Return the timing of a part over the last 32 counts, else the last 8."""
    return with_offset(part_of(snapshot.synchrony_32, part), part_of(snapshot.synchrony_8, part))


class LimbOverlay:
    """One limb: its name, signed milliseconds, the word with its shape, and a bar from the middle.

    Parameters
    ----------
    mirrored, unmirrored : BodyPart
        Which of the dancer's limbs is at this place of the screen: in the mirror the left arm is on the left.
    """

    def __init__(self, mirrored: BodyPart, unmirrored: BodyPart) -> None:
        self._parts = {True: mirrored, False: unmirrored}

    def part(self, mirror: bool) -> BodyPart:
        """Return the limb shown here."""
        return self._parts[mirror]

    def state(self, scene: Scene) -> object | None:
        """Return which limb, its timing and how far the scale reaches."""
        part = self.part(scene.mirror)
        synchrony = part_shown(scene.snapshot, part)
        return (
            part,
            synchrony,
            needle_range(scene.snapshot.beat_grid, synchrony.level if synchrony is not None else None),
        )

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint a dash and the reason when the limb's timing is unknown."""
        panel(painter, rect, theme)
        part = self.part(scene.mirror)
        synchrony = part_shown(scene.snapshot, part)
        unit = theme.px(1.0)
        side = "left_side" if part.startswith("left") else "right_side" if part.startswith("right") else "middle"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(side))
        painter.drawRoundedRect(
            QRectF(rect.left() + 0.7 * unit, rect.top() + unit, 0.7 * unit, rect.height() - 2 * unit),
            unit / 3,
            unit / 3,
        )
        inner = rect.adjusted(2.4 * unit, 0.6 * unit, -1.4 * unit, -0.8 * unit)
        name = QRectF(inner.left(), inner.top(), inner.width(), min(4.4 * unit, inner.height() * 0.3))
        write(
            painter, name, PART_WORDS[part], theme, 3.6 / (LARGE_TYPE if theme.large else 1.0), "muted", False, LEFT
        )
        # A high tile does not spread its bar.
        rest = QRectF(inner.left(), name.bottom(), inner.width(), min(inner.bottom() - name.bottom(), 13.0 * unit))
        if synchrony is None or synchrony.offset_ms is None:
            dash = QRectF(rest.left(), rest.top(), 4.5 * unit, rest.height())
            write(painter, dash, UNKNOWN, theme, 5.6, "muted", True, LEFT)
            if synchrony is not None and synchrony.reason:
                wrapped(painter, rest.adjusted(5.0 * unit, 0, 0, 0), synchrony.reason, theme, 2.6)
            return
        self._value(painter, QRectF(rest.left(), rest.top(), rest.width(), rest.height() * 0.62), synchrony, theme)
        bar = QRectF(rest.left(), rest.top() + rest.height() * 0.66, rest.width(), rest.height() * 0.34)
        limit = needle_range(scene.snapshot.beat_grid, synchrony.level)
        self._bar(painter, bar, synchrony, limit, theme)

    def _value(self, painter: QPainter, rect: QRectF, synchrony: Synchrony, theme: Theme) -> None:
        assert synchrony.offset_ms is not None
        kind = timing(synchrony.offset_ms)
        unit = theme.px(1.0)
        number = signed_ms(synchrony.offset_ms).removesuffix(" ms")
        room = rect.width() * 0.5
        # Digits are about three quarters of their line high: a line may be a little higher than its room.
        font = theme.fitted(number, room - 4.5 * unit, min(6.4, 1.05 * rect.height() / unit), True)
        wide = text_width(number, font.pixelSize(), True)
        left = QRectF(rect.left(), rect.top(), wide, rect.height())
        write(painter, left, number, theme, font.pixelSize() / unit, "text", True, LEFT)
        ms = QRectF(left.right() + 0.6 * unit, rect.top() + 1.2 * unit, 4.5 * unit, rect.height() - 1.2 * unit)
        write(painter, ms, "ms", theme, 3.0, "muted", False, LEFT)
        # All three words in the size of the longest, so that the size says nothing.
        size = 1.2 * unit
        word = QRectF(rect.left() + room, rect.top(), rect.width() - room, rect.height())
        pixels = theme.fitted(SHORT_WORDS["on"], word.width() - 3.4 * size, 4.4, True).pixelSize()
        shown = SHORT_WORDS[kind]
        inside = QRectF(word.right() - text_width(shown, pixels, True) - 1, word.top(), word.width(), word.height())
        write(painter, inside, shown, theme, pixels / unit, role_of(kind), True, LEFT)
        timing_shape(painter, QPointF(inside.left() - 1.6 * size, word.center().y()), size, kind, theme)

    def _bar(self, painter: QPainter, rect: QRectF, synchrony: Synchrony, limit: float, theme: Theme) -> None:
        assert synchrony.offset_ms is not None
        middle, half = rect.center(), rect.width() / 2
        thick = rect.height() * 0.5
        kind = timing(synchrony.offset_ms)

        def x(offset_ms: float) -> float:
            return middle.x() + min(max(offset_ms / limit, -1.0), 1.0) * half

        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line", 140))
        groove = QRectF(rect.left(), middle.y() - thick / 2, rect.width(), thick)
        painter.drawRoundedRect(groove, thick / 2, thick / 2)
        end = x(synchrony.offset_ms)
        painter.setBrush(theme.color(role_of(kind)))
        painter.drawRect(QRectF(QPointF(middle.x(), middle.y() - thick / 2), QPointF(end, middle.y() + thick / 2)))
        band = offset_band(synchrony)
        if band is not None:
            painter.setPen(line_pen(theme, "text", 0.35))
            painter.drawLine(QPointF(x(band[0]), middle.y()), QPointF(x(band[1]), middle.y()))
            for bound in band:
                painter.drawLine(QPointF(x(bound), middle.y() - thick / 2), QPointF(x(bound), middle.y() + thick / 2))
        painter.setPen(line_pen(theme, "text", 0.4))
        painter.drawLine(QPointF(middle.x(), rect.top()), QPointF(middle.x(), rect.bottom()))
