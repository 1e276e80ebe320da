"""Joining two renditions of the same music, stretched apart from each other.

Their attacks agree, their phases do not: a plain cross-fade of a held note may cancel it. The join is put where
the two are most alike, and the new one may shift a little, less than anybody (and the timing) notices.
"""

from __future__ import annotations

import numpy as np

from dancecoach.sources.stretch import Samples

FADE = 0.020  # seconds of cross-fade
WINDOW = 0.200  # seconds in which it may lie
SHIFT = 0.0006  # seconds the new rendition may move
STEP = 0.002  # seconds between places that are tried


class Seam:
    """Joins renditions at one sample rate, Hz.

    Attributes
    ----------
    tail : int
        Samples of the old rendition needed beyond its end.
    margin : int
        Samples of the new rendition needed before its beginning and after its end.
    """

    def __init__(self, sample_rate: int) -> None:
        self._fade = round(FADE * sample_rate)
        self._step = max(1, round(STEP * sample_rate))
        self.tail = self._fade + round(WINDOW * sample_rate)
        self.margin = max(1, round(SHIFT * sample_rate))

    def join(self, old: Samples, wide: Samples) -> Samples:
        """Return the new rendition without its margins, its first samples blended with the old one's tail.

        Parameters
        ----------
        old : (tail, C) float32, or (0, C) when nothing comes before
        wide : (margin + N + margin, C) float32
        """
        length = len(wide) - 2 * self.margin
        if len(old) == 0:
            return wide[self.margin : self.margin + length]
        place, shift, likeness = self._best(old, wide)
        new = wide[self.margin + shift : self.margin + shift + length].copy()
        fade = np.linspace(0.0, 1.0, self._fade, dtype=np.float32)[:, None]
        # Keeps the energy steady, whatever the likeness.
        scale = np.sqrt(fade**2 + (1 - fade) ** 2 + 2 * fade * (1 - fade) * max(0.0, likeness))
        stop = place + self._fade
        new[place:stop] = (old[place:stop] * (1 - fade) + new[place:stop] * fade) / scale
        new[:place] = old[:place]
        return new

    def _best(self, old: Samples, wide: Samples) -> tuple[int, int, float]:
        """Return where the fade begins, the shift in samples and the correlation coefficient there."""
        before = old.mean(axis=1, dtype=np.float64)
        after = wide[: self.tail + 2 * self.margin].mean(axis=1, dtype=np.float64)
        best = (0, 0, -2.0)
        for shift in range(-self.margin, self.margin + 1, 2):
            other = after[self.margin + shift : self.margin + shift + self.tail]
            power = self._sums(before**2) * self._sums(other**2)
            likeness = np.where(power > 1e-12, self._sums(before * other) / np.sqrt(np.maximum(power, 1e-12)), 1.0)
            place = int(np.argmax(likeness))
            if likeness[place] > best[2] + 1e-3:
                best = (place * self._step, shift, float(likeness[place]))
        return best

    def _sums(self, values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        """Return the sums over the fade's length from every place that is tried."""
        total = np.concatenate([[0.0], np.cumsum(values)])
        sums: np.ndarray = (total[self._fade :] - total[: -self._fade])[:: self._step]  # type: ignore[type-arg]
        return sums
