"""What the commands share: files that must be there, places that can be written, results, progress."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dancecoach.errors import DancecoachError


class Commands:
    """Where commands are added: `group` is argparse's, `common` what all of them take."""

    def __init__(self, group: Any, common: argparse.ArgumentParser) -> None:
        self._group = group
        self._common = common

    def add(self, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """Add a command that is carried out by `run`, which returns the exit status."""
        command: argparse.ArgumentParser = self._group.add_parser(
            name, parents=[self._common], help=text, description=text
        )
        command.set_defaults(run=run)
        return command

    def nested(self, name: str, text: str) -> Commands:
        """Add a command that has commands of its own, and return where those are added."""
        parser = self._group.add_parser(name, help=text, description=text)
        return Commands(parser.add_subparsers(required=True), self._common)


def write_json(document: dict[str, Any], out: str | None) -> None:
    """Write `document` to the file `out`, or print it where that is "-" or None."""
    # Plain ASCII: a terminal or pipe of another encoding, or a file name that is not Unicode, breaks nothing.
    text = json.dumps(document, allow_nan=False)
    if out is None or out == "-":
        print(text)
        return
    try:
        Path(out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(out, error.strerror) from error


def unwritable(out: str | Path, why: str | None) -> DancecoachError:
    """Return what to raise for a place that cannot be written, and `why`."""
    name = str(out) or "A file without a name"
    return DancecoachError(f"{name} cannot be written ({why}).", "Choose another place.")


def require_writable(out: str | Path | None) -> None:
    """Refuse a place that cannot be written before long work, not after it."""
    if out is None or str(out) == "-":
        return
    path = Path(out)
    try:
        if not str(out) or path.is_dir():
            raise unwritable(out, os.strerror(errno.EISDIR))
        if not path.parent.is_dir():
            raise unwritable(out, os.strerror(errno.ENOENT))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise unwritable(out, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise unwritable(out, getattr(error, "strerror", None) or "no such name can be") from error


def require(path: Path) -> None:
    """Refuse a file that is not there."""
    try:
        found = path.exists()
    except OSError as error:  # a name too long, a folder that may not be looked into
        name = str(path) if len(str(path)) <= 80 else f"{str(path)[:77]}..."
        raise DancecoachError(f"{name} cannot be opened ({error.strerror}).", "Check the name.") from error
    if not found:
        raise DancecoachError(f"There is no {path}.", "Check the name.")


class Progress:
    """A line on the terminal that counts up; silent where nobody watches."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = -1
        self._visible = sys.stderr.isatty()

    def show(self, share: float) -> bool:
        """Show how much is done, 0…1; returns whether to go on, which is always."""
        percent = int(share * 100)
        if self._visible and percent != self._shown and share >= 0:
            self._shown = percent
            print(f"\r{self._text} {percent:3d} %", end="", file=sys.stderr, flush=True)
        return True

    def done(self) -> None:
        """End the line."""
        if self._visible and self._shown >= 0:
            print(file=sys.stderr)
