"""Calibration with a loudspeaker of known delay, and with everything that can go wrong."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dancecoach.bench.pulse import poll
from dancecoach.clock import Clock, SystemClock
from dancecoach.config import Latency
from dancecoach.errors import SourceError
from dancecoach.loop.calibration import Calibration
from dancecoach.sources.player import MusicPlayer
from dancecoach.types import AudioBlock, VideoFrame

CLOCK = SystemClock()
RATE = 44_100
SPEAKER, CAMERA, DISPLAY = 0.183, 0.070, 0.022  # s


class Room:
    """A silent player whose sound reaches a microphone late, and a window that a camera sees late."""

    def __init__(self) -> None:
        self.player: MusicPlayer | None = None
        self.painted: list[float] = []

    def make_player(self, path: Path, clock: Clock) -> MusicPlayer:
        self.player = MusicPlayer(path, clock, silent=True)
        return self.player

    def live(self, calibration: Calibration, seconds: float) -> bool:
        """Return True once the calibration has ended."""
        random = np.random.default_rng(0)
        index, pictures, begin, white = 0, 0, CLOCK.now(), False
        lit: list[tuple[float, float]] = []
        pause = threading.Event()
        while CLOCK.now() < begin + seconds and calibration.state().phase in ("waiting", "measuring"):
            now = CLOCK.now()
            flash = calibration.state().flash
            if flash and not white:
                calibration.flash_painted(now)
                lit.append((now + DISPLAY, now + DISPLAY + 0.18))
            white = flash
            if now > begin + (index + 2048) / RATE:
                self._hear(calibration, begin + index / RATE, index, random)
                index += 2048
            if now > begin + pictures / 29.97:
                moment = now - CAMERA
                level = 160 if any(start <= moment < stop for start, stop in lit) else 60
                calibration.saw_frame(VideoFrame(moment, pictures, np.full((24, 32, 3), level, np.uint8), now))
                pictures += 1
            pause.wait(0.002)
        return calibration.state().phase in ("done", "failed")

    def _hear(self, calibration: Calibration, time: float, index: int, random: np.random.Generator) -> None:
        samples = random.normal(0, 0.003, 2048)
        player = self.player
        start = player.position_at(time - SPEAKER) if player is not None else None
        if player is not None and start is not None and start > 0:
            piece, _ = player.sound(start, start + 2048 / RATE)
            samples[: len(piece)] += 0.2 * piece[:2048]
        calibration.heard_block(AudioBlock(time, index, samples[:, None].astype(np.float32), RATE))


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert poll(lambda: not set(threading.enumerate()) - before, 5.0)


def test_the_delays_of_loudspeaker_and_display_are_read() -> None:
    room, kept, hushed = Room(), list[Latency](), threading.Event()
    known = Latency(camera=CAMERA, camera_sd=0.002)
    calibration = Calibration(CLOCK, lambda: known, kept.append, hushed.set, room.make_player)
    calibration.start("flash")
    assert hushed.is_set()
    assert room.live(calibration, 30.0)
    state = calibration.state()
    result = state.result
    assert result is not None, state.message
    assert state.heard == state.seen == 10
    assert result.audio_output == pytest.approx(SPEAKER, abs=0.005)
    assert result.audio_output_sd is not None
    assert result.audio_output_sd < 0.003
    assert result.camera == CAMERA
    assert result.display == pytest.approx(DISPLAY, abs=0.010)
    assert kept == []
    calibration.accept()
    assert kept == [result]
    calibration.close()


class BrokenPlayer(MusicPlayer):
    """A sound card that goes away as soon as it plays."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock, silent=True)

    def play(self) -> None:
        super().play()
        self.lost = SourceError("The sound output 'USB' is gone.", "Choose another output.")


def test_a_sound_card_that_goes_away_fails_with_a_sentence() -> None:
    calibration = Calibration(CLOCK, Latency, lambda _: None, make_player=BrokenPlayer)
    calibration.start("flash")
    assert poll(lambda: calibration.state().phase == "failed")
    assert calibration.state().message == "The sound output 'USB' is gone. Choose another output."
    assert calibration.state().result is None
    calibration.accept()
    calibration.close()


def test_cancelling_does_not_wait_for_a_slow_sound_card() -> None:
    opened, release = threading.Event(), threading.Event()

    class SlowPlayer(MusicPlayer):
        def __init__(self, path: Path, clock: Clock) -> None:
            super().__init__(path, clock, silent=True)

        def open(self) -> None:
            opened.set()
            release.wait(5.0)
            super().open()

    calibration = Calibration(CLOCK, Latency, lambda _: None, make_player=SlowPlayer)
    calibration.start("flash")
    assert opened.wait(5.0)
    began = CLOCK.now()
    calibration.cancel()
    assert CLOCK.now() - began < 0.5
    assert calibration.state().phase == "idle"
    calibration.start("clap")  # waits in its own thread until the sound card is free
    assert calibration.state().phase == "waiting"
    release.set()
    assert poll(lambda: calibration.state().phase == "measuring")
    calibration.close()
    assert calibration.state().phase == "idle"


def test_a_microphone_that_is_opened_again_starts_afresh() -> None:
    calibration = Calibration(CLOCK, Latency, lambda _: None)
    calibration.start("clap")
    assert poll(lambda: calibration.state().phase == "measuring")
    samples = np.zeros((4800, 1), np.float32)
    samples[2400:2430] = 0.5
    for time, index, rate in ((1.0, 480_000, 48_000), (2.0, 0, 48_000), (3.0, 4800, 48_000), (4.0, 0, 16_000)):
        calibration.heard_block(AudioBlock(time, index, samples, rate))
    assert poll(lambda: calibration.state().heard == 1)
    calibration.close()
