"""What each overlay shows, from the words it writes and the pixels it leaves."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from dancecoach.types import (
    Advice,
    BeatGrid,
    ChoreographyPlace,
    Cue,
    Label,
    Notice,
    Person,
    Quality,
    Snapshot,
    StageTiming,
    Synchrony,
)
from dancecoach.ui.heat import HEAT_SECONDS
from dancecoach.ui.layout import PictureMap
from dancecoach.ui.overlays import OVERLAYS, Overlay, Scene, base
from dancecoach.ui.overlays.count import CountOverlay
from dancecoach.ui.overlays.cues import CuesOverlay, cue_boxes
from dancecoach.ui.overlays.debug import DebugOverlay
from dancecoach.ui.overlays.gauge import GaugeOverlay
from dancecoach.ui.overlays.help import HelpOverlay
from dancecoach.ui.overlays.limbs import LimbOverlay
from dancecoach.ui.overlays.needle import NeedleOverlay, VerdictOverlay
from dancecoach.ui.overlays.notices import NoticesOverlay
from dancecoach.ui.overlays.people import PeopleOverlay
from dancecoach.ui.overlays.quality import QualityOverlay
from dancecoach.ui.overlays.skeleton import SkeletonOverlay
from dancecoach.ui.overlays.status import StatusOverlay
from dancecoach.ui.overlays.strip import StripOverlay, placed, score_at
from dancecoach.ui.theme import make_theme, text_width

from . import fake

pytestmark = pytest.mark.usefixtures("application")
WIDTH, HEIGHT = 800, 450
THEME = make_theme("dark", 1280, 720)


class Spy:
    """A painter that notes every text it is asked to draw."""

    def __init__(self, painter: QPainter) -> None:
        self._painter = painter
        self.texts: list[str] = []

    def drawText(self, *arguments: Any) -> None:
        self.texts.append(next(item for item in arguments if isinstance(item, str)))
        self._painter.drawText(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._painter, name)


def draw(
    overlay: Overlay, snapshot: Snapshot, width: int = WIDTH, height: int = HEIGHT, **scene: Any
) -> tuple[list[str], np.ndarray]:
    """Return the texts and the pixels (height, width, 3)."""
    image = QImage(width, height, QImage.Format.Format_RGB888)
    image.fill(0)
    painter = QPainter(image)
    spy = Spy(painter)
    values: dict[str, Any] = {"seen_at": 10.06, "picture": PictureMap(QRectF(0, 0, width, height), True), **scene}
    overlay.paint(spy, QRectF(0, 0, width, height), Scene(snapshot, **values), THEME)  # type: ignore[arg-type]
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())[:, : 3 * width]
    return spy.texts, pixels.reshape(height, width, 3).copy()


def places_of(pixels: np.ndarray, role: str, tolerance: int = 12) -> np.ndarray:
    """Return the (x, y) of all pixels of a palette colour."""
    color = np.array(THEME.color(role).getRgb()[:3])
    ys, xs = np.nonzero((np.abs(pixels.astype(int) - color) <= tolerance).all(axis=2))
    return np.column_stack((xs, ys))


def digits(texts: list[str]) -> list[str]:
    return [text for text in texts if re.search(r"\d", text)]


def test_every_overlay_has_a_test() -> None:
    """A new overlay needs a test that names it here."""
    source = Path(__file__).read_text(encoding="utf-8")
    for _, overlay in OVERLAYS:
        assert re.search(rf"def test_[a-z_]*.*\n(?:.*\n){{0,14}}?.*\b{type(overlay).__name__}\(", source), overlay


def test_every_module_of_overlays_is_in_the_list() -> None:
    folder = Path(base.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert modules == {type(overlay).__module__.rpartition(".")[2] for _, overlay in OVERLAYS}


# ---- count


def test_count_is_the_one_seen_on_the_screen() -> None:
    texts, _ = draw(CountOverlay(), fake.snapshot(), 300, 340, seen_at=10.06)
    assert "5" in texts and "120" in texts
    texts, _ = draw(CountOverlay(), fake.snapshot(), 300, 340, seen_at=10.51)
    assert "6" in texts


def test_count_is_large() -> None:
    _, pixels = draw(CountOverlay(), fake.snapshot(), 282, 334, seen_at=10.4)
    rows = places_of(pixels[:270], "text")[:, 1]
    tallest = max(np.diff(np.flatnonzero(np.diff(np.concatenate(([0], np.isin(np.arange(270), rows), [0])))))[::2])
    assert tallest >= 0.2 * 720


def test_count_frame_lights_up_on_the_beat() -> None:
    on = draw(CountOverlay(), fake.snapshot(), 300, 340, seen_at=10.01)[1]
    off = draw(CountOverlay(), fake.snapshot(), 300, 340, seen_at=10.45)[1]
    assert on[:6].mean() > off[:6].mean() + 30


def test_count_unknown_shows_no_number() -> None:
    texts, _ = draw(CountOverlay(), fake.unknown(), 300, 340)
    assert texts.count("–") == 2 and digits(texts) == []


def test_count_tags_the_level() -> None:
    snapshot = fake.snapshot(synchrony_32=fake.synchrony(level="every second beat"))
    assert "half-time" in draw(CountOverlay(), snapshot, 300, 340)[0]
    assert "half-time" not in draw(CountOverlay(), fake.snapshot(), 300, 340)[0]


def test_count_from_memory_says_so() -> None:
    grid = dataclasses.replace(fake.grid(), coasting=True)
    assert "running on" in draw(CountOverlay(), fake.snapshot(beat_grid=grid), 300, 340)[0]


@pytest.mark.parametrize(("beats_per_bar", "cycle", "downbeats"), [(4, 8, (1, 5)), (3, 6, (1, 4)), (6, 6, (1,))])
def test_count_has_a_dot_for_each_count(beats_per_bar: int, cycle: int, downbeats: tuple[int, ...]) -> None:
    times = 0.5 * np.arange(64)
    grid = BeatGrid(times, np.arange(64) % cycle + 1, 120.0, 0.9, beats_per_bar=beats_per_bar)
    for count in range(1, cycle + 1):
        moment = 0.5 * (cycle + count - 1) + 0.45
        texts, pixels = draw(CountOverlay(), fake.snapshot(beat_grid=grid), 300, 340, seen_at=moment)
        assert str(count) in texts
        row = round(340 - 8.8 * THEME.unit - 2.5 * THEME.unit)  # through the middle of the dots
        lit = np.isin(np.arange(300), places_of(pixels[row : row + 1], "accent")[:, 0])
        dark = np.isin(np.arange(300), places_of(pixels[row : row + 1], "line")[:, 0])
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (lit | dark)[3:-3], [0]))))
        assert len(edges) == 2 * cycle
        left, right = edges[::2], edges[1::2]
        assert (left[1:] - right[:-1] >= 3).all()  # apart
        wide = right - left
        assert int(np.argmax(wide)) + 1 == count
        others = [number for number in range(1, cycle + 1) if number != count]
        large = max(wide[number - 1] for number in others if number not in downbeats)
        assert all((wide[number - 1] > large) == (number in downbeats) for number in others)


# ---- gauge


def test_gauge_fills_with_the_score() -> None:
    low = places_of(draw(GaugeOverlay(), fake.snapshot(synchrony_32=fake.synchrony(msr=0.2)), 300, 200)[1], "accent")
    high = places_of(draw(GaugeOverlay(), fake.snapshot(synchrony_32=fake.synchrony(msr=0.9)), 300, 200)[1], "accent")
    assert len(high) > 3 * len(low) > 0
    assert low[:, 0].max() < 150 < high[:, 0].max()
    assert "82 %" in draw(GaugeOverlay(), fake.snapshot(), 300, 200)[0]


def test_gauge_unknown_gives_the_reason() -> None:
    silent = Synchrony("body", 0, 0, reason="Feet out of frame")
    texts, pixels = draw(GaugeOverlay(), fake.snapshot(synchrony_8=silent, synchrony_32=silent), 300, 200)
    assert "–" in texts and "Feet out of frame" in texts and digits(texts) == []
    assert len(places_of(pixels, "accent")) == 0


# ---- needle and verdict


@pytest.mark.parametrize(("offset", "role"), [(120.0, "late"), (-120.0, "early")])
def test_needle_goes_right_for_late_and_left_for_early(offset: float, role: str) -> None:
    snapshot = fake.snapshot(synchrony_8=fake.synchrony(offset))
    _, pixels = draw(NeedleOverlay(), snapshot, 700, 120)
    # Below the words, which are of the same colour.
    spots = places_of(pixels[40:], role)
    middle = np.median(spots[:, 0])
    assert (middle > 450) if role == "late" else (middle < 250)


def test_needle_stays_on_the_scale() -> None:
    texts, pixels = draw(NeedleOverlay(), fake.snapshot(synchrony_8=fake.synchrony(900.0)), 700, 120)
    assert len(places_of(pixels[40:], "late")) > 20
    assert "early" in texts and "late" in texts


def test_needle_is_absent_without_an_offset() -> None:
    _, pixels = draw(NeedleOverlay(), fake.unknown(), 700, 120)
    assert len(places_of(pixels[40:], "late")) == len(places_of(pixels[40:], "early")) == 0


def test_needle_band_is_as_wide_as_the_interval() -> None:
    def width(half: float) -> int:
        value = fake.synchrony(0.0, offset_interval_ms=(-half, half))
        pixels = draw(NeedleOverlay(), fake.snapshot(synchrony_8=value), 700, 120)[1].astype(int)
        empty = draw(NeedleOverlay(), fake.unknown(), 700, 120)[1].astype(int)
        # A row between the needle and the end of the band.
        columns = np.flatnonzero((np.abs(pixels - empty).sum(axis=2) > 60)[60])
        return int(np.ptp(columns))

    assert width(80.0) == pytest.approx(2 * width(40.0), rel=0.1)


def test_verdict_says_it_in_words() -> None:
    words = {35.0: "late", -35.0: "early", 4.0: "on the beat"}
    for offset, word in words.items():
        texts, _ = draw(VerdictOverlay(), fake.snapshot(synchrony_8=fake.synchrony(offset)), 282, 118)
        assert word in texts and "± 9 ms" in texts


def test_verdict_unknown_shows_no_number() -> None:
    texts, _ = draw(VerdictOverlay(), fake.unknown(), 282, 118)
    assert texts == ["–", "No music heard"]


# ---- limbs


def test_limb_swaps_with_the_mirror() -> None:
    overlay = LimbOverlay("left_arm", "right_arm")
    mirrored, _ = draw(overlay, fake.snapshot(), 282, 112, mirror=True)
    plain, _ = draw(overlay, fake.snapshot(), 282, 112, mirror=False)
    assert "left arm" in mirrored and "+48" in mirrored and "late" in mirrored
    assert "right arm" in plain and "+12" in plain and "on beat" in plain


def test_limb_bar_goes_to_its_side() -> None:
    late = places_of(draw(LimbOverlay("left_arm", "left_arm"), fake.snapshot(), 282, 112)[1][80:], "late")
    early = places_of(draw(LimbOverlay("left_leg", "left_leg"), fake.snapshot(), 282, 112)[1][80:], "early")
    middle = 145  # of the bar, which starts right of the coloured edge
    assert late[:, 0].min() > middle - 2 and late[:, 0].max() > middle + 20
    assert early[:, 0].max() < middle + 2 and early[:, 0].min() < middle - 20


def test_limb_unknown_shows_no_number() -> None:
    parts = (Synchrony("left_arm", 0, 8, reason="arm hidden"),)
    snapshot = fake.snapshot(synchrony_8=None, synchrony_32=fake.synchrony(parts=parts))
    texts, _ = draw(LimbOverlay("left_arm", "right_arm"), snapshot, 282, 112)
    assert texts == ["left arm", "–", "arm hidden"]


def test_limb_places_in_the_list_match_the_mirror() -> None:
    limbs = {place: overlay for place, overlay in OVERLAYS if isinstance(overlay, LimbOverlay)}
    for place, overlay in limbs.items():
        if place != "torso":
            side = place.partition("_")[0]
            other = {"left": "right", "right": "left"}[side]
            assert overlay.part(True).startswith(side)
            assert overlay.part(False).startswith(other)


# ---- skeleton and people


def test_skeleton_is_mirrored_with_the_picture() -> None:
    for mirror in (True, False):
        picture = PictureMap(QRectF(0, 0, WIDTH, HEIGHT), mirror)
        _, pixels = draw(SkeletonOverlay(), fake.snapshot(), picture=picture, mirror=mirror)
        left = places_of(pixels, "left_side")[:, 0].mean()
        right = places_of(pixels, "right_side")[:, 0].mean()
        # In a mirror the dancer's left is on the left of the screen.
        assert (left < right) if mirror else (left > right)


def test_skeleton_fades_and_hides_what_is_not_seen() -> None:
    full, faint, none = (
        int((draw(SkeletonOverlay(), fake.snapshot(pose=fake.pose(visibility=value)))[1] > 0).any(axis=2).sum())
        for value in (1.0, 0.4, 0.05)
    )
    assert full > 2 * faint > 0 and none == 0


def test_skeleton_too_old_for_the_picture_is_not_drawn() -> None:
    _, pixels = draw(SkeletonOverlay(), fake.snapshot(pose=fake.pose(time=9.0)))
    assert not pixels.any()


def test_skeleton_with_unknown_joints_is_drawn_without_them() -> None:
    pose = fake.pose()
    joints = pose.image_joints.copy()
    joints[20] = np.nan
    _, pixels = draw(SkeletonOverlay(), fake.snapshot(pose=dataclasses.replace(pose, image_joints=joints)))
    assert len(places_of(pixels, "right_side")) > len(places_of(pixels, "left_side")) > 0


def test_people_are_numbered_when_there_is_a_choice() -> None:
    two = (Person(1, (0.1, 0.1, 0.4, 0.9), True), Person(7, (0.6, 0.1, 0.9, 0.9), False))
    texts, pixels = draw(PeopleOverlay(), fake.snapshot(people=two))
    assert texts == ["1", "7"]
    # The other one's box is dashed, on the mirrored side.
    assert places_of(pixels, "text")[:, 0].max() < WIDTH / 2
    assert draw(PeopleOverlay(), fake.snapshot())[0] == []


# ---- the rest


def test_status_shows_what_runs() -> None:
    texts, _ = draw(StatusOverlay(), fake.snapshot(), 282, 118)
    assert "0:42" in texts and "1:02 / 3:20" in texts and "take 76 %" in texts
    assert any(text.startswith("80 % · The Song") for text in texts)
    texts, _ = draw(StatusOverlay(), fake.unknown(), 282, 118)
    assert "not recording" in texts and "no music heard" in texts and digits(texts) == []


def test_status_is_painted_anew_only_when_it_changes() -> None:
    overlay, snapshot = StatusOverlay(), fake.snapshot()
    later = dataclasses.replace(snapshot, time=11.0)
    assert overlay.state(Scene(snapshot, 10.0)) == overlay.state(Scene(later, 11.0))
    assert snapshot.recording is not None
    more = dataclasses.replace(snapshot, recording=dataclasses.replace(snapshot.recording, seconds=43.0))
    assert overlay.state(Scene(more, 11.0)) != overlay.state(Scene(snapshot, 10.0))


def test_notices_worst_first_with_their_remedy() -> None:
    notices = (
        Notice("a", "Too dark.", "Turn on a light.", "warning"),
        Notice("b", "Feet out of frame.", "Step back.", "info"),
        Notice("c", "The camera is gone.", "Plug it in again.", "error"),
    )
    texts, pixels = draw(NoticesOverlay(), fake.snapshot(notices=notices), 700, 300)
    shown = [text for text in texts if text not in ("!", "i", "")]
    assert shown == ["The camera is gone.", "Plug it in again.", "Too dark.", "Turn on a light."]
    assert places_of(pixels, "error", 25)[:, 1].mean() < places_of(pixels, "warning", 25)[:, 1].mean()


def test_debug_lists_every_stage() -> None:
    own = (("paint", StageTiming(3.2, 4.8, 60.0)),)
    texts, _ = draw(DebugOverlay(), fake.snapshot(), debug=True, own_timings=own)
    for expected in ("pose", "18.4", "24.1", "29.9", "3", "paint", "3.2"):
        assert expected in texts
    assert draw(DebugOverlay(), fake.snapshot())[0] == []


def test_help_lists_the_keys_it_is_given() -> None:
    texts, _ = draw(HelpOverlay(), fake.snapshot(), help_rows=(("R", "record"), ("M", "mirror")))
    assert {"R", "record", "M", "mirror"} <= set(texts)
    assert draw(HelpOverlay(), fake.snapshot())[0] == []


def test_nothing_known_shows_no_number_anywhere() -> None:
    for place, overlay in OVERLAYS:
        if isinstance(overlay, NeedleOverlay):
            continue  # its scale has numbers
        texts, _ = draw(overlay, fake.unknown(), picture=None)
        assert digits(texts) == [], place


# ---- what the coach says


def test_quality_shows_grade_mean_and_interval() -> None:
    texts, pixels = draw(QualityOverlay(), fake.judged(), 282, 220)
    assert {"B", "71", "61 to 81", "against the reference", "eight-count 12"} <= set(texts)
    plate = places_of(pixels, "grade_b")
    assert np.ptp(plate[:, 1]) >= 0.12 * 720, "readable from three metres"
    assert any("salsa, sure" in text and "Routine A, eight-count 3 of it, mirrored, sure" in text for text in texts)
    by_itself = fake.assessment(quality=Quality(71.0, 36.0, "B"))
    snapshot = fake.judged(primitives=(dataclasses.replace(fake.scores()[-1], assessment=by_itself),))
    assert "judged by itself" in draw(QualityOverlay(), snapshot, 282, 220)[0]


def test_quality_interval_is_as_wide_as_the_spread() -> None:
    def width(sd: float) -> int:
        scores = (dataclasses.replace(fake.scores()[-1], assessment=fake.assessment(50.0, sd)),)
        pixels = draw(QualityOverlay(), fake.judged(primitives=scores), 282, 220)[1][40:140].astype(int)
        # The band is the translucent accent colour: much red and green, little blue.
        band = (pixels[:, 110:, 0] > 150) & (pixels[:, 110:, 2] < 110) & (pixels[:, 110:, 1] > 130)
        return int(np.ptp(np.nonzero(band)[1]))

    assert width(16.0) == pytest.approx(2 * width(8.0), rel=0.15)


def test_quality_unknown_shows_a_dash_and_the_reason() -> None:
    texts, pixels = draw(QualityOverlay(), fake.judged(primitives=fake.scores((None,))), 282, 220)
    assert "–" in texts and "Feet out of frame" in texts and "unknown style" in texts
    assert digits(texts) == ["eight-count 1"]
    assert not any(len(places_of(pixels, f"grade_{letter}")) for letter in "abcde")


def test_quality_names_what_is_more_likely_than_not_only() -> None:
    labels = (Label("style", "salsa", 0.4), Label("level", "expert", 0.49), Label("dancing", "dancing", 0.9))
    said = fake.assessment(labels=labels, place=ChoreographyPlace("Routine A", 3, False, 0.3))
    snapshot = fake.judged(primitives=(dataclasses.replace(fake.scores()[-1], assessment=said),))
    text = " ".join(draw(QualityOverlay(), snapshot, 282, 220)[0])
    assert "unknown style" in text and "dancing, sure" in text
    assert "salsa" not in text and "expert" not in text and "Routine" not in text


def test_strip_has_a_block_for_each_eight_count() -> None:
    texts, pixels = draw(StripOverlay(), fake.judged(), 520, 54)
    assert [text for text in texts if text in "ABCDE–"] == list("DCC–ECBBBAAB")
    a = places_of(pixels, "grade_a")[:, 0]
    e = places_of(pixels, "grade_e")[:, 0]
    assert e.max() < a.min(), "from left to right as danced"


def test_strip_keeps_the_newest_when_there_is_no_room() -> None:
    texts, _ = draw(StripOverlay(), fake.judged(primitives=fake.scores((50.0,) * 100 + (95.0,))), 520, 54)
    assert 5 < len(texts) < 30 and texts[-1] == "A"


def test_strip_with_room_shows_synchrony_too() -> None:
    texts, _ = draw(StripOverlay(), fake.judged(primitives=fake.scores((52.0, 71.0))), 520, 54)
    assert {"D", "52 %", "+38", "B", "71 %", "+19"} <= set(texts)


def test_strip_tells_which_eight_count_is_where() -> None:
    rect, scores = QRectF(0, 0, 520, 54), fake.scores()
    blocks = placed(rect, scores, THEME)
    assert [score.index for score, _ in blocks] == list(range(1, 13))
    assert all(rect.contains(place) for _, place in blocks)
    for score, place in blocks:
        found = score_at(rect, scores, THEME, place.center())
        assert found is not None and found[0] is score
    assert score_at(rect, scores, THEME, QPointF(300, 80)) is None


def test_strip_and_quality_are_painted_anew_only_when_they_change() -> None:
    one, two = fake.judged(), dataclasses.replace(fake.judged(), time=11.0)
    for overlay in (StripOverlay(), QualityOverlay()):
        assert overlay.state(Scene(one, 10.0)) == overlay.state(Scene(two, 11.0))
        assert overlay.state(Scene(one, 10.0)) != overlay.state(Scene(fake.judged(primitives=()), 10.0))


def cue_scene(snapshot: Snapshot, below: bool = False) -> dict[str, Any]:
    return {"cue_boxes": cue_boxes(snapshot, QRectF(100, 10, 600, 430), below, THEME)}


def test_cues_are_large_with_their_evidence_smaller() -> None:
    snapshot = fake.judged()
    texts, pixels = draw(CuesOverlay(), snapshot, **cue_scene(snapshot))
    assert [text.replace("\u00a0", " ") for text in texts] == [
        "Left arm 80 ms late on 3 and 7",
        "83 ms · counts 3 and 7 · sure",
        "Right arm too small: 35 % less than it should be",
        "36 % · counts 1, 3 and 5 · likely",
    ]
    assert len(places_of(pixels, "text")) > 500


@pytest.mark.parametrize("width", range(430, 640, 15))
def test_cues_leave_no_single_word_on_a_line(width: int) -> None:
    snapshot = fake.judged(advice=(Advice(10.0, 12, fake.LATE_ARM),))
    (box,) = cue_boxes(snapshot, QRectF(0, 0, width, 400), False, THEME)
    needed = text_width("Left arm 80 ms late on 3 and 7", THEME.px(4.7), True)
    one_line = box.height() < 1.6 * THEME.px(4.7) + 5 * THEME.unit
    room = width - 8.6 * THEME.px(1.0)
    if not 0.75 * needed < room < 0.85 * needed:  # letters grow in steps
        assert one_line == (room > 0.8 * needed)


def test_cues_praise_in_another_colour_and_with_another_sign() -> None:
    snapshot = fake.judged(advice=(Advice(10.0, 12, fake.LATE_ARM, True),))
    texts, pixels = draw(CuesOverlay(), snapshot, **cue_scene(snapshot))
    assert texts == ["Left arm is on time now", "was 83 ms · counts 3 and 7 · sure"]
    assert len(places_of(pixels, "good")) > 50 and len(places_of(pixels, "accent")) == 0


def test_cues_keep_to_their_area_and_apart() -> None:
    area = QRectF(100, 10, 600, 430)
    snapshot = fake.judged()
    for below in (False, True):
        one, two = cue_boxes(snapshot, area, below, THEME)
        assert area.contains(one) and area.contains(two) and not one.intersects(two)
        assert (two.bottom() == area.bottom()) if below else (one.top() == area.top())
    three = fake.judged(advice=(*snapshot.advice, Advice(10.0, 12, fake.LATE_ARM)))
    assert len(cue_boxes(three, area, False, THEME)) == 2, "never more than two"
    assert cue_boxes(fake.snapshot(), area, False, THEME) == ()


def test_cues_speak_of_the_reference_only_where_there_is_one() -> None:
    lean = Cue("torso", "posture", 12.2, "°", (), 0.9, 20.0)
    for against, words in ((True, "Lean: 12° off the reference"), (False, "Lean: 12° from upright")):
        said = fake.assessment(quality=Quality(71.0, 36.0, "B", None, against))
        score = dataclasses.replace(fake.scores()[-1], assessment=said)
        snapshot = fake.judged(primitives=(score,), advice=(Advice(10.0, 12, lean),))
        assert draw(CuesOverlay(), snapshot, **cue_scene(snapshot))[0][0] == words


def test_the_letters_of_the_sides_are_not_under_a_cue() -> None:
    picture = PictureMap(QRectF(0, 0, WIDTH, HEIGHT), True)
    wrists = picture.to_stage(fake.IMAGE_JOINTS[[20, 21]])
    free = draw(SkeletonOverlay(), fake.snapshot())[1]
    for (x, y), role in zip(wrists, ("left_side", "right_side"), strict=True):
        box = QRectF(x - 40, y - 20, 80, 40)
        texts, pixels = draw(SkeletonOverlay(), fake.snapshot(), cue_boxes=(box,))
        assert sorted(texts) == ["L", "R"]
        changed = np.abs(pixels.astype(int) - free).sum(axis=2) > 60
        assert changed[round(y) - 12 : round(y) + 12, round(x) - 12 : round(x) + 12].any(), role


def heat_pixels(**values: Any) -> int:
    plain = draw(SkeletonOverlay(), fake.judged(**values), heat=False)[1].astype(int)
    warm = draw(SkeletonOverlay(), fake.judged(**values))[1].astype(int)
    return int((np.abs(plain - warm).sum(axis=2) > 30).sum())


def test_skeleton_heat_is_on_the_limb_that_cost_most() -> None:
    plain = draw(SkeletonOverlay(), fake.judged(), heat=False)[1].astype(int)
    warm = draw(SkeletonOverlay(), fake.judged())[1].astype(int)
    columns = np.nonzero(np.abs(plain - warm).sum(axis=2) > 30)[1]
    # In the mirror the dancer's left arm is on the left of the screen.
    assert (columns < WIDTH / 2).sum() > 1.5 * (columns > WIDTH / 2).sum() > 0


def test_skeleton_heat_fades_and_ends() -> None:
    fresh, fading, over = (
        heat_pixels(primitives=fake.scores(stop=10.0 - age)) for age in (0.5, HEAT_SECONDS - 0.5, HEAT_SECONDS + 0.1)
    )
    assert fresh > fading > 0 == over
    assert heat_pixels(primitives=fake.scores((None,))) == 0


def test_debug_says_where_the_encoders_run() -> None:
    assert "Encoders run on CPU" in draw(DebugOverlay(), fake.judged(), debug=True)[0]
    assert not any("Encoders" in text for text in draw(DebugOverlay(), fake.snapshot(), debug=True)[0])


def test_gauge_in_a_low_place_is_a_bar() -> None:
    def filled(msr: float) -> np.ndarray:
        snapshot = fake.snapshot(synchrony_32=fake.synchrony(msr=msr))
        return places_of(draw(GaugeOverlay(), snapshot, 165, 47)[1], "accent")

    assert np.ptp(filled(0.9)[:, 0]) > 3 * np.ptp(filled(0.2)[:, 0]) > 0
    texts, _ = draw(GaugeOverlay(), fake.snapshot(), 165, 47)
    assert {"in time", "82 %"} <= set(texts)
    assert digits(draw(GaugeOverlay(), fake.unknown(), 165, 47)[0]) == []
