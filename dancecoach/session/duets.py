"""Two people who dance together, read from pairs of motion files.

```
DIR/60_NN.bvh[.gz], 61_NN.bvh[.gz]             the salsa of the CMU motion capture database: 60 leads, 61 follows
    NAME_leader.bvh[.gz]|npz, NAME_follower…   any other pair, in one room and of one time
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.partner.frames import mirrored
from dancecoach.session.motion import read_motion
from dancecoach.session.motion_cleaning import repair, resample
from dancecoach.types import Floats

RATE = 30.0  # frames a second
SHORTEST = 6.0  # s
# The headers say 120 frames a second; only 60 makes the eight-counts of the feet 163-188 BPM. The first frames are an
# inserted T-pose and the snap out of it.
_CMU_RATE, _CMU_SKIPPED = 60.0, 8
_CMU = re.compile(r"60_(\d+)\.bvh(\.gz)?")
_NAMED = re.compile(r"(.+)_leader\.(bvh|bvh\.gz|npz)")
_REMEDY = "Give a folder with NAME_leader and NAME_follower files (NPZ or BVH), or the takes 60_NN and 61_NN of CMU."


@dataclass(frozen=True, slots=True, eq=False)
class Duet:
    """A take of two dancers: `leader` and `follower` (T, 22, 3) m, one room, y up, feet on y = 0, 30 frames/s."""

    name: str
    leader: Floats
    follower: Floats

    def __len__(self) -> int:
        return len(self.leader)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self) / RATE

    def mirrored(self) -> Duet:
        """Return the dance as in a mirror: of the same style, with the other hands and feet."""
        return Duet(f"{self.name} mirrored", mirrored(self.leader), mirrored(self.follower))


def read_duets(folder: Path) -> list[Duet]:
    """Read all pairs in a folder, in the order of their names.

    Frames in which a joint jumps faster than anybody moves are interpolated. Each file's feet are put on the floor by
    itself; places along the floor are taken as they are.

    Raises
    ------
    DancecoachError
        When there is no pair, one half of a pair is missing, or a file is damaged.
    """
    if not folder.is_dir():
        raise DancecoachError(f"There is no folder {folder}.", _REMEDY)
    duets = []
    for path in sorted(folder.iterdir()):
        if found := _CMU.fullmatch(path.name):
            partner = path.with_name(path.name.replace("60_", "61_", 1))
            duets.append(_read_pair(found[1], path, partner, _CMU_RATE, _CMU_SKIPPED))
        elif found := _NAMED.fullmatch(path.name):
            partner = path.with_name(f"{found[1]}_follower.{found[2]}")
            duets.append(_read_pair(found[1], path, partner, None, 0))
    if not duets:
        raise DancecoachError(f"There are no pairs of dancers in {folder}.", _REMEDY)
    return duets


def _read_pair(name: str, leader: Path, follower: Path, fps: float | None, skipped: int) -> Duet:
    if not follower.is_file():
        raise FileFormatError(f"{leader.name} has no partner {follower.name}.", _REMEDY)
    sides = []
    for path in (leader, follower):
        track = read_motion(path, fps)
        times, room = track.times[skipped:], (track.joints + track.roots[:, None])[skipped:]
        if len(times) < 2:
            raise FileFormatError(f"{path.name} is too short.", "Leave this take out.")
        sides.append((times, repair(times, room)[0]))
    start, stop = max(times[0] for times, _ in sides), min(times[-1] for times, _ in sides)
    if stop - start < SHORTEST:
        raise FileFormatError(f"{name} has only {max(stop - start, 0.0):.1f} s of both dancers.", "Leave it out.")
    one, other = (_regular(times, room, start, stop) for times, room in sides)
    count = min(len(one), len(other))
    return Duet(name, one[:count], other[:count])


def _regular(times: Floats, room: Floats, start: float, stop: float) -> Floats:
    """Return a motion at 30 frames a second from `start` to `stop` s."""
    first = times[0]
    times, room = resample(times, room, RATE)
    grid = np.arange(start - first, stop - first + 1e-9, 1.0 / RATE)
    if len(grid) <= len(times) and np.allclose(times[: len(grid)], grid, atol=1e-6):
        return room[: len(grid)]
    return np.asarray(CubicSpline(times, room, axis=0)(grid), dtype=np.float64)
