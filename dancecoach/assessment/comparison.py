"""A dancer's eight-count against the same eight-count of a reference: which limb, what, by how much.

The reference's bones take the dancer's lengths and the dancer's time (by counts), each limb's path is explained
(`fitting`), and what several limbs share is said once, of the body.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import detrend

from dancecoach.assessment.fitting import ALIKE, MARGIN, PENALTY, Explanation, Path, explain, spread_of
from dancecoach.assessment.kinematics import (
    CHAIN_JOINTS,
    RATE,
    Body,
    fitted_lengths,
    hangs_on,
    limb,
    positions,
    turned,
)
from dancecoach.assessment.rubric import RULES
from dancecoach.types import JOINT_COUNT, LIMBS, BodyPart, FaultKind, Floats

_FLOOR, _FLOOR_MONOCULAR = 0.0012, 0.03  # m
_SLOW = 2.0  # s, standard deviation of the mean that movements are large or small around
_DEPTH = 0.25  # weight of the axis that one camera cannot see well
_VISIBLE = 0.5
_MOVES = 0.015  # m, root mean square; a limb of the reference that moves less does not move
_COMMON = 0.3  # of the legs' error that a sway or a change of level leaves
_LEVEL, _LEVEL_MONOCULAR = 0.005, 0.012  # m, standard deviation of the hips' height from which its level changes
_LEVELLED = 0.85  # of the reference's change of level
_SAME = 0.4  # by which amounts differ that are one fault of the body, of their median
_ALL_SHAKE = 3  # limbs that tremble together only where measuring does
_HELD = 0.01  # of its cost, at which a limb that is held in one frame is taken for held
_TINY = 0.04  # of the rubric's full amount; less is nothing
_BEYOND = 0.6  # of the movement's size; a difference that nothing explains and that is larger is another move
_SIDES: tuple[tuple[BodyPart, BodyPart, BodyPart, BodyPart], ...] = (
    ("left_arm", "left_leg", "right_arm", "right_leg"),
    ("right_arm", "right_leg", "left_arm", "left_leg"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A measured fault: `amount` in the rubric's unit; `share` 0…1 of the difference it explains; `where` (T,) m².

    `lateness` (T,) s of an uneven limb.
    """

    part: BodyPart
    kind: FaultKind
    amount: float
    share: float
    where: Floats
    lateness: Floats | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found in an eight-count.

    `findings`; `deviations` (22,) m, root mean square of each joint against its limb's root; `unseen` why limbs were
    left out; `unexplained` of each limb, the share of its movement's size that no finding explains, 0…1.
    """

    findings: tuple[Finding, ...]
    deviations: Floats
    unseen: Mapping[BodyPart, str] = field(default_factory=dict)
    unexplained: Mapping[BodyPart, float] = field(default_factory=dict)


class Reference:
    """A movement to compare with.

    Parameters
    ----------
    body : Body
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        bones = turned(body.bones, -body.yaw)
        self._layers = np.concatenate(
            [bones, gaussian_filter1d(bones, _SLOW * RATE, axis=0, mode="nearest"), body.roots[:, None]], axis=1
        )

    def taken(self, when: Floats) -> _Taken:
        """Return the reference at the times `when` (N,) s, held beyond its ends."""
        body = self.body
        position = np.clip((when - body.times[0]) * RATE, 0, len(body.times) - 1)
        below = np.minimum(position.astype(np.int64), len(body.times) - 2)
        share = position - below
        weight = share[:, None, None]
        layers = self._layers[below] + (self._layers[below + 1] - self._layers[below]) * weight
        yaw = body.yaw[below] + (body.yaw[below + 1] - body.yaw[below]) * share
        return _Taken(layers[:, :JOINT_COUNT], layers[:, JOINT_COUNT:-1], layers[:, -1], yaw)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Bones and their slow means (N, 22, 3) m in the heading, roots (N, 3) m and yaw (N,) rad of the room."""

    bones: Floats
    slow: Floats
    roots: Floats
    yaw: Floats


Pair = tuple[Floats, Path]


def compare(dancer: Body, reference: Reference, start: float, stop: float, when: Floats) -> Comparison:
    """Compare the steps of `dancer` from `start` to `stop` s with `reference`.

    Parameters
    ----------
    dancer : Body
    reference : Reference
    start, stop : float
        s of the dancer's time.
    when : (T + 2 MARGIN,) s
        The reference's time at each of the dancer's steps, and at MARGIN steps before and after.
    """
    inside = slice(*np.searchsorted(dancer.times, (start - 1e-9, stop - 1e-9)))
    taken = reference.taken(when)
    lengths = fitted_lengths(dancer, reference.body)
    floor = _FLOOR_MONOCULAR if dancer.monocular or reference.body.monocular else _FLOOR
    unseen = {
        part: "out of sight"
        for part in LIMBS
        if dancer.visibility[inside][:, list(CHAIN_JOINTS[part])].mean() < _VISIBLE
    }
    energies = _energies(taken, lengths)
    own = dancer.bones[inside], dancer.yaw[inside]
    if dancer.monocular or reference.body.monocular:
        mixed = not (dancer.monocular and reference.body.monocular)
        found = _pairs_of_one_camera(*own, taken, lengths, energies, mixed)
    else:
        found = _pairs(*own, taken, lengths, energies)
    paths = {part: pairs for part, pairs in found.items() if part not in unseen}
    heights = dancer.roots[inside, 1], taken.roots[MARGIN:-MARGIN, 1] * float(np.median(lengths))
    findings, excused = _of_the_legs(paths, heights, floor)
    moving: list[BodyPart] = []
    unexplained: dict[BodyPart, float] = {}
    deviations = np.zeros(JOINT_COUNT)
    for part, pairs in paths.items():
        path, wanted = pairs[0][0], _inner(pairs[0][1])
        deviations[list(CHAIN_JOINTS[part])] = np.sqrt(((path - wanted) ** 2).sum(axis=2).mean(axis=0))
        if _size(wanted) > _MOVES:
            moving.append(part)
        if part not in excused:
            found_here, unexplained[part] = _of_a_limb(part, pairs, floor)
            findings += found_here
    if not dancer.rigid and sum(each.kind == "shaky" for each in findings) >= _ALL_SHAKE:
        # Bones that waver and limbs that all tremble: that is how the dancer was seen.
        findings = [each for each in findings if each.kind != "shaky"]
    return Comparison(tuple(_together(findings, moving, energies)), deviations, unseen, unexplained)


def _energies(taken: _Taken, lengths: Floats) -> dict[BodyPart, Floats]:
    """Return the squared speed (T,) m²/s² of the reference's joints, summed, by which lateness is weighed.

    Of a limb's against the pelvis, of the body's in the room.
    """
    joints = positions(turned(taken.bones * lengths[:, None], taken.yaw))
    room = joints + taken.roots[:, None] * float(np.median(lengths))

    def energy(moving: Floats) -> Floats:
        velocity = np.gradient(moving, axis=0)[MARGIN:-MARGIN] * RATE
        return np.asarray((velocity**2).sum(axis=(1, 2)) + 1e-9)

    found = {part: energy(joints[:, list(CHAIN_JOINTS[part])]) for part in LIMBS}
    return {**found, "body": energy(room[:, 1:])}


def _inner(path: Path) -> Floats:
    return path.joints[MARGIN:-MARGIN]


def _pairs(
    bones: Floats, yaw: Floats, taken: _Taken, lengths: Floats, energies: Mapping[BodyPart, Floats]
) -> dict[BodyPart, list[Pair]]:
    """Return each limb of dancer and reference in the frames that a fault may have kept to.

    Their headings; the reference's heading, turned so that both face the same way on average; the room, turned the
    same; for arms, the chest as well.
    """
    wanted, slow = taken.bones * lengths[:, None], taken.slow * lengths[:, None]
    between = float(np.angle(np.exp(1j * (yaw - taken.yaw[MARGIN:-MARGIN])).mean()))
    frames = [
        (turned(bones, -yaw), wanted, slow),
        (turned(bones, -taken.yaw[MARGIN:-MARGIN] - between), wanted, slow),
        (turned(bones, np.full(len(yaw), -between)), turned(wanted, taken.yaw), turned(slow, taken.yaw)),
    ]
    chest = (_in_chest(bones), _in_chest(wanted), _in_chest(slow))
    return {
        part: [
            (limb(own, part), Path(limb(other, part), limb(mean, part), hangs_on(part), energies[part]))
            for own, other, mean in ([*frames, chest] if part.endswith("arm") else frames)
        ]
        for part in LIMBS
    }


def _pairs_of_one_camera(
    bones: Floats,
    yaw: Floats,
    taken: _Taken,
    lengths: Floats,
    energies: Mapping[BodyPart, Floats],
    mixed: bool,
) -> dict[BodyPart, list[Pair]]:
    """Return each limb as one camera sees it: in the room, its unsure depth counting little.

    `mixed` when only one of the two was seen by one camera: what a pose estimator takes for a hip is not quite what
    motion capture does, so lasting differences are left out.
    """
    between = float(np.angle(np.exp(1j * (yaw - taken.yaw[MARGIN:-MARGIN])).mean()))
    facing = taken.yaw + between
    weights = np.array([1.0, 1.0, _DEPTH])
    wanted, slow = (turned(each * lengths[:, None], facing) * weights for each in (taken.bones, taken.slow))
    own = bones * weights
    pairs: dict[BodyPart, list[Pair]] = {}
    for part in LIMBS:
        path, other, mean = limb(own, part), limb(wanted, part), limb(slow, part)
        if mixed:
            path = path + (other[MARGIN:-MARGIN].mean(axis=0) - path.mean(axis=0))
        pairs[part] = [(path, Path(other, mean, hangs_on(part), energies[part]))]
    return pairs


def _in_chest(bones: Floats) -> Floats:
    """Return bones (T, 22, 3) in the frame of shoulders and spine."""
    across = bones[:, 13] + bones[:, 16] - bones[:, 14] - bones[:, 17]
    up = bones[:, 9] + bones[:, 12]
    across = gaussian_filter1d(across, 0.05 * RATE, axis=0, mode="nearest")
    up = gaussian_filter1d(up, 0.05 * RATE, axis=0, mode="nearest")
    up = up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    across = across - (across * up).sum(axis=1, keepdims=True) * up
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    basis = np.stack([across, up, np.cross(across, up)], axis=1)
    return np.asarray(np.einsum("tij,tnj->tni", basis, bones))


def _size(path: Floats) -> float:
    """Return the size of a movement (T, K, 3), m, root mean square about its mean."""
    return float(np.sqrt(((path - path.mean(axis=0)) ** 2).sum(axis=2).mean()))


def _of_the_legs(
    paths: Mapping[BodyPart, list[Pair]], heights: tuple[Floats, Floats], floor: float
) -> tuple[list[Finding], set[BodyPart]]:
    """Return a sway of the body over its feet or a missing change of level, and the legs that this explains.

    `heights` (T,) m of dancer's and reference's pelvis.
    """
    if "left_leg" not in paths or "right_leg" not in paths:
        return [], set()
    least = _LEVEL if floor < _FLOOR_MONOCULAR else _LEVEL_MONOCULAR
    pairs = [paths["left_leg"][0], paths["right_leg"][0]]
    ankles = [(path - _inner(wanted))[:, 1] for path, wanted in pairs]
    common = (ankles[0] + ankles[1]) / 2
    error = sum(float((each**2).sum(axis=1).mean()) for each in ankles)
    left_over = sum(float(((each - common) ** 2).sum(axis=1).mean()) for each in ankles)
    if error < 2 * floor**2:
        return _of_the_height(*heights, least), set()
    if left_over > _COMMON * error:
        return [], set()
    alone = [explain(path, wanted, floor)[0] for path, wanted in pairs]
    timed = ("late", "uneven", "posture", "missed")
    if all(found and found[0].kind in timed and found[0].share > 1 - _COMMON for found in alone):
        return [], set()
    moved = common - common.mean(axis=0)
    where = (common**2).sum(axis=1)
    share = 1 - left_over / error
    level, across = float((moved[:, 1] ** 2).mean()), float((moved[:, [0, 2]] ** 2).sum(axis=1).mean())
    less = all(found and found[0].kind in ("small", "stiff") and found[0].share > _COMMON for found in alone)
    if level <= across and less:
        return [], set()
    if level <= across:
        return [Finding("body", "off_balance", math.sqrt(across) * 100, share, where)], {"left_leg", "right_leg"}
    danced, wanted_height = (detrend(each) for each in heights)
    if wanted_height.std() < least:
        return [], set()
    slope = float((danced * wanted_height).sum() / (wanted_height**2).sum())
    if slope >= 1.0:
        return [], set()
    found = Finding("body", "no_level_change", min(1 - slope, 1.0) * 100, share, where)
    return [found], {"left_leg", "right_leg"}


def _of_the_height(danced: Floats, wanted: Floats, least: float) -> list[Finding]:
    """Return a missing change of level where the whole body was kept at one height, legs and all."""
    danced, wanted = detrend(danced), detrend(wanted)
    if wanted.std() < least:
        return []
    slope = max(float((danced * wanted).sum() / (wanted**2).sum()), 0.0)
    left = danced - slope * wanted
    if slope > _LEVELLED or left.std() > 0.35 * wanted.std():
        return []
    return [Finding("body", "no_level_change", (1 - slope) * 100, 1.0, (danced - wanted) ** 2)]


def _of_a_limb(part: BodyPart, pairs: list[Pair], floor: float) -> tuple[list[Finding], float]:
    """Return what was found of a limb, and what share of the movement's size nothing explains."""
    best: tuple[tuple[bool, float], list[Explanation], Floats, Pair] | None = None
    for pair in pairs:
        found, left = explain(*pair, floor, sway=part == "torso")
        # Of two frames that explain alike, the one that needs fewer and simpler explanations.
        # Whoever holds still in one frame makes another move in the others.
        held = bool(found) and found[0].kind == "missed" and found[0].share > 0.5
        weight = (_HELD if held else 1.0) * math.prod(1.3 * PENALTY[each.kind] for each in found)
        nothing = not found and float(left.mean()) > floor**2
        cost = nothing, weight * (float(left.mean()) + max(floor, ALIKE) ** 2)
        if best is None or cost < best[0]:
            best = cost, found, left, pair
        other_move = any(each.kind == "different" for each in found)
        if len(found) <= 1 and not other_move and float(left.mean()) < max(floor, ALIKE) ** 2:
            break  # no other frame explains more with less
    assert best is not None
    _, explanations, left, (path, wanted) = best
    findings = [
        Finding(
            "body" if each.kind == "off_balance" else part,
            "early" if each.kind == "late" and each.amount < 0 else each.kind,
            abs(each.amount),
            each.share,
            each.where,
            each.lateness,
        )
        for each in explanations
    ]
    size = max(_size(path), _size(_inner(wanted)), _MOVES)
    apart = math.sqrt(float(left.mean()))
    if apart > max(_BEYOND * size, 2 * floor) and all(each.kind != "different" for each in findings):
        findings.append(Finding(part, "different", 100.0 * min(apart / size, 1.0), 0.5, left))
    return findings, min(max(apart - floor, 0.0) / size, 1.0)


def _together(findings: list[Finding], moving: list[BodyPart], energies: Mapping[BodyPart, Floats]) -> list[Finding]:
    """Say once what all limbs share, and what one side has and the other has not."""
    findings = [each for each in findings if each.amount > _TINY * RULES[each.kind].full]
    kinds = {finding.kind for finding in findings}
    for kind in kinds:
        same = [each for each in findings if each.kind == kind and each.part != "body"]
        concerned = {each.part for each in same} & set(moving)
        # Whoever stands still with most limbs does so with all, however the others' difference is explained.
        least = 3 if kind in ("missed", "small", "stiff") else max(3, len(moving) - 1)
        if len(same) < 3 or len(concerned) < least:
            continue
        middle = float(np.median([each.amount for each in same]))
        if max(each.amount for each in same) > 2 * middle or (
            np.mean([abs(each.amount - middle) < _SAME * middle for each in same]) < 0.6
        ):
            continue
        where = np.asarray(np.mean([each.where for each in same], axis=0))
        share = float(np.mean([each.share for each in same]))
        findings = [each for each in findings if each not in same and not _besides(kind, each)]
        amount = _of_all(same, energies) if kind == "uneven" else middle
        findings.append(Finding("body", kind, amount, share, where))
    small = {each.part: each for each in findings if each.kind == "small"}
    for arm, leg, other_arm, other_leg in _SIDES:
        if arm in small and leg in small and other_arm not in small and other_leg not in small:
            weak = max((small[arm], small[leg]), key=lambda each: each.amount)
            mean = (small[arm].amount + small[leg].amount) / 2
            findings = [each for each in findings if each not in (small[arm], small[leg])]
            findings.append(Finding(weak.part, "asymmetric", mean, weak.share, weak.where))
    return sorted(findings, key=lambda each: -float(each.where.mean()))


def _of_all(uneven: Sequence[Finding], energies: Mapping[BodyPart, Floats]) -> float:
    """Return the amount, ms, by which the body is uneven: by the lateness of its limbs, as each moves at the time."""
    known = [(each.lateness, energies[each.part]) for each in uneven if each.lateness is not None]
    lateness, weights = np.stack([each for each, _ in known]), np.stack([each for _, each in known])
    return spread_of(np.asarray((lateness * weights).sum(axis=0) / weights.sum(axis=0)), energies["body"])


def _besides(kind: FaultKind, other: Finding) -> bool:
    """Whether a finding is what a fault of the whole body looks like in a limb that it does not quite explain."""
    if kind == "missed":
        return True
    if kind == "different":
        return other.kind in ("uneven", "missed", "off_balance")
    return kind in ("small", "stiff") and other.kind in ("different", "off_balance") and other.share < 0.85


def chain_of(part: BodyPart) -> tuple[int, ...]:
    """Return the joints of a limb, or of the whole body."""
    return tuple(range(JOINT_COUNT)) if part == "body" else CHAIN_JOINTS[part]
