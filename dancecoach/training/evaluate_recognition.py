"""How surely taught choreographies are found again: at other speeds, mirrored, with faults; part of the bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

import numpy as np

from dancecoach.assessment.choreography import Choreography, mirror, place
from dancecoach.assessment.kinematics import body_of
from dancecoach.assessment.recordings import cut
from dancecoach.assessment.rubric import RULES
from dancecoach.training.corpus import Take
from dancecoach.training.faults import Fault, inject
from dancecoach.types import BodyPart, FaultKind, PoseTrack, Primitive

_NEAR = 0.5  # s from the right place
_LEAST = 8.0  # s of a take

Change = Callable[[PoseTrack], tuple[PoseTrack, float]]


def _faster(by: float) -> Change:
    return lambda track: (
        PoseTrack(track.times / by, track.joints, track.roots, track.visibility, track.monocular),
        by,
    )


def _mirrored(track: PoseTrack) -> tuple[PoseTrack, float]:
    return mirror(track), 1.0


def _faulty(part: BodyPart, kind: FaultKind) -> Change:
    def change(track: PoseTrack) -> tuple[PoseTrack, float]:
        room = track.joints + track.roots[:, None]
        fault = Fault(part, kind, RULES[kind].full / 2)
        joints = inject(track.times, room, [fault], np.random.default_rng(0))
        return PoseTrack(track.times, joints - joints[:, :1], joints[:, 0].copy(), track.visibility), 1.0

    return change


CHANGES: Mapping[str, Change] = {
    "as taught": _faster(1.0),
    "10 % faster": _faster(1.1),
    "10 % slower": _faster(0.9),
    "mirrored": _mirrored,
    "late": _faulty("body", "late"),
    "small": _faulty("body", "small"),
    "posture": _faulty("torso", "posture"),
    "missed": _faulty("left_leg", "missed"),
    "another arm": _faulty("right_arm", "different"),
}


def run(takes: Sequence[Take], seconds: float, out: TextIO) -> dict[str, float]:
    """Print and return the share of eight-counts found at the right place of the right take, for each change.

    Under "not taught", the share that is taken for another take's though it belongs to none.
    """
    tracks = {}
    for take in takes:
        inside = take.times <= take.times[0] + seconds
        track = take.track()
        if track.times[-1] - track.times[0] >= _LEAST:
            tracks[f"{take.corpus} {take.take}"] = PoseTrack(
                track.times[inside], track.joints[inside], track.roots[inside], track.visibility[inside]
            )
    known = [Choreography(name, track) for name, track in tracks.items()]
    figures: dict[str, float] = {}
    for label, change in CHANGES.items():
        hits = [hit for name, track in tracks.items() for hit in _found(name, *change(track), _pieces(track), known)]
        figures[label] = float(np.mean(hits)) if hits else float("nan")
    others = [
        place(body_of(track), piece, None, [each for each in known if each.name != name]) is not None
        for name, track in tracks.items()
        for piece in _pieces(track)
    ]
    figures["not taught"] = float(np.mean(others)) if others else float("nan")
    print("eight-counts recognised: " + ", ".join(f"{name} {share:.2f}" for name, share in figures.items()), file=out)
    return figures


def _pieces(track: PoseTrack) -> list[Primitive]:
    return [primitive for _, primitive in cut(track, None).primitives]


def _found(
    name: str, danced: PoseTrack, speed: float, pieces: Sequence[Primitive], known: Sequence[Choreography]
) -> list[bool]:
    body = body_of(danced)
    hits = []
    for piece in pieces:
        moved = Primitive(piece.start / speed, piece.stop / speed, piece.beat_times / speed)
        if moved.start < body.times[0] - 0.1 or moved.stop > body.times[-1] + 0.1:
            continue
        found = place(body, moved, None, known)
        if found is None or found.choreography.name != name:
            hits.append(False)
            continue
        there = float(found.when(np.array([moved.start]))[0])
        hits.append(abs(there - piece.start) < _NEAR)
    return hits
