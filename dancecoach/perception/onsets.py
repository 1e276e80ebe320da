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

from dancecoach.types import Floats

FRAMES_PER_SECOND = 100
_BANDS = 32
_LOWEST, _HIGHEST = 35.0, 10_000.0
_SPLITS = (8, 24)  # bands: below about 140 Hz (bass drum), above 2.5 kHz (snare, hi-hat)
_QUIETEST = 0.3  # rise of a band, log magnitude, of the weakest thing that counts as an onset
_LAG = 2  # frames over which the energy must rise
_MEMORY = 3.0  # s of the running level
_FLOOR = 1e-3  # band magnitude (full scale 1) that counts as silence, about -60 dB
# A sharp onset's flux peaks before the window's centre reaches it, by this share of the window; measured on clicks.
_LEAD = 0.395


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
        self._window = np.hanning(self.size + 1)[:-1]
        self._window *= 2.0 / self._window.sum()
        self._bank = _filter_bank(sample_rate, self.size)
        # Half a window of silence before the start, so that frame k is centred on sample k * hop.
        self._buffer = np.zeros(self.size // 2)
        self._frame = 0
        self._history: list[Floats] = []
        self._reference = np.zeros(3)  # the strongest recent onset of each group of bands, decaying
        self._keep = float(np.exp(-1.0 / (_MEMORY * self.frame_rate)))

    def step(self, samples: Floats | NDArray[np.float32]) -> list[OnsetFrame]:
        """Take mono `samples` (N,), return the frames they complete, oldest first."""
        self._buffer = np.concatenate([self._buffer, samples])
        frames = []
        start = 0
        while start + self.size <= len(self._buffer):
            frames.append(self._one(self._buffer[start : start + self.size]))
            start += self.hop
        self._buffer = self._buffer[start:]
        return frames

    def _one(self, samples: Floats) -> OnsetFrame:
        spectrum = np.abs(np.fft.rfft(samples * self._window))
        bands = np.log1p((self._bank @ spectrum) / _FLOOR)
        self._history.append(bands)
        rise = np.zeros(_BANDS)
        if len(self._history) > _LAG:
            before = self._history.pop(0)
            widest = before.copy()
            np.maximum(widest[1:], before[:-1], out=widest[1:])
            np.maximum(widest[:-1], before[1:], out=widest[:-1])
            rise = np.maximum(bands - widest, 0.0)
        low, high = _SPLITS
        flux = np.array([rise[:low].mean(), rise[low:high].mean(), rise[high:].mean()])
        self._reference = np.maximum(flux, self._reference * self._keep)
        centre = self._frame * self.hop / self.sample_rate
        frame = OnsetFrame(
            time=centre - _LAG / 2 / self.frame_rate + _LEAD * self.size / self.sample_rate,
            heard=centre + self.size / 2 / self.sample_rate,
            strengths=np.where(self._reference < _QUIETEST, np.nan, flux / np.maximum(self._reference, 1e-9)),
            level=float(np.sqrt(np.mean(samples * samples))),
        )
        self._frame += 1
        return frame


def _filter_bank(sample_rate: int, size: int) -> Floats:
    """Return triangular filters (bands, bins) on a logarithmic scale."""
    edges = np.geomspace(_LOWEST, min(_HIGHEST, 0.47 * sample_rate), _BANDS + 2)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    spacing = frequencies[1]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    # Low bands are narrower than a bin: widen them so that each holds at least one.
    low, high = np.minimum(low, centre - spacing), np.maximum(high, centre + spacing)
    bank = np.minimum((frequencies - low) / (centre - low), (high - frequencies) / (high - centre))
    return np.maximum(bank, 0.0)
