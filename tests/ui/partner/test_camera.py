from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancecoach.partner.frames import turned
from dancecoach.perception.pinhole import project
from dancecoach.types import JOINT_INDEX
from dancecoach.ui.partner.camera import VIEWS, FollowingCamera, Spring, camera_matrix, to_pixels
from dancecoach.ui.partner.sampling import Moment

from . import made

LEFT, RIGHT, HEAD, PELVIS = (JOINT_INDEX[name] for name in ("left_wrist", "right_wrist", "head", "pelvis"))


def seen(view: str, moment: Moment, aspect: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    camera = FollowingCamera()
    camera.view = view
    matrix = camera.look(moment, aspect)
    partner, _ = to_pixels(moment.joints, matrix, 800 * aspect, 800)
    dancer, _ = to_pixels(moment.leader, matrix, 800 * aspect, 800)
    return partner, dancer


def test_opposite_me_the_partner_faces_me() -> None:
    partner, _ = seen("opposite me", made.moment())
    assert partner[LEFT, 0] > partner[RIGHT, 0], "somebody who faces me has their left on my right"
    assert partner[HEAD, 1] < partner[PELVIS, 1]


def test_over_the_shoulder_i_see_my_back() -> None:
    partner, dancer = seen("over the shoulder", made.moment())
    assert dancer[LEFT, 0] < dancer[RIGHT, 0]
    assert partner[PELVIS, 1] < dancer[PELVIS, 1], "the partner is farther away, so higher up"


def test_from_above_i_am_below() -> None:
    partner, dancer = seen("from above", made.moment())
    assert dancer[PELVIS, 1] - partner[PELVIS, 1] > 80


@pytest.mark.parametrize("aspect", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("view", list(VIEWS))
def test_the_whole_partner_is_in_the_picture(view: str, aspect: float) -> None:
    partner, _ = seen(view, made.moment(), aspect)
    assert partner[:, 1].min() > 0 and partner[:, 1].max() < 800
    assert partner[[0, 7, 8, 15], 0].min() > 0 and partner[[0, 7, 8, 15], 0].max() < 800 * aspect


@given(st.floats(-3, 3), st.floats(-4, 4), st.floats(-4, 4), st.sampled_from(list(VIEWS)))
def test_it_looks_the_same_wherever_the_couple_is(angle: float, x: float, z: float, view: str) -> None:
    here = made.moment()
    there = dataclasses.replace(
        here, joints=turned(here.joints, angle) + (x, 0, z), leader=turned(here.leader, angle) + (x, 0, z)
    )
    for one, two in zip(seen(view, here), seen(view, there), strict=True):
        assert np.abs(one - two).max() < 0.01


def test_the_camera_never_jumps_and_arrives() -> None:
    """The partner is suddenly elsewhere, the view another one: the picture glides."""
    camera = FollowingCamera()
    moment = made.moment()
    matrices = [camera.look(moment, 0.8)]
    moved = dataclasses.replace(
        moment, joints=turned(moment.joints, 2.5) + (2, 0, 1), leader=turned(moment.leader, 2.5) + (2, 0, 1)
    )
    camera.view = "from above"
    later = [dataclasses.replace(moved, time=moment.time + step / 60) for step in range(1, 400)]
    matrices += [camera.look(each, 0.8) for each in later]
    eyes = np.array([np.linalg.solve(matrix[[0, 1, 3], :3], -matrix[[0, 1, 3], 3]) for matrix in matrices])
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    assert steps[0] < 0.03 and steps.max() < 0.25, "metres a paint"
    assert np.abs(np.diff(steps)).max() < 0.02
    arrived = FollowingCamera()
    arrived.view = "from above"
    assert np.abs(arrived.look(moved, 0.8) - matrices[-1]).max() < 0.01


def test_a_couple_that_turns_past_half_a_turn_is_followed_the_short_way() -> None:
    camera = FollowingCamera()
    start = made.moment()
    angles = []
    for step in range(240):
        turn = step * 2 * np.pi / 120
        now = dataclasses.replace(
            start,
            time=start.time + step / 60,
            joints=turned(start.joints, turn),
            leader=turned(start.leader, turn),
        )
        camera.look(now, 0.8)
        assert camera._spring.value is not None
        angles.append(camera._spring.value[3])
    assert np.abs(np.diff(angles)).max() < 0.08
    assert angles[-1] - angles[0] > 9


@given(st.floats(-5, 5), st.floats(-5, 5), st.lists(st.floats(0.001, 0.5), min_size=1, max_size=30))
def test_a_spring_never_shoots_past(start: float, stop: float, pauses: list[float]) -> None:
    spring = Spring(4.0)
    spring.follow(np.array([start]), 0.0)
    low, high = sorted((start, stop))
    for pause in pauses:
        assert low - 1e-9 <= spring.follow(np.array([stop]), pause)[0] <= high + 1e-9


def test_a_spring_does_not_mind_how_time_is_cut() -> None:
    one, two = Spring(3.0), Spring(3.0)
    for spring in (one, two):
        spring.follow(np.zeros(1), 0.0)
    whole = one.follow(np.ones(1), 0.6)
    for _ in range(6):
        parts = two.follow(np.ones(1), 0.1)
    assert whole == pytest.approx(parts)


@pytest.mark.parametrize("aspect", [4 / 3, 16 / 9, 9 / 16])
@pytest.mark.parametrize("mirror", [False, True])
def test_the_real_camera_s_matrix_is_the_one_poses_are_measured_with(aspect: float, mirror: bool) -> None:
    shift = np.array([0.2, -1.1, -0.4])
    joints = made.moment().leader
    wanted = project(joints + shift, aspect) * (640, 640 / aspect)
    if mirror:
        wanted[:, 0] = 640 - wanted[:, 0]
    found, depth = to_pixels(joints, camera_matrix(shift, aspect, mirror), 640, 640 / aspect)
    assert np.abs(found - wanted).max() < 1e-6 and depth == pytest.approx(-(joints + shift)[:, 2])


def test_what_is_behind_the_eye_is_nowhere() -> None:
    places, depth = to_pixels(np.array([[0.0, 0.0, 5.0]]), camera_matrix(np.zeros(3), 1.0, False), 100, 100)
    assert depth[0] < 0 and np.isnan(places).all()
