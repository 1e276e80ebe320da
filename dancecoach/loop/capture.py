"""Keeps a picture source running: opens it, reads it, opens it again when it was lost."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from dancecoach.clock import Clock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.loop.notices import brightness_of, rate_of
from dancecoach.session.replay import open_video
from dancecoach.sources.base import EndOfStream, VideoSource
from dancecoach.sources.pacing import FileSource
from dancecoach.types import Notice, VideoFrame

log = logging.getLogger(__name__)

_RETRY = 1.0  # s between attempts to open a source
_STALLED = 1.5  # s without a picture that the person should know of
_RATE_WINDOW = 2.0  # s


def start_together(source: object, start_line: Callable[[], float]) -> None:
    """Let a file that was just opened start at the line; devices and streams have no such thing."""
    if isinstance(source, FileSource):
        source.origin = start_line()


class Capture:
    """The capture worker's work.

    Parameters
    ----------
    clock : Clock
    deliver : callable
        Takes each picture.
    notify : callable
        Takes ("camera", notice or None).
    start_line : callable
        Gives the clock time at which files start, so that pictures and sound of files start together.
    """

    def __init__(
        self,
        clock: Clock,
        deliver: Callable[[VideoFrame], None],
        notify: Callable[[str, Notice | None], None],
        start_line: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._start_line = start_line
        self._deliver = deliver
        self._notify = notify
        self._wanted = ""
        self._given: VideoSource | None = None
        self._changed = threading.Event()
        self._wake = threading.Event()
        self._source: VideoSource | None = None
        self._latency = 0.0
        self._arrivals: deque[float] = deque(maxlen=120)
        self._last_arrival: float | None = None
        self._ended = False
        self.brightness: float | None = None
        self.name = ""
        self.received = 0  # pictures since the start
        self.lost = 0  # pictures that sources closed since dropped before they were read

    @property
    def dropped(self) -> int:
        """Pictures that arrived and were replaced by newer ones before they were read, since the start."""
        return self.lost + int(getattr(self._source, "dropped", 0))

    def use(self, spec: str) -> None:
        """Switch to another source; carried out by the next step."""
        if self._given is not None and spec != self._given.name:
            self._given = None
        self._wanted = spec
        self._ended = False
        self._changed.set()
        self.interrupt()

    def use_source(self, source: VideoSource) -> None:
        """Switch to a source that was made elsewhere."""
        self._given = source
        self.use(source.name)

    def set_latency(self, seconds: float) -> None:
        """Say how old a picture is on arrival, for sources that are opened from now on."""
        if seconds != self._latency:
            self._latency = seconds
            self._changed.set()

    @property
    def source(self) -> VideoSource | None:
        """The source that is open."""
        return self._source

    @property
    def watching(self) -> bool:
        """Whether pictures are coming."""
        return self._source is not None and self._last_arrival is not None

    @property
    def rate(self) -> float | None:
        """Pictures a second over the last two seconds."""
        now = self._clock.now()
        recent = np.array([arrival for arrival in tuple(self._arrivals) if arrival > now - _RATE_WINDOW])
        return rate_of(recent)

    def interrupt(self) -> None:
        """Wake a waiting step."""
        self._wake.set()
        source = self._source
        if source is not None:
            source.close()

    def step(self) -> None:
        """Open the source when there is none, or deliver one picture."""
        if self._changed.is_set():
            self._changed.clear()
            self._wake.clear()  # heard: the pause before the next attempt is a whole one
            self.close()
        if self._source is None:
            self._open()
            return
        try:
            frame = self._source.read(0.5)
        except EndOfStream:
            if self._changed.is_set():
                return  # another camera is wanted already
            self._ended = True
            self.close()
            self._notify("camera", Notice("video_ended", "The video has ended", "Choose another camera.", "info"))
            return
        except SourceLost as error:
            if self._changed.is_set():
                return
            log.warning("camera lost: %s", error)
            self.close()
            self._notify("camera", Notice("camera_lost", error.problem, error.remedy, "error"))
            return
        now = self._clock.now()
        if frame is None:
            if self._last_arrival is not None and now - self._last_arrival > _STALLED and not self._changed.is_set():
                text = "No pictures are coming from the camera"
                self._notify("camera", Notice("camera_stalled", text, "Check its cable and cover.", "error"))
            return
        if self._last_arrival is None or now - self._last_arrival > _STALLED or self.brightness is None:
            self._notify("camera", None)
        self._last_arrival = now
        self._arrivals.append(now)
        self.received += 1
        if frame.index % 15 == 0 or self.brightness is None:
            self.brightness = brightness_of(frame.image)
        self._deliver(frame)

    def close(self) -> None:
        """Release the source."""
        source, self._source = self._source, None
        self._arrivals.clear()
        self._last_arrival = None
        self.brightness = None
        if source is not None:
            self.lost += int(getattr(source, "dropped", 0))
            source.close()

    def _open(self) -> None:
        spec = self._wanted
        if spec == "none" or self._ended:
            self.name = "" if spec == "none" else self.name
            self._pause()
            return
        try:
            source = self._given or open_video(spec, self._clock, self._latency)
            self.name = source.name
            source.open()
        except SourceError as error:
            self._notify("camera", Notice("no_camera", error.problem, error.remedy, "error"))
            self._pause()
            return
        self._source = source
        start_together(source, self._start_line)
        self._notify("camera", None)

    def _pause(self) -> None:
        self._wake.wait(_RETRY)
        self._wake.clear()
