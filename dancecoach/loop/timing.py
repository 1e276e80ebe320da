"""Named stage timers: how long each stage takes, how often it runs, what it dropped."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from dancecoach.types import StageTiming

_KEEP = 2400  # durations a stage remembers
_WINDOW = 10.0  # s over which the rate is counted


class StageTimer:
    """Durations of one stage; may be fed by one thread and read by others."""

    def __init__(self) -> None:
        self._durations: deque[tuple[float, float]] = deque(maxlen=_KEEP)  # (when it ended, ms)
        self._lock = threading.Lock()
        self.count = 0

    def add(self, milliseconds: float) -> None:
        """Take one duration that ends now."""
        with self._lock:
            self._durations.append((time.perf_counter(), milliseconds))
            self.count += 1

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Time the body of a with statement."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add((time.perf_counter() - start) * 1000)

    def timing(self, dropped: int = 0) -> StageTiming | None:
        """Return percentiles and the rate over the last seconds; None when it never ran."""
        with self._lock:
            entries = list(self._durations)
        if not entries:
            return None
        now = time.perf_counter()
        recent = [entry for entry in entries if entry[0] > now - _WINDOW]
        span = min(_WINDOW, now - entries[0][0])
        milliseconds = np.array([entry[1] for entry in (recent or entries)])
        low, high = np.percentile(milliseconds, (50, 95))
        rate = len(recent) / span if span > 0.5 else 0.0
        return StageTiming(float(low), float(high), rate, dropped)

    def percentiles(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        """Return percentiles (0…100) of all durations since `clear` that are remembered, ms; NaN without any."""
        with self._lock:
            entries = [entry[1] for entry in self._durations]
        if not entries:
            return tuple(float("nan") for _ in shares)
        return tuple(float(value) for value in np.percentile(entries, shares))

    def clear(self) -> None:
        """Forget the durations, keep the count."""
        with self._lock:
            self._durations.clear()


class Timers(Mapping[str, StageTimer]):
    """The stage timers by name, made on first use."""

    def __init__(self) -> None:
        self._timers: dict[str, StageTimer] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> StageTimer:
        with self._lock:
            return self._timers.setdefault(name, StageTimer())

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._timers))

    def __len__(self) -> int:
        return len(self._timers)
