"""The heat map of an assessment: colours, and how much each limb is answerable for. Free of widgets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtGui import QColor

from dancecoach.types import JOINT_INDEX, LIMBS, Assessment, BodyPart, Floats, PrimitiveScore, Snapshot

HEAT_SECONDS = 4.5  # after the end of an eight-count during which its heat map is shown
_FADING = 1.5  # s of them
MOST_LOST = 25.0  # points of a limb at which its colour is the hottest

# Every joint belongs to a limb here; hips to the legs, shoulders to the arms, collars to the torso.
_PARTS: Mapping[BodyPart, tuple[str, ...]] = {
    "left_arm": ("left_shoulder", "left_elbow", "left_wrist"),
    "right_arm": ("right_shoulder", "right_elbow", "right_wrist"),
    "left_leg": ("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right_leg": ("right_hip", "right_knee", "right_ankle", "right_foot"),
    "torso": ("pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar", "head"),
}
LIMB_JOINTS: Mapping[BodyPart, list[int]] = {
    part: [JOINT_INDEX[name] for name in names] for part, names in _PARTS.items()
}
# Magma (van der Walt and Smith, 2015): lightness grows evenly, also for those who confuse colours. On the light theme
# it runs the other way, from light to dark.
_MAGMA = ("#3b0f70", "#8c2981", "#de4968", "#fe9f6d", "#fcfdbf")


def heat_color(share: float, theme: str) -> QColor:
    """Return the colour of a share 0…1."""
    stops = [QColor(value) for value in (_MAGMA[::-1] if theme == "light" else _MAGMA)]
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    rest, low, high = place - index, stops[index], stops[index + 1]
    pairs = ((low.red(), high.red()), (low.green(), high.green()), (low.blue(), high.blue()))
    return QColor(*(round(a + rest * (b - a)) for a, b in pairs))


def lost_points(assessment: Assessment | None) -> Mapping[BodyPart, float] | None:
    """Return the points of quality that each limb is answerable for; None when the quality is unknown."""
    if assessment is None or assessment.quality.mean is None:
        return None
    saliency = assessment.saliency
    if saliency is None:
        return dict.fromkeys(LIMBS, 0.0)
    lost = 100.0 - assessment.quality.mean
    return {part: lost * float(saliency[LIMB_JOINTS[part]].sum()) for part in LIMBS}


def last_judged(snapshot: Snapshot) -> PrimitiveScore | None:
    """Return the last eight-count with an assessment, be it that nothing can be said."""
    return next((score for score in reversed(snapshot.primitives) if score.assessment is not None), None)


def judged(snapshot: Snapshot) -> bool:
    """Tell whether there is a coach that judges quality at all."""
    return bool(snapshot.provider) or last_judged(snapshot) is not None


def heat_of(snapshot: Snapshot, time: float) -> Floats | None:
    """Return the heat (22,) 0…1 of every joint at `time`, fading; None when there is none to show."""
    score = last_judged(snapshot)
    if score is None or score.assessment is None or score.assessment.saliency is None:
        return None
    age = time - score.primitive.stop
    if not 0.0 <= age < HEAT_SECONDS:
        return None
    saliency = score.assessment.saliency
    heat: Floats = saliency / max(float(np.max(saliency)), 1e-9) * min((HEAT_SECONDS - age) / _FADING, 1.0)
    return heat
