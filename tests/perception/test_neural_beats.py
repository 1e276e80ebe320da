"""The tracker with the beat network: features, filter, path, and what it does with sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.bench.tune import RATE, tune
from dancecoach.errors import ModelError
from dancecoach.perception.beat_analysis import analyse_beats
from dancecoach.perception.beat_filter import BeatFilter, FilterSettings, place_of
from dancecoach.perception.beat_model import MODEL, BeatModel, beat_model
from dancecoach.perception.beat_path import best_beats
from dancecoach.perception.beats import Bars, StreamingBeatTracker, default_tracker
from dancecoach.perception.spectral_features import BANDS, BandAnalysis, Normaliser, normalise
from dancecoach.types import SURE, AudioBlock, Beat
from tests.support.signals import clicks

TUNE, TUNE_BEATS = tune(112.0, 10, lead=0.4)


def track(
    samples: np.ndarray, rate: int = RATE, sizes: tuple[int, ...] = (512,)
) -> tuple[list[Beat], StreamingBeatTracker]:
    tracker, beats, place, number = default_tracker(), [], 0, 0
    while place < len(samples):
        size = sizes[number % len(sizes)]
        block = samples[place : place + size, None].astype(np.float32)
        beats += tracker.step(AudioBlock(place / rate, place, block, rate))
        place, number = place + size, number + 1
    return beats, tracker


def activations(period: int, frames: int, beats_per_bar: int = 4) -> tuple[np.ndarray, np.ndarray]:
    beat, down = np.full(frames, 0.03), np.full(frames, 0.01)
    at = np.arange(10, frames, period)
    beat[at], down[at] = 0.9, 0.1
    down[at[::beats_per_bar]] = 0.8
    return beat, down


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_features_are_the_same_streamed_and_as_a_whole(rate: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, rate * 3).astype(np.float32)
    whole = BandAnalysis(rate).whole(samples)
    analysis, frames = BandAnalysis(rate), []
    for size in (1, 700, 5, 10_000, 333):
        frames += analysis.step(samples[:size])
        samples = samples[size:]
    frames += analysis.step(samples)
    streamed = np.array([frame.bands for frame in frames])
    assert abs(len(streamed) - len(whole)) <= 1
    both = min(len(streamed), len(whole))
    assert np.allclose(streamed[:both], whole[:both], atol=1e-4)
    normaliser = Normaliser()
    assert np.allclose([normaliser.step(row) for row in whole], normalise(whole), atol=1e-3)


def test_features_do_not_depend_on_loudness() -> None:
    loud = BandAnalysis(RATE).whole(TUNE[: 8 * RATE].astype(np.float32))
    soft = BandAnalysis(RATE).whole((0.05 * TUNE[: 8 * RATE]).astype(np.float32))
    assert np.abs(normalise(loud) - normalise(soft))[100:].mean() < 0.03
    assert normalise(loud).shape[1] == 2 * BANDS


@pytest.mark.parametrize(("period", "beats_per_bar"), [(26, 4), (18, 4), (30, 3), (45, 4)])
def test_the_filter_finds_tempo_phase_and_metre(period: int, beats_per_bar: int) -> None:
    states = BeatFilter(FilterSettings(beat_weight=0.5))
    beat, down = activations(period, 900, beats_per_bar)
    for index in range(900):
        states.step(beat[index], down[index], None)
    estimate = states.estimate()
    assert estimate.interval == pytest.approx(period / 50, rel=0.02)
    due = (period - (899 - 10) % period) % period / 50
    assert abs((estimate.to_next - due + period / 100) % (period / 50) - period / 100) < 0.015
    assert int(np.argmax(estimate.bars.sum(axis=1))) == (0 if beats_per_bar == 4 else 1)
    at, bars, metres = best_beats(BeatFilter(FilterSettings(beat_weight=0.5)), beat, down, None)
    assert np.abs(at[2:-1] / 2 - (10 + period * np.arange(len(at))[2:-1])).max() <= 1.0 or np.allclose(
        np.diff(at[2:-1]), 2 * period
    )
    assert np.all(np.diff(at)[2:] == 2 * period)
    assert set(bars[metres == beats_per_bar]) == set(range(1, beats_per_bar + 1))


def test_places_within_the_beat() -> None:
    interval = np.full(50, 50)
    places = place_of(np.arange(50), interval)
    assert places[:6].tolist() == [0, 1, 2, 3, 4, 8]
    assert places[25] == 5
    assert places[46:].tolist() == [4, 3, 2, 1]


def test_bars_are_counted_pinned_and_kept() -> None:
    bars = Bars()
    evidence = np.zeros((2, 4))
    for index in range(12):
        evidence[:] = 0
        evidence[1, (index + 1) % 3] = 0.9  # a waltz whose downbeats are 2, 5, 8, …
        bars.step(index, evidence)
    assert bars.beats == 3
    assert bars.count(np.array([2, 5, 8])).tolist() in ([1, 4, 1], [4, 1, 4])
    bars.pin(9)
    bars.step(12, evidence)
    assert bars.count(np.arange(9, 16)).tolist() == [1, 2, 3, 4, 5, 6, 1]


def test_a_missing_or_foreign_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        BeatModel(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelError, match="not a beat network"):
        BeatModel(tmp_path / "text.onnx")


def test_without_the_model_the_classical_tracker_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    beat_model.cache_clear()
    monkeypatch.setattr("dancecoach.perception.beat_model.MODEL", Path("nowhere.onnx"))
    monkeypatch.setattr(BeatModel.__init__, "__defaults__", (Path("nowhere.onnx"),))
    try:
        assert beat_model() is None
        beats, _ = track(TUNE[: 10 * RATE])
        assert len(beats) > 8
    finally:
        beat_model.cache_clear()


def test_the_network_stored_is_the_one_described() -> None:
    assert MODEL.is_file()
    assert MODEL.with_suffix(".md").is_file()
    model = BeatModel()
    assert model.confidence is not None
    assert model.observations is not None


def test_beats_of_the_tune_are_found_ahead_of_time() -> None:
    beats, tracker = track(TUNE)
    times = np.array([beat.time for beat in beats if 5.0 < beat.time < TUNE_BEATS[-1] + 0.1])
    errors = np.abs(times[:, None] - TUNE_BEATS[None, :]).min(axis=1)
    assert np.median(errors) < 0.02
    assert np.all([beat.time - beat.announced_at >= 0.05 for beat in beats])
    assert abs(len(times) - np.sum((TUNE_BEATS > 5.0) & (len(TUNE) / RATE > TUNE_BEATS))) <= 2
    grid = tracker.grid()
    assert grid is not None
    assert grid.tempo == pytest.approx(112.0, rel=0.01)


@pytest.mark.parametrize("sizes", [(1024,), (7, 4000, 333), (50_000,)])
def test_any_split_of_the_sound_gives_the_same_beats(sizes: tuple[int, ...]) -> None:
    whole, _ = track(TUNE[: 12 * RATE])
    split, _ = track(TUNE[: 12 * RATE], sizes=sizes)
    assert whole
    assert [(beat.time, beat.count, beat.confidence) for beat in whole] == [
        (beat.time, beat.count, beat.confidence) for beat in split
    ]


@pytest.mark.parametrize("shift", [0.05, 0.11])
def test_shifting_the_sound_shifts_the_beats(shift: float) -> None:
    still = analyse_beats(TUNE, RATE)
    moved = analyse_beats(np.concatenate([np.zeros(round(shift * RATE)), TUNE]), RATE)
    assert still is not None
    assert moved is not None
    distance = moved.beat_times[:, None] - still.beat_times[None, :] - shift
    assert np.median(np.abs(distance).min(axis=1)) < 0.004


@pytest.mark.parametrize("kind", ["white", "silence", "hum"])
def test_sound_without_music_is_not_counted(kind: str) -> None:
    rng = np.random.default_rng(5)
    time = np.arange(20 * RATE) / RATE
    sound = {"white": 0.1 * rng.normal(size=len(time)), "silence": 0 * time, "hum": 0.2 * np.sin(314.16 * time)}[kind]
    tracker, counting = default_tracker(), []
    for place in range(0, len(sound), 2048):
        tracker.step(AudioBlock(place / RATE, place, sound[place : place + 2048, None].astype(np.float32), RATE))
        grid = tracker.grid()
        counting.append(grid is not None and grid.confidence >= SURE)
    assert np.mean(counting) <= 0.02
    ahead = analyse_beats(sound, RATE)
    assert ahead is None or ahead.confidence < SURE


@pytest.mark.parametrize("tempo", [90.0, 140.0])
def test_a_metronome_counts_to_eight(tempo: float) -> None:
    _, tracker = track(clicks(tempo, 30.0, RATE)[0], RATE, (2048,))
    grid = tracker.grid()
    assert grid is not None
    assert grid.beats_per_bar == 4
    assert grid.tempo == pytest.approx(tempo, abs=1.5)


def test_the_tempo_wanted_is_kept() -> None:
    tracker = default_tracker()
    samples = clicks(80, 30.0, RATE)[0].astype(np.float32)
    intervals = []
    for place in range(0, len(samples), 512):
        if place == 512 * (10 * RATE // 512):
            before = tracker.interval
            tracker.scale_tempo(2.0)
        tracker.step(AudioBlock(place / RATE, place, samples[place : place + 512, None], RATE))
        intervals.append(tracker.interval)
    assert intervals[-1] == pytest.approx(before / 2, rel=0.03)


def test_the_filter_weighs_every_state_by_the_likelihood_of_its_own_tempo() -> None:
    random = np.random.default_rng(3)
    with_tempo, without = (BeatFilter(FilterSettings(restart=0.0)) for _ in range(2))
    tempo = random.uniform(0.2, 1.0, len(without.intervals)).astype(np.float32)
    onsets = [random.random(3), random.random(3)]
    with_tempo.step(0.6, 0.2, tempo, onsets=onsets)
    without.step(0.6, 0.2, None, onsets=onsets)
    expected = without.posterior * tempo[without.column_of]
    assert with_tempo.posterior == pytest.approx(expected / expected.sum(), rel=1e-4, abs=1e-9)
