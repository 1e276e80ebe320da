"""The capsules: distances that are known, and that nothing depends on where in the room one stands."""

import time

import numpy as np
import pytest

from dancecoach.partner.capsules import (
    CAPSULES,
    FOREARMS,
    RADII,
    body_distance,
    capsule_distances,
    nearest_points,
    point_distance,
    surface_points,
)
from dancecoach.partner.frames import turned
from tests.support.duets import standing


def moved(room: np.ndarray, angle: float, offset: tuple[float, float, float]) -> np.ndarray:
    return turned(room, angle) + offset


def test_points_on_a_bone_are_a_radius_deep() -> None:
    room = standing()
    for start, stop, radius in CAPSULES:
        middle = 0.5 * (room[start] + room[stop])
        assert point_distance(middle[None], room)[0] <= -radius + 1e-6
    above = room[15] + (0.0, 1.0, 0.0)
    head = RADII[[(start, stop) for start, stop, _ in CAPSULES].index((12, 15))]
    assert point_distance(above[None], room)[0] == pytest.approx(1.0 - head)


def test_two_bodies_side_by_side() -> None:
    room = standing()
    wrists = room[20, 0] - room[21, 0]  # from wrist to wrist the body is widest
    for gap in (0.5, 0.01, -0.02):
        other = room + (wrists + 2 * 0.035 + gap, 0.0, 0.0)
        assert body_distance(room, other) == pytest.approx(gap, abs=1e-6)


def test_the_nearest_points_of_two_lines_agree_with_a_search() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.normal(size=(22, 3)), generator.normal(size=(22, 3)) + 0.5
    found = capsule_distances(first, second)
    shares = np.linspace(0, 1, 201)
    for i in range(0, len(CAPSULES), 3):
        for j in range(len(CAPSULES)):
            one = first[CAPSULES[i][0]] + shares[:, None] * (first[CAPSULES[i][1]] - first[CAPSULES[i][0]])
            other = second[CAPSULES[j][0]] + shares[:, None] * (second[CAPSULES[j][1]] - second[CAPSULES[j][0]])
            least = np.linalg.norm(one[:, None] - other, axis=2).min()
            assert found[i, j] == pytest.approx(least - RADII[i] - RADII[j], abs=2e-2)
            assert found[i, j] <= least - RADII[i] - RADII[j] + 1e-9
    assert np.allclose(found, capsule_distances(second, first).T)


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_of_another_body_is_as_far_as_all_pairs_say_and_that_way(seed: int) -> None:
    random = np.random.default_rng(seed)
    body, other = random.uniform(-1, 1, (2, 22, 3))
    distance, way, share = nearest_points(body, other, FOREARMS)
    pairs = capsule_distances(body, other)[list(FOREARMS)]
    assert np.allclose(distance, pairs.min(axis=1), atol=1e-7)
    for arm, nearest in enumerate(pairs.argmin(axis=1)):
        start, stop, radius = CAPSULES[FOREARMS[arm]]
        place = body[start] + share[arm] * (body[stop] - body[start])
        below = place - way[arm] * (distance[arm] + radius + CAPSULES[nearest][2])
        # From that place, that far back, lies the line of the other's capsule.
        first, last, _ = CAPSULES[nearest]
        along = other[last] - other[first]
        back = np.clip((below - other[first]) @ along / (along @ along), 0.0, 1.0)
        assert np.linalg.norm(other[first] + back * along - below) < 1e-6


def test_parallel_bones_and_bones_without_length() -> None:
    room = standing()
    assert body_distance(room, room + (0.0, 0.0, 3.0)) > 2.0
    assert np.all(np.isfinite(capsule_distances(room, room)))
    flat = np.zeros((22, 3))
    assert body_distance(flat, flat + (1.0, 0.0, 0.0)) == pytest.approx(1.0 - 2 * RADII.max())


def test_nothing_depends_on_where_they_stand() -> None:
    generator = np.random.default_rng(0)
    pair = np.stack([standing(), standing() + (0.3, 0.0, 0.4)]) + 0.05 * generator.normal(size=(2, 22, 3))
    there = moved(pair, 1.1, (7.0, 0.0, -30.0))
    assert body_distance(*there) == pytest.approx(float(body_distance(*pair)), abs=1e-6)
    points = surface_points(pair[0])
    assert np.allclose(surface_points(there[0]), moved(points, 1.1, (7.0, 0.0, -30.0)), atol=1e-6)


def test_points_lie_on_the_capsules_or_inside_another() -> None:
    room = standing()
    points = surface_points(room, rings=4, around=6)
    assert points.shape == (len(CAPSULES) * 24, 3)
    depth = point_distance(points, room)
    assert depth.max() < 1e-6
    assert np.count_nonzero(depth > -1e-6) > 100


def test_many_frames_at_once_are_the_frames_one_by_one() -> None:
    generator = np.random.default_rng(1)
    first = standing() + 0.1 * generator.normal(size=(5, 22, 3))
    second = first + (0.4, 0.0, 0.1)
    each = [body_distance(one, other) for one, other in zip(first, second, strict=True)]
    assert np.allclose(body_distance(first, second), each)
    points = surface_points(first)
    assert np.allclose(point_distance(points, second)[2], point_distance(points[2], second[2]))


def test_one_pair_of_bodies_takes_well_under_a_millisecond() -> None:
    room = standing()
    other = room + (0.5, 0.0, 0.0)
    spent = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(20):
            body_distance(room, other)
        spent.append((time.perf_counter() - started) / 20)
    assert min(spent) < 0.001
