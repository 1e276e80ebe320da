"""Clock, hand-offs and settings."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancecoach import config
from dancecoach.buffers import BoundedQueue, Latest, TimeRing
from dancecoach.clock import ManualClock, SampleClock
from dancecoach.config import Latency, Settings
from dancecoach.errors import SettingsError
from dancecoach.types import JOINT_NAMES, MIRROR_JOINTS, AudioBlock, BeatGrid, cycle_of, downbeats_of


def test_the_sample_clock_turns_jitter_of_tens_of_milliseconds_into_about_one() -> None:
    random, clock, _rate, true_rate = np.random.default_rng(0), SampleClock(48_000), 48_000, 48_000 * 1.0002
    errors = []
    for block in range(3000):
        index = block * 512
        truth = index / true_rate
        filtered = clock.update(index, truth + random.uniform(0, 0.02))
        if block > 1500:
            errors.append(filtered - truth - 0.01)
    assert np.std(errors) < 0.0015
    assert abs(np.mean(errors)) < 0.001


def test_the_sample_clock_starts_over_after_a_break() -> None:
    clock = SampleClock(48_000)
    for block in range(100):
        clock.update(block * 480, block * 0.01)
    assert clock.update(100 * 480, 5.0) == 5.0
    assert clock.time_of(100 * 480 + 4800) == pytest.approx(5.1)


def test_a_manual_clock_only_goes_forward() -> None:
    clock = ManualClock()
    clock.sleep_until(2.0)
    clock.sleep_until(1.0)
    assert clock.now() == 2.0
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_the_newest_value_wins_and_the_rest_is_counted() -> None:
    slot: Latest[int] = Latest()
    assert slot.take(0.0) is None
    for value in range(5):
        slot.put(value)
    assert (slot.take(0.0), slot.dropped, slot.take(0.0), slot.peek()) == (4, 4, None, 4)


def test_waiting_for_a_value_ends_when_it_comes() -> None:
    slot: Latest[int] = Latest()
    thread = threading.Timer(0.02, slot.put, (7,))
    thread.start()
    assert slot.take(5.0) == 7
    thread.join()


def test_a_full_queue_drops_the_oldest() -> None:
    queue: BoundedQueue[int] = BoundedQueue(3)
    for value in range(5):
        queue.put(value)
    assert [queue.take(0.0) for _ in range(4)] == [2, 3, 4, None]
    assert queue.dropped == 2


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_ring_keeps_the_last_seconds_in_order(times: list[float]) -> None:
    ring: TimeRing[float] = TimeRing(10.0, lambda value: value)
    kept: list[float] = []
    for time in times:
        grows = not kept or time > kept[-1]
        assert ring.put(time) == grows
        if grows:
            kept.append(time)
    expected = tuple(time for time in kept if time >= kept[-1] - 10.0) if kept else ()
    assert ring.since(-1.0) == expected


def test_settings_survive_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    latency = Latency(camera=0.081, camera_sd=0.004, audio_output=0.23, calibrated="2026-01-02")
    settings = Settings(camera="C920", theme="light", music_offset=-0.25).with_latency("C920", "USB", latency)
    config.save(settings, path)
    assert config.load(path) == settings
    assert config.load(path).latency_of("C920", "USB") == latency
    assert config.load(path).latency_of("other", "USB") == Latency()
    assert config.load(tmp_path / "none.toml") == Settings()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"version = [", b"", b"version = 99", b"version = 'x'"])
def test_an_unreadable_settings_file_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="settings file"):
        config.load(path)
    settings, problem = config.recover(path)
    assert settings == Settings()
    assert problem is not None
    assert "kept" in problem.remedy
    assert (tmp_path / "settings.unreadable.toml").read_bytes() == content
    assert config.recover(path) == (Settings(), None)


def test_values_out_of_range_or_of_another_type_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        'version = 1\nmirror = "yes"\nmusic_offset = 7.0\nmusic_speed = 1\nsurprise = 3\ntheme = "pink"\n'
    )
    settings = config.load(path)
    assert settings == Settings(music_offset=1.0, music_speed=1.0)


def test_what_the_coach_says_is_set_and_old_files_take_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    chosen = Settings(cues=False, heat_map=False, speak=True, speech_volume=0.25, reference="/motion/a.bvh")
    config.save(chosen, path)
    assert config.load(path) == chosen
    path.write_text('version = 1\nspeech_volume = 9.0\nreference = 7\nspeak = "yes"\n')
    assert config.load(path) == Settings(speech_volume=1.0)


def test_mirroring_swaps_the_names_of_the_sides() -> None:
    for joint, other in enumerate(MIRROR_JOINTS):
        name = JOINT_NAMES[joint]
        wanted = name.replace("left", "?").replace("right", "left").replace("?", "right")
        assert JOINT_NAMES[other] == wanted


def test_the_count_is_interpolated_and_extrapolated() -> None:
    grid = BeatGrid(np.arange(1.0, 5.0, 0.5), np.arange(8) % 8 + 1, 120.0, 1.0)
    assert grid.position(1.25) == pytest.approx(1.5)
    assert grid.position(4.75) == pytest.approx(8.5)
    assert grid.position(5.25) == pytest.approx(1.5)
    assert grid.phase(2.1) == pytest.approx(0.2)
    assert grid.next_beat(1.1) == (1.5, 2)
    assert grid.next_beat(4.6) == (pytest.approx(5.0), 1)
    assert BeatGrid(np.empty(0), np.empty(0, dtype=np.int64), 0.0, 0.0).next_beat(1.0) is None


def test_a_waltz_is_counted_to_six() -> None:
    grid = BeatGrid(np.arange(1.0, 5.0, 0.5), np.arange(8) % 6 + 1, 120.0, 1.0, beats_per_bar=3)
    assert (grid.cycle, grid.downbeats) == (6, (1, 4))
    assert grid.position(3.75) == pytest.approx(6.5)
    assert grid.position(4.0) == pytest.approx(1.0)
    assert grid.position(0.75) == pytest.approx(6.5)  # before the first beat
    assert grid.position(6.75) == pytest.approx(6.5)  # after the last
    assert grid.next_beat(3.6) == (4.0, 1)
    assert grid.next_beat(6.3) == (pytest.approx(6.5), 6)
    assert grid.next_beat(6.6) == (pytest.approx(7.0), 1)


def test_only_bars_of_three_and_six_are_not_counted_in_eights() -> None:
    assert [cycle_of(beats) for beats in range(1, 9)] == [8, 8, 6, 8, 8, 6, 8, 8]
    assert [downbeats_of(beats) for beats in (2, 3, 4, 5, 6)] == [(1, 5), (1, 4), (1, 5), (1, 5), (1,)]


def test_counts_of_another_metre_are_shown_as_they_were() -> None:
    grid = BeatGrid(np.arange(4.0), np.array([7, 8, 1, 2]), 60.0, 1.0, beats_per_bar=3)
    assert grid.position(1.5) == pytest.approx(8.5)


def test_the_partner_is_remembered_and_kept_to_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    chosen = Settings(partner=True, partner_view="from above", partner_role="leader", partner_ghost=3)
    config.save(chosen, path)
    assert config.load(path) == chosen
    path.write_text('version = 1\npartner_view = "from below"\npartner_role = "judge"\npartner_ghost = 9\n', "utf-8")
    assert config.load(path) == Settings()


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_mono_is_the_mean_of_the_channels(channels: int) -> None:
    samples = np.random.default_rng(channels).uniform(-1, 1, (512, channels)).astype(np.float32)
    mono = AudioBlock(0.0, 0, samples, 44_100).mono
    assert mono.shape == (512,)
    assert mono.dtype == np.float32
    assert np.allclose(mono, samples.mean(axis=1), atol=1e-6)


def test_linear_algebra_keeps_to_one_thread_whoever_loaded_numpy_first() -> None:
    show = "print([each['num_threads'] for each in threadpoolctl.threadpool_info()])"
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    # Two are asked for, so that a machine with one core can fail as well.
    many = "threadpoolctl.threadpool_limits(limits=2, user_api='blas')"
    program = f"import numpy, threadpoolctl; {many}; {show}; import dancecoach; {show}"
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:2] == ["[2]", "[1]"]
