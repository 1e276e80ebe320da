"""The demo's music: drums, bass and chords from a few lines of numpy, so that it is ours and its beats are exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.types import Floats

RATE = 44_100
_ROOTS = (45, 41, 48, 43)  # A minor, F, C, G: MIDI notes of the bass
_CHORDS = ((57, 60, 64), (57, 60, 65), (55, 60, 64), (55, 59, 62))


def tune(tempo: float, bars: int, lead: float = 0.0) -> tuple[NDArray[np.float32], Floats]:
    """Return mono samples (N,) at 44,100 Hz and the beat times (B,) s of `bars` bars of four at `tempo` BPM.

    The first beat sounds at `lead` s.
    """
    period = 60.0 / tempo
    beats = lead + period * np.arange(bars * 4)
    random = np.random.default_rng(5)
    out = np.zeros(int((beats[-1] + 2 * period) * RATE) + RATE // 2)

    def add(time: float, sound: Floats, level: float) -> None:
        first = round(time * RATE)
        out[first : first + len(sound)] += level * sound[: len(out) - first]

    kick, snare, hat = _kick(), _snare(random), _hat(random)
    for index, time in enumerate(beats.tolist()):
        bar, beat = divmod(index, 4)
        add(time, kick if beat in (0, 2) else snare, 0.9 if beat in (0, 2) else 0.55)
        if beat == 2 and bar % 2:
            add(time + 0.75 * period, kick, 0.6)
        for half in (0.0, 0.5):
            add(time + half * period, hat, 0.16 if half else 0.22)
        root = _ROOTS[bar % 4]
        for half, note in ((0.0, root), (0.5, root + (12 if beat == 3 else 0))):
            add(time + half * period, _bass(note, 0.45 * period), 0.34)
        if beat in (0, 2):
            length = 1.8 * period if beat == 0 else 0.8 * period
            add(time + (0.5 * period if beat == 2 else 0.0), _chord(_CHORDS[bar % 4], length), 0.10)
        if index == 0 or (bar % 8 == 0 and beat == 0):
            add(time, _crash(random), 0.2)
    return (np.tanh(1.1 * out) * 0.8).astype(np.float32), beats


def _time(seconds: float) -> Floats:
    return np.arange(int(seconds * RATE)) / RATE


def _frequency(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _kick() -> Floats:
    t = _time(0.28)
    sweep = 48 * t + 95 * 0.03 * (1 - np.exp(-t / 0.03))
    knock = 0.3 * np.exp(-t / 0.002) * np.sin(2 * np.pi * 1800 * t)
    return np.asarray(np.sin(2 * np.pi * sweep) * np.exp(-t / 0.09) + knock, dtype=np.float64)


def _snare(random: np.random.Generator) -> Floats:
    t = _time(0.2)
    noise = random.normal(0, 0.6, len(t)) * np.exp(-t / 0.05)
    return np.asarray(noise + 0.6 * np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.04), dtype=np.float64)


def _hat(random: np.random.Generator) -> Floats:
    t = _time(0.07)
    noise = np.diff(random.normal(0, 0.7, len(t) + 2), n=2)
    return np.asarray(noise * np.exp(-t / 0.015))


def _crash(random: np.random.Generator) -> Floats:
    t = _time(1.2)
    return np.asarray(np.diff(random.normal(0, 0.5, len(t) + 1)) * np.exp(-t / 0.35))


def _bass(note: int, seconds: float) -> Floats:
    t = _time(seconds)
    phase = 2 * np.pi * _frequency(note) * t
    tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.15 * np.sin(3 * phase)
    shape = np.minimum(t / 0.005, 1) * np.exp(-t / 0.25) * np.minimum((seconds - t) / 0.01, 1)
    return np.asarray(tone * shape, dtype=np.float64)


def _chord(notes: tuple[int, ...], seconds: float) -> Floats:
    t = _time(seconds)
    tone = sum(
        np.sin(2 * np.pi * _frequency(note + 12) * t) + 0.5 * np.sin(2 * np.pi * _frequency(note) * 1.003 * t)
        for note in notes
    )
    return np.asarray(tone * np.minimum(t / 0.02, 1) * np.exp(-t / 0.5) * np.minimum((seconds - t) / 0.02, 1))
