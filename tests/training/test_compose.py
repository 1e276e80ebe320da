"""Composed pieces: their beats are the truth, so they are checked against what is played."""

import random
from pathlib import Path

import numpy as np
import pytest

from dancecoach.training.compose import HUMAN_DRUMS, POP_SONG, POP_SONG_WITHOUT_DRUMS, Corpus, compose
from dancecoach.training.grooves import split_of_drummer
from dancecoach.training.pieces import Piece
from dancecoach.training.songs import split_of_song
from dancecoach.training.styles import BY_NAME

REAL = (HUMAN_DRUMS, POP_SONG, POP_SONG_WITHOUT_DRUMS)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def corpus(recordings: Path) -> Corpus:
    found = Corpus(recordings)
    if not (found.has_grooves and found.has_songs):
        pytest.skip("no drummers or songs here")
    return found


def check(piece: Piece) -> None:
    assert piece.parts
    for part in piece.parts:
        for note in part.notes:
            assert 0 <= note.start < piece.duration
            assert 0 < note.duration <= piece.duration - note.start + 1e-6
            assert 0 <= note.pitch < 128
            assert 1 <= note.velocity <= 127
    times, numbers = piece.beat_times, piece.beats_in_bar
    assert len(times) == len(numbers) > 4
    assert np.all(np.diff(times) > 0.2)
    assert times[0] >= 0 and times[-1] < piece.duration
    assert list(piece.events) == sorted(piece.events)
    breaks = [t for t, _ in piece.events]
    for before, after, number, following in zip(times, times[1:], numbers, numbers[1:], strict=False):
        if not any(before - 0.5 <= t <= after + 0.5 for t in breaks):
            assert following == number % piece.beats_per_bar + 1


def strokes(piece: Piece, pitches: tuple[int, ...]) -> np.ndarray:
    return np.array([n.start for p in piece.parts if p.role == "drums" for n in p.notes if n.pitch in pitches])


def positions(piece: Piece, onsets: np.ndarray) -> np.ndarray:
    """Onsets as positions in beats, those within the annotated beats."""
    inside = (onsets > piece.beat_times[0]) & (onsets < piece.beat_times[-1])
    return np.interp(onsets[inside], piece.beat_times, np.arange(len(piece.beat_times)))


@pytest.mark.parametrize("style", BY_NAME)
def test_every_style_makes_sound_pieces(nothing: Corpus, style: str) -> None:
    for seed in range(3):
        piece = compose(np.random.default_rng(seed), nothing, "train", style)
        assert piece.beats_per_bar == BY_NAME[style].beats_per_bar
        check(piece)


def test_equal_seeds_make_equal_pieces(nothing: Corpus) -> None:
    one, two, other = (compose(np.random.default_rng(seed), nothing, "train") for seed in (5, 5, 6))
    assert one.parts == two.parts and np.array_equal(one.beat_times, two.beat_times)
    assert one.parts != other.parts


def test_house_kicks_on_the_beats(nothing: Corpus) -> None:
    near = []
    for seed in range(12):
        piece = compose(np.random.default_rng(seed), nothing, "train", "house")
        if piece.style != "house":
            continue  # another piece follows
        where = positions(piece, strokes(piece, (35, 36)))
        near.append(np.abs(where - np.rint(where)))
    assert np.mean(np.concatenate(near) < 0.06) > 0.9


def test_splits_share_no_source(corpus: Corpus) -> None:
    assert {split_of_drummer(f"drummer{n}") for n in range(1, 11)} == {"train", "validation", "test"}
    assert split_of_song(8) == "validation" and split_of_song(19) == "test" and split_of_song(7) == "train"
    found = {}
    for split in ("train", "validation", "test"):
        pieces = [compose(np.random.default_rng(seed), corpus, split, REAL[seed % 3]) for seed in range(12)]  # type: ignore[arg-type]
        found[split] = {piece.source for piece in pieces} - {"composed"}
        for piece in pieces:
            check(piece)
    assert not found["train"] & found["validation"] and not found["train"] & found["test"]
    assert not found["validation"] & found["test"]


def test_drummers_play_on_the_grid_of_their_beats(corpus: Corpus) -> None:
    rng = random.Random(0)
    shares = []
    for take in rng.sample(corpus.takes("train"), 25):
        strokes_ = np.array(
            [event[0] for event in corpus.grooves.events(take) if event[2] in (35, 36, 38, 40) and event[3] > 50]
        )
        if len(strokes_) < 16:
            continue
        grid = np.minimum(
            np.abs(strokes_ * 4 - np.rint(strokes_ * 4)) / 4, np.abs(strokes_ * 3 - np.rint(strokes_ * 3)) / 3
        )
        shares.append(np.mean(grid < 0.06))
    assert np.median(shares) > 0.75


def test_songs_change_chords_on_downbeats(corpus: Corpus) -> None:
    counts = np.zeros(4)
    believed = 0
    for number in range(20, 50):
        song = corpus.songs.song(number) if number in corpus.songs.numbers else None
        if song is None:
            continue
        believed += 1
        counts += np.bincount(np.rint([chord.start for chord in song.chords]).astype(int) % 4, minlength=4)
    assert believed > 8
    assert counts[0] > 2 * counts[1:].max()
