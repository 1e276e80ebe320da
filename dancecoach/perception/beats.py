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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.bar_pointer import FASTEST, SLOWEST
from dancecoach.perception.beat_model import beat_model
from dancecoach.perception.classical_following import ClassicalFollower
from dancecoach.perception.counting import Counting, both_say, counting_of
from dancecoach.perception.following import METRES, Estimate, Follower, Instant, Steered
from dancecoach.perception.neural_following import NeuralFollower
from dancecoach.perception.onsets import OnsetDetector, OnsetFrame
from dancecoach.types import SURE, AudioBlock, Beat, BeatGrid, Floats

ANNOUNCE_AHEAD = 0.12  # s
_LATEST = 0.055  # s before its sound until which a beat is announced
SILENCE = 0.002  # root mean square, full scale 1 (−54 dB)
COAST = 8.0  # s for which the count runs on without music
_REST = 0.8  # s without music after which the count coasts
_LISTEN = 0.6  # s of music before the first beat
_GUESS, _SURELY_MUSIC = 0.25, 0.8  # confidence and music from which on a count begins that is a guess as yet
_MIN_PROBABILITY = 0.3
_MUSIC = 0.55  # probability of music from which on it is taken for music
_FADE = 0.05  # share of a new confidence
_BAR_MEMORY, _BAR_MARGIN = 0.85, 1.3  # of the evidence for the downbeats; how much stronger another place must be
_COUNTED_MEMORY = 0.5  # of that evidence, when a counting network remembers the beats itself
_MEMORY = 512  # beats
_PREDICTED = 16  # beats
_TAP_PAUSE = 2.5  # s after which taps start over
_LONGEST_GAP = 3.0  # s of lost samples that are bridged with silence
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
    index: int  # beats since the first
    confidence: float


class StreamingBeatTracker:
    """Announces beats: follows the sound, predicts, counts, keeps what the person set by hand.

    Parameters
    ----------
    make : callable, optional
        Makes what follows the beat in sound of a sample rate; by default the classical front end.
    counting : Counting, optional
        Tells the beats of a bar apart, for this tracker alone; by default only the follower does.
    """

    def __init__(self, make: Callable[[int], Follower] = ClassicalFollower, counting: Counting | None = None) -> None:
        self._make = make
        self._counting = counting
        self.reset()

    def reset(self) -> None:
        """Forget the music, the taps, the tempo wanted and the one."""
        self._follower: Follower | None = None
        self._steered: Steered | None = None
        self._onsets: OnsetDetector | None = None
        self._chosen = False  # whether the tempo is what the person wants
        self._index = 0  # next expected sample
        self._shift = 0.0  # clock time of sound second 0
        self._now = 0.0
        self._level = 0.0
        self._beats: deque[_Known] = deque(maxlen=_MEMORY)
        self._taps: list[float] = []
        self._forget()

    def _forget(self) -> None:
        """Forget the music but not the sound card's time."""
        self._heard: deque[OnsetFrame] = deque(maxlen=24)
        self._unchecked: deque[_Known] = deque()  # announced, but their onset has not been heard yet
        self._lag = 0.0  # s, running mean of onset − announced
        self._started: float | None = None
        self._last_music = -np.inf
        self._beats.clear()
        self._taps = []
        self._intervals: deque[float] = deque(maxlen=9)
        self._bars = Bars(_BAR_MEMORY if self._counting is None else _COUNTED_MEMORY)
        if self._counting is not None:
            self._counting.reset()
        self._confidence = 0.0
        self._best = 0.0  # the highest confidence of this music

    @property
    def music_heard(self) -> bool:
        """Whether there was music in the last second and a half."""
        return self._now - self._last_music < 1.5

    @property
    def level(self) -> float:
        """Root mean square of the latest sound, full scale 1."""
        return self._level

    def step(self, block: AudioBlock) -> list[Beat]:
        """Hear `block`, return the beats announced by it, times in the clock of the blocks."""
        samples = block.mono
        if self._onsets is None or self._onsets.sample_rate != block.sample_rate:
            self.reset()
            self._onsets = OnsetDetector(block.sample_rate)
            self._steered = self._follower = self._make(block.sample_rate)
            self._index = block.index
            self._first = block.index
        assert self._follower is not None
        lost = block.index - self._index
        if lost > 0:
            bridged = min(lost, int(_LONGEST_GAP * block.sample_rate))
            samples = np.concatenate([np.zeros(bridged, dtype=np.float32), samples])
            self._first += lost - bridged
        self._index = block.index + len(block.samples)
        self._shift = block.time - (block.index - self._first) / block.sample_rate
        onsets = self._onsets.step(samples)
        frames: list[OnsetFrame | Instant] = [*onsets, *self._follower.step(samples, onsets)]
        announced = []
        # In the order of what had to be heard for them, whatever the blocks.
        for frame in sorted(frames, key=lambda each: each.heard):
            if isinstance(frame, OnsetFrame):
                self._heard.append(frame)
                continue
            beat = self.take(frame)
            if beat is not None:
                announced.append(beat)
        return announced

    def grid(self) -> BeatGrid | None:
        """Return the beats of the recent past and the predicted ones; None before any."""
        if len(self._beats) < 2:
            return None
        times = smooth_beats(np.array([beat.time for beat in self._beats]))
        indices = np.array([beat.index for beat in self._beats])
        interval = self.interval
        ahead = np.arange(1, _PREDICTED + 1)
        return BeatGrid(
            beat_times=np.concatenate([times, self._beats[-1].time + ahead * interval]) + self._shift,
            counts=self._bars.count(np.concatenate([indices, indices[-1] + ahead])),
            tempo=60.0 / interval,
            confidence=self._confidence,
            source="tapped" if self._taps else "heard",
            coasting=self._now - self._last_music > _REST,
            beats_per_bar=self._bars.beats,
        )

    @property
    def interval(self) -> float:
        """Seconds between beats, the median of the last ones."""
        return float(np.median(self._intervals)) if self._intervals else 0.5

    def set_the_one(self, time: float) -> None:
        """Make the beat nearest to `time` s (clock of the blocks) count 1."""
        if self._beats:
            last = self._beats[-1]
            self._bars.pin(last.index + round((time - self._shift - last.time) / self.interval))

    def tap(self, time: float) -> None:
        """Take a tap at `time` s (clock of the blocks); from the third on, taps set tempo and phase."""
        now = time - self._shift
        if self._taps and now - self._taps[-1] > _TAP_PAUSE:
            self._taps = []
        self._taps = [*self._taps[-7:], now]
        if len(self._taps) < 3:
            return
        number = np.arange(len(self._taps))
        interval, start = np.polyfit(number, np.array(self._taps), 1)
        if 60 / FASTEST <= interval <= 60 / SLOWEST:
            self._want(float(interval), float(start + interval * len(self._taps)))

    def scale_tempo(self, factor: float) -> None:
        """Count `factor` times as fast (0.5 or 2) from now on, when that is between the slowest and fastest tempo."""
        interval = self.interval / factor
        if self._beats and 60 / FASTEST <= interval <= 60 / SLOWEST:
            self._want(interval, self._beats[-1].time + interval)

    def _want(self, interval: float, beat: float) -> None:
        """Count every `interval` s from now on, with a beat at `beat` s of sound."""
        if self._steered is not None:
            self._chosen = True
            self._steered.prefer(interval)
            self._steered.pull(interval, (beat - self._instant_time) % interval)
            self._intervals.extend([interval] * 9)

    @classmethod
    def of_instants(cls, steered: Steered, counting: Counting | None = None) -> StreamingBeatTracker:
        """Return a tracker that is given by `take` what `steered` follows, without the sound itself."""
        tracker = cls(counting=counting)
        tracker._steered = steered
        return tracker

    def take(self, frame: Instant) -> Beat | None:
        """Take one frame of the follower, return the beat that is announced now."""
        self._now, self._level, self._instant_time = frame.heard, frame.level, frame.time
        self._check_announced()
        if self._counting is not None and frame.sound is not None:
            self._counting.hear(frame.sound, frame.time)
            if frame.renewed:
                self._counting.renew()
        if frame.music > _MUSIC:
            self._last_music = frame.heard
            if self._started is None:
                self._started = frame.heard
        if self._started is None or frame.estimate is None:
            return None
        # What never was a beat is not counted on.
        patience = COAST if self._best >= SURE else _REST
        if frame.heard - self._last_music > patience:
            if self._steered is not None:
                self._steered.forget()
                if patience == COAST:
                    # The tempo wanted was for the music that has ended.
                    self._steered.prefer(None)
                    self._chosen = False
            self._forget()
            return None
        if frame.confidence is not None:
            self._confidence = frame.confidence
        else:
            fresh = frame.estimate.probability * np.exp(-max(0.0, frame.heard - self._last_music) / 4.0)
            self._confidence += _FADE * (float(fresh) - self._confidence)
        self._best = max(self._best, self._confidence)
        return self._announce(frame, frame.estimate)

    def _announce(self, frame: Instant, estimate: Estimate) -> Beat | None:
        last = self._beats[-1] if self._beats else None
        interval, time = estimate.interval, frame.time + estimate.to_next + self._lag
        if frame.heard - self._last_music > _REST and last is not None:
            # Nothing is heard that could correct the count: it runs on as it was.
            interval = self.interval
            time = last.time + interval
        elif last is None and not self._may_begin(frame, estimate):
            return None
        # The next beat that can still be announced in time.
        while time - frame.heard < _LATEST:
            time += interval
        if time - frame.heard > ANNOUNCE_AHEAD or (last is not None and time - last.time < 0.6 * interval):
            return None
        steps = 1 if last is None else max(1, round((time - last.time) / interval))
        index = 0 if last is None else last.index + steps
        self._bars.step(index, self._bars_of(time, estimate, steps))
        self._intervals.append(interval)
        known = _Known(time, index, self._confidence)
        self._beats.append(known)
        self._unchecked.append(known)
        count = int(self._bars.count(np.array([index]))[0])
        if frame.heard - self._last_music <= _REST:
            self._halve_if_too_fast(time, interval, frame)
        return Beat(
            time=time + self._shift,
            count=count,
            downbeat=(count - 1) % self._bars.beats == 0,
            tempo=60.0 / self.interval,
            confidence=round(self._confidence, 4),
            announced_at=frame.heard + self._shift,
        )

    def _bars_of(self, time: float, estimate: Estimate, steps: int) -> Floats:
        """Return which beat of its bar the one at `time` s is, (2, 4) as in `Estimate`; `steps` since the last."""
        if self._counting is None:
            return estimate.bars
        counted = self._counting.step(time, estimate.interval, estimate.probability, steps)
        if counted is None:
            return estimate.bars
        return both_say(estimate.bars, counted)

    def _halve_if_too_fast(self, time: float, interval: float, frame: Instant) -> None:
        """Leave out every second beat after the one at `time` s where the counting network is sure of it.

        What the person has chosen, tempo or one, is left as it is.
        """
        counting, slow = self._counting, 2.0 * interval
        if counting is None or self._steered is None or not counting.too_fast:
            return
        if self._chosen or self._bars.pinned or slow > 60 / SLOWEST:
            return
        self._steered.hold(slow, (time + slow - self._lag - frame.time) % slow)
        self._intervals.extend([slow] * 9)
        self._bars.forget()
        counting.halved()

    def _may_begin(self, frame: Instant, estimate: Estimate) -> bool:
        """Return whether enough was heard to begin counting: noise, too, has a most likely beat."""
        if frame.heard - (self._started or 0.0) < _LISTEN:
            return False
        if frame.confidence is None:
            return estimate.probability >= _MIN_PROBABILITY
        if frame.music >= _SURELY_MUSIC:
            return frame.confidence >= _GUESS
        return frame.confidence >= SURE

    def _check_announced(self) -> None:
        """Move beats that have sounded to their onset, and learn how far off the announcements are.

        The filter's phase is quantised to frames and its intervals to whole frames; the onsets are not.
        """
        while self._unchecked and self._now - self._unchecked[0].time > _SEARCH + 0.06:
            beat = self._unchecked.popleft()
            if not self._heard:
                continue
            times = np.array([frame.time for frame in self._heard])
            strengths = np.nan_to_num(np.array([frame.strengths for frame in self._heard])).mean(axis=1)
            near = np.abs(times - beat.time) <= _SEARCH
            if near.any() and strengths[near].max() > 0.15:
                weights = strengths[near] ** 2
                error = float(weights @ times[near] / weights.sum()) - beat.time
                beat.time += error
                self._lag += 0.2 * error
                self._lag = min(max(self._lag, -0.02), 0.02)


class Bars:
    """Which beats are the first of their bar, and how many beats a bar has, as the evidence of all beats says."""

    def __init__(self, memory: float = _BAR_MEMORY) -> None:
        self.beats = 4
        self._memory = memory  # of the evidence, from beat to beat
        self._one = 0  # index of a beat that counts 1
        self.pinned = False  # whether somebody has said which
        self._scores = np.zeros((len(METRES), max(METRES)))  # per metre, of each place of the downbeats
        self._started = False

    def step(self, index: int, bars: Floats) -> None:
        """Take `bars` (2, 4) of the beat with `index`, as in `Estimate`."""
        self._scores *= self._memory
        for row, size in enumerate(METRES):
            places = (index - np.arange(size)) % size
            self._scores[row, places] += (1 - self._memory) * bars[row, :size]
        best, place = divmod(int(np.argmax(self._scores)), self._scores.shape[1])
        size = METRES[best]
        current = self._scores[METRES.index(self.beats), self._one % self.beats]
        if self._started and (self.pinned or self._scores[best, place] <= _BAR_MARGIN * current + 0.02):
            return
        if not self._started:
            self._one = index - (index - place) % size
            self._started = bool(self._scores.sum() > 0)
        elif size == self.beats:
            # As few counts as possible are skipped or said twice.
            self._one += (place - self._one + size // 2) % size - size // 2
        else:
            self._one = index - (index - place) % size
        self.beats = size

    def forget(self) -> None:
        """Forget the evidence, but go on counting."""
        self._scores[:] = 0.0

    def pin(self, index: int) -> None:
        """Make the beat with `index` a one, whatever the music says."""
        self._one, self.pinned, self._started = index, True, True

    def count(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts (B,) of the beats with `indices`: 1…8, or 1…6 in bars of three."""
        return np.asarray((indices - self._one) % (2 * self.beats) + 1, dtype=np.int64)


def smooth_beats(times: Floats, reach: int = 4, tolerance: float = 0.03) -> Floats:
    """Return beat times (B,) s with the jitter of single beats averaged out.

    Each is replaced by a straight line through its `reach` neighbours on either side, unless that would move it by
    more than `tolerance` s (the tempo changes there).
    """
    count = len(times)
    if count < 4:
        return times
    index = np.arange(count)
    size = np.minimum(np.minimum(index, count - 1 - index), reach)
    sums = np.concatenate([[0.0], np.cumsum(times - times[0])])
    smoothed = times[0] + (sums[index + size + 1] - sums[index - size]) / (2 * size + 1)
    # The ends have neighbours on one side only: continue the line of the inner ones.
    line = min(2 * reach + 1, count)
    weights = 2.0 * (2 * line - 1 - 3 * np.arange(line)) / (line * (line + 1))  # of a regression line at its end
    smoothed[0] = weights @ times[:line]
    smoothed[-1] = weights @ times[: -line - 1 : -1]
    return np.where(np.abs(smoothed - times) <= tolerance, smoothed, times)


def default_tracker() -> StreamingBeatTracker:
    """Return the tracker with the beat network, or the classical one where the network cannot be used."""
    model = beat_model()
    if model is None:
        return StreamingBeatTracker()
    counting = counting_of(model)
    return StreamingBeatTracker(
        lambda sample_rate: NeuralFollower(sample_rate, model), Counting(counting) if counting else None
    )
