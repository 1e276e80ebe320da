"""Motion from any file a person may bring: BVH, NPZ or a recorded session; and out as tables."""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.session.bvh import read_bvh
from dancecoach.session.format import LONGEST, is_session
from dancecoach.session.store import open_session
from dancecoach.session.track import clean_track
from dancecoach.types import JOINT_COUNT, JOINT_NAMES, Floats, PoseTrack

MOTION_SCHEMA = "dancecoach.motion/1"
_MOST_POSES = 5_000_000
_LARGEST = 2 * 1024**3  # bytes unpacked
_SMALLEST, _BIGGEST = 0.1, 5.0  # m from the pelvis to the farthest joint
_REMEDY = "Give times (T,) in seconds and joints (T, 22, 3) in metres, y up."
_KINDS = "Choose a BVH or NPZ file, or the folder of a recorded session."


def read_motion(path: Path, fps: float | None = None) -> PoseTrack:
    """Read a motion.

    Parameters
    ----------
    path : Path
        `.bvh` or `.bvh.gz`; `.npz` with `times` (T,) s and `joints` (T, 22, 3) m in the room, y up; or the folder
        of a session.
    fps : float, optional
        True frame rate, where a file's is wrong or missing; not for sessions, whose times were measured.

    Returns
    -------
    PoseTrack
        `monocular` only for sessions. A joint that is not a number is interpolated and has visibility 0.

    Raises
    ------
    FileFormatError
        When it is none of these or damaged.
    """
    path = Path(path)
    if fps is not None and not 1.0 <= fps <= 10_000.0:
        raise FileFormatError(f"{fps:g} frames a second cannot be.", "Give --fps a number from 1 to 10000.")
    if is_session(path):
        return open_session(path).track
    if path.is_dir():
        raise FileFormatError(f"{path.name} is a folder but no recorded session.", _KINDS)
    name = path.name.lower()
    if name.endswith((".bvh", ".bvh.gz")):
        return read_bvh(path, fps)
    if name.endswith(".npz"):
        return _read_npz(path, fps)
    raise FileFormatError(f"{path.name} is not a motion file.", _KINDS)


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, Floats]:
    """Return the arrays of numbers in an NPZ file, float64, by name; without `names` all of them.

    A name that is not there is left out, and so is, without `names`, what does not hold numbers. Nothing is
    allocated before its size is checked, and nothing pickled is read.

    Raises
    ------
    FileFormatError
        When the file is damaged or not an NPZ file.
    """
    arrays: dict[str, Floats] = {}
    broken = (OSError, EOFError, ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error)
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                key = entry.filename.removesuffix(".npy")
                if names is None or key in names:
                    values = _read_array(archive, entry, path.name, strict=names is not None)
                    if values is not None:
                        arrays[key] = values
    except broken as error:
        raise FileFormatError(f"The motion file {path.name} cannot be read ({error}).", _REMEDY) from error
    return arrays


def _read_npz(path: Path, fps: float | None) -> PoseTrack:
    arrays = read_arrays(path, ("times", "joints"))
    joints = arrays.get("joints")
    if joints is None or ("times" not in arrays and fps is None):
        raise FileFormatError(f"{path.name} lacks {'joints' if joints is None else 'times'}.", _REMEDY)
    if joints.ndim != 3 or joints.shape[1:] != (JOINT_COUNT, 3):
        raise FileFormatError(f"joints in {path.name} are of shape {joints.shape}.", _REMEDY)
    count = len(joints)
    times = np.arange(count) / fps if fps is not None else arrays["times"]
    if times.shape != (count,):
        raise FileFormatError(f"{path.name} has {count} poses but times of shape {times.shape}.", _REMEDY)
    if count < 2:
        raise FileFormatError(f"{path.name} has fewer than two poses.", _REMEDY)
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0) or np.abs(times).max() > LONGEST:
        raise FileFormatError(f"The times in {path.name} do not increase steadily.", _REMEDY)
    return _hip_centred(times, joints, path.name)


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, strict: bool) -> Floats | None:
    """Return a member as float64, None for other things than numbers unless `strict`; first its size is checked."""
    with archive.open(entry) as file:
        version = npy.read_magic(file)  # type: ignore[no-untyped-call]
        if version == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
        elif version == (2, 0):
            shape, _, dtype = npy.read_array_header_2_0(file)  # type: ignore[no-untyped-call]
        else:
            raise ValueError("an unknown kind of array")
        if dtype.kind not in "fiu":
            if not strict:
                return None
            raise FileFormatError(f"{entry.filename} in {name} does not hold numbers.", _REMEDY)
        size = int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize
        if size > min(_LARGEST, entry.file_size) or (len(shape) and shape[0] > _MOST_POSES):
            raise FileFormatError(f"{entry.filename} in {name} is too large or cut short.", _REMEDY)
    with archive.open(entry) as file:
        values: NDArray[Any] = npy.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    return values.astype(np.float64)


def _hip_centred(times: Floats, room: Floats, name: str) -> PoseTrack:
    finite = np.isfinite(room).all(axis=2)
    if not finite[:, 0].any():
        raise FileFormatError(f"The pelvis is nowhere in {name}.", _REMEDY)
    with np.errstate(invalid="ignore", over="ignore"):
        reach = np.linalg.norm(room - room[:, :1], axis=2)
    reach[~np.isfinite(reach)] = 0.0
    size = float(np.median(reach[finite[:, 0]].max(axis=1)))
    if not _SMALLEST <= size <= _BIGGEST:
        raise FileFormatError(f"The body in {name} reaches {size:.3g} m from the hips.", _REMEDY)
    roots = room[:, 0]
    visibility = finite.astype(np.float64)
    pelvis_known = finite[:, 0]
    filled = roots.copy()
    for axis in range(3):
        # A joint is placed against the pelvis, so a missing pelvis is filled in first.
        filled[~pelvis_known, axis] = np.interp(times[~pelvis_known], times[pelvis_known], roots[pelvis_known, axis])
    return clean_track(times, room - filled[:, None], filled, visibility, monocular=False)


# --- out ----------------------------------------------------------------------------------------------------------


def joint_columns() -> list[str]:
    """Return the names of the columns of root and joints."""
    columns = [f"root_{axis}" for axis in "xyz"]
    for name in JOINT_NAMES:
        columns += [f"{name}_{axis}" for axis in "xyz"] + [f"{name}_visibility"]
    return columns


def joint_values(track: PoseTrack, index: int) -> list[float]:
    """Return root and joints of one pose in the order of `joint_columns`, metres."""
    table = np.column_stack([track.joints[index], track.visibility[index]])
    return [round(float(value), 5) for value in (*track.roots[index], *table.ravel())]


def to_csv(track: PoseTrack, file: IO[str], extra: Mapping[str, Sequence[object]] | None = None) -> Iterator[float]:
    """Write a table with one row per pose, yield the share done now and then.

    Parameters
    ----------
    track : PoseTrack
    file : text file
        Opened with newline="".
    extra : mapping, optional
        Further columns (T,), after the time.
    """
    extra = extra or {}
    writer = csv.writer(file)
    writer.writerow(["time", *extra, *joint_columns()])
    for index, time in enumerate(track.times):
        further = ["" if column[index] is None else column[index] for column in extra.values()]
        writer.writerow([f"{time:.6f}", *further, *joint_values(track, index)])
        if index % 500 == 0:
            yield index / len(track)


def to_json(track: PoseTrack) -> dict[str, Any]:
    """Return a track as plain values: metres, joints hip-centred, y up; times s."""
    return {
        "schema": MOTION_SCHEMA,
        "joint_names": list(JOINT_NAMES),
        "monocular": track.monocular,
        "times": track.times.round(6).tolist(),
        "roots": track.roots.round(5).tolist(),
        "joints": track.joints.round(5).tolist(),
        "visibility": track.visibility.round(4).tolist(),
    }


def dump_json(document: Mapping[str, Any], file: IO[str]) -> None:
    """Write a document as JSON that every reader takes."""
    json.dump(document, file, ensure_ascii=False, allow_nan=False)
    file.write("\n")
