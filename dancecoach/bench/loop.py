"""The live loop under load, measured: a network camera, a sound device, an open window, on this machine.

```
process 1: MJPEG server, 640 × 480 at 30 a second ──HTTP──┐
process 2: music ──► sound server's null sink ──monitor──┐│
this one:                               PortAudio input ◄┘└► network camera ─► engine ─► window
```
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import soundfile

from dancecoach.bench.display import virtual_display
from dancecoach.bench.mjpeg_server import encode
from dancecoach.bench.pulse import PulseDaemon, missing
from dancecoach.clock import ManualClock
from dancecoach.config import Settings
from dancecoach.loop.demo import ASSETS
from dancecoach.sources.base import EndOfStream
from dancecoach.sources.media import read_audio
from dancecoach.sources.video_file import VideoFile
from dancecoach.types import Image

SCHEMA = "dancecoach.bench.loop/1"
WIDTH, HEIGHT, RATE = 640, 480, 30
_WARM_UP = 8.0  # s before the figures count: networks load, the beat is found
_LONGEST_VIDEO = 60.0  # s, then it repeats


def run(
    seconds: float, video: Path | None = None, music: Path | None = None, partner: bool = False
) -> dict[str, Any]:
    """Run the loop for `seconds`, print the figures by stage and return them.

    Parameters
    ----------
    seconds : float
        How long to measure, after the warm-up.
    video, music : Path, optional
        What to show and play, the demo's by default; both repeat.
    partner : bool, optional
        Switch the live partner on and show it.

    Raises
    ------
    DancecoachError
        When there is neither a display nor Xvfb, or a file cannot be read.
    """
    video = video or ASSETS / "demo" / "video.mp4"
    music = music or ASSETS / "demo" / "audio.wav"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pictures = _prepare_pictures(video, folder / "pictures.bin")
        stack.enter_context(_display())
        sound = stack.enter_context(_sound(music, folder / "music.wav"))
        url = stack.enter_context(_camera(folder / "pictures.bin"))
        start_up = _start_up(url)
        figures = _measure(url, sound, seconds, partner)
    result = {
        "schema": SCHEMA,
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "video": {"file": video.name, "width": WIDTH, "height": HEIGHT, "rate": RATE, "pictures": pictures},
        "music": music.name,
        "sound_device": sound or "none",
        "start_to_first_picture_s": start_up,
        **figures,
    }
    _print(result)
    return result


def _prepare_pictures(video: Path, target: Path) -> int:
    """Write the video as JPEGs of 640 × 480 at 30 a second, each after its length; returns how many."""
    source = VideoFile(video, ManualClock(), paced=False)
    source.open()
    count = 0
    held: bytes | None = None
    try:
        with target.open("wb") as file:
            while count < _LONGEST_VIDEO * RATE:
                try:
                    frame = source.read(10.0)
                except EndOfStream:
                    break
                if frame is None:
                    continue
                # Repeat the last picture until this one is due.
                while held is not None and count / RATE < frame.time:
                    file.write(len(held).to_bytes(4, "big") + held)
                    count += 1
                held = encode(_letterboxed(frame.image))
            if held is not None:
                file.write(len(held).to_bytes(4, "big") + held)
                count += 1
    finally:
        source.close()
    return count


def _letterboxed(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    canvas = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas


@contextlib.contextmanager
def _display() -> Iterator[None]:
    """Use the display there is, or a virtual one."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        yield
        return
    with virtual_display() as name:
        os.environ["DISPLAY"] = name
        try:
            yield
        finally:
            del os.environ["DISPLAY"]


@contextlib.contextmanager
def _sound(music: Path, wave: Path) -> Iterator[str]:
    """Play `music` into a sound server's null sink; gives the name of the input to listen to, "" for none."""
    reason = missing() or ("paplay is not installed" if shutil.which("paplay") is None else "")
    if reason:
        print(f"No sound: {reason}.", file=sys.stderr)
        yield "none"
        return
    samples, rate = read_audio(music, 44_100, mono=False, limit_seconds=_LONGEST_VIDEO)
    soundfile.write(wave, samples, rate)
    with PulseDaemon():
        stop = threading.Event()

        def play() -> None:
            while not stop.is_set():
                process = subprocess.Popen(["paplay", str(wave)], stderr=subprocess.DEVNULL)
                while process.poll() is None and not stop.wait(0.1):
                    pass
                process.terminate()
                process.wait()

        thread = threading.Thread(target=play, name="bench music")
        thread.start()
        try:
            yield "monitor"
        finally:
            stop.set()
            thread.join()


@contextlib.contextmanager
def _camera(pictures: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dancecoach.bench.mjpeg_server", str(pictures), str(RATE)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _start_up(url: str) -> float | None:
    """Return the seconds from starting the application to its first painted picture."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dancecoach", "--camera", url, "--audio", "none", "--quit-after", "8", "--verbose"],
        stderr=subprocess.PIPE,
        text=True,
    )
    first = None
    assert process.stderr is not None
    for line in process.stderr:
        if "first picture painted" in line and first is None:
            first = round(time.perf_counter() - began, 2)
            process.terminate()
    process.wait()
    return first


def _measure(url: str, sound: str, seconds: float, partner: bool) -> dict[str, Any]:
    from dancecoach.engine import Engine
    from dancecoach.ui.application import RunOptions
    from dancecoach.ui.application import run as run_window

    engines: list[Engine] = []
    settings = Settings(camera=url, audio=sound, partner=partner)

    def build() -> Engine:
        engine = Engine(settings)
        engines.append(engine)
        return engine

    probe = _Probe(engines, seconds)
    thread = threading.Thread(target=probe.watch, name="bench probe")
    thread.start()
    try:
        run_window(build, settings, None, RunOptions(size=(1280, 720), quit_after=_WARM_UP + seconds + 1.5))
    finally:
        probe.stop.set()
        thread.join()
    return probe.figures


class _Probe:
    """Reads the engine's counters before and after, and the memory in between."""

    def __init__(self, engines: list[Any], seconds: float) -> None:
        self._engines = engines
        self._seconds = seconds
        self.stop = threading.Event()
        self.figures: dict[str, Any] = {}

    def watch(self) -> None:
        if self.stop.wait(_WARM_UP) or not self._engines:
            return
        engine = self._engines[0]
        window = _window()
        numbers = (os.getpid(), engine.assessment.process, engine.partner.process)
        processes = [psutil.Process(number) for number in numbers if number is not None]
        before, cpu = _counters(engine, window), _processor_time(processes)
        began = time.perf_counter()
        memory: list[tuple[float, float]] = []
        delays = engine.timers["arrival to paint"]
        delays.clear()
        frames, view = engine.timers["partner"], window.partner.view
        frames.clear()
        if view is not None:
            view.times.clear()
        while time.perf_counter() - began < self._seconds and not self.stop.wait(1.0):
            memory.append((time.perf_counter() - began, _memory(processes)))
        elapsed = time.perf_counter() - began
        after, used = _counters(engine, window), _processor_time(processes)
        counts = {name: after[name] - before[name] for name in before}
        received = max(counts["received"], 1)
        low, middle, high = delays.percentiles((5, 50, 95))
        self.figures = {
            "seconds": round(elapsed, 1),
            "poses_per_second": round(counts["poses"] / elapsed, 2),
            "pictures_received": counts["received"],
            "pictures_dropped_percent": round(100 * counts["dropped"] / received, 2),
            "paints_per_second": round(counts["paints"] / elapsed, 2),
            "arrival_to_paint_ms": {"p5": round(low, 1), "p50": round(middle, 1), "p95": round(high, 1)},
            "partner": None if view is None else _partner_figures(engine, view, counts, elapsed),
            "cpu_cores_used": round((used - cpu) / elapsed, 2),
            "memory_mb": round(max(value for _, value in memory), 1),
            "memory_growth_mb_per_minute": _growth(memory),
            "tempo_heard": None if engine.listener.grid is None else round(engine.listener.grid.tempo, 2),
            "dancer_seen": engine.watcher.seen is not None and engine.watcher.seen.result.raw is not None,
            "stages": {
                name: {key: round(value, 2) for key, value in asdict(timing).items()}
                for name, timing in {
                    **engine.snapshot().timings,
                    "paint": window.stage.paint_timing(),
                    **({} if view is None else {"paint partner": view.paint_timing()}),
                }.items()
            },
        }


def _partner_figures(engine: Any, view: Any, counts: dict[str, int], elapsed: float) -> dict[str, Any]:
    """Return how long the partner's frames took, each, and its paints; `skipped` frames since the start."""
    return {
        "step_ms": _shares(engine.timers["partner"]),
        "frames_per_second": round(counts["frames"] / elapsed, 2),
        "skipped": engine.partner.skipped,
        "paint_ms": _shares(view.times),
        "paints_per_second": round(counts["partner paints"] / elapsed, 2),
        "drawn_by": "the painter" if view.renderer is None else "OpenGL",
    }


def _shares(times: Any) -> dict[str, float]:
    middle, high, highest = times.percentiles((50, 95, 99))
    return {"p50": round(middle, 2), "p95": round(high, 2), "p99": round(highest, 2)}


def _window() -> Any:
    """Return the main window; only its counters are read from here."""
    from PySide6.QtWidgets import QApplication

    from dancecoach.ui.main_window import MainWindow

    return next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow))


def _counters(engine: Any, window: Any) -> dict[str, int]:
    return {
        "poses": engine.timers["pose"].count,
        "paints": window.stage.paint_count,
        "received": engine.capture.received,
        "dropped": engine.dropped,
        "frames": engine.timers["partner"].count,
        "partner paints": 0 if window.partner.view is None else window.partner.view.times.count,
    }


def _processor_time(processes: list[psutil.Process]) -> float:
    """Return the s of processor time that the application's processes have used so far."""
    return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


def _memory(processes: list[psutil.Process]) -> float:
    """Return the megabytes that the application's processes have in memory; what they share counts for each."""
    return float(sum(process.memory_info().rss for process in processes)) / 1e6


def _growth(memory: list[tuple[float, float]]) -> float | None:
    """Return megabytes a minute after the first minute; None for a run too short to tell."""
    late = np.array([entry for entry in memory if entry[0] > 60.0])
    if len(late) < 60:
        return None
    return round(float(np.polyfit(late[:, 0], late[:, 1], 1)[0] * 60), 3)


def _print(figures: dict[str, Any]) -> None:
    for key, value in figures.items():
        if key != "stages":
            print(f"{key.replace('_', ' '):32} {value}")
    print(f"{'stage':24}{'p50 ms':>10}{'p95 ms':>10}{'per second':>12}{'dropped':>10}")
    for name, stage in figures.get("stages", {}).items():
        row = (stage["p50_ms"], stage["p95_ms"], stage["rate"])
        print(f"{name:24}{row[0]:10.1f}{row[1]:10.1f}{row[2]:12.1f}{int(stage['dropped']):10d}")
