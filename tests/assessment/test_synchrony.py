"""Timing is measured truthfully, and nobody is flattered."""

import dataclasses

import numpy as np
import pytest

from dancecoach.assessment.hits import find_events
from dancecoach.assessment.synchrony import measure, metrical_level, published_msr, sharp_msr
from dancecoach.types import Synchrony
from tests.support.signals import grid, motion


def measured(hits: np.ndarray, tempo: float = 120.0, **how: object) -> Synchrony:
    return measure(find_events(motion(hits, **how)), grid(tempo, 30.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("tempo", [100, 120, 140, 170])
@pytest.mark.parametrize("offset_ms", [-60, 0, 80, 120])
@pytest.mark.parametrize("profile", ["sine", "reach", "hold", "step"])
@pytest.mark.parametrize("rate", [30, 60])
def test_offsets_read_what_they_are(tempo: int, offset_ms: int, profile: str, rate: int) -> None:
    found = measured(np.arange(0, 30, 60 / tempo) + offset_ms / 1000, tempo, profile=profile, rate=rate)
    assert found.offset_ms == pytest.approx(offset_ms, abs=5)
    assert found.level == "every beat"
    assert found.offset_sd_ms is not None
    assert found.offset_sd_ms < 5
    for part in found.parts:
        assert part.offset_ms == pytest.approx(offset_ms, abs=6)


@pytest.mark.parametrize("period", [0.5, 1.0])
def test_dancing_on_every_or_every_second_beat_scores_high(period: float) -> None:
    found = measured(np.arange(0, 30, period))
    assert found.msr is not None
    assert found.msr >= 0.9
    assert found.level == ("every beat" if period == 0.5 else "every second beat")


@pytest.mark.parametrize("kind", ["phase", "tempo wander", "other tempo"])
def test_unsynchronised_motion_scores_nothing_where_the_published_rate_flatters(kind: str) -> None:
    sharp, published = [], []
    for seed in range(100):
        random = np.random.default_rng(seed)
        if kind == "phase":
            hits = np.arange(0, 30, 0.5) + (seed + random.uniform()) * 0.5 / 100
        elif kind == "tempo wander":
            hits = np.cumsum(np.r_[random.uniform(0, 0.5), np.clip(random.normal(0.5, 0.1, 59), 0.25, 1)])
        else:
            hits = np.arange(random.uniform(0, 0.5), 30, 0.5 * random.uniform(1.07, 1.13))
        found = measured(hits, rate=30)
        assert found.msr is not None
        assert found.msr_published is not None
        sharp.append(found.msr)
        published.append(found.msr_published)
    assert abs(np.mean(sharp)) <= 0.05
    assert np.mean(published) >= 0.95


def test_chance_is_what_shifted_motion_scores() -> None:
    random = np.random.default_rng(0)
    for interval in (0.5, 1.0, 2.0):
        positions = np.sort(random.uniform(0, 32, int(32 / interval)))
        scores = [sharp_msr(positions + shift, 32, interval)[0] for shift in np.arange(64) * interval / 64]
        assert np.mean(scores) == pytest.approx(0.0, abs=1e-9)


def test_extra_and_missing_movements_cost() -> None:
    beats = np.arange(32.0)
    full = sharp_msr(beats, 32, 1.0)[0]
    missing = sharp_msr(beats[:24], 32, 1.0)[0]
    extra = sharp_msr(np.sort(np.r_[beats, beats[:12] + 0.5]), 32, 1.0)[0]
    double = sharp_msr(np.sort(np.r_[beats, beats + 0.01]), 32, 1.0)[0]
    assert full == pytest.approx(1.0)
    assert missing < 0.8
    assert extra < 0.8
    assert double < 0.5


def test_the_level_depends_on_the_rate_alone() -> None:
    assert [metrical_level(rate)[0] for rate in (0.5, 1.0, 2.0)] == ["every second beat", "every beat", "half beats"]


def test_the_published_rate_is_the_papers() -> None:
    beats = np.array([0.0, 1.0, 2.0, 3.0])
    assert published_msr(np.array([0.39, 1.41, 2.4]), beats) == 0.5
    assert published_msr(np.array([]), beats) == 0.0
    assert published_msr(np.array([1.0]), np.array([])) is None


@pytest.mark.parametrize("shift", [0.05, -0.03])
def test_shifting_the_beats_shifts_the_offset(shift: float) -> None:
    events = find_events(motion(np.arange(0, 30, 0.5) + 0.04))
    base, moved = measure(events, grid(120, 30.0)), measure(events, grid(120, 30.0, start=0.5 + shift))
    assert base.offset_ms is not None
    assert moved.offset_ms is not None
    assert moved.offset_ms - base.offset_ms == pytest.approx(-1000 * shift, abs=1)


def test_what_cannot_be_measured_is_unknown_with_a_reason() -> None:
    still = motion(np.array([0.0, 100.0]))
    moving = motion(np.arange(0, 30, 0.5))
    hidden = dataclasses.replace(moving, visibility=np.zeros_like(moving.visibility))
    unsure = dataclasses.replace(grid(120, 30.0), confidence=0.1)
    cases = [
        (measure(find_events(still), grid(120, 30.0)), "still"),
        (measure(find_events(hidden), grid(120, 30.0)), "not seen"),
        (measure(find_events(moving), unsure), "beat unsure"),
        (measure(find_events(moving), None), "no beat"),
        (measure(find_events(motion(np.random.default_rng(0).uniform(0, 30, 45).cumsum() / 15)), None), "no beat"),
    ]
    for found, reason in cases:
        assert (found.msr, found.offset_ms) == (None, None)
        assert reason in (found.reason or "")


def test_hidden_feet_leave_the_arms_measured() -> None:
    track = motion(np.arange(0, 30, 0.5) + 0.06)
    visibility = track.visibility.copy()
    visibility[:, [4, 5, 7, 8, 10, 11]] = 0.1
    found = measure(find_events(dataclasses.replace(track, visibility=visibility)), grid(120, 30.0))
    parts = {part.part: part for part in found.parts}
    assert parts["left_arm"].offset_ms == pytest.approx(60, abs=6)
    assert parts["left_leg"].offset_ms is None
    assert parts["left_leg"].reason == "left leg not seen"


def test_a_gap_in_the_poses_makes_no_hits() -> None:
    track = motion(np.arange(0, 30, 0.5))
    keep = (track.times < 10) | (track.times > 13)
    cut = dataclasses.replace(
        track,
        times=track.times[keep],
        joints=track.joints[keep],
        roots=track.roots[keep],
        visibility=track.visibility[keep],
    )
    hits = find_events(cut)["body"].hits
    assert not np.any((hits > 10.05) & (hits < 12.95))
    assert len(hits) > 40
