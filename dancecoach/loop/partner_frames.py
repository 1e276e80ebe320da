"""The partner's frames, each generated when it is due: ahead of the screen, in order, once.

```
newest pose seen ──────► now ──► now + delay of the screen ──► newest frame
        └── anticipated by the partner ─────────────────────────────┘ one to two frames past what is painted
```

Frames lie on the ticks k/30 s of the clock. Who paints interpolates between them. All this is done in a process of
its own (`serve`), because a frame must not wait for whatever else the program computes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

from dancecoach.clock import Clock, SystemClock
from dancecoach.errors import DancecoachError
from dancecoach.types import BeatGrid, PartnerRole, Pose

if TYPE_CHECKING:
    from dancecoach.partner.partner import PartnerFrame

log = logging.getLogger(__name__)

RATE = 30.0  # frames a second
_AHEAD = 2  # ticks past the moment that is painted now, so that the next paints can interpolate too
_BEHIND = 0.5  # s by which it may be behind before frames are left out


@dataclass(frozen=True, slots=True)
class Dance:
    """What to dance: `role` and `style`, the ghost `ghost_counts` ahead, shown on a screen that is `delay` s late."""

    role: PartnerRole = "follower"
    style: str = "salsa"
    ghost_counts: int = 0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """The music's beats as known now."""

    grid: BeatGrid | None


@dataclass(frozen=True, slots=True)
class Generated:
    """Frames of one look at the work, oldest first; `milliseconds` that each took, `skipped` frames so far."""

    dance: Dance
    frames: tuple[PartnerFrame, ...]
    milliseconds: tuple[float, ...]
    skipped: int


class DancingPartner(Protocol):
    """What is asked of `dancecoach.partner.partner.Partner`."""

    def observe(self, pose: Pose) -> None:
        """Take a measured pose of the dancer."""
        ...

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        """Return the partner at `time` s; None before a dancer was ever seen."""
        ...


def _make_partner(role: PartnerRole, style: str) -> DancingPartner:
    # Imported where it is wanted: whoever hands poses over does not load the networks.
    from dancecoach.partner.partner import Partner
    from dancecoach.partner.styles import open_style

    try:
        return Partner(role, open_style(style))
    except DancecoachError as error:
        log.warning("%s The partner dances what it shipped with.", error)
        return Partner(role)


class FrameGenerator:
    """Generates the frames that are due.

    Parameters
    ----------
    clock : Clock
        The one clock.
    make : callable, optional
        Makes the partner of a role and a style.
    """

    def __init__(self, clock: Clock, make: Callable[[PartnerRole, str], DancingPartner] = _make_partner) -> None:
        self._clock = clock
        self._make = make
        self._dance = Dance()
        self._grid: BeatGrid | None = None
        self._partner: DancingPartner | None = None
        self._tick: int | None = None
        self._seen = -math.inf
        self._skipped = 0

    def take(self, message: Dance | Heard | Pose) -> None:
        """Take what is told: what to dance, the beats, or a measured pose of the dancer.

        Another role or style begins anew.
        """
        if isinstance(message, Heard):
            self._grid = message.grid
        elif isinstance(message, Dance):
            if (message.role, message.style) != (self._dance.role, self._dance.style):
                self._partner, self._tick, self._seen = None, None, -math.inf
            self._dance = message
        elif message.time > self._seen:  # else the camera's delay was changed: wait for time to pass on
            self._seen = message.time
            self._dancing().observe(message)

    def catch_up(self) -> Generated:
        """Generate every frame that is due."""
        partner = self._dancing()
        last = math.floor((self._clock.now() + self._dance.delay) * RATE) + _AHEAD
        first = last if self._tick is None else self._tick + 1
        if last - first > _BEHIND * RATE:
            # What would have been painted is past: making up for it would only put it further behind.
            self._skipped += last - first
            first = last
        frames, durations = [], []
        for tick in range(first, last + 1):
            began = time.perf_counter()
            frame = partner.step(tick / RATE, self._grid, self._dance.ghost_counts)
            durations.append(1000.0 * (time.perf_counter() - began))
            self._tick = tick
            if frame is not None:
                frames.append(frame)
        return Generated(self._dance, tuple(frames), tuple(durations), self._skipped)

    def next_due(self) -> float:
        """Return when to look at the work again, s of the clock."""
        return (math.floor(self._clock.now() * RATE) + 1) / RATE

    def _dancing(self) -> DancingPartner:
        if self._partner is None:
            self._partner = self._make(self._dance.role, self._dance.style)
        return self._partner


def serve(connection: Connection) -> None:
    """Take messages from `connection` and send `Generated` there, until it is closed (EOFError)."""
    clock = SystemClock()
    generator = FrameGenerator(clock)
    generator.take(connection.recv())  # what to dance comes first
    while True:
        due = generator.next_due()
        while connection.poll(max(due - clock.now(), 0.0)):
            generator.take(connection.recv())
        made = generator.catch_up()
        if made.milliseconds:
            connection.send(made)
