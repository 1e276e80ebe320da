"""Pairs of dancers from files."""

from pathlib import Path

import numpy as np
import pytest

from dancecoach.errors import DancecoachError
from dancecoach.partner.frames import heading_of, mirrored
from dancecoach.session.bvh import write_bvh
from dancecoach.session.duets import Duet, read_duets
from dancecoach.types import Floats
from tests.support.assessing import track_of_room
from tests.support.duets import couple, dancing


def save(folder: Path, name: str, room: Floats, rate: float, start: float = 0.0) -> None:
    np.savez(folder / f"{name}.npz", times=start + np.arange(len(room)) / rate, joints=room)


@pytest.mark.parametrize("rate", [25.0, 30.0, 60.0, 120.0])
def test_both_come_at_30_frames_a_second_in_one_room(tmp_path: Path, rate: float) -> None:
    leader, follower = couple(8.0, rate)
    save(tmp_path, "a_leader", leader + (5.0, 0.0, -2.0), rate)
    save(tmp_path, "a_follower", follower + (5.0, 0.0, -2.0), rate)
    (duet,) = read_duets(tmp_path)
    assert duet.name == "a"
    assert len(duet) == pytest.approx(240, abs=2)
    assert duet.seconds == pytest.approx(8.0, abs=0.1)
    gap = np.linalg.norm((duet.follower - duet.leader)[:, 0, [0, 2]], axis=1)
    assert gap == pytest.approx(0.8, abs=0.12)
    assert np.allclose(duet.leader[0, 0], leader[0, 0] + (5.0, 0.0, -2.0), atol=0.01)


def test_only_the_time_of_both_is_kept(tmp_path: Path) -> None:
    room = dancing(12.0)
    save(tmp_path, "b_leader", room[:300], 30.0)
    save(tmp_path, "b_follower", room[45:], 30.0, start=1.5)
    (duet,) = read_duets(tmp_path)
    assert len(duet) == 255
    assert np.abs(duet.leader - duet.follower).max() < 1e-6


def test_glitches_are_repaired(tmp_path: Path) -> None:
    leader, follower = couple(8.0)
    broken = follower.copy()
    broken[100, 20] += 1.5
    save(tmp_path, "c_leader", leader, 30.0)
    save(tmp_path, "c_follower", broken, 30.0)
    assert np.abs(read_duets(tmp_path)[0].follower - follower).max() < 0.1


def test_cmu_is_read_at_its_true_rate(tmp_path: Path) -> None:
    leader, follower = couple(9.0, 60.0)
    for name, room in (("60_07", leader), ("61_07", follower)):
        # Its headers say 120.
        track = track_of_room(np.arange(len(room)) / 120.0, room)
        write_bvh(tmp_path / f"{name}.bvh", track)
    (duet,) = read_duets(tmp_path)
    assert duet.name == "07"
    assert len(duet) == pytest.approx(266, abs=1)  # 532 of 540 frames
    gap = np.linalg.norm((duet.follower - duet.leader)[:, 0, [0, 2]], axis=1)
    assert gap == pytest.approx(0.8, abs=0.12)


def test_a_mirror_swaps_sides_and_turns_about() -> None:
    leader, follower = couple(3.0)
    duet = Duet("d", leader, follower).mirrored()
    assert np.allclose(duet.leader[:, 20], leader[:, 21] * (-1.0, 1.0, 1.0))
    assert np.allclose(heading_of(duet.follower), -heading_of(follower))
    assert np.allclose(mirrored(mirrored(leader)), leader)


def test_refusals_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DancecoachError, match="no folder"):
        read_duets(tmp_path / "x")
    with pytest.raises(DancecoachError, match="no pairs"):
        read_duets(tmp_path)
    room = dancing(8.0)
    save(tmp_path, "e_leader", room, 30.0)
    with pytest.raises(DancecoachError, match="has no partner e_follower"):
        read_duets(tmp_path)
    save(tmp_path, "e_follower", room[:90], 30.0)
    with pytest.raises(DancecoachError, match=r"only 3\.0 s"):
        read_duets(tmp_path)


def test_the_real_ones(recordings: Path) -> None:
    duets = read_duets(recordings / "motion" / "cmu_salsa" / "bvh")
    assert len(duets) == 11
    assert sum(duet.seconds for duet in duets) == pytest.approx(354, abs=2)
    for duet in duets:
        apart = np.linalg.norm((duet.leader - duet.follower)[:, 0, [0, 2]], axis=1)
        assert 0.15 < apart.min() < 0.45
        assert 0.65 < apart.mean() < 1.2
        assert max(np.linalg.norm(np.diff(room, axis=0), axis=2).max() for room in (duet.leader, duet.follower)) < 0.4
