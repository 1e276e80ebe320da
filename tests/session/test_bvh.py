from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.errors import FileFormatError
from dancecoach.session.bvh import read_bvh, write_bvh
from dancecoach.types import JOINT_INDEX, JOINT_NAMES, JOINT_PARENTS, PoseTrack
from tests.session.made import rigid_track

SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bvh") / "a.bvh"
    write_bvh(path, rigid_track(np.arange(20) / 30))
    return path.read_text()


def room(track: PoseTrack) -> np.ndarray:
    return track.joints + track.roots[:, None]


@pytest.mark.parametrize("wildness", [0.2, 0.8])
def test_round_trip_of_a_rigid_body(tmp_path: Path, wildness: float) -> None:
    track = rigid_track(np.arange(240) / 60, wildness)
    path = tmp_path / "a.bvh"
    write_bvh(path, track)
    found = read_bvh(path)
    assert len(found) == len(track)
    assert np.allclose(np.diff(found.times), 1 / 60, atol=1e-6)
    error = np.linalg.norm(found.joints - track.joints, axis=2)
    print(f"wildness {wildness}: mean {1000 * error.mean():.2f} mm, most {1000 * error.max():.2f} mm")
    assert error.max() < 0.01


def test_times_that_are_uneven_are_made_even(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    times = 5.0 + np.cumsum(random.uniform(0.025, 0.042, 200))
    track = rigid_track(times)
    path = tmp_path / "a.bvh"
    write_bvh(path, track)
    found = read_bvh(path)
    wanted = np.stack(
        [np.interp(found.times + times[0], times, track.joints[:, joint, 1]) for joint in range(22)], axis=1
    )
    assert found.times[-1] == pytest.approx(times[-1] - times[0], abs=0.05)
    assert np.abs(found.joints[:-1, :, 1] - wanted[:-1]).max() < 0.02


def test_too_short_a_track_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError):
        write_bvh(tmp_path / "a.bvh", rigid_track(np.zeros(1)))
    assert not (tmp_path / "a.bvh").exists()


@pytest.mark.parametrize("unit", [1.0, 100.0, 1000.0, 39.37])
def test_units_are_found(tmp_path: Path, unit: float) -> None:
    track = rigid_track(np.arange(60) / 30)
    path = tmp_path / "a.bvh"
    write_bvh(path, PoseTrack(track.times, track.joints * unit / 100, track.roots * unit / 100, track.visibility))
    found = read_bvh(path)
    assert np.linalg.norm(found.joints - track.joints, axis=2).max() < 0.02


def test_compressed_and_other_rate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.bvh.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_bvh(path).times[1] == pytest.approx(1 / 30, abs=1e-6)
    assert read_bvh(path, fps=120).times[1] == pytest.approx(1 / 120)


def test_a_truncated_motion_keeps_its_whole_frames(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(text[: int(0.7 * len(text))])
    assert 2 <= len(read_bvh(path)) < 20


@pytest.mark.parametrize(
    "content",
    [
        "",
        "MOTION",
        "HIERARCHY MOTION",
        SMALL,
        SMALL + "MOTION\nFrames: 2\nFrame Time: 0.03\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: 0\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: nan\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: 1e-300\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: --\n" + "0 " * 12,
        SMALL + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n" + "x " * 12,
        SMALL.replace("CHANNELS 6", "CHANNELS 999999999") + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n0 0",
        SMALL.replace("CHANNELS 6", "CHANNELS -1") + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n0 0",
        SMALL + "CHANNELS 1 Xposition }\nMOTION\nFrames: 2\nFrame Time: 0.03\n" + "0 " * 14,
        SMALL.replace("OFFSET 0 0 0", "OFFSET 0 0") + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n" + "0 " * 12,
        SMALL.replace("OFFSET 0 0 0", "OFFSET nan 0 0") + "}\nMOTION\nFrames: 2\nFrame Time: 0.03\n" + "0 " * 12,
        "HIERARCHY\n" + "JOINT a { " * 2000 + "MOTION",
        "HIERARCHY } } } MOTION Frames: 1",
        "HIERARCHY OFFSET 1 2 3 MOTION Frames: 1",
    ],
)
def test_hostile_files_get_a_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(content)
    with pytest.raises(FileFormatError) as caught:
        read_bvh(path)
    assert caught.value.remedy


def test_numbers_out_of_all_bounds_get_a_sentence(tmp_path: Path, text: str) -> None:
    head, _, _ = text.partition("Frame Time")
    width = 6 + 21 * 3
    for value in ("1e400", "nan", "1e308"):
        path = tmp_path / "a.bvh"
        path.write_text(f"{head}Frame Time: 0.0333\n" + f"{value} " * (width * 3))
        with pytest.raises(FileFormatError):
            read_bvh(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    broken = tmp_path / "a.bvh.gz"
    broken.write_bytes(gzip.compress(b"HIERARCHY" * 1000)[:50])
    for path in (broken, tmp_path, tmp_path / "missing.bvh"):
        with pytest.raises(FileFormatError):
            read_bvh(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_random_damage_never_crashes(
    text: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    words = text[:6000].split(" ")
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(st.sampled_from(["", "{", "}", "End", "-1", "1e99", "ROOT", "\0", "CHANNELS", "é"]))
    path = tmp_path_factory.getbasetemp() / "damaged.bvh"
    path.write_text(" ".join(words))
    try:
        track = read_bvh(path)
    except FileFormatError:
        return
    assert np.all(np.isfinite(track.joints))


@pytest.mark.parametrize(
    "name",
    ["cmu_salsa/bvh/60_01.bvh", "cmu_modern/bvh/05_02.bvh", "cmu_indian/bvh/94_04.bvh", "cmu_everyday/bvh/02_01.bvh"],
)
def test_real_takes(recordings: Path, tmp_path: Path, name: str) -> None:
    path = next(iter(sorted((recordings / "motion").glob(name + "*"))))
    track = read_bvh(path)
    assert np.all(np.isfinite(track.joints))
    leg = np.linalg.norm(
        track.joints[:, JOINT_INDEX["left_knee"]] - track.joints[:, JOINT_INDEX["left_ankle"]], axis=1
    )
    assert 0.3 < np.median(leg) < 0.6
    upright = track.joints[1:, JOINT_INDEX["head"], 1] - track.joints[1:, JOINT_INDEX["left_foot"], 1]
    assert np.median(upright) > 1.2
    spans = [
        np.ptp(np.linalg.norm(track.joints[:, joint] - track.joints[:, parent], axis=1))
        for joint, parent in enumerate(JOINT_PARENTS)
        if parent >= 0 and JOINT_NAMES[joint] not in ("spine1", "spine2", "spine3", "neck")
    ]
    print(f"{path.name}: bones vary by up to {100 * max(spans):.1f} cm")
    # Again out and in.
    short = PoseTrack(track.times[5:305], track.joints[5:305], track.roots[5:305], track.visibility[5:305])
    write_bvh(tmp_path / "again.bvh", short)
    again = read_bvh(tmp_path / "again.bvh")
    error = np.linalg.norm(again.joints[: len(short)] - short.joints, axis=2)
    print(f"{path.name}: mean {1000 * error.mean():.1f} mm, most {1000 * error.max():.1f} mm")
    assert error.mean() < 0.01
