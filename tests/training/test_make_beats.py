"""`dancecoach train beats` on next to nothing: every step runs, the card says what was done."""

import hashlib
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mido")
pytest.importorskip("onnx")
pytest.importorskip("mir_eval")

from dancecoach.__main__ import main
from dancecoach.bench.beat_peers import Clip
from dancecoach.bench.beats import read_truth
from dancecoach.errors import DancecoachError
from dancecoach.perception.beat_model import BeatModel
from dancecoach.perception.counting import CountingModel
from dancecoach.training import ablate_beats, beat_data, make_beats, render_beats, train_beats
from dancecoach.training.ablate_beats import PeakPicking
from dancecoach.training.make_beats import Plan, make, require_extras
from dancecoach.training.pieces import Piece
from tests.support.signals import clicks

SECONDS = 9.0


def piece(seconds: float = SECONDS, bpm: float = 120.0) -> Piece:
    beats = np.arange(0.25, seconds, 60 / bpm)
    bars = np.arange(len(beats)) % 4 + 1.0
    return Piece("house", "composed", seconds, beats, bars, 4, (), ((6.0, "gap"), (8.0, "music")))


def excerpt(rng: np.random.Generator) -> beat_data.Excerpt:
    """Beats as rises in all bands."""
    made = piece(SECONDS, float(rng.uniform(90, 150)))
    frames = round(SECONDS * 50)
    bands = rng.normal(-8, 0.3, (frames, 88))
    for beat in made.beat_times:
        bands[round(beat * 50) : round(beat * 50) + 3] += 5.0
    views = np.stack([bands, bands]).astype(np.float16)
    return beat_data.Excerpt(views, made.beat_times, made.beats_in_bar, 4, np.ones(frames, bool), "house", "composed")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plan:
    """A plan whose excerpts and pieces are clicks, and whose crops fit them."""
    data = tmp_path / "data"
    (data / "music" / "pop909").mkdir(parents=True)
    monkeypatch.setattr(beat_data, "SHARD", 2)
    monkeypatch.setattr(beat_data.Maker, "__init__", lambda self, data, split: setattr(self, "split", split))
    monkeypatch.setattr(beat_data.Maker, "make", lambda self, number: excerpt(np.random.default_rng(number)))
    monkeypatch.setattr(render_beats, "_test_material", lambda data: (None, None))
    monkeypatch.setattr(render_beats, "compose", lambda rng, corpus, split, style, seconds: piece())
    monkeypatch.setattr(
        render_beats, "render", lambda made, rng, instruments, rate: clicks(120, SECONDS, rate)[0].astype(np.float32)
    )
    monkeypatch.setattr(render_beats, "in_a_room", lambda sound, rate, rng: sound)
    monkeypatch.setattr(train_beats, "_SHORT_CROP", 200)
    monkeypatch.setattr(train_beats, "_LONG_CROP", 400)
    monkeypatch.setattr(make_beats, "_PEERS", ())
    render_beats._maker.cache_clear()
    return Plan(
        data,
        tmp_path / "work",
        tmp_path / "out",
        excerpts=3,
        minutes=0.015,
        threads=1,
        channels=8,
        held_out=(2, 2),
        clips=(1, 1, 0),
        workers=1,
        command="dancecoach train beats --data DIR --work DIR",
    )


def test_the_counting_network_is_made_for_the_beat_network(tiny: Plan) -> None:
    said = io.StringIO()
    make(replace(tiny, counting=3, counting_minutes=0.02), said)
    beats = BeatModel(tiny.out / "beats.onnx")
    path = tiny.out / "counting.onnx"
    assert CountingModel(beats.tempi, path).channels == beats.channels
    text, card = path.with_suffix(".md").read_text(), json.loads(path.with_suffix(".json").read_text())
    for model in ("counting", "beats"):
        assert hashlib.sha256((tiny.out / f"{model}.onnx").read_bytes()).hexdigest() in text
    assert card["excerpts"]["not learned by the beat network"] == 3
    assert card["belongs_to"]["model"] == "beats.onnx"
    assert "train excerpts: 2 of 2 files" in said.getvalue()
    assert str(tiny.work) not in text


def test_one_command_makes_data_weights_figures_and_card(tiny: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    card = make(replace(tiny, ablations=0.01), said)
    assert "train excerpts: 2 of 2 files, 0 min left" in said.getvalue()
    model = BeatModel(tiny.out / "beats.onnx")
    assert model.channels == 8
    assert model.confidence is not None
    text = card.read_text()
    assert hashlib.sha256((tiny.out / "beats.onnx").read_bytes()).hexdigest() in text
    for words in (
        "train 3 (0.0 h); validation 2",
        "loss, test",
        "### dance in rooms (1 clip)",
        "### pop without drums",
        "| classical |",
        "| without rooms |",
        "| filter without the network's tempo |",
        "Groove MIDI Dataset",
        "tempo classes",
        tiny.command,
    ):
        assert words in text, words
    assert str(tiny.work) not in text

    # What is rendered is kept; the weights may be used again, and the card be written alone.
    monkeypatch.setattr(beat_data.Maker, "make", lambda self, number: pytest.fail("rendered again"))
    monkeypatch.setattr(train_beats, "train", lambda *_: pytest.fail("trained again"))
    weights = tiny.work / "beats.pt"
    make(replace(tiny, weights=weights, command="dancecoach train beats --weights FILE"), said)
    parts = (weights.with_suffix(".json"),) * 2
    make(replace(tiny, card_only=True, training=parts, command=""), said)
    text = card.read_text()
    assert "in 2 part(s)" in text
    assert "--weights FILE" in text
    assert "train 3" not in text  # what given weights were trained on is not known

    # Figures of another model never get into a card.
    stored = tiny.out / "beats.onnx"
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(DancecoachError, match="are not known"):
        make(replace(tiny, card_only=True), said)
    with pytest.raises(DancecoachError, match="another model"):
        make(replace(tiny, card_only=True, training=parts, figures=(tiny.work / "bench.json",)), said)


def test_test_clips_are_what_the_benchmark_reads(tiny: Plan) -> None:
    render_beats.render_clips(tiny.data, tiny.work, (1, 0, 0), io.StringIO(), 1)
    truth = read_truth(tiny.work / "dance in rooms" / "000.wav")
    np.testing.assert_allclose(truth.beats, piece().beat_times, atol=1e-4)
    assert list(truth.bars[:5]) == [1, 2, 3, 4, 1]
    assert truth.changes == (8.25,)


def test_rendering_in_processes_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    said = io.StringIO()
    # A built-in function: the processes need not load anything of ours.
    check = "import os; assert os.environ['OMP_NUM_THREADS'] == '1'"
    render_beats._work_off(exec, [(check,)] * 3, "numbers", said, 2)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "numbers: 3 of 3 files, 0 min left" in said.getvalue()
    with pytest.raises(AssertionError):
        render_beats._work_off(exec, [("assert False",)], "numbers", said, 2)


def test_peaks_are_picked_where_the_activation_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, model: object) -> None:
            self.frame = -1

        def step(self, bands: object) -> object:
            self.frame += 1
            from dancecoach.perception.beat_model import Activation

            place = self.frame % 25
            beat = {1: 0.5, 2: 0.9, 3: 0.5}.get(place, 0.02)
            return Activation(beat, beat * (self.frame % 100 < 25), 1.0, np.ones(64, np.float32))

    class Model:
        delay = 2

    monkeypatch.setattr(ablate_beats, "BeatStream", Stream)
    clip = Clip("clip", np.zeros((5 * 22_050, 1), np.float32), 22_050)
    found = PeakPicking(Model()).hear(clip, 512).found  # type: ignore[arg-type]
    np.testing.assert_allclose(found.times, np.arange(10) * 0.5, atol=1e-9)
    assert found.downbeats is not None
    assert list(found.downbeats[:5]) == [True, False, False, False, True]
    assert found.announced_at is not None
    assert np.all(found.announced_at > found.times)


def test_what_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(make_beats, "_MODULES", {"no_such_module_here": "torch"})
    with pytest.raises(DancecoachError, match=r"needs torch, which is not.*dancecoach\[training\]"):
        require_extras()


def test_the_command_line_refuses_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "beats", "--data", str(tmp_path / "none"), "--work", str(tmp_path)]) == 1
    assert "There is no folder" in capsys.readouterr().err
    words = ["train", "beats", "--data", str(tmp_path), "--work", str(tmp_path), "--out", str(tmp_path)]
    assert main([*words, "--card-only"]) == 1
    assert "There is no beats.onnx" in capsys.readouterr().err
    assert main([*words, "--excerpts", "0"]) == 1
    assert main([*words, "--figures", str(tmp_path / "none.json")]) == 1
    assert not list(tmp_path.iterdir())
