"""The rhythm of a motion: the beats a dancer moves to, found without any music.

Feet, hips and hands act again after whole beats, so their speeds resemble themselves after a beat and its multiples.
Two patterns are looked for. In the *even* one something acts on every beat. In that of *salsa* six steps fall on
the counts 1, 2, 3, 5, 6, 7: each foot acts three times in eight counts, and both together repeat after four, but
nothing repeats after one beat. The period is followed through the take by dynamic programming over a tempogram
(autocorrelation in overlapping windows). Even beats are then laid on the hits of `hits.find_events` by a second one
(Ellis, "Beat tracking by dynamic programming", J. New Music Research 36, 2007). Those of salsa, where one beat in
four has no hit and the upper body has many of its own, are laid by what the feet do in all eight counts: at every
place of the eight-count the speeds of both feet are compared with the steps, and the best course is followed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dancecoach.assessment.hits import find_events
from dancecoach.types import JOINT_INDEX, BeatGrid, BodyPart, Floats, PoseTrack

Pattern = Literal["even", "salsa"]

SLOWEST, FASTEST = 60.0, 200.0  # BPM
_RATE = 50.0  # Hz of the speeds
_SMOOTH = 0.04  # s, standard deviation of the smoothing of positions
_TREND = 1.5  # s, what changes more slowly is how lively the dancer is, not rhythm
_FASTEST_LIMB = 6.0  # m/s; more is a glitch of the capture
_GAP = 0.5  # s without a pose, in which nothing is known
_DEPTH_MONOCULAR = 0.25
_STILL = 0.03  # m/s, root mean square speed of the liveliest joint, below which nobody dances
_SHORTEST = 6.0  # s
_WINDOW, _HOP = 16.0, 2.0  # s of the tempogram
_LONGEST_LAG = 6.5  # s
_STEP = 0.005  # of the period, between candidates
_KNOWN = 10  # candidates on either side of a tempo that is known
_GLOBAL = 0.5  # share of the whole take in the evidence of a window
# Beats per minute that each pattern is usually danced at, a mild preference among multiples.
_USUAL: Mapping[Pattern, float] = {"even": 125.0, "salsa": 170.0}
_PREFERENCE = 0.08  # cost of an octave from there
_SLOWEST_OF: Mapping[Pattern, float] = {"even": SLOWEST, "salsa": 90.0}  # eight counts must fit into the lags
_CHANGE = 0.015  # cost of a change of tempo by one candidate between windows
_BEATS_SMOOTHED = 4.0  # beats, standard deviation of the window in which beats share a tempo
_TIGHTNESS = 200.0  # cost of a squared logarithm of interval by period
_SPAN, _PLACES = (
    4.0,
    80,
)  # beats, standard deviation of the window in which steps are compared; places in eight counts
_AHEAD, _WIDE = 0.45, 0.5  # beats by which a foot is fastest before its step arrives; standard deviation of that
_SHIFT = 0.1  # cost of a change of place by one beat
_STEPS_SMOOTHED = 8.0  # beats
_BUMP = 0.03  # s, standard deviation of a hit
_LEAST = 0.12  # evidence below which nothing recurs
_CERTAIN = 0.5  # evidence of which nobody doubts

_FEET = tuple(JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
_OTHERS = tuple(JOINT_INDEX[name] for name in ("left_wrist", "right_wrist", "pelvis", "head"))
_PAIRS = tuple((JOINT_INDEX[f"left_{name}"], JOINT_INDEX[f"right_{name}"]) for name in ("foot", "ankle", "wrist"))
_PARTS: tuple[tuple[BodyPart, float], ...] = (
    ("body", 1.0), ("left_leg", 0.7), ("right_leg", 0.7), ("torso", 0.5), ("left_arm", 0.5), ("right_arm", 0.5),
)  # fmt: skip

# Lags in beats at which the pattern of salsa resembles itself, and between which it does not. Each foot acts on three
# of eight counts (1, 3, 6 or 2, 5, 7), most nearly every 8/3; both together on 1, 2, 3, 5, 6, 7.
_ONE_FOOT = (np.array([8 / 3, 16 / 3, 8.0]), np.array([4 / 3, 4.0, 20 / 3]))
_BOTH_FEET = (np.array([4.0, 8.0]), np.array([4 / 3, 2.0, 8 / 3, 16 / 3, 6.0, 20 / 3]))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What was found: the `beats`, None with the `reason`; the `pattern`; `evidence` of it, 1 is perfect recurrence.

    Of music without a beat the evidence is about 0, whatever the pattern.
    """

    beats: BeatGrid | None
    reason: str | None = None
    pattern: Pattern = "even"
    evidence: float = 0.0


def find_rhythm(track: PoseTrack) -> BeatGrid | None:
    """Return the beats (source "motion") that a dancer moves to, None where nothing recurs; see `rhythm_of`."""
    return rhythm_of(track).beats


def rhythm_of(track: PoseTrack, tempo: float | None = None) -> Rhythm:
    """Return the rhythm of a take, 60…200 BPM, or the reason why there is none.

    Counts 1…8 fit the steps of salsa up to an exchange of halves (1 and 5); elsewhere 1 is the liveliest count. Where
    the `tempo` BPM is known (to 5 %) it is only followed, and all that is asked is where the beats are.
    """
    if len(track) < 8 or track.times[-1] - track.times[0] < _SHORTEST:
        return Rhythm(None, "too short")
    start = float(track.times[0])
    # From its own start on: the same motion later has the same rhythm, to the last digit.
    track = PoseTrack(track.times - start, track.joints, track.roots, track.visibility, track.monocular)
    times, speeds = _speeds(track)
    if float(np.sqrt((speeds**2).mean(axis=0)).max()) < _STILL:
        return Rhythm(None, "hardly moves")
    varying = speeds - gaussian_filter1d(speeds, _TREND * _RATE, axis=0)
    found = [_follow(varying, pattern, tempo) for pattern in ("even", "salsa")]
    pattern, evidence, centres, periods = max(
        found, key=lambda each: each[1] - float(_doubt(each[3], each[0]).mean())
    )
    if evidence < _LEAST and tempo is None:
        return Rhythm(None, "nothing recurs", pattern, evidence)
    if pattern == "salsa":
        beats, places = _step(times, varying, centres, periods)
    else:
        hits, weights = _hits(track)
        if len(hits) < 4:
            return Rhythm(None, "no movement arrives", pattern, evidence)
        beats = _settle(_lay(times, hits, weights, centres, periods), hits, weights)
        places = np.arange(len(beats))
    if len(beats) < 4:
        return Rhythm(None, "too short", pattern, evidence)
    counts = _counts(beats, places, times, speeds, pattern)
    tempo = 60.0 / float(np.median(np.diff(beats)))
    # A few beats prove little, however alike they are.
    confidence = float(np.clip((evidence - _LEAST) / (_CERTAIN - _LEAST), 0.0, 1.0)) * min(len(beats) / 16.0, 1.0)
    return Rhythm(BeatGrid(beats + start, counts, tempo, confidence, "motion"), None, pattern, evidence)


# --- what recurs ---------------------------------------------------------------------------------------------------


def _speeds(track: PoseTrack) -> tuple[Floats, Floats]:
    """Return uniform times (N,) s and speeds (N, 8) m/s of `_FEET` and `_OTHERS`; 0 where they are not seen."""
    joints = np.array(_FEET + _OTHERS)
    room = (track.joints[:, joints] + track.roots[:, None]).reshape(len(track), -1)
    times = track.times[0] + np.arange(int((track.times[-1] - track.times[0]) * _RATE) + 1) / _RATE
    positions = np.stack([np.interp(times, track.times, column) for column in room.T], axis=1)
    positions = positions.reshape(len(times), len(joints), 3)
    velocity = gaussian_filter1d(positions, _SMOOTH * _RATE, axis=0, order=1) * _RATE
    if track.monocular:
        velocity = velocity * np.array([1.0, 1.0, _DEPTH_MONOCULAR])
    speeds = np.minimum(np.linalg.norm(velocity, axis=2), _FASTEST_LIMB)
    speeds[:, track.visibility[:, joints].mean(axis=0) < 0.5] = 0.0
    after = np.clip(np.searchsorted(track.times, times), 1, len(track) - 1)
    speeds[track.times[after] - track.times[after - 1] > _GAP] = 0.0
    return times, np.nan_to_num(speeds)


def _follow(speeds: Floats, pattern: Pattern, tempo: float | None) -> tuple[Pattern, float, Floats, Floats]:
    """Return pattern, evidence, and times (W,) s with the periods (W,) s that explain `speeds` (N, 8) best."""
    count = len(speeds)
    slowest = _SLOWEST_OF[pattern]
    candidates = 60.0 / slowest * np.exp(-_STEP * np.arange(int(math.log(FASTEST / slowest) / _STEP) + 1))
    if tempo is not None:
        candidates = 60.0 / tempo * np.exp(_STEP * np.arange(-_KNOWN, _KNOWN + 1))
    seconds = count / _RATE
    centres = np.linspace(0.0, seconds, max(round(seconds / _HOP), 1) + 1)
    whole = _evidence(speeds, np.ones(count), pattern, candidates)
    rows = []
    for centre in centres:
        # Windows stay inside the take: half a window would know half as much.
        middle = float(np.clip(centre, min(_WINDOW, seconds) / 2, max(seconds - _WINDOW / 2, seconds / 2)))
        place = (np.arange(count) / _RATE - middle) / _WINDOW
        window = np.where(np.abs(place) < 0.5, np.cos(np.pi * place) ** 2, 0.0)
        rows.append((1 - _GLOBAL) * _evidence(speeds, window, pattern, candidates) + _GLOBAL * whole)
    table = np.stack(rows)
    columns = np.arange(len(candidates))
    cost = _CHANGE * np.minimum(np.abs(columns[:, None] - columns), 60.0)
    doubt = 0.0 if tempo is not None else _doubt(candidates, pattern)
    path = _best_path(table - doubt, cost)
    evidence = float(table[np.arange(len(path)), path].mean())
    return pattern, evidence, centres, _between(table, path, candidates)


def _doubt(periods: Floats, pattern: Pattern) -> Floats:
    """Return the evidence (P,) that `periods` (P,) s lose for being unusual."""
    return np.asarray(_PREFERENCE * np.log2(60.0 / periods / _USUAL[pattern]) ** 2)


def _between(table: Floats, path: NDArray[np.intp], candidates: Floats) -> Floats:
    """Return the periods (W,) s at the tops of parabolas through the evidence (W, P) around `path` (W,)."""
    inner = np.clip(path, 1, len(candidates) - 2)
    rows = np.arange(len(path))
    left, middle, right = (table[rows, inner + shift] for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    return np.asarray(candidates[inner] * np.exp(-_STEP * np.clip(shift, -1.0, 1.0)))


def _evidence(speeds: Floats, window: Floats, pattern: Pattern, periods: Floats) -> Floats:
    """Return how well each of `periods` (P,) s explains `speeds` (N, 8) under `window` (N,), at most about 1."""
    feet = speeds[:, : len(_FEET)]
    each = _autocorrelation(feet, window)
    together = _autocorrelation(feet.sum(axis=1, keepdims=True), window)
    if pattern == "salsa":
        one, both = (
            _contrast(curve, periods, on, off) for curve, (on, off) in ((each, _ONE_FOOT), (together, _BOTH_FEET))
        )
        # Both must agree: steps of equal length have the one, any repeated figure the other.
        return np.asarray(np.minimum(0.5 * (one + both), 2.0 * np.minimum(one, both)))
    sides = np.stack([speeds[:, 0] + speeds[:, 1] + speeds[:, 2] + speeds[:, 3], *speeds[:, 4:].T])
    every = _autocorrelation(sides.T, window)
    alone = _autocorrelation(speeds, window)
    beats = np.arange(1.0, 7.0)
    return np.asarray(
        0.5 * _contrast(every, periods, beats, beats - 0.5) + 0.5 * _contrast(alone, periods, beats, beats - 0.5)
    )


def _autocorrelation(signals: Floats, window: Floats) -> Floats:
    """Return the autocorrelation (L,) of `signals` (N, J) under `window` (N,), 1 at lag 0, at lags of 1/_RATE s."""
    count = len(signals)
    length = 2 * count
    centred = (signals - (window @ signals) / max(float(window.sum()), 1e-9)) * window[:, None]
    spectrum = np.fft.rfft(centred, length, axis=0)
    power = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), length)[:count]
    overlap = np.fft.irfft(np.abs(np.fft.rfft(window, length)) ** 2, length)[:count]
    lags = min(int(_LONGEST_LAG * _RATE) + 1, count)
    # Where the windows hardly overlap nothing is known of the lag.
    share = overlap / max(float(overlap[0]), 1e-12)
    unbiased = power / max(float(power[0]), 1e-12) / np.maximum(share, 0.15)
    return np.asarray(unbiased[:lags])


def _contrast(curve: Floats, periods: Floats, on: Floats, off: Floats) -> Floats:
    """Return the mean of `curve` (L,) at the lags `on` less that at the lags `off` (beats), for `periods` (P,) s.

    Lags beyond the curve are left out, of both, so that slow tempi are judged by fewer beats.
    """
    grid = np.arange(len(curve)) / _RATE
    longest = grid[-1]

    def mean(beats: Floats) -> Floats:
        lags = periods[:, None] * beats
        inside = lags <= longest
        values = np.where(inside, np.interp(lags, grid, curve), 0.0)
        return np.asarray(values.sum(axis=1) / np.maximum(inside.sum(axis=1), 1))

    # The pattern must be heard whole: a period of which the curve holds too little has no evidence.
    return np.where(periods * on[-1] * 0.6 <= longest, mean(on) - mean(off), 0.0)


def _best_path(table: Floats, cost: Floats) -> NDArray[np.intp]:
    """Return the columns (W,) of the best path through `table` (W, P) when changes of column `cost` (P, P)."""
    columns = np.arange(table.shape[1])
    total = table[0].copy()
    back = []
    for row in table[1:]:
        entering = total[None, :] - cost
        best = entering.argmax(axis=1)
        back.append(best)
        total = entering[columns, best] + row
    path = [int(total.argmax())]
    for best in reversed(back):
        path.append(int(best[path[-1]]))
    return np.array(path[::-1], dtype=np.intp)


# --- where the beats are -------------------------------------------------------------------------------------------


def _hits(track: PoseTrack) -> tuple[Floats, Floats]:
    """Return the hits (H,) s of body and limbs, ascending, and their weights (H,)."""
    events = find_events(track)
    hits = np.concatenate([events[part].hits for part, _ in _PARTS])
    weights = np.concatenate([np.full(len(events[part].hits), weight) for part, weight in _PARTS])
    order = np.lexsort((weights, hits))
    return hits[order], weights[order]


def _lay(times: Floats, hits: Floats, weights: Floats, centres: Floats, periods: Floats) -> Floats:
    """Return beats (B,) s from start to end of `times` at the hits and about the local period apart."""
    rate = 200.0
    count = int((times[-1] - times[0]) * rate) + 1
    strength = np.zeros(count)
    np.add.at(strength, np.clip(np.round((hits - times[0]) * rate).astype(int), 0, count - 1), weights)
    strength = gaussian_filter1d(strength, _BUMP * rate, mode="constant")
    strength /= max(float(strength.std()), 1e-9)
    local = np.interp(np.arange(count) / rate, centres, periods) * rate
    score, back = np.zeros(count), np.full(count, -1)
    for now in range(count):
        low, high = int(0.6 * local[now]), int(1.6 * local[now])
        before = np.arange(max(now - high, 0), now - low + 1)
        if len(before) == 0:
            score[now] = strength[now]
            continue
        values = score[before] - _TIGHTNESS * np.log((now - before) / local[now]) ** 2
        best = int(values.argmax())
        # A take may begin anywhere within its first beats.
        if now < 1.6 * local[now] and values[best] < 0:
            score[now] = strength[now]
        else:
            score[now], back[now] = strength[now] + values[best], before[best]
    last = max(count - int(1.2 * local[-1]), 0)
    place = last + int(score[last:].argmax())
    chosen = []
    while place >= 0:
        chosen.append(place)
        place = int(back[place])
    return np.asarray(times[0] + np.array(chosen[::-1]) / rate)


def _settle(beats: Floats, hits: Floats, weights: Floats) -> Floats:
    """Return `beats` (B,) s moved to where the hits near them are, as a smooth tempo allows.

    A line through the hits of the beats around each one: a beat without a hit is placed by its neighbours.
    """
    for _ in range(3):
        index = np.interp(hits, beats, np.arange(len(beats)), left=-1.0, right=len(beats))
        nearest = np.round(index)
        inside = (np.abs(index - nearest) < 0.2) & (nearest >= 0) & (nearest < len(beats))
        numbers = np.arange(len(beats))
        # The beats as laid count a little, so that every line is determined.
        x = np.concatenate([nearest[inside], numbers])
        y = np.concatenate([hits[inside], beats])
        strength = np.concatenate([weights[inside], np.full(len(beats), 0.1)])
        beats = _local_lines(x, y, strength, numbers, _BEATS_SMOOTHED)
    return beats


def _local_lines(x: Floats, y: Floats, strength: Floats, at: NDArray[np.int_], width: float) -> Floats:
    """Return the values (B,) at `at` of straight lines fitted around each to points (`x`, `y`) (N,) near it."""
    offset = x[None, :] - at[:, None]
    weight = strength * np.exp(-0.5 * (offset / width) ** 2)
    total = weight.sum(axis=1)
    mean_x = (weight * offset).sum(axis=1) / total
    mean_y = weight @ y / total
    spread = (weight * (offset - mean_x[:, None]) ** 2).sum(axis=1)
    slope = (weight * (offset - mean_x[:, None]) * (y[None, :] - mean_y[:, None])).sum(axis=1) / spread
    return np.asarray(mean_y - slope * mean_x)


def _step(times: Floats, speeds: Floats, centres: Floats, periods: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the beats (B,) s of steps of salsa and their places (B,) in eight counts, 0 is 1 or 5.

    `speeds` (N, 8) without their trend; `periods` (W,) s at times `centres` (W,) s.
    """
    local = np.interp(times, centres, periods)
    place = np.cumsum(1.0 / (_RATE * local))  # in beats, from an arbitrary one
    left, right = speeds[:, 0] + speeds[:, 2], speeds[:, 1] + speeds[:, 3]
    index = np.round((place[:, None] / 8.0 + np.arange(_PLACES) / _PLACES) * _PLACES).astype(int) % _PLACES
    profile = _profile()
    # One foot steps on 1, 3 and 6, the other, half a cycle apart, on 5, 7 and 2.
    likeness = left[:, None] * profile[index] + right[:, None] * profile[(index + _PLACES // 2) % _PLACES]
    likeness = gaussian_filter1d(likeness, _SPAN * float(np.median(periods)) * _RATE, axis=0)
    every = int(0.5 * _RATE)
    table = likeness[::every] / max(math.sqrt(float((left**2 + right**2).mean())), 1e-9)
    columns = np.arange(_PLACES)
    apart = np.abs((columns[:, None] - columns + _PLACES // 2) % _PLACES - _PLACES // 2) * 8.0 / _PLACES
    path = np.unwrap(_best_path(table, _SHIFT * np.minimum(apart, 3.0)) * 8.0 / _PLACES, period=8.0)
    count = place + np.interp(times, times[::every], path)
    # Where the course of places jumps back, time stands still rather than run backwards.
    count = np.maximum.accumulate(count) + 1e-6 * np.arange(len(count))
    numbers = np.arange(math.ceil(count[0]), math.floor(count[-1]) + 1)
    laid = np.interp(numbers, count, times)
    beats = _local_lines(numbers.astype(float), laid, np.ones(len(numbers)), numbers, _STEPS_SMOOTHED)
    inside = (beats >= times[0]) & (beats <= times[-1])
    return beats[inside], (numbers[inside] - 1) % 8


def _profile() -> Floats:
    """Return the expected speed (80,) of the foot that steps on 1, 3 and 6, over eight counts; mean 0, length 1."""
    places = np.arange(_PLACES) * 8.0 / _PLACES
    apart = (places[:, None] - (np.array([1.0, 3.0, 6.0]) - _AHEAD) + 4.0) % 8.0 - 4.0
    profile = np.exp(-0.5 * (apart / _WIDE) ** 2).sum(axis=1)
    profile -= profile.mean()
    return np.asarray(profile / np.linalg.norm(profile))


def _counts(
    beats: Floats, places: NDArray[np.int64], times: Floats, speeds: Floats, pattern: Pattern
) -> NDArray[np.int64]:
    """Return counts (B,) 1…8 of `beats` (B,) s at `places` (B,); the liveliness of the feet says where 1 is."""
    path = np.concatenate([[0.0], np.cumsum(speeds[:, : len(_FEET)].sum(axis=1))])[: len(times)]
    edges = np.concatenate([[2 * beats[0] - beats[1]], beats])
    lively = np.diff(np.interp(edges, times, path))  # how far the feet went on the way to each beat
    of_eight = np.array([lively[places % 8 == place].mean() if (places % 8 == place).any() else 0.0
                         for place in range(8)])  # fmt: skip
    # The steps of salsa tell 1 from 2, 3 and 4. Which half is the first only the dancers know.
    halves = of_eight.reshape(2, 4).sum(axis=1)
    first = 4 * int(halves.argmax()) if pattern == "salsa" else int(of_eight.argmax())
    return np.asarray((places - first) % 8 + 1, dtype=np.int64)
