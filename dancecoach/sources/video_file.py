"""Video files and still pictures as sources, at their own pace or as fast as they can be read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from dancecoach.clock import Clock
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.media import MANY_ERRORS, MediaFileError, is_cover, open_container, start_of
from dancecoach.sources.pacing import FileSource
from dancecoach.types import Image, VideoFrame

log = logging.getLogger(__name__)

LONGEST_SIDE = 1280  # pixels; nothing downstream gains from more
STILL_RATE = 30.0  # pictures a second of a still image that is paced
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def is_image(path: str | Path) -> bool:
    """Tell by its name whether a file is a still picture."""
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


class VideoFile(FileSource):
    """A video file.

    Parameters
    ----------
    path : str or Path
    clock : Clock
    paced : bool
        True plays in real time: `time` is clock seconds, pictures that are late are skipped. False delivers
        every picture at once: `time` is seconds from the container's start.
    loop : bool
        Start over at the end instead of raising `EndOfStream`.

    Attributes
    ----------
    origin : float or None
        Clock time of the file's start, set by the first read of a paced file; set it between `open` and
        the first read to line several files up.
    frame_rate, duration : float or None
        Hints of the container, pictures a second and seconds; valid after `open`. Times never come from them.
    skipped : int
        Pictures left out because they were late or their stamps did not grow.
    """

    def __init__(self, path: str | Path, clock: Clock, paced: bool, loop: bool = False) -> None:
        super().__init__(path, clock, paced)
        self.frame_rate: float | None = None
        self.duration: float | None = None
        self.skipped = 0
        self._loop = loop
        self._container: InputContainer | None = None
        self._pictures: Iterator[tuple[float, DecodedFrame]] = iter(())
        self._next: tuple[float, DecodedFrame] | None = None
        self._reformatter = VideoReformatter()

    def open(self) -> None:
        """Open the file; raises MediaFileError with a remedy."""
        self.close()
        with self._lock:
            container = open_container(self.path)
            streams = [stream for stream in container.streams.video if not is_cover(stream)]
            if not streams:
                container.close()
                raise MediaFileError(f"The file {self.name} has no picture.", "Choose a video file.")
            stream = streams[0]
            stream.thread_type = "AUTO"
            self.frame_rate = float(stream.average_rate) if stream.average_rate else None
            self.duration = None if container.duration is None else container.duration / av.time_base
            self._container = container
            self._pictures = self._decode(container, stream)
            self._next, self._ended, self._index, self.skipped = None, False, 0, 0
            self.origin = None
            self._pacer.start()

    def _release(self) -> None:
        if self._container is not None:
            self._pictures = iter(())
            self._next = None
            self._container.close()
            self._container = None

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the next picture; see `VideoSource.read`."""
        with self._lock:
            if self._container is None:
                return None
            if self._next is None:
                self._next = self._advance()
            seconds = self._next[0]
        due = self._due(seconds)
        if self._paced:
            deadline = self._clock.now() + timeout
            if not self._pacer.wait(min(due, deadline)) or due > deadline:
                return None
        with self._lock:
            if self._container is None or self._next is None:
                return None
            seconds, picture = self._next
            self._next = None
            if self._paced:
                seconds, picture = self._skip_late(seconds, picture)
            image = self._convert(picture)
        time = self._due(seconds)
        frame = VideoFrame(time, self._index, image, time)
        self._index += 1
        return frame

    def _skip_late(self, seconds: float, picture: DecodedFrame) -> tuple[float, DecodedFrame]:
        """Return the newest picture that is due; keeps the one after it."""
        while (following := next(self._pictures, None)) is not None:
            if self._due(following[0]) > self._clock.now():
                self._next = following
                break
            seconds, picture = following
            self.skipped += 1
        return seconds, picture

    def _advance(self) -> tuple[float, DecodedFrame]:
        following = None if self._ended else next(self._pictures, None)
        if following is None:
            self._ended = True
            raise EndOfStream
        return following

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, DecodedFrame]]:
        """Yield (seconds from the container's start, picture) with growing times; starts over when looping."""
        start = start_of(container)
        step = 1.0 / self.frame_rate if self.frame_rate else 1.0 / STILL_RATE
        last = -float("inf")
        offset = 0.0
        while True:
            before = last
            for picture in self._decode_once(container, stream):
                if picture.time is not None:
                    seconds = picture.time - start + offset
                else:
                    seconds = last + step if np.isfinite(last) else 0.0
                if seconds <= last:
                    self.skipped += 1
                    continue
                last = seconds
                yield seconds, picture
            if offset == 0.0 and self.duration is not None and last + 2 * step < self.duration - 0.5:
                log.warning("%s ends at %.2f s of %.2f s; it seems to be cut off", self.name, last, self.duration)
            if not self._loop or last == before:
                return
            offset = max(last + step, offset + (self.duration or 0.0))
            container.seek(container.start_time or 0, backward=True)

    def _decode_once(self, container: InputContainer, stream: VideoStream) -> Iterator[DecodedFrame]:
        errors = 0
        try:
            for packet in container.demux(stream):
                try:
                    pictures = packet.decode()
                    errors = 0
                except av.InvalidDataError as error:
                    errors += 1
                    if errors == 1:
                        log.warning("%s: damaged pictures are left out (%s)", self.name, error)
                    if errors > MANY_ERRORS:
                        return
                    continue
                yield from (picture for picture in pictures if isinstance(picture, DecodedFrame))
        except av.EOFError:
            return
        except (av.FFmpegError, OSError) as error:
            log.warning("%s: the video breaks off (%s)", self.name, error)

    def _convert(self, picture: DecodedFrame) -> Image:
        aspect = picture_aspect(picture, self._container)
        width, height = picture.width * max(aspect, 1.0), picture.height / min(aspect, 1.0)
        scale = min(1.0, LONGEST_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        resized = self._reformatter.reformat(picture, width=size[0], height=size[1], format="rgb24")
        image: np.ndarray = resized.to_ndarray()  # type: ignore[type-arg]
        if turns := round(picture.rotation / 90) % 4:
            image = np.rot90(image, turns)
        return frozen(image)


def picture_aspect(picture: DecodedFrame, container: InputContainer | None) -> float:
    """Return the width of a pixel over its height; 1 when unknown or absurd."""
    if container is None or not container.streams.video:
        return 1.0
    ratio = container.streams.video[0].sample_aspect_ratio
    return float(ratio) if ratio and 0.25 <= ratio <= 4 else 1.0


def frozen(image: np.ndarray) -> Image:  # type: ignore[type-arg]
    """Return the picture as a contiguous, read-only array."""
    result: Image = np.ascontiguousarray(image, np.uint8)
    result.flags.writeable = False
    return result


class StillImage(FileSource):
    """A picture file: 30 times a second when paced, exactly once otherwise."""

    def __init__(self, path: str | Path, clock: Clock, paced: bool) -> None:
        super().__init__(path, clock, paced)
        self.frame_rate: float | None = STILL_RATE
        self.duration: float | None = None
        self._image: Image | None = None

    def open(self) -> None:
        """Read the picture; raises MediaFileError with a remedy."""
        self.close()
        if not self.path.is_file():
            raise MediaFileError(f"The file {self.path} does not exist.", "Check the path and its spelling.")
        data = np.fromfile(self.path, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None  # turns by the EXIF orientation
        if image is None:
            raise MediaFileError(f"The picture {self.name} cannot be read.", "Choose a JPEG or PNG file.")
        scale = LONGEST_SIDE / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._lock:
            self._image = frozen(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            self._index, self._ended, self.origin = 0, False, None
            self._pacer.start()

    def _release(self) -> None:
        self._image = None

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the picture again; see `VideoSource.read`."""
        image = self._image
        if image is None:
            return None
        if not self._paced and self._index > 0:
            raise EndOfStream
        due = self._due(self._index / STILL_RATE)
        if self._paced:
            now = self._clock.now()
            late = int((now - due) * STILL_RATE)
            if late > 0:
                self._index += late
                due = self._due(self._index / STILL_RATE)
            if not self._pacer.wait(min(due, now + timeout)) or due > now + timeout:
                return None
        frame = VideoFrame(due, self._index, image, due)
        self._index += 1
        return frame
