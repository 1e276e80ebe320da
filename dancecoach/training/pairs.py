"""Pairs of motion and music: real takes danced without music get music that follows their own beats.

The rhythm of a take is measured (`assessment.rhythm`), a piece in a fitting style is composed, performed on exactly
those X
OUT holds one `NAME.npz` for each pair, with `features` (T, 56) at 30 rows a second from the first pose on, its time
`start` (1,) s, `alternatives` (V, T, 56), `beats` (B,) s and `counts` (B,), for clips of the procedural dancer also
`times` (T,) s and `joints` (T, 22, 3) m; and `pairs.json`.
"""

from __future__ import annotations

import json
import random
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dancecoach.assessment.rhythm import rhythm_of
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.perception.music_features import FEATURES, NAMES, ROWS_PER_SECOND, MusicFeatures
from dancecoach.session.motion import read_motion
from dancecoach.training.composing_form import compose_score
from dancecoach.training.composing_score import perform
from dancecoach.training.composing_tempo import beat_grid
from dancecoach.training.rooms import in_a_room
from dancecoach.training.routines import ROUTINES, Clip, perform_routine
from dancecoach.training.sound import Instruments, render
from dancecoach.training.styles import BY_NAME
from dancecoach.types import BeatGrid, Floats, PoseTrack

SCHEMA = "dancecoach.pairs/1"
Array = NDArray[np.float32]

_RATE = 22_050  # Hz
_SEED = 20_240_607
_ALTERNATIVES = 1  # further pieces on the same beats
_UNSURE = 0.15  # confidence of beats on which no music is laid
_LARGEST = 256 * 1024**2  # bytes unpacked
_CLIP_SECONDS = 30.0
# Music that dances are danced to; others get any style that is played at their tempo.
_MUSIC = {"salsa": "salsa", "disco": "disco", "jazz": "swing", "shuffle": "house", "nineties": "eighties pop"}
_AMONG = 1.06  # how far outside a style's usual tempi it is still played


@dataclass(frozen=True, slots=True)
class Pair:
    """One motion's music.

    `name` of the take; `features` (T, 56), row k at `start` + k/30 s of the motion's clock; `start` s of its first
    pose; `alternatives` (V, T, 56), other music on the same beats; `beats` (B,) s of the motion's clock, their
    `counts` (B,) 1…8; `style` of the music; `confidence` of the beats, 0…1 (1 where they are known); `times` (T,) s
    and `joints` (T, 22, 3) m of a procedural dancer, None of others.
    """

    name: str
    features: Array
    alternatives: Array
    beats: Floats
    counts: NDArray[np.int64]
    style: str
    tempo: float
    confidence: float
    held_out: bool
    start: float
    times: Floats | None = None
    joints: Floats | None = None


def make_pairs(
    corpus: Path, out: Path, sounds: Path | None = None, clips: int = 16, progress: TextIO | None = None
) -> list[dict[str, Any]]:
    """Pair every dancing take of a prepared `corpus` with music, and `clips` of the procedural dancer, into `out`.

    Parameters
    ----------
    corpus : Path
        Folder with `takes.json` and its takes.
    out : Path
        Folder for the pairs; those that are there are kept.
    sounds : Path, optional
        Folder with ``music/sonicpi_cc0_samples``; what is missing is synthesised.
    clips : int
        Of the procedural dancer, 30 s each; every fourth is held out.

    Returns
    -------
    list of dict
        What `pairs.json` says of each take: file, style and tempo of the music, or the reason why there is none.

    Raises
    ------
    DancecoachError
        When there is no prepared corpus.
    """
    progress = progress or sys.stdout
    takes = read_takes(corpus)
    out.mkdir(parents=True, exist_ok=True)
    band = _Band(sounds)
    rows = []
    for take in takes:
        rows.append(_pair_of_take(corpus, out, band, take))
        print(f"{take['file']}: {rows[-1].get('reason') or rows[-1]['style']}", file=progress, flush=True)
    for number in range(clips):
        rows.append(_pair_of_clip(out, band, number))
        print(f"{rows[-1]['file']}: {rows[-1]['style']}", file=progress, flush=True)
    document = {"schema": SCHEMA, "rows_per_second": ROWS_PER_SECOND, "features": list(NAMES), "pairs": rows}
    (out / "pairs.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return rows


def read_takes(corpus: Path) -> list[dict[str, Any]]:
    """Return the dancing takes of a prepared corpus.

    Raises
    ------
    DancecoachError
        When `takes.json` is missing or says something else.
    """
    remedy = "Run 'dancecoach train prepare' first."
    try:
        takes = json.loads((corpus / "takes.json").read_text(encoding="utf-8"))["takes"]
        dancing = [take for take in takes if take["dancing"]]
        for take in dancing:
            if not isinstance(take["file"], str) or Path(take["file"]).name != take["file"]:
                raise FileFormatError(f"takes.json names the file {take['file']!r}.", remedy)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DancecoachError(f"There is no prepared corpus in {corpus}.", remedy) from error
    return dancing


# --- music on given beats ------------------------------------------------------------------------------------------


class _Band:
    """The instruments for training and those that are held out, found when first wanted."""

    def __init__(self, sounds: Path | None) -> None:
        self._sounds = sounds
        self._found: dict[bool, Instruments] = {}

    def instruments(self, held_out: bool) -> Instruments:
        if held_out not in self._found:
            self._found[held_out] = Instruments(self._sounds, held_out)
        return self._found[held_out]


def music_on(
    grid: Floats, style: str, seconds: float, seed: int, instruments: Instruments, room: bool = False
) -> Array:
    """Return sound (N,) at 22,050 Hz in which the beats of `style` fall on `grid` (B,) s, the first of which is a 1.

    Parameters
    ----------
    grid : (B,) array
        Beats from before 0 s to after `seconds`.
    style : str
        One of `styles.BY_NAME`, of four beats a bar.
    seconds : float
        Length.
    seed : int
        Equal seeds make equal music, but for inaudible differences.
    instruments : Instruments
        Who plays.
    room : bool
        Whether it is heard by a microphone in a room.
    """
    chance = random.Random(seed)
    score = compose_score(chance, BY_NAME[style], len(grid) - 1)
    begin = float(np.interp(0.0, grid, np.arange(len(grid), dtype=np.float64)))
    piece = perform(chance, score, grid, begin, 0.0, seconds)
    rng = np.random.default_rng(seed)
    sound = render(piece, rng, instruments, _RATE)
    if room:
        sound = in_a_room(sound, _RATE, rng)
    return np.asarray(sound, dtype=np.float32)


def extended(beats: Floats, counts: NDArray[np.int64], start: float, stop: float, eights: int = 0) -> Floats:
    """Return `beats` (B,) s carried on evenly, from a 1 before `start` s to after `stop` s.

    `eights` eight-counts more are put before, so that a piece can begin in its midst.
    """
    steps = np.diff(beats)
    first, last = float(np.median(steps[:8])), float(np.median(steps[-8:]))
    before = max(int(np.ceil((beats[0] - start) / first)), 0)
    before += (int(counts[0]) - 1 - before) % 8 + 8 * eights
    after = max(int(np.ceil((stop - beats[-1]) / last)), 0) + 4
    return np.concatenate(
        [beats[0] - first * np.arange(before, 0, -1), beats, beats[-1] + last * np.arange(1, after + 1)]
    )


def style_for(style: str, tempo: float, seed: int) -> str:
    """Return the style of music for a dance of `style` at `tempo` BPM."""
    if style in _MUSIC:
        return _MUSIC[style]
    fitting = {
        name: each.weight
        for name, each in BY_NAME.items()
        if each.beats_per_bar == 4 and each.tempo[0] / _AMONG <= tempo <= each.tempo[1] * _AMONG
    }
    # At tempi that nothing is played at, what can be played at any.
    fitting = fitting or {"pop": 1.0, "rock": 1.0}
    return random.Random(seed).choices(list(fitting), list(fitting.values()))[0]


def _features(sound: Array, rows: int) -> Array:
    """Return the first `rows` features (T, 56) of `sound` (N,)."""
    return MusicFeatures(_RATE).step(sound)[:rows]


def _pair_of_take(corpus: Path, out: Path, band: _Band, take: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"file": take["file"], "take": take["take"], "held_out": bool(take["held_out"])}
    track = read_motion(corpus / take["file"])
    known = take.get("tempo")
    rhythm = rhythm_of(track, known)
    if rhythm.beats is None:
        return {**row, "reason": rhythm.reason}
    if rhythm.beats.confidence < _UNSURE and known is None:
        return {**row, "reason": "its rhythm is unsure"}
    beats = rhythm.beats
    seed = zlib.crc32(take["file"].encode()) ^ _SEED
    style = style_for(take["style"], beats.tempo, seed)
    row |= {"style": style, "tempo": round(beats.tempo, 2), "confidence": round(beats.confidence, 3)}
    path = out / take["file"]
    if not path.is_file():
        features, alternatives = _music_of(
            track, beats, (style, style_for("", beats.tempo, seed + 1)), seed, band, row
        )
        _write(
            path, features=features, alternatives=alternatives, beats=beats.beat_times, counts=beats.counts,
            start=track.times[:1],
        )  # fmt: skip
    return row


def _music_of(
    track: PoseTrack, beats: BeatGrid, styles: Sequence[str], seed: int, band: _Band, row: dict[str, Any]
) -> tuple[Array, Array]:
    start = float(track.times[0])
    seconds = float(track.times[-1]) - start
    rows = int(seconds * ROWS_PER_SECOND + 1e-6) + 1
    seconds += 0.5
    instruments = band.instruments(row["held_out"])
    found = []
    for number, style in enumerate(styles):
        grid = extended(beats.beat_times - start, beats.counts, 0.0, seconds, (seed + number) % 3)
        found.append(_features(music_on(grid, style, seconds, seed + number, instruments, number % 2 == 1), rows))
    return found[0], np.stack(found[1:])


def clip_of(number: int) -> tuple[Clip, Floats, float]:
    """Return clip `number` of the procedural dancer, its beats from before to after it, and its tempo."""
    chance = random.Random(_SEED + number)
    names = list(ROUTINES)
    # The golden ratio spreads any number of clips evenly over 80…180 BPM.
    tempo = 80.0 * (180.0 / 80.0) ** ((0.5 + number * 0.618034) % 1.0)
    kind = ("steady", "loose", "drift")[number % 3]
    grid, _ = beat_grid(chance, kind, tempo, int(_CLIP_SECONDS * tempo / 60 * 1.3) + 24, 4, None, 0)
    grid = grid - grid[8] - chance.uniform(0.0, 0.99) * (grid[16] - grid[8])
    clip = perform_routine(
        names[number % len(names)],
        grid,
        _CLIP_SECONDS,
        chance.uniform(0.88, 1.12),
        chance.uniform(-0.4, 0.4),
        chance.random() < 0.5,
    )
    return clip, grid, tempo


def _pair_of_clip(out: Path, band: _Band, number: int) -> dict[str, Any]:
    clip, grid, tempo = clip_of(number)
    held_out = number % 4 == 3
    seed = _SEED + 1000 * number
    styles = (
        style_for("salsa" if clip.routine == "salsa basic" else "", tempo, seed),
        style_for("", tempo, seed + 1),
    )
    row = {
        "file": f"dancer-{number:02d}.npz",
        "take": clip.routine,
        "held_out": held_out,
        "style": styles[0],
        "tempo": round(tempo, 2),
        "confidence": 1.0,
        "procedural": True,
    }
    path = out / f"dancer-{number:02d}.npz"
    if not path.is_file():
        instruments, seconds = band.instruments(held_out), _CLIP_SECONDS + 0.5
        sounds = [music_on(grid, style, seconds, seed + place, instruments, place == 1)
                  for place, style in enumerate(styles)]  # fmt: skip
        found = [_features(sound, len(clip.times)) for sound in sounds]
        _write(
            path, features=found[0], alternatives=np.stack(found[1:]), beats=clip.beats, counts=clip.counts,
            start=np.zeros(1), times=clip.times, joints=clip.joints.astype(np.float32),
        )  # fmt: skip
    return row


def _write(path: Path, **arrays: NDArray[Any]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    temporary.replace(path)


# --- reading -------------------------------------------------------------------------------------------------------


def read_pairs(folder: Path) -> Iterator[Pair]:
    """Yield the pairs in `folder`.

    Raises
    ------
    FileFormatError
        When `pairs.json` or a pair is missing or damaged.
    """
    remedy = "Make the pairs anew."
    try:
        document = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
        rows = [row for row in document["pairs"] if "style" in row]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"There are no pairs in {folder}.", remedy) from error
    if document.get("features") != list(NAMES):
        raise FileFormatError(f"The pairs in {folder} have other features.", remedy)
    for row in rows:
        path = folder / Path(row["file"]).name
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                    raise FileFormatError(f"The pair {path.name} is too large.", remedy)
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            yield _checked(row, arrays)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise FileFormatError(f"The pair {path.name} cannot be read.", remedy) from error


def _checked(row: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Pair:
    features, alternatives = arrays["features"], arrays["alternatives"]
    beats, counts = arrays["beats"], arrays["counts"]
    count = len(features)
    if (
        features.shape != (count, FEATURES)
        or alternatives.shape[1:] != (count, FEATURES)
        or len(beats) != len(counts)
    ):
        raise ValueError("shapes")
    if not all(np.isfinite(each).all() for each in (features, alternatives, beats)):
        raise ValueError("numbers")
    return Pair(
        name=Path(row["file"]).stem,
        features=features,
        alternatives=alternatives,
        beats=beats,
        counts=counts.astype(np.int64),
        style=str(row["style"]),
        tempo=float(row["tempo"]),
        confidence=float(row["confidence"]),
        held_out=bool(row["held_out"]),
        start=float(arrays["start"][0]),
        times=arrays.get("times"),
        joints=arrays.get("joints"),
    )
