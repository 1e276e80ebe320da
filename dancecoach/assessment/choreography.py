"""Choreographies that were taught: a movement with its counts, found again and compared with.

```
dancer's eight-count ─► found in each choreography (any speed, mirrored) ─► the likeliest ─► the reference's time
```

Where both have counts, they are laid on each other count by count, so that lateness stays lateness. Without counts of
its own a reference is taken to have started together with the dancer, if that fits; if it does not, the place found
tells only what the limbs do against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dancecoach.assessment.abstaining import mended
from dancecoach.assessment.comparison import Reference
from dancecoach.assessment.fitting import MARGIN
from dancecoach.assessment.kinematics import Body, body_of
from dancecoach.assessment.locating import Found, Postures, locate
from dancecoach.assessment.recordings import cut
from dancecoach.types import MIRROR_JOINTS, BeatGrid, Floats, PoseTrack, Primitive

_KNOWN = 0.36  # rad, distance up to which a movement is that of a choreography
_KNOWN_SEEN = 0.45  # the same for one camera, where the user said what is danced; others' movements are beyond 0.5
_SURE = 0.25  # rad, distance at which nobody doubts
_CORE = 0.15  # rad of `Found.core`, up to which a dancer makes other moves in the movement asked for, not another one
_APART = 1.2  # times the distance that any other place has to have, where somebody may doubt
_PACE = 0.03  # of the speed, by which both may differ that danced to the same music
_FAR = 0.45  # s; later than that is not looked for
_LATE = 0.6  # beats up to which the nearest beat is not the one meant, where counts say so


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an eight-count is: in `choreography`, its number `primitive` from 1, `mirrored`, how `probable` 0…1.

    `when` maps the dancer's times (N,) s to the reference's; `timed` when lateness of the whole body can be told.
    """

    choreography: Choreography
    primitive: int
    mirrored: bool
    probability: float
    anchors: tuple[Floats, Floats]
    timed: bool

    def when(self, times: Floats) -> Floats:
        """Return the reference's times of the dancer's, s; linear between the counts and beyond them."""
        own, other = self.anchors
        inside = np.interp(times, own, other)
        slopes = (other[1] - other[0]) / (own[1] - own[0]), (other[-1] - other[-2]) / (own[-1] - own[-2])
        before, after = other[0] + (times - own[0]) * slopes[0], other[-1] + (times - own[-1]) * slopes[1]
        return np.asarray(np.where(times < own[0], before, np.where(times > own[-1], after, inside)))


class Choreography:
    """A taught movement.

    Parameters
    ----------
    name : str
    track : PoseTrack
        At least two seconds.
    grid : BeatGrid, optional
        The beats it was danced to.
    """

    def __init__(self, name: str, track: PoseTrack, grid: BeatGrid | None = None) -> None:
        self.name = name
        track = mended(track)
        self.grid = grid if grid is not None and len(grid.beat_times) >= 2 else None
        body = body_of(track)
        self.postures = Postures(body)
        self._references: dict[bool, Reference] = {False: Reference(body)}
        self._track = track
        pieces = cut(track, self.grid).primitives
        self.starts = np.array([primitive.start for _, primitive in pieces] or [float(track.times[0])])

    def reference(self, mirrored: bool) -> Reference:
        """Return what to compare with, mirrored where the dancer mirrors it."""
        if mirrored not in self._references:
            self._references[mirrored] = Reference(body_of(mirror(self._track)))
        return self._references[mirrored]

    def number_at(self, time: float) -> int:
        """Return the number, from 1, of the eight-count whose start is nearest to `time` s."""
        return int(np.abs(self.starts - time).argmin()) + 1


def mirror(track: PoseTrack) -> PoseTrack:
    """Return the track with left and right exchanged."""
    order, flip = list(MIRROR_JOINTS), np.array([-1.0, 1.0, 1.0])
    return PoseTrack(
        track.times, track.joints[:, order] * flip, track.roots * flip, track.visibility[:, order], track.monocular
    )


def place(
    dancer: Body, primitive: Primitive, grid: BeatGrid | None, known: Sequence[Choreography], surely: bool = False
) -> Placed | None:
    """Return where the eight-count of the dancer is in one of the `known` choreographies; None when in none.

    `surely` when the user said that it is.
    """
    postures = Postures(dancer)
    best: tuple[float, Choreography, Found] | None = None
    rivals: list[float] = []
    for choreography in known:
        found = locate(postures, primitive.start, primitive.stop, choreography.postures, primitive.start)
        if found is None:
            continue
        rivals += [found.distance, found.others]
        if best is None or found.distance < best[0]:
            best = found.distance, choreography, found
    if best is None:
        return None
    distance, choreography, found = best
    others = sorted(rivals)[1] if len(rivals) > 1 else np.inf
    known_to = _KNOWN_SEEN if surely and dancer.monocular else _KNOWN
    doubtful = distance > known_to or (distance > _SURE and others < _APART * distance)
    if doubtful and not surely:
        return None
    likely = float(np.clip((known_to - distance) / (known_to - _SURE), 0.0, 1.0)) * 0.5 + 0.5
    if _over(primitive, choreography) and distance > _SURE and found.core > _CORE:
        return None
    anchors, timed = _anchors(primitive, grid, choreography, found)
    number = choreography.number_at(float(np.interp(primitive.start, *anchors)))
    known_again = distance <= known_to or found.core <= _CORE
    return Placed(choreography, number, found.mirrored, likely if known_again else 0.0, anchors, timed)


def _over(primitive: Primitive, choreography: Choreography) -> bool:
    """Whether the reference, if it started together with the dancer, ends within the eight-count."""
    end = float(choreography.postures.times[-1])
    return choreography.grid is None and primitive.start < end < primitive.stop - 0.25


def _anchors(
    primitive: Primitive, grid: BeatGrid | None, choreography: Choreography, found: Found
) -> tuple[tuple[Floats, Floats], bool]:
    beats = primitive.beat_times
    own = choreography.grid
    if own is not None and grid is not None and grid.source != "motion" and own.source != "motion":
        times = own.beat_times
        nearest = int(np.abs(times - found.start).argmin())
        ones = np.flatnonzero(own.counts == 1)
        period = 60.0 / own.tempo
        reach = min((1 + _LATE) * period, _FAR)
        same = ones[np.abs(times[ones] - found.start) < reach] if len(ones) else ones
        first = int(same[np.abs(times[same] - found.start).argmin()]) if len(same) else nearest
        if first + len(beats) <= len(times):
            return (beats, times[first : first + len(beats)]), True
    ends = np.array([primitive.start, primitive.stop])
    if abs(found.start - primitive.start) < _FAR and abs(found.speed - 1) < _PACE:
        return (ends, ends), True
    length = (primitive.stop - primitive.start) * found.speed
    return (ends, np.array([found.start, found.start + length])), False


def steps_of(primitive: Primitive, dancer: Body) -> Floats:
    """Return the dancer's times (T + 2 MARGIN,) s: the steps of the eight-count and MARGIN on either side."""
    first, last = np.searchsorted(dancer.times, (primitive.start - 1e-9, primitive.stop - 1e-9))
    rate = (len(dancer.times) - 1) / (dancer.times[-1] - dancer.times[0])
    return np.asarray(dancer.times[0] + np.arange(first - MARGIN, last + MARGIN) / rate)
