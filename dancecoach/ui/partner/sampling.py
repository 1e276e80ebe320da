"""The duet at one moment, between the frames that were generated. Free of Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancecoach.types import Floats, FollowerMotion, PartnerRole, PartnerState

_BEYOND = 1 / 30  # s past the newest frame for which its movement is carried on; then it stands


@dataclass(frozen=True, slots=True)
class Moment:
    """`joints`, `leader` (22, 3) m and `ghost` (22, 3) m or None in the room; the rest as in `FollowerMotion`."""

    time: float
    joints: Floats
    leader: Floats
    contacts: Floats
    holds: Floats
    ghost: Floats | None
    state: PartnerState
    feet_inferred: bool
    role: PartnerRole


def sample(motion: FollowerMotion, time: float) -> Moment | None:
    """Return the duet at `time` s; None where there are no frames.

    Between frames a cubic that never goes beyond its neighbours is taken, so that there is no step in speed at a
    frame; before the oldest frame it is that one, past the newest the movement goes on for one frame at most.
    """
    times = motion.times
    if len(times) == 0:
        return None
    ghost = None if motion.ghosts is None else _at(times, motion.ghosts, time)
    if ghost is not None and not np.isfinite(ghost).all():
        ghost = None
    contacts, holds = (np.clip(_at(times, values, time), 0.0, 1.0) for values in (motion.contacts, motion.holds))
    return Moment(
        time,
        _at(times, motion.joints, time),
        _at(times, motion.leader, time),
        contacts,
        holds,
        ghost,
        motion.state,
        motion.feet_inferred,
        motion.role,
    )


def _at(times: Floats, values: Floats, time: float) -> Floats:
    last = len(times) - 1
    if last == 0 or time <= times[0]:
        return np.asarray(values[0])
    if time >= times[-1]:
        step = times[-1] - times[-2]
        share = min(time - times[-1], _BEYOND, step) / step
        return np.asarray(values[-1] + share * (values[-1] - values[-2]))
    after = int(np.searchsorted(times, time, side="right"))
    before = after - 1
    width = times[after] - times[before]
    share = (time - times[before]) / width
    slope = (values[after] - values[before]) / width
    start, stop = slope, slope
    if before > 0:
        start = _tangent((values[before] - values[before - 1]) / (times[before] - times[before - 1]), slope)
    if after < last:
        stop = _tangent(slope, (values[after + 1] - values[after]) / (times[after + 1] - times[after]))
    square, cube = share * share, share * share * share
    return np.asarray(
        values[before] * (2 * cube - 3 * square + 1)
        + values[after] * (3 * square - 2 * cube)
        + width * (start * (cube - 2 * square + share) + stop * (cube - square))
    )


def _tangent(one: Floats, two: Floats) -> Floats:
    """Return the slope at a frame between two slopes: their harmonic mean, none at a turning point."""
    product = one * two
    total = one + two
    safe = np.where(np.abs(total) > 1e-12, total, 1.0)
    return np.where(product > 0, 2 * product / safe, 0.0)
