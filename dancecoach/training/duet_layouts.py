"""One dancer's motion out of the files in which corpora of duets come: joint angles of SMPL's family, or joints.

What is understood, in an NPZ file, a pickle, an NPY file that holds one dictionary or one that holds one table:

joint angles
    `poses`, `smpl_poses` or `pose`, (T, 3 J) or (T, J, 3) axis-angle vectors, rad, J = 22, 24, 52 or 55, the pelvis
    first; or `global_orient` / `root_orient` (T, 3) with `body_pose` / `pose_body` (T, 63 or more); and `trans`,
    `transl` or `smpl_trans` (T, 3) m.
joints
    `joints`, `keypoints3d`, `positions` or `pos3d`, (T, J, 3) or (T, 3 J).
tables without names
    (T, J, 3) or (T, 3 J): joints. (T, C) that begin with the place of the pelvis, then angles of 22, 52 or 55 joints
    as axis-angle vectors (C = 69, 159, 168), the first two rows of rotation matrices (135, 315, 333; 139, 319 and 337
    with four foot contacts in front), quaternions w x y z (211, 223; 221, 233 with ten of shape behind) or whole
    matrices (498).

The first 22 joints of all of these are those of `types.JOINT_NAMES`. Angles are laid on a skeleton of our own
(`smpl`), because the body models are under a licence; the shapes (`betas`) are not used. In SMPL's models the pelvis
lies a constant way off the translation, about 0.3 m and nearly the same for two people: what differs of it between
them, some centimetres, is an error of their distance that stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dancecoach.errors import FileFormatError
from dancecoach.session.motion import read_arrays
from dancecoach.training.number_pickle import read_numbers
from dancecoach.training.smpl import forward_kinematics
from dancecoach.types import JOINT_COUNT, Floats

_POSES = ("poses", "smpl_poses", "pose")
_ORIENTS = ("global_orient", "root_orient")
_BODIES = ("body_pose", "pose_body")
_PLACES = ("trans", "transl", "smpl_trans")
_JOINTS = ("joints", "keypoints3d", "positions", "pos3d")
_RATES = ("fps", "mocap_frame_rate", "mocap_framerate", "frame_rate")
_NAMES = (*_POSES, *_ORIENTS, *_BODIES, *_PLACES, *_JOINTS, *_RATES)
_COUNTS = (22, 24, 52, 55)  # joints of SMPL without hands, SMPL, SMPL-H, SMPL-X
# Columns of a table: columns before the place, kind of angle, numbers for each joint.
_TABLES: Mapping[int, tuple[int, str, int]] = {
    69: (0, "vector", 3), 159: (0, "vector", 3), 168: (0, "vector", 3),
    135: (0, "rows", 6), 315: (0, "rows", 6), 333: (0, "rows", 6),
    139: (4, "rows", 6), 319: (4, "rows", 6), 337: (4, "rows", 6),
    211: (0, "quaternion", 4), 221: (0, "quaternion", 4), 223: (0, "quaternion", 4), 233: (0, "quaternion", 4),
    498: (0, "matrix", 9),
}  # fmt: skip
_MOST_FRAMES = 1_000_000
_LARGEST = 2 * 1024**3  # bytes
_REMEDY = "Give joint angles of SMPL's family with their translation, or joints (T, 22 or more, 3)."
SUFFIXES = (".npz", ".npy", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True, eq=False)
class Dancer:
    """One dancer as in the file: `room` (T, 22, 3), any axis up; `fps` if the file says so.

    `from_angles`: it was laid on our own skeleton, in metres; joints are in the file's own unit.
    """

    room: Floats
    fps: float | None
    from_angles: bool


def read_dancer(path: Path) -> Dancer:
    """Read one dancer's file.

    Raises
    ------
    FileFormatError
        When it is damaged, of an unknown layout, or a pickle of more than numbers, which is not run.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _from_names(read_arrays(path, _NAMES), path.name)
    if suffix in (".pkl", ".pickle"):
        return _from_names(read_numbers(path), path.name)
    if suffix == ".npy":
        table = _table(path)
        return _from_names(read_numbers(path), path.name) if table is None else _from_table(table, path.name)
    raise FileFormatError(f"{path.name} is no motion file.", _REMEDY)


def _table(path: Path) -> Floats | None:
    """Return the numbers in an NPY file, None when it holds an object."""
    try:
        if path.stat().st_size > _LARGEST:
            raise FileFormatError(f"{path.name} is too large.", "Split it.")
        # Mapped, not read: nothing is allocated by what a heading says; objects cannot be mapped.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError) as error:
        raise FileFormatError(f"{path.name} cannot be read ({error}).", _REMEDY) from error
    except ValueError:
        return None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim not in (2, 3):
        raise FileFormatError(f"{path.name} holds no table of motion.", _REMEDY)
    if not 2 <= len(array) <= _MOST_FRAMES:
        raise FileFormatError(f"{path.name} has {len(array)} frames.", _REMEDY)
    return np.asarray(array, dtype=np.float64)


def _from_table(table: Floats, name: str) -> Dancer:
    joints = _as_joints(table)
    if joints is not None:
        return Dancer(joints, None, False)
    if table.ndim != 2 or table.shape[1] not in _TABLES:
        raise FileFormatError(f"{name} is of shape {table.shape}.", _REMEDY)
    before, kind, numbers = _TABLES[table.shape[1]]
    place = table[:, before : before + 3]
    angles = table[:, before + 3 : before + 3 + JOINT_COUNT * numbers].reshape(-1, JOINT_COUNT, numbers)
    return Dancer(_laid(_vectors(angles, kind, name), place, name), None, True)


def _from_names(document: Any, name: str) -> Dancer:
    if not isinstance(document, Mapping):
        raise FileFormatError(f"{name} holds no motion.", _REMEDY)
    arrays = {key: np.asarray(document[key], np.float64) for key in _NAMES if _numeric(document.get(key))}
    fps = next((float(arrays[key].reshape(-1)[0]) for key in _RATES if key in arrays and arrays[key].size == 1), None)
    if fps is not None and not 1.0 <= fps <= 10_000.0:
        raise FileFormatError(f"{name} says {fps:g} frames a second.", "Give --fps.")
    place = next((arrays[key] for key in _PLACES if key in arrays), None)
    poses = _poses(arrays)
    if poses is not None and place is not None:
        return Dancer(_laid(poses, place, name), fps, True)
    for key in _JOINTS:
        joints = _as_joints(arrays[key]) if key in arrays else None
        if joints is not None:
            return Dancer(joints, fps, False)
    raise FileFormatError(f"{name} holds neither joint angles with a translation nor joints.", _REMEDY)


def _numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and value.size > 0
    return isinstance(value, int | float)


def _poses(arrays: Mapping[str, Floats]) -> Floats | None:
    """Return axis-angle vectors (T, 22, 3), the pelvis first."""
    for key in _POSES:
        if key in arrays:
            flat = arrays[key].reshape(len(arrays[key]), -1) if arrays[key].ndim > 1 else arrays[key][:, None]
            if flat.shape[1] in [3 * count for count in _COUNTS]:
                return np.asarray(flat[:, : 3 * JOINT_COUNT].reshape(-1, JOINT_COUNT, 3))
    orient = next((arrays[key] for key in _ORIENTS if key in arrays), None)
    body = next((arrays[key] for key in _BODIES if key in arrays), None)
    if orient is None or body is None or len(orient) != len(body) or orient.size != 3 * len(orient):
        return None
    flat = body.reshape(len(body), -1)[:, : 3 * (JOINT_COUNT - 1)]
    if flat.shape[1] != 3 * (JOINT_COUNT - 1):
        return None
    return np.asarray(np.concatenate([orient.reshape(-1, 3), flat], axis=1).reshape(-1, JOINT_COUNT, 3))


def _as_joints(array: Floats) -> Floats | None:
    """Return the first 22 joints (T, 22, 3), None when it is no table of joints."""
    if array.ndim == 2 and array.shape[1] in [3 * count for count in _COUNTS]:
        array = array.reshape(len(array), -1, 3)
    if array.ndim != 3 or array.shape[1] not in _COUNTS or array.shape[2] != 3 or len(array) < 2:
        return None
    return np.array(array[:, :JOINT_COUNT])


def _vectors(angles: Floats, kind: str, name: str) -> Floats:
    """Return axis-angle vectors (T, 22, 3) of rotations (T, 22, N) of a kind."""
    if kind == "vector":
        return angles
    flat = angles.reshape(-1, angles.shape[-1])
    if not np.all(np.isfinite(flat)):
        raise FileFormatError(f"{name} holds something that is not a number.", _REMEDY)
    try:
        if kind == "quaternion":
            turns = Rotation.from_quat(flat[:, [1, 2, 3, 0]])
        elif kind == "matrix":
            turns = Rotation.from_matrix(flat.reshape(-1, 3, 3))
        else:
            turns = Rotation.from_matrix(matrices_of_rows(flat))
    except ValueError as error:
        raise FileFormatError(f"{name} holds no rotations ({error}).", _REMEDY) from error
    return np.asarray(turns.as_rotvec().reshape(-1, JOINT_COUNT, 3))


def matrices_of_rows(rows: Floats) -> Floats:
    """Return rotation matrices (N, 3, 3) of their first two rows (N, 6), made perpendicular and of length 1.

    Zhou et al., "On the continuity of rotation representations in neural networks", CVPR 2019.
    """
    first = rows[:, :3] / np.maximum(np.linalg.norm(rows[:, :3], axis=1, keepdims=True), 1e-9)
    second = rows[:, 3:] - (first * rows[:, 3:]).sum(axis=1, keepdims=True) * first
    second = second / np.maximum(np.linalg.norm(second, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.stack([first, second, np.cross(first, second)], axis=1))


def _laid(poses: Floats, place: NDArray[Any], name: str) -> Floats:
    """Return joints (T, 22, 3) m of axis-angle vectors (T, 22, 3) and the pelvis's place (T, 3) m."""
    if place.shape != (len(poses), 3) or not 2 <= len(poses) <= _MOST_FRAMES:
        raise FileFormatError(f"The parts of {name} do not fit each other.", _REMEDY)
    if not np.all(np.isfinite(poses)) or not np.all(np.isfinite(place)):
        raise FileFormatError(f"{name} holds something that is not a number.", _REMEDY)
    return forward_kinematics(poses, place)
