from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from dancecoach.clock import ManualClock, SystemClock
from dancecoach.errors import SourceError
from dancecoach.perception.pose import PoseEstimator
from dancecoach.session import format as names
from dancecoach.session import replay
from dancecoach.session.figure import draw_person
from dancecoach.session.recorder import Recorder
from dancecoach.session.replay import ReplayAudio, ReplayVideo, iter_poses, open_audio, open_video
from dancecoach.session.store import open_session
from dancecoach.sources.base import AudioSource, EndOfStream, VideoSource
from dancecoach.types import AudioBlock, Pose, VideoFrame
from tests.session import made
from tests.session.made import STARTED


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.record(tmp_path_factory.mktemp("filmed"), 2.0, with_video=True)


@pytest.fixture(scope="module")
def unfilmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.record(tmp_path_factory.mktemp("unfilmed"), 2.0)


@pytest.fixture(autouse=True)
def no_origins_of_others() -> None:
    replay._origins.clear()


def read_all(source: VideoSource | AudioSource) -> list[VideoFrame | AudioBlock]:
    source.open()
    values: list[VideoFrame | AudioBlock] = []
    try:
        while True:
            value = source.read(1.0)
            if value is not None:
                values.append(value)
    except EndOfStream:
        return values
    finally:
        source.close()


def test_video_comes_back_at_the_times_it_was_taken(filmed: Path) -> None:
    frames = read_all(ReplayVideo(filmed, ManualClock(), paced=False))
    wanted = made.pictures(2.0)
    assert len(frames) == 60
    assert np.allclose([frame.time for frame in frames], [frame.time - STARTED for frame in wanted], atol=1e-4)
    assert abs(float(frames[-1].image.mean()) - float(wanted[-1].image.mean())) < 8
    assert not frames[0].image.flags.writeable


def test_video_that_begins_late_keeps_its_place(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, True, minimum_free=0)
    for frame in made.pictures(0.5, started=STARTED + 1.25):
        recorder.frame(frame)
    folder = recorder.close(None)
    assert open_session(folder).video_start == pytest.approx(1.25)
    frames = read_all(ReplayVideo(folder, ManualClock(), paced=False))
    assert frames[0].time == pytest.approx(1.25, abs=1e-4)
    clock = ManualClock(50.0)
    paced = read_all(ReplayVideo(folder, clock, paced=True))
    assert paced[0].time == pytest.approx(51.25, abs=1e-4)


def test_without_video_a_drawn_person_moves_as_the_dancer_did(unfilmed: Path) -> None:
    frames = read_all(ReplayVideo(unfilmed, ManualClock(), paced=False))
    times = np.array([frame.time for frame in frames])
    assert np.allclose(times, [pose.time - STARTED for pose in made.poses(2.0)])
    assert frames[0].image.shape == (120, 160, 3)
    session = open_session(unfilmed)
    room = draw_person(160, 120, None).astype(int)
    for index in (0, 40):
        rows, columns = np.nonzero(np.abs(frames[index].image - room).max(axis=2) > 60)
        joints = session.poses.image_joints[index]
        assert columns.min() / 160 == pytest.approx(joints[:, 0].min(), abs=0.08)
        assert columns.max() / 160 == pytest.approx(joints[:, 0].max(), abs=0.08)
        assert rows.max() / 120 == pytest.approx(joints[:, 1].max(), abs=0.06)


def test_the_pose_estimator_follows_the_drawn_person(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    recorder.frame(made.pictures(0.1, size=(640, 480))[0])
    times = np.arange(20) / 20
    track = made.rigid_track(times, wildness=0.25)
    for index, time in enumerate(STARTED + times):
        image = np.stack([0.5 + 0.33 * track.joints[index, :, 0], 0.47 - 0.44 * track.joints[index, :, 1]], axis=1)
        recorder.pose(Pose(time, 1, track.joints[index], track.roots[index], image, track.visibility[index], time))
    folder = recorder.close(None)
    wanted = open_session(folder).poses.image_joints
    estimator = PoseEstimator()
    found = [estimator.step(frame).raw for frame in read_all(ReplayVideo(folder, ManualClock(), paced=False))]
    estimator.close()
    seen = [index for index, pose in enumerate(found) if pose is not None]
    assert len(seen) >= 18
    limbs = [4, 5, 7, 8, 18, 19, 20, 21]
    errors = [np.abs(found[index].image_joints[limbs] - wanted[index, limbs]).mean() for index in seen]
    assert np.mean(errors) < 0.03


def test_without_anybody_the_room_is_empty(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for block in made.blocks(1.0):
        recorder.audio(block)
    for pose in made.poses(0.5, started=STARTED + 0.5):
        recorder.pose(pose)
    folder = recorder.close(None)
    frames = read_all(ReplayVideo(folder, ManualClock(), paced=False))
    assert frames[0].time == 0.0
    assert np.all(np.diff([frame.time for frame in frames]) > 0)
    room = draw_person(640, 480, None)
    assert np.array_equal(frames[0].image, room)
    assert not np.array_equal(frames[-1].image, room)


def test_sound_comes_back_at_the_times_it_was_heard(filmed: Path) -> None:
    source = ReplayAudio(filmed, ManualClock(), paced=False)
    blocks = read_all(source)
    assert (source.sample_rate, source.channels) == (made.RATE, 1)
    samples = np.concatenate([block.samples for block in blocks])
    wanted = np.concatenate([block.samples for block in made.blocks(2.0)])
    assert np.abs(samples - wanted).max() < 1e-4
    for block in blocks:
        assert block.time == pytest.approx(block.index / made.RATE, abs=1e-6)


@pytest.mark.parametrize("video_first", [True, False])
def test_pictures_and_sound_share_one_origin(filmed: Path, video_first: bool) -> None:
    clock = ManualClock(100.0)
    video, audio = open_video(str(filmed), clock), open_audio(f" {filmed} ", clock)
    first, second = (video, audio) if video_first else (audio, video)
    first.open()
    clock.advance(0.7)
    second.open()
    frame, block = video.read(5.0), audio.read(5.0)
    assert frame is not None
    assert block is not None
    assert block.time == pytest.approx(100.0)
    assert (frame.time - 100.0) % (1 / 30) == pytest.approx(0.0, abs=1e-3)
    video.close()
    audio.close()


def test_opened_again_it_goes_on_with_the_sound(filmed: Path) -> None:
    clock = ManualClock(100.0)
    video, audio = open_video(str(filmed), clock), open_audio(str(filmed), clock)
    video.open()
    audio.open()
    video.close()
    clock.advance(1.0)
    video.open()
    frame = video.read(5.0)
    assert frame is not None
    assert frame.time + 1 / 30 >= 101.0
    video.close()
    audio.close()


def test_after_its_end_it_starts_over(filmed: Path) -> None:
    clock = ManualClock(100.0)
    video = open_video(str(filmed), clock)
    video.open()
    video.close()
    clock.advance(10.0)
    video.open()
    frame = video.read(5.0)
    assert frame is not None
    assert frame.time == pytest.approx(110.0)
    video.close()


@pytest.mark.parametrize("kind", ["filmed", "unfilmed"])
def test_paced_it_plays_in_real_time(kind: str, filmed: Path, unfilmed: Path) -> None:
    clock = SystemClock()
    folder = filmed if kind == "filmed" else unfilmed
    source = ReplayVideo(folder, clock, paced=True)
    started = clock.now()
    late = []
    source.open()
    opened = clock.now()
    try:
        while True:
            frame = source.read(1.0)
            assert frame is not None
            late.append(clock.now() - frame.time)
    except EndOfStream:
        pass
    source.close()
    assert clock.now() - opened > 1.8
    assert opened - started < 1.0
    assert min(late) >= 0.0
    assert np.median(late) < 0.05


def test_closing_wakes_a_reader(unfilmed: Path) -> None:
    for source in (ReplayVideo(unfilmed, SystemClock(), True), ReplayAudio(unfilmed, SystemClock(), True)):
        source.open()
        ended = threading.Event()

        def drain(source: VideoSource | AudioSource = source, ended: threading.Event = ended) -> None:
            while source.read(30.0) is not None:
                pass
            ended.set()

        reader = threading.Thread(target=drain)
        reader.start()
        source.close()
        assert ended.wait(5.0)
        reader.join()


def test_what_cannot_be_replayed_says_so(unfilmed: Path, tmp_path: Path) -> None:
    silent = made.record(tmp_path, 1.0, with_sound=False)
    with pytest.raises(SourceError, match="no sound"):
        open_audio(str(silent), ManualClock()).open()
    (silent / names.POSES).write_bytes(b"nonsense" * 100)
    with pytest.raises(SourceError):
        open_video(str(silent), ManualClock()).open()
    empty = Recorder(tmp_path / "empty", 0.0, {}, False, minimum_free=0).close(None)
    with pytest.raises(SourceError, match="no pictures"):
        open_video(str(empty), ManualClock()).open()


def test_other_descriptions_go_to_the_catalogue(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="folder"):
        open_video(str(tmp_path), ManualClock())
    with pytest.raises(SourceError, match="does not exist"):
        open_audio(str(tmp_path / "a.wav"), ManualClock())


def test_poses_come_back(unfilmed: Path) -> None:
    found = list(iter_poses(open_session(unfilmed)))
    assert [pose.person for pose in found] == [7] * 60
    assert np.allclose(found[33].joints, made.poses(2.0)[33].joints, atol=1e-6)
