from __future__ import annotations

import errno
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from dancecoach.errors import RecordingError
from dancecoach.session import picture as picture_module
from dancecoach.session import recorder as recorder_module
from dancecoach.session.format import POSES, read_manifest
from dancecoach.session.recorder import Recorder
from dancecoach.session.store import open_session
from dancecoach.session.track import RecordWriter
from dancecoach.types import AudioBlock, Synchrony
from tests.session import made
from tests.session.made import STARTED


def test_what_was_recorded_is_what_is_opened(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 4.0, with_video=True)
    session = open_session(folder)
    wanted = made.poses(4.0)
    assert session.duration == pytest.approx(4.0, abs=0.05)
    assert len(session.track) == len(wanted) == 120
    assert session.track.monocular
    for index in (0, 57, 119):
        found = session.poses.pose(index)
        assert found.time == pytest.approx(wanted[index].time - STARTED, abs=1e-9)
        assert found.arrival == pytest.approx(found.time + 0.05, abs=1e-9)
        assert found.person == 7
        for name in ("joints", "root", "image_joints", "visibility"):
            assert np.allclose(getattr(found, name), getattr(wanted[index], name), atol=1e-6), name
    assert session.beat_grid is not None
    assert np.allclose(session.beat_grid.beat_times, np.arange(8) / 2)
    assert session.beat_grid.counts.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert session.beat_grid.tempo == 120.0
    assert session.primitives[0].primitive.stop == 4.0
    assert session.primitives[0].synchrony == made.synchrony(0.0, 4.0)
    assert session.total == made.synchrony(0.0, 4.0)
    assert [notice.code for _, notice in session.notices] == ["nobody"]
    assert session.picture == (160, 120)
    assert session.warnings == ()
    assert len(session.video_times) > 0
    assert session.manifest.info == {"camera": "Cam", "audio": "Mic"}


def test_folder_is_named_by_the_start_and_never_taken_twice(tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 18, 30, 5).astimezone()
    folders = []
    for _ in range(3):
        recorder = Recorder(tmp_path, 0.0, {}, False, minimum_free=0, now=start)
        folders.append(recorder.close(None).name)
    assert folders == ["2026-03-01_18-30-05", "2026-03-01_18-30-05-2", "2026-03-01_18-30-05-3"]
    assert read_manifest(tmp_path / folders[0]).created.startswith("2026-03-01T18:30:05.000")


def test_what_lies_before_the_start_is_no_part_of_the_session(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    early = made.poses(1.0, started=STARTED - 0.5)
    for pose in early:
        recorder.pose(pose)
    session = open_session(recorder.close(None))
    assert session.track.times[0] >= 0.0
    assert len(session.track) == 15


def test_closing_twice_and_going_on_after_it_are_harmless(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    folder = recorder.close(None)
    recorder.pose(made.poses(1.0)[0])
    recorder.beats(made.beats(1.0))
    assert recorder.close(Synchrony("body", 0.0, 0.0)) == folder
    assert not any(thread.name == "dancecoach recorder" for thread in threading.enumerate())
    assert len(open_session(folder).track) == 0


def test_a_hole_in_the_sound_keeps_its_place(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for block in [*made.blocks(1.0), *made.blocks(1.0, started=STARTED + 2.5, first=500_000)]:
        recorder.audio(block)
    sound = open_session(recorder.close(None)).sound
    assert sound is not None
    assert sound.count == pytest.approx(3.5 * made.RATE, abs=2)
    whole = np.concatenate([samples for _, samples in sound.blocks(10_000)])[:, 0]
    clicks = np.flatnonzero((whole[1:] > 0.5) & (whole[:-1] < 0.5)) + 1
    assert [round(sound.time_of(index), 3) for index in (0, *clicks)] == [0.0, 0.5, 2.5, 3.0]


def test_drift_of_the_sound_card_is_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    drift = 1.0005
    for block in made.blocks(6.0):
        time = STARTED + 0.1 + (block.time - STARTED) * drift
        recorder.audio(AudioBlock(time, block.index, block.samples, block.sample_rate))
    sound = open_session(recorder.close(None)).sound
    assert sound is not None
    for seconds in (0.0, 1.3, 5.9):
        time = 0.1 + seconds * drift
        assert sound.time_of(seconds * made.RATE) == pytest.approx(time, abs=1e-4)
        assert sound.index_at(time) == pytest.approx(seconds * made.RATE, abs=3)


def test_another_microphone_in_the_middle(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for block in made.blocks(1.0):
        recorder.audio(block)
    for block in made.blocks(1.0, started=STARTED + 1.2, rate=16_000):
        recorder.audio(AudioBlock(block.time, block.index, np.repeat(block.samples, 4, axis=1), 16_000))
    sound = open_session(recorder.close(None)).sound
    assert sound is not None
    assert (sound.sample_rate, sound.channels) == (made.RATE, 1)
    assert sound.stop == pytest.approx(2.2, abs=0.01)


def test_no_space_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nearly full") as caught:
        Recorder(tmp_path, 0.0, {}, False, minimum_free=10**18)
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError) as caught:
        Recorder(tmp_path / "file" / "sessions", 0.0, {}, False, minimum_free=0)
    assert caught.value.remedy


def wait_for_problem(recorder: Recorder) -> RecordingError:
    recorder._thread.join(10.0)
    assert not recorder._thread.is_alive()
    assert recorder.problem is not None
    return recorder.problem


def test_space_runs_out_while_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for pose in made.poses(1.0):
        recorder.pose(pose)
    monkeypatch.setattr(recorder, "_minimum_free", 10**18)
    assert "nearly full" in wait_for_problem(recorder).problem
    recorder.pose(made.poses(2.0)[-1])
    assert recorder.seconds < 1.0
    session = open_session(recorder.close(None))
    assert len(session.track) == 30
    assert [warning.code for warning in session.warnings] == ["cut_off"]


def test_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    refused = threading.Event()
    write = RecordWriter.write

    def fail(self: RecordWriter, records: np.ndarray) -> None:
        if self.count + len(records) > 40:
            refused.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, records)

    monkeypatch.setattr(RecordWriter, "write", fail)
    for pose in made.poses(1.0):
        recorder.pose(pose)
    poll(lambda: len(recorder._poses) == 0)
    for pose in made.poses(2.0)[30:]:
        recorder.pose(pose)
    assert "full" in wait_for_problem(recorder).problem
    assert refused.is_set()
    assert len(open_session(recorder.close(None)).track) == 30


def poll(condition: object) -> None:
    event = threading.Event()
    for _ in range(1000):
        if condition():  # type: ignore[operator]
            return
        event.wait(0.01)
    raise AssertionError("waited in vain")


def test_the_folder_disappears(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for path in recorder.folder.iterdir():
        path.unlink()
    recorder.folder.rmdir()
    assert "disappeared" in wait_for_problem(recorder).problem
    recorder.close(None)


class Held:
    """Keeps the writer thread from writing until released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.reached = threading.Event()
        original = recorder_module._Writer.write_poses

        def held(writer: object, poses: object, started: float) -> None:
            self.reached.set()
            assert self.go_on.wait(20.0)
            original(writer, poses, started)  # type: ignore[arg-type]

        monkeypatch.setattr(recorder_module._Writer, "write_poses", held)


def test_pictures_go_first_when_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    monkeypatch.setattr(recorder_module, "_QUEUE_BYTES", 10 * 160 * 120 * 3)
    recorder = Recorder(tmp_path, STARTED, {}, True, minimum_free=0)
    assert held.reached.wait(10.0)
    for frame in made.pictures(2.0):
        recorder.frame(frame)
    for pose in made.poses(2.0):
        recorder.pose(pose)
    for block in made.blocks(2.0):
        recorder.audio(block)
    assert recorder.lost_pictures == 50
    assert recorder.lost_poses == recorder.lost_blocks == 0
    held.go_on.set()
    session = open_session(recorder.close(None))
    assert len(session.track) == 60
    assert session.sound is not None
    assert session.sound.count == 2 * made.RATE
    assert len(session.video_times) == 10
    assert session.warnings == ()


def test_lost_sound_is_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held(monkeypatch)
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    assert held.reached.wait(10.0)
    for block in made.blocks(9.0):
        recorder.audio(block)
    held.go_on.set()
    session = open_session(recorder.close(None))
    assert recorder.lost_blocks == pytest.approx(50, abs=1)
    assert "too slow" in caplog.text
    assert any("blocks are missing" in warning.text for warning in session.warnings)


def test_pictures_of_another_size_and_odd_ones(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, True, minimum_free=0)
    for frame in made.pictures(0.5, size=(161, 121)):
        recorder.frame(frame)
    for frame in made.pictures(0.5, started=STARTED + 0.5, size=(90, 200)):
        recorder.frame(frame)
    session = open_session(recorder.close(None))
    assert recorder.problem is None
    assert len(session.video_times) == 30


def test_without_the_h264_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_module.av, "codecs_available", {"mpeg4"})
    folder = made.record(tmp_path, 1.0, with_video=True)
    session = open_session(folder)
    assert session.video_path is not None
    import av

    with av.open(str(session.video_path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_a_pose_track_is_17_kilobytes_a_second(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 2.0)
    assert (folder / POSES).stat().st_size == 64 + 60 * 564
