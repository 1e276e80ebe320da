"""The listening worker's work: sound in, beats out; or the beats of the music played here."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dancecoach.clock import Clock
from dancecoach.errors import DancecoachError, SourceError, SourceLost
from dancecoach.loop.capture import start_together
from dancecoach.loop.music import Music
from dancecoach.loop.timing import Timers
from dancecoach.perception.beats import BeatTracker, default_tracker
from dancecoach.session.replay import open_audio
from dancecoach.sources.base import AudioSource, EndOfStream
from dancecoach.types import AudioBlock, Beat, BeatGrid, MusicState, Notice

log = logging.getLogger(__name__)

_RETRY = 1.0  # s between attempts to open a source
_STALLED = 1.5  # s without a sample that the person should know of
_GRID_EVERY = 0.05  # s between two looks at the player

Deliver = Callable[[AudioBlock | None, Sequence[Beat]], None]


class Listener:
    """Hears the room and, when there is one, knows the music that is played here.

    While a piece is playing its own beats are used; otherwise those tracked in the sound that is heard.

    Parameters
    ----------
    clock : Clock
    deliver : callable
        Takes (block or None, beats that were announced or have sounded).
    notify : callable
        Takes (about, notice or None).
    timers : Timers
        Gets the stage "beats".
    start_line : callable
        Gives the clock time at which files start.
    tracker : BeatTracker, optional
        The streaming tracker.
    """

    def __init__(
        self,
        clock: Clock,
        deliver: Deliver,
        notify: Callable[[str, Notice | None], None],
        timers: Timers,
        start_line: Callable[[], float],
        tracker: BeatTracker | None = None,
    ) -> None:
        self._clock = clock
        self._start_line = start_line
        self._deliver = deliver
        self._notify = notify
        self._timers = timers
        self._tracker: BeatTracker = tracker or default_tracker()
        self._wanted = ""
        self._changed = threading.Event()
        self._wake = threading.Event()
        self._source: AudioSource | None = None
        self._ended = False
        self._last_block: float | None = None
        self._next_try = -np.inf
        self._music: Music | None = None
        self._loading: threading.Thread | None = None
        self._load_number = 0
        self._commands: deque[Callable[[], None]] = deque()
        self._speed = 1.0
        self._count_in = True
        self._output_delay = 0.0
        self._offset = 0.0
        self._recorded_until = -np.inf
        self._played_until: float | None = None
        self._played_index = 0
        self._troubled = False
        self.grid: BeatGrid | None = None
        self.name = ""

    # --- commands, from any thread ------------------------------------------------------------------------------

    def use(self, spec: str) -> None:
        """Switch to another input; carried out by the next step."""
        self._wanted = spec
        self._ended = False
        self._changed.set()
        self.interrupt()

    def set_delay(self, output: float, offset: float) -> None:
        """Set the loudspeaker's delay and the offset by hand, seconds; both move the music's beats later."""
        self._output_delay, self._offset = output, offset

    def load_music(self, path: Path, title: str = "") -> None:
        """Decode and analyse `path` in the background, then get ready to play it; `title` is by default its name."""
        self._load_number += 1
        number = self._load_number
        self._notify("music", Notice("analysing", f"Analysing {title or path.stem}", level="info"))

        def load() -> None:
            music = Music(path, self._clock)
            try:
                music.set_count_in(self._count_in)
                music.open()
                music.player.title = title or path.stem
                music.player.set_speed(self._speed)
            except DancecoachError as error:
                music.close()
                if number == self._load_number:
                    self._notify("music", Notice("music_unreadable", error.problem, error.remedy, "error"))
                return
            if number != self._load_number:
                music.close()
                return
            old, self._music = self._music, music
            if old is not None:
                old.close()
            problem = music.notice
            if problem is None and music.analysed is None:
                problem = Notice("no_beat_in_music", f"No beat was found in {path.stem}", "Tap T on the beat.")
            self._notify("music", problem)

        self._loading = threading.Thread(target=load, name="dancecoach analyse music", daemon=True)
        self._loading.start()

    def wait_loaded(self, timeout: float) -> bool:
        """Return True once the piece asked for is ready (or failed)."""
        loading = self._loading
        if loading is not None:
            loading.join(timeout)
            return not loading.is_alive()
        return True

    def unload_music(self) -> None:
        """Take the music out of the player."""
        self._load_number += 1
        music, self._music = self._music, None
        if music is not None:
            music.close()
        self._notify("music", None)

    def play(self, counted_in: bool = True) -> None:
        """Play the music that is ready, after the count-in if that is switched on and `counted_in`."""
        if self._music is not None:
            self._music.play(counted_in)

    def pause(self) -> None:
        """Pause the music."""
        if self._music is not None:
            self._music.player.pause()

    def seek(self, seconds: float) -> None:
        """Jump to `seconds` of the music."""
        if self._music is not None:
            self._music.player.seek(seconds)

    def set_speed(self, speed: float) -> None:
        """Play at `speed`, 0.5…1.1."""
        self._speed = speed
        if self._music is not None:
            self._music.player.set_speed(speed)

    def set_loop(self, start: float, stop: float) -> None:
        """Repeat the music between two positions, seconds."""
        if self._music is not None:
            self._music.player.set_loop(start, stop)

    def clear_loop(self) -> None:
        """Play on past the loop."""
        if self._music is not None:
            self._music.player.clear_loop()

    def set_count_in(self, on: bool) -> None:
        """Count in before the music starts."""
        self._count_in = on
        if self._music is not None:
            self._music.set_count_in(on)

    def set_the_one(self, now: float) -> None:
        """Call the beat nearest to `now` the one."""
        music, grid = self._music, self.grid
        if music is not None and grid is not None and grid.source == "analysed":
            nearest = int(np.argmin(np.abs(grid.beat_times - now)))
            music.rotate((1 - int(grid.counts[nearest])) % grid.cycle)
        else:
            self._commands.append(lambda: self._tracker.set_the_one(now))

    def tap(self, now: float) -> None:
        """Take one tap of the tempo."""
        self._commands.append(lambda: self._tracker.tap(now))

    def scale_tempo(self, factor: float) -> None:
        """Count `factor` times as fast (0.5 or 2)."""
        if self._music is not None and self.grid is not None and self.grid.source == "analysed":
            self._music.scale_tempo(factor)
        else:
            self._commands.append(lambda: self._tracker.scale_tempo(factor))

    def forget_taps(self) -> None:
        """Go back to the music heard."""
        self._commands.append(self._tracker.reset)

    def interrupt(self) -> None:
        """Wake a waiting step."""
        self._wake.set()
        source = self._source
        if source is not None:
            source.close()

    # --- state --------------------------------------------------------------------------------------------------

    @property
    def listening(self) -> bool:
        """Whether there is an input or a piece of music."""
        return self._source is not None or self._music is not None

    @property
    def hears(self) -> bool:
        """Whether there is an input."""
        return self._source is not None

    @property
    def troubled(self) -> bool:
        """Whether a notice already says why nothing is heard."""
        return self._troubled and self._music is None

    @property
    def music_heard(self) -> bool:
        """Whether music is in the air."""
        state = self.music_state()
        if state is not None and state.playing:
            return True
        return self._source is not None and self._tracker.music_heard

    @property
    def level(self) -> float | None:
        """Loudness of what is heard, root mean square 0…1; None without an input."""
        if self._music is not None and (state := self._music.state()) is not None and state.playing:
            return self._music.player.level()
        return self._tracker.level if self._source is not None else None

    def music_state(self) -> MusicState | None:
        """Return what the player is doing; None without music."""
        return self._music.state() if self._music is not None else None

    def position_at(self, time: float) -> float | None:
        """Return the second of the music in the air at `time` (clock); None without music."""
        music = self._music
        return None if music is None else music.player.position_at(time - self._output_delay)

    # --- the worker ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Hear what there is, publish the beat grid."""
        if self._changed.is_set():
            self._changed.clear()
            self._close_source()
            self._next_try = -np.inf
        while self._commands:
            self._commands.popleft()()
        block, announced = self._hear()
        played = self._music_grid()
        if played is not None:
            self.grid = played
            self._deliver(block or self._played_sound(), self._sounded(played))
            return
        self._played_until = None
        self.grid = self._tracker.grid() if self._source is not None or self._ended else None
        self._deliver(block, announced)

    def close(self) -> None:
        """Release the input and the player."""
        self._close_source()
        self.unload_music()
        loading = self._loading
        if loading is not None:
            loading.join(10.0)
            self.unload_music()

    def _close_source(self) -> None:
        source, self._source = self._source, None
        self._last_block = None
        self._tracker.reset()
        if source is not None:
            source.close()

    def _hear(self) -> tuple[AudioBlock | None, Sequence[Beat]]:
        if self._source is None:
            self._open()
            if self._source is None:
                self._wake.wait(_GRID_EVERY)
                self._wake.clear()
                return None, ()
        assert self._source is not None
        try:
            block = self._source.read(_GRID_EVERY)
        except EndOfStream:
            if self._changed.is_set():
                return None, ()  # another input is wanted already
            self._ended = True
            source, self._source = self._source, None
            source.close()
            self._notify("audio", Notice("sound_ended", "The sound file has ended", "Choose another input.", "info"))
            return None, ()
        except SourceLost as error:
            if self._changed.is_set():
                return None, ()
            log.warning("audio lost: %s", error)
            self._close_source()
            self._trouble(Notice("audio_lost", error.problem, error.remedy, "error"))
            return None, ()
        now = self._clock.now()
        if block is None:
            if self._last_block is not None and now - self._last_block > _STALLED:
                self._trouble(Notice("audio_stalled", "No sound is coming from the microphone", "Check its cable."))
            return None, ()
        self._last_block = now
        if self._troubled:
            self._trouble(None)
        with self._timers["beats"].measure():
            announced = self._tracker.step(block)
        return block, announced

    def _open(self) -> None:
        now = self._clock.now()
        if self._wanted == "none" or self._ended or now < self._next_try:
            if self._wanted == "none":
                self.name = ""
                self._trouble(None)
            return
        self._next_try = now + _RETRY
        try:
            source = open_audio(self._wanted, self._clock)
            self.name = source.name
            source.open()
            self.name = source.name
        except SourceError as error:
            self._trouble(Notice("no_microphone", error.problem, error.remedy))
            return
        start_together(source, self._start_line)
        self._source = source
        self._trouble(None)

    def _trouble(self, notice: Notice | None) -> None:
        self._troubled = notice is not None
        self._notify("audio", notice)

    def _music_grid(self) -> BeatGrid | None:
        music = self._music
        if music is None:
            return None
        if music.player.lost is not None and music.notice is None:
            music.notice = Notice("output_lost", music.player.lost.problem, music.player.lost.remedy, "error")
            self._notify("music", music.notice)
        return music.grid(self._output_delay + self._offset)

    def _played_sound(self) -> AudioBlock | None:
        """Return the music since the last call, where there is no microphone to record it with."""
        now, music = self._clock.now() - self._output_delay, self._music
        since, self._played_until = self._played_until, now
        if self._source is not None or music is None or since is None or not 0.001 < now - since < 1.0:
            return None
        block = music.sound_between(since, now, self._played_index)
        self._played_index += len(block.samples)
        return block

    def _sounded(self, grid: BeatGrid) -> list[Beat]:
        """Return the beats of the music that have sounded since the last call, for the recording."""
        now = self._clock.now()
        since = max(self._recorded_until, now - 1.0)
        fresh = (grid.beat_times > since) & (grid.beat_times <= now)
        self._recorded_until = now
        return [
            Beat(float(time), int(count), int(count) in grid.downbeats, grid.tempo, grid.confidence, float(time))
            for time, count in zip(grid.beat_times[fresh], grid.counts[fresh], strict=True)
        ]
