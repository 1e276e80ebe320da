"""Second stage: heads on the frozen encoder and the descriptors; what ships is chosen on validation takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from dancecoach.assessment.descriptors import SIZE
from dancecoach.training.assessment_data import Take
from dancecoach.training.assessment_export import Calibration, JudgeModule, Manifold, manifold_of
from dancecoach.training.assessment_heads import Heads, Truth
from dancecoach.training.motion_network import part_sums
from dancecoach.training.train_motion import PART_MIRROR, Judge, Pool, encode, train_heads

_log = logging.getLogger(__name__)
_PERCENTILE = 99.0  # of validation clips, that are familiar

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A pool as the heads see it: `inputs` (N, 2, D), `maps` (N, 2, 22), truths, names of takes."""

    inputs: Array
    maps: Array
    truth: Truth
    take: NDArray[np.str_]

    @classmethod
    def kept(cls, judge: Judge, pool: Pool, path: Path) -> Encoded:
        """Return a pool encoded, now or before into `path`."""
        if not path.exists():
            inputs, maps = encode(judge, pool)
            np.savez(path, inputs=inputs, maps=maps)
        with np.load(path, allow_pickle=False) as file:
            return cls(file["inputs"], file["maps"], pool.truth, pool.take)


def columns_of(size: int) -> dict[str, slice]:
    """Return which of the inputs each variant of the heads is given."""
    return {
        "encoder": slice(0, size - SIZE),
        "descriptors": slice(size - SIZE, size),
        "encoder and descriptors": slice(0, size),
    }


def deductions_of(module: Heads, data: Encoded, columns: slice) -> tuple[Array, Array]:
    """Return deductions (N, 5) and variances (N,) points², means over both views."""
    swap = list(PART_MIRROR)
    with torch.no_grad():
        views = [module(torch.from_numpy(np.ascontiguousarray(data.inputs[:, side, columns]))) for side in (0, 1)]
    deductions = 0.5 * (views[0].deductions + views[1].deductions[:, swap])
    variance = 50.0 * (torch.exp(views[0].log_variance) + torch.exp(views[1].log_variance))
    return deductions.numpy(), variance.numpy()


def mapped_deductions(maps: Array) -> Array:
    """Return the deductions (N, 5) that maps (N, 2, 22) tell."""
    both = maps @ part_sums().numpy()
    return np.asarray(0.5 * (both[:, 0] + both[:, 1][:, list(PART_MIRROR)]), dtype=np.float32)


def quality(deductions: Array) -> Array:
    """Return points (N,)."""
    return np.asarray(100.0 * np.exp(-deductions.sum(axis=1)), dtype=np.float32)


def figures(deductions: Array, variance: Array | None, data: Encoded) -> dict[str, float]:
    """Return error, rank correlation, likelihood and how often the right limb is named, on a pool."""
    true, said = data.truth.quality.numpy(), quality(deductions)
    result = {
        "rmse": float(np.sqrt(((true - said) ** 2).mean())),
        "srcc": float(spearmanr(true, said).statistic),
    }
    wanted = data.truth.deductions.numpy()
    single = (wanted > 0.05).sum(axis=1) == 1
    result["limb"] = float((wanted[single].argmax(axis=1) == deductions[single].argmax(axis=1)).mean())
    if variance is not None:
        result["nll"] = float((0.5 * np.log(2 * np.pi * variance) + (true - said) ** 2 / (2 * variance)).mean())
    return result


def assemble(
    training: Encoded,
    validation: Encoded,
    held_out: Encoded,
    takes: Sequence[Take],
    seed: int,
    members: int = 3,
    epochs: float = 30.0,
) -> tuple[JudgeModule, float, dict[str, Any]]:
    """Return the heads that do best on validation takes, their threshold of distance, and all variants' figures.

    The variants are compared after half the `epochs`, by their likelihood; the best is trained `members` times in
    full. Figures on `held_out` clips decide nothing.
    """
    size = training.inputs.shape[2]
    mapped_only = [(mapped_deductions(each.maps), None) for each in (validation, held_out)]
    table: dict[str, Any] = {"map of the encoder": _row(mapped_only, (validation, held_out))}
    for name, columns in columns_of(size).items():
        heads = train_heads(training.inputs, training.truth, columns, seed, epochs / 2)
        said = [deductions_of(heads, each, columns) for each in (validation, held_out)]
        table[name] = _row(said, (validation, held_out))
        _log.info("%s: %s", name, table[name])
    best = min(columns_of(size), key=lambda name: float(table[name]["nll"]))
    columns = columns_of(size)[best]
    found = [train_heads(training.inputs, training.truth, columns, seed + n, epochs) for n in range(members)]
    told, spread = _together(found, validation, columns)
    mapped = mapped_deductions(validation.maps)
    mixes = {mix: (1 - mix) * told + mix * mapped for mix in (0.0, 0.15, 0.3, 0.5, 0.7)}
    scores = {mix: figures(one, spread, validation) for mix, one in mixes.items()}
    mix = min(scores, key=lambda each: scores[each]["rmse"])
    calibration = _calibrated(mix, mixes[mix], spread, validation)
    aside, aside_spread = _together(found, held_out, columns)
    aside = (1 - mix) * aside + mix * mapped_deductions(held_out.maps)
    stretch, floor = calibration.stretch, calibration.floor
    table["shipped"] = {
        "inputs": best,
        "mix": mix,
        "stretch": stretch,
        "floor": floor,
        **_row(
            [(mixes[mix], stretch * spread + floor), (aside, stretch * aside_spread + floor)], (validation, held_out)
        ),
    }
    _log.info("shipped: %s", table["shipped"])
    corpora = {take.name: f"{take.corpus} {take.style}" if take.style_index >= 0 else take.corpus for take in takes}
    manifold = manifold_of(training.inputs, [corpora[str(name)] for name in training.take])
    threshold = _threshold(manifold, validation)
    return JudgeModule(found, [columns] * members, manifold, calibration), threshold, table


def _row(
    said: Sequence[tuple[Array, Array | None]], data: tuple[Encoded, Encoded]
) -> dict[str, float | dict[str, float]]:
    """Return figures on validation clips, and on held-out clips within."""
    validation, held_out = (figures(*each, of) for each, of in zip(said, data, strict=True))
    return {**validation, "held out": held_out}


def _together(members: Sequence[Heads], data: Encoded, columns: slice) -> tuple[Array, Array]:
    """Return the mean deductions (N, 5) of several heads, and variances (N,) with their disagreement, points²."""
    each = [deductions_of(heads, data, columns) for heads in members]
    told = np.mean([one[0] for one in each], axis=0)
    return told, np.mean([one[1] for one in each], axis=0) + np.var([quality(one[0]) for one in each], axis=0)


def _calibrated(mix: float, deductions: Array, variance: Array, data: Encoded) -> Calibration:
    """Return the calibration of variance that makes validation likeliest; every take counts alike."""
    error = (data.truth.quality.numpy() - quality(deductions)).astype(np.float64) ** 2
    names, counts = np.unique(data.take, return_counts=True)
    weight = 1.0 / counts[np.searchsorted(names, data.take)]
    best, least = Calibration(mix), np.inf
    for stretch in np.geomspace(0.4, 4.0, 25):
        for floor in (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0):
            total = stretch * variance + floor
            loss = float((weight * (np.log(total) + error / total)).sum())
            if loss < least:
                best, least = Calibration(mix, float(stretch), floor), loss
    return best


def _threshold(manifold: Manifold, data: Encoded) -> float:
    """Return the distance below which almost all validation clips lie."""
    return float(np.percentile(manifold.distances(data.inputs), _PERCENTILE))
