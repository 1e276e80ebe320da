"""What is no dancer, or is not seen, is not judged: no points and no cue, but a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.types import Floats, PoseTrack, Synchrony
from tests.support.assessing import eight_count, room, salsa, track_of_room

_SILENT = Synchrony("body", 0.0, 0.0, reason="no beat known")


def _noise(joints: Floats) -> Floats:
    return np.random.default_rng(0).normal(0, 0.5, joints.shape)


def _jittered(joints: Floats) -> Floats:
    return joints[:1] + np.random.default_rng(0).normal(0, 0.1, joints.shape)


def _frozen(joints: Floats) -> Floats:
    return np.repeat(joints[:1], len(joints), axis=0)


def _swapping(joints: Floats) -> Floats:
    other = (np.arange(len(joints)) // 30 % 2).astype(bool)
    moved = joints.copy()
    moved[other] += np.array([0.9, 0.0, 0.0])
    return moved


def _fewer(rate: float) -> Callable[[PoseTrack], PoseTrack]:
    def thinned(track: PoseTrack) -> PoseTrack:
        keep = slice(None, None, round(30 / rate))
        return PoseTrack(
            track.times[keep], track.joints[keep], track.roots[keep], track.visibility[keep], track.monocular
        )

    return thinned


def _footless(track: PoseTrack) -> PoseTrack:
    visibility = track.visibility.copy()
    visibility[:, [4, 5, 7, 8, 10, 11]] = 0.1
    return PoseTrack(track.times, track.joints, track.roots, visibility, track.monocular)


def _made(change: Callable[[Floats], Floats]) -> Callable[[PoseTrack], PoseTrack]:
    return lambda track: track_of_room(track.times, change(room(track)))


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_made(_noise), "steadily"),
        (_made(_jittered), "steadily"),
        (_made(_frozen), "no movement"),
        (_made(_swapping), "another person"),
        (_fewer(5), "too few frames"),
        (_fewer(12), "too few frames"),
        (_footless, "feet out of frame"),
    ],
)
def test_no_points_and_no_cue_but_a_reason(
    recordings: Path, change: Callable[[PoseTrack], PoseTrack], reason: str, with_reference: bool
) -> None:
    track = salsa(recordings)
    assessor = Assessor(reference=Choreography("reference", track) if with_reference else None)
    said = assessor.assess(change(track), eight_count(4.0, 8.0), None, _SILENT, None)
    assert said.quality.mean is None and said.quality.variance is None and said.quality.grade is None
    assert said.quality.reason is not None and reason in said.quality.reason
    assert said.cues == () and said.saliency is None
