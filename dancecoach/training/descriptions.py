"""What a movement looks like, in words that were measured.

Each attribute is a number of the motion, told as one of three words. Lengths are in lengths of the leg, so that the
size of the body does not matter. The thresholds are the terciles of 4 s clips of the CMU and G1 takes that are
trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from dancecoach.types import JOINT_INDEX, Floats, PoseTrack

_SMOOTH = 0.04  # s, standard deviation of the Gaussian before velocities are taken
_SLOW = 0.4  # s, of the one before travelling and turning are
_STANDING = 0.08  # leg lengths above the floor up to which a foot stands


@dataclass(frozen=True, slots=True)
class Attribute:
    """One respect in which movements differ: below `low`, between, above `high`; the phrases that say each."""

    name: str
    low: float
    high: float
    phrases: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        "speed",
        0.64,
        0.89,
        (("slow movements", "calm movements"), ("moderate movements",), ("fast movements", "quick movements")),
    ),
    Attribute(
        "arms",
        0.65,
        0.85,
        (
            ("small arm movements", "little arm work"),
            ("medium arm movements",),
            ("large arm movements", "big arm movements"),
        ),
    ),
    Attribute(
        "legs",
        0.11,
        0.18,
        (("low feet", "feet close to the floor"), ("feet that lift a little",), ("high kicks", "high legs")),
    ),
    Attribute(
        "hips", 0.054, 0.079, (("quiet hips",), ("some hip movement",), ("swinging hips", "much hip movement"))
    ),
    Attribute(
        "turns", 0.022, 0.068, (("no turns", "without turning"), ("some turns",), ("many turns", "much turning"))
    ),
    Attribute(
        "travel",
        0.1,
        0.3,
        (("staying in place", "on the spot"), ("travelling a little",), ("travelling far", "covering much ground")),
    ),
    Attribute(
        "level",
        0.068,
        0.13,
        (
            ("at one height", "without level changes"),
            ("some level changes",),
            ("large level changes", "going up and down"),
        ),
    ),
    Attribute(
        "height",
        0.94,
        0.99,
        (("a low stance", "bent knees"), ("a normal stance",), ("a high stance", "straight legs")),
    ),
    Attribute(
        "sharpness",
        8.2,
        9.2,
        (("smooth movements", "flowing movements"), ("firm movements",), ("sharp movements", "jerky movements")),
    ),
    Attribute(
        "stance", 0.38, 0.56, (("narrow steps", "feet together"), ("normal steps",), ("wide steps", "feet apart"))
    ),
    Attribute(
        "raised",
        0.091,
        0.3,
        (
            ("arms below the shoulders", "low arms"),
            ("arms sometimes above the shoulders",),
            ("arms above the shoulders", "high arms"),
        ),
    ),
    Attribute(
        "symmetry",
        -0.51,
        -0.36,
        (("different arms", "asymmetric arms"), ("partly symmetric arms",), ("symmetric arms", "both arms alike")),
    ),
    Attribute("steps", 1.8, 3.3, (("few steps", "rare steps"), ("regular steps",), ("many steps", "quick steps"))),
    Attribute("air", 0.005, 0.05, (("without jumps", "feet on the floor"), ("light feet",), ("jumps", "leaps"))),
    Attribute(
        "pauses",
        0.005,
        0.075,
        (("never still", "continuous movement"), ("short pauses",), ("long pauses", "often still")),
    ),
)
NAMES = tuple(attribute.name for attribute in ATTRIBUTES)


def measure(track: PoseTrack) -> Floats:
    """Return what each of `ATTRIBUTES` is in a track of at least half a second, (A,)."""
    times = np.arange(track.times[0], track.times[-1], 1 / 60)
    room = CubicSpline(track.times, track.joints + track.roots[:, None], axis=0)(times)
    at = {name: room[:, index] for name, index in JOINT_INDEX.items()}
    leg = float(
        np.median(
            np.linalg.norm(at["left_hip"] - at["left_knee"], axis=1)
            + np.linalg.norm(at["left_knee"] - at["left_ankle"], axis=1)
        )
    )
    room = room / leg
    at = {name: room[:, index] for name, index in JOINT_INDEX.items()}
    across = at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"]
    yaw = gaussian_filter1d(np.unwrap(np.arctan2(-across[:, 2], across[:, 0])), 0.1 * 60)
    body = _turned(room - room[:, :1], yaw)
    ends = [JOINT_INDEX[name] for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")]
    still = gaussian_filter1d(body[:, ends], _SMOOTH * 60, axis=0)
    velocity = np.gradient(still, 1 / 60, axis=0)
    speed = np.linalg.norm(velocity, axis=2)  # (T, 4)
    force = np.linalg.norm(np.gradient(velocity, 1 / 60, axis=0), axis=2)
    wrists = body[:, ends[:2]] - body[:, [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]]]
    reach = np.linalg.norm(np.percentile(wrists, 95, axis=0) - np.percentile(wrists, 5, axis=0), axis=1)
    feet = np.stack([at["left_ankle"], at["right_ankle"]], axis=1)
    floor = np.percentile(feet[:, :, 1].min(axis=1), 5)
    lifted = feet[:, :, 1] - floor
    middle = _turned((feet - room[:, :1]).mean(axis=1, keepdims=True), yaw)[:, 0]
    place = gaussian_filter1d(room[:, 0], _SLOW * 60, axis=0)
    path = np.linalg.norm(np.gradient(place, 1 / 60, axis=0)[:, [0, 2]], axis=1)
    turning = np.abs(np.gradient(gaussian_filter1d(yaw, _SLOW * 60), 1 / 60)) / (2 * np.pi)
    hips = room[:, 0, 1] - floor
    # Of the leg that is straighter: the other may be in the air.
    straight = np.linalg.norm(
        np.stack([at["left_hip"] - at["left_ankle"], at["right_hip"] - at["right_ankle"]]), axis=2
    ).max(axis=0)
    mirrored = wrists[:, 1] * [-1, 1, 1]
    return np.array(
        [
            speed.mean(),
            reach.mean(),
            np.percentile(lifted, 95),
            middle[:, 0].std(),
            turning.mean(),
            path.mean(),
            np.percentile(hips, 95) - np.percentile(hips, 5),
            np.median(straight),
            force.mean() / max(float(speed.mean()), 0.05),
            np.median(np.linalg.norm((feet[:, 0] - feet[:, 1])[:, [0, 2]], axis=1)),
            np.mean(wrists[:, :, 1] > 0),
            -np.linalg.norm(wrists[:, 0] - mirrored, axis=1).mean() / max(float(reach.mean()), 0.1),
            sum(_peaks(speed[:, side]) for side in (2, 3)) / (len(times) / 60),
            np.mean(lifted.min(axis=1) > _STANDING),
            np.mean(speed.max(axis=1) < 0.35),
        ]
    )


def describe(track: PoseTrack) -> dict[str, int]:
    """Return the level of each attribute, by name: 0 little, 1 between, 2 much."""
    return levels_of(measure(track))


def levels_of(values: Floats) -> dict[str, int]:
    """Return the levels of what `measure` returned."""
    return {
        attribute.name: int(value > attribute.low) + int(value > attribute.high)
        for attribute, value in zip(ATTRIBUTES, values, strict=True)
    }


def consensus(described: Sequence[Mapping[str, int]], share: float = 0.6) -> dict[str, int]:
    """Return the levels that at least `share` of the descriptions agree on: what one would say of all of them."""
    found = {}
    for name in NAMES:
        levels = [each[name] for each in described if name in each]
        for level in range(3):
            if levels and levels.count(level) >= share * len(levels):
                found[name] = level
    return found


_LEADS = ("a dance with", "dancing with", "movement with", "somebody moves with", "this dance has")
_STYLE_LEADS = ("{} with", "a {} dance with", "dancing {} with", "this is {} with")
_BARE = ("{}", "a {} dance", "dancing {}", "somebody dances {}", "this is {}")


def sentence(levels: Mapping[str, int], random: np.random.Generator | None = None, style: str | None = None) -> str:
    """Return a description in words, of the attributes in `levels`, in any order and wording if `random` is given."""

    def pick(choices: Sequence[str]) -> str:
        return choices[0] if random is None else choices[int(random.integers(len(choices)))]

    phrases = [
        pick(attribute.phrases[levels[attribute.name]]) for attribute in ATTRIBUTES if attribute.name in levels
    ]
    if random is not None:
        phrases = [phrases[index] for index in random.permutation(len(phrases))]
    if not phrases:
        return pick(_BARE).format(style) if style else pick(("a dance", "dancing", "movement"))
    lead = pick(_STYLE_LEADS).format(style) if style else pick(_LEADS)
    return f"{lead} {', '.join(phrases[:-1])} and {phrases[-1]}" if len(phrases) > 1 else f"{lead} {phrases[0]}"


def all_sentences(styles: Sequence[str]) -> list[str]:
    """Return sentences that between them hold every word a description can have."""
    found = [phrase for attribute in ATTRIBUTES for phrases in attribute.phrases for phrase in phrases]
    found += [f"{lead} and" for lead in _LEADS] + ["a dance", "dancing", "movement"]
    return found + [lead.format(style) for lead in (*_STYLE_LEADS, *_BARE) for style in styles]


def as_vector(levels: Mapping[str, int]) -> Floats:
    """Return levels as numbers (3 A,): 1 for the level of each attribute that is told, else 0."""
    vector = np.zeros((len(NAMES), 3))
    for row, name in enumerate(NAMES):
        if name in levels:
            vector[row, levels[name]] = 1.0
    return vector.ravel()


def _turned(vectors: Floats, yaw: Floats) -> Floats:
    """Return vectors (T, N, 3) as the dancer sees them: x to the left, z ahead."""
    cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([cosine * x - sine * z, y, sine * x + cosine * z], axis=-1)


def _peaks(speed: Floats) -> int:
    """Return how often a foot is moved."""
    return len(find_peaks(speed, height=0.5, prominence=0.35, distance=9)[0])
