"""Latency calibration: the flashes, the instructions, and the result to accept."""

from __future__ import annotations

import dataclasses
import datetime

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QColor, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from dancecoach.clock import Clock, SystemClock
from dancecoach.config import Latency
from dancecoach.errors import DancecoachError
from dancecoach.ui.background import sentence
from dancecoach.ui.calibration_model import CalibrationMethod, CalibrationPhase, CalibrationState, LatencyCalibration
from dancecoach.ui.settings_dialog import LatencyEditor
from dancecoach.ui.theme import dress, make_theme

__all__ = ["CalibrationMethod", "CalibrationPhase", "CalibrationState", "CalibrationView", "LatencyCalibration"]

_INSTRUCTIONS = (
    "Two ways to measure how late your camera, loudspeakers and screen are:\n\n"
    "•  Clicks and flashes: point the camera at this screen, or at a mirror that shows it, and turn the sound up. "
    "The window flashes black and white. Do not look into it if flashing light harms you.\n\n"
    "•  Eight claps: turn the music off, stand where camera and microphone reach you and clap eight times, "
    "hands wide apart in between."
)


class FlashScreen(QWidget):
    """All black or all white; tells when the change to white was painted."""

    painted_white = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Flashing screen")
        self.white = False
        self.message = ""
        self.progress = 0.0
        self._was_white = False

    def show_state(self, white: bool, message: str, progress: float) -> None:
        """Paint at once when the colour changes: a delay here would be measured as the screen's."""
        changed = white != self.white
        self.white, self.message, self.progress = white, message, progress
        if changed:
            self.repaint()
        else:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the colour; words only in a dim corner, so that the whole screen changes."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.white if self.white else Qt.GlobalColor.black)
        theme = make_theme("dark", self.width(), self.height())
        painter.setFont(theme.font(3.2))
        painter.setPen(QColor(128, 128, 128))
        place = self.rect().adjusted(theme.px(3), 0, -theme.px(3), -theme.px(3))
        flags = int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(place, flags, f"{self.message}   {round(100 * self.progress)} %   Esc stops")
        painter.end()
        if self.white and not self._was_white:
            self.painted_white.emit()
        self._was_white = self.white


class CalibrationView(QWidget):
    """Guides through one calibration.

    Parameters
    ----------
    calibration : LatencyCalibration
        The measurement.
    theme : str
        Name of the colour theme.
    device_names : (str, str)
        Camera and sound as shown to the person.
    clock : Clock
        The clock that `flash_painted` reports in.

    Attributes
    ----------
    accepted : Signal
        Emitted with the `Latency` to use.
    """

    accepted = Signal(object)

    def __init__(
        self,
        calibration: LatencyCalibration,
        theme: str = "dark",
        device_names: tuple[str, str] = ("", ""),
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("Calibrate the delays")
        self._calibration = calibration
        self._theme_name = theme
        self._clock = clock or SystemClock()
        self._method: CalibrationMethod = "flash"
        self._style_size = QSize()
        self.pages = QStackedWidget(self)
        self.flash = FlashScreen()
        self.flash.painted_white.connect(lambda: self._calibration.flash_painted(self._clock.now()))
        self._devices = f"Camera: {device_names[0] or 'default'}\nSound: {device_names[1] or 'default'}"
        self.pages.addWidget(self._start_page())
        self.pages.addWidget(self.flash)
        self.pages.addWidget(self._clap_page())
        self.pages.addWidget(self._result_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(4)
        self._timer.timeout.connect(self._follow)

    def _page(self, title: str) -> tuple[QWidget, QVBoxLayout]:
        page = QWidget()
        outer = QHBoxLayout(page)
        outer.addStretch(1)
        column = QVBoxLayout()
        outer.addLayout(column, 4)
        outer.addStretch(1)
        heading = QLabel(title)
        heading.setProperty("role", "title")
        column.addStretch(1)
        column.addWidget(heading)
        devices = QLabel(self._devices)
        devices.setProperty("role", "muted")
        column.addWidget(devices)
        return page, column

    def _button(self, text: str, act: object, row: QHBoxLayout) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text)
        button.clicked.connect(act)
        row.addWidget(button)
        return button

    def _start_page(self) -> QWidget:
        page, column = self._page("Calibrate the delays")
        text = QLabel(_INSTRUCTIONS)
        text.setWordWrap(True)
        column.addWidget(text)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setAccessibleName("Problem")
        column.addWidget(self.problem)
        row = QHBoxLayout()
        self.flash_button = self._button("Clicks and flashes", lambda: self.start("flash"), row)
        self.clap_button = self._button("Eight claps", lambda: self.start("clap"), row)
        row.addStretch(1)
        self._button("Close", self.close, row)
        column.addLayout(row)
        column.addStretch(1)
        return page

    def _clap_page(self) -> QWidget:
        page, column = self._page("Clap eight times")
        self.clap_message = QLabel()
        self.clap_message.setWordWrap(True)
        self.clap_message.setProperty("role", "title")
        column.addWidget(self.clap_message)
        self.clap_counts = QLabel()
        column.addWidget(self.clap_counts)
        self.clap_progress = QProgressBar()
        self.clap_progress.setRange(0, 100)
        self.clap_progress.setAccessibleName("Progress of the calibration")
        column.addWidget(self.clap_progress)
        row = QHBoxLayout()
        row.addStretch(1)
        self._button("Stop", self.stop, row)
        column.addLayout(row)
        column.addStretch(1)
        return page

    def _result_page(self) -> QWidget:
        page, column = self._page("Measured delays")
        self.result_message = QLabel()
        self.result_message.setWordWrap(True)
        column.addWidget(self.result_message)
        self.editor = LatencyEditor(Latency())
        column.addWidget(self.editor)
        row = QHBoxLayout()
        self.accept_button = self._button("Use these", self._accept, row)
        self._button("Measure again", lambda: self.start(self._method), row)
        row.addStretch(1)
        self._button("Discard", self.close, row)
        column.addLayout(row)
        column.addStretch(1)
        return page

    def start(self, method: CalibrationMethod) -> None:
        """Begin measuring."""
        self._method = method
        self.problem.setText("")
        try:
            self._calibration.start(method)
        except DancecoachError as error:
            self._fail(sentence(error))
            return
        self.pages.setCurrentIndex(1 if method == "flash" else 2)
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring and go back to the instructions."""
        if self._timer.isActive():
            self._timer.stop()
            self._calibration.cancel()
        self.flash.show_state(False, "", 0.0)
        self.pages.setCurrentIndex(0)

    def _follow(self) -> None:
        state = self._calibration.state()
        if state.phase in ("waiting", "measuring"):
            if self._method == "flash":
                self.flash.show_state(state.flash, state.message, state.progress)
            else:
                self.clap_message.setText(state.message)
                self.clap_counts.setText(f"heard {state.heard} · seen {state.seen}")
                self.clap_progress.setValue(round(100 * state.progress))
            return
        self._timer.stop()
        if state.phase == "done" and state.result is not None:
            self.result_message.setText(state.message)
            self.editor.set_latency(state.result)
            self.pages.setCurrentIndex(3)
            self.accept_button.setFocus()
        elif state.phase == "failed":
            self._fail(state.message or "The delays could not be measured.")
        else:
            self.pages.setCurrentIndex(0)

    def _fail(self, text: str) -> None:
        self._timer.stop()
        self.problem.setText(text)
        self.pages.setCurrentIndex(0)

    def _accept(self) -> None:
        self._calibration.accept()
        today = datetime.date.today().isoformat()
        self.accepted.emit(dataclasses.replace(self.editor.latency(), calibrated=today))
        self._timer.stop()
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape stops measuring, or closes."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self._timer.isActive():
            self.stop()
        else:
            self.close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the type in proportion."""
        super().resizeEvent(event)
        if self.size() != self._style_size:
            self._style_size = self.size()
            # Read from where the camera sees you: large type always.
            theme = make_theme(self._theme_name, self.width(), self.height(), large=True)
            dress(self, theme)
            for layout in self.findChildren(QVBoxLayout):
                layout.setSpacing(theme.px(2.0))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop measuring when closed."""
        if self._timer.isActive():
            self._timer.stop()
            self._calibration.cancel()
        super().closeEvent(event)
