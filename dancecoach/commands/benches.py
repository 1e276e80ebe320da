"""bench: measure this software."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from dancecoach.commands.terminal import Commands, require_writable, write_json


def add(commands: Commands) -> None:
    """Add the commands."""
    commands = commands.nested("bench", "Measure this software.")
    text = "Measure the live loop on this machine."
    loop = commands.add("loop", _bench_loop, text)
    loop.add_argument("--seconds", type=float, default=60.0)
    loop.add_argument("--video", type=Path, help="video to show to the network camera, default the demo's")
    loop.add_argument("--music", type=Path, help="music to play, default the demo's")
    loop.add_argument("--partner", action="store_true", help="switch the live partner on, measure it too")
    loop.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = "Measure beat trackers side by side on sound whose beats are known."
    beat = commands.add("beats", _bench_beats, text)
    beat.add_argument("folder", type=Path, metavar="DIR", help="sound with .beats files, also in sub-folders")
    beat.add_argument("--trackers", metavar="A,B", help="which to run, e.g. ours,classical; default all installed")
    beat.add_argument("--blocks", metavar="N", type=int, default=512, help="samples a block, default 512")
    beat.add_argument("--limit", metavar="N", type=int, help="at most so many clips of every folder")
    beat.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them instead of the table")

    text = "Measure what a step of the encoders, the heads and the comparison with a reference cost."
    encoders = commands.add("encoders", _bench_encoders, text)
    encoders.add_argument("--seconds", type=float, default=30.0, help="of dancing, default 30")
    encoders.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = (
        "Put known faults into prepared motion and see what the coach says of them against the faultless reference."
    )
    assessment = commands.add("assessment", _bench_assessment, text)
    assessment.add_argument("folder", type=Path, metavar="DIR", help="what 'train prepare' wrote; its held-out takes")
    assessment.add_argument("--seconds", type=float, default=16.0, help="of every take, default 16")
    assessment.add_argument("--limit", metavar="N", type=int, help="at most so many takes of every style")
    assessment.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them")

    text = "Measure partners side by side on duets whose followers are known."
    partner = commands.add("partner", _bench_partner, text)
    partner.add_argument("folder", type=Path, metavar="DIR", help="pairs of NAME_leader and NAME_follower, or of CMU")
    partner.add_argument("--folds", metavar="N", type=int, default=5, help="groups of takes, default 5")
    partner.add_argument("--models", metavar="A,B", help="which to run, e.g. ours,mean,mm-steered; default all")
    partner.add_argument("--horizon", metavar="MS", type=float, default=0.0, help="from a pose to its answer, ms")
    partner.add_argument("--json", metavar="OUT", help="where to write the figures, - prints them instead of tables")
    partner.add_argument("--film", metavar="MP4", type=Path, help="only film partners side by side with one leader")
    partner.add_argument("--take", metavar="NAME", help="which leader, for the film")


def _bench_loop(options: argparse.Namespace) -> int:
    from dancecoach.bench.loop import run

    require_writable(options.json)
    figures = run(options.seconds, options.video, options.music, options.partner)
    if options.json is not None:
        write_json(figures, options.json)
    return 0


def _bench_beats(options: argparse.Namespace) -> int:
    from dancecoach.bench.beats import run

    require_writable(options.json)
    names = None
    if options.trackers is not None:
        names = [name.strip() for name in options.trackers.split(",") if name.strip()]
    # Who reads the document from a pipe sees the table on the terminal all the same.
    table = sys.stderr if options.json == "-" else sys.stdout
    figures = run(options.folder, names, options.blocks, options.limit, table)
    if options.json is not None:
        write_json(figures, options.json)
    return 0


def _bench_encoders(options: argparse.Namespace) -> int:
    from dancecoach.bench.encoders import run

    require_writable(options.json)
    figures = run(options.seconds, sys.stderr if options.json == "-" else sys.stdout)
    if options.json is not None:
        write_json(figures, options.json)
    return 0


def _bench_partner(options: argparse.Namespace) -> int:
    from dancecoach.bench.partner import run

    require_writable(options.json)
    if options.film is not None:
        from dancecoach.bench.partner_video import film

        require_writable(options.film)
        film(options.folder, options.film, options.folds, options.take)
        return 0
    names = None
    if options.models is not None:
        names = [name.strip() for name in options.models.split(",") if name.strip()]
    tables = sys.stderr if options.json == "-" else sys.stdout
    figures = run(options.folder, options.folds, names, options.horizon, tables)
    if options.json is not None:
        write_json(figures, options.json)
    return 0


def _bench_assessment(options: argparse.Namespace) -> int:
    from dancecoach.assessment.encoders import load_encoders
    from dancecoach.training import bench_assessment

    require_writable(options.json)
    table = sys.stderr if options.json == "-" else sys.stdout
    encoders = load_encoders(kept=math.inf)
    figures = bench_assessment.run(options.folder, encoders, options.seconds, options.limit, table)
    if options.json is not None:
        write_json(figures, options.json)
    return 0
