"""The camera: from the picture into space and back. Free of the networks, so that painting may use it."""

from __future__ import annotations

import math

import numpy as np

from dancecoach.types import Floats

# Typical horizontal field of view of a webcam; the distance scales with it, timing does not.
FIELD_OF_VIEW = math.radians(62)


def half_extent(aspect: float) -> tuple[float, float]:
    """Return half the picture's width and height in units of the focal length; `aspect` is width over height."""
    # The field of view is that of the longer side, so that a portrait picture is a turned landscape one.
    half = math.tan(FIELD_OF_VIEW / 2)
    return (half, half / aspect) if aspect >= 1 else (half * aspect, half)


def project(points: Floats, aspect: float) -> Floats:
    """Return where points (N, 3) m, seen from the camera (x right, y up, z towards it), are in the picture, 0…1.

    Points at or behind the camera are NaN.
    """
    width, height = half_extent(aspect)
    depth = np.where(points[:, 2] < -1e-3, -points[:, 2], np.nan)
    return np.column_stack(
        [(points[:, 0] / depth / width + 1) / 2, (1 - points[:, 1] / depth / height) / 2],
    )


def camera_translation(joints: Floats, picture: Floats, visibility: Floats, aspect: float) -> Floats | None:
    """Return where the pelvis is seen from the camera, (3,) m: x right, y up, z towards the camera.

    The joints' true size is known, so their place follows from the pinhole projection: with image point (u, v)
    in units of the focal length, (X + tx) − u (Z + tz) = 0 and the same for y, linear in t; weighted least
    squares over the joints that are seen.

    Parameters
    ----------
    joints : (22, 3) m, body frame
    picture : (22, 2) 0…1
    visibility : (22,) 0…1
    aspect : float
        Width over height of the picture.

    Returns
    -------
    (3,) or None
        None when fewer than six joints are seen.
    """
    seen = visibility > 0.5
    if np.count_nonzero(seen) < 6:
        return None
    width, height = half_extent(aspect)
    u = (picture[seen, 0] * 2 - 1) * width
    v = (picture[seen, 1] * 2 - 1) * height
    x, y, z = joints[seen, 0], -joints[seen, 1], -joints[seen, 2]  # camera axes: y down, z forward
    weight = np.sqrt(visibility[seen])
    count = len(u)
    left = np.zeros((2 * count, 3))
    left[:count, 0] = 1
    left[count:, 1] = 1
    left[:count, 2] = -u
    left[count:, 2] = -v
    right = np.concatenate([u * z - x, v * z - y])
    weights = np.concatenate([weight, weight])
    solution, *_ = np.linalg.lstsq(left * weights[:, None], right * weights, rcond=None)
    if not 0.2 < solution[2] < 30:
        return None
    return np.array([solution[0], -solution[1], -solution[2]])
