"""Synchrony as tables of plain values and back, and moved in time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, get_args

from dancecoach.session.format import number, text
from dancecoach.types import BodyPart, MetricalLevel, Primitive, PrimitiveScore, Synchrony

_PARTS = {str(part): part for part in get_args(BodyPart)}
_LEVELS = {str(level): level for level in get_args(MetricalLevel)}
_MOST_HITS = 10**9


def to_table(value: Synchrony) -> dict[str, Any]:
    """Return one body part's synchrony, and its limbs' when it has any, ready for JSON."""
    table: dict[str, Any] = {
        "part": value.part,
        "start": number(value.start),
        "stop": number(value.stop),
        "msr": number(value.msr),
        "msr_interval": _pair_table(value.msr_interval),
        "msr_published": number(value.msr_published),
        "offset_ms": number(value.offset_ms),
        "offset_sd_ms": number(value.offset_sd_ms),
        "offset_interval_ms": _pair_table(value.offset_interval_ms),
        "level": value.level,
        "n_hits": int(value.n_hits),
        "n_beats": int(value.n_beats),
        "reason": value.reason,
    }
    if value.parts:
        table["parts"] = {part.part: to_table(part) for part in value.parts}
    return table


def from_table(table: object) -> Synchrony | None:
    """Return the synchrony a table says, None when it makes no sense."""
    return _from_table(table, with_parts=True)


def _from_table(table: object, with_parts: bool) -> Synchrony | None:
    if not isinstance(table, Mapping):
        return None
    part = _PARTS.get(str(table.get("part")))
    start, stop = number(table.get("start")), number(table.get("stop"))
    if part is None or start is None or stop is None:
        return None
    parts: list[Synchrony] = []
    inner = table.get("parts")
    if with_parts and isinstance(inner, Mapping):
        found = (_from_table(each, with_parts=False) for each in list(inner.values())[: len(_PARTS)])
        parts = [each for each in found if each is not None]
    reason = table.get("reason")
    return Synchrony(
        part=part,
        start=start,
        stop=stop,
        msr_published=number(table.get("msr_published")),
        msr=number(table.get("msr")),
        msr_interval=_pair(table.get("msr_interval")),
        offset_ms=number(table.get("offset_ms")),
        offset_sd_ms=number(table.get("offset_sd_ms")),
        offset_interval_ms=_pair(table.get("offset_interval_ms")),
        level=_LEVELS.get(str(table.get("level"))),
        n_hits=_count(table.get("n_hits")),
        n_beats=_count(table.get("n_beats")),
        reason=text(reason, 200) if isinstance(reason, str) else None,
        parts=tuple(parts),
    )


def to_json(value: Synchrony) -> str:
    """Return `to_table` as text."""
    return json.dumps(to_table(value), ensure_ascii=False, allow_nan=False)


def from_json(value: object) -> Synchrony | None:
    """Return what `to_json` wrote, None when it makes no sense."""
    return from_table(parse(value))


def parse(value: object) -> object:
    """Return the JSON value of a text, None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def moved(value: Synchrony, seconds: float) -> Synchrony:
    """Return the same synchrony `seconds` later; one without a span keeps none."""
    if value.start == value.stop == 0.0:
        return value
    return dataclasses.replace(
        value,
        start=value.start + seconds,
        stop=value.stop + seconds,
        parts=tuple(moved(part, seconds) for part in value.parts),
    )


def moved_score(score: PrimitiveScore, seconds: float) -> PrimitiveScore:
    """Return the same eight-count `seconds` later."""
    beats = score.primitive.beat_times + seconds
    beats.flags.writeable = False
    primitive = Primitive(score.primitive.start + seconds, score.primitive.stop + seconds, beats)
    return dataclasses.replace(score, primitive=primitive, synchrony=moved(score.synchrony, seconds))


def _pair_table(values: tuple[float, float] | None) -> list[float | None] | None:
    return None if values is None else [number(value) for value in values]


def _pair(values: object) -> tuple[float, float] | None:
    if not isinstance(values, list) or len(values) != 2:
        return None
    low, high = number(values[0]), number(values[1])
    return None if low is None or high is None else (low, high)


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= _MOST_HITS else 0
