"""The buttons below the stage: inputs, commands, and the music transport."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from dancecoach.types import MusicState, RecordingState
from dancecoach.ui.icons import icon
from dancecoach.ui.shortcuts import BY_COMMAND
from dancecoach.ui.theme import Theme
from dancecoach.ui.words import clock_text

_STEPS = 10_000  # of the progress slider
_TYPE = 2.4  # hundredths of the window's height
_SHARES = (
    1.0,
    0.96,
    0.92,
    0.88,
    0.85,
    0.81,
    0.78,
    0.74,
    0.7,
    0.66,
    0.62,
    0.58,
    0.55,
    0.51,
    0.48,
    0.44,
    0.4,
)  # of every size, until all fits

# (command of the main window, text, accessible name)
_BUTTONS = (
    ("toggle_recording", "Record", "Record a session"),
    ("toggle_mirror", "Mirror", "Mirror the picture"),
    ("toggle_fullscreen", "Full screen", "Full screen"),
    ("open_review", "Review", "Review recorded sessions"),
    ("open_calibration", "Calibrate", "Calibrate the delays"),
    ("open_settings", "Settings", "Settings"),
    ("toggle_help", "Keys", "Show the keys"),
)
_TRANSPORT = (
    ("mark_loop_start", "Loop A", "Loop from here"),
    ("mark_loop_stop", "B", "Loop up to here"),
    ("clear_loop", "No loop", "Play on past the loop"),
    ("toggle_count_in", "Count-in", "Count in before the music starts"),
)


class ControlBar(QFrame):
    """Emits commands by name; shows what the snapshot says.

    Attributes
    ----------
    command : Signal
        The name of a main window's method.
    seeked, speed_changed, offset_changed : Signal
        Seconds of the music; speed in percent; offset in milliseconds.
    """

    command = Signal(str)
    seeked = Signal(float)
    speed_changed = Signal(int)
    offset_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Controls")
        self.buttons: dict[str, QToolButton] = {}
        self.camera_menu, self.sound_menu, self.music_menu = QMenu(self), QMenu(self), QMenu(self)
        self.reference_menu = QMenu("Reference", self)
        self.partner_menu = QMenu(self)
        self._duration = 0.0
        self._shown_icons: tuple[object, ...] = ()
        self._look: tuple[Theme, int] | None = None
        rows = QVBoxLayout(self)
        rows.setSpacing(0)
        self._rows = rows
        self.transport = QWidget(self)
        self._fill_transport(QHBoxLayout(self.transport))
        rows.addWidget(self.transport)
        main = QWidget(self)
        self._fill_main(QHBoxLayout(main))
        rows.addWidget(main)
        self.transport.hide()

    def _button(self, command: str, text: str, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setAccessibleName(name)
        keys = f" ({BY_COMMAND[command].shown})" if command in BY_COMMAND else ""
        button.setToolTip(name + keys)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # Reached by Tab, not by a click: a clicked button would keep the space bar from the music.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.command.emit(command))
        self.buttons[command] = button
        return button

    def _menu_button(self, text: str, name: str, menu: QMenu) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.buttons[text.lower()] = button
        return button

    def _fill_main(self, row: QHBoxLayout) -> None:
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._menu_button("Camera", "Choose the camera", self.camera_menu))
        row.addWidget(self._menu_button("Sound", "Choose the microphone or sound", self.sound_menu))
        row.addWidget(self._menu_button("Music", "Choose the music", self.music_menu))
        row.addWidget(self._menu_button("Partner", "The partner, its view, ghost and role", self.partner_menu))
        row.addStretch(1)
        for item in _BUTTONS:
            row.addWidget(self._button(*item))
        self.buttons["toggle_recording"].setCheckable(True)
        self.buttons["toggle_mirror"].setCheckable(True)

    def _fill_transport(self, row: QHBoxLayout) -> None:
        row.setContentsMargins(0, 0, 0, 0)
        play = self._button("toggle_playing", "Play", "Play or pause the music")
        row.addWidget(play)
        self.place = QLabel("0:00", self.transport)
        self.place.setAccessibleName("Place in the music")
        row.addWidget(self.place)
        self.slider = QSlider(Qt.Orientation.Horizontal, self.transport)
        self.slider.setRange(0, _STEPS)
        self.slider.setAccessibleName("Place in the music")
        self.slider.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.sliderReleased.connect(self._seek)
        self.slider.actionTriggered.connect(self._moved)
        row.addWidget(self.slider, 1)
        for item in _TRANSPORT:
            row.addWidget(self._button(*item))
        self.buttons["toggle_count_in"].setCheckable(True)
        self.speed = self._spin(50, 110, 5, "Speed ", " %", "Speed in percent")
        self.speed.valueChanged.connect(self.speed_changed)
        self.offset = self._spin(-1000, 1000, 10, "Offset ", " ms", "Beats later by, in milliseconds")
        self.offset.valueChanged.connect(self.offset_changed)
        row.addWidget(self.speed)
        row.addWidget(self.offset)

    def _spin(self, low: int, high: int, step: int, prefix: str, suffix: str, name: str) -> QSpinBox:
        spin = QSpinBox(self.transport)
        spin.setRange(low, high)
        spin.setSingleStep(step)
        spin.setPrefix(prefix)
        spin.setSuffix(suffix)
        spin.setAccessibleName(name)
        spin.setToolTip(name)
        spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        spin.setKeyboardTracking(False)
        # Back to the keys of the window once a value is entered.
        spin.lineEdit().returnPressed.connect(spin.clearFocus)
        return spin

    def set_look(self, theme: Theme, width: int) -> None:
        """Size and space everything by the theme's unit, smaller where it would not fit into `width` pixels."""
        look = (theme, width)
        if look == self._look:
            return
        self._look, self._shown_icons = look, ()
        for share in _SHARES:
            gap = theme.px(0.9 * share)
            self._rows.setContentsMargins(gap, gap, gap, gap)
            self._rows.setSpacing(gap)
            for row in self.findChildren(QHBoxLayout):
                row.setSpacing(gap)
            size, icon_size = theme.px(_TYPE * share), theme.px(0.9 * _TYPE * share)
            self.setStyleSheet(
                f"QWidget {{ font-size: {size}px; }}"
                f"QToolButton {{ padding: {theme.px(0.6 * share)}px {theme.px(0.85 * share)}px; }}"
            )
            for button in self.buttons.values():
                button.setIconSize(QSize(icon_size, icon_size))
            if self._widest() <= width:
                break

    def _widest(self) -> int:
        """Return how wide the rows must be, the hidden one too, pixels."""
        margins = self._rows.contentsMargins()
        rows = [row for row in self.findChildren(QHBoxLayout) if row is not self.layout()]
        for row in rows:
            row.invalidate()
        return max(row.minimumSize().width() for row in rows) + margins.left() + margins.right()

    def set_values(self, mirror: bool, count_in: bool, speed: float, offset: float) -> None:
        """Show what the settings say; `speed` a share, `offset` in seconds."""
        self.buttons["toggle_mirror"].setChecked(mirror)
        self.buttons["toggle_count_in"].setChecked(count_in)
        for spin, value in ((self.speed, round(100 * speed)), (self.offset, round(1000 * offset))):
            with QSignalBlocker(spin):
                spin.setValue(value)

    def show_state(self, music: MusicState | None, recording: RecordingState | None, theme: Theme) -> None:
        """Follow the snapshot."""
        self.transport.setVisible(music is not None)
        self.buttons["toggle_recording"].setChecked(recording is not None)
        state = (theme.name, recording is not None, music is not None and music.playing)
        if state != self._shown_icons:
            self._shown_icons = state
            record, play = self.buttons["toggle_recording"], self.buttons["toggle_playing"]
            record.setText("Stop" if state[1] else "Record")
            role = "background" if state[1] else "error"
            record.setIcon(icon("stop" if state[1] else "record", theme.color(role)))
            play.setText("Pause" if state[2] else "Play")
            play.setIcon(icon("pause" if state[2] else "play", theme.color("text")))
        if music is None:
            return
        self._duration = music.duration
        text = f"{clock_text(music.position)} / {clock_text(music.duration)}"
        if text != self.place.text():
            self.place.setText(text)
        self.buttons["clear_loop"].setEnabled(music.loop is not None)
        if not self.slider.isSliderDown() and music.duration > 0:
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(_STEPS * music.position / music.duration))

    def _seek(self) -> None:
        self.seeked.emit(self.slider.sliderPosition() / _STEPS * self._duration)

    def _moved(self, action: int) -> None:
        # Page and arrow steps take effect at once, dragging when let go.
        if action != QSlider.SliderAction.SliderMove.value:
            self._seek()
