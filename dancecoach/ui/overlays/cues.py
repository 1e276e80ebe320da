"""What the coach says now, written on the mirror."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from dancecoach.types import Advice, Floats, Snapshot
from dancecoach.ui.overlays.base import LEFT, WRAP, Scene, line_pen, write
from dancecoach.ui.theme import Theme, font_of, text_width, wrapped_height
from dancecoach.ui.words import advice_words, cue_evidence

_TITLE, _EVIDENCE = 4.7, 2.9  # hundredths of the window
_SMALLEST = 0.8  # share of the size down to which a sentence is rather shrunk than wrapped
_MOST = 2
_FLAGS = int(LEFT) | int(WRAP)


def cue_boxes(snapshot: Snapshot, area: QRectF, below: bool, theme: Theme) -> tuple[QRectF, ...]:
    """Return a box for each advice, as high as its words need, along the top of `area` or along its bottom."""
    unit = theme.px(1.0)
    sizes = []
    for advice in snapshot.advice[:_MOST]:
        text, margins = _title(snapshot, advice), 8.6 * unit
        longest = max(
            text_width(text, theme.px(_TITLE), True),
            text_width(cue_evidence(advice.cue, advice.praise), theme.px(_EVIDENCE), False),
        )
        width = min(longest + margins + 2, area.width())
        pixels = _pixels(text, width - margins, theme)
        title = wrapped_height(text, width - margins, pixels, True)
        sizes.append((width, min(title, 2.6 * pixels) + (_EVIDENCE + 1.6) * unit))
    gap = 0.8 * unit
    total = sum(height for _, height in sizes) + gap * max(len(sizes) - 1, 0)
    top = area.bottom() - total if below else area.top()
    boxes = []
    for width, height in sizes:
        boxes.append(QRectF(area.center().x() - width / 2, top, width, height))
        top += height + gap
    return tuple(boxes)


def joints_under(boxes: Sequence[QRectF], points: Floats) -> int:
    """Return how many of the points (N, 2) pixels the boxes cover; points that are not finite are nowhere."""
    known = points[np.isfinite(points).all(axis=1)]
    return sum(any(box.contains(QPointF(x, y)) for box in boxes) for x, y in known.tolist())


def _pixels(text: str, width: float, theme: Theme) -> int:
    """Return the size of a sentence: one in which it is a single line, or the full one where that is too small."""
    full = theme.px(_TITLE)
    sizes = range(full, int(_SMALLEST * full) - 1, -1)
    # Not by proportion: letters grow in steps.
    return next((pixels for pixels in sizes if text_width(text, pixels, True) <= width - 1), full)


def _title(snapshot: Snapshot, advice: Advice) -> str:
    """Return the sentence; no line breaks between a number and its unit."""
    return re.sub(r"(?<=\d) (?=ms|cm|%)", "\u00a0", advice_words(advice, snapshot.primitives))


class CuesOverlay:
    """At most two banners: the sentence in large type, the evidence below; an arrow marks a cue, a tick a praise."""

    def state(self, scene: Scene) -> object | None:
        """Paint every time: where they are depends on the dancer."""
        return None

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint each advice in its box."""
        snapshot, unit = scene.snapshot, theme.px(1.0)
        for advice, box in zip(snapshot.advice, scene.cue_boxes, strict=False):
            role = "good" if advice.praise else "accent"
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("panel", 240))
            painter.drawRoundedRect(box, 1.2 * unit, 1.2 * unit)
            painter.setBrush(theme.color(role))
            edge = QRectF(box.left(), box.top(), 0.9 * unit, box.height())
            painter.drawRoundedRect(edge, 0.4 * unit, 0.4 * unit)
            self._sign(painter, QPointF(box.left() + 3.6 * unit, box.center().y()), 1.8 * unit, advice.praise, theme)
            inner = box.adjusted(6.6 * unit, 0.4 * unit, -1.8 * unit, -0.8 * unit)
            text = _title(snapshot, advice)
            title = QRectF(inner.left(), inner.top(), inner.width(), inner.height() - _EVIDENCE * unit - 0.3 * unit)
            painter.setPen(theme.color("text"))
            pixels = _pixels(text, title.width(), theme)
            for shrink in (1.0, 0.85, 0.7, 0.55):
                font = font_of(round(shrink * pixels), True)
                if wrapped_height(text, title.width(), font.pixelSize(), True) <= title.height() + 1:
                    break
            painter.setFont(font)
            painter.drawText(title, _FLAGS, text)
            small = QRectF(inner.left(), title.bottom(), inner.width(), inner.bottom() - title.bottom())
            evidence = cue_evidence(advice.cue, advice.praise)
            write(painter, small, evidence, theme, _EVIDENCE * 0.9, "muted", False, LEFT)

    def _sign(self, painter: QPainter, center: QPointF, size: float, praise: bool, theme: Theme) -> None:
        pen: QPen = line_pen(theme, "good" if praise else "accent", 0.8)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = QPainterPath()
        if praise:
            path.moveTo(center + QPointF(-size, 0))
            path.lineTo(center + QPointF(-0.25 * size, 0.8 * size))
            path.lineTo(center + QPointF(size, -0.8 * size))
        else:
            path.moveTo(center + QPointF(-size, 0))
            path.lineTo(center + QPointF(size, 0))
            path.moveTo(center + QPointF(0.2 * size, -0.8 * size))
            path.lineTo(center + QPointF(size, 0))
            path.lineTo(center + QPointF(0.2 * size, 0.8 * size))
        painter.drawPath(path)
