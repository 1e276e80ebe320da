"""Seen by one camera: faults of a drawn dancer are measured through the pose estimator, against motion capture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from dancecoach.assessing import assess_file
from dancecoach.bench.dancer import Painter, dance
from dancecoach.training.faults import Fault, inject
from dancecoach.training.routines import ROUTINES
from dancecoach.types import BodyPart, FaultKind, Image

_TIMES = np.arange(0, 6.2, 1 / 30)
_HITS = np.arange(0.5, 9.0, 0.55)


def _write(path: Path, pictures: Sequence[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("part", "kind", "amount"), [("left_arm", "late", 150.0), ("right_arm", "small", 50.0), (None, None, 0.0)]
)
def test_a_fault_is_measured_through_the_camera(
    tmp_path: Path, part: BodyPart | None, kind: FaultKind | None, amount: float
) -> None:
    joints = dance(_TIMES, _HITS, ROUTINES["grapevine"])
    reference, beats, video = tmp_path / "reference.npz", tmp_path / "music.beats", tmp_path / "dancer.mp4"
    np.savez(reference, times=_TIMES, joints=joints)
    beats.write_text("".join(f"{time:.4f} {index % 4 + 1}\n" for index, time in enumerate(_HITS)))
    faults = [] if part is None or kind is None else [Fault(part, kind, amount)]
    painter = Painter()
    danced = inject(_TIMES, joints, faults, np.random.default_rng(0))
    _write(video, [painter.paint(pose) for pose in danced])
    (score,) = assess_file(video, beats, reference).primitives
    assert score.assessment is not None and score.assessment.quality.mean is not None
    if not faults:
        assert score.assessment.cues == () and score.assessment.quality.mean > 92  # motion capture gets 100
        return
    cue = score.assessment.cues[0]
    assert (cue.limb, cue.fault) == (part, kind)
    assert cue.amount == pytest.approx(amount, rel=0.25)
    assert score.assessment.quality.mean < 90
