"""How well a synthesised follower follows: against the real one who danced with the same leader.

All motions are (T, 22, 3) m of one room, y up, floor at y = 0, at the same frame rate, frame by frame of one time.
Errors come per frame, so that means, percentiles and courses can be taken of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.bench.duet_contact import HOLD, hand_distances
from dancecoach.partner.frames import heading_of, turned, wrapped
from dancecoach.types import HAND_PAIRS, JOINT_INDEX, Floats

_TOES = (JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"])
_FEET = tuple(JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
LOW = 0.05  # m, height of a toe below which the foot stands
LONGEST_LAG = 0.5  # s
_LEAST_AGREEMENT = 0.25
_GRAVITY = 9.81  # m/s²
_PUBLISHED_RATE = 30.0  # frames a second, taken for granted by the published physical foot contact score


@dataclass(frozen=True, slots=True)
class Errors:
    """Per frame (T,): how far a follower is from the true one.

    `root` m along the floor; `facing` rad, not negative; `pose` m, mean over the joints once both stand at the origin
    and face the same way (MPJPE); `joints` m, the same without turning them; `hands` m, how much farther or closer
    than the true ones the hands are that are truly held; `wrists` m, how far those wrists of the follower are from
    where they truly were; both not-a-number where no hand is held.
    """

    root: Floats
    facing: Floats
    pose: Floats
    joints: Floats
    hands: Floats
    wrists: Floats


def errors(leader: Floats, predicted: Floats, true: Floats, hold: float = HOLD) -> Errors:
    """Compare a predicted follower with the true one.

    Root and facing error are the same seen from the leader and in the room: both followers have the same leader.
    A hand is truly held where the true wrists of one of `HAND_PAIRS` are less than `hold` m apart; of several, each
    counts. (Recorded pairs' wrists are 8-18 cm apart in the closest twentieth of the frames.)
    """
    place, real = predicted[:, 0], true[:, 0]
    root = np.linalg.norm((place - real)[:, [0, 2]], axis=1)
    facing = np.abs(wrapped(heading_of(predicted) - heading_of(true)))
    pose = np.linalg.norm(_own(predicted) - _own(true), axis=2).mean(axis=1)
    truly = hand_distances(leader, true)
    held = truly < hold
    joints = np.linalg.norm((predicted - predicted[:, :1]) - (true - true[:, :1]), axis=2).mean(axis=1)
    count = held.sum(axis=1)
    theirs = [pair[1] for pair in HAND_PAIRS]
    stretched = np.abs(hand_distances(leader, predicted) - truly)
    moved = np.linalg.norm(predicted[:, theirs] - true[:, theirs], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        hands = np.where(held, stretched, 0.0).sum(axis=1) / count
        wrists = np.where(held, moved, 0.0).sum(axis=1) / count
    return Errors(root, facing, pose, joints, hands, wrists)


def _own(room: Floats) -> Floats:
    """Return bodies (T, 22, 3) with the pelvis at the origin, facing +z."""
    return turned(room - room[:, :1], -heading_of(room))


@dataclass(frozen=True, slots=True)
class Lag:
    """How late a follower is: `seconds` after the true one, negative before it, None where it hardly moves with it.

    `agreement` −1…1 is the correlation of their movements at that lag.
    """

    seconds: float | None
    agreement: float


def effective_lag(predicted: Floats, true: Floats, rate: float, longest: float = LONGEST_LAG) -> Lag:
    """Return by how much a follower comes after the true one.

    Where the normalised cross-correlation of the velocities of all joints in the room is highest within ±`longest` s,
    between frames by the parabola through the highest and its neighbours. No lag is told below a correlation of 0.25,
    which followers of somebody else hardly reach, nor at the end of what was searched.
    """
    first, second = np.diff(predicted, axis=0).reshape(-1, 66), np.diff(true, axis=0).reshape(-1, 66)
    reach = min(round(longest * rate), len(first) - 2)
    scores = np.array([_correlation(first, second, shift) for shift in range(-reach, reach + 1)])
    best = int(np.argmax(scores))
    agreement = float(scores[best])
    if agreement < _LEAST_AGREEMENT or not 0 < best < len(scores) - 1:
        return Lag(None, agreement)
    before, here, after = scores[best - 1 : best + 2]
    bend = before - 2 * here + after
    offset = 0.5 * float(before - after) / float(bend) if bend < 0 else 0.0
    return Lag(float((best - reach + offset) / rate), agreement)


def _correlation(late: Floats, early: Floats, shift: int) -> float:
    count = len(early) - abs(shift)
    one, other = late[max(shift, 0) :][:count], early[max(-shift, 0) :][:count]
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 0 else 0.0


def contact_foot_speed(room: Floats, rate: float, low: float = LOW) -> float | None:
    """Return the mean speed along the floor, m/s, of toes lower than `low` m; None where none ever is.

    It is above 0 for real dancers, who turn and slide on their toes: compare with theirs.
    """
    toes = room[:, _TOES]
    speed = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * rate
    standing = toes[:-1, :, 1] < low
    return float(speed[standing].mean()) if standing.any() else None


def mean_jerk(room: Floats, rate: float) -> float:
    """Return the mean over joints and frames of the size of the third derivative of position, m/s³."""
    return float(np.linalg.norm(np.diff(room, n=3, axis=0), axis=2).mean() * rate**3)


def steps(room: Floats) -> Floats:
    """Return (T − 1,) m: how far the fastest joint moves from each frame to the next."""
    return np.asarray(np.linalg.norm(np.diff(room, axis=0), axis=2).max(axis=1))


def floor_drift(room: Floats, rate: float) -> float:
    """Return how far from the floor the lower foot is, m: 95th percentile over the seconds' least heights."""
    lowest = room[:, _FEET, 1].min(axis=1)
    span = max(1, round(rate))
    seconds = [lowest[start : start + span].min() for start in range(0, max(len(lowest) - span, 0) + 1, span)]
    return float(np.percentile(np.abs(seconds), 95))


def published_pfc(room: Floats) -> float:
    """Return the Physical Foot Contact score as published, y up: low is meant to be plausible.

    s = min(ankle, toe)_left · min(ankle, toe)_right · |a|/max|a|, feet in m per frame along the floor, a the
    acceleration of the root without its downward part; the mean × 10⁴ (Tseng et al., "EDGE", 2023). A frozen body
    scores 0, and one spike of the root's acceleration anywhere divides the whole score.
    """
    velocity = np.diff(room[:, 0], axis=0) * _PUBLISHED_RATE
    acceleration = np.diff(velocity, axis=0) * _PUBLISHED_RATE
    acceleration[:, 1] = np.maximum(acceleration[:, 1], 0.0)
    size = np.linalg.norm(acceleration, axis=1)
    largest = size.max()
    if largest <= 0:
        return 0.0
    return float((_slower_feet(room)[1:] * size).mean() / largest * 1e4)


def physical_foot_contact(room: Floats, rate: float) -> float:
    """Return the Physical Foot Contact score in units: the same mean with feet in m/s and |a| in g, m²/s².

    It depends neither on the frame rate nor on the one hardest moment of the clip. Compare with the real dancer's:
    real feet slide too, and a frozen body scores 0.
    """
    span = max(1, round(rate / _PUBLISHED_RATE))  # always over about a thirtieth of a second
    sampled = room[::span]
    rate = rate / span
    velocity = np.diff(sampled[:, 0], axis=0) * rate
    acceleration = np.diff(velocity, axis=0) * rate
    acceleration[:, 1] = np.maximum(acceleration[:, 1], 0.0)
    size = np.linalg.norm(acceleration, axis=1) / _GRAVITY
    return float((_slower_feet(sampled)[1:] * rate**2 * size).mean())


def _slower_feet(room: Floats) -> Floats:
    """Return (T − 1,) m²: the product over both feet of the displacement of its slower end along the floor."""
    moved = np.linalg.norm(np.diff(room[:, _FEET][..., [0, 2]], axis=0), axis=-1)
    return np.asarray(np.minimum(moved[:, 0], moved[:, 2]) * np.minimum(moved[:, 1], moved[:, 3]))
