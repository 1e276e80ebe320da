"""Followers side by side with one leader, as a film: to look at what figures do not tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from dancecoach.bench.partner import fold_indices
from dancecoach.bench.partner_baselines import FollowerModel, NearestMotion
from dancecoach.bench.partner_engines import Shipped
from dancecoach.errors import DancecoachError
from dancecoach.partner.capsules import CAPSULES
from dancecoach.session.duets import RATE, Duet, read_duets
from dancecoach.session.picture import video_encoder
from dancecoach.types import Floats, Image

_WIDTH, _HEIGHT = 426, 480  # pixels of a panel
_EYE = np.array([2.6, 1.9, 3.4])  # m from the middle of the couple
_NEAR = 1.3  # m between two who fill the picture; from farther apart they are seen from farther off
_FOCAL = 560.0  # pixels
_PAPER, _GRID = (24, 26, 31), (52, 56, 64)
_LEADER, _FOLLOWER = (110, 170, 250), (250, 165, 80)
_LONGEST = 20.0  # s
_LIT, _SHADE = 0.77, 0.55  # of the way to the middle, what is nearer is not shaded; of the colour of what is far


def film(folder: Path, path: Path, folds: int = 5, take: str | None = None, seconds: float = _LONGEST) -> None:
    """Write a film of a take: the leader with our follower, with the nearest motion's, and with the true one.

    The models were fitted without the take's fold.

    Raises
    ------
    DancecoachError
        When there is no such take, or the film cannot be written.
    """
    duets = read_duets(folder)
    names = [duet.name for duet in duets]
    if take is not None and take not in names:
        raise DancecoachError(f"There is no take '{take}'.", f"Choose among {', '.join(names)}.")
    groups = fold_indices(len(duets), folds)
    index = groups[0][0] if take is None else names.index(take)
    group = next(each for each in groups if index in each)
    training = [duet for number, duet in enumerate(duets) if number not in group]
    duet = duets[index]
    models: Sequence[FollowerModel] = (Shipped(), NearestMotion(1.0))
    followers: dict[str, Floats] = {}
    for model, title in zip(models, ("the partner", "nearest motion"), strict=True):
        model.fit(training)
        followers[title] = model.run(duet.leader, duet.follower[0])
    followers["the true follower"] = duet.follower
    try:
        _write(path, duet, followers, seconds)
    except (OSError, av.FFmpegError) as error:
        raise DancecoachError(f"{path} cannot be written ({error}).", "Choose another place.") from error


def _write(path: Path, duet: Duet, followers: Mapping[str, Floats], seconds: float) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        codec, options = video_encoder(quality=21, live=False)
        stream = cast(VideoStream, container.add_stream(codec, rate=Fraction(int(RATE)), options=options))
        stream.width, stream.height, stream.pix_fmt = _WIDTH * len(followers), _HEIGHT, "yuv420p"
        for frame in range(min(len(duet), round(seconds * RATE))):
            panels = [
                panel(duet.leader[frame], follower[frame], title, frame / RATE)
                for title, follower in followers.items()
            ]
            picture = av.VideoFrame.from_ndarray(np.hstack(panels), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def panel(leader: Floats, follower: Floats, title: str, time: float) -> Image:
    """Return a picture (480, 426, 3) of a couple, bodies (22, 3) m each, seen from the side and above.

    The couple is in its middle, however far apart the two are.
    """
    image = np.full((_HEIGHT, _WIDTH, 3), _PAPER, dtype=np.uint8)
    middle = 0.5 * (leader[0] + follower[0]) * (1.0, 0.0, 1.0)
    eye = _EYE * max(1.0, float(np.linalg.norm((leader[0] - follower[0])[[0, 2]])) / _NEAR)
    lines = np.arange(-2.0, 2.01, 0.5)
    snapped = np.round(middle / 0.5) * 0.5
    for line in lines:
        for ends in (((line, -2.0), (line, 2.0)), ((-2.0, line), (2.0, line))):
            points = np.array([[x, 0.0, z] for x, z in ends]) + snapped
            places, _ = _projected(points, middle, eye)
            cv2.line(image, _pixel(places[0]), _pixel(places[1]), _GRID, 1, cv2.LINE_AA)
    strokes = []
    for body, colour in ((leader, _LEADER), (follower, _FOLLOWER)):
        places, depth = _projected(body, middle, eye)
        for start, stop, radius in CAPSULES:
            away = float(depth[start] + depth[stop]) / 2
            strokes.append((away, places[start], places[stop], radius, colour))
        head = body[15] + (0.0, 0.06, 0.0)
        crown, behind = _projected(head[None], middle, eye)
        strokes.append((float(behind[0]), crown[0], crown[0], 0.11, colour))
    for away, start, stop, radius, colour in sorted(strokes, key=lambda stroke: -stroke[0]):
        light = float(np.clip(1.0 - _SHADE * (away - _LIT * np.linalg.norm(eye)) / 2.5, 0.35, 1.0))
        shade = [int(light * value) for value in colour]
        thickness = max(2, round(2 * radius * _FOCAL / away))
        cv2.line(image, _pixel(start), _pixel(stop), shade, thickness, cv2.LINE_AA)
    cv2.putText(
        image, f"{title}  {time:4.1f} s", (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.62, (235, 235, 235), 1, cv2.LINE_AA
    )
    return image


def _projected(points: Floats, middle: Floats, eye: Floats) -> tuple[Floats, Floats]:
    """Return places (N, 2) pixels and depths (N,) m of points (N, 3) m of the room; `eye` (3,) m from the middle."""
    ahead = -eye + (0.0, 0.9, 0.0)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0.0, 1.0, 0.0))
    right = right / np.linalg.norm(right)
    up = np.cross(right, ahead)
    seen = points - (middle + eye)
    depth = np.maximum(seen @ ahead, 0.2)
    return np.column_stack(
        [_WIDTH / 2 + _FOCAL * (seen @ right) / depth, _HEIGHT / 2 - _FOCAL * (seen @ up) / depth]
    ), depth


def _pixel(place: Floats) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
