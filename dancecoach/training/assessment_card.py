"""The model card of the assessment, written from what training and evaluation left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dancecoach.training.evaluate_saliency import WORDS
from dancecoach.training.faults import HELD_OUT, TRAINED

Documents = Mapping[str, Any]

_SOURCES = (
    (
        "CMU Graphics Lab Motion Capture Database: subjects 60, 61 (salsa), 05 (modern), 94 (Indian), 02 06 07 08 09",
        "CMU",
    ),
    (
        "G1 Moves (experientialtech): dances of two performers, retargeted to a robot",
        "CC BY 4.0, Mitch Chaiet, Jasmine Coro",
    ),
)
_ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from "
    "NSF EIA-0196217."
)


def write_card(
    documents: Documents,
    digests: Mapping[str, str],
    material: Sequence[Mapping[str, Any]],
    command: str,
    path: Path,
    out: Path,
) -> None:
    """Write the card, Markdown, from the documents that lie in the work folder."""
    sections = [_head(digests, out), _what(), _material(material), _training(documents, command)]
    if "variants" in documents:
        sections.append(_variants(documents["variants"]))
    if "figures" in documents:
        sections.append(_figures(documents["figures"]))
    if "comparison" in documents:
        sections += [_comparison(documents["comparison"]), _saliency(documents["comparison"]["saliency"])]
    if "music" in documents:
        sections.append(_music(documents["music"]))
    if "tables" in documents:
        sections.append(_tables(documents["tables"]))
    sections.append(_LIMITS)
    path.write_text("\n\n".join(section.strip() for section in sections) + "\n", encoding="utf-8")


def write_card_for_programs(
    documents: Documents, digests: Mapping[str, str], material: Sequence[Mapping[str, Any]], command: str, path: Path
) -> None:
    """Write what programs may ask of the networks, JSON; the Markdown card beside it says more."""
    card = {
        "schema": "dancecoach.card/1",
        "model": "motion.onnx",
        "sha256": digests.get("motion.onnx", ""),
        "models": dict(digests),
        "licence": "Apache-2.0",
        "data": [{"what": what, "licence": licence} for what, licence in _SOURCES],
        "acknowledgement": _ACKNOWLEDGEMENT,
        "seeds": [documents["motion"]["recipe"]["seed"]] if "motion" in documents else [],
        "command": command,
        "kinds_trained": list(TRAINED),
        "kinds_held_out": list(HELD_OUT),
        "takes": list(material),
        "variants": documents.get("variants", {}),
        "held_out": documents.get("figures", {}),
        "compared": documents.get("comparison", {}),
        "music": documents.get("music", {}),
        "tables": documents.get("tables", {}),
    }
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_parts(card, path.parent)


_PARTS = {
    "judge.onnx": (
        "the heads that judge an eight-count",
        "Three small networks over kinematic descriptors, with half of the deductions from the graph network's map: "
        "quality as a normal distribution, points lost by limb, kinds of fault, style, dancing or not, and the "
        "distance from what was trained on.",
    ),
    "music.onnx": (
        "what music sounds like, as a place beside movements",
        "A causal recurrent network over streaming features, a row of 56 thirty times a second.",
    ),
    "msr.onnx": (
        "the synchrony rate guessed from motion and music",
        "A head over the embeddings of both encoders (paper 1, task 3), for comparison with the measured rate only.",
    ),
}


def write_parts(card: Mapping[str, Any], out: Path) -> None:
    """Write a card, Markdown and JSON, for each network beside the motion encoder, from that one's own JSON card."""
    for name, (title, what) in _PARTS.items():
        digest = card["models"].get(name)
        if digest is None:
            continue
        measured = "held_out" if name == "judge.onnx" else "music"
        found = card.get(measured, {})
        figures = (_figures(found) if name == "judge.onnx" else _music(found)) if found else "Not measured."
        seeds = ", ".join(str(seed) for seed in card["seeds"])
        material = "; ".join(f"{each['what']} ({each['licence']})" for each in card["data"])
        text = f"""# {name}: {title}

{what}
It belongs to `motion.onnx`; material, training, comparisons and limits of all four networks are in `motion.md`.

| size | SHA-256 |
|---|---|
| {(out / name).stat().st_size / 1000:.0f} kB | `{digest}` |

Licence: Apache-2.0, as dancecoach. Material: {material}.
{card["acknowledgement"]}

Made by `{card["command"]}`; seed {seeds}.

{figures}"""
        target = out / name
        target.with_suffix(".md").write_text(text.strip() + "\n", encoding="utf-8")
        shared = {key: card[key] for key in ("schema", "licence", "data", "acknowledgement", "seeds", "command")}
        document = {**shared, "model": name, "sha256": digest, measured: found}
        target.with_suffix(".json").write_text(
            json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _head(digests: Mapping[str, str], out: Path) -> str:
    rows = [
        (f"`{name}`", f"{(out / name).stat().st_size / 1000:.0f} kB", f"`{digest}`")
        for name, digest in digests.items()
    ]
    return f"""# motion.onnx, judge.onnx: quality, faults and style of an eight-count

A causal graph network that watches a skeleton 15 steps a second, and heads that judge an eight-count from what it saw
and from kinematic descriptors. They say how good it was (a normal distribution), which limb loses the points, which
kinds of fault are likely, which style it is, whether it is dancing, and whether the movement is like anything they
were trained on.

{_table(("file", "size", "SHA-256"), rows)}

Licence: Apache-2.0, as dancecoach; the sources of the training material are below. ONNX opset 17."""


def _what() -> str:
    return """## What "quality" means here

No recording with marks by examiners was to be had. Takes as they were recorded count as 100, whoever danced them;
faults of known kind, limb and amount were put into them, and the rubric (`dancecoach/assessment/rubric.py`) says
what each costs. The networks were trained to tell how much of that there is, without seeing the original. They know
nothing of expression, musicality, difficulty or what a teacher asked for. The rubric is a convention of this
project."""


def _material(material: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for split in ("training", "validation", "held out"):
        mine = [each for each in material if each["split"] == split]
        minutes = sum(each["seconds"] for each in mine) / 60
        names = {f"{each['corpus']} {each['performer']}" for each in mine}
        rows.append((split, str(len(mine)), f"{minutes:.1f}", str(len(names))))
    aside = ", ".join(str(each["take"]) for each in material if each["split"] == "held out")
    chosen = ", ".join(str(each["take"]) for each in material if each["split"] == "validation")
    return f"""## Material

{_table(("what", "licence"), _SOURCES)}

{_ACKNOWLEDGEMENT}

{_table(("split", "takes", "minutes", "performers"), rows)}

Held out, never trained on and used for all figures below: {aside}.
Validation, to choose and to calibrate: {chosen}.
Other takes of most held-out performers were trained on; everyday subjects 07 and 09 are new people."""


def _training(documents: Documents, command: str) -> str:
    motion = documents.get("motion", {})
    recipe, course = motion.get("recipe", {}), motion.get("course", [])
    last = course[-1] if course else {}
    return f"""## Training

Windows of 2.5 to 5.5 s with a lead-in, four of each: as recorded, with one or two faults, with the same faults in
another strength, with others. Bodies change in size (±16 %) and proportions, tempo by ±14 %, half are mirrored; about
a fifth are seen as by a webcam (jitter of 3 to 12 mm, depth that wanders by 1 to 4 cm, joints lost, feet cut off); a
third do not know the beat. Beats of takes are the dancer's own (`assessment/rhythm.py`).
Kinds trained: {", ".join(TRAINED)}. Kept out of training: {", ".join(HELD_OUT)}.

`{command}`; seed {recipe.get("seed", "–")}, {recipe.get("minutes", 0):.0f} min of one processor core for the encoder
({last.get("steps", 0):.0f} steps), then heads on the frozen encoder."""


def _variants(variants: Mapping[str, Any]) -> str:
    keys = ("rmse", "srcc", "limb", "nll")
    rows = [
        (
            name,
            *(_number(each.get(key)) for key in keys),
            *(_number(each.get("held out", {}).get(key)) for key in keys),
        )
        for name, each in variants.items()
    ]
    heads = ("error", "rank correlation", "right limb", "−log likelihood")
    other = "encoder and descriptors, three averaged, with the map"
    known = (
        "\n\nThe last but one row was chosen first, by rank correlation and right limb, and given up for its"
        "\nlikelihood and error on validation clips; the held-out figures of both were known by then."
        if other in variants
        else ""
    )
    shipped = variants.get("shipped", {})
    return f"""## What was compared

On validation clips, which decided, and on held-out clips with the same kinds of faults, which did not:

{_table(("heads on", *heads, *(f"{head}, held out" for head in heads)), rows)}

Error in points, root mean square (always saying the mean would be about 19.5); "right limb" among five, of clips
with faults in one limb. Shipped: {shipped.get("inputs", "–")}, three trainings averaged, with a share of
{shipped.get("mix", 0):g} of the encoder's own map. The baseline without a network is "descriptors".{known}"""


def _figures(figures: Mapping[str, Any]) -> str:
    rows = []
    for kind, each in figures["by_strength"].items():
        rows.append(
            (
                kind if each["trained"] else f"{kind} (not trained)",
                _number(each["spearman_pooled"]),
                _number(each["spearman_of_take_means"]),
                _number(each["spearman_within_take"]),
                " ".join(f"{value:.0f}" for value in each["mean_by_strength"]),
                f"{100 * each['original_first']:.0f} %",
            )
        )
    moved = [
        (
            name,
            *(f"{each[key]:.2f}" for key in ("mean", "p95", "most")),
            f"{100 * each['levels_flipped']:.1f} %",
            f"{100 * each['levels_said']:.0f} %",
        )
        for name, each in figures["invariances"].items()
    ]
    fair = [
        (name, f"{each['clean']:.1f}", f"{each['error']:+.1f}", str(each["primitives"]))
        for name, each in figures["fairness"].items()
    ]
    random, other = figures["random_faults"], figures["random_faults_of_kinds_not_trained"]
    half, full = figures["limbs_moderate"], figures["limbs_full"]
    style = figures["styles"]
    strange = [(name, f"{100 * share:.0f} %") for name, share in figures["unfamiliar"].items()]
    remarks = "\n\n".join(figures.get("remarks", ()))
    return f"""## Figures on held-out takes, without a reference

Quality against the strength of a single fault (0, ¼, ½, ¾, 1 of the rubric's full amount), rank correlations with the
sign turned so that 1 is right: of all primitives of all takes pooled; of the means of each take; within each take.
"Original first": of pairs with half the full amount.

{_table(("kind", "pooled", "take means", "within take", "mean quality by strength", "original first"), rows)}

{remarks}

Random faults, none to two: 90 % intervals hold {100 * random["coverage"]:.0f} % (kinds not trained
{100 * other["coverage"]:.0f} %), mean absolute error {random["mae"]:.1f} points, rank correlation
{random["srcc"]:.2f}, negative log-likelihood {random["nll"]:.2f}, rMSE {random["rmse_percent"]:.2f} %.

A single fault in a limb at half the full amount: the limb that loses most is the right one in
{100 * half["limb"]:.0f} %, holds the most salient joint in {100 * half["salient_joint"]:.0f} %, kind right in
{100 * half["kind"]:.0f} %, both in {100 * half["limb_and_kind"]:.0f} %; at the full amount
{100 * full["limb"]:.0f}, {100 * full["salient_joint"]:.0f}, {100 * full["kind"]:.0f} and
{100 * full["limb_and_kind"]:.0f} %. Takes without a fault in which some kind is called likelier than not:
{100 * figures["false_alarms"]:.0f} %.

Points by which quality moves when only the view, the body or the start changes:

{_table(("change", "mean", "95 %", "most", "level flips", "level said"), moved)}

A level is said where it is likelier than 60 %; flips are of those that were said both times.

By performer: mean quality of takes as recorded, and mean error with random faults. Bodies of one corpus share one
skeleton; size itself is told by the rows above.

{_table(("performer", "as recorded", "error", "primitives"), fair)}

Style by take ({style["takes"]} takes): macro-F1 {style["macro_f1"]:.2f}, accuracy {style["accuracy"]:.2f}
({"; ".join(style["confusions"]) or "no confusions"}); dancing or not {style["dancing_accuracy"]:.2f}. Every style
here was danced by one or two people, so style and performer cannot be told apart.

Called unfamiliar: {100 * style["unfamiliar"]:.0f} % of held-out primitives as recorded; and of what is no dance:

{_table(("what", "unfamiliar"), strange)}"""


def _comparison(figures: Mapping[str, Any]) -> str:
    rows = []
    for kind, each in figures["faults"].items():
        rows.append(
            (
                kind if kind in TRAINED else f"{kind} (not trained)",
                str(each["eight_counts"]),
                *(f"{each[key]:.2f}" for key in ("judged", "spearman", "spearman_truth")),
                f"{each['error']:.1f}",
                *(_number(each[key]) for key in ("covered", "outranked", "named", "amount_within_25")),
            )
        )
    heads = ("kind", "n", "judged", "strength", "truth", "error", "in 90 %", "original first", "named", "amount")
    clean = figures["clean"]
    return f"""## Against a reference

No network is asked here: the movement is compared with a reference (`assessment/comparison.py`). The first seconds of
held-out takes ({", ".join(figures["takes"])}), each its own reference, a single fault in each eight-count:
`dancecoach bench assessment CORPUS --seconds 12 --limit 4`. "strength" and "truth" are rank correlations of quality,
all eight-counts of all takes and faultless ones pooled: with the strength asked for, whatever the part (an arm costs
less than the body, so that even the truth does not reach 1), and with the rubric's own quality. "named" is first cue
with right limb and kind, "amount" the share of those within 25 %, both at half the full amount.

{_table(heads, rows)}

Faultless: {clean["judged"]} of {clean["eight_counts"]} eight-counts judged, {clean["quality"]:.1f} points,
{100 * clean["with_a_cue"]:.0f} % with a cue.

The truth is what a fault did in that eight-count (`training/fault_effects.py`), not what was asked for: of a stiff
movement the share of what is quicker than 1.5 Hz that is gone; of an uneven one the standard deviation of its
lateness while it moves, times 1.5 (lateness passes from movement to movement); of a missed or another move the share
of time in which the limb is elsewhere; of tremor and sway their root mean square. Eight-counts are left out in which
a fault of the full amount moves no joint of its part by 2 cm: a limb that stands still cannot be late.
The constants of the comparison were set while looking at training takes and at what went wrong in some of these, so
they are not quite blind; the widths of the intervals were fitted to training takes, to these faults and to ones made
by other means, and then made wider for some kinds after other injectors on held-out takes. Against the amount asked
of another injector instead of what it did, jitter and tremor lie outside most intervals. A width follows what the
explanation leaves and is never less than ±0.8 points, since points are shown whole: kinds that are read more exactly
than that lie within it more often than in 90 %."""


def _saliency(figures: Mapping[str, float]) -> str:
    return f"""## Is the map true?

Deductions are sums over limbs, and the encoder's map is one over joints and moments, so both are exact of what is
computed. Checked by occlusion on {figures["eight_counts"]:.0f} held-out eight-counts with a fault of half the full
amount in one limb; mean rank correlations within an eight-count, over the five limbs or four quarters:

{_table(("", ""), [(words, f"{figures[name]:.2f}") for name, words in WORDS.items()])}

"Replacing" gives the heads and the map a limb's usual faultless numbers; "hiding" tells the encoder that its joints
are not seen. The maps say well what the heads make of their numbers. Hidden limbs say little: what is not seen looks
to the networks like a limb that is held still, so points are lost and not given back. No mixture was seen to find the
limb at fault plainly more often than deductions do, so those stay; with a reference it has most of the saliency."""


def _music(music: Mapping[str, Any]) -> str:
    rows = [(name, _number(value)) for name, value in music.get("figures", {}).items()]
    return f"""## Music encoder

A causal recurrent network over streaming features (`perception/music_features.py`), trained to agree with the motion
danced to that music (InfoNCE; other music and shifted music are wrong), {music.get("steps", 0)} steps in
{music.get("minutes", 0):g} min on {music.get("sequences", 0)} pieces. The music was composed to the dancers' own
rhythm, as the recordings have none. The synchrony rate (MSR) is a guess from both encoders, for comparison only: the
app shows the measured one. Where its error is above the variance of the truth, saying the mean would be better.

{_table(("figure, held-out takes", "value"), rows)}"""


def _tables(tables: Mapping[str, Any]) -> str:
    parts = []
    for title, rows in tables.items():
        if not isinstance(rows, list) or not rows:
            continue
        heads = tuple(rows[0])
        parts.append(f"{title}\n\n{_table(heads, [tuple(_number(row[head]) for head in heads) for row in rows])}")
    return (
        "## Comparisons\n\nSmall trainings of about a minute each on part of a busy core (70 to 120 steps), the same "
        "clips for all, judged on held-out clips. So little training tells encoders apart by how fast they learn, "
        "if at all.\n\n" + "\n\n".join(parts)
    )


def _number(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "–" if value is None else str(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


_LIMITS = """## Limits

* About half an hour of nine people and two robots' teachers: too few for any statement about dancers in general.
* Faults are synthetic. A real beginner errs in ways that none of them resembles.
* Without a reference, a limb that is late and a limb that was meant to be late look the same; quality of timing
  faults is therefore mostly uncertain, and the interval says so. Measured cues and a reference know better.
* CMU's takes share one normalised skeleton; robots have no head and fewer joints.
* Webcam noise was simulated.
* Training stops by the clock, so the command repeats the method, not every bit of the weights.
"""
