"""Tempo, beat phase and place in the bar as one hidden state.

The state is (rhythm, beat interval in frames, beat in the bar, position within the beat), after Krebs, Böck & Widmer,
"Rhythmic pattern modeling for beat and downbeat tracking in musical audio" (ISMIR 2013) and "An efficient
state-space model for joint tempo and meter tracking" (ISMIR 2015). The position advances by one frame a frame; the
interval may change when a beat begins. Two rhythms compete: a bar of four with a backbeat, and a bare beat that
repeats (four on the floor, a metronome). Each says how likely an onset is in the low, middle and high bands at each
sixteenth. Filtered forward, the posterior gives the next beat (its mode) and how sure it is (its spread);
`best_path` finds the most likely beats of a whole piece.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.following import METRES, Estimate
from dancecoach.perception.rhythm_patterns import RHYTHMS, Patterns
from dancecoach.types import Floats

SLOWEST, FASTEST = 52.0, 215.0  # BPM
_TEMPO_CENTRE, _TEMPO_SPREAD = 118.0, 0.5  # BPM and octaves: how fast dance music usually is
_STIFFNESS = 90.0  # larger keeps the tempo steadier
_SWITCH = 2e-3  # probability of another rhythm at each beat


class BarPointer:
    """Forward filter over rhythm, tempo, beat and phase.

    Parameters
    ----------
    frame_rate : float
        Frames a second.
    """

    def __init__(self, frame_rate: float) -> None:
        self.frame_rate = frame_rate
        shortest, longest = round(60 * frame_rate / FASTEST), round(60 * frame_rate / SLOWEST)
        middle = round(0.6 * frame_rate)
        # Slow tempi need no finer steps than fast ones do, in proportion.
        self.intervals = np.concatenate([np.arange(shortest, middle), np.arange(middle, longest + 1, 2)])
        beats = [rhythm.shape[1] // 4 for rhythm in RHYTHMS]
        self.rows = sum(beats)  # one row per beat of each rhythm
        tempi = 60 * frame_rate / self.intervals
        self.prior = np.exp(-0.5 * (np.log2(tempi / _TEMPO_CENTRE) / _TEMPO_SPREAD) ** 2)

        # States are laid out row by row (beat of a rhythm), interval by interval, frame by frame.
        lengths = np.tile(self.intervals, self.rows)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.first = starts.reshape(self.rows, -1)
        self.last = self.first + self.intervals - 1
        self.interval_of = np.repeat(lengths, lengths).astype(np.float64)
        self.position_of = np.arange(len(self.interval_of)) - np.repeat(starts, lengths)
        self.to_next = self.interval_of - self.position_of
        self.row_of = np.repeat(np.repeat(np.arange(self.rows), len(self.intervals)), lengths)
        self.previous_row, self.leak_rows = _flow(beats)
        # Beat in the bar (0…3) that follows each row's beat; the bare beat has no bar (−1).
        self._next_in_bar = np.array([(beat + 1) % 4 if size == 4 else -1 for size in beats for beat in range(size)])
        self._patterns = Patterns(frame_rate)
        self._cell = self._cells(beats)
        self.transition = self._transitions()
        self._initial = np.repeat(np.tile(self.prior / self.intervals, self.rows), lengths)
        self._initial /= self._initial.sum()
        self._start = self._initial
        self._preferred = np.ones(len(self.intervals))
        self.reset()

    def reset(self) -> None:
        """Forget everything but the tempo prior and the preferred tempo."""
        self.posterior = self._start.copy()

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s; None sets it free."""
        if interval is None:
            self._preferred, self._start = np.ones(len(self.intervals)), self._initial
            return
        away = np.log2(self.intervals / (interval * self.frame_rate))
        self._preferred = np.exp(-0.5 * (away / 0.22) ** 4) + 1e-6
        start = self._initial * np.repeat(np.tile(self._preferred, self.rows), np.tile(self.intervals, self.rows))
        self._start = start / start.sum()

    def step(self, strengths: Floats | None) -> None:
        """Advance one frame; `strengths` (3,) of onsets as in `OnsetFrame`, None in silence."""
        moved = np.empty_like(self.posterior)
        moved[1:] = self.posterior[:-1]
        ending = self.posterior[self.last] @ self.transition.T  # (rows, intervals)
        beginning = (1 - _SWITCH) * ending[self.previous_row] + _SWITCH * (self.leak_rows @ ending)
        moved[self.first] = beginning * self._preferred
        if strengths is not None:
            moved *= np.exp(self._patterns.evidence(strengths))[self._cell]
        self.posterior = moved / moved.sum()

    def evidence(self, strengths: Floats) -> Floats:
        """Return the log likelihood of `strengths` (3,) in every state, up to a constant."""
        return np.asarray(self._patterns.evidence(strengths)[self._cell])

    def estimate(self) -> Estimate:
        """Return the mode of the posterior, refined by the mass around it."""
        mass = self.posterior
        per_tempo = np.add.reduceat(mass, self.first.ravel()).reshape(self.rows, -1).sum(axis=0)
        best = int(np.argmax(np.convolve(per_tempo, (0.5, 1.0, 0.5), mode="same")))
        centre = float(self.intervals[best])
        columns = np.flatnonzero(np.abs(self.intervals - centre) <= 0.06 * centre)
        low, high = columns[0], columns[-1]
        # The neighbouring tempi of a row are contiguous states.
        near = np.concatenate([np.arange(self.first[row, low], self.last[row, high] + 1) for row in range(self.rows)])
        weights, ahead = mass[near], self.to_next[near]
        vector = complex(np.sum(weights * np.exp(ahead * (2j * np.pi / centre))))
        to_next = float(np.angle(vector)) % (2 * np.pi) / (2 * np.pi) * centre
        apart = np.abs((ahead - to_next + centre / 2) % centre - centre / 2)
        close = apart <= 0.07 * self.frame_rate
        total = float(weights[close].sum())
        interval = float((weights[close] * self.interval_of[near][close]).sum() / total) if total > 0 else centre
        per_row = np.bincount(self.row_of[near][close], weights[close], minlength=self.rows)
        bars = np.zeros((len(METRES), max(METRES)))
        bars[METRES.index(4)] = [per_row[self._next_in_bar == beat].sum() for beat in range(4)]
        return Estimate(interval / self.frame_rate, to_next / self.frame_rate, min(total, 1.0), bars)

    def pull(self, interval: float, to_next: float | None = None, strength: float = 0.97) -> None:
        """Move `strength` of the belief to beats `interval` s apart, the next one in `to_next` s when given.

        For taps and for halving or doubling by hand.
        """
        wanted = interval * self.frame_rate
        shape = np.exp(-0.5 * (np.log2(self.interval_of / wanted) / 0.03) ** 2)
        if to_next is not None:
            apart = self.to_next - to_next * self.frame_rate
            apart = (apart + wanted / 2) % wanted - wanted / 2
            shape *= np.exp(-0.5 * (apart / (0.02 * self.frame_rate)) ** 2)
        total = shape.sum()
        if total > 0:
            self.posterior = strength * shape / total + (1 - strength) * self.posterior

    def _cells(self, beats: list[int]) -> NDArray[np.intp]:
        """Return each state's cell among the rhythm patterns."""
        rhythm_of = np.repeat(np.arange(len(beats)), beats)[self.row_of]
        beat_of = np.array([beat for size in beats for beat in range(size)])[self.row_of]
        cells = [Patterns.cells(each, beat_of, self.position_of, self.interval_of) for each in range(len(beats))]
        return np.asarray(np.choose(rhythm_of, cells), dtype=np.intp)

    def _transitions(self) -> Floats:
        """Return P(new interval | old interval) as (new, old)."""
        ratio = self.intervals[:, None] / self.intervals[None, :]
        table = np.exp(-_STIFFNESS * np.abs(ratio - 1.0))
        return np.asarray(table / table.sum(axis=0, keepdims=True))


def _flow(beats: list[int]) -> tuple[NDArray[np.intp], Floats]:
    """Return for each row the row before it, and the weights (rows, rows) with which the other rhythm flows in."""
    rhythm = np.repeat(np.arange(len(beats)), beats)
    before = np.concatenate([np.roll(np.arange(size), 1) for size in beats])
    starts = np.concatenate([[0], np.cumsum(beats)[:-1]])
    leak = (rhythm[:, None] != rhythm[None, :]) / np.array(beats)[rhythm][:, None]
    return np.asarray(before + starts[rhythm], dtype=np.intp), np.asarray(leak, dtype=np.float64)


def best_path(pointer: BarPointer, strengths: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the most likely beats through `strengths` (T, 3) by the Viterbi algorithm.

    Returns
    -------
    frames : (B,)
        Frames on which beats begin.
    bars : (B,)
        Beat in the bar, 0…3; −1 where the bare rhythm has none.
    """
    total = len(strengths)
    if total == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    rows, columns = pointer.rows, len(pointer.intervals)
    score = np.log(pointer.posterior)
    transition = np.log(pointer.transition + 1e-300)
    flow = np.full((rows, rows), np.log(1e-300))
    flow[np.arange(rows), pointer.previous_row] = np.log(1 - _SWITCH)
    leak = pointer.leak_rows > 0
    flow[leak] = np.log(_SWITCH * pointer.leak_rows[leak])
    from_column = np.zeros((total, rows, columns), dtype=np.uint8)
    from_row = np.zeros((total, rows, columns), dtype=np.uint8)
    row_index, column_index = np.ogrid[:rows, :columns]
    for frame in range(total):
        ending = score[pointer.last]  # (rows, intervals)
        candidates = ending[:, None, :] + transition[None, :, :]
        column = candidates.argmax(axis=2)
        reached = candidates[row_index, column_index, column]  # (rows, new interval)
        choices = flow[:, :, None] + reached[None, :, :]
        row = choices.argmax(axis=1)
        from_row[frame] = row
        from_column[frame] = column[row, column_index]
        moved = np.empty_like(score)
        moved[1:] = score[:-1]
        moved[pointer.first] = choices[row_index, row, column_index]
        score = moved + pointer.evidence(strengths[frame])
    state = int(np.argmax(score))
    cell = int(np.searchsorted(pointer.first.ravel(), state, side="right") - 1)
    row_now, column_now = divmod(cell, columns)
    frame = total - 1 - int(pointer.position_of[state])
    frames: list[int] = []
    bars: list[int] = []
    while frame >= 0:
        frames.append(frame)
        bars.append(row_now if row_now < 4 else -1)
        row_before = int(from_row[frame, row_now, column_now])
        column_now = int(from_column[frame, row_now, column_now])
        row_now = row_before
        frame -= int(pointer.intervals[column_now])
    return np.array(frames[::-1], dtype=np.intp), np.array(bars[::-1], dtype=np.intp)
