"""From where the couple is seen: views, and a camera that follows smoothly and never jumps. Free of Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dancecoach.perception.pinhole import half_extent
from dancecoach.types import Floats
from dancecoach.ui.partner.sampling import Moment

FIELD = math.radians(32)  # of view, vertical
_CLOSE = 0.25  # m; a couple nearer than that has no direction
_LONGEST = 0.1  # s; a longer pause between two paints counts as that
_NEAR, _FAR = 0.3, 40.0  # m


@dataclass(frozen=True)
class View:
    """How the camera stands.

    `height` and `width` m that must fit into the picture; `level` m above the floor of the middle; `elevation` rad;
    `aside` rad it stands beside the line of the couple; `on_partner` looks at the partner, else at the couple.
    """

    height: float
    width: float
    level: float
    elevation: float
    aside: float = 0.0
    on_partner: bool = False


VIEWS = {
    "opposite me": View(2.05, 1.75, 0.94, math.radians(5), on_partner=True),
    "over the shoulder": View(2.5, 2.1, 0.86, math.radians(24), math.radians(48)),
    "from above": View(2.7, 2.2, 0.55, math.radians(66)),
}


class Spring:
    """A critically damped follower of N numbers: it goes where it is told without ever shooting past.

    Parameters
    ----------
    speed : float or (N,)
        1/s; after 5 / speed seconds it is there.
    """

    def __init__(self, speed: float | Floats) -> None:
        self._speed = np.asarray(speed, dtype=np.float64)
        self.value: Floats | None = None
        self._rate: Floats = np.zeros(0)

    def follow(self, target: Floats, seconds: float) -> Floats:
        """Go on towards `target` (N,) for some time and return where it is; the first time it is there at once."""
        if self.value is None:
            self.value, self._rate = np.array(target, dtype=np.float64), np.zeros(len(target))
            return self.value
        away = self.value - target
        push = (self._rate + self._speed * away) * seconds
        fade = np.exp(-self._speed * seconds)
        self.value = target + (away + push) * fade
        self._rate = (self._rate - self._speed * push) * fade
        return self.value

    def reset(self) -> None:
        """Be at the next target at once."""
        self.value = None


class FollowingCamera:
    """Looks at the couple from the chosen view; views melt into each other."""

    def __init__(self) -> None:
        # Target (3), angle about the vertical, elevation, height and width that fit.
        self._spring = Spring(np.array([3.0, 3.0, 3.0, 2.2, 3.0, 3.0, 3.0]))
        self._time: float | None = None
        self._angle = 0.0
        self.view = "opposite me"

    def reset(self) -> None:
        """Begin anew: the next look is there at once."""
        self._spring.reset()
        self._time = None

    def look(self, moment: Moment, aspect: float) -> Floats:
        """Return the matrix (4, 4) from the room to clip space (column vectors) at the moment's time."""
        view = VIEWS.get(self.view, VIEWS["opposite me"])
        partner, dancer = moment.joints[0], moment.leader[0]
        between = (dancer - partner)[[0, 2]]
        if float(np.hypot(*between)) > _CLOSE:
            self._angle = _nearest(math.atan2(between[0], between[1]), self._angle)
        middle = partner if view.on_partner else (partner + dancer) / 2
        wanted = np.array(
            [middle[0], view.level, middle[2], self._angle + view.aside, view.elevation, view.height, view.width]
        )
        passed = 0.0 if self._time is None else min(max(moment.time - self._time, 0.0), _LONGEST)
        self._time = moment.time
        now = self._spring.follow(wanted, passed)
        tall = now[5] / 2 / math.tan(FIELD / 2)
        wide = now[6] / 2 / math.tan(FIELD / 2) / aspect
        return perspective(aspect) @ orbit(now[:3], now[3], now[4], max(tall, wide))


def _nearest(angle: float, before: float) -> float:
    """Return the angle, some whole turns added, that is nearest to the one before."""
    return before + (angle - before + math.pi) % (2 * math.pi) - math.pi


def orbit(target: Floats, angle: float, elevation: float, distance: float) -> Floats:
    """Return the matrix (4, 4) into the eye of a camera around `target` (3,) m; angle 0 stands towards +z."""
    back = np.array(
        [math.sin(angle) * math.cos(elevation), math.sin(elevation), math.cos(angle) * math.cos(elevation)]
    )
    right = np.array([math.cos(angle), 0.0, -math.sin(angle)])
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(back, right), back
    matrix[:3, 3] = -matrix[:3, :3] @ (target + distance * back)
    return matrix


def perspective(aspect: float) -> Floats:
    """Return the matrix (4, 4) from the eye to clip space for a picture `aspect` times as wide as high."""
    focal = 1 / math.tan(FIELD / 2)
    return _frustum(focal / aspect, focal)


def camera_matrix(shift: Floats, aspect: float, mirror: bool) -> Floats:
    """Return the matrix (4, 4) from the room to clip space of the real camera's picture.

    Parameters
    ----------
    shift : (3,) m
        Added to a place in the room it gives that seen from the camera.
    aspect : float
        Width over height of the picture.
    mirror : bool
        Whether the picture is shown mirrored.
    """
    width, height = half_extent(aspect)
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return _frustum((-1 if mirror else 1) / width, 1 / height) @ matrix


def _frustum(x: float, y: float) -> Floats:
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = x, y
    matrix[2, 2], matrix[2, 3] = (_FAR + _NEAR) / (_NEAR - _FAR), 2 * _FAR * _NEAR / (_NEAR - _FAR)
    matrix[3, 2] = -1.0
    return matrix


def to_pixels(points: Floats, matrix: Floats, width: float, height: float) -> tuple[Floats, Floats]:
    """Return where points (N, 3) m are painted, (N, 2) pixels y down, and their depth (N,) m, ≤ 0 behind the eye."""
    clip = points @ matrix[:, :3].T + matrix[:, 3]
    depth = clip[:, 3]
    safe = np.where(depth > 1e-3, depth, np.nan)
    x = (clip[:, 0] / safe + 1) * width / 2
    y = (1 - clip[:, 1] / safe) * height / 2
    return np.column_stack([x, y]), depth
