"""New music is noticed soon, and music that goes on is left alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dancecoach.bench.beat_metrics import relock_time
from dancecoach.bench.tune import RATE, tune
from dancecoach.perception.beat_filter import BeatFilter, FilterSettings
from dancecoach.perception.beat_model import BeatModel
from dancecoach.perception.beat_renewal import Renewal, same_beats
from dancecoach.perception.beats import StreamingBeatTracker
from dancecoach.perception.neural_following import NeuralFollower
from dancecoach.types import AudioBlock

MODEL = BeatModel()
NEVER = FilterSettings(renewal=math.inf)


def heard(samples: np.ndarray, settings: FilterSettings | None = None) -> np.ndarray:
    """Return the beats (B,) s announced in mono `samples`."""
    tracker, beats = StreamingBeatTracker(lambda rate: NeuralFollower(rate, MODEL, settings)), []
    for start in range(0, len(samples), 2048):
        block = samples[start : start + 2048, None].astype(np.float32)
        beats += tracker.step(AudioBlock(start / RATE, start, block, RATE))
    return np.array([beat.time for beat in beats])


@pytest.mark.parametrize(("before", "after"), [(112.0, 87.0), (87.0, 124.0), (128.0, 93.0), (120.0, 120.0)])
def test_a_song_after_another_is_counted_sooner_than_without(before: float, after: float) -> None:
    first, beats = tune(before, 7)
    second, next_beats = tune(after, 8)
    change = float(beats[-1]) + 0.3 * 60 / before  # off the beat, so that one tempo twice is a change, too
    samples = np.concatenate([first[: round(change * RATE)], second])
    true = np.concatenate([beats, next_beats + round(change * RATE) / RATE])
    soon = relock_time(heard(samples), true, change)
    late = relock_time(heard(samples, NEVER), true, change)
    assert soon is not None
    assert late is not None
    assert soon < min(late - 0.5, 3.6)


def test_music_that_goes_on_is_left_alone() -> None:
    samples, _ = tune(112.0, 12)
    assert np.array_equal(heard(samples), heard(samples, NEVER))


@pytest.mark.parametrize(
    ("interval", "to_next", "same"),
    [
        (0.5, 0.3, True),
        (1.0, 0.3, True),
        (1.0, 0.8, True),
        (0.5, 0.05, False),
        (0.75, 0.3, False),
        (0.58, 0.3, False),
        (1.05, 0.05, False),
    ],
)
def test_every_second_beat_is_the_same_music_and_other_beats_are_not(
    interval: float, to_next: float, same: bool
) -> None:
    followed, other = BeatFilter(), BeatFilter()
    followed.pull(0.5, 0.3)
    other.pull(interval, to_next)
    assert same_beats(followed, other) is same
    assert same_beats(other, followed) is same


@pytest.mark.parametrize("held", [False, True])
def test_a_count_that_was_halved_is_not_taken_over_by_its_old_tempo(held: bool) -> None:
    followed, other, renewal = BeatFilter(), BeatFilter(), Renewal(2.0)
    followed.pull(1.0, 0.6)
    other.pull(0.5, 0.1)
    if held:
        followed.hold(1.0)
    renewal._candidate, renewal._age, renewal._lead = other, 3.0, 5.0
    foretold = followed.step(0.1, 0.05, None)
    taken_over = renewal.step(followed, foretold, 0.1, 0.05, None, 1.0) is not None
    assert taken_over is not held
    assert followed.estimate().interval == pytest.approx(1.0 if held else 0.5, abs=0.03)
