"""Beats that are kept: found again, never trusted blindly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.bench.tune import RATE, tune
from dancecoach.perception import beat_cache
from dancecoach.perception.beat_cache import analyse_once

SOUND = tune(112.0, 3, lead=0.4)[0]


def test_the_same_sound_is_analysed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = analyse_once(SOUND, RATE, tmp_path)
    assert first is not None
    monkeypatch.setattr(beat_cache, "analyse_beats", lambda *_: pytest.fail("analysed again"))
    again = analyse_once(SOUND, RATE, tmp_path)
    assert again is not None
    assert np.allclose(again.beat_times, first.beat_times, atol=1e-5)
    assert again.counts.tolist() == first.counts.tolist()
    assert (again.source, again.beats_per_bar) == ("analysed", first.beats_per_bar)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"beat_times": [3, 2, 1], "counts": [1, 2, 3]}'])
def test_what_is_kept_is_checked(tmp_path: Path, content: str) -> None:
    first = analyse_once(SOUND, RATE, tmp_path)
    (kept,) = (tmp_path / "beats").glob("*.json")
    kept.write_text(content)
    again = analyse_once(SOUND, RATE, tmp_path)
    assert first is not None
    assert again is not None
    assert np.allclose(again.beat_times, first.beat_times)


def test_a_folder_that_cannot_be_written_costs_no_beats(tmp_path: Path) -> None:
    (tmp_path / "beats").write_text("a file where a folder is wanted")
    assert analyse_once(SOUND, RATE, tmp_path) is not None
