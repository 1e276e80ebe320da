"""The measures of beat trackers, on beats whose figures are known."""

import numpy as np
import pytest

from dancecoach.bench.beat_metrics import (
    NEVER,
    Announced,
    calibration_bins,
    calibration_error,
    extrapolated,
    f_measure,
    lock_time,
    matched,
    relock_time,
    right_octave,
    score,
)

BEATS = np.arange(0.5, 40.0, 0.5)
BARS = np.arange(len(BEATS)) % 4 + 1


def said(times: np.ndarray, margin: float = 0.1, downbeats: np.ndarray | None = None) -> Announced:
    return Announced(times, times - margin, downbeats, np.full(len(times), 0.9))


def test_perfect_beats_are_perfect() -> None:
    found = score(said(BEATS, downbeats=BARS == 1), BEATS, BARS, (20.0,))
    assert (found.f, found.ahead, found.downbeat, found.cmlt, found.amlt) == (1.0, 1.0, 1.0, 1.0, 1.0)
    assert (found.lock, found.relocks, found.octave) == (0.0, (0.0,), True)
    assert found.correct.all()
    assert len(found.correct) == (BEATS >= 5.0).sum()


@pytest.mark.parametrize(("shift", "right"), [(0.06, 1.0), (-0.06, 1.0), (0.08, 0.0), (-0.08, 0.0)])
def test_the_tolerance_is_70_ms(shift: float, right: float) -> None:
    found = score(said(BEATS + shift), BEATS, BARS)
    assert found.f == pytest.approx(right, abs=0.02)  # the first beat may cross 5 s
    assert found.correct.mean() == pytest.approx(right, abs=0.02)
    assert found.lock == (pytest.approx(max(shift, 0.0)) if right else NEVER)


def test_half_the_tempo_is_a_matter_of_level() -> None:
    found = score(said(BEATS[::2], downbeats=BARS[::2] == 1), BEATS, BARS)
    assert found.f == pytest.approx(2 / 3, abs=0.01)
    assert (found.cmlt, found.amlt) == (0.0, 1.0)
    assert found.octave is False
    assert found.downbeat == 1.0
    assert found.lock == 0.0


def test_twice_the_tempo_locks_but_is_the_wrong_octave() -> None:
    double = np.arange(0.5, 40.0, 0.25)
    found = score(said(double), BEATS, BARS)
    assert (found.lock, found.octave) == (0.0, False)
    assert found.amlt == pytest.approx(1.0, abs=0.01)


def test_no_beats_are_no_beats() -> None:
    found = score(said(np.empty(0)), BEATS, BARS)
    assert (found.f, found.ahead, found.cmlt, found.amlt, found.lock) == (0.0, 0.0, 0.0, 0.0, NEVER)
    assert found.octave is False


def test_beats_before_five_seconds_do_not_count() -> None:
    wild = np.sort(np.concatenate([np.arange(0.1, 4.9, 0.13), BEATS[BEATS >= 5.0]]))
    assert score(said(wild), BEATS, BARS).f == 1.0


@pytest.mark.parametrize(("margin", "ahead"), [(0.05, 1.0), (0.2, 1.0), (0.04, 0.0), (-0.01, 0.0)])
def test_a_beat_is_predicted_50_ms_before_it_sounds(margin: float, ahead: float) -> None:
    found = score(said(BEATS, margin), BEATS, BARS)
    assert found.f == 1.0
    assert found.ahead == ahead


def test_a_tracker_that_hears_everything_first_predicts_nothing() -> None:
    found = score(Announced(BEATS, None), BEATS, BARS, (20.0,))
    assert (found.ahead, found.lock, found.relocks, found.downbeat, found.confidence) == (None, None, (), None, None)


def test_lock_is_when_beats_become_right() -> None:
    wrong = np.arange(0.7, 3.1, 0.37)
    right = BEATS[BEATS >= 3.2]
    assert right[0] == 3.5
    assert lock_time(np.concatenate([wrong, right]), BEATS) == pytest.approx(3.0)
    moved = BEATS + 0.2  # the music starts at 0.7 s, the beats are right from 3.2 s
    assert lock_time(moved[moved >= 3.15], moved) == pytest.approx(2.5)


def test_a_few_right_beats_are_no_lock() -> None:
    first = BEATS[BEATS < 3.0]
    beats = np.concatenate([first, BEATS[BEATS >= 10.0]])
    assert lock_time(beats, BEATS) == pytest.approx(9.5)
    assert lock_time(first, BEATS) == NEVER
    assert lock_time(BEATS, BEATS[:6]) is None


def test_many_beats_are_no_lock() -> None:
    assert lock_time(np.arange(0.5, 40.0, 0.1), BEATS) == NEVER


def test_relock_counts_from_the_first_beat_after_the_event() -> None:
    beats = np.concatenate([np.arange(0.5, 15.0, 0.5), np.arange(20.0, 40.0, 0.4)])  # a gap, then another tempo
    found = np.concatenate([np.arange(0.5, 22.0, 0.5), beats[beats >= 22.3]])
    assert relock_time(found, beats, 19.0) == pytest.approx(2.4)
    assert relock_time(found, beats, 38.0) is None
    assert score(said(found), beats, np.ones(len(beats), dtype=int), (19.0, 38.0)).relocks == (pytest.approx(2.4),)


def test_matching_finds_the_nearest_on_either_side() -> None:
    reference = np.array([1.0, 2.0])
    assert matched(np.array([0.0, 0.94, 1.06, 1.5, 1.94, 2.06, 9.0]), reference).tolist() == [
        False, True, True, False, True, True, False,
    ]  # fmt: skip
    assert not matched(np.array([1.0]), np.empty(0)).any()


def test_confidence_that_means_what_it_says() -> None:
    random = np.random.default_rng(3)
    confidence = random.uniform(0, 1, 20_000)
    calibrated = random.uniform(0, 1, 20_000) < confidence
    error = calibration_error(confidence, calibrated)
    assert error is not None
    assert error < 0.02
    assert calibration_error(np.full(100, 0.95), np.arange(100) % 2 == 0) == pytest.approx(0.45)
    assert calibration_error(np.empty(0), np.empty(0, dtype=bool)) is None
    assert calibration_error(np.full(3, np.nan), np.ones(3, dtype=bool)) is None
    assert calibration_bins(np.array([0.05, 1.0, 1.0]), np.array([False, True, False])) == [
        (1, 0.05, 0.0),
        (2, 1.0, 0.5),
    ]


def test_extrapolation_needs_two_beats() -> None:
    assert extrapolated(np.array([1.0, 1.5, 2.0, 2.6])).tolist() == pytest.approx([2.0, 2.5, 3.1])
    assert len(extrapolated(np.array([1.0]))) == 0


def test_small_cases() -> None:
    assert f_measure(np.empty(0), BEATS) == 0.0
    assert right_octave(BEATS, np.empty(0)) is None
