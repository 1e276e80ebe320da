"""The measuring side of latency calibration, as the calibration window sees it. Free of Qt."""

from __future__ import annotations

from typing import Literal, Protocol

from dancecoach.config import Latency

CalibrationMethod = Literal["flash", "clap"]
CalibrationPhase = Literal["idle", "waiting", "measuring", "done", "failed"]


class CalibrationState(Protocol):
    """One moment of a calibration; immutable.

    `progress` 0…1; `flash` True while the window shall be white; `message` one sentence for the person; `seen`
    and `heard` how many flashes and clicks (or claps) were observed; `result` when `phase` is "done".
    """

    @property
    def phase(self) -> CalibrationPhase:
        """Where the measurement stands."""
        ...

    @property
    def progress(self) -> float:
        """How much is done, 0…1."""
        ...

    @property
    def flash(self) -> bool:
        """Whether the window shall be white now."""
        ...

    @property
    def message(self) -> str:
        """What to tell the person."""
        ...

    @property
    def seen(self) -> int:
        """Flashes or claps the camera observed."""
        ...

    @property
    def heard(self) -> int:
        """Clicks or claps the microphone observed."""
        ...

    @property
    def result(self) -> Latency | None:
        """The measured delays, seconds."""
        ...


class LatencyCalibration(Protocol):
    """Plays clicks, asks for flashes, observes both through camera and microphone."""

    def start(self, method: CalibrationMethod) -> None:
        """Begin measuring, from the start."""
        ...

    def state(self) -> CalibrationState:
        """Return the newest state; cheap, from any thread."""
        ...

    def flash_painted(self, time: float) -> None:
        """Tell that the change to white was painted at `time`, clock seconds."""
        ...

    def cancel(self) -> None:
        """Stop and keep the old delays."""
        ...

    def accept(self) -> None:
        """Use and remember the measured delays."""
        ...
