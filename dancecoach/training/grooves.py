"""Human drummers: takes of the Groove MIDI Dataset, whose beats are those of the metronome they played to."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mido
import numpy as np

from dancecoach.training.composing_score import Event, Track
from dancecoach.training.pieces import Split
from dancecoach.types import Floats

# Drummers whose takes are kept from training, so that a network is judged by hands it has not heard.
VALIDATION_DRUMMERS = frozenset(("drummer2", "drummer10"))
TEST_DRUMMERS = frozenset(("drummer6", "drummer9"))

# The electronic kit's own pitches for rims and edges, in General MIDI.
_TO_GENERAL_MIDI = {22: 42, 26: 46, 58: 43, 39: 39, 54: 54}

# Faster takes are counted at half their metronome; and the share of strokes that must lie near a grid.
_FASTEST, _LEAST_ON_GRID = 225.0, 0.6
# What of long takes is used, beats.
_LONGEST = 800


def split_of_drummer(drummer: str) -> Split:
    """Return the split a drummer belongs to."""
    return "validation" if drummer in VALIDATION_DRUMMERS else "test" if drummer in TEST_DRUMMERS else "train"


@dataclass(frozen=True, slots=True)
class Take:
    """One recording's entry: `bpm` of its metronome, `seconds` long, `fill` or a whole beat."""

    path: Path
    drummer: str
    style: str
    bpm: float
    beats_per_bar: int
    seconds: float
    fill: bool


class Grooves:
    """The takes in a folder of the Groove MIDI Dataset, read when they are wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events: dict[Path, list[Event]] = {}
        self._usable: dict[Path, bool] = {}

    @cached_property
    def takes(self) -> list[Take]:
        """Takes in three or four quarters to the bar; compound metres are counted in other ways by other people."""
        with (self.folder / "info.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        metres = {"4-4": 4, "3-4": 3}
        return [
            Take(
                self.folder / row["midi_filename"],
                row["drummer"],
                row["style"],
                float(row["bpm"]),
                metres[row["time_signature"]],
                float(row["duration"]),
                row["beat_type"] == "fill",
            )
            for row in rows
            if row["time_signature"] in metres
        ]

    def events(self, take: Take) -> list[Event]:
        """Strokes of a take, positions in beats from its first downbeat; empty if its tempo is not constant."""
        if take.path not in self._events:
            self._events[take.path] = _centred(_read(take.path), take.bpm)
        return self._events[take.path]

    def usable(self, take: Take) -> bool:
        """Whether the strokes of a whole beat bear out its metronome and bars; those of a few do not."""
        if take.path not in self._usable:
            self._usable[take.path] = _bears_out(self.events(take), take)
        return self._usable[take.path]

    def beats(self, split: Split) -> list[Take]:
        """Whole beats (no fills) of a split, of at least two bars."""
        return [
            take
            for take in self.takes
            if not take.fill
            and split_of_drummer(take.drummer) == split
            and take.bpm <= _FASTEST
            and take.seconds * take.bpm / 60 >= 2 * take.beats_per_bar - 0.5
        ]

    def play(self, rng: random.Random, take: Take, beats: int) -> tuple[Track, int]:
        """Drum `beats` beats: a take, others of the same drummer and style after it, fills at the ends of phrases.

        Returns the track and its length in beats (whole bars). Positions hold the drummer's own timing.
        """
        bar = take.beats_per_bar
        kin = [
            other
            for other in self.takes
            if other.drummer == take.drummer
            and other.style.split("/")[0] == take.style.split("/")[0]
            and other.beats_per_bar == bar
            and abs(other.bpm / take.bpm - 1) < 0.08
        ]
        fills = [other for other in kin if other.fill]
        wholes = [other for other in kin if not other.fill and other is not take]
        track = Track("drums", None, swung=False, jitter=0.0)
        every = rng.choice((4, 8, 8, 16, 10_000))
        length, current, first = 0, take, True
        while length < beats:
            strokes = self.events(current)
            bars = int((strokes[-1][0] + 0.3) // bar) if strokes else 0
            if bars < 1:
                if first:
                    break
                current = take
                continue
            begin = rng.randrange(0, max(bars - 8, 1)) if first or rng.random() < 0.5 else 0
            count = min(bars - begin, rng.choice((4, 8, 16, 32)) if not first else bars)
            for position, duration, pitch, velocity, _ in strokes:
                # Strokes just before the bar line belong to its first beat.
                if begin * bar - 0.12 <= position < (begin + count) * bar - 0.12:
                    track.events.append((position - begin * bar + length, duration, pitch, velocity, 0.0))
            length += count * bar
            first = False
            current = rng.choice(wholes) if wholes and rng.random() < 0.5 else take
            if not self.usable(current):
                current = take
        if fills:
            for number in range(every - 1, length // bar, every):
                if rng.random() < 0.8:
                    self._fill(track, rng.choice(fills), number * bar, bar)
        track.events.sort()
        return track, length

    def _fill(self, track: Track, fill: Take, start: int, bar: int) -> None:
        strokes = [stroke for stroke in self.events(fill) if stroke[0] < bar - 0.12]
        if len(strokes) < 3:
            return
        track.events[:] = [event for event in track.events if not start - 0.12 <= event[0] < start + bar - 0.12]
        track.events += [(position + start, *rest) for position, *rest in strokes]  # type: ignore[misc]


def _centred(events: list[Event], bpm: float) -> list[Event]:
    """Move a take so that its strokes on beats lie around them.

    Many were recorded 20 to 40 ms ahead throughout, which is the recording's delay and no one's feel.
    """
    positions = np.array([event[0] for event in events if event[3] > 25])
    for grid in (1.0, 0.5, 0.25):
        off = positions - np.rint(positions / grid) * grid
        off = off[np.abs(off) < min(0.07 * bpm / 60, 0.2)]
        if len(off) >= 8:
            delay = float(np.median(off))
            return [(position - delay, *rest) for position, *rest in events]  # type: ignore[misc]
    return events


def _bears_out(events: list[Event], take: Take) -> bool:
    main = np.array([event[0] for event in events if event[2] in (35, 36, 38, 40) and event[3] > 45])
    every = np.array([event[0] for event in events if event[3] > 25])
    if len(every) < 24:
        return False
    near = main if len(main) >= 16 else every
    off = np.minimum(np.abs(near * 4 - np.rint(near * 4)) / 4, np.abs(near * 3 - np.rint(near * 3)) / 3)
    if np.mean(off < 0.06) < _LEAST_ON_GRID:
        return False
    if take.beats_per_bar != 4 or any(
        word in take.style for word in ("jazz", "reggae", "latin", "afro", "secondline", "highlife")
    ):
        return True
    kicks = _on_beats(np.array([event[0] for event in events if event[2] in (35, 36)]))
    snares = _on_beats(np.array([event[0] for event in events if event[2] in (38, 40) and event[3] >= 75]))
    if kicks.sum() >= 8 and kicks[0] < 0.5 * kicks.max():
        return False
    return not (snares.sum() >= 6 and snares[0] > 1.2 * snares[1:].max() and kicks[0] < kicks.max())


def _on_beats(positions: Floats) -> Floats:
    """Count the strokes on each beat of a bar of four."""
    nearest = np.rint(positions)
    return np.bincount(nearest[np.abs(positions - nearest) < 0.12].astype(int) % 4, minlength=4).astype(np.float64)


def _read(path: Path) -> list[Event]:
    file = mido.MidiFile(path)
    events: list[Event] = []
    tempi = set()
    for track in file.tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "set_tempo":
                tempi.add(message.tempo)
            elif message.type == "note_on" and message.velocity and ticks < _LONGEST * file.ticks_per_beat:
                pitch = _TO_GENERAL_MIDI.get(message.note, message.note)
                events.append((ticks / file.ticks_per_beat, 0.2, pitch, float(message.velocity), 0.0))
    return sorted(events) if len(tempi) <= 1 else []
