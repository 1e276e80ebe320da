"""The pose worker's work: the newest picture in, the followed dancer out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dancecoach.buffers import Latest
from dancecoach.errors import DancecoachError
from dancecoach.loop.timing import Timers
from dancecoach.types import Notice, Pose, VideoFrame

if TYPE_CHECKING:
    from dancecoach.perception.pose import PoseEstimator, PoseResult

_RETRY = 5.0  # s between attempts to load the networks


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture and what was seen in it."""

    frame: VideoFrame
    result: PoseResult


class Watcher:
    """Runs the pose estimator on the newest picture.

    Parameters
    ----------
    frames : Latest
        Where the pictures come from.
    deliver : callable
        Takes each raw pose.
    notify : callable
        Takes ("pose", notice or None).
    timers : Timers
        Gets the stages "pose" and "arrival to pose".
    """

    def __init__(
        self,
        frames: Latest[VideoFrame],
        deliver: Callable[[Pose], None],
        notify: Callable[[str, Notice | None], None],
        timers: Timers,
    ) -> None:
        self._frames = frames
        self._deliver = deliver
        self._notify = notify
        self._timers = timers
        self._estimator: PoseEstimator | None = None
        self._wanted: tuple[float, float] | None = None
        self._last_seen: float | None = None
        self._last_time = -1.0
        self._retry = threading.Event()
        self.seen: Seen | None = None

    def follow(self, x: float, y: float) -> None:
        """Follow whoever stands at image point (x, y), from the next picture on."""
        self._wanted = (x, y)

    def seen_ago(self, now: float) -> float | None:
        """Return how long ago the followed dancer was seen, s; None before the networks run."""
        if self._last_seen is None:
            return None
        return now - self._last_seen

    def step(self) -> None:
        """Load the networks, or look at one picture."""
        if self._estimator is None and not self._load():
            return
        frame = self._frames.take(timeout=0.2)
        estimator = self._estimator
        if frame is None or estimator is None:
            return
        if frame.time <= self._last_time and self._last_time - frame.time < 0.5:
            return  # the latency was changed: wait for time to pass on
        self._last_time = frame.time
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            estimator.follow(*wanted)
        with self._timers["pose"].measure():
            result = estimator.step(frame)
        if self._last_seen is None:
            self._last_seen = frame.arrival - 10.0  # the networks run; nobody has been seen yet
        if result.raw is not None:
            self._last_seen = frame.arrival
            self._deliver(result.raw)
        self.seen = Seen(frame, result)

    def close(self) -> None:
        """Release the networks."""
        if self._estimator is not None:
            self._estimator.close()
            self._estimator = None

    def _load(self) -> bool:
        # mediapipe takes two seconds to import: here, in the worker, while the first pictures are painted.
        from dancecoach.perception.pose import PoseEstimator

        try:
            self._estimator = PoseEstimator()
        except DancecoachError as error:
            self._notify("pose", Notice("no_pose_model", error.problem, error.remedy, "error"))
            self._retry.wait(_RETRY)
            return False
        self._notify("pose", None)
        return True
