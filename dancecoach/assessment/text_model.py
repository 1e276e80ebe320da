"""The text encoder at run time: a description in words to a direction among the embeddings of movements.

```
"a dance with many turns" ─► words ─► numbers (1, 96) ─► ONNX Runtime ─► embedding (D,) of unit length
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dancecoach.errors import DancecoachError, ModelError
from dancecoach.networks import one_core_session
from dancecoach.types import Floats

MODELS = Path(__file__).resolve().parent.parent.parent / "models"
MODEL = MODELS / "text.onnx"
LONGEST = 96  # words
PADDING = 0
_MOST_WORDS = 20_000
_SHOWN = 60


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case; hyphens belong to words, all other signs part them."""
    return re.findall(r"[^\W_]+(?:-[^\W_]+)*", text.lower())


def numbers_of(text: str, vocabulary: Sequence[str]) -> list[int]:
    """Return the number of each word in `vocabulary`, from 1; 0 stands for nothing.

    Raises
    ------
    DancecoachError
        When the text is empty or too long, or a word is not in the vocabulary; it names the words that are.
    """
    words = words_of(text)
    if not words:
        raise DancecoachError("The description has no words.", "Say what the movement looks like.")
    if len(words) > LONGEST:
        raise DancecoachError(f"The description has {len(words)} words.", f"Say it in {LONGEST} words.")
    index = {word: number for number, word in enumerate(vocabulary, start=1)}
    unknown = list(dict.fromkeys(word for word in words if word not in index))
    if unknown:
        known = ", ".join(sorted(word for word in vocabulary if len(word) > 2)[:_MOST_WORDS])
        said = ", ".join(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}..." for word in unknown[:10])
        raise DancecoachError(f"The description has words that are not known: {said}.", f"These are known: {known}.")
    return [index[word] for word in words]


class TextModel:
    """The text encoder.

    Parameters
    ----------
    path : Path
        An ONNX file with input `words` (1, 96) int64, padded with 0, and output `embedding` (1, D), its metadata
        holding `vocabulary` (a JSON list) and `motion`, the name of the motion encoder it was trained for.

    Raises
    ------
    ModelError
        When the file is missing or is no text encoder.
    """

    def __init__(self, path: Path = MODEL) -> None:
        if not path.is_file():
            raise ModelError(f"The text encoder {path.name} is missing.", "Teach by examples alone, without a text.")
        try:
            self._session = one_core_session(path)
            about = self._session.get_modelmeta().custom_metadata_map
            vocabulary = json.loads(about["vocabulary"])
            self.size = int(self._session.get_outputs()[0].shape[1])
            self.motion = about.get("motion", "")
        except Exception as error:
            raise ModelError(f"{path.name} is not a text encoder.", "Install dancecoach again.") from error
        if not isinstance(vocabulary, list) or not all(isinstance(word, str) for word in vocabulary):
            raise ModelError(f"{path.name} has no vocabulary.", "Install dancecoach again.")
        self.vocabulary: tuple[str, ...] = tuple(vocabulary[:_MOST_WORDS])

    def embed(self, text: str) -> Floats:
        """Return the embedding (D,) of a description, of unit length.

        Raises
        ------
        DancecoachError
            When it holds words the encoder does not know; it offers those it knows.
        """
        told = numbers_of(text, self.vocabulary)
        numbers = np.full((1, LONGEST), PADDING, dtype=np.int64)
        numbers[0, : len(told)] = told
        (embedding,) = self._session.run(None, {"words": numbers})
        return np.asarray(embedding[0], dtype=np.float64)
