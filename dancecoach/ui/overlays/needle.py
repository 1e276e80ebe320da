"""Early or late: the verdict in words and the needle over its scale."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPolygonF

from dancecoach.types import Snapshot, Synchrony
from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, Scene, line_pen, panel, role_of, timing_shape, write
from dancecoach.ui.overlays.base import write_wrapped as wrapped
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import (
    TIMING_WORDS,
    UNKNOWN,
    needle_range,
    offset_band,
    signed_ms,
    spread_ms,
    timing,
    with_offset,
)


def current(snapshot: Snapshot) -> Synchrony | None:
    """Return what the needle shows: the last 8 counts, else the last 32."""
    return with_offset(snapshot.synchrony_8, snapshot.synchrony_32)


class VerdictOverlay:
    """The offset as a number, its spread, and the word."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown."""
        return (current(scene.snapshot),)

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint a dash and the reason when there is no offset."""
        panel(painter, rect, theme)
        unit = theme.px(1.0)
        inner = rect.adjusted(1.6 * unit, 0.6 * unit, -1.6 * unit, -0.6 * unit)
        synchrony = current(scene.snapshot)
        if synchrony is None or synchrony.offset_ms is None:
            dash = QRectF(inner.left(), inner.top(), inner.width() * 0.2, inner.height())
            write(painter, dash, UNKNOWN, theme, 7.5, "muted", True, LEFT)
            reason = synchrony.reason if synchrony is not None and synchrony.reason else "Dance to the music"
            wrapped(painter, inner.adjusted(inner.width() * 0.2, 0, 0, 0), reason, theme, 3.2)
            return
        kind = timing(synchrony.offset_ms)
        upper = QRectF(inner.left(), inner.top(), inner.width(), inner.height() * 0.54)
        lower = QRectF(inner.left(), upper.bottom(), inner.width(), inner.height() * 0.46)
        number = QRectF(upper.left(), upper.top(), upper.width() * 0.68, upper.height())
        write(painter, number, signed_ms(synchrony.offset_ms), theme, 7.4, "text", True, LEFT)
        spread = QRectF(number.right(), upper.top() + 1.4 * unit, upper.width() * 0.32, upper.height() - 1.4 * unit)
        write(painter, spread, spread_ms(synchrony), theme, 3.4, "muted", False, RIGHT)
        size = 1.9 * unit
        timing_shape(painter, QPointF(lower.left() + size, lower.center().y()), size, kind, theme)
        word = lower.adjusted(2 * size + 1.4 * unit, 0, 0, 0)
        write(painter, word, TIMING_WORDS[kind], theme, 6.0, role_of(kind), True, LEFT)


class NeedleOverlay:
    """A scale from early (left) to late (right), the band of the spread, the needle on the offset."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown and how far the scale reaches."""
        synchrony = current(scene.snapshot)
        return synchrony, needle_range(scene.snapshot.beat_grid, synchrony.level if synchrony is not None else None)

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint the empty scale when there is no offset."""
        panel(painter, rect, theme)
        unit = theme.px(1.0)
        synchrony = current(scene.snapshot)
        inner = rect.adjusted(2.4 * unit, 0.8 * unit, -2.4 * unit, -0.8 * unit)
        head = QRectF(inner.left(), inner.top(), inner.width(), 4.6 * unit)
        write(painter, head, "early", theme, 4.2, "early", True, LEFT)
        write(painter, head, "late", theme, 4.2, "late", True, RIGHT)
        write(painter, head, "on the beat", theme, 3.2, "muted", False, CENTER)
        level = synchrony.level if synchrony is not None else None
        limit = needle_range(scene.snapshot.beat_grid, level)
        scale = QRectF(inner.left(), head.bottom(), inner.width(), inner.bottom() - head.bottom() - 3.4 * unit)
        labels = QRectF(inner.left(), scale.bottom(), inner.width(), 3.4 * unit)
        self._scale(painter, scale, labels, limit, theme)
        if synchrony is None or synchrony.offset_ms is None:
            return
        band = offset_band(synchrony)
        if band is not None:
            left, right = (self._x(scale, bound, limit) for bound in band)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("text", 70))
            painter.drawRect(QRectF(left, scale.top() + scale.height() * 0.15, right - left, scale.height() * 0.7))
        self._needle(painter, scale, synchrony.offset_ms, limit, theme)

    @staticmethod
    def _x(scale: QRectF, offset_ms: float, limit: float) -> float:
        share = min(max(offset_ms / limit, -1.0), 1.0)
        return scale.center().x() + share * scale.width() / 2

    def _scale(self, painter: QPainter, scale: QRectF, labels: QRectF, limit: float, theme: Theme) -> None:
        middle = scale.center().y()
        painter.setPen(line_pen(theme, "line", 0.6))
        painter.drawLine(QPointF(scale.left(), middle), QPointF(scale.right(), middle))
        step = 50 if limit > 100 else 25
        for tick in range(-int(limit // step) * step, int(limit) + 1, step):
            x = self._x(scale, tick, limit)
            tall = 0.42 if tick == 0 else 0.22
            painter.setPen(line_pen(theme, "good" if tick == 0 else "muted", 0.6 if tick == 0 else 0.3))
            painter.drawLine(QPointF(x, middle - scale.height() * tall), QPointF(x, middle + scale.height() * tall))
            if tick % (2 * step) == 0:
                width = theme.px(10.0)
                left = min(max(x - width / 2, labels.left()), labels.right() - width)
                flags = LEFT if left > x - width / 2 + 1 else RIGHT if left < x - width / 2 - 1 else CENTER
                place = QRectF(left, labels.top(), width, labels.height())
                text = signed_ms(tick) if tick == 0 else signed_ms(tick).removesuffix(" ms")
                write(painter, place, text, theme, 2.8, "muted", False, flags)

    def _needle(self, painter: QPainter, scale: QRectF, offset_ms: float, limit: float, theme: Theme) -> None:
        x, middle = self._x(scale, offset_ms, limit), scale.center().y()
        kind = timing(offset_ms)
        half = scale.height() * 0.5
        painter.setPen(line_pen(theme, "outline", 0.3))
        painter.setBrush(theme.color(role_of(kind)))
        width = theme.px(1.5)
        shape = [QPointF(x, middle + half), QPointF(x - width, middle), QPointF(x, middle - half)]
        if kind == "late":
            shape[1] = QPointF(x + width * 2, middle)
        elif kind == "early":
            shape[1] = QPointF(x - width * 2, middle)
        else:
            shape.append(QPointF(x + width, middle))
        painter.drawPolygon(QPolygonF(shape))
        painter.setPen(line_pen(theme, role_of(kind), 0.7))
        painter.drawLine(QPointF(x, middle - half), QPointF(x, middle + half))
