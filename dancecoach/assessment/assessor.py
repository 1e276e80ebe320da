"""What is said of one eight-count: live as it ends, and of recordings, by the same code.

```
poses around it ─► can it be judged? ─┬─► known choreography or reference ─► comparison ─► rubric ─► quality, cues
                                      └─► by itself: encoders ─► quality; beats and movement ─► cues
```
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from dancecoach.assessment import cues as cueing
from dancecoach.assessment.abstaining import beat_unsure, mended, why_not
from dancecoach.assessment.choreography import Choreography, Placed, place, steps_of
from dancecoach.assessment.comparison import Comparison, chain_of, compare
from dancecoach.assessment.encoders import Judgement
from dancecoach.assessment.kinematics import body_of
from dancecoach.assessment.rubric import RULES, TWINS, grade_of, score, severity, sure_level
from dancecoach.types import (
    JOINT_COUNT,
    Assessment,
    BeatGrid,
    BodyPart,
    ChoreographyPlace,
    FaultKind,
    Floats,
    Label,
    PoseTrack,
    Primitive,
    Quality,
    Synchrony,
)

BEFORE, AFTER = 2.0, 0.8  # s of poses around an eight-count that are looked at as well
# Standard deviation of a quality against a reference, by motion capture and by one camera: points (they are shown
# whole, so they are not surer than that), and by kind the share of its own deduction that is uncertain. For motion
# capture from how far faults put into takes of the training split were misjudged, by `training/faults.py` and by
# other means; uneven, small, stiff, shaky, missed and different are wider for what was seen on held-out takes.
_SD = 0.5, 5.0
_UNSURE: Mapping[FaultKind, tuple[float, float]] = {
    "late": (0.01, 0.1),
    "early": (0.01, 0.1),
    "uneven": (0.05, 0.7),
    "small": (0.03, 0.2),
    "stiff": (0.15, 0.6),
    "shaky": (0.05, 0.3),
    "off_balance": (0.02, 0.16),
    "asymmetric": (0.02, 0.16),
    "no_level_change": (0.04, 0.16),
    "posture": (0.01, 0.1),
    "missed": (0.1, 0.3),
    "different": (0.15, 0.4),
}
# A fault that is only like what was found leaves a difference; of that, relative to what is explained, the share of
# the deduction that is uncertain as well.
_UNLIKE = 0.5
_UNSURE_TIMING = 0.05  # of what lateness against the music costs, where there is no reference
# Points of standard deviation beyond which a movement judged by itself is not given points. Through one camera the
# networks were seen to differ from motion capture by more than a grade.
_VAGUE, _VAGUE_MONOCULAR = 25.0, 10.0
# The same for one camera against a reference.
_VAGUE_AGAINST = 12.0
_UNSURE_ALONE = "too unsure without a reference"
_UNSURE_SEEN = "too unsure through one camera"
_NOT_IT = "not the reference's movement"


def window(track: PoseTrack, primitive: Primitive) -> PoseTrack:
    """Return the poses that an eight-count is judged by."""
    first, last = np.searchsorted(track.times, (primitive.start - BEFORE, primitive.stop + AFTER))
    inside = slice(int(first), int(last))
    return PoseTrack(
        track.times[inside],
        track.joints[inside],
        track.roots[inside],
        track.visibility[inside],
        track.monocular,
    )


class Assessor:
    """Judges eight-counts.

    Parameters
    ----------
    known : sequence of Choreography
        What may be recognised.
    reference : Choreography, optional
        What the dancer is said to dance; compared with whatever is recognised besides.
    """

    def __init__(self, known: Sequence[Choreography] = (), reference: Choreography | None = None) -> None:
        self._known = tuple(known)
        self._reference = reference

    def assess(
        self,
        track: PoseTrack,
        primitive: Primitive,
        grid: BeatGrid | None,
        synchrony: Synchrony,
        judgement: Judgement | None,
        labels: Sequence[Label] = (),
        no_judgement: str = "the model is missing",
    ) -> Assessment:
        """Return what is to be said of an eight-count.

        Parameters
        ----------
        track : PoseTrack
            At least the poses of the eight-count; those of `window` are used.
        primitive : Primitive
        grid : BeatGrid or None
            The beats; None where there are none and the eight-count is one of the movement's own.
        synchrony : Synchrony
            Of this eight-count and those around it.
        judgement : Judgement or None
            What the encoders say; where None, `no_judgement` is why.
        labels : sequence of Label
            Of prompts and prototypes; they go before the encoders' own.
        """
        track = mended(window(track, primitive))
        reason = why_not(track, primitive.start, primitive.stop)
        if reason is not None:
            return Assessment(Quality(reason=reason))
        dancer = body_of(track)
        references = (self._reference,) if self._reference is not None else self._known
        placed = place(dancer, primitive, grid, references, surely=self._reference is not None)
        said = list(labels)
        if judgement is not None and judgement.familiar:
            said += _labels(judgement, {label.attribute for label in labels})
        if placed is not None and placed.probability > 0:
            times = steps_of(primitive, dancer)
            compared = compare(
                dancer,
                placed.choreography.reference(placed.mirrored),
                primitive.start,
                primitive.stop,
                placed.when(times),
            )
            return self._against(compared, placed, primitive, track.monocular, said)
        if self._reference is not None:
            return Assessment(Quality(reason=_NOT_IT, against_reference=True), tuple(said))
        timing = () if beat_unsure(grid) or _own(grid) else cueing.from_synchrony(synchrony, primitive)
        found = cueing.gravest(timing, cueing.from_movement(dancer, primitive))
        if judgement is None:
            return Assessment(Quality(reason=no_judgement), tuple(said), found)
        if not judgement.familiar:
            return Assessment(Quality(reason="unlike anything seen"), tuple(said))
        if judgement.dancing < 0.5:
            return Assessment(Quality(reason="this is not dancing"), tuple(said))
        if judgement.variance > (_VAGUE_MONOCULAR if track.monocular else _VAGUE) ** 2:
            return Assessment(Quality(reason=_UNSURE_ALONE), tuple(said), found)
        mean, variance = judgement.mean, judgement.variance
        for cue in timing:
            # The networks can hardly tell lateness from a movement alone, so what was measured against music counts.
            mean, variance = _less(mean, variance, cue.severity, _UNSURE_TIMING)
        quality = _quality(mean, variance, against=False)
        said += _level(quality, said)
        return Assessment(quality, tuple(said), found, judgement.saliency)

    def _against(
        self, compared: Comparison, placed: Placed, primitive: Primitive, monocular: bool, said: list[Label]
    ) -> Assessment:
        faults = cueing.measured_faults(compared, monocular)
        found = cueing.from_comparison(compared, primitive, monocular)
        if not placed.timed:
            faults = [each for each in faults if not _of_the_whole(each[0], each[1])]
            found = tuple(cue for cue in found if not _of_the_whole(cue.limb, cue.fault))
        mean, variance = score(faults), _variance(faults, compared, monocular)
        quality = _quality(mean, variance, against=True)
        if monocular and variance > _VAGUE_AGAINST**2:
            quality = Quality(reason=_UNSURE_SEEN, against_reference=True)
        named = ChoreographyPlace(placed.choreography.name, placed.primitive, placed.mirrored, placed.probability)
        if placed.choreography is not self._reference:
            said.append(Label("choreography", named.name, named.probability))
        return Assessment(
            quality,
            (*said, *_level(quality, said)),
            cueing.gravest(found),
            saliency_of(faults, compared.deviations),
            named,
        )


def _variance(faults: Sequence[tuple[BodyPart, FaultKind, float]], compared: Comparison, monocular: bool) -> float:
    """Return the variance, points squared, of a quality that was measured against a reference."""
    total = _SD[monocular] ** 2
    left_over = {(each.part, each.kind): math.sqrt(max(1.0 - each.share, 0.0)) for each in compared.findings}
    for part, kind, amount in faults:
        # A weak side is found once, by one of its limbs.
        apart = left_over.get((part, kind)) or left_over.get((TWINS.get(part, part), kind), 0.0)
        total += (math.hypot(_UNSURE[kind][monocular], _UNLIKE * apart) * severity(part, kind, amount)) ** 2
    for part, kind, amount in cueing.measured_faults(compared, monocular, plain=False):
        total += severity(part, kind, amount) ** 2  # it may be so, or not at all
    # What differs and was not explained might be a fault as grave as another move.
    for part, share in compared.unexplained.items():
        total += (0.5 * share * severity(part, "different", RULES["different"].full)) ** 2
    return total


def _less(mean: float, variance: float, severity_points: float, unsure: float) -> tuple[float, float]:
    """Return mean and variance of a quality after a fault that alone costs these points, `unsure` a share of them."""
    left = 1.0 - severity_points / 100.0
    return mean * left, variance * left**2 + (unsure * severity_points * mean / 100.0) ** 2


def _own(grid: BeatGrid | None) -> bool:
    """Whether the beats are the movement's own, against which nothing can be late."""
    return grid is not None and grid.source == "motion"


def _of_the_whole(part: BodyPart, kind: FaultKind) -> bool:
    return part == "body" and kind in ("late", "early")


def _quality(mean: float, variance: float, against: bool) -> Quality:
    mean = min(max(mean, 0.0), 100.0)
    return Quality(mean, max(variance, 0.0), grade_of(mean), None, against)


def _level(quality: Quality, said: Sequence[Label]) -> list[Label]:
    if quality.mean is None or quality.variance is None or any(label.attribute == "level" for label in said):
        return []
    found = sure_level(quality.mean, quality.variance)
    return [] if found is None else [Label("level", *found)]


def _labels(judgement: Judgement, said: set[str]) -> list[Label]:
    labels: list[Label] = []
    if judgement.styles and "style" not in said:
        likeliest = max(judgement.styles, key=lambda name: judgement.styles[name])
        labels.append(Label("style", likeliest, judgement.styles[likeliest]))
    dancing = judgement.dancing >= 0.5
    probability = judgement.dancing if dancing else 1 - judgement.dancing
    labels.append(Label("dancing", "dancing" if dancing else "not dancing", probability))
    return labels


def saliency_of(faults: Sequence[tuple[BodyPart, FaultKind, float]], deviations: Floats) -> Floats | None:
    """Return for each joint (22,) its share of the deducted points; None when none were.

    A fault's points go to the joints of its part, by how far (m) each of them was off.
    """
    points = np.zeros(JOINT_COUNT)
    for part, kind, amount in faults:
        joints = list(chain_of(part))
        weights = deviations[joints] ** 2 + 1e-8
        points[joints] += severity(part, kind, amount) * weights / weights.sum()
    total = float(points.sum())
    if total <= 0:
        return None
    shares = points / total
    shares.flags.writeable = False
    return shares
