"""Pose estimation: one picture in, the followed dancer's pose out.

```
picture ─► landmarks ─► person lock ─► 22 joints ─► swap guard ─► room ─► Pose (raw, for timing)
                                                                          └► One-Euro ─► Pose (for the screen)
```
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from dancecoach.perception.landmarks import Detection, Landmarker, PersonDetector, Region
from dancecoach.perception.person_lock import PersonLock
from dancecoach.perception.pinhole import camera_translation
from dancecoach.perception.skeleton import Floor, body_joints, image_joints, joint_visibility
from dancecoach.perception.smoothing import OneEuro, SwapGuard
from dancecoach.types import Image, Person, Pose, VideoFrame

MOST_PEOPLE = 4
# Seconds between looks for other people: alone, with others in view, while one passes the followed dancer.
_ALONE, _COMPANY, _CROSSING = 1.5, 0.5, 0.1
_SAME = 0.6  # regions that overlap more hold the same person
_NEAR = 0.15  # others whose region overlaps the followed dancer's by more are landmarked as often


@dataclass(frozen=True, slots=True)
class PoseResult:
    """`raw` as measured, `smooth` for drawing (both None when the followed dancer is not seen), `people` in view."""

    raw: Pose | None
    smooth: Pose | None
    people: tuple[Person, ...]


class PoseEstimator:
    """Follows one dancer from picture to picture; the same pictures always give the same poses.

    The followed dancer is landmarked in every picture, the others as seldom as the situation allows, so that a
    bystander does not halve the rate.
    """

    def __init__(self) -> None:
        self._detector = PersonDetector()
        self._landmarker = Landmarker()
        self._lock = PersonLock()
        self._guard = SwapGuard()
        self._floor = Floor()
        self._smooth_joints = OneEuro()
        self._smooth_root = OneEuro()
        # One image width is about three metres: scale the growth of the cutoff with speed accordingly.
        self._smooth_image = OneEuro(beta=54.0)
        self._region: Region | None = None  # where the followed dancer was
        self._others: list[Region] = []
        self._next_scan = -math.inf
        self._root = np.zeros(3)
        self._person: int | None = None

    def follow(self, x: float, y: float) -> bool:
        """Follow whoever stands at image point (x, y); False when nobody is near."""
        found = self._lock.follow(x, y)
        if found:
            self._region = None  # look for the new one at once
        return found

    def follow_number(self, number: int) -> None:
        """Follow person `number`, counted from 1 as they appear, left to right."""
        self._lock.follow_number(number)
        self._region = None

    def step(self, frame: VideoFrame) -> PoseResult:
        """Return what is seen in `frame`; frames must come in order of time."""
        picture, time = frame.image, frame.time
        detections = self._look(picture, time)
        locked = self._lock.step(time, picture, detections)
        followed = locked.detection
        self._region = None if followed is None else followed.region
        self._others = [each.region for each in detections if each is not followed]
        if followed is None or locked.person is None:
            return PoseResult(None, None, locked.people)
        if locked.person != self._person:
            self._restart(locked.person)
        return self._pose(frame, followed, locked.person, locked.people)

    def close(self) -> None:
        """Release the networks."""
        self._detector.close()
        self._landmarker.close()

    def _look(self, picture: Image, time: float) -> list[Detection]:
        """Landmark the followed dancer, those close by and, when it is time, everybody."""
        regions = [] if self._region is None else [self._region]
        near = [other for other in self._others if self._region is not None and other.overlap(self._region) > _NEAR]
        regions += near
        if self._region is None or time >= self._next_scan:
            for found in self._detector.detect(picture):
                if all(found.overlap(known) < _SAME for known in regions):
                    regions.append(found)
            interval = _CROSSING if near else _COMPANY if len(regions) > 1 else _ALONE
            self._next_scan = time + interval
        detections: list[Detection] = []
        for region in regions[:MOST_PEOPLE]:
            detection = self._landmarker.detect(picture, region)
            # Two regions may end up on one person, as when the passer-by is hidden behind the dancer.
            if detection is not None and all(detection.region.overlap(each.region) < 0.8 for each in detections):
                detections.append(detection)
        return detections

    def _pose(self, frame: VideoFrame, detection: Detection, person: int, people: tuple[Person, ...]) -> PoseResult:
        time = frame.time
        joints = body_joints(detection)
        points = image_joints(detection)
        visibility = joint_visibility(detection)
        order = self._guard.order(time, joints)
        if order is not None:
            joints, points, visibility = joints[order], points[order], visibility[order]
        height, width = frame.image.shape[:2]
        translation = camera_translation(joints, points, visibility, width / height)
        if translation is not None:
            self._root = self._floor.place(translation, joints)
        raw = Pose(time, person, joints, self._root, points, visibility, frame.arrival)
        smooth = dataclasses.replace(
            raw,
            joints=self._smooth_joints.step(time, joints),
            root=self._smooth_root.step(time, self._root),
            image_joints=self._smooth_image.step(time, points),
        )
        return PoseResult(raw, smooth, people)

    def _restart(self, person: int) -> None:
        self._person = person
        self._guard = SwapGuard()
        for smoother in (self._smooth_joints, self._smooth_root, self._smooth_image):
            smoother.reset()
