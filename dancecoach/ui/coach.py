"""What the user interface asks of an engine, and the stand-in while there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dancecoach.clock import Clock, SystemClock
from dancecoach.config import Latency
from dancecoach.types import Notice, PartnerRole, Snapshot

if TYPE_CHECKING:
    from dancecoach.ui.calibration_model import LatencyCalibration


class Coach(Protocol):
    """The engine as the windows see it: one snapshot to read, commands to give. No call may block for long."""

    def start(self) -> None:
        """Start every worker."""
        ...

    def stop(self) -> None:
        """Stop and join every worker."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the newest state; cheap, from any thread."""
        ...

    def use_camera(self, spec: str) -> None:
        """Switch the camera: "" default, a name, an address, a file, a session folder or "none"."""
        ...

    def use_audio(self, spec: str) -> None:
        """Switch the sound heard: "" default microphone, a name, a file or "none"."""
        ...

    def use_reference(self, path: str) -> None:
        """Compare the dancer with this motion from now on: a motion file or the folder of a session.

        Called beside the Qt thread; raises DancecoachError when it cannot be read.
        """
        ...

    def clear_reference(self) -> None:
        """Judge the dancer without a reference from now on."""
        ...

    def load_music(self, path: str) -> None:
        """Load a music file into the player."""
        ...

    def unload_music(self) -> None:
        """Take the music out of the player."""
        ...

    def play(self) -> None:
        """Play the music."""
        ...

    def pause(self) -> None:
        """Pause the music."""
        ...

    def seek(self, seconds: float) -> None:
        """Jump to `seconds` of the music."""
        ...

    def set_speed(self, speed: float) -> None:
        """Play at `speed`, 0.5…1.1 of the recorded tempo."""
        ...

    def set_loop(self, start: float, stop: float) -> None:
        """Repeat the music between two positions, seconds."""
        ...

    def clear_loop(self) -> None:
        """Play on past the loop."""
        ...

    def set_count_in(self, on: bool) -> None:
        """Count in before the music starts."""
        ...

    def set_music_offset(self, seconds: float) -> None:
        """Move the beats by `seconds`, −1…1."""
        ...

    def set_latency(self, latency: Latency) -> None:
        """Use these delays from now on."""
        ...

    def follow_person(self, x: float, y: float) -> None:
        """Follow whoever is at (x, y) of the unmirrored image, 0…1."""
        ...

    def set_the_one(self) -> None:
        """Call the beat nearest to now the one."""
        ...

    def tap_tempo(self) -> None:
        """Take one tap of the tempo."""
        ...

    def halve_tempo(self) -> None:
        """Count half as fast."""
        ...

    def double_tempo(self) -> None:
        """Count twice as fast."""
        ...

    def clear_taps(self) -> None:
        """Forget the taps and go back to the music heard."""
        ...

    def use_partner(self, on: bool) -> None:
        """Switch the live partner on or off."""
        ...

    def set_partner_role(self, role: PartnerRole) -> None:
        """Let the partner follow, or lead a simple basic."""
        ...

    def set_partner_style(self, style: str) -> None:
        """Let the partner dance a style by its name."""
        ...

    def set_partner_ghost(self, counts: int) -> None:
        """Show where the partner will be some counts later; 0 for no ghost."""
        ...

    def start_recording(self, folder: Path | None = None, with_video: bool | None = None) -> None:
        """Record a session."""
        ...

    def stop_recording(self) -> Path | None:
        """Finish the recording and return its folder."""
        ...

    def reset_take(self) -> None:
        """Start scoring afresh."""
        ...

    def report_paint(self, arrival: float, painted_at: float) -> None:
        """Say when the picture that arrived at `arrival` was painted, seconds."""
        ...

    def calibration(self) -> LatencyCalibration:
        """Return the latency calibration of the devices in use."""
        ...


class IdleCoach:
    """Shows one notice and obeys nothing: while the engine is being built, or when it could not be."""

    def __init__(self, notice: Notice, clock: Clock | None = None) -> None:
        self._notice = notice
        self._clock = clock or SystemClock()

    def snapshot(self) -> Snapshot:
        """Return an empty snapshot with the notice."""
        return Snapshot(time=self._clock.now(), notices=(self._notice,))

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def use_camera(self, spec: str) -> None:
        """Ignored."""

    def use_audio(self, spec: str) -> None:
        """Ignored."""

    def use_reference(self, path: str) -> None:
        """Ignored."""

    def clear_reference(self) -> None:
        """Ignored."""

    def load_music(self, path: str) -> None:
        """Ignored."""

    def unload_music(self) -> None:
        """Ignored."""

    def play(self) -> None:
        """Ignored."""

    def pause(self) -> None:
        """Ignored."""

    def seek(self, seconds: float) -> None:
        """Ignored."""

    def set_speed(self, speed: float) -> None:
        """Ignored."""

    def set_loop(self, start: float, stop: float) -> None:
        """Ignored."""

    def clear_loop(self) -> None:
        """Ignored."""

    def set_count_in(self, on: bool) -> None:
        """Ignored."""

    def set_music_offset(self, seconds: float) -> None:
        """Ignored."""

    def set_latency(self, latency: Latency) -> None:
        """Ignored."""

    def follow_person(self, x: float, y: float) -> None:
        """Ignored."""

    def set_the_one(self) -> None:
        """Ignored."""

    def tap_tempo(self) -> None:
        """Ignored."""

    def halve_tempo(self) -> None:
        """Ignored."""

    def double_tempo(self) -> None:
        """Ignored."""

    def clear_taps(self) -> None:
        """Ignored."""

    def use_partner(self, on: bool) -> None:
        """Ignored."""

    def set_partner_role(self, role: PartnerRole) -> None:
        """Ignored."""

    def set_partner_style(self, style: str) -> None:
        """Ignored."""

    def set_partner_ghost(self, counts: int) -> None:
        """Ignored."""

    def start_recording(self, folder: Path | None = None, with_video: bool | None = None) -> None:
        """Ignored."""

    def stop_recording(self) -> Path | None:
        """Return None: nothing was recorded."""
        return None

    def reset_take(self) -> None:
        """Ignored."""

    def report_paint(self, arrival: float, painted_at: float) -> None:
        """Ignored."""

    def calibration(self) -> LatencyCalibration:
        """Raise: there are no devices to measure yet."""
        from dancecoach.errors import DancecoachError

        raise DancecoachError("Nothing can be measured yet.", "Wait until the camera picture appears.")
