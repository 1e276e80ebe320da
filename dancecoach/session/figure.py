"""A drawn person in place of a camera's picture, body enough for the pose estimator to follow."""

from __future__ import annotations

import cv2
import numpy as np

from dancecoach.types import JOINT_INDEX, Floats, Image

_SKIN, _HAIR, _TOP = (205, 160, 130), (60, 40, 30), (170, 50, 60)
_TROUSERS, _SHOES, _LIPS, _EYES = (45, 55, 85), (230, 230, 225), (165, 80, 80), (40, 30, 25)
_WALL, _FLOOR = (150, 146, 138), (112, 94, 80)
# Bones seldom seen foreshortened together: their longest picture gives the scale. Lengths in metres.
_RULERS = (
    ("left_hip", "left_knee", 0.42),
    ("right_hip", "right_knee", 0.42),
    ("left_knee", "left_ankle", 0.42),
    ("right_knee", "right_ankle", 0.42),
    ("pelvis", "neck", 0.52),
)
_SMALLEST = 8.0  # pixels a metre
_SHADES = ((1.0, 0.74), (0.7, 0.92), (0.4, 1.06))  # share of the width, brightness: round from flat


def draw_person(width: int, height: int, image_joints: Floats | None) -> Image:
    """Return a picture (height, width, 3) of a plain room, with a person whose joints are at (22, 2) 0…1."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _WALL
    image[round(0.8 * height) :] = _FLOOR
    if image_joints is None:
        return image
    reach = 4.0 * max(width, height)
    points = np.clip(image_joints * (width, height), -reach, reach)
    _Person(image, points).draw()
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0.7), np.uint8)


class _Person:
    def __init__(self, image: Image, points: Floats) -> None:
        self._image = image
        self._points = points
        lengths = [float(np.linalg.norm(self._at(a) - self._at(b))) / metres for a, b, metres in _RULERS]
        self._metre = float(np.clip(max(lengths), _SMALLEST, 2.0 * max(image.shape)))

    def _at(self, name: str) -> Floats:
        return np.asarray(self._points[JOINT_INDEX[name]])

    def draw(self) -> None:
        for side in ("left", "right"):
            hip, knee, ankle, foot = (self._at(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot"))
            self._limb(hip, knee, 0.085, 0.062, _TROUSERS)
            self._limb(knee, ankle, 0.062, 0.042, _TROUSERS)
            self._limb(ankle, foot, 0.045, 0.038, _SHOES)
        head = self._at("head")
        self._limb(self._at("neck"), head, 0.05, 0.05, _SKIN)
        self._trunk()
        for side in ("left", "right"):
            shoulder, elbow, wrist = (self._at(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist"))
            self._limb(shoulder, elbow, 0.055, 0.045, _TOP)
            self._limb(elbow, wrist, 0.04, 0.03, _SKIN)
            self._limb(wrist, wrist + 0.28 * (wrist - elbow), 0.035, 0.03, _SKIN)
        self._head(head)

    def _limb(self, start: Floats, stop: Floats, wide: float, narrow: float, colour: tuple[int, int, int]) -> None:
        """Draw a tapering limb; widths in metres."""
        along = stop - start
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        for share, brightness in _SHADES:
            first, last = wide * self._metre * share, narrow * self._metre * share
            outline = [start + normal * first, stop + normal * last, stop - normal * last, start - normal * first]
            shade = _lit(colour, brightness)
            self._fill(np.array(outline), shade)
            self._ellipse(start, first, first, shade)
            self._ellipse(stop, last, last, shade)

    def _trunk(self) -> None:
        corners = ("left_shoulder", "left_hip", "right_hip", "right_shoulder")
        outline = np.array([self._at("neck"), *(self._at(corner) for corner in corners)])
        centre = outline.mean(axis=0)
        for share, brightness in _SHADES:
            shade = _lit(_TOP, brightness)
            inner = centre + (outline - centre) * (0.4 + 0.6 * share)
            self._fill(inner, shade)
            width = max(1, round(0.11 * self._metre * share))
            cv2.polylines(self._image, [_fixed(inner)], True, shade, width, cv2.LINE_AA, 4)

    def _head(self, centre: Floats) -> None:
        metre = self._metre
        self._ellipse(centre + (0, -0.045 * metre), 0.088 * metre, 0.118 * metre, _HAIR)
        for share, brightness in ((1.0, 0.85), (0.85, 1.0), (0.5, 1.07)):
            shade = _lit(_SKIN, brightness)
            self._ellipse(centre + (0, -0.008 * metre), 0.073 * metre * share, 0.102 * metre * share, shade)
        for sign in (-1, 1):
            eye = centre + (sign * 0.03 * metre, -0.028 * metre)
            self._ellipse(centre + (sign * 0.078 * metre, -0.01 * metre), 0.017 * metre, 0.017 * metre, _SKIN)
            self._ellipse(eye, 0.014 * metre, 0.008 * metre, (250, 250, 250))
            self._ellipse(eye, 0.0075 * metre, 0.0075 * metre, _EYES)
            self._ellipse(eye + (0, -0.02 * metre), 0.018 * metre, 0.005 * metre, _HAIR)
        self._ellipse(centre + (0, 0.002 * metre), 0.01 * metre, 0.02 * metre, (185, 135, 108))
        self._ellipse(centre + (0, 0.042 * metre), 0.026 * metre, 0.008 * metre, _LIPS)

    def _fill(self, outline: Floats, colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(self._image, [_fixed(outline)], colour, cv2.LINE_AA, 4)

    def _ellipse(self, centre: Floats, across: float, down: float, colour: tuple[int, int, int]) -> None:
        place = tuple(int(value) for value in _fixed(centre))
        axes = max(round(across * 16), 1), max(round(down * 16), 1)
        cv2.ellipse(self._image, place, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)


def _lit(colour: tuple[int, int, int], brightness: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(channel * brightness)) for channel in colour)
    return red, green, blue


def _fixed(points: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return pixels in sixteenths, as OpenCV takes them."""
    return np.asarray(np.round(points * 16), np.int32)
