"""What the coach said survives the disk, and hostile words about it do no harm."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach import report
from dancecoach.assessment.rubric import RULES
from dancecoach.session import assessments, scores
from dancecoach.session import format as names
from dancecoach.session.export import export, to_document
from dancecoach.session.index import read_index
from dancecoach.session.recorder import Recorder
from dancecoach.session.store import open_session
from dancecoach.types import (
    Assessment,
    Attribute,
    BodyPart,
    ChoreographyPlace,
    Cue,
    FaultKind,
    Grade,
    Label,
    Quality,
)
from tests.session import made

SHARE = st.floats(0, 1)
NAME = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=80)


def _saliency(values: list[float]) -> np.ndarray | None:
    total = sum(values)
    return np.array(values) / total if total > 1e-9 else None


def _cue(
    limb: BodyPart, fault: FaultKind, amount: float, counts: set[int], confidence: float, severity: float
) -> Cue:
    return Cue(limb, fault, amount, RULES[fault].unit, tuple(sorted(counts)), confidence, severity)


QUALITIES = st.builds(
    Quality, st.floats(0, 100), st.floats(0, 2500), st.sampled_from(get_args(Grade)), st.none(), st.booleans()
) | st.builds(lambda reason, against: Quality(reason=reason, against_reference=against), NAME, st.booleans())
ASSESSMENTS = st.builds(
    Assessment,
    QUALITIES,
    st.lists(st.builds(Label, st.sampled_from(get_args(Attribute)), NAME, SHARE), max_size=4).map(tuple),
    st.lists(
        st.builds(
            _cue,
            st.sampled_from(get_args(BodyPart)),
            st.sampled_from(get_args(FaultKind)),
            st.floats(0, 1000),
            st.sets(st.integers(1, 8)),
            SHARE,
            st.floats(0, 100),
        ),
        max_size=5,
    ).map(tuple),
    st.none() | st.lists(SHARE, min_size=22, max_size=22).map(_saliency),
    st.none() | st.builds(ChoreographyPlace, NAME, st.integers(1, 500), st.booleans(), SHARE),
)


def same(one: Assessment | None, two: Assessment | None) -> bool:
    if one is None or two is None:
        return one is two
    if one.saliency is None or two.saliency is None:
        alike = one.saliency is two.saliency
    else:
        alike = bool(np.allclose(one.saliency, two.saliency, atol=1e-12))
    return alike and (one.quality, one.labels, one.cues, one.place) == (two.quality, two.labels, two.cues, two.place)


@given(ASSESSMENTS)
def test_an_assessment_survives_being_written(value: Assessment) -> None:
    assert same(assessments.from_table(scores.parse(assessments.to_json(value))), value)


def example() -> Assessment:
    saliency = np.zeros(22)
    saliency[[18, 20]] = 0.75, 0.25
    return Assessment(
        Quality(71.0, 36.0, "B", None, True),
        (Label("style", "salsa", 0.93), Label("level", "intermediate", 0.7)),
        (Cue("left_arm", "late", 83.25, "ms", (3, 7), 0.9, 13.3),),
        saliency,
        ChoreographyPlace("Routine A", 3, True, 0.97),
    )


def record(parent: Path, *values: Assessment | None) -> Path:
    recorder = Recorder(parent, made.STARTED, {}, False, minimum_free=0)
    recorder.beats(made.beats(4.0 * len(values)))
    for number, value in enumerate(values, start=1):
        recorder.primitive(made.score(number, made.STARTED + 4.0 * (number - 1), value))
    folder = recorder.close(made.synchrony(made.STARTED, made.STARTED + 4.0))
    assert recorder.problem is None
    return folder


def test_a_session_keeps_what_the_coach_said(tmp_path: Path) -> None:
    odd = Assessment(Quality(reason="Feet out of frame \ud800"), (Label("style", "a\udcff", 0.5),))
    session = open_session(record(tmp_path, example(), None, odd))
    assert [score.primitive.start for score in session.primitives] == [0.0, 4.0, 8.0]
    first, second, third = (score.assessment for score in session.primitives)
    assert same(first, example())
    assert second is None
    assert third is not None and third.quality == Quality(reason="Feet out of frame")
    assert first is not None and first.saliency is not None and not first.saliency.flags.writeable
    document = json.loads(json.dumps(to_document(session), allow_nan=False))
    assert document["primitives"][0]["assessment"]["cues"][0]["limb"] == "left_arm"
    assert document["primitives"][1]["assessment"] is None
    assert export(session, "csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert {"quality", "grade"} <= set(next(csv.reader(file)))


def test_reports_say_it(tmp_path: Path) -> None:
    session = open_session(record(tmp_path, example(), None))
    judged, unjudged = report.primitives(session.primitives)
    assert "assessment" not in unjudged
    table = judged["assessment"]
    assert table["quality"] == {
        "mean": 71.0,
        "variance": 36.0,
        "interval": [61.13, 80.87],
        "grade": "B",
        "reason": None,
        "against_reference": True,
    }
    assert table["labels"][0] == {"attribute": "style", "name": "salsa", "probability": 0.93}
    assert table["place"] == {"name": "Routine A", "primitive": 3, "mirrored": True, "probability": 0.97}
    assert len(table["saliency"]) == 22 and sum(table["saliency"]) == pytest.approx(1.0)


def test_a_session_of_before_is_read_without(tmp_path: Path) -> None:
    folder = record(tmp_path, example())
    connection = sqlite3.connect(folder / names.INDEX, isolation_level=None)
    connection.executescript("ALTER TABLE primitives DROP COLUMN assessment; PRAGMA user_version = 1;")
    connection.close()
    (score,) = read_index(folder).primitives
    assert score.assessment is None
    assert score.synchrony.msr == 0.75


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just("late"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def valid(value: Assessment) -> None:
    quality = value.quality
    known = [quality.mean is None, quality.variance is None, quality.grade is None]
    assert all(known) or not any(known)
    assert (quality.reason is not None) or not known[0]
    if quality.interval is not None:
        assert 0 <= quality.interval[0] <= quality.interval[1] <= 100
    for label in value.labels:
        assert label.attribute in get_args(Attribute) and label.name.isprintable() and 0 <= label.probability <= 1
    for cue in value.cues:
        assert cue.limb in get_args(BodyPart) and cue.fault in get_args(FaultKind)
        assert cue.unit == RULES[cue.fault].unit and 0 <= cue.amount <= 10_000
        assert 0 <= cue.confidence <= 1 and 0 <= cue.severity <= 100
        assert all(1 <= count <= 8 for count in cue.counts) and list(cue.counts) == sorted(set(cue.counts))
    if value.saliency is not None:
        assert value.saliency.shape == (22,) and value.saliency.min() >= 0
        assert value.saliency.sum() == pytest.approx(1.0)
    assert value.place is None or (value.place.primitive >= 1 and 0 <= value.place.probability <= 1)
    json.dumps(assessments.to_table(value), allow_nan=False)


@settings(max_examples=300)
@given(st.data())
def test_any_word_of_a_stranger_is_harmless(data: st.DataObject) -> None:
    table: Any = assessments.to_table(example())
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = table
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            place[key] = data.draw(ANY_JSON)
            break
    value = assessments.from_table(table)
    if value is not None:
        valid(value)


@pytest.mark.parametrize(
    ("key", "hostile", "wanted"),
    [
        ("quality", {"mean": 1e9, "variance": -4, "grade": "A"}, Quality(100.0, 0.0, "A")),
        ("quality", {"mean": 50, "variance": 4, "grade": "Z"}, Quality(reason="The recorded quality is not whole")),
        ("quality", {"mean": None, "reason": "x" * 10_000}, Quality(reason="x" * 200)),
        ("labels", [{"attribute": "shoe size", "name": "43", "probability": 1}], ()),
        ("labels", [{"attribute": "style", "name": "a\nb", "probability": 7}] * 9, (Label("style", "a b", 1.0),) * 9),
        ("cues", [{"limb": "tail", "fault": "late", "amount": 1, "unit": "ms"}], ()),
        ("saliency", [1.0] * 21, None),
        ("saliency", [0.0] * 22, None),
        ("saliency", [float("nan")] * 22, None),
        ("saliency", [-5.0] * 22, None),
        ("place", {"name": "A", "primitive": 10**30, "probability": 1}, None),
        ("place", {"name": "", "primitive": 1, "probability": 1}, None),
    ],
)
def test_hostile_values(key: str, hostile: object, wanted: object) -> None:
    value = assessments.from_table(assessments.to_table(example()) | {key: hostile})
    assert value is not None
    assert getattr(value, key) == wanted


def test_a_cue_in_another_unit_is_none() -> None:
    table = assessments.to_table(example())
    table["cues"][0]["unit"] = "km"
    table["cues"].append(table["cues"][0] | {"unit": "ms", "amount": 1e308, "counts": [9, 7, 7, True, "3", 0, -1]})
    value = assessments.from_table(table)
    assert value is not None
    (cue,) = value.cues
    assert (cue.amount, cue.counts) == (10_000.0, (7,))


def test_what_is_no_assessment_is_none() -> None:
    for table in (None, 3, "x", [], {}, {"quality": None}, {"quality": []}):
        assert assessments.from_table(table) is None
