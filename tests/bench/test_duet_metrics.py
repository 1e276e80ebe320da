"""The measures of a partner on motions whose values are known."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from dancecoach.bench import duet_features as features
from dancecoach.bench.duet_contact import contact, f1, hand_distances, holding, touching
from dancecoach.bench.duet_features import (
    cross_distances,
    diversity,
    fid,
    frechet_distance,
    geometric_features,
    kid,
    kinetic_features,
    split_half_floor,
    windows,
)
from dancecoach.bench.duet_metrics import (
    contact_foot_speed,
    effective_lag,
    errors,
    floor_drift,
    mean_jerk,
    physical_foot_contact,
    published_pfc,
    steps,
)
from dancecoach.bench.duet_rhythm import beat_alignment, beat_echo, corrected_echo, echo, kinematic_beats
from dancecoach.bench.duet_statistics import bootstrap, mean_interval, wilcoxon_p, worse_p
from dancecoach.partner.frames import turned
from dancecoach.types import Floats
from tests.support.duets import couple, dancing, standing

RATE = 30.0


def still(seconds: float = 5.0, rate: float = RATE) -> Floats:
    return np.repeat(standing()[None], round(seconds * rate), axis=0)


def swaying(amplitude: float, rate: float, seconds: float = 20.0) -> Floats:
    times = np.arange(round(seconds * rate)) / rate
    return still(seconds, rate) + (amplitude * np.sin(2 * np.pi * times))[:, None, None] * (1.0, 0.0, 0.0)


def late(room: Floats, frames: int) -> Floats:
    return np.concatenate([np.repeat(room[:1], frames, axis=0), room[: len(room) - frames]])


# --- kinetic features ---------------------------------------------------------------------------------------------


def test_the_published_acceleration_measures_where_a_body_stands() -> None:
    here = still()
    there = here + (2.0, 0.0, 0.0)
    there[0] = here[0]  # positions count from the first frame's pelvis
    published = [kinetic_features(room, RATE, published=True)[2::3] for room in (here, there)]
    # Of a still pose p it is |p/dt² − p/dt| = 3540 |p|.
    from_pelvis = np.linalg.norm(standing() - standing()[0], axis=1)
    assert published[0] == pytest.approx(3540 * from_pelvis)
    # Away from the jump in the first frames, those of a body 2 m from there.
    assert features._kinetic(there[10:] - here[0, :1], 1 / 60, True)[2::3].mean() > 4 * published[0].mean()
    assert features._kinetic(there[10:] - here[0, :1], 1 / 30, False) == pytest.approx(0.0, abs=1e-9)
    assert kinetic_features(here, RATE) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("rate", [30.0, 60.0, 120.0])
def test_a_sway_of_10_cm_at_1_hz(rate: float) -> None:
    found = kinetic_features(swaying(0.1, rate), rate).reshape(22, 3)
    omega = 2 * np.pi
    # Means over five frames lower both a little, less at higher rates.
    damped = np.sin(5 * np.pi / rate) / (5 * np.sin(np.pi / rate))
    change = rate / np.pi * np.sin(np.pi / rate)  # and so do differences instead of derivatives
    assert found[:, 0] == pytest.approx(0.5 * (0.1 * omega * damped * change) ** 2, rel=0.01)
    assert found[:, 1] == pytest.approx(0.0, abs=1e-12)
    assert found[:, 2] == pytest.approx(2 / np.pi * 0.1 * (omega * change) ** 2 * damped, rel=0.01)
    assert found[:, 2] == pytest.approx(2.5, rel=0.06)


def test_as_published_half_the_rate_is_twice_the_speed() -> None:
    slow, fast = (kinetic_features(swaying(0.1, rate), rate, published=True)[0] for rate in (60.0, 30.0))
    assert fast == pytest.approx(4 * slow, rel=0.1)


def test_the_means_are_those_of_a_plain_loop() -> None:
    room = dancing(2.0)
    p = room - room[0, :1]
    interval = 1 / RATE
    total = 0.0
    for i in range(1, len(p)):
        v, a, n, m = np.zeros(3), np.zeros(3), 0, 0
        for k in range(-2, 3):
            if i + k - 1 >= 0 and i + k < len(p):
                v, n = v + p[i + k, 20] - p[i + k - 1, 20], n + 1
            if i + k - 1 >= 0 and i + k + 1 < len(p):
                a, m = a + (p[i + k + 1, 20] - 2 * p[i + k, 20] + p[i + k - 1, 20]) / interval**2, m + 1
        total += np.linalg.norm(a / m) / (len(p) - 1)
    assert kinetic_features(room, RATE)[62] == pytest.approx(total)


# --- geometric features -------------------------------------------------------------------------------------------


def test_relations_of_a_still_body_and_of_raised_hands() -> None:
    quiet = geometric_features(still(), RATE)
    assert quiet.shape == (32,)
    assert set(np.unique(quiet)) <= {0.0, 1.0}
    assert quiet[[0, 2, 4, 5, 9]].sum() == 0  # nothing moves
    raised = still()
    raised[:, (19, 21)] = standing()[17] + np.array([(0.0, 0.1, 0.24), (0.0, 0.3, 0.2)])
    changed = np.flatnonzero(geometric_features(raised, RATE) != quiet)
    assert 1 in changed and not set(changed) & set(range(13, 26))  # the right hand above the neck; the left rests


def test_speeds_count_at_their_true_rate() -> None:
    # 0.3 m/s is slower than 2.3 upper arms a second; taken for 120 frames a second it is 1.2 m/s.
    room = still() + (np.arange(150) * 0.3 / RATE)[:, None, None] * (1.0, 0.0, 0.0)
    assert geometric_features(room, RATE)[31] == 0.0
    assert geometric_features(room, RATE, published=True)[31] == 1.0


def test_features_of_a_motion_do_not_depend_on_place_and_direction() -> None:
    room = dancing(6.0)
    there = turned(room, 2.0) + (3.0, 0.0, -5.0)
    assert kinetic_features(there, RATE) == pytest.approx(kinetic_features(room, RATE))
    assert geometric_features(there, RATE) == pytest.approx(geometric_features(room, RATE))


# --- sets ---------------------------------------------------------------------------------------------------------


def test_windows() -> None:
    assert [len(each) for each in windows(np.zeros((1118, 22, 3)), 30.0)] == [150] * 13
    assert [len(each) for each in windows(np.zeros((100, 22, 3)), 30.0)] == [100]


def test_frechet_distance_of_known_sets() -> None:
    generator = np.random.default_rng(0)
    one = generator.normal(size=(400, 5))
    other = one * 2.0 + (1.0, 0.0, 0.0, 0.0, 0.0)
    # Same directions: every deviation σ against 2σ.
    expected = float(((other.mean(0) - one.mean(0)) ** 2).sum() + np.trace(np.cov(one.T)))
    assert frechet_distance(one, other) == pytest.approx(expected)
    third = generator.normal(size=(300, 5)) @ generator.normal(size=(5, 5))
    a, b = np.cov(one.T), np.cov(third.T)
    mean = ((one.mean(0) - third.mean(0)) ** 2).sum()
    assert frechet_distance(one, third) == pytest.approx(mean + np.trace(a + b - 2 * sqrtm(a @ b).real))


def test_a_set_is_at_no_distance_from_itself() -> None:
    generator = np.random.default_rng(1)
    for size in (20, 200):  # fewer samples than features, and more
        values = generator.normal(size=(size, 66))
        assert fid(values, values) == pytest.approx(0.0, abs=1e-6)
        assert kid(values, values) < 0.0  # unbiased: its own samples are not counted twice
    halves = np.split(generator.normal(size=(400, 66)), 2)
    assert abs(kid(*halves)) < 0.1
    assert kid(halves[0] + 1.0, halves[1]) > 1.0


def test_the_floor_falls_with_the_number_of_samples() -> None:
    generator = np.random.default_rng(2)
    floors = [split_half_floor(generator.normal(size=(count, 66))) for count in (40, 200, 600)]
    assert floors[0] > 2 * floors[1] > 4 * floors[2] > 0


def test_diversity_of_a_known_set() -> None:
    values = np.array([[0.0], [2.0]])
    assert diversity(values) == pytest.approx(2.0)  # standard deviation 1
    assert diversity(np.zeros((3, 1)), values) == pytest.approx(0.0)


def test_features_that_never_vary_are_kept_in_bounds() -> None:
    reference, values = np.zeros((10, 3)), np.full((10, 3), 0.02)
    assert fid(values, reference) > 1e10
    assert fid(values, reference, least=features.SHARE_STD) == pytest.approx(12.0)


def test_cross_distances() -> None:
    found = cross_distances(still(), still() + (0.0, 0.0, 2.0)).reshape(10, 10)
    assert np.diag(found) == pytest.approx(2.0)
    assert found[0, 5] == pytest.approx(np.linalg.norm(standing()[15] + (0.0, 0.0, 2.0) - standing()[0]))


# --- rhythm -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lag", "value"), [(0, 1.0), (2, 0.80), (3, 0.61), (4, 0.41), (6, 0.14)])
def test_a_late_follower_echoes_less(lag: int, value: float) -> None:
    beats = np.arange(20.0, 900.0, 30.0)
    assert echo(beats, beats + lag) == pytest.approx(value, abs=0.005)


def test_beats_are_where_a_motion_is_slowest() -> None:
    # Speed |cos|: a sway of 1 Hz stands still twice a second, from 0.25 s on.
    found = kinematic_beats(swaying(0.2, RATE))
    assert np.diff(found) == pytest.approx(15.0, abs=1.0)
    assert found[0] == pytest.approx(7.0, abs=1.0)


def test_chance_is_taken_off() -> None:
    generator = np.random.default_rng(5)
    beats = np.arange(15.0, 3000.0, 30.0)
    guesses = np.sort(generator.uniform(0, 3000, 100))
    by_chance = corrected_echo(beats, guesses, 3000)
    assert by_chance.value == pytest.approx(0.25, abs=0.05)  # what published tables call aligned
    assert by_chance.corrected == pytest.approx(0.0, abs=0.08)
    assert by_chance.p > 0.02
    uneven = np.cumsum(generator.uniform(20, 40, 90))
    right = corrected_echo(uneven, uneven + 1.0, 3000)
    assert right.corrected > 0.8
    assert right.p < 0.01


def test_both_directions_of_beat_alignment() -> None:
    room = swaying(0.2, RATE)
    half = np.arange(7.0, 600.0, 30.0)  # every second stop
    assert beat_alignment(room, half).value > 0.9
    assert beat_alignment(room, half, over_music=False).value < 0.7


def test_echo_without_beats_is_nothing() -> None:
    leader = dancing(10.0)
    found = beat_echo(leader, still(10.0))
    assert (found.value, found.corrected, found.p) == (0.0, 0.0, 1.0)


# --- physical foot contact ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "value"), [(0.1, 0.03), (0.3, 0.30), (1.0, 3.3)])
def test_published_pfc_of_a_rigid_slide(speed: float, value: float) -> None:
    count = 300
    room = np.repeat(standing()[None], count, axis=0)
    room = room + (np.arange(count) * speed / RATE)[:, None, None] * (1.0, 0.0, 0.0)
    # The pelvis is hardly accelerated, on average 0.3 of the most.
    pushes = np.where(np.arange(count) % 10 < 3, 1.0, 0.0) * 1e-6
    room[:, 0, 1] += np.cumsum(np.cumsum(pushes))
    assert published_pfc(room) == pytest.approx(value, rel=0.13)
    spiked = room.copy()
    spiked[150, 0, 2] += 0.2
    assert published_pfc(spiked) < 0.1 * published_pfc(room)
    assert physical_foot_contact(room, RATE) < 0.02  # nothing pushes: nothing is wrong by physics


def test_pfc_of_a_frozen_body_is_nothing() -> None:
    assert published_pfc(still()) == 0.0
    assert physical_foot_contact(still(), RATE) == 0.0


def test_corrected_pfc_does_not_depend_on_the_rate() -> None:
    values = [physical_foot_contact(swaying(0.3, rate), rate) for rate in (30.0, 60.0, 120.0)]
    assert values == pytest.approx([values[0]] * 3, rel=0.03)
    published = [published_pfc(swaying(0.3, rate)) for rate in (30.0, 60.0)]
    assert published[0] > 3 * published[1]


# --- following ----------------------------------------------------------------------------------------------------


def test_errors_of_known_displacements() -> None:
    leader, true = couple(6.0)
    nothing = errors(leader, true, true)
    for values in (nothing.root, nothing.facing, nothing.pose, nothing.joints):
        assert np.allclose(values, 0.0, atol=1e-9)
    beside = errors(leader, true + (0.3, 0.5, 0.4), true)
    assert np.allclose(beside.root, 0.5)  # along the floor
    assert np.allclose(beside.pose, 0.0, atol=1e-9)
    place = true[:, :1] * (1.0, 0.0, 1.0)
    turned_about = errors(leader, turned(true - place, 3.5) + place, true)
    assert np.allclose(turned_about.facing, 2 * np.pi - 3.5)
    assert np.allclose(turned_about.pose, 0.0, atol=1e-9)
    assert turned_about.joints.mean() > 0.1


def test_hands_count_only_while_they_are_truly_held() -> None:
    leader, true = still(2.0), still(2.0) + (0.0, 0.0, 1.0)
    true[:30, 21] = leader[:30, 20] + (0.0, 0.0, 0.1)
    predicted = true.copy()
    predicted[:, 21, 2] += 0.2
    found = errors(leader, predicted, true)
    assert np.allclose(found.hands[:30], 0.2)
    assert np.allclose(found.wrists[:30], 0.2)
    assert np.isnan(found.hands[30:]).all() and np.isnan(found.wrists[30:]).all()
    assert holding(leader, true)[:30].tolist() == [[True, False, False, False]] * 30
    assert not holding(leader, true)[30:].any()
    assert hand_distances(leader, true)[0, 0] == pytest.approx(0.1)


def test_turning_both_and_moving_them_changes_nothing() -> None:
    leader, true = couple(8.0)
    predicted = late(true, 3) + (0.1, 0.0, 0.0)

    def there(room: Floats) -> Floats:
        return turned(room, -1.3) + (4.0, 0.0, 9.0)

    here, away = errors(leader, predicted, true), errors(there(leader), there(predicted), there(true))
    for name in ("root", "facing", "pose", "hands", "wrists"):
        assert np.allclose(getattr(here, name), getattr(away, name), equal_nan=True, atol=1e-9)
    assert contact(there(leader), there(predicted)) == pytest.approx(contact(leader, predicted), abs=1e-6)
    lags = [effective_lag(*pair, RATE).seconds for pair in ((there(predicted), there(true)), (predicted, true))]
    assert lags[0] == pytest.approx(lags[1])


@pytest.mark.parametrize("frames", [-3, 0, 1, 4, 9])
def test_a_delay_is_measured(frames: int) -> None:
    _, true = couple(12.0)
    predicted = late(true, frames) if frames >= 0 else true
    reference = true if frames >= 0 else late(true, -frames)
    found = effective_lag(predicted, reference, RATE)
    assert found.seconds == pytest.approx(frames / RATE, abs=0.004)
    assert found.agreement > 0.95


def test_a_delay_between_frames_is_measured() -> None:
    dense = dancing(12.0, rate=300.0)
    assert effective_lag(dense[:-25:10], dense[25::10], RATE).seconds == pytest.approx(25 / 300, abs=0.004)
    stiff = effective_lag(still(), dancing(5.0), RATE)
    assert (stiff.seconds, stiff.agreement) == (None, 0.0)


def test_speeds_of_feet_jerk_and_steps() -> None:
    slide = still() + (np.arange(150) * 0.5 / RATE)[:, None, None] * (1.0, 0.0, 0.0)
    assert contact_foot_speed(slide, RATE) == pytest.approx(0.5)
    assert contact_foot_speed(slide + (0.0, 0.1, 0.0), RATE) is None
    assert mean_jerk(slide, RATE) == pytest.approx(0.0, abs=1e-6)
    sway = mean_jerk(swaying(0.1, 120.0), 120.0)
    assert sway == pytest.approx(2 / np.pi * 0.1 * (2 * np.pi) ** 3, rel=0.01)
    assert steps(slide) == pytest.approx(0.5 / RATE)
    jump = still()
    jump[70:, 20, 0] += 0.07
    assert steps(jump).max() == pytest.approx(0.07)
    assert floor_drift(still() + (0.0, 0.2, 0.0), RATE) == pytest.approx(0.23)


# --- contact ------------------------------------------------------------------------------------------------------


def test_standing_apart_touches_nothing() -> None:
    found = contact(still(1.0), still(1.0) + (0.0, 0.0, 3.0))
    assert (found.depth, found.penetrating, found.frequency, found.penetration, found.both) == (0, 0, 0, 0, 0)


def test_overlapping_bodies_penetrate() -> None:
    room = still(1.0)
    close = room + (0.0, 0.0, 0.15)
    found = contact(room, close)
    assert found.depth == pytest.approx(0.22 - 0.15, abs=1e-6)  # chests of 0.11 m radius
    assert (found.penetrating, found.frequency) == (1.0, 1.0)
    assert 0.02 < found.penetration < found.both < 1.0
    assert found.leader == pytest.approx(found.follower, abs=0.05)
    half = np.concatenate([close[:15], close[15:] + (0.0, 0.0, 3.0)])
    assert contact(room, half).frequency == 0.5


def test_agreement_of_touch() -> None:
    leader = still(1.0)
    true = leader + (0.0, 0.0, 1.0)
    true[:15, 21] = leader[:15, 20] + (0.0, 0.0, 0.1)
    truth = touching(leader, true)
    assert truth.tolist() == [True] * 15 + [False] * 15
    assert f1(truth, truth) == 1.0
    assert f1(np.roll(truth, 5), truth) == pytest.approx(2 / 3)
    assert f1(truth, np.zeros(30, dtype=bool)) is None
    apart = touching(leader, leader + (0.0, 0.0, 3.0))
    assert f1(apart, truth) == 0.0  # standing apart wins nothing


# --- statistics ---------------------------------------------------------------------------------------------------


def test_intervals_and_paired_tests() -> None:
    generator = np.random.default_rng(0)
    original = generator.normal(10.0, 3.0, 11)
    low, high = mean_interval(original)
    assert low < original.mean() < high
    assert bootstrap(lambda drawn: float(original[drawn].mean()), 11) == pytest.approx((low, high), abs=0.5)
    changed = original + generator.uniform(0.1, 1.0, 11)
    assert worse_p(changed, original) == pytest.approx(1 / 2**11)
    assert wilcoxon_p(changed, original) == pytest.approx(1 / 2**11)
    assert worse_p(original, changed) > 0.99
    assert worse_p(original, original) == 1.0 == wilcoxon_p(original, original)
    long = generator.normal(size=40)
    assert worse_p(long + 1.0, long) < 0.001
    assert np.isnan(mean_interval(np.full(3, np.nan))).all()
    gaps = np.append(original, np.nan)
    assert np.isfinite(mean_interval(gaps)).all()
