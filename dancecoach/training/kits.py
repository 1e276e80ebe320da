"""Drum sounds: recorded one-shots found on the system or given as data, and drums synthesised from scratch."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from dancecoach.training.pieces import Note

Samples = NDArray[np.float32]
Random = np.random.Generator

RATE = 44100
HYDROGEN_FOLDERS = (Path("/usr/share/hydrogen/data/drumkits"), Path("/usr/local/share/hydrogen/data/drumkits"))
LMMS_FOLDERS = (Path("/usr/share/lmms/samples/drums"), Path("/usr/local/share/lmms/samples/drums"))
HELD_OUT_KITS = frozenset({"TR808EmulationKit", "ColomboAcousticDrumkit"})
LONGEST_SOUND = 3.0  # s; cymbals ring longer, under the music nobody hears it

# General MIDI drum pitches by the kind of drum.
KIND_OF_PITCH: dict[int, str] = {
    35: "kick", 36: "kick", 37: "rim", 38: "snare", 39: "clap", 40: "snare", 41: "low_tom", 42: "closed_hat",
    43: "low_tom", 44: "closed_hat", 45: "mid_tom", 46: "open_hat", 47: "mid_tom", 48: "high_tom", 49: "crash",
    50: "high_tom", 51: "ride", 52: "crash", 53: "ride", 54: "tambourine", 55: "crash", 56: "cowbell", 57: "crash",
    58: "shaker", 59: "ride", 60: "high_conga", 61: "low_conga", 62: "high_conga", 63: "high_conga", 64: "low_conga",
    65: "high_conga", 66: "low_conga", 67: "cowbell", 68: "cowbell", 69: "shaker", 70: "shaker", 73: "shaker",
    74: "shaker", 75: "claves", 76: "block", 77: "block", 80: "bell", 81: "bell", 82: "shaker", 31: "rim", 33: "rim",
}  # fmt: skip
PITCH_OF_KIND: dict[str, int] = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "closed_hat": 42, "open_hat": 46, "low_tom": 43, "mid_tom": 47,
    "high_tom": 50, "crash": 49, "ride": 51, "cowbell": 56, "shaker": 70, "tambourine": 54, "low_conga": 64,
    "high_conga": 63, "claves": 75, "block": 76, "bell": 81,
}  # fmt: skip
KINDS = tuple(PITCH_OF_KIND)
# What another kind of drum may stand in for when a source lacks one.
STAND_INS: dict[str, tuple[str, ...]] = {
    "rim": ("claves", "block", "snare"), "clap": ("snare",), "open_hat": ("crash", "closed_hat"),
    "low_tom": ("mid_tom", "high_tom"), "mid_tom": ("low_tom", "high_tom"), "high_tom": ("mid_tom", "low_tom"),
    "crash": ("ride",), "ride": ("closed_hat", "crash"), "shaker": ("closed_hat",), "tambourine": ("shaker",),
    "low_conga": ("mid_tom", "low_tom"), "high_conga": ("high_tom", "mid_tom"), "claves": ("rim", "block"),
    "block": ("claves", "rim"), "cowbell": ("bell", "block"), "bell": ("ride", "cowbell"),
}  # fmt: skip
# The first pattern found in a name decides.
NAME_PATTERNS: tuple[tuple[str, str], ...] = (
    ("", r"loop|silence|empty|fx|zap|scratch|roll|nasty_bass|swash|swoosh|till|choke|swish|whistle|noise_|door|raw$"),
    ("open_hat", r"open(ed)? ?h|hat[ _]?(semi)?op|hihat_?open|hat 1 op|op_dirty|ohh|hhopen|^ho_|hi ?hat open|hh open"
                 r"|hihat(semi)?open|hihat-(semi-)?open|openhat|hat_?semiopen|hi hat opened|hi-hat open"),
    ("rim", r"rim|stick|click|tick|snap|sabmute"),
    ("clap", r"clap|handclap"),
    ("closed_hat", r"hat|hh|closehi|pedalhi|hi ?hat|hats|cymbal_closed|cymbal_pedal|metal"),
    ("kick", r"kick|^bd|bass ?drum|drum_heavy|bassdrum|bdu$|djembe\d bass|cajon ?thump"),
    ("snare", r"snare|^sn|^sd|^rs_|jsnare|cajon ?slap|snr"),
    ("low_tom", r"(low|floor).?tom|tom.?(low|floor|3)|floortom|^ft_|dununba.*head"),
    ("high_tom", r"(hi|high).?tom|tom.?(hi|1)|tomh|^t1_"),
    ("mid_tom", r"tom|^tm|^t2_|drum_\d|ee_drum|vp drum|sangban.*head"),
    ("ride", r"ride|^rd|^rc_|paiste|cymbal_? ?soft"),
    ("crash", r"crash|cymbal|splash|china|^cc_|cra_|^cb"),
    ("cowbell", r"cowbell|agogo|misc_cow|mc_cb"),
    ("tambourine", r"tamb"),
    ("shaker", r"shak|marac|cab|swiss"),
    ("claves", r"clav"),
    ("block", r"block|wood"),
    ("bell", r"bell|glass|triangle"),
    ("high_conga", r"(hi|high).?(conga|bongo)|bongo.?hi|conga_1|slap|tabla_(na|te)|kenkeni.*head"),
    ("low_conga", r"conga|bongo|tone|tabla|djembe"),
)  # fmt: skip


def kind_of_name(name: str) -> str:
    """Return the kind of drum that a sample's or instrument's name tells of; empty when it tells none."""
    text = name.lower().strip()
    for kind, pattern in NAME_PATTERNS:
        if re.search(pattern, text):
            return kind
    return ""


@dataclass(frozen=True)
class Drum:
    """One drum: `layers` from soft to hard, each (N,) at `RATE`, its onset at the first sample."""

    layers: tuple[Samples, ...]


@dataclass(frozen=True)
class Source:
    """Where one-shots come from: `drums` maps each kind to alternatives, each the files of its layers, soft first."""

    name: str
    drums: dict[str, list[tuple[Path, ...]]] = field(default_factory=dict)

    def add(self, kind: str, layers: tuple[Path, ...]) -> None:
        """Add an alternative."""
        if kind and layers:
            self.drums.setdefault(kind, []).append(layers)


def find_sources(data: Path | None, held_out: bool) -> list[Source]:
    """Return the sources of one-shots; those that are `held_out` from training, or those that are not."""
    sources = [*_hydrogen_kits(held_out), *_sonic_pi(data, held_out)]
    if not held_out:
        sources += _loose_files()
    return [source for source in sources if source.drums]


def _hydrogen_kits(held_out: bool) -> list[Source]:
    """Return Hydrogen's drum kits by their descriptions."""
    sources = []
    folders = [kit for folder in HYDROGEN_FOLDERS if folder.is_dir() for kit in sorted(folder.iterdir())]
    for folder in folders:
        description = folder / "drumkit.xml"
        if (folder.name in HELD_OUT_KITS) != held_out or not description.is_file():
            continue
        try:
            root = ElementTree.fromstring(description.read_bytes())
        except ElementTree.ParseError:
            continue
        source = Source(folder.name)
        for element in root.iter():
            element.tag = element.tag.rsplit("}", 1)[-1]
        for instrument in root.iter("instrument"):
            layers = sorted(
                (float(layer.findtext("max") or 1.0), layer.findtext("filename") or "")
                for layer in instrument.iter("layer")
            )
            names = [name for _, name in layers] or [instrument.findtext("filename") or ""]
            files = tuple(folder / name for name in names if name and (folder / name).is_file())
            if files:
                kind = kind_of_name(instrument.findtext("name") or "")
                source.add(kind or kind_of_name(files[-1].stem), files)
        sources.append(source)
    return sources


def _sonic_pi(data: Path | None, held_out: bool) -> list[Source]:
    """Return the Sonic Pi one-shots below `data`; every third of them, by a hash of its name, is held out."""
    source = Source("sonic-pi")
    folder = data / "music" / "sonicpi_cc0_samples" if data is not None else None
    if folder is not None and folder.is_dir():
        for file in sorted(folder.glob("*.flac")):
            if (zlib.crc32(file.stem.encode()) % 3 == 0) == held_out:
                source.add(kind_of_name(file.stem), (file,))
    return [source]


def _loose_files() -> list[Source]:
    """Return the one-shots that LMMS installs."""
    source = Source("lmms")
    for folder in LMMS_FOLDERS:
        for file in sorted(folder.glob("*.ogg")) if folder.is_dir() else ():
            source.add(kind_of_name(file.stem), (file,))
    return [source]


def trim_to_onset(samples: Samples, threshold: float = 0.12) -> Samples:
    """Return `samples` (N,) from just before they first exceed `threshold` of their peak; empty when silent."""
    loud = np.abs(samples)
    peak = float(loud.max(initial=0.0))
    if peak < 1e-4:
        return samples[:0]
    start = max(int(np.argmax(loud > threshold * peak)) - 16, 0)
    trimmed = samples[start:].copy()
    fade = min(16, len(trimmed))
    trimmed[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    return trimmed


def finish_one_shot(samples: Samples) -> Samples:
    """Return a one-shot with its onset at its first sample, its end faded out and a peak of 1."""
    sound = trim_to_onset(samples[: int(RATE * (LONGEST_SOUND + 1))])[: int(RATE * LONGEST_SOUND)]
    if len(sound) < 64:
        return sound[:0]
    # What is below a thousandth of the peak is not heard; leaving it out saves time.
    audible = np.flatnonzero(np.abs(sound) > 1e-3 * np.abs(sound).max())
    sound = sound[: int(audible[-1]) + 64]
    fade = min(len(sound) // 4, RATE // 20)
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(sound / np.abs(sound).max(), dtype=np.float32)


@lru_cache(maxsize=1500)
def read_one_shot(file: Path) -> Samples:
    """Return the one-shot in `file`; empty when it cannot be read or holds no short, sharp sound."""
    try:
        samples, rate = soundfile.read(file, dtype="float32", frames=6 * 48000, always_2d=True)
    except (soundfile.LibsndfileError, OSError):
        return np.zeros(0, np.float32)
    mono = samples.mean(axis=1, dtype=np.float32)
    if np.abs(mono).max(initial=0.0) < 0.1 * np.abs(samples).max(initial=0.0):
        mono = samples[:, 0]
    if rate != RATE:
        common = int(np.gcd(rate, RATE))
        mono = resample_poly(mono, RATE // common, rate // common).astype(np.float32)
    return finish_one_shot(mono)


def _read_layers(files: tuple[Path, ...]) -> tuple[Samples, ...]:
    """Return up to four layers of one drum, soft to hard."""
    chosen = files if len(files) <= 4 else tuple(files[round(i * (len(files) - 1) / 3)] for i in range(4))
    return tuple(sound for sound in map(read_one_shot, chosen) if len(sound))


def soften(samples: Samples, cutoff: float) -> Samples:
    """Return `samples` low-passed at `cutoff` Hz: a softer hit is a duller one."""
    sos = butter(1, min(cutoff, 0.45 * RATE), fs=RATE, output="sos")
    return np.asarray(sosfilt(sos, samples), dtype=np.float32)


def vary(layers: Sequence[Samples], rng: Random) -> Drum | None:
    """Return a drum made of recorded layers with a random tuning, decay and brightness; None without sound."""
    layers = [layer for layer in layers if len(layer)]
    if not layers:
        return None
    speed = float(np.exp(rng.normal(0, 0.09))) if rng.random() < 0.6 else 1.0
    decay = rng.uniform(0.08, 0.6) if rng.random() < 0.25 else None
    varied = []
    for layer in layers:
        sound = layer
        if speed != 1.0:
            places = np.arange(0, len(sound) - 1, speed, dtype=np.float64)
            index = places.astype(np.int64)
            part = (places - index).astype(np.float32)
            sound = sound[index] * (1 - part) + sound[index + 1] * part
        if decay is not None:
            sound = sound[: int(RATE * decay * 6)] * np.exp(
                -np.arange(min(len(sound), int(RATE * decay * 6)), dtype=np.float32) / np.float32(RATE * decay)
            )
        varied.append(np.asarray(sound, dtype=np.float32))
    if len(varied) == 1:
        cutoff = rng.uniform(1500, 8000)
        varied = [soften(varied[0], cutoff), soften(varied[0], 2.5 * cutoff), varied[0]]
    return Drum(tuple(varied))


def drum_from(sources: Sequence[Source], kind: str, rng: Random, stand_ins: bool = True) -> Drum | None:
    """Return a random drum of a `kind` out of `sources`; None when they hold none."""
    for name in (kind, *(STAND_INS.get(kind, ()) if stand_ins else ())):
        having = [source for source in sources if name in source.drums]
        if having:
            alternatives = having[int(rng.integers(len(having)))].drums[name]
            drum = vary(_read_layers(alternatives[int(rng.integers(len(alternatives)))]), rng)
            if drum is not None:
                return drum
    return None


# ---------------------------------------------------------------------------------------------- synthesised drums


def _time(seconds: float) -> Samples:
    """Return the times of samples, s."""
    return np.arange(int(RATE * seconds), dtype=np.float32) / np.float32(RATE)


def _decay(t: Samples, seconds: float) -> Samples:
    """Return an exponential decay, down to 1/e after `seconds`."""
    return np.asarray(np.exp(-t / np.float32(seconds)), dtype=np.float32)


def _noise(count: int, rng: Random) -> Samples:
    """Return white noise (count,)."""
    return rng.standard_normal(count, dtype=np.float32)


def _band(samples: Samples, low: float, high: float, order: int = 2) -> Samples:
    """Return `samples` between `low` and `high` Hz."""
    high = min(high, 0.48 * RATE)
    sos = butter(order, (min(low, 0.8 * high), high), "bandpass", fs=RATE, output="sos")
    return np.asarray(sosfilt(sos, samples), dtype=np.float32)


def _swept(t: Samples, start: float, end: float, sweep: float) -> Samples:
    """Return a sine that falls from `start` to `end` Hz within about `sweep` s, beginning near its crest."""
    phase = end * t + (start - end) * sweep * (1 - np.exp(-t / np.float32(sweep)))
    return np.asarray(np.sin(2 * np.pi * phase + 0.5), dtype=np.float32)


def _kick(rng: Random) -> Samples:
    end = rng.uniform(38, 75)
    t = _time(1.2)
    body = _swept(t, end * rng.uniform(1.5, 9), end, rng.uniform(0.006, 0.06)) * _decay(t, rng.uniform(0.05, 0.35))
    click = _band(_noise(len(t), rng), rng.uniform(800, 3000), rng.uniform(4000, 14000)) * _decay(
        t, rng.uniform(0.001, 0.008)
    )
    sound = body + rng.uniform(0.03, 0.9) * click
    if rng.random() < 0.4:
        sound = np.tanh(rng.uniform(1.5, 8) * sound)
    if rng.random() < 0.3:  # a room's or skin's noise
        sound = sound + rng.uniform(0.02, 0.2) * _band(_noise(len(t), rng), 80, 1200) * _decay(
            t, rng.uniform(0.03, 0.15)
        )
    return np.asarray(sound, dtype=np.float32)


def _snare(rng: Random) -> Samples:
    t = _time(0.8)
    tone = rng.uniform(130, 300)
    body = _swept(t, tone * rng.uniform(1.1, 2.2), tone, rng.uniform(0.005, 0.03)) * _decay(
        t, rng.uniform(0.03, 0.15)
    )
    body = body + rng.uniform(0, 0.7) * _swept(t, tone * 2.2, tone * rng.uniform(1.5, 1.8), 0.01) * _decay(t, 0.05)
    wires = _band(_noise(len(t), rng), rng.uniform(300, 2500), rng.uniform(6000, 18000), 1)
    wires = wires * _decay(t, rng.uniform(0.03, 0.22))
    sound = rng.uniform(0.1, 1.0) * body + rng.uniform(0.3, 1.2) * wires
    if rng.random() < 0.2:  # the gated reverb of the eighties
        gate = (t < rng.uniform(0.12, 0.3)).astype(np.float32)
        sound = sound + 0.4 * gate * _band(_noise(len(t), rng), 400, 9000)
    if rng.random() < 0.3:
        sound = np.tanh(rng.uniform(1.5, 5) * sound)
    return np.asarray(sound, dtype=np.float32)


def _clap(rng: Random) -> Samples:
    t = _time(0.6)
    noise = _band(_noise(len(t), rng), rng.uniform(500, 1200), rng.uniform(2000, 8000))
    envelope = np.zeros_like(t)
    gap = rng.uniform(0.006, 0.014)
    bursts = int(rng.integers(2, 5))
    for burst in range(bursts):
        after = t - np.float32(burst * gap)
        length = 0.004 if burst < bursts - 1 else rng.uniform(0.03, 0.18)
        envelope += np.where(after >= 0, np.exp(-np.maximum(after, 0) / np.float32(length)), 0).astype(np.float32)
    return noise * envelope


def _metal(t: Samples, rng: Random) -> Samples:
    """Return the clangour of six squares or of noise, or both."""
    base = rng.uniform(180, 700)
    ratios = np.array([1, 1.342, 1.2312, 1.6532, 1.9523, 2.1523]) * np.exp(rng.normal(0, 0.06, 6))
    phases = np.outer(base * ratios, t).astype(np.float32)
    squares = np.sign(np.sin(2 * np.pi * phases)).sum(axis=0).astype(np.float32) / np.float32(3)
    share = rng.choice([0.0, 1.0, rng.random()])
    return np.asarray(share * squares + (1 - share) * _noise(len(t), rng), dtype=np.float32)


def _hat(rng: Random, decay: float) -> Samples:
    t = _time(min(8 * decay + 0.02, 1.5))
    return _band(_metal(t, rng), rng.uniform(3500, 9500), rng.uniform(11000, 20000)) * _decay(t, decay)


def _cymbal(rng: Random, decay: float) -> Samples:
    t = _time(2.2)
    wash = _band(_metal(t, rng), rng.uniform(1500, 5000), rng.uniform(9000, 19000), 1) * _decay(t, decay)
    stroke = _band(_noise(len(t), rng), 3000, 12000) * _decay(t, 0.02)
    return wash + rng.uniform(0, 0.8) * stroke


def _ride(rng: Random) -> Samples:
    t = _time(1.4)
    ping = sum(
        (np.sin(2 * np.pi * rng.uniform(2500, 7000) * t) * _decay(t, rng.uniform(0.05, 0.4)) for _ in range(5)),
        start=np.zeros_like(t),
    )
    return np.asarray(
        rng.uniform(0.05, 0.4) * ping + 0.7 * _cymbal(rng, rng.uniform(0.15, 0.6))[: len(t)], np.float32
    )


def _tom(rng: Random, low: float, high: float) -> Samples:
    t = _time(1.0)
    end = rng.uniform(low, high)
    body = _swept(t, end * rng.uniform(1.1, 2.5), end, rng.uniform(0.01, 0.09)) * _decay(t, rng.uniform(0.07, 0.3))
    skin = _band(_noise(len(t), rng), 300, 6000) * _decay(t, rng.uniform(0.003, 0.03))
    return body + rng.uniform(0.05, 0.5) * skin


def _struck(rng: Random, low: float, high: float, decay: tuple[float, float]) -> Samples:
    """Return something small and struck: frequency-modulated, or a few inharmonic partials."""
    t = _time(0.7)
    base = rng.uniform(low, high)
    if rng.random() < 0.5:
        depth = rng.uniform(0.2, 4) * _decay(t, rng.uniform(0.003, 0.05))
        sound = np.sin(2 * np.pi * base * t + depth * np.sin(2 * np.pi * base * rng.uniform(1.2, 3.7) * t))
    else:
        sound = sum(
            (rng.uniform(0.2, 1) * np.sin(2 * np.pi * base * ratio * t) for ratio in (1, *rng.uniform(1.3, 4, 2))),
            start=np.zeros_like(t),
        )
    click = 0.2 * _noise(len(t), rng) * _decay(t, 0.001)
    return np.asarray(sound * _decay(t, rng.uniform(*decay)) + click, dtype=np.float32)


def _rattle(rng: Random) -> Samples:
    t = _time(0.4)
    attack = np.minimum(t / np.float32(rng.uniform(0.001, 0.004)), 1)
    hiss = _band(_noise(len(t), rng), rng.uniform(2500, 6000), rng.uniform(8000, 18000))
    return np.asarray(hiss * attack * _decay(t, rng.uniform(0.015, 0.09)), dtype=np.float32)


def _jingle(rng: Random) -> Samples:
    ring, shake = _hat(rng, rng.uniform(0.04, 0.12)), _rattle(rng)
    length = min(len(ring), len(shake))
    return rng.uniform(0.2, 0.8) * ring[:length] + shake[:length]


def synthesise_drum(kind: str, rng: Random) -> Drum:
    """Return a drum of a `kind` with random parameters."""
    sounds = {
        "kick": lambda: _kick(rng),
        "snare": lambda: _snare(rng),
        "rim": lambda: _struck(rng, 400, 1900, (0.005, 0.03)),
        "clap": lambda: _clap(rng),
        "closed_hat": lambda: _hat(rng, rng.uniform(0.01, 0.06)),
        "open_hat": lambda: _hat(rng, rng.uniform(0.08, 0.4)),
        "low_tom": lambda: _tom(rng, 60, 110),
        "mid_tom": lambda: _tom(rng, 95, 160),
        "high_tom": lambda: _tom(rng, 140, 260),
        "crash": lambda: _cymbal(rng, rng.uniform(0.3, 0.9)),
        "ride": lambda: _ride(rng),
        "cowbell": lambda: _struck(rng, 480, 900, (0.03, 0.15)),
        "shaker": lambda: _rattle(rng),
        "tambourine": lambda: _jingle(rng),
        "low_conga": lambda: _tom(rng, 150, 220),
        "high_conga": lambda: _tom(rng, 220, 380),
        "claves": lambda: _struck(rng, 1800, 3200, (0.01, 0.05)),
        "block": lambda: _struck(rng, 600, 1600, (0.01, 0.06)),
        "bell": lambda: _struck(rng, 1500, 5500, (0.05, 0.2)),
    }
    sound = finish_one_shot(np.asarray(sounds.get(kind, sounds["rim"])(), dtype=np.float32))
    cutoff = rng.uniform(1500, 8000)
    return Drum((soften(sound, cutoff), soften(sound, 2.5 * cutoff), sound))


# ------------------------------------------------------------------------------------------------------- playing


# How loud the kinds of drums are relative to each other in a usual mix, dB.
USUAL_LEVELS: dict[str, float] = {
    "kick": 0, "snare": -1, "rim": -6, "clap": -3, "closed_hat": -12, "open_hat": -11, "low_tom": -3, "mid_tom": -3,
    "high_tom": -4, "crash": -8, "ride": -13, "cowbell": -9, "shaker": -13, "tambourine": -12, "low_conga": -6,
    "high_conga": -7, "claves": -9, "block": -9, "bell": -12,
}  # fmt: skip


def play_drums(notes: Sequence[Note], kit: dict[str, Drum], count: int, rng: Random) -> tuple[Samples, Samples]:
    """Return what a kit plays, (count,) at `RATE`: everything but the kick, and the kick.

    The two are kept apart because a mix treats them apart. Open hats are stopped by closed ones.
    """
    rest, kick = np.zeros(count, np.float32), np.zeros(count, np.float32)
    gamma = rng.uniform(0.8, 2.2)
    sway = rng.uniform(0, 0.1)
    # Uneven levels between the drums of a kit: some mixes are all kick, some all hats.
    levels = {kind: 10 ** ((USUAL_LEVELS.get(kind, -8) + rng.normal(0, 3.5)) / 20) for kind in kit}
    closing = np.array(sorted(note.start for note in notes if KIND_OF_PITCH.get(note.pitch) == "closed_hat"))
    wobble = np.exp(sway * rng.standard_normal(len(notes)))
    for note, factor in zip(notes, wobble, strict=True):
        kind = KIND_OF_PITCH.get(note.pitch, "rim")
        drum = kit.get(kind)
        begin = round(note.start * RATE)
        if drum is None or begin >= count or begin < 0:
            continue
        strength = note.velocity / 127
        layer = drum.layers[min(int(strength * len(drum.layers)), len(drum.layers) - 1)]
        length = min(len(layer), count - begin)
        if kind == "open_hat":
            following = int(np.searchsorted(closing, note.start + 0.01))
            if following < len(closing):
                length = min(length, round((closing[following] - note.start) * RATE))
        gain = np.float32(levels[kind] * strength**gamma * factor)
        target = kick if kind == "kick" else rest
        target[begin : begin + length] += gain * layer[:length]
    return rest, kick
