"""Writes the settings beside the window, the newest last."""

from __future__ import annotations

from collections.abc import Callable

from dancecoach.config import Settings
from dancecoach.ui.background import Background


class SettingsWriter:
    """Writes one version at a time; of those that come meanwhile only the newest.

    Parameters
    ----------
    write : callable
        Writes the settings; called in a worker thread, by `stop` in the main thread.
    failed : callable
        Called in the Qt thread with the error.
    """

    def __init__(self, write: Callable[[Settings], None], failed: Callable[[BaseException], object]) -> None:
        self._write, self._failed = write, failed
        self._job: Background | None = None
        self._next: Settings | None = None

    def put(self, settings: Settings) -> None:
        """Have these settings written."""
        if self._job is not None:
            self._next = settings
            return
        self._job = Background(
            lambda report: self._write(settings), lambda result: self._done(None), self._done
        ).start()

    def _done(self, error: BaseException | None) -> None:
        self._job = None
        if error is not None:
            self._failed(error)
        if self._next is not None:
            settings, self._next = self._next, None
            self.put(settings)

    def stop(self) -> None:
        """Wait until everything is written."""
        if self._job is None:
            return
        self._job.forget()
        self._job.join()
        self._job = None
        if self._next is not None:
            settings, self._next = self._next, None
            self._write(settings)
