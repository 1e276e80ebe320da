"""Sessions in the formats of other programs: BVH, CSV, JSON and an annotated MP4."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import av

from dancecoach.errors import DancecoachError, FileFormatError, RecordingError
from dancecoach.session import assessments, scores
from dancecoach.session.annotated import render
from dancecoach.session.bvh import frame_times, write_bvh
from dancecoach.session.motion import dump_json, to_csv, to_json
from dancecoach.session.store import Session
from dancecoach.session.timeline import ScoreFinder, count_at
from dancecoach.session.track import PARTNER_STATES, RecordedPartner

ExportKind = Literal["bvh", "csv", "json", "mp4"]
Progress = Callable[[float], bool]

EXPORT_SCHEMA = "dancecoach.export/1"


def export(session: Session, kind: ExportKind, destination: Path, progress: Progress | None = None) -> bool:
    """Write a session as another kind of file; the destination appears whole or not at all.

    A duet is two BVH files: the dancer's at the destination, the partner's beside it (`partner_destination`), with
    the same frames and in the one room.

    Parameters
    ----------
    session : Session
    kind : {"bvh", "csv", "json", "mp4"}
        Motion; one row per pose with count, eight-count and its scores; everything; annotated video with sound.
    destination : Path
        Overwritten when it exists.
    progress : callable, optional
        Called with the share done, 0…1; stops the export by returning False.

    Returns
    -------
    bool
        False when it was stopped; nothing is left behind then.

    Raises
    ------
    RecordingError
        When the destination cannot be written.
    FileFormatError
        When there is nothing of that kind in the session.
    """
    destination = Path(destination)
    steps = _STEPS.get(kind)
    if steps is None:
        raise FileFormatError(f"Sessions cannot be exported as {kind}.", f"Choose {', '.join(_STEPS)}.")
    made = {destination: steps}
    if kind == "bvh" and session.partner is not None:
        made[partner_destination(destination)] = _partner_bvh
    temporary = {path: path.with_name(f".{path.name}.part") for path in made}
    work = _in_turn([make(session, temporary[path]) for path, make in made.items()])
    done = False
    try:
        for share in work:
            if progress is not None and progress(min(share, 1.0)) is False:
                return False
        if progress is not None and progress(1.0) is False:
            return False
        for path, part in temporary.items():
            part.replace(path)
        done = True
    except DancecoachError:
        raise
    except (OSError, av.FFmpegError) as error:
        raise _sentence(error, destination) from error
    finally:
        with contextlib.suppress(OSError, av.FFmpegError, ValueError):
            work.close()
        if not done:
            for part in temporary.values():
                with contextlib.suppress(OSError):
                    part.unlink()
    return True


def partner_destination(destination: Path) -> Path:
    """Return where the partner's motion is written beside the dancer's: NAME.bvh has NAME-partner.bvh beside it."""
    return destination.with_name(f"{destination.stem}-partner{destination.suffix}")


def _in_turn(works: Sequence[Iterator[float]]) -> Generator[float, None, None]:
    """Do one work after the other, yield the share of all that is done."""
    with contextlib.ExitStack() as stack:
        for work in works:
            stack.callback(work.close)  # type: ignore[attr-defined]
        for index, work in enumerate(works):
            for share in work:
                yield (index + min(share, 1.0)) / len(works)


def _sentence(error: Exception, destination: Path) -> RecordingError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RecordingError(
            f"There is no room for {destination.name}: the disk is full.", "Free some space or choose another folder."
        )
    reason = getattr(error, "strerror", None) or type(error).__name__
    return RecordingError(f"{destination} cannot be written ({reason}).", "Choose another folder.")


def _bvh(session: Session, path: Path) -> Iterator[float]:
    yield 0.0
    write_bvh(path, session.track)


def _partner_bvh(session: Session, path: Path) -> Iterator[float]:
    yield 0.0
    assert session.partner is not None
    write_bvh(path, session.partner.track, frame_times(session.track))


def _csv(session: Session, path: Path) -> Iterator[float]:
    columns = ("person", "count", "eight_count", "msr", "offset_ms", "offset_sd_ms", "quality", "grade")
    extra: dict[str, list[object]] = {name: [] for name in columns}
    finder = ScoreFinder(session.primitives)
    for index, time in enumerate(session.track.times):
        count = count_at(session.beat_grid, float(time))
        score = finder.during(float(time))
        synchrony = None if score is None else score.synchrony
        quality = None if score is None or score.assessment is None else score.assessment.quality
        extra["person"].append(int(session.poses.people[index]))
        extra["count"].append(None if count is None else round(count, 3))
        extra["eight_count"].append(None if score is None else score.index)
        extra["msr"].append(_round(None if synchrony is None else synchrony.msr, 4))
        extra["offset_ms"].append(_round(None if synchrony is None else synchrony.offset_ms, 2))
        extra["offset_sd_ms"].append(_round(None if synchrony is None else synchrony.offset_sd_ms, 2))
        extra["quality"].append(_round(None if quality is None else quality.mean, 2))
        extra["grade"].append(None if quality is None else quality.grade)
    with path.open("w", encoding="utf-8", newline="") as file:
        yield from to_csv(session.track, file, extra)


def _json(session: Session, path: Path) -> Iterator[float]:
    yield 0.0
    document = to_document(session)
    yield 0.5
    with path.open("w", encoding="utf-8") as file:
        dump_json(document, file)


def _mp4(session: Session, path: Path) -> Iterator[float]:
    yield from render(session, path)


_STEPS: dict[str, Callable[[Session, Path], Iterator[float]]] = {"bvh": _bvh, "csv": _csv, "json": _json, "mp4": _mp4}


def to_document(session: Session) -> dict[str, Any]:
    """Return everything measured in a session as plain values; times in session seconds."""
    grid = session.beat_grid
    return {
        "schema": EXPORT_SCHEMA,
        "session": session.name,
        "created": session.created,
        "application": session.manifest.application,
        "info": dict(session.manifest.info),
        "duration": round(session.duration, 4),
        "tempo": None if grid is None else round(grid.tempo, 3),
        "beats_per_bar": None if grid is None else grid.beats_per_bar,
        "beats": [
            {
                "time": round(beat.time, 5),
                "count": beat.count,
                "downbeat": beat.downbeat,
                "tempo": round(beat.tempo, 3),
                "confidence": round(beat.confidence, 4),
                "announced_at": round(beat.announced_at, 5),
            }
            for beat in session.beats
        ],
        "synchrony": None if session.total is None else scores.to_table(session.total),
        "primitives": [
            {
                "index": score.index,
                "start": round(score.primitive.start, 5),
                "stop": round(score.primitive.stop, 5),
                "beat_times": score.primitive.beat_times.round(5).tolist(),
                "synchrony": scores.to_table(score.synchrony),
                "assessment": None if score.assessment is None else assessments.to_table(score.assessment),
            }
            for score in session.primitives
        ],
        "notices": [
            {"time": round(time, 3), "code": note.code, "text": note.text, "remedy": note.remedy, "level": note.level}
            for time, note in session.notices
        ],
        "motion": to_json(session.track)
        | {
            "people": session.poses.people.tolist(),
            "image_joints": session.poses.image_joints.round(5).tolist(),
        },
        "partner": None if session.partner is None else _partner_document(session.partner),
    }


def _partner_document(partner: RecordedPartner) -> dict[str, Any]:
    return to_json(partner.track) | {
        "contacts": partner.contacts.round(3).tolist(),
        "holds": partner.holds.round(3).tolist(),
        "states": [PARTNER_STATES[state] for state in partner.states],
        "feet_inferred": partner.feet_inferred.tolist(),
    }


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
