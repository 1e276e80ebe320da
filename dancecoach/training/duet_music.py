"""What a duet's network hears: features of the music and where its beats are, one row for each frame of the dance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.perception.beat_analysis import analyse_beats
from dancecoach.perception.music_features import FEATURES, ROWS_PER_SECOND, MusicFeatures
from dancecoach.session.motion import read_arrays
from dancecoach.sources.media import read_audio
from dancecoach.types import Floats

Array = NDArray[np.float32]

# Features, sine and cosine of the phase of the beat, whether features are known, whether beats are.
MUSIC_SIZE = FEATURES + 4
SOUND_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg", ".m4a", ".mp4")
_REMEDY = "Prepare the duets again."


def heard(frames: int, features: Floats | Array | None = None, beats: Floats | None = None) -> Array:
    """Return what is heard (T, 60) of music: zeros for what is not known.

    Parameters
    ----------
    frames : int
        T, at 30 a second.
    features : (R, 56), optional
        Rows of `perception.music_features`, 30 a second, from the dance's first frame on.
    beats : (B,) s, optional
        From the dance's first frame on, ascending.
    """
    table = np.zeros((frames, MUSIC_SIZE), dtype=np.float32)
    if features is not None and len(features):
        count = min(frames, len(features))
        table[:count, :FEATURES] = features[:count]
        table[:count, FEATURES + 2] = 1.0
    if beats is not None and len(beats) >= 2:
        times = np.arange(frames) / ROWS_PER_SECOND
        first, last = np.diff(beats[:2])[0], np.diff(beats[-2:])[0]
        before = max(int(np.ceil(beats[0] / first)), 0) + 1
        after = max(int(np.ceil((times[-1] - beats[-1]) / last)), 0) + 1
        grid = np.concatenate(
            [beats[0] - first * np.arange(before, 0, -1), beats, beats[-1] + last * np.arange(1, after + 1)]
        )
        phase = 2 * np.pi * np.interp(times, grid, np.arange(len(grid)))
        table[:, FEATURES], table[:, FEATURES + 1], table[:, FEATURES + 3] = np.sin(phase), np.cos(phase), 1.0
    return table


def steady_beats(tempo: float, seconds: float) -> Floats:
    """Return beats (B,) s of a steady tempo, BPM, from 0 to after `seconds` s."""
    return np.asarray(np.arange(int(seconds * tempo / 60.0) + 3) * 60.0 / tempo)


def listen(path: Path) -> tuple[Array, Floats | None]:
    """Return features (R, 56) and beats (B,) s of a sound file, None where there is no music."""
    samples, rate = read_audio(path, mono=True)
    grid = analyse_beats(samples, rate)
    return MusicFeatures(rate).step(samples.astype(np.float32)), None if grid is None else grid.beat_times


def read_music(path: Path) -> tuple[Floats | None, Floats | None]:
    """Return features (R, 56) and beats (B,) s of a `NAME_music.npz`; both may be missing.

    Raises
    ------
    FileFormatError
        When it is damaged or not such a file.
    """
    arrays = read_arrays(path, ("features", "beats"))
    features, beats = arrays.get("features"), arrays.get("beats")
    if features is not None and (features.ndim != 2 or features.shape[1] != FEATURES):
        raise FileFormatError(f"features in {path.name} are of shape {features.shape}.", _REMEDY)
    if features is not None and not np.all(np.isfinite(features)):
        raise FileFormatError(f"features in {path.name} are not all numbers.", _REMEDY)
    if beats is not None and (beats.ndim != 1 or not np.all(np.isfinite(beats)) or np.any(np.diff(beats) <= 0)):
        raise FileFormatError(f"beats in {path.name} do not increase.", _REMEDY)
    return features, beats
