"""The session's sound: a WAV that may break off anywhere, and the times of its samples.

```
source   ████████░░░░████████      ░ lost by the source, or nothing came
wav      ████████    ████████      silence in its place, so that players stay in step
times    ^0          ^n            (sample, session seconds), twice a second and on both sides of a hole
```

The times keep the sound card's drift; the samples are never stretched.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.session.format import write_all
from dancecoach.session.track import TIMES_MAGIC, TIMES_RECORD, RecordWriter, increasing, read_records
from dancecoach.sources.media import Resampler
from dancecoach.types import AudioBlock, Floats

_HEADER_SIZE = 44
_STRAY = 0.05  # s a block's time may stray before a hole is believed
_LONGEST_HOLE = 3600.0  # s of silence put in; players are out of step after a longer one
_ANCHOR = 0.5  # s between two entries of the times
_MOST = 0xFFFFFFFF - _HEADER_SIZE

Samples = NDArray[np.float32]


class SoundWriter:
    """Appends blocks to audio.wav and audio.times, both new.

    Parameters
    ----------
    path, times_path : Path
    sample_rate : int
        Hz; blocks of another rate are converted.
    channels : int
        1 or 2; further channels of a block are left out, missing ones repeated.
    """

    def __init__(self, path: Path, times_path: Path, sample_rate: int, channels: int) -> None:
        self.sample_rate = sample_rate
        self.channels = min(max(channels, 1), 2)
        self.count = 0  # samples in the file
        self._file = path.open("xb+", buffering=0)
        self._patch_header()
        self._times = RecordWriter(times_path, TIMES_MAGIC, TIMES_RECORD)
        self._anchor: tuple[int, float] | None = None
        self._converter: tuple[int, Resampler] | None = None
        self._next_time: float | None = None  # of the block that follows without a hole

    def write(self, block: AudioBlock, time: float) -> None:
        """Append a block whose first sample was in the air at `time` session seconds."""
        length = len(block.samples) / block.sample_rate
        samples = self._fitted(block)
        expected = self._next_time
        if expected is not None and time - expected > _STRAY:
            self._mark(self.count, expected)
            hole = round((time - expected) * self.sample_rate) if time - expected < _LONGEST_HOLE else 0
            self.count += hole
            # The system fills the hole with zeros, most without using the disk.
            self._file.truncate(_HEADER_SIZE + self.count * self.channels * 2)
            self._file.seek(0, os.SEEK_END)
            self._mark(self.count, time)
        elif expected is not None and expected - time > _STRAY:
            # A source that was opened again tells of a moment we have already.
            cut = round((expected - time) * self.sample_rate)
            samples = samples[cut:]
            if len(samples) == 0:
                return
            self._mark(self.count, expected)
        elif self._anchor is None or time - self._anchor[1] >= _ANCHOR:
            self._mark(self.count, time)
        data = (np.clip(samples, -1.0, 1.0) * 32767.0).round().astype("<i2")
        write_all(self._file, data.tobytes())
        self.count += len(samples)
        self._next_time = time + length

    def _fitted(self, block: AudioBlock) -> Samples:
        samples = np.nan_to_num(block.samples, nan=0.0, posinf=1.0, neginf=-1.0)
        samples = samples[:, : self.channels]
        if samples.shape[1] < self.channels:
            samples = np.repeat(samples, self.channels, axis=1)
        if block.sample_rate == self.sample_rate:
            self._converter = None
            return samples
        if self._converter is None or self._converter[0] != block.sample_rate:
            self._converter = block.sample_rate, Resampler(block.sample_rate, self.sample_rate, self.channels)
        return self._converter[1].process(samples)

    def _mark(self, index: int, time: float) -> None:
        if self._anchor is not None and index <= self._anchor[0]:
            return
        self._anchor = index, time
        self._times.write(np.array([(index, time)], TIMES_RECORD))

    def _patch_header(self) -> None:
        self._file.seek(0)
        write_all(self._file, _header(self.sample_rate, self.channels, self.count))
        self._file.seek(0, os.SEEK_END)

    def sync(self) -> None:
        """Bring the header up to date and everything to the disk."""
        self._patch_header()
        os.fsync(self._file.fileno())
        self._times.sync()

    def close(self) -> None:
        """Finish the file."""
        try:
            if self._next_time is not None:
                self._mark(self.count, self._next_time)
            self._patch_header()
        finally:
            self._file.close()
            self._times.close()


def _header(rate: int, channels: int, count: int) -> bytes:
    size = min(count * channels * 2, _MOST)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + _HEADER_SIZE - 8, b"WAVE", b"fmt ", 16, 1, channels),
        *(rate, rate * channels * 2, channels * 2, 16, b"data", size),
    )


@dataclass(frozen=True, slots=True)
class Sound:
    """A session's sound: `count` samples of `channels`; sample `indices` (A,) were in the air at `times` (A,) s."""

    path: Path
    sample_rate: int
    channels: int
    count: int
    indices: Floats
    times: Floats

    def time_of(self, index: float) -> float:
        """Return the session second of a sample."""
        after = int(np.searchsorted(self.indices, index, side="right"))
        if after == 0 or after == len(self.indices):
            known = min(max(after - 1, 0), len(self.indices) - 1)
            return float(self.times[known] + (index - self.indices[known]) / self.sample_rate)
        return float(np.interp(index, self.indices, self.times))

    def index_at(self, time: float) -> int:
        """Return the sample in the air at a session second; may lie outside the file."""
        after = int(np.searchsorted(self.times, time, side="right"))
        if after == 0 or after == len(self.times):
            known = min(max(after - 1, 0), len(self.times) - 1)
            return round(float(self.indices[known]) + (time - float(self.times[known])) * self.sample_rate)
        return round(float(np.interp(time, self.times, self.indices)))

    @property
    def start(self) -> float:
        """Session second of the first sample."""
        return self.time_of(0)

    @property
    def stop(self) -> float:
        """Session second of the end."""
        return self.time_of(self.count)

    def blocks(self, size: int) -> Iterator[tuple[int, Samples]]:
        """Yield (index of the first sample, samples (N, C) float32 −1…1)."""
        with self.path.open("rb") as file:
            file.seek(_HEADER_SIZE)
            done = 0
            while done < self.count:
                wanted = min(size, self.count - done)
                data = file.read(wanted * self.channels * 2)
                samples = np.frombuffer(data, "<i2", len(data) // 2 // self.channels * self.channels)
                if len(samples) == 0:
                    return
                part = (samples.astype(np.float32) / 32767.0).reshape(-1, self.channels)
                yield done, part
                done += len(part)


def read_sound(path: Path | None, times_path: Path | None) -> Sound | None:
    """Open a session's sound; its length is that of the file, whatever the header says. None without sound.

    Raises
    ------
    FileFormatError
        When it is not a WAV of ours.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_SIZE)
        size = path.stat().st_size
    except OSError as error:
        raise FileFormatError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from error
    if len(head) < _HEADER_SIZE:
        return None
    riff, _, wave, fmt, length, kind, channels, rate, _, align, bits, data, _ = struct.unpack(
        "<4sI4s4sIHHIIHH4sI", head
    )
    ours = (riff, wave, fmt, length, kind, bits, data) == (b"RIFF", b"WAVE", b"fmt ", 16, 1, 16, b"data")
    if not ours or channels not in (1, 2) or align != channels * 2 or not 1000 <= rate <= 400_000:
        raise FileFormatError(f"{path.name} is not a recorded sound.", "Choose another session.")
    count = (size - _HEADER_SIZE) // (channels * 2)
    anchors = np.empty(0, TIMES_RECORD) if times_path is None else read_records(times_path, TIMES_MAGIC, TIMES_RECORD)
    anchors = anchors[increasing(anchors["time"])]
    anchors = anchors[increasing(anchors["index"] / rate)]
    if count == 0 or len(anchors) == 0:
        return None
    return Sound(path, rate, channels, count, anchors["index"].astype(np.float64), anchors["time"].astype(np.float64))
