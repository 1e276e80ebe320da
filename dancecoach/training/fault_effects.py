"""What a fault that was put into a movement did there: its amount in one eight-count, and whether it can be seen.

The truth that judgements are measured by. It is taken from the movement before and after and from how the fault was
made, never from what a judgement found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dancecoach.assessment.fitting import spread_of
from dancecoach.assessment.kinematics import CHAIN_JOINTS, heading, limb, turned
from dancecoach.training.faults import Fault, energy_of, parts_of, quick_of
from dancecoach.types import JOINT_PARENTS, LIMBS, BodyPart, Floats

LEAST_SEEN = 0.02  # m by which a fault at its full amount has to move some joint of the part, to be seen at all
_ELSEWHERE = 0.005, 0.05  # m, and of the movement's size; a part this far from where it should be is elsewhere
_ABOVE = np.maximum(np.array(JOINT_PARENTS), 0)


def _paths(times: Floats, joints: Floats, part: BodyPart) -> Floats:
    """Return the joints (T, K, 3) m of a part, or of all limbs, against its root, in the dancer's heading."""
    rate = (len(times) - 1) / (times[-1] - times[0])
    bones = turned(joints - joints[:, _ABOVE], -heading(joints, rate))
    return np.concatenate([limb(bones, each) for each in (LIMBS if part == "body" else (part,))], axis=1)


def _ends(parts: Sequence[BodyPart]) -> list[int]:
    """Return which of the joints of `_paths` are the ends of limbs; the trunk ends in the head."""
    counts = np.cumsum([0, *(len(CHAIN_JOINTS[part]) for part in parts)])
    return [
        int(first) + 4 if part == "torso" else int(last) - 1
        for part, first, last in zip(parts, counts[:-1], counts[1:], strict=True)
    ]


def realised(
    fault: Fault, times: Floats, clean: Floats, faulty: Floats, inside: slice, course: Floats | None = None
) -> float:
    """Return the amount, in the rubric's unit, that a fault has in the frames `inside`.

    Amounts that are the same everywhere (late, small, posture …) are as they were asked for.

    Parameters
    ----------
    fault : Fault
    times : (T,) s
    clean, faulty : (T, 22, 3) m in the room
    inside : slice
        An eight-count.
    course : (T,), optional
        What the fault was made with (`faults.course_of`).
    """
    if fault.kind == "uneven" and course is not None:
        return spread_of(course[inside], energy_of(times, clean, fault.part)[inside])
    if fault.kind == "off_balance":
        sway = (faulty - clean)[inside, 0]
        return 100.0 * float(np.sqrt(((sway - sway.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if course is None and fault.kind not in ("stiff", "shaky"):
        return fault.amount
    before, after = _paths(times, clean, fault.part), _paths(times, faulty, fault.part)
    if fault.kind == "shaky":
        ends = (fault.part,) if fault.part != "body" else LIMBS
        squares = [((before - after)[inside, end] ** 2).sum(axis=1).mean() for end in _ends(ends)]
        return 100.0 * float(np.sqrt(np.mean(squares)))
    if fault.kind == "stiff":
        rate = (len(times) - 1) / (times[-1] - times[0])
        quick = quick_of(before, rate)[inside]
        missing = float(((before - after)[inside] * quick).sum()) / max(float((quick**2).sum()), 1e-12)
        return 100.0 * min(max(missing, 0.0), 1.0)
    assert course is not None
    here, there = before[inside], after[inside]
    size = float(np.sqrt(((here - here.mean(axis=0)) ** 2).sum(axis=2).mean()))
    apart = np.sqrt(((here - there) ** 2).sum(axis=2).mean(axis=1))
    elsewhere = apart > max(_ELSEWHERE[0], _ELSEWHERE[1] * size)
    return 100.0 * float((elsewhere & (course[inside] > 0.5)).mean())


def seen(fault: Fault, times: Floats, clean: Floats, faulty: Floats, inside: slice) -> bool:
    """Return whether a fault moves some joint of its part by `LEAST_SEEN` in the frames `inside`.

    A limb that stands still cannot be late, and where nothing rises no rise can be missing.
    """
    if fault.part == "body":
        apart = (faulty - clean)[inside]
        return float(np.linalg.norm(apart, axis=2).max()) >= LEAST_SEEN
    moved = [(_paths(times, faulty, part) - _paths(times, clean, part))[inside] for part in parts_of(fault)]
    return max(float(np.linalg.norm(each, axis=2).max()) for each in moved) >= LEAST_SEEN
