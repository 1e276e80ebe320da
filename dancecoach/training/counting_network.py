"""The counting network: a gated recurrent unit over beats and, trained with it, a filter over places in the bar."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dancecoach.perception.counting import HALF, KINDS, OFF_TWICE, ON_TWICE, PLACES
from dancecoach.perception.following import METRES

HIDDEN = 48
LIMIT = 4.0  # standard deviations, beyond which descriptions are cut off
_TINY = 1e-9
_INPUT_DROPOUT, _OUTPUT_DROPOUT = 0.5, 0.4
_STAY = 3.5  # log odds with which training begins that the bar goes on


def succession() -> Tensor:
    """Return which kind of beat follows each (12, 12) while the count goes on as it is."""
    table = torch.eye(KINDS)
    table[:PLACES, :PLACES] = 0.0
    start = 0
    for size in METRES:
        for place in range(size):
            table[start + place, start + (place + 1) % size] = 1.0
        start += size
    table[ON_TWICE:HALF, ON_TWICE:HALF] = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert HALF - ON_TWICE == 2 and OFF_TWICE == ON_TWICE + 1
    return table


class CountingNetwork(nn.Module):
    """Beliefs about the beats of whole excerpts.

    Parameters
    ----------
    mean, deviation : Tensor (D,)
        Of the descriptions of beats.
    """

    mean: Tensor
    deviation: Tensor
    regular: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.register_buffer("regular", succession())
        self.dropout = nn.Dropout(_INPUT_DROPOUT)
        self.inputs = nn.Linear(len(mean), hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.output_dropout = nn.Dropout(_OUTPUT_DROPOUT)
        self.outputs = nn.Linear(2 * hidden, KINDS)
        self.stay = nn.Parameter(torch.full((KINDS,), _STAY))
        self.others = nn.Parameter(torch.zeros(KINDS, KINDS))
        self.first = nn.Parameter(torch.zeros(KINDS))
        self.scale = nn.Parameter(torch.tensor(-0.5))

    def follow(self) -> Tensor:
        """Return the probability of each kind of beat after each, (12 before, 12 after)."""
        stay = torch.sigmoid(self.stay)[:, None]
        others = torch.softmax(self.others + torch.log(1.0 - self.regular + _TINY), dim=1)
        return stay * self.regular + (1.0 - stay) * others

    def scaled(self, descriptions: Tensor) -> Tensor:
        """Return `descriptions` (..., D) in standard deviations from their mean."""
        return torch.clamp((descriptions - self.mean) / self.deviation, -LIMIT, LIMIT)

    def evidence(self, scaled: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return log likelihoods (B, 12) of one beat's `scaled` description (B, D), and the new state (B, H)."""
        heard = functional.gelu(self.inputs(self.dropout(scaled)))
        state = self.cell(heard, state)
        out = self.outputs(self.output_dropout(torch.cat([heard, state], dim=1)))
        return out * torch.exp(self.scale), state

    def forward(self, descriptions: Tensor, renewed: Tensor, steps: Tensor, noise: float = 0.0) -> Tensor:
        """Return log probabilities (B, N, 12) of each kind of beat, each from the beats up to it.

        Parameters
        ----------
        descriptions : Tensor (B, N, D)
        renewed : Tensor (B, N)
            1 where other music was noticed before this beat, otherwise 0.
        steps : Tensor (B, N)
            Beats since the one before.
        noise : float
            Standard deviation of what is added to the scaled descriptions.
        """
        scaled = self.scaled(descriptions)
        scaled = scaled + noise * torch.randn_like(scaled)
        follow, first = torch.log(self.follow() + _TINY), torch.log_softmax(self.first, dim=0)
        belief = first.expand(len(scaled), KINDS)
        state = scaled.new_zeros(len(scaled), self.cell.hidden_size)
        beliefs = []
        for beat in range(scaled.shape[1]):
            anew = renewed[:, beat, None]
            evidence, state = self.evidence(scaled[:, beat], state * (1.0 - anew))
            ahead = torch.logsumexp(belief[:, :, None] + follow, dim=1)
            further = torch.logsumexp(ahead[:, :, None] + follow, dim=1)
            ahead = torch.where(steps[:, beat, None] > 1, further, ahead)
            belief = torch.log_softmax(torch.where(anew > 0, first, ahead) + evidence, dim=1)
            beliefs.append(belief)
        return torch.stack(beliefs, dim=1)


class Step(nn.Module):
    """One beat of a `CountingNetwork`, for export: description (D,) and state (H,) to log likelihoods and state."""

    def __init__(self, network: CountingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, description: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Advance one beat."""
        network = self.network
        heard = functional.gelu(functional.linear(network.scaled(description), *_of(network.inputs)))
        cell = network.cell
        fresh = functional.linear(heard, cell.weight_ih, cell.bias_ih).reshape(3, -1)
        kept = functional.linear(state, cell.weight_hh, cell.bias_hh).reshape(3, -1)
        reset, update = torch.sigmoid(fresh[0] + kept[0]), torch.sigmoid(fresh[1] + kept[1])
        state = (1.0 - update) * torch.tanh(fresh[2] + reset * kept[2]) + update * state
        out = functional.linear(torch.cat([heard, state]), *_of(network.outputs))
        return out * torch.exp(network.scale), state


def _of(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    return layer.weight, layer.bias


def export(network: CountingNetwork, path: Path, channels: int) -> None:
    """Write `network`'s step to `path` as ONNX, with the filter's tables and the beat network's `channels`."""
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Step(network).eval(),
        (torch.zeros(len(network.mean)), torch.zeros(network.cell.hidden_size)),
        str(path),
        input_names=["description", "state"],
        output_names=["evidence", "new"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    with torch.no_grad():
        tables = {"follow": network.follow(), "begin": torch.softmax(network.first, dim=0)}
    about = {name: ",".join(f"{float(each):.6g}" for each in table.flatten()) for name, table in tables.items()}
    onnx.helper.set_model_props(model, about | {"channels": str(channels)})
    onnx.save(model, path)
