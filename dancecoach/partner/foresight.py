"""What the model's answers of the last frames say together about one moment.

Every frame that was seen brings an answer for itself and up to 0.4 s ahead. About one moment, several answers speak:
the newest, and older ones that looked farther. They are averaged where all are measured in the room, which calms them
without making anything late; and how far each moves about that moment is the velocity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from dancecoach.partner.dancer import Expectation
from dancecoach.partner.model import STATE
from dancecoach.partner.outputs import (
    CONTACTS,
    DIRECTION,
    HOLD_HORIZONS,
    HOLDS,
    HORIZONS,
    LEADER_HORIZONS,
    LOCAL,
    ROOT,
    SPEED,
    TOUCHES,
    WRISTS,
    Prediction,
)
from dancecoach.types import Floats

_FARTHEST = HORIZONS[-1]  # frames
_SPACING = HORIZONS[1] - HORIZONS[0]
_CALMING = 0.85  # of a velocity that is left in a frame beyond what is foreseen
_VELOCITIES = 4  # answers whose velocities are averaged


class Foresight:
    """Collects answers; the newest is `newest`, None before the first."""

    def __init__(self) -> None:
        self._answers: deque[tuple[int, Prediction]] = deque(maxlen=_FARTHEST + 1)
        self._heading = 0.0

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def add(self, tick: int, answer: Prediction) -> None:
        """Take the answer to the frame of a tick."""
        self._answers.append((tick, answer))

    @property
    def newest(self) -> tuple[int, Prediction] | None:
        """The newest answer and its tick."""
        return self._answers[-1] if self._answers else None

    def _about(self, tick: int, between: bool = False) -> list[tuple[float, Prediction]]:
        """Return answers, oldest first, and how many horizons ahead a tick is for each.

        Every second answer, which is as independent as all of them: those as far ahead as the newest by whole
        horizons or, with `between`, half a horizon off. Where all are too old, the newest says the last it knows.
        """
        if not self._answers:
            return []
        newest = tick - self._answers[-1][0]
        found = [
            ((tick - made) / _SPACING, answer)
            for made, answer in self._answers
            if 0 <= tick - made <= _FARTHEST and (tick - made - newest) % _SPACING == int(between)
        ]
        if not found:
            found = [(min(max(newest, 0), _FARTHEST) / _SPACING, self._answers[-1][1])]
        return found

    def expectation(self, tick: int) -> Expectation:
        """Return what is expected of the follower at a tick; there must be an answer."""
        about = self._about(tick)
        pose = _mean([_at(answer.poses, place) for place, answer in about])
        root, direction, local = pose[ROOT], pose[DIRECTION], pose[LOCAL]
        heading = float(np.arctan2(direction[0], direction[1]))
        # Answers for which the tick is in the middle between two horizons tell how fast it passes there.
        odd = (tick - self._answers[-1][0]) % _SPACING == 1
        moving = self._about(tick, between=not odd)[-_VELOCITIES:]
        velocity = np.zeros(STATE)
        slope = _mean([_slope(answer.poses, place) for place, answer in moving])
        turn = slope[DIRECTION]
        velocity[:3] = slope[ROOT]
        velocity[3] = (direction[1] * turn[0] - direction[0] * turn[1]) / max(float(direction @ direction), 0.1)
        velocity[4:] = slope[LOCAL]
        velocity /= _SPACING
        late = tick - self._answers[-1][0] - _FARTHEST
        if late > 0:
            # Nobody knows any more: what was begun is brought to its end.
            return Expectation(np.concatenate([root, [heading], local]), velocity * _CALMING**late, None)
        place, newest = about[-1]
        speed = float(_at(newest.poses, place)[SPEED])
        return Expectation(np.concatenate([root, [heading], local]), velocity, speed)

    def contacts(self, tick: int) -> Floats:
        """Return how surely (4,) each foot stands at a tick."""
        return _mean([_at(answer.poses, place)[CONTACTS] for place, answer in self._about(tick)])

    def hands(self, tick: int) -> tuple[Floats, Floats, float]:
        """Return where the follower's wrists (2, 3) m are expected, which hands are held and whether arms touch.

        Holds (4,) 0…1; the touch 0…1 is of a forearm and the other's body.
        """
        farthest = len(HOLD_HORIZONS) - 1
        about = [(min(place, farthest), answer) for place, answer in self._about(tick)]
        near = [each for each in about if each[0] < farthest] or about
        hands = _mean([_at(answer.hands, place) for place, answer in near])
        return hands[WRISTS].reshape(2, 3), hands[HOLDS], float(hands[TOUCHES])

    def leader(self, tick: int, seen: Floats, velocity: Floats) -> Floats:
        """Return the leader (22, 3) m at a tick.

        Parameters
        ----------
        tick : int
        seen, velocity : (22, 3) m, m per frame
            The newest frame that was seen.
        """
        if not self._answers or tick <= self._answers[-1][0]:
            return seen
        made, answer = self._answers[-1]
        ahead = min(tick - made, LEADER_HORIZONS[-1])
        if ahead < LEADER_HORIZONS[0]:
            return np.asarray(seen + (answer.leader[0] - seen) * (ahead / LEADER_HORIZONS[0]))
        return _at(answer.leader, (ahead - LEADER_HORIZONS[0]) / _SPACING)


def _mean(rows: Sequence[Floats]) -> Floats:
    """Return the mean of rows; `numpy.mean` takes twice as long on so few."""
    return np.asarray(sum(rows[1:], start=rows[0]) / len(rows))


def _at(rows: Floats, place: float) -> Floats:
    """Return the row (…,) between two of (H, …)."""
    index = min(int(place), len(rows) - 2)
    share = min(place - index, 1.0)
    return np.asarray((1 - share) * rows[index] + share * rows[index + 1])


def _slope(rows: Floats, place: float) -> Floats:
    """Return how much (…,) rows (H, …) change from one horizon to the next, about a place."""
    index = min(int(place), len(rows) - 2)
    return np.asarray(rows[index + 1] - rows[index])
