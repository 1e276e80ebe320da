"""How well a tracker's beats agree with the true ones.

F-measure, CMLt and AMLt as in Davies, Degara & Plumbley, "Evaluation methods for musical audio beat tracking
algorithms" (2009), by mir_eval; beats before 5 s are left out, as is usual. The others are about trackers that run
live: whether a beat was announced before it sounded, how soon the tracker locks, and whether its confidence means
what it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import Floats

TOLERANCE = 0.07  # s
FROM = 5.0  # s
AHEAD = 0.05  # s before its sound at which a beat must be announced to count as predicted
NEVER = float("inf")  # s to lock of a tracker that does not
_SETTLED = 4.0  # s of right beats that make a lock
_ROOM = 6.0  # s of true beats without which no lock is looked for
_REACTION = 4  # intervals whose median extrapolates a beat


@dataclass(frozen=True, slots=True)
class Announced:
    """What a tracker said.

    `times` (B,) s, ascending; `downbeats` (B,) flags, None where a tracker has none; `announced_at` (B,) s of sound
    heard by then, None of one that hears everything first; `confidence` (B,) 0…1, None where a tracker has none.
    """

    times: Floats
    announced_at: Floats | None
    downbeats: NDArray[np.bool_] | None = None
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """All figures of one clip; None where one cannot be measured there.

    `lock` and `relocks` s, infinite where the tracker never does; `correct` and `confidence` (B,) of the beats from
    5 s on.
    """

    f: float
    ahead: float | None
    downbeat: float | None
    cmlt: float
    amlt: float
    lock: float | None
    relocks: tuple[float, ...]
    octave: bool | None
    correct: NDArray[np.bool_]
    confidence: Floats | None


def score(found: Announced, beats: Floats, bars: NDArray[np.int64], changes: tuple[float, ...] = ()) -> Score:
    """Compare `found` with the true `beats` (B,) s and `bars` (B,) beats in the bar; `changes` s to re-lock after."""
    late = found.times >= FROM
    reference, times = beats[beats >= FROM], found.times[late]
    cmlt, amlt = continuity(reference, times)
    live = found.announced_at is not None
    true_down = reference[bars[beats >= FROM] == 1]
    downbeat = None
    if found.downbeats is not None and len(true_down):
        downbeat = f_measure(true_down, found.times[late & found.downbeats])
    relocks = [relock_time(found.times, beats, change) for change in changes] if live else []
    return Score(
        f=f_measure(reference, times),
        ahead=f_measure(reference, predicted(found)) if live else None,
        downbeat=downbeat,
        cmlt=cmlt,
        amlt=amlt,
        lock=lock_time(found.times, beats) if live else None,
        relocks=tuple(each for each in relocks if each is not None),
        octave=right_octave(times, reference),
        correct=matched(times, reference),
        confidence=None if found.confidence is None else found.confidence[late],
    )


def f_measure(reference: Floats, times: Floats) -> float:
    """Return the F-measure at ±70 ms, 0…1."""
    import mir_eval

    if not len(reference) or not len(times):
        return 0.0
    return float(mir_eval.beat.f_measure(reference, np.sort(times), f_measure_threshold=TOLERANCE))


def continuity(reference: Floats, times: Floats) -> tuple[float, float]:
    """Return CMLt and AMLt, 0…1: the share of right beats at the true metrical level and at the allowed ones."""
    import mir_eval

    times = np.unique(times)
    if len(reference) < 2 or len(times) < 2:
        return 0.0, 0.0
    _, cmlt, _, amlt = mir_eval.beat.continuity(reference, times)
    return float(cmlt), float(amlt)


def predicted(found: Announced) -> Floats:
    """Return the beats from 5 s on, s, that were announced at least 50 ms before they sounded."""
    assert found.announced_at is not None
    early = found.times - found.announced_at >= AHEAD - 1e-6
    return found.times[early & (found.times >= FROM)]


def extrapolated(times: Floats) -> Floats:
    """Return for every beat from the second on when the next is due, from the median of the last intervals."""
    steps = np.diff(times)
    due = [times[i + 1] + np.median(steps[max(0, i + 1 - _REACTION) : i + 1]) for i in range(len(steps))]
    return np.array(due, dtype=np.float64)


def matched(times: Floats, reference: Floats) -> NDArray[np.bool_]:
    """Return which of `times` (B,) have a beat of `reference`, ascending, within the tolerance."""
    if not len(reference):
        return np.zeros(len(times), dtype=bool)
    after = np.searchsorted(reference, times).clip(0, len(reference) - 1)
    before = (after - 1).clip(0)
    distance = np.minimum(np.abs(reference[after] - times), np.abs(reference[before] - times))
    return np.asarray(distance <= TOLERANCE)


def lock_time(times: Floats, beats: Floats) -> float | None:
    """Return seconds from the first of `beats` until the tracker's are right and stay so for 4 s.

    Right is: at least nine in ten of the beats, found and true ones, have a partner; half or double tempo is allowed.
    Infinite when that never happens, None when there are too few true beats to tell.
    """
    if len(beats) < 3 or beats[-1] - beats[0] < _ROOM:
        return None
    start = float(beats[0])
    versions = _versions(beats)
    for first in times[times >= start - TOLERANCE]:
        until = first + _SETTLED
        if until > beats[-1] + TOLERANCE:
            break
        found = times[(times >= first) & (times <= until)]
        for version in versions:
            true = version[(version >= first - TOLERANCE) & (version <= until + TOLERANCE)]
            inner = true[(true >= first) & (true <= until)]
            if len(found) < 2 or len(inner) < 2:
                continue
            near = times[(times >= first) & (times <= until + 2 * TOLERANCE)]
            good = matched(found, true)
            if good[0] and min(float(good.mean()), float(matched(inner, near).mean())) >= 0.9:
                return max(0.0, float(first - start))
    return NEVER


def relock_time(times: Floats, beats: Floats, change: float) -> float | None:
    """Return seconds from the first true beat at or after `change` s until the beats are right, as `lock_time`."""
    return lock_time(times, beats[beats >= change - 1e-6])


def _versions(beats: Floats) -> list[Floats]:
    """Return the beats as they are, every second one both ways, and twice as many."""
    between = (beats[:-1] + beats[1:]) / 2
    return [beats, beats[::2], beats[1::2], np.sort(np.concatenate([beats, between]))]


def right_octave(times: Floats, reference: Floats) -> bool | None:
    """Return whether the tempo found is nearer to the true one than to half or double; None without true beats."""
    if len(reference) < 3:
        return None
    if len(times) < 3:
        return False
    ratio = float(np.median(np.diff(reference)) / max(float(np.median(np.diff(times))), 1e-6))
    return bool(abs(np.log2(ratio)) < 0.5)


def calibration_bins(
    confidence: Floats, correct: NDArray[np.bool_], bins: int = 10
) -> list[tuple[int, float, float]]:
    """Return (beats, mean confidence, share of right beats) of every bin of announced confidence that has beats."""
    known = np.isfinite(confidence)
    confidence, correct = confidence[known].clip(0.0, 1.0), correct[known]
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for each in np.unique(index):
        inside = index == each
        rows.append((int(inside.sum()), float(confidence[inside].mean()), float(correct[inside].mean())))
    return rows


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 10) -> float | None:
    """Return the mean distance, weighted by number, of announced confidence and share of right beats in bins."""
    rows = calibration_bins(confidence, correct, bins)
    if not rows:
        return None
    return sum(count * abs(said - right) for count, said, right in rows) / sum(count for count, _, _ in rows)
