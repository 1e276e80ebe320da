"""Killed, cut off, out of space: what was written opens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.assessment.take import measure_recording
from dancecoach.clock import ManualClock
from dancecoach.session import format as names
from dancecoach.session.format import read_manifest
from dancecoach.session.store import list_sessions, open_session
from dancecoach.session.track import POSE_MAGIC, POSE_RECORD, read_records
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.video_file import VideoFile
from tests.session import made

# Records in real time and says what it has handed over.
CHILD = """
import sys
from pathlib import Path
from dancecoach.clock import SystemClock
from dancecoach.session.recorder import Recorder
from tests.session import made

clock = SystemClock()
start = clock.now()
recorder = Recorder(Path(sys.argv[1]), start, {}, True, minimum_free=0)
items = [(pose.time + 0.03, recorder.pose, pose) for pose in made.poses(20.0, started=start)]
items += [(block.time + 0.02, recorder.audio, block) for block in made.blocks(20.0, started=start)]
items += [(frame.time, recorder.frame, frame) for frame in made.pictures(20.0, started=start)]
items += [(beat.time, recorder.beats, [beat]) for beat in made.beats(20.0, started=start)]
items += [(frame.time, recorder.partner, frame) for frame in made.partner_frames(20.0, started=start)]
items.sort(key=lambda item: item[0])
print(recorder.folder, flush=True)
for due, hand_over, value in items:
    clock.sleep_until(due)
    hand_over(value)
    print(f"{recorder.seconds:.4f} {recorder.problem is not None}", flush=True)
    if recorder.problem is not None:
        print(recorder.problem, flush=True)
        recorder.close(None)
        break
"""


def start_child(parent: Path, prefix: str = "") -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.Popen(
        [sys.executable, "-c", prefix + CHILD, str(parent)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=environment,
    )


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Give the folder of a session whose recorder was killed, and how many seconds it had been given."""
    child = start_child(tmp_path_factory.mktemp("killed"))
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    for line in child.stdout:
        if float(line.split()[0]) >= 3.2:
            break
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().splitlines()
    child.wait(10.0)
    child.stdout.close()
    return folder, float(rest[-1].split()[0] if rest else line.split()[0])


def test_a_killed_recording_opens_with_at_most_a_second_lost(killed: tuple[Path, float]) -> None:
    folder, seconds = killed
    assert not read_manifest(folder).finished
    session = open_session(folder)
    assert [warning.code for warning in session.warnings] == ["cut_off"]
    assert session.sound is not None
    assert session.beat_grid is not None
    assert session.partner is not None
    ends = {
        "poses": float(session.track.times[-1]),
        "sound": session.sound.stop,
        "beats": float(session.beat_grid.beat_times[-1]),
        "partner": float(session.partner.track.times[-1]),
    }
    print({what: f"{1000 * (seconds - end):.0f} ms lost" for what, end in ends.items()})
    assert ends["poses"] >= seconds - 1.0
    assert ends["sound"] >= seconds - 1.0
    assert ends["partner"] >= seconds - 1.0
    assert ends["beats"] >= seconds - 1.0 - 0.5  # the beats are half a second apart
    assert session.duration >= seconds - 1.0
    assert session.total == measure_recording(session.track, session.beat_grid)[0]


def test_the_video_of_a_killed_recording_plays(killed: tuple[Path, float]) -> None:
    folder, seconds = killed
    session = open_session(folder)
    assert session.video_path is not None
    video = VideoFile(session.video_path, ManualClock(), paced=False)
    video.open()
    last = None
    try:
        while True:
            last = video.read(1.0)
    except EndOfStream:
        pass
    finally:
        video.close()
    assert last is not None
    print(f"video: {1000 * (seconds - session.video_start - last.time):.0f} ms lost")
    assert session.video_start + last.time >= seconds - 1.0


def test_a_killed_recording_is_listed(killed: tuple[Path, float]) -> None:
    folder, seconds = killed
    (info,) = list_sessions(folder.parent)
    assert info.readable
    assert info.msr is None
    assert info.duration >= seconds - 1.0


def test_a_session_whose_disk_is_read_only_opens(killed: tuple[Path, float], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(killed[0], tmp_path / "copy"))
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    copy.chmod(0o555)
    try:
        assert open_session(copy).beat_grid is not None
    finally:
        copy.chmod(0o755)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.record(tmp_path_factory.mktemp("whole"), 1.0, with_video=True)


def test_a_track_torn_at_every_byte_of_its_last_record(whole: Path, tmp_path: Path) -> None:
    data = (whole / names.POSES).read_bytes()
    size = POSE_RECORD.itemsize + 4
    torn = tmp_path / names.POSES
    for cut in range(1, size + 1):
        torn.write_bytes(data[: len(data) - cut])
        assert len(read_records(torn, POSE_MAGIC, POSE_RECORD)) == 29, cut


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_track_torn_anywhere_keeps_its_whole_records(whole: Path, data: st.DataObject) -> None:
    content = (whole / names.POSES).read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    torn = whole.parent / "torn.track"
    torn.write_bytes(content[:cut])
    records = read_records(torn, POSE_MAGIC, POSE_RECORD)
    assert len(records) == max(0, (cut - 64) // (POSE_RECORD.itemsize + 4))


@settings(max_examples=60, deadline=None)
@given(place=st.integers(64, 64 + 30 * 564 - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_costs_one_pose(whole: Path, place: int, bit: int) -> None:
    content = bytearray((whole / names.POSES).read_bytes())
    content[place] ^= 1 << bit
    damaged = whole.parent / "damaged.track"
    damaged.write_bytes(content)
    assert len(read_records(damaged, POSE_MAGIC, POSE_RECORD)) == 29


@pytest.mark.parametrize("name", [names.SOUND, names.SOUND_TIMES, names.VIDEO, names.VIDEO_TIMES, names.INDEX])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_session_opens_with_any_file_cut_short(whole: Path, tmp_path: Path, name: str, share: float) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(len(content) * share)])
    session = open_session(copy)
    assert len(session.track) == 30
    assert np.all(np.diff(session.track.times) > 0)


@pytest.mark.parametrize("name", [name for name in names.NAMES if name != names.MANIFEST])
def test_a_session_opens_without_any_of_its_files(whole: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    (copy / name).unlink(missing_ok=True)
    session = open_session(copy)
    assert session.total is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    made_it = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if made_it.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def run_until_full(child: subprocess.Popen[str]) -> tuple[Path, str]:
    assert child.stdout is not None
    lines = child.stdout.read().splitlines()
    child.stdout.close()
    assert child.wait(10.0) == 0
    return Path(lines[0]), lines[-1]


FAST = """
import tests.session.made as made
full = made.pictures
def pictures(seconds, started):
    return []
made.pictures = pictures
sound = made.blocks
def blocks(seconds, started):
    import numpy as np
    from dancecoach.types import AudioBlock
    many = sound(seconds, started)
    return [AudioBlock(b.time, b.index, np.repeat(b.samples, 2, axis=1), b.sample_rate) for b in many]
made.blocks = blocks
from dancecoach.clock import SystemClock
SystemClock.sleep_until = lambda self, when: __import__("time").sleep(max(0, (when - self.now()) / 40))
"""


def test_a_full_disk_stops_the_recording_and_what_was_written_opens(small_disk: Path) -> None:
    folder, sentence = run_until_full(start_child(small_disk, FAST))
    assert "full" in sentence
    session = open_session(folder)
    assert len(session.track) > 30
    assert session.sound is not None
    assert session.sound.stop > 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are a thing of POSIX")
def test_a_file_that_may_not_grow_stops_the_recording_and_what_was_written_opens(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
    folder, sentence = run_until_full(start_child(tmp_path, limit + FAST))
    assert "full" in sentence
    session = open_session(folder)
    assert len(session.track) > 30
    assert session.sound is not None
    assert session.sound.count == pytest.approx((600_000 - 44) / 4, abs=1)
