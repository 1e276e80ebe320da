"""One Qt application for all; whatever a test leaves running fails that test."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

# Raster widgets need no screen, and the pixels are then the same everywhere.
os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="session")
def application() -> QApplication:
    existing = QApplication.instance()
    made = existing if isinstance(existing, QApplication) else QApplication(["tests"])
    made.setStyle("Fusion")
    return made


def leaks(application: QApplication, before: set[int]) -> list[str]:
    """Return what still runs: timers that tick and threads that were not there before."""
    found = []
    for widget in application.topLevelWidgets():
        timers = [timer for timer in widget.findChildren(QTimer) if timer.isActive() and not timer.isSingleShot()]
        found += [f"timer of {type(widget).__name__} every {timer.interval()} ms" for timer in timers]
    found += [f"thread {thread.name}" for thread in threading.enumerate() if thread.ident not in before]
    return found


@pytest.fixture(autouse=True)
def nothing_leaks(application: QApplication) -> Iterator[None]:
    before = {thread.ident for thread in threading.enumerate() if thread.ident is not None}
    yield
    application.processEvents()
    # A worker may have told its answer and be on its last line.
    end = time.monotonic() + 1.0
    while (found := leaks(application, before)) and time.monotonic() < end:
        application.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    for widget in application.topLevelWidgets():
        widget.close()
        widget.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    application.processEvents()
    assert not found, f"left running: {found}"


@pytest.fixture
def wait_until(application: QApplication) -> Callable[[Callable[[], bool]], None]:
    """Process events until a condition holds; fails after five seconds."""

    def wait(condition: Callable[[], bool], seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            application.processEvents()
            QTimer.singleShot(2, lambda: None)
            application.sendPostedEvents()

    return wait
