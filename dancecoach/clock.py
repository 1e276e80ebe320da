"""The one clock: seconds that only ever grow, and the mapping from sample counts to it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Anything that tells monotonic seconds and can wait."""

    def now(self) -> float:
        """Return the time in seconds."""
        ...

    def sleep_until(self, when: float) -> None:
        """Return once `now()` has reached `when` (seconds)."""
        ...


class SystemClock:
    """`time.perf_counter`, the clock of the live loop."""

    def now(self) -> float:
        """Return `time.perf_counter()` seconds."""
        return time.perf_counter()

    def sleep_until(self, when: float) -> None:
        """Sleep until `when`; returns at once when it has passed."""
        delay = when - time.perf_counter()
        if delay > 0:
            time.sleep(delay)


class ManualClock:
    """A clock that tests and replay move by hand; sleeping moves it."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the time it was last moved to, seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += seconds

    def sleep_until(self, when: float) -> None:
        """Jump to `when` if that lies ahead."""
        self._now = max(self._now, when)


class SampleClock:
    """Maps sample indices to clock seconds with a delay-locked loop.

    Audio callbacks arrive with tens of milliseconds of jitter, the samples themselves do not. A
    second-order loop (Adriaensen, "Using a DLL to filter time", LAC 2005) follows the mean rate and
    passes only a small part of each block's jitter on.

    Parameters
    ----------
    sample_rate : float
        Nominal rate, Hz.
    bandwidth : float
        Loop bandwidth, Hz; smaller is smoother and slower to follow.
    relock : float
        Seconds of disagreement after which the loop starts over (device paused, overflow).
    """

    def __init__(self, sample_rate: float, bandwidth: float = 0.1, relock: float = 0.25) -> None:
        self._nominal = 1.0 / sample_rate
        self._bandwidth = bandwidth
        self._relock = relock
        self._period = self._nominal
        self._index: int | None = None
        self._time = 0.0

    def update(self, index: int, time: float) -> float:
        """Take one observation, return the filtered time of sample `index`, seconds.

        Parameters
        ----------
        index : int
            Index of the block's first sample; must grow.
        time : float
            Observed clock time of that sample, seconds.
        """
        if self._index is None or index <= self._index:
            return self._start(index, time)
        samples = index - self._index
        predicted = self._time + samples * self._period
        error = time - predicted
        if abs(error) > self._relock:
            return self._start(index, time)
        omega = min(0.5, 2.0 * 3.141592653589793 * self._bandwidth * samples * self._nominal)
        self._time = predicted + 1.4142135623730951 * omega * error
        self._period += omega * omega * error / samples
        limit = 0.005 * self._nominal  # no sound card is off by more than half a percent
        self._period = min(max(self._period, self._nominal - limit), self._nominal + limit)
        self._index = index
        return self._time

    def time_of(self, index: float) -> float:
        """Return the clock time of any sample `index`, seconds; `update` must have run once."""
        if self._index is None:
            raise ValueError("no block has been observed yet")
        return self._time + (index - self._index) * self._period

    def _start(self, index: int, time: float) -> float:
        self._index, self._time, self._period = index, time, self._nominal
        return time
