"""Beats of music analysed before, found again by the content of its sound."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_analysis import analyse_beats
from dancecoach.perception.beat_model import MODEL
from dancecoach.types import BeatGrid, Floats

log = logging.getLogger(__name__)

_VERSION = 1  # of the analysis: another one makes what was kept stale
_MOST = 2000  # pieces kept


def analyse_once(samples: Floats | NDArray[np.float32], sample_rate: int, folder: Path) -> BeatGrid | None:
    """Return the beats of mono `samples` (N,) as `analyse_beats` does, from `folder` when they were analysed before.

    What is kept is named by the SHA-256 of sound, network and version, so that it is never stale. A folder that
    cannot be read or written costs time, not beats.
    """
    sound = np.ascontiguousarray(samples, dtype=np.float32)
    try:
        network = hashlib.sha256(MODEL.read_bytes()).hexdigest() if MODEL.is_file() else "none"
        about = f"{_VERSION} {sample_rate} {network} ".encode()
        path = folder / "beats" / f"{hashlib.sha256(about + sound.tobytes()).hexdigest()}.json"
        if path.is_file():
            kept = _read(path)
            if kept is not None:
                return kept
    except OSError as error:
        log.warning("beats kept in %s cannot be read: %s", folder, error)
        return analyse_beats(samples, sample_rate)
    grid = analyse_beats(samples, sample_rate)
    if grid is not None:
        _keep(path, grid)
    return grid


def _keep(path: Path, grid: BeatGrid) -> None:
    content = {
        "beat_times": [round(float(time), 6) for time in grid.beat_times],
        "counts": [int(count) for count in grid.counts],
        "tempo": grid.tempo,
        "confidence": grid.confidence,
        "beats_per_bar": grid.beats_per_bar,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)
        for old in kept[: max(0, len(kept) - _MOST)]:
            old.unlink(missing_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        log.warning("the beats cannot be kept in %s: %s", path.parent, error)


def _read(path: Path) -> BeatGrid | None:
    """Return what `path` holds; None when it is no grid of beats."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        times = np.array(content["beat_times"], dtype=np.float64)
        counts = np.array(content["counts"], dtype=np.int64)
        tempo, confidence = float(content["tempo"]), float(content["confidence"])
        beats_per_bar = int(content["beats_per_bar"])
    except (ValueError, TypeError, KeyError):
        return None
    sane = times.ndim == 1 and len(times) > 2 and len(times) == len(counts) and bool(np.all(np.isfinite(times)))
    if not sane or bool(np.any(np.diff(times) <= 0)) or not 20 < tempo < 400 or not 0 <= confidence <= 1:
        return None
    if beats_per_bar not in (3, 4) or counts.min() < 1 or counts.max() > 2 * beats_per_bar:
        return None
    return BeatGrid(times, counts, tempo, confidence, "analysed", False, beats_per_bar)
