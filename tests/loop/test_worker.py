"""A worker restarts after a failure and says so; in tests it raises; it stops promptly."""

import threading
import time

import pytest

from dancecoach.bench.pulse import poll
from dancecoach.loop import worker as module
from dancecoach.loop.worker import Worker


@pytest.fixture
def forgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DANCECOACH_STRICT")
    monkeypatch.setattr(module, "_PAUSES", (0.01, 0.02))


@pytest.mark.usefixtures("forgiving")
def test_a_failing_step_is_told_and_started_again() -> None:
    told: list[tuple[str, str | None]] = []
    steps = iter(range(1000))
    done, finished = threading.Event(), threading.Event()
    worker: Worker

    def step() -> None:
        number = next(steps)
        if number in (1, 2, 5):
            raise ValueError("out of tune")
        if number > 8:
            done.set()
        worker.stopping.wait(0.001)

    def failed(name: str, error: Exception | None) -> None:
        told.append((name, None if error is None else str(error)))

    worker = Worker("pose", step, finished.set, failed)
    worker.start()
    assert done.wait(5.0)
    worker.ask_to_stop()
    worker.join()
    assert finished.is_set()
    assert told[0] == ("pose", "out of tune")
    assert told[-1] == ("pose", None)  # it runs again
    assert told.count(("pose", "out of tune")) >= 2


@pytest.mark.usefixtures("forgiving")
def test_it_stops_within_the_pause_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (30.0,))
    failed = threading.Event()

    def step() -> None:
        raise ValueError

    worker = Worker("assess", step, None, lambda _name, _error: failed.set())
    worker.start()
    assert failed.wait(5.0)
    began = time.perf_counter()
    worker.ask_to_stop()
    worker.join()
    assert time.perf_counter() - began < 1.0


def test_in_tests_it_raises_and_still_finishes(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_type))
    monkeypatch.setenv("DANCECOACH_STRICT", "1")
    finished = threading.Event()
    told: list[str] = []

    def step() -> None:
        raise ValueError

    worker = Worker("listen", step, finished.set, lambda name, _error: told.append(name))
    worker.start()
    assert finished.wait(5.0)
    worker.join()
    assert raised == [ValueError]
    assert told == []


def test_it_can_be_started_again_and_never_started() -> None:
    count: list[int] = []
    worker = Worker("capture", lambda: count.append(1))
    worker.ask_to_stop()
    worker.join()
    for _ in range(2):
        before = len(count)
        worker.start()
        assert poll(lambda before=before: len(count) > before, 5.0)  # type: ignore[misc]
        worker.ask_to_stop()
        worker.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "dancecoach capture"]
