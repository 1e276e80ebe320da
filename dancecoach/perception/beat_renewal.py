"""New music: a beat filter that begins afresh takes over once it foretells what is heard better than the old one.

```
foretold    as usual │ worse: perhaps another song
old filter  ─────────┼─────────────┤
afresh               ├─────────────┴──────  better for a while: it takes over
```
A filter that has settled needs many beats to give up its tempo; one without a past needs two or three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import BeatFilter
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND
from dancecoach.types import Floats

_SHORT, _LONG = 0.7, 6.0  # s over which the latest frames and the usual ones are averaged
_HEARD = 3.0  # s of music before anything is usual
_LEAD_MEMORY = 1.5  # s
_LEAD = 0.4  # sum over that memory by which the new filter must be better
_YOUNGEST, _OLDEST = 1.0, 5.0  # s of music for which the new filter listens
_LOST = 2.0  # s after which one that is behind gives up, when frames are foretold as usual again
_REST = 2.0  # s until the next attempt after a success
_SAME_TEMPO, _SAME_BEAT = 0.06, 0.06  # share of the interval and s within which two filters agree
_STEP = 1.0 / FRAMES_PER_SECOND


class Renewal:
    """Watches how well a filter foretells the music and tries another beginning when it does badly.

    Parameters
    ----------
    eager_time : float
        s over which the evidence counts more when a filter begins.
    """

    def __init__(self, eager_time: float) -> None:
        self._eager_time = eager_time
        self.forget()

    def forget(self) -> None:
        """Begin to watch anew: there is another filter, or its past has been set by hand."""
        self._latest = self._usual = 0.0
        self._heard = 0.0  # s of music
        self._resting = 0.0  # s
        self._candidate: BeatFilter | None = None
        self._age = 0.0  # s of music that the candidate has heard
        self._lead = 0.0

    def step(
        self,
        followed: BeatFilter,
        foretold: float,
        beat: float,
        down: float,
        tempo: NDArray[np.float32] | None,
        weight: float,
        onsets: Sequence[Floats] = (),
    ) -> float | None:
        """Take a frame that `followed` has `foretold` so well; the rest as in `BeatFilter.step`, without eagerness.

        Returns None, or for how many seconds the filter has listened whose belief has just become that of `followed`.
        """
        if weight <= 0.0:
            return None
        if self._heard < 1.0:
            self._latest = self._usual = foretold
        self._heard += _STEP
        self._latest += _STEP / _SHORT * (foretold - self._latest)
        self._usual += _STEP / min(_LONG, self._heard) * (foretold - self._usual)
        drop = self._usual - self._latest
        if self._candidate is None:
            self._resting -= _STEP
            if drop > followed.settings.renewal and self._heard > _HEARD and self._resting <= 0.0:
                self._candidate, self._age, self._lead = followed.afresh(), 0.0, 0.0
            return None
        eager = 1.0 + followed.settings.eagerness * math.exp(-self._age / self._eager_time)
        lead = self._candidate.step(beat, down, tempo, weight * eager, onsets) - foretold
        self._age += _STEP
        self._lead += lead - _STEP / _LEAD_MEMORY * self._lead
        if self._age >= _YOUNGEST and self._lead > _LEAD:
            if followed.held and same_beats(followed, self._candidate):
                # It has found the tempo again from which the count was halved.
                self._candidate, self._resting = None, _REST
                return None
            followed.posterior = self._candidate.posterior
            age = self._age
            self.forget()
            self._resting = _REST
            return age
        if self._age > _OLDEST or (self._age > _LOST and drop < 0.0 and self._lead < 0.0):
            self._candidate = None
        return None


def same_beats(followed: BeatFilter, other: BeatFilter) -> bool:
    """Return whether two filters believe in the same beats, or one in every second beat of the other."""
    one, two = followed.estimate(), other.estimate()
    slow, fast = (one, two) if one.interval > two.interval else (two, one)
    times = round(slow.interval / fast.interval)
    if times > 2 or abs(slow.interval / (times * fast.interval) - 1.0) > _SAME_TEMPO:
        return False
    away = (slow.to_next - fast.to_next + 0.5 * fast.interval) % fast.interval - 0.5 * fast.interval
    return abs(away) < _SAME_BEAT
