import dataclasses

import numpy as np
import pytest

from dancecoach.types import Notice, Primitive, Synchrony
from dancecoach.ui import words

from . import fake


@pytest.mark.parametrize(
    ("offset", "kind", "text"),
    [
        (35.4, "late", "+35 ms"),
        (-64.0, "early", "−64 ms"),
        (0.2, "on", "0 ms"),
        (-20.0, "on", "−20 ms"),
        (20.6, "late", "+21 ms"),
    ],
)
def test_plus_is_late(offset: float, kind: str, text: str) -> None:
    assert words.timing(offset) == kind
    assert words.signed_ms(offset) == text


def test_unknown_values_are_a_dash() -> None:
    assert words.signed_ms(None) == words.percent(None) == "–"
    assert words.spread_ms(Synchrony("body", 0, 1)) == ""


def test_scores_stay_between_0_and_100() -> None:
    assert [words.percent(value) for value in (-0.2, 0.0, 0.824, 1.0)] == ["0 %", "0 %", "82 %", "100 %"]


def test_the_scale_ends_where_the_next_hit_is_nearer() -> None:
    assert words.needle_range(None, None) == 200.0
    assert words.needle_range(fake.grid(tempo=120), "every beat") == 200.0
    assert words.needle_range(fake.grid(tempo=180), "every beat") == 160.0
    assert words.needle_range(fake.grid(tempo=120), "half beats") == 120.0


def test_count_is_known_only_near_the_beats() -> None:
    grid = fake.grid(start=10.0, tempo=120, beats=8)
    assert words.count_at(grid, 10.0) == (1, 0.0)
    count, phase = words.count_at(grid, 11.25) or (0, 0.0)
    assert (count, phase) == (3, pytest.approx(0.5))
    assert words.count_at(grid, 9.9) is None
    assert words.count_at(grid, 13.5 + 3.9) is not None
    assert words.count_at(grid, 13.5 + 4.1) is None, "the count may not run on for ever"
    assert words.count_at(None, 10.0) is None


def test_worst_notices_first_and_two_at_most() -> None:
    notices = [
        Notice("a", "", level="info"),
        Notice("b", "", level="warning"),
        Notice("c", "", level="error"),
        Notice("d", ""),
    ]
    assert [notice.code for notice in words.most_severe(notices)] == ["c", "b"]


def test_measured_spans_come_first_but_reasons_are_kept() -> None:
    unknown = Synchrony("body", 0, 1, reason="too dark")
    known = fake.synchrony(10.0)
    assert words.with_offset(unknown, known) is known
    assert words.with_offset(unknown, None) is unknown
    assert words.with_msr(dataclasses.replace(known, msr=None, reason="few"), unknown).reason == "few"
    assert words.with_msr(None, None) is None


def test_levels_that_are_not_every_beat_are_tagged() -> None:
    assert [words.level_tag(level) for level in (None, "every beat", "every second beat", "half beats")] == [
        "",
        "",
        "half-time",
        "double-time",
    ]


def test_a_primitive_is_called_by_its_counts() -> None:
    assert [words.primitive_word(Primitive(0.0, beats, np.arange(beats + 1.0))) for beats in (8, 6)] == [
        "Eight-count",
        "Six-count",
    ]
