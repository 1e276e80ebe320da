"""The larger partner: features, losses of known value, guidance, network, training, sampling, the commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dancecoach.__main__ import main  # noqa: E402
from dancecoach.errors import DancecoachError, FileFormatError  # noqa: E402
from dancecoach.partner import capsules, frames  # noqa: E402
from dancecoach.session.bvh import write_bvh  # noqa: E402
from dancecoach.session.duets import Duet  # noqa: E402
from dancecoach.session.motion import read_motion  # noqa: E402
from dancecoach.training import duet_losses as losses  # noqa: E402
from dancecoach.training.duet_data import DuetTake, Windows, split  # noqa: E402
from dancecoach.training.duet_diffusion import Guidance, kept, noised, sample, smoothed, starts_of  # noqa: E402
from dancecoach.training.duet_geometry import gaps, heading, point_distance, turned  # noqa: E402
from dancecoach.training.duet_music import MUSIC_SIZE, heard, steady_beats  # noqa: E402
from dancecoach.training.duet_network import WINDOW, DuetNetwork, Shape  # noqa: E402
from dancecoach.training.duet_representation import (  # noqa: E402
    FOLLOWER_SIZE,
    HANDS,
    LEADER_SIZE,
    PLACE,
    follower_features,
    follower_room,
    leader_features,
    leader_room,
)
from dancecoach.training.train_duet import Recipe, load, loss_of, save, train  # noqa: E402
from dancecoach.types import Floats, PoseTrack  # noqa: E402
from tests.support.duets import couple, standing  # noqa: E402

TINY = Shape("reactive", 16, 1, 2)


def pair(seconds: float = 6.0, seed: int = 0) -> tuple["torch.Tensor", "torch.Tensor"]:
    """A leader and a follower (1, T, 22, 3)."""
    leader, follower = couple(seconds, seed=seed)
    return torch.from_numpy(leader[None]), torch.from_numpy(follower[None])


def takes(count: int = 2, seconds: float = 8.0) -> list[DuetTake]:
    found = []
    for seed in range(count):
        leader, follower = couple(seconds, seed=seed)
        music = heard(len(leader), None, steady_beats(170.0, seconds))
        found.append(DuetTake(Duet(f"{seed}", leader, follower), music, "music"))
    return found


def test_geometry_is_that_of_the_partner() -> None:
    leader, follower = (part[0].numpy() for part in pair())
    room, other = torch.from_numpy(leader), torch.from_numpy(follower)
    np.testing.assert_allclose(heading(room), frames.heading_of(leader), atol=1e-12)
    np.testing.assert_allclose(turned(room, heading(other)), frames.turned(leader, frames.heading_of(follower)))
    np.testing.assert_allclose(point_distance(other, room), capsules.point_distance(follower, leader), atol=1e-4)
    deepest = gaps(other, room).amin(dim=-1).numpy()
    exact = capsules.body_distance(leader, follower)
    assert np.all(deepest > exact - 1e-3) and np.median(deepest - exact) < 0.05


def test_features_put_the_dancers_back_and_ignore_where_and_which_way() -> None:
    leader, follower = pair()
    told = follower_features(leader, follower)
    assert told.shape[-1] == FOLLOWER_SIZE and leader_features(leader).shape[-1] == LEADER_SIZE
    torch.testing.assert_close(follower_room(told, leader), follower)
    walked = leader_room(leader_features(leader))
    angle = heading(leader)[:, :1]
    moved = turned(leader - leader[:, :1, :1] * torch.tensor([1.0, 0.0, 1.0]), -angle.expand(1, leader.shape[1]))
    torch.testing.assert_close(walked, moved, atol=1e-6, rtol=0)
    turn = torch.full((1, leader.shape[1]), 2.2, dtype=leader.dtype)
    away = torch.tensor([3.0, 0.0, -5.0])
    one, other = turned(leader, turn) + away, turned(follower, turn) + away
    torch.testing.assert_close(follower_features(one, other), told, atol=1e-5, rtol=0)
    torch.testing.assert_close(leader_features(one), leader_features(leader), atol=1e-5, rtol=0)


def test_the_true_dance_costs_nothing() -> None:
    leader, follower = pair()
    labels = follower_features(leader, follower)
    assert losses.velocity(follower, follower) == losses.acceleration(follower, follower) == 0
    assert losses.distance_matrix(leader, follower, leader, follower) == 0
    assert losses.orientation(leader, follower, leader, follower) < 1e-12
    assert losses.contact(leader, follower, labels[..., HANDS]) == 0


def test_losses_have_the_values_that_they_should() -> None:
    true = torch.from_numpy(np.repeat(standing()[None, None], 5, axis=1))
    sliding = true + 0.01 * torch.arange(5)[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    assert losses.velocity(sliding, true) == pytest.approx(1e-4)
    assert losses.acceleration(sliding, true) == pytest.approx(0.0, abs=1e-12)
    stands = torch.zeros(1, 5, 4)
    assert losses.foot(sliding, stands) == 0
    stands[:, :, 0] = 1.0
    assert losses.foot(sliding, stands) == pytest.approx(1e-4 / 4)
    quarter = turned(true, torch.full((1, 5), np.pi / 2))
    assert losses.orientation(true, quarter, true, true) == pytest.approx(2.0)


def test_a_prediction_far_away_does_not_escape_the_distance_matrix() -> None:
    leader = torch.from_numpy(np.repeat(standing()[None, None], 3, axis=1))
    near, far = leader + torch.tensor([0.0, 0.0, 0.6]), leader + torch.tensor([0.0, 0.0, 50.0])
    assert losses.distance_matrix(leader, far, leader, near) > 1000.0
    # And who truly stands apart is not asked for a distance.
    assert losses.distance_matrix(leader, near, leader, far) == 0


def test_contact_pulls_together_and_penetration_pushes_apart() -> None:
    leader = torch.from_numpy(standing()[None, None])
    for distance, cost, way in (
        (0.6, lambda room: losses.contact(leader, room, torch.ones(1, 1, 4)), 1.0),
        (0.1, lambda room: losses.penetration(leader, room), -1.0),
    ):
        follower = (leader + torch.tensor([0.0, 0.0, distance])).requires_grad_(True)
        value = cost(follower)
        value.backward()
        assert value > 0 and way * follower.grad[..., 2].sum() > 0
        nudged = follower.detach() - 0.02 * way * torch.tensor([0.0, 0.0, 1.0])
        assert cost(nudged) < value
    apart = leader + torch.tensor([0.0, 0.0, 2.0])
    assert losses.penetration(leader, apart) == 0
    assert losses.penetration(leader, apart, margin=2.5) > 0
    deep = [
        float(losses.penetration(leader, leader + torch.tensor([0.0, 0.0, gap]))) for gap in (0.19, 0.15, 0.1, 0.05)
    ]
    assert deep == sorted(deep) and deep[0] > 0


def test_noise_goes_from_none_to_all() -> None:
    share = kept(torch.linspace(0, 1, 50))
    assert share[0] == pytest.approx(1.0) and share[-1] < 1e-3 and torch.all(share.diff() < 0)
    clean = torch.randn(2, 9, 3)
    torch.testing.assert_close(noised(clean, torch.zeros(2), torch.randn(2, 9, 3)), clean, atol=5e-3, rtol=0)


def test_smoothing_keeps_what_is_steady_and_takes_off_what_trembles() -> None:
    steady = torch.linspace(0, 1, 60)[:, None].repeat(1, 3)
    torch.testing.assert_close(smoothed(steady, 1.0)[5:-5], steady[5:-5])
    torch.testing.assert_close(smoothed(torch.ones(4, 2), 1.5), torch.ones(4, 2))
    trembling = torch.tensor([1.0, -1.0]).repeat(30)[:, None]
    assert smoothed(trembling, 1.0)[5:-5].abs().max() < 0.02
    assert smoothed(trembling, 0.0) is trembling


def test_windows_cover_every_frame_once_or_twice() -> None:
    for length in (1, 95, 96, 97, 143, 144, 145, 500):
        starts = starts_of(length)
        covered = np.zeros(length, int)
        for start in starts:
            covered[start : start + WINDOW] += 1
        assert starts[0] == 0 and covered.min() >= 1 and max(starts) + min(WINDOW, length) == length


@pytest.mark.parametrize("mode", ["reactive", "music"])
def test_network_gives_both_dancers_and_hears(mode: str) -> None:
    network = DuetNetwork(Shape(mode, 16, 2, 2))  # type: ignore[arg-type]
    follower, leader = torch.randn(3, 20, FOLLOWER_SIZE), torch.randn(3, 20, LEADER_SIZE)
    music, step = torch.randn(3, 20, MUSIC_SIZE), torch.rand(3)
    said, said_leader = network(follower, leader, step, music)
    assert said.shape == follower.shape and said_leader.shape == leader.shape
    assert (said_leader is leader) == (mode == "reactive")
    for parameter in network.parameters():  # gates begin at zero
        torch.nn.init.normal_(parameter, std=0.2)
    said, _ = network(follower, leader, step, music)
    for changed in ((follower, leader + 1, step, music), (follower, leader, step, music + 1),
                    (follower, leader, 1 - step, music)):  # fmt: skip
        assert (network(*changed)[0] - said).abs().max() > 1e-3


def test_windows_are_varied_within_bounds_and_equal_seeds_make_equal_ones() -> None:
    one, other = (next(iter(Windows(takes(), 6, 3))) for _ in range(2))
    torch.testing.assert_close(one.leader, other.leader)
    assert one.leader.shape == (6, WINDOW, 22, 3) and one.music.shape == (6, WINDOW, MUSIC_SIZE)
    bone = np.linalg.norm(standing()[4] - standing()[1])
    size = (one.leader[:, :, 4] - one.leader[:, :, 1]).norm(dim=-1) / bone
    assert float(size.mean(dim=1).min()) > 0.85 and float(size.mean(dim=1).max()) < 1.2
    plain = next(iter(Windows(takes(1), 4, 3, varied=False)))
    assert float((plain.follower[:, :, 4] - plain.follower[:, :, 1]).norm(dim=-1).max()) < 1.3 * bone
    with pytest.raises(DancecoachError, match="too short"):
        Windows(takes(1, 2.0), 4, 1)


def test_every_fourth_take_is_held_out() -> None:
    learned, kept_out = split([replace(take) for take in takes(9, 0.2)])
    assert [take.duet.name for take in kept_out] == ["3", "7"] and len(learned) == 7
    assert [len(part) for part in split(takes(2, 0.2))] == [1, 1]
    named = [
        replace(take, duet=replace(take.duet, name=name))
        for take, name in zip(
            takes(5, 0.2), ("Tango_01_1", "Tango_02_1", "Tango_02_2", "P_song1_take1", "P_song1_take2"), strict=True
        )
    ]
    assert [take.duet.name for take in split(named)[1]] == ["P_song1_take1", "P_song1_take2"]
    with pytest.raises(DancecoachError, match="too few"):
        split(takes(1, 0.2))


@pytest.mark.parametrize("mode", ["reactive", "music"])
def test_a_tiny_duet_is_learned_by_heart(mode: str) -> None:
    only = takes(1, 5.0)
    shape = Shape(mode, 32, 1, 2)  # type: ignore[arg-type]
    network, _ = train(only, shape, Recipe(batch=2, rate=5e-3), steps=1)
    learned, course = train(only, shape, Recipe(batch=2, rate=5e-3), steps=60)
    assert course[-1]["steps"] == 60
    batch = next(iter(Windows(only, 8, 5, varied=False)))

    def loss(model: DuetNetwork) -> float:
        with torch.no_grad():
            return float(loss_of(model, batch, torch.Generator().manual_seed(1), torch.device("cpu"))[0])

    assert loss(learned) < 0.6 * loss(network)


def test_sampling_is_the_same_for_a_seed_and_guidance_pushes_bodies_apart() -> None:
    torch.manual_seed(0)
    network = DuetNetwork(TINY)
    leader, follower = (part[0].float() for part in pair(5.0))
    network.standardise("follower", follower_features(leader, follower))
    network.standardise("leader", leader_features(leader))
    music = torch.zeros(len(leader), MUSIC_SIZE)
    first, second, third = (sample(network, music, leader, 3, seed)[1] for seed in (1, 1, 2))
    torch.testing.assert_close(first, second)
    assert (first - third).abs().max() > 1e-3
    # A network that puts the follower right into the leader, in a corpus where places differ.
    network.get_buffer("follower_scale")[1, PLACE] = 0.5
    torch.nn.init.zeros_(network.follower_out[1].weight)
    inside = network.scaled("follower", follower_features(leader, leader + torch.tensor([0.0, 0.0, 0.1]))).mean(dim=0)
    inside[HANDS] = -10.0
    network.follower_out[1].bias.data = inside
    costs = [
        float(losses.penetration(leader[None], sample(network, music, leader, 3, 1, Guidance(0.0, force))[1][None]))
        for force in (0.0, 1.0)
    ]
    assert 0 <= costs[1] < 0.5 * costs[0]


def test_a_dance_to_music_needs_no_leader() -> None:
    torch.manual_seed(0)
    network = DuetNetwork(Shape("music", 16, 1, 2))
    music = torch.from_numpy(heard(130, None, steady_beats(120.0, 130 / 30)))
    leader, follower = sample(network, music, None, 2, 4, Guidance())
    assert leader.shape == follower.shape == (130, 22, 3)
    assert torch.isfinite(leader).all() and torch.isfinite(follower).all()
    torch.testing.assert_close(sample(network, music, None, 2, 4, Guidance())[0], leader)
    assert leader[0, 0, [0, 2]].abs().max() < 5.0


def test_beats_become_phases_that_go_on() -> None:
    table = heard(120, np.ones((60, 56), np.float32), np.arange(1.0, 3.0, 0.5))
    assert table.shape == (120, MUSIC_SIZE)
    assert table[0, 56 + 1] == pytest.approx(1.0) and table[15, 57] == pytest.approx(1.0, abs=1e-5)
    assert table[105, 57] == pytest.approx(1.0, abs=1e-4)  # 3.5 s, after the last beat
    assert table[:60, 58].min() == 1.0 and table[60:, 58].max() == 0.0
    assert not heard(10).any()


def folder_of_pairs(folder: Path, count: int = 2) -> None:
    folder.mkdir()
    for seed in range(count):
        for role, room in zip(("leader", "follower"), couple(7.0, seed=seed), strict=True):
            np.savez(folder / f"take{seed}_{role}.npz", times=np.arange(len(room)) / 30, joints=room)


def leader_file(path: Path) -> Floats:
    room = couple(4.0, seed=5)[0]
    track = PoseTrack(np.arange(len(room)) / 30, room - room[:, :1], room[:, 0], np.ones(room.shape[:2]))
    write_bvh(path, track)
    return room


def test_commands_train_measure_and_make_dances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_pairs(tmp_path / "pairs")
    leader = leader_file(tmp_path / "leader.bvh")
    weights = tmp_path / "tiny.pt"
    words = ["train", "duet", "--data", str(tmp_path / "pairs"), "--out", str(weights), "--minutes", "0.01"]
    words += ["--width", "16", "--layers", "1", "--batch", "2"]
    assert main(words) == 0
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["data"]["held_out"] == ["take1"] and card["data"]["trained"] == ["take0"]
    assert {"network", "truth", "last-pose", "mirror", "random", "floor"} == set(card["figures"])
    assert card["figures"]["truth"]["root_cm"]["value"] == 0
    assert "not for dancing live" in (tmp_path / "tiny.md").read_text()
    assert str(tmp_path) not in (tmp_path / "tiny.md").read_text()
    out = tmp_path / "made.bvh"
    make = ["train", "duet-sample", str(weights), "--out", str(out), "--steps", "2"]
    assert main([*make, "--leader", str(tmp_path / "leader.bvh")]) == 0
    assert len(read_motion(out)) == len(leader)
    capsys.readouterr()
    assert main(make) == 1
    assert "--leader" in capsys.readouterr().err
    assert main([*words, "--mode", "music"]) == 0
    figures = json.loads((tmp_path / "tiny.json").read_text())["figures"]
    assert "root_cm" not in figures["network"] and figures["network"]["fid_k"]["value"] is not None
    assert main([*make, "--seconds", "4", "--tempo", "120"]) == 0
    assert len(read_motion(tmp_path / "made_follower.bvh")) == len(read_motion(tmp_path / "made_leader.bvh")) == 120


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    network = DuetNetwork(TINY)
    network.standardise("leader", torch.randn(50, LEADER_SIZE))
    save(network, tmp_path / "a.pt")
    again = load(tmp_path / "a.pt")
    assert again.shape == TINY
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    document = torch.load(tmp_path / "a.pt", weights_only=True)
    for number, wrong in enumerate(
        ({**document, "schema": "x"}, {**document, "shape": {**document["shape"], "width": 10**9}}, [], object())
    ):
        torch.save(wrong, tmp_path / f"{number}.pt")
        with pytest.raises(FileFormatError):
            load(tmp_path / f"{number}.pt")
    (tmp_path / "b.pt").write_bytes(b"no weights")
    with pytest.raises(FileFormatError):
        load(tmp_path / "b.pt")
