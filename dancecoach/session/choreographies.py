"""Choreographies that were taught: one NPZ file each, in the user's data folder.

`times` (T,) s, `joints` (T, 22, 3) m in the room, and, where it was danced to beats, `beats` (B,) s with `counts`
(B,).
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.config import data_folder
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.motion import read_arrays, read_motion
from dancecoach.types import BeatGrid, Floats, PoseTrack

_LONGEST_NAME = 60
_MOST = 200
_MOST_BEATS = 100_000
_SHORTEST = 4.0  # s
_REMEDY = "Teach the choreography again, or delete the file."


@dataclass(frozen=True, slots=True)
class Taught:
    """A choreography: its `name`, the movement, and its beats if it has any."""

    name: str
    track: PoseTrack
    grid: BeatGrid | None


def choreographies_folder() -> Path:
    """Return where choreographies are kept."""
    return data_folder() / "choreographies"


def save(name: str, track: PoseTrack, grid: BeatGrid | None) -> Path:
    """Keep a movement under a name; one of the same name is replaced.

    Raises
    ------
    DancecoachError
        When the name or the movement will not do, or nothing can be written.
    """
    path = _path(name)
    if len(track) < 2 or track.times[-1] - track.times[0] < _SHORTEST:
        raise DancecoachError("There is too little movement to learn.", f"Dance at least {_SHORTEST:.0f} seconds.")
    arrays = {
        "times": track.times - track.times[0],
        "joints": (track.joints + track.roots[:, None]).astype(np.float32),
        "monocular": np.array([float(track.monocular)]),
    }
    if grid is not None:
        arrays["beats"] = grid.beat_times - track.times[0]
        arrays["counts"] = grid.counts.astype(np.float64)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise DancecoachError(
            f"The choreography cannot be kept ({error.strerror}).", "Make room on the disk and try again."
        ) from error
    return path


def remove(name: str) -> bool:
    """Forget a choreography; say whether there was one."""
    path = _path(name)
    if not path.exists():
        return False
    path.unlink()
    return True


def names() -> tuple[str, ...]:
    """Return the names of all that were taught."""
    folder = choreographies_folder()
    return tuple(sorted(path.stem for path in folder.glob("*.npz"))[:_MOST]) if folder.is_dir() else ()


def load(name: str) -> Taught:
    """Return a choreography.

    Raises
    ------
    FileFormatError
        When its file is damaged or gone.
    """
    path = _path(name)
    track = read_motion(path)
    arrays = read_arrays(path, ("beats", "counts", "monocular"))
    if arrays.get("monocular") is not None and arrays["monocular"].size and arrays["monocular"].flat[0] > 0.5:
        track = PoseTrack(track.times, track.joints, track.roots, track.visibility, monocular=True)
    return Taught(name, track, _grid(arrays.get("beats"), arrays.get("counts"), path.name))


def load_all() -> tuple[tuple[Taught, ...], tuple[str, ...]]:
    """Return all choreographies, and a sentence on each file that is damaged."""
    found, damaged = [], []
    for name in names():
        try:
            found.append(load(name))
        except DancecoachError as error:
            damaged.append(str(error))
    return tuple(found), tuple(damaged)


def _grid(beats: Floats | None, counts: Floats | None, name: str) -> BeatGrid | None:
    if beats is None or counts is None:
        return None
    whole = beats.ndim == 1 and beats.shape == counts.shape and 2 <= len(beats) <= _MOST_BEATS
    if not whole or not np.isfinite(beats).all() or np.any(np.diff(beats) <= 0) or not np.isfinite(counts).all():
        raise FileFormatError(f"The beats in {name} make no sense.", _REMEDY)
    if counts.min() < 1 or counts.max() > 8:
        raise FileFormatError(f"The counts in {name} make no sense.", _REMEDY)
    tempo = 60.0 / float(np.median(np.diff(beats)))
    bar = 3 if counts.max() == 6 else 4
    return BeatGrid(beats, counts.astype(np.int64), tempo, 1.0, "file", beats_per_bar=bar)


def _path(name: str) -> Path:
    """Return the file of a name; a name that could lead out of the folder is refused."""
    if not re.fullmatch(r"[\w][\w .,'()+-]*", name) or len(name) > _LONGEST_NAME or name != name.strip():
        raise DancecoachError(
            f"{name[:_LONGEST_NAME]!r} will not do as a name.", "Use letters, digits, spaces, dots and dashes."
        )
    return choreographies_folder() / f"{name}.npz"
