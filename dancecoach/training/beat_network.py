"""The beat network: spectral features in, activations of beat and downbeat out, causal by default.

A small convolutional front end over frequency, then dilated causal convolutions over time (Davies & Böck, "Temporal
convolutional networks for musical audio beat tracking", EUSIPCO 2019; joint tempo after Böck & Davies, "Deconstruct,
analyse, reconstruct", ISMIR 2020). Trained on whole excerpts, run one frame at a time: `Step` takes what each layer
heard at its taps in the past, so a frame costs the same however far the network looks back.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.perception.spectral_features import BANDS, LONG_BANDS, SHORT_BANDS

CHANNELS = 48
TAPS = 5
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FRONT_FRAMES = 3  # frames the front end sees at once
DELAY = 2  # frames after a beat at which its activation comes: by then its onset has been heard
TEMPI = 64  # tempo classes
SLOWEST, FASTEST = 50.0, 230.0  # BPM, the outer tempo classes
BEAT, DOWNBEAT, MUSIC = 0, 1, 2  # outputs; the tempo classes follow
OUTPUTS = 3 + TEMPI


class Front(nn.Module):
    """Features (B, T + 2, 176) to (B, C, T): three frames around the newest, convolved over frequency."""

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        self.short = nn.Sequential(nn.Conv2d(2, 12, (FRONT_FRAMES, 5), stride=(1, 2)), nn.BatchNorm2d(12))
        self.short_second = nn.Sequential(nn.Conv2d(12, 16, (1, 5), stride=(1, 2)), nn.BatchNorm2d(16))
        self.long = nn.Sequential(nn.Conv2d(2, 8, (1, 6), stride=(1, 4)), nn.BatchNorm2d(8))
        halved = (SHORT_BANDS - 5) // 2 + 1
        width = 16 * ((halved - 5) // 2 + 1) + 8 * ((LONG_BANDS - 6) // 4 + 1)
        self.dense = nn.Sequential(nn.Conv1d(width, channels, 1), nn.BatchNorm1d(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, C, T)."""
        views = torch.stack([features[..., :BANDS], features[..., BANDS:]], dim=1)  # (B, 2, T + 2, 88)
        short = functional.elu(self.short(views[..., :SHORT_BANDS]))
        short = functional.elu(self.short_second(short))
        long = functional.elu(self.long(views[:, :, FRONT_FRAMES - 1 :, SHORT_BANDS:]))
        merged = torch.cat([short.transpose(2, 3).flatten(1, 2), long.transpose(2, 3).flatten(1, 2)], dim=1)
        return functional.elu(self.dense(merged))


class Block(nn.Module):
    """A residual dilated convolution."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.taps = nn.Conv1d(channels, channels, TAPS, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.mix = nn.Conv1d(channels, channels, 1)
        nn.init.normal_(self.mix.weight, std=0.3 * channels**-0.5)
        self.dropout = nn.Dropout1d(0.1)

    def forward(self, padded: Tensor, inputs: Tensor) -> Tensor:
        """Return `inputs` (B, C, T) plus what the convolution of `padded` (B, C, T + 4 dilations) adds."""
        hidden: Tensor = self.dropout(functional.elu(self.norm(self.taps(padded))))
        return inputs + functional.elu(self.mix(hidden))


class BeatNetwork(nn.Module):
    """Activations of whole excerpts.

    Parameters
    ----------
    causal : bool
        False lets every layer see as far ahead as back, for music at hand as a whole.
    """

    def __init__(self, causal: bool = True, channels: int = CHANNELS) -> None:
        super().__init__()
        self.causal = causal
        self.front = Front(channels)
        self.blocks = nn.ModuleList(Block(channels, dilation) for dilation in DILATIONS)
        self.heads = nn.Conv1d(channels, OUTPUTS, 1)
        with torch.no_grad():
            assert self.heads.bias is not None
            self.heads.bias[:2] = torch.tensor([-2.5, -4.0])  # beats are rare

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, 67, T) of `features` (B, T, 176)."""
        hidden = self.front(functional.pad(features, (0, 0, FRONT_FRAMES - 1, 0)))
        for block, dilation in zip(self.blocks, DILATIONS, strict=True):
            reach = (TAPS - 1) * dilation
            padding = (reach, 0) if self.causal else (reach // 2, reach // 2)
            hidden = block(functional.pad(hidden, padding), hidden)
        out: Tensor = self.heads(hidden)
        return out


class Step(nn.Module):
    """One frame of a causal `BeatNetwork`, for export.

    Takes `recent` (3, 176), the newest features last, and `past` (9, 4, 48), each layer's inputs at its earlier taps,
    oldest first; returns probabilities (67,), the tempo classes adding up to 1, and `layers` (9, 48), this frame's
    inputs of the layers.
    """

    def __init__(self, network: BeatNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, recent: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Advance one frame."""
        hidden = self.network.front(recent[None])[:, :, 0]  # (1, C)
        layers = []
        for index, block in enumerate(self.network.blocks):
            layers.append(hidden)
            assert isinstance(block, Block)
            window = torch.cat([past[index], hidden]).reshape(1, -1)
            weighed = functional.linear(window, block.taps.weight.transpose(1, 2).flatten(1), block.taps.bias)
            mixed = functional.linear(functional.elu(block.norm(weighed)), block.mix.weight[:, :, 0], block.mix.bias)
            hidden = hidden + functional.elu(mixed)
        logits = functional.linear(hidden, self.network.heads.weight[:, :, 0], self.network.heads.bias)[0]
        out = torch.cat([torch.sigmoid(logits[:3]), torch.softmax(logits[3:], dim=0)])
        return out, torch.cat(layers)


def export(network: BeatNetwork, path: Path) -> None:
    """Write `network`'s step to `path` as ONNX, with what a reader must know in its metadata."""
    import onnx

    channels = network.heads.weight.shape[1]
    example = (torch.zeros(FRONT_FRAMES, 2 * BANDS), torch.zeros(len(DILATIONS), TAPS - 1, channels))
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Step(network).eval(),
        example,
        str(path),
        input_names=["recent", "past"],
        output_names=["out", "layers"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    about = {
        "dilations": ",".join(str(each) for each in DILATIONS),
        "taps": str(TAPS),
        "delay": str(DELAY),
        "tempi": str(TEMPI),
        "slowest": str(SLOWEST),
        "fastest": str(FASTEST),
    }
    onnx.helper.set_model_props(model, about)
    onnx.save(model, path)
