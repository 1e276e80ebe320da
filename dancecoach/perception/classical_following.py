"""Following the beat without a network: three bands of onsets through the bar pointer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.bar_pointer import BarPointer
from dancecoach.perception.following import Instant
from dancecoach.perception.onsets import OnsetDetector, OnsetFrame

_SILENCE = 0.002  # root mean square, full scale 1 (−54 dB)
_ESTIMATE_EVERY = 3  # frames


class ClassicalFollower:
    """Onset strength and bar pointer, one stream of `sample_rate` Hz: the baseline, and what runs without a model."""

    def __init__(self, sample_rate: int) -> None:
        self._pointer = BarPointer(OnsetDetector(sample_rate).frame_rate)
        self._frames = 0
        self._last_sound = -np.inf

    def step(self, samples: NDArray[np.float32], onsets: Sequence[OnsetFrame]) -> list[Instant]:
        """Take the `onsets` found in `samples`, return a frame for each."""
        instants = []
        for frame in onsets:
            if frame.level > _SILENCE:
                self._last_sound = frame.time
            # A rest within the music is evidence (nothing there on the beat), a break is not.
            self._pointer.step(frame.strengths if frame.time - self._last_sound < 0.5 else None)
            self._frames += 1
            estimate = self._pointer.estimate() if self._frames % _ESTIMATE_EVERY == 0 else None
            music = float(frame.level > _SILENCE)
            instants.append(Instant(frame.time, frame.heard, frame.level, music, estimate))
        return instants

    def pull(self, interval: float, to_next: float | None) -> None:
        """Believe in beats `interval` s apart, the next one `to_next` s after the latest instant, when given."""
        self._pointer.pull(interval, to_next)

    def hold(self, interval: float, to_next: float) -> None:
        """Believe in beats as `pull` does: there is nothing that could hold them."""
        self.pull(interval, to_next)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s from now on; None sets it free."""
        self._pointer.prefer(interval)

    def forget(self) -> None:
        """Forget the music, but not the preferred tempo."""
        self._pointer.reset()
