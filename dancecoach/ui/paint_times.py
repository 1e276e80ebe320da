"""How long paints took lately, and how many a second there were."""

from __future__ import annotations

from collections import deque

import numpy as np

from dancecoach.types import StageTiming

_KEPT = 240  # paints that are remembered


class PaintTimes:
    """Durations of the last paints; the Qt thread adds, others may read."""

    def __init__(self) -> None:
        self.count = 0
        self._durations: deque[float] = deque(maxlen=_KEPT)
        self._ends: deque[float] = deque(maxlen=_KEPT)

    def add(self, started: float, ended: float) -> None:
        """Take one paint, seconds of any clock."""
        self.count += 1
        self._durations.append(1000.0 * (ended - started))
        self._ends.append(ended)

    def clear(self) -> None:
        """Forget the durations, keep the count."""
        self._durations.clear()
        self._ends.clear()

    def timing(self) -> StageTiming:
        """Return how long paints took and how many a second there were, of the last few seconds."""
        if len(self._ends) < 2:
            return StageTiming(0.0, 0.0, 0.0)
        p50, p95 = np.percentile(np.asarray(self._durations), (50, 95))
        span = self._ends[-1] - self._ends[0]
        return StageTiming(float(p50), float(p95), (len(self._ends) - 1) / span if span > 0 else 0.0)

    def percentiles(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        """Return percentiles (0…100) of the remembered durations, ms; NaN without any."""
        durations = np.asarray(self._durations)
        if len(durations) == 0:
            return tuple(float("nan") for _ in shares)
        return tuple(float(value) for value in np.percentile(durations, shares))
