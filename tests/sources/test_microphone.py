from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dancecoach.bench import pulse
from dancecoach.clock import ManualClock, SystemClock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources import portaudio
from dancecoach.sources.microphone import CaptureTime, Microphone, list_audio_inputs, list_audio_outputs
from dancecoach.sources.player import MusicPlayer
from tests.support.media import click_track, write_audio

RATE = 8000
BLOCK = 80


class _Fed(Microphone):
    """A microphone whose callback is called by the test."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("", clock)
        self.clock = clock
        self._prepare(RATE, 1)
        self._stream = SimpleNamespace()
        self.count = 0

    def feed(self, late: float = 0.0, overflow: bool = False) -> None:
        """Deliver the next block; it was complete `late` seconds ago."""
        data = np.full((BLOCK, 1), self.count, np.float32)
        times = SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0)
        self.clock.advance(late)
        self._callback(data, BLOCK, times, SimpleNamespace(input_overflow=overflow))
        self.clock.advance(BLOCK / RATE - late)
        self.count += 1


def test_stamps_are_believed_only_when_plausible() -> None:
    assert CaptureTime().of(100.0, 10.0, 9.97, 0.01) == pytest.approx(99.97)
    for current, adc in ((0.0, 0.0), (10.0, 10.5), (10.0, 3.0)):
        assert CaptureTime().of(100.0, current, adc, 0.01) == pytest.approx(99.99)


def test_a_driver_that_counts_only_what_waits_is_not_believed_half() -> None:
    time = CaptureTime()
    for waiting in (0.0003, 0.01, 0.0195, 0.0003):  # the first sample of each was in the air at 99.98
        assert time.of(100.0 + waiting, 10.0 + waiting, 10.0, 0.02) == pytest.approx(99.98)


def test_times_are_smooth_though_callbacks_are_not() -> None:
    microphone = _Fed(ManualClock(10.0))
    random = np.random.default_rng(0)
    blocks = []
    for _ in range(400):
        microphone.feed(late=float(random.uniform(0, 0.008)))
        block = microphone.read(0.0)
        assert block is not None
        blocks.append(block)
    times = np.array([block.time for block in blocks])
    assert np.all(np.diff(times) > 0)
    assert np.std(times[100:] - 0.01 * np.arange(100, 400)) < 0.001
    assert [block.index for block in blocks] == list(range(0, 400 * BLOCK, BLOCK))


def test_lost_samples_show_as_a_jump_of_the_index() -> None:
    microphone = _Fed(ManualClock(10.0))
    for _ in range(100):
        microphone.feed()
        assert microphone.read(0.0) is not None
    microphone.clock.advance(0.3)  # the driver lost 0.3 s
    blocks = []
    for number in range(200):
        microphone.feed(overflow=number == 0)
        block = microphone.read(0.0)
        assert block is not None
        blocks.append(block)
    assert microphone.lost_samples == pytest.approx(0.3 * RATE, abs=BLOCK // 4)
    last = blocks[-1]
    assert last.index == pytest.approx(299 * BLOCK + 0.3 * RATE, abs=BLOCK // 4)
    assert last.time == pytest.approx(microphone.clock.now() - 0.01 - 0.01, abs=0.005)


def test_a_reader_that_slept_gets_the_newest() -> None:
    microphone = _Fed(ManualClock(10.0))
    for _ in range(600):  # six seconds into a ring of four
        microphone.feed()
    block = microphone.read(0.0)
    assert block is not None
    assert block.samples[0, 0] == block.index / BLOCK
    assert microphone.lost_samples == 200 * BLOCK


def test_no_devices_are_harmless() -> None:
    listed = list_audio_inputs(), list_audio_outputs()
    if any(listed):
        pytest.skip("there are sound devices")
    with pytest.raises(SourceError, match="No microphone was found"):
        Microphone("", SystemClock()).open()


def test_devices_are_named_as_people_know_them(sound_server: pulse.PulseDaemon) -> None:
    inputs, outputs = list_audio_inputs(), list_audio_outputs()
    assert [(d.name, d.is_monitor, d.is_default) for d in inputs] == [("Monitor of Dance", True, True)]
    assert [(d.name, d.is_monitor, d.is_default) for d in outputs] == [("Dance", False, True)]
    assert portaudio.find("MONITOR of d", source=True).server_name == "dance.monitor"
    with pytest.raises(SourceError, match="Connected: Monitor of Dance"):
        portaudio.find("C920", source=True)


def exact(errors: list[float]) -> bool:
    """Whether the last ten clicks stray by less than 3 ms from their middle, seconds."""
    last = np.array(errors[-10:])
    return len(last) == 10 and float(np.abs(last - np.median(last)).max()) < 0.003


@pytest.mark.parametrize("speed", [1.0, 0.8])
def test_what_is_played_is_heard_when_the_player_says(
    sound_server: pulse.PulseDaemon, tmp_path: Path, speed: float
) -> None:
    """The null sink's monitor is constantly ahead of what it calls its output, but no click may stray."""
    clock = SystemClock()
    beats = np.arange(0.25, 7.9, 0.25)
    player = MusicPlayer(write_audio(tmp_path / "a.wav", click_track(8, 44100, beats), 44100), clock, "dance")
    microphone = Microphone("monitor", clock)
    player.open()
    microphone.open()
    try:
        assert microphone.read(5.0) is not None
        assert not portaudio.refresh()  # would break the running streams
        player.set_speed(speed)
        player.play()
        errors: list[float] = []
        last, begin = 0.0, clock.now()
        # A busy machine may disturb a stretch of clicks; then ten others in a row must be exact.
        while not exact(errors[4:]) and clock.now() < begin + 9:
            block = microphone.read(1.0)
            assert block is not None
            loud = np.flatnonzero(np.abs(block.samples[:, 0]) > 0.3)
            if len(loud) and (heard := block.time + loud[0] / block.sample_rate) > last + 0.1:
                position = player.position_at(last := heard)
                assert position is not None
                errors.append((position - 0.25 * round(4 * position)) / speed)
        assert exact(errors[4:]), errors
        steady = np.array(errors[-10:])
        assert abs(np.median(steady)) < 0.06
        assert microphone.sample_rate == 44100
    finally:
        player.close()
        microphone.close()
    assert portaudio.open_streams() == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "music player"]


def test_a_sound_server_that_dies_is_noticed_and_found_again(tmp_path: Path) -> None:
    if reason := pulse.missing():
        pytest.skip(reason)
    microphone = Microphone("", SystemClock())
    song = write_audio(tmp_path / "a.wav", click_track(8, 44100), 44100)
    player = MusicPlayer(song, SystemClock())
    with pulse.PulseDaemon() as daemon:
        player.open()
        player.play()
        microphone.open()
        assert microphone.read(5.0) is not None
        daemon.kill()
        begin = time.monotonic()
        with pytest.raises(SourceLost, match="is gone"):
            while True:
                microphone.read(0.5)
        assert time.monotonic() - begin < 2.0
        assert pulse.poll(lambda: player.lost is not None)
        state = player.state()
        assert state is not None
        assert state.playing  # silently
        player.close()
        microphone.close()
        with pytest.raises(SourceError):
            microphone.open()
    with pulse.PulseDaemon():
        microphone.open()
        assert microphone.read(5.0) is not None
        microphone.close()
    portaudio.refresh()


def test_windows_devices_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("MME", "Windows WASAPI")
    apis = [{"name": name, "default_input_device": 2 * number, "default_output_device": -1} for number, name in
            enumerate(names)]  # fmt: skip
    listed = [
        {
            "name": name,
            "hostapi": api,
            "max_input_channels": 2,
            "max_output_channels": 0,
            "default_samplerate": 48000.0,
        }
        for api in (0, 1)
        for name in ("Microphone (USB)", "Stereo Mix (Realtek)")
    ]

    class Library:
        PortAudioError = OSError
        query_devices = staticmethod(lambda: listed)
        query_hostapis = staticmethod(lambda: apis)

    monkeypatch.setattr(portaudio, "library", lambda: Library)
    found = portaudio.devices(source=True)
    assert [(d.name, d.is_monitor, d.is_default, d.index) for d in found] == [
        ("Microphone (USB)", False, True, 2),
        ("Stereo Mix (Realtek)", True, False, 3),
    ]
    assert portaudio.devices(source=False) == ()
