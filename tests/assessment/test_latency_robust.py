"""Delays stay true with few and soft sounds, other noises, flickering light, slow cameras and any way of clapping."""

import numpy as np
import pytest

from dancecoach.assessment.latency import brightness_rises, clap_moments, delays, loud_onsets, summary
from dancecoach.sources.player_core import click

RATE = 48_000


def sound(
    times: np.ndarray, seconds: float, noise: float = 0.0, loudness: float = 1.0, rate: int = RATE
) -> np.ndarray:
    """Return clicks at `times` in white noise of standard deviation `noise`."""
    samples = noise * np.random.default_rng(0).normal(size=round(seconds * rate))
    one = loudness * click(rate, accent=True)
    for time in times:
        first = round(time * rate)
        samples[first : first + len(one)] += one
    return samples


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.03])
@pytest.mark.parametrize("rate", [8000, 44_100])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_few_clicks_in_a_long_time_are_found(noise: float, rate: int, count: int) -> None:
    times = 1.037 + np.arange(count) * 1.011
    found = loud_onsets(sound(times, 30.0, noise, 0.5, rate), rate)
    assert len(found) == count
    assert np.abs(found - times).max() < 0.002


def test_soft_clicks_are_found_and_their_echoes_are_not() -> None:
    times = 1.0 + np.arange(8.0)
    samples = sound(times, 10, 0.0005, 0.02) + sound(times + 0.3, 10, 0.0, 0.003)
    assert np.allclose(loud_onsets(samples, RATE), times, atol=0.002)


def test_loud_noise_is_no_click() -> None:
    assert len(loud_onsets(sound(np.empty(0), 20, 0.2), RATE)) == 0


def test_noises_between_and_missed_clicks_do_not_move_the_delay() -> None:
    random = np.random.default_rng(4)
    sent = np.arange(10.0) + 0.05 * random.random(10)
    heard = np.sort(np.concatenate([sent[1:8] + 0.12, sent[3:7] + 0.5 * random.random(4), [0.3, 5.55, 8.9]]))
    found = delays(sent, heard)
    assert 7 <= len(found) <= 9
    assert summary(found) == (pytest.approx(0.12, abs=0.003), pytest.approx(0.0, abs=0.01))
    assert len(delays(sent, np.empty(0))) == 0
    assert len(delays(np.empty(0), heard)) == 0


def camera(
    on_screen: np.ndarray, delay: float, rate: float, exposure: float, flicker: float = 0.0, depth: float = 40.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return arrivals and brightness of pictures of flashes of 0.18 s; `delay` counts from mid-exposure."""
    random = np.random.default_rng(2)
    arrivals = np.arange(0.013, on_screen[-1] + 2.0, 1 / rate)
    stop = arrivals - delay + exposure / 2
    start = stop - exposure
    lit = np.minimum(stop[:, None], on_screen + 0.18) - np.maximum(start[:, None], on_screen)
    light = np.clip(lit, 0, None).sum(axis=1) / exposure
    ambient = 90 + flicker * np.sin(2 * np.pi * 100 * arrivals) + random.normal(0, 0.3, len(arrivals))
    return arrivals, ambient + depth * light


@pytest.mark.parametrize("exposure", [0.002, 0.016, 0.033])
@pytest.mark.parametrize("rate", [15.0, 29.97, 30.0, 60.0])
@pytest.mark.parametrize("flicker", [0.0, 4.0])
def test_flashes_are_seen_between_the_pictures(exposure: float, rate: float, flicker: float) -> None:
    painted = 1.0 + np.arange(10) + 0.1 * (np.arange(10) * 0.618 % 1)
    arrivals, brightness = camera(painted + 0.02, 0.085, rate, exposure, flicker)
    found = delays(painted, brightness_rises(painted, arrivals, brightness), 0.0)
    assert len(found) >= 9
    read = summary(found)
    assert read is not None
    assert read[0] == pytest.approx(0.105, abs=0.005 if rate > 20 else 0.01)
    assert read[1] < 0.6 / rate


@pytest.mark.parametrize("flicker", [0.0, 8.0])
def test_a_camera_that_does_not_see_the_flashes_reports_none(flicker: float) -> None:
    painted = 1.0 + np.arange(10.0)
    assert len(brightness_rises(painted, *camera(painted, 0.08, 29.97, 0.01, flicker, depth=0.5))) == 0
    assert len(brightness_rises(painted, np.empty(0), np.empty(0))) == 0
    assert len(brightness_rises(np.empty(0), np.arange(5.0), np.arange(5.0))) == 0


def hands(claps: np.ndarray, times: np.ndarray, shape: str) -> np.ndarray:
    """Return the distance of the wrists (F,), shoulder widths, that meet at `claps`."""
    since = times - claps[np.argmin(np.abs(times[:, None] - claps), axis=1)]
    if shape == "swing":
        return np.asarray(0.3 + 1.2 * (1 - np.cos(2 * np.pi * np.clip(since, -0.35, 0.35) / 0.7)))
    before, after = {"bounce": (7.0, 7.0), "slow": (8.0, 3.5), "rest": (8.0, 0.0)}[shape]
    apart = np.where(since < 0, -since * before, since * after)
    if shape == "rest":
        apart = np.where(since > 0.2, (since - 0.2) * 8.0, apart)
    return np.asarray(0.3 + np.minimum(apart, 2.0))


@pytest.mark.parametrize("shape", ["swing", "bounce", "slow", "rest"])
def test_hands_that_meet_are_found_between_the_pictures(shape: str) -> None:
    random = np.random.default_rng(1)
    claps = 1.0 + np.cumsum(0.8 + 0.1 * random.random(24))
    times = np.arange(0, claps[-1] + 1, 1 / 30)
    seen = hands(claps, times, shape) + random.normal(0, 0.02, len(times))
    found = clap_moments(times, seen)
    assert len(found) == len(claps)
    errors = found - claps
    assert abs(np.median(errors)) < 0.006
    assert np.percentile(np.abs(errors), 90) < 0.012


def test_hands_that_hang_or_wave_do_not_clap() -> None:
    times = np.arange(0, 10, 1 / 30)
    still = 1.2 + np.random.default_rng(0).normal(0, 0.02, len(times))
    assert len(clap_moments(times, still)) == 0
    assert len(clap_moments(times, 1.5 + 0.5 * np.sin(7 * times))) == 0
    assert len(clap_moments(times[:3], still[:3])) == 0


def test_equal_values_have_no_spread() -> None:
    assert summary(np.full(5, 0.2)) == (pytest.approx(0.2), 0.0)
