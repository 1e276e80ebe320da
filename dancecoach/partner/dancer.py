"""The partner's body in motion: it goes after what is expected of it, at the speed that is expected of it.

An expectation is an average over all that a dancer might do. Its place is the best guess, but it moves too little and
its rhythm is washed out. So the body moves with the expected velocity, amplified to a dancer's, is drawn gently to
the expected place, and the whole step is scaled so that the body is as fast, joint by joint in the mean, as a dancer
would be now: that is where the rhythm is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.partner.features import RATE
from dancecoach.partner.frames import turned
from dancecoach.partner.model import STATE
from dancecoach.types import Floats

_DRAWN = 0.15  # share of the distance to the expected place that is made good in a frame
_SLOWEST, _FASTEST = 0.2, 3.0  # factors of a step
_LONGEST_STEP = 0.14  # m in a frame; recorded followers' hands in a spin are as fast
_FASTEST_RETURN = 1.2  # m/s at which a root that is somewhere else comes back
_HURRIED, _FASTEST_HURRY = 0.4, 3.0  # share of the distance in a frame, and m/s, that a root in a hurry comes back by


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the body at one moment.

    `state` (STATE,): root 3 m, heading rad, joints 1…21 m about the root in the body's heading; `velocity` (STATE,)
    per frame; `speed` m/s mean of the joints, None where none is expected.
    """

    state: Floats
    velocity: Floats
    speed: float | None


def bodies(state: Floats) -> Floats:
    """Return the body (22, 3) m of a state (STATE,)."""
    joints = np.concatenate([np.zeros((1, 3)), state[4:].reshape(-1, 3)])
    return turned(joints, float(state[3])) + state[:3]


def turn_between(start: float, stop: float) -> float:
    """Return the shorter turn from one heading to another, −π…π."""
    return float((stop - start + np.pi) % (2 * np.pi) - np.pi)


class Dancer:
    """A body that goes after expectations, without leaps.

    Parameters
    ----------
    state : (STATE,)
        Where it begins.
    """

    def __init__(self, state: Floats) -> None:
        self.state = np.array(state, dtype=np.float64)
        self.body = bodies(self.state)

    def step(self, expected: Expectation, gains: Floats, hurry: bool = False) -> Floats:
        """Move one frame and return the body (22, 3) m.

        Parameters
        ----------
        expected : Expectation
            Of this frame.
        gains : (STATE,)
            By how much velocities are amplified.
        hurry : bool
            Whether the root comes back quickly, however calm the dance is.
        """
        distance = expected.state - expected.velocity - self.state
        distance[3] = turn_between(self.state[3], expected.state[3] - expected.velocity[3])
        pull = _DRAWN * distance
        pull[:3] = _limited(pull[:3], _FASTEST_RETURN / RATE)
        way = gains * expected.velocity + pull
        moved = float(np.linalg.norm(bodies(self.state + way) - self.body, axis=-1).mean())
        if expected.speed is not None:
            way = way * float(np.clip(expected.speed / RATE / max(moved, 1e-6), _SLOWEST, _FASTEST))
        if hurry:
            way[:3] += _limited(_HURRIED * distance[:3], _FASTEST_HURRY / RATE)
        made = bodies(self.state + way)
        longest = float(np.linalg.norm(made - self.body, axis=-1).max())
        if longest > _LONGEST_STEP:
            way = way * (_LONGEST_STEP / longest)
            made = bodies(self.state + way)
        self.state = self.state + way
        self.body = made
        return made


def _limited(vector: Floats, longest: float) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector if length <= longest else vector * (longest / length)


def blended(first: Expectation, second: Expectation, share: float) -> Expectation:
    """Return an expectation between two, `share` 0…1 of the second."""
    state = first.state + share * (second.state - first.state)
    state[3] = first.state[3] + share * turn_between(first.state[3], second.state[3])
    velocity = first.velocity + share * (second.velocity - first.velocity)
    if first.speed is None or second.speed is None:
        speed = first.speed if share < 0.5 else second.speed
    else:
        speed = first.speed + share * (second.speed - first.speed)
    return Expectation(state, velocity, speed)


def still(state: Floats) -> Expectation:
    """Return the expectation of standing in a state (STATE,)."""
    return Expectation(np.array(state), np.zeros(STATE), None)
