"""The followers a partner is compared with: causal, and each does what it says."""

from collections.abc import Callable

import numpy as np
import pytest

from dancecoach.bench.partner_baselines import (
    FollowerModel,
    LastPose,
    Mean,
    Mirror,
    NearestMotion,
    NearestMusic,
    RandomFollower,
    Ridge,
    delayed,
    filled,
    from_state,
    histories,
    placed,
    step_phase,
    to_state,
)
from dancecoach.bench.partner_corruption import CORRUPTIONS, dropouts, endured
from dancecoach.bench.partner_engines import Late, Shipped, baselines, engine_models, pose_of
from dancecoach.bench.partner_matching import MotionMatching
from dancecoach.partner.frames import turned
from dancecoach.session.duets import RATE, Duet
from dancecoach.types import Floats
from tests.support.duets import couple, dancing, standing


@pytest.fixture(scope="module")
def duets() -> list[Duet]:
    return [Duet(f"{seed}", *couple(12.0, seed=seed)) for seed in range(4)]


def every() -> list[FollowerModel]:
    return [*baselines(), *engine_models()]


def ids(model: FollowerModel) -> str:
    return model.name


@pytest.mark.parametrize("model", every(), ids=ids)
def test_no_model_looks_ahead(model: FollowerModel, duets: list[Duet]) -> None:
    assert model.lookahead_frames == 0
    model.fit(duets[:3])
    leader, first = duets[3].leader, duets[3].follower[0]
    changed = leader.copy()
    changed[200:] = turned(leader[200:], 1.0) + (0.4, 0.0, 0.0)
    before = model.run(leader, first)
    after = model.run(changed, first)
    assert before.shape == leader.shape
    assert np.isfinite(before).all()
    assert np.allclose(before[:200], after[:200], atol=1e-6)


@pytest.mark.parametrize("model", every(), ids=ids)
def test_every_model_bears_gaps(model: FollowerModel, duets: list[Duet]) -> None:
    model.fit(duets[:2])
    leader = duets[3].leader.copy()
    leader[50:80] = np.nan
    leader[120:, [4, 5, 7, 8, 10, 11]] = np.nan
    assert np.isfinite(model.run(leader, duets[3].follower[0])).all()


@pytest.mark.parametrize(
    "make", [Mirror, LastPose, Ridge, NearestMotion, Mean, lambda: MotionMatching(steered=True)], ids=str
)
def test_turning_the_room_turns_the_follower(make: Callable[[], FollowerModel], duets: list[Duet]) -> None:
    model = make()
    model.fit(duets[:2])
    leader, first = duets[3].leader[:120], duets[3].follower[0]

    def there(room: Floats) -> Floats:
        return turned(room, 0.8) + (2.0, 0.0, 1.0)

    assert np.allclose(model.run(there(leader), there(first)), there(model.run(leader, first)), atol=1e-3)


def test_a_linear_partner_is_learned(duets: list[Duet]) -> None:
    # These followers mirror; what they do is in the leader's past.
    last = LastPose().run(duets[3].leader, duets[3].follower[0])
    for model, factor in ((Mirror(), 0.5), (Ridge(), 0.5), (NearestMotion(0.5), 0.8), (Mean(), 0.5)):
        model.fit(duets[:3])
        made = model.run(duets[3].leader, duets[3].follower[0])
        error = np.linalg.norm(made - duets[3].follower, axis=2).mean()
        assert error < factor * np.linalg.norm(last - duets[3].follower, axis=2).mean(), model.name


def test_what_was_danced_before_is_found_again(duets: list[Duet]) -> None:
    model = NearestMotion(1.0)
    model.fit(duets)
    made = model.run(duets[2].leader, duets[2].follower[0])
    assert np.linalg.norm(made - duets[2].follower, axis=2)[10:].mean() < 0.05  # only what smoothing delays


def test_a_mirror_mirrors() -> None:
    leader = np.repeat(standing()[None], 30, axis=0)
    follower = turned(leader, np.pi) + (0.0, 0.0, 1.0)
    model = Mirror()
    model.fit([Duet("x", leader, follower)])
    raised = leader.copy()
    raised[:, 20, 1] = 1.8  # the leader's left hand; the partner's right is opposite
    made = model.run(raised, follower[0])
    assert made[0, 21] == pytest.approx(raised[0, 20] + (0.0, 0.0, 0.96), abs=0.01)
    late = Mirror(100.0)
    late.fit([Duet("x", leader, follower)])
    raised[:10] = leader[:10]
    assert late.run(raised, follower[0])[:, 21, 1].argmax() == 13


def test_random_followers_go_on_from_where_the_true_one_began(duets: list[Duet]) -> None:
    model = RandomFollower()
    model.fit([Duet("short", duets[0].leader[:90], duets[0].follower[:90])])
    made = model.run(duets[3].leader, duets[3].follower[0])
    assert made[0] == pytest.approx(duets[3].follower[0])
    assert np.linalg.norm(np.diff(made[:, 0], axis=0), axis=1).max() < 0.2


@pytest.mark.parametrize("tempo", [150.0, 170.0, 190.0])
def test_the_phase_of_steps(tempo: float) -> None:
    # Salsa: steps on 1 2 3 and 5 6 7, feet in turns.
    count = 8 * 60 / tempo
    times = np.arange(0, 20, 1 / RATE)
    phase = times / count % 1.0
    leader = np.repeat(standing()[None], len(times), axis=0)
    for foot, beats in ((10, (0, 2, 5)), (11, (1, 4, 6))):
        for beat in beats:
            leader[:, foot, 0] += 0.1 * np.clip((phase * 8 - beat) * 2, 0, 1) * (1 if beat % 3 else -1)
    found, length = step_phase(leader)
    assert length[-200:].mean() == pytest.approx(count, rel=0.06)
    late = np.exp(2j * np.pi * (found - phase))[-200:]
    assert abs(late.mean()) > 0.95
    assert abs(np.angle(late.mean())) < 2 * np.pi / 16  # a step lasts half a beat


def test_retrieval_by_the_beat_keeps_dancing(duets: list[Duet]) -> None:
    model = NearestMusic()
    model.fit(duets[:3])
    made = model.run(duets[3].leader, duets[3].follower[0])
    assert np.linalg.norm(np.diff(made, axis=0), axis=2).max() < 0.6


def test_motion_matching_has_no_seams(duets: list[Duet]) -> None:
    for steered in (False, True):
        model = MotionMatching(steered)
        model.fit(duets[:3])
        made = model.run(duets[3].leader, duets[3].follower[0])
        real = np.linalg.norm(np.diff(duets[3].follower, axis=0), axis=2).max()
        assert np.linalg.norm(np.diff(made, axis=0), axis=2).max() < 3 * real + 0.03
    error = np.linalg.norm((made - duets[3].follower)[:, 0], axis=1)
    assert error.mean() < 0.4


# --- frames of reference ------------------------------------------------------------------------------------------


def test_states_are_taken_apart_and_put_together() -> None:
    leader, follower = couple(4.0)
    state = to_state(placed(leader), placed(follower))
    assert state.shape == (120, 70)
    assert np.allclose(from_state(placed(leader), state).room, follower)
    assert np.allclose(placed(follower).room, follower)


def test_histories_end_now_and_begin_standing_still() -> None:
    leader = dancing(3.0)
    found = histories(leader, 1.0).reshape(90, 15, 22, 3)
    body = placed(leader)
    assert np.allclose(found[:, 0], body.own)
    assert np.allclose(found[0], body.own[0])
    assert np.allclose(turned(found[60, 4], body.heading[60]) + body.place[60], leader[52])


def test_gaps_are_filled_with_what_was_seen_last() -> None:
    leader = dancing(2.0)
    gone = leader.copy()
    gone[10:20] = np.nan
    assert np.allclose(filled(gone)[10:20], leader[9])
    hidden = leader.copy()
    hidden[:5, 10] = np.nan
    hidden[30:, 10] = np.nan
    found = filled(hidden)
    assert np.allclose(found[40, 10] - found[40, 0], leader[29, 10] - leader[29, 0])
    assert np.allclose(found[0, 10] - found[0, 0], leader[5, 10] - leader[5, 0])
    assert filled(leader) is leader


def test_delays() -> None:
    frames = np.arange(5.0)
    assert delayed(frames, 2).tolist() == [0, 0, 0, 1, 2]
    assert delayed(frames, -1).tolist() == [1, 2, 3, 4, 4]


# --- the shipped one ----------------------------------------------------------------------------------------------


def test_the_shipped_partner_sees_only_what_is_old_enough(duets: list[Duet]) -> None:
    leader, first = duets[0].leader, duets[0].follower[0]
    model = Shipped(horizon=4)
    assert model.lookahead_frames == -4
    made = model.run(leader, first)
    assert np.allclose(made[:4], first)
    changed = leader.copy()
    changed[100:] += (0.5, 0.0, 0.0)
    again = model.run(changed, first)
    assert np.allclose(made[:104], again[:104])
    assert not np.allclose(made[104], again[104])


def test_late_models_are_late() -> None:
    leader, follower = couple(3.0)
    model = Late(LastPose(), 3)
    model.fit([])
    assert model.lookahead_frames == -3
    assert model.run(leader, follower[0]).shape == leader.shape
    assert [each.lookahead_frames for each in baselines(2)] == [-2] * len(baselines())


def test_poses_of_what_was_seen() -> None:
    room = standing() + (1.0, 0.0, 0.0)
    room[10] = np.nan
    pose = pose_of(room, 2.0)
    assert pose is not None
    assert pose.visibility[10] == 0.0 and pose.visibility.sum() == 21
    assert pose.joints[0] == pytest.approx(0.0)
    assert pose.root[0] == 1.0
    assert pose_of(np.full((22, 3), np.nan), 2.0) is None


# --- bad pictures -------------------------------------------------------------------------------------------------


def test_corruptions_take_away_what_they_say() -> None:
    leader = dancing(20.0)
    for name, share in (("dropout 0.2 s", 18 / 600), ("dropout 1 s", 90 / 600), ("dropout 3 s", 270 / 600)):
        assert np.isnan(CORRUPTIONS[name](leader)).mean() == pytest.approx(share)
    legless = CORRUPTIONS["no legs"](leader)
    assert np.isnan(legless[60:, [4, 5, 7, 8, 10, 11]]).all() and np.isfinite(legless[:60]).all()
    assert np.isfinite(legless[:, [0, 20]]).all()
    assert np.isnan(CORRUPTIONS["15 frames/s"](leader)).mean() == 0.5
    apart = np.linalg.norm(CORRUPTIONS["3 cm noise"](leader) - leader, axis=2)
    assert np.sqrt((apart**2).mean()) == pytest.approx(0.03, rel=0.02)


def test_recovery_is_timed() -> None:
    true = dancing(20.0)
    usual = true + (0.1, 0.0, 0.0)
    disturbed = usual.copy()
    for start, stop in dropouts(len(true), 1.0):
        disturbed[start : stop + 15] += (1.0, 0.0, 0.0)
    found = endured("dropout 1 s", disturbed, usual, true)
    assert found.undisturbed == pytest.approx(0.1)
    assert found.step > 0.9
    assert len(found.recovery) == 3
    # Half a second after the picture is back, and until the mean of half a second has forgotten it.
    assert all(0.5 <= time <= 0.9 for time in found.recovery)
    assert endured("dropout 1 s", usual, usual, true).recovery == (0.0, 0.0, 0.0)
    lost = usual + np.where(np.arange(600) > 160, 2.0, 0.0)[:, None, None] * (1.0, 0.0, 0.0)
    assert endured("dropout 1 s", lost, usual, true).recovery == (np.inf,) * 3
    assert endured("no legs", lost, usual, true).recovery == ()
