"""The features the music encoder hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dancecoach.perception.music_features import FEATURES, TEMPO_BINS, MusicFeatures
from dancecoach.types import Floats

Array = NDArray[np.float32]
NAMES = MusicFeatures.names


def columns(start: str) -> list[int]:
    return [index for index, name in enumerate(NAMES) if name.startswith(start) and "delta" not in name]


def clicks(bpm: float, seconds: float, sample_rate: int = 16_000) -> Array:
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(round(seconds * sample_rate))
    burst = rng.standard_normal(400) * np.exp(-np.arange(400) / 60)
    for time in np.arange(0.3, seconds - 0.1, 60.0 / bpm):
        begin = round(time * sample_rate)
        sound[begin : begin + 400] += 0.3 * burst
    return np.asarray(sound, dtype=np.float32)


def music(recordings: Path, name: str = "monkeys_spinning_monkeys.ogg", seconds: int = 25) -> tuple[Array, int]:
    sound, rate = soundfile.read(recordings / "music" / "tracks" / name, dtype="float32", frames=44_100 * seconds)
    return (sound.mean(axis=1) if sound.ndim == 2 else sound), rate


def whole(sound: Array, rate: int) -> Array:
    return MusicFeatures(rate).step(sound)


@settings(max_examples=20, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 24_000), max_size=12),
    rate=st.sampled_from([8_000, 11_025, 16_000, 44_100]),
    seed=st.integers(0, 99),
)
def test_any_split_gives_the_same_rows(cuts: list[int], rate: int, seed: int) -> None:
    sound = (0.1 * np.random.default_rng(seed).standard_normal(24_000)).astype(np.float32)
    features = MusicFeatures(rate)
    parts = [features.step(block) for block in np.split(sound, sorted(cuts))]
    assert np.array_equal(np.concatenate(parts), whole(sound, rate))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_thirty_rows_a_second_on_the_clock_of_the_sound(rate: int) -> None:
    features = MusicFeatures(rate)
    assert features.step(np.zeros(0, np.float32)).shape == (1, FEATURES)  # row 0: before any sound
    heard = 0
    for row in range(1, 90):
        # The sound up to a sample before its time does not complete a row, that sample does.
        due = -(row * -rate // 30)
        assert len(features.step(np.zeros(due - heard - 1, np.float32))) == 0
        assert len(features.step(np.zeros(1, np.float32))) == 1
        heard = due


def test_nothing_is_known_beforehand() -> None:
    rng = np.random.default_rng(1)
    one = (0.1 * rng.standard_normal(48_000)).astype(np.float32)
    other = one.copy()
    other[32_000:] = 0.5 * rng.standard_normal(16_000)
    before, after = whole(one, 16_000), whole(other, 16_000)
    assert np.array_equal(before[:61], after[:61])  # up to 2 s
    assert not np.array_equal(before[61:64], after[61:64])


def test_an_onset_shows_at_once() -> None:
    sound = np.zeros(64_000, np.float32)
    sound[:] = 1e-4 * np.random.default_rng(0).standard_normal(64_000)
    sound[32_000:32_800] += 0.3 * np.random.default_rng(1).standard_normal(800).astype(np.float32)
    onset = whole(sound, 16_000)[:, NAMES.index("onset")]
    assert 60 < int(onset.argmax()) <= 62
    assert onset[60] < 0.2 * onset.max()


@pytest.mark.parametrize("bpm", [TEMPO_BINS[5], TEMPO_BINS[9], TEMPO_BINS[12]])
def test_the_tempogram_shows_the_tempo(bpm: float) -> None:
    rows = whole(clicks(bpm, 15.0), 16_000)[300:]
    tempo = rows[:, columns("tempo")].mean(axis=0)
    best = int(tempo.argmax())
    # A multiple of the period recurs as well, never anything else.
    assert min(abs(np.log2(TEMPO_BINS[best] * factor / bpm)) for factor in (1.0, 2.0)) < 0.08
    assert tempo[int(np.abs(TEMPO_BINS - bpm).argmin())] > 0.3


@pytest.mark.parametrize(("hertz", "note"), [(220.0, "A"), (523.25, "C"), (369.99, "F#")])
def test_a_tone_has_its_name(hertz: float, note: str) -> None:
    time = np.arange(48_000) / 16_000
    rows = whole((0.2 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), 16_000)
    chroma = rows[60, columns("chroma")]
    assert NAMES[columns("chroma")[int(chroma.argmax())]] == f"chroma {note}"
    assert chroma.max() == pytest.approx(1.0)


def test_louder_is_louder_and_nothing_else_moves() -> None:
    rng = np.random.default_rng(3)
    sound = (0.05 * np.convolve(rng.standard_normal(64_000), np.exp(-np.arange(30) / 5), "same")).astype(np.float32)
    soft, loud = whole(0.25 * sound, 16_000)[60:], whole(sound, 16_000)[60:]
    shape = columns("mfcc")[1:]
    assert np.allclose(soft[:, shape], loud[:, shape], atol=0.02)
    assert np.allclose(soft[:, columns("chroma")], loud[:, columns("chroma")], atol=1e-3)
    assert np.allclose((loud - soft)[:, NAMES.index("level")], np.log(4.0) / np.log(1e3), atol=1e-3)


def test_silence_and_nonsense_are_finite() -> None:
    features = MusicFeatures(16_000)
    rows = features.step(np.zeros(32_000, np.float32))
    assert np.isfinite(rows).all()
    assert not rows[:, columns("chroma")].any()
    assert not rows[:, NAMES.index("level")].any()
    rows = features.step(np.full(16_000, np.nan, np.float32))
    assert np.isfinite(rows).all()
    rows = features.step(np.full((16_000, 2), np.inf, np.float32))
    assert np.isfinite(rows).all()
    assert np.isfinite(features.step(clicks(120, 3.0))).all()


def test_reset_forgets_everything() -> None:
    features = MusicFeatures(16_000)
    sound = clicks(120, 3.0)
    first = features.step(sound)
    features.reset()
    assert np.array_equal(features.step(sound), first)


def _at(times: Floats, known: Floats, rows: Floats) -> Floats:
    return np.stack([np.interp(times, known, row) for row in rows], axis=1)


@pytest.mark.parametrize("name", ["monkeys_spinning_monkeys.ogg", "the_comeback2.ogg"])
def test_like_librosas_on_real_music(recordings: Path, name: str) -> None:
    librosa = pytest.importorskip("librosa")
    sound, rate = music(recordings, name)
    ours = whole(sound, rate)
    times = np.arange(len(ours)) / 30
    hop = 512
    mfcc = librosa.feature.mfcc(
        y=sound, sr=rate, n_mfcc=13, n_fft=2048, hop_length=hop, n_mels=32, fmin=60, fmax=10_000, htk=True
    )
    theirs = _at(times - 0.03, np.arange(mfcc.shape[1]) * hop / rate, mfcc)
    for number, column in enumerate(columns("mfcc")):
        assert np.corrcoef(theirs[60:, number], ours[60:, column])[0, 1] > 0.85, number
    low = librosa.note_to_hz("C2")
    chroma = librosa.feature.chroma_cqt(y=sound, sr=rate, hop_length=hop, fmin=low, n_octaves=4)
    theirs = _at(times - 0.08, np.arange(chroma.shape[1]) * hop / rate, chroma)
    assert np.corrcoef(theirs[60:].ravel(), ours[60:, columns("chroma")].ravel())[0, 1] > 0.75
