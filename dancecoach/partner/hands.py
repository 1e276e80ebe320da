"""Hands that are held: the follower's arms reach for the leader's hands, and let go in their own time."""

from __future__ import annotations

import numpy as np

from dancecoach.partner.capsules import outward
from dancecoach.partner.skeleton import bent, norms, reached, towards, unit
from dancecoach.types import HAND_PAIRS, JOINT_INDEX, Floats

_SHOULDERS, _ELBOWS, _WRISTS = (
    [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("shoulder", "elbow", "wrist")
)
# For each wrist of the follower the pairs it is in, and the leader's wrists of these.
_PAIRS = [[number for number, (_, theirs) in enumerate(HAND_PAIRS) if theirs == wrist] for wrist in _WRISTS]
_LEADERS = [[HAND_PAIRS[number][0] for number in pairs] for pairs in _PAIRS]
_DOWN = np.array([0.0, -1.0, 0.0])
_APART, _CLOSE = 0.16, 0.10  # m between two wrists whose hands hold each other, loosely and closely
_CLEAR, _INTO = 0.075, -0.02  # m that an arm keeps from the leader's body; and when it touches
_ARM = 0.035  # m, radius of a forearm
_UNSURE, _SURE = 0.07, 0.30  # how surely hands are held: from where on they reach, and reach all the way
_TAKE = 0.3  # share of the change of a hold that is made in a frame
_OWN = 0.5  # share of the arm's own way in where a free hand goes; the rest is where hands are expected
_FASTEST = 0.035  # m in a frame that a correction may change
_SWING = 0.2  # rad in a frame that an elbow may swing about its arm
_FASTEST_TURN = 0.3  # rad in a frame that an upper arm or a forearm may turn
_PULL = 0.35  # share of what is missing that a correction makes good in a frame


class Hands:
    """Reaches with both arms of one body."""

    def __init__(self) -> None:
        self._holds = np.zeros(len(HAND_PAIRS))
        self._off = np.zeros((2, 3))
        self._sides: Floats | None = None
        self._bones: Floats | None = None

    @property
    def holds(self) -> Floats:
        """How much (4,) 0…1 each of `HAND_PAIRS` is held."""
        return self._holds.copy()

    def release(self) -> None:
        """Let go of the hands, slowly."""
        self._holds *= 0.8

    def reach(self, body: Floats, leader: Floats, wrists: Floats, held: Floats, touching: float) -> Floats:
        """Return the body (22, 3) m with its hands where they belong.

        Parameters
        ----------
        body, leader : (22, 3) m
        wrists : (2, 3) m
            Where the hands are expected.
        held : (4,) 0…1
            How surely each of `HAND_PAIRS` is held.
        touching : float
            How much, 0…1, arms touch the other's body.
        """
        wanted = np.clip((held - _UNSURE) / (_SURE - _UNSURE), 0.0, 1.0)
        self._holds += _TAKE * (wanted - self._holds)
        own = body[_WRISTS]
        targets = _OWN * own + (1 - _OWN) * wrists
        apart = _APART + (_CLOSE - _APART) * touching
        for hand, (pairs, leaders) in enumerate(zip(_PAIRS, _LEADERS, strict=True)):
            # One hand cannot be in two places: the surer hold wins, without a leap between them.
            share = self._holds[pairs] ** 4 + 1e-9
            share /= share.sum()
            place = share @ leader[leaders]
            strength = float(share @ self._holds[pairs])
            way = targets[hand] - place
            distance = max(float(norms(way)), 1e-6)
            grip = place + way * (min(distance, apart) / distance)
            targets[hand] += strength * (grip - targets[hand])
        targets = targets + self._kept_out(body, targets, leader, touching)
        change = _PULL * (targets - own - self._off)
        length = norms(change)[:, None]
        self._off = self._off + change * np.minimum(1.0, _FASTEST / np.maximum(length, 1e-9))
        moved = body.copy()
        targets = own + self._off
        side = bent(body[_SHOULDERS], body[_ELBOWS], _DOWN)
        along = unit(targets - body[_SHOULDERS])
        side = side - (side * along).sum(axis=1, keepdims=True) * along
        if self._sides is not None:
            # An elbow swings round, it does not leap to the other side.
            side = towards(self._sides, side, _SWING)
        elbows, reaching = reached(body[_SHOULDERS], body[_ELBOWS], own, targets, side)
        bones = np.stack([elbows - body[_SHOULDERS], reaching - elbows])
        if self._bones is not None:
            bones = norms(bones)[..., None] * towards(self._bones, bones, _FASTEST_TURN)
        self._bones = unit(bones)
        moved[_ELBOWS] = body[_SHOULDERS] + bones[0]
        moved[_WRISTS] = moved[_ELBOWS] + bones[1]
        self._sides = unit(side)
        return moved

    def _kept_out(self, body: Floats, targets: Floats, leader: Floats, touching: float) -> Floats:
        """Return how far (2, 3) m wrists have to give way, so that forearms are out of the leader."""
        room = _ARM + _CLEAR + (_INTO - _CLEAR) * touching
        middles = 0.5 * (targets + body[_ELBOWS])
        distance, direction = outward(np.concatenate([targets, middles]), leader)
        needed = np.maximum(room - distance, 0.0)[:, None] * direction
        return np.asarray(needed[:2] + needed[2:])
