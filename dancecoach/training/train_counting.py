"""Training of the counting network on what the beat tracker makes of excerpts that its network has not learned.

A network hears the pieces it was trained on more clearly than any others, so these are others. Each is heard several
times: once as the tracker follows it, with its mistakes, and with beats made from the true ones: right, twice as
fast, half as fast, off the beat. A third are two pieces in a row, so that the old one is learned to be forgotten.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dancecoach.perception.beat_model import BeatModel, activation_of
from dancecoach.perception.beats import ANNOUNCE_AHEAD, StreamingBeatTracker
from dancecoach.perception.counting import HALF, KINDS, OFF_BEAT, OFF_TWICE, ON_TWICE, OTHER, PLACES, Counting
from dancecoach.perception.following import METRES, Sound
from dancecoach.perception.neural_following import Decoder
from dancecoach.perception.spectral_features import BANDS, FRAMES_PER_SECOND, SHORT_BANDS, SHORT_WINDOW, normalise
from dancecoach.training.beat_data import Excerpt
from dancecoach.training.beat_network import BeatNetwork
from dancecoach.training.counting_network import CountingNetwork
from dancecoach.training.train_beats import coloured, heard_by, in_a_row, played, random_crop
from dancecoach.types import Floats

UNKNOWN, RIGHT = -1, -2  # kinds of beats of which nothing, or only that they are right, is known
_SECONDS = 38.0  # of a programme
_SPLICED, _GAP = 0.35, 0.4  # share of programmes of two pieces; share of these with a gap between them
_FIRST_PART = (8.0, 20.0)  # s
_LONGEST_GAP = 4.0  # s
_FROM_THE_START = 0.35  # share of crops that begin with the piece
_NOISE_FRAMES = 40_000
_TOLD = {"followed": 1.0, "right": 0.7, "twice": 0.35, "half": 0.3, "off": 0.3}  # weights of kinds of sequences
_JITTER = (0.002, 0.014)  # s, standard deviation of beats made from true ones
_OTHER_WEIGHT = 0.3
_BEATS, _BATCH = 64, 32  # of a sequence at once, sequences in a batch
_RATE, _LEAST_RATE, _DECAY, _NOISE = 2e-3, 2e-5, 0.3, 0.1
_AVERAGE = 0.01  # share of the newest weights in their running mean, which is what is kept
_PATIENCE = 0.06  # by how much the held-out loss may rise above its least before training ends

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Programme:
    """Music to follow: `bands` (T, 88), true `beats` (B,) s, `bars` (B,) numbers in bars of `sizes` (B,).

    `piece` (B,) number of the piece that a beat belongs to; `onsets` (2 T, 3) as in `Excerpt`, or None.
    """

    bands: Array
    beats: Floats
    bars: Floats
    sizes: NDArray[np.intp]
    piece: NDArray[np.intp]
    onsets: NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Beats in a row: `descriptions` (N, D), `renewed` (N,), `steps` (N,), `kinds` (N,); `weight` in the loss."""

    descriptions: Array
    renewed: Array
    steps: NDArray[np.intp]
    kinds: NDArray[np.intp]
    weight: float


class Programmes:
    """Makes programmes of excerpts: random crops, speeds and colours, one piece or two in a row."""

    def __init__(self, excerpts: Sequence[Excerpt], seed: int) -> None:
        self._excerpts = [excerpt for excerpt in excerpts if len(excerpt.beats) > 3]
        self._rng = np.random.default_rng(seed)
        self._noise = self._rng.standard_normal((_NOISE_FRAMES, BANDS), dtype=np.float32)

    def __iter__(self) -> Iterator[Programme]:
        """Yield one programme for every excerpt with beats."""
        rng = self._rng
        for number, excerpt in enumerate(self._excerpts):
            if len(self._excerpts) > 1 and rng.random() < _SPLICED:
                other = self._excerpts[(number + int(rng.integers(1, len(self._excerpts)))) % len(self._excerpts)]
                yield self._coloured(self._spliced(excerpt, other))
            else:
                yield self._coloured(self._crop(excerpt, _SECONDS))

    def _crop(self, excerpt: Excerpt, seconds: float) -> Programme:
        rng, length = self._rng, excerpt.views.shape[1]
        frames = min(round(seconds * FRAMES_PER_SECOND), length - 2)
        start, speed = random_crop(excerpt, frames, rng)
        if rng.random() < _FROM_THE_START:
            start = 0
        bands = played(excerpt.views[int(rng.integers(len(excerpt.views)))], start, frames, speed)
        beats = (excerpt.beats - start / FRAMES_PER_SECOND) / speed
        inside = (beats >= 0) & (beats < frames / FRAMES_PER_SECOND)
        count = int(inside.sum())
        return Programme(
            bands,
            beats[inside],
            excerpt.bars[inside],
            np.full(count, excerpt.beats_per_bar, dtype=np.intp),
            np.zeros(count, dtype=np.intp),
        )

    def _spliced(self, first: Excerpt, second: Excerpt) -> Programme:
        rng = self._rng
        old = self._crop(first, rng.uniform(*_FIRST_PART))
        new = self._crop(second, _FIRST_PART[1])
        frames = round(rng.uniform(0.2, _LONGEST_GAP) * FRAMES_PER_SECOND) if rng.random() < _GAP else 0
        begin = (len(old.bands) + frames) / FRAMES_PER_SECOND
        return Programme(
            in_a_row(old.bands, new.bands, frames, rng),
            np.concatenate([old.beats, new.beats + begin]),
            np.concatenate([old.bars, new.bars]),
            np.concatenate([old.sizes, new.sizes]),
            np.concatenate([old.piece, new.piece + 1]),
        )

    def _coloured(self, programme: Programme) -> Programme:
        frames = len(programme.bands)
        begin = int(self._rng.integers(0, _NOISE_FRAMES - frames + 1))
        return replace(programme, bands=coloured(programme.bands, self._noise[begin : begin + frames], self._rng))


class Notes:
    """Stands in for a counting network and writes down what it would be asked."""

    size = 1

    def __init__(self, tempi: Floats) -> None:
        self.tempi = tempi
        self.follow, self.begin = np.eye(KINDS), np.full(KINDS, 1.0 / KINDS)
        self.descriptions: list[Array] = []

    def run(self, description: Array, state: Array) -> tuple[Array, Array]:
        """Keep `description`."""
        self.descriptions.append(description)
        return np.zeros(KINDS, dtype=np.float32), state


class _Listener(Counting):
    """Writes down the beats it is told."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(notes)
        self.notes = notes
        self.rows: list[tuple[float, float, int, bool]] = []  # beat s, length s, steps, renewed before it
        self._renewed = True

    def renew(self) -> None:
        super().renew()
        self._renewed = True

    def step(self, time: float, interval: float, probability: float, steps: int) -> Floats | None:
        latest, known = self._beat, len(self.notes.descriptions)
        bars = super().step(time, interval, probability, steps)
        if latest is not None and len(self.notes.descriptions) > known:
            self.rows.append((latest[0], time - latest[0], latest[2], self._renewed))
            self._renewed = False
        return bars


def follow(model: BeatModel, sounds: Sequence[Sound], programme: Programme) -> Counted | None:
    """Return the beats that the tracker finds in a programme heard as `sounds`, None where it finds next to none."""
    level = np.sqrt(np.mean(np.exp(2.0 * programme.bands[:, :SHORT_BANDS].astype(np.float64)), axis=1))
    decoder = Decoder(model.tempi, model.delay, model.confidence, model.observations)
    listener = _Listener(Notes(model.tempi))
    tracker = StreamingBeatTracker.of_instants(decoder, listener)
    onsets = programme.onsets
    if onsets is not None:
        onsets = np.pad(onsets.astype(np.float64), ((2 * model.delay, 0), (0, 0)), constant_values=np.nan)
    for number, sound in enumerate(sounds):
        time = number / FRAMES_PER_SECOND
        halves = () if onsets is None else tuple(onsets[2 * number : 2 * number + 2])
        heard = activation_of(sound.out)
        tracker.take(decoder.step(heard, time, time + SHORT_WINDOW / 2, float(level[number]), halves, sound))
    return _sequence(listener, programme, _TOLD["followed"])


def recount(
    model: BeatModel, sounds: Sequence[Sound], programme: Programme, rng: np.random.Generator
) -> Counted | None:
    """Return beats made from the true ones of a programme of one piece, right or wrong in some way."""
    if len(programme.beats) < 10 or programme.piece.any():
        return None
    tempo = 60.0 / float(np.median(np.diff(programme.beats)))
    ways = {"right": 0.5, "off": 0.06}
    if 2 * tempo < 216:
        ways["twice"] = 0.3 if tempo < 100 else 0.12
    if tempo / 2 > 54:
        ways["half"] = 0.12
    shares = np.array(list(ways.values()))
    way = list(ways)[int(rng.choice(len(ways), p=shares / shares.sum()))]
    beats = programme.beats[int(rng.integers(0, min(9, len(programme.beats) - 8))) :]
    between = beats[:-1] + np.diff(beats) * rng.uniform(0.48, 0.52)
    if way == "twice":
        beats = np.sort(np.concatenate([beats, between]))[int(rng.integers(2)) :]
    elif way == "half":
        beats = beats[int(rng.integers(2)) :: 2]
    elif way == "off":
        beats = between
    beats = beats + rng.normal(0, rng.uniform(*_JITTER), len(beats)) + rng.normal(0, 0.01)
    beats = beats[beats > 0.7]
    listener = _Listener(Notes(model.tempi))
    probabilities = rng.beta(6, 1.5, len(beats))
    ahead = rng.uniform(0.06, ANNOUNCE_AHEAD, len(beats))
    number = 0
    for frame, sound in enumerate(sounds):
        now = frame / FRAMES_PER_SECOND
        listener.hear(sound, now - model.delay / FRAMES_PER_SECOND)
        while number < len(beats) and beats[number] - ahead[number] <= now:
            interval = float(np.median(np.diff(beats[max(0, number - 3) : number + 2])))
            listener.step(float(beats[number]), interval, float(probabilities[number]), 1)
            number += 1
    return _sequence(listener, programme, _TOLD[way])


def _sequence(listener: _Listener, programme: Programme, weight: float) -> Counted | None:
    if len(listener.rows) < 5:
        return None
    times, lengths, steps, renewed = (np.array(column) for column in zip(*listener.rows, strict=True))
    return Counted(
        np.array(listener.notes.descriptions),
        renewed.astype(np.float32),
        np.minimum(steps, 2).astype(np.intp),
        kinds_of(times, lengths, programme),
        weight,
    )


def kinds_of(times: Floats, lengths: Floats, programme: Programme) -> NDArray[np.intp]:
    """Return the kind (N,) of each beat at `times`, `lengths` s long; `UNKNOWN` where there is no true beat."""
    kinds = np.full(len(times), UNKNOWN, dtype=np.intp)
    beats = programme.beats
    if len(beats) < 4:
        return kinds
    for number, (time, length) in enumerate(zip(times, lengths, strict=True)):
        nearest = int(np.argmin(np.abs(beats - time)))
        around = [
            each
            for each in (nearest - 1, nearest, nearest + 1)
            if 0 <= each < len(beats) and programme.piece[each] == programme.piece[nearest]
        ]
        if len(around) < 2 or not beats[0] - 0.1 <= time <= beats[-1] + 0.1:
            continue
        true = float(np.median(np.diff(beats[around])))
        away = abs(beats[nearest] - time) / true
        if true > 2.0 or away > 0.6:
            continue
        kinds[number] = _kind(np.log2(length / true), away, programme, nearest)
    return kinds


def _kind(octaves: float, away: float, programme: Programme, nearest: int) -> int:
    """Return the kind of a beat `octaves` slower than the true ones, `away` beats from the `nearest` of them."""
    if abs(octaves) < 0.2:
        if away >= 0.17:
            return OFF_BEAT if away > 0.36 else OTHER
        size, place = int(programme.sizes[nearest]), programme.bars[nearest]
        if np.isnan(place) or size not in METRES:
            return RIGHT
        return sum(METRES[: METRES.index(size)]) + int(place) - 1
    if abs(octaves + 1.0) < 0.25:
        return ON_TWICE if away < 0.15 else OFF_TWICE if away > 0.35 else OTHER
    if abs(octaves - 1.0) < 0.25 and away < 0.2:
        return HALF
    return OTHER


def hear(network: BeatNetwork, programme: Programme) -> list[Sound]:
    """Return what `network` hears in each frame of a programme."""
    hidden, out = heard_by(network, programme.bands)
    return [Sound(*rows) for rows in zip(hidden, out, normalise(programme.bands), strict=True)]


def material(
    network: BeatNetwork,
    model: BeatModel,
    excerpts: Sequence[Excerpt],
    out: TextIO,
    passes: int = 3,
    seed: int = 1,
) -> list[Counted]:
    """Return sequences of beats: in one pass through the excerpts followed, in `passes` made from the true beats.

    Without `passes` there is only the former.
    """
    found: list[Counted | None] = []
    rng = np.random.default_rng(seed)
    for turn in range(max(passes, 1)):
        for programme in Programmes(excerpts, seed + turn):
            sounds = hear(network, programme)
            if turn < passes:
                found.append(recount(model, sounds, programme, rng))
            if turn == 0:
                found.append(follow(model, sounds, programme))
        print(f"Pass {turn + 1} through {len(excerpts)} excerpts is done.", file=out, flush=True)
    return [each for each in found if each is not None]


def as_they_are(network: BeatNetwork, model: BeatModel, excerpts: Sequence[Excerpt]) -> list[Counted]:
    """Return the beats that the tracker finds in every view of the excerpts."""
    found = []
    for excerpt in excerpts:
        for number, view in enumerate(excerpt.views):
            programme = Programme(
                view.astype(np.float32),
                excerpt.beats,
                excerpt.bars,
                np.full(len(excerpt.beats), excerpt.beats_per_bar, dtype=np.intp),
                np.zeros(len(excerpt.beats), dtype=np.intp),
                None if excerpt.onsets is None else excerpt.onsets[number],
            )
            found.append(follow(model, hear(network, programme), programme))
    return [each for each in found if each is not None]


def loss_of(beliefs: Tensor, kinds: Tensor, weights: Tensor) -> Tensor:
    """Return the mean surprise at `kinds` (B, N) under log probabilities (B, N, 12), weighted by `weights` (B, N)."""
    right = torch.logsumexp(beliefs[..., :PLACES], dim=2)
    each = beliefs.gather(2, kinds.clamp(min=0)[..., None])[..., 0]
    each = torch.where(kinds == RIGHT, right, each)
    known = weights * (kinds != UNKNOWN) * torch.where(kinds == OTHER, _OTHER_WEIGHT, 1.0)
    return -(each * known).sum() / known.sum().clamp(min=1.0)


def _batch(sequences: Sequence[Counted], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    longest = min(_BEATS, max(len(each.kinds) for each in sequences))
    parts: list[list[NDArray[Any]]] = [[], [], [], [], []]
    for each in sequences:
        spare = max(len(each.kinds) - longest, 0)
        start = int(rng.integers(0, spare + 1)) if rng.random() < 0.5 else 0
        cut = slice(start, start + longest)
        short = longest - len(each.kinds[cut])
        renewed = each.renewed[cut].copy()
        renewed[0] = 1.0
        parts[0].append(np.pad(each.descriptions[cut], ((0, short), (0, 0))))
        parts[1].append(np.pad(renewed, (0, short)))
        parts[2].append(np.pad(each.steps[cut], (0, short), constant_values=1))
        parts[3].append(np.pad(each.kinds[cut], (0, short), constant_values=UNKNOWN))
        parts[4].append(np.full(longest, each.weight, dtype=np.float32))
    descriptions, renewed_, steps, kinds, weights = (torch.from_numpy(np.stack(part)) for part in parts)
    return descriptions, renewed_, steps, kinds, weights


def validate(network: CountingNetwork, sequences: Sequence[Counted]) -> dict[str, float]:
    """Return the loss, and the share of right beats whose place is told from the tenth beat on, 0 without any."""
    network.eval()
    loss, count, told = 0.0, 0, []
    with torch.no_grad():
        for each in sequences:
            kinds = torch.from_numpy(each.kinds)[None]
            known = int((kinds != UNKNOWN).sum())
            if not known:
                continue
            renewed = torch.from_numpy(each.renewed)[None].clone()
            renewed[:, 0] = 1.0
            beliefs = network(torch.from_numpy(each.descriptions)[None], renewed, torch.from_numpy(each.steps)[None])
            loss += known * float(loss_of(beliefs, kinds, torch.ones(kinds.shape)))
            count += known
            settled = (kinds[0] >= 0) & (kinds[0] < PLACES) & (torch.arange(kinds.shape[1]) >= 10)
            if bool(settled.any()):
                best = beliefs[0, settled, :PLACES].argmax(dim=1)
                told.append(float((best == kinds[0, settled]).float().mean()))
    return {"loss": loss / max(count, 1), "places": float(np.mean(told)) if told else 0.0}


def train(
    sequences: list[Counted], held_out: list[Counted], minutes: float, out: TextIO, seed: int = 1
) -> tuple[CountingNetwork, list[dict[str, float]]]:
    """Return the network that is best on `held_out` sequences within `minutes`, and the course of training."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    every = np.concatenate([each.descriptions[::4] for each in sequences])
    network = CountingNetwork(torch.from_numpy(every.mean(axis=0)), torch.from_numpy(every.std(axis=0) + 0.05))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    best = mean
    course: list[dict[str, float]] = []
    begin, epoch = clock.monotonic(), 0
    while (passed := (clock.monotonic() - begin) / (60.0 * minutes)) < 1.0 or not course:
        for group in optimiser.param_groups:
            falling = 0.5 + 0.5 * math.cos(math.pi * min(passed, 1.0))
            group["lr"] = _RATE * min(1.0, (epoch + 1) / 2) * falling + _LEAST_RATE
        network.train()
        order = rng.permutation(len(sequences))
        for place in range(0, len(order), _BATCH):
            chosen = [sequences[int(each)] for each in order[place : place + _BATCH]]
            descriptions, renewed, steps, kinds, weights = _batch(chosen, rng)
            loss = loss_of(network(descriptions, renewed, steps, _NOISE), kinds, weights)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            for name, value in network.state_dict().items():
                mean[name] = torch.lerp(mean[name], value, _AVERAGE)
        epoch += 1
        latest = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(mean)
        course.append({"epoch": float(epoch), **validate(network, held_out)})
        print(f"{epoch} {course[-1]['loss']:.3f} {course[-1]['places']:.3f}", file=out, flush=True)
        least = min(each["loss"] for each in course)
        if course[-1]["loss"] == least:
            best = {name: value.clone() for name, value in mean.items()}
        elif course[-1]["loss"] > least + _PATIENCE:
            break
        network.load_state_dict(latest)
    network.load_state_dict(best)
    return network, course
