"""The honest states: what keeps the coach from measuring, in a sentence each, most severe first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancecoach.types import JOINT_INDEX, SURE, BeatGrid, Floats, Notice, Person, Pose

FRAME_RATE_WANTED = 24.0  # frames a second below which timing suffers
_DARK = 60  # mean brightness 0…255 below which a camera lengthens its exposure
_BACK = 4.5  # m; farther away the landmarks become coarse
_SEVERITY = {"error": 0, "warning": 1, "info": 2}
_FEET = [JOINT_INDEX[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")]
_HANDS = [JOINT_INDEX[name] for name in ("left_wrist", "right_wrist")]


def frame_rate_notice(rate: float | None, brightness: float | None) -> Notice | None:
    """Return a notice when the camera gives too few pictures a second."""
    if rate is None or rate >= FRAME_RATE_WANTED:
        return None
    if brightness is not None and brightness < _DARK:
        return Notice("low_frame_rate", f"Too dark: {rate:.0f} frames a second", "Switch on more light.")
    return Notice(
        "low_frame_rate", f"Only {rate:.0f} frames a second", "Close other programs or choose another camera."
    )


def people_notices(pose: Pose | None, people: Sequence[Person], seen_ago: float | None) -> list[Notice]:
    """Return what is wrong with who is in the picture.

    `seen_ago` is how long ago the followed dancer was last seen, s; None before the pose networks run.
    """
    if seen_ago is None:
        return [Notice("starting", "Getting ready to see you", level="info")]
    notices = []
    if seen_ago > 1.0 or pose is None:
        if people:
            notices.append(Notice("dancer_lost", "The dancer I follow is out of sight", "Tap the one to follow."))
        else:
            notices.append(Notice("nobody", "I see nobody", "Step into the picture."))
    else:
        hidden = _out_of_frame(pose)
        if hidden is not None:
            notices.append(Notice(*hidden))
        if -pose.root[2] > _BACK:
            notices.append(Notice("too_far", "You are far away", "Come closer than four metres."))
    if len(people) > 1:
        words = {2: "Two", 3: "Three", 4: "Four"}.get(len(people), str(len(people)))
        notices.append(Notice("several_people", f"{words} people", "Tap the one to follow.", "info"))
    return notices


def _out_of_frame(pose: Pose) -> tuple[str, str, str] | None:
    def missing(joints: list[int]) -> bool:
        return bool(np.mean(pose.visibility[joints] < 0.5) > 0.5)

    if missing(_FEET):
        return "feet_out_of_frame", "Feet out of frame", "Step back or tilt the camera down."
    if missing(_HANDS):
        return "hands_out_of_frame", "Hands not seen", "Step back a little."
    return None


def music_notices(heard: bool, grid: BeatGrid | None, listening: bool) -> list[Notice]:
    """Return what is wrong with the music; `listening` when there is an input or a player at all."""
    if not listening:
        return [Notice("no_sound", "No sound input", "Choose a microphone or open a music file.")]
    if grid is not None and grid.coasting:
        return [Notice("coasting", "The music stopped: counting on from memory", level="info")]
    if not heard:
        return [Notice("no_music", "No music heard", "Turn the music up or open a music file.")]
    if grid is None:
        return [Notice("finding_beat", "Finding the beat", level="info")]
    if grid.confidence < SURE:
        return [Notice("beat_unsure", "The beat is unsure", "Tap T on the beat.")]
    return []


def by_severity(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Return the notices, errors first, one of each code."""
    unique = {notice.code: notice for notice in notices}
    return tuple(sorted(unique.values(), key=lambda notice: _SEVERITY[notice.level]))


def brightness_of(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """Return the mean brightness 0…255 of a coarse sample of a picture (H, W, 3)."""
    return float(image[::16, ::16].mean())


def rate_of(times: Floats) -> float | None:
    """Return frames a second of ascending `times` (N,) s; None for fewer than half a second of them."""
    if len(times) < 5 or times[-1] - times[0] < 0.5:
        return None
    return float((len(times) - 1) / (times[-1] - times[0]))
