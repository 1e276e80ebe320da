"""The live partner's worker: poses in as they come, frames out ahead of the screen.

```
newest pose seen ──────► now ──► now + delay of the screen ──► newest frame
        └── anticipated by the partner ─────────────────────────────┘ one to two frames past what is painted
```

Frames lie on the ticks k/30 s of the clock and are generated once, in order. Who paints interpolates between them.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dancecoach.buffers import BoundedQueue
from dancecoach.clock import Clock
from dancecoach.errors import DancecoachError
from dancecoach.loop.timing import Timers
from dancecoach.types import JOINT_COUNT, BeatGrid, FollowerMotion, PartnerRole, Pose

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

log = logging.getLogger(__name__)

RATE = 30.0  # frames a second
GHOST_COUNTS = (0, 2, 3, 4)  # how many counts ahead the ghost may be; 0 is none
_AHEAD = 2  # ticks past the moment that is painted now, so that the next paints can interpolate too
_KEPT = 1.2  # s of frames handed out
_BEHIND = 0.5  # s by which it may be behind before frames are left out
_WAITING_POSES = 64  # poses not yet looked at; the oldest go first
_OFF_PAUSE = 0.2  # s between two looks at the switch while it is off

_EMPTY = FollowerMotion(
    np.zeros(0), np.zeros((0, JOINT_COUNT, 3)), np.zeros((0, 4)), np.zeros((0, JOINT_COUNT, 3)), np.zeros((0, 4))
)


class DancingPartner(Protocol):
    """What is asked of `dancecoach.partner.partner.Partner`."""

    def observe(self, pose: Pose) -> None:
        """Take a measured pose of the dancer."""
        ...

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        """Return the partner at `time` s; None before a dancer was ever seen."""
        ...


def _make_partner(role: PartnerRole, style: str) -> DancingPartner:
    # Imported when first wanted: whoever dances alone does not wait for the networks.
    from dancecoach.partner.partner import Partner
    from dancecoach.partner.styles import open_style

    try:
        return Partner(role, open_style(style))
    except DancecoachError as error:
        log.warning("%s The partner dances what it shipped with.", error)
        return Partner(role)


class LivePartner:
    """Generates the partner's frames ahead of the screen, never waiting for anybody.

    Parameters
    ----------
    clock : Clock
        The one clock.
    grid : callable
        Gives the music's beats as known now.
    display_latency : callable
        Gives the delay of the screen, s.
    timers : Timers
        Gets the stage "partner": one duration for each frame.
    deliver : callable, optional
        Takes each frame.
    make : callable, optional
        Makes the partner of a role and a style.
    """

    def __init__(
        self,
        clock: Clock,
        grid: Callable[[], BeatGrid | None],
        display_latency: Callable[[], float],
        timers: Timers,
        deliver: Callable[[PartnerFrame], None] | None = None,
        make: Callable[[PartnerRole, str], DancingPartner] = _make_partner,
    ) -> None:
        self._clock = clock
        self._grid = grid
        self._display_latency = display_latency
        self._timers = timers
        self._deliver = deliver
        self._make = make
        self._poses: BoundedQueue[Pose] = BoundedQueue(_WAITING_POSES)
        self._on = threading.Event()
        self._role: PartnerRole = "follower"
        self._style = "salsa"
        self._ghost_counts = 0
        self._anew = threading.Event()
        self._partner: DancingPartner | None = None
        self._frames: deque[PartnerFrame] = deque()
        self._tick: int | None = None
        self._seen = -math.inf
        self._motion: FollowerMotion = _EMPTY
        self.skipped = 0

    # --- commands, from any thread ------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether the partner dances."""
        return self._on.is_set()

    @property
    def motion(self) -> FollowerMotion | None:
        """The duet around now; empty before anything was generated, None when switched off."""
        return self._motion if self._on.is_set() else None

    def use(self, on: bool) -> None:
        """Switch the partner on or off; it begins anew."""
        if on == self._on.is_set():
            return
        self._anew.set()
        if on:
            while self._poses.take(0.0) is not None:
                pass  # of the last time it was on
            self._on.set()
        else:
            self._on.clear()

    def set_role(self, role: PartnerRole) -> None:
        """Let the partner follow or lead; it begins anew."""
        if role != self._role:
            self._role = role
            self._anew.set()

    def set_style(self, style: str) -> None:
        """Let the partner dance this style; it begins anew."""
        if style != self._style:
            self._style = style
            self._anew.set()

    def set_ghost(self, counts: int) -> None:
        """Show where the partner is expected `counts` counts later, one of `GHOST_COUNTS`; 0 for no ghost."""
        self._ghost_counts = counts if counts in GHOST_COUNTS else 0

    def see(self, pose: Pose) -> None:
        """Take a measured pose of the dancer; returns at once."""
        if self._on.is_set():
            self._poses.put(pose)

    # --- the worker ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Generate what is due, then wait for the next frame's turn."""
        if not self._on.wait(_OFF_PAUSE):
            return
        self.catch_up()
        now = self._clock.now()
        self._clock.sleep_until((math.floor(now * RATE) + 1) / RATE)

    def catch_up(self) -> None:
        """Look at the poses that have come and generate every frame that is due."""
        if self._anew.is_set():
            self._anew.clear()
            self._forget()
        try:
            if self._partner is None:
                self._partner = self._make(self._role, self._style)
            self._observe(self._partner)
            self._generate(self._partner)
        except Exception:
            self._forget()  # whatever state it is in: the worker begins with a new one
            raise

    def _forget(self) -> None:
        self._partner, self._tick, self._seen = None, None, -math.inf
        self._frames.clear()
        self._motion = _EMPTY

    def _observe(self, partner: DancingPartner) -> None:
        while (pose := self._poses.take(0.0)) is not None:
            if pose.time > self._seen:  # else the camera's delay was changed: wait for time to pass on
                self._seen = pose.time
                partner.observe(pose)

    def _generate(self, partner: DancingPartner) -> None:
        last = math.floor((self._clock.now() + self._display_latency()) * RATE) + _AHEAD
        first = last if self._tick is None else self._tick + 1
        if last - first > _BEHIND * RATE:
            # What would have been painted is past: making up for it would only put it further behind.
            self.skipped += last - first
            first = last
        grid, ghost_counts, made = self._grid(), self._ghost_counts, False
        for tick in range(first, last + 1):
            with self._timers["partner"].measure():
                frame = partner.step(tick / RATE, grid, ghost_counts)
            self._tick = tick
            if frame is None:
                continue
            made = True
            self._frames.append(frame)
            if self._deliver is not None:
                self._deliver(frame)
        if made:
            while self._frames[0].time < self._frames[-1].time - _KEPT:
                self._frames.popleft()
            self._motion = motion_of(tuple(self._frames), self._role)


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
