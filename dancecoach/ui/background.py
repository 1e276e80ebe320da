"""Slow work beside the Qt thread, its answer back in the Qt thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from dancecoach.errors import DancecoachError

log = logging.getLogger(__name__)


def sentence(error: BaseException) -> str:
    """Return what to tell the person about an error: its own words, or that something unexpected happened."""
    if isinstance(error, DancecoachError):
        return str(error)
    detail = f" ({error})" if isinstance(error, OSError) else ""
    return f"Something went wrong: {type(error).__name__}{detail}. Details are in the log."


class _Courier(QObject):
    """Calls functions in the Qt thread; lives as long as the program, so that no message finds it gone."""

    message = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.message.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def _deliver(self, call: Callable[[], None]) -> None:
        call()


@cache
def _courier() -> _Courier:
    return _Courier()


class Background:
    """Runs one function in a thread of its own.

    Parameters
    ----------
    work : callable
        Called in the thread with a function to report progress, `report(share)`, which returns False once
        the work has been cancelled.
    succeeded, failed, progress : callable, optional
        Called in the Qt thread with the returned value, the error, or the share done 0…1; not after `forget`.

    Make it in the Qt thread.
    """

    def __init__(
        self,
        work: Callable[[Callable[[float], bool]], Any],
        succeeded: Callable[[Any], object] | None = None,
        failed: Callable[[Exception], object] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        self._work = work
        self._succeeded, self._failed, self._progress = succeeded, failed, progress
        self._courier = _courier()
        self._cancelled = threading.Event()
        self._forgotten = False
        self._thread = threading.Thread(target=self._run, name="ui-background", daemon=True)

    def start(self) -> Background:
        """Start working."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; it notices at its next report."""
        self._cancelled.set()

    def forget(self) -> None:
        """Call nobody back any more: whoever asked is gone."""
        self._forgotten = True

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled.is_set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread; False when it still runs after `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _report(self, share: float) -> bool:
        self._tell(self._progress, share)
        return not self._cancelled.is_set()

    def _tell(self, callback: Callable[[Any], object] | None, value: object) -> None:
        if callback is None:
            return

        def call() -> None:
            if not self._forgotten:
                callback(value)

        self._courier.message.emit(call)

    def _run(self) -> None:
        try:
            result = self._work(self._report)
        except Exception as error:  # the edge of a worker: whatever went wrong is told in the window
            log.warning("background work failed: %s", error, exc_info=error)
            self._tell(self._failed, error)
        else:
            self._tell(self._succeeded, result)
