"""A coach that returns made-up snapshots and remembers what it was told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancecoach.assessment.rubric import grade_of
from dancecoach.clock import ManualClock
from dancecoach.config import Latency
from dancecoach.types import (
    JOINT_INDEX,
    LIMBS,
    Advice,
    Assessment,
    BeatGrid,
    ChoreographyPlace,
    Cue,
    Label,
    MusicState,
    Notice,
    Person,
    Pose,
    Primitive,
    PrimitiveScore,
    Quality,
    RecordingState,
    Snapshot,
    StageTiming,
    Synchrony,
    VideoFrame,
)

# A person facing the camera, unmirrored: the left side of the body is at the larger x.
IMAGE_JOINTS = np.array(
    [
        (0.50, 0.55), (0.53, 0.56), (0.47, 0.56), (0.50, 0.50), (0.55, 0.72), (0.45, 0.72), (0.50, 0.44),
        (0.55, 0.88), (0.45, 0.88), (0.50, 0.38), (0.58, 0.92), (0.42, 0.92), (0.50, 0.28), (0.52, 0.30),
        (0.48, 0.30), (0.50, 0.20), (0.57, 0.31), (0.43, 0.31), (0.64, 0.42), (0.36, 0.42), (0.70, 0.33),
        (0.30, 0.52),
    ]
)  # fmt: skip


def picture(width: int = 640, height: int = 480) -> np.ndarray:
    """A quiet picture whose left half is reddish and right half bluish."""
    image = np.full((height, width, 3), 70, np.uint8)
    image[:, : width // 2, 0] = 140
    image[:, width // 2 :, 2] = 140
    image[::40] = 90
    image.flags.writeable = False
    return image


def pose(time: float = 10.0, visibility: float = 1.0) -> Pose:
    joints = np.zeros((22, 3))
    joints[:, :2] = (IMAGE_JOINTS - (0.5, 0.55)) * (2.4, -1.8)
    return Pose(time, 1, joints, np.array([0.0, 0.9, 3.0]), IMAGE_JOINTS, np.full(22, visibility), time)


def synchrony(offset_ms: float | None = 35.0, msr: float | None = 0.82, **values: Any) -> Synchrony:
    offsets = dict(zip(LIMBS, (48.0, 12.0, -64.0, -8.0, 27.0), strict=True))
    parts = tuple(
        Synchrony(part, 0.0, 8.0, offset_ms=offset, offset_sd_ms=18.0, n_hits=9, level="every beat")
        for part, offset in offsets.items()
    )
    band = None if offset_ms is None else (offset_ms - 9.0, offset_ms + 9.0)
    interval = None if msr is None else (msr - 0.08, msr + 0.06)
    base = Synchrony(
        "body",
        0.0,
        8.0,
        msr=msr,
        msr_interval=interval,
        offset_ms=offset_ms,
        offset_interval_ms=band,
        level="every beat",
        n_hits=30,
        n_beats=32,
        parts=parts,
    )
    return dataclasses.replace(base, **values)


def grid(start: float = 0.0, tempo: float = 120.0, beats: int = 64) -> BeatGrid:
    times = start + np.arange(beats) * 60.0 / tempo
    return BeatGrid(times, np.arange(beats) % 8 + 1, tempo, 0.92)


def snapshot(time: float = 10.0, **values: Any) -> Snapshot:
    image = values.pop("image", None)
    image = picture() if image is None else image
    base = Snapshot(
        time=time,
        frame=VideoFrame(time, 300, image, time),
        pose=pose(time),
        people=(Person(1, (0.28, 0.15, 0.72, 0.95), True),),
        beat_grid=grid(),
        synchrony_8=synchrony(),
        synchrony_32=synchrony(28.0),
        synchrony_total=synchrony(30.0, 0.76),
        music=MusicState("/music/the_song.ogg", "The Song That Never Ends", 62.0, 200.0, True, 0.8, (40.0, 80.0)),
        recording=RecordingState("/sessions/one", 42.0, False),
        music_heard=True,
        sound_level=0.4,
        camera_rate=29.9,
        camera_name="Front camera",
        audio_name="Microphone",
        display_latency=0.0,
        timings={
            "capture": StageTiming(1.2, 2.0, 30.0),
            "pose": StageTiming(18.4, 24.1, 29.9, 3),
            "beats": StageTiming(0.9, 1.4, 86.1),
            "assess": StageTiming(2.2, 3.5, 29.9),
        },
    )
    return dataclasses.replace(base, **values)


def unknown(time: float = 10.0) -> Snapshot:
    """Nothing is known: no camera, no music, no score."""
    return Snapshot(
        time=time,
        notices=(
            Notice("no_music", "No music heard.", "Play music in the room or open a music file.", "info"),
            Notice(
                "no_camera", "No camera found.", "Plug in a camera, or choose a network camera in Settings.", "error"
            ),
        ),
        synchrony_8=Synchrony("body", 0.0, 0.0, reason="No music heard"),
        synchrony_32=Synchrony("body", 0.0, 0.0, reason="No music heard"),
    )


@dataclasses.dataclass
class FakeState:
    phase: str = "idle"
    progress: float = 0.0
    flash: bool = False
    message: str = ""
    seen: int = 0
    heard: int = 0
    result: Latency | None = None


class FakeCalibration:
    def __init__(self) -> None:
        self.now = FakeState()
        self.calls: list[tuple[Any, ...]] = []

    def start(self, method: str) -> None:
        self.calls.append(("start", method))
        self.now = FakeState("measuring", 0.1, message="Hold still.")

    def state(self) -> FakeState:
        return self.now

    def flash_painted(self, time: float) -> None:
        self.calls.append(("flash_painted", time))

    def cancel(self) -> None:
        self.calls.append(("cancel",))

    def accept(self) -> None:
        self.calls.append(("accept",))


class FakeCoach:
    """Every command lands in `calls` as (name, *arguments)."""

    def __init__(self, state: Snapshot | None = None, clock: ManualClock | None = None) -> None:
        self.state = state if state is not None else snapshot()
        self.clock = clock or ManualClock(self.state.time)
        self.calls: list[tuple[Any, ...]] = []
        self.paints: list[tuple[float, float]] = []
        self.latency_calibration = FakeCalibration()

    def snapshot(self) -> Snapshot:
        return self.state

    def report_paint(self, arrival: float, painted_at: float) -> None:
        self.paints.append((arrival, painted_at))

    def calibration(self) -> FakeCalibration:
        return self.latency_calibration

    def start_recording(self, folder: Path | None = None, with_video: bool | None = None) -> None:
        self.calls.append(("start_recording", folder, with_video))

    def stop_recording(self) -> Path | None:
        self.calls.append(("stop_recording",))
        return Path("/sessions/one")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def command(*arguments: Any) -> None:
            self.calls.append((name, *arguments))

        return command


def saliency(**joints: float) -> np.ndarray:
    shares = np.zeros(22)
    for name, share in joints.items():
        shares[JOINT_INDEX[name]] = share
    return shares / shares.sum()


LATE_ARM = Cue("left_arm", "late", 83.0, "ms", (3, 7), 0.93, 13.0)
SMALL_ARM = Cue("right_arm", "small", 36.0, "%", (1, 3, 5), 0.74, 9.0)


def assessment(mean: float | None = 71.0, sd: float = 6.0, **values: Any) -> Assessment:
    """What the coach says of one eight-count; unknown without a mean."""
    if mean is None:
        return Assessment(Quality(reason="Feet out of frame"))
    base = Assessment(
        Quality(mean, sd * sd, grade_of(mean), None, True),
        (Label("style", "salsa", 0.93), Label("level", "intermediate", 0.66), Label("dancing", "dancing", 0.99)),
        (LATE_ARM, SMALL_ARM) if mean < 85 else (),
        saliency(left_wrist=0.4, left_elbow=0.2, left_shoulder=0.05, right_wrist=0.15, right_elbow=0.1),
        ChoreographyPlace("Routine A", 3, True, 0.9),
    )
    return dataclasses.replace(base, **values)


MEANS = (52.0, 58.0, 63.0, None, 38.0, 66.0, 74.0, 81.0, 79.0, 88.0, 92.0, 71.0)


def scores(means: Sequence[float | None] = MEANS, stop: float = 9.5) -> tuple[PrimitiveScore, ...]:
    """Eight-counts of four seconds, the last of which ends at `stop`."""
    found = []
    for number, mean in enumerate(means, start=1):
        start = stop - 4.0 * (len(means) - number + 1)
        offset, msr = 90.0 - (mean or 0.0), None if mean is None else mean / 100
        value = synchrony(None if mean is None else offset, msr)
        found.append(
            PrimitiveScore(number, Primitive(start, start + 4.0, start + 0.5 * np.arange(9)), value, assessment(mean))
        )
    return tuple(found)


def judged(time: float = 10.0, **values: Any) -> Snapshot:
    """A coach that judges: twelve eight-counts, two cues."""
    advice = (Advice(time, 12, LATE_ARM), Advice(time, 12, SMALL_ARM))
    return snapshot(time, **{"primitives": scores(stop=time - 0.5), "advice": advice, "provider": "CPU", **values})
