"""The frozen values everyone speaks, and the skeleton. No logic beyond look-ups.

Frames of reference
-------------------
image
    x to the right, y down, both 0…1 of the unmirrored camera picture.
body
    metres, origin at the hips, x to the right of the picture, y up, z towards the camera.
room
    metres, the same axes, origin on the floor below the camera; the floor is y = 0.

Times are seconds of one clock (`dancecoach.clock`) when live, seconds from the start when read from a file,
and always the moment it happened in the world, not the moment it was processed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

# The 22 body joints of SMPL (no hands), the common ground of the dance corpora.
JOINT_NAMES = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
JOINT_COUNT = len(JOINT_NAMES)
JOINT_INDEX: Mapping[str, int] = {name: index for index, name in enumerate(JOINT_NAMES)}
JOINT_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
BONES = tuple((parent, joint) for joint, parent in enumerate(JOINT_PARENTS) if parent >= 0)
# Mirroring relabels: the joint at position i takes the data of MIRROR_JOINTS[i].
MIRROR_JOINTS = tuple(
    JOINT_INDEX[name.replace("left", "\0").replace("right", "left").replace("\0", "right")] for name in JOINT_NAMES
)

BodyPart = Literal["body", "left_arm", "right_arm", "left_leg", "right_leg", "torso"]
LIMBS: tuple[BodyPart, ...] = ("left_arm", "right_arm", "left_leg", "right_leg", "torso")
PART_JOINTS: Mapping[BodyPart, tuple[int, ...]] = {
    "left_arm": (18, 20),
    "right_arm": (19, 21),
    "left_leg": (4, 7, 10),
    "right_leg": (5, 8, 11),
    "torso": (0, 3, 6, 9, 12, 15),
    "body": tuple(range(JOINT_COUNT)),
}

MetricalLevel = Literal["every beat", "every second beat", "half beats"]


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture.

    `time` s in the world; `arrival` s when the software first had it (`time` plus the camera's latency when
    live); `image` (H, W, 3) uint8 RGB, read-only, not mirrored.
    """

    time: float
    index: int
    image: Image
    arrival: float


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """A run of samples.

    `time` s of the first sample in the air; `index` of that sample since the source was opened (a jump means
    samples were lost); `samples` (N, C) float32 −1…1; `sample_rate` Hz.
    """

    time: float
    index: int
    samples: NDArray[np.float32]
    sample_rate: int

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean (N,) of the channels."""
        if self.samples.ndim == 1:
            return self.samples
        # Adding columns takes a sixth of the time of `mean` over so few.
        total = self.samples[:, 0].copy()
        for channel in range(1, self.samples.shape[1]):
            total += self.samples[:, channel]
        return total if self.samples.shape[1] == 1 else total / np.float32(self.samples.shape[1])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the picture: `box` (left, top, right, bottom) 0…1 of the image; `followed` when locked on."""

    id: int
    box: tuple[float, float, float, float]
    followed: bool


@dataclass(frozen=True, slots=True)
class Pose:
    """The followed dancer in one frame.

    `joints` (22, 3) m, body frame; `root` (3,) m, room frame, position of the pelvis; `image_joints` (22, 2)
    image frame; `visibility` (22,) 0…1; `time` and `arrival` as in the frame it was measured in.
    """

    time: float
    person: int
    joints: Floats
    root: Floats
    image_joints: Floats
    visibility: Floats
    arrival: float


@dataclass(frozen=True, slots=True)
class PoseTrack:
    """Poses over time: `times` (T,) s; `joints` (T, 22, 3) m body frame; `roots` (T, 3) m; `visibility` (T, 22).

    `monocular` when depth was estimated from one camera and is less sure than the other two axes.
    """

    times: Floats
    joints: Floats
    roots: Floats
    visibility: Floats
    monocular: bool = False

    def __len__(self) -> int:
        return len(self.times)


BeatSource = Literal["heard", "analysed", "tapped", "file", "motion"]


def cycle_of(beats_per_bar: int) -> int:
    """Return how far dancers count: to six in bars of three (two bars) and of six (one), to eight in all others."""
    return 6 if beats_per_bar in (3, 6) else 8


def downbeats_of(beats_per_bar: int) -> tuple[int, ...]:
    """Return the counts on which a bar begins: 1 and 5; 1 and 4 in bars of three; 1 in bars of six."""
    return {3: (1, 4), 6: (1,)}.get(beats_per_bar, (1, 5))


SURE = 0.5  # confidence of a beat grid below which its count is a guess and nothing is measured by it


@dataclass(frozen=True, slots=True)
class BeatGrid:
    """Beats past and predicted.

    `beat_times` (B,) s, ascending; `counts` (B,) 1…8, or 1…6 in bars of three or six; `tempo` BPM; `confidence`
    0…1; `coasting` when the music stopped and the count runs on from memory. The count between and beyond beats is
    interpolated.
    """

    beat_times: Floats
    counts: NDArray[np.int64]
    tempo: float
    confidence: float
    source: BeatSource = "heard"
    coasting: bool = False
    beats_per_bar: int = 4

    @property
    def cycle(self) -> int:
        """How far is counted before the next 1: 8, or 6 in bars of three or six."""
        return cycle_of(self.beats_per_bar)

    @property
    def downbeats(self) -> tuple[int, ...]:
        """The counts on which a bar begins."""
        return downbeats_of(self.beats_per_bar)

    def position(self, time: float) -> float | None:
        """Return the count as a real number in [1, cycle + 1): 3.5 is halfway between 3 and 4. None without beats."""
        if len(self.beat_times) < 2:
            return None
        times = self.beat_times
        index = int(np.clip(np.searchsorted(times, time, side="right") - 1, 0, len(times) - 2))
        period = times[index + 1] - times[index]
        fraction = (time - times[index]) / period
        position = self.counts[index] - 1 + fraction
        # Between two beats nothing wraps: a recording may hold counts of a metre it had before.
        return float(position if 0 <= fraction < 1 else position % self.cycle) + 1.0

    def phase(self, time: float) -> float | None:
        """Return the place within the beat at `time`, 0…1; None without beats."""
        position = self.position(time)
        return None if position is None else position % 1.0

    def next_beat(self, time: float) -> tuple[float, int] | None:
        """Return (seconds, count) of the first beat after `time`; extrapolated by the tempo at the end."""
        if len(self.beat_times) == 0 or self.tempo <= 0:
            return None
        index = int(np.searchsorted(self.beat_times, time, side="right"))
        if index < len(self.beat_times):
            return float(self.beat_times[index]), int(self.counts[index])
        period = 60.0 / self.tempo
        steps = int((time - self.beat_times[-1]) // period) + 1
        return float(self.beat_times[-1] + steps * period), int((self.counts[-1] - 1 + steps) % self.cycle) + 1


@dataclass(frozen=True, slots=True)
class Beat:
    """One announced beat.

    `time` s; `count` 1…8, or 1…6 in bars of three or six; `announced_at` s, how far the sound had been heard when it
    was announced.
    """

    time: float
    count: int
    downbeat: bool
    tempo: float
    confidence: float
    announced_at: float


@dataclass(frozen=True, slots=True)
class Primitive:
    """One eight-count: `beat_times` (9,) s, the last is the next one's first; (7,) where six are counted."""

    start: float
    stop: float
    beat_times: Floats


@dataclass(frozen=True, slots=True)
class Synchrony:
    """How motion and beat agree over a span of time, for the body or one part of it.

    `msr_published` 0…1 (tolerance 0.4 s, for comparison only); `msr` sharp and chance-corrected, 1 is always on
    the beat, 0 what unsynchronised motion scores, may be negative; `msr_interval` its 95 % confidence interval;
    `offset_ms` median of hit − beat, + is late; `offset_interval_ms` its 95 % interval; `offset_sd_ms` spread of
    single hits. A value that cannot be measured is None and `reason` says why.
    """

    part: BodyPart
    start: float
    stop: float
    msr_published: float | None = None
    msr: float | None = None
    msr_interval: tuple[float, float] | None = None
    offset_ms: float | None = None
    offset_sd_ms: float | None = None
    offset_interval_ms: tuple[float, float] | None = None
    level: MetricalLevel | None = None
    n_hits: int = 0
    n_beats: int = 0
    reason: str | None = None
    parts: tuple[Synchrony, ...] = ()


FaultKind = Literal[
    "late",
    "early",
    "uneven",
    "small",
    "stiff",
    "shaky",
    "off_balance",
    "asymmetric",
    "no_level_change",
    "posture",
    "missed",
    "different",
]
Grade = Literal["A", "B", "C", "D", "E"]
Level = Literal["beginner", "intermediate", "expert"]
Attribute = Literal["style", "level", "dancing", "choreography"]


@dataclass(frozen=True, slots=True)
class Label:
    """What a movement is, in one respect: `name` (of a style, a level, ...) and how probable that is, 0…1."""

    attribute: Attribute
    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How well it was danced: `mean` 0…100 and `variance` (points squared) of a normal distribution, and its `grade`.

    All None when the coach abstains, and `reason` says why. `against_reference` when it was compared with a reference
    and not only judged by itself.
    """

    mean: float | None = None
    variance: float | None = None
    grade: Grade | None = None
    reason: str | None = None
    against_reference: bool = False

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 90 % interval, points, within 0…100."""
        if self.mean is None or self.variance is None:
            return None
        half = 1.645 * self.variance**0.5
        return max(self.mean - half, 0.0), min(self.mean + half, 100.0)


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing to work on, measured.

    `amount` in `unit` ("ms", "%", "cm" or "°"), without a sign: the fault says the direction; `counts` on which it
    was seen; `confidence` 0…1; `severity` the points of quality it costs.
    """

    limb: BodyPart
    fault: FaultKind
    amount: float
    unit: str
    counts: tuple[int, ...]
    confidence: float
    severity: float


@dataclass(frozen=True, slots=True)
class ChoreographyPlace:
    """Where in a learned choreography an eight-count is.

    `primitive` its number in the choreography, from 1; `mirrored` when left and right are exchanged; `probability`
    0…1.
    """

    name: str
    primitive: int
    mirrored: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the coach says about one eight-count.

    `labels` the likeliest name of each attribute; `cues` the gravest first; `saliency` (22,) share of the deducted
    points that each joint is answerable for, sums to 1, None where nothing was deducted or the quality is unknown.
    """

    quality: Quality
    labels: tuple[Label, ...] = ()
    cues: tuple[Cue, ...] = ()
    saliency: Floats | None = None
    place: ChoreographyPlace | None = None


@dataclass(frozen=True, slots=True)
class PrimitiveScore:
    """A finished eight-count, its number in the session, its synchrony and, where it was judged, its assessment."""

    index: int
    primitive: Primitive
    synchrony: Synchrony
    assessment: Assessment | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What the coach says now: a cue, or praise for what a `cue` was about and is mended.

    `time` s when it was given; `primitive` the number of the eight-count it speaks of.
    """

    time: float
    primitive: int
    cue: Cue
    praise: bool = False


PartnerRole = Literal["follower", "leader"]
# How much the partner knows of the dancer: nobody seen yet; seen; seen badly or lost for a moment; lost, it dances on
# from the beat; lost for longer, it dances by itself and waits.
PartnerState = Literal["waiting", "following", "uncertain", "holding", "solo"]


@dataclass(frozen=True, slots=True)
class FollowerMotion:
    """The duet around now.

    `times` (T,) s, ascending, 30 a second, from about a second ago to the newest that was generated, which lies
    ahead of now; `joints` (T, 22, 3) m, room frame, of the synthesised partner; `contacts` (T, 4) 0…1 how surely left
    ankle, right ankle, left foot and right foot stand on the floor; `leader` (T, 22, 3) m, room frame, the dancer as
    the partner understood: smoothed, with the bones of its skeleton, anticipated where it is ahead of what was seen;
    `holds` (T, 4) 0…1 how surely hands are held, in the order of `HAND_PAIRS`; `ghosts` (T, 22, 3) m where the
    partner is expected to be some counts later, None when switched off or unknown. `state` and `feet_inferred` (the
    dancer's feet are out of the picture) are those of the newest; `role` is the partner's.
    """

    times: Floats
    joints: Floats
    contacts: Floats
    leader: Floats
    holds: Floats
    ghosts: Floats | None = None
    state: PartnerState = "waiting"
    feet_inferred: bool = False
    role: PartnerRole = "follower"


# Which hands may be held: (wrist of the dancer, wrist of the partner).
HAND_PAIRS = ((20, 21), (21, 20), (20, 20), (21, 21))


NoticeLevel = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know: a short `text`, a `remedy`, a stable `code` for tests and translations."""

    code: str
    text: str
    remedy: str = ""
    level: NoticeLevel = "warning"


@dataclass(frozen=True, slots=True)
class StageTiming:
    """Durations of one stage over the last seconds, ms; `rate` steps a second; `dropped` inputs since start."""

    p50_ms: float
    p95_ms: float
    rate: float
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class MusicState:
    """The music player: `position`, `duration`, loop bounds in seconds of the music; `speed` 0.5…1.1."""

    path: str
    title: str
    position: float
    duration: float
    playing: bool
    speed: float = 1.0
    loop: tuple[float, float] | None = None
    counting_in: bool = False


@dataclass(frozen=True, slots=True)
class RecordingState:
    """The running recording: `folder`, `seconds` so far."""

    folder: str
    seconds: float
    with_video: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the screen shows at one moment; the user interface reads nothing else.

    `frame` the newest picture and `pose` the newest smoothed pose (of that frame or an earlier one); `synchrony_8`
    and `synchrony_32` over the last 8 and 32 counts, `synchrony_total` over the take; `music_heard` is False in
    silence; `camera_rate` frames a second, None before it is known; `advice` at most two things to say at present;
    `provider` what the encoders run on, "" without them; `partner` the synthesised partner, None when switched off.
    """

    time: float
    frame: VideoFrame | None = None
    pose: Pose | None = None
    people: tuple[Person, ...] = ()
    beat_grid: BeatGrid | None = None
    synchrony_8: Synchrony | None = None
    synchrony_32: Synchrony | None = None
    synchrony_total: Synchrony | None = None
    primitives: tuple[PrimitiveScore, ...] = ()
    advice: tuple[Advice, ...] = ()
    provider: str = ""
    partner: FollowerMotion | None = None
    notices: tuple[Notice, ...] = ()
    music: MusicState | None = None
    recording: RecordingState | None = None
    music_heard: bool = False
    sound_level: float | None = None
    camera_rate: float | None = None
    camera_name: str = ""
    audio_name: str = ""
    display_latency: float = 0.0
    timings: Mapping[str, StageTiming] = field(default_factory=dict)
