"""What the coach said about an eight-count, as a table of plain values and back.

A table may come from anybody: numbers are clipped to their ranges, names nobody knows are dropped, and a quality that
is not whole is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from dancecoach.assessment.rubric import RULES
from dancecoach.session.format import number, text
from dancecoach.types import (
    JOINT_COUNT,
    Assessment,
    Attribute,
    BodyPart,
    ChoreographyPlace,
    Cue,
    FaultKind,
    Floats,
    Grade,
    Label,
    Quality,
)

_PARTS = {str(part): part for part in get_args(BodyPart)}
_FAULTS = {str(kind): kind for kind in get_args(FaultKind)}
_GRADES = {str(grade): grade for grade in get_args(Grade)}
_ATTRIBUTES = {str(attribute): attribute for attribute in get_args(Attribute)}
_LONGEST_NAME = 80
_LONGEST_REASON = 200
_MOST_LABELS = 16
_MOST_CUES = 16
_MOST_PRIMITIVES = 10_000  # of one choreography
_LARGEST_AMOUNT = 10_000.0
_LARGEST_VARIANCE = 10_000.0  # points squared: nothing is known of a quality 0…100
_COUNTS = 8
_REASON = "The recorded quality is not whole"


def to_table(value: Assessment) -> dict[str, Any]:
    """Return an assessment ready for JSON; unknown values are null."""
    quality, place = value.quality, value.place
    interval = quality.interval
    return {
        "quality": {
            "mean": number(quality.mean),
            "variance": number(quality.variance),
            "interval": None if interval is None else [number(end) for end in interval],
            "grade": quality.grade,
            "reason": quality.reason,
            "against_reference": bool(quality.against_reference),
        },
        "labels": [
            {"attribute": label.attribute, "name": label.name, "probability": number(label.probability)}
            for label in value.labels
        ],
        "cues": [
            {
                "limb": cue.limb,
                "fault": cue.fault,
                "amount": number(cue.amount),
                "unit": cue.unit,
                "counts": [int(count) for count in cue.counts],
                "confidence": number(cue.confidence),
                "severity": number(cue.severity),
            }
            for cue in value.cues
        ],
        "saliency": None if value.saliency is None else [number(share) for share in value.saliency.tolist()],
        "place": None
        if place is None
        else {
            "name": place.name,
            "primitive": int(place.primitive),
            "mirrored": bool(place.mirrored),
            "probability": number(place.probability),
        },
    }


def from_table(table: object) -> Assessment | None:
    """Return the assessment a table says, None when it says nothing about quality."""
    if not isinstance(table, Mapping) or not isinstance(table.get("quality"), Mapping):
        return None
    return Assessment(
        quality=_quality(table["quality"]),
        labels=tuple(label for label in map(_label, _listed(table.get("labels"), _MOST_LABELS)) if label is not None),
        cues=tuple(cue for cue in map(_cue, _listed(table.get("cues"), _MOST_CUES)) if cue is not None),
        saliency=_saliency(table.get("saliency")),
        place=_place(table.get("place")),
    )


def to_json(value: Assessment | None) -> str | None:
    """Return `to_table` as text, None for an eight-count that was not judged."""
    return None if value is None else json.dumps(to_table(value), allow_nan=False)


def _quality(table: Mapping[str, object]) -> Quality:
    mean, variance = number(table.get("mean")), number(table.get("variance"))
    grade = _GRADES.get(str(table.get("grade")))
    reason = _plain(table.get("reason"), _LONGEST_REASON) or None
    against = table.get("against_reference") is True
    if mean is None or variance is None or grade is None:
        return Quality(reason=reason or _REASON, against_reference=against)
    return Quality(_clip(mean, 100.0), _clip(variance, _LARGEST_VARIANCE), grade, reason, against)


def _label(table: object) -> Label | None:
    if not isinstance(table, Mapping):
        return None
    attribute = _ATTRIBUTES.get(str(table.get("attribute")))
    name, probability = _plain(table.get("name"), _LONGEST_NAME), number(table.get("probability"))
    if attribute is None or not name or probability is None:
        return None
    return Label(attribute, name, _clip(probability, 1.0))


def _cue(table: object) -> Cue | None:
    if not isinstance(table, Mapping):
        return None
    limb, fault = _PARTS.get(str(table.get("limb"))), _FAULTS.get(str(table.get("fault")))
    amount, confidence = number(table.get("amount")), number(table.get("confidence"))
    severity = number(table.get("severity"))
    if limb is None or fault is None or amount is None or confidence is None or severity is None:
        return None
    unit = RULES[fault].unit
    if table.get("unit") != unit:
        return None
    counts = _listed(table.get("counts"), 2 * _COUNTS)
    return Cue(
        limb=limb,
        fault=fault,
        amount=_clip(amount, _LARGEST_AMOUNT),
        unit=unit,
        counts=tuple(sorted({count for count in counts if type(count) is int and 1 <= count <= _COUNTS})),
        confidence=_clip(confidence, 1.0),
        severity=_clip(severity, 100.0),
    )


def _saliency(values: object) -> Floats | None:
    if not isinstance(values, list) or len(values) != JOINT_COUNT:
        return None
    read = [number(value) for value in values]
    shares: Floats = np.array([np.nan if share is None else _clip(share, 1.0) for share in read])
    total = float(shares.sum())
    if not np.isfinite(total) or total <= 0:
        return None
    if abs(total - 1.0) > 1e-6:
        shares = shares / total
    shares.flags.writeable = False
    return shares


def _place(table: object) -> ChoreographyPlace | None:
    if not isinstance(table, Mapping):
        return None
    name, primitive = _plain(table.get("name"), _LONGEST_NAME), table.get("primitive")
    probability = number(table.get("probability"))
    if not name or probability is None or type(primitive) is not int or not 1 <= primitive <= _MOST_PRIMITIVES:
        return None
    return ChoreographyPlace(name, primitive, table.get("mirrored") is True, _clip(probability, 1.0))


def _plain(value: object, longest: int) -> str:
    """Return one line of printable text."""
    return "".join(sign if sign.isprintable() else " " for sign in text(value, longest)).strip()


def _listed(values: object, most: int) -> list[Any]:
    return values[:most] if isinstance(values, list) else []


def _clip(value: float, most: float) -> float:
    return min(max(value, 0.0), most)
