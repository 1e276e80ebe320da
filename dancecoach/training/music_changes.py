"""What else music could have been: negatives and augmentations made from its features.

To render every one anew would take seconds each; these take microseconds and are true but for what their notes say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import DancecoachError
from dancecoach.perception.music_features import CHROMAS, MFCCS, NAMES, ROWS_PER_SECOND, TEMPI, TEMPO_BINS

Array = NDArray[np.float32]

_MFCC, _LEVEL = NAMES.index("mfcc 0"), NAMES.index("level")
_DELTAS = slice(NAMES.index("mfcc delta 0"), NAMES.index("mfcc delta 0") + MFCCS)
_CHROMA = slice(NAMES.index("chroma C"), NAMES.index("chroma C") + CHROMAS)
_TEMPO = slice(NAMES.index("onset") - TEMPI, NAMES.index("onset"))
_MELS = 32  # bands of the cepstrum, whose sum is its first coefficient


def shifted(features: Array, seconds: float) -> Array:
    """Return `features` (T, 56) of the same music heard `seconds` later; the end comes round to the beginning."""
    return np.asarray(np.roll(features, round(seconds * ROWS_PER_SECOND), axis=0))


def tempo_mismatch(features: Array, factor: float) -> Array:
    """Return `features` (T, 56) of the same music played `factor` times as fast, from 0.5 to 2.

    Rows are resampled, coming round where the music ends; slopes grow; the tempogram moves along its tempi, and is
    unknown (0) where it would have to be known beyond them.
    """
    count = len(features)
    place = (np.arange(count) * factor) % count
    lower = place.astype(np.intp)
    share = (place - lower)[:, None]
    mixed = features[lower] * (1 - share) + features[(lower + 1) % count] * share
    out = np.asarray(mixed, dtype=np.float32)
    out[:, _DELTAS] *= factor
    wanted = np.log(TEMPO_BINS / factor)
    known = np.log(TEMPO_BINS)
    out[:, _TEMPO] = np.stack([np.interp(wanted, known, row, left=0.0, right=0.0) for row in out[:, _TEMPO]])
    return out


def other_style(styles: Sequence[str], index: int, rng: np.random.Generator) -> int:
    """Return the index of a random one of `styles` that is not the style at `index`.

    Raises
    ------
    DancecoachError
        When all have the same.
    """
    others = [number for number, style in enumerate(styles) if style != styles[index]]
    if not others:
        raise DancecoachError("All music is of one style.", "Make pairs of more than one dance.")
    return others[int(rng.integers(len(others)))]


def transposed(features: Array, semitones: int) -> Array:
    """Return `features` (T, 56) of music played so many `semitones` higher, as far as they show it."""
    out = features.copy()
    out[:, _CHROMA] = np.roll(features[:, _CHROMA], semitones, axis=1)
    return out


def louder(features: Array, decibels: float) -> Array:
    """Return `features` (T, 56) of the same sound so many `decibels` louder, where it is not near silence."""
    gain = decibels / 20.0 * np.log(10.0)
    out = features.copy()
    out[:, _MFCC] += 2.0 * gain * np.sqrt(_MELS) / 10.0
    out[:, _LEVEL] = np.maximum(out[:, _LEVEL] + gain / np.log(1000.0), 0.0)
    return out
