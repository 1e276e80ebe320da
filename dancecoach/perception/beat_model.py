"""The beat network at run time: one frame in, activations out, through ONNX Runtime."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import ModelError
from dancecoach.networks import one_core_session
from dancecoach.perception.beat_filter import GRID, PLACES, Observations
from dancecoach.perception.following import Sound
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, Normaliser
from dancecoach.types import Floats

log = logging.getLogger(__name__)

_TEMPO_FLOOR = 0.02  # relative likelihood of a tempo the network rules out
_TEMPO_REACH = 2.0  # classes on either side of an interval's own that speak for it as well
_TEMPO_TIME = 0.5  # s of music in which the tempo is heard once

MODELS = Path(__file__).resolve().parent.parent.parent / "models"
MODEL = MODELS / "beats.onnx"

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activation:
    """The network on one frame: probabilities of `beat`, `down`beat and `music`; `tempo` (64,) adds up to 1."""

    beat: float
    down: float
    music: float
    tempo: Array


def activation_of(out: Array) -> Activation:
    """Return the activations in the network's outputs (67,)."""
    return Activation(float(out[0]), float(out[1]), float(out[2]), out[3:])


class BeatModel:
    """A causal beat network, run frame by frame; several streams may share one.

    Parameters
    ----------
    path : Path
        An ONNX file whose metadata says `dilations`, `taps`, `delay` (frames), `slowest` and `fastest` (BPM).

    Raises
    ------
    ModelError
        When the file is missing or is no beat network.
    """

    def __init__(self, path: Path = MODEL) -> None:
        if not path.is_file():
            raise ModelError(f"The beat network {path.name} is missing.", "Install dancecoach again.")
        try:
            self._session = one_core_session(path)
            about = self._session.get_modelmeta().custom_metadata_map
            dilations = np.array([int(each) for each in about["dilations"].split(",")])
            taps = int(about["taps"])
            self.delay = int(about["delay"])
            self.tempi = np.geomspace(float(about["slowest"]), float(about["fastest"]), int(about["tempi"]))
            weights = about.get("confidence", "")
            self.confidence = np.array([float(each) for each in weights.split(",")]) if weights else None
            self.observations = read_observations(about)
            self.layers, self.channels = (int(each) for each in self._session.get_outputs()[1].shape)
        except Exception as error:
            raise ModelError(f"{path.name} is not a beat network.", "Install dancecoach again.") from error
        self.offsets = dilations[:, None] * np.arange(taps - 1, 0, -1)

    def run(self, recent: Array, past: Array) -> tuple[Array, Array]:
        """Return outputs and the layers' inputs of one frame; see `dancecoach.training.beat_network.Step`."""
        out, layers = self._session.run(None, {"recent": recent, "past": past})
        return out, layers

    def whole(self, features: Array) -> Array:
        """Return the outputs (T, 67) for the `features` (T, 176) of a whole recording."""
        stream = BeatStream(self)
        return np.array([stream.run(each) for each in features])


def read_observations(about: dict[str, str]) -> Observations | None:
    """Return the observations stored in a model's metadata, None where there are none."""
    if "beat_observations" not in about:
        return None
    beat = np.array([float(each) for each in about["beat_observations"].split(",")]).reshape(GRID, PLACES)
    bar = np.array([float(each) for each in about["bar_observations"].split(",")]).reshape(GRID, 2)
    return Observations(beat, bar)


@cache
def beat_model() -> BeatModel | None:
    """Return the beat network that dancecoach ships; None, and a line in the log, where it cannot be used."""
    try:
        return BeatModel()
    except ModelError as error:
        log.warning("%s The classical beat tracker is used.", error.problem)
        return None


class BeatStream:
    """The state of one stream through a `BeatModel`."""

    def __init__(self, model: BeatModel) -> None:
        self._model = model
        self._size = int(model.offsets.max()) + 1
        self._layer = np.arange(model.layers)[:, None]
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        model = self._model
        self._normaliser = Normaliser()
        self._recent = np.zeros((3, Normaliser.features), dtype=np.float32)
        self._history = np.zeros((model.layers, self._size, model.channels), dtype=np.float32)
        self._frame = 0
        self.hidden = np.zeros(model.channels, dtype=np.float32)  # inputs of the last layer

    def step(self, bands: Array) -> Activation:
        """Return the activations after one more frame of `bands` (88,)."""
        return activation_of(self.hear(bands).out)

    def hear(self, bands: Array) -> Sound:
        """Return what is heard in one more frame of `bands` (88,)."""
        features = self._normaliser.step(bands)
        out = self.run(features)
        return Sound(self.hidden, out, features)

    def run(self, features: Array) -> Array:
        """Return the network's outputs (67,) after one more frame of normalised `features` (176,)."""
        self._recent[:-1] = self._recent[1:]
        self._recent[-1] = features
        past = self._history[self._layer, (self._frame - self._model.offsets) % self._size]
        out, layers = self._model.run(self._recent, past)
        self._history[:, self._frame % self._size] = layers
        self._frame += 1
        self.hidden = layers[-1]
        return out


class TempoEvidence:
    """What the network's tempo classes say of beat intervals.

    Parameters
    ----------
    tempi : ndarray (64,)
        BPM of the classes.
    intervals : ndarray (I,)
        s.
    """

    def __init__(self, tempi: Floats, intervals: Floats) -> None:
        place = np.log(60.0 / intervals / tempi[0]) / np.log(tempi[-1] / tempi[0]) * (len(tempi) - 1)
        # Only how fast is asked here, not how fast exactly: that is for the beats themselves to say.
        away = np.abs(np.arange(len(tempi))[:, None] - np.clip(place, 0, len(tempi) - 1))
        near = np.clip(_TEMPO_REACH + 1.0 - away, 0.0, 1.0)  # (classes, intervals)
        self._near = (near * (len(tempi) / near.sum(axis=0))).astype(np.float32)

    def likelihood(self, tempo: Array, power: float = 1.0) -> Array:
        """Return how likely (..., I) each interval is against a flat guess, by `tempo` (..., 64), to the `power`.

        Frames repeat each other: one counts for its share of `_TEMPO_TIME`.
        """
        likelihood = tempo @ self._near + _TEMPO_FLOOR
        return np.asarray(likelihood ** np.float32(power / (_TEMPO_TIME * FRAMES_PER_SECOND)), dtype=np.float32)
