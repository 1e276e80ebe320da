"""Recording, the take so far, and the music player."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from dancecoach.types import MusicState
from dancecoach.ui.overlays.base import LEFT, RIGHT, Scene, panel, write
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import clock_text, percent


class StatusOverlay:
    """The recording dot with its time, the score of the take, the place in the music."""

    def state(self, scene: Scene) -> object | None:
        """Return what is shown, times in whole tenths of a second."""
        snapshot, music, recording = scene.snapshot, scene.snapshot.music, scene.snapshot.recording
        playing = None if music is None else dataclasses.replace(music, position=round(music.position, 1))
        seconds = None if recording is None else int(recording.seconds)
        return playing, seconds, snapshot.synchrony_total, snapshot.music_heard, snapshot.sound_level

    def paint(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        """Paint what runs; leave out what does not."""
        panel(painter, rect, theme)
        unit = theme.px(1.0)
        inner = rect.adjusted(1.6 * unit, 0.8 * unit, -1.6 * unit, -0.8 * unit)
        upper = QRectF(inner.left(), inner.top(), inner.width(), inner.height() * 0.46)
        lower = QRectF(inner.left(), upper.bottom(), inner.width(), inner.height() * 0.54)
        self._recording(painter, upper, scene, theme)
        music = scene.snapshot.music
        if music is not None:
            self._music(painter, lower, music, theme)
        else:
            self._sound(painter, lower, scene, theme)

    def _recording(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        snapshot = scene.snapshot
        left = QRectF(rect.left(), rect.top(), rect.width() * 0.5, rect.height())
        radius = theme.px(1.5)
        if snapshot.recording is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("error"))
            painter.drawEllipse(QPointF(left.left() + radius, left.center().y()), radius, radius)
            place = left.adjusted(3.2 * radius, 0, 0, 0)
            write(painter, place, clock_text(snapshot.recording.seconds), theme, 5.2, "text", True, LEFT)
        else:
            write(painter, left, "not recording", theme, 3.0, "muted", False, LEFT)
        total = snapshot.synchrony_total
        if total is not None and total.msr is not None:
            place = QRectF(left.right(), rect.top(), rect.width() * 0.5, rect.height())
            write(painter, place, f"take {percent(total.msr)}", theme, 4.0, "text", False, RIGHT)

    def _music(self, painter: QPainter, rect: QRectF, music: MusicState, theme: Theme) -> None:
        unit = theme.px(1.0)
        line = QRectF(rect.left(), rect.top(), rect.width(), rect.height() * 0.52)
        speed = "" if abs(music.speed - 1.0) < 0.005 else f"{round(100 * music.speed)} % · "
        state = "count-in · " if music.counting_in else "" if music.playing else "paused · "
        text = speed + state + (music.title or Path(music.path).stem)
        painter.setFont(theme.font(3.2))
        painter.setPen(theme.color("text"))
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, LEFT, text)
        lower = QRectF(rect.left(), line.bottom(), rect.width(), rect.height() * 0.48)
        times = QRectF(lower.left() + lower.width() * 0.62, lower.top(), lower.width() * 0.38, lower.height())
        place = f"{clock_text(music.position)} / {clock_text(music.duration)}"
        write(painter, times, place, theme, 2.8, "muted", False, RIGHT)
        bar = QRectF(lower.left(), lower.center().y() - 0.6 * unit, lower.width() * 0.58, 1.2 * unit)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = bar.height() / 2
        painter.setBrush(theme.color("line"))
        painter.drawRoundedRect(bar, radius, radius)
        if music.duration <= 0:
            return
        if music.loop is not None:
            start, stop = (min(max(bound / music.duration, 0.0), 1.0) for bound in music.loop)
            painter.setBrush(theme.color("early"))
            left, wide = bar.left() + start * bar.width(), (stop - start) * bar.width()
            painter.drawRect(QRectF(left, bar.bottom() + 0.4 * unit, wide, 0.7 * unit))
        done = min(max(music.position / music.duration, 0.0), 1.0) * bar.width()
        painter.setBrush(theme.color("accent"))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(done, bar.height()), bar.height()), radius, radius)

    def _sound(self, painter: QPainter, rect: QRectF, scene: Scene, theme: Theme) -> None:
        snapshot = scene.snapshot
        line = QRectF(rect.left(), rect.top(), rect.width(), rect.height() * 0.5)
        text = "hearing music" if snapshot.music_heard else "no music heard"
        write(painter, line, text, theme, 3.2, "text" if snapshot.music_heard else "muted", False, LEFT)
        if snapshot.sound_level is None:
            return
        bar = QRectF(rect.left(), line.bottom() + rect.height() * 0.12, rect.width(), rect.height() * 0.22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        radius = bar.height() / 2
        painter.drawRoundedRect(bar, radius, radius)
        # Root mean square on a scale of decibels, as on any mixer: −60 dB is the left end.
        level = min(max(1.0 + 20.0 * math.log10(max(snapshot.sound_level, 1e-6)) / 60.0, 0.0), 1.0)
        painter.setBrush(theme.color("good"))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), level * bar.width(), bar.height()), radius, radius)
