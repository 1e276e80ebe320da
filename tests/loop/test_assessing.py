"""The assessment in a process of its own: it judges, begins anew, and carries on when its process is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from dancecoach.errors import DancecoachError
from dancecoach.loop.assessing import Assessing, Begin, LiveAssessment, UseReference, Watched
from dancecoach.loop.child import ChildEndedError
from dancecoach.loop.timing import Timers
from dancecoach.types import Notice, Pose, PoseTrack, PrimitiveScore
from tests.support.assessing import room, salsa, steady_grid

_GRID = steady_grid(160.0, 60.0)
_EVERY = 0.5  # s


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path / "data"))


def _poses(track: PoseTrack, start: float, stop: float) -> list[Pose]:
    flat = np.full((22, 2), 0.5)
    chosen = np.flatnonzero((track.times >= start) & (track.times < stop))
    return [
        Pose(float(track.times[i]), 1, track.joints[i], track.roots[i], flat, np.ones(22), float(track.times[i]))
        for i in chosen
    ]


class Watching:
    """The assessment of one who dances salsa, and what was noticed."""

    def __init__(self, track: PoseTrack, reference: str = "") -> None:
        self.track, self.time = track, 0.0
        self.notices: dict[str, Notice | None] = {}
        self.timers = Timers()
        self.assessment = LiveAssessment(self.notices.__setitem__, self.timers, reference)

    def dance(self, seconds: float) -> list[PrimitiveScore]:
        completed = []
        for _ in range(round(seconds / _EVERY)):
            for pose in _poses(self.track, self.time, self.time + _EVERY):
                self.assessment.see(pose)
            self.time += _EVERY
            completed += self.assessment.step(self.time, _GRID, threading.Event())
        return completed


@pytest.fixture
def watching(recordings: Path) -> Iterator[Watching]:
    made = Watching(salsa(recordings))
    yield made
    made.assessment.close()


def test_it_judges_as_it_would_here(watching: Watching) -> None:
    completed = watching.dance(8.0)
    here = Assessing(Begin(""))
    expected: list[PrimitiveScore] = []
    for number in range(16):
        poses = tuple(_poses(watching.track, number * _EVERY, (number + 1) * _EVERY))
        answer = here.take(Watched((number + 1) * _EVERY, poses, _GRID, False))
        assert answer is not None
        expected += answer.completed
    assert len(completed) == len(expected) >= 2
    assert watching.assessment.primitives == tuple(completed)
    for one, other in zip(completed, expected, strict=True):
        assert (one.index, one.synchrony.offset_ms) == (other.index, other.synchrony.offset_ms)
        assert one.assessment is not None and other.assessment is not None
        assert one.assessment.quality.mean == other.assessment.quality.mean
    assert watching.assessment.now.last_8 is not None and watching.assessment.now.provider
    assert {"assess", "encode", "judge"} <= set(watching.timers)


def test_a_new_take_begins_with_the_first_eight_count(watching: Watching) -> None:
    watching.dance(7.0)
    assert watching.assessment.primitives
    watching.assessment.new_take()
    watching.dance(0.5)
    assert watching.assessment.primitives == ()
    assert [score.index for score in watching.dance(5.0)][:1] == [1]


def test_a_lost_process_is_replaced_and_goes_on_counting(watching: Watching) -> None:
    before = watching.dance(7.0)
    number = watching.assessment.process
    assert number is not None
    psutil.Process(number).kill()
    with pytest.raises(ChildEndedError, match="assessment"):
        watching.dance(0.5)
    after = watching.dance(5.0)
    assert [score.index for score in (*before, *after)] == list(range(1, len(before) + len(after) + 1))
    starts = [score.primitive.start for score in (*before, *after)]
    assert np.allclose(np.diff(starts), np.diff(starts)[0]), "none is left out, none comes twice"


def test_a_reference_is_read_before_it_is_used(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    np.savez(path, times=watching.track.times, joints=room(watching.track))
    with pytest.raises(DancecoachError, match="gone"):
        watching.assessment.use_reference(str(tmp_path / "gone.npz"))
    watching.assessment.use_reference(str(path))
    judged = [score.assessment for score in watching.dance(8.0)]
    assert judged and all(each is not None and each.quality.against_reference for each in judged)
    watching.assessment.use_reference("")
    judged = [score.assessment for score in watching.dance(4.0)]
    assert judged and all(each is not None and not each.quality.against_reference for each in judged)


def test_a_reference_that_has_gone_since_is_said(recordings: Path, tmp_path: Path) -> None:
    here = Assessing(Begin(str(tmp_path / "gone.npz")))
    answer = here.take(Watched(0.5, (), _GRID, False))
    assert answer is not None
    (about, notice), *_ = answer.notices
    assert about == "reference" and notice is not None and "gone.npz" in notice.text
    here.take(UseReference(""))
    again = here.take(Watched(1.0, (), _GRID, False))
    assert again is not None and ("reference", None) in again.notices
