"""Values in words: short, plain, the same on every screen. Free of Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dancecoach.types import BeatGrid, BodyPart, MetricalLevel, Notice, Primitive, Synchrony

ON_BEAT_MS = 20.0  # closer than this is heard and seen as together
NEEDLE_MS = 200.0
UNKNOWN = "–"
MAX_COAST_BEATS = 8  # beats the count may run past the last one known

Timing = Literal["early", "late", "on"]
TIMING_WORDS: dict[Timing, str] = {"early": "early", "late": "late", "on": "on the beat"}
SHORT_WORDS: dict[Timing, str] = {"early": "early", "late": "late", "on": "on beat"}

PART_WORDS: dict[BodyPart, str] = {
    "body": "whole body",
    "left_arm": "left arm",
    "right_arm": "right arm",
    "left_leg": "left leg",
    "right_leg": "right leg",
    "torso": "torso",
}

_SEVERITY = {"error": 0, "warning": 1, "info": 2}


def timing(offset_ms: float) -> Timing:
    """Return on which side of the beat `offset_ms` (+ is late) lies."""
    if abs(offset_ms) <= ON_BEAT_MS:
        return "on"
    return "late" if offset_ms > 0 else "early"


def signed_ms(offset_ms: float | None) -> str:
    """Return "+35 ms", "−12 ms", "0 ms", or a dash when unknown."""
    if offset_ms is None:
        return UNKNOWN
    whole = round(offset_ms)
    sign = "+" if whole > 0 else "−" if whole < 0 else ""
    return f"{sign}{abs(whole)} ms"


def spread_ms(synchrony: Synchrony) -> str:
    """Return the half width of the offset's interval (else the spread of single hits) as "± 9 ms"; "" unknown."""
    band = offset_band(synchrony)
    return "" if band is None else f"± {round((band[1] - band[0]) / 2)} ms"


def offset_band(synchrony: Synchrony | None) -> tuple[float, float] | None:
    """Return the band to draw around the offset, ms: its interval, else ± the spread of single hits."""
    if synchrony is None or synchrony.offset_ms is None:
        return None
    if synchrony.offset_interval_ms is not None:
        return synchrony.offset_interval_ms
    if synchrony.offset_sd_ms is not None:
        return synchrony.offset_ms - synchrony.offset_sd_ms, synchrony.offset_ms + synchrony.offset_sd_ms
    return None


def percent(value: float | None) -> str:
    """Return a score 0…1 as "82 %"; scores below chance read "0 %"; a dash when unknown."""
    return UNKNOWN if value is None else f"{round(100 * min(max(value, 0.0), 1.0))} %"


def clock_text(seconds: float) -> str:
    """Return "3:07"."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def level_tag(level: MetricalLevel | None) -> str:
    """Return the tag of a dancer who does not dance every beat; empty for the plain case."""
    if level == "every second beat":
        return "half-time"
    return "double-time" if level == "half beats" else ""


def needle_range(grid: BeatGrid | None, level: MetricalLevel | None) -> float:
    """Return the offset at either end of the scale, ms: 200, or less where the next hit would be nearer."""
    if grid is None or grid.tempo <= 0:
        return NEEDLE_MS
    half = 30_000.0 / grid.tempo / (2.0 if level == "half beats" else 1.0)
    return min(NEEDLE_MS, max(50.0, 10.0 * int(half / 10.0)))


def count_at(grid: BeatGrid | None, time: float) -> tuple[int, float] | None:
    """Return (count 1…cycle, place within the beat 0…1) at `time`; None without beats or too far from them."""
    if grid is None or len(grid.beat_times) < 2 or grid.tempo <= 0:
        return None
    period = 60.0 / grid.tempo
    if not grid.beat_times[0] <= time <= grid.beat_times[-1] + MAX_COAST_BEATS * period:
        return None
    position = grid.position(time)
    return None if position is None else (int(position), position % 1.0)


def primitive_word(primitive: Primitive) -> str:
    """Return what the cycle of counts is called: an eight-count, in bars of three a six-count."""
    return "Six-count" if len(primitive.beat_times) == 7 else "Eight-count"


def most_severe(notices: Sequence[Notice], limit: int = 2) -> list[Notice]:
    """Return at most `limit` notices, errors before warnings before information, else in their order."""
    return sorted(notices, key=lambda notice: _SEVERITY[notice.level])[:limit]


def with_offset(*choices: Synchrony | None) -> Synchrony | None:
    """Return the first choice that has a measured offset, else the first there is (for its reason)."""
    present = [choice for choice in choices if choice is not None]
    return next((choice for choice in present if choice.offset_ms is not None), present[0] if present else None)


def with_msr(*choices: Synchrony | None) -> Synchrony | None:
    """Return the first choice that has a measured sharp MSR, else the first there is (for its reason)."""
    present = [choice for choice in choices if choice is not None]
    return next((choice for choice in present if choice.msr is not None), present[0] if present else None)


def part_of(synchrony: Synchrony | None, part: BodyPart) -> Synchrony | None:
    """Return the synchrony of one body part."""
    if synchrony is None:
        return None
    return next((item for item in synchrony.parts if item.part == part), None)
