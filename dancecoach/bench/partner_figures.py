"""The figures of followers over takes: of each take, of all their windows together, with intervals over takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancecoach.bench import duet_features as features
from dancecoach.bench.duet_contact import contact, f1, holding, touching
from dancecoach.bench.duet_metrics import (
    contact_foot_speed,
    effective_lag,
    errors,
    floor_drift,
    mean_jerk,
    physical_foot_contact,
    published_pfc,
    steps,
)
from dancecoach.bench.duet_rhythm import beat_echo
from dancecoach.bench.duet_statistics import bootstrap, mean_interval
from dancecoach.session.duets import RATE, Duet
from dancecoach.types import Floats

_DRAWS = 60  # of takes, for intervals of what is measured over all windows

# Of each take; weighted by frames, and by held frames, where it is a mean over these; by frames of either with touch,
# which makes the mean of the F-measures that of all frames together.
_BY_FRAMES = ("root_cm", "facing_deg", "mpjpe_cm", "mpjpe_turned_cm")
_BY_HOLDS = ("hands_cm", "wrists_cm")
_BY_TOUCH = ("touch_f1_pooled",)
_WEIGHTS = ("frames", "held_frames", "touch_frames")


def take_figures(duet: Duet, predicted: Floats) -> dict[str, float]:
    """Return everything that is measured on one take, not-a-number where it cannot be."""
    leader, true = duet.leader, duet.follower
    found = errors(leader, predicted, true)
    held = np.isfinite(found.hands)
    echo = beat_echo(leader, predicted)
    lag = effective_lag(predicted, true, RATE)
    touch = contact(leader, predicted)
    jerk = mean_jerk(true, RATE)
    predicted_touch, true_touch = touching(leader, predicted), touching(leader, true)
    touch_f1 = _known(f1(predicted_touch, true_touch))
    return {
        "frames": float(len(duet)),
        "held_frames": float(held.sum()),
        "touch_frames": float(predicted_touch.sum() + true_touch.sum()),
        "root_cm": 100.0 * float(found.root.mean()),
        "facing_deg": float(np.degrees(found.facing.mean())),
        "mpjpe_cm": 100.0 * float(found.pose.mean()),
        "mpjpe_turned_cm": 100.0 * float(found.joints.mean()),
        "hands_cm": 100.0 * float(found.hands[held].mean()) if held.any() else np.nan,
        "wrists_cm": 100.0 * float(found.wrists[held].mean()) if held.any() else np.nan,
        "lag_ms": 1000.0 * _known(lag.seconds),
        "agreement": lag.agreement,
        "bed": echo.value,
        "bed_corrected": echo.corrected,
        "bed_p": echo.p,
        "touch_f1": touch_f1,
        "touch_f1_pooled": touch_f1 if true_touch.any() else 0.0,
        "hold_f1": _known(f1(holding(leader, predicted), holding(leader, true))),
        "foot_cm_s": 100.0 * _known(contact_foot_speed(predicted, RATE)),
        "jerk_ratio": mean_jerk(predicted, RATE) / jerk if jerk > 0 else np.nan,
        "step_cm": 100.0 * float(steps(predicted).max() - np.percentile(steps(true), 99.9)),
        "drift_cm": 100.0 * floor_drift(predicted, RATE),
        "pfc": physical_foot_contact(predicted, RATE),
        "pfc_published": published_pfc(predicted),
        "depth_cm": 100.0 * touch.depth,
        "penetrating": 100.0 * touch.penetrating,
        "cf": 100.0 * touch.frequency,
        "pr": 100.0 * touch.penetration,
        "clr": 100.0 * touch.leader,
        "cfr": 100.0 * touch.follower,
        "cvr": 100.0 * touch.both,
    }


def _known(value: float | None) -> float:
    return np.nan if value is None else value


def over_takes(takes: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return the mean of each figure with its 95 % interval over takes."""
    means = {}
    for name in takes[0]:
        if name in _WEIGHTS:
            continue
        values, weights = _column(takes, name)
        known = weights > 0
        mean = _mean((values, weights), np.arange(len(takes)))
        means[name] = _estimate(mean, mean_interval(np.where(known, values, np.nan), weights))
    return means


def _estimate(value: float, interval: tuple[float, float]) -> dict[str, float | None]:
    return {"value": number(value), "low": number(interval[0]), "high": number(interval[1])}


def number(value: float | None, digits: int = 5) -> float | None:
    """Return a figure as JSON takes it: rounded, None for what is not finite."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Features of the windows of takes: a list of (N, D) for each kind, take by take."""

    kinetic: list[Floats]
    geometric: list[Floats]
    cross: list[Floats]
    kinetic_published: list[Floats]
    geometric_published: list[Floats]


# Name of the kind in figures, attribute, least standard deviation.
_KINDS: tuple[tuple[str, str, float], ...] = (
    ("k", "kinetic", 0.0),
    ("g", "geometric", features.SHARE_STD),
    ("cd", "cross", 0.0),
    ("k_published", "kinetic_published", 0.0),
    ("g_published", "geometric_published", features.SHARE_STD),
)


def window_features(duets: Sequence[Duet], followers: Sequence[Floats]) -> Windows:
    """Return the features of followers (T, 22, 3) m in five-second windows."""
    fixed = [features.stacked([room], RATE) for room in followers]
    published = [features.stacked([room], RATE, published=True) for room in followers]
    cross = [
        np.stack(
            [
                features.cross_distances(one, other)
                for one, other in zip(features.windows(duet.leader, RATE), features.windows(room, RATE), strict=True)
            ]
        )
        for duet, room in zip(duets, followers, strict=True)
    ]
    return Windows(
        [kinetic for kinetic, _ in fixed],
        [geometric for _, geometric in fixed],
        cross,
        [kinetic for kinetic, _ in published],
        [geometric for _, geometric in published],
    )


def over_windows(found: Windows, reference: Windows) -> dict[str, dict[str, float | None]]:
    """Return FID, KID and Div of each kind of feature against the true followers' windows."""
    figures = {}
    for name, attribute, least in _KINDS:
        parts: list[Floats] = getattr(found, attribute)
        against = features.Reference.of(np.concatenate(getattr(reference, attribute)), least)
        for title, measure in (("fid", against.fid), ("kid", against.kid), ("div", against.diversity)):
            if title != "fid" and name.endswith("published"):
                continue
            value = measure(np.concatenate(parts))
            interval = (np.nan, np.nan)
            if not name.endswith("published"):
                low, high = bootstrap(_drawn(measure, parts), len(parts), _DRAWS)
                interval = (low if title == "kid" else max(low, 0.0), high)
            figures[f"{title}_{name}"] = _estimate(value, interval)
    return figures


def _drawn(measure: Callable[[Floats], float], parts: Sequence[Floats]) -> Callable[[NDArray[np.int64]], float]:
    def of(drawn: NDArray[np.int64]) -> float:
        return measure(np.concatenate([parts[index] for index in drawn]))

    return of


# What a figure should be: nothing, or what it is of the true follower.
GOALS: Mapping[str, float | None] = {
    "root_cm": 0.0,
    "facing_deg": 0.0,
    "mpjpe_cm": 0.0,
    "hands_cm": 0.0,
    "lag_ms": 0.0,
    "agreement": 1.0,
    "bed_corrected": None,
    "touch_f1": 1.0,
    "touch_f1_pooled": 1.0,
    "hold_f1": 1.0,
    "foot_cm_s": None,
    "jerk_ratio": 1.0,
    "depth_cm": None,
}
_SET_GOALS = (("fid_k", "kinetic", 0.0), ("fid_g", "geometric", features.SHARE_STD), ("fid_cd", "cross", 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One partner: its figures of each take, and the features of its windows."""

    takes: Sequence[Mapping[str, float]]
    windows: Windows


def against(ours: Measured, rival: Measured, truth: Measured) -> dict[str, dict[str, float | None]]:
    """Return how much farther from its goal than a rival's each figure is, negative where it is closer.

    Intervals are those of the difference, over the same draws of takes for both.
    """
    count = len(ours.takes)
    found = {}
    for name, goal in GOALS.items():
        mine, theirs, true = (_column(each.takes, name) for each in (ours, rival, truth))

        def difference(
            drawn: NDArray[np.int64],
            mine: tuple[Floats, Floats] = mine,
            theirs: tuple[Floats, Floats] = theirs,
            true: tuple[Floats, Floats] = true,
            goal: float | None = goal,
        ) -> float:
            aim = _mean(true, drawn) if goal is None else goal
            return abs(_mean(mine, drawn) - aim) - abs(_mean(theirs, drawn) - aim)

        found[name] = _estimate(difference(np.arange(count)), bootstrap(difference, count, 1000))
    for name, attribute, least in _SET_GOALS:
        reference = features.Reference.of(np.concatenate(getattr(truth.windows, attribute)), least)
        first = _drawn(reference.fid, getattr(ours.windows, attribute))
        second = _drawn(reference.fid, getattr(rival.windows, attribute))

        def apart(
            drawn: NDArray[np.int64],
            first: Callable[[NDArray[np.int64]], float] = first,
            second: Callable[[NDArray[np.int64]], float] = second,
        ) -> float:
            return first(drawn) - second(drawn)

        found[name] = _estimate(apart(np.arange(count)), bootstrap(apart, count, _DRAWS))
    return found


def _column(takes: Sequence[Mapping[str, float]], name: str) -> tuple[Floats, Floats]:
    """Return a figure of each take and the takes' weights in its mean, 0 where it is unknown."""
    values = np.array([take[name] for take in takes])
    weights = np.ones(len(takes))
    for names, weight in zip((_BY_FRAMES, _BY_HOLDS, _BY_TOUCH), _WEIGHTS, strict=True):
        if name in names:
            weights = np.array([take[weight] for take in takes])
    known = np.isfinite(values)
    return np.where(known, values, 0.0), np.where(known, weights, 0.0)


def _mean(column: tuple[Floats, Floats], drawn: NDArray[np.int64]) -> float:
    values, weights = column
    total = weights[drawn].sum()
    return float((values[drawn] * weights[drawn]).sum() / total) if total > 0 else np.nan


def floors(reference: Windows) -> dict[str, float | None]:
    """Return the FID between random halves of the true followers' windows, of each kind."""
    return {
        f"fid_{name}": number(features.split_half_floor(np.concatenate(getattr(reference, attribute)), least))
        for name, attribute, least in _KINDS
    }


# --- printed ------------------------------------------------------------------------------------------------------

# Heading, figure, digits, whether its interval is printed.
_Column = tuple[str, str, int, bool]
TABLES: tuple[tuple[str, tuple[_Column, ...]], ...] = (
    (
        "Following",
        (
            ("root cm", "root_cm", 0, True),
            ("facing °", "facing_deg", 0, True),
            ("MPJPE cm", "mpjpe_cm", 1, False),
            ("turned", "mpjpe_turned_cm", 1, False),
            ("hands cm", "hands_cm", 0, True),
            ("wrists", "wrists_cm", 0, False),
            ("lag ms", "lag_ms", 0, False),
            ("agree", "agreement", 2, False),
            ("BED", "bed", 3, False),
            ("BED cc", "bed_corrected", 3, True),
            ("hold", "hold_f1", 2, False),
        ),
    ),
    (
        "Looks like dancing",
        (
            ("FID k", "fid_k", 1, True),
            ("KID k", "kid_k", 2, False),
            ("Div k", "div_k", 1, False),
            ("FID g", "fid_g", 1, False),
            ("Div g", "div_g", 1, False),
            ("FID cd", "fid_cd", 1, True),
            ("Div cd", "div_cd", 1, False),
            ("foot cm/s", "foot_cm_s", 0, False),
            ("jerk", "jerk_ratio", 2, False),
            ("step cm", "step_cm", 1, False),
            ("drift cm", "drift_cm", 1, False),
            ("PFC", "pfc", 3, False),
        ),
    ),
    (
        "Contact, and figures as published",
        (
            ("touch", "touch_f1", 2, False),
            ("of all", "touch_f1_pooled", 2, False),
            ("depth cm", "depth_cm", 1, True),
            ("overlap %", "penetrating", 1, False),
            ("CF %", "cf", 1, False),
            ("PR %", "pr", 3, False),
            ("CLR %", "clr", 3, False),
            ("CFR %", "cfr", 3, False),
            ("CVR %", "cvr", 3, False),
            ("FID k", "fid_k_published", 1, False),
            ("FID g", "fid_g_published", 1, False),
            ("PFC", "pfc_published", 2, False),
            ("BED p", "bed_p", 2, False),
        ),
    ),
)


def cell(figure: Mapping[str, Any] | None, digits: int, interval: bool = False) -> str:
    """Return a figure as printed, "–" where there is none."""
    if figure is None or figure["value"] is None:
        return "–"
    text = short(figure["value"], digits)
    if interval and figure["low"] is not None and figure["high"] > figure["low"]:
        text += f" ({short(figure['low'], digits)}…{short(figure['high'], digits)})"
    return text


def short(value: float, digits: int) -> str:
    """Return a number with so many digits, fewer where it is large."""
    return f"{value:.{0 if abs(value) >= 100 else digits}f}" if abs(value) < 1e6 else f"{value:.0e}"
