"""A procedural dancer whose timing is exact: eight poses, one on every count, and a drawing of them.

Used for the demo, the tests of timing through pictures and the benchmarks. The drawing is only as lifelike as the
pose networks need to take it for a person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, Floats, Image

_UPPER_ARM, _FOREARM, _THIGH, _SHIN = 0.28, 0.26, 0.43, 0.42
_HIP, _SHOULDER, _TRUNK = 0.10, 0.18, 0.52


@dataclass(frozen=True, slots=True)
class KeyPose:
    """One pose.

    `sway` m sideways; `height` m of the pelvis; `lean` rad; feet `step_left`, `step_right` m sideways; arms as
    (raise, elbow bend) rad, 0 hangs down.
    """

    sway: float
    height: float
    lean: float
    step_left: float
    step_right: float
    left_arm: tuple[float, float]
    right_arm: tuple[float, float]


# A grapevine of side steps with arm accents: each count changes hips, knees and both arms.
ROUTINE = (
    KeyPose(0.12, 0.86, 0.05, 0.28, -0.14, (1.7, 0.5), (0.5, 1.2)),
    KeyPose(-0.02, 0.93, -0.03, 0.16, -0.10, (0.4, 0.3), (0.9, 0.4)),
    KeyPose(-0.13, 0.86, -0.06, 0.14, -0.28, (0.5, 1.3), (1.8, 0.4)),
    KeyPose(0.02, 0.93, 0.04, 0.10, -0.16, (1.0, 0.4), (0.4, 0.3)),
    KeyPose(0.14, 0.84, 0.08, 0.30, -0.12, (2.4, 0.3), (1.0, 1.0)),
    KeyPose(0.00, 0.93, 0.00, 0.14, -0.14, (0.6, 0.8), (0.4, 0.5)),
    KeyPose(-0.14, 0.84, -0.08, 0.12, -0.30, (1.0, 1.0), (2.4, 0.3)),
    KeyPose(0.00, 0.94, 0.00, 0.13, -0.13, (0.3, 0.4), (0.6, 0.8)),
)


def dance(times: Floats, hits: Floats, routine: tuple[KeyPose, ...] = ROUTINE) -> Floats:
    """Return joints (T, 22, 3) m in the room (the dancer's left is +x in the picture) at `times` (T,) s.

    A pose of the routine is reached at each of `hits` (N,) s, ascending, with zero speed just there; between two the
    movement is a half cosine. Before the first and after the last the dancer stands.
    """
    table = np.array([
        [pose.sway, pose.height, pose.lean, pose.step_left, pose.step_right, *pose.left_arm, *pose.right_arm]
        for pose in routine
    ])  # fmt: skip
    index = np.clip(np.searchsorted(hits, times, side="right") - 1, -1, len(hits) - 2)
    start = np.clip(index, 0, len(hits) - 1)
    stop = np.clip(index + 1, 0, len(hits) - 1)
    share = np.clip((times - hits[start]) / np.maximum(hits[stop] - hits[start], 1e-9), 0.0, 1.0)
    ease = ((1 - np.cos(np.pi * share)) / 2)[:, None]
    values = table[start % len(table)] * (1 - ease) + table[stop % len(table)] * ease
    return np.stack([_joints(row) for row in values])


def _joints(values: Floats) -> Floats:
    sway, height, lean, step_left, step_right, *arms = (float(value) for value in values)
    joints = np.zeros((JOINT_COUNT, 3))

    def put(name: str, x: float, y: float, z: float = 0.0) -> None:
        joints[JOINT_INDEX[name]] = (x, y, z)

    put("pelvis", sway, height)
    across, along = (math.cos(lean), -math.sin(lean)), (math.sin(lean), math.cos(lean))
    for name, share in (("spine1", 0.25), ("spine2", 0.45), ("spine3", 0.65), ("neck", 1.05), ("head", 1.38)):
        put(name, sway + along[0] * _TRUNK * share, height + along[1] * _TRUNK * share)
    limbs = ((1, "left", step_left, arms[0], arms[1]), (-1, "right", step_right, arms[2], arms[3]))
    for sign, side, foot_x, raised, bend in limbs:
        hip = (sway + sign * _HIP, height - 0.02)
        ankle = (foot_x, 0.08)
        put(f"{side}_hip", *hip)
        knee = _knee(hip, ankle)
        put(f"{side}_knee", knee[0] + sign * 0.02, knee[1], knee[2])
        put(f"{side}_ankle", *ankle)
        put(f"{side}_foot", foot_x + sign * 0.05, 0.02, 0.14)
        top = (sway + along[0] * _TRUNK, height + along[1] * _TRUNK)
        shoulder = (top[0] + sign * across[0] * _SHOULDER, top[1] + sign * across[1] * _SHOULDER)
        put(f"{side}_collar", (top[0] + shoulder[0]) / 2, (top[1] + shoulder[1]) / 2)
        put(f"{side}_shoulder", *shoulder)
        angle = raised - math.pi / 2
        elbow = (shoulder[0] + sign * _UPPER_ARM * math.cos(angle), shoulder[1] + _UPPER_ARM * math.sin(angle))
        put(f"{side}_elbow", *elbow)
        angle += bend
        put(
            f"{side}_wrist",
            elbow[0] + sign * _FOREARM * math.cos(angle) * 0.95,
            elbow[1] + _FOREARM * math.sin(angle) * 0.95,
            _FOREARM * 0.3,
        )
    return joints


def _knee(hip: tuple[float, float], ankle: tuple[float, float]) -> tuple[float, float, float]:
    """Return the knee (x, y, z) between hip and ankle; it bends forward."""
    reach = min(math.dist(hip, ankle), _THIGH + _SHIN - 1e-6)
    along = (_THIGH**2 - _SHIN**2 + reach**2) / (2 * reach)
    forward = math.sqrt(max(_THIGH**2 - along**2, 0.0))
    share = along / reach
    return hip[0] + (ankle[0] - hip[0]) * share, hip[1] + (ankle[1] - hip[1]) * share, forward


@dataclass(frozen=True, slots=True)
class Look:
    """Colours (RGB) of the drawing."""

    skin: tuple[int, int, int] = (205, 160, 130)
    hair: tuple[int, int, int] = (60, 40, 30)
    top: tuple[int, int, int] = (170, 50, 60)
    trousers: tuple[int, int, int] = (45, 55, 85)
    shoes: tuple[int, int, int] = (230, 230, 225)


class Painter:
    """Draws the dancer in a plain room.

    Parameters
    ----------
    width, height : int
        Size of the picture, pixels.
    distance : float
        Metres between camera and dancer.
    """

    def __init__(self, width: int = 640, height: int = 480, distance: float = 3.0, look: Look | None = None) -> None:
        self._width, self._height, self._distance = width, height, distance
        self._look = look or Look()
        self._scale = 0.42 * height * distance  # pixels per metre at one metre
        self._room = self._draw_room()

    def paint(self, joints: Floats) -> Image:
        """Return a picture (H, W, 3) RGB of `joints` (22, 3) m in the room."""
        depth = self._distance - joints[:, 2]
        x = self._width / 2 + joints[:, 0] / depth * self._scale
        y = self._height * 0.94 - joints[:, 1] / depth * self._scale - 0.05 * (1 - self._distance / depth)
        points = np.stack([x, y], axis=1)
        picture = self._room.copy()
        metre = self._scale / self._distance
        self._shadow(picture, points, metre)
        look = self._look

        def at(name: str) -> Floats:
            return np.asarray(points[JOINT_INDEX[name]])

        for side in ("left", "right"):
            self._limb(picture, at(f"{side}_hip"), at(f"{side}_knee"), 0.085 * metre, 0.062 * metre, look.trousers)
            self._limb(picture, at(f"{side}_knee"), at(f"{side}_ankle"), 0.062 * metre, 0.042 * metre, look.trousers)
            heel = at(f"{side}_ankle") + (0, 0.03 * metre)
            self._limb(picture, heel, at(f"{side}_foot"), 0.045 * metre, 0.038 * metre, look.shoes)
        self._limb(picture, at("neck"), at("head"), 0.05 * metre, 0.05 * metre, look.skin)
        self._trunk(picture, points, metre)
        for side in ("left", "right"):
            elbow, wrist = at(f"{side}_elbow"), at(f"{side}_wrist")
            self._limb(picture, at(f"{side}_shoulder"), elbow, 0.055 * metre, 0.045 * metre, look.top)
            self._limb(picture, elbow, wrist, 0.04 * metre, 0.03 * metre, look.skin)
            hand = wrist + (wrist - elbow) * 0.28
            self._limb(picture, wrist, hand, 0.035 * metre, 0.03 * metre, look.skin)
        self._head(picture, at("head"), metre)
        return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0.7), dtype=np.uint8)

    def _draw_room(self) -> Image:
        rows = np.linspace(0, 1, self._height)[:, None, None]
        wall = np.array([186, 180, 170]) * (1 - 0.25 * rows)
        floor = np.array([130, 105, 85]) * (0.7 + 0.4 * rows)
        # The back wall stands one metre and a half behind the dancer.
        edge = self._height * 0.94 - 0.25 * self._height * (1.5 / (self._distance + 1.5))
        room = np.where(rows * self._height < edge, wall, floor)
        noise = np.random.default_rng(7).normal(0, 2.0, (self._height, self._width, 1))
        return np.asarray(np.clip(room + noise, 0, 255), dtype=np.uint8)

    def _shadow(self, picture: Image, points: Floats, metre: float) -> None:
        feet = points[[JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]]
        centre = (round(float(feet[:, 0].mean())), round(float(feet[:, 1].max())))
        layer = picture.copy()
        cv2.ellipse(layer, centre, (round(0.45 * metre), round(0.06 * metre)), 0, 0, 360, (60, 48, 40), -1)
        cv2.addWeighted(layer, 0.5, picture, 0.5, 0, dst=picture)

    def _limb(
        self, picture: Image, start: Floats, stop: Floats, wide: float, narrow: float, colour: tuple[int, int, int]
    ) -> None:
        """Draw a tapering limb, lit from the upper left, with subpixel ends."""
        direction = stop - start
        length = float(np.hypot(*direction)) or 1.0
        normal = np.array([-direction[1], direction[0]]) / length
        for share, brightness in ((1.0, 0.72), (0.72, 0.9), (0.4, 1.06)):
            shade = tuple(min(255, int(channel * brightness)) for channel in colour)
            offset = np.array([-0.12, -0.12]) * wide * (1 - share)
            outline = np.array([
                start + normal * wide * share, stop + normal * narrow * share,
                stop - normal * narrow * share, start - normal * wide * share,
            ]) + offset  # fmt: skip
            self._fill(picture, outline, shade)
            for point, radius in ((start, wide), (stop, narrow)):
                self._disc(picture, point + offset, radius * share, shade)

    def _trunk(self, picture: Image, points: Floats, metre: float) -> None:
        left, right = points[JOINT_INDEX["left_shoulder"]], points[JOINT_INDEX["right_shoulder"]]
        hips = points[JOINT_INDEX["left_hip"]], points[JOINT_INDEX["right_hip"]]
        neck = points[JOINT_INDEX["neck"]]
        waist = (left + right + hips[0] + hips[1]) / 4
        for share, brightness in ((1.0, 0.75), (0.8, 0.92), (0.5, 1.04)):
            colour = tuple(min(255, int(channel * brightness)) for channel in self._look.top)
            wide = 0.055 * metre * share
            side = np.array([wide, 0.0])
            narrow = np.array([0.135 * metre * share, 0.0])
            outline = np.array([
                neck + (0.05 * metre, -0.01 * metre), left + (wide, -wide * 0.6), left + side * 0.6 + (0, wide),
                waist + narrow, hips[0] + side, hips[1] - side, waist - narrow,
                right - side * 0.6 + (0, wide), right + (-wide, -wide * 0.6), neck + (-0.05 * metre, -0.01 * metre),
            ])  # fmt: skip
            centre = outline.mean(axis=0)
            self._fill(picture, centre + (outline - centre) * (0.55 + 0.45 * share), colour)

    def _head(self, picture: Image, head: Floats, metre: float) -> None:
        look = self._look
        centre = head + (0, -0.02 * metre)
        self._ellipse(picture, centre + (0, -0.025 * metre), 0.088 * metre, 0.118 * metre, look.hair)
        for share, brightness in ((1.0, 0.85), (0.85, 1.0), (0.5, 1.07)):
            colour = tuple(min(255, int(channel * brightness)) for channel in look.skin)
            self._ellipse(picture, centre + (0, 0.012 * metre), 0.073 * metre * share, 0.102 * metre * share, colour)
        for sign in (-1, 1):
            self._disc(picture, centre + (sign * 0.078 * metre, 0.01 * metre), 0.017 * metre, look.skin)
            self._ellipse(
                picture, centre + (sign * 0.03 * metre, -0.008 * metre), 0.014 * metre, 0.008 * metre, (250, 250, 250)
            )
            self._disc(picture, centre + (sign * 0.03 * metre, -0.008 * metre), 0.0075 * metre, (40, 30, 25))
            self._ellipse(
                picture, centre + (sign * 0.03 * metre, -0.028 * metre), 0.018 * metre, 0.005 * metre, look.hair
            )
        self._ellipse(picture, centre + (0, 0.022 * metre), 0.01 * metre, 0.02 * metre, (185, 135, 108))
        self._ellipse(picture, centre + (0, 0.062 * metre), 0.026 * metre, 0.008 * metre, (165, 80, 80))

    @staticmethod
    def _fill(picture: Image, outline: Floats, colour: tuple[int, ...]) -> None:
        cv2.fillPoly(picture, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)

    @staticmethod
    def _disc(picture: Image, centre: Floats, radius: float, colour: tuple[int, ...]) -> None:
        x, y = (round(float(value) * 16) for value in centre)
        cv2.circle(picture, (x, y), max(round(radius * 16), 1), colour, -1, cv2.LINE_AA, 4)

    @staticmethod
    def _ellipse(picture: Image, centre: Floats, across: float, down: float, colour: tuple[int, ...]) -> None:
        x, y = (round(float(value) * 16) for value in centre)
        axes = (max(round(across * 16), 1), max(round(down * 16), 1))
        cv2.ellipse(picture, (x, y), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)
