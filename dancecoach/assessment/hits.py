r"""Kinematic beats: the moments at which movements arrive.

A *hit* is a local minimum of the weighted joint speed between two movements, the convention of the beat alignment
score (Li et al., "AI Choreographer", ICCV 2021). Found on speed squared, which is smooth where speed has a kink,
and interpolated between samples. Where the dancer arrives and holds, the minimum is a plateau without a place of
its own; the hit is then the moment of arrival, its beginning.

```
speed   /\      /\            /\
       /  \    /  \          /  \
      /    \  /    \________/    \
            ^       ^ arrival, then a hold
            hit
```

All filters are symmetric in time, so nothing here delays a hit.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, LIMBS, PART_JOINTS, BodyPart, Floats, PoseTrack

RATE = 100.0  # Hz of the uniform grid
_GAP = 0.25  # s without a pose that break a movement
_SMOOTH, _SMOOTH_MONOCULAR = 0.018, 0.030  # s, standard deviation of the Gaussian
_DEPTH_MONOCULAR = 0.25  # weight of the axis that one camera cannot see well
_MIN_SEPARATION = 0.14  # s; half beats at 200 BPM are 0.15 s apart
_PROMINENCE = 0.25  # of the 90th percentile of speed
_STILL, _STILL_MONOCULAR = 0.02, 0.12  # m/s; a part that never moves faster is still, the rest is noise
_VISIBLE = 0.5
_HOLD = 0.17  # s below a tenth of the peak, less twice the smoothing, after which a minimum is a hold

_WEIGHTS = np.ones(JOINT_COUNT)
for _name in ("spine1", "spine2", "spine3", "left_collar", "right_collar", "left_foot", "right_foot"):
    _WEIGHTS[JOINT_INDEX[_name]] = 0.3


@dataclass(frozen=True, slots=True)
class MotionEvents:
    """What one body part did: `hits` (N,) s, arrivals; `peaks` (M,) s, moments of greatest speed.

    `reason` says why there are none; `spans` (S, 2) s, where the part could be seen.
    """

    part: BodyPart
    hits: Floats
    peaks: Floats
    spans: Floats
    reason: str | None = None


def find_events(track: PoseTrack) -> Mapping[BodyPart, MotionEvents]:
    """Return the hits and speed peaks of the whole body and of each limb.

    Arms are measured against their shoulder, legs against the pelvis, torso and body in the room, so that an arm
    that hangs while the body bounces has no hits of its own.
    """
    parts: tuple[BodyPart, ...] = ("body", *LIMBS)
    found: dict[BodyPart, list[MotionEvents]] = {part: [] for part in parts}
    sigma = _SMOOTH_MONOCULAR if track.monocular else _SMOOTH
    for start, stop in _runs(track.times):
        times, positions = _resample(track, start, stop)
        velocity = gaussian_filter1d(positions, sigma * RATE, axis=0, order=1, truncate=3.5) * RATE
        if track.monocular:
            velocity = velocity * np.array([1.0, 1.0, _DEPTH_MONOCULAR])
        visibility = track.visibility[start:stop].mean(axis=0)
        still = _STILL_MONOCULAR if track.monocular else _STILL
        for part in parts:
            found[part].append(_part_events(part, times, velocity, visibility, still, sigma))
    return {part: _join(part, events) for part, events in found.items()}


def _runs(times: Floats) -> list[tuple[int, int]]:
    """Return the (start, stop) index ranges without gaps, at least half a second long."""
    if len(times) < 2:
        return []
    breaks = np.flatnonzero(np.diff(times) > _GAP) + 1
    edges = [0, *breaks.tolist(), len(times)]
    pairs = itertools.pairwise(edges)
    return [(a, b) for a, b in pairs if b - a >= 8 and times[b - 1] - times[a] >= 0.5]


def _resample(track: PoseTrack, start: int, stop: int) -> tuple[Floats, Floats]:
    """Return uniform times (N,) and room positions (N, 22, 3) by linear interpolation."""
    source = track.times[start:stop]
    positions = (track.joints[start:stop] + track.roots[start:stop, None, :]).reshape(len(source), -1)
    # The grid is anchored to the clock, not to the first pose, so that a later window sees the same samples.
    first, last = np.ceil(source[0] * RATE), np.floor(source[-1] * RATE)
    times = np.arange(first, last + 1) / RATE
    upper = np.clip(np.searchsorted(source, times, side="right"), 1, len(source) - 1)
    share = ((times - source[upper - 1]) / (source[upper] - source[upper - 1]))[:, None]
    mixed = positions[upper - 1] * (1 - share) + positions[upper] * share
    return times, mixed.reshape(len(times), JOINT_COUNT, 3)


def _part_events(
    part: BodyPart, times: Floats, velocity: Floats, visibility: Floats, still: float, sigma: float
) -> MotionEvents:
    joints = np.array(PART_JOINTS[part])
    seen = visibility[joints] >= _VISIBLE
    span = np.array([[times[0], times[-1]]])
    nothing = np.empty(0)
    anchor = _anchor(part)
    enough = np.count_nonzero(seen) * 2 > len(seen) if part != "torso" else bool(seen[0])
    if not enough or (anchor is not None and visibility[anchor] < _VISIBLE):
        return MotionEvents(part, nothing, nothing, np.empty((0, 2)), f"{_SPOKEN[part]} not seen")
    joints = joints[seen]
    moving = velocity[:, joints]
    if anchor is not None:
        moving = moving - velocity[:, [anchor]]
    weights = _WEIGHTS[joints] / _WEIGHTS[joints].sum()
    energy = np.einsum("tjc,tjc,j->t", moving, moving, weights)
    hits, peaks = _extrema(times, energy, still, sigma)
    reason = None if len(hits) else f"{_SPOKEN[part]} still"
    return MotionEvents(part, hits, peaks, span, reason)


_SPOKEN: Mapping[BodyPart, str] = {
    "body": "body", "left_arm": "left arm", "right_arm": "right arm",
    "left_leg": "left leg", "right_leg": "right leg", "torso": "torso",
}  # fmt: skip


def _anchor(part: BodyPart) -> int | None:
    if part in ("left_arm", "right_arm"):
        return JOINT_INDEX[part.replace("arm", "shoulder")]
    return JOINT_INDEX["pelvis"] if part in ("left_leg", "right_leg") else None


def _extrema(times: Floats, energy: Floats, still: float, sigma: float) -> tuple[Floats, Floats]:
    """Return hits (N,) and peaks (M,) in seconds of a speed-squared curve (T,) in m²/s²."""
    speed = np.sqrt(energy)
    strong = float(np.percentile(speed, 90))
    nothing = np.empty(0)
    if strong < still:
        return nothing, nothing
    distance = int(_MIN_SEPARATION * RATE)
    peaks, _ = find_peaks(speed, prominence=_PROMINENCE * strong, distance=distance)
    valleys, _ = find_peaks(-speed, prominence=_PROMINENCE * strong, distance=distance)
    if len(peaks) == 0:
        return nothing, nothing
    hits = []
    for valley in valleys:
        before = peaks[np.searchsorted(peaks, valley) - 1] if peaks[0] < valley else None
        if before is None:
            continue  # nothing arrived: the track begins here
        arrival = _hold_arrival(times, speed, int(before), int(valley), sigma)
        hits.append(_vertex(times, energy, int(valley)) if arrival is None else arrival)
    return np.array(hits), np.array([_vertex(times, energy, int(peak)) for peak in peaks])


def _vertex(times: Floats, curve: Floats, index: int) -> float:
    """Return the time of the extremum of the parabola through the samples around `index`."""
    if not 0 < index < len(curve) - 1:
        return float(times[index])
    left, middle, right = curve[index - 1], curve[index], curve[index + 1]
    bend = left - 2 * middle + right
    shift = 0.0 if bend == 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    return float(times[index]) + shift / RATE


def _hold_arrival(times: Floats, speed: Floats, peak: int, valley: int, sigma: float) -> float | None:
    """Return when a movement with a hold after it arrived, None when there is no hold.

    Natural reaches are of minimum jerk (Flash & Hogan 1985): speed is 16 τ²(1 − τ)² of its peak, so the arrival
    follows the peak by 1.845 times the half width at half height. Smoothing (`sigma` s) widens that in quadrature.
    """
    top, low = speed[peak], speed[valley]
    tenth = low + 0.1 * (top - low)
    above = np.flatnonzero(speed[valley:] > tenth)
    stop = valley + int(above[0]) if len(above) else len(speed) - 1
    start = peak + int(np.flatnonzero(speed[peak : valley + 1] > tenth)[-1])
    if times[stop] - times[start] < _HOLD - 2 * sigma:
        return None
    middle = _vertex(times, speed**2, peak)
    half = _crossing(times, speed, peak, valley, low + 0.5 * (top - low)) - middle
    true_half = np.sqrt(max(half**2 - (1.177 * sigma) ** 2, 0.0))
    return float(np.clip(middle + 1.845 * true_half, times[start] - _HOLD, times[stop]))


def _crossing(times: Floats, speed: Floats, peak: int, valley: int, level: float) -> float:
    index = peak + int(np.flatnonzero(speed[peak : valley + 1] > level)[-1])
    high, low = speed[index], speed[min(index + 1, len(speed) - 1)]
    share = 0.0 if high == low else float((high - level) / (high - low))
    return float(times[index]) + share / RATE


def _join(part: BodyPart, events: list[MotionEvents]) -> MotionEvents:
    if not events:
        return MotionEvents(part, np.empty(0), np.empty(0), np.empty((0, 2)), "nobody seen long enough")
    hits = np.concatenate([each.hits for each in events])
    reasons = [each.reason for each in events if each.reason is not None]
    return MotionEvents(
        part,
        hits,
        np.concatenate([each.peaks for each in events]),
        np.concatenate([each.spans for each in events]),
        None if len(hits) else (reasons[0] if reasons else "still"),
    )
