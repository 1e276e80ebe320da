"""Does a text help where a style was never trained on? Each style in turn is taken away and given back by a prompt.

The rest is trained with; then the style is added as a user adds it, by a description and one example, and its clips
that were kept aside are told from those of all other styles. Compared are: the example alone, the text alone, both,
the same statements as numbers instead of words, and the texts of the other styles instead of its own, in the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.assessment.prompts import score
from dancecoach.training.descriptions import consensus, sentence
from dancecoach.training.text_network import Described, Recipe, train_attributes, train_text
from dancecoach.types import Floats

METHODS = (
    "example",
    "text",
    "text and example",
    "attributes",
    "attributes and example",
    "another's text",
    "another's text and example",
)
_LEAST = 2  # clips, to learn from and to test with


@dataclass(frozen=True, slots=True)
class Outcome:
    """How well a style is told from the rest: `balanced_accuracy` and `area` under the ROC curve, both 0…1."""

    balanced_accuracy: float
    area: float


def ablate(
    embeddings: Floats,
    described: Sequence[Described],
    trained: NDArray[np.bool_],
    unseen: Sequence[str] | None = None,
    repeats: int = 10,
    recipe: Recipe | None = None,
) -> dict[str, dict[str, Outcome]]:
    """Return outcomes by unseen style and method.

    Parameters
    ----------
    embeddings : (N, D)
        Of clips, by a frozen encoder, unit length.
    described : sequence of N
        What was measured of each clip, and its style; clips without one are trained with and never tested.
    trained : (N,)
        Which clips may be trained with and taken as examples; the others are tested with.
    unseen : sequence of str, optional
        Which styles to take away; without it every style with enough clips.
    repeats : int
        Examples drawn, one at a time; outcomes are means over them.

    Notes
    -----
    Balanced accuracy is the mean of the share of the style's clips that are nearest to it and the share of other
    styles' clips that are not, styles weighing alike. A known style is its prototype.
    """
    random = np.random.default_rng(0)
    styles = sorted({each.style for each in described if each.style is not None})
    of = {style: np.array([each.style == style for each in described]) for style in styles}
    styles = [style for style in styles if min((of[style] & trained).sum(), (of[style] & ~trained).sum()) >= _LEAST]
    texts = {style: consensus([described[i].levels for i in np.flatnonzero(of[style] & trained)]) for style in styles}
    found: dict[str, dict[str, Outcome]] = {}
    for style in unseen or styles:
        others = [each for each in styles if each != style]
        kept = np.flatnonzero(trained & ~of[style])
        told = _told(
            embeddings[kept],
            [described[index] for index in kept],
            texts[style],
            [texts[each] for each in others],
            recipe,
        )
        known = [embeddings[of[each] & trained] for each in others]
        tests = {each: embeddings[of[each] & ~trained] for each in styles}
        outcomes: dict[str, list[Outcome]] = {method: [] for method in METHODS}
        for example in random.choice(np.flatnonzero(of[style] & trained), repeats):
            for method in METHODS:
                shown = embeddings[[example]] if "example" in method else np.empty((0, embeddings.shape[1]))
                for text in told.get(method.removesuffix(" and example"), [None]):
                    margins = {
                        each: score(clips, shown, text) - np.max([score(clips, one, None) for one in known], axis=0)
                        for each, clips in tests.items()
                    }
                    outcomes[method].append(_outcome(margins, style))
        found[style] = {
            method: Outcome(
                float(np.mean([each.balanced_accuracy for each in tried])),
                float(np.mean([each.area for each in tried])),
            )
            for method, tried in outcomes.items()
        }
    return found


def _told(
    embeddings: Floats,
    described: Sequence[Described],
    own: Mapping[str, int],
    others: Sequence[Mapping[str, int]],
    recipe: Recipe | None,
) -> dict[str, list[Floats]]:
    """Return what networks trained on the rest make of the statements of an unseen style, and of the others'."""
    words = train_text(embeddings, described, recipe)
    numbers = train_attributes(embeddings, described, recipe)
    return {
        "text": list(words.embed([sentence(own)])),
        "attributes": list(numbers.embed([own])),
        "another's text": list(words.embed([sentence(each) for each in others])),
    }


def means(found: Mapping[str, Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """Return the mean outcome of each method over the styles."""
    return {
        method: Outcome(
            float(np.mean([each[method].balanced_accuracy for each in found.values()])),
            float(np.mean([each[method].area for each in found.values()])),
        )
        for method in METHODS
    }


def fit_nearest(
    embeddings: Floats, described: Sequence[Described], trained: NDArray[np.bool_], shots: int = 3, repeats: int = 20
) -> tuple[float, float]:
    """Return the score below which a movement is best called unknown, and how well that goes (balanced accuracy).

    Each style in turn is unknown, the others are prototypes of `shots` examples each. Clips that were kept aside, of
    the unknown style and of the known ones, styles weighing alike, should fall on either side. Parameters as in
    `ablate`.
    """
    random = np.random.default_rng(0)
    styles = sorted({each.style for each in described if each.style is not None})
    of = {style: np.array([each.style == style for each in described]) for style in styles}
    styles = [style for style in styles if min((of[style] & trained).sum(), (of[style] & ~trained).sum()) >= _LEAST]
    edges = np.linspace(-1.0, 1.0, 401)
    known, unknown = np.zeros(len(edges)), np.zeros(len(edges))
    for _ in range(repeats):
        shown = {style: embeddings[random.choice(np.flatnonzero(of[style] & trained), shots)] for style in styles}
        # (style of the clips, style compared with, clips)
        found = [[score(embeddings[of[own] & ~trained], shown[each], None) for each in styles] for own in styles]
        for index, scores in enumerate(found):
            others = np.max([each for other, each in enumerate(scores) if other != index], axis=0)
            unknown += np.mean(others[None] < edges[:, None], axis=1)
            known += np.mean(np.max(scores, axis=0)[None] >= edges[:, None], axis=1)
    accuracy = (known + unknown) / (2 * repeats * max(len(styles), 1))
    best = int(np.argmax(accuracy))
    return float(edges[best]), float(accuracy[best])


def _outcome(margins: Mapping[str, Floats], style: str) -> Outcome:
    """Return the outcome of margins (M,) by which the style is nearer than any other, by the clips' true style."""
    own, others = margins[style], [values for name, values in margins.items() if name != style]
    right = float(np.mean([np.mean(values <= 0) for values in others]))
    above = [np.mean((own[:, None] > values) + 0.5 * (own[:, None] == values)) for values in others]
    return Outcome((float(np.mean(own > 0)) + right) / 2, float(np.mean(above)))
