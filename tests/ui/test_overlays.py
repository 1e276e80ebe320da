"""What each overlay shows, from the words it writes and the pixels it leaves."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from dancecoach.types import BeatGrid, Notice, Person, Snapshot, StageTiming, Synchrony
from dancecoach.ui.layout import PictureMap
from dancecoach.ui.overlays import OVERLAYS, Overlay, Scene, base
from dancecoach.ui.overlays.count import CountOverlay
from dancecoach.ui.overlays.debug import DebugOverlay
from dancecoach.ui.overlays.gauge import GaugeOverlay
from dancecoach.ui.overlays.help import HelpOverlay
from dancecoach.ui.overlays.limbs import LimbOverlay
from dancecoach.ui.overlays.needle import NeedleOverlay, VerdictOverlay
from dancecoach.ui.overlays.notices import NoticesOverlay
from dancecoach.ui.overlays.people import PeopleOverlay
from dancecoach.ui.overlays.skeleton import SkeletonOverlay
from dancecoach.ui.overlays.status import StatusOverlay
from dancecoach.ui.theme import make_theme

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
