"""The live assessment: judges each eight-count as it ends and chooses what is said of it."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from dancecoach.assessment import prompts
from dancecoach.assessment.advising import Advisor
from dancecoach.assessment.assessor import BEFORE, Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.assessment.encoders import Encoders, load_encoders
from dancecoach.assessment.prompts import PromptBook
from dancecoach.assessment.take import track_of
from dancecoach.errors import DancecoachError
from dancecoach.session.choreographies import load_all
from dancecoach.types import Advice, BeatGrid, Notice, Pose, PrimitiveScore, Synchrony

log = logging.getLogger(__name__)


class LiveCoach:
    """Judges what was danced.

    Parameters
    ----------
    notify : callable
        Sets or clears the standing notice about one thing.
    reference : str
        Path of the reference remembered from last time, "" for none.
    """

    def __init__(self, notify: Callable[[str, Notice | None], None], reference: str = "") -> None:
        self._notify = notify
        self._wanted: str | None = reference or None
        self._reference: Choreography | None = None
        self._refresh = True
        self._known: tuple[Choreography, ...] = ()
        self._assessor = Assessor()
        self._advisor = Advisor()
        self._encoders: Encoders | None = None
        self._book = PromptBook()
        self._watched = -math.inf

    def use_reference(self, path: str) -> None:
        """Compare with this motion file or session from now on; with none where `path` is empty."""
        self._wanted = path

    def learned(self) -> None:
        """Say that a choreography was taught."""
        self._refresh = True

    @property
    def provider(self) -> str:
        """What the encoders run on, "" without them."""
        return self._encoders.provider if self._encoders is not None else ""

    def reset(self) -> None:
        """Begin a new take."""
        self._advisor = Advisor()
        if self._encoders is not None and self._encoders.motion is not None:
            self._encoders.motion.reset()

    def prepare(self) -> None:
        """Open what was asked for since the last call, and the encoders at the first."""
        if self._encoders is None:
            self._encoders = load_encoders()
        wanted, self._wanted = self._wanted, None
        refresh, self._refresh = self._refresh, False
        if wanted is not None:
            self._open(wanted)
        if refresh:
            taught, damaged = load_all()
            self._known = tuple(Choreography(each.name, each.track, each.grid) for each in taught)
            self._book = self._taught_classes()
            notice = Notice("choreography_damaged", damaged[0], "", "warning") if damaged else None
            self._notify("choreographies", notice)
        if wanted is not None or refresh:
            self._assessor = Assessor(self._known, self._reference)

    def _open(self, path: str) -> None:
        from dancecoach.assessing import open_reference  # reads videos, too: much to load for those without one

        try:
            self._reference = open_reference(Path(path)) if path else None
            self._notify("reference", None)
        except DancecoachError as error:
            self._notify("reference", Notice("reference_failed", error.problem, error.remedy, "error"))

    def _taught_classes(self) -> PromptBook:
        try:
            book = prompts.load_current()
            self._notify("prompts", None)
            return book
        except DancecoachError as error:
            self._notify("prompts", Notice("prompts_damaged", error.problem, error.remedy, "warning"))
            return PromptBook()

    def watch(self, poses: Sequence[Pose], grid: BeatGrid | None) -> None:
        """Let the encoder see the poses that are newer than those of the last call."""
        if self._encoders is None or self._encoders.motion is None:
            return
        fresh = [pose for pose in poses if pose.time > self._watched]
        if fresh:
            track = track_of(fresh)
            self._encoders.motion.follow(track.times, track.joints, track.visibility, grid)
            self._watched = fresh[-1].time

    def judge(
        self,
        scores: Sequence[PrimitiveScore],
        poses: Sequence[Pose],
        grid: BeatGrid | None,
        now: float,
        lately: Synchrony | None = None,
    ) -> list[PrimitiveScore]:
        """Return the eight-counts with what is said of them.

        `poses` at least those of `window` around each; `lately` the synchrony over the last 32 counts, which tells
        better than one eight-count who is late.
        """
        judged = []
        for score in scores:
            around = [pose for pose in poses if pose.time >= score.primitive.start - BEFORE]
            start, stop = score.primitive.start, score.primitive.stop
            judgement = self._encoders.judge_span(start, stop) if self._encoders is not None else None
            labels = () if judgement is None else self._book.recognise(judgement.embedding)
            reason = (self._encoders.reason if self._encoders is not None else "") or "too little was seen"
            assessment = self._assessor.assess(
                track_of(around), score.primitive, grid, lately or score.synchrony, judgement, labels, reason
            )
            judged.append(dataclasses.replace(score, assessment=assessment))
            self._advisor.heard(judged[-1], now)
        return judged

    def advice(self, now: float) -> tuple[Advice, ...]:
        """Return what is said at clock time `now` s."""
        return self._advisor.current(now)
