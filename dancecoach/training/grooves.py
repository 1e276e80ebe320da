"""Human drummers: takes of the Groove MIDI Dataset, whose beats are those of the metronome they played to."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mido

from dancecoach.training.composing_score import Event, Track
from dancecoach.training.pieces import Split

# Drummers whose takes are kept from training, so that a network is judged by hands it has not heard.
VALIDATION_DRUMMERS = frozenset(("drummer2", "drummer10"))
TEST_DRUMMERS = frozenset(("drummer6", "drummer9"))

# The electronic kit's own pitches for rims and edges, in General MIDI.
_TO_GENERAL_MIDI = {22: 42, 26: 46, 58: 43, 39: 39, 54: 54}


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

    @cached_property
    def takes(self) -> list[Take]:
        """Takes in three or four quarters to the bar; compound metres are counted in other ways by other people."""
        with (self.folder / "info.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        metres = {"4-4": 4, "3-4": 3}
        return [
            Take(self.folder / row["midi_filename"], row["drummer"], row["style"], float(row["bpm"]), metres[row["time_signature"]],
                 float(row["duration"]), row["beat_type"] == "fill")
            for row in rows
            if row["time_signature"] in metres
        ]

    def events(self, take: Take) -> list[Event]:
        """Strokes of a take, positions in beats from its first downbeat; empty if its tempo is not constant."""
        if take.path not in self._events:
            self._events[take.path] = _read(take.path)
        return self._events[take.path]

    def beats(self, split: Split) -> list[Take]:
        """Whole beats (no fills) of a split, of at least two bars."""
        return [
            take for take in self.takes
            if not take.fill and split_of_drummer(take.drummer) == split and take.seconds * take.bpm / 60 >= 2 * take.beats_per_bar - 0.5
        ]

    def play(self, rng: random.Random, take: Take, beats: int) -> tuple[Track, int]:
        """Drums for `beats` beats from a take, others of the same drummer and style after it, fills at the ends of phrases.

        Returns the track and its length in beats (whole bars). Positions hold the drummer's own timing.
        """
        bar = take.beats_per_bar
        kin = [
            other for other in self.takes
            if other.drummer == take.drummer and other.style.split("/")[0] == take.style.split("/")[0] and other.beats_per_bar == bar
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
            elif message.type == "note_on" and message.velocity:
                pitch = _TO_GENERAL_MIDI.get(message.note, message.note)
                events.append((ticks / file.ticks_per_beat, 0.2, pitch, float(message.velocity), 0.0))
    return sorted(events) if len(tempi) <= 1 else []
