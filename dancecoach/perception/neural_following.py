"""Following the beat by a network: its activations, filtered over tempo, phase and metre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import STATES_PER_SECOND, BeatFilter, FilterSettings
from dancecoach.perception.beat_model import Activation, BeatModel, BeatStream, tempo_likelihood
from dancecoach.perception.following import Instant
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis

SILENCE = 1e-4  # root mean square, full scale 1 (−80 dB); above it the network tells music from noise
TEMPO_FLOOR = 0.02  # relative likelihood of a tempo the network rules out
_MUSIC_MEMORY = 0.6  # s


class NeuralFollower:
    """Spectral features, beat network and filter, one stream.

    Parameters
    ----------
    sample_rate : int
        Hz.
    model : BeatModel
        Shared between streams.
    """

    def __init__(self, sample_rate: int, model: BeatModel, settings: FilterSettings | None = None) -> None:
        self._analysis = BandAnalysis(sample_rate)
        self._stream = BeatStream(model)
        self.decoder = Decoder(model.tempi, model.delay, settings)

    def step(self, samples: NDArray[np.float32]) -> list[Instant]:
        """Hear mono `samples` (N,), return the frames they complete, oldest first."""
        instants = []
        for frame in self._analysis.step(samples):
            heard = self._stream.step(frame.bands)
            instants.append(self.decoder.step(heard, frame.time, frame.heard, frame.level))
        return instants

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self.decoder.filter.pull(interval, to_next)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        self.decoder.filter.prefer(interval)

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        self.decoder.filter.reset()


class Decoder:
    """Turns activations into estimates of the beat."""

    def __init__(
        self, tempi: NDArray[np.float64], delay: int, settings: FilterSettings | None = None, every: int = 1
    ) -> None:
        self.filter = BeatFilter(settings)
        self._tempi = tempi
        self._delay = delay / FRAMES_PER_SECOND
        self._intervals = self.filter.intervals / STATES_PER_SECOND
        self._every = every
        self._music = 0.0
        self._frames = 0

    def step(self, heard: Activation, time: float, until: float, level: float) -> Instant:
        """Take the activations of the frame at `time` s, which needed the sound up to `until` s."""
        sounding = level > SILENCE
        self._music += (heard.music * sounding - self._music) / (_MUSIC_MEMORY * FRAMES_PER_SECOND)
        weight = float(np.clip(2.0 * self._music, 0.0, 1.0)) if sounding else 0.0
        tempo = None
        if weight > 0.0 and self.filter.settings.tempo_weight > 0.0:
            likelihood = tempo_likelihood(heard.tempo, self._tempi, self._intervals)
            tempo = (likelihood + TEMPO_FLOOR) ** (weight * self.filter.settings.tempo_weight)
        self.filter.step(heard.beat, heard.down, tempo, weight)
        self._frames += 1
        estimate = self.filter.estimate() if self._frames % self._every == 0 else None
        return Instant(time - self._delay, until, level, self._music, estimate)
