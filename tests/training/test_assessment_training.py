"""Clips with known faults, heads, and what is measured of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancecoach.assessment.encoders import load_encoders
from dancecoach.assessment.rubric import score
from dancecoach.training import assessment_data as data
from dancecoach.training.faults import TRAINED, Fault, quality_of
from dancecoach.types import LIMBS
from tests.assessment.test_motion_features import dance

torch = pytest.importorskip("torch")

from dancecoach.training import assessment_heads as heads  # noqa: E402
from dancecoach.training import evaluate_assessment as measuring  # noqa: E402
from dancecoach.training import train_motion as training  # noqa: E402


def take(seed: int = 0, seconds: float = 14.0) -> data.Take:
    track = dance(seconds, seed=seed)
    return data.Take(
        f"take {seed}", "made", "nobody", data.STYLES[seed % 4], True, False, track.roots[:, None] + track.joints,
        np.arange(0.3, seconds, 0.45),
    )  # fmt: skip


def test_targets_are_the_rubric() -> None:
    faults = [Fault("left_arm", "late", 125.0), Fault("torso", "small", 60.0)]
    deductions, amounts = data.targets_of(faults)
    assert 100 * np.exp(-deductions.sum()) == pytest.approx(quality_of(faults), abs=1e-3)
    assert deductions[LIMBS.index("right_leg")] == 0
    assert amounts[LIMBS.index("left_arm"), TRAINED.index("late")] == pytest.approx(0.5)
    body, _ = data.targets_of([Fault("body", "shaky", 1.5)])
    assert np.ptp(body) == pytest.approx(0, abs=1e-6)
    assert 100 * np.exp(-body.sum()) == pytest.approx(score([("body", "shaky", 1.5)]), abs=1e-3)


def test_a_group_begins_with_the_original_and_keeps_its_window() -> None:
    clips = data.Clips([take(0), take(1)], np.random.default_rng(4))
    for _ in range(4):
        group = clips.group()
        assert len(group) == data.GROUP
        assert group[0].faults == ()
        assert len({len(clip.joints) for clip in group}) == 1
        strengths = [max((f.amount for f in clip.faults), default=0.0) for clip in group]
        assert strengths[1] > 0
        assert [f.kind for f in group[1].faults] == [f.kind for f in group[2].faults]
        assert all(np.isfinite(clip.features()).all() for clip in group)


def test_a_webcam_moves_joints_by_centimetres_and_hides_some() -> None:
    clip = data.Clips([take(0)], np.random.default_rng(5), augmented=False).group()[0]
    seen = data.seen_by_webcam(clip, np.random.default_rng(6))
    away = np.linalg.norm(seen.joints - (clip.joints - clip.joints[:, :1]), axis=2)
    assert 0.005 < away.mean() < 0.12
    assert seen.webcam
    assert (seen.visibility <= 1).all()


def test_another_body_has_equal_sides() -> None:
    other = data.another_body(dance().joints, np.random.default_rng(7))
    left, right = (np.linalg.norm(other[:, b] - other[:, a], axis=1) for a, b in ((1, 4), (2, 5)))
    own_left, own_right = (
        np.linalg.norm(dance().joints[:, b] - dance().joints[:, a], axis=1) for a, b in ((1, 4), (2, 5))
    )
    np.testing.assert_allclose(left / own_left, right / own_right, rtol=1e-6)


def test_counts_go_on_beyond_the_beats() -> None:
    beats = np.arange(4, 9) * 0.5
    counts = data.counts_at(beats, np.array([1.5, 2.0, 2.25, 4.0, 5.0]), shift=2)
    np.testing.assert_allclose(counts, [2.0, 3.0, 3.5, 7.0, 1.0])
    assert np.isnan(data.counts_at(None, np.zeros(3))).all()


def test_pool_is_written_read_and_continued(tmp_path: Path) -> None:
    takes = [take(seed) for seed in range(3)]
    training.make_pool(takes, 6, tmp_path, seed=1)
    pool = training.read_pool(tmp_path)
    assert len(pool) == 6 * data.GROUP
    assert pool.descriptors.shape[:2] == (24, 2)
    before = (tmp_path / "000.npz").stat().st_mtime_ns
    training.make_pool(takes, 6, tmp_path, seed=1)
    assert (tmp_path / "000.npz").stat().st_mtime_ns == before
    features, weights, truth = next(iter(training.Batches(pool, 2, seed=0)))
    assert len(features) == len(weights) == len(truth.quality) == 2 * data.GROUP
    assert torch.allclose(weights.sum(dim=1), torch.ones(8), atol=1e-5)
    assert weights[:, : data.LEAD // 2].sum() == 0


def test_the_mirror_image_has_the_fault_on_the_other_side() -> None:
    deductions, amounts = data.targets_of([Fault("left_leg", "missed", 30.0)])
    truth = heads.Truth(
        torch.from_numpy(deductions[None]),
        torch.from_numpy(amounts[None]),
        torch.zeros(1),
        torch.ones(1),
        torch.zeros(1),
    )
    image = training.mirrored_truth(truth)
    assert image.deductions[0, LIMBS.index("right_leg")] == truth.deductions[0, LIMBS.index("left_leg")] > 0
    assert image.amounts[0, LIMBS.index("right_leg"), TRAINED.index("missed")] == pytest.approx(0.5)


def test_heads_learn_what_is_plain() -> None:
    """A few seconds of training tell trembling clips from others."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(8)
    groups, size = 48, data.GROUP
    amounts = np.zeros((groups * size, 6, len(TRAINED)), dtype=np.float32)
    deductions = np.zeros((groups * size, 5), dtype=np.float32)
    inputs = rng.normal(0, 1, (groups * size, 2, heads.SIZE)).astype(np.float32)
    for index in range(len(inputs)):
        if index % size == 0:
            continue
        share = float(rng.uniform(0.2, 1.0))
        told, cells = data.targets_of([Fault("left_arm", "shaky", 3.0 * share)])
        deductions[index], amounts[index] = told, cells
        inputs[index, 0, 5] += 8 * share
        inputs[index, 1, 62 + 5] += 8 * share
    truth = heads.Truth(
        torch.from_numpy(deductions), torch.from_numpy(amounts), torch.zeros(len(inputs), dtype=torch.long),
        torch.ones(len(inputs)), torch.from_numpy(np.repeat(np.arange(groups), size)),
    )  # fmt: skip
    learnt = training.train_heads(inputs, truth, slice(0, heads.SIZE), seed=0, epochs=60, batch=16)
    with torch.no_grad():
        said = learnt(torch.from_numpy(inputs[:, 0]))
    assert np.corrcoef(said.quality.numpy(), truth.quality.numpy())[0, 1] > 0.8
    worst = said.deductions.argmax(dim=1)[truth.deductions[:, 0] > 0.2]
    assert (worst == LIMBS.index("left_arm")).float().mean() > 0.9


def test_prototypes_are_equally_far_apart() -> None:
    frame = heads.prototypes(5)
    gram = frame @ frame.T
    assert torch.allclose(gram.diagonal(), torch.ones(5), atol=1e-5)
    assert torch.allclose(gram[0, 1:], torch.full((4,), -0.25), atol=1e-5)


def test_likelihood_wants_the_true_variance() -> None:
    def loss(log_variance: float) -> float:
        count = 4000
        lost = torch.full((count, 5), 0.05)
        truth = heads.Truth(
            lost, torch.zeros(count, 6, 8), torch.zeros(count), torch.zeros(count), torch.arange(count)
        )
        spread = torch.randn(count, generator=torch.Generator().manual_seed(0)) * 1.0
        quality = truth.quality + heads.UNIT * spread
        own = -torch.log(quality.clamp(min=1) / 100)[:, None] / 5 * torch.ones(1, 5)
        said = heads.Said(own, torch.full((count,), log_variance), *[torch.zeros(count)] * 7)
        return float(heads.likelihood(said, truth))

    assert loss(0.0) < min(loss(-2.0), loss(2.0))


def test_classification_figures() -> None:
    found = measuring.classification(["a", "a", "b", "b"], ["a", "b", "b", "b"])
    assert found["accuracy"] == pytest.approx(0.75)
    assert found["recall"] == pytest.approx(0.75)
    assert found["precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)


def test_the_bench_puts_faults_in_and_counts_what_is_found() -> None:
    encoders = load_encoders(kept=float("inf"))
    assert encoders.motion is not None, encoders.reason
    bench = measuring.Bench(encoders, [take(2, 9.0)])
    assert all(stop - start == pytest.approx(8 * 0.45) for start, stop in measuring.spans_of(bench.takes[0]))
    rows = list(measuring.sweep(bench, ("shaky",)))
    parts = {part for _, part, _, _ in rows}
    assert "body" in parts
    assert {strength for _, _, strength, _ in rows} == set(measuring.STRENGTHS)
    found = measuring.by_strength(rows)["shaky"]
    assert found["mean_by_strength"][0] > found["mean_by_strength"][-1]
    assert found["spearman_within_take"] > 0.5
    assert all(row.true == pytest.approx(quality_of(row.faults)) for _, _, _, row in rows)


def test_takes_without_beats_are_cut_in_pieces() -> None:
    pieces = measuring.spans_of(replace(take(0, 12.0), beats=None))
    assert len(pieces) == 2
    assert all(stop - start == pytest.approx(4.0) for start, stop in pieces)
