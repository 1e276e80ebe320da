"""Following the beat by a network: its activations, filtered over tempo, phase and metre."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import STATES_PER_SECOND, BeatFilter, FilterSettings, Observations
from dancecoach.perception.beat_model import Activation, BeatModel, BeatStream, TempoEvidence, activation_of
from dancecoach.perception.beat_renewal import Renewal
from dancecoach.perception.following import Estimate, Instant, Sound
from dancecoach.perception.onsets import OnsetFrame
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis
from dancecoach.types import Floats

SILENCE = 1e-4  # root mean square, full scale 1 (−80 dB); above it the network tells music from noise
HALVES = 0.0149  # s before a frame's own time from which on onsets belong to it
_EAGER_TIME = 2.0  # s
_PAUSE = 0.7  # s of silence that is a break
_MUSIC_MEMORY = 0.6  # s
ESTIMATE_EVERY = 2  # frames
_ON_BEAT = 0.06  # s around the followed beat in which an activation belongs to it
_SURPRISE_MEMORY = 1.5  # s
_SURPRISED = 1.5  # times the activation on the beat that there is elsewhere when surprise begins
_NEXT_TO_NOTHING = 0.02  # mean activation of frames in which no beat is heard
_COMPARED = 0.8  # s over which another reading is compared with the one that is followed
_BETTER = 1.1  # how many times as probable it must be
_SAME = 0.08  # s within which two beats are the same
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
        self._delay = model.delay / FRAMES_PER_SECOND
        self._onsets: deque[OnsetFrame] = deque()
        self.decoder = Decoder(model.tempi, model.delay, model.confidence, model.observations, settings)

    def step(self, samples: NDArray[np.float32], onsets: Sequence[OnsetFrame]) -> list[Instant]:
        """Hear mono `samples` (N,) and the `onsets` found in them, return the frames they complete, oldest first."""
        self._onsets.extend(onsets)
        instants = []
        for frame in self._analysis.step(samples):
            sound = self._stream.hear(frame.bands)
            halves = self._halves(frame.time - self._delay)
            heard = activation_of(sound.out)
            instants.append(self.decoder.step(heard, frame.time, frame.heard, frame.level, halves, sound))
        return instants

    def _halves(self, time: float) -> list[Floats]:
        """Return the onset strengths of the two half frames that end at `time` s."""
        while self._onsets and self._onsets[0].time < time - HALVES:
            self._onsets.popleft()
        # They are always here by now: an activation comes later than the onsets it is about.
        return [onset.strengths for onset in self._onsets if onset.time < time - HALVES + 1.0 / FRAMES_PER_SECOND]

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self.decoder.pull(interval, to_next)

    def hold(self, interval: float, to_next: float) -> None:
        """Believe in beats as `pull` does, and hold the tempo about them until other music begins."""
        self.decoder.hold(interval, to_next)

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
        self._renewal = Renewal(_EAGER_TIME)
        self._tempo = TempoEvidence(tempi, self.filter.intervals / STATES_PER_SECOND)
        self._delay = delay / FRAMES_PER_SECOND
        self._weights = confidence
        self._every = every
        self._track: tuple[float, float] | None = None  # interval and s to the next beat that are followed
        self.forget()

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self.filter.pull(interval, to_next)
        self._renewal.forget()
        self._track = (interval, to_next) if to_next is not None else None

    def hold(self, interval: float, to_next: float) -> None:
        """Believe in beats as `pull` does, and hold the tempo about them until other music begins."""
        self.pull(interval, to_next)
        self.filter.hold(interval)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        self.filter.prefer(interval)

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        self.filter.reset()
        self._renewal.forget()
        self._music = 0.0
        self._heard = 0.0  # s of music
        self._silent = np.inf  # s of silence
        self._frames = 0
        self._recent = np.zeros(_NEAR)  # the latest activations
        self._until = np.inf  # s to the next beat, one frame ago
        self._since = 0.0  # s since the last beat
        self._beats = 0
        self._agreement, self._steadiness, self._sureness = 0.0, 0.0, 0.0
        self._on = self._elsewhere = 0.0  # running means of activations on the followed beat and elsewhere
        self._track = None
        self._for_track, self._for_other = 0.0, 0.0  # running means of their probabilities

    def step(
        self,
        heard: Activation,
        time: float,
        until: float,
        level: float,
        onsets: Sequence[Floats] = (),
        sound: Sound | None = None,
    ) -> Instant:
        """Take the activations of the frame at `time` s, which needed the sound up to `until` s."""
        self._silent = 0.0 if level > SILENCE else self._silent + 1.0 / FRAMES_PER_SECOND
        # The silence between two clicks is part of the music.
        sounding = self._silent < _PAUSE
        self._music += (heard.music * sounding - self._music) / (_MUSIC_MEMORY * FRAMES_PER_SECOND)
        weight = min(max(2.0 * self._music, 0.0), 1.0) if sounding else 0.0
        tempo = None
        if weight > 0.0 and self.filter.settings.tempo_weight > 0.0:
            tempo = self._tempo.likelihood(heard.tempo, weight * self.filter.settings.tempo_weight)
        # The first seconds are all there is to go by; later ones mostly repeat what was heard before, until the music
        # changes.
        surprise = self._surprise(heard.beat)
        eager = 1.0 + self.filter.settings.eagerness * max(math.exp(-self._heard / _EAGER_TIME), surprise)
        self._heard += weight / FRAMES_PER_SECOND
        foretold = self.filter.step(heard.beat, heard.down, tempo, weight * eager, onsets)
        renewed = self._renewal.step(self.filter, foretold, heard.beat, heard.down, tempo, weight, onsets)
        if renewed is not None:
            self.filter.hold(None)
            self._track = None
            self._for_track = self._for_other = self._on = self._elsewhere = 0.0
            self._heard = renewed
        self._frames += 1
        self._recent[:-1], self._recent[-1] = self._recent[1:], heard.beat
        if self._frames % self._every:
            return Instant(time - self._delay, until, level, self._music, None, None, sound, renewed is not None)
        estimate = self._tracked(self._every / FRAMES_PER_SECOND)
        self._watch(estimate)
        confidence = None
        if self._weights is not None:
            score = float(self._weights @ self.evidence())
            confidence = 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))
        return Instant(
            time - self._delay, until, level, self._music, estimate, confidence, sound, renewed is not None
        )

    def _surprise(self, beat: float) -> float:
        """Return 0…1, how far beats are heard elsewhere than on the beat that is followed: perhaps a new song."""
        if self._track is None:
            return 0.0
        interval, to_next = self._track
        on = min(to_next, interval - to_next) <= _ON_BEAT
        share = 1.0 / (_SURPRISE_MEMORY * FRAMES_PER_SECOND)
        self._on += share * (beat * on - self._on)
        self._elsewhere += share * (beat * (not on) - self._elsewhere)
        surplus = (self._elsewhere - _SURPRISED * self._on) / max(self._on + self._elsewhere, _NEXT_TO_NOTHING)
        return max(surplus, 0.0)

    def _tracked(self, passed: float) -> Estimate:
        """Return the estimate of the beat that is followed, `passed` s after the last one.

        Right after a beat of any reading that reading looks best, so two that are equally good would take turns. One
        is followed until another has been better on the average of more than a beat.
        """
        mode = self.filter.estimate()
        if self._track is None:
            followed = mode
        else:
            interval, to_next = self._track
            to_next = (to_next - passed) % interval
            followed = self.filter.estimate(interval, to_next)
            away = abs((mode.to_next - followed.to_next + interval / 2) % interval - interval / 2)
            same = away <= _SAME and abs(mode.interval / followed.interval - 1.0) < 0.1
            share = passed / _COMPARED
            self._for_track += share * (followed.probability - self._for_track)
            self._for_other += share * ((0.0 if same else mode.probability) - self._for_other)
            if self._for_other > _BETTER * self._for_track:
                followed = mode
                self._for_track, self._for_other = self._for_other, 0.0
        self._track = (followed.interval, followed.to_next)
        return followed

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
                math.log1p(min(self._beats, 32)),
            ]
        )


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 0.01), 0.99)
    return math.log(inside / (1.0 - inside))
