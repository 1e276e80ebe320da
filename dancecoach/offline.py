"""The engine without a window and without a clock: files in, measurements out, the same every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancecoach.clock import ManualClock
from dancecoach.config import cache_folder
from dancecoach.errors import FileFormatError
from dancecoach.perception.beat_analysis import read_beats
from dancecoach.perception.beat_cache import analyse_once
from dancecoach.perception.beats import default_tracker
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.files import AudioFile
from dancecoach.sources.media import has_audio, read_audio
from dancecoach.types import AudioBlock, Beat, BeatGrid, Pose, PoseTrack, PrimitiveScore, Synchrony

_ANALYSIS_RATE = 22_050  # Hz


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in a video.

    `frames` pictures read; `width`, `height` of the pictures analysed, pixels; `people` most persons seen at once;
    `poses` of the followed dancer, one per picture in which they were seen.
    """

    frames: int
    duration: float
    width: int
    height: int
    people: int
    poses: tuple[Pose, ...]
    beat_grid: BeatGrid | None
    total: Synchrony
    primitives: tuple[PrimitiveScore, ...]

    @property
    def track(self) -> PoseTrack:
        """The poses as a track."""
        from dancecoach.assessment.take import track_of

        return track_of(self.poses)


def analyse_video(
    video: Path,
    music: Path | None = None,
    person: int | None = None,
    progress: Callable[[float], bool] | None = None,
) -> Analysis:
    """Analyse a video file (or a picture).

    Parameters
    ----------
    video : Path
    music : Path, optional
        Audio or `.beats` file that starts with the video; by default the video's own sound.
    person : int, optional
        Whom to follow, counted from 1 as they appear, left to right; by default the largest.
    progress : callable, optional
        Told 0…1 (−1 when the length is unknown) after each picture; returns False to stop early.

    Raises
    ------
    DancecoachError
        When a file cannot be read.
    """
    # The pose networks take a second to import; who only wants beats does not wait for them.
    from dancecoach.assessment.take import measure_recording, track_of
    from dancecoach.perception.pose import PoseEstimator
    from dancecoach.sources.catalogue import open_video_spec

    grid = _beats_for(video, music)
    source = open_video_spec(str(video), ManualClock(), paced=False)
    source.open()
    estimator = PoseEstimator()
    if person is not None:
        estimator.follow_number(person)
    poses: list[Pose] = []
    frames = width = height = people = 0
    duration = 0.0
    length = getattr(source, "duration", None)
    try:
        while True:
            try:
                frame = source.read(10.0)
            except EndOfStream:
                break
            if frame is None:
                continue
            frames += 1
            height, width = frame.image.shape[:2]
            result = estimator.step(frame)
            people = max(people, len(result.people))
            if result.raw is not None:
                poses.append(result.raw)
            duration = frame.time
            if progress is not None and not progress(min(frame.time / length, 1.0) if length else -1.0):
                break
    finally:
        estimator.close()
        source.close()
    if frames == 0:
        raise FileFormatError(f"There are no pictures in {video.name}.", "Choose another video.")
    total, primitives = measure_recording(track_of(poses), grid)
    return Analysis(frames, duration, width, height, people, tuple(poses), grid, total, primitives)


def _beats_for(video: Path, music: Path | None) -> BeatGrid | None:
    if music is not None:
        return find_beats(music)
    return find_beats(video) if has_audio(video) else None


def find_beats(path: Path) -> BeatGrid | None:
    """Return the beats of a `.beats` file or, analysed, of any file with sound; None where no beat was found."""
    if path.suffix.lower() == ".beats":
        return read_beats(path)
    samples, rate = read_audio(path, _ANALYSIS_RATE, mono=True)
    mono = samples[:, 0] if samples.ndim == 2 else samples
    return analyse_once(mono, rate, cache_folder())


def measure_motion(track: PoseTrack, music: Path) -> tuple[BeatGrid | None, Synchrony, tuple[PrimitiveScore, ...]]:
    """Return beats, synchrony and eight-counts of a motion that starts together with `music`."""
    from dancecoach.assessment.take import measure_recording

    grid = find_beats(music)
    total, primitives = measure_recording(track, grid)
    return grid, total, primitives


def announce_beats(path: Path, block: int | None = None) -> Iterator[tuple[float, list[Beat]]]:
    """Hear an audio file block by block as the live loop would.

    Parameters
    ----------
    path : Path
    block : int, optional
        Samples a block; the beats do not depend on it.

    Yields
    ------
    heard : float
        Seconds of sound heard so far.
    beats : list of Beat
        Those announced by this block; times from the start of the file.
    """
    clock = ManualClock()
    source = AudioFile(path, clock, paced=False)
    source.open()
    tracker = default_tracker()
    held: list[AudioBlock] = []
    try:
        while True:
            try:
                part = source.read(10.0)
            except EndOfStream:
                break
            if part is None:
                continue
            if block is None:
                yield _heard(part), tracker.step(part)
                continue
            held.append(part)
            while sum(len(each.samples) for each in held) >= block:
                piece, held = _cut(held, block)
                yield _heard(piece), tracker.step(piece)
        for rest in held:
            yield _heard(rest), tracker.step(rest)
    finally:
        source.close()


def _heard(block: AudioBlock) -> float:
    return block.time + len(block.samples) / block.sample_rate


def _cut(blocks: list[AudioBlock], count: int) -> tuple[AudioBlock, list[AudioBlock]]:
    """Return the first `count` samples of consecutive blocks as one, and what is left."""
    first, rate = blocks[0], blocks[0].sample_rate
    samples = np.concatenate([each.samples for each in blocks])
    piece = AudioBlock(first.time, first.index, samples[:count], rate)
    left = AudioBlock(first.time + count / rate, first.index + count, samples[count:], rate)
    return piece, [left] if len(left.samples) else []
