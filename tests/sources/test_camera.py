from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QSize
from PySide6.QtMultimedia import QtVideo, QVideoFrame, QVideoFrameFormat, QVideoSink

from dancecoach.clock import ManualClock, SystemClock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources.camera import DeviceCamera, DeviceWatcher, choose_format, list_cameras, on_main_thread
from dancecoach.sources.qt_frames import to_rgb

Pixel = QVideoFrameFormat.PixelFormat
WIDTH, HEIGHT = 64, 48


def _picture() -> np.ndarray:
    """Return a picture with a red top-left quarter."""
    image = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = (230, 20, 20)
    return image


def _frame(pixel: Pixel) -> QVideoFrame:
    image = _picture()
    frame = QVideoFrame(QVideoFrameFormat(QSize(WIDTH, HEIGHT), pixel))
    assert frame.map(QVideoFrame.MapMode.WriteOnly)
    i420 = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
    luma, chroma = i420[:HEIGHT], i420[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    packed = np.empty((HEIGHT, WIDTH, 2), np.uint8)
    if pixel in (Pixel.Format_YUYV, Pixel.Format_UYVY):
        first = 0 if pixel == Pixel.Format_YUYV else 1
        packed[..., first] = luma
        packed[:, 0::2, 1 - first] = np.repeat(chroma[0], 2, axis=0)
        packed[:, 1::2, 1 - first] = np.repeat(chroma[1], 2, axis=0)
    planes = {
        Pixel.Format_YUYV: [packed.reshape(HEIGHT, -1)],
        Pixel.Format_UYVY: [packed.reshape(HEIGHT, -1)],
        Pixel.Format_NV12: [luma, chroma.transpose(1, 2, 0).reshape(HEIGHT // 2, WIDTH)],
        Pixel.Format_YUV420P: [luma, chroma[0], chroma[1]],
        Pixel.Format_BGRA8888: [cv2.cvtColor(image, cv2.COLOR_RGB2BGRA).reshape(HEIGHT, -1)],
        Pixel.Format_RGBX8888: [cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).reshape(HEIGHT, -1)],
        Pixel.Format_ARGB8888: [np.roll(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), 1, axis=2).reshape(HEIGHT, -1)],
    }[pixel]
    for number, plane in enumerate(planes):
        stride = frame.bytesPerLine(number)
        memory = np.frombuffer(frame.bits(number), np.uint8)[: stride * len(plane)].reshape(len(plane), stride)
        memory[:, : plane.shape[1]] = plane
    frame.unmap()
    return frame


KINDS = [Pixel.Format_YUYV, Pixel.Format_UYVY, Pixel.Format_NV12, Pixel.Format_YUV420P]
KINDS += [Pixel.Format_BGRA8888, Pixel.Format_RGBX8888, Pixel.Format_ARGB8888]


@pytest.mark.parametrize("pixel", KINDS, ids=lambda pixel: pixel.name)
def test_every_layout_becomes_rgb(application: object, pixel: Pixel) -> None:
    image = to_rgb(_frame(pixel))
    assert image is not None
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert not image.flags.writeable
    error = np.abs(image.astype(int) - _picture())
    assert error[4:20, 4:28].max() < 12
    assert error[28:, :].max() < 12


def test_rotation_is_applied_and_mirroring_is_not(application: object) -> None:
    frame = _frame(Pixel.Format_BGRA8888)
    frame.setMirrored(True)
    mirrored = to_rgb(frame)
    assert mirrored is not None
    assert mirrored[5, 5, 0] > 200
    frame.setRotation(QtVideo.Rotation.Clockwise90)
    turned = to_rgb(frame)
    assert turned is not None
    assert turned.shape == (WIDTH, HEIGHT, 3)
    assert turned[5, -5, 0] > 200  # top left goes to top right
    assert turned[5, 5, 0] < 60


def test_pictures_are_stamped_where_they_arrive(application: object) -> None:
    clock = ManualClock(10.0)
    camera, sink = DeviceCamera("", clock, latency=0.06), QVideoSink()
    camera.attach(sink)
    frames = []
    for _ in range(3):
        sink.setVideoFrame(_frame(Pixel.Format_NV12))
        clock.advance(0.5)  # conversion comes later, the stamp is what it was
        frames.append(camera.read(0.1))
    assert [frame.arrival for frame in frames if frame] == [10.0, 10.5, 11.0]
    assert [frame.time for frame in frames if frame] == pytest.approx([9.94, 10.44, 10.94])
    sink.setVideoFrame(_frame(Pixel.Format_NV12))
    clock.advance(0.1)
    sink.setVideoFrame(_frame(Pixel.Format_NV12))
    newest = camera.read(0.1)
    assert newest is not None
    assert newest.arrival == pytest.approx(11.6)
    assert camera.dropped == 1
    camera.close()
    assert camera.read(0.1) is None


def test_a_camera_that_falls_silent_is_lost(application: object) -> None:
    camera, sink = DeviceCamera("", SystemClock()), QVideoSink()
    camera.attach(sink)
    sink.setVideoFrame(_frame(Pixel.Format_NV12))
    assert camera.read(0.5) is not None
    begin = camera._clock.now()
    with pytest.raises(SourceLost, match="no pictures"):
        while True:
            assert camera.read(0.5) is None
    assert camera._clock.now() - begin <= 2.0
    camera.close()


def test_no_camera_is_said_so(application: object) -> None:
    if list_cameras():
        pytest.skip("a camera is connected")
    with pytest.raises(SourceError, match="No camera was found"):
        DeviceCamera("", SystemClock()).open()


def test_opening_from_a_worker_runs_on_the_main_thread(application: QCoreApplication) -> None:
    main, ran, result = threading.get_ident(), [], []

    def work() -> None:
        result.append(on_main_thread(lambda: ran.append(threading.get_ident()), 5.0))
        try:
            DeviceCamera("no such camera", SystemClock()).open()
        except SourceError as error:
            result.append(error.problem)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        application.processEvents()
        thread.join(0.01)
    assert ran == [main]
    assert result[0] is True
    assert str(result[1]).startswith("No camera")


def test_watching_devices_is_harmless(application: object) -> None:
    watcher = DeviceWatcher(lambda: None, None, lambda: None)
    watcher.start()
    watcher.stop()
    watcher.stop()


def test_the_format_is_never_slower_when_one_is_fast_enough() -> None:
    class Format:
        def __init__(self, width: int, height: int, rate: float) -> None:
            self.size, self.rate = QSize(width, height), rate

        def resolution(self) -> QSize:
            return self.size

        def maxFrameRate(self) -> float:
            return self.rate

    small, slow, large, fast = Format(320, 240, 30), Format(640, 480, 15), Format(1280, 720, 30), Format(640, 480, 60)

    def chosen(*formats: Format) -> object:
        return choose_format(formats, 640, 480, 30)  # type: ignore[arg-type]

    assert chosen() is None
    assert chosen(small, slow, large) is not slow
    assert chosen(slow, large) is large
    assert chosen(large, fast, slow) is fast
    assert chosen(slow) is slow
