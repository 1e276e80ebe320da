"""One-Euro smoothing of a whole skeleton at once, and the guard against swapped sides."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import MIRROR_JOINTS, Floats

_MIRROR = np.array(MIRROR_JOINTS)


class OneEuro:
    """The One-Euro filter (Casiez et al., CHI 2012) for arrays of any shape.

    Slow movement is smoothed strongly, fast movement hardly at all. With the defaults the lag on dance motion is
    below 20 ms; it is meant for what is drawn, measurements of timing use the raw poses.

    Parameters
    ----------
    min_cutoff : float
        Cutoff at rest, Hz.
    beta : float
        Growth of the cutoff with speed, Hz per (unit / s).
    derivative_cutoff : float
        Cutoff for the speed estimate, Hz.
    """

    def __init__(self, min_cutoff: float = 3.0, beta: float = 18.0, derivative_cutoff: float = 3.0) -> None:
        self._min_cutoff = min_cutoff
        self._beta = beta
        self._derivative_cutoff = derivative_cutoff
        self._value: Floats | None = None
        self._speed: Floats | None = None
        self._time = 0.0

    def reset(self) -> None:
        """Start over with the next value."""
        self._value = None

    def step(self, time: float, value: Floats) -> Floats:
        """Return the smoothed `value`; the last axis is one point's coordinates and shares a cutoff."""
        elapsed = time - self._time
        if self._value is None or self._speed is None or not 0 < elapsed < 0.5:
            self._value, self._speed, self._time = value, np.zeros_like(value), time
            return value
        self._time = time
        share = _share(np.asarray(self._derivative_cutoff), elapsed)
        self._speed = self._speed + share * ((value - self._value) / elapsed - self._speed)
        pace = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        share = _share(self._min_cutoff + self._beta * pace, elapsed)
        self._value = self._value + share * (value - self._value)
        return self._value


def _share(cutoff: Floats, elapsed: float) -> Floats:
    time_constant = 1.0 / (2 * math.pi * cutoff)
    return elapsed / (elapsed + time_constant)


class SwapGuard:
    """Undoes sudden exchanges of left and right.

    Pose networks flip the sides when a dancer turns through the side view. A real dancer cannot exchange left and
    right within a frame: where the mirrored labels continue the motion clearly better, they are taken. After
    `patience` seconds of disagreement the network is believed again, since it sees the face and we do not.
    """

    def __init__(self, patience: float = 2.0) -> None:
        self._patience = patience
        self._previous: Floats | None = None
        self._time = 0.0
        self._since: float | None = None

    def order(self, time: float, joints: Floats) -> NDArray[np.intp] | None:
        """Return the joint order (22,) that undoes a swap, or None when the labels are believed.

        Parameters
        ----------
        time : float
            Seconds.
        joints : (22, 3) m, body frame
        """
        previous, elapsed = self._previous, time - self._time
        swapped = False
        if previous is not None and 0 < elapsed < 0.25:
            kept = float(np.linalg.norm(joints - previous, axis=1).mean())
            exchanged = float(np.linalg.norm(joints[_MIRROR] - previous, axis=1).mean())
            swapped = kept > 0.06 and exchanged < 0.5 * kept
        if swapped and self._since is None:
            self._since = time
        if not swapped or (self._since is not None and time - self._since > self._patience):
            self._since, swapped = None, False
        self._previous = joints[_MIRROR] if swapped else joints
        self._time = time
        return _MIRROR if swapped else None
