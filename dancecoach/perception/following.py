"""What follows the beat in sound: the words that front ends and the tracker share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.onsets import OnsetFrame
from dancecoach.types import Floats

METRES = (4, 3)  # beats in a bar


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where the beat is.

    `interval` s between beats; `to_next` s until the next one; `probability` 0…1 that it is there at this tempo;
    `bars` (2, 4) probabilities, for bars of four and of three, that the next beat is the first … fourth of its bar;
    they add up to less than one where the rhythm has no bar.
    """

    interval: float
    to_next: float
    probability: float
    bars: Floats


class Sound(NamedTuple):
    """What a network hears in one frame.

    `hidden` (H,) inputs of its last layer; `out` (3 + tempi,) probabilities of beat, downbeat, music and tempo
    classes; `features` (176,) as `dancecoach.perception.spectral_features.Normaliser` gives them.
    """

    hidden: NDArray[np.float32]
    out: NDArray[np.float32]
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Instant:
    """One frame of following.

    `time` s of sound from which `estimate` counts; `heard` s, how far the sound had to be heard for it; `level` root
    mean square, full scale 1; `music` 0…1 probability that there is music; `estimate` None on frames without one;
    `confidence` 0…1 probability that a beat announced now is right, None where the follower cannot tell; `sound` that
    the estimate is made of, None where no network hears it; `renewed` whether other music has just begun.
    """

    time: float
    heard: float
    level: float
    music: float
    estimate: Estimate | None
    confidence: float | None = None
    sound: Sound | None = None
    renewed: bool = False


class Steered(Protocol):
    """What the person and the tracker tell a follower."""

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        ...

    def hold(self, interval: float, to_next: float) -> None:
        """Believe in beats as `pull` does, and hold the tempo about them until other music begins."""
        ...

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        ...

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        ...


class Follower(Steered, Protocol):
    """Follows tempo, beat and bar in a stream of one sample rate."""

    def step(self, samples: NDArray[np.float32], onsets: Sequence[OnsetFrame]) -> list[Instant]:
        """Hear mono `samples` (N,) and the `onsets` found in them, return the frames they complete, oldest first."""
        ...
