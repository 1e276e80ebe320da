"""Dances made beforehand with a network that `train_duet` trained: a follower for a whole leader, or both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError
from dancecoach.session.bvh import write_bvh
from dancecoach.session.duets import RATE
from dancecoach.session.motion import read_motion
from dancecoach.session.motion_cleaning import repair, resample
from dancecoach.training.duet_data import beats_danced_to
from dancecoach.training.duet_music import Array, heard, listen, steady_beats
from dancecoach.training.train_duet import dance, load
from dancecoach.types import JOINT_COUNT, Floats, PoseTrack

_LONGEST = 3600.0  # s


@dataclass(frozen=True, slots=True)
class Wish:
    """What to dance to: a `leader`'s motion (at `fps`, if its file's is wrong), `music` or a steady `tempo`, BPM.

    `seconds` is for dances without a leader; `steps` of denoising; equal `seed`s make equal dances.
    """

    leader: Path | None = None
    fps: float | None = None
    music: Path | None = None
    tempo: float | None = None
    seconds: float = 20.0
    steps: int = 10
    seed: int = 0


def make_dance(weights: Path, out: Path, wish: Wish) -> list[Path]:
    """Make a dance and write it as BVH; return what was written.

    For a leader it is the follower, `out`; otherwise `out` with _leader and with _follower before the suffix.

    Raises
    ------
    DancecoachError
        When the network and the wish do not go together.
    """
    network = load(weights)
    if wish.tempo is not None and not 30.0 <= wish.tempo <= 300.0:
        raise DancecoachError(f"Nobody dances at {wish.tempo:g} BPM.", "Give --tempo a number from 30 to 300.")
    if not 1 <= wish.steps <= 1000:
        raise DancecoachError(f"{wish.steps} steps of denoising cannot be.", "Give --steps a number from 1 to 1000.")
    if network.shape.mode == "reactive":
        if wish.leader is None:
            raise DancecoachError(f"{weights.name} makes followers.", "Give it a --leader.")
        leader = read_leader(wish.leader, wish.fps)
        music = _music(wish, len(leader), leader)
        _, follower = dance(network, music, leader, wish.steps, wish.seed)
        _write(out, follower)
        return [out]
    if wish.leader is not None:
        raise DancecoachError(f"{weights.name} makes both dancers, from music.", "Leave --leader out.")
    if not 1.0 <= wish.seconds <= _LONGEST:
        raise DancecoachError(f"A dance of {wish.seconds:g} s cannot be.", f"Give 1 to {_LONGEST:.0f} s.")
    music = _music(wish, round(wish.seconds * RATE), None)
    rooms = dance(network, music, None, wish.steps, wish.seed)
    paths = [out.with_name(f"{out.stem}_{role}{out.suffix}") for role in ("leader", "follower")]
    for path, room in zip(paths, rooms, strict=True):
        _write(path, room)
    return paths


def read_leader(path: Path, fps: float | None = None) -> Floats:
    """Return a leader's motion (T, 22, 3) m in the room, 30 frames a second.

    Raises
    ------
    DancecoachError
        When the file is damaged, or of fewer than 30 frames a second.
    """
    track = read_motion(path, fps)
    times, room = resample(track.times, repair(track.times, track.joints + track.roots[:, None])[0], RATE)
    if 1.0 / (times[1] - times[0]) < 0.9 * RATE:
        raise DancecoachError(f"{path.name} has fewer than {RATE:.0f} frames a second.", "Give a smoother recording.")
    return room


def _music(wish: Wish, frames: int, leader: Floats | None) -> Array:
    if wish.music is not None:
        features, beats = listen(wish.music)
        return heard(frames, features, beats)
    if wish.tempo is not None:
        return heard(frames, None, steady_beats(wish.tempo, frames / RATE))
    return heard(frames, None, None if leader is None else beats_danced_to(leader))


def _write(path: Path, room: Floats) -> None:
    times = np.arange(len(room)) / RATE
    track = PoseTrack(times, room - room[:, :1], room[:, 0], np.ones((len(room), JOINT_COUNT)))
    try:
        write_bvh(path, track)
    except OSError as error:
        raise DancecoachError(f"{path} cannot be written ({error.strerror}).", "Choose another place.") from error
