from __future__ import annotations

from pathlib import Path

import pytest

from dancecoach.clock import ManualClock
from dancecoach.errors import SourceError
from dancecoach.sources.camera import CameraInfo, DeviceCamera
from dancecoach.sources.catalogue import is_none, open_audio_spec, open_video_spec
from dancecoach.sources.files import AudioFile, StillImage, VideoFile
from dancecoach.sources.microphone import Microphone
from dancecoach.sources.network import NetworkCamera

CLOCK = ManualClock()


def test_every_kind(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.PNG", "a.wav"):
        (tmp_path / name).touch()
    assert isinstance(open_video_spec(str(tmp_path / "a.mp4"), CLOCK, True), VideoFile)
    assert isinstance(open_video_spec(str(tmp_path / "a.PNG"), CLOCK, True), StillImage)
    assert isinstance(open_video_spec("http://camera/video", CLOCK, True), NetworkCamera)
    assert isinstance(open_video_spec("", CLOCK, True), DeviceCamera)
    assert isinstance(open_audio_spec(str(tmp_path / "a.wav"), CLOCK, True), AudioFile)
    assert isinstance(open_audio_spec("", CLOCK, True), Microphone)
    assert isinstance(open_audio_spec("Audio (A/V) USB2.0", CLOCK, True), Microphone)
    assert is_none(" None ")


@pytest.mark.parametrize("spec", ["none", "/missing/file.mp4", "missing.mp4", "ftp://a/b", "/"])
def test_what_fits_nothing_is_explained(spec: str) -> None:
    for call in (lambda: open_video_spec(spec, CLOCK, True), lambda: open_audio_spec(spec, CLOCK, True)):
        with pytest.raises(SourceError) as caught:
            call()
        assert caught.value.problem.endswith(".")
        assert caught.value.remedy.endswith(".")


def test_an_unknown_camera_lists_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = (CameraInfo("1", "HD Webcam C270"), CameraInfo("2", "FaceTime"))
    monkeypatch.setattr("dancecoach.sources.camera.list_cameras", lambda: cameras)
    with pytest.raises(SourceError, match=r"No camera named 'C920'\. Connected: HD Webcam C270, FaceTime"):
        open_video_spec("C920", CLOCK, True)
    assert isinstance(open_video_spec("c270", CLOCK, True), DeviceCamera)
