"""A real or made dance, with known faults, for the tests of the assessment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancecoach.session.motion import read_motion
from dancecoach.training.faults import Fault, inject
from dancecoach.types import BeatGrid, Floats, PoseTrack, Primitive


def track_of_room(times: Floats, joints: Floats, monocular: bool = False) -> PoseTrack:
    """Return joints (T, 22, 3) m of the room as a track."""
    return PoseTrack(times, joints - joints[:, :1], joints[:, 0].copy(), np.ones(joints.shape[:2]), monocular)


def room(track: PoseTrack) -> Floats:
    """Return the joints (T, 22, 3) m of a track in the room."""
    return track.joints + track.roots[:, None]


def salsa(recordings: Path, take: str = "60_03", seconds: float = 14.0) -> PoseTrack:
    """Return the beginning of a salsa, 30 poses a second."""
    track = read_motion(recordings / "motion" / "cmu_salsa" / "bvh" / f"{take}.bvh.gz", 60.0)
    joints = room(track)[4 + 240 :: 2][: int(seconds * 30)]
    return track_of_room(np.arange(len(joints)) / 30.0, joints)


def with_faults(track: PoseTrack, *faults: Fault, seed: int = 0) -> PoseTrack:
    """Return a track with faults in it."""
    joints = inject(track.times, room(track), faults, np.random.default_rng(seed))
    return track_of_room(track.times, joints, track.monocular)


def steady_grid(tempo: float, seconds: float, start: float = 0.0) -> BeatGrid:
    """Return beats known from a file, counted in eights from `start` s."""
    times = np.arange(start, seconds, 60.0 / tempo)
    return BeatGrid(times, np.arange(len(times)) % 8 + 1, tempo, 1.0, "file")


def eight_count(start: float, stop: float) -> Primitive:
    """Return the eight-count between two times, s."""
    return Primitive(start, stop, np.linspace(start, stop, 9))
