"""Excerpts the beat network learns from: rendered pieces and music-free sound, as bands, with their beats.

An excerpt is stored as bands (`dancecoach.perception.spectral_features`), dry and as a microphone in a room hears it;
loudness, colour and rises are worked out when it is used, so that it can still be mixed and coloured at random.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.neural_following import HALVES
from dancecoach.perception.onsets import OnsetDetector
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND, BandAnalysis
from dancecoach.training.compose import Corpus, compose
from dancecoach.training.pieces import Piece, Split
from dancecoach.training.rooms import crowd, in_a_room, noise, speech
from dancecoach.training.sound import Instruments, render
from dancecoach.types import Floats

SAMPLE_RATE = 24_000  # Hz; the highest band ends at 11 kHz
SECONDS = 40.0
SHARD = 20  # excerpts in a file
_WITHOUT_MUSIC = 0.06  # share of excerpts
_SEEDS: dict[Split, int] = {"train": 1, "validation": 2, "test": 3}

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One excerpt.

    `views` (V, T, 88) bands of the same music, dry then in a room; `beats` (B,) s; `bars` (B,) beat in the bar;
    `music` (T,) whether there is music; `style` and `source` as in `Piece`; `onsets` (V, 2 T, 3) onset strengths of
    each half frame, as in `OnsetFrame`, None where nothing was kept that only the filter hears.
    """

    views: NDArray[np.float16]
    beats: Floats
    bars: Floats
    beats_per_bar: int
    music: NDArray[np.bool_]
    style: str
    source: str
    onsets: NDArray[np.float16] | None = None


class Maker:
    """Makes excerpts; keeps fonts and corpora open between them."""

    def __init__(self, data: Path, split: Split) -> None:
        self.split = split
        self._corpus = Corpus(data)
        self._instruments = Instruments(data, held_out=split != "train")

    def make(self, number: int) -> Excerpt:
        """Return excerpt `number` of the split, always the same one."""
        rng = np.random.default_rng((_SEEDS[self.split], number))
        held_out = self.split != "train"
        if rng.random() < _WITHOUT_MUSIC:
            return _without_music(rng, held_out)
        piece, sound = self.sound(rng)
        sounds = (sound, in_a_room(sound, SAMPLE_RATE, rng))
        bands = [_bands(view) for view in sounds]
        return Excerpt(
            np.stack(bands),
            piece.beat_times,
            np.asarray(piece.beats_in_bar, dtype=np.float64),
            piece.beats_per_bar,
            _music_heard(piece, bands[0].shape[0]),
            piece.style,
            piece.source,
            np.stack([onsets_of(view, SAMPLE_RATE, len(bands[0])) for view in sounds]) if held_out else None,
        )

    def sound(self, rng: np.random.Generator, sample_rate: int = SAMPLE_RATE) -> tuple[Piece, Array]:
        """Return a piece and its sound (N,), dry."""
        piece = compose(rng, self._corpus, self.split, duration=SECONDS)
        sound = render(piece, rng, self._instruments, sample_rate)
        wanted = round(SECONDS * sample_rate)
        return piece, np.pad(sound[:wanted], (0, max(0, wanted - len(sound))))


def _bands(sound: Array) -> NDArray[np.float16]:
    frames = round(SECONDS * FRAMES_PER_SECOND)
    bands = BandAnalysis(SAMPLE_RATE).whole(np.pad(sound, (0, SAMPLE_RATE // 10)))
    return bands[:frames].astype(np.float16)


def onsets_of(sound: Array, sample_rate: int, frames: int) -> NDArray[np.float16]:
    """Return the onset strengths (2 `frames`, 3) of each half frame of `sound` (N,), NaN where there are none."""
    found = OnsetDetector(sample_rate).whole(sound.astype(np.float64))
    out = np.full((2 * frames, 3), np.nan, dtype=np.float16)
    times = np.array([onset.time for onset in found])
    begin = np.searchsorted(times, np.arange(frames) / FRAMES_PER_SECOND - HALVES)
    for half in range(2):
        index = begin + half
        inside = index < len(found)
        strengths = np.array([found[each].strengths for each in index[inside]]).reshape(-1, 3)
        out[half::2][inside] = strengths
    return out


def _music_heard(piece: Piece, frames: int) -> NDArray[np.bool_]:
    """Return (T,) whether music plays: from the first beat to the last, gaps left out."""
    times = np.arange(frames) / FRAMES_PER_SECOND
    if len(piece.beat_times) < 2:
        return np.zeros(frames, dtype=bool)
    heard = (times >= piece.beat_times[0] - 0.3) & (times <= piece.beat_times[-1] + 0.5)
    since = None
    for time, kind in piece.events:
        if kind == "gap":
            since = time
        elif kind == "music" and since is not None:
            heard &= ~((times > since + 0.3) & (times < time))
            since = None
    if since is not None:
        heard &= times <= since + 0.3
    return np.asarray(heard)


def _without_music(rng: np.random.Generator, held_out: bool) -> Excerpt:
    kind = str(rng.choice(["speech", "noise", "crowd", "speech over noise"]))
    if kind == "noise":
        sound = noise(rng, SECONDS, SAMPLE_RATE)
    elif kind == "crowd":
        sound = crowd(rng, SECONDS, SAMPLE_RATE)
    else:
        sound = speech(rng, SECONDS, SAMPLE_RATE)
    if kind == "speech over noise":
        sound = sound + noise(rng, SECONDS, SAMPLE_RATE) * np.float32(10 ** rng.uniform(-1.5, 0.0))
    sound = np.asarray(sound * np.float32(10 ** rng.uniform(-2.0, 0.0)), dtype=np.float32)
    sounds = (sound, in_a_room(sound, SAMPLE_RATE, rng))
    bands = np.stack([_bands(view) for view in sounds])
    frames = bands.shape[1]
    onsets = np.stack([onsets_of(view, SAMPLE_RATE, frames) for view in sounds]) if held_out else None
    return Excerpt(bands, np.empty(0), np.empty(0), 4, np.zeros(frames, dtype=bool), kind, kind, onsets)


def write_shard(maker: Maker, folder: Path, shard: int) -> None:
    """Make the excerpts of one shard and write them to `folder`, unless they are there."""
    path = folder / f"{maker.split}-{shard:05d}.npz"
    if path.exists():
        return
    excerpts = [maker.make(shard * SHARD + each) for each in range(SHARD)]
    content: dict[str, NDArray[np.generic]] = {}
    for index, excerpt in enumerate(excerpts):
        content[f"{index}.views"] = excerpt.views
        content[f"{index}.beats"] = excerpt.beats
        content[f"{index}.bars"] = excerpt.bars
        content[f"{index}.music"] = excerpt.music
        if excerpt.onsets is not None:
            content[f"{index}.onsets"] = excerpt.onsets
        content[f"{index}.about"] = np.array([excerpt.style, excerpt.source, str(excerpt.beats_per_bar)])
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, **content)
    temporary.replace(path)


def read_shards(folder: Path, split: Split, limit: int | None = None, first: int = 0) -> Iterator[Excerpt]:
    """Yield the excerpts of `split` under `folder`, at most `limit` files from number `first` on.

    Unreadable files are left out.
    """
    paths = sorted(path for path in folder.glob(f"{split}-*.npz") if int(path.stem.split("-")[1]) >= first)
    for path in paths[:limit]:
        try:
            with np.load(path, allow_pickle=False) as file:
                for index in range(SHARD):
                    style, source, per_bar = (str(each) for each in file[f"{index}.about"])
                    yield Excerpt(
                        file[f"{index}.views"],
                        file[f"{index}.beats"],
                        file[f"{index}.bars"],
                        int(per_bar),
                        file[f"{index}.music"],
                        style,
                        source,
                        file.get(f"{index}.onsets"),
                    )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            continue
