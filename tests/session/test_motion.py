from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dancecoach.errors import FileFormatError
from dancecoach.session.bvh import write_bvh
from dancecoach.session.motion import read_motion, to_csv, to_json
from dancecoach.types import PoseTrack
from tests.session import made
from tests.session.made import rigid_track

TIMES = np.arange(90) / 30
TRACK = rigid_track(TIMES)
ROOM = TRACK.joints + TRACK.roots[:, None]


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_npz(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.npz"
    (np.savez_compressed if compressed else np.savez)(path, times=TIMES + 2.5, joints=ROOM)
    found = read_motion(path)
    assert np.allclose(found.times, TIMES + 2.5)
    assert np.allclose(found.joints, TRACK.joints)
    assert np.allclose(found.roots, TRACK.roots)
    assert not found.monocular
    assert np.all(found.visibility == 1.0)


def test_npz_of_other_numbers_and_rate(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", joints=ROOM.astype(np.float32)).rename(tmp_path / "A.NPZ")
    assert np.allclose(read_motion(path, fps=60).times, np.arange(90) / 60)
    with pytest.raises(FileFormatError, match="lacks times"):
        read_motion(path)


def test_what_is_no_number_is_interpolated_and_unseen(tmp_path: Path) -> None:
    room = ROOM.copy()
    room[10:13, 20] = np.nan
    room[40, 0, 1] = np.inf
    room[:, 5] = np.nan
    found = read_motion(npz(tmp_path / "a.npz", times=TIMES, joints=room))
    assert np.all(np.isfinite(found.joints))
    assert np.all(np.isfinite(found.roots))
    assert np.all(found.visibility[10:13, 20] == 0.0)
    assert np.all(found.visibility[:, 5] == 0.0)
    assert found.visibility[9, 20] == 1.0
    assert np.abs(found.joints[11, 20] - TRACK.joints[11, 20]).max() < 0.03
    assert np.abs(found.joints[40] + found.roots[40] - ROOM[40])[1:5].max() < 0.03


@pytest.mark.parametrize(
    "arrays",
    [
        {"times": TIMES},
        {"joints": ROOM},
        {"times": TIMES[:-1], "joints": ROOM},
        {"times": TIMES[::-1], "joints": ROOM},
        {"times": np.zeros(90), "joints": ROOM},
        {"times": np.full(90, np.nan), "joints": ROOM},
        {"times": TIMES * 1e9, "joints": ROOM},
        {"times": TIMES[:, None], "joints": ROOM},
        {"times": TIMES, "joints": ROOM[:, :21]},
        {"times": TIMES, "joints": ROOM.reshape(90, 66)},
        {"times": TIMES, "joints": ROOM * 100},
        {"times": TIMES, "joints": ROOM * 0},
        {"times": TIMES, "joints": ROOM * np.nan},
        {"times": TIMES, "joints": ROOM.astype(np.complex128)},
        {"times": TIMES, "joints": ROOM.astype(str)},
        {"times": TIMES, "joints": ROOM.astype(object)},
        {"times": TIMES[:1], "joints": ROOM[:1]},
        {"times": TIMES[:0], "joints": ROOM[:0]},
        {"times": np.float64(1), "joints": np.float64(1)},
    ],
)
def test_npz_of_other_things_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(FileFormatError) as caught:
        read_motion(npz(tmp_path / "a.npz", **arrays))
    assert caught.value.remedy


def test_a_small_file_that_claims_to_be_huge_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (4_000_000, 22, 3)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("times.npy", stream.getvalue())
        archive.writestr("joints.npy", stream.getvalue() + bytes(1_000_000))
    started = time.perf_counter()
    with pytest.raises(FileFormatError, match="too large"):
        read_motion(path)
    assert time.perf_counter() - started < 1.0


def test_other_files(tmp_path: Path) -> None:
    for name, content in (("a.npz", b"PK\3\4rubbish"), ("b.npz", b""), ("c.mp4", b""), ("d.bvh", b"x")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileFormatError):
            read_motion(tmp_path / name)
    for path in (tmp_path, tmp_path / "missing.npz"):
        with pytest.raises(FileFormatError):
            read_motion(path)
    with pytest.raises(FileFormatError):
        read_motion(npz(tmp_path / "a.npz", times=TIMES, joints=ROOM), fps=0.0)


def test_bvh_and_session(tmp_path: Path) -> None:
    write_bvh(tmp_path / "a.bvh", TRACK)
    assert not read_motion(tmp_path / "a.bvh").monocular
    assert read_motion(tmp_path / "a.bvh", fps=60).times[-1] == pytest.approx(89 / 60)
    folder = made.record(tmp_path, 1.0, with_sound=False)
    track = read_motion(folder)
    assert track.monocular
    assert len(track) == 30


def test_an_hour_is_read_in_seconds(tmp_path: Path) -> None:
    times = np.arange(108_000) / 30
    path = npz(tmp_path / "a.npz", times=times, joints=np.tile(ROOM, (1200, 1, 1)))
    started = time.perf_counter()
    assert len(read_motion(path)) == 108_000
    assert time.perf_counter() - started < 5.0


def test_tables() -> None:
    file = io.StringIO(newline="")
    shares = list(to_csv(TRACK, file, {"count": [None, *range(89)]}))
    assert shares[0] == 0.0
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == 90
    assert float(rows[60]["time"]) == pytest.approx(2.0)
    assert rows[0]["count"] == ""
    assert rows[5]["count"] == "4"
    assert float(rows[60]["left_wrist_y"]) == pytest.approx(TRACK.joints[60, 20, 1], abs=1e-5)
    assert float(rows[60]["root_z"]) == pytest.approx(3.0)
    document = json.loads(json.dumps(to_json(TRACK), allow_nan=False))
    again = PoseTrack(*(np.array(document[key]) for key in ("times", "joints", "roots", "visibility")))
    assert document["schema"] == "dancecoach.motion/1"
    assert np.allclose(again.joints, TRACK.joints, atol=1e-4)
