"""Beats of music that is at hand as a whole: analysed ahead, better than any causal tracker can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import FileFormatError
from dancecoach.perception.bar_pointer import BarPointer, best_path
from dancecoach.perception.beats import SILENCE, smooth_beats
from dancecoach.perception.onsets import OnsetDetector
from dancecoach.types import BeatGrid, Floats

_SEARCH = 0.035  # s around a beat in which its onset is looked for
_FRAME_BIAS = 0.5  # frames; a beat begins within its first frame


def analyse_beats(samples: Floats | NDArray[np.float32], sample_rate: int) -> BeatGrid | None:
    """Return the beat grid of mono `samples` (N,), times from the first sample; None where there is no music.

    The most likely path through the bar pointer's states, then each beat is moved to the onset it stands for and
    the jitter of single onsets is averaged out.
    """
    detector = OnsetDetector(sample_rate)
    tail = np.zeros(detector.size)  # the last frames need half a window more
    frames = detector.step(np.concatenate([samples.astype(np.float64), tail]))
    loud = [index for index, frame in enumerate(frames) if frame.level > SILENCE]
    if not loud or loud[-1] - loud[0] < 2.0 * detector.frame_rate:
        return None
    frames = frames[loud[0] : loud[-1] + 1]
    strengths = np.array([frame.strengths for frame in frames])
    times = np.array([frame.time for frame in frames])
    begins, bars = best_path(BarPointer(detector.frame_rate), strengths)
    if len(begins) < 3:
        return None
    heard = np.nan_to_num(strengths).mean(axis=1)
    rough = times[begins] - _FRAME_BIAS / detector.frame_rate
    moved, found = _to_onsets(rough, times, heard)
    beats = smooth_beats(moved)
    interval = float(np.median(np.diff(beats)))
    return BeatGrid(
        beat_times=beats,
        counts=_counts(bars),
        tempo=60.0 / interval,
        confidence=round(_contrast(heard, begins) * float(np.mean(found)), 4),
        source="analysed",
    )


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
    per_bar = max(max(numbers), 1) if max(numbers) <= 16 else 4
    down = np.array([number == 1 for number in numbers])
    first = int(np.argmax(down)) if down.any() else 0
    return BeatGrid(
        beat_times=beats,
        counts=np.asarray((np.arange(len(beats)) - first) % 8 + 1, dtype=np.int64),
        tempo=60.0 / float(np.median(np.diff(beats))),
        confidence=1.0,
        source="file",
        beats_per_bar=per_bar,
    )
