"""Reading media containers: opening them safely, decoding sound sample-accurately.

Zero of every time here is the start of the container, so that pictures and sound of one file line up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError, SourceError

log = logging.getLogger(__name__)

Samples = NDArray[np.float32]

GAP = 0.050  # seconds a stamp may stray before the hole is believed (Vorbis stamps stray by 10 ms within a page)
SMALL_GAP = 0.005  # seconds; a hole of this size is believed when it stays for STEADY frames
STEADY = 30
LONGEST_GAP = 600.0  # seconds of silence at most for one hole; more is a broken stamp
MANY_ERRORS = 200  # broken packets in a row after which the rest of the file is given up


class MediaFileError(SourceError, FileFormatError):
    """A file that is missing, broken or has nothing of the wanted kind in it."""


def open_container(path: Path) -> InputContainer:
    """Open a local media file for reading; playlists in it cannot reach the network.

    Raises
    ------
    MediaFileError
        When it does not exist or is no media file.
    """
    if not path.exists():
        raise MediaFileError(f"The file {path} does not exist.", "Check the path and its spelling.")
    if not path.is_file():
        raise MediaFileError(f"{path} is not a file.", "Choose a video or audio file.")
    try:
        return av.open(f"file:{path}", mode="r", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError) as error:
        log.info("opening %s: %s", path, error)
        raise MediaFileError(
            f"The file {path.name} cannot be read; it is damaged or not a media file.",
            "Choose another file, or convert it to MP4, WAV, FLAC or MP3 first.",
        ) from error


def start_of(container: InputContainer) -> float:
    """Return the container's start time, seconds on its own stamps."""
    return 0.0 if container.start_time is None else container.start_time / av.time_base


def has_audio(path: str | Path) -> bool:
    """Tell whether a file can be opened and has a sound track."""
    return _has(path, "audio")


def has_video(path: str | Path) -> bool:
    """Tell whether a file can be opened and has a picture track (cover art does not count)."""
    return _has(path, "video")


def _has(path: str | Path, kind: str) -> bool:
    try:
        with open_container(Path(path)) as container:
            if kind == "audio":
                return bool(container.streams.audio)
            return any(not is_cover(stream) for stream in container.streams.video)
    except MediaFileError:
        return False


def is_cover(stream: object) -> bool:
    """Tell whether a video stream is the album's cover in a music file."""
    disposition = getattr(stream, "disposition", None)
    return bool(disposition is not None and disposition & av.stream.Disposition.attached_pic)


def audio_stream(container: InputContainer, path: Path) -> AudioStream:
    """Return the first sound track, ready to decode; raises MediaFileError without one."""
    if not container.streams.audio:
        raise MediaFileError(f"The file {path.name} has no sound.", "Choose a file with a sound track.")
    return container.streams.audio[0]


def decode_audio(container: InputContainer, stream: AudioStream, channels: int) -> Iterator[Samples]:
    """Decode a track from the container's start, without holes.

    FFmpeg takes the encoder's delay off and stamps what remains; where a stamp leaves the running sample
    count (a late start, a lost packet) silence is put in, so sample `n` was always at `n / rate` seconds.

    Parameters
    ----------
    channels : int
        1 or 2; more channels of the file are mixed down with the usual weights.

    Yields
    ------
    samples : (N, channels) float32
    """
    rate = stream.codec_context.sample_rate
    start = start_of(container)
    mixer = AudioResampler(format="flt", layout="mono" if channels == 1 else "stereo", rate=rate)
    done = strayed = 0
    for frame in _frames(container, stream):
        missing = 0 if frame.time is None else round((frame.time - start) * rate) - done
        strayed = strayed + 1 if abs(missing) > SMALL_GAP * rate else 0
        first = done == 0 and stream.codec_context.name != "vorbis"  # whose first stamp is off by half a block
        if not (first or abs(missing) > GAP * rate or strayed > STEADY):
            missing = 0
        if 0 < missing <= LONGEST_GAP * rate:
            yield np.zeros((missing, channels), np.float32)
            done += missing
        samples = _interleaved(mixer, frame, channels)[max(0, -missing) :]
        if len(samples):
            yield samples
            done += len(samples)
    rest = _interleaved(mixer, None, channels)
    if len(rest):
        yield rest


def _interleaved(mixer: AudioResampler, frame: AudioFrame | None, channels: int) -> Samples:
    if frame is not None:
        frame.pts = None  # the mixer would stumble over jumps; positions are counted by the caller
    parts = [part.to_ndarray().reshape(-1, channels) for part in mixer.resample(frame)]
    if not parts:
        return np.zeros((0, channels), np.float32)
    return np.ascontiguousarray(np.concatenate(parts), np.float32)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    errors = 0
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
                errors = 0
            except av.InvalidDataError as error:
                errors += 1
                if errors == 1:
                    log.warning("%s: damaged sound is left out (%s)", container.name, error)
                if errors > MANY_ERRORS:
                    return
                continue
            yield from (frame for frame in frames if isinstance(frame, AudioFrame))
    except av.EOFError:
        return
    except (av.FFmpegError, OSError) as error:
        log.warning("%s: the sound breaks off (%s)", container.name, error)


def channels_of(stream: AudioStream) -> int:
    """Return how many channels are delivered for a track: 1 or 2."""
    return 1 if stream.codec_context.layout.nb_channels == 1 else 2


def read_audio(
    path: str | Path, sample_rate: int | None = None, mono: bool = True, limit_seconds: float | None = None
) -> tuple[Samples, int]:
    """Read a whole sound track, for analysis ahead and for the player.

    Parameters
    ----------
    sample_rate : int, optional
        Resample to this rate, Hz; None keeps the file's.
    mono : bool
        Mix down to one channel.
    limit_seconds : float, optional
        Stop after so many seconds.

    Returns
    -------
    samples : (N,) float32 when mono, else (N, C) with C 1 or 2
        Sample `n` was at `n / rate` seconds from the container's start. May be empty.
    rate : int
        Hz.

    Raises
    ------
    MediaFileError
        When the file is missing, broken or has no sound.
    """
    source = Path(path)
    with open_container(source) as container:
        stream = audio_stream(container, source)
        rate = stream.codec_context.sample_rate
        channels = 1 if mono else channels_of(stream)
        target = sample_rate or rate
        convert = Resampler(rate, target, channels) if target != rate else None
        limit = None if limit_seconds is None else max(0, round(limit_seconds * target))
        parts: list[Samples] = []
        count = 0
        for samples in decode_audio(container, stream, channels):
            part = samples if convert is None else convert.process(samples)
            parts.append(part)
            count += len(part)
            if limit is not None and count >= limit:
                break
        else:
            if convert is not None:
                parts.append(convert.finish())
    whole = np.concatenate(parts) if parts else np.zeros((0, channels), np.float32)
    if limit is not None:
        whole = whole[:limit]
    return (whole[:, 0] if mono else whole), target


class Resampler:
    """Changes the sample rate of (N, C) float32 blocks with libswresample, without shifting them in time."""

    def __init__(self, rate: int, target: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._layout = "mono" if channels == 1 else "stereo"
        self._inner = AudioResampler(format="flt", layout=self._layout, rate=target)

    def process(self, samples: Samples) -> Samples:
        """Take the next block (N, C), return what is ready at the new rate (M, C)."""
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=self._layout
        )
        frame.sample_rate = self._rate
        return _interleaved(self._inner, frame, self._channels)

    def finish(self) -> Samples:
        """Return the last samples."""
        return _interleaved(self._inner, None, self._channels)
