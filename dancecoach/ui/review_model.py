"""Recorded sessions as the review window sees them. Free of Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from dancecoach.types import BeatGrid, PoseTrack, PrimitiveScore, Synchrony

ExportKind = Literal["bvh", "csv", "json", "mp4"]
# (kind, menu text, file suffix)
EXPORTS: tuple[tuple[ExportKind, str, str], ...] = (
    ("bvh", "Motion (BVH)…", ".bvh"),
    ("csv", "Poses and scores (CSV)…", ".csv"),
    ("json", "Everything (JSON)…", ".json"),
    ("mp4", "Annotated video (MP4)…", ".mp4"),
)


class SessionInfo(Protocol):
    """One line of the list of sessions; `problem` says why one is not `readable`."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def created(self) -> str:
        """ISO date and time of the recording."""
        ...

    @property
    def duration(self) -> float:
        """Length, seconds."""
        ...

    @property
    def msr(self) -> float | None:
        """Sharp MSR of the whole session."""
        ...

    @property
    def readable(self) -> bool:
        """Whether it can be opened."""
        ...

    @property
    def problem(self) -> str:
        """Why not."""
        ...


class ReviewSession(Protocol):
    """An opened session; times in seconds of the session.

    `audio_start` and `video_start` are the session times of the files' first sample and first picture.
    """

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def created(self) -> str:
        """ISO date and time of the recording."""
        ...

    @property
    def duration(self) -> float:
        """Length, seconds."""
        ...

    @property
    def track(self) -> PoseTrack:
        """The dancer's poses."""
        ...

    @property
    def partner_track(self) -> PoseTrack | None:
        """The synthesised partner's poses in the dancer's room, None where there was none."""
        ...

    @property
    def beat_grid(self) -> BeatGrid | None:
        """The beats."""
        ...

    @property
    def primitives(self) -> tuple[PrimitiveScore, ...]:
        """The scored eight-counts."""
        ...

    @property
    def total(self) -> Synchrony | None:
        """The synchrony of the whole session."""
        ...

    @property
    def audio_path(self) -> Path | None:
        """The recorded or played music."""
        ...

    @property
    def audio_start(self) -> float:
        """Session time of the music's first sample."""
        ...

    @property
    def video_path(self) -> Path | None:
        """The recorded picture."""
        ...

    @property
    def video_start(self) -> float:
        """Session time of the video's first picture."""
        ...


@dataclass(frozen=True)
class ReviewStore:
    """Callables of the session store; each is called in a worker thread.

    `export(session, kind, destination, progress)` calls `progress(share)` now and then and stops, leaving no
    file behind, once that returns False.
    """

    list_sessions: Callable[[Path], Sequence[SessionInfo]]
    open_session: Callable[[Path], ReviewSession]
    export: Callable[[ReviewSession, ExportKind, Path, Callable[[float], bool]], None]
