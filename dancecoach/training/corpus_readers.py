"""Readers of motion corpora: the CMU folders, G1 Moves, ImperialDance, and folders of one's own.

Each yields `Raw` takes, in the room and in metres but as they were recorded; `motion_corpora` cleans them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.session.motion import read_arrays, read_motion
from dancecoach.session.motion_cleaning import unit_of, upright
from dancecoach.training.corpus import check_beats
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, Floats, Level

NOT_DANCING = "not dancing"


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A take as it was recorded: `times` (T,) s; `room` (T, 22, 3) m, y up; the rest as in `corpus.Take`."""

    times: Floats
    room: Floats
    corpus: str
    take: str
    performer: str
    style: str
    dancing: bool = True
    level: Level | None = None
    choreography: str | None = None
    music: str | None = None
    tempo: float | None = None
    held_out: bool = False
    beats: Floats | None = None
    counts: NDArray[np.int64] | None = None


def folders_named(source: Path, pattern: str) -> list[Path]:
    """Return `source` itself or the folders in it, or in its `motion`, whose names match."""
    for place in (source, source / "motion"):
        if re.fullmatch(pattern, place.name):
            return [place]
        found = sorted(each for each in place.glob("*") if each.is_dir() and re.fullmatch(pattern, each.name))
        if found:
            return found
    return []


# --- CMU ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cmu:
    """A folder of CMU takes: `fps` the true rate, `skipped` frames of an inserted T-pose and the snap out of it."""

    style: str
    fps: float
    skipped: int
    kept_aside: frozenset[str]  # takes, or whole performers


_CMU: Mapping[str, _Cmu] = {
    # The headers say 120 frames a second; only 60 makes the eight-counts of the feet 163-188 BPM.
    "cmu_salsa": _Cmu(
        "salsa", 60.0, 8, frozenset(f"{who}_{take}" for who in (60, 61) for take in ("03", "07", "12"))
    ),
    "cmu_modern": _Cmu("modern", 120.0, 10, frozenset({"05_04", "05_09", "05_14", "05_19"})),
    "cmu_indian": _Cmu("indian", 120.0, 10, frozenset({"94_07"})),
    "cmu_everyday": _Cmu(NOT_DANCING, 120.0, 10, frozenset({"07", "09"})),
}
_WALKS = frozenset({"05_01"})
# BPM, from the periodicity of both dancers' feet.
_SALSA_TEMPI: Mapping[str, float] = {
    "01": 162.7, "02": 173.5, "03": 164.6, "04": 164.6, "06": 166.5, "07": 175.6, "10": 188.2, "11": 187.0,
    "12": 182.3, "13": 164.6, "15": 164.6,
}  # fmt: skip


def read_cmu(source: Path, fps: float | None = None) -> Iterator[Raw]:
    """Read `cmu_salsa`, `cmu_modern`, `cmu_indian` and `cmu_everyday`, each with BVH files named SUBJECT_TAKE."""
    for folder in folders_named(source, "|".join(_CMU)):
        kind = _CMU[folder.name]
        for path in sorted(folder.rglob("*.bvh")) + sorted(folder.rglob("*.bvh.gz")):
            take = path.name.partition(".")[0]
            performer, _, number = take.partition("_")
            walking = take in _WALKS
            track = read_motion(path, fps or kind.fps)
            yield Raw(
                times=track.times[kind.skipped :],
                room=(track.joints + track.roots[:, None])[kind.skipped :],
                corpus=folder.name,
                take=take,
                performer=performer,
                style=NOT_DANCING if walking else kind.style,
                dancing=kind.style != NOT_DANCING and not walking,
                tempo=_SALSA_TEMPI.get(number) if kind.style == "salsa" else None,
                held_out=take in kind.kept_aside or performer in kind.kept_aside,
            )


# --- G1 Moves -----------------------------------------------------------------------------------------------------

_G1_STYLES = {
    "salsa": "salsa", "modern": "modern", "disco": "disco", "shuffle": "shuffle", "broadway": "broadway",
    "westcoast": "west coast", "jazzwalk": "jazz", "nineties": "nineties", "steptouch": "step touch",
}  # fmt: skip
_G1_BODIES = {
    "pelvis": "pelvis", "left_hip": "left_hip_roll", "left_knee": "left_knee", "left_ankle": "left_ankle_roll",
    "left_shoulder": "left_shoulder_roll", "left_elbow": "left_elbow", "left_wrist": "left_wrist_yaw",
}  # fmt: skip
_HUMAN_LEG = 0.82  # m, hip to ankle; the robot's is 0.60


def read_g1(source: Path, fps: float | None = None) -> Iterator[Raw]:
    """Read G1 Moves: one NPZ file with the body positions (T, 30, 3) m of a robot, z up.

    The robot was made to dance by people's motion: its timing and style are theirs, its proportions are not. It is
    enlarged to the length of human legs, which brings back about the speed they moved with; trunk and arms stay
    short, the neck and the direction of the feet are made up.
    """
    folders = folders_named(source, "g1_moves")
    for path in [each for folder in folders for each in sorted(folder.glob("*.npz"))]:
        arrays = read_arrays(path)
        index = {name: number for number, name in enumerate(_body_names(path))}
        rate = fps or float(arrays["fps"]) if "fps" in arrays else (fps or 60.0)
        clips = {name: bodies for name, bodies in sorted(arrays.items()) if bodies.ndim == 3}
        for number, (name, bodies) in enumerate(clips.items()):
            if bodies.shape[1:] != (len(index), 3):
                raise FileFormatError(f"{name} in {path.name} is of shape {bodies.shape}.", "Download it again.")
            title = name.rpartition("_")[2].lower()
            yield Raw(
                times=np.arange(len(bodies)) / rate,
                room=robot_joints(bodies, index),
                corpus="g1",
                take=name,
                performer=name.partition("_")[0],
                style=_G1_STYLES.get(title, "solo"),
                held_out=number % 4 == 3,
            )


def _body_names(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = [str(name) for name in arrays["body_names"]]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FileFormatError(f"{path.name} does not name the robot's bodies.", "Download it again.") from error
    wanted = {body.replace("left", side) for body in _G1_BODIES.values() for side in ("left", "right")}
    lacking = wanted | {"left_ankle_pitch", "right_ankle_pitch", "left_hip_yaw", "right_hip_yaw"}
    if not lacking <= set(names):
        raise FileFormatError(f"{path.name} lacks {', '.join(sorted(lacking - set(names)))}.", "Download it again.")
    return names


def robot_joints(bodies: Floats, index: Mapping[str, int]) -> Floats:
    """Return the 22 joints (T, 22, 3) m, y up, of a Unitree G1 robot's bodies (T, 30, 3) m, z up.

    `index` gives the number of each body by name.
    """
    # x forward, y left, z up becomes x left, y up, z forward.
    points = bodies[:, :, [1, 2, 0]]
    joints = np.zeros((len(bodies), JOINT_COUNT, 3))
    for joint, body in _G1_BODIES.items():
        for side in ("left", "right"):
            joints[:, JOINT_INDEX[joint.replace("left", side)]] = points[:, index[body.replace("left", side)]]
    pelvis = joints[:, JOINT_INDEX["pelvis"]]
    shoulders = joints[:, [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]]]
    girdle = shoulders.mean(axis=1)
    spine = girdle - pelvis
    for name, share in (("spine1", 0.25), ("spine2", 0.45), ("spine3", 0.65), ("neck", 1.05), ("head", 1.55)):
        joints[:, JOINT_INDEX[name]] = pelvis + share * spine
    for side in ("left", "right"):
        joints[:, JOINT_INDEX[f"{side}_collar"]] = girdle + 0.4 * (
            joints[:, JOINT_INDEX[f"{side}_shoulder"]] - girdle
        )
    across = _unit(joints[:, JOINT_INDEX["left_hip"]] - joints[:, JOINT_INDEX["right_hip"]])
    legs = []
    for side in ("left", "right"):
        hip, knee = joints[:, JOINT_INDEX[f"{side}_hip"]], joints[:, JOINT_INDEX[f"{side}_knee"]]
        ankle = joints[:, JOINT_INDEX[f"{side}_ankle"]]
        # Knee and ankle turn about the same axis, to which thigh, shank and sole are perpendicular.
        shank, sole = _unit(ankle - knee), _unit(ankle - points[:, index[f"{side}_ankle_pitch"]])
        axis = _perpendicular(np.stack([_unit(knee - points[:, index[f"{side}_hip_yaw"]]), shank, sole], 1), across)
        joints[:, JOINT_INDEX[f"{side}_foot"]] = ankle + 0.03 * sole + 0.1 * _unit(np.cross(sole, axis))
        legs.append(np.linalg.norm(knee - hip, axis=1) + np.linalg.norm(ankle - knee, axis=1))
    return joints * (_HUMAN_LEG / float(np.median(legs)))


def _perpendicular(vectors: Floats, near: Floats) -> Floats:
    """Return the directions (T, 3) most perpendicular to vectors (T, N, 3), on the side of `near` (T, 3).

    Where the vectors are all but parallel, it is the one of the many that is nearest to `near`.
    """
    scatter = np.einsum("tni,tnj->tij", vectors, vectors) - 0.01 * near[:, :, None] * near[:, None, :]
    axis = np.linalg.eigh(scatter)[1][:, :, 0]
    return np.asarray(axis * np.where(np.sum(axis * near, axis=1, keepdims=True) < 0, -1.0, 1.0))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


# --- ImperialDance ------------------------------------------------------------------------------------------------

_IMPERIAL_LEVELS: Mapping[str, Level] = {"e": "expert", "i": "intermediate", "b": "beginner"}
_IMPERIAL_STYLES = {"b": "ballet", "k": "k-pop", "j": "jazz", "h": "hip-hop", "u": "urban"}
_IMPERIAL_RATE = 100.0
_IMPERIAL_KEPT_ASIDE = 0.2  # share of the repetitions, the last
# The card says 21 joints of an OptiTrack skeleton and not their order; this is the order in which OptiTrack's Motive
# lists the segments of its skeletons. A segment's position is that of the joint it begins at.
_MOTIVE = (
    "pelvis", "spine1", "spine3", "neck", "head", "left_collar", "left_shoulder", "left_elbow", "left_wrist",
    "right_collar", "right_shoulder", "right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle",
    "left_foot", "right_hip", "right_knee", "right_ankle", "right_foot",
)  # fmt: skip
_LARGEST_ARRAY = 2 * 1024**3  # bytes


def read_imperial(source: Path, fps: float | None = None) -> Iterator[Raw]:
    """Read ImperialDance (Zhong and Demiris, AAAI 2024): `dance_level_LEVEL_GENRE_chN.npy` of (N, 3, T, 21).

    The last fifth of the repetitions of every dance is kept aside; who danced is not recorded in the files.
    """
    for path in sorted(source.rglob("dance_level_*.npy")):
        match = re.fullmatch(r"dance_level_([eib])_([bkjhu])_(ch\d+)", path.stem)
        if match is None:
            continue
        level, genre, dance = match.groups()
        samples = _imperial_array(path)
        for number in range(len(samples)):
            points = samples[number].transpose(1, 2, 0).astype(np.float64)  # (T, 21, 3)
            yield Raw(
                times=np.arange(len(points)) / (fps or _IMPERIAL_RATE),
                room=motive_joints(points, path.name),
                corpus="imperial",
                take=f"{path.stem}_{number:03d}",
                performer=f"unknown {level}",
                style=_IMPERIAL_STYLES[genre],
                level=_IMPERIAL_LEVELS[level],
                choreography=f"{genre}_{dance}",
                music=f"{genre}_{dance}",
                held_out=number >= (1 - _IMPERIAL_KEPT_ASIDE) * len(samples),
            )


def _imperial_array(path: Path) -> NDArray[Any]:
    """Return the samples (N, 3, T, 21), from the disk as they are used."""
    remedy = "Give arrays of (samples, 3, frames, 21)."
    try:
        if path.stat().st_size > _LARGEST_ARRAY:
            raise FileFormatError(f"{path.name} is too large.", remedy)
        # Mapped, not read: nothing is allocated by what a header says.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("not a single array")
        if array.dtype.kind not in "fiu" or array.ndim != 4 or array.shape[1] != 3 or array.shape[3] != len(_MOTIVE):
            raise FileFormatError(f"{path.name} holds {array.dtype} of shape {array.shape}.", remedy)
        return array
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(f"{path.name} cannot be read ({error}).", remedy) from error


def motive_joints(points: Floats, name: str) -> Floats:
    """Return the 22 joints (T, 22, 3) m, y up, of 21 joints (T, 21, 3) in the order of OptiTrack's Motive.

    Raises
    ------
    FileFormatError
        When the limbs are not rigid or not like a person's: then the order is another.
    """
    joints = np.zeros((len(points), JOINT_COUNT, 3))
    for number, joint in enumerate(_MOTIVE):
        joints[:, JOINT_INDEX[joint]] = points[:, number]
    joints[:, JOINT_INDEX["spine2"]] = (joints[:, JOINT_INDEX["spine1"]] + joints[:, JOINT_INDEX["spine3"]]) / 2
    for side in ("left", "right"):
        for start, middle, stop in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
            first, second, third = (joints[:, JOINT_INDEX[f"{side}_{part}"]] for part in (start, middle, stop))
            upper, lower = np.linalg.norm(second - first, axis=1), np.linalg.norm(third - second, axis=1)
            rigid = np.std(upper) < 0.05 * np.mean(upper) and np.std(lower) < 0.05 * np.mean(lower)
            if not rigid or not 0.5 < np.mean(upper) / np.mean(lower) < 2.0:  # also where it is not a number
                remedy = "Bring its joints into the order of OptiTrack's Motive."
                raise FileFormatError(f"The {side} {start}, {middle} and {stop} in {name} are no limb.", remedy)
    joints = upright(joints)
    return joints * unit_of(joints)


# --- folders of one's own -----------------------------------------------------------------------------------------

_LABEL_KEYS = ("performer", "style", "level", "choreography", "music", "dancing", "fps", "tempo", "held_out")
_LARGEST_LABELS = 16 * 1024 * 1024  # bytes
_YES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_folder(source: Path, fps: float | None = None) -> Iterator[Raw]:
    """Read every BVH and NPZ file of a folder, at any depth, with what `labels.csv` or `labels.json` says of them.

    `labels.csv` has a heading `file,performer,style,level,choreography,music,tempo,dancing,fps,held_out`, of which
    all but `file` may be missing; `labels.json` is a list of objects with the same keys. A file without a label is of
    the style and by the performer "unknown". An NPZ file may hold `beats` (B,) s and `counts` (B,) too.
    """
    if not source.is_dir():
        raise FileFormatError(f"{source} is not a folder.", "Give the folder of the motion files.")
    labels = _labels(source)
    paths = [path for path in sorted(source.rglob("*")) if path.name.lower().endswith((".bvh", ".bvh.gz", ".npz"))]
    known = {path.relative_to(source).as_posix() for path in paths}
    lost = sorted(set(labels) - known)
    if lost:
        raise FileFormatError(f"The labels name {lost[0]}, which is not in {source}.", "Correct the labels.")
    for path in paths:
        name = path.relative_to(source).as_posix()
        label = labels.get(name, {})
        track = read_motion(path, label.get("fps") or fps)
        grid = read_arrays(path, ("beats", "counts")) if name.lower().endswith(".npz") else {}
        counts = grid.get("counts")
        check_beats(grid.get("beats"), counts, name)
        dancing = label.get("dancing", label.get("style") != NOT_DANCING)
        yield Raw(
            times=track.times,
            room=track.joints + track.roots[:, None],
            corpus=source.resolve().name or "folder",
            take=re.sub(r"\.(bvh|bvh\.gz|npz)$", "", name, flags=re.IGNORECASE),
            performer=label.get("performer") or "unknown",
            style=(label.get("style") or ("unknown" if dancing else NOT_DANCING)).lower(),
            dancing=dancing,
            level=label.get("level"),
            choreography=label.get("choreography"),
            music=label.get("music"),
            tempo=label.get("tempo"),
            held_out=label.get("held_out", False),
            beats=grid.get("beats"),
            counts=None if counts is None else counts.astype(np.int64),
        )


def _labels(source: Path) -> dict[str, dict[str, Any]]:
    """Return what is said of each file, by its name relative to `source`; every value checked."""
    remedy = "Correct it, or take it away to go without labels."
    rows: object = []
    for path in (source / "labels.csv", source / "labels.json"):
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > _LARGEST_LABELS:
                raise FileFormatError(f"{path} is too large.", remedy)
            text = path.read_text(encoding="utf-8-sig")
            rows = list(csv.DictReader(io.StringIO(text))) if path.suffix == ".csv" else json.loads(text)
        except (OSError, ValueError, csv.Error, RecursionError) as error:
            raise FileFormatError(f"{path} cannot be read ({type(error).__name__}).", remedy) from error
        break
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("file"), str) for row in rows
    ):
        raise FileFormatError(f"The labels in {source} name no files.", remedy)
    labels: dict[str, dict[str, Any]] = {}
    for row in rows:
        label: dict[str, Any] = {}
        for key in _LABEL_KEYS:
            value = row.get(key)
            if value is None or value == "":
                continue
            found = _label_value(key, value)
            if found is None:
                raise FileFormatError(
                    f"The {key} of {row['file']} in the labels cannot be {str(value)[:40]}.", remedy
                )
            label[key] = found
        labels[row["file"]] = label
    return labels


def _label_value(key: str, value: object) -> str | float | bool | None:
    """Return a label's value in its own type, None when it cannot be one."""
    text = str(value).strip()
    if key in ("fps", "tempo"):
        try:
            number = float(text)
        except ValueError:
            return None
        return number if 1.0 <= number <= 10_000.0 else None
    if key in ("dancing", "held_out"):
        return _YES.get(text.lower())
    if key == "level":
        return text.lower() if text.lower() in get_args(Level) else None
    return text if 0 < len(text) <= 200 else None
