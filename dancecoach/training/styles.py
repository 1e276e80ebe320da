"""Grammars of musical styles: what each instrument tends to play in a bar, at which tempo, with which harmony.

A pattern is a string with one character a slot, `slots` slots a beat, over one or more whole bars:
``X`` always, accented; ``x`` mostly; ``o`` every second time; ``.`` seldom; ``g`` a soft ghost note; ``-`` never.
Pieces draw their own variants from these chances, so that a style is a family of patterns rather than a loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Patterns = tuple[str, ...]

PIANOS = (0, 0, 1, 2, 4, 5)
CLEAN_GUITARS = (24, 25, 26, 27)
DISTORTED = (29, 30)
ORGANS = (16, 17, 18, 19)
STRINGS = (48, 49, 50, 51)
PADS = (88, 89, 90, 91, 92, 94, 95, 52)
BRASS = (56, 57, 60, 61, 62, 63)
REEDS = (64, 65, 66, 67, 71, 73, 75)
LEADS = (80, 81, 82, 84, 86, 87)
MALLETS = (9, 10, 11, 12, 13, 46)
VOICES = (52, 53, 54, 85)
FINGER_BASS = (32, 33, 33, 34, 35)
SYNTH_BASS = (38, 39, 38, 39, 87)
BAND = (*PIANOS, *CLEAN_GUITARS, *ORGANS)
SYNTHS = (*LEADS, *PADS, 4, 5, 50, 51, 62, 63)
SOLOISTS = (*REEDS, *LEADS, *BRASS, *MALLETS, 0, 26, 27, 40, 22)


@dataclass(frozen=True, slots=True)
class Style:
    """One style: `tempo` range in beats per minute, `swing` range of the long part of a pair of `swing_unit` beats.

    `lanes` maps an instrument of the drum map to alternative patterns; `optional` the same for instruments that only
    some pieces have. `bass`, `chords` name ways of playing (composing_lines); `modes` the scales it favours; the
    programs are General MIDI. `push` is the chance that a piece anticipates chord changes by half a beat.
    """

    name: str
    weight: float
    tempo: tuple[float, float]
    lanes: Mapping[str, Patterns]
    optional: Mapping[str, Patterns] = field(default_factory=dict)
    bass: tuple[str, ...] = ("eighths", "follow", "long")
    chords: tuple[str, ...] = ("pad", "strum", "quarters")
    modes: tuple[str, ...] = ("major", "minor")
    slots: int = 4
    beats_per_bar: int = 4
    swing: tuple[float, float] = (0.5, 0.5)
    swing_unit: float = 0.5
    bass_programs: tuple[int, ...] = FINGER_BASS
    chord_programs: tuple[int, ...] = BAND
    melody_programs: tuple[int, ...] = SOLOISTS
    push: float = 0.25
    human: float = 0.006
    sevenths: float = 0.25
    drums_chance: float = 0.97


E8 = "x-x-x-x-x-x-x-x-"
E8A = "X-x-X-x-X-x-X-x-"
E16 = "xxxxxxxxxxxxxxxx"
E16A = "XoxoXoxoXoxoXoxo"
OFF = "--X---X---X---X-"
Q = "X---X---X---X---"
FOUR = "X---X---X---X---"
BACK = "----X-------X---"
GHOST = "-g--X--g-g--X--g"
HALF = "--------X-------"
REST = "----------------"
SHAKE = "xoxoxoxoxoxoxoxo"
ROCK_KICKS = (
    "X-----o-X-o-----",
    "X-x-----X-x-----",
    "X------oX------o",
    "X-----x---x-----",
    "X--o--x-X-----o-",
    "X-o---o-X-x---o-",
    "X-----xoX-------",
    "X-------X-------",
    "X--x--x---x--x--",
    "X-x---x---x-x---",
    "X---------x---o-",
    "X-----X-----X---",
    "X-------X-x---x-X-----x---x-----",
)
FUNK_KICKS = (
    "X-o---o---x--o--",
    "X--x--o---x--x--",
    "X-x------ox--o--",
    "X--o---x--x-----",
    "X-----o--ox---o-",
    "X-x----x-ox-----X--o--x---x--x--",
    "X------x-xx-----",
    "X--x------x--xo-",
)
CLAVES = (
    "X-----X-----X-------X---X-------",
    "X-----X-------X-----X---X-------",
)

_ALL = (
    Style(
        "house",
        4,
        (116, 130),
        {"kick": (FOUR,), "clap": (BACK,), "open": (OFF, "--X---X---X---Xo"), "hat": (E16, SHAKE, E8, REST)},
        {
            "shaker": (SHAKE, E16A),
            "rim": ("---o--x----o-x--", "..o--o-o..o--o-."),
            "conga_open": ("---o--o---o--o-o",),
            "tambourine": (BACK, OFF),
            "cowbell": ("o--o--o-o--o-o--",),
            "ride": (OFF, E8),
        },
        bass=("offbeat", "funk", "follow", "octaves", "tresillo"),
        chords=("stabs", "pad", "comp", "tresillo"),
        modes=("minor", "dorian", "major"),
        swing=(0.5, 0.58),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        sevenths=0.6,
        human=0.002,
    ),
    Style(
        "techno",
        4,
        (122, 146),
        {"kick": (FOUR,), "open": (OFF, REST), "hat": (E16, E16A, OFF, SHAKE), "clap": (BACK, REST, HALF)},
        {
            "rim": ("--o--o--o-o--o-o", "---x--x---x--x--"),
            "tom_low": ("--o--o-o--o--o-o",),
            "ride": (OFF, E8),
            "shaker": (E16A,),
            "block": ("o..o..o.o..o..o.",),
        },
        bass=("offbeat", "rolling", "pulse16", "none"),
        chords=("pad", "stabs", "arp16", "tresillo"),
        modes=("minor", "phrygian", "dorian"),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        melody_programs=LEADS,
        human=0.001,
    ),
    Style(
        "trance",
        2,
        (128, 145),
        {"kick": (FOUR,), "open": (OFF,), "clap": (BACK, REST), "hat": (E16A, SHAKE, REST)},
        {"ride": (OFF,)},
        bass=("offbeat", "rolling"),
        chords=("arp16", "pad", "gated", "stabs"),
        modes=("minor", "major"),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        melody_programs=LEADS,
        human=0.001,
    ),
    Style(
        "edm",
        5,
        (120, 132),
        {"kick": (FOUR, FOUR, "X-----X---X-----"), "snare": (BACK,), "clap": (BACK, REST), "hat": (OFF, E8, E16)},
        {"crash_lane": (REST,), "shaker": (SHAKE,)},
        bass=("eighths", "tresillo", "octaves", "follow"),
        chords=("tresillo", "gated", "pad", "quarters"),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        melody_programs=LEADS,
        human=0.001,
    ),
    Style(
        "hiphop",
        4,
        (78, 108),
        {
            "kick": (
                "X------o--x-----",
                "X-x----o--x--o--",
                "X--o---x-xx-----",
                "X-----x---X----o",
                "X--x----x-x-----",
                "X-o-------x-o---",
                "X------x--X-------x----x--x--o--",
            ),
            "snare": (BACK, GHOST, "----X--o-o--X---"),
            "hat": (E8, E8A, "x-xgx-xgx-xgx-xg", SHAKE),
        },
        {
            "open": ("--------------o-", "------o---------"),
            "shaker": (SHAKE,),
            "clap": (BACK,),
            "rim": ("---o------o--o--",),
            "ride": (E8,),
        },
        bass=("follow", "long", "funk"),
        chords=("comp", "pad", "loop", "quarters"),
        modes=("minor", "dorian"),
        swing=(0.52, 0.66),
        chord_programs=(*PIANOS, 11, 26, 48, 4),
        sevenths=0.6,
        human=0.007,
    ),
    Style(
        "trap",
        3,
        (64, 82),
        {
            "kick": (
                "X-----o-o-x-----",
                "X--o--x---x--o--",
                "X------x-ox-----",
                "X-----x-----oX--",
                "X--x------x-----",
            ),
            "snare": (BACK,),
            "clap": (BACK, REST),
            "hat": (E16, "xxxxxxxxXxXxxxxx", E8, "x-xxx-xxx-xxx-xx"),
        },
        {"rim": ("---o--o---o----o",), "open": ("------o-------o-",), "rolls": (REST,)},
        bass=("eight08", "follow"),
        chords=("pad", "arp8", "loop", "quarters"),
        modes=("minor", "phrygian"),
        bass_programs=SYNTH_BASS,
        chord_programs=(*MALLETS, *PADS, 0, 48),
        human=0.001,
    ),
    Style(
        "breaks",
        5,
        (108, 142),
        {
            "kick": (
                "X-X-------xx----",
                "X-x------ox--o--",
                "X-----o---x--o--",
                "X-X-------XX----X-X-------X-----",
                "X--o-----xX-----",
            ),
            "snare": ("----X--x-x--X--x", "----X--g-g--X---", "----X--o-o----X-", "----X--x-x--X--x----X--x-x----X-"),
            "hat": (E8, E8A, E16A),
            "open": ("--------------o-", REST),
        },
        {"ride": (E8,), "tambourine": (E8, SHAKE)},
        bass=("funk", "follow", "long"),
        chords=("stabs", "pad", "comp"),
        modes=("minor", "dorian"),
        swing=(0.5, 0.57),
        chord_programs=SYNTHS,
        human=0.005,
    ),
    Style(
        "funk",
        4,
        (92, 122),
        {
            "kick": FUNK_KICKS,
            "snare": (GHOST, "-g-gX--g-g-gX-gg", "----X--x-g--X--o", "--g-X--g-x--X---"),
            "hat": (E16A, E8A, SHAKE, "X-xxX-xxX-xxX-xx"),
        },
        {
            "open": ("--------------x-", "------x---------"),
            "tambourine": (E16A, BACK),
            "conga_open": ("--o--o-x--o--oxx",),
            "cowbell": (Q, "x-x-x-xx-x-x-x-x"),
            "clap": (BACK,),
        },
        bass=("funk", "funk", "slap", "follow"),
        chords=("sixteenths", "comp", "stabs", "brass"),
        modes=("dorian", "mixolydian", "minor"),
        swing=(0.5, 0.6),
        sevenths=0.9,
        human=0.007,
    ),
    Style(
        "disco",
        3,
        (106, 132),
        {
            "kick": (FOUR,),
            "snare": (BACK, GHOST),
            "open": (OFF,),
            "hat": ("XX-XXX-XXX-XXX-X", "X---X---X---X---", E16),
        },
        {"clap": (BACK,), "tambourine": (E16A, OFF), "conga_open": ("--o--oxx--o--oxx",), "cowbell": (Q, E8)},
        bass=("octaves", "funk", "octaves", "walk"),
        chords=("sixteenths", "pad", "stabs", "comp", "strings"),
        modes=("minor", "major", "dorian"),
        chord_programs=(*CLEAN_GUITARS, *PIANOS, *STRINGS),
        sevenths=0.5,
    ),
    Style(
        "krump",
        2,
        (70, 98),
        {
            "kick": ("X--X--X---X--o--", "X-----x-X-x---X-", "X--x--x---x-x-x-", "X---X-x---X--xX-"),
            "snare": (BACK, "----X-------X-oo", "----X--o----X---"),
            "hat": (E8, E16, Q),
        },
        {"clap": (BACK, Q), "tom_low": ("---o--o---o--o-o",), "rolls": (REST,), "brass_hits": (REST,)},
        bass=("eight08", "follow"),
        chords=("stabs", "strings", "brass", "loop"),
        modes=("minor", "phrygian"),
        bass_programs=SYNTH_BASS,
        chord_programs=(*BRASS, *STRINGS, *VOICES),
        human=0.002,
    ),
    Style(
        "krump triplets",
        1,
        (70, 95),
        {
            "kick": ("X----xX-x---", "X-xX----x--x", "X----x--xX--"),
            "snare": ("---X-----X--", "---X-----X-o"),
            "hat": ("xxxxxxxxxxxx", "X-xX-xX-xX-x", "X--X--X--X--"),
        },
        {"clap": ("---X-----X--",)},
        slots=3,
        bass=("eight08", "follow"),
        chords=("stabs", "strings", "pad"),
        modes=("minor", "phrygian"),
        bass_programs=SYNTH_BASS,
        chord_programs=(*BRASS, *STRINGS),
        human=0.002,
    ),
    Style(
        "salsa",
        4,
        (160, 220),
        {
            "conga_slap": ("g-.-X-.-g-.-g-.-",),
            "conga_open": ("------------X-X-", "------------X-X-------x-x---X-X-"),
            "cowbell": ("X---x-x-X-x-x-x-", "X---X---X---X---", "X-------X-------"),
            "clave": CLAVES,
        },
        {
            "guiro": ("X---x-x-X---x-x-",),
            "timbale": ("X---X---X-X---X---X-X---X---X-X-", "x-x---x-x-x-x---"),
            "shaker": (E8A,),
            "bongo_hi": ("X-x-o-x-X-x-o-x-",),
            "bongo_lo": ("------------x---",),
            "kick": ("------x---------", "------x-----o---"),
        },
        bass=("tumbao", "tumbao", "tumbao", "cha"),
        chords=("montuno", "montuno", "brass", "pad"),
        modes=("minor", "major", "mixolydian"),
        bass_programs=(32, 33, 35),
        chord_programs=(0, 1, 0),
        melody_programs=BRASS,
        push=0.8,
        human=0.008,
    ),
    Style(
        "cha-cha",
        1,
        (108, 132),
        {
            "conga_slap": ("----X-------g---",),
            "conga_open": ("------------X-X-",),
            "cowbell": (Q,),
            "guiro": ("X---x-x-X---x-x-",),
        },
        {"clave": ("X--X--X---X-X---",), "timbale": ("X-x-X-x-X-x-X-xx",), "kick": ("X-------X-------",)},
        bass=("tumbao", "cha"),
        chords=("montuno", "stabs", "comp"),
        modes=("minor", "dorian", "mixolydian"),
        bass_programs=(32, 33),
        chord_programs=(0, 0, 73),
        melody_programs=(56, 73, 65),
        push=0.5,
    ),
    Style(
        "bachata",
        2,
        (114, 142),
        {
            "bongo_hi": ("X-x-X-x-X-x-o---", "XoxoXoxoXoxo----"),
            "bongo_lo": ("------------X---", "------------X-x-"),
            "guiro": ("X-xxX-xxX-xxX-xx", "X-x-X-x-X-x-X-x-"),
            "kick": ("X-------o---X---", "X-----------X---", REST),
        },
        {"cowbell": (Q,), "timbale": ("------------X---",), "clave": ("X--X--X---X-X---",)},
        bass=("bachata",),
        chords=("arp8", "requinto", "strum"),
        modes=("minor", "major"),
        bass_programs=(32, 33),
        chord_programs=(25, 27, 24, 26),
        melody_programs=(24, 25, 27),
        human=0.008,
    ),
    Style(
        "merengue",
        1,
        (120, 165),
        {"tom_low": ("X---X---X-XXX-X-", "X---X---X---XxXx"), "guiro": ("X-xxX-xxX-xxX-xx",), "kick": (FOUR, REST)},
        {"cowbell": (Q,), "conga_open": ("X-x-X-x-X-x-X-xx",)},
        bass=("quarters", "fifths", "cha"),
        chords=("montuno", "offbeats", "brass"),
        chord_programs=(0, 21, 21),
        melody_programs=(*BRASS, 65),
    ),
    Style(
        "cumbia",
        2,
        (84, 112),
        {
            "guiro": ("X-xxX-xxX-xxX-xx", "X-x-X-x-X-x-X-x-"),
            "kick": ("X-------X-------", FOUR),
            "conga_open": ("--X---X---X---X-", "--x---xx--x---xx"),
        },
        {
            "cowbell": (Q, "X---x---X---x---"),
            "timbale": ("x-x-x-x-x-x-xxxx",),
            "snare": ("--x---x---x---x-",),
            "clave": ("X--X--X---X-X---",),
        },
        bass=("cumbia",),
        chords=("offbeats", "comp", "strum"),
        modes=("minor", "major"),
        chord_programs=(21, 0, 16, 24),
        melody_programs=(21, 73, 65, 56),
    ),
    Style(
        "reggaeton",
        3,
        (84, 104),
        {
            "kick": (FOUR, "X-------X-------", "X---X---X---X-o-"),
            "snare": ("---X--X----X--X-", "---X--X----X--Xo", "------X-------X-"),
            "hat": (E8, E16, Q, REST),
        },
        {
            "shaker": (SHAKE,),
            "timbale": ("-----------o-ooo",),
            "rim": ("---X--X----X--X-",),
            "clap": ("---X--X----X--X-",),
        },
        bass=("tresillo", "follow", "long"),
        chords=("offbeats", "pad", "arp8", "tresillo"),
        modes=("minor", "minor", "major"),
        bass_programs=SYNTH_BASS,
        chord_programs=(*SYNTHS, 0, 24, 25),
        human=0.002,
    ),
    Style(
        "reggae",
        3,
        (64, 92),
        {
            "kick": (HALF, HALF, "X-------X-------", FOUR),
            "rim": (HALF, "---o----X--o--o-"),
            "hat": ("x-xox-xox-xox-xo", E8A, Q),
        },
        {"snare": (HALF,), "open": ("--------------o-",), "tambourine": (BACK,), "bongo_hi": ("o-x-oxo-o-x-oxox",)},
        bass=("dub",),
        chords=("skank", "skank", "bubble"),
        modes=("major", "minor", "dorian"),
        swing=(0.5, 0.64),
        chord_programs=(16, 17, 18, 27, 0, 26),
        human=0.008,
    ),
    Style(
        "ska",
        1,
        (130, 180),
        {"kick": ("X-------X-------", HALF, FOUR), "snare": (BACK,), "hat": (E8A, OFF)},
        {"rim": (BACK,)},
        bass=("walk", "eighths"),
        chords=("offbeats",),
        modes=("major", "minor"),
        chord_programs=(27, 26, 16, 61),
    ),
    Style(
        "waltz",
        4,
        (80, 190),
        {
            "kick": ("X-----------", "X---------o-", "X-----.-----"),
            "snare": ("----x---x---", "--------x---", "----X---X---"),
            "hat": ("X---x---x---", "X-x-X-x-X-x-", "----x---x---"),
        },
        {"ride": ("X---x-x-x---",), "tambourine": ("----x---x---",), "rim": ("----x---x---",)},
        beats_per_bar=3,
        bass=("waltz",),
        chords=("oompah", "arp8", "pad"),
        drums_chance=0.6,
        chord_programs=(*PIANOS, *STRINGS, 21, 24, 25, 46, 15),
        melody_programs=(40, 73, 71, 21, 0, 41, 68),
    ),
    Style(
        "slow waltz",
        1,
        (70, 96),
        {
            "kick": ("X-----o-----", "X---------o-"),
            "snare": ("--------X---", "----X---X---", "----o---X-o-"),
            "hat": ("X-x-X-x-X-x-", "xxxxxxxxxxxx"),
        },
        {"ride": ("X-x-X-x-X-x-",)},
        beats_per_bar=3,
        bass=("waltz", "long"),
        chords=("arp8", "oompah", "pad", "strum"),
        drums_chance=0.75,
    ),
    Style(
        "swing",
        4,
        (96, 210),
        slots=3,
        lanes={
            "ride": ("X--X-xX--X-x", "X--X-xX--X--", "X--X-oX--X-o"),
            "pedal": ("---X-----X--",),
            "snare": ("..o..o..o..o", "--.-.o--.--o", "---x-----x--"),
            "kick": ("g--g--g--g--", "o....o.....o", "X-----x-----"),
        },
        optional={"hat": ("X--X-xX--X-x",), "rim": ("---------X--",)},
        bass=("walk", "walk", "walk", "twobeat"),
        chords=("charleston", "comp", "quarters", "pad"),
        sevenths=1.0,
        modes=("jazz", "jazzminor"),
        chord_programs=(0, 0, 26, 16, 11, 4),
        bass_programs=(32, 32, 33),
        melody_programs=(*REEDS, *BRASS, 11),
        push=0.5,
        human=0.009,
    ),
    Style(
        "shuffle",
        2,
        (80, 150),
        slots=3,
        lanes={
            "kick": ("X-----X-----", "X-----X----o", "X----xX-----", "X--X--X--X--"),
            "snare": ("---X-----X--", "--gX-g--gX-g"),
            "hat": ("X-xX-xX-xX-x", "X--X--X--X--"),
        },
        optional={"ride": ("X-xX-xX-xX-x",), "tambourine": ("---X-----X--",)},
        bass=("walk", "eighths", "quarters", "boogie"),
        chords=("comp", "strum", "charleston", "boogie"),
        sevenths=0.7,
        modes=("blues", "mixolydian", "major"),
        chord_programs=(*CLEAN_GUITARS, 0, 16, 29),
    ),
    Style(
        "drum and bass",
        4,
        (164, 180),
        {
            "kick": ("X---------x-----", "X-x-------x-----", "X---------x--o--", "X---------xx----"),
            "snare": (BACK, "----X--g-g--X--g", "----X-------X--o"),
            "hat": (E8, E16A, E16, SHAKE),
        },
        {"ride": (E8,), "shaker": (E16A,), "open": ("--------------x-",)},
        bass=("long", "funk", "eight08", "follow"),
        chords=("pad", "stabs", "arp8"),
        modes=("minor", "dorian"),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        human=0.002,
    ),
    Style(
        "rnb",
        3,
        (56, 82),
        {
            "kick": ("X-----o---x-----", "X--o------x--o--", "X------x--x-----", "X-----x-X------o"),
            "snare": (BACK, "----X--g----X-g-"),
            "hat": (E8, SHAKE, E16, "x-xxx-x-x-xxx-xo"),
        },
        {"rim": (BACK,), "clap": (BACK,), "shaker": (SHAKE,), "open": ("--------------o-",)},
        bass=("follow", "long", "funk"),
        chords=("pad", "comp", "arp8", "quarters"),
        sevenths=0.85,
        modes=("major", "minor", "dorian"),
        swing=(0.5, 0.62),
        chord_programs=(4, 5, 0, 2, 26),
        human=0.008,
    ),
    Style(
        "pop",
        6,
        (88, 132),
        {"kick": (*ROCK_KICKS, FOUR), "snare": (BACK, BACK, GHOST), "hat": (E8, E8A, E16, Q)},
        {"clap": (BACK,), "shaker": (SHAKE,), "tambourine": (E8A, BACK), "open": ("--------------o-",)},
        bass=("eighths", "follow", "long", "quarters"),
        chords=("pad", "quarters", "arp8", "strum", "gated"),
    ),
    Style(
        "eighties pop",
        4,
        (98, 138),
        {"kick": (*ROCK_KICKS[:6], FOUR), "snare": (BACK,), "hat": (E8, E16A, OFF)},
        {
            "clap": (BACK,),
            "tom_mid": ("-------------ooo", "------o------o-o"),
            "cowbell": (Q,),
            "tambourine": (E16A,),
        },
        bass=("eighths", "octaves", "pulse16", "follow"),
        chords=("pad", "stabs", "arp16", "gated"),
        bass_programs=SYNTH_BASS,
        chord_programs=SYNTHS,
        human=0.003,
    ),
    Style(
        "ballad",
        4,
        (56, 88),
        {"kick": (*ROCK_KICKS[:6], "X---------------"), "snare": (BACK, BACK, HALF), "hat": (E8, E8A, Q)},
        {"rim": (BACK,), "shaker": (E8A,), "ride": (E8, Q), "tambourine": ("------------X---",)},
        bass=("long", "follow", "quarters"),
        chords=("arp8", "quarters", "pad", "arp16", "strum"),
        drums_chance=0.7,
        chord_programs=(*PIANOS, *CLEAN_GUITARS, 48),
        human=0.01,
    ),
    Style(
        "rock",
        14,
        (88, 182),
        {"kick": ROCK_KICKS, "snare": (BACK, BACK, GHOST, "----X-o-----X---"), "hat": (E8, E8A, Q)},
        {"ride": (E8, E8A, Q), "crash_lane": (Q,), "open": (Q,), "tambourine": (E8A, BACK), "cowbell": (Q,)},
        bass=("eighths", "eighths", "follow", "quarters"),
        chords=("power", "strum", "power", "comp", "riff"),
        modes=("major", "minor", "mixolydian"),
        chord_programs=(*DISTORTED, *DISTORTED, 27, 28, 16),
    ),
    Style(
        "punk",
        6,
        (150, 215),
        {
            "kick": ("X-----X-X-----X-", "X---X---X---X---", "X-----xxX-----x-", "X-----X---X-----"),
            "snare": (BACK, "--X---X---X---X-"),
            "hat": (E8, Q),
        },
        {"ride": (E8, Q), "crash_lane": (Q,)},
        bass=("eighths",),
        chords=("power8", "power", "strum"),
        chord_programs=DISTORTED,
        modes=("major", "minor"),
    ),
    Style(
        "metal",
        10,
        (100, 220),
        {
            "kick": (
                E16,
                E8,
                "X-xxX-xxX-xxX-xx",
                "XX-XX-XXX-XX-XXX",
                "X-----X-X-x---x-",
                "X--X--X--X--X-X-",
                "XxX---XxX---XxX-",
            ),
            "snare": (BACK, BACK, HALF, "--X---X---X---X-"),
            "hat": (Q, E8, REST),
            "crash_lane": (Q, REST),
        },
        {"ride": (Q, E8), "china": (Q,), "blast": (REST,)},
        bass=("chug", "eighths", "gallop", "pulse16"),
        chords=("chug", "power8", "gallop", "riff", "power"),
        modes=("minor", "phrygian"),
        chord_programs=DISTORTED,
        melody_programs=(29, 30, 30, 81),
        human=0.004,
    ),
    Style(
        "country",
        2,
        (84, 180),
        {
            "kick": ("X-------X-------", "X-------X-----o-", FOUR),
            "snare": ("--x---x---x---x-", BACK, "xxXxxxXxxxXxxxXx"),
            "hat": (E8, OFF, REST),
        },
        {"shaker": (SHAKE,), "tambourine": (BACK,)},
        bass=("fifths", "fifths", "walk"),
        chords=("boomchick", "strum", "arp8", "arp16"),
        modes=("major", "major", "mixolydian"),
        chord_programs=(25, 25, 27, 105, 0),
        melody_programs=(40, 110, 22, 27, 25, 105),
    ),
    Style(
        "afrobeat",
        2,
        (94, 130),
        {
            "kick": ("X--o--x---x---o-", "X-----x-o-x-----", "X-x---o-x-x---o-"),
            "snare": ("--o-X--o--o-x--o", "---x--o-----x--o", "----X--x------x-"),
            "hat": (E8, SHAKE, "x-xxx-xxx-xxx-xx"),
        },
        {
            "shaker": (E16A,),
            "agogo": ("x-x-xx-x-x-x-xx-",),
            "clave": ("X--X--X---X-X---", "X--X---X--X-X---"),
            "conga_open": ("--o--oxx--o--oxx",),
        },
        bass=("funk", "follow"),
        chords=("comp", "sixteenths", "brass", "riff"),
        modes=("dorian", "minor", "mixolydian"),
        chord_programs=(16, 26, 27, 4, 61),
        sevenths=0.6,
        human=0.008,
    ),
    Style(
        "afrobeats",
        1,
        (96, 118),
        {
            "kick": (FOUR, "X-----X---X-----", "X-------X--o----"),
            "rim": ("---X--X-----X---", "---X--X---X-X---", "------X-----X---"),
            "shaker": (SHAKE, E16A),
        },
        {"hat": (E8, SHAKE), "snare": ("------X-----X---",), "conga_open": ("--o--oxx--o--oxx",)},
        bass=("tresillo", "follow", "funk"),
        chords=("pad", "offbeats", "comp", "arp8"),
        modes=("minor", "major"),
        bass_programs=SYNTH_BASS,
        chord_programs=(*SYNTHS, 26, 0, 12),
        swing=(0.5, 0.56),
        human=0.003,
    ),
    Style(
        "samba",
        2,
        (88, 132),
        {
            "kick": ("x--oX--ox--oX--o", "g--oX--og--oX--o", "X--xX--xX--xX--x"),
            "hat": (E16A, SHAKE),
            "snare": ("x-xg-x-gx-xgx-gx", "xgxxgxgxgxxgxgxg"),
        },
        {
            "shaker": (E16A,),
            "agogo": ("x-x-xx-x-x-xx-x-",),
            "tambourine": (E16A, "XoxXXoxXXoxXXoxX"),
            "tom_low": ("----X-------X---", "g---X-xxg---X---"),
        },
        bass=("samba", "follow"),
        chords=("comp", "sixteenths", "strum"),
        modes=("major", "minor", "jazz"),
        sevenths=0.8,
        chord_programs=(24, 24, 0, 25),
        human=0.007,
    ),
    Style(
        "bossa nova",
        2,
        (100, 150),
        {
            "kick": ("X-----x-X-----x-",),
            "rim": ("X-----X-----X-------X-----X-----", "X-----X-----X-------X---X-------"),
            "hat": (E8,),
        },
        {"shaker": (SHAKE, E8A), "conga_open": ("------------x-x-",)},
        bass=("samba",),
        chords=("bossa", "comp"),
        modes=("jazz", "jazzminor", "major"),
        sevenths=1.0,
        chord_programs=(24, 24, 0, 4),
        melody_programs=(*REEDS, 24, 0),
        human=0.008,
    ),
    Style(
        "twelve-eight ballad",
        2,
        (46, 84),
        slots=3,
        lanes={
            "kick": ("X-----X-----", "X----xX-----", "X-----o-x---"),
            "snare": ("---X-----X--",),
            "hat": ("xxxxxxxxxxxx", "XxxXxxXxxXxx"),
        },
        optional={"ride": ("XxxXxxXxxXxx",), "tambourine": ("---X-----X--",)},
        bass=("long", "quarters", "follow", "walk"),
        chords=("arp8", "eighths", "pad", "quarters"),
        modes=("major", "minor", "blues"),
        human=0.009,
    ),
    Style(
        "indie",
        7,
        (96, 164),
        {
            "kick": (*ROCK_KICKS, FOUR),
            "snare": (BACK, "----X-----o-X---", "------X-----X---"),
            "hat": (E8, E16A, OFF, Q),
        },
        {"tambourine": (E8A, E16A, BACK), "tom_low": (E8, Q), "ride": (E8,), "clap": (BACK,), "shaker": (SHAKE,)},
        bass=("eighths", "follow", "riff"),
        chords=("strum", "arp8", "comp", "riff", "quarters"),
        chord_programs=(26, 27, 27, 25, 28, 0, 16),
    ),
    Style(
        "game music",
        8,
        (96, 186),
        {
            "kick": (*ROCK_KICKS[:8], FOUR),
            "snare": (BACK, "----X--o----X-oo", "--X---X---X---X-"),
            "hat": (E8, E16, OFF),
        },
        {"block": ("x-x-oxo-x-x-oxo-",), "tom_low": ("------o-----o-o-",)},
        bass=("octaves", "eighths", "arpbass", "pulse16", "fifths"),
        chords=("arp16", "arp16", "arp8", "stabs", "pad"),
        modes=("major", "minor", "mixolydian", "dorian"),
        bass_programs=(38, 39, 80, 81, 33),
        chord_programs=(80, 81, 80, 81, 82, 10, 0, 48),
        melody_programs=(80, 81, 80, 81, 82, 73, 56),
        human=0.001,
        drums_chance=0.85,
    ),
    Style(
        "orchestral",
        2,
        (66, 150),
        {
            "tom_low": ("X-----o-X---o-o-", "X-------X-o-o---", "X--x--x-X--x-xxx"),
            "snare": ("X-xxX-xxX-xxX-xx", BACK, REST),
            "kick": ("X-------X-------", "X---------------", REST),
        },
        {"triangle": (Q,), "tambourine": (E8A,), "crash_lane": ("X---------------",)},
        bass=("long", "quarters", "eighths"),
        chords=("strings", "pad", "eighths", "arp8", "brass"),
        drums_chance=0.5,
        bass_programs=(43, 42, 48, 58),
        chord_programs=(*STRINGS, 45, 46, 52, 60, 61, 0),
        melody_programs=(40, 48, 56, 60, 68, 71, 73, 0),
        human=0.012,
    ),
    Style(
        "march",
        1,
        (96, 132),
        {"kick": ("X-------X-------", FOUR), "snare": ("x--xX-xxx--xX-x-", "----X-xx----X-xx", "xxxxX-x-xxxxX-x-")},
        {"crash_lane": ("X-------X-------",), "triangle": (E8,)},
        bass=("fifths", "quarters"),
        chords=("offbeats", "brass", "quarters"),
        bass_programs=(58, 43, 32),
        chord_programs=(*BRASS, 60, 21),
        melody_programs=(56, 60, 72, 73, 71),
    ),
)

BY_NAME: dict[str, Style] = {style.name: style for style in _ALL}
