"""The assessment in a process of its own: what the dancer did goes in twice a second, what is said of it comes back.

```
engine: poses, beats ──Watched──► child: synchrony ─► encoders ─► eight-counts judged
        snapshot, session ◄──────────Assessed────────────────────────────┘
```
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from dancecoach.assessment.take import LiveTake
from dancecoach.buffers import TimeRing
from dancecoach.loop.child import Child
from dancecoach.loop.coaching import LiveCoach
from dancecoach.loop.timing import Timers
from dancecoach.types import Advice, BeatGrid, Notice, Pose, PrimitiveScore, Synchrony

_KEPT = 45.0  # s of poses
_ENCODED = 2.0  # s of poses that the encoder may be behind
_LISTEN = 0.2  # s between two looks at whether to stop
_SHOWN = 400  # eight-counts
_HUNG = 60.0  # s without an answer after which the process is taken for hung; long references take some


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message: `reference` remembered from last time, and where an earlier process left off.

    That had judged `count` eight-counts, the last of which ended at `until` s.
    """

    reference: str
    count: int = 0
    until: float = -math.inf


@dataclass(frozen=True, slots=True)
class Watched:
    """What came since the last message, at clock time `now` s: `poses`, oldest first, and the beats as known now."""

    now: float
    poses: tuple[Pose, ...]
    grid: BeatGrid | None
    new_take: bool


@dataclass(frozen=True, slots=True)
class UseReference:
    """Compare with the motion at `path` from now on, with none where it is empty."""

    path: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A choreography was taught."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """The answer to `Watched`: how it stands, what was completed, what is said and how long stages took, ms."""

    last_8: Synchrony | None = None
    last_32: Synchrony | None = None
    total: Synchrony | None = None
    completed: tuple[PrimitiveScore, ...] = ()
    advice: tuple[Advice, ...] = ()
    provider: str = ""
    notices: tuple[tuple[str, Notice | None], ...] = ()
    milliseconds: tuple[tuple[str, float], ...] = ()


class Assessing:
    """What the child does, without the pipe: one take, and the coach who judges it."""

    def __init__(self, begin: Begin) -> None:
        self._notices: list[tuple[str, Notice | None]] = []
        self._milliseconds: list[tuple[str, float]] = []
        self._coach = LiveCoach(lambda about, notice: self._notices.append((about, notice)), begin.reference)
        self._take = LiveTake(begin.count, begin.until)
        self._poses: TimeRing[Pose] = TimeRing(_KEPT, lambda pose: pose.time)

    def take(self, message: Watched | UseReference | Learned) -> Assessed | None:
        """Take a message; what was watched is answered."""
        if isinstance(message, Learned):
            self._coach.learned()
        elif isinstance(message, UseReference):
            self._coach.use_reference(message.path)
        else:
            return self._watched(message)
        return None

    def _watched(self, watched: Watched) -> Assessed:
        now, grid = watched.now, watched.grid
        if watched.new_take:
            self._take = LiveTake()
            self._coach.reset()
            self._poses.clear()
        for pose in watched.poses:
            self._poses.put(pose)
        poses = self._poses.since(now - self._take.wanted(grid))
        with self._measured("assess"):
            completed = self._take.step(poses, grid, now)
        self._coach.prepare()
        with self._measured("encode"):
            self._coach.watch(self._poses.since(now - _ENCODED), grid)
        if completed:
            with self._measured("judge"):
                completed = self._coach.judge(completed, poses, grid, now, self._take.last_32)
        answer = Assessed(
            self._take.last_8,
            self._take.last_32,
            self._take.total,
            tuple(completed),
            self._coach.advice(now),
            self._coach.provider,
            tuple(self._notices),
            tuple(self._milliseconds),
        )
        self._notices.clear()
        self._milliseconds.clear()
        return answer

    @contextmanager
    def _measured(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._milliseconds.append((stage, 1000.0 * (time.perf_counter() - began)))


def serve(connection: Connection) -> None:
    """Take messages from `connection`, `Begin` first, and answer there until it is closed (EOFError)."""
    assessing = Assessing(connection.recv())
    while True:
        answer = assessing.take(connection.recv())
        if answer is not None:
            connection.send(answer)


class LiveAssessment:
    """The assessment as the engine sees it.

    Parameters
    ----------
    notify : callable
        Sets or clears the standing notice about one thing.
    timers : Timers
        Gets the stages "assess", "encode" and "judge".
    reference : str
        Path of the reference remembered from last time, "" for none.
    """

    def __init__(self, notify: Callable[[str, Notice | None], None], timers: Timers, reference: str = "") -> None:
        self._notify = notify
        self._timers = timers
        self._reference = reference
        self._child: Child | None = None
        self._commands: deque[UseReference | Learned] = deque()
        self._new_take = threading.Event()
        self._poses: TimeRing[Pose] = TimeRing(_KEPT, lambda pose: pose.time)
        self._handed_over = -math.inf  # s, the newest pose that the child has
        self._until = -math.inf  # s, the end of the last eight-count
        self.now = Assessed()
        self.primitives: tuple[PrimitiveScore, ...] = ()

    # --- commands, from any thread ------------------------------------------------------------------------------

    def use_reference(self, path: str) -> None:
        """Compare with this motion file or session from now on; with none where `path` is empty.

        Raises
        ------
        DancecoachError
            When it cannot be read.
        """
        if path:
            from dancecoach.assessing import open_reference

            open_reference(Path(path))
        self._reference = path
        self._commands.append(UseReference(path))
        self._notify("reference", None)

    def learned(self) -> None:
        """Say that a choreography was taught."""
        self._commands.append(Learned())

    def new_take(self) -> None:
        """Start scoring afresh."""
        self._new_take.set()

    def see(self, pose: Pose) -> None:
        """Take a measured pose of the dancer; returns at once."""
        self._poses.put(pose)

    @property
    def process(self) -> int | None:
        """The number of the process that assesses; None while there is none."""
        child = self._child
        return None if child is None else child.pid

    # --- the worker ---------------------------------------------------------------------------------------------

    def step(self, now: float, grid: BeatGrid | None, stopping: threading.Event) -> tuple[PrimitiveScore, ...]:
        """Hand over what came since the last step and return the eight-counts that were completed, judged.

        Raises
        ------
        ChildEndedError
            When the process failed; the next call starts another, which carries on.
        """
        new_take = self._new_take.is_set()
        if new_take:
            self._new_take.clear()
            self._poses.clear()
            self.primitives, self._until = (), -math.inf
        child = self._started()
        while self._commands:
            child.send(self._commands.popleft())
        poses = tuple(pose for pose in self._poses.since(self._handed_over) if pose.time > self._handed_over)
        child.ask(Watched(now, poses, grid, new_take))
        if poses:
            self._handed_over = poses[-1].time
        try:
            while (answer := child.receive(_LISTEN, _HUNG)) is None:
                if stopping.is_set():
                    return ()
        except Exception:
            self.close()
            raise
        self._accept(answer)
        return self.now.completed

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        self._handed_over = -math.inf
        if child is not None:
            child.close()

    def _started(self) -> Child:
        if self._child is None:
            self._child = Child("assessment", serve, patient=True)
            count = self.primitives[-1].index if self.primitives else 0
            self._commands.clear()  # what they ask for is in the reference and on the disk
            self._child.send(Begin(self._reference, count, self._until))
        return self._child

    def _accept(self, answer: Assessed) -> None:
        for about, notice in answer.notices:
            self._notify(about, notice)
        for stage, milliseconds in answer.milliseconds:
            self._timers[stage].add(milliseconds)
        if answer.completed:
            self.primitives = (*self.primitives, *answer.completed)[-_SHOWN:]
            self._until = answer.completed[-1].primitive.stop
        self.now = answer
