from __future__ import annotations

import csv
import dataclasses
import errno
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from dancecoach.errors import FileFormatError, RecordingError
from dancecoach.session import export as export_module
from dancecoach.session.bvh import read_bvh
from dancecoach.session.export import ExportKind, export
from dancecoach.session.recorder import Recorder
from dancecoach.session.store import Session, open_session
from dancecoach.sources.media import read_audio
from dancecoach.types import AudioBlock
from dancecoach.ui.review_model import EXPORTS
from tests.session import made
from tests.session.made import STARTED
from tests.support.media import onset_near

KINDS: tuple[ExportKind, ...] = ("bvh", "csv", "json", "mp4")


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return open_session(made.record(tmp_path_factory.mktemp("filmed"), 4.0, with_video=True))


@pytest.fixture(scope="module")
def unfilmed(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return open_session(made.record(tmp_path_factory.mktemp("unfilmed"), 4.0))


def test_every_kind_of_the_menu_exists() -> None:
    assert {kind for kind, _, _ in EXPORTS} == set(KINDS)


def test_bvh(unfilmed: Session, tmp_path: Path) -> None:
    assert export(unfilmed, "bvh", tmp_path / "a.bvh")
    track = read_bvh(tmp_path / "a.bvh")
    assert len(track) == 120
    assert np.abs(track.joints - unfilmed.track.joints).max() < 0.01


def test_csv(unfilmed: Session, tmp_path: Path) -> None:
    assert export(unfilmed, "csv", tmp_path / "a.csv", lambda share: True)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    row = rows[45]
    assert float(row["time"]) == pytest.approx(1.5)
    assert float(row["count"]) == pytest.approx(4.0)
    assert (row["person"], row["eight_count"], row["msr"], row["offset_ms"]) == ("7", "1", "0.75", "35.5")
    assert float(row["head_y"]) == pytest.approx(unfilmed.track.joints[45, 15, 1], abs=1e-5)


def test_json(unfilmed: Session, tmp_path: Path) -> None:
    assert export(unfilmed, "json", tmp_path / "a.json", lambda share: True)
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["schema"] == "dancecoach.export/1"
    assert document["synchrony"]["msr"] == 0.75
    assert document["synchrony"]["parts"]["left_arm"]["reason"] == "too few movements"
    assert document["primitives"][0]["synchrony"]["offset_ms"] == 35.5
    assert len(document["beats"]) == 8
    assert np.array(document["motion"]["joints"]).shape == (120, 22, 3)
    assert np.array(document["motion"]["image_joints"]).shape == (120, 22, 2)
    assert document["notices"][0]["code"] == "nobody"


def lengths(path: Path) -> dict[str, float]:
    with av.open(str(path)) as container:
        return {
            stream.type: float(stream.duration * stream.time_base)
            for stream in container.streams
            if stream.duration is not None and stream.time_base is not None
        }


def pictures(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.time), frame.to_ndarray(format="rgb24")


@pytest.mark.parametrize("kind", ["filmed", "unfilmed"])
def test_mp4(kind: str, filmed: Session, unfilmed: Session, tmp_path: Path) -> None:
    session = filmed if kind == "filmed" else unfilmed
    path = tmp_path / "a.mp4"
    shares: list[float] = []
    assert export(session, "mp4", path, lambda share: shares.append(share) is None)
    found = lengths(path)
    assert found["video"] == pytest.approx(4.0, abs=0.04)
    assert found["audio"] == pytest.approx(4.0, abs=0.04)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    frames = list(pictures(path))
    assert len(frames) == 120
    assert np.allclose([time for time, _ in frames], np.arange(120) / 30, atol=1e-3)
    samples, rate = read_audio(path)
    for click in (0.5, 1.5, 3.0):
        assert onset_near(samples, rate, click) == pytest.approx(click, abs=0.002)
    if kind == "filmed":
        # The camera's picture grows brighter; each one stands at its own time.
        corner = np.array([image[:10, :10].mean() for _, image in frames])
        wanted = np.array([frame.image.mean() for frame in made.pictures(4.0)])
        assert np.abs(corner - wanted).max() < 6
    bottom = frames[100][1][-18:]
    assert bottom.max() > 180, "count and score are written there"


def test_sound_stays_in_step_with_holes_and_drift(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    drift = 1.001
    for block in made.blocks(6.0):
        seconds = block.time - STARTED
        if not 2.2 <= seconds < 3.2:
            recorder.audio(AudioBlock(STARTED + 0.25 + seconds * drift, block.index, block.samples, made.RATE))
    for pose in made.poses(6.5):
        recorder.pose(pose)
    session = open_session(recorder.close(None))
    assert export(session, "mp4", tmp_path / "a.mp4")
    samples, rate = read_audio(tmp_path / "a.mp4")
    for click in (0.5, 2.0, 3.5, 5.5):
        wanted = 0.25 + click * drift
        assert onset_near(samples, rate, wanted) == pytest.approx(wanted, abs=0.002)
    assert np.abs(samples[round(2.6 * rate) : round(3.3 * rate)]).max() < 0.02


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000])
def test_sound_of_other_rates(tmp_path: Path, rate: int) -> None:
    recorder = Recorder(tmp_path, STARTED, {}, False, minimum_free=0)
    for block in made.blocks(2.0, rate=rate):
        recorder.audio(block)
    session = open_session(recorder.close(None))
    assert export(session, "mp4", tmp_path / "a.mp4")
    samples, found = read_audio(tmp_path / "a.mp4")
    assert found == 48_000
    assert onset_near(samples, found, 1.5) == pytest.approx(1.5, abs=0.003)


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_nothing_is_left(unfilmed: Session, tmp_path: Path, kind: ExportKind) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_text("what was there before")
    calls: list[float] = []

    def progress(share: float) -> bool:
        calls.append(share)
        return len(calls) < 2

    assert export(unfilmed, kind, path, progress) is False
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "what was there before"


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_cannot_be_written(unfilmed: Session, tmp_path: Path, kind: ExportKind) -> None:
    with pytest.raises(RecordingError) as caught:
        export(unfilmed, kind, tmp_path / "missing" / f"a.{kind}")
    assert caught.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_nothing(
    unfilmed: Session, tmp_path: Path, kind: ExportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = export_module._STEPS[kind]

    def full(session: Session, path: Path) -> Iterator[float]:
        yield from steps(session, path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(export_module._STEPS, kind, full)
    with pytest.raises(RecordingError, match="full"):
        export(unfilmed, kind, tmp_path / f"a.{kind}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is a thing of Linux")
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_take_more(unfilmed: Session, tmp_path: Path, kind: ExportKind) -> None:
    (tmp_path / f".a.{kind}.part").symlink_to("/dev/full")
    with pytest.raises(RecordingError, match="full"):
        export(unfilmed, kind, tmp_path / f"a.{kind}")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_session(tmp_path: Path) -> None:
    session = open_session(Recorder(tmp_path, 0.0, {}, False, minimum_free=0).close(None))
    for kind in ("bvh", "mp4"):
        with pytest.raises(FileFormatError):
            export(session, kind, tmp_path / f"a.{kind}")
    for kind in ("csv", "json"):
        assert export(session, kind, tmp_path / f"a.{kind}")
    with pytest.raises(FileFormatError):
        export(session, "exe", tmp_path / "a.exe")  # type: ignore[arg-type]


def test_a_session_without_sound_or_beats(unfilmed: Session, tmp_path: Path) -> None:
    bare = dataclasses.replace(unfilmed, sound=None, beats=(), beat_grid=None, primitives=(), total=None)
    for kind in KINDS:
        assert export(bare, kind, tmp_path / f"a.{kind}")
    assert set(lengths(tmp_path / "a.mp4")) == {"video"}


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_other_programs_take_the_video(unfilmed: Session, tmp_path: Path) -> None:
    export(unfilmed, "mp4", tmp_path / "a.mp4")
    found = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(tmp_path / "a.mp4")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr == ""
    assert found.stdout.split() == ["h264", "aac"]
