from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from dancecoach.bench.mjpeg_server import MjpegServer, test_pictures
from dancecoach.bench.pulse import poll
from dancecoach.clock import SystemClock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources.mjpeg import MjpegStream, shown
from dancecoach.sources.network import NetworkCamera
from tests.support.rtsp_server import RtspServer

CLOCK = SystemClock()


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer(test_pictures(), rate=60) as running:
        yield running


def _read_until_lost(camera: NetworkCamera) -> float:
    """Return how long it took, seconds."""
    begin = time.monotonic()
    with pytest.raises(SourceLost) as caught:
        while time.monotonic() - begin < 5:
            camera.read(0.5)
    assert caught.value.remedy
    return time.monotonic() - begin


@pytest.mark.parametrize("how", ["killed", "stalled"])
def test_a_camera_that_dies_is_noticed_and_found_again(server: MjpegServer, how: str) -> None:
    camera = NetworkCamera(server.url, CLOCK)
    camera.open()
    frame = camera.read(2.0)
    assert frame is not None
    if how == "killed":
        server.stop()
    else:
        server.stall()
    assert _read_until_lost(camera) <= 2.0
    with pytest.raises(SourceLost):
        camera.read(0.1)
    if how == "killed":
        with pytest.raises(SourceError, match="does not answer"):
            camera.open()
        server.start()
    else:
        server.stalled.clear()
    camera.open()
    again = camera.read(2.0)
    assert again is not None
    assert again.time > frame.time
    camera.close()


@pytest.mark.parametrize("content_length", [True, False])
def test_pictures_and_stamps(content_length: bool) -> None:
    sent: dict[int, float] = {}
    with MjpegServer(test_pictures(), 60, content_length=content_length, on_picture=sent.__setitem__) as server:
        camera = NetworkCamera(server.url, CLOCK, latency=0.1)
        camera.open()
        delays = []
        for _ in range(20):
            frame = camera.read(2.0)
            assert frame is not None
            assert frame.image.shape == (240, 320, 3)
            assert frame.image[..., 0].max() > 200  # red is red
            assert frame.arrival - frame.time == pytest.approx(0.1)
            delays.append(min(abs(frame.arrival - moment) for moment in tuple(sent.values())))
        assert np.median(delays) < (0.01 if content_length else 0.02)
        assert camera.received >= 20
        assert camera.received - camera.dropped in (20, 21)
        camera.close()


def test_the_newest_picture_wins(server: MjpegServer) -> None:
    camera = NetworkCamera(server.url, CLOCK)
    camera.open()
    assert poll(lambda: camera.received >= 10)
    frame = camera.read(1.0)
    assert frame is not None
    assert CLOCK.now() - frame.arrival < 0.1
    assert camera.dropped >= 8
    camera.close()


def test_login_comes_from_the_address() -> None:
    with MjpegServer(test_pictures(3), login="me:secret") as server:
        camera = NetworkCamera(server.url, CLOCK)
        camera.open()
        assert camera.read(2.0) is not None
        camera.close()
        bare = NetworkCamera(server.url.replace("me:secret@", ""), CLOCK)
        with pytest.raises(SourceError, match="user and password"):
            bare.open()
        assert "secret" not in shown(server.url)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://a/b", "concat:a|b", "video.mp4", ""])
def test_other_schemes_are_refused(address: str) -> None:
    with pytest.raises(SourceError):
        NetworkCamera(address, CLOCK)


def test_nobody_there() -> None:
    for url in ("http://127.0.0.1:9/video", "rtsp://127.0.0.1:9/stream"):
        camera = NetworkCamera(url, CLOCK)
        with pytest.raises(SourceError, match="does not answer"):
            camera.open()
        camera.close()


def test_wrong_path(server: MjpegServer) -> None:
    with pytest.raises(SourceError, match="404"):
        MjpegStream(server.url + "/wrong", 2.0)


def test_rtsp_pictures_come_and_a_dead_camera_is_noticed() -> None:
    with RtspServer() as server:
        camera = NetworkCamera(server.url, CLOCK, latency=0.05)
        camera.open()
        times = []
        for _ in range(10):
            frame = camera.read(3.0)
            assert frame is not None
            assert frame.image.shape == (120, 160, 3)
            assert frame.image[60, 20, 0] > 200
            times.append(frame.time)
        assert np.all(np.diff(times) > 0)
        server.stop()
        assert _read_until_lost(camera) <= 2.0
        camera.close()
