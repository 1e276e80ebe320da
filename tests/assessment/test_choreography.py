"""Taught choreographies are found again: at another speed, mirrored, with faults; others are not taken for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dancecoach.assessment.choreography import Choreography, mirror, place
from dancecoach.assessment.kinematics import body_of
from dancecoach.training.faults import Fault
from dancecoach.types import PoseTrack
from tests.support.assessing import eight_count, room, salsa, steady_grid, track_of_room, with_faults


def _faster(track: PoseTrack, by: float) -> PoseTrack:
    return track_of_room(track.times / by, room(track))


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_piece_is_found_at_its_place(recordings: Path, speed: float, mirrored: bool) -> None:
    track = salsa(recordings, seconds=18.0)
    known = [Choreography("ours", track), Choreography("another", salsa(recordings, "61_07"))]
    danced = _faster(mirror(track) if mirrored else track, speed)
    danced = with_faults(danced, Fault("left_arm", "small", 40.0))
    body = body_of(danced)
    for start in (1.0, 4.0, 7.0, 10.0):
        found = place(body, eight_count(start, start + 4.0), None, known)
        assert found is not None and found.choreography.name == "ours" and found.mirrored == mirrored
        assert float(found.when(body.times[:1] * 0 + start)[0]) == pytest.approx(start * speed, abs=0.25)
        assert found.probability > 0.5


def test_another_dance_is_not_recognised(recordings: Path) -> None:
    known = [Choreography("ours", salsa(recordings, "60_03"))]
    assert place(body_of(salsa(recordings, "61_12")), eight_count(4.0, 8.0), None, known) is None


def test_with_counts_on_both_sides_lateness_stays(recordings: Path) -> None:
    track = salsa(recordings, seconds=18.0)
    grid = steady_grid(160.0, 18.0)
    known = [Choreography("ours", track, grid)]
    piece = eight_count(3.0, 6.0)
    for lateness in (0.0, 120.0):
        body = body_of(with_faults(track, Fault("body", "late", lateness)))
        found = place(body, piece, grid, known)
        assert found is not None and found.timed
        assert found.when(piece.beat_times) == pytest.approx(piece.beat_times, abs=1e-6)
