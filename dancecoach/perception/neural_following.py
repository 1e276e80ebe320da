"""Following the beat by a network: its activations, filtered over tempo, phase and metre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import STATES_PER_SECOND, BeatFilter, FilterSettings, Observations
from dancecoach.perception.beat_model import Activation, BeatModel, BeatStream, tempo_likelihood
from dancecoach.perception.following import Estimate, Instant
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis

SILENCE = 1e-4  # root mean square, full scale 1 (−80 dB); above it the network tells music from noise
_MUSIC_MEMORY = 0.6  # s
ESTIMATE_EVERY = 2  # frames
_NEAR = 4  # frames around a beat in which its activation is looked for
_BEAT_SHARE = 0.25  # of the newest beat in the account kept of the latest ones


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
        self.decoder = Decoder(model.tempi, model.delay, model.confidence, model.observations, settings)

    def step(self, samples: NDArray[np.float32]) -> list[Instant]:
        """Hear mono `samples` (N,), return the frames they complete, oldest first."""
        instants = []
        for frame in self._analysis.step(samples):
            heard = self._stream.step(frame.bands)
            instants.append(self.decoder.step(heard, frame.time, frame.heard, frame.level))
        return instants

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self.decoder.pull(interval, to_next)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        self.decoder.prefer(interval)

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        self.decoder.forget()


class Decoder:
    """Turns activations into estimates of the beat."""

    def __init__(
        self,
        tempi: NDArray[np.float64],
        delay: int,
        confidence: NDArray[np.float64] | None = None,
        observations: Observations | None = None,
        settings: FilterSettings | None = None,
        every: int = ESTIMATE_EVERY,
    ) -> None:
        self.filter = BeatFilter(settings, observations)
        self._tempi = tempi
        self._delay = delay / FRAMES_PER_SECOND
        self._intervals = self.filter.intervals / STATES_PER_SECOND
        self._weights = confidence
        self._every = every
        self.forget()

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self.filter.pull(interval, to_next)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        self.filter.prefer(interval)

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        self.filter.reset()
        self._music = 0.0
        self._frames = 0
        self._recent = np.zeros(_NEAR)  # the latest activations
        self._until = np.inf  # s to the next beat, one frame ago
        self._since = 0.0  # s since the last beat
        self._beats = 0
        self._agreement, self._steadiness, self._sureness = 0.0, 0.0, 0.0

    def step(self, heard: Activation, time: float, until: float, level: float) -> Instant:
        """Take the activations of the frame at `time` s, which needed the sound up to `until` s."""
        sounding = level > SILENCE
        self._music += (heard.music * sounding - self._music) / (_MUSIC_MEMORY * FRAMES_PER_SECOND)
        weight = float(np.clip(2.0 * self._music, 0.0, 1.0)) if sounding else 0.0
        tempo = None
        if weight > 0.0 and self.filter.settings.tempo_weight > 0.0:
            tempo = tempo_likelihood(heard.tempo, self._tempi, self._intervals) ** (
                weight * self.filter.settings.tempo_weight
            )
        self.filter.step(heard.beat, heard.down, tempo, weight)
        self._frames += 1
        self._recent = np.append(self._recent[1:], heard.beat)
        if self._frames % self._every:
            return Instant(time - self._delay, until, level, self._music, None)
        estimate = self.filter.estimate()
        self._watch(estimate)
        confidence = None
        if self._weights is not None:
            score = float(self._weights @ self.evidence())
            confidence = 1.0 / (1.0 + float(np.exp(-np.clip(score, -30.0, 30.0))))
        return Instant(time - self._delay, until, level, self._music, estimate, confidence)

    def _watch(self, estimate: Estimate) -> None:
        """Keep account of how well the estimates agree with the activations and with each other."""
        self._sureness += 0.1 * (estimate.probability - self._sureness)
        self._since += self._every / FRAMES_PER_SECOND
        if estimate.to_next > self._until + 0.3 * estimate.interval:
            # A beat has passed.
            steady = abs(self._since / estimate.interval - 1.0) < 0.2
            self._agreement += _BEAT_SHARE * (float(self._recent.max()) - self._agreement)
            self._steadiness += _BEAT_SHARE * (float(steady) - self._steadiness)
            self._since = 0.0
            self._beats += 1
        self._until = estimate.to_next

    def evidence(self) -> NDArray[np.float64]:
        """Return what the confidence is computed from.

        (6,): a constant, how sure the filter is (log odds), how strong the activations on the beats are, how steady
        the beats come, how sure it is that there is music (log odds), and the logarithm of the number of beats.
        """
        return np.array(
            [
                1.0,
                _log_odds(self._sureness),
                self._agreement,
                self._steadiness,
                _log_odds(self._music),
                np.log1p(min(self._beats, 32)),
            ]
        )


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 0.01), 0.99)
    return float(np.log(inside / (1.0 - inside)))
