"""Heads: from what a primitive looked like to its quality, faults, style and place among all movements.

Quality is lost additively in the logarithm: each limb loses d ≥ 0, and quality = 100 · exp(−Σ d), the rubric's own
product. Its variance is learnt with it (heteroscedastic Gaussian likelihood, paper 1). Grades as prototypes of a
simplex equiangular tight frame, coarse then fine, after paper 4 are the alternative that is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.training.assessment_data import PARTS, STYLES
from dancecoach.training.faults import TRAINED
from dancecoach.types import LIMBS

EMBEDDING = 64
GRADE_EDGES = (0.0, 40.0, 55.0, 70.0, 85.0, 100.0)  # of E, D, C, B, A, as the rubric has them
UNIT = 10.0  # points, in which errors are told
_HIDDEN = 192


@dataclass(frozen=True, slots=True)
class Said:
    """What heads say of a batch.

    `deductions` (B, 5) in the logarithm; `log_variance` (B,) of quality in tens of points; `kinds` (B, 6, K) logits
    and `amounts` (B, 6, K) 0…1; `styles` (B, S) and `dancing` (B,) logits; `embedding` (B, 64) unit length; `grades`
    (B, 5) logits against the prototypes and `fine` (B, 5) 0…1 within the grade.
    """

    deductions: Tensor
    log_variance: Tensor
    kinds: Tensor
    amounts: Tensor
    styles: Tensor
    dancing: Tensor
    embedding: Tensor
    grades: Tensor
    fine: Tensor

    @property
    def quality(self) -> Tensor:
        """Points (B,)."""
        return 100.0 * torch.exp(-self.deductions.sum(dim=1))

    @property
    def graded(self) -> Tensor:
        """Points (B,) by grade, coarse then fine."""
        edges = torch.tensor(GRADE_EDGES)
        each = edges[:-1] + (edges[1:] - edges[:-1]) * self.fine
        return (torch.softmax(self.grades, dim=1) * each).sum(dim=1)


def prototypes(count: int) -> Tensor:
    """Return the vertices (count, count) of a simplex equiangular tight frame: unit length, equally far apart."""
    eye = torch.eye(count)
    return (count / (count - 1)) ** 0.5 * (eye - 1.0 / count)


class Heads(nn.Module):
    """A small perceptron over the numbers (B, D) that describe a primitive."""

    def __init__(self, size: int, hidden: int = _HIDDEN, dropout: float = 0.25) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("frame", prototypes(len(GRADE_EDGES) - 1))
        self.body = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(size, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        cells = len(PARTS) * len(TRAINED)
        self.deductions = nn.Linear(hidden, len(LIMBS))
        self.spread = nn.Linear(hidden, 1)
        self.kinds = nn.Linear(hidden, cells)
        self.amounts = nn.Linear(hidden, cells)
        self.styles = nn.Linear(hidden, len(STYLES))
        self.dancing = nn.Linear(hidden, 1)
        self.embedding = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, EMBEDDING))
        self.grades = nn.Linear(hidden, len(GRADE_EDGES) - 1)
        self.fine = nn.Linear(hidden, len(GRADE_EDGES) - 1)
        with torch.no_grad():
            self.deductions.bias.fill_(-2.5)
            self.kinds.bias.fill_(-3.0)

    def standardise(self, inputs: Tensor) -> None:
        """Remember mean and deviation of inputs (N, D)."""
        self.get_buffer("mean").copy_(inputs.mean(dim=0))
        self.get_buffer("scale").copy_(inputs.std(dim=0).clamp(min=0.02))

    def forward(self, inputs: Tensor, deductions: Tensor | None = None) -> Said:
        """Return what is said of inputs (B, D); `deductions` (B, 5) of a map replace the perceptron's own."""
        hidden = self.body(((inputs - self.get_buffer("mean")) / self.get_buffer("scale")).clamp(-6.0, 6.0))
        shape = (len(inputs), len(PARTS), len(TRAINED))
        own = functional.softplus(self.deductions(hidden)) if deductions is None else deductions
        direction = functional.normalize(self.grades(hidden), dim=1)
        return Said(
            deductions=own,
            log_variance=self.spread(hidden)[:, 0].clamp(-5.0, 3.0),
            kinds=self.kinds(hidden).reshape(shape),
            amounts=torch.sigmoid(self.amounts(hidden)).reshape(shape),
            styles=self.styles(hidden),
            dancing=self.dancing(hidden)[:, 0],
            embedding=functional.normalize(self.embedding(hidden), dim=1),
            grades=direction @ self.get_buffer("frame").T / 0.1,
            fine=torch.sigmoid(self.fine(hidden)),
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What should be said: see `assessment_data.table_of`; `group` says which clips are of one window."""

    deductions: Tensor
    amounts: Tensor
    style: Tensor
    dancing: Tensor
    group: Tensor

    @property
    def quality(self) -> Tensor:
        """Points (B,)."""
        return 100.0 * torch.exp(-self.deductions.sum(dim=1))

    def at(self, index: Tensor) -> Truth:
        """Return those of `index`."""
        return Truth(
            self.deductions[index], self.amounts[index], self.style[index], self.dancing[index], self.group[index]
        )


def likelihood(said: Said, truth: Truth) -> Tensor:
    """Return the mean negative log-likelihood (without its constant) of quality, in tens of points (paper 1)."""
    error = (truth.quality - said.quality) / UNIT
    return (error**2 / (2 * torch.exp(said.log_variance)) + 0.5 * said.log_variance).mean()


def loss_of(said: Said, truth: Truth, contrast: str = "supcon") -> Tensor:
    """Return the loss of all heads; `contrast` "supcon", "infonce" or "none" shapes the embedding."""
    quality = likelihood(said, truth)
    parts = functional.smooth_l1_loss(said.deductions, truth.deductions, beta=0.1)
    order = _order(said.quality, truth.quality, truth.group)
    present = (truth.amounts > 0).float()
    kinds = functional.binary_cross_entropy_with_logits(said.kinds, present)
    amounts = ((said.amounts - truth.amounts).abs() * present).sum() / present.sum().clamp(min=1.0)
    loss = quality + 4.0 * parts + 0.5 * order + 6.0 * kinds + 0.3 * amounts
    known = truth.style >= 0
    if bool(known.any()):
        loss = loss + 0.3 * functional.cross_entropy(said.styles[known], truth.style[known])
    loss = loss + 0.2 * functional.binary_cross_entropy_with_logits(said.dancing, truth.dancing.float())
    grade = torch.bucketize(truth.quality, torch.tensor(GRADE_EDGES[1:-1]), right=True)
    low = torch.tensor(GRADE_EDGES)[grade]
    width = torch.tensor(GRADE_EDGES)[grade + 1] - low
    fine = said.fine.gather(1, grade[:, None])[:, 0]
    loss = loss + 0.2 * functional.cross_entropy(said.grades, grade)
    loss = loss + 0.2 * (fine - (truth.quality - low) / width).abs().mean()
    if contrast == "supcon":
        loss = loss + 0.1 * (same_class(said.embedding, truth.group) + same_class(said.embedding, truth.style))
    elif contrast == "infonce":
        loss = loss + 0.2 * same_class(said.embedding, truth.group)
    return loss


def _order(said: Tensor, true: Tensor, group: Tensor) -> Tensor:
    """Return how wrong differences within a window are, tens of points squared."""
    same = (group[:, None] == group[None, :]).float()
    share = same / same.sum(dim=1, keepdim=True)
    error = (said - true) / UNIT
    return ((error - share @ error) ** 2).clamp(max=9.0).mean()


def same_class(embedding: Tensor, label: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the supervised contrastive loss (Khosla et al., NeurIPS 2020); with pairs as classes it is InfoNCE."""
    known = label >= 0
    embedding, label = embedding[known], label[known]
    if len(label) < 2:
        return embedding.sum() * 0.0
    logits = embedding @ embedding.T / temperature
    itself = torch.eye(len(label), dtype=torch.bool)
    logits = logits.masked_fill(itself, -1e9)
    like = (label[:, None] == label[None, :]) & ~itself
    share = torch.log_softmax(logits, dim=1)
    count = like.sum(dim=1)
    each = -(share * like).sum(dim=1) / count.clamp(min=1)
    return each[count > 0].mean() if bool((count > 0).any()) else embedding.sum() * 0.0
