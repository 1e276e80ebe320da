"""An MJPEG camera on loopback: serves given pictures at a given rate, can be killed, stalled and restarted."""

from __future__ import annotations

import base64
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from dancecoach.types import Image

BOUNDARY = "picture"


def encode(image: Image, quality: int = 85) -> bytes:
    """Return the JPEG of a picture (H, W, 3) RGB."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return data.tobytes()


def test_pictures(count: int = 30, width: int = 320, height: int = 240) -> list[bytes]:
    """Return JPEGs of a bar that wanders to the right."""
    pictures = []
    for number in range(count):
        image = np.full((height, width, 3), 40, np.uint8)
        left = number * (width - 20) // max(1, count - 1)
        image[:, left : left + 20] = (250, 120, 20)
        pictures.append(encode(image))
    return pictures


test_pictures.__test__ = False  # type: ignore[attr-defined]


class MjpegServer:
    """Serves `pictures` round and round.

    Parameters
    ----------
    pictures : sequence of bytes
        JPEGs.
    rate : float
        Pictures a second.
    port : int
        0 takes a free one; the port stays the same over `stop` and `start`.
    content_length : bool
        False leaves the part's length out, so that the boundary has to be searched.
    login : str
        "user:password" that is asked for when not empty.
    on_picture : callable, optional
        Told (number, perf_counter seconds) just before each picture is sent.
    """

    def __init__(
        self,
        pictures: Sequence[bytes],
        rate: float = 30.0,
        port: int = 0,
        content_length: bool = True,
        login: str = "",
        on_picture: Callable[[int, float], None] | None = None,
    ) -> None:
        self.pictures = pictures
        self.rate = rate
        self.port = port
        self.content_length = content_length
        self.login = login
        self.on_picture = on_picture
        self.sent = 0
        self.stalled = threading.Event()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Address of the stream."""
        login = f"{self.login}@" if self.login else ""
        return f"http://{login}127.0.0.1:{self.port}/video"

    def start(self) -> MjpegServer:
        """Listen; the address is valid afterwards."""
        self._stopping.clear()
        self.stalled.clear()
        server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = server.server_address[1]
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="mjpeg server", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Die: break every connection and stop listening."""
        self._stopping.set()
        self.stalled.clear()
        if self._server is not None:
            self._server.shutdown()
            for connection in tuple(self._connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server.server_close()  # joins the handlers
            self._server = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def stall(self) -> None:
        """Keep the connections but send nothing any more."""
        self.stalled.set()

    def __enter__(self) -> MjpegServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self, connection: socket.socket, write: Callable[[bytes], object]) -> None:
        """Send pictures over one connection until the server dies or the other side leaves."""
        self._connections.add(connection)
        begin, number = time.perf_counter(), 0
        try:
            while not self._stopping.wait(max(0.0, begin + number / self.rate - time.perf_counter())):
                if self.stalled.is_set():
                    self._stopping.wait(0.05)
                    continue
                picture = self.pictures[number % len(self.pictures)]
                if self.on_picture is not None:
                    self.on_picture(number, time.perf_counter())
                length = f"Content-Length: {len(picture)}\r\n" if self.content_length else ""
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n{length}\r\n"
                write(head.encode() + picture + b"\r\n")
                number += 1
                self.sent += 1
        except OSError:
            pass  # the other side left
        finally:
            self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = False


def _handler(owner: MjpegServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expected = "Basic " + base64.b64encode(owner.login.encode()).decode()
            if owner.login and self.headers.get("Authorization") != expected:
                self.send_error(401)
                return
            if self.path != "/video":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            owner.serve(self.connection, self.wfile.write)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def _main(path: Path, rate: float) -> None:
    """Serve a file of pictures (each after its length, four bytes) and print the address."""
    data = path.read_bytes()
    pictures, place = [], 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        pictures.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    server = MjpegServer(pictures, rate).start()
    print(server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), float(sys.argv[2]))
