"""The live engine on real sources: it runs, it says what is wrong, and it goes on by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from dancecoach.bench.dancer import Painter, dance
from dancecoach.bench.mjpeg_server import MjpegServer, encode
from dancecoach.bench.pulse import PulseDaemon, missing, poll
from dancecoach.config import Settings
from dancecoach.engine import Engine
from dancecoach.session.store import open_session
from dancecoach.types import Snapshot
from tests.support.signals import clicks

RATE = 44_100


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert poll(lambda: not [t for t in threading.enumerate() if t not in before and t.name != "MainThread"], 5.0), (
        f"left running: {[t.name for t in threading.enumerate() if t not in before]}"
    )


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Two seconds of the dancer at 120 BPM, a whole number of beats, so that they repeat."""
    painter = Painter()
    return [encode(painter.paint(joints)) for joints in dance(np.arange(0, 4, 1 / 30), np.arange(0, 4.01, 0.5))]


@pytest.fixture
def click_track(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.wav"
    soundfile.write(path, clicks(120, 40.0, RATE, 0.5)[0].astype(np.float32), RATE)
    return path


@pytest.fixture
def engine() -> Iterator[Callable[[Settings], Engine]]:
    made: list[Engine] = []

    def make(settings: Settings) -> Engine:
        made.append(Engine(settings))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def codes(snapshot: Snapshot) -> set[str]:
    return {notice.code for notice in snapshot.notices}


def wait(engine: Engine, condition: Callable[[Snapshot], bool], seconds: float = 15.0) -> Snapshot:
    assert poll(lambda: condition(engine.snapshot()), seconds), engine.snapshot().notices
    return engine.snapshot()


def test_the_whole_loop_reads_the_offset_of_a_file_dancer(
    tmp_path: Path, click_track: Path, engine: Callable[[Settings], Engine]
) -> None:
    """A video and its own sound as camera and microphone: paced by the clock, measured live."""
    seconds, offset = 26.0, 0.07
    video = tmp_path / "dance.mp4"
    times, painter = np.arange(0, seconds, 1 / 30), Painter(320, 240)
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 320, 240, "yuv420p", Fraction(1, 30)
        for joints in dance(times, np.arange(0.5, seconds, 0.5) + offset):
            for packet in stream.encode(av.VideoFrame.from_ndarray(painter.paint(joints), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    coach = engine(Settings(camera=str(video), audio=str(click_track)))
    seen = wait(coach, lambda s: s.synchrony_32 is not None and s.synchrony_32.n_beats >= 24, 40)
    assert seen.synchrony_32 is not None
    assert seen.synchrony_32.offset_ms is not None
    assert seen.synchrony_32.offset_ms == pytest.approx(1000 * offset, abs=15)
    assert seen.pose is not None
    assert seen.beat_grid is not None
    assert seen.beat_grid.tempo == pytest.approx(120, abs=1)
    assert {"pose", "beats", "assess"} <= set(seen.timings)


def test_a_network_camera_killed_in_a_take_comes_back_and_the_session_is_whole(
    tmp_path: Path, pictures: list[bytes], engine: Callable[[Settings], Engine]
) -> None:
    server = MjpegServer(pictures, 30).start()
    coach = engine(Settings(camera=server.url, audio="none"))
    wait(coach, lambda s: s.pose is not None, 30)
    coach.start_recording(tmp_path)
    wait(coach, lambda s: s.recording is not None and s.recording.seconds > 1.5)
    server.stop()
    killed = time.perf_counter()
    wait(coach, lambda s: bool({"camera_lost", "no_camera"} & codes(s)), 5)
    assert time.perf_counter() - killed < 2.0
    wait(coach, lambda s: "no_camera" in codes(s), 5)  # it has tried again in vain
    assert poll(lambda: time.perf_counter() - killed > 0.5, 2)
    server.start()
    try:
        wait(coach, lambda s: not {"camera_lost", "no_camera"} & codes(s) and s.pose is not None, 10)
        again = coach.snapshot().time
        wait(coach, lambda s: s.pose is not None and s.pose.time > again + 1.0)
        folder = coach.stop_recording()
        assert folder is not None
        session = open_session(folder)
        assert session.duration > 2.5
        assert np.diff(session.track.times).max() > 0.3  # the gap is in the recording, not filled in
        assert len(session.track) > 40
    finally:
        coach.stop()
        server.stop()


def test_the_partner_dances_with_a_dancer_in_a_video_and_is_recorded(
    tmp_path: Path, pictures: list[bytes], engine: Callable[[Settings], Engine]
) -> None:
    with MjpegServer(pictures, 30) as server:
        coach = engine(Settings(camera=server.url, audio="none", partner=True, partner_ghost=2))
        wait(coach, lambda s: s.partner is not None and len(s.partner.times) > 20, 30)
        coach.start_recording(tmp_path)
        wait(coach, lambda s: s.recording is not None and s.recording.seconds > 2.0)
        # It dances ahead of the screen; a busy machine may be a frame late at any one moment.
        seen = wait(coach, lambda s: s.partner is not None and s.partner.times[-1] > s.time + s.display_latency)
        assert seen.partner is not None
        motion = seen.partner
        for values in (motion.joints, motion.leader, motion.holds, motion.contacts):
            assert np.isfinite(values).all()
        assert motion.state in ("following", "uncertain")
        assert np.diff(motion.times) == pytest.approx(1 / 30)
        apart = np.linalg.norm((motion.joints - motion.leader)[:, 0, [0, 2]], axis=1)
        assert apart.min() > 0.25 and apart.max() < 2.0
        assert motion.joints[:, [10, 11], 1].min() == pytest.approx(0.0, abs=0.12), "they stand on the floor"
        assert coach.timers["partner"].count > 60 and coach.partner.skipped < 60
        folder = coach.stop_recording()
        assert folder is not None
        partner = open_session(folder).partner
        assert partner is not None and len(partner.track) > 45
        coach.use_partner(False)
        assert coach.snapshot().partner is None
        coach.stop()


def test_silence_shows_no_count_and_no_number(tmp_path: Path, engine: Callable[[Settings], Engine]) -> None:
    silent = tmp_path / "silence.wav"
    soundfile.write(silent, np.zeros(RATE * 20, dtype=np.float32), RATE)
    coach = engine(Settings(camera="none", audio=str(silent)))
    seen = wait(coach, lambda s: "no_music" in codes(s) and s.synchrony_8 is not None)
    assert seen.beat_grid is None
    assert not seen.music_heard
    assert seen.synchrony_8 is not None
    assert (seen.synchrony_8.msr, seen.synchrony_8.offset_ms, seen.synchrony_8.reason) == (
        None,
        None,
        "no beat known",
    )


@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_the_sound_device_goes_and_comes_back(click_track: Path, engine: Callable[[Settings], Engine]) -> None:
    with PulseDaemon() as daemon:
        coach = engine(Settings(camera="none", audio="monitor"))
        wait(coach, lambda s: "Monitor" in s.audio_name or "monitor" in s.audio_name)
        daemon.kill()
        killed = time.perf_counter()
        wait(coach, lambda s: bool({"audio_lost", "audio_stalled", "no_microphone"} & codes(s)), 5)
        assert time.perf_counter() - killed < 2.5
        coach.stop()


def test_without_camera_and_sound_it_says_so_and_stops(engine: Callable[[Settings], Engine]) -> None:
    coach = engine(Settings(camera="/no/such/video.mp4", audio="no such microphone"))
    seen = wait(coach, lambda s: {"no_camera", "no_microphone"} <= codes(s))
    assert seen.frame is None
    assert all(notice.remedy for notice in seen.notices if notice.code in ("no_camera", "no_microphone"))


def test_music_played_here_counts_exactly(click_track: Path, engine: Callable[[Settings], Engine]) -> None:
    """Without a sound card the player runs silently; beats still fall where the music is."""
    coach = engine(Settings(camera="none", audio="none", count_in=False))
    coach.load_music(str(click_track))
    assert coach.listener.wait_loaded(30)
    coach.play()
    seen = wait(coach, lambda s: s.beat_grid is not None and len(s.beat_grid.beat_times) > 12)
    assert seen.beat_grid is not None
    assert np.allclose(np.diff(seen.beat_grid.beat_times), 0.5, atol=0.004)
    first = coach.listener.position_at(float(seen.beat_grid.beat_times[0]))
    assert first is not None
    assert first % 0.5 == pytest.approx(0.0, abs=0.005)
    coach.set_speed(0.5)
    wait(coach, lambda s: s.beat_grid is not None and abs(s.beat_grid.tempo - 60) < 0.5)
    coach.seek(10.0)
    seen = wait(coach, lambda s: s.music is not None and 10.0 <= s.music.position < 14.0)
    coach.set_loop(11.0, 13.0)
    wait(coach, lambda s: s.music is not None and s.music.loop is not None)
    coach.pause()
    wait(coach, lambda s: s.music is not None and not s.music.playing)
    coach.set_the_one()
    coach.unload_music()
    wait(coach, lambda s: s.music is None)


def test_a_full_disk_stops_the_recording_with_a_message(
    tmp_path: Path, pictures: list[bytes], engine: Callable[[Settings], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MjpegServer(pictures, 30) as server:
        coach = engine(Settings(camera=server.url, audio="none"))
        wait(coach, lambda s: s.pose is not None, 30)
        coach.start_recording(tmp_path)
        seen = wait(coach, lambda s: s.recording is not None and s.recording.seconds > 1.0)
        assert seen.recording is not None
        folder = Path(seen.recording.folder)
        from collections import namedtuple

        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10**12, 10**12, 0))
        wait(coach, lambda s: "recording_stopped" in codes(s) and s.recording is None, 10)
        monkeypatch.undo()
        assert len(open_session(folder).track) > 10
        coach.stop()


def test_no_room_to_record_is_a_notice(engine: Callable[[Settings], Engine], tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    coach = engine(Settings(camera="none", audio="none"))
    coach.start_recording(blocked)
    assert "recording_failed" in codes(coach.snapshot())
    assert coach.stop_recording() is None
