"""How well known faults are found against a reference: `dancecoach bench assessment`.

Each held-out take is its own reference; single faults of known part, kind and amount are put into it, and what the
coach says of every eight-count is compared with the truth of the rubric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from scipy.stats import spearmanr

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.assessment.recordings import Pieces, cut
from dancecoach.assessment.rubric import RULES
from dancecoach.training.corpus import Take
from dancecoach.training.fault_effects import realised, seen
from dancecoach.training.faults import (
    HELD_OUT,
    PART_BONES,
    TRAINED,
    Fault,
    course_of,
    inject,
    parts_of,
    quality_of,
)
from dancecoach.types import LIMBS, Assessment, BodyPart, FaultKind, Floats, PoseTrack, Synchrony

STRENGTHS = (0.25, 0.5, 0.75, 1.0)  # of the rubric's full amount
MODERATE = 0.5
_SILENT = Synchrony("body", 0.0, 0.0, reason="no beat known")
_WITHIN = 0.25  # of an amount
_AROUND = 0.5  # s of a take before and after what is judged


@dataclass(frozen=True, slots=True)
class Trial:
    """An eight-count with one fault.

    `strength` 0…1 of the rubric's full amount, which was asked for; `amount` that it has in this eight-count, and the
    `truth` that the rubric makes of it; what was `said`, and was of it `clean`.
    """

    take: str
    number: int
    fault: Fault
    strength: float
    amount: float
    truth: float
    said: Assessment
    clean: Assessment


def trials(take: Take, seconds: float, seed: int) -> Iterator[Trial]:
    """Yield every kind of fault at every strength, in a part drawn at random, for each eight-count of a take.

    Eight-counts in which the fault cannot be seen even at its full amount are left out (`fault_effects.seen`).
    """
    rng = np.random.default_rng(seed)
    # Faults reach beyond the eight-counts, so that nothing is held still where the take ends.
    outside = take.times <= take.times[0] + seconds + 2 * _AROUND
    times, joints = take.times[outside], take.joints[outside].astype(np.float64)
    inner = (times >= times[0] + _AROUND) & (times <= min(times[-1] - _AROUND, times[0] + _AROUND + seconds))
    clean = _track(times, joints)
    pieces = cut(_track(times[inner], joints[inner]), None)
    assessor = Assessor(reference=Choreography("reference", clean))
    before = _said(assessor, clean, pieces)
    beats = _counted(pieces)
    spans = [slice(*np.searchsorted(times, (piece.start, piece.stop))) for _, piece in pieces.primitives]
    for kind in (*TRAINED, *HELD_OUT):
        choices = _parts(kind)
        part = choices[int(rng.integers(len(choices)))]
        worst = Fault(part, kind, RULES[kind].full)
        whole = inject(times, joints, [worst], np.random.default_rng(seed), beats)
        visible = [seen(worst, times, joints, whole, span) for span in spans]
        for strength in STRENGTHS:
            fault = Fault(part, kind, strength * RULES[kind].full)
            moved = inject(times, joints, [fault], np.random.default_rng(seed), beats)
            course = course_of(times, joints, fault, np.random.default_rng(seed), beats)
            said = _said(assessor, _track(times, moved), pieces, visible)
            for number, (assessment, unfaulty) in enumerate(zip(said, before, strict=True)):
                if assessment is None or unfaulty is None:
                    continue
                amount = realised(fault, times, joints, moved, spans[number], course)
                truth = quality_of([Fault(part, kind, amount)])
                yield Trial(take.take, number, fault, strength, amount, truth, assessment, unfaulty)


def _parts(kind: FaultKind) -> Sequence[BodyPart]:
    if kind in ("off_balance", "no_level_change"):
        return ("body",)
    if kind == "asymmetric":
        return ("left_arm", "right_arm")
    return ("left_arm", "right_arm", "torso") if kind == "posture" else (*LIMBS, "body")


def _track(times: Floats, joints: Floats) -> PoseTrack:
    return PoseTrack(times, joints - joints[:, :1], joints[:, 0].copy(), np.ones(joints.shape[:2]))


def _said(
    assessor: Assessor, track: PoseTrack, pieces: Pieces, wanted: Sequence[bool] | None = None
) -> list[Assessment | None]:
    """Return what is said of each eight-count, None of those that are not `wanted`."""
    return [
        assessor.assess(track, primitive, None, _SILENT, None) if wanted is None or wanted[number] else None
        for number, (_, primitive) in enumerate(pieces.primitives)
    ]


def _counted(pieces: Pieces) -> Floats | None:
    """Return the beats (B,) s from the first eight-count on, which faults by eight-counts keep to."""
    if pieces.grid is None or not pieces.primitives:
        return None
    times = pieces.grid.beat_times
    return np.asarray(times[times >= pieces.primitives[0][1].start - 1e-6])


def table(found: Sequence[Trial]) -> dict[str, Any]:
    """Return the figures of every kind of fault, and those of the clean takes."""
    clean = {(trial.take, trial.number): trial.clean for trial in found}
    judged = [each for each in clean.values() if each.quality.mean is not None]
    rows = {}
    for kind in (*TRAINED, *HELD_OUT):
        tried = [trial for trial in found if trial.fault.kind == kind and trial.clean.quality.mean is not None]
        of_kind = [trial for trial in tried if trial.said.quality.mean is not None]
        if of_kind:
            rows[kind] = {"judged": len(of_kind) / len(tried), **_row(of_kind)}
    return {
        "clean": {
            "eight_counts": len(clean),
            "judged": len(judged),
            "quality": _mean([each.quality.mean or 0.0 for each in judged]),
            "with_a_cue": _mean([float(bool(each.cues)) for each in judged]),
        },
        "faults": rows,
    }


def _row(found: Sequence[Trial]) -> dict[str, Any]:
    quality = np.array([trial.said.quality.mean for trial in found], dtype=np.float64)
    truth = np.array([trial.truth for trial in found])
    strength = np.array([trial.strength for trial in found])
    clean = {(trial.take, trial.number): float(trial.clean.quality.mean or 0.0) for trial in found}
    everything = np.append(quality, list(clean.values()))
    pooled = spearmanr(np.append(strength, np.zeros(len(clean))), everything)[0]
    moderate = [trial for trial in found if trial.strength == MODERATE]
    named = [trial for trial in moderate if _named(trial)]
    covered = [low <= trial.truth <= high for trial in found if (interval := trial.said.quality.interval)
               for low, high in (interval,)]  # fmt: skip
    return {
        "eight_counts": len(moderate),
        "spearman": -float(pooled),
        "spearman_truth": float(spearmanr(np.append(truth, np.full(len(clean), 100.0)), everything)[0]),
        "error": float(np.abs(quality - truth).mean()),
        "covered": _mean([float(each) for each in covered]),
        "outranked": _mean([float((t.said.quality.mean or 0) < (t.clean.quality.mean or 0)) for t in moderate]),
        "named": len(named) / max(len(moderate), 1),
        "amount_within_25": _mean(
            [float(abs(t.said.cues[0].amount - t.amount) <= _WITHIN * t.amount) for t in named]
        ),
        "limb_most_salient": _mean([float(hit) for t in moderate if (hit := _salient(t)) is not None]),
        "means": [float(quality[strength == each].mean()) for each in STRENGTHS],
        "truths": [float(truth[strength == each].mean()) for each in STRENGTHS],
    }


def _named(trial: Trial) -> bool:
    """Whether the first cue says kind and limb."""
    cues = trial.said.cues
    return bool(cues) and cues[0].fault == trial.fault.kind and cues[0].limb in parts_of(trial.fault)


def _salient(trial: Trial) -> bool | None:
    if trial.fault.part == "body" or trial.said.saliency is None:
        return None
    saliency = trial.said.saliency
    shares = {limb: float(saliency[list(PART_BONES[limb])].sum()) for limb in LIMBS}
    return max(shares, key=lambda limb: shares[limb]) in parts_of(trial.fault)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def run(
    takes: Sequence[Take], seconds: float, out: TextIO, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Print the table of all takes and return it."""
    found: list[Trial] = []
    for seed, take in enumerate(takes):
        progress(take.take)
        found += trials(take, seconds, seed)
    figures = table(found)
    clean = figures["clean"]
    judged = f"{clean['judged']} of {clean['eight_counts']} eight-counts judged"
    print(
        f"clean: {judged}, quality {_said_of(clean['quality'], 1)}, with a cue {_said_of(clean['with_a_cue'])}",
        file=out,
    )
    print(f"{'fault':16}{'n':>5}{'judged':>8}{'Spearman':>10}{'truth':>7}{'error':>7}{'covered':>9}{'outranked':>11}{'named':>7}"
          f"{'amount':>8}{'salient':>9}  quality (truth) at each strength", file=out)  # fmt: skip
    for kind, row in figures["faults"].items():
        means = " ".join(f"{mean:.0f} ({truth:.0f})" for mean, truth in zip(row["means"], row["truths"], strict=True))
        mark = "*" if kind in HELD_OUT else ""
        print(
            f"{kind + mark:16}{row['eight_counts']:5}{row['judged']:8.2f}{row['spearman']:10.2f}"
            f"{row['spearman_truth']:7.2f}{row['error']:7.1f}"
            f"{_said_of(row['covered']):>9}{_said_of(row['outranked']):>11}{row['named']:7.2f}"
            f"{_said_of(row['amount_within_25']):>8}{_said_of(row['limb_most_salient']):>9}  {means}",
            file=out,
        )
    return figures


def _said_of(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
