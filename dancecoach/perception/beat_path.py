"""The most likely beats of a whole recording: the beat filter's states searched by the Viterbi algorithm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dancecoach.perception.beat_filter import BeatFilter
from dancecoach.types import Floats

_IMPOSSIBLE = -1e4
_CHUNK = 256  # moments whose onsets are weighed at once

Array = NDArray[np.float32]


def best_beats(
    model: BeatFilter,
    beat: Floats | NDArray[np.float32],
    down: Floats | NDArray[np.float32],
    tempo: NDArray[np.float32] | None,
    onsets: Floats | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the most likely path through the activations of a whole recording.

    Parameters
    ----------
    model : BeatFilter
        Its states, transitions and weights are used; its posterior is not changed.
    beat, down : (T,)
        Activations.
    tempo : (T, intervals) or None
        Relative likelihood of each of the model's intervals.
    onsets : (2 T, 3) or None
        Onset strengths as in `OnsetFrame`, of each half frame.

    Returns
    -------
    at : (B,)
        Beats in states (two a frame) from the first frame.
    bars : (B,)
        Beat in the bar, 1 is the downbeat.
    metres : (B,)
        Beats in the bar.
    """
    frames = len(beat)
    rows, columns = model.rows, len(model.intervals)
    score = np.log(np.maximum(model.initial, 1e-30)).astype(np.float32)
    with np.errstate(divide="ignore"):
        transition = np.maximum(np.log(model.tempo_flow), _IMPOSSIBLE).astype(np.float32)  # (old, new)
        flow = np.maximum(np.log(model.row_flow), _IMPOSSIBLE).astype(np.float32)  # (new, old)
        tempo_score = None if tempo is None else np.log(np.maximum(tempo, 1e-6)).astype(np.float32)
    # Origins of each beat that begins: the interval before it, then the row before that.
    from_column = np.zeros((2 * frames, rows, columns), dtype=np.uint8)
    from_row = np.zeros((2 * frames, rows, columns), dtype=np.uint8)
    # A new interval can only come from a similar one: look at the near ones alone.
    reach = 6
    near = np.arange(-reach, reach + 1)[:, None] + np.arange(columns)[None, :]  # (candidates, new)
    inside = (near >= 0) & (near < columns)
    near = near.clip(0, columns - 1)
    step = np.where(inside, transition[near, np.arange(columns)[None, :]], _IMPOSSIBLE).astype(np.float32)
    row_index, column_index = np.arange(rows)[:, None], np.arange(columns)[None, :]
    evidence = model.evidence_of(beat, down)  # (T, cells)
    with_onsets = onsets is not None and model.settings.onset_weight > 0.0
    for moment in range(2 * frames):
        if with_onsets and moment % _CHUNK == 0:
            assert onsets is not None
            heard = model.onset_evidence(onsets[moment : moment + _CHUNK])
        ending = score[model.last]  # (rows, intervals)
        between = ending[None] + flow[:, :, None]  # (new row, old row, intervals)
        origin = between.argmax(axis=1)
        moved = between[row_index, origin, column_index]  # (new row, intervals)
        candidates = moved[:, near] + step[None]  # (new row, candidates, new interval)
        best = candidates.argmax(axis=1)
        from_row[moment] = origin
        from_column[moment] = near[best, column_index]
        score[1:] = score[:-1].copy()
        score[model.first] = candidates[row_index, best, column_index]
        if with_onsets:
            score += heard[moment % _CHUNK][model.pattern_cell]
        if moment % 2:
            frame = moment // 2
            score += evidence[frame][model.cell]
            if tempo_score is not None:
                score += tempo_score[frame][model.column_of]
            score -= score.max()
    state = int(np.argmax(score))
    position = int(np.searchsorted(model.first.ravel(), state, side="right") - 1)
    row, column = divmod(position, columns)
    moment = 2 * frames - 1 - (state - int(model.first[row, column]))
    at, places = [], []
    while moment >= 0:
        at.append(moment)
        places.append(row)
        column = int(from_column[moment, row, column])
        row = int(from_row[moment, row, column])
        moment -= int(model.intervals[column])
    order = np.array(places[::-1], dtype=np.intp)
    # A beat begins on the frame after the two half-steps that lead to it.
    return np.array(at[::-1], dtype=np.intp) - 1, model.place_in_bar[order] + 1, model.metre_of[order]
