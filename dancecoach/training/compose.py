"""Pieces to train with: composed from grammars of styles, over human drummers, from pop songs."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from dancecoach.training.composing_form import compose_score, drum_parts, make_sections, tuned_parts
from dancecoach.training.composing_harmony import Harmony
from dancecoach.training.composing_lines import bass_line
from dancecoach.training.composing_score import Score, Track, perform
from dancecoach.training.composing_tempo import beat_grid, draw_kind
from dancecoach.training.grooves import Grooves, Take
from dancecoach.training.pieces import Note, Part, Piece, Role, Split
from dancecoach.training.songs import Song, Songs
from dancecoach.training.styles import BY_NAME, MALLETS, ORGANS, PADS, PIANOS, REEDS, STRINGS, Style
from dancecoach.types import Floats

HUMAN_DRUMS = "human drums"
POP_SONG = "pop song"
POP_SONG_WITHOUT_DRUMS = "pop song without drums"

# What is drawn when no style is asked for: composed styles by their own weights, these beside them.
_COMPOSED_SHARE = 0.62
_OTHERS = {HUMAN_DRUMS: 0.16, POP_SONG_WITHOUT_DRUMS: 0.10, POP_SONG: 0.12}

STYLES: tuple[str, ...] = (*BY_NAME, *_OTHERS)

# Sets of real beats that tempo curves are taken from: popular and dance music with bars of beats people tapped.
_CURVE_SETS = frozenset(
    (
        "ballroom",
        "beatles",
        "gtzan",
        "guitarset",
        "hainsworth",
        "harmonix",
        "hjdb",
        "jaah",
        "simac",
        "tapcorrect",
    )
)
_GAP_CHANCE, _SPLICE_CHANCE = 0.06, 0.05


class Corpus:
    """Real material in a folder of data, read when it is first wanted.

    Parameters
    ----------
    data : Path
        Folder with ``music/groove_midi``, ``music/pop909`` and ``music/beat_annotations``; the absent is not used.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.grooves = Grooves(data / "music" / "groove_midi")
        self.songs = Songs(data / "music" / "pop909")
        self._beats: dict[Split, list[Take]] = {}
        self._numbers: dict[Split, list[int]] = {}

    @property
    def has_grooves(self) -> bool:
        """True if there are human drummers."""
        return (self.grooves.folder / "info.csv").is_file()

    @property
    def has_songs(self) -> bool:
        """Whether there are pop songs."""
        return self.songs.folder.is_dir()

    def takes(self, split: Split) -> list[Take]:
        """Return the drummers' whole beats of a split."""
        if split not in self._beats:
            self._beats[split] = self.grooves.beats(split)
        return self._beats[split]

    def song(self, rng: random.Random, split: Split) -> Song:
        """Return a random song of a split whose bars are certain."""
        if split not in self._numbers:
            self._numbers[split] = self.songs.of_split(split)
        while True:
            song = self.songs.song(rng.choice(self._numbers[split]))
            if song is not None:
                return song

    @cached_property
    def curves(self) -> dict[Split, list[Floats]]:
        """Relative intervals of real beats (their middle is 1), slightly smoothed, by split."""
        curves: dict[Split, list[Floats]] = {"train": [], "validation": [], "test": []}
        archive = self.data / "music" / "beat_annotations" / "beat_this_annotations.tar.gz"
        if not archive.is_file():
            return curves
        with tarfile.open(archive) as tar:
            for index, member in enumerate(sorted(tar.getmembers(), key=lambda entry: entry.name)):
                if not member.name.endswith(".beats") or member.name.split("/")[0] not in _CURVE_SETS:
                    continue
                stream = tar.extractfile(member)
                times = (
                    np.array([float(line.split()[0]) for line in stream.read().split(b"\n") if line.strip()])
                    if stream
                    else np.zeros(0)
                )
                curve = _relative_intervals(times)
                if curve is not None:
                    curves["validation" if index % 10 == 8 else "test" if index % 10 == 9 else "train"].append(curve)
        return curves


def _relative_intervals(times: Floats) -> Floats | None:
    """Intervals over their median, without the taps' own unsteadiness; None where beats were left out or doubled."""
    if len(times) < 33:
        return None
    steps = np.diff(times)
    steps = steps / np.median(steps)
    padded = np.pad(steps, 1, mode="edge")
    smooth = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    if smooth.min() < 0.6 or smooth.max() > 1.6 or np.abs(np.diff(np.log(smooth))).max() > 0.22:
        return None
    return np.asarray(smooth, dtype=np.float64)


def compose(
    rng: np.random.Generator, corpus: Corpus, split: Split, style: str | None = None, duration: float = 40.0
) -> Piece:
    """Make a piece.

    Parameters
    ----------
    rng : numpy Generator
        Source of chance: equal states make equal pieces.
    corpus : Corpus
        Real drummers, songs and tempo curves.
    split : {"train", "validation", "test"}
        Which of them may be used.
    style : str, optional
        One of `STYLES`; drawn by weight if None.
    duration : float
        Of the piece, s.

    Returns
    -------
    Piece
        All notes lie within the duration; beats are annotated while music is heard.
    """
    chance = random.Random(int(rng.integers(2**62)))
    piece = _one(chance, corpus, split, style or _draw(chance, corpus), duration)
    if chance.random() < _SPLICE_CHANCE and duration >= 20:
        for _ in range(8):
            other = _one(chance, corpus, split, _draw(chance, corpus), duration)
            if other.beats_per_bar == piece.beats_per_bar and other.source in ("composed", piece.source):
                return _splice(chance, piece, other)
    return piece


def _draw(rng: random.Random, corpus: Corpus) -> str:
    others = {
        name: weight
        for name, weight in _OTHERS.items()
        if (corpus.has_grooves if name == HUMAN_DRUMS else corpus.has_songs)
    }
    if rng.random() < _COMPOSED_SHARE or not others:
        return rng.choices(list(BY_NAME), [style.weight for style in BY_NAME.values()])[0]
    return rng.choices(list(others), list(others.values()))[0]


def _one(rng: random.Random, corpus: Corpus, split: Split, name: str, duration: float) -> Piece:
    if name == HUMAN_DRUMS:
        score, bpm = _over_drummer(rng, corpus, split, duration)
        return _play(rng, corpus, split, score, bpm, duration)
    if name in (POP_SONG, POP_SONG_WITHOUT_DRUMS):
        return _pop_song(rng, corpus, split, name, duration)
    style = BY_NAME[name]
    bpm = np.exp(rng.uniform(np.log(style.tempo[0]), np.log(style.tempo[1])))
    score = compose_score(rng, style, _beats_needed(bpm, duration))
    return _play(rng, corpus, split, score, float(bpm), duration)


def _beats_needed(bpm: float, duration: float) -> int:
    """Beats of a score that surely suffices: entering late, and played faster than meant."""
    return int(duration * bpm / 60 * 1.5) + 40


def _play(
    rng: random.Random,
    corpus: Corpus,
    split: Split,
    score: Score,
    bpm: float,
    duration: float,
    grid: Floats | None = None,
) -> Piece:
    """Perform a score from a random place of its first bars, with a tempo and perhaps a gap."""
    bar = score.beats_per_bar
    events: tuple[tuple[float, str], ...] = ()
    begin = bar * rng.randrange(0, 7)
    where = rng.random()
    start = (
        float(begin) if where < 0.55 else begin + rng.randrange(bar) if where < 0.85 else begin + rng.uniform(0, bar)
    )
    if grid is None:
        kind = draw_kind(rng)
        curves = corpus.curves[split] if kind == "curve" else []
        curve = None
        if curves:
            whole = rng.choice(curves)
            first = rng.randrange(max(len(whole) - 48, 1))
            curve = np.concatenate((whole[first:], whole[first:][::-1]))
        grid, events = beat_grid(rng, kind, bpm, score.beats, bar, curve, int(start))
    gap = None
    if rng.random() < _GAP_CHANCE:
        length = max(round(rng.uniform(2.2, 6.0) * bpm / 60), 1)
        latest = int(start + (duration - 10) * bpm / 60 - length)
        first_beat = int(start) + 8
        if latest > first_beat:
            at = rng.randrange(first_beat, latest)
            gap = (at, at + length)
            if rng.random() < 0.35 and gap[1] + 1 < len(grid):
                # Music comes back with another tempo, or off the old grid.
                grid = grid.copy()
                grid[gap[1] :] = (
                    grid[gap[1]] + (grid[gap[1] :] - grid[gap[1]]) * rng.uniform(0.85, 1.2) + rng.uniform(0.0, 0.5)
                )
                events = (*events, (float(grid[gap[1]]), "tempo"))
    lead_in = rng.choice((0.0, 0.0, 0.0, rng.uniform(0.0, 2.0)))
    return perform(rng, score, grid, start, lead_in, duration, gap, events)


_LIKE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("purdie", ("shuffle",)),
    ("shuffle", ("shuffle",)),
    ("swing", ("swing",)),
    ("jazz/funk", ("funk",)),
    ("jazz", ("swing", "rnb", "funk")),
    ("neworleans", ("funk", "shuffle")),
    ("hiphop", ("hiphop", "rnb")),
    ("soul", ("rnb", "funk", "pop", "disco")),
    ("funk", ("funk",)),
    ("punk", ("punk",)),
    ("reggae", ("reggae",)),
    ("country", ("country",)),
    ("gospel", ("rnb", "funk")),
    ("afrobeat", ("afrobeat",)),
    ("highlife", ("afrobeat",)),
    ("samba", ("samba",)),
    ("bossa", ("bossa nova",)),
    ("latin", ("samba", "bossa nova", "cumbia", "funk")),
    ("afrocuban", ("cha-cha", "afrobeat", "funk")),
    ("disco", ("disco", "house")),
    ("dance", ("breaks", "disco", "edm")),
    ("blues", ("shuffle",)),
    ("pop", ("pop", "ballad", "eighties pop")),
    ("halftime", ("rock", "pop", "hiphop")),
    ("indie", ("indie",)),
    ("prog", ("rock", "metal")),
    ("rock", ("rock", "rock", "indie", "pop", "metal")),
)


def _over_drummer(rng: random.Random, corpus: Corpus, split: Split, duration: float) -> tuple[Score, float]:
    """Return a human drummer's take with composed parts on top, and its tempo."""
    takes = corpus.takes(split)
    scale = rng.uniform(0.85, 1.15) if rng.random() < 0.7 else 1.0
    while True:
        take = rng.choice(takes)
        if not corpus.grooves.usable(take):
            continue
        track, length = corpus.grooves.play(rng, take, _beats_needed(take.bpm * scale, duration))
        if track.events:
            break
    bar = take.beats_per_bar
    names = next((names for word, names in _LIKE if word in take.style), ("rock", "pop"))
    style = replace(BY_NAME[rng.choice(names)], beats_per_bar=bar)
    tracks = [track]
    if rng.random() > 0.15:
        sections = [
            replace(section, kind="full" if rng.random() < 0.85 else "drums")
            for section in make_sections(rng, length // bar)
        ]
        kicks = [
            sorted(
                {
                    round((event[0] % bar) * 4) / 4
                    for event in track.events
                    if event[2] in (35, 36) and event[0] // bar == number
                }
            )
            for number in (0, 1)
        ]
        tuned, _ = tuned_parts(rng, style, sections, [[p for p in kick if p < bar] for kick in kicks if kick])
        tracks += tuned
    return Score(HUMAN_DRUMS, f"groove {take.drummer}", length, bar, tracks), take.bpm * scale


_SONG_DRUMS = (
    "pop",
    "pop",
    "eighties pop",
    "ballad",
    "rock",
    "indie",
    "house",
    "disco",
    "hiphop",
    "rnb",
    "edm",
    "reggaeton",
    "funk",
    "drum and bass",
    "bossa nova",
)
_KEYS = (*PIANOS, *PIANOS, 24, 25, 26, *STRINGS, *ORGANS, *MALLETS, 46, *PADS)


def _pop_song(rng: random.Random, corpus: Corpus, split: Split, name: str, duration: float) -> Piece:
    """Play a pop song's arrangement by other instruments, with or without drums."""
    song = corpus.song(rng, split)
    scale = rng.uniform(0.85, 1.2)
    grid = (song.beat_times - song.beat_times[0]) / scale
    bars = (len(grid) - 1) // 4
    drums = name == POP_SONG
    transpose = rng.randrange(-5, 6)

    def track(role: Role, events: Iterable[Sequence[float]], programs: tuple[int, ...] | None) -> Track:
        moved = [(p, n, int(pitch) + transpose, v, s) for p, n, pitch, v, s in events]
        return Track(
            role,
            rng.choice(programs) if programs else None,
            moved,
            swung=False,
            jitter=rng.choice((0.0, 0.003, 0.006)),
        )

    tracks: list[Track] = []
    if rng.random() < 0.93:
        whole = song.piano.tolist()
        thin = whole if rng.random() < 0.7 else [event for event in whole if event[2] < 58 or rng.random() < 0.7]
        tracks.append(track("chords", thin, _KEYS if rng.random() < 0.6 else PIANOS))
    if rng.random() < 0.75 or not tracks:
        tracks.append(
            track(
                "voice" if rng.random() < 0.55 else "melody",
                song.melody.tolist(),
                (*REEDS, *PIANOS, 40, 41, 27, 26, 73) if rng.random() < 0.6 else None,
            )
        )
    if rng.random() < 0.65:
        tracks.append(
            track(
                "pad" if rng.random() < 0.4 else "melody",
                song.bridge.tolist(),
                (*STRINGS, *PADS, *PIANOS, *MALLETS, 24, 25, 73),
            )
        )
    harmony = Harmony(0, (0, 2, 4, 5, 7, 9, 11), song.chords)
    style: Style = BY_NAME[rng.choice(_SONG_DRUMS)]
    kicks: list[list[float]] = []
    if drums:
        sections = [
            replace(s, kind="full") if s.kind in ("kick", "percussion", "drums") else s
            for s in make_sections(rng, bars)
        ]
        kit, percussion, kicks = drum_parts(rng, style, sections)
        tracks += [kit, percussion]
    if rng.random() < (0.75 if drums else 0.35):
        how = (
            rng.choice(("long", "follow", "eighths", "quarters", *style.bass))
            if drums
            else rng.choice(("long", "quarters", "long"))
        )
        tracks.append(
            track("bass", bass_line(rng, how, harmony, range(1, bars - 1), 4, 4, kicks), (32, 33, 34, 35, 38, 39))
        )
    if rng.random() < 0.25:
        held = [
            (c.start, c.end - c.start, 48 + (note - 48) % 12 + 12 * rng.randrange(2), 64.0, 0.0)
            for c in song.chords
            for note in c.notes
        ]
        tracks.append(track("pad", held, (*PADS, *STRINGS)))
    score = Score(name, f"pop909 {song.number:03d}", len(grid) - 1, 4, tracks)
    if rng.random() < 0.25:
        other = draw_kind(rng)
        if other in ("drift", "curve", "jump", "loose"):
            begin = 4 * rng.randrange(max(bars - int(duration * song.bpm / 240) - 12, 1))
            return _play(rng, corpus, split, _later(score, begin), song.bpm * scale, duration)
    # The song's own tempo, from any place of it that leaves enough.
    latest = int(np.searchsorted(grid, grid[-1] - duration - 30))
    begin = 4 * rng.randrange(max(latest // 4, 1))
    score = _later(score, begin)
    return _play(rng, corpus, split, score, song.bpm * scale, duration, grid[begin:])


def _later(score: Score, begin: int) -> Score:
    """Return the score from a downbeat on."""
    for track in score.tracks:
        track.events = [(p - begin, n, pitch, v, s) for p, n, pitch, v, s in track.events if p >= begin - 0.1]
    score.beats -= begin
    return score


def _splice(rng: random.Random, one: Piece, other: Piece) -> Piece:
    """Another piece after the first, at once or after a pause: what happens when a track ends or is skipped."""
    duration = one.duration
    cut = rng.uniform(0.35, 0.65) * duration
    pause = 0.0 if rng.random() < 0.5 else rng.uniform(2.2, 5.0)
    if rng.random() < 0.5 and len(one.beat_times):
        cut = float(one.beat_times[np.argmin(np.abs(one.beat_times - cut))]) - 0.01
    if not len(other.beat_times):
        return one
    shift = cut + pause + 0.02 - min(part.notes[0].start for part in other.parts)
    parts = [
        Part(
            p.role,
            tuple(
                Note(n.start, min(n.duration, cut - n.start), n.pitch, n.velocity)
                for n in p.notes
                if n.start < cut - 0.02
            ),
            p.program,
        )
        for p in one.parts
    ]
    parts += [
        Part(
            p.role,
            tuple(
                Note(n.start + shift, min(n.duration, duration - n.start - shift), n.pitch, n.velocity)
                for n in p.notes
                if n.start + shift < duration - 0.01
            ),
            p.program,
        )
        for p in other.parts
    ]
    second = (other.beat_times + shift >= 0) & (other.beat_times + shift < duration)
    # A beat that the cut leaves no time to hear is none.
    first = one.beat_times < min(cut - 0.005, float(other.beat_times[0]) + shift - 0.25)
    events = [(t, kind) for t, kind in one.events if t < cut] + [
        (t + shift, kind) for t, kind in other.events if t + shift < duration
    ]
    events += [(cut, "gap"), (cut + pause, "music")] if pause else []
    events.append((cut + pause, "tempo"))
    return Piece(
        f"{one.style} | {other.style}",
        one.source if one.source != "composed" else other.source,
        duration,
        np.concatenate((one.beat_times[first], other.beat_times[second] + shift)),
        np.concatenate((one.beats_in_bar[first], other.beats_in_bar[second])),
        one.beats_per_bar,
        tuple(part for part in parts if part.notes),
        tuple(sorted(events)),
    )
