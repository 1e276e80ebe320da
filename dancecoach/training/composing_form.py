"""Arrangement: sections, who plays in which, and the whole score of a composed piece."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dancecoach.training.composing_drums import Drummer, drum_tracks
from dancecoach.training.composing_harmony import Harmony, make_harmony
from dancecoach.training.composing_lines import OFF_THE_BEAT, Singer, accompaniment, bass_line
from dancecoach.training.composing_score import Event, Score, Track
from dancecoach.training.pieces import Role
from dancecoach.training.styles import PADS, STRINGS, Style

# What a section is, with weights: (who plays among the tuned parts, the drums' mode).
_KINDS: dict[str, float] = {
    "full": 10,
    "groove": 3,
    "drums": 0.9,
    "intro": 1.2,
    "break": 1.2,
    "build": 0.8,
    "half": 0.7,
    "percussion": 0.6,
    "sparse": 0.9,
    "kick": 0.5,
}


@dataclass(frozen=True, slots=True)
class Section:
    """`first` bar and number of `bars`, kind, loudness 0…1 and whether it is a chorus."""

    first: int
    bars: int
    kind: str
    intensity: float
    chorus: bool


def make_sections(rng: random.Random, bars: int) -> list[Section]:
    """Sections of 2, 4, 8 or 16 bars that cover `bars` bars."""
    sections: list[Section] = []
    first, previous = 0, ""
    while first < bars:
        length = rng.choices((2, 4, 8, 16, 3), (0.6, 4, 4, 1, 0.15))[0]
        kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
        if kind == previous and kind != "full":
            kind = "full"
        if kind in ("build", "percussion", "kick", "drums", "break"):
            length = min(length, 4 if kind in ("percussion", "kick") else 8)
        sections.append(Section(first, length, kind, rng.uniform(0.3, 1.0), rng.random() < 0.45))
        first, previous = first + length, kind
    return sections


def _drum_mode(section: Section) -> str:
    return {
        "intro": "none",
        "break": "none",
        "build": "build",
        "half": "half",
        "percussion": "percussion",
        "sparse": "hats",
        "kick": "kick",
    }.get(section.kind, "full")


def drum_parts(
    rng: random.Random, style: Style, sections: Sequence[Section]
) -> tuple[Track, Track, list[list[float]]]:
    """Kit and percussion over the sections, and the kick's typical bars."""
    drummer = Drummer(rng, style)
    kit, percussion = drum_tracks(style)
    fills = rng.choice((0.0, 0.4, 0.8, 0.95))
    crashes = rng.choice((0.0, 0.5, 0.9))
    for section in sections:
        mode = _drum_mode(section)
        if mode == "percussion" and not any(
            name in ("shaker", "tambourine", "clave", "cowbell", "guiro", "conga_open") for name in drummer.chorus
        ):
            mode = "hats"
        for number in range(section.bars):
            bar = section.first + number
            events: list[Event] = []
            progress = number / section.bars if mode == "build" else section.intensity
            drummer.play(events, percussion.events, bar, mode, progress, section.chorus)
            last = number == section.bars - 1
            if (
                mode in ("full", "half", "hats")
                and (rng.random() < fills if last else rng.random() < 0.1 * fills and number % 4 == 3)
            ) or (mode == "none" and last and rng.random() < 0.35):
                drummer.fill(events, bar)
            if number == 0 and mode in ("full", "half") and rng.random() < crashes:
                drummer.cymbal(events, bar)
            kit.events += events
    lane = drummer.verse.get("kick")
    kicks = [[position for position, _ in hits] for hits in lane.bars] if lane else []
    return kit, percussion, [kick for kick in kicks if kick]


def tuned_parts(
    rng: random.Random,
    style: Style,
    sections: Sequence[Section],
    kicks: list[list[float]],
    only: frozenset[str] | None = None,
) -> tuple[list[Track], Harmony]:
    """Bass, chords, pad, melody and voice of the sections, in a random subset (or `only` these roles)."""
    bar = style.beats_per_bar
    harmony = make_harmony(
        rng, style.modes, style.sevenths, [(section.first, section.bars) for section in sections], bar
    )
    has = {
        "bass": rng.random() < 0.9,
        "chords": rng.random() < 0.88,
        "chords2": rng.random() < 0.4,
        "pad": rng.random() < 0.3,
        "melody": rng.random() < 0.5,
        "voice": rng.random() < 0.5,
    }
    if only is not None:
        has = {role: role in only for role in has}
    push = style.push if rng.random() < 0.6 else 0.0
    human = style.human * rng.uniform(0.6, 1.5)
    named = rng.random() < 0.7
    tracks: dict[str, Track] = {}
    roles: dict[str, tuple[Role, tuple[int, ...]]] = {
        "bass": ("bass", style.bass_programs),
        "chords": ("chords", style.chord_programs),
        "chords2": ("chords", style.chord_programs),
        "pad": ("pad", (*PADS, *STRINGS)),
        "melody": ("melody", style.melody_programs),
        "voice": ("voice", ()),
    }
    for name, (role, programs) in roles.items():
        if has[name]:
            program = rng.choice(programs) if programs and named else None
            tracks[name] = Track(role, program, jitter=human, lag=rng.gauss(0.0, human * 0.7))
    how_bass = rng.choice(style.bass)
    ways = [rng.choice(style.chords), rng.choice(style.chords)]
    singers = {
        "melody": Singer(rng, bar, style.slots, voice=False),
        "voice": Singer(rng, bar, style.slots, voice=True),
    }
    for section in sections:
        bars = range(section.first, section.first + section.bars)
        alone = section.kind in ("intro", "break") or (section.kind == "sparse" and rng.random() < 0.5)
        playing = {name for name in tracks if rng.random() < (0.9 if section.kind == "full" else 0.6)}
        if section.kind in ("drums", "percussion", "kick") and rng.random() < 0.8:
            playing &= {"bass"} if section.kind == "kick" else set()
        if alone and not playing & {"chords", "chords2", "bass"}:
            playing |= {"chords"} if "chords" in tracks else set(tracks)
        if section.kind == "full":
            playing |= {"bass"} & set(tracks) if rng.random() < 0.95 else set()
        for name in tracks:
            if name not in playing:
                continue
            events: list[Event] = []
            if name == "bass":
                events += bass_line(
                    rng,
                    how_bass if rng.random() < 0.85 else rng.choice(style.bass),
                    harmony,
                    bars,
                    bar,
                    style.slots,
                    kicks,
                )
            elif name in ("chords", "chords2"):
                way = ways[name == "chords2"] if rng.random() < 0.75 else rng.choice(style.chords)
                if way in OFF_THE_BEAT and (alone or only is not None or section.kind in ("sparse", "build")):
                    # Off-beats alone would be heard as the beats, and rightly so.
                    way = rng.choice(("pad", "arp8", "quarters", "strum"))
                events += accompaniment(rng, way, harmony, bars, bar, style.slots, push)
            elif name == "pad":
                events += accompaniment(rng, "pad", harmony, bars, bar, style.slots, push)
            else:
                events += singers[name].sing(harmony, bars)
            tracks[name].events += [
                (p, n, pitch, v * (0.8 + 0.25 * section.intensity), s) for p, n, pitch, v, s in events
            ]
    return [track for track in tracks.values() if track.events], harmony


def compose_score(rng: random.Random, style: Style, beats: int) -> Score:
    """Compose a whole score in a style, at least `beats` long."""
    bar = style.beats_per_bar
    sections = make_sections(rng, beats // bar + 1)
    drums = rng.random() < style.drums_chance
    alone = drums and rng.random() < 0.05
    if alone:
        # What thins out the drums needs others who play on.
        thin = ("intro", "break", "percussion", "kick", "sparse", "build")
        sections = [replace(section, kind="full") if section.kind in thin else section for section in sections]
    if not drums:
        sections = [replace(section, kind="full" if rng.random() < 0.8 else "sparse") for section in sections]
    tracks: list[Track] = []
    kicks: list[list[float]] = []
    if drums:
        kit, percussion, kicks = drum_parts(rng, style, sections)
        tracks += [kit, percussion]
    if not alone:
        only = (
            None
            if drums
            else frozenset(
                ["chords", *(role for role in ("bass", "melody", "pad", "voice", "chords2") if rng.random() < 0.6)]
            )
        )
        tuned, _ = tuned_parts(rng, style, sections, kicks, only)
        tracks += tuned
    swing = rng.uniform(*style.swing) if rng.random() < 0.75 else 0.5
    return Score(
        style.name,
        "composed",
        sections[-1].first * bar + sections[-1].bars * bar,
        bar,
        tracks,
        swing,
        style.swing_unit,
    )
