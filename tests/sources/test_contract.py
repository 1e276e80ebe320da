"""What every source promises, checked on each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from dancecoach.bench.mjpeg_server import MjpegServer, test_pictures
from dancecoach.clock import SystemClock
from dancecoach.errors import SourceError
from dancecoach.sources.base import AudioSource, EndOfStream, VideoSource
from dancecoach.sources.files import AudioFile, StillImage, VideoFile
from dancecoach.sources.network import NetworkCamera
from tests.support.media import click_track, write_audio, write_video

CLOCK = SystemClock()
VIDEO = ("file", "paced file", "looped file", "image", "paced image", "network", "device")
AUDIO = ("sound", "paced sound")


@pytest.fixture
def video_source(request: pytest.FixtureRequest, tmp_path: Path, application: object) -> Iterator[VideoSource]:
    kind = request.param
    video, image = tmp_path / "a.mp4", tmp_path / "a.png"
    if "file" in kind:
        write_video(video, range(0, 400, 33))
        yield VideoFile(video, CLOCK, "paced" in kind, loop="looped" in kind)
    elif "image" in kind:
        cv2.imwrite(str(image), np.zeros((48, 64, 3), np.uint8))
        yield StillImage(image, CLOCK, "paced" in kind)
    elif kind == "network":
        with MjpegServer(test_pictures()) as server:
            yield NetworkCamera(server.url, CLOCK, latency=0.05)
    else:
        yield from _fed_camera()


def _fed_camera() -> Iterator[VideoSource]:
    """Give a device camera whose pictures come from a thread of ours."""
    from PySide6.QtCore import QSize
    from PySide6.QtMultimedia import QVideoFrame, QVideoFrameFormat, QVideoSink

    from dancecoach.sources.camera import DeviceCamera

    sink = QVideoSink()

    class Fed(DeviceCamera):
        def open(self) -> None:
            self.attach(sink)

    stop = threading.Event()

    def feed() -> None:
        layout = QVideoFrameFormat(QSize(64, 48), QVideoFrameFormat.PixelFormat.Format_YUYV)
        while not stop.wait(0.02):
            sink.setVideoFrame(QVideoFrame(layout))

    thread = threading.Thread(target=feed)
    thread.start()
    camera = Fed("fed", CLOCK, 0.05)
    yield camera
    stop.set()
    thread.join()
    camera.close()


@pytest.fixture
def audio_source(request: pytest.FixtureRequest, tmp_path: Path) -> AudioSource:
    path = write_audio(tmp_path / "a.wav", click_track(0.4, 8000, (0.1,)), 8000)
    return AudioFile(path, CLOCK, "paced" in request.param)


def _some(source: VideoSource, count: int) -> list[float]:
    times: list[float] = []
    try:
        while len(times) < count:
            frame = source.read(2.0)
            assert frame is not None
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 3
            assert not frame.image.flags.writeable
            assert frame.index == 0 if not times else frame.index > 0
            assert frame.arrival >= frame.time
            times.append(frame.time)
    except EndOfStream:
        with pytest.raises(EndOfStream):
            source.read(0.01)
    return times


@pytest.mark.parametrize("video_source", VIDEO, indirect=True)
def test_video_times_grow_and_a_closed_source_opens_again(video_source: VideoSource) -> None:
    assert video_source.read(0.01) is None  # not open
    video_source.close()  # harmless
    for _ in range(2):
        video_source.open()
        times = _some(video_source, 8)
        assert len(times) >= 1
        assert np.all(np.diff(times) > 0)
        video_source.close()
        assert video_source.read(0.01) is None


@pytest.mark.parametrize("video_source", ["paced file", "network", "device"], indirect=True)
def test_closing_from_another_thread_ends_a_read(video_source: VideoSource) -> None:
    video_source.open()
    ended = threading.Event()

    def read() -> None:
        try:
            while video_source.read(5.0) is not None:
                pass
        except EndOfStream:
            pass
        ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    _close_within(video_source.close, 2.0)
    assert ended.wait(2.0)
    thread.join()


def _close_within(close: Callable[[], None], seconds: float) -> None:
    begin = time.monotonic()
    close()
    assert time.monotonic() - begin < seconds


@pytest.mark.parametrize("audio_source", AUDIO, indirect=True)
def test_audio_delivers_every_sample_once(audio_source: AudioSource) -> None:
    assert audio_source.read(0.01) is None
    for _ in range(2):
        audio_source.open()
        blocks = []
        with pytest.raises(EndOfStream):
            while (block := audio_source.read(1.0)) is not None:
                blocks.append(block)
        assert [block.index for block in blocks] == list(np.cumsum([0] + [len(b.samples) for b in blocks])[:-1])
        assert sum(len(block.samples) for block in blocks) == 3200
        assert np.all(np.diff([block.time for block in blocks]) > 0)
        assert np.allclose([b.time - b.index / 8000 for b in blocks], blocks[0].time)
        assert blocks[0].samples.shape[1] == audio_source.channels == 2
        assert audio_source.sample_rate == 8000
        audio_source.close()
        assert audio_source.read(0.01) is None


@pytest.mark.parametrize("content", [b"", b"no media at all" * 100])
def test_what_is_no_media_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    for source in (VideoFile(path, CLOCK, False), AudioFile(path, CLOCK, False), StillImage(path, CLOCK, False)):
        with pytest.raises(SourceError) as caught:
            source.open()
        assert caught.value.problem
        assert caught.value.remedy
        missing = type(source)(tmp_path / "missing.mp4", CLOCK, False)
        with pytest.raises(SourceError, match="does not exist"):
            missing.open()
