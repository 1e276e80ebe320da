"""Prepared motion to learn from: one folder, `takes.json` and an NPZ file for each take.

Every take is in metres, y up, its feet on y = 0, at no more than 60 frames a second.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.motion import read_arrays
from dancecoach.types import JOINT_COUNT, Floats, Level, PoseTrack

SCHEMA = "dancecoach.corpus/1"
INDEX = "takes.json"
_LARGEST_INDEX = 64 * 1024 * 1024  # bytes
_MOST_TAKES = 100_000
_LONGEST_NAME = 200
_REMEDY = "Make the folder anew with 'dancecoach train prepare'."
_LEVELS: tuple[str, ...] = get_args(Level)
_FARTHEST = 1000.0  # m


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One recorded dance, or something that is none.

    `times` (T,) s from 0; `joints` (T, 22, 3) float32 m, room frame; `take` its name within `corpus`; `level`,
    `choreography`, `music`, `tempo` BPM None where unknown; `held_out` is never trained on; `beats` (B,) s and
    `counts` (B,) 1…8, or 1…6, where they are known.
    """

    times: Floats
    joints: NDArray[np.float32]
    corpus: str
    take: str
    performer: str
    style: str
    dancing: bool
    level: Level | None = None
    choreography: str | None = None
    music: str | None = None
    tempo: float | None = None
    held_out: bool = False
    beats: Floats | None = None
    counts: NDArray[np.int64] | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float(self.times[-1] - self.times[0])

    @property
    def rate(self) -> float:
        """Frames a second."""
        return (len(self.times) - 1) / self.seconds

    def track(self) -> PoseTrack:
        """Return the take as poses, all joints seen."""
        room = self.joints.astype(np.float64)
        return PoseTrack(self.times, room - room[:, :1], room[:, 0].copy(), np.ones(room.shape[:2]))


def load(folder: Path, held_out: bool | None = None) -> tuple[Take, ...]:
    """Read a prepared folder; only what is kept aside, or only what is not, if `held_out` is given.

    Raises
    ------
    FileFormatError
        When the folder or one of its files is damaged, or names a file outside of it.
    """
    entries = (entry for entry in _read_index(folder) if held_out in (None, entry["held_out"]))
    return tuple(_read_take(folder, entry) for entry in entries)


def save(folder: Path, takes: Iterable[Take]) -> int:
    """Add takes to a folder, which may not exist yet; a take of the same corpus and name is replaced.

    Returns how many were added.

    Raises
    ------
    FileFormatError
        When the folder holds something else already.
    DancecoachError
        When it cannot be written.
    """
    entries: dict[str, dict[str, Any]] = {}
    if (folder / INDEX).exists():
        entries = {entry["file"]: entry for entry in _read_index(folder)}
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for take in takes:
            entry = _entry_of(take)
            arrays: dict[str, NDArray[Any]] = {
                "times": np.asarray(take.times, np.float64),
                "joints": np.asarray(take.joints, np.float32),
            }
            if take.beats is not None:
                arrays["beats"] = np.asarray(take.beats, np.float64)
            if take.counts is not None:
                arrays["counts"] = np.asarray(take.counts, np.int64)
            np.savez_compressed(folder / entry["file"], **arrays)
            entries[entry["file"]] = entry
            count += 1
    except OSError as error:
        raise DancecoachError(f"{folder} cannot be written ({error.strerror}).", "Choose another place.") from error
    finally:
        if entries:  # what was written before a damaged file is not lost
            document = {"schema": SCHEMA, "takes": [entries[key] for key in sorted(entries)]}
            temporary = folder / f"{INDEX}.tmp"
            temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
            temporary.replace(folder / INDEX)
    return count


def _entry_of(take: Take) -> dict[str, Any]:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{take.corpus}-{take.take}")[:_LONGEST_NAME]
    return {
        "file": f"{plain}.npz",
        "corpus": take.corpus,
        "take": take.take,
        "performer": take.performer,
        "style": take.style,
        "dancing": take.dancing,
        "level": take.level,
        "choreography": take.choreography,
        "music": take.music,
        "tempo": take.tempo,
        "held_out": take.held_out,
    }


def _read_index(folder: Path) -> list[dict[str, Any]]:
    path = folder / INDEX
    try:
        if path.stat().st_size > _LARGEST_INDEX:
            raise FileFormatError(f"{path} is too large.", _REMEDY)
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileFormatError(f"There is no {INDEX} in {folder}.", _REMEDY) from error
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} cannot be read ({type(error).__name__}).", _REMEDY) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise FileFormatError(f"{path} is not a list of prepared takes.", _REMEDY)
    entries = document.get("takes")
    if not isinstance(entries, list) or len(entries) > _MOST_TAKES:
        raise FileFormatError(f"{path} lists no takes.", _REMEDY)
    return [_checked(entry, folder) for entry in entries]


def _checked(entry: object, folder: Path) -> dict[str, Any]:
    """Return an entry whose every value is of the right kind and whose file lies in `folder`."""

    def wrong(key: str) -> FileFormatError:
        return FileFormatError(f"A take in {folder / INDEX} has no usable {key}.", _REMEDY)

    if not isinstance(entry, Mapping):
        raise wrong("description")
    for key in ("file", "corpus", "take", "performer", "style"):
        value = entry.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME + 4:
            raise wrong(key)
    for key in ("choreography", "music", "level"):
        value = entry.get(key)
        if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME):
            raise wrong(key)
    if entry.get("level") is not None and entry["level"] not in _LEVELS:
        raise wrong("level")
    for key in ("dancing", "held_out"):
        if not isinstance(entry.get(key), bool):
            raise wrong(key)
    tempo = entry.get("tempo")
    if tempo is not None and (type(tempo) not in (int, float) or not math.isfinite(tempo) or not 0 < tempo < 1000):
        raise wrong("tempo")
    if re.fullmatch(r"[A-Za-z0-9_-]+\.npz", entry["file"]) is None or (folder / entry["file"]).is_symlink():
        raise wrong("file")
    return dict(entry)


def _read_take(folder: Path, entry: Mapping[str, Any]) -> Take:
    path = folder / entry["file"]
    arrays = read_arrays(path, ("times", "joints", "beats", "counts"))
    times, joints = arrays.get("times"), arrays.get("joints")
    if times is None or joints is None:
        raise FileFormatError(f"{path} lacks times or joints.", _REMEDY)
    if joints.shape != (len(joints), JOINT_COUNT, 3) or times.shape != (len(joints),) or len(times) < 2:
        raise FileFormatError(f"{path} has times of shape {times.shape} and joints of {joints.shape}.", _REMEDY)
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
        raise FileFormatError(f"The times in {path} do not increase.", _REMEDY)
    if not np.all(np.abs(joints) < _FARTHEST):  # also where it is not a number
        raise FileFormatError(f"Joints in {path} are nowhere near a dancer.", _REMEDY)
    beats, counts = arrays.get("beats"), arrays.get("counts")
    check_beats(beats, counts, str(path))
    return Take(
        times=times,
        joints=joints.astype(np.float32),
        corpus=entry["corpus"],
        take=entry["take"],
        performer=entry["performer"],
        style=entry["style"],
        dancing=entry["dancing"],
        level=entry.get("level"),
        choreography=entry.get("choreography"),
        music=entry.get("music"),
        tempo=None if entry.get("tempo") is None else float(entry["tempo"]),
        held_out=entry["held_out"],
        beats=beats,
        counts=None if counts is None else counts.astype(np.int64),
    )


def check_beats(beats: Floats | None, counts: NDArray[Any] | None, name: str) -> None:
    """Raise FileFormatError unless beats (B,) s ascend and counts (B,) are 1…8; either may be missing."""
    remedy = "Correct them, or leave them out."
    if beats is not None and (beats.ndim != 1 or not np.all(np.isfinite(beats)) or np.any(np.diff(beats) <= 0)):
        raise FileFormatError(f"The beats in {name} do not increase.", remedy)
    if counts is not None and (
        beats is None or counts.shape != beats.shape or not np.all((counts >= 1) & (counts <= 8))
    ):
        raise FileFormatError(f"The counts in {name} do not fit its beats.", remedy)
