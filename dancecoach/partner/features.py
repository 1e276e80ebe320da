"""What a model of the follower sees of the leader: two seconds of movement, from where the leader stands now.

```
lag, frames     60 ... 25  20  16  12  9  6  4  2  0        (0 is the newest frame that was seen)
                 places of pelvis, shoulders, wrists, ankles, in the heading and about the root of lag 0
                 speeds of head, pelvis, shoulders, wrists, ankles
```

Everything is causal. Wrists count twice, because it is with the hands that one leads; what was long ago counts less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dancecoach.partner.frames import heading_of, turned
from dancecoach.types import JOINT_INDEX, Floats

RATE = 30.0  # frames a second
LAGS = (0, 2, 4, 6, 9, 12, 16, 20, 25, 30, 36, 43, 51, 60)  # frames
HISTORY = max(LAGS) + 2  # frames that one window needs: speeds look one further back
_FADE = 30.0  # frames in which a lag comes to count a third
_SPEED_WEIGHT = 0.3
_PLACED = {
    "pelvis": 1.0, "left_shoulder": 1.0, "right_shoulder": 1.0, "left_wrist": 2.0, "right_wrist": 2.0,
    "left_ankle": 1.0, "right_ankle": 1.0,
}  # fmt: skip
_TIMED = (
    "pelvis",
    "left_ankle",
    "right_ankle",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_wrist",
    "right_wrist",
)


@dataclass(frozen=True, slots=True)
class View:
    """Which joints are looked at: `placed` by place, `timed` by speed; `weights` (F,) of the features."""

    placed: tuple[int, ...]
    timed: tuple[int, ...]
    weights: Floats

    def of(self, history: Floats) -> Floats:
        """Return the features (F,) of the newest frame.

        Parameters
        ----------
        history : (HISTORY, 22, 3) m
            The leader in the room, 30 frames a second, the newest last.
        """
        recent = history[::-1]
        lags = list(LAGS)
        return np.asarray(self._features(recent[lags][None], recent[[lag + 1 for lag in LAGS]][None])[0])

    def of_all(self, leader: Floats) -> Floats:
        """Return the features (T, F) of every frame of a motion (T, 22, 3) m; before the first it stood still."""
        index = np.arange(len(leader))[:, None] - np.array(LAGS)
        return self._features(leader[np.maximum(index, 0)], leader[np.maximum(index - 1, 0)])

    def of_all_bridged(self, leader: Floats, since: NDArray[np.int64], gap: NDArray[np.int64]) -> Floats:
        """Return the features (T, F) of every frame of a motion, had the leader not been seen for a while.

        They came back `since` (T,) frames before each and had been away for `gap` (T,) frames, which `Leader` bridges
        on a straight way.
        """
        newest = np.arange(len(leader))
        back = np.maximum(newest - since, 0)[:, None]
        lost = np.maximum(back - gap[:, None], 0)

        def at(index: NDArray[np.int64]) -> Floats:
            index = np.maximum(index, 0)
            share = np.clip((index - lost) / np.maximum(back - lost, 1), 0.0, 1.0)[..., None, None]
            bridge = (1 - share) * leader[lost] + share * leader[back]
            seen = (index >= back) | (index <= lost)
            return np.where(seen[..., None, None], leader[index], bridge)

        index = newest[:, None] - np.array(LAGS)
        return self._features(at(index), at(index - 1))

    def _features(self, frames: Floats, before: Floats) -> Floats:
        """Frames and those just before them (T, L, 22, 3) m, the newest lag first."""
        newest = frames[:, 0]
        origin = newest[:, 0] * (1.0, 0.0, 1.0)
        count = len(frames)
        places = (frames[:, :, list(self.placed)] - origin[:, None, None]).reshape(count, -1, 3)
        places = turned(places, -heading_of(newest))
        steps = frames[:, :, list(self.timed)] - before[:, :, list(self.timed)]
        speeds = np.linalg.norm(steps, axis=-1) * RATE
        return np.concatenate([places.reshape(count, -1), speeds.reshape(count, -1)], axis=1)


def _view(feet: bool) -> View:
    placed = {name: weight for name, weight in _PLACED.items() if feet or "ankle" not in name}
    timed = [name for name in _TIMED if feet or "ankle" not in name]
    fade = np.exp(-np.array(LAGS) / _FADE)
    fade /= fade.mean()
    share = np.array(list(placed.values())) / np.mean(list(placed.values()))
    places = np.sqrt(fade[:, None, None] * share[None, :, None] * np.ones(3))
    speeds = np.sqrt(_SPEED_WEIGHT * fade[:, None] * np.ones(len(timed)))
    weights = np.concatenate([places.ravel(), speeds.ravel()])
    # So that a distance between two windows does not depend on how many features there are.
    weights *= np.sqrt(len(weights) / np.sum(weights**2))
    return View(tuple(JOINT_INDEX[name] for name in placed), tuple(JOINT_INDEX[name] for name in timed), weights)


WHOLE = _view(feet=True)
UPPER = _view(feet=False)  # for a leader whose feet are out of the picture
