"""Figures of the assessment on takes that were kept aside, through the files that ship.

Every figure is measured on whole takes into which one fault was put (`faults.inject`), cut into eight-counts by the
dancer's own rhythm, or into pieces of four seconds where none was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from dancecoach.assessment.encoders import Encoders, Judgement, MotionEncoder
from dancecoach.assessment.motion_features import RATE, MotionFeatures
from dancecoach.assessment.rubric import RULES, sure_level
from dancecoach.training.assessment_data import STYLES, Take, counts_at, moving_parts
from dancecoach.training.faults import HELD_OUT, TRAINED, Fault, draw, inject, parts_of, quality_of
from dancecoach.types import LIMBS, MIRROR_JOINTS, PART_JOINTS, BodyPart, FaultKind, Floats

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
MODERATE = 0.5
_FIRST = 1.2  # s of a take before the first primitive
_PIECE = 4.0  # s of a primitive where no beat is known
_LONGEST = 14.0  # s of a take that are looked at
_Z90 = 1.645


@dataclass(frozen=True, slots=True)
class Measured:
    """One primitive's judgement: of which take, number `piece`, with `faults`, which make its quality `true`."""

    take: Take
    piece: int
    faults: tuple[Fault, ...]
    true: float
    judgement: Judgement


def spans_of(take: Take) -> list[tuple[float, float]]:
    """Return the primitives (start, stop) s of the first seconds of a take."""
    stop = min(len(take.joints) / RATE, _LONGEST + _FIRST)
    if take.beats is not None and len(take.beats) > 9:
        usable = take.beats[take.beats >= _FIRST]
        found = [(float(a), float(b)) for a, b in zip(usable[:-8:8], usable[8::8], strict=False) if b <= stop]
        if found and found[0][1] - found[0][0] <= 8.0:
            return found
    length = min(_PIECE, stop - _FIRST)
    return [] if length < 2.0 else [(s, s + length) for s in np.arange(_FIRST, stop - length + 1e-6, length)]


class Bench:
    """Judges takes with faults."""

    def __init__(self, encoders: Encoders, takes: Sequence[Take], seed: int = 5) -> None:
        assert encoders.motion is not None
        self._encoders = encoders
        self._encoder: MotionEncoder = encoders.motion
        self.takes = [take for take in takes if spans_of(take)]
        self._seed = seed

    def judge(self, take: Take, joints: Floats, faults: Sequence[Fault] = (), shift: float = 0.0) -> list[Measured]:
        """Return the judgement of each primitive of joints (T, 22, 3) m at 30 Hz, cut as `take`, `shift` s later."""
        times = np.arange(len(joints)) / RATE
        features = MotionFeatures().block(
            joints, np.ones(joints.shape[:2]), counts_at(take.beats, times, take.first_count - 1)
        )
        self._encoder.reset()
        self._encoder.feed(times, features)
        found = []
        for piece, (start, stop) in enumerate(spans_of(take)):
            said = self._encoders.judge_span(start + shift, stop + shift)
            if said is not None:
                found.append(Measured(take, piece, tuple(faults), quality_of(faults), said))
        return found

    def faulty(self, take: Take, faults: Sequence[Fault], salt: int) -> list[Measured]:
        """Return the judgements of a take with faults."""
        joints = self.cut(take)
        rng = np.random.default_rng([self._seed, salt])
        moved = inject(np.arange(len(joints)) / RATE, joints, faults, rng, take.beats) if faults else joints
        return self.judge(take, moved, faults)

    @staticmethod
    def cut(take: Take) -> Floats:
        """Return the part of a take that is looked at, (T, 22, 3) m."""
        return take.joints[: int((_LONGEST + _FIRST + 1.0) * RATE)]


def part_choices(kind: FaultKind, joints: Floats, rng: np.random.Generator) -> list[BodyPart]:
    """Return the parts a kind of fault is put into: the body, and two limbs that move."""
    if kind in ("off_balance", "no_level_change"):
        return ["body"]
    if kind == "asymmetric":
        return ["left_arm", "right_arm"]
    moving = moving_parts(joints)
    return [*(moving[int(each)] for each in rng.permutation(len(moving))[:2]), "body"]


def sweep(bench: Bench, kinds: Sequence[FaultKind]) -> Iterator[tuple[FaultKind, BodyPart, float, Measured]]:
    """Yield (kind, part, strength, measured) for every take, kind and strength."""
    for number, take in enumerate(bench.takes):
        clean = bench.judge(take, bench.cut(take))
        for kind in kinds:
            rng = np.random.default_rng([7, number, *kind.encode()])
            for part in part_choices(kind, bench.cut(take), rng):
                for strength in STRENGTHS:
                    faults = [Fault(part, kind, strength * RULES[kind].full)]
                    rows = bench.faulty(take, faults, number) if strength else clean
                    for row in rows:
                        yield kind, part, strength, row


def by_strength(rows: Sequence[tuple[FaultKind, BodyPart, float, Measured]]) -> dict[str, Any]:
    """Return per kind: rank correlations of quality with strength, means, and how often the original ranks first."""
    result: dict[str, Any] = {}
    kinds = sorted({row[0] for row in rows}, key=lambda kind: [*TRAINED, *HELD_OUT].index(kind))
    for kind in kinds:
        mine = [row for row in rows if row[0] == kind]
        single = [(strength, row.judgement.mean) for _, _, strength, row in mine]
        true = [quality_of([Fault(p, kind, s * RULES[kind].full)]) for _, p, s, _ in mine]
        means: dict[tuple[str, str, float], list[float]] = defaultdict(list)
        pieces: dict[tuple[str, str, int], dict[float, float]] = defaultdict(dict)
        for _, part, strength, row in mine:
            means[row.take.name, part, strength].append(row.judgement.mean)
            pieces[row.take.name, part, row.piece][strength] = row.judgement.mean
        per_take = [(key[2], float(np.mean(values))) for key, values in means.items()]
        inside = []
        for name, place in {key[:2] for key in means}:
            values = [float(np.mean(means[name, place, s])) for s in STRENGTHS]
            inside.append(_rank(STRENGTHS, values))
        each = [
            _rank(list(values), list(values.values())) for values in pieces.values() if len(values) == len(STRENGTHS)
        ]
        curve = [float(np.mean([q for s, q in single if s == strength])) for strength in STRENGTHS]
        wins = [values[0.0] > values[MODERATE] for values in pieces.values() if MODERATE in values]
        result[kind] = {
            "trained": kind in TRAINED,
            "spearman_pooled": -_rank(*zip(*single, strict=True)),
            "spearman_true_quality": _rank(true, [row[3].judgement.mean for row in mine]),
            "spearman_of_take_means": -_rank(*zip(*per_take, strict=True)),
            "spearman_within_take": -float(np.mean(inside)),
            "spearman_within_primitive": -float(np.mean(each)),
            "mean_by_strength": [round(value, 2) for value in curve],
            "monotone": bool(np.all(np.diff(curve) < 0)),
            "original_first": float(np.mean(wins)),
        }
    return result


def _rank(one: Sequence[float], other: Sequence[float]) -> float:
    found = spearmanr(one, other).statistic
    return float(found) if np.isfinite(found) else 0.0


def limbs(rows: Sequence[tuple[FaultKind, BodyPart, float, Measured]], strength: float) -> dict[str, float]:
    """Return how often the faulty limb loses most points or holds the most salient joint; likewise kinds."""
    named, joint, kind_right, both, count = 0, 0, 0, 0, 0
    for kind, part, at, row in rows:
        if at != strength or part == "body" or kind not in TRAINED:
            continue
        parts = {p for fault in row.faults for p in parts_of(fault)}
        deductions = row.judgement.part_deductions
        limb_found = max(LIMBS, key=lambda limb: deductions[limb]) in parts
        named += limb_found
        joint += any(int(np.argmax(row.judgement.saliency)) in PART_JOINTS[p] for p in parts)
        best = max(
            ((p, k) for p in LIMBS for k in row.judgement.kinds[p]), key=lambda c: row.judgement.kinds[c[0]][c[1]]
        )
        kind_right += best[1] == kind
        both += best == (part, kind)
        count += 1
    total = max(count, 1)
    return {
        "limb": named / total,
        "salient_joint": joint / total,
        "kind": kind_right / total,
        "limb_and_kind": both / total,
        "primitives": count,
    }


def coverage(bench: Bench, kinds: Sequence[FaultKind], rounds: int = 8) -> dict[str, float]:
    """Return how often the 90 % interval holds the truth, on takes with random faults; error and likelihood."""
    errors, deviations, true, said = [], [], [], []
    for number, take in enumerate(bench.takes):
        rng = np.random.default_rng([11, number])
        moving = moving_parts(bench.cut(take))
        for turn in range(rounds):
            faults = draw(rng, kinds, moving)
            for row in bench.faulty(take, faults, 100 * number + turn):
                errors.append(row.judgement.mean - row.true)
                deviations.append(row.judgement.variance**0.5)
                true.append(row.true)
                said.append(row.judgement.mean)
    error, deviation = np.array(errors), np.array(deviations)
    low = np.maximum(np.array(said) - _Z90 * deviation, 0.0)
    high = np.minimum(np.array(said) + _Z90 * deviation, 100.0)
    inside = (np.array(true) >= low) & (np.array(true) <= high)
    spread = max(float(np.ptp(true)), 1e-9)
    return {
        "coverage": float(inside.mean()),
        "mean_deviation": float(deviation.mean()),
        "mae": float(np.abs(error).mean()),
        "mse": float((error**2).mean()),
        "rmse_percent": float(100 * ((error / spread) ** 2).mean()),
        "nll": float((0.5 * np.log(2 * np.pi * deviation**2) + error**2 / (2 * deviation**2)).mean()),
        "srcc": _rank(true, said),
        "primitives": len(error),
    }


def invariances(bench: Bench) -> dict[str, dict[str, float]]:
    """Return by how many points quality moves, clean and with faults, when only the view or the body changes."""
    moved: dict[str, list[float]] = defaultdict(list)
    flips: dict[str, list[bool]] = defaultdict(list)
    for number, take in enumerate(bench.takes):
        rng = np.random.default_rng([13, number])
        joints = bench.cut(take)
        times = np.arange(len(joints)) / RATE
        for faults in ([], draw(rng, TRAINED, moving_parts(joints))):
            danced = inject(times, joints, faults, rng, take.beats)
            before = {row.piece: row.judgement for row in bench.judge(take, danced)}
            views = {
                "mirror": danced[:, list(MIRROR_JOINTS)] * [-1.0, 1.0, 1.0],
                "smaller by 15 %": danced * 0.85,
                "larger by 15 %": danced * 1.15,
                "yaw +30°": turned_by(danced, 30.0),
                "yaw −30°": turned_by(danced, -30.0),
            }
            for name, view in views.items():
                _compare(moved, flips, name, before, bench.judge(take, view))
            for share in (0.25, 0.5):
                start, stop = spans_of(take)[0]
                shifted = bench.judge(take, danced, shift=share * (stop - start))
                after = shifted[:-1] if len(shifted) > 1 else shifted
                _compare(moved, flips, f"start later by {share:g} of a primitive", before, after)
    return {
        name: {
            "mean": float(np.mean(values)),
            "p95": float(np.percentile(values, 95)),
            "most": float(np.max(values)),
            "levels_flipped": float(np.mean(flips[name])) if flips[name] else 0.0,
            "levels_said": len(flips[name]) / len(values),
        }
        for name, values in moved.items()
    }


def _compare(
    moved: dict[str, list[float]],
    flips: dict[str, list[bool]],
    name: str,
    before: Mapping[int, Judgement],
    after: Sequence[Measured],
) -> None:
    for row in after:
        if row.piece in before:
            moved[name].append(abs(row.judgement.mean - before[row.piece].mean))
            levels = [sure_level(each.mean, each.variance) for each in (row.judgement, before[row.piece])]
            if levels[0] is not None and levels[1] is not None:
                flips[name].append(levels[0][0] != levels[1][0])


def turned_by(joints: Floats, degrees: float) -> Floats:
    """Return joints (T, 22, 3) turned about the vertical."""
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = joints[..., 0], joints[..., 1], joints[..., 2]
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)


def fairness(bench: Bench) -> dict[str, Any]:
    """Return the mean quality of clean takes, and its error on faulty ones, by performer."""
    clean: dict[str, list[float]] = defaultdict(list)
    error: dict[str, list[float]] = defaultdict(list)
    for number, take in enumerate(bench.takes):
        name = f"{take.corpus} {take.performer}"
        clean[name] += [row.judgement.mean for row in bench.judge(take, bench.cut(take))]
        rng = np.random.default_rng([17, number])
        for turn in range(4):
            faults = draw(rng, TRAINED, moving_parts(bench.cut(take)))
            error[name] += [row.judgement.mean - row.true for row in bench.faulty(take, faults, 1000 + turn)]
    return {
        name: {
            "clean": float(np.mean(clean[name])),
            "error": float(np.mean(error[name])),
            "primitives": len(clean[name]),
        }
        for name in sorted(clean)
    }


def styles(bench: Bench) -> dict[str, Any]:
    """Return accuracy and macro-F1 of style by take, dancing by take, and how many clean takes are unfamiliar."""
    true, said, dance, strange = [], [], [], []
    for take in bench.takes:
        rows = bench.judge(take, bench.cut(take))
        if not rows:
            continue
        strange += [not row.judgement.familiar for row in rows]
        dance.append((np.mean([row.judgement.dancing for row in rows]) > 0.5) == take.dancing)
        if take.style_index >= 0:
            mean = {name: float(np.mean([row.judgement.styles[name] for row in rows])) for name in STYLES}
            true.append(STYLES[take.style_index])
            said.append(max(mean, key=lambda name: mean[name]))
    return {
        **classification(true, said),
        "dancing_accuracy": float(np.mean(dance)),
        "unfamiliar": float(np.mean(strange)),
        "takes": len(true),
        "confusions": sorted({f"{t} taken for {s}" for t, s in zip(true, said, strict=True) if t != s}),
    }


def classification(true: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Return accuracy, and precision, recall and F1 as means over the classes that occur."""
    names = sorted(set(true))
    one, other = np.array(true), np.array(said)
    precision, recall, balance = [], [], []
    for name in names:
        hit = int(((one == name) & (other == name)).sum())
        p = hit / max(int((other == name).sum()), 1)
        r = hit / max(int((one == name).sum()), 1)
        precision.append(p)
        recall.append(r)
        balance.append(2 * p * r / max(p + r, 1e-9))
    return {
        "accuracy": float((one == other).mean()),
        "precision": float(np.mean(precision)),
        "recall": float(np.mean(recall)),
        "macro_f1": float(np.mean(balance)),
    }


def strangers(bench: Bench) -> dict[str, float]:
    """Return how often what is no movement of a person is found unfamiliar."""
    rng = np.random.default_rng(23)
    found: dict[str, list[bool]] = defaultdict(list)
    for take in bench.takes:
        joints = bench.cut(take)
        local = joints - joints[:, :1]
        shuffled = joints[:, rng.permutation(joints.shape[1])]
        nothing = {
            "frozen": np.repeat(joints[:1], len(joints), axis=0),
            "noise": joints[:1] + rng.normal(0, 0.3, joints.shape),
            "joints exchanged": shuffled,
            "upside down": joints[:, :1] - local,
            "five times as fast": joints[(np.arange(len(joints)) * 5) % len(joints)],
        }
        for name, view in nothing.items():
            found[name] += [not row.judgement.familiar for row in bench.judge(take, view)]
    return {name: float(np.mean(values)) for name, values in found.items()}


def alarms(bench: Bench, least: float = 0.5) -> float:
    """Return the share of clean primitives in which some fault is called more likely than `least`."""
    found = [
        max(p for part in row.judgement.kinds.values() for p in part.values()) > least
        for take in bench.takes
        for row in bench.judge(take, bench.cut(take))
    ]
    return float(np.mean(found))


def evaluate(encoders: Encoders, takes: Sequence[Take]) -> dict[str, Any]:
    """Return all figures on takes (those kept aside)."""
    bench = Bench(encoders, takes)
    rows = list(sweep(bench, (*TRAINED, *HELD_OUT)))
    return {
        "takes": [take.name for take in bench.takes],
        "by_strength": by_strength(rows),
        "limbs_moderate": limbs(rows, MODERATE),
        "limbs_full": limbs(rows, 1.0),
        "random_faults": coverage(bench, TRAINED),
        "random_faults_of_kinds_not_trained": coverage(bench, HELD_OUT, 4),
        "false_alarms": alarms(bench),
        "invariances": invariances(bench),
        "fairness": fairness(bench),
        "styles": styles(bench),
        "unfamiliar": strangers(bench),
    }
