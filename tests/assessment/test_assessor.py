"""Without a reference: what was measured against the music has its part in the points."""

from __future__ import annotations

import numpy as np
import pytest

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.encoders import Judgement
from dancecoach.assessment.hits import find_events
from dancecoach.assessment.rubric import severity, sure_level
from dancecoach.assessment.synchrony import measure
from dancecoach.training.faults import Fault, inject
from dancecoach.training.routines import perform_routine
from dancecoach.types import LIMBS, Assessment, BeatGrid, BeatSource
from tests.support.assessing import eight_count, track_of_room

_PIECE = eight_count(8.0, 12.0)
_SAID = Judgement(
    mean=80.0,
    variance=64.0,
    part_deductions=dict.fromkeys(LIMBS, 4.0),
    saliency=np.full(22, 1 / 22),
    kinds={},
    amounts={},
    styles={},
    dancing=1.0,
    embedding=np.zeros(64),
    distance=0.5,
    familiar=True,
)


def _assessed(*faults: Fault, source: BeatSource = "file") -> Assessment:
    beats = np.arange(-2.0, 32.0, 0.5)
    clip = perform_routine("grapevine", beats, 24.0)
    joints = inject(clip.times, clip.joints.astype(np.float64), faults, np.random.default_rng(0))
    track = track_of_room(clip.times, joints)
    grid = BeatGrid(beats[4:], np.arange(len(beats) - 4) % 8 + 1, 120.0, 1.0, source)
    return Assessor().assess(track, _PIECE, grid, measure(find_events(track), grid, 4, 32), _SAID)


def test_measured_lateness_costs_what_the_rubric_says() -> None:
    on_time = _assessed()
    assert on_time.quality.mean == _SAID.mean and on_time.quality.variance == _SAID.variance
    late = _assessed(Fault("body", "late", 120.0))
    cue = late.cues[0]
    assert (cue.limb, cue.fault) == ("body", "late")
    assert late.quality.mean == pytest.approx(80.0 * (1 - severity("body", "late", cue.amount) / 100))
    arm = _assessed(Fault("left_arm", "late", 120.0))
    assert late.quality.mean is not None and arm.quality.mean is not None
    assert late.quality.mean < arm.quality.mean < 80.0


def test_nobody_is_late_against_beats_of_their_own() -> None:
    assert _assessed(Fault("body", "late", 120.0), source="motion").quality.mean == _SAID.mean


def test_no_level_is_said_where_two_are_about_as_likely() -> None:
    assert sure_level(80.0, 25.0) is None
    said = sure_level(90.0, 25.0)
    assert said is not None and said[0] == "expert" and said[1] > 0.9
    assert "level" not in {label.attribute for label in _assessed().labels}
