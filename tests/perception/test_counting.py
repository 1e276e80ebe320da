"""The beats of a bar told apart: descriptions of beats, the filter over places, and the count of the tracker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.bench.tune import RATE, tune
from dancecoach.errors import ModelError
from dancecoach.perception.beat_model import MODEL, beat_model
from dancecoach.perception.beats import StreamingBeatTracker, default_tracker
from dancecoach.perception.counting import KINDS, OFF_TWICE, ON_TWICE, Counting, CountingModel, Frames, both_say
from dancecoach.perception.following import Sound
from dancecoach.perception.neural_following import NeuralFollower
from dancecoach.types import AudioBlock, Beat

TEMPI = np.geomspace(50.0, 230.0, 64)


def sounds(count: int, seed: int = 1) -> list[Sound]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        out = rng.uniform(0.01, 0.99, 67).astype(np.float32)
        made.append(Sound(rng.normal(size=8).astype(np.float32), out, rng.normal(size=176).astype(np.float32)))
    return made


class Told:
    """A counting network that says what it was told to, beat by beat."""

    size = 2
    tempi = TEMPI

    def __init__(self, kinds: list[int]) -> None:
        self.kinds = kinds
        self.follow = np.full((KINDS, KINDS), 0.002)
        for before, after in [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 4), (7, 8), (8, 7)]:
            self.follow[before, after] = 1.0
        self.follow /= self.follow.sum(axis=1, keepdims=True)
        self.begin = np.full(KINDS, 1.0 / KINDS)
        self.states: list[float] = []

    def run(self, description: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.states.append(float(state[0]))
        evidence = np.zeros(KINDS, dtype=np.float32)
        evidence[self.kinds.pop(0)] = 6.0
        return evidence, state + 1


def counted(told: Told, beats: int, steps: int = 1, first: int = 0) -> list[np.ndarray | None]:
    """Return what is said at `beats` beats, the first after `first` s, every 0.5 s."""
    counting, said, number = Counting(told), [], 0
    for frame, sound in enumerate(sounds(25 * beats + 30)):
        counting.hear(sound, frame / 50)
        if number < beats and frame / 50 >= first + 0.5 * number + 0.9:
            said.append(counting.step(first + 0.5 * number + 1.0, 0.5, 0.9, steps))
            number += 1
    return said


def test_the_latest_frames_describe_a_beat_as_all_of_them_do() -> None:
    every = sounds(400)
    whole = Frames(*(np.stack(part) for part in zip(*every, strict=True)), last=-1)
    ring = Frames.like(every[0])
    for number, sound in enumerate(every):
        ring.append(sound)
        whole.last = number
        if number % 37 == 0:
            told = [each.describe(number - 20.0, 25.0, 0.8, TEMPI) for each in (ring, whole)]
            assert np.allclose(told[0], told[1])
    assert told[0].shape == (3 * 8 + 4 * 3 + 25 + 4 * 24 + 12 + 3,)


def test_nothing_that_has_not_been_heard_describes_a_beat() -> None:
    short, long = sounds(100), sounds(200)
    said = []
    for heard in (short, long):
        frames = Frames(*(np.stack(part) for part in zip(*heard, strict=True)), last=99)
        said.append(frames.describe(95.0, 25.0, 0.8, TEMPI))
    assert np.array_equal(said[0], said[1])


def test_the_places_of_a_bar_follow_one_another() -> None:
    # The second beat of a bar is recognised, those after it are not told apart by anything.
    said = counted(Told([1, 11, 11]), 4)
    assert said[0] is None
    assert next(int(np.argmax(each)) for each in said[1:] if each is not None) == 2
    said = counted(Told([5, 6, 4]), 4)
    assert [np.unravel_index(int(np.argmax(each)), (2, 4)) for each in said[1:] if each is not None] == [
        (1, 2),
        (1, 0),
        (1, 1),
    ]


def test_beats_left_out_are_counted() -> None:
    said = counted(Told([0, 2]), 3, steps=2)
    assert said[2] is not None and int(np.argmax(said[2])) == 0


def test_a_count_that_is_twice_too_fast_says_nothing_of_the_bar() -> None:
    said = counted(Told([ON_TWICE, OFF_TWICE, ON_TWICE]), 4)
    assert said[3] is not None and said[3].sum() < 0.05


def test_other_music_forgets_the_beats_but_the_latest() -> None:
    told = Told([0] * 4)
    counting = Counting(told)
    for frame, sound in enumerate(sounds(200)):
        counting.hear(sound, frame / 50)
        if frame % 25 == 0 and frame >= 75:
            if frame == 150:
                counting.renew()
            counting.step(frame / 50 + 0.1, 0.5, 0.9, 1)
    # Beats at 75, 100 … 175 frames: the first describes nothing, the one at 150 begins anew with the one at 125.
    assert told.states == [0.0, 1.0, 0.0, 1.0]


def test_two_opinions_on_the_bar_add_up() -> None:
    unsure, sure, other = np.zeros((2, 4)), np.zeros((2, 4)), np.zeros((2, 4))
    unsure[0] = 0.2
    sure[0, 2], sure[1, 1] = 0.6, 0.2
    other[0, 1] = 0.8
    told = both_say(unsure, sure)
    assert np.unravel_index(int(np.argmax(told)), (2, 4)) == (0, 2)
    assert told.sum() == pytest.approx(0.8) and told[1, 3] == 0.0
    assert both_say(sure, sure)[0, 2] > sure[0, 2]
    assert np.allclose(both_say(sure, other), both_say(other, sure))
    assert np.isfinite(both_say(np.zeros((2, 4)), np.zeros((2, 4)))).all()


def test_a_missing_or_foreign_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        CountingModel(TEMPI, tmp_path / "counting.onnx")
    with pytest.raises(ModelError, match="not a counting network"):
        CountingModel(TEMPI, MODEL)


class Doubting(Told):
    """A counting network that says all the time that every second beat is none."""

    def __init__(self) -> None:
        super().__init__([])

    def run(self, description: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.kinds.append(ON_TWICE if int(state[0]) % 2 else OFF_TWICE)
        return super().run(description, state)


def doubting_tracker() -> StreamingBeatTracker:
    model = beat_model()
    assert model is not None
    return StreamingBeatTracker(lambda rate: NeuralFollower(rate, model), Counting(Doubting()))


def track(samples: np.ndarray, tracker: StreamingBeatTracker, sizes: tuple[int, ...] = (512,)) -> list[Beat]:
    beats: list[Beat] = []
    place, number = 0, 0
    while place < len(samples):
        size = sizes[number % len(sizes)]
        block = samples[place : place + size, None].astype(np.float32)
        beats += tracker.step(AudioBlock(place / RATE, place, block, RATE))
        place, number = place + size, number + 1
    return beats


@pytest.mark.parametrize("skipped", [0, 1, 2, 3])
def test_the_one_is_found_wherever_the_tune_begins(skipped: int) -> None:
    sound, true = tune(112.0, 10, lead=0.4)
    cut = round((true[skipped] - 0.05) * RATE)
    beats = track(sound[cut:], default_tracker())
    ones = true[true > true[skipped] - 0.02][(4 - skipped) % 4 :: 4] - cut / RATE
    late = [beat for beat in beats if 8.0 < beat.time < true[-1] - cut / RATE + 0.1]
    assert len(late) > 14
    for beat in late:
        assert beat.downbeat == bool(np.abs(ones - beat.time).min() < 0.07)
        assert abs(beat.tempo / 112.0 - 1.0) < 0.03


def test_the_one_set_by_hand_wins() -> None:
    sound, true = tune(112.0, 10, lead=0.4)
    tracker, half = default_tracker(), round(9.0 * RATE / 512) * 512
    track(sound[:half], tracker)
    wrong = true[np.searchsorted(true, 8.4) // 4 * 4 + 2]
    tracker.set_the_one(float(wrong))
    beats: list[Beat] = []
    for place in range(half, len(sound) - 512, 512):
        block = sound[place : place + 512, None].astype(np.float32)
        beats += tracker.step(AudioBlock(place / RATE, place, block, RATE))
    ones = [beat.time for beat in beats if beat.downbeat and beat.time < true[-1]]
    assert len(ones) >= 3
    assert all(np.argmin(np.abs(true - one)) % 4 == 2 for one in ones)


def test_any_split_of_the_sound_gives_the_same_count() -> None:
    sound, _ = tune(96.0, 5, lead=0.4)
    said = [track(sound, default_tracker(), sizes) for sizes in ((512,), (64, 4000, 1, 999))]
    assert [(beat.time, beat.count) for beat in said[0]] == [(beat.time, beat.count) for beat in said[1]]


def test_the_counting_network_is_that_of_the_beat_network() -> None:
    model = beat_model()
    assert model is not None
    assert CountingModel(model.tempi).channels == model.channels


def test_a_count_that_is_surely_twice_too_fast_is_halved_and_stays_so() -> None:
    sound, true = tune(144.0, 12, lead=0.4)
    beats = [beat for beat in track(sound, doubting_tracker()) if beat.time < true[-1]]
    slow = [number for number, beat in enumerate(beats) if abs(beat.tempo / 72.0 - 1.0) < 0.04]
    assert 5 <= slow[0] <= 20 and slow == list(range(slow[0], len(beats)))
    assert beats[slow[0] - 1].tempo == pytest.approx(144.0, rel=0.04)
    # What is left out is every second beat; the others are where they were.
    places = [int(np.abs(true - beat.time).argmin()) for beat in beats[slow[0] :]]
    assert np.abs(true[places] - [beat.time for beat in beats[slow[0] :]]).max() < 0.05
    assert set(np.diff(places)) == {2}


def test_what_would_be_too_slow_is_not_halved() -> None:
    sound, _ = tune(84.0, 8, lead=0.4)
    late = [beat for beat in track(sound, doubting_tracker()) if beat.time > 4.0]
    assert len(late) > 20 and all(abs(beat.tempo / 84.0 - 1.0) < 0.05 for beat in late)


@pytest.mark.parametrize("key", ["tempo", "one"])
def test_what_somebody_chose_is_not_halved(key: str) -> None:
    sound, true = tune(144.0, 12, lead=0.4)
    tracker, early = doubting_tracker(), round(3.0 * RATE / 512) * 512
    track(sound[:early], tracker)
    if key == "tempo":
        tracker.scale_tempo(0.5)
        tracker.scale_tempo(2.0)
    else:
        tracker.set_the_one(float(true[4]))
    beats: list[Beat] = []
    for place in range(early, len(sound) - 512, 512):
        block = sound[place : place + 512, None].astype(np.float32)
        beats += tracker.step(AudioBlock(place / RATE, place, block, RATE))
    late = [beat for beat in beats if 6.0 < beat.time < true[-1]]
    assert len(late) > 20 and all(abs(beat.tempo / 144.0 - 1.0) < 0.04 for beat in late)


@pytest.mark.parametrize("silence", [0.3, 12.0])
def test_other_music_is_free_of_the_tempo_that_was_held(silence: float) -> None:
    fast, _ = tune(144.0, 10, lead=0.4)
    other, true = tune(100.0, 12, lead=0.4)
    sound = np.concatenate([fast, np.zeros(round(silence * RATE)), other])
    beats = track(sound, doubting_tracker())
    began = len(sound) / RATE - len(other) / RATE
    assert any(abs(beat.tempo / 72.0 - 1.0) < 0.04 for beat in beats if beat.time < began)
    late = [beat for beat in beats if began + 12.0 < beat.time < began + true[-1]]
    assert len(late) > 10
    assert all(abs(beat.tempo / 100.0 - 1.0) < 0.04 for beat in late)
