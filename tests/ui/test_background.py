from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from dancecoach.errors import RecordingError
from dancecoach.ui.background import Background, sentence

from .conftest import leaks

Wait = Callable[[Callable[[], bool]], None]
pytestmark = pytest.mark.usefixtures("application")


def test_answers_arrive_in_the_qt_thread(wait_until: Wait) -> None:
    threads: list[int] = []
    results: list[object] = []

    def work(report: Callable[[float], bool]) -> bool:
        threads.append(threading.get_ident())
        return report(0.5)

    def done(result: bool) -> None:
        threads.append(threading.get_ident())
        results.append(result)

    shares: list[float] = []
    job = Background(work, done, progress=shares.append).start()
    wait_until(lambda: bool(results))
    assert results == [True] and shares == [0.5]
    assert threads[0] != threads[1] == threading.get_ident()
    assert job.join(1.0)


def test_a_job_notices_that_it_is_cancelled(wait_until: Wait) -> None:
    begun = threading.Event()

    def work(report: Callable[[float], bool]) -> str:
        while report(0.1):
            begun.set()
        return "stopped"

    job = Background(work).start()
    assert begun.wait(5.0)
    job.cancel()
    assert job.join(5.0) and job.cancelled


def test_a_forgotten_job_calls_nobody(application: QApplication) -> None:
    go_on = threading.Event()
    answers: list[object] = []
    job = Background(lambda report: go_on.wait(5.0), answers.append).start()
    job.forget()
    go_on.set()
    assert job.join(5.0)
    application.processEvents()
    assert answers == []


def test_errors_are_one_sentence() -> None:
    assert sentence(RecordingError("The disk is full.", "Free some space.")) == "The disk is full. Free some space."
    assert sentence(KeyError("x")) == "Something went wrong: KeyError. Details are in the log."
    assert "No space" in sentence(OSError(28, "No space left on device"))


def test_leaks_are_found(application: QApplication) -> None:
    from PySide6.QtCore import QTimer

    before = {thread.ident for thread in threading.enumerate() if thread.ident is not None}
    widget = QWidget()
    timer = QTimer(widget)
    timer.start(1000)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    found = leaks(application, before)
    stop.set()
    thread.join()
    timer.stop()
    assert found == ["timer of QWidget every 1000 ms", "thread forgotten"]
    assert leaks(application, before) == []
