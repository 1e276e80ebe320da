"""Kernel ridge regression on a few centres: from what is seen of the leader to what follower and leader do next.

With features x (F,), centres c_j and weights W, the answer is y = b + Σ_j exp(−γ |x̂ − c_j|² / F) W_j, x̂ the features
standardised and weighted. The centres are means of clusters of the training windows (k-means), so none of them is a
recording; W minimises |K W − Y|² + λ tr(Wᵀ K_cc W) (Nyström; Williams and Seeger, 2001), and is then reduced to its
largest singular directions. Far from every centre the answer is b, the mean, and `familiarity` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dancecoach.types import Floats

CENTRES = 2500
RANK = 192
WIDTH = 1.0  # γ
RIDGE = 0.3  # λ
_LEAST_SD = 1e-3  # m or m/s, of a feature that hardly varies
_ROUNDS = 5  # of k-means
_BLOCK = 4096  # rows at a time


@dataclass(frozen=True, slots=True, eq=False)
class KernelRegression:
    """A model: `mean`, `scale` (F,) of the features; `centres` (C, F); `left` (C, R), `right` (R, O), `bias` (O,).

    The answer has O values; R is the rank that was kept.
    """

    mean: Floats
    scale: Floats
    centres: Floats
    left: Floats
    right: Floats
    bias: Floats

    def familiarity(self, features: Floats) -> Floats:
        """Return how near (...,) 0…1 features (..., F) are to the nearest centre."""
        return np.asarray(self._kernel(features).max(axis=-1))

    def __call__(self, features: Floats) -> Floats:
        """Return the answer (..., O) for features (..., F)."""
        return np.asarray(self._kernel(features) @ self.left @ self.right + self.bias)

    def _kernel(self, features: Floats) -> Floats:
        return kernel((features - self.mean) * self.scale, self.centres)

    def answer(self, features: Floats) -> tuple[Floats, float]:
        """Return the answer (O,) for features (F,), and how familiar they are."""
        near = self._kernel(features)
        return np.asarray(near @ self.left @ self.right + self.bias), float(near.max())


def kernel(first: Floats, second: Floats) -> Floats:
    """Return exp(−γ |a − b|² / F) (..., C) of points (..., F) and (C, F)."""
    squared = (first**2).sum(axis=-1)[..., None] + (second**2).sum(axis=-1) - 2 * first @ second.T
    return np.asarray(np.exp(-WIDTH / second.shape[1] * np.maximum(squared, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted model and what is needed to ask how it would do on each part without having seen it.

    `smoother` (N, C) is H of the smoother H Hᵀ; `wanted` (N, O) without its mean; `blocks` the parts.
    """

    model: KernelRegression
    smoother: Floats
    wanted: Floats
    blocks: Sequence[slice]

    def left_out(self) -> list[Floats]:
        """Return the answers (n, O) for every block of rows, had it been left out of the training (exact)."""
        common = self.smoother.T @ self.wanted
        found = []
        for block in self.blocks:
            rows, wanted = self.smoother[block], self.wanted[block]
            own = rows @ rows.T
            known = rows @ common - own @ wanted
            found.append(np.linalg.solve(np.eye(len(own)) - own, known) + self.model.bias)
        return found


def fit(
    features: Floats,
    wanted: Floats,
    weights: Floats,
    blocks: Sequence[slice] = (),
    centres: int = CENTRES,
    seed: int = 1,
) -> Fit:
    """Fit a model.

    Parameters
    ----------
    features : (N, F)
    wanted : (N, O)
    weights : (F,)
        How much each feature counts in a distance.
    blocks : sequence of slice, optional
        Parts that can be left out later, each all there is of one take.
    centres : int
    seed : int
    """
    mean = features.mean(axis=0)
    scale = weights / (features.std(axis=0) + _LEAST_SD)
    points = (features - mean) * scale
    middles = _clusters(points.astype(np.float32), min(centres, len(points)), seed)
    between = kernel(points, middles)
    # (KᵀK + λ K_cc) = G Gᵀ; then H = K G⁻ᵀ is a factor of the smoother H Hᵀ.
    gram = between.T @ between + RIDGE * kernel(middles, middles) + 1e-5 * np.eye(len(middles))
    factor = np.linalg.cholesky(gram)
    smoother = np.linalg.solve(factor, between.T).T
    bias = wanted.mean(axis=0)
    weighted = np.linalg.solve(factor.T, smoother.T @ (wanted - bias))
    spread = wanted.std(axis=0) + 1e-6
    left, right = _reduced(between, weighted / spread)
    model = KernelRegression(mean, scale, middles, left, right * spread, bias)
    return Fit(model, smoother, wanted - bias, blocks)


def _reduced(between: Floats, weighted: Floats) -> tuple[Floats, Floats]:
    """Return factors (C, R), (R, O) of the weights that keep most of the answers' variance."""
    answers = between @ weighted
    _, directions = np.linalg.eigh(answers.T @ answers)
    kept = directions[:, -RANK:]
    return weighted @ kept, kept.T


def _clusters(points: Floats, count: int, seed: int) -> Floats:
    """Return the means (count, F) of clusters of points (N, F)."""
    random = np.random.default_rng(seed)
    middles = points[random.choice(len(points), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        length = (middles**2).sum(axis=1)
        nearest = np.concatenate(
            [
                np.argmin(length - 2 * points[start : start + _BLOCK] @ middles.T, axis=1)
                for start in range(0, len(points), _BLOCK)
            ]
        )
        sizes = np.bincount(nearest, minlength=count)
        order = np.argsort(nearest, kind="stable")
        filled = sizes > 0
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])[filled]
        middles[filled] = np.add.reduceat(points[order], starts, axis=0) / sizes[filled, None]
    return np.asarray(middles.astype(np.float64))
