"""From the 33 landmarks of BlazePose to the 22 joints of SMPL, and from the picture into the room."""

from __future__ import annotations

import numpy as np

from dancecoach.perception.landmarks import LANDMARK_COUNT, Detection
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, Floats

_LANDMARKS = {
    "ear": 7, "shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27, "foot": 31,
}  # fmt: skip


def _mapping() -> Floats:
    """Return M (22, 33) such that joints = M @ landmarks."""
    matrix = np.zeros((JOINT_COUNT, LANDMARK_COUNT))

    def row(*weighted: tuple[str, float]) -> Floats:
        values = np.zeros(LANDMARK_COUNT)
        for name, weight in weighted:
            side, _, part = name.rpartition("_")
            sides = (side,) if side else ("left", "right")
            for each in sides:
                values[_LANDMARKS[part] + (each == "right")] += weight / len(sides)
        return values

    torso = {"pelvis": 0.0, "spine1": 0.25, "spine2": 0.45, "spine3": 0.65, "neck": 1.05}
    for name, share in torso.items():
        matrix[JOINT_INDEX[name]] = row(("hip", 1 - share), ("shoulder", share))
    matrix[JOINT_INDEX["head"]] = row(("ear", 1.0))
    for side in ("left", "right"):
        matrix[JOINT_INDEX[f"{side}_collar"]] = row((f"{side}_shoulder", 0.4), ("shoulder", 0.6))
        for part in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist"):
            matrix[JOINT_INDEX[f"{side}_{part}"]] = row((f"{side}_{part}", 1.0))
    return matrix


LANDMARKS_TO_JOINTS = _mapping()
# The landmarks that stand for a joint one to one: (joint, landmark).
ONE_TO_ONE = tuple(
    (joint, int(np.argmax(LANDMARKS_TO_JOINTS[joint])))
    for joint in range(JOINT_COUNT)
    if np.max(LANDMARKS_TO_JOINTS[joint]) == 1.0 and JOINT_NAMES[joint] != "head"
)
_USED = LANDMARKS_TO_JOINTS > 0


def image_joints(detection: Detection) -> Floats:
    """Return the joints (22, 2) in the picture, 0…1."""
    return np.asarray(LANDMARKS_TO_JOINTS @ detection.image, dtype=np.float64)


def body_joints(detection: Detection) -> Floats:
    """Return the joints (22, 3) in metres, hip-centred, y up."""
    joints: Floats = LANDMARKS_TO_JOINTS @ detection.world
    centred: Floats = joints - joints[0]
    return centred


def joint_visibility(detection: Detection) -> Floats:
    """Return (22,) 0…1: a joint is seen as well as the worst landmark it is made of."""
    worst: Floats = np.where(_USED, detection.visibility[None, :], 1.0).min(axis=1)
    return worst


class Floor:
    """The height of the floor below the camera, learned from where the feet are lowest."""

    def __init__(self) -> None:
        self._lowest: float | None = None

    def place(self, translation: Floats, joints: Floats) -> Floats:
        """Return the pelvis (3,) m in the room frame; the floor is y = 0."""
        lowest = float(translation[1] + joints[:, 1].min())
        if self._lowest is None:
            self._lowest = lowest
        elif lowest < self._lowest:
            self._lowest += 0.2 * (lowest - self._lowest)  # a foot below the floor: the floor is lower
        else:
            self._lowest += 0.002 * (lowest - self._lowest)  # forget a bad frame within seconds
        return np.array([translation[0], translation[1] - self._lowest, translation[2]])
