"""Video and audio files made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

CLICK_TIMES = (0.5, 1.25, 2.0, 3.1)


def click_track(seconds: float, rate: int, times: Sequence[float] = CLICK_TIMES) -> np.ndarray:
    """Return (N, 2) float32 with a 1 ms click at each time."""
    samples = np.zeros((round(seconds * rate), 2), np.float32)
    for time in times:
        first = round(time * rate)
        samples[first : first + max(1, rate // 1000)] = 0.8
    return samples


def onset_near(samples: np.ndarray, rate: int, time: float, reach: float = 0.1) -> float:
    """Return the time at which the click nearest to `time` begins, seconds."""
    first = max(0, round((time - reach) * rate))
    piece = np.abs(samples[first : first + round(2 * reach * rate)])
    return (first + int(np.argmax(piece > 0.5 * piece.max()))) / rate


def write_audio(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Write (N, C) samples as the suffix says: wav, flac, ogg or mp3 by libsndfile, m4a by FFmpeg."""
    if path.suffix != ".m4a":
        soundfile.write(path, samples, rate)
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        data = np.ascontiguousarray(samples.T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_video(
    path: Path,
    milliseconds: Sequence[int],
    width: int = 160,
    height: int = 120,
    rotation: int = 0,
    codec: str = "libx264",
    noise: bool = False,
) -> Path:
    """Write a video with pictures at these times; the left half is red, the right black or noise."""
    random = np.random.default_rng(0)
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (250, 0, 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={"preset": "ultrafast"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for time in milliseconds:
            if noise:
                image[:, width // 2 :] = random.integers(0, 255, (height, width - width // 2, 3))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
