"""Where in a bar onsets usually fall: the likelihood of onsets in three bands at each sixteenth.

After Krebs, Böck & Widmer, "Rhythmic pattern modeling for beat and downbeat tracking in musical audio" (ISMIR 2013).
Two rhythms: a bar of four with a backbeat, and a bare beat that repeats (four on the floor, a metronome).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import Floats

_TEMPER = 0.3  # neighbouring frames repeat each other: their evidence counts less than independent frames' would
_ABSENCE = 0.3  # weight of an onset that is missing: it is missed on each frame of the width, but only once
_WIDTH = 0.016  # s, how exactly onsets keep to the grid
_REST = 0.02  # probability of an onset between sixteenths
_DISTANCES = 10  # frames from the sixteenth that are told apart

# Probability of a strong onset at each sixteenth, for (low, middle, high) bands.
_BACKBEAT = np.array([
    [.80, .05, .20, .12, .25, .05, .20, .15, .45, .05, .25, .12, .25, .05, .20, .15],
    [.60, .06, .25, .10, .60, .06, .25, .10, .50, .06, .25, .10, .60, .06, .25, .10],
    [.45, .06, .40, .06, .80, .06, .40, .08, .40, .06, .40, .06, .80, .08, .40, .08],
])  # fmt: skip
_EVEN = np.array([
    [.75, .04, .10, .05],
    [.70, .05, .15, .06],
    [.65, .06, .35, .06],
])  # fmt: skip
RHYTHMS = (_BACKBEAT, _EVEN)


class Patterns:
    """Log likelihood of onset strengths in cells: each sixteenth of each rhythm, by distance from it.

    Parameters
    ----------
    frame_rate : float
        Frames (and positions) a second.
    """

    def __init__(self, frame_rate: float) -> None:
        away = np.arange(_DISTANCES) / frame_rate
        shape = np.exp(-0.5 * (away / _WIDTH) ** 2)
        # (16ths, distances, bands)
        tables = [_REST + (rhythm.T[:, None, :] - _REST) * shape[None, :, None] for rhythm in RHYTHMS]
        probability = np.concatenate([table.reshape(-1, 3) for table in tables])
        self._log_rest = np.log(1 - probability) * (_TEMPER * _ABSENCE)
        self._log_odds = np.log(probability) * _TEMPER - self._log_rest

    def evidence(self, strengths: Floats) -> Floats:
        """Return the log likelihood (..., cells) of `strengths` (..., 3), as in `OnsetFrame`, up to a constant."""
        # A band without any onsets says nothing about where they belong.
        active = ~np.isnan(strengths)
        heard = np.where(active, np.minimum(strengths, 1.0), 0.0)
        evidence = heard @ self._log_odds.T + active @ self._log_rest.T
        return np.asarray(evidence - evidence.max(axis=-1, keepdims=True))

    @staticmethod
    def cells(rhythm: int, beat: NDArray[np.intp], position: NDArray[np.intp], interval: Floats) -> NDArray[np.intp]:
        """Return the cell in `rhythm` of states `position` frames after beat `beat`, `interval` frames long."""
        sixteenths = position / interval * 4
        nearest = np.round(sixteenths)
        away = np.minimum(np.round(np.abs(sixteenths - nearest) / 4 * interval), _DISTANCES - 1).astype(np.intp)
        slot = (beat * 4 + nearest.astype(np.intp)) % RHYTHMS[rhythm].shape[1]
        start = sum(each.shape[1] for each in RHYTHMS[:rhythm]) * _DISTANCES
        return np.asarray(start + slot * _DISTANCES + away, dtype=np.intp)
