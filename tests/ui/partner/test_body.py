from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.partner.frames import turned
from dancecoach.types import JOINT_INDEX, MIRROR_JOINTS
from dancecoach.ui.partner.body import HANDS, body_frames, body_mesh, faces_of, held_points

from . import made

JOINTS = made.moment().leader


def part(name: str) -> np.ndarray:
    mesh = body_mesh(True)
    return mesh.part_of == mesh.names.index(name)


@settings(max_examples=40)
@given(st.floats(-7, 7), st.tuples(*[st.floats(-3, 3)] * 3), st.floats(9.1, 10.0), st.booleans())
def test_the_mesh_of_a_turned_body_is_the_turned_mesh(
    angle: float, move: tuple[float, float, float], time: float, bun: bool
) -> None:
    joints = made.moment(time).joints
    mesh = body_mesh(bun)
    vertices, normals = mesh.place(joints)
    moved, moved_normals = mesh.place(turned(joints, angle) + move)
    assert np.abs(moved - (turned(vertices, angle) + move)).max() < 2e-5
    assert np.abs(moved_normals - turned(normals, angle)).max() < 2e-5


def test_the_mesh_of_a_mirrored_body_is_the_mirrored_mesh() -> None:
    mesh = body_mesh(True)
    flip = np.array([-1.0, 1.0, 1.0])
    own, _ = mesh.place(JOINTS)
    other, _ = mesh.place(JOINTS[list(MIRROR_JOINTS)] * flip)
    names = {"left": "right", "right": "left"}
    for name in mesh.names:
        side, _, rest = name.partition(" ")
        twin = f"{names[side]} {rest}" if side in names else name
        one, two = own[part(name)] * flip, other[part(twin)]
        nearest = np.linalg.norm(one[:, None] - two[None], axis=2).min(axis=1)
        assert nearest.max() < 1e-4, name


def test_left_and_right_are_not_swapped() -> None:
    vertices, _ = body_mesh().place(JOINTS)
    for side in ("left", "right"):
        hand = vertices[body_mesh().part_of == body_mesh().names.index(f"{side} hand")].mean(axis=0)
        assert np.linalg.norm(hand - JOINTS[JOINT_INDEX[f"{side}_wrist"]]) < 0.1


def test_the_face_looks_forward() -> None:
    vertices, _ = body_mesh(True).place(JOINTS)
    forward = body_frames(JOINTS)[2, 2]
    assert forward[2] > 0.8, "the dancer looks at the camera"
    head = vertices[part("head")].mean(axis=0)
    assert (vertices[part("nose")].mean(axis=0) - head) @ forward > 0.07
    assert (vertices[part("bun")].mean(axis=0) - head) @ forward < -0.07
    left = body_frames(JOINTS)[2, 0]
    assert (vertices[part("left eye")].mean(axis=0) - head) @ left > 0.02


def test_every_face_is_turned_outwards() -> None:
    """So that the far side of a body may be left out."""
    mesh = body_mesh(True)
    vertices, normals = mesh.place(JOINTS)
    corners = vertices[mesh.faces].astype(np.float64)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(facing, axis=1).min() > 1e-9
    assert ((facing * normals[mesh.faces].mean(axis=1)).sum(axis=1) > 0).all()


def test_normals_are_unit_vectors_and_the_front_is_light() -> None:
    mesh = body_mesh()
    _, normals = mesh.place(JOINTS)
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-4
    chest = mesh.part_of == mesh.names.index("chest")
    front = mesh.roles == mesh.role_names.index("shirt front")
    forward = body_frames(JOINTS)[1, 2]
    assert (normals[chest & front] @ forward).mean() > 0.3 > (normals[chest & ~front] @ forward).mean()


@pytest.mark.parametrize("joints", [np.zeros((22, 3)), np.ones((22, 3)), np.zeros((22, 3)) + 1e-9 * np.eye(22, 3)])
def test_no_body_at_all_is_no_error(joints: np.ndarray) -> None:
    vertices, normals = body_mesh(True).place(joints)
    assert np.isfinite(vertices).all() and np.isfinite(normals).all()


def test_it_is_as_tall_as_a_person_and_stands_on_the_floor() -> None:
    vertices, _ = body_mesh().place(JOINTS)
    assert 1.5 < np.ptp(vertices[:, 1]) < 2.3
    assert -0.08 < vertices[:, 1].min() < 0.12


def test_only_the_hands_of_oneself_are_seen() -> None:
    mesh, faces = body_mesh(), faces_of(HANDS)
    assert {mesh.names[part] for part in mesh.part_of[faces].ravel()} == set(HANDS)


def test_palms_are_beyond_the_wrists() -> None:
    palms = held_points(JOINTS)
    for side in ("left", "right"):
        wrist, elbow = JOINT_INDEX[f"{side}_wrist"], JOINT_INDEX[f"{side}_elbow"]
        arm = JOINTS[wrist] - JOINTS[elbow]
        assert (palms[wrist] - JOINTS[wrist]) @ arm > 0
    assert np.array_equal(np.delete(palms, (20, 21), axis=0), np.delete(JOINTS, (20, 21), axis=0))
