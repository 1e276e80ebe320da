"""The partner without a window: a leader's motion in, the follower's out, by the engine that dances live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError
from dancecoach.offline import find_beats
from dancecoach.partner.features import RATE
from dancecoach.partner.model import DuetModel
from dancecoach.partner.partner import Partner, PartnerFrame
from dancecoach.partner.styles import open_style
from dancecoach.session.format import is_session
from dancecoach.session.motion import read_motion
from dancecoach.session.motion_cleaning import repair
from dancecoach.session.store import open_session
from dancecoach.types import JOINT_COUNT, BeatGrid, Floats, PartnerRole, Pose, PoseTrack

_LONGEST_HORIZON = 1.0  # s
# These takes of the CMU database say 120 frames a second and were recorded at 60; they begin with an inserted T-pose.
_CMU_SALSA = re.compile(r"6[01]_\d\d(\.|_)")
_CMU_RATE, _CMU_SKIPPED = 60.0, 8


@dataclass(frozen=True, slots=True)
class Danced:
    """What the partner danced.

    `track` the follower, 30 frames a second, in the leader's room and time; `frames` what the engine said of each;
    `grid` the beats, if any; `step_ms` (T,) how long each took; `horizon` s from what was seen to its answer; `fps`
    the leader's frames a second.
    """

    track: PoseTrack
    frames: tuple[PartnerFrame, ...]
    grid: BeatGrid | None
    step_ms: Floats
    horizon: float
    fps: float
    style: str


def dance(
    track: PoseTrack,
    model: DuetModel,
    grid: BeatGrid | None = None,
    role: PartnerRole = "follower",
    horizon: float = 0.0,
    live: bool = False,
    progress: Callable[[float], object] | None = None,
) -> Danced:
    """Let the partner dance with a recorded leader, seeing at each moment what was before it.

    Parameters
    ----------
    track : PoseTrack
        The leader.
    model : DuetModel
    grid : BeatGrid, optional
        Beats of the music that started with the motion.
    role : PartnerRole
        The partner's.
    horizon : float
        Seconds from a pose to the moment its answer is seen: 0 answers at once, 0.1 is a usual webcam and screen.
    live : bool
        Whether it takes as long as the dance, as it would live.
    progress : callable, optional
        Told the share that is done, 0…1.
    """
    if not 0.0 <= horizon <= _LONGEST_HORIZON:
        raise DancecoachError(f"A horizon of {1000 * horizon:g} ms cannot be.", "Give one from 0 to 1000 ms.")
    partner = Partner(role, model)
    times = track.times - track.times[0]
    ticks = np.arange(int(np.floor(times[-1] * RATE + 1e-3)) + 1)
    frames: list[PartnerFrame] = []
    lasted = []
    waiting = 0  # ticks before anybody was seen
    shown, began = 0, time.perf_counter()
    for tick in ticks:
        now = tick / RATE
        if live:
            time.sleep(max(0.0, began + now - time.perf_counter()))
        while shown < len(times) and times[shown] <= now - horizon + 1e-6:
            partner.observe(_pose(track, shown, float(times[shown])))
            shown += 1
        started = time.perf_counter()
        frame = partner.step(now, grid)
        lasted.append(1000.0 * (time.perf_counter() - started))
        if frame is None:
            waiting += 1
        else:
            frames.append(frame)
        if progress is not None and tick % 300 == 0:
            progress(tick / len(ticks))
    if not frames:
        raise DancecoachError("The leader was never seen well enough to dance with.", "Choose another motion.")
    joints = np.stack([frames[0].joints] * waiting + [frame.joints for frame in frames])
    roots = joints[:, 0]
    made = PoseTrack(
        ticks / RATE + track.times[0], joints - roots[:, None], roots, np.ones((len(joints), JOINT_COUNT))
    )
    fps = 1.0 / float(np.median(np.diff(times)))
    return Danced(made, tuple(frames), grid, np.array(lasted), horizon, fps, model.style.name)


def dance_file(
    leader: Path,
    music: Path | None = None,
    style: str = "salsa",
    role: PartnerRole = "follower",
    fps: float | None = None,
    horizon: float = 0.0,
    live: bool = False,
    progress: Callable[[float], object] | None = None,
) -> Danced:
    """Let the partner dance with the leader in a motion file or a recorded session.

    `music` is an audio or `.beats` file that starts with the motion; a session brings its own beats. `style` is the
    name of an installed style or the path of a model.

    Raises
    ------
    DancecoachError
        When a file cannot be read.
    """
    model = open_style(style)
    grid = find_beats(music) if music is not None else None
    if is_session(leader):
        session = open_session(leader)
        track, grid = session.track, grid or session.beat_grid
    else:
        track = read_leader(leader, fps)
    return dance(track, model, grid, role, horizon, live, progress)


def read_leader(path: Path, fps: float | None = None) -> PoseTrack:
    """Read a leader's motion; frames in which a joint leaps faster than anybody moves are bridged.

    For the salsa takes of the CMU database the true frame rate is known, and the T-pose before them is stood still.
    """
    known = _CMU_SALSA.match(path.name) is not None and path.name.lower().endswith((".bvh", ".bvh.gz"))
    track = read_motion(path, fps if fps is not None else (_CMU_RATE if known else None))
    room = track.joints + track.roots[:, None]
    if known and len(room) > 2 * _CMU_SKIPPED:
        room[:_CMU_SKIPPED] = room[_CMU_SKIPPED]
    room, _ = repair(track.times, room)
    return PoseTrack(track.times, room - room[:, :1], room[:, 0], track.visibility, track.monocular)


def _pose(track: PoseTrack, index: int, moment: float) -> Pose:
    return Pose(
        moment,
        0,
        track.joints[index],
        track.roots[index],
        np.zeros((JOINT_COUNT, 2)),
        track.visibility[index],
        moment,
    )
