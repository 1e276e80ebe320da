"""The bench of the comparison: figures of known faults in a made take."""

from __future__ import annotations

import io

import numpy as np

from dancecoach.training.corpus import Take
from dancecoach.training.evaluate_comparison import run, trials
from dancecoach.training.faults import HELD_OUT, TRAINED
from dancecoach.training.routines import perform_routine


def _take() -> Take:
    clip = perform_routine("grapevine", np.arange(-1.0, 12.0, 0.5), 9.0)
    return Take(clip.times, clip.joints.astype(np.float32), "made", "one", "nobody", "made", True)


def test_every_kind_is_tried_and_most_are_named() -> None:
    out = io.StringIO()
    figures = run([_take()], 9.0, out)
    assert set(figures["faults"]) == {*TRAINED, *HELD_OUT}
    assert figures["clean"]["with_a_cue"] == 0.0 and figures["clean"]["quality"] > 99
    named = [row["named"] for row in figures["faults"].values()]
    assert np.mean(named) > 0.7
    # A single eight-count, and chance decides what a missed or another move falls on.
    ranked = {kind: row["spearman"] for kind, row in figures["faults"].items() if kind not in ("missed", "different")}
    assert min(ranked.values()) > 0.6, ranked
    assert "late" in out.getvalue() and "different*" in out.getvalue()


def test_the_same_seed_gives_the_same_trials() -> None:
    first, second = (list(trials(_take(), 5.0, 3)) for _ in range(2))
    assert [trial.fault for trial in first] == [trial.fault for trial in second]
    assert [trial.said.quality.mean for trial in first] == [trial.said.quality.mean for trial in second]
