"""Motion in BVH: any common skeleton in, the 22 joints of SMPL out, and back."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dancecoach.errors import FileFormatError
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, JOINT_PARENTS, Floats, PoseTrack

_LARGEST = 512 * 1024 * 1024  # bytes of text
_MOST_JOINTS = 400
_FARTHEST = 1e7  # units of the file
_AXES = {"x": 0, "y": 1, "z": 2}
_CHOOSE = "Choose a BVH file of a whole body."

# Names of each joint in the skeletons of common tools, normalised: lower case, letters and digits only,
# left/right as l/r in front.
_ALIASES: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis", "hips", "hip", "root"),
    "spine1": ("spine1", "abdomen", "lowerback", "spine", "torso"),
    "spine2": ("spine2", "spine", "chest", "spine1"),
    "spine3": ("spine3", "chest", "spine2", "spine1", "upperchest", "thorax"),
    "neck": ("neck", "neck1"),
    "head": ("head",),
    "left_hip": ("lhip", "lthigh", "lupleg", "lupperleg", "lhipjoint", "lbuttock"),
    "left_knee": ("lknee", "lleg", "lshin", "llowleg", "llowerleg", "lcalf"),
    "left_ankle": ("lankle", "lfoot"),
    "left_foot": ("ltoebase", "ltoe", "ltoes", "lfootend"),
    "left_collar": ("lcollar", "lclavicle", "lshoulderblade"),
    "left_shoulder": ("larm", "lshldr", "lupperarm", "luparm", "lshoulder"),
    "left_elbow": ("lelbow", "lforearm", "llowarm", "llowerarm"),
    "left_wrist": ("lwrist", "lhand"),
}
# Interpolated from neighbours where a skeleton lacks them: joint, from, to, share.
_FILLED = (
    ("neck", "left_shoulder", "right_shoulder", 0.5),
    ("spine1", "pelvis", "neck", 0.25),
    ("spine2", "pelvis", "neck", 0.45),
    ("spine3", "pelvis", "neck", 0.65),
    ("left_collar", "neck", "left_shoulder", 0.4),
    ("right_collar", "neck", "right_shoulder", 0.4),
)


@dataclass
class _Node:
    name: str
    parent: int
    offset: Floats
    channels: tuple[str, ...] = ()
    first: int = 0
    children: list[int] = field(default_factory=list)


def read_bvh(path: Path, fps: float | None = None) -> PoseTrack:
    """Read a BVH file (`.bvh` or `.bvh.gz`).

    Parameters
    ----------
    path : Path
    fps : float, optional
        True frame rate, where the header's is wrong.

    Returns
    -------
    PoseTrack
        Metres, y up, the lowest feet at y = 0; times from 0.

    Raises
    ------
    FileFormatError
        When the file is not a BVH of a whole body.
    """
    text = _read_text(path)
    head, mark, tail = text.partition("MOTION")
    if not mark or "HIERARCHY" not in head:
        raise FileFormatError(f"{path.name} is not a BVH file.", _CHOOSE)
    nodes = _parse_hierarchy(head, path.name)
    rate, values = _parse_motion(tail, nodes, path.name)
    if fps is not None:
        rate = fps
    if not 1.0 <= rate <= 10_000.0:
        raise FileFormatError(
            f"{path.name} has an impossible frame rate ({rate:g}).", "Give the true one with --fps."
        )
    positions = _forward(nodes, values)
    room = _to_skeleton(nodes, positions, path.name)
    if not np.all(np.abs(room) < _FARTHEST):
        raise FileFormatError(f"The positions in {path.name} are beyond all bounds.", _CHOOSE)
    room *= _metres_per_unit(room)
    feet = room[:, [JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")], 1]
    room[:, :, 1] -= np.percentile(feet.min(axis=1), 5)
    roots = room[:, 0].copy()
    return PoseTrack(np.arange(len(room)) / rate, room - roots[:, None], roots, np.ones(room.shape[:2]))


def _read_text(path: Path) -> str:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                data = file.read(_LARGEST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
    except (OSError, EOFError) as error:
        raise FileFormatError(f"The motion file {path.name} cannot be read ({error}).", _CHOOSE) from error
    if len(data) > _LARGEST:
        raise FileFormatError(f"The motion file {path.name} is too large.", "Cut it into shorter ones.")
    return data.decode("utf-8", errors="replace")


def _parse_hierarchy(text: str, name: str) -> list[_Node]:
    words = text.split()
    nodes: list[_Node] = []
    stack: list[int] = []
    pending: _Node | None = None
    channel_count = 0
    position = words.index("HIERARCHY") + 1
    try:
        while position < len(words):
            word = words[position]
            if word in ("ROOT", "JOINT", "End"):
                pending = _Node(words[position + 1] if word != "End" else "", stack[-1] if stack else -1, np.zeros(3))
                position += 2
            elif word == "{":
                if pending is None or len(nodes) >= _MOST_JOINTS:
                    raise ValueError(word)
                nodes.append(pending)
                if pending.parent >= 0:
                    nodes[pending.parent].children.append(len(nodes) - 1)
                stack.append(len(nodes) - 1)
                pending = None
                position += 1
            elif word == "}":
                stack.pop()
                position += 1
            elif word == "OFFSET":
                nodes[stack[-1]].offset = np.array([float(each) for each in words[position + 1 : position + 4]])
                position += 4
            elif word == "CHANNELS":
                count = int(words[position + 1])
                channels = tuple(each.lower() for each in words[position + 2 : position + 2 + count])
                # A second list would shift the columns of all that follow.
                if nodes[stack[-1]].channels or not 0 <= count == len(channels) <= 6:
                    raise ValueError(channels)
                if any(not re.fullmatch(r"[xyz](rotation|position)", each) for each in channels):
                    raise ValueError(channels)
                nodes[stack[-1]].channels, nodes[stack[-1]].first = channels, channel_count
                channel_count += count
                position += 2 + count
            else:
                # Joint names may hold spaces.
                if pending is None:
                    raise ValueError(word)
                pending.name += word
                position += 1
    except (ValueError, IndexError) as error:
        raise FileFormatError(f"The skeleton in {name} cannot be understood.", _CHOOSE) from error
    if not nodes or any(len(node.offset) != 3 or not np.all(np.isfinite(node.offset)) for node in nodes):
        raise FileFormatError(f"The skeleton in {name} cannot be understood.", _CHOOSE)
    return nodes


def _parse_motion(text: str, nodes: list[_Node], name: str) -> tuple[float, Floats]:
    """Return frames a second and the channel values (T, C)."""
    found = re.match(r"\s*Frames:\s*(\d+)\s*Frame\s*Time:\s*([0-9.eE+-]+)", text)
    width = sum(len(node.channels) for node in nodes)
    if not found or width == 0:
        raise FileFormatError(f"The motion in {name} cannot be understood.", _CHOOSE)
    try:
        values = np.array(text[found.end() :].split(), dtype=np.float64)
        interval = float(found[2])
    except ValueError as error:
        raise FileFormatError(f"The motion in {name} holds something that is not a number.", _CHOOSE) from error
    frames = len(values) // width  # a truncated file keeps its complete frames
    if frames < 2 or interval <= 0 or not np.all(np.isfinite(values)):
        raise FileFormatError(f"The motion in {name} has no usable frames.", _CHOOSE)
    return 1.0 / interval, values[: frames * width].reshape(frames, width)


def _forward(nodes: list[_Node], values: Floats) -> Floats:
    """Return positions (T, nodes, 3) in the file's units."""
    count = len(values)
    positions = np.zeros((count, len(nodes), 3))
    turns = np.zeros((len(nodes), count, 3, 3))
    for index, node in enumerate(nodes):
        local = np.broadcast_to(node.offset, (count, 3)).copy()
        turn = np.broadcast_to(np.eye(3), (count, 3, 3))
        for number, channel in enumerate(node.channels):
            column = values[:, node.first + number]
            axis = _AXES[channel[0]]
            if channel.endswith("position"):
                # Absolute for the root; in joints some tools repeat the offset here.
                local[:, axis] = column
            else:
                turn = turn @ _turn(axis, np.radians(column))
        if node.parent < 0:
            positions[:, index], turns[index] = local, turn
        else:
            positions[:, index] = positions[:, node.parent] + np.einsum("tij,tj->ti", turns[node.parent], local)
            turns[index] = turns[node.parent] @ turn
    return positions


def _turn(axis: int, angle: Floats) -> Floats:
    """Return rotation matrices (T, 3, 3) about one axis."""
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.zeros((len(angle), 3, 3))
    matrix[:, axis, axis] = 1
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, first, first] = matrix[:, second, second] = cosine
    matrix[:, first, second], matrix[:, second, first] = -sine, sine
    return matrix


def _plain(name: str) -> str:
    """Return a joint's name without prefix, case and punctuation, left and right as l and r in front."""
    plain = re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower().replace("mixamorig", ""))
    for word, letter in (("left", "l"), ("right", "r")):
        if plain.startswith(word) or plain.endswith(word):
            return letter + plain.replace(word, "", 1)
    return plain


def _to_skeleton(nodes: list[_Node], positions: Floats, name: str) -> Floats:
    """Return (T, 22, 3): each joint from the node of its name, the missing ones from neighbours."""
    index_of: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.name:
            index_of.setdefault(_plain(node.name), index)
    root = nodes.index(next(node for node in nodes if node.parent < 0))
    joints = np.full((len(positions), JOINT_COUNT, 3), np.nan)
    taken: set[int] = set()
    for joint, joint_name in enumerate(JOINT_NAMES):
        for alias in _aliases_of(joint_name):
            index = index_of.get(alias, -1)
            if index >= 0 and (index not in taken or joint_name == "pelvis"):
                joints[:, joint] = positions[:, index]
                taken.add(index)
                break
    if np.isnan(joints[0, 0, 0]):
        joints[:, 0] = positions[:, root]
    hips = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]
    if not np.isnan(joints[0, hips]).any() and "pelvis" not in index_of:
        joints[:, 0] = joints[:, hips].mean(axis=1)  # roots of other names lie anywhere near the hips
    for joint_name, start, stop, share in _FILLED:
        joint = JOINT_INDEX[joint_name]
        if np.isnan(joints[0, joint, 0]):
            joints[:, joint] = (1 - share) * joints[:, JOINT_INDEX[start]] + share * joints[:, JOINT_INDEX[stop]]
    for side in ("left", "right"):
        foot, ankle = JOINT_INDEX[f"{side}_foot"], JOINT_INDEX[f"{side}_ankle"]
        if np.isnan(joints[0, foot, 0]):
            end = index_of.get(_aliases_of(f"{side}_ankle")[-1], index_of.get(f"{side[0]}foot"))
            children = nodes[end].children if end is not None else []
            joints[:, foot] = positions[:, children[0]] if children else joints[:, ankle]
    missing = [JOINT_NAMES[joint] for joint in range(JOINT_COUNT) if np.isnan(joints[0, joint, 0])]
    if missing:
        raise FileFormatError(f"{name} lacks {', '.join(each.replace('_', ' ') for each in missing[:4])}.", _CHOOSE)
    return joints


def _aliases_of(joint_name: str) -> tuple[str, ...]:
    if joint_name.startswith("right_"):
        return tuple("r" + alias[1:] for alias in _ALIASES[joint_name.replace("right", "left")])
    return _ALIASES[joint_name]


def _metres_per_unit(room: Floats) -> float:
    """Return the unit that makes the bones of legs and trunk a grown-up's."""

    def length(first: str, second: str) -> float:
        return float(np.median(np.linalg.norm(room[:, JOINT_INDEX[first]] - room[:, JOINT_INDEX[second]], axis=1)))

    leg = length("left_hip", "left_knee") + length("left_knee", "left_ankle")
    trunk = length("pelvis", "neck")
    size = leg + trunk  # about 1.35 m
    if size <= 0:
        return 1.0
    for unit in (1.0, 0.01, 0.001, 0.0254):
        if 0.9 <= size * unit <= 1.8:
            return unit
    return 1.35 / size


def frame_times(track: PoseTrack) -> Floats:
    """Return the evenly spaced times (F,) s at which `write_bvh` writes a track.

    Raises
    ------
    FileFormatError
        When the track has fewer than two poses.
    """
    if len(track) < 2:
        raise FileFormatError("There are no poses to export.", "Record a session with a dancer in the picture.")
    interval = float(np.median(np.diff(track.times)))
    return np.arange(track.times[0], track.times[-1] + interval / 2, interval)


def write_bvh(path: Path, track: PoseTrack, times: Floats | None = None) -> None:
    """Write a track as BVH: the 22 joints, centimetres, y up, constant bone lengths (the median of each).

    Rotations are fitted to the joint positions; a joint with one child turns its bone the shortest way.

    Parameters
    ----------
    path : Path
    track : PoseTrack
    times : (F,) s, optional
        Evenly spaced, the frames to write instead of the track's own, so that two dancers share them; before the
        track's first pose and after its last one the body stands still.

    Raises
    ------
    FileFormatError
        When the track has fewer than two poses.
    """
    own = frame_times(track)
    times = own if times is None or len(times) < 2 else times
    interval = float(times[1] - times[0]) if len(times) > 1 else float(np.median(np.diff(track.times)))
    room = (track.joints + track.roots[:, None]).reshape(len(track), -1)
    upper = np.clip(np.searchsorted(track.times, times, side="right"), 1, len(track) - 1)
    span = track.times[upper] - track.times[upper - 1]
    share = np.clip((times - track.times[upper - 1]) / span, 0.0, 1.0)[:, None]
    joints = (room[upper - 1] * (1 - share) + room[upper] * share).reshape(len(times), JOINT_COUNT, 3) * 100.0
    offsets = _measured_offsets(joints, _rest_offsets(joints))
    turns = _fit_turns(joints, offsets)
    children = _children()
    lines = ["HIERARCHY"]
    order: list[int] = []

    def describe(joint: int, depth: int) -> None:
        pad = "  " * depth
        offset = " ".join(f"{value:.4f}" for value in (offsets[joint] if joint else np.zeros(3)))
        order.append(joint)
        lines.extend(
            [f"{pad}{'JOINT' if joint else 'ROOT'} {JOINT_NAMES[joint]}", f"{pad}{{", f"{pad}  OFFSET {offset}"]
        )
        rotation = "Zrotation Xrotation Yrotation"
        channels = f"CHANNELS 3 {rotation}" if joint else f"CHANNELS 6 Xposition Yposition Zposition {rotation}"
        lines.append(f"{pad}  {channels}")
        for child in children[joint]:
            describe(child, depth + 1)
        if not children[joint]:
            lines.extend([f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0.0 0.0 0.0", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    describe(0, 0)
    angles = _euler_zxy(turns)  # (T, 22, 3) degrees
    table = np.concatenate([joints[:, 0], *(angles[:, joint] for joint in order)], axis=1)
    lines.extend(["MOTION", f"Frames: {len(times)}", f"Frame Time: {interval:.8f}"])
    with path.open("w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        np.savetxt(file, table, fmt="%.4f")


def _children() -> list[list[int]]:
    return [
        [joint for joint in range(JOINT_COUNT) if JOINT_PARENTS[joint] == parent] for parent in range(JOINT_COUNT)
    ]


def _rest_offsets(joints: Floats) -> Floats:
    """Return each joint's offset (22, 3) from its parent in a rest pose: upright, arms to the sides."""
    rest = {
        "spine": (0, 1, 0), "neck": (0, 1, 0), "head": (0, 1, 0), "hip": (0.95, -0.3, 0), "knee": (0, -1, 0),
        "ankle": (0, -1, 0), "foot": (0, -0.35, 0.94), "collar": (0.8, 0.6, 0), "shoulder": (1, 0, 0),
        "elbow": (1, 0, 0), "wrist": (1, 0, 0),
    }  # fmt: skip
    offsets = np.zeros((JOINT_COUNT, 3))
    for joint in range(1, JOINT_COUNT):
        name = JOINT_NAMES[joint]
        direction = np.array(rest[re.sub(r"^(left|right)_|\d", "", name)], dtype=np.float64)
        if name.startswith("right"):
            direction[0] *= -1
        length = np.median(np.linalg.norm(joints[:, joint] - joints[:, JOINT_PARENTS[joint]], axis=1))
        offsets[joint] = direction / np.linalg.norm(direction) * length
    return offsets


def _measured_offsets(joints: Floats, offsets: Floats) -> Floats:
    """Return the offsets with the real shape of the pelvis and the shoulder girdle, where several bones meet."""
    offsets = offsets.copy()
    for _ in range(3):
        world = _world_turns(_fit_turns(joints, offsets))
        for joint, children in enumerate(_children()):
            if len(children) > 1:
                away = joints[:, children] - joints[:, [joint]]
                offsets[children] = np.einsum("tji,tcj->tci", world[:, joint], away).mean(axis=0)
    return offsets


def _world_turns(local: Floats) -> Floats:
    world = local.copy()
    for joint in range(1, JOINT_COUNT):
        world[:, joint] = world[:, JOINT_PARENTS[joint]] @ local[:, joint]
    return world


def _fit_turns(joints: Floats, offsets: Floats) -> Floats:
    """Return local rotations (T, 22, 3, 3) that bring the rest pose onto `joints` (T, 22, 3)."""
    count = len(joints)
    local = np.broadcast_to(np.eye(3), (count, JOINT_COUNT, 3, 3)).copy()
    world = local.copy()
    for joint, children in enumerate(_children()):
        parent = world[:, JOINT_PARENTS[joint]] if joint else np.broadcast_to(np.eye(3), (count, 3, 3))
        if not children:
            world[:, joint] = parent
            continue
        # Directions of the children as the parent sees them.
        wanted = np.einsum("tij,tcj->tci", parent.transpose(0, 2, 1), joints[:, children] - joints[:, [joint]])
        rest = offsets[children]
        turn = _shortest(rest[0], wanted[:, 0]) if len(children) == 1 else _best(rest, wanted)
        local[:, joint] = turn
        world[:, joint] = parent @ turn
    return local


def _shortest(rest: Floats, wanted: Floats) -> Floats:
    """Return the smallest rotations (T, 3, 3) from direction (3,) to directions (T, 3) (Rodrigues)."""
    start = rest / max(float(np.linalg.norm(rest)), 1e-9)
    stop = wanted / np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)
    axis = np.cross(start, stop)
    cosine = stop @ start
    skew = np.zeros((len(stop), 3, 3))
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    skew -= skew.transpose(0, 2, 1)
    turn = np.eye(3) + skew + skew @ skew / np.maximum(1 + cosine, 1e-6)[:, None, None]
    opposite = cosine < -0.999999
    if opposite.any():
        side = np.cross(start, [1.0, 0, 0]) if abs(start[0]) < 0.9 else np.cross(start, [0, 1.0, 0])
        side /= np.linalg.norm(side)
        turn[opposite] = 2 * np.outer(side, side) - np.eye(3)
    return np.asarray(turn)


def _best(rest: Floats, wanted: Floats) -> Floats:
    """Return rotations (T, 3, 3) that bring vectors (C, 3) closest to vectors (T, C, 3) (Kabsch)."""
    covariance = np.einsum("tci,cj->tij", wanted, rest)
    left, _, right = np.linalg.svd(covariance)
    flip = np.ones((len(wanted), 3))
    flip[:, 2] = np.linalg.det(left @ right)
    return np.asarray((left * flip[:, None, :]) @ right, dtype=np.float64)


def _euler_zxy(turns: Floats) -> Floats:
    """Return angles (…, 3) degrees in the order Z, X, Y of rotation matrices (…, 3, 3)."""
    x = np.arcsin(np.clip(turns[..., 2, 1], -1, 1))
    z = np.arctan2(-turns[..., 0, 1], turns[..., 1, 1])
    y = np.arctan2(-turns[..., 2, 0], turns[..., 2, 2])
    return np.asarray(np.degrees(np.stack([z, x, y], axis=-1)), dtype=np.float64)
