from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from dancecoach.clock import SystemClock
from dancecoach.config import Settings
from dancecoach.errors import SourceError
from dancecoach.ui import platform
from dancecoach.ui.application import RunOptions, run
from dancecoach.ui.main_window import MainWindow
from dancecoach.ui.platform import no_display_reason, prefer_pyside_plugins

from . import fake

pytestmark = pytest.mark.usefixtures("application")


class LiveCoach(fake.FakeCoach):
    def __init__(self) -> None:
        super().__init__()
        self.clock = SystemClock()  # type: ignore[assignment]
        self.thread = threading.get_ident()


def test_runs_takes_its_picture_and_stops_the_engine(tmp_path: Path) -> None:
    made: list[LiveCoach] = []

    def factory() -> LiveCoach:
        made.append(LiveCoach())
        return made[0]

    path = tmp_path / "shot.png"
    code = run(factory, Settings(), options=RunOptions(quit_after=0.6, screenshot=path, size=(800, 450)))
    assert code == 0
    (coach,) = made
    assert coach.thread != threading.get_ident(), "the engine is built beside the window"
    assert [call[0] for call in coach.calls] == ["start", "stop"]
    assert coach.paints, "its picture was painted"
    image = QImage(str(path))
    assert (image.width(), image.height()) == (800, 450)


def test_an_engine_that_cannot_be_made_is_told_in_the_window() -> None:
    def factory() -> LiveCoach:
        raise SourceError("The pose network is missing.", "Install the program again.")

    seen: list[str] = []

    def look() -> None:
        (window,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())
        seen.extend(notice.text for notice in window.coach.snapshot().notices)

    QTimer.singleShot(300, look)
    assert run(factory, Settings(), options=RunOptions(quit_after=0.5)) == 1
    assert seen == ["The pose network is missing."]


def test_an_unexpected_error_is_logged_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    before = sys.excepthook

    def fail() -> None:
        raise ValueError("nobody expected this")

    def look() -> None:
        (window,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())
        assert window.stage._message is not None
        seen.append(window.stage._message[0].text)

    QTimer.singleShot(200, fail)
    QTimer.singleShot(350, look)
    with caplog.at_level(logging.ERROR):
        assert run(LiveCoach, Settings(), options=RunOptions(quit_after=0.5)) == 0
    assert seen and seen[0].startswith("Something went wrong: ValueError")
    assert any(record.exc_info for record in caplog.records)
    assert sys.excepthook is before


def test_closing_the_window_ends_the_run() -> None:
    def close() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, MainWindow):
                widget.close()

    QTimer.singleShot(200, close)
    assert run(LiveCoach, Settings(), options=RunOptions(quit_after=20.0)) == 0


def test_a_screenshot_that_cannot_be_saved_fails(tmp_path: Path) -> None:
    options = RunOptions(quit_after=0.3, screenshot=tmp_path / "no" / "such" / "folder.png")
    assert run(LiveCoach, Settings(), options=options) == 1


def test_no_display_is_said_before_qt_would_abort() -> None:
    assert "no display" in (no_display_reason({}, "linux") or "")
    assert "does not answer" in (no_display_reason({"DISPLAY": ":9876"}, "linux") or "")
    assert no_display_reason({"QT_QPA_PLATFORM": "offscreen"}, "linux") is None
    assert no_display_reason({"WAYLAND_DISPLAY": "wayland-0"}, "linux") is None
    assert no_display_reason({}, "darwin") is None
    assert no_display_reason({"QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": "wayland-0"}, "linux") is not None


def test_a_display_that_listens_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "_X_SOCKETS", tmp_path)
    monkeypatch.setattr(platform, "_missing_library", lambda: "")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "X4321"))
        server.listen()
        assert no_display_reason({"DISPLAY": ":4321"}, "linux") is None
        monkeypatch.setattr(platform, "_missing_library", lambda: "libxcb-icccm.so.4")
        assert "libxcb-icccm.so.4 is missing" in (no_display_reason({"DISPLAY": ":4321"}, "linux") or "")


def test_no_display_ends_with_a_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("dancecoach.ui.application.no_display_reason", lambda: no_display_reason({}, "linux"))
    assert run(LiveCoach, Settings()) == 2
    assert "no display" in capsys.readouterr().err


def test_opencv_s_plugins_are_not_used_but_others_are() -> None:
    environment = {
        "QT_QPA_PLATFORM_PLUGIN_PATH": str(Path("site-packages", "cv2", "qt", "plugins")),
        "QT_QPA_FONTDIR": str(Path("site-packages", "cv2", "qt", "fonts")),
        "QT_PLUGIN_PATH": "/opt/qt/plugins",
    }
    prefer_pyside_plugins(environment)
    assert environment == {"QT_PLUGIN_PATH": "/opt/qt/plugins"}


def test_the_main_window_does_not_load_what_is_not_needed_yet() -> None:
    late = ("pyqtgraph", "PySide6.QtMultimedia", "cv2")
    code = f"import sys, dancecoach.ui.application; print([name for name in {late} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"
