"""The rubric: what each fault costs, in points of a hundred, and where grades and levels begin.

A fault of a limb has a physical amount (ms late, % smaller, cm of tremor …). Its severity is the amount over the
amount that is plainly wrong, at most 1; it costs that share of the fault's weight. Faults of one limb and of several
add up with diminishing effect, so that a hundred points cannot be lost twice:

    quality = 100 · Π over faults (1 − weight(part) · cost(kind) · min(amount / full(kind), 1))

Amounts are per eight-count. The table is a convention of this project, made for showing that scores follow known
faults; it was not agreed with examiners.

| fault | amount | full | cost |
|---|---|---|---|
| late, early | ms of the limb against the beat or the reference | 250 | 0.8 |
| uneven | ms, standard deviation of the lateness of single movements | 120 | 0.7 |
| small | % of the movement's size missing | 80 | 0.8 |
| stiff | % of the movement's quick part (what a low-pass at 1.5 Hz leaves out) missing | 80 | 0.6 |
| shaky | cm, root mean square of what trembles above 3 Hz at the end of the limb | 3 | 0.8 |
| off_balance | cm, root mean square of the sway of the trunk over the feet | 10 | 0.7 |
| asymmetric | % by which one side moves less than the other | 80 | 0.7 |
| no_level_change | % of the rise and fall of the hips missing | 100 | 0.4 |
| posture | ° of lasting deviation | 35 | 0.7 |
| missed | % of the eight-count in which the move was not made | 60 | 0.8 |
| different | % of the eight-count in which another move was made | 60 | 0.9 |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dancecoach.types import BodyPart, FaultKind, Grade, Level

GRADES: tuple[tuple[float, Grade], ...] = ((85.0, "A"), (70.0, "B"), (55.0, "C"), (40.0, "D"), (-math.inf, "E"))
LEVELS: tuple[tuple[float, Level], ...] = ((80.0, "expert"), (60.0, "intermediate"), (-math.inf, "beginner"))

SURE_LEVEL = 0.6  # probability below which no level is said


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the rubric: the amount that is plainly wrong, its `unit`, and the share of all points it costs."""

    full: float
    unit: str
    cost: float


RULES: Mapping[FaultKind, Rule] = {
    "late": Rule(250.0, "ms", 0.8),
    "early": Rule(250.0, "ms", 0.8),
    "uneven": Rule(120.0, "ms", 0.7),
    "small": Rule(80.0, "%", 0.8),
    "stiff": Rule(80.0, "%", 0.6),
    "shaky": Rule(3.0, "cm", 0.8),
    "off_balance": Rule(10.0, "cm", 0.7),
    "asymmetric": Rule(80.0, "%", 0.7),
    "no_level_change": Rule(100.0, "%", 0.4),
    "posture": Rule(35.0, "°", 0.7),
    "missed": Rule(60.0, "%", 0.8),
    "different": Rule(60.0, "%", 0.9),
}
WEIGHTS: Mapping[BodyPart, float] = {
    "left_arm": 0.5,
    "right_arm": 0.5,
    "left_leg": 0.6,
    "right_leg": 0.6,
    "torso": 0.7,
    "body": 1.0,
}

# Of a weak side, the other limb.
TWINS: Mapping[BodyPart, BodyPart] = {
    "left_arm": "left_leg", "left_leg": "left_arm", "right_arm": "right_leg", "right_leg": "right_arm",
}  # fmt: skip


def severity(part: BodyPart, kind: FaultKind, amount: float) -> float:
    """Return the points, 0…100, that a fault alone costs; `amount` in the unit of its rule, without a sign.

    >>> severity("left_arm", "late", 125.0)
    20.0
    """
    rule = RULES[kind]
    return 100.0 * WEIGHTS[part] * rule.cost * min(max(amount, 0.0) / rule.full, 1.0)


def score(faults: Iterable[tuple[BodyPart, FaultKind, float]]) -> float:
    """Return the quality, 0…100, of a movement with these faults (part, kind, amount).

    >>> score([])
    100.0
    >>> score([("body", "late", 250.0)])
    20.0
    """
    left = 1.0
    for part, kind, amount in faults:
        left *= 1.0 - severity(part, kind, amount) / 100.0
    return round(100.0 * left, 9)


def grade_of(mean: float) -> Grade:
    """Return the grade of a quality."""
    return next(grade for least, grade in GRADES if mean >= least)


def sure_level(mean: float, variance: float) -> tuple[Level, float] | None:
    """Return the likeliest level of a quality with its probability; None where that is below `SURE_LEVEL`."""
    probabilities = level_probabilities(mean, variance)
    likeliest = max(probabilities, key=lambda name: probabilities[name])
    return (likeliest, probabilities[likeliest]) if probabilities[likeliest] >= SURE_LEVEL else None


def level_probabilities(mean: float, variance: float) -> Mapping[Level, float]:
    """Return how probable each level is when the quality is normal with this mean and variance."""
    deviation = math.sqrt(max(variance, 1e-6))
    above = 1.0
    found: dict[Level, float] = {}
    taken = 0.0
    for least, level in LEVELS:
        above = 1.0 if least == -math.inf else 0.5 * math.erfc((least - mean) / (deviation * math.sqrt(2.0)))
        found[level] = max(above - taken, 0.0)
        taken = max(taken, above)
    return found
