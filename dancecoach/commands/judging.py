"""analyze, assess, synchrony, beats, replay: what a recording says."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from dancecoach.commands.application import app_parser
from dancecoach.commands.terminal import Commands, Progress, require, require_writable, unwritable, write_json
from dancecoach.errors import DancecoachError


def add(commands: Commands) -> None:
    """Add the commands."""
    analyze = commands.add("analyze", _analyze, "Find the dancer, the beat and their synchrony in a video.")
    analyze.add_argument("video", type=Path)
    analyze.add_argument("--music", type=Path, help="audio or .beats file that starts with the video")
    analyze.add_argument("--person", type=int, help="whom to follow, from 1, left to right")
    analyze.add_argument("--json", metavar="OUT", default="-", help="where to write the result, - prints it")
    analyze.add_argument("--bvh", metavar="OUT", type=Path, help="write the motion as BVH")

    assess = commands.add(
        "assess", _assess, "Judge every eight-count of a motion: what it is, how well it is danced, and why."
    )
    assess.add_argument("motion", type=Path, help="BVH, NPZ (times, joints), session or video")
    assess.add_argument("--music", type=Path, metavar="FILE", help="audio or .beats file that starts with the motion")
    assess.add_argument("--reference", type=Path, metavar="MOTION", help="what to compare with: BVH, NPZ or session")
    assess.add_argument("--fps", type=float, help="true frame rate of the BVHs")
    assess.add_argument("--json", metavar="OUT", default="-", help="where to write the result, - prints it")

    synchrony = commands.add("synchrony", _synchrony, "Measure the synchrony of a motion with music.")
    synchrony.add_argument("motion", type=Path, help="BVH, NPZ (times, joints) or session")
    synchrony.add_argument("music", type=Path, nargs="?", help="audio or .beats file; a session may bring its own")
    synchrony.add_argument("--fps", type=float, help="true frame rate of a BVH")
    synchrony.add_argument("--json", metavar="OUT", default="-")

    beats = commands.add(
        "beats", _beats, "Announce the beats of an audio file as the live loop would, strictly causally."
    )
    beats.add_argument("audio", type=Path)
    beats.add_argument("--jsonl", action="store_true", help="one JSON object a line (the only format)")
    beats.add_argument("--realtime", action="store_true", help="as slowly as it sounds")
    beats.add_argument("--block", type=int, help="samples a block; does not change the result")

    replay = commands.add("replay", _replay, "Measure a recorded session again.")
    replay.add_argument("session", type=Path)
    replay.add_argument("--json", metavar="OUT", default="-")
    replay.add_argument("--window", action="store_true", help="open it in the review window instead")


def _analyze(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.offline import analyse_video
    from dancecoach.session.bvh import write_bvh

    for path in (options.video, options.music):
        if path is not None:
            require(path)
    if options.person is not None and options.person < 1:
        raise DancecoachError(f"There is no person {options.person}.", "Give --person a number from 1.")
    require_writable(options.json)
    require_writable(options.bvh)
    shown = Progress(f"Analysing {options.video.name}")
    found = analyse_video(options.video, options.music, options.person, shown.show)
    shown.done()
    if options.bvh is not None:
        try:
            write_bvh(options.bvh, found.track)
        except OSError as error:
            raise unwritable(options.bvh, error.strerror) from error
    music = str(options.music) if options.music is not None else None
    write_json(report.analysis(found, str(options.video), music), options.json)
    return 0


def _assess(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.assessing import assess_file

    for path in (options.motion, options.music, options.reference):
        if path is not None:
            require(path)
    require_writable(options.json)
    found = assess_file(options.motion, options.music, options.reference, options.fps)
    names = ("motion", "music", "reference")
    given = {name: getattr(options, name) for name in names}
    inputs = {name: None if path is None else str(path) for name, path in given.items()}
    write_json(report.assessed(found, **inputs), options.json)
    return 0


def _synchrony(options: argparse.Namespace) -> int:
    from dancecoach import report
    from dancecoach.offline import measure_motion
    from dancecoach.session.motion import read_motion

    require(options.motion)
    track = read_motion(options.motion, options.fps)
    if options.music is None:
        return _replay_session(options.motion, options.json, report.SYNCHRONY)
    require(options.music)
    grid, total, scores = measure_motion(track, options.music)
    inputs = {"motion": str(options.motion), "music": str(options.music), "frames": len(track)}
    write_json(report.measured(report.SYNCHRONY, grid, total, scores, **inputs), options.json)
    return 0


def _beats(options: argparse.Namespace) -> int:
    from dancecoach.offline import announce_beats

    require(options.audio)
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


def _replay(options: argparse.Namespace) -> int:
    from dancecoach import report

    require(options.session)
    if options.window:
        from dancecoach.ui.start import start

        arguments = ["--view", "review", "--record", str(options.session.parent)]
        return start(app_parser().parse_args(arguments), options.session)
    return _replay_session(options.session, options.json, report.REPLAY)


def _replay_session(folder: Path, out: str, schema: str) -> int:
    from dancecoach import report
    from dancecoach.assessment.take import measure_recording
    from dancecoach.session.store import open_session

    session = open_session(folder)
    total, scores = measure_recording(session.track, session.beat_grid)
    inputs = {"session": str(folder), "duration": round(session.duration, 3), "poses": len(session.track)}
    write_json(report.measured(schema, session.beat_grid, total, scores, **inputs), out)
    return 0
