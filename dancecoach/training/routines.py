"""Routines for the procedural dancer of `bench.dancer`: dances whose timing is exact, to pair with music.

Each is one eight-count (or two) of poses, one on every count. They differ in what moves (feet, knees, trunk, one arm
or both), on every count or with holds, at one level or between standing and crouching.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.bench.dancer import ROUTINE, KeyPose, dance
from dancecoach.types import Floats

Routine = tuple[KeyPose, ...]
Arm = tuple[float, float]

_DOWN: Arm = (0.25, 0.3)
_HIP: Arm = (0.7, 1.9)
_UP: Arm = (2.8, 0.15)
_SIDE: Arm = (1.55, 0.1)
_BENT: Arm = (0.5, 2.0)


def _pose(
    sway: float, height: float, feet: tuple[float, float], left: Arm = _DOWN, right: Arm = _DOWN, lean: float = 0.0
) -> KeyPose:
    return KeyPose(sway, height, lean, feet[0], feet[1], left, right)


def mirrored(routine: Routine) -> Routine:
    """Return `routine` with left and right exchanged."""
    return tuple(
        KeyPose(-pose.sway, pose.height, -pose.lean, -pose.step_right, -pose.step_left, pose.right_arm, pose.left_arm)
        for pose in routine
    )


_CLOSED, _LEFT, _RIGHT, _WIDE = (0.12, -0.12), (0.34, -0.10), (0.10, -0.34), (0.32, -0.32)

# Step to the side and touch, hands swinging along.
_STEP_TOUCH: Routine = (
    _pose(0.16, 0.90, _LEFT, _SIDE, _DOWN),
    _pose(0.22, 0.93, (0.34, 0.12), _DOWN, _DOWN),
    _pose(-0.02, 0.90, (0.22, -0.16), _DOWN, _SIDE),
    _pose(-0.08, 0.93, (0.02, -0.20), _DOWN, _DOWN),
    _pose(-0.20, 0.90, _RIGHT, _DOWN, _SIDE),
    _pose(-0.24, 0.93, (-0.12, -0.34), _DOWN, _DOWN),
    _pose(0.00, 0.90, (0.16, -0.22), _SIDE, _DOWN),
    _pose(0.04, 0.93, (0.18, -0.06), _DOWN, _DOWN),
)
# The basic step of salsa to the sides: three steps and a hold.
_SALSA: Routine = (
    _pose(0.10, 0.89, _LEFT, _BENT, (0.6, 1.6), -0.05),
    _pose(-0.06, 0.91, (0.30, -0.14), (0.6, 1.6), _BENT, 0.05),
    _pose(0.02, 0.92, _CLOSED, _BENT, _BENT, 0.0),
    _pose(0.02, 0.92, _CLOSED, _BENT, _BENT, 0.0),
    _pose(-0.10, 0.89, _RIGHT, (0.6, 1.6), _BENT, 0.05),
    _pose(0.06, 0.91, (0.14, -0.30), _BENT, (0.6, 1.6), -0.05),
    _pose(-0.02, 0.92, _CLOSED, _BENT, _BENT, 0.0),
    _pose(-0.02, 0.92, _CLOSED, _BENT, _BENT, 0.0),
)
# Arms only: the feet stand, the hands write.
_ARMS: Routine = (
    _pose(0.00, 0.93, _WIDE, _SIDE, _SIDE),
    _pose(0.02, 0.93, _WIDE, _UP, _SIDE),
    _pose(-0.02, 0.93, _WIDE, _UP, _UP),
    _pose(0.00, 0.93, _WIDE, _BENT, _UP),
    _pose(0.02, 0.93, _WIDE, _BENT, _BENT),
    _pose(-0.02, 0.93, _WIDE, _SIDE, _BENT),
    _pose(0.00, 0.93, _WIDE, _HIP, _HIP),
    _pose(0.00, 0.93, _WIDE, _DOWN, _UP),
)
# Up and down: knees deep on 1, 3, 5 and 7.
_LEVELS: Routine = (
    _pose(0.00, 0.70, _WIDE, _BENT, _BENT),
    _pose(0.00, 0.92, _WIDE, _UP, _UP),
    _pose(0.08, 0.74, _WIDE, _SIDE, _BENT, 0.10),
    _pose(0.00, 0.92, _WIDE, _DOWN, _DOWN),
    _pose(-0.08, 0.74, _WIDE, _BENT, _SIDE, -0.10),
    _pose(0.00, 0.92, _WIDE, _UP, _DOWN),
    _pose(0.00, 0.64, _WIDE, _SIDE, _SIDE),
    _pose(0.00, 0.94, _CLOSED, _DOWN, _UP),
)
# Trunk and hips sway, arms follow.
_SWAY: Routine = (
    _pose(0.14, 0.88, _WIDE, (0.9, 0.6), _DOWN, 0.16),
    _pose(-0.14, 0.88, _WIDE, _DOWN, (0.9, 0.6), -0.16),
    _pose(0.18, 0.84, _WIDE, (1.2, 0.6), _HIP, 0.22),
    _pose(0.04, 0.90, _WIDE, _DOWN, _HIP, 0.02),
    _pose(-0.14, 0.88, _WIDE, _DOWN, (0.9, 0.6), -0.16),
    _pose(0.14, 0.88, _WIDE, (0.9, 0.6), _DOWN, 0.16),
    _pose(-0.18, 0.84, _WIDE, _HIP, (1.2, 0.6), -0.22),
    _pose(-0.04, 0.90, _WIDE, _HIP, _DOWN, -0.02),
)
# Points to the ceiling and across to the floor.
_DISCO: Routine = (
    _pose(0.10, 0.88, _WIDE, _HIP, (2.5, 0.1), -0.06),
    _pose(-0.06, 0.90, _WIDE, _HIP, (0.1, 0.2), 0.06),
    _pose(0.10, 0.88, _WIDE, _HIP, (2.5, 0.1), -0.06),
    _pose(-0.06, 0.92, _CLOSED, _HIP, (0.3, 1.4), 0.0),
    _pose(-0.10, 0.88, _WIDE, (2.5, 0.1), _HIP, 0.06),
    _pose(0.06, 0.90, _WIDE, (0.1, 0.2), _HIP, -0.06),
    _pose(-0.10, 0.88, _WIDE, (2.5, 0.1), _HIP, 0.06),
    _pose(0.06, 0.92, _CLOSED, (0.3, 1.4), _HIP, 0.0),
)
# Lunges held for a count: something arrives on the odd counts only.
_LUNGES: Routine = (
    _pose(0.18, 0.78, (0.46, -0.20), _UP, _SIDE, 0.12),
    _pose(0.18, 0.78, (0.46, -0.20), _UP, _SIDE, 0.12),
    _pose(0.00, 0.93, _CLOSED, _BENT, _BENT, 0.0),
    _pose(0.00, 0.93, _CLOSED, _BENT, _BENT, 0.0),
    _pose(-0.18, 0.78, (0.20, -0.46), _SIDE, _UP, -0.12),
    _pose(-0.18, 0.78, (0.20, -0.46), _SIDE, _UP, -0.12),
    _pose(0.00, 0.70, _WIDE, _DOWN, _DOWN, 0.0),
    _pose(0.00, 0.93, _CLOSED, _UP, _UP, 0.0),
)
# Two eight-counts: the second answers the first, mirrored.
_ANSWER: Routine = (*_DISCO[:4], *_LEVELS[4:], *mirrored(_DISCO[:4]), *mirrored(_LEVELS[4:]))

ROUTINES: dict[str, Routine] = {
    "grapevine": ROUTINE,
    "step touch": _STEP_TOUCH,
    "salsa basic": _SALSA,
    "arms": _ARMS,
    "levels": _LEVELS,
    "sway": _SWAY,
    "disco": _DISCO,
    "lunges": _LUNGES,
    "answer": _ANSWER,
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of the procedural dancer.

    `times` (T,) s at 30 a second; `joints` (T, 22, 3) m in the room; `beats` (B,) s, all within the clip, with
    `counts` (B,) 1…8; `routine` its name.
    """

    times: Floats
    joints: Floats
    beats: Floats
    counts: NDArray[np.int64]
    routine: str


def perform_routine(
    name: str, grid: Floats, seconds: float, size: float = 1.0, turn: float = 0.0, mirror: bool = False
) -> Clip:
    """Dance routine `name` on the beats `grid` (B,) s, the first of which is a 1.

    Parameters
    ----------
    name : str
        One of `ROUTINES`.
    grid : (B,) array
        From before 0 s to after the end.
    seconds : float
        Length of the clip.
    size : float
        Of the body, 1 for 1.75 m.
    turn : float
        By which the dancer is turned about the vertical, rad.
    mirror : bool
        Whether left and right are exchanged.
    """
    times = np.arange(round(seconds * 30)) / 30.0
    routine = ROUTINES[name]
    joints = size * dance(times, grid, mirrored(routine) if mirror else routine)
    cosine, sine = math.cos(turn), math.sin(turn)
    joints = joints @ np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]])
    inside = (grid >= 0.0) & (grid < seconds)
    counts = np.arange(len(grid)) % 8 + 1
    return Clip(times, joints, grid[inside], counts[inside], name)
