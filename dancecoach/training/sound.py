"""Makes pieces sound: instruments, effects, mixing and mastering, all drawn at random.

A network that learns from one synthesiser's sound knows that synthesiser only. So every piece gets other drums,
other instruments, other effects and another master, from dry demo to loud and crowded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from dancecoach.training import effects
from dancecoach.training.effects import convolve, filtered, passes, shelf_or_peak
from dancecoach.training.fonts import SoundFont, find_fonts
from dancecoach.training.kits import (
    KIND_OF_PITCH,
    PITCH_OF_KIND,
    RATE,
    Drum,
    Random,
    Samples,
    Source,
    drum_from,
    find_sources,
    play_drums,
    synthesise_drum,
    vary,
)
from dancecoach.training.pieces import Note, Part, Piece, Role
from dancecoach.training.rooms import crowd, in_a_room, noise, speech
from dancecoach.training.synthesis import draw_patch, play_patch

__all__ = ["Instruments", "crowd", "in_a_room", "noise", "render", "speech"]

# Programs of General MIDI that suit a role.
PROGRAMS: dict[Role, tuple[int, ...]] = {
    "bass": (32, 33, 33, 34, 34, 35, 36, 37, 38, 38, 39, 39, 43, 87, 58),
    "chords": (0, 1, 2, 3, 4, 5, 6, 7, 11, 16, 17, 18, 19, 21, 24, 25, 26, 27, 27, 28, 29, 29, 30, 30, 46, 48, 50, 61)
    + (62, 63, 80, 81, 88, 90, 104),
    "melody": (
        0,
        4,
        9,
        11,
        12,
        13,
        22,
        24,
        25,
        26,
        27,
        29,
        30,
        40,
        42,
        45,
        46,
        53,
        56,
        57,
        59,
        60,
        64,
        65,
        66,
        68,
        71,
    )
    + (72, 73, 75, 78, 79, 80, 80, 81, 81, 82, 84, 85, 87, 98, 104, 105, 107, 108, 114),
    "pad": (16, 18, 19, 44, 48, 48, 49, 50, 51, 52, 54, 60, 61, 88, 89, 90, 91, 92, 93, 94, 95),
    "voice": (52, 53, 53, 54, 85, 91, 64, 65, 66, 56, 73, 80, 81),
}
GUITARS = range(24, 32)
DISTORTED = (29, 30)
LOUD_STYLES = ("rock", "metal", "punk", "grunge", "hardcore", "djent", "thrash")
ELECTRONIC_STYLES = (
    "house",
    "techno",
    "trance",
    "electro",
    "edm",
    "dubstep",
    "drum and bass",
    "synth",
    "chip",
    "rave",
)
# How loud the roles are against each other before chance has its way, dB.
ROLE_LEVELS: dict[Role, float] = {
    "drums": 0, "percussion": -6, "bass": -2, "chords": -5, "melody": -4, "pad": -8, "voice": -2,
}  # fmt: skip


class Instruments:
    """The sound fonts and drum sounds of this system and of the folder `data`, found once per process.

    With `held_out` only those reserved for validation and test, without it never those. What is missing is replaced
    by synthesis, which both kinds share.
    """

    def __init__(self, data: Path | None, held_out: bool) -> None:
        self.held_out = held_out
        self.sources: list[Source] = find_sources(data, held_out)
        self.fonts: list[SoundFont] = find_fonts(held_out)

    def kit(self, kinds: Sequence[str], rng: Random, style: str = "") -> dict[str, Drum]:
        """Return a random drum for each of `kinds`: a kit of one source, or a mixture."""
        electronic = _is(style, ELECTRONIC_STYLES)
        shares = np.array([0.2, 0.22, 0.26, 0.22, 0.1]) if not electronic else np.array([0.12, 0.28, 0.16, 0.34, 0.1])
        way = str(rng.choice(["one kit", "mixed", "font", "synthesised", "any"], p=shares / shares.sum()))
        rich = [source for source in self.sources if {"kick", "snare", "closed_hat"} <= set(source.drums)]
        only = [rich[int(rng.integers(len(rich)))]] if way == "one kit" and rich else self.sources
        fonts = [font for font in self.fonts if font.drum_kits]
        font = fonts[int(rng.integers(len(fonts)))] if fonts else None
        preset = font.drum_kits[int(rng.integers(len(font.drum_kits)))] if font else (0, 0)
        kit = {}
        for kind in kinds:
            this_way = str(rng.choice(["mixed", "font", "synthesised"])) if way == "any" else way
            drum = None
            if this_way == "font" and font is not None:
                drum = vary(font.drum(*preset, PITCH_OF_KIND[kind]), rng)
            elif this_way in ("one kit", "mixed"):
                drum = drum_from(only, kind, rng) or drum_from(self.sources, kind, rng)
            kit[kind] = drum or synthesise_drum(kind, rng)
            if kind in ("kick", "snare", "clap") and rng.random() < 0.15:
                kit[kind] = _layered(kit[kind], synthesise_drum(kind, rng), rng.uniform(0.2, 0.8))
        return kit

    def melodic_font(self, rng: Random) -> SoundFont | None:
        """Return a random sound font that has the instruments of General MIDI."""
        fonts = [font for font in self.fonts if font.melodic]
        return fonts[int(rng.integers(len(fonts)))] if fonts else None


def _is(style: str, words: Sequence[str]) -> bool:
    return any(word in style.lower() for word in words)


def _layered(first: Drum, second: Drum, share: float) -> Drum:
    """Return two drums struck at once."""
    layers = []
    for index, layer in enumerate(first.layers):
        other = second.layers[min(index, len(second.layers) - 1)]
        both = np.zeros(max(len(layer), len(other)), np.float32)
        both[: len(layer)] += layer
        both[: len(other)] += np.float32(share) * other
        layers.append(both)
    return Drum(tuple(layers))


def _loudness(samples: Samples) -> float:
    """Return the RMS of the louder parts: silence between notes does not count."""
    size = 4096
    count = len(samples) // size
    if not count:
        return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    power = np.mean(np.square(samples[: count * size].reshape(count, size)), axis=1)
    power = power[power > 1e-3 * power.max(initial=0.0)]
    return float(np.sqrt(np.mean(power))) if len(power) else 0.0


def _gain(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def _jittered(notes: Sequence[Note], rng: Random, spread: float) -> list[Note]:
    """Return notes as a second player plays them: within about `spread` s of the first."""
    shifts = rng.normal(0, spread, len(notes))
    return [
        replace(
            note,
            start=max(note.start + float(shift), 0.0),
            velocity=int(np.clip(note.velocity + 300 * shift, 1, 127)),
        )
        for note, shift in zip(notes, shifts, strict=True)
    ]


def _play_once(
    part: Part, program: int | None, count: int, instruments: Instruments, synth: float, rng: Random
) -> Samples:
    """Return a melodic part played by one instrument: a sound font's or, with the chance `synth`, a synthesiser's."""
    font = instruments.melodic_font(rng)
    if font is None or rng.random() < synth:
        return play_patch(draw_patch(part.role, rng), part.notes, count, rng)
    if program is None:
        programs = PROGRAMS.get(part.role, PROGRAMS["chords"])
        program = int(programs[int(rng.integers(len(programs)))])
    played = font.play(part.notes, program, count)
    return (
        played
        if np.abs(played).max(initial=0.0) > 1e-5
        else play_patch(draw_patch(part.role, rng), part.notes, count, rng)
    )


def _melodic(part: Part, style: str, count: int, instruments: Instruments, rng: Random) -> Samples:
    """Return a melodic part with its instrument, doubled or distorted where chance or the style wants it."""
    program = part.program if rng.random() < 0.75 else None
    synth = {"bass": 0.45, "chords": 0.35, "melody": 0.4, "pad": 0.45, "voice": 0.7}.get(part.role, 0.4)
    if program is not None:
        synth = 0.2 if part.role != "voice" else 0.5
    if _is(style, ELECTRONIC_STYLES):
        synth += 0.2
    loud = _is(style, LOUD_STYLES)
    heavy = (part.program in DISTORTED and rng.random() < 0.75) or (
        part.role in ("chords", "melody") and rng.random() < (0.5 if loud else 0.06)
    )
    if heavy:
        clean = int(rng.choice([25, 26, 27, 27, 28, 29, 30, 30]))
        sound = _play_once(part, clean, count, instruments, 0.25, rng)
        if rng.random() < 0.6:  # the second take of the same guitar
            second = replace(part, notes=tuple(_jittered(part.notes, rng, 0.003)))
            again = _play_once(second, clean, count, instruments, 0.25, rng)
            return effects.amplifier(sound, rng) + _matched(effects.amplifier(again, rng), sound)
        return effects.amplifier(sound, rng)
    sound = _play_once(part, program, count, instruments, synth, rng)
    if rng.random() < 0.18:
        other = _play_once(part, None, count, instruments, 0.5, rng)
        sound = sound + _gain(rng.uniform(-12, 0)) * _matched(other, sound)
    if part.role == "bass" and rng.random() < (0.4 if loud else 0.15):
        sound = effects.saturate(sound, rng.uniform(2, 15), int(rng.integers(3)))
    return sound


def _matched(samples: Samples, reference: Samples) -> Samples:
    """Return `samples` as loud as `reference`."""
    return samples * np.float32(_loudness(reference) / max(_loudness(samples), 1e-6))


def _beat(piece: Piece) -> float:
    """Return the usual time between beats, s."""
    return float(np.median(np.diff(piece.beat_times))) if len(piece.beat_times) > 1 else 0.5


def _part_effects(sound: Samples, role: Role, beat: float, offset: float, kicks: Samples, rng: Random) -> Samples:
    """Return a part through a random chain of effects."""
    drums = role in ("drums", "percussion")
    if rng.random() < 0.7:
        bands = effects.random_equaliser(rng, RATE)
        sound = filtered(sound, *bands)
    if not drums and role != "bass" and rng.random() < 0.4:
        sound = filtered(sound, passes("high", rng.uniform(80, 400), RATE, 1))
    if rng.random() < (0.45 if drums or role in ("bass", "voice") else 0.25):
        attack = 10 ** rng.uniform(-3, -1.5)
        sound = effects.compress(sound, rng.uniform(-30, -6), rng.uniform(1.5, 10), attack, rng.uniform(0.04, 0.4))
    if rng.random() < (0.25 if drums else 0.15):
        sound = effects.saturate(sound, 10 ** rng.uniform(0, 1), int(rng.choice([0, 0, 0, 1, 2, 3])))
    if not drums and rng.random() < 0.16:
        sound = effects.chorus(sound, rng) if rng.random() < 0.75 else effects.phaser(sound, rng)
    if rng.random() < (0.03 if drums or role == "bass" else 0.2):
        delay = beat * float(rng.choice([0.25, 0.5, 0.75, 1, 1.5])) if rng.random() < 0.6 else rng.uniform(0.06, 0.7)
        level = rng.uniform(0.05, 0.45)
        sound = effects.echo(sound, delay, rng.uniform(0.1, 0.6), level, rng.uniform(1500, 9000))
    if not drums and len(kicks) and rng.random() < 0.15:
        sound = sound * effects.duck(len(sound), kicks, rng)
    if rng.random() < 0.05:
        sound = effects.sweep(sound, rng)
    if role in ("pad", "chords") and rng.random() < 0.04:
        sound = effects.gate(sound, beat * float(rng.choice([0.25, 0.5])), offset, rng)
    if rng.random() < 0.02:
        sound = effects.crush(sound, rng)
    return sound


def _drum_stem(part: Part, piece: Piece, count: int, instruments: Instruments, rng: Random) -> Samples:
    """Return a part of drums, the kick and the rest treated apart."""
    kinds = sorted({KIND_OF_PITCH.get(note.pitch, "rim") for note in part.notes})
    rest, kick = play_drums(part.notes, instruments.kit(kinds, rng, piece.style), count, rng)
    if rng.random() < 0.15:
        other_rest, other_kick = play_drums(part.notes, instruments.kit(kinds, rng, piece.style), count, rng)
        share = _gain(rng.uniform(-12, 0))
        rest, kick = rest + share * other_rest, kick + share * other_kick
    if rng.random() < 0.4:
        kick = filtered(kick, *effects.random_equaliser(rng, RATE))
    if rng.random() < 0.3:  # a short room on everything but the kick
        response = effects.reverb_response(rng, RATE, 0.5)
        rest = rest + _gain(rng.uniform(-22, -6)) * convolve(rest, response)
    return rest + kick


def _master(mix: Samples, piece: Piece, rng: Random) -> Samples:
    """Return the finished mix: equaliser, compression, saturation, limiting, noises of old media, fades, level."""
    if rng.random() < 0.6:
        tilt = rng.normal(0, 3)
        mix = filtered(mix, shelf_or_peak("low", 150, -tilt, RATE), shelf_or_peak("high", 4000, tilt, RATE))
    way = rng.random()
    if way < 0.25:
        mix = effects.multiband(mix, rng)
    elif way < 0.55:
        mix = effects.compress(mix, rng.uniform(-18, -4), rng.uniform(1.5, 4), rng.uniform(0.005, 0.05), 0.2)
    if rng.random() < 0.15:
        mix = effects.saturate(mix, 10 ** rng.uniform(0, 0.8), int(rng.choice([0, 0, 1])))
    mix = effects.limit(mix, 10 ** (rng.choice([0.0, rng.uniform(0, 6), rng.uniform(3, 14)]) / 20))
    if rng.random() < 0.3:
        mix = filtered(mix, passes("low", rng.uniform(11000, 16000), RATE, 4))
    if rng.random() < 0.04:  # a telephone, an old radio, a tune out of a game
        mix = filtered(mix, passes("high", rng.uniform(150, 400), RATE), passes("low", rng.uniform(3000, 7000), RATE))
    if rng.random() < 0.03:
        mix = effects.crush(mix, rng)
    if rng.random() < 0.07:
        mix = mix + _old_medium(len(mix), rng)
    if rng.random() < 0.08:
        length = min(int(RATE * rng.uniform(0.5, 3)), len(mix))
        mix[:length] *= np.linspace(rng.uniform(0, 0.3), 1, length, dtype=np.float32)
    if rng.random() < 0.1:
        length = min(int(RATE * rng.uniform(1, 6)), len(mix))
        mix[-length:] *= np.linspace(1, 0, length, dtype=np.float32)
    mix = effects.clip_to_one(mix)
    if rng.random() < 0.05:
        mix = effects.through_codec(np.float32(0.95) * mix, rng)
    level = rng.choice([0.0, -rng.uniform(0, 6), -rng.uniform(0, 30)], p=[0.3, 0.4, 0.3])
    return effects.clip_to_one(mix) * _gain(float(level))


def _old_medium(count: int, rng: Random) -> Samples:
    """Return the crackle of vinyl or the hiss of tape, (count,)."""
    hiss = _gain(-rng.uniform(40, 60)) * rng.standard_normal(count, dtype=np.float32)
    clicks = np.zeros(count, np.float32)
    number = rng.poisson(rng.uniform(2, 25) * count / RATE)
    clicks[rng.integers(0, max(count, 1), number)] = rng.normal(0, 1, number) * 10 ** rng.uniform(-2, -0.7)
    return hiss + filtered(clicks, passes("low", 6000, RATE, 1))


def _role_gain(role: Role, mood: float, rng: Random) -> float:
    """Return a part's level, dB; `mood` is how far the drums stand out."""
    own = mood if role in ("drums", "percussion") else 0.0
    return ROLE_LEVELS.get(role, -5) + own + rng.normal(0, 3)


def render(piece: Piece, rng: Random, instruments: Instruments, sample_rate: int = RATE) -> Samples:
    """Return a piece as sound, (round(duration · sample_rate),), peak at most 1; onsets are where notes start.

    The same for the same state of `rng`, but for inaudible differences that come from FluidSynth's voices.
    """
    count = max(round(piece.duration * RATE), 1)
    parts = [part for part in piece.parts if part.notes]
    beat = _beat(piece)
    offset = float(piece.beat_times[0]) if len(piece.beat_times) else 0.0
    kicks = np.array(
        [
            note.start
            for part in parts
            if part.role == "drums"
            for note in part.notes
            if KIND_OF_PITCH.get(note.pitch) == "kick"
        ],
        dtype=np.float32,
    )
    mix = np.zeros(count, np.float32)
    sends = [np.zeros(count, np.float32) for _ in range(int(rng.choice([0, 1, 1, 2])))]
    mood = rng.normal(0, 4.5)
    # A dry production sends little to its reverbs, a washed-out one much.
    wetness = rng.uniform(-28, -8)
    for part in parts:
        if part.role in ("drums", "percussion"):
            sound = _drum_stem(part, piece, count, instruments, rng)
        else:
            sound = _melodic(part, piece.style, count, instruments, rng)
        loudness = _loudness(sound)
        if loudness < 1e-7:
            continue
        sound = _part_effects(sound * np.float32(0.1 / loudness), part.role, beat, offset, kicks, rng)
        sound = sound * (_gain(_role_gain(part.role, mood, rng)) * np.float32(0.1 / max(_loudness(sound), 1e-6)))
        mix += sound
        for send in sends:
            low = part.role in ("drums", "bass", "percussion")
            if rng.random() < 0.6:
                send += _gain(wetness + rng.normal(0, 5) - (8 if low else 0)) * sound
    for send in sends:
        mix += convolve(send, effects.reverb_response(rng))
    if rng.random() < 0.1:  # somebody raps, talks or shouts over it, in no relation to the beat
        words = speech(rng, count / RATE, RATE, talkers=1)[:count]
        words = effects.compress(words, -20, 4, 0.005, 0.1)
        mix += _gain(rng.uniform(-18, 0)) * _matched(words, mix)
    if rng.random() < 0.03:
        mix += _gain(rng.uniform(-30, -10)) * _matched(crowd(rng, count / RATE, RATE)[:count], mix)
    mix = _master(np.asarray(mix, dtype=np.float32), piece, rng)
    if sample_rate != RATE:
        common = int(np.gcd(sample_rate, RATE))
        mix = resample_poly(mix, sample_rate // common, RATE // common)
        wanted = round(piece.duration * sample_rate)
        mix = np.pad(mix, (0, max(wanted - len(mix), 0)))[:wanted]
    return effects.clip_to_one(np.asarray(mix, dtype=np.float32))
