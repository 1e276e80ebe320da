"""The motion-music synchrony rate, published and sharp, with the signed offset.

Conventions
-----------
Times are seconds. Offset = hit − beat: positive is late. Beat position is the (fractional) index into the beats.

Metrics
-------
Published MSR (paper 1, eq. for the synchrony task): the share of beats with a peak of motion intensity within
0.4 s. Above 75 BPM every peak lies within 0.4 s of a beat, so it says 100 % to everyone; shown for comparison.

Sharp MSR: with hits x_k in beat positions, a level interval u (2, 1 or ½ beats, chosen from the rate of the hits
alone) and a window of an eighth of min(u, 1) beats,

    raw = (grid points hit, each at most once) / max(number of hits, number of grid points)
    chance = mean of raw over all shifts of the hits within one level interval
    msr = (raw − chance) / (1 − chance)

`chance` is exactly what the same movements score when they have nothing to do with the beat, so the expectation
for unsynchronised motion is 0, whatever its rate; single values may be negative.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dancecoach.assessment.hits import MotionEvents
from dancecoach.types import LIMBS, SURE, BeatGrid, BodyPart, Floats, MetricalLevel, Synchrony

PUBLISHED_TOLERANCE = 0.4  # s, paper 1
_WINDOW = 0.125  # beats
_SHIFTS = 64
_AT_ONCE = 4096  # hits times shifts computed together
_MIN_HITS = 4
_LEVELS: tuple[tuple[MetricalLevel, float], ...] = (
    ("every second beat", 2.0),
    ("every beat", 1.0),
    ("half beats", 0.5),
)


def published_msr(peaks: Floats, beats: Floats, tolerance: float = PUBLISHED_TOLERANCE) -> float | None:
    """Return the share of `beats` (B,) s with one of `peaks` (P,) s, ascending, within `tolerance` s; None without.

    >>> published_msr(np.array([0.3, 0.9]), np.array([0.0, 0.5, 1.0, 2.0]))
    0.75
    """
    if len(beats) == 0:
        return None
    if len(peaks) == 0:
        return 0.0
    after = np.clip(np.searchsorted(peaks, beats), 0, len(peaks) - 1)
    nearest = np.minimum(np.abs(peaks[after] - beats), np.abs(peaks[np.maximum(after - 1, 0)] - beats))
    return float(np.mean(nearest <= tolerance))


def metrical_level(hits_per_beat: float) -> tuple[MetricalLevel, float]:
    """Return the level a dancer dances at and its interval in beats, from the rate of the hits alone."""
    if hits_per_beat < 0.71:
        return _LEVELS[0]
    return _LEVELS[1] if hits_per_beat < 1.5 else _LEVELS[2]


def sharp_msr(positions: Floats, n_beats: int, interval: float) -> tuple[float, float, int]:
    """Return (msr, chance, number of trials) of hits at beat `positions` (N,) over `n_beats` beats.

    `interval` is that of the metrical level, in beats.

    >>> msr, chance, trials = sharp_msr(np.arange(8.0), 8, 1.0)
    >>> round(msr, 3), trials
    (1.0, 8)
    """
    window = _WINDOW * min(interval, 1.0)
    grid_points = max(1, int(n_beats / interval + 1e-9))
    trials = max(len(positions), grid_points)
    # Half-time dancers may take the even or the odd beats: both parities are tried, for chance just the same.
    starts = np.array([0.0, 1.0]) if interval == 2.0 else np.array([0.0])
    # In pieces, so that a take of half an hour needs no more memory than an eight-count.
    at_once = max(1, _AT_ONCE // max(len(positions), 1))
    shifts = np.arange(_SHIFTS) * (interval / _SHIFTS)
    pieces = [
        _matched(positions, shifts[first : first + at_once], starts, interval, window)
        for first in range(0, _SHIFTS, at_once)
    ]
    matched = np.concatenate(pieces)
    rates = np.minimum(matched.max(axis=1) / trials, 1.0)
    raw, chance = float(rates[0]), float(rates.mean())
    return (raw - chance) / (1 - chance) if chance < 1 else 0.0, chance, trials


def _matched(positions: Floats, shifts: Floats, starts: Floats, interval: float, window: float) -> NDArray[np.int64]:
    """Return how many grid points are hit, (shifts, starts), when the hits are moved by each of `shifts`, beats."""
    shifted = positions[None, None, :] + shifts[:, None, None] - starts[None, :, None]
    cells = np.round(shifted / interval)
    close = np.abs(shifted - cells * interval) <= window
    # Hits ascend, so those close to one grid point are neighbours: a second one repeats the cell of the first.
    again = close[..., 1:] & close[..., :-1] & (cells[..., 1:] == cells[..., :-1])
    return np.asarray(close.sum(axis=-1) - again.sum(axis=-1), dtype=np.int64)


def measure(
    events: Mapping[BodyPart, MotionEvents], grid: BeatGrid | None, first: int = 0, n_beats: int | None = None
) -> Synchrony:
    """Measure the body and every limb against `n_beats` beats of `grid` from index `first` on.

    A hit belongs to the beats when it is less than half a beat before the first or after the last of them.
    """
    if grid is None or len(grid.beat_times) < 2:
        return Synchrony("body", 0.0, 0.0, reason="no beat known")
    count = len(grid.beat_times) - first if n_beats is None else n_beats
    body = _measure_part(events["body"], grid, first, count)
    parts = tuple(_measure_part(events[part], grid, first, count) for part in LIMBS)
    return _with(body, parts=parts)


def _with(synchrony: Synchrony, **changes: object) -> Synchrony:
    return dataclasses.replace(synchrony, **changes)  # type: ignore[arg-type]


def _measure_part(events: MotionEvents, grid: BeatGrid, first: int, count: int) -> Synchrony:
    beats = grid.beat_times
    period = float(np.median(np.diff(beats)))
    start = float(beats[first]) if first < len(beats) else float(beats[-1])
    stop = start + count * period
    covered = _covered_beats(events.spans, beats[first : first + count], period)
    blank = Synchrony(events.part, start, stop, n_beats=covered)
    if events.reason is not None:
        return _with(blank, reason=events.reason)
    if grid.confidence < SURE:
        return _with(blank, reason="beat unsure")
    if covered < 4:
        return _with(blank, reason="too few beats seen")
    positions = beat_positions(events.hits, beats)
    inside = (positions >= first - 0.5) & (positions < first + count - 0.5)
    positions, hits = positions[inside] - first, events.hits[inside]
    window = (beats[first : first + count])[_is_covered(events.spans, beats[first : first + count], period)]
    published = published_msr(events.peaks, window) if events.part == "body" else None
    rate = len(hits) / covered
    if len(hits) < _MIN_HITS and not (len(hits) >= 3 and covered <= 8):
        return _with(blank, msr_published=published, n_hits=len(hits), reason="too few movements")
    level, interval = metrical_level(rate)
    msr, chance, trials = sharp_msr(positions, covered, interval)
    offset, spread, low, high, reason = _offset(positions, period, min(interval, 1.0))
    return _with(
        blank,
        msr_published=published,
        msr=msr,
        msr_interval=_interval(msr, chance, trials),
        offset_ms=offset,
        offset_sd_ms=spread,
        offset_interval_ms=None if low is None or high is None else (low, high),
        level=level,
        n_hits=len(hits),
        reason=reason,
    )


def beat_positions(times: Floats, beats: Floats) -> Floats:
    """Return times (N,) s as fractional indices into `beats` (B,) s; one beat beyond either end, NaN further out."""
    padded = np.concatenate([[2 * beats[0] - beats[1]], beats, [2 * beats[-1] - beats[-2]]])
    return np.interp(times, padded, np.arange(-1.0, len(beats) + 1), left=np.nan, right=np.nan)


def _is_covered(spans: Floats, beats: Floats, period: float) -> NDArray[np.bool_]:
    if len(spans) == 0:
        return np.zeros(len(beats), dtype=bool)
    inside = (beats[:, None] >= spans[None, :, 0] - period / 2) & (beats[:, None] <= spans[None, :, 1] + period / 2)
    return np.asarray(inside.any(axis=1))


def _covered_beats(spans: Floats, beats: Floats, period: float) -> int:
    return int(np.count_nonzero(_is_covered(spans, beats, period)))


def _offset(
    positions: Floats, period: float, interval: float
) -> tuple[float | None, float | None, float | None, float | None, str | None]:
    """Return offset, spread, and the 95 % interval in ms, or a reason.

    The circular mean finds where in the interval the hits gather, so that +120 ms at 170 BPM is not read as early;
    the median of the hits around it is robust against stray ones.
    """
    angles = positions * (2 * math.pi / interval)
    mean = complex(np.mean(np.exp(1j * angles)))
    # Rayleigh's test: hits spread evenly over the interval have no offset to speak of.
    if len(positions) * abs(mean) ** 2 < 3.0:
        return None, None, None, None, "no steady relation to the beat"
    centre = math.atan2(mean.imag, mean.real)
    around = (angles - centre + math.pi) % (2 * math.pi) - math.pi
    milliseconds = (centre + around) * interval / (2 * math.pi) * period * 1000
    median = float(np.median(milliseconds))
    near = np.abs(around) <= math.pi / 2
    spread = float(np.std(milliseconds[near], ddof=1)) if np.count_nonzero(near) > 1 else 0.0
    # Standard error of a median of normal values.
    margin = 1.96 * 1.2533 * spread / math.sqrt(max(1, np.count_nonzero(near)))
    return median, spread, median - margin, median + margin, None


def _interval(msr: float, chance: float, trials: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of the raw rate, chance-corrected."""
    z = 1.96
    raw = msr * (1 - chance) + chance
    centre = (raw + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(raw * (1 - raw) / trials + z * z / (4 * trials * trials))
    low, high = ((value - chance) / (1 - chance) for value in (max(centre - half, 0.0), min(centre + half, 1.0)))
    return low, high
