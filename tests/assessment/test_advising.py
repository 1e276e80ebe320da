"""What is said while dancing: little, not again and again, and praise when it is mended."""

from __future__ import annotations

import numpy as np

from dancecoach.assessment.advising import Advisor
from dancecoach.types import Advice, Assessment, Cue, Primitive, PrimitiveScore, Quality, Synchrony

_LATE = Cue("left_arm", "late", 120.0, "ms", (1, 3), 0.9, 15.0)
_SMALL = Cue("right_leg", "small", 40.0, "%", (2,), 0.9, 20.0)
_BENT = Cue("torso", "posture", 15.0, "°", (5,), 0.9, 10.0)
_VAGUE = Cue("right_arm", "stiff", 50.0, "%", (5,), 0.6, 10.0)


def _score(index: int, *cues: Cue, quality: float | None = 80.0) -> PrimitiveScore:
    assessment = Assessment(
        Quality(quality, 9.0 if quality else None, None, None if quality else "unseen"), cues=cues
    )
    primitive = Primitive(index * 4.0, index * 4.0 + 4.0, np.linspace(index * 4.0, index * 4.0 + 4.0, 9))
    return PrimitiveScore(index, primitive, Synchrony("body", 0, 0, reason="x"), assessment)


def _heard(*eight_counts: tuple[Cue, ...]) -> list[tuple[Advice, ...]]:
    advisor = Advisor()
    return [advisor.heard(_score(number, *cues), number * 4.0) for number, cues in enumerate(eight_counts, 1)]


def test_at_most_two_the_gravest_first() -> None:
    (said,) = _heard((_LATE, _SMALL, _BENT))
    assert [advice.cue for advice in said] == [_SMALL, _LATE]


def test_the_same_is_not_said_again_at_once() -> None:
    said = _heard((_LATE,), (_LATE,), (_LATE,), (_LATE,), (_LATE,))
    assert [len(each) for each in said] == [1, 0, 0, 0, 1]


def test_what_is_mended_is_praised_once() -> None:
    said = _heard((_LATE,), (), (), (), ())
    praise = [advice for each in said for advice in each if advice.praise]
    assert len(praise) == 1 and praise[0].cue == _LATE and not said[1]


def test_what_is_unsure_is_said_when_it_comes_again() -> None:
    said = _heard((_VAGUE,), (), (_VAGUE,))
    assert [len(each) for each in said] == [0, 0, 1]


def test_an_unknown_quality_says_nothing_and_mends_nothing() -> None:
    advisor = Advisor()
    assert advisor.heard(_score(1, _LATE), 4.0)
    for number in (2, 3, 4):
        assert advisor.heard(_score(number, quality=None), number * 4.0) == ()
    assert advisor.current(5.0) and advisor.current(30.0) == ()
