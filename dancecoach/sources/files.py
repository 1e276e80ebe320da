"""Files as sources: video, still pictures and sound, at their own pace or as fast as they can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from dancecoach.clock import Clock
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.media import (
    MediaFileError,
    Samples,
    audio_stream,
    channels_of,
    decode_audio,
    has_audio,
    has_video,
    open_container,
    read_audio,
)
from dancecoach.sources.pacing import FileSource
from dancecoach.sources.video_file import StillImage, VideoFile, is_image
from dancecoach.types import AudioBlock

__all__ = [
    "AudioFile",
    "MediaFileError",
    "StillImage",
    "VideoFile",
    "has_audio",
    "has_video",
    "is_image",
    "read_audio",
]


class AudioFile(FileSource):
    """The sound of a file, in blocks; at most two channels.

    Parameters
    ----------
    path : str or Path
    clock : Clock
    paced : bool
        True delivers each block when its last sample is due and `time` is clock seconds; nothing is ever
        skipped. False delivers at once and `time` is seconds from the container's start.
    block_seconds : float
        Length of a block.
    """

    def __init__(self, path: str | Path, clock: Clock, paced: bool, block_seconds: float = 0.02) -> None:
        super().__init__(path, clock, paced)
        self.sample_rate = 0
        self.channels = 0
        self.duration: float | None = None
        self._block_seconds = block_seconds
        self._container: InputContainer | None = None
        self._parts: Iterator[Samples] = iter(())
        self._rest: Samples = np.zeros((0, 1), np.float32)
        self._block: Samples | None = None

    def open(self) -> None:
        """Open the file; raises MediaFileError with a remedy."""
        self.close()
        with self._lock:
            container = open_container(self.path)
            try:
                stream = audio_stream(container, self.path)
                self.sample_rate, self.channels = stream.codec_context.sample_rate, channels_of(stream)
            except MediaFileError:
                container.close()
                raise
            self.duration = None if container.duration is None else container.duration / av.time_base
            self._container = container
            self._parts = decode_audio(container, stream, self.channels)
            self._rest = np.zeros((0, self.channels), np.float32)
            self._block, self._index, self._ended, self.origin = None, 0, False, None
            self._pacer.start()

    def _release(self) -> None:
        if self._container is not None:
            self._parts = iter(())
            self._block = None
            self._container.close()
            self._container = None

    def read(self, timeout: float) -> AudioBlock | None:
        """Return the next block; see `AudioSource.read`."""
        with self._lock:
            if self._container is None:
                return None
            if self._block is None:
                self._block = self._cut()
            block = self._block
        time = self._due(self._index / self.sample_rate)
        if self._paced:
            due = time + len(block) / self.sample_rate
            deadline = self._clock.now() + timeout
            if not self._pacer.wait(min(due, deadline)) or due > deadline:
                return None
        with self._lock:
            self._block = None
        block.flags.writeable = False
        result = AudioBlock(time, self._index, block, self.sample_rate)
        self._index += len(block)
        return result

    def _cut(self) -> Samples:
        """Return the next block (N, C); raises EndOfStream without samples."""
        size = max(1, round(self._block_seconds * self.sample_rate))
        parts = [self._rest]
        count = len(self._rest)
        while count < size and (part := next(self._parts, None)) is not None:
            parts.append(part)
            count += len(part)
        if count == 0:
            raise EndOfStream
        whole = np.concatenate(parts)
        self._rest = whole[size:]
        return whole[:size].copy()
