"""A small RTSP camera on loopback: H.264 over RTP, interleaved in the RTSP connection."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from fractions import Fraction
from types import TracebackType

import av
import numpy as np

WIDTH, HEIGHT = 160, 120


class RtspServer:
    """Serves a red and black picture at `rate` pictures a second to one client at a time."""

    def __init__(self, rate: float = 30.0) -> None:
        self.rate = rate
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="rtsp server")

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/stream"

    def __enter__(self) -> RtspServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Die: break the connection and stop listening."""
        self._stopping.set()
        for opened in (self._listener, self._connection):
            if opened is not None:
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
                opened.close()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stopping.is_set():
                self._connection, _ = self._listener.accept()
                with self._connection, contextlib.suppress(OSError):
                    self._talk(self._connection)

    def _talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as requests:
            while line := requests.readline():
                method, address = line.decode().split()[:2]
                fields = {}
                while (field := requests.readline().strip()) != b"":
                    name, _, value = field.decode().partition(":")
                    fields[name.lower()] = value.strip()
                answer, body = [f"CSeq: {fields['cseq']}", "Session: 1"], ""
                if method == "OPTIONS":
                    answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
                elif method == "DESCRIBE":
                    body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                    body += "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                    body += "a=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
                    answer += [f"Content-Base: {address}/", "Content-Type: application/sdp"]
                elif method == "SETUP":
                    answer.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
                answer.append(f"Content-Length: {len(body)}")
                connection.sendall(("RTSP/1.0 200 OK\r\n" + "\r\n".join(answer) + "\r\n\r\n" + body).encode())
                if method == "PLAY":
                    self._play(connection)
                    return

    def _play(self, connection: socket.socket) -> None:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 90000), Fraction(30, 1)
        # Slices small enough for one packet each, and headers in the stream.
        parameters = "slice-max-size=1200:repeat-headers=1:annexb=1:keyint=10"
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": parameters}
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[:, : WIDTH // 2] = (250, 0, 0)
        sequence = number = 0
        while not self._stopping.wait(1 / self.rate):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(number * 90000 / self.rate), Fraction(1, 90000)
            number += 1
            data = b"".join(bytes(packet) for packet in encoder.encode(frame))
            units = [unit for unit in re.split(b"\x00\x00\x00?\x01", data) if unit]
            for place, unit in enumerate(units):
                marker = 0x80 if place == len(units) - 1 else 0
                header = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, frame.pts, 1)
                sequence += 1
                connection.sendall(struct.pack(">BBH", 0x24, 0, len(header) + len(unit)) + header + unit)
