"""What the music encoder hears: features of the sound at 30 rows a second, one for every pose.

The features of paper 1 (MFCC with deltas, constant-Q chroma, tempogram), with onset strength and level, made causal:
row k describes the sound up to k/30 s of the sound's own clock and nothing after it. They are taken from the bands of
`spectral_features` (50 frames a second), so that no second spectrogram need be computed; a row shows the newest frame
that was complete by then.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.spectral_features import (
    BANDS,
    FRAMES_PER_SECOND,
    LONG_BANDS,
    SHORT_BANDS,
    Array,
    BandAnalysis,
    BandFrame,
    Normaliser,
)

ROWS_PER_SECOND = 30
MFCCS, CHROMAS, TEMPI = 13, 12, 16
TEMPO_BINS = np.geomspace(60.0, 200.0, TEMPI)  # BPM
_MELS = 32
_MEL_RANGE = (60.0, 10_000.0)  # Hz
_FLOOR = -9.0  # natural logarithm of the power of a mel band at which nothing is heard, about −40 dB
_DELTA = 5  # rows over which a slope is measured
_CHROMA_FLOOR = 1e-3  # of magnitude, full scale 1; below it no tone is heard
_MEMORY = 6.0  # s, time constant of the tempogram
_QUIETEST = 1e-3  # root mean square, −60 dB, at which the level is 0
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

NAMES: tuple[str, ...] = (
    *(f"mfcc {number}" for number in range(MFCCS)),
    *(f"mfcc delta {number}" for number in range(MFCCS)),
    *(f"chroma {note}" for note in _NOTES),
    *(f"tempo {tempo:.0f}" for tempo in TEMPO_BINS),
    "onset",
    "level",
)
FEATURES = len(NAMES)


class MusicFeatures:
    """Streaming features of music; any split of the sound into blocks gives the same numbers.

    Parameters
    ----------
    sample_rate : int
        Hz, 8,000 or more.

    Notes
    -----
    The columns, in the order of `names`:

    mfcc (13), mfcc delta (13)
        Orthonormal cosine transform of logarithmic mel bands (Davis & Mermelstein 1980), divided by 10; slope per
        row over the last five rows.
    chroma (12)
        Magnitudes of semitones from C2 to B5, added over octaves; the strongest is 1, all are 0 in silence.
    tempo (16)
        Autocorrelation of the onset strength at the periods of `TEMPO_BINS` over the last seconds, 1 at lag 0 (the
        autocorrelation tempogram of Grosche, Müller & Kurth, ICASSP 2010, with an exponential window).
    onset
        Mean rise of the short window's bands, relative to the usual; the strongest since the row before.
    level
        Root mean square, 0 at −60 dB and 1 at full scale.
    """

    names = NAMES

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._bands = BandAnalysis(sample_rate)
        self._mel = _mel_of_bands(sample_rate)
        self._cosines = _cosines(_MELS, MFCCS)
        self._slope = _slope(_DELTA)
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._bands.reset()
        self._normaliser = Normaliser()
        self._tempogram = _Tempogram()
        self._heard = 0  # samples
        self._row = 0
        self._waiting: deque[BandFrame] = deque()  # frames that belong to rows to come
        silence = np.full(BANDS, -100.0, dtype=np.float32)
        self._timbre = self._cepstrum(silence)
        self._recent = deque([self._timbre] * _DELTA, maxlen=_DELTA)
        self._chroma = np.zeros(CHROMAS, dtype=np.float32)
        self._onset, self._level = 0.0, 0.0

    def step(self, block: Array) -> Array:
        """Take `block` (N,) or (N, C) of samples −1…1, return the rows (K, 56) float32 it completes, oldest first.

        The first row, of no sound at all, is returned by the first call. What is no number counts as silence.
        """
        samples = block.mean(axis=1) if block.ndim == 2 else block
        # One bad sample must not spoil what is remembered for seconds.
        samples = np.clip(np.nan_to_num(samples.astype(np.float32, copy=False)), -8.0, 8.0)
        self._waiting.extend(self._bands.step(samples))
        self._heard += len(samples)
        rows = []
        while self._row * self.sample_rate <= self._heard * ROWS_PER_SECOND:
            rows.append(self._next())
        return np.stack(rows) if rows else np.empty((0, FEATURES), dtype=np.float32)

    def _next(self) -> Array:
        end = self._row / ROWS_PER_SECOND + 1e-9
        self._onset = 0.0
        while self._waiting and self._waiting[0].heard <= end:
            self._take(self._waiting.popleft())
        self._row += 1
        self._recent.append(self._timbre)
        slope = self._slope @ np.stack(self._recent)
        rest = np.array([self._onset, self._level], dtype=np.float32)
        return np.concatenate([self._timbre, slope, self._chroma, self._tempogram.values(), rest])

    def _take(self, frame: BandFrame) -> None:
        self._timbre = self._cepstrum(frame.bands)
        tones = np.exp(frame.bands[SHORT_BANDS:].reshape(LONG_BANDS // CHROMAS, CHROMAS))
        chroma = tones.sum(axis=0)
        strongest = float(chroma.max())
        heard = strongest > _CHROMA_FLOOR
        self._chroma = (chroma / strongest if heard else np.zeros(CHROMAS)).astype(np.float32)
        rises = self._normaliser.step(frame.bands)[BANDS : BANDS + SHORT_BANDS]
        strength = float(rises.mean())
        self._tempogram.step(strength)
        self._onset = max(self._onset, strength)
        self._level = max(1.0 - math.log(max(frame.level, _QUIETEST)) / math.log(_QUIETEST), 0.0)

    def _cepstrum(self, bands: Array) -> Array:
        power = np.exp(2.0 * bands[:SHORT_BANDS]) @ self._mel
        return np.asarray(np.maximum(np.log(power + 1e-12), 2 * _FLOOR) @ self._cosines, dtype=np.float32)


class _Tempogram:
    """Autocorrelation of onset strength with a window that forgets exponentially."""

    def __init__(self) -> None:
        lags = 60.0 / TEMPO_BINS * FRAMES_PER_SECOND
        self._lower = lags.astype(np.intp)
        self._share = lags - self._lower
        self._longest = int(self._lower.max()) + 1
        self._past = np.zeros(self._longest + 1)  # the newest first
        self._sums = np.zeros(self._longest + 1)
        self._keep = math.exp(-1.0 / (_MEMORY * FRAMES_PER_SECOND))
        self._mean, self._weight = 0.0, 0.0

    def step(self, strength: float) -> None:
        self._weight = self._keep * self._weight + 1.0
        self._mean += (strength - self._mean) / self._weight
        self._past[1:] = self._past[:-1].copy()
        self._past[0] = strength - self._mean
        self._sums *= self._keep
        self._sums += self._past[0] * self._past

    def values(self) -> Array:
        """Return the autocorrelation (16,) at the tempi of `TEMPO_BINS`, 0 where nothing sounded."""
        if self._sums[0] < 1e-9:
            return np.zeros(TEMPI, dtype=np.float32)
        between = self._sums[self._lower] * (1 - self._share) + self._sums[self._lower + 1] * self._share
        return np.asarray(between / self._sums[0], dtype=np.float32)


def _mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2595.0 * np.log10(1.0 + frequency / 700.0))


def _mel_of_bands(sample_rate: int) -> Array:
    """Return what turns powers of the short window's bands into those of mel bands, (40, 32).

    The power of a band is spread evenly over the frequencies that are nearest to its own.
    """
    top = min(11_000.0, 0.47 * sample_rate)
    centres = np.geomspace(32.0, max(top, 3_000.0), SHORT_BANDS + 2)
    edges = np.sqrt(centres[:-1] * centres[1:])  # of the 40 bands
    low, high = _mel(np.array(_MEL_RANGE))
    wanted = 700.0 * (10.0 ** (np.linspace(low, min(high, float(_mel(np.array(top)))), _MELS + 2) / 2595.0) - 1.0)
    frequencies = np.linspace(edges[0], edges[-1], 20_000)
    band = np.clip(np.searchsorted(edges, frequencies, side="right") - 1, 0, SHORT_BANDS - 1)
    density = 1.0 / np.bincount(band, minlength=SHORT_BANDS)
    rising = (frequencies[:, None] - wanted[:-2]) / (wanted[1:-1] - wanted[:-2])
    falling = (wanted[2:] - frequencies[:, None]) / (wanted[2:] - wanted[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0.0) * density[band][:, None]
    matrix = np.zeros((SHORT_BANDS, _MELS))
    np.add.at(matrix, band, triangles)
    return np.asarray(matrix, dtype=np.float32)


def _cosines(count: int, kept: int) -> Array:
    """Return the orthonormal cosine transform (count, kept), divided by 10."""
    angle = np.pi / count * (np.arange(count)[:, None] + 0.5) * np.arange(kept)
    matrix = np.cos(angle) * math.sqrt(2.0 / count)
    matrix[:, 0] /= math.sqrt(2.0)
    return np.asarray(matrix / 10.0, dtype=np.float32)


def _slope(count: int) -> Array:
    """Return the weights (count,) whose sum with equally spaced values is the slope of a line through them."""
    place = np.arange(count) - (count - 1) / 2
    return np.asarray(place / (place**2).sum(), dtype=np.float32)
