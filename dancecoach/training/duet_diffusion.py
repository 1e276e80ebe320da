"""Noise added to dancers, and dancers made out of noise: diffusion with few steps, steered away from artefacts.

Ho, Jain & Abbeel, "Denoising diffusion probabilistic models" (2020) with the cosine schedule of Nichol & Dhariwal
(2021), sampled as in Song, Meng & Ermon, "Denoising diffusion implicit models" (2021). Guidance after Li et al.,
"InterDance" (2025), equation 10: each estimate of the clean follower is moved down the gradients of the contact and
of the penetration cost before it is noised again.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dancecoach.training.duet_losses import contact, penetration
from dancecoach.training.duet_network import WINDOW, DuetNetwork
from dancecoach.training.duet_representation import (
    FOLLOWER_SIZE,
    HANDS,
    LEADER_SIZE,
    OWN,
    PLACE,
    follower_room,
    leader_features,
    leader_room,
)

SMOOTHING = 1.0  # frames
_OFFSET = 0.008
_TOGETHER = 32  # windows
_FARTHEST = 0.2  # standard deviations that guidance moves a feature at once, at most


@dataclass(frozen=True, slots=True)
class Guidance:
    """How strongly contact and penetration steer, 0 for not at all; `margin` m kept between the bodies.

    `repeats` is how often an estimate is moved: with few steps of denoising once would hardly show.
    """

    contact: float = 1.0
    penetration: float = 1.0
    margin: float = 0.0
    repeats: int = 4


NO_GUIDANCE = Guidance(0.0, 0.0)


def kept(step: Tensor) -> Tensor:
    """Return the share ᾱ 0…1 of the motion's variance that is left at a step 0…1."""
    level = torch.cos((step + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2
    return (level / math.cos(_OFFSET / (1 + _OFFSET) * math.pi / 2) ** 2).clamp(1e-4, 1.0)


def noised(clean: Tensor, step: Tensor, noise: Tensor) -> Tensor:
    """Return √ᾱ x₀ + √(1 − ᾱ) ε of motions (B, T, F) at steps (B,)."""
    share = kept(step)[:, None, None]
    return torch.sqrt(share) * clean + torch.sqrt(1.0 - share) * noise


@torch.no_grad()
def sample(
    network: DuetNetwork,
    music: Tensor,
    leader: Tensor | None = None,
    steps: int = 10,
    seed: int = 0,
    guidance: Guidance = NO_GUIDANCE,
    smoothing: float = SMOOTHING,
) -> tuple[Tensor, Tensor]:
    """Return a leader and a follower (T, 22, 3) m.

    Windows of 96 frames overlap by half; after every step their estimates are blended, so a dance of any length is
    one dance.

    Parameters
    ----------
    network : DuetNetwork
    music : (T, 60)
        As `duet_music.heard`.
    leader : (T, 22, 3) m, optional
        Seen as a whole, to the end. Given in the mode "reactive", not in the mode "music".
    steps : int
        Of denoising.
    seed : int
        Equal seeds make equal dances.
    guidance : Guidance
        Moves the follower only.
    smoothing : float
        Standard deviation, frames, of the Gaussian that estimates are smoothed with, 0 for not at all. What a network
        lets through of the noise changes from frame to frame, dance does not.
    """
    frames, device = len(music), music.device
    chance = torch.Generator().manual_seed(seed)  # of the processor: the same numbers whatever computes

    def drawn(size: int) -> Tensor:
        return torch.randn(frames, size, generator=chance).to(device)

    heard = network.scaled("music", music)
    follower, led = drawn(FOLLOWER_SIZE), drawn(LEADER_SIZE)
    if leader is not None:
        led = network.scaled("leader", leader_features(leader[None])[0])
    times = torch.linspace(1.0, 0.0, steps + 1).tolist()
    made, made_leader = follower, led
    for now, after in itertools.pairwise(times):
        made, made_leader = _estimate(network, follower, led, now, heard)
        made = smoothed(made, smoothing)
        if leader is None:
            made_leader = smoothed(made_leader, smoothing)
        room = leader if leader is not None else leader_room(network.unscaled("leader", made_leader)[None])[0]
        made = _guided(network, made, room, guidance)
        follower = _less_noisy(follower, made, now, after)
        if leader is None:
            led = _less_noisy(led, made_leader, now, after)
    if leader is None:
        leader = leader_room(network.unscaled("leader", made_leader)[None])[0]
    return leader, follower_room(network.unscaled("follower", made)[None], leader[None])[0]


def smoothed(values: Tensor, deviation: float) -> Tensor:
    """Return values (T, F) averaged over time with a Gaussian of `deviation` frames, the ends held."""
    if deviation <= 0:
        return values
    reach = math.ceil(3 * deviation)
    offsets = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    weights = torch.exp(-0.5 * (offsets / deviation) ** 2)
    held = functional.pad(values.T[:, None], (reach, reach), mode="replicate")
    return functional.conv1d(held, (weights / weights.sum())[None, None])[:, 0].T


def _less_noisy(noisy: Tensor, clean: Tensor, now: float, after: float) -> Tensor:
    """Return motions (T, F) at the step `after`, with the same noise as at the step `now`."""
    old, new = kept(torch.tensor([now, after])).to(noisy.device)
    noise = (noisy - torch.sqrt(old) * clean) / torch.sqrt((1.0 - old).clamp(min=1e-6))
    return torch.sqrt(new) * clean + torch.sqrt(1.0 - new) * noise


def starts_of(frames: int, window: int = WINDOW) -> list[int]:
    """Return where windows begin that overlap by half and together cover `frames`."""
    if frames <= window:
        return [0]
    return [*range(0, frames - window, window // 2), frames - window]


def _estimate(
    network: DuetNetwork, follower: Tensor, leader: Tensor, step: float, music: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the clean follower (T, 144) and leader (T, 140) as estimated window by window and blended."""
    frames = len(follower)
    size, starts = min(frames, WINDOW), starts_of(frames)
    weight = 1.0 - (torch.arange(size, device=follower.device) + 0.5 - size / 2).abs() / (size / 2) + 1e-3
    sums = [torch.zeros_like(follower), torch.zeros_like(leader)]
    total = torch.zeros(frames, 1, device=follower.device)
    for first in range(0, len(starts), _TOGETHER):
        chosen = starts[first : first + _TOGETHER]
        windows = [torch.stack([part[at : at + size] for at in chosen]) for part in (follower, leader, music)]
        now = torch.full((len(chosen),), step, device=follower.device)
        said = network(windows[0], windows[1], now, windows[2])
        for number, at in enumerate(chosen):
            for whole, part in zip(sums, said, strict=True):
                whole[at : at + size] += weight[:, None] * part[number]
            total[at : at + size] += weight[:, None]
    return sums[0] / total, sums[1] / total


def _guided(network: DuetNetwork, made: Tensor, leader: Tensor, guidance: Guidance) -> Tensor:
    """Return a clean estimate (T, 144) moved down the gradients of what it touches too little and enters."""
    if guidance.contact <= 0 and guidance.penetration <= 0:
        return made
    touching = (network.unscaled("follower", made)[..., HANDS] > 0.5).to(made.dtype)[None]
    moved = made.clone()
    for _ in range(guidance.repeats):
        with torch.enable_grad():
            free = moved.detach().clone().requires_grad_(True)
            follower = follower_room(network.unscaled("follower", free)[None], leader[None])
            # Sums over frames: how hard a frame is pushed does not hang on how long the dance is.
            cost = guidance.contact * contact(leader[None], follower, touching) * touching.numel()
            cost = cost + guidance.penetration * penetration(leader[None], follower, guidance.margin) * len(made)
            (slope,) = torch.autograd.grad(cost, free)
        for part in (OWN, PLACE):
            moved[:, part] -= slope[:, part].clamp(-_FARTHEST, _FARTHEST)
    return moved
