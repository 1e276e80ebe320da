"""Recorded sessions: listing, opening, deleting. What lies in a folder is not trusted."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dancecoach.assessment.take import measure_recording
from dancecoach.errors import FileFormatError, RecordingError
from dancecoach.session import format as names
from dancecoach.session.format import Manifest, is_session, member, read_manifest
from dancecoach.session.index import Contents, read_index
from dancecoach.session.sound import Sound, read_sound
from dancecoach.session.track import (
    TIMES_MAGIC,
    TIMES_RECORD,
    RecordedPartner,
    RecordedPoses,
    increasing,
    read_partner,
    read_poses,
    read_records,
)
from dancecoach.types import Beat, BeatGrid, BeatSource, Floats, Notice, PoseTrack, PrimitiveScore, Synchrony

log = logging.getLogger(__name__)

_CLOSEST = 0.12  # s; two beats nearer than this are one beat announced twice
_MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One line of the list of sessions.

    `created` ISO wall time; `duration` s; `msr` of the whole session, None when it was not measured or cut off;
    `problem` says why it is not `readable`.
    """

    name: str
    folder: Path
    created: str = ""
    duration: float = 0.0
    msr: float | None = None
    readable: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """An opened session; every time in seconds of the session.

    `poses` with picture coordinates; `beats` as announced; `notices` (seconds, notice) shown on the way;
    `warnings` about the session itself, for instance that it was cut off; `picture` (width, height) of the
    camera; `video_times` (F,) s of the video's pictures; `partner` how the synthesised partner danced, None where
    it was switched off.
    """

    name: str
    folder: Path
    created: str
    duration: float
    poses: RecordedPoses
    beats: tuple[Beat, ...]
    beat_grid: BeatGrid | None
    primitives: tuple[PrimitiveScore, ...]
    total: Synchrony | None
    sound: Sound | None
    video_path: Path | None
    video_times: Floats
    notices: tuple[tuple[float, Notice], ...] = ()
    warnings: tuple[Notice, ...] = ()
    picture: tuple[int, int] | None = None
    partner: RecordedPartner | None = None
    manifest: Manifest = field(default_factory=lambda: Manifest("", 0.0, "", False))

    @property
    def track(self) -> PoseTrack:
        """The dancer's poses."""
        return self.poses.track

    @property
    def partner_track(self) -> PoseTrack | None:
        """The synthesised partner's poses, in the dancer's room frame."""
        return None if self.partner is None else self.partner.track

    @property
    def audio_path(self) -> Path | None:
        """The recorded sound."""
        return None if self.sound is None else self.sound.path

    @property
    def audio_start(self) -> float:
        """Session time of the sound's first sample."""
        return 0.0 if self.sound is None else self.sound.start

    @property
    def video_start(self) -> float:
        """Session time of the video's first picture."""
        return float(self.video_times[0]) if len(self.video_times) else 0.0


def list_sessions(folder: Path) -> list[SessionInfo]:
    """Return the sessions in a folder, the newest first; broken ones say what is wrong."""
    try:
        folders = [path for path in folder.iterdir() if not path.is_symlink() and is_session(path)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileFormatError(
            f"The folder {folder} cannot be read ({error.strerror}).", "Choose another folder in Settings."
        ) from error
    folders.sort(key=lambda path: path.name, reverse=True)
    return [_info(path) for path in folders[:_MOST_SESSIONS]]


def _info(folder: Path) -> SessionInfo:
    try:
        manifest = read_manifest(folder)
        duration = manifest.duration
        if duration is None:
            duration = _length(folder)
    except FileFormatError as error:
        return SessionInfo(folder.name, folder, readable=False, problem=error.problem)
    return SessionInfo(folder.name, folder, manifest.created, duration, manifest.msr)


def _length(folder: Path) -> float:
    """Return how long a session that was cut off is, from its files."""
    ends = [0.0]
    poses = read_poses(member(folder, names.POSES))
    sound, pictures = _open_media(folder, [])
    if len(poses.track):
        ends.append(float(poses.track.times[-1]))
    if sound is not None:
        ends.append(sound.stop)
    if len(pictures):
        ends.append(float(pictures[-1]))
    return min(max(ends), names.LONGEST)


def _open_media(folder: Path, warnings: list[Notice]) -> tuple[Sound | None, Floats]:
    """Return the sound and the times of the pictures; what is damaged or unsafe is left out and told."""
    sound, pictures = None, np.empty(0)
    try:
        sound = read_sound(member(folder, names.SOUND), member(folder, names.SOUND_TIMES))
    except FileFormatError as error:
        log.warning("%s", error, exc_info=error)
        warnings.append(Notice("sound_damaged", error.problem, "The session is shown without sound."))
    try:
        times_path = member(folder, names.VIDEO_TIMES)
        if member(folder, names.VIDEO) is not None and times_path is not None:
            times = read_records(times_path, TIMES_MAGIC, TIMES_RECORD)["time"].astype(np.float64)
            pictures = times[increasing(times)]
    except FileFormatError as error:
        log.warning("%s", error, exc_info=error)
        warnings.append(Notice("video_damaged", error.problem, "The session is shown without its video."))
    return sound, pictures


def open_session(folder: Path) -> Session:
    """Open a session, finished or cut off.

    What was not written any more when it was cut off is measured again from the poses and beats.

    Raises
    ------
    FileFormatError
        When the folder is no session, or its poses are damaged. A damaged or unsafe partner, sound, video and scores
        are left out, and `warnings` says so.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    poses = read_poses(member(folder, names.POSES))
    warnings: list[Notice] = []
    sound, pictures = _open_media(folder, warnings)
    partner = None
    try:
        partner = read_partner(member(folder, names.PARTNER))
    except FileFormatError as error:
        log.warning("%s", error, exc_info=error)
        warnings.append(Notice("partner_damaged", error.problem, "The session is shown without the partner."))
    try:
        contents = read_index(folder)
    except FileFormatError as error:
        log.warning("%s", error, exc_info=error)
        contents = Contents()
        warnings.append(Notice("index_damaged", error.problem, error.remedy))
    if not manifest.finished:
        warnings.append(
            Notice("cut_off", "This session was cut off while it was recorded", "Everything written is here.", "info")
        )
    for what, count in manifest.lost.items():
        if count > 0 and what != "pictures":
            text = f"The disk was too slow: {count} {what} are missing"
            warnings.append(Notice("recording_lost", text, "Close other programs while you record."))
    grid = grid_of(contents.beats)
    total, primitives = contents.total, contents.primitives
    if total is None:
        total, measured = measure_recording(poses.track, grid)
        primitives = primitives or measured
    duration = manifest.duration if manifest.duration is not None else _length(folder)
    return Session(
        name=folder.name,
        folder=folder,
        created=manifest.created,
        duration=duration,
        poses=poses,
        beats=contents.beats,
        beat_grid=grid,
        primitives=primitives,
        total=total,
        sound=sound,
        video_path=member(folder, names.VIDEO) if len(pictures) else None,
        video_times=pictures,
        notices=contents.notices,
        warnings=tuple(warnings),
        picture=contents.picture,
        partner=partner,
        manifest=manifest,
    )


def grid_of(beats: Sequence[Beat]) -> BeatGrid | None:
    """Return announced beats as a grid, each once, the later announcement counting; None without two beats."""
    kept: list[Beat] = []
    for beat in sorted(beats, key=lambda beat: beat.time):
        if kept and beat.time - kept[-1].time < _CLOSEST:
            if beat.announced_at > kept[-1].announced_at:
                kept[-1] = beat
            continue
        kept.append(beat)
    if len(kept) < 2:
        return None
    # Beats of music played by the application are known ahead and noted when they sound.
    analysed = all(beat.announced_at == beat.time for beat in kept)
    source: BeatSource = "analysed" if analysed else "heard"
    return BeatGrid(
        beat_times=np.array([beat.time for beat in kept]),
        counts=np.array([beat.count for beat in kept], dtype=np.int64),
        tempo=float(np.median([beat.tempo for beat in kept])),
        confidence=float(np.median([beat.confidence for beat in kept])),
        source=source,
        beats_per_bar=_beats_per_bar(kept),
    )


def _beats_per_bar(beats: Sequence[Beat]) -> int:
    """Return the metre that most beats were counted in: their counts and which of them are downbeats tell it."""
    downbeats = [beat.count for beat in beats if beat.downbeat]
    three, four = downbeats.count(4), downbeats.count(5)
    if three or four:
        return 3 if three > four else 4
    return 6 if len(downbeats) > 1 and max(beat.count for beat in beats) == 6 else 4


def delete_session(folder: Path) -> None:
    """Delete a session: its own files and then the folder, nothing else.

    Raises
    ------
    FileFormatError
        When it is no session.
    RecordingError
        When something cannot be deleted.
    """
    folder = Path(folder)
    if folder.is_symlink() or not is_session(folder):
        raise FileFormatError(f"{folder.name} is not a recorded session.", "Nothing was deleted.")
    try:
        # The description last: as long as it is there, deleting can be tried again.
        for name in (*reversed(names.NAMES), f"{names.MANIFEST}.tmp"):
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
        folder.rmdir()
    except OSError as error:
        raise RecordingError(
            f"The session {folder.name} cannot be deleted completely ({error.strerror}).",
            "Look into its folder; files that are not part of the session are never deleted.",
        ) from error
