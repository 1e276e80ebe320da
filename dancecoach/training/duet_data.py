"""Windows of duets to train on, varied: mirrored, quicker or slower, larger or smaller.

Turning or moving both dancers together is no variation: the features do not change by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dancecoach.assessment.rhythm import find_rhythm
from dancecoach.errors import DancecoachError
from dancecoach.session.duets import RATE, Duet, read_duets
from dancecoach.training.duet_music import Array, heard, read_music
from dancecoach.training.duet_network import WINDOW
from dancecoach.types import JOINT_COUNT, Floats, PoseTrack

_EVERY = 4  # of so many takes one is held out
_WARP = 0.12
_SCALE = 0.1
_DEAF = 0.2  # share of windows without music


@dataclass(frozen=True, slots=True, eq=False)
class DuetTake:
    """A pair and what they hear: `music` (T, 60) as `duet_music.heard`.

    `source` is where the music comes from: "music", "motion" (the beats the leader moves to) or "none".
    """

    duet: Duet
    music: Array
    source: str


def read_takes(folder: Path) -> list[DuetTake]:
    """Read the pairs of a folder and their music; without music, the beats that the leader moves to."""
    takes = []
    for duet in read_duets(folder):
        path = folder / f"{duet.name}_music.npz"
        features, beats = read_music(path) if path.is_file() else (None, None)
        source = "music" if features is not None or beats is not None else "none"
        if source == "none":
            beats = beats_danced_to(duet.leader)
            source = "motion" if beats is not None else "none"
        takes.append(DuetTake(duet, heard(len(duet), features, beats), source))
    return takes


def beats_danced_to(room: Floats) -> Floats | None:
    """Return the beats (B,) s that a dancer (T, 22, 3) m, 30 frames/s, moves to, None where nothing recurs."""
    times = np.arange(len(room)) / RATE
    track = PoseTrack(times, room - room[:, :1], room[:, 0], np.ones((len(room), JOINT_COUNT)))
    grid = find_rhythm(track)
    return None if grid is None else grid.beat_times


def split(takes: Sequence[DuetTake]) -> tuple[list[DuetTake], list[DuetTake]]:
    """Return the takes to train on and every fourth one, held out.

    Takes of one dance, as the names of DD100 and CoMPAS3D tell them (Tango_02_1 and Tango_02_2, …_take1 and …_take2),
    stay together.

    Raises
    ------
    DancecoachError
        When there is only one dance.
    """
    dances = list(dict.fromkeys(_dance_of(take.duet.name) for take in takes))
    if len(dances) < 2:
        raise DancecoachError("One dance is too few: none is left to measure with.", "Give two or more.")
    every = min(_EVERY, len(dances))
    kept_out = set(dances[every - 1 :: every])
    held_out = [take for take in takes if _dance_of(take.duet.name) in kept_out]
    return [take for take in takes if _dance_of(take.duet.name) not in kept_out], held_out


def _dance_of(name: str) -> str:
    match = re.fullmatch(r"(.+_\d+)_\d+|(.+)_take\d+", name)
    return name if match is None else match[1] or match[2]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows: `leader`, `follower` (B, T, 22, 3) m, `music` (B, T, 60)."""

    leader: Tensor
    follower: Tensor
    music: Tensor


class Windows:
    """Batches of windows without end, the longer a take the more of it."""

    def __init__(self, takes: Sequence[DuetTake], batch: int, seed: int, varied: bool = True) -> None:
        self._takes = [take for take in takes if len(take.duet) > WINDOW * (1 + _WARP) + 1]
        if not self._takes:
            raise DancecoachError("All takes are too short to train on.", "Give takes of 6 s or more.")
        lengths = np.array([len(take.duet) for take in self._takes], dtype=np.float64)
        self._shares = lengths / lengths.sum()
        self._batch, self._varied = batch, varied
        self._rng = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Batch]:
        while True:
            windows = [self._window() for _ in range(self._batch)]
            parts = [torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*windows, strict=True)]
            yield Batch(*parts)

    def _window(self) -> tuple[Floats, Floats, Floats]:
        rng = self._rng
        take = self._takes[rng.choice(len(self._takes), p=self._shares)]
        pace = rng.uniform(1 - _WARP, 1 + _WARP) if self._varied else 1.0
        start = rng.uniform(0, len(take.duet) - 1 - (WINDOW - 1) * pace)
        places = start + pace * np.arange(WINDOW)
        parts = (take.duet.leader, take.duet.follower, take.music)
        leader, follower, music = (_at(part, places) for part in parts)
        if not self._varied:
            return leader, follower, music
        if rng.random() < 0.5:
            window = Duet("", leader, follower).mirrored()
            leader, follower = window.leader, window.follower
        size = rng.uniform(1 - _SCALE, 1 + _SCALE)  # of both: held hands stay held
        if rng.random() < _DEAF:
            music = np.zeros_like(music)
        return leader * size, follower * size, music


def _at(values: Floats | Array, places: Floats) -> Floats:
    """Return rows of values (T, ...) between frames."""
    below = np.minimum(places.astype(np.int64), len(values) - 2)
    share = (places - below).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[below] * (1 - share) + values[below + 1] * share, dtype=np.float64)
