"""A piece of music as notes with known beats: what is composed, and what is then made to sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dancecoach.types import Floats

Role = Literal["drums", "percussion", "bass", "chords", "melody", "pad", "voice"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Note:
    """`start` and `duration` s; `pitch` MIDI number (of the General MIDI drum map in drums); `velocity` 1…127."""

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one instrument plays; `program` 0…127 of General MIDI when the style asks for one, else free."""

    role: Role
    notes: tuple[Note, ...]
    program: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Notes and the truth about their beats.

    `beat_times` (B,) s, ascending; `beats_in_bar` (B,) 1…beats_per_bar, 1 is the downbeat; `duration` s; `style`, for
    instance "house"; `source` names the drummer or song it came from (what splits are made by), "composed" without
    one; `events` (time s, kind) with kind "tempo" (sudden change), "gap" (music stops), "music" (it starts again).
    """

    style: str
    source: str
    duration: float
    beat_times: Floats
    beats_in_bar: Floats
    beats_per_bar: int
    parts: tuple[Part, ...]
    events: tuple[tuple[float, str], ...] = field(default=())
