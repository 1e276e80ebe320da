"""The menus that choose camera, sound and music."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLineEdit, QMenu

from dancecoach.ui.services import Device

if TYPE_CHECKING:
    from dancecoach.ui.main_window import MainWindow

MUSIC = "Music (*.mp3 *.ogg *.opus *.flac *.wav *.m4a *.aac *.wma *.aiff);;All files (*)"
VIDEO = "Video (*.mp4 *.mov *.mkv *.webm *.avi *.m4v);;All files (*)"


class InputMenus:
    """Fills the menus of the control bar when they open and hands the choice to the engine."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        bar = window.bar
        bar.camera_menu.aboutToShow.connect(self.fill_cameras)
        bar.sound_menu.aboutToShow.connect(self.fill_sounds)
        bar.music_menu.aboutToShow.connect(self.fill_music)

    def fill_cameras(self) -> None:
        """List the cameras there are now."""
        menu, window = self._window.bar.camera_menu, self._window
        menu.clear()
        self._devices(menu, "Default camera", window.services.list_cameras(), window.settings.camera, self.use_camera)
        menu.addSeparator()
        menu.addAction("Network camera…", self.choose_network_camera)
        menu.addAction("Video file…", self.choose_video)
        menu.addAction("Recorded session…", self.choose_session)
        self._choice(menu, "No camera", window.settings.camera == "none", lambda: self.use_camera("none"))

    def fill_sounds(self) -> None:
        """List the microphones and monitors there are now."""
        menu, window = self._window.bar.sound_menu, self._window
        menu.clear()
        inputs = window.services.list_audio_inputs()
        self._devices(menu, "Default microphone", inputs, window.settings.audio, self.use_audio)
        menu.addSeparator()
        menu.addAction("Sound file…", self.choose_sound)
        self._choice(menu, "No sound", window.settings.audio == "none", lambda: self.use_audio("none"))

    def fill_music(self) -> None:
        """Offer to open or take out the music, and what to compare with."""
        menu = self._window.bar.music_menu
        menu.clear()
        menu.addAction("Open music…", self.choose_music)
        action = menu.addAction("Take the music out", lambda: self._window.attempt(self._window.coach.unload_music))
        action.setEnabled(self._window.coach.snapshot().music is not None)
        menu.addSeparator()
        menu.addMenu(self._window.bar.reference_menu)

    def _devices(
        self, menu: QMenu, default: str, devices: Sequence[Device], current: str, use: Callable[[str], None]
    ) -> None:
        self._choice(menu, default, current == "", lambda: use(""))
        for device in devices:
            name, spec = device.name, device.id
            self._choice(menu, name, current in (spec, name), partial(use, spec))

    def _choice(self, menu: QMenu, text: str, chosen: bool, act: Callable[[], None]) -> QAction:
        action = menu.addAction(text.replace("&", "&&"), act)
        action.setCheckable(True)
        action.setChecked(chosen)
        return action

    def use_camera(self, spec: str) -> None:
        """Switch the camera and remember it."""
        self._window.change(camera=spec)
        self._window.attempt(lambda: self._window.coach.use_camera(spec))

    def use_audio(self, spec: str) -> None:
        """Switch the sound and remember it."""
        self._window.change(audio=spec)
        self._window.attempt(lambda: self._window.coach.use_audio(spec))

    def choose_network_camera(self) -> None:
        """Ask for an address."""
        current = self._window.settings.camera
        start = current if "://" in current else "http://"
        text, accepted = QInputDialog.getText(
            self._window,
            "Network camera",
            "Address (http://… or rtsp://…):",
            QLineEdit.EchoMode.Normal,
            start,
        )
        if accepted and "://" in text and not text.endswith("://"):
            self.use_camera(text.strip())

    def choose_video(self) -> None:
        """Ask for a video file."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open a video", "", VIDEO)
        if path:
            self.use_camera(path)

    def choose_session(self) -> None:
        """Ask for the folder of a recorded session."""
        start = self._window.settings.sessions or str(self._window.services.sessions_folder)
        path = QFileDialog.getExistingDirectory(self._window, "Open a recorded session", start)
        if path:
            self.use_camera(path)

    def choose_sound(self) -> None:
        """Ask for a sound file to listen to."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open a sound file", "", MUSIC)
        if path:
            self.use_audio(path)

    def choose_music(self) -> None:
        """Ask for a music file to play."""
        start = str(Path.home())
        path, _ = QFileDialog.getOpenFileName(self._window, "Open music", start, MUSIC)
        if path:
            self._window.attempt(lambda: self._window.coach.load_music(path))
