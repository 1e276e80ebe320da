"""The application as a person starts it: a real window, a network camera, sound from a real device."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from dancecoach.bench.dancer import Painter, dance
from dancecoach.bench.display import virtual_display
from dancecoach.bench.mjpeg_server import MjpegServer, encode
from dancecoach.bench.pulse import PulseDaemon, missing
from dancecoach.session.store import open_session
from dancecoach.session.track import read_poses
from tests.support.signals import clicks

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs X and PulseAudio")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with virtual_display() as name:
        monkeypatch.setenv("DISPLAY", name)
        yield name


def start(*arguments: object, seconds: float = 90.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dancecoach", *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def until_danced(poses: int, seconds: float, takes: Path, *arguments: object) -> tuple[int, str]:
    """Run the application until it has recorded poses, over so many seconds, however slow the machine is to begin."""
    command = [sys.executable, "-m", "dancecoach", *(str(each) for each in arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        given_up = time.monotonic() + 120.0
        while running.poll() is None and time.monotonic() < given_up and not danced(poses, seconds, takes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(0.5)
        running.terminate()
        try:
            _, said = running.communicate(timeout=60.0)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
    return running.returncode, said


def danced(poses: int, seconds: float, takes: Path) -> bool:
    """Return whether so many poses over so many seconds are on the disk."""
    tracks = [read_poses(file).track.times for file in takes.glob("*/poses.track")]
    return any(len(times) > poses and times[-1] - times[0] >= seconds for times in tracks)


def colours(path: Path) -> int:
    picture = cv2.imread(str(path))
    assert picture is not None
    return len(np.unique(picture.reshape(-1, 3), axis=0))


@linux
@pytest.mark.skipif(bool(missing()), reason=missing() or "-")
def test_camera_and_microphone_to_screen_and_session(tmp_path: Path, display: str) -> None:
    painter = Painter()
    pictures = [encode(painter.paint(joints)) for joints in dance(np.arange(0, 4, 1 / 30), np.arange(0, 4.01, 0.5))]
    soundfile.write(tmp_path / "clicks.wav", clicks(120, 150.0, 44_100)[0].astype(np.float32), 44_100)
    with PulseDaemon(), MjpegServer(pictures, 30) as server:
        music = subprocess.Popen(["paplay", str(tmp_path / "clicks.wav")])
        try:
            code, said = until_danced(
                200,
                10.0,
                tmp_path / "takes",
                "--camera", server.url, "--audio", "monitor", "--record", tmp_path / "takes",
                "--size", "1280x720", "--screenshot", tmp_path / "window.png",
            )  # fmt: skip
        finally:
            music.terminate()
            music.wait()
    assert code == 0, said
    assert "Traceback" not in said
    assert colours(tmp_path / "window.png") > 2000
    [folder] = list((tmp_path / "takes").iterdir())
    session = open_session(folder)
    assert len(session.track) > 200
    assert session.beat_grid is not None
    assert session.beat_grid.tempo == pytest.approx(120, abs=1)
    assert session.audio_path is not None
    assert session.total is not None
    assert session.total.level == "every beat"


@linux
def test_the_demo_runs_without_camera_and_sound_card(tmp_path: Path, display: str) -> None:
    environment_free_of_sound = {"PULSE_SERVER": "unix:/nonexistent"}
    os.environ.update(environment_free_of_sound)
    try:
        ended = start("--quit-after", 9, "--screenshot", tmp_path / "demo.png")
    finally:
        for name in environment_free_of_sound:
            del os.environ[name]
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert colours(tmp_path / "demo.png") > 2000


@linux
def test_without_a_display_it_explains_analyze(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    ended = start("--demo")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "dancecoach analyze" in ended.stderr


@linux
def test_without_opengl_everything_is_painted(tmp_path: Path, display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_XCB_GL_INTEGRATION", "none")
    monkeypatch.setenv("LIBGL_DRIVERS_PATH", "/nonexistent")
    ended = start("--demo", "--quit-after", 6, "--screenshot", tmp_path / "window.png")
    assert ended.returncode == 0, ended.stderr
    assert colours(tmp_path / "window.png") > 2000


@linux
def test_an_unreadable_settings_file_is_said_and_survived(
    tmp_path: Path, display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCECOACH_CONFIG", str(tmp_path))
    (tmp_path / "settings.toml").write_bytes(b"\xff\x00 not toml")
    ended = start("--demo", "--quit-after", 5, "--verbose")
    assert ended.returncode == 0, ended.stderr
    assert "cannot be read" in ended.stderr
    assert (tmp_path / "settings.unreadable.toml").exists()


@linux
def test_the_devices_are_listed_where_there_are_none() -> None:
    ended = start("devices")
    assert ended.returncode == 0
    assert ended.stdout.startswith("Cameras:")
