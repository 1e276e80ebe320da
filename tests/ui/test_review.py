from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QToolTip

from dancecoach.errors import DancecoachError
from dancecoach.types import PoseTrack
from dancecoach.ui.part_table import PartTable
from dancecoach.ui.review import ReviewWindow
from dancecoach.ui.review_model import ReviewStore
from dancecoach.ui.services import Services
from dancecoach.ui.skeleton_view import SkeletonView
from dancecoach.ui.theme import make_theme
from dancecoach.ui.timeline import Timeline

from . import fake, fake_sessions

Wait = Callable[[Callable[[], bool]], None]
FOLDER = Path("/sessions")


@pytest.fixture
def store() -> fake_sessions.FakeStore:
    return fake_sessions.FakeStore()


@pytest.fixture
def window(application: object, store: fake_sessions.FakeStore, wait_until: Wait) -> Iterator[ReviewWindow]:
    made = ReviewWindow(store.store(), FOLDER)
    made.resize(1280, 720)
    made.show()
    wait_until(lambda: made._session is not None)
    yield made
    made.close()


def cells(table: PartTable, row: int) -> list[str]:
    items = [table.item(row, column) for column in range(table.columnCount())]
    return [item.text() if item is not None else "" for item in items]


def test_sessions_are_listed_and_the_first_is_opened(window: ReviewWindow, store: fake_sessions.FakeStore) -> None:
    texts = [window.sessions.item(row).text() for row in range(window.sessions.count())]
    assert "in time 78 %" in texts[0] and "%" not in texts[1] and "The index is missing." in texts[2]
    assert window.title.text() == "Monday practice"
    assert threading.get_ident() not in store.threads, "nothing is read in the Qt thread"


def test_what_cannot_be_opened_is_told(window: ReviewWindow, wait_until: Wait) -> None:
    window.sessions.setCurrentRow(1)
    wait_until(lambda: window.message.text().startswith("This session is empty."))
    window.sessions.setCurrentRow(2)
    assert window.message.text() == "The index is missing."


def test_the_cursor_chooses_the_eight_count(window: ReviewWindow) -> None:
    window.playback.seek(21.0)
    assert window.part_title.text() == "Eight-count 6, 0:20 to 0:24"
    assert cells(window.table, 0) == ["whole body", "+25 ± 9 ms", "late", "80 %", "30"]
    assert window.timeline.position == pytest.approx(21.0)
    window.playback.seek(13.0)
    assert cells(window.table, 0)[1:4] == ["–", "", "–"], "nothing measured, nothing shown"
    window.playback.seek(48.0)
    assert window.part_title.text() == "Whole session"


def test_a_click_on_the_timeline_seeks(window: ReviewWindow) -> None:
    timeline = window.timeline
    place = QPoint(round(timeline.x_of(30.0)), timeline.height() // 2)
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=place)
    assert window.playback.position == pytest.approx(30.0, abs=0.1)
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(2, 20))
    assert window.playback.position == 0.0


def test_the_view_follows_the_cursor_when_zoomed(window: ReviewWindow) -> None:
    timeline = window.timeline
    timeline._show_span(0.0, 8.0)
    window.playback.seek(40.0)
    start, stop = timeline._span
    assert start <= 40.0 <= stop and stop - start == pytest.approx(8.0)
    timeline._show_span(-5.0, 500.0)
    assert timeline._span == (0.0, 48.0)


def test_blocks_tell_more_from_less_and_unknown(window: ReviewWindow) -> None:
    timeline, theme = window.timeline, make_theme("dark", 1280, 720)
    colors = [timeline.block_color(msr).getRgb()[:3] for msr in (None, 0.0, 0.5, 1.0)]
    assert colors[0] == theme.color("background").getRgb()[:3]
    assert colors[3] == theme.color("good").getRgb()[:3]
    assert len(set(colors)) == 4


def test_the_offsets_fill_their_row(window: ReviewWindow) -> None:
    assert window.timeline.limit_ms == 100.0
    far = dataclasses.replace(window.timeline._primitives[0], synchrony=fake.synchrony(150.0))
    window.timeline.show_session([far], 48.0, make_theme("dark", 1280, 720))
    assert window.timeline.limit_ms == 200.0


def test_a_gap_in_the_offsets_stays_a_gap(window: ReviewWindow) -> None:
    assert [len(run) for run in window.timeline.runs()] == [3, 8]


def test_replay_plays_to_the_end_and_stops(window: ReviewWindow, wait_until: Wait) -> None:
    window.playback.seek(47.9)
    window.toggle_playing()
    assert window.play_button.text() == "Pause"
    wait_until(lambda: not window.playback.playing)
    assert window.playback.position == 48.0 and window.play_button.text() == "Play"


def test_export_runs_beside_the_window(
    window: ReviewWindow, store: fake_sessions.FakeStore, wait_until: Wait, tmp_path: Path
) -> None:
    dialog = window.export("bvh", tmp_path / "a.bvh")
    assert dialog is not None
    wait_until(lambda: dialog.value() >= 50)
    store.go_on.set()
    wait_until(lambda: window.message.text() == f"Saved: {tmp_path / 'a.bvh'}")
    assert store.exports == [("bvh", tmp_path / "a.bvh")]
    assert threading.get_ident() not in store.threads


def test_export_can_be_stopped(
    window: ReviewWindow, store: fake_sessions.FakeStore, wait_until: Wait, tmp_path: Path
) -> None:
    dialog = window.export("mp4", tmp_path / "a.mp4")
    assert dialog is not None
    dialog.canceled.emit()
    wait_until(lambda: window.message.text() == "Export stopped.")
    assert store.exports == []


def test_export_failure_is_one_sentence(
    window: ReviewWindow, store: fake_sessions.FakeStore, wait_until: Wait, tmp_path: Path
) -> None:
    store.fail = DancecoachError("The disk is full.", "Free some space.")
    store.go_on.set()
    window.export("csv", tmp_path / "a.csv")
    wait_until(lambda: window.message.text() == "The disk is full. Free some space.")


def test_closing_ends_a_running_export(window: ReviewWindow, store: fake_sessions.FakeStore, tmp_path: Path) -> None:
    assert window.export("mp4", tmp_path / "a.mp4") is not None
    window.close()
    assert store.exports == [] and not any(thread.name == "ui-background" for thread in threading.enumerate())


def test_no_sessions_is_said(application: object, wait_until: Wait) -> None:
    empty = fake_sessions.FakeStore()
    empty.list_sessions = lambda folder: []  # type: ignore[method-assign]
    window = ReviewWindow(empty.store(), FOLDER)
    window.show()
    wait_until(lambda: "No sessions" in window.message.text())
    window.close()


# ---- the skeleton in space


def test_the_skeleton_turns(application: object) -> None:
    view = SkeletonView()
    view.resize(400, 400)
    view.set_track(fake_sessions.session().track)
    points = fake_sessions.session().track.joints[0] + fake_sessions.session().track.roots[0]
    front, _ = view.project(points)
    view.yaw = np.pi
    back, _ = view.project(points)
    left, right = 20, 21
    assert front[left, 0] > front[right, 0], "seen from the front the left hand is on the right"
    assert back[left, 0] < back[right, 0]


def test_the_mouse_turns_and_zooms(application: object) -> None:
    view = SkeletonView()
    view.resize(400, 400)
    view.show()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    QTest.mouseMove(view, QPoint(150, 120))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(150, 120))
    assert view.yaw == pytest.approx(0.5)
    view.close()


def test_no_pose_is_made_up_in_a_gap(application: object) -> None:
    track = fake_sessions.session().track
    keep = (track.times < 1.0) | (track.times > 3.0)
    view = SkeletonView()
    view.set_track(PoseTrack(track.times[keep], track.joints[keep], track.roots[keep], track.visibility[keep]))
    view.set_time(2.0)
    assert view.shown(view._track) is None
    view.set_time(0.99)
    assert view.shown(view._track) is not None


def test_an_empty_track_is_no_error(application: object) -> None:
    view = SkeletonView()
    empty = PoseTrack(np.zeros(0), np.zeros((0, 22, 3)), np.zeros((0, 3)), np.zeros((0, 22)))
    for track in (None, empty):
        view.set_track(track)
        view.grab()


def test_table_gives_reasons_as_tips(application: object) -> None:
    table = PartTable()
    table.show_synchrony(dataclasses.replace(fake.synchrony(None, None), reason="Too dark"))
    item = table.item(0, 1)
    assert item is not None and item.text() == "–" and item.toolTip() == "Too dark"
    table.show_synchrony(None)
    assert cells(table, 3)[1:] == ["–", "", "–", "–"]


def test_the_newest_session_opens_where_somebody_is_first_seen(application: object, wait_until: Wait) -> None:
    whole = fake_sessions.session()
    kept = slice(90, None)
    late = dataclasses.replace(
        whole,
        track=PoseTrack(*(getattr(whole.track, name)[kept] for name in ("times", "joints", "roots", "visibility"))),
    )
    listed = [
        fake_sessions.Info(name, Path(name), created, 48.0, 0.8)
        for name, created in (
            ("a", "2026-01-02T10:00:00"),
            ("b", "2026-02-03T10:00:00"),
            ("c", "2026-01-30T10:00:00"),
        )
    ]
    store = fake_sessions.FakeStore()
    opened: list[Path] = []

    def open_session(folder: Path) -> object:
        opened.append(folder)
        return late

    made = ReviewWindow(
        dataclasses.replace(store.store(), list_sessions=lambda folder: listed, open_session=open_session), FOLDER
    )
    made.show()
    wait_until(lambda: made._session is not None)
    assert opened == [Path("b")]
    assert made.playback.position == pytest.approx(late.track.times[0])
    assert made.timeline.position == pytest.approx(late.track.times[0])
    made.close()


# ---- what the coach said


@pytest.fixture
def judged(application: object, wait_until: Wait) -> Iterator[ReviewWindow]:
    store = fake_sessions.FakeStore()
    sessions = ReviewStore(
        store.list_sessions, lambda folder: fake_sessions.session(folder=folder, judged=True), store.export
    )
    made = ReviewWindow(sessions, FOLDER, learn=learned)
    made.resize(1280, 720)
    made.show()
    wait_until(lambda: made._session is not None)
    LEARNED.clear()
    yield made
    made.close()


LEARNED: list[tuple[str, Path, int]] = []


def learned(name: str, folder: Path) -> None:
    if name == "bad":
        raise DancecoachError("This session has no beats.", "Record one with music.")
    LEARNED.append((name, folder, threading.get_ident()))


def test_the_eight_count_at_the_cursor_is_told_in_words(judged: ReviewWindow) -> None:
    judged.playback.seek(21.0)
    text = judged.verdict.text()
    assert text.startswith("Quality C, 66 of 100 (90 % sure: 56 to 76), against the reference")
    assert "salsa, sure" in text and "Left arm 80 ms late on 3 and 7" in text
    judged.playback.seek(13.0)
    assert judged.verdict.text() == "Quality – unknown: Feet out of frame\nunknown style"
    judged.playback.seek(48.0)
    assert judged.verdict.text() == ""
    assert judged.verdict.textFormat() == Qt.TextFormat.PlainText


def shot(timeline: Timeline) -> np.ndarray:
    image = timeline.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def test_the_timeline_has_grades_and_limbs_where_they_are_known(judged: ReviewWindow, window: ReviewWindow) -> None:
    timeline = judged.timeline
    assert timeline.judged and not window.timeline.judged
    blocks, offsets, axis = timeline.rows()
    places = [timeline.quality_row(), blocks, offsets, *timeline.limb_rows(), axis]
    for upper, lower in pairwise(places):
        assert upper.bottom() <= lower.top() + 0.01 and upper.height() > 8
    timeline.set_time(0.0)
    picture, theme = shot(timeline), timeline._theme
    row = timeline.quality_row()
    for index, letter in enumerate("dcc-ecbbbaab"):
        x, y = round(timeline.x_of(4.0 * index + 0.4)), round(row.center().y())
        wanted = theme.color(f"grade_{letter}" if letter != "-" else "background").getRgb()[:3]
        near = np.abs(picture[y - 6 : y + 7, x - 3 : x + 4].astype(int) - wanted).max(axis=2) <= 8
        assert near.any(), letter


def test_limbs_that_cost_more_stand_higher_in_the_strip(judged: ReviewWindow) -> None:
    timeline = judged.timeline
    timeline.set_time(47.9)
    picture = shot(timeline).astype(int)

    def height(limb: int, number: int) -> int:
        row = timeline.limb_rows()[limb]
        column = picture[round(row.top()) + 1 : round(row.bottom()) - 1, round(timeline.x_of(4.0 * number + 2.0))]
        panel = timeline._theme.color("panel").getRgb()[:3]
        return int((np.abs(column - panel).sum(axis=1) > 40).sum())

    left_arm, right_arm, left_leg = 0, 1, 2
    assert height(left_arm, 4) > height(right_arm, 4) > height(left_leg, 4) == 0
    assert height(left_arm, 4) > height(left_arm, 9) > 0
    assert height(left_arm, 3) == 0, "unknown is not nothing lost, but nothing is shown"


def test_the_timeline_tells_more_where_the_pointer_rests(
    judged: ReviewWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda where, text, *rest: told.append(text))
    for place in (QPoint(round(judged.timeline.x_of(21.0)), 20), QPoint(3, 20)):
        QApplication.sendEvent(judged.timeline, QHelpEvent(QEvent.Type.ToolTip, place, place))
    assert "Eight-count 6" in told[0] and "66 of 100" in told[0] and "counts 3 and 7" in told[0]
    assert "Click to go there" in told[1]


def test_a_choreography_is_learned_beside_the_window(
    judged: ReviewWindow, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *arguments: ("  Routine A ", True))
    judged.learn_button.click()
    wait_until(lambda: judged.message.text() == "Learned: Routine A")
    ((name, folder, thread),) = LEARNED
    assert (name, folder) == ("Routine A", FOLDER / "one") and thread != threading.get_ident()
    monkeypatch.setattr(QInputDialog, "getText", lambda *arguments: (" ", True))
    judged.learn_button.click()
    assert len(LEARNED) == 1
    judged.learn("bad")
    wait_until(lambda: judged.message.text() == "This session has no beats. Record one with music.")


def test_learning_is_offered_where_somebody_can_learn(window: ReviewWindow, judged: ReviewWindow) -> None:
    assert judged.learn_button.isVisible() and not window.learn_button.isVisible()
    with pytest.raises(DancecoachError):
        Services().learn_choreography("Routine A", FOLDER)
