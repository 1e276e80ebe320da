"""Followers to compare a partner with, from standing still to regression, each causal and fitted on a few duets.

A model sees the leader up to now and the true follower's first frame, nothing else. The ground truth itself, also
some frames late, is the other end of the scale (`delayed`).

References
----------
Last pose, mirror and random follower say what following is worth. Retrieval by the leader's motion (NN-motion) and by
the beat (NN-music) after Ng et al., "Learning to Listen" (2022), as in Li et al., "InterDance" (2025), but with the
leader's past alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.signal import lfilter

from dancecoach.partner.frames import heading_of, mirrored, turned, wrapped
from dancecoach.session.duets import RATE, Duet
from dancecoach.types import JOINT_INDEX, Floats

_EVERY = 2  # frames between those of a window that are looked at
_STATE = 70  # 66 joints, place 2, heading 2


class FollowerModel(Protocol):
    """What is compared.

    `lookahead_frames` says how many frames beyond the one asked for it looks at the leader; negative where it answers
    ahead of what it saw.
    """

    name: str
    lookahead_frames: int

    def fit(self, duets: Sequence[Duet]) -> None:
        """Learn from duets; whatever was learned before is forgotten."""

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Return a follower (T, 22, 3) m for a leader (T, 22, 3) m of the same room.

        `first` (22, 3) m is the true follower's first frame. The leader is not-a-number where nothing of a frame or
        joint was seen (`filled`).
        """


def filled(leader: Floats) -> Floats:
    """Return a leader (T, 22, 3) m whose joints stay, relative to the pelvis, as they were last seen.

    Before a joint was ever seen it is where it is seen first.
    """
    if np.isfinite(leader).all():
        return leader
    roots = _held(leader[:, :1])
    return _held(leader - leader[:, :1]) + roots


def _held(values: Floats) -> Floats:
    known = np.isfinite(values).all(axis=-1)
    frames = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(known, frames, -1), axis=0)
    first = np.where(known.any(axis=0), known.argmax(axis=0), 0)
    index = np.where(last >= 0, last, first)
    return np.nan_to_num(np.take_along_axis(values, index[..., None], axis=0))


def delayed(room: Floats, frames: int) -> Floats:
    """Return a motion (T, ...) so many frames later, standing still before; earlier if negative."""
    index = np.clip(np.arange(len(room)) - frames, 0, len(room) - 1)
    return np.asarray(room[index])


# --- frames of reference ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """Bodies taken apart: `own` (T, 22, 3) m above the origin and facing +z, `place` (T, 3) m, `heading` (T,) rad."""

    own: Floats
    place: Floats
    heading: Floats

    @property
    def room(self) -> Floats:
        """The bodies (T, 22, 3) m in the room."""
        return turned(self.own, self.heading) + self.place[..., None, :]


def placed(room: Floats) -> Placed:
    """Take bodies (..., 22, 3) m apart into pose, place on the floor and heading."""
    place = room[..., 0, :] * (1.0, 0.0, 1.0)
    heading = heading_of(room)
    return Placed(turned(room - place[..., None, :], -heading), place, heading)


def seen_by(viewer: Placed, other: Placed) -> tuple[Floats, Floats]:
    """Return where another body is for a viewer: place (..., 3) m in the viewer's frame, heading (...,) rad."""
    offset = turned((other.place - viewer.place)[..., None, :], -viewer.heading)[..., 0, :]
    return offset, wrapped(other.heading - viewer.heading)


def to_state(leader: Placed, follower: Placed) -> Floats:
    """Return followers as the leader sees them (T, 70): joints, place, and the heading as cosine and sine."""
    offset, heading = seen_by(leader, follower)
    joints = follower.own.reshape(len(offset), -1)
    return np.concatenate([joints, offset[:, [0, 2]], np.cos(heading)[:, None], np.sin(heading)[:, None]], axis=1)


def from_state(leader: Placed, state: Floats) -> Placed:
    """Return the followers that `to_state` described."""
    offset = np.zeros((len(state), 3))
    offset[:, [0, 2]] = state[:, 66:68]
    heading = wrapped(leader.heading + np.arctan2(state[:, 69], state[:, 68]))
    place = leader.place + turned(offset[:, None], leader.heading)[:, 0]
    return Placed(state[:, :66].reshape(-1, 22, 3), place, heading)


def histories(leader: Floats, seconds: float) -> Floats:
    """Return each frame's past of a leader (T, 22, 3) m in the leader's own frame of then, (T, F) m.

    Every second frame of the last `seconds`; before the first frame the leader stood still.
    """
    body = placed(leader)
    back = np.arange(0, round(seconds * RATE), _EVERY)
    index = np.maximum(np.arange(len(leader))[:, None] - back, 0)
    past = leader[index] - body.place[:, None, None]
    return turned(past.reshape(len(leader), -1, 3), -body.heading).reshape(len(leader), -1)


def with_mirrored(duets: Sequence[Duet]) -> list[Duet]:
    """Return duets and their mirror images."""
    return [each for duet in duets for each in (duet, duet.mirrored())]


# --- without looking at much --------------------------------------------------------------------------------------


class LastPose:
    """Stands where and as the follower began."""

    name, lookahead_frames = "last-pose", 0

    def fit(self, duets: Sequence[Duet]) -> None:
        """Learn nothing."""

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Stand."""
        return np.repeat(first[None], len(leader), axis=0)


class Mirror:
    """The leader's mirror image, where followers are on average, so many milliseconds later."""

    lookahead_frames = 0

    def __init__(self, late_ms: float = 0.0) -> None:
        self.name = f"mirror-{late_ms:.0f}ms" if late_ms else "mirror"
        self._late = round(late_ms / 1000.0 * RATE)
        self._offset, self._heading = np.zeros(3), np.pi

    def fit(self, duets: Sequence[Duet]) -> None:
        """Measure the mean place and heading of followers for their leaders."""
        views = [seen_by(placed(duet.leader), placed(duet.follower)) for duet in duets]
        self._offset = np.concatenate([offset for offset, _ in views]).mean(axis=0)
        heading = np.concatenate([heading for _, heading in views])
        self._heading = float(np.arctan2(np.sin(heading).mean(), np.cos(heading).mean()))

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Mirror."""
        body = placed(delayed(filled(leader), self._late))
        place = body.place + turned(np.broadcast_to(self._offset, body.place.shape)[:, None], body.heading)[:, 0]
        return Placed(mirrored(body.own), place, body.heading + self._heading).room


class RandomFollower:
    """A follower who danced with somebody else, set down where the true one began: what chance scores."""

    name, lookahead_frames = "random", 0

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._followers: list[Floats] = []

    def fit(self, duets: Sequence[Duet]) -> None:
        """Keep the followers."""
        self._followers = [duet.follower for duet in duets]

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Dance as one of them did, from the beginning; one after the other where they are too short."""
        # Whom it becomes hangs on the follower alone, never on the leader: it is the same whoever leads.
        generator = np.random.default_rng([self._seed, int(np.abs(first).sum() * 1e6)])
        made = [first[None]]
        while sum(len(each) for each in made) < len(leader):
            chosen = self._followers[generator.integers(len(self._followers))]
            made.append(_continued(chosen, placed(made[-1][-1])))
        return np.asarray(np.concatenate(made)[: len(leader)])


def _continued(room: Floats, last: Placed) -> Floats:
    """Return a motion moved and turned so that it goes on from where `last` stands."""
    body = placed(room)
    turn = last.heading - body.heading[0]
    return turned(room - body.place[0], turn) + last.place


# --- regression and retrieval -------------------------------------------------------------------------------------


class Ridge:
    """Linear regression from a second of the leader to the follower's pose, place and heading.

    Parameters
    ----------
    autoregressive : bool
        The last follower frame is a further input; in training it is the true one.
    """

    lookahead_frames = 0

    def __init__(self, seconds: float = 1.0, penalty: float = 0.03, autoregressive: bool = False) -> None:
        self.name = "ridge-ar" if autoregressive else "ridge"
        self._seconds, self._penalty, self._autoregressive = seconds, penalty, autoregressive
        self._mean, self._scale = np.zeros(1), np.ones(1)
        self._weights, self._constant = np.zeros((1, _STATE)), np.zeros(_STATE)

    def fit(self, duets: Sequence[Duet]) -> None:
        """Solve the normal equations over all frames, penalty relative to their number."""
        inputs, outputs = [], []
        for duet in with_mirrored(duets):
            features = histories(duet.leader, self._seconds)
            leader = placed(duet.leader)
            state = to_state(leader, placed(duet.follower))
            if self._autoregressive:
                features = np.concatenate([features, to_state(leader, placed(delayed(duet.follower, 1)))], axis=1)
            inputs.append(features)
            outputs.append(state)
        x, y = np.concatenate(inputs), np.concatenate(outputs)
        self._mean, self._scale = x.mean(axis=0), x.std(axis=0) + 0.01
        x = ((x - self._mean) / self._scale).astype(np.float32)
        self._constant = y.mean(axis=0)
        gram = (x.T @ x).astype(np.float64) / len(x)
        gram[np.diag_indices_from(gram)] += self._penalty
        cross = (x.T @ (y - self._constant).astype(np.float32)).astype(np.float64) / len(x)
        self._weights = np.asarray(cho_solve(cho_factor(gram), cross))

    def states(self, leader: Floats, first: Floats) -> Floats:
        """Return the follower as the leader sees it, (T, 70)."""
        features = histories(leader, self._seconds)
        if not self._autoregressive:
            return self._apply(features)
        body = placed(leader)
        before = placed(first[None])
        made = []
        for frame in range(len(leader)):
            viewer = Placed(body.own[frame, None], body.place[frame, None], body.heading[frame, None])
            state = self._apply(np.concatenate([features[frame, None], to_state(viewer, before)], axis=1))
            before = from_state(viewer, state)
            made.append(state)
        return np.concatenate(made)

    def _apply(self, features: Floats) -> Floats:
        return np.asarray((features - self._mean) / self._scale @ self._weights + self._constant)

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Predict every frame."""
        leader = filled(leader)
        return from_state(placed(leader), self.states(leader, first)).room


class NearestMotion:
    """The follower whose leader moved most alike over the last moments, frame by frame, seen from the leader.

    What is found jumps from one dancer to another; an exponential mean over its past (half-life 65 ms) takes off the
    worst of it and brings it closer to the truth, too.
    """

    lookahead_frames = 0
    _KEPT = 0.7  # of the mean, a frame
    _DIMENSIONS = 64  # principal components, which keep nearly all of the distances

    def __init__(self, seconds: float = 1.0) -> None:
        self.name = f"nn-motion-{seconds:g}s"
        self._seconds = seconds
        self._mean, self._basis = np.zeros(1), np.zeros((1, 1))
        self._keys, self._states = np.zeros((1, 1), np.float32), np.zeros((1, _STATE))

    def fit(self, duets: Sequence[Duet]) -> None:
        """Keep every frame of the leaders and what their followers did."""
        duets = with_mirrored(duets)
        features = np.concatenate([histories(duet.leader, self._seconds) for duet in duets])
        self._states = np.concatenate([to_state(placed(duet.leader), placed(duet.follower)) for duet in duets])
        self._mean = features.mean(axis=0)
        centred = (features - self._mean).astype(np.float32)
        _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        self._basis = vectors[:, ::-1][:, : self._DIMENSIONS].astype(np.float32)
        self._keys = centred @ self._basis

    def states(self, leader: Floats, first: Floats) -> Floats:
        """Return the follower as the leader sees it, (T, 70)."""
        queries = (histories(leader, self._seconds) - self._mean).astype(np.float32) @ self._basis
        sizes = (self._keys**2).sum(axis=1)
        nearest = [
            np.argmin(sizes - 2 * block @ self._keys.T, axis=1)
            for block in np.array_split(queries, max(1, len(queries) // 256))
        ]
        states = self._states[np.concatenate(nearest)]
        return np.asarray(lfilter([1 - self._KEPT], [1, -self._KEPT], states, axis=0, zi=self._KEPT * states[:1])[0])

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Look every frame up."""
        leader = filled(leader)
        return from_state(placed(leader), self.states(leader, first)).room


class Mean:
    """The mean of ridge regression and NN-motion over half a second: the closest of the simple ones."""

    name, lookahead_frames = "mean", 0

    def __init__(self) -> None:
        self._parts = (Ridge(), NearestMotion(0.5))

    def fit(self, duets: Sequence[Duet]) -> None:
        """Fit both."""
        for part in self._parts:
            part.fit(duets)

    def placed(self, leader: Floats, first: Floats) -> Placed:
        """Return the follower taken apart; `leader` without gaps."""
        state = np.mean([part.states(leader, first) for part in self._parts], axis=0)
        return from_state(placed(leader), state)

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Predict every frame."""
        return self.placed(filled(leader), first).room


# --- retrieval by the beat alone ----------------------------------------------------------------------------------

_TOES = (JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"])
_LONGEST, _SHORTEST_COUNT = 3.4, 2.1  # s of an eight-count
_HEARD = 6.0  # s of stepping by which it is known
_TEMPI = 27


def step_phase(leader: Floats) -> tuple[Floats, Floats]:
    """Return how far in its eight-count (T,) 0…1 a leader (T, 22, 3) m is, and how long one lasts (T,) s, causally.

    In salsa left and right foot step in turns on 1 2 3 and 5 6 7: the difference of the toes' speeds repeats with
    every eight-count, and its third harmonic is the strongest. The period of 2.1-3.4 s with the largest first and
    third harmonic, in a window that falls off into the past, tells the length; the third harmonic tells the place in
    a third of the eight-count, the first which third. It is no music, only where motion has the rhythm.
    """
    speed = np.linalg.norm(np.diff(leader[:, _TOES], axis=0, prepend=leader[:1, _TOES]), axis=-1) * RATE
    signal = speed[:, 0] - speed[:, 1]
    periods = np.linspace(_SHORTEST_COUNT, _LONGEST, _TEMPI)
    fade = np.exp(-1.0 / (_HEARD / 2 * RATE))
    turn = fade * np.exp(2j * np.pi * np.array([[1.0], [3.0]]) / (periods * RATE))
    sums = np.zeros((2, _TEMPI), dtype=np.complex128)
    # Phases of both harmonics of the steps themselves: + left on 1, 3, 6 and − right on 2, 5, 7.
    steps = np.array([1, -1, 1, -1, 1, -1]) @ np.exp(-2j * np.pi * np.outer([0, 1, 2, 4, 5, 6], [1, 3]) / 8)
    first, third = np.angle(steps)
    phases, lengths = np.empty(len(leader)), np.empty(len(leader))
    for frame, value in enumerate(signal):
        # Rotating instead of remembering: the angle of a sum is that of its component now.
        sums = sums * turn + value
        best = int(np.argmax(np.abs(sums).sum(axis=0)))
        coarse = np.angle(sums[0, best]) - first
        fine = np.angle(sums[1, best]) - third
        phase = (fine + 2 * np.pi * np.round((3 * coarse - fine) / (2 * np.pi))) / 3
        phases[frame], lengths[frame] = phase / (2 * np.pi) % 1.0, periods[best]
    return phases, lengths


class NearestMusic:
    """A follower who danced at the same place of the eight-count at the nearest tempo, whatever the leader does.

    The beat is taken from the leader's steps (`step_phase`), for these duets come without music. It is looked up anew
    every four seconds and goes on from where the last one stopped.
    """

    name, lookahead_frames = "nn-music", 0
    _SECONDS = 4.0

    def __init__(self) -> None:
        self._followers: list[Floats] = []
        self._keys = np.zeros((1, 3))
        self._places = np.zeros((1, 2), dtype=np.int64)

    def fit(self, duets: Sequence[Duet]) -> None:
        """Keep the followers and the rhythm of their leaders."""
        self._followers, keys, places = [], [], []
        size = round(self._SECONDS * RATE)
        for number, duet in enumerate(duets):
            self._followers.append(duet.follower)
            usable = len(duet) - size
            keys.append(self._key(duet.leader)[:usable])
            places.append(np.stack([np.full(usable, number), np.arange(usable)], axis=1))
        self._keys, self._places = np.concatenate(keys), np.concatenate(places)

    @staticmethod
    def _key(leader: Floats) -> Floats:
        phase, length = step_phase(leader)
        return np.stack([np.cos(2 * np.pi * phase), np.sin(2 * np.pi * phase), length], axis=1)

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Dance four seconds of somebody after four seconds of somebody else."""
        leader = filled(leader)
        keys, size = self._key(leader), round(self._SECONDS * RATE)
        made = [first[None]]
        for start in range(1, len(leader), size):
            found = int(np.argmin(((self._keys - keys[start - 1]) ** 2).sum(axis=1)))
            number, frame = self._places[found]
            part = self._followers[number][frame : frame + size + 1]
            made.append(_continued(part, placed(made[-1][-1]))[1:])
        return np.asarray(np.concatenate(made)[: len(leader)])
