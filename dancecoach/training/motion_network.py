"""The motion encoder: a causal spatio-temporal graph network, run over whole clips or frame by frame.

Graph convolution over the skeleton with three partitions (a joint, its neighbour towards the pelvis, its neighbours
away from it) and dilated causal convolution over time, after Yan, Xiong & Lin, "Spatial temporal graph convolutional
networks for skeleton-based action recognition", AAAI 2018; frame by frame after Hedegaard, Heidari & Iosifidis,
"Continual spatio-temporal graph convolutional networks", Pattern Recognition 2023. Encoders to compare with have the
same interface.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.assessment.motion_features import CHANNELS
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_PARENTS, LIMBS, PART_JOINTS

WIDTH = 32
TAPS = 3
DILATIONS = (1, 2, 4, 8, 8)
FRAMES = 2  # of 30 a second, in one step of the network
MAP_SCALE = 0.1
EncoderKind = Literal["st-gcn", "cnn", "lstm", "gru", "transformer"]
ENCODERS: tuple[EncoderKind, ...] = ("st-gcn", "cnn", "lstm", "gru", "transformer")


def partitions() -> Tensor:
    """Return normalised adjacency (3, 22, 22): from joint v to joint w, itself, towards the root, away from it."""
    found = np.zeros((3, JOINT_COUNT, JOINT_COUNT), dtype=np.float32)
    found[0] = np.eye(JOINT_COUNT)
    for joint, parent in enumerate(JOINT_PARENTS):
        if parent >= 0:
            found[1, parent, joint] = 1.0
            found[2, joint, parent] = 1.0
    found /= np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    return torch.from_numpy(found)


def part_means() -> Tensor:
    """Return weights (22, 5) that average joints into limbs; shoulders belong to arms, hips to legs."""
    weights = np.zeros((JOINT_COUNT, len(LIMBS)), dtype=np.float32)
    for column, part in enumerate(LIMBS):
        members = list(PART_JOINTS[part])
        side, _, limb = part.partition("_")
        members += [
            JOINT_INDEX[f"{side}_{name}"] for name in {"arm": ("collar", "shoulder"), "leg": ("hip",)}.get(limb, ())
        ]
        weights[members, column] = 1.0 / len(members)
    return torch.from_numpy(weights)


def part_sums() -> Tensor:
    """Return weights (22, 5) that add up the joints of each limb, as `PART_JOINTS` has them; each joint once."""
    weights = np.zeros((JOINT_COUNT, len(LIMBS)), dtype=np.float32)
    for column, part in enumerate(LIMBS):
        weights[list(PART_JOINTS[part]), column] = 1.0
    return torch.from_numpy(weights)


class Block(nn.Module):
    """Graph convolution, then a dilated causal convolution over time; residual. Channels last: (B, T, 22, C)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.register_buffer("adjacency", partitions())
        self.importance = nn.Parameter(torch.ones(3, JOINT_COUNT, JOINT_COUNT))
        self.space = nn.Linear(width, 3 * width)
        self.time = nn.Linear(TAPS * width, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout1d(0.1)

    def spread(self, inputs: Tensor) -> Tensor:
        """Return the graph convolution of (B, T, 22, C)."""
        batch, frames, joints, width = inputs.shape
        # (22, 66): to a joint, from each joint in each partition.
        adjacency = (self.get_buffer("adjacency") * self.importance).permute(2, 1, 0).reshape(joints, 3 * joints)
        each = self.space(inputs).reshape(batch * frames, 3 * joints, width)
        gathered = torch.matmul(adjacency.to(each.dtype), each)
        return functional.relu(gathered).reshape(batch, frames, joints, width)

    def mix(self, window: Tensor, inputs: Tensor) -> Tensor:
        """Return the inputs (B, T, 22, C) plus what `window` (B, T, 22, 3 C), the taps in time, adds."""
        added = self.norm(self.time(window).flatten(0, 2)).reshape(inputs.shape)
        if self.training:
            added = self.dropout(added.flatten(1, 2).transpose(1, 2)).transpose(1, 2).reshape(inputs.shape)
        return functional.relu(inputs + added)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (B, T, 22, C)."""
        hidden, frames = self.spread(inputs), inputs.shape[1]
        padded = functional.pad(hidden, (0, 0, 0, 0, (TAPS - 1) * self.dilation, 0))
        taps = [padded[:, tap * self.dilation : tap * self.dilation + frames] for tap in range(TAPS)]
        return self.mix(torch.cat(taps, dim=-1), inputs)

    def step(self, inputs: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, 1, 22, C) after one step, and what to remember of it; `past` (2, B, 22, C), oldest first."""
        hidden = self.spread(inputs)
        window = torch.cat([*past.unsqueeze(2).unbind(0), hidden], dim=-1)
        return self.mix(window, inputs), hidden[:, 0]


class Encoder(nn.Module):
    """Features (B, T, 22, 21) to a map of deductions (B, T/2, 22), ≥ 0, and features of limbs (B, T/2, 5, F).

    Two frames are one step: what is between them is in both, and half the steps cost half.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("means", part_means())
        self.register_buffer("owned", part_sums().sum(dim=1))

    def deductions(self, logits: Tensor) -> Tensor:
        """Return the map of logits (..., 22); joints that belong to no limb have no part in it."""
        return MAP_SCALE * functional.softplus(logits) * self.get_buffer("owned")

    @staticmethod
    def pairs(features: Tensor) -> Tensor:
        """Return (B, T/2, 22, 42) of (B, T, 22, 21), T even."""
        batch, frames = features.shape[:2]
        paired = features.reshape(batch, frames // FRAMES, FRAMES, JOINT_COUNT, CHANNELS)
        return paired.transpose(2, 3).flatten(3)


class GraphEncoder(Encoder):
    """The spatio-temporal graph network."""

    def __init__(self, width: int = WIDTH, dilations: tuple[int, ...] = DILATIONS) -> None:
        super().__init__(width)
        self.dilations = dilations
        self.norm = nn.BatchNorm1d(FRAMES * CHANNELS)
        self.stem = nn.Linear(FRAMES * CHANNELS, width)
        self.places = nn.Parameter(torch.zeros(JOINT_COUNT, width))
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in dilations)
        self.map = nn.Linear(width, 1)
        with torch.no_grad():
            self.map.bias.fill_(-1.5)

    def begin(self, features: Tensor) -> Tensor:
        """Return (B, T/2, 22, C)."""
        paired = self.pairs(features)
        normal = self.norm(paired.flatten(0, 2)).reshape(paired.shape)
        return functional.relu(self.stem(normal) + self.places)

    def end(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return map and features of limbs."""
        parts = torch.matmul(self.get_buffer("means").T.to(hidden.dtype), hidden)
        return self.deductions(self.map(hidden)[..., 0]), parts

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map (B, T/2, 22) and features of limbs (B, T/2, 5, C)."""
        hidden = self.begin(features)
        for block in self.blocks:
            hidden = block(hidden)
        return self.end(hidden)


class Step(nn.Module):
    """One step of a `GraphEncoder`, for export.

    Takes `frames` (B, 2, 22, 21) and `past` (L, 2, B, 22, C), each block's memory at its earlier taps, oldest first;
    returns `map` (B, 22), `parts` (B, 5, C) and `now` (L, B, 22, C), to be remembered.
    """

    def __init__(self, network: GraphEncoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Advance one step."""
        hidden = self.network.begin(frames)
        kept = []
        for index, block in enumerate(self.network.blocks):
            assert isinstance(block, Block)
            hidden, now = block.step(hidden, past[index])
            kept.append(now)
        saliency, parts = self.network.end(hidden)
        return saliency[:, 0], parts[:, 0], torch.stack(kept)


class FlatEncoder(Encoder):
    """Encoders without a graph, to compare with: all channels of all joints in one vector a frame."""

    def __init__(self, kind: EncoderKind, width: int = WIDTH) -> None:
        super().__init__(width)
        self.kind = kind
        size = 4 * width
        self.norm = nn.BatchNorm1d(JOINT_COUNT * FRAMES * CHANNELS)
        self.stem = nn.Linear(JOINT_COUNT * FRAMES * CHANNELS, size)
        self.core: nn.Module
        if kind == "cnn":
            self.core = nn.ModuleList(nn.Conv1d(size, size, TAPS, dilation=each) for each in DILATIONS)
        elif kind == "lstm":
            self.core = nn.LSTM(size, size, 2, batch_first=True)
        elif kind == "gru":
            self.core = nn.GRU(size, size, 2, batch_first=True)
        else:
            layer = nn.TransformerEncoderLayer(size, 4, 2 * size, dropout=0.1, batch_first=True, norm_first=True)
            self.core = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
            self.register_buffer("clock", _clock(512, size))
        self.map = nn.Linear(size, JOINT_COUNT)
        self.parts = nn.Linear(size, len(LIMBS) * width)
        with torch.no_grad():
            self.map.bias.fill_(-1.5)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map (B, T/2, 22) and features of limbs (B, T/2, 5, C)."""
        paired = self.pairs(features)
        batch, frames = paired.shape[:2]
        flat = self.norm(paired.flatten(2).transpose(1, 2)).transpose(1, 2)
        hidden = functional.relu(self.stem(flat))
        if isinstance(self.core, nn.ModuleList):
            across = hidden.transpose(1, 2)
            for layer, dilation in zip(self.core, DILATIONS, strict=True):
                across = across + functional.relu(layer(functional.pad(across, ((TAPS - 1) * dilation, 0))))
            hidden = across.transpose(1, 2)
        elif isinstance(self.core, nn.TransformerEncoder):
            mask = nn.Transformer.generate_square_subsequent_mask(frames)
            hidden = self.core(hidden + self.get_buffer("clock")[:frames], mask=mask, is_causal=True)
        else:
            hidden, _ = self.core(hidden)
        parts = functional.relu(self.parts(hidden)).reshape(batch, frames, len(LIMBS), self.width)
        return self.deductions(self.map(hidden)), parts


def _clock(frames: int, size: int) -> Tensor:
    place = torch.arange(frames)[:, None] / 10000.0 ** (torch.arange(0, size, 2) / size)
    return torch.cat([torch.sin(place), torch.cos(place)], dim=1)


def encoder(kind: EncoderKind, width: int = WIDTH) -> Encoder:
    """Return a new encoder of a kind."""
    return GraphEncoder(width) if kind == "st-gcn" else FlatEncoder(kind, width)


def pooled(parts: Tensor, weights: Tensor) -> Tensor:
    """Return mean and deviation (B, 10 C) over time of (B, T, 5, C); `weights` (B, T) sum to 1."""
    shares = weights[:, :, None, None]
    mean = (parts * shares).sum(dim=1)
    variance = ((parts - mean[:, None]) ** 2 * shares).sum(dim=1)
    return torch.cat([mean.flatten(1), torch.sqrt(variance + 1e-6).flatten(1)], dim=1)


def export(network: GraphEncoder, path: Path) -> None:
    """Write the step of `network` to `path` as ONNX, for a batch of two: a movement and its mirror image."""
    import onnx

    layers = len(network.dilations)
    example = (
        torch.zeros(2, FRAMES, JOINT_COUNT, CHANNELS),
        torch.zeros(layers, TAPS - 1, 2, JOINT_COUNT, network.width),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Step(network).eval(),
        example,
        str(path),
        input_names=["frames", "past"],
        output_names=["map", "parts", "now"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    about = {"schema": "dancecoach.motion-encoder/1", "dilations": ",".join(map(str, network.dilations))}
    onnx.helper.set_model_props(model, about)
    onnx.save(model, path)
