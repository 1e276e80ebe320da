"""A sample clock that is right soon after the start."""

from __future__ import annotations

import statistics

from dancecoach.clock import SampleClock

SETTLING = 50  # observations


class SettlingClock:
    """`SampleClock` that begins with the median of its first observations.

    A delay-locked loop that starts on a stray stamp takes seconds to forget it.
    """

    def __init__(self, sample_rate: float) -> None:
        self._rate = sample_rate
        self._inner = SampleClock(sample_rate)
        self._first: list[float] = []

    def update(self, index: int, time: float) -> float:
        """Take one observation, return the filtered time of sample `index`, seconds."""
        if len(self._first) >= SETTLING:
            return self._inner.update(index, time)
        self._first.append(time - index / self._rate)
        self._inner = SampleClock(self._rate)
        return self._inner.update(index, index / self._rate + statistics.median(self._first))

    def time_of(self, index: float) -> float:
        """Return the clock time of any sample `index`, seconds; `update` must have run once."""
        return self._inner.time_of(index)
