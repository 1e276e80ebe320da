"""The rhythm of a motion, found without music."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from dancecoach.assessment.rhythm import find_rhythm, rhythm_of
from dancecoach.bench.dancer import dance
from dancecoach.session.motion import read_motion
from dancecoach.types import MIRROR_JOINTS, BeatGrid, Floats, PoseTrack

# Beats per minute that were read off the eight-count period of the feet of both dancers.
SALSA = {
    "01": 162.7, "02": 173.5, "03": 164.6, "04": 164.6, "06": 166.5, "07": 175.6,
    "10": 188.2, "11": 187.0, "12": 182.3, "13": 164.6, "15": 164.6,
}  # fmt: skip


def _track(times: Floats, room: Floats) -> PoseTrack:
    return PoseTrack(times, room - room[:, :1], room[:, 0], np.ones(room.shape[:2]))


def _dancer(hits: Floats, seconds: float = 28.0, fps: float = 30.0) -> PoseTrack:
    times = np.arange(0.0, seconds, 1 / fps)
    return _track(times, dance(times, hits))


def _found(track: PoseTrack) -> BeatGrid:
    grid = find_rhythm(track)
    assert grid is not None
    assert grid.source == "motion"
    assert np.all(np.diff(grid.beat_times) > 0)
    assert np.array_equal(np.diff(grid.counts) % 8, np.ones(len(grid.counts) - 1))
    return grid


def _salsa(recordings: Path, name: str) -> PoseTrack:
    track = read_motion(recordings / "motion" / "cmu_salsa" / "bvh" / f"{name}.bvh.gz", 60.0)
    chosen = slice(4, None, 2)
    return PoseTrack(
        track.times[chosen] - track.times[4], track.joints[chosen], track.roots[chosen], track.visibility[chosen]
    )


@pytest.mark.parametrize("bpm", [80.0, 97.0, 120.0, 153.0, 180.0])
def test_a_dancer_who_arrives_on_every_beat(bpm: float) -> None:
    hits = 1.0 + np.arange(120) * 60.0 / bpm
    grid = _found(_dancer(hits))
    assert abs(grid.tempo / bpm - 1) < 0.02
    assert grid.confidence > 0.7
    inside = grid.beat_times[(grid.beat_times > 1.5) & (grid.beat_times < 27.0)]
    assert len(inside) > 0.9 * 25.5 * bpm / 60
    assert np.abs(inside[:, None] - hits).min(axis=1).max() < 0.03


def test_a_tempo_that_drifts_is_followed() -> None:
    tempo = 120.0 * np.exp(0.08 * np.sin(np.arange(120) / 12.0))
    hits = 1.0 + np.cumsum(60.0 / tempo)
    grid = _found(_dancer(hits))
    inside = grid.beat_times[(grid.beat_times > 2.0) & (grid.beat_times < 27.0)]
    assert np.abs(inside[:, None] - hits).min(axis=1).max() < 0.05


def test_unsteady_beats_still_lie_among_the_hits() -> None:
    rng = np.random.default_rng(3)
    regular = 1.0 + np.arange(120) * 0.5
    grid = _found(_dancer(regular + rng.normal(0.0, 0.02, len(regular))))
    inside = grid.beat_times[(grid.beat_times > 1.5) & (grid.beat_times < 27.0)]
    # The jitter is the dancer's, the beat is what it goes around.
    assert np.abs(inside[:, None] - regular).min(axis=1).max() < 0.03


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_a_stretched_motion_has_a_stretched_rhythm(recordings: Path, factor: float) -> None:
    track = _salsa(recordings, "61_15")
    stretched = PoseTrack(track.times * factor, track.joints, track.roots, track.visibility)
    assert _found(stretched).tempo == pytest.approx(_found(track).tempo / factor, rel=0.02)


def test_a_later_motion_has_later_beats(recordings: Path) -> None:
    track = _salsa(recordings, "60_13")
    later = PoseTrack(track.times + 12.345, track.joints, track.roots, track.visibility)
    one, other = _found(track), _found(later)
    assert np.allclose(other.beat_times - 12.345, one.beat_times, atol=1e-6)
    assert np.array_equal(one.counts, other.counts)


def test_a_mirrored_motion_has_the_same_beats(recordings: Path) -> None:
    track = _salsa(recordings, "61_03")
    flip = np.array([-1.0, 1.0, 1.0])
    order = list(MIRROR_JOINTS)
    mirrored = PoseTrack(track.times, track.joints[:, order] * flip, track.roots * flip, track.visibility[:, order])
    one, other = _found(track), _found(mirrored)
    assert np.allclose(other.beat_times, one.beat_times, atol=1e-6)
    assert np.array_equal(one.counts, other.counts)


def test_salsa_is_counted_as_dancers_count_it(recordings: Path) -> None:
    errors, confidences = [], []
    for take, tempo in SALSA.items():
        for dancer in ("60", "61"):
            rhythm = rhythm_of(_salsa(recordings, f"{dancer}_{take}"))
            errors.append(1.0 if rhythm.beats is None else abs(rhythm.beats.tempo / tempo - 1))
            confidences.append(0.0 if rhythm.beats is None else rhythm.beats.confidence)
    assert np.count_nonzero(np.array(errors) < 0.04) >= 18
    # Where it is wrong it does not claim to be sure.
    assert all(error < 0.06 or sure < 0.5 for error, sure in zip(errors, confidences, strict=True))


def test_a_tempo_that_is_known_is_only_followed(recordings: Path) -> None:
    for take in ("10", "12"):
        for dancer in ("60", "61"):
            grid = rhythm_of(_salsa(recordings, f"{dancer}_{take}"), SALSA[take]).beats
            assert grid is not None
            assert abs(grid.tempo / SALSA[take] - 1) < 0.04


def test_leader_and_follower_mostly_step_on_the_same_counts(recordings: Path) -> None:
    """Each is measured alone; that they agree within the bar of four in most takes is no accident."""
    agreements = []
    for take in SALSA:
        leader, follower = (_found(_salsa(recordings, f"{dancer}_{take}")) for dancer in ("60", "61"))
        times = np.arange(2.0, min(leader.beat_times[-1], follower.beat_times[-1]) - 2, 0.2)
        apart = [(leader.position(time) or 0.0) - (follower.position(time) or 0.0) for time in times]
        agreements.append(np.exp(2j * np.pi * np.array(apart) / 4.0).mean())
    assert np.median(np.abs(agreements)) > 0.8
    assert np.median(np.abs(np.angle(agreements))) * 4.0 / (2 * np.pi) < 0.4  # beats


def test_what_does_not_recur_has_no_rhythm() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(900) / 30.0
    start = dance(np.zeros(1), np.array([1.0, 2.0]))[0]
    white = rng.normal(0.0, 0.05, (900, 22, 3))
    for noise in (white, np.cumsum(0.3 * white, axis=0), gaussian_filter1d(white, 6, axis=0) * 10):
        rhythm = rhythm_of(_track(times, start + noise))
        assert rhythm.beats is None
        assert rhythm.reason == "nothing recurs"


def test_who_stands_still_has_no_rhythm() -> None:
    times = np.arange(600) / 30.0
    start = dance(np.zeros(1), np.array([1.0, 2.0]))[0]
    frozen = np.repeat(start[None], 600, axis=0)
    tremor = np.random.default_rng(1).normal(0.0, 2e-4, frozen.shape)
    assert rhythm_of(_track(times, frozen)).reason == "hardly moves"
    assert find_rhythm(_track(times, frozen + tremor)) is None


def test_a_glance_is_too_short() -> None:
    assert rhythm_of(_dancer(1.0 + np.arange(10) * 0.5, seconds=4.0)).reason == "too short"
    empty = PoseTrack(np.empty(0), np.empty((0, 22, 3)), np.empty((0, 3)), np.empty((0, 22)))
    assert find_rhythm(empty) is None
