"""Partners measured side by side: on duets whose followers are known, as the leader's own partner and as chance.

Takes are split into folds; every model is fitted on the other folds' takes and dances with the leaders of this one's.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from dancecoach.bench.duet_metrics import errors
from dancecoach.bench.duet_statistics import wilcoxon_p, worse_p
from dancecoach.bench.partner_baselines import FollowerModel, delayed, filled, placed
from dancecoach.bench.partner_corruption import CORRUPTIONS, Endured, endured
from dancecoach.bench.partner_engines import CleanUp, baselines, clean_up, engine_models
from dancecoach.bench.partner_figures import (
    TABLES,
    Measured,
    against,
    cell,
    floors,
    number,
    over_takes,
    over_windows,
    short,
    take_figures,
    window_features,
)
from dancecoach.errors import DancecoachError
from dancecoach.partner.frames import turned
from dancecoach.session.duets import RATE, Duet, read_duets
from dancecoach.types import Floats

SCHEMA = "dancecoach.bench.partner/1"
FOLDS = 5
TRUE = "truth"
RIVAL = "mm-steered"  # what a partner worth its code is better than in every respect
# Printed differences from the rival: heading, figure, digits.
AGAINST: Mapping[str, tuple[str, int]] = {
    "root cm": ("root_cm", 1),
    "facing °": ("facing_deg", 1),
    "MPJPE cm": ("mpjpe_cm", 1),
    "hands cm": ("hands_cm", 1),
    "lag ms": ("lag_ms", 0),
    "BED cc": ("bed_corrected", 3),
    "touch F1": ("touch_f1", 2),
    "of all": ("touch_f1_pooled", 2),
    "hold F1": ("hold_f1", 2),
    "foot cm/s": ("foot_cm_s", 0),
    "jerk": ("jerk_ratio", 2),
    "depth cm": ("depth_cm", 1),
    "FID k": ("fid_k", 0),
    "FID g": ("fid_g", 1),
    "FID cd": ("fid_cd", 1),
}
_TRUE_DELAYS = (2, 4, 6)  # frames
_CLEAN = "+clean"
_SOON = 1.0  # s within which a follower shall be back


@dataclass(slots=True)
class Danced:
    """What a model did, the plain ones in `seconds`: followers by take, under another leader, under corruptions."""

    lookahead: int
    seconds: float = 0.0
    plain: dict[str, Floats] = field(default_factory=dict)
    shuffled: dict[str, Floats] = field(default_factory=dict)
    endured: dict[str, list[Endured]] = field(default_factory=dict)


def run(
    folder: Path,
    folds: int = FOLDS,
    names: Sequence[str] | None = None,
    horizon_ms: float = 0.0,
    out: TextIO | None = None,
    models: Sequence[FollowerModel] | None = None,
    clean: CleanUp | None = None,
) -> dict[str, Any]:
    """Measure partners on the duets in `folder`, print tables and return the figures.

    Parameters
    ----------
    folder : Path
        Pairs of files as `read_duets` takes them.
    folds : int
        Into how many groups the takes are split.
    names : sequence of str, optional
        Models to run, by default all.
    horizon_ms : float
        Time from a pose to when the answer to it is seen. Engines foresee it, baselines come so late.
    out : TextIO, optional
        Where the tables go, by default the standard output.
    models : sequence of FollowerModel, optional
        Others than the built-in ones.
    clean : CleanUp, optional
        Mends feet and touch of every model, for a second row of each; by default what ships.

    Raises
    ------
    DancecoachError
        When there is nothing to measure.
    """
    out = out or sys.stdout
    if not 0.0 <= horizon_ms <= 1000.0:
        raise DancecoachError(f"A horizon of {horizon_ms:g} ms cannot be.", "Give --horizon from 0 to 1000.")
    horizon = round(horizon_ms / 1000.0 * RATE)
    chosen = _choose([*engine_models(horizon), *baselines(horizon)] if models is None else list(models), names)
    duets = read_duets(folder)
    if not 2 <= folds <= len(duets):
        raise DancecoachError(f"{len(duets)} takes make no {folds} folds.", f"Give --folds from 2 to {len(duets)}.")
    groups = fold_indices(len(duets), folds)
    danced = dance(duets, groups, chosen, clean_up() if clean is None else clean)
    return _measure(folder, duets, groups, horizon, danced, out)


def _choose(known: list[FollowerModel], names: Sequence[str] | None) -> list[FollowerModel]:
    if names is None:
        return known
    unknown = [name for name in names if name not in {model.name for model in known}]
    if unknown or not names:
        choice = ", ".join(model.name for model in known)
        raise DancecoachError(f"There is no partner '{', '.join(unknown)}'.", f"Choose among {choice}.")
    return [model for model in known if model.name in names]


def fold_indices(takes: int, folds: int) -> list[list[int]]:
    """Return which takes each fold tests; the same every time."""
    return [sorted(map(int, part)) for part in np.array_split(np.random.default_rng(0).permutation(takes), folds)]


def dance(
    duets: Sequence[Duet], groups: Sequence[Sequence[int]], models: Sequence[FollowerModel], clean: CleanUp | None
) -> dict[str, Danced]:
    """Fit every model on all but one fold and let it dance with the leaders of that fold; again, cleaned up."""
    danced: dict[str, Danced] = {}
    for number_, group in enumerate(groups, 1):
        _progress(f"fold {number_} of {len(groups)}")
        training = [duet for index, duet in enumerate(duets) if index not in group]
        for model in models:
            model.fit(training)
            for position, index in enumerate(group):
                duet = duets[index]
                other = duets[group[(position + 1) % len(group)]]
                wrong = other_leader(duet, other)
                heard = {name: corrupt(duet.leader) for name, corrupt in CORRUPTIONS.items()}
                for mend in (None, clean) if clean is not None else (None,):
                    name = model.name + (_CLEAN if mend is not None else "")
                    found = danced.setdefault(name, Danced(model.lookahead_frames))
                    started = time.perf_counter()
                    found.plain[duet.name] = _run(model, duet.leader, duet, mend)
                    found.seconds += time.perf_counter() - started
                    found.shuffled[duet.name] = _run(model, wrong, duet, mend)
                    for kind, leader in heard.items():
                        follower = _run(model, leader, duet, mend)
                        found.endured.setdefault(kind, []).append(
                            endured(kind, follower, found.plain[duet.name], duet.follower)
                        )
    return danced


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def _run(model: FollowerModel, leader: Floats, duet: Duet, clean: CleanUp | None) -> Floats:
    follower = model.run(leader, duet.follower[0])
    if follower.shape != leader.shape or not np.isfinite(follower).all():
        raise DancecoachError(f"The partner {model.name} danced something that is no motion.", "Leave it out.")
    return follower if clean is None else clean(filled(leader), follower)


def other_leader(duet: Duet, other: Duet) -> Floats:
    """Return a leader (T', 22, 3) m of another dance, set down where the true one began.

    The other take's, or where there is none this one's second half and then its first.
    """
    leader = np.roll(duet.leader, len(duet) // 2, axis=0) if other is duet else other.leader
    leader = leader[: len(duet)]
    here, there = placed(duet.leader[:1]), placed(leader[:1])
    return np.asarray(turned(leader - there.place[0], here.heading - there.heading) + here.place[0])


# --- figures ------------------------------------------------------------------------------------------------------


def _measure(
    folder: Path,
    duets: Sequence[Duet],
    groups: Sequence[Sequence[int]],
    horizon: int,
    danced: Mapping[str, Danced],
    out: TextIO,
) -> dict[str, Any]:
    true = [duet.follower for duet in duets]
    reference = window_features(duets, true)
    rows: dict[str, tuple[int, list[Floats]]] = {TRUE: (0, true)}
    for late in _TRUE_DELAYS:
        rows[f"{TRUE}-{round(late / RATE * 1000)}ms"] = (-late, [delayed(room, late) for room in true])
    rows |= {name: (found.lookahead, [found.plain[duet.name] for duet in duets]) for name, found in danced.items()}
    figures: dict[str, Any] = {}
    measured: dict[str, Measured] = {}
    for name, (lookahead, followers) in rows.items():
        _progress(f"measuring {name}")
        takes = [take_figures(duet, room) for duet, room in zip(duets, followers, strict=True)]
        windows = window_features(duets, followers)
        measured[name] = Measured(takes, windows)
        figures[name] = {
            "lookahead_frames": lookahead,
            "figures": over_takes(takes) | over_windows(windows, reference),
            "takes": {
                duet.name: {key: number(value) for key, value in take.items()}
                for duet, take in zip(duets, takes, strict=True)
            },
        }
    for name, found in danced.items():
        frames = sum(len(room) for room in found.plain.values())
        figures[name]["ms_per_frame"] = number(1000.0 * found.seconds / frames)
        figures[name]["shuffled_leader"] = sensitivity(duets, found)
        if RIVAL in danced and name != RIVAL:
            figures[name]["against"] = {"rival": RIVAL} | against(measured[name], measured[RIVAL], measured[TRUE])
        figures[name]["corrupted"] = {kind: endurance(each) for kind, each in found.endured.items()}
    document = {
        "schema": SCHEMA,
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "folder": str(folder),
        "takes": {duet.name: round(duet.seconds, 2) for duet in duets},
        "folds": [[duets[index].name for index in group] for group in groups],
        "horizon_frames": horizon,
        "floors": floors(reference),
        "models": figures,
    }
    print_tables(document, out)
    return document


def sensitivity(duets: Sequence[Duet], found: Danced) -> dict[str, float | None]:
    """Return how much worse a model follows when it is shown another leader, with one-sided p paired by take.

    Root and hand error against the true follower, cm, with the true leader (`root_cm`) and the wrong one
    (`root_shuffled_cm`) over the same frames. A model that does not listen is as good with either.
    """
    pairs: dict[str, list[tuple[float, float]]] = {"root": [], "hands": []}
    for duet in duets:
        wrong = found.shuffled[duet.name]
        count = len(wrong)
        true, leader = duet.follower[:count], duet.leader[:count]
        both = [errors(leader, room[:count], true) for room in (found.plain[duet.name], wrong)]
        for name, values in pairs.items():
            plain, shuffled = (getattr(each, name) for each in both)
            known = np.isfinite(plain)
            if known.any():
                values.append((100 * float(plain[known].mean()), 100 * float(shuffled[known].mean())))
    result: dict[str, float | None] = {}
    for name, values in pairs.items():
        table: NDArray[np.float64] = np.array(values).reshape(-1, 2)
        plain, shuffled = table[:, 0], table[:, 1]
        result |= {
            f"{name}_cm": number(plain.mean() if len(plain) else None),
            f"{name}_shuffled_cm": number(shuffled.mean() if len(plain) else None),
            f"{name}_p": number(worse_p(shuffled, plain)),
            f"{name}_wilcoxon_p": number(wilcoxon_p(shuffled, plain)),
        }
    return result


def endurance(found: Sequence[Endured]) -> dict[str, float | None]:
    """Return what followers under one corruption come to: over all takes, recovery over all dropouts.

    `recovery_s` is the median, `recovery_worst_s` the longest of those that recovered, `late` the share that took
    more than a second.
    """
    recovery = np.array([time for each in found for time in each.recovery])
    back = recovery[np.isfinite(recovery)]
    usual = float(np.mean([each.undisturbed for each in found]))
    return {
        "root_cm": number(100 * float(np.mean([each.root for each in found]))),
        "root_undisturbed_cm": number(100 * usual),
        "step_cm": number(100 * max(each.step for each in found)),
        "recovery_s": number(float(np.median(recovery)) if len(recovery) else None),
        "recovery_worst_s": number(float(back.max()) if len(back) else None),
        "late": number(float((recovery > _SOON).mean()) if len(recovery) else None),
        "never_recovered": number(float(np.isinf(recovery).mean()) if len(recovery) else None),
    }


# --- printed ------------------------------------------------------------------------------------------------------


def print_tables(document: Mapping[str, Any], out: TextIO) -> None:
    """Print what `run` returns, in tables of at most 160 columns."""
    takes, models, floor = document["takes"], document["models"], document["floors"]
    print(
        f"{len(takes)} takes, {sum(takes.values()):.0f} s, {len(document['folds'])} folds, horizon "
        f"{document['horizon_frames'] / RATE * 1000:.0f} ms. In brackets 95 % intervals over takes.",
        file=out,
    )
    for title, columns in TABLES:
        rows = [["partner", "looks", *(heading for heading, _, _, _ in columns)]]
        for name, model in models.items():
            cells = [cell(model["figures"].get(key), digits, wide) for _, key, digits, wide in columns]
            rows.append([name, f"{model['lookahead_frames']:+d}", *cells])
        if any(key in floor for _, key, _, _ in columns):
            known = [short(floor[key], digits) if key in floor else "" for _, key, digits, _ in columns]
            rows.append(["halves of the truth", "", *known])
        _print(title, rows, out)
    rows = [["partner", "root cm", "other's", "p", "hands cm", "other's", "p"]]
    for name, model in models.items():
        if "shuffled_leader" in model:
            found = model["shuffled_leader"]
            keys = [f"{what}_{of}" for what in ("root", "hands") for of in ("cm", "shuffled_cm", "p")]
            rows.append([name, *(_plain(found[key], 4 if key.endswith("_p") else 1) for key in keys)])
    _print("Shown another leader", rows, out)
    rows = [["partner", *AGAINST]]
    for name, model in models.items():
        if "against" in model:
            rows.append([name, *(_difference(model["against"][key], digits) for key, digits in AGAINST.values())])
    if len(rows) > 1:
        _print(
            f"Farther from the goal than {RIVAL}; negative is closer; * where the 95 % interval is without 0",
            rows,
            out,
        )
    rows = [["partner", *CORRUPTIONS]]
    for name, model in models.items():
        if "corrupted" in model:
            rows.append([name, *(_endured_cell(model["corrupted"][kind]) for kind in CORRUPTIONS)])
    _print(
        "Leader seen badly: root error, largest step beyond the truth's, median recovery, share later than 1 s",
        rows,
        out,
    )


def _difference(found: Mapping[str, float | None], digits: int) -> str:
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return "–"
    return ("+" if value >= 0 else "") + short(value, digits) + ("*" if low > 0 or high < 0 else "")


def _plain(value: float | None, digits: int) -> str:
    return "–" if value is None else short(value, digits)


def _endured_cell(found: Mapping[str, float | None]) -> str:
    text = f"{_plain(found['root_cm'], 0)}, {_plain(found['step_cm'], 0)} cm"
    if found["never_recovered"] is not None:
        seconds = found["recovery_s"]
        text += ", never" if seconds is None else f", {seconds:.1f} s"
        text += f", {100 * (found['late'] or 0.0):.0f} %"
    return text


def _print(title: str, rows: Sequence[Sequence[str]], out: TextIO) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{title}", file=out)
    for row in rows:
        line = row[0].ljust(widths[0]) + "".join(
            f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True)
        )
        print(line.rstrip(), file=out)
    out.flush()
