"""Bodies and pairs of dancers made up for tests."""

import numpy as np

from dancecoach.partner.frames import turned
from dancecoach.types import Floats

_STANDING = np.array([
    (0, .95, 0), (.09, .88, 0), (-.09, .88, 0), (0, 1.05, 0), (.09, .48, .01), (-.09, .48, .01), (0, 1.17, 0),
    (.09, .09, -.02), (-.09, .09, -.02), (0, 1.25, 0), (.09, .03, .11), (-.09, .03, .11), (0, 1.45, 0),
    (.07, 1.38, 0), (-.07, 1.38, 0), (0, 1.55, .03), (.18, 1.38, 0), (-.18, 1.38, 0), (.24, 1.12, 0),
    (-.24, 1.12, 0), (.27, .88, .02), (-.27, .88, .02),
])  # fmt: skip


def standing() -> Floats:
    """Return a body (22, 3) m that stands at the origin and faces +z."""
    return _STANDING.copy()


def dancing(seconds: float, rate: float = 30.0, seed: int = 0, tempo: float = 170.0) -> Floats:
    """Return somebody (T, 22, 3) m who steps to a beat, turns a little and waves the arms."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    beat = 2 * np.pi * times * tempo / 60
    room = np.broadcast_to(_STANDING, (len(times), 22, 3)).copy()
    for side, joints in ((0.0, (4, 7, 10)), (np.pi, (5, 8, 11))):
        lift = np.maximum(np.sin(beat / 2 + side), 0.0)
        room[:, joints, 1] += 0.08 * lift[:, None] * (0.5, 1.0, 1.0)
        room[:, joints, 2] += 0.15 * np.sin(beat / 2 + side)[:, None] * (0.5, 1.0, 1.0)
    for elbow, wrist, phase in ((18, 20, 0.0), (19, 21, 2.0)):
        wave = np.sin(beat / 4 + phase + generator.normal(scale=0.3))
        room[:, (elbow, wrist), 1] += 0.1 * wave[:, None] * (0.5, 1.0)
        room[:, (elbow, wrist), 2] += 0.2 + 0.1 * np.cos(beat / 8 + phase)[:, None] * (0.5, 1.0)
    slow = generator.normal(size=(3, 4)) * (1.0, 0.5, 0.3, 0.2)
    curves = np.stack(
        [sum(slow[axis, k] * np.sin(2 * np.pi * times * (k + 1) / 16 + axis) for k in range(4)) for axis in range(3)]
    )
    room += 0.2 * np.stack([curves[0], np.zeros_like(times), curves[1]], axis=1)[:, None]
    place = room[:, :1] * (1.0, 0.0, 1.0)
    return turned(room - place, 0.8 * curves[2]) + place


def couple(seconds: float, rate: float = 30.0, seed: int = 0, lag: int = 2) -> tuple[Floats, Floats]:
    """Return a leader and a follower (T, 22, 3) m who mirrors the leader from 0.8 m away, `lag` frames late."""
    from dancecoach.partner.frames import heading_of
    from dancecoach.types import MIRROR_JOINTS

    leader = dancing(seconds + lag / rate, rate, seed)
    heading = heading_of(leader)
    place = leader[:, :1] * (1.0, 0.0, 1.0)
    own = turned(leader - place, -heading)[:, list(MIRROR_JOINTS)] * (-1.0, 1.0, 1.0)
    ahead = np.stack([np.sin(heading), np.zeros_like(heading), np.cos(heading)], axis=1)[:, None]
    follower = turned(own, heading + np.pi) + place + 0.8 * ahead
    count = len(leader) - lag
    return leader[lag:], follower[:count]
