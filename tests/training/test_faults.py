"""Faults put into real motion: they keep the body, have the amount they say, and leave the rest alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.rubric import RULES
from dancecoach.training.faults import HELD_OUT, TRAINED, Fault, deductions_of, draw, inject, quality_of
from dancecoach.types import JOINT_PARENTS, LIMBS, Floats
from tests.support.assessing import room, salsa

_PARENTS = np.maximum(np.array(JOINT_PARENTS), 0)
_WRIST = 20


def _lengths(joints: Floats) -> Floats:
    return np.linalg.norm(joints - joints[:, _PARENTS], axis=2)


def _part_of(kind: str) -> str:
    return "body" if kind in ("off_balance", "no_level_change") else "left_arm"


@pytest.mark.parametrize("kind", [*TRAINED, *HELD_OUT])
def test_a_fault_keeps_the_bones_and_moves_something(recordings: Path, kind: str) -> None:
    track = salsa(recordings)
    fault = Fault(_part_of(kind), kind, RULES[kind].full / 2)  # type: ignore[arg-type]
    faulty = inject(track.times, room(track), [fault], np.random.default_rng(0))
    assert np.allclose(_lengths(faulty), _lengths(room(track)), atol=2e-3)
    assert np.abs(faulty - room(track)).max() > 0.01


@pytest.mark.parametrize("kind", ["late", "small", "stiff", "shaky", "posture", "missed", "different", "uneven"])
def test_a_fault_of_an_arm_leaves_the_rest_alone(recordings: Path, kind: str) -> None:
    track = salsa(recordings)
    fault = Fault("left_arm", kind, RULES[kind].full / 2)  # type: ignore[arg-type]
    faulty = inject(track.times, room(track), [fault], np.random.default_rng(0))
    others = [joint for joint in range(22) if joint not in (18, 20)]
    assert np.allclose(faulty[:, others], room(track)[:, others], atol=1e-9)


def test_late_is_late_by_the_amount(recordings: Path) -> None:
    track = salsa(recordings)
    late = inject(track.times, room(track), [Fault("body", "late", 100.0)], np.random.default_rng(0))
    assert np.allclose(late[30:-30], room(track)[27:-33], atol=1e-6)


def test_no_fault_changes_nothing(recordings: Path) -> None:
    track = salsa(recordings)
    for kind in ("late", "small", "stiff", "shaky", "posture", "off_balance", "no_level_change"):
        part = _part_of(kind)
        same = inject(track.times, room(track), [Fault(part, kind, 0.0)], np.random.default_rng(0))  # type: ignore[arg-type]
        assert np.allclose(same, room(track), atol=1e-3), kind


def test_tremor_has_the_amount_it_says(recordings: Path) -> None:
    track = salsa(recordings)
    shaky = inject(track.times, room(track), [Fault("left_arm", "shaky", 2.0)], np.random.default_rng(1))
    moved = shaky[:, _WRIST] - room(track)[:, _WRIST]
    assert np.sqrt((moved**2).sum(axis=1).mean()) == pytest.approx(0.02, rel=0.3)


def test_feet_stay_where_the_body_sways(recordings: Path) -> None:
    track = salsa(recordings)
    swaying = inject(track.times, room(track), [Fault("body", "off_balance", 5.0)], np.random.default_rng(1))
    ankles = [7, 8]
    assert np.median(np.abs(swaying - room(track))[:, ankles]) < 0.005
    assert np.abs(swaying - room(track))[:, 15].max() > 0.05


def test_quality_falls_with_every_fault_and_is_shared_among_limbs() -> None:
    assert quality_of([]) == 100.0
    for kind in (*TRAINED, *HELD_OUT):
        qualities = [quality_of([Fault("left_arm", kind, share * RULES[kind].full)]) for share in (0.2, 0.5, 1.0)]
        assert qualities == sorted(qualities, reverse=True) and qualities[0] < 100
    shares = deductions_of([Fault("body", "late", 125.0)])
    assert set(shares) == set(LIMBS) and sum(shares.values()) == pytest.approx(40.0)
    assert deductions_of([Fault("left_arm", "asymmetric", 40.0)])["left_leg"] > 0


def test_drawn_faults_are_of_different_parts_and_known_kinds() -> None:
    random = np.random.default_rng(2)
    for _ in range(300):
        faults = draw(random, TRAINED)
        assert all(fault.kind in TRAINED and 0 < fault.amount <= RULES[fault.kind].full for fault in faults)
        parts = [fault.part for fault in faults]
        assert len(set(parts)) == len(parts) and ("body" not in parts or len(parts) == 1)
