"""How sure figures are that were measured on a few takes: intervals and paired tests over takes.

Frames of one take resemble each other; takes are what was sampled, so only they are resampled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from dancecoach.types import Floats

REPEATS = 2000
_EXACT = 14  # takes up to which all changes of sign are tried


def bootstrap(
    measure: Callable[[NDArray[np.int64]], float], takes: int, repeats: int = REPEATS, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of `measure`, a function of the indices of the takes that were drawn.

    Percentiles, moved so that their middle is the value of all takes: a distance between sets of windows grows when
    takes are drawn twice, which is no news about the model.
    """
    generator = np.random.default_rng(seed)
    values = [measure(generator.integers(0, takes, takes)) for _ in range(repeats)]
    low, middle, high = np.nanpercentile(values, [2.5, 50.0, 97.5])
    shift = measure(np.arange(takes)) - middle
    return float(low + shift), float(high + shift)


def mean_interval(values: Floats, weights: Floats | None = None, repeats: int = REPEATS) -> tuple[float, float]:
    """Return the 95 % interval of the mean of a figure of each take (N,), takes of `weights` (N,); NaN left out.

    The same draws for every figure: intervals of differences are those of `values_a − values_b`, paired by take.
    """
    weights = np.ones(len(values)) if weights is None else weights
    known = np.isfinite(values)
    if not known.any():
        return float("nan"), float("nan")
    weighted, weights = np.where(known, values, 0.0) * weights, np.where(known, weights, 0.0)
    drawn = np.random.default_rng(0).integers(0, len(values), (repeats, len(values)))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = weighted[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def worse_p(changed: Floats, original: Floats) -> float:
    """Return the one-sided p that `changed` (N,) is not worse (greater) than `original` (N,), paired by take.

    A permutation of signs: under the null hypothesis each difference is as likely the other way round. All of them
    for up to 14 takes, otherwise 20 000 at random.
    """
    difference = changed - original
    difference = difference[np.isfinite(difference)]
    count = len(difference)
    if count == 0:
        return 1.0
    if count <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((signs @ difference >= difference.sum() - 1e-12).mean())
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (20_000, count))
    return float((1 + np.count_nonzero(signs @ difference >= difference.sum())) / 20_001)


def wilcoxon_p(changed: Floats, original: Floats) -> float:
    """Return the one-sided p of Wilcoxon's signed-rank test that `changed` (N,) is not above `original` (N,)."""
    difference = changed - original
    difference = difference[np.isfinite(difference)]
    if not np.any(difference):
        return 1.0
    return float(wilcoxon(difference, alternative="greater").pvalue)
