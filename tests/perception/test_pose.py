"""Poses: right on real pictures, one dancer held, drawn without lag."""

import json
from pathlib import Path

import numpy as np
import pytest

from dancecoach.bench.dancer import Look, Painter, dance
from dancecoach.clock import ManualClock
from dancecoach.perception.pinhole import camera_translation
from dancecoach.perception.pose import PoseEstimator, PoseResult
from dancecoach.perception.skeleton import LANDMARKS_TO_JOINTS, ONE_TO_ONE
from dancecoach.perception.smoothing import OneEuro, SwapGuard
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.catalogue import open_video_spec
from dancecoach.types import JOINT_INDEX, MIRROR_JOINTS, VideoFrame


def watch(path: Path) -> list[tuple[VideoFrame, PoseResult]]:
    source, estimator, seen = open_video_spec(str(path), ManualClock(), paced=False), PoseEstimator(), []
    source.open()
    try:
        while True:
            frame = source.read(5.0)
            assert frame is not None
            seen.append((frame, estimator.step(frame)))
    except EndOfStream:
        return seen
    finally:
        source.close()
        estimator.close()


def look(pictures: list[np.ndarray], rate: float = 30.0, follow: int | None = None) -> list[PoseResult]:
    estimator = PoseEstimator()
    if follow is not None:
        estimator.follow_number(follow)
    results = [estimator.step(VideoFrame(i / rate, i, picture, i / rate)) for i, picture in enumerate(pictures)]
    estimator.close()
    return results


def test_squats_agree_with_the_reference(recordings: Path) -> None:
    reference = np.array(json.loads((recordings / "video" / "pose_squats.full.json").read_text()))
    seen = watch(recordings / "video" / "pose_squats.mp4")
    assert len(seen) == 65
    errors = []
    for number, (frame, result) in enumerate(seen):
        assert result.raw is not None
        height, width = frame.image.shape[:2]
        points = result.raw.image_joints * (width, height)
        errors.append([np.linalg.norm(points[j] - reference[number, k, :2]) / height for j, k in ONE_TO_ONE])
    assert np.mean(errors) <= 0.01
    assert np.mean(errors, axis=1).max() <= 0.02


def test_three_people_are_three(recordings: Path) -> None:
    [(_, result)] = watch(recordings / "video" / "three_people.jpg")
    assert len(result.people) == 3


def test_a_real_dancer_keeps_left_and_right_and_a_steady_place(recordings: Path) -> None:
    seen = watch(recordings / "video" / "derived_dance_crop_10fps.mp4")
    poses = [result.raw for _, result in seen if result.raw is not None]
    assert len(poses) >= 0.95 * len(seen)
    assert all(1.0 < -pose.root[2] < 8.0 for pose in poses)
    assert all(0.4 < pose.root[1] < 1.4 for pose in poses)


def test_the_room_position_follows_from_the_projection() -> None:
    joints = dance(np.array([0.3]), np.arange(0, 4, 0.5))[0]
    joints = joints - joints[0]
    wanted = np.array([0.4, -0.2, -2.5])
    camera = joints + wanted
    half = np.tan(np.radians(31))
    u, v = camera[:, 0] / -camera[:, 2], -camera[:, 1] / -camera[:, 2]
    picture = np.stack([(u / half + 1) / 2, (v / (half / (4 / 3)) + 1) / 2], axis=1)
    found = camera_translation(joints, picture, np.ones(22), 4 / 3)
    assert found is not None
    assert np.allclose(found, wanted, atol=1e-6)
    assert camera_translation(joints, picture, np.zeros(22), 4 / 3) is None


def test_every_joint_is_made_of_whole_landmarks() -> None:
    assert np.allclose(LANDMARKS_TO_JOINTS.sum(axis=1), 1)
    assert len(ONE_TO_ONE) == 14
    mirrored = LANDMARKS_TO_JOINTS[list(MIRROR_JOINTS)]
    assert np.allclose(mirrored[JOINT_INDEX["left_knee"]], LANDMARKS_TO_JOINTS[JOINT_INDEX["right_knee"]])


def test_smoothing_lags_less_than_twenty_milliseconds_on_dance() -> None:
    times = np.arange(0, 10, 1 / 30)
    joints = dance(times, np.arange(0, 11, 0.5))
    noise = np.random.default_rng(0).normal(0, 0.004, joints.shape)
    euro = OneEuro()
    smooth = np.stack([euro.step(float(time), value) for time, value in zip(times, joints + noise, strict=True)])
    wrist = JOINT_INDEX["left_wrist"]
    fine = np.arange(1, 9, 0.001)

    def at(signal: np.ndarray, shift: float) -> np.ndarray:
        return np.interp(fine + shift, times, signal)

    shifts = np.arange(-0.02, 0.08, 0.001)
    errors = [np.sum((at(smooth[:, wrist, 0], shift) - at(joints[:, wrist, 0], 0)) ** 2) for shift in shifts]
    assert abs(shifts[int(np.argmin(errors))]) < 0.020
    still = OneEuro()
    noisy = np.random.default_rng(1).normal(0, 0.004, (300, 22, 3))
    calm = np.stack([still.step(i / 30, value) for i, value in enumerate(noisy)])
    assert calm[30:].std() < 0.75 * noisy.std()


def test_a_swap_of_sides_is_undone_and_a_turn_is_not() -> None:
    times = np.arange(0, 3, 1 / 30)
    joints = dance(times, np.arange(0, 4, 0.5))
    joints = joints - joints[:, :1]
    guard, swapped = SwapGuard(), list(MIRROR_JOINTS)
    for number, (time, pose) in enumerate(zip(times, joints, strict=True)):
        flipped = 30 <= number < 45
        order = guard.order(float(time), pose[swapped] if flipped else pose)
        assert (order is not None) == flipped
    turn, guard = np.linspace(0, 2 * np.pi, 60), SwapGuard()
    for number, angle in enumerate(turn):
        rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        assert guard.order(number / 30, joints[0] @ rotation.T) is None


def two_dancers(seconds: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Two who walk through each other, in clothes of different colours; returns pictures and the first one's x."""
    times = np.arange(0, seconds, 1 / 30)
    red, blue = Painter(distance=4.0), Painter(distance=4.0, look=Look(top=(40, 90, 190), trousers=(90, 90, 90)))
    room = red.paint(np.full((22, 3), [9.0, 0.9, 0.0]))
    path = 0.9 * np.cos(np.pi * times / seconds)
    hits = np.arange(0, seconds + 1, 0.5)
    pictures = []
    for joints, other, x in zip(dance(times, hits), dance(times, hits + 0.2), path, strict=True):
        first = red.paint(joints + (x, 0, 0))
        behind = blue.paint(other + (-x, 0, -0.4))
        mask = np.abs(first.astype(int) - room).max(axis=2) > 12
        pictures.append(np.where(mask[:, :, None], first, behind).astype(np.uint8))
    return pictures, path


def test_the_lock_survives_a_crossing() -> None:
    pictures, _path = two_dancers(5.0)
    results = look(pictures)
    first = next(result for result in results if result.raw is not None)
    assert first.raw is not None
    start_x = first.raw.image_joints[0, 0]
    followed_first = start_x > 0.5  # the one who starts on the right and ends on the left
    last = next(result for result in reversed(results) if result.raw is not None)
    assert last.raw is not None
    assert last.raw.person == first.raw.person
    assert (last.raw.image_joints[0, 0] < 0.5) == followed_first
    assert sum(result.raw is not None for result in results) > 0.8 * len(results)
    assert max(len(result.people) for result in results) == 2


@pytest.mark.parametrize("number", [1, 2])
def test_the_person_asked_for_is_followed(number: int) -> None:
    pictures, _ = two_dancers(1.0)
    results = look(pictures[:8], follow=number)
    pose = results[-1].raw
    assert pose is not None
    assert pose.person == number
    assert (pose.image_joints[0, 0] < 0.5) == (number == 1)
