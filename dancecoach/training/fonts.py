"""General MIDI sound fonts, played in this process by FluidSynth."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancecoach.training.kits import RATE, Samples, finish_one_shot
from dancecoach.training.pieces import Note

FONT_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/usr/share/sounds/sf2",
        "/usr/share/sounds/sf3",
        "/usr/share/soundfonts",
        "/usr/local/share/soundfonts",
        "/usr/local/share/sounds/sf2",
    )
)
HELD_OUT_FONTS = ("TimGM6mb", "MuseScore_General")
BLOCK = 64  # samples; FluidSynth starts notes at multiples of it
DRUM_BANK = 128


def find_fonts(held_out: bool) -> list[SoundFont]:
    """Return the sound fonts of this system: those held out from training, or the others; none without FluidSynth."""
    if _fluidsynth() is None:
        return []
    files: dict[Path, None] = {}
    for folder in FONT_FOLDERS:
        for pattern in ("*.sf2", "*.sf3"):
            for file in sorted(folder.glob(pattern)) if folder.is_dir() else ():
                files[file.resolve()] = None
    return [SoundFont(file) for file in files if file.stem.startswith(HELD_OUT_FONTS) == held_out]


@lru_cache(maxsize=1)
def _fluidsynth() -> Any:
    """Return the binding of FluidSynth, or None where it or the library is missing."""
    try:
        module: Any = importlib.import_module("fluidsynth")
        write = module._fl.fluid_synth_write_float
    except (ImportError, OSError, AttributeError):
        return None
    write.restype = ctypes.c_int
    write.argtypes = [ctypes.c_void_p, ctypes.c_int] + [ctypes.c_void_p, ctypes.c_int, ctypes.c_int] * 2
    off = module._fl.fluid_synth_all_sounds_off
    off.restype, off.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_int]
    return module


class SoundFont:
    """A sound font, loaded when first played."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._synth: Any = None
        self._id = -1
        self._drums: dict[tuple[int, int, int, int], Samples] = {}
        self._latencies: dict[int, int] = {}
        self._presets: dict[int, tuple[int, ...]] = {}

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.stem

    def _load(self) -> Any:
        if self._synth is None:
            module = _fluidsynth()
            settings = {"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.polyphony": 80}
            self._synth = module.Synth(gain=0.4, samplerate=RATE, channels=16, **settings)
            self._id = self._synth.sfload(str(self.file))
        return self._synth

    def programs(self, bank: int = 0) -> tuple[int, ...]:
        """Return the programs of a bank."""
        if bank not in self._presets:
            synth = self._load()
            found = range(128) if self._id >= 0 else ()
            self._presets[bank] = tuple(p for p in found if synth.sfpreset_name(self._id, bank, p) is not None)
        return self._presets[bank]

    @property
    def melodic(self) -> bool:
        """Whether it holds the instruments of General MIDI and not only drums."""
        return len(self.programs(0)) > 60

    @property
    def drum_kits(self) -> tuple[tuple[int, int], ...]:
        """The (bank, program) of its drum kits."""
        kits = tuple((DRUM_BANK, program) for program in self.programs(DRUM_BANK))
        return kits or (() if self.melodic else tuple((0, program) for program in self.programs(0)))

    def _write(self, left: NDArray[np.float32], right: NDArray[np.float32], begin: int, length: int) -> None:
        _fluidsynth()._fl.fluid_synth_write_float(
            self._synth.synth, length, left.ctypes.data, begin, 1, right.ctypes.data, begin, 1
        )

    def _play(self, notes: Sequence[Note], bank: int, program: int, count: int) -> Samples:
        synth = self._load()
        blocks = -(-count // BLOCK)
        left, right = np.zeros(blocks * BLOCK, np.float32), np.zeros(blocks * BLOCK, np.float32)
        # What was played before must not ring on; a reset of the synthesiser would let it.
        _fluidsynth()._fl.fluid_synth_all_sounds_off(synth.synth, -1)
        for _ in range(200):
            self._write(left, right, 0, BLOCK)
            if not left[:BLOCK].any() and not right[:BLOCK].any():
                break
        # Drum kits sound on the drum channel only.
        channel = 9 if bank == DRUM_BANK else 0
        synth.program_select(channel, self._id, bank, program)
        events = []
        for note in notes:
            start = round(note.start * RATE / BLOCK)
            stop = max(round((note.start + note.duration) * RATE / BLOCK), start + 1)
            # At the same time, ends come before beginnings.
            events += [(start, 1, note.pitch, note.velocity), (stop, 0, note.pitch, 0)]
        place = 0
        for block, on, pitch, velocity in sorted(events):
            if block >= blocks:
                break
            if block > place:
                self._write(left, right, place * BLOCK, (block - place) * BLOCK)
                place = block
            if on:
                synth.noteon(channel, pitch, velocity)
            else:
                synth.noteoff(channel, pitch)
        if place < blocks:
            self._write(left, right, place * BLOCK, (blocks - place) * BLOCK)
        return np.asarray((left + right)[:count] * np.float32(0.5), dtype=np.float32)

    def play(self, notes: Sequence[Note], program: int, count: int) -> Samples:
        """Return what an instrument plays, (count,) at `RATE`.

        Recorded instruments may begin a few milliseconds into their samples; that is measured and taken back.
        """
        if program not in self.programs(0):
            program = self.programs(0)[program % len(self.programs(0))]
        late = self._latency(program)
        played = self._play(notes, 0, program, count + late)
        return played[late:]

    def _latency(self, program: int) -> int:
        """Return after how many samples a note's sound rises, 0…12 ms; slow attacks are meant and left alone."""
        if program not in self._latencies:
            late = []
            for pitch in (45, 57, 69):
                tone = np.abs(self._play([Note(0.0, 0.3, pitch, 110)], 0, program, RATE // 4))
                early = float(tone[: RATE // 20].max())
                if early > 0.6 * float(tone.max()) > 0:
                    late.append(int(np.argmax(tone > 0.15 * early)))
            typical = int(np.median(late)) if late else 0
            self._latencies[program] = max(typical - 16, 0) if typical < 0.012 * RATE else 0
        return self._latencies[program]

    def drum(self, bank: int, program: int, pitch: int, layers: int = 3) -> tuple[Samples, ...]:
        """Return the one-shots of a drum from soft to hard, onset at the first sample; empty when there is none."""
        found = []
        for layer in range(layers):
            velocity = round(127 * (layer + 0.8) / layers) if layers > 1 else 110
            key = (bank, program, pitch, velocity)
            if key not in self._drums:
                sound = self._play([Note(0.0, 1.5, pitch, min(velocity, 127))], bank, program, 2 * RATE)
                self._drums[key] = finish_one_shot(sound)
            if len(self._drums[key]):
                found.append(self._drums[key])
        return tuple(found)
