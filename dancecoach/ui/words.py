"""Values in words: short, plain, the same on every screen. Free of Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from dancecoach.types import (
    Advice,
    Assessment,
    Attribute,
    BeatGrid,
    BodyPart,
    ChoreographyPlace,
    Cue,
    FaultKind,
    FollowerMotion,
    MetricalLevel,
    Notice,
    PartnerState,
    Primitive,
    PrimitiveScore,
    Quality,
    Synchrony,
)

ON_BEAT_MS = 20.0  # closer than this is heard and seen as together
NEEDLE_MS = 200.0
UNKNOWN = "–"
MAX_COAST_BEATS = 8  # beats the count may run past the last one known

Timing = Literal["early", "late", "on"]
TIMING_WORDS: dict[Timing, str] = {"early": "early", "late": "late", "on": "on the beat"}
SHORT_WORDS: dict[Timing, str] = {"early": "early", "late": "late", "on": "on beat"}

PART_WORDS: dict[BodyPart, str] = {
    "body": "whole body",
    "left_arm": "left arm",
    "right_arm": "right arm",
    "left_leg": "left leg",
    "right_leg": "right leg",
    "torso": "torso",
}

PARTNER_WORDS: dict[PartnerState, str] = {
    "waiting": "Waiting for you",
    "following": "Following you",
    "uncertain": "I see you badly",
    "holding": "I cannot see you: dancing on",
    "solo": "Come back: take my hand",
}
LEADING_WORDS = "Leading: follow me"
_PARTNER_DETAILS: dict[PartnerState, str] = {
    "waiting": "Step into the picture.",
    "following": "",
    "uncertain": "Following as well as I can.",
    "holding": "From the beat, until you are back.",
    "solo": "Step into the picture.",
}
FEET_INFERRED = "Feet inferred"


def partner_words(motion: FollowerMotion) -> tuple[str, str]:
    """Return what the partner says of how it is doing: a line to be read from afar, and a smaller one."""
    line = PARTNER_WORDS[motion.state]
    if motion.state == "following" and motion.role == "leader":
        line = LEADING_WORDS
    if motion.feet_inferred and motion.state in ("following", "uncertain"):
        return line, f"{FEET_INFERRED}: yours are out of the picture."
    return line, _PARTNER_DETAILS[motion.state]


def ghost_words(counts: int) -> str:
    """Return what the ghost is called."""
    return "no ghost" if counts == 0 else f"in {counts} counts"


_SEVERITY = {"error": 0, "warning": 1, "info": 2}


def timing(offset_ms: float) -> Timing:
    """Return on which side of the beat `offset_ms` (+ is late) lies."""
    if abs(offset_ms) <= ON_BEAT_MS:
        return "on"
    return "late" if offset_ms > 0 else "early"


def signed_ms(offset_ms: float | None) -> str:
    """Return "+35 ms", "−12 ms", "0 ms", or a dash when unknown."""
    if offset_ms is None:
        return UNKNOWN
    whole = round(offset_ms)
    sign = "+" if whole > 0 else "−" if whole < 0 else ""
    return f"{sign}{abs(whole)} ms"


def spread_ms(synchrony: Synchrony) -> str:
    """Return the half width of the offset's interval (else the spread of single hits) as "± 9 ms"; "" unknown."""
    band = offset_band(synchrony)
    return "" if band is None else f"± {round((band[1] - band[0]) / 2)} ms"


def offset_band(synchrony: Synchrony | None) -> tuple[float, float] | None:
    """Return the band to draw around the offset, ms: its interval, else ± the spread of single hits."""
    if synchrony is None or synchrony.offset_ms is None:
        return None
    if synchrony.offset_interval_ms is not None:
        return synchrony.offset_interval_ms
    if synchrony.offset_sd_ms is not None:
        return synchrony.offset_ms - synchrony.offset_sd_ms, synchrony.offset_ms + synchrony.offset_sd_ms
    return None


def percent(value: float | None) -> str:
    """Return a score 0…1 as "82 %"; scores below chance read "0 %"; a dash when unknown."""
    return UNKNOWN if value is None else f"{round(100 * min(max(value, 0.0), 1.0))} %"


def clock_text(seconds: float) -> str:
    """Return "3:07"."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def level_tag(level: MetricalLevel | None) -> str:
    """Return the tag of a dancer who does not dance every beat; empty for the plain case."""
    if level == "every second beat":
        return "half-time"
    return "double-time" if level == "half beats" else ""


def needle_range(grid: BeatGrid | None, level: MetricalLevel | None) -> float:
    """Return the offset at either end of the scale, ms: 200, or less where the next hit would be nearer."""
    if grid is None or grid.tempo <= 0:
        return NEEDLE_MS
    half = 30_000.0 / grid.tempo / (2.0 if level == "half beats" else 1.0)
    return min(NEEDLE_MS, max(50.0, 10.0 * int(half / 10.0)))


def count_at(grid: BeatGrid | None, time: float) -> tuple[int, float] | None:
    """Return (count 1…cycle, place within the beat 0…1) at `time`; None without beats or too far from them."""
    if grid is None or len(grid.beat_times) < 2 or grid.tempo <= 0:
        return None
    period = 60.0 / grid.tempo
    if not grid.beat_times[0] <= time <= grid.beat_times[-1] + MAX_COAST_BEATS * period:
        return None
    position = grid.position(time)
    return None if position is None else (int(position), position % 1.0)


def primitive_word(primitive: Primitive) -> str:
    """Return what the cycle of counts is called: an eight-count, in bars of three a six-count."""
    return "Six-count" if len(primitive.beat_times) == 7 else "Eight-count"


def most_severe(notices: Sequence[Notice], limit: int = 2) -> list[Notice]:
    """Return at most `limit` notices, errors before warnings before information, else in their order."""
    return sorted(notices, key=lambda notice: _SEVERITY[notice.level])[:limit]


def with_offset(*choices: Synchrony | None) -> Synchrony | None:
    """Return the first choice that has a measured offset, else the first there is (for its reason)."""
    present = [choice for choice in choices if choice is not None]
    return next((choice for choice in present if choice.offset_ms is not None), present[0] if present else None)


def with_msr(*choices: Synchrony | None) -> Synchrony | None:
    """Return the first choice that has a measured sharp MSR, else the first there is (for its reason)."""
    present = [choice for choice in choices if choice is not None]
    return next((choice for choice in present if choice.msr is not None), present[0] if present else None)


def part_of(synchrony: Synchrony | None, part: BodyPart) -> Synchrony | None:
    """Return the synchrony of one body part."""
    if synchrony is None:
        return None
    return next((item for item in synchrony.parts if item.part == part), None)


# ---- what the coach says of an eight-count

KNOWN = 0.5  # probability from which a name is said
_SURE, _LIKELY = 0.85, 0.5
_STEPS: Mapping[str, float] = {"ms": 10.0, "cm": 0.5, "%": 5.0, "°": 1.0}
_FINE_STEPS: Mapping[str, float] = {"ms": 1.0, "cm": 0.1, "%": 1.0, "°": 1.0}
_SPOKEN_UNITS: Mapping[str, str] = {" ms": " milliseconds", " cm": " centimetres", " %": " percent", "°": " degrees"}
_OTHER_SIDE: Mapping[BodyPart, str] = {
    "left_arm": "right arm",
    "right_arm": "left arm",
    "left_leg": "right leg",
    "right_leg": "left leg",
}


def how_sure(probability: float) -> str:
    """Return a probability in a word: "sure", "likely" or "perhaps"."""
    return "sure" if probability >= _SURE else "likely" if probability >= _LIKELY else "perhaps"


def amount_words(cue: Cue, fine: bool = False) -> str:
    """Return "80 ms", "1.5 cm", "35 %" or "12°": to 10 ms, 0.5 cm, 5 % and 1°, or as measured when `fine`."""
    step = (_FINE_STEPS if fine else _STEPS)[cue.unit]
    value = max(round(cue.amount / step), 1) * step
    text = f"{value:.1f}".removesuffix(".0")
    return f"{text}{cue.unit}" if cue.unit == "°" else f"{text} {cue.unit}"


def counts_words(counts: Sequence[int]) -> str:
    """Return "3", "3 and 7", "1, 3 and 5", or "5 to 8" for three and more in a row; empty without counts."""
    ordered = sorted(set(counts))
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]} to {ordered[-1]}"
    *first, last = [str(count) for count in ordered] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _on(cue: Cue) -> str:
    counts = counts_words(cue.counts)
    return f" on {counts}" if counts else ""


def cue_words(cue: Cue, against_reference: bool = True) -> str:
    """Return what to work on, in one short sentence without a full stop: "Left arm 80 ms late on 3 and 7"."""
    amount, on, body, trunk = amount_words(cue), _on(cue), cue.limb == "body", cue.limb in ("body", "torso")
    part = PART_WORDS[cue.limb]
    limb = part.capitalize()
    lean = "off the reference" if against_reference else "from upright"
    held = "off the reference" if against_reference else "off its line"
    texts: Mapping[FaultKind, str] = {
        "late": f"You are {amount} late{on}" if body else f"{limb} {amount} late{on}",
        "early": f"You are {amount} early{on}" if body else f"{limb} {amount} early{on}",
        "uneven": f"{'Timing' if body else f'{limb} timing'} uneven: ± {amount}",
        "small": f"Movements too small: {amount} less than they should be"
        if body
        else f"{limb} too small: {amount} less than it should be",
        "stiff": f"Stiff {'body' if body else part}: {amount} of the quick movement is missing",
        "shaky": f"Shaky {'body' if body else part}: {amount}",
        "off_balance": f"Off balance: {amount} of sway{on}"
        if trunk
        else f"Off balance, {part}: {amount} of sway{on}",
        "asymmetric": f"One side of the {'body' if body else part} moves {amount} less than the other"
        if trunk
        else f"{limb} moves {amount} less than the {_OTHER_SIDE.get(cue.limb, 'other')}",
        "no_level_change": f"Hips stay level: bend more{on}"
        if trunk
        else f"{limb} stays level: rise and fall more{on}",
        "posture": f"Lean: {amount} {lean}" if trunk else f"{limb} held {amount} {held}",
        "missed": f"Missed the move{on}" if body else f"{limb} missed the move{on}",
        "different": f"Another move than the reference{on}" if body else f"{limb} made another move{on}",
    }
    return texts[cue.fault]


def praise_words(cue: Cue) -> str:
    """Return praise for what a cue was about: "Left arm is on time now"."""
    body, trunk, on = cue.limb == "body", cue.limb in ("body", "torso"), _on(cue)
    part = PART_WORDS[cue.limb]
    limb = part.capitalize()
    who = "You are" if body else f"{limb} is"
    pair = "Both sides" if trunk else "Both arms" if cue.limb.endswith("arm") else "Both legs"
    texts: Mapping[FaultKind, str] = {
        "late": f"{who} on time now",
        "early": f"{who} on time now",
        "uneven": f"{who} even in time now",
        "small": "Movements are big enough now" if body else f"{limb} is big enough now",
        "stiff": "You move freely now" if body else f"{limb} moves freely now",
        "shaky": f"{who} steady now",
        "off_balance": f"{who} in balance now",
        "asymmetric": f"{pair} move alike now",
        "no_level_change": "Hips rise and fall now" if trunk else f"{limb} rises and falls now",
        "posture": "The lean is gone now" if trunk else f"{limb} is in its place now",
        "missed": f"The move{on} is there now" if body else f"{limb} makes the move{on} now",
        "different": f"It is the correct move{on} now" if body else f"{limb} makes the correct move{on} now",
    }
    return texts[cue.fault]


def cue_evidence(cue: Cue, praise: bool = False) -> str:
    """Return what is behind a cue: "83 ms · counts 3 and 7 · sure"."""
    amount = amount_words(cue, fine=True)
    parts = [f"was {amount}" if praise else amount]
    counts = counts_words(cue.counts)
    if counts:
        parts.append(f"count {counts}" if len(set(cue.counts)) == 1 else f"counts {counts}")
    return " · ".join([*parts, how_sure(cue.confidence)])


def advice_words(advice: Advice, primitives: Sequence[PrimitiveScore] = ()) -> str:
    """Return what the coach says now; among `primitives` is the eight-count that it speaks of, unless it is gone."""
    if advice.praise:
        return praise_words(advice.cue)
    score = next((score for score in reversed(primitives) if score.index == advice.primitive), None)
    said = None if score is None else score.assessment
    return cue_words(advice.cue, said is None or said.quality.against_reference)


def spoken(text: str) -> str:
    """Return the words of a cue as they are to be pronounced."""
    for unit, word in _SPOKEN_UNITS.items():
        text = text.replace(unit, word)
    return text.replace("± ", "plus or minus ")


def grade_letter(quality: Quality | None) -> str:
    """Return "A"…"E", or a dash when unknown."""
    return UNKNOWN if quality is None or quality.grade is None else quality.grade


def judged_by(quality: Quality) -> str:
    """Return what the dance was compared with."""
    return "against the reference" if quality.against_reference else "judged by itself"


def quality_words(quality: Quality) -> str:
    """Return "B, 71 of 100 (90 % sure: 61 to 81), judged by itself", or "Unknown: feet out of frame"."""
    interval = quality.interval
    if quality.mean is None or interval is None:
        return f"{UNKNOWN} unknown: {quality.reason or 'not judged'}"
    low, high = (round(end) for end in interval)
    return f"{grade_letter(quality)}, {round(quality.mean)} of 100 (90 % sure: {low} to {high}), {judged_by(quality)}"


def place_words(place: ChoreographyPlace) -> str:
    """Return "Routine A, eight-count 3 of it, mirrored"."""
    return f"{place.name}, eight-count {place.primitive} of it" + (", mirrored" if place.mirrored else "")


def kind_words(assessment: Assessment) -> list[str]:
    """Return what was danced, each with how sure that is: style or "unknown style", level, dancing, place."""
    best = {label.attribute: label for label in assessment.labels if label.probability >= KNOWN}
    dancing = {"yes": "dancing", "no": "not dancing"}
    found = []
    attributes: tuple[Attribute, ...] = ("style", "level", "dancing")
    for attribute in attributes:
        label = best.get(attribute)
        if label is not None:
            found.append(f"{dancing.get(label.name, label.name)}, {how_sure(label.probability)}")
        elif attribute == "style":
            found.append("unknown style")
    place = assessment.place
    if place is not None and place.probability >= KNOWN:
        found.append(f"{place_words(place)}, {how_sure(place.probability)}")
    elif "choreography" in best:
        found.append(f"{best['choreography'].name}, {how_sure(best['choreography'].probability)}")
    return found


def score_words(score: PrimitiveScore, evidence: bool = True) -> list[str]:
    """Return all that is known of an eight-count, line by line; cues with their `evidence`."""
    lines = [f"{primitive_word(score.primitive)} {score.index}"]
    synchrony = score.synchrony
    if synchrony.msr is not None or synchrony.offset_ms is not None:
        lines.append(f"In time {percent(synchrony.msr)}, {signed_ms(synchrony.offset_ms)}")
    elif synchrony.reason:
        lines.append(f"In time {UNKNOWN} {synchrony.reason}")
    assessment = score.assessment
    if assessment is None:
        return [*lines, "Quality not judged"]
    lines.append(f"Quality {quality_words(assessment.quality)}")
    lines.append(" · ".join(kind_words(assessment)))
    against = assessment.quality.against_reference
    cues = [(cue_words(cue, against), f" ({cue_evidence(cue)})" if evidence else "") for cue in assessment.cues]
    return [*lines, *(f"{text}{behind}" for text, behind in cues)]
