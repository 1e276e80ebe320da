"""Microphones and monitors through PortAudio."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancecoach.clock import Clock
from dancecoach.errors import SourceError, SourceLost
from dancecoach.sources import portaudio
from dancecoach.sources.portaudio import AudioDevice
from dancecoach.sources.settling import SettlingClock
from dancecoach.types import AudioBlock

log = logging.getLogger(__name__)

RING_SECONDS = 4.0
SILENT_SECONDS = 1.0  # without a callback the device counts as gone
START_SECONDS = 4.0  # the same before the first callback; an idle monitor may sleep for two seconds
LONGEST_DELAY = 1.0  # seconds; a larger one in PortAudio's stamps is a driver's mistake
LATE = 0.05  # seconds; a callback later than this says nothing about when its samples were in the air
LATE_AFTER_OVERFLOW = 0.005  # the same after the driver said that it lost samples
STAYS = 1.0  # seconds of audio; lateness that stays so long means lost samples
STAYS_AFTER_OVERFLOW = 0.3
SETTLING = 2.0  # seconds after the start in which an earlier stamp is believed at once
BLOCK_SECONDS = 0.02


def list_audio_inputs() -> tuple[AudioDevice, ...]:
    """Return microphones and monitors; empty without any. Raises SourceError without PortAudio."""
    return portaudio.devices(source=True)


def list_audio_outputs() -> tuple[AudioDevice, ...]:
    """Return sound outputs; empty without any. Raises SourceError without PortAudio."""
    return portaudio.devices(source=False)


class CaptureTime:
    """When the first sample of a buffer was in the air, from PortAudio's stamps.

    A buffer is complete when its last sample was in the air, so a true stamp lies at least the buffer's length
    before the callback. The stamps of PulseAudio and PipeWire count only what waits behind the buffer: that
    grows by the length of a buffer over some seconds and falls back, so it must not be left out either.
    """

    def __init__(self) -> None:
        self._counts_only_waiting = False

    def of(self, now: float, current: float, adc: float, length: float) -> float:
        """Return the time of the first sample, clock seconds.

        Parameters
        ----------
        now : float
            Our clock in the callback.
        current, adc : float
            PortAudio's stamps of the callback and of the first sample, s; 0 or nonsense on some drivers.
        length : float
            Duration of the buffer, s.
        """
        delay = current - adc
        if adc <= 0 or not 0 <= delay <= LONGEST_DELAY:
            return now - length
        self._counts_only_waiting = self._counts_only_waiting or delay < 0.9 * length
        return now - delay - (length if self._counts_only_waiting else 0.0)


@dataclass(frozen=True, slots=True)
class _Note:
    """What the callback leaves for the reader: ring position of a buffer, its length, stamp, overflow flag."""

    position: int
    frames: int
    time: float
    overflow: bool


class Microphone:
    """A microphone or monitor; every sample once, losses show as jumps of the index.

    Parameters
    ----------
    name : str
        Part of a name of `list_audio_inputs`, "" for the default.
    clock : Clock
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name or "default microphone"
        self.live = True
        self.sample_rate = 0
        self.channels = 0
        self.lost_samples = 0
        self._wanted = name
        self._clock = clock
        self._stream: Any = None
        self._ring: NDArray[np.float32] = np.zeros((1, 1), np.float32)
        self._written = 0
        self._notes: queue.SimpleQueue[_Note | None] = queue.SimpleQueue()
        self._samples = SettlingClock(1.0)
        self._capture_time = CaptureTime()
        self._last_note = 0.0
        self._shift = 0  # samples lost so far: index = ring position + shift
        self._last_time = 0.0
        self._overflowed = False
        self._late_from: int | None = None  # ring position since when buffers have been late
        self._least_late = 0.0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Acquire the device; raises SourceError with a remedy."""
        self.close()
        portaudio.refresh()
        device = portaudio.find(self._wanted, source=True)
        self.name = device.name
        channels = min(2, device.channels)
        rate = device.sample_rate
        self._prepare(rate, channels)
        with portaudio.opening(device, source=True) as sounddevice:
            try:
                stream = sounddevice.InputStream(
                    samplerate=rate,
                    channels=channels,
                    dtype="float32",
                    device=device.index,
                    blocksize=round(BLOCK_SECONDS * rate),
                    latency="low",
                    extra_settings=portaudio.extra_settings(device),
                    callback=self._callback,
                )
            except (sounddevice.PortAudioError, ValueError) as error:
                log.info("opening %s: %s", device, error)
                raise SourceError(
                    f"The microphone '{device.name}' cannot be opened; it may be in use.",
                    "Close the other program or choose another microphone in Settings.",
                ) from error
            portaudio.count_stream(+1)
            self._stream = stream
            self._last_note = self._clock.now() + START_SECONDS - SILENT_SECONDS
            try:
                stream.start()
            except sounddevice.PortAudioError as error:
                self.close()
                raise SourceError(
                    f"The microphone '{device.name}' does not start.", "Unplug it and plug it in again."
                ) from error

    def _prepare(self, rate: int, channels: int) -> None:
        """Forget what was before; the stream does not run yet."""
        self._ring = np.zeros((int(RING_SECONDS * rate), channels), np.float32)
        self._written = self._shift = self.lost_samples = 0
        self._late_from, self._overflowed = None, False
        self._notes = queue.SimpleQueue()
        self._samples = SettlingClock(rate)
        self._capture_time = CaptureTime()
        self.sample_rate, self.channels = rate, channels

    def read(self, timeout: float) -> AudioBlock | None:
        """Return the samples since the last read; see `AudioSource.read`."""
        deadline = self._clock.now() + timeout
        while (stream := self._stream) is not None:
            now = self._clock.now()
            quiet = self._last_note + SILENT_SECONDS
            try:
                note = self._notes.get(timeout=max(0.0, min(deadline, quiet) - now))
            except queue.Empty:
                if self._stream is not None and self._clock.now() >= quiet:
                    raise SourceLost(
                        f"The microphone '{self.name}' is gone.",
                        "Plug it in again or choose another; it is tried again by itself.",
                    ) from None
                if self._clock.now() >= deadline:
                    return None
                continue
            if note is None or stream is not self._stream:
                return None
            self._last_note = self._clock.now()
            block = self._take(note)
            if block is not None:
                return block
        return None

    def close(self) -> None:
        """Release the device; a read that waits returns None."""
        with self._lock:
            stream, self._stream = self._stream, None
            if stream is None:
                return
            self._notes.put(None)
            close_stream(stream)

    def _callback(self, data: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's thread: stamp and copy, nothing else."""
        now = self._clock.now()
        start = self._written % len(self._ring)
        first = min(frames, len(self._ring) - start)
        self._ring[start : start + first] = data[:first]
        self._ring[: frames - first] = data[first:]
        length = frames / self.sample_rate
        time = self._capture_time.of(now, times.currentTime, times.inputBufferAdcTime, length)
        self._notes.put(_Note(self._written, frames, time, bool(status.input_overflow)))
        self._written += frames

    def _take(self, note: _Note) -> AudioBlock | None:
        """Turn a note into a block: find losses, filter the time, copy the samples out."""
        time = self._filtered_time(note)
        index = note.position + self._shift
        size = len(self._ring)
        places = np.arange(note.position, note.position + note.frames) % size
        samples = self._ring[places]
        if self._written - note.position > size:  # the reader slept so long that the ring went round
            self.lost_samples += note.frames
            return None
        samples.flags.writeable = False
        return AudioBlock(time, index, samples, self.sample_rate)

    def _filtered_time(self, note: _Note) -> float:
        """Return the time of a buffer's first sample, strictly growing.

        Stamps err to one side only: a callback may come late, never early. Late ones are not believed, unless
        the lateness stays; then samples were lost, and the index jumps by as many.
        """
        index = note.position + self._shift
        if note.position == 0:
            self._last_time = self._samples.update(index, note.time)
            return self._last_time
        predicted = self._samples.time_of(index)
        ahead = note.time - predicted
        self._overflowed = self._overflowed or note.overflow
        observed = note.time
        if ahead < -LATE and note.position < SETTLING * self.sample_rate:
            self._samples = SettlingClock(self.sample_rate)
        elif ahead > (LATE_AFTER_OVERFLOW if self._overflowed else LATE):
            if self._late_from is None:
                self._late_from, self._least_late = note.position, ahead
            self._least_late = min(self._least_late, ahead)
            stays = STAYS_AFTER_OVERFLOW if self._overflowed else STAYS
            if note.position - self._late_from > stays * self.sample_rate:
                self._lose(round(self._least_late * self.sample_rate))
                index = note.position + self._shift
                observed = self._samples.time_of(index)
            else:
                observed = predicted
        else:
            self._late_from, self._overflowed = None, False
        self._last_time = max(self._samples.update(index, observed), self._last_time + 1e-6)
        return self._last_time

    def _lose(self, samples: int) -> None:
        log.warning("%s: %d samples were lost", self.name, samples)
        self._late_from, self._overflowed = None, False
        self._shift += samples
        self.lost_samples += samples


def close_stream(stream: Any) -> None:
    """Stop and close a PortAudio stream, whatever state its device is in."""
    sounddevice = portaudio.library()
    try:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
    except sounddevice.PortAudioError as error:
        log.info("closing a stream: %s", error)
    finally:
        portaudio.count_stream(-1)
