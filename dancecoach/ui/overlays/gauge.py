"""The sharp music synchrony rate as a gauge."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from dancecoach.types import Synchrony
from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, Scene, panel, write, write_wrapped
from dancecoach.ui.theme import LARGE_TYPE, Theme
from dancecoach.ui.words import UNKNOWN, percent, with_msr


class GaugeOverlay:
    """A half circle from 0 to 100 %, the confidence interval as a band, the reason when there is no score."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown."""
        return scene.snapshot.synchrony_8, scene.snapshot.synchrony_32

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint the score of the last 32 counts, or of the last 8 while there is no longer one."""
        panel(painter, rect, theme)
        snapshot = scene.snapshot
        synchrony = with_msr(snapshot.synchrony_32, snapshot.synchrony_8)
        unit = theme.unit
        inner = rect.adjusted(1.6 * unit, 0.9 * unit, -1.6 * unit, -1.2 * unit)
        head = QRectF(inner.left(), inner.top(), inner.width(), 4.4 * unit)
        small = 3.2 / (LARGE_TYPE if theme.large else 1.0)
        known = synchrony is not None and synchrony.msr is not None
        if rect.height() < 13.5 * unit:
            flat = rect.adjusted(1.2 * unit, 0.5 * unit, -1.2 * unit, -0.8 * unit)
            self._bar(painter, flat, head, synchrony, theme, True)
            return
        counts = "" if not known else "32 counts" if synchrony is snapshot.synchrony_32 else "8 counts"
        half = head.width() / 2
        write(painter, head.adjusted(0, 0, -half, 0), "in time", theme, small, "muted", False, LEFT)
        write(painter, head.adjusted(half, 0, 0, 0), counts, theme, small, "muted", False, RIGHT)
        place = QRectF(inner.left(), head.bottom() + unit, inner.width(), inner.bottom() - head.bottom() - unit)
        if rect.height() < 0.4 * rect.width():
            self._bar(painter, inner, head, synchrony, theme, False)
            return
        if known:
            self._arc(painter, place, synchrony, theme)
            return
        reason = synchrony.reason if synchrony is not None and synchrony.reason else "No score yet"
        words = min(10.0 * unit, place.height() * 0.5)
        self._arc(painter, place.adjusted(0, 0, 0, -words), None, theme)
        write_wrapped(painter, place.adjusted(0, place.height() - words, 0, 0), reason, theme, 3.2, "muted", True)

    def _bar(
        self,
        painter: QPainter,
        inner: QRectF,
        head: QRectF,
        synchrony: Synchrony | None,
        theme: Theme,
        flat: bool,
    ) -> None:
        """Paint the number over a bar where there is no room for the half circle, beside its name when `flat`."""
        unit = theme.unit
        value = None if synchrony is None else synchrony.msr
        number = QRectF(inner.left(), inner.top(), inner.width(), inner.height() - 1.8 * unit)
        label = number.adjusted(0, 0, -0.61 * number.width(), 0)
        if not flat:
            number.setTop(head.bottom())
        size = min(8.0, 1.15 * number.height() / theme.px(1.0))
        place = number.adjusted(0.43 * number.width() if flat else 0.0, 0, 0, 0)
        if flat:
            small = 2.9 / (LARGE_TYPE if theme.large else 1.0)
            write(painter, label, "in time", theme, small, "muted", False, LEFT)
        bar = QRectF(inner.left(), inner.bottom() - 1.2 * unit, inner.width(), 1.2 * unit)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        painter.drawRect(bar)
        if synchrony is None or value is None:
            reason = synchrony.reason if synchrony is not None and synchrony.reason else "No score yet"
            write(painter, place, UNKNOWN, theme, size, "muted", True, RIGHT if flat else LEFT)
            if not flat:
                write_wrapped(painter, number.adjusted(0.15 * number.width(), 0, 0, 0), reason, theme, 2.8, "muted")
            return
        share = min(max(value, 0.0), 1.0)
        write(painter, place, percent(share), theme, size, "text", True, RIGHT if flat else LEFT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent"))
        painter.drawRect(QRectF(bar.left(), bar.top(), share * bar.width(), bar.height()))
        if synchrony.msr_interval is not None:
            low, high = (min(max(bound, 0.0), 1.0) for bound in synchrony.msr_interval)
            painter.setBrush(theme.color("text"))
            left = bar.left() + low * bar.width()
            painter.drawRect(QRectF(left, bar.center().y() - 0.2 * unit, (high - low) * bar.width(), 0.4 * unit))

    def _arc(self, painter: QPainter, rect: QRectF, synchrony: Synchrony | None, theme: Theme) -> None:
        thick = 2.6 * theme.unit
        radius = min(rect.width() / 2, rect.height()) - thick / 2
        top = rect.top() + (rect.height() - radius - thick / 2) / 2 + thick / 2
        circle = QRectF(rect.center().x() - radius, top, 2 * radius, 2 * radius)
        pen = QPen(theme.color("line"), thick)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen)
        painter.drawArc(circle, 0, 180 * 16)
        number = QRectF(circle.left() + 1.7 * thick, top + radius * 0.5, 2 * (radius - 1.7 * thick), radius * 0.55)
        if synchrony is None or synchrony.msr is None:
            write(painter, number, UNKNOWN, theme, 11.0, "muted", True, CENTER)
            return
        value = min(max(synchrony.msr, 0.0), 1.0)
        pen.setColor(theme.color("accent"))
        painter.setPen(pen)
        painter.drawArc(circle, 180 * 16, -round(value * 180 * 16))
        if synchrony.msr_interval is not None:
            low, high = (min(max(bound, 0.0), 1.0) for bound in synchrony.msr_interval)
            band = QPen(theme.color("text"), max(1.0, thick * 0.3))
            band.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(band)
            inside = circle.adjusted(thick * 0.85, thick * 0.85, -thick * 0.85, -thick * 0.85)
            painter.drawArc(inside, round((1 - high) * 180 * 16), round((high - low) * 180 * 16))
        write(painter, number, percent(value), theme, 12.0, "text", True, CENTER)
