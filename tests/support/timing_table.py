"""How far offsets and MSR are from the truth, over many dancers: `python -m tests.support.timing_table 40`."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np

from dancecoach.assessment.hits import find_events
from dancecoach.assessment.synchrony import beat_positions, measure, metrical_level, sharp_msr
from dancecoach.types import BodyPart
from tests.support.dancers import PROFILES, Dancer, arrivals, perform
from tests.support.signals import grid

SECONDS = 24.0
ARMS: tuple[BodyPart, ...] = ("left_arm", "right_arm")
ROUND = ("half cosine", "smooth step", "minimum jerk")


def draw(kind: str, random: np.random.Generator) -> Dancer:
    """Return a random dancer of one of the `KINDS`."""
    uniform, pick = random.uniform, random.choice
    tempo, noise = uniform(70, 170), uniform(0, 0.008)
    any_one = Dancer(tempo, uniform(-0.08, 0.12), uniform(0.3, 0.95), str(pick(PROFILES)), float(pick([25, 30, 60])))
    camera: dict[str, Any] = {
        "rate": 30.0,
        "monocular": True,
        "noise": uniform(0.003, 0.008),
        "colour": float(pick([0.0, 0.7])),
    }
    short: dict[str, Any] = {"rate": 30.0, "fraction": 0.15 * tempo / 60}
    sway = uniform(0.003, 0.02)
    changes: dict[str, dict[str, Any]] = {
        "no noise": {},
        "noise to 8 mm": {"noise": noise},
        "linear, short holds": {"profile": "linear", "fraction": uniform(0.7, 0.95)},
        "one arm, sway": {"limbs": ARMS[:1], "noise": noise / 4, "sway": sway},
        "one arm, carried": {"limbs": ARMS[:1], "noise": noise / 4, "sway": sway, "carried": True},
        "one camera": camera,
        "one camera, arms": camera | {"limbs": ARMS, "sway": sway},
        "every second beat": {
            "every": 2.0,
            "tempo": uniform(80, 100),
            "noise": noise / 2,
            "fraction": uniform(0.2, 0.6),
        },
        "half beats": {"every": 0.5, "tempo": uniform(110, 150), "noise": noise / 3, "offset": uniform(-0.04, 0.06)},
        "arms fill 80 %": {"limbs": ARMS, "fraction": uniform(0.75, 0.95), "profile": str(pick(ROUND))},
        "150 ms at 30/s": short | {"profile": str(pick(ROUND))},
    }
    return dataclasses.replace(any_one, **changes[kind])


KINDS = (
    "no noise", "noise to 8 mm", "linear, short holds", "one arm, sway", "one arm, carried", "one camera",
    "one camera, arms", "every second beat", "half beats", "arms fill 80 %", "150 ms at 30/s",
)  # fmt: skip


def row(kind: str, draws: int) -> str:
    """Return median and 90th percentile of |offset error|, ms, and of |MSR error|, and the passive limbs read."""
    offsets: dict[bool, list[float]] = {True: [], False: []}
    rates: dict[bool, list[float]] = {True: [], False: []}
    passive, read = 0, 0
    for seed in range(draws):
        dancer = draw(kind, np.random.default_rng(seed))
        beats = grid(dancer.tempo, SECONDS, start=0.5)
        found = measure(find_events(perform(dancer, SECONDS, seed)), beats)
        truth = beat_positions(arrivals(dancer, SECONDS - dancer.offset), beats.beat_times)
        level = metrical_level(1 / dancer.every)[1]
        best = sharp_msr(truth[np.isfinite(truth)], len(beats.beat_times), level)[0]
        for part in (found, *found.parts):
            body = part.part == "body"
            if not body and part.part not in dancer.limbs:
                passive, read = passive + 1, read + (part.offset_ms is not None)
                continue
            offsets[body].append(np.inf if part.offset_ms is None else abs(part.offset_ms - dancer.offset * 1000))
            rates[body].append(1.0 if part.msr is None else abs(part.msr - best))
    cells = [
        " ".join(f"{value:{width}}" for value in np.percentile(values[body], (50, 90), method="nearest"))
        for body in (True, False)
        for values, width in ((offsets, "6.1f"), (rates, "5.2f"))
    ]
    return f"{kind:20s} | " + " | ".join(cells) + f" | {read}/{passive}"


if __name__ == "__main__":
    print(f"{'':20s} | body ms       | body MSR    | limb ms       | limb MSR    | passive limbs read")
    for each in KINDS:
        print(row(each, int(sys.argv[1]) if len(sys.argv) > 1 else 40), flush=True)
