"""The eight-counts of the take in a row, each with its grade."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QPainter

from dancecoach.types import PrimitiveScore
from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, Scene, panel, write
from dancecoach.ui.overlays.quality import grade_role, ink_on
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import UNKNOWN, grade_letter, percent, signed_ms

_WIDEST, _NARROWEST = 14.0, 4.2  # of a block, hundredths of the window
_MOST = 100  # blocks on the widest screen
_DETAILED = 11.0  # from which width on a block shows synchrony too


def placed(rect: QRectF, scores: Sequence[PrimitiveScore], theme: Theme) -> list[tuple[PrimitiveScore, QRectF]]:
    """Return the newest eight-counts that have room in `rect` and their places, from left to right."""
    unit = theme.px(1.0)
    inner = rect.adjusted(0.6 * unit, 0.6 * unit, -0.6 * unit, -0.6 * unit)
    shown = list(scores)[-min(max(int(inner.width() / (_NARROWEST * unit)), 1), _MOST) :]
    if not shown or inner.isEmpty():
        return []
    step = min(inner.width() / len(shown), _WIDEST * unit)
    gap = 0.2 * unit
    return [
        (score, QRectF(inner.left() + index * step + gap, inner.top(), step - 2 * gap, inner.height()))
        for index, score in enumerate(shown)
    ]


def score_at(
    rect: QRectF, scores: Sequence[PrimitiveScore], theme: Theme, point: QPointF
) -> tuple[PrimitiveScore, QRectF] | None:
    """Return the eight-count painted at `point` and its place."""
    return next((item for item in placed(rect, scores, theme) if item[1].contains(point)), None)


class StripOverlay:
    """A block for each eight-count: the colour and letter of its grade, with room its MSR and offset beside it."""

    def state(self, scene: Scene) -> object | None:
        """Return grade and synchrony of every eight-count that may be shown."""
        return tuple(
            (
                score.index,
                None if score.assessment is None else score.assessment.quality.grade,
                score.synchrony.msr,
                score.synchrony.offset_ms,
            )
            for score in scene.snapshot.primitives[-_MOST:]
        )

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint a dash on a pattern where the quality is unknown."""
        if rect.isEmpty():
            return
        panel(painter, rect, theme)
        blocks = placed(rect, scene.snapshot.primitives, theme)
        if not blocks:
            write(painter, rect, "eight-counts appear here", theme, 3.0, "muted", False, CENTER)
        for score, place in blocks:
            letter = UNKNOWN if score.assessment is None else grade_letter(score.assessment.quality)
            block(painter, place, letter, theme)
            unit = theme.px(1.0)
            ink = "text" if letter == UNKNOWN else ink_on(theme, grade_role(letter))
            if place.width() < _DETAILED * unit:
                write(painter, place, letter, theme, 4.4, ink, True, CENTER)
                continue
            inner = place.adjusted(0.8 * unit, 0, -0.6 * unit, 0)
            write(painter, inner.adjusted(0, 0, -0.65 * inner.width(), 0), letter, theme, 5.2, ink, True, LEFT)
            lines = inner.adjusted(0.38 * inner.width(), 0.4 * unit, 0, -0.4 * unit)
            half = lines.height() / 2
            write(
                painter, lines.adjusted(0, 0, 0, -half), percent(score.synchrony.msr), theme, 2.4, ink, False, RIGHT
            )
            offset = signed_ms(score.synchrony.offset_ms).removesuffix(" ms")
            write(painter, lines.adjusted(0, half, 0, 0), offset, theme, 2.4, ink, False, RIGHT)


def block(painter: QPainter, place: QRectF, letter: str, theme: Theme) -> None:
    """Paint the ground of an eight-count: the colour of its grade, a pattern where there is none."""
    painter.setPen(Qt.PenStyle.NoPen)
    if letter == UNKNOWN:
        painter.setBrush(theme.color("background"))
        painter.drawRoundedRect(place, 0.5 * theme.unit, 0.5 * theme.unit)
        painter.setBrush(QBrush(theme.color("line"), Qt.BrushStyle.BDiagPattern))
    else:
        painter.setBrush(theme.color(grade_role(letter)))
    painter.drawRoundedRect(place, 0.5 * theme.unit, 0.5 * theme.unit)
