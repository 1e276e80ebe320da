"""A session on disk: one folder with fixed names, made so that losing power loses a second at most.

```
2026-03-01_18-30-00/
  session.json    schema, wall time of the start, devices; rewritten once, when the session is finished
  poses.track     append-only records, each with its checksum (`track`)
  partner.track   the same for the synthesised partner, only where it danced
  audio.wav       PCM16, appended; `audio.times` says which sample was in the air when (`sound`)
  video.mp4       fragmented, only when switched on; `video.times` has the time of each picture (`picture`)
  index.sqlite    beats, eight-counts, notices, the total (`index`)
```

All times in it are session seconds: 0 is the recorder's start.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from dancecoach.errors import FileFormatError

SCHEMA = "dancecoach.session/1"
MANIFEST = "session.json"
POSES = "poses.track"
PARTNER = "partner.track"
SOUND = "audio.wav"
SOUND_TIMES = "audio.times"
VIDEO = "video.mp4"
VIDEO_TIMES = "video.times"
INDEX = "index.sqlite"
# Everything a session may consist of; nothing else is read or deleted.
NAMES = (MANIFEST, POSES, PARTNER, SOUND, SOUND_TIMES, VIDEO, VIDEO_TIMES, INDEX, f"{INDEX}-wal", f"{INDEX}-shm")

LONGEST = 48 * 3600.0  # s; a time beyond is not believed
_LARGEST_MANIFEST = 256 * 1024
_MOST_INFO = 64
_REMEDY = "Choose a folder that dancecoach recorded."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What session.json says.

    `created` ISO wall time of the start; `clock_origin` s, the clock then; `info` names of the devices;
    `finished` is False for a session that was cut off; `duration` s and `msr` are known once it is finished.
    """

    created: str
    clock_origin: float
    application: str
    with_video: bool
    info: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False
    duration: float | None = None
    msr: float | None = None
    lost: Mapping[str, int] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write session.json so that there is always a whole one."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "application": manifest.application,
        "created": manifest.created,
        "clock_origin": manifest.clock_origin,
        "with_video": manifest.with_video,
        "info": dict(manifest.info),
        "finished": manifest.finished,
        "duration": manifest.duration,
        "msr": manifest.msr,
        "lost": dict(manifest.lost),
    }
    temporary = folder / f"{MANIFEST}.tmp"
    data = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode()
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / MANIFEST)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read session.json; raises FileFormatError when the folder is no session."""
    path = member(folder, MANIFEST)
    if path is None:
        raise FileFormatError(f"{folder.name} is not a recorded session.", _REMEDY)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_MANIFEST + 1)
        if len(data) > _LARGEST_MANIFEST:
            raise ValueError("too large")
        document = json.loads(data)
    except OSError as error:
        raise FileFormatError(
            f"The session {folder.name} cannot be read ({error.strerror}).", "Check the permissions of the folder."
        ) from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"The description of session {folder.name} is damaged.", _REMEDY) from error
    if not isinstance(document, dict):
        raise FileFormatError(f"The description of session {folder.name} is damaged.", _REMEDY)
    schema = document.get("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, str) and schema.startswith("dancecoach.session/")
        raise FileFormatError(
            f"The session {folder.name} is of an unknown version.",
            "Update dancecoach to open it." if newer else _REMEDY,
        )
    info, lost = document.get("info"), document.get("lost")
    msr = number(document.get("msr"))
    return Manifest(
        created=text(document.get("created"), 40),
        clock_origin=number(document.get("clock_origin")) or 0.0,
        application=text(document.get("application"), 40),
        with_video=document.get("with_video") is True,
        info={str(key)[:80]: text(value, 500) for key, value in list(info.items())[:_MOST_INFO]}
        if isinstance(info, dict)
        else {},
        finished=document.get("finished") is True,
        duration=_within(number(document.get("duration")), 0.0, LONGEST),
        msr=_within(msr, -100.0, 1.0),
        lost={str(key)[:80]: int(value) for key, value in list(lost.items())[:_MOST_INFO] if type(value) is int}
        if isinstance(lost, dict)
        else {},
    )


def member(folder: Path, name: str) -> Path | None:
    """Return the path of one of the session's files, None when there is none.

    Raises FileFormatError when it is anything but a plain file: a link could point anywhere, a pipe would hang.
    """
    path = folder / name
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise FileFormatError(f"The session {folder.name} cannot be read.", _REMEDY) from error
    if not stat.S_ISREG(mode):
        raise FileFormatError(f"{name} in session {folder.name} is not a plain file.", _REMEDY)
    return path


def is_session(path: Path) -> bool:
    """Tell whether a path is the folder of a session."""
    try:
        return path.is_dir() and (path / MANIFEST).is_file()
    except (OSError, ValueError):
        return False


def number(value: object) -> float | None:
    """Return a finite number as float, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if math.isfinite(real) else None


def text(value: object, longest: int) -> str:
    """Return a string, cut to `longest` characters; empty for anything else."""
    return value[:longest] if isinstance(value, str) else ""


def _within(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and low <= value <= high else None


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write to an unbuffered file until everything is written."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) or 0 :]


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
