"""Each honest state says what it is and what to do, the gravest first."""

import dataclasses

import numpy as np
import pytest

from dancecoach.loop.notices import (
    brightness_of,
    by_severity,
    frame_rate_notice,
    music_notices,
    people_notices,
    rate_of,
)
from dancecoach.types import JOINT_INDEX, Notice, Person, Pose
from tests.support.signals import grid


def pose(hidden: tuple[str, ...] = (), distance: float = 2.5) -> Pose:
    visibility = np.ones(22)
    for name in hidden:
        visibility[JOINT_INDEX[name]] = 0.1
    joints = np.zeros((22, 3))
    return Pose(1.0, 1, joints, np.array([0.0, 0.9, -distance]), np.full((22, 2), 0.5), visibility, 1.06)


def person(number: int) -> Person:
    return Person(number, (0.1, 0.1, 0.3, 0.9), number == 1)


def codes(notices: list[Notice]) -> list[str]:
    return [notice.code for notice in notices]


def test_darkness_is_told_from_a_busy_computer() -> None:
    dark, bright = frame_rate_notice(14.2, 30.0), frame_rate_notice(14.2, 120.0)
    assert dark is not None
    assert (dark.text, dark.remedy) == ("Too dark: 14 frames a second", "Switch on more light.")
    assert bright is not None
    assert bright.text == "Only 14 frames a second"
    assert bright.code == dark.code == "low_frame_rate"
    assert frame_rate_notice(14.2, None) == bright
    assert frame_rate_notice(29.6, 10.0) is None
    assert frame_rate_notice(None, 10.0) is None


@pytest.mark.parametrize(
    ("seen", "people", "ago", "expected"),
    [
        (None, 0, None, ["starting"]),
        (None, 0, 10.0, ["nobody"]),
        (pose(), 0, 3.0, ["nobody"]),
        (None, 2, 10.0, ["dancer_lost", "several_people"]),
        (pose(), 1, 0.1, []),
        (pose(("left_ankle", "right_ankle", "left_foot", "right_foot")), 1, 0.1, ["feet_out_of_frame"]),
        (pose(("left_ankle", "left_foot")), 1, 0.1, []),
        (pose(("left_wrist", "right_wrist")), 1, 0.1, ["hands_out_of_frame"]),
        (pose(("left_wrist",)), 1, 0.1, []),
        (pose(distance=5.0), 1, 0.1, ["too_far"]),
        (pose(), 2, 0.1, ["several_people"]),
    ],
)
def test_who_is_in_the_picture(seen: Pose | None, people: int, ago: float | None, expected: list[str]) -> None:
    notices = people_notices(seen, [person(number) for number in range(1, people + 1)], ago)
    assert codes(notices) == expected
    assert all(notice.remedy for notice in notices if notice.level != "info")


def test_people_are_counted_in_words() -> None:
    for count, word in ((2, "Two people"), (4, "Four people"), (7, "7 people")):
        assert people_notices(pose(), [person(number) for number in range(count)], 0.0)[-1].text == word


def test_what_is_wrong_with_the_music() -> None:
    sure = grid(120, 10.0)
    unsure = dataclasses.replace(sure, confidence=0.1)
    coasting = dataclasses.replace(sure, coasting=True)
    assert codes(music_notices(False, None, False)) == ["no_sound"]
    assert codes(music_notices(False, None, True)) == ["no_music"]
    assert codes(music_notices(False, sure, True)) == ["no_music"]
    assert codes(music_notices(True, None, True)) == ["finding_beat"]
    assert codes(music_notices(True, unsure, True)) == ["beat_unsure"]
    assert codes(music_notices(True, sure, True)) == []
    assert codes(music_notices(False, coasting, True)) == ["coasting"]


def test_errors_come_first_and_each_once() -> None:
    notices = [
        Notice("a", "1", level="info"),
        Notice("b", "2"),
        Notice("c", "3", level="error"),
        Notice("d", "4"),
        Notice("b", "2"),
    ]
    assert codes(list(by_severity(notices))) == ["c", "b", "d", "a"]
    assert by_severity([]) == ()


def test_rate_and_brightness() -> None:
    assert rate_of(np.arange(0, 2, 1 / 30)) == pytest.approx(30)
    assert rate_of(np.arange(0, 0.4, 1 / 30)) is None
    assert rate_of(np.empty(0)) is None
    image = np.full((480, 640, 3), 37, np.uint8)
    assert brightness_of(image) == 37
