"""The demo's camera: a video that follows the music player, so that pausing the music pauses the dancer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from dancecoach.clock import Clock
from dancecoach.errors import SourceError
from dancecoach.types import VideoFrame

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
_JUMP = 0.5  # s by which the music must be ahead before the video is searched rather than decoded
_LOOK_BACK = 0.02  # s over which the music's speed is read


class FollowingVideo:
    """Plays a video to the position of the music, forwards, backwards and in loops.

    Parameters
    ----------
    path : Path
    clock : Clock
    position_at : callable
        Gives the second of the music in the air at a clock time, None while there is none.
    """

    live = True

    def __init__(self, path: Path, clock: Clock, position_at: Callable[[float], float | None]) -> None:
        self.name = "Demo"
        self._path = path
        self._clock = clock
        self._position_at = position_at
        self._closed = threading.Event()
        self._container: av.container.InputContainer | None = None
        self._frames: object = None
        self._shown = -1.0  # s of the video
        self._index = 0
        self._last = -np.inf
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the video; raises SourceError when it is missing."""
        self.close()
        try:
            self._container = av.open(str(self._path))
        except (OSError, av.error.FFmpegError) as error:
            raise SourceError("The demo's video is missing.", "Install dancecoach again.") from error
        self._frames = None
        self._shown = -1.0
        self._closed.clear()

    def close(self) -> None:
        """Release the video."""
        self._closed.set()
        with self._lock:
            container, self._container = self._container, None
            if container is not None:
                container.close()

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the picture of the music's position now; None while the music stands still."""
        deadline = self._clock.now() + timeout
        while not self._closed.is_set():
            now = self._clock.now()
            position = self._position_at(now)
            if position is not None and position >= 0 and self._is_new(position, now):
                frame = self._decode(position, now)
                if frame is not None:
                    return frame
            if now >= deadline:
                return None
            self._closed.wait(0.004)
        return None

    def _is_new(self, position: float, now: float) -> bool:
        return now > self._last and (position < self._shown or position >= self._shown + 1 / 30)

    def _speed(self, position: float, now: float) -> float:
        """Return seconds of music per second of the clock; 1 across a jump."""
        before = self._position_at(now - _LOOK_BACK)
        speed = 1.0 if before is None else (position - before) / _LOOK_BACK
        return speed if 0.4 < speed < 1.2 else 1.0

    def _decode(self, position: float, now: float) -> VideoFrame | None:
        with self._lock:
            container = self._container
            if container is None:
                return None
            stream = container.streams.video[0]
            base = float(stream.time_base or 1)
            if self._frames is None or position < self._shown or position > self._shown + _JUMP:
                container.seek(max(0, int(position / base)), stream=stream)
                self._frames = container.decode(stream)
                self._shown = -1.0
            picture = None
            for decoded in self._frames:  # type: ignore[attr-defined]
                self._shown = float((decoded.pts or 0) * base)
                picture = decoded
                if self._shown + 1 / 30 > position:
                    break
            if picture is None or position > self._shown + _JUMP:
                self._frames = None
                return None
            image = picture.to_ndarray(format="rgb24")
        image.flags.writeable = False
        # The picture belongs to its own second of the music, not to the moment it was decoded.
        time = now + (self._shown - position) / self._speed(position, now)
        if time <= self._last:
            return None
        self._last = time
        self._index += 1
        return VideoFrame(time, self._index, image, now)
