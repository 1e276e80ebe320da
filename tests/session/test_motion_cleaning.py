"""The cleaning of recorded motion: glitches, frame rate, which way is up, what unit."""

import numpy as np
import pytest

from dancecoach.errors import FileFormatError
from dancecoach.session.motion_cleaning import repair, resample, unit_of, upright
from dancecoach.types import JOINT_INDEX, Floats
from tests.support.duets import dancing

WRIST = JOINT_INDEX["right_wrist"]


def dance() -> tuple[Floats, Floats]:
    """Times (T,) and a motion (T, 22, 3), 60 frames a second."""
    room = dancing(4.0, 60.0)
    return np.arange(len(room)) / 60.0, room


@pytest.mark.parametrize("fps", [60.0, 100.0, 120.0, 90.0, 50.0])
def test_resampling_moves_nothing_in_time(fps: float) -> None:
    times = np.arange(0, 6, 1 / fps)
    room = np.zeros((len(times), 22, 3))
    room[:, WRIST, 0] = 0.5 * np.sin(2 * np.pi * 2.0 * times)
    new_times, new_room = resample(times + 17.0, room)
    assert new_times[0] == 0.0
    assert (len(new_times) - 1) / new_times[-1] <= 60.0 + 1e-6
    wave = new_room[:, WRIST, 0]
    middle = (new_times > 0.5) & (new_times < 5.5)
    carrier = np.exp(-2j * np.pi * 2.0 * new_times[middle])
    spectrum = np.sum(wave[middle] * carrier)
    late = -(np.angle(spectrum) + np.pi / 2) / (2 * np.pi * 2.0)
    assert abs(late) < 0.001
    assert np.abs(wave - 0.5 * np.sin(2 * np.pi * 2.0 * new_times)).max() < 0.01


def test_resampling_does_not_fold_what_is_too_fast() -> None:
    times = np.arange(0, 4, 1 / 120)
    room = np.zeros((len(times), 22, 3))
    room[:, WRIST, 1] = 0.02 * np.sin(2 * np.pi * 55.0 * times)  # would become 5 Hz
    _, thin = resample(times, room)
    assert np.abs(thin[30:-30, WRIST, 1]).max() < 0.002


def test_irregular_frames_are_put_on_a_regular_grid() -> None:
    random = np.random.default_rng(3)
    times = np.cumsum(random.uniform(0.02, 0.05, 150))
    room = np.zeros((len(times), 22, 3))
    room[:, WRIST, 0] = np.sin(2 * (times - times[0]))
    new_times, new_room = resample(times, room)
    assert np.ptp(np.diff(new_times)) < 1e-9
    assert np.abs(new_room[:, WRIST, 0] - np.sin(2 * new_times)).max() < 0.01


def test_glitches_are_interpolated_and_nothing_else() -> None:
    times, room = dance()
    broken = room.copy()
    broken[100, WRIST] += 1.0
    broken[150, 3] = np.nan
    fixed, count = repair(times, broken)
    assert 2 <= count <= 8
    assert np.abs(fixed - room).max() < 0.02
    away = np.r_[0:97, 104:147, 154 : len(times)]
    np.testing.assert_array_equal(fixed[away], room[away])
    untouched, none = repair(times, room)
    assert none == 0
    np.testing.assert_array_equal(untouched, room)
    with pytest.raises(FileFormatError, match="half"):
        repair(times, np.where(np.arange(len(times))[:, None, None] % 3 > 0, np.nan, room))


@pytest.mark.parametrize("axis", range(6))
def test_any_axis_can_be_up(axis: int) -> None:
    _, room = dance()
    turns = [np.eye(3)]
    for index in (0, 2):
        for sign in (-1, 1):
            turn = np.zeros((3, 3))
            turn[1, index], turn[index, 1], turn[2 - index, 2 - index] = sign, -sign, 1
            turns.append(turn)
    turns.append(np.diag([1.0, -1, -1]))
    assert np.linalg.det(turns[axis]) == pytest.approx(1.0)
    turned = upright(room @ turns[axis].T)
    assert np.median(turned[:, JOINT_INDEX["head"], 1] - turned[:, JOINT_INDEX["left_foot"], 1]) > 1.0

    # A turn, never a mirror image: the triple product of three bones keeps its sign.
    def hand(each: Floats) -> float:
        return float(np.linalg.det(each[0, [1, 3, 10]] - each[0, 0]))

    assert hand(turned) == pytest.approx(hand(room))


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001])
def test_the_unit_is_found(unit: float) -> None:
    _, room = dance()
    assert unit_of(room / unit) == unit
    with pytest.raises(FileFormatError):
        unit_of(room * 5)
