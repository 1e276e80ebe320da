"""Descriptions that are measured, and the text encoder that learns them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from dancecoach.assessment.text_model import LONGEST, TextModel, words_of  # noqa: E402
from dancecoach.errors import DancecoachError, ModelError  # noqa: E402
from dancecoach.session.motion import read_motion  # noqa: E402
from dancecoach.training.ablate_prompts import METHODS, ablate, fit_nearest, means  # noqa: E402
from dancecoach.training.corpus import Take  # noqa: E402
from dancecoach.training.descriptions import (  # noqa: E402
    ATTRIBUTES,
    NAMES,
    all_sentences,
    as_vector,
    consensus,
    describe,
    measure,
    sentence,
)
from dancecoach.training.make_text import collect, make  # noqa: E402
from dancecoach.training.smpl import forward_kinematics  # noqa: E402
from dancecoach.training.text_network import Described, Recipe, contrast, export, train_text  # noqa: E402
from dancecoach.types import JOINT_INDEX, MIRROR_JOINTS, Floats, PoseTrack  # noqa: E402

AT = {name: index for index, name in enumerate(NAMES)}


def moving(
    arms: float = 0.0, speed: float = 1.0, turns: float = 0.0, travel: float = 0.0, crouch: float = 0.0
) -> PoseTrack:
    times = np.arange(0, 6, 1 / 60)
    poses = np.zeros((len(times), 22, 3))
    swing = arms * np.sin(2 * np.pi * speed * times)
    poses[:, JOINT_INDEX["left_shoulder"], 2] = swing
    poses[:, JOINT_INDEX["right_shoulder"], 2] = -swing
    bend = crouch * (1 + np.sin(2 * np.pi * 0.5 * times)) / 2
    for side in ("left", "right"):
        poses[:, JOINT_INDEX[f"{side}_hip"], 0] = -bend
        poses[:, JOINT_INDEX[f"{side}_knee"], 0] = 2 * bend
        poses[:, JOINT_INDEX[f"{side}_ankle"], 0] = -bend
    poses[:, 0, 1] = 2 * np.pi * turns * times
    roots = np.zeros((len(times), 3))
    roots[:, 0] = travel * times
    room = forward_kinematics(poses, roots)
    room[:, :, 1] -= room[:, :, 1].min(axis=1, keepdims=True)
    return PoseTrack(times, room - room[:, :1], room[:, 0], np.ones((len(times), 22)))


def changed(track: PoseTrack, room: Floats) -> PoseTrack:
    return PoseTrack(track.times, room - room[:, :1], room[:, 0], track.visibility)


@pytest.mark.parametrize(
    ("name", "little", "much"),
    [
        ("arms", {"arms": 0.2}, {"arms": 1.2}),
        ("speed", {"arms": 0.8, "speed": 0.5}, {"arms": 0.8, "speed": 2.0}),
        ("turns", {}, {"turns": 0.3}),
        ("travel", {}, {"travel": 0.6}),
        ("level", {}, {"crouch": 0.9}),
        ("raised", {"arms": 0.0}, {"arms": 1.2}),
    ],
)
def test_a_description_says_what_was_done(name: str, little: dict[str, float], much: dict[str, float]) -> None:
    assert describe(moving(**much))[name] == 2
    assert describe(moving(**little))[name] < 2
    assert measure(moving(**much))[AT[name]] > measure(moving(**little))[AT[name]]


def test_a_description_does_not_depend_on_place_heading_size_side_or_frame_rate() -> None:
    track = moving(arms=0.7, turns=0.1, travel=0.2, crouch=0.4)
    room = track.joints + track.roots[:, None]
    told = measure(track)
    cosine, sine = np.cos(1.1), np.sin(1.1)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    np.testing.assert_allclose(measure(changed(track, room @ turn.T + [3.0, 0, -2.0])), told, atol=1e-6)
    np.testing.assert_allclose(measure(changed(track, room * 1.3)), told, atol=1e-6)
    np.testing.assert_allclose(measure(changed(track, room[:, list(MIRROR_JOINTS)] * [-1, 1, 1])), told, atol=1e-6)
    half = PoseTrack(track.times[::2], track.joints[::2], track.roots[::2], track.visibility[::2])
    np.testing.assert_allclose(measure(half), told, atol=0.05, rtol=0.1)


def test_real_walking_travels_more_than_standing_dance(recordings: Path) -> None:
    motion = recordings / "motion"
    walk = describe(read_motion(motion / "cmu_everyday" / "bvh" / "07_01.bvh.gz", 120.0))
    modern = describe(read_motion(motion / "cmu_modern" / "bvh" / "05_07.bvh.gz", 120.0))
    assert walk["travel"] == 2
    assert modern["level"] == 2 > walk["level"] or modern["arms"] > walk["arms"]


def test_sentences_say_every_attribute_in_known_words() -> None:
    vocabulary = {word for text in all_sentences(["salsa"]) for word in words_of(text)}
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        levels = {name: int(random.integers(3)) for name in NAMES}
        text = sentence(levels, random, "salsa" if random.random() < 0.5 else None)
        assert set(words_of(text)) <= vocabulary
        assert len(words_of(text)) <= LONGEST
        for attribute in ATTRIBUTES:
            assert any(phrase in text for phrase in attribute.phrases[levels[attribute.name]])
        seen.add(text)
    assert len(seen) > 290
    assert sentence({"turns": 2}) != sentence({"turns": 0})
    assert sentence({}, style="salsa") == "salsa"
    assert as_vector({"turns": 2}).sum() == 1


def test_a_consensus_keeps_what_most_agree_on() -> None:
    told = [{"turns": 2, "speed": level} for level in (0, 1, 2, 2)] + [{"turns": 0, "speed": 0}]
    assert consensus(told) == {"turns": 2}


def world(count: int, seed: int) -> tuple[Floats, list[Described]]:
    """Movements whose embeddings follow from five of their attributes, and three styles that are combinations."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(9).normal(size=(5, 16))
    levels = random.integers(0, 3, (count, 5))
    described = []
    for row in levels:
        named = {(2, 2): "leap", (0, 0): "sway", (2, 0): "spin"}.get((int(row[0]), int(row[1])))
        described.append(Described(dict(zip(NAMES[:5], (int(each) for each in row), strict=True)), named))
    embeddings = (levels - 1.0) @ basis + 0.3 * random.normal(size=(count, 16))
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), described


@pytest.fixture(scope="module")
def taught() -> object:
    torch.set_num_threads(1)
    embeddings, described = world(400, 1)
    return train_text(embeddings, described, Recipe(steps=150, batch=64), width=32)


def test_the_text_encoder_finds_movements_it_never_saw(taught: object) -> None:
    embeddings, described = world(200, 2)
    texts = taught.embed([sentence({"arms": level}) for level in range(3)])  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1.0, atol=1e-5)
    true = np.array([each.levels["arms"] for each in described])
    scores = embeddings @ texts.T
    right = np.mean(np.argmax(scores, axis=1)[true != 1] == true[true != 1])
    assert right > 0.75  # of three; the middle one is like both
    styles = ["leap", "sway", "spin"]
    named = [index for index, each in enumerate(described) if each.style]
    scores = embeddings[named] @ taught.embed(styles).T  # type: ignore[attr-defined]
    assert (
        np.mean([styles[best] == described[i].style for i, best in zip(named, np.argmax(scores, 1), strict=True)])
        > 0.75
    )
    # Shuffled texts find nothing: the words matter.
    shuffled = embeddings @ texts[[1, 2, 0]].T
    assert np.mean(np.argmax(shuffled, axis=1)[true != 1] == true[true != 1]) < 0.5


def test_the_exported_encoder_says_the_same_and_refuses_other_words(taught: object, tmp_path: Path) -> None:
    export(taught, tmp_path / "text.onnx", "graph")  # type: ignore[arg-type]
    model = TextModel(tmp_path / "text.onnx")
    assert (model.size, model.motion) == (16, "graph")
    for text in ("leap", "a dance with many turns and quick movements", "Many turns, quick movements!"):
        np.testing.assert_allclose(model.embed(text), taught.embed([text])[0], atol=1e-5)  # type: ignore[attr-defined]
    with pytest.raises(DancecoachError, match=r"tango, moonwalk.*turns"):
        model.embed("a tango with moonwalk and turns and tango")
    for text in ("", "?!", "dance " * (LONGEST + 1)):
        with pytest.raises(DancecoachError):
            model.embed(text)
    with pytest.raises(ModelError, match="missing"):
        TextModel(tmp_path / "no.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError):
        TextModel(tmp_path / "bad.onnx")


def test_the_loss_is_least_where_texts_lie_on_what_they_are_true_of() -> None:
    motion = torch.eye(4)
    true = torch.eye(4, dtype=torch.bool)
    right, wrong = contrast(motion, motion, true, 0.1), contrast(motion[[1, 2, 3, 0]], motion, true, 0.1)
    assert right < 0.01 < wrong
    # A text that is true of all cannot be wrong.
    assert contrast(motion[[1, 2, 3, 0]], motion, torch.ones(4, 4, dtype=torch.bool), 0.1) == pytest.approx(
        0, abs=1e-6
    )


def test_the_ablation_sees_where_a_text_helps() -> None:
    embeddings, described = world(240, 3)
    trained = np.arange(240) % 2 == 0
    found = ablate(embeddings, described, trained, ["spin"], 4, Recipe(steps=80, batch=48))
    assert set(found) == {"spin"} and set(found["spin"]) == set(METHODS)
    outcome = means(found)
    assert all(0 <= each.balanced_accuracy <= 1 and 0 <= each.area <= 1 for each in outcome.values())
    assert outcome["text"].area > outcome["another's text"].area + 0.1
    assert outcome["text and example"].area > 0.8


def test_a_text_encoder_is_made_from_a_corpus(tmp_path: Path) -> None:
    takes = []
    for number in range(6):
        style = ("sway", "spin", "solo")[number % 3]
        track = moving(arms=0.3 + 0.3 * (number % 3), turns=0.3 * (style == "spin"), speed=1 + 0.1 * number)
        room = (track.joints + track.roots[:, None]).astype(np.float32)
        times = np.arange(2 * len(room)) / 60
        takes.append(
            Take(
                times, np.concatenate([room, room[::-1]]), "own", str(number), "ann", style, True, held_out=number > 2
            )
        )
    takes.append(Take(takes[0].times, takes[0].joints, "own", "only", "ann", "alone", True, held_out=True))

    def embed(track: PoseTrack, spans: Sequence[tuple[float, float]]) -> list[Floats | None]:
        found: list[Floats | None] = []
        for start, stop in spans:
            inside = (track.times >= start) & (track.times < stop)
            wrists = track.joints[inside][:, [20, 21]]
            vector = np.concatenate([wrists.std(axis=0).ravel(), wrists.mean(axis=0).ravel()])
            found.append(vector / np.linalg.norm(vector))
        return found

    clips = collect(takes, embed)
    assert len(clips.described) == 7 * 3 and clips.embeddings.shape == (21, 12)
    assert [each.style for each in clips.described[6:9]] == [None] * 3
    assert clips.trained[:9].all() and not clips.trained[9:18].any()
    assert clips.trained[18:].tolist() == [True, True, False]  # the only take of its style: some of it
    figures = make(takes, embed, tmp_path / "text.onnx", "name", Recipe(steps=5, batch=8), ablation=True)
    assert figures["clips"] == 21 and "mean" in figures
    model = TextModel(tmp_path / "text.onnx")
    assert model.motion == "name" and model.embed("sway").shape == (12,)
    with pytest.raises(DancecoachError, match="enough"):
        collect(takes, lambda track, spans: [None for _ in spans])


def test_the_bound_of_the_unknown_lies_between_own_and_foreign_movements() -> None:
    random = np.random.default_rng(4)
    centres = np.eye(8)[:4]
    embeddings = np.repeat(centres, 20, axis=0) + 0.05 * random.normal(size=(80, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    described = [Described({}, f"style {index // 20}") for index in range(80)]
    nearest, accuracy = fit_nearest(embeddings, described, np.arange(80) % 2 == 0)
    assert 0.2 < nearest < 0.97 and accuracy == 1.0
    # Where all are alike there is nothing to tell by.
    _, chance = fit_nearest(embeddings[random.permutation(80)], described, np.arange(80) % 2 == 0)
    assert chance < 0.75
