"""The count with its beat pulse, a dot for each count, and the tempo."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from dancecoach.types import SURE, BeatGrid, cycle_of, downbeats_of
from dancecoach.ui.overlays.base import CENTER, LEFT, Scene, panel, write
from dancecoach.ui.theme import LARGE_TYPE, Theme, font_of, text_width
from dancecoach.ui.words import UNKNOWN, count_at, level_tag, with_msr

_PULSE_STEPS = 32


class CountOverlay:
    """The number to dance on; its frame lights up on the beat and fades before the next."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown; between the pulses nothing changes."""
        grid = scene.snapshot.beat_grid
        now = count_at(grid, scene.seen_at)
        shown = None if grid is None else (_tempo_text(grid, now), grid.beats_per_bar, _unsure(grid))
        return (None if now is None else now[0], _pulse_of(now), shown, _head_words(scene, now is not None))

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint the count of the moment at which the screen shows it."""
        grid = scene.snapshot.beat_grid
        now = count_at(grid, scene.seen_at)
        panel(painter, rect, theme)
        self._pulse(painter, rect, now, theme)
        # The labels keep their size in large type, for the number to grow.
        unit = theme.unit
        head = QRectF(rect.left() + 1.6 * unit, rect.top() + 0.9 * unit, rect.width() - 3.2 * unit, 4.4 * unit)
        tempo = QRectF(head.left(), rect.bottom() - 8.8 * unit, head.width(), 7.8 * unit)
        dots = QRectF(head.left(), tempo.top() - 4.4 * unit, head.width(), 3.8 * unit)
        digit = QRectF(rect.left(), head.bottom(), rect.width(), dots.top() - head.bottom())
        self._head(painter, head, scene, theme, now is not None)
        self._digit(painter, digit, now, theme, grid is not None and _unsure(grid))
        self._dots(painter, dots, now, theme, 4 if grid is None else grid.beats_per_bar)
        self._tempo(painter, tempo, _tempo_text(grid, now), theme)

    def _tempo(self, painter: QPainter, rect: QRectF, text: str, theme: Theme) -> None:
        size = 7.6 / (LARGE_TYPE if theme.large else 1.0)
        word = 4.0 / (LARGE_TYPE if theme.large else 1.0)
        gap = theme.unit
        wide = text_width(text, theme.px(size), True)
        total = wide + gap + text_width("BPM", theme.px(word), False)
        left = rect.center().x() - total / 2
        write(painter, QRectF(left, rect.top(), wide + 1, rect.height()), text, theme, size, "text", True, LEFT)
        place = QRectF(left + wide + gap, rect.top() + 1.4 * theme.unit, total, rect.height() - 1.4 * theme.unit)
        write(painter, place, "BPM", theme, word, "muted", False, LEFT)

    def _pulse(self, painter: QPainter, rect: QRectF, now: tuple[int, float] | None, theme: Theme) -> None:
        """Light up the frame on the beat; it fades before the next."""
        pulse = _pulse_of(now)
        if pulse == 0.0:
            return
        width = theme.unit * (0.4 + 1.4 * pulse)
        painter.setPen(QPen(theme.color("accent", round(255 * min(1.0, 0.25 + pulse))), width))
        painter.setBrush(theme.color("accent", round(60 * pulse)))
        inside = rect.adjusted(width / 2, width / 2, -width / 2, -width / 2)
        painter.drawRoundedRect(inside, 1.2 * theme.unit, 1.2 * theme.unit)

    def _head(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme, known: bool) -> None:
        small = 3.2 / (LARGE_TYPE if theme.large else 1.0)
        state, tag = _head_words(scene, known)
        write(painter, rect.adjusted(0, 0, -rect.width() * 0.42, 0), state, theme, small, "muted")
        if tag:
            pill = QRectF(rect.right() - rect.width() * 0.52, rect.top(), rect.width() * 0.52, rect.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
            inside = pill.adjusted(pill.height() / 2, 0, -pill.height() / 2, 0)
            write(painter, inside, tag, theme, small, "background", True, CENTER)

    def _digit(
        self, painter: QPainter, rect: QRectF, now: tuple[int, float] | None, theme: Theme, unsure: bool
    ) -> None:
        # Digits are about 0.73 of the font's size high and 0.7 wide: fill the place with them.
        pixels = int(min(rect.height() * 1.3, rect.width() * 1.25))
        painter.setFont(font_of(pixels, True))
        if now is None:
            painter.setPen(theme.color("muted"))
            painter.drawText(rect, CENTER | Qt.TextFlag.TextDontClip, UNKNOWN)
            return
        painter.setPen(theme.color("muted" if unsure else "accent" if now[0] == 1 else "text"))
        # A font's height counts descenders, which digits have not: put their middle in the middle.
        baseline = rect.center().y() + QFontMetricsF(painter.font()).capHeight() / 2
        left = rect.center().x() - text_width(str(now[0]), pixels, True) / 2
        painter.drawText(QPointF(left, baseline), str(now[0]))

    def _dots(
        self, painter: QPainter, rect: QRectF, now: tuple[int, float] | None, theme: Theme, beats_per_bar: int
    ) -> None:
        cycle, downbeats = cycle_of(beats_per_bar), downbeats_of(beats_per_bar)
        step = rect.width() / cycle
        radius = min(step * 0.3, rect.height() * 0.38)
        painter.setPen(Qt.PenStyle.NoPen)
        for count in range(1, cycle + 1):
            center = QPointF(rect.left() + (count - 0.5) * step, rect.center().y())
            current = now is not None and now[0] == count
            painter.setBrush(theme.color("accent" if current else "line"))
            size = radius * (1.45 if current else 1.15 if count in downbeats else 0.9)
            painter.drawEllipse(center, size, size)


def _pulse_of(now: tuple[int, float] | None) -> float:
    """Return how bright the frame is, 0…1 in steps that the eye does not tell apart."""
    pulse = 0.0 if now is None else max(0.0, 1.0 - now[1] / 0.5) ** 2
    return round(pulse * _PULSE_STEPS) / _PULSE_STEPS


def _unsure(grid: BeatGrid) -> bool:
    return grid.coasting or grid.confidence < SURE


def _tempo_text(grid: BeatGrid | None, now: tuple[int, float] | None) -> str:
    return UNKNOWN if now is None or grid is None else f"{grid.tempo:.0f}"


def _head_words(scene: Scene, known: bool) -> tuple[str, str]:
    """Return what is said above the count: how it is known, and the level of the synchrony or nothing."""
    snapshot = scene.snapshot
    synchrony = with_msr(snapshot.synchrony_32, snapshot.synchrony_8)
    tag = level_tag(synchrony.level) if synchrony is not None else ""
    grid = snapshot.beat_grid
    state = "count"
    if known and grid is not None:
        if grid.coasting:
            state = "running on"
        elif grid.confidence < SURE:
            state = "not sure yet"
        elif snapshot.music is not None and snapshot.music.counting_in:
            state = "count-in"
    elif snapshot.music_heard:
        state = "listening"
    return state, tag
