"""What the beat network hears: spectral bands at 50 frames a second, freed of loudness and of the room's colour.

Two views of the same instant: a short window that places onsets, and a long one whose semitone bands show when the
harmony changes. Both end at the same sample, so nothing beyond it need be heard. Works at any sample rate without
resampling: windows and hop are given in seconds. Frames are computed one by one, so that any split of the input gives
identical numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

FRAMES_PER_SECOND = 50
SHORT_BANDS, LONG_BANDS = 40, 48
BANDS = SHORT_BANDS + LONG_BANDS
SHORT_WINDOW, LONG_WINDOW = 0.0464, 0.1858  # s
_SHORT_RANGE = (32.0, 11_000.0)  # Hz
_LONG_LOWEST = 65.4  # Hz, the note C2; bands are a semitone apart
_FLOOR = 1e-5  # magnitude (full scale 1) below which nothing is heard, −100 dB
_QUIET = -7.0  # log magnitude of the mean short band that counts as silence, about −60 dB
_MEMORY = 4.0  # s over which loudness and colour are averaged
_COMPRESSION = 8.0
_RISE_SHORT, _RISE_LONG = 2, 5  # frames over which a rise is measured

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BandFrame:
    """One frame of bands.

    `time` s at the middle of the short window; `heard` s, the sound that was needed; `bands` (88,) natural logarithms
    of magnitudes, short window's first; `level` root mean square of the short window.
    """

    time: float
    heard: float
    bands: Array
    level: float


class BandAnalysis:
    """Streaming short-time spectra in logarithmic bands.

    Parameters
    ----------
    sample_rate : int
        Hz, 8,000 or more.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._sizes = (round(SHORT_WINDOW * sample_rate), round(LONG_WINDOW * sample_rate))
        self._lengths = tuple(int(next_fast_len(size, real=True)) for size in self._sizes)
        self._windows = tuple(_window(size) for size in self._sizes)
        top = min(_SHORT_RANGE[1], 0.47 * sample_rate)
        short = np.geomspace(_SHORT_RANGE[0], max(top, 3_000.0), SHORT_BANDS + 2)
        long = _LONG_LOWEST * 2.0 ** (np.arange(-1, LONG_BANDS + 1) / 12)
        self._banks = (
            _triangles(short, sample_rate, self._lengths[0]),
            _triangles(long, sample_rate, self._lengths[1]),
        )
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        # Silence before the start: the first short window is centred on sample 0.
        self._buffer = np.zeros(self._sizes[1] - self._sizes[0] // 2, dtype=np.float32)
        self._dropped = -len(self._buffer)  # index of the buffer's first sample
        self._frame = 0

    def step(self, samples: Array) -> list[BandFrame]:
        """Take mono `samples` (N,), return the frames they complete, oldest first."""
        self._buffer = np.concatenate([self._buffer, samples.astype(np.float32, copy=False)])
        frames = []
        while True:
            end = round(self._frame * self.sample_rate / FRAMES_PER_SECOND) + self._sizes[0] - self._sizes[0] // 2
            if end - self._dropped > len(self._buffer):
                break
            window = self._buffer[end - self._dropped - self._sizes[1] : end - self._dropped]
            short = window[-self._sizes[0] :]
            frames.append(
                BandFrame(
                    time=self._frame / FRAMES_PER_SECOND,
                    heard=end / self.sample_rate,
                    bands=self.spectra(window[None])[0],
                    level=math.sqrt(float(short @ short) / len(short)),
                )
            )
            self._frame += 1
        end = round(self._frame * self.sample_rate / FRAMES_PER_SECOND) + self._sizes[0] - self._sizes[0] // 2
        excess = end - self._sizes[1] - self._dropped
        if excess > 0:
            self._buffer = self._buffer[excess:]
            self._dropped += excess
        return frames

    def whole(self, samples: Array) -> Array:
        """Return the bands (T, 88) of all frames of mono `samples` (N,), those of `step` up to rounding."""
        lead = self._sizes[1] - (self._sizes[0] - self._sizes[0] // 2)
        padded = np.concatenate([np.zeros(lead, np.float32), samples.astype(np.float32, copy=False)])
        count = 0
        if len(samples) >= self._sizes[0] - self._sizes[0] // 2:
            last = len(samples) - (self._sizes[0] - self._sizes[0] // 2)
            count = int(last * FRAMES_PER_SECOND / self.sample_rate) + 2
        starts = np.round(np.arange(count) * self.sample_rate / FRAMES_PER_SECOND).astype(np.intp)
        starts = starts[starts + self._sizes[1] <= len(padded)]
        out = np.empty((len(starts), BANDS), dtype=np.float32)
        views = np.lib.stride_tricks.sliding_window_view(padded, self._sizes[1]) if len(starts) else padded[None]
        for begin in range(0, len(starts), 256):
            out[begin : begin + 256] = self.spectra(views[starts[begin : begin + 256]])
        return out

    def spectra(self, windows: Array) -> Array:
        """Return log magnitudes (K, 88) of `windows` (K, long window)."""
        parts = []
        for size, length, window, bank in zip(self._sizes, self._lengths, self._windows, self._banks, strict=True):
            spectrum = rfft(windows[:, -size:] * window, length, axis=1)[:, : bank.shape[0]]
            power = (spectrum.real**2 + spectrum.imag**2) @ bank
            parts.append(0.5 * np.log(np.maximum(power, _FLOOR**2)))
        return np.asarray(np.concatenate(parts, axis=1), dtype=np.float32)


def _window(size: int) -> Array:
    window = np.hanning(size + 1)[:-1]
    return np.asarray(2.0 * window / window.sum(), dtype=np.float32)


def _triangles(edges: NDArray[np.float64], sample_rate: int, length: int) -> Array:
    """Return triangular filters (bins, bands) between successive `edges` Hz, up to the highest bin in use."""
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate)
    spacing = frequencies[1]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    # Low bands are narrower than a bin: widen them so that each holds at least one.
    low, high = np.minimum(low, centre - spacing), np.maximum(high, centre + spacing)
    rising = (frequencies[:, None] - low) / (centre - low)
    falling = (high - frequencies[:, None]) / (high - centre)
    bank = np.maximum(np.minimum(rising, falling), 0.0)
    used = int(np.flatnonzero(bank.any(axis=1))[-1]) + 1
    return np.asarray(bank[:used], dtype=np.float32)


class Normaliser:
    """Takes loudness and colour out of the bands and adds their rises; keeps its state between calls.

    The loudness and each band's mean are running averages over the last seconds that leave out silence, so that a
    pause does not make the next note deafening.
    """

    features = 2 * BANDS

    def __init__(self) -> None:
        self._keep = float(np.exp(-1.0 / (_MEMORY * FRAMES_PER_SECOND)))
        # Running sums: weight, weighted loudness, weighted flux of both views, weighted bands.
        self._weight, self._loudness = 0.0, 0.0
        self._flux = np.zeros(2)
        self._mean = np.zeros(BANDS)
        self._recent: list[Array] = []

    def step(self, bands: Array) -> Array:
        """Return the features (176,) of one frame's `bands` (88,): differences from the mean, then rises."""
        # Sums, for `mean` takes three times as long on so few numbers.
        log_level = 0.5 * math.log(float(np.exp(2.0 * bands[:SHORT_BANDS]).sum()) / SHORT_BANDS)
        weight = 1.0 if log_level > _QUIET else 1e-4
        keep = self._keep
        self._weight = keep * self._weight + weight
        self._loudness = keep * self._loudness + weight * max(log_level, _QUIET)
        gain = self._loudness / self._weight
        compressed = np.log1p(_COMPRESSION * np.exp(bands - np.float32(gain)))
        self._mean = keep * self._mean + weight * compressed
        self._recent.append(compressed)
        rise = np.zeros(BANDS, dtype=np.float32)
        for part, lag in ((slice(0, SHORT_BANDS), _RISE_SHORT), (slice(SHORT_BANDS, BANDS), _RISE_LONG)):
            if len(self._recent) > lag:
                rise[part] = _rise(compressed[None, part], self._recent[-1 - lag][None, part])[0]
        if len(self._recent) > _RISE_LONG:
            self._recent.pop(0)
        mean_rise = np.add.reduceat(rise, (0, SHORT_BANDS)) / (SHORT_BANDS, LONG_BANDS)
        self._flux = keep * self._flux + weight * mean_rise
        usual = (self._flux / self._weight + 0.03).astype(np.float32)
        rise[:SHORT_BANDS] /= usual[0]
        rise[SHORT_BANDS:] /= usual[1]
        difference = compressed - self._mean / self._weight
        return np.asarray(np.concatenate([difference, np.minimum(0.25 * rise, 4.0)]), dtype=np.float32)


def normalise(bands: Array) -> Array:
    """Return the features (T, 176) of a whole recording's `bands` (T, 88), as `Normaliser` gives them one by one."""
    from scipy.signal import lfilter

    keep = float(np.exp(-1.0 / (_MEMORY * FRAMES_PER_SECOND)))

    def running(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(lfilter([1.0], [1.0, -keep], values, axis=0))

    bands = bands.astype(np.float32, copy=False)
    log_level = 0.5 * np.log(np.mean(np.exp(2.0 * bands[:, :SHORT_BANDS]), axis=1))
    weight = np.where(log_level > _QUIET, 1.0, 1e-4)
    total = running(weight)
    gain = running(weight * np.maximum(log_level, _QUIET)) / total
    compressed = np.log1p(_COMPRESSION * np.exp(bands - gain[:, None].astype(np.float32)))
    mean = running(weight[:, None] * compressed) / total[:, None]
    rise = np.zeros_like(compressed)
    for part, lag in ((slice(0, SHORT_BANDS), _RISE_SHORT), (slice(SHORT_BANDS, BANDS), _RISE_LONG)):
        rise[lag:, part] = _rise(compressed[lag:, part], compressed[:-lag, part])
        usual = running(weight * rise[:, part].mean(axis=1)) / total + 0.03
        rise[:, part] /= usual[:, None]
    return np.asarray(np.concatenate([compressed - mean, np.minimum(0.25 * rise, 4.0)], axis=1), dtype=np.float32)


def _rise(now: Array, before: Array) -> Array:
    """Return by how much bands (T, B) rose above the loudest neighbour before (vibrato is no onset)."""
    widest = before.copy()
    np.maximum(widest[:, 1:], before[:, :-1], out=widest[:, 1:])
    np.maximum(widest[:, :-1], before[:, 1:], out=widest[:, :-1])
    return np.asarray(np.maximum(now - widest, 0.0))
