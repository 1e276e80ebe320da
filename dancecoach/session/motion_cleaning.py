"""What every recorded motion goes through before it is learned from: glitches, frame rate, floor, which way is up."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import label
from scipy.signal import butter, sosfiltfilt

from dancecoach.errors import FileFormatError
from dancecoach.types import JOINT_INDEX, Floats

RATE = 60.0  # frames a second, at most, of a prepared motion
FASTEST = 12.0  # m/s; no joint of a dancer is faster, only a marker that was lost
_PASSES = 20  # a repaired gap that is still too fast grows by a frame at either end
_SMOOTHED = 25.0  # Hz, kept when the frame rate is reduced; dance has nothing above 15 Hz
_FEET = tuple(JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
_LEAST = 8  # frames


def repair(times: Floats, room: Floats) -> tuple[Floats, int]:
    """Interpolate frames in which a joint is not finite or jumps faster than any body moves.

    Parameters
    ----------
    times : (T,) s, ascending
    room : (T, 22, 3) m, room frame

    Returns
    -------
    room : (T, 22, 3) m
        Whole frames are replaced: of a single joint it would change the lengths of its bones.
    count : int
        How many frames were replaced.

    Raises
    ------
    FileFormatError
        When fewer than half of the frames are usable.
    """
    bad = ~np.isfinite(room).all(axis=(1, 2))
    fixed = room.copy()
    for _ in range(_PASSES):
        if bad.mean() > 0.5:
            raise FileFormatError("Fewer than half of the frames of a motion are usable.", "Leave this take out.")
        if bad.any():
            inside = np.clip(times[bad], times[~bad][0], times[~bad][-1])
            fixed[bad] = PchipInterpolator(times[~bad], room[~bad], axis=0)(inside)
        jumps = np.linalg.norm(np.diff(fixed, axis=0), axis=2).max(axis=1) / np.diff(times) > FASTEST
        if not jumps.any():
            break
        before, after = np.append(False, jumps), np.append(jumps, False)
        there_and_back = before & after & ~bad
        lone = jumps & ~(there_and_back[:-1] | there_and_back[1:])  # of its two ends either may be wrong
        touched = there_and_back | np.append(False, lone) | np.append(lone, False)
        # A gap that was filled and is still too fast ends in frames that are wrong too.
        gaps, _ = label(bad)
        fast = np.isin(gaps, gaps[touched & bad]) & bad
        bad |= touched | np.append(fast[1:], False) | np.append(False, fast[:-1])
    return fixed, int(np.count_nonzero(bad))


def resample(times: Floats, room: Floats, rate: float = RATE) -> tuple[Floats, Floats]:
    """Bring a motion to a regular frame rate of at most `rate`, its times from 0.

    What is faster than the new rate can hold is first removed with a Butterworth filter run forwards and backwards,
    so nothing is shifted in time; a motion that is regular and slow enough is left as it is.

    Parameters
    ----------
    times : (T,) s, ascending
    room : (T, 22, 3) m
    rate : float
        Frames a second.

    Returns
    -------
    times : (U,) s
    room : (U, 22, 3) m
    """
    if len(times) < _LEAST:
        raise FileFormatError(f"A motion has only {len(times)} frames.", "Leave this take out.")
    times = times - times[0]
    native = 1.0 / float(np.median(np.diff(times)))
    regular = np.arange(len(times)) / native
    steady = bool(np.abs(times - regular).max() < 0.1 / native)
    if steady and native <= rate * 1.01:
        return regular, room
    if not steady:  # the filter counts in frames
        grid = np.arange(0.0, times[-1] + 1e-9, 1.0 / native)
        room, times = np.asarray(CubicSpline(times, room, axis=0)(grid), dtype=np.float64), grid
    if native > rate * 1.01:
        sections = butter(4, min(_SMOOTHED, 0.42 * rate), fs=native, output="sos")
        room = sosfiltfilt(sections, room, axis=0, padlen=min(len(room) - 1, int(native / 2)))
    grid = np.arange(0.0, times[-1] + 1e-9, 1.0 / min(native, rate))
    return grid, np.asarray(CubicSpline(times, room, axis=0)(grid), dtype=np.float64)


def on_floor(room: Floats) -> Floats:
    """Return a motion (T, 22, 3) m moved up or down so that its feet stand at y = 0."""
    room = room.copy()
    room[:, :, 1] -= np.percentile(room[:, _FEET, 1].min(axis=1), 5)
    return room


def upright(room: Floats) -> Floats:
    """Return a motion (T, 22, 3) turned so that y is up: of the six possible ways the one that is head over feet.

    It is a turn, never a mirror image.
    """
    body = np.nanmedian(room[:, JOINT_INDEX["neck"]] - room[:, _FEET].mean(axis=1), axis=0)
    axis = int(np.argmax(np.abs(body)))
    turn = np.eye(3)
    if axis == 0:
        turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    elif axis == 2:
        turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    if body[axis] < 0:
        turn = np.diag([1.0, -1, -1]) @ turn
    return np.asarray(room @ turn.T, dtype=np.float64)


def unit_of(room: Floats) -> float:
    """Return the metres in a unit of the file, by the length of legs and trunk, as for BVH files.

    Raises
    ------
    FileFormatError
        When no usual unit makes it a human body.
    """

    def length(first: str, second: str) -> float:
        return float(np.nanmedian(np.linalg.norm(room[:, JOINT_INDEX[first]] - room[:, JOINT_INDEX[second]], axis=1)))

    size = length("left_hip", "left_knee") + length("left_knee", "left_ankle") + length("pelvis", "neck")
    for unit in (1.0, 0.01, 0.001, 0.0254):
        if 0.8 <= size * unit <= 1.8:
            return unit
    raise FileFormatError(f"A body of {size:.3g} units is not human in any unit.", "Leave this take out.")
