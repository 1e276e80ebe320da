"""Recorded sessions as sources: the same protocol as a camera and a microphone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.clock import Clock
from dancecoach.errors import FileFormatError, SourceError
from dancecoach.session.drawing import stage_size
from dancecoach.session.figure import draw_person
from dancecoach.session.format import is_session
from dancecoach.session.sound import Samples, Sound
from dancecoach.session.store import Session, open_session
from dancecoach.sources.base import AudioSource, EndOfStream, VideoSource
from dancecoach.sources.catalogue import open_audio_spec, open_video_spec
from dancecoach.sources.pacing import FileSource
from dancecoach.sources.video_file import VideoFile
from dancecoach.types import AudioBlock, Floats, Pose, VideoFrame

_TOGETHER = 30.0  # s within which sources of one session opened one after the other belong together
_STAGE_RATE = 30.0  # pictures a second of a stage without a dancer
_GAP = 0.2  # s without a pose after which the stage is shown empty


def open_video(spec: str, clock: Clock, latency: float = 0.0) -> VideoSource:
    """Return the source of pictures that `spec` describes: the folder of a session, or as `open_video_spec`."""
    folder = _folder_of(spec)
    if folder is not None:
        return ReplayVideo(folder, clock, paced=True)
    return open_video_spec(spec, clock, paced=True, latency=latency)


def open_audio(spec: str, clock: Clock) -> AudioSource:
    """Return the source of sound that `spec` describes: the folder of a session, or as `open_audio_spec`."""
    folder = _folder_of(spec)
    if folder is not None:
        return ReplayAudio(folder, clock, paced=True)
    return open_audio_spec(spec, clock, paced=True)


def _folder_of(spec: str) -> Path | None:
    spec = spec.strip()
    if not spec:
        return None
    path = Path(spec).expanduser()
    return path if is_session(path) else None


def iter_poses(session: Session) -> Iterator[Pose]:
    """Yield the poses of a session in order, times in session seconds."""
    for index in range(len(session.track)):
        yield session.poses.pose(index)


@dataclass
class _Origin:
    """When a session's second 0 is on a clock, and who plays it."""

    time: float
    opened: float
    stop: float
    clock: Clock
    players: int = 0


_origins: dict[Path, _Origin] = {}
_origins_lock = threading.Lock()


def _join_origin(folder: Path, clock: Clock, duration: float) -> _Origin:
    """Return the origin that pictures and sound of one session share."""
    key = folder.resolve()
    now = clock.now()
    with _origins_lock:
        origin = _origins.get(key)
        together = (
            origin is not None
            and origin.clock is clock
            and now < origin.stop
            and (origin.players > 0 or now - origin.opened < _TOGETHER)
        )
        if origin is None or not together:
            origin = _origins[key] = _Origin(now, now, now + duration, clock)
        origin.players += 1
        return origin


def _leave_origin(origin: _Origin) -> None:
    with _origins_lock:
        origin.players -= 1


class _Replay(FileSource):
    """What pictures and sound of a session share."""

    def __init__(self, folder: str | Path, clock: Clock, paced: bool) -> None:
        super().__init__(folder, clock, paced)
        self._joined: _Origin | None = None

    def _session(self) -> Session:
        try:
            return open_session(self.path)
        except FileFormatError as error:
            raise SourceError(error.problem, error.remedy) from error

    def _join(self, session: Session) -> None:
        self._ended, self._index, self.origin = False, 0, None
        if self._paced:
            self._joined = _join_origin(self.path, self._clock, session.duration)
            self.origin = self._joined.time
        self._pacer.start()

    def _leave(self) -> None:
        if self._joined is not None:
            _leave_origin(self._joined)
            self._joined = None


class ReplayVideo(_Replay):
    """The pictures of a session; of one without video, a drawn person who moves as the dancer did.

    Parameters
    ----------
    folder : str or Path
    clock : Clock
    paced : bool
        True plays in real time, together with the session's sound: `time` is clock seconds, late pictures are
        skipped. False delivers every picture at once: `time` is session seconds.
    """

    def __init__(self, folder: str | Path, clock: Clock, paced: bool) -> None:
        super().__init__(folder, clock, paced)
        self.skipped = 0
        self._opened: Session | None = None
        self._video: VideoFile | None = None
        self._times = np.empty(0)

    def open(self) -> None:
        """Open the session; raises SourceError with a remedy."""
        self.close()
        session = self._session()
        with self._lock:
            self.skipped = 0
            if session.video_path is not None:
                video = VideoFile(session.video_path, self._clock, self._paced)
                video.open()
                self._video = video
            else:
                self._times = _stage_times(session)
                if len(self._times) == 0:
                    raise SourceError(f"There are no pictures in session {self.name}.", "Choose another one.")
            self._opened = session
            self._join(session)
            if self._video is not None and self.origin is not None:
                self._video.origin = self.origin + session.video_start

    def close(self) -> None:
        """Release the session; a read that waits returns None."""
        video = self._video
        if video is not None:
            video.close()
        super().close()

    def _release(self) -> None:
        self._opened, self._video = None, None
        self._leave()

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the next picture; see `VideoSource.read`."""
        session, video = self._opened, self._video
        if session is None:
            return None
        if video is None:
            return self._read_stage(session, timeout)
        frame = video.read(timeout)
        self.skipped = video.skipped
        if frame is None or self._paced:
            return frame
        time = frame.time + session.video_start
        return VideoFrame(time, frame.index, frame.image, time)

    def _read_stage(self, session: Session, timeout: float) -> VideoFrame | None:
        times = self._times
        if self._index >= len(times):
            raise EndOfStream
        due = self._due(float(times[self._index]))
        if self._paced:
            deadline = self._clock.now() + timeout
            if not self._pacer.wait(min(due, deadline)) or due > deadline:
                return None
            assert self.origin is not None
            newest = int(np.searchsorted(times, self._clock.now() - self.origin, side="right")) - 1
            if newest > self._index:
                self.skipped += newest - self._index
                self._index = newest
        seconds = float(times[self._index])
        width, height = stage_size(session.picture)
        poses = session.poses
        nearest = int(np.argmin(np.abs(poses.track.times - seconds))) if len(poses.track) else -1
        seen = nearest >= 0 and abs(poses.track.times[nearest] - seconds) <= _GAP
        image = draw_person(width, height, poses.image_joints[nearest] if seen else None)
        image.flags.writeable = False
        time = self._due(seconds)
        frame = VideoFrame(time, self._index, image, time)
        self._index += 1
        return frame


def _stage_times(session: Session) -> Floats:
    """Return the moments of the drawn pictures: those of the poses, and a steady rate where there are none."""
    poses = session.track.times
    if len(poses) == 0 and session.duration <= 0:
        return np.empty(0)
    steady = np.arange(0.0, max(session.duration, 1.0 / _STAGE_RATE), 1.0 / _STAGE_RATE)
    if len(poses) == 0:
        return steady
    after = np.searchsorted(poses, steady)
    before = np.where(after > 0, steady - poses[np.maximum(after - 1, 0)], np.inf)
    ahead = np.where(after < len(poses), poses[np.minimum(after, len(poses) - 1)] - steady, np.inf)
    empty = (before > _GAP) & (ahead > 1.0 / _STAGE_RATE)
    times: Floats = np.unique(np.concatenate([poses, steady[empty]]))
    return times


class ReplayAudio(_Replay):
    """The sound of a session, in blocks whose times keep holes and drift.

    Parameters
    ----------
    folder : str or Path
    clock : Clock
    paced : bool
        True delivers each block when its last sample is due, `time` clock seconds; nothing is skipped, so a source
        that joins late delivers what has passed at once. False delivers at once, `time` session seconds.
    block_seconds : float
        Length of a block.
    """

    def __init__(self, folder: str | Path, clock: Clock, paced: bool, block_seconds: float = 0.02) -> None:
        super().__init__(folder, clock, paced)
        self.sample_rate = 0
        self.channels = 0
        self._block_seconds = block_seconds
        self._sound: Sound | None = None
        self._blocks: Iterator[tuple[int, Samples]] = iter(())
        self._next: tuple[int, Samples] | None = None

    def open(self) -> None:
        """Open the session; raises SourceError with a remedy."""
        self.close()
        session = self._session()
        sound = session.sound
        if sound is None:
            raise SourceError(f"There is no sound in session {self.name}.", "Choose another input for the sound.")
        with self._lock:
            self.sample_rate, self.channels = sound.sample_rate, sound.channels
            self._sound = sound
            self._blocks = sound.blocks(max(1, round(self._block_seconds * sound.sample_rate)))
            self._next = None
            self._join(session)

    def _release(self) -> None:
        self._sound, self._blocks, self._next = None, iter(()), None
        self._leave()

    def read(self, timeout: float) -> AudioBlock | None:
        """Return the next block; see `AudioSource.read`."""
        with self._lock:
            sound = self._sound
            if sound is None:
                return None
            if self._next is None:
                self._next = next(self._blocks, None)
            if self._next is None:
                raise EndOfStream
            index, samples = self._next
        time = self._due(sound.time_of(index))
        if self._paced:
            due = time + len(samples) / sound.sample_rate
            deadline = self._clock.now() + timeout
            if not self._pacer.wait(min(due, deadline)) or due > deadline:
                return None
        with self._lock:
            self._next = None
        samples.flags.writeable = False
        return AudioBlock(time, index, samples, sound.sample_rate)
