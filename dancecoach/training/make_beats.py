"""Makes the beat network anew: data, weights, confidence, benchmark, ablations and card, by one command.

WORK holds `SPLIT-NNNNN.npz` (excerpts), `beats.pt` and `beats.json` (weights, course of training), `made.json` (the
command and the final losses), `test/GROUP/` (clips), `bench.json` and `ablations.json` (figures). Excerpts and clips
that are there are kept.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dancecoach.errors import DancecoachError
from dancecoach.perception.beat_model import MODEL, MODELS

if TYPE_CHECKING:
    from dancecoach.bench.beat_peers import Contender
    from dancecoach.training.beat_data import Excerpt
    from dancecoach.training.beat_network import BeatNetwork
    from dancecoach.training.pieces import Split

NAME = "beats"
_MODULES = {"torch": "torch", "mido": "mido", "fluidsynth": "pyfluidsynth", "onnx": "onnx"}
_MODULES_OF_BENCH = {"mir_eval": "mir_eval"}
_PEERS = ("librosa",)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make.

    `data` folder of corpora; `work` folder for everything in between; `out` folder of the model and its card;
    `excerpts` to train on; `minutes` of training with `threads`; `held_out` excerpts for validation and for test;
    `clips` of each test group, None for the usual; `ablations` minutes of training for each network compared (0: only
    the filters are compared), None for no ablations; `weights` to use instead of training; `card_only` to write the
    card of the model that is in `out`; `training` the trainer's documents, one for each part of the training;
    `figures` documents of the benchmark; `workers` that render; `command` that the card names.
    """

    data: Path
    work: Path
    out: Path = MODELS
    excerpts: int = 1900
    minutes: float = 75.0
    threads: int | None = None
    channels: int | None = None
    held_out: tuple[int, int] = (60, 40)
    clips: tuple[int, ...] | None = None
    ablations: float | None = None
    weights: Path | None = None
    card_only: bool = False
    training: tuple[Path, ...] = ()
    figures: tuple[Path, ...] = ()
    workers: int | None = None
    command: str = ""


def require_extras() -> None:
    """Refuse to begin hours of work without the packages that its end needs.

    Raises
    ------
    DancecoachError
        When packages are missing.
    """
    missing = [name for module, name in {**_MODULES, **_MODULES_OF_BENCH}.items() if not _is_here(module)]
    if missing:
        extras = "training,bench" if "mir_eval" in missing else "training"
        raise DancecoachError(
            f"Training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            f"Run 'pip install dancecoach[{extras}]'.",
        )


def _is_here(module: str) -> bool:
    if module in sys.modules:
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def make(plan: Plan, out: TextIO | None = None) -> Path:
    """Do what `plan` says, tell about it on `out` and return the card's path.

    Raises
    ------
    DancecoachError
        When something that is needed is missing.
    """
    out = out or sys.stdout
    require_extras()
    _check(plan)
    plan.work.mkdir(parents=True, exist_ok=True)
    plan.out.mkdir(parents=True, exist_ok=True)
    model = plan.out / f"{NAME}.onnx"
    if not plan.card_only:
        _make_model(plan, model, out)
    if plan.ablations is not None:
        _ablate(plan, model, out)
    return _write_card(plan, model, out)


def _check(plan: Plan) -> None:
    if not plan.data.is_dir():
        raise DancecoachError(
            f"There is no folder {plan.data}.", "Give --data a folder with music/groove_midi in it."
        )
    for path in (*plan.training, *plan.figures, *((plan.weights,) if plan.weights else ())):
        if not path.is_file():
            raise DancecoachError(f"There is no {path}.", "Check the name.")
    if plan.excerpts < 1 or plan.minutes <= 0 or (plan.threads is not None and plan.threads < 1):
        raise DancecoachError("Excerpts, minutes and threads are more than nothing.", "Give positive numbers.")
    if plan.card_only and not (plan.out / f"{NAME}.onnx").is_file():
        raise DancecoachError(f"There is no {NAME}.onnx in {plan.out}.", "Leave --card-only away to make it.")


def _make_model(plan: Plan, model: Path, out: TextIO) -> None:
    import torch

    from dancecoach.training.beat_network import export
    from dancecoach.training.calibrate_beats import calibrate
    from dancecoach.training.render_beats import GROUPS, render_clips, render_shards
    from dancecoach.training.train_beats import validate

    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    shards = _shards(plan)
    if plan.weights is not None:
        shards = {split: count for split, count in shards.items() if split != "train"}
    render_shards(plan.data, plan.work, shards, out, plan.workers)
    validation = _excerpts(plan, "validation")
    network = _train(plan, validation, out) if plan.weights is None else _load(plan.weights)
    export(network, model)
    print("The confidence is fitted on the validation excerpts.", file=out, flush=True)
    calibrate(model, validation)
    made = {
        "command": plan.command,
        "losses": {
            "validation": validate(network, validation),
            "test": validate(network, _excerpts(plan, "test")),
        },
    }
    _write(plan.work / "made.json", made)
    clips = plan.clips or tuple(group.clips for group in GROUPS)
    render_clips(plan.data, plan.work / "test", clips, out, plan.workers)
    _bench(plan, model, out)


def _shards(plan: Plan) -> dict[Split, int]:
    from dancecoach.training.beat_data import SHARD

    return {
        "train": -(-plan.excerpts // SHARD),
        "validation": -(-plan.held_out[0] // SHARD),
        "test": -(-plan.held_out[1] // SHARD),
    }


def _excerpts(plan: Plan, split: Split) -> list[Excerpt]:
    from dancecoach.training.beat_data import read_shards

    wanted = {"train": plan.excerpts, "validation": plan.held_out[0], "test": plan.held_out[1]}[split]
    found = list(read_shards(plan.work, split, _shards(plan)[split]))[:wanted]
    if not found:
        raise DancecoachError(
            f"There are no {split} excerpts in {plan.work}.", "Leave --card-only away to render them."
        )
    return found


def _train(plan: Plan, validation: list[Excerpt], out: TextIO) -> BeatNetwork:
    from dancecoach.training.ablate_beats import batch_frames
    from dancecoach.training.beat_network import CHANNELS
    from dancecoach.training.train_beats import Recipe, train

    excerpts = _excerpts(plan, "train")
    print(f"Training on {len(excerpts)} excerpts for {plan.minutes:g} min.", file=out, flush=True)
    frames = batch_frames(len(excerpts))
    recipe = Recipe(minutes=plan.minutes, frames=frames, channels=plan.channels or CHANNELS)
    return train(excerpts, validation, recipe, plan.work / f"{NAME}.pt")


def _load(weights: Path) -> BeatNetwork:
    """Return the network of `weights`, as wide as they say."""
    import torch

    from dancecoach.training.train_beats import Recipe, load

    state = torch.load(weights, weights_only=True)
    return load(weights, Recipe(channels=int(state["heads.weight"].shape[1])))


def _bench(plan: Plan, model: Path, out: TextIO) -> None:
    """Measure the model beside the classical tracker, the analysis ahead, and librosa where it is installed."""
    from dancecoach.bench.beat_peers import Streaming, contenders
    from dancecoach.bench.beats import run
    from dancecoach.perception.beat_model import BeatModel, beat_model
    from dancecoach.training.ablate_beats import tracker_of

    beat_model.cache_clear()  # the model that ships may have been made anew
    others = ["classical", *_PEERS]
    if model.resolve() == MODEL.resolve():
        others.append("ahead")
    else:
        print("The analysis ahead uses the model that ships and is not measured with another one.", file=out)
    trackers: list[Contender] = [Streaming("ours", tracker_of(BeatModel(model)))]
    trackers += [tracker for tracker in contenders() if tracker.name in others]
    _write(plan.work / "bench.json", run(plan.work / "test", trackers=trackers, out=out))


def _ablate(plan: Plan, model: Path, out: TextIO) -> None:
    from dancecoach.perception.beat_model import BeatModel
    from dancecoach.training.ablate_beats import CLIPS, Budget, compare_filters, compare_rooms

    assert plan.ablations is not None
    clips, network = plan.work / "test", BeatModel(model)
    print("Ablations: filters.", file=out, flush=True)
    document: dict[str, Any] = {"clips": CLIPS, "filters": compare_filters(network, clips)}
    if plan.ablations > 0:
        print(f"Ablations: with and without rooms, {plan.ablations:g} min each.", file=out, flush=True)
        budget = Budget(plan.ablations, network.channels)
        excerpts, validation = _excerpts(plan, "train"), _excerpts(plan, "validation")
        document["minutes"] = plan.ablations
        document["rooms"] = compare_rooms(excerpts, validation, budget, plan.work, clips)
    _write(plan.work / "ablations.json", document)


def _write_card(plan: Plan, model: Path, out: TextIO) -> Path:
    from dancecoach.training.card import Facts, write_card

    figures = plan.figures or ((plan.work / "bench.json"),)
    training = plan.training or ((plan.work / f"{NAME}.json"),)
    for path in (*figures, *training):
        if not path.is_file():
            raise DancecoachError(
                f"There is no {path} for the card.", "Give --figures and --training, or leave --card-only away."
            )
    made = _read(plan.work / "made.json") if (plan.work / "made.json").is_file() else {}
    ablations = plan.work / "ablations.json"
    facts = Facts(
        model=model,
        command=plan.command or str(made.get("command", "")),
        training=[_read(path) for path in training],
        excerpts=_counted(plan),
        losses=made.get("losses", {}),
        figures=[_read(path) for path in figures],
        ablations=_read(ablations) if ablations.is_file() else None,
        data=plan.data,
    )
    path = plan.out / f"{NAME}.md"
    write_card(facts, path)
    print(f"{model} and {path} are made.", file=out, flush=True)
    return path


def _counted(plan: Plan) -> dict[str, int]:
    """Return how many excerpts there are of every split, at most as many as are used."""
    from dancecoach.training.beat_data import SHARD

    wanted = {"train": plan.excerpts, "validation": plan.held_out[0], "test": plan.held_out[1]}
    there = {split: SHARD * len(list(plan.work.glob(f"{split}-*.npz"))) for split in wanted}
    return {split: min(count, there[split]) for split, count in wanted.items()}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DancecoachError(f"{path} cannot be read.", "It should be a JSON document.") from error
    if not isinstance(document, dict):
        raise DancecoachError(f"{path} is not what the card needs.", "It should be a JSON object.")
    return document
