"""A couple made by rule: a leader who dances the basic, and a follower who answers it."""

from __future__ import annotations

import functools

import numpy as np

from dancecoach.partner.basic import basic, bodies_at
from dancecoach.partner.model import FittedModel, Style, fit_model
from dancecoach.partner.partner import shipped_model
from dancecoach.types import JOINT_COUNT, Floats, PartnerRole, Pose

TEMPO = 170.0


def style() -> Style:
    return shipped_model().style


def dancing(seconds: float, turns: float = 0.0, role: PartnerRole = "leader", start: float = 1.0) -> Floats:
    """Return a basic (T, 22, 3) m, turning slowly on the spot."""
    counts = start + np.arange(round(seconds * 30)) * TEMPO / 60 / 30
    bodies = [basic((count - 1) % 8 + 1, style(), role) for count in counts]
    headings = turns * 2 * np.pi * np.arange(len(bodies)) / max(len(bodies), 1)
    return np.stack([bodies_at(body, np.zeros(3), heading) for body, heading in zip(bodies, headings, strict=True)])


def couple(seconds: float, turns: float = 0.0, start: float = 1.0) -> tuple[Floats, Floats]:
    leader = dancing(seconds, turns, "leader", start)
    headings = turns * 2 * np.pi * np.arange(len(leader)) / len(leader)
    counts = start + np.arange(len(leader)) * TEMPO / 60 / 30
    follower = []
    for count, heading in zip(counts, headings, strict=True):
        place = 0.8 * np.array([np.sin(heading), 0.0, np.cos(heading)])
        follower.append(bodies_at(basic((count - 1) % 8 + 1, style(), "follower"), place, heading + np.pi))
    return leader, np.stack(follower)


@functools.cache
def small_model() -> FittedModel:
    return fit_model([couple(6.0, 0.2), couple(6.0, -0.3, 3.0), couple(6.0, 0.1, 5.5)], "made", centres=120)


def pose_of(room: Floats, time: float, visibility: Floats | None = None) -> Pose:
    seen = np.ones(JOINT_COUNT) if visibility is None else visibility
    return Pose(time, 0, room - room[0], room[0], np.zeros((JOINT_COUNT, 2)), seen, time)
