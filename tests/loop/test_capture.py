"""Capture opens, delivers, says what is wrong, opens again, and switches."""

import numpy as np
import pytest

from dancecoach.clock import ManualClock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.loop import capture as module
from dancecoach.loop.capture import Capture
from dancecoach.sources.base import EndOfStream, VideoSource
from dancecoach.types import Notice, VideoFrame

Step = VideoFrame | Exception | None


class Camera:
    """Gives what it was told to."""

    live = True

    def __init__(self, name: str, steps: list[Step], broken: int = 0, clock: ManualClock | None = None) -> None:
        self.name = name
        self.dropped = 2
        self._steps = steps
        self._broken = broken
        self._clock = clock
        self.opened = self.closed = 0

    def open(self) -> None:
        self.opened += 1
        if self.opened <= self._broken:
            raise SourceError(f"Camera '{self.name}' is in use.", "Close the other program.")

    def read(self, timeout: float) -> VideoFrame | None:
        if not self._steps:
            if self._clock is not None:
                self._clock.advance(timeout)
            return None
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        self.closed += 1


class Scene:
    """A capture with cameras by their specification."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock(10.0)
        self.cameras: dict[str, Camera] = {}
        self.asked: list[tuple[str, float]] = []
        self.frames: list[VideoFrame] = []
        self.notice: Notice | None = None
        self.capture = Capture(self.clock, self.frames.append, self._notify, lambda: 0.0)
        monkeypatch.setattr(module, "open_video", self._open)
        monkeypatch.setattr(module, "_RETRY", 0.01)

    def _open(self, spec: str, _clock: ManualClock, latency: float) -> VideoSource:
        self.asked.append((spec, latency))
        if spec not in self.cameras:
            raise SourceError(f"There is no camera '{spec}'.", "Plug it in.")
        return self.cameras[spec]

    def _notify(self, about: str, notice: Notice | None) -> None:
        assert about == "camera"
        self.notice = notice

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.capture.step()

    def code(self) -> str | None:
        return None if self.notice is None else self.notice.code


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def frame(index: int, level: int = 80) -> VideoFrame:
    return VideoFrame(index / 30, index, np.full((32, 32, 3), level, np.uint8), index / 30 + 0.06)


def test_pictures_are_delivered_and_counted(scene: Scene) -> None:
    scene.cameras["front"] = Camera("Front", [frame(index) for index in range(60)])
    scene.capture.use("front")
    assert not scene.capture.watching
    for _ in range(62):
        scene.clock.advance(1 / 30)
        scene.step()
    assert [each.index for each in scene.frames] == list(range(60))
    assert scene.capture.watching
    assert scene.capture.rate == pytest.approx(30, abs=0.1)
    assert (scene.capture.name, scene.capture.received, scene.capture.dropped) == ("Front", 60, 2)
    assert scene.capture.brightness == 80
    scene.capture.close()
    assert scene.capture.dropped == 2
    assert scene.capture.rate is None


def test_a_lost_camera_is_told_and_comes_back(scene: Scene) -> None:
    lost = SourceLost("Camera 'Front' is gone.", "Plug it in again.")
    scene.cameras["front"] = Camera("Front", [frame(0), lost, frame(1)])
    scene.capture.use("front")
    scene.step(3)
    assert scene.code() == "camera_lost"
    assert not scene.capture.watching
    del scene.cameras["front"]
    scene.step()
    assert scene.code() == "no_camera"
    scene.cameras["front"] = Camera("Front", [frame(1)])
    scene.step(2)
    assert scene.notice is None
    assert len(scene.frames) == 2


def test_a_camera_in_use_is_tried_again(scene: Scene) -> None:
    camera = scene.cameras["front"] = Camera("Front", [frame(0)], broken=2)
    scene.capture.use("front")
    scene.step(2)
    assert scene.notice == Notice("no_camera", "Camera 'Front' is in use.", "Close the other program.", "error")
    scene.step(2)
    assert camera.opened == 3
    assert len(scene.frames) == 1
    assert scene.notice is None


def test_a_camera_that_gives_nothing_is_told_until_it_does(scene: Scene) -> None:
    camera = scene.cameras["front"] = Camera("Front", [frame(0)], clock=scene.clock)
    scene.capture.use("front")
    scene.step(6)
    assert scene.code() == "camera_stalled"
    camera._steps.append(frame(1))
    scene.step()
    assert scene.notice is None


def test_a_video_ends_and_stays_ended_until_another_is_chosen(scene: Scene) -> None:
    camera = scene.cameras["a.mp4"] = Camera("a", [frame(0), EndOfStream()])
    scene.capture.use("a.mp4")
    scene.step(6)
    assert scene.code() == "video_ended"
    assert camera.opened == 1
    scene.cameras["b.mp4"] = Camera("b", [frame(5)])
    scene.capture.use("b.mp4")
    scene.step(2)
    assert [each.index for each in scene.frames] == [0, 5]


def test_a_video_that_ends_while_another_is_chosen_does_not_end_that_one(scene: Scene) -> None:
    scene.cameras["b.mp4"] = Camera("b", [frame(5)])

    class Ending(Camera):
        def read(self, timeout: float) -> VideoFrame | None:
            scene.capture.use("b.mp4")
            raise EndOfStream

    scene.cameras["a.mp4"] = Ending("a", [])
    scene.capture.use("a.mp4")
    scene.step(4)
    assert scene.notice is None
    assert [each.index for each in scene.frames] == [5]


def test_none_is_no_camera_and_no_complaint(scene: Scene) -> None:
    camera = scene.cameras["front"] = Camera("Front", [frame(0)])
    scene.capture.use("front")
    scene.step(2)
    scene.capture.use("none")
    scene.step(2)
    assert camera.closed >= 1
    assert (scene.capture.name, scene.capture.watching, scene.notice) == ("", False, None)


def test_a_new_delay_is_for_pictures_from_then_on(scene: Scene) -> None:
    scene.cameras["front"] = Camera("Front", [])
    scene.capture.use("front")
    scene.capture.set_latency(0.06)
    scene.step(2)
    scene.capture.set_latency(0.06)
    scene.step()
    scene.capture.set_latency(0.08)
    scene.step()
    assert scene.asked == [("front", 0.06), ("front", 0.08)]


def test_a_source_made_elsewhere_is_shown_until_a_camera_is_chosen(scene: Scene) -> None:
    given = Camera("Demo", [frame(0), frame(1)])
    scene.capture.use_source(given)
    scene.step(2)
    scene.capture.set_latency(0.1)
    scene.step(2)
    assert scene.capture.source is given
    assert scene.asked == []
    scene.cameras["front"] = Camera("Front", [frame(7)])
    scene.capture.use("front")
    scene.step(2)
    assert [each.index for each in scene.frames] == [0, 1, 7]
