"""The music player without a device: what comes next, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dancecoach.sources.seam import Seam
from dancecoach.sources.stretch import Samples, Stretch, stretch, stretch_span
from dancecoach.sources.timeline import Span, Timeline
from dancecoach.types import Floats

SLOWEST, FASTEST = 0.5, 1.1
KEEP = 120.0  # seconds of the past that can be asked about
FIRST_SPAN, SPAN = 0.6, 4.0  # seconds of output stretched at once: short after a jump, then long
LOOP_FADE = 0.005  # seconds of cross-fade into the loop's start; it ends before the first beat sounds
SHORTEST_LOOP = 0.2  # seconds


def click(sample_rate: int, accent: bool) -> NDArray[np.float32]:
    """Return a synthesised click, 40 ms, its attack at the first sample."""
    time = np.arange(round(0.04 * sample_rate)) / sample_rate
    tone = np.cos(2 * np.pi * (1600.0 if accent else 1050.0) * time) * np.exp(-time / 0.008)
    sound: NDArray[np.float32] = (0.7 * tone).astype(np.float32)
    return sound


class PlayerCore:
    """Lays music on output samples; deterministic, one thread at a time.

    Parameters
    ----------
    music : (N, C) float32
    sample_rate : int
        Hz of music and output.
    method : callable
        Stretches a piece without changing its pitch.
    """

    def __init__(self, music: Samples, sample_rate: int, method: Stretch = stretch) -> None:
        self.music = music
        self.sample_rate = sample_rate
        self.timeline = Timeline(round(KEEP * sample_rate))
        self.playing = False
        self.volume = 1.0
        self.loop: tuple[float, float] | None = None
        self._method = method
        self._speed = 1.0
        # Counted from the last jump, so that the result does not depend on how the output is cut into blocks.
        self._anchor, self._steps = 0.0, 0
        self._clicks: tuple[tuple[float, bool], ...] = ()  # samples of the music, accent
        self._count_until: float | None = None
        self._sounds = click(sample_rate, False), click(sample_rate, True)
        self._span: Samples = music[:0]
        self._span_from = 0.0
        self._tail: Samples = music[:0]
        self._prepared: tuple[float, float, Samples] | None = None  # position, speed, the span there
        self.span_seconds = SPAN

    @property
    def duration(self) -> float:
        """Seconds of music."""
        return len(self.music) / self.sample_rate

    @property
    def speed(self) -> float:
        """Seconds of music per second of output."""
        return self._speed

    @property
    def position(self) -> float:
        """Second of the music at the next output sample; before the start while counting in."""
        return self._position / self.sample_rate

    @property
    def resumes_at(self) -> float:
        """Second of the music that comes next, after the count-in if one is running."""
        until = self._count_until
        return self.position if until is None else until / self.sample_rate

    @property
    def _position(self) -> float:
        """Sample of the music at the next output sample."""
        return self._anchor + self._steps * self._speed

    @_position.setter
    def _position(self, position: float) -> None:
        self._anchor, self._steps = position, 0

    @property
    def ended(self) -> bool:
        """True at the end of the music."""
        return self._position >= len(self.music)

    def set_speed(self, speed: float) -> None:
        """Set the speed, 0.5…1.1."""
        position = self._position
        self._speed = min(max(speed, SLOWEST), FASTEST)
        self._position = position
        self._forget_span()

    def seek(self, seconds: float) -> None:
        """Go to a second of the music; ends a count-in."""
        self._position = min(max(seconds, 0.0), self.duration) * self.sample_rate
        self._count_until = None
        self._forget_span()

    def set_loop(self, start: float, stop: float) -> None:
        """Repeat [start, stop) seconds; goes to its start when outside."""
        start = min(max(start, 0.0), max(0.0, self.duration - SHORTEST_LOOP))
        stop = min(max(stop, start + SHORTEST_LOOP), self.duration)
        self.loop = (start, stop)
        if not start <= self.position < stop and self._count_until is None:
            self.seek(start)

    def count_in(self, clicks: Sequence[float], accents: Sequence[bool] = ()) -> None:
        """Begin with clicks at these seconds of the music, all before the position, which is played then."""
        start = self._position if self._count_until is None else self._count_until
        marks = tuple(accents) + (False,) * len(clicks)
        pairs = sorted((time * self.sample_rate, marks[number]) for number, time in enumerate(clicks))
        self._clicks = tuple(pair for pair in pairs if pair[0] < start)
        if self._clicks:
            self._count_until = start
            self._position = self._clicks[0][0]

    def rewind(self, index: int) -> None:
        """Take back what was laid on output samples from `index` on."""
        span = self.timeline.span_at(index)
        if span is None or index >= self.timeline.stop:
            return
        self._position = span.at(index) * self.sample_rate
        if not span.counting_in:
            self._count_until = None
        elif self._count_until is None:
            later = next((s for s in self.timeline.spans() if s.start >= span.stop), None)
            self._count_until = (later.music if later else span.at(span.stop)) * self.sample_rate
        self.timeline.cut(index)
        self._forget_span()

    def hold(self, frames: int) -> None:
        """Lay silence on the next `frames` output samples; the music stands still."""
        self.timeline.add(frames, self.position, 0.0)

    def render(self, frames: int) -> tuple[Samples, Floats]:
        """Return the next output samples and the seconds of music they carry.

        Returns
        -------
        samples : (frames, C) float32
        positions : (frames,) seconds
        """
        samples = np.zeros((frames, self.music.shape[1]), np.float32)
        positions = np.empty(frames)
        done = 0
        while done < frames:
            before, start = self.position, self.timeline.stop
            count = self._lay(samples[done:])
            span = self.timeline.span_at(start)
            slope = span.slope if span is not None else 0.0
            positions[done : done + count] = before + slope * np.arange(count)
            done += count
        return samples, positions

    def skip(self, frames: int) -> None:
        """Lay down the next `frames` output samples without computing them."""
        while frames > 0:
            frames -= self._lay(None, frames)

    def foretell(self, frames: int) -> tuple[Span, ...]:
        """Return the spans that would follow on `frames` more output samples; changes nothing."""
        kept = self.timeline, self._anchor, self._steps, self._count_until, self.playing
        spans = self._span, self._tail, self._span_from
        self.timeline = Timeline(frames)
        begin = kept[0].stop
        try:
            self.skip(frames)
            return tuple(replace(s, start=s.start + begin, stop=s.stop + begin) for s in self.timeline.spans())
        finally:
            self.timeline, self._anchor, self._steps, self._count_until, self.playing = kept
            self._span, self._tail, self._span_from = spans

    def _lay(self, out: Samples | None, room: int = 0) -> int:
        """Lay one run of samples, into `out` when given; return its length."""
        room = room if out is None else len(out)
        if not self.playing or (self._count_until is None and self.ended):
            self.playing = self.playing and not self.ended
            self.hold(room)
            return room
        counting = self._count_until is not None
        looped = self.loop is not None and self._position < self.loop[1] * self.sample_rate
        stop = len(self.music) if not looped or self.loop is None else self.loop[1] * self.sample_rate
        if self._count_until is not None:
            stop = self._count_until
        count = min(room, max(1, math.ceil((stop - self._position) / self._speed - 1e-6)))
        if out is not None:
            if counting:
                self._add_clicks(out[:count])
            else:
                out[:count] = self._music(count)
                if looped and self.loop is not None:
                    self._fade_into_loop(out[:count], stop, self.loop[0] * self.sample_rate)
            out[:count] *= self.volume
        self.timeline.add(count, self.position, self._speed / self.sample_rate, counting)
        self._steps += count
        if self._position >= stop - 1e-6 * self.sample_rate:
            if counting:
                self._position, self._count_until = stop, None
                self._forget_span()
            elif looped and self.loop is not None:
                # What was overshot (less than a sample) is kept: loops stay in time for hours.
                self._position = self.loop[0] * self.sample_rate + max(0.0, self._position - stop)
                self._forget_span()
            else:
                self._position = float(len(self.music))
        return count

    def _music(self, count: int) -> Samples:
        """Return `count` samples from the position on."""
        if self._speed == 1.0:
            first = round(self._position)
            piece = self.music[first : first + count]
            if len(piece) == count:
                return piece.copy()
            return np.concatenate([piece, np.zeros((count - len(piece), piece.shape[1]), np.float32)])
        parts: list[Samples] = []
        done = 0
        while done < count:
            position = self._anchor + (self._steps + done) * self._speed
            offset = round((position - self._span_from) / self._speed)
            piece = self._span[offset : offset + count - done]
            if len(piece) == 0:
                self._next_span(position)
                continue
            parts.append(piece)
            done += len(piece)
        return np.concatenate(parts)

    def prepare(self) -> None:
        """Stretch the next span before it is needed; may run beside `render`, which takes it when it fits."""
        span, begin, speed, prepared = self._span, self._span_from, self._speed, self._prepared
        position = begin + len(span) * speed
        done = prepared is not None and prepared[:2] == (position, speed)
        if not len(span) or speed == 1.0 or done or position - self._position > self.span_seconds * self.sample_rate:
            return
        self._prepared = position, speed, self._stretched(position, self.span_seconds, speed)

    def _stretched(self, position: float, seconds: float, speed: float) -> Samples:
        """Return a span, what follows it for the seam, and a little before and after for shifting it."""
        seam = Seam(self.sample_rate)
        count = round(seconds * self.sample_rate) + seam.tail + 2 * seam.margin
        return stretch_span(self.music, position - seam.margin * speed, count, self.sample_rate, speed, self._method)

    def _next_span(self, position: float) -> None:
        """Take the next span and blend it with what the one before would have gone on with."""
        seam = Seam(self.sample_rate)
        prepared, self._prepared = self._prepared, None
        if prepared is not None and abs(prepared[0] - position) < 1e-2 and prepared[1] == self._speed:
            wide = prepared[2]
        else:
            seconds = self.span_seconds if len(self._tail) else FIRST_SPAN
            wide = self._stretched(position, seconds, self._speed)
        whole = seam.join(self._tail, wide)
        length = len(whole) - seam.tail
        self._span, self._tail, self._span_from = whole[:length], whole[length:], position

    def _forget_span(self) -> None:
        self._span = self._tail = self.music[:0]

    def _fade_into_loop(self, out: Samples, stop: float, start: float) -> None:
        """Fade the last samples before the loop's end into those that come before its start."""
        length = LOOP_FADE * self.sample_rate
        left = (stop - self._position) / self._speed - np.arange(len(out))  # output samples to the end
        near = np.flatnonzero(left < length)
        if len(near) == 0:
            return
        source = np.rint(start - left[near]).astype(np.int64)
        lead = np.where(source[:, None] >= 0, self.music[np.clip(source, 0, len(self.music) - 1)], 0.0)
        weight = np.clip(1.0 - left[near] / length, 0.0, 1.0)[:, None].astype(np.float32)
        out[near] = out[near] * (1 - weight) + lead * weight

    def _add_clicks(self, out: Samples) -> None:
        for time, accent in self._clicks:
            sound = self._sounds[accent]
            first = round((time - self._position) / self._speed)
            begin, end = max(first, 0), min(first + len(sound), len(out))
            if begin < end:
                out[begin:end] += sound[begin - first : end - first, None]
