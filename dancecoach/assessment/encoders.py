"""The learned part of the assessment at run time: frames in, a judgement of each eight-count out, by ONNX Runtime.

```
pose ─► features (30 Hz) ─► encoder, every second frame ─► ring of the last 12 s ──start…stop──► pooled ─┐
                    └─────► the same, mirrored ──────────► ring                 └► descriptors ─► heads ─► Judgement
```

A movement and its mirror image run through the encoder together and are judged together, so a mirrored dancer gets
the same points to the last digit. Live and offline are the same steps.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from dancecoach.assessment.descriptors import describe_both
from dancecoach.assessment.motion_features import RATE, FeatureStream, mirrored
from dancecoach.errors import ModelError
from dancecoach.types import (
    JOINT_COUNT,
    LIMBS,
    MIRROR_JOINTS,
    PART_JOINTS,
    BeatGrid,
    BodyPart,
    FaultKind,
    Floats,
    PoseTrack,
)

log = logging.getLogger(__name__)

MODELS = Path(__file__).resolve().parent.parent.parent / "models"
FRAMES = 2  # of 30 a second, in one step of the encoder
KEPT = 12.0  # s of a live stream that can still be judged
_LATE_START = 0.2  # s by which what is remembered may begin late
_LEAST = 24  # frames of a primitive, below which nothing is said of it
_PROVIDERS = ("CUDAExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
_REMEDY = "Install dancecoach again."

Array = NDArray[np.float32]
_Cells = Mapping[BodyPart, Mapping[FaultKind, float]]
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network says of a primitive.

    `mean` points 0…100 and `variance` points² of its quality; `part_deductions` points each limb is answerable for,
    which add up to 100 − mean; `saliency` (22,) share of them by joint, sums to 1; `kinds` how probable each kind of
    fault is, and `amounts` how grave, as a share of the rubric's full amount, by part; `styles` probabilities that
    sum to 1; `dancing` 0…1; `embedding` (64,) of unit length; `distance` from the movements it was trained on, 1 is
    the threshold below which it is `familiar`; `msr` guessed from motion and music, None without.
    """

    mean: float
    variance: float
    part_deductions: Mapping[BodyPart, float]
    saliency: Floats
    kinds: Mapping[BodyPart, Mapping[FaultKind, float]]
    amounts: Mapping[BodyPart, Mapping[FaultKind, float]]
    styles: Mapping[str, float]
    dancing: float
    embedding: Floats
    distance: float
    familiar: bool
    msr: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the encoder kept of a primitive: of N frames and S steps, for the movement and its mirror image.

    `features` (N, 22, 21); `times` (S,) s of the steps; `maps` (S, 2, 22); `parts` (S, 2, 5, C).
    """

    features: Array
    times: Floats
    maps: Array
    parts: Array


def open_session(path: Path) -> tuple[Any, Mapping[str, str], str]:
    """Return a session on one thread, the metadata of the model, and the provider it runs on.

    Raises
    ------
    ModelError
        When the file is missing or damaged.
    """
    # ONNX Runtime takes a fifth of a second to import; who needs no network does not wait for it.
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"The network {path.name} is missing.", _REMEDY)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    available = onnxruntime.get_available_providers()
    wanted = [each for each in _PROVIDERS if each in available]
    # A GPU's library that cannot be loaded is no error: the next provider is taken.
    onnxruntime.set_default_logger_severity(4)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=wanted)
        about = session.get_modelmeta().custom_metadata_map
        return session, about, str(session.get_providers()[0]).removesuffix("ExecutionProvider")
    except Exception as error:
        raise ModelError(f"{path.name} is not a network of dancecoach.", _REMEDY) from error
    finally:
        onnxruntime.set_default_logger_severity(2)


class MotionEncoder:
    """Poses in, one after the other; what was seen of any of the last 12 s out.

    Parameters
    ----------
    path : Path
        ONNX file written by `dancecoach.training.motion_network.export`.
    kept : float
        s that are remembered.

    Raises
    ------
    ModelError
        When the file is missing or no motion encoder.
    """

    def __init__(self, path: Path = MODELS / "motion.onnx", kept: float = KEPT) -> None:
        self._session, about, self.provider = open_session(path)
        try:
            self._dilations = np.array([int(each) for each in about["dilations"].split(",")])
            self._layers, _, _, self.width = (int(each) for each in self._session.get_outputs()[2].shape)
            taps = int(self._session.get_inputs()[1].shape[1])
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(f"{path.name} is not a motion encoder.", _REMEDY) from error
        # Steps back at which each layer looks at its past, oldest first.
        self._offsets = self._dilations[:, None] * np.arange(taps, 0, -1)
        self._size = int(self._offsets.max()) + 1
        self._kept = kept
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._stream = FeatureStream()
        limit = None if not np.isfinite(self._kept) else int(self._kept * RATE)
        self._frames: deque[tuple[float, Array]] = deque(maxlen=limit)
        self._steps: deque[tuple[float, Array, Array]] = deque(maxlen=None if limit is None else limit // FRAMES)
        self._begin()

    def _begin(self) -> None:
        self._history = np.zeros((self._layers, self._size, 2, JOINT_COUNT, self.width), dtype=np.float32)
        self._count = 0
        self._waiting: list[Array] = []

    def step(self, time: float, joints: Floats, visibility: Floats, grid: BeatGrid | None = None) -> None:
        """Add a pose at `time` s: joints (22, 3) m, visibility (22,), and the beats as they are known now."""
        self.follow(np.array([time]), joints[None], visibility[None], grid)

    def follow(self, times: Floats, joints: Floats, visibility: Floats, grid: BeatGrid | None = None) -> None:
        """Add poses at `times` (N,) s: joints (N, 22, 3) m, visibility (N, 22); as one by one, but cheaper."""
        for fresh, moments, features in self._stream.steps(times, joints, visibility, grid):
            if fresh:
                self._begin()
            self.feed(moments, features)

    def feed(self, times: Floats, features: Array) -> None:
        """Add features (N, 22, 21) of even frames at times (N,) s, as `step` finds them."""
        for moment, frame in zip(times, features, strict=True):
            self._frames.append((float(moment), frame))
            self._waiting.append(frame)
            if len(self._waiting) == FRAMES:
                self._steps.append((float(moment), *self._run(np.stack(self._waiting))))
                self._waiting = []

    def _run(self, frames: Array) -> tuple[Array, Array]:
        """Return map (2, 22) and features of limbs (2, 5, C) after frames (2, 22, 21)."""
        past = self._history[np.arange(self._layers)[:, None], (self._count - self._offsets) % self._size]
        saliency, parts, now = self._session.run(None, {"frames": np.stack([frames, mirrored(frames)]), "past": past})
        self._history[:, self._count % self._size] = now
        self._count += 1
        return saliency, parts

    def seen(self, start: float, stop: float) -> Seen | None:
        """Return what was seen from `start` to `stop` s; None where that is too little."""
        frames = [frame for time, frame in self._frames if start <= time < stop]
        steps = [step for step in self._steps if start <= step[0] < stop]
        if len(frames) < _LEAST or len(steps) < _LEAST // FRAMES:
            return None
        times, maps, parts = zip(*steps, strict=True)
        return Seen(np.stack(frames), np.array(times), np.stack(maps), np.stack(parts))


def pooled(seen: Seen) -> Array:
    """Return what the heads are given, (2, 10 C + descriptors), of a movement and its mirror image."""
    mean = seen.parts.mean(axis=0)
    deviation = np.sqrt(((seen.parts - mean) ** 2).mean(axis=0) + 1e-6)
    told = describe_both(seen.features)
    found = np.concatenate([mean.reshape(2, -1), deviation.reshape(2, -1), told], axis=1)
    return np.asarray(found, dtype=np.float32)


class MusicEncoder:
    """Rows of music features in, one after the other; the synchrony rate of a movement with them, guessed, out.

    Raises
    ------
    ModelError
        When a file is missing or no music encoder.
    """

    def __init__(self, folder: Path = MODELS, kept: float = KEPT) -> None:
        self._session, _, self.provider = open_session(folder / "music.onnx")
        self._agreement, _, _ = open_session(folder / "msr.onnx")
        try:
            self._state = tuple(int(each) for each in self._session.get_inputs()[1].shape)
            self.size = int(self._session.get_inputs()[0].shape[0])
        except (ValueError, TypeError, IndexError) as error:
            raise ModelError("music.onnx is no music encoder.", _REMEDY) from error
        self._kept = kept
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        limit = None if not np.isfinite(self._kept) else int(self._kept * RATE)
        self._rows: deque[tuple[float, Array]] = deque(maxlen=limit)
        self._first = self._second = np.zeros(self._state, dtype=np.float32)

    def step(self, time: float, features: Array) -> Array:
        """Return the vector (64,), of unit length, after the row of features (56,) at `time` s."""
        row = np.asarray(np.nan_to_num(features), dtype=np.float32)
        vector, self._first, self._second = self._session.run(
            None, {"features": row, "first": self._first, "second": self._second}
        )
        self._rows.append((time, vector))
        return np.asarray(vector)

    def rate(self, seen: Seen) -> float | None:
        """Return the synchrony rate guessed for what was seen; None where no music was heard the whole time."""
        if not self._rows:
            return None
        times = np.array([time for time, _ in self._rows])
        if seen.times[0] < times[0] - 1.0 / RATE or seen.times[-1] > times[-1] + 2.0 / RATE:
            return None
        nearest = np.clip(np.searchsorted(times, seen.times - 0.5 / RATE), 0, len(times) - 1)
        vectors = np.stack([self._rows[int(index)][1] for index in nearest])
        rates = [
            self._agreement.run(None, {"parts": seen.parts[None, :, view], "music": vectors[None]})[0]
            for view in (0, 1)
        ]
        return float(np.clip(np.mean(rates), -1.0, 1.0))


class Judge:
    """The heads: a judgement of what was seen.

    Raises
    ------
    ModelError
        When the file is missing or holds no heads.
    """

    def __init__(self, path: Path = MODELS / "judge.onnx") -> None:
        self._session, about, self.provider = open_session(path)
        try:
            self.styles = tuple(about["styles"].split(","))
            every: Mapping[str, FaultKind] = {kind: kind for kind in get_args(FaultKind)}
            self.kinds = tuple(every[name] for name in about["kinds"].split(","))
            self.threshold = float(about["threshold"])
            self.size = int(self._session.get_inputs()[0].shape[1])
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(f"{path.name} holds no heads.", _REMEDY) from error

    def judge(self, seen: Seen, msr: float | None = None) -> Judgement:
        """Return the judgement of a primitive; `msr` as the music encoder guesses it."""
        return replace(self.judge_pooled(pooled(seen), seen.maps.mean(axis=0)), msr=msr)

    def judge_pooled(self, inputs: Array, maps: Array) -> Judgement:
        """Return the judgement of pooled inputs (2, D) and mean maps (2, 22)."""
        values = self._session.run(None, {"inputs": inputs, "maps": np.asarray(maps, dtype=np.float32)})
        deductions, variance, kinds, amounts, styles, dancing, embedding, distance = values
        lost = np.maximum(deductions.astype(np.float64), 0.0)
        mean = 100.0 * float(np.exp(-lost.sum()))
        shares = lost / max(float(lost.sum()), 1e-9)
        both = 0.5 * (maps[0] + maps[1][list(MIRROR_JOINTS)])
        saliency = np.zeros(JOINT_COUNT)
        for part, share in zip(LIMBS, shares, strict=True):
            joints = list(PART_JOINTS[part])
            within = both[joints].astype(np.float64)
            saliency[joints] = share * within / max(float(within.sum()), 1e-12)
        parts: tuple[BodyPart, ...] = (*LIMBS, "body")
        return Judgement(
            mean=mean,
            variance=float(variance),
            part_deductions={part: (100.0 - mean) * float(s) for part, s in zip(LIMBS, shares, strict=True)},
            saliency=saliency,
            kinds={
                part: dict(zip(self.kinds, map(float, row), strict=True))
                for part, row in zip(parts, kinds, strict=True)
            },
            amounts={
                part: dict(zip(self.kinds, map(float, row), strict=True))
                for part, row in zip(parts, amounts, strict=True)
            },
            styles=dict(zip(self.styles, map(float, styles), strict=True)),
            dancing=float(dancing),
            embedding=embedding.astype(np.float64),
            distance=float(distance) / self.threshold,
            familiar=bool(float(distance) <= self.threshold),
        )


def together(now: Judgement, before: Judgement) -> Judgement:
    """Return the mean of two judgements; embedding, distance and MSR are those of `now`."""

    def each(one: _Cells, other: _Cells) -> _Cells:
        return {part: _mean(row, other[part]) for part, row in one.items()}

    return replace(
        now,
        mean=0.5 * (now.mean + before.mean),
        variance=0.5 * (now.variance + before.variance) + 0.25 * (now.mean - before.mean) ** 2,
        part_deductions=_mean(now.part_deductions, before.part_deductions),
        saliency=0.5 * (now.saliency + before.saliency),
        kinds=each(now.kinds, before.kinds),
        amounts=each(now.amounts, before.amounts),
        styles=_mean(now.styles, before.styles),
        dancing=0.5 * (now.dancing + before.dancing),
    )


def _mean(one: Mapping[_Key, float], other: Mapping[_Key, float]) -> dict[_Key, float]:
    return {key: 0.5 * (value + other[key]) for key, value in one.items()}


@dataclass(frozen=True, slots=True)
class Encoders:
    """Whatever networks could be loaded, and the `reason` where some could not; `provider` they run on."""

    motion: MotionEncoder | None
    judge: Judge | None
    music: MusicEncoder | None = None
    reason: str = ""
    provider: str = ""

    def judge_span(self, start: float, stop: float) -> Judgement | None:
        """Return the judgement of what was seen, and heard, from `start` to `stop` s; None where it is too little.

        Where what was before is remembered, the span that begins half its length earlier has a say of half: points
        then depend less on where in a movement an eight-count happens to begin.
        """
        if self.motion is None or self.judge is None or (seen := self.motion.seen(start, stop)) is None:
            return None
        now = self.judge.judge(seen, None if self.music is None else self.music.rate(seen))
        half = (stop - start) / 2
        before = self.motion.seen(start - half, stop - half)
        if before is None or before.times[0] > start - half + _LATE_START:
            return now
        return together(now, self.judge.judge(before))

    def judge_track(
        self, track: PoseTrack, grid: BeatGrid | None, spans: Iterable[tuple[float, float]]
    ) -> list[Judgement | None]:
        """Return the judgement of each span (start, stop) s of a whole track; None where too little was seen."""
        spans = list(spans)
        if self.motion is None or self.judge is None:
            return [None] * len(spans)
        self._watch(track, grid)
        return [self.judge_span(*span) for span in spans]

    def embed(self, track: PoseTrack, grid: BeatGrid | None = None) -> Floats | None:
        """Return the embedding (64,) of a whole track, unit length; None where it is too short."""
        if len(track) == 0:
            return None
        found = self.judge_track(track, grid, [(float(track.times[0]), float(track.times[-1]) + 1.0)])[0]
        return None if found is None else found.embedding

    def _watch(self, track: PoseTrack, grid: BeatGrid | None) -> None:
        assert self.motion is not None
        self.motion.reset()
        if self.music is not None:
            self.music.reset()
        self.motion.follow(track.times, track.joints, track.visibility, grid)


def load_encoders(folder: Path = MODELS, kept: float = KEPT, with_music: bool = False) -> Encoders:
    """Return the encoders in `folder`; live ones remember 12 s, those of whole tracks are given `kept` = inf.

    The music encoder only `with_music`: nothing that is shown needs its guess of the synchrony rate.
    """
    try:
        motion, judge = MotionEncoder(folder / "motion.onnx", kept), Judge(folder / "judge.onnx")
    except ModelError as error:
        log.warning("%s Nothing is judged.", error.problem)
        return Encoders(None, None, reason=error.problem)
    if not with_music:
        return Encoders(motion, judge, provider=motion.provider)
    try:
        music, reason = MusicEncoder(folder, kept), ""
    except ModelError as error:
        log.warning("%s Music is not encoded.", error.problem)
        music, reason = None, error.problem
    return Encoders(motion, judge, music, reason, motion.provider)
