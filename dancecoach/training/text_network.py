"""A small transformer that puts descriptions among the embeddings of movements, and its training.

The motion encoder is frozen and gives unit vectors (N, D); only the text side learns, as in locked-image tuning (Zhai
et al., "LiT: Zero-shot transfer with locked-image text tuning", CVPR 2022). The loss is InfoNCE (van den Oord, Li &
Vinyals 2018, equation 4) both ways with every movement a text is true of as its positives, and a pull of each text
to the mean of its movements, so that a text can stand in for an example. A movement's own label never enters the
motion side; a class is recognised by comparing the texts of all candidates.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.assessment.text_model import LONGEST, PADDING, numbers_of, words_of
from dancecoach.training.descriptions import NAMES, all_sentences, as_vector, sentence
from dancecoach.types import Floats

WIDTH, LAYERS, HEADS = 64, 2, 4
_LARGEST_SUBSET = 8  # attributes said in a sentence


@dataclass(frozen=True, slots=True)
class Described:
    """A movement of the training set: its `levels` by attribute, and its `style` where it has a name."""

    levels: Mapping[str, int]
    style: str | None = None


class TextNetwork(nn.Module):
    """Words (B, L) to embeddings (B, D) of unit length: 2 layers, mean over the words, a perceptron."""

    def __init__(self, vocabulary: Sequence[str], size: int, width: int = WIDTH) -> None:
        super().__init__()
        self.vocabulary = tuple(vocabulary)
        self.size = size
        self.words = nn.Embedding(len(vocabulary) + 1, width, padding_idx=PADDING)
        self.places = nn.Parameter(0.02 * torch.randn(LONGEST, width))
        layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, size)
        )

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the embeddings (B, D) of word numbers (B, L), padded with 0 at their ends."""
        told = numbers != PADDING
        hidden = self.layers(self.words(numbers) + self.places[: numbers.shape[1]], src_key_padding_mask=~told)
        shares = told.to(hidden.dtype) / told.sum(dim=1, keepdim=True)
        return functional.normalize(self.head((hidden * shares[..., None]).sum(dim=1)), dim=1)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return the embeddings (N, D) of texts."""
        self.eval()
        with torch.no_grad():
            return np.asarray(self(padded([numbers_of(text, self.vocabulary) for text in texts])).numpy(), np.float64)


class AttributeNetwork(nn.Module):
    """What the text is compared with: the same statements as numbers (B, 3 A), without words."""

    def __init__(self, size: int, width: int = WIDTH) -> None:
        super().__init__()
        self.size = size
        self.head = nn.Sequential(nn.Linear(3 * len(NAMES), 2 * width), nn.GELU(), nn.Linear(2 * width, size))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the embeddings (B, D) of statements (B, 3 A)."""
        return functional.normalize(self.head(vectors), dim=1)

    def embed(self, statements: Sequence[Mapping[str, int]]) -> Floats:
        """Return the embeddings (N, D) of levels."""
        self.eval()
        with torch.no_grad():
            vectors = torch.tensor(np.array([as_vector(each) for each in statements]), dtype=torch.float32)
            return np.asarray(self(vectors).numpy(), np.float64)


def vocabulary_of(styles: Sequence[str]) -> list[str]:
    """Return the words that descriptions and these styles can have, in order."""
    return sorted({word for text in all_sentences(styles) for word in words_of(text)})


def padded(numbers: Sequence[Sequence[int]], length: int = 0) -> Tensor:
    """Return word numbers as one tensor (B, L), L at least `length`."""
    table = np.full((len(numbers), max(length, *(len(row) for row in numbers))), PADDING, dtype=np.int64)
    for index, row in enumerate(numbers):
        table[index, : len(row)] = row
    return torch.from_numpy(table)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: `steps` of `batch` movements; `named` the share of texts that name the style."""

    steps: int = 600
    batch: int = 128
    rate: float = 2e-3
    temperature: float = 0.1
    pull: float = 1.0
    named: float = 0.3
    seed: int = 1


def train_text(
    embeddings: Floats, described: Sequence[Described], recipe: Recipe | None = None, width: int = WIDTH
) -> TextNetwork:
    """Return a text encoder for movements of `embeddings` (N, D), unit length, and what is true of them."""
    recipe = recipe or Recipe()
    torch.manual_seed(recipe.seed)
    styles = sorted({each.style for each in described if each.style is not None})
    network = TextNetwork(vocabulary_of(styles), embeddings.shape[1], width)
    index = {word: number for number, word in enumerate(network.vocabulary, start=1)}
    random = np.random.default_rng(recipe.seed)

    def encode(statements: Sequence[Described]) -> Tensor:
        texts = [sentence(each.levels, random, each.style) for each in statements]
        return torch.as_tensor(network(padded([[index[word] for word in words_of(text)] for text in texts])))

    _train(network, encode, embeddings, described, recipe, random)
    return network


def train_attributes(
    embeddings: Floats, described: Sequence[Described], recipe: Recipe | None = None
) -> AttributeNetwork:
    """Return the same without words: from the levels themselves."""
    recipe = recipe or Recipe()
    torch.manual_seed(recipe.seed)
    network = AttributeNetwork(embeddings.shape[1])
    random = np.random.default_rng(recipe.seed)

    def encode(statements: Sequence[Described]) -> Tensor:
        vectors = np.array([as_vector(each.levels) for each in statements])
        return torch.as_tensor(network(torch.tensor(vectors, dtype=torch.float32)))

    nameless = [Described(each.levels) for each in described]
    _train(network, encode, embeddings, nameless, recipe, random)
    return network


def _train(
    network: nn.Module,
    encode: Callable[[Sequence[Described]], Tensor],
    embeddings: Floats,
    described: Sequence[Described],
    recipe: Recipe,
    random: np.random.Generator,
) -> None:
    motion = torch.tensor(embeddings, dtype=torch.float32)
    facts = torch.tensor(np.array([as_vector(each.levels) for each in described]), dtype=torch.float32)
    styles = sorted({each.style for each in described if each.style is not None})
    style = torch.tensor([styles.index(each.style) if each.style is not None else -1 for each in described])
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    network.train()
    for _ in range(recipe.steps):
        chosen = random.choice(len(described), min(recipe.batch, len(described)), replace=False)
        said = [_said(described[index], random, recipe.named) for index in chosen]
        texts = encode(said)
        claims = torch.tensor(np.array([as_vector(each.levels) for each in said]), dtype=torch.float32)
        claimed = torch.tensor([styles.index(each.style) if each.style is not None else -1 for each in said])
        # True of a movement is a text whose every statement is.
        true = (claims @ facts[chosen].T >= claims.sum(dim=1, keepdim=True) - 0.5) & (
            (claimed[:, None] == style[chosen][None]) | (claimed[:, None] < 0)
        )
        loss = contrast(texts, motion[chosen], true, recipe.temperature)
        shares = true.float() / true.sum(dim=1, keepdim=True)
        centre = functional.normalize(shares @ motion[chosen], dim=1)
        loss = loss + recipe.pull * (1 - (texts * centre).sum(dim=1)).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()


def _said(each: Described, random: np.random.Generator, named: float) -> Described:
    """Return some of what is true of a movement."""
    name = each.style is not None and random.random() < named
    names = [attribute for attribute in NAMES if attribute in each.levels]
    count = int(random.integers(0 if name else 1, min(_LARGEST_SUBSET, len(names)) + 1))
    kept = {names[index] for index in random.choice(len(names), count, replace=False)}
    return Described({key: level for key, level in each.levels.items() if key in kept}, each.style if name else None)


def contrast(texts: Tensor, motion: Tensor, true: Tensor, temperature: float) -> Tensor:
    """Return InfoNCE both ways of texts (B, D) and movements (B, D), with `true` (B, B) what belongs together."""
    logits = texts @ motion.T / temperature
    either = []
    for scores, mask in ((logits, true), (logits.T, true.T)):
        positive = torch.logsumexp(scores.masked_fill(~mask, -torch.inf), dim=1)
        either.append((torch.logsumexp(scores, dim=1) - positive).mean())
    return (either[0] + either[1]) / 2


def export(network: TextNetwork, path: Path, motion: str = "") -> None:
    """Write a text encoder to `path` as ONNX; `motion` names the motion encoder it was trained for."""
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Attention asks for sizes while it is traced; they never change here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (padded([[1] * (LONGEST - 1)], LONGEST),),
            str(path),
            input_names=["words"],
            output_names=["embedding"],
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"vocabulary": json.dumps(list(network.vocabulary)), "motion": motion})
    onnx.save(model, path)
