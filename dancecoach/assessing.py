"""Assessment of recordings without a window: a motion, its music and a reference in, what the coach says out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dancecoach.assessment import prompts
from dancecoach.assessment.abstaining import unusable
from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.assessment.encoders import Encoders, load_encoders
from dancecoach.assessment.hits import find_events
from dancecoach.assessment.prompts import PromptBook
from dancecoach.assessment.recordings import cut
from dancecoach.assessment.synchrony import measure
from dancecoach.assessment.take import measure_events
from dancecoach.errors import FileFormatError
from dancecoach.offline import analyse_video, find_beats
from dancecoach.session.choreographies import load_all
from dancecoach.session.format import is_session
from dancecoach.session.motion import read_motion
from dancecoach.session.store import open_session
from dancecoach.types import BeatGrid, PoseTrack, Primitive, PrimitiveScore, Synchrony

_AROUND = 4  # eight-counts by which one is called late or early


@dataclass(frozen=True, slots=True)
class Assessed:
    """What was said of a recording: `grid` the beats that cut it; `total` its synchrony with the music."""

    grid: BeatGrid | None
    total: Synchrony
    primitives: tuple[PrimitiveScore, ...]
    provider: str = ""


def open_reference(path: Path, fps: float | None = None, grid: BeatGrid | None = None) -> Choreography:
    """Return a reference from a motion file or a recorded session, which brings its own beats.

    Parameters
    ----------
    path : Path
    fps : float, optional
        True frame rate of a BVH.
    grid : BeatGrid, optional
        Its beats, where they are known from elsewhere.

    Raises
    ------
    FileFormatError
        When the file cannot be read.
    """
    name, track = path.stem, None
    if is_session(path):
        session = open_session(path)
        name, track, grid = path.name, session.track, session.beat_grid
    track = track or read_motion(path, fps)
    reason = unusable(track)
    if reason is not None:
        raise FileFormatError(f"{path.name} will not do as a reference: {reason}.", "Choose another motion.")
    return Choreography(name, track, grid)


def assess_track(
    track: PoseTrack,
    grid: BeatGrid | None,
    known: Sequence[Choreography] = (),
    reference: Choreography | None = None,
    encoders: Encoders | None = None,
    book: PromptBook | None = None,
) -> Assessed:
    """Judge every eight-count of a recording.

    Parameters
    ----------
    track : PoseTrack
    grid : BeatGrid or None
        The beats of the music that started with it; without, the movement's own rhythm cuts it and nothing is said
        about being early or late against music.
    known : sequence of Choreography
        What may be recognised.
    reference : Choreography, optional
        What it is compared with.
    encoders : Encoders, optional
        Those of whole tracks, if they are loaded already.
    book : PromptBook, optional
        Classes that were taught.
    """
    encoders = encoders or load_encoders(kept=math.inf)
    pieces = cut(track, grid)
    events = find_events(track) if len(track) >= 2 else {}
    total = measure_events(events, grid, track.times)[0] if events else Synchrony("body", 0, 0, reason="nobody seen")
    assessor = Assessor(known, reference)
    spans = [(primitive.start, primitive.stop) for _, primitive in pieces.primitives]
    judgements = encoders.judge_track(track, grid, spans)
    scores = []
    for number, ((index, primitive), judgement) in enumerate(zip(pieces.primitives, judgements, strict=True), 1):
        synchrony = around = _unmeasured(primitive)
        if grid is not None and pieces.grid is grid and index is not None:
            beats = len(primitive.beat_times) - 1
            synchrony = measure(events, grid, index, beats)
            # One eight-count has too few movements to call a limb late; those around it are asked as well.
            first = max(0, min(index - beats, len(grid.beat_times) - _AROUND * beats))
            around = measure(events, grid, first, min(_AROUND * beats, len(grid.beat_times) - first))
        unjudged = encoders.reason or "too little was seen"
        labels = () if book is None or judgement is None else book.recognise(judgement.embedding)
        assessment = assessor.assess(track, primitive, pieces.grid, around, judgement, labels, unjudged)
        scores.append(PrimitiveScore(number, primitive, synchrony, assessment))
    return Assessed(pieces.grid, total, tuple(scores), encoders.provider)


def _unmeasured(primitive: Primitive) -> Synchrony:
    return Synchrony("body", primitive.start, primitive.stop, reason="no beat known")


def assess_file(
    motion: Path, music: Path | None = None, reference: Path | None = None, fps: float | None = None
) -> Assessed:
    """Judge a motion file, a recorded session or a video, with the choreographies and classes that were taught.

    Raises
    ------
    DancecoachError
        When a file cannot be read.
    """
    track, grid = open_motion(motion, music, fps)
    compared = open_reference(reference, fps) if reference is not None else None
    taught = [Choreography(each.name, each.track, each.grid) for each in load_all()[0]]
    return assess_track(track, grid, taught, compared, book=prompts.load_current())


def open_motion(motion: Path, music: Path | None, fps: float | None) -> tuple[PoseTrack, BeatGrid | None]:
    """Return the poses and beats of a motion file, a recorded session (with its own beats) or a video.

    Raises
    ------
    DancecoachError
        When a file cannot be read.
    """
    grid = find_beats(music) if music is not None else None
    if is_session(motion):
        session = open_session(motion)
        return session.track, grid or session.beat_grid
    if motion.name.lower().endswith((".bvh", ".bvh.gz", ".npz")) or motion.is_dir():
        return read_motion(motion, fps), grid
    found = analyse_video(motion, music)
    return found.track, found.beat_grid
