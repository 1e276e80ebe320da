from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dancecoach.types import FollowerMotion
from dancecoach.ui.partner.sampling import sample

from . import made


def of(values: np.ndarray, times: np.ndarray) -> FollowerMotion:
    joints = np.broadcast_to(values[:, None, None], (len(values), 22, 3))
    return FollowerMotion(times, joints, np.ones((len(values), 4)), joints, np.zeros((len(values), 4)))


VALUES = arrays.arrays(np.float64, st.integers(2, 12), elements=st.floats(-3, 3))


@given(VALUES, st.floats(0, 1), st.data())
def test_nothing_goes_beyond_its_neighbours(values: np.ndarray, share: float, data: st.DataObject) -> None:
    times = np.cumsum(data.draw(arrays.arrays(np.float64, len(values), elements=st.floats(0.02, 0.5))))
    before = data.draw(st.integers(0, len(values) - 2))
    found = sample(of(values, times), times[before] + share * (times[before + 1] - times[before]))
    assert found is not None
    low, high = sorted(values[before : before + 2])
    assert low - 1e-9 <= found.joints[0, 0] <= high + 1e-9


@given(VALUES)
def test_a_frame_is_itself(values: np.ndarray) -> None:
    times = np.arange(len(values)) / 30
    for index, time in enumerate(times):
        found = sample(of(values, times), time)
        assert found is not None and found.joints[3, 2] == pytest.approx(values[index], abs=1e-9)


def test_the_speed_has_no_steps_at_frames() -> None:
    motion = made.motion()
    times = np.arange(9.2, 9.8, 1 / 960)
    places = np.array([sample(motion, time).joints[20] for time in times])  # type: ignore[union-attr]
    speed = np.linalg.norm(np.diff(places, axis=0), axis=1) * 960
    straight = np.array([np.interp(times, motion.times, motion.joints[:, 20, axis]) for axis in range(3)]).T
    steps = np.abs(np.diff(np.linalg.norm(np.diff(straight, axis=0), axis=1))).max() * 960
    assert np.abs(np.diff(speed)).max() < 0.35 * steps


def test_a_steady_movement_stays_steady() -> None:
    times = np.arange(10) / 30
    motion = of(2.0 * times, times)
    for time in np.arange(0.0, 0.3, 0.007):
        found = sample(motion, time)
        assert found is not None and found.joints[0, 0] == pytest.approx(2.0 * time)


def test_past_the_newest_it_goes_on_for_a_frame_and_stands() -> None:
    times = np.arange(10) / 30
    motion = of(3.0 * times, times)
    values = [sample(motion, times[-1] + later).joints[0, 0] for later in (0.02, 1 / 30, 0.5)]  # type: ignore[union-attr]
    assert values == pytest.approx([0.9 + 0.06, 1.0, 1.0])
    first = sample(motion, -5.0)
    assert first is not None and first.joints[0, 0] == 0.0


def test_an_unknown_ghost_is_none_and_nothing_is_nothing() -> None:
    motion = made.motion()
    ghosts = motion.joints.copy()
    ghosts[:20] = np.nan
    motion = dataclasses.replace(motion, ghosts=ghosts)
    early, late = sample(motion, 9.3), sample(motion, 10.0)
    assert early is not None and early.ghost is None
    assert late is not None and late.ghost is not None
    empty = of(np.zeros(0), np.zeros(0))
    assert sample(empty, 1.0) is None
