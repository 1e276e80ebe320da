"""The prepared format and the readers of the CMU folders, G1 Moves and one's own folders."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancecoach.__main__ import main
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.bvh import write_bvh
from dancecoach.session.motion_cleaning import on_floor
from dancecoach.training import corpus
from dancecoach.training.corpus_readers import motive_joints, read_cmu, read_folder, read_g1
from dancecoach.training.motion_corpora import prepare
from dancecoach.training.smpl import forward_kinematics
from dancecoach.types import BONES, JOINT_INDEX, MIRROR_JOINTS, Floats, PoseTrack

WRIST = JOINT_INDEX["right_wrist"]


def dance(seconds: float = 4.0, fps: float = 60.0, seed: int = 1) -> tuple[Floats, Floats]:
    """Smooth motion of a whole body with constant bones: times (T,), room (T, 22, 3)."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps
    rate, phase = random.uniform(0.3, 2.0, (2, 22, 3))
    poses = 0.2 * np.sin(2 * np.pi * (rate * times[:, None, None] + phase))
    roots = np.stack([np.sin(times), 1.0 + 0.05 * np.sin(5 * times), 0.3 * times], axis=1)
    return times, on_floor(forward_kinematics(poses, roots))


def a_take(**changes: object) -> corpus.Take:
    times, room = dance()
    take = corpus.Take(times, room.astype(np.float32), "own", "one", "ann", "salsa", True)
    return replace(take, **changes)


def lengths(room: Floats) -> Floats:
    return np.stack([np.linalg.norm(room[:, stop] - room[:, start], axis=1) for start, stop in BONES])


# --- the prepared folder


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    full = a_take(
        level="expert", choreography="basic", music="son", tempo=180.5, held_out=True, beats=np.arange(1.0, 4.0),
        counts=np.array([8, 1, 2]),
    )  # fmt: skip
    assert corpus.save(tmp_path, [full, a_take(take="two")]) == 2
    first, second = corpus.load(tmp_path)
    for field in ("corpus", "take", "performer", "style", "dancing", "level", "choreography", "music", "tempo"):
        assert getattr(first, field) == getattr(full, field)
    assert first.held_out and not second.held_out
    np.testing.assert_array_equal(first.joints, full.joints)
    np.testing.assert_array_equal(first.times, full.times)
    np.testing.assert_array_equal(first.beats, full.beats)
    np.testing.assert_array_equal(first.counts, full.counts)
    assert second.level is second.tempo is second.beats is None
    assert [take.take for take in corpus.load(tmp_path, held_out=True)] == ["one"]
    track = first.track()
    np.testing.assert_allclose(track.joints + track.roots[:, None], full.joints, atol=1e-6)


def test_a_take_of_the_same_name_is_replaced_and_others_stay(tmp_path: Path) -> None:
    corpus.save(tmp_path, [a_take(), a_take(take="two")])
    corpus.save(tmp_path, [a_take(style="tango")])
    assert [(take.take, take.style) for take in corpus.load(tmp_path)] == [("one", "tango"), ("two", "salsa")]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../secret.npz"),
        ("file", "/etc/passwd"),
        ("file", "own-one.npz/../../x.npz"),
        ("file", "own-one.txt"),
        ("style", ""),
        ("style", 7),
        ("level", "master"),
        ("dancing", "yes"),
        ("held_out", None),
        ("tempo", -1),
        ("tempo", True),
    ],
)
def test_an_entry_that_cannot_be_is_refused(tmp_path: Path, key: str, value: object) -> None:
    corpus.save(tmp_path / "made", [a_take()])
    (tmp_path / "secret.npz").write_bytes((tmp_path / "made" / "own-one.npz").read_bytes())
    index = tmp_path / "made" / "takes.json"
    document = json.loads(index.read_text())
    document["takes"][0][key] = value
    index.write_text(json.dumps(document))
    with pytest.raises(FileFormatError, match=key):
        corpus.load(tmp_path / "made")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    corpus.save(tmp_path / "made", [a_take()])
    file = tmp_path / "made" / "own-one.npz"
    file.rename(tmp_path / "outside.npz")
    file.symlink_to(tmp_path / "outside.npz")
    with pytest.raises(FileFormatError, match="file"):
        corpus.load(tmp_path / "made")


def test_names_of_takes_cannot_leave_the_folder(tmp_path: Path) -> None:
    corpus.save(tmp_path / "made", [a_take(take="../../up", corpus="/abs")])
    assert {path.name for path in tmp_path.iterdir()} == {"made"}
    assert corpus.load(tmp_path / "made")[0].take == "../../up"


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    corpus.save(tmp_path, [a_take()])
    file = tmp_path / "own-one.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError):
        corpus.load(tmp_path)
    times, room = dance()
    for arrays in (
        {"times": times, "joints": room[:, :21]},
        {"times": times[:-1], "joints": room},
        {"times": times[::-1], "joints": room},
        {"times": times, "joints": np.where(np.arange(22)[None, :, None] == 3, np.nan, room)},
        {"times": times},
        {"times": times, "joints": room, "beats": np.array([2.0, 1.0])},
        {"times": times, "joints": room, "beats": np.array([1.0, 2.0]), "counts": np.array([1, 9])},
        {"times": times, "joints": room, "counts": np.array([1])},
    ):
        np.savez(file, **arrays)
        with pytest.raises(FileFormatError):
            corpus.load(tmp_path)
    np.savez(file, times=times, joints=room)
    assert len(corpus.load(tmp_path)) == 1


def test_an_index_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="There is no"):
        corpus.load(tmp_path)
    for text in ("", "[]", '{"schema": "dancecoach.corpus/2", "takes": []}', '{"schema": "dancecoach.corpus/1"}'):
        (tmp_path / "takes.json").write_text(text)
        with pytest.raises(FileFormatError):
            corpus.load(tmp_path)


# --- readers


def cmu_file(folder: Path, name: str, frames_per_second: float, snap: int) -> Floats:
    """A BVH file whose first frames are far off; returns the room positions that remain."""
    times, room = dance(3.0, frames_per_second)
    shown = room.copy()
    shown[:snap] += 0.5
    folder.mkdir(parents=True, exist_ok=True)
    write_bvh(folder / name, PoseTrack(times, shown - shown[:, :1], shown[:, 0], np.ones(shown.shape[:2])))
    return room[snap:]


def test_cmu_folders_know_their_rate_roles_and_traps(tmp_path: Path) -> None:
    kept = cmu_file(tmp_path / "cmu_salsa" / "bvh", "60_03.bvh", 120.0, 8)  # the header lies
    cmu_file(tmp_path / "cmu_salsa" / "bvh", "61_01.bvh", 120.0, 8)
    cmu_file(tmp_path / "cmu_modern" / "bvh", "05_01.bvh", 120.0, 10)
    cmu_file(tmp_path / "cmu_everyday" / "bvh", "09_12.bvh", 120.0, 10)
    takes = {raw.take: raw for raw in read_cmu(tmp_path)}
    salsa = takes["60_03"]
    assert (salsa.corpus, salsa.performer, salsa.style, salsa.tempo) == ("cmu_salsa", "60", "salsa", 164.6)
    assert salsa.held_out and not takes["61_01"].held_out and salsa.dancing
    assert np.median(np.diff(salsa.times)) == pytest.approx(1 / 60)
    assert len(salsa.room) == len(kept)
    between = np.linalg.norm(salsa.room - salsa.room[:, :1], axis=2) - np.linalg.norm(kept - kept[:, :1], axis=2)
    assert np.abs(between).max() < 0.03
    assert (takes["05_01"].style, takes["05_01"].dancing) == ("not dancing", False)
    assert takes["09_12"].held_out and not takes["09_12"].dancing
    assert np.median(np.diff(takes["09_12"].times)) == pytest.approx(1 / 120)


def robot(path: Path, clips: int) -> None:
    """A standing robot facing x, z up, its left on y, lifting its left arm."""
    names = [
        "pelvis", "left_hip_roll", "left_hip_yaw", "left_knee", "left_ankle_pitch", "left_ankle_roll",
        "left_shoulder_roll", "left_elbow", "left_wrist_yaw",
    ]  # fmt: skip
    points = [
        (0, 0, 0.78), (0, 0.12, 0.65), (0.03, 0.12, 0.52), (0, 0.12, 0.34), (0, 0.12, 0.04), (0, 0.12, 0.022),
        (0, 0.12, 1.1), (0, 0.2, 0.9), (0.1, 0.2, 0.75),
    ]  # fmt: skip
    names += [name.replace("left", "right") for name in names[1:]]
    points += [(x, -y, z) for x, y, z in points[1:]]
    bodies = np.repeat(np.array(points, np.float32)[None], 120, axis=0)
    bodies[:, names.index("left_wrist_yaw"), 2] += np.linspace(0, 0.5, 120, dtype=np.float32)
    np.savez(path, body_names=np.array(names), fps=np.int64(60), **{f"J_Clip{i}_Salsa": bodies for i in range(clips)})


def test_a_robot_becomes_a_person_of_human_legs_looking_along_z(tmp_path: Path) -> None:
    (tmp_path / "g1_moves").mkdir()
    robot(tmp_path / "g1_moves" / "clips.npz", 5)
    takes = list(read_g1(tmp_path))
    assert [raw.held_out for raw in takes] == [False, False, False, True, False]
    assert (takes[0].style, takes[0].performer) == ("salsa", "J")
    room = takes[0].room
    legs = lengths(room)[[BONES.index((1, 4)), BONES.index((4, 7))]].sum(axis=0)
    np.testing.assert_allclose(legs, 0.82, rtol=1e-5)
    at = {name: room[:, JOINT_INDEX[name]] for name in JOINT_INDEX}
    assert np.all(at["left_shoulder"][:, 0] > at["right_shoulder"][:, 0])
    assert np.all(at["left_foot"][:, 2] > at["left_ankle"][:, 2] + 0.1)
    assert np.all(at["right_foot"][:, 2] > at["right_ankle"][:, 2] + 0.1)
    assert np.all(at["head"][:, 1] > at["neck"][:, 1])
    assert np.all(np.diff(at["left_wrist"][:, 1]) > 0)
    assert np.ptp(at["right_wrist"], axis=0).max() < 1e-9


def test_a_folder_of_ones_own_takes_its_labels(tmp_path: Path) -> None:
    times, room = dance()
    own = tmp_path / "own"
    (own / "deep").mkdir(parents=True)
    write_bvh(own / "a.bvh", PoseTrack(times, room - room[:, :1], room[:, 0], np.ones(room.shape[:2])))
    np.savez(own / "deep" / "b.npz", times=times, joints=room, beats=np.array([1.0, 2.0]), counts=np.array([1, 2]))
    unlabelled = list(read_folder(own))
    assert [(raw.take, raw.style, raw.performer, raw.dancing) for raw in unlabelled] == [
        ("a", "unknown", "unknown", True),
        ("deep/b", "unknown", "unknown", True),
    ]
    (own / "labels.csv").write_text(
        "file,performer,style,level,dancing,fps,held_out\na.bvh,ann,Tango,expert,,30,yes\ndeep/b.npz,bo,,,no,,\n"
    )
    tango, walk = read_folder(own)
    assert (tango.style, tango.level, tango.held_out) == ("tango", "expert", True)
    assert np.median(np.diff(tango.times)) == pytest.approx(1 / 30)
    assert (walk.style, walk.dancing, walk.performer) == ("not dancing", False, "bo")
    assert walk.beats is not None and walk.beats.tolist() == [1, 2]
    for row in ("c.bvh,x,y,expert,,,", "../out.bvh,x,y,expert,,,", "a.bvh,x,y,master,,,", "a.bvh,x,y,,perhaps,,"):
        (own / "labels.csv").write_text(f"file,performer,style,level,dancing,fps,held_out\n{row}\n")
        with pytest.raises(FileFormatError):
            list(read_folder(own))
    (own / "labels.csv").unlink()
    (own / "labels.json").write_text(json.dumps([{"file": "a.bvh", "style": "Waltz", "tempo": 90}]))
    assert {(raw.style, raw.tempo) for raw in read_folder(own)} == {("waltz", 90.0), ("unknown", None)}


def test_joints_in_another_order_than_motives_are_refused() -> None:
    _, room = dance()
    order = [0, 3, 9, 12, 15, 13, 16, 18, 20, 14, 17, 19, 21, 1, 4, 7, 10, 2, 5, 8, 11]
    found = motive_joints(room[:, order] * 1000.0, "x")
    filled = [joint for joint in range(22) if joint != JOINT_INDEX["spine2"]]
    np.testing.assert_allclose(found[:, filled], room[:, filled], atol=1e-6)
    with pytest.raises(FileFormatError, match="limb"):
        motive_joints(room[:, [*order[:5], *order[13:], *order[5:13]]], "x")


def test_the_command_adds_to_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times, room = dance(4.0, 120.0)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / f"{name}.npz", times=times, joints=room + 3.0)
    out = tmp_path / "out"
    assert main(["train", "prepare", "folder", str(tmp_path / "one"), "--out", str(out)]) == 0
    assert main(["train", "prepare", "folder", str(tmp_path / "two"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == "one: 1 takes, 4 s\ntwo: 1 takes, 4 s\n"
    first, second = corpus.load(out)
    assert (first.corpus, second.corpus) == ("one", "two")
    assert first.rate == pytest.approx(60.0)
    feet = first.joints[:, [7, 8, 10, 11], 1].min(axis=1)
    assert np.percentile(feet, 5) == pytest.approx(0.0, abs=1e-3)
    relative = np.abs(lengths(first.joints.astype(float)) / lengths(room).mean(axis=1, keepdims=True) - 1)
    assert relative.max() < 0.01
    assert main(["train", "prepare", "cmu", str(tmp_path / "one"), "--out", str(out)]) == 1
    with pytest.raises(DancecoachError):
        prepare("folder", [tmp_path / "nowhere"], out)


def test_real_takes_are_people_on_the_floor(recordings: Path, tmp_path: Path) -> None:
    for name in ("60_03", "61_03"):
        (tmp_path / "cmu_salsa").mkdir(exist_ok=True)
        source = recordings / "motion" / "cmu_salsa" / "bvh" / f"{name}.bvh.gz"
        (tmp_path / "cmu_salsa" / source.name).write_bytes(source.read_bytes())
    prepare("cmu", [tmp_path], tmp_path / "out")
    leader, follower = corpus.load(tmp_path / "out")
    assert leader.held_out and leader.rate == pytest.approx(60.0) and len(leader.times) == len(follower.times)
    for take in (leader, follower):
        speed = np.linalg.norm(np.diff(take.joints, axis=0), axis=2).max() * take.rate
        assert speed < 12.5
        assert 1.2 < np.median(take.joints[:, JOINT_INDEX["head"], 1]) < 1.6
    np.testing.assert_allclose(
        leader.joints[:, 0, [0, 2]].mean(axis=0), follower.joints[:, 0, [0, 2]].mean(axis=0), atol=2.0
    )
    assert len(MIRROR_JOINTS) == leader.joints.shape[1]
