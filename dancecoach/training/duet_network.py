"""A diffusion transformer that makes a follower for a leader, or both dancers, from music.

After Li et al., "InterDance" (2025), section 4 and appendices B and C: blocks of a transformer for each dancer with
cross attention between them; the diffusion step and the music of each frame scale and shift every layer (adaptive
layer norm, Peebles & Xie, "Scalable diffusion models with transformers", ICCV 2023); the clean motion is predicted.

It looks at whole windows, what comes later too: for making dances beforehand, not for the live partner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.training.duet_music import MUSIC_SIZE
from dancecoach.training.duet_representation import FOLLOWER_SIZE, LEADER_SIZE

Mode = Literal["reactive", "music"]
MODES: tuple[Mode, ...] = ("reactive", "music")
WINDOW = 96  # frames


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a network: `width` of its layers, `layers` blocks, `heads` of attention, what it makes."""

    mode: Mode = "reactive"
    width: int = 256
    layers: int = 6
    heads: int = 4


class Attention(nn.Module):
    """Attention of one sequence (B, T, D) to another or itself, several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.asks, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.offers = nn.Linear(width, 2 * width)

    def forward(self, inputs: Tensor, others: Tensor) -> Tensor:
        """Return what each frame of `inputs` gathers from `others`."""
        asked = self._split(self.asks(inputs))
        keys, values = (self._split(part) for part in self.offers(others).chunk(2, dim=-1))
        gathered = functional.scaled_dot_product_attention(asked, keys, values)
        result: Tensor = self.out(gathered.transpose(1, 2).flatten(-2))
        return result

    def _split(self, inputs: Tensor) -> Tensor:
        batch, frames, width = inputs.shape
        return inputs.reshape(batch, frames, self.heads, width // self.heads).transpose(1, 2)


class Block(nn.Module):
    """Self attention, cross attention where there is a partner, and a perceptron, each after its adaptive layer norm.

    Gates begin at zero: a new block changes nothing.
    """

    def __init__(self, width: int, heads: int, crossed: bool) -> None:
        super().__init__()
        self.own, self.cross = Attention(width, heads), Attention(width, heads) if crossed else None
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 9 * width if crossed else 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, inputs: Tensor, partner: Tensor, condition: Tensor) -> Tensor:
        """Return (B, T, D); `condition` (B, T, D) is step and music."""
        shift, scale, gate, *rest = self.modulation(functional.silu(condition)).chunk(9 if self.cross else 6, dim=-1)
        normed = self.norm(inputs) * (1 + scale) + shift
        hidden = inputs + gate * self.own(normed, normed)
        if self.cross is not None:
            shift, scale, gate, *rest = rest
            hidden = hidden + gate * self.cross(self.norm(hidden) * (1 + scale) + shift, partner)
        shift, scale, gate = rest
        changed: Tensor = hidden + gate * self.perceptron(self.norm(hidden) * (1 + scale) + shift)
        return changed


class DuetNetwork(nn.Module):
    """Noisy features, the diffusion step and music to clean features, all standardised.

    In the mode "reactive" the leader is given and the follower made; in the mode "music" both are made.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, width = shape, shape.width
        self.follows, self.leads = nn.Linear(FOLLOWER_SIZE, width), nn.Linear(LEADER_SIZE, width)
        self.music = nn.Linear(MUSIC_SIZE, width)
        self.step = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.follower_blocks = nn.ModuleList(Block(width, shape.heads, True) for _ in range(shape.layers))
        both = shape.mode == "music"
        self.leader_blocks = nn.ModuleList(Block(width, shape.heads, both) for _ in range(shape.layers))
        self.follower_out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, FOLLOWER_SIZE))
        self.leader_out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, LEADER_SIZE)) if both else None
        self.register_buffer("follower_scale", torch.stack([torch.zeros(FOLLOWER_SIZE), torch.ones(FOLLOWER_SIZE)]))
        self.register_buffer("leader_scale", torch.stack([torch.zeros(LEADER_SIZE), torch.ones(LEADER_SIZE)]))
        self.register_buffer("music_scale", torch.stack([torch.zeros(MUSIC_SIZE), torch.ones(MUSIC_SIZE)]))

    def standardise(self, name: str, values: Tensor) -> None:
        """Take mean and standard deviation over values (N, F) of the "follower", "leader" or "music"."""
        scale = self.get_buffer(f"{name}_scale")
        scale[0], scale[1] = values.mean(dim=0), values.std(dim=0).clamp(min=0.02)

    def scaled(self, name: str, values: Tensor) -> Tensor:
        """Return features (..., F) of the "follower", "leader" or "music" in standard deviations from the mean."""
        scale = self.get_buffer(f"{name}_scale")
        return (values - scale[0]) / scale[1]

    def unscaled(self, name: str, values: Tensor) -> Tensor:
        """Return features in their own units again."""
        scale = self.get_buffer(f"{name}_scale")
        return values * scale[1] + scale[0]

    def forward(self, follower: Tensor, leader: Tensor, step: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clean follower (B, T, 144) and leader (B, T, 140).

        Parameters
        ----------
        follower : (B, T, 144)
            Noisy.
        leader : (B, T, 140)
            As it is, and returned so, in the mode "reactive"; noisy in the mode "music".
        step : (B,)
            0…1, how much of the way to noise.
        music : (B, T, 60)
            As `duet_music.heard`, standardised.
        """
        frames, width = follower.shape[1], self.shape.width
        condition = self.step(waves(step * 1000.0, width))[:, None] + self.music(music)
        where = waves(torch.arange(frames, device=follower.device, dtype=follower.dtype), width)
        following, leading = self.follows(follower) + where, self.leads(leader) + where
        for follows, leads in zip(self.follower_blocks, self.leader_blocks, strict=True):
            following, leading = follows(following, leading, condition), leads(leading, following, condition)
        made = leader if self.leader_out is None else self.leader_out(leading)
        return self.follower_out(following), made


def waves(values: Tensor, width: int) -> Tensor:
    """Return sines and cosines (N, width) of numbers (N,) at wavelengths of 2π…20000π."""
    half = width // 2
    rates = torch.exp(-math.log(10_000.0) * torch.arange(half, device=values.device, dtype=values.dtype) / half)
    angles = values[:, None] * rates
    return functional.pad(torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1), (0, width - 2 * half))
