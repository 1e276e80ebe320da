"""The model card of the beat network, written from what training and benchmark left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancecoach.perception.spectral_features import FRAMES_PER_SECOND
from dancecoach.training.beat_data import SECONDS
from dancecoach.training.beat_network import DELAY, DILATIONS, FASTEST, SLOWEST, TAPS, TEMPI
from dancecoach.training.fonts import HELD_OUT_FONTS, find_fonts
from dancecoach.training.grooves import TEST_DRUMMERS, VALIDATION_DRUMMERS
from dancecoach.training.kits import HELD_OUT_KITS, find_sources


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card is written from.

    `model` the ONNX file; `digest` its SHA-256; `command` that made it; `training` the trainer's documents, part by
    part; `excerpts` by split, as far as they are known; `losses` at the end by split; `figures` documents of
    `dancecoach bench beats`; `ablations` the document of the ablations, if any were made; `data` folder of corpora.
    """

    model: Path
    digest: str
    command: str
    training: Sequence[Mapping[str, Any]]
    excerpts: Mapping[str, int]
    losses: Mapping[str, float]
    figures: Sequence[Mapping[str, Any]]
    ablations: Mapping[str, Any] | None
    data: Path


def write_card(facts: Facts, path: Path) -> None:
    """Write the card of `facts` to `path`, Markdown."""
    recordings = _recordings(facts)
    sections = [
        _head(facts),
        _network(facts),
        _material(facts),
        *([_recorded(recordings)] if recordings else []),
        _found(facts.data),
        _SPLITS.format(
            validation_drummers=_drummers(VALIDATION_DRUMMERS),
            test_drummers=_drummers(TEST_DRUMMERS),
            fonts=", ".join(HELD_OUT_FONTS),
            kits=", ".join(sorted(HELD_OUT_KITS)),
        ),
        _course(facts),
        _measures(facts.figures),
    ]
    if facts.ablations is not None:
        sections.append(_ablations(facts.ablations))
    sections.append(_LIMITS.format(first=_LIMIT_WITH_RECORDINGS if recordings else _LIMIT_WITHOUT_RECORDINGS))
    path.write_text("\n\n".join(section.strip() for section in sections) + "\n", encoding="utf-8")


def write_card_for_programs(facts: Facts, path: Path) -> None:
    """Write what programs may ask of the model to `path`, JSON; the Markdown card beside it says more."""
    card = {
        "schema": "dancecoach.card/1",
        "model": facts.model.name,
        "sha256": facts.digest,
        "licence": "Apache-2.0",
        "data": [{"what": what, "used_for": used, "licence": licence} for what, used, licence in _SOURCES],
        "recordings": len(_recordings(facts)),
        "seeds": [document["recipe"]["seed"] for document in facts.training if "recipe" in document],
        "command": facts.command or "dancecoach train beats --data DIR --work DIR",
        "held_out": {name: trackers for each in facts.figures for name, trackers in each["folders"].items()},
    }
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_counting_card(made: Mapping[str, Any], model: Path) -> None:
    """Write the cards of the counting network `model` beside it, from what training left behind."""
    best = min(made["course"], key=lambda each: each["loss"])
    excerpts = "; ".join(f"{what} {count}" for what, count in made["excerpts"].items())
    rows = [
        ("surprise at the kind of beat, held out (nat)", f"{best['loss']:.3f}"),
        ("right place in the bar from the tenth beat on, held out", f"{best['places']:.3f}"),
        *((what, f"{value:.3f}") for what, value in made.get("figures", {}).items()),
    ]
    text = _COUNTING.format(
        size=round(model.stat().st_size / 1000),
        digest=made["model"],
        beats=made["beats"],
        command=made["command"] or "dancecoach train beats --data DIR --work DIR",
        excerpts=excerpts,
        sequences=made["sequences"],
        epochs=len(made["course"]),
        note=made.get("note", ""),
        figures=_table(("figure", "value"), rows),
    )
    model.with_suffix(".md").write_text(text.strip() + "\n", encoding="utf-8")
    card = {
        "schema": "dancecoach.card/1",
        "model": model.name,
        "sha256": made["model"],
        "belongs_to": {"model": "beats.onnx", "sha256": made["beats"]},
        "licence": "Apache-2.0",
        "data": [{"what": what, "used_for": used, "licence": licence} for what, used, licence in _SOURCES],
        "excerpts": made["excerpts"],
        "sequences": made["sequences"],
        "command": made["command"] or "dancecoach train beats --data DIR --work DIR",
        "held_out": {"loss": best["loss"], "places": best["places"], **made.get("figures", {})},
    }
    model.with_suffix(".json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


_COUNTING = """
# counting.onnx: which beat of its bar each beat is

A gated recurrent unit over beats (`perception/counting.py`) that hears, for each beat the tracker announces, what the
beat network and the bands said on it, between it and the next, and at the quarters. A filter over the places in bars
of four and three, trained together with it, turns that into probabilities. Multiplied with those of the tracker's own
filter they are the evidence for the one. Where it has said for some beats that there are twice too many, surely
(running mean above 0.8), every second one is left out from then on, until other music begins; what the dancer chose
by key comes first. It belongs to `beats.onnx`, whose card says what the material is made of; it fits no other one.

| size | SHA-256 |
|---|---|
| {size} kB | `{digest}` |

Trained on what `beats.onnx` with SHA-256 `{beats}` hears.

Licence: Apache-2.0, as dancecoach. Made by `{command}`.
{note}

## Material

Excerpts: {excerpts}.

They gave {sequences} sequences of beats. Training took {epochs} rounds; what was best on held-out excerpts was kept.
Pieces that the beat network has learned are heard more clearly than others: most sequences are of pieces it has not
learned, once as the tracker follows them and three times with beats made from the true ones (right, twice and half as
fast, off the beat). A third of the excerpts are two pieces in a row. Held out are drummers, songs, fonts and kits.

{figures}

## Limits

- Bars of three are rare in the material, one beat in fifty.
- Recordings' bars were labelled with the help of the beat network's own downbeats, so on them it learns little new.
- It needs some seconds to be sure that a count is twice too fast, and some counts that it halves were right. The
  octave of recordings is what a network of ours took it for, so with them it cannot be told which.
- It says when the count is twice too slow, too, or off the beat; that is not acted on.
"""


def _recordings(facts: Facts) -> list[Mapping[str, Any]]:
    """Return what the trainer wrote about the recordings it used, each once; empty when there were none."""
    used = {each["path"]: each for document in facts.training for each in document.get("recordings", ())}
    return list(used.values())


def _head(facts: Facts) -> str:
    sort = "rendered music, then with recordings of constant tempo" if _recordings(facts) else "rendered music only"
    return f"""# {facts.model.name}: beats and downbeats, heard causally

A small network that says, 50 times a second, how likely a beat, a downbeat and music are, and how fast the music is.
A filter over tempo, phase and metre (`dancecoach/perception/beat_filter.py`) makes beats of that and predicts the
next one. It was trained on {sort}, dry and as a microphone in a room hears it.

| | |
|---|---|
| file | `{facts.model.name}`, {facts.model.stat().st_size / 1000:.0f} kB, ONNX opset 17 |
| SHA-256 | `{facts.digest}` |
| licence | Apache-2.0, as dancecoach; see the sources below |"""


def _network(facts: Facts) -> str:
    channels = _channels(facts)
    layers = len(DILATIONS)
    behind = sum(DILATIONS) * (TAPS - 1) / FRAMES_PER_SECOND
    return f"""## Network

Inputs, one frame of {1000 // FRAMES_PER_SECOND} ms at a time: `recent` (3, 176) float32, the newest three frames of
normalised band levels and their rises (`spectral_features.py`); `past` ({layers}, {TAPS - 1}, {channels}), what each
layer heard at its earlier taps.
Outputs: `out` ({3 + TEMPI},), probabilities of beat, downbeat and music, then {TEMPI} tempo classes from
{SLOWEST:g} to {FASTEST:g} BPM that add up to 1; `layers` ({layers}, {channels}), to be kept for `past`.
A beat shows {DELAY} frames ({1000 * DELAY // FRAMES_PER_SECOND} ms) after its instant.

1. Front end: convolutions over frequency on three frames, short and long windows apart, to {channels} channels.
2. {layers} residual blocks of dilated causal convolutions over time ({TAPS} taps, dilations {DILATIONS[0]} to
   {DILATIONS[-1]}): {behind:.0f} s of memory.
3. A linear head for each output; metadata hold the dilations, the delay and the weights of the confidence.

Davies & Böck, EUSIPCO 2019 (temporal convolutional networks); Böck & Davies, ISMIR 2020 (tempo learnt jointly);
Krebs, Böck & Widmer, ISMIR 2015 (the filter)."""


def _channels(facts: Facts) -> int:
    for document in reversed(facts.training):
        if "channels" in (recipe := document.get("recipe", {})):
            return int(recipe["channels"])
    from dancecoach.perception.beat_model import BeatModel

    return BeatModel(facts.model).channels


_SOURCES = (
    ("Groove MIDI Dataset (Gillick et al. 2019)", "human drumming and its timing", "CC BY 4.0"),
    ("POP909 (Wang et al. 2020)", "harmony, melodies and form", "MIT"),
    ("Sonic Pi samples", "one-shots of drums", "CC0 1.0"),
    (
        "`beat_this_annotations` (CPJKU)",
        "relative tempo curves only",
        "MIT (the repository; some of the sets it gathers have terms of their own)",
    ),
    ("FluidR3 GM (`fluid-soundfont-gm`)", "instruments, drums", "MIT"),
    ("FluidR3Mono GM (`fluidr3mono-gm-soundfont`)", "instruments, drums", "MIT"),
    ("sf_GMbank (`csound-soundfont`)", "instruments, drums", "public domain"),
    ("OPL-3 FM (`opl3-soundfont`)", "instruments, drums", "CC BY-SA 4.0"),
    ("Black Pearl, Red Zeppelin (`avldrums.lv2-soundfont`)", "drums", "CC BY-SA 3.0"),
    (
        "Hydrogen's drum kits (`hydrogen-data`, `hydrogen-drumkits`)",
        "drums",
        "GPL-2, GPL-2+; circAfrique, BJA Pacific: CC BY-SA 3.0; rumpf: CC BY 3.0; Audiophob: CC0",
    ),
    ("LMMS's drum samples (`lmms-common`)", "drums", "GPL-2+"),
    ("eSpeak NG (`espeak-ng`)", "people who talk", "GPL-3+"),
    ("TimGM6mb (`timgm6mb-soundfont`)", "held-out excerpts only", "GPL-2"),
    (
        "MuseScore General (`musescore-general-soundfont-small`)",
        "held-out excerpts only",
        "MIT, parts CC0 and public domain",
    ),
)


def _material(facts: Facts) -> str:
    if _recordings(facts):
        what, others = "The excerpts of the first part were", "The recordings of later parts are described below;"
    else:
        what, others = "Everything was", "No recording of music was trained on, and"
    return f"""## Training material

{what} rendered by `dancecoach/training`: composed dance music, human drumming and pop songs, played by
changing instruments, mixed, mastered and put in rooms with people, all at random.
{others} none of the material is in the file.

{_table(("what", "used for", "licence"), _SOURCES)}

Licences are those that the corpora's own pages and the Debian packages' copyright files state."""


# Package, folder its recordings lie in, licence of the music as the package's copyright file states it.
_MUSIC = (
    ("a7xpg-data", "games/a7xpg", "BSD-2-Clause"),
    ("abe-data", "games/abe", "GPL-2+"),
    ("amoebax-data", "games/amoebax", "Free Art License 1.2"),
    ("asc-music", "games/asc", "GPL-2+"),
    ("btanks-data", "games/btanks", "GPL with an exception for its makers"),
    ("bumprace-data", "games/bumprace", "CC BY 3.0"),
    ("colobot-common-sounds", "games/colobot", "GPL-3+"),
    ("drascula-music", "scummvm/drascula", "its own; the game may not be sold by itself"),
    ("enigma-data", "games/enigma", "GPL-2+"),
    ("extremetuxracer-data", "games/etr", "GPL-2+"),
    ("fillets-ng-data", "games/fillets-ng", "GPL-2+"),
    ("freecol", "games/freecol", "GPL-2+"),
    ("freedink-data", "games/dink", "GPL-3+ or CC BY 3.0 (not stated file by file)"),
    ("frozen-bubble-data", "games/frozen-bubble", "GPL-2"),
    ("gunroar-data", "games/gunroar", "BSD-2-Clause"),
    ("hedgewars-data", "games/hedgewars", "GPL-2"),
    ("hyperrogue-music", "hyperrogue", "CC BY-SA 3.0"),
    ("lincity-ng-data", "games/lincity-ng", "GPL-2+"),
    ("lordsawar-data", "games/lordsawar", "GPL-3+"),
    ("marsshooter-data", "games/marsshooter", "CC BY-SA 3.0"),
    ("megaglest-data", "games/megaglest", "CC BY-SA 3.0"),
    ("mu-cade-data", "games/mu-cade", "BSD-2-Clause"),
    ("naev-data", "naev", "GPL-2+, GPL-3, CC BY 3.0 or CC BY-SA 3.0, file by file"),
    ("noiz2sa-data", "games/noiz2sa", "BSD-2-Clause"),
    ("openclonk-data", "games/openclonk", "CC BY 3.0 or CC0 (not stated file by file)"),
    ("orbital-eunuchs-sniper-data", "games/orbital_eunuchs_sniper", "zlib"),
    ("parsec47-data", "games/parsec47", "BSD-2-Clause"),
    ("planetblupi-music-ogg", "planetblupi", "GPL-3+"),
    ("powermanga-data", "games/powermanga", "GPL-3+"),
    ("pushover-data", "pushover", "GPL-3+"),
    ("redeclipse-data", "games/redeclipse", "CC BY-SA 3.0, one CC0"),
    ("rrootage-data", "games/rrootage", "BSD-2-Clause"),
    ("scorched3d-data", "games/scorched3d", "GPL-2+"),
    ("singularity-music", "games/singularity", "CC BY-SA 3.0"),
    ("starfighter-data", "starfighter", "GPL-2+"),
    ("supertux-data", "games/supertux2", "GPL-2+"),
    ("supertuxkart-data", "games/supertuxkart", "CC BY-SA 3.0 and 4.0, some GPL-2+, GPL-3+"),
    ("titanion-data", "games/titanion", "BSD-2-Clause"),
    ("torus-trooper-data", "games/torus-trooper", "BSD-2-Clause"),
    ("tumiki-fighters-data", "games/tumiki-fighters", "BSD-2-Clause"),
    ("unknown-horizons", "unknown-horizons", "CC BY-SA 3.0"),
    ("warmux-data", "games/warmux", "GPL-2+"),
    ("warzone2100-music", "games/warzone2100", "GPL-2+"),
    ("wesnoth-1.16-music", "games/wesnoth", "GPL-2+"),
    ("widelands-data", "games/widelands", "GPL-2+"),
    ("xmoto-data", "games/xmoto", "GPL-2+"),
    ("zaz-data", "games/zaz", "CC BY-SA 3.0"),
)


def _recorded(recordings: Sequence[Mapping[str, Any]]) -> str:
    used: dict[tuple[str, str], int] = {}
    for each in recordings:
        used[_package(str(each["path"]))] = used.get(_package(str(each["path"])), 0) + 1
    rows = [(package, str(count), licence) for (package, licence), count in sorted(used.items())]
    hours = sum(float(each["seconds"]) for each in recordings) / 3600
    downbeats = sum(bool(each["downbeats"]) for each in recordings)
    held_out = sum(bool(each["held_out"]) for each in recordings)
    return f"""## Recordings

Later parts of the training added {len(recordings)} recordings ({hours:.1f} h), {held_out} of them held out for
validation: freely licensed music of games, three minutes of each at most, dry and in a room. Nobody annotated them.
Most such music was made at one tempo, so one tempo and phase were fitted to what the network of the part before heard
in the whole recording. Where most windows of 16 s agreed with that grid, it gave the beats, also in passages that the
network alone had heard wrongly; other recordings were left out, in the last part also those that two networks heard
differently. Downbeats came from a vote of the same kind and were
clear in {downbeats}; in the others they count neither for nor against the network. Labels are therefore right as far
as the tempo is constant; an off-beat or half the tempo taken for the beat throughout would not have been noticed.

{_table(("Debian package", "recordings", "licence"), rows)}

`packaging/training-music.txt` names the packages. One recording in ten, by a hash of its name, is held out; variants
of a piece and pieces of one composer may be on both sides."""


def _package(path: str) -> tuple[str, str]:
    """Return the package that a recording's path belongs to, and its licence."""
    folders = f"/{path}"
    for package, folder, licence in _MUSIC:
        if f"/{folder}/" in folders:
            return package, licence
    return "other", "not known here"


def _found(data: Path) -> str:
    rows = []
    for held_out, what in ((False, "to train with"), (True, "held out")):
        fonts = ", ".join(sorted(font.name for font in find_fonts(held_out))) or "none"
        drums = ", ".join(sorted({source.name for source in find_sources(data, held_out) if source.drums})) or "none"
        rows.append(f"* {what}: sound fonts {fonts}; drums {drums}.")
    return "Found on the machine that wrote this card (other instruments are synthesised):\n\n" + "\n".join(rows)


_SPLITS = """## Splits

| | validation | test |
|---|---|---|
| drummers | {validation_drummers} | {test_drummers} |
| songs, by number | those that end in 8 | those that end in 9 |
| tempo curves | one in ten | another one in ten |
| instruments | {fonts}; {kits}; a third of the Sonic Pi samples | the same |

The rest is for training; no drummer, song, sound font file or drum kit is on both sides. But MuseScore General was
developed from FluidR3, which is trained with, so some of its instruments are not new to the network. Synthesised
instruments, composed patterns and rooms are drawn anew and share their rules."""


def _drummers(names: frozenset[str]) -> str:
    return ", ".join(str(number) for number in sorted(int(name.removeprefix("drummer")) for name in names))


def _course(facts: Facts) -> str:
    lasts = [document["course"][-1] for document in facts.training if document.get("course")]
    steps, minutes = sum(each["steps"] for each in lasts), sum(each["minutes"] for each in lasts)
    recipes = [document.get("recipe", {}) for document in facts.training]
    averaged = next((str(each["averaged"]) for each in reversed(facts.training) if "averaged" in each), None)
    rates = ", then ".join(f"{recipe['rate']:g}" for recipe in recipes if "rate" in recipe)
    hours = {split: count * SECONDS / 3600 for split, count in facts.excerpts.items()}
    rows = [
        ("excerpts", "; ".join(f"{split} {count} ({hours[split]:.1f} h)" for split, count in facts.excerpts.items())),
        ("seed", ", ".join(sorted({str(recipe["seed"]) for recipe in recipes if "seed" in recipe})) or "–"),
        (
            "training",
            f"{steps:,.0f} steps in {minutes:.0f} min, in {len(recipes)} part(s), by the trainer's minutes",
        ),
        ("optimiser", f"AdamW, learning rate {rates or '–'}, cosine; weights averaged; bfloat16"),
        *([("weights", averaged)] if averaged else []),
        ("loss, training", f"{lasts[-1]['loss']:.4f}" if lasts else "–"),
    ]
    known = {**{"validation": _last_validation(facts.training)}, **facts.losses}
    rows += [(f"loss, {split}", f"{loss:.4f}") for split, loss in known.items() if loss is not None]
    anew = "dancecoach train beats --data DIR --work DIR"
    rows.append(("command", f"`{facts.command or anew}`"))
    if "--weights" in facts.command:
        rows.append(("to train anew", f"`{anew}`"))
    return (
        "## Training\n\n"
        + _table(("", ""), rows)
        + "\n\nEvery excerpt counts twice: dry, and as a room's microphone hears it."
    )


def _last_validation(training: Sequence[Mapping[str, Any]]) -> float | None:
    found = [
        entry["validation"] for document in training for entry in document.get("course", ()) if "validation" in entry
    ]
    return float(found[-1]) if found else None


# Heading, key of the benchmark's document, digits.
_COLUMNS = (
    ("F", "f", 3),
    ("CMLt", "cmlt", 3),
    ("AMLt", "amlt", 3),
    ("downbeat F", "downbeat_f", 3),
    ("ahead F", "ahead_f", 3),
    ("lock, s", "lock_s", 1),
    ("re-lock, s", "relock_s", 1),
    ("octave right", "octave_right", 2),
    ("calibration error", "calibration_error", 3),
    ("CPU, s/s", "cpu", 3),
    ("count without music", "count_without_music", 3),
)
_FEW = _COLUMNS[:5]


def _measures(documents: Sequence[Mapping[str, Any]]) -> str:
    text = [
        "## Held-out figures",
        "`dancecoach bench beats`, all trackers on the same clips in the same run. F within ±70 ms from 5 s on; "
        "*ahead F* counts only beats announced 50 ms or more before they sound; *lock* and *re-lock* are medians. "
        "*ours* is this network live, *ahead* the same network hearing the whole file first, *classical* the tracker "
        "without a network; *librosa* hears the whole file first, too.",
    ]
    for document in documents:
        for group, trackers in document.get("folders", {}).items():
            clips = max(figures["clips"] for figures in trackers.values())
            name = Path(str(document.get("folder", ""))).name if group == "." else group
            text += [f"### {name} ({_clips(clips)})", _figures(trackers, _COLUMNS)]
    return "\n\n".join(text)


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"


def _ablations(document: Mapping[str, Any]) -> str:
    text = ["## Ablations", f"On {document['clips']} clips of each group at most."]
    if "rooms" in document:
        text.append(
            f"Networks trained for {document['minutes']:g} min each, with and without the excerpts' views in a room; "
            "both know less than the finished one."
        )
        text += _groups(document["rooms"])
    text.append("The finished network with parts of the tracker left out or replaced:")
    return "\n\n".join(text + _groups(document["filters"]))


def _groups(figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    found = []
    for group, trackers in figures.items():
        found += [f"*{group}*", _figures(trackers, _FEW)]
    return found


def _figures(trackers: Mapping[str, Mapping[str, Any]], columns: Sequence[tuple[str, str, int]]) -> str:
    known = [each for each in columns if any(figures.get(each[1]) is not None for figures in trackers.values())]
    rows = []
    for name, figures in trackers.items():
        values = ((figures.get(key), digits) for _, key, digits in known)
        rows.append((name, *("–" if value is None else f"{value:.{digits}f}" for value, digits in values)))
    return _table(("tracker", *(heading for heading, _, _ in known)), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_LIMIT_WITHOUT_RECORDINGS = """\
* No real recording was trained on. The figures are about rendered music of the kind it learnt from, played by
  others on other instruments; singing, dense mixes and unusual productions are heard less surely."""
_LIMIT_WITH_RECORDINGS = """\
* The recordings trained on are music of games, nearly all instrumental and of constant tempo, and no person
  checked their beats. Figures of rendered music are about the kind it learnt from, played by others on other
  instruments; singing, dense mixes and unusual productions are heard less surely."""
_LIMITS = """## Limits

{first}
* It knows bars of four and of three beats. Fives, sevens and music without a pulse are counted wrongly or not at all.
* Tempi outside 54 to 216 BPM are counted at half or double tempo; where both can be danced, it may choose another
  one than the dancer (a key halves and doubles).
* Rubato, solo instruments without percussion and heavily syncopated drumming are followed late or lost. The downbeat
  is less sure than the beat, most of all without drums.
* Speech, claps and steps of people near the microphone may be louder than the music; then the confidence falls."""
