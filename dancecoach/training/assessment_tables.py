"""Comparisons in small: encoders and contrastive losses, points or grades, modalities, with and without prompts.

Every training is short and on the same clips, so the rows compare with each other and with nothing else.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.training.assessment_data import STYLES
from dancecoach.training.assessment_heads import UNIT, Said
from dancecoach.training.evaluate_assessment import classification
from dancecoach.training.motion_network import ENCODERS
from dancecoach.training.train_motion import Judge, Pool, Recipe, even, read_pool, train, weights_of

_log = logging.getLogger(__name__)
_SHARDS = 12  # of the training pool, that the comparisons are trained on
_MODALITIES = "Modalities, on takes that have music: nearly all are salsa, so style says nothing here"
_WORDS = {
    "salsa": (
        "a couple dance to fast latin music with steps on one two three and five six seven",
        "salsa with turns",
    ),
    "modern": ("modern dance and ballet with arabesque jete and pirouette", "slow expressive modern dance"),
    "indian": ("classical indian dance with stamping feet and shaped hands", "indian dance with bent knees"),
    "not dancing": ("somebody walks runs or plays ball", "everyday movement that is no dance"),
}

Array = NDArray[np.float32]


def make_tables(work: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Train and measure every row on the clips in `work`, `minutes` each; write them there."""
    pool, test = read_pool(work / "train", _SHARDS), read_pool(work / "test")
    path = work / "tables.json"
    tables: dict[str, Any] = {"Encoders and contrastive losses, motion only": [], "Points or grades": []}
    best: Judge | None = None
    for kind in ENCODERS:
        for contrast in ("supcon", "infonce"):
            recipe = Recipe(minutes=minutes, kind=kind, contrast=contrast, seed=seed)
            judge = train(pool, test, recipe, work / f"table-{kind}-{contrast}.pt")
            said = _said(judge, test)
            size = sum(each.numel() for each in judge.encoder.parameters())
            row: dict[str, Any] = {"encoder": kind, "loss": contrast, "parameters": f"{size / 1e3:.0f} k"}
            row |= _style_figures(said, test) | _quality_figures(said.quality, said.log_variance, test)
            tables["Encoders and contrastive losses, motion only"].append(row)
            _log.info("%s", row)
            if contrast == "supcon":
                graded = _quality_figures(said.graded, None, test)
                tables["Points or grades"].append({"encoder": kind, "head": "points", **_few(row)})
                tables["Points or grades"].append({"encoder": kind, "head": "grades, coarse to fine", **_few(graded)})
            if kind == "st-gcn" and contrast == "supcon":
                best = judge
            path.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    assert best is not None
    tables["Style with and without prompts, on the frozen graph encoder"] = _prompts(best, pool, test, seed)
    if (work / "music_train").is_dir():
        tables[_MODALITIES] = _modalities(best, work, seed)
    path.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    return tables


def _few(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("MSE", "SRCC", "rMSE %")}


def _said(judge: Judge, pool: Pool) -> Said:
    """Return what is said of all clips."""
    judge.eval()
    found: dict[str, list[Tensor]] = defaultdict(list)
    with torch.no_grad():
        for start in range(0, len(pool), 32):
            index = np.arange(start, min(start + 32, len(pool)))
            longest = even(pool.length[index])
            features = torch.from_numpy(pool.features[index, :longest].astype(np.float32))
            said = judge(features, weights_of(pool.length[index], longest))
            for name in Said.__slots__:
                found[name].append(getattr(said, name))
    return Said(**{name: torch.cat(each) for name, each in found.items()})


def _style_figures(said: Said, pool: Pool) -> dict[str, float]:
    return _by_take(torch.softmax(said.styles, dim=1).numpy(), pool)


def _by_take(probabilities: NDArray[np.floating[Any]], pool: Pool) -> dict[str, float]:
    """Return accuracy, precision, recall and F1 of style, each take judged by the mean over its clips."""
    true, found = [], []
    style = pool.truth.style.numpy()
    for name in np.unique(pool.take[style >= 0]):
        mine = pool.take == name
        true.append(STYLES[int(style[mine][0])])
        found.append(STYLES[int(probabilities[mine].mean(axis=0).argmax())])
    return classification(true, found)


def _quality_figures(quality: Tensor, log_variance: Tensor | None, pool: Pool) -> dict[str, float]:
    true, said = pool.truth.quality.numpy(), quality.numpy()
    error = said - true
    result = {}
    if log_variance is not None:
        variance = UNIT**2 * np.exp(log_variance.numpy())
        result["NLL"] = float((0.5 * np.log(2 * np.pi * variance) + error**2 / (2 * variance)).mean())
    result["MSE"] = float((error**2).mean())
    result["SRCC"] = float(spearmanr(said, true).statistic)
    result["rMSE %"] = float(100 * ((error / np.ptp(true)) ** 2).mean())
    return result


def _vectors(judge: Judge, pool: Pool) -> Array:
    """Return the hidden numbers (N, 10 C) that heads are given."""
    from dancecoach.training.train_motion import encode

    return np.ascontiguousarray(encode(judge, pool)[0][:, 0, : 10 * judge.encoder.width])


class _Text(nn.Module):
    """A small transformer over the words of a description."""

    def __init__(self, words: int, size: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(words, size, padding_idx=0)
        layer = nn.TransformerEncoderLayer(size, 4, 2 * size, dropout=0.1, batch_first=True)
        self.core = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return unit vectors (P, 64) of tokens (P, W)."""
        seen = (tokens > 0).float()[..., None]
        hidden = self.core(self.words(tokens), src_key_padding_mask=tokens == 0) * seen
        return functional.normalize(hidden.sum(dim=1) / seen.sum(dim=1), dim=1)


def _prompts(judge: Judge, pool: Pool, test: Pool, seed: int) -> list[dict[str, Any]]:
    """Return figures of style with text prompts, and with a learned vector for each style instead."""
    texts = [(STYLES.index(style), text.split()) for style, both in _WORDS.items() for text in both]
    vocabulary = {word: n for n, word in enumerate(sorted({word for _, words in texts for word in words}), 1)}
    longest = max(len(words) for _, words in texts)
    tokens = torch.tensor([[vocabulary[w] for w in words] + [0] * (longest - len(words)) for _, words in texts])
    owner = torch.tensor([style for style, _ in texts])
    inputs, judged = torch.from_numpy(_vectors(judge, pool)), torch.from_numpy(_vectors(judge, test))
    mean, scale = inputs.mean(dim=0), inputs.std(dim=0).clamp(min=0.02)
    inputs, judged = (inputs - mean) / scale, (judged - mean) / scale
    known = torch.nonzero(pool.truth.style >= 0)[:, 0]
    rows = []
    for prompts in (False, True):
        torch.manual_seed(seed)
        motion = nn.Sequential(nn.Dropout(0.3), nn.Linear(inputs.shape[1], 64), nn.GELU(), nn.Linear(64, 64))
        text = _Text(len(vocabulary) + 1)
        vectors = nn.Parameter(torch.randn(len(STYLES), 64) * 0.1)
        chosen = [*motion.parameters(), *(text.parameters() if prompts else [vectors])]
        optimiser = torch.optim.AdamW(chosen, lr=2e-3, weight_decay=5e-2)

        def logits(
            x: Tensor,
            motion: nn.Module = motion,
            text: nn.Module = text,
            vectors: Tensor = vectors,
            p: bool = prompts,
        ) -> Tensor:
            placed = functional.normalize(motion(x), dim=1)
            if not p:
                return placed @ functional.normalize(vectors, dim=1).T / 0.1
            each = placed @ text(tokens).T / 0.1
            return torch.stack([each[:, owner == style].mean(dim=1) for style in range(len(STYLES))], dim=1)

        generator = torch.Generator().manual_seed(seed)
        for _ in range(500):
            index = known[torch.randint(len(known), (128,), generator=generator)]
            loss = functional.cross_entropy(logits(inputs[index]), pool.truth.style[index])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        motion.eval()
        text.eval()
        with torch.no_grad():
            probabilities = torch.softmax(logits(judged), dim=1).numpy()
        rows.append({"prompts": "text" if prompts else "learned vectors", **_by_take(probabilities, test)})
    return rows


def _modalities(judge: Judge, work: Path, seed: int) -> list[dict[str, Any]]:
    """Return figures of heads on motion, on music, and on both; quality and style of takes that have music."""
    pools = [read_pool(work / name, music=True) for name in ("music_train", "music_test")]
    rows = []
    danced = [_vectors(judge, pool) for pool in pools]
    heard = [_heard(pool) for pool in pools]
    for name, parts in {
        "motion": (danced,),
        "music": (heard,),
        "motion and music": (danced, heard),
    }.items():
        inputs = [torch.from_numpy(np.concatenate([part[side] for part in parts], axis=1)) for side in (0, 1)]
        mean, scale = inputs[0].mean(dim=0), inputs[0].std(dim=0).clamp(min=0.02)
        first, second = (((each - mean) / scale).clamp(-5, 5) for each in inputs)
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(first.shape[1], 96), nn.GELU(), nn.Dropout(0.2), nn.Linear(96, 2 + len(STYLES))
        )
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=5e-2)
        truth = pools[0].truth
        generator = torch.Generator().manual_seed(seed)
        for _ in range(1200):
            index = torch.randint(len(first), (128,), generator=generator)
            out = model(first[index])
            spread = out[:, 1].clamp(-5, 3)
            error = truth.quality[index] / UNIT - 8.0 - out[:, 0]
            loss = (error**2 / (2 * torch.exp(spread)) + 0.5 * spread).mean()
            style = truth.style[index]
            if bool((style >= 0).any()):
                loss = loss + functional.cross_entropy(out[style >= 0, 2:], style[style >= 0])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            out = model(second)
        row: dict[str, Any] = {"modality": name}
        row |= _by_take(torch.softmax(out[:, 2:], dim=1).numpy(), pools[1])
        row |= _quality_figures(UNIT * (out[:, 0] + 8.0), out[:, 1].clamp(-5, 3), pools[1])
        rows.append(row)
    return rows


def _heard(pool: Pool) -> Array:
    """Return mean and deviation (N, 112) of the music of each clip."""
    assert pool.music is not None
    rows = [music[:frames].astype(np.float32) for music, frames in zip(pool.music, pool.length, strict=True)]
    return np.stack([np.concatenate([each.mean(axis=0), each.std(axis=0)]) for each in rows])
