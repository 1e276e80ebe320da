"""What the coach says while one dances: little, not twice in a row, and praise for what is mended."""

from __future__ import annotations

from collections import deque

from dancecoach.types import Advice, BodyPart, Cue, FaultKind, PrimitiveScore

_MOST = 2
_SHOWN = 6.0  # s that an advice stays
_CERTAIN, _LIKELY = 0.75, 0.5  # confidence that suffices once, and twice of three eight-counts
_GRAVE = 4.0  # points; less is not worth a word
_COOL = 4  # eight-counts before the same is said again
_MENDED = 2  # eight-counts without a fault after which it is praised
_FORGOTTEN = 12  # eight-counts after which nothing is praised any more

_Key = tuple[BodyPart, FaultKind]


class Advisor:
    """Chooses what is said after each eight-count."""

    def __init__(self) -> None:
        self._recent: deque[dict[_Key, Cue]] = deque(maxlen=3)
        self._said: dict[_Key, tuple[int, Cue]] = {}
        self._absent: dict[_Key, int] = {}
        self._number = 0
        self._current: tuple[Advice, ...] = ()

    def heard(self, score: PrimitiveScore, now: float) -> tuple[Advice, ...]:
        """Take in a judged eight-count and return what is to be said of it, at clock time `now` s."""
        assessment = score.assessment
        if assessment is None or assessment.quality.mean is None:
            return ()
        self._number += 1
        cues = {(cue.limb, cue.fault): cue for cue in assessment.cues if cue.severity >= _GRAVE}
        self._recent.append(cues)
        advice = [
            Advice(now, score.index, cue)
            for key, cue in cues.items()
            if self._number - self._said.get(key, (-_COOL, cue))[0] >= _COOL and self._believed(key, cue)
        ]
        advice.sort(key=lambda each: -each.cue.severity * each.cue.confidence)
        advice = advice[:_MOST]
        for each in advice:
            self._said[(each.cue.limb, each.cue.fault)] = (self._number, each.cue)
            self._absent[(each.cue.limb, each.cue.fault)] = 0
        if len(advice) < _MOST:
            advice += self._praise(cues, score.index, now)[: 1 if not advice else _MOST - len(advice)]
        if advice:
            self._current = tuple(advice)
        return tuple(advice)

    def _believed(self, key: _Key, cue: Cue) -> bool:
        if cue.confidence >= _CERTAIN:
            return True
        return cue.confidence >= _LIKELY and sum(key in cues for cues in self._recent) >= 2

    def _praise(self, cues: dict[_Key, Cue], index: int, now: float) -> list[Advice]:
        praise = []
        for key, (number, cue) in list(self._said.items()):
            if key in cues:
                self._absent[key] = 0
                continue
            self._absent[key] = self._absent.get(key, 0) + 1
            if self._number - number > _FORGOTTEN:
                del self._said[key]
            elif self._absent[key] == _MENDED:
                del self._said[key]
                praise.append(Advice(now, index, cue, praise=True))
        return praise

    def current(self, now: float) -> tuple[Advice, ...]:
        """Return what is on the screen at clock time `now` s."""
        return tuple(advice for advice in self._current if now - advice.time <= _SHOWN)
