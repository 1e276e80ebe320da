"""The eight-counts of a recording: of its music's beats, else of its own rhythm, else simply pieces of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dancecoach.assessment.primitives import find_primitives
from dancecoach.assessment.rhythm import find_rhythm
from dancecoach.types import SURE, BeatGrid, Floats, PoseTrack, Primitive

_PIECE = 4.0  # s; an eight-count at 120 BPM
_SHORTEST = 2.0  # s
_COUNTS = 8


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a recording is cut into.

    `primitives` with the index of each one's count 1 in `grid`, None where they are not of a grid; `grid` the beats
    that cut it, of the music or (source "motion") of the movement itself.
    """

    primitives: tuple[tuple[int | None, Primitive], ...]
    grid: BeatGrid | None


def cut(track: PoseTrack, grid: BeatGrid | None) -> Pieces:
    """Cut a recording into eight-counts.

    Parameters
    ----------
    track : PoseTrack
    grid : BeatGrid or None
        Beats of the music that started with it.
    """
    if len(track) < 2:
        return Pieces((), grid)
    for beats in (grid, _rhythm(track) if grid is None else None):
        if beats is None or len(beats.beat_times) < 2:
            continue
        half = 30.0 / beats.tempo
        found = find_primitives(beats, track.times[0] - half, track.times[-1] + half)
        if found:
            return Pieces(tuple(found), beats)
    return Pieces(tuple((None, piece) for piece in _even(float(track.times[0]), float(track.times[-1]))), None)


def _rhythm(track: PoseTrack) -> BeatGrid | None:
    beats = find_rhythm(track)
    return beats if beats is not None and beats.confidence >= SURE else None


def _even(start: float, stop: float) -> list[Primitive]:
    length = stop - start
    if length < _SHORTEST:
        return []
    number = max(1, round(length / _PIECE))
    edges: Floats = np.linspace(start, stop, number + 1)
    pieces = []
    for first, last in itertools.pairwise(edges):
        beats = np.linspace(first, last, _COUNTS + 1)
        beats.flags.writeable = False
        pieces.append(Primitive(float(first), float(last), beats))
    return pieces
