"""Synchrony of a take: live while it grows, or of a recording as a whole, by the same measurement.

```
poses ──► ring of the last 40 s ──find_events──► hits of the ring ──┬─► last 8 and 32 counts
                                                                    ├─► each eight-count as it ends
                                       settled hits, kept for good ─┴─► the whole take
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dancecoach.assessment.hits import MotionEvents, find_events
from dancecoach.assessment.primitives import find_primitives
from dancecoach.assessment.synchrony import measure
from dancecoach.types import LIMBS, BeatGrid, BodyPart, Floats, Pose, PoseTrack, PrimitiveScore, Synchrony

_RING = 40.0  # s: 32 counts at 60 BPM and some
_SETTLED = 1.0  # s after which later poses can no longer change a hit
_LONGEST = 1800.0  # s of a take that its total speaks of; an installation's never ends
_TOTAL_EVERY = 2.0  # s between two measurements of the whole take


def track_of(poses: Sequence[Pose]) -> PoseTrack:
    """Return the poses of one camera as a track (T ≥ 0)."""
    if not poses:
        return PoseTrack(np.empty(0), np.empty((0, 22, 3)), np.empty((0, 3)), np.empty((0, 22)), monocular=True)
    return PoseTrack(
        times=np.array([pose.time for pose in poses]),
        joints=np.stack([pose.joints for pose in poses]),
        roots=np.stack([pose.root for pose in poses]),
        visibility=np.stack([pose.visibility for pose in poses]),
        monocular=True,
    )


def measure_recording(track: PoseTrack, grid: BeatGrid | None) -> tuple[Synchrony, tuple[PrimitiveScore, ...]]:
    """Return the synchrony of a whole track and of each complete eight-count in it."""
    return measure_events(find_events(track), grid, track.times)


def measure_events(
    events: Mapping[BodyPart, MotionEvents], grid: BeatGrid | None, span: Floats
) -> tuple[Synchrony, tuple[PrimitiveScore, ...]]:
    """As `measure_recording`, for events found already; `span` (≥ 2,) s, its first and last say what was watched."""
    if grid is None or len(grid.beat_times) < 2:
        return Synchrony("body", 0.0, 0.0, reason="no beat known"), ()
    if len(span) < 2:
        return Synchrony("body", 0.0, 0.0, reason="nobody seen long enough"), ()
    half = 30.0 / grid.tempo
    first, last = np.searchsorted(grid.beat_times, (span[0] - half, span[-1] + half))
    if last - first < 2:
        return Synchrony("body", 0.0, 0.0, reason="motion and music do not overlap"), ()
    total = measure(events, grid, int(first), int(last - first))
    scores = tuple(
        PrimitiveScore(number, primitive, measure(events, grid, index, len(primitive.beat_times) - 1))
        for number, (index, primitive) in enumerate(find_primitives(grid, span[0] - half, span[-1] + half), start=1)
    )
    return total, scores


class LiveTake:
    """Measures a take while it is danced; `step` is called a few times a second.

    Parameters
    ----------
    count, until : int, float
        The eight-counts of this take that were scored before, and when the last of them ended, s.
    """

    def __init__(self, count: int = 0, until: float = -np.inf) -> None:
        self._settled: dict[BodyPart, Floats] = {}
        self._settled_peaks: dict[BodyPart, Floats] = {}
        self._settled_until = -np.inf
        self._started: float | None = None
        self._beats = np.empty(0)
        self._counts = np.empty(0, dtype=np.int64)
        self._scored_until = until
        self._totalled = -np.inf
        self._count = count
        self.last_8: Synchrony | None = None
        self.last_32: Synchrony | None = None
        self.total: Synchrony | None = None

    @staticmethod
    def wanted(grid: BeatGrid | None) -> float:
        """Return how many seconds of poses the next step needs: 32 counts, or two eight-counts more than one."""
        return 10.0 if grid is None else min(34 * 60.0 / grid.tempo + 2.0, _RING)

    def step(self, poses: Sequence[Pose], grid: BeatGrid | None, now: float) -> list[PrimitiveScore]:
        """Measure again, return the eight-counts that have been completed since the last call.

        Parameters
        ----------
        poses : sequence
            The raw poses of the last 32 counts and a little more (`wanted`), in order of time.
        grid : BeatGrid or None
            The beats in the same clock.
        now : float
            Seconds; beats later than this have not sounded yet.
        """
        if grid is None or len(grid.beat_times) < 2:
            silent = Synchrony("body", now, now, reason="no beat known")
            self.last_8 = self.last_32 = silent
            return []
        if not poses:
            unseen = Synchrony("body", now, now, reason="nobody seen")
            self.last_8 = self.last_32 = unseen
            return []
        track = track_of(poses)
        events = find_events(track)
        if self._started is None:
            self._started = float(track.times[0])
        self._settle(events, float(track.times[-1]))
        self._remember(grid, now)
        sounded = int(np.searchsorted(grid.beat_times, now - _settling(grid)))
        self.last_8 = _window(events, grid, sounded, 8)
        self.last_32 = _window(events, grid, sounded, 32)
        new = self._score(events, grid, float(track.times[-1]))
        if new or now - self._totalled > _TOTAL_EVERY:
            self._totalled = now
            self.total = self._measure_total(grid)
        return new

    def _settle(self, events: Mapping[BodyPart, MotionEvents], last: float) -> None:
        until = last - _SETTLED
        for part, found in events.items():
            for times, kept in ((found.hits, self._settled), (found.peaks, self._settled_peaks)):
                fresh = times[(times > self._settled_until) & (times <= until)]
                if len(fresh):
                    known = kept.get(part, np.empty(0))
                    kept[part] = np.concatenate([known[known > until - _LONGEST], fresh])
        self._settled_until = max(self._settled_until, until)

    def _remember(self, grid: BeatGrid, now: float) -> None:
        """Keep beats that have sounded; a grid holds only the recent ones."""
        sounded = grid.beat_times <= now
        times, counts = grid.beat_times[sounded], grid.counts[sounded]
        if len(times) == 0:
            return
        old = (self._beats < times[0] - 0.05) & (self._beats > now - _LONGEST)
        self._beats = np.concatenate([self._beats[old], times])
        self._counts = np.concatenate([self._counts[old], counts])

    def _score(self, events: Mapping[BodyPart, MotionEvents], grid: BeatGrid, last: float) -> list[PrimitiveScore]:
        new = []
        for index, primitive in find_primitives(grid, max(self._scored_until - 0.1, last - _RING), last - _SETTLED):
            self._count += 1
            beats = len(primitive.beat_times) - 1
            score = PrimitiveScore(self._count, primitive, measure(events, grid, index, beats))
            self._scored_until = primitive.stop
            new.append(score)
        return new

    def _measure_total(self, grid: BeatGrid) -> Synchrony | None:
        assert self._started is not None
        start = max(self._started, self._settled_until - _LONGEST)
        inside = (self._beats >= start) & (self._beats <= self._settled_until)
        beats, counts = self._beats[inside], self._counts[inside]
        if len(beats) < 4:
            return Synchrony("body", start, self._settled_until, reason="too few beats yet")
        whole = BeatGrid(beats, counts, grid.tempo, grid.confidence, grid.source, False, grid.beats_per_bar)
        span = np.array([[start, self._settled_until]])
        parts: tuple[BodyPart, ...] = ("body", *LIMBS)
        nothing = np.empty(0)
        events: dict[BodyPart, MotionEvents] = {}
        for part in parts:
            hits = self._settled.get(part, nothing)
            peaks = self._settled_peaks.get(part, nothing)
            events[part] = MotionEvents(part, hits, peaks, span, None if len(hits) else "no movement yet")
        return measure(events, whole)


def _settling(grid: BeatGrid) -> float:
    """Return how long after a beat its hits are known, s: half a beat for late hits, and the filters' reach."""
    return 30.0 / grid.tempo + 0.25


def _window(events: Mapping[BodyPart, MotionEvents], grid: BeatGrid, sounded: int, beats: int) -> Synchrony:
    first = max(0, sounded - beats)
    if sounded - first < min(beats, 8):
        return Synchrony("body", 0.0, 0.0, n_beats=sounded - first, reason="listening")
    return measure(events, grid, first, sounded - first)
