"""Effects on single parts and on whole mixes. All take and return mono float32 (N,) and delay nothing."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, oaconvolve, sosfilt

from dancecoach.training.kits import RATE, Random, Samples

Sections = NDArray[np.float64]
ENVELOPE_BLOCK = 64  # samples; gains are computed once per block and drawn as lines in between


def shelf_or_peak(
    kind: Literal["low", "high", "peak"], frequency: float, gain: float, rate: int, quality: float = 0.7
) -> Sections:
    """Return a section (1, 6) that raises what is below, above or around `frequency` Hz by `gain` dB.

    After Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """
    frequency = min(frequency, 0.45 * rate)
    a = 10 ** (gain / 40)
    omega = 2 * np.pi * frequency / rate
    cos, alpha = np.cos(omega), np.sin(omega) / (2 * quality)
    root = 2 * np.sqrt(a) * alpha
    if kind == "peak":
        b = (1 + alpha * a, -2 * cos, 1 - alpha * a)
        c = (1 + alpha / a, -2 * cos, 1 - alpha / a)
    else:
        sign = 1 if kind == "low" else -1
        b = (
            a * ((a + 1) - sign * (a - 1) * cos + root),
            sign * 2 * a * ((a - 1) - sign * (a + 1) * cos),
            a * ((a + 1) - sign * (a - 1) * cos - root),
        )
        c = (
            (a + 1) + sign * (a - 1) * cos + root,
            -sign * 2 * ((a - 1) + sign * (a + 1) * cos),
            (a + 1) + sign * (a - 1) * cos - root,
        )
    return np.asarray(np.array([[*b, *c]]) / c[0], dtype=np.float64)


def passes(kind: Literal["low", "high"], frequency: float, rate: int, order: int = 2) -> Sections:
    """Return sections of a Butterworth filter."""
    return np.asarray(butter(order, min(frequency, 0.47 * rate), kind, fs=rate, output="sos"))


def filtered(samples: Samples, *sections: Sections) -> Samples:
    """Return `samples` through all `sections`."""
    if not sections:
        return samples
    return np.asarray(sosfilt(np.concatenate(sections), samples), dtype=np.float32)


def random_equaliser(rng: Random, rate: int, strength: float = 1.0) -> list[Sections]:
    """Return up to three random bands of an equaliser."""
    bands = []
    if rng.random() < 0.5:
        bands.append(shelf_or_peak("low", 10 ** rng.uniform(1.9, 2.6), strength * rng.normal(0, 4), rate))
    if rng.random() < 0.6:
        bands.append(shelf_or_peak("high", 10 ** rng.uniform(3.2, 4.0), strength * rng.normal(0, 5), rate))
    if rng.random() < 0.5:
        quality = rng.uniform(0.4, 2)
        bands.append(shelf_or_peak("peak", 10 ** rng.uniform(2.3, 3.8), strength * rng.normal(0, 5), rate, quality))
    return bands


def _block_gain(gain: Samples, count: int) -> Samples:
    """Return the gain per sample (count,) of a gain per block."""
    padded = np.append(gain, gain[-1])
    ramp = np.arange(ENVELOPE_BLOCK, dtype=np.float32) / ENVELOPE_BLOCK
    lines = padded[:-1, None] + (padded[1:] - padded[:-1])[:, None] * ramp
    return np.asarray(lines.ravel()[:count], dtype=np.float32)


def block_peaks(samples: Samples) -> Samples:
    """Return the largest magnitude in each block, (ceil(N / ENVELOPE_BLOCK),)."""
    blocks = -(-len(samples) // ENVELOPE_BLOCK)
    padded = np.zeros(blocks * ENVELOPE_BLOCK, np.float32)
    padded[: len(samples)] = np.abs(samples)
    return np.asarray(padded.reshape(blocks, ENVELOPE_BLOCK).max(axis=1), dtype=np.float32)


def compress(
    samples: Samples, threshold: float, ratio: float, attack: float, release: float, rate: int = RATE
) -> Samples:
    """Return `samples` with what is above `threshold` dB (relative to the loudest) pressed down by `ratio`.

    `attack` and `release` s.
    """
    peaks = block_peaks(samples)
    top = float(peaks.max(initial=0.0))
    if top < 1e-6:
        return samples
    level = 20 * np.log10(np.maximum(peaks / top, 1e-5))
    wanted = -np.maximum(level - threshold, 0) * (1 - 1 / ratio)
    step = ENVELOPE_BLOCK / rate
    quick, slow = float(np.exp(-step / attack)), float(np.exp(-step / release))
    gains = []
    gain = 0.0
    for value in wanted.tolist():
        keep = quick if value < gain else slow
        gain = value + keep * (gain - value)
        gains.append(gain)
    return samples * _block_gain(np.power(10, np.asarray(gains) / 20).astype(np.float32), len(samples))


def saturate(samples: Samples, drive: float, kind: int = 0) -> Samples:
    """Return `samples`, relative to their peak, driven into a curve: 0 tube-like, 1 hard, 2 lopsided, 3 folded."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-6:
        return samples
    x = samples * np.float32(drive / peak)
    if kind == 1:
        y = np.clip(x, -1, 1)
    elif kind == 2:
        y = np.where(x > 0, np.tanh(x), np.tanh(0.5 * x) * 1.5)
    elif kind == 3:
        y = np.sin(np.clip(x, -3, 3))
    else:
        y = np.tanh(x)
    return np.asarray(y * np.float32(peak / max(float(np.abs(y).max()), 1e-6)), dtype=np.float32)


def amplifier(samples: Samples, rng: Random) -> Samples:
    """Return a guitar through a distorting amplifier and its cabinet."""
    tight = filtered(samples, passes("high", rng.uniform(60, 200), RATE, 1))
    if rng.random() < 0.5:
        tight = filtered(tight, shelf_or_peak("peak", rng.uniform(600, 1600), rng.uniform(0, 9), RATE))
    driven = saturate(tight, float(10 ** rng.uniform(0.5, 2.0)), int(rng.choice([0, 0, 1, 2])))
    return filtered(
        driven,
        passes("high", rng.uniform(60, 130), RATE),
        passes("low", rng.uniform(3000, 7000), RATE, 4),
        shelf_or_peak("peak", rng.uniform(300, 900), rng.uniform(-9, 2), RATE),
        shelf_or_peak("peak", rng.uniform(1800, 4000), rng.uniform(0, 9), RATE, 1.2),
    )


def _slow_wave(count: int, frequency: float, rng: Random) -> Samples:
    """Return a sine of a low frequency and a random phase, (count,)."""
    coarse = np.arange(0, count + 128, 64)
    wave = np.sin(2 * np.pi * (frequency * coarse / RATE + rng.random())).astype(np.float32)
    return _block_gain(wave, count)


def chorus(samples: Samples, rng: Random) -> Samples:
    """Return `samples` with one or two copies at wavering delays: a chorus, or a flanger when they are short."""
    count = len(samples)
    out = samples.copy()
    flanger = rng.random() < 0.3
    for _ in range(1 if flanger else int(rng.integers(1, 3))):
        middle = rng.uniform(0.001, 0.004) if flanger else rng.uniform(0.008, 0.022)
        wave = _slow_wave(count, rng.uniform(0.1, 2.0), rng)
        delay = np.float32(RATE * middle) * (1 + np.float32(rng.uniform(0.1, 0.6)) * wave)
        place = np.arange(count, dtype=np.float64) - delay
        np.clip(place, 0, count - 2, out=place)
        index = place.astype(np.int32)
        part = (place - index).astype(np.float32)
        out += np.float32(rng.uniform(0.3, 0.8)) * (samples[index] * (1 - part) + samples[index + 1] * part)
    return np.asarray(out, dtype=np.float32)


def phaser(samples: Samples, rng: Random) -> Samples:
    """Return `samples` with notches that come and go: two fixed chains of all-passes, faded between."""
    turned = []
    for _ in range(2):
        chain = samples
        for _ in range(4):
            c = rng.uniform(-0.95, -0.3)
            chain = lfilter(np.array([c, 1], np.float32), np.array([1, c], np.float32), chain)
        turned.append(chain)
    fade = 0.5 + 0.5 * _slow_wave(len(samples), rng.uniform(0.1, 1.5), rng)
    return np.asarray(0.6 * (samples + turned[0] + fade * (turned[1] - turned[0])), dtype=np.float32)


def echo(samples: Samples, delay: float, feedback: float, level: float, cutoff: float) -> Samples:
    """Return `samples` with echoes every `delay` s, each `feedback` of the last and darker."""
    out = samples.copy()
    step = max(int(delay * RATE), 1)
    wet = filtered(samples, passes("low", cutoff, RATE, 1)) * np.float32(level)
    for repeat in range(1, 7):
        if repeat * step >= len(out) or level * feedback ** (repeat - 1) < 0.02:
            break
        out[repeat * step :] += np.float32(feedback ** (repeat - 1)) * wet[: len(out) - repeat * step]
    return out


def reverb_response(rng: Random, rate: int = RATE, longest: float = 3.0) -> Samples:
    """Return a random reverb's impulse response without the direct sound, (M,), its energy 1."""
    seconds = min(float(10 ** rng.uniform(-0.7, 0.5)), longest)
    count = int(rate * min(seconds, 2.0))
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    noise = rng.standard_normal(count, dtype=np.float32)
    kind = rng.random()
    decay = np.exp(-6.9 * t / np.float32(seconds))
    if kind < 0.12:  # gated
        decay = (t < min(seconds, 0.35)).astype(np.float32)
    low = filtered(noise, passes("low", 10 ** rng.uniform(3.2, 3.9), rate, 1))
    quick = np.exp(-6.9 * t / np.float32(seconds * rng.uniform(0.3, 0.8)))
    response = low * decay + np.float32(rng.uniform(0, 0.8)) * (noise - low) * quick * decay**0.2
    before = int(rate * rng.choice([0.0, rng.uniform(0.0, 0.06)]))
    response = np.r_[np.zeros(before, np.float32), response]
    for _ in range(int(rng.integers(2, 9))):
        place = int(rng.uniform(0.003, 0.06) * rate)
        if place < len(response):
            response[place] += np.float32(rng.normal(0, 3))
    response = filtered(response, passes("high", rng.uniform(60, 400), rate, 1))
    return np.asarray(response / np.sqrt(np.sum(response**2) + 1e-9), dtype=np.float32)


def convolve(samples: Samples, response: Samples) -> Samples:
    """Return `samples` (N,) through an impulse response, cut to (N,)."""
    return np.asarray(oaconvolve(samples, response)[: len(samples)], dtype=np.float32)


def duck(count: int, times: Samples, rng: Random) -> Samples:
    """Return the gain (count,) of something that every kick at `times` s presses down."""
    depth = rng.uniform(0.3, 1.0)
    length = rng.uniform(0.1, 0.4)
    shape_of = rng.uniform(0.5, 2)
    dip_count = int(RATE * length)
    shape = 1 - depth * (1 - np.linspace(0, 1, dip_count) ** shape_of)
    shape = np.r_[np.linspace(1, 1 - depth, 88), shape].astype(np.float32)
    gain = np.ones(count, np.float32)
    for begin in np.round(times * RATE).astype(np.int64).tolist():
        if 0 <= begin < count:
            length_here = min(len(shape), count - begin)
            span = gain[begin : begin + length_here]
            np.minimum(span, shape[:length_here], out=span)
    return gain


def sweep(samples: Samples, rng: Random) -> Samples:
    """Return `samples` through a low-pass that slowly opens and closes."""
    dark = filtered(samples, passes("low", 10 ** rng.uniform(2.3, 3.2), RATE))
    fade = 0.5 + 0.5 * _slow_wave(len(samples), 1 / rng.uniform(4, 40), rng)
    return np.asarray(dark + fade * (samples - dark), dtype=np.float32)


def gate(samples: Samples, period: float, offset: float, rng: Random) -> Samples:
    """Return `samples` chopped every `period` s, open from `offset` s on for a part of it."""
    pattern = (rng.random(8) < 0.7).astype(np.float32)
    pattern[0] = 1
    t = np.arange(len(samples), dtype=np.float64) / RATE - offset
    place = t / period
    step = np.floor(place)
    is_open = (place - step < rng.uniform(0.4, 0.95)) * pattern[step.astype(np.int64) % 8]
    smooth = lfilter(np.array([0.01], np.float32), np.array([1, -0.99], np.float32), is_open.astype(np.float32))
    return np.asarray(samples * smooth, dtype=np.float32)


def crush(samples: Samples, rng: Random) -> Samples:
    """Return `samples` with few bits and held samples, as old chips have it."""
    peak = max(float(np.abs(samples).max(initial=0.0)), 1e-6)
    steps = 2 ** rng.uniform(3, 8)
    hold = int(rng.integers(1, 8))
    held = np.repeat(samples[::hold], hold)[: len(samples)]
    return np.asarray(np.round(held / peak * steps) / steps * peak, dtype=np.float32)


def limit(samples: Samples, drive: float, ceiling: float = 1.0) -> Samples:
    """Return a mix made `drive` times louder than its peak allows, its peaks pressed down fast and then rounded."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-6:
        return samples
    x = samples * np.float32(drive / peak)
    peaks = block_peaks(x)
    # The block before knows of the peak too, so that it never comes as a surprise.
    ahead = np.maximum(peaks, np.append(peaks[1:], 0))
    wanted = np.minimum(1.0, 1.0 / np.maximum(ahead, 1e-6))
    keep = float(np.exp(-ENVELOPE_BLOCK / RATE / 0.06))
    gains = []
    gain = 1.0
    for value in wanted.tolist():
        gain = value if value < gain else value + keep * (gain - value)
        gains.append(gain)
    y = x * _block_gain(np.asarray(gains).astype(np.float32), len(x))
    return np.asarray(np.clip(y, -1, 1) * np.float32(ceiling), dtype=np.float32)


def multiband(samples: Samples, rng: Random) -> Samples:
    """Return a mix with its lows, middle and highs compressed each for itself."""
    low = filtered(samples, passes("low", rng.uniform(100, 300), RATE, 1))
    upper = samples - low
    middle = filtered(upper, passes("low", rng.uniform(2000, 5000), RATE, 1))
    out = np.zeros_like(samples)
    for band in (low, middle, upper - middle):
        pressed = compress(band, rng.uniform(-30, -8), rng.uniform(1.5, 5), rng.uniform(0.003, 0.03), 0.15)
        out += np.float32(10 ** (rng.normal(0, 2) / 20)) * pressed
    return out


def through_codec(samples: Samples, rng: Random) -> Samples:
    """Return `samples` (peak at most 1) after lossy compression; unchanged where the library cannot do it."""
    name, subtype = (("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))[int(rng.integers(2))]
    buffer = io.BytesIO()
    try:
        with soundfile.SoundFile(
            buffer, "w", RATE, 1, subtype, format=name, compression_level=float(rng.uniform(0.3, 0.99))
        ) as file:
            # In pieces: the Vorbis encoder takes a whole song at once from the stack.
            for begin in range(0, len(samples), 1 << 15):
                file.write(samples[begin : begin + (1 << 15)])
        buffer.seek(0)
        decoded, _ = soundfile.read(buffer, dtype="float32")
    except (soundfile.LibsndfileError, TypeError, RuntimeError):
        return samples
    late = _delay_between(samples, decoded)
    out = np.zeros_like(samples)
    moved = decoded[late:] if late >= 0 else np.r_[np.zeros(-late, np.float32), decoded]
    length = min(len(moved), len(out))
    out[:length] = moved[:length]
    return out


def _delay_between(samples: Samples, decoded: Samples) -> int:
    """Return how many samples `decoded` lags behind, found by correlating half a minute; ±4000."""
    count = min(len(samples), len(decoded), 1 << 20)
    size = 1 << int(np.ceil(np.log2(count + 8192)))
    spectrum = np.conj(np.fft.rfft(samples[:count], size)) * np.fft.rfft(decoded[:count], size)
    correlation = np.fft.irfft(spectrum)
    span = np.r_[correlation[-4000:], correlation[:4001]]
    return int(np.argmax(span)) - 4000


def clip_to_one(samples: Samples) -> Samples:
    """Return finite `samples` within ±1, scaled down only when they exceed it."""
    samples = np.nan_to_num(samples, copy=False)
    peak = float(np.abs(samples).max(initial=0.0))
    return np.asarray(samples / peak if peak > 1 else samples, dtype=np.float32)
