"""partner: the partner dances with a recorded leader."""

from __future__ import annotations

import argparse
from pathlib import Path

from dancecoach.commands.terminal import Commands, Progress, require, require_writable, unwritable, write_json
from dancecoach.errors import DancecoachError


def add(commands: Commands) -> None:
    """Add the command."""
    text = "Let the partner dance with a recorded leader, or keep a style it can dance."
    partner = commands.add("partner", _partner, text)
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


def _partner(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.duetting import dance_file
    from dancecoach.partner.styles import import_style, styles
    from dancecoach.session.bvh import write_bvh

    if options.imported is not None:
        require(options.imported)
        print(f"The partner can now dance {import_style(options.imported)}.")
    if options.styles:
        print("\n".join(styles()))
    if options.leader is None:
        if options.imported is None and not options.styles:
            raise DancecoachError("There is no leader to dance with.", "Name a motion file or a session.")
        return 0
    for path in (options.leader, options.music):
        if path is not None:
            require(path)
    if options.out is None and options.json is None:
        raise DancecoachError(
            "Nobody would see the dance.", "Say where to write it: --out FOLLOWER.bvh, or --json -."
        )
    require_writable(options.out)
    require_writable(options.json)
    shown = Progress(f"Dancing with {options.leader.name}")
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
            raise unwritable(options.out, error.strerror) from error
    if options.json is not None:
        music = None if options.music is None else str(options.music)
        out = "" if options.out is None else str(options.out)
        write_json(report.partner(found, str(options.leader), out, music), options.json)
    return 0
