"""Motion paired with music on its own beats, and what the music is changed into."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import find_peaks

from dancecoach.assessment.hits import find_events
from dancecoach.assessment.rhythm import find_rhythm
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.perception.music_features import FEATURES, NAMES, TEMPO_BINS, MusicFeatures
from dancecoach.training import music_changes as changes
from dancecoach.training import pairs as module
from dancecoach.training.pairs import extended, make_pairs, music_on, read_pairs, style_for
from dancecoach.training.routines import ROUTINES, mirrored, perform_routine
from dancecoach.training.sound import Instruments
from dancecoach.training.styles import BY_NAME
from dancecoach.types import BONES, Floats, PoseTrack

Array = NDArray[np.float32]
ONSET = NAMES.index("onset")
TEMPO = [index for index, name in enumerate(NAMES) if name.startswith("tempo")]
CHROMA = [index for index, name in enumerate(NAMES) if name.startswith("chroma")]
RATE = 22_050


def _clicks(bpm: float, seconds: float = 14.0) -> Array:
    rng = np.random.default_rng(0)
    sound = 1e-4 * rng.standard_normal(round(seconds * RATE))
    burst = rng.standard_normal(600) * np.exp(-np.arange(600) / 90)
    for time in np.arange(0.3, seconds - 0.1, 60.0 / bpm):
        sound[round(time * RATE) : round(time * RATE) + 600] += 0.3 * burst
    return np.asarray(sound, dtype=np.float32)


def _features(sound: Array) -> Array:
    return MusicFeatures(RATE).step(sound)


def _at_beats(features: Array, beats: Floats, shift: float) -> float:
    """How strong onsets are within the three rows after `shift` of a beat on."""
    rows = np.round((beats + shift) * 30).astype(int)
    rows = rows[(rows >= 1) & (rows + 3 < len(features))]
    return float(np.mean([features[row : row + 3, ONSET].max() for row in rows]))


def test_beats_are_carried_on_from_a_1() -> None:
    beats = 3.1 + 0.5 * np.arange(20)
    counts = (np.arange(20) + 4) % 8 + 1  # the first is a 5
    grid = extended(beats, counts, 0.0, 20.0, eights=1)
    assert np.allclose(np.diff(grid), 0.5)
    assert grid[0] <= -4.0 + 1e-9
    assert grid[-1] > 20.0
    place = int(np.argmin(np.abs(grid - beats[0])))
    assert place % 8 == 4
    assert grid[place] == pytest.approx(beats[0])


@pytest.mark.parametrize("style", ["salsa", "house"])
def test_the_music_follows_the_beats(style: str) -> None:
    """Through a drift of ten percent, which no steady music could follow."""
    steps = 0.4 * np.exp(0.05 * np.sin(np.arange(60) / 6.0))
    grid = np.concatenate([[0.0], np.cumsum(steps)]) - 1.0
    features = _features(music_on(grid, style, 10.0, 1, Instruments(None, held_out=True)))
    off = max(_at_beats(features, grid, shift) for shift in (0.1, 0.3))
    assert _at_beats(features, grid, 0.0) > 1.3 * off


def test_equal_seeds_make_equal_music() -> None:
    grid = 0.5 * np.arange(40) - 2.0
    instruments = Instruments(None, held_out=True)
    one, again, other = (_features(music_on(grid, "techno", 6.0, seed, instruments)) for seed in (5, 5, 6))
    assert np.abs(one - again).mean() < 0.1 * np.abs(one - other).mean()


def test_the_style_fits_dance_and_tempo() -> None:
    assert style_for("salsa", 165.0, 1) == "salsa"
    for tempo in range(60, 201, 7):
        chosen = [style_for("modern", float(tempo), seed) for seed in range(20)]
        assert all(BY_NAME[name].beats_per_bar == 4 for name in chosen)
        if tempo > 66:
            assert all(BY_NAME[name].tempo[0] / 1.07 < tempo < BY_NAME[name].tempo[1] * 1.07 for name in chosen)
    assert style_for("modern", 120.0, 3) == style_for("modern", 120.0, 3)


def _corpus(folder: Path, still: bool = True) -> Path:
    """A corpus of a dancer, of somebody who stands and of somebody who does not dance."""
    clip = perform_routine("grapevine", 0.5 * np.arange(60) - 1.3, 10.0)
    takes = []
    for name, dancing, joints in (
        ("dancer.npz", True, clip.joints),
        ("still.npz", True, np.repeat(clip.joints[:1], len(clip.times), axis=0)),
        ("walker.npz", False, clip.joints),
    ):
        np.savez(folder / name, times=clip.times + 5.0, joints=joints.astype(np.float32))
        takes.append({"file": name, "take": name[:-4], "style": "disco", "dancing": dancing, "held_out": still})
    (folder / "takes.json").write_text(json.dumps({"schema": "dancecoach.corpus/1", "takes": takes}))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CLIP_SECONDS", 8.0)
        (folder / "corpus").mkdir()
        make_pairs(_corpus(folder / "corpus"), folder / "out", None, clips=1, progress=io.StringIO())
    return folder / "out"


def test_dancing_takes_with_a_rhythm_are_paired(made: Path) -> None:
    document = json.loads((made / "pairs.json").read_text())
    assert {row["file"]: row.get("reason") for row in document["pairs"]} == {
        "dancer.npz": None,
        "still.npz": "hardly moves",
        "dancer-00.npz": None,
    }
    pairs = {pair.name: pair for pair in read_pairs(made)}
    assert set(pairs) == {"dancer", "dancer-00"}
    dancer = pairs["dancer"]
    assert dancer.features.shape == (300, FEATURES)
    assert dancer.alternatives.shape == (1, 300, FEATURES)
    assert dancer.style == "disco"
    assert dancer.held_out
    assert abs(dancer.tempo - 120) < 1.5
    apart = (dancer.beats - 5.0 - 0.2 + 0.25) % 0.5 - 0.25  # the dancer's beats: 5.2 s, 5.7 s, ...
    assert np.abs(apart[2:-2]).max() < 0.03
    # The music is on them, in rows of the motion.
    assert _at_beats(dancer.features, dancer.beats - 5.0, 0.0) > _at_beats(dancer.features, dancer.beats - 5.0, 0.15)
    clip = pairs["dancer-00"]
    assert clip.times is not None
    assert clip.joints is not None
    assert clip.joints.shape == (len(clip.features), 22, 3)
    assert clip.confidence == 1.0


def test_what_is_there_is_kept(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = zlib.crc32((made / "dancer.npz").read_bytes())
    monkeypatch.setattr(module, "music_on", None)
    make_pairs(_corpus(tmp_path), made, None, clips=0, progress=io.StringIO())
    assert zlib.crc32((made / "dancer.npz").read_bytes()) == before


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DancecoachError, match="no prepared corpus"):
        make_pairs(tmp_path, tmp_path / "out")
    takes = [{"file": "../../passwd.npz", "take": "x", "style": "salsa", "dancing": True, "held_out": False}]
    (tmp_path / "takes.json").write_text(json.dumps({"takes": takes}))
    with pytest.raises(FileFormatError, match="names the file"):
        make_pairs(tmp_path, tmp_path / "out")
    with pytest.raises(FileFormatError, match="no pairs"):
        list(read_pairs(tmp_path))
    row = {"file": "x.npz", "style": "salsa", "tempo": 1.0, "confidence": 1.0, "held_out": False}
    (tmp_path / "pairs.json").write_text(json.dumps({"features": list(NAMES), "pairs": [row]}))
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="cannot be read"):
        list(read_pairs(tmp_path))


# --- what music is changed into ------------------------------------------------------------------------------------


def test_shifted_music_is_late() -> None:
    features = _features(_clicks(100.0))
    later = changes.shifted(features, 0.5)
    assert np.array_equal(later[15:], features[:-15])
    assert np.array_equal(changes.shifted(later, -0.5), features)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_music_of_another_tempo_is_like_music_played_so(factor: float) -> None:
    base = float(TEMPO_BINS[8])
    warped = changes.tempo_mismatch(_features(_clicks(base, 24.0)), factor)[200:380]
    played = _features(_clicks(base * factor, 24.0))[200:380]
    best = int(warped[:, TEMPO].mean(axis=0).argmax())
    assert abs(best - int(played[:, TEMPO].mean(axis=0).argmax())) <= 1
    counts = [
        len(find_peaks(each[:, ONSET], height=0.3 * each[:, ONSET].max(), distance=4)[0]) for each in (warped, played)
    ]
    assert abs(counts[0] - counts[1]) <= 1


def test_transposed_is_like_a_higher_tone() -> None:
    time = np.arange(2 * RATE) / RATE
    tone, higher = (
        _features((0.2 * np.sin(2 * np.pi * 220.0 * 2 ** (step / 12) * time)).astype(np.float32))[40:60][:, CHROMA]
        for step in (0, 3)
    )
    whole = np.zeros((20, FEATURES), np.float32)
    whole[:, CHROMA] = tone
    assert np.abs(changes.transposed(whole, 3)[:, CHROMA] - higher).max() < 0.25
    assert np.array_equal(changes.transposed(whole, 12), whole)


def test_louder_is_like_the_sound_amplified() -> None:
    sound = 0.3 * np.random.default_rng(2).standard_normal(3 * RATE).astype(np.float32)
    features, played = _features(0.25 * sound)[30:], _features(sound)[30:]
    raised = changes.louder(features, 20 * float(np.log10(4.0)))
    keep = [index for index in range(FEATURES) if index != ONSET and index not in TEMPO]
    assert np.abs(raised - played)[:, keep].max() < 0.02


def test_another_style_is_another() -> None:
    rng = np.random.default_rng(0)
    styles = ["salsa", "house", "salsa", "pop"]
    assert {changes.other_style(styles, 0, rng) for _ in range(40)} == {1, 3}
    with pytest.raises(DancecoachError, match="one style"):
        changes.other_style(["salsa"] * 3, 0, rng)


# --- routines ------------------------------------------------------------------------------------------------------


def _track(times: Floats, room: Floats) -> PoseTrack:
    return PoseTrack(times, room - room[:, :1], room[:, 0], np.ones(room.shape[:2]))


@pytest.mark.parametrize("name", list(ROUTINES))
def test_routines_are_danced_on_the_beat(name: str) -> None:
    grid = 0.5 * np.arange(80) - 1.75
    clip = perform_routine(name, grid, 24.0, size=1.08, turn=0.3)
    assert np.isfinite(clip.joints).all()
    assert clip.joints[:, :, 1].min() >= 0.0
    hits = find_events(_track(clip.times, clip.joints))["body"].hits
    hits = hits[(hits > 1.0) & (hits < 23.0)]
    assert len(hits) > 15
    apart = np.abs(hits[:, None] - clip.beats).min(axis=1)
    assert np.median(apart) < 0.01
    assert np.quantile(apart, 0.9) < 0.04
    assert np.array_equal(np.diff(clip.counts) % 8, np.ones(len(clip.counts) - 1))
    first = clip.beats[list(clip.counts).index(1)]
    assert (first - grid[0]) / 4.0 == pytest.approx(round((first - grid[0]) / 4.0))


def test_most_routines_tell_their_tempo() -> None:
    found = []
    for name in ROUTINES:
        clip = perform_routine(name, 0.5 * np.arange(80) - 1.75, 24.0)
        grid = find_rhythm(_track(clip.times, clip.joints))
        found.append(grid is not None and abs(grid.tempo / 120 - 1) < 0.02)
    assert sum(found) >= len(ROUTINES) - 2


def test_the_mirror_of_a_mirror_is_the_thing() -> None:
    for routine in ROUTINES.values():
        assert mirrored(mirrored(routine)) == routine


def test_a_larger_body_is_larger_everywhere() -> None:
    grid = 0.5 * np.arange(40) - 1.0
    small, large = (perform_routine("levels", grid, 6.0, size=size).joints for size in (1.0, 1.1))
    for parent, joint in BONES:
        lengths = [np.linalg.norm(each[:, joint] - each[:, parent], axis=1) for each in (small, large)]
        assert np.allclose(lengths[1], 1.1 * lengths[0])
