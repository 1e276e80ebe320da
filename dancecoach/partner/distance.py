"""Two bodies do not walk through each other: the follower gives way, the leader never has to."""

from __future__ import annotations

import numpy as np

from dancecoach.partner.capsules import CAPSULES, RADII, capsule_distances
from dancecoach.types import Floats

_UPPER_ARMS, _FOREARMS = [6, 7], [8, 9]
# The follower's arms keep out by themselves (`hands`, `touch`), but wrists cannot take an upper arm off a hand.
_BODY = [index for index in range(len(RADII)) if index not in _UPPER_ARMS + _FOREARMS]
_NOT_FOREARMS = [index for index in range(len(RADII)) if index not in _FOREARMS]
_ALLOWED = 0.015  # m that bodies may overlap: recorded pairs in close hold do, under one shared shape
_CLEAR = 0.07  # m from the leader's forearms when they do not touch
_SHARE = 0.6  # of what is too much that is given way in a frame
_FASTEST = 0.035  # m in a frame
_BACK = 0.92  # of the way given that is left after a frame in which it is not needed


class Distance:
    """Moves one body out of another."""

    def __init__(self) -> None:
        self._given = np.zeros(3)

    def keep(self, body: Floats, leader: Floats, touching: float) -> Floats:
        """Return the body (22, 3) m moved along the floor, out of the leader's (22, 3) m, arms included.

        `touching` 0…1 how much the leader's hands are on the follower; else they are kept clear of.
        """
        moved = body + self._given
        excess = -capsule_distances(leader, moved)[:, _BODY + _UPPER_ARMS] - _ALLOWED
        excess[_NOT_FOREARMS, len(_BODY) :] = -np.inf
        excess[_FOREARMS] += (1.0 - touching) * (_ALLOWED + _CLEAR)
        worst, _ = np.unravel_index(int(excess.argmax()), excess.shape)
        most = float(excess.max())
        if most > 0:
            start, stop, _ = CAPSULES[worst]
            away = (moved[0] - 0.5 * (leader[start] + leader[stop])) * (1.0, 0.0, 1.0)
            length = float(np.linalg.norm(away))
            away = away / length if length > 1e-3 else np.array([0.0, 0.0, 1.0])
            self._given = self._given + away * min(_SHARE * most + 0.002, _FASTEST)
        else:
            self._given = self._given * _BACK
        return body + self._given
