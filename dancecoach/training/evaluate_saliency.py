"""Is the map of a judgement without a reference true? Checked by occlusion: a part of `dancecoach bench assessment`.

The deductions of a judgement are a sum over limbs, and those of the encoder's map one over joints and moments
(pooling, then a linear head), so the maps are exact of what the network computes. Whether that is where it looks is
told by occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014): what carries
many points should give many back. A limb, or a quarter of the eight-count, is hidden from the encoder as joints that
are not seen; or a limb's numbers are replaced by those of a usual, faultless one where the heads are given them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from dancecoach.assessment.descriptors import PER_LIMB, SIZE
from dancecoach.assessment.encoders import Encoders, Seen, pooled
from dancecoach.assessment.recordings import Pieces, cut
from dancecoach.assessment.rubric import RULES
from dancecoach.training.corpus import Take
from dancecoach.training.fault_effects import seen
from dancecoach.training.faults import TRAINED, Fault, inject
from dancecoach.types import LIMBS, PART_JOINTS, BeatGrid, BodyPart, Floats, PoseTrack

_AROUND = 1.2  # s before the first eight-count, which fill the encoder's past
_DRAWS = 4  # faults of every take
_STRENGTH = 0.5  # of the rubric's full amount
_QUARTERS = 4
_HIDDEN = 0.1  # visibility of what is hidden
_SMALLEST = 1e-9
WORDS = {
    "limbs_replaced": "deductions of limbs against replacing them, rank correlation",
    "limbs_deductions": "deductions of limbs against hiding them",
    "limbs_map": "the encoder's map of limbs against hiding them",
    "quarters_map": "the encoder's map of quarters against hiding them",
    "first_by_deductions": "limb at fault first by deductions",
    "first_by_map": "limb at fault first by the encoder's map",
    "first_by_replacing": "limb at fault first by replacing",
    "first_by_hiding": "limb at fault first by hiding",
    "first_by_both": "limb at fault first by ranks of deductions and replacing",
}
_MIRRORED = (1, 0, 3, 2, 4)  # of `LIMBS`


@dataclass(frozen=True, slots=True)
class Usual:
    """What the heads are given of faultless eight-counts, on average: `inputs` (2, D) and `maps` (2, 22)."""

    inputs: NDArray[np.float32]
    maps: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hidden:
    """An eight-count with a fault in one limb.

    `deductions` (5,) points of each limb, of heads and the encoder's map together; `mapped` (5,) of the map alone;
    `returned` (5,) points of quality that hiding each limb gives back, and `replaced` (5,) that replacing it does;
    `moments` (4,) the map by quarters of the eight-count and `moments_returned` (4,) what hiding the body then gives
    back.
    """

    limb: BodyPart
    deductions: Floats
    mapped: Floats
    returned: Floats
    replaced: Floats
    moments: Floats
    moments_returned: Floats


def hidden(
    encoders: Encoders,
    usual: Usual,
    track: PoseTrack,
    grid: BeatGrid | None,
    span: tuple[float, float],
    limb: BodyPart,
) -> Hidden | None:
    """Return what an eight-count's map says and what hiding gives back; None where too little is seen.

    Parameters
    ----------
    encoders : Encoders
        Those of whole tracks.
    usual : Usual
    track : PoseTrack
    grid : BeatGrid or None
    span : (start, stop) s
    limb : BodyPart
        The one at fault.
    """
    found, judge = _seen(encoders, track, grid, span), encoders.judge
    if found is None or judge is None:
        return None
    inputs, both = pooled(found), found.maps.mean(axis=0)
    said = judge.judge_pooled(inputs, both)
    joints = [list(PART_JOINTS[each]) for each in LIMBS]
    edges = np.linspace(*span, _QUARTERS + 1)
    quarter = np.clip(np.searchsorted(edges, found.times, side="right") - 1, 0, _QUARTERS - 1)
    maps = found.maps[:, 0]
    everything = np.ones(len(track.times), dtype=bool)

    def returned(who: Sequence[int], when: Floats) -> float:
        visibility = track.visibility.copy()
        visibility[np.ix_(np.flatnonzero(when), np.array(who))] = _HIDDEN
        masked = PoseTrack(track.times, track.joints, track.roots, visibility, track.monocular)
        there = _seen(encoders, masked, grid, span)
        return 0.0 if there is None else judge.judge(there).mean - said.mean

    def replaced(limb: int) -> float:
        other_inputs, other_maps = inputs.copy(), both.copy()
        first = other_inputs.shape[1] - SIZE
        for view, place in enumerate((limb, _MIRRORED[limb])):  # the second view is the mirror image
            columns = slice(first + place * PER_LIMB, first + (place + 1) * PER_LIMB)
            other_inputs[view, columns] = usual.inputs[view, columns]
            other_maps[view, joints[place]] = usual.maps[view, joints[place]]
        return judge.judge_pooled(other_inputs, other_maps).mean - said.mean

    body = [joint for each in joints for joint in each]
    return Hidden(
        limb,
        np.array([said.part_deductions[each] for each in LIMBS]),
        np.array([float(maps[:, each].sum(axis=1).mean()) for each in joints]),
        np.array([returned(each, everything) for each in joints]),
        np.array([replaced(limb) for limb in range(len(LIMBS))]),
        np.array([float(maps[quarter == each].sum()) for each in range(_QUARTERS)]),
        np.array([
            returned(body, (track.times >= first) & (track.times < last)) for first, last in itertools.pairwise(edges)
        ]),
    )  # fmt: skip


def _seen(encoders: Encoders, track: PoseTrack, grid: BeatGrid | None, span: tuple[float, float]) -> Seen | None:
    if encoders.motion is None:
        return None
    encoders.motion.reset()
    encoders.motion.follow(track.times, track.joints, track.visibility, grid)
    return encoders.motion.seen(*span)


def usual(encoders: Encoders, takes: Sequence[Take], seconds: float) -> Usual | None:
    """Return what the heads are given of the eight-counts of these takes as they are."""
    inputs, maps = [], []
    for take in takes:
        times, joints, pieces = _cut(take, seconds)
        for _, piece in pieces.primitives:
            found = _seen(encoders, _track(times, joints), pieces.grid, (piece.start, piece.stop))
            if found is not None:
                inputs.append(pooled(found))
                maps.append(found.maps.mean(axis=0))
    return Usual(np.mean(inputs, axis=0), np.mean(maps, axis=0)) if inputs else None


def _cut(take: Take, seconds: float) -> tuple[Floats, Floats, Pieces]:
    """Return times and joints of the beginning of a take, and its eight-counts."""
    outside = take.times <= take.times[0] + seconds + _AROUND
    times, joints = take.times[outside], take.joints[outside].astype(np.float64)
    inner = times >= times[0] + _AROUND
    return times, joints, cut(_track(times[inner], joints[inner]), None)


def examples(encoders: Encoders, mean: Usual, take: Take, seconds: float, seed: int) -> Iterator[Hidden]:
    """Yield eight-counts of a take with single faults in limbs, drawn at random among those that can be seen."""
    rng = np.random.default_rng(seed)
    times, joints, pieces = _cut(take, seconds)
    for _ in range(_DRAWS if pieces.primitives else 0):
        kind = TRAINED[int(rng.integers(len(TRAINED)))]
        limb = LIMBS[int(rng.integers(len(LIMBS)))]
        fault = Fault(limb, kind, _STRENGTH * RULES[kind].full)
        moved = inject(times, joints, [fault], rng)
        _, piece = pieces.primitives[int(rng.integers(len(pieces.primitives)))]
        inside = slice(*np.searchsorted(times, (piece.start, piece.stop)))
        if not seen(fault, times, joints, moved, inside):
            continue
        around = slice(*np.searchsorted(times, (piece.start - (piece.stop - piece.start), piece.stop)))
        track = _track(times[around], moved[around])
        found = hidden(encoders, mean, track, pieces.grid, (piece.start, piece.stop), limb)
        if found is not None:
            yield found


def _track(times: Floats, joints: Floats) -> PoseTrack:
    return PoseTrack(times, joints - joints[:, :1], joints[:, 0].copy(), np.ones(joints.shape[:2]))


def table(found: Sequence[Hidden]) -> dict[str, float]:
    """Return rank correlations of maps with what hiding gives back, and how often the limb at fault comes first."""

    def agreement(pairs: Sequence[tuple[Floats, Floats]]) -> float:
        ranks = [spearmanr(one, other)[0] for one, other in pairs if np.ptp(one) > _SMALLEST and np.ptp(other) > 0]
        return float(np.mean(ranks)) if ranks else float("nan")

    def first(scores: Sequence[Floats]) -> float:
        return float(np.mean([LIMBS[int(s.argmax())] == each.limb for s, each in zip(scores, found, strict=True)]))

    return {
        "eight_counts": float(len(found)),
        "limbs_deductions": agreement([(each.deductions, each.returned) for each in found]),
        "limbs_replaced": agreement([(each.deductions, each.replaced) for each in found]),
        "limbs_map": agreement([(each.mapped, each.returned) for each in found]),
        "quarters_map": agreement([(each.moments, each.moments_returned) for each in found]),
        "first_by_deductions": first([each.deductions for each in found]),
        "first_by_map": first([each.mapped for each in found]),
        "first_by_hiding": first([each.returned for each in found]),
        "first_by_replacing": first([each.replaced for each in found]),
        "first_by_both": first([rankdata(each.deductions) + rankdata(each.replaced) for each in found]),
    }


def run(encoders: Encoders, takes: Sequence[Take], seconds: float, out: TextIO) -> dict[str, float]:
    """Print the figures of all takes and return them."""
    mean = usual(encoders, takes, seconds)
    found = [] if mean is None else [
        each for seed, take in enumerate(takes) for each in examples(encoders, mean, take, seconds, seed)
    ]  # fmt: skip
    if not found:
        return {"eight_counts": 0.0}
    figures = table(found)
    print(f"without a reference, {len(found)} eight-counts with a fault in a limb", file=out)
    for name, words in WORDS.items():
        print(f"  {words:62}{figures[name]:6.2f}", file=out)
    return figures
