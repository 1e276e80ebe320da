"""Stage timers say how long, how often, how many dropped."""

import threading

import numpy as np
import pytest

from dancecoach.loop import timing
from dancecoach.loop.timing import StageTimer, Timers


class Counter:
    """Stands in for `time.perf_counter`."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter()
    monkeypatch.setattr(timing, "time", made)
    return made


def test_percentiles_rate_and_drops(counter: Counter) -> None:
    timer = StageTimer()
    assert timer.timing() is None
    assert np.isnan(timer.percentiles((50, 95))).all()
    for number in range(300):
        counter.now += 1 / 30
        timer.add(float(number % 100))
    read = timer.timing(dropped=3)
    assert read is not None
    assert (read.p50_ms, read.p95_ms) == (pytest.approx(49.5), pytest.approx(94.05))
    assert read.rate == pytest.approx(30, abs=0.2)
    assert read.dropped == 3


def test_a_stage_that_stopped_has_no_rate_but_keeps_its_last_durations(counter: Counter) -> None:
    timer = StageTimer()
    timer.add(5.0)
    counter.now += 60.0
    read = timer.timing()
    assert read is not None
    assert (read.p50_ms, read.rate) == (5.0, 0.0)
    timer.clear()
    assert timer.timing() is None
    assert timer.count == 1


def test_a_with_statement_is_timed_also_when_it_raises(counter: Counter) -> None:
    timers = Timers()
    with pytest.raises(ZeroDivisionError), timers["pose"].measure():
        counter.now += 0.25
        _ = 1 / 0
    assert timers["pose"].percentiles((50,)) == (pytest.approx(250.0),)
    assert list(timers) == ["pose"]
    assert len(timers) == 1


def test_timers_may_be_read_while_they_are_made() -> None:
    timers, stop, seen = Timers(), threading.Event(), threading.Event()
    failed: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                [timers[name].timing() for name in timers]
            except RuntimeError as error:
                failed.append(error)
            seen.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert seen.wait(5.0)
    for number in range(500):
        timers[str(number)].add(1.0)
    stop.set()
    thread.join()
    assert failed == []
    assert len(timers) == 500
