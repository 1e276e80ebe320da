"""Headings and the frames of reference of two dancers.

A heading is the angle about the vertical, radians, of the direction a body faces: 0 faces +z, π/2 faces +x.
"""

from __future__ import annotations

import numpy as np

from dancecoach.types import JOINT_INDEX, MIRROR_JOINTS, Floats

_LEFT = [JOINT_INDEX["left_hip"], JOINT_INDEX["left_shoulder"]]
_RIGHT = [JOINT_INDEX["right_hip"], JOINT_INDEX["right_shoulder"]]


def heading_of(room: Floats) -> Floats:
    """Return the heading (...,) rad of bodies (..., 22, 3) m, y up: perpendicular to hips and shoulders."""
    across = (room[..., _LEFT, :] - room[..., _RIGHT, :]).sum(axis=-2)
    # With y up and x to the left of a body that faces +z, its left side points along +x.
    return np.asarray(np.arctan2(-across[..., 2], across[..., 0]))


def turned(points: Floats, angle: Floats | float) -> Floats:
    """Return points (..., N, 3) turned about the vertical by `angle` (...,) rad: a heading h becomes h + angle."""
    angle = np.asarray(angle)[..., None]
    cosine, sine = np.cos(angle), np.sin(angle)
    x, z = points[..., 0], points[..., 2]
    return np.asarray(np.stack([cosine * x + sine * z, points[..., 1], cosine * z - sine * x], axis=-1))


def wrapped(angle: Floats) -> Floats:
    """Return angles within −π…π."""
    return np.asarray((np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi)


def mirrored(room: Floats) -> Floats:
    """Return bodies (..., 22, 3) m as in a mirror on the plane x = 0, left and right exchanged."""
    return np.asarray(room[..., list(MIRROR_JOINTS), :] * (-1.0, 1.0, 1.0))
