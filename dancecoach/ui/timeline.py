"""The session along time: eight-counts as blocks coloured and labelled by MSR, the offset with its band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from dancecoach.types import PrimitiveScore
from dancecoach.ui.theme import Theme, make_theme
from dancecoach.ui.words import NEEDLE_MS, clock_text, offset_band, percent


class ClockAxis(pg.AxisItem):  # type: ignore[misc]
    """Seconds as minutes and seconds."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the labels of the ticks."""
        return [clock_text(value) if spacing >= 1.0 else f"{value:.1f}" for value in values]


class Timeline(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Two rows over one time axis; a click seeks, and chooses the eight-count it falls in.

    Attributes
    ----------
    seeked : Signal
        Seconds of the session.
    """

    seeked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Timeline of the session")
        self._primitives: Sequence[PrimitiveScore] = ()
        self._duration = 0.0
        self._theme = make_theme("dark", 1280, 720)
        self.blocks = self.addPlot(row=0, col=0)
        self.offsets = self.addPlot(row=1, col=0, axisItems={"bottom": ClockAxis("bottom")})
        self.offsets.setXLink(self.blocks)
        self.ci.layout.setRowStretchFactor(1, 3)
        self.ci.layout.setRowStretchFactor(0, 1)
        self.cursors = [pg.InfiniteLine(angle=90, movable=True) for _ in range(2)]
        for cursor in self.cursors:
            cursor.sigDragged.connect(lambda line: self.seeked.emit(self._inside(line.value())))
        for plot in (self.blocks, self.offsets):
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setMouseEnabled(x=True, y=False)
        self.blocks.hideAxis("left")
        self.blocks.hideAxis("bottom")
        self.scene().sigMouseClicked.connect(self._clicked)

    def show_session(self, primitives: Sequence[PrimitiveScore], duration: float, theme: Theme) -> None:
        """Draw a session."""
        self._primitives, self._duration, self._theme = primitives, duration, theme
        self.setBackground(theme.color("panel"))
        for plot in (self.blocks, self.offsets):
            plot.clear()
        self._style()
        self._draw_blocks()
        self._draw_offsets()
        for plot, cursor in zip((self.blocks, self.offsets), self.cursors, strict=True):
            cursor.setPen(pg.mkPen(theme.color("text"), width=max(2.0, 0.3 * theme.unit)))
            cursor.setHoverPen(pg.mkPen(theme.color("accent"), width=max(3.0, 0.5 * theme.unit)))
            plot.addItem(cursor)
        self.blocks.setLimits(xMin=0.0, xMax=max(duration, 1.0), minXRange=2.0)
        self.offsets.setLimits(xMin=0.0, xMax=max(duration, 1.0), minXRange=2.0)
        self.blocks.setXRange(0.0, max(duration, 1.0), padding=0.0)

    def _style(self) -> None:
        theme = self._theme
        font = theme.font(2.3)
        for name in ("left", "bottom"):
            axis = self.offsets.getAxis(name)
            axis.setPen(theme.color("line"))
            axis.setTextPen(theme.color("muted"))
            axis.setTickFont(font)
        left = self.offsets.getAxis("left")
        left.setWidth(theme.px(9.0))
        left.setTicks([[(-100.0, "early"), (0.0, "0 ms"), (100.0, "late")]])
        self.offsets.getAxis("bottom").setHeight(theme.px(4.5))
        self.blocks.setYRange(0.0, 1.0, padding=0.0)
        self.offsets.setYRange(-NEEDLE_MS, NEEDLE_MS, padding=0.0)
        # The rows share their left edge.
        self.blocks.showAxis("left")
        axis = self.blocks.getAxis("left")
        axis.setWidth(theme.px(9.0))
        axis.setPen(theme.color("line"))
        axis.setTextPen(theme.color("muted"))
        axis.setTickFont(font)
        axis.setTicks([[(0.5, "MSR")]])

    def _draw_blocks(self) -> None:
        theme = self._theme
        if not self._primitives:
            return
        starts = np.array([item.primitive.start for item in self._primitives])
        stops = np.array([item.primitive.stop for item in self._primitives])
        brushes = [self.block_color(item.synchrony.msr) for item in self._primitives]
        bars = pg.BarGraphItem(
            x0=starts,
            x1=stops,
            y0=np.full(len(starts), 0.06),
            y1=np.full(len(starts), 0.94),
            brushes=brushes,
            pen=pg.mkPen(theme.color("panel"), width=2),
        )
        self.blocks.addItem(bars)
        # On a long session labels would run into each other: every n-th.
        every = max(1, round(len(starts) / 24))
        for item in self._primitives[::every]:
            ink = theme.color(
                "background" if item.synchrony.msr is not None and item.synchrony.msr > 0.45 else "text"
            )
            label = pg.TextItem(percent(item.synchrony.msr), color=ink, anchor=(0.5, 0.5))
            label.setFont(theme.font(2.2, True))
            label.setPos((item.primitive.start + item.primitive.stop) / 2, 0.5)
            self.blocks.addItem(label)

    def block_color(self, msr: float | None) -> QColor:
        """Return the colour of an eight-count: from the line's to the good one's; the background's when unknown."""
        low, high = self._theme.color("line"), self._theme.color("good")
        if msr is None:
            return self._theme.color("background")
        share = min(max(msr, 0.0), 1.0)
        mix = [round(a + share * (b - a)) for a, b in zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)]  # type: ignore[index]
        return QColor(*mix)

    def _draw_offsets(self) -> None:
        theme = self._theme
        self.offsets.addItem(pg.InfiniteLine(0.0, angle=0, pen=pg.mkPen(theme.color("good"), width=2)))
        for run in self._runs():
            middles = np.array([(item.primitive.start + item.primitive.stop) / 2 for item in run])
            values = np.array([item.synchrony.offset_ms for item in run], dtype=np.float64)
            bands = np.array([offset_band(item.synchrony) or (item.synchrony.offset_ms,) * 2 for item in run])
            lower, upper = (pg.PlotCurveItem(middles, bands[:, side], pen=None) for side in (0, 1))
            self.offsets.addItem(lower)
            self.offsets.addItem(upper)
            self.offsets.addItem(pg.FillBetweenItem(lower, upper, brush=pg.mkBrush(theme.color("text", 50))))
            self.offsets.plot(
                middles,
                values,
                pen=pg.mkPen(theme.color("text"), width=2),
                symbol="o",
                symbolSize=max(6, theme.px(1.2)),
                symbolBrush=theme.color("accent"),
                symbolPen=None,
            )

    def _runs(self) -> list[list[PrimitiveScore]]:
        """Return the stretches of eight-counts with a measured offset: a gap is left a gap."""
        runs: list[list[PrimitiveScore]] = [[]]
        for item in self._primitives:
            if item.synchrony.offset_ms is None:
                runs.append([])
            else:
                runs[-1].append(item)
        return [run for run in runs if run]

    def set_time(self, time: float) -> None:
        """Move the cursor."""
        for cursor in self.cursors:
            cursor.setValue(time)

    def primitive_at(self, time: float) -> PrimitiveScore | None:
        """Return the eight-count that `time` falls in."""
        return next((item for item in self._primitives if item.primitive.start <= time < item.primitive.stop), None)

    def _inside(self, time: float) -> float:
        return min(max(float(time), 0.0), self._duration)

    def _clicked(self, event: object) -> None:
        position: QPointF = event.scenePos()  # type: ignore[attr-defined]
        self.seeked.emit(self._inside(self.blocks.vb.mapSceneToView(position).x()))
