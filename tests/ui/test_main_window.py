from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QFileDialog, QInputDialog, QSlider

from dancecoach.config import THEMES, Latency, Settings
from dancecoach.errors import RecordingError, SettingsError
from dancecoach.ui.calibration import CalibrationView
from dancecoach.ui.main_window import MainWindow
from dancecoach.ui.services import Services
from dancecoach.ui.settings_dialog import SettingsDialog
from dancecoach.ui.shortcuts import SHORTCUTS
from dancecoach.ui.speech import Speaker

from . import fake
from .test_speech import FakeVoice

Wait = Callable[[Callable[[], bool]], None]


@dataclass
class Device:
    name: str
    id: str


class Saved:
    def __init__(self) -> None:
        self.settings: list[Settings] = []
        self.threads: set[int] = set()

    def __call__(self, settings: Settings) -> None:
        self.settings.append(settings)
        self.threads.add(threading.get_ident())


@pytest.fixture
def coach() -> fake.FakeCoach:
    return fake.FakeCoach()


@pytest.fixture
def saved() -> Saved:
    return Saved()


@pytest.fixture
def window(application: object, coach: fake.FakeCoach, saved: Saved) -> Iterator[MainWindow]:
    services = Services(
        list_cameras=lambda: [Device("Front camera", "video:0"), Device("USB & co", "video:1")],
        list_audio_inputs=lambda: [Device("Microphone", "mic"), Device("Monitor", "loop")],
        save_settings=saved,
    )
    made = MainWindow(coach, Settings(), services, coach.clock)
    made.resize(1280, 720)
    made.show()
    QTest.qWaitForWindowActive(made)
    yield made
    made.close()


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window, key, modifier)


@pytest.mark.parametrize(
    ("key", "call"),
    [
        (Qt.Key.Key_Space, ("pause",)),
        (Qt.Key.Key_1, ("set_the_one",)),
        (Qt.Key.Key_T, ("tap_tempo",)),
        (Qt.Key.Key_H, ("halve_tempo",)),
        (Qt.Key.Key_J, ("double_tempo",)),
        (Qt.Key.Key_N, ("reset_take",)),
        (Qt.Key.Key_Backslash, ("clear_loop",)),
        (Qt.Key.Key_Minus, ("set_speed", 0.95)),
        (Qt.Key.Key_Equal, ("set_speed", 1.05)),
        (Qt.Key.Key_Comma, ("set_music_offset", -0.01)),
        (Qt.Key.Key_Period, ("set_music_offset", 0.01)),
    ],
)
def test_keys_command_the_engine(
    window: MainWindow, coach: fake.FakeCoach, key: Qt.Key, call: tuple[object, ...]
) -> None:
    press(window, key)
    assert coach.calls == [call]


def test_space_plays_what_is_paused(window: MainWindow, coach: fake.FakeCoach) -> None:
    assert coach.state.music is not None
    coach.state = dataclasses.replace(coach.state, music=dataclasses.replace(coach.state.music, playing=False))
    press(window, Qt.Key.Key_Space)
    assert coach.calls == [("play",)]


def test_space_presses_the_button_that_tab_reached(window: MainWindow, coach: fake.FakeCoach) -> None:
    window.bar.buttons["toggle_mirror"].setFocus(Qt.FocusReason.TabFocusReason)
    press(window, Qt.Key.Key_Space)
    assert coach.calls == [] and window.settings.mirror is False


def test_looks_change_and_are_kept(window: MainWindow, saved: Saved, wait_until: Wait) -> None:
    press(window, Qt.Key.Key_M)
    press(window, Qt.Key.Key_L)
    press(window, Qt.Key.Key_D)
    press(window, Qt.Key.Key_C)
    assert (window.stage.mirror, window.stage.debug) == (False, True)
    assert (window.stage.theme.name, window.stage.theme.large) == (THEMES[1], True)
    wait_until(lambda: bool(saved.settings) and saved.settings[-1] == window.settings)
    assert threading.get_ident() not in saved.threads, "no file is written in the Qt thread"


def test_settings_changed_in_the_last_moment_are_written(window: MainWindow, saved: Saved) -> None:
    for _ in range(5):
        window.perform("offset_later")
    window.close()
    assert saved.settings[-1].music_offset == pytest.approx(0.05)


def test_speed_and_offset_stay_in_range(window: MainWindow, coach: fake.FakeCoach) -> None:
    for _ in range(30):
        window.perform("slower")
    assert coach.calls[-1] == ("set_speed", 0.5)
    for _ in range(30):
        window.perform("faster")
    assert coach.calls[-1] == ("set_speed", 1.1)
    window.transport.set_offset(-7.0)
    assert coach.calls[-1] == ("set_music_offset", -1.0) and window.bar.offset.value() == -1000


def test_loop_is_set_with_two_keys(window: MainWindow, coach: fake.FakeCoach) -> None:
    assert coach.state.music is not None

    def at(position: float) -> None:
        assert coach.state.music is not None
        music = dataclasses.replace(coach.state.music, position=position, loop=None)
        coach.state = dataclasses.replace(coach.state, music=music)

    at(20.0)
    press(window, Qt.Key.Key_BracketLeft)
    at(12.0)
    press(window, Qt.Key.Key_BracketRight)
    assert coach.calls == [], "a loop that ends before it starts is none"
    at(31.5)
    press(window, Qt.Key.Key_BracketRight)
    assert coach.calls == [("set_loop", 20.0, 31.5)]


def test_recording_starts_and_stops(window: MainWindow, coach: fake.FakeCoach, wait_until: Wait) -> None:
    coach.state = dataclasses.replace(coach.state, recording=None)
    press(window, Qt.Key.Key_R)
    wait_until(lambda: window._recording_job is None)
    assert coach.calls == [("start_recording", None, False)]
    coach.state = fake.snapshot()
    press(window, Qt.Key.Key_R)
    wait_until(lambda: window._recording_job is None)
    assert coach.calls[-1] == ("stop_recording",)


def test_failures_become_a_sentence(window: MainWindow, coach: fake.FakeCoach, wait_until: Wait) -> None:
    def refuse(*arguments: object) -> None:
        raise RecordingError("The disk is full.", "Free some space.")

    coach.start_recording = refuse  # type: ignore[method-assign]
    coach.state = dataclasses.replace(coach.state, recording=None)
    press(window, Qt.Key.Key_R)
    wait_until(lambda: window.stage._message is not None)
    assert window.stage._message is not None
    assert window.stage._message[0].text == "The disk is full. Free some space."


def test_settings_that_cannot_be_written_are_told(window: MainWindow, wait_until: Wait) -> None:
    def refuse(settings: Settings) -> None:
        raise SettingsError("The settings cannot be saved.")

    window.services = dataclasses.replace(window.services, save_settings=refuse)
    press(window, Qt.Key.Key_M)
    wait_until(lambda: window.stage._message is not None)


def test_every_shortcut_has_a_command_and_words() -> None:
    keys = [key for item in SHORTCUTS for key in item.keys]
    assert len(keys) == len(set(keys))
    for item in SHORTCUTS:
        assert item.words and item.shown


def test_every_shortcut_is_a_method(window: MainWindow) -> None:
    for item in SHORTCUTS:
        assert any(callable(getattr(part, item.command, None)) for part in (window, window.transport, window.partner))


def test_help_opens_and_escape_closes_it(window: MainWindow) -> None:
    press(window, Qt.Key.Key_F1)
    assert len(window.stage.help_rows) == len(SHORTCUTS)
    press(window, Qt.Key.Key_Escape)
    assert not window.stage.help_rows


def test_full_screen_hides_the_idle_controls(window: MainWindow, coach: fake.FakeCoach) -> None:
    press(window, Qt.Key.Key_F)
    assert window.isFullScreen() and window.bar.isVisible()
    coach.clock.advance(5.0)
    window._follow()
    assert not window.bar.isVisible() and window.stage.height() == window.height()
    QTest.mouseMove(window.stage, QPoint(300, 300))
    QTest.mouseClick(window.stage, Qt.MouseButton.RightButton, pos=QPoint(310, 310))
    assert window.bar.isVisible()
    press(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen()
    coach.clock.advance(60.0)
    window._follow()
    assert window.bar.isVisible()


def test_the_timer_paints(window: MainWindow, wait_until: Wait) -> None:
    before = window.stage.paint_count
    window.start()
    wait_until(lambda: window.stage.paint_count > before + 10)
    assert window._paint_timer.interval() <= 33
    assert window._paint_timer.timerType() == Qt.TimerType.PreciseTimer


def test_the_transport_follows_the_music(window: MainWindow, coach: fake.FakeCoach) -> None:
    window._follow()
    assert window.bar.transport.isVisible()
    assert window.bar.place.text() == "1:02 / 3:20"
    assert window.bar.slider.value() == pytest.approx(3100, abs=2)
    window.bar.slider.setSliderPosition(5000)
    window.bar.slider.sliderReleased.emit()
    assert coach.calls == [("seek", 100.0)]
    coach.state = dataclasses.replace(coach.state, music=None)
    window._follow()
    assert not window.bar.transport.isVisible()


def test_spin_boxes_command_the_engine(window: MainWindow, coach: fake.FakeCoach) -> None:
    window.bar.speed.setValue(75)
    window.bar.offset.setValue(-250)
    assert coach.calls == [("set_speed", 0.75), ("set_music_offset", -0.25)]


def test_the_camera_is_chosen_by_name(window: MainWindow, coach: fake.FakeCoach) -> None:
    window.inputs.fill_cameras()
    actions = {action.text(): action for action in window.bar.camera_menu.actions()}
    assert "USB && co" in actions and "Network camera…" in actions
    assert actions["Default camera"].isChecked()
    actions["USB && co"].trigger()
    assert coach.calls == [("use_camera", "video:1")] and window.settings.camera == "video:1"
    window.inputs.fill_cameras()
    actions = {action.text(): action for action in window.bar.camera_menu.actions()}
    assert actions["USB && co"].isChecked() and not actions["Default camera"].isChecked()


def test_sound_and_files_are_chosen(
    window: MainWindow, coach: fake.FakeCoach, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.inputs.fill_sounds()
    next(action for action in window.bar.sound_menu.actions() if action.text() == "Monitor").trigger()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *arguments: ("/music/a.ogg", ""))
    window.perform("choose_music")
    monkeypatch.setattr(QInputDialog, "getText", lambda *arguments: ("rtsp://camera/1", True))
    window.inputs.choose_network_camera()
    monkeypatch.setattr(QInputDialog, "getText", lambda *arguments: ("nonsense", True))
    window.inputs.choose_network_camera()
    assert coach.calls == [("use_audio", "loop"), ("load_music", "/music/a.ogg"), ("use_camera", "rtsp://camera/1")]


def test_settings_are_used_when_accepted(window: MainWindow, coach: fake.FakeCoach) -> None:
    window.perform("open_settings")
    (dialog,) = window._windows
    assert isinstance(dialog, SettingsDialog)
    window.perform("open_settings")
    assert len(window._windows) == 1, "one of a kind"
    dialog.camera.setCurrentText("Front camera")
    dialog.theme.setCurrentText("light")
    dialog.latency.spins["display"].setValue(45.0)
    dialog.accept()
    assert ("use_camera", "video:0") in coach.calls
    (latency,) = [call[1] for call in coach.calls if call[0] == "set_latency"]
    assert latency.display == pytest.approx(0.045)
    assert window.settings.latency_of("video:0", "") == latency and window.stage.theme.name == "light"


def test_calibrated_delays_are_used_and_kept(window: MainWindow, coach: fake.FakeCoach) -> None:
    window.perform("open_calibration")
    (view,) = window._windows
    assert isinstance(view, CalibrationView)
    view.accepted.emit(Latency(0.07, 0.004))
    assert coach.calls == [("set_latency", Latency(0.07, 0.004))]
    assert window.settings.latency_of("", "").camera == 0.07


def test_review_without_a_store_says_so(window: MainWindow) -> None:
    window.perform("open_review")
    assert window.stage._message is not None


def test_every_control_has_an_accessible_name(window: MainWindow) -> None:
    for kind in (QAbstractButton, QSlider, QAbstractSpinBox):
        for control in window.bar.findChildren(kind):
            if control.isEnabled() and not control.objectName().startswith("qt_"):
                assert control.accessibleName(), control


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("size", [(800, 600), (1280, 720), (1920, 1080), (1080, 1920)])
def test_the_controls_are_readable_and_fit(application: object, size: tuple[int, int], large: bool) -> None:
    window = MainWindow(fake.FakeCoach(), Settings(large_type=large))
    window.resize(*size)
    window.show()
    QTest.qWaitForWindowExposed(window)
    for row in (window.bar.transport, window.bar):
        assert row.minimumSizeHint().width() <= window.width()
    button = window.bar.buttons["open_settings"]
    button.ensurePolished()
    assert button.font().pixelSize() >= min(size[1] / 52, size[0] / 72)
    window.close()
    window.stop()


# ---- what the coach says


def test_a_reference_is_chosen_and_kept(
    window: MainWindow, coach: fake.FakeCoach, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *arguments: ("/motion/a&b.bvh", ""))
    window.inputs.fill_music()
    window.reference.fill()
    actions = {action.text(): action for action in window.bar.reference_menu.actions()}
    assert not actions["No reference"].isEnabled()
    actions["Motion file (BVH, NPZ)…"].trigger()
    wait_until(lambda: window.settings.reference == "/motion/a&b.bvh")
    assert coach.calls == [("use_reference", "/motion/a&b.bvh")]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *arguments: "/sessions/one")
    window.reference.choose_session()
    wait_until(lambda: window.settings.reference == "/sessions/one")
    window.reference.fill()
    actions = {action.text(): action for action in window.bar.reference_menu.actions()}
    assert actions["one"].isChecked()
    actions["No reference"].trigger()
    wait_until(lambda: window.settings.reference == "")
    assert coach.calls[1:] == [("use_reference", "/sessions/one"), ("clear_reference",)]


def test_a_reference_that_cannot_be_read_is_told_and_not_kept(
    window: MainWindow, coach: fake.FakeCoach, wait_until: Wait
) -> None:
    def refuse(path: str) -> None:
        raise RecordingError("The motion a.bvh is damaged.", "Choose another one.")

    coach.use_reference = refuse  # type: ignore[attr-defined]
    window.reference.use("/motion/a.bvh")
    wait_until(lambda: window.stage._message is not None)
    assert window.stage._message is not None
    assert window.stage._message[0].text == "The motion a.bvh is damaged. Choose another one."
    assert window.settings.reference == ""


def test_a_reference_typed_into_the_settings_is_used(
    window: MainWindow, coach: fake.FakeCoach, wait_until: Wait
) -> None:
    window.perform("open_settings")
    (dialog,) = window._windows
    assert isinstance(dialog, SettingsDialog)
    dialog.reference.setText("/motion/a.npz")
    dialog.cues.setChecked(False)
    dialog.heat.setChecked(False)
    dialog.accept()
    wait_until(lambda: window.settings.reference == "/motion/a.npz")
    assert ("use_reference", "/motion/a.npz") in coach.calls
    assert (window.stage.show_cues, window.stage.show_heat) == (False, False)
    assert window.settings.cues is False


def test_cues_are_spoken_when_switched_on(window: MainWindow, coach: fake.FakeCoach) -> None:
    voice = FakeVoice()
    window.speaker = Speaker(lambda: voice)
    coach.state = fake.judged()
    window._follow()
    assert voice.said == []
    window.change(speak=True, speech_volume=0.3)
    window._follow()
    assert voice.said == ["Left arm 80 milliseconds late on 3 and 7"] and voice.volume == 0.3
    window.stop()
    assert voice.stopped == 1
