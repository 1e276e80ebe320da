"""What the parts of the beat tracker are worth: it is measured again with one part left out or replaced."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancecoach.bench import beats as bench
from dancecoach.bench.beat_metrics import Announced, extrapolated
from dancecoach.bench.beat_peers import Clip, Contender, Hearing, Streaming
from dancecoach.perception.beat_filter import FilterSettings
from dancecoach.perception.beat_model import BeatModel, BeatStream
from dancecoach.perception.beats import BeatTracker, StreamingBeatTracker
from dancecoach.perception.counting import Counting, CountingModel
from dancecoach.perception.neural_following import NeuralFollower
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis
from dancecoach.training.beat_data import Excerpt

_THRESHOLD = 0.35  # activation a picked beat has at least
_SHORTEST = 0.25  # s between picked beats
CLIPS = 12  # of every group
_FRAMES_EACH = 200  # of a batch, at most, for every excerpt there is

Figures = dict[str, dict[str, dict[str, Any]]]  # group of clips, tracker, measure


@dataclass(frozen=True, slots=True)
class Budget:
    """What the networks that are trained for comparison get: each `minutes`, and the same `channels`."""

    minutes: float
    channels: int


def tracker_of(
    model: BeatModel, settings: FilterSettings | None = None, counting: CountingModel | None = None
) -> Callable[[], BeatTracker]:
    """Return what makes the streaming tracker with `model`, the filter with `settings`, and a `counting` network."""
    return lambda: StreamingBeatTracker(
        lambda rate: NeuralFollower(rate, model, settings), Counting(counting) if counting else None
    )


class PeakPicking:
    """The network without a filter: a beat is where its activation peaks, announced one frame later."""

    name = "peaks of the activation, no filter"
    kind = "online, announces as it sounds"

    def __init__(self, model: BeatModel) -> None:
        self._model = model

    def find(self) -> str | None:
        """Return None: it is always here."""
        return None

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Pick peaks, block after block."""
        before = time.process_time()
        analysis, stream = BandAnalysis(clip.rate), BeatStream(self._model)
        delay = self._model.delay / FRAMES_PER_SECOND
        times: list[float] = []
        heard: list[float] = []
        downbeats: list[bool] = []
        older, last = 0.0, (0.0, 0.0)  # activations of the last two frames, (beat, downbeat)
        mono = clip.mono
        for start in range(0, len(mono), block):
            for frame in analysis.step(mono[start : start + block]):
                said = stream.step(frame.bands)
                at = frame.time - 1 / FRAMES_PER_SECOND - delay
                peak = older < last[0] >= said.beat and last[0] > _THRESHOLD
                if peak and (not times or at - times[-1] > _SHORTEST):
                    times.append(at)
                    heard.append(frame.heard)
                    downbeats.append(last[1] > last[0] / 2)
                older, last = last[0], (said.beat, said.down)
        found = Announced(np.array(times), np.array(heard), np.array(downbeats, dtype=bool))
        return Hearing(found, time.process_time() - before, next_due=extrapolated(found.times))


class BarsAlone(Counting):
    """Tells the beats of a bar apart, but never that there are twice too many."""

    @property
    def too_fast(self) -> bool:
        """Never."""
        return False


def compare_filters(
    model: BeatModel, clips: Path, counting: CountingModel | None = None, limit: int = CLIPS
) -> Figures:
    """Return the figures of the finished networks with parts left out or replaced, on `limit` clips a group."""

    def with_filter(settings: FilterSettings) -> Callable[[], BeatTracker]:
        return tracker_of(model, settings, counting)

    trackers: list[Contender] = [Streaming("as shipped", with_filter(FilterSettings()))]
    if counting is not None:

        def bars_alone() -> BeatTracker:
            return StreamingBeatTracker(lambda rate: NeuralFollower(rate, model), BarsAlone(counting))

        trackers += [
            Streaming("counting network tells the bar, never the tempo", bars_alone),
            Streaming("without the counting network", tracker_of(model)),
        ]
    trackers += [
        Streaming("filter without the network's tempo", with_filter(FilterSettings(tempo_weight=0.0))),
        Streaming("filter without evidence of downbeats", with_filter(FilterSettings(down_weight=0.0))),
        Streaming("filter that never begins afresh", with_filter(FilterSettings(renewal=math.inf))),
        PeakPicking(model),
        Streaming("classical front end, no network", StreamingBeatTracker),
    ]
    return _measured(trackers, clips, limit)


def batch_frames(excerpts: int) -> int:
    """Return how many frames a batch may have, so that so few `excerpts` fill one."""
    from dancecoach.training.train_beats import Recipe

    return min(Recipe().frames, _FRAMES_EACH * excerpts)


def compare_rooms(
    excerpts: list[Excerpt], validation: list[Excerpt], budget: Budget, work: Path, clips: Path, limit: int = CLIPS
) -> Figures:
    """Train with and without the views in rooms, equally long, and return both networks' figures."""
    from dancecoach.training.beat_network import export
    from dancecoach.training.calibrate_beats import calibrate
    from dancecoach.training.train_beats import Recipe, train

    trackers: list[Contender] = []
    for rooms in (True, False):
        name = "with rooms" if rooms else "without rooms"
        path = work / f"ablation {name}.pt"
        frames = batch_frames(len(excerpts))
        recipe = Recipe(minutes=budget.minutes, frames=frames, channels=budget.channels, rooms=rooms)
        export(train(excerpts, validation, recipe, path), path.with_suffix(".onnx"))
        calibrate(path.with_suffix(".onnx"), validation)
        trackers.append(Streaming(name, tracker_of(BeatModel(path.with_suffix(".onnx")))))
    return _measured(trackers, clips, limit)


def _measured(trackers: Sequence[Contender], clips: Path, limit: int) -> Figures:
    figures: Figures = bench.run(clips, limit=limit, trackers=trackers, out=io.StringIO())["folders"]
    return figures
