"""The music player: exact knowledge of which second of the music is in the air at any moment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dancecoach.clock import Clock
from dancecoach.errors import SourceError
from dancecoach.sources.media import MediaFileError, read_audio
from dancecoach.sources.output import DeviceOutput, Output, SilentOutput
from dancecoach.sources.player_core import FASTEST, FIRST_SPAN, KEEP, SPAN, PlayerCore
from dancecoach.sources.stretch import ProcessStretcher, stretch
from dancecoach.sources.timeline import Span
from dancecoach.types import Floats, MusicState

log = logging.getLogger(__name__)

LEAD = 0.35  # seconds rendered ahead of the device
MARGIN = 0.04  # seconds that a command leaves to the device untouched
STRETCHED_MARGIN = 0.12  # the same when the music must be stretched before it can go on
REFILL = 0.02  # seconds between two looks at the ring
LONGEST_MUSIC = 3600.0  # seconds held in memory
SILENT_RATE = 44100
LEVEL_SECONDS = 0.05


class MusicPlayer:
    """Plays a music file; all methods may be called from any thread.

    Times are clock seconds at which a sample leaves the sound card by the driver's account; what comes after
    it (Bluetooth, a television) is the caller's audio output latency or music offset.

    Parameters
    ----------
    path : str or Path
    clock : Clock
    output_name : str
        Part of a name of `list_audio_outputs`, "" for the default.
    silent : bool
        True needs no sound card: the music runs on the clock and is not heard.

    Attributes
    ----------
    lost : SourceError or None
        Set when the sound card went away; the music then runs on silently. `open` again to go back to it.
    """

    def __init__(self, path: str | Path, clock: Clock, output_name: str = "", silent: bool = False) -> None:
        self.path = Path(path)
        self.title = self.path.stem
        self.output_name = output_name
        self.silent = silent
        self.lost: SourceError | None = None
        self._clock = clock
        self._lock = threading.RLock()
        self._stretcher = ProcessStretcher()
        self._core: PlayerCore | None = None
        self._output: Output | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._count_in = False
        self._clicks: tuple[tuple[float, ...], tuple[bool, ...]] = ((), ())

    def open(self) -> None:
        """Decode the music and start the output (paused); raises SourceError with a remedy.

        Takes about a second for each five minutes of music: call it from a worker.
        """
        self.close()
        output: Output
        if self.silent:
            rate = SILENT_RATE
            core = self._load(rate)
            output = SilentOutput(self._clock, rate)
        else:
            device = DeviceOutput(self.output_name, self._clock, channels=2)
            core = self._load(device.sample_rate)
            self.output_name, output = device.device.name, device
        with self._lock:
            self._core, self._output, self.lost = core, output, None
            self._fill()
        if isinstance(output, DeviceOutput):
            try:
                output.start()
            except SourceError:
                self.close()
                raise
        self._stopping.clear()
        if not self.silent:
            self._thread = threading.Thread(target=self._run, name="music player", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Release everything; harmless when not open."""
        self._stopping.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        with self._lock:
            output, self._output, self._core = self._output, None, None
        if output is not None:
            output.close()
        self._stretcher.close()

    @property
    def duration(self) -> float:
        """Seconds of music; 0 when not open."""
        core = self._core
        return 0.0 if core is None else core.duration

    @property
    def resumes_at(self) -> float:
        """Second of the music at which `play` goes on, also right after `seek`; 0 when not open."""
        with self._lock:
            core = self._core
            return 0.0 if core is None else core.resumes_at

    @property
    def underruns(self) -> int:
        """How often the device wanted samples that were not there."""
        output = self._output
        return 0 if output is None else output.underruns

    def play(self) -> None:
        """Go on from the position, after the count-in if one is switched on and scheduled; at the end start over."""
        with self._lock:
            core = self._begin()
            if core is None or core.playing:
                return
            if core.ended:
                core.seek(0.0 if core.loop is None else core.loop[0])
            if self._count_in:
                core.count_in(*self._clicks)
            self._clicks = (), ()
            core.playing = True
            self._end()

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            core = self._begin()
            if core is not None:
                core.playing = False
                self._end()

    def seek(self, seconds: float) -> None:
        """Go to a second of the music."""
        with self._lock:
            core = self._begin()
            if core is not None:
                core.seek(seconds)
                self._end()

    def set_loop(self, start: float, stop: float) -> None:
        """Repeat [start, stop) seconds of the music."""
        with self._lock:
            core = self._begin()
            if core is not None:
                core.set_loop(start, stop)
                self._end()

    def clear_loop(self) -> None:
        """Play on beyond the loop."""
        with self._lock:
            core = self._begin()
            if core is not None:
                core.loop = None
                self._end()

    def set_speed(self, speed: float) -> None:
        """Set the speed, 0.5…1.1, without changing the pitch."""
        with self._lock:
            core = self._begin(stretching=True)
            if core is not None:
                core.set_speed(speed)
                self._end()
        if speed != 1.0 and not self.silent:
            self._stretcher.warm_up()

    def set_volume(self, volume: float) -> None:
        """Set the loudness, 0…1 (amplitude)."""
        with self._lock:
            core = self._begin()
            if core is not None:
                core.volume = min(max(volume, 0.0), 1.0)
                self._end()

    def set_count_in(self, on: bool) -> None:
        """Let `play` begin with the scheduled clicks."""
        self._count_in = on

    def schedule_count_in(self, click_times_music: Sequence[float], accents: Sequence[bool] = ()) -> None:
        """Prepare clicks for the next `play`: seconds of the music before its position (may be negative).

        They sound in the music's tempo and at its speed, once, also when a loop follows. `position_at` runs
        through these seconds meanwhile, so a beat grid that reaches before the start counts along.
        """
        self._clicks = tuple(click_times_music), tuple(accents)

    def position_at(self, time: float) -> float | None:
        """Return the second of the music in the air at a clock time; None when not open.

        Before the start of the music while counting in; stands still in pauses.
        """
        with self._lock:
            self._catch_up()
            if self._core is None or self._output is None:
                return None
            index = self._output.index_at(time)
            span = self._span_at(index)
            return None if span is None else self._limited(span, index)

    def time_of(self, music_seconds: float) -> float | None:
        """Return the clock time nearest to now at which a second of the music was or will be in the air.

        None when it was not lately and does not lie ahead.
        """
        now = self._clock.now()
        with self._lock:
            core = self._core
            if core is None:
                return None
            ahead = core.duration if core.loop is None else 2 * core.loop[1]  # all that can come before it repeats
            times, _ = self.times_of(np.array([music_seconds]), now - KEEP, now + ahead / core.speed + 1.0)
        return float(times[np.argmin(np.abs(times - now))]) if len(times) else None

    def times_of(self, music_seconds: Floats, start: float, stop: float) -> tuple[Floats, Floats]:
        """Return every moment in [start, stop) at which one of these seconds is in the air, loops included.

        Parameters
        ----------
        music_seconds : (K,) seconds of the music, ascending
        start, stop : float
            Clock seconds; what lies ahead is foretold as if nobody touched the player.

        Returns
        -------
        times : (M,) clock seconds, ascending
        which : (M,) positions in `music_seconds`
        """
        found: list[tuple[float, int]] = []
        with self._lock:
            self._catch_up()
            output = self._output
            if output is not None:
                first, last = output.index_at(start), output.index_at(stop)
                for span in self._spans_until(last):
                    if span.slope <= 0 or span.stop <= first:
                        continue
                    low = np.searchsorted(music_seconds, span.at(max(span.start, first)) - 1e-9)
                    high = np.searchsorted(music_seconds, span.at(min(span.stop, last)) - 1e-9)
                    for which in range(int(low), int(high)):
                        index = span.start + (float(music_seconds[which]) - span.music) / span.slope
                        found.append((output.time_of(index), which))
        times = np.array([time for time, _ in found])
        return times, np.array([which for _, which in found], dtype=np.float64)

    def state(self) -> MusicState | None:
        """Return what is heard at this moment; None when not open."""
        with self._lock:
            self._catch_up()
            core, output = self._core, self._output
            if core is None or output is None:
                return None
            index = output.index_at(self._clock.now())
            span = self._span_at(index)
            position = core.position if span is None else self._limited(span, index)
            return MusicState(
                path=str(self.path),
                title=self.title,
                position=min(max(position, 0.0), core.duration),
                duration=core.duration,
                playing=core.playing or (span is not None and span.slope > 0 and index < span.stop),
                speed=core.speed,
                loop=core.loop,
                counting_in=span is not None and span.counting_in,
            )

    def level(self) -> float:
        """Return the loudness of the music heard at this moment, RMS 0…1; 0 in pauses."""
        with self._lock:
            state = self.state()
            core = self._core
            if state is None or core is None or not state.playing or state.counting_in:
                return 0.0
            middle = round(state.position * core.sample_rate)
            half = round(0.5 * LEVEL_SECONDS * core.sample_rate)
            piece = core.music[max(0, middle - half) : middle + half]
            return float(np.sqrt(np.mean(piece**2)) * core.volume) if len(piece) else 0.0

    def sound(self, start: float, stop: float) -> tuple[Floats, int]:
        """Return the music between two of its seconds, mono (N,), and its sample rate, Hz; empty when not open."""
        core = self._core
        if core is None:
            return np.empty(0), SILENT_RATE
        rate = core.sample_rate
        piece = core.music[max(0, round(start * rate)) : max(0, round(stop * rate))]
        return np.asarray(piece.mean(axis=1) * core.volume, dtype=np.float64), rate

    def _load(self, rate: int) -> PlayerCore:
        samples, _ = read_audio(self.path, rate, mono=False, limit_seconds=LONGEST_MUSIC)
        if len(samples) == 0:
            raise MediaFileError(f"The file {self.path.name} has no sound in it.", "Choose another music file.")
        if samples.shape[1] == 1:
            samples = np.repeat(samples, 2, axis=1)
        if not self.silent:
            stretch(samples[:4096], rate, FASTEST)  # loads the library now, not at the first change of speed
        return PlayerCore(samples, rate, self._stretcher)

    def _begin(self, stretching: bool = False) -> PlayerCore | None:
        """Take back what the device has not taken, so that a command is heard at once; the lock is held."""
        self._catch_up()
        core, output = self._core, self._output
        if core is None or output is None:
            return None
        seconds = STRETCHED_MARGIN if stretching or core.speed != 1.0 else MARGIN
        margin = 0 if isinstance(output, SilentOutput) else round(seconds * output.sample_rate)
        index = output.taken() + margin
        if index < core.timeline.stop:
            output.cut(index)
            core.rewind(index)
        return core

    def _end(self) -> None:
        """Go on after a command; the lock is held."""
        if isinstance(self._output, SilentOutput):
            self._fill()
        else:
            self._wake.set()

    def _catch_up(self) -> None:
        """Without a device nobody fills in the background: do it when asked; the lock is held."""
        if isinstance(self._output, SilentOutput):
            self._fill()

    def _fill(self) -> None:
        """Lay down samples until LEAD ahead of the device; the lock is held."""
        core, output = self._core, self._output
        if core is None or output is None:
            return
        if isinstance(output, SilentOutput):
            core.skip(max(0, output.taken() + round(LEAD * output.sample_rate) - core.timeline.stop))
            return
        behind = output.taken() - core.timeline.stop
        if behind > 0:  # the device was faster: silence was heard, the music goes on where it broke off
            core.hold(behind + round(MARGIN * output.sample_rate))
        step = round(0.05 * output.sample_rate)
        while core.timeline.stop < output.taken() + round(LEAD * output.sample_rate):
            index = core.timeline.stop
            samples, _ = core.render(step)
            output.write(index, samples)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                output = self._output
                if output is None:
                    return
                if not output.update():
                    self._go_on_silently(output)
                    return
                self._fill()
                core = self._core
            if core is not None:
                core.span_seconds = SPAN if self._stretcher.ready else FIRST_SPAN
                core.prepare()
            self._wake.wait(REFILL)
            self._wake.clear()

    def _go_on_silently(self, output: Output) -> None:
        log.warning("the sound output %s is gone", self.output_name)
        self.lost = SourceError(
            f"The sound output '{self.output_name}' is gone.", "The music runs on silently; choose another output."
        )
        first = round(output.index_at(self._clock.now()))
        self._output = SilentOutput(self._clock, output.sample_rate, first)
        output.close()

    def _span_at(self, index: float) -> Span | None:
        core = self._core
        if core is None:
            return None
        if index >= core.timeline.stop:
            spans = self._spans_until(index + 1)
            return next((span for span in reversed(spans) if span.start <= index), None)
        return core.timeline.span_at(index)

    def _spans_until(self, last: float) -> tuple[Span, ...]:
        """Return what was laid down, and what would follow up to output sample `last`; the lock is held."""
        core = self._core
        if core is None:
            return ()
        spans = core.timeline.spans()
        missing = round(last) + 1 - core.timeline.stop
        return spans if missing <= 0 else (*spans, *core.foretell(missing))

    @staticmethod
    def _limited(span: Span, index: float) -> float:
        """Return the second of the music at a sample, no further than its span reaches."""
        return span.at(min(max(index, span.start), span.stop))
