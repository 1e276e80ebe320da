"""How well the last eight-count was danced, and what it was."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from dancecoach.types import Assessment, Quality
from dancecoach.ui.heat import last_judged
from dancecoach.ui.overlays.base import CENTER, LEFT, RIGHT, Scene, line_pen, panel, write, write_wrapped
from dancecoach.ui.theme import LARGE_TYPE, Theme
from dancecoach.ui.words import KNOWN, UNKNOWN, grade_letter, judged_by, kind_words, primitive_word


def grade_role(letter: str) -> str:
    """Return the palette entry of a grade."""
    return f"grade_{letter.lower()}"


class QualityOverlay:
    """The grade as a large letter, the mean, the 90 % interval on a bar, and what was danced in words."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown."""
        score = last_judged(scene.snapshot)
        if score is None or score.assessment is None:
            return ()
        said = score.assessment
        return score.index, len(score.primitive.beat_times), said.quality, said.labels, said.place

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint a dash and the reason when the quality is unknown."""
        if rect.isEmpty():
            return
        panel(painter, rect, theme)
        unit, small = theme.unit, 3.2 / (LARGE_TYPE if theme.large else 1.0)
        inner = rect.adjusted(1.6 * unit, 0.9 * unit, -1.6 * unit, -0.9 * unit)
        head = QRectF(inner.left(), inner.top(), inner.width(), 4.2 * unit)
        score = last_judged(scene.snapshot)
        write(painter, head.adjusted(0, 0, -0.6 * head.width(), 0), "quality", theme, small, "muted", False, LEFT)
        said = None if score is None else score.assessment
        if score is None or said is None:
            reason = "Comes with the first eight-count"
            self._unknown(painter, inner.adjusted(0, head.height(), 0, 0), reason, theme)
            return
        right = f"{primitive_word(score.primitive).lower()} {score.index}"
        write(painter, head.adjusted(0.4 * head.width(), 0, 0, 0), right, theme, small, "muted", False, RIGHT)
        rest = QRectF(inner.left(), head.bottom(), inner.width(), inner.bottom() - head.bottom())
        upper = rest.adjusted(0, 0, 0, -0.44 * rest.height())
        if said.quality.mean is None or said.quality.grade is None:
            self._unknown(painter, upper, said.quality.reason or "Not judged", theme)
        else:
            self._known(painter, upper, said.quality, theme)
        words = "\n".join(self._paragraphs(said))
        lower = rest.adjusted(0, upper.height() + 0.4 * unit, 0, 0)
        write_wrapped(painter, lower, words, theme, small * 0.95, "text")

    @staticmethod
    def _paragraphs(said: Assessment) -> list[str]:
        """Return what it is, and below it where in a choreography."""
        words = kind_words(said)
        placed = said.place is not None and said.place.probability >= KNOWN
        # The dot stays with the word before it where the line breaks.
        return ["\u00a0· ".join(words[:-1]), words[-1]] if placed else ["\u00a0· ".join(words)]

    def _unknown(self, painter: QPainter, rect: QRectF, reason: str, theme: Theme) -> None:
        dash = QRectF(rect.left(), rect.top(), 0.26 * rect.width(), rect.height())
        write(painter, dash, UNKNOWN, theme, 12.0, "muted", True, CENTER)
        write_wrapped(painter, rect.adjusted(dash.width() + theme.unit, 0, 0, 0), reason, theme, 3.6, "text")

    def _known(self, painter: QPainter, rect: QRectF, quality: Quality, theme: Theme) -> None:
        unit, letter = theme.unit, grade_letter(quality)
        side = min(rect.height() - 0.6 * unit, 0.4 * rect.width())
        plate = QRectF(rect.left(), rect.center().y() - side / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(grade_role(letter)))
        painter.drawRoundedRect(plate, 1.2 * unit, 1.2 * unit)
        # A capital is about three quarters of its line high: the line may be higher than the plate.
        ink = ink_on(theme, grade_role(letter))
        write(painter, plate, letter, theme, 1.12 * side / theme.px(1.0), ink, True, CENTER)
        rest = rect.adjusted(side + 1.6 * unit, 0, 0, 0)
        mean, interval = quality.mean or 0.0, quality.interval or (0.0, 100.0)
        number = QRectF(rest.left(), rest.top(), 0.5 * rest.width(), 0.44 * rest.height())
        write(painter, number, f"{round(mean)}", theme, 7.0, "text", True, LEFT)
        span = QRectF(number.right(), number.top(), rest.right() - number.right(), number.height())
        low, high = (round(end) for end in interval)
        write(painter, span, f"{low} to {high}", theme, 3.4, "muted", False, RIGHT)
        scale = QRectF(rest.left(), number.bottom(), rest.width(), 0.28 * rest.height())
        self._scale(painter, scale, mean, interval, theme)
        how = QRectF(rest.left(), scale.bottom(), rest.width(), rest.bottom() - scale.bottom())
        write(painter, how, judged_by(quality), theme, 3.0, "muted", False, LEFT)

    def _scale(
        self, painter: QPainter, rect: QRectF, mean: float, interval: tuple[float, float], theme: Theme
    ) -> None:
        """Paint 0 to 100 with the interval as a band and the mean as a line."""
        thick, middle = 1.6 * theme.unit, rect.center().y()
        low, high, at = (rect.left() + end / 100.0 * rect.width() for end in (*interval, mean))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line", 140))
        painter.drawRoundedRect(QRectF(rect.left(), middle - thick / 2, rect.width(), thick), thick / 2, thick / 2)
        painter.setBrush(theme.color("accent", 190))
        painter.drawRect(QRectF(low, middle - thick / 2, max(high - low, 1.0), thick))
        painter.setPen(line_pen(theme, "text", 0.35))
        for end in (low, high):
            painter.drawLine(QPointF(end, middle - 0.75 * thick), QPointF(end, middle + 0.75 * thick))
        painter.setPen(line_pen(theme, "text", 0.7))
        painter.drawLine(QPointF(at, middle - 0.9 * thick), QPointF(at, middle + 0.9 * thick))


def ink_on(theme: Theme, role: str) -> str:
    """Return "background" or "text", whichever is easier to read on a colour of the palette."""

    def luma(name: str) -> float:
        color = theme.color(name)
        return 0.3 * color.redF() + 0.59 * color.greenF() + 0.11 * color.blueF()

    return max(("background", "text"), key=lambda name: abs(luma(name) - luma(role)))
