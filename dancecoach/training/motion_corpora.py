"""From motion corpora as people have them to one folder that every trainer reads (`corpus`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.session.motion_cleaning import on_floor, repair, resample
from dancecoach.training import corpus
from dancecoach.training.aist import read_aist
from dancecoach.training.corpus_readers import Raw, read_cmu, read_folder, read_g1, read_imperial

_log = logging.getLogger(__name__)

Reader = Callable[[Path, float | None], Iterator[Raw]]
READERS: Mapping[str, Reader] = {
    "cmu": read_cmu,
    "g1": read_g1,
    "aist": read_aist,
    "imperial": read_imperial,
    "folder": read_folder,
}


def prepare(kind: str, sources: Sequence[Path], out: Path, fps: float | None = None) -> dict[str, tuple[int, float]]:
    """Read corpora, clean them and add them to the folder `out`.

    Parameters
    ----------
    kind : str
        One of `READERS`.
    sources : sequence of Path
    out : Path
        What it holds already stays; a take of the same corpus and name is replaced.
    fps : float, optional
        True frame rate, where the files' is wrong.

    Returns
    -------
    mapping
        Takes and seconds added, by corpus.

    Raises
    ------
    FileFormatError
        When a file is damaged or nothing of this kind is found.
    """
    if fps is not None and not 1.0 <= fps <= 10_000.0:
        raise FileFormatError(f"{fps:g} frames a second cannot be.", "Give --fps a number from 1 to 10000.")
    added: dict[str, tuple[int, float]] = {}

    def takes() -> Iterator[corpus.Take]:
        for source in sources:
            if not source.exists():
                raise DancecoachError(f"There is no {source}.", "Check the name.")
            found = False
            for raw in READERS[kind](source, fps):
                take = cleaned(raw)
                count, seconds = added.get(take.corpus, (0, 0.0))
                added[take.corpus] = count + 1, seconds + take.seconds
                found = True
                yield take
            if not found:
                raise FileFormatError(f"There is no motion of the kind {kind} in {source}.", "Check the folder.")

    corpus.save(out, takes())
    return added


def cleaned(raw: Raw) -> corpus.Take:
    """Return a take without glitches, at no more than 60 frames a second, on the floor.

    Raises
    ------
    FileFormatError
        When too little of it is usable.
    """
    try:
        room, count = repair(raw.times, raw.room)
        times, room = resample(raw.times, room)
    except FileFormatError as error:
        raise FileFormatError(f"{raw.take}: {error.problem}", error.remedy) from error
    if count:
        _log.info("%s %s: %d frames interpolated", raw.corpus, raw.take, count)
    return corpus.Take(
        times=times,
        joints=on_floor(room).astype(np.float32),
        corpus=raw.corpus,
        take=raw.take,
        performer=raw.performer,
        style=raw.style,
        dancing=raw.dancing,
        level=raw.level,
        choreography=raw.choreography,
        music=raw.music,
        tempo=raw.tempo,
        held_out=raw.held_out,
        beats=None if raw.beats is None else raw.beats - raw.times[0],
        counts=raw.counts,
    )
