"""The whole calibration: real clicks through a real sound device, a window and a camera whose delays are known."""

import dataclasses
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from dancecoach.assessment.latency import clap_moments
from dancecoach.bench.pulse import PulseDaemon, missing, poll
from dancecoach.clock import SystemClock
from dancecoach.config import Latency
from dancecoach.loop.calibration import Calibration
from dancecoach.sources.microphone import Microphone
from dancecoach.types import AudioBlock, Pose, VideoFrame

DISPLAY, CAMERA = 0.020, 0.070  # s
CLOCK = SystemClock()


class World:
    """Paints what the calibration asks for and shows it to a camera, both with a delay; hears the null sink."""

    def __init__(self, calibration: Calibration, listens: bool = True, sees: bool = True) -> None:
        self._calibration = calibration
        self._sees = sees
        self._stop = threading.Event()
        self._light: list[tuple[float, float]] = [(-np.inf, 40.0)]
        self._threads = [threading.Thread(target=self._show, name="world window")]
        self._threads.append(threading.Thread(target=self._watch, name="world camera"))
        if listens:
            self._threads.append(threading.Thread(target=self._listen, name="world microphone"))

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _show(self) -> None:
        white = False
        while not self._stop.wait(1 / 120):
            flash = self._calibration.state().flash
            if flash != white:
                white, now = flash, CLOCK.now()
                if flash:
                    self._calibration.flash_painted(now)
                self._light.append((now + DISPLAY, 180.0 if flash else 40.0))

    def _watch(self) -> None:
        index, begin = 0, CLOCK.now()
        while not self._stop.wait(max(0.0, begin + index / 30 - CLOCK.now())):
            now = CLOCK.now()
            level = next(value for time, value in reversed(tuple(self._light)) if time <= now - CAMERA)
            image = np.full((24, 32, 3), round(level) if self._sees else 40, dtype=np.uint8)
            self._calibration.saw_frame(VideoFrame(now - CAMERA, index, image, now))
            index += 1

    def _listen(self) -> None:
        microphone = Microphone("monitor", CLOCK)
        microphone.open()
        while not self._stop.is_set():
            block = microphone.read(0.1)
            if block is not None:
                self._calibration.heard_block(block)
        microphone.close()


@pytest.fixture
def kept() -> list[Latency]:
    return []


@pytest.fixture
def calibration(kept: list[Latency]) -> Iterator[Calibration]:
    made = Calibration(CLOCK, Latency, kept.append)
    yield made
    made.cancel()


@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_clicks_and_flashes_read_the_delays_of_the_world(calibration: Calibration, kept: list[Latency]) -> None:
    with PulseDaemon():
        calibration.start("flash")
        with World(calibration):
            assert poll(lambda: calibration.state().phase in ("done", "failed"), 30.0)
    state = calibration.state()
    assert state.phase == "done", state.message
    assert state.seen >= 8
    assert state.heard >= 8
    result = state.result
    assert result is not None
    # The monitor gives samples back before the null sink calls them played: within that much of nothing.
    assert abs(result.audio_output) < 0.035
    assert result.audio_output_sd is not None
    assert result.audio_output_sd < 0.01
    assert result.camera + result.display == pytest.approx(DISPLAY + CAMERA, abs=0.015)
    assert result.camera_sd is not None
    assert result.calibrated
    calibration.accept()
    assert kept == [result]


@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_what_was_neither_heard_nor_seen_is_not_made_up(calibration: Calibration) -> None:
    with PulseDaemon():
        calibration.start("flash")
        with World(calibration, listens=False, sees=False):
            assert poll(lambda: calibration.state().phase in ("done", "failed"), 30.0)
    state = calibration.state()
    assert state.phase == "failed"
    assert state.result is None
    assert state.message.endswith(".")


def test_without_a_sound_card_it_fails_with_a_sentence(
    calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    calibration.start("flash")
    assert poll(lambda: calibration.state().phase == "failed", 10.0)
    assert calibration.state().message


def feed_claps(calibration: Calibration, start: float, camera: float) -> int:
    """Clap nine times, 0.7 s apart, into microphone and camera; returns how many."""
    random, rate = np.random.default_rng(0), 16_000
    claps = start + 0.8 + 0.7 * np.arange(9) + random.uniform(-0.05, 0.05, 9)
    seconds = float(claps[-1]) + 1.0 - start
    samples = random.normal(0, 0.002, int(seconds * rate)).astype(np.float32)
    for clap in claps:
        first = int((clap - start) * rate)
        samples[first : first + 160] += (0.5 * random.normal(0, 1, 160) * np.exp(-np.arange(160) / 40)).astype(
            np.float32
        )
    for first in range(0, len(samples), 800):
        piece = samples[first : first + 800, None]
        calibration.heard_block(AudioBlock(start + first / rate, first, piece, rate))
    joints = np.zeros((22, 3))
    for arrival in np.arange(start, start + seconds, 1 / 30):
        apart = 0.05 + 1.2 * min(float(np.abs(arrival - camera - claps).min()), 0.3)
        points = np.zeros((22, 2))
        points[16], points[17], points[20], points[21] = (
            (0.6, 0.4),
            (0.4, 0.4),
            (0.5 + apart / 2, 0.5),
            (0.5 - apart / 2, 0.5),
        )
        calibration.saw_pose(Pose(arrival - 0.06, 1, joints, joints[0], points, np.ones(22), float(arrival)))
    return len(claps)


def test_claps_read_the_cameras_delay(calibration: Calibration) -> None:
    calibration.start("clap")
    assert poll(lambda: calibration.state().phase == "measuring", 5.0)
    count = feed_claps(calibration, CLOCK.now(), camera=0.11)
    assert poll(lambda: calibration.state().phase == "done", 5.0), calibration.state()
    state = calibration.state()
    assert state.heard == state.seen == count
    assert state.result is not None
    assert state.result.camera == pytest.approx(0.11, abs=0.012)
    assert state.result.display == Latency().display


def test_cancelling_stops_at_once(calibration: Calibration) -> None:
    calibration.start("clap")
    assert poll(lambda: calibration.state().phase == "measuring", 5.0)
    began = CLOCK.now()
    calibration.cancel()
    assert CLOCK.now() - began < 1.0
    assert calibration.state().phase == "idle"
    assert not [thread for thread in threading.enumerate() if thread.name == "dancecoach calibration"]


def test_a_known_camera_leaves_the_display_to_the_flash() -> None:
    from dancecoach.loop.calibration import _split

    known = dataclasses.replace(Latency(), camera=0.07, camera_sd=0.004)
    assert _split(known, 0.09, 0.005).display == pytest.approx(0.02)
    unknown = _split(Latency(), 0.09, 0.005)
    assert unknown.camera + unknown.display == pytest.approx(0.09)
    assert unknown.display_sd is not None
    assert unknown.display_sd > 0.01
    assert len(clap_moments(np.empty(0), np.empty(0))) == 0
