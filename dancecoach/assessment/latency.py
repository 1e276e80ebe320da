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

LONGEST = 0.9  # s; Bluetooth speakers reach 650 ms
_ENVELOPE = 0.001  # s, resolution of the loudness
_REFRACTORY = 0.25  # s between two onsets


def loud_onsets(samples: Floats | NDArray[np.float32], sample_rate: int) -> Floats:
    """Return when short loud sounds (clicks, claps) begin in mono `samples` (N,), seconds from the first sample."""
    step = max(1, round(sample_rate * _ENVELOPE))
    count = len(samples) // step
    if count < 50:
        return np.empty(0)
    envelope = np.abs(np.asarray(samples[: count * step], dtype=np.float64)).reshape(count, step).max(axis=1)
    quiet, loud = np.percentile(envelope, (50, 99.8))
    if loud < max(5 * quiet, 0.01):
        return np.empty(0)
    threshold = quiet + 0.3 * (loud - quiet)
    above = np.flatnonzero(envelope > threshold)
    onsets: list[float] = []
    for index in above:
        time = index * step / sample_rate
        if not onsets or time - onsets[-1] > _REFRACTORY:
            onsets.append(time)
    return np.array(onsets)


def delays(sent: Floats, observed: Floats, shortest: float = -0.02, longest: float = LONGEST) -> Floats:
    """Return the delay of the first observation after each sent event (N,) s, those without one left out."""
    found = []
    for time in sent:
        after = observed[(observed >= time + shortest) & (observed <= time + longest)]
        if len(after):
            found.append(float(after[0] - time))
    return np.array(found)


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
        before = brightness[(arrivals > time - 0.3) & (arrivals <= time)]
        inside = np.flatnonzero((arrivals > time) & (arrivals < time + LONGEST))
        if len(before) == 0 or len(inside) < 3:
            continue
        low, high = float(np.median(before)), float(brightness[inside].max())
        if high - low < 6.0:
            continue  # the camera did not see this flash
        middle = (low + high) / 2
        first = int(inside[np.argmax(brightness[inside] >= middle)])
        earlier = max(first - 1, 0)
        rise = brightness[first] - brightness[earlier]
        share = 1.0 if rise <= 0 else float(np.clip((middle - brightness[earlier]) / rise, 0, 1))
        rises.append(float(arrivals[earlier] + share * (arrivals[first] - arrivals[earlier])))
    return np.array(rises)


def clap_moments(arrivals: Floats, distances: Floats) -> Floats:
    """Return when the hands meet, (≤ N,) s: sharp minima of their distance (F,), in shoulder widths, interpolated."""
    moments: list[float] = []
    for index in range(2, len(arrivals) - 2):
        around = distances[max(0, index - 6) : index + 7]
        lowest = distances[index] == around.min() and distances[index] < distances[index - 1]
        if not lowest or around.max() - distances[index] < 0.4 or distances[index] > 0.8:
            continue
        left, middle, right = distances[index - 1], distances[index], distances[index + 1]
        bend = left - 2 * middle + right
        shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend > 0 else 0.0
        step = (arrivals[index + 1] - arrivals[index - 1]) / 2
        moment = float(arrivals[index] + shift * step)
        if not moments or moment - moments[-1] > _REFRACTORY:
            moments.append(moment)
    return np.array(moments)


def summary(values: Floats) -> tuple[float, float] | None:
    """Return median and spread (standard deviation of the values near it) of delays (N,) s; None below four."""
    if len(values) < 4:
        return None
    middle = float(np.median(values))
    deviation = float(np.median(np.abs(values - middle)))
    near = values[np.abs(values - middle) <= max(4 * deviation, 0.01)]
    return middle, float(np.std(near, ddof=1)) if len(near) > 1 else 0.0
