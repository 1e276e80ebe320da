"""Poses, sounds and whole sessions made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancecoach.partner.partner import PartnerFrame
from dancecoach.session.recorder import Recorder
from dancecoach.types import (
    JOINT_PARENTS,
    Assessment,
    AudioBlock,
    Beat,
    Floats,
    Notice,
    Pose,
    PoseTrack,
    Primitive,
    PrimitiveScore,
    Synchrony,
    VideoFrame,
)

RATE = 48_000
STARTED = 1000.0  # clock seconds of the start of every session here
OFFSETS = np.array(
    [
        *((0, 0, 0), (0.09, -0.08, 0), (-0.09, -0.08, 0), (0, 0.12, 0), (0, -0.4, 0), (0, -0.4, 0), (0, 0.13, 0)),
        *((0, -0.42, 0), (0, -0.42, 0), (0, 0.06, 0), (0, -0.05, 0.13), (0, -0.05, 0.13), (0, 0.21, 0)),
        *((0.08, 0.12, 0), (-0.08, 0.12, 0), (0, 0.16, 0), (0.11, 0.03, 0), (-0.11, 0.03, 0)),
        *((0.27, 0, 0), (-0.27, 0, 0), (0.25, 0, 0), (-0.25, 0, 0)),
    ]
)


def rigid_track(times: Floats, wildness: float = 0.5, seed: int = 0) -> PoseTrack:
    """Return a body of constant bone lengths whose joints turn smoothly about random axes."""
    random = np.random.default_rng(seed)
    count = len(times)
    turns = np.zeros((count, 22, 3, 3))
    room = np.zeros((count, 22, 3))
    for joint, parent in enumerate(JOINT_PARENTS):
        axis = random.normal(size=3)
        axis /= np.linalg.norm(axis)
        angle = wildness * np.sin(2 * np.pi * random.uniform(0.2, 1.0) * times + random.uniform(0, 6))
        cross = np.cross(np.eye(3), axis)
        local = (
            np.eye(3) + np.sin(angle)[:, None, None] * cross + (1 - np.cos(angle))[:, None, None] * (cross @ cross)
        )
        if parent < 0:
            turns[:, joint] = local
            room[:, joint] = np.stack([0.5 * np.sin(times), 0.95 + 0.05 * np.cos(3 * times), 3 + 0 * times], axis=1)
        else:
            turns[:, joint] = turns[:, parent] @ local
            room[:, joint] = room[:, parent] + turns[:, parent] @ OFFSETS[joint]
    roots = room[:, 0].copy()
    return PoseTrack(times, room - roots[:, None], roots, np.ones((count, 22)))


def poses(seconds: float, rate: float = 30.0, started: float = STARTED) -> list[Pose]:
    """Return a dancer's poses on the clock."""
    times = np.arange(round(seconds * rate)) / rate
    track = rigid_track(times)
    image = np.stack([0.5 + 0.25 * track.joints[..., 0], 0.55 - 0.4 * track.joints[..., 1]], axis=2)
    return [
        Pose(
            started + times[index],
            7,
            track.joints[index],
            track.roots[index],
            image[index],
            np.linspace(0.5, 1.0, 22),
            started + times[index] + 0.05,
        )
        for index in range(len(times))
    ]


def blocks(seconds: float, started: float = STARTED, first: int = 0, rate: int = RATE) -> list[AudioBlock]:
    """Return a click every half second, in blocks of 20 ms."""
    size = rate // 50
    samples = np.zeros((round(seconds * rate) // size * size, 1), np.float32)
    for click in range(0, len(samples), rate // 2):
        samples[click : click + 48] = 0.8
    return [
        AudioBlock(started + start / rate, first + start, samples[start : start + size], rate)
        for start in range(0, len(samples), size)
    ]


def pictures(
    seconds: float, rate: float = 30.0, started: float = STARTED, size: tuple[int, int] = (160, 120)
) -> list:
    """Return pictures whose brightness grows with time."""
    frames = []
    for index in range(round(seconds * rate)):
        image = np.full((size[1], size[0], 3), min(255, 20 + round(200 * index / (seconds * rate))), np.uint8)
        time = started + index / rate
        frames.append(VideoFrame(time, index, image, time))
    return frames


def beats(seconds: float, started: float = STARTED) -> list[Beat]:
    """Return beats at 120 BPM."""
    return [
        Beat(started + index / 2, index % 8 + 1, index % 4 == 0, 120.0, 0.9, started + index / 2 - 0.1)
        for index in range(round(seconds * 2))
    ]


def synchrony(start: float, stop: float, msr: float = 0.75) -> Synchrony:
    arm = Synchrony("left_arm", start, stop, reason="too few movements")
    return Synchrony(
        "body", start, stop, 0.99, msr, (0.6, 0.9), 35.5, 20.25, (10.0, 60.0), "every beat", 7, 8, None, (arm,)
    )


def score(index: int, start: float, assessment: Assessment | None = None) -> PrimitiveScore:
    times = start + 0.5 * np.arange(9)
    return PrimitiveScore(index, Primitive(start, start + 4.0, times), synchrony(start, start + 4.0), assessment)


def partner_frames(seconds: float, started: float = STARTED, first: float = 0.0) -> list[PartnerFrame]:
    """Return a partner who dances a metre before the dancer, 30 frames a second, from `first` s on."""
    ahead = np.array([0.0, 0.0, 1.0])
    return [
        PartnerFrame(
            pose.time,
            pose.joints + pose.root + ahead,
            np.array([1.0, 0.0, 0.5, 0.25]),
            pose.joints + pose.root,
            np.array([0.0, 0.75, 0.0, 1.0]),
            None,
            "following" if pose.time < started + 1.0 else "holding",
            pose.time >= started + 1.0,
        )
        for pose in poses(seconds, started=started)
        if pose.time >= started + first
    ]


def record(
    parent: Path,
    seconds: float = 4.0,
    with_video: bool = False,
    with_sound: bool = True,
    partner: list[PartnerFrame] | None = None,
) -> Path:
    """Record a whole session and return its folder."""
    recorder = Recorder(parent, STARTED, {"camera": "Cam", "audio": "Mic"}, with_video, minimum_free=0)
    for frame in pictures(seconds):
        recorder.frame(frame)
    for pose in poses(seconds):
        recorder.pose(pose)
    for each in partner or ():
        recorder.partner(each)
    if with_sound:
        for block in blocks(seconds):
            recorder.audio(block)
    recorder.beats(beats(seconds))
    recorder.primitive(score(1, STARTED))
    recorder.notice(Notice("nobody", "Nobody is in the picture", "Step in.", "info"))
    folder = recorder.close(synchrony(STARTED, STARTED + seconds))
    assert recorder.problem is None, recorder.problem
    return folder
