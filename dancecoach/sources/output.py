"""Where the player's samples go: a sound card, or nowhere at the pace of the clock."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dancecoach.clock import Clock
from dancecoach.errors import SourceError
from dancecoach.sources import portaudio
from dancecoach.sources.microphone import close_stream
from dancecoach.sources.portaudio import AudioDevice
from dancecoach.sources.settling import SettlingClock
from dancecoach.sources.stretch import Samples

log = logging.getLogger(__name__)

RING_SECONDS = 2.0
LATENCY = 0.1  # seconds asked of the device: commands stay quick, and a busy computer does not break the sound
LONGEST_DELAY = 3.0  # seconds from callback to air that are believed; Bluetooth stays below
SILENT_SECONDS = 1.0  # without a callback the device counts as gone
START_SECONDS = 4.0  # the same before the first callback; an idle sound server may sleep for two seconds
STRAY = 0.02  # seconds; a stamp further off is not believed,
STRAYS = 10  # unless so many in a row agree: the device skipped or paused


def delay_to_air(current: float, dac: float, latency: float) -> float:
    """Return seconds from a callback to its first sample being in the air.

    Parameters
    ----------
    current, dac : float
        PortAudio's stamps of the callback and of the buffer's first sample; 0 or nonsense on some drivers.
    latency : float
        The stream's output latency, s; the fallback.
    """
    delay = dac - current
    return delay if dac > 0 and 0.0 < delay <= LONGEST_DELAY else latency


class Output(Protocol):
    """Takes output samples by their index and knows when each is in the air."""

    sample_rate: int
    underruns: int

    def taken(self) -> int:
        """Return the index of the first sample not yet taken."""
        ...

    def time_of(self, index: float) -> float:
        """Return the clock time at which a sample is in the air, seconds."""
        ...

    def index_at(self, time: float) -> float:
        """Return the sample that is in the air at a clock time."""
        ...

    def write(self, index: int, samples: Samples) -> None:
        """Store samples from `index` on."""
        ...

    def cut(self, index: int) -> None:
        """Declare everything from `index` on not written."""
        ...

    def update(self) -> bool:
        """Digest what the device told; returns False when it is gone."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class SilentOutput:
    """No device: sample `n` is in the air at `start + n / rate`, exactly."""

    def __init__(self, clock: Clock, sample_rate: int, first: int = 0) -> None:
        self.sample_rate = sample_rate
        self.underruns = 0
        self._clock = clock
        self._start = clock.now() - first / sample_rate

    def taken(self) -> int:
        """Return the index of the first sample whose time has not come."""
        return max(0, int(self.index_at(self._clock.now())) + 1)

    def time_of(self, index: float) -> float:
        """Return when a sample would be heard, clock seconds."""
        return self._start + index / self.sample_rate

    def index_at(self, time: float) -> float:
        """Return the sample at a clock time."""
        return (time - self._start) * self.sample_rate

    def write(self, index: int, samples: Samples) -> None:
        """Drop the samples."""

    def cut(self, index: int) -> None:
        """Nothing is kept that could be cut."""

    def update(self) -> bool:
        """Return True: there is nothing that could go away."""
        return True

    def close(self) -> None:
        """Nothing to release."""


class DeviceOutput:
    """A sound card through PortAudio; the callback copies from a ring and does nothing else."""

    def __init__(self, name: str, clock: Clock, channels: int, sample_rate: int | None = None) -> None:
        portaudio.refresh()
        self.device: AudioDevice = portaudio.find(name, source=False)
        self.sample_rate = sample_rate or self.device.sample_rate
        self.underruns = 0
        self._clock = clock
        self._ring: NDArray[np.float32] = np.zeros((int(RING_SECONDS * self.sample_rate), channels), np.float32)
        self._taken = 0
        self._written = 0
        self._notes: deque[tuple[int, float, float]] = deque(maxlen=256)
        self._samples = SettlingClock(self.sample_rate)
        self._samples.update(0, clock.now() + LATENCY)
        self._heard = clock.now() + START_SECONDS - SILENT_SECONDS
        self._strays = 0
        self._observed = False
        self._latency = 0.0
        self._stream: Any = None

    def start(self) -> None:
        """Open the device and let it take samples; raises SourceError with a remedy."""
        device = self.device
        with portaudio.opening(device, source=False) as sounddevice:
            try:
                stream = sounddevice.OutputStream(
                    samplerate=self.sample_rate,
                    channels=self._ring.shape[1],
                    dtype="float32",
                    device=device.index,
                    blocksize=round(0.01 * self.sample_rate),
                    latency=LATENCY,
                    extra_settings=portaudio.extra_settings(device),
                    callback=self._callback,
                )
            except (sounddevice.PortAudioError, ValueError) as error:
                log.info("opening %s: %s", device, error)
                raise SourceError(
                    f"The sound output '{device.name}' cannot be opened; it may be in use.",
                    "Close the other program or choose another output.",
                ) from error
            portaudio.count_stream(+1)
            self._latency = float(stream.latency)
            try:
                stream.start()
            except sounddevice.PortAudioError as error:
                close_stream(stream)
                raise SourceError(
                    f"The sound output '{device.name}' does not start.", "Choose another output or reconnect it."
                ) from error
            self._stream = stream

    def taken(self) -> int:
        """Return the index of the first sample the device has not taken."""
        return self._taken

    def time_of(self, index: float) -> float:
        """Return when a sample is in the air, clock seconds."""
        return self._samples.time_of(index)

    def index_at(self, time: float) -> float:
        """Return the sample in the air at a clock time."""
        base = self._taken
        origin = self._samples.time_of(base)
        return base + (time - origin) / (self._samples.time_of(base + 1) - origin)

    def write(self, index: int, samples: Samples) -> None:
        """Store samples from `index` on, blended into what was to be played there before."""
        places = np.arange(index, index + len(samples)) % len(self._ring)
        self._ring[places] = samples
        self._written = index + len(samples)

    def cut(self, index: int) -> None:
        """Fade out what is stored from `index` on, a few milliseconds, and forget it."""
        length = min(round(0.003 * self.sample_rate), max(0, index - self._taken))
        places = np.arange(index - length, index) % len(self._ring)
        self._ring[places] *= np.linspace(1.0, 0.0, length, dtype=np.float32)[:, None]
        self._written = min(self._written, index)

    def update(self) -> bool:
        """Digest the callback's stamps; returns False when the device is gone."""
        while self._notes:
            index, now, delay = self._notes.popleft()
            self._heard = max(self._heard, now)
            self._observe(index, now + delay)
        return self._clock.now() < self._heard + SILENT_SECONDS

    def _observe(self, index: int, time: float) -> None:
        if not self._observed:  # until now it was a guess
            self._samples, self._observed = SettlingClock(self.sample_rate), True
            self._samples.update(index, time)
            return
        predicted = self._samples.time_of(index)
        self._strays = self._strays + 1 if abs(time - predicted) > STRAY else 0
        if self._strays > STRAYS:
            self._samples, self._strays = SettlingClock(self.sample_rate), 0
        self._samples.update(index, predicted if self._strays else time)

    def close(self) -> None:
        """Release the device."""
        stream, self._stream = self._stream, None
        if stream is not None:
            close_stream(stream)

    def _callback(self, out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's thread: stamp and copy, nothing else."""
        now = self._clock.now()
        taken = self._taken
        count = min(frames, max(0, self._written - taken))
        start = taken % len(self._ring)
        first = min(count, len(self._ring) - start)
        out[:first] = self._ring[start : start + first]
        out[first:count] = self._ring[: count - first]
        out[count:] = 0.0
        self._taken = taken + frames
        if count < frames or status.output_underflow:
            self.underruns += 1
        self._notes.append((taken, now, delay_to_air(times.currentTime, times.outputBufferDacTime, self._latency)))
