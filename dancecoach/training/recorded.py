"""Excerpts from recordings: music made at a constant tempo, whose beats lie on a grid fitted to what a network hears.

A network trained on rendered music says where beats may be. One constant tempo and phase are fitted to the whole
recording; where the windows of the recording agree with them, the grid gives exact beats everywhere, also where the
network alone was wrong. That is what a second training learns from. Recordings whose windows disagree are refused,
and so are those that the networks of successive trainings hear differently.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis
from dancecoach.training.beat_data import Excerpt, onsets_of
from dancecoach.training.beat_network import BEAT, DELAY, DOWNBEAT, FASTEST, MUSIC, SLOWEST, TEMPI, BeatNetwork
from dancecoach.training.render_beats import _work_off
from dancecoach.training.rooms import in_a_room
from dancecoach.types import Floats

FOLDER = "recorded"  # in WORK
SUFFIXES = (".ogg", ".mp3", ".opus", ".flac")
SHORTEST, LONGEST = 50.0, 180.0  # s; of longer recordings the beginning is used
HELD_OUT_SHARE = 10  # one recording in so many is for validation
_SMALLEST_FILE = 400_000  # bytes; smaller ones are sound effects and need not be opened
_SHORTEST_GRID = 45.0  # s that are needed to tell whether a tempo is constant
_WITH_MUSIC = 0.7  # share of frames in which the network hears music, at least
_ALL_MUSIC = 0.9  # share from which on the rest is taken for breaks within the music, where the grid runs on
_CANDIDATES = (50.0, 215.0)  # BPM
_SPECTRUM = 2**20  # points, so that neighbouring tempi are 0.003 BPM apart
_LOGIT = 3.0  # activations below this many logits under one half are all the same
_SETTLED = 200  # frames until the network's tempo means something
_PHASES, _COARSE_PHASES = 40, 20  # bins of a beat's phase, for the whole recording and for a window
_WINDOW, _HOP = 16.0, 8.0  # s
_FEWEST_WINDOWS = 4
_AUDIBLE = 0.3  # highest activation a window has at least; quieter ones say nothing
_AGREEMENT = 0.6  # share of windows whose beat lies on the grid, at least
_STRENGTH = 0.25  # mean activation on the beat, at least
_SAME_PERIOD, _SAME_PHASE = 0.004, 0.13  # shares of a period by which grids of two networks may differ
_OVER_OFFBEAT = 1.3  # how much stronger the beat is than the off-beat, at least
_METRE = 4
_DOWN_WINDOW, _DOWN_HOP = 32, 16  # beats
_DOWN_RATIO, _DOWN_AGREEMENT = 1.3, 0.6  # best place over the second best; share of windows that agree

Array = NDArray[np.float32]


class Refusal(StrEnum):
    """Why no grid was fitted."""

    SHORT = "too short"
    NO_MUSIC = "little music"
    DISAGREEMENT = "no constant tempo"
    WEAK = "weak beats"
    OFF_BEAT = "beat or off-beat"
    OPINIONS = "heard differently"


@dataclass(frozen=True, slots=True)
class Grid:
    """Beats at `phase` + k · `period` (s); `agreement` share of windows (0 to 1) whose beat lies there."""

    period: float
    phase: float
    agreement: float

    def beats(self, seconds: float) -> Floats:
        """Return the beats (B,) s within `seconds`."""
        beats = np.arange(self.phase, seconds, self.period)
        return np.asarray(beats[beats > 0])

    def agrees(self, other: Grid, seconds: float) -> bool:
        """Return whether `other` has the same beats in the middle of `seconds`."""
        if abs(other.period / self.period - 1) > _SAME_PERIOD:
            return False
        cycles = (seconds / 2 - other.phase) / other.period - (seconds / 2 - self.phase) / self.period
        return abs((cycles + 0.5) % 1 - 0.5) < _SAME_PHASE


# ------------------------------------------------------------------------------------------------------ recordings


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording at `path`, `folder` it was found under; `name` of stem and content, the same on every machine."""

    path: Path
    folder: Path
    name: str

    @property
    def held_out(self) -> bool:
        """Whether it is kept for validation."""
        return is_held_out(self.name)

    @property
    def source(self) -> str:
        """Its path below `folder`."""
        return self.path.relative_to(self.folder).as_posix()


def is_held_out(name: str) -> bool:
    """Return whether the recording of this name is kept for validation."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), 16) % HELD_OUT_SHARE == 0


def find_recordings(folder: Path) -> list[Recording]:
    """Return the recordings anywhere in `folder` that are long enough, copies of the same content left out."""
    found: dict[str, Recording] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.stat().st_size < _SMALLEST_FILE:
            continue
        try:
            if soundfile.info(path).duration < SHORTEST:
                continue
            content = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        except (OSError, soundfile.LibsndfileError):
            continue
        name = f"{path.stem.replace(' ', '_')[:50]}_{content[:8]}"
        found.setdefault(content, Recording(path, folder, name))
    return list(found.values())


def store(recording: Recording, work: Path) -> None:
    """Write the bands of `recording`, dry and in a room, to `work`, unless they are there; nothing if unreadable."""
    path = _stored(recording, work)
    if path.exists():
        return
    try:
        with soundfile.SoundFile(recording.path) as file:
            rate = int(file.samplerate)
            sound = file.read(int(LONGEST * rate), dtype="float32", always_2d=True).mean(axis=1)
    except (OSError, soundfile.LibsndfileError):
        return
    rng = np.random.default_rng(zlib.crc32(recording.name.encode()))
    analysis = BandAnalysis(rate)
    sounds = (sound, in_a_room(sound, rate, rng))
    stored = {"views": np.stack([analysis.whole(view) for view in sounds]).astype(np.float16)}
    if recording.held_out:
        stored["onsets"] = np.stack([onsets_of(view, rate, stored["views"].shape[1]) for view in sounds])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as opened:
        np.savez(opened, **stored)
    temporary.replace(path)


def store_all(recordings: Sequence[Recording], work: Path, out: TextIO, workers: int | None = None) -> None:
    """`store` what is missing, in `workers` processes, and tell about it on `out`."""
    tasks = [(each, work) for each in recordings if not _stored(each, work).exists()]
    _work_off(store, tasks, "recordings", out, workers)


def stored_views(recording: Recording, work: Path, what: str = "views") -> NDArray[np.float16] | None:
    """Return the views (2, T, 88), or onsets (2, 2 T, 3), that `store` left in `work`, None where there are none."""
    try:
        with np.load(_stored(recording, work), allow_pickle=False) as file:
            return np.asarray(file[what], dtype=np.float16)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _stored(recording: Recording, work: Path) -> Path:
    return work / FOLDER / f"{recording.name}.npz"


# ------------------------------------------------------------------------------------------------------------ grid


def fit_grid(activations: NDArray[Any], delay: int = DELAY) -> Grid | Refusal:
    """Fit beats of one constant tempo to a whole recording.

    Parameters
    ----------
    activations : ndarray (T, 67)
        What the network says, 50 frames a second: beat, downbeat, music, tempo classes.
    delay : int
        Frames by which it is late.

    Returns
    -------
    Grid or Refusal
        The grid, or why there is none.
    """
    if len(activations) < _SHORTEST_GRID * FRAMES_PER_SECOND:
        return Refusal.SHORT
    beat = np.asarray(activations[delay:, BEAT], dtype=np.float64)
    if np.mean(activations[delay:, MUSIC] > 0.5) < _WITH_MUSIC:
        return Refusal.NO_MUSIC
    times = np.arange(len(beat)) / FRAMES_PER_SECOND
    rough = _rough_frequency(beat, activations[_SETTLED:, 3:].mean(axis=0))
    frequency, place, profile = _sharpest(beat, times, rough)
    phase = (place + 0.5) / _PHASES
    windows = _windows_on_grid(beat, times * frequency - phase)
    agreement = float(np.mean(windows)) if windows else 0.0
    if agreement < _AGREEMENT or len(windows) < _FEWEST_WINDOWS:
        return Refusal.DISAGREEMENT
    if profile[place] <= _STRENGTH:
        return Refusal.WEAK
    if profile[place] <= _OVER_OFFBEAT * profile[(place + _PHASES // 2) % _PHASES]:
        return Refusal.OFF_BEAT
    return Grid(1.0 / frequency, phase / frequency, agreement)


def _rough_frequency(beat: Floats, tempo: NDArray[Any]) -> float:
    """Return the frequency (Hz) at which `beat` (T,) repeats; the tempo classes (64,) decide the octave."""
    logits = np.log(np.clip(beat, 0.01, 0.99) / (1 - np.clip(beat, 0.01, 0.99)))
    strength = np.maximum(logits, -_LOGIT)
    magnitudes = np.abs(np.fft.rfft(strength - strength.mean(), _SPECTRUM))
    frequencies = np.fft.rfftfreq(_SPECTRUM, 1 / FRAMES_PER_SECOND)
    chosen = (frequencies > _CANDIDATES[0] / 60) & (frequencies < _CANDIDATES[1] / 60)
    candidates = frequencies[chosen]
    doubled = np.interp(2 * candidates, frequencies, magnitudes)
    classes = np.log(60 * candidates / SLOWEST) / math.log(FASTEST / SLOWEST) * (TEMPI - 1)
    likely = np.interp(classes, np.arange(TEMPI), np.convolve(tempo, np.ones(3), "same"))
    score = (magnitudes[chosen] + 0.5 * doubled) * np.sqrt(likely + 1e-3)
    return float(candidates[np.argmax(score)])


def _sharpest(beat: Floats, times: Floats, rough: float) -> tuple[float, int, Floats]:
    """Return the frequency (Hz) near `rough` whose profile has the highest peak, the peak's bin and the profile."""
    found: tuple[float, int, Floats] | None = None
    for frequency in rough + np.linspace(-1.5, 1.5, 25) / times[-1]:
        phases = (times * frequency % 1 * _PHASES).astype(np.intp)
        counts = np.maximum(1, np.bincount(phases, minlength=_PHASES))
        profile = _smooth(np.bincount(phases, beat, _PHASES) / counts) / 2
        if found is None or profile.max() > found[2].max():
            found = float(frequency), int(np.argmax(profile)), profile
    assert found is not None
    return found


def _windows_on_grid(beat: Floats, cycles: Floats) -> list[bool]:
    """Return for every window in which beats are heard whether they lie where `cycles` (T,) are whole numbers."""
    size, hop = round(_WINDOW * FRAMES_PER_SECOND), round(_HOP * FRAMES_PER_SECOND)
    on_grid = []
    for start in range(0, len(beat) - size, hop):
        part = beat[start : start + size]
        if part.max() < _AUDIBLE:
            continue
        phases = (cycles[start : start + size] % 1 * _COARSE_PHASES).astype(np.intp) % _COARSE_PHASES
        profile = _smooth(np.bincount(phases, part, _COARSE_PHASES).astype(np.float64))
        place = int(np.argmax(profile))
        on_grid.append(min(place, _COARSE_PHASES - place) <= 1)
    return on_grid


def _smooth(profile: Floats) -> Floats:
    """Return the sums of each bin and half its neighbours, around the circle."""
    return np.convolve(np.r_[profile[-1], profile, profile[0]], [0.5, 1.0, 0.5], "valid")


def vote_downbeats(activations: NDArray[Any], beats: Floats, delay: int = DELAY) -> Floats:
    """Return each beat's number in its bar of four, (B,); NaN throughout where the recording does not agree on it."""
    frames = np.clip(np.round(beats * FRAMES_PER_SECOND).astype(np.intp) + delay, 1, len(activations) - 3)
    near = np.stack([activations[frames + offset, DOWNBEAT] for offset in (-1, 0, 1, 2)])
    strength = near.max(axis=0)
    places = np.arange(len(beats)) % _METRE
    unknown = np.full(len(beats), np.nan)
    starts = range(0, len(beats) - _DOWN_WINDOW, _DOWN_HOP)
    if not starts:
        return unknown
    means = _means(strength, places)
    second, best = (int(place) for place in np.argsort(means)[-2:])
    windows = [slice(start, start + _DOWN_WINDOW) for start in starts]
    agreeing = np.mean([np.argmax(_means(strength[each], places[each])) == best for each in windows])
    if means[best] <= _DOWN_RATIO * means[second] or agreeing < _DOWN_AGREEMENT:
        return unknown
    return (places - best) % _METRE + 1.0


def _means(strength: NDArray[Any], places: NDArray[np.intp]) -> Floats:
    return np.array([strength[places == place].mean() for place in range(_METRE)])


# -------------------------------------------------------------------------------------------------------- excerpts


@dataclass(frozen=True, slots=True)
class Labelled:
    """Excerpts to train with and `held_out`, and `about` them what the card says."""

    train: list[Excerpt]
    held_out: list[Excerpt]
    about: list[dict[str, Any]]


def label(recordings: Sequence[Recording], work: Path, networks: Sequence[BeatNetwork], out: TextIO) -> Labelled:
    """Return the excerpts of those `recordings`, stored in `work`, on which all `networks` find the same grid."""
    labelled, refused = Labelled([], [], []), Counter[str]()
    for recording in recordings:
        views = stored_views(recording, work)
        made = Refusal.SHORT if views is None else make_excerpt(recording.name, views, networks)
        if isinstance(made, Refusal):
            refused[made] += 1
            continue
        if recording.held_out:
            labelled.held_out.append(replace(made, onsets=stored_views(recording, work, "onsets")))
        else:
            labelled.train.append(made)
        labelled.about.append(
            {
                "path": recording.source,
                "seconds": made.views.shape[1] / FRAMES_PER_SECOND,
                "bpm": round(60 / float(np.mean(np.diff(made.beats))), 2),
                "downbeats": not bool(np.isnan(made.bars).any()),
                "held_out": recording.held_out,
            }
        )
    reasons = ", ".join(f"{why}: {count}" for why, count in sorted(refused.items())) or "none refused"
    print(f"Recordings with a constant tempo: {len(labelled.about)} of {len(recordings)} ({reasons}).", file=out)
    return labelled


def make_excerpt(name: str, views: NDArray[np.float16], networks: Sequence[BeatNetwork]) -> Excerpt | Refusal:
    """Return the excerpt of a recording, labelled by what the last of `networks` says of its first view.

    `views` (V, T, 88); the other networks must agree on the beats.
    """
    from dancecoach.training.train_beats import activations

    frames = views.shape[1]
    grids = []
    for network in networks:
        said = activations(network, views[0].astype(np.float32))
        grid = fit_grid(said)
        if isinstance(grid, Refusal):
            return grid
        grids.append(grid)
    if not all(grids[-1].agrees(grid, frames / FRAMES_PER_SECOND) for grid in grids):
        return Refusal.OPINIONS
    beats = grids[-1].beats((frames - 1 - DELAY) / FRAMES_PER_SECOND)
    music = np.pad(said[DELAY:, MUSIC] > 0.5, (0, DELAY), mode="edge")
    if music.mean() > _ALL_MUSIC:
        music = np.ones(frames, dtype=bool)
    return Excerpt(views, beats, vote_downbeats(said, beats), _METRE, music, "recorded", name)
