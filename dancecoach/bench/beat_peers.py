"""The beat trackers that are compared, each behind the same small adapter.

Ours hear the sound in blocks, as in the live loop. A peer that announces a beat only as it sounds is helped: its next
beat is extrapolated from its last intervals, so that its prediction can be compared, too.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dancecoach.bench.beat_metrics import Announced, extrapolated
from dancecoach.perception.beats import BeatTracker, StreamingBeatTracker
from dancecoach.types import SURE, AudioBlock, BeatGrid, Floats
from dancecoach.ui.words import count_at

_LOOK = 0.1  # s between looks at what the screen would show
_PEER_RATE = 44_100  # Hz, what peers without a choice were made for


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of sound: `samples` (N, C) float32, `rate` Hz."""

    name: str
    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate

    @property
    def mono(self) -> NDArray[np.float32]:
        """The channels' mean (N,)."""
        return np.asarray(self.samples.mean(axis=1), dtype=np.float32)

    def at(self, rate: int) -> NDArray[np.float32]:
        """Return the mono sound at another rate."""
        if rate == self.rate:
            return self.mono
        from scipy.signal import resample_poly

        common = int(np.gcd(rate, self.rate))
        return np.asarray(resample_poly(self.mono, rate // common, self.rate // common), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a tracker made of a clip.

    `cpu` s of processor time; `blocks_ms` (K,) of single blocks, None where there are none; `counting` share of the
    time in which a running count would be on the screen; `next_due` (B,) s, extrapolated beats of a tracker that does
    not predict, else None.
    """

    found: Announced
    cpu: float
    blocks_ms: Floats | None = None
    counting: float | None = None
    next_due: Floats | None = None


class Contender(Protocol):
    """A tracker in the comparison."""

    name: str
    kind: str

    def find(self) -> str | None:
        """Return why it is absent, None when it is here."""
        ...

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Track the beats of `clip`, given in blocks of `block` samples where the tracker takes blocks."""
        ...


class Streaming:
    """One of our streaming trackers, as the live loop uses it."""

    kind = "streaming"

    def __init__(self, name: str, make: Callable[[], BeatTracker]) -> None:
        self.name = name
        self._make = make

    def find(self) -> str | None:
        """Return None: it is always here."""
        return None

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Feed block after block; what was heard by then decides when a beat was announced."""
        tracker = self._make()
        beats: list[tuple[float, bool, float, float]] = []
        spent = np.zeros(-(-len(clip.samples) // block))
        look, looks, shown = 0.0, 0, 0
        for number, start in enumerate(range(0, len(clip.samples), block)):
            piece = AudioBlock(start / clip.rate, start, clip.samples[start : start + block], clip.rate)
            before = time.process_time()
            announced = tracker.step(piece)
            spent[number] = time.process_time() - before
            heard = (start + len(piece.samples)) / clip.rate
            beats += [(beat.time, beat.downbeat, heard, beat.confidence) for beat in announced]
            if heard >= look:
                look, looks = heard + _LOOK, looks + 1
                shown += _running(tracker.grid(), heard)
        beats.sort(key=lambda beat: beat[0])
        found = Announced(
            times=np.array([beat[0] for beat in beats], dtype=np.float64),
            downbeats=np.array([beat[1] for beat in beats], dtype=bool),
            announced_at=np.array([beat[2] for beat in beats], dtype=np.float64),
            confidence=np.array([beat[3] for beat in beats], dtype=np.float64),
        )
        return Hearing(found, float(spent.sum()), spent * 1000.0, shown / looks if looks else None)


def _running(grid: BeatGrid | None, now: float) -> bool:
    """Return whether the screen would show a count at `now` s that is more than a guess."""
    return grid is not None and grid.confidence >= SURE and count_at(grid, now) is not None


class Ahead:
    """Our analysis of music that is at hand as a whole."""

    name = "ahead"
    kind = "hears the whole file first"

    def find(self) -> str | None:
        """Return None: it is always here."""
        return None

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Analyse the clip as the player does before it plays."""
        from dancecoach.perception.beat_analysis import analyse_beats

        samples = clip.at(22_050)
        before = time.process_time()
        grid = analyse_beats(samples, 22_050)
        cpu = time.process_time() - before
        if grid is None:
            return Hearing(Announced(np.empty(0), None, np.empty(0, dtype=bool), np.empty(0)), cpu, counting=0.0)
        inside = grid.beat_times[(grid.beat_times >= 0) & (grid.beat_times <= clip.seconds)]
        span = float(inside[-1] - inside[0]) / clip.seconds if len(inside) > 1 else 0.0
        downbeats = (grid.counts - 1) % grid.beats_per_bar == 0
        confidence = np.full(len(grid.beat_times), grid.confidence)
        found = Announced(grid.beat_times, None, downbeats, confidence)
        return Hearing(found, cpu, counting=span if grid.confidence >= SURE else 0.0)


class Librosa:
    """`librosa.beat.beat_track` (dynamic programming)."""

    name = "librosa"
    kind = "hears the whole file first"

    def __init__(self) -> None:
        self._warm = False

    def find(self) -> str | None:
        """Return why it is absent."""
        return _missing("librosa")

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Track with the library's defaults."""
        librosa = importlib.import_module("librosa")
        samples = clip.at(22_050)
        if not self._warm:  # it compiles itself on first use, which is no tracking
            librosa.beat.beat_track(y=np.random.default_rng(1).normal(0, 0.1, 5 * 22_050), sr=22_050)
            self._warm = True
        before = time.process_time()
        _, times = librosa.beat.beat_track(y=samples, sr=22_050, units="time")
        cpu = time.process_time() - before
        return Hearing(Announced(np.asarray(times, dtype=np.float64), None), cpu)


class Aubio:
    """`aubio`'s tempo, the module or else the command `aubiotrack`."""

    name = "aubio"
    kind = "online, announces as it sounds"

    def find(self) -> str | None:
        """Return why it is absent."""
        if _missing("aubio") is None or shutil.which("aubiotrack") is not None:
            return None
        return "neither the Python module aubio nor the command aubiotrack is installed"

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Feed hops of 512 samples, or give the command a file."""
        if _missing("aubio") is not None:
            return self._command(clip)
        aubio = importlib.import_module("aubio")
        samples, hop = clip.mono, 512
        tempo = aubio.tempo("default", 1024, hop, clip.rate)
        times, heard, spent = [], [], []
        for start in range(0, len(samples) - hop + 1, hop):
            before = time.process_time()
            beat = tempo(samples[start : start + hop])
            spent.append((time.process_time() - before) * 1000.0)
            if beat[0]:
                times.append(float(tempo.get_last_s()))
                heard.append((start + hop) / clip.rate)
        return _reactive(np.array(times), sum(spent) / 1000.0, np.array(heard), np.array(spent))

    def _command(self, clip: Clip) -> Hearing:
        with tempfile.TemporaryDirectory() as folder:
            path = _wave(clip.mono, clip.rate, Path(folder))
            before = _children_cpu()
            done = subprocess.run(
                ["aubiotrack", "-i", str(path)], capture_output=True, text=True, timeout=600, check=False
            )
            cpu = _children_cpu() - before
        if done.returncode != 0:
            raise RuntimeError(f"aubiotrack: {done.stderr.strip()[:200]}")
        return _reactive(np.array([float(line.split()[0]) for line in done.stdout.splitlines() if line.strip()]), cpu)


class BTrack:
    """BTrack by its Python module."""

    name = "btrack"
    kind = "online, announces as it sounds"

    def find(self) -> str | None:
        """Return why it is absent."""
        return None if _missing("btrack_beat_tracker") is None else _missing("btrack")

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Give it the file; it is causal by itself."""
        module = importlib.import_module("btrack" if _missing("btrack") is None else "btrack_beat_tracker")
        samples = clip.at(_PEER_RATE).astype(np.float64)
        before = time.process_time()
        times = module.trackBeats(samples)
        return _reactive(np.asarray(times, dtype=np.float64).ravel(), time.process_time() - before)


class Madmom:
    """madmom's online network and forward-filtered bar pointer."""

    name = "madmom"
    kind = "online, announces as it sounds"

    def __init__(self) -> None:
        self._network: Any = None

    def find(self) -> str | None:
        """Return why it is absent."""
        return _missing("madmom")

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Give it the file: network and filter look back only."""
        beats = importlib.import_module("madmom.features.beats")
        signal = importlib.import_module("madmom.audio.signal")
        if self._network is None:
            self._network = beats.RNNBeatProcessor(online=True)  # looks back only
        tracker = beats.DBNBeatTrackingProcessor(online=True, fps=100)
        samples = signal.Signal((clip.at(_PEER_RATE).clip(-1, 1) * 32767).astype(np.int16), sample_rate=_PEER_RATE)
        before = time.process_time()
        times = tracker.process_online(self._network(samples), reset=True)
        return _reactive(np.asarray(times, dtype=np.float64).ravel(), time.process_time() - before)


class BeatNet:
    """BeatNet's online mode (particle filter)."""

    name = "beatnet"
    kind = "online, announces as it sounds"

    def __init__(self) -> None:
        self._estimator: Any = None

    def find(self) -> str | None:
        """Return why it is absent."""
        return _missing("BeatNet")

    def hear(self, clip: Clip, block: int) -> Hearing:
        """Give it the file; it goes through it frame by frame."""
        if self._estimator is None:
            module = importlib.import_module("BeatNet.BeatNet")
            self._estimator = module.BeatNet(1, mode="online", inference_model="PF", plot=[], thread=False)
        with tempfile.TemporaryDirectory() as folder:
            path = _wave(clip.mono, clip.rate, Path(folder))
            before = time.process_time()
            rows = np.asarray(self._estimator.process(str(path)), dtype=np.float64).reshape(-1, 2)
            cpu = time.process_time() - before
        return _reactive(rows[:, 0], cpu, downbeats=rows[:, 1] == 1)


def contenders() -> list[Contender]:
    """Return all trackers there are adapters for, ours first."""
    return [
        Streaming("ours", _ours()),
        Streaming("classical", StreamingBeatTracker),
        Ahead(),
        Librosa(),
        Aubio(),
        BTrack(),
        Madmom(),
        BeatNet(),
    ]


def _ours() -> Callable[[], BeatTracker]:
    """Return the engine's tracker."""
    from dancecoach.perception.beats import default_tracker

    return default_tracker


def _reactive(
    times: Floats,
    cpu: float,
    announced_at: Floats | None = None,
    blocks_ms: Floats | None = None,
    downbeats: NDArray[np.bool_] | None = None,
) -> Hearing:
    """Return the hearing of a tracker that announces a beat as it sounds."""
    found = Announced(times, times if announced_at is None else announced_at, downbeats)
    return Hearing(found, cpu, blocks_ms, next_due=extrapolated(times))


def _missing(module: str) -> str | None:
    if module in sys.modules or importlib.util.find_spec(module) is not None:
        return None
    return f"the Python module {module} is not installed"


def _wave(samples: NDArray[np.float32], rate: int, folder: Path) -> Path:
    import soundfile

    path = folder / "clip.wav"
    soundfile.write(path, samples, rate)
    return path


def _children_cpu() -> float:
    import psutil

    times = psutil.Process().cpu_times()
    return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
