"""Keeps hold of one dancer among several, through crossings and short losses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from dancecoach.perception.landmarks import Detection
from dancecoach.types import Floats, Image, Person

# Cost above which a detection is somebody else. A cost of 1 is a step aside of one torso width more than expected.
_STRANGER = 1.6
_FORGET = 3.0  # seconds after which somebody unseen is forgotten
_PRESENT = 1.0  # seconds for which somebody not looked for still counts as present
_TORSO = (11, 12, 24, 23)


@dataclass
class _Track:
    id: int
    centre: Floats
    velocity: Floats
    height: float
    colours: Floats
    seen: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Locked:
    """The outcome for one picture: the followed person's detection (None when unseen), and everybody in it."""

    detection: Detection | None
    person: int | None
    people: tuple[Person, ...]


class PersonLock:
    """Gives persons lasting numbers and follows one of them.

    Who is followed: the one asked for, otherwise the largest when the first persons appear. Each person is
    remembered by place, velocity, size and the colours of the clothes, so that two who cross keep their numbers.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._followed: int | None = None
        self._next = 1

    @property
    def followed(self) -> int | None:
        """Number of the followed person."""
        return self._followed

    def follow(self, x: float, y: float) -> bool:
        """Follow whoever stands at image point (x, y), 0…1; False when nobody is near."""
        best = min(self._tracks, key=lambda track: _outside(track.box, x, y), default=None)
        if best is None or _outside(best.box, x, y) > 0.1:
            return False
        self._followed = best.id
        return True

    def follow_number(self, number: int) -> None:
        """Follow person `number`, who may not have appeared yet."""
        self._followed = number

    def step(self, time: float, picture: Image, detections: list[Detection]) -> Locked:
        """Match `detections` in `picture` (H, W, 3) at `time` s to the known persons."""
        detections = sorted(detections, key=lambda detection: _centre(detection)[0])
        observed = [_observe(time, picture, detection) for detection in detections]
        pairs = self._match(time, observed)
        for row, column in pairs.items():
            self._tracks[row] = _update(self._tracks[row], observed[column], time)
        for column, fresh in enumerate(observed):
            if column not in pairs.values():
                fresh.id = self._next
                self._next += 1
                self._tracks.append(fresh)
        self._tracks = [track for track in self._tracks if time - track.seen < _FORGET or track.id == self._followed]
        present = [track for track in self._tracks if time - track.seen < _PRESENT]
        self._choose(time, present)
        people = tuple(Person(track.id, track.box, track.id == self._followed) for track in present)
        for track in present:
            if track.id == self._followed and track.seen == time:
                # The track holds the very box of its detection: find ours back.
                detection = next(each for each in detections if each.box == track.box)
                return Locked(detection, track.id, people)
        return Locked(None, None, people)

    def _choose(self, time: float, present: list[_Track]) -> None:
        known = next((track for track in self._tracks if track.id == self._followed), None)
        if known is not None and time - known.seen < _FORGET:
            return
        if self._followed is not None and known is None and self._followed >= self._next:
            return  # asked for by number and still to come
        if present:
            self._followed = max(present, key=lambda track: track.height).id

    def _match(self, time: float, observed: list[_Track]) -> dict[int, int]:
        if not self._tracks or not observed:
            return {}
        cost = np.array([[_cost(track, fresh, time) for fresh in observed] for track in self._tracks])
        rows, columns = linear_sum_assignment(cost)
        return {
            int(row): int(column) for row, column in zip(rows, columns, strict=True) if cost[row, column] < _STRANGER
        }


def _centre(detection: Detection) -> Floats:
    centre: Floats = detection.image[list(_TORSO)].mean(axis=0)
    return centre


def _observe(time: float, picture: Image, detection: Detection) -> _Track:
    left, top, right, bottom = detection.box
    return _Track(
        id=0,
        centre=_centre(detection),
        velocity=np.zeros(2),
        height=max(bottom - top, 1e-3),
        colours=_colours(picture, detection.image[list(_TORSO)]),
        seen=time,
        box=(left, top, right, bottom),
    )


def _colours(picture: Image, torso: Floats) -> Floats:
    """Return a histogram (64,) of hue and saturation inside the torso."""
    height, width = picture.shape[:2]
    low = np.clip(torso.min(axis=0) * (width, height), 0, (width - 2, height - 2)).astype(int)
    high = np.clip(torso.max(axis=0) * (width, height), low + 2, (width, height)).astype(int)
    patch = picture[low[1] : high[1] : 2, low[0] : high[0] : 2]
    colours = cv2.cvtColor(np.ascontiguousarray(patch), cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([colours], [0, 1], None, [16, 4], [0, 180, 0, 256]).ravel().astype(np.float64)
    shares: Floats = counts / max(float(counts.sum()), 1.0)
    return shares


def _cost(track: _Track, fresh: _Track, time: float) -> float:
    elapsed = time - track.seen
    predicted = track.centre + track.velocity * min(elapsed, 0.5)
    reach = 0.25 * track.height * (1 + 2 * elapsed)  # a torso's width, growing while unseen
    moved = float(np.linalg.norm(fresh.centre - predicted)) / reach
    size = abs(np.log(fresh.height / track.height))
    colour = 1.0 - float(np.sqrt(fresh.colours * track.colours).sum())  # Bhattacharyya
    return moved + 0.7 * float(size) + 2.0 * colour


def _update(track: _Track, fresh: _Track, time: float) -> _Track:
    elapsed = max(time - track.seen, 1e-3)
    velocity = (fresh.centre - track.centre) / elapsed
    fresh.id = track.id
    fresh.velocity = 0.7 * track.velocity + 0.3 * velocity if elapsed < 0.5 else np.zeros(2)
    fresh.height = 0.8 * track.height + 0.2 * fresh.height
    fresh.colours = 0.95 * track.colours + 0.05 * fresh.colours
    return fresh


def _outside(box: tuple[float, float, float, float], x: float, y: float) -> float:
    left, top, right, bottom = box
    return max(left - x, x - right, top - y, y - bottom, 0.0)
