"""Pictures drawn from a session: a figure on a dark stage."""

from __future__ import annotations

import cv2
import numpy as np

from dancecoach.types import BONES, JOINT_INDEX, Floats, Image

_GROUND = (26, 28, 34)
_FLOOR = (38, 41, 50)
_LINE = (64, 200, 235)
_LEFT = (255, 170, 70)
_VISIBLE = 0.3
_SIDES = {name: index for name, index in JOINT_INDEX.items() if name.startswith("left_")}


def stage_size(picture: tuple[int, int] | None, longest: int = 1280) -> tuple[int, int]:
    """Return (width, height) of the drawn pictures: even, of the camera's shape."""
    width, height = picture or (640, 480)
    scale = min(1.0, longest / max(width, height))
    return max(16, round(width * scale) // 2 * 2), max(16, round(height * scale) // 2 * 2)


def stage(width: int, height: int) -> Image:
    """Return an empty dark stage (height, width, 3)."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _GROUND
    image[round(0.86 * height) :] = _FLOOR
    return image


def draw_figure(image: Image, image_joints: Floats, visibility: Floats) -> None:
    """Draw the bones of joints (22, 2) 0…1 into the picture (H, W, 3), those that are visible (22,)."""
    height, width = image.shape[:2]
    points = np.clip(image_joints * (width, height), -4.0 * width, 4.0 * width)
    size = float(np.ptp(points[:, 1]))
    thickness = max(2, round(size / 70))
    seen = visibility >= _VISIBLE
    left = set(_SIDES.values())
    for parent, joint in BONES:
        if seen[parent] and seen[joint]:
            colour = _LEFT if joint in left else _LINE
            cv2.line(image, _point(points[parent]), _point(points[joint]), colour, thickness, cv2.LINE_AA)
    head, neck = JOINT_INDEX["head"], JOINT_INDEX["neck"]
    if seen[head]:
        radius = max(3, round(0.75 * float(np.linalg.norm(points[head] - points[neck]))))
        cv2.circle(image, _point(points[head]), radius, _LINE, thickness, cv2.LINE_AA)


def _point(position: Floats) -> tuple[int, int]:
    return round(float(position[0])), round(float(position[1]))
