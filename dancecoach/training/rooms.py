"""Rooms, loudspeakers and microphones, and sounds that are no music: speech, noise, crowds."""

from __future__ import annotations

import io
import shutil
import subprocess
from functools import lru_cache

import numpy as np
import soundfile
from scipy.signal import lfilter, resample_poly

from dancecoach.training.effects import (
    ENVELOPE_BLOCK,
    Sections,
    block_peaks,
    compress,
    convolve,
    filtered,
    passes,
    shelf_or_peak,
)
from dancecoach.training.kits import Random, Samples

SPEED_OF_SOUND = 343.0  # m/s
SPEECH_RATE = 22050
CLIPS = 64  # spoken clips kept; each is the same in every process
_WORDS = (
    "da de di do ba be bi la le lo ma me mi mo na no ra re sa se si so ta te ti to ka ke ko ga go wa we yo you and "
    "yeah come on let go now baby never night time love dance what is it one two three okay really so then listen "
    "hello people money around down town feel real talk walk maybe nobody something please thanks could would left "
    "right wait the"
)
SPOKEN = tuple(_WORDS.split())
VOICES = ("en-us", "en-gb", "en-gb-scotland", "de", "fr", "es", "it", "pl", "tr", "sv", "pt", "ru", "hi", "ja", "sw")
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+croak", "+whisper")


def _unit(samples: Samples) -> Samples:
    """Return `samples` with an RMS of 0.1."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return np.asarray(samples * np.float32(0.1 / max(rms, 1e-7)), dtype=np.float32)


def _rms(samples: Samples) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _gain(decibels: float) -> np.float32:
    """Return the factor of a level."""
    return np.float32(10 ** (decibels / 20))


# --------------------------------------------------------------------------------------------------------- rooms


def _room_response(rng: Random, rate: int) -> Samples:
    """Return a room's impulse response (M,); the direct sound is its first sample and has the height 1."""
    size = np.array([rng.uniform(2.5, 10), rng.uniform(2.5, 8), rng.uniform(2.2, 4)])
    speaker, microphone = (rng.uniform(0.1, 0.9, 3) * size for _ in range(2))
    direct = max(float(np.linalg.norm(speaker - microphone)), 0.3)
    seconds = rng.uniform(0.2, 1.2)
    ratio = rng.uniform(-6, 10)  # direct to reverberant, dB
    count = int(rate * min(seconds * 1.1, 1.0))
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    noise = rng.standard_normal(count, dtype=np.float32)
    low = filtered(noise, passes("low", rng.uniform(1500, 5000), rate, 1))
    tail = low * np.exp(-6.9 * t / np.float32(seconds)) + (noise - low) * np.exp(
        -6.9 * t / np.float32(seconds * rng.uniform(0.3, 0.9))
    )
    # The diffuse field builds up while the first reflections arrive.
    tail *= np.clip((t - 0.002) / np.float32(rng.uniform(0.005, 0.03)), 0, 1)
    early = np.zeros(count, np.float32)
    wall = rng.uniform(0.4, 0.9)
    shifts = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for shift in shifts:
        order = int(np.abs(shift).sum())
        if not 1 <= order <= 2:
            continue
        image = np.where(shift == 0, speaker, np.where(shift < 0, -speaker, 2 * size - speaker))
        distance = float(np.linalg.norm(image - microphone))
        place = round((distance - direct) / SPEED_OF_SOUND * rate)
        if 0 < place < count:
            early[place] += np.float32(wall**order * direct / distance * rng.choice([1, 1, -1]))
    reverberant = early / np.float32(max(_energy(early), 1e-6) ** 0.5) * np.float32(rng.uniform(0.2, 0.8))
    reverberant = reverberant + tail / np.float32(max(_energy(tail), 1e-6) ** 0.5)
    reverberant *= np.float32(10 ** (-ratio / 20) / max(_energy(reverberant), 1e-9) ** 0.5)
    reverberant[0] += 1
    return np.asarray(reverberant, dtype=np.float32)


def _energy(samples: Samples) -> float:
    return float(np.sum(np.square(samples, dtype=np.float64)))


def _loudspeaker(rng: Random, rate: int) -> list[Sections]:
    """Return the response of a loudspeaker, from a laptop's to a good one."""
    small = rng.random()
    sections = [passes("high", rng.uniform(80, 250) if small < 0.7 else rng.uniform(30, 80), rate)]
    for _ in range(int(rng.integers(0, 4))):
        frequency = 10 ** rng.uniform(2.3, 3.9)
        sections.append(shelf_or_peak("peak", frequency, rng.normal(0, 5), rate, rng.uniform(0.7, 4)))
    if small < 0.5:
        sections.append(passes("low", rng.uniform(7000, 16000), rate, 1))
    return sections


def _microphone(rng: Random, rate: int) -> list[Sections]:
    """Return the response of a laptop's microphone."""
    sections = [passes("high", rng.uniform(60, 200), rate, int(rng.integers(1, 3)))]
    for _ in range(int(rng.integers(0, 3))):
        frequency = 10 ** rng.uniform(2.5, 4.0)
        sections.append(shelf_or_peak("peak", frequency, rng.normal(0, 4), rate, rng.uniform(0.7, 3)))
    if rng.random() < 0.6:
        sections.append(passes("low", rng.uniform(6000, 16000), rate, int(rng.integers(1, 3))))
    return sections


def in_a_room(samples: Samples, sample_rate: int, rng: Random) -> Samples:
    """Return `samples` (N,) as a laptop's microphone hears them from a loudspeaker in a room with people, (N,).

    The time that the direct sound takes is left out, so that onsets stay where they were.
    """
    count = len(samples)
    if not count:
        return np.zeros(0, np.float32)
    played = samples
    if rng.random() < 0.2:  # a small loudspeaker at its limit
        drive = np.float32(rng.uniform(1, 4) / max(float(np.abs(samples).max()), 1e-6))
        played = np.tanh(samples * drive) / drive
    response = _room_response(rng, sample_rate) if rng.random() < 0.93 else np.ones(1, np.float32)
    response = np.r_[response, np.zeros(1024, np.float32)]
    response = filtered(response, *_loudspeaker(rng, sample_rate), *_microphone(rng, sample_rate))
    heard = convolve(played, response)
    heard = _unit(heard) if _rms(heard) > 1e-6 else heard
    seconds = count / sample_rate
    level = -rng.uniform(15, 50)
    heard = heard + _gain(level) * noise(rng, seconds, sample_rate, _ROOM_NOISES)[:count]
    if rng.random() < 0.35:
        voices = crowd(rng, seconds, sample_rate) if rng.random() < 0.5 else speech(rng, seconds, sample_rate)
        echoed = convolve(voices[:count], response)
        heard = heard + _gain(-rng.uniform(0, 25)) * _unit(echoed)
    if rng.random() < 0.3:  # the dancers themselves
        steps = _blows(rng, count, sample_rate, str(rng.choice(["steps", "claps"])))
        heard = heard + _gain(-rng.uniform(0, 20)) * _unit(convolve(steps, response))
    heard = np.asarray(heard, dtype=np.float32)
    if rng.random() < 0.3:
        heard = _level_control(heard, sample_rate, rng)
    if rng.random() < 0.15:
        heard = _level_changes(heard, rng)
    if rng.random() < 0.1:
        heard = _noise_suppressed(heard, rng)
    if rng.random() < 0.15:
        heard = filtered(heard, passes("low", 7600, sample_rate, 6)) if sample_rate > 16000 else heard
    peak = max(float(np.abs(heard).max()), 1e-6)
    heard = heard / np.float32(peak)
    if rng.random() < 0.15:
        heard = np.clip(heard * np.float32(rng.uniform(1.2, 5)), -1, 1)
    heard = heard * _gain(-rng.uniform(3, 45))
    floor = _gain(-rng.uniform(60, 95))
    heard = heard + floor * rng.standard_normal(count, dtype=np.float32)
    return np.asarray(np.clip(np.nan_to_num(heard), -1, 1), dtype=np.float32)


def _lines(values: Samples, block: int, count: int) -> Samples:
    """Return straight lines through `values`, one per `block` samples, (count,)."""
    return np.interp(np.arange(count), block * np.arange(len(values)), values).astype(np.float32)


def _level_control(samples: Samples, rate: int, rng: Random) -> Samples:
    """Return `samples` through automatic gain control: a slow gain that follows the level, sometimes with a gate."""
    if rng.random() < 0.4:
        samples = compress(samples, rng.uniform(-30, -10), rng.uniform(2, 8), 0.01, rng.uniform(0.2, 1), rate)
    step = ENVELOPE_BLOCK / rate
    keep = float(np.exp(-step / rng.uniform(0.3, 4)))
    level = lfilter([1 - keep], [1, -keep], block_peaks(samples), zi=[keep * 0.1])[0]
    gain = np.minimum((0.2 / np.maximum(level, 1e-3)) ** rng.uniform(0.3, 1), 10)
    if rng.random() < 0.2:
        quick = lfilter([0.05], [1, -0.95], block_peaks(samples))
        gain = gain * np.clip(quick / rng.uniform(0.01, 0.05), 0.1, 1)
    return samples * _lines(gain.astype(np.float32), ENVELOPE_BLOCK, len(samples))


def _level_changes(samples: Samples, rng: Random) -> Samples:
    """Return `samples` with the volume turned once or twice."""
    places = np.sort(rng.uniform(0, len(samples), 2 * int(rng.integers(1, 3))))
    values = np.cumsum(np.r_[0.0, np.repeat(rng.normal(0, 6, len(places) // 2), 1)])
    knots = np.repeat(values, 2)[1:-1] if len(values) * 2 - 2 == len(places) else np.zeros(len(places))
    decibels = np.interp(np.arange(0, len(samples) + 512, 512), places, knots)
    return samples * _lines((10 ** (decibels / 20)).astype(np.float32), 512, len(samples))


def _noise_suppressed(samples: Samples, rng: Random) -> Samples:
    """Return `samples` as a conferencing noise suppressor leaves them: steady parts of the spectrum taken away."""
    size, hop = 1024, 512
    window = np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)
    padded = np.r_[np.zeros(size, np.float32), samples, np.zeros(size + hop, np.float32)]
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    spectrum = np.fft.rfft(frames, axis=1)
    magnitude = np.abs(spectrum)
    floor = np.quantile(magnitude, rng.uniform(0.1, 0.5), axis=0)
    keep = np.clip(1 - rng.uniform(0.5, 1.5) * floor / np.maximum(magnitude, 1e-9), rng.uniform(0.05, 0.4), 1)
    shaped = np.fft.irfft(spectrum * keep, size, axis=1).astype(np.float32) * window
    out = np.zeros((len(frames) + 1, hop), np.float32)
    out[:-1] += shaped[:, :hop]
    out[1:] += shaped[:, hop:]
    return out.ravel()[size : size + len(samples)]


# ------------------------------------------------------------------------------------------------ sounds of no music


@lru_cache(maxsize=CLIPS)
def _clip(index: int) -> Samples:
    """Return a spoken clip at `SPEECH_RATE`, always the same for an `index`; hummed syllables without espeak-ng."""
    rng = np.random.default_rng([index, 2718])
    words = [str(word) for word in rng.choice(SPOKEN, int(rng.integers(14, 40)))]
    text = " ".join(word + (str(rng.choice([",", ".", "?", "!"])) if rng.random() < 0.15 else "") for word in words)
    voice = str(rng.choice(VOICES)) + str(rng.choice(VARIANTS))
    program = shutil.which("espeak-ng")
    if program is not None:
        command = [program, "--stdout", "-v", voice, "-s", str(int(rng.integers(110, 330)))]
        command += ["-p", str(int(rng.integers(10, 95))), text]
        try:
            spoken = subprocess.run(command, capture_output=True, timeout=20, check=True).stdout
            samples, _ = soundfile.read(io.BytesIO(spoken), dtype="float32", always_2d=True)
            if len(samples) > SPEECH_RATE:
                return _unit(samples[:, 0])
        except (OSError, subprocess.SubprocessError, soundfile.LibsndfileError):
            pass
    return _babbled(rng)


def _babbled(rng: Random) -> Samples:
    """Return irregular voiced syllables and hisses, the rhythm of speech without words."""
    count = 8 * SPEECH_RATE
    out = np.zeros(count, np.float32)
    place = 0
    while place < count:
        length = int(SPEECH_RATE * rng.uniform(0.06, 0.3))
        pitch = rng.uniform(90, 240) * np.linspace(1, rng.uniform(0.8, 1.2), length)
        phase = np.cumsum(pitch) / SPEECH_RATE
        source = (phase % 1.0) - 0.5 if rng.random() < 0.8 else rng.standard_normal(length)
        formants = [
            shelf_or_peak("peak", frequency, 18, SPEECH_RATE, 4)
            for frequency in (rng.uniform(300, 900), rng.uniform(900, 2500))
        ]
        syllable = filtered(source.astype(np.float32), *formants) * np.hanning(length).astype(np.float32)
        stop = min(place + length, count)
        out[place:stop] += syllable[: stop - place]
        place += length + int(SPEECH_RATE * (rng.uniform(0, 0.08) if rng.random() < 0.85 else rng.uniform(0.2, 0.9)))
    return _unit(out)


def _talker(rng: Random, count: int) -> Samples:
    """Return one talker, (count,) at `SPEECH_RATE`, with pauses and at a random pitch."""
    pieces: list[Samples] = []
    total = 0
    speed = rng.uniform(0.85, 1.2)
    while total < count:
        clip = _clip(int(rng.integers(CLIPS)))
        begin = int(rng.integers(0, max(len(clip) // 2, 1)))
        piece = clip[begin:]
        places = np.arange(0, len(piece) - 1, speed)
        piece = np.interp(places, np.arange(len(piece)), piece).astype(np.float32)
        pause = np.zeros(int(SPEECH_RATE * rng.exponential(0.5)), np.float32)
        pieces += [piece, pause]
        total += len(piece) + len(pause)
    return np.concatenate(pieces)[:count] if pieces else np.zeros(count, np.float32)


def _at_rate(samples: Samples, rate: int, count: int) -> Samples:
    """Return `samples` at `SPEECH_RATE` as (count,) at `rate`."""
    common = int(np.gcd(rate, SPEECH_RATE))
    turned = resample_poly(samples, rate // common, SPEECH_RATE // common)
    out = np.zeros(count, np.float32)
    length = min(count, len(turned))
    out[:length] = turned[:length]
    return out


def speech(rng: Random, seconds: float, sample_rate: int, talkers: int | None = None) -> Samples:
    """Return one to four people talking at once, (seconds · sample_rate,), RMS about 0.1, peak at most 1."""
    count = round(seconds * sample_rate)
    length = int(seconds * SPEECH_RATE) + 2
    people = int(rng.choice([1, 1, 2, 3, 4])) if talkers is None else talkers
    mixed = sum((_gain(rng.normal(0, 4)) * _talker(rng, length) for _ in range(people)), np.zeros(length, np.float32))
    return _calm(_at_rate(mixed, sample_rate, count))


def crowd(rng: Random, seconds: float, sample_rate: int) -> Samples:
    """Return many people: babble, sometimes applause or cheering over it; RMS about 0.1, peak at most 1."""
    count = round(seconds * sample_rate)
    length = int(seconds * SPEECH_RATE) + 2
    people = int(rng.integers(5, 10))
    mixed = np.zeros(length, np.float32)
    voice = _talker(rng, length + people * SPEECH_RATE)
    for _ in range(people):  # the same two talkers at other times are as good as others
        if rng.random() < 0.3:
            voice = _talker(rng, length + people * SPEECH_RATE)
        begin = int(rng.integers(0, people * SPEECH_RATE))
        mixed += _gain(rng.normal(0, 4)) * voice[begin : begin + length]
    out = _at_rate(mixed, sample_rate, count)
    response = _room_response(rng, sample_rate)
    out = _unit(convolve(out, response))
    if rng.random() < 0.3:
        out = out + _gain(rng.uniform(-15, 3)) * _unit(_blows(rng, count, sample_rate, "applause"))
    return _calm(out)


def _calm(samples: Samples) -> Samples:
    """Return `samples` with an RMS of 0.1 and all peaks below 0.9."""
    level = _unit(samples)
    peak = float(np.abs(level).max(initial=0.0))
    return np.asarray(level * np.float32(min(1.0, 0.9 / max(peak, 1e-6))), dtype=np.float32)


def _coloured(rng: Random, count: int, exponent: float) -> Samples:
    """Return noise whose power falls by f^-exponent, (count,)."""
    size = min(count, 1 << 19)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0) ** (exponent / 2)
    once = np.fft.irfft(spectrum, size).astype(np.float32)
    return np.resize(once, count)


def _blows(rng: Random, count: int, rate: int, kind: str) -> Samples:
    """Return irregular short sounds: "steps", "claps", "keys" or "applause", (count,)."""
    per_second = {"steps": 2.0, "claps": 1.0, "keys": 6.0, "applause": 80.0}[kind] * rng.uniform(0.5, 1.5)
    seconds = count / rate
    times = rng.uniform(0, seconds, rng.poisson(per_second * seconds))
    out = np.zeros(count, np.float32)
    shapes = []
    for _ in range(8):
        length = int(rate * {"steps": 0.12, "claps": 0.08, "keys": 0.03, "applause": 0.03}[kind])
        t = np.arange(length) / rate
        low, high = {"steps": (60, 500), "claps": (700, 3500), "keys": (1500, 7000), "applause": (800, 4500)}[kind]
        burst = filtered(
            rng.standard_normal(length, dtype=np.float32),
            passes("high", low * rng.uniform(0.7, 1.4), rate),
            passes("low", high * rng.uniform(0.7, 1.4), rate),
        )
        shapes.append((_unit(burst * np.exp(-t / (length / rate / rng.uniform(3, 7))))).astype(np.float32))
    for time, shape, gain in zip(times, rng.integers(0, 8, len(times)), rng.normal(0, 5, len(times)), strict=True):
        begin = int(time * rate)
        length = min(len(shapes[shape]), count - begin)
        out[begin : begin + length] += _gain(float(gain)) * shapes[shape][:length]
    return out


_ROOM_NOISES = ("pink", "brown", "white", "fan", "traffic", "hum")
_NOISES = ("white", "pink", "brown", "fan", "traffic", "hum", "applause", "steps", "keys", "claps", "humming", "wind")


def noise(rng: Random, seconds: float, sample_rate: int, kinds: tuple[str, ...] = _NOISES) -> Samples:
    """Return one or two random noises without any beat, (seconds · sample_rate,), RMS about 0.1, peak at most 1."""
    count = round(seconds * sample_rate)
    out = np.zeros(count, np.float32)
    for _ in range(int(rng.choice([1, 1, 2]))):
        out += _gain(rng.uniform(-12, 0)) * _one_noise(rng, count, sample_rate, str(rng.choice(kinds)))
    return _calm(out)


def _one_noise(rng: Random, count: int, rate: int, kind: str) -> Samples:
    """Return one `kind` of noise with an RMS of 0.1."""
    if not count:
        return np.zeros(0, np.float32)
    if kind in ("applause", "steps", "keys", "claps"):
        floor = np.float32(10 ** rng.uniform(-4, -2)) * rng.standard_normal(count, dtype=np.float32)
        return _unit(_blows(rng, count, rate, kind) + floor)
    t = np.arange(count, dtype=np.float64) / rate
    if kind in ("hum", "humming"):
        if kind == "hum":
            base = np.full(count, rng.choice([50.0, 60.0]))
        else:  # somebody hums: the pitch wanders, without notes
            walk = np.cumsum(rng.normal(0, 0.03, max(count // 2048, 2) + 1))
            base = rng.uniform(90, 260) * np.exp(np.interp(np.arange(count), 2048 * np.arange(len(walk)), walk))
        phase = np.cumsum(base) / rate
        wave = sum(rng.uniform(0.1, 1) / k * np.sin(2 * np.pi * (k * phase % 1.0)) for k in range(1, 6))
        return _unit(np.asarray(wave, np.float32) + 0.01 * rng.standard_normal(count, dtype=np.float32))
    exponent = {"white": 0.0, "pink": 1.0, "brown": 2.0, "fan": 1.3, "traffic": 1.8, "wind": 2.2}[kind]
    out = _coloured(rng, count, exponent + rng.normal(0, 0.15))
    if kind == "fan":
        hum = rng.uniform(60, 300)
        out = _unit(out) + np.float32(0.05 * rng.random()) * np.sin(2 * np.pi * hum * t).astype(np.float32)
    if kind in ("traffic", "wind"):
        swell = np.exp(rng.normal(0, 0.7, int(count / rate / 1.5) + 3))
        out = out * _lines(swell.astype(np.float32), int(1.5 * rate), count)
    return _unit(np.asarray(out, dtype=np.float32))
