"""Kinematic descriptors of a primitive: how each limb moves, how limbs agree, how they meet the beat.

Hand-made numbers from the same features that the motion encoder is given (`motion_features`), for the simple head
that the encoder has to beat. They inherit its invariances. Spectral arc length after Balasubramanian et al., "On the
analysis of movement smoothness", J. NeuroEngineering and Rehabilitation 12, 2015.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from dancecoach.assessment.motion_features import (
    ACCELERATION,
    BEAT,
    BONE,
    HIGH,
    KNOWN,
    LOW,
    POSITION,
    RATE,
    VELOCITY,
    VISIBILITY,
)
from dancecoach.types import JOINT_INDEX, JOINT_PARENTS, LIMBS, Floats

Array = NDArray[np.float32]

# The end of each limb and what it hangs from; the trunk is told by the head's end and by the hips over the feet.
_ENDS = {
    "left_arm": ("left_wrist", "left_shoulder"),
    "right_arm": ("right_wrist", "right_shoulder"),
    "left_leg": ("left_ankle", "left_hip"),
    "right_leg": ("right_ankle", "right_hip"),
    "torso": ("neck", "pelvis"),
}
_BONES = {
    "left_arm": ("left_elbow", "left_wrist"),
    "right_arm": ("right_elbow", "right_wrist"),
    "left_leg": ("left_knee", "left_ankle"),
    "right_leg": ("right_knee", "right_ankle"),
    "torso": ("spine2", "neck"),
}
_END = [JOINT_INDEX[_ENDS[limb][0]] for limb in LIMBS]
_ROOT = [JOINT_INDEX[_ENDS[limb][1]] for limb in LIMBS]
_SEGMENTS = [[JOINT_INDEX[name] for name in _BONES[limb]] for limb in LIMBS]
_PAIRS = tuple(itertools.combinations(range(len(LIMBS)), 2))
_EDGES = np.array([0.3, 0.8, 1.5, 2.5, 4.0, 6.0, 9.0, 15.0])  # Hz, of the bands
_FLOOR = 1e-3
_LAGS = 12  # frames looked at in either direction
_LEAST = 16  # frames; less is no movement to describe
PER_LIMB = 62
SIZE = 5 * PER_LIMB + 10 * 3 + 22
SIDEWAYS = (19, 28, 31)  # of a limb's descriptors, those that point left
LIMIT = 20.0


def describe(features: Array) -> Array:
    """Return descriptors (SIZE,) of features (N, 22, 21); zeros where there are fewer than 16 frames."""
    if len(features) < _LEAST:
        return np.zeros(SIZE, dtype=np.float32)
    x = np.asarray(features, dtype=np.float64)
    position, velocity = x[..., POSITION].copy(), x[..., VELOCITY].copy()
    acceleration = x[..., ACCELERATION].copy()
    # The pelvis' own channels speak of the feet; as a place for the others it is the origin.
    over_feet = position[:, 0].copy()
    position[:, 0] = velocity[:, 0] = acceleration[:, 0] = 0.0
    place = position[:, _END] - position[:, _ROOT]  # (N, 5, 3)
    moving = 2.0 * (velocity[:, _END] - velocity[:, _ROOT])
    pushing = 20.0 * (acceleration[:, _END] - acceleration[:, _ROOT])
    speed = np.linalg.norm(moving, axis=2)
    limbs = _limbs(
        place, moving, speed, pushing, x[:, _SEGMENTS][..., BONE], x[:, _END, LOW : HIGH + 1], x[:, 0, BEAT]
    )
    pairs = np.concatenate([_together(speed[:, one], speed[:, other]) for one, other in _PAIRS])
    out = np.concatenate([limbs.ravel(), pairs, _whole(x, over_feet, speed)])
    return np.asarray(np.clip(np.nan_to_num(out), -LIMIT, LIMIT), dtype=np.float32)


def describe_both(features: Array) -> Array:
    """Return descriptors (2, SIZE) of a movement and of its mirror image: the same numbers in other places."""
    told = describe(features)
    return np.stack([told, told[_MIRROR] * _MIRROR_SIGNS])


def _mirror() -> tuple[NDArray[np.intp], Array]:
    """Return where each descriptor of the mirror image is taken from, and its sign."""
    sides = [1, 0, 3, 2, 4]
    source = [side * PER_LIMB + place for side in sides for place in range(PER_LIMB)]
    signs = [-1.0 if place in SIDEWAYS else 1.0 for _ in sides for place in range(PER_LIMB)]
    for one, other in _PAIRS:
        image = (sides[one], sides[other])
        turned = image not in _PAIRS
        first = len(LIMBS) * PER_LIMB + 3 * _PAIRS.index(image[::-1] if turned else image)
        source += [first, first + 1, first + 2]
        signs += [-1.0 if turned else 1.0, 1.0, 1.0]
    start = len(source)
    source += range(start, SIZE)
    # Of the whole: the feet's and the trunk's place to the left, and left against right arm and leg.
    signs += [-1.0 if place in (5, 7, 15, 16) else 1.0 for place in range(SIZE - start)]
    return np.array(source), np.array(signs, dtype=np.float32)


def _limbs(
    place: Floats, moving: Floats, speed: Floats, pushing: Floats, bones: Floats, energies: Floats, beat: Floats
) -> Floats:
    """Return descriptors (5, 62) of the limbs' ends: (N, 5, 3) vectors, bones (N, 5, 2, 3), energies (N, 5, 3)."""
    force = np.linalg.norm(pushing, axis=2)
    jerk = np.linalg.norm(np.diff(pushing, axis=0), axis=2).mean(axis=0) * RATE + _FLOOR
    mean_speed, mean_force = speed.mean(axis=0) + _FLOOR, force.mean(axis=0) + _FLOOR
    quantiles = np.percentile(speed, (5, 25, 50, 75, 95, 100), axis=0)
    still = speed < 0.2 * quantiles[2] + 0.02
    low, high = np.percentile(place, (5, 95), axis=0)
    statistics = [
        np.log(mean_speed),
        np.log(mean_force),
        np.log(jerk),
        np.log(mean_force / mean_speed),
        np.log(jerk / mean_force),
        speed.std(axis=0) / mean_speed,
        force.max(axis=0) / mean_force,
        still.mean(axis=0),
        _longest(still) / RATE,
        _longest(speed < 0.05) / RATE,
    ]
    mean_direction = bones.mean(axis=0)  # (5, 2, 3)
    wobble = np.log(np.abs(bones - mean_direction).mean(axis=(0, 3)) + _FLOOR)
    bend = (bones[:, :, 0] * bones[:, :, 1]).sum(axis=2)
    return np.concatenate(
        [
            np.stack(statistics, axis=1),
            np.log(quantiles.T + 0.01),
            np.log(high - low + 0.01),
            place.mean(axis=0),
            energies.mean(axis=0),
            energies.max(axis=0) - energies.mean(axis=0),
            mean_direction.reshape(len(LIMBS), 6),
            wobble,
            np.stack([bend.mean(axis=0), bend.std(axis=0), bend.min(axis=0), bend.max(axis=0)], axis=1),
            _bands(moving),
            _arc_length(speed)[:, None],
            _on_beat(speed, beat),
            _on_beat(moving[..., 1], beat),
        ],
        axis=1,
    )


def _longest(mask: NDArray[np.bool_]) -> Floats:
    """Return the length (5,) of the longest run of True in each column (N, 5)."""
    count = np.arange(1, len(mask) + 1)[:, None]
    broken = np.maximum.accumulate(np.where(mask, 0, count), axis=0)
    return np.asarray((count - broken).max(axis=0), dtype=np.float64)


def _bands(moving: Floats) -> Floats:
    """Return (5, 9): log share of the power in each of 7 bands, its middle frequency and its flatness."""
    window = np.hanning(len(moving) + 2)[1:-1, None, None]
    power = (np.abs(np.fft.rfft((moving - moving.mean(axis=0)) * window, axis=0)) ** 2).sum(axis=2)
    frequency = np.fft.rfftfreq(len(moving), 1.0 / RATE)
    total = power.sum(axis=0) + 1e-9
    inside = (np.searchsorted(_EDGES, frequency) - 1)[None] == np.arange(len(_EDGES) - 1)[:, None]
    shares = (inside @ power) / total
    centre = (power * frequency[:, None]).sum(axis=0) / total
    flat = np.exp(np.log(power[1:] + 1e-9).mean(axis=0)) / (power[1:].mean(axis=0) + 1e-9)
    return np.concatenate([np.log(shares.T + 1e-3), np.log(centre + 0.1)[:, None], flat[:, None]], axis=1)


def _arc_length(speed: Floats) -> Floats:
    """Return the spectral arc length (5,) of speeds (N, 5) up to 10 Hz: the more negative, the less smooth."""
    spectrum = np.abs(np.fft.rfft(speed, 512, axis=0))
    spectrum = spectrum[: int(10.0 / RATE * 512)] / np.maximum(spectrum[0], 1e-9)
    steps = np.diff(spectrum, axis=0)
    return np.asarray(-np.sqrt((1.0 / len(steps)) ** 2 + steps**2).sum(axis=0))


def _on_beat(values: Floats, beat: Floats) -> Floats:
    """Return (5, 6): how values (N, 5) go with the beat and two beats (cosine, sine), and how strongly."""
    known = beat[:, -1] > 0
    if known.sum() < _LEAST:
        return np.zeros((values.shape[1], 6))
    centred = values[known] - values[known].mean(axis=0)
    parts = (centred.T @ beat[known, :4]) / len(centred) / (centred.std(axis=0) + 0.02)[:, None]
    strength = np.hypot(parts[:, [0, 2]], parts[:, [1, 3]])
    return np.concatenate([parts, strength], axis=1)


def _together(one: Floats, other: Floats) -> Floats:
    """Return 3 numbers: at which lag two speeds agree best, s, how well, and how well without one."""
    first, second = one - one.mean(), other - other.mean()
    scale = np.sqrt((first**2).sum() * (second**2).sum()) + 1e-3
    lags = range(-_LAGS, _LAGS + 1)
    count = len(first)
    agreement = np.array(
        [
            float(first[max(0, lag) : count + min(0, lag)] @ second[max(0, -lag) : count + min(0, -lag)])
            for lag in lags
        ]
    )
    agreement /= scale
    best = int(np.argmax(agreement))
    return np.array([(best - _LAGS) / RATE * 3.0 * max(agreement[best], 0.0), agreement[best], agreement[_LAGS]])


def _whole(x: Floats, over_feet: Floats, speed: Floats) -> Floats:
    """Return 22 descriptors of the body as a whole."""
    sway = over_feet[:, [0, 2]] - over_feet[:, [0, 2]].mean(axis=0)
    height = over_feet[:, 1]
    trunk = x[:, JOINT_INDEX["pelvis"], BONE]
    pelvis_energy = x[:, 0, LOW : HIGH + 1].mean(axis=0)
    total = speed.sum(axis=1)
    means = np.log(speed.mean(axis=0) + 0.02)
    # How far single bones are from the length they mostly have tells a noisy estimate from a body.
    lengths = np.linalg.norm(
        x[:, 1:, POSITION]
        - np.concatenate([np.zeros((len(x), 1, 3)), x[:, 1:, POSITION]], axis=1)[:, np.array(JOINT_PARENTS[1:])],
        axis=2,
    )
    unsteady = (lengths.std(axis=0) / (lengths.mean(axis=0) + 1e-3)).mean()
    return np.concatenate(
        [
            np.log(sway.std(axis=0) + 0.003),
            [np.log(height.std() + 0.003), height.mean(), np.log(np.ptp(height) + 0.01)],
            over_feet[:, [0, 2]].mean(axis=0),
            trunk.mean(axis=0),
            np.log(trunk.std(axis=0)[[0, 2]] + 0.01),
            pelvis_energy,
            [
                means[0] - means[1],
                means[2] - means[3],
                x[..., VISIBILITY].mean(),
                x[:, 0, KNOWN].mean(),
                np.log(total.mean() + 0.02),
                total.std() / (total.mean() + 0.02),
                np.log(unsteady + 1e-3),
            ],
        ]
    )


_MIRROR, _MIRROR_SIGNS = _mirror()
