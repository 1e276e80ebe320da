"""Dancers who arrive at the beat by any profile, with holds, noise and passive limbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.bench.dancer import ROUTINE, KeyPose, dance
from dancecoach.types import JOINT_INDEX, LIMBS, BodyPart, Floats, PoseTrack

PROFILES = ("linear", "half cosine", "smooth step", "minimum jerk", "minimum snap")
_FIRST = 0.5  # s, the first beat


@dataclass(frozen=True, slots=True)
class Dancer:
    """What a dancer does.

    `tempo` BPM; `offset` s, arrivals late; `fraction` of the time from arrival to arrival that a movement fills;
    `every` beats there is an arrival; `rate` Hz; `noise` m, white, twice that in depth from one camera, and with a
    correlation of `colour` frames; `limbs` dance; the others sway by `sway` m peak to peak, at the beat if `carried`.
    """

    tempo: float
    offset: float = 0.0
    fraction: float = 0.8
    profile: str = "half cosine"
    rate: float = 30.0
    every: float = 1.0
    noise: float = 0.0
    colour: float = 0.0
    limbs: tuple[BodyPart, ...] = LIMBS
    monocular: bool = False
    sway: float = 0.0
    carried: bool = False


def arrivals(dancer: Dancer, seconds: float) -> Floats:
    """Return when `dancer` arrives (N,) s, the first at the first beat."""
    return np.arange(_FIRST, seconds, dancer.every * 60 / dancer.tempo) + dancer.offset


def perform(dancer: Dancer, seconds: float = 20.0, seed: int = 0) -> PoseTrack:
    """Return what `dancer` does for a time; `seed` is for noise, sway and the phase of the frames."""
    random = np.random.default_rng(seed)
    step = dancer.every * 60 / dancer.tempo
    hits = np.arange(_FIRST - 2 * step, seconds + 3, step) + dancer.offset
    times = np.arange(random.uniform(0, 1 / dancer.rate), seconds, 1 / dancer.rate)
    index = np.clip(np.searchsorted(hits, times, side="right") - 1, 0, len(hits) - 2)
    share = np.clip(1 - (1 - (times - hits[index]) / step) / dancer.fraction, 0, 1)
    # The dancer of the bench goes by half cosines; at other times it is where this one is.
    warped = hits[index] + np.arccos(np.clip(1 - 2 * _eased(dancer.profile, share), -1, 1)) / np.pi * step * (
        1 - 1e-9
    )
    room = dance(warped, hits, _routine(dancer.limbs))
    if dancer.sway:
        _add_sway(room, times, dancer, random)
    if dancer.noise:
        room = room + _noise(room.shape, dancer, random)
    return PoseTrack(times, room - room[:, :1], room[:, 0], np.ones(room.shape[:2]), monocular=dancer.monocular)


def _eased(profile: str, share: Floats) -> Floats:
    if profile == "linear":
        return share
    if profile == "half cosine":
        return np.asarray((1 - np.cos(np.pi * share)) / 2)
    powers = {
        "smooth step": {2: 3, 3: -2},
        "minimum jerk": {3: 10, 4: -15, 5: 6},
        "minimum snap": {4: 35, 5: -84, 6: 70, 7: -20},
    }[profile]
    return np.asarray(sum(factor * share**power for power, factor in powers.items()))


def _routine(limbs: tuple[BodyPart, ...]) -> tuple[KeyPose, ...]:
    trunk = "torso" in limbs
    return tuple(
        KeyPose(
            pose.sway if trunk else 0.0,
            pose.height if trunk else 0.9,
            pose.lean if trunk else 0.0,
            pose.step_left if "left_leg" in limbs else 0.14,
            pose.step_right if "right_leg" in limbs else -0.14,
            pose.left_arm if "left_arm" in limbs else (0.25, 0.3),
            pose.right_arm if "right_arm" in limbs else (0.25, 0.3),
        )
        for pose in ROUTINE
    )


def _add_sway(room: Floats, times: Floats, dancer: Dancer, random: np.random.Generator) -> None:
    """Let the body sway about the feet, and the limbs swing besides."""

    def slow() -> Floats:
        rate = random.choice([0.5, 1.0]) * dancer.tempo / 60 if dancer.carried else random.uniform(0.25, 0.9)
        wave = np.sin(2 * np.pi * rate * times + random.uniform(0, 2 * np.pi))
        if not dancer.carried:
            wave = wave + np.sin(2 * np.pi * 1.7 * rate * times + random.uniform(0, 2 * np.pi)) / 2
        return np.asarray(dancer.sway * wave / np.ptp(wave))

    room[..., 0] += slow()[:, None] * room[..., 1] / 1.6
    for side in ("left", "right"):
        for middle, end in (("elbow", "wrist"), ("knee", "ankle")):
            swing = slow()
            room[:, JOINT_INDEX[f"{side}_{middle}"], 2] += swing / 2
            room[:, JOINT_INDEX[f"{side}_{end}"], 2] += swing


def _noise(shape: tuple[int, ...], dancer: Dancer, random: np.random.Generator) -> Floats:
    noise = random.normal(0, 1, shape)
    if dancer.colour:
        reach = np.arange(-4, 5)
        kernel = np.exp(-(reach**2) / (2 * dancer.colour**2))
        kernel /= np.sqrt((kernel**2).sum())
        noise = np.apply_along_axis(np.convolve, 0, noise, kernel, mode="same")
    return np.asarray(noise * dancer.noise * (np.array([1.0, 1.0, 2.0]) if dancer.monocular else 1.0))
