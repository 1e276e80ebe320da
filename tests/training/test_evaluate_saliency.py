"""The check of maps against occlusion."""

from __future__ import annotations

import numpy as np
import pytest

from dancecoach.assessment.encoders import Encoders, Seen, load_encoders, pooled
from dancecoach.training.evaluate_saliency import Hidden, Usual, hidden, table
from dancecoach.types import LIMBS, PoseTrack
from tests.assessment.test_motion_features import dance

_SPAN = (1.5, 5.5)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return load_encoders(kept=float("inf"))


def _seen(encoders: Encoders, track: PoseTrack) -> Seen:
    assert encoders.motion is not None
    encoders.motion.reset()
    encoders.motion.follow(track.times, track.joints, track.visibility)
    found = encoders.motion.seen(*_SPAN)
    assert found is not None
    return found


def test_replacing_by_itself_gives_nothing_back(encoders: Encoders) -> None:
    track = dance(6.0)
    found = _seen(encoders, track)
    own = Usual(pooled(found), found.maps.mean(axis=0))
    same = hidden(encoders, own, track, None, _SPAN, "left_arm")
    assert same is not None
    np.testing.assert_allclose(same.replaced, 0.0, atol=1e-4)
    assert np.abs(same.returned).max() > 0.1  # and what is hidden is missed
    other = Usual(np.zeros_like(own.inputs), np.zeros_like(own.maps))
    changed = hidden(encoders, other, track, None, _SPAN, "left_arm")
    assert changed is not None and np.abs(changed.replaced).max() > 0.1


def test_deductions_and_map_are_sums(encoders: Encoders) -> None:
    track = dance(6.0)
    assert encoders.judge is not None
    found = _seen(encoders, track)
    usual = Usual(pooled(found), found.maps.mean(axis=0))
    told = hidden(encoders, usual, track, None, _SPAN, "torso")
    assert told is not None
    assert told.deductions.sum() == pytest.approx(100 - encoders.judge.judge(found).mean, abs=1e-3)
    assert told.moments.sum() == pytest.approx(told.mapped.sum() * len(found.times), rel=1e-5)


def test_agreement_and_first_are_counted() -> None:
    one = np.array([5.0, 1.0, 2.0, 3.0, 4.0])
    moments = np.array([1.0, 2.0, 3.0, 4.0])
    agreeing = Hidden(LIMBS[0], one, one, one, 2 * one, moments, moments)
    opposed = Hidden(LIMBS[0], one, one, -one, one, moments, -moments)
    assert table([agreeing])["limbs_deductions"] == pytest.approx(1.0)
    both = table([agreeing, opposed])
    assert both["limbs_deductions"] == pytest.approx(0.0) and both["quarters_map"] == pytest.approx(0.0)
    assert both["first_by_deductions"] == 1.0 and both["first_by_hiding"] == 0.5
    assert both["limbs_replaced"] == pytest.approx(1.0)
