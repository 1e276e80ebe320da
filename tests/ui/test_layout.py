from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF

from dancecoach.ui.layout import PictureMap, arrange

SIZES = [(1280, 720), (1920, 1080), (1024, 768), (800, 600), (2560, 1080), (720, 1280), (1080, 1920)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("judged", [False, True])
def test_parts_lie_inside_and_apart(size: tuple[int, int], large: bool, judged: bool) -> None:
    places = dict(arrange(*size, large, judged))
    assert {name for name, place in places.items() if place.isEmpty()} == (set() if judged else {"quality", "strip"})
    places = {name: place for name, place in places.items() if not place.isEmpty()}
    whole = places.pop("stage").adjusted(-0.01, -0.01, 0.01, 0.01)
    assert all(whole.contains(place) for place in places.values())
    for name in ("picture", "notices"):
        places.pop(name)
    for (one, first), (two, second) in combinations(places.items(), 2):
        assert not first.intersects(second), f"{one} covers {two}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("judged", [False, True])
def test_the_strip_below_leaves_the_feet_free(size: tuple[int, int], judged: bool) -> None:
    places = arrange(*size, False, judged)
    for name in ("needle", "strip"):
        assert not places["picture"].intersects(places[name])


@pytest.mark.parametrize("size", SIZES)
def test_the_mirror_stays_large_where_quality_is_judged(size: tuple[int, int]) -> None:
    plain, judged = arrange(*size), arrange(*size, False, True)
    assert judged["picture"].height() >= 0.82 * plain["picture"].height()
    assert judged["count"].height() >= 0.95 * plain["count"].height()


def test_the_whole_picture_is_shown() -> None:
    area = QRectF(0, 0, 1280, 600)
    rect = PictureMap.fit(area, 640, 480, True).rect
    assert (rect.width(), rect.height()) == (800, 600)
    assert rect.center().x() == pytest.approx(640, abs=1)
    tall = PictureMap.fit(area, 480, 640, True).rect
    assert tall.height() == 600 and area.contains(tall)


@pytest.mark.parametrize("mirror", [True, False])
def test_taps_and_points_are_each_other_s_inverse(mirror: bool) -> None:
    mapping = PictureMap(QRectF(100, 50, 640, 480), mirror)
    place = mapping.to_stage(np.array([[0.25, 0.5]]))[0]
    assert place[0] == pytest.approx(100 + (0.75 if mirror else 0.25) * 640)
    assert mapping.to_image(QPointF(*place)) == pytest.approx((0.25, 0.5))
    assert mapping.to_image(QPointF(50, 60)) is None


def test_a_mirrored_box_keeps_its_size() -> None:
    box = PictureMap(QRectF(0, 0, 100, 100), True).box((0.1, 0.2, 0.4, 0.9))
    assert (box.left(), box.right(), box.top(), box.bottom()) == pytest.approx((60, 90, 20, 90))
