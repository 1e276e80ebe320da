"""The partner: what the live loop and the command line call.

```
pose ─► leader ─ticks─► features ─► model ─► foresight ─┐
                                   basic on the beat ───┴─► dancer ─► distance ─► hands ─► touch ─► feet ─► frame
```

Every part sees the past alone. The frame asked for lies ahead of the newest pose by the time a picture takes to the
screen; the model answers for that moment, so that the follower looks simultaneous.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dancecoach.partner.basic import BasicTable, bodies_at, state_at
from dancecoach.partner.dancer import Dancer, Expectation, blended, turn_between
from dancecoach.partner.distance import Distance
from dancecoach.partner.features import HISTORY, RATE, UPPER, WHOLE
from dancecoach.partner.feet import Feet
from dancecoach.partner.foresight import Foresight
from dancecoach.partner.frames import heading_of
from dancecoach.partner.hands import Hands
from dancecoach.partner.leader import Leader
from dancecoach.partner.model import MODELS, STATE, DuetModel, OnnxModel
from dancecoach.partner.outputs import understood
from dancecoach.partner.skeleton import with_bones
from dancecoach.partner.touch import Touch
from dancecoach.types import SURE, BeatGrid, Floats, PartnerRole, PartnerState, Pose

_CATCH_UP = 3  # ticks that are understood in one step; what was missed before that is past
_UNCERTAIN, _LOST, _ALONE = 0.4, 0.6, 1.5  # s since the dancer was seen
_HURRY = 2.0  # s after the dancer was seen again in which the partner hurries back
_BLEND = 0.3  # s from one to the other: what the leader leads, and the basic
_ROOM = 0.3  # m that the partner backs off when it dances alone
_KNOWN, _STRANGE = 0.42, 0.25  # familiarity of movements that can be followed, and that cannot
_FADE = 0.05  # share of a change of familiarity that counts in a frame
_TOUCHING, _NOT_TOUCHING = 0.38, 0.32  # expected touch of arms: from where on they touch, and no longer do
_TAKE = 0.3  # share of a change of touch that is made in a frame
_TEMPO = 170.0  # counts a minute where no beat is known


@dataclass(frozen=True, slots=True)
class PartnerFrame:
    """One generated frame.

    `time` s; `joints` (22, 3) m, room frame; `contacts` (4,), `leader` (22, 3), `holds` (4,), `ghost` (22, 3) or
    None, `state`, `feet_inferred` as in `types.FollowerMotion`.
    """

    time: float
    joints: Floats
    contacts: Floats
    leader: Floats
    holds: Floats
    ghost: Floats | None
    state: PartnerState
    feet_inferred: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of the partner work; all but for measuring what each is worth.

    `rhythm` scales steps to the expected speed; `energy` amplifies velocities; `averaging` asks all answers about a
    moment, not the newest alone; `distance`, `hands`, `touch` and `feet` are the corrections of the body;
    `back` asks what was learned for a leader who is only just back.
    """

    rhythm: bool = True
    energy: bool = True
    averaging: bool = True
    distance: bool = True
    hands: bool = True
    touch: bool = True
    feet: bool = True
    back: bool = True


@functools.cache
def shipped_model() -> DuetModel:
    """Return the style that ships, salsa.

    Raises
    ------
    DancecoachError
        When its file is missing or damaged.
    """
    return OnnxModel(MODELS / "partner.onnx")


class Partner:
    """A causal partner: tell it what was seen, ask it for the next frame.

    Parameters
    ----------
    role : PartnerRole
        What the partner dances: the follower of the dancer, or the leader of a simple basic.
    model : DuetModel, optional
        What it learned; the salsa that ships, if not given.
    parts : Parts, optional
        What of it works.

    Raises
    ------
    DancecoachError
        When the model is missing or damaged.
    """

    def __init__(
        self, role: PartnerRole = "follower", model: DuetModel | None = None, parts: Parts | None = None
    ) -> None:
        self.role: PartnerRole = role
        self._model = model or shipped_model()
        self._parts = parts or Parts()
        self._steps: BasicTable | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the dancer."""
        style = self._model.style
        self._leader = Leader(style.bones)
        self._foresight = Foresight()
        self._dancer: Dancer | None = None
        self._distance, self._hands, self._touch, self._feet = Distance(), Hands(), Touch(), Feet()
        self._tick: int | None = None
        self._seen_tick = -1
        self._seen = np.zeros((22, 3))
        self._moving = np.zeros((22, 3))
        self._led = 0.0
        self._familiar: float | None = None
        self._home: Floats | None = None
        self._touching, self._touches = 0.0, False
        self._count = 1.0
        self._state: PartnerState = "waiting"

    def observe(self, pose: Pose) -> None:
        """Take a measured pose of the dancer; they come in the order of their times, at any rate, with gaps."""
        self._leader.observe(pose)

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        """Return the partner at `time` s, 1/30 s after that of the last call; None before a dancer was ever seen.

        Parameters
        ----------
        time : float
            When the frame will be seen; later than the newest pose by the delay from camera to screen.
        grid : BeatGrid, optional
            The music's beats.
        ghost_counts : int
            How many counts later the ghost is; 0 for none.
        """
        tick = round(time * RATE)
        if self._tick is not None and not 0 < tick - self._tick < RATE:
            tick = self._tick + 1 if tick <= self._tick else tick
        self._understand(tick)
        if self._foresight.newest is None:
            return None
        seen_at = self._leader.seen_at
        away = time - seen_at if seen_at is not None else np.inf
        self._note(away)
        self._count_on(time, grid)
        expected = self._expected(tick, away)
        if self._dancer is None:
            self._dancer = Dancer(expected.state)
        gains = self._model.style.gains if self._parts.energy else np.ones(STATE)
        body = with_bones(self._dancer.step(expected, gains, self._hurries(time)), self._model.style.bones)
        self._tick = tick
        leader = self._foresight.leader(tick, self._seen, self._moving)
        return self._finished(time, tick, body, leader, grid, ghost_counts)

    # --- what is seen -----------------------------------------------------------------------------------------

    def _understand(self, tick: int) -> None:
        """Ask the model about every tick that is seen by now and was not before."""
        seen_at = self._leader.seen_at
        if seen_at is None:
            return
        last = min(tick, int(np.floor(seen_at * RATE + 1e-6)))
        for each in range(max(self._seen_tick + 1, last - _CATCH_UP + 1), last + 1):
            history = self._leader.tick(each / RATE)
            if history is None:
                return
            view = WHOLE if self._leader.feet else UPPER
            row, familiar = self._model.answer(view.of(history), self._leader.feet, self._bridged(each / RATE))
            self._familiar = (
                familiar if self._familiar is None else self._familiar + _FADE * (familiar - self._familiar)
            )
            self._seen, self._moving = history[-1], history[-1] - history[-2]
            if not self._parts.averaging:
                self._foresight.clear()
            self._foresight.add(each, understood(row, history[-1], history[-2]))
            self._seen_tick = each

    def _bridged(self, time: float) -> bool:
        """Return whether a part of the history was not seen."""
        back = self._leader.returned_at
        return self._parts.back and back is not None and time - back < HISTORY / RATE

    def _note(self, away: float) -> None:
        """Note how long the dancer has not been seen."""
        if away > _ALONE:
            self._state = "solo"
        elif away > _LOST:
            self._state = "holding"
        elif away > _UNCERTAIN:
            self._state = "uncertain"
        else:
            self._state = "following"

    def _count_on(self, time: float, grid: BeatGrid | None) -> None:
        """Know which count it is: the music's, else on from the last at a usual tempo."""
        position = grid.position(time) if grid is not None and grid.confidence >= SURE else None
        if position is None:
            self._count = (self._count - 1.0 + _TEMPO / 60.0 / RATE) % 8.0 + 1.0
        else:
            self._count = (position - 1.0) % 8.0 + 1.0

    def _hurries(self, time: float) -> bool:
        """Return whether the dancer has only just been seen again."""
        back = self._leader.returned_at
        return back is not None and time - back < _HURRY

    # --- what is expected -------------------------------------------------------------------------------------

    def _expected(self, tick: int, away: float) -> Expectation:
        """Return what the leader leads, the basic on the beat, or what lies between them."""
        leads = self.role == "follower" and away <= _LOST
        known = float(np.clip(((self._familiar or 0.0) - _STRANGE) / (_KNOWN - _STRANGE), 0.0, 1.0))
        led = known if leads else 0.0
        if self._dancer is None:
            self._led = led
        change = 1.0 / (_BLEND * RATE)
        self._led += float(np.clip(led - self._led, -change, change))
        if self._led >= 1.0:
            self._home = None
            expected = self._foresight.expectation(tick)
        elif self._led <= 0.0:
            expected = self._basic(away)
        else:
            expected = blended(self._basic(away), self._foresight.expectation(tick), self._led)
        if not self._parts.rhythm:
            expected = Expectation(expected.state, expected.velocity, None)
        return expected

    def _basic(self, away: float) -> Expectation:
        """Return the basic step at home: before the dancer, facing them, a little further off when they are lost."""
        style = self._model.style
        heading = float(heading_of(self._seen))
        apart = style.distance + (_ROOM if away > _LOST else 0.0) + (0.15 if self.role == "leader" else 0.0)
        ahead = np.array([np.sin(heading), 0.0, np.cos(heading)])
        facing = heading + np.pi
        wanted = self._seen[0] * (1.0, 0.0, 1.0) + ahead * apart
        if self._home is None:
            if self._dancer is not None and away > _LOST:
                # Lost in the middle of something: dance on where one is, only a step further off.
                state = self._dancer.state
                facing = float(state[3])
                back = np.array([np.sin(facing), 0.0, np.cos(facing)])
                wanted = state[:3] * (1.0, 0.0, 1.0) - back * _ROOM
            self._home = np.concatenate([wanted, [facing]])
        elif away <= _LOST:
            # Home goes along with the dancer, without hurry.
            self._home[:3] += 0.04 * (wanted - self._home[:3])
            self._home[3] += 0.04 * turn_between(float(self._home[3]), facing)
        place, heading = self._home[:3], float(self._home[3])
        per_frame = _TEMPO / 60.0 / RATE
        now = state_at(self._basic_at(self._count), place, heading)
        before = state_at(self._basic_at(self._count - per_frame), place, heading)
        velocity = (now - before) / self._model.style.gains
        return Expectation(now, velocity, None)

    # --- the body ---------------------------------------------------------------------------------------------

    def _finished(
        self, time: float, tick: int, body: Floats, leader: Floats, grid: BeatGrid | None, ghost_counts: int
    ) -> PartnerFrame:
        following = self.role == "follower" and self._state in ("following", "uncertain")
        wrists, held, touch = self._foresight.hands(tick)
        if touch > _TOUCHING or touch < _NOT_TOUCHING or not following:
            self._touches = touch > _TOUCHING and following
        self._touching += _TAKE * (float(self._touches) - self._touching)
        if self._parts.distance:
            body = self._distance.keep(body, leader, self._touching)
        if self._parts.hands:
            wrists = self._led * wrists + (1 - self._led) * body[[20, 21]]
            held = held * self._led if following else np.zeros(4)
            body = self._hands.reach(body, leader, wrists, held, self._touching)
        if self._parts.touch:
            body = self._touch.settle(body, leader, self._touches)
        contacts = self._foresight.contacts(tick)
        if self._led < 0.5:
            contacts = np.ones(4)
        if self._parts.feet:
            body, held_feet = self._feet.plant(body, contacts[2:])
            contacts = np.concatenate([held_feet, held_feet])
        holds = self._hands.holds if self._parts.hands else np.zeros(4)
        ghost = self._ghost(tick, grid, ghost_counts) if ghost_counts else None
        inferred = not self._leader.feet
        return PartnerFrame(time, body, contacts, leader, holds, ghost, self._state, inferred)

    def _ghost(self, tick: int, grid: BeatGrid | None, counts: int) -> Floats | None:
        """Return where the partner is expected some counts later."""
        newest = self._foresight.newest
        if newest is None:
            return None
        if self._led < 0.5:
            return self._basic_later(counts)
        tempo = grid.tempo if grid is not None and grid.tempo > 0 and grid.confidence >= SURE else _TEMPO
        frames = tick - newest[0] + counts * 60.0 / tempo * RATE
        return with_bones(newest[1].ghost(frames), self._model.style.bones)

    def _basic_later(self, counts: int) -> Floats | None:
        if self._home is None:
            return None
        return bodies_at(self._basic_at(self._count + counts), self._home[:3], float(self._home[3]))

    def _basic_at(self, count: float) -> Floats:
        if self._steps is None:
            self._steps = BasicTable(self._model.style, self.role)
        return self._steps.at(count)
