"""Every weight file has a card beside it that is about these very weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dancecoach.assessment.encoders import MODELS

_WEIGHTS = sorted(MODELS.glob("*.onnx"))


def test_there_are_weights() -> None:
    assert _WEIGHTS


@pytest.mark.parametrize("weights", _WEIGHTS, ids=lambda path: path.name)
def test_a_card_speaks_of_these_weights(weights: Path) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    text = weights.with_suffix(".md").read_text(encoding="utf-8")
    assert digest in text and "icence" in text and "dancecoach train" in text
    assert weights.with_suffix(".json").is_file()
