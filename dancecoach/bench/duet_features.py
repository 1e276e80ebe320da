"""Features of whole windows of motion, and the distances between sets of them: FID, KID, diversity.

The features are published ones and scored "as published" as well as corrected. What is corrected:

kinetic
    The published acceleration divides only one of its two terms by the frame time, so it measures where a body is,
    not how it accelerates; and it takes 60 frames a second for granted.
geometric
    The published thresholds of speed take 120 frames a second for granted.
both
    y is up here, as published; data with z up must be turned first.

References
----------
Onuma, Faloutsos & Hodgins, "FMDistance" (2008), and Müller, Röder & Clausen, "Efficient content-based retrieval of
motion capture data" (2005), as used for dance by Li et al., "AI Choreographer" (2021); Siyao et al., "Duolando"
(2024) for the distances between two dancers; Bińkowski et al., "Demystifying MMD GANs" (2018) for KID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import JOINT_INDEX, Floats

WINDOW = 5.0  # s
STRIDE = 2.5  # s
_ASSUMED_KINETIC = 60.0  # frames a second
_ASSUMED_GEOMETRIC = 120.0
_REACH = 2  # frames to either side over which velocity and acceleration are averaged
_STD = 1e-10  # added to standard deviations, as published
SHARE_STD = 0.01  # least standard deviation of a share of frames: a rare pose must not outweigh everything
# Pelvis, ankles, feet, head, shoulders, wrists.
CROSS_JOINTS = (0, 7, 8, 10, 11, 15, 16, 17, 20, 21)


def windows(room: Floats, rate: float, seconds: float = WINDOW, stride: float = STRIDE) -> list[Floats]:
    """Cut motion (T, ...) into windows of `seconds`, `stride` s apart; a shorter motion is one window."""
    size, step = round(seconds * rate), max(1, round(stride * rate))
    if len(room) <= size:
        return [room]
    return [room[start : start + size] for start in range(0, len(room) - size + 1, step)]


# --- kinetic ------------------------------------------------------------------------------------------------------


def kinetic_features(room: Floats, rate: float, published: bool = False) -> Floats:
    """Return the kinetic features φ_k of a window.

    With p the joints' positions from the first frame's pelvis, and means over five frames (fewer at the ends), of
    every joint: the mean over time of |v|² along the floor, of v² upwards, and of |a|.

    Parameters
    ----------
    room : (T, 22, 3) m, y up, T ≥ 3
    rate : float
        Frames a second; ignored as published.
    published : bool
        Take 60 frames a second for granted and a = (v₂ − (p_i − p_{i−1}/dt))/dt with its misplaced bracket.

    Returns
    -------
    (66,)
        22 × (floor m²/s², upwards m²/s², acceleration m/s²), joint by joint.
    """
    positions = room - room[0, :1]
    return _kinetic(positions, 1.0 / (_ASSUMED_KINETIC if published else rate), published)


def _kinetic(positions: Floats, interval: float, published: bool) -> Floats:
    count = len(positions)
    frame = np.arange(1, count)
    high, low = np.minimum(frame + _REACH, count - 1), np.maximum(frame - _REACH - 1, 0)
    # A mean of successive differences is the difference of the ends.
    velocity = (positions[high] - positions[low]) / ((high - low) * interval)[:, None, None]
    flat = (velocity[..., [0, 2]] ** 2).sum(axis=-1).mean(axis=0)
    upwards = (velocity[..., 1] ** 2).mean(axis=0)
    high, low = np.minimum(frame + _REACH, count - 2), np.maximum(frame - _REACH, 1)
    terms = (high - low + 1)[:, None, None]
    steps = np.diff(positions, axis=0)
    if published:
        total = np.concatenate([np.zeros_like(positions[:1]), np.cumsum(positions, axis=0)])
        here, before = total[high + 1] - total[low], total[high] - total[low - 1]
        # Σ (p_{m+1} − p_m)/dt² − p_m/dt + p_{m−1}/dt²
        change = (positions[high + 1] - positions[low] + before) / interval**2 - here / interval
    else:
        change = (steps[high] - steps[low - 1]) / interval**2
    acceleration = np.linalg.norm(change / terms, axis=-1).mean(axis=0)
    return np.asarray(np.stack([flat, upwards, acceleration], axis=1).ravel())


# --- geometric ----------------------------------------------------------------------------------------------------

_UPPER_ARM, _SHOULDERS, _HIPS = 0.257, 0.391, 0.119  # m, the published body's; units of the thresholds
_SHORT = {
    "root": "pelvis", "belly": "spine1", "chest": "spine3", "neck": "neck",
    "rhip": "right_hip", "rknee": "right_knee", "rankle": "right_ankle", "rtoes": "right_foot",
    "rshoulder": "right_shoulder", "relbow": "right_elbow", "rwrist": "right_wrist",
}  # fmt: skip
# Kind, joints, bound(s). "across": the last moves faster along the normal of the first three; "along": it moves
# faster than the third along the way from the first to the second; "beyond": it lies farther than that along it,
# counted from the third; "before": it lies farther in front of the plane of the first three; "angle": between the
# ways first–second and third–fourth; "fast": its speed.
_PAIRED: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("across", "neck rhip lhip rwrist", (1.8 * _UPPER_ARM,)),
    ("beyond", "chest neck neck rwrist", (0.2 * _UPPER_ARM,)),
    ("along", "belly chest chest rwrist", (1.8 * _UPPER_ARM,)),
    ("angle", "relbow rshoulder relbow rwrist", (0.0, 110.0)),
    ("along", "rwrist root lwrist root", (1.4 * _UPPER_ARM,)),
    ("fast", "rwrist", (2.5 * _UPPER_ARM,)),
    ("before", "root lhip ltoes rankle", (0.38 * _UPPER_ARM,)),
    ("above", "rankle", (1.2 * _UPPER_ARM,)),
    ("angle", "rknee rhip rknee rankle", (0.0, 110.0)),
    ("fast", "rankle", (2.5 * _UPPER_ARM,)),
    ("angle", "neck root rshoulder relbow", (25.0, 180.0)),
    ("angle", "neck root rhip rknee", (50.0, 180.0)),
    ("below", "rwrist", (1.2 * _UPPER_ARM,)),
)
_SINGLE: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("beyond", "lshoulder rshoulder lwrist rwrist", (2.5 * _SHOULDERS,)),
    ("along", "lwrist rwrist rwrist lwrist", (1.4 * _UPPER_ARM,)),
    ("beyond", "lhip rhip lankle rankle", (2.1 * _HIPS,)),
    ("before", "rankle neck lankle root", (0.5 * _UPPER_ARM,)),
    ("lying", "neck root", (70.0, 110.0)),
    ("fast", "root", (2.3 * _UPPER_ARM,)),
)


def geometric_features(room: Floats, rate: float, published: bool = False) -> Floats:
    """Return the geometric features φ_g of a window: the share of frames in which each of 32 relations holds.

    Parameters
    ----------
    room : (T, 22, 3) m, y up, T ≥ 2
    rate : float
        Frames a second; ignored as published.
    published : bool
        Take 120 frames a second for granted in the twelve relations of speed.

    Returns
    -------
    (32,) 0…1
        Thirteen relations of the right side, the same of the left, six of both.
    """
    interval = 1.0 / (_ASSUMED_GEOMETRIC if published else rate)
    rows = [*_PAIRED, *((kind, _other_side(joints), bounds) for kind, joints, bounds in _PAIRED), *_SINGLE]
    return np.array([_relation(room, interval, kind, joints.split(), bounds).mean() for kind, joints, bounds in rows])


def _other_side(joints: str) -> str:
    swap = {"r": "l", "l": "r"}
    return " ".join(
        word if word in ("root", "neck", "chest", "belly") else swap[word[0]] + word[1:] for word in joints.split()
    )


def _joint(room: Floats, word: str) -> Floats:
    if word.startswith("l"):
        return room[:, JOINT_INDEX[_SHORT[f"r{word[1:]}"].replace("right", "left")]]
    return room[:, JOINT_INDEX[_SHORT[word]]]


def _relation(
    room: Floats, interval: float, kind: str, words: list[str], bounds: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Return in which of the frames from the second on a relation holds, (T − 1,)."""
    points = [_joint(room, word) for word in words]
    now = [each[1:] for each in points]
    moved = [np.diff(each, axis=0) / interval for each in points]
    if kind == "fast":
        return np.asarray(np.linalg.norm(moved[0], axis=1) > bounds[0])
    if kind in ("above", "below"):
        height = now[0][:, 1] - room[1:, :, 1].min(axis=1)
        return np.asarray(height >= bounds[0] if kind == "above" else height <= bounds[0])
    if kind in ("angle", "lying"):
        first = now[1] - now[0]
        second = np.array([0.0, 1.0, 0.0]) if kind == "lying" else now[3] - now[2]
        cosine = (_unit(first) * _unit(np.broadcast_to(second, first.shape))).sum(axis=1)
        angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
        return np.asarray((angle >= bounds[0]) & (angle <= bounds[1]))
    if kind in ("across", "before"):
        normal = _unit(np.cross(now[1] - now[0], now[2] - now[0]))
        value = moved[3] - moved[0] if kind == "across" else now[3] - now[0]
        return np.asarray((value * normal).sum(axis=1) > bounds[0])
    value = moved[3] - moved[2] if kind == "along" else now[3] - now[2]
    return np.asarray((value * _unit(now[1] - now[0])).sum(axis=1) > bounds[0])


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


# --- two dancers --------------------------------------------------------------------------------------------------


def cross_distances(leader: Floats, follower: Floats) -> Floats:
    """Return φ_cd (100,) m: distances of ten joints of one to ten of the other, (T, 22, 3) m, means over time."""
    gaps = leader[:, CROSS_JOINTS, None] - follower[:, None, CROSS_JOINTS]
    return np.asarray(np.linalg.norm(gaps, axis=-1).mean(axis=0).ravel())


# --- sets of features ---------------------------------------------------------------------------------------------


def frechet_distance(first: Floats, second: Floats) -> float:
    """Return ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two sets (N, D) and (M, D).

    The trace of the root is the sum of the roots of the eigenvalues of Σ₂^½ Σ₁ Σ₂^½, which are real and not negative:
    no offset on the diagonal is needed where there are fewer samples than features. Of sets smaller than a few times
    D it is far above 0 even if both are of one distribution: compare with `split_half_floor`.
    """
    covariance = _covariance(second)
    return _frechet(first, second.mean(axis=0), covariance, _root(covariance))


def _frechet(first: Floats, mean: Floats, covariance: Floats, root: Floats) -> float:
    apart = first.mean(axis=0) - mean
    own = _covariance(first)
    joint = float(np.sqrt(np.maximum(np.linalg.eigvalsh(root @ own @ root), 0.0)).sum())
    return max(0.0, float(apart @ apart + np.trace(own) + np.trace(covariance) - 2.0 * joint))


def _covariance(values: Floats) -> Floats:
    if len(values) < 2:
        return np.zeros((values.shape[1], values.shape[1]))
    return np.asarray(np.atleast_2d(np.cov(values, rowvar=False)), dtype=np.float64)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A set of features to compare others with, and what is needed for it again and again.

    `mean`, `scale` (D,): features are compared in standard deviations of the reference from its mean; `values` (M, D)
    the reference so; `covariance` and its `root` (D, D).
    """

    mean: Floats
    scale: Floats
    values: Floats
    covariance: Floats
    root: Floats

    @classmethod
    def of(cls, features: Floats, least: float = 0.0) -> Reference:
        """Return features (M, D) as a reference, standard deviations at least `least`.

        As published they are 1e-10 more than measured, so that a feature which never varies in the reference
        outweighs all others where it does vary.
        """
        mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), least) + _STD
        values = (features - mean) / scale
        covariance = _covariance(values)
        return cls(mean, scale, values, covariance, _root(covariance))

    def standardised(self, features: Floats) -> Floats:
        """Return features (N, D) in standard deviations."""
        return np.asarray((features - self.mean) / self.scale)

    def fid(self, features: Floats) -> float:
        """Return the Fréchet distance of features (N, D), see `frechet_distance`."""
        return _frechet(self.standardised(features), self.values.mean(axis=0), self.covariance, self.root)

    def kid(self, features: Floats) -> float:
        """Return the kernel distance of features (N, D).

        The squared maximum mean discrepancy under (x·y/D + 1)³, unbiased: 0 in the mean for two sets of one
        distribution, however small; single values may be negative. It needs two samples in each set.
        """
        x, y = self.standardised(features), self.values
        size, n, m = x.shape[1], len(x), len(y)
        if n < 2 or m < 2:
            return float("nan")
        xx, yy, xy = ((a @ b.T / size + 1.0) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
        return float(within - 2.0 * xy.mean())

    def diversity(self, features: Floats) -> float:
        """Return the mean distance between two of the features (N, D).

        To be compared with the reference's own: more is not better.
        """
        values = self.standardised(features)
        if len(values) < 2:
            return 0.0
        squares = (values**2).sum(axis=1)
        apart = np.maximum(squares[:, None] + squares - 2.0 * values @ values.T, 0.0)
        np.fill_diagonal(apart, 0.0)
        return float(np.sqrt(apart).sum() / (len(values) * (len(values) - 1)))


def fid(features: Floats, reference: Floats, least: float = 0.0) -> float:
    """Return the Fréchet distance of features (N, D) from `reference` (M, D), both standardised by the reference."""
    return Reference.of(reference, least).fid(features)


def kid(features: Floats, reference: Floats, least: float = 0.0) -> float:
    """Return the kernel distance of features (N, D) from `reference` (M, D), both standardised by the reference."""
    return Reference.of(reference, least).kid(features)


def diversity(features: Floats, reference: Floats | None = None, least: float = 0.0) -> float:
    """Return the mean distance between two of the features (N, D), standardised by `reference` or by themselves."""
    return Reference.of(features if reference is None else reference, least).diversity(features)


def split_half_floor(reference: Floats, least: float = 0.0, repeats: int = 20, seed: int = 0) -> float:
    """Return the mean Fréchet distance of random halves of one set (M, D): what no model can be asked to beat."""
    generator = np.random.default_rng(seed)
    values = Reference.of(reference, least).values
    found = []
    for _ in range(repeats):
        order = generator.permutation(len(values))
        half = len(values) // 2
        found.append(frechet_distance(values[order[:half]], values[order[half:]]))
    return float(np.mean(found))


def stacked(motions: Sequence[Floats], rate: float, published: bool = False) -> tuple[Floats, Floats]:
    """Return kinetic (N, 66) and geometric (N, 32) features of all windows of motions (T, 22, 3) m."""
    cut = [window for motion in motions for window in windows(motion, rate)]
    return (
        np.stack([kinetic_features(window, rate, published) for window in cut]),
        np.stack([geometric_features(window, rate, published) for window in cut]),
    )
