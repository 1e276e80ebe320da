"""The protocol of every source.

A source is made without touching a device, then `open` acquires, `read` delivers, `close` releases. `open` may
be called again after `close` or after `SourceLost`. One thread reads a source; `close` may come from any thread
and makes a waiting `read` return soon.
"""

from __future__ import annotations

from typing import Protocol

from dancecoach.types import AudioBlock, VideoFrame


class EndOfStream(Exception):
    """The file or session has been read to its end."""


class VideoSource(Protocol):
    """Delivers pictures.

    Attributes
    ----------
    name : str
        What to call it on screen.
    live : bool
        True when unread pictures are lost (devices, network); False when each one can be read.
    """

    name: str
    live: bool

    def open(self) -> None:
        """Acquire the device or file; raises SourceError with a remedy."""
        ...

    def read(self, timeout: float) -> VideoFrame | None:
        """Return the next picture not yet read, None when none came within `timeout` seconds.

        Times strictly increase. Raises `EndOfStream` at the end of a file, `SourceLost` when the device or
        connection is gone (open it again to go on).
        """
        ...

    def close(self) -> None:
        """Release everything; harmless when not open."""
        ...


class AudioSource(Protocol):
    """Delivers sound, every sample once; same contract as `VideoSource`.

    `sample_rate` Hz and `channels` are valid after `open`.
    """

    name: str
    live: bool
    sample_rate: int
    channels: int

    def open(self) -> None:
        """Acquire the device or file; raises SourceError with a remedy."""
        ...

    def read(self, timeout: float) -> AudioBlock | None:
        """Return the samples since the last read, None when none came within `timeout` seconds."""
        ...

    def close(self) -> None:
        """Release everything; harmless when not open."""
        ...
