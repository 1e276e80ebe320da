"""The command line on awkward input: one sentence, exit status 1, and JSON that every reader takes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dancecoach.__main__ import main
from dancecoach.types import JOINT_COUNT

BEATS = np.arange(0.5, 19.0, 0.5)
# A body that stands: metres, y up; only its size matters here.
BODY = np.stack(
    [0.1 * (np.arange(JOINT_COUNT) % 3 - 1.0), np.linspace(0, 1.7, JOINT_COUNT), np.zeros(JOINT_COUNT)], 1
)


def swaying(path: Path, late: float = 0.08) -> Path:
    """A dancer who sways from side to side, `late` s after the beats, one millimetre of jitter."""
    times = np.arange(0, 19.5, 1 / 60)
    joints = np.repeat(BODY[None], len(times), axis=0)
    joints[:, :, 0] += 0.12 * np.cos(np.pi * (times - BEATS[0] - late) / 0.5)[:, None]
    joints += np.random.default_rng(1).normal(0, 0.001, joints.shape)
    with path.open("wb") as file:
        np.savez(file, times=times, joints=joints)
    return path


def beats_file(path: Path) -> Path:
    path.write_text("".join(f"{beat:.3f} {number % 4 + 1}\n" for number, beat in enumerate(BEATS)))
    return path


def tiny_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def strict(text: str) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return document


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run, expect a refusal, return its sentence."""
    assert main([str(each) for each in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize("option", ["--json", "--bvh"])
def test_an_unwritable_result_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    video = tiny_video(tmp_path / "video.mp4")
    for place in (tmp_path / "no folder" / "x", tmp_path, tmp_path / ("long" * 100)):
        assert "cannot be written" in refused(capsys, "analyze", video, option, place)


def test_a_name_too_long_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be opened" in refused(capsys, "beats", "a" * 5000)
    assert "cannot be opened" in refused(capsys, "synchrony", swaying(tmp_path / "m.npz"), "b" * 300)


def test_persons_count_from_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no person 0" in refused(capsys, "analyze", tiny_video(tmp_path / "video.mp4"), "--person", 0)


def test_hostile_numbers_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = np.repeat(BODY[None], 600, axis=0) * 1e300
    np.savez(tmp_path / "huge.npz", times=np.arange(600) / 60, joints=joints)
    refused(capsys, "synchrony", tmp_path / "huge.npz", beats_file(tmp_path / "b.beats"))


@pytest.mark.parametrize("name", ["a b.beats", "拍 ô.beats", "CAPITALS.BEATS"])
def test_names_of_all_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    motion = swaying(tmp_path / f"{name}.npz")
    assert main(["synchrony", str(motion), str(beats_file(tmp_path / name))]) == 0
    document = strict(capsys.readouterr().out)
    assert document["motion"] == str(motion)
    assert document["synchrony"]["offset_ms"] == pytest.approx(80, abs=5)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_a_narrow_terminal_and_a_name_that_is_no_text(tmp_path: Path) -> None:
    motion = swaying(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe6\x8b\x8d.npz")))
    beats = beats_file(tmp_path / "拍.beats")
    command = [sys.executable, "-m", "dancecoach", "synchrony", str(motion), str(beats)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert strict(done.stdout.decode("ascii"))["music"].endswith("拍.beats")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break differently there")
def test_a_reader_who_leaves_early_hears_no_complaint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dancecoach", "synchrony", str(swaying(tmp_path / "m.npz"))]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*command, str(beats_file(tmp_path / "b.beats"))],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_motion_that_cannot_be_measured_is_null_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joints = np.repeat(BODY[None], 600, axis=0)
    np.savez(tmp_path / "still.npz", times=np.arange(600) / 60, joints=joints)
    assert main(["synchrony", str(tmp_path / "still.npz"), str(beats_file(tmp_path / "b.beats"))]) == 0
    found = strict(capsys.readouterr().out)["synchrony"]
    assert (found["msr"], found["msr_published"], found["offset_ms"]) == (None, None, None)
    assert found["reason"] == "body still"
