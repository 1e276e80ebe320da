"""Corpora of duets become pairs: layouts, which file is whose, one turn for both, hostile files."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dancecoach.__main__ import main
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.bvh import write_bvh
from dancecoach.session.duets import read_duets
from dancecoach.training.duet_corpora import PairFiles, find_pairs, prepare_duets, read_pair
from dancecoach.training.duet_layouts import matrices_of_rows, read_dancer
from dancecoach.training.duet_music import read_music
from dancecoach.training.smpl import forward_kinematics
from dancecoach.types import Floats, PoseTrack
from tests.support.duets import couple

Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # (x, y, z) becomes (x, −z, y)


def angles(seed: int, frames: int = 240, rate: float = 30.0) -> tuple[Floats, Floats]:
    """Smooth joint angles (T, 55, 3) rad and places (T, 3) m, y up."""
    random = np.random.default_rng(seed)
    times = np.arange(frames)[:, None, None] / rate
    poses = 0.15 * np.sin(2 * np.pi * (random.uniform(0.2, 1.5, (55, 3)) * times + random.uniform(0, 1, (55, 3))))
    place = np.stack([seed + 0.2 * np.sin(times[:, 0, 0]), 1.0 + 0 * times[:, 0, 0], 0.3 * times[:, 0, 0]], axis=1)
    return poses, place


def lying(poses: Floats, place: Floats) -> tuple[Floats, Floats]:
    """The same dance in a file with z up."""
    turned = poses.copy()
    turned[:, 0] = (Rotation.from_matrix(Z_UP) * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    return turned, place @ Z_UP.T


def between(leader: Floats, follower: Floats) -> Floats:
    """What the two are to each other along the floor, whichever way they are turned and wherever they are."""
    return np.linalg.norm((leader[:, :, None] - follower[:, None])[..., [0, 2]], axis=-1)


def test_dd100s_angles_joints_and_matrices_are_one_dance_and_01_leads(tmp_path: Path) -> None:
    places = {}
    for number, role in (("01", "leader"), ("00", "follower")):
        poses, place = angles(1 if role == "leader" else 2)
        places[role] = forward_kinematics(poses[:, :22], place)
        poses, place = lying(poses, place)
        flat = poses.reshape(len(poses), -1)
        named = {"poses": flat, "global_orient": flat[:, :3], "transl": place, "meta": {"gender": np.str_("male")}}
        joints = np.zeros((len(poses), 55, 3))
        joints[:, :22] = forward_kinematics(poses[:, :22], place)
        matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(len(poses), -1)
        for kind, value in (
            ("smplx", np.array(named, dtype=object)),
            ("pos3d", joints.reshape(len(poses), -1)),
            ("rotmat", np.concatenate([place, matrices], axis=1)),
        ):
            folder = tmp_path / kind / "motion" / kind / "all"
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"Tango_02_1_{number}.npy", value)
    for kind in ("smplx", "pos3d", "rotmat"):
        ((name, seconds),) = prepare_duets("dd100", tmp_path / kind, tmp_path / f"{kind}-out")
        assert (name, round(seconds)) == ("Tango_02_1", 8)
        (duet,) = read_duets(tmp_path / f"{kind}-out")
        np.testing.assert_allclose(
            between(duet.leader, duet.follower), between(places["leader"], places["follower"]), atol=2e-3
        )
        assert np.all(duet.leader[:, 12, 1] > duet.leader[:, 0, 1])
        assert 0.7 < duet.leader[:, 0, 1].mean() < 1.1
    # Of the same take in two layouts only one is read: the joints.
    (tmp_path / "smplx" / "motion" / "pos3d").mkdir()
    (tmp_path / "pos3d" / "motion" / "pos3d" / "all").rename(tmp_path / "smplx" / "motion" / "pos3d" / "all")
    (pair,) = find_pairs("dd100", tmp_path / "smplx")
    assert "pos3d" in pair.leader.parts and pair.leader.name.endswith("_01.npy")


def test_compas3d_says_its_rate_and_may_be_misspelt(tmp_path: Path) -> None:
    folder = tmp_path / "Pair7" / "Pair7_song2_take1"
    folder.mkdir(parents=True)
    rooms = {}
    for name, seed in (("leaderi", 1), ("follower", 2)):
        poses, place = angles(seed, 960, 120.0)
        rooms[seed] = forward_kinematics(poses[:, :22], place)
        poses, place = lying(poses, place)
        np.savez(
            folder / f"Pair7_song2_take1_{name}.npz", poses=poses.reshape(960, -1), trans=place, gender="female",
            mocap_frame_rate=np.float64(120.0), markers_obs=np.array([None, {}], dtype=object), betas=np.zeros(300),
        )  # fmt: skip
    ((name, seconds),) = prepare_duets("compas3d", tmp_path, tmp_path / "out")
    assert (name, round(seconds)) == ("Pair7_song2_take1", 8)
    (duet,) = read_duets(tmp_path / "out")
    # Those who have no frames to either side are filtered differently.
    np.testing.assert_allclose(
        between(duet.leader, duet.follower)[8:-8], between(rooms[1], rooms[2])[::4][8:-8], atol=5e-3
    )
    with pytest.raises(FileFormatError, match="no pairs"):
        prepare_duets("dd100", tmp_path, tmp_path / "none")


@pytest.mark.parametrize("turn", [np.eye(3), Z_UP, Z_UP.T, np.diag([1.0, -1, -1])])
def test_both_dancers_are_turned_and_moved_as_one(tmp_path: Path, turn: Floats) -> None:
    leader, follower = couple(8.0)
    for role, room in (("lead", leader), ("follow", follower)):
        (tmp_path / role).mkdir()
        np.save(tmp_path / role / "a.npy", (1000.0 * room + (5000.0, 0.0, 700.0)) @ turn.T)
    (pair,) = find_pairs("folder", tmp_path)
    times, one, other = read_pair(pair)
    assert len(times) == len(leader)
    for true, made in ((leader, one), (follower, other)):
        np.testing.assert_allclose(np.linalg.norm(np.diff(made, axis=0), axis=2),
                                   np.linalg.norm(np.diff(true, axis=0), axis=2), atol=1e-6)  # fmt: skip
    apart = np.linalg.norm(leader[:, :, None] - follower[:, None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(one[:, :, None] - other[:, None], axis=-1), apart, atol=1e-6)
    assert np.all(one[:, 15, 1] > one[:, 0, 1])
    # A turn, not a mirror image: the left side stays on the left.
    across, ahead = one[:, 1] - one[:, 2], one[:, 10] - one[:, 7]
    assert (
        np.median(np.cross(ahead, across)[:, 1])
        * np.median(np.cross(leader[:, 10] - leader[:, 7], leader[:, 1] - leader[:, 2])[:, 1])
        > 0
    )


def test_names_that_differ_in_the_role_alone_are_pairs_and_cannot_leave_the_folder(tmp_path: Path) -> None:
    leader, follower = couple(8.0)
    source = tmp_path / "source"
    source.mkdir()
    for name, room in (("x.Man.1", leader), ("x.Woman.1", follower), ("..male", leader), ("..female", follower)):
        np.save(source / f"{name}.npy", room)
    for role, room in (("leader", leader), ("follower", follower)):
        times = np.arange(len(room)) / 30
        write_bvh(source / f"b_{role}.bvh", PoseTrack(times, room - room[:, :1], room[:, 0], np.ones(room.shape[:2])))
    np.save(source / "y_leader.npy", leader)  # alone
    (source / "z_leader.npy").symlink_to(tmp_path / "secret_leader.npy")
    assert [pair.name for pair in find_pairs("interdance", source)] == ["b", "take", "x_1"]
    assert [pair.leader.name for pair in find_pairs("folder", source)] == [
        "b_leader.bvh", "..male.npy", "x.Man.1.npy",
    ]  # fmt: skip
    prepare_duets("folder", source, tmp_path / "out")
    assert len(read_duets(tmp_path / "out")) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"source", "out"}


def test_lengths_that_differ_a_little_are_cut_and_much_are_refused(tmp_path: Path) -> None:
    leader, follower = couple(9.0)
    one, other = tmp_path / "leader.npz", tmp_path / "follower.npz"
    np.savez(one, joints=leader)
    np.savez(other, joints=follower[:-12])
    times, first, second = read_pair(PairFiles("a", one, other))
    assert len(times) == len(first) == len(second) == len(leader) - 12
    np.savez(other, joints=follower[:120])
    with pytest.raises(FileFormatError, match="frames"):
        read_pair(PairFiles("a", one, other))
    np.savez(other, joints=follower + (40.0, 0.0, 0.0))
    with pytest.raises(FileFormatError, match="m apart"):
        read_pair(PairFiles("a", one, other))
    np.savez(one, joints=leader, fps=30.0)
    np.savez(other, joints=follower, fps=60.0)
    with pytest.raises(FileFormatError, match="rates"):
        read_pair(PairFiles("a", one, other))
    assert len(read_pair(PairFiles("a", one, other), fps=15.0)[0]) == 2 * len(leader) - 1


def test_rotations_in_every_layout_are_the_same_dance(tmp_path: Path) -> None:
    poses, place = angles(3, 40)
    turns = Rotation.from_rotvec(poses.reshape(-1, 3))
    rows = turns.as_matrix()[:, :2].reshape(40, 55, 6)
    np.testing.assert_allclose(matrices_of_rows(rows.reshape(-1, 6)), turns.as_matrix(), atol=1e-12)
    quaternions = turns.as_quat().reshape(40, 55, 4)[..., [3, 0, 1, 2]]
    true = forward_kinematics(poses[:, :22], place)
    body, six = poses[:, :22].reshape(40, -1), rows[:, :22].reshape(40, -1)
    tables = [
        np.concatenate([place, body], axis=1),
        np.concatenate([place, poses[:, :52].reshape(40, -1)], axis=1),
        np.concatenate([place, six], axis=1),
        np.concatenate([np.ones((40, 4)), place, six], axis=1),
        np.concatenate([place, quaternions.reshape(40, -1), np.zeros((40, 10))], axis=1),
    ]
    for number, table in enumerate(tables):
        np.save(tmp_path / f"{number}.npy", table)
        found = read_dancer(tmp_path / f"{number}.npy")
        assert found.from_angles
        np.testing.assert_allclose(found.room, true, atol=1e-9)
    for number, named in enumerate(
        (
            {"smpl_poses": body, "smpl_trans": place},
            {"pose": poses, "trans": place, "beta": np.zeros(10)},
            {"root_orient": poses[:, 0], "pose_body": body[:, 3:], "trans": place, "fps": 60},
        )
    ):
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(pickle.dumps(named, protocol=4))
        found = read_dancer(path)
        np.testing.assert_allclose(found.room, true, atol=1e-9)
        assert found.fps == named.get("fps")


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


def test_hostile_and_damaged_files_are_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    poses, place = angles(1, 30)
    flat = poses.reshape(30, -1)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"poses": Hostile(), "trans": place}))
    np.save(tmp_path / "b.npy", np.array({"poses": flat, "transl": Hostile()}, dtype=object))
    np.save(tmp_path / "c.npy", np.array([{"poses": flat}, {"poses": flat}], dtype=object))
    np.save(tmp_path / "d.npy", np.array({"poses": np.array([Hostile()], dtype=object)}, dtype=object))
    (tmp_path / "e.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:200])
    (tmp_path / "f.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, "
                                     b"'shape': (900000, 55, 3), }".ljust(117) + b"\n")  # fmt: skip
    (tmp_path / "g.npz").write_bytes(b"PK\x03\x04 nothing")
    np.savez(tmp_path / "h.npz", poses=flat[:20], trans=place)
    np.savez(tmp_path / "i.npz", poses=np.full_like(flat, np.nan), trans=place)
    np.save(tmp_path / "j.npy", np.zeros((30, 100)))
    np.savez(tmp_path / "k.npz", poses=flat, trans=place, fps=np.array(-3.0))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(FileFormatError):
            read_dancer(path)
    assert not (tmp_path / "pwned").exists()
    assert main(["train", "prepare-duets", "folder", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "no folder" in capsys.readouterr().err


def test_music_of_the_same_name_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import scipy.io.wavfile

    leader, follower = couple(8.0)
    np.savez(tmp_path / "w_leader.npz", joints=leader)
    np.savez(tmp_path / "w_follower.npz", joints=follower)
    rate = 22_050
    sound = np.zeros(9 * rate, np.float32)
    for beat in range(18):
        at = int(beat * 0.5 * rate)
        sound[at : at + 800] = 0.8 * np.exp(-np.arange(800) / 150) * np.sin(np.arange(800) * 0.3)
    scipy.io.wavfile.write(tmp_path / "w.wav", rate, sound)
    assert main(["train", "prepare-duets", "folder", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "1 pairs" in capsys.readouterr().out
    features, beats = read_music(tmp_path / "out" / "w_music.npz")
    assert features is not None and len(features) == len(leader)
    if beats is not None:
        assert np.median(np.diff(beats)) == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DancecoachError):
        np.savez(tmp_path / "bad.npz", features=np.zeros((4, 3)))
        read_music(tmp_path / "bad.npz")
