"""Onset strength from sound as it arrives, one frame every 10 ms.

Spectral flux on logarithmic bands with a maximum filter across bands, which keeps vibrato from looking like onsets
(Böck & Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013). Works at any sample rate
without resampling: window and hop are chosen in seconds. Frames are computed one by one, so that any split of
the input into blocks gives bit-identical results.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from dancecoach.types import Floats

FRAMES_PER_SECOND = 100
_BANDS = 32
_LOWEST, _HIGHEST = 35.0, 10_000.0
_SPLITS = (8, 24)  # bands: below about 140 Hz (bass drum), above 2.5 kHz (snare, hi-hat)
_GROUPS = np.array([0, *_SPLITS])
_GROUP_SIZES = np.diff(_GROUPS, append=_BANDS).astype(np.float32)
_CHUNK = 256  # frames of a whole recording that are computed at once
_QUIETEST = 0.3  # rise of a band, log magnitude, of the weakest thing that counts as an onset
_LAG = 2  # frames over which the energy must rise
_MEMORY = 3.0  # s of the running level
_FLOOR = 1e-3  # band magnitude (full scale 1) that counts as silence, about -60 dB
# A sharp onset's flux peaks before the window's centre reaches it, by this share of the window; measured on clicks.
_LEAD = 0.395

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OnsetFrame:
    """One frame of onset strength.

    `time` s of the sound it describes; `heard` s, how far the sound had to be heard; `strengths` (3,) 0…1 in the low,
    middle and high bands, relative to the strongest recent ones, NaN in a band where nothing happens; `level` root
    mean square, full scale 1.
    """

    time: float
    heard: float
    strengths: Floats
    level: float


class OnsetDetector:
    """Streaming onset strength for one sample rate.

    Parameters
    ----------
    sample_rate : int
        Hz, 4,000 or more.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.hop = max(1, round(sample_rate / FRAMES_PER_SECOND))
        self.size = int(2 ** round(np.log2(sample_rate * 0.042)))
        self.frame_rate = sample_rate / self.hop
        window = np.hanning(self.size + 1)[:-1]
        self._window = (window * (2.0 / window.sum())).astype(np.float32)
        self._bank = _filter_bank(sample_rate, self.size)
        # Half a window of silence before the start, so that frame k is centred on sample k * hop.
        self._buffer = np.zeros(self.size // 2, dtype=np.float32)
        self._frame = 0
        self._history: list[Array] = []
        self._reference = np.zeros(3)  # the strongest recent onset of each group of bands, decaying
        self._keep = float(np.exp(-1.0 / (_MEMORY * self.frame_rate)))

    def step(self, samples: Array) -> list[OnsetFrame]:
        """Take mono `samples` (N,), return the frames they complete, oldest first."""
        self._buffer = np.concatenate([self._buffer, samples.astype(np.float32, copy=False)])
        frames = []
        start = 0
        while start + self.size <= len(self._buffer):
            frames.append(self._one(self._buffer[start : start + self.size]))
            start += self.hop
        self._buffer = self._buffer[start:]
        return frames

    def whole(self, samples: Array) -> list[OnsetFrame]:
        """Return all frames of mono `samples` (N,), those of `step` up to rounding; the detector's state is kept."""
        padded = np.concatenate([np.zeros(self.size // 2, np.float32), samples.astype(np.float32, copy=False)])
        if len(padded) < self.size:
            return []
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size)[:: self.hop]
        count = len(windows)
        bands, levels = np.empty((count, _BANDS), dtype=np.float32), np.empty(count)
        for start in range(0, count, _CHUNK):
            chunk = windows[start : start + _CHUNK]
            bands[start : start + _CHUNK] = self._bands(chunk)
            levels[start : start + _CHUNK] = np.sqrt(np.mean(chunk * chunk, axis=1))
        flux = np.zeros((count, 3), dtype=np.float32)
        if count > _LAG:
            flux[_LAG:] = _flux(bands[_LAG:], bands[:-_LAG])
        # A running maximum that decays is one that does not, of flux that grows as fast.
        growth = np.arange(count)[:, None] * -np.log(self._keep)
        with np.errstate(divide="ignore"):
            reference = np.exp(np.maximum.accumulate(np.log(flux) + growth, axis=0) - growth)
        strengths = _relative(flux, reference)
        return [self._frame_of(index, strengths[index], float(levels[index])) for index in range(count)]

    def _one(self, samples: Array) -> OnsetFrame:
        bands = self._bands(samples)
        self._history.append(bands)
        flux = np.zeros(3, dtype=np.float32)
        if len(self._history) > _LAG:
            flux = _flux(bands, self._history.pop(0))
        self._reference = np.maximum(flux, self._reference * self._keep)
        level = float(np.sqrt(samples @ samples / self.size))
        frame = self._frame_of(self._frame, _relative(flux, self._reference), level)
        self._frame += 1
        return frame

    def _bands(self, samples: Array) -> Array:
        """Return the log magnitudes (..., bands) of windows (..., size)."""
        spectrum = rfft(samples * self._window)[..., : len(self._bank)]
        # The root of the sum of squares takes a third of the time of `abs`, which cannot overflow; nor can sound.
        return np.asarray(np.log1p(np.sqrt(spectrum.real**2 + spectrum.imag**2) @ self._bank))

    def _frame_of(self, index: int, strengths: Floats, level: float) -> OnsetFrame:
        centre = index * self.hop / self.sample_rate
        return OnsetFrame(
            time=centre - _LAG / 2 / self.frame_rate + _LEAD * self.size / self.sample_rate,
            heard=centre + self.size / 2 / self.sample_rate,
            strengths=strengths,
            level=level,
        )


def _flux(bands: Array, before: Array) -> Array:
    """Return the mean rise (..., 3) of low, middle and high bands above the loudest neighbour before."""
    widest = before.copy()
    np.maximum(widest[..., 1:], before[..., :-1], out=widest[..., 1:])
    np.maximum(widest[..., :-1], before[..., 1:], out=widest[..., :-1])
    return np.asarray(np.add.reduceat(np.maximum(bands - widest, 0.0), _GROUPS, axis=-1) / _GROUP_SIZES)


def _relative(flux: Floats | Array, reference: Floats) -> Floats:
    """Return strengths (..., 3) 0…1 of `flux`, NaN where nothing happens."""
    return np.where(reference < _QUIETEST, np.nan, flux / np.maximum(reference, 1e-9))


def _filter_bank(sample_rate: int, size: int) -> Array:
    """Return triangular filters (bins, bands), relative to silence, up to the last bin in use."""
    edges = np.geomspace(_LOWEST, min(_HIGHEST, 0.47 * sample_rate), _BANDS + 2)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    spacing = frequencies[1]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    # Low bands are narrower than a bin: widen them so that each holds at least one.
    low, high = np.minimum(low, centre - spacing), np.maximum(high, centre + spacing)
    bank = np.maximum(np.minimum((frequencies - low) / (centre - low), (high - frequencies) / (high - centre)), 0.0)
    used = int(np.flatnonzero(bank.any(axis=0))[-1]) + 1
    return np.ascontiguousarray(bank[:, :used].T / _FLOOR, dtype=np.float32)
