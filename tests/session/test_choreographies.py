"""Taught choreographies: kept and read back, and nothing outside of their folder is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.config import data_folder
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session import choreographies
from dancecoach.types import BeatGrid
from tests.session.made import rigid_track


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path / "data"))


def _grid(count: int = 17) -> BeatGrid:
    return BeatGrid(5.0 + np.arange(count) * 0.5, np.arange(count) % 8 + 1, 120.0, 1.0, "heard")


def test_what_is_kept_is_read_back_from_its_start() -> None:
    track = rigid_track(np.arange(240) / 30.0 + 5.0)
    choreographies.save("Été 2026 (slow)", track, _grid())
    assert choreographies.names() == ("Été 2026 (slow)",)
    (taught,), damaged = choreographies.load_all()
    assert damaged == ()
    assert np.allclose(taught.track.times, track.times - 5.0)
    assert np.allclose(taught.track.joints, track.joints, atol=1e-5)
    assert taught.grid is not None and taught.grid.beat_times[0] == 0.0
    assert np.array_equal(taught.grid.counts, _grid().counts)
    assert choreographies.remove("Été 2026 (slow)") and choreographies.names() == ()
    assert not choreographies.remove("Été 2026 (slow)")


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "x" * 100, "a\0b", " a", "a\\b"])
def test_a_name_cannot_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(DancecoachError, match="name"):
        choreographies.save(name, rigid_track(np.arange(240) / 30.0), None)
    assert not list(data_folder().rglob("*.npz"))


def test_too_little_movement_is_refused() -> None:
    with pytest.raises(DancecoachError, match="too little"):
        choreographies.save("short", rigid_track(np.arange(30) / 30.0), None)


def test_a_damaged_file_is_named_and_the_others_are_read() -> None:
    choreographies.save("good", rigid_track(np.arange(240) / 30.0), None)
    (choreographies.choreographies_folder() / "bad.npz").write_bytes(b"no archive")
    found, damaged = choreographies.load_all()
    assert [each.name for each in found] == ["good"]
    assert len(damaged) == 1 and "bad" in damaged[0]


def test_beats_that_make_no_sense_are_refused() -> None:
    path = choreographies.save("odd", rigid_track(np.arange(240) / 30.0), _grid())
    with np.load(path) as arrays:
        changed = {**arrays, "beats": arrays["beats"][::-1]}
    np.savez(path, **changed)
    with pytest.raises(FileFormatError, match="beats"):
        choreographies.load("odd")
