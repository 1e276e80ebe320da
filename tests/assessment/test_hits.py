"""Arrivals are read where they are, whatever the profile, the noise and the limbs that move."""

import dataclasses

import numpy as np
import pytest

from dancecoach.assessment.hits import find_events
from dancecoach.assessment.synchrony import measure
from dancecoach.types import LIMBS, BodyPart, PoseTrack, Synchrony
from tests.support.dancers import Dancer, arrivals, perform
from tests.support.signals import grid

SECONDS = 20.0
ARMS: tuple[BodyPart, ...] = ("left_arm", "right_arm")


def measured(dancer: Dancer, seed: int = 0) -> Synchrony:
    events = find_events(perform(dancer, SECONDS, seed))
    return measure(events, grid(dancer.tempo, SECONDS, start=0.5))


def errors(dancer: Dancer, parts: tuple[BodyPart, ...] = (), draws: int = 4) -> list[float]:
    """Return the offset errors in ms of the body and of `parts`."""
    found = []
    for seed in range(draws):
        whole = measured(dancer, seed)
        for part in (whole, *(part for part in whole.parts if part.part in parts)):
            assert part.offset_ms is not None, (part.part, part.reason)
            found.append(part.offset_ms - dancer.offset * 1000)
    return found


@pytest.mark.parametrize("tempo", [80, 110, 140])
@pytest.mark.parametrize("fraction", [0.7, 0.8, 0.85])
@pytest.mark.parametrize("rate", [30, 60])
def test_constant_speeds_with_short_holds(tempo: int, fraction: float, rate: int) -> None:
    assert np.abs(errors(Dancer(tempo, 0.05, fraction, "linear", rate), ARMS, 2)).max() < 12


@pytest.mark.parametrize("tempo", [80, 120, 160])
@pytest.mark.parametrize("fraction", [0.75, 0.8, 0.9])
@pytest.mark.parametrize("profile", ["half cosine", "smooth step", "minimum jerk"])
def test_reaches_of_the_arms_that_fill_most_of_the_beat(tempo: int, fraction: float, profile: str) -> None:
    dancer = Dancer(tempo, 0.04, fraction, profile, limbs=ARMS)
    # A hold shorter than the smoothing is not seen: the arrival may be anywhere in it.
    assert np.abs(errors(dancer, ARMS, 2)).max() < max(6, 0.55 * (1 - fraction) * 60_000 / tempo * (fraction > 0.85))


@pytest.mark.parametrize("limbs", [("left_arm",), ARMS])
@pytest.mark.parametrize("carried", [True, False])
def test_limbs_that_sway_or_are_carried_along_say_so(limbs: tuple[BodyPart, ...], carried: bool) -> None:
    for seed in range(6):
        random = np.random.default_rng(seed)
        dancer = Dancer(
            random.uniform(80, 140), 0.05, noise=0.001, limbs=limbs, sway=random.uniform(0.003, 0.02), carried=carried
        )
        for part in measured(dancer, seed).parts:
            if part.part in limbs:
                assert part.offset_ms == pytest.approx(50, abs=12)
            else:
                assert part.offset_ms is None
                assert part.reason


def test_a_small_movement_on_its_own_is_danced() -> None:
    dancer = Dancer(120, 0.04, 1.0, limbs=("torso",))
    track = perform(dancer, SECONDS)
    small = dataclasses.replace(
        track, roots=track.roots * 0.1, joints=track.joints.mean(axis=0) + np.zeros_like(track.joints)
    )
    torso = measure(find_events(small), grid(120, SECONDS, start=0.5)).parts[-1]
    assert torso.part == "torso"
    assert torso.offset_ms == pytest.approx(40, abs=8)


@pytest.mark.parametrize("noise", [0.003, 0.006])
@pytest.mark.parametrize("colour", [0.0, 0.7])
@pytest.mark.parametrize("fraction", [0.4, 0.6, 0.8])
def test_jitter_of_one_camera_makes_no_hits_in_holds(noise: float, colour: float, fraction: float) -> None:
    dancer = Dancer(100, 0.05, fraction, "minimum jerk", noise=noise, colour=colour, monocular=True)
    for seed in range(3):
        hits = find_events(perform(dancer, SECONDS, seed))["body"].hits
        truth = arrivals(dancer, SECONDS)
        assert len(hits) == pytest.approx(len(truth), abs=2)
        assert np.abs(hits[:, None] - truth).min(axis=1).max() < 0.08
    assert np.abs(errors(dancer)).max() < (12 if noise < 0.005 else 20)


@pytest.mark.parametrize("tempo", [80, 100])
@pytest.mark.parametrize("fraction", [0.25, 0.4])
@pytest.mark.parametrize("rate", [25, 60])
def test_every_second_beat_with_long_holds(tempo: int, fraction: float, rate: int) -> None:
    dancer = Dancer(tempo, 0.03, fraction, "minimum jerk", rate, every=2.0, noise=0.002)
    found = measured(dancer)
    assert found.level == "every second beat"
    assert found.msr is not None
    assert found.msr > 0.85
    assert np.abs(errors(dancer)).max() < 15


@pytest.mark.parametrize("tempo", [120, 140])
@pytest.mark.parametrize("fraction", [0.5, 0.7])
@pytest.mark.parametrize("profile", ["half cosine", "minimum jerk"])
def test_half_beats_with_holds(tempo: int, fraction: float, profile: str) -> None:
    dancer = Dancer(tempo, 0.0, fraction, profile, every=0.5, noise=0.001)
    found = measured(dancer)
    assert found.level == "half beats"
    assert found.msr is not None
    assert found.msr > 0.85
    assert np.abs(errors(dancer)).max() < 12


@pytest.mark.parametrize("profile", ["half cosine", "smooth step", "minimum jerk"])
@pytest.mark.parametrize("limbs", [ARMS, ("left_leg", "right_leg", "torso", *ARMS)])
def test_reaches_of_150_ms_at_thirty_frames(profile: str, limbs: tuple[BodyPart, ...]) -> None:
    for tempo in (97, 113, 139):
        dancer = Dancer(tempo, 0.05, 0.15 * tempo / 60, profile, limbs=limbs)
        assert np.abs(errors(dancer, limbs, 2)).max() < 6
    # Where every beat falls on the same place between two frames, the mean over the places is still right.
    locked = errors(Dancer(90, 0.05, 0.15 * 90 / 60, profile, limbs=limbs), limbs, 8)
    assert abs(np.mean(locked)) < 6


def test_movements_back_to_back_arrive_where_they_turn() -> None:
    for profile in ("linear", "half cosine", "minimum jerk"):
        for noise in (0.0, 0.002):
            dancer = Dancer(120, 0.06, 1.0, profile, 60, noise=noise, limbs=ARMS)
            assert np.abs(errors(dancer, ARMS, 2)).max() < 8


def test_noisy_motion_without_the_beat_scores_nothing() -> None:
    scores: list[float] = []
    for seed in range(48):
        dancer = Dancer(120, 0.5 * seed / 48, 0.6, "minimum jerk", noise=0.005, monocular=seed % 2 == 0)
        found = measured(dancer, seed)
        scores += [part.msr for part in (found, *found.parts) if part.msr is not None]
    assert abs(np.mean(scores)) <= 0.05


@pytest.mark.parametrize("rate", [30, 60])
@pytest.mark.parametrize("noise", [0.0, 0.001, 0.002, 0.004])
@pytest.mark.parametrize("limbs", [LIMBS, ARMS])
def test_constant_speeds_back_to_back_arrive_where_they_turn(
    rate: int, noise: float, limbs: tuple[BodyPart, ...]
) -> None:
    whole, single = [], []
    for seed, tempo in enumerate((80, 93, 104, 113, 127, 139, 150)):
        dancer = Dancer(tempo, -0.08 + 0.2 * seed / 6, 1.0, "linear", rate, noise=noise, limbs=limbs)
        body, *parts = errors(dancer, limbs, 1)
        whole.append(body)
        single += parts
    assert abs(np.median(whole)) < 6
    assert abs(np.median(single)) < 6
    # The body is read from all limbs together, and never takes a turn for the end of a hold.
    assert np.abs(whole).max() < 8
    assert np.median(np.abs(single)) < 6


@pytest.mark.parametrize("profile", ["linear", "half cosine", "minimum jerk"])
@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_a_fifth_of_the_poses_missing(profile: str, fraction: float) -> None:
    found = []
    for seed, tempo in enumerate((77, 93, 113, 131, 157)):
        whole = perform(Dancer(tempo, 0.05, fraction, profile), SECONDS, seed)
        kept = np.random.default_rng(seed).random(len(whole.times)) >= 0.2
        track = PoseTrack(whole.times[kept], whole.joints[kept], whole.roots[kept], whole.visibility[kept])
        read = measure(find_events(track), grid(tempo, SECONDS, start=0.5))
        assert read.offset_ms is not None
        found.append(read.offset_ms - 50)
    assert np.abs(found).max() < 12
    assert abs(np.median(found)) < 9
