"""The heads as they ship: averaged over members, a movement and its mirror image; calibrated, with distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dancecoach.training.assessment_data import STYLES
from dancecoach.training.assessment_heads import UNIT, Heads
from dancecoach.training.faults import TRAINED
from dancecoach.training.motion_network import part_sums
from dancecoach.training.train_motion import PART_MIRROR
from dancecoach.types import LIMBS

Array = NDArray[np.float32]
_COMPONENTS = 32
_SHRINK = 0.1


@dataclass(frozen=True, slots=True)
class Manifold:
    """Where training movements lie: `basis` (D, P) after mean and scale, `centres` (K, P) in whitened units.

    The distance of a movement is that to the nearest centre; centres are the means of styles and corpora, the
    covariance is shared (Lee et al., "A simple unified framework for detecting out-of-distribution samples",
    NeurIPS 2018).
    """

    mean: Array
    scale: Array
    basis: Array
    centres: Array

    def distances(self, inputs: Array) -> Array:
        """Return distances (N,) of inputs (N, 2, D)."""
        return np.asarray(_distance(self, torch.from_numpy(inputs.mean(axis=1))).numpy(), dtype=np.float32)


def manifold_of(inputs: Array, classes: Sequence[str]) -> Manifold:
    """Return the manifold of inputs (N, 2, D) of these classes (N,)."""
    rows = inputs.mean(axis=1).astype(np.float64)
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 0.05)
    normal = np.clip((rows - mean) / scale, -8, 8)
    _, _, vectors = np.linalg.svd(normal, full_matrices=False)
    basis = vectors[:_COMPONENTS].T
    projected = normal @ basis
    names = np.array(classes)
    means = np.stack([projected[names == name].mean(axis=0) for name in sorted(set(classes))])
    own = np.stack([means[sorted(set(classes)).index(name)] for name in classes])
    covariance = np.cov((projected - own).T)
    covariance = (1 - _SHRINK) * covariance + _SHRINK * np.eye(len(covariance)) * np.trace(covariance) / len(
        covariance
    )
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
    single = [each.astype(np.float32) for each in (mean, scale, basis @ whiten, means @ whiten)]
    return Manifold(*single)


def _distance(manifold: Manifold, rows: Tensor) -> Tensor:
    """Return the distance (N,) of rows (N, D): to the nearest centre, and what the components do not explain."""
    mean, scale = torch.from_numpy(manifold.mean), torch.from_numpy(manifold.scale)
    normal = ((rows - mean) / scale).clamp(-8.0, 8.0)
    placed = normal @ torch.from_numpy(manifold.basis)
    gaps = ((placed[:, None] - torch.from_numpy(manifold.centres)[None]) ** 2).sum(dim=2)
    return torch.sqrt(gaps.min(dim=1).values / placed.shape[1])


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on validation takes.

    `mix` share of the encoder's map in the deductions; `stretch` and `floor` of the variance (points²): variance =
    stretch · learnt + floor.
    """

    mix: float = 0.0
    stretch: float = 1.0
    floor: float = 0.0


class JudgeModule(nn.Module):
    """Inputs (2, D) and maps (2, 22) of a movement and its mirror image to all that is said of it."""

    def __init__(
        self, members: Sequence[Heads], columns: Sequence[slice], manifold: Manifold, calibration: Calibration
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.columns, self.manifold, self.calibration = tuple(columns), manifold, calibration
        self.register_buffer("sums", part_sums())

    def forward(self, inputs: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
        """Return deductions (5,), variance, kinds (6, K), amounts (6, K), styles, dancing, embedding, distance."""
        swap = list(PART_MIRROR)
        body = [*swap, len(swap)]
        said = [member(inputs[:, columns]) for member, columns in zip(self.members, self.columns, strict=True)]
        mapped = maps @ self.get_buffer("sums")
        views = torch.stack([0.5 * (each.deductions[0] + each.deductions[1][swap]) for each in said])
        own = views.mean(dim=0)
        mix = self.calibration.mix
        deductions = (1 - mix) * own + mix * 0.5 * (mapped[0] + mapped[1][swap])
        learnt = torch.stack([torch.exp(each.log_variance).mean() for each in said]).mean() * UNIT**2
        qualities = 100.0 * torch.exp(-views.sum(dim=1))
        among = ((qualities - qualities.mean()) ** 2).mean()
        variance = self.calibration.stretch * (learnt + among) + self.calibration.floor
        kinds = torch.stack([_both(torch.sigmoid(each.kinds), body) for each in said]).mean(dim=0)
        amounts = torch.stack([_both(torch.sigmoid(each.amounts), body) for each in said]).mean(dim=0)
        styles = torch.stack([torch.softmax(each.styles, dim=1).mean(dim=0) for each in said]).mean(dim=0)
        dancing = torch.stack([torch.sigmoid(each.dancing).mean() for each in said]).mean()
        embedding = said[0].embedding.mean(dim=0)
        embedding = embedding / embedding.norm().clamp(min=1e-6)
        distance = _distance(self.manifold, inputs.mean(dim=0, keepdim=True))[0]
        return deductions, variance, kinds, amounts, styles, dancing, embedding, distance


def _both(values: Tensor, body: list[int]) -> Tensor:
    return 0.5 * (values[0] + values[1][body])


def export_judge(module: JudgeModule, size: int, threshold: float, path: Path) -> None:
    """Write the heads to `path` as ONNX; `size` of the inputs, `threshold` of the distance."""
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module.eval(),
        (torch.zeros(2, size), torch.zeros(2, 22)),
        str(path),
        input_names=["inputs", "maps"],
        output_names=["deductions", "variance", "kinds", "amounts", "styles", "dancing", "embedding", "distance"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    about = {
        "schema": "dancecoach.judge/1",
        "styles": ",".join(STYLES),
        "kinds": ",".join(TRAINED),
        "limbs": ",".join(LIMBS),
        "threshold": f"{threshold:.6f}",
    }
    onnx.helper.set_model_props(model, about)
    onnx.save(model, path)
