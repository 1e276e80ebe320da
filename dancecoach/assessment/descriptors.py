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
_EDGES = np.array([0.3, 0.8, 1.5, 2.5, 4.0, 6.0, 9.0, 15.0])  # Hz, of the bands
_FLOOR = 1e-3
_LAGS = 12  # frames looked at in either direction
_LEAST = 8  # frames; less is no movement to describe
SIZE = 5 * 62 + 10 * 3 + 22
LIMIT = 20.0


def describe(features: Array) -> Array:
    """Return descriptors (SIZE,) of features (N, 22, 21); zeros where there are fewer than 8 frames."""
    if len(features) < _LEAST:
        return np.zeros(SIZE, dtype=np.float32)
    x = np.asarray(features, dtype=np.float64)
    position, velocity = x[..., POSITION].copy(), x[..., VELOCITY].copy()
    acceleration = x[..., ACCELERATION].copy()
    # The pelvis' own channels speak of the feet; as a place for the others it is the origin.
    over_feet = position[:, 0].copy()
    position[:, 0] = velocity[:, 0] = acceleration[:, 0] = 0.0
    beat = x[:, 0, BEAT]
    found: list[Floats] = []
    speeds = {}
    for limb in LIMBS:
        end, root = (JOINT_INDEX[name] for name in _ENDS[limb])
        place = position[:, end] - position[:, root]
        moving = 2.0 * (velocity[:, end] - velocity[:, root])
        pushing = 20.0 * (acceleration[:, end] - acceleration[:, root])
        speeds[limb] = np.linalg.norm(moving, axis=1)
        upper, lower = (JOINT_INDEX[name] for name in _BONES[limb])
        found.append(_limb(place, moving, pushing, x[:, [upper, lower]], x[:, end, LOW : HIGH + 1], beat))
    found.extend(_together(speeds[one], speeds[other]) for one, other in itertools.combinations(LIMBS, 2))
    found.append(_whole(x, over_feet, speeds))
    out = np.concatenate(found)
    return np.asarray(np.clip(np.nan_to_num(out), -LIMIT, LIMIT), dtype=np.float32)


def _limb(place: Floats, moving: Floats, pushing: Floats, bones: Floats, energies: Floats, beat: Floats) -> Floats:
    """Return 62 descriptors of one limb's end."""
    speed, force = np.linalg.norm(moving, axis=1), np.linalg.norm(pushing, axis=1)
    jerk = np.linalg.norm(np.diff(pushing, axis=0), axis=1) * RATE
    mean_speed, mean_force = speed.mean() + _FLOOR, force.mean() + _FLOOR
    still = speed < 0.2 * np.median(speed) + 0.02
    quantiles = np.percentile(speed, (5, 25, 50, 75, 95, 100))
    spread = np.percentile(place, 95, axis=0) - np.percentile(place, 5, axis=0)
    statistics = np.array(
        [
            np.log(mean_speed),
            np.log(mean_force),
            np.log(jerk.mean() + _FLOOR),
            np.log(mean_force / mean_speed),
            np.log((jerk.mean() + _FLOOR) / mean_force),
            speed.std() / mean_speed,
            force.max() / mean_force,
            still.mean(),
            _longest(still) / RATE,
            _longest(speed < 0.05) / RATE,
        ]
    )
    directions = bones[..., BONE]
    mean_direction = directions.mean(axis=0)
    wobble = np.log(np.abs(directions - mean_direction).mean(axis=(0, 2)) + _FLOOR)
    bend = (directions[:, 0] * directions[:, 1]).sum(axis=1)
    return np.concatenate(
        [
            statistics,
            np.log(quantiles + 0.01),
            np.log(spread + 0.01),
            place.mean(axis=0),
            energies.mean(axis=0),
            energies.max(axis=0) - energies.mean(axis=0),
            mean_direction.ravel(),
            wobble,
            [bend.mean(), bend.std(), bend.min(), bend.max()],
            _bands(moving),
            [_arc_length(speed)],
            _on_beat(speed, beat),
            _on_beat(moving[:, 1], beat),
        ]
    )


def _longest(mask: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _bands(moving: Floats) -> Floats:
    """Return 9 numbers: log share of the power in each of 7 bands, its middle frequency and its flatness."""
    window = np.hanning(len(moving) + 2)[1:-1, None]
    power = (np.abs(np.fft.rfft((moving - moving.mean(axis=0)) * window, axis=0)) ** 2).sum(axis=1)
    frequency = np.fft.rfftfreq(len(moving), 1.0 / RATE)
    total = power.sum() + 1e-9
    places = np.searchsorted(_EDGES, frequency) - 1
    shares = np.array([power[places == band].sum() / total for band in range(len(_EDGES) - 1)])
    centre = (power * frequency).sum() / total
    flat = np.exp(np.log(power[1:] + 1e-9).mean()) / (power[1:].mean() + 1e-9)
    return np.concatenate([np.log(shares + 1e-3), [np.log(centre + 0.1), flat]])


def _arc_length(speed: Floats) -> float:
    """Return the spectral arc length of a speed profile up to 10 Hz: the more negative, the less smooth."""
    spectrum = np.abs(np.fft.rfft(speed, 512))
    spectrum = spectrum[: int(10.0 / RATE * 512)] / max(spectrum[0], 1e-9)
    steps = np.diff(spectrum)
    return float(-np.sqrt((1.0 / len(steps)) ** 2 + steps**2).sum())


def _on_beat(values: Floats, beat: Floats) -> Floats:
    """Return 6 numbers: how values (N,) go with the beat and two beats (cosine, sine), and how strongly."""
    known = beat[:, -1] > 0
    if known.sum() < _LEAST:
        return np.zeros(6)
    centred = values[known] - values[known].mean()
    deviation = centred.std() + 0.02
    parts = (beat[known, :4] * centred[:, None]).mean(axis=0) / deviation
    return np.concatenate([parts, [np.hypot(parts[0], parts[1]), np.hypot(parts[2], parts[3])]])


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


def _whole(x: Floats, over_feet: Floats, speeds: dict[str, Floats]) -> Floats:
    """Return 22 descriptors of the body as a whole."""
    sway = over_feet[:, [0, 2]] - over_feet[:, [0, 2]].mean(axis=0)
    height = over_feet[:, 1]
    trunk = x[:, JOINT_INDEX["pelvis"], BONE]
    pelvis_energy = x[:, 0, LOW : HIGH + 1].mean(axis=0)
    total = np.stack(list(speeds.values())).sum(axis=0)
    means = {limb: np.log(speed.mean() + 0.02) for limb, speed in speeds.items()}
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
                means["left_arm"] - means["right_arm"],
                means["left_leg"] - means["right_leg"],
                x[..., VISIBILITY].mean(),
                x[:, 0, KNOWN].mean(),
                np.log(total.mean() + 0.02),
                total.std() / (total.mean() + 0.02),
                np.log(unsteady + 1e-3),
            ],
        ]
    )
