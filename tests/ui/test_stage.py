from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from dancecoach.clock import ManualClock
from dancecoach.types import ChoreographyPlace, Notice, Person, VideoFrame
from dancecoach.ui.overlays import Scene
from dancecoach.ui.overlays.strip import placed
from dancecoach.ui.stage import Stage
from dancecoach.ui.theme import tip
from dancecoach.ui.words import score_words

from . import fake

pytestmark = pytest.mark.usefixtures("application")


def stage(coach: fake.FakeCoach, size: tuple[int, int] = (1280, 720), **values: object) -> Stage:
    made = Stage(coach, clock=coach.clock, **values)  # type: ignore[arg-type]
    made.resize(*size)
    return made


def pixels(widget: Stage) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def alike(one: np.ndarray, two: np.ndarray) -> bool:
    """Tell whether two pictures are the same; edges of large digits vary a little from paint to paint."""
    return one.shape == two.shape and int((np.abs(one.astype(int) - two) > 16).sum()) <= 30


def picture_sides(widget: Stage) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean colours of a strip at the left and at the right of the picture's middle."""
    shot = pixels(widget)
    assert widget.picture is not None
    rect = widget.picture.rect
    middle, top = int(rect.center().x()), int(rect.top()) + 12
    return shot[top : top + 30, middle - 150 : middle - 60].mean((0, 1)), shot[
        top : top + 30, middle + 60 : middle + 150
    ].mean((0, 1))


def test_the_picture_is_flipped_in_the_mirror_only() -> None:
    coach = fake.FakeCoach()
    left, right = picture_sides(stage(coach, mirror=True))
    assert left[2] > left[0] and right[0] > right[2], "the reddish half is on the left of the camera's picture"
    left, right = picture_sides(stage(coach, mirror=False))
    assert left[0] > left[2] and right[2] > right[0]


def test_a_switched_mirror_shows_at_the_next_paint() -> None:
    widget = stage(fake.FakeCoach())
    first, _ = picture_sides(widget)
    widget.mirror = False
    second, _ = picture_sides(widget)
    assert np.abs(first - second).max() > 30


@pytest.mark.parametrize("mirror", [True, False])
def test_a_tap_names_the_unmirrored_place(mirror: bool) -> None:
    coach = fake.FakeCoach()
    widget = stage(coach, mirror=mirror)
    widget.grab()
    assert widget.picture is not None
    rect = widget.picture.rect
    point = QPoint(int(rect.left() + 0.6 * rect.width()), int(rect.top() + 0.5 * rect.height()))
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=point)
    ((name, x, y),) = coach.calls
    assert name == "follow_person"
    assert x == pytest.approx(0.4 if mirror else 0.6, abs=0.005)
    assert y == pytest.approx(0.5, abs=0.005)


def test_a_tap_beside_the_picture_follows_nobody() -> None:
    coach = fake.FakeCoach()
    widget = stage(coach)
    widget.grab()
    for point in (QPoint(100, 100), QPoint(640, 700)):
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=point)
    assert coach.calls == []


def test_the_tapped_box_is_the_one_painted_there() -> None:
    box = (0.55, 0.2, 0.75, 0.9)
    coach = fake.FakeCoach(fake.snapshot(people=(Person(1, (0.2, 0.2, 0.4, 0.9), True), Person(2, box, False))))
    widget = stage(coach)
    widget.grab()
    assert widget.picture is not None
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.picture.box(box).center().toPoint())
    _, x, y = coach.calls[-1]
    assert box[0] < x < box[2] and box[1] < y < box[3]


def test_each_picture_is_reported_once_when_it_was_painted() -> None:
    coach = fake.FakeCoach()
    widget = stage(coach)
    widget.grab()
    coach.clock.advance(0.016)
    widget.grab()
    assert coach.paints == [(10.0, 10.0)]
    coach.state = dataclasses.replace(coach.state, frame=VideoFrame(10.033, 301, fake.picture(), 10.05))
    coach.clock.advance(0.05)
    widget.grab()
    assert coach.paints[1:] == [(10.05, pytest.approx(10.066))]
    assert widget.paint_count == 3


def test_no_picture_reports_nothing_and_says_so() -> None:
    coach = fake.FakeCoach(fake.unknown())
    widget = stage(coach)
    widget.grab()
    assert coach.paints == [] and widget.picture is None


def test_the_beat_is_shown_ahead_by_the_display_s_delay() -> None:
    coach = fake.FakeCoach(fake.snapshot(), ManualClock(10.45))
    before = pixels(stage(coach))
    coach.state = dataclasses.replace(coach.state, display_latency=0.06)
    after = pixels(stage(coach))
    # The frame of the count lights up: with the delay, the beat at 10.5 is what the eye will see.
    assert after[9:12, 50:250].mean() > before[9:12, 50:250].mean() + 30


def test_odd_pictures_are_painted() -> None:
    coach = fake.FakeCoach()
    for image in (
        np.zeros((480, 642, 3), np.uint8)[:, 1:-1],  # not contiguous
        np.zeros((1080, 607, 3), np.uint8),  # portrait, odd width
        np.zeros((2160, 3840, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
    ):
        coach.state = fake.snapshot(image=image)
        widget = stage(coach)
        widget.grab()
        assert widget.picture is not None
        shown, real = widget.picture.rect, image.shape
        if min(real[:2]) > 1:
            assert shown.width() / shown.height() == pytest.approx(real[1] / real[0], rel=0.01)


def test_own_messages_come_before_notices_and_go_away() -> None:
    coach = fake.FakeCoach(fake.snapshot())
    widget = stage(coach)
    quiet = pixels(widget)
    widget.say(Notice("said", "Theme: dark", "", "info"), 5.0)
    loud = pixels(widget)
    assert np.abs(loud.astype(int) - quiet)[:70, 320:960].max() > 100
    coach.clock.advance(6.0)
    coach.state = dataclasses.replace(coach.state, beat_grid=None)
    coach2 = fake.FakeCoach(coach.state, coach.clock)
    assert alike(pixels(widget)[:70, 320:960], pixels(stage(coach2))[:70, 320:960])


def test_what_is_kept_between_paints_is_dropped_when_it_changes() -> None:
    coach = fake.FakeCoach()
    widget = stage(coach)
    first = pixels(widget)
    coach.state = dataclasses.replace(coach.state, synchrony_8=fake.synchrony(-90.0))
    assert alike(pixels(widget), pixels(stage(coach)))
    assert not alike(first, pixels(widget))
    widget.set_look("light", False)
    assert alike(pixels(widget), pixels(stage(coach, theme="light")))
    widget.resize(900, 500)
    assert alike(pixels(widget), pixels(stage(coach, (900, 500), theme="light")))


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280), (480, 360)])
@pytest.mark.parametrize("theme", ["dark", "colour-blind safe", "light"])
def test_every_state_paints_at_every_size(size: tuple[int, int], theme: str) -> None:
    for snapshot in (fake.snapshot(), fake.unknown()):
        widget = stage(fake.FakeCoach(snapshot), size, theme=theme, large=size[0] == 1920, debug=True)
        assert pixels(widget).std() > 5


def test_painting_is_fast_enough(application: QApplication, wait_until: Callable[..., None]) -> None:
    """A bound wide enough for a busy machine; `bench` measures the real figure."""
    coach = fake.FakeCoach()
    widget = stage(coach)
    canvas = QImage(1280, 720, QImage.Format.Format_RGB32)
    for index in range(40):
        coach.clock.advance(0.016)
        coach.state = dataclasses.replace(
            coach.state, frame=VideoFrame(coach.clock.now(), index // 2, fake.picture(), coach.clock.now())
        )
        widget.render(canvas, QPoint())
    assert widget.paint_timing().p50_ms < 25.0


def test_sizes_at_three_metres() -> None:
    """The count fills a fifth of the height, the other figures a twentieth."""
    widget = stage(fake.FakeCoach())
    widget.grab()
    theme = widget.theme
    for units in (7.4, 6.4, 12.0, 7.6, 5.2):  # verdict, limbs, gauge, tempo, recording
        assert theme.px(units) >= 0.05 * 720


# ---- what the coach says


def test_the_parts_of_quality_appear_with_the_first_judgement() -> None:
    coach = fake.FakeCoach()
    widget = stage(coach)
    widget.grab()
    assert widget._places["strip"].isEmpty()
    coach.state = fake.judged()
    widget.grab()
    assert not widget._places["strip"].isEmpty() and not widget._places["quality"].isEmpty()
    coach.state = fake.snapshot(provider="CPU")
    widget.grab()
    assert not widget._places["strip"].isEmpty(), "a coach that will judge has room for it from the start"


def cue_rows(widget: Stage) -> tuple[QRectF, ...]:
    """Return where the cues of the coach's state are written."""
    snapshot = widget.coach.snapshot()
    return widget._cue_boxes(snapshot, Scene(snapshot, 10.0, widget.picture))


def test_cues_cover_neither_count_nor_needle() -> None:
    for size in ((1280, 720), (1920, 1080), (800, 600), (720, 1280)):
        for large in (False, True):
            widget = stage(fake.FakeCoach(fake.judged()), size, large=large)
            widget.grab()
            boxes = cue_rows(widget)
            assert len(boxes) == 2
            for name in ("count", "needle", "verdict", "strip", "quality", "status"):
                assert not any(box.intersects(widget._places[name]) for box in boxes), (size, large, name)


def test_cues_go_where_they_hide_less_and_stay_there() -> None:
    joints = fake.IMAGE_JOINTS.copy()
    joints[:, 1] = 0.55 + 0.4 * (joints[:, 1] - 0.2) / 0.72  # all in the lower half
    low = dataclasses.replace(fake.pose(), image_joints=joints)
    high = dataclasses.replace(low, image_joints=np.column_stack((joints[:, 0], joints[:, 1] - 0.5)))
    for pose, other, below in ((low, high, False), (high, low, True)):
        coach = fake.FakeCoach(fake.judged(pose=pose))
        widget = stage(coach)
        widget.grab()
        boxes = cue_rows(widget)
        middle = widget._places["picture"].center().y()
        assert (boxes[0].center().y() > middle) == below
        coach.state = fake.judged(pose=other)
        widget.grab()
        assert cue_rows(widget) == boxes, "a text that is being read does not jump"


def test_cues_make_room_for_notices() -> None:
    coach = fake.FakeCoach(fake.judged(notices=(Notice("dark", "Too dark.", "Turn on a light."),)))
    widget = stage(coach)
    widget.grab()
    assert not any(box.intersects(QRectF(0, 0, 1280, 100)) for box in cue_rows(widget))


def test_cues_and_heat_can_be_switched_off() -> None:
    coach = fake.FakeCoach(fake.judged())
    widget = stage(coach)
    everything = pixels(widget)
    widget.show_cues = False
    no_cues = pixels(widget)
    widget.show_heat = False
    nothing = pixels(widget)
    coach.state = fake.judged(advice=())
    assert not alike(everything, no_cues) and not alike(no_cues, nothing)
    assert alike(nothing, pixels(widget))


def test_the_strip_tells_more_at_a_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    coach = fake.FakeCoach(fake.judged())
    widget = stage(coach)
    widget.grab()
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda where, text, *rest: told.append(text))
    strip = widget._places["strip"]
    place = placed(strip, coach.state.primitives, widget.theme)[3][1].center().toPoint()
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)
    assert "Eight-count 4" in told[0] and "unknown: Feet out of frame" in told[0]
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, place, place))
    assert told[1] == told[0]
    assert coach.calls == [], "nobody is followed by a touch of the strip"


def test_names_are_no_markup_in_tool_tips() -> None:
    place = ChoreographyPlace("<b>x</b>", 1, False, 0.9)
    score = dataclasses.replace(fake.scores()[-1], assessment=fake.assessment(place=place))
    assert "<b>" not in tip(score_words(score)) and "&lt;b&gt;" in tip(score_words(score))
