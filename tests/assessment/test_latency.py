"""Delays read from clicks, flashes and claps."""

import numpy as np
import pytest

from dancecoach.assessment.latency import brightness_rises, clap_moments, delays, loud_onsets, summary

RATE = 48_000


def noisy_clicks(times: np.ndarray, seconds: float, noise: float = 0.002) -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, noise, int(seconds * RATE))
    t = np.arange(int(0.03 * RATE)) / RATE
    sound = 0.4 * np.sin(2 * np.pi * 1500 * t) * np.exp(-t / 0.006)
    for time in times:
        first = round(float(time) * RATE)
        samples[first : first + len(sound)] += sound[: len(samples) - first]
    return samples


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.233])
def test_clicks_are_found_in_noise_where_they_are(shift: float) -> None:
    times = np.arange(1.0, 10.5) + shift
    found = loud_onsets(noisy_clicks(times, 13.0), RATE)
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.002


def test_noise_and_silence_hold_no_clicks() -> None:
    assert len(loud_onsets(np.zeros(RATE * 5), RATE)) == 0
    assert len(loud_onsets(np.random.default_rng(0).normal(0, 0.002, RATE * 5), RATE)) == 0
    assert len(loud_onsets(np.zeros(10), RATE)) == 0


def test_delays_pair_each_event_with_what_follows_it() -> None:
    sent = np.arange(5.0)
    observed = np.array([0.12, 1.13, 3.11, 3.5, 4.95])
    assert np.allclose(delays(sent, observed, longest=0.5), [0.12, 0.13, 0.11])


def test_flashes_are_read_between_pictures() -> None:
    random = np.random.default_rng(1)
    painted, delay = np.arange(1.0, 11.0), 0.083
    arrivals = np.arange(0, 13, 1 / 30)
    # Each picture averages its exposure of 1/30 s, and the light flickers a little.
    fine = np.arange(0, 13, 0.001)
    white = np.zeros(len(fine))
    for time in painted:
        white[(fine >= time + delay) & (fine < time + delay + 0.18)] = 1.0
    exposed = np.convolve(white, np.ones(33) / 33)[: len(fine)]
    brightness = 60 + 70 * np.interp(arrivals, fine, exposed) + random.normal(0, 1.0, len(arrivals))
    rises = brightness_rises(painted, arrivals, brightness)
    assert len(rises) == 10
    # Half the exposure belongs to the camera's delay.
    assert float(np.median(delays(painted, rises, 0.0))) == pytest.approx(delay + 0.0165, abs=0.006)
    dark = 60 + random.normal(0, 1.0, len(arrivals))
    assert len(brightness_rises(painted, arrivals, dark)) == 0


def test_claps_are_the_moments_the_hands_meet() -> None:
    random = np.random.default_rng(2)
    claps = np.cumsum(random.uniform(0.6, 0.9, 8)) + 1.0
    arrivals = np.arange(0, 9, 1 / 30)
    apart = np.min(np.abs(arrivals[:, None] - claps[None, :]), axis=1)
    distance = 0.2 + 5.0 * np.minimum(apart, 0.3) + random.normal(0, 0.02, len(arrivals))
    found = clap_moments(arrivals, distance)
    assert len(found) == 8
    assert np.abs(found - claps).max() < 0.017
    assert abs(np.mean(found - claps)) < 0.01
    assert len(clap_moments(arrivals, np.full(len(arrivals), 1.5))) == 0


def test_a_summary_shrugs_off_outliers_and_needs_four() -> None:
    values = np.r_[np.random.default_rng(3).normal(0.1, 0.003, 9), 0.6]
    found = summary(values)
    assert found is not None
    assert found[0] == pytest.approx(0.1, abs=0.004)
    assert found[1] < 0.006
    assert summary(values[:3]) is None
