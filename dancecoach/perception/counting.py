"""Which beat of its bar each beat is: a small recurrent network that hears the music beat by beat.

```
frames  ················································
beats        |           |           |           |      described by the sound on it and between it and the next
network      └─ evidence └─ evidence └─ evidence ·      (recurrent)
filter       first  ───► second ───► third ────► fourth, or beats of three, or no beats of a bar at all
```
The downbeat activation sees a few seconds of frames and knows nothing of the beats that were decided on; here, every
beat is compared with those before it, however fast they come. The filter over the places in the bar is trained
together with the network, so what it says is a probability.
"""

from __future__ import annotations

import logging
import math
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import ModelError
from dancecoach.networks import one_core_session
from dancecoach.perception.beat_model import MODELS, BeatModel
from dancecoach.perception.following import METRES, Sound
from dancecoach.perception.spectral_features import BANDS, FRAMES_PER_SECOND, LONG_BANDS, SHORT_BANDS
from dancecoach.types import Floats

log = logging.getLogger(__name__)

COUNTING = MODELS / "counting.onnx"
PLACES = sum(METRES)  # of bars of four, then of three
# What a beat can be: one of the places in a bar, a beat or the middle between two when the count is twice too fast,
# one of the beats when it is twice too slow, off the beat, or nothing of these.
ON_TWICE, OFF_TWICE, HALF, OFF_BEAT, OTHER = range(PLACES, PLACES + 5)
KINDS = PLACES + 5
DELAY = 2  # frames by which the network's outputs are late against the bands
QUARTERS = (-0.5, -0.25, 0.0, 0.25)  # of a beat, where it is described
_TEMPI_AROUND = np.linspace(-1.5, 1.5, 25)  # octaves from the beat's own tempo
_SHORT_GROUP, _LONG_GROUP = 5, 12  # neighbouring bands that are averaged; the latter an octave
_FLOOR = 1e-4  # of probabilities, before logarithms
_MEMORY = 192  # frames, more than one and a half of the slowest beats
_SHORTEST, _LONGEST = 0.2, 1.6  # s between beats
_TWICE_SHARE, _CERTAIN = 0.25, 0.8  # of the newest beat in that mean; mean from which on the count is halved
_WAIT, _MOST_HALVED = 9, 2  # beats between one time and the next; times in the same music
_STILL_WRONG = 0.05  # how much less likely than before the count is wrong after that
_DOUBT = 0.02  # probability that is left to what one of two opinions rules out

Array = NDArray[np.float32]


def _groups() -> Array:
    """Return what averages features (176,) over neighbouring bands: first those of the levels, then of the rises."""
    short = np.kron(np.eye(SHORT_BANDS // _SHORT_GROUP), np.full((_SHORT_GROUP, 1), 1.0 / _SHORT_GROUP))
    long = np.kron(np.eye(LONG_BANDS // _LONG_GROUP), np.full((_LONG_GROUP, 1), 1.0 / _LONG_GROUP))
    one = np.zeros((BANDS, short.shape[1] + long.shape[1]))
    one[:SHORT_BANDS, : short.shape[1]] = short
    one[SHORT_BANDS:, short.shape[1] :] = long
    return np.kron(np.eye(2), one).astype(np.float32)


def _notes() -> Array:
    """Return what averages the levels among features (176,) over octaves, for each of the twelve notes."""
    notes = np.zeros((2 * BANDS, _LONG_GROUP))
    octaves = LONG_BANDS // _LONG_GROUP
    notes[SHORT_BANDS:BANDS] = np.tile(np.eye(_LONG_GROUP), (octaves, 1)) / octaves
    return notes.astype(np.float32)


_GROUPS, _NOTES = _groups(), _notes()


class Frames:
    """The latest frames of `Sound`, or all frames of a recording, by number.

    Parameters
    ----------
    hidden, out, features : ndarray (T, H), (T, 3 + tempi), (T, 176)
        As in `Sound`, a row each frame; of more than T frames the latest are kept.
    """

    def __init__(self, hidden: Array, out: Array, features: Array, last: int) -> None:
        self._kept = (hidden, out, features)
        self.last = last

    @classmethod
    def like(cls, sound: Sound) -> Frames:
        """Return room for the latest frames of sound like `sound`."""
        hidden, out, features = (np.zeros((_MEMORY, len(part)), dtype=np.float32) for part in sound)
        return cls(hidden, out, features, -1)

    def append(self, sound: Sound) -> None:
        """Keep one more frame."""
        self.last += 1
        for kept, part in zip(self._kept, sound, strict=True):
            kept[self.last % len(kept)] = part

    def _rows(self, part: int, numbers: NDArray[np.intp]) -> Array:
        kept = self._kept[part]
        oldest = max(0, self.last - len(kept) + 1)
        return np.asarray(kept[np.minimum(np.maximum(numbers, oldest), self.last) % len(kept)])

    def describe(self, at: float, length: float, probability: float, tempi: Floats) -> Array:
        """Return what is heard in the beat at frame `at`, `length` frames long, as a vector (D,).

        Parameters
        ----------
        at, length : float
            In frames of the network's outputs, which are `DELAY` late.
        probability : float
            That the filter gave this beat, 0 to 1.
        tempi : ndarray
            Of the network's tempo classes, BPM.
        """
        points = np.round(at + length * np.array(QUARTERS)).astype(np.intp)
        near = points[:, None] + np.arange(-1, 2)
        whole = np.arange(points[0], points[-1] + 1)
        on, between = self._rows(0, near[2]), self._rows(0, near[0])
        parts: list[Floats | Array] = [_mean(on), _mean(between), _mean(self._rows(0, whole))]
        said = self._rows(1, near)[:, :, :3].max(axis=1)
        said = np.minimum(np.maximum(said, _FLOOR), 1.0 - _FLOOR)
        parts.append(np.log(said / (1.0 - said)).ravel())
        heard = _mean(np.log(self._rows(1, whole)[:, 3:] + _FLOOR))
        tempo = 60.0 * FRAMES_PER_SECOND / length
        parts.append(np.interp(math.log2(tempo) + _TEMPI_AROUND, np.log2(tempi), heard))
        parts.append((self._rows(2, near - DELAY + 1) @ _GROUPS).max(axis=1).ravel())
        parts.append(_mean(self._rows(2, whole)) @ _NOTES)
        parts.append(np.array([math.log2(2.0 * length / FRAMES_PER_SECOND), probability, 0.0]))
        return np.concatenate(parts).astype(np.float32)


def _mean(rows: Array) -> Array:
    """Return the mean (D,) of rows (N, D); `mean` takes twice as long on so few."""
    return np.asarray(rows.sum(axis=0) / np.float32(len(rows)))


class Counter(Protocol):
    """What `Counting` asks for each beat."""

    tempi: Floats
    follow: Floats
    begin: Floats
    size: int

    def run(self, description: Array, state: Array) -> tuple[Array, Array]:
        """Return the log likelihood (12,) of each kind of beat, up to a constant, and the new state."""
        ...


class CountingModel:
    """The counting network; several streams may share one.

    Parameters
    ----------
    path : Path
        An ONNX file that takes a beat's `description` (D,) and the `state` (H,), and gives `evidence` (12,) and the
        `new` state; its metadata say how kinds of beat `follow` one another (12, 12) and which `begin` (12,).
    tempi : ndarray
        BPM of the beat network's tempo classes.

    Raises
    ------
    ModelError
        When the file is missing or is not a counting network.
    """

    def __init__(self, tempi: Floats, path: Path = COUNTING) -> None:
        if not path.is_file():
            raise ModelError(f"The counting network {path.name} is missing.", "Install dancecoach again.")
        try:
            self._session = one_core_session(path)
            about = self._session.get_modelmeta().custom_metadata_map
            self.follow = np.array([float(each) for each in about["follow"].split(",")]).reshape(KINDS, KINDS)
            self.begin = np.array([float(each) for each in about["begin"].split(",")]).reshape(KINDS)
            self.channels = int(about["channels"])  # of the beat network it was trained with
            self.size = int(self._session.get_outputs()[1].shape[0])
        except Exception as error:
            raise ModelError(f"{path.name} is not a counting network.", "Install dancecoach again.") from error
        self.tempi = tempi

    def run(self, description: Array, state: Array) -> tuple[Array, Array]:
        """Return the log likelihood (12,) of each kind of beat, up to a constant, and the new state."""
        evidence, new = self._session.run(None, {"description": description, "state": state})
        return evidence, new


@cache
def counting_model(tempi: tuple[float, ...]) -> CountingModel | None:
    """Return the counting network that dancecoach ships; None, and a line in the log, where it cannot be used."""
    try:
        return CountingModel(np.array(tempi))
    except ModelError as error:
        log.warning("%s The downbeats are counted without it.", error.problem)
        return None


def counting_of(beats: BeatModel) -> CountingModel | None:
    """Return the counting network that goes with a beat network; None where there is none, or it is of another."""
    counting = counting_model(tuple(float(each) for each in beats.tempi))
    return counting if counting is not None and counting.channels == beats.channels else None


class Counting:
    """Listens to one stream of frames and beats, says which beat of the bar is next."""

    def __init__(self, model: Counter) -> None:
        self._model = model
        self._frames: Frames | None = None
        self._time = 0.0
        self.reset()

    def reset(self) -> None:
        """Forget the music."""
        self._beat: tuple[float, float, int] | None = None  # the latest: s, probability, beats since the one before
        self.renew()

    def renew(self) -> None:
        """Forget the beats before the latest one: other music has begun."""
        self._state = np.zeros(self._model.size, dtype=np.float32)
        self._belief: Floats | None = None
        self._ahead: Floats | None = None  # (12,) of the next beat
        self._twice = 0.0  # running mean of the probability that the count is twice too fast
        self._since = _WAIT  # beats since the count was halved
        self._halved = 0  # times

    @property
    def too_fast(self) -> bool:
        """Whether every second beat should not be counted, beginning with the one after the next."""
        if self._ahead is None or self._halved >= _MOST_HALVED or self._since < _WAIT:
            return False
        return bool(self._twice > _CERTAIN and self._ahead[ON_TWICE] > self._ahead[OFF_TWICE])

    def halved(self) -> None:
        """Take note that every second beat is left out from now on: the count is right, the bar unknown."""
        self._halved, self._since, self._twice = self._halved + 1, 0, 0.0
        self._beat, self._ahead = None, None
        self._state = np.zeros(self._model.size, dtype=np.float32)
        belief = self._model.begin * np.where(np.arange(KINDS) < PLACES, 1.0, _STILL_WRONG)
        self._belief = belief / belief.sum()

    def hear(self, sound: Sound, time: float) -> None:
        """Take the frame whose outputs are about `time` s of sound."""
        if self._frames is None:
            self._frames = Frames.like(sound)
        self._frames.append(sound)
        self._time = time

    def step(self, time: float, interval: float, probability: float, steps: int) -> Floats | None:
        """Take a beat that is announced for `time` s; return what beat of its bar it is, (2, 4) as in `Estimate`.

        Parameters
        ----------
        interval : float
            s between beats.
        probability : float
            That the beat is there.
        steps : int
            Beats since the last one that was announced.

        Returns
        -------
        ndarray or None
            They add up to less than one where the count may be off the beat, or at half or double tempo; None before
            a whole beat was heard.
        """
        latest, self._beat = self._beat, (time, probability, steps)
        self._since += 1
        if latest is None or self._frames is None:
            return None
        length = time - latest[0]
        if not _SHORTEST < length < _LONGEST:
            length = interval
        at = self._frames.last + (latest[0] - self._time) * FRAMES_PER_SECOND
        described = self._frames.describe(at, length * FRAMES_PER_SECOND, latest[1], self._model.tempi)
        evidence, self._state = self._model.run(described, self._state)
        foreseen = self._model.begin if self._belief is None else self._after(self._belief, latest[2])
        belief = foreseen * np.exp(evidence - evidence.max())
        self._belief = belief / belief.sum()
        ahead = self._ahead = self._after(self._belief, steps)
        self._twice += _TWICE_SHARE * (float(ahead[ON_TWICE] + ahead[OFF_TWICE]) - self._twice)
        bars = np.zeros((len(METRES), max(METRES)))
        bars[0, : METRES[0]], bars[1, : METRES[1]] = ahead[: METRES[0]], ahead[METRES[0] : PLACES]
        return bars

    def _after(self, belief: Floats, steps: int) -> Floats:
        """Return the `belief` (12,) one beat later, or two where beats were left out."""
        for _ in range(min(steps, 2)):
            belief = belief @ self._model.follow
        return belief


def both_say(one: Floats, other: Floats) -> Floats:
    """Return what two opinions (2, 4) on the next beat's place in the bar, as in `Estimate`, come to together.

    They are taken for independent of one another. How sure it is that there is a bar is the mean of their sums.
    """
    sure = 0.5 * (one.sum() + other.sum())
    product = np.zeros((len(METRES), max(METRES)))
    for row, size in enumerate(METRES):
        product[row, :size] = np.prod(
            [each[row, :size] / max(each.sum(), _FLOOR) + _DOUBT for each in (one, other)], axis=0
        )
    return np.asarray(sure * product / product.sum())
