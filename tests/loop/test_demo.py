"""The demo's camera follows the music: it jumps, pauses and loops with it, and its times only grow."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dancecoach.clock import ManualClock, SystemClock
from dancecoach.errors import SourceError
from dancecoach.loop.demo import FollowingVideo
from dancecoach.types import VideoFrame
from tests.support.media import write_video

SECONDS = 6.0


class Music:
    """A position of the music that tests move."""

    def __init__(self) -> None:
        self.clock = ManualClock(50.0)
        self.speed = 1.0
        self._time, self._position = 50.0, 0.0

    def at(self, time: float) -> float | None:
        return self._position + (time - self._time) * self.speed

    def change(self, position: float | None = None, speed: float | None = None) -> None:
        now = self.clock.now()
        self._position = (self.at(now) or 0.0) if position is None else position
        self._time, self.speed = now, self.speed if speed is None else speed


@pytest.fixture
def music() -> Music:
    return Music()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a picture each 1/30 s."""
    times = [round(1000 * index / 30) for index in range(round(SECONDS * 30))]
    return write_video(tmp_path_factory.mktemp("demo") / "video.mp4", times)


@pytest.fixture
def video(path: Path, music: Music) -> Iterator[FollowingVideo]:
    made = FollowingVideo(path, music.clock, music.at)
    made.open()
    yield made
    made.close()


def watch(video: FollowingVideo, music: Music, seconds: float) -> list[VideoFrame]:
    frames = []
    for _ in range(round(seconds / 0.01)):
        music.clock.advance(0.01)
        frame = video.read(0.0)
        if frame is not None:
            frames.append(frame)
    return frames


def test_every_picture_belongs_to_its_second_of_the_music(video: FollowingVideo, music: Music) -> None:
    frames = watch(video, music, 3.0)
    assert len(frames) == pytest.approx(90, abs=2)
    seconds = np.array([music.at(frame.time) for frame in frames])
    assert np.allclose(30 * seconds, np.round(30 * seconds), atol=0.03)
    assert all(0 <= frame.arrival - frame.time < 0.05 for frame in frames)
    assert not frames[0].image.flags.writeable


@pytest.mark.parametrize("speed", [0.5, 1.1])
def test_pictures_of_slow_and_fast_music_have_their_own_times(
    video: FollowingVideo, music: Music, speed: float
) -> None:
    music.change(speed=speed)
    frames = watch(video, music, 3.0)[1:]
    assert len(frames) == pytest.approx(90 * speed, abs=3)
    assert np.allclose(np.diff([frame.time for frame in frames]), 1 / 30 / speed, atol=2e-3)


def test_it_pauses_jumps_and_loops_with_the_music(video: FollowingVideo, music: Music) -> None:
    times = [frame.time for frame in watch(video, music, 1.0)]
    music.change(speed=0.0)
    paused = watch(video, music, 1.0)
    assert len(paused) <= 1
    music.change(speed=1.0, position=4.0)
    jumped = watch(video, music, 1.0)
    assert len(jumped) >= 28
    assert music.at(jumped[0].time) == pytest.approx(4.0, abs=0.05)
    times += [frame.time for frame in paused + jumped]
    for _ in range(3):
        music.change(position=0.5)
        looped = watch(video, music, 1.0)
        assert len(looped) >= 28
        assert music.at(looped[0].time) == pytest.approx(0.5, abs=0.05)
        times += [frame.time for frame in looped]
    assert (np.diff(times) > 0).all()


def test_beyond_its_end_it_shows_nothing_and_comes_back(video: FollowingVideo, music: Music) -> None:
    music.change(position=SECONDS + 5.0)
    assert watch(video, music, 0.3) == []
    music.change(position=-1.0)  # counting in
    assert watch(video, music, 0.3) == []
    music.change(position=1.0)
    assert len(watch(video, music, 0.5)) >= 13


def test_closing_from_another_thread_ends_a_waiting_read(path: Path) -> None:
    video = FollowingVideo(path, SystemClock(), lambda _time: 1.0)
    video.open()
    assert video.read(1.0) is not None
    reading, result = threading.Event(), []

    def read() -> None:
        reading.set()
        result.append(video.read(30.0))

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(5.0)
    video.close()
    thread.join(2.0)
    assert not thread.is_alive()
    assert result == [None]
    assert video.read(0.1) is None
    video.open()
    assert video.read(1.0) is not None
    video.close()


def test_without_music_it_waits_and_without_a_video_it_says_so(path: Path, tmp_path: Path) -> None:
    video = FollowingVideo(path, SystemClock(), lambda _time: None)
    video.open()
    assert video.read(0.02) is None
    video.close()
    with pytest.raises(SourceError, match="missing"):
        FollowingVideo(tmp_path / "none.mp4", SystemClock(), lambda _time: None).open()
