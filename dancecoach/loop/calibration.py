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
# Flashes a whole second apart would all fall on the same place between two pictures.
_STAGGER = 0.1 * (0.618034 * np.arange(_EVENTS) % 1.0)  # s
_LISTEN_ON = 1.2  # s after the last click
_PLAYER_EVERY = 0.25  # s between two looks at when the clicks are played; the first tell it roughly only
_ENOUGH = 0.5  # of the clicks, or flashes, that must agree
_CLAP_DELAYS = (-0.1, 0.45)  # s; the next clap comes later
_STOPPING = 0.2  # s that a cancelled measurement is waited for
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
    hush : callable
        Pauses the music, which would drown the clicks and claps.
    make_player : callable
        Makes the player of the clicks.
    """

    def __init__(
        self,
        clock: Clock,
        current: Callable[[], Latency],
        keep: Callable[[Latency], None],
        hush: Callable[[], None] = lambda: None,
        make_player: Callable[[Path, Clock], MusicPlayer] = MusicPlayer,
    ) -> None:
        self._clock = clock
        self._current = current
        self._keep = keep
        self._hush = hush
        self._make_player = make_player
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
        self._hush()
        before, self._stop = self._thread, threading.Event()
        with self._lock:
            self._clear()
            self._state = State("waiting", message="Getting ready")
        self._thread = threading.Thread(
            target=self._run, args=(method, self._stop, before), name="dancecoach calibration", daemon=True
        )
        self._thread.start()

    def state(self) -> State:
        """Return the newest state."""
        return self._state

    def flash_painted(self, time: float) -> None:
        """Take the moment at which the window turned white, clock seconds."""
        with self._lock:
            if self._state.phase == "measuring":
                self._painted.append(time)

    def cancel(self) -> None:
        """Stop and keep the old delays; a sound card that is slow to close is not waited for."""
        with self._lock:
            self._stop.set()
            self._state = State()
        self._join(_STOPPING)

    def close(self) -> None:
        """Stop for good."""
        self.cancel()
        self._join(10.0)

    def _join(self, timeout: float) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
            if not thread.is_alive():
                self._thread = None

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
                last = self._blocks[-1] if self._blocks else block
                if block.sample_rate != last.sample_rate or block.index < last.index:
                    self._blocks.clear()  # another microphone, or the same one opened again
                self._blocks.append(block)

    # --- measuring ----------------------------------------------------------------------------------------------

    def _set(self, stop: threading.Event, state: State) -> None:
        with self._lock:
            if not stop.is_set():
                self._state = state

    def _run(self, method: Method, stop: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # a cancelled measurement may still be closing the sound card
        try:
            if method == "flash":
                self._flash(stop)
            else:
                self._clap(stop)
        except DancecoachError as error:
            self._set(stop, State("failed", message=str(error)))
        except OSError as error:
            log.exception("calibration")
            text = f"The clicks cannot be made ({error.strerror}). Free some disk space."
            self._set(stop, State("failed", message=text))

    def _flash(self, stop: threading.Event) -> None:
        sent = _FIRST + _EVERY * np.arange(_EVENTS) + _STAGGER
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clicks.wav"
            _write_clicks(path, sent)
            player = self._make_player(path, self._clock)
            try:
                player.open()
                if not stop.is_set():
                    self._run_flashes(player, sent, stop)
            finally:
                player.close()

    def _run_flashes(self, player: MusicPlayer, sent: Floats, stop: threading.Event) -> None:
        state = State("measuring", message="Point the camera at this screen, loudspeakers on")
        self._set(stop, state)
        player.play()
        start = self._clock.now()
        end = start + float(sent[-1]) + _LISTEN_ON
        played: Floats = np.empty(0)
        asked = -np.inf
        while (now := self._clock.now()) < end and not stop.wait(0.004):
            if now >= asked + _PLAYER_EVERY:
                asked, played = now, player.times_of(sent, start - 1.0, now + 20.0)[0]
                end = max(end, float(played[-1]) + _LISTEN_ON) if len(played) else end
            if player.lost is not None:
                raise player.lost
            flash = bool(np.any((now >= played) & (now < played + _FLASH)))
            progress = float(np.clip((now - start) / (end - start), 0.0, 1.0))
            state = dataclasses.replace(state, progress=progress, flash=flash, seen=len(self._painted))
            self._set(stop, state)
        if not stop.is_set():
            played = player.times_of(sent, start - 1.0, end)[0]
            self._set(stop, self._flash_result(played))

    def _flash_result(self, played: Floats) -> State:
        heard = measure.delays(played, self._onsets())
        with self._lock:
            painted = np.array(self._painted)
            pictures = np.array(self._pictures).reshape(-1, 2)
        rises = measure.brightness_rises(painted, pictures[:, 0], pictures[:, 1])
        seen = measure.delays(painted, rises, 0.0)
        output = measure.summary(heard) if len(heard) >= _ENOUGH * _EVENTS else None
        through = measure.summary(seen) if len(seen) >= _ENOUGH * _EVENTS else None
        if output is None and through is None:
            text = "Neither the clicks were heard nor the flashes seen. Turn the sound up and face the screen."
            return State("failed", 1.0, message=text, seen=len(seen), heard=len(heard))
        result = dataclasses.replace(self._current(), calibrated=_today())
        words = []
        if output is not None:
            result = dataclasses.replace(result, audio_output=output[0], audio_output_sd=output[1])
        else:
            words.append("The clicks were not heard: the sound delay is as before.")
        if through is not None:
            result = _split(result, *through)
        else:
            words.append("The flashes were not seen: the picture delays are as before.")
        text = " ".join(words) or "Measured."
        return State("done", 1.0, message=text, seen=len(seen), heard=len(heard), result=result)

    def _clap(self, stop: threading.Event) -> None:
        state = State("measuring", message="Clap eight times, hands wide apart in between")
        self._set(stop, state)
        start = self._clock.now()
        found: Floats = np.empty(0)
        while self._clock.now() - start < _CLAP_LIMIT and not stop.wait(0.25):
            heard = self._onsets()
            with self._lock:
                hands = np.array(self._hands).reshape(-1, 2)
            seen = measure.clap_moments(hands[:, 0], hands[:, 1])
            found = measure.delays(heard, seen, *_CLAP_DELAYS)
            progress = min(len(found) / _CLAPS, 1.0)
            state = dataclasses.replace(state, progress=progress, seen=len(seen), heard=len(heard))
            self._set(stop, state)
            if len(found) >= _CLAPS:
                break
        camera = measure.summary(found)
        if camera is None:
            text = "Too few claps were both heard and seen. Turn the music off and keep your hands in the picture."
            self._set(stop, dataclasses.replace(state, phase="failed", progress=1.0, message=text))
            return
        result = dataclasses.replace(self._current(), camera=camera[0], camera_sd=camera[1], calibrated=_today())
        self._set(stop, dataclasses.replace(state, phase="done", progress=1.0, message="Measured.", result=result))

    def _onsets(self) -> Floats:
        """Return when clicks or claps were heard, clock seconds."""
        with self._lock:
            blocks = list(self._blocks)
        if not blocks:
            return np.empty(0)
        rate, first = blocks[0].sample_rate, blocks[0].index
        samples = np.zeros(blocks[-1].index + len(blocks[-1].samples) - first, dtype=np.float32)
        for block in blocks:
            samples[block.index - first : block.index - first + len(block.samples)] = block.mono
        found = measure.loud_onsets(samples, rate)
        starts = np.array([(block.index - first) / rate for block in blocks])
        which = np.clip(np.searchsorted(starts, found, side="right") - 1, 0, len(blocks) - 1)
        times = np.array([block.time for block in blocks])
        return np.asarray(times[which] + found - starts[which], dtype=np.float64)


def _split(latency: Latency, through: float, spread: float) -> Latency:
    """Return `latency` with what a flash took, shared out between display and camera."""
    if latency.camera_sd is not None and latency.camera < through + 2 * float(np.hypot(spread, latency.camera_sd)):
        display = max(0.0, through - latency.camera)
        deviation = float(np.hypot(spread, latency.camera_sd))
        return dataclasses.replace(latency, display=display, display_sd=deviation)
    display = min(_USUAL_DISPLAY, through / 2)
    deviation = float(np.hypot(spread, _USUAL_DISPLAY_SD))
    return dataclasses.replace(
        latency, camera=through - display, camera_sd=deviation, display=display, display_sd=_USUAL_DISPLAY_SD
    )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _write_clicks(path: Path, times: Floats) -> None:
    samples = np.zeros(int((float(times[-1]) + 2.0) * _RATE), dtype=np.float32)
    sound = click(_RATE, accent=True)
    for time in times:
        first = round(float(time) * _RATE)
        samples[first : first + len(sound)] = sound
    soundfile.write(path, samples, _RATE)
