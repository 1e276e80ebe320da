"""Feet that stand do not slide: each is held where it came down, and the leg reaches for it."""

from __future__ import annotations

import numpy as np

from dancecoach.partner.features import RATE
from dancecoach.partner.skeleton import bent, norms, reached
from dancecoach.types import JOINT_INDEX, Floats

_HIPS, _KNEES, _ANKLES, _TOES = (
    [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("hip", "knee", "ankle", "foot")
)
_LOW = 0.05  # m, a toe that may stand
_SLOW = 0.9  # m/s, of a toe that may stand
_SURE = 0.45  # how sure the model has to be that a foot stands
_LET_GO = 0.14  # m from where it stands at which a foot is let go
_HALF_LIFE = 0.08  # s in which half of what a foot is off goes, once it is let go
_FASTEST = 0.04  # m in a frame that a correction may change


class Feet:
    """Holds the feet of one body."""

    def __init__(self) -> None:
        self._held = np.zeros(2, dtype=bool)
        self._places = np.zeros((2, 3))
        self._off = np.zeros((2, 3))
        self._last: Floats | None = None

    def forget(self) -> None:
        """Let go of both feet."""
        self._held[:] = False

    def plant(self, body: Floats, standing: Floats) -> tuple[Floats, Floats]:
        """Return the body with standing feet held, and which feet (2,) are held, 0 or 1.

        Parameters
        ----------
        body : (22, 3) m
        standing : (2,) 0…1
            How surely left and right foot stand.
        """
        toes = body[_TOES]
        last = toes if self._last is None else self._last
        speed = norms((toes - last)[:, ::2]) * RATE
        self._last = toes.copy()
        for foot in range(2):
            low = toes[foot, 1] < _LOW
            if self._held[foot]:
                gone = norms((self._places[foot] - toes[foot])[::2]) > _LET_GO
                if gone or toes[foot, 1] > _LOW + 0.03 or standing[foot] < _SURE - 0.2:
                    self._held[foot] = False
            elif low and standing[foot] > _SURE and speed[foot] < _SLOW:
                self._held[foot] = True
                self._places[foot] = toes[foot] + self._off[foot]
        wanted = np.where(self._held[:, None], self._places - toes, 0.0)
        wanted[:, 1] = 0.0
        rate = np.where(self._held, 0.6, 1.0 - 0.5 ** (1.0 / (RATE * _HALF_LIFE)))[:, None]
        change = rate * (wanted - self._off)
        length = norms(change)[:, None]
        self._off = self._off + change * np.minimum(1.0, _FASTEST / np.maximum(length, 1e-9))
        return self._moved(body), self._held.astype(np.float64)

    def _moved(self, body: Floats) -> Floats:
        below = np.maximum(-(body[_TOES][:, 1] - 0.01), 0.0)  # a toe under the floor is lifted to it
        off = self._off.copy()
        off[:, 1] += below
        if np.abs(off).max() < 1e-4:
            return body
        moved = body.copy()
        ankles = body[_ANKLES]
        across = body[_HIPS[0]] - body[_HIPS[1]]
        forward = np.array([-across[2], 0.0, across[0]])
        side = bent(body[_HIPS], body[_KNEES], forward / max(float(norms(forward)), 1e-6))
        moved[_KNEES], moved[_ANKLES] = reached(body[_HIPS], body[_KNEES], ankles, ankles + off, side)
        moved[_TOES] = body[_TOES] + (moved[_ANKLES] - ankles)
        return moved
