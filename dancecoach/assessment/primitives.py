"""Eight-Beats Segmentation: the eight-counts of a beat grid (paper 1); in bars of three, of six."""

from __future__ import annotations

import numpy as np

from dancecoach.types import BeatGrid, Primitive


def find_primitives(grid: BeatGrid, start: float, stop: float) -> list[tuple[int, Primitive]]:
    """Return the complete eight-counts between `start` and `stop` s, each with the index of its count 1 in the grid.

    A primitive begins on a count 1 and ends on the next, one cycle of the grid (6 in a waltz) later; where the count
    was corrected on the way (set the one), the broken eight-count is left out.
    """
    primitives = []
    times, counts, cycle = grid.beat_times, grid.counts, grid.cycle
    complete = np.append(np.arange(1, cycle + 1), 1)
    for index in np.flatnonzero(counts == 1):
        if index + cycle >= len(times) or times[index] < start or times[index + cycle] > stop:
            continue
        if not np.array_equal(counts[index : index + cycle + 1], complete):
            continue
        beats = times[index : index + cycle + 1].copy()
        beats.flags.writeable = False
        primitives.append((int(index), Primitive(float(beats[0]), float(beats[-1]), beats)))
    return primitives
