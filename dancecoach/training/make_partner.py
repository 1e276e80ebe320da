"""The one command that makes the partner's model: learn a style from duets, export it, measure it, write its card."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancecoach.bench import partner as bench
from dancecoach.bench.partner_ablation import ablations
from dancecoach.partner.model import fit_model
from dancecoach.partner.regression import CENTRES, RANK, RIDGE
from dancecoach.session.duets import read_duets
from dancecoach.training.partner_export import export

log = logging.getLogger(__name__)

_ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217."
)
_WHAT = (
    "From two seconds of the leader's movement: how the follower goes on for 0.4 s, how fast, which feet stand, "
    "which hands are held and whether arms touch, how the leader goes on, and where the follower is two to four "
    "counts later. "
    "Kernel ridge regression (`dancecoach/partner/regression.py`); the live engine around it "
    "(`dancecoach/partner/partner.py`) makes a body of it."
)
_MATERIAL = (
    "What ships has learned the salsa of the CMU Graphics Lab Motion Capture Database, subjects 60 (leader) and 61 "
    f"(follower); CMU licence: free, also in products. {_ACKNOWLEDGEMENT} One couple, one style, one shared "
    "skeleton: hands that hold each other do not quite close in the recordings."
)
_TRAINING = (
    "Centres are means of clusters of windows, none is a recording. Gains, by which an expectation moves less than "
    "a dancer, come from takes left out in turn. The shipped file has learned from every take; all figures below are "
    "of models fitted anew without the takes they are measured on."
)
_MEASURED = (
    "Every model sees the leader's past alone. Lag against the true follower; BED is corrected for chance; depth is "
    "the 99th percentile of overlap; touch: a forearm within 5 cm of the other's body, mean over takes, and of all "
    "frames together."
)
_LIMITS = (
    "It follows what looks like the salsa of one couple. Far from that it is unsure (`familiarity`) and dances a "
    "basic step on the beat instead. The figures are of motion capture; through a webcam depth and hands are rougher."
)
# Printed in the card: heading, figure, digits.
_SHOWN: Sequence[tuple[str, str, int]] = (
    ("root cm", "root_cm", 1),
    ("facing °", "facing_deg", 1),
    ("hands cm", "hands_cm", 1),
    ("lag ms", "lag_ms", 0),
    ("BED corrected", "bed_corrected", 3),
    ("FID k", "fid_k", 0),
    ("foot cm/s", "foot_cm_s", 0),
    ("jerk", "jerk_ratio", 2),
    ("depth cm", "depth_cm", 1),
    ("touch F1", "touch_f1", 2),
    ("of all", "touch_f1_pooled", 2),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make: `name` of the style; `data` folder of duets; `out` of model and card; `measured` or not."""

    name: str
    data: Path
    out: Path
    seed: int = 1
    folds: int = 5
    measured: bool = True
    command: str = ""


def make(plan: Plan) -> None:
    """Learn, export, measure on takes left out, write the card.

    Raises
    ------
    DancecoachError
        When there are too few duets.
    """
    duets = read_duets(plan.data)
    log.info("learning from %d takes", len(duets))
    model = fit_model([(duet.leader, duet.follower) for duet in duets], plan.name, seed=plan.seed)
    plan.out.mkdir(parents=True, exist_ok=True)
    path = plan.out / "partner.onnx"
    export(model, path)
    figures: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    if plan.measured:
        log.info("measuring on takes left out")
        figures = bench.run(plan.data, plan.folds, out=io.StringIO())
        for where in ("folder", "machine"):
            figures.pop(where)
        for each in figures["models"].values():
            each.pop("takes")
        parts = ablations(duets, plan.folds)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    takes = {duet.name: round(duet.seconds, 1) for duet in duets}
    card = {
        "schema": "dancecoach.card/1",
        "model": path.name,
        "sha256": digest,
        "style": plan.name,
        "command": plan.command,
        "seed": plan.seed,
        "takes": takes,
        "figures": figures,
        "ablations": parts,
    }
    path.with_suffix(".json").write_text(json.dumps(card, allow_nan=False) + "\n", encoding="utf-8")
    text = card_text(card, path.stat().st_size)
    path.with_suffix(".md").write_text(text, encoding="utf-8")


def card_text(card: Mapping[str, Any], size: int) -> str:
    """Return the card, Markdown, of a model of so many bytes."""
    takes = card["takes"]
    lines = [
        f"# partner.onnx: the follower of a {card['style']} leader",
        "",
        _wrapped(_WHAT),
        "",
        "| file | size | SHA-256 |",
        "|---|---|---|",
        f"| `{card['model']}` | {size / 1000:.0f} kB | `{card['sha256']}` |",
        "",
        "Licence: Apache-2.0, as dancecoach. ONNX opset 17, one processor core.",
        "",
        "## Material",
        "",
        _wrapped(
            f"{len(takes)} takes, {sum(takes.values()) / 60:.1f} min: {', '.join(takes)}. Each also mirrored. "
            + _MATERIAL
        ),
        "",
        "## Training",
        "",
        _wrapped(
            f"`{card['command']}`; seed {card['seed']}; {CENTRES} centres, ridge {RIDGE}, rank {RANK}, three "
            "times: with and without the leader's feet, and for two seconds after a leader was not seen. " + _TRAINING
        ),
    ]
    models = card["figures"].get("models", {})
    if models:
        folds = card["figures"]["folds"]
        lines += [
            "",
            "## Held-out takes",
            "",
            _wrapped(
                f"`dancecoach bench partner DIR`, {len(folds)} folds by take "
                f"({'; '.join(', '.join(fold) for fold in folds)}). " + _MEASURED
            ),
            "",
            "| partner | " + " | ".join(heading for heading, _, _ in _SHOWN) + " |",
            "|---" * (len(_SHOWN) + 1) + "|",
        ]
        lines += [_row(name, model["figures"]) for name, model in models.items()]
        lines += _listens(models) + _badly(models.get("ours", {}).get("corrupted"))
    if card["ablations"]:
        lines += [
            "",
            "## Without its parts",
            "",
            "The same folds; each part switched off alone.",
            "",
            "| partner | " + " | ".join(heading for heading, _, _ in _SHOWN) + " |",
            "|---" * (len(_SHOWN) + 1) + "|",
        ]
        lines += [_row(name, found) for name, found in card["ablations"].items()]
        for name, found in card["ablations"].items():
            if "corrupted" in found:
                lines += _badly(found["corrupted"], f"{name}, leader seen badly")
    lines += [
        "",
        "## Limits",
        "",
        _wrapped(_LIMITS),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118)


def _row(name: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    cells = []
    for _, key, digits in _SHOWN:
        value = (figures.get(key) or {}).get("value")
        cells.append("–" if value is None else f"{value:.{digits}f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def _listens(models: Mapping[str, Any]) -> list[str]:
    found = models.get("ours", {}).get("shuffled_leader")
    if not found:
        return []
    return [
        "",
        f"Shown another leader, root error goes from {found['root_cm']:.0f} to {found['root_shuffled_cm']:.0f} cm "
        f"(p = {found['root_p']:.4f}), hands from {found['hands_cm']:.0f} to {found['hands_shuffled_cm']:.0f} cm "
        f"(p = {found['hands_p']:.4f}).",
    ]


def _badly(found: Mapping[str, Any] | None, title: str = "leader seen badly") -> list[str]:
    if not found:
        return []
    lines = [
        "",
        f"| {title} | root cm | largest step beyond the truth's, cm | recovers in, s | at worst, s | after 1 s, % |",
        "|---|---|---|---|---|---|",
    ]
    for kind, each in found.items():
        took = [each["recovery_s"], each["recovery_worst_s"], None if each["late"] is None else 100 * each["late"]]
        cells = [
            "–" if value is None else f"{value:.{digits}f}" for value, digits in zip(took, (1, 1, 0), strict=True)
        ]
        lines.append(f"| {kind} | {each['root_cm']:.0f} | {each['step_cm']:.1f} | " + " | ".join(cells) + " |")
    return lines
