"""Sets up Qt, shows the window at once, builds the engine beside it, and takes everything down again."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal

from dancecoach.clock import Clock
from dancecoach.config import Settings
from dancecoach.errors import DancecoachError
from dancecoach.ui.platform import no_display_reason, prefer_pyside_plugins
from dancecoach.ui.services import Services

if sys.platform.startswith("linux"):
    # Before Qt is imported: OpenCV may have been already.
    prefer_pyside_plugins()

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from dancecoach.types import Notice
from dancecoach.ui.background import Background, sentence
from dancecoach.ui.coach import Coach, IdleCoach
from dancecoach.ui.main_window import MainWindow

__all__ = ["RunOptions", "no_display_reason", "run"]

log = logging.getLogger(__name__)

_JOIN_SECONDS = 20.0  # for an engine that is still being built when the window is closed
_TURN = 0.001  # s that a thread may keep the interpreter while another wants it; the pose must not wait


@dataclass(frozen=True)
class RunOptions:
    """How to run: leave `quit_after` s once ready; `screenshot` a file for the last picture; `size` in pixels."""

    fullscreen: bool = False
    quit_after: float | None = None
    screenshot: Path | None = None
    view: Literal["main", "review", "calibration"] = "main"
    size: tuple[int, int] | None = None


class _Hooks(QObject):
    """Turns an exception nobody caught into a line in the log and a sentence on the screen."""

    happened = Signal(str)

    def install(self) -> None:
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._hook
        threading.excepthook = self._thread_hook

    def remove(self) -> None:
        sys.excepthook, threading.excepthook = self._before

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        log.error("unexpected error", exc_info=(kind, error, trace))
        self.happened.emit(sentence(error))

    def _thread_hook(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self._hook(args.exc_type, args.exc_value, args.exc_traceback)


class _Run:
    """One run of the program, from the first window to the last joined thread."""

    def __init__(
        self,
        engine_factory: Callable[[], Coach],
        settings: Settings,
        services: Services,
        options: RunOptions,
        clock: Clock | None,
    ) -> None:
        self._options = options
        self._engine: Coach | None = None
        self._engine_factory = engine_factory
        self.code = 0
        starting = Notice("starting", "Starting…", "Camera and sound are being opened.", "info")
        self.window = MainWindow(IdleCoach(starting, clock), settings, services, clock)
        self.window.resize(*(options.size or (1280, 720)))
        self.hooks = _Hooks()
        self.hooks.happened.connect(lambda text: self.window.stage.say(Notice("error", text, "", "error"), 10.0))
        self._building: Background | None = None
        self._started = time.perf_counter()
        self._wait_for_paint: QTimer | None = None

    def begin(self) -> None:
        """Show the window, then build the engine beside it."""
        if self._options.fullscreen or self.window.settings.fullscreen:
            self.window.showFullScreen()
        else:
            self.window.show()
        self.window.start()
        self._building = Background(lambda report: self._build(), self._ready, self._failed)
        # Once the window is on the screen: building keeps the interpreter busy.
        QTimer.singleShot(0, self.window, self._building.start)

    def _quit_later(self) -> None:
        if self._options.quit_after is not None:
            QTimer.singleShot(int(1000 * self._options.quit_after), self.window, self.quit)

    def _build(self) -> Coach:
        engine = self._engine_factory()
        self._engine = engine
        engine.start()
        return engine

    def _ready(self, engine: Coach) -> None:
        self._quit_later()
        self.window.set_coach(engine)
        log.info("engine ready %.2f s after the window", time.perf_counter() - self._started)
        if self._options.view == "review":
            self.window.perform("open_review")
        elif self._options.view == "calibration":
            self.window.perform("open_calibration")

    def _failed(self, error: BaseException) -> None:
        self._quit_later()
        self.code = 1
        problem, remedy = (
            (error.problem, error.remedy) if isinstance(error, DancecoachError) else (sentence(error), "")
        )
        self.window.set_coach(IdleCoach(Notice("failed", problem, remedy, "error")))

    def quit(self) -> None:
        """Take the picture that was asked for and leave."""
        if self._options.screenshot is not None:
            shown: QWidget = self.window
            for other in QApplication.topLevelWidgets():
                if other is not self.window and other.isVisible() and other.isWindow():
                    shown = other
            if not shown.grab().save(str(self._options.screenshot)):
                log.error("the screenshot cannot be saved to %s", self._options.screenshot)
                self.code = 1
        QApplication.quit()

    def end(self) -> None:
        """Stop everything that was started; no thread or timer is left."""
        self.window.stop()
        self.window.hide()
        if self._building is not None:
            self._building.forget()
            if not self._building.join(_JOIN_SECONDS):
                log.error("the engine did not finish starting")
        if self._engine is not None:
            self._engine.stop()
        self.window.deleteLater()


def run(
    engine_factory: Callable[[], Coach],
    settings: Settings,
    services: Services | None = None,
    options: RunOptions | None = None,
    clock: Clock | None = None,
) -> int:
    """Show the window until it is closed.

    Parameters
    ----------
    engine_factory : callable
        Makes the engine; called in a worker thread once the window is up, then `start` and, at the end, `stop`
        are called on what it returns. A `DancecoachError` it raises is shown in the window.
    settings : Settings
        The settings to begin with.
    services : Services
        Device lists, settings store, review store.
    options : RunOptions
        How to run.
    clock : Clock
        The clock of the engine's times; the system's by default.

    Returns
    -------
    int
        Exit status: 0; 1 when the engine could not be made or the screenshot not be saved; 2 without a display.
    """
    reason = no_display_reason()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    sys.setswitchinterval(_TURN)
    # Again: the caller may have imported OpenCV since this module was.
    prefer_pyside_plugins()
    application = QApplication.instance() or QApplication(["dancecoach"])
    assert isinstance(application, QApplication)
    application.setApplicationName("dancecoach")
    # The same everywhere, and it takes its colours from the palette.
    application.setStyle("Fusion")
    application.setQuitOnLastWindowClosed(True)
    work = _Run(engine_factory, settings, services or Services(), options or RunOptions(), clock)
    work.hooks.install()
    # Not at once: the signal may come in the middle of a paint, where no picture can be taken.
    before = _on_signals(lambda: QTimer.singleShot(0, work.window, work.quit))
    try:
        work.begin()
        application.exec()
    finally:
        work.end()
        application.processEvents()
        work.hooks.remove()
        for number, handler in before:
            signal.signal(number, handler)
    return work.code


_Handler = Callable[[int, FrameType | None], object] | int | None


def _on_signals(leave: Callable[[], None]) -> list[tuple[signal.Signals, _Handler]]:
    """Leave in good order on Ctrl+C and on a polite request to end; the paint timer lets Python see them."""
    if threading.current_thread() is not threading.main_thread():
        return []
    handlers: list[tuple[signal.Signals, _Handler]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        handlers.append((number, signal.getsignal(number)))
        signal.signal(number, lambda *_: leave())
    return handlers
