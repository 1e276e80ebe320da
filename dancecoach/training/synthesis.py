"""Synthesisers of pitched sounds: basses, plucks, pads, leads, bells and something like a singing voice.

A patch is drawn at random and then plays a whole part. Nearly all sounds are read from single cycles (wavetables)
whose spectra are fixed per pitch, so that nothing aliases, and that fade from a bright to a dark cycle instead of
being filtered in time, which is much cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.signal import butter, sosfilt

from dancecoach.training.kits import RATE, Random, Samples
from dancecoach.training.pieces import Note, Role
from dancecoach.types import Floats

TABLE = 2048  # samples of a single cycle
Engine = Literal["cycle", "pluck", "modulation", "partials", "voice"]

# Formants, Hz, of vowels sung by a man; a woman's and a child's lie higher by a factor.
VOWELS = np.array(
    [
        (700, 1220, 2600, 3300),
        (500, 1750, 2450, 3350),
        (320, 2200, 2900, 3500),
        (450, 850, 2600, 3200),
        (325, 700, 2500, 3250),
        (600, 1500, 2400, 3400),
        (380, 1600, 2200, 3300),
    ],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Patch:
    """The parameters of a sound; what they mean depends a little on the `engine`.

    Times in s: `attack`, `decay`, `release`; `sustain` 0…1. `slope` of the bright spectrum (harmonic k has
    k^-slope), `bright` and `dark` Hz where the two spectra end, `sweep` s how fast bright turns dark
    (0: never), `voices` in unison with `detune` cents, `vibrato` cents at `vibrato_rate` Hz, `glide` s.
    """

    engine: Engine
    attack: float
    decay: float
    sustain: float
    release: float
    slope: float
    odd: float
    bright: float
    dark: float
    sweep: float
    voices: int
    detune: float
    sub: float
    noise: float
    vibrato: float
    vibrato_rate: float
    glide: float
    scoop: float
    monophonic: bool
    ratios: tuple[float, ...]
    weights: tuple[float, ...]
    depth: float
    transpose: int
    seed: int


def draw_patch(role: Role, rng: Random) -> Patch:
    """Return a random patch that suits a `role`."""
    sustained = {"bass": 0.6, "chords": 0.4, "melody": 0.6, "pad": 1.0, "voice": 1.0}.get(role, 0.4)
    held = rng.random() < sustained
    choices: dict[str, tuple[tuple[Engine, float], ...]] = {
        "bass": (("cycle", 0.65), ("pluck", 0.2), ("modulation", 0.15)),
        "chords": (("cycle", 0.45), ("pluck", 0.25), ("modulation", 0.2), ("partials", 0.1)),
        "melody": (("cycle", 0.5), ("pluck", 0.15), ("modulation", 0.15), ("partials", 0.1), ("voice", 0.1)),
        "pad": (("cycle", 0.75), ("partials", 0.1), ("voice", 0.15)),
        "voice": (("voice", 1.0),),
    }
    engines, shares = zip(*choices.get(role, choices["chords"]), strict=True)
    engine: Engine = engines[int(rng.choice(len(engines), p=shares))]
    soft = role == "pad" or (role == "voice" and rng.random() < 0.5)
    attack = float(10 ** rng.uniform(-1.7, -0.2) if soft else 10 ** rng.uniform(-3.2, -1.7))
    partials = int(rng.integers(3, 8))
    metallic = rng.random() < 0.5
    ratios = np.arange(1, partials + 1) if not metallic else np.sort(np.r_[1.0, rng.uniform(1.3, 9, partials - 1)])
    modulators = (0.5, 1.0, 1.0, 2.0, 3.0, 4.0, 1.41, 3.5, 7.0, 14.0)
    return Patch(
        engine=engine,
        attack=attack,
        decay=float(10 ** rng.uniform(-1.2, 0.3)),
        sustain=float(rng.uniform(0.3, 1.0)) if held else 0.0,
        release=float(10 ** rng.uniform(-2.0, -0.3)) if role == "pad" else float(10 ** rng.uniform(-2.2, -0.8)),
        slope=float(rng.choice([0.6, 1.0, 1.0, 1.5, 2.0, 3.0])),
        odd=float(rng.choice([0.0, 0.0, 0.0, 1.0, 0.7])),
        bright=float(10 ** rng.uniform(3.0, 4.3)),
        dark=float(10 ** rng.uniform(2.3, 3.3)),
        sweep=float(rng.choice([0.0, 1.0]) * 10 ** rng.uniform(-1.5, 0.3)),
        voices=int(rng.choice([1, 1, 2, 3, 5, 7])) if role != "bass" else int(rng.choice([1, 1, 1, 2, 3])),
        detune=float(10 ** rng.uniform(0.5, 1.6)),
        sub=float(rng.uniform(0, 0.8)) if rng.random() < 0.3 else 0.0,
        noise=float(10 ** rng.uniform(-3, -1.2)) if rng.random() < 0.3 else 0.0,
        vibrato=float(rng.uniform(5, 60)) if (role == "voice" or rng.random() < 0.3) else 0.0,
        vibrato_rate=float(rng.uniform(3.5, 7.5)),
        glide=float(10 ** rng.uniform(-2.3, -0.9)) if (role == "voice" or rng.random() < 0.3) else 0.0,
        scoop=float(rng.normal(0, 80)) if role == "voice" else 0.0,
        monophonic=role in ("bass", "voice") or (role == "melody" and rng.random() < 0.7),
        ratios=tuple(float(r) for r in ratios) if engine == "partials" else (float(rng.choice(modulators)),),
        weights=tuple(float(w) for w in rng.uniform(0.1, 1.0, partials)),
        depth=float(10 ** rng.uniform(-0.5, 0.9)),
        transpose=int(rng.choice([0, 0, 0, 0, 12, -12])) if role in ("melody", "chords", "pad") else 0,
        seed=int(rng.integers(2**31)),
    )


def _cycle(spectrum: np.ndarray[tuple[int], np.dtype[np.complex128]]) -> Samples:
    """Return a single cycle (TABLE + 1,) of a spectrum, its first sample repeated at the end; RMS 0.3."""
    full = np.zeros(TABLE // 2 + 1, complex)
    count = min(len(spectrum), TABLE // 2 - 1)
    full[1 : count + 1] = spectrum[:count]
    cycle = np.fft.irfft(full)
    cycle *= 0.3 / max(float(np.sqrt(np.mean(cycle**2))), 1e-9)
    return np.append(cycle, cycle[0]).astype(np.float32)


def _cycles(patch: Patch, frequency: float, strength: float) -> tuple[Samples, Samples]:
    """Return the bright and the dark cycle of a patch at a pitch."""
    harmonics = np.arange(1, max(min(int(18000 / frequency), 900), 1) + 1)
    colour = np.random.default_rng(patch.seed)
    amplitudes = harmonics**-patch.slope * np.where(harmonics % 2 == 0, 1 - patch.odd, 1.0)
    bumps = 1 + 0.8 * np.interp(np.log2(harmonics), np.arange(12), colour.uniform(-1, 1, 12))
    phases = np.exp(
        1j * (-np.pi / 2 + (colour.uniform(0, 6.28, 900)[: len(harmonics)] if colour.random() < 0.5 else 0))
    )
    spectrum = amplitudes * bumps * phases
    place = harmonics * frequency
    cutoff = patch.bright * (0.4 + 0.8 * strength)
    bright = spectrum / (1 + (place / cutoff) ** 4)
    dark = spectrum / (1 + (place / (patch.dark * (0.6 + 0.6 * strength) + frequency)) ** 4)
    return _cycle(bright), _cycle(dark)


def _vowel_cycle(frequency: float, vowel: np.ndarray[tuple[int], np.dtype[np.float64]], tilt: float) -> Samples:
    """Return a cycle of the glottis heard through the formants of a vowel."""
    harmonics = np.arange(1, max(min(int(9000 / frequency), 500), 1) + 1)
    place = harmonics * frequency
    response = np.full(len(place), 0.01)
    for index, formant in enumerate(vowel):
        width = 60 + 0.05 * formant
        response = response + 0.7**index / (1 + ((place - formant) / width) ** 2)
    return _cycle(harmonics**-tilt * response * np.exp(-0.5j * np.pi - 0.4j * harmonics))


def _read(phase: Floats, *cycles: Samples) -> tuple[Samples, ...]:
    """Return the samples of each of `cycles` at `phase` (N,), cycles from 0 on."""
    place = phase * TABLE
    index = place.astype(np.int32)
    part = (place - index).astype(np.float32)
    index &= TABLE - 1
    sounds = []
    for cycle in cycles:
        here = cycle[index]
        # The cycle's first sample is repeated at its end, so the next one is always there.
        sounds.append(here + part * (cycle[1:][index] - here))
    return tuple(sounds)


def _envelope(patch: Patch, length: int, held: int) -> Samples:
    """Return attack, decay, sustain and, after `held` samples, release, (length,)."""
    t = np.arange(length, dtype=np.float32) / np.float32(RATE)
    envelope = patch.sustain + (1 - patch.sustain) * np.exp(-t / np.float32(patch.decay))
    envelope *= np.minimum(t / np.float32(patch.attack), 1)
    if held < length:
        fade = np.exp(-t[: length - held] / np.float32(patch.release / 3))
        envelope[held:] *= fade
        tail = min(256, length)
        envelope[-tail:] *= np.linspace(1, 0, tail, dtype=np.float32)
    return np.asarray(envelope, dtype=np.float32)


def _frequency(pitch: float) -> float:
    """Return the frequency of a MIDI pitch, Hz."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def _bend(patch: Patch, length: int, before: float, rng: Random) -> Samples | None:
    """Return the factor on the frequency over a note that `before` semitones lead up to; None when it is 1."""
    if not (patch.vibrato or (patch.glide and before) or patch.scoop):
        return None
    t = np.arange(0, length, 32, dtype=np.float32) / np.float32(RATE)
    cents = np.zeros_like(t)
    if patch.vibrato:
        rate = patch.vibrato_rate * rng.uniform(0.93, 1.07)
        grown = np.clip((t - 0.15) / 0.3, 0, 1)
        cents += patch.vibrato * grown * np.sin(2 * np.pi * rate * t).astype(np.float32)
    if patch.glide and before:
        cents += np.float32(100 * before) * np.exp(-t / np.float32(patch.glide))
    if patch.scoop:
        cents += np.float32(patch.scoop) * np.exp(-t / np.float32(0.05))
        cents += 6 * np.cumsum(rng.standard_normal(len(t), dtype=np.float32)) / 8
    factor = np.exp2(cents / 1200)
    return np.repeat(factor, 32)[:length].astype(np.float32)


def _phase(frequency: float, length: int, bend: Samples | None) -> Floats:
    """Return the phase in cycles, (length,)."""
    if bend is None:
        return np.arange(length, dtype=np.float64) * (frequency / RATE)
    return np.asarray(np.cumsum(bend, dtype=np.float64) * (frequency / RATE))


def _pluck(patch: Patch, frequency: float, length: int, strength: float, rng: Random) -> Samples:
    """Return a plucked string after Karplus and Strong, computed one period at a time."""
    period = max(int(RATE / frequency), 4)
    speed = frequency * period / RATE
    place = rng.uniform(0.08, 0.5)
    burst = rng.uniform(-1, 1, period).astype(np.float32)
    smooth = int(np.clip(period * (1.1 - strength) * 0.08 + 1, 1, period // 2))
    kernel = np.ones(smooth, np.float32) / smooth
    burst = np.convolve(np.r_[burst, burst], kernel, "same")[:period]
    burst -= np.roll(burst, max(int(place * period), 1))
    periods = int(length * speed / period) + 3
    string = np.empty((periods, period), np.float32)
    keep = np.float32(np.exp(-period / (RATE * max(patch.decay, 0.15) * 1.5)))
    share = np.float32(0.5 * np.clip(patch.dark / 2000, 0.2, 1))
    row = burst
    for index in range(periods):
        string[index] = row
        row = keep * ((1 - share) * row + share * np.roll(row, 1))
    flat = string.ravel()
    places = np.arange(length, dtype=np.float64) * speed
    index32 = places.astype(np.int32)
    part = (places - index32).astype(np.float32)
    sound = flat[index32] * (1 - part) + flat[index32 + 1] * part
    return np.asarray(0.6 * sound / max(float(np.abs(sound).max()), 1e-6), dtype=np.float32)


def _note_sound(patch: Patch, pitch: int, held: int, strength: float, before: float, rng: Random) -> Samples:
    """Return one note of a patch; `held` samples until it is let go, `before` semitones the last note lay above."""
    frequency = _frequency(pitch + patch.transpose)
    length = held + int(RATE * min(patch.release, 0.6)) + 256
    if patch.sustain == 0:
        length = min(length, int(RATE * (patch.attack + 5 * patch.decay)) + 256)
    held = min(held, length)
    envelope = _envelope(patch, length, held)
    if patch.engine == "pluck":
        return _pluck(patch, frequency, length, strength, rng) * (
            _envelope(replace(patch, attack=0.0007, sustain=1.0), length, held)
        )
    bend = _bend(patch, length, before, rng)
    t = np.arange(length, dtype=np.float32) / np.float32(RATE)
    if patch.engine == "voice":
        return _sung(patch, frequency, envelope, bend, rng)
    if patch.engine == "modulation":
        phase = _phase(frequency, length, bend)
        index = patch.depth * (0.3 + strength) * np.exp(-t / np.float32(max(patch.sweep, 0.15)))
        ratio = patch.ratios[0] if patch.ratios[0] * frequency < 9000 else 1.0
        sine = _SINE
        modulator = index * _read(ratio * phase, sine)[0] / (2 * np.pi)
        return np.asarray(0.6 * _read(phase + modulator + 16, sine)[0] * envelope, dtype=np.float32)
    if patch.engine == "partials":
        sound = np.zeros(length, np.float32)
        for ratio, weight in zip(patch.ratios, patch.weights, strict=False):
            if ratio * frequency < 16000:
                fade = np.exp(-t * np.float32(ratio / (3 * patch.decay))) if patch.sustain == 0 else np.float32(1)
                sound += np.float32(weight) * _read(_phase(ratio * frequency, length, bend), _SINE)[0] * fade
        return np.asarray(sound * envelope * np.float32(0.6 / sum(patch.weights)), dtype=np.float32)
    bright, dark = _cycles(patch, frequency, strength)
    fade = np.exp(-t / np.float32(patch.sweep)) if patch.sweep else None
    sound = np.zeros(length, np.float32)
    spread = np.linspace(-1, 1, patch.voices) if patch.voices > 1 else np.zeros(1)
    for offset in spread:
        detuned = frequency * 2 ** (offset * patch.detune / 1200)
        phase = _phase(detuned, length, bend)
        if patch.voices > 1:
            phase += rng.random()
        if fade is None:
            sound += _read(phase, bright)[0]
        else:
            high, low = _read(phase, bright, dark)
            sound += low + fade * (high - low)
    sound *= np.float32(1 / np.sqrt(patch.voices))
    if patch.sub:
        sound += np.float32(patch.sub * 0.5) * _read(_phase(frequency / 2, length, bend), _SINE)[0]
    if patch.noise:
        sound += np.float32(patch.noise) * rng.standard_normal(length, dtype=np.float32)
    return np.asarray(sound * envelope, dtype=np.float32)


def _sung(patch: Patch, frequency: float, envelope: Samples, bend: Samples | None, rng: Random) -> Samples:
    """Return a sung syllable: a vowel that turns into another, breath, and often a consonant before it."""
    length = len(envelope)
    colour = np.random.default_rng(patch.seed)
    size = colour.choice([1.0, 1.12, 1.2, 1.3])
    tilt = colour.uniform(0.6, 1.6)
    first, second = rng.integers(0, len(VOWELS), 2)
    phase = _phase(frequency, length, bend)
    begin, end = _read(phase, *(_vowel_cycle(frequency, VOWELS[vowel] * size, tilt) for vowel in (first, second)))
    turn = np.clip(np.linspace(-rng.random(), 1 + rng.random(), length), 0, 1).astype(np.float32)
    sound = begin + turn * (end - begin)
    t = np.arange(0, length, 256)
    shimmer = 1 + 0.06 * rng.standard_normal(len(t) + 1)
    sound *= np.interp(np.arange(length), 256 * np.arange(len(t) + 1), shimmer).astype(np.float32)
    sound += (
        np.float32(colour.uniform(0.002, 0.06))
        * rng.standard_normal(length, dtype=np.float32)
        * (0.3 + np.abs(sound))
    )
    sound = sound * envelope
    if rng.random() < 0.6:
        # Consonants sound before the vowel; the vowel's beginning is what is heard on the note, so keep them short.
        burst = min(int(RATE * rng.uniform(0.01, 0.09)), length)
        low = rng.uniform(800, 5000)
        sos = butter(2, (low, min(low * rng.uniform(1.5, 4), 16000)), "bandpass", fs=RATE, output="sos")
        hiss = sosfilt(sos, rng.standard_normal(burst)) * np.hanning(2 * burst)[burst:]
        sound[:burst] *= np.linspace(rng.uniform(0, 1), 1, burst, dtype=np.float32)
        sound[:burst] += (rng.uniform(0.05, 0.5) * hiss).astype(np.float32)
    return np.asarray(sound, dtype=np.float32)


_SINE = (np.sin(2 * np.pi * np.arange(TABLE + 1) / TABLE)).astype(np.float32)


def play_patch(patch: Patch, notes: Sequence[Note], count: int, rng: Random) -> Samples:
    """Return what a patch plays, (count,) at `RATE`. Notes that repeat are computed once, unless the voice sings."""
    out = np.zeros(count, np.float32)
    cache: dict[tuple[int, int, int, int], Samples] = {}
    previous: int | None = None
    ordered = sorted(notes, key=lambda note: note.start)
    for index, note in enumerate(ordered):
        begin = round(note.start * RATE)
        if begin >= count or begin < 0:
            continue
        duration = note.duration
        if patch.monophonic and index + 1 < len(ordered):
            until = ordered[index + 1].start - note.start
            duration = min(duration, until) if until > 0.01 else duration
        # Durations in steps of 10 ms, so that equal notes are found again.
        step = max(round(duration * 100), 2)
        level = min(note.velocity // 24, 5)
        before = previous - note.pitch if (patch.monophonic and patch.glide and previous is not None) else 0
        previous = note.pitch
        key = (note.pitch, step, level, before)
        sound = cache.get(key)
        if sound is None or patch.engine == "voice":
            sound = _note_sound(patch, note.pitch, step * RATE // 100, (24 * level + 12) / 132, float(before), rng)
            cache[key] = sound
        length = min(len(sound), count - begin)
        out[begin : begin + length] += np.float32((note.velocity / 127) ** 1.3) * sound[:length]
    return out
