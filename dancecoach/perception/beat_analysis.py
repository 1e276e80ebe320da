"""Beats of music that is at hand as a whole: analysed ahead, better than any causal tracker can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from dancecoach.errors import FileFormatError
from dancecoach.perception.bar_pointer import BarPointer, best_path
from dancecoach.perception.beat_filter import STATES_PER_SECOND, BeatFilter
from dancecoach.perception.beat_model import BeatModel, TempoEvidence, beat_model
from dancecoach.perception.beat_path import best_beats
from dancecoach.perception.beats import SILENCE, smooth_beats
from dancecoach.perception.onsets import OnsetDetector
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis, normalise
from dancecoach.types import BeatGrid, Floats, cycle_of

_SEARCH = 0.035  # s around a beat in which its onset is looked for
_NO_BEAT = 0.3  # confidence of what noise and tones come to
_MUSIC = 0.5  # probability of music from which on it is taken for music
_FRAME_BIAS = 0.5  # frames; a beat begins within its first frame


def analyse_beats(samples: Floats | NDArray[np.float32], sample_rate: int) -> BeatGrid | None:
    """Return the beat grid of mono `samples` (N,), times from the first sample; None where there is no music.

    The most likely path through the states of tempo, phase and metre, by the beat network's activations or, where
    the network cannot be used, by onsets alone; then each beat is moved to the onset it stands for and the jitter of
    single onsets is averaged out.
    """
    detector = OnsetDetector(sample_rate)
    tail = np.zeros(detector.size)  # the last frames need half a window more
    frames = detector.whole(np.concatenate([samples.astype(np.float64), tail]))
    loud = [index for index, frame in enumerate(frames) if frame.level > SILENCE]
    if not loud or loud[-1] - loud[0] < 2.0 * detector.frame_rate:
        return None
    frames = frames[loud[0] : loud[-1] + 1]
    strengths = np.array([frame.strengths for frame in frames])
    times = np.array([frame.time for frame in frames])
    heard = np.nan_to_num(strengths).mean(axis=1)
    model = beat_model()
    if model is None:
        path = _classical_path(strengths, times, heard, detector.frame_rate)
    else:
        path = _network_path(model, samples, sample_rate, times, strengths)
    if path is None or len(path.times) < 3:
        return None
    moved, found = _to_onsets(path.times, times, heard)
    beats = smooth_beats(moved)
    confidence = path.confidence if path.sure else path.confidence * float(np.mean(found))
    return BeatGrid(
        beat_times=beats,
        counts=path.counts,
        tempo=60.0 / float(np.median(np.diff(beats))),
        confidence=round(confidence, 4),
        source="analysed",
        beats_per_bar=path.beats_per_bar,
    )


@dataclass(frozen=True, slots=True)
class _Path:
    """Beats before they are moved to their onsets; `sure` when the confidence already says all."""

    times: Floats
    counts: NDArray[np.int64]
    beats_per_bar: int
    confidence: float
    sure: bool


def _classical_path(strengths: Floats, times: Floats, heard: Floats, frame_rate: float) -> _Path | None:
    begins, bars = best_path(BarPointer(frame_rate), strengths)
    if len(begins) < 3:
        return None
    return _Path(times[begins] - _FRAME_BIAS / frame_rate, _counts(bars), 4, _contrast(heard, begins), False)


def _network_path(
    model: BeatModel, samples: Floats | NDArray[np.float32], sample_rate: int, times: Floats, strengths: Floats
) -> _Path | None:
    """Return the best path where the network hears music, in the span of the onsets (T, 3) at `times` (T,) s."""
    lead = np.zeros(round(0.1 * sample_rate), dtype=np.float32)  # the last activations come late
    bands = BandAnalysis(sample_rate).whole(np.concatenate([samples.astype(np.float32), lead, lead]))
    said = model.whole(normalise(bands))[model.delay :]
    first, last = (int(np.clip(round(each * FRAMES_PER_SECOND), 0, len(said) - 1)) for each in times[[0, -1]])
    music = uniform_filter1d(said[:, 2], 2 * FRAMES_PER_SECOND)
    playing = np.flatnonzero(music[first : last + 1] > _MUSIC)
    if len(playing) < 2 * FRAMES_PER_SECOND:
        return None
    first, last = first + int(playing[0]), first + int(playing[-1])
    said = said[first : last + 1]
    states = BeatFilter(observations=model.observations)
    weight = states.settings.tempo_weight
    tempo = TempoEvidence(model.tempi, states.intervals / STATES_PER_SECOND).likelihood(said[:, 3:], weight)
    halves = (first + (np.arange(2 * len(said)) - 1) / 2) / FRAMES_PER_SECOND
    onsets = strengths[np.clip(np.searchsorted(times, halves - 0.5 / STATES_PER_SECOND), 0, len(times) - 1)]
    at, bars, metres = best_beats(states, said[:, 0], said[:, 1], tempo, onsets)
    if len(at) < 3:
        return None
    beats_per_bar = int(np.bincount(metres).argmax())
    # The activations fade towards a beat's edges; the factor is a choice, not fitted (unlike the live confidence).
    on_beats = float(np.mean(said[np.clip(np.round(at / 2).astype(int), 0, len(said) - 1), 0]))
    confidence = min(1.0, 1.5 * on_beats)
    if confidence < _NO_BEAT:
        return None
    times = (first + at / 2) / FRAMES_PER_SECOND
    return _Path(times, _counts_in(bars, beats_per_bar), beats_per_bar, confidence, True)


def _counts_in(bars: NDArray[np.intp], beats_per_bar: int) -> NDArray[np.int64]:
    """Return counts from the beat in the bar 1…: each downbeat begins the other half of the eight (or six)."""
    cycle = 2 * beats_per_bar
    counts = np.zeros(len(bars), dtype=np.int64)
    first = int(np.argmax(bars == 1)) if (bars == 1).any() else 0
    counts[first] = 1
    for index in range(first + 1, len(bars)):
        following = counts[index - 1] % cycle + 1
        if bars[index] == 1 and (following - 1) % beats_per_bar:
            # The bars begin elsewhere from here on.
            following = 1
        counts[index] = following
    for index in range(first - 1, -1, -1):
        counts[index] = (counts[index + 1] - 2) % cycle + 1
    return counts


def _contrast(heard: Floats, begins: NDArray[np.intp]) -> float:
    """Return 0…1, how much stronger onsets are on the beats than between them: noise has them everywhere."""
    near = (begins[:, None] + np.arange(-2, 4)[None, :]).clip(0, len(heard) - 1)
    on, overall = float(heard[near].max(axis=1).mean()), float(np.mean(_local_peaks(heard)))
    return float(np.clip(2.0 * (on - overall) / max(on + overall, 1e-9), 0.0, 1.0))


def _local_peaks(heard: Floats) -> Floats:
    """Return the strongest onset in every stretch as long as the one looked at around a beat."""
    count = len(heard) // 6
    return heard if count == 0 else np.asarray(heard[: count * 6].reshape(count, 6).max(axis=1))


def _to_onsets(rough: Floats, times: Floats, heard: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return beats (B,) moved to the centre of the onset within reach, and which of them had one."""
    moved, found = rough.copy(), np.zeros(len(rough), dtype=bool)
    for index, beat in enumerate(rough):
        low, high = np.searchsorted(times, (beat - _SEARCH, beat + _SEARCH))
        weights = heard[low:high] ** 2
        found[index] = len(weights) > 0 and heard[low:high].max() > 0.15
        if found[index]:
            moved[index] = float(weights @ times[low:high] / weights.sum())
    # Beats without an onset of their own keep the typical distance between path and onset.
    if found.any():
        moved[~found] += float(np.median((moved - rough)[found]))
    return moved, found


def _counts(bars: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return counts 1…8 from the beat in the bar (−1 unknown): the rotation that most beats agree with."""
    index = np.arange(len(bars))
    known = bars >= 0
    rotation = 0
    if known.any():
        rotation = int(np.bincount((bars[known] - index[known]) % 4, minlength=4).argmax())
    # The piece's first complete bar begins on 1, not on 5.
    first_down = (-rotation) % 4
    return np.asarray((index - first_down) % 8 + 1, dtype=np.int64)


def read_beats(path: Path) -> BeatGrid:
    """Read a `.beats` file: a line per beat, seconds and the beat in the bar (1 is the downbeat).

    Raises
    ------
    FileFormatError
        When a line is not two numbers, or the times do not grow.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"The beats file {path} cannot be read.", "Choose a text file of beats.") from error
    times: list[float] = []
    numbers: list[int] = []
    for line in text.splitlines():
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            times.append(float(words[0]))
            numbers.append(int(float(words[1])) if len(words) > 1 else len(times))
        except (ValueError, OverflowError) as error:
            raise FileFormatError(
                f"'{line[:40]}' in {path} is not a beat.", "Each line holds seconds and the beat in the bar."
            ) from error
    beats = np.array(times)
    if len(beats) < 2 or not np.all(np.isfinite(beats)) or np.any(np.diff(beats) <= 0):
        raise FileFormatError(
            f"The beats file {path} has no two beats in order of time.",
            "Each line holds seconds and the beat in the bar.",
        )
    down = np.array([number == 1 for number in numbers])
    # One odd bar does not make the metre.
    bars = np.diff(np.flatnonzero(down))
    usual = int(np.bincount(bars).argmax()) if len(bars) else max(numbers)
    per_bar = usual if 1 <= usual <= 16 else 4
    first = int(np.argmax(down)) if down.any() else 0
    return BeatGrid(
        beat_times=beats,
        counts=np.asarray((np.arange(len(beats)) - first) % cycle_of(per_bar) + 1, dtype=np.int64),
        tempo=60.0 / float(np.median(np.diff(beats))),
        confidence=1.0,
        source="file",
        beats_per_bar=per_bar,
    )
