"""Pop songs: the piano arrangements of POP909 with their beats and chords."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mido
import numpy as np

from dancecoach.training.composing_harmony import Chord
from dancecoach.training.pieces import Split
from dancecoach.types import Floats

_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUALITIES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
}
# Bars of a stretch of a song are believed when so many times more of its chord changes fall on the downbeats than on
# any other beat of the bar: without, and with the downbeats of the analysis of the audio agreeing (their share).
_RATIO_ALONE, _RATIO_WITH_AUDIO, _AUDIO_SHARE = 1.3, 1.03, 0.85
_LEAST_BARS = 20


def split_of_song(number: int) -> Split:
    """Return the split a song belongs to."""
    return "validation" if number % 10 == 8 else "test" if number % 10 == 9 else "train"


@dataclass(frozen=True, slots=True)
class Song:
    """A song on its grid of beats: position 0 is a downbeat.

    `beat_times` (B,) s; `melody`, `bridge`, `piano` (N, 5) events as in composing_score;
    `chords` in beats.
    """

    number: int
    beat_times: Floats
    melody: Floats
    bridge: Floats
    piano: Floats
    chords: list[Chord]

    @property
    def bpm(self) -> float:
        """Middle tempo, beats per minute."""
        return 60.0 / float(np.median(np.diff(self.beat_times)))


class Songs:
    """The songs in a folder of POP909, read when they are wanted; those with doubtful bars are None."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._songs: dict[int, Song | None] = {}

    @cached_property
    def numbers(self) -> list[int]:
        """Numbers of the songs that are there."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def of_split(self, split: Split) -> list[int]:
        """Return the numbers of the songs of a split."""
        return [number for number in self.numbers if split_of_song(number) == split]

    def song(self, number: int) -> Song | None:
        """Return a song, or None if its beats and chords do not agree on its bars."""
        if number not in self._songs:
            self._songs[number] = _read(self.folder / f"{number:03d}", number)
        return self._songs[number]


def _read_chords(path: Path) -> list[tuple[float, float, str]]:
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(float(row[0]), float(row[1]), row[2]) for row in rows if len(row) == 3]


def _sure_stretch(beats: Floats, flags: Floats, changes: Floats, audio: Floats) -> tuple[int, int] | None:
    """Longest stretch of bars of four beats that all evidence agrees on: first downbeat, beat after the last bar.

    The symbolic analysis flags downbeats (`flags` (B,)); where two are not four beats apart, either the song has a
    shorter bar or the analysis erred, so that only what lies between such places is used. Times of chord changes and
    of the downbeats heard in the `audio` must agree.
    """
    downbeats = np.flatnonzero(flags > 0)
    if len(downbeats) < _LEAST_BARS:
        return None
    cuts = np.flatnonzero(np.diff(downbeats) != 4) + 1
    run = max(np.split(downbeats, cuts), key=len)
    if len(run) < _LEAST_BARS:
        return None
    first, after = int(run[0]), min(int(run[-1]) + 4, len(beats))
    counts = _phases(beats[first:after], changes)
    if counts.sum() < 20 or counts[0] < _RATIO_ALONE * counts[[1, 3]].max():
        return None
    ratio = counts[0] / max(counts[1:].max(), 1)
    heard = _phases(beats[first:after], audio)
    agrees = heard.sum() >= _LEAST_BARS // 2 and heard[0] >= _AUDIO_SHARE * heard.sum()
    denies = heard.sum() >= _LEAST_BARS // 2 and heard[0] < 0.5 * heard.sum()
    if denies or ratio < (_RATIO_WITH_AUDIO if agrees else _RATIO_ALONE):
        return None
    return first, after


def _phases(beats: Floats, times: Floats) -> Floats:
    """Count the times that fall on each beat of the bar, (4,), within 0.12 s of it."""
    times = times[(times > beats[0] - 0.12) & (times < beats[-1] + 0.12)]
    nearest = np.rint(np.interp(times, beats, np.arange(len(beats)))).astype(int)
    nearest = nearest[np.abs(beats[nearest] - times) < 0.12]
    return np.bincount(nearest % 4, minlength=4).astype(np.float64)


def _read(folder: Path, number: int) -> Song | None:
    table = np.loadtxt(folder / "beat_midi.txt", ndmin=2)
    beats, flags = table[:, 0], table[:, 2]
    steps = np.diff(beats)
    if (
        len(beats) < 64
        or steps.min() <= 0
        or steps.max() > 1.3 * np.median(steps)
        or steps.min() < 0.75 * np.median(steps)
    ):
        return None
    rows = _read_chords(folder / "chord_midi.txt")
    changes = np.array([row[0] for before, row in itertools.pairwise(rows) if row[2] != before[2] and row[2] != "N"])
    heard = np.loadtxt(folder / "beat_audio.txt", ndmin=2)
    stretch = _sure_stretch(beats, flags, changes, heard[heard[:, 1] == 1.0, 0])
    if stretch is None:
        return None
    grid = beats[stretch[0] : stretch[1]]
    numbers = np.arange(len(grid), dtype=np.float64)
    tracks = _read_tracks(folder / f"{number:03d}.mid", grid, numbers)
    chords: list[Chord] = []
    for start, end, name in rows:
        notes = _chord_notes(name)
        first, last = (float(np.interp(t, grid, numbers)) for t in (start, end))
        if notes and last - first > 0.2:
            first, last = round(first * 2) / 2, round(last * 2) / 2
            chords.append(Chord(first, last, notes[0], notes))
    none = np.zeros((0, 5))
    piano = tracks.get("PIANO", none)
    if len(chords) < 8 or not len(piano) or not 50 <= 60 / float(np.median(steps)) <= 180:
        return None
    # Long low notes, too, begin bars rather than halves of them.
    long = piano[(piano[:, 2] < 50) & (piano[:, 1] > 1.0), 0]
    counts = np.bincount(np.rint(long).astype(int) % 4, minlength=4)
    if counts.sum() >= 12 and counts[0] < 0.9 * counts[1:].max():
        return None
    return Song(number, grid, tracks.get("MELODY", none), tracks.get("BRIDGE", none), piano, chords)


def _read_tracks(path: Path, grid: Floats, numbers: Floats) -> dict[str, Floats]:
    file = mido.MidiFile(path)
    tempi = sorted(
        (ticks, message.tempo)
        for track in file.tracks
        for ticks, message in _absolute(track)
        if message.type == "set_tempo"
    ) or [(0, 500_000)]
    knots = np.array([tick for tick, _ in tempi], dtype=np.float64)
    rates = np.array([tempo for _, tempo in tempi]) / 1e6 / file.ticks_per_beat
    seconds = np.concatenate(([knots[0] * rates[0]], knots[0] * rates[0] + np.cumsum(np.diff(knots) * rates[:-1])))

    found: dict[str, Floats] = {}
    for track in file.tracks:
        rows: list[tuple[int, int, int, int]] = []
        sounding: dict[int, tuple[int, int]] = {}
        for ticks, message in _absolute(track):
            if message.type not in ("note_on", "note_off"):
                continue
            if message.note in sounding:
                began, velocity = sounding.pop(message.note)
                rows.append((began, ticks, message.note, velocity))
            if message.type == "note_on" and message.velocity:
                sounding[message.note] = (ticks, message.velocity)
        if not rows:
            continue
        table = np.array(sorted(rows), dtype=np.float64)
        edges: list[Floats] = []
        for column in (0, 1):
            index = np.maximum(np.searchsorted(knots, table[:, column], side="right") - 1, 0)
            times = seconds[index] + (table[:, column] - knots[index]) * rates[index]
            edges.append(np.interp(times, grid, numbers))
            if column == 0:
                onsets = times
        inside = (edges[0] > 0.0) & (edges[0] < numbers[-1]) | (np.abs(onsets - grid[0]) < 0.05)
        table = table[inside]
        edges = [edge[inside] for edge in edges]
        length = np.maximum(edges[1] - edges[0], 0.05)
        found[track.name] = np.column_stack((edges[0], length, table[:, 2], table[:, 3], np.zeros(len(table))))
    return found


def _absolute(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    ticks, rows = 0, []
    for message in track:
        ticks += message.time
        rows.append((ticks, message))
    return rows


def _chord_notes(name: str) -> tuple[int, ...]:
    """Pitch classes of a chord written like ``Bb:min7/b3``, root first; empty for none."""
    if ":" not in name:
        return ()
    root, quality = name.split(":", 1)
    quality = quality.split("/")[0].split("(")[0]
    pitch = _PITCH_CLASSES[root[0]] + root.count("#") - root[1:].count("b")
    steps = _QUALITIES.get(quality) or ((0, 3, 7) if quality.startswith("min") else (0, 4, 7))
    return tuple((pitch + step) % 12 for step in steps)
