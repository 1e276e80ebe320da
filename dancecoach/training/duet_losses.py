"""What a made follower is asked for, after Li et al., "InterDance" (2025), equations 4-9.

Bodies are (B, T, 22, 3) m of one room. Where the paper masks or weighs by a label, the true one is taken here: a
prediction far away, or one that denies its contacts, must not escape.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dancecoach.training.duet_geometry import gaps, heading
from dancecoach.training.duet_representation import FEET, FOOT_JOINTS, HANDS, REACH, wrist_gaps

NEAR = 1.0  # m, true distance of two joints below which it counts


@dataclass(frozen=True, slots=True)
class Weights:
    """Of each loss in the sum; reconstruction's is 1. The paper gives none: these start from InterGen's."""

    velocity: float = 30.0
    acceleration: float = 30.0
    foot: float = 30.0
    distance: float = 3.0
    orientation: float = 0.1
    contact: float = 3.0


def velocity(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the mean squared difference of the joints' steps, m² (equation 5)."""
    return ((predicted.diff(dim=1) - true.diff(dim=1)) ** 2).sum(dim=-1).mean()


def acceleration(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the mean squared difference of the joints' second differences, m² (equation 5)."""
    return ((predicted.diff(n=2, dim=1) - true.diff(n=2, dim=1)) ** 2).sum(dim=-1).mean()


def foot(predicted: Tensor, stands: Tensor) -> Tensor:
    """Return the mean squared step, m², of ankles and feet that should stand, `stands` (B, T, 4) of 0 and 1."""
    step = predicted[:, :, FOOT_JOINTS].diff(dim=1)
    return ((step**2).sum(dim=-1) * stands[:, :-1]).mean()


def distance_matrix(
    leader: Tensor, predicted: Tensor, true_leader: Tensor, true: Tensor, within: float = NEAR
) -> Tensor:
    """Return the mean squared error, m², of the distances between the two dancers' joints (equation 6).

    Those count that are truly below `within` m.
    """
    distances = _distances(true_leader, true)
    near = distances < within
    error = (_distances(leader, predicted) - distances) ** 2
    return (error * near).sum() / near.sum().clamp(min=1)


def _distances(one: Tensor, other: Tensor) -> Tensor:
    return torch.sqrt(((one[..., :, None, :] - other[..., None, :, :]) ** 2).sum(dim=-1) + 1e-8)


def orientation(leader: Tensor, predicted: Tensor, true_leader: Tensor, true: Tensor) -> Tensor:
    """Return the mean of 2 (1 − cos Δ), Δ the error of the angle between the dancers about the vertical (equation 6).

    It is Δ² for small errors, without a jump at half a turn.
    """
    error = (heading(predicted) - heading(leader)) - (heading(true) - heading(true_leader))
    return (2.0 - 2.0 * torch.cos(error)).mean()


def contact(leader: Tensor, predicted: Tensor, touches: Tensor) -> Tensor:
    """Return the mean squared distance, m², of wrists that should touch from where they do touch (equation 7).

    `touches` (B, T, 4) of 0…1: the leader's wrists, then the follower's.
    """
    beyond = (wrist_gaps(leader, predicted) - REACH).clamp(min=0.0)
    return (beyond**2 * touches).mean()


def penetration(leader: Tensor, follower: Tensor, margin: float = 0.0) -> Tensor:
    """Return the mean over frames, m², of Σ ½ max(m − φ, 0)² over the follower's spheres.

    φ is a sphere's distance from the leader's surface. Unlike equation 9, which jumps at the surface and levels off
    deep inside, it grows steadily: the deeper, the stronger it pushes out.
    """
    return (0.5 * (margin - gaps(follower, leader)).clamp(min=0.0) ** 2).sum(dim=-1).mean()


def total(
    said: Tensor,
    asked: Tensor,
    rooms: tuple[Tensor, Tensor],
    true_rooms: tuple[Tensor, Tensor],
    labels: Tensor,
    weights: Weights,
) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum and its parts.

    Parameters
    ----------
    said, asked : (B, T, F)
        Standardised features as predicted and true; equation 4, in the music mode both dancers' (equation 11).
    rooms, true_rooms : ((B, T, 22, 3), (B, T, 22, 3)) m
        Leader and follower as predicted and true; in the reactive mode the leader is the true one in both.
    labels : (B, T, 144)
        The follower's true features.
    weights : Weights
    """
    (leader, follower), (true_leader, true) = rooms, true_rooms
    parts = {
        "reconstruction": ((said - asked) ** 2).mean(),
        "velocity": weights.velocity * velocity(follower, true),
        "acceleration": weights.acceleration * acceleration(follower, true),
        "foot": weights.foot * foot(follower, labels[..., FEET]),
        "distance": weights.distance * distance_matrix(leader, follower, true_leader, true),
        "orientation": weights.orientation * orientation(leader, follower, true_leader, true),
        "contact": weights.contact * contact(leader, follower, labels[..., HANDS]),
    }
    return torch.stack(list(parts.values())).sum(), {name: float(part.detach()) for name, part in parts.items()}
