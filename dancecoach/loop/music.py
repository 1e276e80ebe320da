"""The music the application plays itself: its beats, analysed ahead, on the clock."""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path

import numpy as np

from dancecoach.clock import Clock
from dancecoach.config import cache_folder
from dancecoach.errors import DancecoachError, SourceError
from dancecoach.perception.beat_analysis import read_beats
from dancecoach.perception.beat_cache import analyse_once
from dancecoach.sources.media import read_audio
from dancecoach.sources.player import MusicPlayer
from dancecoach.types import AudioBlock, BeatGrid, MusicState, Notice

log = logging.getLogger(__name__)

_AHEAD = 12.0  # s of beats foretold
_MEMORY = 512  # beats
RECORDED_RATE = 22_050  # Hz


class Music:
    """A loaded piece: player, beats, and the beats' places on the clock.

    Made in a worker (decoding and analysis take seconds); the commands may come from any thread.

    Parameters
    ----------
    path : Path
        Music file. A `.beats` file of the same name beside it is believed instead of the analysis.
    clock : Clock
    output_name : str
        Loudspeaker, empty for the default.
    silent : bool
        Run on the clock without a sound card.
    """

    def __init__(self, path: Path, clock: Clock, output_name: str = "", silent: bool = False) -> None:
        self.path = path
        self._clock = clock
        self.player = MusicPlayer(path, clock, output_name, silent)
        self.notice: Notice | None = None
        self._beats: BeatGrid | None = None
        self._past: deque[tuple[float, int]] = deque(maxlen=_MEMORY)
        self._lock = threading.Lock()
        self._count_in = False
        self._unscaled: tuple[BeatGrid, float] | None = None  # before the tempo was last scaled, by which factor

    def open(self) -> None:
        """Decode, analyse and get ready to play; without a sound card the music runs silently and a notice says so.

        Raises SourceError when the file is not music.
        """
        try:
            self.player.open()
        except SourceError as error:
            if self.player.silent:
                raise
            self.player.close()
            self.player = MusicPlayer(self.path, self._clock, silent=True)
            self.player.open()  # raises again when it is the file that is broken
            self.notice = Notice("no_sound_card", error.problem, "The music runs silently.")
        self.player.set_count_in(self._count_in)
        self._beats = self._find_beats()

    def _find_beats(self) -> BeatGrid | None:
        beside = self.path.with_suffix(".beats")
        if beside.exists():
            try:
                return read_beats(beside)
            except DancecoachError as error:
                log.warning("%s", error)
        samples, rate = read_audio(self.path, 22050, mono=True)
        return analyse_once(samples[:, 0] if samples.ndim == 2 else samples, rate, cache_folder())

    def close(self) -> None:
        """Stop and release the player."""
        self.player.close()

    def state(self) -> MusicState | None:
        """Return what the player is doing."""
        return self.player.state()

    @property
    def analysed(self) -> BeatGrid | None:
        """The beats in seconds of the music."""
        return self._beats

    def set_count_in(self, on: bool) -> None:
        """Count in before the music starts: eight, or six in bars of three or six."""
        self._count_in = on
        self.player.set_count_in(on)

    def play(self, counted_in: bool = True) -> None:
        """Play, after a count-in in the music's own tempo when that is switched on and `counted_in`."""
        state = self.player.state()
        if counted_in and self._count_in and state is not None and self._beats is not None:
            position = self.player.resumes_at
            if position >= state.duration - 0.01:  # starts over
                position = state.loop[0] if state.loop is not None else 0.0
            times = _count_in_times(self._beats, position)
            self.player.schedule_count_in(times, [index + 1 in self._beats.downbeats for index in range(len(times))])
        self.player.play()

    def forget(self) -> None:
        """Forget the beats that have sounded (after a jump in the clock or a new take)."""
        with self._lock:
            self._past.clear()

    def rotate(self, steps: int) -> None:
        """Add `steps` to every count."""
        beats = self._beats
        if beats is None:
            return  # nothing has sounded either
        self._beats = _rotated(beats, steps)
        self._unscaled = None
        with self._lock:
            past = [(time, (count - 1 + steps) % beats.cycle + 1) for time, count in self._past]
            self._past.clear()
            self._past.extend(past)

    def scale_tempo(self, factor: float) -> None:
        """Count `factor` times as fast: 2 puts a beat between any two, 0.5 keeps those with odd counts.

        A one stays a one. Bars of three stay bars of three, each then half or twice as long in the music.
        Scaling back brings the same counts back. What would leave fewer than two beats is not done.
        """
        beats = self._beats
        if beats is None:
            return
        if self._unscaled is not None and self._unscaled[1] * factor == 1.0:
            self._beats, self._unscaled = self._unscaled[0], None
        else:
            scaled = _scaled(beats, factor)
            if len(scaled.beat_times) < 2:
                return
            self._beats, self._unscaled = scaled, (beats, factor)
        self.forget()

    def sound_between(self, since: float, until: float, index: int) -> AudioBlock:
        """Return what was in the air between two clock times, for a recording without a microphone.

        Mono at 22,050 Hz; silence where the music stood still or jumped. `index` is that of the block's first sample.
        """
        count = max(1, round((until - since) * RECORDED_RATE))
        samples = np.zeros(count)
        start, stop = self.player.position_at(since), self.player.position_at(until)
        if start is not None and stop is not None and 0 < stop - start < 2 * (until - since):
            piece, rate = self.player.sound(start, stop)
            if len(piece) > 1:
                wanted = np.linspace(start, stop, count, endpoint=False)
                at = (round(max(start, 0.0) * rate) + np.arange(len(piece))) / rate
                samples = np.interp(wanted, at, piece, left=0.0)
        return AudioBlock(since, index, samples[:, None].astype(np.float32), RECORDED_RATE)

    def grid(self, delay: float) -> BeatGrid | None:
        """Return the beats on the clock, past and foretold; None while the music stands still.

        Parameters
        ----------
        delay : float
            Seconds from the sound card to the air, plus the offset set by hand.
        """
        beats, state = self._beats, self.player.state()
        if beats is None or state is None or not state.playing:
            return None
        now = self._clock.now()
        with self._lock:
            since = self._past[-1][0] - delay + 0.05 if self._past else now - 0.5
            times, which = self.player.times_of(_extended(beats), since, now + _AHEAD)
            counts = _extended_counts(beats)[which.astype(np.int64)]
            times = times + delay
            for time, count in zip(times, counts, strict=True):
                if time <= now:
                    self._past.append((float(time), int(count)))
            ahead = times > now
            all_times = np.array([time for time, _ in self._past] + times[ahead].tolist())
            all_counts = np.array([count for _, count in self._past] + counts[ahead].tolist(), dtype=np.int64)
        # A jump (loop, seek) may bring two beats closer together than the beat itself: keep the later one.
        keep = np.append(np.diff(all_times) > 0.15, True) if len(all_times) else np.empty(0, dtype=bool)
        if np.count_nonzero(keep) < 2:
            return None
        return BeatGrid(
            beat_times=all_times[keep],
            counts=all_counts[keep],
            tempo=beats.tempo * state.speed,
            confidence=beats.confidence,
            source="analysed",
            beats_per_bar=beats.beats_per_bar,
        )


def _count_in_times(beats: BeatGrid, position: float) -> list[float]:
    """Return a cycle of clicks (seconds of the music) that lead to the first beat at or after `position`."""
    period = 60.0 / beats.tempo
    index = int(np.searchsorted(beats.beat_times, position - 0.02))
    first = float(beats.beat_times[index]) if index < len(beats.beat_times) else position
    # The music starts at `position`; clicks after it would sound into the music.
    lead = first - position
    skipped = int(lead / period + 1e-6)
    start = first - skipped * period
    return [start - period * number for number in range(beats.cycle, 0, -1)]


def _extended(beats: BeatGrid) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the beats with a cycle more before the first, for the count-in."""
    period = 60.0 / beats.tempo
    return np.concatenate([beats.beat_times[0] - period * np.arange(beats.cycle, 0, -1), beats.beat_times])


def _extended_counts(beats: BeatGrid) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    before = np.arange(beats.cycle, 0, -1)
    return np.concatenate([(beats.counts[0] - 1 - before) % beats.cycle + 1, beats.counts])


def _rotated(beats: BeatGrid, steps: int) -> BeatGrid:
    counts = (beats.counts - 1 + steps) % beats.cycle + 1
    return BeatGrid(beats.beat_times, counts, beats.tempo, beats.confidence, beats.source, False, beats.beats_per_bar)


def _scaled(beats: BeatGrid, factor: float) -> BeatGrid:
    times, counts, cycle, per_bar = beats.beat_times, beats.counts, beats.cycle, beats.beats_per_bar
    if factor > 1:
        times = np.interp(np.arange(2 * len(times) - 1) / 2, np.arange(len(times)), times)
        counts = np.repeat(2 * (counts - 1), 2)[:-1]
        counts[1::2] += 1
        counts = counts % cycle + 1
    else:
        kept = np.flatnonzero(counts % 2)
        # Where the bars begin elsewhere from a beat on, the new one is kept rather than the beat before it.
        kept = np.concatenate([kept[:-1][np.diff(kept) > 1], kept[-1:]])
        cuts = np.flatnonzero((np.diff(counts) - 1) % cycle) + 1
        _, first, stretch = np.unique(
            np.searchsorted(cuts, kept, side="right"), return_index=True, return_inverse=True
        )
        ones = np.cumsum(counts[kept] == 1)
        turns = ones - ones[first][stretch]  # a cycle becomes half of one: the first half, the second, the first, …
        times, counts = times[kept], (counts[kept] // 2 + turns * (cycle // 2)) % cycle + 1
        per_bar = 3 if per_bar == 6 else per_bar  # every second beat of a bar of six: the same bars, of three
    return BeatGrid(times, counts, beats.tempo * factor, beats.confidence, beats.source, False, per_bar)
