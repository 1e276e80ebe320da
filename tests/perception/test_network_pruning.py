"""The landmark network without its segmentation says the same."""

from __future__ import annotations

from pathlib import Path

import mediapipe
import numpy as np
import pytest

from dancecoach.bench.dancer import Painter, dance
from dancecoach.errors import DancecoachError
from dancecoach.perception import landmarks
from dancecoach.perception.landmarks import Detection, Landmarker, Region
from dancecoach.perception.network_pruning import without_output

NETWORK = (Path(mediapipe.__file__).parent / "modules/pose_landmark/pose_landmark_full.tflite").read_bytes()


def seen() -> list[Detection | None]:
    """Return what is found of a painted dancer at a few moments."""
    painter, landmarker = Painter(), Landmarker()
    region = Region(320.0, 240.0, 520.0, 0.0)
    joints = dance(np.array([0.0, 0.7, 1.9]), np.arange(0.0, 3.0, 0.5))
    found = [landmarker.detect(painter.paint(each), region) for each in joints]
    landmarker.close()
    return found


def test_landmarks_are_the_same_without_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    pruned = seen()
    monkeypatch.setattr(landmarks, "without_output", lambda model, shape: model)
    whole = seen()
    assert any(each is not None for each in pruned)
    for one, other in zip(pruned, whole, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.world, other.world)
            assert np.array_equal(one.visibility, other.visibility)


def test_only_what_the_output_needs_alone_is_cut() -> None:
    pruned = without_output(NETWORK, (1, 256, 256, 1))
    assert len(pruned) == len(NETWORK)
    assert pruned != NETWORK
    assert without_output(pruned, (1, 256, 256, 1)) == pruned
    assert without_output(NETWORK, (1, 2, 3)) == NETWORK


def test_what_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for broken in (b"", b"TFL3", NETWORK[:200]):
        with pytest.raises(ValueError, match="not a TensorFlow Lite network"):
            without_output(broken, (1,))
    monkeypatch.setattr(landmarks, "_NETWORK", "modules/none.tflite")
    with pytest.raises(DancecoachError, match="cannot be loaded"):
        Landmarker()
