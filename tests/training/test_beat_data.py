"""What excerpts keep: everything the filter hears, also after they were stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancecoach.perception.beat_model import Activation, beat_model
from dancecoach.perception.following import Instant, Sound
from dancecoach.perception.neural_following import Decoder, NeuralFollower
from dancecoach.perception.onsets import OnsetDetector
from dancecoach.training import beat_data
from dancecoach.training.beat_data import Excerpt, onsets_of, read_shards, write_shard
from dancecoach.types import Floats
from tests.support.signals import clicks

RATE, SECONDS = 24_000, 8.0


def test_kept_onsets_are_those_the_filter_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    model = beat_model()
    assert model is not None
    sound = clicks(131.0, SECONDS, RATE)[0].astype(np.float32)
    heard: list[np.ndarray] = []
    step = Decoder.step

    def listen(
        self: Decoder,
        said: Activation,
        time: float,
        until: float,
        level: float,
        onsets: Sequence[Floats] = (),
        sound: Sound | None = None,
    ) -> Instant:
        halves = np.full((2, 3), np.nan)
        halves[: len(onsets)] = np.array(onsets).reshape(-1, 3)[:2]
        heard.append(halves)
        return step(self, said, time, until, level, onsets, sound)

    monkeypatch.setattr(Decoder, "step", listen)
    follower, detector = NeuralFollower(RATE, model), OnsetDetector(RATE)
    for start in range(0, len(sound), 480):
        block = sound[start : start + 480]
        follower.step(block, detector.step(block.astype(np.float64)))
    frames = len(heard) - model.delay
    kept = onsets_of(sound, RATE, frames).astype(np.float64).reshape(frames, 2, 3)
    later = np.array(heard[model.delay :])
    assert np.isfinite(later).any()
    assert np.allclose(kept, later, atol=1e-3, equal_nan=True)


def test_excerpts_come_back_from_disk_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    views = rng.normal(-8, 1, (2, 50, 88)).astype(np.float16)
    one = Excerpt(views, np.array([0.2, 0.7]), np.array([1.0, 2.0]), 4, np.ones(50, bool), "house", "composed")
    other = replace(one, style="noise", onsets=rng.random((2, 100, 3)).astype(np.float16))
    monkeypatch.setattr(beat_data, "SHARD", 2)
    monkeypatch.setattr(beat_data.Maker, "__init__", lambda self, data, split: setattr(self, "split", split))
    monkeypatch.setattr(beat_data.Maker, "make", lambda self, number: (one, other)[number % 2])
    write_shard(beat_data.Maker(tmp_path, "test"), tmp_path, 4)
    first, second = read_shards(tmp_path, "test")
    assert first.onsets is None
    assert second.onsets is not None
    assert other.onsets is not None
    assert np.array_equal(second.onsets, other.onsets)
    for name in ("views", "beats", "bars", "music", "style", "source", "beats_per_bar"):
        assert np.array_equal(getattr(first, name), getattr(one, name)), name
