"""The commands of the music player: play, loop, speed, offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QAbstractButton, QApplication

from dancecoach.config import MAX_OFFSET
from dancecoach.types import MusicState

if TYPE_CHECKING:
    from dancecoach.ui.main_window import MainWindow


class Transport:
    """What keys and bar do to the music; the main window's settings remember speed, offset and count-in."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._loop_start: float | None = None

    def _music(self) -> MusicState | None:
        music = self._window.coach.snapshot().music
        if music is None:
            self._window.say("No music is open.", "Open a music file with Music or Ctrl+O.")
        return music

    def toggle_playing(self) -> None:
        """Play or pause; with the keyboard on a button, press it."""
        focus = QApplication.focusWidget()
        if (
            isinstance(focus, QAbstractButton)
            and self._window.isAncestorOf(focus)
            and self._window.sender() is not self._window.bar
        ):
            focus.click()
            return
        music = self._music()
        if music is not None:
            (self._window.coach.pause if music.playing else self._window.coach.play)()

    def toggle_count_in(self) -> None:
        """Switch the count-in."""
        self._window.change(count_in=not self._window.settings.count_in)
        self._window.coach.set_count_in(self._window.settings.count_in)

    def mark_loop_start(self) -> None:
        """Remember where the loop starts."""
        music = self._music()
        if music is None:
            return
        self._loop_start = music.position
        if music.loop is not None and music.loop[1] > music.position:
            self._window.coach.set_loop(music.position, music.loop[1])
        else:
            self._window.say("The loop starts here.", "Press ] where it shall end.")

    def mark_loop_stop(self) -> None:
        """Loop from the remembered start, or the beginning, up to here."""
        music = self._music()
        if music is None:
            return
        start = self._loop_start if self._loop_start is not None else music.loop[0] if music.loop else 0.0
        if music.position <= start:
            self._window.say("The loop must end after its start.", "Press [ first, then ] later in the music.")
            return
        self._window.coach.set_loop(start, music.position)

    def clear_loop(self) -> None:
        """Play on past the loop."""
        self._loop_start = None
        self._window.coach.clear_loop()

    def slower(self) -> None:
        """Slow the music down by 5 %."""
        self.set_speed(self._window.settings.music_speed - 0.05)

    def faster(self) -> None:
        """Speed the music up by 5 %."""
        self.set_speed(self._window.settings.music_speed + 0.05)

    def set_speed(self, speed: float) -> None:
        """Play at `speed`, a share of the recorded tempo."""
        speed = round(min(max(speed, 0.5), 1.1), 2)
        self._window.change(music_speed=speed)
        self._window.attempt(lambda: self._window.coach.set_speed(speed))

    def offset_earlier(self) -> None:
        """Move the beats 10 ms earlier."""
        self.set_offset(self._window.settings.music_offset - 0.01)

    def offset_later(self) -> None:
        """Move the beats 10 ms later."""
        self.set_offset(self._window.settings.music_offset + 0.01)

    def set_offset(self, seconds: float) -> None:
        """Move the beats by `seconds`."""
        seconds = round(min(max(seconds, -MAX_OFFSET), MAX_OFFSET), 3)
        self._window.change(music_offset=seconds)
        self._window.attempt(lambda: self._window.coach.set_music_offset(seconds))
