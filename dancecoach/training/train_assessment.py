"""`dancecoach train assessment`: from a prepared corpus to networks, figures and card."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from dancecoach.assessment.encoders import load_encoders
from dancecoach.training import bench_assessment
from dancecoach.training.assemble_assessment import Encoded, assemble
from dancecoach.training.assessment_card import write_card, write_card_for_programs
from dancecoach.training.assessment_data import Take, is_validation, read_corpus
from dancecoach.training.assessment_export import export_judge
from dancecoach.training.evaluate_assessment import evaluate
from dancecoach.training.motion_network import GraphEncoder, export
from dancecoach.training.train_motion import Judge, Recipe, make_pool, read_pool, train

_log = logging.getLogger(__name__)
_VALIDATION_SEED, _VALIDATION_GROUPS = 77, 256
_TEST_SEED, _TEST_GROUPS = 99, 256
_SECONDS, _TAKES = 12.0, 4  # of every take, and takes of every style, compared with themselves

_PATIENCE = timedelta(hours=12)  # that the other processes wait for the first one's clips


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    `data` a prepared corpus, `pairs` its music or None, `work` a folder for everything in between, `out` the folder
    of networks and card; `groups` of clips to train on; `minutes` of training the encoder; `tables` minutes for each
    training of the comparison, 0 for none; `evaluated` False skips the figures.
    """

    data: Path
    work: Path
    out: Path
    pairs: Path | None = None
    groups: int = 4096
    minutes: float = 25.0
    tables: float = 0.0
    seed: int = 1
    threads: int = 1
    evaluated: bool = True
    command: str = ""


def make(plan: Plan) -> None:
    """Train, choose, export, measure, write the card; what is in `work` already is not made again."""
    torch.set_num_threads(plan.threads)
    takes = read_corpus(plan.data, pairs=plan.pairs)
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if together:
        torch.distributed.init_process_group("gloo", timeout=_PATIENCE)
    if int(os.environ.get("RANK", "0")):  # the first process makes the clips for all
        torch.distributed.barrier()
        trained(plan)
        return
    plan.work.mkdir(parents=True, exist_ok=True)
    used = [take for take in takes if not take.held_out]
    training = [take for take in used if not is_validation(take)]
    chosen = [take for take in used if is_validation(take)]
    aside = [take for take in takes if take.held_out]
    make_pool(training, plan.groups, plan.work / "train", plan.seed)
    make_pool(chosen, _VALIDATION_GROUPS, plan.work / "validation", _VALIDATION_SEED)
    make_pool(aside, _TEST_GROUPS, plan.work / "test", _TEST_SEED, augmented=False)
    heard = [take for take in takes if take.music is not None]
    if heard and plan.tables:
        for name, held_out, groups, seed in (("music_train", False, 1024, 5), ("music_test", True, 256, 6)):
            mine = [take for take in heard if take.held_out is held_out]
            make_pool(mine, groups, plan.work / name, seed, augmented=not held_out)
    if together:
        torch.distributed.barrier()
    judge = trained(plan)
    assembled(plan, judge, takes)
    if plan.pairs is not None:
        from dancecoach.training.train_music import train_music

        train_music(plan.pairs, takes, judge, plan.work, plan.out, seed=plan.seed)
    if plan.tables:
        from dancecoach.training.assessment_tables import make_tables

        make_tables(plan.work, plan.tables, plan.seed)
    if plan.evaluated:
        measured(plan, takes)
    finish(plan, takes)


def trained(plan: Plan) -> Judge:
    """Return encoder and heads of the first stage, trained now or before."""
    path = plan.work / "motion.pt"
    recipe = Recipe(minutes=plan.minutes, seed=plan.seed)
    if not path.with_suffix(".json").exists():
        return train(read_pool(plan.work / "train"), read_pool(plan.work / "validation"), recipe, path)
    judge = Judge(recipe)
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge.eval()


def assembled(plan: Plan, judge: Judge, takes: Sequence[Take]) -> None:
    """Train the second stage and write the networks to `plan.out`."""
    sides = [
        Encoded.kept(judge, read_pool(plan.work / name), plan.work / f"encoded-{name}.npz")
        for name in ("train", "validation", "test")
    ]
    module, threshold, table = assemble(sides[0], sides[1], sides[2], takes, plan.seed)
    assert isinstance(judge.encoder, GraphEncoder)
    export(judge.encoder, plan.out / "motion.onnx")
    export_judge(module, sides[0].inputs.shape[2], threshold, plan.out / "judge.onnx")
    _write(plan.work / "variants.json", table)


def measured(plan: Plan, takes: Sequence[Take]) -> None:
    """Measure the networks in `plan.out` on the takes that were kept aside."""
    encoders = load_encoders(plan.out, kept=float("inf"))
    _write(plan.work / "figures.json", evaluate(encoders, [take for take in takes if take.held_out]))
    compared = bench_assessment.run(plan.data, encoders, _SECONDS, _TAKES, sys.stdout)
    _write(plan.work / "comparison.json", compared)


def finish(plan: Plan, takes: Sequence[Take]) -> None:
    """Write the cards from what lies in `plan.work`."""
    documents = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in ("motion", "variants", "figures", "comparison", "music", "tables")
        if (path := plan.work / f"{name}.json").exists()
    }
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(plan.out.glob("*.onnx"))
        if path.stem in ("motion", "judge", "music", "msr")
    }
    material = [
        {
            "take": take.name,
            "corpus": take.corpus,
            "performer": take.performer,
            "seconds": round(len(take.joints) / 30.0, 1),
            "split": "held out" if take.held_out else "validation" if is_validation(take) else "training",
        }
        for take in takes
    ]
    command = plan.command or "dancecoach train assessment --data DIR --work DIR"
    write_card(documents, digests, material, command, plan.out / "motion.md", plan.out)
    write_card_for_programs(documents, digests, material, command, plan.out / "motion.json")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
