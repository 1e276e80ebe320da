"""Latency calibration with the user's own devices: plays clicks, asks for flashes, observes what comes back."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from dancecoach.assessment import latency as measure
from dancecoach.clock import Clock
from dancecoach.config import Latency
from dancecoach.errors import DancecoachError
from dancecoach.sources.player import MusicPlayer
from dancecoach.sources.player_core import click
from dancecoach.types import JOINT_INDEX, AudioBlock, Floats, Pose, VideoFrame

log = logging.getLogger(__name__)

Method = Literal["flash", "clap"]
Phase = Literal["idle", "waiting", "measuring", "done", "failed"]

_EVENTS = 10  # clicks and flashes
_CLAPS = 8
_FIRST, _EVERY, _FLASH = 1.0, 1.0, 0.18  # s
_CLAP_LIMIT = 30.0  # s
_RATE = 48_000
# A flash alone cannot tell the display from the camera: without claps the display is taken for a usual one.
_USUAL_DISPLAY, _USUAL_DISPLAY_SD = 0.025, 0.012
_HANDS = (JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"])
_SHOULDERS = (JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"])


@dataclass(frozen=True, slots=True)
class State:
    """One moment of a calibration, for the window."""

    phase: Phase = "idle"
    progress: float = 0.0
    flash: bool = False
    message: str = ""
    seen: int = 0
    heard: int = 0
    result: Latency | None = None


class Calibration:
    """Measures one pair of devices.

    Parameters
    ----------
    clock : Clock
    current, keep : callable
        Give and set the latency of the devices in use.
    """

    def __init__(self, clock: Clock, current: Callable[[], Latency], keep: Callable[[Latency], None]) -> None:
        self._clock = clock
        self._current = current
        self._keep = keep
        self._state = State()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._painted: list[float] = []
        self._pictures: list[tuple[float, float]] = []
        self._hands: list[tuple[float, float]] = []
        self._blocks: list[AudioBlock] = []

    # --- the window ---------------------------------------------------------------------------------------------

    def start(self, method: Method) -> None:
        """Begin measuring, from the start."""
        self.cancel()
        self._stop.clear()
        with self._lock:
            self._clear()
        self._state = State("waiting", message="Getting ready")
        target = self._flash if method == "flash" else self._clap
        self._thread = threading.Thread(target=target, name="dancecoach calibration", daemon=True)
        self._thread.start()

    def state(self) -> State:
        """Return the newest state."""
        return self._state

    def flash_painted(self, time: float) -> None:
        """Take the moment at which the window turned white, clock seconds."""
        with self._lock:
            self._painted.append(time)

    def cancel(self) -> None:
        """Stop and keep the old delays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None
        self._state = State()

    def accept(self) -> None:
        """Use and remember the measured delays."""
        if self._state.result is not None:
            self._keep(self._state.result)

    # --- what comes in, from the workers ------------------------------------------------------------------------

    def saw_frame(self, frame: VideoFrame) -> None:
        """Note the brightness of a picture."""
        if self._state.phase == "measuring":
            brightness = float(frame.image[::8, ::8].mean())
            with self._lock:
                self._pictures.append((frame.arrival, brightness))

    def saw_pose(self, pose: Pose) -> None:
        """Note how far apart the hands are."""
        if self._state.phase == "measuring" and min(pose.visibility[list(_HANDS)]) > 0.3:
            points = pose.image_joints
            width = float(np.linalg.norm(points[_SHOULDERS[0]] - points[_SHOULDERS[1]]))
            apart = float(np.linalg.norm(points[_HANDS[0]] - points[_HANDS[1]]))
            with self._lock:
                self._hands.append((pose.arrival, apart / max(width, 1e-3)))

    def heard_block(self, block: AudioBlock) -> None:
        """Keep the sound of the microphone."""
        if self._state.phase == "measuring":
            with self._lock:
                self._blocks.append(block)

    # --- measuring ----------------------------------------------------------------------------------------------

    def _flash(self) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "clicks.wav"
                sent = _FIRST + _EVERY * np.arange(_EVENTS)
                _write_clicks(path, sent)
                player = MusicPlayer(path, self._clock)
                try:
                    player.open()
                    self._run_flashes(player, sent)
                finally:
                    player.close()
        except DancecoachError as error:
            self._state = State("failed", message=str(error))
        except OSError as error:
            log.exception("calibration")
            self._state = State(
                "failed", message=f"The clicks cannot be made ({error.strerror}). Free some disk space."
            )

    def _run_flashes(self, player: MusicPlayer, sent: Floats) -> None:
        self._state = State("measuring", message="Point the camera at this screen, loudspeakers on")
        player.play()
        start = self._clock.now()
        end = start + float(sent[-1]) + 1.2
        played: Floats = np.empty(0)
        while self._clock.now() < end and not self._stop.wait(0.005):
            now = self._clock.now()
            if len(played) < _EVENTS:
                played = player.times_of(sent, start - 1.0, now + 20.0)[0]
            flash = bool(np.any((now >= played) & (now < played + _FLASH)))
            done = min((now - start) / (end - start), 1.0)
            self._state = dataclasses.replace(self._state, progress=done, flash=flash, seen=len(self._painted))
        if not self._stop.is_set():
            self._state = self._flash_result(played)

    def _flash_result(self, played: Floats) -> State:
        heard = self._onsets()
        with self._lock:
            painted = np.array(self._painted)
            pictures = np.array(self._pictures).reshape(-1, 2)
        output = measure.summary(measure.delays(played, heard))
        rises = measure.brightness_rises(painted, pictures[:, 0], pictures[:, 1])
        through = measure.summary(measure.delays(painted, rises, 0.0))
        seen, count = len(rises), len(measure.delays(played, heard))
        if output is None and through is None:
            text = "Neither the clicks were heard nor the flashes seen. Turn the sound up and face the screen."
            return State("failed", 1.0, message=text, seen=seen, heard=count)
        result = self._current()
        words = []
        if output is not None:
            result = dataclasses.replace(result, audio_output=output[0], audio_output_sd=output[1])
        else:
            words.append("The clicks were not heard: the sound delay is as before.")
        if through is not None:
            result = _split(result, *through)
        else:
            words.append("The flashes were not seen: the picture delays are as before.")
        result = dataclasses.replace(result, calibrated=datetime.now(UTC).date().isoformat())
        return State("done", 1.0, message=" ".join(words) or "Measured.", seen=seen, heard=count, result=result)

    def _clap(self) -> None:
        self._state = State("measuring", message="Clap eight times, hands wide apart in between")
        start = self._clock.now()
        seen: Floats = np.empty(0)
        heard: Floats = np.empty(0)
        while self._clock.now() - start < _CLAP_LIMIT and not self._stop.wait(0.25):
            heard = self._onsets()
            with self._lock:
                hands = np.array(self._hands).reshape(-1, 2)
            seen = measure.clap_moments(hands[:, 0], hands[:, 1])
            both = min(len(seen), len(heard))
            self._state = dataclasses.replace(
                self._state, progress=min(both / _CLAPS, 1.0), seen=len(seen), heard=len(heard)
            )
            if both >= _CLAPS:
                break
        if self._stop.is_set():
            return
        camera = measure.summary(measure.delays(heard, seen))
        if camera is None:
            text = "Too few claps were both heard and seen. Turn the music off and keep your hands in the picture."
            self._state = State("failed", 1.0, message=text, seen=len(seen), heard=len(heard))
            return
        result = dataclasses.replace(
            self._current(),
            camera=camera[0],
            camera_sd=camera[1],
            calibrated=datetime.now(UTC).date().isoformat(),
        )
        self._state = State("done", 1.0, message="Measured.", seen=len(seen), heard=len(heard), result=result)

    def _onsets(self) -> Floats:
        """Return when clicks or claps were heard, clock seconds."""
        with self._lock:
            blocks = list(self._blocks)
        if not blocks:
            return np.empty(0)
        rate, first = blocks[0].sample_rate, blocks[0].index
        samples = np.zeros(blocks[-1].index + len(blocks[-1].samples) - first, dtype=np.float32)
        for block in blocks:
            samples[block.index - first : block.index - first + len(block.samples)] = block.samples.mean(axis=1)
        found = measure.loud_onsets(samples, rate)
        starts = np.array([(block.index - first) / rate for block in blocks])
        which = np.clip(np.searchsorted(starts, found, side="right") - 1, 0, len(blocks) - 1)
        times = np.array([block.time for block in blocks])
        return np.asarray(times[which] + found - starts[which], dtype=np.float64)


def _split(latency: Latency, through: float, spread: float) -> Latency:
    """Return `latency` with what a flash took, shared out between display and camera."""
    if latency.camera_sd is not None and 0 < latency.camera < through:
        display = through - latency.camera
        deviation = float(np.hypot(spread, latency.camera_sd))
        return dataclasses.replace(latency, display=display, display_sd=deviation)
    display = min(_USUAL_DISPLAY, through / 2)
    deviation = float(np.hypot(spread, _USUAL_DISPLAY_SD))
    return dataclasses.replace(
        latency, camera=through - display, camera_sd=deviation, display=display, display_sd=_USUAL_DISPLAY_SD
    )


def _write_clicks(path: Path, times: Floats) -> None:
    samples = np.zeros(int((float(times[-1]) + 2.0) * _RATE), dtype=np.float32)
    sound = click(_RATE, accent=True)
    for time in times:
        first = round(float(time) * _RATE)
        samples[first : first + len(sound)] = sound
    soundfile.write(path, samples, _RATE)
