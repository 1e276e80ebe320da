"""The command line: it parses, calls and prints."""

from __future__ import annotations

import argparse
import errno
import itertools
import json
import logging
import logging.handlers
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancecoach import __version__
from dancecoach.errors import DancecoachError

if TYPE_CHECKING:
    from dancecoach.types import Floats, PoseTrack

COMMANDS = (
    "analyze",
    "assess",
    "synchrony",
    "beats",
    "devices",
    "replay",
    "partner",
    "bench",
    "train",
    "prompt",
    "demo-session",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run dancecoach; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words[0] if words and words[0] in COMMANDS else None
    parser = _command_parser() if command else _app_parser()
    options, rest = parser.parse_known_args(words)
    if rest and (not hasattr(options, "motions") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:  # argparse does not see a list that comes after an option as part of it
        options.motions += [Path(word) for word in rest]
    _log_to_file(verbose=options.verbose)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except DancecoachError as error:
        logging.getLogger("dancecoach").info("%s", error, exc_info=error)
        print(str(error), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has gone; without this, the interpreter complains when it flushes on leaving.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _log_to_file(verbose: bool) -> None:
    from dancecoach.config import cache_folder

    root = logging.getLogger()
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)  # numpy's words on hostile numbers belong in the log
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            cache_folder() / "dancecoach.log", maxBytes=2_000_000, backupCount=3, encoding="utf-8", delay=True
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(name)s %(levelname)s %(message)s"))
        root.addHandler(handler)
    except OSError:
        verbose = True
    if verbose:
        root.addHandler(logging.StreamHandler())


def _app_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dancecoach",
        description="A live dance coach: it counts the music, watches you dance and says early or late.",
        epilog=f"Commands without a window: {', '.join(COMMANDS[:-1])}; 'dancecoach COMMAND --help' tells more.",
    )
    parser.add_argument("--camera", metavar="NAME|URL|FILE", help="camera, network camera, video or session")
    parser.add_argument("--audio", metavar="NAME|FILE", help="microphone, monitor of the loudspeakers, or sound file")
    parser.add_argument("--music", metavar="FILE", help="music to play; its beats are analysed ahead")
    parser.add_argument("--demo", action="store_true", help="show the demo")
    parser.add_argument("--fullscreen", action="store_true")
    parser.add_argument("--record", metavar="DIR", type=Path, help="record a session into this folder")
    parser.add_argument("--quit-after", metavar="S", type=float, help="quit after so many seconds")
    parser.add_argument("--screenshot", metavar="FILE", type=Path, help="save the window as a picture on quitting")
    parser.add_argument("--view", choices=("main", "review", "calibration"), default="main", help="what to open")
    parser.add_argument("--size", metavar="WxH", type=_size, help="size of the window")
    parser.add_argument("--version", action="version", version=f"dancecoach {__version__}")
    parser.add_argument("--verbose", action="store_true", help="print the log")
    parser.set_defaults(run=_run_app)
    return parser


def _command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dancecoach")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="print the log")
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(run=run)
        return command

    analyze = add("analyze", _analyze, "Find the dancer, the beat and their synchrony in a video.")
    analyze.add_argument("video", type=Path)
    analyze.add_argument("--music", type=Path, help="audio or .beats file that starts with the video")
    analyze.add_argument("--person", type=int, help="whom to follow, from 1, left to right")
    analyze.add_argument("--json", metavar="OUT", default="-", help="where to write the result, - prints it")
    analyze.add_argument("--bvh", metavar="OUT", type=Path, help="write the motion as BVH")

    assess = add(
        "assess", _assess, "Judge every eight-count of a motion: what it is, how well it is danced, and why."
    )
    assess.add_argument("motion", type=Path, help="BVH, NPZ (times, joints), session or video")
    assess.add_argument("--music", type=Path, metavar="FILE", help="audio or .beats file that starts with the motion")
    assess.add_argument("--reference", type=Path, metavar="MOTION", help="what to compare with: BVH, NPZ or session")
    assess.add_argument("--fps", type=float, help="true frame rate of the BVHs")
    assess.add_argument("--json", metavar="OUT", default="-", help="where to write the result, - prints it")

    synchrony = add("synchrony", _synchrony, "Measure the synchrony of a motion with music.")
    synchrony.add_argument("motion", type=Path, help="BVH, NPZ (times, joints) or session")
    synchrony.add_argument("music", type=Path, nargs="?", help="audio or .beats file; a session may bring its own")
    synchrony.add_argument("--fps", type=float, help="true frame rate of a BVH")
    synchrony.add_argument("--json", metavar="OUT", default="-")

    beats = add("beats", _beats, "Announce the beats of an audio file as the live loop would, strictly causally.")
    beats.add_argument("audio", type=Path)
    beats.add_argument("--jsonl", action="store_true", help="one JSON object a line (the only format)")
    beats.add_argument("--realtime", action="store_true", help="as slowly as it sounds")
    beats.add_argument("--block", type=int, help="samples a block; does not change the result")

    add("devices", _devices, "List cameras, microphones and loudspeakers.")

    replay = add("replay", _replay, "Measure a recorded session again.")
    replay.add_argument("session", type=Path)
    replay.add_argument("--json", metavar="OUT", default="-")
    replay.add_argument("--window", action="store_true", help="open it in the review window instead")

    text = "Let the partner dance with a recorded leader, or keep a style it can dance."
    partner = add("partner", _partner, text)
    partner.add_argument("leader", type=Path, nargs="?", help="BVH, NPZ (times, joints) or session")
    partner.add_argument("--music", "--beats", type=Path, metavar="FILE", help="audio or .beats that starts with it")
    partner.add_argument("--model", default="salsa", metavar="NAME|FILE", help="style, or a model's file")
    partner.add_argument("--role", choices=("follower", "leader"), default="follower", help="the partner's")
    partner.add_argument("--out", type=Path, metavar="BVH", help="where to write the partner's motion")
    partner.add_argument("--fps", type=float, help="true frame rate of a BVH")
    partner.add_argument("--horizon", type=float, default=0.0, metavar="MS", help="from a pose to its answer, ms")
    partner.add_argument("--live", action="store_true", help="as slowly as it is danced")
    partner.add_argument("--json", metavar="OUT", help="where to write what it did, - prints it")
    partner.add_argument("--import", dest="imported", type=Path, metavar="FILE", help="keep this model as a style")
    partner.add_argument("--styles", action="store_true", help="list the styles there are")

    benches = commands.add_parser("bench", help="Measure this software.", description="Measure this software.")
    kinds = benches.add_subparsers(required=True)
    text = "Measure the live loop on this machine."
    loop = kinds.add_parser("loop", parents=[common], help=text, description=text)
    loop.set_defaults(run=_bench_loop)
    loop.add_argument("--seconds", type=float, default=60.0)
    loop.add_argument("--video", type=Path, help="video to show to the network camera, default the demo's")
    loop.add_argument("--music", type=Path, help="music to play, default the demo's")
    loop.add_argument("--partner", action="store_true", help="switch the live partner on, measure it too")
    loop.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = "Measure beat trackers side by side on sound whose beats are known."
    beat = kinds.add_parser("beats", parents=[common], help=text, description=text)
    beat.set_defaults(run=_bench_beats)
    beat.add_argument("folder", type=Path, metavar="DIR", help="sound with .beats files, also in sub-folders")
    beat.add_argument("--trackers", metavar="A,B", help="which to run, e.g. ours,classical; default all installed")
    beat.add_argument("--blocks", metavar="N", type=int, default=512, help="samples a block, default 512")
    beat.add_argument("--limit", metavar="N", type=int, help="at most so many clips of every folder")
    beat.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them instead of the table")

    text = "Measure what a step of the encoders, the heads and the comparison with a reference cost."
    encoders = kinds.add_parser("encoders", parents=[common], help=text, description=text)
    encoders.set_defaults(run=_bench_encoders)
    encoders.add_argument("--seconds", type=float, default=30.0, help="of dancing, default 30")
    encoders.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = (
        "Put known faults into prepared motion and see what the coach says of them against the faultless reference."
    )
    assessment = kinds.add_parser("assessment", parents=[common], help=text, description=text)
    assessment.set_defaults(run=_bench_assessment)
    assessment.add_argument("folder", type=Path, metavar="DIR", help="what 'train prepare' wrote; its held-out takes")
    assessment.add_argument("--seconds", type=float, default=16.0, help="of every take, default 16")
    assessment.add_argument("--limit", metavar="N", type=int, help="at most so many takes of every style")
    assessment.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = "Measure partners side by side on duets whose followers are known."
    partner = kinds.add_parser("partner", parents=[common], help=text, description=text)
    partner.set_defaults(run=_bench_partner)
    partner.add_argument("folder", type=Path, metavar="DIR", help="pairs of NAME_leader and NAME_follower, or of CMU")
    partner.add_argument("--folds", metavar="N", type=int, default=5, help="groups of takes, default 5")
    partner.add_argument("--models", metavar="A,B", help="which to run, e.g. ours,mean,mm-steered; default all")
    partner.add_argument("--horizon", metavar="MS", type=float, default=0.0, help="from a pose to its answer, ms")
    partner.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them instead of tables")
    partner.add_argument("--film", metavar="MP4", type=Path, help="only film partners side by side with one leader")
    partner.add_argument("--take", metavar="NAME", help="which leader, for the film")

    _add_training(commands.add_parser("train", help="Make a model anew.", description="Make a model anew."), common)

    _add_prompts(commands.add_parser("prompt", help=_PROMPTS, description=_PROMPTS), common)

    demo = add("demo-session", _demo_session, "Make the demo's session again.")
    demo.add_argument("folder", type=Path)
    return parser


def _add_training(trains: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    models = trains.add_subparsers(required=True)
    text = (
        "Make the beat network anew: render its music, train, measure, write its card. Takes hours; can be resumed."
    )
    beats = models.add_parser("beats", parents=[common], help=text, description=text)
    beats.set_defaults(run=_train_beats)
    beats.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with music/groove_midi, …")
    beats.add_argument("--work", type=Path, required=True, metavar="DIR", help="folder for everything in between")
    beats.add_argument("--out", type=Path, metavar="DIR", help="folder of model and card, default where they ship")
    beats.add_argument("--excerpts", type=int, default=1900, metavar="N", help="of 40 s to train on, default 1900")
    beats.add_argument("--minutes", type=float, default=75.0, metavar="M", help="of training, default 75")
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
    style = models.add_parser("partner", parents=[common], help=text, description=text)
    style.set_defaults(run=_train_partner)
    style.add_argument("--data", type=Path, required=True, metavar="DIR", help="pairs as 'bench partner' takes them")
    style.add_argument("--out", type=Path, metavar="DIR", help="folder of model and card, default where they ship")
    style.add_argument("--name", default="salsa", metavar="STYLE", help="what the style is called, default salsa")
    style.add_argument("--seed", type=int, default=1, metavar="N")
    style.add_argument("--unmeasured", action="store_true", help="do not measure it; seconds instead of minutes")

    text = "Make the encoder of descriptions anew, for the motion encoder that is installed."
    words = models.add_parser("text", parents=[common], help=text, description=text)
    words.set_defaults(run=_train_text)
    words.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="what 'train prepare' made")
    words.add_argument("--out", type=Path, metavar="FILE", help="default where it ships")
    words.add_argument("--steps", type=int, default=600, metavar="N", help="of training, default 600")
    words.add_argument(
        "--ablation", metavar="JSON", help="measure what a text brings for unseen styles; takes minutes"
    )

    text = "Bring recorded motion into one folder to train with: repaired, at 60 frames a second, labelled."
    prepare = models.add_parser("prepare", parents=[common], help=text, description=text)
    prepare.set_defaults(run=_train_prepare)
    prepare.add_argument("kind", choices=("cmu", "g1", "aist", "imperial", "folder"), help="whose files they are")
    prepare.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="folder of the corpus")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is there already stays")
    prepare.add_argument("--fps", type=float, metavar="F", help="true frame rate, where the files' is wrong")

    text = (
        "Make the networks of the assessment anew from a prepared corpus: train, choose, measure, write their card."
    )
    judged = models.add_parser("assessment", parents=[common], help=text, description=text)
    judged.set_defaults(run=_train_assessment)
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
    _add_duets(models, common)


def _add_duets(models: Any, common: argparse.ArgumentParser) -> None:
    text = "Bring a corpus of two who dance together into one folder of pairs, 30 frames a second, with their music."
    prepare = models.add_parser("prepare-duets", parents=[common], help=text, description=text)
    prepare.set_defaults(run=_train_prepare_duets)
    prepare.add_argument("kind", choices=("interdance", "dd100", "compas3d", "folder"), help="whose files they are")
    prepare.add_argument("source", type=Path, metavar="SOURCE", help="folder of the corpus")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is there already stays")
    prepare.add_argument(
        "--fps", type=float, metavar="F", help="true frame rate, where the files' is wrong or missing"
    )
    prepare.add_argument("--no-music", action="store_true", help="leave sound files alone")

    text = "Train the larger partner, which makes dances beforehand, on pairs; measure it on takes it never saw."
    train = models.add_parser("duet", parents=[common], help=text, description=text)
    train.set_defaults(run=_train_duet)
    train.add_argument("--data", type=Path, required=True, metavar="DIR", help="pairs, as 'bench partner' takes them")
    train.add_argument("--out", type=Path, required=True, metavar="FILE", help="weights; the card is written beside")
    train.add_argument(
        "--mode", choices=("reactive", "music"), default="reactive", help="make a follower (default), or both"
    )
    train.add_argument("--minutes", type=float, default=60.0, metavar="M", help="of training, default 60")
    train.add_argument("--width", type=int, default=256, metavar="D", help="of the network, default 256")
    train.add_argument("--layers", type=int, default=6, metavar="L", help="of the network, default 6")
    train.add_argument("--batch", type=int, default=32, metavar="N", help="windows at a time, default 32")
    train.add_argument("--seed", type=int, default=1, metavar="N")
    train.add_argument("--threads", type=int, metavar="N", help="of training, default as many as cores")

    text = "Make a follower for a whole recorded leader, or both from music, with what 'train duet' wrote; not live."
    make = models.add_parser("duet-sample", parents=[common], help=text, description=text)
    make.set_defaults(run=_train_duet_sample)
    make.add_argument("weights", type=Path, metavar="WEIGHTS", help="what 'train duet' wrote")
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="BVH; of both, …_leader and …_follower")
    make.add_argument("--leader", type=Path, metavar="MOTION", help="BVH, NPZ or session, seen to its end")
    make.add_argument("--fps", type=float, help="true frame rate of a BVH")
    make.add_argument("--music", type=Path, metavar="FILE", help="sound, from the dance's first frame on")
    make.add_argument("--tempo", type=float, metavar="BPM", help="a steady beat in place of music")
    make.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of a dance to music, default 20")
    make.add_argument("--steps", type=int, default=10, metavar="N", help="of denoising, default 10")
    make.add_argument("--seed", type=int, default=0, metavar="N")


_PROMPTS = "Teach the coach what to recognise: styles, levels, dances, by a text, by examples or by both."


def _add_prompts(prompts: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    kinds = prompts.add_subparsers(required=True)
    text = "Add a class, or further examples or another text to one."
    add = kinds.add_parser("add", parents=[common], help=text, description=text)
    add.set_defaults(run=_prompt_add)
    add.add_argument("name", help="what it is called")
    add.add_argument(
        "--attribute",
        choices=("style", "level", "dancing", "choreography"),
        default="style",
        help="what it is one of",
    )
    add.add_argument("--text", help="what it looks like, in words")
    add.add_argument(
        "--music", type=Path, metavar="FILE", help="of a choreography: audio or .beats that starts with it"
    )
    add.add_argument("--fps", type=float, help="true frame rate of a BVH")
    add.add_argument("motions", type=Path, nargs="*", metavar="MOTION", help="BVH, NPZ or session: an example")
    text = "List what was taught."
    listing = kinds.add_parser("list", parents=[common], help=text, description=text)
    listing.set_defaults(run=_prompt_list)
    text = "Remove a class."
    remove = kinds.add_parser("remove", parents=[common], help=text, description=text)
    remove.set_defaults(run=_prompt_remove)
    remove.add_argument("name")


def _size(text: str) -> tuple[int, int]:
    width, mark, height = text.partition("x")
    if not mark or not width.isdigit() or not height.isdigit():
        raise argparse.ArgumentTypeError("write it as 1280x720")
    return int(width), int(height)


def _write_json(document: dict[str, Any], out: str | None) -> None:
    # Plain ASCII: a terminal or pipe of another encoding, or a file name that is not Unicode, breaks nothing.
    text = json.dumps(document, allow_nan=False)
    if out is None or out == "-":
        print(text)
        return
    try:
        Path(out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(out, error.strerror) from error


def _unwritable(out: str | Path, why: str | None) -> DancecoachError:
    name = str(out) or "A file without a name"
    return DancecoachError(f"{name} cannot be written ({why}).", "Choose another place.")


def _require_writable(out: str | Path | None) -> None:
    """Refuse a place that cannot be written before long work, not after it."""
    if out is None or str(out) == "-":
        return
    path = Path(out)
    try:
        if not str(out) or path.is_dir():
            raise _unwritable(out, os.strerror(errno.EISDIR))
        if not path.parent.is_dir():
            raise _unwritable(out, os.strerror(errno.ENOENT))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise _unwritable(out, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise _unwritable(out, getattr(error, "strerror", None) or "no such name can be") from error


def _require(path: Path) -> None:
    try:
        found = path.exists()
    except OSError as error:  # a name too long, a folder that may not be looked into
        name = str(path) if len(str(path)) <= 80 else f"{str(path)[:77]}..."
        raise DancecoachError(f"{name} cannot be opened ({error.strerror}).", "Check the name.") from error
    if not found:
        raise DancecoachError(f"There is no {path}.", "Check the name.")


def _run_app(options: argparse.Namespace) -> int:
    from dancecoach.ui.start import start

    return start(options)


def _analyze(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.offline import analyse_video
    from dancecoach.session.bvh import write_bvh

    for path in (options.video, options.music):
        if path is not None:
            _require(path)
    if options.person is not None and options.person < 1:
        raise DancecoachError(f"There is no person {options.person}.", "Give --person a number from 1.")
    _require_writable(options.json)
    _require_writable(options.bvh)
    shown = _Progress(f"Analysing {options.video.name}")
    found = analyse_video(options.video, options.music, options.person, shown.show)
    shown.done()
    if options.bvh is not None:
        try:
            write_bvh(options.bvh, found.track)
        except OSError as error:
            raise _unwritable(options.bvh, error.strerror) from error
    music = str(options.music) if options.music is not None else None
    _write_json(report.analysis(found, str(options.video), music), options.json)
    return 0


def _assess(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.assessing import assess_file

    for path in (options.motion, options.music, options.reference):
        if path is not None:
            _require(path)
    _require_writable(options.json)
    found = assess_file(options.motion, options.music, options.reference, options.fps)
    names = ("motion", "music", "reference")
    given = {name: getattr(options, name) for name in names}
    inputs = {name: None if path is None else str(path) for name, path in given.items()}
    _write_json(report.assessed(found, **inputs), options.json)
    return 0


def _partner(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.duetting import dance_file
    from dancecoach.partner.styles import import_style, styles
    from dancecoach.session.bvh import write_bvh

    if options.imported is not None:
        _require(options.imported)
        print(f"The partner can now dance {import_style(options.imported)}.")
    if options.styles:
        print("\n".join(styles()))
    if options.leader is None:
        if options.imported is None and not options.styles:
            raise DancecoachError("There is no leader to dance with.", "Name a motion file or a session.")
        return 0
    for path in (options.leader, options.music):
        if path is not None:
            _require(path)
    if options.out is None and options.json is None:
        raise DancecoachError(
            "Nobody would see the dance.", "Say where to write it: --out FOLLOWER.bvh, or --json -."
        )
    _require_writable(options.out)
    _require_writable(options.json)
    shown = _Progress(f"Dancing with {options.leader.name}")
    found = dance_file(
        options.leader,
        options.music,
        options.model,
        options.role,
        options.fps,
        options.horizon / 1000.0,
        options.live,
        shown.show,
    )
    shown.done()
    if options.out is not None:
        try:
            write_bvh(options.out, found.track)
        except OSError as error:
            raise _unwritable(options.out, error.strerror) from error
    if options.json is not None:
        music = None if options.music is None else str(options.music)
        out = "" if options.out is None else str(options.out)
        _write_json(report.partner(found, str(options.leader), out, music), options.json)
    return 0


def _synchrony(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.offline import measure_motion
    from dancecoach.session.motion import read_motion

    _require(options.motion)
    track = read_motion(options.motion, options.fps)
    if options.music is None:
        return _replay_session(options.motion, options.json, report.SYNCHRONY)
    _require(options.music)
    grid, total, scores = measure_motion(track, options.music)
    inputs = {"motion": str(options.motion), "music": str(options.music), "frames": len(track)}
    _write_json(report.measured(report.SYNCHRONY, grid, total, scores, **inputs), options.json)
    return 0


def _beats(options: argparse.Namespace) -> int:
    from dancecoach.offline import announce_beats

    _require(options.audio)
    if options.block is not None and options.block < 1:
        raise DancecoachError("A block has at least one sample.", "Give --block a positive number.")
    started = time.perf_counter()
    for heard, announced in announce_beats(options.audio, options.block):
        if options.realtime:
            time.sleep(max(0.0, started + heard - time.perf_counter()))
        for beat in announced:
            line = {
                "time": round(beat.time, 4),
                "count": beat.count,
                "downbeat": beat.downbeat,
                "tempo": round(beat.tempo, 3),
                "confidence": round(beat.confidence, 4),
                "announced_at": round(beat.announced_at, 4),
            }
            print(json.dumps(line), flush=options.realtime)
    return 0


def _devices(options: argparse.Namespace) -> int:
    from dancecoach.ui.start import print_devices

    return print_devices()


def _replay(options: argparse.Namespace) -> int:
    from dancecoach import report

    _require(options.session)
    if options.window:
        from dancecoach.ui.start import start

        arguments = ["--view", "review", "--record", str(options.session.parent)]
        return start(_app_parser().parse_args(arguments), options.session)
    return _replay_session(options.session, options.json, report.REPLAY)


def _replay_session(folder: Path, out: str, schema: str) -> int:
    from dancecoach import report
    from dancecoach.assessment.take import measure_recording
    from dancecoach.session.store import open_session

    session = open_session(folder)
    total, scores = measure_recording(session.track, session.beat_grid)
    inputs = {"session": str(folder), "duration": round(session.duration, 3), "poses": len(session.track)}
    _write_json(report.measured(schema, session.beat_grid, total, scores, **inputs), out)
    return 0


def _bench_loop(options: argparse.Namespace) -> int:
    from dancecoach.bench.loop import run

    _require_writable(options.json)
    figures = run(options.seconds, options.video, options.music, options.partner)
    if options.json is not None:
        _write_json(figures, options.json)
    return 0


def _bench_beats(options: argparse.Namespace) -> int:
    from dancecoach.bench.beats import run

    _require_writable(options.json)
    names = None
    if options.trackers is not None:
        names = [name.strip() for name in options.trackers.split(",") if name.strip()]
    # Who reads the document from a pipe sees the table on the terminal all the same.
    table = sys.stderr if options.json == "-" else sys.stdout
    figures = run(options.folder, names, options.blocks, options.limit, table)
    if options.json is not None:
        _write_json(figures, options.json)
    return 0


def _bench_encoders(options: argparse.Namespace) -> int:
    from dancecoach.bench.encoders import run

    _require_writable(options.json)
    figures = run(options.seconds, sys.stderr if options.json == "-" else sys.stdout)
    if options.json is not None:
        _write_json(figures, options.json)
    return 0


def _bench_partner(options: argparse.Namespace) -> int:
    from dancecoach.bench.partner import run

    _require_writable(options.json)
    if options.film is not None:
        from dancecoach.bench.partner_video import film

        _require_writable(options.film)
        film(options.folder, options.film, options.folds, options.take)
        return 0
    names = None
    if options.models is not None:
        names = [name.strip() for name in options.models.split(",") if name.strip()]
    tables = sys.stderr if options.json == "-" else sys.stdout
    figures = run(options.folder, options.folds, names, options.horizon, tables)
    if options.json is not None:
        _write_json(figures, options.json)
    return 0


def _bench_assessment(options: argparse.Namespace) -> int:
    from dancecoach.assessment.encoders import load_encoders
    from dancecoach.training import bench_assessment

    _require_writable(options.json)
    table = sys.stderr if options.json == "-" else sys.stdout
    encoders = load_encoders(kept=math.inf)
    figures = bench_assessment.run(options.folder, encoders, options.seconds, options.limit, table)
    if options.json is not None:
        _write_json(figures, options.json)
    return 0


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
            weights=options.weights,
            card_only=options.card_only,
            training=tuple(options.training),
            figures=tuple(options.figures),
            command=_train_command(options),
        )
    )
    return 0


def _train_prepare(options: argparse.Namespace) -> int:
    from dancecoach.training.motion_corpora import prepare

    for name, (count, seconds) in sorted(prepare(options.kind, options.sources, options.out, options.fps).items()):
        print(f"{name}: {count} takes, {seconds:.0f} s")
    return 0


def _train_prepare_duets(options: argparse.Namespace) -> int:
    from dancecoach.training.duet_corpora import prepare_duets

    written = prepare_duets(options.kind, options.source, options.out, options.fps, music=not options.no_music)
    for name, seconds in written:
        print(f"{name}: {seconds:.0f} s")
    print(f"{len(written)} pairs, {sum(seconds for _, seconds in written) / 60.0:.1f} min")
    return 0


def _train_duet(options: argparse.Namespace) -> int:
    import torch

    from dancecoach.training.duet_network import Shape
    from dancecoach.training.train_duet import Recipe, figures_text, make

    _require_writable(options.out)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    if not options.verbose:
        log = logging.getLogger("dancecoach.training")
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.INFO)
    words = [f"--mode {options.mode}", f"--minutes {options.minutes:g}", f"--width {options.width}"]
    words += [f"--layers {options.layers}", f"--batch {options.batch}", f"--seed {options.seed}"]
    shape = Shape(options.mode, options.width, options.layers)
    recipe = Recipe(minutes=options.minutes, batch=options.batch, seed=options.seed)
    card = make(options.data, options.out, shape, recipe, "dancecoach train duet --data DIR " + " ".join(words))
    if card:
        print(figures_text(card["figures"]))
    return 0


def _train_duet_sample(options: argparse.Namespace) -> int:
    from dancecoach.training.sample_duet import Wish, make_dance

    for path in (options.weights, options.leader, options.music):
        if path is not None:
            _require(path)
    _require_writable(options.out)
    wish = Wish(
        options.leader, options.fps, options.music, options.tempo, options.seconds, options.steps, options.seed
    )
    for path in make_dance(options.weights, options.out, wish):
        print(path)
    return 0


def _train_text(options: argparse.Namespace) -> int:
    from dancecoach.assessment import prompts, text_model
    from dancecoach.assessment.encoders import MODELS, load_encoders
    from dancecoach.training import corpus
    from dancecoach.training.make_text import make, write_card
    from dancecoach.training.text_network import Recipe

    _require_writable(options.ablation)
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
        _write_json(figures, options.ablation)
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


def _train_command(options: argparse.Namespace) -> str:
    """Return the command as anybody may repeat it, without folders; empty when only the card is written."""
    if options.card_only:
        return ""
    words = ["dancecoach train beats --data DIR --work DIR", f"--excerpts {options.excerpts}"]
    words.append(f"--minutes {options.minutes:g}" if options.weights is None else "--weights FILE")
    if options.music is not None and options.weights is None:
        words.append(f"--music DIR --music-minutes {options.music_minutes:g}")
    chosen = {"channels": options.channels, "ablations": options.ablations}
    words += [f"--{name} {value:g}" for name, value in chosen.items() if value is not None]
    return " ".join(words)


def _prompt_add(options: argparse.Namespace) -> int:
    import numpy as np

    from dancecoach.assessment import prompts
    from dancecoach.assessment.text_model import TextModel

    for path in options.motions:
        _require(path)
    if options.attribute == "choreography":
        return _learn(options)
    book = prompts.load_current() if options.motions else prompts.load()
    told = None
    if options.text is not None:
        model = TextModel()
        told = model.embed(options.text)
        book = book.made_with(model.motion)
    examples = np.empty((0, 0))
    if options.motions:
        examples = np.concatenate([_embeddings(path, options.fps) for path in options.motions])
    prompt = prompts.Prompt(options.name, options.attribute, options.text, told, examples)
    prompts.save(book.with_prompt(prompt))
    return 0


def _learn(options: argparse.Namespace) -> int:
    """Keep a movement, with its beats, as a choreography that is recognised and compared with."""
    from dancecoach.assessing import open_motion
    from dancecoach.session import choreographies

    if len(options.motions) != 1 or options.text is not None:
        raise DancecoachError("A choreography is one motion.", "Give one file or session, and no text.")
    if options.music is not None:
        _require(options.music)
    track, grid = open_motion(options.motions[0], options.music, options.fps)
    choreographies.save(options.name, track, grid)
    return 0


def _embeddings(path: Path, fps: float | None) -> Floats:
    """Return embeddings (N, D) of a motion: of every four seconds, about as long as an eight-count."""
    import numpy as np

    from dancecoach.assessment.encoders import load_encoders
    from dancecoach.session.motion import read_motion

    encoders = load_encoders(kept=float("inf"))
    if encoders.motion is None or encoders.judge is None:
        raise DancecoachError(encoders.reason or "There is no motion encoder.", "Teach by --text alone.")
    track = read_motion(path, fps)
    start, stop = (float(track.times[0]), float(track.times[-1])) if len(track) else (0.0, 0.0)
    edges = np.linspace(start, stop + 1e-3, max(1, round((stop - start) / 4.0)) + 1)
    found = encoders.judge_track(track, None, list(itertools.pairwise(edges)))
    examples = [each.embedding for each in found if each is not None]
    if not examples:
        raise DancecoachError(f"{path.name} is too short to be an example.", "Choose one of at least four seconds.")
    return np.stack(examples)


def _prompt_list(_: argparse.Namespace) -> int:
    from dancecoach.assessment import prompts
    from dancecoach.session import choreographies

    for prompt in prompts.load().prompts:
        count = len(prompt.examples)
        text = f", {json.dumps(prompt.text)}" if prompt.text is not None else ""
        print(f"{prompt.attribute} {prompt.name}: {count} {'example' if count == 1 else 'examples'}{text}")
    for name in choreographies.names():
        print(f"choreography {name}")
    return 0


def _prompt_remove(options: argparse.Namespace) -> int:
    from dancecoach.assessment import prompts
    from dancecoach.session import choreographies

    if options.name in choreographies.names() and choreographies.remove(options.name):
        return 0
    prompts.save(prompts.load().without(options.name))
    return 0


def _demo_session(options: argparse.Namespace) -> int:
    from dancecoach.bench.demo import make

    make(options.folder)
    return 0


class _Progress:
    """A line on the terminal that counts up; silent where nobody watches."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = -1
        self._visible = sys.stderr.isatty()

    def show(self, share: float) -> bool:
        percent = int(share * 100)
        if self._visible and percent != self._shown and share >= 0:
            self._shown = percent
            print(f"\r{self._text} {percent:3d} %", end="", file=sys.stderr, flush=True)
        return True

    def done(self) -> None:
        if self._visible and self._shown >= 0:
            print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
