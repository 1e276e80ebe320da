"""The application itself, devices and the demo."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dancecoach import __version__
from dancecoach.commands.terminal import Commands


def add(commands: Commands) -> None:
    """Add the commands."""
    commands.add("devices", _devices, "List cameras, microphones and loudspeakers.")
    demo = commands.add("demo-session", _demo_session, "Make the demo's session again.")
    demo.add_argument("folder", type=Path)


def app_parser(commands: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the application itself, `commands` named in its help."""
    parser = argparse.ArgumentParser(
        prog="dancecoach",
        description="A live dance coach: it counts the music, watches you dance and says early or late.",
        epilog=f"Commands without a window: {', '.join(commands)}; 'dancecoach COMMAND --help' tells more.",
    )
    parser.add_argument("--camera", metavar="NAME|URL|FILE", help="camera, network camera, video or session")
    parser.add_argument("--audio", metavar="NAME|FILE", help="microphone, monitor of the loudspeakers, or sound file")
    parser.add_argument("--music", metavar="FILE", help="music to play; its beats are analysed ahead")
    parser.add_argument("--demo", action="store_true", help="show the demo")
    parser.add_argument("--fullscreen", action="store_true")
    parser.add_argument("--record", metavar="DIR", type=Path, help="record a session into this folder")
    parser.add_argument("--quit-after", metavar="S", type=float, help="quit so many seconds after it is ready")
    parser.add_argument("--screenshot", metavar="FILE", type=Path, help="save the window as a picture on quitting")
    parser.add_argument("--view", choices=("main", "review", "calibration"), default="main", help="what to open")
    parser.add_argument("--size", metavar="WxH", type=_size, help="size of the window")
    parser.add_argument("--version", action="version", version=f"dancecoach {__version__}")
    parser.add_argument("--verbose", action="store_true", help="print the log")
    parser.set_defaults(run=_run_app)
    return parser


def _size(text: str) -> tuple[int, int]:
    width, mark, height = text.partition("x")
    if not mark or not width.isdigit() or not height.isdigit():
        raise argparse.ArgumentTypeError("write it as 1280x720")
    return int(width), int(height)


def _run_app(options: argparse.Namespace) -> int:
    from dancecoach.ui.start import start

    return start(options)


def _devices(options: argparse.Namespace) -> int:
    from dancecoach.ui.start import print_devices

    return print_devices()


def _demo_session(options: argparse.Namespace) -> int:
    from dancecoach.bench.demo import make

    make(options.folder)
    return 0
