"""Renders what the beat network is made with: shards of excerpts, and test pieces as sound with their beats.

What is there already is kept, so that rendering may be stopped and taken up again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TextIO

import numpy as np
import soundfile

from dancecoach.errors import DancecoachError
from dancecoach.training.beat_data import SECONDS, Maker, write_shard
from dancecoach.training.compose import POP_SONG_WITHOUT_DRUMS, STYLES, Corpus, compose
from dancecoach.training.pieces import Piece, Split
from dancecoach.training.rooms import in_a_room
from dancecoach.training.sound import Instruments, render

CLIP_RATE = 44_100  # Hz
_CLIP_SEED = 4  # those of the excerpts are 1 to 3
_SAY_EVERY = 15.0  # s
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DANCE_STYLES = (
    "house", "hiphop", "breaks", "funk", "disco", "krump", "salsa", "bachata", "waltz", "swing", "drum and bass",
    "rnb", "techno", "trap", "reggaeton", "samba", "cha-cha", "afrobeats", "merengue", "shuffle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Test clips of one kind: `styles` taken in turn, heard in a `room` or dry; `clips` by default."""

    name: str
    styles: tuple[str, ...]
    room: bool
    clips: int


GROUPS = (
    Group("dance in rooms", DANCE_STYLES, True, 40),
    Group("pop without drums", (POP_SONG_WITHOUT_DRUMS,), False, 12),
    Group("dry", STYLES[::2], False, 20),
)


def render_shards(
    data: Path, work: Path, shards: dict[Split, int], out: TextIO, workers: int | None = None, first: int = 0
) -> None:
    """Render so many `shards` of every split, from number `first` on, from the corpora in `data` into `work`.

    One worker is this process.
    """
    for split, count in shards.items():
        missing = [each for each in range(first, first + count) if not (work / f"{split}-{each:05d}.npz").exists()]
        tasks = [(data, work, split, each) for each in missing]
        _work_off(_render_shard, tasks, f"{split} excerpts", out, workers)


def render_clips(data: Path, folder: Path, clips: Sequence[int], out: TextIO, workers: int | None = None) -> None:
    """Render test pieces into `folder`/<group>: sound, `.beats` and events as the benchmark reads them.

    `clips` of each of `GROUPS`; groups whose corpora are missing are left out.
    """
    tasks = []
    for index, (group, count) in enumerate(zip(GROUPS, clips, strict=True)):
        if group.styles == (POP_SONG_WITHOUT_DRUMS,) and not Corpus(data).has_songs:
            print(f"'{group.name}' is left out: there are no songs in {data}.", file=out)
            continue
        paths = [folder / group.name / f"{number:03d}.wav" for number in range(count)]
        tasks += [
            (data, path, index, number)
            for number, path in enumerate(paths)
            if not (path.is_file() and path.with_suffix(".beats").is_file())
        ]
    _work_off(_render_clip, tasks, "test clips", out, workers)


def _work_off(
    work: Callable[..., None], tasks: Sequence[tuple[object, ...]], what: str, out: TextIO, workers: int | None
) -> None:
    """Call `work` with each of `tasks`, in several processes unless there is one worker, and say how far it is."""
    workers = min(2, os.cpu_count() or 1) if workers is None else workers
    progress = _Progress(what, len(tasks), out)
    if not tasks:
        return
    if workers == 1:
        for task in tasks:
            work(*task)
            progress.one_more()
        return
    # Processes of their own for every kind of work: the sound fonts of the last one leave the memory with them.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        with _one_thread_each():
            pending = [pool.submit(work, *task) for task in tasks]
        for done in as_completed(pending):
            done.result()
            progress.one_more()
    except BrokenProcessPool as error:
        raise DancecoachError(
            "A process that renders music has died.", "Free some memory and start again: what is rendered is kept."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep the libraries of processes that are started now from using threads: the processes fill the cores.

    The libraries look at the environment when they are loaded, which is before any code of ours runs there.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Progress:
    def __init__(self, what: str, total: int, out: TextIO) -> None:
        self._what, self._total, self._out = what, total, out
        self._started = self._said = time.monotonic()
        self._done = 0

    def one_more(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said < _SAY_EVERY and self._done < self._total:
            return
        self._said = now
        left = (now - self._started) / self._done * (self._total - self._done) / 60
        print(f"{self._what}: {self._done} of {self._total} files, {left:.0f} min left", file=self._out, flush=True)


@lru_cache(maxsize=1)
def _maker(data: Path, split: Split) -> Maker:
    return Maker(data, split)


def _render_shard(data: Path, work: Path, split: Split, shard: int) -> None:
    write_shard(_maker(data, split), work, shard)


@lru_cache(maxsize=1)
def _test_material(data: Path) -> tuple[Corpus, Instruments]:
    return Corpus(data), Instruments(data, held_out=True)


def _render_clip(data: Path, path: Path, group: int, number: int) -> None:
    corpus, instruments = _test_material(data)
    chosen = GROUPS[group]
    rng = np.random.default_rng((_CLIP_SEED, group, number))
    piece = compose(rng, corpus, "test", chosen.styles[number % len(chosen.styles)], SECONDS)
    sound = render(piece, rng, instruments, CLIP_RATE)[: round(SECONDS * CLIP_RATE)]
    if chosen.room:
        sound = in_a_room(sound, CLIP_RATE, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(sound, -1.0, 1.0), CLIP_RATE, subtype="PCM_16")
    _write_truth(piece, path)


def _write_truth(piece: Piece, path: Path) -> None:
    """Write what is known of `piece` beside the sound at `path`; the beats last: with them a clip is complete."""
    about = {
        "style": piece.style,
        "source": piece.source,
        "beats_per_bar": piece.beats_per_bar,
        "events": [[round(float(time), 4), kind] for time, kind in piece.events],
    }
    path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
    beats = zip(piece.beat_times, piece.beats_in_bar, strict=True)
    path.with_suffix(".beats").write_text("".join(f"{time:.4f}\t{int(beat)}\n" for time, beat in beats))
