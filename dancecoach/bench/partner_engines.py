"""The partner that ships, as the benchmark runs it, beside the baselines it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dancecoach.bench.partner_baselines import (
    FollowerModel,
    LastPose,
    Mean,
    Mirror,
    NearestMotion,
    NearestMusic,
    RandomFollower,
    Ridge,
    delayed,
)
from dancecoach.bench.partner_matching import MotionMatching
from dancecoach.partner.model import DuetModel, fit_model
from dancecoach.partner.partner import Partner, Parts
from dancecoach.session.duets import RATE, Duet
from dancecoach.types import JOINT_COUNT, Floats, Pose

# Takes leader and follower (T, 22, 3) m, returns the follower with its feet and touch mended, causally.
CleanUp = Callable[[Floats, Floats], Floats]


def baselines(horizon: int = 0) -> list[FollowerModel]:
    """Return what to compare with, each answering `horizon` frames after what it saw."""
    models: list[FollowerModel] = [
        LastPose(),
        Mirror(),
        Mirror(100.0),
        Mirror(200.0),
        RandomFollower(),
        Ridge(),
        Ridge(autoregressive=True),
        NearestMotion(1.0),
        NearestMotion(0.5),
        NearestMusic(),
        Mean(),
        MotionMatching(),
        MotionMatching(steered=True),
    ]
    return [Late(model, horizon) for model in models] if horizon else models


def engine_models(horizon: int = 0) -> list[FollowerModel]:
    """Return the partners of this software, each answering `horizon` frames after what it saw."""
    return [Shipped(horizon)]


def clean_up() -> CleanUp | None:
    """Return what mends feet and touch of any follower; None while there is no such thing."""
    return None


class Late:
    """A model that knows nothing of the time until its answer is seen: it comes `horizon` frames late."""

    def __init__(self, model: FollowerModel, horizon: int) -> None:
        self.name, self.lookahead_frames = model.name, model.lookahead_frames - horizon
        self._model, self._horizon = model, horizon

    def fit(self, duets: Sequence[Duet]) -> None:
        """Fit the model."""
        self._model.fit(duets)

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Run the model, later."""
        return delayed(self._model.run(leader, first), self._horizon)


class Shipped:
    """The partner as the live loop drives it: told every pose that was seen, asked for every frame.

    Its model is fitted anew on the duets it is given; the one that ships has learned from all of them.

    Parameters
    ----------
    horizon : int
        Frames from a pose to the moment its answer is seen.
    """

    def __init__(self, horizon: int = 0) -> None:
        self.name, self.lookahead_frames = "ours", -horizon
        self.parts = Parts()
        self._horizon = horizon
        self._model: DuetModel | None = None

    def fit(self, duets: Sequence[Duet]) -> None:
        """Learn from the duets."""
        self._model = fit_model([(duet.leader, duet.follower) for duet in duets], "bench")

    def run(self, leader: Floats, first: Floats) -> Floats:
        """Observe and step, frame by frame; before the first pose the follower stands as it began."""
        partner = Partner(model=self._model, parts=self.parts)
        made = np.empty_like(leader)
        last = first
        for frame in range(len(leader)):
            if frame >= self._horizon:
                pose = pose_of(leader[frame - self._horizon], (frame - self._horizon) / RATE)
                if pose is not None:
                    partner.observe(pose)
            found = partner.step(frame / RATE)
            last = last if found is None else found.joints
            made[frame] = last
        return made


def pose_of(room: Floats, time: float) -> Pose | None:
    """Return a body (22, 3) m as the pose seen at `time` s, unseen joints invisible; None without a pelvis."""
    root = room[0]
    if not np.isfinite(root).all():
        return None
    seen = np.isfinite(room).all(axis=1)
    joints = np.where(seen[:, None], room - root, 0.0)
    return Pose(time, 0, joints, root, np.zeros((JOINT_COUNT, 2)), seen.astype(np.float64), time)
