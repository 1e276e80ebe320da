"""Made-up recorded sessions."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError
from dancecoach.types import BeatGrid, PoseTrack, Primitive, PrimitiveScore, Synchrony
from dancecoach.ui.review_model import ExportKind, ReviewStore

from . import fake


@dataclasses.dataclass(frozen=True)
class Info:
    name: str
    folder: Path
    created: str = "2026-03-01T18:30:00"
    duration: float = 48.0
    msr: float | None = 0.78
    readable: bool = True
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Session:
    name: str
    folder: Path
    track: PoseTrack
    beat_grid: BeatGrid | None
    primitives: tuple[PrimitiveScore, ...]
    total: Synchrony | None
    created: str = "2026-03-01T18:30:00"
    duration: float = 48.0
    audio_path: Path | None = None
    audio_start: float = 0.0
    video_path: Path | None = None
    video_start: float = 0.0
    partner_track: PoseTrack | None = None


def session(name: str = "Monday practice", folder: Path = Path("/sessions/one"), judged: bool = False) -> Session:
    times = np.arange(0.0, 48.0, 1 / 30)
    still = fake.pose()
    sway = 0.15 * np.sin(np.pi * times)[:, None]
    joints = np.repeat(still.joints[None], len(times), axis=0)
    joints[:, :, 0] += sway * joints[:, :, 1]
    roots = np.column_stack((0.2 * sway[:, 0], np.full(len(times), 0.92), np.full(len(times), 3.0)))
    track = PoseTrack(times, joints, roots, np.full((len(times), 22), 0.95))
    msrs = (0.55, 0.62, 0.71, None, 0.44, 0.8, 0.86, 0.9, 0.78, 0.83, 0.91, 0.95)
    offsets = (65.0, 52.0, 40.0, None, 70.0, 25.0, 12.0, -5.0, -30.0, -12.0, 4.0, 8.0)
    scores = []
    for index, (msr, offset) in enumerate(zip(msrs, offsets, strict=True), start=1):
        start = 4.0 * (index - 1)
        primitive = Primitive(start, start + 4.0, start + 0.5 * np.arange(9))
        value = fake.synchrony(offset, msr)
        if msr is None:
            value = dataclasses.replace(value, reason="Feet out of frame", parts=())
        scores.append(
            PrimitiveScore(index, primitive, value, fake.assessment(fake.MEANS[index - 1]) if judged else None)
        )
    return Session(name, folder, track, fake.grid(beats=96), tuple(scores), fake.synchrony(22.0, 0.78))


class FakeStore:
    """Two good sessions and a broken one; an export waits for `go_on`."""

    def __init__(self) -> None:
        self.exports: list[tuple[ExportKind, Path]] = []
        self.threads: set[int] = set()
        self.go_on = threading.Event()
        self.fail: Exception | None = None

    def list_sessions(self, folder: Path) -> Sequence[Info]:
        self.threads.add(threading.get_ident())
        return [
            Info("Monday practice", folder / "one"),
            Info("Warm-up", folder / "two", "2026-02-27T17:05:00", 95.0, None),
            Info("Lost", folder / "three", "", 0.0, None, False, "The index is missing."),
        ]

    def open_session(self, folder: Path) -> Session:
        self.threads.add(threading.get_ident())
        if folder.name == "two":
            raise DancecoachError("This session is empty.", "Record another one.")
        return session(folder=folder)

    def export(self, opened: object, kind: ExportKind, destination: Path, progress: Callable[[float], bool]) -> None:
        self.threads.add(threading.get_ident())
        share = 0.0
        while progress(min(share, 0.9)):
            share += 0.1
            if self.go_on.wait(0.005):
                break
        else:
            return
        if self.fail is not None:
            raise self.fail
        self.exports.append((kind, destination))

    def store(self) -> ReviewStore:
        return ReviewStore(self.list_sessions, self.open_session, self.export)
