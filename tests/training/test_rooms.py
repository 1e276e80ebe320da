from __future__ import annotations

import numpy as np
import pytest

from dancecoach.training.effects import through_codec
from dancecoach.training.rooms import crowd, in_a_room, noise, speech

RATE = 44100


def clicks(seconds: float = 4.0) -> np.ndarray:
    samples = np.zeros(round(seconds * RATE), np.float32)
    t = np.arange(2000) / RATE
    burst = (np.exp(-t / 0.005) * np.sin(2 * np.pi * 1500 * t)).astype(np.float32)
    for start in np.arange(0.5, seconds - 0.5, 0.5):
        samples[round(start * RATE) : round(start * RATE) + 2000] += burst
    return samples


def test_onsets_stay_where_they_were_in_a_room() -> None:
    samples = clicks()
    lags = []
    for seed in range(16):
        heard = in_a_room(samples, RATE, np.random.default_rng(seed))
        assert heard.shape == samples.shape
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1
        size = 2 * len(samples)
        whitened = np.conj(np.fft.rfft(samples, size)) * np.fft.rfft(heard, size)
        correlation = np.fft.irfft(whitened / np.maximum(np.abs(whitened), 1e-12))
        span = np.abs(np.r_[correlation[-2000:], correlation[:2000]])
        lags.append(1000 * (int(np.argmax(span)) - 2000) / RATE)
    assert np.median(np.abs(lags)) < 1
    assert np.mean(np.abs(lags) < 3) > 0.85


def test_a_room_is_the_same_for_the_same_seed() -> None:
    samples = clicks(2.0)
    first, again = (in_a_room(samples, RATE, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)


def test_silence_and_nothing_go_through_a_room() -> None:
    assert len(in_a_room(np.zeros(0, np.float32), RATE, np.random.default_rng(0))) == 0
    for seed in range(6):
        assert np.isfinite(in_a_room(np.zeros(RATE, np.float32), RATE, np.random.default_rng(seed))).all()


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.parametrize("sound", [speech, noise, crowd])
def test_sounds_of_no_music_do_not_clip(sound, rate: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(4):
        samples = sound(np.random.default_rng(seed), 3.0, rate)
        assert samples.shape == (3 * rate,)
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert 0.01 < np.abs(samples).max() < 0.95
    assert np.array_equal(sound(np.random.default_rng(1), 1.0, rate), sound(np.random.default_rng(1), 1.0, rate))


def test_a_codec_does_not_move_onsets() -> None:
    samples = 0.5 * clicks()
    for seed in range(4):
        decoded = through_codec(samples, np.random.default_rng(seed))
        assert decoded.shape == samples.shape
        lag = np.argmax(np.correlate(decoded[20000:60000], samples[21000:59000], "valid")) - 1000
        assert abs(lag) < 0.001 * RATE
