"""Slow work beside the Qt thread, its answer back in the Qt thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Signal, SignalInstance

from dancecoach.errors import DancecoachError

log = logging.getLogger(__name__)


def sentence(error: BaseException) -> str:
    """Return what to tell the person about an error: its own words, or that something unexpected happened."""
    if isinstance(error, DancecoachError):
        return str(error)
    detail = f" ({error})" if isinstance(error, OSError) else ""
    return f"Something went wrong: {type(error).__name__}{detail}. Details are in the log."


class Background(QObject):
    """Runs one function in a thread of its own.

    Parameters
    ----------
    work : callable
        Called in the thread with a function to report progress, `report(share)`, which returns False once
        the work has been cancelled.
    parent : QObject or None
        The Qt parent.

    Attributes
    ----------
    progress, succeeded, failed : Signal
        Share done 0…1; the returned value; the error. Delivered in the thread this object lives in.
    """

    progress = Signal(float)
    succeeded = Signal(object)
    failed = Signal(object)

    def __init__(self, work: Callable[[Callable[[float], bool]], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ui-background", daemon=True)

    def start(self) -> Background:
        """Start working."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; it notices at its next report."""
        self._cancelled.set()

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
        self._emit(self.progress, share)
        return not self._cancelled.is_set()

    def _run(self) -> None:
        try:
            result = self._work(self._report)
        except Exception as error:  # the edge of a worker: whatever went wrong is told in the window
            log.warning("background work failed: %s", error, exc_info=error)
            self._emit(self.failed, error)
        else:
            self._emit(self.succeeded, result)

    def _emit(self, signal: SignalInstance, value: object) -> None:
        # The window that wanted to know may be gone by now.
        if shiboken6.isValid(self):
            signal.emit(value)
