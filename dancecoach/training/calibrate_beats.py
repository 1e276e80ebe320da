"""Fits the beat tracker's confidence: a beat announced with confidence 0.8 is right four times in five."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import (
    GRID,
    LIMIT,
    PLACES,
    STATES_PER_SECOND,
    Observations,
    place_of,
)
from dancecoach.perception.beat_model import Activation, BeatModel
from dancecoach.perception.beats import StreamingBeatTracker
from dancecoach.perception.neural_following import Decoder
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, SHORT_BANDS, SHORT_WINDOW, normalise
from dancecoach.training.beat_data import Excerpt
from dancecoach.types import Floats

_TOLERANCE = 0.07  # s
_CLEAR = 0.2  # activation of a beat that can tell which beat it is
_ROUNDS = 50
_RIDGE = 1e-2


def announced_with_evidence(
    model: BeatModel, bands: NDArray[np.float32], onsets: NDArray[np.float16] | None = None
) -> tuple[Floats, NDArray[np.float64]]:
    """Return the beats (B,) s announced for a recording's `bands` (T, 88), and the evidence (B, 6) when each was.

    `onsets` (2 T, 3) as in `Excerpt`.
    """
    level = np.sqrt(np.mean(np.exp(2.0 * bands[:, :SHORT_BANDS].astype(np.float64)), axis=1))
    if onsets is not None:
        onsets = np.pad(onsets.astype(np.float64), ((2 * model.delay, 0), (0, 0)), constant_values=np.nan)
    decoder = Decoder(model.tempi, model.delay, observations=model.observations)
    tracker = StreamingBeatTracker.of_instants(decoder)
    times, evidence = [], []
    for number, row in enumerate(model.whole(normalise(bands))):
        time = number / FRAMES_PER_SECOND
        heard = Activation(float(row[0]), float(row[1]), float(row[2]), row[3:])
        halves = () if onsets is None else tuple(onsets[2 * number : 2 * number + 2])
        beat = tracker.take(decoder.step(heard, time, time + SHORT_WINDOW / 2, float(level[number]), halves))
        if beat is not None:
            times.append(beat.time)
            evidence.append(decoder.evidence())
    return np.array(times), np.array(evidence).reshape(len(times), len(decoder.evidence()))


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


def calibrate(path: Path, excerpts: list[Excerpt], recorded: Sequence[Excerpt] = ()) -> None:
    """Fit observations and confidence of the network at `path` on held-out `excerpts`, store them in its metadata.

    Only the confidence is fitted on `recorded` ones, too: recordings are chosen because networks hear their beats
    clearly, so their activations look clearer than those of music at large.
    """
    model = BeatModel(path)
    seen = observe(
        model.delay,
        (
            (model.whole(normalise(view.astype(np.float32))), excerpt)
            for excerpt in excerpts
            for view in excerpt.views
        ),
    )
    _store(path, {"beat_observations": seen.beat, "bar_observations": seen.bar})
    model = BeatModel(path)
    evidence: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for excerpt in (*excerpts, *recorded):
        for number, view in enumerate(excerpt.views):
            onsets = None if excerpt.onsets is None else excerpt.onsets[number]
            times, said = announced_with_evidence(model, view.astype(np.float32), onsets)
            # Beats after the last true one may be right; nobody knows.
            judged = times <= (excerpt.beats[-1] if len(excerpt.beats) else np.inf)
            evidence.append(said[judged])
            right.append(_right(times[judged], excerpt.beats))
    weights = fit(np.concatenate(evidence), np.concatenate(right))
    _store(path, {"confidence": weights})


def _store(path: Path, tables: dict[str, Floats]) -> None:
    import onnx

    stored = onnx.load(path)
    about = {each.key: each.value for each in stored.metadata_props}
    about |= {name: ",".join(f"{each:.5g}" for each in table.ravel()) for name, table in tables.items()}
    onnx.helper.set_model_props(stored, about)
    onnx.save(stored, path)


def _right(times: Floats, beats: Floats) -> NDArray[np.bool_]:
    if not len(beats) or not len(times):
        return np.zeros(len(times), dtype=bool)
    return np.asarray(np.abs(times[:, None] - beats[None, :]).min(axis=1) <= _TOLERANCE)


def observe(model_delay: int, said: Iterable[tuple[NDArray[np.float32], Excerpt]]) -> Observations:
    """Return how the activations `said` (T, 3 or more) of excerpts come out at each place within beat and bar."""
    beat = np.full((GRID, PLACES), 2.0)
    bar = np.full((GRID, 2), 2.0)
    for rows, excerpt in said:
        if len(excerpt.beats) < 3:
            continue
        time = np.arange(len(rows)) / FRAMES_PER_SECOND - model_delay / FRAMES_PER_SECOND
        index = np.searchsorted(excerpt.beats, time, side="right") - 1
        inside = (index >= 0) & (index < len(excerpt.beats) - 1) & excerpt.music[: len(rows)]
        time, index, rows = time[inside], index[inside], rows[inside]
        start, stop = excerpt.beats[index], excerpt.beats[index + 1]
        position = np.round((time - start) * STATES_PER_SECOND).astype(np.intp)
        interval = np.round((stop - start) * STATES_PER_SECOND).astype(np.intp)
        activation = np.clip(rows[:, 0].astype(np.float64), 1e-3, 1 - 1e-3)
        _count(beat, activation, place_of(position, interval))
        share = np.clip(rows[:, 1] / activation, 1e-3, 1 - 1e-3)
        nearest = index + (2 * position > interval)
        on = (np.minimum(position, interval - position) <= 1) & (activation > _CLEAR)
        if not np.isnan(excerpt.bars).any():
            _count(bar, share[on], np.where(excerpt.bars[nearest[on]] == 1, 0, 1))
    beat /= beat.sum(axis=0)
    bar /= bar.sum(axis=0)
    # Only ratios between places matter; the mean place is the zero.
    return Observations(
        np.log(beat) - np.log(beat).mean(axis=1, keepdims=True), np.log(bar) - np.log(bar).mean(axis=1, keepdims=True)
    )


def _count(table: Floats, probability: Floats, column: NDArray[np.intp]) -> None:
    """Add to `table` (GRID, C) the activations seen in each column, shared between neighbouring rows."""
    place = np.clip((np.log(probability / (1 - probability)) + LIMIT) / (2 * LIMIT) * (GRID - 1), 0, GRID - 1)
    low = np.minimum(place.astype(np.intp), GRID - 2)
    np.add.at(table, (low, column), 1 - (place - low))
    np.add.at(table, (low + 1, column), place - low)
