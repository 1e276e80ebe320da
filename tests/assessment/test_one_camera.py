"""Against a reference, through one camera: its own errors are nobody's fault; what is plain is still named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from dancecoach.assessment.assessor import Assessor
from dancecoach.assessment.choreography import Choreography
from dancecoach.training.faults import Fault, inject
from dancecoach.training.routines import ROUTINES, perform_routine
from dancecoach.types import Assessment, Floats, PoseTrack, Primitive, Synchrony
from tests.support.assessing import eight_count, track_of_room

_BEATS = np.arange(-2.0, 32.0, 0.5)
_PIECES = (eight_count(4.0, 8.0), eight_count(8.0, 12.0), eight_count(12.0, 16.0))


def _unmeasured(piece: Primitive) -> Synchrony:
    return Synchrony("body", piece.start, piece.stop, reason="no beat known")


def _wandering(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> Floats:
    """Return errors (T, 22, 3) m that last for half a second, of root mean square `size`, in depth twice that."""
    errors = gaussian_filter1d(rng.standard_normal(shape), 0.25 * 30, axis=0, mode="nearest")
    return np.asarray(errors / errors.std() * size * (1.0, 1.0, 2.0))


def _seen(routine: str, error: float, seed: int, *faults: Fault) -> list[Assessment]:
    clip = perform_routine(routine, _BEATS, 20.0)
    exact = clip.joints.astype(np.float64)
    rng = np.random.default_rng(seed)
    danced = inject(clip.times, exact, faults, rng)
    seen = track_of_room(clip.times, danced + _wandering(danced.shape, error, rng))
    track = PoseTrack(seen.times, seen.joints, seen.roots, seen.visibility, monocular=True)
    reference = Choreography(routine, track_of_room(clip.times, exact))
    assessor = Assessor(reference=reference)
    return [assessor.assess(track, piece, None, _unmeasured(piece), None) for piece in _PIECES]


@pytest.mark.parametrize("error", [0.012, 0.025])
@pytest.mark.parametrize("routine", sorted(ROUTINES)[:4])
def test_what_the_camera_gets_wrong_costs_nothing(routine: str, error: float) -> None:
    for seed in range(2):
        for assessment in _seen(routine, error, seed):
            assert assessment.cues == ()
            points = assessment.quality.mean
            assert (points is None and error > 0.02 and assessment.quality.reason) or (points or 0.0) > 92.0


@pytest.mark.parametrize(
    "fault", [Fault("left_arm", "late", 150.0), Fault("right_arm", "small", 60.0), Fault("left_arm", "missed", 100.0)]
)
def test_what_is_plain_is_named_all_the_same(fault: Fault) -> None:
    for assessment in _seen("grapevine", 0.01, 0, fault):
        cue = assessment.cues[0]
        assert cue.limb == fault.part
        # An arm that misses all its moves is one whose movement is gone.
        assert (cue.fault, cue.amount) == (
            ("small", pytest.approx(100.0, abs=15.0)) if fault.kind == "missed" else
            (fault.kind, pytest.approx(fault.amount, rel=0.25))
        )  # fmt: skip
        points = assessment.quality.mean
        assert points is None or points < 90.0
