from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.clock import ManualClock
from dancecoach.errors import SourceError
from dancecoach.sources.output import delay_to_air
from dancecoach.sources.player import MusicPlayer
from dancecoach.sources.player_core import PlayerCore
from dancecoach.sources.settling import SettlingClock
from dancecoach.sources.timeline import Timeline
from tests.support.media import click_track, write_audio

RATE = 22050
BEATS = np.arange(0.25, 9.9, 0.5)


def _core(speed: float = 1.0) -> PlayerCore:
    core = PlayerCore(click_track(10, RATE, BEATS), RATE)
    core.set_speed(speed)
    core.playing = True
    return core


def _errors_ms(samples: np.ndarray, positions: np.ndarray, beats: np.ndarray) -> list[float]:
    """Return for each beat how far from it the music was when its click sounded."""
    errors = []
    for beat in beats:
        middle = int(np.argmin(np.abs(positions - beat)))
        first = max(0, middle - RATE // 20)
        piece = np.abs(samples[first : middle + RATE // 20, 0])
        sounded = first + int(np.argmax(piece > 0.5 * piece.max()))
        errors.append(1000 * (positions[sounded] - beat))
    return errors


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.1])
@pytest.mark.parametrize("block", [100, 1024])
def test_clicks_sound_where_the_position_says(speed: float, block: int) -> None:
    core = _core(speed)
    parts = [core.render(block) for _ in range(int(9.5 / speed * RATE / block))]
    samples = np.concatenate([part[0] for part in parts])
    positions = np.concatenate([part[1] for part in parts])
    assert np.allclose(np.diff(positions), speed / RATE)
    assert np.abs(_errors_ms(samples, positions, BEATS[:-1])).max() < 2.0


def test_pitch_and_loudness_stay_when_slower() -> None:
    time = np.arange(RATE * 8) / RATE
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[:, None], 2, axis=1).astype(np.float32)
    core = PlayerCore(tone, RATE)
    core.set_speed(0.7)
    core.playing = True
    heard = core.render(RATE * 9)[0][RATE // 2 :, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * RATE / len(heard) == pytest.approx(440, abs=1)
    envelope = np.abs(
        np.convolve(heard * np.exp(-2j * np.pi * 440 * np.arange(len(heard)) / RATE), np.ones(501) / 501)
    )
    assert envelope[1000:-1000].min() > 0.8 * envelope.mean()  # seams do not pump


def test_a_loop_keeps_its_first_beat_and_its_time() -> None:
    core = _core()
    core.set_loop(1.25, 3.25)
    samples, positions = core.render(RATE * 9)
    assert np.all((positions >= 1.25 - 1e-6) & (positions < 3.25 + 1e-6))
    loud = np.flatnonzero(np.abs(samples[:, 0]) > 0.5)
    clicks = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > 100)]
    assert np.allclose(np.diff(clicks) / RATE, 0.5, atol=0.0005)
    assert np.abs(samples[clicks, 0]).min() > 0.7


def test_count_in_clicks_once_before_a_loop() -> None:
    core = _core(0.8)
    core.set_loop(1.0, 3.0)
    core.seek(1.0)
    core.count_in([-1.0, -0.5, 0.0, 0.5], [True])
    samples, positions = core.render(RATE * 8)
    assert positions[0] == pytest.approx(-1.0)
    spans = core.timeline.spans()
    assert [span.counting_in for span in spans] == [True, False, False, False]
    counting = samples[: spans[0].stop, 0]
    for number, beat in enumerate((-1.0, -0.5, 0.0, 0.5)):
        first = round((beat + 1.0) / 0.8 * RATE)
        assert abs(counting[first]) > 0.5
        assert np.abs(counting[first - 200 : first]).max(initial=0.0) < 0.01 or number == 0
    assert spans[1].music == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(
    blocks=st.lists(st.integers(1, 4000), min_size=1, max_size=20),
    loop=st.sampled_from([None, (1.0, 2.0), (0.5, 0.75)]),
    speed=st.sampled_from([1.0, 0.5, 1.1]),
)
def test_any_split_into_blocks_gives_the_same(
    blocks: list[int], loop: tuple[float, float] | None, speed: float
) -> None:
    def core() -> PlayerCore:
        made = PlayerCore(click_track(3, 8000, (0.5, 1.0, 1.5)), 8000)
        made.set_speed(speed)
        if loop:
            made.set_loop(*loop)
        made.playing = True
        return made

    split, whole = core(), core()
    parts = [split.render(block) for block in blocks]
    samples, positions = whole.render(sum(blocks))
    assert np.allclose(np.concatenate([part[0] for part in parts]), samples, atol=1e-5)
    assert np.allclose(np.concatenate([part[1] for part in parts]), positions, atol=1e-6)
    assert split.timeline.spans() == whole.timeline.spans()


@settings(max_examples=60, deadline=None)
@given(first=st.integers(1, 60000), back=st.integers(0, 60000), speed=st.sampled_from([0.5, 0.8, 1.0, 1.1]))
def test_rewinding_forgets_nothing_else(first: int, back: int, speed: float) -> None:
    core = PlayerCore(np.zeros((8000 * 6, 1), np.float32), 8000)
    core.set_speed(speed)
    core.set_loop(2.0, 3.5)
    core.count_in([0.5, 1.0, 1.5])
    core.playing = True
    core.skip(first + back)
    expected = core.timeline.spans()
    core.rewind(first)
    core.skip(back)
    assert [(s.start, s.stop, s.counting_in) for s in core.timeline.spans()] == [
        (s.start, s.stop, s.counting_in) for s in expected
    ]
    assert [s.music for s in core.timeline.spans()] == pytest.approx([s.music for s in expected], abs=1e-3)


def test_timeline_joins_and_cuts() -> None:
    timeline = Timeline(10**6)
    timeline.add(100, 0.0, 0.01)
    timeline.add(100, 1.0, 0.01)
    timeline.add(50, 5.0, 0.0)
    assert [(span.start, span.stop) for span in timeline.spans()] == [(0, 200), (200, 250)]
    timeline.cut(150)
    assert timeline.stop == 150
    span = timeline.span_at(120)
    assert span is not None
    assert span.at(120) == pytest.approx(1.2)


def test_implausible_stamps_fall_back_to_the_latency() -> None:
    assert delay_to_air(10.0, 10.05, 0.1) == pytest.approx(0.05)
    for current, dac in ((0.0, 0.0), (10.0, 9.0), (10.0, 20.0), (10.0, 0.0)):
        assert delay_to_air(current, dac, 0.1) == 0.1


def test_a_settling_clock_forgets_a_bad_start() -> None:
    random = np.random.default_rng(0)
    clock = SettlingClock(44100)
    clock.update(0, 5.2)
    for number in range(1, 200):
        clock.update(number * 441, 5.0 + number * 0.01 + random.normal(0, 0.003))
    assert clock.time_of(200 * 441) == pytest.approx(7.0, abs=0.002)


@pytest.fixture
def player(tmp_path: Path) -> Iterator[tuple[MusicPlayer, ManualClock]]:
    clock = ManualClock(50.0)
    music = MusicPlayer(write_audio(tmp_path / "song.wav", click_track(10, RATE, BEATS), RATE), clock, silent=True)
    music.open()
    yield music, clock
    music.close()
    assert music.position_at(0.0) is None
    assert music.state() is None


Silent = tuple[MusicPlayer, ManualClock]


def test_silent_player_runs_on_the_clock(player: Silent) -> None:
    music, clock = player
    clock.advance(1.0)
    state = music.state()
    assert state is not None
    assert (state.position, state.playing, state.title) == (0.0, False, "song")
    music.play()
    begin = clock.now()
    clock.advance(2.0)
    assert music.position_at(clock.now()) == pytest.approx(2.0, abs=0.001)
    assert music.position_at(clock.now() - 0.5) == pytest.approx(1.5, abs=0.001)
    assert music.position_at(clock.now() + 3.0) == pytest.approx(5.0, abs=0.001)  # foretold
    assert music.time_of(5.0) == pytest.approx(begin + 5.0, abs=0.001)
    music.pause()
    clock.advance(3.0)
    assert music.position_at(clock.now()) == pytest.approx(2.0, abs=0.001)
    assert music.time_of(5.0) is None
    music.set_speed(0.5)
    music.play()
    clock.advance(2.0)
    assert music.position_at(clock.now()) == pytest.approx(3.0, abs=0.001)
    music.seek(9.5)
    clock.advance(5.0)
    state = music.state()
    assert state is not None
    assert (state.position, state.playing) == (pytest.approx(10.0), False)
    music.play()
    clock.advance(1.0)
    assert music.position_at(clock.now()) == pytest.approx(0.5, abs=0.001)


def test_beats_of_a_loop_are_foretold(player: Silent) -> None:
    music, clock = player
    music.set_loop(1.0, 2.0)
    music.set_count_in(True)
    music.schedule_count_in([0.0, 0.5])
    music.play()
    begin = clock.now()
    times, which = music.times_of(BEATS, begin, begin + 4.0)
    assert times == pytest.approx(begin + np.arange(0.25, 4.0, 0.5), abs=0.001)
    assert list(BEATS[which.astype(int)]) == [0.25, 0.75, 1.25, 1.75, 1.25, 1.75, 1.25, 1.75]
    clock.advance(0.5)
    state = music.state()
    assert state is not None
    assert state.counting_in
    clock.advance(2.0)
    again, _ = music.times_of(BEATS, begin, begin + 4.0)
    assert again == pytest.approx(times, abs=0.001)
    music.clear_loop()
    clock.advance(1.0)
    assert music.position_at(clock.now()) == pytest.approx(2.5, abs=0.001)


def test_level_follows_the_music(player: Silent) -> None:
    music, clock = player
    assert music.level() == 0.0
    music.play()
    clock.advance(BEATS[2])
    assert music.level() > 0.05
    clock.advance(0.25)
    assert music.level() < 0.01


def test_music_without_sound_is_refused(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.zeros((0, 1), np.float32), 44100)
    with pytest.raises(SourceError, match="no sound"):
        MusicPlayer(path, ManualClock(), silent=True).open()
