"""Settings: inputs by name, looks, recording, and the delays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from dancecoach.config import PARTNER_GHOSTS, PARTNER_ROLES, PARTNER_VIEWS, THEMES, Latency, Settings
from dancecoach.ui.reference import ask_motion, ask_session
from dancecoach.ui.services import Device, Services
from dancecoach.ui.words import ghost_words

DELAYS = (("camera", "Camera"), ("audio_output", "Sound output"), ("display", "Screen"))


class LatencyEditor(QWidget):
    """Three delays in milliseconds, ±1000, each with its measured spread beside it."""

    def __init__(self, latency: Latency, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        self.spins: dict[str, QDoubleSpinBox] = {}
        self.spreads: dict[str, QLabel] = {}
        for field, name in DELAYS:
            spin = QDoubleSpinBox()
            spin.setRange(-1000.0, 1000.0)
            spin.setDecimals(0)
            spin.setSingleStep(5.0)
            spin.setSuffix(" ms")
            spin.setAccessibleName(f"{name} delay in milliseconds")
            spread = QLabel()
            spread.setProperty("role", "muted")
            row = QHBoxLayout()
            row.addWidget(spin, 1)
            row.addWidget(spread, 1)
            form.addRow(f"{name} delay", row)
            self.spins[field], self.spreads[field] = spin, spread
        self.set_latency(latency)

    def set_latency(self, latency: Latency) -> None:
        """Show these delays."""
        self._latency = latency
        for field, _ in DELAYS:
            self.spins[field].setValue(1000.0 * getattr(latency, field))
            spread = getattr(latency, f"{field}_sd")
            self.spreads[field].setText("not measured" if spread is None else f"± {1000.0 * spread:.0f} ms")

    def latency(self) -> Latency:
        """Return the delays as edited; a delay changed by hand has no measured spread."""
        values: dict[str, float | None] = {}
        for field, _ in DELAYS:
            edited = self.spins[field].value() / 1000.0
            if abs(edited - getattr(self._latency, field)) > 0.0005:
                values[field] = edited
                values[f"{field}_sd"] = None
        return dataclasses.replace(self._latency, **values)  # type: ignore[arg-type]


class SettingsDialog(QDialog):
    """Edits a copy of the settings; read `settings()` once accepted. `no_voice` says why nothing can be spoken."""

    def __init__(
        self, settings: Settings, services: Services, parent: QWidget | None = None, no_voice: str = ""
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAccessibleName("Settings")
        self._settings = settings
        self.camera = _device_box("Camera", "Default camera", "No camera", services.list_cameras(), settings.camera)
        inputs = services.list_audio_inputs()
        self.audio = _device_box("Sound", "Default microphone", "No sound", inputs, settings.audio)
        self.output = QLabel(", ".join(device.name for device in services.list_audio_outputs()) or "none found")
        self.output.setWordWrap(True)
        self.address = QLineEdit(settings.camera if "://" in settings.camera else "")
        self.address.setPlaceholderText("http://… or rtsp://…")
        self.address.setAccessibleName("Address of a network camera")
        self.theme = QComboBox()
        self.theme.addItems(list(THEMES))
        self.theme.setCurrentText(settings.theme)
        self.theme.setAccessibleName("Colour theme")
        self.mirror = _check("Mirror the picture", settings.mirror)
        self.large = _check("Large type", settings.large_type)
        self.video = _check("Record the video too", settings.record_video)
        self.partner = _check("Dance with the partner", settings.partner)
        self.partner_view = _choice("View of the partner", PARTNER_VIEWS, settings.partner_view)
        self.partner_role = _choice("Role of the partner", PARTNER_ROLES, settings.partner_role)
        styles = dict.fromkeys((*services.list_styles(), settings.partner_style))
        self.partner_style = _choice("Style of the partner", tuple(styles), settings.partner_style)
        self.partner_ghost = _choice("Ghost of the partner", PARTNER_GHOSTS, settings.partner_ghost, ghost_words)
        self.count_in = _check("Count in before the music starts", settings.count_in)
        self.cues = _check("Show cues on the mirror", settings.cues)
        self.heat = _check("Show on the body where points were lost", settings.heat_map)
        self.speak = _check("Speak cues", settings.speak)
        self.speak.setEnabled(not no_voice)
        self.volume = QSpinBox()
        self.volume.setRange(0, 100)
        self.volume.setSingleStep(5)
        self.volume.setPrefix("Volume ")
        self.volume.setSuffix(" %")
        self.volume.setAccessibleName("Volume of the voice in percent")
        self.volume.setValue(round(100 * settings.speech_volume))
        self.volume.setEnabled(not no_voice)
        self.no_voice = QLabel(no_voice)
        self.no_voice.setProperty("role", "muted")
        self.no_voice.setWordWrap(True)
        self.sessions = QLineEdit(settings.sessions)
        self.sessions.setPlaceholderText(str(services.sessions_folder))
        self.sessions.setAccessibleName("Folder of the recorded sessions")
        self._folder = settings.sessions or str(services.sessions_folder)
        self.reference = QLineEdit(settings.reference)
        self.reference.setPlaceholderText("none: dancing is judged by itself")
        self.reference.setAccessibleName("Motion to compare with")
        self.latency = LatencyEditor(settings.latency_of(settings.camera, settings.audio))
        self.camera.currentIndexChanged.connect(self._pair_changed)
        self.audio.currentIndexChanged.connect(self._pair_changed)
        self.address.textChanged.connect(self._pair_changed)
        self._build()

    def _build(self) -> None:
        form = QFormLayout()
        form.addRow("Camera", self.camera)
        form.addRow("Network camera", self.address)
        form.addRow("Sound", self.audio)
        form.addRow("Loudspeakers", self.output)
        form.addRow("Theme", self.theme)
        checks = QGridLayout()
        boxes = (self.mirror, self.cues, self.large, self.heat, self.video, self.speak, self.count_in, self.volume)
        for index, box in enumerate(boxes):
            checks.addWidget(box, index // 2, index % 2)
        form.addRow("", checks)
        if self.no_voice.text():
            form.addRow("", self.no_voice)
        row = QHBoxLayout()
        row.addWidget(self.sessions, 1)
        choose = QPushButton("Choose…")
        choose.setAccessibleName("Choose the folder of the sessions")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose_folder)
        row.addWidget(choose)
        form.addRow("Sessions", row)
        form.addRow("Reference", self._reference_row())
        form.addRow("Partner", self.partner)
        choices = QHBoxLayout()
        for box in (self.partner_view, self.partner_role, self.partner_style, self.partner_ghost):
            choices.addWidget(box, 1)
        self.partner_style.setVisible(self.partner_style.count() > 1)  # nothing to choose, else
        form.addRow("", choices)
        note = QLabel("Delays of this camera with this sound. Calibrate (K) measures them.")
        note.setProperty("role", "muted")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        for button in buttons.buttons():
            button.setIcon(QIcon())
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(self.latency)
        layout.addStretch(1)
        layout.addWidget(buttons)

    def _reference_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.reference, 1)
        choices: tuple[tuple[str, str, Callable[[], str | None]], ...] = (
            ("File…", "Choose a motion file (BVH, NPZ) as the reference", lambda: ask_motion(self) or None),
            ("Session…", "Choose a recorded session as the reference", self._ask_session),
            ("Clear", "No reference", lambda: ""),
        )
        for text, name, ask in choices:
            button = QPushButton(text)
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.setAutoDefault(False)
            button.clicked.connect(partial(self._choose_reference, ask))
            row.addWidget(button)
        return row

    def _ask_session(self) -> str | None:
        return ask_session(self, self._folder) or None

    def _choose_reference(self, ask: Callable[[], str | None], *clicked: object) -> None:
        path = ask()
        if path is not None:
            self.reference.setText(path)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of the sessions", self.sessions.text())
        if path:
            self.sessions.setText(path)

    def _volume(self) -> float:
        volume = self.volume.value()
        before = self._settings.speech_volume
        return before if volume == round(100 * before) else volume / 100

    def _inputs(self) -> tuple[str, str]:
        address = self.address.text().strip()
        usable = "://" in address and not address.endswith("://")
        return address if usable else str(self.camera.currentData()), str(self.audio.currentData())

    def _pair_changed(self) -> None:
        self.latency.set_latency(self._settings.latency_of(*self._inputs()))

    def settings(self) -> Settings:
        """Return the settings as edited."""
        camera, audio = self._inputs()
        changed = dataclasses.replace(
            self._settings,
            camera=camera,
            audio=audio,
            theme=self.theme.currentText(),
            mirror=self.mirror.isChecked(),
            large_type=self.large.isChecked(),
            record_video=self.video.isChecked(),
            count_in=self.count_in.isChecked(),
            sessions=self.sessions.text().strip(),
            cues=self.cues.isChecked(),
            heat_map=self.heat.isChecked(),
            speak=self.speak.isChecked(),
            speech_volume=self._volume(),
            reference=self.reference.text().strip(),
            partner=self.partner.isChecked(),
            partner_view=self.partner_view.currentData(),
            partner_role=self.partner_role.currentData(),
            partner_style=self.partner_style.currentData(),
            partner_ghost=self.partner_ghost.currentData(),
        )
        latency = self.latency.latency()
        if latency == changed.latency_of(camera, audio):
            return changed
        return changed.with_latency(camera, audio, latency)


def _check(text: str, on: bool) -> QCheckBox:
    box = QCheckBox(text)
    box.setChecked(on)
    box.setAccessibleName(text)
    return box


def _choice(
    name: str, values: Sequence[str] | Sequence[int], current: str | int, words: Callable[[Any], str] = str
) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    for value in values:
        box.addItem(words(value), value)
    box.setCurrentIndex(max(box.findData(current), 0))
    return box


def _device_box(name: str, default: str, none: str, devices: Sequence[Device], current: str) -> QComboBox:
    """Return a choice of devices; the current one stays in it when it is not plugged in."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.addItem(default, "")
    for device in devices:
        # The settings may hold the name or the id.
        box.addItem(device.name, current if current == device.name else device.id)
    box.addItem(none, "none")
    index = box.findData(current)
    if index < 0 and "://" not in current:
        box.addItem(f"{current} (not found)", current)
        index = box.count() - 1
    box.setCurrentIndex(max(index, 0))
    return box
