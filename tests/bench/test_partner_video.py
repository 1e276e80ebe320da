"""Pictures of a couple side by side."""

from __future__ import annotations

import numpy as np

from dancecoach.bench.partner_video import panel
from tests.partner.made import couple


def test_a_panel_shows_both_dancers_where_they_are() -> None:
    leader, follower = (room[10] for room in couple(1.0))
    picture = panel(leader, follower, "a couple", 0.5)
    assert picture.shape == (480, 426, 3)
    blue = (picture[..., 2].astype(int) - picture[..., 0]) > 60
    orange = (picture[..., 0].astype(int) - picture[..., 2]) > 60
    assert blue.sum() > 1000 and orange.sum() > 1000
    aside = panel(leader, follower + (0.5, 0.0, 0.0), "a couple", 0.5)
    moved = (aside[..., 0].astype(int) - aside[..., 2]) > 60
    assert abs(np.nonzero(moved)[1].mean() - np.nonzero(orange)[1].mean()) > 20


def test_dancers_who_are_far_apart_are_both_in_the_picture() -> None:
    leader = couple(1.0)[0][10]
    for way in ((2.5, 0.0, 0.0), (-2.5, 0.0, 0.0), (0.0, 0.0, 2.5), (0.0, 0.0, -2.5)):
        picture = panel(leader, leader + way, "", 0.0).astype(int)
        for one, other in ((0, 2), (2, 0)):
            body = (picture[..., one] - picture[..., other]) > 30
            assert body.sum() > 200, way
            edge = np.concatenate([body[0], body[-1], body[:, 0], body[:, -1]])
            assert not edge.any(), way
