"""Against a reference: a single known fault is named with its limb, kind and amount; no fault, no word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography, mirror
from dancecoach.assessment.rubric import RULES
from dancecoach.training.fault_effects import realised
from dancecoach.training.faults import Fault, course_of, inject, quality_of
from dancecoach.types import LIMBS, PART_JOINTS, Assessment, BodyPart, FaultKind, PoseTrack, Synchrony
from tests.support.assessing import eight_count, room, salsa, track_of_room, with_faults

_SILENT = Synchrony("body", 0.0, 0.0, reason="no beat known")
_PIECE = eight_count(4.0, 8.0)


def _assess(track: PoseTrack, reference: PoseTrack) -> Assessment:
    assessor = Assessor(reference=Choreography("reference", reference))
    return assessor.assess(track, _PIECE, None, _SILENT, None)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("left_arm", "late"), ("right_leg", "early"), ("body", "late"), ("right_arm", "small"), ("left_leg", "small"),
        ("left_arm", "shaky"), ("torso", "posture"), ("right_arm", "posture"), ("left_arm", "asymmetric"),
        ("body", "off_balance"), ("right_leg", "different"),
    ],
)  # fmt: skip
def test_a_single_fault_is_named_with_its_amount(recordings: Path, part: BodyPart, kind: FaultKind) -> None:
    track = salsa(recordings)
    fault = Fault(part, kind, RULES[kind].full / 2)
    said = _assess(with_faults(track, fault), track)
    cue = said.cues[0]
    assert cue.fault == kind
    assert cue.limb in ((part, "left_leg") if kind == "asymmetric" else (part,))
    assert cue.amount == pytest.approx(fault.amount, rel=0.3)
    assert cue.unit == RULES[kind].unit
    assert said.quality.mean is not None and said.quality.mean < 97
    if kind != "different":  # where it falls in the eight-counts is drawn
        assert said.quality.mean == pytest.approx(quality_of([fault]), abs=8)


@pytest.mark.parametrize(
    ("part", "kind", "share"),
    [
        ("left_arm", "stiff", 0.5), ("right_leg", "stiff", 1.0), ("body", "uneven", 0.5), ("torso", "uneven", 0.5),
        ("right_leg", "uneven", 1.0), ("left_arm", "missed", 1.0), ("right_arm", "missed", 0.5),
        ("body", "no_level_change", 0.5),
    ],
)  # fmt: skip
def test_what_a_fault_did_is_told_not_what_was_asked_for(
    recordings: Path, part: BodyPart, kind: FaultKind, share: float
) -> None:
    track = salsa(recordings)
    fault = Fault(part, kind, share * RULES[kind].full)
    joints, beats = room(track), _PIECE.beat_times
    moved = inject(track.times, joints, [fault], np.random.default_rng(4), beats)
    course = course_of(track.times, joints, fault, np.random.default_rng(4), beats)
    inside = slice(*np.searchsorted(track.times, (_PIECE.start, _PIECE.stop)))
    amount = realised(fault, track.times, joints, moved, inside, course)
    said = _assess(track_of_room(track.times, moved), track)
    assert (said.cues[0].limb, said.cues[0].fault) == (part, kind)
    assert said.cues[0].amount == pytest.approx(amount, rel=0.25)
    assert said.quality.mean == pytest.approx(quality_of([Fault(part, kind, amount)]), abs=8)


def test_another_move_of_the_trunk_is_no_sway(recordings: Path) -> None:
    said = _assess(with_faults(salsa(recordings), Fault("torso", "different", 30.0), seed=2), salsa(recordings))
    assert "off_balance" not in {cue.fault for cue in said.cues}


def test_saliency_points_to_the_limb(recordings: Path) -> None:
    track = salsa(recordings)
    for part in ("left_arm", "right_arm", "left_leg", "right_leg"):
        said = _assess(with_faults(track, Fault(part, "small", 40.0)), track)
        assert said.saliency is not None and said.saliency.sum() == pytest.approx(1.0)
        shares = {limb: float(said.saliency[list(PART_JOINTS[limb])].sum()) for limb in LIMBS}
        assert max(shares, key=lambda limb: shares[limb]) == part


def test_stronger_faults_cost_more(recordings: Path) -> None:
    track = salsa(recordings)
    for kind in ("late", "small", "shaky", "stiff"):
        means = []
        for share in (0.0, 0.3, 0.6, 0.9):
            said = _assess(with_faults(track, Fault("left_leg", kind, share * RULES[kind].full)), track)  # type: ignore[arg-type]
            assert said.quality.mean is not None
            means.append(said.quality.mean)
        assert means == sorted(means, reverse=True) and means[0] - means[-1] > 10, kind


def test_lateness_is_not_forgiven_and_moves_with_the_movement(recordings: Path) -> None:
    track = salsa(recordings)
    for milliseconds in (60.0, 110.0, 200.0):
        cue = _assess(with_faults(track, Fault("body", "late", milliseconds)), track).cues[0]
        assert (cue.limb, cue.fault) == ("body", "late")
        assert cue.amount == pytest.approx(milliseconds, abs=4)


def test_whoever_dances_the_reference_gets_all_points(recordings: Path) -> None:
    track = salsa(recordings)
    joints = room(track)
    yaw = np.deg2rad(30)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    same = {
        "itself": track,
        "larger": track_of_room(track.times, joints * 1.15),
        "turned": track_of_room(track.times, joints @ turn.T),
        "mirrored": mirror(track),
        "elsewhere": track_of_room(track.times, joints + np.array([1.0, 0, 0.5])),
    }
    for name, danced in same.items():
        said = _assess(danced, track)
        assert said.cues == (), name
        assert said.quality.mean is not None and said.quality.mean > 98, name
        assert said.place is not None and said.place.mirrored == (name == "mirrored")


def test_another_dance_is_not_given_points(recordings: Path) -> None:
    said = _assess(salsa(recordings, "61_12"), salsa(recordings, "60_03"))
    assert said.quality.mean is None or said.quality.mean < 60


def test_what_an_explanation_leaves_makes_the_interval_wider(recordings: Path) -> None:
    track = salsa(recordings)
    fault = Fault("left_arm", "uneven", 60.0)
    late = with_faults(track, fault)
    wobble = late.joints.copy()
    seconds = track.times[:, None, None]
    wobble[:, [18, 20]] += 0.03 * np.sin(2 * np.pi * seconds * [0.9, 1.3, 0.7]) * np.array([[0.5], [1.0]])
    halves = []
    for joints in (late.joints, wobble):
        said = _assess(track_of_room(track.times, joints + track.roots[:, None]), track)
        assert said.cues[0].fault == "uneven" and said.quality.interval is not None
        halves.append(said.quality.interval[1] - said.quality.interval[0])
    assert halves[0] < 6.0 and halves[1] > 1.5 * halves[0]


def test_bones_that_were_measured_now_longer_now_shorter_are_no_fault(recordings: Path) -> None:
    track = salsa(recordings)
    joints = room(track)
    spine = joints[:, 9] - joints[:, 6]
    breathing = spine * 0.15 * np.sin(2 * np.pi * track.times * 0.8)[:, None]
    above = [9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
    joints[:, above] += breathing[:, None]
    said = _assess(track_of_room(track.times, joints), track)
    assert said.cues == () and said.quality.mean == pytest.approx(100.0, abs=1.0)
