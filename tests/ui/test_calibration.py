from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from dancecoach.clock import ManualClock
from dancecoach.config import Latency
from dancecoach.errors import SourceError
from dancecoach.ui.calibration import CalibrationView

from . import fake

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def measuring() -> fake.FakeCalibration:
    return fake.FakeCalibration()


@pytest.fixture
def view(application: object, measuring: fake.FakeCalibration) -> Iterator[CalibrationView]:
    made = CalibrationView(measuring, device_names=("Front camera", "Microphone"), clock=ManualClock(12.5))
    made.resize(900, 600)
    made.show()
    yield made
    made.close()


def brightness(view: CalibrationView) -> float:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    return float(np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)[:, : image.width()].mean())


def test_flashes_fill_the_window_and_are_reported_once(
    view: CalibrationView, measuring: fake.FakeCalibration, wait_until: Wait
) -> None:
    view.flash_button.click()
    assert measuring.calls == [("start", "flash")]
    wait_until(lambda: view.pages.currentIndex() == 1)
    assert brightness(view) < 10
    for expected in (1, 2):
        measuring.now = fake.FakeState("measuring", 0.5, True, "Hold still.")
        wait_until(lambda: view.flash.white)
        assert brightness(view) > 240
        assert measuring.calls.count(("flash_painted", 12.5)) == expected
        measuring.now = fake.FakeState("measuring", 0.5, False, "Hold still.")
        wait_until(lambda: not view.flash.white)


def test_claps_show_what_was_heard_and_seen(
    view: CalibrationView, measuring: fake.FakeCalibration, wait_until: Wait
) -> None:
    view.clap_button.click()
    measuring.now = fake.FakeState("measuring", 0.5, message="Clap on.", seen=3, heard=4)
    wait_until(lambda: view.clap_progress.value() == 50)
    assert view.clap_counts.text() == "heard 4 · seen 3" and view.clap_message.text() == "Clap on."


def test_the_result_can_be_edited_and_accepted(
    view: CalibrationView, measuring: fake.FakeCalibration, wait_until: Wait
) -> None:
    given: list[Latency] = []
    view.accepted.connect(given.append)
    view.start("clap")
    measuring.now = fake.FakeState("done", 1.0, result=Latency(0.072, 0.004, 0.043, 0.003, 0.028, 0.005))
    wait_until(lambda: view.pages.currentIndex() == 3)
    view.editor.spins["audio_output"].setValue(650)
    view.accept_button.click()
    assert ("accept",) in measuring.calls
    (latency,) = given
    assert (latency.camera, latency.camera_sd) == (0.072, 0.004)
    assert latency.audio_output == 0.65 and latency.calibrated


def test_escape_cancels(view: CalibrationView, measuring: fake.FakeCalibration) -> None:
    view.start("flash")
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert measuring.calls[-1] == ("cancel",) and view.pages.currentIndex() == 0
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.isVisible()


def test_closing_cancels(view: CalibrationView, measuring: fake.FakeCalibration) -> None:
    view.start("clap")
    view.close()
    assert measuring.calls[-1] == ("cancel",)


def test_a_failure_is_told(view: CalibrationView, measuring: fake.FakeCalibration, wait_until: Wait) -> None:
    view.start("flash")
    measuring.now = fake.FakeState("failed", message="No flash was seen. Turn the screen up.")
    wait_until(lambda: view.pages.currentIndex() == 0)
    assert view.problem.text() == "No flash was seen. Turn the screen up."


def test_a_refused_start_is_told(view: CalibrationView, measuring: fake.FakeCalibration) -> None:
    def refuse(method: str) -> None:
        raise SourceError("There is no microphone.", "Plug one in.")

    measuring.start = refuse  # type: ignore[method-assign]
    view.start("flash")
    assert view.problem.text() == "There is no microphone. Plug one in."
