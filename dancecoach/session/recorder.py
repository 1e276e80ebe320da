"""Writes a session while it happens: callers hand over and go on, one thread writes.

```
pose, audio, beats … ─► lists, at most 8 s ─┐
                                             ├─► writer thread ─► disk, flushed as it comes, synced twice a second
pictures ─► at most 48 MB, the first to go ─┘
```
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import math
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import av

from dancecoach import __version__
from dancecoach.errors import DancecoachError, RecordingError
from dancecoach.session import format as names
from dancecoach.session import scores
from dancecoach.session.format import LONGEST, Manifest, sync_folder, write_manifest
from dancecoach.session.index import IndexWriter
from dancecoach.session.picture import PictureWriter
from dancecoach.session.sound import SoundWriter
from dancecoach.session.track import (
    PARTNER_MAGIC,
    PARTNER_RECORD,
    POSE_MAGIC,
    POSE_RECORD,
    RecordWriter,
    partner_records,
    pose_records,
)
from dancecoach.types import AudioBlock, Beat, Notice, Pose, PrimitiveScore, Synchrony, VideoFrame

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

log = logging.getLogger(__name__)

MINIMUM_FREE = 200_000_000  # bytes
_QUEUE_SECONDS = 8.0
_QUEUE_BYTES = 48_000_000  # of pictures
_FASTEST = 120.0  # poses a second
_MOST_EVENTS = 10_000
_IDLE = 0.1  # s between two looks at the queue
_SYNC = 0.5  # s
_CHECK = 1.0  # s between two looks at the disk
_FREE_SPACE = "Free some space or choose another folder in Settings."

_Event = Beat | PrimitiveScore | tuple[float, Notice]


class Recorder:
    """Records a session into a new folder below `parent`; every method returns at once, from any thread.

    Parameters
    ----------
    parent : Path
        Made when it does not exist.
    started : float
        Clock seconds that are 0 in the session.
    info : mapping
        Names of the devices and the like.
    with_video : bool
        Keep the pictures too.
    minimum_free : int, optional
        Bytes on the disk below which recording stops.
    now : datetime, optional
        Wall time of the start.

    Attributes
    ----------
    folder : Path
    problem : RecordingError or None
        Why recording has stopped by itself; what was written before can be opened.
    lost_poses, lost_partner, lost_blocks, lost_events, lost_pictures : int
        Left out because the disk could not follow.

    Raises
    ------
    RecordingError
        When the session cannot be begun.
    """

    def __init__(
        self,
        parent: Path,
        started: float,
        info: Mapping[str, str],
        with_video: bool,
        *,
        minimum_free: int = MINIMUM_FREE,
        now: datetime | None = None,
    ) -> None:
        self.with_video = with_video
        self.problem: RecordingError | None = None
        self.lost_poses = self.lost_partner = self.lost_blocks = self.lost_events = self.lost_pictures = 0
        self._started = started
        self._minimum_free = minimum_free
        self._latest = 0.0
        self._condition = threading.Condition()
        self._poses: list[Pose] = []
        self._partner: list[PartnerFrame] = []
        self._blocks: list[AudioBlock] = []
        self._block_seconds = 0.0
        self._events: list[_Event] = []
        self._pictures: deque[VideoFrame] = deque()
        self._picture_bytes = 0
        self._picture_size: tuple[int, int] | None = None
        self._closing = False
        self._total: Synchrony | None = None
        wall = now or datetime.now().astimezone()
        self._manifest = Manifest(wall.isoformat(timespec="milliseconds"), started, __version__, with_video, {**info})
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self._require_space(parent)
            self.folder = _new_folder(parent, wall)
            self._writer = _Writer(self.folder, self._manifest)
            sync_folder(parent)
        except (OSError, sqlite3.Error) as error:
            raise _sentence(error, parent) from error
        self._thread = threading.Thread(target=self._run, name="dancecoach recorder", daemon=True)
        self._thread.start()

    # --- input --------------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Length so far: the latest moment that was handed over, session seconds."""
        return self._latest

    def pose(self, pose: Pose) -> None:
        """Record a pose."""
        with self._taking(pose.time) as wanted:
            if not wanted:
                return
            if len(self._poses) >= _QUEUE_SECONDS * _FASTEST:
                self._count_loss("lost_poses", "poses")
            else:
                self._poses.append(pose)

    def partner(self, frame: PartnerFrame) -> None:
        """Record a frame of the synthesised partner; frames lie ahead of now and do not make the session longer."""
        with self._taking(frame.time, grows=False) as wanted:
            if not wanted:
                return
            if len(self._partner) >= _QUEUE_SECONDS * _FASTEST:
                self._count_loss("lost_partner", "frames of the partner")
            else:
                self._partner.append(frame)

    def audio(self, block: AudioBlock) -> None:
        """Record a block of sound."""
        length = len(block.samples) / block.sample_rate
        with self._taking(block.time, length) as wanted:
            if not wanted or length == 0:
                return
            if self._block_seconds + length > _QUEUE_SECONDS:
                self._count_loss("lost_blocks", "blocks of sound")
            else:
                self._blocks.append(block)
                self._block_seconds += length

    def frame(self, frame: VideoFrame) -> None:
        """Record a picture when the session is with video; its size in any case."""
        with self._taking(frame.time) as wanted:
            if not wanted:
                return
            if self._picture_size is None:
                self._picture_size = frame.image.shape[1], frame.image.shape[0]
            if not self.with_video:
                return
            if self._pictures and self._picture_bytes + frame.image.nbytes > _QUEUE_BYTES:
                self.lost_pictures += 1
                return
            self._pictures.append(frame)
            self._picture_bytes += frame.image.nbytes
            self._condition.notify()

    def beats(self, beats: Sequence[Beat]) -> None:
        """Record beats that were announced or have sounded."""
        for beat in beats:
            moved = dataclasses.replace(
                beat, time=beat.time - self._started, announced_at=beat.announced_at - self._started
            )
            self._event(moved, beat.time)

    def primitive(self, score: PrimitiveScore) -> None:
        """Record a finished eight-count."""
        self._event(scores.moved_score(score, -self._started), score.primitive.stop)

    def notice(self, notice: Notice) -> None:
        """Record what the person was told."""
        self._event((self._latest, notice), self._started + self._latest)

    def _event(self, event: _Event, clock_time: float) -> None:
        # Beats are announced ahead: they do not make the session longer.
        with self._taking(clock_time, grows=False) as wanted:
            if not wanted:
                return
            if len(self._events) >= _MOST_EVENTS:
                self._count_loss("lost_events", "beats and scores")
            else:
                self._events.append(event)

    @contextlib.contextmanager
    def _taking(self, clock_time: float, length: float = 0.0, grows: bool = True) -> Iterator[bool]:
        """Hold the queue; gives False for what is not part of the session."""
        seconds = clock_time - self._started
        inside = math.isfinite(seconds) and 0.0 <= seconds + length < LONGEST
        with self._condition:
            wanted = inside and not self._closing and self.problem is None
            if wanted and grows:
                self._latest = max(self._latest, seconds + length)
            yield wanted

    def _count_loss(self, counter: str, what: str) -> None:
        if getattr(self, counter) == 0:
            log.warning("the disk is too slow: %s are left out of the session", what)
        setattr(self, counter, getattr(self, counter) + 1)

    def close(self, total: Synchrony | None = None) -> Path:
        """Write what is left and the synchrony of the whole session, return the folder; harmless when closed."""
        with self._condition:
            if not self._closing:
                self._closing = True
                self._total = None if total is None else scores.moved(total, -self._started)
            self._condition.notify()
        self._thread.join()
        return self.folder

    # --- the writer thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write_all()
            self._writer.finish(self._finished(), self._total)
        except (OSError, sqlite3.Error, av.FFmpegError, ValueError, RecordingError) as error:
            self._fail(error)
            self._writer.abandon()

    def _write_all(self) -> None:
        synced = checked = time.monotonic()
        while True:
            done = self._write_some()
            now = time.monotonic()
            if now - checked >= _CHECK:
                checked = now
                self._require_space(self.folder)
            if now - synced >= _SYNC:
                synced = now
                self._writer.sync()
            if done:
                return

    def _write_some(self) -> bool:
        """Write what has come and one picture; returns True when that was all there will be."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._pictures) or self._closing, _IDLE)
            poses, self._poses = self._poses, []
            partner, self._partner = self._partner, []
            blocks, self._blocks, self._block_seconds = self._blocks, [], 0.0
            events, self._events = self._events, []
            picture = self._pictures.popleft() if self._pictures else None
            if picture is not None:
                self._picture_bytes -= picture.image.nbytes
            size = self._picture_size
            done = self._closing and not self._pictures
        writer, started = self._writer, self._started
        if size is not None:
            writer.write_size(size)
        writer.write_poses(poses, started)
        if partner:
            writer.write_partner(partner, started)
        for block in blocks:
            writer.write_sound(block, started)
        writer.write_events(events)
        if picture is not None:
            writer.write_picture(picture, started)
        return done

    def _finished(self) -> Manifest:
        lost = {
            "poses": self.lost_poses,
            "frames of the partner": self.lost_partner,
            "blocks": self.lost_blocks,
            "events": self.lost_events,
            "pictures": self.lost_pictures,
        }
        msr = None if self._total is None else names.number(self._total.msr)
        return dataclasses.replace(self._manifest, finished=True, duration=self._latest, msr=msr, lost=lost)

    def _fail(self, error: Exception) -> None:
        log.warning("recording stops: %s", error, exc_info=error)
        with self._condition:
            self.problem = _sentence(error, self.folder)
            self._poses, self._partner, self._blocks, self._events = [], [], [], []
            self._pictures.clear()

    def _require_space(self, folder: Path) -> None:
        try:
            free = shutil.disk_usage(folder).free
        except FileNotFoundError as error:
            raise RecordingError(
                "The folder of the session has disappeared.", "Check the disk, then record again."
            ) from error
        if free < self._minimum_free:
            raise RecordingError(f"The disk is nearly full: {max(free, 0) // 1_000_000} MB are left.", _FREE_SPACE)


class _Writer:
    """The files of one session; used by one thread at a time."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        write_manifest(folder, manifest)
        self._poses = RecordWriter(folder / names.POSES, POSE_MAGIC, POSE_RECORD)
        self._partner: RecordWriter | None = None
        self._index: IndexWriter | None = None  # belongs to the thread that writes
        self._sound: SoundWriter | None = None
        self._pictures: PictureWriter | None = None
        self._size_written = False

    @property
    def index(self) -> IndexWriter:
        if self._index is None:
            self._index = IndexWriter(self._folder / names.INDEX)
        return self._index

    def write_size(self, size: tuple[int, int]) -> None:
        if not self._size_written:
            self._size_written = True
            self.index.put("picture", f"[{size[0]}, {size[1]}]")

    def write_poses(self, poses: Sequence[Pose], started: float) -> None:
        self._poses.write(pose_records(poses, started))

    def write_partner(self, frames: Sequence[PartnerFrame], started: float) -> None:
        if self._partner is None:
            self._partner = RecordWriter(self._folder / names.PARTNER, PARTNER_MAGIC, PARTNER_RECORD)
        self._partner.write(partner_records(frames, started))

    def write_sound(self, block: AudioBlock, started: float) -> None:
        if self._sound is None:
            paths = self._folder / names.SOUND, self._folder / names.SOUND_TIMES
            self._sound = SoundWriter(*paths, block.sample_rate, block.samples.shape[1])
        self._sound.write(block, block.time - started)

    def write_picture(self, frame: VideoFrame, started: float) -> None:
        if self._pictures is None:
            paths = self._folder / names.VIDEO, self._folder / names.VIDEO_TIMES
            self._pictures = PictureWriter(*paths, frame.image.shape[1], frame.image.shape[0])
        self._pictures.write(frame.image, frame.time - started)

    def write_events(self, events: Sequence[_Event]) -> None:
        for event in events:
            if isinstance(event, Beat):
                self.index.beat(event)
            elif isinstance(event, PrimitiveScore):
                self.index.primitive(event)
            else:
                self.index.notice(*event)

    def sync(self) -> None:
        self.index.commit()
        self._poses.sync()
        if self._partner is not None:
            self._partner.sync()
        if self._sound is not None:
            self._sound.sync()
        if self._pictures is not None:
            self._pictures.sync()
        if not (self._folder / names.MANIFEST).exists():
            raise RecordingError("The folder of the session has disappeared.", "Check the disk, then record again.")

    def finish(self, manifest: Manifest, total: Synchrony | None) -> None:
        """Write the last things; the session counts as finished when all else is on the disk."""
        if total is not None:
            self.index.put("total", scores.to_json(total))
        self.sync()
        for file in (self._sound, self._pictures, self._poses, self._partner, self.index):
            if file is not None:
                file.close()
        write_manifest(self._folder, manifest)

    def abandon(self) -> None:
        """Close what can be closed."""
        for file in (self._sound, self._pictures, self._poses, self._partner, self._index):
            if file is not None:
                with contextlib.suppress(OSError, sqlite3.Error, av.FFmpegError, ValueError):
                    file.close()


def _new_folder(parent: Path, wall: datetime) -> Path:
    """Make and return the session's folder, named by its start."""
    name = wall.strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise RecordingError(f"There are too many sessions named {name}.", "Wait a second.")


def _sentence(error: Exception, folder: Path) -> RecordingError:
    """Return what to tell the person."""
    if isinstance(error, RecordingError):
        return error
    if isinstance(error, DancecoachError):
        return RecordingError(error.problem, error.remedy)
    number = error.errno if isinstance(error, OSError) else None
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "full" in str(error)
    if full:
        return RecordingError("Recording stopped: the disk is full.", _FREE_SPACE)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RecordingError(f"Nothing can be written to {folder}.", "Choose another folder in Settings.")
    if not folder.exists():
        return RecordingError("The folder of the session has disappeared.", "Check the disk, then record again.")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return RecordingError(
        f"The session cannot be written to {folder} ({reason}).", "Choose another folder in Settings."
    )
