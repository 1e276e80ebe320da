"""Sounds and motions with known times."""

from __future__ import annotations

import numpy as np

from dancecoach.types import BeatGrid, PoseTrack


def clicks(tempo: float, seconds: float, rate: int, start: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Return mono samples (N,) with clicks, and their times (B,) s."""
    times = np.arange(start, seconds - 0.1, 60 / tempo)
    samples = np.zeros(int(seconds * rate))
    t = np.arange(int(0.02 * rate)) / rate
    sound = 0.8 * np.sin(2 * np.pi * 1000 * t) * np.exp(-t / 0.005)
    for time in times:
        first = round(time * rate)
        samples[first : first + len(sound)] += sound[: len(samples) - first]
    return samples, times


def grid(tempo: float, seconds: float, start: float = 0.0) -> BeatGrid:
    """Return an exact beat grid."""
    times = np.arange(start, seconds, 60 / tempo)
    return BeatGrid(times, np.arange(len(times)) % 8 + 1, tempo, 1.0)


def motion(
    hits: np.ndarray, rate: float = 60.0, seconds: float = 30.0, profile: str = "sine", seed: int = 1
) -> PoseTrack:
    """Return a track (T, 22, 3) that moves to and fro and arrives at each of `hits` (N,) s.

    `profile`: "sine" (half cosine), "reach" (minimum jerk), "hold" (rests, then reaches in half the time), "step"
    (rests, then goes over in a half cosine of half the time).
    """
    times = np.arange(0, seconds, 1 / rate)
    index = np.clip(np.searchsorted(hits, times, side="right") - 1, 0, len(hits) - 2)
    share = np.clip((times - hits[index]) / (hits[index + 1] - hits[index]), 0, 1)
    if profile == "step":
        share = np.clip(2 * share - 1, 0, 1)
    if profile in ("sine", "step"):
        ease = (1 - np.cos(np.pi * share)) / 2
    else:
        if profile == "hold":
            share = np.clip(2 * share - 1, 0, 1)
        ease = 10 * share**3 - 15 * share**4 + 6 * share**5
    place = np.where(index % 2 == 0, ease, 1 - ease)
    rest = np.zeros((22, 3))
    rest[:, 1] = np.linspace(0, 1, 22)
    reach = np.random.default_rng(seed).normal(0, 0.3, (22, 3))
    room = rest + place[:, None, None] * reach
    return PoseTrack(times, room - room[:, :1], room[:, 0], np.ones((len(times), 22)))
