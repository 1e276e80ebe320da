"""Makes the demo's session: our own tune, our own dancer, seen by the pose networks and measured as any take."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dancecoach.assessment.take import measure_recording, track_of
from dancecoach.bench.dancer import Painter, dance
from dancecoach.bench.tune import RATE, tune
from dancecoach.perception.pose import PoseEstimator
from dancecoach.session.recorder import Recorder
from dancecoach.types import AudioBlock, Beat, BeatGrid, Floats, Pose, VideoFrame

TEMPO, BARS, LEAD = 112.0, 16, 0.4
FPS = 30
# How late the dancer is, ms, in each eight-count: something for the needle to show.
OFFSETS_MS = (45, 45, 20, 0, 0, -30, -30, 10)


def hits(beats: Floats) -> Floats:
    """Return when the demo's dancer arrives, (B,) s."""
    late = np.repeat(OFFSETS_MS, 8)[: len(beats)] / 1000
    return beats + late


def make(folder: Path) -> Path:
    """Write the demo's session to `folder`, replacing what is there; returns it."""
    samples, beats = tune(TEMPO, BARS, LEAD)
    length = float(beats[-1] + 60 / TEMPO)
    samples = samples[: int(length * RATE)]
    times = np.arange(0, length, 1 / FPS)
    joints = dance(times, hits(beats))
    painter, estimator = Painter(), PoseEstimator()
    recorder = Recorder(folder.parent, 0.0, {"camera": "synthesised dancer", "audio": "synthesised music"}, False)
    counts = np.arange(len(beats)) % 8 + 1
    recorder.beats([
        Beat(float(time), int(count), int(count) in (1, 5), TEMPO, 1.0, float(time))
        for time, count in zip(beats, counts, strict=True)
    ])  # fmt: skip
    poses: list[Pose] = []
    video = folder.parent / "demo-video.mp4"
    with av.open(str(video), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for index, time in enumerate(times.tolist()):
            image = painter.paint(joints[index])
            result = estimator.step(VideoFrame(time, index, image, time))
            if result.raw is not None:
                poses.append(result.raw)
                recorder.pose(result.raw)
            # The sound of this picture, so that the recording grows evenly.
            first, stop = round(index * RATE / FPS), round((index + 1) * RATE / FPS)
            recorder.audio(AudioBlock(first / RATE, first, samples[first:stop, None], RATE))
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    estimator.close()
    grid = BeatGrid(beats, counts, TEMPO, 1.0)
    total, primitives = measure_recording(track_of(poses), grid)
    for score in primitives:
        recorder.primitive(score)
    written = recorder.close(total)
    shutil.rmtree(folder, ignore_errors=True)
    written.rename(folder)
    video.rename(folder / "video.mp4")
    return folder
