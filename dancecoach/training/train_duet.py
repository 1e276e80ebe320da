"""Train the larger partner on pairs of dancers, measure it on takes it never saw, write its weights and card.

It sees the whole leader, to the end of the dance, so it makes dances beforehand. With `WORLD_SIZE` set (torchrun),
gradients are shared between processes and the first one writes; a GPU is used when there is one.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dancecoach.bench.partner import other_leader
from dancecoach.bench.partner_baselines import FollowerModel, LastPose, Mirror, RandomFollower
from dancecoach.bench.partner_figures import floors, over_takes, over_windows, take_figures, window_features
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.duets import Duet
from dancecoach.training.duet_data import Batch, DuetTake, Windows, read_takes, split
from dancecoach.training.duet_diffusion import Guidance, noised, sample
from dancecoach.training.duet_losses import Weights, total
from dancecoach.training.duet_music import Array
from dancecoach.training.duet_network import MODES, DuetNetwork, Shape
from dancecoach.training.duet_representation import (
    follower_features,
    follower_room,
    leader_features,
    leader_room,
)
from dancecoach.types import Floats

_log = logging.getLogger(__name__)
SCHEMA = "dancecoach.duet-network/1"
_REMEDY = "Give a file that 'dancecoach train duet' wrote."
_LARGEST = 4096  # width
_MEASURED = 24  # windows' batches from which means and deviations are taken
# In the mode "music" there is no true follower for the leader that was made: only these say something then.
_ALONE = ("bed", "bed_corrected", "foot_cm_s", "drift_cm", "pfc", "depth_cm", "penetrating", "cf", "pr", "cvr")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: `minutes`, `batch` windows at a time, learning `rate`, `decay` of weights."""

    minutes: float = 60.0
    batch: int = 32
    rate: float = 4e-4
    decay: float = 2e-5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class _Crew:
    """The processes that train together, and what this one computes on."""

    rank: int
    world: int
    device: torch.device


def _crew() -> _Crew:
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu")
    if gpu:
        torch.cuda.set_device(device)
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if gpu else "gloo")
    return _Crew(rank, world, device)


def make(data: Path, out: Path, shape: Shape, recipe: Recipe, command: str = "") -> dict[str, Any]:
    """Train on the pairs in `data`, write weights to `out` and its card beside it; return the card.

    Raises
    ------
    DancecoachError
        When there are too few pairs.
    """
    if shape.width % shape.heads or not 8 <= shape.width <= _LARGEST or not 1 <= shape.layers <= 64:
        raise DancecoachError(
            f"A network of width {shape.width} with {shape.layers} layers cannot be made.",
            f"Choose a width of 8 to {_LARGEST} that {shape.heads} divides, and 1 to 64 layers.",
        )
    learned, held_out = split(read_takes(data))
    network, course = train(learned, shape, recipe)
    if int(os.environ.get("RANK", "0")) != 0:
        return {}
    save(network, out)
    card = {
        "schema": SCHEMA,
        "command": command,
        "shape": asdict(shape),
        "parameters": sum(each.numel() for each in network.parameters()),
        "recipe": asdict(recipe),
        "sees": "the whole leader, what comes later too" if shape.mode == "reactive" else "the music alone",
        "data": {
            "trained_minutes": round(sum(take.duet.seconds for take in learned) / 60.0, 2),
            "trained": [take.duet.name for take in learned],
            "held_out": [take.duet.name for take in held_out],
            "music": sorted({take.source for take in (*learned, *held_out)}),
        },
        "course": course,
        "figures": measure(network, learned, held_out),
    }
    out.with_suffix(".json").write_text(json.dumps(card, indent=1), encoding="utf-8")
    out.with_suffix(".md").write_text(card_text(card), encoding="utf-8")
    return card


# --- training -----------------------------------------------------------------------------------------------------


def train(
    takes: Sequence[DuetTake], shape: Shape, recipe: Recipe, steps: int | None = None
) -> tuple[DuetNetwork, list[dict[str, float]]]:
    """Return the running mean of the network's weights after `recipe.minutes`, or `steps`, and the losses' course."""
    crew = _crew()
    torch.manual_seed(recipe.seed)
    network = DuetNetwork(shape)
    _standardise(network, takes, recipe.seed)
    network.to(crew.device).train()
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    chance = torch.Generator().manual_seed(recipe.seed * 1000 + crew.rank)
    started = reported = time.monotonic()
    course: list[dict[str, float]] = []
    means: dict[str, float] = {}
    for number, batch in enumerate(Windows(takes, recipe.batch, recipe.seed * 1000 + crew.rank), 1):
        if steps is None:
            spent = _longest((time.monotonic() - started) / (60.0 * recipe.minutes), crew)
        else:
            spent = (number - 1) / steps
        if spent >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, number / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
        loss, parts = loss_of(network, batch, chance, crew.device)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        _share_gradients(network, crew)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(network)
        for name, value in {"loss": float(loss.detach()), **parts}.items():
            means[name] = means.get(name, value) + (value - means.get(name, value)) * max(0.02, 1 / number)
        if crew.rank == 0 and (time.monotonic() - reported > 30 or number == 1):
            reported = time.monotonic()
            course.append({"minutes": (reported - started) / 60, "steps": float(number), **means})
            _log.info("%s", json.dumps({name: round(value, 4) for name, value in course[-1].items()}))
    course.append({"minutes": (time.monotonic() - started) / 60, "steps": float(number - 1), **means})
    if crew.world > 1:
        torch.distributed.destroy_process_group()
    final = average.module
    assert isinstance(final, DuetNetwork)
    return final.eval(), course


def loss_of(
    network: DuetNetwork, batch: Batch, chance: torch.Generator, device: torch.device
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of one noised batch and its parts."""
    leader, follower, music = (part.to(device) for part in (batch.leader, batch.follower, batch.music))
    labels = follower_features(leader, follower)
    asked = network.scaled("follower", labels)
    led = network.scaled("leader", leader_features(leader))
    step = torch.rand(len(leader), generator=chance).to(device)
    noisy = noised(asked, step, torch.randn(asked.shape, generator=chance).to(device))
    both = network.shape.mode == "music"
    given = noised(led, step, torch.randn(led.shape, generator=chance).to(device)) if both else led
    said, said_leader = network(noisy, given, step, network.scaled("music", music))
    if not both:
        made = follower_room(network.unscaled("follower", said), leader)
        return total(said, asked, (leader, made), (leader, follower), labels, Weights())
    made_leader = leader_room(network.unscaled("leader", said_leader))
    made = follower_room(network.unscaled("follower", said), made_leader)
    # The leader who was made starts over the origin: the true dance is moved there too.
    true_leader = leader_room(leader_features(leader))
    true = follower_room(labels, true_leader)
    loss, parts = total(
        torch.cat([said, said_leader], dim=-1),
        torch.cat([asked, led], dim=-1),
        (made_leader, made),
        (true_leader, true),
        labels,
        Weights(),
    )
    return loss, parts


def _standardise(network: DuetNetwork, takes: Sequence[DuetTake], seed: int) -> None:
    """Take means and deviations of the features from varied windows, which are more than the takes themselves."""
    batches = [batch for batch, _ in zip(Windows(takes, 16, seed), range(_MEASURED), strict=False)]
    leader = torch.cat([leader_features(batch.leader) for batch in batches]).flatten(0, 1)
    follower = torch.cat([follower_features(batch.leader, batch.follower) for batch in batches]).flatten(0, 1)
    network.standardise("leader", leader)
    network.standardise("follower", follower)
    network.standardise("music", torch.cat([batch.music for batch in batches]).flatten(0, 1))


def _longest(spent: float, crew: _Crew) -> float:
    """Return the most that any process spent, so that all stop after the same step."""
    if crew.world == 1:
        return spent
    longest = torch.tensor(spent, device=crew.device)
    torch.distributed.all_reduce(longest, torch.distributed.ReduceOp.MAX)
    return float(longest)


def _share_gradients(network: DuetNetwork, crew: _Crew) -> None:
    """Give every process the mean gradient."""
    if crew.world == 1:
        return
    parameters = list(network.parameters())
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
    torch.distributed.all_reduce(flat)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.grad = (flat[start:stop] / crew.world).reshape(parameter.shape)
        start = stop


def _averaged(mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    keep = min(0.995, (1.0 + float(count)) / (10.0 + float(count)))
    return mean * keep + new * (1.0 - keep)


# --- weights ------------------------------------------------------------------------------------------------------


def save(network: DuetNetwork, path: Path) -> None:
    """Write a network's shape and weights."""
    state = {name: value.cpu() for name, value in network.state_dict().items()}
    torch.save({"schema": SCHEMA, "shape": asdict(network.shape), "weights": state}, path)


def load(path: Path) -> DuetNetwork:
    """Read a network that `save` wrote.

    Raises
    ------
    FileFormatError
        When it is something else; nothing pickled in it is run.
    """
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
        if document["schema"] != SCHEMA:
            raise FileFormatError(f"{path.name} is no network for duets.", _REMEDY)
        kind = document["shape"]
        mode = kind["mode"]
        width, layers, heads = (int(kind[name]) for name in ("width", "layers", "heads"))
        if mode not in MODES or not 1 <= heads <= width <= _LARGEST or width % heads or not 1 <= layers <= 64:
            raise FileFormatError(f"{path.name} is of a shape that cannot be.", _REMEDY)
        network = DuetNetwork(Shape(mode, width, layers, heads))
        network.load_state_dict(document["weights"])
    except FileFormatError:
        raise
    except Exception as error:  # a file that is none makes torch raise nearly anything
        raise FileFormatError(f"{path.name} cannot be read ({type(error).__name__}).", _REMEDY) from error
    return network.eval()


def dance(
    network: DuetNetwork, music: Array, leader: Floats | None = None, steps: int = 10, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return leader and follower (T, 22, 3) m for music (T, 60) and, where one is given, a leader (T, 22, 3) m."""
    device = next(network.parameters()).device
    given = None if leader is None else torch.from_numpy(leader.astype(np.float32)).to(device)
    heard = torch.from_numpy(music).to(device)
    leads, follows = sample(network, heard, given, steps, seed, Guidance())
    first = leads.cpu().numpy().astype(np.float64) if leader is None else leader
    return first, follows.cpu().numpy().astype(np.float64)


# --- how well -----------------------------------------------------------------------------------------------------


def measure(network: DuetNetwork, learned: Sequence[DuetTake], held_out: Sequence[DuetTake]) -> dict[str, Any]:
    """Return figures on takes that were held out: the network's, the true follower's and what costs nothing.

    The others see the true follower's first frame; the network does not.
    """
    duets = [take.duet for take in held_out]
    truth = window_features(duets, [duet.follower for duet in duets])
    made = []
    for number, take in enumerate(held_out):
        leader = take.duet.leader if network.shape.mode == "reactive" else None
        made.append(dance(network, take.music, leader, seed=number))
    # Halves of fewer windows are nothing to compare.
    found: dict[str, Any] = {"floor": floors(truth) if sum(map(len, truth.kinetic)) >= 4 else {}}
    shown = [Duet(duet.name, leader, duet.follower) for duet, (leader, _) in zip(duets, made, strict=True)]
    rows: dict[str, tuple[Sequence[Duet], list[Floats]]] = {
        "network": (shown, [follower for _, follower in made]),
        "truth": (duets, [duet.follower for duet in duets]),
    }
    rivals: Sequence[FollowerModel] = (LastPose(), Mirror(), RandomFollower())
    for rival in rivals if network.shape.mode == "reactive" else ():
        rival.fit([take.duet for take in learned])
        rows[rival.name] = duets, [rival.run(duet.leader, duet.follower[0]) for duet in duets]
    if network.shape.mode == "reactive" and len(duets) > 1:
        rows["another's leader"] = _misled(network, held_out)
    for name, (pairs, followers) in rows.items():
        figures: dict[str, Any] = over_takes(
            [take_figures(duet, room) for duet, room in zip(pairs, followers, strict=True)]
        )
        if network.shape.mode == "music":
            figures = {key: value for key, value in figures.items() if key in _ALONE}
        found[name] = figures | over_windows(window_features(pairs, followers), truth)
    return found


def _misled(network: DuetNetwork, takes: Sequence[DuetTake]) -> tuple[list[Duet], list[Floats]]:
    """Return pairs and followers made for the leaders of other takes: who listens does worse then."""
    shown, followers = [], []
    for number, take in enumerate(takes):
        duet = take.duet
        wrong = other_leader(duet, takes[(number + 1) % len(takes)].duet)
        count = min(len(wrong), len(duet))
        _, follower = dance(network, take.music[:count], wrong[:count], seed=number)
        shown.append(Duet(duet.name, duet.leader[:count], duet.follower[:count]))
        followers.append(follower)
    return shown, followers


_COLUMNS = (
    ("root cm", "root_cm", 0), ("facing °", "facing_deg", 0), ("MPJPE cm", "mpjpe_cm", 1),
    ("wrists cm", "wrists_cm", 0), ("BED cc", "bed_corrected", 2), ("FID k", "fid_k", 0), ("FID g", "fid_g", 1),
    ("FID cd", "fid_cd", 0), ("foot cm/s", "foot_cm_s", 0), ("jerk", "jerk_ratio", 2), ("depth cm", "depth_cm", 1),
    ("CF %", "cf", 1),
)  # fmt: skip


def figures_text(figures: Mapping[str, Any]) -> str:
    """Return figures as a table of Markdown, "–" for what is not measured."""

    def cell(row: Mapping[str, Any], key: str, digits: int) -> str:
        value = row.get(key, {}).get("value")
        return "–" if value is None else f"{value:.{digits}f}"

    lines = ["| | " + " | ".join(title for title, _, _ in _COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for name, row in figures.items():
        if name != "floor":
            lines.append(f"| {name} | " + " | ".join(cell(row, key, digits) for _, key, digits in _COLUMNS) + " |")
    return "\n".join(lines)


def card_text(card: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    data, shape, recipe, last = card["data"], card["shape"], card["recipe"], card["course"][-1]
    floor = {name: f"{value:.0f}" for name, value in card["figures"]["floor"].items() if value is not None}
    sources = {"music": "recorded music", "motion": "beats that the leader moves to", "none": "nothing"}
    return f"""# A network that makes duets ({shape["mode"]})

It sees {card["sees"]}: it is for making dances beforehand, not for dancing live.

- Made with `{card["command"]}`: {card["parameters"]:,} parameters (width {shape["width"]}, {shape["layers"]} layers),
  {last["minutes"]:.1f} minutes, {last["steps"]:.0f} steps of {recipe["batch"]} windows, seed {recipe["seed"]}.
- Trained on {data["trained_minutes"]:g} minutes of {len(data["trained"])} takes: {", ".join(data["trained"])}.
- Hears {", ".join(sources[name] for name in data["music"])}.
- Measured on takes it never saw: {", ".join(data["held_out"])}. FID between halves of the truth: k
  {floor.get("fid_k", "–")}, g {floor.get("fid_g", "–")}, cd {floor.get("fid_cd", "–")}.

{figures_text(card["figures"])}

The truth is the recorded follower. Last pose, mirror and random saw its first frame, the network did not. With
another's leader the network follows somebody else's dance: it should be further off.
"""
