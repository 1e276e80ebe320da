"""The command line: it parses, calls and says what went wrong."""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dancecoach.commands import application, benches, judging, partner, prompts, training
from dancecoach.commands.terminal import Commands
from dancecoach.errors import DancecoachError

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
    parser = _command_parser() if command else application.app_parser(COMMANDS[:-1])
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


def _command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dancecoach")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="print the log")
    commands = Commands(parser.add_subparsers(required=True), common)
    for module in (judging, partner, benches, training, prompts, application):
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
