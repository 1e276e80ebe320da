"""The encoders: causal, frame by frame the same as whole, also as they ship."""

from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.encoders import MotionEncoder
from dancecoach.assessment.motion_features import CHANNELS, RATE, MotionFeatures, mirrored
from dancecoach.types import LIMBS, MIRROR_JOINTS
from tests.assessment.test_motion_features import dance

torch = pytest.importorskip("torch")

from dancecoach.training import motion_network as network  # noqa: E402
from dancecoach.training import music_network as music  # noqa: E402


def graph(seed: int = 0) -> network.GraphEncoder:
    """An encoder whose normalisation has seen something."""
    torch.manual_seed(seed)
    found = network.GraphEncoder(8)
    with torch.no_grad():
        for _ in range(3):
            found(torch.randn(4, 40, 22, CHANNELS))
    return found.eval()


def test_step_by_step_equals_the_whole_also_through_onnx(tmp_path: Path) -> None:
    encoder = graph()
    joints = dance(8.0).joints
    features = MotionFeatures().block(joints, np.ones(joints.shape[:2]))
    both = torch.from_numpy(np.stack([features, mirrored(features)]))
    with torch.no_grad():
        maps, parts = (each.numpy() for each in encoder(both))
    network.export(encoder, tmp_path / "motion.onnx")
    live = MotionEncoder(tmp_path / "motion.onnx", kept=float("inf"))
    times = np.arange(len(features)) / RATE
    for start in range(0, len(features), 7):
        live.feed(times[start : start + 7], features[start : start + 7])
    seen = live.seen(0.0, 100.0)
    assert seen is not None
    np.testing.assert_allclose(seen.maps.transpose(1, 0, 2), maps, atol=1e-4)
    np.testing.assert_allclose(seen.parts.transpose(1, 0, 2, 3), parts, atol=1e-4)


@pytest.mark.parametrize("kind", network.ENCODERS)
def test_every_encoder_is_causal_and_says_limbs_and_a_map(kind: network.EncoderKind) -> None:
    torch.manual_seed(1)
    encoder = network.encoder(kind, 8).eval()
    one = torch.randn(2, 60, 22, CHANNELS)
    other = one.clone()
    other[:, 40:] += 1.0
    with torch.no_grad():
        (map_one, parts_one), (map_other, parts_other) = encoder(one), encoder(other)
    assert map_one.shape == (2, 30, 22)
    assert parts_one.shape == (2, 30, len(LIMBS), 8)
    assert float(map_one.min()) >= 0
    assert torch.allclose(map_one[:, :20], map_other[:, :20], atol=1e-5)
    assert torch.allclose(parts_one[:, :20], parts_other[:, :20], atol=1e-5)
    assert not torch.allclose(map_one[:, 20:], map_other[:, 20:], atol=1e-5)


def test_joints_of_a_limb_belong_to_one_limb() -> None:
    sums = network.part_sums().numpy()
    assert sums.sum(axis=1).max() == 1
    means = network.part_means().numpy()
    np.testing.assert_allclose(means.sum(axis=0), 1, atol=1e-6)
    assert (means > 0).any(axis=1).all()
    mirrored_rows = means[list(MIRROR_JOINTS)]
    np.testing.assert_allclose(mirrored_rows[:, [1, 0, 3, 2, 4]], means)


def test_neighbours_are_parents_and_children() -> None:
    itself, towards, away = network.partitions().numpy()
    assert np.array_equal(itself, np.eye(22))
    assert towards[:, 0].sum() == 0  # nothing is nearer to the root than the root
    assert np.count_nonzero(towards) == np.count_nonzero(away) == 21


def test_music_row_by_row_equals_the_whole(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(2)
    encoder, agreement = music.MusicNetwork().eval(), music.Agreement(8).eval()
    rows = torch.randn(1, 50, encoder.get_buffer("mean").shape[0])
    with torch.no_grad():
        whole = encoder(rows)[0][0].numpy()
    music.export_music(encoder, agreement, tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "music.onnx", providers=["CPUExecutionProvider"])
    first = second = np.zeros((2, 1, 96), dtype=np.float32)
    for row, wanted in zip(rows[0].numpy(), whole, strict=True):
        vector, first, second = session.run(None, {"features": row, "first": first, "second": second})
        np.testing.assert_allclose(vector, wanted, atol=1e-4)


def test_shifted_music_costs_more_than_the_right_one() -> None:
    torch.manual_seed(3)
    vectors = torch.nn.functional.normalize(torch.randn(6, 20, 64), dim=-1)
    wrong = torch.nn.functional.normalize(torch.randn(6, 20, 64), dim=-1)
    assert float(music.contrast(vectors, vectors, wrong)) < float(music.contrast(vectors, wrong, vectors))
