"""The body's surface as capsules along the bones: distances to it and between two bodies, exact and quick.

A capsule is all that is within its radius of the straight line between two joints. The signed distance of a point q
to the one from a to b = a + d with radius r is |q − a − s d| − r with s = clip((q − a)·d / |d|², 0, 1); negative
inside. Two capsules are as far apart as their lines, less both radii.

The radii are those of a slim grown-up: bodies that were recorded in close hold, and brought to one shared shape
afterwards, already overlap by some centimetres under them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancecoach.types import JOINT_INDEX, Floats

# Both ends and the radius, m.
_NAMED = (
    ("left_hip", "right_hip", 0.105),
    ("pelvis", "spine2", 0.105),
    ("spine2", "spine3", 0.11),
    ("left_shoulder", "right_shoulder", 0.07),
    ("spine3", "neck", 0.08),
    ("neck", "head", 0.08),
    ("left_shoulder", "left_elbow", 0.045),
    ("right_shoulder", "right_elbow", 0.045),
    ("left_elbow", "left_wrist", 0.035),
    ("right_elbow", "right_wrist", 0.035),
    ("left_hip", "left_knee", 0.07),
    ("right_hip", "right_knee", 0.07),
    ("left_knee", "left_ankle", 0.045),
    ("right_knee", "right_ankle", 0.045),
    ("left_ankle", "left_foot", 0.035),
    ("right_ankle", "right_foot", 0.035),
)
CAPSULES: tuple[tuple[int, int, float], ...] = tuple(
    (JOINT_INDEX[start], JOINT_INDEX[stop], radius) for start, stop, radius in _NAMED
)
RADII: Floats = np.array([radius for _, _, radius in CAPSULES])
# Which capsules are what touches: upper arms are left out, they rub against one's own partner in any close hold.
FOREARMS = (8, 9)
_STARTS = [start for start, _, _ in CAPSULES]
_STOPS = [stop for _, stop, _ in CAPSULES]
_TINY = 1e-12  # m², of a bone without length


def point_distance(points: Floats, room: Floats) -> Floats:
    """Return the signed distance of points to the nearest surface of a body, m, negative inside.

    Parameters
    ----------
    points : (..., P, 3) m
    room : (..., 22, 3) m
        The body, in the same frame; leading axes broadcast.

    Returns
    -------
    (..., P) m
    """
    start, along = _segments(room, room[..., :1, :])
    offset = points - room[..., :1, :]
    length = np.maximum((along**2).sum(axis=-1), _TINY)[..., None, :]
    dot = offset @ np.swapaxes(along, -1, -2) - (start * along).sum(axis=-1)[..., None, :]
    apart = (
        (offset**2).sum(axis=-1)[..., None]
        - 2 * offset @ np.swapaxes(start, -1, -2)
        + (start**2).sum(axis=-1)[..., None, :]
    )
    share = np.clip(dot / length, 0.0, 1.0)
    squared = apart - 2 * share * dot + share**2 * length
    return np.asarray((np.sqrt(np.maximum(squared, 0.0)) - RADII).min(axis=-1))


def outward(points: Floats, room: Floats) -> tuple[Floats, Floats]:
    """Return how far points are from the surface of one body, and which way is straight out of it.

    Parameters
    ----------
    points : (P, 3) m
    room : (22, 3) m

    Returns
    -------
    distance : (P,) m
        Negative inside.
    direction : (P, 3)
        From the line of the nearest capsule to the point, unit length.
    """
    start, along = _segments(room, np.zeros(3))
    offset = points[:, None] - start
    share = np.clip((offset * along).sum(axis=-1) / np.maximum((along**2).sum(axis=-1), _TINY), 0.0, 1.0)
    away = offset - share[..., None] * along
    length = np.linalg.norm(away, axis=-1)
    nearest = (length - RADII).argmin(axis=1)
    rows = np.arange(len(points))
    chosen, size = away[rows, nearest], length[rows, nearest]
    return size - RADII[nearest], chosen / np.maximum(size, 1e-6)[:, None]


def capsule_distances(first: Floats, second: Floats) -> Floats:
    """Return how far every capsule of one body (..., 22, 3) m is from every one of another, m, negative overlapping.

    Returns
    -------
    (..., C, C) m
        [i, j] between capsule i of `first` and j of `second`.
    """
    centre = first[..., :1, :]
    a, u = _segments(first, centre)
    b, v = _segments(second, centre)
    flip = np.swapaxes(v, -1, -2)
    uu = np.maximum((u * u).sum(axis=-1), _TINY)[..., :, None]
    vv = np.maximum((v * v).sum(axis=-1), _TINY)[..., None, :]
    uv = u @ flip
    ua = (u * a).sum(axis=-1)[..., :, None] - u @ np.swapaxes(b, -1, -2)  # u · (a − b)
    va = a @ flip - (v * b).sum(axis=-1)[..., None, :]
    apart = (a * a).sum(axis=-1)[..., :, None] - 2 * a @ np.swapaxes(b, -1, -2) + (b * b).sum(axis=-1)[..., None, :]
    s, t = _nearest_shares(uu, vv, uv, ua, va)
    squared = apart + s * s * uu + t * t * vv - 2 * s * t * uv + 2 * s * ua - 2 * t * va
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)) - RADII[:, None] - RADII)


def nearest_points(body: Floats, room: Floats, chosen: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return how far some capsules of a body are from the nearest of another body, which way, and where.

    Parameters
    ----------
    body, room : (22, 3) m
    chosen : sequence of int
        Capsules of `body`, N of them.

    Returns
    -------
    distance : (N,) m
        Negative overlapping.
    direction : (N, 3)
        From the other body to this one, unit length.
    share : (N,) 0…1
        How far along the chosen capsule the nearest place is.
    """
    rows = list(chosen)
    a, u = (each[rows] for each in _segments(body, np.zeros(3)))
    b, v = _segments(room, np.zeros(3))
    uu = np.maximum((u * u).sum(axis=-1), _TINY)[:, None]
    vv = np.maximum((v * v).sum(axis=-1), _TINY)[None, :]
    between = a[:, None] - b
    uv, ua = u @ v.T, (between * u[:, None]).sum(axis=-1)
    va = (between * v).sum(axis=-1)
    s, t = _nearest_shares(uu, vv, uv, ua, va)
    way = between + s[..., None] * u[:, None] - t[..., None] * v
    length = np.linalg.norm(way, axis=-1)
    apart = length - RADII[rows][:, None] - RADII
    each, nearest = np.arange(len(rows)), apart.argmin(axis=1)
    direction = way[each, nearest] / np.maximum(length[each, nearest], 1e-6)[:, None]
    return apart[each, nearest], direction, s[each, nearest]


def _nearest_shares(uu: Floats, vv: Floats, uv: Floats, ua: Floats, va: Floats) -> tuple[Floats, Floats]:
    """Return how far along two lines from a along u, from b along v, they are nearest: `ua` is u · (a − b)."""
    # Nearest points of two lines, then each clipped to its ends with the other one held; exact for segments.
    area = uu * vv - uv * uv
    s = np.clip(np.divide(uv * va - ua * vv, area, out=np.zeros_like(uv), where=area > _TINY * uu * vv), 0.0, 1.0)
    t = np.clip((uv * s + va) / vv, 0.0, 1.0)
    s = np.clip((uv * t - ua) / uu, 0.0, 1.0)
    return s, t


def body_distance(first: Floats, second: Floats) -> Floats:
    """Return the distance (...,) m between the surfaces of two bodies (..., 22, 3) m; overlapping is negative."""
    return np.asarray(capsule_distances(first, second).min(axis=(-1, -2)))


def surface_points(room: Floats, rings: int = 3, around: int = 4) -> Floats:
    """Return points spread over the capsules of a body, the same places on it in every frame.

    Parameters
    ----------
    room : (..., 22, 3) m
    rings, around : int
        Circles along every capsule, and points on each.

    Returns
    -------
    (..., C · rings · around, 3) m
        They turn and move with the body.
    """
    start, along = _segments(room, np.zeros(3))
    axis = along / np.sqrt(np.maximum((along**2).sum(axis=-1, keepdims=True), _TINY))
    # Across the bone as far as possible from its direction: of the body's own three axes the one most across.
    side = room[..., JOINT_INDEX["left_hip"], :] - room[..., JOINT_INDEX["right_hip"], :]
    side = side * (1.0, 0.0, 1.0)
    side = side / np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-6)
    up = np.broadcast_to(np.array([0.0, 1.0, 0.0]), side.shape)
    body = np.stack([side, up, np.cross(side, up)], axis=-2)
    across = np.argmin(np.abs(axis @ np.swapaxes(body, -1, -2)), axis=-1)
    chosen = np.take_along_axis(body, across[..., None], axis=-2)
    first = chosen - (chosen * axis).sum(axis=-1, keepdims=True) * axis
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    second = np.cross(axis, first)
    angles = np.arange(around) * (2 * np.pi / around)
    rim = np.cos(angles)[:, None] * first[..., None, :] + np.sin(angles)[:, None] * second[..., None, :]
    shares = (np.arange(rings) + 0.5) / rings
    middle = start[..., None, :] + shares[:, None] * along[..., None, :]
    points = middle[..., :, None, :] + RADII[:, None, None, None] * rim[..., None, :, :]
    return np.asarray(points.reshape(*room.shape[:-2], len(CAPSULES) * rings * around, 3))


def _segments(room: Floats, centre: Floats) -> tuple[Floats, Floats]:
    """Return where the capsules' lines start, from `centre`, and the way to where they stop, both (..., C, 3) m."""
    # Near the origin the squares of distances keep all their digits.
    start = room[..., _STARTS, :]
    return start - centre, room[..., _STOPS, :] - start
