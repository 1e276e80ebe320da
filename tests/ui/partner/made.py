"""A couple made on the spot."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from dancecoach.bench.dancer import dance
from dancecoach.partner.frames import turned
from dancecoach.types import FollowerMotion, Pose
from dancecoach.ui.partner.sampling import Moment, sample

DEPTH = 3.0  # m from the camera to the dancer


def motion(seconds: float = 1.2, start: float = 9.0, **values: Any) -> FollowerMotion:
    """A dancer three metres from the camera and a partner who faces them, 0.85 m nearer to it."""
    count = round(seconds * 30) + 1
    times = start + np.arange(count) / 30
    leader = dance(times, start + np.arange(-1, seconds + 2, 0.5))
    leader[..., 2] -= DEPTH
    floor = leader[:, :1] * (1.0, 0.0, 1.0)
    joints = turned(leader - floor, np.full(count, np.pi)) + floor + (0.0, 0.0, 0.85)
    holds = np.tile([0.9, 0.0, 0.0, 0.0], (count, 1))
    base = FollowerMotion(times, joints, np.ones((count, 4)), leader, holds, None, "following")
    return dataclasses.replace(base, **values)


def moment(time: float = 9.5, **values: Any) -> Moment:
    found = sample(motion(), time)
    assert found is not None
    return dataclasses.replace(found, **values)


def pose_of(leader: np.ndarray, image_joints: np.ndarray, time: float = 9.5) -> Pose:
    return Pose(time, 1, leader - leader[0], leader[0], image_joints, np.ones(22), time)
