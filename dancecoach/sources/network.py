"""Network cameras: MJPEG over HTTP by our own reader, RTSP by FFmpeg."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame as DecodedFrame

from dancecoach.buffers import Latest
from dancecoach.clock import Clock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources.mjpeg import MjpegStream, StreamBroken, shown
from dancecoach.sources.video_file import LONGEST_SIDE, frozen
from dancecoach.types import Image, VideoFrame

log = logging.getLogger(__name__)

SCHEMES = ("http", "https", "rtsp")
CONNECT_TIMEOUT = 5.0  # seconds
STALL = 1.5  # seconds without a byte after which a running stream counts as lost
BAD_PICTURES = 30  # undecodable pictures in a row after which the stream counts as lost
REMEDY = "It is tried again by itself; check the camera's power and the network."


def is_address(spec: str) -> bool:
    """Tell whether a text is the address of a network camera."""
    return urlsplit(spec).scheme.lower() in SCHEMES and "://" in spec


@dataclass(frozen=True, slots=True)
class _Packet:
    """What the reader thread hands over: a JPEG or a decoded picture, or the reason why it ended."""

    arrival: float
    jpeg: bytes = b""
    image: Image | None = None
    lost: str = ""


class _Reader(Protocol):
    """One connection, read by the reader thread."""

    def read_packet(self, clock: Clock) -> _Packet: ...

    def close(self) -> None: ...


class NetworkCamera:
    """A camera in the network; the newest picture wins.

    Parameters
    ----------
    url : str
        http, https (an MJPEG stream, user and password may be in it) or rtsp.
    clock : Clock
    latency : float
        Seconds from the event to the completed picture being here; `time = arrival - latency`. `arrival` is
        the moment the picture's last byte was there.

    Attributes
    ----------
    received, dropped : int
        Pictures that came, and those replaced by a newer one before they were read, since `open`.
    """

    def __init__(self, url: str, clock: Clock, latency: float = 0.0) -> None:
        if not is_address(url):
            raise SourceError(
                f"The address {shown(url)} is not one of a camera.",
                "It must start with http://, https:// or rtsp://.",
            )
        self.url = url
        self.name = urlsplit(url).hostname or shown(url)
        self.live = True
        self.latency = latency
        self.bad_pictures = 0
        self._clock = clock
        self._slot: Latest[_Packet] = Latest()
        self._reader: _Reader | None = None
        self._thread: threading.Thread | None = None
        self._lost = ""
        self._index = 0
        self._last_time = -float("inf")
        self._guard = threading.Lock()

    @property
    def received(self) -> int:
        """Pictures that came since `open`."""
        return self._slot.published

    @property
    def dropped(self) -> int:
        """Pictures that nobody took before the next one came, since `open`."""
        return self._slot.dropped

    def open(self) -> None:
        """Connect; raises SourceError with a remedy. Connects anew when the stream was lost."""
        self.close()
        if urlsplit(self.url).scheme.lower() == "rtsp":
            reader: _Reader = _FFmpegReader(self.url)
        else:
            reader = _MjpegReader(self.url)
        slot: Latest[_Packet] = Latest()
        thread = threading.Thread(target=self._run, args=(reader, slot), name=f"camera {self.name}", daemon=True)
        with self._guard:
            self._reader, self._slot, self._thread = reader, slot, thread
            self._lost, self._index, self.bad_pictures = "", 0, 0
        thread.start()

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the newest picture; see `VideoSource.read`."""
        deadline = self._clock.now() + timeout
        while True:
            if self._reader is None:
                return None
            if self._lost:
                raise SourceLost(self._lost, REMEDY)
            packet = self._slot.take(max(0.0, deadline - self._clock.now()))
            if packet is None or self._reader is None:
                return None
            if packet.lost:
                self._lost = packet.lost
                continue
            image = packet.image if packet.image is not None else _decode(packet.jpeg)
            time = packet.arrival - self.latency
            if image is not None and time > self._last_time:
                self.bad_pictures = 0
                break
            self.bad_pictures += 1
            if self.bad_pictures >= BAD_PICTURES:
                self._lost = f"The camera {self.name} sends pictures that cannot be read."
        self._last_time = time
        self._index += 1
        return VideoFrame(time, self._index - 1, image, packet.arrival)

    def close(self) -> None:
        """Disconnect; a read that waits returns None."""
        with self._guard:
            reader, thread = self._reader, self._thread
            self._reader = self._thread = None
        if reader is not None:
            reader.close()
            self._slot.put(_Packet(self._clock.now()))
        if thread is not None and thread is not threading.current_thread():
            thread.join(CONNECT_TIMEOUT)

    def _run(self, reader: _Reader, slot: Latest[_Packet]) -> None:
        try:
            while self._reader is reader:
                slot.put(reader.read_packet(self._clock))
        except StreamBroken as error:
            log.info("camera %s: %s", self.name, error)
            slot.put(_Packet(self._clock.now(), lost=f"The connection to the camera {self.name} broke off."))
        finally:
            reader.close()


class _MjpegReader:
    """MJPEG over HTTP; an address that gives single pictures is asked again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._closed = False
        self._stream = MjpegStream(url, CONNECT_TIMEOUT)
        self._stream.set_timeout(STALL)

    def read_packet(self, clock: Clock) -> _Packet:
        jpeg, arrival = self._stream.read_picture(clock.now)
        if self._stream.single and not self._closed:
            self._stream.close()
            try:
                self._stream = MjpegStream(self._url, STALL)
            except SourceError as error:
                raise StreamBroken(error.problem) from error
        return _Packet(arrival, jpeg=jpeg)

    def close(self) -> None:
        self._closed = True
        self._stream.close()


class _FFmpegReader:
    """RTSP through FFmpeg, told to keep nothing back."""

    def __init__(self, url: str) -> None:
        options = {
            "rtsp_transport": "tcp",
            "fflags": "nobuffer",
            "flags": "low_delay",
            "max_delay": "0",
            "reorder_queue_size": "0",
            "probesize": "200000",
            "analyzeduration": "500000",
            "protocol_whitelist": "rtsp,rtp,tcp,udp,tls,crypto",
        }
        try:
            self._container: InputContainer = av.open(
                url, mode="r", options=options, timeout=(CONNECT_TIMEOUT, STALL), metadata_errors="replace"
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(
                f"The camera at {urlsplit(url).hostname} does not answer ({type(error).__name__}).",
                "Check that it is switched on and in the same network, and the address with user and password.",
            ) from error
        self._closing = threading.Event()
        self._lock = threading.Lock()
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"The address {shown(url)} sends no picture.", "Check the path in the address.")
        stream = self._container.streams.video[0]
        stream.thread_type = "SLICE"  # frame threads would hold pictures back
        self._packets = self._container.demux(stream)
        self._pending: list[_Packet] = []

    def read_packet(self, clock: Clock) -> _Packet:
        while not self._closing.is_set():
            with self._lock:
                if self._closing.is_set():
                    break
                try:
                    decoded = next(self._packets).decode()
                except av.InvalidDataError:
                    continue  # the first pictures before a key frame
                except (av.FFmpegError, OSError, StopIteration) as error:
                    raise StreamBroken(type(error).__name__) from error
            pictures = [picture for picture in decoded if isinstance(picture, DecodedFrame)]
            if pictures:
                return _Packet(clock.now(), image=_to_image(pictures[-1]))
        raise StreamBroken("closed")

    def close(self) -> None:
        self._closing.set()
        with self._lock:  # a read in the other thread ends after STALL seconds at the latest
            self._container.close()


def _to_image(picture: DecodedFrame) -> Image:
    scale = min(1.0, LONGEST_SIDE / max(picture.width, picture.height))
    size = round(picture.width * scale), round(picture.height * scale)
    return frozen(picture.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray())


def _decode(jpeg: bytes) -> Image | None:
    """Return the picture of a JPEG (H, W, 3) RGB, at most LONGEST_SIDE long, None when it is broken."""
    if not jpeg:
        return None
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return None
    scale = LONGEST_SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return frozen(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
