"""Eight-Beats Segmentation: the eight-counts of a beat grid (paper 1)."""

from __future__ import annotations

import numpy as np

from dancecoach.types import BeatGrid, Primitive


def find_primitives(grid: BeatGrid, start: float, stop: float) -> list[tuple[int, Primitive]]:
    """Return the complete eight-counts between `start` and `stop` s, each with the index of its count 1 in the grid.

    A primitive begins on a count 1 and ends on the next; where the count was corrected on the way (set the one), the
    broken eight-count is left out.
    """
    primitives = []
    times, counts = grid.beat_times, grid.counts
    for index in np.flatnonzero(counts == 1):
        if index + 8 >= len(times) or times[index] < start or times[index + 8] > stop:
            continue
        if not np.array_equal(counts[index : index + 9], np.array([1, 2, 3, 4, 5, 6, 7, 8, 1])):
            continue
        beats = times[index : index + 9].copy()
        beats.flags.writeable = False
        primitives.append((int(index), Primitive(float(beats[0]), float(beats[-1]), beats)))
    return primitives
