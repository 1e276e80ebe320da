"""What a webcam does to a leader, and how a follower stands it.

A corrupted leader is not-a-number where nothing was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dancecoach.bench.duet_metrics import steps
from dancecoach.session.duets import RATE
from dancecoach.types import JOINT_INDEX, Floats

_LEGS = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("knee", "ankle", "foot")]
_PLACES = (0.25, 0.5, 0.75)  # of a take, where dropouts begin
_LEGS_SEEN = 2.0  # s before they leave the picture
_NOISE = 0.03  # m, root mean square distance of a joint from where it is
_SMOOTHED = 0.5  # s over which errors are averaged
_WITHIN, _SLACK = 1.25, 0.01  # times, and m, of the undisturbed error that count as recovered
_LONGEST = 4.0  # s within which recovery is looked for


def _dropout(seconds: float) -> Callable[[Floats], Floats]:
    def corrupt(leader: Floats) -> Floats:
        leader = leader.copy()
        for start, stop in dropouts(len(leader), seconds):
            leader[start:stop] = np.nan
        return leader

    return corrupt


def dropouts(frames: int, seconds: float) -> list[tuple[int, int]]:
    """Return the first frame of each dropout and the first after it."""
    size = max(1, round(seconds * RATE))
    return [(start, min(start + size, frames)) for start in (round(place * frames) for place in _PLACES)]


def _no_legs(leader: Floats) -> Floats:
    leader = leader.copy()
    leader[round(_LEGS_SEEN * RATE) :, _LEGS] = np.nan
    return leader


def _half_rate(leader: Floats) -> Floats:
    leader = leader.copy()
    leader[1::2] = np.nan
    return leader


def _noisy(leader: Floats) -> Floats:
    generator = np.random.default_rng(len(leader))
    return leader + generator.normal(scale=_NOISE / np.sqrt(3.0), size=leader.shape)


DROPOUTS: Mapping[str, float] = {"dropout 0.2 s": 0.2, "dropout 1 s": 1.0, "dropout 3 s": 3.0}
CORRUPTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    **{name: _dropout(seconds) for name, seconds in DROPOUTS.items()},
    "no legs": _no_legs,
    "15 frames/s": _half_rate,
    "3 cm noise": _noisy,
}


@dataclass(frozen=True, slots=True)
class Endured:
    """A follower under a corrupted leader.

    `root` m mean error and `undisturbed` m that of the same follower otherwise; `step` m the largest way of a joint
    in a frame less the 99.9th percentile of the true follower's; `recovery` (D,) s after each dropout until the error
    is within 1.25 times the undisturbed one (and 1 cm), infinite where it is not within four seconds.
    """

    root: float
    undisturbed: float
    step: float
    recovery: tuple[float, ...]


def endured(name: str, corrupted: Floats, undisturbed: Floats, true: Floats) -> Endured:
    """Compare a follower (T, 22, 3) m under the corruption `name` with the same one undisturbed and the true one."""
    error, usual = (np.linalg.norm((room - true)[:, 0, [0, 2]], axis=1) for room in (corrupted, undisturbed))
    recovery = []
    if name in DROPOUTS:
        smooth, expected = _averaged(error), _averaged(usual)
        good = smooth <= _WITHIN * expected + _SLACK
        for _, stop in dropouts(len(true), DROPOUTS[name]):
            if stop + round(RATE) > len(true):
                continue  # the take ends too soon to tell
            later = np.flatnonzero(good[stop : stop + round(_LONGEST * RATE)])
            recovery.append(float(later[0] / RATE) if len(later) else float("inf"))
    return Endured(
        root=float(error.mean()),
        undisturbed=float(usual.mean()),
        step=float(steps(corrupted).max() - np.percentile(steps(true), 99.9)),
        recovery=tuple(recovery),
    )


def _averaged(values: Floats) -> Floats:
    size = min(max(1, round(_SMOOTHED * RATE)), len(values))
    padded = np.pad(values, (size // 2, size - 1 - size // 2), mode="edge")
    return np.convolve(padded, np.full(size, 1.0 / size), mode="valid")
