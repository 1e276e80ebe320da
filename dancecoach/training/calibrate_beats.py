"""Fits the beat tracker's confidence: a beat announced with confidence 0.8 is right four times in five."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_model import Activation, BeatModel
from dancecoach.perception.beats import StreamingBeatTracker
from dancecoach.perception.neural_following import Decoder
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, SHORT_BANDS, SHORT_WINDOW, normalise
from dancecoach.training.beat_data import Excerpt
from dancecoach.types import Floats

_TOLERANCE = 0.07  # s
_ROUNDS = 50
_RIDGE = 1e-2


def announced_with_evidence(
    model: BeatModel, bands: NDArray[np.float32], level: Floats | None = None
) -> tuple[Floats, NDArray[np.float64]]:
    """Return the beats (B,) s announced for a recording's `bands` (T, 88), and the evidence (B, 6) when each was.

    `level` (T,) root mean square; by default estimated from the bands.
    """
    if level is None:
        level = np.sqrt(np.mean(np.exp(2.0 * bands[:, :SHORT_BANDS].astype(np.float64)), axis=1))
    decoder = Decoder(model.tempi, model.delay)
    tracker = StreamingBeatTracker.of_instants(decoder)
    times, evidence = [], []
    for number, row in enumerate(model.whole(normalise(bands))):
        time = number / FRAMES_PER_SECOND
        heard = Activation(float(row[0]), float(row[1]), float(row[2]), row[3:])
        beat = tracker.take(decoder.step(heard, time, time + SHORT_WINDOW / 2, float(level[number])))
        if beat is not None:
            times.append(beat.time)
            evidence.append(decoder.evidence())
    return np.array(times), np.array(evidence).reshape(len(times), -1)


def fit(evidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights of a logistic regression of `right` (B,) on `evidence` (B, E), by Newton's method."""
    weights = np.zeros(evidence.shape[1])
    target = right.astype(np.float64)
    for _ in range(_ROUNDS):
        probability = 1.0 / (1.0 + np.exp(-np.clip(evidence @ weights, -30, 30)))
        gradient = evidence.T @ (probability - target) + _RIDGE * weights
        curvature = (evidence * (probability * (1 - probability))[:, None]).T @ evidence
        weights -= np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), gradient)
    return weights


def calibrate(path: Path, excerpts: list[Excerpt]) -> None:
    """Fit the confidence of the network at `path` on held-out `excerpts`, all views, and store it in its metadata."""
    import onnx

    model = BeatModel(path)
    evidence: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for excerpt in excerpts:
        for view in excerpt.views:
            times, said = announced_with_evidence(model, view.astype(np.float32))
            # Beats after the last true one may be right; nobody knows.
            judged = times <= (excerpt.beats[-1] if len(excerpt.beats) else np.inf)
            evidence.append(said[judged])
            right.append(_right(times[judged], excerpt.beats))
    weights = fit(np.concatenate(evidence), np.concatenate(right))
    stored = onnx.load(path)
    about = {each.key: each.value for each in stored.metadata_props}
    about["confidence"] = ",".join(f"{each:.5g}" for each in weights)
    onnx.helper.set_model_props(stored, about)
    onnx.save(stored, path)


def _right(times: Floats, beats: Floats) -> NDArray[np.bool_]:
    if not len(beats) or not len(times):
        return np.zeros(len(times), dtype=bool)
    return np.asarray(np.abs(times[:, None] - beats[None, :]).min(axis=1) <= _TOLERANCE)
