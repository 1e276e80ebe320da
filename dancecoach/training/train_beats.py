"""Training of the beat network on rendered excerpts."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dancecoach.perception.spectral_features import BANDS, FRAMES_PER_SECOND, SHORT_BANDS, normalise
from dancecoach.training.beat_data import Excerpt
from dancecoach.training.beat_network import (
    BEAT,
    CHANNELS,
    DELAY,
    DOWNBEAT,
    FASTEST,
    MUSIC,
    SLOWEST,
    TEMPI,
    BeatNetwork,
)
from dancecoach.types import Floats

_log = logging.getLogger(__name__)
Array = NDArray[np.float32]
# Short crops first: more of them fit into a minute; long ones teach what to remember.
_SHORT_CROP, _LONG_CROP, _SHORT_SHARE = 500, 1500, 0.3  # frames, frames, share of the time
_TEMPO_WEIGHT, _MUSIC_WEIGHT = 0.05, 0.15
_STRETCHED, _STRETCH = 0.5, 0.15  # share of crops played faster or slower, and by how much at most (logarithm)
_NOISE_FRAMES = 40_000  # of noise that is drawn once and cut from
_FIRST_PART = (0.23, 0.7)  # of a crop that is two pieces in a row
_SILENT, _LONGEST_GAP, _SILENCE = 0.3, 200, -10.0  # share with a gap between them, its frames, its log magnitude
_LEVELS = 0.3  # by how much the second is louder or softer, standard deviation of the log magnitude
_UNKNOWN = -1  # tempo class, or downbeat, where none can be told


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: `minutes` of work, `rooms` whether the views in a room are used, `causal` or not.

    `in_a_row` is the share of long crops that are two pieces in a row: they teach to forget what was before.
    """

    minutes: float = 60.0
    frames: int = 16_000  # in a batch
    rate: float = 5e-3
    rooms: bool = True
    causal: bool = True
    channels: int = CHANNELS
    seed: int = 1
    in_a_row: float = 0.0


def targets(
    excerpt: Excerpt, start: float = 0.0, frames: int | None = None, speed: float = 1.0, delay: int = DELAY
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return activations (T, 3) of beat, downbeat and music, and tempo classes (T,), −1 where there is none.

    They are those of `frames` frames (by default all) from `start` on, the excerpt played `speed` times as fast.
    """
    frames = excerpt.views.shape[1] if frames is None else frames
    wanted = np.zeros((frames, 3), dtype=np.float32)
    tempo = np.full(frames, _UNKNOWN, dtype=np.int64)
    at = (excerpt.beats * FRAMES_PER_SECOND - start) / speed + delay
    for column, chosen in ((BEAT, at), (DOWNBEAT, at[excerpt.bars == 1])):
        for offset in (-1, 0, 1, 2):
            frame = np.floor(chosen).astype(np.intp) + offset
            # A beat counts fully on its frame and fades to nothing a frame and a half away.
            strength = np.clip(1.5 - np.abs(frame - chosen), 0.0, 1.0)
            inside = (frame >= 0) & (frame < frames)
            np.maximum.at(wanted[:, column], frame[inside], strength[inside].astype(np.float32))
    if np.isnan(excerpt.bars).any():
        wanted[:, DOWNBEAT] = _UNKNOWN
    heard = excerpt.music[np.minimum(_places(start, frames, speed).astype(np.intp), len(excerpt.music) - 1)]
    wanted[:, MUSIC] = heard
    if len(excerpt.beats) > 2:
        intervals = np.diff(excerpt.beats) / speed
        index = np.clip(np.searchsorted(at, np.arange(frames)) - 1, 0, len(intervals) - 1)
        position = np.log(60.0 / intervals[index] / SLOWEST) / math.log(FASTEST / SLOWEST) * (TEMPI - 1)
        valid = (position >= 0) & (position <= TEMPI - 1) & heard
        tempo[valid] = np.round(position[valid]).astype(np.int64)
    return wanted, tempo


def _places(start: float, frames: int, speed: float) -> Floats:
    """Return the frames (T,) of an excerpt that are heard when it is played `speed` times as fast."""
    return start + speed * np.arange(frames)


class Batches:
    """Random crops of the excerpts at random speeds with random colour, masking and foreign sound."""

    def __init__(self, excerpts: list[Excerpt], recipe: Recipe) -> None:
        self._excerpts = excerpts
        self._foreign = [excerpt for excerpt in excerpts if not len(excerpt.beats)]
        self._recipe = recipe
        self._rng = np.random.default_rng(recipe.seed)
        self._noise = self._rng.standard_normal((_NOISE_FRAMES, BANDS), dtype=np.float32)
        self.crop = _SHORT_CROP

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield features (B, T, 176), activations (B, T, 3) and tempo classes (B, T), without end."""
        while True:
            order = list(self._rng.permutation(len(self._excerpts)))
            while len(order) >= (size := min(len(self._excerpts), max(1, self._recipe.frames // self.crop))):
                crop = self.crop
                chosen = [self._one(int(order.pop()), crop) for _ in range(size)]
                features, wanted, tempo = zip(*chosen, strict=True)
                yield (
                    torch.from_numpy(np.stack(features)),
                    torch.from_numpy(np.stack(wanted)),
                    torch.from_numpy(np.stack(tempo)),
                )

    def _one(self, index: int, crop: int) -> tuple[Array, Array, NDArray[np.int64]]:
        rng = self._rng
        if crop == _LONG_CROP and rng.random() < self._recipe.in_a_row:
            bands, wanted, tempo = self._two(index, int(rng.integers(len(self._excerpts))), crop)
        else:
            bands, wanted, tempo = self._cut(index, crop)
        if self._foreign and rng.random() < 0.15:
            other = self._foreign[int(rng.integers(len(self._foreign)))].views
            begin = int(rng.integers(0, other.shape[1] - crop + 1))
            other_bands = other[int(rng.integers(len(other))), begin : begin + crop].astype(np.float32)
            below = rng.uniform(0.5, 3.5) + (other_bands.mean() - bands.mean())
            bands = np.logaddexp(2 * bands, 2 * (other_bands - np.float32(below))) / 2
        begin = int(rng.integers(0, _NOISE_FRAMES - crop + 1))
        bands = coloured(bands, self._noise[begin : begin + crop], rng)
        features = normalise(bands)
        if rng.random() < 0.3:  # somebody talks, a band is not there
            low = int(rng.integers(0, SHORT_BANDS))
            width = int(rng.integers(2, 12))
            for offset in (0, BANDS):
                features[:, offset + low : offset + min(low + width, SHORT_BANDS)] = 0.0
        return features, wanted, tempo

    def _cut(self, index: int, frames: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Return bands (T, 88), activations and tempo classes of a piece of an excerpt, at a random speed."""
        rng, excerpt = self._rng, self._excerpts[index]
        view = int(rng.integers(len(excerpt.views))) if self._recipe.rooms else 0
        start, speed = random_crop(excerpt, frames, rng)
        return played(excerpt.views[view], start, frames, speed), *targets(excerpt, start, frames, speed)

    def _two(self, old: int, new: int, crop: int) -> tuple[Array, Array, NDArray[np.int64]]:
        """Return what `_cut` does of two excerpts in a row, some with silence between them."""
        rng = self._rng
        first = round(rng.uniform(*_FIRST_PART) * crop)
        gap = int(rng.integers(min(_LONGEST_GAP, (crop - first) // 3))) if rng.random() < _SILENT else 0
        before, after = self._cut(old, first), self._cut(new, crop - first - gap)
        return (
            in_a_row(before[0], after[0], gap, rng),
            np.concatenate([before[1], np.zeros((gap, 3), dtype=np.float32), after[1]]),
            np.concatenate([before[2], np.full(gap, _UNKNOWN), after[2]]),
        )


def random_crop(excerpt: Excerpt, frames: int, rng: np.random.Generator) -> tuple[int, float]:
    """Return the first frame, and the speed, of a random piece that lasts `frames` frames when it is played."""
    length = excerpt.views.shape[1]
    speed = 1.0
    if rng.random() < _STRETCHED and len(excerpt.beats):
        speed = min(float(np.exp(rng.uniform(-_STRETCH, _STRETCH))), (length - 2) / frames)
    return int(rng.integers(0, length - math.ceil(frames * speed) + 1)), speed


def in_a_row(old: Array, new: Array, gap: int, rng: np.random.Generator) -> Array:
    """Return bands (T, 88) of two pieces about as loud, with `gap` frames of silence between them."""
    louder = np.float32(old.mean() - new.mean() + rng.normal(0, _LEVELS))
    silence = (_SILENCE + rng.normal(0, 0.3, (gap, BANDS))).astype(np.float32)
    return np.concatenate([old, silence, new + louder])


def played(view: NDArray[np.float16], start: int, frames: int, speed: float) -> NDArray[np.float32]:
    """Return bands (T, 88) of `view` from frame `start` on, played `speed` times as fast."""
    if speed == 1.0:
        return view[start : start + frames].astype(np.float32)
    places = _places(start, frames, speed)
    low = places.astype(np.intp)
    share = (places - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, len(view) - 1)
    return np.asarray((1 - share) * view[low] + share * view[high], dtype=np.float32)


def _ahead(batches: Batches) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the batches, made in a thread of their own."""
    ready: queue.Queue[tuple[Tensor, Tensor, Tensor]] = queue.Queue(maxsize=3)
    over = threading.Event()

    def make() -> None:
        for batch in batches:
            while not over.is_set():
                with contextlib.suppress(queue.Full):
                    ready.put(batch, timeout=0.5)
                    break
            if over.is_set():
                return

    thread = threading.Thread(target=make, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            yield ready.get()
    finally:
        over.set()
        thread.join()


def coloured(bands: NDArray[np.float32], noise: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return bands through a random smooth filter and level, moved in pitch, with `noise` (T, 88) below them."""
    shift = int(rng.integers(-2, 3))
    if shift:
        for part in (slice(0, SHORT_BANDS), slice(SHORT_BANDS, BANDS)):
            moved = np.roll(bands[:, part], shift, axis=1)
            edge = slice(0, shift) if shift > 0 else slice(shift, None)
            moved[:, edge] = moved[:, shift : shift + 1] if shift > 0 else moved[:, shift - 1 : shift]
            bands = bands.copy()
            bands[:, part] = moved
    curve = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 8), rng.normal(0, 0.6, 8))
    bands = bands + np.asarray(curve + rng.normal(0, 1.0), dtype=np.float32)
    floor = np.asarray(rng.uniform(-11.0, -5.5) + rng.normal(0, 0.5, BANDS), dtype=np.float32)
    return np.asarray(np.logaddexp(2 * bands, 2 * (floor + np.float32(0.25) * noise)) / 2, dtype=np.float32)


def loss_of(logits: Tensor, wanted: Tensor, tempo: Tensor) -> Tensor:
    """Return the loss of `logits` (B, 67, T)."""
    activations = logits[:, :3].transpose(1, 2)
    each = functional.binary_cross_entropy_with_logits(activations, wanted.clamp(min=0.0), reduction="none")
    # Where a beat is matters more than where none is; the third output is about every frame.
    weight = torch.where(wanted < 0, 0.0, 1.0 + 2.0 * wanted)
    beats = (each[..., :2] * weight[..., :2]).mean(dim=(0, 1)).sum()
    loss = beats + _MUSIC_WEIGHT * each[..., MUSIC].mean()
    known = tempo >= 0
    if bool(known.any()):
        classes = logits[:, 3:].transpose(1, 2)[known]
        loss = loss + _TEMPO_WEIGHT * functional.cross_entropy(classes, tempo[known], label_smoothing=0.1)
    return loss


def train(
    excerpts: list[Excerpt], validation: list[Excerpt], recipe: Recipe, out: Path, start: Path | None = None
) -> BeatNetwork:
    """Train for `recipe.minutes`, write weights and the course of training to `out`, return the averaged network.

    With weights to `start` from, no short crops are used: what they teach is known.
    """
    torch.manual_seed(recipe.seed)
    network = BeatNetwork(recipe.causal, recipe.channels)
    short_share = _SHORT_SHARE if start is None else 0.0
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True))
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-2)
    started = time.monotonic()
    course: list[dict[str, float]] = []
    mean, reported = 0.0, started
    averaged = average.module
    assert isinstance(averaged, BeatNetwork)
    batches = Batches(excerpts, recipe)
    batches.crop = _SHORT_CROP if start is None else _LONG_CROP
    for steps, (features, wanted, tempo) in enumerate(_ahead(batches), start=1):
        spent = (time.monotonic() - started) / (60.0 * recipe.minutes)
        batches.crop = _SHORT_CROP if spent < short_share else _LONG_CROP
        if spent >= 1.0:
            break
        warm = min(1.0, steps / 100)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent)))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(features)
        loss = loss_of(logits.float(), wanted, tempo)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(network)
        mean += (float(loss.detach()) - mean) * max(0.02, 1 / steps)
        if time.monotonic() - reported > 60:
            reported = time.monotonic()
            course.append({"minutes": (reported - started) / 60, "steps": steps, "loss": mean})
            if len(course) % 5 == 0:
                course[-1]["validation"] = validate(averaged, validation)
            _log.info("%s", json.dumps(course[-1]))
            _save(averaged, recipe, course, out)
    _save(averaged, recipe, course, out)
    return averaged.eval()


def _averaged(mean: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """Return the running mean of the weights, over few steps at first."""
    keep = min(0.998, (1.0 + float(count)) / (10.0 + float(count)))
    return mean * keep + new * (1.0 - keep)


def validate(network: BeatNetwork, excerpts: list[Excerpt]) -> float:
    """Return the mean loss on whole excerpts, both views."""
    network.eval()
    losses = []
    with torch.no_grad():
        for excerpt in excerpts:
            wanted, tempo = targets(excerpt)
            for view in excerpt.views:
                features = torch.from_numpy(normalise(view.astype(np.float32)))[None]
                logits = network(features)
                losses.append(float(loss_of(logits, torch.from_numpy(wanted)[None], torch.from_numpy(tempo)[None])))
    network.train()
    return float(np.mean(losses))


def activations(network: BeatNetwork, bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the network says of `bands` (T, 88): (T, 67) probabilities."""
    return heard_by(network, bands)[1]


def heard_by(network: BeatNetwork, bands: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the inputs (T, C) of the network's last layer, and what it says of `bands` (T, 88), (T, 67)."""
    network.eval()
    kept: list[Tensor] = []
    last = network.blocks[-1]
    hook = last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[1][0].T))
    with torch.no_grad():
        logits = network(torch.from_numpy(normalise(bands))[None])[0].T
    hook.remove()
    out = torch.cat([torch.sigmoid(logits[:, :3]), torch.softmax(logits[:, 3:], dim=1)], dim=1)
    return kept[0].numpy(), out.numpy()


def _save(network: BeatNetwork, recipe: Recipe, course: list[dict[str, float]], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), out)
    out.with_suffix(".json").write_text(json.dumps({"recipe": asdict(recipe), "course": course}, indent=1))


def mean_of(networks: Sequence[BeatNetwork], path: Path) -> BeatNetwork:
    """Return the network whose weights are the mean of those of `networks`, and write them to `path`.

    Of networks trained on from one another, the mean keeps what each does well (Wortsman et al., "Robust fine-tuning
    of zero-shot models", CVPR 2022).
    """
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }
    network = BeatNetwork(networks[0].causal, mean["heads.weight"].shape[1])
    network.load_state_dict(mean)
    torch.save(mean, path)
    return network.eval()


def load(path: Path, recipe: Recipe) -> BeatNetwork:
    """Return the network whose weights lie at `path`."""
    network = BeatNetwork(recipe.causal, recipe.channels)
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()
