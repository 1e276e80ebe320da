"""What the assessment costs: `dancecoach bench encoders`, one core, no camera and no window.

A procedural dancer on the demo's music goes through the same code as live: a pose and a row of music features at a
time, and at the end of each eight-count the heads and the comparison with a reference.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.assessment.encoders import load_encoders
from dancecoach.bench.dancer import dance
from dancecoach.errors import ModelError
from dancecoach.loop.demo import ASSETS
from dancecoach.perception.music_features import MusicFeatures
from dancecoach.sources.media import read_audio
from dancecoach.types import BeatGrid, PoseTrack, Primitive, Synchrony

_RATE = 30.0  # poses a second
_PERIOD = 0.5  # s a beat
_BLOCK = 735  # samples of music a pose, at 22,050 Hz
_WARM = 30  # poses that are not counted


def run(seconds: float, out: TextIO) -> dict[str, Any]:
    """Print and return durations in ms: of each step, its median and 95th percentile.

    Raises
    ------
    ModelError
        When the encoders are missing.
    """
    encoders = load_encoders(with_music=True)
    if encoders.motion is None or encoders.judge is None:
        raise ModelError(encoders.reason or "The encoders are missing.", "Install dancecoach again.")
    times = np.arange(0.0, seconds, 1 / _RATE)
    joints = dance(times, np.arange(-2.0, seconds + 2.0, _PERIOD))
    track = PoseTrack(times, joints - joints[:, :1], joints[:, 0], np.ones(joints.shape[:2]))
    beats = np.arange(0.0, seconds + 8.0, _PERIOD)
    grid = BeatGrid(beats, np.arange(len(beats)) % 8 + 1, 60 / _PERIOD, 1.0, "file")
    samples, rate = read_audio(ASSETS / "demo" / "audio.wav", 22_050, mono=True)
    sound = np.resize(np.asarray(samples, dtype=np.float32).ravel(), int(seconds * rate) + _BLOCK)
    features = MusicFeatures(rate)
    assessor = Assessor(reference=Choreography("reference", track, grid))
    timer = _Timer()
    for index, moment in enumerate(times):
        block = sound[index * _BLOCK : (index + 1) * _BLOCK]
        rows = timer.call("music features", features.step, block)

        def step(index: int = index, moment: float = float(moment), rows: Any = rows) -> None:
            assert encoders.motion is not None
            encoders.motion.step(moment, track.joints[index], track.visibility[index], grid)
            if encoders.music is not None:
                for row in rows:
                    encoders.music.step(moment, row)

        timer.call("motion and music encoder", step)
        if index > _WARM and (index + 1) % round(8 * _PERIOD * _RATE) == 0:
            start = float(moment) - 8 * _PERIOD + 1 / _RATE
            judgement = timer.call("heads", encoders.judge_span, start, float(moment))
            primitive = Primitive(start, float(moment), np.linspace(start, float(moment), 9))
            silent = Synchrony("body", start, float(moment), reason="not measured")
            timer.call("comparison", assessor.assess, track, primitive, grid, silent, judgement)
    figures = timer.figures()
    print(f"encoders run on {encoders.provider}; {len(times)} poses; ms", file=out)
    for name, (median, p95) in figures.items():
        print(f"{name:26}{median:8.2f} median{p95:8.2f} p95", file=out)
    return {"provider": encoders.provider, "poses": len(times), "ms": {
        name: {"median": median, "p95": p95} for name, (median, p95) in figures.items()}}  # fmt: skip


class _Timer:
    """Durations by name."""

    def __init__(self) -> None:
        self._durations: dict[str, list[float]] = {}

    def call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call, and remember how long it took."""
        started = time.perf_counter()
        result = function(*arguments)
        self._durations.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        return result

    def figures(self) -> dict[str, tuple[float, float]]:
        """Return median and 95th percentile, ms; of what came every pose without the first second."""
        found: dict[str, tuple[float, float]] = {}
        for name, values in self._durations.items():
            counted = values[_WARM:] if len(values) > 2 * _WARM else values
            median, p95 = (float(np.percentile(counted, each)) for each in (50, 95))
            if math.isfinite(median):
                found[name] = (median, p95)
        return found
