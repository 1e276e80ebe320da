"""What file sources share: waiting for the clock, and closing while another thread reads."""

from __future__ import annotations

import threading
from pathlib import Path

from dancecoach.clock import Clock, SystemClock


class Pacer:
    """Waits for a moment of the clock; `stop` wakes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stop = threading.Event()

    def wait(self, when: float) -> bool:
        """Return True once the clock shows `when` (seconds), False when stopped before."""
        if isinstance(self._clock, SystemClock):
            while not self._stop.is_set() and (delay := when - self._clock.now()) > 0:
                self._stop.wait(delay)
        elif not self._stop.is_set():
            self._clock.sleep_until(when)
        return not self._stop.is_set()

    def stop(self) -> None:
        """Wake whoever waits."""
        self._stop.set()

    def start(self) -> None:
        """Allow waiting again."""
        self._stop.clear()


class FileSource:
    """What all file sources share: pacing, and closing from another thread while a read decodes."""

    def __init__(self, path: str | Path, clock: Clock, paced: bool) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.live = False
        self.origin: float | None = None
        self._clock = clock
        self._paced = paced
        self._pacer = Pacer(clock)
        self._lock = threading.Lock()  # held while decoding; close waits for it
        self._ended = False
        self._index = 0

    def _due(self, seconds: float) -> float:
        """Return when `seconds` of the file is on the clock; the first call starts the file."""
        if not self._paced:
            return seconds
        if self.origin is None:
            self.origin = self._clock.now() - seconds
        return self.origin + seconds

    def _release(self) -> None:
        """Close what is open; the lock is held."""

    def close(self) -> None:
        """Release the file; a read that waits returns None."""
        self._pacer.stop()
        with self._lock:
            self._release()
