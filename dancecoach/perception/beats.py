"""The streaming beat tracker: sound in, announced beats out, strictly causal.

```
heard so far ─────────────────────┐
beats:   |       |       |       |·      ·      ·   predicted from tempo and phase
                                  ^ the next one is announced at most 0.12 s before it sounds
```

Times inside are seconds of sound since the first sample; they are mapped to the clock only when handed out, so the
sound card's jitter never reaches the filter, and any split of the sound into blocks gives the same beats.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dancecoach.perception.bar_pointer import FASTEST, SLOWEST, BarPointer, Estimate
from dancecoach.perception.onsets import OnsetDetector, OnsetFrame
from dancecoach.types import AudioBlock, Beat, BeatGrid, Floats

ANNOUNCE_AHEAD = 0.12  # s
SILENCE = 0.002  # root mean square, full scale 1 (−54 dB)
COAST = 8.0  # s for which the count runs on in silence
_LISTEN = 1.5  # s of music before the first beat
_MIN_PROBABILITY = 0.3
_MEMORY = 512  # beats
_PREDICTED = 16  # beats
_TAP_PAUSE = 2.5  # s after which taps start over
_LONGEST_GAP = 3.0  # s of lost samples that are bridged with silence
_ESTIMATE_EVERY = 3  # frames
_SEARCH = 0.035  # s around a beat in which its onset is looked for once it has sounded


class BeatTracker(Protocol):
    """What the engine needs of a beat tracker; any that keeps this protocol drops in."""

    def step(self, block: AudioBlock) -> list[Beat]:
        """Hear `block`, return the beats announced by it."""
        ...

    def grid(self) -> BeatGrid | None:
        """Return the beats of the recent past and the predicted ones, in the time of the blocks; None before any."""
        ...

    @property
    def music_heard(self) -> bool:
        """Whether there is sound now."""
        ...

    @property
    def level(self) -> float:
        """Root mean square of the latest sound, full scale 1."""
        ...

    def set_the_one(self, time: float) -> None:
        """Make the beat nearest to `time` s count 1."""
        ...

    def tap(self, time: float) -> None:
        """Take a tap at `time` s; from the third on, taps set tempo and phase."""
        ...

    def scale_tempo(self, factor: float) -> None:
        """Count `factor` times as fast (0.5 or 2)."""
        ...

    def reset(self) -> None:
        """Forget the music, the taps and the one."""
        ...


@dataclass
class _Known:
    time: float  # s of sound
    count: int
    confidence: float


class StreamingBeatTracker:
    """The classical tracker: onset strength, bar pointer filter, prediction."""

    def __init__(self) -> None:
        self._onsets: OnsetDetector | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the music, the taps and the one."""
        self._pointer: BarPointer | None = None
        self._onsets = None
        self._heard: deque[OnsetFrame] = deque(maxlen=24)
        self._unchecked: deque[_Known] = deque()  # announced, but their onset has not been heard yet
        self._lag = 0.0  # s, running mean of onset − announced
        self._index = 0  # next expected sample
        self._shift = 0.0  # clock time of sound second 0
        self._started: float | None = None
        self._beats: deque[_Known] = deque(maxlen=_MEMORY)
        self._taps: list[float] = []
        self._intervals: deque[float] = deque(maxlen=9)
        self._bar_score = np.zeros(4)
        self._pinned = False
        self._frames = 0
        self._now = 0.0
        self._last_sound = -np.inf
        self._level = 0.0
        self._confidence = 0.0

    @property
    def music_heard(self) -> bool:
        """Whether there was sound in the last second and a half."""
        return self._now - self._last_sound < 1.5

    @property
    def level(self) -> float:
        """Root mean square of the latest sound, full scale 1."""
        return self._level

    def step(self, block: AudioBlock) -> list[Beat]:
        """Hear `block`, return the beats announced by it, times in the clock of the blocks."""
        samples = block.samples.mean(axis=1) if block.samples.ndim == 2 else block.samples
        if self._onsets is None or self._onsets.sample_rate != block.sample_rate:
            self.reset()
            self._onsets = OnsetDetector(block.sample_rate)
            self._pointer = BarPointer(self._onsets.frame_rate)
            self._index = block.index
            self._first = block.index
        lost = block.index - self._index
        if lost > 0:
            bridged = min(lost, int(_LONGEST_GAP * block.sample_rate))
            samples = np.concatenate([np.zeros(bridged, dtype=np.float32), samples])
            self._first += lost - bridged
        self._index = block.index + len(block.samples)
        self._shift = block.time - (block.index - self._first) / block.sample_rate
        announced = []
        for frame in self._onsets.step(samples.astype(np.float64)):
            beat = self._frame(frame)
            if beat is not None:
                announced.append(beat)
        return announced

    def grid(self) -> BeatGrid | None:
        """Return the beats of the recent past and the predicted ones; None before any."""
        if len(self._beats) < 2:
            return None
        times = smooth_beats(np.array([beat.time for beat in self._beats]))
        counts = np.array([beat.count for beat in self._beats])
        interval = self.interval
        ahead = np.arange(1, _PREDICTED + 1)
        return BeatGrid(
            beat_times=np.concatenate([times, self._beats[-1].time + ahead * interval]) + self._shift,
            counts=np.concatenate([counts, (counts[-1] - 1 + ahead) % 8 + 1]),
            tempo=60.0 / interval,
            confidence=self._confidence,
            source="tapped" if self._taps else "heard",
            coasting=not self.music_heard,
        )

    @property
    def interval(self) -> float:
        """Seconds between beats, the median of the last ones."""
        return float(np.median(self._intervals)) if self._intervals else 0.5

    def set_the_one(self, time: float) -> None:
        """Make the beat nearest to `time` s (clock of the blocks) count 1."""
        if not self._beats:
            return
        last = self._beats[-1]
        steps = round((time - self._shift - last.time) / self.interval)
        self._rotate((1 - (last.count + steps)) % 8)
        self._pinned = True

    def tap(self, time: float) -> None:
        """Take a tap at `time` s (clock of the blocks); from the third on, taps set tempo and phase."""
        now = time - self._shift
        if self._taps and now - self._taps[-1] > _TAP_PAUSE:
            self._taps = []
        self._taps = [*self._taps[-7:], now]
        if len(self._taps) < 3 or self._pointer is None:
            return
        number = np.arange(len(self._taps))
        interval, start = np.polyfit(number, np.array(self._taps), 1)
        if not 60 / FASTEST <= interval <= 60 / SLOWEST:
            return
        next_tap = start + interval * len(self._taps)
        self._pointer.pull(float(interval), float(next_tap - self._now) % float(interval))
        self._intervals.extend([float(interval)] * 9)

    def scale_tempo(self, factor: float) -> None:
        """Count `factor` times as fast (0.5 or 2), when that is between the slowest and fastest tempo."""
        interval = self.interval / factor
        if self._pointer is None or not 60 / FASTEST <= interval <= 60 / SLOWEST:
            return
        estimate = self._pointer.estimate()
        self._pointer.pull(interval, estimate.to_next)
        self._intervals.extend([interval] * 9)

    def _frame(self, frame: OnsetFrame) -> Beat | None:
        assert self._pointer is not None
        self._now, self._level = frame.time, frame.level
        self._heard.append(frame)
        self._check_announced()
        sounding = frame.level > SILENCE
        if sounding:
            self._last_sound = frame.time
            if self._started is None:
                self._started = frame.time
        if self._started is None:
            return None
        silent_for = frame.time - self._last_sound
        if silent_for > COAST:
            self._lost()
            return None
        # A rest within the music is evidence (nothing there on the beat), a break is not.
        self._pointer.step(frame.strengths if silent_for < 0.5 else None)
        self._frames += 1
        if self._frames % _ESTIMATE_EVERY:
            return None
        estimate = self._pointer.estimate()
        fresh = estimate.probability * np.exp(-silent_for / 4.0)
        self._confidence += 0.05 * (float(fresh) - self._confidence)
        return self._announce(frame, estimate)

    def _announce(self, frame: OnsetFrame, estimate: Estimate) -> Beat | None:
        if frame.time - (self._started or 0.0) < _LISTEN and not self._beats:
            return None
        time = frame.time + estimate.to_next + self._lag
        if time - frame.heard > ANNOUNCE_AHEAD or estimate.probability < _MIN_PROBABILITY:
            return None
        last = self._beats[-1] if self._beats else None
        if last is not None and time - last.time < 0.6 * estimate.interval:
            return None
        steps = 1 if last is None else max(1, round((time - last.time) / estimate.interval))
        count = self._count(last, steps, estimate.bar)
        self._intervals.append(estimate.interval)
        known = _Known(time, count, self._confidence)
        self._beats.append(known)
        self._unchecked.append(known)
        return Beat(
            time=time + self._shift,
            count=count,
            downbeat=count in (1, 5),
            tempo=60.0 / self.interval,
            confidence=round(self._confidence, 4),
            announced_at=frame.heard + self._shift,
        )

    def _check_announced(self) -> None:
        """Move beats that have sounded to their onset, and learn how far off the announcements are.

        The filter's phase is quantised to frames and its intervals to whole frames; the onsets are not.
        """
        while self._unchecked and self._now - self._unchecked[0].time > _SEARCH + 0.02:
            beat = self._unchecked.popleft()
            times = np.array([frame.time for frame in self._heard])
            strengths = np.nan_to_num(np.array([frame.strengths for frame in self._heard])).mean(axis=1)
            near = np.abs(times - beat.time) <= _SEARCH
            if near.any() and strengths[near].max() > 0.15:
                weights = strengths[near] ** 2
                error = float(weights @ times[near] / weights.sum()) - beat.time
                beat.time += error
                self._lag += 0.2 * error
                self._lag = min(max(self._lag, -0.02), 0.02)

    def _count(self, last: _Known | None, steps: int, bar: Floats) -> int:
        """Return the count of the next beat: continued, unless the bar has long said otherwise."""
        if last is None:
            self._bar_score = bar
            return int(np.argmax(bar)) + 1
        count = (last.count - 1 + steps) % 8 + 1
        if self._pinned:
            return count
        # Score of each correction: how many beats later in the bar the filter believes we are.
        self._bar_score = 0.9 * self._bar_score + 0.1 * np.roll(bar, -((count - 1) % 4))
        best = int(np.argmax(self._bar_score))
        if best and self._bar_score[best] > 1.5 * self._bar_score[0] + 0.15:
            self._rotate(best)
            count = (count - 1 + best) % 8 + 1
        return count

    def _rotate(self, steps: int) -> None:
        for beat in self._beats:
            beat.count = (beat.count - 1 + steps) % 8 + 1
        self._bar_score = np.roll(self._bar_score, -(steps % 4))

    def _lost(self) -> None:
        """Forget the music after a long silence; the next song starts afresh."""
        if self._pointer is not None:
            self._pointer.reset()
        self._beats.clear()
        self._unchecked.clear()
        self._intervals.clear()
        self._bar_score = np.zeros(4)
        self._started, self._pinned, self._confidence, self._taps = None, False, 0.0, []


def smooth_beats(times: Floats, reach: int = 4, tolerance: float = 0.03) -> Floats:
    """Return beat times (B,) s with the jitter of single beats averaged out.

    Each is replaced by a straight line through its `reach` neighbours on either side, unless that would move it by
    more than `tolerance` s (the tempo changes there).
    """
    count = len(times)
    if count < 4:
        return times
    smoothed = times.copy()
    for size in {min(reach, i, count - 1 - i) for i in range(count)} - {0}:
        kernel = np.ones(2 * size + 1) / (2 * size + 1)
        centred = np.convolve(times, kernel, mode="valid")
        index = np.arange(count)
        here = np.minimum(np.minimum(index, count - 1 - index), reach) == size
        smoothed[here] = centred[index[here] - size]
    # The ends have neighbours on one side only: continue the line of the inner ones.
    line = min(2 * reach + 1, count)
    for span, at in ((slice(0, line), 0), (slice(count - line, count), line - 1)):
        slope, start = np.polyfit(np.arange(line), times[span], 1)
        smoothed[0 if at == 0 else -1] = start + slope * at
    return np.where(np.abs(smoothed - times) <= tolerance, smoothed, times)
