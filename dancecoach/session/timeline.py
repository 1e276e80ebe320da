"""What is known at a moment of a session: the count and the eight-count with its scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancecoach.types import BeatGrid, PrimitiveScore

_LONGEST_BEAT = 3.0  # s between two beats that belong to one piece


def count_at(grid: BeatGrid | None, time: float) -> float | None:
    """Return the count, a real number in [1, cycle + 1), while there were beats; None before, after and in pauses."""
    if grid is None or len(grid.beat_times) < 2:
        return None
    times = grid.beat_times
    if not times[0] <= time <= times[-1] + 60.0 / grid.tempo:
        return None
    index = int(np.searchsorted(times, time, side="right"))
    if index < len(times) and times[index] - times[index - 1] > _LONGEST_BEAT:
        return None
    return grid.position(time)


class ScoreFinder:
    """Finds eight-counts by time."""

    def __init__(self, primitives: Sequence[PrimitiveScore]) -> None:
        self._primitives = sorted(primitives, key=lambda score: score.primitive.start)
        self._starts = np.array([score.primitive.start for score in self._primitives])

    def latest(self, time: float) -> PrimitiveScore | None:
        """Return the eight-count at or before `time` s."""
        index = int(np.searchsorted(self._starts, time, side="right")) - 1
        return self._primitives[index] if index >= 0 else None

    def during(self, time: float) -> PrimitiveScore | None:
        """Return the eight-count in which `time` s lies."""
        score = self.latest(time)
        return score if score is not None and time < score.primitive.stop else None
