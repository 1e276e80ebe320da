"""train: make a model anew."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dancecoach.commands import duets
from dancecoach.commands.terminal import Commands, require_writable, write_json
from dancecoach.errors import DancecoachError

if TYPE_CHECKING:
    from dancecoach.types import Floats, PoseTrack


def add(commands: Commands) -> None:
    """Add the commands."""
    commands = commands.nested("train", "Make a model anew.")
    text = (
        "Make the beat network anew: render its music, train, measure, write its card. Takes hours; can be resumed."
    )
    beats = commands.add("beats", _train_beats, text)
    beats.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with music/groove_midi, …")
    beats.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for everything in between")
    beats.add_argument("--out", type=Path, metavar="DIR", help="folder of model and card, default where they ship")
    beats.add_argument("--excerpts", type=int, default=1900, metavar="N", help="of 40 s to train on, default 1900")
    beats.add_argument("--minutes", type=float, default=120.0, metavar="M", help="of training, default 120")
    beats.add_argument(
        "--music", type=Path, metavar="DIR", help="recordings to train with afterwards, at any depth of the folder"
    )
    beats.add_argument(
        "--music-minutes", type=float, default=30.0, metavar="M", help="of the minutes, with --music; default 30"
    )
    beats.add_argument("--threads", type=int, metavar="N", help="of training, default as many as cores")
    beats.add_argument("--channels", type=int, metavar="N", help="width of the network")
    beats.add_argument(
        "--ablations", type=float, metavar="M", help="compare without its parts, M min for each training"
    )
    beats.add_argument(
        "--counting",
        type=int,
        default=600,
        metavar="N",
        help="more excerpts for the network that counts the beats, 0 leaves it as it is; default 600",
    )
    beats.add_argument("--weights", type=Path, metavar="FILE", help="use these weights instead of training")
    beats.add_argument("--card-only", action="store_true", help="write the card of the model that is there")
    beats.add_argument(
        "--training", type=Path, nargs="+", default=[], metavar="JSON", help="what the trainer wrote, a file per part"
    )
    beats.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        default=[],
        metavar="JSON",
        help="what 'bench beats --json' wrote, for the card",
    )

    text = "Make the partner's model anew from duets: learn, measure on takes left out, write its card."
    style = commands.add("partner", _train_partner, text)
    style.add_argument("--data", type=Path, required=True, metavar="DIR", help="pairs as 'bench partner' takes them")
    style.add_argument("--out", type=Path, metavar="DIR", help="folder of model and card, default where they ship")
    style.add_argument("--name", default="salsa", metavar="STYLE", help="what the style is called, default salsa")
    style.add_argument("--seed", type=int, default=1, metavar="N")
    style.add_argument("--unmeasured", action="store_true", help="do not measure it; seconds instead of minutes")

    text = "Make the encoder of descriptions anew, for the motion encoder that is installed."
    words = commands.add("text", _train_text, text)
    words.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="what 'train prepare' made")
    words.add_argument("--out", type=Path, metavar="FILE", help="default where it ships")
    words.add_argument("--steps", type=int, default=600, metavar="N", help="of training, default 600")
    words.add_argument(
        "--ablation", metavar="JSON", help="measure what a text brings for unseen styles; takes minutes"
    )

    text = "Bring recorded motion into one folder to train with: repaired, at 60 frames a second, labelled."
    prepare = commands.add("prepare", _train_prepare, text)
    prepare.add_argument("kind", choices=("cmu", "g1", "aist", "imperial", "folder"), help="whose files they are")
    prepare.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="folder of the corpus")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is there already stays")
    prepare.add_argument("--fps", type=float, metavar="F", help="true frame rate, where the files' is wrong")

    text = (
        "Make the networks of the assessment anew from a prepared corpus: train, choose, measure, write their card."
    )
    judged = commands.add("assessment", _train_assessment, text)
    judged.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared by 'train prepare'")
    judged.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for everything in between")
    judged.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of networks and card, default where they ship"
    )
    judged.add_argument("--pairs", type=Path, metavar="DIR", help="music of the takes (dancecoach.training.pairs)")
    judged.add_argument("--groups", type=int, default=4096, metavar="N", help="of clips to train on, default 4096")
    judged.add_argument(
        "--minutes", type=float, default=25.0, metavar="M", help="of training the encoder, default 25"
    )
    judged.add_argument("--tables", type=float, default=0.0, metavar="M", help="compare encoders, M min for each")
    judged.add_argument("--seed", type=int, default=1, metavar="N")
    judged.add_argument("--threads", type=int, default=1, metavar="N", help="of training, default 1")
    duets.add(commands)


def _train_beats(options: argparse.Namespace) -> int:
    from dancecoach.perception.beat_model import MODELS
    from dancecoach.training.make_beats import Plan, make

    if not options.verbose:  # the course of training is what one waits for
        logging.getLogger("dancecoach.training").addHandler(logging.StreamHandler())
    make(
        Plan(
            data=options.data,
            work=options.work,
            out=options.out or MODELS,
            excerpts=options.excerpts,
            minutes=options.minutes,
            music=options.music,
            music_minutes=options.music_minutes,
            threads=options.threads,
            channels=options.channels,
            ablations=options.ablations,
            counting=options.counting,
            weights=options.weights,
            card_only=options.card_only,
            training=tuple(options.training),
            figures=tuple(options.figures),
            command=_train_command(options),
        )
    )
    return 0


def _train_command(options: argparse.Namespace) -> str:
    """Return the command as anybody may repeat it, without folders; empty when only the card is written."""
    if options.card_only:
        return ""
    words = ["dancecoach train beats --data DIR --work DIR", f"--excerpts {options.excerpts}"]
    words.append(f"--minutes {options.minutes:g}" if options.weights is None else "--weights FILE")
    if options.music is not None and options.weights is None:
        words.append(f"--music DIR --music-minutes {options.music_minutes:g}")
    chosen = {"channels": options.channels, "ablations": options.ablations, "counting": options.counting}
    words += [f"--{name} {value:g}" for name, value in chosen.items() if value is not None]
    return " ".join(words)


def _train_prepare(options: argparse.Namespace) -> int:
    from dancecoach.training.motion_corpora import prepare

    for name, (count, seconds) in sorted(prepare(options.kind, options.sources, options.out, options.fps).items()):
        print(f"{name}: {count} takes, {seconds:.0f} s")
    return 0


def _train_text(options: argparse.Namespace) -> int:
    from dancecoach.assessment import prompts, text_model
    from dancecoach.assessment.encoders import MODELS, load_encoders
    from dancecoach.training import corpus
    from dancecoach.training.make_text import make, write_card
    from dancecoach.training.text_network import Recipe

    require_writable(options.ablation)
    encoders = load_encoders(kept=float("inf"))
    if encoders.motion is None or encoders.judge is None:
        raise DancecoachError(encoders.reason or "There is no motion encoder.", "Make it first.")

    def embed(track: PoseTrack, spans: Sequence[tuple[float, float]]) -> list[Floats | None]:
        return [None if each is None else each.embedding for each in encoders.judge_track(track, None, spans)]

    out = options.out or text_model.MODEL
    motion = prompts.name_of(MODELS / "motion.onnx", MODELS / "judge.onnx")
    takes = corpus.load(options.corpus)
    figures = make(takes, embed, out, motion, Recipe(steps=options.steps), ablation=options.ablation is not None)
    if options.ablation is not None:
        write_json(figures, options.ablation)
        command = f"dancecoach train text --corpus DIR --steps {options.steps} --ablation JSON"
        write_card(out, figures, motion, options.steps, command)
    return 0


def _train_partner(options: argparse.Namespace) -> int:
    from dancecoach.partner.model import MODELS
    from dancecoach.training.make_partner import Plan, make

    if not options.verbose:
        logging.getLogger("dancecoach.training").addHandler(logging.StreamHandler())
    command = f"dancecoach train partner --data DIR --name {options.name} --seed {options.seed}"
    out = options.out or MODELS
    make(Plan(options.name, options.data, out, options.seed, measured=not options.unmeasured, command=command))
    return 0


def _train_assessment(options: argparse.Namespace) -> int:
    from dancecoach.assessment.encoders import MODELS
    from dancecoach.training.train_assessment import Plan, make

    if not options.verbose:
        logging.getLogger("dancecoach.training").addHandler(logging.StreamHandler())
    words = ["dancecoach train assessment --data DIR --work DIR", f"--groups {options.groups}"]
    words += [f"--minutes {options.minutes:g}", f"--seed {options.seed}"]
    words += ["--pairs DIR"] * (options.pairs is not None) + [f"--tables {options.tables:g}"] * bool(options.tables)
    make(
        Plan(
            data=options.data,
            work=options.work,
            out=options.out or MODELS,
            pairs=options.pairs,
            groups=options.groups,
            minutes=options.minutes,
            tables=options.tables,
            seed=options.seed,
            threads=options.threads,
            command=" ".join(words),
        )
    )
    return 0
