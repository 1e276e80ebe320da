"""What the beat network is told about an excerpt: beats, downbeats and tempo, also of one that is played faster."""

from __future__ import annotations

import numpy as np
import pytest

from dancecoach.training import train_beats
from dancecoach.training.beat_data import Excerpt
from dancecoach.training.beat_network import DELAY, FASTEST, SLOWEST, TEMPI
from dancecoach.training.train_beats import Batches, Recipe, targets

TEMPO, FRAMES = 100.0, 2000
BEATS = np.arange(0.3, 39.0, 60 / TEMPO)
BPM = np.geomspace(SLOWEST, FASTEST, TEMPI)


def excerpt(beats: np.ndarray = BEATS) -> Excerpt:
    # A rising line, so that a frame of it tells when it was.
    views = np.tile(np.linspace(-8, 0, FRAMES, dtype=np.float16)[None, :, None], (2, 1, 88))
    bars = np.arange(len(beats), dtype=np.float64) % 4 + 1
    return Excerpt(views, beats, bars, 4, np.ones(FRAMES, dtype=bool), "style", "source")


def peaks(column: np.ndarray) -> np.ndarray:
    inner = column[1:-1]
    return np.flatnonzero((inner > 0.5) & (inner >= column[:-2]) & (inner > column[2:])) + 1


@pytest.mark.parametrize(("start", "speed"), [(0, 1.0), (150, 1.0), (150, 1.1), (40, 0.9)])
def test_beats_move_with_where_and_how_fast_the_excerpt_is_played(start: int, speed: float) -> None:
    wanted, tempo = targets(excerpt(), start, 1000, speed)
    heard = (BEATS * 50 - start) / speed + DELAY
    heard = heard[(heard > 1) & (heard < 998)]
    assert np.abs(peaks(wanted[:, 0]) - heard).max() <= 0.5
    downbeats = ((BEATS * 50 - start) / speed + DELAY)[::4]
    downbeats = downbeats[(downbeats > 1) & (downbeats < 998)]
    assert np.abs(peaks(wanted[:, 1]) - downbeats).max() <= 0.5
    assert np.abs(np.log(BPM[tempo[200:800]] / (TEMPO * speed))).max() < 0.02


def test_bars_that_nobody_knows_are_not_taught() -> None:
    unsure = excerpt()
    wanted, _ = targets(Excerpt(unsure.views, BEATS, np.full(len(BEATS), np.nan), 4, unsure.music, "style", "source"))
    assert (wanted[:, 1] == -1).all()
    assert wanted[:, 0].max() > 0.9


@pytest.mark.parametrize("in_a_row", [0.0, 0.5])
def test_crops_stay_inside_the_excerpt_at_any_speed(in_a_row: float) -> None:
    batches = Batches([excerpt(), excerpt(BEATS[:3]), excerpt(np.empty(0))], Recipe(frames=3000, in_a_row=in_a_row))
    batches.crop = 1500
    stream = iter(batches)
    for _ in range(20):
        features, wanted, tempo = next(stream)
        assert features.shape == (2, 1500, 176)
        assert wanted.shape == (2, 1500, 3)
        assert tempo.shape == (2, 1500)
        assert bool(features.isfinite().all())


def test_after_a_change_the_new_piece_is_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    # One piece at 100 BPM, the other at 160, neither stretched nor coloured: what is wanted tells where it changes.
    monkeypatch.setattr(train_beats, "_STRETCHED", 0.0)
    fast = np.arange(0.3, 39.0, 60 / 160)
    batches = Batches([excerpt(), excerpt(fast)], Recipe(frames=1500, in_a_row=1.0))
    gaps = 0
    for _ in range(20):
        bands, wanted, tempo = batches._two(0, 1, 1500)
        assert bands.shape == (1500, 88)
        assert wanted.shape == (1500, 3)
        heard = BPM[tempo[tempo >= 0]]
        first = int(np.argmax(tempo == tempo[-1]))  # the first frame of the second piece
        assert 0.23 * 1500 <= first <= 0.9 * 1500
        assert np.abs(np.log(heard[:300] / 100)).max() < 0.02
        assert np.abs(np.log(heard[-300:] / 160)).max() < 0.02
        silent = np.flatnonzero(tempo < 0)
        gaps += len(silent) > 0
        assert (bands[silent] < -8).all()
        assert not wanted[silent].any()
        found = peaks(wanted[:, 0])
        assert np.median(np.diff(found[found < first])) == pytest.approx(30, abs=1)
        assert np.median(np.diff(found[found > first])) == pytest.approx(18.75, abs=1)
    assert 0 < gaps < 20
