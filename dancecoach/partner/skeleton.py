"""The partner's skeleton: bones of fixed lengths, and limbs that reach for a place."""

from __future__ import annotations

import numpy as np

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_PARENTS, Floats

_PARENTS = np.array(JOINT_PARENTS)
_FULL_REACH = 0.98  # of a limb's length; a limb that is quite straight jerks when it bends


def _chains() -> Floats:
    """Return 1 where a joint's place (row) depends on a bone (column): all bones from the root to it; else 0."""
    chains = np.zeros((JOINT_COUNT, JOINT_COUNT))
    for joint in range(1, JOINT_COUNT):
        chains[joint] = chains[JOINT_PARENTS[joint]]  # parents come first
        chains[joint, joint] = 1.0
    return chains


_CHAINS = _chains()
_LEGS_AND_TRUNK = [
    JOINT_INDEX[name]
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle", "spine1", "spine2", "spine3", "neck")
]


def norms(vectors: Floats) -> Floats:
    """Return the lengths (...) of vectors (..., 3); `numpy.linalg.norm` takes three times as long on a few."""
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)))


def unit(vectors: Floats) -> Floats:
    """Return vectors (..., 3) of length 1, of next to nothing where they are."""
    return np.asarray(vectors / np.maximum(norms(vectors), 1e-9)[..., None])


def bone_lengths(room: Floats) -> Floats:
    """Return the median length (22,) m of the bone to each joint of a motion (T, 22, 3) m; 0 for the root."""
    lengths = np.median(np.linalg.norm(room - room[:, _PARENTS], axis=-1), axis=0)
    lengths[0] = 0.0
    return np.asarray(lengths)


def size_of(lengths: Floats) -> float:
    """Return the length of legs and trunk together, m: what two bodies are compared by."""
    return float(lengths[_LEGS_AND_TRUNK].sum())


def with_bones(room: Floats, lengths: Floats) -> Floats:
    """Return a body (22, 3) m with bones of the given lengths (22,) m and the directions it has."""
    bones = room - room[_PARENTS]
    bones = bones * (lengths / np.maximum(norms(bones), 1e-6))[:, None]
    return np.asarray(room[0] + _CHAINS @ bones)


def reached(start: Floats, middle: Floats, end: Floats, target: Floats, side: Floats) -> tuple[Floats, Floats]:
    """Bend limbs of two bones so that they end as near their targets as they reach.

    Parameters
    ----------
    start, middle, end : (L, 3) m
        Shoulders, elbows, wrists; or hips, knees, ankles.
    target : (L, 3) m
    side : (L, 3)
        On which side of the straight way the middle joints shall be; `bent` tells where they are.

    Returns
    -------
    middle, end : (L, 3) m
        The bones keep their lengths.
    """
    upper, lower = norms(middle - start), norms(end - middle)
    way = target - start
    # A target right at the start says nothing of the direction: the limb keeps its own.
    distance = norms(way)
    way = np.where(distance[:, None] < 1e-3, end - start + (0.0, -1e-3, 0.0), way)
    reach = np.clip(distance, np.abs(upper - lower) + 0.02, (upper + lower) * _FULL_REACH)
    along = unit(way)
    # The law of cosines: how far along the way the middle joint is, and how far beside it.
    share = (upper**2 - lower**2 + reach**2) / (2 * reach)
    beside = np.sqrt(np.maximum(upper**2 - share**2, 0.0))
    side = side - (side * along).sum(axis=-1, keepdims=True) * along
    across = np.eye(3)[np.abs(along).argmin(axis=-1)]
    across = across - (across * along).sum(axis=-1, keepdims=True) * along
    side = unit(np.where(norms(side)[:, None] < 1e-6, across, side))
    return start + along * share[:, None] + side * beside[:, None], start + along * reach[:, None]


def bent(start: Floats, middle: Floats, usual: Floats) -> Floats:
    """Return the side (L, 3) on which limbs bend; of a straight limb the `usual` (L, 3) or (3,), unit length.

    A nearly straight limb does not say which way it bends, so the usual side always has a little weight.
    """
    return np.asarray((middle - start) + 0.05 * usual)


def towards(before: Floats, wanted: Floats, most: float) -> Floats:
    """Return unit vectors (..., 3): `before`, turned towards the directions of `wanted` by at most `most` rad."""
    wanted = unit(wanted)
    cosine = np.clip((before * wanted).sum(axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(cosine)
    across = wanted - cosine * before
    length = norms(across)[..., None]
    turned = np.cos(most) * before + np.sin(most) * across / np.maximum(length, 1e-9)
    return np.asarray(np.where((angle <= most) | (length < 1e-6), wanted, turned))
