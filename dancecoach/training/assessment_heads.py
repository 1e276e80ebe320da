"""Heads: from what a primitive looked like to its quality, faults, style and place among all movements.

The heads are built as the rubric is: of each part and kind of fault they tell the expected amount a (0…1 of the
rubric's full), a limb loses d = Σ −log(1 − weight · cost · a), and quality = 100 · exp(−Σ d), which is the rubric's
own product. Something further may be lost that no kind explains. The variance of quality is learnt with it
(heteroscedastic Gaussian likelihood, paper 1). Grades as prototypes of a simplex equiangular tight frame, coarse then
fine, after paper 4 are the alternative that is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.assessment.descriptors import PER_LIMB, SIDEWAYS, SIZE
from dancecoach.assessment.rubric import RULES, severity
from dancecoach.training.assessment_data import PARTS, STYLES
from dancecoach.training.faults import TRAINED
from dancecoach.types import LIMBS

EMBEDDING = 64
GRADE_EDGES = (0.0, 40.0, 55.0, 70.0, 85.0, 100.0)  # of E, D, C, B, A, as the rubric has them
UNIT = 10.0  # points, in which errors are told
_HIDDEN, _LIMB, _CONTEXT = 192, 96, 32


@dataclass(frozen=True, slots=True)
class Said:
    """What heads say of a batch.

    `deductions` (B, 5) in the logarithm; `log_variance` (B,) of quality in tens of points; `kinds` (B, 6, K) logits
    of a fault's presence and `amounts` (B, 6, K) logits of its expected amount; `styles` (B, S) and `dancing` (B,)
    logits; `embedding` (B, 64) unit length; `grades` (B, 5) logits against the prototypes and `fine` (B, 5) 0…1
    within the grade.
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
    scale = float((count / (count - 1)) ** 0.5)
    return scale * (torch.eye(count) - 1.0 / count)


def costs() -> Tensor:
    """Return what the full amount of each trained kind costs each part, (6, K) shares of all points."""
    return torch.tensor([[severity(part, kind, RULES[kind].full) / 100.0 for kind in TRAINED] for part in PARTS])


class Heads(nn.Module):
    """Small perceptrons over the numbers (B, D) that describe a primitive: one for each limb, one for the whole.

    Parameters
    ----------
    width : int
        Of the encoder's features, whose means and deviations by limb come first; 0 without them.
    descriptors : bool
        Whether kinematic descriptors follow.
    """

    def __init__(self, width: int, descriptors: bool, hidden: int = _HIDDEN, dropout: float = 0.25) -> None:
        super().__init__()
        size = 10 * width + (SIZE if descriptors else 0)
        own, signs = _own(width, descriptors)
        self.register_buffer("own", own)
        self.register_buffer("signs", signs)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("frame", prototypes(len(GRADE_EDGES) - 1))
        self.register_buffer("costs", costs())
        self.body = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(size, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        outputs = 2 * len(TRAINED) + 1
        self.around = nn.Linear(hidden, _CONTEXT)
        limbs = {
            sort: nn.Sequential(
                nn.Dropout(dropout / 2),
                nn.Linear(own.shape[1] + _CONTEXT, _LIMB),
                nn.GELU(),
                nn.Dropout(dropout / 2),
                nn.Linear(_LIMB, outputs),
            )
            for sort in ("arm", "leg", "torso")
        }
        self.limbs = nn.ModuleDict(limbs)
        self.whole = nn.Linear(hidden, outputs)
        self.spread = nn.Linear(hidden, 1)
        self.styles = nn.Linear(hidden, len(STYLES))
        self.dancing = nn.Linear(hidden, 1)
        self.embedding = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, EMBEDDING))
        self.grades = nn.Linear(hidden, len(GRADE_EDGES) - 1)
        self.fine = nn.Linear(hidden, len(GRADE_EDGES) - 1)
        with torch.no_grad():
            for head in (self.whole, *(each[-1] for each in limbs.values())):
                nn.init.constant_(head.get_parameter("bias"), -3.5)

    def standardise(self, inputs: Tensor) -> None:
        """Remember mean and deviation of inputs (N, D)."""
        self.get_buffer("mean").copy_(inputs.mean(dim=0))
        self.get_buffer("scale").copy_(inputs.std(dim=0).clamp(min=0.02))

    def forward(self, inputs: Tensor, deductions: Tensor | None = None) -> Said:
        """Return what is said of inputs (B, D); `deductions` (B, 5) of a map replace the heads' own."""
        normal = ((inputs - self.get_buffer("mean")) / self.get_buffer("scale")).clamp(-6.0, 6.0)
        hidden = self.body(normal)
        around = self.around(hidden)
        told = [
            self.limbs[limb.split("_")[-1]](torch.cat([normal[:, own] * signs, around], dim=1))
            for limb, own, signs in zip(LIMBS, self.get_buffer("own"), self.get_buffer("signs"), strict=True)
        ]
        cells = torch.stack([*told, self.whole(hidden)], dim=1)  # (B, 6, 2 K + 1)
        kinds, amounts, further = torch.tensor_split(cells, (len(TRAINED), 2 * len(TRAINED)), dim=2)
        lost = -torch.log1p(-self.get_buffer("costs") * torch.sigmoid(amounts)).sum(dim=2)
        lost = lost + functional.softplus(further[..., 0])
        own_deductions = lost[:, :-1] + lost[:, -1:] / len(LIMBS)
        direction = functional.normalize(self.grades(hidden), dim=1)
        return Said(
            deductions=own_deductions if deductions is None else deductions,
            log_variance=self.spread(hidden)[:, 0].clamp(-5.0, 3.0),
            kinds=kinds,
            amounts=amounts,
            styles=self.styles(hidden),
            dancing=self.dancing(hidden)[:, 0],
            embedding=functional.normalize(self.embedding(hidden), dim=1),
            grades=direction @ self.get_buffer("frame").T / 0.1,
            fine=torch.sigmoid(self.fine(hidden)),
        )


def _own(width: int, descriptors: bool) -> tuple[Tensor, Tensor]:
    """Return which inputs are of each limb (5, n), and their signs: what points left points out of the body."""
    rows, signs = [], []
    for number, limb in enumerate(LIMBS):
        row = [*range(number * width, (number + 1) * width)]
        row += [len(LIMBS) * width + each for each in row]
        sign = [1.0] * len(row)
        if descriptors:
            first = 2 * len(LIMBS) * width + number * PER_LIMB
            row += range(first, first + PER_LIMB)
            sign += [-1.0 if limb.startswith("right") and each in SIDEWAYS else 1.0 for each in range(PER_LIMB)]
        rows.append(row)
        signs.append(sign)
    return torch.tensor(rows), torch.tensor(signs)


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
    parts = ((said.deductions - truth.deductions) ** 2).sum(dim=1).mean()
    order = _order(said.quality / UNIT, truth.quality / UNIT, truth.group).clamp(max=9.0).mean()
    limbs = _order(said.deductions, truth.deductions, truth.group).sum(dim=1).mean()
    present = (truth.amounts > 0).float()
    kinds = functional.binary_cross_entropy_with_logits(said.kinds, present, reduction="none").sum(dim=(1, 2)).mean()
    cells = functional.binary_cross_entropy_with_logits(said.amounts, truth.amounts, reduction="none")
    amounts = cells.sum(dim=(1, 2)).mean()
    between = _order(torch.sigmoid(said.amounts), truth.amounts, truth.group).sum(dim=(1, 2)).mean()
    loss = (
        quality
        + order
        + 1.5 * _ranked(said.quality, truth.quality, truth.group)
        + 4.0 * parts
        + 6.0 * limbs
        + 0.15 * kinds
        + 0.3 * amounts
        + 1.5 * between
    )
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
    """Return the squared errors (B, ...) of differences within a window."""
    same = (group[:, None] == group[None, :]).float()
    share = same / same.sum(dim=1, keepdim=True)
    error = said - true
    return (error - (share @ error.flatten(1) if error.dim() > 1 else share @ error).reshape(error.shape)) ** 2


def _ranked(said: Tensor, true: Tensor, group: Tensor, least: float = 2.0, scale: float = 3.0) -> Tensor:
    """Return how surprising it is which clip of a window ranks above which, for those `least` points apart.

    Burges et al., "Learning to rank using gradient descent", ICML 2005: a small difference the right way counts.
    """
    pairs = (group[:, None] == group[None, :]) & (true[:, None] - true[None, :] > least)
    gaps = (said[:, None] - said[None, :])[pairs]
    return functional.softplus(-gaps / scale).mean() if len(gaps) else said.sum() * 0.0


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
