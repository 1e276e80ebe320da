"""How one movement differs from another: single explanations fitted one after the other.

A limb's path P(t) is to be explained by the reference's path R(t). Every kind of fault is a change of R with one
amount that can be fitted:

| kind | R becomes |
|---|---|
| late, early | R(t − d) |
| small | m + s · (R − m), m the slow mean |
| stiff | the slow part of R plus a share of its quick part |
| posture | R turned by one rotation |
| uneven | R(t − d(t)), d from movement to movement |
| shaky | R plus what trembles in P − R |
| missed | R, held while P is held |
| different | R, given up where P goes its own way |
| off_balance | R plus the slow sway of P − R (torso) |

The explanation that leaves least is taken, flexible ones only where plainly better; the next is fitted to what it
leaves, until that is within the noise or no explanation helps. So lateness is never forgiven by a time warp: every
warp is a fault with an amount.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening, gaussian_filter1d, label
from scipy.signal import butter, sosfiltfilt

from dancecoach.assessment.kinematics import RATE
from dancecoach.types import FaultKind, Floats

Mask = NDArray[np.bool_]

MARGIN = 36  # steps on either side of the eight-count that the reference is known for
_LONGEST = 27  # steps of lateness that are looked for; less than a beat at 130 BPM
_QUICK = 1.5  # Hz, from which a movement is quick
_TREMBLE = 3.0  # Hz, from which a difference is a tremor
_SLOWLY = butter(3, _QUICK, "lowpass", fs=RATE, output="sos")
_TREMBLING = butter(3, _TREMBLE, "highpass", fs=RATE, output="sos")
# Lateness passes from one movement to the next and spreads less in between: of movements that are each late by chance
# with a standard deviation of 1, the lateness while moving has one of 1 / PASSING; the mean of 106 eight-counts.
PASSING = 1.5
_EVERY = 3  # steps; lateness is looked for at every third
_CHANGES, _USUALLY = 0.5, 0.25  # s of lateness gained in a second, and s of lateness: standard deviations
_ROUNDS = 4  # of Gauss-Newton, which begins within a step
_BEND = 0.001  # of the usual error; what a change of lateness by one step costs
_STILL = 0.2  # of the usual speed
_AT_EASE, _MOSTLY = 0.15, 0.3  # of the usual sway, where there is none; of the time
_STEADILY = 0.5  # of a tremor's size that it has in its quietest quarter, if it is one
_QUIET = 0.1  # s, over which a tremor's size is told
_SHORTEST, _BRIEF = 0.25, 0.12  # s of another move, and of standing still
_MOMENT = 0.03  # s, standard deviation of the smoothing over a speed that may be a brief rest's
_SHARP = 0.04  # s, standard deviation of the smoothing in which another move begins and ends
_THERE = 0.08  # of the movement's size; nearer than this one is where one should be
_MOSTLY_STILL = 0.6  # of the time elsewhere, the ways there and back left out
_EDGE = 0.1  # s before a missed move in which it begins
_BACK = 0.5  # s after it in which one may catch up
ALIKE = 0.0015  # m; explanations that leave so little leave alike
_MOST = 3  # explanations of one limb
_HELPS = 0.30  # of the error that an explanation has to take away

# What an explanation with many parameters has to beat the single-valued ones by.
PENALTY: dict[FaultKind, float] = {
    "late": 1.0,
    "small": 1.0,
    "stiff": 1.1,
    "posture": 1.2,
    "shaky": 1.2,
    "uneven": 2.2,
    "off_balance": 2.6,
    "missed": 1.6,
    "different": 3.0,
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One explanation: `kind`, `amount` in the rubric's unit (late +, early −), `share` 0…1 of the error it took."""

    kind: FaultKind
    amount: float
    share: float
    where: Floats  # (T,) error taken away at each step, m²
    lateness: Floats | None = None  # (T,) s, of an uneven movement


@dataclass(frozen=True, slots=True)
class _Fit:
    kind: FaultKind
    amount: float
    predicted: Floats  # (T + 2 MARGIN, K, 3)
    error: float  # what is left, over the steps it speaks of
    lateness: Floats | None = None  # (T,) s


@dataclass(frozen=True, slots=True)
class Path:
    """A limb of the reference in the dancer's time and size.

    `joints` (T + 2 MARGIN, K, 3) m against the limb's root; `centre` the same, the slow mean it moves around; `above`
    (K,) which of the K joints each hangs on, −1 for the root; `energy` (T,) m²/s², the squared speed of its joints
    against the pelvis, summed.
    """

    joints: Floats
    centre: Floats
    above: tuple[int, ...]
    energy: Floats


def spread_of(lateness_s: Floats, energy: Floats) -> float:
    """Return the rubric's amount, ms, of lateness (T,) s over movement of this squared speed (T,)."""
    mean = float(np.average(lateness_s, weights=energy))
    return PASSING * 1000.0 * float(np.sqrt(np.average((lateness_s - mean) ** 2, weights=energy)))


def explain(path: Floats, reference: Path, floor: float, sway: bool = False) -> tuple[list[Explanation], Floats]:
    """Return the explanations, the weightiest first, and the error (T,) m² that none explains.

    Parameters
    ----------
    path : (T, K, 3) m
        The limb's joints against its root.
    reference : Path
        The same of the reference.
    floor : float
        m; a root mean square difference that is noise.
    sway : bool
        Whether a slow sway is an explanation.
    """
    kinds: list[Callable[[Floats, Floats], _Fit | None]] = [
        functools.partial(_small, reference), _stiff, _posture, _missed, functools.partial(_different, reference),
    ]  # fmt: skip
    if sway:
        kinds.append(_sway)
    predicted = reference.joints
    found: list[Explanation] = []
    before = _error(path, _inner(predicted))
    for _ in range(_MOST):
        if before.mean() < floor**2:
            break
        lags, errors = _lags(path, predicted)
        timed = (_late(path, predicted, lags, errors), _uneven(reference, path, predicted, (lags, errors), floor))
        tremor = _shaky(bool(found), path, predicted)
        fits = [fit for fit in (*timed, tremor, *(kind(path, predicted) for kind in kinds)) if fit is not None]
        helps = before.mean() * (1 - _HELPS)
        fits = [
            fit
            for fit in fits
            if all(fit.kind != other.kind for other in found) and fit.error * math.sqrt(PENALTY[fit.kind]) <= helps
        ]
        if not fits:
            break
        best = min(fits, key=lambda fit: (fit.error + max(floor, ALIKE) ** 2) * PENALTY[fit.kind])
        after = _error(path, _inner(best.predicted))
        share = 1 - best.error / before.mean()
        where = np.maximum(before - after, 0.0)
        found.append(Explanation(best.kind, best.amount, float(share), where, best.lateness))
        predicted, before = best.predicted, after
    return found, before


def _inner(extended: Floats) -> Floats:
    return extended[MARGIN:-MARGIN]


def _error(path: Floats, predicted: Floats) -> Floats:
    """Return the squared difference (T,) m² of a joint, on average."""
    return np.asarray(((path - predicted) ** 2).sum(axis=2).mean(axis=1))


def _fit(kind: FaultKind, amount: float, path: Floats, predicted: Floats) -> _Fit:
    return _Fit(kind, amount, predicted, float(_error(path, _inner(predicted)).mean()))


def _shifted(extended: Floats, steps: Floats | float) -> Floats:
    """Return `extended` (N, K, 3) as it was `steps` (N,) or one number of steps before; held at the ends."""
    count = len(extended)
    position = np.clip(np.arange(count) - steps, 0, count - 1)
    below = np.minimum(position.astype(np.int64), count - 2)
    share = (position - below)[:, None, None]
    return np.asarray(extended[below] * (1 - share) + extended[below + 1] * share)


def _lags(path: Floats, extended: Floats) -> tuple[Floats, Floats]:
    """Return lags (L,) in steps and the squared differences (L, T / 3) m² at each, at every third step."""
    lags = np.arange(-_LONGEST, _LONGEST + 1)
    count = len(path)
    own = path[::_EVERY]
    errors = np.empty((len(lags), len(own)))
    for row, lag in enumerate(lags):
        apart = own - extended[MARGIN - lag : MARGIN - lag + count : _EVERY]
        errors[row] = np.einsum("tkc,tkc->t", apart, apart)
    return lags.astype(np.float64), errors / path.shape[1]


def _lowest(lags: Floats, errors: Floats) -> float:
    """Return the lag of the least of `errors` (L,), between the samples by a parabola."""
    index = int(np.argmin(errors))
    if not 0 < index < len(lags) - 1:
        return float(lags[index])
    left, middle, right = errors[index - 1 : index + 2]
    bend = left - 2 * middle + right
    return float(lags[index] + (lags[1] - lags[0]) * (0.5 * (left - right) / bend if bend > 0 else 0.0))


def _late(path: Floats, extended: Floats, lags: Floats, errors: Floats) -> _Fit | None:
    lag = _lowest(lags, errors.mean(axis=1))
    if abs(lag) >= _LONGEST - 1:
        return None  # as late as is looked for, and nobody knows how much later
    return _fit("late", lag / RATE * 1000, path, _shifted(extended, lag))


def _small(reference: Path, path: Floats, extended: Floats) -> _Fit | None:
    """Fit a shrinking about the slow mean or the mean, of joints or of the bones' directions."""
    flat = np.broadcast_to(_inner(extended).mean(axis=0), extended.shape)
    best: _Fit | None = None
    for centre in (reference.centre, flat):
        moving = extended - centre
        inner = _inner(moving)
        energy = float((inner**2).sum())
        if energy <= 1e-9:
            continue
        scale = float((inner * (path - _inner(centre))).sum()) / energy
        if not -0.2 <= scale < 1.0:
            continue
        scale = max(scale, 0.0)
        fits = [
            _fit("small", (1 - scale) * 100, path, centre + scale * moving),
            _turned_less(path, extended, centre, reference.above),
        ]
        for fit in fits:
            if best is None or fit.error < best.error:
                best = fit
    return best


def _turned_less(path: Floats, extended: Floats, centre: Floats, above: tuple[int, ...]) -> _Fit:
    """Fit a shrinking that keeps the lengths of the bones."""
    hangs = np.array(above)
    rooted = (hangs < 0)[:, None]
    bones = extended - np.where(rooted, 0.0, extended[:, hangs])
    middle = centre - np.where(rooted, 0.0, centre[:, hangs])
    lengths = np.linalg.norm(bones, axis=2, keepdims=True)

    def predicted(scale: float) -> Floats:
        mixed = middle + scale * (bones - middle)
        mixed *= lengths / np.maximum(np.linalg.norm(mixed, axis=2, keepdims=True), 1e-9)
        for joint, parent in enumerate(above):
            if parent >= 0:
                mixed[:, joint] += mixed[:, parent]
        return np.asarray(mixed)

    scales = np.linspace(0.0, 1.0, 7)
    errors = np.array([float(_error(path, _inner(predicted(float(scale)))).mean()) for scale in scales])
    scale = min(max(_lowest(scales, errors), 0.0), 1.0)
    return _fit("small", (1 - scale) * 100, path, predicted(scale))


def _stiff(path: Floats, extended: Floats) -> _Fit | None:
    """Fit a loss of what is quick, by soft filters of several edges and a sharp one, in the rubric's terms."""
    best: _Fit | None = None
    sharp = extended - sosfiltfilt(_SLOWLY, extended, axis=0)
    wanted = _inner(sharp)
    lost = float(((_inner(extended) - path) * wanted).sum()) / max(float((wanted**2).sum()), 1e-12)
    amount = min(max(lost, 0.0), 1.0) * 100
    softly = [
        (cut, extended - gaussian_filter1d(extended, 0.1325 / cut * RATE, axis=0, mode="nearest"))
        for cut in (0.5, 0.7, 1.0, _QUICK, 2.2)
    ]
    for cut, quick in ((0.0, sharp), *softly):
        slow = extended - quick
        inner = _inner(quick)
        energy = float((inner**2).sum())
        if energy <= 1e-9:
            continue
        scale = float((inner * (path - _inner(slow))).sum()) / energy
        if not 0.0 <= scale < 1.0:
            continue
        # A soft filter at the rubric's edge is told by its own share, any other one by what it did above the edge.
        fit = _fit("stiff", (1 - scale) * 100 if cut == _QUICK else amount, path, slow + scale * quick)
        if best is None or fit.error < best.error:
            best = fit
    return best


def _posture(path: Floats, extended: Floats) -> _Fit | None:
    """Fit one rotation about the limb's root (Kabsch)."""
    inner = _inner(extended)
    rotation = _rotation(inner.reshape(-1, 3), path.reshape(-1, 3))
    angle = math.degrees(math.acos(min(max((float(np.trace(rotation)) - 1) / 2, -1.0), 1.0)))
    return _fit("posture", angle, path, extended @ rotation.T)


def _rotation(source: Floats, target: Floats) -> Floats:
    left, _, right = np.linalg.svd(target.T @ source)
    sign = np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ np.diag([1.0, 1.0, sign]) @ right)


def _shaky(besides: bool, path: Floats, extended: Floats) -> _Fit | None:
    """Fit what trembles; `besides` another explanation only what does so without pause."""
    danced, wanted = (sosfiltfilt(_TREMBLING, each, axis=0) for each in (path, _inner(extended)))
    if (danced**2).sum() < (wanted**2).sum():
        return None  # less than there should be is no tremor
    tremor = danced - wanted
    end = tremor[:, 4 if path.shape[1] >= 5 else -1]  # the torso ends in head and shoulders
    squares = (end**2).sum(axis=1)
    amount = math.sqrt(float(squares.mean())) * 100
    if besides:
        size = np.sqrt(gaussian_filter1d(squares, _QUIET * RATE, mode="nearest"))
        if float(np.percentile(size, 25)) * 100 < _STEADILY * amount:
            return None  # what another explanation left where it begins and ends
    return _with_inner("shaky", amount, path, extended, tremor)


def _sway(path: Floats, extended: Floats) -> _Fit | None:
    difference = path - _inner(extended)
    apart = np.sqrt((difference**2).sum(axis=2).mean(axis=1))
    if (apart < _AT_EASE * math.sqrt(float((apart**2).mean()))).mean() > _MOSTLY:
        return None  # who sways does so all the time
    slow = gaussian_filter1d(difference, 0.1325 / _QUICK * RATE, axis=0, mode="nearest")
    slow = slow - slow.mean(axis=0)
    slow[..., 1] = 0.0
    amount = float(np.sqrt((slow[:, 4] ** 2).sum(axis=1).mean())) * 100
    return _with_inner("off_balance", amount, path, extended, slow)


def _with_inner(kind: FaultKind, amount: float, path: Floats, extended: Floats, change: Floats) -> _Fit:
    predicted = extended.copy()
    predicted[MARGIN:-MARGIN] += change
    return _fit(kind, amount, path, predicted)


def _uneven(reference: Path, path: Floats, extended: Floats, looked: tuple[Floats, Floats], floor: float) -> _Fit:
    """Fit a lateness of every single movement: the least error over all its smooth courses (dynamic programming)."""
    lags, errors = looked
    cost = gaussian_filter1d(errors, 0.04 * RATE / _EVERY, axis=1, mode="nearest").T
    stiffness = _BEND * float(np.median(cost.max(axis=1) - cost.min(axis=1)))
    change = np.abs(lags[:, None] - lags[None, :])
    # Time does not run backwards, nor does one catch up at more than twice the speed.
    step = np.where(change <= _EVERY, stiffness * change**2, np.inf)
    total = cost[0]
    came = np.zeros(cost.shape, dtype=np.int64)
    for index in range(1, len(cost)):
        ways = total[None, :] + step
        came[index] = ways.argmin(axis=1)
        total = ways.min(axis=1) + cost[index]
    course = np.empty(len(cost), dtype=np.int64)
    course[-1] = int(total.argmin())
    for index in range(len(cost) - 1, 0, -1):
        course[index - 1] = came[index, course[index]]
    delay = _refined(path, extended, lags[course], max(floor, ALIKE))
    predicted = _shifted(extended, np.pad(delay, MARGIN, mode="edge"))
    amount = spread_of(delay / RATE, reference.energy)
    return dataclasses.replace(_fit("uneven", amount, path, predicted), lateness=delay / RATE)


def _refined(path: Floats, extended: Floats, knots: Floats, noise: float) -> Floats:
    """Return the lateness (T,) in steps, between the whole steps of the `knots` (L,) it begins with (Gauss-Newton).

    Straight between knots; where nothing moves and lateness cannot be seen, it passes evenly from one to the next.
    """
    count = len(path)
    inside = np.arange(count, dtype=np.float64)
    places = np.arange(len(knots)) * _EVERY
    hats = np.stack([np.interp(inside, places, row) for row in np.eye(len(knots))], axis=1)
    change = np.diff(np.eye(len(knots)), axis=0) / (_CHANGES * _EVERY)
    smooth = change.T @ change + np.eye(len(knots)) / (_USUALLY * RATE) ** 2 / len(knots)
    velocity = np.gradient(extended, axis=0)
    joints = path.shape[1] * noise**2
    knots = knots.copy()
    for _ in range(_ROUNDS):
        late = np.pad(hats @ knots, MARGIN, mode="edge")
        left = path - _inner(_shifted(extended, late))
        slope = _inner(_shifted(velocity, late))
        seen = np.einsum("tkc,tkc->t", slope, slope) / joints
        pull = -np.einsum("tkc,tkc->t", slope, left) / joints
        normal = hats.T @ (seen[:, None] * hats) + smooth
        knots = knots + np.linalg.solve(normal, hats.T @ pull - smooth @ knots)
        knots = np.clip(knots, -MARGIN, MARGIN)
    return np.asarray(hats @ knots)


def _speed(path: Floats, over: float = 0.06) -> Floats:
    velocity = np.gradient(path, axis=0) * RATE
    return np.asarray(gaussian_filter1d((velocity**2).sum(axis=(1, 2)), over * RATE, mode="nearest"))


def _pieces(mask: Mask, shortest: float = _SHORTEST) -> list[tuple[int, int]]:
    length = int(shortest * RATE)
    closed = binary_closing(np.pad(mask, length), np.ones(length // 2))
    opened = binary_opening(closed, np.ones(length))[length:-length]
    return _runs(opened)


def _runs(mask: Mask) -> list[tuple[int, int]]:
    marks, number = label(mask)
    steps = [np.flatnonzero(marks == piece) for piece in range(1, number + 1)]
    return [(int(each[0]), int(each[-1]) + 1) for each in steps]


def _missed(path: Floats, extended: Floats) -> _Fit | None:
    inner = _inner(extended)
    danced, wanted = _speed(path, _MOMENT), _speed(inner, _MOMENT)
    usual = float(wanted.mean())
    still = danced < _STILL**2 * usual
    apart = _error(path, inner)
    taken = np.zeros(len(path), dtype=bool)
    held = 0
    for start, stop in _pieces(still, _BRIEF):
        if wanted[start:stop].mean() <= 4 * danced[start:stop].mean() + 0.01 * usual:
            continue
        # It begins where the two part; the way there and back to where one should be belongs to it.
        apart_from = max(ALIKE**2, 0.003 * float(apart[start:stop].max()))
        parted = np.flatnonzero(apart[start:stop] > apart_from)
        first = start + int(parted[0]) if len(parted) else start
        last = stop
        while last < min(stop + int(_BACK * RATE), len(path)) and apart[last] > apart_from:
            last += 1
        begun = first
        while begun > max(start - int(_BACK * RATE), 0) and apart[begun - 1] > apart_from:
            begun -= 1
        if stop - start + 2 * _EDGE * RATE < _MOSTLY_STILL * (last - begun):
            continue  # a moment's rest in another move
        taken[max(0, begun - int(_EDGE * RATE)) : last + 5] = True
        held += last - first
    if held == 0:
        return None
    fit = _given_up("missed", taken, path, extended)
    return fit and _Fit(fit.kind, (held / len(path)) * 100, fit.predicted, fit.error)


def _different(reference: Path, path: Floats, extended: Floats) -> _Fit | None:
    inner, wanted = _inner(extended), _inner(reference.joints)
    width = 0.12 * RATE

    def smooth(values: Floats) -> Floats:
        return np.asarray(gaussian_filter1d(values, width, mode="nearest"))

    apart = smooth(_error(path, inner))
    # Of the movement that should be: what a stiff or small one leaves is no other move.
    size = smooth(_error(wanted, np.broadcast_to(wanted.mean(axis=0), wanted.shape))).mean()
    taken = np.zeros(len(path), dtype=bool)
    for start, stop in _pieces(apart > 0.3 * size):
        taken[start:stop] = True
    held = _speed(path) < _STILL**2 * float(_speed(inner).mean())
    if taken.any() and held[taken].mean() > 0.4:
        missed = _missed(path, extended)
        if missed is not None and missed.error < 0.5 * float(_error(path, inner).mean()):
            return None  # not another move but none
    if not 0 < taken.mean() < 1:
        return None
    taken, lasted = _other_moves(np.sqrt(_error(path, inner)), taken, math.sqrt(float(size)))
    fit = _given_up("different", taken, path, extended)
    if fit is None:
        return None
    return _Fit(fit.kind, 100.0 * lasted / len(path), fit.predicted, fit.error)


def _other_moves(apart: Floats, taken: Mask, size: float) -> tuple[Mask, int]:
    """Return the steps (T,) of other moves of which `taken` (T,) is plainly so, and how many steps they last.

    `apart` (T,) m from where the limb should be, in a movement of this `size`, m. Another move lasts until the limb
    is back where it should be, also where it comes near in between; it begins and ends half way to there.
    """
    far = np.asarray(gaussian_filter1d(apart, _SHARP * RATE, mode="nearest"))
    back = max(ALIKE, _THERE * size, 2 * float(np.median(apart[~taken])))
    length, edge = int(_SHORTEST * RATE), int(_EDGE * RATE)
    away = binary_closing(np.pad((far > back) | taken, length), np.ones(length))[length:-length]
    marks, _ = label(away)
    whole = np.isin(marks, np.unique(marks[taken]))
    lasted = 0
    for start, stop in _runs(whole):
        begin = start + int(np.argmax(far[start:stop] > 0.5 * far[start : start + 2 * edge].max()))
        end = stop - int(np.argmax(far[start:stop][::-1] > 0.5 * far[start:stop][::-1][: 2 * edge].max()))
        lasted += max(end - begin, 0)
    return whole, lasted


def _given_up(kind: FaultKind, taken: Mask, path: Floats, extended: Floats) -> _Fit | None:
    """Return the fit that leaves out the steps in `taken` (T,); what is left is said of the others."""
    share = float(taken.mean())
    if not 0.0 < share < 0.95:
        return None
    predicted = extended.copy()
    predicted[MARGIN:-MARGIN][taken] = path[taken]
    error = float(_error(path, _inner(predicted)).mean()) / (1 - share)
    return _Fit(kind, share * 100, predicted, error)
