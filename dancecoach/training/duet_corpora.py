"""From corpora of two people who dance together to a folder of pairs that `session.duets` reads.

```
OUT/NAME_leader.npz, NAME_follower.npz    times (T,) s, joints (T, 22, 3) m, y up, 30 frames/s
    NAME_music.npz                        where there is music: features (R, 56), 30 rows/s, beats (B,) s
```

dd100 (Siyao et al., "Duolando", ICLR 2024)
    As its code reads it: GENRE_CHOREOGRAPHY_TAKE_00.npy is the follower, …_01.npy the leader; below `smplx`
    dictionaries of SMPL-X angles, below `pos3d` joints, below `rotmat` matrices, z up, 30 frames/s; music
    `mp3/…/TAKE.mp3`.
compas3d (Burkanova et al., "CoMPAS3D", 2025)
    PairN/PairN_songN_takeN/…_leader.npz and …_follower.npz, SMPL-X angles, z up; the files say 30 frames/s, the
    capture was of 120; sound in …takeN.mp4. One published name ends with "leaderi".
interdance (Li et al., "InterDance", 2025)
    SMPL-X angles, y up. How its files are named and their frame rate are not published in its code: what `folder`
    understands, 30 frames/s unless a file or --fps says otherwise.
folder
    Any of these layouts or BVH, where names or folders that differ only in leader/follower, lead/follow, man/woman
    or male/female make a pair.

None of them could be tried on the real files. Which axis is up is found out from the bodies. Both dancers go through
one and the same turn and shift along the floor, so what they are to each other stays. In height, joints are shifted
together too; bodies made from angles have our skeleton's legs and each is put on the floor by itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.duets import RATE, SHORTEST
from dancecoach.session.motion import read_motion
from dancecoach.session.motion_cleaning import on_floor, repair, resample, unit_of, upright
from dancecoach.training.duet_layouts import SUFFIXES, Dancer, read_dancer
from dancecoach.training.duet_music import SOUND_SUFFIXES, listen
from dancecoach.types import JOINT_INDEX, Floats

_log = logging.getLogger(__name__)
KINDS = ("interdance", "dd100", "compas3d", "folder")
_TOKENS = (("leader", "follower"), ("lead", "follow"), ("man", "woman"), ("male", "female"))
_MOST_APART = 0.1  # share by which two dancers' lengths may differ
_FARTHEST = 6.0  # m, median distance of two who dance together
_FEET = tuple(JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
_BEST = ("pos3d", "smplx", "rotmat")  # of one take, what is read; joints need no skeleton of ours


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Two dancers' files of the take `name`."""

    name: str
    leader: Path
    follower: Path


def prepare_duets(
    kind: str, source: Path, out: Path, fps: float | None = None, music: bool = True
) -> list[tuple[str, float]]:
    """Read a corpus of duets and add its pairs to the folder `out`.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    source : Path
        Folder of the corpus.
    out : Path
        What it holds already stays; a take of the same name is replaced.
    fps : float, optional
        True frame rate, where the files' is wrong or missing.
    music : bool
        Whether sound files of the same name are analysed too.

    Returns
    -------
    list of (str, float)
        Name and length, s, of each take that was written.

    Raises
    ------
    DancecoachError
        When there are no pairs or a file is damaged.
    """
    if fps is not None and not 1.0 <= fps <= 10_000.0:
        raise FileFormatError(f"{fps:g} frames a second cannot be.", "Give --fps a number from 1 to 10000.")
    if not source.is_dir():
        raise DancecoachError(f"There is no folder {source}.", "Check the name.")
    pairs = find_pairs(kind, source)
    if not pairs:
        raise FileFormatError(
            f"There are no pairs of the kind {kind} in {source}.",
            "Name the files …_leader and …_follower and use the kind 'folder'.",
        )
    out.mkdir(parents=True, exist_ok=True)
    sounds = {path.stem: path for path in _files(source, SOUND_SUFFIXES)} if music else {}
    written = []
    for pair in pairs:
        times, leader, follower = read_pair(pair, fps)
        if times[-1] < SHORTEST:
            _log.warning("%s is left out: it lasts %.1f s", pair.name, times[-1])
            continue
        np.savez_compressed(out / f"{pair.name}_leader.npz", times=times, joints=leader.astype(np.float32))
        np.savez_compressed(out / f"{pair.name}_follower.npz", times=times, joints=follower.astype(np.float32))
        sound = next((path for stem, path in sorted(sounds.items()) if _safe(stem) == pair.name), None)
        heard = out / f"{pair.name}_music.npz"
        heard.unlink(missing_ok=True)
        if sound is not None:
            features, beats = listen(sound)
            known = {} if beats is None else {"beats": beats}
            np.savez_compressed(heard, features=features[: len(times)], **known)
        written.append((pair.name, float(times[-1])))
    return written


def read_pair(pair: PairFiles, fps: float | None = None) -> tuple[Floats, Floats, Floats]:
    """Return `times` (T,) s from 0, leader and follower (T, 22, 3) m, y up, on the floor, 30 frames/s.

    Raises
    ------
    FileFormatError
        When the two do not belong together: lengths more than a tenth apart, or metres and metres between them.
    """
    sides = [_read(pair.leader), _read(pair.follower)]
    if sides[0].from_angles != sides[1].from_angles:
        raise FileFormatError(f"One dancer of {pair.name} is joints, the other angles.", "Give both as the same.")
    rates = {side.fps for side in sides if side.fps is not None}
    if fps is None and len(rates) > 1:
        raise FileFormatError(f"The two files of {pair.name} say different frame rates.", "Give --fps.")
    rate = fps or next(iter(rates), RATE)
    count = min(len(side.room) for side in sides)
    if max(len(side.room) for side in sides) > count * (1 + _MOST_APART) + rate:
        lengths = " and ".join(str(len(side.room)) for side in sides)
        raise FileFormatError(f"The dancers of {pair.name} have {lengths} frames.", "Check that they are one pair.")
    # One turn and one unit for both, found from both.
    both = upright(np.concatenate([side.room[:count] for side in sides]))
    if not sides[0].from_angles:
        both = both * unit_of(both)
    rooms, cleaned = (both[:count], both[count:]), []
    for room in rooms:
        times = np.arange(count) / rate
        try:
            times, room = resample(times, repair(times, room)[0], RATE)
        except FileFormatError as error:
            raise FileFormatError(f"{pair.name}: {error.problem}", error.remedy) from error
        cleaned.append((times, room))
    times = cleaned[0][0]
    leader, follower = (room for _, room in cleaned)
    if len(times) > 1 and 1.0 / (times[1] - times[0]) < 0.99 * RATE:
        times, leader, follower = _quicker(times, leader, follower)
    apart = float(np.median(np.linalg.norm((leader - follower)[:, 0, [0, 2]], axis=1)))
    if apart > _FARTHEST:
        raise FileFormatError(
            f"The dancers of {pair.name} are {apart:.0f} m apart.", "Check that they are one pair, in metres."
        )
    middle = (leader[:, 0] + follower[:, 0]).mean(axis=0) / 2 * (1.0, 0.0, 1.0)
    leader, follower = leader - middle, follower - middle
    if sides[0].from_angles:
        return times, on_floor(leader), on_floor(follower)
    lowest = np.minimum(leader[:, _FEET, 1], follower[:, _FEET, 1]).min(axis=1)
    down = np.array([0.0, np.percentile(lowest, 5), 0.0])
    return times, leader - down, follower - down


def _quicker(times: Floats, *rooms: Floats) -> tuple[Floats, Floats, Floats]:
    """Return motions of fewer than 30 frames a second at 30, by cubic curves between the frames."""
    from scipy.interpolate import CubicSpline

    grid = np.arange(0.0, times[-1] + 1e-9, 1.0 / RATE)
    leader, follower = (np.asarray(CubicSpline(times, room, axis=0)(grid), dtype=np.float64) for room in rooms)
    return grid, leader, follower


def _read(path: Path) -> Dancer:
    if path.name.lower().endswith((".bvh", ".bvh.gz")):
        track = read_motion(path)
        rate = 1.0 / float(np.median(np.diff(track.times)))
        return Dancer(track.joints + track.roots[:, None], rate, False)
    return read_dancer(path)


# --- which files belong together ----------------------------------------------------------------------------------


def find_pairs(kind: str, source: Path) -> list[PairFiles]:
    """Return the pairs of files of a corpus, by name; each take once."""
    finders = {"dd100": _dd100, "compas3d": _compas3d}
    found: dict[str, PairFiles] = {}
    for pair in finders.get(kind, _by_tokens)(source):
        name, number = _safe(pair.name), 2
        while name in found and kind not in finders:
            name, number = f"{_safe(pair.name)}-{number}", number + 1
        found.setdefault(name, PairFiles(name, pair.leader, pair.follower))
    return [found[name] for name in sorted(found)]


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_-") or "take"


def _files(source: Path, suffixes: Sequence[str]) -> list[Path]:
    inside = source.resolve()
    return [
        path
        for path in sorted(source.rglob("*"))
        if path.name.lower().endswith(tuple(suffixes)) and path.is_file() and inside in path.resolve().parents
    ]


def _dd100(source: Path) -> Iterator[PairFiles]:
    def rank(path: Path) -> int:
        return next((place for place, name in enumerate(_BEST) if name in path.parts), len(_BEST))

    paths = _files(source, SUFFIXES)
    known = set(paths)
    for path in sorted(paths, key=lambda path: (rank(path), path)):
        follower = path.with_name(re.sub(r"_01(\.\w+)$", r"_00\1", path.name))
        if follower != path and follower in known:
            yield PairFiles(path.stem.removesuffix("_01"), path, follower)


def _compas3d(source: Path) -> Iterator[PairFiles]:
    takes: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in _files(source, (".npz",)):
        match = re.fullmatch(r"(.+?)_?(leader|follower)[^/]*", path.stem, re.IGNORECASE)
        if match is not None:
            takes.setdefault((path.parent, match[1]), {}).setdefault(match[2].lower(), path)
    for (_, name), sides in sorted(takes.items()):
        if len(sides) == 2:
            yield PairFiles(name, sides["leader"], sides["follower"])
        else:
            _log.warning("%s is left out: it has only a %s", name, next(iter(sides)))


def _by_tokens(source: Path) -> Iterator[PairFiles]:
    used: set[Path] = set()
    paths: Mapping[str, Path] = {
        path.relative_to(source).as_posix(): path for path in _files(source, (*SUFFIXES, ".bvh", ".bvh.gz"))
    }
    for leads, follows in _TOKENS:
        sides = []
        for token in (leads, follows):
            word = re.compile(rf"(?<![A-Za-z]){token}(?![A-Za-z])", re.IGNORECASE)
            sides.append({word.sub("*", name): path for name, path in paths.items() if word.search(name)})
        for key in sorted(sides[0].keys() & sides[1].keys()):
            leader, follower = sides[0][key], sides[1][key]
            if leader not in used and follower not in used:
                used |= {leader, follower}
                yield PairFiles(re.sub(r"(\.bvh)?\.\w+$", "", key.replace("*", "")), leader, follower)
