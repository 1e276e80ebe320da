"""Touch as it is meant: an arm that touches the other does, one that does not keeps clear.

What the model expects of touch is right more often than where the averaged body happens to have its arms. So the
arms have the last word: from the body as it is, wrists are moved the short way in or out, elbows follow.
"""

from __future__ import annotations

import numpy as np

from dancecoach.partner.capsules import FOREARMS, nearest_points
from dancecoach.partner.skeleton import bent, norms, reached, towards, unit
from dancecoach.types import JOINT_INDEX, Floats

_SHOULDERS, _ELBOWS, _WRISTS = (
    [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("shoulder", "elbow", "wrist")
)
_DOWN = np.array([0.0, -1.0, 0.0])
_CLEAR, _INTO = 0.075, 0.025  # m between the surfaces of an arm that keeps clear, and of one that touches
_REACH = 0.30  # m from which an arm comes to touch; from farther it would look like grabbing
_ROUNDS = 3  # of moving the wrist and looking again
_LEAST_SHARE = 0.5  # of a forearm from the elbow, where what is nearer to the elbow is taken to be
_PULL = 0.85  # share of what is missing that is made good in a frame
_FASTEST, _LEAST = 0.075, 0.01  # m in a frame, of a body that stands and of one that is on a long way already
_HASTE = 0.6  # m by which that is less for each m that the body goes
_FASTEST_TURN = 0.3  # rad in a frame that an upper arm or a forearm may turn


class Touch:
    """Moves the arms of one body."""

    def __init__(self) -> None:
        self._off = np.zeros((2, 3))
        self._bones: Floats | None = None
        self._root: Floats | None = None

    def settle(self, body: Floats, leader: Floats, touching: bool) -> Floats:
        """Return the body (22, 3) m, its forearms on the leader (22, 3) m where they touch, else clear of them."""
        wanted = np.zeros((2, 3))
        moved = body
        for _ in range(_ROUNDS):
            needed = self._needed(moved, leader, touching)
            if not needed.any():
                break
            wanted = wanted + needed
            moved = _with_wrists(body, wanted)
        change = _PULL * (wanted - self._off)
        length = norms(change)[:, None]
        gone = 0.0 if self._root is None else float(norms(body[0] - self._root))
        self._root = body[0].copy()
        fastest = max(_FASTEST - _HASTE * gone, _LEAST)
        self._off = self._off + change * np.minimum(1.0, fastest / np.maximum(length, 1e-9))
        return self._turned(_with_wrists(body, self._off))

    def _turned(self, body: Floats) -> Floats:
        """Return the body with its arms turned no faster than arms turn."""
        bones = np.stack([body[_ELBOWS] - body[_SHOULDERS], body[_WRISTS] - body[_ELBOWS]])
        lengths, bones = norms(bones)[..., None], unit(bones)
        if self._bones is not None:
            bones = towards(self._bones, bones, _FASTEST_TURN)
        self._bones = bones
        body = body.copy()
        body[_ELBOWS] = body[_SHOULDERS] + lengths[0] * bones[0]
        body[_WRISTS] = body[_ELBOWS] + lengths[1] * bones[1]
        return body

    def _needed(self, body: Floats, leader: Floats, touching: bool) -> Floats:
        """Return the way (2, 3) m of the wrists."""
        distance, direction, share = nearest_points(body, leader, FOREARMS)
        weight = 1.0 / np.maximum(share, _LEAST_SHARE)[:, None]
        if not touching:
            return np.asarray(np.maximum(_CLEAR - distance, 0.0)[:, None] * direction * weight)
        needed = np.zeros((2, 3))
        arm = int(distance.argmin())
        if _INTO < distance[arm] < _REACH:
            needed[arm] = -(distance[arm] - _INTO) * direction[arm] * weight[arm]
        return needed


def _with_wrists(body: Floats, off: Floats) -> Floats:
    moved = body.copy()
    side = bent(body[_SHOULDERS], body[_ELBOWS], _DOWN)
    moved[_ELBOWS], moved[_WRISTS] = reached(
        body[_SHOULDERS], body[_ELBOWS], body[_WRISTS], body[_WRISTS] + off, side
    )
    return moved
