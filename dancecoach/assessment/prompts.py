"""What a user teaches the coach to recognise: named classes, each told by a text, by examples, or by both.

A class is compared with a movement in the space of the motion encoder's embeddings. Its examples stand for it by
their mean (a prototype: Snell, Swersky & Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017, section
2.2), its text by the text encoder's direction there. The more examples, the less the text has to say:

    score = cos(movement, w · prototype + (1 − w) · text)        w = (n + 1) / (n + 2)

with n examples; w = 1 without a text and 0 without an example. Adding the two cosines instead does worse, since it
makes every class with a text seem farther (`training.ablate_prompts`). Probabilities are a softmax of the scores over
a temperature, in which "unknown" takes part with the score below which a movement is far from everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from dancecoach.assessment import encoders
from dancecoach.config import data_folder
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.types import Attribute, Floats, Label

SCHEMA = "dancecoach.prompts/1"
UNKNOWN = "unknown"
TEMPERATURE = 0.1
NEAREST = 0.59  # score from which a movement may be of a class; fitted on held-out clips (models/text.md)
_ATTRIBUTES: tuple[str, ...] = get_args(Attribute)
_LARGEST = 64 * 1024 * 1024  # bytes
_MOST_PROMPTS, _MOST_EXAMPLES, _WIDEST = 1000, 1000, 4096
_LONGEST_NAME, _LONGEST_TEXT = 60, 2000
_REMEDY = "Put it away and teach the classes anew with 'dancecoach prompt add'."


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A class: `name` of one value of `attribute`; `text` and its embedding (D,), `examples` (N, D), unit lengths.

    `text` may be None, and `examples` may be empty, but not both.
    """

    name: str
    attribute: Attribute
    text: str | None = None
    text_embedding: Floats | None = None
    examples: Floats = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def size(self) -> int:
        """The dimension D of its embeddings."""
        return len(self.text_embedding) if self.text_embedding is not None else self.examples.shape[1]

    def score(self, embedding: Floats) -> float:
        """Return how near an embedding (D,) of unit length is, −1…1."""
        return float(score(embedding[None], self.examples, self.text_embedding)[0])


def score(embeddings: Floats, examples: Floats, text: Floats | None) -> Floats:
    """Return how near embeddings (M, D) are to a class of `examples` (N, D) and a `text` (D,); N may be 0.

    All are of unit length. See the module for the formula.
    """
    count = len(examples)
    prototype = np.zeros(embeddings.shape[1])
    if count:
        mean = examples.mean(axis=0)
        prototype = mean / max(float(np.linalg.norm(mean)), 1e-9)
    weight = 1.0 if text is None else (count + 1) / (count + 2) if count else 0.0
    told = prototype if text is None else text
    centre = weight * prototype + (1 - weight) * told
    return np.asarray(embeddings @ (centre / max(float(np.linalg.norm(centre)), 1e-9)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class PromptBook:
    """All classes that were taught, by name; `motion` names the encoder that made the embeddings, "" any."""

    prompts: tuple[Prompt, ...] = ()
    motion: str = ""
    temperature: float = TEMPERATURE
    nearest: float = NEAREST

    def with_prompt(self, prompt: Prompt) -> PromptBook:
        """Return a book in which `prompt` was added, or its examples and text to the class of that name.

        Raises
        ------
        DancecoachError
            When it has neither text nor examples, a name that cannot be, or embeddings unlike those in the book.
        """
        _require(prompt)
        others = tuple(
            each for each in self.prompts if (each.attribute, each.name) != (prompt.attribute, prompt.name)
        )
        old = [each for each in self.prompts if each not in others]
        if old:
            prompt = _joined(old[0], prompt)
        if others and others[0].size != prompt.size:
            raise DancecoachError(
                f"{prompt.name} has embeddings of {prompt.size} numbers, the other classes of {others[0].size}.",
                "The motion encoder has changed: teach the classes anew.",
            )
        return replace(self, prompts=(*others, prompt))

    def made_with(self, motion: str) -> PromptBook:
        """Return the book for embeddings by the motion encoder of this name.

        Raises
        ------
        DancecoachError
            When what is in it was made by another.
        """
        if self.prompts and motion and self.motion and motion != self.motion:
            raise DancecoachError(
                f"The classes were taught with the motion encoder {self.motion}, this is {motion}.",
                "Remove them with 'dancecoach prompt remove' and teach them anew.",
            )
        return replace(self, motion=motion or self.motion)

    def without(self, name: str) -> PromptBook:
        """Return a book without the class `name`.

        Raises
        ------
        DancecoachError
            When there is none of that name.
        """
        others = tuple(each for each in self.prompts if each.name != name)
        if len(others) == len(self.prompts):
            known = ", ".join(each.name for each in self.prompts) or "none"
            raise DancecoachError(f"There is no class {name[:_LONGEST_NAME]}.", f"These were taught: {known}.")
        return replace(self, prompts=others)

    def classify(self, embedding: Floats) -> tuple[Label, ...]:
        """Return what a movement is, for each attribute that was taught, the likeliest first.

        Parameters
        ----------
        embedding : (D,)
            Of any length but zero; "unknown" is among the labels, first where the movement is far from everything.
        """
        length = float(np.linalg.norm(embedding))
        if not self.prompts or not np.isfinite(length) or length == 0 or len(embedding) != self.prompts[0].size:
            return ()
        labels: list[Label] = []
        for attribute in _ATTRIBUTES:
            taught = [prompt for prompt in self.prompts if prompt.attribute == attribute]
            if not taught:
                continue
            scores = np.array([*(prompt.score(embedding / length) for prompt in taught), self.nearest])
            shares = np.exp((scores - scores.max()) / self.temperature)
            shares /= shares.sum()
            names = [*(prompt.name for prompt in taught), UNKNOWN]
            order = np.argsort(-shares, kind="stable")
            labels += [Label(cast(Attribute, attribute), names[index], float(shares[index])) for index in order]
        return tuple(labels)

    def recognise(self, embedding: Floats) -> tuple[Label, ...]:
        """Return the likeliest class of each attribute that was taught, without those that are unknown."""
        labels = self.classify(embedding)
        first = {label.attribute: label for label in reversed(labels)}
        return tuple(label for label in first.values() if label.name != UNKNOWN)


def _joined(old: Prompt, new: Prompt) -> Prompt:
    """Return a class with the examples of both and the newer text."""
    if old.size != new.size:
        raise DancecoachError(
            f"{new.name} was taught with embeddings of {old.size} numbers, these have {new.size}.",
            f"The motion encoder has changed: remove {new.name} and teach it anew.",
        )
    text, told = (old.text, old.text_embedding) if new.text is None else (new.text, new.text_embedding)
    both = [each for each in (old.examples, new.examples) if len(each)]
    examples = np.concatenate(both)[-_MOST_EXAMPLES:] if both else new.examples
    return Prompt(new.name, new.attribute, text, told, examples)


def _require(prompt: Prompt) -> None:
    name = prompt.name
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip() or name == UNKNOWN:
        raise DancecoachError(f"A class cannot be called {name[:_LONGEST_NAME]!r}.", "Give it a short name.")
    if prompt.text_embedding is None and not len(prompt.examples):
        raise DancecoachError(f"Nothing says what {name} is.", "Give a text, or a motion as an example.")
    if prompt.text is not None and len(prompt.text) > _LONGEST_TEXT:
        raise DancecoachError(f"The text of {name} is too long.", f"Say it in {_LONGEST_TEXT} letters.")
    parts = [prompt.examples] if len(prompt.examples) else []
    parts += [prompt.text_embedding[None]] if prompt.text_embedding is not None else []
    for part in parts:
        if part.ndim != 2 or part.shape[1] != prompt.size or not 0 < part.shape[1] <= _WIDEST:
            raise DancecoachError(f"The embeddings of {name} are of shape {part.shape}.", "Teach it anew.")
        if not np.all(np.isfinite(part)) or np.abs(np.linalg.norm(part, axis=1) - 1).max() > 1e-3:
            raise DancecoachError(f"The embeddings of {name} are not of unit length.", "Teach it anew.")


# --- on disk ------------------------------------------------------------------------------------------------------


def name_of(*weights: Path) -> str:
    """Return a name for the motion encoder that files of weights make up: other weights, another name.

    Empty where a file is missing.
    """
    digest = hashlib.sha256()
    try:
        for path in weights:
            digest.update(path.read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()[:12]


def default_path() -> Path:
    """Return where the user's classes are kept."""
    return data_folder() / "prompts.json"


def load(path: Path | None = None) -> PromptBook:
    """Read the classes; a file that does not exist gives none.

    Raises
    ------
    FileFormatError
        When it is damaged or not ours; it is left as it is.
    """
    path = path or default_path()
    try:
        if path.stat().st_size > _LARGEST:
            raise FileFormatError(f"{path} is too large.", _REMEDY)
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return PromptBook()
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} cannot be read ({type(error).__name__}).", _REMEDY) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise FileFormatError(f"{path} does not hold classes, or those of another version.", _REMEDY)
    prompts = document.get("prompts")
    temperature, nearest = _number(document.get("temperature")), _number(document.get("nearest"))
    if (
        not isinstance(prompts, list)
        or len(prompts) > _MOST_PROMPTS
        or not isinstance(document.get("motion"), str)
        or temperature is None
        or nearest is None
        or not 1e-3 <= temperature <= 100.0
        or not -1.0 <= nearest <= 1.0
    ):
        raise FileFormatError(f"{path} is damaged.", _REMEDY)
    book = PromptBook((), document["motion"], temperature, nearest)
    for entry in prompts:
        try:
            prompt = _prompt_of(entry)
            if any((each.attribute, each.name) == (prompt.attribute, prompt.name) for each in book.prompts):
                raise DancecoachError("A class is there twice.")
            book = book.with_prompt(prompt)
        except DancecoachError as error:
            raise FileFormatError(f"{path} is damaged. {error.problem}", _REMEDY) from error
    return book


def load_current(path: Path | None = None) -> PromptBook:
    """Read the classes for use with the encoders that are installed.

    Raises
    ------
    DancecoachError
        When the file is damaged, or the classes were taught with other encoders.
    """
    return load(path).made_with(name_of(encoders.MODELS / "motion.onnx", encoders.MODELS / "judge.onnx"))


def save(book: PromptBook, path: Path | None = None) -> None:
    """Write the classes so that the file is at any time whole: the old one or the new one.

    Raises
    ------
    DancecoachError
        When the disk refuses.
    """
    path = path or default_path()
    document = {
        "schema": SCHEMA,
        "motion": book.motion,
        "temperature": book.temperature,
        "nearest": book.nearest,
        "prompts": [
            {
                "name": prompt.name,
                "attribute": prompt.attribute,
                "text": prompt.text,
                "text_embedding": None if prompt.text_embedding is None else _listed(prompt.text_embedding),
                "examples": [_listed(example) for example in prompt.examples],
            }
            for prompt in book.prompts
        ],
    }
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise DancecoachError(f"The classes cannot be saved to {path} ({error.strerror}).", "") from error


def _listed(values: Floats) -> list[float]:
    return [round(float(value), 7) for value in values]


def _number(value: object) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        return None
    return float(value)


def _vectors(rows: Sequence[object]) -> Floats:
    """Return rows of numbers (N, D); raises DancecoachError for anything else."""
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    for row in rows:
        if not isinstance(row, list) or len(row) != width or not 0 < width <= _WIDEST:
            raise DancecoachError("An embedding is not a list of numbers.")
        if any(_number(value) is None for value in row):
            raise DancecoachError("An embedding holds something that is not a number.")
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _prompt_of(entry: object) -> Prompt:
    if not isinstance(entry, Mapping):
        raise DancecoachError("A class is no class.")
    values: Mapping[str, Any] = entry
    name, attribute, text = values.get("name"), values.get("attribute"), values.get("text")
    told, examples = values.get("text_embedding"), values.get("examples")
    if not isinstance(name, str) or attribute not in _ATTRIBUTES or not isinstance(examples, list):
        raise DancecoachError("A class has no name, no attribute or no examples.")
    if (text is not None and not isinstance(text, str)) or (text is None) != (told is None):
        raise DancecoachError("The text of a class is no text.")
    if len(examples) > _MOST_EXAMPLES:
        raise DancecoachError("A class has too many examples.")
    embedding = None if told is None else _vectors([told])[0]
    return Prompt(name, cast(Attribute, attribute), text, embedding, _vectors(examples))
