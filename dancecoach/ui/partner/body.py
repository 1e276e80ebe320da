"""A body as one mesh: rounded tubes along the bones, a head with a face, palms and shoes. Free of Qt.

Every part is the same tube of rings, so that one product of small tables moves all of them at once. Whatever the
joints do, turned, moved or mirrored, the mesh does the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, Floats

_SEGMENTS = 10
# Rings of a tube: (place along the part 0…1, angle of the rounded end in quarter turns).
_RINGS = ((0.0, -1.0), (0.0, -0.5), (0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0))
_TRUNK = 0.52  # m from pelvis to neck of the body that the radii below are of
_PELVIS, _CHEST, _HEAD = 0, 1, 2  # frames of reference of the parts

Radii = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """One rounded tube.

    `start` and `stop` weights of joints; `radii` (sideways, forwards) m at start, middle and end; `lift` and `drop`
    m added to start and stop, along (left, up, forward) of its `frame`; `role` of its colour, `front` of its front
    half; `across` along (left, up, forward), the direction of its first radius.
    """

    name: str
    start: Mapping[str, float]
    stop: Mapping[str, float]
    radii: tuple[Radii, Radii, Radii]
    role: str
    frame: int = _CHEST
    front: str = ""
    lift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    drop: tuple[float, float, float] = (0.0, 0.0, 0.0)
    across: tuple[float, float, float] = (1.0, 0.0, 0.0)


def _round(*radii: float) -> tuple[Radii, Radii, Radii]:
    one, two, three = radii
    return (one, one), (two, two), (three, three)


def _trunk() -> list[Part]:
    hips = {"left_hip": 0.5, "right_hip": 0.5}
    chest = {"spine3": 0.35, "neck": 0.65}
    shoulders = ({"left_shoulder": 1.0}, {"right_shoulder": 1.0})
    belly: tuple[Radii, Radii, Radii] = ((0.13, 0.1), (0.128, 0.095), (0.145, 0.1))
    ribs: tuple[Radii, Radii, Radii] = ((0.145, 0.1), (0.17, 0.118), (0.125, 0.085))
    return [
        Part("hips", hips, {"spine1": 1.0}, ((0.15, 0.115), (0.15, 0.11), (0.13, 0.1)), "trousers", _PELVIS),
        Part("waist", {"spine1": 1.0}, {"spine2": 1.0}, belly, "shirt", front="shirt front"),
        Part("chest", {"spine2": 1.0}, chest, ribs, "shirt", front="shirt front"),
        Part("shoulders", *shoulders, _round(0.056, 0.066, 0.056), "shirt", across=(0.0, 0.0, 1.0)),
        Part("neck", {"neck": 1.0}, {"head": 1.0}, _round(0.052, 0.048, 0.048), "skin"),
    ]


def _head(bun: bool) -> list[Part]:
    head = {"head": 1.0}
    skull: tuple[Radii, Radii, Radii] = ((0.066, 0.078), (0.078, 0.094), (0.076, 0.09))

    def bump(name: str, role: str, radius: float, *ends: tuple[float, float, float]) -> Part:
        return Part(name, head, head, _round(radius, radius, radius), role, _HEAD, lift=ends[0], drop=ends[-1])

    parts = [
        Part("head", head, head, skull, "hair", _HEAD, "skin", (0.0, -0.035, 0.012), (0.0, 0.075, 0.0)),
        bump("nose", "skin", 0.016, (0.0, 0.02, 0.09), (0.0, 0.0, 0.112)),
        bump("left eye", "dark", 0.012, (0.032, 0.035, 0.088), (0.032, 0.036, 0.088)),
        bump("right eye", "dark", 0.012, (-0.032, 0.035, 0.088), (-0.032, 0.036, 0.088)),
    ]
    if bun:
        parts.append(bump("bun", "hair", 0.045, (0.0, 0.07, -0.1), (0.0, 0.085, -0.115)))
    return parts


def _limbs(side: str, sign: float) -> list[Part]:
    def joint(name: str) -> dict[str, float]:
        return {f"{side}_{name}": 1.0}

    def beyond(name: str, before: str, share: float) -> dict[str, float]:
        return {f"{side}_{name}": 1.0 + share, f"{side}_{before}": -share}

    # No arm points this way for long; only the corners of its rings would turn if one did.
    arm = (-sign, -0.5, -0.8)
    palm: tuple[Radii, Radii, Radii] = ((0.024, 0.02), (0.042, 0.024), (0.03, 0.016))
    shoe: tuple[Radii, Radii, Radii] = ((0.042, 0.045), (0.045, 0.036), (0.042, 0.024))
    heel, toes = beyond("ankle", "foot", 0.25), beyond("foot", "ankle", 0.35)
    upper, lower = _round(0.054, 0.046, 0.039), _round(0.04, 0.038, 0.027)
    thigh, shin = _round(0.09, 0.075, 0.056), _round(0.056, 0.054, 0.037)
    return [
        Part(f"{side} upper arm", joint("shoulder"), joint("elbow"), upper, "shirt", across=arm),
        Part(f"{side} forearm", joint("elbow"), joint("wrist"), lower, "skin", across=arm),
        Part(f"{side} hand", joint("wrist"), beyond("wrist", "elbow", 0.42), palm, "skin", across=arm),
        Part(f"{side} thigh", joint("hip"), joint("knee"), thigh, "trousers", _PELVIS),
        Part(f"{side} shin", joint("knee"), joint("ankle"), shin, "trousers", _PELVIS),
        Part(f"{side} shoe", heel, toes, shoe, "dark", _PELVIS, lift=(0.0, -0.03, 0.0)),
    ]


HANDS = ("left forearm", "left hand", "right forearm", "right hand")  # all of the dancer that they see of themselves


@dataclass(frozen=True)
class BodyMesh:
    """What does not change of a body's mesh.

    `faces` (F, 3) corners; `roles` (V,) places in `role_names`, for the colours; `part_of` (V,) the vertex's part;
    the other tables place V vertices on P parts.
    """

    names: tuple[str, ...]
    faces: NDArray[np.uint32]
    roles: NDArray[np.int64]
    role_names: tuple[str, ...]
    part_of: NDArray[np.int64]
    starts: Floats  # (P, 22)
    stops: Floats  # (P, 22)
    lifts: Floats  # (P, 3)
    drops: Floats  # (P, 3)
    frames: NDArray[np.int64]  # (P,)
    across: Floats  # (P, 3)
    along: NDArray[np.float32]  # (P, V / P) 0…1
    places: NDArray[np.float32]  # (P, V / P, 3) m along (part, first radius, second radius)
    normals: NDArray[np.float32]  # (P, V / P, 3) in the same

    def colors(self, palette: Mapping[str, tuple[float, float, float]], alpha: float = 1.0) -> NDArray[np.float32]:
        """Return the vertices' colours (V, 4) 0…1; `palette` holds red, green, blue of every role."""
        table = np.array([(*palette[name], alpha) for name in self.role_names], dtype=np.float32)
        return table[self.roles]

    def place(self, joints: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return vertices (V, 3) m and their normals (V, 3) for joints (22, 3) m."""
        frames = body_frames(joints)
        size = float(np.clip(np.linalg.norm(joints[_NECK] - joints[0]) / _TRUNK, 0.6, 1.4))
        own = frames[self.frames]  # (P, 3, 3)
        start = self.starts @ joints + size * np.einsum("pi,pij->pj", self.lifts, own)
        stop = self.stops @ joints + size * np.einsum("pi,pij->pj", self.drops, own)
        axis = stop - start
        length = np.linalg.norm(axis, axis=1)
        axis = np.where(length[:, None] > 1e-6, axis / np.maximum(length, 1e-6)[:, None], own[:, 1])
        wanted = np.einsum("pi,pij->pj", self.across, own)
        first = _unit(wanted - (wanted * axis).sum(axis=1)[:, None] * axis, own[:, 2])
        basis = np.stack([axis, first, _cross(first, axis)], axis=1).astype(np.float32)  # (P, 3, 3)
        places = self.places * np.float32(size)
        places[..., 0] += self.along * length.astype(np.float32)[:, None]
        vertices = places @ basis + start.astype(np.float32)[:, None]
        return vertices.reshape(-1, 3), (self.normals @ basis).reshape(-1, 3)


def _cross(one: Floats, two: Floats) -> Floats:
    """Return the cross products of (N, 3) and (N, 3); numpy's own takes five times as long."""
    return np.stack(
        [
            one[:, 1] * two[:, 2] - one[:, 2] * two[:, 1],
            one[:, 2] * two[:, 0] - one[:, 0] * two[:, 2],
            one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0],
        ],
        axis=1,
    )


_NECK = JOINT_INDEX["neck"]
_SIDES = {
    name: (JOINT_INDEX[f"left_{name}"], JOINT_INDEX[f"right_{name}"]) for name in ("hip", "shoulder")
}  # of the dancer's own


def body_frames(joints: Floats) -> Floats:
    """Return (3, 3, 3): left, up and forward (unit vectors, rows) of pelvis, chest and head of joints (22, 3) m."""
    spine = joints[_NECK] - joints[0]
    found = np.empty((3, 3, 3))
    ups = (spine, spine, joints[JOINT_INDEX["head"]] - joints[_NECK])
    for index, (up, side) in enumerate(zip(ups, ("hip", "shoulder", "shoulder"), strict=True)):
        left, right = _SIDES[side]
        across = joints[left] - joints[right]
        up = _one(up, (0.0, 1.0, 0.0))
        across = _one(across - (across @ up) * up, (1.0, 0.0, 0.0))
        found[index, 0], found[index, 1] = across, up
    found[:, 2] = _cross(found[:, 0], found[:, 1])
    return found


def _one(vector: Floats, otherwise: tuple[float, float, float]) -> Floats:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 1e-9 else otherwise, dtype=np.float64)


def _unit(vectors: Floats, otherwise: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1)[:, None]
    return np.asarray(np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), otherwise))


@lru_cache(maxsize=2)
def body_mesh(bun: bool = False) -> BodyMesh:
    """Return the mesh of a body; with a `bun` of hair, which tells partner and dancer apart from behind."""
    parts = [*_trunk(), *_head(bun), *_limbs("left", 1.0), *_limbs("right", -1.0)]
    role_names = tuple(dict.fromkeys(role for part in parts for role in (part.role, part.front) if role))
    turn = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    cosine, sine = np.cos(turn), np.sin(turn)
    faces, roles, part_of, along, places, normals = [], [], [], [], [], []
    for number, part in enumerate(parts):
        base = number * len(_RINGS) * _SEGMENTS
        for ring, (place, cap) in enumerate(_RINGS):
            sideways, forwards = part.radii[round(2 * place)]
            end, wide = np.sin(cap * np.pi / 2), np.cos(cap * np.pi / 2)
            reach = min(sideways, forwards) * end  # of the rounded end
            places.append(
                np.column_stack([np.full(_SEGMENTS, reach), sideways * wide * cosine, forwards * wide * sine])
            )
            normal = np.column_stack([np.full(_SEGMENTS, end), wide * forwards * cosine, wide * sideways * sine])
            normal[:, 1:] /= max(sideways, forwards)
            normals.append(normal / np.linalg.norm(normal, axis=1)[:, None])
            along.append(np.full(_SEGMENTS, place))
            front = role_names.index(part.front or part.role)
            # The second radius points forwards.
            roles.append(np.where(sine > 0.3, front, role_names.index(part.role)))
            if ring:
                here = base + ring * _SEGMENTS + np.arange(_SEGMENTS)
                after = base + ring * _SEGMENTS + (np.arange(_SEGMENTS) + 1) % _SEGMENTS
                # Counter-clockwise as seen from outside.
                if cap < 1:
                    faces.append(np.column_stack([here - _SEGMENTS, here, after]))
                if ring > 1:  # at its two ends the tube is a point
                    faces.append(np.column_stack([here - _SEGMENTS, after, after - _SEGMENTS]))
        part_of.append(np.full(len(_RINGS) * _SEGMENTS, number))
    return BodyMesh(
        names=tuple(part.name for part in parts),
        faces=np.concatenate(faces).astype(np.uint32),
        roles=np.concatenate(roles),
        role_names=role_names,
        part_of=np.concatenate(part_of),
        starts=np.stack([_weights(part.start) for part in parts]),
        stops=np.stack([_weights(part.stop) for part in parts]),
        lifts=np.array([part.lift for part in parts]),
        drops=np.array([part.drop for part in parts]),
        frames=np.array([part.frame for part in parts]),
        across=np.array([part.across for part in parts]),
        along=np.concatenate(along).reshape(len(parts), -1).astype(np.float32),
        places=np.concatenate(places).reshape(len(parts), -1, 3).astype(np.float32),
        normals=np.concatenate(normals).reshape(len(parts), -1, 3).astype(np.float32),
    )


@lru_cache(maxsize=4)
def faces_of(parts: tuple[str, ...]) -> NDArray[np.uint32]:
    """Return the corners (F, 3) of some parts of the body without a bun only."""
    mesh = body_mesh()
    wanted = np.array([name in parts for name in mesh.names])
    found: NDArray[np.uint32] = mesh.faces[wanted[mesh.part_of[mesh.faces[:, 0]]]]
    return found


def _weights(joints: Mapping[str, float]) -> Floats:
    weights = np.zeros(JOINT_COUNT)
    for name, weight in joints.items():
        weights[JOINT_INDEX[name]] = weight
    return weights


def held_points(joints: Floats) -> Floats:
    """Return the middle of each palm: (22, 3) m in, joints (22, 3) m with the wrists moved into the palms out."""
    moved = joints.copy()
    for side in ("left", "right"):
        wrist, elbow = JOINT_INDEX[f"{side}_wrist"], JOINT_INDEX[f"{side}_elbow"]
        moved[wrist] = joints[wrist] + 0.25 * (joints[wrist] - joints[elbow])
    return moved
