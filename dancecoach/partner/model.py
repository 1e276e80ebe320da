"""A model of a style: what was learned from its duets, from a file or just fitted."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dancecoach.errors import DancecoachError
from dancecoach.networks import one_core_session
from dancecoach.partner.features import HISTORY, RATE, UPPER, WHOLE
from dancecoach.partner.frames import mirrored
from dancecoach.partner.outputs import HORIZONS, LOCAL, POSE, WIDTH, learned, own_frame
from dancecoach.partner.regression import CENTRES, KernelRegression, fit
from dancecoach.partner.skeleton import bone_lengths
from dancecoach.types import JOINT_COUNT, Floats

FORMAT = "dancecoach.partner/2"
MODELS = Path(__file__).parents[2] / "models"
STATE = 4 + 3 * (JOINT_COUNT - 1)  # root 3, heading 1, the other joints about the root in the body's heading
_EVERY = 2  # frames between two that are learned: neighbours say the same
_GAPS = (8, 120)  # frames for which a leader is away in what is learned for the time after
_GAIN_POWER = 0.7
_LARGEST_GAIN = 3.0
_LARGEST_FILE = 256 * 1024 * 1024  # bytes
_VIEWS = {"whole": WHOLE, "upper": UPPER, "back": WHOLE}
_REMEDY = "Make the style anew with 'dancecoach train partner', or choose another."


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """What a style knows besides its regression.

    `name`; `bones` (22,) m lengths of the skeleton; `gains` (STATE,) by how much an expectation moves less than a
    dancer; `distance` m at which its couples dance; `height` m of the root of one who stands.
    """

    name: str
    bones: Floats
    gains: Floats
    distance: float
    height: float


class DuetModel(Protocol):
    """What the partner asks: `style`, and `answer` for the features of `features.WHOLE` or `features.UPPER`."""

    @property
    def style(self) -> Style:
        """What it knows of its style."""
        ...

    def answer(self, features: Floats, feet: bool, back: bool = False) -> tuple[Floats, float]:
        """Return the row (WIDTH,) of `outputs` and how familiar 0…1 the features (F,) are.

        `back` tells that the leader is only just back, so that a part of the history is bridged; only with `feet`.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A model just fitted; numpy only."""

    style: Style
    whole: KernelRegression
    upper: KernelRegression
    back: KernelRegression

    def answer(self, features: Floats, feet: bool, back: bool = False) -> tuple[Floats, float]:
        """Return the row (WIDTH,) of `outputs` and how familiar 0…1 the features (F,) are.

        `back` tells that the leader is only just back, so that a part of the history is bridged; only with `feet`.
        """
        return ((self.back if back else self.whole) if feet else self.upper).answer(features)


def fit_model(
    duets: Sequence[tuple[Floats, Floats]], name: str, centres: int = CENTRES, seed: int = 1
) -> FittedModel:
    """Learn a style from duets, each a leader and a follower (T, 22, 3) m at 30 frames a second, and mirrored.

    Raises
    ------
    DancecoachError
        When there are fewer than two takes.
    """
    if len(duets) < 2:
        raise DancecoachError("One take is too little to learn a style from.", "Give at least two.")
    wanted, blocks, start = [], [], 0
    both = [(pair, (mirrored(pair[0]), mirrored(pair[1]))) for pair in duets]
    for sides in both:
        rows = [learned(leader, follower)[::_EVERY] for leader, follower in sides]
        wanted += rows
        count = sum(len(each) for each in rows)
        blocks.append(slice(start, start + count))
        start += count
    answers = np.concatenate(wanted)
    fits = []
    for view in (WHOLE, UPPER):
        features = np.concatenate([view.of_all(leader)[::_EVERY] for sides in both for leader, _ in sides])
        fits.append(fit(features, answers, view.weights, blocks if view is WHOLE else (), centres, seed))
    random = np.random.default_rng(seed)
    bridged = []
    for sides in both:
        for leader, _ in sides:
            since = random.integers(0, HISTORY, len(leader))
            gap = np.exp(random.uniform(np.log(_GAPS[0]), np.log(_GAPS[1]), len(leader))).astype(np.int64)
            bridged.append(WHOLE.of_all_bridged(leader, since, gap)[::_EVERY])
    back = fit(np.concatenate(bridged), answers, WHOLE.weights, (), centres, seed).model
    followers = np.concatenate([follower for _, follower in duets])
    leaders = np.concatenate([leader for leader, _ in duets])
    lengths = bone_lengths(followers)
    apart = np.linalg.norm((followers - leaders)[:, 0][:, [0, 2]], axis=1)
    gains = _gains(fits[0].left_out(), [follower for sides in both for _, follower in sides])
    style = Style(name, lengths, gains, float(np.median(apart)), float(np.percentile(followers[:, 0, 1], 75)))
    return FittedModel(style, fits[0].model, fits[1].model, back)


def _gains(answers: Sequence[Floats], followers: Sequence[Floats]) -> Floats:
    """Return by how much (STATE,) true joints move faster than their expectation on takes that were left out.

    An expectation is an average over what might be; it moves less than any dancer. Root and heading are left alone
    but for the root's height: their places matter more than their energy.
    """
    steps = len(HORIZONS)
    expected, true = np.zeros(STATE), np.zeros(STATE)
    for rows in answers:
        poses = rows[:, : steps * (len(rows[0, : steps * (POSE + 5)]) // steps)].reshape(len(rows), steps, -1)
        # Each row speaks of the frames ahead; the horizon that is i rows ahead is asked i rows earlier.
        lags = [horizon // _EVERY for horizon in HORIZONS]
        longest = max(lags)
        moved = [
            (poses[longest - lag : len(poses) - lag, i + 1] - poses[longest - lag : len(poses) - lag, i])
            / (HORIZONS[i + 1] - HORIZONS[i])
            for i, lag in enumerate(lags[:-1])
        ]
        velocity = np.mean(moved[:4], axis=0)
        expected[1] += (velocity[:, 1] ** 2).sum()
        expected[4:] += (velocity[:, LOCAL] ** 2).sum(axis=0)
    for follower in followers:
        local = np.diff(own_frame(follower)[:, 1:].reshape(len(follower), -1), axis=0)
        true[1] += (np.diff(follower[:, 0, 1]) ** 2).sum() / _EVERY
        true[4:] += (local**2).sum(axis=0) / _EVERY
    gains = np.ones(STATE)
    moving = expected > 0
    gains[moving] = np.sqrt(true[moving] / expected[moving])
    gains[4:] = gains[4:] ** _GAIN_POWER
    return np.clip(gains, 1.0, _LARGEST_GAIN)


class OnnxModel:
    """A model from a file, run by ONNX Runtime on one processor core.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DancecoachError
        When the file is missing, damaged or not a style.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DancecoachError(f"The partner's model {path.name} is missing.", _REMEDY)
        if path.stat().st_size > _LARGEST_FILE:
            raise DancecoachError(f"The partner's model {path.name} is too large.", _REMEDY)
        try:
            self._session = one_core_session(path.read_bytes())
            described = dict(self._session.get_modelmeta().custom_metadata_map)
            self.style = _style_of(described)
            self._check()
        except DancecoachError:
            raise
        except Exception as error:  # ONNX Runtime raises whatever it likes
            raise DancecoachError(f"The partner's model {path.name} cannot be used.", _REMEDY) from error

    def _check(self) -> None:
        shapes = {each.name: each.shape for each in self._session.get_inputs() + self._session.get_outputs()}
        wanted = {name: [1, len(view.weights)] for name, view in _VIEWS.items()}
        for name, shape in wanted.items():
            if shapes.get(name) != shape or shapes.get(f"{name}_answer") != [1, WIDTH]:
                raise DancecoachError("The partner's model is of another version.", _REMEDY)
        for feet, back in ((True, False), (True, True), (False, False)):
            row, _ = self.answer(np.zeros(len((WHOLE if feet else UPPER).weights)), feet, back)
            if not np.isfinite(row).all():
                raise DancecoachError("The partner's model gives no usable answer.", _REMEDY)

    def answer(self, features: Floats, feet: bool, back: bool = False) -> tuple[Floats, float]:
        """Return the row (WIDTH,) of `outputs` and how familiar 0…1 the features (F,) are.

        `back` tells that the leader is only just back, so that a part of the history is bridged; only with `feet`.
        """
        chosen = ("back" if back else "whole") if feet else "upper"
        given = {name: np.zeros((1, len(view.weights)), np.float32) for name, view in _VIEWS.items()}
        given[chosen] = features[None].astype(np.float32)
        row, near = self._session.run([f"{chosen}_answer", f"{chosen}_familiarity"], given)
        return np.asarray(row[0], dtype=np.float64), float(near[0])


def _style_of(described: dict[str, str]) -> Style:
    if described.get("format") != FORMAT:
        raise DancecoachError("This is not a model of a partner.", _REMEDY)
    values: dict[str, Any] = json.loads(described["style"])
    bones, gains = np.array(values["bones"], dtype=np.float64), np.array(values["gains"], dtype=np.float64)
    distance, height = float(values["distance"]), float(values["height"])
    usable = (
        bones.shape == (JOINT_COUNT,)
        and gains.shape == (STATE,)
        and bool(np.all((bones >= 0) & (bones < 1)))
        and bool(np.all((gains > 0) & (gains <= 10)))
        and 0.2 < distance < 3
        and 0.4 < height < 1.6
        and math.isfinite(distance + height)
    )
    if not usable:
        raise DancecoachError("The partner's model is damaged.", _REMEDY)
    return Style(str(values["name"])[:80], bones, gains, distance, height)


def described_by(style: Style) -> dict[str, str]:
    """Return what a model's file says of its style; `OnnxModel` reads it."""
    values = {
        "name": style.name,
        "bones": style.bones.round(6).tolist(),
        "gains": style.gains.round(6).tolist(),
        "distance": style.distance,
        "height": style.height,
        "rate": RATE,
    }
    return {"format": FORMAT, "style": json.dumps(values)}
