"""The partner: what the live loop and the command line call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.partner.frames import heading_of, turned
from dancecoach.types import MIRROR_JOINTS, BeatGrid, Floats, PartnerRole, PartnerState, Pose

RATE = 30.0  # frames a second


@dataclass(frozen=True, slots=True)
class PartnerFrame:
    """One generated frame.

    `time` s; `joints` (22, 3) m, room frame; `contacts` (4,), `leader` (22, 3), `holds` (4,), `ghost` (22, 3) or
    None, `state`, `feet_inferred` as in `types.FollowerMotion`.
    """

    time: float
    joints: Floats
    contacts: Floats
    leader: Floats
    holds: Floats
    ghost: Floats | None
    state: PartnerState
    feet_inferred: bool


class Partner:
    """A causal partner: tell it what was seen, ask it for the next frame.

    Parameters
    ----------
    role : PartnerRole
        What the partner dances: the follower of the dancer, or the leader of a simple basic.
    """

    def __init__(self, role: PartnerRole = "follower") -> None:
        self.role: PartnerRole = role
        self._pose: Pose | None = None

    def reset(self) -> None:
        """Forget the dancer."""
        self._pose = None

    def observe(self, pose: Pose) -> None:
        """Take a measured pose of the dancer; they come in the order of their times, at any rate, with gaps."""
        self._pose = pose

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        """Return the partner at `time` s, 1/30 s after that of the last call; None before a dancer was ever seen.

        Parameters
        ----------
        time : float
            When the frame will be seen; later than the newest pose by the delay from camera to screen.
        grid : BeatGrid, optional
            The music's beats.
        ghost_counts : int
            How many counts later the ghost is; 0 for none.
        """
        if self._pose is None:
            return None
        leader = self._pose.joints + self._pose.root
        heading = float(heading_of(leader))
        own = turned(self._pose.joints, -heading)[list(MIRROR_JOINTS)] * (-1.0, 1.0, 1.0)
        ahead = np.array([np.sin(heading), 0.0, np.cos(heading)])
        joints = turned(own, heading + np.pi) + self._pose.root + ahead
        contacts = (joints[[7, 8, 10, 11], 1] < (0.12, 0.12, 0.05, 0.05)).astype(np.float64)
        ghost = joints + ahead if ghost_counts else None
        return PartnerFrame(time, joints, contacts, leader, np.zeros(4), ghost, "following", False)
