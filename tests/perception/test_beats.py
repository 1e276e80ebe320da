"""The streaming tracker and the analysis ahead: truthful, causal, the same however the sound is cut."""

from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.bench.tune import RATE, tune
from dancecoach.offline import announce_beats, find_beats
from dancecoach.perception.beat_analysis import analyse_beats, read_beats
from dancecoach.perception.beats import StreamingBeatTracker, smooth_beats
from dancecoach.perception.onsets import OnsetDetector
from dancecoach.types import AudioBlock, Beat
from tests.support.signals import clicks

TUNE, TUNE_BEATS = tune(112.0, 10, lead=0.4)


def track(samples: np.ndarray, rate: int, sizes: list[int] | None = None) -> tuple[list[Beat], StreamingBeatTracker]:
    tracker, beats, place, number = StreamingBeatTracker(), [], 0, 0
    while place < len(samples):
        size = 1024 if not sizes else sizes[number % len(sizes)]
        block = AudioBlock(place / rate, place, samples[place : place + size, None].astype(np.float32), rate)
        beats += tracker.step(block)
        place, number = place + size, number + 1
    return beats, tracker


def errors(beats: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.array([beats[np.argmin(np.abs(beats - time))] - time for time in reference])


@pytest.mark.parametrize("tempo", [100, 120, 140, 170])
@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_clicks_are_found_where_they_are(tempo: int, rate: int) -> None:
    samples, times = clicks(tempo, 20.0, rate)
    grid = analyse_beats(samples, rate)
    assert grid is not None
    assert grid.tempo == pytest.approx(tempo, rel=0.002)
    assert np.abs(errors(grid.beat_times, times)).max() < 0.004
    beats, tracker = track(samples, rate)
    assert np.abs(np.median(errors(np.array([beat.time for beat in beats]), times[8:]))) < 0.005
    live = tracker.grid()
    assert live is not None
    assert np.abs(errors(live.beat_times, times[8:])).max() < 0.006


@pytest.mark.parametrize("shift", [0.05, 0.123])
def test_shifting_the_sound_shifts_the_beats(shift: float) -> None:
    still = analyse_beats(*clicks(120, 15.0, 44_100)[:1], 44_100)
    moved = analyse_beats(*clicks(120, 15.0, 44_100, start=0.3 + shift)[:1], 44_100)
    assert still is not None
    assert moved is not None
    assert float(np.median(errors(moved.beat_times, still.beat_times + shift))) == pytest.approx(0.0, abs=0.001)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6))
def test_any_split_of_the_sound_gives_the_same_beats(sizes: list[int]) -> None:
    sizes = [max(size, 64) for size in sizes]
    whole, _ = track(TUNE[: 6 * RATE], RATE, [6 * RATE])
    assert track(TUNE[: 6 * RATE], RATE, sizes)[0] == whole
    assert len(whole) >= 5


def test_beats_are_announced_before_they_sound_and_from_the_past_alone() -> None:
    whole, _ = track(TUNE, RATE)
    cut = 9.0
    begun, _ = track(TUNE[: int(cut * RATE)], RATE)
    assert begun == whole[: len(begun)]
    assert all(beat.announced_at <= cut for beat in begun)
    late = [beat for beat in whole[4:] if beat.announced_at > beat.time - 0.05]
    assert not late


def test_the_count_follows_the_bars_of_the_tune() -> None:
    grid = analyse_beats(TUNE, RATE)
    assert grid is not None
    ones = grid.beat_times[grid.counts == 1]
    assert np.abs(errors(ones, TUNE_BEATS[::8])).max() < 0.02


def test_silence_noise_floor_and_nothing_give_no_beats() -> None:
    for samples in (np.zeros(0), np.zeros(RATE * 5), np.random.default_rng(0).normal(0, 1e-4, RATE * 5)):
        beats, tracker = track(samples, RATE)
        assert beats == []
        assert tracker.grid() is None
        assert not tracker.music_heard
        assert analyse_beats(samples, RATE) is None


def test_the_count_runs_on_through_a_break_and_stops_after_a_long_one() -> None:
    period = 60 / 112.0
    music = TUNE[: int((0.4 + 16 * period) * RATE)]
    beats, tracker = track(np.concatenate([music, np.zeros(4 * RATE)]), RATE)
    grid = tracker.grid()
    assert grid is not None
    assert grid.coasting
    expected = TUNE_BEATS[18:22]
    assert np.abs(errors(np.array([beat.time for beat in beats]), expected)).max() < 0.04
    _, tracker = track(np.concatenate([music, np.zeros(11 * RATE)]), RATE)
    assert tracker.grid() is None


def test_the_one_is_set_by_hand_and_kept() -> None:
    _, tracker = track(TUNE[: 8 * RATE], RATE)
    grid = tracker.grid()
    assert grid is not None
    wanted = float(grid.beat_times[np.flatnonzero(grid.counts == 3)[-2]])
    tracker.set_the_one(wanted + 0.05)
    grid = tracker.grid()
    assert grid is not None
    assert grid.counts[np.argmin(np.abs(grid.beat_times - wanted))] == 1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_tempo_is_halved_and_doubled_by_hand(factor: float) -> None:
    _, tracker = track(clicks(106, 10.0, RATE)[0], RATE)
    before = tracker.interval
    tracker.scale_tempo(factor)
    assert tracker.interval == pytest.approx(before / factor, rel=0.02)


def test_taps_set_tempo_and_phase() -> None:
    _, tracker = track(clicks(120, 6.0, RATE)[0], RATE)
    for number in range(6):
        tracker.tap(5.0 + number * 0.4)
    assert 60 / tracker.interval == pytest.approx(150, rel=0.01)


def test_lost_samples_do_not_move_the_beats() -> None:
    tracker, beats = StreamingBeatTracker(), []
    for place in range(0, len(TUNE), 1024):
        if not 8.0 < place / RATE < 8.3:
            beats += tracker.step(AudioBlock(place / RATE, place, TUNE[place : place + 1024, None], RATE))
    assert np.abs(errors(np.array([beat.time for beat in beats]), TUNE_BEATS[24:])).max() < 0.03


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_onsets_have_no_bias_at_any_sample_rate(rate: int) -> None:
    samples, times = clicks(120, 8.0, rate)
    frames = OnsetDetector(rate).step(samples)
    at = np.array([frame.time for frame in frames])
    strength = np.array([np.nan_to_num(frame.strengths).mean() for frame in frames])
    found = []
    for time in times:
        near = np.abs(at - time) < 0.05
        found.append((strength[near] ** 2 @ at[near]) / (strength[near] ** 2).sum() - time)
    assert abs(float(np.mean(found))) < 0.003


def test_smoothing_keeps_a_steady_beat_and_removes_jitter() -> None:
    steady = np.arange(40) * 0.5
    assert np.allclose(smooth_beats(steady), steady)
    rough = steady + np.random.default_rng(3).normal(0, 0.006, 40)
    assert np.std(smooth_beats(rough) - steady) < 0.5 * np.std(rough - steady)


@pytest.mark.parametrize(
    ("name", "tempo", "first"), [("the_comeback2.ogg", 116.052, 8.283), ("808kick120bpm.mp3", 120.0, 0.0)]
)
def test_real_music_is_counted(recordings: Path, name: str, tempo: float, first: float) -> None:
    path = recordings / "music" / "tracks" / name
    steps = list(announce_beats(path))
    beats = [beat for _, announced in steps for beat in announced]
    reference = np.arange(first, steps[-1][0] - 1e-6, 60 / tempo)

    def measure(times: np.ndarray) -> float:
        return float(mir_eval.beat.f_measure(reference[reference >= 5], times[times >= 5]))

    assert measure(np.array([beat.time for beat in beats])) >= 0.95
    grid = find_beats(path)
    assert grid is not None
    assert measure(grid.beat_times) >= 0.95


def test_beats_files_are_read_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.beats"
    path.write_text("# a waltz\n0.50 1\n1.00 2\n1.50 3\n2.00 1\n")
    grid = read_beats(path)
    assert grid.beat_times.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert grid.beats_per_bar == 3
    for broken in ("", "0.5 1\n", "a b\n0.5 1\n", "1 1\n0.5 2\n", "nan 1\n1 2\n"):
        path.write_text(broken)
        with pytest.raises(Exception, match="beat"):
            read_beats(path)


def test_onsets_of_a_whole_recording_are_those_that_arrive_one_by_one() -> None:
    samples = np.concatenate([np.zeros(RATE), TUNE[: 6 * RATE], np.zeros(RATE // 2)])
    arrived = OnsetDetector(RATE).step(samples)
    whole = OnsetDetector(RATE).whole(samples)
    assert len(whole) == len(arrived) > 700
    for name in ("time", "heard", "strengths", "level"):
        one_by_one = np.array([getattr(frame, name) for frame in arrived])
        at_once = np.array([getattr(frame, name) for frame in whole])
        assert np.allclose(at_once, one_by_one, atol=1e-4, equal_nan=True), name
    assert OnsetDetector(RATE).whole(samples[:100]) == []
