"""Slower or faster without a change of pitch (Signalsmith Stretch), in a process of its own.

`python_stretch` treats every call as a whole piece: it takes its own latencies off (sample `n` of the output
belongs to sample `n * speed` of the input) and forgets everything afterwards. A song is therefore stretched in
spans with some music before and after each, and neighbouring spans are cross-faded.

It also holds Python's lock while it computes (about 30 ms for a second of stereo), long enough to starve the
sound card's callback. `ProcessStretcher` computes elsewhere; until that process is up, in the caller's.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Samples = NDArray[np.float32]
Stretch = Callable[[Samples, int, float], Samples]
CONTEXT = 0.15  # seconds of music before and after a span, more than the analysis block


def stretch(samples: Samples, sample_rate: int, speed: float) -> Samples:
    """Stretch a whole piece.

    Parameters
    ----------
    samples : (N, C) float32
    sample_rate : int
        Hz.
    speed : float
        0.5 takes twice as long.

    Returns
    -------
    samples : (round(N / speed), C) float32
    """
    from python_stretch.Signalsmith import Stretch as Signalsmith

    stretcher = Signalsmith(0)  # a fixed seed: the same music gives the same samples
    stretcher.preset(samples.shape[1], sample_rate)
    stretcher.setTimeFactor(speed)
    result: Samples = np.asarray(stretcher.process(np.ascontiguousarray(samples.T)), np.float32)
    return np.ascontiguousarray(result.T)


def stretch_span(
    music: Samples, position: float, count: int, sample_rate: int, speed: float, method: Stretch = stretch
) -> Samples:
    """Return `count` output samples of `music` from `position` (in its samples) on, (count, C) float32.

    Beyond either end of the music is silence.
    """
    context = round(CONTEXT * sample_rate)
    first = int(position) - context
    last = int(np.ceil(position + count * speed)) + context
    piece = np.zeros((last - first, music.shape[1]), np.float32)
    begin, end = max(first, 0), min(last, len(music))
    if end > begin:
        piece[begin - first : end - first] = music[begin:end]
    result = method(piece, sample_rate, speed)
    skipped = round((position - first) / speed)
    span = result[skipped : skipped + count]
    if len(span) < count:
        span = np.concatenate([span, np.zeros((count - len(span), music.shape[1]), np.float32)])
    return span


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which ends this process in good order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class ProcessStretcher:
    """A `Stretch` that computes in another process, started by the first `warm_up`."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._ready: Future[Samples] | None = None

    def warm_up(self) -> None:
        """Start the process, if it is not running; returns at once."""
        if self._pool is None:
            # "spawn" on every system: a fork would copy threads' locks in unknown states.
            self._pool = ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
            )
            self._ready = self._pool.submit(stretch, np.zeros((4096, 2), np.float32), 44100, 0.8)

    @property
    def ready(self) -> bool:
        """True when the process is up."""
        return self._ready is not None and self._ready.done()

    def __call__(self, samples: Samples, sample_rate: int, speed: float) -> Samples:
        """Stretch a whole piece; see `stretch`."""
        pool, ready = self._pool, self._ready
        if pool is not None and ready is not None and ready.done():
            try:
                return pool.submit(stretch, samples, sample_rate, speed).result()
            except (BrokenProcessPool, RuntimeError) as error:
                log.warning("the stretching process is gone: %s", error)
                self._pool = self._ready = None
        return stretch(samples, sample_rate, speed)

    def close(self) -> None:
        """End the process."""
        pool, self._pool, self._ready = self._pool, None, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
