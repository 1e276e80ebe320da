"""`dancecoach bench assessment`: all figures of held-out takes that need no more than the files that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

from dancecoach.assessment.encoders import Encoders
from dancecoach.training import corpus, evaluate_comparison, evaluate_recognition, evaluate_saliency


def run(folder: Path, encoders: Encoders, seconds: float, limit: int | None, out: TextIO) -> dict[str, Any]:
    """Print the tables and return the figures.

    Parameters
    ----------
    folder : Path
        A prepared corpus.
    encoders : Encoders
        Those of whole tracks.
    seconds : float
        Of every take.
    limit : int or None
        Takes of every style, at most.
    out : TextIO

    Raises
    ------
    FileFormatError
        When the folder holds no such corpus.
    """
    taken: dict[str, list[corpus.Take]] = {}
    for take in corpus.load(folder, held_out=True):
        if take.dancing:
            taken.setdefault(take.style, []).append(take)
    takes = [take for group in taken.values() for take in group[:limit]]
    figures = evaluate_comparison.run(takes, seconds, out)
    figures["recognised"] = evaluate_recognition.run(takes, seconds, out)
    figures["saliency"] = evaluate_saliency.run(encoders, takes, seconds, out)
    figures["takes"] = [take.take for take in takes]
    return figures
