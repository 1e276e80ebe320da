"""Harmony: keys, scales, chord progressions."""

from __future__ import annotations

import random
from dataclasses import dataclass

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "blues": (0, 2, 4, 5, 7, 9, 10),
    "jazz": (0, 2, 4, 5, 7, 9, 11),
    "jazzminor": (0, 2, 3, 5, 7, 8, 11),
}
# Degrees of the scale, 0 is the tonic.
PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "major": (
        (0, 4, 5, 3),
        (5, 3, 0, 4),
        (0, 5, 3, 4),
        (0, 3, 4, 4),
        (0, 3, 0, 4),
        (0, 1, 4, 0),
        (3, 4, 5, 0),
        (0, 2, 3, 4),
        (3, 0, 4, 5),
        (0, 4, 1, 3),
        (0, 3),
        (0, 4),
        (0, 4, 5, 2, 3, 0, 3, 4),
        (0, 0, 3, 3, 0, 0, 4, 0),
        (5, 4, 3, 4),
        (1, 4, 0, 5),
    ),
    "minor": (
        (0, 5, 2, 6),
        (0, 6, 5, 6),
        (0, 6, 5, 4),
        (0, 3, 4, 0),
        (0, 5, 3, 4),
        (0, 2, 6, 3),
        (0, 3, 6, 2),
        (0, 5),
        (0, 6),
        (0,),
        (5, 6, 0, 0),
        (0, 0, 5, 6),
        (0, 4, 5, 3),
        (3, 6, 2, 5, 1, 4, 0, 0),
        (0, 0, 3, 5),
        (0, 2, 5, 4),
    ),
    "dorian": ((0, 3), (0, 3, 0, 6), (0, 6, 3, 3), (0, 1), (0, 2, 3, 6), (0,), (0, 4)),
    "mixolydian": ((0, 6, 3, 0), (0, 6), (0, 3, 6, 3), (0, 4, 6, 3), (0,), (0, 0, 6, 3)),
    "phrygian": ((0, 1), (0, 1, 0, 6), (0, 5, 1, 0), (0, 0, 1, 2), (0,), (0, 6, 5, 1)),
    "blues": ((0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 3, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 3, 0, 4), (0,)),
    "jazz": (
        (1, 4, 0, 5),
        (0, 5, 1, 4),
        (1, 4, 0, 0),
        (2, 5, 1, 4),
        (0, 3, 2, 5, 1, 4, 0, 4),
        (0, 0, 1, 4),
        (3, 3, 0, 0, 1, 4, 0, 5),
    ),
    "jazzminor": ((0, 3, 1, 4), (1, 4, 0, 0), (0, 5, 1, 4), (3, 1, 4, 0)),
}


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord from `start` to `end` (positions in beats): pitch class of its root and pitch classes of its notes."""

    start: float
    end: float
    root: int
    notes: tuple[int, ...]


@dataclass(slots=True)
class Harmony:
    """Key (pitch class), scale (pitch classes, ascending from the key) and the chords of a whole piece."""

    key: int
    scale: tuple[int, ...]
    chords: list[Chord]
    _last: int = 0

    def at(self, position: float) -> Chord:
        """Return the chord that holds at a position in beats."""
        index = self._last if self.chords[self._last].start <= position + 1e-6 else 0
        while index + 1 < len(self.chords) and self.chords[index + 1].start <= position + 1e-6:
            index += 1
        self._last = index
        return self.chords[index]


def make_harmony(
    rng: random.Random, modes: tuple[str, ...], sevenths: float, sections: list[tuple[int, int]], bar: int
) -> Harmony:
    """Chords for sections given as (first bar, bars); `bar` beats each; a few progressions recur."""
    mode = rng.choice(modes)
    key = rng.randrange(12)
    scale = tuple((key + step) % 12 for step in SCALES[mode])
    seventh = rng.random() < sevenths
    pool = [
        (rng.choice(PROGRESSIONS[mode]), rng.choices((0.5, 1.0, 2.0), (0.15, 0.62, 0.23))[0])
        for _ in range(rng.choice((1, 2, 2, 3)))
    ]
    raised = mode in ("minor",) and rng.random() < 0.4
    late = rng.random() < 0.06
    chords: list[Chord] = []
    for first, count in sections:
        degrees, rhythm = rng.choice(pool)
        if bar == 3 and rhythm == 0.5:
            rhythm = 1.0
        transposed = rng.choice((1, 2, 3, -2)) if rng.random() < 0.02 else 0
        position, index = float(first * bar), 0
        while position < (first + count) * bar - 1e-6:
            degree = degrees[index % len(degrees)]
            length = rhythm * bar
            # Now and then two chords share the time of one.
            if rng.random() < 0.06 and bar == 4 and length >= 4:
                length /= 2
            end = min(position + length, float((first + count) * bar))
            steps = (0, 2, 4, 6) if seventh or mode in ("blues",) else (0, 2, 4)
            notes = [(scale[(degree + step) % 7] + transposed) % 12 for step in steps]
            if raised and degree == 4:
                notes[1] = (notes[0] + 4) % 12
            if mode == "blues":
                notes[1], notes[3] = (notes[0] + 4) % 12, (notes[0] + 10) % 12
            chords.append(Chord(position, end, notes[0], tuple(notes)))
            position, index = end, index + 1
    if late:
        # Some songs turn to the next chord on the last beat of the bar now and then.
        for i in range(1, len(chords)):
            if rng.random() < 0.3 and chords[i].start - chords[i - 1].start >= 3:
                cut = chords[i].start - 1
                chords[i - 1] = Chord(chords[i - 1].start, cut, chords[i - 1].root, chords[i - 1].notes)
                chords[i] = Chord(cut, chords[i].end, chords[i].root, chords[i].notes)
    return Harmony(key, scale, chords)


def nearest(pitch_class: int, around: int) -> int:
    """Return the MIDI pitch of a pitch class that is nearest to a pitch."""
    return around + (pitch_class - around + 6) % 12 - 6


def voicing(rng: random.Random, chord: Chord, around: int, count: int) -> list[int]:
    """Return `count` pitches of a chord, close together around a pitch."""
    pitches = sorted(nearest(note, around) for note in chord.notes)
    while len(pitches) < count:
        pitches.append(pitches[len(pitches) - len(chord.notes)] + 12)
    return pitches[:count] if count >= len(pitches) or rng.random() < 0.5 else sorted(rng.sample(pitches, count))
