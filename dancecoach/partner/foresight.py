"""What the model's answers of the last frames say together about one moment.

Every frame that was seen brings an answer for itself and up to 0.4 s ahead. About one moment, several answers speak:
the newest, and older ones that looked farther. They are averaged where all are measured in the room, which calms them
without making anything late; and how far each moves about that moment is the velocity.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from dancecoach.partner.dancer import Expectation
from dancecoach.partner.model import STATE
from dancecoach.partner.outputs import HOLD_HORIZONS, HORIZONS, LEADER_HORIZONS, Prediction
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
        root = np.mean([_at(answer.roots, place) for place, answer in about], axis=0)
        direction = np.mean([_at(answer.directions, place) for place, answer in about], axis=0)
        local = np.mean([_at(answer.locals_, place) for place, answer in about], axis=0)
        heading = float(np.arctan2(direction[0], direction[1]))
        # Answers for which the tick is in the middle between two horizons tell how fast it passes there.
        odd = (tick - self._answers[-1][0]) % _SPACING == 1
        moving = self._about(tick, between=not odd)[-_VELOCITIES:]
        velocity = np.zeros(STATE)
        for place, answer in moving:
            velocity[:3] += _slope(answer.roots, place)
            turn = _slope(answer.directions, place)
            velocity[3] += (direction[1] * turn[0] - direction[0] * turn[1]) / max(float(direction @ direction), 0.1)
            velocity[4:] += _slope(answer.locals_, place)
        velocity /= len(moving) * _SPACING
        late = tick - self._answers[-1][0] - _FARTHEST
        if late > 0:
            # Nobody knows any more: what was begun is brought to its end.
            return Expectation(np.concatenate([root, [heading], local]), velocity * _CALMING**late, None)
        speed = float(_at(about[-1][1].speeds, about[-1][0]))
        return Expectation(np.concatenate([root, [heading], local]), velocity, speed)

    def contacts(self, tick: int) -> Floats:
        """Return how surely (4,) each foot stands at a tick."""
        return np.asarray(np.mean([_at(answer.contacts, place) for place, answer in self._about(tick)], axis=0))

    def hands(self, tick: int) -> tuple[Floats, Floats, float]:
        """Return where the follower's wrists (2, 3) m are expected, which hands are held and whether arms touch.

        Holds (4,) 0…1; the touch 0…1 is of a forearm and the other's body.
        """
        farthest = len(HOLD_HORIZONS) - 1
        about = [(min(place, farthest), answer) for place, answer in self._about(tick)]
        near = [each for each in about if each[0] < farthest] or about
        wrists = np.mean([_at(answer.wrists, place) for place, answer in near], axis=0)
        holds = np.mean([_at(answer.holds, place) for place, answer in near], axis=0)
        touch = float(np.mean([_at(answer.touches, place) for place, answer in near]))
        return wrists, holds, touch

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


def _at(rows: Floats, place: float) -> Floats:
    """Return the row (…,) between two of (H, …)."""
    index = min(int(place), len(rows) - 2)
    share = min(place - index, 1.0)
    return np.asarray((1 - share) * rows[index] + share * rows[index + 1])


def _slope(rows: Floats, place: float) -> Floats:
    """Return how much (…,) rows (H, …) change from one horizon to the next, about a place."""
    index = min(int(place), len(rows) - 2)
    return np.asarray(rows[index + 1] - rows[index])
