"""Every cue is a sentence a person can dance by."""

from __future__ import annotations

import dataclasses
import re
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancecoach.assessment.rubric import RULES
from dancecoach.types import Advice, Assessment, BodyPart, ChoreographyPlace, Cue, FaultKind, Label, Quality
from dancecoach.ui import words

from . import fake

PARTS, FAULTS = get_args(BodyPart), get_args(FaultKind)
PLURAL = ("movements", "hips", "both")


def cue(
    limb: BodyPart, fault: FaultKind, amount: float = 83.0, counts: tuple[int, ...] = (3, 7), confidence: float = 0.9
) -> Cue:
    return Cue(limb, fault, amount, RULES[fault].unit, counts, confidence, 10.0)


@pytest.mark.parametrize("limb", PARTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_cue_is_a_sentence(limb: BodyPart, fault: FaultKind) -> None:
    for counts, against in product([(), (5,), (3, 7), (1, 3, 5), tuple(range(1, 9))], (False, True)):
        check_sentence(limb, fault, counts, against)


def check_sentence(limb: BodyPart, fault: FaultKind, counts: tuple[int, ...], against: bool) -> None:
    value = cue(limb, fault, counts=counts)
    for text in (words.cue_words(value, against), words.praise_words(value)):
        assert re.fullmatch(r"[A-Z][^_{}\n]*[^\s.,:]", text), text
        assert "  " not in text and not re.search(r"\b(on|by|than|the)$", text), text
        assert len(text) <= 70, text
        assert not re.search(r"\b(\w+) \1\b", text), "no word twice"
        if limb not in ("body", "torso"):
            side = words.PART_WORDS[limb] if fault != "asymmetric" else limb.rpartition("_")[2]
            assert side in text.lower(), text
        if text.lower().startswith(PLURAL):
            assert not re.match(r"\w+ \w* ?(is|has|does)\b", text), text
    if counts and fault in ("late", "early", "missed", "different", "no_level_change"):
        assert f" on {words.counts_words(counts)}" in words.cue_words(value)
    assert words.praise_words(value) != words.cue_words(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (cue("left_arm", "late", 83.0), "Left arm 80 ms late on 3 and 7"),
        (cue("right_leg", "early", 2.0, (1, 3, 5)), "Right leg 10 ms early on 1, 3 and 5"),
        (cue("body", "late", 120.0, (1,)), "You are 120 ms late on 1"),
        (cue("right_arm", "small", 36.0), "Right arm too small: 35 % less than it should be"),
        (cue("left_arm", "shaky", 1.62), "Shaky left arm: 1.5 cm"),
        (cue("left_leg", "shaky", 1.9), "Shaky left leg: 2 cm"),
        (cue("torso", "no_level_change", 60.0, (1, 5)), "Hips stay level: bend more on 1 and 5"),
        (cue("torso", "posture", 12.4), "Lean: 12° off the reference"),
        (cue("body", "missed", 25.0, (5, 6)), "Missed the move on 5 and 6"),
        (cue("left_arm", "different", 25.0, (5, 6, 7, 8)), "Left arm made another move on 5 to 8"),
        (cue("left_leg", "asymmetric", 33.0), "Left leg moves 35 % less than the right leg"),
        (cue("body", "uneven", 44.0), "Timing uneven: ± 40 ms"),
    ],
)
def test_cues_in_plain_words(value: Cue, text: str) -> None:
    assert words.cue_words(value) == text


@given(st.sampled_from(PARTS), st.sampled_from(FAULTS), st.floats(0, 2000))
def test_amounts_are_rounded(limb: BodyPart, fault: FaultKind, amount: float) -> None:
    value = cue(limb, fault, amount)
    step = {"ms": 10.0, "cm": 0.5, "%": 5.0, "°": 1.0}[value.unit]
    said = float(re.match(r"[\d.]+", words.amount_words(value))[0])  # type: ignore[index]
    assert said >= step, "a fault of nothing is not told"
    assert (said / step) % 1 == 0
    assert abs(said - amount) <= max(step / 2, step - amount) + 1e-9
    fine = float(re.match(r"[\d.]+", words.amount_words(value, fine=True))[0])  # type: ignore[index]
    finest = 0.1 if value.unit == "cm" else 1.0
    assert abs(fine - amount) <= max(finest / 2, finest - amount) + 1e-9


@given(st.sets(st.integers(1, 8)))
def test_counts_say_each_count(counts: set[int]) -> None:
    text = words.counts_words(tuple(counts))
    if " to " in text:
        first, last = (int(end) for end in text.split(" to "))
        assert set(range(first, last + 1)) == counts
    else:
        assert {int(count) for count in re.findall(r"\d", text)} == counts


def test_evidence_is_amount_counts_and_confidence() -> None:
    assert words.cue_evidence(fake.LATE_ARM) == "83 ms · counts 3 and 7 · sure"
    assert words.cue_evidence(cue("torso", "posture", 12.4, (), 0.6)) == "12° · likely"
    assert words.cue_evidence(cue("torso", "shaky", 1.62, (4,), 0.3)) == "1.6 cm · count 4 · perhaps"
    assert words.cue_evidence(fake.LATE_ARM, praise=True).startswith("was 83 ms")


def test_units_are_spoken_as_words() -> None:
    assert words.spoken("Left arm 80 ms late") == "Left arm 80 milliseconds late"
    for limb in PARTS:
        for fault in FAULTS:
            assert not re.search(r"[%°±]|\b(ms|cm)\b", words.spoken(words.cue_words(cue(limb, fault))))


def test_praise_is_for_what_was_wrong() -> None:
    assert words.advice_words(Advice(0.0, 1, fake.LATE_ARM, True)) == "Left arm is on time now"
    assert words.advice_words(Advice(0.0, 1, fake.LATE_ARM)) == "Left arm 80 ms late on 3 and 7"


def test_what_it_is_with_how_sure() -> None:
    assert words.kind_words(fake.assessment()) == [
        "salsa, sure",
        "intermediate, likely",
        "dancing, sure",
        "Routine A, eight-count 3 of it, mirrored, sure",
    ]
    assert words.kind_words(Assessment(Quality(reason="Too dark"))) == ["unknown style"]
    some = Assessment(Quality(), (Label("choreography", "Routine B", 0.6), Label("dancing", "no", 0.95)))
    assert words.kind_words(some) == ["unknown style", "not dancing, sure", "Routine B, likely"]
    unsure = Assessment(Quality(), (), (), None, ChoreographyPlace("Routine A", 1, False, 0.49))
    assert words.kind_words(unsure) == ["unknown style"]


def test_quality_in_words() -> None:
    assert words.quality_words(Quality(71.0, 36.0, "B")) == "B, 71 of 100 (90 % sure: 61 to 81), judged by itself"
    assert words.quality_words(Quality(reason="Feet out of frame")) == "– unknown: Feet out of frame"
    assert words.grade_letter(None) == "–"


def test_an_eight_count_in_lines() -> None:
    lines = words.score_words(fake.scores()[-1])
    assert lines[:2] == ["Eight-count 12", "In time 71 %, +19 ms"]
    assert lines[2] == "Quality B, 71 of 100 (90 % sure: 61 to 81), against the reference"
    assert lines[4] == "Left arm 80 ms late on 3 and 7 (83 ms · counts 3 and 7 · sure)"
    unknown = words.score_words(fake.scores((None,))[0])
    assert "Quality – unknown: Feet out of frame" in unknown
    plain = dataclasses.replace(fake.scores()[-1], assessment=None)
    assert words.score_words(plain)[-1] == "Quality not judged"
