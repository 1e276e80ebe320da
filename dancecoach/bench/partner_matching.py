"""Motion matching for two: a follower made of pieces of real followers, chosen anew ten times a second.

After Clavet, "Motion Matching" (2016), and Holden's public write-ups of it: features of pose and trajectory weighted
against each other, the nearest frame of the recordings wins, and what jumps at the seam dies away with a half-life of
0.1 s ("inertialization").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancecoach.bench.partner_baselines import Mean, Placed, filled, placed, seen_by, with_mirrored
from dancecoach.partner.frames import turned, wrapped
from dancecoach.session.duets import RATE, Duet
from dancecoach.types import JOINT_INDEX, Floats

_SEARCH = 3  # frames between searches
_IGNORED = 20  # frames around the present one that are no change
_AHEAD = 10  # frames of the trajectory
_HALF_LIFE = 0.1  # s of a seam
_PULL = 0.25  # s, half-life of the distance from where one should be
_LARGEST_PULL, _LARGEST_TURN = 0.02, np.radians(3.0)  # a frame
_FEET = [JOINT_INDEX[name] for name in ("left_ankle", "right_ankle")]
_ENDS = [JOINT_INDEX[name] for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")]
# Weight of each group of features.
_POSE = (("feet", 0.75), ("foot velocity", 1.0), ("hip velocity", 1.0))
_FREE = (("leader", 1.0), ("leader's ends", 1.0), ("leader velocity", 1.0))
_STEERED = (("trajectory", 1.0), ("direction", 1.5), ("ends", 1.0))


class MotionMatching:
    """Pieces of followers in the follower's own frame.

    Parameters
    ----------
    steered : bool
        Towards what regression and retrieval together expect; otherwise by how the leader is seen alone.
    """

    lookahead_frames = 0

    def __init__(self, steered: bool = False) -> None:
        self.name = "mm-steered" if steered else "mm"
        self._guide = Mean() if steered else None
        self._weights = (*_POSE, *(_STEERED if steered else _FREE))
        self._own = np.zeros((1, 22, 3))
        self._velocity, self._turn = np.zeros((1, 3)), np.zeros(1)
        self._keys, self._sizes = np.zeros((1, 1), np.float32), np.zeros(1, np.float32)
        self._usable = np.zeros(1, dtype=bool)
        self._mean, self._scale = np.zeros(1), np.ones(1)

    def fit(self, duets: Sequence[Duet]) -> None:
        """Keep every frame of the followers, both ways round, with its features."""
        if self._guide is not None:
            self._guide.fit(duets)
        duets = with_mirrored(duets)
        bodies = [placed(duet.follower) for duet in duets]
        own = [body.own for body in bodies]
        moves = [_moves(body) for body in bodies]
        features = []
        for duet, body, (velocity, _) in zip(duets, bodies, moves, strict=True):
            before = np.concatenate([body.own[:1], body.own[:-1]])
            groups = self._of_pose(body.own, (body.own - before) * RATE, velocity * RATE)
            if self._guide is None:
                groups |= self._of_leader(body, duet.leader)
            else:
                index = np.minimum(np.arange(len(duet)) + _AHEAD, len(duet) - 1)
                later = Placed(body.own[index], body.place[index], body.heading[index])
                groups |= self._of_guide(body, later, body.own)
            features.append([groups[name] for name, _ in self._weights])
        usable = [np.arange(len(duet)) < len(duet) - _IGNORED for duet in duets]
        self._own, self._usable = np.concatenate(own), np.concatenate(usable)
        self._velocity = np.concatenate([velocity for velocity, _ in moves])
        self._turn = np.concatenate([turn for _, turn in moves])
        columns = [np.concatenate(parts) for parts in zip(*features, strict=True)]
        self._mean = np.concatenate([column.mean(axis=0) for column in columns])
        self._scale = np.concatenate(
            [
                np.full(column.shape[1], weight / max(float(column.std(axis=0).mean()), 1e-3))
                for column, (_, weight) in zip(columns, self._weights, strict=True)
            ]
        )
        self._keys = ((np.concatenate(columns, axis=1) - self._mean) * self._scale).astype(np.float32)
        self._sizes = (self._keys**2).sum(axis=1)
        self._sizes[~self._usable] = np.inf

    @staticmethod
    def _of_pose(own: Floats, speed: Floats, velocity: Floats) -> dict[str, Floats]:
        count = len(own)
        return {
            "feet": own[:, _FEET].reshape(count, -1),
            "foot velocity": speed[:, _FEET].reshape(count, -1),
            "hip velocity": velocity,
        }

    @staticmethod
    def _of_leader(body: Placed, leader: Floats) -> dict[str, Floats]:
        """Return how the follower sees the leader: place, facing, movement, hands and feet."""
        other = placed(leader)
        offset, heading = seen_by(body, other)
        ends = turned(leader[:, _ENDS] - body.place[:, None], -body.heading)
        moved = np.concatenate([np.zeros((1, 3)), np.diff(other.place, axis=0)]) * RATE
        velocity = turned(moved[:, None], -body.heading)[:, 0]
        return {
            "leader": np.concatenate([offset[:, [0, 2]], np.cos(heading)[:, None], np.sin(heading)[:, None]], axis=1),
            "leader's ends": ends.reshape(len(ends), -1),
            "leader velocity": velocity[:, [0, 2]],
        }

    @staticmethod
    def _of_guide(body: Placed, later: Placed, pose: Floats) -> dict[str, Floats]:
        """Return the way to where the body is to be soon, and the pose it is to have."""
        offset, heading = seen_by(body, later)
        return {
            "trajectory": offset[:, [0, 2]],
            "direction": np.stack([np.cos(heading), np.sin(heading)], axis=1),
            "ends": pose[:, _ENDS].reshape(len(pose), -1),
        }

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Dance piece after piece."""
        leader = filled(leader)
        guide = None if self._guide is None else _smoothed(self._guide.placed(leader, first))
        now = placed(first[None])
        last_own = now.own[0]
        speed = np.zeros((22, 3))
        velocity = np.zeros(3)
        seam, seam_speed = np.zeros((22, 3)), np.zeros((22, 3))
        seam_velocity, seam_turn, turn = np.zeros(3), 0.0, 0.0
        current = -1
        made = np.empty_like(leader)
        fade = 2 * np.log(2) / _HALF_LIFE
        kept = np.exp(-fade / RATE)
        for frame in range(len(leader)):
            if frame % _SEARCH == 0 or current + 1 >= len(self._own) or not self._usable[current]:
                groups = self._of_pose(now.own, speed[None], velocity[None] * RATE)
                if guide is None:
                    pair = leader[max(frame - 1, 0) : frame + 1]
                    both = Placed(*(np.repeat(each, len(pair), axis=0) for each in (now.own, now.place, now.heading)))
                    groups |= {name: group[-1:] for name, group in self._of_leader(both, pair).items()}
                else:
                    groups |= self._of_guide(now, _ahead(guide, frame), guide.own[frame, None])
                found = self._search(groups, current)
                if found != current + 1:
                    target = self._own[found]
                    target_speed = (self._own[found] - self._own[found - 1]) * RATE if found > 0 else 0.0 * target
                    seam, seam_speed = last_own - target, speed - target_speed
                    seam_velocity = velocity - self._velocity[found]
                    seam_turn = turn - float(self._turn[found])
                current = found
            else:
                current += 1
            # A critically damped spring takes the seam away.
            pull = seam_speed + seam * fade
            seam, seam_speed = kept * (seam + pull / RATE), kept * (seam_speed - pull * fade / RATE)
            seam_velocity, seam_turn = seam_velocity * kept, seam_turn * kept
            own = self._own[current] + seam
            velocity = self._velocity[current] + seam_velocity
            turn = float(self._turn[current]) + seam_turn
            place = now.place
            heading = now.heading
            if frame > 0:
                place = place + turned(velocity[None, None] * (1.0, 0.0, 1.0), heading)[:, 0]
                heading = heading + turn
                if guide is not None:
                    place, heading = _pulled(place, heading, guide, frame)
            now = Placed(own[None], place, heading)
            speed = (own - last_own) * RATE
            last_own = own
            made[frame] = now.room[0]
        return made

    def _search(self, groups: dict[str, Floats], current: int) -> int:
        query = np.concatenate([groups[name][0] for name, _ in self._weights])
        query = ((query - self._mean) * self._scale).astype(np.float32)
        costs = self._sizes - 2 * self._keys @ query
        if current >= 0:
            stay = costs[current + 1] if current + 1 < len(costs) else np.inf
            costs[max(current - _IGNORED, 0) : current + _IGNORED + 2] = np.inf
            best = int(np.argmin(costs))
            return best if costs[best] < stay else current + 1
        return int(np.argmin(costs))


def _moves(body: Placed) -> tuple[Floats, Floats]:
    """Return the way (T, 3) m from the frame before, as seen from it, and the turn (T,) rad."""
    step = turned(np.diff(body.place, axis=0)[:, None], -body.heading[:-1])[:, 0]
    step[:, 1] = np.diff(body.own[:, 0, 1])
    turn = wrapped(np.diff(body.heading))
    return np.concatenate([step[:1], step]), np.concatenate([turn[:1], turn])


def _smoothed(body: Placed, kept: float = 0.3) -> Placed:
    """Return a guide whose jitter is taken off by an exponential mean over its past."""
    direction = np.stack([np.cos(body.heading), np.sin(body.heading)], axis=1)
    values = np.concatenate([body.own.reshape(len(body.own), -1), body.place, direction], axis=1)
    for frame in range(1, len(values)):
        values[frame] = kept * values[frame - 1] + (1 - kept) * values[frame]
    return Placed(values[:, :66].reshape(-1, 22, 3), values[:, 66:69], np.arctan2(values[:, 70], values[:, 69]))


def _ahead(guide: Placed, frame: int, back: int = 6) -> Placed:
    """Return where a guide will be by its mean movement over the last frames."""
    before = max(frame - back, 0)
    share = _AHEAD / max(frame - before, 1)
    place = guide.place[frame] + share * (guide.place[frame] - guide.place[before])
    heading = guide.heading[frame] + share * wrapped(guide.heading[frame] - guide.heading[before])
    return Placed(guide.own[frame, None], place[None], np.atleast_1d(heading))


def _pulled(place: Floats, heading: Floats, guide: Placed, frame: int) -> tuple[Floats, Floats]:
    """Return place and heading a little nearer to the guide's."""
    share = 1.0 - 0.5 ** (1.0 / (RATE * _PULL))
    way = (guide.place[frame] - place) * share
    length = float(np.linalg.norm(way))
    way = way * min(1.0, _LARGEST_PULL / max(length, 1e-9))
    angle = np.clip(wrapped(guide.heading[frame] - heading) * share, -_LARGEST_TURN, _LARGEST_TURN)
    return place + way, heading + angle
