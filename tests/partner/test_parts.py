"""The partner's parts, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.partner.basic import BasicTable, basic
from dancecoach.partner.capsules import FOREARMS, body_distance, capsule_distances, outward, point_distance
from dancecoach.partner.dancer import Dancer, Expectation
from dancecoach.partner.distance import Distance
from dancecoach.partner.features import HISTORY, UPPER, WHOLE, View
from dancecoach.partner.feet import Feet
from dancecoach.partner.frames import heading_of, turned, wrapped
from dancecoach.partner.hands import Hands
from dancecoach.partner.leader import Leader
from dancecoach.partner.model import STATE
from dancecoach.partner.outputs import DIRECTION, LEADER_HORIZONS, ROOT, WIDTH, WRISTS, learned, understood
from dancecoach.partner.regression import fit, kernel
from dancecoach.partner.skeleton import bent, bone_lengths, reached, towards, with_bones
from dancecoach.partner.touch import Touch
from dancecoach.types import HAND_PAIRS, JOINT_PARENTS, Floats, PartnerRole
from tests.partner.made import couple, dancing, pose_of, style


@given(st.floats(-10, 10), st.floats(-3, 3), st.floats(-3, 3))
def test_a_turned_body_faces_where_it_was_turned(angle: float, x: float, z: float) -> None:
    body = basic(1.0, style(), "leader")
    moved = turned(body, angle) + (x, 0.0, z)
    assert wrapped(heading_of(moved) - heading_of(body) - angle) == pytest.approx(0.0, abs=1e-9)
    assert np.allclose(np.linalg.norm(moved - moved[0], axis=1), np.linalg.norm(body - body[0], axis=1))


@given(st.integers(0, 2**32 - 1))
def test_bones_keep_their_lengths_and_directions(seed: int) -> None:
    body = basic(2.0, style(), "follower")
    bent_ = body + np.random.default_rng(seed).normal(scale=0.02, size=body.shape)
    fixed = with_bones(bent_, style().bones)
    assert np.allclose(bone_lengths(fixed[None]), style().bones)
    ways, fixed_ways = (room - room[list(JOINT_PARENTS)] for room in (bent_, fixed))
    cosine = (
        (ways * fixed_ways).sum(1)[1:] / np.linalg.norm(ways, axis=1)[1:] / np.linalg.norm(fixed_ways, axis=1)[1:]
    )
    assert cosine.min() > 0.999999


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_a_limb_reaches_what_it_can_and_keeps_its_lengths(x: float, y: float, z: float) -> None:
    start, middle, end = np.zeros((1, 3)), np.array([[0.0, -0.3, 0.02]]), np.array([[0.0, -0.55, 0.0]])
    target = 0.7 * np.array([[x, y, z]])
    elbow, wrist = reached(start, middle, end, target, bent(start, middle, np.array([[0.0, 0.0, 1.0]])))
    assert np.linalg.norm(elbow - start) == pytest.approx(np.linalg.norm(middle - start), abs=1e-6)
    assert np.linalg.norm(wrist - elbow) == pytest.approx(np.linalg.norm(end - middle), abs=1e-6)
    if 0.1 < np.linalg.norm(target) < 0.53:
        assert np.allclose(wrist, target, atol=1e-6)


def test_a_direction_turns_no_faster_than_it_may() -> None:
    before = np.array([[1.0, 0.0, 0.0]])
    after = towards(before, np.array([[0.0, 2.0, 0.0]]), 0.2)
    assert np.allclose(after, [[np.cos(0.2), np.sin(0.2), 0.0]])
    assert np.allclose(
        towards(before, np.array([[2.0, 0.1, 0.0]]), 0.2), np.array([[2.0, 0.1, 0.0]]) / np.hypot(2, 0.1)
    )


@pytest.mark.parametrize("view", [WHOLE, UPPER])
def test_features_are_causal_and_do_not_know_where_north_is(view: View) -> None:
    leader = dancing(5.0, 0.4)
    features = view.of_all(leader)
    assert features.shape == (len(leader), len(view.weights))
    assert np.allclose(features[100], view.of(leader[101 - HISTORY : 101]))
    other = turned(leader, 1.1) + (3.0, 0.0, -2.0)
    assert np.allclose(view.of_all(other), features)
    changed = leader.copy()
    changed[101:] += 1.0
    assert np.array_equal(view.of_all(changed)[:101], features[:101])


def test_what_is_learned_of_a_gap_is_what_the_leader_bridges() -> None:
    motion = dancing(8.0, 0.5)
    seen, gap = 140, 40  # the frame in which the leader is back, and for how many frames they were away
    leader = Leader(style().bones)
    for frame, room in enumerate(motion[: seen + 21]):
        if not seen - gap < frame < seen:
            leader.observe(pose_of(room, frame / 30))
            history = leader.tick(frame / 30)
    assert history is not None
    since = np.maximum(np.arange(len(motion)) - seen, 0)
    known = WHOLE.of_all_bridged(motion, since, np.full(len(motion), gap))[seen + 20]
    assert np.allclose(known, WHOLE.of(history), atol=0.03)
    assert np.abs(known - WHOLE.of_all(motion)[seen + 20]).max() > 0.1


def test_a_view_of_the_upper_body_does_not_see_the_feet() -> None:
    leader = dancing(4.0)
    other = leader.copy()
    other[:, [7, 8, 10, 11]] += 0.3
    assert np.array_equal(UPPER.of_all(leader), UPPER.of_all(other))
    assert not np.array_equal(WHOLE.of_all(leader), WHOLE.of_all(other))


def test_what_is_learned_is_understood_again() -> None:
    leader, follower = couple(6.0, 0.5)
    rows = learned(leader, follower)
    assert rows.shape == (len(leader), WIDTH)
    said = understood(rows[80], leader[80], leader[79])
    assert np.allclose(said.poses[3, ROOT], follower[86, 0])
    assert np.arctan2(*said.poses[3, DIRECTION]) == pytest.approx(float(heading_of(follower[86])))
    assert np.allclose(said.leader[LEADER_HORIZONS.index(6)], leader[86])
    assert np.allclose(said.hands[1, WRISTS].reshape(2, 3), follower[82][[20, 21]])
    assert np.allclose(said.ghost(30), follower[110])


def test_what_a_block_left_out_would_get_is_exact() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(120, 4))
    y = np.column_stack([np.sin(x[:, 0]), x[:, 1] * x[:, 2]])
    blocks = [slice(0, 60), slice(60, 120)]
    found = fit(x, y, np.ones(4), blocks, centres=30)
    centred = y - found.model.bias
    between = kernel((x - found.model.mean) * found.model.scale, found.model.centres)
    within = kernel(found.model.centres, found.model.centres)
    known = slice(60, 120)
    gram = between[known].T @ between[known] + 0.3 * within + 1e-5 * np.eye(30)
    expected = between[:60] @ np.linalg.solve(gram, between[known].T @ centred[known]) + found.model.bias
    assert np.allclose(found.left_out()[0], expected, atol=1e-6)


def test_regression_learns_and_says_what_it_does_not_know() -> None:
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, size=(600, 2))
    model = fit(x, np.sin(2 * x[:, :1]), np.ones(2), centres=80).model
    assert float(np.abs(model(x) - np.sin(2 * x[:, :1])).mean()) < 0.05
    assert model.familiarity(np.zeros(2)) > 0.8
    assert model.familiarity(np.array([50.0, 50.0])) < 1e-6
    assert np.allclose(model(np.array([50.0, 50.0])), model.bias)


def _standing(x: float = 0.0) -> Floats:
    return np.concatenate([[x, 0.9, 0.0, 0.0], np.zeros(STATE - 4)])


def test_a_body_goes_where_it_is_expected_without_a_leap() -> None:
    dancer = Dancer(_standing())
    expected = Expectation(_standing(2.0), np.zeros(STATE), None)
    way = [dancer.step(expected, np.ones(STATE))[0, 0] for _ in range(150)]
    assert way[-1] == pytest.approx(2.0, abs=0.02)
    assert np.diff(way).max() < 0.1


def test_a_body_is_as_fast_as_it_is_expected_to_be() -> None:
    dancer = Dancer(_standing())
    velocity = np.zeros(STATE)
    velocity[0] = 0.01
    last = dancer.body
    for frame in range(1, 7):
        body = dancer.step(Expectation(_standing(0.01 * frame), velocity, 0.45), np.ones(STATE))
        moved, last = float(np.linalg.norm(body - last, axis=1).mean()), body
        assert moved == pytest.approx(0.45 / 30, rel=0.02)


def test_feet_that_stand_do_not_slide() -> None:
    body = basic(4.2, style(), "follower")
    feet = Feet()
    places = []
    for frame in range(30):
        planted, held = feet.plant(body + (0.003 * frame, 0.0, 0.0), np.ones(2))
        places.append(planted[[10, 11]])
        assert np.allclose(bone_lengths(planted[None]), bone_lengths(body[None]), atol=2e-3)
    assert held.all()
    assert np.abs(np.diff(places[5:], axis=0)).max() < 1e-3
    slid, _ = feet.plant(body + (0.6, 0.0, 0.0), np.ones(2))
    assert np.linalg.norm(slid[10] - places[-1][0]) > 0.3  # dragged too far, it is let go


def test_a_foot_that_swings_is_left_alone() -> None:
    body = basic(4.2, style(), "follower")
    feet = Feet()
    for frame in range(10):
        planted, held = feet.plant(body + (0.003 * frame, 0.0, 0.0), np.zeros(2))
    assert not held.any()
    assert np.allclose(planted, body + (0.027, 0.0, 0.0), atol=1e-6)


def test_hands_that_are_held_meet_and_let_go() -> None:
    leader = basic(4.2, style(), "leader")
    follower = turned(basic(4.2, style(), "follower"), np.pi) + (0.0, 0.0, 0.75)
    hands = Hands()
    pair = HAND_PAIRS.index((20, 21))
    held = np.eye(4)[pair]
    for _ in range(40):
        joined = hands.reach(follower, leader, follower[[20, 21]], held, 0.0)
    assert np.linalg.norm(joined[21] - leader[20]) < 0.19
    assert hands.holds[pair] > 0.95
    for _ in range(60):
        free = hands.reach(follower, leader, follower[[20, 21]], np.zeros(4), 0.0)
    assert np.linalg.norm(free[21] - follower[21]) < 0.03
    assert np.allclose(bone_lengths(joined[None]), bone_lengths(follower[None]), atol=1e-6)


def _reaching(gap: float) -> tuple[Floats, Floats]:
    """Return a leader and a follower before them whose nearest forearm is about `gap` m from the leader."""
    leader, facing = basic(1.0, style(), "leader"), basic(1.0, style(), "follower")
    for apart in np.arange(1.2, 0.2, -0.005):
        follower = turned(facing, np.pi) + (0.0, 0.0, apart)
        if capsule_distances(follower, leader)[list(FOREARMS)].min() < gap:
            break
    return leader, follower


@pytest.mark.parametrize("gap", [0.15, 0.08, 0.03])
def test_arms_touch_when_they_are_meant_to(gap: float) -> None:
    leader, follower = _reaching(gap)
    touch = Touch()
    steps = [touch.settle(follower, leader, True) for _ in range(15)]
    assert capsule_distances(steps[-1], leader)[list(FOREARMS)].min() < 0.05
    assert body_distance(steps[-1], leader) > 0.0
    assert np.linalg.norm(np.diff(steps, axis=0), axis=-1).max() < 0.13
    assert np.allclose(bone_lengths(steps[-1][None]), bone_lengths(follower[None]), atol=1e-6)


@pytest.mark.parametrize("gap", [0.05, 0.0, -0.02])
def test_arms_keep_clear_when_they_are_not_meant_to_touch(gap: float) -> None:
    leader, follower = _reaching(gap)
    touch = Touch()
    steps = [touch.settle(follower, leader, False) for _ in range(15)]
    assert capsule_distances(steps[-1], leader)[list(FOREARMS)].min() > 0.05
    assert np.linalg.norm(np.diff(steps, axis=0), axis=-1).max() < 0.13
    others = [joint for joint in range(22) if joint not in (18, 19, 20, 21)]
    assert np.array_equal(steps[-1][others], follower[others])


def test_an_arm_that_is_far_is_left_alone() -> None:
    leader, follower = _reaching(0.4)
    assert np.allclose(Touch().settle(follower, leader, True)[[20, 21]], follower[[20, 21]], atol=0.01)


def test_a_follower_gives_way_and_a_leader_is_not_moved() -> None:
    leader = basic(4.2, style(), "leader")
    follower = turned(basic(4.2, style(), "follower"), np.pi) + (0.0, 0.0, 0.15)
    before = leader.copy()
    distance = Distance()
    steps = [distance.keep(follower, leader, 1.0) for _ in range(60)]
    assert body_distance(leader, steps[-1]) > body_distance(leader, follower) + 0.03
    assert np.linalg.norm(np.diff(steps, axis=0), axis=-1).max() < 0.05
    assert np.array_equal(leader, before)
    assert np.allclose(steps[-1][:, 1], follower[:, 1])


@settings(max_examples=50)
@given(st.floats(-1.5, 1.5), st.floats(0, 1.8), st.floats(-1.5, 1.5))
def test_out_of_a_body_is_the_way_its_distance_grows(x: float, y: float, z: float) -> None:
    body, point = basic(1.0, style(), "leader"), np.array([[x, y, z]])
    distance, way = outward(point, body)
    assert distance[0] == pytest.approx(float(point_distance(point, body)[0]), abs=1e-6)
    assert point_distance(point + 0.01 * way, body)[0] >= distance[0] - 1e-9 or distance[0] < 0


def test_the_basic_is_on_the_beat_and_on_the_floor() -> None:
    for role, side, count in (("follower", 11, 1), ("follower", 10, 2), ("leader", 10, 1), ("leader", 11, 2)):
        around = [basic(count + offset, style(), role)[side] for offset in (-0.25, 0.0, 0.15, 0.3)]  # type: ignore[arg-type]
        assert around[0][1] > around[1][1] + 0.01  # it comes down on the count
        assert np.linalg.norm(around[3] - around[1]) < 0.02  # and stands
    for position in np.arange(1.0, 9.0, 0.05):
        body = basic(float(position), style(), "follower")
        assert body[[10, 11], 1].min() < 0.05
        assert body[:, 1].min() > -0.02
        assert np.allclose(bone_lengths(body[None]), style().bones, atol=2e-3)


def test_the_basic_has_no_seam() -> None:
    positions = np.arange(1.0, 17.0, TICK)
    room = np.stack([basic(float((place - 1) % 8 + 1), style(), "leader") for place in positions])
    assert np.linalg.norm(np.diff(room, axis=0), axis=-1).max() < 0.13


TICK = 170 / 60 / 30


@pytest.mark.parametrize("role", ["follower", "leader"])
def test_the_table_of_the_basic_is_the_basic(role: PartnerRole) -> None:
    table = BasicTable(style(), role)
    for count in np.linspace(1.0, 8.999, 333):
        assert np.abs(table.at(float(count)) - basic(float(count), style(), role)).max() < 3e-3
    assert np.allclose(table.at(9.5), table.at(1.5)) and np.allclose(table.at(0.5), table.at(8.5))
