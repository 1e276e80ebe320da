"""Latency from observations: when something was sent, and when microphone or camera had it.

```
click leaves the sound card ──audio output──► in the air ──► microphone (stamped by its converter)
flash is painted ──display──► on the screen ──camera──► picture arrives
clap ──► microphone hears it;  clap ──camera──► picture arrives
```
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import Floats

SHORTEST = -0.1  # s; a driver may stamp its output later than the sound leaves it
LONGEST = 0.8  # s; Bluetooth speakers reach 650 ms
_ENVELOPE = 0.001  # s, resolution of the loudness
_ATTACK = 0.015  # s within which a click or clap reaches its peak
_REFRACTORY = 0.25  # s between two onsets
_LOUD = 4.0  # times the median loudness; 1 ms peaks of steady noise stay below 2.5
_FAINTEST = 0.002  # of full scale
_SIDE = 3  # pictures before and after a clap that tell when it was
_DIMMEST = 4.0  # of 255; a smaller change of a picture's mean is not a flash
_TOLERANCE = 0.06  # s that the delay of single events may differ from the common one


def loud_onsets(samples: Floats | NDArray[np.float32], sample_rate: int) -> Floats:
    """Return when short loud sounds (clicks, claps) begin in mono `samples` (N,), seconds from the first sample.

    Each onset is read at 30 % of its own peak, so that few clicks in a long silence and loud ones beside soft ones
    are found alike. A sound below a fifth of the typical peak is an echo or something that fell over.
    """
    step = max(1, round(sample_rate * _ENVELOPE))
    count = len(samples) // step
    if count < 50:
        return np.empty(0)
    loudness = np.abs(np.asarray(samples[: count * step], dtype=np.float64))
    envelope = loudness.reshape(count, step).max(axis=1)
    quiet = float(np.median(envelope))
    above = np.flatnonzero(envelope > max(_LOUD * quiet, _FAINTEST))
    found: list[tuple[float, float]] = []  # onset, peak
    attack, refractory = round(_ATTACK / _ENVELOPE), round(_REFRACTORY / _ENVELOPE)
    free = 0
    while len(above := above[above >= free]):
        first = int(above[0])
        peak = float(envelope[first : first + attack].max())
        begin = max(0, first - 2) * step
        loud = loudness[begin : (first + attack) * step] >= quiet + 0.3 * (peak - quiet)
        found.append(((begin + int(np.argmax(loud))) / sample_rate, peak))
        free = first + refractory
    if not found:
        return np.empty(0)
    onsets, peaks = np.array(found).T
    return np.asarray(onsets[peaks >= 0.2 * np.median(peaks)])


def delays(sent: Floats, observed: Floats, shortest: float = SHORTEST, longest: float = LONGEST) -> Floats:
    """Return the delays (≤ N,) s of the events `sent` (N,) that were `observed` (M,).

    The delay on which most events agree is taken, so that noises in between, missed events and echoes do not count;
    events that were not observed near it are left out.
    """
    differences = observed[None, :] - sent[:, None]
    differences = np.where((differences >= shortest) & (differences <= longest), differences, np.nan)
    candidates = np.sort(differences[np.isfinite(differences)])
    if len(candidates) == 0:
        return np.empty(0)
    votes = [np.count_nonzero(np.any(np.abs(differences - each) <= _TOLERANCE / 2, axis=1)) for each in candidates]
    best = candidates[np.array(votes) == max(votes)]
    common = float(np.median(best[best <= best[0] + _TOLERANCE]))
    distance = np.where(np.isfinite(differences), np.abs(differences - common), np.inf)
    nearest = np.argmin(distance, axis=1)
    rows = np.arange(len(sent))
    seen = distance[rows, nearest] <= _TOLERANCE
    return np.asarray(differences[rows, nearest][seen], dtype=np.float64)


def brightness_rises(painted: Floats, arrivals: Floats, brightness: Floats) -> Floats:
    """Return when each flash showed in the pictures, (≤ N,) s: half-way up, interpolated between pictures.

    Parameters
    ----------
    painted : (N,) s
    arrivals : (F,) s, of the pictures
    brightness : (F,) mean of each picture, 0…255
    """
    rises = []
    for time in painted:
        before = brightness[(arrivals > time - 0.25) & (arrivals <= time)]
        inside = np.flatnonzero((arrivals > time) & (arrivals < time + LONGEST))
        if len(before) < 3 or len(inside) < 3:
            continue
        low, high = float(np.median(before)), float(brightness[inside].max())
        flicker = float(np.ptp(before))
        if high - low < max(_DIMMEST, 2.0 * flicker):
            continue  # the camera did not see this flash
        middle = (low + high) / 2
        first = int(inside[np.argmax(brightness[inside] >= middle)])
        if first == 0:
            continue
        rise = brightness[first] - brightness[first - 1]
        share = 1.0 if rise <= 0 else float(np.clip((middle - brightness[first - 1]) / rise, 0, 1))
        rises.append(float(arrivals[first - 1] + share * (arrivals[first] - arrivals[first - 1])))
    return np.array(rises)


def clap_moments(arrivals: Floats, distances: Floats) -> Floats:
    """Return when the hands meet, (≤ N,) s: sharp minima of their distance (F,), in shoulder widths, interpolated."""
    moments: list[float] = []
    for index in range(_SIDE, len(arrivals) - _SIDE):
        around = distances[max(0, index - 6) : index + 7]
        depth = float(around.max() - distances[index])
        if distances[index] > around.min() or depth < 0.4 or distances[index] > 0.8:
            continue
        moment = _meeting(arrivals, distances, index, depth)
        if not moments or moment - moments[-1] > _REFRACTORY:
            moments.append(moment)
    return np.array(moments)


def _meeting(arrivals: Floats, distances: Floats, lowest: int, depth: float) -> float:
    """Return when the hands met, near the picture in which they are nearest.

    Hands that hit each other at full speed and part, perhaps slowly, or rest together: two straight lines, which
    meet at the clap. Hands that only swing together: a parabola.
    """
    near = distances <= distances[lowest] + 0.1 * depth
    first, last = lowest, lowest
    while first > _SIDE and near[first - 1]:
        first -= 1
    while last < len(near) - _SIDE - 1 and near[last + 1]:
        last += 1
    middle = (first + last) // 2
    hollow = (distances[first] + distances[last]) / 2 - float(np.mean(distances[middle - 1 : middle + 2]))
    resting = last - first >= 4 and hollow < 0.045 * depth
    index = first if resting else lowest
    times = arrivals[index - _SIDE : index + _SIDE + 1] - arrivals[index]
    values = distances[index - _SIDE : index + _SIDE + 1]
    before, after = slice(0, _SIDE), slice(_SIDE + 1, None)
    coming, going = np.polyfit(times[before], values[before], 1), np.polyfit(times[after], values[after], 1)
    bend = np.polyfit(times, values, 2)
    missed_by_lines = sum(
        float(np.sum((np.polyval(line, times[side]) - values[side]) ** 2))
        for line, side in ((coming, before), (going, after))
    )
    missed_by_bend = float(np.sum((np.polyval(bend, times) - values) ** 2))
    moment = 0.0
    if not resting and bend[0] > 0 and missed_by_bend / (2 * _SIDE - 2) < missed_by_lines / (2 * _SIDE - 4):
        moment = -bend[1] / (2 * bend[0])
    elif going[0] > coming[0]:
        moment = (coming[1] - going[1]) / (going[0] - coming[0])
    return float(arrivals[index] + np.clip(moment, times[_SIDE - 1], times[_SIDE + 1]))


def summary(values: Floats) -> tuple[float, float] | None:
    """Return the mean and spread (standard deviation) of delays (N,) s, outliers left out; None below four.

    The mean rather than the median: single flashes are off by up to half a picture either way, evenly.
    """
    if len(values) < 4:
        return None
    middle = float(np.median(values))
    deviation = float(np.median(np.abs(values - middle)))
    near = values[np.abs(values - middle) <= max(4 * deviation, 0.01)]
    return float(np.mean(near)), float(np.std(near, ddof=1)) if len(near) > 1 else 0.0
