"""AIST++ (Li et al., "AI Choreographer: Music Conditioned 3D Dance Generation with AIST++", ICCV 2021).

`motions/*.pkl` hold joint angles of SMPL, `keypoints3d/*.pkl` the 17 joints of COCO in centimetres, both at 60 frames
a second. A file's name says what was danced: gBR_sBM_cAll_d04_mBR0_ch01 is break, basic moves, dancer 4, music BR0,
choreography 1 (Tsuchida et al., "AIST Dance Video Database", ISMIR 2019, section 3).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dancecoach.errors import FileFormatError
from dancecoach.session.motion_cleaning import unit_of, upright
from dancecoach.training.corpus_readers import Raw
from dancecoach.training.number_pickle import read_numbers
from dancecoach.training.smpl import forward_kinematics
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, Floats

_log = logging.getLogger(__name__)
_RATE = 60.0
_MOST_FRAMES = 1_000_000
_REMEDY = "Download it again from the page of AIST++."
_GENRES = {
    "BR": "break", "PO": "pop", "LO": "lock", "MH": "middle hip-hop", "LH": "la hip-hop", "HO": "house",
    "WA": "waack", "KR": "krump", "JS": "street jazz", "JB": "ballet jazz",
}  # fmt: skip
_NAME = re.compile(r"g([A-Z]{2})_s([A-Z]{2})_cAll_d(\d+)_m([A-Z]{2})(\d)_ch(\d+)")
_COCO = {
    "left_shoulder": 5, "right_shoulder": 6, "left_elbow": 7, "right_elbow": 8, "left_wrist": 9, "right_wrist": 10,
    "left_hip": 11, "right_hip": 12, "left_knee": 13, "right_knee": 14, "left_ankle": 15, "right_ankle": 16,
}  # fmt: skip
_EARS = (3, 4)


def tempo_of(genre: str, number: int) -> float | None:
    """Return the tempo, BPM, of a piece: 80 to 130 in steps of ten, 110 to 135 in steps of five for house."""
    if not 0 <= number <= 5:
        return None
    return 110.0 + 5.0 * number if genre == "HO" else 80.0 + 10.0 * number


def read_aist(source: Path, fps: float | None = None) -> Iterator[Raw]:
    """Read AIST++: `motions` where there is one of a dance, else `keypoints3d`.

    What its `ignore_list.txt` names is left out. Every third dancer, one of each genre's three, is kept aside. All
    its dancers are professionals.
    """
    ignored = _ignored(source)
    paths: dict[str, tuple[Path, bool]] = {}
    for path in sorted(source.rglob("*.pkl")):
        if path.parent.name in ("motions", "keypoints3d"):
            angles = path.parent.name == "motions"
            if path.stem not in paths or angles:
                paths[path.stem] = path, angles
    for name, (path, angles) in sorted(paths.items()):
        match = _NAME.fullmatch(name)
        if match is None or name in ignored:
            _log.info("%s is left out", path.name)
            continue
        genre, situation, dancer, music, number, dance = match.groups()
        room = _from_angles(path) if angles else _from_points(path)
        yield Raw(
            times=np.arange(len(room)) / (fps or _RATE),
            room=room,
            corpus="aist",
            take=name,
            performer=f"d{dancer}",
            style=_GENRES.get(genre, genre.lower()),
            level="expert",
            choreography=f"{genre}-{situation}-ch{dance}"
            if situation == "BM"
            else f"{genre}-{situation}-d{dancer}-ch{dance}",
            music=f"m{music}{number}",
            tempo=tempo_of(music, int(number)),
            held_out=int(dancer) % 3 == 0,
        )


def _ignored(source: Path) -> set[str]:
    for path in sorted(source.rglob("ignore_list.txt")):
        try:
            if path.stat().st_size < 1_000_000:
                return set(path.read_text(encoding="utf-8").split())
        except (OSError, UnicodeDecodeError) as error:
            raise FileFormatError(f"{path} cannot be read ({type(error).__name__}).", _REMEDY) from error
    return set()


def _table(path: Path, document: Any, key: str, *shape: int) -> Floats:
    """Return an array (T, *shape) of numbers from a document that was read."""
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, np.ndarray) or value.ndim < 2:
        raise FileFormatError(f"{path.name} holds no {key}.", _REMEDY)
    if value.shape[1:] != shape or not 2 <= len(value) <= _MOST_FRAMES:
        raise FileFormatError(f"{key} in {path.name} is of shape {value.shape}.", _REMEDY)
    return value.astype(np.float64)


def _from_angles(path: Path) -> Floats:
    """Return (T, 22, 3) m, y up, of a file of SMPL's joint angles."""
    document = read_numbers(path)
    poses, translation = _table(path, document, "smpl_poses", 72), _table(path, document, "smpl_trans", 3)
    try:
        scaling = np.asarray(document.get("smpl_scaling", 1.0), dtype=np.float64).reshape(-1)
    except (ValueError, TypeError) as error:
        raise FileFormatError(f"smpl_scaling in {path.name} is not a number.", _REMEDY) from error
    if len(poses) != len(translation) or len(scaling) != 1 or not 1e-3 < scaling[0] < 1e5:
        raise FileFormatError(f"The parts of {path.name} do not fit each other.", _REMEDY)
    if not np.all(np.isfinite(poses)) or not np.all(np.isfinite(translation)):
        raise FileFormatError(f"{path.name} holds something that is not a number.", _REMEDY)
    # The translation is in the unit of the cameras, the scaling says how many of them a metre of the body has.
    return forward_kinematics(poses.reshape(-1, 24, 3)[:, :JOINT_COUNT], translation / scaling[0])


def _from_points(path: Path) -> Floats:
    """Return (T, 22, 3) m, y up, of a file of COCO's joints."""
    document = read_numbers(path)
    key = "keypoints3d_optim"
    if isinstance(document, dict) and key not in document:
        key = "keypoints3d"
    return coco_joints(_table(path, document, key, 17, 3))


def coco_joints(points: Floats) -> Floats:
    """Return the 22 joints (T, 22, 3) m, y up, of COCO's 17 joints (T, 17, 3) in any common unit.

    COCO has no spine and no feet: the spine is laid between hips and shoulders, and the feet point where the hips do.
    """
    joints = np.zeros((len(points), JOINT_COUNT, 3))
    for joint, number in _COCO.items():
        joints[:, JOINT_INDEX[joint]] = points[:, number]
    hips = joints[:, [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]]
    shoulders = joints[:, [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]]]
    low, high = hips.mean(axis=1), shoulders.mean(axis=1)
    for name, share in (("pelvis", 0.0), ("spine1", 0.25), ("spine2", 0.45), ("spine3", 0.65), ("neck", 1.05)):
        joints[:, JOINT_INDEX[name]] = (1 - share) * low + share * high
    joints[:, JOINT_INDEX["head"]] = points[:, _EARS].mean(axis=1)
    for side in ("left", "right"):
        shoulder = joints[:, JOINT_INDEX[f"{side}_shoulder"]]
        joints[:, JOINT_INDEX[f"{side}_collar"]] = 0.4 * shoulder + 0.6 * high
        joints[:, JOINT_INDEX[f"{side}_foot"]] = joints[:, JOINT_INDEX[f"{side}_ankle"]]
    joints = upright(joints)
    joints *= unit_of(joints)
    across = joints[:, JOINT_INDEX["left_hip"]] - joints[:, JOINT_INDEX["right_hip"]]
    forward = np.cross(across, joints[:, JOINT_INDEX["neck"]] - joints[:, JOINT_INDEX["pelvis"]])
    for side in ("left", "right"):
        shank = _unit(joints[:, JOINT_INDEX[f"{side}_ankle"]] - joints[:, JOINT_INDEX[f"{side}_knee"]])
        level = _unit(forward - np.sum(forward * shank, axis=1, keepdims=True) * shank)
        joints[:, JOINT_INDEX[f"{side}_foot"]] += 0.13 * level + 0.05 * shank
    return joints


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
