"""AIST++: pickles that may only hold numbers, SMPL's joint angles, COCO's joints; and ImperialDance's arrays."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from dancecoach.errors import FileFormatError
from dancecoach.training.aist import coco_joints, read_aist, tempo_of
from dancecoach.training.corpus_readers import read_imperial
from dancecoach.training.number_pickle import read_numbers
from dancecoach.training.smpl import REST_OFFSETS, forward_kinematics, rotations
from dancecoach.types import BONES, JOINT_COUNT, JOINT_INDEX, MIRROR_JOINTS, Floats

NAME = "gBR_sBM_cAll_d04_mBR0_ch01"
RANDOM = np.random.default_rng(5)


def motions(frames: int = 60, scaling: float = 93.0) -> dict[str, object]:
    poses = RANDOM.normal(0, 0.3, (1, 72)) * np.sin(np.linspace(0, 6, frames))[:, None]
    trans = np.stack([np.linspace(0, 50, frames), np.full(frames, 90.0), np.zeros(frames)], axis=1)
    return {
        "smpl_loss": np.float64(0.5),
        "smpl_poses": poses.astype(np.float32),
        "smpl_scaling": np.array([scaling], np.float32),
        "smpl_trans": trans.astype(np.float32),
    }


def put(path: Path, document: object, protocol: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(document, protocol))
    return path


# --- pickles


@pytest.mark.parametrize("protocol", range(6))
def test_numbers_come_through_every_protocol(tmp_path: Path, protocol: int) -> None:
    document = {
        "f": RANDOM.normal(size=(5, 3)),
        "fortran": np.asfortranarray(RANDOM.normal(size=(4, 2))),
        "i": np.arange(4, dtype=np.int32),
        "big": np.arange(3, dtype=">f4"),
        "scalar": np.float32(2.5),
        "plain": [1, -2.5, "text", None, True, (3, 4)],
    }
    found = read_numbers(put(tmp_path / "x.pkl", document, protocol))
    for key in ("f", "fortran", "i", "big"):
        np.testing.assert_array_equal(found[key], document[key])
    assert found["scalar"] == 2.5
    assert found["plain"] == [1, -2.5, "text", None, True, [3, 4]]


class Harmful:
    def __init__(self, function: object, *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> object:
        return self._call


def test_a_pickle_that_runs_something_is_refused_before_it_runs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for protocol in range(6):
        for harm in (
            Harmful(Path.touch, mark),
            Harmful(eval, f"open({str(mark)!r}, 'w')"),
            Harmful(getattr, "text", "upper"),
            Harmful(np.save, str(mark), 1),
        ):
            path = put(tmp_path / "bad.pkl", {"smpl_poses": harm}, protocol)
            with pytest.raises(FileFormatError, match="more than numbers"):
                read_numbers(path)
            pickle.loads(pickle.dumps(RANDOM.normal(size=2), protocol))
    assert not mark.exists()
    # The same file does harm where pickles are trusted: the test can fail.
    pickle.loads(pickle.dumps(Harmful(eval, f"open({str(mark)!r}, 'w').close()")))
    assert mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x03",
        b"not a pickle",
        # An array of a terabyte, announced only; then one whose bytes are missing.
        b"\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00.",
        b"\x80\x04\x8e\x00\x00\x00\x00\x00\x01\x00\x00.",
        # A place in the memo that would take gigabytes.
        b"\x80\x03]r\xff\xff\xff\x7f.",
        # Functions that are let through, misused: no dtype, a changed function, a shape that is not there.
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n}(X\x01\x00\x00\x00aK\x01ub.",
        b"\x80\x03cnumpy\nndarray\n)R.",
        b"\x80\x03c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        b"\x80\x03cnumpy\ndtype\n.",
        # A list that holds itself.
        b"\x80\x03]q\x00h\x00a.",
        # Two levels of attribute: getattr by the back door.
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__class__\x93.",
    ],
)
def test_hostile_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(data)
    with pytest.raises(FileFormatError):
        read_numbers(path)


def test_arrays_of_objects_and_of_other_sizes_are_refused(tmp_path: Path) -> None:
    for document in (
        np.array([{"a": 1}], dtype=object),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "f4")]),
        {1.5: 2},
        {1, 2},
        1j,
    ):
        with pytest.raises(FileFormatError):
            read_numbers(put(tmp_path / "bad.pkl", {"x": document}))
    whole = pickle.dumps(np.arange(100.0), 3)
    for size in range(0, len(whole) - 1, 37):
        (tmp_path / "bad.pkl").write_bytes(whole[:size])
        with pytest.raises(FileFormatError):
            read_numbers(tmp_path / "bad.pkl")
    shape = pickle.dumps(np.arange(100.0), 3).replace(b"Kd", b"Ke")
    (tmp_path / "bad.pkl").write_bytes(shape)
    with pytest.raises(FileFormatError):
        read_numbers(tmp_path / "bad.pkl")


def test_a_small_file_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    nested: list[object] = [0]
    for _ in range(6):
        nested = [nested] * 1000
    path = put(tmp_path / "bad.pkl", nested)
    assert path.stat().st_size < 100_000
    with pytest.raises(FileFormatError, match="without end"):
        read_numbers(path)


# --- SMPL


def bones(joints: Floats) -> Floats:
    return np.stack([np.linalg.norm(joints[:, stop] - joints[:, start], axis=1) for start, stop in BONES], axis=1)


def test_the_rest_pose_is_a_symmetric_t() -> None:
    rest = forward_kinematics(np.zeros((1, JOINT_COUNT, 3)), np.zeros((1, 3)))[0]
    np.testing.assert_allclose(rest[list(MIRROR_JOINTS)] * [-1, 1, 1], rest, atol=1e-12)
    left_arm = rest[[JOINT_INDEX[name] for name in ("left_shoulder", "left_elbow", "left_wrist")]]
    assert np.ptp(left_arm[:, 1]) < 1e-12 and np.all(np.diff(left_arm[:, 0]) > 0.2)
    assert 1.3 < rest[JOINT_INDEX["head"], 1] - rest[JOINT_INDEX["left_foot"], 1] < 1.75
    assert rest[JOINT_INDEX["left_foot"], 2] > rest[JOINT_INDEX["left_ankle"], 2]


def test_no_pose_changes_the_length_of_a_bone() -> None:
    poses = RANDOM.normal(0, 1.5, (200, JOINT_COUNT, 3))
    found = bones(forward_kinematics(poses, RANDOM.normal(size=(200, 3))))
    np.testing.assert_allclose(
        found, np.broadcast_to(np.linalg.norm(REST_OFFSETS[1:], axis=1), found.shape), atol=1e-9
    )


def test_an_elbow_turns_the_forearm_and_nothing_else() -> None:
    poses = RANDOM.normal(0, 0.5, (1, JOINT_COUNT, 3))
    before = forward_kinematics(poses, np.zeros((1, 3)))
    bent = poses.copy()
    bent[0, JOINT_INDEX["left_elbow"]] = [0.0, -1.2, 0.4]
    after = forward_kinematics(bent, np.zeros((1, 3)))
    moved = np.linalg.norm(after - before, axis=2)[0] > 1e-9
    assert np.flatnonzero(moved).tolist() == [JOINT_INDEX["left_wrist"]]


def test_turning_the_pelvis_turns_everybody_rigidly() -> None:
    poses = RANDOM.normal(0, 0.5, (1, JOINT_COUNT, 3))
    poses[0, 0] = 0
    before = forward_kinematics(poses, np.zeros((1, 3)))[0]
    turn = np.array([0.0, np.pi / 2, 0.0])
    poses[0, 0] = turn
    after = forward_kinematics(poses, np.array([[1.0, 2.0, 3.0]]))[0]
    # A quarter turn about y takes z to x.
    np.testing.assert_allclose(after - [1, 2, 3], before[:, [2, 1, 0]] * [1, 1, -1], atol=1e-12)
    np.testing.assert_allclose(rotations(turn) @ rotations(-turn), np.eye(3), atol=1e-12)


# --- the corpora


def test_a_dance_of_aist_is_read_by_its_name(tmp_path: Path) -> None:
    put(tmp_path / "motions" / f"{NAME}.pkl", motions())
    put(tmp_path / "keypoints3d" / f"{NAME}.pkl", {"keypoints3d": 1})  # the angles are preferred
    put(tmp_path / "motions" / "gHO_sFM_cAll_d21_mHO5_ch19.pkl", motions())
    put(tmp_path / "motions" / "gXX_sBM_cAll_d01_mJS1_ch01.pkl", motions())
    (tmp_path / "ignore_list.txt").write_text("gXX_sBM_cAll_d01_mJS1_ch01\n")
    basic, house = read_aist(tmp_path)
    assert (basic.take, basic.performer, basic.style, basic.tempo) == (NAME, "d04", "break", 80.0)
    assert (basic.choreography, basic.music, basic.level, basic.held_out) == ("BR-BM-ch01", "mBR0", "expert", False)
    assert (house.style, house.tempo, house.held_out, house.choreography) == ("house", 135.0, True, "HO-FM-d21-ch19")
    assert np.diff(basic.times) == pytest.approx(1 / 60)
    # The translation is in the cameras' unit: 50 of them are 50 / 93 m.
    assert basic.room[-1, 0, 0] - basic.room[0, 0, 0] == pytest.approx(50 / 93, rel=1e-5)
    np.testing.assert_allclose(bones(basic.room).std(axis=0), 0, atol=1e-9)


def test_music_of_aist_has_the_tempo_of_its_number() -> None:
    assert [tempo_of("BR", number) for number in range(6)] == [80, 90, 100, 110, 120, 130]
    assert [tempo_of("HO", number) for number in range(6)] == [110, 115, 120, 125, 130, 135]
    assert tempo_of("BR", 6) is None


@pytest.mark.parametrize(
    "change",
    [
        {"smpl_poses": np.zeros((60, 71))},
        {"smpl_poses": np.full((60, 72), np.nan)},
        {"smpl_poses": np.zeros((59, 72))},
        {"smpl_poses": "text"},
        {"smpl_poses": np.zeros((60, 72), dtype=complex)},
        {"smpl_trans": np.zeros((60, 2))},
        {"smpl_scaling": np.zeros(1)},
        {"smpl_scaling": np.ones(2)},
        {"smpl_scaling": "text"},
    ],
)
def test_a_dance_of_the_wrong_shape_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    put(tmp_path / "motions" / f"{NAME}.pkl", motions() | change)
    with pytest.raises(FileFormatError):
        list(read_aist(tmp_path))


def standing() -> Floats:
    """COCO's joints (1, 17, 3) of somebody who looks along z, y up, m."""
    points = np.zeros((17, 3))
    points[:5] = [(0, 1.6, 0.1), (0.03, 1.63, 0.08), (-0.03, 1.63, 0.08), (0.08, 1.6, 0), (-0.08, 1.6, 0)]
    for number, (x, y) in zip(
        range(5, 17, 2), [(0.2, 1.4), (0.25, 1.1), (0.27, 0.85), (0.1, 0.9), (0.1, 0.5), (0.1, 0.1)], strict=True
    ):
        points[number], points[number + 1] = (x, y, 0), (-x, y, 0)
    return points[None]


def test_coco_joints_become_a_body_with_feet_that_point_forwards(tmp_path: Path) -> None:
    points = standing()
    joints = coco_joints(points * 100.0)[0]
    np.testing.assert_allclose(joints[JOINT_INDEX["left_wrist"]], points[0, 9], atol=1e-9)
    np.testing.assert_allclose(joints[list(MIRROR_JOINTS)] * [-1, 1, 1], joints, atol=1e-9)
    assert joints[JOINT_INDEX["left_foot"], 2] > 0.1
    around = points[..., [2, 1, 0]] * [1, 1, -1]  # looks along x now
    assert coco_joints(around)[0, JOINT_INDEX["left_foot"], 0] > 0.1
    put(tmp_path / "keypoints3d" / f"{NAME}.pkl", {"keypoints3d_optim": np.repeat(points, 30, axis=0) * 100.0})
    (raw,) = read_aist(tmp_path)
    np.testing.assert_allclose(raw.room[7], joints, atol=1e-9)
    put(tmp_path / "keypoints3d" / f"{NAME}.pkl", {"keypoints3d_optim": np.zeros((30, 16, 3))})
    with pytest.raises(FileFormatError, match="shape"):
        list(read_aist(tmp_path))


def test_imperial_dances_know_level_genre_and_choreography(tmp_path: Path) -> None:
    frames = np.linspace(0, 3, 50)[:, None, None]
    room = forward_kinematics(0.3 * np.sin(frames + RANDOM.normal(size=(1, JOINT_COUNT, 3))), np.ones((50, 3)))
    order = [0, 3, 9, 12, 15, 13, 16, 18, 20, 14, 17, 19, 21, 1, 4, 7, 10, 2, 5, 8, 11]
    samples = np.repeat(room[:, order].transpose(2, 0, 1)[None], 5, axis=0).astype(np.float32)
    np.save(tmp_path / "dance_level_e_b_ch0.npy", samples)
    np.save(tmp_path / "dance_level_i_h_ch1.npy", samples[:1])
    takes = list(read_imperial(tmp_path))
    assert [raw.held_out for raw in takes[:5]] == [False, False, False, False, True]
    first, last = takes[0], takes[-1]
    assert (first.style, first.level, first.choreography) == ("ballet", "expert", "b_ch0")
    assert (last.style, last.level, last.choreography) == ("hip-hop", "intermediate", "h_ch1")
    assert np.diff(first.times) == pytest.approx(0.01)
    np.testing.assert_allclose(first.room[:, JOINT_INDEX["left_wrist"]], room[:, 20], atol=1e-5)
    for wrong in (samples[:, :2], samples[..., :20], samples.astype(object)):
        np.save(tmp_path / "dance_level_e_b_ch0.npy", wrong)
        with pytest.raises(FileFormatError):
            list(read_imperial(tmp_path))
    whole = (tmp_path / "dance_level_i_h_ch1.npy").read_bytes()
    (tmp_path / "dance_level_e_b_ch0.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError):
        list(read_imperial(tmp_path))
