"""The music encoder: a causal recurrent network, and the space that music and motion share.

LSTM over streaming features after paper 1; trained with InfoNCE so that a motion agrees with the music it was danced
to, step by step in time, and neither with other music nor with the same music earlier or later.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.perception.music_features import FEATURES
from dancecoach.training.motion_network import FRAMES, WIDTH
from dancecoach.types import LIMBS

SHARED = 64
_HIDDEN, _LAYERS = 96, 2
TEMPERATURE = 0.07


class MusicNetwork(nn.Module):
    """Music features (B, T, 56) to unit vectors (B, T, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.recurrent = nn.LSTM(FEATURES, _HIDDEN, _LAYERS, batch_first=True)
        self.project = nn.Sequential(nn.Linear(_HIDDEN, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, SHARED))

    def forward(self, features: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return vectors (B, T, 64) and the state after the last row."""
        normal = ((features - self.get_buffer("mean")) / self.get_buffer("scale")).clamp(-5.0, 5.0)
        hidden, (first, second) = self.recurrent(normal, state)
        return functional.normalize(self.project(hidden), dim=-1), first, second


class MotionInMusic(nn.Module):
    """What the frozen motion encoder says of limbs, (B, S, 5, C), as unit vectors (B, S, 64) beside music's."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        size = len(LIMBS) * width
        self.norm = nn.BatchNorm1d(size)
        self.project = nn.Sequential(nn.Linear(size, 128), nn.GELU(), nn.Linear(128, SHARED))

    def forward(self, parts: Tensor) -> Tensor:
        """Return (B, S, 64)."""
        flat = parts.flatten(2)
        normal = self.norm(flat.transpose(1, 2)).transpose(1, 2)
        return functional.normalize(self.project(normal), dim=-1)


class Agreement(nn.Module):
    """The synchrony rate of a span, guessed from both embeddings (paper 1, task 3), beside how well they agree."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.motion = MotionInMusic(width)
        size = 2 * len(LIMBS) * width + 2 * SHARED
        self.norm = nn.BatchNorm1d(size)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(size, 64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 1))

    def forward(self, parts: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:
        """Return the guessed rate (B,) and the agreement (B,), −1…1, of parts (B, S, 5, C) and music (B, S, 64)."""
        danced = self.motion(parts)
        flat = parts.flatten(2)
        told = [flat.mean(dim=1), flat.std(dim=1), (danced * music).mean(dim=1), music.mean(dim=1)]
        guess = torch.tanh(self.head(self.norm(torch.cat(told, dim=1)))[:, 0])
        return guess, (danced * music).sum(dim=2).mean(dim=1)


def contrast(motion: Tensor, music: Tensor, shifted: Tensor) -> Tensor:
    """Return InfoNCE of pairs (B, S, 64), with the music shifted in time (B, S, 64) as a further wrong answer."""
    steps = motion.shape[1]
    straight = torch.einsum("bsd,csd->bc", motion, music) / steps / TEMPERATURE
    late = (motion * shifted).sum(dim=2).mean(dim=1, keepdim=True) / TEMPERATURE
    wanted = torch.arange(len(motion))
    there = functional.cross_entropy(torch.cat([straight, late], dim=1), wanted)
    return 0.5 * (there + functional.cross_entropy(straight.T, wanted))


class MusicStep(nn.Module):
    """One row of music, for export: `features` (56,) and state (2, 1, 96) twice; returns the vector and the state."""

    def __init__(self, network: MusicNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Advance one row."""
        vector, first, second = self.network(features[None, None], (first, second))
        return vector[0, 0], first, second


def export_music(network: MusicNetwork, agreement: Agreement, folder: Path) -> None:
    """Write `music.onnx`, a step of the encoder, and `msr.onnx`, the guess of a span, to `folder`."""
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    state = torch.zeros(_LAYERS, 1, _HIDDEN)
    torch.onnx.export(
        MusicStep(network).eval(),
        (torch.zeros(FEATURES), state, state.clone()),
        str(folder / "music.onnx"),
        input_names=["features", "first", "second"],
        output_names=["vector", "first_after", "second_after"],
        opset_version=17,
        dynamo=False,
    )
    width = agreement.motion.norm.num_features // len(LIMBS)
    torch.onnx.export(
        agreement.eval(),
        (torch.randn(1, 30, len(LIMBS), width), torch.randn(1, 30, SHARED)),
        str(folder / "msr.onnx"),
        input_names=["parts", "music"],
        output_names=["msr", "agreement"],
        dynamic_axes={"parts": {1: "steps"}, "music": {1: "steps"}},
        opset_version=17,
        dynamo=False,
    )
    for name, schema in (("music", "dancecoach.music-encoder/1"), ("msr", "dancecoach.agreement/1")):
        model = onnx.load(folder / f"{name}.onnx")
        onnx.helper.set_model_props(model, {"schema": schema, "frames": str(FRAMES)})
        onnx.save(model, folder / f"{name}.onnx")
