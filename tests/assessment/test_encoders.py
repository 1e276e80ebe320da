"""The encoders at run time: the files that ship, live and as a whole, mirrored, missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.encoders import MODELS, Encoders, Judgement, MotionEncoder, load_encoders
from dancecoach.errors import ModelError
from dancecoach.types import LIMBS, MIRROR_JOINTS, BeatGrid, PoseTrack
from tests.assessment.test_motion_features import dance

SPAN = (1.0, 4.5)
GRID = BeatGrid(np.arange(16) * 0.4, np.arange(16) % 8 + 1, 150.0, 1.0)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    found = load_encoders(kept=float("inf"))
    assert found.motion is not None, found.reason
    return found


def judged(encoders: Encoders, track: PoseTrack) -> Judgement:
    found = encoders.judge_track(track, GRID, [SPAN])[0]
    assert found is not None
    return found


def test_a_judgement_is_of_one_piece(encoders: Encoders) -> None:
    said = judged(encoders, dance(6.0))
    assert 0 <= said.mean <= 100
    assert said.variance > 0
    assert sum(said.part_deductions.values()) == pytest.approx(100 - said.mean, abs=1e-3)
    assert said.saliency.sum() == pytest.approx(1.0, abs=1e-6)
    assert (said.saliency >= 0).all()
    assert sum(said.styles.values()) == pytest.approx(1.0, abs=1e-4)
    assert np.linalg.norm(said.embedding) == pytest.approx(1.0, abs=1e-4)
    assert set(said.kinds) == {*LIMBS, "body"}
    assert all(0 <= p <= 1 for part in said.kinds.values() for p in part.values())


def test_live_says_the_same_as_offline(encoders: Encoders) -> None:
    track = dance(30.0, rate=25.0)
    live = load_encoders()
    assert live.motion is not None
    assert live.judge is not None
    live.motion.reset()
    for time, joints, visibility in zip(track.times, track.joints, track.visibility, strict=True):
        live.motion.step(float(time), joints, visibility, GRID)
    seen = live.motion.seen(22.0, 26.0)
    assert seen is not None
    assert live.motion.seen(1.0, 5.0) is None  # long ago
    now = live.judge_span(22.0, 26.0)
    assert now is not None
    then = encoders.judge_track(track, GRID, [(22.0, 26.0)])[0]
    assert then is not None
    assert now.mean == pytest.approx(then.mean, abs=1e-3)
    np.testing.assert_allclose(now.saliency, then.saliency, atol=1e-5)
    np.testing.assert_allclose(now.embedding, then.embedding, atol=1e-5)


def test_what_was_before_has_a_say_where_it_is_remembered(encoders: Encoders) -> None:
    assert encoders.motion is not None and encoders.judge is not None
    track = dance(12.0)
    first, later = encoders.judge_track(track, GRID, [(0.5, 4.5), (4.5, 8.5)])
    assert first is not None and later is not None
    alone = []
    for span in ((0.5, 4.5), (4.5, 8.5), (2.5, 6.5)):
        seen = encoders.motion.seen(*span)
        assert seen is not None
        alone.append(encoders.judge.judge(seen))
    assert first.mean == alone[0].mean  # nothing before it
    assert later.mean == pytest.approx((alone[1].mean + alone[2].mean) / 2)
    assert min(alone[1].mean, alone[2].mean) <= later.mean <= max(alone[1].mean, alone[2].mean)
    assert sum(later.part_deductions.values()) == pytest.approx(100 - later.mean, abs=1e-3)
    np.testing.assert_array_equal(later.embedding, alone[1].embedding)


def test_the_mirror_image_gets_the_same_points(encoders: Encoders) -> None:
    track = dance(6.0)
    image = PoseTrack(
        track.times, track.joints[:, list(MIRROR_JOINTS)] * (-1, 1, 1), track.roots * (-1, 1, 1), track.visibility
    )
    one, other = judged(encoders, track), judged(encoders, image)
    assert other.mean == pytest.approx(one.mean, abs=0.01)
    assert other.part_deductions["left_arm"] == pytest.approx(one.part_deductions["right_arm"], abs=0.01)
    np.testing.assert_allclose(other.saliency, one.saliency[list(MIRROR_JOINTS)], atol=1e-4)


def test_size_and_heading_do_not_matter(encoders: Encoders) -> None:
    track = dance(6.0)
    turn = np.array([[np.cos(0.5), 0, np.sin(0.5)], [0, 1, 0], [-np.sin(0.5), 0, np.cos(0.5)]])
    other = PoseTrack(track.times, 1.15 * track.joints @ turn.T, track.roots, track.visibility)
    assert judged(encoders, other).mean == pytest.approx(judged(encoders, track).mean, abs=0.2)


def test_too_little_is_not_judged(encoders: Encoders) -> None:
    assert encoders.judge_track(dance(6.0), None, [(1.0, 1.3), (50.0, 55.0)]) == [None, None]
    assert encoders.embed(dance(0.4)) is None
    empty = PoseTrack(np.empty(0), np.empty((0, 22, 3)), np.empty((0, 3)), np.empty((0, 22)))
    assert encoders.embed(empty) is None


def test_what_is_no_number_is_survived(encoders: Encoders) -> None:
    track = dance(6.0)
    joints = track.joints.copy()
    joints[40:60] = np.nan
    joints[70, 5] = np.inf
    said = judged(encoders, PoseTrack(track.times, joints, track.roots, track.visibility))
    assert np.isfinite(said.mean)
    assert np.isfinite(said.saliency).all()


def test_a_missing_or_damaged_network_is_said_and_nothing_is_judged(tmp_path: Path) -> None:
    found = load_encoders(tmp_path)
    assert found.motion is None
    assert found.judge is None
    assert "missing" in found.reason
    assert found.judge_track(dance(), None, [SPAN]) == [None]
    (tmp_path / "motion.onnx").write_bytes(b"no network")
    assert load_encoders(tmp_path).motion is None
    with pytest.raises(ModelError):
        MotionEncoder(tmp_path / "motion.onnx")


def test_the_provider_is_named(encoders: Encoders) -> None:
    assert encoders.provider
    assert "Provider" not in encoders.provider


def test_the_card_is_of_the_files_that_ship() -> None:
    card = json.loads((MODELS / "motion.json").read_text(encoding="utf-8"))
    for name, digest in card["models"].items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == digest
        assert (MODELS / name).stat().st_size < 5_000_000
        assert digest in (MODELS / "motion.md").read_text(encoding="utf-8")
    held_out = {take["take"] for take in card["takes"] if take["split"] == "held out"}
    assert held_out >= {"60_03", "61_12", "94_07", "09_12"}
    assert "mocap.cs.cmu.edu" in card["acknowledgement"]


def test_heard_music_gives_a_guess_of_the_rate_and_silence_none() -> None:
    live = load_encoders(kept=float("inf"), with_music=True)
    assert live.music is not None and live.motion is not None, live.reason
    track = dance(6.0)
    for time, joints, visibility in zip(track.times, track.joints, track.visibility, strict=True):
        live.motion.step(float(time), joints, visibility, GRID)
    silent = live.judge_span(*SPAN)
    assert silent is not None
    assert silent.msr is None
    rng = np.random.default_rng(0)
    for row in range(180):
        vector = live.music.step(row / 30, rng.normal(size=live.music.size))
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-4)
    heard = live.judge_span(*SPAN)
    assert heard is not None
    assert heard.msr is not None
    assert -1 <= heard.msr <= 1
    assert heard.mean == silent.mean
