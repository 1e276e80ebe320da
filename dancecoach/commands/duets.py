"""train prepare-duets, duet, duet-sample: the larger partner, made beforehand."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from dancecoach.commands.terminal import Commands, require, require_writable


def add(commands: Commands) -> None:
    """Add the commands to those of "train"."""
    text = "Bring a corpus of two who dance together into one folder of pairs, 30 frames a second, with their music."
    prepare = commands.add("prepare-duets", _train_prepare_duets, text)
    prepare.add_argument("kind", choices=("interdance", "dd100", "compas3d", "folder"), help="whose files they are")
    prepare.add_argument("source", type=Path, metavar="SOURCE", help="folder of the corpus")
    prepare.add_argument("--out", type=Path, required=True, metavar="DIR", help="what is there already stays")
    prepare.add_argument(
        "--fps", type=float, metavar="F", help="true frame rate, where the files' is wrong or missing"
    )
    prepare.add_argument("--no-music", action="store_true", help="leave sound files alone")

    text = "Train the larger partner, which makes dances beforehand, on pairs; measure it on takes it never saw."
    train = commands.add("duet", _train_duet, text)
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
    make = commands.add("duet-sample", _train_duet_sample, text)
    make.add_argument("weights", type=Path, metavar="WEIGHTS", help="what 'train duet' wrote")
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="BVH; of both, …_leader and …_follower")
    make.add_argument("--leader", type=Path, metavar="MOTION", help="BVH, NPZ or session, seen to its end")
    make.add_argument("--fps", type=float, help="true frame rate of a BVH")
    make.add_argument("--music", type=Path, metavar="FILE", help="sound, from the dance's first frame on")
    make.add_argument("--tempo", type=float, metavar="BPM", help="a steady beat in place of music")
    make.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of a dance to music, default 20")
    make.add_argument("--steps", type=int, default=10, metavar="N", help="of denoising, default 10")
    make.add_argument("--seed", type=int, default=0, metavar="N")


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

    require_writable(options.out)
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
            require(path)
    require_writable(options.out)
    wish = Wish(
        options.leader, options.fps, options.music, options.tempo, options.seconds, options.steps, options.seed
    )
    for path in make_dance(options.weights, options.out, wish):
        print(path)
    return 0
