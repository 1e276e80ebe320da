"""The live measurement agrees with the one of the whole recording."""

import numpy as np
import pytest

from dancecoach.assessment.primitives import find_primitives
from dancecoach.assessment.take import LiveTake, measure_recording
from dancecoach.types import BeatGrid, Pose, PoseTrack
from tests.support.signals import grid, motion


def poses_of(track: PoseTrack) -> list[Pose]:
    return [
        Pose(float(t), 1, track.joints[i], track.roots[i], np.zeros((22, 2)), track.visibility[i], float(t))
        for i, t in enumerate(track.times)
    ]


def test_live_and_offline_agree() -> None:
    track = motion(np.arange(0, 60, 0.5) + 0.05, rate=30, seconds=60)
    beats = grid(120, 60.0)
    total, primitives = measure_recording(track, beats)
    poses, take, completed = poses_of(track), LiveTake(), []
    for now in np.arange(0.2, 60, 0.2):
        recent = [pose for pose in poses if now - 45 < pose.time <= now]
        near = (beats.beat_times > now - 40) & (beats.beat_times < now + 8)
        seen = BeatGrid(beats.beat_times[near], beats.counts[near], 120.0, 1.0)
        completed += take.step(recent, seen, float(now))
    assert take.total is not None
    assert take.total.offset_ms == pytest.approx(total.offset_ms, abs=2)
    assert take.total.msr == pytest.approx(total.msr, abs=0.05)
    assert take.last_8 is not None
    assert take.last_8.offset_ms == pytest.approx(50, abs=3)
    assert take.last_32 is not None
    assert take.last_32.msr is not None
    assert take.last_32.msr > 0.9
    assert len(completed) >= len(primitives) - 1
    for live, whole in zip(completed[1:], primitives[1:], strict=False):
        assert live.primitive.start == pytest.approx(whole.primitive.start)
        assert live.synchrony.offset_ms == pytest.approx(whole.synchrony.offset_ms, abs=2)


def test_eight_counts_are_cut_at_the_ones() -> None:
    beats = grid(120, 30.0)
    found = find_primitives(beats, 0.0, 30.0)
    assert [primitive.start for _, primitive in found] == [0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0]
    assert all(len(primitive.beat_times) == 9 for _, primitive in found)
    counts = beats.counts.copy()
    counts[20:] = (counts[20:] + 2) % 8 + 1  # the one was set anew
    broken = find_primitives(BeatGrid(beats.beat_times, counts, 120.0, 1.0), 0.0, 30.0)
    assert all(not primitive.start < beats.beat_times[20] < primitive.stop for _, primitive in broken)


def test_in_a_waltz_a_primitive_is_six_beats() -> None:
    track = motion(np.arange(0, 30, 0.5) + 0.05, rate=30, seconds=30)
    times = np.arange(0, 30, 0.5)
    waltz = BeatGrid(times, (np.arange(len(times)) + 4) % 6 + 1, 120.0, 1.0, beats_per_bar=3)
    _, primitives = measure_recording(track, waltz)
    assert [score.primitive.start for score in primitives] == [1.0 + 3.0 * number for number in range(9)]
    assert all(len(score.primitive.beat_times) == 7 for score in primitives)
    assert all(score.synchrony.n_beats == 6 for score in primitives)
    assert primitives[4].synchrony.offset_ms == pytest.approx(50, abs=3)
    poses, take, completed = poses_of(track), LiveTake(), []
    for now in np.arange(0.2, 30, 0.2):
        completed += take.step([pose for pose in poses if pose.time <= now], waltz, float(now))
    starts = [score.primitive.start for score in primitives]
    assert [score.primitive.start for score in completed] == starts[: len(completed)]
    assert len(completed) >= len(primitives) - 1


def test_without_dancer_or_beat_nothing_is_measured() -> None:
    take = LiveTake()
    assert take.step([], grid(120, 10.0), 5.0) == []
    assert take.last_8 is not None
    assert take.last_8.reason == "nobody seen"
    take.step(poses_of(motion(np.arange(0, 10, 0.5), seconds=10)), None, 5.0)
    assert take.last_8.reason == "no beat known"
