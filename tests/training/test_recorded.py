"""Beats of recordings: a grid where the tempo is constant, none where it is not."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import torch

from dancecoach.errors import DancecoachError
from dancecoach.training import card, make_beats, recorded, train_beats
from dancecoach.training.beat_data import Excerpt
from dancecoach.training.beat_network import BeatNetwork
from dancecoach.training.card import Facts
from dancecoach.training.make_beats import Plan
from dancecoach.training.recorded import (
    Grid,
    Labelled,
    Refusal,
    find_recordings,
    fit_grid,
    is_held_out,
    label,
    make_excerpt,
    store_all,
    stored_views,
    vote_downbeats,
)

RATE, DELAY, SECONDS = 50, 2, 150.0
FRAMES = round(SECONDS * RATE)


def said(beats: np.ndarray, strengths: np.ndarray, bpm: float, bars: int = 4) -> np.ndarray:
    """Activations (T, 67) with a peak of `strengths` (B,) for every beat, and a tempo."""
    rng = np.random.default_rng(1)
    out = np.full((FRAMES, 67), 0.001)
    out[:, :2] = rng.uniform(0.01, 0.05, (FRAMES, 2))
    out[:, 2] = 0.98
    frames = np.arange(FRAMES)
    for number, (beat, strength) in enumerate(zip(beats * RATE + DELAY, strengths, strict=True)):
        peak = strength * np.clip(1.5 - np.abs(frames - beat), 0, 1)
        out[:, 0] = np.maximum(out[:, 0], peak)
        if number % bars == 2:
            out[:, 1] = np.maximum(out[:, 1], peak)
    out[:, 3 + round(np.log(bpm / 50) / np.log(230 / 50) * 63)] = 0.9
    return out


def steady(bpm: float = 118.5, phase: float = 0.21) -> tuple[np.ndarray, np.ndarray]:
    """Beats, and activations whose off-beat is the stronger one in the middle third."""
    half = np.arange(phase, SECONDS - 1, 30 / bpm)
    on_beat = np.arange(len(half)) % 2 == 0
    wrong = (half > SECONDS / 3) & (half < 2 * SECONDS / 3)
    strengths = np.where(on_beat != wrong, 0.9, 0.15)
    out = said(half, strengths, bpm)
    out[:, 1] = said(half[on_beat], np.full(on_beat.sum(), 0.8), bpm)[:, 1]
    return half[on_beat], out


def test_a_constant_tempo_is_found_although_a_third_is_heard_on_the_off_beat() -> None:
    beats, activations = steady()
    grid = fit_grid(activations, DELAY)
    assert isinstance(grid, Grid)
    assert 60 / grid.period == pytest.approx(118.5, abs=0.05)
    found = grid.beats(SECONDS - 1)
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() < 0.02
    assert 0.6 <= grid.agreement < 0.8

    bars = vote_downbeats(activations, found, DELAY)
    assert list(bars[:7]) == [3, 4, 1, 2, 3, 4, 1]
    activations[:, 1] = 0.1
    assert np.isnan(vote_downbeats(activations, found, DELAY)).all()
    assert np.isnan(vote_downbeats(activations, found[:20], DELAY)).all()


def test_what_has_no_constant_tempo_is_refused() -> None:
    intervals = 60 / np.linspace(110, 128, 298)
    drifting = np.cumsum(intervals)
    drifting = drifting[drifting < SECONDS - 1]
    assert fit_grid(said(drifting, np.full(len(drifting), 0.9), 119)) is Refusal.DISAGREEMENT

    rng = np.random.default_rng(2)
    anywhere = np.sort(rng.uniform(0, SECONDS - 1, 300))
    assert isinstance(fit_grid(said(anywhere, rng.uniform(0.4, 0.9, 300), 119)), Refusal)

    _, activations = steady()
    assert fit_grid(activations[: 40 * RATE]) is Refusal.SHORT
    activations[:, 2] = 0.1
    assert fit_grid(activations) is Refusal.NO_MUSIC

    even = np.arange(0.2, SECONDS - 1, 30 / 118.5)  # nothing says which half is the beat
    assert fit_grid(said(even, np.full(len(even), 0.9), 118.5)) in (Refusal.OFF_BEAT, Refusal.DISAGREEMENT)


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder tree with two recordings, a copy, something short and something broken."""
    folder = tmp_path / "music"
    (folder / "games" / "xmoto").mkdir(parents=True)
    rng = np.random.default_rng(3)
    for name, seconds in (("games/xmoto/a b.flac", 3.0), ("c.flac", 2.5), ("short.flac", 1.0)):
        soundfile.write(folder / name, 0.1 * rng.standard_normal(round(8000 * seconds)), 8000)
    (folder / "d.flac").write_bytes((folder / "c.flac").read_bytes())
    (folder / "broken.ogg").write_bytes(b"no music" * 100)
    monkeypatch.setattr(recorded, "SHORTEST", 2.0)
    monkeypatch.setattr(recorded, "_SMALLEST_FILE", 100)
    monkeypatch.setattr(recorded, "in_a_room", lambda sound, rate, rng: 0.5 * sound)
    return folder


def test_recordings_are_found_stored_and_read_again(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_recordings(music)
    assert [each.source for each in found] == ["c.flac", "games/xmoto/a b.flac"]
    assert found[1].name.startswith("a_b_")
    work = tmp_path / "work"
    assert stored_views(found[0], work) is None
    store_all(found, work, io.StringIO(), 1)
    views = stored_views(found[0], work)
    assert views is not None
    assert views.dtype == np.float16
    assert views.shape[0] == 2
    assert views.shape[2] == 88
    assert abs(views.shape[1] - 125) <= 2
    # What is there is kept; what cannot be read leaves nothing behind.
    monkeypatch.setattr(recorded, "in_a_room", lambda *_: pytest.fail("stored again"))
    store_all(found, work, io.StringIO(), 1)
    store_all([replace(found[0], path=music / "broken.ogg", name="broken")], work, io.StringIO(), 1)
    assert len(list((work / recorded.FOLDER).iterdir())) == 2

    said_of = io.StringIO()
    labelled = label(found, work, [BeatNetwork(True, 8)], said_of)
    assert not labelled.about
    assert "0 of 2 (too short: 2)" in said_of.getvalue()


def test_an_excerpt_has_the_beats_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    beats, activations = steady()
    monkeypatch.setattr(train_beats, "activations", lambda network, bands: activations)
    views = np.zeros((2, FRAMES, 88), np.float16)
    excerpt = make_excerpt("name", views, [BeatNetwork(True, 8)])
    assert not isinstance(excerpt, Refusal)
    assert np.abs(excerpt.beats[: len(beats)] - beats).max() < 0.02
    assert excerpt.music.all()
    assert excerpt.music.shape == (FRAMES,)
    assert list(excerpt.bars[:3]) == [3, 4, 1]

    # Longer and shorter excerpts are trained with together; crops are of one length.
    other = replace(excerpt, views=views[:, :2000], music=excerpt.music[:2000])
    batches = train_beats.Batches([excerpt, other], train_beats.Recipe(frames=1000))
    features, wanted, tempo = next(iter(batches))
    assert features.shape[:2] == wanted.shape[:2] == tempo.shape == (2, 500)


def test_recordings_that_two_networks_hear_differently_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, on = steady()
    heard = {8: on, 9: np.roll(on, 8, axis=0), 10: np.roll(on, 2, axis=0)}
    monkeypatch.setattr(train_beats, "activations", lambda network, bands: heard[network.heads.weight.shape[1]])
    views = np.zeros((2, FRAMES, 88), np.float16)
    first, shifted, nearly = (BeatNetwork(True, channels) for channels in (8, 9, 10))
    assert make_excerpt("name", views, [first, shifted]) is Refusal.OPINIONS
    assert isinstance(make_excerpt("name", views, [shifted, shifted]), Excerpt)
    assert isinstance(make_excerpt("name", views, [first, nearly]), Excerpt)


def test_the_split_hangs_on_the_name_alone() -> None:
    names = [f"track{number}_0a1b2c3d" for number in range(400)]
    held_out = [name for name in names if is_held_out(name)]
    assert 20 <= len(held_out) <= 60
    assert held_out[:3] == ["track2_0a1b2c3d", "track3_0a1b2c3d", "track4_0a1b2c3d"]


def constant(value: float) -> BeatNetwork:
    network = BeatNetwork(True, 8)
    with torch.no_grad():
        network.heads.bias.fill_(value)
    return network


def test_the_second_stage_starts_from_the_first_and_adds_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Excerpt(np.zeros((2, 9, 88), np.float16), np.empty(0), np.empty(0), 4, np.ones(9, bool), "a", "b")
    calls: list[tuple[int, int, float, Path | None]] = []

    def train(
        excerpts: list[Excerpt],
        validation: list[Excerpt],
        recipe: train_beats.Recipe,
        out: Path,
        start: Path | None = None,
    ) -> BeatNetwork:
        calls.append((len(excerpts), len(validation), recipe.minutes, start))
        out.with_suffix(".json").write_text('{"course": []}')
        return constant(float(len(calls)))

    about = [{"path": "games/xmoto/a.ogg", "seconds": 180.0, "bpm": 118.0, "downbeats": True, "held_out": False}]
    monkeypatch.setattr(train_beats, "train", train)
    monkeypatch.setattr(make_beats, "_excerpts", lambda plan, split: [made] * 3)
    monkeypatch.setattr(recorded, "find_recordings", lambda folder: [])
    asked: list[int] = []

    def label(recordings: object, work: object, networks: list[BeatNetwork], out: object) -> Labelled:
        asked.append(len(networks))
        return Labelled([made], [made] * 20, about)

    monkeypatch.setattr(recorded, "label", label)
    plan = Plan(tmp_path, tmp_path, minutes=5, music=tmp_path, music_minutes=2)
    make_beats._check(plan)
    network = make_beats._train(plan, [made] * 2, io.StringIO())
    assert float(network.heads.bias.detach().mean()) == pytest.approx(4.0)  # of the last part
    kept = torch.load(tmp_path / "beats-known.pt", weights_only=True)
    assert float(kept["heads.bias"].mean()) == pytest.approx(2.5)  # the mean of the second and the third part
    first, second, known = (tmp_path / f"beats-{part}.pt" for part in ("rendered", "recorded", "known"))
    last = (7, 14, pytest.approx(1.5), known)
    assert calls == [(3, 2, pytest.approx(1.5), None), (7, 14, 1, first), (7, 14, 1, second), last]
    assert asked == [1, 2]
    documents = make_beats._training_of(plan)
    assert [each.get("recordings") for each in documents] == [None, about, about, None]
    facts = Facts(tmp_path, "", "", documents, {}, {}, [], None, tmp_path)
    assert "| xmoto-data | 1 | GPL-2+ |" in card._recorded(card._recordings(facts))

    with pytest.raises(DancecoachError, match="part of the first 70% of all minutes"):
        make_beats._check(replace(plan, music_minutes=5))
    with pytest.raises(DancecoachError, match="There is no folder"):
        make_beats._check(replace(plan, music=tmp_path / "none"))
    monkeypatch.setattr(recorded, "label", lambda *_: Labelled([], [], []))
    with pytest.raises(DancecoachError, match="No recording"):
        make_beats._train(plan, [made], io.StringIO())


def test_training_may_start_from_weights(tmp_path: Path) -> None:
    views = np.random.default_rng(4).normal(-8, 1, (1, 1600, 88)).astype(np.float16)
    made = Excerpt(views, np.arange(0.5, 30, 0.5), np.full(59, np.nan), 4, np.ones(1600, bool), "a", "b")
    first = BeatNetwork(True, 8)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    recipe = train_beats.Recipe(minutes=1e-9, frames=1500, channels=8)
    network = train_beats.train([made], [made], recipe, tmp_path / "second.pt", start=tmp_path / "first.pt")
    for name, weights in first.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], weights)
