"""When nothing is said of a movement, and why: what was not seen, or is no steady body, is not judged."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation

from dancecoach.assessment.kinematics import CHAIN_JOINTS, LONG_BONES, heading, turned
from dancecoach.types import JOINT_PARENTS, LIMBS, SURE, BeatGrid, Floats, PoseTrack

_SLOWEST = 18.0  # poses a second; a webcam gives 30, and in fewer a tremor cannot be told from a movement
_SHARE = 0.85  # of an eight-count that has to be seen
_GAP = 0.25  # s
_VISIBLE = 0.5
_STILL, _STILL_MONOCULAR = 0.025, 0.05  # m; root mean square of the liveliest joint about its mean
_WAVERING = 0.12  # of its length, median change of a long bone that no body shows
_WAVERING_MONOCULAR = 0.25
_JUMP, _JUMP_MONOCULAR = 12.0, 20.0  # m/s; faster than a body goes
_JUMPS = 0.02  # share of poses that may jump
_MENDABLE = 0.25  # share of poses around which lost markers are interpolated
_SWAP = 0.35  # m in one pose that the whole body goes, or another one is seen
_EXCHANGED = 6.0  # m/s, median of the joints against the pelvis
_PARENTS = np.array(JOINT_PARENTS)


def mended(track: PoseTrack) -> PoseTrack:
    """Return a motion capture whose lost markers are interpolated: joints that jump, in few poses; else the track."""
    if track.monocular or len(track) < 4:
        return track
    room = track.joints + track.roots[:, None]
    if not np.isfinite(room).all():
        return track
    speed = np.linalg.norm(np.diff(room, axis=0), axis=2) / np.diff(track.times)[:, None]
    leaps = speed > _JUMP
    if not leaps.any() or np.any(leaps.mean(axis=1) > 0.5):
        return track  # whoever leaps as a whole is another person
    bad = np.zeros(room.shape[:2], dtype=bool)
    bad[1:] |= leaps
    bad[:-1] |= leaps
    bad = binary_dilation(bad, np.ones((3, 1)))
    if bad.any(axis=1).mean() > _MENDABLE:
        return track
    for joint in np.flatnonzero(bad.any(axis=0)):
        good = ~bad[:, joint]
        for axis in range(3):
            room[~good, joint, axis] = np.interp(track.times[~good], track.times[good], room[good, joint, axis])
    roots = room[:, 0]
    return PoseTrack(track.times, room - roots[:, None], roots, track.visibility, track.monocular)


def why_not(track: PoseTrack, start: float, stop: float) -> str | None:
    """Return why the movement from `start` to `stop` s cannot be judged, None when it can."""
    inside = (track.times >= start - 1e-6) & (track.times <= stop + 1e-6)
    times = track.times[inside]
    if len(times) < 4:
        return "nobody seen"
    steps = np.diff(times)
    if 1.0 / float(np.median(steps)) < _SLOWEST:
        return f"too few frames: {1.0 / float(np.median(steps)):.0f} a second"
    seen = float(np.minimum(steps, _GAP).sum()) / max(stop - start, 1e-9)
    if seen < _SHARE:
        return "not seen all the time"
    visibility = track.visibility[inside]
    unseen = [part for part in LIMBS if visibility[:, list(CHAIN_JOINTS[part])].mean() < _VISIBLE]
    if "left_leg" in unseen or "right_leg" in unseen:
        return "feet out of frame"
    if unseen:
        return "arms out of sight" if unseen[0].endswith("arm") else "not seen well enough"
    return _no_body(times, track.joints[inside], track.roots[inside], track.monocular)


def unusable(track: PoseTrack) -> str | None:
    """Return why nothing can be compared with a whole track, None when it can."""
    if len(track) < 4:
        return "there are too few poses"
    rate = 1.0 / float(np.median(np.diff(track.times)))
    if rate < _SLOWEST:
        return f"it has too few frames, {rate:.0f} a second"
    own = turned(track.joints, -heading(track.joints, rate))
    spread = np.sqrt(((own - own.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
    return "nobody moves in it" if float(spread.max()) < _STILL else None


def _no_body(times: Floats, joints: Floats, roots: Floats, monocular: bool) -> str | None:
    if not (np.isfinite(joints).all() and np.isfinite(roots).all()):
        return "poses are not numbers"
    room = joints + roots[:, None]
    lengths = np.linalg.norm(joints - joints[:, np.maximum(_PARENTS, 0)], axis=2)[:, list(LONG_BONES)]
    middle = np.median(lengths, axis=0)
    if float(middle.min()) < 0.05:
        return "no whole body seen"
    wavering = float(np.median(np.median(np.abs(lengths - middle), axis=0) / middle))
    if wavering > (_WAVERING_MONOCULAR if monocular else _WAVERING):
        return "the body is not seen steadily"
    steps = np.diff(times)
    moved = np.linalg.norm(np.diff(room, axis=0), axis=2)
    whole = np.median(moved, axis=1)
    if np.any((whole > _SWAP) & (steps < _GAP)):
        return "another person came into view"
    speed = moved / steps[:, None]
    if np.mean(speed.max(axis=1) > (_JUMP_MONOCULAR if monocular else _JUMP)) > _JUMPS:
        return "the body is not seen steadily"
    relative = np.linalg.norm(np.diff(joints, axis=0), axis=2) / steps[:, None]
    if np.count_nonzero(np.median(relative, axis=1) > _EXCHANGED) >= 2:
        return "another person came into view"
    # In the dancer's own heading: whoever is carried or turned as a whole does not dance.
    own = turned(joints, -heading(joints, 1.0 / float(np.median(steps))))
    spread = np.sqrt(((own - own.mean(axis=0)) ** 2).sum(axis=2).mean(axis=0))
    if float(spread.max()) < (_STILL_MONOCULAR if monocular else _STILL):
        return "no movement"
    return None


def beat_unsure(grid: BeatGrid | None) -> bool:
    """Whether there is no beat that timing can be measured against."""
    return grid is None or len(grid.beat_times) < 2 or grid.confidence < SURE
