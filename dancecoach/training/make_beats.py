"""Makes the beat network anew: data, weights, confidence, benchmark, ablations and card, by one command.

WORK holds `SPLIT-NNNNN.npz` (excerpts), `beats.pt` and `beats.json` (weights, course of training), `made.json` (what
the card says of the training), `test/GROUP/` (clips), `bench.json` and `ablations.json` (figures). With a folder of
recordings, it also holds `recorded/` (their bands). Parts of the training leave their weights, too:
`beats-rendered.pt`, which labels the recordings, `beats-recorded.pt`, by which they are labelled anew,
`beats-relabelled.pt`, and `beats-known.pt`, the mean of the latter two; from it (else from the first) the last part
goes on with pieces in a row and leaves `beats.pt`.
Excerpts, bands and clips that are there are kept. Documents name the model they are about by its SHA-256, so that no
card mixes two models up.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from dancecoach.errors import DancecoachError
from dancecoach.perception.beat_model import MODEL, MODELS, BeatModel
from dancecoach.perception.counting import CountingModel

if TYPE_CHECKING:
    from dancecoach.bench.beat_peers import Contender
    from dancecoach.training.beat_data import Excerpt
    from dancecoach.training.beat_network import BeatNetwork
    from dancecoach.training.pieces import Split
    from dancecoach.training.recorded import Labelled

NAME = "beats"
COUNTING = "counting"
_COUNTING_PASSES = 3  # through the excerpts that the beat network has not learned
_MODULES = {"torch": "torch", "mido": "mido", "fluidsynth": "pyfluidsynth", "onnx": "onnx"}
_MODULES_OF_BENCH = {"mir_eval": "mir_eval"}
_PEERS = ("librosa",)
_RENDERED, _RECORDED, _RELABELLED = "beats-rendered", "beats-recorded", "beats-relabelled"  # parts of the training
_KNOWN = "beats-known"
# Recordings are few: each counts several times among the rendered excerpts. A lower rate keeps what is known.
_REPEATS, _LATER_RATE = 4, 2.5e-3
_LAST_SHARE, _LAST_RATE, _TWO = 0.3, 1.5e-3, 0.35  # share of the minutes with pieces in a row, and of crops that are
_VALIDATION_RECORDINGS = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make.

    `data` folder of corpora; `work` folder for everything in between; `out` folder of the model and its card;
    `excerpts` to train on; `minutes` of training with `threads`; `music` folder of recordings to train with in
    `music_minutes` of them, None for none; `held_out` excerpts for validation and for test;
    `clips` of each test group, None for the usual; `ablations` minutes of training for each network compared (0: only
    the filters are compared), None for no ablations; on how many more excerpts the `counting` network is trained, for
    `counting_minutes`, 0 to leave it as it is; `weights` to use instead of training; `card_only` to write the
    card of the model that is in `out`; `training` the trainer's documents, one for each part of the training;
    `figures` documents of the benchmark; `workers` that render; `command` that the card names.
    """

    data: Path
    work: Path
    out: Path = MODELS
    excerpts: int = 1900
    minutes: float = 120.0
    music: Path | None = None
    music_minutes: float = 30.0
    threads: int | None = None
    channels: int | None = None
    held_out: tuple[int, int] = (60, 40)
    clips: tuple[int, ...] | None = None
    ablations: float | None = None
    counting: int = 0
    counting_minutes: float = 3.0
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
    if plan.music is not None:
        _check_music(plan, plan.music)
    if plan.weights is not None:
        _training_of(plan)
    if plan.card_only and not (plan.out / f"{NAME}.onnx").is_file():
        raise DancecoachError(f"There is no {NAME}.onnx in {plan.out}.", "Leave --card-only away to make it.")


def _check_music(plan: Plan, music: Path) -> None:
    if not music.is_dir():
        raise DancecoachError(f"There is no folder {music}.", "Give --music a folder with recordings in it.")
    if plan.weights is None and not 0 < plan.music_minutes < (1 - _LAST_SHARE) * plan.minutes:
        raise DancecoachError(
            f"The minutes with recordings are a part of the first {1 - _LAST_SHARE:.0%} of all minutes.",
            "Give fewer --music-minutes or more --minutes.",
        )


def _training_of(plan: Plan) -> list[dict[str, Any]]:
    """Return what the trainer wrote about the weights, stage by stage."""
    if plan.training:
        return [_read(path) for path in plan.training]
    if plan.weights is not None:
        return [_read(plan.weights.with_suffix(".json"))]
    first = (_RENDERED,) if plan.music is None else (_RENDERED, _RECORDED, _RELABELLED)
    return [_read(plan.work / f"{part}.json") for part in (*first, NAME)]


def _make_model(plan: Plan, model: Path, out: TextIO) -> None:
    import torch

    from dancecoach.training.beat_network import export
    from dancecoach.training.calibrate_beats import calibrate
    from dancecoach.training.fonts import find_fonts
    from dancecoach.training.render_beats import GROUPS, render_clips, render_shards
    from dancecoach.training.train_beats import validate

    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    shards = _shards(plan)
    if plan.weights is not None:
        shards = {split: count for split, count in shards.items() if split != "train"}
    if not (find_fonts(held_out=False) and find_fonts(held_out=True)):
        print(
            "Without FluidSynth and sound fonts most instruments are synthesised and the network learns less; "
            "packaging/training-packages.txt names the system packages.",
            file=out,
        )
    render_shards(plan.data, plan.work, shards, out, plan.workers)
    validation = _excerpts(plan, "validation")
    network = _train(plan, validation, out) if plan.weights is None else _load(plan.weights)
    export(network, model)
    recorded = _held_out_recordings(plan, network, out)
    count = len(validation) + len(recorded)
    print(f"The confidence is fitted on {count} held-out excerpts.", file=out, flush=True)
    calibrate(model, validation, recorded)
    if plan.counting:
        _make_counting(plan, network, model, validation, out)
    test = _excerpts(plan, "test")
    made = {
        "model": digest(model),
        "command": plan.command,
        "excerpts": {
            "train": len(_excerpts(plan, "train")) if plan.weights is None else None,
            "validation": len(validation),
            "test": len(test),
        },
        "losses": {"validation": validate(network, validation), "test": validate(network, test)},
        "training": _training_of(plan),
    }
    _write(plan.work / "made.json", made)
    clips = plan.clips or tuple(group.clips for group in GROUPS)
    render_clips(plan.data, plan.work / "test", clips, out, plan.workers)
    _bench(plan, model, out)


def _make_counting(plan: Plan, network: BeatNetwork, model: Path, validation: list[Excerpt], out: TextIO) -> None:
    """Train the counting network on excerpts that `network` has not learned, and write it with its card."""
    from dancecoach.training.beat_data import SHARD, read_shards
    from dancecoach.training.card import write_counting_card
    from dancecoach.training.counting_network import export as export_counting
    from dancecoach.training.render_beats import render_shards
    from dancecoach.training.train_counting import as_they_are, material
    from dancecoach.training.train_counting import train as train_counting

    first, count = _shards(plan)["train"], -(-plan.counting // SHARD)
    render_shards(plan.data, plan.work, {"train": count}, out, plan.workers, first)
    unheard = list(read_shards(plan.work, "train", count, first))[: plan.counting]
    learned = list(read_shards(plan.work, "train", min(first, count)))[: plan.counting]
    recorded = [] if plan.music is None else _recorded(plan, plan.music, [network], out).train
    heard = BeatModel(model)
    sequences = material(network, heard, unheard, out, _COUNTING_PASSES)
    sequences += material(network, heard, [*learned, *recorded], out, 0)
    minutes = plan.counting_minutes
    print(f"The counting network learns from {len(sequences)} sequences for {minutes:g} min.", file=out, flush=True)
    trained, course = train_counting(sequences, as_they_are(network, heard, validation), minutes, out)
    path = plan.out / f"{COUNTING}.onnx"
    export_counting(trained, path, heard.channels)
    excerpts_of = {"not learned by the beat network": len(unheard), "learned": len(learned)}
    made = {
        "model": digest(path),
        "beats": digest(model),
        "command": plan.command,
        "excerpts": {**excerpts_of, "recordings": len(recorded), "held out": len(validation)},
        "sequences": len(sequences),
        "course": course,
    }
    _write(plan.work / "counting.json", made)
    write_counting_card(made, path)


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
    """Train on rendered excerpts, then with recordings where there are any, then with pieces in a row."""
    from dancecoach.training.ablate_beats import batch_frames
    from dancecoach.training.beat_network import CHANNELS
    from dancecoach.training.train_beats import Recipe, mean_of, train

    excerpts = _excerpts(plan, "train")
    last = _LAST_SHARE * plan.minutes
    minutes = plan.minutes - last - (plan.music_minutes if plan.music is not None else 0.0)
    print(f"Training on {len(excerpts)} excerpts for {minutes:g} min.", file=out, flush=True)
    frames = batch_frames(len(excerpts))
    recipe = Recipe(minutes=minutes, frames=frames, channels=plan.channels or CHANNELS)
    start = plan.work / f"{_RENDERED}.pt"
    networks = [train(excerpts, validation, recipe, start)]
    if plan.music is not None:
        # The labels are made anew once a better network can hear where the first one was wrong.
        for seed, name in enumerate((_RECORDED, _RELABELLED), start=recipe.seed + 1):
            recorded = _recorded(plan, plan.music, networks, out)
            later = replace(recipe, minutes=plan.music_minutes / 2, rate=_LATER_RATE, seed=seed)
            print(f"Training with {len(recorded.train)} recordings for {later.minutes:g} min.", file=out, flush=True)
            weights = plan.work / f"{name}.pt"
            material = excerpts + _REPEATS * recorded.train
            known = validation + recorded.held_out[:_VALIDATION_RECORDINGS]
            networks.append(train(material, known, later, weights, start=start))
            document = weights.with_suffix(".json")
            begun = "the last part began with the mean of the two before it"
            _write(document, {**_read(document), "recordings": recorded.about, "averaged": begun})
            start = weights
        start = plan.work / f"{_KNOWN}.pt"
        mean_of(networks[1:], start)
    else:
        material, known = excerpts, validation
    recipe = replace(recipe, minutes=last, rate=_LAST_RATE, seed=recipe.seed + 3, in_a_row=_TWO)
    print(f"Training with pieces in a row for {last:g} min.", file=out, flush=True)
    return train(material, known, recipe, plan.work / f"{NAME}.pt", start=start)


def _held_out_recordings(plan: Plan, network: BeatNetwork, out: TextIO) -> list[Excerpt]:
    """Return the recordings that were kept from training, labelled by `network`."""
    from dancecoach.training.recorded import find_recordings, label, store_all

    if plan.music is None:
        return []
    recordings = [each for each in find_recordings(plan.music) if each.held_out]
    store_all(recordings, plan.work, out, plan.workers)
    return label(recordings, plan.work, [network], out).held_out


def _recorded(plan: Plan, music: Path, networks: Sequence[BeatNetwork], out: TextIO) -> Labelled:
    """Return the recordings in `music`, labelled with the help of `networks`."""
    from dancecoach.training.recorded import find_recordings, label, store_all

    recordings = find_recordings(music)
    store_all(recordings, plan.work, out, plan.workers)
    labelled = label(recordings, plan.work, networks, out)
    if not labelled.train:
        raise DancecoachError(
            f"No recording in {music} can be trained with.",
            "Give --music a folder with more music of constant tempo, or leave it away.",
        )
    return labelled


def _load(weights: Path) -> BeatNetwork:
    """Return the network of `weights`, as wide as they say."""
    import torch

    from dancecoach.training.train_beats import Recipe, load

    try:
        state = torch.load(weights, weights_only=True)
        return load(weights, Recipe(channels=int(state["heads.weight"].shape[1])))
    except (OSError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise DancecoachError(
            f"{weights.name} does not hold weights of this beat network.", "Give what 'train beats' wrote."
        ) from error


def _bench(plan: Plan, model: Path, out: TextIO) -> None:
    """Measure the model beside the classical tracker, the analysis ahead, and librosa where it is installed."""
    from dancecoach.bench.beat_peers import Streaming, contenders
    from dancecoach.bench.beats import run
    from dancecoach.perception.beat_model import beat_model
    from dancecoach.training.ablate_beats import tracker_of

    beat_model.cache_clear()  # the model that ships may have been made anew
    others = ["classical", *_PEERS]
    if model.resolve() == MODEL.resolve():
        others.append("ahead")
    else:
        print("The analysis ahead uses the model that ships and is not measured with another one.", file=out)
    heard = BeatModel(model)
    trackers: list[Contender] = [Streaming("ours", tracker_of(heard, counting=_counting_of(plan, heard)))]
    trackers += [tracker for tracker in contenders() if tracker.name in others]
    figures = run(plan.work / "test", trackers=trackers, out=out)
    _write(plan.work / "bench.json", {"model": digest(model), **figures, "folder": "test"})


def _counting_of(plan: Plan, heard: BeatModel) -> CountingModel | None:
    """Return the counting network that was made beside the beat network, if any."""
    path = plan.out / f"{COUNTING}.onnx"
    return CountingModel(heard.tempi, path) if path.is_file() else None


def _ablate(plan: Plan, model: Path, out: TextIO) -> None:
    from dancecoach.training.ablate_beats import CLIPS, Budget, compare_filters, compare_rooms

    assert plan.ablations is not None
    clips, network = plan.work / "test", BeatModel(model)
    print("Ablations: filters.", file=out, flush=True)
    filters = compare_filters(network, clips, _counting_of(plan, network))
    document: dict[str, Any] = {"model": digest(model), "clips": CLIPS, "filters": filters}
    if plan.ablations > 0:
        print(f"Ablations: with and without rooms, {plan.ablations:g} min each.", file=out, flush=True)
        budget = Budget(plan.ablations, network.channels)
        excerpts, validation = _excerpts(plan, "train"), _excerpts(plan, "validation")
        document["minutes"] = plan.ablations
        document["rooms"] = compare_rooms(excerpts, validation, budget, plan.work, clips)
    _write(plan.work / "ablations.json", document)


def _write_card(plan: Plan, model: Path, out: TextIO) -> Path:
    from dancecoach.training.card import Facts, write_card, write_card_for_programs

    made = _about(plan.work / "made.json", model, out)
    ablations = _about(plan.work / "ablations.json", model, out)
    bench = _about(plan.work / "bench.json", model, out) if not plan.figures else {}
    figures = [_read(path) for path in plan.figures] or [bench]
    training = [_read(path) for path in plan.training] or made.get("training", [])
    if not training or not all("folders" in each for each in figures):
        raise DancecoachError(
            f"Training and figures of {model.name} are not known in {plan.work}.",
            "Give --training and --figures, or leave --card-only away.",
        )
    if any(each.get("model", digest(model)) != digest(model) for each in figures):
        raise DancecoachError("The figures are of another model.", f"Measure {model.name} and try again.")
    facts = Facts(
        model=model,
        digest=digest(model),
        command=plan.command or str(made.get("command", "")),
        training=training,
        excerpts={split: count for split, count in made.get("excerpts", {}).items() if count is not None},
        losses=made.get("losses", {}),
        figures=figures,
        ablations=ablations or None,
        data=plan.data,
    )
    path = plan.out / f"{NAME}.md"
    write_card(facts, path)
    write_card_for_programs(facts, path.with_suffix(".json"))
    print(f"{model} and {path} are made.", file=out, flush=True)
    return path


def digest(model: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(model.read_bytes()).hexdigest()


def _about(path: Path, model: Path, out: TextIO) -> dict[str, Any]:
    """Return a document of the work folder; nothing where there is none, or where it is about another model."""
    if not path.is_file():
        return {}
    document = _read(path)
    if document.get("model") != digest(model):
        print(f"{path.name} is about another model and is left out.", file=out)
        return {}
    return document


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
