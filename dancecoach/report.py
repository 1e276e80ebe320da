"""The JSON that the command line prints; every document carries its schema version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dancecoach.assessing import Assessed
from dancecoach.duetting import Danced
from dancecoach.offline import Analysis
from dancecoach.session import assessments
from dancecoach.types import JOINT_NAMES, Assessment, BeatGrid, Pose, PrimitiveScore, Synchrony

ANALYSIS = "dancecoach.analysis/1"
SYNCHRONY = "dancecoach.synchrony/1"
REPLAY = "dancecoach.replay/1"
ASSESSMENT = "dancecoach.assessment/1"
PARTNER = "dancecoach.partner/1"


def synchrony(value: Synchrony) -> dict[str, Any]:
    """Return one body part's synchrony, and its limbs' when it has any; unknown values are null."""
    table: dict[str, Any] = {
        "part": value.part,
        "start": _number(value.start),
        "stop": _number(value.stop),
        "msr": _number(value.msr),
        "msr_interval": _pair(value.msr_interval),
        "msr_published": _number(value.msr_published),
        "offset_ms": _number(value.offset_ms, 2),
        "offset_sd_ms": _number(value.offset_sd_ms, 2),
        "offset_interval_ms": _pair(value.offset_interval_ms, 2),
        "level": value.level,
        "n_hits": value.n_hits,
        "n_beats": value.n_beats,
        "reason": value.reason,
    }
    if value.parts:
        table["parts"] = {part.part: synchrony(part) for part in value.parts}
    return table


def primitives(scores: Sequence[PrimitiveScore]) -> list[dict[str, Any]]:
    """Return the eight-counts; those that were judged have an "assessment"."""
    tables: list[dict[str, Any]] = []
    for score in scores:
        table: dict[str, Any] = {
            "index": score.index,
            "start": _number(score.primitive.start),
            "stop": _number(score.primitive.stop),
            "beat_times": [_number(float(time)) for time in score.primitive.beat_times],
            "synchrony": synchrony(score.synchrony),
        }
        if score.assessment is not None:
            table["assessment"] = assessment(score.assessment)
        tables.append(table)
    return tables


def assessment(value: Assessment) -> dict[str, Any]:
    """Return quality, labels, cues, saliency of the 22 joints and place in a choreography; unknown is null."""
    table: dict[str, Any] = _rounded(assessments.to_table(value))
    return table


def assessed(found: Assessed, **inputs: Any) -> dict[str, Any]:
    """Return the document of `dancecoach assess`: for every eight-count what was said, its timing beside it."""
    tables = []
    for score in found.primitives:
        timing = score.synchrony
        table: dict[str, Any] = {
            "index": score.index,
            "start": _number(score.primitive.start),
            "stop": _number(score.primitive.stop),
            "beat_times": [_number(float(time)) for time in score.primitive.beat_times],
            "msr": _number(timing.msr),
            "msr_published": _number(timing.msr_published),
            "offset_ms": _number(timing.offset_ms, 2),
            "offsets_ms": {part.part: _number(part.offset_ms, 2) for part in timing.parts},
            "timing_reason": timing.reason,
        }
        if score.assessment is not None:
            table.update(assessment(score.assessment))
        tables.append(table)
    return {
        "schema": ASSESSMENT,
        **inputs,
        "joint_names": list(JOINT_NAMES),
        "beats": beats(found.grid),
        "encoders": found.provider or None,
        "synchrony": synchrony(found.total),
        "primitives": tables,
    }


def beats(grid: BeatGrid | None) -> dict[str, Any] | None:
    """Return tempo, confidence, metre and every beat; null without a beat."""
    if grid is None:
        return None
    pairs = zip(grid.beat_times.tolist(), grid.counts.tolist(), strict=True)
    return {
        "tempo": _number(grid.tempo, 3),
        "confidence": _number(grid.confidence),
        "source": grid.source,
        "beats_per_bar": grid.beats_per_bar,
        "beats": [{"time": _number(time), "count": count} for time, count in pairs],
    }


def analysis(found: Analysis, video: str, music: str | None) -> dict[str, Any]:
    """Return the document of `dancecoach analyze`."""
    return {
        "schema": ANALYSIS,
        "video": video,
        "music": music,
        "frames": found.frames,
        "duration": _number(found.duration),
        "width": found.width,
        "height": found.height,
        "people": found.people,
        "joint_names": list(JOINT_NAMES),
        "music_beats": beats(found.beat_grid),
        "synchrony": synchrony(found.total),
        "primitives": primitives(found.primitives),
        "poses": [pose(each) for each in found.poses],
    }


def pose(value: Pose) -> dict[str, Any]:
    """Return one pose: joints in metres (hip-centred), the root in the room, the joints in the picture 0…1."""
    return {
        "time": _number(value.time),
        "person": value.person,
        "joints": [[_number(x, 4) for x in joint] for joint in value.joints.tolist()],
        "root": [_number(x, 4) for x in value.root.tolist()],
        "image_joints": [[_number(x, 5) for x in joint] for joint in value.image_joints.tolist()],
        "visibility": [_number(x, 3) for x in value.visibility.tolist()],
    }


def measured(
    schema: str, grid: BeatGrid | None, total: Synchrony, scores: Sequence[PrimitiveScore], **inputs: Any
) -> dict[str, Any]:
    """Return the document of `dancecoach synchrony` and `dancecoach replay`."""
    return {
        "schema": schema,
        **inputs,
        "music_beats": beats(grid),
        "synchrony": synchrony(total),
        "primitives": primitives(scores),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _pair(values: tuple[float, float] | None, digits: int = 4) -> list[float | None] | None:
    return None if values is None else [_number(value, digits) for value in values]


def partner(found: Danced, leader: str, out: str, music: str | None) -> dict[str, Any]:
    """Return what the partner danced: how, how fast it answered, and of every frame its state, contacts and holds."""
    milliseconds = np.sort(found.step_ms)
    return {
        "schema": PARTNER,
        "leader": leader,
        "music": music,
        "follower": out,
        "style": found.style,
        "frames": len(found.track),
        "frame_rate": 30.0,
        "leader_frame_rate": _number(found.fps),
        "duration": _number(float(found.track.times[-1] - found.track.times[0])),
        "horizon_ms": _number(1000.0 * found.horizon),
        "lookahead_frames": 0,
        "tempo": None if found.grid is None else _number(found.grid.tempo),
        "step_ms": {
            "p50": _number(float(np.percentile(milliseconds, 50))),
            "p95": _number(float(np.percentile(milliseconds, 95))),
            "p99": _number(float(np.percentile(milliseconds, 99))),
        },
        "feet_inferred": any(frame.feet_inferred for frame in found.frames),
        "states": [
            {
                "time": _number(frame.time),
                "state": frame.state,
                "contacts": [_number(float(value)) for value in frame.contacts],
                "holds": [_number(float(value)) for value in frame.holds],
            }
            for frame in found.frames
        ],
    }
