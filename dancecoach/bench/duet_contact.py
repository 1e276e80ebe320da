"""Touch, holds and penetration of two dancers, by the capsules of their bodies.

Touching and not penetrating go together: a partner who stands apart penetrates nothing. So both are reported, with
the real pair's own values beside them; recorded pairs penetrate too, under any body that is not exactly theirs.

References
----------
Li et al., "InterDance" (2025): CF, the share of frames with a distance below 1 cm; PR, the share of vertices that
penetrate; CLR, CFR and CVR, the share of the leader's, the follower's and both dancers' vertices in contact. Here
vertices are points spread over the capsules, so values compare with each other, not with published ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.partner.capsules import FOREARMS, body_distance, capsule_distances, point_distance, surface_points
from dancecoach.types import HAND_PAIRS, Floats

Flags = NDArray[np.bool_]
NEAR = 0.01  # m, in contact
TOUCH = 0.05  # m between a forearm's surface and the other's body: touching, given how roughly surfaces are known
HOLD = 0.20  # m between two wrists: holding; recorded wrists of held hands are 8-18 cm apart at the closest
_BLOCK = 512  # frames at a time; all at once would need gigabytes


@dataclass(frozen=True, slots=True)
class Contact:
    """Contact of two dancers over a motion.

    `depth` m, 99th percentile over the frames of how deep the bodies overlap at the deepest place; `penetrating` and
    `frequency` (CF) share of frames that overlap or are within 1 cm; `penetration` (PR) share of both bodies' points
    inside the other; `leader` (CLR), `follower` (CFR), `both` (CVR) share of points within 1 cm of the other's
    surface or inside it.
    """

    depth: float
    penetrating: float
    frequency: float
    penetration: float
    leader: float
    follower: float
    both: float


def contact(leader: Floats, follower: Floats) -> Contact:
    """Measure the contact of two motions (T, 22, 3) m of one room."""
    gap = body_distance(leader, follower)
    inside, near = np.zeros(2), np.zeros(2)
    for start in range(0, len(leader), _BLOCK):
        cut = slice(start, start + _BLOCK)
        # Only where the bodies are close can a point be in contact.
        close = gap[cut] < NEAR
        for index, (one, other) in enumerate(
            ((leader[cut][close], follower[cut][close]), (follower[cut][close], leader[cut][close]))
        ):
            distances = point_distance(surface_points(one), other)
            inside[index] += np.count_nonzero(distances < 0)
            near[index] += np.count_nonzero(distances < NEAR)
    points = len(leader) * surface_points(leader[:1]).shape[1]
    return Contact(
        depth=float(np.percentile(np.maximum(-gap, 0.0), 99)),
        penetrating=float((gap < 0).mean()),
        frequency=float((gap < NEAR).mean()),
        penetration=float(inside.sum() / (2 * points)),
        leader=float(near[0] / points),
        follower=float(near[1] / points),
        both=float(near.sum() / (2 * points)),
    )


def touching(leader: Floats, follower: Floats, within: float = TOUCH) -> Flags:
    """Return in which frames (T,) a forearm of either dancer comes within `within` m of the other's body.

    Motions (T, 22, 3) m. Hands are no joints of the skeleton; forearms end at the wrists.
    """
    distances = capsule_distances(leader, follower)
    arms = list(FOREARMS)
    nearest = np.minimum(distances[:, arms, :].min(axis=(1, 2)), distances[:, :, arms].min(axis=(1, 2)))
    return np.asarray(nearest < within)


def hand_distances(leader: Floats, follower: Floats) -> Floats:
    """Return the distances (T, 4) m of the wrists of each of `HAND_PAIRS`, motions (T, 22, 3) m."""
    ours, theirs = [pair[0] for pair in HAND_PAIRS], [pair[1] for pair in HAND_PAIRS]
    return np.asarray(np.linalg.norm(leader[:, ours] - follower[:, theirs], axis=-1))


def holding(leader: Floats, follower: Floats, within: float = HOLD) -> Flags:
    """Return which of `HAND_PAIRS` are held in each frame (T, 4): wrists closer than `within` m."""
    return np.asarray(hand_distances(leader, follower) < within)


def f1(predicted: Flags, true: Flags) -> float | None:
    """Return the F-measure of flags of the same shape, over all of them; None where none is true."""
    hits = np.count_nonzero(predicted & true)
    if not true.any():
        return None
    return float(2 * hits / (np.count_nonzero(predicted) + np.count_nonzero(true)))
