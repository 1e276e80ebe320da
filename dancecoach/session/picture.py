"""The session's video: MP4 in fragments of half a second, so that what is on the disk plays wherever it ends."""

from __future__ import annotations

import os
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from dancecoach.session.track import TIMES_MAGIC, TIMES_RECORD, RecordWriter
from dancecoach.types import Image

LONGEST_SIDE = 1280  # pixels
TIME_BASE = Fraction(1, 30_000)
_KEY_EVERY = 1.0  # s
_FRAGMENT = 500_000  # µs
_BIT_RATE = 4_000_000  # only of the encoder without a quality setting
_FLAGS = "frag_keyframe+empty_moov+default_base_moof"


class PictureWriter:
    """Appends pictures to video.mp4 and video.times, both new.

    Parameters
    ----------
    path, times_path : Path
    width, height : int
        Of the first picture, pixels; later ones of another size are fitted in.
    """

    def __init__(self, path: Path, times_path: Path, width: int, height: int) -> None:
        scale = min(1.0, LONGEST_SIDE / max(width, height))
        self._size = (max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2))
        self._file: FileIO = path.open("xb", buffering=0)
        self._container = av.open(
            self._file,
            "w",
            format="mp4",
            options={"movflags": _FLAGS, "frag_duration": str(_FRAGMENT), "flush_packets": "1"},
        )
        codec, options = video_encoder(quality=23, live=True)
        self._stream = cast(VideoStream, self._container.add_stream(codec, rate=30, options=options))
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._stream.codec_context.thread_count = 2
        if codec == "mpeg4":
            self._stream.codec_context.bit_rate = _BIT_RATE
        self._times = RecordWriter(times_path, TIMES_MAGIC, TIMES_RECORD)
        self._first: float | None = None
        self._last_stamp = -1
        self._key = -np.inf
        self.count = 0

    def write(self, image: Image, time: float) -> None:
        """Append a picture (H, W, 3) RGB of `time` session seconds, unless it is not later than the last."""
        if self._first is None:
            self._first = time
        stamp = round((time - self._first) / TIME_BASE)
        if stamp <= self._last_stamp:
            return
        frame = av.VideoFrame.from_ndarray(fitted(image, self._size), format="rgb24")
        frame.pts, frame.time_base = stamp, TIME_BASE
        if time - self._key >= _KEY_EVERY:
            self._key = time
            frame.pict_type = av.video.frame.PictureType.I
        self._times.write(np.array([(self.count, time)], TIMES_RECORD))
        self._container.mux(self._stream.encode(frame))
        self._last_stamp = stamp
        self.count += 1

    def sync(self) -> None:
        """Put what has been encoded on the disk."""
        os.fsync(self._file.fileno())
        self._times.sync()

    def close(self) -> None:
        """Finish the file."""
        try:
            if self.count:
                self._container.mux(self._stream.encode())
            self._container.close()
        finally:
            self._file.close()
            self._times.close()


def video_encoder(quality: int, live: bool) -> tuple[str, dict[str, str]]:
    """Return the name and options of the best encoder here; `quality` as x264's rate factor (18 good … 28 small)."""
    if "libx264" in av.codecs_available:
        options = {"preset": "ultrafast" if live else "veryfast", "crf": str(quality)}
        if live:
            options["tune"] = "zerolatency"
        return "libx264", options
    return "mpeg4", {}


def fitted(image: Image, size: tuple[int, int]) -> Image:
    """Return the picture in `size` (width, height) with bars where its shape is another."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return np.ascontiguousarray(image)
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(width * scale))), min(size[1], max(1, round(height * scale))))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    if inner == size:
        return np.asarray(small, np.uint8)
    whole = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    whole[top : top + inner[1], left : left + inner[0]] = small
    return whole
