"""Joints from the joint angles of SMPL, on a skeleton of our own.

SMPL (Loper et al., "SMPL: A Skinned Multi-Person Linear Model", 2015, section 3) turns each joint by an axis-angle
vector against its parent, from a T-pose in which the body looks along z, y up, its left on x. The model's own body
shapes are under a licence and are not needed for that: the rest pose here is put together from segment lengths as
shares of the height (Winter, "Biomechanics and Motor Control of Human Movement", figure 4.1, after Drillis and
Contini 1966), for a person of 1.70 m.
"""

from __future__ import annotations

import numpy as np

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_PARENTS, Floats

HEIGHT = 1.70  # m


def _rest() -> Floats:
    """Return the offset of each joint from its parent (22, 3) m, in the T-pose."""
    share = {  # of the height: (left, up, forward)
        "left_hip": (0.050, -0.048, 0.0),
        "left_knee": (0.0, -0.245, 0.0),
        "left_ankle": (0.0, -0.246, 0.0),
        "left_foot": (0.0, -0.034, 0.080),
        "spine1": (0.0, 0.065, 0.0),
        "spine2": (0.0, 0.075, 0.0),
        "spine3": (0.0, 0.035, 0.0),
        "neck": (0.0, 0.125, 0.0),
        "head": (0.0, 0.050, 0.030),
        "left_collar": (0.045, 0.070, 0.0),
        "left_shoulder": (0.065, 0.020, 0.0),
        "left_elbow": (0.160, 0.0, 0.0),
        "left_wrist": (0.146, 0.0, 0.0),
    }
    offsets = np.zeros((JOINT_COUNT, 3))
    for name, value in share.items():
        offsets[JOINT_INDEX[name]] = value
        if name.startswith("left"):
            offsets[JOINT_INDEX[name.replace("left", "right")]] = (-value[0], value[1], value[2])
    return offsets * HEIGHT


REST_OFFSETS = _rest()


def rotations(vectors: Floats) -> Floats:
    """Return rotation matrices (…, 3, 3) of axis-angle vectors (…, 3), rad (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    axis = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    skew = np.zeros((*vectors.shape, 3))
    skew[..., 0, 1], skew[..., 0, 2], skew[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    skew -= np.swapaxes(skew, -1, -2)
    return np.asarray(np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew, dtype=np.float64)


def forward_kinematics(poses: Floats, translation: Floats, offsets: Floats = REST_OFFSETS) -> Floats:
    """Return the joints (T, 22, 3) m.

    Parameters
    ----------
    poses : (T, 22, 3) rad
        Axis-angle vectors of the joints in the order of `JOINT_NAMES`, the pelvis first.
    translation : (T, 3) m
        Of the pelvis.
    offsets : (22, 3) m
        Of each joint from its parent in the rest pose.
    """
    local = rotations(poses)
    world = local.copy()
    joints = np.zeros((len(poses), JOINT_COUNT, 3))
    joints[:, 0] = translation
    for joint in range(1, JOINT_COUNT):
        parent = JOINT_PARENTS[joint]
        joints[:, joint] = joints[:, parent] + np.einsum("tij,j->ti", world[:, parent], offsets[joint])
        world[:, joint] = world[:, parent] @ local[:, joint]
    return joints
