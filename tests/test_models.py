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
    cards = [card for card in MODELS.glob("*.md") if digest in card.read_text(encoding="utf-8")]
    assert cards, f"no card tells the digest of {weights.name}"
    for card in cards:
        text = card.read_text(encoding="utf-8")
        assert weights.name in text and "Licence" in text and "dancecoach train" in text
        assert card.with_suffix(".json").is_file()
