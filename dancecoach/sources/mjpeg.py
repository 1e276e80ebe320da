"""Reading a multipart MJPEG stream over HTTP, part by part, with bounds on everything a server may send."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from dancecoach.errors import SourceError

LARGEST_PICTURE = 16 * 1024 * 1024  # bytes of one JPEG
LARGEST_HEADER = 16 * 1024  # bytes of one part's header
CHUNK = 64 * 1024
REDIRECTS = 3


class StreamBroken(Exception):
    """The connection ended or what came over it is not a picture stream."""


class MjpegStream:
    """One connection to an MJPEG server.

    Parameters
    ----------
    url : str
        http or https; a user and password in it are sent as basic authentication.
    timeout : float
        Seconds without a byte after which connecting or reading fails.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._socket, self._response = _connect(url, timeout)
        content_type = self._response.getheader("Content-Type", "")
        self.single = content_type.lower().startswith("image/")
        if not self.single and not content_type.lower().startswith("multipart/"):
            self.close()
            raise SourceError(
                f"The address {shown(url)} answers with {content_type or 'something'}, not a camera picture.",
                "Use the camera's MJPEG address (often ending in /video or /mjpg/video.mjpg).",
            )
        self._boundary = _boundary(content_type)
        self._buffer = bytearray()

    def read_picture(self, stamp: Callable[[], float]) -> tuple[bytes, float]:
        """Return the next JPEG and the moment its last byte was there.

        The completed picture is stamped, not its first byte: with Wi-Fi cameras the first bytes may lie in a
        socket buffer for an unknown time before they are read, the last byte is what wakes the reader.

        Raises
        ------
        StreamBroken
            At the end of the stream, on a time-out or when the bytes make no sense.
        """
        if self.single:
            data = self._read_to_end()
            return data, stamp()
        headers = self._read_headers()
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > 0:
            size = int(length)
            if size > LARGEST_PICTURE:
                raise StreamBroken(f"a picture of {size} bytes")
            self._fill(size)
            picture = bytes(self._buffer[:size])
            del self._buffer[:size]
        else:
            picture = self._read_until(b"\n" + self._boundary, LARGEST_PICTURE, keep=len(self._boundary))
        return picture, stamp()

    def set_timeout(self, timeout: float) -> None:
        """Set how many seconds without a byte make a read fail."""
        self._socket.settimeout(timeout)

    def close(self) -> None:
        """Break the connection; a read in another thread fails at once."""
        with contextlib.suppress(OSError):  # the other side was faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._socket.close()

    def _read_headers(self) -> dict[str, str]:
        """Skip to the next boundary, return the part's header fields with lower-case names."""
        self._read_until(self._boundary, LARGEST_PICTURE)
        self._fill(2)
        if self._buffer[:2] == b"--":
            raise StreamBroken("the server ended the stream")
        text = self._read_until(b"\n\r\n", LARGEST_HEADER).decode("latin-1")
        fields = (line.partition(":") for line in text.splitlines())
        return {name.strip().lower(): value.strip() for name, colon, value in fields if colon}

    def _read_until(self, mark: bytes, limit: int, keep: int = 0) -> bytes:
        """Return what comes before `mark`; takes the mark too, but for its last `keep` bytes."""
        searched = 0
        while (found := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > limit:
                raise StreamBroken("no boundary where one should be")
            searched = max(0, len(self._buffer) - len(mark))
            self._receive()
        data = bytes(self._buffer[:found])
        del self._buffer[: found + len(mark) - keep]
        return data

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._response.read1(CHUNK)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # ValueError and AttributeError: `close` came from another thread in the middle of the read.
            raise StreamBroken(type(error).__name__) from error
        if not data:
            raise StreamBroken("the server closed the connection")
        self._buffer += data

    def _read_to_end(self) -> bytes:
        try:
            while len(self._buffer) <= LARGEST_PICTURE:
                self._receive()
        except StreamBroken:
            if not self._buffer:
                raise
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        raise StreamBroken("a picture without end")


def shown(url: str) -> str:
    """Return the address without user and password, for messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _connect(url: str, timeout: float) -> tuple[socket.socket, http.client.HTTPResponse]:
    """Send the request, follow a few redirects to http(s) addresses."""
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(
                f"The address {shown(url)} is no web address.", "It should look like http://camera/video."
            )
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        headers = {"Accept": "multipart/x-mixed-replace, image/jpeg, */*", "User-Agent": "dancecoach"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(login).decode("ascii")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.connect()
            opened: socket.socket = connection.sock
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise SourceError(
                f"The camera {parts.hostname} does not answer ({_reason(error)}).",
                "Check that it is switched on and in the same network, and the address.",
            ) from error
        if response.status in (301, 302, 303, 307, 308) and (target := response.getheader("Location")):
            connection.close()
            url = _redirect(url, target)
            continue
        if response.status == 200:
            return opened, response
        connection.close()
        if response.status in (401, 403):
            raise SourceError(
                f"The camera at {parts.hostname} wants a user and password.",
                "Write them into the address: http://user:password@camera/video.",
            )
        raise SourceError(
            f"The camera at {parts.hostname} answers with error {response.status}.", "Check the path in the address."
        )
    raise SourceError(f"The address {shown(url)} leads round in circles.", "Check the address.")


def _redirect(url: str, target: str) -> str:
    """Resolve a redirect; the login stays with its host."""
    here = urlsplit(url)
    there = urlsplit(target)
    if there.hostname and there.hostname != here.hostname:
        return target
    return there._replace(scheme=there.scheme or here.scheme, netloc=here.netloc).geturl()


def _boundary(content_type: str) -> bytes:
    for field in content_type.split(";")[1:]:
        name, _, value = field.partition("=")
        if name.strip().lower() == "boundary":
            mark = value.strip().strip('"').encode("latin-1", "replace")
            return mark if mark.startswith(b"--") else b"--" + mark
    return b"--"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return type(error).__name__
