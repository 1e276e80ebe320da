"""The annotated video of a session: camera picture or dark stage, skeleton, count, score, and the sound in step."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from dancecoach.clock import ManualClock
from dancecoach.errors import FileFormatError
from dancecoach.session.drawing import draw_figure, stage, stage_size
from dancecoach.session.picture import fitted, video_encoder
from dancecoach.session.sound import Samples, Sound
from dancecoach.session.store import Session
from dancecoach.session.timeline import ScoreFinder, count_at
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.video_file import VideoFile
from dancecoach.types import Floats, Image, Synchrony, VideoFrame

RATE = 30  # pictures a second
_LARGEST_GAP = 0.2  # s to the next pose beyond which no skeleton is drawn
_BLOCK = 1024  # samples
_TEXT = (240, 240, 240)
_GOOD, _FAIR, _POOR = (90, 220, 120), (245, 200, 70), (240, 120, 90)


def render(session: Session, path: Path) -> Iterator[float]:
    """Write the video, yield the share done after each second of it.

    Raises
    ------
    FileFormatError
        When the session is empty.
    """
    count = round(session.duration * RATE)
    if count < 1:
        raise FileFormatError("There is nothing to export in this session.", "Record a longer one.")
    background = _Background(session)
    overlay = _Overlay(session)
    # The name is a temporary one, so the kind is said; opened by Python, so that a full disk raises.
    with path.open("wb") as file:
        container = av.open(file, "w", format="mp4")
        try:
            video = _add_video(container, background.size)
            sound = None if session.sound is None else _SoundTrack(container, session.sound, session.duration)
            for index in range(count):
                time = index / RATE
                image = background.at(time)
                overlay.draw(image, time)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, RATE)
                container.mux(video.encode(frame))
                if index % RATE == RATE - 1:
                    if sound is not None:
                        sound.write_until(time)
                    yield index / count
            container.mux(video.encode())
            if sound is not None:
                sound.finish()
        finally:
            background.close()
            container.close()


def _add_video(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    codec, options = video_encoder(quality=21, live=False)
    stream = cast(VideoStream, container.add_stream(codec, rate=RATE, options=options))
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    if codec == "mpeg4":
        stream.codec_context.bit_rate = 6_000_000
    return stream


class _Background:
    """The camera's picture at a moment, or the stage."""

    def __init__(self, session: Session) -> None:
        self.size = stage_size(session.picture)
        self._source: VideoFile | None = None
        self._start = session.video_start
        self._shown: VideoFrame | None = None
        self._next: VideoFrame | None = None
        if session.video_path is not None:
            source = VideoFile(session.video_path, ManualClock(), paced=False)
            source.open()
            self._source = source
            self._next = self._read()
            if self._next is not None:
                self.size = stage_size((self._next.image.shape[1], self._next.image.shape[0]))

    def _read(self) -> VideoFrame | None:
        assert self._source is not None
        try:
            return self._source.read(10.0)
        except EndOfStream:
            return None

    def at(self, time: float) -> Image:
        """Return a fresh picture (H, W, 3) for session second `time`; times must not go back."""
        while self._next is not None and self._next.time + self._start <= time + 0.5 / RATE:
            self._shown, self._next = self._next, self._read()
        if self._shown is None:
            return stage(*self.size)
        return fitted(self._shown.image, self.size).copy()

    def close(self) -> None:
        if self._source is not None:
            self._source.close()


class _Overlay:
    """Draws what is known at a moment."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._finder = ScoreFinder(session.primitives)

    def draw(self, image: Image, time: float) -> None:
        joints = self._joints(time)
        if joints is not None:
            draw_figure(image, *joints)
        height, width = image.shape[:2]
        scale = min(height / 480, width / 640)
        shade = image[round(height * 0.84) :]
        shade[:] = shade // 3
        base = round(height * 0.95)
        count = count_at(self._session.beat_grid, time)
        if count is not None:
            size = scale * (2.4 + 0.5 * max(0.0, 1 - 4 * (count % 1)))  # a pulse on the beat
            _write(image, f"{int(count)}", (round(0.04 * width), base), size, _TEXT)
        score = self._finder.latest(time)
        if score is not None:
            synchrony = score.synchrony
            columns = [
                (0.24, 0.30, _msr_text(synchrony), _colour(synchrony.msr)),
                (0.60, 0.38, _offset_text(synchrony), _TEXT),
            ]
            if score.assessment is not None:
                columns = [(0.20, 0.26, *columns[0][2:]), (0.48, 0.34, *columns[1][2:])]
                columns.append((0.84, 0.14, f"quality {score.assessment.quality.grade or '-'}", _TEXT))
            for left, room, text, colour in columns:
                (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
                size = min(1.1 * scale, room * width / max(wide, 1))
                _write(image, text, (round(left * width), base), size, colour)

    def _joints(self, time: float) -> tuple[Floats, Floats] | None:
        """Return the joints in the picture (22, 2) and visibility (22,) between the poses around `time`."""
        poses = self._session.poses
        times = poses.track.times
        if len(times) == 0:
            return None
        after = int(np.searchsorted(times, time))
        near = [index for index in (after - 1, after) if 0 <= index < len(times)]
        gaps = [abs(float(times[index]) - time) for index in near]
        if min(gaps) > _LARGEST_GAP:
            return None
        if len(near) == 2 and max(gaps) <= _LARGEST_GAP:
            share = gaps[0] / (gaps[0] + gaps[1]) if sum(gaps) > 0 else 0.0
            first, second = near
            joints = (1 - share) * poses.image_joints[first] + share * poses.image_joints[second]
            return joints, np.minimum(poses.track.visibility[first], poses.track.visibility[second])
        index = near[int(np.argmin(gaps))]
        return poses.image_joints[index], poses.track.visibility[index]


def _msr_text(value: Synchrony) -> str:
    return "in time -" if value.msr is None else f"in time {round(100 * value.msr)} %"


def _offset_text(value: Synchrony) -> str:
    if value.offset_ms is None:
        return value.reason or ""
    return f"{abs(round(value.offset_ms))} ms {'late' if value.offset_ms > 0 else 'early'}"


def _colour(msr: float | None) -> tuple[int, int, int]:
    if msr is None:
        return _TEXT
    return _GOOD if msr >= 0.7 else _FAIR if msr >= 0.4 else _POOR


def _write(image: Image, text: str, place: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    thickness = max(1, round(2 * size))
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 2 * thickness, cv2.LINE_AA)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)


class _SoundTrack:
    """The session's sound laid on its seconds, encoded as AAC.

    Each short block is taken from where its first sample lies by the recorded times, so holes stay and the sound
    card's drift is made up a sample at a time.
    """

    def __init__(self, container: OutputContainer, sound: Sound, duration: float) -> None:
        rate = sound.sample_rate if sound.sample_rate in (44_100, 48_000) else 48_000
        self._container = container
        self._sound = sound
        self._rate = rate
        self._total = round(duration * rate)
        self._done = 0
        self._window = _Window(sound)
        layout = "mono" if sound.channels == 1 else "stereo"
        self._layout = layout
        self._stream: AudioStream = container.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = 96_000 * sound.channels

    def write_until(self, time: float) -> None:
        """Encode the sound up to session second `time`."""
        until = min(round(time * self._rate), self._total)
        while self._done < until:
            size = min(_BLOCK, self._total - self._done)
            samples = self._samples(self._done / self._rate, size)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._done += size

    def _samples(self, time: float, size: int) -> Samples:
        sound = self._sound
        first = sound.index_at(time)
        if self._rate == sound.sample_rate:
            return self._window.read(first, size)
        needed = int(np.ceil(size * sound.sample_rate / self._rate)) + 1
        source = self._window.read(first, needed)
        places = np.arange(size) * (sound.sample_rate / self._rate)
        parts = [np.interp(places, np.arange(needed), source[:, channel]) for channel in range(sound.channels)]
        return np.stack(parts, axis=1).astype(np.float32)

    def finish(self) -> None:
        """Encode the rest."""
        self.write_until(np.inf if self._total == 0 else self._total / self._rate)
        self._container.mux(self._stream.encode())


class _Window:
    """Reads samples by index, silence outside the file."""

    def __init__(self, sound: Sound) -> None:
        self._sound = sound
        self._blocks = sound.blocks(65_536)
        self._first = 0
        self._held: Samples = np.zeros((0, sound.channels), np.float32)

    def read(self, first: int, size: int) -> Samples:
        """Return samples (size, C) from `first` on; `first` may go back by a few samples only."""
        while self._first + len(self._held) < first + size and (block := next(self._blocks, None)) is not None:
            keep = min(max(0, first - 4096 - self._first), len(self._held))
            self._held = np.concatenate([self._held[keep:], block[1]])
            self._first += keep
        result = np.zeros((size, self._sound.channels), np.float32)
        start, stop = max(first, self._first), min(first + size, self._first + len(self._held))
        if start < stop:
            result[start - first : stop - first] = self._held[start - self._first : stop - self._first]
        return result
