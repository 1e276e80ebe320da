"""The basic step of salsa on the beat, made by rule: what the partner dances when there is nobody to follow.

```
count      1        2        3      4     5        6        7      8
follower   R back   L place  R home pause L forward R place L home pause
leader     L forward R place L home pause R back    L place R home pause
```

Each step is on the floor at its count and takes the weight; in between the free foot swings over.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dancecoach.partner.frames import turned
from dancecoach.partner.model import STATE, Style
from dancecoach.partner.skeleton import bent, reached, with_bones
from dancecoach.types import JOINT_INDEX, Floats, PartnerRole

_STEP = 0.24  # m, forward and back
_LIFT = 0.05  # m
_SWING = 0.6  # counts that a foot is in the air before it arrives
_TRANSFER = 0.7  # counts from an arrival until the foot bears all the weight
_STANCE = 0.085  # m from the middle to each foot
_SWAY = 0.035  # m, hips over the standing foot
_BOUNCE = 0.012  # m
_ANKLE, _TOE = 0.075, 0.02  # m over the floor when standing
_TOE_AHEAD = 0.13  # m, toe before ankle
# Count at which each foot arrives, and where, m ahead of home.
_FOLLOWER = {"right": ((1, -_STEP), (3, 0.0), (6, 0.0)), "left": ((2, 0.0), (5, _STEP), (7, 0.0))}
_LEADER = {"left": ((1, _STEP), (3, 0.0), (6, 0.0)), "right": ((2, 0.0), (5, -_STEP), (7, 0.0))}
_CYCLE = 8.0
_FINE = 32  # rows of the table for a count


def basic(position: float, style: Style, role: PartnerRole) -> Floats:
    """Return the body (22, 3) m at a place in the eight-count.

    Parameters
    ----------
    position : float
        The count, real, from 1 (on the one) to below 9.
    style : Style
        Its skeleton.
    role : PartnerRole
        Whose steps.

    Returns
    -------
    (22, 3) m
        It faces +z; the origin is on the floor at home, between the feet.
    """
    steps = _FOLLOWER if role == "follower" else _LEADER
    ankles = {side: _foot(position, arrivals) for side, arrivals in steps.items()}
    weight = _weight(position, steps)  # −1 on the right foot, 1 on the left
    ahead = 0.5 * (ankles["left"][2] + ankles["right"][2])
    beat = np.cos(2 * np.pi * position)
    pelvis = np.array([_SWAY * weight, style.height + 0.03 - _BOUNCE * beat, ahead])
    lengths = style.bones
    joints = np.zeros((22, 3))
    joints[0] = pelvis
    sway, turn = 0.06 * weight, 0.12 * weight
    across = np.array([np.cos(turn), sway, -np.sin(turn)])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        joints[_j(f"{side}_hip")] = pelvis + sign * 0.09 * across
    up = pelvis
    for name in ("spine1", "spine2", "spine3", "neck", "head"):
        up = up + lengths[_j(name)] * np.array([-0.05 * weight, 1.0, 0.03])
        joints[_j(name)] = up
    counter = np.array([np.cos(turn), -0.5 * sway, np.sin(turn)])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        collar = joints[_j("spine3")] + (sign * 0.06, 0.6 * lengths[_j("neck")], 0.0)
        joints[_j(f"{side}_collar")] = collar
        shoulder = collar + sign * lengths[_j(f"{side}_shoulder")] * counter
        joints[_j(f"{side}_shoulder")] = shoulder
        swing = 0.05 * weight * sign
        joints[_j(f"{side}_elbow")] = shoulder + lengths[_j(f"{side}_elbow")] * _unit(
            [sign * 0.35, -0.9, -0.1 + swing]
        )
        joints[_j(f"{side}_wrist")] = joints[_j(f"{side}_elbow")] + lengths[_j(f"{side}_wrist")] * _unit(
            [-sign * 0.15, 0.1 + swing, 1.0]
        )
        joints[_j(f"{side}_knee")] = joints[_j(f"{side}_hip")] + (0.0, -0.4, 0.05)
        joints[_j(f"{side}_ankle")] = joints[_j(f"{side}_knee")] + (0.0, -0.4, 0.0)
        joints[_j(f"{side}_foot")] = joints[_j(f"{side}_ankle")] + (0.0, _TOE - _ANKLE, _TOE_AHEAD)
    joints = with_bones(joints, lengths)
    hips, knees, feet = ([_j(f"{side}_{name}") for side in ("left", "right")] for name in ("hip", "knee", "ankle"))
    targets = np.array(
        [[sign * _STANCE, ankles[side][1], ankles[side][2]] for side, sign in (("left", 1.0), ("right", -1.0))]
    )
    toes = joints[[_j("left_foot"), _j("right_foot")]] - joints[feet]
    forward = np.array([[0.0, 0.0, 1.0]] * 2)
    bends = bent(joints[hips], joints[knees], forward)
    joints[knees], joints[feet] = reached(joints[hips], joints[knees], joints[feet], targets, bends)
    joints[[_j("left_foot"), _j("right_foot")]] = joints[feet] + toes
    return joints


class BasicTable:
    """The basic step, looked up: a partner dances it in every frame.

    Parameters
    ----------
    style : Style
        Its skeleton.
    role : PartnerRole
        Whose steps.
    """

    def __init__(self, style: Style, role: PartnerRole) -> None:
        positions = 1.0 + np.arange(int(_CYCLE) * _FINE) / _FINE
        bodies = [basic(float(position), style, role) for position in positions]
        self._bodies = np.array([*bodies, bodies[0]])

    def at(self, position: float) -> Floats:
        """Return the body (22, 3) m at a place in the eight-count, within three millimetres of `basic`."""
        place = (position - 1.0) % _CYCLE * _FINE
        index = int(place)
        share = place - index
        return np.asarray((1.0 - share) * self._bodies[index] + share * self._bodies[index + 1])


def state_at(joints: Floats, place: Floats, heading: float) -> Floats:
    """Return the state (STATE,) of a body that faces +z (22, 3) m, put at `place` (3,) m on the floor and turned."""
    root = joints[:1]
    state = np.empty(STATE)
    state[:3], state[3], state[4:] = turned(root, heading)[0] + place, heading, (joints[1:] - root).ravel()
    return state


def bodies_at(joints: Floats, place: Floats, heading: float) -> Floats:
    """Return a body that faces +z (22, 3) m, put at `place` (3,) m on the floor and turned."""
    return turned(joints, heading) + place


def _foot(position: float, arrivals: tuple[tuple[int, float], ...]) -> Floats:
    """Return (0, height, ahead) m of an ankle: on the floor from each arrival until the next swing."""
    count = (position - 1.0) % _CYCLE + 1.0
    for index, (arrives, where) in enumerate(arrivals):
        came_from = arrivals[index - 1][1]
        until = (arrives - count) % _CYCLE
        if until < _SWING:
            share = 1.0 - until / _SWING
            height = _ANKLE + _LIFT * np.sin(np.pi * share)
            return np.array([0.0, height, came_from + _eased(share) * (where - came_from)])
    latest = min(arrivals, key=lambda each: (count - each[0]) % _CYCLE)
    return np.array([0.0, _ANKLE, latest[1]])


def _weight(position: float, steps: Mapping[str, tuple[tuple[int, float], ...]]) -> float:
    """Return which foot bears the weight, from −1 (right) to 1 (left), moving over smoothly."""
    landings = sorted((arrives, 1.0 if side == "left" else -1.0) for side in steps for arrives, _ in steps[side])
    count = (position - 1.0) % _CYCLE + 1.0
    after = [landing for landing in landings if landing[0] <= count]
    latest = after[-1] if after else (landings[-1][0] - _CYCLE, landings[-1][1])
    return float(latest[1] * (2.0 * _eased(min((count - latest[0]) / _TRANSFER, 1.0)) - 1.0))


def _eased(share: float) -> float:
    """Return 0…1, beginning and ending at rest."""
    return share * share * (3.0 - 2.0 * share)


def _j(name: str) -> int:
    return JOINT_INDEX[name]


def _unit(vector: list[float]) -> Floats:
    return np.asarray(np.asarray(vector) / np.linalg.norm(vector))
