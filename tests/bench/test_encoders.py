"""What the assessment costs: every step is timed, with the weights that ship."""

from __future__ import annotations

import io

from dancecoach.bench.encoders import run


def test_every_step_is_timed() -> None:
    out = io.StringIO()
    figures = run(9.0, out)
    assert set(figures["ms"]) == {"music features", "motion and music encoder", "heads", "comparison"}
    assert all(0 < value["median"] <= value["p95"] for value in figures["ms"].values())
    assert figures["provider"] in out.getvalue()
