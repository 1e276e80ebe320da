from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from dancecoach.clock import ManualClock
from dancecoach.errors import FileFormatError
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.files import AudioFile, VideoFile, has_audio, has_video, read_audio
from dancecoach.types import VideoFrame
from tests.support.media import CLICK_TIMES, click_track, onset_near, write_audio, write_video


def _all(source: VideoFile) -> list[VideoFrame]:
    frames = []
    source.open()
    try:
        while (frame := source.read(1.0)) is not None:
            frames.append(frame)
    except EndOfStream:
        pass
    finally:
        source.close()
    return frames


def test_variable_frame_rate_keeps_its_stamps(tmp_path: Path) -> None:
    stamps = [0, 33, 80, 100, 200, 230, 400]
    path = write_video(tmp_path / "a.mp4", stamps)
    frames = _all(VideoFile(path, ManualClock(), False))
    assert [round(1000 * frame.time) for frame in frames] == stamps
    clock = ManualClock(100.0)
    paced = _all(VideoFile(path, clock, True))
    assert [round(1000 * (frame.time - 100)) for frame in paced] == stamps
    assert [frame.index for frame in paced] == list(range(7))


def test_late_pictures_are_skipped_when_paced(tmp_path: Path) -> None:
    clock = ManualClock()
    source = VideoFile(write_video(tmp_path / "a.mp4", range(0, 1000, 40)), clock, True)
    source.open()
    first = source.read(1.0)
    clock.advance(0.5)
    second = source.read(1.0)
    assert first is not None
    assert second is not None
    assert second.time == pytest.approx(0.48, abs=0.001)
    assert source.skipped == 11
    assert source.read(0.01) is None
    source.close()


def test_portrait_video_is_turned_upright(tmp_path: Path) -> None:
    frame = _all(VideoFile(write_video(tmp_path / "a.mp4", [0, 33], rotation=90), ManualClock(), False))[0]
    assert frame.image.shape == (160, 120, 3)
    top, bottom = frame.image[5, 60], frame.image[-5, 60]
    assert abs(int(top[0]) - int(bottom[0])) > 200  # the red half is above or below now
    assert bottom[0] > 200  # a turn against the clock: left goes down


def test_4k_is_made_small(tmp_path: Path) -> None:
    frames = _all(VideoFile(write_video(tmp_path / "a.mp4", [0, 33], 3840, 2160), ManualClock(), False))
    assert [frame.image.shape for frame in frames] == [(720, 1280, 3)] * 2


def test_truncated_video_gives_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_video(tmp_path / "a.mkv", range(0, 3000, 33), noise=True)
    count = len(_all(VideoFile(whole, ManualClock(), False)))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        frames = _all(VideoFile(cut, ManualClock(), False))
    assert 5 < len(frames) < count
    assert caplog.records


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a"])
@pytest.mark.parametrize("rate", [None, 22050, 48000])
def test_clicks_are_found_where_they_are(tmp_path: Path, suffix: str, rate: int | None) -> None:
    path = write_audio(tmp_path / f"a.{suffix}", click_track(4, 44100), 44100)
    samples, result = read_audio(path, rate)
    assert result == (rate or 44100)
    for time in CLICK_TIMES:
        assert onset_near(samples, result, time) == pytest.approx(time, abs=0.003)


@pytest.mark.parametrize("rate", [8000, 96000])
def test_unusual_rates(tmp_path: Path, rate: int) -> None:
    path = write_audio(tmp_path / "a.wav", click_track(4, rate), rate)
    samples, _ = read_audio(path, 22050)
    assert len(samples) == pytest.approx(4 * 22050, abs=2)
    for time in CLICK_TIMES:
        assert onset_near(samples, 22050, time) == pytest.approx(time, abs=0.003)


def test_surround_sound_is_mixed_down(tmp_path: Path) -> None:
    rate = 48000
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    samples = np.zeros((rate, 6), np.float32)
    samples[:, 2] = tone  # the centre
    path = write_audio(tmp_path / "a.wav", samples, rate)
    stereo, _ = read_audio(path, mono=False)
    assert stereo.shape == (rate, 2)
    assert np.allclose(stereo[:, 0], stereo[:, 1], atol=1e-3)
    assert 0.03 < np.abs(stereo).max() <= 0.3
    source = AudioFile(path, ManualClock(), False)
    source.open()
    block = source.read(1.0)
    assert source.channels == 2
    assert block is not None
    assert block.samples.shape == (960, 2)
    source.close()


def test_sound_without_length(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.zeros((0, 1), np.float32), 44100)
    samples, _ = read_audio(path)
    assert len(samples) == 0
    source = AudioFile(path, ManualClock(), False)
    source.open()
    with pytest.raises(EndOfStream):
        source.read(1.0)
    source.close()


def test_limit_and_kinds(tmp_path: Path) -> None:
    sound = write_audio(tmp_path / "a.flac", click_track(4, 44100), 44100)
    video = write_video(tmp_path / "a.mp4", [0, 33])
    assert len(read_audio(sound, 22050, limit_seconds=1.5)[0]) == 33075
    assert (has_audio(sound), has_video(sound)) == (True, False)
    assert (has_audio(video), has_video(video)) == (False, True)
    assert not has_audio(tmp_path / "missing")
    with pytest.raises(FileFormatError, match="no sound"):
        read_audio(video)


def test_looping_goes_on_in_time(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "a.mp4", range(0, 200, 40)), ManualClock(), False, loop=True)
    source.open()
    times = [frame.time for _ in range(12) if (frame := source.read(1.0)) is not None]
    source.close()
    assert len(times) == 12
    assert np.all(np.diff(times) > 0.02)
    assert np.all(np.diff(times) < 0.12)
