"""Where in a longer movement a shorter one is: which moment, how fast, mirrored or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter1d

from dancecoach.assessment.kinematics import Body, turned
from dancecoach.types import MIRROR_JOINTS, Floats

_RATE = 10.0  # Hz at which postures are compared
_SPEEDS = np.arange(85, 117, 3) / 100.0  # 1 is among them
_BONES = (3, 9, 15, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)  # trunk, head and limbs
_MIRRORED = [_BONES.index(MIRROR_JOINTS[joint]) for joint in _BONES]
_WEIGHTS = np.sqrt([0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0])
_NEAR = 0.45  # s; as late as is looked for
_AS_GOOD = 1.1, 0.035  # of the least distance, and rad more, up to which a place is as good
_LIMBS = ((0, 1, 2, 7, 8), (3, 5), (4, 6), (9, 11), (10, 12))  # of `_BONES`
_CORE = 0.6  # of limbs and moments
_PLAINLY = 0.8  # of the unmirrored distance that the mirrored one has to be below


@dataclass(frozen=True, slots=True)
class Found:
    """The best place: `start` s in the longer one, `speed` of the shorter (1.1 is faster), `mirrored`, `distance`.

    `distance` is the root mean square angle between bones, rad; `others` the least distance anywhere else (more than
    half the length away); `core` the distance of the limbs and moments that agree best, three fifths of all.
    """

    start: float
    speed: float
    mirrored: bool
    distance: float
    others: float
    core: float


class Postures:
    """The postures of a movement at even steps, to be searched.

    Parameters
    ----------
    body : Body
    """

    def __init__(self, body: Body) -> None:
        self.times = body.times
        bones = turned(body.bones, -body.yaw)[:, list(_BONES)]
        lengths = np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
        rate = (len(body.times) - 1) / max(body.times[-1] - body.times[0], 1e-9)
        # Smoothed, so that a few hundredths of a second of lateness do not matter here.
        self._bones = gaussian_filter1d(bones / lengths, 0.06 * rate, axis=0, mode="nearest")

    def sampled(self, when: Floats) -> Floats:
        """Return postures (N, bones, 3) at the times `when` (N,) s."""
        rate = (len(self.times) - 1) / max(self.times[-1] - self.times[0], 1e-9)
        position = np.clip((when - self.times[0]) * rate, 0, len(self.times) - 1)
        below = np.minimum(position.astype(np.int64), max(len(self.times) - 2, 0))
        share = (position - below)[:, None, None]
        above = np.minimum(below + 1, len(self.times) - 1)
        return np.asarray((self._bones[below] * (1 - share) + self._bones[above] * share) * _WEIGHTS[:, None])


def _mirror(postures: Floats) -> Floats:
    return np.asarray(postures[:, _MIRRORED] * np.array([-1.0, 1.0, 1.0]))


_Candidate = tuple[float, float, bool, float, Floats, Floats]


def _near(candidates: Sequence[_Candidate], mirrored: bool, expected: float | None) -> _Candidate | None:
    """Return the best place close to where the movement is expected, at its own speed."""
    if expected is None:
        return None
    for _, speed, own_mirrored, _, places, course in candidates:
        if own_mirrored != mirrored or abs(speed - 1) > 0.015:
            continue
        close = np.flatnonzero(np.abs(places[: len(course)] - expected) < _NEAR)
        if len(close):
            index = int(close[course[close].argmin()])
            return float(places[index]), speed, mirrored, float(course[index]), places, course
    return None


def _refined(
    dancer: Postures, span: tuple[float, float], longer: Postures, mirrored: bool, found: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return start, speed and distance between the places and speeds that were tried."""
    start, stop = span
    count = max(8, round((stop - start) * 2 * _RATE))
    own = dancer.sampled(np.linspace(start, stop, count, endpoint=False))
    own = _mirror(own) if mirrored else own
    scale = count * float((_WEIGHTS**2).sum())
    place, speed, distance = found
    least = np.inf
    for width, fine in ((0.12, 0.018), (0.04, 0.006), (0.014, 0.003)):
        around, usual = place, speed
        for first in around + np.linspace(-width, width, 7):
            for pace in {*(usual + np.linspace(-fine, fine, 7)), 1.0}:
                last = first + (stop - start) * pace
                if first < longer.times[0] - 1e-6 or last > longer.times[-1] + 1.5 / _RATE:
                    continue
                seen = longer.sampled(np.linspace(first, last, count, endpoint=False))
                differing = seen - own
                squares = (differing**2).sum(axis=2)
                # Bone by bone, so that the many that agree are not moved to meet the limb that does not; and without
                # what differs all the time, which tells nothing of when.
                moving = differing - differing.mean(axis=0)
                apart = float(np.sqrt((moving**2).sum(axis=2).mean(axis=0)).mean())
                cost = (apart + 0.004) * (1 + 0.3 * abs(pace - 1))
                if cost < least:
                    least, place, speed = cost, float(first), float(pace)
                    distance = min(float(np.sqrt(squares.sum() / scale)), found[2])
    return place, speed, distance


def _core(
    dancer: Postures, span: tuple[float, float], longer: Postures, mirrored: bool, found: tuple[float, float]
) -> float:
    """Return the distance of what agrees best: a limb that does something else for a while does not count there."""
    start, stop = span
    place, speed = found
    count = max(8, round((stop - start) * 2 * _RATE))
    own = dancer.sampled(np.linspace(start, stop, count, endpoint=False))
    seen = longer.sampled(np.linspace(place, place + (stop - start) * speed, count, endpoint=False))
    squares = ((seen - (_mirror(own) if mirrored else own)) ** 2).sum(axis=2)
    cells = np.stack(
        [squares[:, limb].sum(axis=1) / float((_WEIGHTS[list(limb)] ** 2).sum()) for limb in _LIMBS], axis=1
    ).ravel()
    return float(np.sqrt(np.sort(cells)[: int(_CORE * len(cells))].mean()))


def locate(
    dancer: Postures, start: float, stop: float, longer: Postures, expected: float | None = None
) -> Found | None:
    """Return where the dancer's movement from `start` to `stop` s is in `longer`; None when that is too short.

    `expected` s is where in `longer` it would start if nothing were moved; it is preferred among repeats.
    """
    distances: dict[bool, float] = {}
    candidates: list[_Candidate] = []
    for speed in _SPEEDS:
        count = max(4, round((stop - start) * _RATE * speed))
        when = np.linspace(start, stop, count, endpoint=False)
        # Counted from where it is expected, so that this very place is among them.
        lead = 0.0 if expected is None else (expected - longer.times[0]) % (1 / _RATE)
        places = np.arange(longer.times[0] + lead, longer.times[-1] + 1e-9, 1 / _RATE)
        if len(places) < count:
            continue
        seen = dancer.sampled(when)
        windows = sliding_window_view(longer.sampled(places).reshape(len(places), -1), count, axis=0)
        windows = np.swapaxes(windows, 1, 2).reshape(len(windows), -1)
        squares = (windows**2).sum(axis=1)
        for mirrored in (False, True):
            own = (_mirror(seen) if mirrored else seen).ravel()
            apart = (squares + own @ own - 2 * windows @ own) / (count * float((_WEIGHTS**2).sum()))
            distance = np.sqrt(np.maximum(apart, 0.0))
            index = int(distance.argmin())
            distances[mirrored] = min(distances.get(mirrored, np.inf), float(distance[index]))
            candidates.append(
                (float(places[index]), float(speed), mirrored, float(distance[index]), places, distance)
            )
    if not candidates:
        return None
    mirrored = distances[True] < _PLAINLY * distances[False]
    # A speed other than one's own has to be plainly better.
    chosen = min(
        (each for each in candidates if each[2] == mirrored), key=lambda each: each[3] * (1 + 0.3 * abs(each[1] - 1))
    )
    near = _near(candidates, mirrored, expected)
    if near is not None and near[3] <= _AS_GOOD[0] * chosen[3] + _AS_GOOD[1]:
        chosen = near  # of places that are as good, such as repeats, the one where it is expected
    place, speed, _, distance, places, course = chosen
    place, speed, distance = _refined(dancer, (start, stop), longer, mirrored, (place, speed, distance))
    away = np.abs(places[: len(course)] - place) > (stop - start) / 2
    others = float(course[away].min()) if away.any() else np.inf
    core = _core(dancer, (start, stop), longer, mirrored, (place, speed))
    return Found(place, speed, mirrored, distance, others, core)
