"""What is painted of a moment: bodies, held hands, shadows and the floor, as meshes. Free of Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import HAND_PAIRS, Floats
from dancecoach.ui.partner.body import HANDS, body_mesh, faces_of, held_points
from dancecoach.ui.partner.sampling import Moment

Color = tuple[float, float, float]
SKIN, HAIR, DARK = (0.89, 0.74, 0.62), (0.20, 0.15, 0.13), (0.10, 0.10, 0.12)
# Partner light and warm, dancer dark and cool: they differ in lightness too.
PARTNER_PALETTE: dict[str, Color] = {
    "shirt": (0.94, 0.60, 0.16), "shirt front": (1.0, 0.82, 0.48), "trousers": (0.70, 0.33, 0.10),
    "skin": SKIN, "hair": HAIR, "dark": DARK,
}  # fmt: skip
DANCER_PALETTE: dict[str, Color] = {
    "shirt": (0.16, 0.38, 0.62), "shirt front": (0.38, 0.62, 0.84), "trousers": (0.13, 0.19, 0.30),
    "skin": (0.74, 0.58, 0.47), "hair": (0.13, 0.10, 0.09), "dark": DARK,
}  # fmt: skip
LINK: Color = (0.94, 0.89, 0.26)
HELD = 0.35  # from where on a hand counts as held
GHOST_ALPHA, HANDS_ALPHA = 0.38, 0.55
_AROUND = np.arange(24) * 2 * np.pi / 24
_DISC = np.column_stack([np.sin(_AROUND), np.zeros(24), np.cos(_AROUND)])
_FAN = np.column_stack([np.zeros(24, int), 1 + np.arange(24), 1 + (np.arange(24) + 1) % 24]).astype(np.uint32)
_FLOOR_RADIUS, _GRID_STEP = 2.6, 0.5  # m
_FEET = (7, 8, 10, 11)


@dataclass(frozen=True)
class Mesh:
    """Something to draw: `name` its own; vertices (V, 3) m, normals (V, 3), colours (V, 4); corners (F, 3) or (F, 2).

    Vertices with a normal of 0 are not shaded; of shaded ones that are not opaque only every other pixel is drawn.
    `flat` hides nothing.
    """

    name: str
    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    colors: NDArray[np.float32]
    faces: NDArray[np.uint32]
    flat: bool = False


def couple(moment: Moment, alone: bool, floor_color: Color, line_color: Color) -> list[Mesh]:
    """Return the floor, the shadows, the bodies and the held hands.

    `alone` when the viewer is the dancer: of them only the hands are shown. While they cannot be seen they shine
    through, then they are gone.
    """
    middle = (moment.joints[0] + moment.leader[0]) / 2
    dancer = None
    if moment.state != "solo":
        dancer = body("dancer", moment.leader, False, HANDS_ALPHA if alone or moment.state == "holding" else 1.0)
        if alone:
            dancer = dataclasses.replace(dancer, faces=faces_of(HANDS))
    bodies = [moment.joints] if alone or dancer is None else [moment.joints, moment.leader]
    solid = [floor(middle, floor_color), shadows(bodies), body("partner", moment.joints, True)]
    if dancer is not None:
        solid.append(dancer)
    links = held(moment)
    if links is not None:
        solid.append(links)
    if moment.ghost is not None:
        solid.append(body("ghost", moment.ghost, True, GHOST_ALPHA))
    # As few as can be: every one that is drawn costs more than its corners do.
    return [joined("people", solid), grid(middle, line_color)]


def partner_only(moment: Moment) -> list[Mesh]:
    """Return the partner with shadow and ghost, for a picture that has the dancer in it."""
    solid = [shadows([moment.joints]), body("partner", moment.joints, True)]
    if moment.ghost is not None:
        solid.append(body("ghost", moment.ghost, True, GHOST_ALPHA))
    return [joined("alone", solid)]


def joined(name: str, meshes: Sequence[Mesh]) -> Mesh:
    """Return several meshes as one, drawn in their order."""
    before = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = [mesh.faces + np.uint32(start) for mesh, start in zip(meshes, before, strict=True)]
    return Mesh(
        name,
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.colors for mesh in meshes]),
        np.concatenate(faces),
    )


def body(name: str, joints: Floats, partner: bool, alpha: float = 1.0) -> Mesh:
    """Return somebody of joints (22, 3) m."""
    mesh = body_mesh(bun=partner)
    vertices, normals = mesh.place(joints)
    colors = mesh.colors(PARTNER_PALETTE if partner else DANCER_PALETTE, alpha)
    return Mesh(name, vertices, normals, colors, mesh.faces)


def held_pairs(moment: Moment) -> list[tuple[Floats, Floats, float]]:
    """Return the hands that are held: palm of the dancer, palm of the partner, (3,) m, and how surely, 0…1."""
    dancer, partner = held_points(moment.leader), held_points(moment.joints)
    return [
        (dancer[own], partner[other], float(hold))
        for (own, other), hold in zip(HAND_PAIRS, moment.holds, strict=True)
        if hold > HELD
    ]


def held(moment: Moment) -> Mesh | None:
    """Return a bright tube from palm to palm for each pair of held hands, the thicker the surer; None without any."""
    pairs = held_pairs(moment)
    if not pairs:
        return None
    vertices, normals, faces = [], [], []
    turn = np.arange(8) * np.pi / 4
    for number, (start, stop, hold) in enumerate(pairs):
        axis = stop - start
        axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
        side = np.cross(axis, [0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [1.0, 0.0, 0.0])
        side /= max(float(np.linalg.norm(side)), 1e-6)
        ring = np.outer(np.cos(turn), side) + np.outer(np.sin(turn), np.cross(axis, side))
        for place, radius in ((-0.03, 0.2), (-0.02, 1.0), (0.02, 1.0), (0.03, 0.2)):
            end = start if place < 0 else stop
            vertices.append(end + place * axis + 0.052 * hold * radius * ring)
            normals.append(ring)
        for row in range(3):
            here = 32 * number + 8 * row + np.arange(8)
            after = 32 * number + 8 * row + (np.arange(8) + 1) % 8
            faces += [np.column_stack([here, after, here + 8]), np.column_stack([after, after + 8, here + 8])]
    count = 32 * len(pairs)
    return Mesh(
        "held",
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.tile(np.array([*LINK, 1.0], np.float32), (count, 1)),
        np.concatenate(faces).astype(np.uint32),
    )


def shadows(bodies: list[Floats], strength: float = 0.5) -> Mesh:
    """Return soft dark discs under the hips and the feet of bodies; a lifted foot has a fainter, wider one."""
    places, radii, darkness = [], [], []
    for joints in bodies:
        places.append(joints[0])
        radii.append(0.42)
        darkness.append(0.5 * strength)
        for ankle, toes in ((7, 10), (8, 11)):
            lift = max(float(joints[[ankle, toes], 1].min()) - 0.03, 0.0)
            places.append((joints[ankle] + joints[toes]) / 2)
            radii.append(0.15 + 0.3 * lift)
            darkness.append(strength * max(1.0 - 3.0 * lift, 0.1))
    flat = np.array(places) * (1.0, 0.0, 1.0)
    flat[:, 1] = 0.003 + 0.001 * np.arange(len(places))  # each above the one before, or they would fight
    return _discs("shadows", flat, np.array(radii), (0.0, 0.0, 0.0), np.array(darkness))


def floor(middle: Floats, color: Color) -> Mesh:
    """Return the floor around `middle` (3,) m; it fades out."""
    place = np.array([[middle[0], -0.004, middle[2]]])
    return _discs("floor", place, np.array([_FLOOR_RADIUS]), color, np.ones(1))


def _discs(name: str, places: Floats, radii: Floats, color: Color, alphas: Floats) -> Mesh:
    """Return discs that fade from their middle to nothing."""
    count = len(places)
    vertices = np.empty((count, 25, 3))
    vertices[:, 0] = places
    vertices[:, 1:] = places[:, None] + radii[:, None, None] * _DISC
    colors = np.zeros((count, 25, 4))
    colors[..., :3] = color
    colors[:, 0, 3] = alphas
    faces = (_FAN + 25 * np.arange(count)[:, None, None]).reshape(-1, 3)
    flat = vertices.reshape(-1, 3).astype(np.float32)
    return Mesh(
        name, flat, np.zeros_like(flat), colors.reshape(-1, 4).astype(np.float32), faces.astype(np.uint32), flat=True
    )


def grid(middle: Floats, color: Color) -> Mesh:
    """Return the lines of the floor, which stay where they are in the room and fade out away from `middle`."""
    reach = np.arange(-5, 6) * _GRID_STEP
    origin = np.round(np.array([middle[0], middle[2]]) / _GRID_STEP) * _GRID_STEP
    one, two = np.meshgrid(reach, reach, indexing="ij")
    lines = np.stack([one, two], axis=-1).reshape(-1, 2) + origin
    points = np.column_stack([lines[:, 0], np.full(len(lines), 0.012), lines[:, 1]])  # above the shadows
    away = np.hypot(lines[:, 0] - middle[0], lines[:, 1] - middle[2]) / (_FLOOR_RADIUS * 0.92)
    colors = np.empty((len(points), 4))
    colors[:, :3], colors[:, 3] = color, np.clip(1 - away, 0, 1)
    index = np.arange(len(points)).reshape(len(reach), len(reach))
    ends = [np.column_stack([index[:-1].ravel(), index[1:].ravel()])]
    ends.append(np.column_stack([index[:, :-1].ravel(), index[:, 1:].ravel()]))
    return Mesh(
        "grid",
        points.astype(np.float32),
        np.zeros(points.shape, np.float32),
        colors.astype(np.float32),
        np.concatenate(ends).astype(np.uint32),
        flat=True,
    )
