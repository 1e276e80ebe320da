"""Whether two dancers, or a dancer and the music, mark the same moments: BAS and BED.

Both are means of exp(−Δ²/(2σ²)) with σ = 3 frames over the distances Δ of beats to the nearest of the other's. Their
level by chance is high (about 0.25 for beats a second apart at 30 frames a second), so each comes corrected for it:
(S − S̄)/(1 − S̄), with S̄ the mean over circular shifts of one of the two.

A follower who is late scores low, one who mirrors without any delay scores more than real ones do: the value of the
real pair is the target, not 1.

References
----------
Siyao et al., "Bailando" (2022) and "Duolando" (2024): over the music's or leader's beats; Li et al., "AI
Choreographer" (2021): over the beats of the motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelmin

from dancecoach.types import Floats

SIGMA = 3.0  # frames
SMOOTHING = 5.0  # frames
SHIFTS = 240
_ORDER = 10  # frames to either side over which the unsmoothed minimum is one


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A score: `value` as published, `chance` its mean over shifts, `corrected`, `p` of so much by chance."""

    value: float
    chance: float
    corrected: float
    p: float


def kinematic_beats(room: Floats) -> Floats:
    """Return the beats (B,) of a motion (T, 22, 3) m, frames: where it is slowest.

    Strict local minima of the displacement per frame, averaged over the joints and smoothed with a Gaussian of σ = 5
    frames, as in Bailando and Duolando.
    """
    speed = np.linalg.norm(np.diff(room, axis=0), axis=2).mean(axis=1)
    return np.asarray(argrelmin(gaussian_filter1d(speed, SMOOTHING))[0], dtype=np.float64)


def unsmoothed_beats(room: Floats) -> Floats:
    """Return the beats (B,) of a motion (T, 22, 3) m, frames, as in AI Choreographer: the least of 21, unsmoothed."""
    speed = np.linalg.norm(np.diff(room, axis=0), axis=2).sum(axis=1)
    return np.asarray(argrelmin(speed, order=_ORDER)[0], dtype=np.float64)


def echo(beats: Floats, others: Floats) -> float:
    """Return the mean over `beats` (B,) of exp(−Δ²/18) to the nearest of `others` (C,), frames; 0 without either."""
    if len(beats) == 0 or len(others) == 0:
        return 0.0
    return float(np.exp(-(_nearest(beats, others) ** 2) / (2 * SIGMA**2)).mean())


def corrected_echo(beats: Floats, others: Floats, length: int, shifts: int = SHIFTS) -> Rhythm:
    """Return `echo` with its level by chance.

    Parameters
    ----------
    beats, others : (B,), (C,) frames
    length : int
        Frames of the motion, around which `others` are shifted.
    shifts : int
        How many, evenly over the whole length.
    """
    value = echo(beats, others)
    if len(beats) == 0 or len(others) == 0:
        return Rhythm(value, 0.0, 0.0, 1.0)
    offsets = np.arange(1, shifts + 1) * (length / (shifts + 1))
    by_chance = np.array([echo(beats, np.sort((others + offset) % length)) for offset in offsets])
    chance = float(by_chance.mean())
    p = float((1 + np.count_nonzero(by_chance >= value)) / (1 + shifts))
    return Rhythm(value, chance, (value - chance) / (1.0 - chance) if chance < 1.0 else 0.0, p)


def beat_echo(leader: Floats, follower: Floats, shifts: int = SHIFTS) -> Rhythm:
    """Return the Beat Echo Degree of two motions (T, 22, 3) m: over the leader's beats, to the follower's."""
    return corrected_echo(kinematic_beats(leader), kinematic_beats(follower), len(leader), shifts)


def beat_alignment(room: Floats, music: Floats, over_music: bool = True, shifts: int = SHIFTS) -> Rhythm:
    """Return the Beat Align Score of a motion (T, 22, 3) m with the music's beats (B,), frames.

    `over_music` as in Bailando and Duolando: the mean over the music's beats of how near the motion's are; otherwise,
    as in AI Choreographer, over those of the motion, which are found without smoothing.
    """
    if over_music:
        return corrected_echo(music, kinematic_beats(room), len(room), shifts)
    return corrected_echo(unsmoothed_beats(room), music, len(room), shifts)


def _nearest(beats: Floats, others: Floats) -> Floats:
    index = np.clip(np.searchsorted(others, beats), 1, max(len(others) - 1, 1))
    upper = others[np.minimum(index, len(others) - 1)]
    return np.asarray(np.minimum(np.abs(beats - others[index - 1]), np.abs(upper - beats)))
