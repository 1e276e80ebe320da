"""Clips with known faults to train the assessment with: windows of real takes, changed in known ways.

Takes that nobody has put a fault into count as 100: nobody has judged them, and the cards say so. A clip is a
lead-in, which only fills the filters, and a primitive of 2.5 to 5.5 s. Clips come in groups of the same window, first
without a fault, then with faults of several strengths, so that their order can be trained and measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from dancecoach.assessment.motion_features import CHANNELS, RATE, MotionFeatures
from dancecoach.assessment.rhythm import find_rhythm
from dancecoach.assessment.rubric import RULES, severity
from dancecoach.perception.music_features import FEATURES
from dancecoach.training import corpus
from dancecoach.training.faults import TRAINED, Fault, draw, inject, parts_of
from dancecoach.training.pairs import read_pairs
from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_PARENTS, LIMBS, BodyPart, FaultKind, Floats

STYLES = ("salsa", "modern", "indian", "not dancing")
PARTS: tuple[BodyPart, ...] = (*LIMBS, "body")
LEAD = 36  # frames before the primitive
SHORTEST, LONGEST = 75, 165  # frames of a primitive
GROUP = 4  # clips of one window
_MOVES = 0.15  # m/s of a limb against the body, above which it is moving
_ENDS: dict[BodyPart, tuple[str, str]] = {
    "left_arm": ("left_wrist", "left_shoulder"),
    "right_arm": ("right_wrist", "right_shoulder"),
    "left_leg": ("left_ankle", "left_hip"),
    "right_leg": ("right_ankle", "right_hip"),
    "torso": ("neck", "pelvis"),
}
_WEBCAM = 0.22  # share of windows seen as by a webcam
_BLIND = 0.35  # share of windows without known beats
# Takes that choose between networks and calibrate them; not trained on, and not the held-out ones of the figures.
VALIDATION = ("60_13", "61_13", "05_12", "05_16", "94_14", "08_01", "02_04", "J_Dance3_Broadway", "B_LongDance")

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Take:
    """A take of the corpus at 30 Hz.

    `joints` (T, 22, 3) m in the room; `beats` (B,) s, the first of them `first_count`; `music` (T, F) features.
    """

    name: str
    corpus: str
    performer: str
    style: str
    dancing: bool
    held_out: bool
    joints: Floats
    beats: Floats | None = None
    first_count: int = 1
    music: Array | None = None

    @property
    def times(self) -> Floats:
        """The times (T,) s."""
        return np.arange(len(self.joints)) / RATE

    @property
    def style_index(self) -> int:
        """Its place in `STYLES`; −1 where it has none of them, or only the name of a clip says so (robots)."""
        return STYLES.index(self.style) if self.style in STYLES and self.corpus != "g1" else -1


@dataclass(frozen=True, slots=True)
class Clip:
    """A window with its truth.

    `joints` (N, 22, 3) m, `visibility` (N, 22), `positions` (N,) counts, the first `lead` frames a lead-in; `faults`
    that are in it; `webcam` when corrupted as by a camera; `music` (N, F) features, None where there is none.
    """

    take: Take
    start: int
    lead: int
    joints: Floats
    visibility: Floats
    positions: Floats
    faults: tuple[Fault, ...]
    webcam: bool
    music: Array | None = None

    def features(self) -> Array:
        """Return features (N, 22, 21)."""
        return MotionFeatures().block(self.joints, self.visibility, self.positions)


def read_corpus(folder: Path, rhythm: bool = True, pairs: Path | None = None) -> list[Take]:
    """Return the takes of a prepared folder that last three seconds at least, with the beats they are danced to.

    `pairs` is the folder of their music, if there is any (`training.pairs`).

    Raises
    ------
    FileFormatError
        When the folder holds no such corpus.
    """
    music = {} if pairs is None else {pair.name: pair for pair in read_pairs(pairs)}
    takes = []
    for each in corpus.load(folder):
        even = _even(each.times - each.times[0], each.joints.astype(np.float64))
        if len(even) < 3 * RATE:
            continue
        beats, counts = each.beats, each.counts
        heard = music.get(f"{each.corpus}-{each.take}")
        if heard is not None:
            beats, counts = heard.beats - heard.start, heard.counts
        if rhythm and beats is None and each.dancing and (grid := find_rhythm(each.track())) is not None:
            beats, counts = grid.beat_times - each.times[0], grid.counts
        takes.append(
            Take(
                name=each.take,
                corpus=each.corpus,
                performer=each.performer,
                style=each.style,
                dancing=each.dancing,
                held_out=each.held_out,
                joints=even,
                beats=beats,
                first_count=1 if counts is None or not len(counts) else int(counts[0]),
                music=None if heard is None else heard.features[: len(even)],
            )
        )
    return takes


def is_validation(take: Take) -> bool:
    """Return whether a take is kept for choosing and calibrating."""
    return take.name in VALIDATION


def _even(times: Floats, joints: Floats) -> Floats:
    """Return joints at 30 Hz; smoothed first, so that nothing above 15 Hz folds back."""
    rate = (len(times) - 1) / (times[-1] - times[0])
    if rate > 1.5 * RATE:
        joints = gaussian_filter1d(joints, 0.35 * rate / RATE, axis=0, mode="nearest")
    return _at(joints, np.arange(0.0, times[-1] + 1e-9, 1.0 / RATE) * rate)


def _at(values: Floats, places: Floats) -> Floats:
    """Return values (M, ...) at real indices `places` (M,), held beyond the ends."""
    places = np.clip(places, 0, len(values) - 1)
    low = np.minimum(places.astype(np.intp), len(values) - 2)
    share = (places - low).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - share) * values[low] + share * values[low + 1])


def moving_parts(joints: Floats) -> list[BodyPart]:
    """Return the limbs that move against the body in joints (N, 22, 3) m at 30 Hz; the trunk always counts."""
    found: list[BodyPart] = []
    for part, (end, root) in _ENDS.items():
        reach = joints[:, JOINT_INDEX[end]] - joints[:, JOINT_INDEX[root]]
        speed = np.linalg.norm(np.diff(reach, axis=0), axis=1).mean() * RATE
        if part == "torso" or speed > _MOVES:
            found.append(part)
    return found


def targets_of(faults: Sequence[Fault], kinds: Sequence[FaultKind] = TRAINED) -> tuple[Array, Array]:
    """Return what a head should say of these faults.

    Returns
    -------
    deductions (5,)
        −log of the share of quality that each limb leaves; a fault of the body is shared among all five. They sum
        to −log(quality / 100).
    amounts (6, K)
        Share of the rubric's full amount of each kind, of the five limbs and the body; 0 where there is none.
    """
    deductions = np.zeros(len(LIMBS), dtype=np.float32)
    amounts = np.zeros((len(PARTS), len(kinds)), dtype=np.float32)
    for fault in faults:
        for part in parts_of(fault):
            lost = -np.log(1.0 - severity(part, fault.kind, fault.amount) / 100.0)
            if part == "body":
                deductions += lost / len(LIMBS)
            else:
                deductions[LIMBS.index(part)] += lost
            if fault.kind in kinds:
                share = min(fault.amount / RULES[fault.kind].full, 1.0)
                amounts[PARTS.index(part), kinds.index(fault.kind)] = share
    return deductions, amounts


def counts_at(beats: Floats | None, times: Floats, shift: int = 0) -> Floats:
    """Return counts (T,) at times (T,) s of beats (B,) s, of which the first is count 1 + `shift`; NaN without."""
    if beats is None or len(beats) < 4:
        return np.full(len(times), np.nan)
    period = float(np.median(np.diff(beats)))
    index = np.interp(times, beats, np.arange(len(beats)))
    index += np.where(times < beats[0], (times - beats[0]) / period, 0.0)
    index += np.where(times > beats[-1], (times - beats[-1]) / period, 0.0)
    return np.asarray((index + shift) % 8 + 1.0)


class Clips:
    """Draws groups of clips from takes, for ever.

    Parameters
    ----------
    takes : sequence of Take
    rng : Generator
    augmented : bool
        Whether bodies, tempo and camera vary.
    kinds : sequence of FaultKind
    """

    def __init__(
        self,
        takes: Sequence[Take],
        rng: np.random.Generator,
        augmented: bool = True,
        kinds: Sequence[FaultKind] = TRAINED,
    ) -> None:
        self._takes = [take for take in takes if len(take.joints) > LEAD + SHORTEST + 2]
        self._rng, self._augmented, self._kinds = rng, augmented, kinds
        # Every style is seen as often; within a style, long takes more often.
        lengths = np.array([len(take.joints) for take in self._takes], float)
        styles = np.array([take.style if take.style in STYLES else "other" for take in self._takes])
        share = {"other": 1.5, "salsa": 1.5}
        weights = np.zeros(len(lengths))
        for style in set(styles.tolist()):
            chosen = styles == style
            weights[chosen] = share.get(style, 1.0) * lengths[chosen] / lengths[chosen].sum()
        self._weights = weights / weights.sum()

    def groups(self) -> Iterator[list[Clip]]:
        """Yield groups."""
        while True:
            yield self.group()

    def group(self) -> list[Clip]:
        """Return the clips of one window: no fault, faults, the same ones weaker or stronger, other faults."""
        rng = self._rng
        take = self._takes[int(rng.choice(len(self._takes), p=self._weights))]
        tempo = float(np.exp(rng.uniform(-0.14, 0.14))) if self._augmented else 1.0
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        source = int((LEAD + length) * tempo) + 2
        while source > len(take.joints):
            length, tempo = max(SHORTEST, length - 15), 1.0 if length == SHORTEST else tempo
            source = int((LEAD + length) * tempo) + 2
        start = int(rng.integers(0, len(take.joints) - source + 1))
        places = start + np.arange(LEAD + length) * tempo
        joints = _at(take.joints, places)
        beats = None
        if take.beats is not None:
            beats = (take.beats * RATE - start) / tempo / RATE
        # Where a count begins cannot be known without music but in salsa; elsewhere any beat may be the odd one.
        parity = int(rng.random() < (0.2 if take.style == "salsa" else 0.5))
        positions = counts_at(beats, np.arange(len(joints)) / RATE, take.first_count - 1 + parity)
        if rng.random() < _BLIND:
            positions = np.full(len(joints), np.nan)
        if self._augmented:
            joints = another_body(joints, rng)
        moving = moving_parts(joints)
        first = self._faults(moving)
        scale = float(rng.uniform(0.15, 1.0)) / max(max((_share(each) for each in first), default=1.0), 1e-6)
        second = [replace(each, amount=each.amount * scale) for each in first]
        webcam = self._augmented and rng.random() < _WEBCAM
        music = None if take.music is None else take.music[np.clip(places.astype(np.intp), 0, len(take.music) - 1)]
        clean = Clip(take, start, LEAD, joints, np.ones(joints.shape[:2]), positions, (), webcam, music)
        times = np.arange(len(joints)) / RATE
        near = None if beats is None else beats[(beats > -1.0) & (beats < times[-1] + 1.0)]
        faulty = [
            replace(clean, joints=inject(times, joints, faults, rng, near), faults=tuple(faults))
            for faults in (first, second, self._faults(moving))
        ]
        group = [clean, *faulty]
        return [seen_by_webcam(clip, rng) for clip in group] if webcam else group

    def _faults(self, moving: Sequence[BodyPart]) -> list[Fault]:
        for _ in range(20):
            if faults := draw(self._rng, self._kinds, moving):
                return faults
        return []


def _share(fault: Fault) -> float:
    return fault.amount / RULES[fault.kind].full


def another_body(joints: Floats, rng: np.random.Generator) -> Floats:
    """Return the movement (N, 22, 3) m of a body of another size and other proportions, the same on both sides."""
    factors = np.exp(rng.normal(0.0, 0.06, JOINT_COUNT))
    for name, index in JOINT_INDEX.items():
        if name.startswith("right"):
            factors[index] = factors[JOINT_INDEX[name.replace("right", "left")]]
    scale = float(np.exp(rng.uniform(-0.16, 0.16)))
    bones = joints - joints[:, np.maximum(JOINT_PARENTS, 0)]
    new = np.empty_like(joints)
    new[:, 0] = joints[:, 0] * scale
    for joint in range(1, JOINT_COUNT):
        new[:, joint] = new[:, JOINT_PARENTS[joint]] + bones[:, joint] * scale * factors[joint]
    return new


def seen_by_webcam(clip: Clip, rng: np.random.Generator) -> Clip:
    """Return a clip as a pose estimator sees it: jitter of 3 to 12 mm, wandering depth, joints lost, feet cut off."""
    count = len(clip.joints)
    local = clip.joints - clip.joints[:, :1]
    keep = float(rng.uniform(0.2, 0.6))
    jitter = lfilter([1 - keep], [1.0, -keep], rng.standard_normal(local.shape), axis=0)
    jitter *= float(rng.uniform(0.003, 0.012)) * np.sqrt((1 + keep) / (1 - keep))
    slow = np.exp(-1.0 / (RATE * float(rng.uniform(0.2, 0.8))))
    depth = lfilter([np.sqrt(1 - slow**2)], [1.0, -slow], rng.standard_normal((count, JOINT_COUNT)), axis=0)
    angle = float(rng.uniform(0, 2 * np.pi))
    depth = depth[..., None] * np.array([np.cos(angle), 0.0, np.sin(angle)]) * float(rng.uniform(0.01, 0.04))
    # Joints near the hips are known better than the ends of limbs.
    reach = np.clip(np.linalg.norm(local, axis=2, keepdims=True) / 0.6, 0.2, 1.2)
    seen = local + jitter + depth * reach
    visibility = np.clip(
        rng.normal(0.93, 0.05, (1, JOINT_COUNT)) + rng.normal(0, 0.02, (count, JOINT_COUNT)), 0.5, 1.0
    )
    for _ in range(int(rng.integers(0, 4))):
        joint, first, frames = int(rng.integers(4, JOINT_COUNT)), int(rng.integers(count)), int(rng.integers(5, 30))
        visibility[first : first + frames, joint] = 0.1
    if rng.random() < 0.15:
        visibility[:, [7, 8, 10, 11]] = 0.05
    return replace(clip, joints=seen - seen[:, :1], visibility=visibility, webcam=True)


def table_of(groups: Sequence[Sequence[Clip]]) -> dict[str, NDArray[np.generic]]:
    """Return groups as arrays of one length, for a file.

    Features (N, LEAD + LONGEST, 22, 21) float16, zero beyond `length` (N,); `deductions` (N, 5), `amounts` (N, 6, K),
    `group` (N,), `style` (N,) index or −1, `dancing` (N,), `take` (N,) names, `webcam` (N,), `music` (N, T, F)
    float16, zero where there is none.
    """
    clips = [clip for group in groups for clip in group]
    features = np.zeros((len(clips), LEAD + LONGEST, JOINT_COUNT, CHANNELS), dtype=np.float16)
    music = np.zeros((len(clips), LEAD + LONGEST, FEATURES), dtype=np.float16)
    truths = [targets_of(clip.faults) for clip in clips]
    for index, clip in enumerate(clips):
        features[index, : len(clip.joints)] = clip.features()
        if clip.music is not None:
            music[index, : len(clip.music)] = clip.music
    return {
        "features": features,
        "music": music,
        "length": np.array([len(clip.joints) for clip in clips], dtype=np.int32),
        "deductions": np.stack([each[0] for each in truths]),
        "amounts": np.stack([each[1] for each in truths]),
        "group": np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
        "style": np.array([clip.take.style_index for clip in clips]),
        "dancing": np.array([clip.take.dancing for clip in clips]),
        "take": np.array([clip.take.name for clip in clips]),
        "webcam": np.array([clip.webcam for clip in clips]),
    }
