"""A movement as bones in the dancer's own heading: where comparing and measuring begin.

```
track ─► even steps ─► heading (yaw of hips and shoulders) ─► bones turned into it ─► limbs as chains from their root
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, interp1d
from scipy.ndimage import gaussian_filter1d

from dancecoach.types import JOINT_PARENTS, BodyPart, Floats, PoseTrack

RATE = 60.0  # Hz of even steps
_STEADY = 0.05  # s, standard deviation of the Gaussian over the heading
LONG_BONES = (4, 5, 7, 8, 18, 19, 20, 21)  # of arms and legs
_NO_GAP = 0.07  # s between poses, up to which a curve is laid through them
_RIGID = 0.01  # of a bone's length; median change up to which it has one
_PARENTS = np.array(JOINT_PARENTS)
_ABOVE = np.maximum(_PARENTS, 0)

# The bones (named by their lower joint) that make up each limb, from its root outwards. The torso is two chains.
CHAINS: Mapping[BodyPart, tuple[tuple[int, ...], ...]] = {
    "left_arm": ((18, 20),),
    "right_arm": ((19, 21),),
    "left_leg": ((4, 7, 10),),
    "right_leg": ((5, 8, 11),),
    "torso": ((3, 6, 9, 12, 15), (13, 16), (14, 17)),
}
CHAIN_JOINTS: Mapping[BodyPart, tuple[int, ...]] = {
    part: tuple(joint for chain in chains for joint in chain) for part, chains in CHAINS.items()
}


def heading(joints: Floats, rate: float) -> Floats:
    """Return the yaw (T,) rad, unwrapped, of the dancer's left in `joints` (T, 22, 3); 0 faces the camera.

    From hips and shoulders together, a little smoothed.
    """
    across = joints[:, 1] - joints[:, 2] + joints[:, 16] - joints[:, 17]
    yaw = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))
    return np.asarray(gaussian_filter1d(yaw, _STEADY * rate, mode="nearest"))


def turned(vectors: Floats, yaw: Floats) -> Floats:
    """Return `vectors` (T, N, 3) turned about the vertical by `yaw` (T,) rad."""
    cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)


@dataclass(frozen=True, slots=True)
class Body:
    """A movement in even steps.

    `times` (T,) s; `bones` (T, 22, 3) m from parent to joint in the room, 0 for the pelvis; `yaw` (T,) rad; `roots`
    (T, 3) m; `visibility` (T, 22); `lengths` (22,) m of the bones, their medians; `rigid` when those of
    arms and legs hardly change.
    """

    times: Floats
    bones: Floats
    yaw: Floats
    roots: Floats
    visibility: Floats
    lengths: Floats
    rigid: bool
    monocular: bool


def body_of(track: PoseTrack, rate: float = RATE) -> Body:
    """Return a track of at least two poses in even steps of 1/`rate` s."""
    count = max(2, int((track.times[-1] - track.times[0]) * rate + 1e-6) + 1)
    times = track.times[0] + np.arange(count) / rate
    joints = _sampled(track.times, track.joints, times)
    roots = _sampled(track.times, track.roots, times)
    bones = joints - joints[:, _ABOVE]
    each = np.linalg.norm(track.joints - track.joints[:, _ABOVE], axis=-1)
    lengths = np.median(each, axis=0)
    # Of the limbs: a spine of few markers bends between them.
    wavering = np.median(np.abs(each - lengths), axis=0)[list(LONG_BONES)]
    rigid = bool(np.all(wavering <= _RIGID * lengths[list(LONG_BONES)] + 1e-6))
    if not track.monocular:
        # A bone that is now longer, now shorter was badly measured or bends; that is nobody's way of dancing.
        bones *= lengths[:, None] / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    visibility = _sampled(track.times, track.visibility, times)
    return Body(times, bones, heading(joints, rate), roots, visibility, lengths, rigid, track.monocular)


def _sampled(times: Floats, values: Floats, when: Floats) -> Floats:
    inside = np.clip(when, times[0], times[-1])
    if len(times) >= 4 and float(np.diff(times).max()) < _NO_GAP:
        # A straight line between two poses bends a quick limb by millimetres, which looks like a tremor.
        return np.asarray(CubicSpline(times, values, axis=0)(inside), dtype=np.float64)
    return np.asarray(interp1d(times, values, axis=0, assume_sorted=True)(inside), dtype=np.float64)


def limb(bones: Floats, part: BodyPart) -> Floats:
    """Return the joints (T, K, 3) m of a limb against its root, in the order of `CHAIN_JOINTS`.

    `bones` (T, 22, 3) m in any frame.
    """
    return np.concatenate([np.cumsum(bones[:, list(chain)], axis=1) for chain in CHAINS[part]], axis=1)


def positions(bones: Floats) -> Floats:
    """Return the joints (T, 22, 3) m against the pelvis of `bones` (T, 22, 3) m, in the same frame."""
    joints = np.zeros_like(bones)
    for joint in range(1, bones.shape[1]):
        joints[:, joint] = joints[:, _PARENTS[joint]] + bones[:, joint]
    return joints


def hangs_on(part: BodyPart) -> tuple[int, ...]:
    """Return for each joint of `CHAIN_JOINTS` the place of the one it hangs on, −1 for the limb's root."""
    above: list[int] = []
    for chain in CHAINS[part]:
        above += [-1, *range(len(above), len(above) + len(chain) - 1)]
    return tuple(above)


def fitted_lengths(body: Body, other: Body) -> Floats:
    """Return by what (22,) the bones of `other` are multiplied to be as long as those of `body`.

    Bone by bone where both have bones, or one was estimated from one camera, whose bodies have other proportions; one
    number for all where lengths waver otherwise.
    """
    ratio = body.lengths / np.maximum(other.lengths, 1e-6)
    usable = (body.lengths > 0.02) & (other.lengths > 0.02)
    overall = float(np.median(ratio[usable])) if usable.any() else 1.0
    if not ((body.rigid and other.rigid) or body.monocular or other.monocular):
        return np.full(len(ratio), overall)
    return np.where(usable & (np.abs(np.log(np.maximum(ratio, 1e-6) / overall)) < 0.35), ratio, overall)
