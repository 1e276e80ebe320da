"""Tempo, beat phase and metre as one hidden state, observed through the beat network's activations.

The bar pointer of Krebs, Böck & Widmer, "An efficient state-space model for joint tempo and meter tracking" (ISMIR
2015), filtered forward: a state is (beat of a bar of four or three, beat interval, position within the beat). The
position advances with time; the interval may change when a beat begins. States are twice as fine as frames.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.following import METRES, Estimate
from dancecoach.perception.rhythm_patterns import Patterns
from dancecoach.perception.spectral_features import FRAMES_PER_SECOND
from dancecoach.types import Floats

SLOWEST, FASTEST = 54.0, 216.0  # BPM
STATES_PER_SECOND = 2 * FRAMES_PER_SECOND

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """What the filter takes for granted.

    `stiffness`: larger keeps the tempo steadier; `metre` prior of four and three beats; `switch` probability of
    another metre at a downbeat; `slip` probability that a bar begins anew at any beat; `restart` probability per
    second that everything starts afresh (a new song); `beat_weight`, `down_weight`, `tempo_weight`, `onset_weight` of
    the evidence: neighbouring frames repeat each other, so each counts less than an independent one would;
    `eagerness`: how many times more the evidence counts when music begins; `renewal`: how much worse than usual the
    music must be foretold (log likelihood a frame) before another beginning is tried, see `Renewal`.
    """

    stiffness: float = 90.0
    tempo_centre: float = 116.0
    tempo_spread: float = 0.55
    metre: tuple[float, float] = (0.93, 0.07)
    switch: float = 0.002
    slip: float = 0.01
    restart: float = 0.005
    beat_weight: float = 0.04
    down_weight: float = 0.5
    tempo_weight: float = 0.45
    onset_weight: float = 0.4
    eagerness: float = 3.0
    renewal: float = 0.025


GRID, LIMIT = 13, 6.0  # activations are told apart by their log odds, −6…6
PLACES = 9
# How far a state at each place takes part in a beat: the training target at that distance.
_NEAR = np.array([1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
_PHASES = 48  # of a beat, in which its mode is looked for
_NOTHING = 1e-4  # probability too small to say anything
_BEAT_SHARE, _DOWN_SHARE = 0.3, 0.25  # of frames that are beats, of beats that are downbeats


@dataclass(frozen=True, slots=True)
class Observations:
    """How activations come out, as log likelihoods up to a constant.

    `beat` (GRID, PLACES) of a beat activation at each place within the beat (`place_of`); `bar` (GRID, 2) of the
    share of the downbeat activation in it, on first beats and on others.
    """

    beat: Floats
    bar: Floats


def plain_observations() -> Observations:
    """Return what follows from taking activations for probabilities, before anything was measured."""
    probability = 1.0 / (1.0 + np.exp(-np.linspace(-LIMIT, LIMIT, GRID)))[:, None]
    on, off = probability / _BEAT_SHARE, (1 - probability) / (1 - _BEAT_SHARE)
    first = np.concatenate([probability / _DOWN_SHARE, (1 - probability) / (1 - _DOWN_SHARE)], axis=1)
    return Observations(np.log(_NEAR * on + (1 - _NEAR) * off), np.log(first))


@dataclass(frozen=True, slots=True)
class _Window:
    """Neighbouring tempi: their `states` (S,), and of each the positions `to_next` beat, the interval and the phase.

    `phase` counts in parts of a beat; `rows` (R,) is where each row begins.
    """

    states: NDArray[np.intp]
    to_next: Array
    intervals: Array
    phase: NDArray[np.intp]
    rows: NDArray[np.intp]


class BeatFilter:
    """Forward filter over metre, beat, tempo and phase; times count from the newest frame's own instant."""

    def __init__(self, settings: FilterSettings | None = None, observations: Observations | None = None) -> None:
        self.settings = chosen = settings or FilterSettings()
        seen = observations or plain_observations()
        self._beat_table = (chosen.beat_weight * seen.beat).astype(np.float32)
        self._bar_table = (chosen.down_weight * seen.bar).astype(np.float32)
        shortest, longest = round(60 * STATES_PER_SECOND / FASTEST), round(60 * STATES_PER_SECOND / SLOWEST)
        middle = round(0.6 * STATES_PER_SECOND)
        # Slow tempi need no finer steps than fast ones do, in proportion.
        self.intervals = np.concatenate([np.arange(shortest, middle), np.arange(middle, longest + 1, 2)])
        self.rows = sum(METRES)
        columns = len(self.intervals)
        tempi = 60 * STATES_PER_SECOND / self.intervals
        prior = np.exp(-0.5 * (np.log2(tempi / chosen.tempo_centre) / chosen.tempo_spread) ** 2)
        prior /= prior.sum()
        lengths = np.tile(self.intervals, self.rows)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.first = starts.reshape(self.rows, columns)
        self.last = self.first + self.intervals - 1
        interval_of = np.repeat(lengths, lengths)
        self._interval_of = interval_of.astype(np.float32)
        position = np.arange(len(interval_of)) - np.repeat(starts, lengths)
        self._to_next = (interval_of - position).astype(np.float32)
        self._next_in_bar = np.concatenate([(np.arange(size) + 1) % size for size in METRES])
        self._metre = np.repeat(np.arange(len(METRES)), METRES)
        self.metre_of = np.array(METRES)[self._metre]
        self.place_in_bar = np.concatenate([np.arange(size) for size in METRES])
        self.row_flow = self._flow()
        self.tempo_flow = self._transitions()
        self.cell = self._cells(position, interval_of, lengths)
        metre_prior = np.repeat(np.array(chosen.metre) / METRES, METRES)
        self.initial = np.repeat((metre_prior[:, None] * prior / self.intervals).ravel(), lengths)
        self.initial = (self.initial / self.initial.sum()).astype(np.float32)
        self._patterns = Patterns(STATES_PER_SECOND)
        row = np.repeat(np.repeat(np.arange(self.rows), columns), lengths)
        even = Patterns.cells(1, np.zeros(len(row), dtype=np.intp), position, interval_of)
        backbeat = Patterns.cells(0, self.place_in_bar[row], position, interval_of)
        first, cells = np.where(self._metre[row] == METRES.index(4), backbeat, even), 1 + int(even.max())
        pairs, self.pattern_cell = np.unique(first * cells + even, return_inverse=True)
        self._pairs = np.stack(np.divmod(pairs, cells), axis=1)
        # A frame's second half and the frame itself are weighed at once.
        joint, self._joint_cell = np.unique(self.pattern_cell * (2 * PLACES) + self.cell, return_inverse=True)
        self._joint_pattern, self._joint_place = np.divmod(joint, 2 * PLACES)
        self.column_of = np.repeat(np.tile(np.arange(columns), self.rows), lengths)
        self._column_in_row = np.repeat(np.arange(columns), self.intervals)
        self._preferred: Array | None = None  # (intervals,)
        self._held: Array | None = None  # (intervals,), until other music begins
        self._windows: dict[tuple[int, int], _Window] = {}
        self._start = self.initial
        self.reset()

    def reset(self) -> None:
        """Forget everything but the priors and the preferred tempo."""
        self._held = None
        self.posterior = self._start.copy()
        self._factors = np.empty_like(self.posterior)

    def prefer(self, interval: float | None) -> None:
        """Hold the tempo within half an octave of `interval` s; None sets it free."""
        self._held = None
        if interval is None:
            self._preferred, self._start = None, self.initial
            return
        self._preferred = self._about(interval)
        lengths = np.tile(self.intervals, self.rows)
        start = self.initial * np.repeat(np.tile(self._preferred, self.rows), lengths)
        self._start = np.asarray(start / start.sum(), dtype=np.float32)

    def hold(self, interval: float | None) -> None:
        """Hold the tempo about `interval` s like `prefer`, but for this music only; what is preferred comes first.

        A filter that begins afresh is free, so that it may take over with other music; None sets this one free.
        """
        self._held = self._about(interval) if interval is not None and self._preferred is None else None

    @property
    def held(self) -> bool:
        """Whether the tempo is held for this music."""
        return self._held is not None

    def _about(self, interval: float) -> Array:
        """Return (intervals,) weights that leave those within half an octave of `interval` s."""
        away = np.log2(self.intervals / (interval * STATES_PER_SECOND))
        return np.asarray(np.exp(-0.5 * (away / 0.22) ** 4).astype(np.float32) + np.float32(1e-6))

    def step(
        self,
        beat: float,
        down: float,
        tempo: Array | None,
        weight: float = 1.0,
        onsets: Sequence[Floats] = (),
    ) -> float:
        """Advance one network frame; return how well it was foretold, log likelihood up to a constant, 0 in silence.

        `beat`, `down` 0…1 activations; `tempo` (intervals,) relative likelihood of each of `intervals`, or None;
        `weight` 0…1 of the evidence, 0 in silence; `onsets` at most two onset strengths (3,), as in `OnsetFrame`, of
        this frame's halves.
        """
        heard: Sequence[Array] = ()
        if len(onsets) and weight > 0.0 and self.settings.onset_weight > 0.0:
            heard = np.exp(np.float32(weight) * self.onset_evidence(np.stack(onsets)))
        self._advance()
        if len(heard):
            self._weigh(heard[0], self.pattern_cell)
        self._advance()
        if weight > 0.0:
            table = np.exp(np.float32(weight) * self.evidence_at(beat, down))
            if len(heard) > 1:
                joint = heard[1].take(self._joint_pattern) * table.take(self._joint_place)
                self._weigh(joint, self._joint_cell)
            else:
                self._weigh(table, self.cell)
            if tempo is not None:
                # Rows have the same states: one row of factors does for all.
                by_row = self.posterior.reshape(self.rows, -1)
                by_row *= np.take(tempo, self._column_in_row)
        total = float(self.posterior.sum())
        self.posterior *= 1.0 / total
        if weight <= 0.0:
            return 0.0
        lost = self.settings.restart / FRAMES_PER_SECOND
        self.posterior *= 1.0 - lost
        self.posterior += lost * self._start
        return math.log(total) / weight

    def afresh(self) -> BeatFilter:
        """Return a filter that has heard nothing yet; it shares all tables with this one."""
        other = copy.copy(self)
        other.reset()
        return other

    def _weigh(self, table: Array, cells: NDArray[np.intp]) -> None:
        np.take(table, cells, out=self._factors, mode="clip")
        self.posterior *= self._factors

    def _advance(self) -> None:
        posterior = self.posterior
        ending = posterior[self.last]  # (rows, intervals)
        beginning = self.row_flow @ (ending @ self.tempo_flow)
        if self._preferred is not None:
            beginning *= self._preferred
        elif self._held is not None:
            beginning *= self._held
        posterior[1:] = posterior[:-1].copy()
        posterior[self.first] = beginning

    def onset_evidence(self, strengths: Floats) -> Array:
        """Return the log likelihood (..., pairs of cells) of onset strengths (..., 3) under the rhythm patterns."""
        every = self._patterns.evidence(strengths)
        # A bar of four has a backbeat or not, all through; weighed up frame by frame, music without one would cost it
        # something at each of them, and a metronome would be taken for a waltz.
        both = np.maximum(every[..., self._pairs[:, 0]], every[..., self._pairs[:, 1]]) + np.log(2.0)
        return np.asarray(self.settings.onset_weight * both, dtype=np.float32)

    def evidence_of(self, beat: Floats | Array, down: Floats | Array) -> Array:
        """Return the log likelihood (T, cells) of activations (T,): by place within the beat, and which beat."""
        return np.array([self.evidence_at(float(each), float(other)) for each, other in zip(beat, down, strict=True)])

    def evidence_at(self, beat: float, down: float) -> Array:
        """Return the log likelihood (cells,) of one frame's activations."""
        beat = min(max(beat, 1e-3), 1.0 - 1e-3)
        share = min(max(down / beat, 1e-3), 1.0 - 1e-3)
        places = _between(self._beat_table, math.log(beat / (1.0 - beat)))
        first, other = _between(self._bar_table, math.log(share / (1.0 - share))) * np.float32(beat)
        # Only frames on a beat can tell which beat it is.
        return np.concatenate([places + first * _NEAR, places + other * _NEAR])

    def estimate(self, interval: float | None = None, to_next: float = 0.0) -> Estimate:
        """Return where the beat is: the mode of the posterior, or what is near a given beat, by the mass around it.

        Parameters
        ----------
        interval, to_next : float, optional
            Look only near beats `interval` s apart, the next one in `to_next` s. `probability` is the mass there;
            where there is next to none, the given beat is returned.
        """
        mass = self.posterior
        if interval is None:
            per_tempo = np.add.reduceat(mass, self.first.ravel()).reshape(self.rows, -1).sum(axis=0)
            centre = float(self.intervals[int(np.argmax(np.convolve(per_tempo, (0.5, 1.0, 0.5), mode="same")))])
        else:
            centre = interval * STATES_PER_SECOND
        distance = np.abs(self.intervals - centre)
        columns = np.flatnonzero(distance <= max(0.06 * centre, float(distance.min())))
        window = self._window(int(columns[0]), int(columns[-1]))
        weights = mass.take(window.states)
        if interval is None:
            profile = np.bincount(window.phase, weights, minlength=_PHASES)
            around = np.concatenate([profile[-1:], profile, profile[:1]])
            profile += 0.7 * (around[:-2] + around[2:])
            beat = (float(profile.argmax()) + 0.5) / _PHASES * centre
        else:
            beat = to_next * STATES_PER_SECOND
        apart = window.to_next - np.float32(beat)
        apart -= np.float32(centre) * np.rint(apart * np.float32(1.0 / centre))
        kept = weights * (np.abs(apart) <= 0.07 * STATES_PER_SECOND)
        total = float(kept.sum())
        if total > _NOTHING:
            beat = (beat + float(kept @ apart) / total) % centre
            centre = float(kept @ window.intervals) / total
        per_row = np.add.reduceat(kept, window.rows)
        bars = np.zeros((len(METRES), max(METRES)))
        bars[self._metre, self._next_in_bar] = per_row
        return Estimate(centre / STATES_PER_SECOND, beat / STATES_PER_SECOND, min(total, 1.0), bars)

    def _window(self, low: int, high: int) -> _Window:
        """Return the states of the intervals from column `low` to `high`, with what is asked of them."""
        known = self._windows.get((low, high))
        if known is None:
            # The neighbouring tempi of a row are contiguous states, as many in each.
            rows = [np.arange(self.first[row, low], self.last[row, high] + 1) for row in range(self.rows)]
            states = np.concatenate(rows)
            to_next, intervals = self._to_next[states], self._interval_of[states]
            phase = (to_next * (_PHASES / intervals)).astype(np.intp) % _PHASES
            known = _Window(states, to_next, intervals, phase, np.arange(self.rows) * len(rows[0]))
            self._windows[low, high] = known
        return known

    def pull(self, interval: float, to_next: float | None = None, strength: float = 0.97) -> None:
        """Move `strength` of the belief to beats `interval` s apart, the next one in `to_next` s when given."""
        wanted = interval * STATES_PER_SECOND
        shape = np.exp(-0.5 * (np.log2(self._interval_of / wanted) / 0.03) ** 2)
        if to_next is not None:
            apart = self._to_next - to_next * STATES_PER_SECOND
            apart = (apart + wanted / 2) % wanted - wanted / 2
            shape *= np.exp(-0.5 * (apart / (0.02 * STATES_PER_SECOND)) ** 2)
        total = float(shape.sum())
        if total > 0:
            pulled = strength * shape / total + (1 - strength) * self.posterior
            self.posterior = pulled.astype(np.float32)

    def _flow(self) -> Array:
        """Return P(row | row whose beat ends), (new, old)."""
        chosen = self.settings
        flow = np.zeros((self.rows, self.rows))
        starts = np.concatenate([[0], np.cumsum(METRES)[:-1]])
        for metre, size in enumerate(METRES):
            for beat in range(size):
                old, new = starts[metre] + beat, starts[metre] + (beat + 1) % size
                flow[new, old] += 1.0 - chosen.slip
                flow[starts[metre] : starts[metre] + size, old] += chosen.slip / size
        # Another metre takes over on a downbeat.
        for row in starts:
            column = flow[row].copy()
            flow[row] = (1 - chosen.switch) * column
            flow[[each for each in starts if each != row]] += chosen.switch * column
        return np.asarray(flow, dtype=np.float32)

    def _transitions(self) -> Array:
        """Return P(new interval | old interval) as (old, new)."""
        ratio = self.intervals[None, :] / self.intervals[:, None]
        table = np.exp(-self.settings.stiffness * np.abs(ratio - 1.0))
        return np.asarray(table / table.sum(axis=1, keepdims=True), dtype=np.float32)

    def _cells(
        self, position: NDArray[np.intp], interval_of: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return each state's cell: its place within the beat, for the first beat of a bar and for others."""
        row = np.repeat(np.repeat(np.arange(self.rows), len(self.intervals)), lengths)
        # Before the beat's instant the coming beat counts, after it the one that began.
        in_bar = np.where(interval_of - position < position, self._next_in_bar[row], self.place_in_bar[row])
        return np.asarray(np.where(in_bar == 0, 0, PLACES) + place_of(position, interval_of), dtype=np.intp)


def place_of(position: NDArray[np.intp], interval: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the place within the beat of states `position` after one, `interval` from it to the next.

    0…4 states from the nearest beat; 5…7: up to 1, 3, 5 states from the middle between two; 8: elsewhere.
    """
    distance = np.minimum(position, interval - position)
    middle = np.abs(2 * position - interval)  # half states
    between = np.where(middle <= 2, 5, np.where(middle <= 6, 6, np.where(middle <= 10, 7, 8)))
    return np.asarray(np.where(distance <= 4, distance, between), dtype=np.intp)


def _between(table: Array, log_odds: float) -> Array:
    """Return the row of `table` (GRID, C) interpolated at `log_odds`."""
    place = min(max((log_odds + LIMIT) / (2 * LIMIT) * (GRID - 1), 0.0), GRID - 1.0)
    low = min(int(place), GRID - 2)
    return np.asarray(table[low] + np.float32(place - low) * (table[low + 1] - table[low]))
