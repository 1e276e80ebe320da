"""Headings, turns and the capsules of bodies in torch, so that losses and guidance have gradients.

The same as `partner.frames` and `partner.capsules`, which the tests compare it with.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancecoach.partner.capsules import CAPSULES
from dancecoach.types import JOINT_INDEX

_LEFT = [JOINT_INDEX["left_hip"], JOINT_INDEX["left_shoulder"]]
_RIGHT = [JOINT_INDEX["right_hip"], JOINT_INDEX["right_shoulder"]]
_STARTS = [start for start, _, _ in CAPSULES]
_STOPS = [stop for _, stop, _ in CAPSULES]
_RADII = [radius for _, _, radius in CAPSULES]
_ALONG = (0.0, 0.5, 1.0)  # where on a capsule's line its spheres are
_TINY = 1e-8


def heading(room: Tensor) -> Tensor:
    """Return the heading (...,) rad of bodies (..., 22, 3) m: 0 faces +z, π/2 faces +x."""
    across = (room[..., _LEFT, :] - room[..., _RIGHT, :]).sum(dim=-2)
    return torch.atan2(-across[..., 2], across[..., 0])


def turned(points: Tensor, angle: Tensor) -> Tensor:
    """Return points (..., N, 3) turned about the vertical by `angle` (...,) rad."""
    cosine, sine = torch.cos(angle)[..., None], torch.sin(angle)[..., None]
    x, y, z = points.unbind(dim=-1)
    return torch.stack([cosine * x + sine * z, y, cosine * z - sine * x], dim=-1)


def point_distance(points: Tensor, room: Tensor) -> Tensor:
    """Return the signed distance (..., P) m of points (..., P, 3) to the surface of a body (..., 22, 3), m.

    |q − a − s d| − r with s = clip((q − a)·d / |d|², 0, 1), the least over the capsules; negative inside.
    """
    start, along = room[..., _STARTS, :], room[..., _STOPS, :] - room[..., _STARTS, :]
    offset = points[..., :, None, :] - start[..., None, :, :]
    along = along[..., None, :, :]
    share = ((offset * along).sum(dim=-1) / ((along**2).sum(dim=-1) + _TINY)).clamp(0.0, 1.0)
    apart = ((offset - share[..., None] * along) ** 2).sum(dim=-1)
    radii = torch.tensor(_RADII, dtype=room.dtype, device=room.device)
    distance: Tensor = (torch.sqrt(apart + _TINY) - radii).amin(dim=-1)
    return distance


def spheres(room: Tensor) -> tuple[Tensor, Tensor]:
    """Return spheres that fill a body (..., 22, 3) m: their middles (..., S, 3) m and radii (S,) m.

    Three on each capsule: the bodies' overlap is that of the capsules but for what lies between them.
    """
    start, along = room[..., _STARTS, :], room[..., _STOPS, :] - room[..., _STARTS, :]
    middles = torch.cat([start + share * along for share in _ALONG], dim=-2)
    radii = torch.tensor(_RADII * len(_ALONG), dtype=room.dtype, device=room.device)
    return middles, radii


def gaps(one: Tensor, other: Tensor) -> Tensor:
    """Return how far each sphere of one body is from the surface of another, (..., S) m, negative overlapping."""
    middles, radii = spheres(one)
    return point_distance(middles, other) - radii
