"""Drums and percussion from the patterns of a style: variants, ghost notes, fills, build-ups."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from dancecoach.training.composing_score import Event, Track
from dancecoach.training.styles import Style

# Pitches of the General MIDI drum map (alternatives: one a piece).
PITCHES: dict[str, tuple[int, ...]] = {
    "kick": (36, 36, 35),
    "snare": (38, 38, 40),
    "clap": (39,),
    "rim": (37,),
    "hat": (42,),
    "open": (46,),
    "pedal": (44,),
    "ride": (51, 59, 53),
    "crash_lane": (49, 57),
    "china": (52,),
    "tom_low": (41, 43, 45),
    "tom_mid": (47, 48, 45),
    "tambourine": (54,),
    "shaker": (70, 69, 82),
    "cowbell": (56,),
    "clave": (75,),
    "block": (76, 77),
    "agogo": (67, 68),
    "conga_slap": (62,),
    "conga_open": (63, 64),
    "bongo_hi": (60,),
    "bongo_lo": (61,),
    "guiro": (73, 69, 70),
    "timbale": (65, 66),
    "triangle": (81,),
}
PERCUSSION = frozenset(
    (
        "tambourine",
        "shaker",
        "cowbell",
        "clave",
        "block",
        "agogo",
        "conga_slap",
        "conga_open",
        "bongo_hi",
        "bongo_lo",
        "guiro",
        "timbale",
        "triangle",
    )
)
TIMEKEEPERS = ("hat", "ride", "open", "pedal", "shaker", "crash_lane", "tambourine", "china")
_CHANCE = {"X": 1.0, "x": 0.86, "o": 0.45, ".": 0.12, "g": 0.5, "-": 0.0}
_VELOCITY = {"X": 108.0, "x": 88.0, "o": 80.0, ".": 70.0, "g": 38.0}


@dataclass(slots=True)
class _Lane:
    pitch: int
    pattern: str
    chances: list[float]
    bars: list[list[tuple[float, float]]]  # of each bar of the motif: (position in the bar, velocity)
    volume: float
    shift: float
    rotation: int = 0


class Drummer:
    """One drummer of one piece: has picked patterns and keeps to them, with small changes from bar to bar."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        self.rng = rng
        self.style = style
        self.bar = style.beats_per_bar
        self.busy = rng.gauss(0.0, 0.5)
        self.mutation = rng.choice((0.0, 0.02, 0.05, 0.1))
        self.lay_back = max(rng.gauss(0.0, 0.006), -0.006) if style.human > 0.002 else 0.0
        self.rotation = rng.randrange(2)
        self.verse = self._lanes(style.lanes, 1.0) | self._lanes(style.optional, rng.choice((0.0, 0.2, 0.4)))
        self.chorus = (
            self.verse
            if rng.random() < 0.35
            else self.verse | self._lanes(style.lanes, 0.6) | self._lanes(style.optional, 0.3)
        )
        for extra in ("rolls", "blast", "brass_hits"):
            self.verse.pop(extra, None)
            self.chorus.pop(extra, None)
        self.rolls = style.name in ("trap", "krump") and rng.random() < 0.75
        self.blast = style.name == "metal" and rng.random() < 0.3
        self.crash = rng.choice((49, 57, 55, 52))
        self.open_hat = rng.random() < 0.3

    def _lanes(self, lanes: Mapping[str, tuple[str, ...]], share: float) -> dict[str, _Lane]:
        rng, made = self.rng, {}
        for name, patterns in lanes.items():
            if rng.random() >= share or name not in PITCHES:
                continue
            pattern = rng.choice(patterns)
            if not pattern.strip("-"):
                continue
            shift = {"snare": self.lay_back, "clap": self.lay_back, "hat": rng.gauss(-0.001, 0.003)}.get(name, 0.0)
            chances = [self._chance(mark) for mark in pattern]
            lane = _Lane(
                rng.choice(PITCHES[name]),
                pattern,
                chances,
                [],
                rng.uniform(0.6, 1.0) if name in TIMEKEEPERS else rng.uniform(0.85, 1.1),
                shift,
                self.rotation,
            )
            per_bar = self.style.slots * self.bar
            cycles = max(rng.choice((1, 2, 2, 4)), len(pattern) // per_bar)
            lane.bars = [self._realise(lane, index) for index in range(cycles)]
            if rng.random() < 0.4 and cycles == 4:
                lane.bars[2] = lane.bars[0]
            made[name] = lane
        return made

    def _chance(self, mark: str) -> float:
        chance = _CHANCE[mark]
        if not 0 < chance < 1:
            return chance
        return 1 / (1 + math.exp(-(math.log(chance / (1 - chance)) + self.rng.gauss(self.busy, 0.8))))

    def _realise(self, lane: _Lane, index: int) -> list[tuple[float, float]]:
        slots = self.style.slots
        per_bar = slots * self.bar
        offset = ((index + lane.rotation) * per_bar) % len(lane.pattern) if len(lane.pattern) > per_bar else 0
        random_ = self.rng.random
        return [
            (slot / slots, _VELOCITY[lane.pattern[offset + slot]] * lane.volume)
            for slot in range(per_bar)
            if lane.chances[offset + slot] and random_() < lane.chances[offset + slot]
        ]

    def play(
        self, drums: list[Event], percussion: list[Event], bar: int, mode: str, intensity: float, loud: bool
    ) -> None:
        """Add one bar.

        `mode` is "full", "hats", "kick", "half", "percussion", "build" or "none"; `loud` means the busier set.
        """
        if mode == "none":
            return
        if mode in ("half", "build") and not {"snare", "clap", "rim"} & set(self.verse):
            mode = "full"  # Without a backbeat there is none to move.
        rng, base = self.rng, bar * self.bar
        lanes = self.chorus if loud else self.verse
        gain = 0.8 + 0.25 * intensity
        for name, lane in lanes.items():
            if mode == "hats" and name not in TIMEKEEPERS and name not in PERCUSSION:
                continue
            if mode == "hats" and not lane.chances[0]:
                continue  # Off-beats alone would be heard as the beats.
            if mode == "kick" and name != "kick":
                continue
            if mode == "percussion" and name not in PERCUSSION:
                continue
            if mode in ("half", "build") and name in ("snare", "clap"):
                continue
            events = percussion if name in PERCUSSION else drums
            hits = lane.bars[bar % len(lane.bars)]
            if self.mutation and rng.random() < self.mutation * 3:
                hits = self._realise(lane, bar % len(lane.bars))
            for position, velocity in hits:
                if mode == "half" and name == "kick" and position >= self.bar / 2:
                    continue
                pitch = lane.pitch
                if name == "hat" and self.open_hat and position == self.bar - 0.5 and rng.random() < 0.5:
                    pitch = 46
                events.append((base + position, 0.2, pitch, velocity * gain, lane.shift))
        if mode == "half" and self.bar == 4:
            drums.append((base + 2.0, 0.2, 38, 112.0, self.lay_back))
        if mode == "build":
            self._build(drums, base, intensity)
        if self.rolls and mode == "full" and rng.random() < 0.5:
            self._roll(drums, base)
        if self.blast and mode == "full" and loud:
            steps = range(self.bar * 4)
            drums += [(base + step / 4, 0.1, 36 if step % 2 == 0 else 38, 96.0, 0.0) for step in steps]

    def _roll(self, drums: list[Event], base: float) -> None:
        """Add rolls of the hi-hat in thirty-seconds or triplets within a beat or half of one."""
        rng = self.rng
        first, length = rng.choice((0, 0.5, 1, 1.5, 2.5, 3, 3.5)), rng.choice((0.5, 0.5, 1.0))
        count = round(length * rng.choice((6, 8, 12, 8)))
        begin, gap = base + first, length / count
        drums += [(begin + step * gap, 0.08, 42, 60.0 + 40.0 * step / count, 0.0) for step in range(count)]

    def _build(self, drums: list[Event], base: float, intensity: float) -> None:
        step = 1.0 if intensity < 0.34 else 0.5 if intensity < 0.67 else 0.25
        loud, count = 60.0 + 45.0 * intensity, round(self.bar / step)
        drums += [(base + index * step, 0.1, 38, loud + _bump(index), 0.0) for index in range(count)]

    def fill(self, drums: list[Event], bar: int) -> None:
        """Replace the end of a bar (its events lie at the end of `drums`) by a fill."""
        rng, base, slots = self.rng, bar * self.bar, self.style.slots
        length = rng.choice((0.5, 1, 1, 1, 2, 2, min(4, self.bar), self.bar))
        begin = base + self.bar - length
        kind = rng.choice(("toms", "snare", "mixed", "mixed", "accents", "stop", "kick"))
        kept = [
            event
            for event in drums
            if event[0] < begin or (event[2] in (35, 36) and kind not in ("stop", "accents") and rng.random() < 0.7)
        ]
        drums[:] = kept
        toms = rng.choice(((48, 47, 45, 43, 41), (50, 48, 45, 41), (47, 43), (45, 41), (48, 45)))
        density = rng.uniform(0.45, 1.0)
        resolution = slots if rng.random() < 0.75 else rng.choice((2, 3, 4, 6, 8))
        count = round(length * resolution)
        if kind == "stop":
            return
        for step in range(count):
            if step and rng.random() > density:
                continue
            position = begin + step / resolution
            velocity = 78 + 30 * step / count + rng.gauss(0, 6) + (10 if step % resolution == 0 else 0)
            pitch = {
                "toms": toms[min(int(step / count * len(toms)), len(toms) - 1)],
                "snare": 38,
                "kick": 36,
                "mixed": rng.choice((38, 38, 36, *toms)),
                "accents": rng.choice((38, 49)),
            }[kind]
            if kind == "accents":
                drums.append((position, 0.2, 36, velocity, 0.0))
            drums.append((position, 0.2, pitch, velocity, 0.0))

    def cymbal(self, drums: list[Event], bar: int) -> None:
        """Crash at the start of a section."""
        drums.append((float(bar * self.bar), 1.0, self.crash, 105.0, 0.0))


def _bump(index: int) -> float:
    """Return the accent of every fourth stroke of a roll."""
    return 8.0 if index % 4 == 0 else 0.0


def drum_tracks(style: Style) -> tuple[Track, Track]:
    """Return empty tracks of the kit and of the percussion."""
    jitter = style.human * 0.8
    return Track("drums", None, jitter=jitter), Track("percussion", None, jitter=style.human * 1.3)
