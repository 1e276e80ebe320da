from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton

from dancecoach.config import Latency, Settings
from dancecoach.ui.services import Services
from dancecoach.ui.settings_dialog import LatencyEditor, SettingsDialog

pytestmark = pytest.mark.usefixtures("application")


@dataclass
class Device:
    name: str
    id: str


SERVICES = Services(
    list_cameras=lambda: [Device("Front", "0"), Device("Back", "1")],
    list_audio_inputs=lambda: [Device("Microphone", "m")],
    list_audio_outputs=lambda: [Device("Headphones", "h")],
)


def test_untouched_settings_come_back_as_they_were() -> None:
    latency = Latency(0.08, 0.003, 0.2, 0.01, 0.04, 0.005, "2026-01-01")
    for camera in ("", "1", "Back", "none", "http://10.0.0.4/video", "Gone camera"):
        settings = Settings(camera=camera, audio="m", theme="light", record_video=True).with_latency(
            camera, "m", latency
        )
        assert SettingsDialog(settings, SERVICES).settings() == settings


def test_styles_of_the_partner_are_offered_once_there_are_several() -> None:
    assert SettingsDialog(Settings(), SERVICES).partner_style.isHidden()
    services = dataclasses.replace(SERVICES, list_styles=lambda: ("salsa", "tango"))
    dialog = SettingsDialog(Settings(partner_style="tango"), services)
    assert not dialog.partner_style.isHidden() and dialog.settings().partner_style == "tango"
    dialog.partner_style.setCurrentIndex(0)
    assert dialog.settings().partner_style == "salsa"
    gone = Settings(partner_style="deleted")
    assert SettingsDialog(gone, SERVICES).settings() == gone


def test_what_the_coach_says_is_switched_here() -> None:
    settings = Settings(cues=False, heat_map=False, speak=True, speech_volume=0.333, reference="/motion/a.bvh")
    assert SettingsDialog(settings, SERVICES).settings() == settings
    dialog = SettingsDialog(settings, SERVICES)
    dialog.volume.setValue(50)
    dialog.speak.setChecked(False)
    buttons = {button.accessibleName(): button for button in dialog.findChildren(QPushButton)}
    buttons["No reference"].click()
    changed = dialog.settings()
    assert (changed.speech_volume, changed.speak, changed.reference) == (0.5, False, "")


def test_a_reference_is_chosen_from_files_and_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = SettingsDialog(Settings(reference="old"), SERVICES)
    buttons = {button.text(): button for button in dialog.findChildren(QPushButton)}
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *arguments: ("", ""))
    buttons["File…"].click()
    assert dialog.reference.text() == "old", "nothing chosen, nothing changed"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *arguments: ("/a.npz", ""))
    buttons["File…"].click()
    assert dialog.reference.text() == "/a.npz"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *arguments: "/sessions/one")
    buttons["Session…"].click()
    assert dialog.reference.text() == "/sessions/one"


def test_without_a_voice_the_switch_says_so() -> None:
    dialog = SettingsDialog(Settings(speak=True), SERVICES, None, "This computer has no voice.")
    assert not dialog.speak.isEnabled() and not dialog.volume.isEnabled()
    assert dialog.no_voice.text() == "This computer has no voice."
    assert dialog.settings().speak, "the wish is kept for a computer with a voice"
    assert SettingsDialog(Settings(), SERVICES).speak.isEnabled()


def test_a_camera_that_is_not_plugged_in_stays_chosen() -> None:
    dialog = SettingsDialog(Settings(camera="Gone"), SERVICES)
    assert dialog.camera.currentText() == "Gone (not found)"


def test_an_address_wins_over_the_list() -> None:
    dialog = SettingsDialog(Settings(camera="1"), SERVICES)
    dialog.address.setText("http://")
    assert dialog.settings().camera == "1"
    dialog.address.setText("rtsp://host/1")
    assert dialog.settings().camera == "rtsp://host/1"


def test_delays_belong_to_the_pair_of_devices() -> None:
    settings = Settings().with_latency("1", "", Latency(camera=0.111))
    dialog = SettingsDialog(settings, SERVICES)
    assert dialog.latency.spins["camera"].value() == 60
    dialog.camera.setCurrentText("Back")
    assert dialog.latency.spins["camera"].value() == 111


def test_delays_reach_a_second_either_way() -> None:
    editor = LatencyEditor(Latency(0.06, 0.004, 0.65, 0.01, 0.03, None))
    assert editor.spreads["camera"].text() == "± 4 ms" and editor.spreads["display"].text() == "not measured"
    editor.spins["audio_output"].setValue(5000)
    assert editor.spins["audio_output"].value() == 1000
    editor.spins["audio_output"].setValue(-1000)
    edited = editor.latency()
    assert edited.audio_output == -1.0 and edited.audio_output_sd is None, "a delay typed in has no spread"
    assert (edited.camera, edited.camera_sd) == (0.06, 0.004)


def test_the_partner_is_switched_here() -> None:
    settings = Settings(partner=True, partner_view="in the mirror", partner_role="leader", partner_ghost=4)
    assert SettingsDialog(settings, SERVICES).settings() == settings
    dialog = SettingsDialog(Settings(), SERVICES)
    dialog.partner.setChecked(True)
    dialog.partner_ghost.setCurrentText("in 2 counts")
    assert (dialog.settings().partner, dialog.settings().partner_ghost) == (True, 2)
