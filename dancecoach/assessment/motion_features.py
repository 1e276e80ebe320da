"""What the motion encoder is given: 22 joints with 21 channels each, 30 times a second, causally.

Invariant by construction: to where the dancer stands and looks (everything is told in the dancer's own, slowly
followed heading), to the size of the body (lengths are shares of trunk plus leg, measured on the way) and to the
camera's frame rate (poses are resampled first). A mirrored dancer gives `mirrored` features.

| channels | of each joint | unit |
|---|---|---|
| 0–2 | position from the pelvis (the pelvis: from between the feet): left, up, forward | body size |
| 3–5 | velocity | body sizes / s, halved |
| 6–8 | acceleration | body sizes / s², a twentieth |
| 9–11 | direction of the bone from the parent | unit vector |
| 12–14 | speed below 1.5 Hz, from 1.5 to 4 Hz, above 4 Hz, over the last third of a second | log(1 + 20 v) |
| 15 | visibility | 0…1 |
| 16–20 | cosine and sine of the beat, of two beats; whether a beat is known | |

Positions, velocities and bones after Yan, Xiong & Lin, "Spatial temporal graph convolutional networks", AAAI 2018;
the heading as in Holden, Saito & Komura, SIGGRAPH 2016. A block of frames gives the same as its frames one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt, sosfilt_zi

from dancecoach.types import JOINT_COUNT, JOINT_INDEX, JOINT_PARENTS, MIRROR_JOINTS, BeatGrid, Floats, PoseTrack

RATE = 30.0  # frames a second
CHANNELS = 21
POSITION, VELOCITY, ACCELERATION, BONE = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
LOW, MIDDLE, HIGH, VISIBILITY, KNOWN = 12, 13, 14, 15, 20
BEAT = slice(16, 21)

_SEEN = 0.3  # visibility below which a joint is not believed but held
_GAP = 0.5  # s between two poses after which a new stretch of motion begins
_SIZE_TIME, _HEADING_TIME, _ENERGY_TIME = 4.0, 0.35, 0.33  # s
_SLOW_EDGE, _FAST_EDGE = 1.5, 4.0  # Hz
_LEG_SHARE = 1.5  # legs by trunk, where legs were never seen
_USUAL_TRUNK = 0.55  # m, before any was seen
_TRUNK = tuple(JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck"))
_LEGS = tuple(tuple(JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle")) for side in ("left", "right"))
_ANKLES = (JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"])
_ACROSS = tuple(JOINT_INDEX[name] for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder"))
_PARENTS = np.maximum(JOINT_PARENTS, 0)
_LIMIT = 8.0  # no channel beyond: a joint that jumps says no more than that it jumped
_SIGNS = np.ones(CHANNELS, dtype=np.float32)
_SIGNS[[0, 3, 6, 9]] = -1.0

Array = NDArray[np.float32]


def mirrored(features: Array) -> Array:
    """Return the features (..., 22, 21) of the mirror image of a movement."""
    return np.asarray(features[..., list(MIRROR_JOINTS), :] * _SIGNS, dtype=np.float32)


def beat_channels(positions: Floats) -> Array:
    """Return channels 16–20, (T, 5), for counts (T,) as `BeatGrid.position` gives them, NaN where none is known."""
    known = np.isfinite(positions)
    angle = 2 * np.pi * np.where(known, positions - 1.0, 0.0)
    columns = [np.cos(angle), np.sin(angle), np.cos(angle / 2), np.sin(angle / 2), np.ones(len(angle))]
    return np.asarray(np.stack(columns, axis=1) * known[:, None], dtype=np.float32)


def positions_of(grid: BeatGrid | None, times: Floats) -> Floats:
    """Return the counts (T,) at `times` (T,) s; NaN without beats."""
    if grid is None or len(grid.beat_times) < 2:
        return np.full(len(times), np.nan)
    found = [grid.position(float(time)) for time in times]
    return np.array([np.nan if each is None else each for each in found])


class Resampler:
    """Poses at any times in, poses at even times out: interpolated between the last two that came."""

    def __init__(self) -> None:
        self._time: float | None = None
        self._values: Floats = np.empty(0)
        self._next = 0.0

    def step(self, time: float, joints: Floats, visibility: Floats) -> tuple[bool, Floats, Floats, Floats]:
        """Add a pose at `time` s; joints (22, 3) m, visibility (22,).

        Returns
        -------
        (fresh, times (N,), joints (N, 22, 3), visibility (N, 22))
            The poses of the grid up to now, none to several; `fresh` when a new stretch begins with them.
        """
        seen = np.where(np.isfinite(joints).all(axis=1), visibility, 0.0)
        values = np.concatenate([np.where(seen[:, None] > 0, joints, 0.0), seen[:, None]], axis=1)
        if self._time is None or not 0.0 < time - self._time <= _GAP:
            if self._time is not None and time <= self._time and self._time - time < _GAP:
                return False, np.empty(0), np.empty((0, JOINT_COUNT, 3)), np.empty((0, JOINT_COUNT))
            self._time, self._values, self._next = time, values, time + 1.0 / RATE
            return True, np.array([time]), values[None, :, :3], values[None, :, 3]
        count = max(0, int(np.floor((time - self._next) * RATE + 1e-6)) + 1)
        times = self._next + np.arange(count) / RATE
        share = np.clip((times - self._time) / (time - self._time), 0.0, 1.0)[:, None, None]
        mixed = (1 - share) * self._values + share * values
        # Between a pose that was seen and one that was not, only one of them may speak.
        either = np.minimum(self._values[:, 3], values[:, 3])
        nearer = np.where(share < 0.5, self._values, values)
        mixed = np.where((either < _SEEN)[None, :, None], nearer, mixed)
        self._next += count / RATE
        self._time, self._values = time, values
        return False, times, mixed[..., :3], mixed[..., 3]


class MotionFeatures:
    """Features of even frames, block by block; blocks of any length give the same."""

    def __init__(self) -> None:
        sections = [
            butter(2, _SLOW_EDGE, "low", fs=RATE, output="sos"),
            butter(2, (_SLOW_EDGE, _FAST_EDGE), "band", fs=RATE, output="sos"),
            butter(2, _FAST_EDGE, "high", fs=RATE, output="sos"),
        ]
        self._bands = [np.asarray(each) for each in sections]
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new stretch of motion begins."""
        self._held: Floats | None = None
        self._slow: Floats | None = None
        self._before = np.zeros((2, JOINT_COUNT, 3))
        self._filters = [np.zeros((len(each), 2, JOINT_COUNT, 3)) for each in self._bands]
        self._energies = np.zeros((1, JOINT_COUNT, 3))
        self._sizes = np.zeros((1, 4))
        self._across = np.zeros((1, 2))
        self._heading = np.array([[1.0, 0.0]])

    def block(self, joints: Floats, visibility: Floats, positions: Floats | None = None) -> Array:
        """Return features (N, 22, 21) of the next N frames.

        Parameters
        ----------
        joints : (N, 22, 3) m
            y up; from the hips or in the room, both give the same.
        visibility : (N, 22) 0…1
            Of a joint below 0.3, or that is not a number, the last good place is held.
        positions : (N,), optional
            The count at each frame; NaN where none is known.
        """
        count = len(joints)
        if count == 0:
            return np.zeros((0, JOINT_COUNT, CHANNELS), dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            local = joints - joints[:, :1]
        good = np.isfinite(local).all(axis=2) & (visibility >= _SEEN) & (np.abs(local) < 10.0).all(axis=2)
        local = self._filled(local, good)
        if self._held is None:
            # As if the dancer had stood in the first pose for ever.
            self._before[:] = local[0]
            self._start_filters(local[0])
        self._held = local[-1].copy()
        size = self._size(local, good)
        axes = self._axes(local, good)
        padded = np.concatenate([self._before, local])
        velocity = (padded[2:] - padded[1:-1]) * RATE
        acceleration = (padded[2:] - 2 * padded[1:-1] + padded[:-2]) * RATE**2
        self._before = padded[-2:].copy()
        place = local.copy()
        place[:, 0] = -local[:, _ANKLES].mean(axis=1)
        energies = self._band_energies(place) / size[:, None, None]
        out = np.zeros((count, JOINT_COUNT, CHANNELS))
        out[..., POSITION] = _told(place, axes) / size[:, None, None]
        velocity[:, 0] = -velocity[:, _ANKLES].mean(axis=1)
        acceleration[:, 0] = -acceleration[:, _ANKLES].mean(axis=1)
        out[..., VELOCITY] = _told(velocity, axes) / (2.0 * size[:, None, None])
        out[..., ACCELERATION] = _told(acceleration, axes) / (20.0 * size[:, None, None])
        bones = local - local[:, _PARENTS]
        bones[:, 0] = local[:, JOINT_INDEX["neck"]]
        lengths = np.linalg.norm(bones, axis=2, keepdims=True)
        out[..., BONE] = _told(bones / np.maximum(lengths, 1e-6), axes)
        out[..., LOW : HIGH + 1] = np.log1p(20.0 * energies)
        out[..., VISIBILITY] = np.where(good, np.clip(np.nan_to_num(visibility), 0.0, 1.0), 0.0)
        if positions is not None:
            out[..., BEAT] = beat_channels(positions)[:, None]
        return np.asarray(np.clip(out, -_LIMIT, _LIMIT), dtype=np.float32)

    def _filled(self, local: Floats, good: NDArray[np.bool_]) -> Floats:
        """Return positions with each missing joint where it was last; at the pelvis before it was ever seen."""
        held = np.zeros((1, JOINT_COUNT, 3)) if self._held is None else self._held[None]
        padded = np.concatenate([held, np.where(good[..., None], local, 0.0)])
        last = np.where(
            np.concatenate([np.ones((1, JOINT_COUNT), dtype=bool), good]), np.arange(len(padded))[:, None], 0
        )
        last = np.maximum.accumulate(last, axis=0)
        return np.asarray(padded[last, np.arange(JOINT_COUNT)][1:])

    def _start_filters(self, pose: Floats) -> None:
        start = pose.copy()
        start[0] = -pose[list(_ANKLES)].mean(axis=0)
        for index, sections in enumerate(self._bands):
            steady = np.asarray(sosfilt_zi(sections))
            self._filters[index] = steady[:, :, None, None] * start

    def _band_energies(self, places: Floats) -> Floats:
        """Return the recent speed (N, 22, 3) of slow, middling and fast movement, m/s."""
        bands = []
        for index, sections in enumerate(self._bands):
            band, self._filters[index] = sosfilt(sections, places, axis=0, zi=self._filters[index])
            bands.append(band)
        before = bands[0][:1] if self._slow is None else self._slow
        self._slow = bands[0][-1:].copy()
        # Slow speed is a difference, as the slow band's mean is where the joint is; that of a fast band is its
        # excursion times its middle frequency.
        speeds = np.stack(
            [
                np.linalg.norm(np.diff(bands[0], axis=0, prepend=before), axis=2) * RATE,
                np.linalg.norm(bands[1], axis=2) * 2 * np.pi * 2.5,
                np.linalg.norm(bands[2], axis=2) * 2 * np.pi * 6.0,
            ],
            axis=2,
        )
        keep = np.exp(-1.0 / (_ENERGY_TIME * RATE))
        squares, last = lfilter([1 - keep], [1.0, -keep], speeds**2, axis=0, zi=self._energies)
        self._energies = last
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))

    def _size(self, local: Floats, good: NDArray[np.bool_]) -> Floats:
        """Return the size of the body (N,) m: trunk plus leg, mean of the last seconds."""
        trunk = _length(local, _TRUNK)
        legs = np.mean([_length(local, leg) for leg in _LEGS], axis=0)
        trunk_seen = good[:, list(_TRUNK)].all(axis=1) & (trunk > 0.05)
        legs_seen = good[:, [joint for leg in _LEGS for joint in leg]].all(axis=1) & (legs > 0.05)
        sums = np.stack([trunk * trunk_seen, trunk_seen, legs * legs_seen, legs_seen], axis=1).astype(np.float64)
        keep = np.exp(-1.0 / (_SIZE_TIME * RATE))
        sums, self._sizes = lfilter([1.0], [1.0, -keep], sums, axis=0, zi=self._sizes)
        trunk = np.where(sums[:, 1] > 1e-3, sums[:, 0] / np.maximum(sums[:, 1], 1e-9), _USUAL_TRUNK)
        legs = np.where(sums[:, 3] > 1e-3, sums[:, 2] / np.maximum(sums[:, 3], 1e-9), trunk * _LEG_SHARE)
        return np.asarray(trunk + legs)

    def _axes(self, local: Floats, good: NDArray[np.bool_]) -> Floats:
        """Return the dancer's left (N, 2): its x and z in the room, unit length."""
        left_hip, right_hip, left_shoulder, right_shoulder = _ACROSS
        across = local[:, left_hip] - local[:, right_hip] + local[:, left_shoulder] - local[:, right_shoulder]
        across = across[:, [0, 2]] * good[:, list(_ACROSS)].all(axis=1)[:, None]
        keep = np.exp(-1.0 / (_HEADING_TIME * RATE))
        smooth, self._across = lfilter([1.0], [1.0, -keep], across, axis=0, zi=self._across)
        length = np.linalg.norm(smooth, axis=1)
        # Where the body stands edgewise or upside down there is no heading: the last one is kept.
        padded = np.concatenate([self._heading, smooth / np.maximum(length, 1e-9)[:, None]])
        last = np.where(np.concatenate([[True], length > 0.05]), np.arange(len(padded)), 0)
        heading = padded[np.maximum.accumulate(last)][1:]
        self._heading = heading[-1:].copy()
        return np.asarray(heading)


def _length(local: Floats, chain: tuple[int, ...]) -> Floats:
    bones = np.diff(local[:, list(chain)], axis=1)
    return np.asarray(np.linalg.norm(bones, axis=2).sum(axis=1))


def _told(vectors: Floats, left: Floats) -> Floats:
    """Return vectors (N, J, 3) of the room as left, up, forward for a dancer whose left is `left` (N, 2)."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    cosine, sine = left[:, :1], left[:, 1:]
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x], axis=-1)


class FeatureStream:
    """Poses as they come in, features of even frames out."""

    def __init__(self) -> None:
        self._resampler = Resampler()
        self._features = MotionFeatures()

    def step(
        self, time: float, joints: Floats, visibility: Floats, grid: BeatGrid | None = None
    ) -> tuple[bool, Floats, Array]:
        """Return (fresh, times (N,), features (N, 22, 21)) of the even frames up to `time` s.

        `fresh` when a new stretch of motion begins: the first pose, or one after a gap.
        """
        [stretch] = self.steps(np.array([time]), joints[None], visibility[None], grid)
        return stretch

    def steps(
        self, times: Floats, joints: Floats, visibility: Floats, grid: BeatGrid | None = None
    ) -> list[tuple[bool, Floats, Array]]:
        """Return what `step` does for poses (N,), (N, 22, 3), (N, 22) at once, a tuple for every stretch of motion.

        Cheaper than one by one, and the same.
        """
        found: list[tuple[bool, list[tuple[Floats, Floats, Floats]]]] = [(False, [])]
        for time, pose, seen in zip(times, joints, visibility, strict=True):
            fresh, *even = self._resampler.step(float(time), pose, seen)
            if fresh:
                found.append((True, []))
            found[-1][1].append((even[0], even[1], even[2]))
        stretches = []
        for fresh, pieces in found:
            if not pieces:
                continue
            if fresh:
                self._features = MotionFeatures()
            moments, even_joints, even_seen = (np.concatenate([piece[part] for piece in pieces]) for part in range(3))
            if len(moments) == 0:
                features = np.zeros((0, JOINT_COUNT, CHANNELS), dtype=np.float32)
            else:
                features = self._features.block(even_joints, even_seen, positions_of(grid, moments))
            stretches.append((fresh, moments, features))
        return stretches


def sequence(track: PoseTrack, grid: BeatGrid | None = None) -> tuple[Floats, Array]:
    """Return times (N,) s and features (N, 22, 21) of a whole track, as a `FeatureStream` would.

    Where the track has a gap, features begin anew; times are then not even.
    """
    resampler = Resampler()
    steps = [
        resampler.step(float(time), joints, visibility)
        for time, joints, visibility in zip(track.times, track.joints, track.visibility, strict=True)
    ]
    blocks = []
    starts = [index for index, step in enumerate(steps) if step[0]]
    for start, stop in zip(starts, [*starts[1:], len(steps)], strict=True):
        times, joints, seen = (np.concatenate([step[part] for step in steps[start:stop]]) for part in (1, 2, 3))
        blocks.append((times, MotionFeatures().block(joints, seen, positions_of(grid, times))))
    if not blocks:
        return np.empty(0), np.zeros((0, JOINT_COUNT, CHANNELS), dtype=np.float32)
    return np.concatenate([each[0] for each in blocks]), np.concatenate([each[1] for each in blocks])
