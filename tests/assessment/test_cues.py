"""Without a reference: who is early or late against the music is named, and nobody else."""

from __future__ import annotations

import numpy as np
import pytest

from dancecoach.assessment.cues import from_movement, from_synchrony
from dancecoach.assessment.hits import find_events
from dancecoach.assessment.kinematics import body_of
from dancecoach.assessment.synchrony import measure
from dancecoach.training.faults import Fault, inject
from dancecoach.training.routines import perform_routine
from dancecoach.types import BeatGrid, BodyPart, FaultKind, PoseTrack, Synchrony
from tests.support.assessing import eight_count, track_of_room

_PIECE = eight_count(8.0, 12.0)
_BEATS = np.arange(-2.0, 32.0, 0.5)


def _danced(routine: str, *faults: Fault) -> PoseTrack:
    clip = perform_routine(routine, _BEATS, 24.0)
    joints = inject(clip.times, clip.joints.astype(np.float64), faults, np.random.default_rng(0))
    return track_of_room(clip.times, joints)


def _synchrony(track: PoseTrack) -> Synchrony:
    beats = _BEATS[_BEATS >= 0]
    grid = BeatGrid(beats, np.arange(len(beats)) % 8 + 1, 120.0, 1.0, "file")
    return measure(find_events(track), grid, 4, 32)


@pytest.mark.parametrize("routine", ["grapevine", "salsa basic", "lunges"])
@pytest.mark.parametrize(
    ("part", "kind", "amount"),
    [
        ("left_arm", "late", 120.0),
        ("right_leg", "late", 120.0),
        ("right_arm", "early", 100.0),
        ("body", "late", 90.0),
    ],
)
def test_who_is_early_or_late_is_named(routine: str, part: BodyPart, kind: FaultKind, amount: float) -> None:
    (cue,) = from_synchrony(_synchrony(_danced(routine, Fault(part, kind, amount))), _PIECE)
    assert (cue.limb, cue.fault) == (part, kind)
    assert cue.amount == pytest.approx(amount, abs=8)


@pytest.mark.parametrize("routine", ["grapevine", "step touch", "salsa basic", "disco", "lunges"])
def test_who_keeps_to_the_beat_hears_nothing(routine: str) -> None:
    track = _danced(routine)
    assert from_synchrony(_synchrony(track), _PIECE) == ()
    assert from_movement(body_of(track), _PIECE) == ()


def test_a_tremor_is_named_and_noise_is_not() -> None:
    shaky = body_of(_danced("grapevine", Fault("left_arm", "shaky", 3.0)))
    assert [(cue.limb, cue.fault) for cue in from_movement(shaky, _PIECE)] == [("left_arm", "shaky")]
    track = _danced("grapevine")
    noisy = track.joints + np.random.default_rng(1).normal(0, 0.012, track.joints.shape)
    noisy[:, 0] = 0.0
    seen = PoseTrack(track.times, noisy, track.roots, track.visibility)
    assert from_movement(body_of(seen), _PIECE) == ()
