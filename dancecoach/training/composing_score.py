"""A score on a grid of beats, and its performance: positions in beats become times in seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from dancecoach.training.pieces import Note, Part, Piece, Role
from dancecoach.types import Floats

# Position in beats, length in beats, pitch, velocity, shift in s (intended micro-timing).
Event = tuple[float, float, int, float, float]

# A stretch without a sounding note that is at least this long, s, counts as a gap: nobody could know its beats.
GAP_LEAST = 1.9
# A note is taken to be heard at least this long, s.
RING = 0.35


@dataclass(slots=True)
class Track:
    """One instrument of a score.

    `swung` tracks follow the score's swing; `jitter` s is the spread of its timing, `lag` s how far it is behind
    the others throughout.
    """

    role: Role
    program: int | None = None
    events: list[Event] = field(default_factory=list)
    swung: bool = True
    jitter: float = 0.004
    lag: float = 0.0


@dataclass(slots=True)
class Score:
    """Tracks whose position 0 is a downbeat; `beats` long.

    `swing` is the share of `swing_unit` beats that its first half takes.
    """

    style: str
    source: str
    beats: int
    beats_per_bar: int
    tracks: list[Track]
    swing: float = 0.5
    swing_unit: float = 0.5


def swing_positions(positions: Floats, ratio: float, unit: float) -> Floats:
    """Return positions (N,) in beats with the middle of each `unit` moved to `ratio` of it."""
    if abs(ratio - 0.5) < 1e-6:
        return positions
    whole = np.floor(positions / unit + 1e-9)
    part = np.clip(positions / unit - whole, 0.0, 1.0)
    moved = np.where(part <= 0.5, part * 2 * ratio, ratio + (part - 0.5) * 2 * (1 - ratio))
    return np.asarray((whole + moved) * unit, dtype=np.float64)


def perform(
    rng: random.Random,
    score: Score,
    grid: Floats,
    begin: float,
    lead_in: float,
    duration: float,
    gap: tuple[int, int] | None = None,
    events: tuple[tuple[float, str], ...] = (),
) -> Piece:
    """Play a score.

    Parameters
    ----------
    rng : random.Random
        Of the micro-timing.
    score : Score
        What to play.
    grid : (B,) array
        Time of each beat of the score, s, ascending; beat 0 is the downbeat of the first bar.
    begin : float
        Position in beats where the piece enters the score; what comes before is not heard.
    lead_in : float
        Silence before that, s.
    duration : float
        Of the piece, s.
    gap : (int, int), optional
        Beats between which nothing sounds and no beat is annotated (the second one is heard again).
    events : tuple of (float, str)
        Times on `grid` (before the cut) and kinds.

    Returns
    -------
    Piece
    """
    numbers = np.arange(len(grid), dtype=np.float64)
    origin = float(np.interp(begin, numbers, grid)) - lead_in
    times = grid - origin
    noise = np.random.default_rng(rng.getrandbits(63))
    parts: list[Part] = []
    spans: list[Floats] = []
    pause = None if gap is None else (float(times[gap[0]]), float(times[gap[1]]))
    for track in score.tracks:
        if not track.events:
            continue
        table = np.array(track.events, dtype=np.float64)
        table = table[(table[:, 0] >= begin - 1e-6) & (table[:, 0] < len(grid) - 1)]
        if gap is not None:
            table = table[(table[:, 0] < gap[0] - 1e-6) | (table[:, 0] >= gap[1] - 1e-6)]
        if not len(table):
            continue
        position = swing_positions(table[:, 0], score.swing, score.swing_unit) if track.swung else table[:, 0]
        start = np.interp(position, numbers, times) + table[:, 4] + track.lag
        start += np.clip(noise.normal(0.0, track.jitter, len(start)), -3 * track.jitter, 3 * track.jitter)
        length = np.interp(position + table[:, 1], numbers, times) - np.interp(position, numbers, times)
        start = np.maximum(start, 0.0)
        end = start + np.maximum(length, 0.03)
        if pause is not None:
            late = table[:, 0] >= gap[1] - 1e-6 if gap is not None else start >= pause[1]
            start = np.where(late, np.maximum(start, pause[1] - 0.004), start)
            end = np.where(
                late, np.maximum(end, start + 0.03), np.clip(end, start + 0.03, np.maximum(pause[0], start + 0.04))
            )
        end = np.minimum(end, duration)
        keep = start < duration - 0.01
        velocity = np.clip(np.rint(table[:, 3] + noise.normal(0.0, 4.0, len(table))), 1, 127).astype(int)
        order = np.argsort(start[keep], kind="stable")
        columns = (
            start[keep][order],
            (end - start)[keep][order],
            table[:, 2].astype(int)[keep][order],
            velocity[keep][order],
        )
        notes = tuple(map(Note, *(column.tolist() for column in columns)))
        if notes:
            parts.append(Part(track.role, notes, track.program))
            spans.append(np.stack((start[keep], np.maximum(end, start + RING)[keep]), axis=1))
    return _annotate(score, times, parts, spans, duration, tuple((t - origin, kind) for t, kind in events))


def _annotate(
    score: Score,
    times: Floats,
    parts: list[Part],
    spans: list[Floats],
    duration: float,
    events: tuple[tuple[float, str], ...],
) -> Piece:
    """Make the piece of these parts with the beats of the time in which music is heard."""
    in_bar = np.arange(len(times)) % score.beats_per_bar + 1.0
    kept = (times >= 0.0) & (times < duration)
    marks = [(t, kind) for t, kind in events if 0.0 < t < duration]
    if spans:
        heard = np.concatenate(spans)
        heard = heard[np.argsort(heard[:, 0], kind="stable")]
        reach = np.maximum.accumulate(heard[:, 1])
        kept &= (times >= heard[0, 0] - 0.06) & (times <= reach[-1] + 0.06)
        holes = np.flatnonzero(heard[1:, 0] - reach[:-1] >= GAP_LEAST - RING)
        for hole in holes.tolist():
            last, again = float(reach[hole]), float(heard[hole + 1, 0])
            kept &= ~((times > last - RING + 0.06) & (times < again - 0.06))
            marks += [(last, "gap"), (again, "music")]
    else:
        kept &= False
    return Piece(
        score.style,
        score.source,
        duration,
        times[kept],
        in_bar[kept],
        score.beats_per_bar,
        tuple(parts),
        tuple(sorted(marks)),
    )
