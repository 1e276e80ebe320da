"""Faults put into real motion, by kind, part and amount, so that the truth about a movement's quality is known.

Every fault is made on the bones: their vectors in the dancer's own heading, so lengths are kept and a turn stays a
turn. Feet that a fault of the trunk would lift are put back by bending the knees. Amounts are in the units of
`dancecoach.assessment.rubric` and are what the movement shows afterwards (`fault_effects`), not what went into a
filter; kinds in `HELD_OUT` are never trained on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

from dancecoach.assessment.fitting import spread_of
from dancecoach.assessment.kinematics import heading, turned
from dancecoach.assessment.rubric import RULES, TWINS, score, severity
from dancecoach.types import JOINT_INDEX, JOINT_PARENTS, LIMBS, BodyPart, FaultKind, Floats

TRAINED: tuple[FaultKind, ...] = ("late", "early", "uneven", "small", "stiff", "shaky", "posture", "missed")
HELD_OUT: tuple[FaultKind, ...] = ("asymmetric", "off_balance", "no_level_change", "different")

_SLOW = 2.0  # s, standard deviation of the mean around which a movement is large or small
STIFF = 1.5  # Hz above which stiffness takes away
_ROUNDS, _OVERDONE = 6, 1.5  # of putting lengths back, which gives back some of what was taken; times the quick part
_TREMBLE = (4.0, 9.0)  # Hz
_SWAY = (0.25, 1.2)  # Hz
_BLEND = 0.2  # s in and out of a missed or another move
_EIGHT = 4.0  # s of an eight-count where no beats are known
_MOVEMENT = 0.5  # s between two movements where no beats are known
_DRAWS = 16  # of what chance decides, until the fault shows
_MOVED = 0.7  # of the usual speed, or of the movement's mean square; less is not missed, or no other move
_STEEPEST = 0.9  # s of lateness gained in a second
_PARENTS = np.array(JOINT_PARENTS)

# The joints whose bones (from their parents) a fault of a part changes; the torso carries the arms along.
PART_BONES: dict[BodyPart, tuple[int, ...]] = {
    "left_arm": (18, 20),
    "right_arm": (19, 21),
    "left_leg": (4, 7, 10),
    "right_leg": (5, 8, 11),
    "torso": (3, 6, 9, 12, 13, 14, 15, 16, 17),
    "body": tuple(range(1, 22)),
}
_LENGTHS = {"left_arm": 2, "right_arm": 2, "left_leg": 3, "right_leg": 3, "torso": 5, "body": 4}  # bones to the end


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: part (of an asymmetry, either limb of the weak side), kind, and amount in the rubric's unit."""

    part: BodyPart
    kind: FaultKind
    amount: float


def parts_of(fault: Fault) -> tuple[BodyPart, ...]:
    """Return the parts a fault changes: of an asymmetry, arm and leg of the weak side; else its own."""
    return (fault.part, TWINS[fault.part]) if fault.kind == "asymmetric" else (fault.part,)


def quality_of(faults: Iterable[Fault]) -> float:
    """Return the rubric's quality, 0…100, of a movement with these faults."""
    return score((part, fault.kind, fault.amount) for fault in faults for part in parts_of(fault))


def deductions_of(faults: Iterable[Fault]) -> dict[BodyPart, float]:
    """Return the points each limb is answerable for; a fault of the whole body is shared among all."""
    found = dict.fromkeys(LIMBS, 0.0)
    for fault in faults:
        for part in parts_of(fault):
            points = severity(part, fault.kind, fault.amount)
            for limb in LIMBS if part == "body" else (part,):
                found[limb] += points / (len(LIMBS) if part == "body" else 1)
    return found


def draw(
    rng: np.random.Generator,
    kinds: Sequence[FaultKind],
    moving: Sequence[BodyPart] = LIMBS,
    strength: tuple[float, float] = (0.1, 1.0),
) -> list[Fault]:
    """Return no, one or two faults of different parts; amounts from `strength` (shares of the rubric's full)."""
    number = int(rng.choice(3, p=(0.25, 0.5, 0.25)))
    faults: list[Fault] = []
    for _ in range(number):
        kind = kinds[int(rng.integers(len(kinds)))]
        choices: Sequence[BodyPart]
        part: BodyPart
        if kind in ("off_balance", "no_level_change"):
            part = "body"
        elif kind == "asymmetric":
            part = ("left_arm", "right_arm")[int(rng.integers(2))]
        else:
            # Legs cannot lean: they stand.
            choices = ["left_arm", "right_arm", "torso"] if kind == "posture" else [*moving, "body"]
            part = choices[int(rng.integers(len(choices)))]
        if any(part in (other.part, "body") or other.part == "body" for other in faults):
            continue
        faults.append(Fault(part, kind, float(rng.uniform(*strength)) * RULES[kind].full))
    return faults


def inject(
    times: Floats, joints: Floats, faults: Iterable[Fault], rng: np.random.Generator, beats: Floats | None = None
) -> Floats:
    """Return the movement with the faults in it.

    Parameters
    ----------
    times : (T,) s, even steps
    joints : (T, 22, 3) m in the room, y up
    faults : iterable of Fault
        Put in one after the other.
    rng : Generator
    beats : (B,) s, optional
        Where movements and eight-counts are; else a movement lasts half a second.

    Returns
    -------
    (T, 22, 3) m in the room; bones as long as before.
    """
    moved = np.asarray(joints, dtype=np.float64)
    for fault in faults:
        for part in parts_of(fault):
            moved = _inject_one(np.asarray(times, dtype=np.float64), moved, part, fault, rng, beats)
    return moved


def _inject_one(
    times: Floats, joints: Floats, part: BodyPart, fault: Fault, rng: np.random.Generator, beats: Floats | None
) -> Floats:
    rate = (len(times) - 1) / (times[-1] - times[0])
    kind, amount = fault.kind, fault.amount
    if kind in ("late", "early"):
        delay = amount / 1000.0 * (1 if kind == "late" else -1)
        return _warped(times, joints, part, times - delay)
    if kind == "uneven":
        return _warped(times, joints, part, times - _lateness(times, joints, fault, rng, beats))
    if kind in ("missed", "different"):
        share = _windows(times, joints, fault, rng, beats)
        source = _held(times, share) if kind == "missed" else _elsewhere(times, joints, part, share, rng)
        return _replaced(times, joints, part, source, share)
    if kind == "no_level_change":
        height = joints[:, 0, 1]
        slow = gaussian_filter1d(height, _SLOW * rate, mode="nearest")
        return _moved_over_feet(joints, np.array([0.0, 1.0, 0.0]) * ((slow - height) * amount / 100.0)[:, None])
    if kind == "off_balance":
        return _moved_over_feet(joints, _noise(len(times), 3, rate, _SWAY, rng) * [1, 0, 1] * amount / 100.0 / 2**0.5)
    return _bent(times, joints, part, fault, rng, rate)


# --- frames ---------------------------------------------------------------------------------------------------------


def _bones(joints: Floats, rate: float) -> tuple[Floats, Floats]:
    yaw = heading(joints, rate)
    bones = joints - joints[:, np.maximum(_PARENTS, 0)]
    return turned(bones, -yaw), yaw


def _rebuilt(roots: Floats, bones: Floats, yaw: Floats) -> Floats:
    world = turned(bones, yaw)
    joints = np.empty_like(world)
    joints[:, 0] = roots
    for joint in range(1, world.shape[1]):
        joints[:, joint] = joints[:, _PARENTS[joint]] + world[:, joint]
    return joints


def _at(times: Floats, values: Floats, when: Floats) -> Floats:
    """Return `values` (T, ...) at `when` (T,) s; held beyond the ends."""
    position = np.clip((when - times[0]) / (times[-1] - times[0]), 0, 1) * (len(times) - 1)
    spline = CubicSpline(np.arange(len(times)), values, axis=0)
    return np.asarray(spline(position))


def _same_length(bones: Floats, like: Floats) -> Floats:
    lengths = np.linalg.norm(like, axis=-1, keepdims=True)
    return np.asarray(bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9) * lengths)


# --- in time --------------------------------------------------------------------------------------------------------


def _warped(times: Floats, joints: Floats, part: BodyPart, when: Floats) -> Floats:
    if part == "body":
        return _at(times, joints, when)
    rate = (len(times) - 1) / (times[-1] - times[0])
    bones, yaw = _bones(joints, rate)
    changed = list(PART_BONES[part])
    bones[:, changed] = _same_length(_at(times, bones[:, changed], when), bones[:, changed])
    return _rebuilt(joints[:, 0], bones, yaw)


def energy_of(times: Floats, joints: Floats, part: BodyPart) -> Floats:
    """Return the squared speed (T,) m²/s² of a part's joints (T, 22, 3), summed; of a limb's against the pelvis.

    It weighs lateness: where nothing moves, nothing can be late.
    """
    moving = joints if part == "body" else joints - joints[:, :1]
    velocity = np.gradient(moving[:, list(PART_BONES[part])], times, axis=0)
    return np.asarray((velocity**2).sum(axis=(1, 2)) + 1e-9)


def _eights(times: Floats, beats: Floats | None) -> Floats:
    """Return the edges (E,) s of eight-counts."""
    if beats is not None and len(beats) >= 9:
        return np.asarray(beats[::8])
    number = max(1, round((times[-1] - times[0]) / _EIGHT))
    return np.asarray(np.linspace(times[0], times[-1], number + 1))


def course_of(
    times: Floats, joints: Floats, fault: Fault, rng: np.random.Generator, beats: Floats | None
) -> Floats | None:
    """Return what chance decides about a fault over time, (T,), as `inject` decides it with the same `rng`.

    Of an uneven movement its lateness, s; of a missed or another move 1 where it is and 0 elsewhere; else None.
    """
    if fault.kind == "uneven":
        return _lateness(times, joints, fault, rng, beats)
    return _windows(times, joints, fault, rng, beats) if fault.kind in ("missed", "different") else None


def _lateness(times: Floats, joints: Floats, fault: Fault, rng: np.random.Generator, beats: Floats | None) -> Floats:
    """Return lateness (T,) s that changes from movement to movement, in every eight-count by the fault's amount.

    No movement overtakes the one before it; where the amount would have it so, it is less.
    """
    inside = beats[(beats >= times[0]) & (beats <= times[-1])] if beats is not None else np.empty(0)
    knots = inside if len(inside) >= 4 else np.arange(times[0], times[-1] + _MOVEMENT, _MOVEMENT)
    energy = energy_of(times, joints, fault.part)
    edges = _eights(times, beats)
    eights = np.searchsorted(edges[1:-1], knots, side="right")
    values = np.zeros(len(knots))
    for eight in range(int(eights.max()) + 1):
        mine = np.flatnonzero(eights == eight)
        if len(mine) < 2:
            continue
        after = np.arange(len(times))[(times >= knots[mine[0]]) & (times <= knots[mine[-1]])]
        least = np.inf
        for _ in range(_DRAWS):
            drawn = rng.standard_normal(len(mine))
            drawn -= drawn.mean()
            course = np.interp(times[after], knots[mine], drawn)
            drawn *= fault.amount / max(spread_of(course, energy[after]), 1e-6)
            first = max(mine[0] - 1, 0)
            row = np.concatenate([values[first : mine[0]], drawn])
            steepest = float(np.abs(np.diff(row) / np.diff(knots[first : mine[-1] + 1])).max())
            if steepest < least:
                least = steepest
                values[mine] = drawn * min(1.0, _STEEPEST / max(steepest, 1e-9))
            if least <= _STEEPEST:
                break
    smooth = np.interp(times, knots, values)
    steepest = float(np.abs(np.gradient(smooth, times)).max())
    return np.asarray(smooth * min(1.0, 0.95 / max(steepest, 1e-9)))


def _windows(times: Floats, joints: Floats, fault: Fault, rng: np.random.Generator, beats: Floats | None) -> Floats:
    """Return weights (T,) 0…1 that cover the amount of every eight-count in one piece, where there is a move."""
    speed = np.sqrt(energy_of(times, joints, fault.part))
    share = fault.amount / 100.0
    inside = np.zeros(len(times))
    for start, stop in itertools.pairwise(_eights(times, beats)):
        length = min(share, 1.0) * (stop - start)
        within = (times >= start) & (times < stop)
        if not within.any() or share <= 0:
            continue
        usual = float(speed[within].mean())
        most, best = -1.0, np.zeros(len(times), dtype=bool)
        for _ in range(_DRAWS):
            first = start + rng.uniform(0, max(stop - start - length, 0.0))
            window = (times >= first) & (times < first + length)
            moved = float(speed[window].mean()) if window.any() else 0.0
            if moved > most:
                most, best = moved, window
            if most >= _MOVED * usual:
                break
        inside[best] = 1.0
    rate = (len(times) - 1) / (times[-1] - times[0])
    return np.asarray(gaussian_filter1d(inside, _BLEND / 4 * rate, mode="nearest"))


def _held(times: Floats, share: Floats) -> Floats:
    """Return for each frame the time of the pose that is held in it."""
    source = times.copy()
    for index in range(1, len(times)):
        if share[index] > 0.01:
            source[index] = source[index - 1]
    return source


def _elsewhere(times: Floats, joints: Floats, part: BodyPart, share: Floats, rng: np.random.Generator) -> Floats:
    """Return for each frame a time in another place of the same motion, where another move is made."""
    length = times[-1] - times[0]
    limb = joints[:, list(PART_BONES[part])] - joints[:, :1]
    size = float(((limb - limb.mean(axis=0)) ** 2).sum(axis=2).mean())
    most, best = -1.0, times
    for _ in range(_DRAWS):
        # Back and forth, so that there is no jump at the end.
        there = (times - times[0] + float(rng.uniform(0.3, 0.7)) * length) % (2 * length)
        source = times[0] + np.minimum(there, 2 * length - there)
        other = limb[np.searchsorted(times, source).clip(0, len(times) - 1)]
        apart = ((other - limb) ** 2).sum(axis=2).mean(axis=1)
        differing = float(np.average(apart, weights=share + 1e-9))
        if differing > most:
            most, best = differing, source
        if most >= _MOVED * size:
            break
    return np.asarray(best)


def _replaced(times: Floats, joints: Floats, part: BodyPart, source: Floats, share: Floats) -> Floats:
    rate = (len(times) - 1) / (times[-1] - times[0])
    bones, yaw = _bones(joints, rate)
    changed = list(PART_BONES[part])
    other = _at(times, bones[:, changed], source)
    weight = share[:, None, None]
    mixed = np.asarray(bones[:, changed] + (other - bones[:, changed]) * weight, dtype=np.float64)
    bones[:, changed] = _same_length(mixed, bones[:, changed])
    roots = joints[:, 0]
    if part == "body":
        other_roots, other_yaw = _at(times, roots, source), _at(times, yaw, source)
        velocity = (
            np.gradient(roots, axis=0) * (1 - share[:, None]) + np.gradient(other_roots, axis=0) * share[:, None]
        )
        path = roots[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(velocity[1:], axis=0)])
        path[:, 1] = roots[:, 1] * (1 - share) + other_roots[:, 1] * share
        roots, yaw = path, yaw[0] + np.concatenate([[0.0], np.cumsum(
            (np.gradient(yaw) * (1 - share) + np.gradient(other_yaw) * share)[1:])])  # fmt: skip
    return _rebuilt(roots, bones, yaw)


# --- in space -------------------------------------------------------------------------------------------------------


def _bent(
    times: Floats, joints: Floats, part: BodyPart, fault: Fault, rng: np.random.Generator, rate: float
) -> Floats:
    bones, yaw = _bones(joints, rate)
    changed = [joint for joint in PART_BONES[part] if np.linalg.norm(bones[:, joint], axis=1).mean() > 1e-6]
    old = bones[:, changed].copy()
    share = fault.amount / 100.0
    if fault.kind in ("small", "asymmetric"):
        slow = gaussian_filter1d(old, _SLOW * rate, axis=0, mode="nearest")
        new = slow + (old - slow) * (1 - share)
    elif fault.kind == "stiff":
        new = _stiffened(old, share, rate)
    elif fault.kind == "shaky":
        new = old.copy()
        for limb in LIMBS if part == "body" else (part,):
            columns = [place for place, joint in enumerate(changed) if joint in PART_BONES[limb]]
            new[:, columns] += _tremor(old[:, columns], limb, fault.amount / 100.0, rate, rng)
    elif fault.kind == "posture":
        new = _leaned(old, part, np.deg2rad(fault.amount), rng)
    else:
        raise ValueError(f"no such fault: {fault.kind}")
    bones[:, changed] = _same_length(new, old)
    return _rebuilt(joints[:, 0], bones, yaw)


def quick_of(values: Floats, rate: float) -> Floats:
    """Return the quick part of values (T, ...): what a zero-phase low-pass at 1.5 Hz leaves out."""
    return np.asarray(values - sosfiltfilt(butter(3, STIFF, "lowpass", fs=rate, output="sos"), values, axis=0))


def _stiffened(bones: Floats, share: float, rate: float) -> Floats:
    """Return bones (T, N, 3) whose quick part is less by `share`, after their lengths are put back."""
    quick = quick_of(bones, rate)
    energy = max(float((quick**2).sum()), 1e-12)
    taken, new = share, bones
    for _ in range(_ROUNDS):
        new = _same_length(bones - taken * quick, bones)
        missing = float(((bones - new) * quick).sum()) / energy
        taken = min(taken + (share - missing), _OVERDONE)
    return new


def _noise(count: int, columns: int, rate: float, band: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Return noise (count, columns) of unit root mean square in a band of Hz."""
    extra = int(2 * rate)
    sos = butter(2, (band[0], min(band[1], 0.45 * rate)), "bandpass", fs=rate, output="sos")
    noise = sosfiltfilt(sos, rng.standard_normal((count + 2 * extra, columns)), axis=0)[extra : extra + count]
    return np.asarray(noise / np.maximum(noise.std(axis=0), 1e-9))


def _tremor(bones: Floats, part: BodyPart, amount: float, rate: float, rng: np.random.Generator) -> Floats:
    """Return changes of bones (T, N, 3) m that make the limb's end tremble by `amount` m, root mean square."""
    number = bones.shape[1]
    noise = _noise(len(bones), 3 * number, rate, _TREMBLE, rng).reshape(bones.shape)
    lengths = np.linalg.norm(bones, axis=-1, keepdims=True)
    # Across the bone only: its length stays.
    along = bones / np.maximum(lengths, 1e-9)
    noise -= (noise * along).sum(axis=-1, keepdims=True) * along
    total = float(np.sqrt((lengths.mean(axis=0) ** 2).sum()))
    chain = max(1.0, number / _LENGTHS[part])  # several chains tremble side by side
    scaled = noise * lengths / max(total, 1e-9) * np.sqrt(chain)
    return np.asarray(scaled * amount / np.sqrt(2.0))


def _leaned(bones: Floats, part: BodyPart, angle: float, rng: np.random.Generator) -> Floats:
    """Return bones turned by `angle` rad about a level axis: forwards for the trunk, any level axis for limbs."""
    about = 0.0 if part in ("torso", "body") else float(rng.uniform(0, np.pi))
    axis = np.array([np.cos(about), 0.0, np.sin(about)])
    sign = 1.0 if part in ("torso", "body") else float(rng.choice((-1.0, 1.0)))
    cosine, sine = np.cos(angle * sign), np.sin(angle * sign)
    cross = np.cross(axis, bones)
    dot = (bones @ axis)[..., None] * axis
    return np.asarray(bones * cosine + cross * sine + dot * (1 - cosine))


def _moved_over_feet(joints: Floats, shift: Floats) -> Floats:
    """Return the body moved by `shift` (T, 3) m, the feet left where they are and the knees bent to fit."""
    moved = joints + shift[:, None]
    for side in ("left", "right"):
        hip, knee, ankle, foot = (JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot"))
        moved[:, knee], moved[:, ankle] = _leg(joints, moved[:, hip], (hip, knee, ankle))
        moved[:, foot] = moved[:, ankle] + joints[:, foot] - joints[:, ankle]
    return moved


def _leg(joints: Floats, hips: Floats, chain: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Return knees and ankles (T, 3) for hips that were moved, the ankles in place where the legs reach."""
    hip, knee, ankle = (joints[:, joint] for joint in chain)
    thigh = np.linalg.norm(knee - hip, axis=1, keepdims=True)
    shin = np.linalg.norm(ankle - knee, axis=1, keepdims=True)
    line = ankle - hips
    far = np.linalg.norm(line, axis=1, keepdims=True)
    reach = np.clip(far, np.abs(thigh - shin) + 1e-4, (thigh + shin) * 0.9999)
    direction = line / np.maximum(far, 1e-9)
    along = (thigh**2 - shin**2 + reach**2) / (2 * reach)
    out = np.sqrt(np.maximum(thigh**2 - along**2, 0.0))
    old_line = (ankle - hip) / np.maximum(np.linalg.norm(ankle - hip, axis=1, keepdims=True), 1e-9)
    bend = (knee - hip) - ((knee - hip) * old_line).sum(axis=1, keepdims=True) * old_line
    bend -= (bend * direction).sum(axis=1, keepdims=True) * direction
    bend /= np.maximum(np.linalg.norm(bend, axis=1, keepdims=True), 1e-6)
    return hips + direction * along + bend * out, hips + direction * reach
