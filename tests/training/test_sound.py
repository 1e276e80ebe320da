from __future__ import annotations

import numpy as np
import pytest

from dancecoach.training.kits import KINDS, PITCH_OF_KIND, RATE, drum_from, play_drums, synthesise_drum
from dancecoach.training.pieces import Note, Part, Piece
from dancecoach.training.sound import Instruments, render
from dancecoach.training.synthesis import draw_patch, play_patch

STARTS = np.array([0.25, 0.7513, 1.2501, 1.9007, 2.4])


@pytest.fixture(scope="module")
def instruments() -> Instruments:
    return Instruments(None, held_out=False)


def hits(kind: str, starts: np.ndarray = STARTS) -> tuple[Note, ...]:
    return tuple(Note(float(start), 0.1, PITCH_OF_KIND[kind], 120) for start in starts)


def offsets_ms(samples: np.ndarray, starts: np.ndarray = STARTS, threshold: float = 0.1) -> np.ndarray:
    """How late the sound first exceeds `threshold` of the following peak, ms, from silence 30 ms before on."""
    found = []
    for start in starts:
        span = np.abs(samples[round((start - 0.03) * RATE) : round((start + 0.06) * RATE)])
        found.append(1000 * (np.argmax(span > threshold * span.max()) / RATE - 0.03))
    return np.array(found)


def small_piece(style: str = "rock") -> Piece:
    beats = np.arange(0.5, 5.5, 0.5)
    drums = [Note(float(t), 0.1, 36 if i % 2 == 0 else 38, 110) for i, t in enumerate(beats)]
    drums += [Note(float(t) + 0.25, 0.1, 42, 80) for t in beats]
    chords = [Note(float(t), 0.4, 60 + k, 80) for t in beats for k in (0, 4, 7)]
    bass = [Note(float(t), 0.4, 36, 100) for t in beats]
    voice = [Note(float(t), 0.45, 64 + i % 5, 100) for i, t in enumerate(beats)]
    parts = (
        Part("drums", tuple(sorted(drums, key=lambda note: note.start))),
        Part("percussion", hits("shaker")),
        Part("bass", tuple(bass)),
        Part("chords", tuple(chords), 30),
        Part("voice", tuple(voice)),
    )
    return Piece(style, "composed", 6.0, beats, np.arange(10.0) % 4 + 1, 4, parts)


ONE = np.array([0.3013])  # a single hit: what rings on from the one before would be taken for an onset


@pytest.mark.parametrize("kind", KINDS)
def test_a_synthesised_drum_sounds_when_its_note_starts(kind: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rest, kick = play_drums(hits(kind, ONE), {kind: synthesise_drum(kind, rng)}, RATE, rng)
        assert abs(offsets_ms(rest + kick, ONE)[0]) < 3


@pytest.mark.parametrize("kind", ["kick", "snare", "closed_hat", "high_tom"])
def test_a_recorded_drum_sounds_when_its_note_starts(kind: str, instruments: Instruments) -> None:
    if not instruments.sources:
        pytest.skip("no drum samples on this system")
    for seed in range(10):
        rng = np.random.default_rng(seed)
        drum = drum_from(instruments.sources, kind, rng)
        assert drum is not None
        rest, kick = play_drums(hits(kind, ONE), {kind: drum}, RATE, rng)
        assert abs(offsets_ms(rest + kick, ONE)[0]) < 3


def test_a_sound_font_plays_when_its_notes_start(instruments: Instruments) -> None:
    fonts = [font for font in instruments.fonts if font.name in ("sf_GMbank", "FluidR3_GM")]
    if not fonts:
        pytest.skip("no sound fonts on this system")
    for font in fonts:
        assert len(font.drum(*font.drum_kits[0], 36)) == 3
        for program in (0, 12, 115):  # piano, marimba, woodblock
            for start in STARTS:
                played = font.play([Note(float(start), 0.1, 60, 120)], program, 3 * RATE)
                assert len(played) == 3 * RATE
                assert abs(offsets_ms(played, np.array([start]), 0.15)[0]) < 3


def test_what_was_played_before_is_not_heard(instruments: Instruments) -> None:
    if not instruments.fonts:
        pytest.skip("no sound fonts on this system")
    font = instruments.fonts[-1]
    font.play([Note(0.0, 5.0, 60, 127)], 48, RATE)
    assert np.abs(font.play([Note(0.5, 0.1, 60, 120)], 0, RATE)[: RATE // 3]).max() < 1e-4


def test_a_synthesiser_plays_when_its_notes_start() -> None:
    notes = [Note(float(start), 0.2, 57, 110) for start in STARTS]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        patch = draw_patch("bass", rng)
        played = play_patch(patch, notes, 3 * RATE, rng)
        assert np.isfinite(played).all()
        if patch.attack < 0.004:
            assert np.all(np.abs(offsets_ms(played)) < 3)


def test_the_first_kick_of_a_finished_mix_is_where_it_was_written(instruments: Instruments) -> None:
    starts = np.array([0.5])
    piece = Piece(
        "house",
        "composed",
        2.0,
        np.arange(0.5, 2, 0.5),
        np.arange(1.0, 4.0),
        4,
        (Part("drums", hits("kick", starts)),),
    )
    errors = []
    for seed in range(12):
        samples = render(piece, np.random.default_rng(seed), instruments)
        errors.append(float(offsets_ms(samples, starts)[0]))
    # Now and then noise of an old medium or speech comes first; the usual mix must be exact.
    assert abs(float(np.median(errors))) < 3
    assert np.mean(np.abs(errors) < 3) > 0.6


def test_a_piece_sounds_the_same_for_the_same_seed_and_different_for_another(instruments: Instruments) -> None:
    first, again, other = (render(small_piece(), np.random.default_rng(seed), instruments) for seed in (5, 5, 6))
    # FluidSynth's voices keep a little of their past, below what is heard.
    assert np.corrcoef(first, again)[0, 1] > 0.999
    assert np.corrcoef(first, other)[0, 1] < 0.9
    bare = Instruments(None, held_out=False)
    bare.fonts = []
    first, again = (render(small_piece(), np.random.default_rng(7), bare) for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("style", ["metal", "house", "ballad"])
def test_a_rendered_piece_is_as_long_as_it_says_and_within_bounds(style: str, instruments: Instruments) -> None:
    for seed, rate in ((1, 44100), (2, 22050), (3, 44100)):
        samples = render(small_piece(style), np.random.default_rng(seed), instruments, rate)
        assert samples.dtype == np.float32
        assert samples.shape == (6 * rate,)
        assert np.isfinite(samples).all()
        assert 1e-3 < np.abs(samples).max() <= 1


def test_without_fonts_and_samples_everything_is_synthesised() -> None:
    bare = Instruments(None, held_out=True)
    bare.fonts, bare.sources = [], []
    samples = render(small_piece(), np.random.default_rng(0), bare)
    assert np.abs(samples).max() > 1e-3


def test_held_out_instruments_are_never_trained_with() -> None:
    train, held = Instruments(None, held_out=False), Instruments(None, held_out=True)
    assert not {font.file for font in train.fonts} & {font.file for font in held.fonts}
    assert not {source.name for source in train.sources} & {source.name for source in held.sources}
    assert all(font.name.startswith(("TimGM6mb", "MuseScore_General")) for font in held.fonts)


def test_an_empty_piece_is_silent_or_quiet(instruments: Instruments) -> None:
    piece = Piece("none", "composed", 1.0, np.zeros(0), np.zeros(0), 4, ())
    samples = render(piece, np.random.default_rng(0), instruments)
    assert samples.shape == (RATE,)
    assert np.isfinite(samples).all()
