"""Pop songs: the piano arrangements of POP909 with their beats and chords."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mido
import numpy as np

from dancecoach.training.composing_harmony import Chord
from dancecoach.training.composing_score import Event
from dancecoach.training.pieces import Split
from dancecoach.types import Floats

_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUALITIES = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "sus4": (0, 5, 7), "sus2": (0, 2, 7), "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10), "hdim7": (0, 3, 6, 10), "dim7": (0, 3, 6, 9), "maj6": (0, 4, 7, 9), "min6": (0, 3, 7, 9),
}
# Share of the chord changes that must fall on the downbeats before a song's bars are believed, and how often as many
# as on any other beat of the bar.
_LEAST_SHARE, _LEAST_RATIO = 0.5, 2.0


def split_of_song(number: int) -> Split:
    """Return the split a song belongs to."""
    return "validation" if number % 10 == 8 else "test" if number % 10 == 9 else "train"


@dataclass(frozen=True, slots=True)
class Song:
    """A song on its grid of beats: position 0 is a downbeat.

    `beat_times` (B,) s; `melody`, `bridge`, `piano` events in beats; `chords` in beats; `first` and `last` position of
    music.
    """

    number: int
    beat_times: Floats
    melody: list[Event]
    bridge: list[Event]
    piano: list[Event]
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


def _downbeat_phase(beats: Floats, flags: Floats, changes: Floats) -> int | None:
    """Phase 0…3 of the downbeats in beats of four, if chord changes and the analysis's downbeat flags agree on it."""
    nearest = np.rint(np.interp(changes, beats, np.arange(len(beats)))).astype(int)
    near = np.abs(beats[nearest] - changes) < 0.12
    nearest = nearest[near]
    if len(nearest) < 24:
        return None
    counts = np.bincount(nearest % 4, minlength=4)
    phase = int(np.argmax(counts))
    others = np.delete(counts, phase).max()
    if counts[phase] < _LEAST_SHARE * counts.sum() or counts[phase] < _LEAST_RATIO * others:
        return None
    # A bar of another length within the song would show as another phase in one of its thirds.
    for third in np.array_split(nearest, 3):
        part = np.bincount(third % 4, minlength=4)
        if int(np.argmax(part)) != phase or part[phase] < 0.45 * part.sum():
            return None
    downbeats = np.flatnonzero(flags > 0)
    if len(downbeats) < 8 or np.mean(downbeats % 4 == phase) < 0.8:
        return None
    return phase


def _read(folder: Path, number: int) -> Song | None:
    table = np.loadtxt(folder / "beat_midi.txt", ndmin=2)
    beats, flags = table[:, 0], table[:, 2]
    steps = np.diff(beats)
    if len(beats) < 64 or steps.min() <= 0 or steps.max() > 1.3 * np.median(steps) or steps.min() < 0.75 * np.median(steps):
        return None
    rows = _read_chords(folder / "chord_midi.txt")
    changes = np.array([row[0] for before, row in zip(rows, rows[1:], strict=False) if row[2] != before[2] and row[2] != "N"])
    phase = _downbeat_phase(beats, flags, changes)
    if phase is None:
        return None
    # Position 0 is the downbeat at or before the first beat; beats are added on both sides at the local tempo.
    before = (4 - phase) % 4
    step = float(np.median(steps))
    grid = np.concatenate((beats[0] - step * np.arange(before, 0, -1), beats, beats[-1] + step * np.arange(1, 9)))
    numbers = np.arange(len(grid), dtype=np.float64)
    tracks = _read_tracks(folder / f"{number:03d}.mid", grid, numbers)
    chords: list[Chord] = []
    for start, end, name in rows:
        notes = _chord_notes(name)
        first, last = (float(np.interp(t, grid, numbers)) for t in (start, end))
        if notes and last - first > 0.2:
            first, last = round(first * 2) / 2, round(last * 2) / 2
            chords.append(Chord(first, last, notes[0], notes))
    if len(chords) < 8 or not tracks.get("PIANO"):
        return None
    return Song(number, grid, tracks.get("MELODY", []), tracks.get("BRIDGE", []), tracks["PIANO"], chords)


def _read_tracks(path: Path, grid: Floats, numbers: Floats) -> dict[str, list[Event]]:
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

    found: dict[str, list[Event]] = {}
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
        edges = []
        for column in (0, 1):
            index = np.maximum(np.searchsorted(knots, table[:, column], side="right") - 1, 0)
            edges.append(np.interp(seconds[index] + (table[:, column] - knots[index]) * rates[index], grid, numbers))
        length = np.maximum(edges[1] - edges[0], 0.05)
        found[track.name] = list(zip(edges[0].tolist(), length.tolist(), table[:, 2].astype(int).tolist(), table[:, 3].tolist(), [0.0] * len(table), strict=True))
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
