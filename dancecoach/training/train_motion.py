"""Training of the motion encoder and of the heads on clips with known faults.

Two stages. First encoder and heads together, the deductions read off the encoder's own map, so that it learns where
faults are. Then, with the encoder frozen, heads on pooled features and kinematic descriptors: many, quickly, so that
what is shipped is chosen by measuring.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dancecoach.assessment.descriptors import SIZE, describe_both
from dancecoach.assessment.motion_features import BEAT, mirrored
from dancecoach.training.assessment_data import LEAD, Clips, Take, table_of
from dancecoach.training.assessment_heads import Heads, Said, Truth, likelihood, loss_of
from dancecoach.training.faults import TRAINED
from dancecoach.training.motion_network import FRAMES, Encoder, EncoderKind, GraphEncoder, encoder, part_sums, pooled
from dancecoach.types import LIMBS, MIRROR_JOINTS, PART_JOINTS, FaultKind

_log = logging.getLogger(__name__)
_SHARD = 128  # groups in one file
_DEAF = 0.2  # share of batches whose beats are hidden
PART_MIRROR = tuple(
    next(index for index, other in enumerate(LIMBS) if MIRROR_JOINTS[PART_JOINTS[part][0]] in PART_JOINTS[other])
    for part in LIMBS
)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pool:
    """Clips ready to train on.

    `features` (N, T, 22, 21) float16, `length` (N,) frames with the lead-in, truths, `descriptors` (N, 2, D) of the
    movement and its mirror image, `music` (N, T, F).
    """

    features: NDArray[np.float16]
    length: NDArray[np.int32]
    truth: Truth
    take: NDArray[np.str_]
    webcam: NDArray[np.bool_]
    descriptors: Array
    music: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.length)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train."""

    minutes: float = 25.0
    kind: EncoderKind = "st-gcn"
    width: int = 32
    groups: int = 8  # in a batch
    rate: float = 3e-3
    contrast: str = "supcon"
    seed: int = 1


def make_pool(
    takes: Sequence[Take],
    groups: int,
    folder: Path,
    seed: int,
    augmented: bool = True,
    kinds: Sequence[FaultKind] = TRAINED,
) -> None:
    """Write `groups` groups of clips to `folder`, a file for every 128; files that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(math.ceil(groups / _SHARD)):
        path = folder / f"{shard:03}.npz"
        if path.exists():
            continue
        clips = Clips(takes, np.random.default_rng([seed, shard]), augmented, kinds)
        table = table_of([clips.group() for _ in range(min(_SHARD, groups - shard * _SHARD))])
        partial = folder / f"{shard:03}.part.npz"
        np.savez(partial, **table)
        partial.replace(path)
    for path in _shards(folder):
        told = path.with_suffix(".npy")
        if not told.exists():
            with np.load(path, allow_pickle=False) as file:
                np.save(told, _described(file["features"], file["length"]))


def _shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.npz") if "part" not in path.name)


def _described(features: NDArray[np.float16], length: NDArray[np.int32]) -> Array:
    clips = [clip[LEAD:frames].astype(np.float32) for clip, frames in zip(features, length, strict=True)]
    return np.stack([describe_both(clip) for clip in clips])


def read_pool(folder: Path, shards: int | None = None, music: bool = False) -> Pool:
    """Return the clips in `folder`; with their `music`, if asked for."""
    paths = _shards(folder)[:shards]
    tables = []
    for number, path in enumerate(paths):
        with np.load(path, allow_pickle=False) as file:
            table = {name: file[name] for name in file.files if music or name != "music"}
        table["group"] = table["group"] + number * _SHARD
        tables.append(table)
    whole = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    truth = Truth(
        torch.from_numpy(whole["deductions"]),
        torch.from_numpy(whole["amounts"]),
        torch.from_numpy(whole["style"]),
        torch.from_numpy(whole["dancing"]),
        torch.from_numpy(whole["group"]),
    )
    told = np.concatenate([np.load(path.with_suffix(".npy"), allow_pickle=False) for path in paths])
    return Pool(whole["features"], whole["length"], truth, whole["take"], whole["webcam"], told, whole.get("music"))


class Batches:
    """Groups of clips of similar length, in random order, some of them mirrored, some without beats."""

    def __init__(self, pool: Pool, groups: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self._pool, self._groups = pool, groups
        self._rng = np.random.default_rng([seed, rank])
        _, first = np.unique(pool.truth.group.numpy(), return_index=True)
        self._first = first[rank::world]
        self._size = int(np.median(np.diff(first))) if len(first) > 1 else len(pool)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Truth]]:
        rng, pool = self._rng, self._pool
        while True:
            order = np.argsort(pool.length[self._first] + rng.normal(0, 8, len(self._first)))
            usable = len(order) // self._groups * self._groups
            batches = order[:usable].reshape(-1, self._groups)
            for batch in batches[rng.permutation(len(batches))]:
                index = (self._first[batch][:, None] + np.arange(self._size)).ravel()
                yield self._batch(index)

    def _batch(self, index: NDArray[np.intp]) -> tuple[Tensor, Tensor, Truth]:
        pool = self._pool
        longest = even(pool.length[index])
        features = pool.features[index, :longest].astype(np.float32)
        truth = pool.truth.at(torch.from_numpy(index))
        if self._rng.random() < 0.5:
            features, truth = mirrored(features), mirrored_truth(truth)
        if self._rng.random() < _DEAF:
            features[..., BEAT] = 0.0
        return torch.from_numpy(features), weights_of(pool.length[index], longest), truth


def mirrored_truth(truth: Truth) -> Truth:
    """Return what is true of the mirror image."""
    swap = list(PART_MIRROR)
    return replace(truth, deductions=truth.deductions[:, swap], amounts=truth.amounts[:, [*swap, len(swap)]])


def even(length: NDArray[np.int32]) -> int:
    """Return the greatest length in whole steps of the encoder, in frames."""
    return int(length.max()) // FRAMES * FRAMES


def weights_of(length: NDArray[np.int32], longest: int) -> Tensor:
    """Return weights (B, T/2) over the steps that lie wholly in the primitives, each row summing to 1."""
    last = np.arange(FRAMES - 1, longest, FRAMES)[None]
    inside = ((last >= LEAD) & (last < length[:, None])).astype(np.float32)
    return torch.from_numpy(inside / inside.sum(axis=1, keepdims=True))


class Judge(nn.Module):
    """Encoder and heads as they are trained together."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encoder: Encoder = encoder(recipe.kind, recipe.width)
        self.heads = Heads(recipe.width, descriptors=False, dropout=0.1)
        self.register_buffer("sums", part_sums())

    def forward(self, features: Tensor, weights: Tensor) -> Said:
        """Return what is said of features (B, T, 22, 21) with weights (B, T)."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=isinstance(self.encoder, GraphEncoder)):
            saliency, parts = self.encoder(features)
        deductions = (saliency.float() * weights[..., None]).sum(dim=1) @ self.get_buffer("sums")
        said: Said = self.heads(pooled(parts.float(), weights), deductions)
        return said


def train(pool: Pool, validation: Pool, recipe: Recipe, out: Path, start: Path | None = None) -> Judge:
    """Train for `recipe.minutes`, write weights and the course of training to `out`, return the mean network.

    `start` are weights to go on from. With `WORLD_SIZE` set (torchrun), gradients are shared between processes and
    the first one writes.
    """
    torch.manual_seed(recipe.seed)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    judge = Judge(recipe)
    if start is not None:
        judge.load_state_dict(torch.load(start, weights_only=True))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    average = torch.optim.swa_utils.AveragedModel(judge, avg_fn=_averaged, use_buffers=True)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=recipe.rate, weight_decay=2e-2)
    started = reported = time.monotonic()
    course: list[dict[str, float]] = []
    mean = 0.0
    for steps, (features, weights, truth) in enumerate(Batches(pool, recipe.groups, recipe.seed, rank, world), 1):
        spent = (time.monotonic() - started) / (60.0 * recipe.minutes)
        if world > 1:  # all stop after the same step
            longest = torch.tensor(spent)
            torch.distributed.all_reduce(longest, torch.distributed.ReduceOp.MAX)
            spent = float(longest)
        if spent >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, steps / 60) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
        said = judge(features, weights)
        loss = loss_of(said, truth, recipe.contrast)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        if world > 1:
            _share_gradients(judge, world)
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(judge)
        mean += (float(loss.detach()) - mean) * max(0.02, 1 / steps)
        if time.monotonic() - reported > 60 and rank == 0:
            reported = time.monotonic()
            course.append({"minutes": (reported - started) / 60, "steps": steps, "loss": mean})
            if len(course) % 4 == 0:
                course[-1] |= check(average.module, validation)
                average.module.train()
            _log.info("%s", json.dumps({name: round(value, 4) for name, value in course[-1].items()}))
            torch.save(average.module.state_dict(), out)
    final = average.module
    assert isinstance(final, Judge)
    if rank == 0:
        torch.save(final.state_dict(), out)
        document = {"recipe": {name: getattr(recipe, name) for name in recipe.__slots__}, "course": course}
        out.with_suffix(".json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    if world > 1:
        torch.distributed.destroy_process_group()
    return final.eval()


def _share_gradients(judge: Judge, world: int) -> None:
    """Give every process the mean gradient; which heads a batch trains may differ between them."""
    parameters = list(judge.parameters())
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
    torch.distributed.all_reduce(flat)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.grad = (flat[start:stop] / world).reshape(parameter.shape)
        start = stop


def _averaged(mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    keep = min(0.99, (1.0 + float(count)) / (10.0 + float(count)))
    return mean * keep + new * (1.0 - keep)


def check(judge: nn.Module, pool: Pool, most: int = 256) -> dict[str, float]:
    """Return likelihood, error and rank correlation of quality on the first clips of a pool."""
    judge.eval()
    said, true, losses = [], [], []
    with torch.no_grad():
        for start in range(0, min(most, len(pool)), 32):
            index = np.arange(start, min(start + 32, len(pool)))
            longest = even(pool.length[index])
            features = torch.from_numpy(pool.features[index, :longest].astype(np.float32))
            truth = pool.truth.at(torch.from_numpy(index))
            result = judge(features, weights_of(pool.length[index], longest))
            said.append(result.quality.numpy())
            true.append(truth.quality.numpy())
            losses.append(float(likelihood(result, truth)))
    from scipy.stats import spearmanr

    one, other = np.concatenate(said), np.concatenate(true)
    return {
        "nll": float(np.mean(losses)),
        "rmse": float(np.sqrt(((one - other) ** 2).mean())),
        "srcc": float(spearmanr(one, other).statistic),
    }


def encode(judge: Judge, pool: Pool, batch: int = 32) -> tuple[Array, Array]:
    """Return inputs of the heads (N, 2, 10 C + descriptors) and maps (N, 2, 22), of clips and their mirror images."""
    judge.eval()
    inputs, maps = [], []
    order = np.argsort(pool.length)
    with torch.no_grad():
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            longest = even(pool.length[index])
            features = pool.features[index, :longest].astype(np.float32)
            weights = weights_of(pool.length[index], longest)
            sides, side_maps = [], []
            for view in (features, mirrored(features)):
                saliency, parts = judge.encoder(torch.from_numpy(view))
                sides.append(pooled(parts.float(), weights).numpy())
                side_maps.append((saliency.float() * weights[..., None]).sum(dim=1).numpy())
            inputs.append(np.stack(sides, axis=1))
            maps.append(np.stack(side_maps, axis=1))
    back = np.argsort(order)
    encoded = np.concatenate([np.concatenate(inputs)[back], pool.descriptors], axis=2)
    return encoded, np.concatenate(maps)[back]


def train_heads(
    inputs: Array, truth: Truth, columns: slice, seed: int, epochs: float = 25.0, batch: int = 64
) -> Heads:
    """Return heads trained on `columns` of inputs (N, 2, D): the encoder's, the descriptors, or all."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    encoded = inputs.shape[2] - SIZE
    heads = Heads(0 if columns.start >= encoded else encoded // 10, descriptors=columns.stop > encoded)
    heads.standardise(torch.from_numpy(inputs[:, :, columns].reshape(-1, heads.get_buffer("mean").shape[0])))
    optimiser = torch.optim.AdamW(heads.parameters(), lr=2e-3, weight_decay=5e-2)
    groups = np.unique(truth.group.numpy(), return_inverse=True)[1]
    members = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
    total = int(epochs * len(members) / batch)
    reflected = mirrored_truth(truth)
    for step in range(total):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 50) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / total)))
        index = np.concatenate([members[each] for each in rng.choice(len(members), min(batch, len(members)), False)])
        side = int(rng.integers(2))
        said = heads(torch.from_numpy(inputs[index, side][:, columns]))
        loss = loss_of(said, (reflected if side else truth).at(torch.from_numpy(index)))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(heads.parameters(), 1.0)
        optimiser.step()
    return heads.eval()
