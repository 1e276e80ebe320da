"""The beats of the music played here, on the clock: exact through count-in, loops, jumps and changes of speed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dancecoach.clock import ManualClock
from dancecoach.errors import SourceError
from dancecoach.loop.music import RECORDED_RATE, Music
from dancecoach.types import BeatGrid

RATE, SECONDS, PERIOD, FIRST = 22_050, 24.0, 0.5, 0.25


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


def write(folder: Path, beats: np.ndarray) -> Path:
    path = folder / "song.wav"
    seconds = np.arange(round(SECONDS * RATE)) / RATE
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 220 * seconds), RATE)
    lines = [f"{time:.6f} {index % 4 + 1}" for index, time in enumerate(beats)]
    path.with_suffix(".beats").write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def music(tmp_path: Path, clock: ManualClock) -> Iterator[Music]:
    made = Music(write(tmp_path, np.arange(FIRST, SECONDS, PERIOD)), clock, silent=True)
    made.open()
    yield made
    made.close()


def run(music: Music, clock: ManualClock, seconds: float, delay: float = 0.0) -> BeatGrid:
    """Let the clock run in steps of a listener; return the last grid."""
    grid = None
    for _ in range(round(seconds / 0.05)):
        clock.advance(0.05)
        grid = music.grid(delay) or grid
    assert grid is not None
    return grid


def counts_at(grid: BeatGrid, start: float, stop: float) -> list[int]:
    return grid.counts[(grid.beat_times > start) & (grid.beat_times < stop)].tolist()


def test_there_is_no_grid_while_the_music_stands_still(music: Music, clock: ManualClock) -> None:
    assert music.notice is None
    assert music.grid(0.0) is None
    music.play()
    assert music.grid(0.0) is not None
    clock.advance(1.0)
    music.player.pause()
    assert music.grid(0.0) is None


def test_the_grid_is_where_the_music_is(music: Music, clock: ManualClock) -> None:
    begin = clock.now()
    music.play()
    grid = run(music, clock, 4.0)
    assert grid.source == "analysed"
    assert grid.tempo == pytest.approx(120, abs=0.1)
    inside = grid.beat_times[grid.beat_times > begin]
    assert np.allclose((inside - begin - FIRST) / PERIOD, np.arange(len(inside)), atol=2e-3)
    assert counts_at(grid, begin, begin + 5.0) == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]
    assert grid.beat_times[-1] > clock.now() + 5.0  # foretold


def test_the_delay_moves_the_beats(music: Music, clock: ManualClock) -> None:
    begin = clock.now()
    music.play()
    late = run(music, clock, 2.0, delay=0.2)
    inside = late.beat_times[late.beat_times > begin]
    assert np.allclose(np.diff(inside), PERIOD, atol=2e-3)
    assert inside[0] == pytest.approx(begin + FIRST + 0.2, abs=2e-3)


def test_beats_go_on_evenly_through_loops(music: Music, clock: ManualClock) -> None:
    begin = clock.now()
    music.player.set_loop(4.25, 8.25)
    music.play()
    grid = run(music, clock, 15.0)
    inside = grid.beat_times[grid.beat_times >= begin - 1e-3]
    assert len(inside) > 40
    assert np.allclose(np.diff(inside), PERIOD, atol=2e-3)
    assert counts_at(grid, begin - 0.01, begin + 8.9) == [*range(1, 9), *range(1, 9), 1, 2]


def test_a_jump_keeps_what_sounded_and_foretells_the_new_place(music: Music, clock: ManualClock) -> None:
    begin = clock.now()
    music.play()
    run(music, clock, 3.1)
    jump = clock.now()
    music.player.seek(12.0)
    grid = run(music, clock, 2.0)
    assert (np.diff(grid.beat_times) > 0.15).all()
    before = grid.beat_times[(grid.beat_times > begin) & (grid.beat_times < jump)]
    assert np.allclose(before, begin + FIRST + PERIOD * np.arange(6), atol=2e-3)
    after = grid.beat_times[grid.beat_times > jump + 0.2]
    assert np.allclose((after - jump - 0.25) % PERIOD, 0, atol=2e-3) or np.allclose(
        (after - jump - 0.25) % PERIOD, PERIOD, atol=2e-3
    )


def test_half_speed_halves_the_tempo_without_losing_the_place(music: Music, clock: ManualClock) -> None:
    music.play()
    run(music, clock, 3.0)
    music.player.set_speed(0.5)
    changed = clock.now()
    grid = run(music, clock, 4.0)
    assert grid.tempo == pytest.approx(60, abs=0.1)
    after = grid.beat_times[grid.beat_times > changed]
    assert np.allclose(np.diff(after), 2 * PERIOD, atol=2e-3)
    assert after[0] == pytest.approx(changed + 0.5, abs=5e-3)  # position 3.0, next beat at 3.25, at half speed


@pytest.mark.parametrize("position", [0.0, 9.6])
def test_the_count_in_leads_into_the_first_beat(music: Music, clock: ManualClock, position: float) -> None:
    begin = clock.now()
    music.set_count_in(True)
    music.player.seek(position)
    music.play()
    clock.advance(0.1)
    state = music.state()
    assert state is not None
    assert state.counting_in
    grid = run(music, clock, 6.0)
    counted = grid.beat_times[(grid.beat_times > begin - 0.01)]
    assert np.allclose(np.diff(counted), PERIOD, atol=2e-3)  # eight clicks, then the music, in one time
    state = music.state()
    assert state is not None
    assert not state.counting_in
    first = PERIOD * np.ceil((position - FIRST - 0.02) / PERIOD) + FIRST
    assert music.player.position_at(float(counted[8])) == pytest.approx(first, abs=5e-3)
    eights = grid.counts[(grid.beat_times > begin - 0.01)]
    assert (np.diff(eights) % 8 == 1).all()


def test_music_that_starts_over_is_counted_in_from_its_start(music: Music, clock: ManualClock) -> None:
    music.play()
    clock.advance(SECONDS + 1.0)
    state = music.state()
    assert state is not None
    assert not state.playing
    music.set_count_in(True)
    music.play()
    clock.advance(0.1)
    state = music.state()
    assert state is not None
    assert state.counting_in
    music.player.pause()
    music.player.seek(5.0)
    music.play(counted_in=False)
    clock.advance(0.1)
    state = music.state()
    assert state is not None
    assert not state.counting_in


def test_set_the_one_turns_past_and_future(music: Music, clock: ManualClock) -> None:
    music.play()
    before = run(music, clock, 3.0)
    music.rotate(3)
    after = music.grid(0.0)
    assert after is not None
    assert np.allclose(after.beat_times, before.beat_times)
    assert ((after.counts - before.counts) % 8 == 3).all()


@pytest.mark.parametrize("start", range(8))
def test_half_and_double_tempo_keep_the_one_and_come_back(music: Music, clock: ManualClock, start: int) -> None:
    music.rotate(start)
    plain = music.analysed
    assert plain is not None
    for there, back in ((0.5, 2.0), (2.0, 0.5)):
        music.scale_tempo(there)
        scaled = music.analysed
        assert scaled is not None
        assert scaled.tempo == pytest.approx(plain.tempo * there)
        assert (np.diff(scaled.counts) % 8 == 1).all()
        ones = scaled.beat_times[scaled.counts == 1]
        assert set(ones).issubset(set(plain.beat_times[np.isin(plain.counts, (1, 5))]))
        music.scale_tempo(back)
        assert music.analysed is plain
    clock.advance(0.1)


@pytest.fixture(params=[3, 6])
def sixes(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Music]:
    """Music in bars of three and of six, counted to six."""
    times = np.arange(FIRST, SECONDS, PERIOD)
    grid = BeatGrid(times, np.arange(len(times)) % 6 + 1, 60 / PERIOD, 1.0, "file", beats_per_bar=request.param)
    monkeypatch.setattr("dancecoach.loop.music.read_beats", lambda path: grid)
    made = Music(write(tmp_path, times), clock, silent=True)
    made.open()
    yield made
    made.close()


def test_a_waltz_is_counted_and_counted_in_to_six(sixes: Music, clock: ManualClock) -> None:
    begin = clock.now()
    sixes.set_count_in(True)
    sixes.play()
    grid = run(sixes, clock, 8.0)
    assert grid.cycle == 6
    assert counts_at(grid, begin - 0.3, begin + 6.2)[:13] == [*range(1, 7), *range(1, 7), 1]
    first = grid.beat_times[grid.beat_times > begin - 0.01][6]
    assert sixes.player.position_at(float(first)) == pytest.approx(FIRST, abs=5e-3)  # after six clicks


def test_set_the_one_turns_a_waltz_by_six(sixes: Music, clock: ManualClock) -> None:
    sixes.play()
    before = run(sixes, clock, 3.0)
    sixes.rotate(4)
    after = sixes.grid(0.0)
    assert after is not None
    assert ((after.counts - before.counts) % 6 == 4).all()
    assert set(after.counts.tolist()) == set(range(1, 7))


@pytest.mark.parametrize("start", range(6))
def test_half_and_double_tempo_keep_the_one_of_a_waltz(sixes: Music, clock: ManualClock, start: int) -> None:
    sixes.rotate(start)
    plain = sixes.analysed
    assert plain is not None
    for there, back in ((0.5, 2.0), (2.0, 0.5)):
        sixes.scale_tempo(there)
        scaled = sixes.analysed
        assert scaled is not None
        assert (np.diff(scaled.counts) % 6 == 1).all()
        assert scaled.beats_per_bar == (3 if there == 0.5 else plain.beats_per_bar)
        ones = scaled.beat_times[scaled.counts == 1]
        wanted = (1,) if there == 0.5 else (1, 4)
        assert set(ones).issubset(set(plain.beat_times[np.isin(plain.counts, wanted)]))
        sixes.scale_tempo(back)
        assert sixes.analysed is plain
    clock.advance(0.1)


@pytest.mark.parametrize("cut", range(20, 28))
@pytest.mark.parametrize(("beats_per_bar", "cycle"), [(4, 8), (3, 6)])
def test_bars_that_begin_elsewhere_still_do_at_another_tempo(
    tmp_path: Path,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    beats_per_bar: int,
    cycle: int,
    cut: int,
) -> None:
    times = np.arange(FIRST, SECONDS, PERIOD)
    index = np.arange(len(times))
    counts = np.where(index < cut, index, index - cut) % cycle + 1
    grid = BeatGrid(times, counts, 60 / PERIOD, 1.0, "file", beats_per_bar=beats_per_bar)
    monkeypatch.setattr("dancecoach.loop.music.read_beats", lambda path: grid)
    for factor in (0.5, 2.0):
        music = Music(write(tmp_path, times), clock, silent=True)
        music.open()
        music.scale_tempo(factor)
        scaled = music.analysed
        assert scaled is not None
        (there,) = scaled.counts[np.isclose(scaled.beat_times, times[cut])].tolist()
        assert there == 1 or (cut % cycle == 0 and there == cycle // 2 + 1)
        ones = scaled.beat_times[scaled.counts == 1]
        assert set(ones).issubset(set(times[np.isin(counts, grid.downbeats)]))
        gaps = np.diff(scaled.beat_times) / (PERIOD / factor)
        assert gaps.min() > 0.99
        assert gaps.max() < 1.51
        music.close()


def test_too_few_beats_are_not_halved(tmp_path: Path, clock: ManualClock) -> None:
    music = Music(write(tmp_path, np.array([1.0, 1.5])), clock, silent=True)
    music.open()
    music.scale_tempo(0.5)
    assert music.analysed is not None
    assert len(music.analysed.beat_times) == 2
    music.play()
    assert music.grid(0.0) is not None
    music.close()


def test_what_was_played_is_recorded_where_it_sounded(music: Music, clock: ManualClock) -> None:
    begin = clock.now()
    music.set_count_in(True)
    music.play()
    clock.advance(8.0)
    start = begin + 8 * PERIOD - FIRST  # eight clicks lead into the first beat
    block = music.sound_between(start - 0.02, start + 0.08, 77)
    assert (block.index, block.sample_rate, block.time) == (77, RECORDED_RATE, start - 0.02)
    assert block.samples.shape == (round(0.1 * RECORDED_RATE), 1)
    expected = 0.5 * np.sin(2 * np.pi * 220 * (np.arange(len(block.samples)) / RECORDED_RATE - 0.02))
    expected[: round(0.02 * RECORDED_RATE)] = 0.0
    assert np.abs(block.samples[:, 0] - expected).max() < 0.05
    music.player.pause()
    clock.advance(1.0)
    silence = music.sound_between(clock.now() - 0.1, clock.now(), 0)
    assert not silence.samples.any()


def test_a_file_that_is_no_music_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"not a song")
    music = Music(path, clock, silent=True)
    with pytest.raises(SourceError):
        music.open()
    music.close()


def test_unreadable_beats_beside_the_music_are_left_out(tmp_path: Path, clock: ManualClock) -> None:
    path = write(tmp_path, np.array([1.0]))
    path.with_suffix(".beats").write_text("one two three", encoding="utf-8")
    music = Music(path, clock, silent=True)
    music.open()
    assert music.analysed is None or music.analysed.confidence < 0.1  # a steady tone has no beat
    music.close()
