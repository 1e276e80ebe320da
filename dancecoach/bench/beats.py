"""The beat trackers measured side by side on a folder of sound with known beats.

```
DIR/[set/]clip.wav|flac|ogg|mp3   the sound
           clip.beats             a line per beat: seconds, beat in the bar (1 is the downbeat); empty: no music
           clip.json              optional events, {"events": [[seconds, "gap"], [seconds, "music"], …]}
```
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dancecoach.bench.beat_metrics import (
    FROM,
    NEVER,
    Score,
    calibration_bins,
    calibration_error,
    f_measure,
    score,
)
from dancecoach.bench.beat_peers import Clip, Contender, Hearing, contenders
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.types import Floats

SCHEMA = "dancecoach.bench.beats/1"
BLOCK = 512  # samples
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
_CHANGES = ("tempo", "song", "music")
_SAME = 0.05  # s within which two events are one change
_NONE = "–"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a clip.

    `beats` (B,) s, empty where there is no music; `bars` (B,) beat in the bar; `changes` s to re-lock after.
    """

    beats: Floats
    bars: NDArray[np.int64]
    changes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One tracker on one clip: `seconds` of sound, `score` None where there is no music."""

    seconds: float
    hearing: Hearing
    score: Score | None


def run(
    folder: Path,
    names: Sequence[str] | None = None,
    block: int = BLOCK,
    limit: int | None = None,
    out: TextIO | None = None,
    trackers: Sequence[Contender] | None = None,
) -> dict[str, Any]:
    """Measure the trackers on every clip in `folder`, print a table and return the figures.

    Parameters
    ----------
    folder : Path
        Sound with `.beats` beside it, also in sub-folders, which get means of their own.
    names : sequence of str, optional
        The trackers to run, by default all that are installed.
    block : int
        Samples a block.
    limit : int, optional
        Use at most so many clips of every folder.
    out : TextIO, optional
        Where the table goes, by default the standard output.
    trackers : sequence of Contender, optional
        Other trackers than the built-in ones.

    Raises
    ------
    DancecoachError
        When there is nothing to measure or to measure with.
    """
    out = out or sys.stdout
    if block < 1:
        raise DancecoachError("A block has at least one sample.", "Give --blocks a positive number.")
    if limit is not None and limit < 1:
        raise DancecoachError("At least one clip is needed.", "Give --limit a positive number.")
    present, absent = _choose(contenders() if trackers is None else trackers, names)
    paths, skipped = find_clips(folder, limit)
    for file, why in skipped.items():
        print(f"{file}: left out, {why}.", file=sys.stderr)
    if not paths:
        raise DancecoachError(
            f"There is no sound with beats in {folder}.",
            "Put a .beats file (a line per beat: seconds, beat in the bar) beside each WAV, FLAC, OGG or MP3 file.",
        )
    for name, why in absent.items():
        print(f"{name}: not here, {why}.", file=out)
    results: dict[str, dict[str, Result]] = {}
    _print_head(out)
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            truth = read_truth(path)
            clip = _read(path, name)
        except DancecoachError as error:
            skipped[path.relative_to(folder).as_posix()] = str(error)
            print(f"{name}: left out. {error}", file=sys.stderr)
            continue
        results[name] = {}
        for tracker in tuple(present):
            try:
                results[name][tracker.name] = measure(tracker, clip, truth, block)
            except Exception as error:  # a peer may raise anything; the others go on
                if tracker.name in ("ours", "classical", "ahead"):
                    raise
                absent[tracker.name] = f"it failed on {name}: {type(error).__name__}: {error}"
                print(f"{tracker.name}: {absent[tracker.name]}", file=sys.stderr)
                present.remove(tracker)
        _print_rows(out, name, {each: summary([result]) for each, result in results[name].items()})
    if not results:
        raise DancecoachError(f"No clip in {folder} can be read.", "See the reasons above.")
    folders = sorted({_folder_of(name) for name in results})
    means = {each: _means(results, each) for each in folders}
    overall = _means(results, None)
    if len(folders) > 1:
        for each, mean in means.items():
            _print_rows(out, f"MEAN {each}", mean)
    _print_rows(out, "MEAN", overall)
    return {
        "schema": SCHEMA,
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "folder": str(folder),
        "block": block,
        "trackers": {tracker.name: tracker.kind for tracker in present},
        "absent": absent,
        "skipped": skipped,
        "clips": {
            name: {tracker: summary([result]) for tracker, result in of.items()} for name, of in results.items()
        },
        "folders": means,
        "mean": overall,
    }


def _choose(known: Sequence[Contender], names: Sequence[str] | None) -> tuple[list[Contender], dict[str, str]]:
    """Return the trackers that are wanted and here, and why the others are not."""
    if names is not None:
        unknown = [name for name in names if name not in {tracker.name for tracker in known}]
        if unknown or not names:
            choice = ", ".join(tracker.name for tracker in known)
            raise DancecoachError(f"There is no tracker '{', '.join(unknown)}'.", f"Choose among {choice}.")
    wanted = [tracker for tracker in known if names is None or tracker.name in names]
    absent = {tracker.name: why for tracker in wanted if (why := tracker.find()) is not None}
    present = [tracker for tracker in wanted if tracker.name not in absent]
    if not present:
        reasons = "; ".join(f"{name}: {why}" for name, why in absent.items())
        raise DancecoachError(f"None of these trackers is here ({reasons}).", "Install one, or choose 'ours'.")
    try:
        importlib.import_module("mir_eval")
    except ImportError as error:
        raise DancecoachError(
            "The measures of this benchmark need mir_eval, which is not installed.", "Run 'pip install mir_eval'."
        ) from error
    return present, absent


def find_clips(folder: Path, limit: int | None = None) -> tuple[list[Path], dict[str, str]]:
    """Return the sound files with beats below `folder`, in order, and why others are left out."""
    if not folder.is_dir():
        raise DancecoachError(
            f"{folder} is not a folder." if folder.exists() else f"There is no folder {folder}.",
            "Give a folder with sound and .beats files.",
        )
    found: list[Path] = []
    skipped: dict[str, str] = {}
    counted: dict[Path, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SOUNDS or not path.is_file():
            continue
        if not path.with_suffix(".beats").is_file():
            skipped[path.relative_to(folder).as_posix()] = f"there is no {path.stem}.beats beside it"
        elif limit is None or counted.get(path.parent, 0) < limit:
            counted[path.parent] = counted.get(path.parent, 0) + 1
            found.append(path)
    return found, skipped


def read_truth(sound: Path) -> Truth:
    """Read the `.beats` and, where there is one, the `.json` beside a sound file.

    Raises
    ------
    FileFormatError
        When one of them cannot be understood.
    """
    path = sound.with_suffix(".beats")
    times: list[float] = []
    bars: list[int] = []
    try:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            words = line.replace(",", " ").split()
            if words and not words[0].startswith("#"):
                times.append(float(words[0]))
                bars.append(int(float(words[1])) if len(words) > 1 else 0)
    except (OSError, ValueError, OverflowError) as error:
        raise FileFormatError(
            f"The beats file {path.name} cannot be read.", "Each line holds seconds and the beat in the bar."
        ) from error
    beats = np.array(times, dtype=np.float64)
    if not np.all(np.isfinite(beats)) or np.any(np.diff(beats) <= 0):
        raise FileFormatError(f"The beats in {path.name} are not in order of time.", "Sort its lines.")
    events = sound.with_suffix(".json")
    changes = read_changes(events, beats) if events.is_file() else ()
    return Truth(beats, np.array(bars, dtype=np.int64), changes)


def read_changes(path: Path, beats: Floats) -> tuple[float, ...]:
    """Return the times, s, after which a tracker has to lock again; ends of gaps, changes of tempo, new songs.

    Events are `[time, kind]` or objects with `time` (or `start`) and `kind`, `type` or `event`; a gap may carry its
    `stop`, `end` or `duration`. Changes with the same first true beat are one; the clip's first beat is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        events = document.get("events", []) if isinstance(document, dict) else document
        found = [change for event in events if (change := _change(event)) is not None]
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise FileFormatError(
            f"The events in {path.name} cannot be read.", 'Write {"events": [[seconds, "tempo"], …]}.'
        ) from error
    changes: list[float] = []
    for time in sorted(found):
        after = beats[beats >= time - _SAME]
        if len(after) and after[0] > beats[0] and (not changes or after[0] - changes[-1] > _SAME):
            changes.append(float(after[0]))
    return tuple(changes)


def _change(event: Any) -> float | None:
    """Return when music is there again, or anew, after an event; None of an event that does not matter."""
    if isinstance(event, Mapping):
        time = float(event["time"] if "time" in event else event["start"])
        kind = str(event.get("kind", event.get("type", event.get("event", "")))).lower()
        stop = event.get("stop", event.get("end"))
        if stop is None and "duration" in event:
            stop = time + float(event["duration"])
    else:
        time, kind, stop = float(event[0]), str(event[1]).lower(), event[2] if len(event) > 2 else None
    if any(word in kind for word in ("gap", "silence", "pause", "break")):
        return None if stop is None else float(stop)
    return time if any(word in kind for word in _CHANGES) else None


def _read(path: Path, name: str) -> Clip:
    from dancecoach.sources.media import read_audio

    samples, rate = read_audio(path, mono=False)
    if not len(samples):
        raise FileFormatError(f"There is no sound in {path.name}.", "Choose another file.")
    return Clip(name, samples.reshape(len(samples), -1), rate)


def measure(tracker: Contender, clip: Clip, truth: Truth, block: int = BLOCK) -> Result:
    """Let `tracker` hear `clip` and compare."""
    hearing = tracker.hear(clip, block)
    if not len(truth.beats):
        return Result(clip.seconds, hearing, None)
    figures = score(hearing.found, truth.beats, truth.bars, truth.changes)
    if hearing.next_due is not None:
        reference = truth.beats[truth.beats >= FROM]
        due = f_measure(reference, hearing.next_due[hearing.next_due >= FROM])
        figures = replace(figures, ahead=due)
    return Result(clip.seconds, hearing, figures)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0] or "."


def _means(results: dict[str, dict[str, Result]], folder: str | None) -> dict[str, dict[str, Any]]:
    """Return every tracker's figures over the clips in `folder`, or over all."""
    gathered: dict[str, list[Result]] = {}
    for name, of in results.items():
        if folder is None or _folder_of(name) == folder:
            for tracker, result in of.items():
                gathered.setdefault(tracker, []).append(result)
    return {tracker: summary(of) for tracker, of in gathered.items()}


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures of a tracker over clips, None where one cannot be measured.

    Means of clips; of the times to lock and re-lock the median, where a tracker that never locks counts as infinitely
    slow (None together with a count in `never_locked` means: not in most clips). Blocks and confidences are pooled.
    """
    scores = [result.score for result in results if result.score is not None]
    quiet = [result for result in results if result.score is None and result.hearing.counting is not None]
    locks = [each.lock for each in scores if each.lock is not None]
    relocks = [time for each in scores for time in each.relocks]
    timed = [result.hearing.blocks_ms for result in results if result.hearing.blocks_ms is not None]
    blocks = np.concatenate(timed) if timed else np.empty(0)
    sure = [(each.confidence, each.correct) for each in scores if each.confidence is not None]
    confidence = np.concatenate([each for each, _ in sure]) if sure else np.empty(0)
    correct = np.concatenate([each for _, each in sure]) if sure else np.empty(0, dtype=bool)
    seconds = sum(result.seconds for result in results)
    return {
        "clips": len(results),
        "seconds": _number(seconds, 3),
        "f": _mean([each.f for each in scores]),
        "cmlt": _mean([each.cmlt for each in scores]),
        "amlt": _mean([each.amlt for each in scores]),
        "downbeat_f": _mean([each.downbeat for each in scores]),
        "ahead_f": _mean([each.ahead for each in scores]),
        "lock_s": _median(locks),
        "never_locked": locks.count(NEVER),
        "relock_s": _median(relocks),
        "relocks": len(relocks),
        "never_relocked": relocks.count(NEVER),
        "cpu": _number(sum(result.hearing.cpu for result in results) / seconds, 5),
        "block_p99_ms": _number(float(np.percentile(blocks, 99)), 3) if len(blocks) else None,
        "block_worst_ms": _number(float(blocks.max()), 3) if len(blocks) else None,
        "octave_right": _mean([None if each.octave is None else float(each.octave) for each in scores]),
        "calibration_error": _number(calibration_error(confidence, correct)),
        "calibration": [
            {"beats": count, "confidence": _number(said), "correct": _number(right)}
            for count, said, right in calibration_bins(confidence, correct)
        ],
        "count_without_music": _number(
            sum(result.seconds * (result.hearing.counting or 0.0) for result in quiet)
            / sum(result.seconds for result in quiet)
        )
        if quiet
        else None,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _number(float(np.mean(known))) if known else None


def _median(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing and of an infinite one."""
    ordered, count = sorted(values), len(values)
    return _number((ordered[(count - 1) // 2] + ordered[count // 2]) / 2, 3) if count else None


def _number(value: float | None, digits: int = 4) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, digits)


# Heading, key of the summary, digits.
_COLUMNS = (
    ("F", "f", 3),
    ("CMLt", "cmlt", 3),
    ("AMLt", "amlt", 3),
    ("down F", "downbeat_f", 3),
    ("ahead F", "ahead_f", 3),
    ("lock s", "lock_s", 1),
    ("re-lock s", "relock_s", 1),
    ("CPU s/s", "cpu", 4),
    ("p99 ms", "block_p99_ms", 2),
    ("worst ms", "block_worst_ms", 1),
    ("octave", "octave_right", 2),
    ("calibr.", "calibration_error", 3),
    ("no music", "count_without_music", 3),
)
_NEVER_OF = {"lock_s": "never_locked", "relock_s": "never_relocked"}
_CLIP, _TRACKER = 28, 10


def _print_head(out: TextIO) -> None:
    cells = "".join(f"{heading:>{_width(heading)}}" for heading, _, _ in _COLUMNS)
    print(f"{'clip':{_CLIP}}{'tracker':{_TRACKER}}{cells}", file=out)


def _width(heading: str) -> int:
    return max(len(heading), 6) + 2


def _print_rows(out: TextIO, name: str, of: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a clip's or a mean's figures, a row per tracker."""
    label = name if len(name) < _CLIP else f"…{name[2 - _CLIP :]}"
    for tracker, figures in of.items():
        cells = "".join(f"{_cell(figures, key, digits):>{_width(heading)}}" for heading, key, digits in _COLUMNS)
        print(f"{label:{_CLIP}}{tracker:{_TRACKER}}{cells}", file=out)
        label = ""
    out.flush()


def _cell(figures: Mapping[str, Any], key: str, digits: int) -> str:
    value = figures[key]
    if value is None:
        return "never" if figures.get(_NEVER_OF.get(key, "")) else _NONE
    return f"{value:.{digits}f}"
