"""Tempo: the times of the beats of a piece, steady or as people play."""

from __future__ import annotations

import random

import numpy as np

from dancecoach.types import Floats

# How tempo behaves, with weights: about seven pieces in ten keep theirs.
TEMPO_KINDS: dict[str, float] = {
    "steady": 0.55,
    "loose": 0.15,
    "drift": 0.10,
    "curve": 0.12,
    "accelerando": 0.02,
    "ritardando": 0.03,
    "jump": 0.03,
}


def draw_kind(rng: random.Random) -> str:
    """Return one of `TEMPO_KINDS`, by weight."""
    return rng.choices(list(TEMPO_KINDS), list(TEMPO_KINDS.values()))[0]


def beat_grid(
    rng: random.Random, kind: str, bpm: float, beats: int, beats_per_bar: int, curve: Floats | None, earliest: int
) -> tuple[Floats, tuple[tuple[float, str], ...]]:
    """Return the times of beats 0…`beats`, s, and events of tempo.

    Parameters
    ----------
    rng : random.Random
        Source of chance.
    kind : str
        One of `TEMPO_KINDS`.
    bpm : float
        Beats per minute (their middle).
    beats : int
        How many intervals.
    beats_per_bar : int
        Of the metre: sudden changes fall on downbeats.
    curve : (N,) array or None
        Relative intervals of real beats, for kind "curve".
    earliest : int
        Beat after which a sudden change may fall.
    """
    period = 60.0 / bpm
    steps = np.ones(beats)
    events: tuple[tuple[float, str], ...] = ()
    noise = np.random.default_rng(rng.getrandbits(63))
    jump = None
    if kind == "loose":
        steps += noise.normal(0.0, rng.uniform(0.002, 0.008), beats)
        steps += 0.008 * np.sin(np.arange(beats) * 2 * np.pi / rng.uniform(24, 90) + rng.uniform(0, 6))
    elif kind == "drift":
        walk = np.cumsum(noise.normal(0.0, rng.uniform(0.001, 0.004), beats))
        steps *= 1.0 + np.clip(walk, -0.05, 0.05) + noise.normal(0.0, 0.004, beats)
    elif kind == "curve" and curve is not None:
        steps = curve[np.arange(beats) % len(curve)].copy()
    elif kind in ("accelerando", "ritardando"):
        first = rng.randrange(beats // 4, beats * 3 // 4)
        span = rng.choice((4, 8, 16, 32))
        final = rng.uniform(0.65, 0.93) if kind == "accelerando" else rng.uniform(1.08, 1.45)
        steps *= np.exp(np.log(final) * np.clip((np.arange(beats) - first) / span, 0, 1))
        if rng.random() < 0.5:
            steps[first + span :] = 1.0
    elif kind == "jump":
        bars = max((beats - earliest) // beats_per_bar, 4)
        jump = earliest - earliest % beats_per_bar + beats_per_bar * rng.randrange(2, max(bars * 2 // 3, 3))
        factor = rng.choice((rng.uniform(0.7, 0.94), rng.uniform(1.06, 1.4)))
        steps[jump:] *= factor
    grid = np.concatenate(([0.0], np.cumsum(steps * period)))
    if jump is not None and jump < beats:
        events = ((float(grid[jump]), "tempo"),)
    return grid, events
