"""What to fix: cues from what was measured, against a reference or by the movement itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

from dancecoach.assessment.comparison import Comparison, Finding
from dancecoach.assessment.kinematics import RATE, Body, limb, turned
from dancecoach.assessment.rubric import RULES, TWINS, severity
from dancecoach.types import LIMBS, BodyPart, Cue, FaultKind, Floats, Primitive, Synchrony

MOST = 2  # cues of one eight-count

# Amounts, in the rubric's units, that are not worth a word: seen by motion capture, and by one camera.
TOLERANCES: Mapping[FaultKind, tuple[float, float]] = {
    "late": (40.0, 50.0),
    "early": (40.0, 50.0),
    "uneven": (25.0, 40.0),
    "small": (15.0, 25.0),
    "stiff": (20.0, 40.0),
    "shaky": (0.5, 2.0),
    "off_balance": (2.0, 4.0),
    "asymmetric": (15.0, 25.0),
    "no_level_change": (25.0, 40.0),
    "posture": (6.0, 12.0),
    "missed": (10.0, 15.0),
    "different": (12.0, 25.0),
}
# Share of the difference that a finding has to explain where one camera saw it: what explains less was as often the
# camera's own error. Where all other limbs are as they should be that error is small, and less will do. How late a
# limb is can be told in spite of such errors.
_PLAIN, _PLAIN_WHERE_SEEN_WELL = 0.8, 0.65
_SEEN_WELL = 0.02  # share of a limb's movement that is not explained
_TIMING: tuple[FaultKind, ...] = ("late", "early")
# By the movement alone: only what is plain.
_OFF, _STEADY, _HITS = 60.0, 0.4, 5  # ms, sharp MSR and hits from which a limb is late or early
_ALIASED = 0.35  # of a beat; a limb that is farther off may be as far off the other way
_CLEARLY = 30.0  # ms that the whole 95 % interval is beyond
_TREMOR: Mapping[BodyPart, float] = {
    "left_arm": 1.0, "right_arm": 1.0, "left_leg": 1.7, "right_leg": 1.7, "torso": 0.6,
}  # fmt: skip
_TREMOR_MONOCULAR = 2.5  # cm
_TREMBLING = butter(3, 4.0, "highpass", fs=RATE, output="sos")
_ALL_SHAKE = 3  # limbs
_QUIETEST = 25.0  # percentile of a tremor's size: it does not stop where the movement does
_OF_NORMAL_NOISE = 0.78  # that percentile over the root mean square


def from_comparison(compared: Comparison, primitive: Primitive, monocular: bool) -> tuple[Cue, ...]:
    """Return the cues for what plainly differs from a reference, the gravest first."""
    cues = []
    for finding in compared.findings:
        if finding.amount < TOLERANCES[finding.kind][monocular] or not _is_plain(finding, compared, monocular):
            continue
        cues.append(
            Cue(
                limb=finding.part,
                fault=finding.kind,
                amount=finding.amount,
                unit=RULES[finding.kind].unit,
                counts=_counts(finding.where, primitive),
                confidence=_confidence(finding, monocular),
                severity=severity(finding.part, finding.kind, finding.amount),
            )
        )
    return tuple(sorted(cues, key=lambda cue: -cue.severity * cue.confidence))


def measured_faults(
    compared: Comparison, monocular: bool, plain: bool = True
) -> list[tuple[BodyPart, FaultKind, float]]:
    """Return part, kind and amount of all that was found, with what is within the tolerances faded out.

    Of what one camera saw only what is `plain`, or else only what is not.
    """
    faults: list[tuple[BodyPart, FaultKind, float]] = []
    for finding in compared.findings:
        if _is_plain(finding, compared, monocular) != plain:
            continue
        least = TOLERANCES[finding.kind][monocular]
        fade = min(max((finding.amount - least / 2) / (least / 2), 0.0), 1.0)
        # A weak side is an arm and a leg.
        parts = (finding.part, TWINS[finding.part]) if finding.kind == "asymmetric" else (finding.part,)
        faults += [(part, finding.kind, finding.amount * fade) for part in parts]
    return faults


def _is_plain(finding: Finding, compared: Comparison, monocular: bool) -> bool:
    if not monocular or finding.kind in _TIMING:
        return True
    others = (share for part, share in compared.unexplained.items() if part != finding.part)
    seen_well = max(others, default=0.0) <= _SEEN_WELL
    return finding.share >= (_PLAIN_WHERE_SEEN_WELL if seen_well else _PLAIN)


def _confidence(finding: Finding, monocular: bool) -> float:
    return float(np.clip(finding.share, 0.0, 1.0)) * (0.85 if monocular else 1.0)


def _counts(where: Floats, primitive: Primitive) -> tuple[int, ...]:
    """Return the counts in which most of the error was; all when it was everywhere."""
    beats = primitive.beat_times
    cycle = len(beats) - 1
    edges = (beats - beats[0]) / (beats[-1] - beats[0]) * len(where)
    sums = np.array([
        float(where[int(edges[count]) : max(int(edges[count + 1]), int(edges[count]) + 1)].mean())
        for count in range(cycle)
    ])  # fmt: skip
    loud = np.flatnonzero(sums > 0.5 * sums.max()) + 1
    return tuple(int(count) for count in loud)


def from_synchrony(synchrony: Synchrony, primitive: Primitive) -> tuple[Cue, ...]:
    """Return the cues for what is early or late against the music: of the body, or of limbs that differ from it."""
    whole = synchrony.offset_ms
    if whole is None:
        return ()  # where the whole keeps to no beat, a limb's distance from it is nobody's fault
    offsets = [part.offset_ms for part in synchrony.parts if part.offset_ms is not None]
    along = [offset for offset in offsets if offset * whole > 0 and abs(offset) >= abs(whole) / 2]
    body = _timing(synchrony, primitive) if 2 * len(along) > len(offsets) else None
    if body is not None:
        return (body,)
    # What most limbs do is what one limb differs from.
    usual = float(np.median(offsets)) if offsets else whole
    limbs = [part for part in synchrony.parts if abs((part.offset_ms or 0.0) - usual) >= _OFF]
    return tuple(cue for cue in (_timing(part, primitive) for part in limbs) if cue is not None)


def _timing(synchrony: Synchrony, primitive: Primitive) -> Cue | None:
    offset, interval, rate = synchrony.offset_ms, synchrony.offset_interval_ms, synchrony.msr
    if offset is None or interval is None or rate is None or synchrony.n_hits < _HITS:
        return None
    # The rate itself sinks when a limb is steadily late, so what is asked for is a steady offset.
    spread = synchrony.offset_sd_ms
    period = float(np.median(np.diff(primitive.beat_times))) * 1000
    if spread is None or spread > (1 - _STEADY) * 0.2 * period:
        return None
    if abs(offset) > _ALIASED * period:
        return None
    if abs(offset) < _OFF or min(abs(interval[0]), abs(interval[1])) < _CLEARLY or interval[0] * interval[1] < 0:
        return None
    fault: FaultKind = "late" if offset > 0 else "early"
    counts = tuple(range(1, len(primitive.beat_times)))
    certain = 1 - math.exp(-min(abs(interval[0]), abs(interval[1])) / 40.0)
    return Cue(
        synchrony.part, fault, abs(offset), "ms", counts, certain, severity(synchrony.part, fault, abs(offset))
    )


def from_movement(dancer: Body, primitive: Primitive) -> tuple[Cue, ...]:
    """Return the cues that a movement gives by itself: limbs that tremble without pause."""
    inside = slice(*np.searchsorted(dancer.times, (primitive.start - 1e-9, primitive.stop - 1e-9)))
    bones = turned(dancer.bones, -dancer.yaw)
    cues = []
    for part in LIMBS:
        end = limb(bones, part)[:, 4 if part == "torso" else -1]
        if len(end) < RATE:
            continue
        tremor = sosfiltfilt(_TREMBLING, end, axis=0)[inside]
        if len(tremor) == 0:
            continue
        size = np.sqrt(gaussian_filter1d((tremor**2).sum(axis=1), 0.1 * RATE, mode="nearest"))
        amount = float(np.percentile(size, _QUIETEST)) / _OF_NORMAL_NOISE * 100
        if amount > (_TREMOR_MONOCULAR if dancer.monocular else _TREMOR[part] / _OF_NORMAL_NOISE):
            counts = tuple(range(1, len(primitive.beat_times)))
            cues.append(Cue(part, "shaky", amount, "cm", counts, 0.8, severity(part, "shaky", amount)))
    if not dancer.rigid and len(cues) >= _ALL_SHAKE:
        return ()  # bones that waver and limbs that all tremble: that is how the dancer was seen
    return tuple(cues)


def gravest(*groups: Sequence[Cue]) -> tuple[Cue, ...]:
    """Return the two gravest cues; of one limb and fault only one."""
    found: dict[tuple[BodyPart, FaultKind], Cue] = {}
    for cue in (cue for group in groups for cue in group):
        key = (cue.limb, cue.fault)
        if key not in found or found[key].confidence < cue.confidence:
            found[key] = cue
    return tuple(sorted(found.values(), key=lambda cue: -cue.severity * cue.confidence))[:MOST]
