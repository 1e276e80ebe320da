"""The partner's worker: ahead of the screen, in order, never in bursts; moved by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dancecoach.clock import ManualClock
from dancecoach.loop.partnering import RATE, LivePartner, motion_of
from dancecoach.loop.timing import Timers
from dancecoach.partner.partner import Partner, PartnerFrame
from dancecoach.types import BeatGrid, PartnerRole, Pose
from tests.session.made import poses

DELAY = 0.03
GRID = BeatGrid(np.arange(8) / 2, np.arange(8) % 8 + 1, 120.0, 0.9)


class Told:
    """A partner that remembers what it was told."""

    def __init__(self, role: PartnerRole) -> None:
        self.role = role
        self.seen: list[float] = []
        self.asked: list[tuple[float, BeatGrid | None, int]] = []
        self.fail = False
        self._inner = Partner(role)

    def observe(self, pose: Pose) -> None:
        self.seen.append(pose.time)
        self._inner.observe(pose)

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        if self.fail:
            raise ArithmeticError("it stumbled")
        self.asked.append((time, grid, ghost_counts))
        return self._inner.step(time, grid, ghost_counts)


class Room:
    """A worker, its clock, and every partner it made."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.made: list[Told] = []
        self.styles: list[str] = []
        self.delivered: list[PartnerFrame] = []
        self.timers = Timers()
        self.delay = DELAY
        self.partner = LivePartner(
            self.clock, lambda: GRID, lambda: self.delay, self.timers, self.delivered.append, self._make
        )

    def _make(self, role: PartnerRole, style: str) -> Told:
        self.made.append(Told(role))
        self.styles.append(style)
        return self.made[-1]

    def dance(self, seconds: float, rate: float = RATE, see: bool = True) -> None:
        """Let time pass with a pose, 60 ms old, and a look at the work each frame."""
        for pose in poses(seconds, rate, self.clock.now() - 0.06):
            if see:
                self.partner.see(pose)
            self.partner.catch_up()
            self.clock.advance(1 / rate)


@pytest.fixture
def room() -> Room:
    made = Room()
    made.partner.use(True)
    return made


def test_the_screen_can_always_interpolate(room: Room) -> None:
    """However often it is painted between two steps, there is a frame before and one after."""
    room.dance(0.5)
    for _ in range(60):
        room.partner.see(poses(0.1, started=room.clock.now() - 0.06)[0])
        room.partner.catch_up()
        motion = room.partner.motion
        assert motion is not None
        for later in (0.0, 0.5 / RATE, 0.99 / RATE):
            shown = room.clock.now() + DELAY + later
            assert motion.times[0] < shown < motion.times[-1]
        assert motion.times[-1] - (room.clock.now() + DELAY) >= 1 / RATE - 1e-9
        room.clock.advance(1 / RATE)


def test_frames_lie_on_ticks_each_once(room: Room) -> None:
    for seconds in (0.4, 0.03, 0.2):
        room.dance(seconds, rate=47.0)
    times = np.array([frame.time for frame in room.delivered])
    assert np.allclose(times * RATE, np.round(times * RATE), atol=1e-6)
    assert np.allclose(np.diff(times), 1 / RATE)


def test_poses_come_in_order_and_none_twice(room: Room) -> None:
    first, second, third = poses(0.1, started=100.0)
    for pose in (first, third, second, third):
        room.partner.see(pose)
    room.partner.catch_up()
    assert room.made[0].seen == [first.time, third.time]


def test_beats_and_ghost_are_handed_on(room: Room) -> None:
    room.partner.set_ghost(3)
    room.dance(0.2)
    assert {asked[1:] for asked in [(0, id(grid), ghost) for _, grid, ghost in room.made[0].asked]} == {(id(GRID), 3)}
    assert room.partner.motion is not None and room.partner.motion.ghosts is not None
    room.partner.set_ghost(0)
    room.dance(0.1)
    assert room.partner.motion.ghosts is None
    room.partner.set_ghost(7)
    room.dance(0.1)
    assert room.made[0].asked[-1][2] == 0, "only the known ones"


def test_a_ghost_that_came_later_is_unknown_before(room: Room) -> None:
    room.dance(0.3)
    room.partner.set_ghost(2)
    room.dance(0.1)
    motion = room.partner.motion
    assert motion is not None and motion.ghosts is not None
    known = np.isfinite(motion.ghosts).all(axis=(1, 2))
    assert not known[0] and known[-1]


def test_a_little_behind_makes_up_for_it(room: Room) -> None:
    room.dance(0.2)
    room.clock.advance(0.4)
    room.partner.catch_up()
    times = [frame.time for frame in room.delivered]
    assert np.allclose(np.diff(times), 1 / RATE) and room.partner.skipped == 0


def test_far_behind_leaves_frames_out_instead_of_a_burst(room: Room) -> None:
    room.dance(0.2)
    before = len(room.delivered)
    room.clock.advance(3.0)
    room.partner.catch_up()
    assert len(room.delivered) == before + 1 and room.partner.skipped > 80
    motion = room.partner.motion
    assert motion is not None and len(motion.times) == 1 and motion.times[0] > room.clock.now() + DELAY


def test_only_the_last_second_is_kept(room: Room) -> None:
    room.dance(4.0)
    motion = room.partner.motion
    assert motion is not None
    assert 1.0 < motion.times[-1] - motion.times[0] <= 1.2 + 1e-9
    assert not motion.joints.flags.writeable and motion.leader.shape == motion.joints.shape


def test_a_changed_delay_neither_repeats_nor_bursts(room: Room) -> None:
    room.dance(0.2)
    for delay in (0.2, 0.0, 0.03):
        room.delay = delay
        room.dance(0.5)
    times = [frame.time for frame in room.delivered]
    assert all(later > earlier for earlier, later in pairwise(times))


def test_off_it_costs_nothing_and_begins_anew(room: Room) -> None:
    room.dance(0.2)
    room.partner.use(False)
    assert room.partner.motion is None
    room.partner.see(poses(0.1, started=200.0)[0])
    room.clock.advance(10.0)
    room.partner.use(True)
    room.partner.catch_up()
    motion = room.partner.motion
    assert len(room.made) == 2 and room.made[1].seen == []
    assert motion is not None and (len(motion.times), motion.state) == (0, "waiting")


def test_another_role_is_another_partner(room: Room) -> None:
    room.dance(0.2)
    room.partner.set_role("leader")
    room.dance(0.2)
    assert [each.role for each in room.made] == ["follower", "leader"]
    assert room.partner.motion is not None and room.partner.motion.role == "leader"


def test_another_style_is_another_partner(room: Room) -> None:
    room.dance(0.2)
    room.partner.set_style("tango")
    room.dance(0.2)
    room.partner.set_style("tango")
    room.dance(0.1)
    assert room.styles == ["salsa", "tango"]


def test_a_style_that_is_gone_leaves_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path))
    clock = ManualClock(100.0)
    partner = LivePartner(clock, lambda: None, lambda: DELAY, Timers())
    partner.set_style("deleted")
    partner.use(True)
    for pose in poses(0.2, RATE, clock.now() - 0.06):
        partner.see(pose)
    partner.catch_up()
    assert partner.motion is not None and len(partner.motion.times) == 1


def test_nobody_seen_is_no_frame(room: Room) -> None:
    room.dance(0.3, see=False)
    assert room.delivered == [] and room.partner.motion is not None
    assert room.partner.motion.state == "waiting"


def test_a_stumbling_partner_is_replaced(room: Room) -> None:
    room.dance(0.2)
    room.made[0].fail = True
    with pytest.raises(ArithmeticError):
        room.partner.catch_up()
    assert room.partner.motion is not None and len(room.partner.motion.times) == 0
    room.clock.advance(0.5)
    room.dance(0.2)
    assert len(room.made) == 2
    assert room.delivered[-1].time > 100.8


def test_the_same_poses_give_the_same_frames() -> None:
    def run(rate: float) -> list[PartnerFrame]:
        room = Room()
        room.partner.use(True)
        room.dance(1.0, rate)
        return room.delivered

    one, two = run(RATE), run(RATE)
    assert [frame.time for frame in one] == [frame.time for frame in two]
    assert all(np.array_equal(a.joints, b.joints) for a, b in zip(one, two, strict=True))


def test_a_step_waits_for_the_next_tick(room: Room) -> None:
    room.partner.see(poses(0.1, started=100.0)[0])
    for _ in range(5):
        before = room.clock.now()
        room.partner.step()
        assert room.clock.now() == pytest.approx((math.floor(before * RATE) + 1) / RATE)
    assert room.timers["partner"].count == len(room.delivered)


@pytest.mark.parametrize("pick", [lambda motion: motion.joints, lambda motion: motion.leader])
def test_the_motion_is_the_frames(room: Room, pick: Callable[[object], np.ndarray]) -> None:
    room.dance(0.3)
    motion = motion_of(tuple(room.delivered), "follower")
    assert np.array_equal(pick(motion)[3], pick(room.delivered[3]))
    assert (motion.state, motion.feet_inferred) == ("following", False)
