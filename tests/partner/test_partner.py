"""The partner as a whole, with the model that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancecoach.errors import DancecoachError
from dancecoach.partner.features import UPPER, WHOLE
from dancecoach.partner.frames import heading_of, turned
from dancecoach.partner.model import MODELS, OnnxModel
from dancecoach.partner.partner import Partner, PartnerFrame
from dancecoach.partner.styles import import_style, open_style, styles
from dancecoach.training.partner_export import export
from dancecoach.types import BeatGrid, Floats
from tests.partner.made import TEMPO, dancing, pose_of, small_model

_FASTEST = 0.20  # m in a frame, of any joint


def _danced(
    leader: Floats,
    partner: Partner | None = None,
    missing: range = range(0),
    every: int = 1,
    horizon: int = 0,
    grid: BeatGrid | None = None,
    visibility: Floats | None = None,
    ghost: int = 0,
) -> list[PartnerFrame]:
    partner = partner or Partner()
    frames = []
    for index in range(len(leader)):
        seen = index - horizon
        if seen >= 0 and seen not in missing and seen % every == 0:
            partner.observe(pose_of(leader[seen], seen / 30, visibility))
        frame = partner.step(index / 30, grid, ghost)
        if frame is not None:
            frames.append(frame)
    return frames


def _room(frames: list[PartnerFrame]) -> Floats:
    return np.stack([frame.joints for frame in frames])


def _steps(frames: list[PartnerFrame]) -> float:
    return float(np.linalg.norm(np.diff(_room(frames), axis=0), axis=-1).max())


def test_nobody_is_danced_with_before_somebody_is_seen() -> None:
    assert Partner().step(0.0) is None


def test_the_same_dance_gives_the_same_partner_anywhere_in_the_room() -> None:
    leader = dancing(6.0, 0.3)
    here = _room(_danced(leader))
    assert np.array_equal(here, _room(_danced(leader)))
    there = _room(_danced(turned(leader, 2.0) + (1.0, 0.0, -3.0)))
    assert np.abs(turned(here, 2.0) + (1.0, 0.0, -3.0) - there).max() < 0.02


def test_the_future_is_not_known() -> None:
    leader = dancing(6.0, 0.3)
    other = leader.copy()
    other[120:] += (0.5, 0.0, 0.0)
    assert np.array_equal(_room(_danced(leader))[:120], _room(_danced(other))[:120])


def test_a_partner_stands_on_the_floor_near_the_dancer_and_not_in_them() -> None:
    leader = dancing(8.0, 0.5)
    room = _room(_danced(leader))
    apart = np.linalg.norm((room - leader)[:, 0][:, [0, 2]], axis=1)
    assert apart.min() > 0.25 and apart.max() < 2.0
    lowest = room[:, [10, 11], 1].min(axis=1)
    assert lowest.min() > -0.01 and lowest.max() < 0.15


@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0])
def test_a_lost_dancer_makes_no_leap_and_is_met_again(seconds: float) -> None:
    leader = dancing(12.0, 0.5)
    gap = range(150, 150 + round(seconds * 30))
    frames, usual = _danced(leader, missing=gap), _danced(leader)
    assert _steps(frames) < _FASTEST
    states = {frame.state for frame in frames[150 : gap.stop]}
    assert ("solo" in states) == (seconds > 1.5) and ("holding" in states) == (seconds > 0.5)
    assert frames[gap.stop + 15].state == "following"
    apart = np.linalg.norm((_room(frames) - _room(usual))[gap.stop + 75 :, 0], axis=1)
    assert np.median(apart) < 0.25


def test_a_slow_and_late_camera_makes_no_leap() -> None:
    leader = dancing(8.0, 0.5)
    usual = _room(_danced(leader))
    for frames in (_danced(leader, every=2), _danced(leader, horizon=4)):
        assert _steps(frames) < _FASTEST
        room = _room(frames)
        assert np.linalg.norm((room - usual[-len(room) :])[60:, 0], axis=1).mean() < 0.2


def test_a_trembling_picture_makes_no_leap() -> None:
    leader = dancing(8.0, 0.5)
    noisy = leader + np.random.default_rng(1).normal(scale=0.0173, size=leader.shape)
    assert _steps(_danced(noisy)) < _FASTEST


def test_feet_out_of_the_picture_are_inferred() -> None:
    leader = dancing(6.0, 0.2)
    visibility = np.ones(22)
    visibility[[4, 5, 7, 8, 10, 11]] = 0.0
    frames = _danced(leader, visibility=visibility)
    assert frames[-1].feet_inferred and not _danced(leader)[-1].feet_inferred
    assert _steps(frames) < _FASTEST
    other = leader.copy()
    other[5:, [7, 8, 10, 11]] += 0.4  # wherever the camera guesses them to be
    assert np.abs(_room(_danced(other, visibility=visibility)) - _room(frames)).max() < 1e-9


def test_somebody_who_dances_something_else_gets_a_basic_on_the_beat() -> None:
    still = np.repeat(dancing(0.1)[:1] * (1.0, 1.0, 1.0), 450, axis=0)
    jumping = still + (0.6 * np.sin(np.arange(450) * 2.1))[:, None, None] * np.array([1.0, 0.2, 0.0])
    jumping[:, [20, 21]] += 0.5 * np.sin(np.arange(450) * 1.7)[:, None, None]
    beats = np.arange(0.0, 16.0, 60 / TEMPO)
    grid = BeatGrid(beats, np.arange(len(beats)) % 8 + 1, TEMPO, 0.9)
    room = _room(_danced(jumping, grid=grid))[-150:]
    assert np.isfinite(room).all()
    speed = np.linalg.norm(np.diff(room[:, [10, 11]], axis=0), axis=-1) * 30
    assert speed.max() > 0.4  # it dances


def test_the_role_can_be_led_from() -> None:
    leader = dancing(10.0, 0.0, "follower")
    beats = np.arange(0.0, 12.0, 60 / TEMPO)
    grid = BeatGrid(beats, np.arange(len(beats)) % 8 + 1, TEMPO, 0.9)
    frames = _danced(leader, Partner("leader"), grid=grid)
    room = _room(frames)[150:]
    facing = np.degrees(np.abs((heading_of(room) - heading_of(leader[150:]) + np.pi) % (2 * np.pi) - np.pi))
    assert np.median(facing) > 150  # face to face
    left = np.linalg.norm(np.diff(room[:, 10], axis=0), axis=-1) * 30
    times = np.arange(150, 300) / 30
    counts = np.array([grid.position(float(time)) for time in times[1:]])
    before, after = (counts % 8 > 0.5) & (counts % 8 < 0.95), (counts % 8 > 1.1) & (counts % 8 < 1.6)
    assert left[before].mean() > 2 * left[after].mean()  # the left foot comes down on the one


def test_a_ghost_is_some_counts_ahead() -> None:
    leader = dancing(8.0, 0.3)
    frames = _danced(leader, ghost=3)
    assert all(frame.ghost is not None and np.isfinite(frame.ghost).all() for frame in frames)
    assert _danced(leader)[-1].ghost is None


def test_a_step_may_be_late_or_repeated() -> None:
    leader = dancing(6.0)
    partner = Partner()
    for index in range(60):
        partner.observe(pose_of(leader[index], index / 30))
        partner.step(index / 30)
    later = partner.step(20.0)
    again = partner.step(20.0)
    assert later is not None and again is not None and np.isfinite(again.joints).all()


def test_what_is_not_a_number_is_not_seen() -> None:
    leader = dancing(4.0)
    leader[50:60, 3] = np.nan
    frames = _danced(leader)
    assert np.isfinite(_room(frames)).all()


def test_a_file_says_what_was_fitted(tmp_path: Path) -> None:
    model, path = small_model(), tmp_path / "made.onnx"
    export(model, path)
    read = OnnxModel(path)
    leader = dancing(5.0, 0.2)
    for view, feet, back in ((WHOLE, True, False), (UPPER, False, False), (WHOLE, True, True)):
        features = view.of_all(leader)[100]
        (row, familiar), (expected, known) = (each.answer(features, feet, back) for each in (read, model))
        assert np.abs(row - expected).max() < 0.02
        assert familiar == pytest.approx(known, abs=0.01)
    assert np.allclose(read.style.gains, model.style.gains, atol=1e-5)
    followed = _room(_danced(leader, Partner(model=read)))
    assert np.abs(followed - _room(_danced(leader, Partner(model=model)))).max() < 0.1


def test_a_style_is_imported_and_a_wrong_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.onnx"
    export(small_model(), path)
    assert import_style(path) == "made" and styles() == ("salsa", "made")
    assert open_style("made").style.name == "made"
    for name in ("../escape", "salsa", ""):
        with pytest.raises(DancecoachError):
            import_style(path, name or " ")
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    for wrong in (tmp_path / "broken.onnx", tmp_path / "missing.onnx", MODELS / "beats.onnx"):
        with pytest.raises(DancecoachError):
            OnnxModel(wrong)
    with pytest.raises(DancecoachError, match="no style 'tango'"):
        open_style("tango")
