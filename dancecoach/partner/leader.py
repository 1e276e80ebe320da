"""The leader as the partner understands them: poses of any rate in, steady frames with the partner's bones out.

```
poses     |   |    |  |       |            measured, at their own times
ticks   ' ' ' ' ' ' ' ' ' ' ' ' ' ' '      1/30 s apart, the partner's own
seen    ----------------------|            ticks up to the newest pose: interpolated between two measured ones
```
"""

from __future__ import annotations

from collections import deque

import numpy as np

from dancecoach.partner.features import HISTORY, RATE
from dancecoach.partner.skeleton import bone_lengths, size_of, with_bones
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, Floats, Pose

_FEET = [JOINT_INDEX[name] for name in ("left_ankle", "right_ankle")]
_TRUNK = [JOINT_INDEX[name] for name in ("pelvis", "left_shoulder", "right_shoulder", "left_hip", "right_hip")]
_VISIBLE, _UNSEEN = 0.5, 0.2
_SEEN_FOR = 0.3  # s that feet have to be in or out of the picture before it counts
_GAP = 0.25  # s between two poses after which their speed says nothing
_JUMP = 12.0  # m/s; what is faster is somebody else, or nobody
_PATIENCE = 5  # poses elsewhere after which it is believed
_MEASURED = 45  # poses from which body size and jitter are measured
_AGILITY = 0.7  # m/s², acceleration that is believed where the picture trembles
_BENDING = 1.65  # median size of second differences of noise of standard deviation 1
_CLEAN = 0.006  # m, what dancing itself looks like as jitter, at 30 poses a second


class Leader:
    """Follows one dancer.

    Parameters
    ----------
    lengths : (22,) m
        Bones of the partner's skeleton, which the dancer is given too.
    """

    def __init__(self, lengths: Floats) -> None:
        self._lengths = lengths
        self._sizes: deque[Floats] = deque(maxlen=_MEASURED)
        self._size = size_of(self._lengths)
        self._jitter: deque[float] = deque(maxlen=_MEASURED)
        self._raw: deque[tuple[float, Floats]] = deque(maxlen=3)
        self._older: tuple[float, Floats] | None = None
        self._newest: tuple[float, Floats] | None = None
        self._velocity = np.zeros((JOINT_COUNT, 3))
        self._elsewhere = 0
        self._feet_changed: float | None = None
        self.feet = True
        self._ticks: deque[Floats] = deque(maxlen=HISTORY)
        self._tick_time: float | None = None
        self.returned_at: float | None = None

    @property
    def seen_at(self) -> float | None:
        """When the newest pose was, s; None before the first."""
        return None if self._newest is None else self._newest[0]

    def observe(self, pose: Pose) -> None:
        """Take a measured pose; one that is no newer than the last, or not a number, is left out."""
        room = self._completed(pose)
        if not np.isfinite(room).all() or (self._newest is not None and pose.time <= self._newest[0]):
            return
        if pose.visibility[_TRUNK].min() < _UNSEEN:
            return  # a body guessed at is not seen
        self._note_feet(pose)
        whole = bool(pose.visibility.min() >= _VISIBLE)
        if self._newest is None:
            room = self._fitted(room, whole)
            self._older = self._newest = (pose.time, room)
            self.returned_at = pose.time
            return
        before, last = self._newest
        interval = pose.time - before
        fitted = self._fitted(room, whole)
        raw_before = self._raw[-2][1] if len(self._raw) > 1 else last
        if interval < _GAP and np.linalg.norm(fitted[0] - raw_before[0]) > _JUMP * max(interval, 1.0 / RATE):
            self._elsewhere += 1
            if self._elsewhere < _PATIENCE:
                self._raw.pop()
                return
        self._elsewhere = 0
        if interval >= _GAP:
            smoothed, self._velocity = fitted, np.zeros_like(fitted)
            self.returned_at = pose.time
        else:
            smoothed = self._smoothed(fitted, last, interval)
        self._older, self._newest = self._newest, (pose.time, smoothed)

    def _completed(self, pose: Pose) -> Floats:
        """Return the pose in the room, joints that were not seen as they last were about the pelvis."""
        room = pose.joints + pose.root
        unseen = pose.visibility < _UNSEEN
        if self._newest is not None and unseen.any():
            last = self._newest[1]
            room[unseen] = (last - last[0])[unseen] + room[0]
        return room

    def _note_feet(self, pose: Pose) -> None:
        seen = bool(pose.visibility[_FEET].min() >= _VISIBLE)
        if seen == self.feet:
            self._feet_changed = None
        elif self._newest is None:
            self.feet = seen
        elif self._feet_changed is None:
            self._feet_changed = pose.time
        elif pose.time - self._feet_changed > _SEEN_FOR:
            self.feet, self._feet_changed = seen, None

    def _fitted(self, room: Floats, whole: bool) -> Floats:
        """Return the dancer with the partner's bones: as tall as the partner, standing where they stand."""
        self._raw.append((0.0, room))
        if whole:
            self._sizes.append(bone_lengths(room[None]))
            self._size = size_of(np.median(np.array(self._sizes), axis=0))
        scale = size_of(self._lengths) / self._size if self._size > 0.3 else 1.0
        scaled = (room - room[0]) * scale + room[0] * (1.0, scale, 1.0)
        if abs(scale - 1.0) < 0.02:
            scaled = room  # a skeleton like the partner's is left as it is
        fitted = with_bones(scaled, self._lengths)
        self._raw[-1] = (0.0, fitted)
        return fitted

    def _smoothed(self, room: Floats, last: Floats, interval: float) -> Floats:
        """Filter as much as the picture trembles (alpha-beta filter; Kalata, 1984): clean motion passes unchanged."""
        if len(self._raw) == 3:
            bend = self._raw[2][1] - 2 * self._raw[1][1] + self._raw[0][1]
            self._jitter.append(float(np.median(np.abs(bend))) / _BENDING)
        noise = float(np.median(self._jitter)) - _CLEAN if len(self._jitter) >= 8 else 0.0
        expected = last + self._velocity * interval
        if noise <= 0.0:
            self._velocity = (room - last) / interval
            return room
        index = _AGILITY * interval**2 / noise
        damping = (4 + index - np.sqrt(8 * index + index**2)) / 4
        alpha = 1 - damping**2
        beta = 2 * (2 - alpha) - 4 * np.sqrt(1 - alpha)
        surprise = room - expected
        self._velocity = self._velocity + beta / interval * surprise
        return np.asarray(expected + alpha * surprise)

    def tick(self, time: float) -> Floats | None:
        """Return the last two seconds (HISTORY, 22, 3) m up to a tick, the newest last; None while it is not seen.

        Ticks are asked for in their order, 1/30 s apart; one that was not answered is asked for again.
        """
        if self._newest is None or self._older is None or time > self._newest[0] + 1e-6:
            return None
        (before, older), (after, newer) = self._older, self._newest
        share = 1.0 if after <= before else float(np.clip((time - before) / (after - before), 0.0, 1.0))
        frame = (1 - share) * older + share * newer
        missed = 0 if self._tick_time is None else round((time - self._tick_time) * RATE) - 1
        if not self._ticks or missed > HISTORY:
            self._ticks.extend([frame] * HISTORY)
        elif missed > 0:
            # A gap is bridged on a straight way, so that it is not a leap to be followed.
            start = self._ticks[-1]
            for step in range(1, missed + 1):
                self._ticks.append(start + (frame - start) * (step / (missed + 1)))
        self._ticks.append(frame)
        self._tick_time = time
        return np.array(self._ticks)
