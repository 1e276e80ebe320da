r"""Kinematic beats: the moments at which movements arrive.

A *hit* is a local minimum of the weighted joint speed between two movements, the convention of the beat alignment
score (Li et al., "AI Choreographer", ICCV 2021). Found on speed squared, which is smooth where speed has a kink,
and interpolated between samples. Where the dancer arrives and holds, the minimum is a plateau without a place of
its own; the hit is then the moment of arrival, its beginning, found from the width and the shape of the movement.

```
speed   /\      /\            /\
       /  \    /  \          /  \
      /    \  /    \________/    \
            ^       ^ arrival, then a hold
            hit
```

All filters are symmetric in time, so nothing here delays a hit. What noise adds to the speed is measured and
subtracted, and parts that are noisy for their speed are smoothed more; the widths take account of the smoothing.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator
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
_SWAY, _CARRIED = 0.03, 0.2  # m, and share of the most active part's, from one hit to the next; less is no dancing
_CLEAR = 1.6  # times the noise; a part that never moves faster cannot be told from it
_VISIBLE = 0.5
_HOLD = 1.0  # sigmas between the end of a movement and the minimum after it, from which there is a hold
_HOLDS = 0.5  # sigmas of the same, in the median, from which there are holds after all movements
_QUIET = 0.035  # of the speed of the movements; more noise than that in each dimension is smoothed away
_WIDEST = 0.07  # s, standard deviation of the Gaussian for the noisiest parts
_COLOURED = 8.0  # times the energy of white noise that noise with the same third difference has at most

# Movements whose width at two levels of their height is known: exponents, half durations in sigmas.
_LEVELS = (0.6, 0.2)
_COSINE = 1.3  # stands for the half cosine itself, which no exponent quite gives
_SHAPES = np.array([0.0, 0.1, 0.25, 0.5, 1.0, _COSINE, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0])
_USUAL = 1.7  # between half cosine and minimum jerk
_STEEP = 0.5  # exponent below which a speed is constant
# Share of the rise of speed around a minimum that is within a sigma of it, for constant speeds with holds of so many
# sigmas between them. It is 0.68 at a turn, but less where one speed is greater than the other or not quite constant.
_RISES, _BRIEF = (0.585, 0.555, 0.48, 0.4), (0.0, 1.5, 2.0, 2.5)
_APART = 2.0  # sigmas between the feet of two movements from which they do not hide each other's shape
_HIDDEN, _OPEN = 0.5, 0.1  # sigmas between the widths of the extreme shapes that tell as much as the usual shape does
_TRAIL = 0.3  # of the shift between the middles at the two levels, for lopsided movements
_UNSEEN = (math.nan, math.nan, math.nan)
_DURATIONS = np.concatenate([np.linspace(0.5, 4, 15), np.linspace(4.5, 40, 40)])

_WEIGHTS = np.ones(JOINT_COUNT)
for _name in ("spine1", "spine2", "spine3", "left_collar", "right_collar", "left_foot", "right_foot"):
    _WEIGHTS[JOINT_INDEX[_name]] = 0.3


@dataclass(frozen=True, slots=True)
class MotionEvents:
    """What one body part did: `hits` (N,) s, arrivals; `peaks` (M,) s, moments of greatest speed.

    `reason` says why there are none; `spans` (S, 2) s, where the part could be seen; `extent` m, the path of its
    joints from one hit to the next.
    """

    part: BodyPart
    hits: Floats
    peaks: Floats
    spans: Floats
    reason: str | None = None
    extent: float = 0.0


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
        # Linear interpolation between poses smooths as well.
        interval = float(np.median(np.diff(track.times[start:stop])))
        smoothed = math.hypot(sigma, interval / math.sqrt(6.0))
        noise = _noise(track, start, stop, smoothed, interval)
        for part in parts:
            found[part].append(_part_events(part, times, velocity, noise, visibility, still, smoothed))
    joined = {part: _join(part, events) for part, events in found.items()}
    most = max(events.extent for events in joined.values())
    return {part: _without_sway(events, most) for part, events in joined.items()}


def _without_sway(events: MotionEvents, most: float) -> MotionEvents:
    """Return the events of a limb, none where it only sways or is carried along by one that moves `most` m."""
    if events.part == "body" or len(events.hits) == 0 or events.extent > min(_SWAY, _CARRIED * most):
        return events
    nothing = np.empty(0)
    return MotionEvents(events.part, nothing, nothing, events.spans, f"{_SPOKEN[events.part]} hardly moves")


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
    source, positions = _filled(track.times[start:stop], track.joints[start:stop] + track.roots[start:stop, None, :])
    # The grid is anchored to the clock, not to the first pose, so that a later window sees the same samples.
    first, last = np.ceil(source[0] * RATE), np.floor(source[-1] * RATE)
    times = np.arange(first, last + 1) / RATE
    upper = np.clip(np.searchsorted(source, times, side="right"), 1, len(source) - 1)
    share = ((times - source[upper - 1]) / (source[upper] - source[upper - 1]))[:, None]
    mixed = positions[upper - 1] * (1 - share) + positions[upper] * share
    return times, mixed.reshape(len(times), JOINT_COUNT, 3)


def _filled(times: Floats, room: Floats) -> tuple[Floats, Floats]:
    """Return times (N,) and positions (N, 66) with the poses that are missing among those given.

    Straight lines across missing poses would smooth a movement more there than elsewhere.
    """
    positions = room.reshape(len(times), -1)
    intervals = np.diff(times)
    missing = np.round(intervals / max(float(np.median(intervals)), 1 / RATE)).astype(int) - 1
    gaps = np.flatnonzero(missing > 0)
    if len(gaps) == 0 or not np.isfinite(positions).all():
        return times, positions
    added = np.concatenate([np.linspace(times[gap], times[gap + 1], missing[gap] + 2)[1:-1] for gap in gaps])
    where = np.searchsorted(times, added)
    distinct, first = np.unique(times, return_index=True)
    bent = Akima1DInterpolator(distinct, positions[first])(added)
    return np.insert(times, where, added), np.insert(positions, where, bent, axis=0)


def _noise(track: PoseTrack, start: int, stop: int, sigma: float, interval: float) -> Floats:
    """Return the mean squared speed (22,) m²/s² that white noise of the positions makes.

    The third difference leaves little of a movement and twenty times the variance of the noise.
    """
    room = track.joints[start:stop] + track.roots[start:stop, None, :]
    deviation = np.median(np.abs(np.diff(room, 3, axis=0)), axis=0) / (0.6745 * math.sqrt(20.0))
    if track.monocular:
        deviation = deviation * np.array([1.0, 1.0, _DEPTH_MONOCULAR])
    return np.asarray((deviation**2).sum(axis=-1) * interval / (4 * math.sqrt(math.pi) * sigma**3))


def _part_events(
    part: BodyPart, times: Floats, velocity: Floats, noise: Floats, visibility: Floats, still: float, sigma: float
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
    white = float((noise[joints] + (0.0 if anchor is None else noise[anchor])) @ weights)
    energy, floor, sigma = _quietened(moving, weights, white, sigma)
    hits, peaks = _extrema(times, energy, floor, still, sigma)
    if len(hits) == 0:
        return MotionEvents(part, nothing, peaks, span, f"{_SPOKEN[part]} still")
    path = float(np.sqrt(np.maximum(energy - floor, 0.0)).sum()) / RATE
    return MotionEvents(part, hits, peaks, span, None, path / len(peaks))


def _quietened(moving: Floats, weights: Floats, white: float, sigma: float) -> tuple[Floats, float, float]:
    """Return the speed squared (T,) m²/s², what of it is noise, and the smoothing of it, s.

    Velocities `moving` (T, J, 3) m/s smoothed by `sigma` s, in which white noise is `white` m²/s², are smoothed more
    until the noise no longer moves the end of a movement.
    """
    energy = np.einsum("tjc,tjc,j->t", moving, moving, weights)
    floor = _floor(energy, white)
    loud = max(float(np.percentile(energy, 90)) - floor, 1e-9)
    # Along a movement only one of the dimensions of the noise counts; it falls with the third power of sigma.
    single = floor * float(weights @ weights) / 3.0
    wanted = min(sigma * (single / (_QUIET**2 * loud)) ** (1 / 3), _WIDEST)
    if wanted <= sigma:
        return energy, floor, sigma
    moving = gaussian_filter1d(moving, math.sqrt(wanted**2 - sigma**2) * RATE, axis=0, truncate=3.5)
    energy = np.einsum("tjc,tjc,j->t", moving, moving, weights)
    return energy, _floor(energy, white * (sigma / wanted) ** 3), wanted


def _floor(energy: Floats, white: float) -> float:
    """Return the part of `energy` (T,) m²/s² that is noise, given that of white noise.

    It is the least energy: in holds there is nothing else. Where a movement turns around without one, energy grows
    with the square of its rank, and is extrapolated to the first.
    """
    low, higher = np.percentile(energy, (5, 10))
    return float(np.clip((4 * low - higher) / 3, white, _COLOURED * white))


_SPOKEN: Mapping[BodyPart, str] = {
    "body": "body", "left_arm": "left arm", "right_arm": "right arm",
    "left_leg": "left leg", "right_leg": "right leg", "torso": "torso",
}  # fmt: skip


def _anchor(part: BodyPart) -> int | None:
    if part in ("left_arm", "right_arm"):
        return JOINT_INDEX[part.replace("arm", "shoulder")]
    return JOINT_INDEX["pelvis"] if part in ("left_leg", "right_leg") else None


def _extrema(times: Floats, energy: Floats, floor: float, still: float, sigma: float) -> tuple[Floats, Floats]:
    """Return hits (N,) and peaks (M,) in seconds of a speed-squared curve (T,) in m²/s²."""
    speed = np.sqrt(energy)
    strong = float(np.percentile(speed, 90))
    nothing = np.empty(0)
    if strong < max(still, _CLEAR * math.sqrt(floor)):
        return nothing, nothing
    distance = int(_MIN_SEPARATION * RATE)
    peaks, _ = find_peaks(speed, prominence=_PROMINENCE * strong, distance=distance)
    valleys, _ = find_peaks(-speed, prominence=_PROMINENCE * strong, distance=distance)
    if len(peaks) == 0:
        return nothing, nothing
    before = np.searchsorted(peaks, valleys) - 1  # -1: nothing arrived, the track begins there
    before, first = np.unique(before[before >= 0], return_index=True)
    vertices = np.array([_vertex(times, energy, int(valley)) for valley in valleys[valleys > peaks[0]][first]])
    brief = _brief_hold(times, energy, vertices, sigma)
    ends = _ends(np.sqrt(np.maximum(energy - floor, 0.0)), peaks, sigma, math.isfinite(brief))
    tops = np.array([_vertex(times, energy, int(peak)) for peak in peaks])
    if ends is None:
        return np.maximum(vertices - brief / 2, times[peaks][before]), tops
    arrivals = np.maximum(times[0] + ends, times[peaks])[before]
    rests = vertices - arrivals
    # What all movements of a part agree on is surer than a single one.
    held = len(rests) > 0 and float(np.median(rests)) > _HOLDS * sigma
    hits = np.where(rests > (0.0 if held else _HOLD * sigma), arrivals, vertices)
    return hits, tops


def _brief_hold(times: Floats, energy: Floats, vertices: Floats, sigma: float) -> float:
    """Return how long, s, constant speeds hold at the minima of their energy, `vertices` (N,) s; NaN where long.

    Speed beyond the least rises on both sides of a turn, in the mean, by an error function, whatever the angle of the
    turn and whatever the noise adds; the longer a hold, the later. Edges this close do not tell where they end.
    """
    if len(vertices) == 0:
        return math.nan
    least = np.interp(vertices, times, energy)

    def rise(reach: float) -> Floats:
        sides = np.interp([vertices - reach * sigma, vertices + reach * sigma], times, energy)
        return np.asarray(np.sqrt(np.maximum(sides - least, 0.0)).mean(axis=0))

    # In a long hold there is no rise but of the noise.
    enough = math.sqrt(_PROMINENCE * float(np.percentile(energy, 90)))
    share = float(np.median(rise(1.0) / np.maximum(rise(3.0), enough)))
    return float(np.interp(-share, -np.array(_RISES), _BRIEF, right=math.nan)) * sigma


def _ends(speed: Floats, peaks: NDArray[np.intp], sigma: float, brief: bool) -> Floats | None:
    """Return when the movement around each of `peaks` (M,) ends, s after the first sample; infinity where unknown.

    None where speeds are constant and holds `brief`: the edges run into each other.
    """
    bounds = [0, *peaks.tolist(), len(speed)]
    around = zip(bounds, bounds[1:], bounds[2:], strict=False)
    middles, narrow, wide = np.array([_widths(speed, *three) for three in around]).T / RATE / sigma
    seen = np.isfinite(wide)
    shape = _USUAL
    if np.count_nonzero(seen) >= 3:
        # Next to each other, two movements hide where each of them ends, and so its shape.
        feet = np.diff(middles) - wide[1:] - wide[:-1]
        apart = feet > _APART
        alone = seen & np.append(True, apart) & np.append(apart, True)
        chosen, vague = (alone, _OPEN) if np.count_nonzero(alone) >= 3 else (seen, _HIDDEN)
        shape = _shape(narrow[chosen], wide[chosen], vague)
        if brief and shape < _STEEP:
            return None
    return np.asarray(np.where(seen, middles + _half_durations(shape, wide), np.inf) * sigma)


def _vertex(times: Floats, curve: Floats, index: int) -> float:
    """Return the time of the extremum of the parabola through the samples around `index`."""
    if not 0 < index < len(curve) - 1:
        return float(times[index])
    left, middle, right = curve[index - 1], curve[index], curve[index + 1]
    bend = left - 2 * middle + right
    shift = 0.0 if bend == 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    return float(times[index]) + shift / RATE


def _widths(speed: Floats, before: int, peak: int, after: int) -> tuple[float, float, float]:
    """Return the middle of a movement and its half widths at the two levels, samples.

    NaN where it runs into the movements with their peaks `before` and `after` it.
    """
    if speed[peak] <= 0.0:
        return _UNSEEN
    edges = np.empty((2, 2))
    for row, level in enumerate(_LEVELS):
        height = level * speed[peak]
        rising = np.flatnonzero(speed[before:peak] <= height)
        falling = np.flatnonzero(speed[peak:after] <= height)
        if len(rising) == 0 or len(falling) == 0:
            return _UNSEEN
        left, right = before + int(rising[-1]), peak + int(falling[0])
        edges[row, 0] = left + (height - speed[left]) / (speed[left + 1] - speed[left])
        edges[row, 1] = right - (height - speed[right]) / (speed[right - 1] - speed[right])
    middle = float(edges[1].mean())
    narrow, wide = (edges[:, 1] - edges[:, 0]) / 2
    narrow += _TRAIL * (edges[0].mean() - middle)
    return middle, float(narrow), float(wide)


def _shape(narrow: Floats, wide: Floats, vague: float) -> float:
    """Return the exponent p that fits movements of these half widths (M,) best, speed (1 − (t/h)²)^p of its peak.

    0 is a constant speed, 1 a smooth step, 1.3 a half cosine, 2 minimum jerk (Flash & Hogan 1985); a dancer's
    movements are taken to be of one kind, and the more of the usual kind the less their widths tell, against `vague`.
    All are in sigmas.
    """
    table = _width_table()
    errors = np.array([np.median(narrow - np.interp(wide, rows[:, 1], rows[:, 0])) for rows in table])
    # A higher exponent is narrower at the top for the same foot, so the error grows with it.
    told = float(errors[-1] - errors[0]) ** 2
    return (told * float(np.interp(0.0, errors, _SHAPES)) + vague**2 * _USUAL) / (told + vague**2)


def _half_durations(shape: float, wide: Floats) -> Floats:
    """Return half the durations of movements of this shape and half widths at the lower level, all in sigmas."""
    row = int(np.clip(np.searchsorted(_SHAPES, shape) - 1, 0, len(_SHAPES) - 2))
    share = (shape - _SHAPES[row]) / (_SHAPES[row + 1] - _SHAPES[row])
    first, second = (np.interp(wide, rows[:, 1], _DURATIONS) for rows in _width_table()[row : row + 2])
    return np.asarray(first * (1 - share) + second * share)


@functools.lru_cache(maxsize=1)
def _width_table() -> Floats:
    """Return the half widths (shapes, durations, 2) at the two levels of movements smoothed by a Gaussian of one."""
    step = 0.05
    table = np.empty((len(_SHAPES), len(_DURATIONS), 2))
    for row, power in enumerate(_SHAPES):
        for column, half in enumerate(_DURATIONS):
            x = np.arange(-(half + 6.0), half + 6.0, step)
            if power == _COSINE:
                movement = np.cos(np.clip(x / half, -1, 1) * (np.pi / 2))
            else:
                movement = np.where(np.abs(x) <= half, np.maximum(1 - (x / half) ** 2, 0.0) ** power, 0.0)
            speed = gaussian_filter1d(movement, 1 / step)
            falling = slice(len(x) // 2, None)
            scaled = speed[falling] / speed.max()
            for number, level in enumerate(_LEVELS):
                table[row, column, number] = np.interp(-level, -scaled, x[falling])
    return table


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
        max(each.extent for each in events),
    )
