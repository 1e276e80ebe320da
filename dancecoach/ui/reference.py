"""The menu that chooses a reference motion."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

from dancecoach.types import Notice
from dancecoach.ui.background import Background, sentence

if TYPE_CHECKING:
    from dancecoach.ui.main_window import MainWindow

MOTION = "Motion (*.bvh *.bvh.gz *.npz);;All files (*)"


def ask_motion(parent: QWidget) -> str:
    """Ask for a motion file; "" when none was chosen."""
    return QFileDialog.getOpenFileName(parent, "Open a reference motion", str(Path.home()), MOTION)[0]


def ask_session(parent: QWidget, start: str) -> str:
    """Ask for the folder of a session; "" when none was chosen."""
    return QFileDialog.getExistingDirectory(parent, "Open a recorded session as the reference", start)


class ReferenceMenu:
    """Hands a reference to the engine, beside the window, and remembers it once the engine has taken it."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._job: Background | None = None
        window.bar.reference_menu.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Offer what can be a reference."""
        menu, current = self._window.bar.reference_menu, self._window.settings.reference
        menu.clear()
        if current:
            action = menu.addAction(Path(current).name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(True)
            action.setToolTip(current)
            action.triggered.connect(lambda: self.use(current))
            menu.addSeparator()
        menu.addAction("Motion file (BVH, NPZ)…", self.choose_file)
        menu.addAction("Recorded session…", self.choose_session)
        menu.addAction("No reference", partial(self.use, "")).setEnabled(bool(current))

    def choose_file(self) -> None:
        """Ask for a motion file."""
        path = ask_motion(self._window)
        if path:
            self.use(path)

    def choose_session(self) -> None:
        """Ask for the folder of a recorded session."""
        start = self._window.settings.sessions or str(self._window.services.sessions_folder)
        path = ask_session(self._window, start)
        if path:
            self.use(path)

    def use(self, path: str) -> None:
        """Compare with this motion from now on; "" with none."""
        if self._job is not None:
            return
        coach = self._window.coach
        self._job = Background(
            lambda report: coach.use_reference(path) if path else coach.clear_reference(),
            lambda result: self._done(path),
            self._failed,
        ).start()

    def _done(self, path: str) -> None:
        self._job = None
        self._window.change(reference=path)
        self._window.say(f"Reference: {Path(path).name}" if path else "No reference: dancing is judged by itself.")

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._window.stage.say(Notice("reference", sentence(error), "", "error"), 8.0)

    def stop(self) -> None:
        """Wait for the engine to have taken the reference."""
        if self._job is not None:
            self._job.forget()
            self._job.join()
