"""What faults do: the amounts that were asked for are there afterwards, where there is something to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.rubric import RULES
from dancecoach.training.fault_effects import realised, seen
from dancecoach.training.faults import Fault, course_of, inject
from dancecoach.types import BodyPart, FaultKind
from tests.support.assessing import room, salsa


@pytest.mark.parametrize("part", ["left_arm", "right_leg", "torso"])
@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_as_much_of_the_quick_part_is_missing_as_asked_for(recordings: Path, part: BodyPart, share: float) -> None:
    track = salsa(recordings)
    fault = Fault(part, "stiff", share * RULES["stiff"].full)
    stiff = inject(track.times, room(track), [fault], np.random.default_rng(0))
    found = realised(fault, track.times, room(track), stiff, slice(30, -30))
    assert found == pytest.approx(fault.amount, rel=0.2)


@pytest.mark.parametrize(("kind", "share"), [("uneven", 0.25), ("uneven", 0.5), ("missed", 0.5), ("different", 0.5)])
def test_every_eight_count_has_the_amount(recordings: Path, kind: FaultKind, share: float) -> None:
    track = salsa(recordings)
    beats = np.arange(0.0, 14.0, 0.5)
    fault = Fault("left_arm", kind, share * RULES[kind].full)
    faulty = inject(track.times, room(track), [fault], np.random.default_rng(3), beats)
    course = course_of(track.times, room(track), fault, np.random.default_rng(3), beats)
    for start in (0.0, 4.0, 8.0):
        inside = slice(*np.searchsorted(track.times, (start, start + 4.0)))
        assert realised(fault, track.times, room(track), faulty, inside, course) == pytest.approx(
            fault.amount, rel=0.3
        )


@pytest.mark.parametrize("kind", ["late", "uneven", "missed", "small"])
def test_what_stands_still_shows_no_fault(recordings: Path, kind: FaultKind) -> None:
    track = salsa(recordings)
    still = np.repeat(room(track)[:1], len(track.times), axis=0)
    fault = Fault("left_arm", kind, RULES[kind].full)
    for joints, visible in ((still, False), (room(track), True)):
        faulty = inject(track.times, joints, [fault], np.random.default_rng(0))
        assert seen(fault, track.times, joints, faulty, slice(60, 180)) is visible
