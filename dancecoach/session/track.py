"""Append-only files of fixed-size records, each with its own checksum, for the dancer's and the partner's poses.

```
header (64 bytes): magic, version, record size, checksum │ record │ CRC32 │ record │ CRC32 │ … │ torn tail, ignored
```
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.session.format import LONGEST, write_all
from dancecoach.types import JOINT_COUNT, Floats, PartnerState, Pose, PoseTrack

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

_HEADER = struct.Struct("<8sII")
_HEADER_SIZE = 64
_VERSION = 1
_LARGEST = 2 * 1024**3  # bytes
_FARTHEST = 1000.0  # m; a joint farther away is not believed

POSE_MAGIC = b"DCPOSES\n"
POSE_RECORD = np.dtype(
    [
        ("time", "<f8"),
        ("arrival", "<f8"),
        ("person", "<i4"),
        ("joints", "<f4", (JOINT_COUNT, 3)),
        ("root", "<f4", (3,)),
        ("image_joints", "<f4", (JOINT_COUNT, 2)),
        ("visibility", "<f4", (JOINT_COUNT,)),
    ]
)
PARTNER_MAGIC = b"DCPARTN\n"
PARTNER_RECORD = np.dtype(
    [
        ("time", "<f8"),
        ("joints", "<f4", (JOINT_COUNT, 3)),
        ("contacts", "<f4", (4,)),
        ("holds", "<f4", (4,)),
        ("state", "<u1"),
        ("feet_inferred", "<u1"),
    ]
)
# How the states are written; only ever added to.
PARTNER_STATES: tuple[PartnerState, ...] = ("waiting", "following", "uncertain", "holding", "solo")
TIMES_MAGIC = b"DCTIMES\n"
TIMES_RECORD = np.dtype([("index", "<i8"), ("time", "<f8")])


class RecordWriter:
    """Appends records to a new file; what `write` returned from is in the system's hands, `sync` puts it on disk."""

    def __init__(self, path: Path, magic: bytes, record: np.dtype[Any]) -> None:
        self._record = record
        self._file = path.open("xb", buffering=0)
        head = _HEADER.pack(magic, _VERSION, record.itemsize)
        head += struct.pack("<I", zlib.crc32(head))
        write_all(self._file, head.ljust(_HEADER_SIZE, b"\0"))
        self.count = 0

    def write(self, records: NDArray[Any]) -> None:
        """Append records (N,) of the file's type."""
        if len(records) == 0:
            return
        size = self._record.itemsize
        data = memoryview(np.ascontiguousarray(records, self._record).tobytes())
        parts: list[bytes | memoryview] = []
        for start in range(0, len(data), size):
            part = data[start : start + size]
            parts += [part, struct.pack("<I", zlib.crc32(part))]
        write_all(self._file, b"".join(parts))
        self.count += len(records)

    def sync(self) -> None:
        """Return once everything is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_records(path: Path, magic: bytes, record: np.dtype[Any]) -> NDArray[Any]:
    """Return the whole and undamaged records (N,) of a file.

    A torn last record is left out, and so is one whose checksum is wrong.

    Raises
    ------
    FileFormatError
        When it is another kind of file or cannot be read.
    """
    size = record.itemsize + 4
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_SIZE)
            data = file.read(_LARGEST)
    except OSError as error:
        raise FileFormatError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error
    if len(head) < _HEADER_SIZE:
        if head == b"" or (magic + b"\0" * _HEADER_SIZE).startswith(head[: len(magic)]):
            return np.empty(0, record)  # cut off while it was begun
        raise FileFormatError(f"{path.name} is not a recording.", "Choose another session.")
    found, version, length = _HEADER.unpack_from(head)
    (checksum,) = struct.unpack_from("<I", head, _HEADER.size)
    if found != magic or checksum != zlib.crc32(head[: _HEADER.size]):
        raise FileFormatError(f"{path.name} is damaged or not a recording.", "Choose another session.")
    if version != _VERSION or length != record.itemsize:
        raise FileFormatError(f"{path.name} is of an unknown version.", "Update dancecoach to open it.")
    count = len(data) // size
    table = np.frombuffer(data, np.uint8, count * size).reshape(count, size)
    sums = np.ascontiguousarray(table[:, record.itemsize :]).view("<u4")[:, 0]
    view = memoryview(data)
    found_sums = np.fromiter(
        (zlib.crc32(view[start : start + record.itemsize]) for start in range(0, count * size, size)),
        np.uint32,
        count,
    )
    return np.ascontiguousarray(table[found_sums == sums, : record.itemsize]).view(record)[:, 0]


def pose_records(poses: Sequence[Pose], started: float) -> NDArray[Any]:
    """Return poses as records, their times counted from `started` s."""
    records = np.zeros(len(poses), POSE_RECORD)
    for record, pose in zip(records, poses, strict=True):
        record["time"], record["arrival"] = pose.time - started, pose.arrival - started
        record["person"] = pose.person
        record["joints"], record["root"] = pose.joints, pose.root
        record["image_joints"], record["visibility"] = pose.image_joints, pose.visibility
    return records


def partner_records(frames: Sequence[PartnerFrame], started: float) -> NDArray[Any]:
    """Return the partner's frames as records, their times counted from `started` s."""
    records = np.zeros(len(frames), PARTNER_RECORD)
    for record, frame in zip(records, frames, strict=True):
        record["time"], record["joints"] = frame.time - started, frame.joints
        record["contacts"], record["holds"] = frame.contacts, frame.holds
        record["state"], record["feet_inferred"] = PARTNER_STATES.index(frame.state), frame.feet_inferred
    return records


@dataclass(frozen=True, slots=True)
class RecordedPoses:
    """What a session's pose track holds: `track`, `people` (T,) ids, `image_joints` (T, 22, 2), `arrivals` (T,) s."""

    track: PoseTrack
    people: NDArray[np.int64]
    image_joints: Floats
    arrivals: Floats

    def pose(self, index: int) -> Pose:
        """Return one pose."""
        return Pose(
            float(self.track.times[index]),
            int(self.people[index]),
            self.track.joints[index],
            self.track.roots[index],
            self.image_joints[index],
            self.track.visibility[index],
            float(self.arrivals[index]),
        )


def read_poses(path: Path | None) -> RecordedPoses:
    """Read a pose track; None gives an empty one. Times increase, every number is finite."""
    records = np.empty(0, POSE_RECORD) if path is None else read_records(path, POSE_MAGIC, POSE_RECORD)
    records = records[increasing(records["time"])]
    track = clean_track(
        records["time"].astype(np.float64),
        records["joints"].astype(np.float64),
        records["root"].astype(np.float64),
        records["visibility"].astype(np.float64),
        monocular=True,
    )
    image = records["image_joints"].astype(np.float64)
    image = np.clip(np.where(np.isfinite(image), image, 0.5), -4.0, 5.0)
    times = track.times
    arrivals = np.where(np.isfinite(records["arrival"]), records["arrival"], times)
    arrivals = np.clip(arrivals, times, times + 10.0)
    return RecordedPoses(track, records["person"].astype(np.int64), image, arrivals)


@dataclass(frozen=True, slots=True)
class RecordedPartner:
    """How the synthesised partner danced.

    `track` in the dancer's room frame; `contacts` (T, 4) and `holds` (T, 4) 0…1 as in `types.FollowerMotion`;
    `states` (T,) places in `PARTNER_STATES`; `feet_inferred` (T,).
    """

    track: PoseTrack
    contacts: Floats
    holds: Floats
    states: NDArray[np.int64]
    feet_inferred: NDArray[np.bool_]


def read_partner(path: Path | None) -> RecordedPartner | None:
    """Read a partner's track; None where there is none. Times increase, every number is finite and in its range."""
    if path is None:
        return None
    records = read_records(path, PARTNER_MAGIC, PARTNER_RECORD)
    records = records[increasing(records["time"])]
    if len(records) == 0:
        return None
    room = records["joints"].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        joints = room - room[:, :1]
    seen = np.ones(room.shape[:2])
    track = clean_track(records["time"].astype(np.float64), joints, room[:, 0].copy(), seen, monocular=False)
    contacts, holds = (
        np.clip(np.nan_to_num(records[name].astype(np.float64)), 0.0, 1.0) for name in ("contacts", "holds")
    )
    states = np.minimum(records["state"].astype(np.int64), len(PARTNER_STATES) - 1)
    return RecordedPartner(track, contacts, holds, states, records["feet_inferred"] != 0)


def increasing(times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (N,) times s to keep so that they are sane and strictly increase."""
    with np.errstate(invalid="ignore"):
        sane = np.abs(times) < LONGEST
    highest = np.maximum.accumulate(np.where(sane, times, -np.inf)) if len(times) else np.empty(0)
    grown = np.empty(len(times), dtype=bool)
    grown[:1] = True
    grown[1:] = highest[1:] > highest[:-1]
    return np.asarray(sane & grown)


def clean_track(times: Floats, joints: Floats, roots: Floats, visibility: Floats, monocular: bool) -> PoseTrack:
    """Return a track of finite numbers: joints that are not known are interpolated and marked as not seen."""
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(joints) < _FARTHEST).all(axis=2)
        bad_root = ~(np.abs(roots) < _FARTHEST).all(axis=1)
    seen = np.clip(np.where(np.isfinite(visibility), visibility, 0.0), 0.0, 1.0)
    seen[bad | bad_root[:, None]] = 0.0
    joints, roots = joints.copy(), roots.copy()
    for joint in np.flatnonzero(bad.any(axis=0)):
        _fill(times, joints[:, joint], bad[:, joint])
    if bad_root.any():
        _fill(times, roots, bad_root)
    return PoseTrack(times, joints, roots, seen, monocular)


def _fill(times: Floats, values: Floats, bad: NDArray[np.bool_]) -> None:
    """Interpolate the bad rows of `values` (T, 3) in place; zero when none is good."""
    if bad.all():
        values[:] = 0.0
        return
    for axis in range(values.shape[1]):
        values[bad, axis] = np.interp(times[bad], times[~bad], values[~bad, axis])
