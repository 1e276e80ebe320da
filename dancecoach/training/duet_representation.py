"""How two dancers are told to a network, and how they are put back into the room.

Everything is seen from a dancer who faces +z with the pelvis over the origin, as in the canonical frame of Li et al.,
"InterDance" (2025), but of every frame anew, so that nothing hangs on where in the room or which way a take began.

```
follower (T, 144)   0:66 joints m   66:132 velocities m/s   132:136 from the leader: x, z m, sin and cos of heading
                    136:140 feet that stand   140:144 wrists that touch: the leader's two, the follower's two
leader (T, 140)     0:66 joints m   66:132 velocities m/s   132:136 to the next frame: x, z m, sin and cos of turn
                    136:140 feet that stand
```

Joints keep their height, along the floor they are relative to the pelvis. The published representation has joint
rotations and 655 points of the body's surface too. Here bodies are capsules between joints: places of joints say all
that is drawn, measured or in contact, and rotations are left out. The leader's part holds no touching wrists: those
would tell where the follower is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dancecoach.session.duets import RATE
from dancecoach.training.duet_geometry import heading, point_distance, turned
from dancecoach.types import JOINT_COUNT, JOINT_INDEX

OWN, VELOCITY, PLACE, FEET, HANDS = slice(0, 66), slice(66, 132), slice(132, 136), slice(136, 140), slice(140, 144)
FOLLOWER_SIZE, LEADER_SIZE = 144, 140
FOOT_JOINTS = [JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")]
WRISTS = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]
_LOW = (0.12, 0.12, 0.05, 0.05)  # m, below which a foot's joint stands
_SLOW = 0.001  # m²/frame², squared speed below which it does
REACH = 0.12  # m from a wrist to the other's surface: held hands' wrists are 8-18 cm apart at the closest


def leader_features(leader: Tensor) -> Tensor:
    """Return (B, T, 140) of a leader (B, T, 22, 3) m in a room."""
    facing, place = heading(leader), _place(leader)
    step = _next_difference(place)
    ahead = turned(step[..., None, :], -facing)[..., 0, :]
    turn = _next_difference(facing[..., None])[..., 0]
    move = torch.stack([ahead[..., 0], ahead[..., 2], torch.sin(turn), torch.cos(turn)], dim=-1)
    return torch.cat([_own(leader, place, facing), _velocity(leader, facing), move, feet(leader)], dim=-1)


def follower_features(leader: Tensor, follower: Tensor) -> Tensor:
    """Return (B, T, 144) of a follower (B, T, 22, 3) m for a leader in the same room."""
    facing, place = heading(follower), _place(follower)
    leading = heading(leader)
    offset = turned((place - _place(leader))[..., None, :], -leading)[..., 0, :]
    turn = facing - leading
    relation = torch.stack([offset[..., 0], offset[..., 2], torch.sin(turn), torch.cos(turn)], dim=-1)
    parts = [_own(follower, place, facing), _velocity(follower, facing), relation, feet(follower)]
    return torch.cat([*parts, touches(leader, follower)], dim=-1)


def leader_room(features: Tensor) -> Tensor:
    """Return a leader (B, T, 22, 3) m who starts over the origin, facing +z, of features (B, T, 140)."""
    move = features[..., PLACE]
    turn = torch.atan2(move[..., 2], move[..., 3] + 1e-8)
    facing = functional.pad(turn[..., :-1].cumsum(dim=-1), (1, 0))
    ahead = torch.stack([move[..., 0], torch.zeros_like(turn), move[..., 1]], dim=-1)
    step = turned(ahead[..., None, :], facing)[..., 0, :]
    place = functional.pad(step[..., :-1, :].cumsum(dim=-2), (0, 0, 1, 0))
    return _set_down(features, place, facing)


def follower_room(features: Tensor, leader: Tensor) -> Tensor:
    """Return a follower (B, T, 22, 3) m of features (B, T, 144) with a leader (B, T, 22, 3) m."""
    relation, leading = features[..., PLACE], heading(leader)
    ahead = torch.stack([relation[..., 0], torch.zeros_like(leading), relation[..., 1]], dim=-1)
    place = _place(leader) + turned(ahead[..., None, :], leading)[..., 0, :]
    return _set_down(features, place, leading + torch.atan2(relation[..., 2], relation[..., 3] + 1e-8))


def feet(room: Tensor) -> Tensor:
    """Return which of ankles and feet stand, (B, T, 4) of 0 and 1: low and slow."""
    joints = room[..., FOOT_JOINTS, :]
    slow = (_next_difference(joints.flatten(-2)).reshape(joints.shape) ** 2).sum(dim=-1) < _SLOW
    low = joints[..., 1] < torch.tensor(_LOW, dtype=room.dtype, device=room.device)
    return (low & slow).to(room.dtype)


def wrist_gaps(leader: Tensor, follower: Tensor) -> Tensor:
    """Return how far (B, T, 4) m the leader's, then the follower's wrists are from the other's surface."""
    theirs = point_distance(leader[..., WRISTS, :], follower)
    return torch.cat([theirs, point_distance(follower[..., WRISTS, :], leader)], dim=-1)


def touches(leader: Tensor, follower: Tensor) -> Tensor:
    """Return which wrists touch the other dancer, (B, T, 4) of 0 and 1."""
    return (wrist_gaps(leader, follower) < REACH).to(leader.dtype)


def _place(room: Tensor) -> Tensor:
    """Return where on the floor bodies (..., 22, 3) stand, (..., 3) m."""
    place = room[..., 0, :].clone()
    place[..., 1] = 0.0
    return place


def _own(room: Tensor, place: Tensor, facing: Tensor) -> Tensor:
    return turned(room - place[..., None, :], -facing).flatten(-2)


def _velocity(room: Tensor, facing: Tensor) -> Tensor:
    step = _next_difference(room.flatten(-2)).reshape(room.shape)
    return turned(step * RATE, -facing).flatten(-2)


def _next_difference(values: Tensor) -> Tensor:
    """Return the differences (..., T, C) to the next frame, the last one twice."""
    steps = values[..., 1:, :] - values[..., :-1, :]
    return torch.cat([steps, steps[..., -1:, :]], dim=-2)


def _set_down(features: Tensor, place: Tensor, facing: Tensor) -> Tensor:
    own = features[..., OWN].reshape(*features.shape[:-1], JOINT_COUNT, 3)
    return turned(own, facing) + place[..., None, :]
