"""`dancecoach partner`: a leader in, a follower out, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dancecoach.__main__ import main
from dancecoach.duetting import read_leader
from dancecoach.session.bvh import read_bvh, write_bvh
from dancecoach.types import PoseTrack
from tests.partner.made import dancing


def _leader(path: Path, seconds: float = 6.0) -> Path:
    room = dancing(seconds, 0.3)
    roots = room[:, 0]
    write_bvh(path, PoseTrack(np.arange(len(room)) / 30, room - roots[:, None], roots, np.ones(room.shape[:2])))
    return path


def test_a_follower_is_written_in_the_leaders_room_and_time(tmp_path: Path) -> None:
    leader, out, told = _leader(tmp_path / "leader.bvh"), tmp_path / "follower.bvh", tmp_path / "told.json"
    assert main(["partner", str(leader), "--out", str(out), "--json", str(told)]) == 0
    led, followed = read_bvh(leader), read_bvh(out)
    assert len(followed) == len(led)
    apart = np.linalg.norm((followed.roots - led.roots)[:, [0, 2]], axis=1)
    assert apart.min() > 0.2 and apart.max() < 2.0
    document = json.loads(told.read_text())
    assert document["schema"] == "dancecoach.partner/1" and document["lookahead_frames"] == 0
    assert len(document["states"]) == document["frames"] == len(led)
    assert {each["state"] for each in document["states"]} == {"following"}


def test_beats_and_roles_are_taken(tmp_path: Path) -> None:
    leader, out = _leader(tmp_path / "leader.bvh"), tmp_path / "partner.bvh"
    beats = tmp_path / "music.beats"
    beats.write_text("".join(f"{time:.3f} {index % 4 + 1}\n" for index, time in enumerate(np.arange(0, 7, 0.35))))
    assert main(["partner", str(leader), "--beats", str(beats), "--role", "leader", "--out", str(out)]) == 0
    assert np.isfinite(read_bvh(out).joints).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no leader"),
        (["missing.bvh", "--out", "x.bvh"], "missing.bvh"),
        (["LEADER"], "--out"),
        (["LEADER", "--out", "nowhere/at/all.bvh"], "cannot be written"),
        (["LEADER", "--out", "x.bvh", "--model", "tango"], "tango"),
        (["LEADER", "--out", "x.bvh", "--horizon", "5000"], "horizon"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leader = str(_leader(tmp_path / "leader.bvh", 2.0))
    assert main(["partner", *(leader if word == "LEADER" else word for word in words)]) == 1
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1


def test_the_salsa_takes_run_at_their_true_rate(recordings: Path) -> None:
    track = read_leader(recordings / "motion" / "cmu_salsa" / "bvh" / "60_10.bvh.gz")
    assert np.median(np.diff(track.times)) == pytest.approx(1 / 60)
    room = track.joints + track.roots[:, None]
    assert np.linalg.norm(np.diff(room, axis=0), axis=-1).max() * 60 < 12.5
