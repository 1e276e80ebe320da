"""Training of the music encoder against the frozen motion encoder, and of the guess of the synchrony rate."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from dancecoach.assessment.hits import find_events
from dancecoach.assessment.motion_features import BEAT, RATE, MotionFeatures, beat_channels
from dancecoach.assessment.synchrony import measure
from dancecoach.training.assessment_data import Take, counts_at
from dancecoach.training.motion_network import FRAMES, Encoder
from dancecoach.training.music_network import Agreement, MusicNetwork, contrast, export_music
from dancecoach.training.pairs import Pair, read_pairs
from dancecoach.training.train_motion import Judge
from dancecoach.types import BeatGrid, Floats, PoseTrack

_log = logging.getLogger(__name__)
_STEPS = 72  # of the encoder in a window, 4.8 s
_LEAD = 60  # rows of music before a window
_BATCH = 24
_SHIFTS = (0.0, -0.25, 0.25, 0.1, -0.1, 0.4, 0.5)  # beats by which music is moved against motion

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sequence30:
    """A danced piece: `parts` (S, 5, C) without beats, `music` (V, T, 56) versions, `spans` of known synchrony."""

    name: str
    held_out: bool
    period: float
    parts: Array
    music: Array
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Steps `start` to `stop` of a motion whose music was moved by `shift` rows; its measured `msr`."""

    start: int
    stop: int
    shift: int
    parts: Array
    msr: float


def sequences_of(pairs: Path, takes: Sequence[Take], encoder: Encoder) -> list[Sequence30]:
    """Return every pair that has a motion, encoded."""
    by_name = {f"{take.corpus}-{take.name}": take for take in takes}
    found = []
    for pair in read_pairs(pairs):
        joints, held_out = _motion_of(pair, by_name)
        if joints is None or len(joints) < FRAMES * _STEPS + _LEAD:
            continue
        found.append(_sequence(pair, joints, held_out, encoder))
    return found


def _motion_of(pair: Pair, takes: dict[str, Take]) -> tuple[Floats | None, bool]:
    if pair.name in takes:
        return takes[pair.name].joints, takes[pair.name].held_out
    if pair.joints is None or pair.times is None:
        return None, pair.held_out
    places = np.arange(0.0, pair.times[-1] - pair.times[0], 1.0 / RATE) + pair.times[0]
    flat = pair.joints.reshape(len(pair.times), -1)
    even = np.stack([np.interp(places, pair.times, column) for column in flat.T], axis=1)
    return even.reshape(len(places), -1, 3), pair.held_out


def _sequence(pair: Pair, joints: Floats, held_out: bool, encoder: Encoder) -> Sequence30:
    count = min(len(joints), len(pair.features)) // FRAMES * FRAMES
    joints = joints[:count]
    features = MotionFeatures().block(joints, np.ones(joints.shape[:2]))
    track = PoseTrack(np.arange(count) / RATE, joints - joints[:, :1], joints[:, 0].copy(), np.ones(joints.shape[:2]))
    events = find_events(track)
    beats = pair.beats - pair.start
    period = float(np.median(np.diff(beats)))
    spans = []
    for shift in _SHIFTS:
        rows = round(shift * period * RATE)
        moved = beats + rows / RATE
        features[..., BEAT] = beat_channels(counts_at(moved, track.times, int(pair.counts[0]) - 1))[:, None]
        parts = _encoded(encoder, features)
        grid = BeatGrid(moved, pair.counts, 60.0 / period, 1.0)
        for first in range(0, len(moved) - 8, 4):
            start, stop = (math.floor(moved[each] * RATE / FRAMES) for each in (first, first + 8))
            if (
                start * FRAMES < _LEAD
                or stop > len(parts)
                or start * FRAMES - rows < _LEAD
                or stop * FRAMES - rows > count
            ):
                continue
            rate = measure(events, grid, first, 8).msr
            if rate is not None:
                spans.append(Span(start, stop, rows, parts[start:stop], float(np.clip(rate, -1, 1))))
    features[..., BEAT] = 0.0
    music = np.concatenate([pair.features[None], pair.alternatives])[:, :count]
    return Sequence30(pair.name, held_out, period, _encoded(encoder, features), music, tuple(spans))


def _encoded(encoder: Encoder, features: Array) -> Array:
    with torch.no_grad():
        return np.asarray(encoder(torch.from_numpy(features[None]))[1][0].numpy())


class _Windows:
    """Draws windows of motion and music, and of the same music earlier or later."""

    def __init__(self, sequences: Sequence[Sequence30], seed: int) -> None:
        self._sequences, self._rng = list(sequences), np.random.default_rng(seed)
        lengths = np.sqrt([len(each.parts) for each in self._sequences])
        self._weights = lengths / lengths.sum()

    def draw(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return parts (B, S, 5, C), music (B, T, 56) and shifted music (B, T, 56), with the lead-in."""
        rng = self._rng
        chosen = rng.choice(len(self._sequences), batch, p=self._weights, replace=batch > len(self._sequences))
        motions, heard, late = [], [], []
        for each in (self._sequences[int(index)] for index in chosen):
            rows = int(rng.choice((-1, 1)) * rng.uniform(0.2, 0.5) * each.period * RATE)
            margin = abs(rows) // FRAMES + 1
            low, high = _LEAD // FRAMES + margin, len(each.parts) - _STEPS - margin
            start = int(rng.integers(low, max(high, low + 1)))
            music = each.music[int(rng.integers(len(each.music)))]
            motions.append(each.parts[start : start + _STEPS])
            first, last = start * FRAMES - _LEAD, (start + _STEPS) * FRAMES
            heard.append(_rows(music, first, last))
            late.append(_rows(music, first - rows, last - rows))
        stacked = [torch.from_numpy(np.stack(each)) for each in (motions, heard, late)]
        return stacked[0], stacked[1], stacked[2]


def _rows(music: Array, first: int, last: int) -> Array:
    return music[np.clip(np.arange(first, last), 0, len(music) - 1)]


def _told(network: MusicNetwork, music: Tensor) -> Tensor:
    """Return the vectors of the steps after the lead-in."""
    vectors: Tensor = network(music)[0]
    return vectors[:, _LEAD + FRAMES - 1 :: FRAMES]


def train_music(
    pairs: Path, takes: Sequence[Take], judge: Judge, work: Path, out: Path, seed: int = 1, minutes: float = 4.0
) -> dict[str, Any]:
    """Train, write `music.onnx` and `msr.onnx` to `out`, figures on held-out takes to `work`; return them."""
    torch.manual_seed(seed)
    sequences = sequences_of(pairs, takes, judge.encoder.eval())
    training = [each for each in sequences if not each.held_out]
    aside = [each for each in sequences if each.held_out]
    network, agreement = MusicNetwork(), Agreement(judge.encoder.width)
    rows = np.concatenate([each.music.reshape(-1, each.music.shape[2]) for each in training])
    network.get_buffer("mean").copy_(torch.from_numpy(rows.mean(axis=0)))
    network.get_buffer("scale").copy_(torch.from_numpy(np.maximum(rows.std(axis=0), 0.02)))
    optimiser = torch.optim.AdamW([*network.parameters(), *agreement.motion.parameters()], lr=2e-3, weight_decay=5e-2)
    windows = _Windows(training, seed)
    started, steps, mean = time.monotonic(), 0, 0.0
    while (spent := (time.monotonic() - started) / (60.0 * minutes)) < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (steps + 1) / 30) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
        motion, music, late = windows.draw(_BATCH)
        loss = contrast(agreement.motion(motion), _told(network, music), _told(network, late))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        mean += (float(loss.detach()) - mean) * max(0.05, 1 / steps)
        if steps % 100 == 0:
            _log.info("music: %d steps, loss %.3f", steps, mean)
    network.eval()
    _train_rate(agreement, network, training, seed)
    agreement.eval()
    export_music(network, agreement, out)
    figures = {**_retrieval(network, agreement, aside, seed), **_rates(agreement, network, aside)}
    document = {
        "steps": steps,
        "minutes": minutes,
        "sequences": len(training),
        "held_out": len(aside),
        "figures": figures,
    }
    (work / "music.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    _log.info("music: %s", figures)
    return document


def _spans(network: MusicNetwork, sequences: Sequence[Sequence30]) -> list[tuple[Tensor, Tensor, float]]:
    """Return (parts (1, S, 5, C), music (1, S, 64), msr) of all spans."""
    found = []
    for each in sequences:
        with torch.no_grad():
            heard = network(torch.from_numpy(each.music[:1]))[0]
        for span in each.spans:
            rows = np.arange(span.start, span.stop) * FRAMES + FRAMES - 1 - span.shift
            vectors = heard[:, np.clip(rows, 0, heard.shape[1] - 1)]
            found.append((torch.from_numpy(span.parts[None]), vectors, span.msr))
    return found


def _train_rate(agreement: Agreement, network: MusicNetwork, training: Sequence[Sequence30], seed: int) -> None:
    spans = _spans(network, training)
    rng = np.random.default_rng(seed)
    for parameter in agreement.motion.parameters():
        parameter.requires_grad_(False)
    optimiser = torch.optim.AdamW(agreement.head.parameters(), lr=2e-3, weight_decay=5e-2)
    agreement.train()
    agreement.motion.eval()
    by_length: dict[int, list[int]] = {}
    for index, span in enumerate(spans):
        by_length.setdefault(span[0].shape[1], []).append(index)
    for _ in range(12):
        for members in sorted(by_length.values(), key=lambda _: float(rng.random())):
            order = rng.permutation(members)
            for start in range(0, len(order) - 1, 32):
                batch = [spans[int(each)] for each in order[start : start + 32]]
                if len(batch) < 4:
                    continue
                guess, _ = agreement(torch.cat([b[0] for b in batch]), torch.cat([b[1] for b in batch]))
                loss = ((guess - torch.tensor([b[2] for b in batch])) ** 2).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()


def _retrieval(
    network: MusicNetwork, agreement: Agreement, aside: Sequence[Sequence30], seed: int
) -> dict[str, float]:
    """Return how often the right music agrees better than the same music moved, and than other music."""
    windows = _Windows(aside, seed + 1)
    moved, other = [], []
    with torch.no_grad():
        for _ in range(12):
            motion, music, late = windows.draw(_BATCH)
            danced, heard, wrong = agreement.motion(motion), _told(network, music), _told(network, late)
            own = (danced * heard).sum(dim=2).mean(dim=1)
            moved.append((own > (danced * wrong).sum(dim=2).mean(dim=1)).float().mean())
            table = torch.einsum("bsd,csd->bc", danced, heard) / danced.shape[1]
            other.append(((table < own[:, None]).float().sum(dim=1) / (len(own) - 1)).mean())
    return {
        "agrees better than the same music a fifth to half a beat off": float(torch.stack(moved).mean()),
        "agrees better than other windows (share)": float(torch.stack(other).mean()),
    }


def _rates(agreement: Agreement, network: MusicNetwork, aside: Sequence[Sequence30]) -> dict[str, float]:
    spans = _spans(network, aside)
    with torch.no_grad():
        said = np.array([float(agreement(parts, music)[0]) for parts, music, _ in spans])
    true = np.array([span[2] for span in spans])
    return {
        "MSR: mean squared error": float(((said - true) ** 2).mean()),
        "MSR: variance of the truth": float(true.var()),
        "MSR: rank correlation": float(spearmanr(said, true).statistic),
        "MSR: spans": float(len(true)),
    }
