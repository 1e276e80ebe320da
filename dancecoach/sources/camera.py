"""Cameras of this computer through Qt Multimedia."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication, QMetaObject, QObject, Qt, QThread, Slot
from PySide6.QtMultimedia import (
    QCamera,
    QCameraDevice,
    QCameraFormat,
    QMediaCaptureSession,
    QMediaDevices,
    QVideoFrame,
    QVideoSink,
)

from dancecoach.buffers import Latest
from dancecoach.clock import Clock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources.qt_frames import to_rgb
from dancecoach.types import VideoFrame

log = logging.getLogger(__name__)

ANSWER = 8.0  # seconds the main thread has to open a camera
STALL = 1.8  # seconds without a picture after which a running camera counts as lost
START = 5.0  # the same before the first picture; some cameras take long to wake


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera: `id` stays the same over restarts, `name` is for people; `is_default` is the system's choice."""

    id: str
    name: str
    is_default: bool = False


class _Invoker(QObject):
    """Runs calls on Qt's main thread."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[Callable[[], None]] = deque()

    def post(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        QMetaObject.invokeMethod(self, "run", Qt.ConnectionType.QueuedConnection)

    @Slot()
    def run(self) -> None:
        while self._calls:
            self._calls.popleft()()


_invoker: _Invoker | None = None


_LIST_WAIT = 3.0  # s for the main thread to list the cameras


def on_main_thread(call: Callable[[], None], wait: float) -> bool:
    """Run `call` on Qt's main thread; returns False when it was not done after `wait` seconds.

    Raises
    ------
    SourceError
        Without a Qt application; whatever `call` raises.
    """
    global _invoker
    application = QCoreApplication.instance()
    if application is None:
        raise SourceError(
            "Cameras of this computer need a running application.", "Use a network camera or a video file instead."
        )
    if QThread.currentThread() == application.thread():
        call()
        return True
    if _invoker is None or _invoker.thread() != application.thread():
        _invoker = _Invoker()
        _invoker.moveToThread(application.thread())
    done = threading.Event()
    errors: list[SourceError] = []

    def guarded() -> None:
        try:
            call()
        except SourceError as error:
            errors.append(error)
        finally:
            done.set()

    _invoker.post(guarded)
    finished = done.wait(wait)
    if errors:
        raise errors[0]
    return finished


def list_cameras() -> tuple[CameraInfo, ...]:
    """Return the connected cameras; empty without any, and without a Qt application."""
    found: list[CameraInfo] = []

    def ask() -> None:
        default = QMediaDevices.defaultVideoInput()
        found.extend(
            CameraInfo(bytes(device.id().data()).decode(errors="replace"), device.description(), device == default)
            for device in QMediaDevices.videoInputs()
        )

    # The list watches for new devices in the thread that asked first: that must not be a worker that ends.
    if QCoreApplication.instance() is not None:
        on_main_thread(ask, _LIST_WAIT)
    return tuple(found)


def choose_format(formats: Sequence[QCameraFormat], width: int, height: int, rate: float) -> QCameraFormat | None:
    """Return the format nearest to `width` × `height` pixels that is not slower than `rate` pictures a second.

    When all are slower the fastest of them is taken. None when a camera tells no formats.
    """
    if not formats:
        return None

    def cost(candidate: QCameraFormat) -> tuple[float, float, float]:
        size = candidate.resolution()
        slow = max(0.0, rate - 0.5 - candidate.maxFrameRate())
        smaller = max(0, width - size.width()) + max(0, height - size.height())
        distance = abs(size.width() - width) + abs(size.height() - height) + smaller
        return slow, float(distance), abs(candidate.maxFrameRate() - rate)

    return min(formats, key=cost)


class DeviceCamera:
    """A camera of this computer; the newest picture wins.

    The Qt objects live on Qt's main thread, whichever thread opens the camera. Pictures are stamped where Qt
    delivers them and converted in `read`, off the main thread.

    Parameters
    ----------
    name_or_id : str
        Part of a camera's name (case does not matter) or its id, "" for the default.
    clock : Clock
    latency : float
        Seconds from the event to its picture being delivered; `time = arrival - latency`.
    width, height : int
    rate : int
        The wished format.

    Attributes
    ----------
    received, dropped : int
        Pictures that came, and those replaced by a newer one before they were read, since `open`.
    """

    def __init__(
        self,
        name_or_id: str,
        clock: Clock,
        latency: float = 0.0,
        width: int = 640,
        height: int = 480,
        rate: int = 30,
    ) -> None:
        self.name = name_or_id or "default camera"
        self.live = True
        self.latency = latency
        self._wanted = name_or_id
        self._clock = clock
        self._wish = width, height, rate
        self._slot: Latest[tuple[float, QVideoFrame | None]] = Latest()
        self._objects: tuple[QCamera, QMediaCaptureSession, QVideoSink, QMediaDevices] | None = None
        self._open = False
        self._lost = ""
        self._index = 0
        self._last_time = -float("inf")
        self._last_arrival = 0.0

    @property
    def received(self) -> int:
        """Pictures that came since `open`."""
        return self._slot.published

    @property
    def dropped(self) -> int:
        """Pictures that nobody took before the next one came, since `open`."""
        return self._slot.dropped

    def open(self) -> None:
        """Acquire the camera; raises SourceError with a remedy. Waits for Qt's main thread to do it."""
        self.close()
        self._lost, self._index, self._slot = "", 0, Latest()
        self._last_arrival = self._clock.now() + START - STALL
        self._open = True
        try:
            if not on_main_thread(self._start, ANSWER):
                raise SourceError(f"The camera '{self.name}' does not answer.", "Unplug it and plug it in again.")
        except SourceError:
            self._open = False
            raise

    def attach(self, sink: QVideoSink) -> None:
        """Take pictures from any video sink instead of a camera (a test's, a screen capture's)."""
        self._lost, self._index, self._slot = "", 0, Latest()
        sink.videoFrameChanged.connect(self._take, Qt.ConnectionType.DirectConnection)
        self._last_arrival = self._clock.now() + START - STALL
        self._open = True

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the newest picture; see `VideoSource.read`."""
        deadline = self._clock.now() + timeout
        while self._open:
            if self._lost:
                raise SourceLost(
                    self._lost, "Plug it in again or choose another camera; it is tried again by itself."
                )
            now = self._clock.now()
            quiet = self._last_arrival + STALL
            taken = self._slot.take(max(0.0, min(deadline, quiet) - now))
            if taken is None:
                if self._open and self._clock.now() >= self._last_arrival + STALL:
                    self._lost = f"The camera '{self.name}' sends no pictures any more."
                elif self._clock.now() >= deadline:
                    return None
                continue
            arrival, picture = taken
            if picture is None:
                continue
            time = arrival - self.latency
            image = to_rgb(picture)
            if image is None or time <= self._last_time:
                continue
            self._last_time = time
            self._index += 1
            return VideoFrame(time, self._index - 1, image, arrival)
        return None

    def close(self) -> None:
        """Release the camera; a read that waits returns None."""
        self._open = False
        self._slot.put((self._clock.now(), None))
        objects, self._objects = self._objects, None
        if objects is None:
            return

        def stop() -> None:
            camera, session, sink, devices = objects
            camera.stop()
            session.setVideoSink(None)  # type: ignore[arg-type]
            for owned in (session, camera, sink, devices):
                owned.deleteLater()

        if QCoreApplication.instance() is not None:
            # Not waited for: the main thread may be waiting for this thread to end.
            on_main_thread(stop, 0.0)

    def _start(self) -> None:
        device = self._find()
        self.name = device.description()
        camera = QCamera(device)
        if (chosen := choose_format(device.videoFormats(), *self._wish)) is not None:
            camera.setCameraFormat(chosen)
        session, sink, devices = QMediaCaptureSession(), QVideoSink(), QMediaDevices()
        session.setCamera(camera)
        session.setVideoSink(sink)
        sink.videoFrameChanged.connect(self._take, Qt.ConnectionType.DirectConnection)
        camera.errorOccurred.connect(self._failed)
        identity = device.id()

        def look() -> None:
            if all(other.id() != identity for other in QMediaDevices.videoInputs()):
                self._lose(f"The camera '{self.name}' was unplugged.")

        devices.videoInputsChanged.connect(look)
        self._objects = camera, session, sink, devices
        camera.start()

    def _find(self) -> QCameraDevice:
        devices = QMediaDevices.videoInputs()
        if not devices:
            raise SourceError("No camera was found.", "Connect one, or use a network camera or a video file.")
        if not self._wanted:
            default = QMediaDevices.defaultVideoInput()
            return devices[0] if default.isNull() else default
        wanted = self._wanted.casefold()
        names = [device.description() for device in devices]
        for device in devices:
            if bytes(device.id().data()).decode(errors="replace") == self._wanted:
                return device
        exact = [device for device in devices if device.description().casefold() == wanted]
        fitting = exact or [device for device in devices if wanted in device.description().casefold()]
        if not fitting:
            raise SourceError(
                f"No camera named '{self._wanted}'.",
                f"Connected: {', '.join(names)}. Choose one of them, or give the address of a network camera.",
            )
        return fitting[0]

    def _take(self, frame: QVideoFrame) -> None:
        """Qt's capture thread: stamp and store, nothing else."""
        now = self._clock.now()
        if self._open and frame.isValid():
            self._last_arrival = now
            self._slot.put((now, QVideoFrame(frame)))

    def _failed(self, error: QCamera.Error, text: str) -> None:
        if error != QCamera.Error.NoError:
            log.info("camera %s: %s", self.name, text)
            self._lose(f"The camera '{self.name}' failed; it may be in use by another program.")

    def _lose(self, sentence: str) -> None:
        self._lost = sentence
        self._slot.put((self._clock.now(), None))


class DeviceWatcher:
    """Tells when cameras, microphones or outputs come and go; the callbacks run on Qt's main thread.

    Parameters
    ----------
    on_cameras, on_microphones, on_outputs : callable, optional
        Called without arguments; list the devices anew then.
    """

    def __init__(
        self,
        on_cameras: Callable[[], None] | None = None,
        on_microphones: Callable[[], None] | None = None,
        on_outputs: Callable[[], None] | None = None,
    ) -> None:
        self._callbacks = on_cameras, on_microphones, on_outputs
        self._devices: Any = None

    def start(self) -> None:
        """Begin to watch; without a Qt application nothing is ever told."""
        if QCoreApplication.instance() is None:
            return

        def connect() -> None:
            devices = QMediaDevices()
            signals = devices.videoInputsChanged, devices.audioInputsChanged, devices.audioOutputsChanged
            for signal, callback in zip(signals, self._callbacks, strict=True):
                if callback is not None:
                    signal.connect(callback)
            self._devices = devices

        on_main_thread(connect, 0.0)

    def stop(self) -> None:
        """Stop watching."""
        devices, self._devices = self._devices, None
        if devices is not None and QCoreApplication.instance() is not None:
            on_main_thread(devices.deleteLater, 0.0)
