"""What a model of the follower says: how follower and leader go on from the newest frame that was seen.

All in the frame of the leader's newest pose: its heading, the origin on the floor below its root.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.partner.capsules import FOREARMS, capsule_distances
from dancecoach.partner.frames import heading_of, turned
from dancecoach.types import HAND_PAIRS, JOINT_COUNT, Floats

HORIZONS = (0, 2, 4, 6, 8, 10, 12)  # frames ahead: those that the picture's way to the screen may take
HOLD_HORIZONS = (0, 2, 4, 6)  # frames
LEADER_HORIZONS = (2, 4, 6, 8, 10, 12)  # frames
GHOST_HORIZONS = (20, 30, 42)  # frames: two to four counts at common tempi
HOLD = 0.20  # m between two wrists: hands that are held
POSE = 5 + 3 * (JOINT_COUNT - 1)  # root 3, sine and cosine of the facing, the other joints
ROOT, DIRECTION, LOCAL = slice(0, 3), slice(3, 5), slice(5, POSE)
CONTACTS, SPEED = slice(POSE, POSE + 4), POSE + 4
_STEP = POSE + 5  # contacts 4, logarithm of the speed
_HELD = 6 + len(HAND_PAIRS) + 1  # wrists, holds, touch
WRISTS, HOLDS, TOUCHES = slice(0, 6), slice(6, _HELD - 1), _HELD - 1
TOUCH = 0.05  # m between a forearm's surface and the other's body: touching
_ABOUT = 0.04  # m about that in which a touch goes from hardly to surely; a sharp edge is harder to learn
_SPEED_FLOOR = 0.1  # m/s, so that the logarithm of a speed is bounded
_SMOOTHING = 2.0  # frames, of the speed that is learned
_DAMPING = 0.85  # per frame: how long a leader keeps moving on
_LOW, _STILL = 0.05, 0.6  # m, m/s: a toe that stands
FEET = (7, 8, 10, 11)
WIDTH = (
    len(HORIZONS) * _STEP
    + len(HOLD_HORIZONS) * _HELD
    + len(LEADER_HORIZONS) * 3 * JOINT_COUNT
    + len(GHOST_HORIZONS) * POSE
)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer of a model, turned into the room.

    `poses` (H, 73), each at `HORIZONS`: `ROOT` m, `DIRECTION` sine and cosine of the heading (shorter than 1 where
    unsure), `LOCAL` m joints 1…21 in the follower's heading about its root, `CONTACTS` 0…1, `SPEED` m/s mean of the
    joints. `hands` (K, 11), at `HOLD_HORIZONS`: `WRISTS` m two places, `HOLDS` 0…1 which hands are held, `TOUCHES`
    0…1 how surely a forearm of either touches the other's body. `leader` (N, 22, 3) m at `LEADER_HORIZONS`. `ghosts`
    (G, 68) as they were learned, at `GHOST_HORIZONS`.
    """

    poses: Floats
    hands: Floats
    leader: Floats
    ghosts: Floats
    heading: float
    origin: Floats

    def ghost(self, frames: float) -> Floats:
        """Return the follower (22, 3) m so many frames after the newest that was seen."""
        row = _between(self.ghosts, GHOST_HORIZONS, frames)
        root = turned(row[None, :3], self.heading)[0] + self.origin
        facing = self.heading + float(np.arctan2(row[3], row[4]))
        joints = np.concatenate([np.zeros((1, 3)), row[LOCAL].reshape(-1, 3)])
        return np.asarray(turned(joints, facing) + root)


def _between(rows: Floats, horizons: tuple[int, ...], frames: float) -> Floats:
    """Return the row at a horizon between those there are, and no farther than the last."""
    place = float(np.interp(frames, horizons, np.arange(len(horizons))))
    index = min(int(place), len(horizons) - 2)
    share = place - index
    return np.asarray((1 - share) * rows[index] + share * rows[index + 1])


def own_frame(room: Floats) -> Floats:
    """Return bodies (..., 22, 3) m in their own heading, about their own root."""
    return np.asarray(turned(room - room[..., :1, :], -heading_of(room)))


def mean_speed(room: Floats) -> Floats:
    """Return the mean speed (T,) m/s of the joints of a motion (T, 22, 3) m, smoothed over a few frames."""
    from scipy.ndimage import gaussian_filter1d

    steps = np.linalg.norm(np.diff(room, axis=0, prepend=room[:1]), axis=-1).mean(axis=1)
    return np.asarray(gaussian_filter1d(steps, _SMOOTHING, mode="nearest") * 30.0)


def damped(frames: int) -> float:
    """Return how many frames' way a body goes on that is slowing down all the time."""
    return _DAMPING * (1 - _DAMPING**frames) / (1 - _DAMPING)


def arms_apart(leader: Floats, follower: Floats) -> Floats:
    """Return how far (T,) m a forearm of either dancer is from the other's body, by their surfaces."""
    distances = capsule_distances(leader, follower)
    arms = list(FOREARMS)
    return np.asarray(np.minimum(distances[:, arms, :].min(axis=(1, 2)), distances[:, :, arms].min(axis=(1, 2))))


def standing(room: Floats) -> Floats:
    """Return which feet (T, 4) of a motion stand: low, and slow, 0 or 1, in the order of contacts."""
    toes = room[:, [10, 11]]
    speed = np.linalg.norm(np.diff(toes, axis=0, prepend=toes[:1])[..., [0, 2]], axis=-1) * 30.0
    still = ((toes[..., 1] < _LOW) & (speed < _STILL)).astype(np.float64)
    return np.asarray(still[:, [0, 1, 0, 1]])


def learned(leader: Floats, follower: Floats) -> Floats:
    """Return what a model shall say (T, WIDTH) for every frame of a duet, (T, 22, 3) m each; beyond the end it stays.

    Speeds as logarithms, the leader as what constant velocity that dies down does not foresee.
    """
    count = len(leader)
    heading = heading_of(leader)
    origin = leader[:, :1] * (1.0, 0.0, 1.0)
    facing, local = heading_of(follower), own_frame(follower)[:, 1:].reshape(count, -1)
    stands, speeds = standing(follower), np.log(mean_speed(follower) + _SPEED_FLOOR)
    apart = np.stack(
        [np.linalg.norm(leader[:, ours] - follower[:, theirs], axis=1) for ours, theirs in HAND_PAIRS], 1
    )
    held = (apart < HOLD).astype(np.float64)
    touch = 1.0 / (1.0 + np.exp((arms_apart(leader, follower) - TOUCH) / _ABOUT))
    velocity = np.diff(leader, axis=0, prepend=leader[:1])

    def ahead(frames: int) -> Floats:
        return np.minimum(np.arange(count) + frames, count - 1)

    def pose(frames: int) -> Floats:
        later = ahead(frames)
        root = turned(follower[later][:, :1] - origin, -heading)[:, 0]
        apart = (facing[later] - heading)[:, None]
        return np.concatenate([root, np.sin(apart), np.cos(apart), local[later]], axis=1)

    columns = []
    for frames in HORIZONS:
        later = ahead(frames)
        columns.append(np.concatenate([pose(frames), stands[later], speeds[later][:, None]], axis=1))
    for frames in HOLD_HORIZONS:
        later = ahead(frames)
        wrists = turned(follower[later][:, [20, 21]] - origin, -heading).reshape(count, -1)
        columns.append(np.concatenate([wrists, held[later], touch[later][:, None]], axis=1))
    for frames in LEADER_HORIZONS:
        foreseen = leader + velocity * damped(frames)
        columns.append(turned(leader[ahead(frames)] - foreseen, -heading).reshape(count, -1))
    columns += [pose(frames) for frames in GHOST_HORIZONS]
    return np.concatenate(columns, axis=1)


def understood(row: Floats, newest: Floats, before: Floats) -> Prediction:
    """Return a model's answer (WIDTH,) as places in the room.

    Parameters
    ----------
    row : (WIDTH,)
    newest, before : (22, 3) m
        The leader in the newest frame that was seen and in the one before.
    """
    heading = float(heading_of(newest))
    origin = newest[0] * (1.0, 0.0, 1.0)
    steps, row = _cut(row, len(HORIZONS), _STEP)
    held, row = _cut(row, len(HOLD_HORIZONS), _HELD)
    ahead, row = _cut(row, len(LEADER_HORIZONS), 3 * JOINT_COUNT)
    ghosts, row = _cut(row, len(GHOST_HORIZONS), POSE)
    sine, cosine = np.sin(heading), np.cos(heading)
    poses, hands = steps.copy(), held.copy()
    poses[:, ROOT] = turned(steps[:, ROOT], heading) + origin
    poses[:, 3] = steps[:, 3] * cosine + steps[:, 4] * sine
    poses[:, 4] = steps[:, 4] * cosine - steps[:, 3] * sine
    poses[:, CONTACTS] = np.clip(steps[:, CONTACTS], 0.0, 1.0)
    poses[:, SPEED] = np.exp(np.clip(steps[:, SPEED], -3.0, 2.0)) - _SPEED_FLOOR
    hands[:, WRISTS] = (turned(held[:, WRISTS].reshape(-1, 2, 3), heading) + origin).reshape(-1, 6)
    hands[:, HOLDS] = np.clip(held[:, HOLDS], 0.0, 1.0)
    foreseen = np.array([damped(frames) for frames in LEADER_HORIZONS])[:, None, None] * (newest - before) + newest
    return Prediction(
        poses=poses,
        hands=hands,
        leader=foreseen + turned(ahead.reshape(-1, JOINT_COUNT, 3), heading),
        ghosts=ghosts,
        heading=heading,
        origin=origin,
    )


def _cut(row: Floats, count: int, width: int) -> tuple[Floats, Floats]:
    return row[: count * width].reshape(count, width), row[count * width :]
