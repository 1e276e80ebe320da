"""Makes the text encoder: clips of a prepared corpus, the frozen motion encoder, descriptions, training, ablation."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancecoach.errors import DancecoachError
from dancecoach.training import corpus
from dancecoach.training.ablate_prompts import METHODS, ablate, fit_nearest, means
from dancecoach.training.descriptions import levels_of, measure
from dancecoach.training.text_network import Described, Recipe, export, train_text
from dancecoach.types import Floats, PoseTrack

_log = logging.getLogger(__name__)
SECONDS = 4.0  # of a clip, about an eight-count
_NAMELESS = frozenset({"solo", "unknown"})  # what takes are called that have no style

# Returns the embedding (D,) of each span (start, stop) s of a track, None where too little was seen.
Embed = Callable[[PoseTrack, Sequence[tuple[float, float]]], Sequence[Floats | None]]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """`embeddings` (N, D) of clips, what was `described` of each, and which may be `trained` with (N,)."""

    embeddings: Floats
    described: tuple[Described, ...]
    trained: NDArray[np.bool_]


def collect(takes: Sequence[corpus.Take], embed: Embed) -> Clips:
    """Return the clips of takes.

    Takes that are kept aside are not trained with. A style of which there is a single take is trained with in its
    first half and kept aside in its second.
    """
    styles = [take.style for take in takes]
    embeddings, described, trained = [], [], []
    for take in takes:
        track = take.track()
        count = max(1, round(take.seconds / SECONDS))
        spans = list(itertools.pairwise(np.linspace(0.0, take.seconds + 1e-3, count + 1).tolist()))
        for number, (span, embedding) in enumerate(zip(spans, embed(track, spans), strict=True)):
            frames = (track.times >= span[0]) & (track.times < span[1])
            if embedding is None or np.count_nonzero(frames) < SECONDS * take.rate / 4:
                continue
            part = PoseTrack(track.times[frames], track.joints[frames], track.roots[frames], track.visibility[frames])
            embeddings.append(embedding)
            name = None if take.style in _NAMELESS else take.style
            described.append(Described(levels_of(measure(part)), name))
            alone = name is not None and styles.count(name) == 1
            trained.append(number < count / 2 if alone else not take.held_out)
    if sum(trained) < 2:
        raise DancecoachError("There is not enough motion to train with.", "Prepare more with 'train prepare'.")
    return Clips(np.array(embeddings), tuple(described), np.array(trained))


_CARD = """# text.onnx: descriptions of dancing as places among movements

A small transformer (two layers of width 64) that puts a description ("fast, large arm movements, many turns") where
the motion encoder puts movements of that kind. It lets a style be added by a text and one or a few examples
(`dancecoach prompt add`). Words it never met are refused.

| size | SHA-256 |
|---|---|
| {size} kB | `{digest}` |

Licence: Apache-2.0, as dancecoach. Made for the motion encoder `{motion}`; with another one it is refused.

## Material and training

{clips} clips of about four seconds, {trained} of them trained with, of the motion of `motion.md` (CMU subjects and
G1 Moves; its licences and acknowledgement hold here too). What is described was measured from the movement itself
(`dancecoach/training/descriptions.py`); nobody wrote anything by hand. InfoNCE, {steps} steps; every movement that
a text is true of is right for it.

`{command}`

## What a text brings

Each style in turn is taken away, added back by a text and one example, and told from all others; balanced accuracy
and area under the curve, means over {styles} styles of clips that were not trained with. Controls use the texts of
other styles.

| method | balanced accuracy | area |
|---|---|---|
{rows}

Where "text and example" does not beat "example", the text is worth only what it is without any example: a way to name
a style that nobody has danced yet. The area says how well movements are ranked, the balanced accuracy how well they
are told apart at the threshold.

Score below which a movement is of no taught class: best {nearest:.2f} on these clips (balanced accuracy
{accuracy:.2f}).

## Limits

* The styles are those of two corpora; each was danced by one or two people, so a style is also a person.
* G1's styles are single takes of a robot's proportions, trained with in their first halves.
* Words are those of the templates; a text in free English is mostly refused.
"""


def write_card(weights: Path, figures: Mapping[str, Any], motion: str, steps: int, command: str) -> None:
    """Write the card of `weights` beside it: text for people, figures for programs."""
    means_of: Mapping[str, Mapping[str, float]] = figures.get("mean", {})
    rows = [
        f"| {method.replace('_', ' ')} | {each['balanced_accuracy']:.3f} | {each['area']:.3f} |"
        for method, each in means_of.items()
    ]
    nearest = figures.get("nearest", {"score": float("nan"), "balanced_accuracy": float("nan")})
    data = weights.read_bytes()
    text = _CARD.format(
        size=len(data) // 1024,
        digest=hashlib.sha256(data).hexdigest(),
        motion=motion,
        clips=figures["clips"],
        trained=figures["trained"],
        steps=steps,
        command=command,
        styles=len(figures.get("unseen", {})),
        rows="\n".join(rows),
        nearest=nearest["score"],
        accuracy=nearest["balanced_accuracy"],
    )
    weights.with_suffix(".md").write_text(text, encoding="utf-8")
    document = {"schema": "dancecoach.card/1", "command": command, "steps": steps, "motion": motion, **figures}
    weights.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def make(
    takes: Sequence[corpus.Take],
    embed: Embed,
    out: Path,
    motion: str = "",
    recipe: Recipe | None = None,
    ablation: bool = False,
) -> dict[str, object]:
    """Train the text encoder on takes and write it to `out`; returns the figures of the ablation, if asked for.

    `motion` is the name of the motion encoder (`dancecoach.assessment.prompts.name_of`).
    """
    clips = collect(takes, embed)
    figures: dict[str, object] = {"clips": len(clips.described), "trained": int(clips.trained.sum())}
    chosen = np.flatnonzero(clips.trained)
    network = train_text(clips.embeddings[chosen], [clips.described[index] for index in chosen], recipe)
    export(network, out, motion)
    if ablation:
        found = ablate(clips.embeddings, clips.described, clips.trained, recipe=recipe)
        figures["unseen"] = {
            style: {method: asdict(outcome) for method, outcome in outcomes.items()}
            for style, outcomes in found.items()
        }
        if found:
            nearest, accuracy = fit_nearest(clips.embeddings, clips.described, clips.trained)
            figures["nearest"] = {"score": nearest, "balanced_accuracy": accuracy}
            figures["mean"] = {method: asdict(means(found)[method]) for method in METHODS}
            _log.info("%s", json.dumps(figures["mean"], indent=1))
    return figures
