"""What the motion encoder is given: causal, block by block the same, blind to place, size, heading and mirror."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.assessment.descriptors import SIZE, describe, describe_both
from dancecoach.assessment.motion_features import (
    BEAT,
    CHANNELS,
    HIGH,
    POSITION,
    VELOCITY,
    VISIBILITY,
    FeatureStream,
    MotionFeatures,
    mirrored,
    sequence,
)
from dancecoach.session.motion import read_motion
from dancecoach.types import JOINT_INDEX, MIRROR_JOINTS, BeatGrid, Floats, PoseTrack


def dance(seconds: float = 4.0, rate: float = 30.0, seed: int = 0) -> PoseTrack:
    """A body of plausible proportions whose limbs swing."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    rest = np.zeros((22, 3))
    for name, place in {
        "hip": (0.1, -0.05, 0), "knee": (0.12, -0.5, 0.03), "ankle": (0.12, -0.9, -0.02), "foot": (0.14, -0.97, 0.12),
        "collar": (0.08, 0.45, 0), "shoulder": (0.18, 0.46, 0), "elbow": (0.25, 0.2, 0), "wrist": (0.28, -0.03, 0.06),
    }.items():  # fmt: skip
        rest[JOINT_INDEX[f"left_{name}"]] = place
        rest[JOINT_INDEX[f"right_{name}"]] = np.array(place) * (-1, 1, 1)
    for name, height in {"spine1": 0.1, "spine2": 0.22, "spine3": 0.34, "neck": 0.5, "head": 0.6}.items():
        rest[JOINT_INDEX[name]] = (0, height, 0)
    phase = rng.uniform(0, 6, (1, 22, 3))
    swing = 0.08 * np.sin(2 * np.pi * rng.uniform(0.4, 2.5, (1, 22, 3)) * times[:, None, None] + phase)
    swing[:, 0] = 0
    joints = rest + swing
    roots = np.stack([0.3 * np.sin(times), 0.95 + 0.02 * np.sin(7 * times), 0.2 * np.cos(times)], axis=1)
    return PoseTrack(times, joints, roots, np.ones(joints.shape[:2]))


def features_of(joints: Floats) -> np.ndarray:
    return MotionFeatures().block(joints, np.ones(joints.shape[:2]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 5))
def test_blocks_of_any_length_give_the_same(lengths: list[int], seed: int) -> None:
    joints = dance(seed=seed).joints
    seen = np.random.default_rng(seed).uniform(0, 1.3, joints.shape[:2]).clip(0, 1)
    whole = MotionFeatures().block(joints, seen)
    stream, pieces, start = MotionFeatures(), [], 0
    for length in [*lengths, len(joints)]:
        pieces.append(stream.block(joints[start : start + length], seen[start : start + length]))
        start += length
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("rate", [12.0, 24.0, 30.0, 59.94, 120.0])
def test_stream_and_sequence_agree_whatever_the_camera(rate: float) -> None:
    track = dance(rate=rate)
    jitter = np.random.default_rng(1).uniform(-0.2, 0.2, len(track)) / rate
    track = PoseTrack(track.times + jitter, track.joints, track.roots, track.visibility)
    grid = BeatGrid(np.arange(8) * 0.5, np.arange(8) % 8 + 1, 120.0, 1.0)
    times, features = sequence(track, grid)
    stream = FeatureStream()
    steps = [stream.step(t, j, v, grid) for t, j, v in zip(track.times, track.joints, track.visibility, strict=True)]
    np.testing.assert_allclose(np.concatenate([step[2] for step in steps]), features, atol=1e-6)
    np.testing.assert_allclose(np.diff(times), 1 / 30, atol=1e-9)
    assert features.shape[1:] == (22, CHANNELS)
    assert np.any(features[:, 0, BEAT] != 0)


def test_frame_rate_hardly_matters() -> None:
    slow, fast = (sequence(dance(rate=rate))[1][30:100] for rate in (30.0, 60.0))
    assert np.abs(slow[..., POSITION] - fast[..., POSITION]).max() < 0.02
    assert np.abs(slow[..., VELOCITY] - fast[..., VELOCITY]).mean() < 0.02


@given(st.floats(-180, 180), st.floats(0.5, 2.0), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_heading_size_and_place_do_not_matter(degrees: float, scale: float, away: float) -> None:
    track = dance()
    room = track.roots[:, None] + track.joints
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    np.testing.assert_allclose(features_of(scale * (room @ turn.T) + away), features_of(room), atol=2e-4)


def test_a_mirrored_dancer_gives_mirrored_features_and_descriptors() -> None:
    joints = dance().joints
    image = joints[:, list(MIRROR_JOINTS)] * (-1, 1, 1)
    features = features_of(joints)
    np.testing.assert_allclose(features_of(image), mirrored(features), atol=1e-5)
    np.testing.assert_allclose(describe_both(features), [describe(features), describe(mirrored(features))], atol=1e-4)


def test_a_missing_joint_is_held_and_said_to_be_missing() -> None:
    track = dance()
    joints, seen = track.joints.copy(), track.visibility.copy()
    wrist = JOINT_INDEX["left_wrist"]
    joints[60:90, wrist] = np.nan
    features = MotionFeatures().block(joints, seen)
    assert np.isfinite(features).all()
    assert (features[60:90, wrist, VISIBILITY] == 0).all()
    held = joints[59, wrist] - joints[59, 0]
    seen[60:90, wrist] = 0.0
    joints[60:90, wrist] = held
    np.testing.assert_allclose(MotionFeatures().block(joints, seen), features, atol=1e-6)


def test_trembling_is_in_the_fast_band_of_the_joint_that_trembles() -> None:
    joints = dance().joints
    trembling = joints.copy()
    wrist = JOINT_INDEX["right_wrist"]
    trembling[:, wrist] += 0.02 * np.sin(2 * np.pi * 6.5 * np.arange(len(joints)) / 30)[:, None]
    difference = (features_of(trembling) - features_of(joints))[40:, :, HIGH].mean(axis=0)
    assert difference[wrist] > 0.5
    assert np.abs(np.delete(difference, wrist)).max() < 0.1


def test_a_long_gap_begins_a_new_stretch() -> None:
    track = dance()
    late = PoseTrack(
        np.where(track.times > 2, track.times + 3, track.times), track.joints, track.roots, track.visibility
    )
    times, features = sequence(late)
    again = np.flatnonzero(np.diff(times) > 1)[0] + 1
    rest = late.times > 2
    _, fresh = sequence(PoseTrack(late.times[rest], late.joints[rest], late.roots[rest], late.visibility[rest]))
    np.testing.assert_allclose(features[again:], fresh, atol=1e-6)


def test_descriptors_are_numbers_whatever_comes() -> None:
    rng = np.random.default_rng(0)
    for features in (np.zeros((40, 22, CHANNELS)), rng.normal(0, 3, (9, 22, CHANNELS)), np.zeros((0, 22, CHANNELS))):
        told = describe(features.astype(np.float32))
        assert told.shape == (SIZE,)
        assert np.isfinite(told).all()


def test_real_motion_is_within_the_channels(recordings: Path) -> None:
    track = read_motion(recordings / "motion" / "misc" / "dab.bvh.gz")
    _, features = sequence(track)
    assert len(features) > 300
    assert np.abs(features[..., POSITION]).max() < 2.0
    assert np.abs(np.linalg.norm(features[:, 1:, 9:12], axis=2) - 1).max() < 1e-3
