"""The partner's frames: ahead of the screen, in order, never in bursts; and the process that makes them."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from dancecoach.clock import ManualClock, SystemClock
from dancecoach.loop.child import ChildEndedError
from dancecoach.loop.partner_frames import RATE, Dance, FrameGenerator, Heard
from dancecoach.loop.partnering import LivePartner, motion_of
from dancecoach.loop.timing import Timers
from dancecoach.partner.partner import Partner, PartnerFrame
from dancecoach.types import BeatGrid, FollowerMotion, PartnerRole, Pose
from tests.session.made import poses

DELAY = 0.03
GRID = BeatGrid(np.arange(8) / 2, np.arange(8) % 8 + 1, 120.0, 0.9)


class Told:
    """A partner that remembers what it was told."""

    def __init__(self, role: PartnerRole) -> None:
        self.role = role
        self.seen: list[float] = []
        self.asked: list[tuple[float, BeatGrid | None, int]] = []
        self._inner = Partner(role)

    def observe(self, pose: Pose) -> None:
        self.seen.append(pose.time)
        self._inner.observe(pose)

    def step(self, time: float, grid: BeatGrid | None = None, ghost_counts: int = 0) -> PartnerFrame | None:
        self.asked.append((time, grid, ghost_counts))
        return self._inner.step(time, grid, ghost_counts)


class Room:
    """A generator, its clock, and every partner it made."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.made: list[Told] = []
        self.styles: list[str] = []
        self.frames: list[PartnerFrame] = []
        self.skipped = 0
        self.generator = FrameGenerator(self.clock, self._make)
        self.dance = Dance(delay=DELAY)
        self.generator.take(self.dance)
        self.generator.take(Heard(GRID))

    def _make(self, role: PartnerRole, style: str) -> Told:
        self.made.append(Told(role))
        self.styles.append(style)
        return self.made[-1]

    def change(self, dance: Dance) -> None:
        self.dance = dance
        self.generator.take(dance)

    def catch_up(self) -> list[PartnerFrame]:
        made = self.generator.catch_up()
        self.frames += made.frames
        self.skipped = made.skipped
        assert len(made.milliseconds) >= len(made.frames)
        return list(made.frames)

    def pass_by(self, seconds: float, rate: float = RATE, see: bool = True) -> None:
        """Let time pass with a pose, 60 ms old, and a look at the work each frame."""
        for pose in poses(seconds, rate, self.clock.now() - 0.06):
            if see:
                self.generator.take(pose)
            self.catch_up()
            self.clock.advance(1 / rate)


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_screen_can_always_interpolate(room: Room) -> None:
    """However often it is painted between two looks, there is a frame before and one after."""
    room.pass_by(0.5)
    for _ in range(60):
        room.generator.take(poses(0.1, started=room.clock.now() - 0.06)[0])
        room.catch_up()
        for later in (0.0, 0.5 / RATE, 0.99 / RATE):
            shown = room.clock.now() + DELAY + later
            assert room.frames[-3].time < shown < room.frames[-1].time
        assert room.frames[-1].time - (room.clock.now() + DELAY) >= 1 / RATE - 1e-9
        room.clock.advance(1 / RATE)


def test_frames_lie_on_ticks_each_once(room: Room) -> None:
    for seconds in (0.4, 0.03, 0.2):
        room.pass_by(seconds, rate=47.0)
    times = np.array([frame.time for frame in room.frames])
    assert np.allclose(times * RATE, np.round(times * RATE), atol=1e-6)
    assert np.allclose(np.diff(times), 1 / RATE)


def test_poses_come_in_order_and_none_twice(room: Room) -> None:
    first, second, third = poses(0.1, started=100.0)
    for pose in (first, third, second, third):
        room.generator.take(pose)
    assert room.made[0].seen == [first.time, third.time]


def test_beats_and_ghost_are_handed_on(room: Room) -> None:
    room.change(dataclasses.replace(room.dance, ghost_counts=3))
    room.pass_by(0.2)
    assert {(id(grid), ghost) for _, grid, ghost in room.made[0].asked} == {(id(GRID), 3)}
    assert room.frames[-1].ghost is not None
    room.change(dataclasses.replace(room.dance, ghost_counts=0))
    room.pass_by(0.1)
    assert room.frames[-1].ghost is None and len(room.made) == 1


def test_a_ghost_that_came_later_is_unknown_before(room: Room) -> None:
    room.pass_by(0.3)
    room.change(dataclasses.replace(room.dance, ghost_counts=2))
    room.pass_by(0.1)
    motion = motion_of(tuple(room.frames), "follower")
    assert motion.ghosts is not None
    known = np.isfinite(motion.ghosts).all(axis=(1, 2))
    assert not known[0] and known[-1]


def test_a_little_behind_makes_up_for_it(room: Room) -> None:
    room.pass_by(0.2)
    room.clock.advance(0.4)
    room.catch_up()
    assert np.allclose(np.diff([frame.time for frame in room.frames]), 1 / RATE) and room.skipped == 0


def test_far_behind_leaves_frames_out_instead_of_a_burst(room: Room) -> None:
    room.pass_by(0.2)
    room.clock.advance(3.0)
    assert len(room.catch_up()) == 1 and room.skipped > 80
    assert room.frames[-1].time > room.clock.now() + DELAY


def test_a_changed_delay_neither_repeats_nor_bursts(room: Room) -> None:
    room.pass_by(0.2)
    for delay in (0.2, 0.0, 0.03):
        room.change(dataclasses.replace(room.dance, delay=delay))
        room.pass_by(0.5)
    assert all(later.time > earlier.time for earlier, later in pairwise(room.frames))


def test_another_role_or_style_is_another_partner(room: Room) -> None:
    room.pass_by(0.2)
    room.change(dataclasses.replace(room.dance, role="leader"))
    room.pass_by(0.2)
    room.change(dataclasses.replace(room.dance, style="tango"))
    room.pass_by(0.2)
    room.change(dataclasses.replace(room.dance, style="tango"))
    room.pass_by(0.1)
    assert [each.role for each in room.made] == ["follower", "leader", "leader"]
    assert room.styles == ["salsa", "salsa", "tango"]


def test_a_style_that_is_gone_leaves_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path))
    clock = ManualClock(100.0)
    generator = FrameGenerator(clock)
    generator.take(Dance(style="deleted"))
    for pose in poses(0.2, RATE, clock.now() - 0.06):
        generator.take(pose)
    assert len(generator.catch_up().frames) == 1


def test_nobody_seen_is_no_frame(room: Room) -> None:
    room.pass_by(0.3, see=False)
    assert room.frames == [] and len(room.made[0].asked) > 5


def test_the_same_poses_give_the_same_frames() -> None:
    def run() -> list[PartnerFrame]:
        room = Room()
        room.pass_by(1.0)
        return room.frames

    one, two = run(), run()
    assert [frame.time for frame in one] == [frame.time for frame in two]
    assert all(np.array_equal(a.joints, b.joints) for a, b in zip(one, two, strict=True))


def test_it_is_due_again_at_the_next_tick(room: Room) -> None:
    for passed in (0.0, 0.01, 0.04, 1 / RATE):
        room.clock.advance(passed)
        now = room.clock.now()
        assert now < room.generator.next_due() <= now + 1 / RATE + 1e-9
        assert room.generator.next_due() == pytest.approx((math.floor(now * RATE) + 1) / RATE)


@pytest.mark.parametrize("pick", [lambda motion: motion.joints, lambda motion: motion.leader])
def test_the_motion_is_the_frames(room: Room, pick: Callable[[object], np.ndarray]) -> None:
    room.pass_by(0.3)
    motion = motion_of(tuple(room.frames), "follower")
    assert np.array_equal(pick(motion)[3], pick(room.frames[3]))
    assert (motion.state, motion.feet_inferred) == ("following", False)
    assert not motion.joints.flags.writeable


# --- in a process of its own ------------------------------------------------------------------------------------


class Live:
    """A live partner whose two workers are moved by hand."""

    def __init__(self) -> None:
        self.delivered: list[PartnerFrame] = []
        self.timers = Timers()
        self.partner = LivePartner(lambda: GRID, lambda: DELAY, self.timers, self.delivered.append)
        self._clock = SystemClock()

    def motion(self) -> FollowerMotion:
        motion = self.partner.motion
        assert motion is not None
        return motion

    def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, "it takes too long"
            self.partner.see(poses(0.04, started=self._clock.now() - 0.06)[0])
            self.partner.hand_over()
            self.partner.receive()


@pytest.fixture
def live() -> Iterator[Live]:
    made = Live()
    yield made
    made.partner.close()


def test_frames_come_from_another_process_and_the_last_second_is_kept(live: Live) -> None:
    assert live.partner.motion is None and live.partner.process is None, "off, it costs nothing"
    live.partner.use(True)
    live.until(lambda: len(live.delivered) > 45)
    times = live.motion().times
    assert 1.0 < times[-1] - times[0] <= 1.2 + 1e-9
    assert np.allclose(np.diff(times), 1 / RATE)
    assert times[-1] > SystemClock().now(), "one clock for both"
    assert live.timers["partner"].count >= len(live.delivered)
    number = live.partner.process
    assert number is not None
    live.partner.use(False)
    live.partner.receive()
    assert live.partner.motion is None and live.partner.process is None and not psutil.pid_exists(number)


def test_a_change_of_role_is_another_partner(live: Live) -> None:
    live.partner.use(True)
    live.until(lambda: len(live.delivered) > 5)
    live.partner.set_role("leader")
    live.until(lambda: live.motion().role == "leader" and len(live.motion().times) > 3)
    live.partner.set_ghost(2)
    live.until(lambda: live.motion().ghosts is not None)
    live.partner.set_ghost(7)
    live.until(lambda: live.motion().ghosts is None)


def test_a_process_that_was_killed_is_replaced(live: Live) -> None:
    live.partner.use(True)
    live.until(lambda: len(live.delivered) > 5)
    first = live.partner.process
    assert first is not None
    psutil.Process(first).kill()
    with pytest.raises(ChildEndedError, match="partner"):
        live.until(lambda: False)
    assert len(live.motion().times) == 0, "what it had made is not shown on"
    live.until(lambda: len(live.motion().times) > 5)
    assert live.partner.process not in (None, first)


def test_off_and_on_begins_anew(live: Live) -> None:
    live.partner.use(True)
    live.until(lambda: len(live.delivered) > 5)
    live.partner.use(False)
    live.partner.use(True)
    assert (len(live.motion().times), live.motion().state) == (0, "waiting")
    before = len(live.delivered)
    live.until(lambda: len(live.delivered) > before + 5)
