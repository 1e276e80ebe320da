"""Which second of the music is in which output sample.

::

    output samples   0 ....... 4000 ...... 9000 .......... 20000
    music            [count-in ][ song      ][ song, from the loop's start ...
                     5.0 → 5.5  5.5 → 6.1     5.5 → 6.8 →→ extrapolated
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Span:
    """Output samples [`start`, `stop`) carry the music from `music` seconds on, `slope` seconds a sample.

    `slope` is 0 while the music stands still.
    """

    start: int
    stop: int
    music: float
    slope: float
    counting_in: bool = False

    def at(self, index: float) -> float:
        """Return the second of the music at an output sample; extrapolates."""
        return self.music + (index - self.start) * self.slope


class Timeline:
    """Spans without holes from sample 0 on; those that ended more than `keep` samples ago are forgotten."""

    def __init__(self, keep: int) -> None:
        self._spans: deque[Span] = deque()
        self._keep = keep

    @property
    def stop(self) -> int:
        """The first output sample that is not laid down yet."""
        return self._spans[-1].stop if self._spans else 0

    def add(self, count: int, music: float, slope: float, counting_in: bool = False) -> None:
        """Append `count` samples; they join the last span when they only go on with it."""
        if count <= 0:
            return
        start = self.stop
        if self._spans:
            last = self._spans[-1]
            steady = math.isclose(slope, last.slope) and last.counting_in == counting_in
            if steady and abs(last.at(start) - music) < 1e-6:
                self._spans[-1] = replace(last, stop=start + count)
                return
        self._spans.append(Span(start, start + count, music, slope, counting_in))
        while self._spans[0].stop < start - self._keep:
            self._spans.popleft()

    def cut(self, index: int) -> None:
        """Forget everything from output sample `index` on."""
        while self._spans and self._spans[-1].start >= index:
            self._spans.pop()
        if self._spans and self._spans[-1].stop > index:
            self._spans[-1] = replace(self._spans[-1], stop=index)

    def span_at(self, index: float) -> Span | None:
        """Return the span of an output sample; the first or last one outside; None when empty."""
        for span in reversed(self._spans):
            if index >= span.start:
                return span
        return self._spans[0] if self._spans else None

    def spans(self) -> tuple[Span, ...]:
        """Return all spans, oldest first."""
        return tuple(self._spans)
