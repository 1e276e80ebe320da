"""The main window: the stage, the control bar, the keys, and the paint timer."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QWidget

from dancecoach.clock import Clock, SystemClock
from dancecoach.config import THEMES, Latency, Settings
from dancecoach.errors import DancecoachError
from dancecoach.types import Notice
from dancecoach.ui.background import Background, sentence
from dancecoach.ui.coach import Coach
from dancecoach.ui.control_bar import ControlBar
from dancecoach.ui.inputs import InputMenus
from dancecoach.ui.partner.controls import PartnerControls
from dancecoach.ui.reference import ReferenceMenu
from dancecoach.ui.services import Services
from dancecoach.ui.settings_writer import SettingsWriter
from dancecoach.ui.shortcuts import SHORTCUTS
from dancecoach.ui.speech import Speaker, open_voice
from dancecoach.ui.stage import Stage
from dancecoach.ui.theme import dress, make_theme
from dancecoach.ui.transport import Transport

log = logging.getLogger(__name__)

MIN_RATE, MAX_RATE = 30.0, 60.0  # paints a second
IDLE_SECONDS = 3.0  # until the controls hide in full screen
_BUSY = 0.4  # share of the time that painting may take before the rate is lowered


class MainWindow(QWidget):
    """What the dancer looks at.

    Parameters
    ----------
    coach : Coach
        The engine, or `IdleCoach` until `set_coach` hands it in.
    settings : Settings
        The start values; every change goes to `services.save_settings`.
    services : Services
        Device lists, settings store, review store.
    clock : Clock
        The clock of the snapshot's times.
    """

    def __init__(
        self, coach: Coach, settings: Settings, services: Services | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__()
        self.setWindowTitle("dancecoach")
        self.coach = coach
        self.settings = settings
        self.services = services or Services()
        self._clock = clock or SystemClock()
        self._windows: list[QWidget] = []
        self._writer = SettingsWriter(lambda settings: self.services.save_settings(settings), self._not_saved)
        self._recording_job: Background | None = None
        self.stage = Stage(
            coach, settings.theme, settings.mirror, settings.large_type, settings.debug, self._clock, self
        )
        self.transport: Transport = Transport(self)
        self.bar = ControlBar(self)
        self.bar.command.connect(self.perform)
        self.bar.seeked.connect(lambda seconds: self.attempt(lambda: self.coach.seek(seconds)))
        self.bar.speed_changed.connect(lambda value: self.transport.set_speed(value / 100.0))
        self.bar.offset_changed.connect(lambda value: self.transport.set_offset(value / 1000.0))
        self.inputs = InputMenus(self)
        self.reference = ReferenceMenu(self)
        self.partner = PartnerControls(self)
        self.stage.partner_timing = self.partner.paint_timing
        self.speaker = Speaker(self.services.open_voice or open_voice)
        for shortcut in SHORTCUTS:
            for keys in shortcut.keys:
                key = QShortcut(QKeySequence(keys), self)
                key.activated.connect(lambda command=shortcut.command: self.perform(command))
        self._paint_timer = QTimer(self)
        self._paint_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._paint_timer.timeout.connect(self._paint)
        self._slow_timer = QTimer(self)
        self._slow_timer.setInterval(200)
        self._slow_timer.timeout.connect(self._follow)
        self._idle_since = self._clock.now()
        self.setMinimumSize(480, 360)
        self.bar.setAutoFillBackground(True)
        self._restyle()
        self._show_settings()
        self.stage.setFocus()
        self.stage.installEventFilter(self)

    # ---- life

    def set_coach(self, coach: Coach) -> None:
        """Show this engine from now on."""
        self.coach = coach
        self.stage.coach = coach
        self.partner.take_engine()

    def start(self) -> None:
        """Begin painting."""
        self._set_rate(self._screen_rate())
        self._slow_timer.start()

    def stop(self) -> None:
        """Stop the timers, close what was opened and wait for the settings to be written."""
        self._paint_timer.stop()
        self._slow_timer.stop()
        for part in (self.speaker, self.reference, self.partner):
            part.stop()
        for window in list(self._windows):
            window.close()
        if self._recording_job is not None:
            self._recording_job.forget()
            self._recording_job.join()
        self._writer.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop painting when closed."""
        self.stop()
        super().closeEvent(event)

    def _screen_rate(self) -> float:
        rate = self.screen().refreshRate() if self.screen() is not None else MAX_RATE
        return min(max(rate, MIN_RATE), MAX_RATE)

    def _set_rate(self, rate: float) -> None:
        self._paint_timer.start(max(1, int(1000.0 / rate)))

    def _paint(self) -> None:
        self.stage.update()
        self.partner.tick()

    def _follow(self) -> None:
        """Bring bar and rate in line with what is going on, five times a second."""
        snapshot = self.coach.snapshot()
        self.speaker.follow(snapshot)
        self.bar.show_state(snapshot.music, snapshot.recording, self.stage.theme)
        self._place_children()
        self._adapt_rate()

    def _adapt_rate(self) -> None:
        """Halve the rate where painting would take too much of the processor, go back when it does not."""
        full = self._screen_rate()
        busy = self.stage.paint_timing().p50_ms / 1000.0 * full
        partner = self.partner.paint_timing()
        if partner is not None:
            busy += partner.p50_ms / 1000.0 * partner.rate
        current = self._paint_timer.interval()
        if busy > _BUSY and current < 1000 / full * 1.5:
            self._set_rate(max(MIN_RATE * 1.1, full / 2))
        elif busy < _BUSY * 0.6 and current > 1000 / full * 1.5:
            self._set_rate(full)

    # ---- geometry

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place stage and bar."""
        super().resizeEvent(event)
        self._restyle()

    def _restyle(self) -> None:
        self.stage.set_look(self.settings.theme, self.settings.large_type)
        # By the window's own size: the stage gets its new one only afterwards.
        theme = make_theme(self.settings.theme, self.width(), self.height(), self.settings.large_type)
        dress(self, theme)
        self.bar.set_look(theme, self.width())
        self.partner.show(self.settings)
        self._place_children()

    def _place_children(self) -> None:
        idle = self._clock.now() - self._idle_since > IDLE_SECONDS
        hide = self.isFullScreen() and idle and not self._bar_in_use()
        if self.bar.isHidden() != hide:
            self.bar.setVisible(not hide)
            self.stage.setCursor(Qt.CursorShape.BlankCursor if hide else Qt.CursorShape.ArrowCursor)
        height = self.bar.sizeHint().height()
        below = 0 if self.isFullScreen() else height
        area = QRect(0, 0, self.width(), self.height() - below)
        self.stage.setGeometry(self.partner.place(area))
        self.bar.setGeometry(0, self.height() - height, self.width(), height)

    def _bar_in_use(self) -> bool:
        focus = QApplication.focusWidget()
        used = self.bar.underMouse() or (focus is not None and self.bar.isAncestorOf(focus))
        return used or QApplication.activePopupWidget() is not None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Bring the controls back when somebody moves the pointer."""
        if event.type() in (QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress, QEvent.Type.TouchBegin):
            self._idle_since = self._clock.now()
            if self.bar.isHidden():
                self._place_children()
        return False

    # ---- commands

    def perform(self, command: str) -> None:
        """Carry out a command of `shortcuts` or of the bar by name; a failure becomes a sentence on the stage."""
        owner = next(part for part in (self, self.transport, self.partner) if hasattr(part, command))
        self.attempt(getattr(owner, command))

    def attempt(self, action: Callable[[], object]) -> None:
        """Do it; a failure becomes a sentence on the stage."""
        try:
            action()
        except DancecoachError as error:
            log.warning("%s", error, exc_info=error)
            self.stage.say(Notice("command", error.problem, error.remedy, "error"), 8.0)

    def say(self, text: str, remedy: str = "") -> None:
        """Show a sentence for some seconds."""
        self.stage.say(Notice("said", text, remedy, "info"))

    def change(self, **values: Any) -> None:
        """Change settings, show them and have them written."""
        self.settings = dataclasses.replace(self.settings, **values)
        self._show_settings()
        self._writer.put(self.settings)

    def _show_settings(self) -> None:
        settings = self.settings
        self.stage.mirror, self.stage.debug = settings.mirror, settings.debug
        self.stage.show_cues, self.stage.show_heat = settings.cues, settings.heat_map
        self.speaker.set(settings.speak, settings.speech_volume)
        self.bar.set_values(settings.mirror, settings.count_in, settings.music_speed, settings.music_offset)
        self._restyle()
        self.stage.update()

    def _not_saved(self, error: BaseException) -> None:
        self.stage.say(Notice("settings", sentence(error), "", "warning"), 8.0)

    def toggle_recording(self) -> None:
        """Record, or finish the recording."""
        if self._recording_job is not None:
            return
        coach, settings = self.coach, self.settings
        if coach.snapshot().recording is None:
            folder = Path(settings.sessions) if settings.sessions else None
            job = Background(
                lambda report: coach.start_recording(folder, settings.record_video),
                lambda result: self._recording_done(None),
                self._recording_done,
            )
        else:
            job = Background(lambda report: coach.stop_recording(), self._recording_saved, self._recording_done)
        self._recording_job = job.start()

    def _recording_saved(self, folder: Path | None) -> None:
        self._recording_done(None)
        if folder is not None:
            self.say("Recording saved.", f"Press V to review {folder.name}.")

    def _recording_done(self, error: BaseException | None) -> None:
        self._recording_job = None
        if error is not None:
            self.stage.say(Notice("recording", sentence(error), "", "error"), 8.0)

    def toggle_mirror(self) -> None:
        """Switch the mirror; labels follow."""
        self.change(mirror=not self.settings.mirror)

    def toggle_large(self) -> None:
        """Switch large type."""
        self.change(large_type=not self.settings.large_type)

    def toggle_debug(self) -> None:
        """Show or hide the stage timings."""
        self.change(debug=not self.settings.debug)

    def next_theme(self) -> None:
        """Go to the next colour theme."""
        theme = THEMES[(THEMES.index(self.settings.theme) + 1) % len(THEMES)]
        self.change(theme=theme)
        self.say(f"Theme: {theme}")

    def toggle_fullscreen(self) -> None:
        """Fill the screen or go back to a window."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()
        self._place_children()

    def leave(self) -> None:
        """Close the cheat-sheet, else leave full screen."""
        if self.stage.help_rows:
            self.stage.help_rows = ()
        elif self.isFullScreen():
            self.showNormal()
            self._place_children()

    def toggle_help(self) -> None:
        """Show or hide the cheat-sheet."""
        rows = () if self.stage.help_rows else tuple((item.shown, item.words) for item in SHORTCUTS)
        self.stage.help_rows = rows
        self.stage.update()

    def set_the_one(self) -> None:
        """Call the beat nearest to now the one."""
        self.coach.set_the_one()

    def tap_tempo(self) -> None:
        """Take one tap."""
        self.coach.tap_tempo()

    def halve_tempo(self) -> None:
        """Count half as fast."""
        self.coach.halve_tempo()

    def double_tempo(self) -> None:
        """Count twice as fast."""
        self.coach.double_tempo()

    def reset_take(self) -> None:
        """Start the score afresh."""
        self.coach.reset_take()
        self.say("The score starts afresh.")

    # ---- inputs and other windows

    def choose_music(self) -> None:
        """Ask for a music file and open it."""
        self.inputs.choose_music()

    def open_settings(self) -> None:
        """Open the settings; they are used and kept when accepted."""
        from dancecoach.ui.settings_dialog import SettingsDialog

        dialog = SettingsDialog(self.settings, self.services, self, self.speaker.problem())
        dress(dialog, self.stage.theme)
        dialog.accepted.connect(lambda: self.attempt(lambda: self._use(dialog.settings())))
        self._open(dialog)

    def _use(self, settings: Settings) -> None:
        before, self.settings = self.settings, settings
        if settings.camera != before.camera:
            self.coach.use_camera(settings.camera)
        if settings.audio != before.audio:
            self.coach.use_audio(settings.audio)
        if settings.reference != before.reference:
            # Remembered once the engine has taken it.
            self.settings = dataclasses.replace(settings, reference=before.reference)
            self.reference.use(settings.reference)
        self.partner.use_settings(settings, before)
        latency = settings.latency_of(settings.camera, settings.audio)
        if latency != before.latency_of(before.camera, before.audio):
            self.coach.set_latency(latency)
        self._show_settings()
        self._writer.put(self.settings)

    def open_calibration(self) -> None:
        """Measure the delays of the devices in use."""
        from dancecoach.ui.calibration import CalibrationView

        pair = (self.settings.camera, self.settings.audio)
        view = CalibrationView(
            self.coach.calibration(), self.settings.theme, device_names=self._device_names(), clock=self._clock
        )
        view.accepted.connect(lambda latency: self._use_latency(pair, latency))
        self._open(view, same_place=True)

    def _use_latency(self, pair: tuple[str, str], latency: Latency) -> None:
        self.change(latencies=self.settings.with_latency(*pair, latency).latencies)
        self.attempt(lambda: self.coach.set_latency(latency))

    def _device_names(self) -> tuple[str, str]:
        snapshot = self.coach.snapshot()
        return (
            snapshot.camera_name or self.settings.camera or "default camera",
            snapshot.audio_name or self.settings.audio or "default microphone",
        )

    def open_review(self) -> None:
        """Open the recorded sessions."""
        if self.services.review is None:
            raise DancecoachError("Sessions cannot be reviewed here.", "")
        from dancecoach.ui.review import ReviewWindow

        folder = Path(self.settings.sessions) if self.settings.sessions else self.services.sessions_folder
        self._open(
            ReviewWindow(self.services.review(), folder, self.settings.theme, self.services.learn_choreography),
            same_place=True,
        )

    def _open(self, window: QWidget, same_place: bool = False) -> None:
        """Show another window, one of a kind."""
        for other in self._windows:
            if type(other) is type(window):
                window.deleteLater()
                other.raise_()
                other.activateWindow()
                return
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._windows.append(window)
        window.destroyed.connect(lambda: self._windows.remove(window) if window in self._windows else None)
        if same_place:
            window.setGeometry(self.geometry())
            if self.isFullScreen():
                window.showFullScreen()
                return
        window.show()
