"""Bass lines, chords, melodies and sung lines over a harmony."""

from __future__ import annotations

import random

from dancecoach.training.composing_harmony import Chord, Harmony, nearest, voicing
from dancecoach.training.composing_score import Event

Hits = list[tuple[float, float]]  # (position in the bar, length), beats

# Rhythms of accompaniment in a bar of four, sixteen slots; other bars take what fits.
_RHYTHMS: dict[str, tuple[str, ...]] = {
    "stabs": (
        "--x---x---x---x-",
        "x--x--x---------",
        "x--x------x--x--",
        "---x--x-----x---",
        "x-----x---x-----",
        "--x-------x--x--",
    ),
    "tresillo": ("x--x--x-x--x--x-", "x--x--x---x---x-", "x--x--x--x--x-x-"),
    "offbeats": ("--x---x---x---x-", "--x---x---x---xx"),
    "sixteenths": (
        "x-xx-xx-x-xx-xx-",
        "xxx-xx-xxxx-x-xx",
        "--x--xx---x--xx-",
        "x--xx-x--xx-x--x",
        "xxxxxxxxxxxxxxxx",
    ),
    "skank": ("----x-------x---", "--x---x---x---x-", "----xx------x---"),
    "bubble": ("--x-x-x-x-x-x-x-", "-xx--xx--xx--xx-"),
    "bossa": ("x-----x-----x---", "x--x--x---x--x--", "--x---x--x--x---"),
    "charleston": ("x-----x---------", "------x-------x-", "--x-------x-----", "x-----x-------x-"),
    "power": ("x---------------", "x-------x-------", "x-----x---------", "x--x--x---x---x-", "x-----x-x-----x-"),
    "power8": ("x-x-x-x-x-x-x-x-",),
    "eighths": ("x-x-x-x-x-x-x-x-",),
    "gated": ("x-xxx-xxx-xxx-xx", "x--x--x--x--x-x-", "x-x-x-x-x-x-x-x-"),
    "quarters": ("x---x---x---x---",),
    "strings": ("x---------------", "x-------x-------", "x-x-x-x-x-x-x-x-"),
    "strum": (
        "x---x-x---x-x-x-",
        "x-x-x-x-x-x-x-x-",
        "x---x-x-x---x-x-",
        "x---x---x---x-x-",
        "x-----x---x---x-",
        "x---x-xx--xxx-xx",
    ),
    "boomchick": ("--x---x---x---x-", "----x-------x---"),
    "oompah": ("----x---x---",),
    "brass": ("x-----x---------", "--------------xx", "x--x------------", "------x---x-x---"),
    "chug": ("xxxxxxxxxxxxxxxx", "x-xxx-xxx-xxx-xx", "xx-xx-xxx-xx-xxx", "xxx-xxx-x-x-xxx-"),
    "gallop": ("x-xxx-xxx-xxx-xx",),
}
# Ways of playing that leave the beats to others.
OFF_THE_BEAT = frozenset(
    ("stabs", "offbeats", "skank", "bubble", "boomchick", "oompah", "brass", "charleston", "comp", "bossa")
)
_BASSES: dict[str, tuple[str, ...]] = {
    "eighths": ("x-x-x-x-x-x-x-x-",),
    "quarters": ("x---x---x---x---",),
    "offbeat": ("--x---x---x---x-",),
    "rolling": ("-xxx-xxx-xxx-xxx", "--xx--xx--xx--xx"),
    "pulse16": ("xxxxxxxxxxxxxxxx",),
    "long": ("x---------------", "x-------x-------"),
    "tresillo": ("x--x--x-x--x--x-", "x--x--x---------", "x-----x-x--x--x-"),
    "tumbao": ("------x-----x---",),
    "cha": ("x-----x-----x---",),
    "bachata": ("x-------x---x---", "x-----x-x---x-x-"),
    "cumbia": ("x-------x---x---",),
    "samba": ("x-----xxx-----xx", "x-----x-x-----x-"),
    "gallop": ("x-xxx-xxx-xxx-xx",),
    "chug": ("xxxxxxxxxxxxxxxx", "x-xxx-xxx-xxx-xx"),
    "twobeat": ("x-------x-------",),
    "dub": ("x-----x-x---x---", "----x-x-x-------", "x-x---x---x-----", "--x-x---x-x-x-x-"),
    "slap": ("x--x-xx---xx--xx",),
}


def _pattern(text: str, beats: int, slots: int) -> list[float]:
    positions = [i / 4 for i, mark in enumerate(text) if mark == "x" and i / 4 < beats]
    if slots == 3:
        # In triplets an eighth off the beat lies on the last triplet; sixteenths have no place.
        positions = sorted({int(p) + {0.0: 0.0, 0.5: 2 / 3, 0.25: 1 / 3, 0.75: 2 / 3}[p % 1.0] for p in positions})
    return positions


def _free(rng: random.Random, beats: int, slots: int, density: float, offbeat: float) -> list[float]:
    """Return a motif of free rhythm: strong places more often, syncopation by `offbeat`."""
    places = []
    for slot in range(beats * slots):
        weight = (
            1.0
            if slot % slots == 0
            else 0.55 + 0.5 * offbeat
            if slots == 4 and slot % 4 == 2
            else 0.2 + 0.6 * offbeat
        )
        if rng.random() < density * weight:
            places.append(slot / slots)
    return places or [0.0]


def bass_line(
    rng: random.Random, how: str, harmony: Harmony, bars: range, bar: int, slots: int, kicks: list[list[float]]
) -> list[Event]:
    """Bass of some bars; `kicks` are the kick's positions of typical bars, for lines that follow them."""
    low = rng.randrange(34, 44)
    motifs: list[list[float]] = []
    if how in _BASSES:
        chosen = rng.choice(_BASSES[how])
        motifs = [_pattern(chosen, bar, slots)]
        if how == "dub" and rng.random() < 0.5:
            motifs.append(_pattern(rng.choice(_BASSES[how]), bar, slots))
    elif how == "follow" and kicks:
        motifs = kicks
    elif how in ("funk", "riff", "follow", "eight08"):
        density, off = {"funk": (0.6, 0.8), "riff": (0.55, 0.5), "follow": (0.4, 0.4), "eight08": (0.25, 0.5)}[how]
        motifs = [_free(rng, bar, slots, density, off) for _ in range(rng.choice((1, 2, 2)))]
        if rng.random() < 0.8:
            for motif in motifs:
                if motif[0] != 0.0:
                    motif.insert(0, 0.0)
    shapes = [[rng.choices((0, 7, 12, 10, 5, 3), (6, 2, 2, 0.7, 0.5, 0.4))[0] for _ in range(20)] for _ in motifs]
    staccato = rng.uniform(0.45, 0.98)
    events: list[Event] = []
    for number in bars:
        base = float(number * bar)
        if how == "none":
            break
        if how in ("walk", "boogie"):
            _walk(rng, events, harmony, base, bar, low, how == "boogie", slots)
            continue
        if how in ("octaves", "arpbass"):
            for step in range(bar * 2):
                chord = harmony.at(base + step / 2)
                root = nearest(chord.root, low)
                lift = (12 if step % 2 else 0) if how == "octaves" else (0, 7, 12, 7)[step % 4]
                events.append((base + step / 2, 0.5 * staccato, root + lift, 92.0 if step % 2 == 0 else 84.0, 0.0))
            continue
        if how in ("fifths", "waltz"):
            for index, position in enumerate((0.0, 2.0) if how == "fifths" else (0.0,)):
                if position < bar:
                    root = nearest(harmony.at(base + position).root, low)
                    events.append(
                        (base + position, 1.0 * staccato * (1.6 if bar == 3 else 1), root - 5 * index, 95.0, 0.0)
                    )
            if how == "waltz" and rng.random() < 0.15:
                events.append((base + bar - 1, 0.8, nearest(harmony.at(base + bar - 1).root, low) + 7, 80.0, 0.0))
            continue
        if not motifs:
            motifs, shapes = [[0.0]], [[0] * 20]
        which = number % len(motifs)
        motif = motifs[which]
        for index, position in enumerate(motif):
            if position >= bar or (rng.random() < 0.03 and position):
                continue
            following = motif[index + 1] if index + 1 < len(motif) else float(bar)
            # An anticipating bass plays the coming chord's root before the bar line.
            ahead = how in ("tumbao", "samba") and position >= bar - 1.01
            chord = harmony.at(base + (bar if ahead else position))
            root = nearest(chord.root, low)
            lift = 0
            if how in ("funk", "riff", "slap"):
                lift = 0 if position == 0 else shapes[which][index % 20]
            elif how in ("tumbao", "cha", "bachata", "cumbia", "samba", "dub") and index % 3 == 1:
                lift = rng.choice((7, 7, 0, -5, 4 if (chord.root + 4) % 12 in chord.notes else 3))
            elif how == "rolling" and rng.random() < 0.1:
                lift = 12
            length = (following - position) * (staccato if how not in ("long", "eight08", "tumbao") else 0.97)
            if how in ("eighths", "pulse16", "rolling", "chug", "gallop", "offbeat"):
                length = min(length, 0.5 * staccato)
            events.append((base + position, length, root + lift, 98.0 if position % 1 == 0 else 88.0, 0.0))
        if how not in ("tumbao", "pulse16", "rolling", "offbeat") and rng.random() < 0.06:
            # A leading note into the next bar.
            goal = nearest(harmony.at(base + bar).root, low)
            events.append(
                (
                    base + bar - 0.5 if slots == 4 else base + bar - 1 / 3,
                    0.4,
                    goal + rng.choice((-1, -2, 2, -5)),
                    84.0,
                    0.0,
                )
            )
    return events


def _walk(
    rng: random.Random,
    events: list[Event],
    harmony: Harmony,
    base: float,
    bar: int,
    low: int,
    boogie: bool,
    slots: int,
) -> None:
    for beat in range(bar):
        chord = harmony.at(base + beat)
        root = nearest(chord.root, low)
        if beat == 0 or abs(chord.start - base - beat) < 0.01:
            pitch = root
        elif boogie:
            pitch = root + (0, 4, 7, 9, 10, 9, 7, 4)[beat % 8]
        elif beat == bar - 1:
            pitch = nearest(harmony.at(base + bar).root, low) + rng.choice((-1, 1, -2, 2, 7))
        else:
            pitch = nearest(rng.choice(chord.notes), root + rng.choice((2, 5)))
        events.append((base + beat, 0.9, pitch, 92.0, 0.0))
        if rng.random() < (0.9 if boogie else 0.08):
            events.append((base + beat + (2 / 3 if slots == 3 else 0.5), 0.3, pitch, 70.0, 0.0))


def accompaniment(
    rng: random.Random, how: str, harmony: Harmony, bars: range, bar: int, slots: int, push: float
) -> list[Event]:
    """Chords of some bars, played as `how` says; `push` is the chance of a change half a beat early."""
    events: list[Event] = []
    around = rng.randrange(54, 72)
    count = rng.choice((3, 3, 4, 4, 5))
    gain = rng.uniform(-8, 6)
    half = 2 / 3 if slots == 3 else 0.5
    if how in ("arp8", "arp16", "requinto"):
        _arpeggio(rng, events, how, harmony, bars, bar, slots, around)
        return events
    if how == "montuno":
        _montuno(rng, events, harmony, bars, bar, around)
        return events
    if how in ("riff", "loop", "comp"):
        density = {"riff": 0.6, "loop": 0.35, "comp": 0.35}[how]
        motifs = [_free(rng, bar, slots, density, rng.uniform(0.2, 0.9)) for _ in range(rng.choice((1, 2, 2, 4)))]
    elif how in _RHYTHMS:
        motifs = [
            _pattern(text, bar, slots) or [0.0]
            for text in rng.sample(_RHYTHMS[how], min(len(_RHYTHMS[how]), rng.choice((1, 1, 2))))
        ]
    else:
        motifs = []
    power = how in ("power", "power8", "chug", "gallop", "riff")
    short = rng.uniform(0.3, 0.9) if how not in ("power", "strum", "strings", "quarters") else rng.uniform(0.8, 1.0)
    spread = rng.uniform(0.005, 0.018) if how in ("strum", "boomchick", "bossa") else rng.choice((0.0, 0.0, 0.004))
    steps = [rng.choice((0, 0, 0, 3, 5, 7, 10, 12)) for _ in range(16)]
    pushed = False
    for number in bars:
        base = float(number * bar)
        if not motifs:
            _held(rng, events, harmony, base, bar, around, count, gain, half if rng.random() < push * 0.4 else 0.0)
            continue
        motif = motifs[number % len(motifs)]
        for index, position in enumerate(motif):
            if pushed and position == 0.0:
                pushed = False
                continue
            following = motif[index + 1] if index + 1 < len(motif) else float(bar)
            chord = harmony.at(base + position)
            length = max((following - position) * short, 0.12)
            accent = 8.0 if position % 1 == 0 else 0.0
            if power:
                root = nearest(chord.root, 44)
                if how == "riff":
                    events.append(
                        (base + position, length, root + steps[(index + number % 2 * 8) % 16], 92 + accent, 0.0)
                    )
                    continue
                muted = how in ("chug", "gallop") and position != 0.0
                if how in ("chug", "gallop", "power8"):
                    length = min(length, 0.4)
                pitches = (root, root + 7) if muted else (root, root + 7, root + 12)
                velocity = (82 if muted else 98) + accent + gain
                events += [(base + position, length, pitch, velocity, 0.0) for pitch in pitches]
                continue
            velocity = 78 + accent + gain
            down = index % 2 == 0
            for order, pitch in enumerate(voicing(rng, chord, around, count)):
                events.append((base + position, length, pitch, velocity, spread * (order if down else count - order)))
            if how == "oompah" and bar == 3 and index == 0 and rng.random() < 0.3:
                events.append((base, 0.9, nearest(chord.root, 48), 84.0, 0.0))
        if rng.random() < push * 0.35 and how not in ("skank", "offbeats", "chug", "gallop", "oompah", "power8"):
            chord = harmony.at(base + bar)
            pushed = motif[0] == 0.0
            early = base + bar - 1 + half
            events += [(early, 1.6 - half, pitch, 86 + gain, 0.0) for pitch in voicing(rng, chord, around, count)]
    return events


def _held(
    rng: random.Random,
    events: list[Event],
    harmony: Harmony,
    base: float,
    bar: int,
    around: int,
    count: int,
    gain: float,
    early: float,
) -> None:
    position = base
    while position < base + bar - 1e-6:
        chord = harmony.at(position)
        end = min(chord.end, base + bar)
        if chord.start >= position - 1e-6 or rng.random() < 0.6:
            ahead = early if position > 0 and chord.start >= position - 1e-6 and position == base else 0.0
            length = (min(chord.end, base + 2 * bar) - position + ahead) * 0.98
            pitches = voicing(rng, chord, around, count)
            events += [(position - ahead, length, pitch, 70 + gain, 0.0) for pitch in pitches]
        position = end


def _arpeggio(
    rng: random.Random,
    events: list[Event],
    how: str,
    harmony: Harmony,
    bars: range,
    bar: int,
    slots: int,
    around: int,
) -> None:
    rate = slots if how == "arp16" or slots == 3 else 2
    order = rng.choice(
        (
            (0, 1, 2, 3),
            (0, 2, 1, 3),
            (3, 2, 1, 0),
            (0, 1, 2, 3, 2, 1),
            (0, 2, 3, 2),
            (0, 3, 2, 1, 2, 3),
            (0, 1, 2),
            (0, 2, 4, 5, 3, 1),
        )
    )
    restart = rng.random() < 0.75
    holes = {step for step in range(bar * rate) if rng.random() < rng.choice((0.0, 0.1, 0.25)) and step}
    bass = rng.random() < 0.35
    counter = 0
    for number in bars:
        if restart:
            counter = 0
        for step in range(bar * rate):
            position = number * bar + step / rate
            chord = harmony.at(position)
            counter += 1
            if step in holes:
                continue
            index = order[(counter - 1) % len(order)]
            notes = sorted(nearest(note, around) for note in chord.notes)
            pitch = notes[index % len(notes)] + 12 * (index // len(notes))
            velocity = 86.0 if step % rate == 0 else 72.0
            events.append((position, (1.4 if how == "arp8" else 0.9) / rate, pitch, velocity, 0.0))
            if bass and abs(chord.start - position) < 1e-6:
                events.append((position, chord.end - chord.start, nearest(chord.root, 43), 80.0, 0.0))


def _montuno(rng: random.Random, events: list[Event], harmony: Harmony, bars: range, bar: int, around: int) -> None:
    two_bars = rng.choice(
        (
            ((0, 1, 1.5, 2.5, 3.5), (0.5, 1.5, 2.5, 3.5)),
            ((0, 1, 1.5, 2.5, 3.5), (0.5, 1.5, 2, 3, 3.5)),
            ((0.5, 1.5, 2.5, 3.5), (0, 1, 1.5, 2.5, 3.5)),
        )
    )
    for number in bars:
        for index, position in enumerate(two_bars[number % 2]):
            # The last syncopation already belongs to the next chord.
            chord = harmony.at(number * bar + position + (0.5 if position == 3.5 else 0.0))
            notes = sorted(nearest(note, around) for note in chord.notes)
            chosen = (notes[0], notes[0] + 12) if index % 2 == 0 else (*notes[1:3], notes[1] + 12)
            events += [(number * bar + position, rng.choice((0.4, 0.6)), pitch, 88.0, 0.0) for pitch in chosen]


class Singer:
    """Melodies and sung lines: motifs with a rhythm that recur, varied, over phrases with breath between."""

    def __init__(self, rng: random.Random, bar: int, slots: int, voice: bool) -> None:
        self.rng = rng
        self.bar = bar
        self.slots = slots
        self.voice = voice
        self.density = rng.uniform(0.25, 0.65) if voice else rng.uniform(0.15, 0.7)
        self.offbeat = rng.uniform(0.2, 1.0)
        self.phrase = rng.choice((2, 2, 4, 4))
        self.motifs = [self._motif() for _ in range(3)]
        self.centre = rng.randrange(56, 72) if voice else rng.randrange(62, 82)
        self.shift = rng.gauss(0.01, 0.02) if voice else rng.gauss(0.0, 0.006)

    def _motif(self) -> tuple[list[float], list[int]]:
        """Rhythm (positions in a phrase, beats) and steps of the scale from note to note."""
        rng, bar = self.rng, self.bar
        positions: list[float] = []
        breath = rng.randrange(1, bar + 1)
        for number in range(self.phrase):
            for place in _free(rng, bar, self.slots, self.density, self.offbeat):
                if number == self.phrase - 1 and place > bar - breath:
                    continue
                # Sung notes anticipate strong beats often.
                early = (
                    0.5
                    if self.slots == 4 and place % 2 == 0 and (number or place) and rng.random() < 0.35 * self.offbeat
                    else 0.0
                )
                positions.append(number * bar + place - early)
        positions = sorted(set(positions))
        if rng.random() < 0.3:
            pickup = [-(step + 1) / (2 if self.slots == 4 else 3) for step in range(rng.choice((1, 2, 3)))]
            positions = sorted(pickup) + positions
        steps = [rng.choices((-3, -2, -1, 0, 1, 2, 3, 4, -4), (1, 3, 6, 4, 6, 3, 1, 0.5, 0.5))[0] for _ in positions]
        return positions, steps

    def sing(self, harmony: Harmony, bars: range) -> list[Event]:
        """Return the notes of some bars, which start with a phrase."""
        rng, events = self.rng, []
        form = rng.choice(((0, 0, 0, 1), (0, 1, 0, 1), (0, 1, 0, 2), (0, 0, 1, 2)))
        scale = harmony.scale
        for index, number in enumerate(range(bars.start, bars.stop, self.phrase)):
            if rng.random() < 0.1:
                continue
            positions, steps = self.motifs[form[index % 4]]
            degree, level = rng.randrange(7), 0
            base, limit = float(number * self.bar), float(min(number + self.phrase, bars.stop) * self.bar)
            for place, (position, step) in enumerate(zip(positions, steps, strict=True)):
                start = base + position
                if start >= limit or start < 0 or rng.random() < 0.04:
                    continue
                following = positions[place + 1] if place + 1 < len(positions) else position + rng.choice((1.0, 2.0))
                degree += step
                if abs(level := degree - 3) > 6:
                    degree -= 4 if level > 0 else -4
                pitch = (
                    self.centre
                    + (scale[degree % 7] - scale[0]) % 12
                    + 12 * (degree // 7)
                    + (harmony.key - self.centre + 6) % 12
                    - 6
                )
                if position % 1 == 0:
                    pitch = _toward(harmony.at(start), pitch)
                length = min(
                    (following - position) * (rng.uniform(0.75, 0.98) if self.voice else rng.uniform(0.5, 0.98)), 3.0
                )
                events.append(
                    (
                        start,
                        max(length, 0.12),
                        pitch,
                        88.0 + (6 if position % 1 == 0 else 0) + rng.gauss(0, 4),
                        self.shift,
                    )
                )
        return events


def _toward(chord: Chord, pitch: int) -> int:
    """Return the pitch of the chord nearest to a pitch."""
    return min((nearest(note, pitch) for note in chord.notes), key=lambda near: abs(near - pitch))
