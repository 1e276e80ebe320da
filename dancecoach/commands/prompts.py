"""prompt: teach the coach what to recognise."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from dancecoach.commands.terminal import Commands, require
from dancecoach.errors import DancecoachError

if TYPE_CHECKING:
    from dancecoach.types import Floats

_PURPOSE = "Teach the coach what to recognise: styles, levels, dances, by a text, by examples or by both."


def add(commands: Commands) -> None:
    """Add the commands."""
    commands = commands.nested("prompt", _PURPOSE)
    text = "Add a class, or further examples or another text to one."
    adding = commands.add("add", _prompt_add, text)
    adding.add_argument("name", help="what it is called")
    adding.add_argument(
        "--attribute",
        choices=("style", "level", "dancing", "choreography"),
        default="style",
        help="what it is one of",
    )
    adding.add_argument("--text", help="what it looks like, in words")
    adding.add_argument(
        "--music", type=Path, metavar="FILE", help="of a choreography: audio or .beats that starts with it"
    )
    adding.add_argument("--fps", type=float, help="true frame rate of a BVH")
    adding.add_argument("motions", type=Path, nargs="*", metavar="MOTION", help="BVH, NPZ or session: an example")
    text = "List what was taught."
    commands.add("list", _prompt_list, text)
    text = "Remove a class."
    remove = commands.add("remove", _prompt_remove, text)
    remove.add_argument("name")


def _prompt_add(options: argparse.Namespace) -> int:
    import numpy as np

    from dancecoach.assessment import prompts
    from dancecoach.assessment.text_model import TextModel

    for path in options.motions:
        require(path)
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
        require(options.music)
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
