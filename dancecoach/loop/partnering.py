"""The live partner as the loop sees it: poses in as they come, frames out ahead of the screen."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dancecoach.buffers import BoundedQueue
from dancecoach.loop.child import Child
from dancecoach.loop.partner_frames import Dance, Generated, Heard, serve
from dancecoach.loop.timing import Timers
from dancecoach.types import JOINT_COUNT, BeatGrid, FollowerMotion, PartnerRole, Pose

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

GHOST_COUNTS = (0, 2, 3, 4)  # how many counts ahead the ghost may be; 0 is none
_KEPT = 1.2  # s of frames handed out
_WAITING_POSES = 64  # poses not yet handed over; the oldest go first
_HAND_OVER = 1 / 30  # s after which beats are handed over though no pose came
_LISTEN = 0.2  # s between two looks at the switch while nothing comes
_HUNG = 20.0  # s without a frame after which the process is taken for hung; it begins within a few

_EMPTY = FollowerMotion(
    np.zeros(0), np.zeros((0, JOINT_COUNT, 3)), np.zeros((0, 4)), np.zeros((0, JOINT_COUNT, 3)), np.zeros((0, 4))
)


class LivePartner:
    """Has the partner's frames generated in a process of its own and hands them out; nobody waits for it.

    Parameters
    ----------
    grid : callable
        Gives the music's beats as known now.
    display_latency : callable
        Gives the delay of the screen, s.
    timers : Timers
        Gets the stage "partner": one duration for each frame.
    deliver : callable, optional
        Takes each frame.
    """

    def __init__(
        self,
        grid: Callable[[], BeatGrid | None],
        display_latency: Callable[[], float],
        timers: Timers,
        deliver: Callable[[PartnerFrame], None] | None = None,
    ) -> None:
        self._grid = grid
        self._display_latency = display_latency
        self._timers = timers
        self._deliver = deliver
        self._poses: BoundedQueue[Pose] = BoundedQueue(_WAITING_POSES)
        self._on = threading.Event()
        self._anew = threading.Event()
        self._role: PartnerRole = "follower"
        self._style = "salsa"
        self._ghost_counts = 0
        self._child: Child | None = None
        self._told: tuple[Child, Dance, BeatGrid | None] | None = None
        self._frames: deque[PartnerFrame] = deque()
        self._dancing: tuple[PartnerRole, str] = (self._role, self._style)
        self._motion: FollowerMotion = _EMPTY
        self.skipped = 0

    # --- commands, from any thread ------------------------------------------------------------------------------

    @property
    def motion(self) -> FollowerMotion | None:
        """The duet around now; empty before anything was generated, None when switched off."""
        return self._motion if self._on.is_set() else None

    @property
    def process(self) -> int | None:
        """The number of the process that generates the frames; None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def use(self, on: bool) -> None:
        """Switch the partner on or off; it begins anew."""
        if on == self._on.is_set():
            return
        self._anew.set()
        if on:
            while self._poses.take(0.0) is not None:
                pass  # of the last time it was on
            self._motion = _EMPTY
            self._on.set()
        else:
            self._on.clear()

    def set_role(self, role: PartnerRole) -> None:
        """Let the partner follow or lead; it begins anew."""
        self._role = role

    def set_style(self, style: str) -> None:
        """Let the partner dance this style; it begins anew."""
        self._style = style

    def set_ghost(self, counts: int) -> None:
        """Show where the partner is expected `counts` counts later, one of `GHOST_COUNTS`; 0 for no ghost."""
        self._ghost_counts = counts if counts in GHOST_COUNTS else 0

    def see(self, pose: Pose) -> None:
        """Take a measured pose of the dancer; returns at once."""
        if self._on.is_set():
            self._poses.put(pose)

    # --- the workers --------------------------------------------------------------------------------------------

    def hand_over(self) -> None:
        """Hand the next pose over, and what to dance and the beats when they changed; waits a little for a pose."""
        child = self._child
        if child is None:
            self._on.wait(_LISTEN)
            time.sleep(_HAND_OVER)  # until the other worker has started it
            return
        pose = self._poses.take(_HAND_OVER)
        dance = Dance(self._role, self._style, self._ghost_counts, self._display_latency())
        grid = self._grid()
        told = self._told
        if told is None or told[0] is not child:
            child.send(dance)
            child.send(Heard(grid))
        else:
            if dance != told[1]:
                child.send(dance)
            if grid is not told[2]:
                child.send(Heard(grid))
        self._told = (child, dance, grid)
        if pose is not None:
            child.send(pose)

    def receive(self) -> None:
        """Take the next frames; starts and ends the process as the partner is switched on and off.

        Raises
        ------
        ChildEndedError
            When the process failed; the next call starts another.
        """
        if self._anew.is_set():
            self._anew.clear()
            self.close()
        if not self._on.wait(_LISTEN):
            return
        if self._child is None:
            self._child = Child("partner", serve)
        try:
            made: Generated | None = self._child.receive(_LISTEN, _HUNG)
        except Exception:
            self.close()
            raise
        if made is not None:
            self._show(made)

    def close(self) -> None:
        """End the process and forget its frames."""
        child, self._child, self._told = self._child, None, None
        if child is not None:
            child.close()
        self._frames.clear()
        self._motion = _EMPTY

    def _show(self, made: Generated) -> None:
        for duration in made.milliseconds:
            self._timers["partner"].add(duration)
        self.skipped = made.skipped
        dancing = (made.dance.role, made.dance.style)
        if dancing != self._dancing:
            self._frames.clear()
            self._dancing, self._motion = dancing, _EMPTY
        for frame in made.frames:
            self._frames.append(frame)
            if self._deliver is not None:
                self._deliver(frame)
        if made.frames:
            while self._frames[0].time < self._frames[-1].time - _KEPT:
                self._frames.popleft()
            self._motion = motion_of(tuple(self._frames), made.dance.role)


def motion_of(frames: tuple[PartnerFrame, ...], role: PartnerRole) -> FollowerMotion:
    """Return frames, at least one, oldest first, as the motion that is handed out; its arrays are read-only."""
    newest = frames[-1]
    unknown = np.full((JOINT_COUNT, 3), np.nan)
    ghosts = None
    if newest.ghost is not None:
        ghosts = np.stack([unknown if frame.ghost is None else frame.ghost for frame in frames])
    motion = FollowerMotion(
        np.array([frame.time for frame in frames]),
        np.stack([frame.joints for frame in frames]),
        np.stack([frame.contacts for frame in frames]),
        np.stack([frame.leader for frame in frames]),
        np.stack([frame.holds for frame in frames]),
        ghosts,
        newest.state,
        newest.feet_inferred,
        role,
    )
    for array in (motion.times, motion.joints, motion.contacts, motion.leader, motion.holds, motion.ghosts):
        if array is not None:
            array.flags.writeable = False
    return motion
