"""The live coach: judges eight-counts as they end, against what the user chose or taught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.primitives import find_primitives
from dancecoach.loop.coaching import LiveCoach
from dancecoach.session import choreographies
from dancecoach.training.faults import Fault
from dancecoach.types import Notice, Pose, PoseTrack, PrimitiveScore, Synchrony
from tests.support.assessing import room, salsa, steady_grid, with_faults

_SILENT = Synchrony("body", 0.0, 0.0, reason="no beat known")
_GRID = steady_grid(160.0, 30.0)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path / "data"))


class _Board:
    """Keeps the notices that stand."""

    def __init__(self) -> None:
        self.standing: dict[str, Notice] = {}

    def notify(self, about: str, notice: Notice | None) -> None:
        if notice is None:
            self.standing.pop(about, None)
        else:
            self.standing[about] = notice


def _poses(track: PoseTrack) -> list[Pose]:
    flat = np.full((22, 2), 0.5)
    return [
        Pose(float(time), 1, joints, root, flat, np.ones(22), float(time))
        for time, joints, root in zip(track.times, track.joints, track.roots, strict=True)
    ]


def _scores() -> list[PrimitiveScore]:
    found = find_primitives(_GRID, 2.9, 10.0)
    return [PrimitiveScore(number, primitive, _SILENT) for number, (_, primitive) in enumerate(found, 1)]


def _kept(track: PoseTrack, folder: Path) -> str:
    path = folder / "reference.npz"
    np.savez(path, times=track.times, joints=room(track))
    return str(path)


def _judged(coach: LiveCoach, track: PoseTrack) -> Sequence[PrimitiveScore]:
    coach.prepare()
    return coach.judge(_scores(), _poses(track), _GRID, 20.0)


def test_the_reference_that_was_remembered_is_compared_with(recordings: Path, tmp_path: Path) -> None:
    track = salsa(recordings)
    board = _Board()
    coach = LiveCoach(board.notify, _kept(track, tmp_path))
    for score in _judged(coach, with_faults(track, Fault("left_arm", "small", 60.0))):
        assert score.assessment is not None and score.assessment.quality.against_reference
        assert (score.assessment.cues[0].limb, score.assessment.cues[0].fault) == ("left_arm", "small")
    assert coach.advice(20.5)[0].cue.limb == "left_arm"
    assert coach.advice(60.0) == () and "reference" not in board.standing
    coach.use_reference("")
    for score in _judged(coach, track):
        assert score.assessment is not None and not score.assessment.quality.against_reference


def test_a_reference_that_cannot_be_read_is_said_and_the_coach_goes_on(recordings: Path, tmp_path: Path) -> None:
    board = _Board()
    coach = LiveCoach(board.notify, str(tmp_path / "gone.npz"))
    assert len(_judged(coach, salsa(recordings))) == len(_scores())
    assert "gone.npz" in board.standing["reference"].text
    coach.use_reference("")
    coach.prepare()
    assert "reference" not in board.standing, "none is wanted any more"


def test_what_was_taught_is_recognised_from_then_on(recordings: Path) -> None:
    track = salsa(recordings)
    coach = LiveCoach(_Board().notify)
    before = _judged(coach, track)
    assert all(score.assessment is not None and score.assessment.place is None for score in before)
    choreographies.save("our salsa", track, _GRID)
    coach.learned()
    for score in _judged(coach, track):
        assert score.assessment is not None and score.assessment.place is not None
        assert score.assessment.place.name == "our salsa"
        assert score.assessment.quality.mean is not None and score.assessment.quality.mean > 95
