"""`dancecoach assess`: a motion and its reference in, one document out, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancecoach.__main__ import main
from dancecoach.training.faults import Fault
from dancecoach.types import PoseTrack
from tests.support.assessing import room, salsa, with_faults


def _kept(path: Path, track: PoseTrack) -> str:
    np.savez(path, times=track.times, joints=room(track))
    return str(path)


def _run(tmp_path: Path, *words: str) -> dict[str, Any]:
    out = tmp_path / "out.json"
    assert main(["assess", *words, "--json", str(out)]) == 0
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def test_the_document_says_all_of_every_eight_count(recordings: Path, tmp_path: Path) -> None:
    track = salsa(recordings)
    danced = _kept(tmp_path / "danced.npz", with_faults(track, Fault("right_leg", "late", 120.0)))
    beats = tmp_path / "music.beats"
    beats.write_text("".join(f"{time:.3f} {index % 4 + 1}\n" for index, time in enumerate(np.arange(0.2, 14, 0.375))))
    document = _run(tmp_path, danced, "--reference", _kept(tmp_path / "reference.npz", track), "--music", str(beats))
    assert document["schema"] == "dancecoach.assessment/1"
    assert len(document["primitives"]) >= 3
    for primitive in document["primitives"]:
        assert primitive["quality"]["mean"] < 95 and primitive["quality"]["against_reference"]
        assert primitive["quality"]["grade"] in "ABCDE"
        cue = primitive["cues"][0]
        assert (cue["limb"], cue["fault"], cue["unit"]) == ("right_leg", "late", "ms")
        assert cue["amount"] == pytest.approx(120, abs=10) and cue["counts"]
        assert len(primitive["saliency"]) == 22 and sum(primitive["saliency"]) == pytest.approx(1, abs=0.01)
        assert set(primitive["offsets_ms"]) == {"left_arm", "right_arm", "left_leg", "right_leg", "torso"}
        assert {label["attribute"] for label in primitive["labels"]} >= {"level"}


def test_without_music_nothing_is_said_about_it(recordings: Path, tmp_path: Path) -> None:
    document = _run(tmp_path, _kept(tmp_path / "danced.npz", salsa(recordings)))
    assert document["primitives"]
    for primitive in document["primitives"]:
        assert primitive["msr"] is None and primitive["timing_reason"] == "no beat known"
        assert all(cue["fault"] not in ("late", "early") for cue in primitive["cues"])


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"PK no archive")
    assert main(["assess", str(bad)]) == 1
    assert main(["assess", str(tmp_path / "gone.bvh")]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 2 and "bad.npz" in said[0] and "gone.bvh" in said[1]
