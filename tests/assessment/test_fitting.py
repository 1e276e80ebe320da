"""One limb's path explained by one change of another: lateness between steps, brief rests, other moves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from dancecoach.assessment.fitting import MARGIN, Path, explain, spread_of
from dancecoach.assessment.kinematics import RATE
from dancecoach.types import Floats

_STEPS = 240
_FLOOR = 0.0012
_INSIDE = slice(MARGIN, -MARGIN)


def _moving(seed: int, steps: int = _STEPS + 2 * MARGIN) -> Floats:
    """Return a limb of two joints (steps, 2, 3) m that moves by some 20 cm, twice a second."""
    drawn = gaussian_filter1d(np.random.default_rng(seed).standard_normal((steps, 2, 3)), 9, axis=0)
    return np.asarray(drawn / drawn.std() * 0.12)


def _reference(joints: Floats) -> Path:
    velocity = np.gradient(joints, axis=0)[_INSIDE] * RATE
    return Path(joints, np.zeros_like(joints), (-1, 0), (velocity**2).sum(axis=(1, 2)) + 1e-9)


def _at(joints: Floats, steps: Floats) -> Floats:
    return np.asarray(CubicSpline(np.arange(len(joints)), joints, axis=0)(steps))


@pytest.mark.parametrize("milliseconds", [10.0, 25.0, 60.0])
def test_lateness_is_read_between_the_steps(milliseconds: float) -> None:
    joints = _moving(1)
    knots = np.random.default_rng(2).standard_normal(_STEPS // 30 + 1)
    late = np.interp(np.arange(_STEPS), np.arange(len(knots)) * 30, knots) * milliseconds / 1000
    reference = _reference(joints)
    path = _at(joints, np.arange(_STEPS) + MARGIN - late * RATE)
    found, left = explain(path, reference, _FLOOR)
    assert [each.kind for each in found] == ["uneven"]
    assert found[0].amount == pytest.approx(spread_of(late, reference.energy), rel=0.08)
    assert np.sqrt(left.mean()) < 0.003


def test_a_limb_that_should_stand_still_has_no_lateness() -> None:
    still = np.zeros((_STEPS + 2 * MARGIN, 2, 3)) + [0.1, -0.4, 0.2]
    found, _ = explain(_moving(3, _STEPS), _reference(still), _FLOOR)
    assert all(each.kind not in ("late", "uneven") for each in found)


@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.0])
def test_a_rest_is_a_missed_move_however_brief(seconds: float) -> None:
    joints = _moving(4)
    first, length = 90, int(seconds * RATE)
    weight = np.zeros(_STEPS)
    weight[first : first + length] = 1.0
    weight = gaussian_filter1d(weight, 0.05 * RATE)[:, None, None]
    path = joints[_INSIDE] * (1 - weight) + joints[MARGIN + first - 6] * weight
    found, _ = explain(path, _reference(joints), _FLOOR)
    assert found[0].kind == "missed"
    assert found[0].amount == pytest.approx(100 * length / _STEPS, abs=5)


def test_another_move_lasts_until_the_limb_is_back() -> None:
    joints = _moving(5)
    # It crosses the way that should be gone, and stays away.
    first, last = 60, 200
    other = 2 * joints[MARGIN + 130] - joints[_INSIDE]
    weight = np.zeros(_STEPS)
    weight[first:last] = 1.0
    weight = gaussian_filter1d(weight, 0.05 * RATE)[:, None, None]
    found, _ = explain(joints[_INSIDE] * (1 - weight) + other * weight, _reference(joints), _FLOOR)
    assert found[0].kind == "different"
    assert found[0].amount == pytest.approx(100 * (last - first) / _STEPS, abs=5)


def test_another_move_with_a_moment_of_rest_is_not_a_missed_one() -> None:
    joints = _moving(6)
    other = _moving(7, _STEPS)
    other[110:135] = other[110]
    weight = np.zeros(_STEPS)
    weight[90:152] = 1.0
    weight = gaussian_filter1d(weight, 0.05 * RATE)[:, None, None]
    found, _ = explain(joints[_INSIDE] * (1 - weight) + other * weight, _reference(joints), _FLOOR)
    assert found[0].kind == "different"
