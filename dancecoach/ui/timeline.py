"""The session along time: eight-counts by quality and by MSR, the offset with its band, what each limb lost.

Painted by hand: a chart library's scene, taken down with its window, has ended the whole process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from dancecoach.types import LIMBS, PrimitiveScore
from dancecoach.ui.heat import MOST_LOST, heat_color, lost_points
from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, line_pen, write
from dancecoach.ui.overlays.quality import grade_role, ink_on
from dancecoach.ui.overlays.strip import block
from dancecoach.ui.theme import Theme, make_theme, text_width, tip
from dancecoach.ui.words import (
    NEEDLE_MS,
    PART_WORDS,
    UNKNOWN,
    clock_text,
    grade_letter,
    offset_band,
    percent,
    score_words,
)

_MIN_SPAN = 2.0  # seconds shown at the closest
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)  # seconds between ticks


class Timeline(QWidget):
    """Rows over one time axis; a click or drag seeks, the wheel zooms at the pointer, resting there tells more.

    The grades and the points that each limb lost are shown where at least one eight-count was judged.

    Attributes
    ----------
    seeked : Signal
        Seconds of the session.
    """

    seeked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Timeline of the session")
        self.setMouseTracking(True)
        self.position = 0.0
        self._primitives: Sequence[PrimitiveScore] = ()
        self._duration = 0.0
        self._span = (0.0, 1.0)
        self._theme = make_theme("dark", 1280, 720)

    def show_session(self, primitives: Sequence[PrimitiveScore], duration: float, theme: Theme) -> None:
        """Draw a session."""
        self._primitives, self._duration, self._theme = primitives, duration, theme
        self._span = (0.0, max(duration, 1.0))
        self.update()

    def set_time(self, time: float) -> None:
        """Move the cursor, and the view along when it leaves it."""
        self.position = time
        start, stop = self._span
        if not start <= time <= stop:
            self._show_span(time - 0.1 * (stop - start), stop - start)
        self.update()

    def primitive_at(self, time: float) -> PrimitiveScore | None:
        """Return the eight-count that `time` falls in."""
        return next((item for item in self._primitives if item.primitive.start <= time < item.primitive.stop), None)

    @property
    def judged(self) -> bool:
        """Whether the quality of any eight-count was judged."""
        return any(item.assessment is not None for item in self._primitives)

    def runs(self) -> list[list[PrimitiveScore]]:
        """Return the stretches of eight-counts with a measured offset: a gap is left a gap."""
        runs: list[list[PrimitiveScore]] = [[]]
        for item in self._primitives:
            if item.synchrony.offset_ms is None:
                runs.append([])
            else:
                runs[-1].append(item)
        return [run for run in runs if run]

    def block_color(self, msr: float | None) -> QColor:
        """Return the colour of an eight-count: from the line's to the good one's; the background's when unknown."""
        if msr is None:
            return self._theme.color("background")
        low, high = self._theme.color("line"), self._theme.color("good")
        share = min(max(msr, 0.0), 1.0)
        pairs = ((low.red(), high.red()), (low.green(), high.green()), (low.blue(), high.blue()))
        return QColor(*(round(a + share * (b - a)) for a, b in pairs))

    def _difference(self, role: str, msr: float | None) -> float:
        """Return how far a text colour is from a block's in luma."""
        return abs(_luma(self._theme.color(role)) - _luma(self.block_color(msr)))

    @property
    def limit_ms(self) -> float:
        """The offset at the upper edge: 100 ms where all fit in, else 200."""
        bands = [offset_band(item.synchrony) for item in self._primitives]
        largest = max((abs(bound) for band in bands if band is not None for bound in band), default=0.0)
        return NEEDLE_MS / 2 if largest <= NEEDLE_MS / 2 else NEEDLE_MS

    # ---- geometry

    def rows(self) -> tuple[QRectF, QRectF, QRectF]:
        """Return the places of the MSR blocks, the offsets and the axis."""
        unit = self._theme.px(1.0)
        left, right = 14.0 * unit, self.width() - 2.0 * unit
        axis = QRectF(left, self.height() - 4.6 * unit, right - left, 3.6 * unit)
        top, bottom = 1.4 * unit, axis.top()
        if self.judged:
            top, bottom = self.quality_row().bottom() + 0.6 * unit, self.limb_rows()[0].top() - 0.4 * unit
        blocks = QRectF(left, top, right - left, (bottom - top - 1.4 * unit) * 0.32)
        offsets = QRectF(left, blocks.bottom() + 1.4 * unit, right - left, bottom - blocks.bottom() - 1.4 * unit)
        return blocks, offsets, axis

    def quality_row(self) -> QRectF:
        """Return the place of the grades."""
        unit = self._theme.px(1.0)
        return QRectF(14.0 * unit, unit, self.width() - 16.0 * unit, 0.17 * (self.height() - 4.6 * unit))

    def limb_rows(self) -> list[QRectF]:
        """Return the places of what each of LIMBS lost."""
        unit = self._theme.px(1.0)
        bottom = self.height() - 5.0 * unit
        height = 0.37 * bottom / len(LIMBS)
        tops = [bottom - (len(LIMBS) - index) * height for index in range(len(LIMBS))]
        return [QRectF(14.0 * unit, top, self.width() - 16.0 * unit, height) for top in tops]

    def x_of(self, time: float) -> float:
        """Return where a time is, pixels."""
        start, stop = self._span
        blocks = self.rows()[0]
        return blocks.left() + (time - start) / (stop - start) * blocks.width()

    def time_at(self, x: float) -> float:
        """Return the time at a place, seconds, inside the session."""
        start, stop = self._span
        blocks = self.rows()[0]
        time = start + (x - blocks.left()) / max(blocks.width(), 1.0) * (stop - start)
        return min(max(time, 0.0), self._duration)

    def _show_span(self, start: float, length: float) -> None:
        whole = max(self._duration, 1.0)
        length = min(max(length, _MIN_SPAN), whole) if whole > _MIN_SPAN else whole
        start = min(max(start, 0.0), whole - length)
        self._span = (start, start + length)
        self.update()

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both rows, the axis and the cursor."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, unit = self._theme, self._theme.px(1.0)
        painter.fillRect(self.rect(), theme.color("panel"))
        blocks, offsets, axis = self.rows()
        label = QRectF(unit, blocks.top(), blocks.left() - 2 * unit, blocks.height())
        write(painter, label, "MSR", theme, 2.4, "muted", False, RIGHT)
        middle = offsets.center().y()
        half = round(self.limit_ms / 2)
        marks = ((f"late +{half}", -0.5), ("0 ms", 0.0), (f"early −{half}", 0.5))
        for text, share in marks if offsets.height() > 12 * unit else marks[1:2]:
            y = middle + share * offsets.height() / 2
            place = QRectF(unit, y - 2 * unit, blocks.left() - 2 * unit, 4 * unit)
            write(painter, place, text, theme, 2.4, "muted", False, RIGHT)
        self._axis(painter, offsets, axis)
        if self.judged:
            self._row_names(painter)
        painter.save()
        painter.setClipRect(blocks.united(axis).united(self.quality_row()) if self.judged else blocks.united(axis))
        self._blocks(painter, blocks)
        self._offsets(painter, offsets)
        if self.judged:
            self._grades(painter)
            self._losses(painter)
        painter.setPen(line_pen(theme, "text", 0.35))
        x = self.x_of(self.position)
        top, bottom = (self.quality_row().top(), axis.top()) if self.judged else (blocks.top(), offsets.bottom())
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        painter.restore()

    def _axis(self, painter: QPainter, offsets: QRectF, axis: QRectF) -> None:
        theme = self._theme
        start, stop = self._span
        room = axis.width() / (theme.px(2.4) * 5.0)
        step = next((step for step in _STEPS if (stop - start) / step <= room), _STEPS[-1])
        first = int(np.ceil(start / step))
        for index in range(first, int(stop / step) + 1):
            time = index * step
            x = self.x_of(time)
            painter.setPen(QPen(theme.color("line"), 1.0))
            painter.drawLine(QPointF(x, offsets.top()), QPointF(x, offsets.bottom()))
            text = clock_text(time) if step >= 1 else f"{time:.1f}"
            width = text_width(text, theme.px(2.4), False) + 2
            left = min(max(x - width / 2, axis.left()), axis.right() - width)
            write(painter, QRectF(left, axis.top(), width, axis.height()), text, theme, 2.4, "muted", False, LEFT)
        painter.setPen(line_pen(theme, "good", 0.25))
        middle = offsets.center().y()
        painter.drawLine(QPointF(offsets.left(), middle), QPointF(offsets.right(), middle))

    def _blocks(self, painter: QPainter, row: QRectF) -> None:
        theme, gap = self._theme, max(1.0, 0.15 * self._theme.unit)
        for item in self._primitives:
            left, right = self.x_of(item.primitive.start), self.x_of(item.primitive.stop)
            if right < row.left() or left > row.right():
                continue
            msr = item.synchrony.msr
            place = QRectF(left + gap, row.top(), right - left - 2 * gap, row.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.block_color(msr))
            painter.drawRoundedRect(place, 0.5 * theme.unit, 0.5 * theme.unit)
            text = percent(msr)
            if text_width(text, theme.px(2.4), True) < place.width():
                ink = max(("background", "text"), key=lambda role: self._difference(role, msr))
                write(painter, place, text, theme, 2.4, ink, True, CENTER)

    def _row_names(self, painter: QPainter) -> None:
        limbs = zip(self.limb_rows(), (PART_WORDS[part] for part in LIMBS), strict=True)
        rows = [(self.quality_row(), "quality"), *limbs]
        for row, name in rows:
            place = QRectF(0.0, row.top(), row.left() - self._theme.px(1.0), row.height())
            write(painter, place, name, self._theme, 2.2, "muted", False, RIGHT)

    def _visible(self, row: QRectF) -> Iterator[tuple[PrimitiveScore, QRectF]]:
        gap = max(1.0, 0.15 * self._theme.unit)
        for item in self._primitives:
            left, right = self.x_of(item.primitive.start), self.x_of(item.primitive.stop)
            if right >= row.left() and left <= row.right():
                yield item, QRectF(left + gap, row.top(), right - left - 2 * gap, row.height())

    def _grades(self, painter: QPainter) -> None:
        """Paint letter and mean on the colour of the grade, a dash on a pattern where it is unknown."""
        theme = self._theme
        for item, place in self._visible(self.quality_row()):
            quality = None if item.assessment is None else item.assessment.quality
            letter = grade_letter(quality)
            block(painter, place, letter, theme)
            text = letter if quality is None or quality.mean is None else f"{letter} {round(quality.mean)}"
            ink = "text" if letter == UNKNOWN else ink_on(theme, grade_role(letter))
            for shown in (text, letter):
                if text_width(shown, theme.px(2.8), True) < place.width():
                    write(painter, place, shown, theme, 2.8, ink, True, CENTER)
                    break

    def _losses(self, painter: QPainter) -> None:
        """Paint what each limb cost: the more points the higher and the hotter; nothing where it is unknown."""
        theme = self._theme
        for part, row in zip(LIMBS, self.limb_rows(), strict=True):
            painter.setPen(QPen(theme.color("line"), 1.0))
            painter.drawLine(row.bottomLeft(), row.bottomRight())
            for item, place in self._visible(row):
                lost = lost_points(item.assessment)
                share = 0.0 if lost is None else min(lost[part] / MOST_LOST, 1.0)
                if share < 0.02:
                    continue
                high = max(share * (row.height() - 1.5), 1.5)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(heat_color(share, theme.name))
                painter.drawRect(QRectF(place.left(), row.bottom() - high, place.width(), high))

    def _offsets(self, painter: QPainter, row: QRectF) -> None:
        theme, limit = self._theme, self.limit_ms

        def point(item: PrimitiveScore, offset_ms: float) -> QPointF:
            share = min(max(offset_ms / limit, -1.0), 1.0)
            time = (item.primitive.start + item.primitive.stop) / 2
            return QPointF(self.x_of(time), row.center().y() - share * row.height() / 2)

        for run in self.runs():
            bands = [(item, offset_band(item.synchrony)) for item in run]
            upper = [point(item, band[1]) for item, band in bands if band is not None]
            lower = [point(item, band[0]) for item, band in bands if band is not None]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("text", 60))
            painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))
            middles = [point(item, item.synchrony.offset_ms or 0.0) for item in run]
            painter.setPen(line_pen(theme, "text", 0.35))
            painter.drawPolyline(QPolygonF(middles))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            for middle in middles:
                painter.drawEllipse(middle, 0.8 * theme.unit, 0.8 * theme.unit)

    # ---- the hand

    def event(self, event: QEvent) -> bool:
        """Tell about the eight-count under the resting pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            inside = event.pos().x() >= self.rows()[0].left()
            item = self.primitive_at(self.time_at(event.pos().x())) if inside else None
            lines = ["Click to go there, wheel to zoom"] if item is None else score_words(item)
            QToolTip.showText(event.globalPos(), tip(lines), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if event.button() == Qt.MouseButton.LeftButton and self._duration > 0:
            self.seeked.emit(self.time_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the cursor."""
        if event.buttons() & Qt.MouseButton.LeftButton and self._duration > 0:
            self.seeked.emit(self.time_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        start, stop = self._span
        at = self.time_at(event.position().x())
        length = (stop - start) * 0.999 ** event.angleDelta().y()
        share = (at - start) / (stop - start)
        self._show_span(at - share * length, length)


def _luma(color: QColor) -> float:
    return 0.3 * color.redF() + 0.59 * color.greenF() + 0.11 * color.blueF()
