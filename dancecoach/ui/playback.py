"""Replay of a session in time: led by its sound where there is a loudspeaker, by a timer else."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtMultimedia import QAudioOutput, QMediaDevices, QMediaPlayer, QVideoSink

log = logging.getLogger(__name__)

_DRIFT = 0.08  # seconds between sound and cursor before the cursor follows the sound
_VIDEO_DRIFT = 0.15


class Playback(QObject):
    """Plays from 0 to `duration` seconds of a session.

    Attributes
    ----------
    moved : Signal
        The new position, seconds, while playing and after a seek.
    changed : Signal
        True when it starts playing, False when it stops.
    """

    moved = Signal(float)
    changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.position, self.duration, self.playing = 0.0, 0.0, False
        self.sink = QVideoSink(self)
        self._started = (0.0, 0.0)
        self._sound: QMediaPlayer | None = None
        self._video: QMediaPlayer | None = None
        self._starts = (0.0, 0.0)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(16)
        self._timer.timeout.connect(self._tick)

    def open(
        self,
        duration: float,
        audio: Path | None = None,
        audio_start: float = 0.0,
        video: Path | None = None,
        video_start: float = 0.0,
    ) -> None:
        """Load a session; its files start at the given session times, seconds."""
        self.close()
        self.duration, self._starts = duration, (audio_start, video_start)
        if audio is not None and QMediaDevices.audioOutputs():
            self._sound = QMediaPlayer(self)
            self._sound.setAudioOutput(QAudioOutput(self._sound))
            self._sound.setSource(QUrl.fromLocalFile(str(audio)))
        if video is not None:
            self._video = QMediaPlayer(self)
            self._video.setVideoSink(self.sink)
            self._video.setSource(QUrl.fromLocalFile(str(video)))
            self._video.pause()
        self.seek(0.0)

    def close(self) -> None:
        """Stop and let go of the files."""
        self.pause()
        for player in (self._sound, self._video):
            if player is not None:
                player.stop()
                player.setSource(QUrl())
                player.deleteLater()
        self._sound = self._video = None

    def play(self) -> None:
        """Play on, from the start once the end was reached."""
        if self.duration <= 0:
            return
        if self.position >= self.duration:
            self.position = 0.0
        self.playing = True
        self._started = (time.perf_counter(), self.position)
        self._cue()
        self._timer.start()
        self.changed.emit(True)

    def pause(self) -> None:
        """Hold."""
        was, self.playing = self.playing, False
        self._timer.stop()
        for player in (self._sound, self._video):
            if player is not None:
                player.pause()
        if was:
            self.changed.emit(False)

    def seek(self, position: float) -> None:
        """Go to `position` seconds."""
        self.position = min(max(position, 0.0), self.duration)
        self._started = (time.perf_counter(), self.position)
        self._cue()
        self.moved.emit(self.position)

    def _cue(self) -> None:
        """Bring the players to the position."""
        for player, start in zip((self._sound, self._video), self._starts, strict=True):
            if player is None:
                continue
            inside = self.position - start
            player.setPosition(max(0, round(1000 * inside)))
            if self.playing and inside >= 0:
                player.play()
            else:
                player.pause()

    def _tick(self) -> None:
        started, origin = self._started
        self.position = min(origin + time.perf_counter() - started, self.duration)
        self._follow_sound()
        self._lead_video()
        self.moved.emit(self.position)
        if self.position >= self.duration:
            self.pause()

    def _follow_sound(self) -> None:
        sound = self._sound
        if sound is None or self.position < self._starts[0]:
            return
        if sound.playbackState() == QMediaPlayer.PlaybackState.PlayingState:
            heard = self._starts[0] + sound.position() / 1000.0
            if sound.position() > 0 and abs(heard - self.position) > _DRIFT:
                self.position = min(heard, self.duration)
                self._started = (time.perf_counter(), heard)
        elif sound.mediaStatus() not in (QMediaPlayer.MediaStatus.EndOfMedia, QMediaPlayer.MediaStatus.InvalidMedia):
            sound.play()

    def _lead_video(self) -> None:
        video = self._video
        inside = self.position - self._starts[1]
        if video is None or inside < 0 or video.mediaStatus() == QMediaPlayer.MediaStatus.EndOfMedia:
            return
        if abs(video.position() / 1000.0 - inside) > _VIDEO_DRIFT:
            video.setPosition(round(1000 * inside))
        if video.playbackState() != QMediaPlayer.PlaybackState.PlayingState:
            video.play()
