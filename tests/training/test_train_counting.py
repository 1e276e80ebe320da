"""The counting network learns places in the bar from beats, true or as the tracker finds them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from dancecoach.perception.counting import HALF, OFF_BEAT, OFF_TWICE, ON_TWICE, OTHER, CountingModel  # noqa: E402
from dancecoach.perception.spectral_features import BANDS  # noqa: E402
from dancecoach.training.counting_network import export, succession  # noqa: E402
from dancecoach.training.train_counting import (  # noqa: E402
    RIGHT,
    UNKNOWN,
    Counted,
    Programme,
    kinds_of,
    train,
    validate,
)


def programme(size: int = 4, known: bool = True) -> Programme:
    beats = 1.0 + 0.5 * np.arange(40)
    bars = np.arange(40) % size + 1.0
    return Programme(
        np.zeros((1100, BANDS), dtype=np.float32),
        beats,
        bars if known else np.full(40, np.nan),
        np.full(40, size),
        np.zeros(40, dtype=np.intp),
    )


def test_beats_are_named_by_the_true_ones() -> None:
    true = programme()
    at = true.beats[4:12] + 0.02
    assert kinds_of(at, np.full(8, 0.5), true).tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert kinds_of(at, np.full(8, 0.5), programme(3)).tolist() == [5, 6, 4, 5, 6, 4, 5, 6]
    assert kinds_of(at, np.full(8, 0.5), programme(known=False)).tolist() == [RIGHT] * 8
    assert kinds_of(at + 0.25, np.full(8, 0.5), true).tolist() == [OFF_BEAT] * 8
    assert kinds_of(at[:1], np.full(1, 0.25), true).tolist() == [ON_TWICE]
    assert kinds_of(at[:1] + 0.25, np.full(1, 0.25), true).tolist() == [OFF_TWICE]
    assert kinds_of(at[:1], np.full(1, 1.0), true).tolist() == [HALF]
    assert kinds_of(at[:1], np.full(1, 0.75), true).tolist() == [OTHER]
    assert kinds_of(np.array([0.1, 30.0]), np.full(2, 0.5), true).tolist() == [UNKNOWN, UNKNOWN]


def test_every_kind_of_beat_is_followed_by_one() -> None:
    table = succession()
    assert bool((table.sum(dim=1) == 1).all())
    assert table[3, 0] == 1 and table[6, 4] == 1 and table[ON_TWICE, OFF_TWICE] == 1


def sequences(count: int, seed: int) -> list[Counted]:
    """Bars of four whose third beats sound louder than others, some with noise in the way."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        kinds = (int(rng.integers(4)) + np.arange(24)) % 4
        heard = rng.normal(size=(24, 6)).astype(np.float32)
        heard[:, 0] += 3.0 * (kinds == 2)
        made.append(Counted(heard, np.zeros(24, dtype=np.float32), np.ones(24, dtype=np.intp), kinds, 1.0))
    return made


def test_the_network_learns_and_is_stored_as_it_is(tmp_path: Path) -> None:
    held_out = sequences(20, 2)
    network, course = train(sequences(320, 1), held_out, 0.15, io.StringIO())
    assert validate(network, held_out)["places"] > 0.9 > course[0]["places"] - 1.0
    path = tmp_path / "counting.onnx"
    export(network, path, 16)
    model = CountingModel(np.geomspace(50, 230, 64), path)
    assert model.channels == 16
    state, belief = np.zeros(model.size, dtype=np.float32), None
    for description in held_out[0].descriptions:
        evidence, state = model.run(description, state)
        ahead = model.begin if belief is None else belief @ model.follow
        belief = ahead * np.exp(evidence - evidence.max())
        belief /= belief.sum()
    with torch.no_grad():
        renewed = torch.zeros((1, 24))
        renewed[0, 0] = 1.0
        heard = torch.from_numpy(held_out[0].descriptions)[None]
        said = network(heard, renewed, torch.ones((1, 24), dtype=torch.long))[0, -1].exp().numpy()
    assert np.allclose(belief, said, atol=2e-3)
