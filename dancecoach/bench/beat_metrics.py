"""How well a tracker's beats agree with the true ones.

F-measure, CMLt and AMLt as in Davies, Degara & Plumbley, "Evaluation methods for musical audio beat tracking algorithms"
(2009), by mir_eval; beats before 5 s are left out, as is usual. The others are about trackers that run live: whether a
beat was announced before it sounded, how soon the tracker locks, and whether its confidence means what it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import Floats

TOLERANCE = 0.07  # s
FROM = 5.0  # s
AHEAD = 0.05  # s before its sound at which a beat must be announced to count as predicted
_SETTLED = 4.0  # s of right beats that make a lock


@dataclass(frozen=True, slots=True)
class Announced:
    """What a tracker said: `times` (B,) s; `downbeats` (B,) flags; `announced_at` (B,) s of sound heard by then;
    `confidence` (B,) 0…1, NaN where a tracker has none.
    """  # noqa: D205

    times: Floats
    downbeats: NDArray[np.bool_]
    announced_at: Floats
    confidence: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """All figures of one clip; None where one cannot be measured there."""

    f: float
    ahead: float
    downbeat: float | None
    cmlt: float
    amlt: float
    lock: float | None
    relock: float | None
    octave: bool | None
    correct: NDArray[np.bool_]  # of the announced beats from 5 s on
    confidence: Floats


def score(found: Announced, beats: Floats, bars: Floats, events: tuple[float, ...] = ()) -> Score:
    """Compare `found` with the true `beats` (B,) s and `bars` (B,) beats in the bar; `events` s to re-lock after."""
    import mir_eval

    late = found.times >= FROM
    reference, times = beats[beats >= FROM], found.times[late]
    ahead = times[times - found.announced_at[late] >= AHEAD - 1e-6]
    measured = len(reference) > 1 and len(times) > 1
    _, cmlt, _, amlt = mir_eval.beat.continuity(reference, np.unique(times)) if measured else (0.0,) * 4
    true_down, down = reference[bars[beats >= FROM] == 1], found.times[late & found.downbeats]
    relocks = [relock_time(found.times, beats, event) for event in events]
    known = [each for each in relocks if each is not None]
    return Score(
        f=f_measure(reference, times),
        ahead=f_measure(reference, ahead),
        downbeat=f_measure(true_down, down) if len(true_down) else None,
        cmlt=float(cmlt),
        amlt=float(amlt),
        lock=lock_time(found.times, beats, float(beats[0])) if len(beats) else None,
        relock=float(np.median(known)) if known else None,
        octave=right_octave(times, reference),
        correct=matched(times, reference),
        confidence=found.confidence[late],
    )


def f_measure(reference: Floats, times: Floats) -> float:
    """Return the F-measure at ±70 ms, 0…1."""
    import mir_eval

    if not len(reference) or not len(times):
        return 0.0
    return float(mir_eval.beat.f_measure(reference, np.sort(times), f_measure_threshold=TOLERANCE))


def matched(times: Floats, reference: Floats) -> NDArray[np.bool_]:
    """Return which of `times` (B,) have a true beat within the tolerance."""
    if not len(reference):
        return np.zeros(len(times), dtype=bool)
    distance = np.abs(times[:, None] - reference[None, :]).min(axis=1) if len(times) else np.empty(0)
    return np.asarray(distance <= TOLERANCE)


def lock_time(times: Floats, beats: Floats, start: float) -> float | None:
    """Return seconds from `start` until the beats are right and stay so for 4 s; half or double tempo is allowed.

    Right is: at least nine in ten of the beats, found and true ones, have a partner. None when that never happens.
    """
    for first in times[times >= start]:
        until = first + _SETTLED
        if until > beats[-1] + 0.5:
            return None
        found = times[(times >= first - 1e-9) & (times <= until)]
        for version in _versions(beats):
            true = version[(version >= first - TOLERANCE) & (version <= until + TOLERANCE)]
            inner = true[(true >= first) & (true <= until)]
            if len(found) > 1 and len(inner) > 1:
                share = min(float(matched(found, true).mean()), float(matched(inner, found).mean()))
                if share >= 0.9:
                    return float(first - start)
    return None


def relock_time(times: Floats, beats: Floats, event: float) -> float | None:
    """Return seconds from `event` s (or the first true beat after it) until the beats are right again."""
    after = beats[beats >= event - 1e-6]
    return lock_time(times, after, float(after[0])) if len(after) > 2 else None


def _versions(beats: Floats) -> list[Floats]:
    """Return the beats as they are, every second one both ways, and twice as many."""
    between = (beats[:-1] + beats[1:]) / 2
    return [beats, beats[::2], beats[1::2], np.sort(np.concatenate([beats, between]))]


def right_octave(times: Floats, reference: Floats) -> bool | None:
    """Return whether the tempo found is nearer to the true one than to its half or double; None without beats."""
    if len(times) < 3 or len(reference) < 3:
        return None
    ratio = float(np.median(np.diff(reference)) / np.median(np.diff(times)))
    return bool(abs(np.log2(ratio)) < 0.4)


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 10) -> float | None:
    """Return the mean distance, weighted by number, of announced confidence and share of right beats in bins."""
    known = np.isfinite(confidence)
    if not known.any():
        return None
    confidence, correct = confidence[known], correct[known]
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for each in np.unique(index):
        inside = index == each
        total += abs(float(confidence[inside].mean()) - float(correct[inside].mean())) * int(inside.sum())
    return total / len(confidence)
