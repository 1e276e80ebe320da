"""Timing through the whole engine: files in, the JSON of the command line out."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from dancecoach.__main__ import main
from dancecoach.bench.dancer import Painter, dance
from dancecoach.session.bvh import write_bvh
from tests.support.signals import clicks, motion

RATE = 44_100


def click_file(path: Path, tempo: float, seconds: float, start: float = 0.5) -> np.ndarray:
    samples, times = clicks(tempo, seconds, RATE, start)
    soundfile.write(path, samples.astype(np.float32), RATE)
    return times


def run(*arguments: object) -> dict[str, Any]:
    out = Path(str(arguments[0]))
    assert main([*(str(each) for each in arguments[1:]), "--json", str(out)]) == 0
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def render(path: Path, hits: np.ndarray, seconds: float) -> None:
    times, painter = np.arange(0, seconds, 1 / 30), Painter()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "23", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 640, 480, "yuv420p", Fraction(1, 30)
        for joints in dance(times, hits):
            for packet in stream.encode(av.VideoFrame.from_ndarray(painter.paint(joints), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.mark.parametrize(
    ("tempo", "offset_ms"),
    [(120, 80), (120, -60), (120, 0), (120, 120), (100, 80), (140, 80), (170, 120), (170, -60)],
)
@pytest.mark.parametrize("kind", ["npz", "bvh"])
def test_a_motion_file_reads_its_offset(tmp_path: Path, tempo: int, offset_ms: int, kind: str) -> None:
    times = click_file(tmp_path / "click.wav", tempo, 20.0)
    track = motion(times + offset_ms / 1000, rate=60, seconds=20.0)
    if kind == "npz":
        path = tmp_path / "dance.npz"
        np.savez(path, times=track.times, joints=track.joints + track.roots[:, None])
    else:
        path = tmp_path / "dance.bvh"
        room = dance(np.arange(0, 20, 1 / 60), times + offset_ms / 1000)
        write_bvh(
            path, type(track)(np.arange(len(room)) / 60, room - room[:, :1], room[:, 0], np.ones(room.shape[:2]))
        )
    found = run(tmp_path / "out.json", "synchrony", path, tmp_path / "click.wav")["synchrony"]
    assert found["offset_ms"] == pytest.approx(offset_ms, abs=5)
    assert found["level"] == "every beat"


def test_shifting_the_sound_moves_the_reading(tmp_path: Path) -> None:
    track = motion(np.arange(0.5, 20, 0.5), rate=60, seconds=20.0)
    np.savez(tmp_path / "dance.npz", times=track.times, joints=track.joints + track.roots[:, None])
    readings = []
    for start in (0.5, 0.55):
        click_file(tmp_path / "click.wav", 120, 20.0, start)
        found = run(tmp_path / "out.json", "synchrony", tmp_path / "dance.npz", tmp_path / "click.wav")
        readings.append(found["synchrony"]["offset_ms"])
    assert readings[1] - readings[0] == pytest.approx(-50, abs=3)


@pytest.mark.parametrize(("tempo", "offset_ms"), [(120, 80), (170, 120), (100, -60)])
def test_a_rendered_video_reads_its_offset(tmp_path: Path, tempo: int, offset_ms: int) -> None:
    seconds = 12.0
    times = click_file(tmp_path / "click.wav", tempo, seconds)
    render(tmp_path / "dance.mp4", times + offset_ms / 1000, seconds)
    found = run(tmp_path / "out.json", "analyze", tmp_path / "dance.mp4", "--music", tmp_path / "click.wav")
    assert len(found["poses"]) == found["frames"] == 360
    assert found["people"] == 1
    assert found["synchrony"]["offset_ms"] == pytest.approx(offset_ms, abs=15)


def test_the_true_rate_of_a_bvh_can_be_given(tmp_path: Path) -> None:
    track = motion(np.arange(0.5, 20, 0.5) + 0.08, rate=60, seconds=20.0)
    doubled = type(track)(track.times / 2, track.joints, track.roots, track.visibility)  # a header that says 120
    write_bvh(tmp_path / "dance.bvh", doubled)
    (tmp_path / "music.beats").write_text("".join(f"{0.5 * n:.3f} {n % 4 + 1}\n" for n in range(1, 39)))
    found = run(tmp_path / "o.json", "synchrony", tmp_path / "dance.bvh", tmp_path / "music.beats", "--fps", 60)
    assert found["synchrony"]["n_hits"] > 30


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze", "missing.mp4"),
        ("analyze", "broken.mp4"),
        ("synchrony", "broken.bvh", "music.beats"),
        ("synchrony", "broken.npz", "music.beats"),
        ("beats", "broken.mp4", "--jsonl"),
    ],
)
def test_broken_files_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("broken.mp4", "broken.bvh", "broken.npz"):
        (tmp_path / name).write_bytes(b"this is nothing of the kind" * 40)
    (tmp_path / "music.beats").write_text("0.5 1\n1.0 2\n")
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
