"""`dancecoach bench beats`: a folder in, a table and a document out."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from dancecoach.__main__ import main
from dancecoach.bench import beat_peers
from dancecoach.bench.beat_metrics import Announced
from dancecoach.bench.beat_peers import Aubio, BeatNet, BTrack, Clip, Contender, Hearing, Madmom, Streaming
from dancecoach.bench.beats import Truth, find_clips, measure, read_changes, read_truth, run, summary
from dancecoach.bench.tune import RATE, tune
from dancecoach.errors import DancecoachError
from dancecoach.perception.beats import StreamingBeatTracker
from dancecoach.types import SURE, AudioBlock, Beat, BeatGrid
from tests.support.signals import clicks


def clip_files(folder: Path, name: str, samples: np.ndarray, rate: int, beats: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, rate)
    lines = [f"{beat:.4f}\t{number % 4 + 1}\n" for number, beat in enumerate(beats)]
    path.with_suffix(".beats").write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song, a song with a gap, noise without music and sound whose beats nobody knows."""
    root = tmp_path_factory.mktemp("clips")
    song, beats = tune(112.0, 8, lead=0.4)
    clip_files(root / "songs", "tune", song, RATE, beats)
    first, times = clicks(120, 10.0, 22_050)
    samples = np.concatenate([first, np.zeros(3 * 22_050), first])
    path = clip_files(root / "songs", "gap", samples, 22_050, np.concatenate([times, times + 13.0]))
    path.with_suffix(".json").write_text(json.dumps({"events": [[10.0, "gap"], [13.0, "music"]]}))
    clip_files(root / "quiet", "silence", np.zeros(3 * 22_050), 22_050, np.empty(0))
    soundfile.write(root / "quiet" / "unknown.wav", np.zeros(2000), 22_050)
    return root


def test_the_command_prints_a_table_and_a_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "beats", str(folder), "--trackers", "ours,classical,ahead", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    document: dict[str, Any] = json.loads(out, parse_constant=pytest.fail)
    assert document["schema"] == "dancecoach.bench.beats/1"
    assert list(document["clips"]) == ["quiet/silence", "songs/gap", "songs/tune"]
    assert set(document["folders"]) == {"quiet", "songs"}
    assert "no unknown.beats" in document["skipped"]["quiet/unknown.wav"]
    assert "quiet/unknown.wav: left out" in err
    heard = document["clips"]["songs/tune"]["classical"]
    assert heard["f"] > 0.9
    assert heard["ahead_f"] > 0.9
    assert heard["lock_s"] < 4.0
    assert heard["octave_right"] == 1.0
    assert 0 < heard["cpu"] < 1
    assert 0 < heard["block_p99_ms"] <= heard["block_worst_ms"]
    assert sum(row["beats"] for row in heard["calibration"]) > 10
    analysed = document["clips"]["songs/tune"]["ahead"]
    assert analysed["f"] > 0.95
    assert (analysed["ahead_f"], analysed["lock_s"], analysed["block_p99_ms"]) == (None, None, None)
    assert document["clips"]["songs/gap"]["classical"]["relocks"] == 1
    quiet = document["clips"]["quiet/silence"]["classical"]
    assert (quiet["f"], quiet["count_without_music"]) == (None, 0.0)
    assert document["mean"]["classical"]["clips"] == 3
    table = err.splitlines()
    assert any(line.startswith("clip") and "ahead F" in line and "CPU" in line for line in table)
    assert any(line.startswith("MEAN songs") for line in table)
    assert "–" in err


def test_the_table_goes_to_the_output_without_json(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figures.json"
    arguments = ["--trackers", "classical", "--limit", "1", "--blocks", "2048", "--json", str(target)]
    assert main(["bench", "beats", str(folder / "songs"), *arguments]) == 0
    document = json.loads(target.read_text())
    assert list(document["clips"]) == ["gap"]
    assert document["block"] == 2048
    out = capsys.readouterr().out
    assert out.startswith("clip")
    assert "MEAN" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no folder"),
        (["."], "There is no sound with beats"),
        (["file.wav"], "is not a folder"),
        ([".", "--trackers", "ours,metronome"], "There is no tracker 'metronome'. Choose among ours, classical"),
        ([".", "--trackers", ","], "Choose among"),
        ([".", "--blocks", "0"], "at least one sample"),
        ([".", "--limit", "0"], "At least one clip"),
        ([".", "--json", "no folder/x"], "cannot be written"),
    ],
)
def test_refusals_are_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.wav").touch()
    assert main(["bench", "beats", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err.splitlines()[-1]


def test_damaged_clips_are_left_out_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples, beats = clicks(120, 7.0, 8000)
    clip_files(tmp_path, "good", samples, 8000, beats)
    clip_files(tmp_path, "backwards", samples, 8000, beats[::-1])
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    (tmp_path / "noise.beats").touch()
    document = run(tmp_path, ["classical"])
    assert list(document["clips"]) == ["good"]
    assert set(document["skipped"]) == {"backwards.wav", "noise.wav"}
    assert "order of time" in capsys.readouterr().err
    (tmp_path / "good.wav").unlink()
    with pytest.raises(DancecoachError, match="No clip"):
        run(tmp_path, ["classical"])


@pytest.mark.parametrize(
    ("events", "changes"),
    [
        ({"events": [[4.0, "gap"], [6.9, "music"], [6.95, "tempo"]]}, (7.0,)),
        ({"events": [{"time": 3.0, "kind": "tempo change"}, {"time": 8.1, "type": "song"}]}, (3.0, 8.5)),
        ([{"start": 3.0, "stop": 5.0, "event": "gap"}, {"time": 6.0, "kind": "gap", "duration": 1.2}], (5.0, 7.5)),
        ([[4, "gap", 6.0], [7, "applause"]], (6.0,)),
        ({"events": [[0.0, "music"], [0.5, "tempo"], [99.0, "song"]]}, ()),
        ({}, ()),
    ],
)
def test_events_of_all_shapes(tmp_path: Path, events: Any, changes: tuple[float, ...]) -> None:
    (tmp_path / "e.json").write_text(json.dumps(events))
    assert read_changes(tmp_path / "e.json", np.arange(0.5, 20.0, 0.5)) == pytest.approx(changes)


@pytest.mark.parametrize("text", ["{", "3", "[3]", '[["a", "tempo"]]', '[{"kind": "tempo"}]'])
def test_events_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(DancecoachError, match="events"):
        read_changes(tmp_path / "e.json", np.arange(5.0))


def test_beats_files(tmp_path: Path) -> None:
    path = tmp_path / "a.beats"
    path.write_text("# beats\n0.5\t4\n1.0, 1\n\n1.5 2\n")
    truth = read_truth(tmp_path / "a.wav")
    assert (truth.beats.tolist(), truth.bars.tolist(), truth.changes) == ([0.5, 1.0, 1.5], [4, 1, 2], ())
    path.write_text("0.5 one\n")
    with pytest.raises(DancecoachError, match=r"a\.beats"):
        read_truth(tmp_path / "a.wav")
    path.write_text("\n")
    assert len(read_truth(tmp_path / "a.wav").beats) == 0
    assert find_clips(tmp_path) == ([], {})


class Fake:
    """A tracker whose beats are given; those with a cause to fail do."""

    kind = "fake"

    def __init__(self, name: str, hearing: Hearing | None = None, absent: str | None = None) -> None:
        self.name, self._hearing, self._absent = name, hearing, absent

    def find(self) -> str | None:
        return self._absent

    def hear(self, clip: Clip, block: int) -> Hearing:
        if self._hearing is None:
            raise ValueError("broken")
        return self._hearing


def test_a_peer_that_fails_or_is_absent_stops_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = Hearing(Announced(np.arange(0.0, 20.0, 0.5), None), cpu=0.1)
    fakes: list[Contender] = [Fake("good", good), Fake("bad"), Fake("away", absent="it is on holiday")]
    document = run(folder / "songs", trackers=fakes)
    assert list(document["mean"]) == ["good"]
    assert document["absent"]["away"] == "it is on holiday"
    assert "ValueError: broken" in document["absent"]["bad"]
    assert "away: not here, it is on holiday." in capsys.readouterr().out
    with pytest.raises(DancecoachError, match="on holiday"):
        run(folder / "songs", ["away"], trackers=fakes)


def test_times_to_lock_are_medians_in_which_never_is_long(folder: Path) -> None:
    beats = read_truth(folder / "songs" / "tune.wav").beats
    locking = Hearing(Announced(beats, beats - 0.1), cpu=0.1)
    document = run(folder / "songs", trackers=[Fake("one", locking)])
    assert document["clips"]["gap"]["one"]["lock_s"] is None
    assert document["clips"]["gap"]["one"]["never_locked"] == 1
    assert document["clips"]["tune"]["one"]["lock_s"] == 0.0
    assert (document["mean"]["one"]["lock_s"], document["mean"]["one"]["never_locked"]) == (None, 1)


BEATS = np.arange(0.5, 12.0, 0.5)
CLIP = Clip("clip", np.zeros((12 * 22_050, 2), dtype=np.float32), 22_050)


def module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    made = ModuleType(name)
    made.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, made)


def reactive(peer: Contender) -> None:
    """A peer that says the beats as they sound is right, and its prediction is extrapolated."""
    assert peer.find() is None
    result = measure(peer, CLIP, Truth(BEATS, np.arange(len(BEATS)) % 4 + 1))
    assert result.score is not None
    assert result.score.f == 1.0
    assert result.score.ahead is not None
    assert result.score.ahead > 0.9
    assert result.score.confidence is None


def test_btrack(monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "btrack", trackBeats=lambda samples: BEATS if len(samples) == 12 * 44_100 else [])
    reactive(BTrack())


def test_aubio(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tempo:
        def __init__(self, method: str, window: int, hop: int, rate: int) -> None:
            self.place, self.hop, self.rate, self.last = 0, hop, rate, 0.0

        def __call__(self, samples: np.ndarray) -> list[float]:
            start, self.place = self.place / self.rate, self.place + self.hop
            inside = BEATS[np.searchsorted(BEATS, start) : np.searchsorted(BEATS, self.place / self.rate)]
            self.last = float(inside[0]) if len(inside) else self.last
            return [float(len(inside))]

        def get_last_s(self) -> float:
            return self.last

    module(monkeypatch, "aubio", tempo=Tempo)
    reactive(Aubio())


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_the_command_of_aubio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "aubiotrack"
    script.write_text("#!/bin/sh\n" + "".join(f"echo {beat}\n" for beat in BEATS))
    script.chmod(0o755)
    monkeypatch.setattr(beat_peers, "_missing", lambda name: "not here")
    monkeypatch.setenv("PATH", str(tmp_path))
    reactive(Aubio())
    script.unlink()
    assert "aubiotrack" in (Aubio().find() or "")


def test_madmom(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        def __init__(self, **options: Any) -> None:
            assert options["online"]

        def __call__(self, signal: np.ndarray) -> np.ndarray:
            return signal

    class Filter(Network):
        def process_online(self, activations: np.ndarray, reset: bool) -> np.ndarray:
            return BEATS

    module(monkeypatch, "madmom")
    module(monkeypatch, "madmom.features.beats", RNNBeatProcessor=Network, DBNBeatTrackingProcessor=Filter)
    module(monkeypatch, "madmom.audio.signal", Signal=lambda samples, sample_rate: samples)
    reactive(Madmom())


def test_beatnet(monkeypatch: pytest.MonkeyPatch) -> None:
    class Estimator:
        def __init__(self, model: int, **options: Any) -> None:
            assert options["mode"] == "online"

        def process(self, path: str) -> np.ndarray:
            assert soundfile.info(path).duration == pytest.approx(12.0)
            return np.stack([BEATS, np.arange(len(BEATS)) % 4 + 1], axis=1)

    module(monkeypatch, "BeatNet")
    module(monkeypatch, "BeatNet.BeatNet", BeatNet=Estimator)
    peer = BeatNet()
    reactive(peer)
    assert measure(peer, CLIP, Truth(BEATS, np.arange(len(BEATS)) % 4 + 1)).score.downbeat == 1.0  # type: ignore[union-attr]


class Boaster(StreamingBeatTracker):
    """Announces each beat as it sounds but says it knew a second before; sure of itself from `sure` s on."""

    sure = 6.0

    def step(self, block: AudioBlock) -> list[Beat]:
        self.now = block.time + len(block.samples) / block.sample_rate
        inside = BEATS[np.searchsorted(BEATS, block.time) : np.searchsorted(BEATS, self.now)]
        return [Beat(float(time), 1, True, 120.0, 0.5, float(time) - 1.0) for time in inside]

    def grid(self) -> BeatGrid | None:
        return BeatGrid(
            BEATS, np.arange(len(BEATS)) % 8 + 1, 120.0, SURE + 0.01 if self.now >= self.sure else SURE - 0.01
        )


def test_when_a_beat_was_announced_is_not_for_the_tracker_to_say() -> None:
    result = measure(Streaming("boaster", Boaster), CLIP, Truth(BEATS, np.ones(len(BEATS), dtype=int)))
    assert result.score is not None
    assert (result.score.f, result.score.ahead) == (1.0, 0.0)
    assert result.hearing.blocks_ms is not None
    assert len(result.hearing.blocks_ms) == -(-len(CLIP.samples) // 512)


def test_the_running_count_without_music() -> None:
    result = measure(Streaming("boaster", Boaster), CLIP, Truth(np.empty(0), np.empty(0, dtype=int)))
    assert result.score is None
    assert summary([result])["count_without_music"] == pytest.approx(0.5, abs=0.02)


def test_without_mir_eval_there_is_a_way_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mir_eval", None)
    with pytest.raises(DancecoachError, match="pip install mir_eval"):
        run(folder)
