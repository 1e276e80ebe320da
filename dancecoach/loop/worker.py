"""A worker: an object with `step()`, and a thread that calls it until told to stop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

_PAUSES = (0.5, 1.0, 2.0, 5.0)  # s before the restarts; the last repeats


def strict() -> bool:
    """Return whether a failing worker shall raise rather than restart (DANCECOACH_STRICT, set by the tests)."""
    return os.environ.get("DANCECOACH_STRICT") == "1"


class Worker:
    """Calls `step` in a thread of its own; restarts it when it fails.

    Parameters
    ----------
    name : str
        For the thread, the log and the notice on screen.
    step : callable
        Does one piece of work; must return within about a second, so that stopping is prompt.
    finish : callable, optional
        Runs in the thread once after the last step.
    failed : callable, optional
        Told the exception of a failed step, and None when the next one succeeded.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        finish: Callable[[], None] | None = None,
        failed: Callable[[str, Exception | None], None] | None = None,
    ) -> None:
        self.name = name
        self._step = step
        self._finish = finish
        self._failed = failed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=f"dancecoach {self.name}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the thread end after the current step."""
        self._stop.set()

    def join(self, timeout: float = 10.0) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                log.error("worker %s does not stop", self.name)
            self._thread = None

    @property
    def stopping(self) -> threading.Event:
        """Set once the worker shall stop; for waits within a step."""
        return self._stop

    def _run(self) -> None:
        failures = 0
        try:
            while not self._stop.is_set():
                try:
                    self._step()
                except Exception as error:
                    if strict():
                        raise
                    log.exception("worker %s failed", self.name)
                    if self._failed is not None:
                        self._failed(self.name, error)
                    self._stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                    failures += 1
                else:
                    if failures and self._failed is not None:
                        self._failed(self.name, None)
                    failures = 0
        finally:
            if self._finish is not None:
                self._finish()
