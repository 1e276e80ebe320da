"""Classes taught by text and examples: what is recognised, what is unknown, what a damaged file does."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dancecoach import config
from dancecoach.__main__ import main
from dancecoach.assessment import encoders, prompts
from dancecoach.assessment.prompts import UNKNOWN, Prompt, PromptBook, score
from dancecoach.errors import DancecoachError, FileFormatError
from dancecoach.types import Floats

RANDOM = np.random.default_rng(2)
SIZE = 16


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


CENTRES = unit(np.eye(SIZE)[:4] + 0.1 * RANDOM.normal(size=(4, SIZE)))


def near(centre: Floats, count: int, spread: float = 0.08) -> Floats:
    return unit(centre + spread * RANDOM.normal(size=(count, SIZE)))


def a_book(**changes: object) -> PromptBook:
    book = PromptBook()
    for index, name in enumerate(("salsa", "tango")):
        book = book.with_prompt(Prompt(name, "style", examples=near(CENTRES[index], 5)))
    book = book.with_prompt(Prompt("slow", "dancing", "slow movements", CENTRES[3]))
    return replace(book, **changes)


def first(book: PromptBook, embedding: Floats, attribute: str = "style") -> str:
    return next(label.name for label in book.classify(embedding) if label.attribute == attribute)


def test_a_movement_is_of_the_class_whose_examples_are_near() -> None:
    book = a_book()
    for index, name in enumerate(("salsa", "tango")):
        for embedding in near(CENTRES[index], 20):
            assert first(book, embedding) == name
            assert first(book, 7.5 * embedding) == name  # of any length
    for embedding in near(CENTRES[2], 20):
        assert first(book, embedding) == UNKNOWN
        assert "style" not in [label.attribute for label in book.recognise(embedding)]
    (label,) = (each for each in book.recognise(CENTRES[0]) if each.attribute == "style")
    assert label == book.classify(CENTRES[0])[0]
    assert first(book, CENTRES[3], "dancing") == "slow"  # by its text alone


def test_probabilities_of_an_attribute_are_a_distribution_in_order() -> None:
    labels = a_book().classify(near(CENTRES[0] + CENTRES[1], 1)[0])
    assert {(label.attribute, label.name) for label in labels} == {
        ("style", "salsa"), ("style", "tango"), ("style", UNKNOWN), ("dancing", "slow"), ("dancing", UNKNOWN),
    }  # fmt: skip
    for attribute in ("style", "dancing"):
        shares = [label.probability for label in labels if label.attribute == attribute]
        assert sum(shares) == pytest.approx(1.0)
        assert shares == sorted(shares, reverse=True)


def test_the_order_in_which_classes_are_taught_does_not_matter() -> None:
    book = a_book()
    turned = replace(book, prompts=book.prompts[::-1])
    embedding = near(CENTRES[0] + 0.8 * CENTRES[1], 1)[0]
    assert set(book.classify(embedding)) == set(turned.classify(embedding))


def test_a_nearer_bound_makes_less_unknown() -> None:
    embedding = unit(0.6 * CENTRES[0] + RANDOM.normal(size=SIZE) * 0.2)
    shares = []
    for nearest in (0.0, 0.5, 0.9):
        labels = a_book(nearest=nearest).classify(embedding)
        shares.append(next(each.probability for each in labels if each.name == UNKNOWN and each.attribute == "style"))
    assert shares == sorted(shares) and shares[0] < 0.1 < shares[2]


def test_text_and_examples_both_count_and_examples_the_more_they_are() -> None:
    example, text = np.eye(SIZE)[:1], np.eye(SIZE)[1]
    looks = np.eye(SIZE)[:2]
    none = np.empty((0, SIZE))
    assert score(looks, example, None) == pytest.approx([1.0, 0.0])
    assert score(looks, none, text) == pytest.approx([0.0, 1.0])
    one, many = score(looks, example, text), score(looks, np.repeat(example, 9, axis=0), text)
    assert one[0] > one[1] > 0
    assert many[0] > one[0] and 0 < many[1] < one[1]


def test_teaching_again_adds_examples_and_replaces_the_text() -> None:
    book = a_book().with_prompt(Prompt("salsa", "style", "quick", CENTRES[0], near(CENTRES[0], 2)))
    (salsa,) = [each for each in book.prompts if each.name == "salsa"]
    assert len(salsa.examples) == 7 and salsa.text == "quick"
    assert len(book.prompts) == 3
    assert "salsa" not in [each.name for each in book.without("salsa").prompts]
    with pytest.raises(DancecoachError, match="tango"):
        book.without("waltz")


def test_what_cannot_be_is_refused() -> None:
    example = near(CENTRES[0], 1)
    for wrong in (
        Prompt("", "style", examples=example),
        Prompt(UNKNOWN, "style", examples=example),
        Prompt("a\nb", "style", examples=example),
        Prompt("x" * 100, "style", examples=example),
        Prompt("nothing", "style"),
        Prompt("long", "style", examples=2 * example),
        Prompt("nan", "style", examples=np.full((1, SIZE), np.nan)),
        Prompt("other", "style", examples=unit(np.ones((1, SIZE + 1)))),
        Prompt("salsa", "style", examples=unit(np.ones((1, SIZE + 1)))),
        Prompt("mixed", "style", "text", unit(np.ones(SIZE + 1)), example),
    ):
        with pytest.raises(DancecoachError):
            a_book().with_prompt(wrong)
    for odd in (np.zeros(SIZE), np.full(SIZE, np.nan), np.ones(SIZE + 1)):
        assert a_book().classify(odd) == ()
    assert PromptBook().classify(CENTRES[0]) == ()


def test_books_of_other_encoders_are_not_mixed() -> None:
    book = a_book().made_with("one")
    assert book.made_with("").motion == "one"
    with pytest.raises(DancecoachError, match="one"):
        book.made_with("two")
    assert PromptBook(motion="one").made_with("two").motion == "two"


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "prompts.json"
    assert prompts.load(path).prompts == ()
    book = a_book(motion="graph", nearest=0.25, temperature=0.07)
    prompts.save(book, path)
    found = prompts.load(path)
    assert (found.motion, found.nearest, found.temperature) == ("graph", 0.25, 0.07)
    for old, new in zip(book.prompts, found.prompts, strict=True):
        assert (old.name, old.attribute, old.text) == (new.name, new.attribute, new.text)
        assert len(new.examples) == len(old.examples)
        if len(old.examples):
            np.testing.assert_allclose(new.examples, old.examples, atol=1e-6)
    embedding = near(CENTRES[1], 1)[0]
    for one, other in zip(book.classify(embedding), found.classify(embedding), strict=True):
        assert one.name == other.name and one.probability == pytest.approx(other.probability, abs=1e-4)
    assert [each.name for each in path.parent.iterdir()] == ["prompts.json"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(schema="dancecoach.prompts/2"),
        lambda d: d.update(prompts=None),
        lambda d: d.update(temperature=0),
        lambda d: d.update(nearest=True),
        lambda d: d.update(motion=1),
        lambda d: d["prompts"][0].update(name=3),
        lambda d: d["prompts"][0].update(attribute="colour"),
        lambda d: d["prompts"][0].update(examples=[[1.0], [1.0, 2.0]]),
        lambda d: d["prompts"][0].update(examples=[["x"] * SIZE]),
        lambda d: d["prompts"][0].update(examples=[[0.5] * SIZE]),
        lambda d: d["prompts"][0].update(examples=[[1e300] * SIZE]),
        lambda d: d["prompts"][0].update(examples={}),
        lambda d: d["prompts"][0].update(examples=[[]]),
        lambda d: d["prompts"][0].update(text="says"),
        lambda d: d["prompts"].append(d["prompts"][0]),
        lambda d: d["prompts"].append(7),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, change: object) -> None:
    path = tmp_path / "prompts.json"
    prompts.save(a_book(), path)
    document = json.loads(path.read_text())
    assert callable(change)
    change(document)
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    with pytest.raises(FileFormatError):
        prompts.load(path)
    assert path.read_bytes() == before
    for text in ("", "[]", "{", "[" * 100_000, '{"schema": "dancecoach.prompts/1", "temperature": NaN}'):
        path.write_text(text)
        with pytest.raises(FileFormatError):
            prompts.load(path)


def test_the_file_is_whole_when_the_disk_refuses(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    prompts.save(a_book(), path)
    before = path.read_bytes()
    (tmp_path / "prompts.tmp").mkdir()
    with pytest.raises(DancecoachError, match="saved"):
        prompts.save(a_book().without("salsa"), path)
    assert path.read_bytes() == before


def test_the_commands_teach_list_and_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Heard:
        motion = judge = reason = "here"

        def judge_track(self, track: object, grid: object, spans: Sequence[tuple[float, float]]) -> list[object]:
            return [SimpleNamespace(embedding=CENTRES[0]) if stop - start > 3 else None for start, stop in spans]

    monkeypatch.setattr(encoders, "load_encoders", lambda **_: Heard())
    monkeypatch.setattr(encoders, "MODELS", tmp_path)
    for name in ("motion.onnx", "judge.onnx"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setenv("DANCECOACH_DATA", str(tmp_path / "data"))
    assert prompts.default_path().parent == config.data_folder() == tmp_path / "data"
    motion = tmp_path / "a.npz"
    joints = np.random.default_rng(0).normal(0, 0.4, (240, 22, 3))
    np.savez(motion, times=np.arange(240) / 30, joints=joints)
    short = tmp_path / "short.npz"
    np.savez(short, times=np.arange(30) / 30, joints=joints[:30])
    assert main(["prompt", "add", "tango", "--attribute", "style", str(motion), str(motion)]) == 0
    assert main(["prompt", "add", "tango", str(motion), "--attribute", "style"]) == 0
    assert main(["prompt", "add", "pause", "--attribute", "dancing", str(motion)]) == 0
    assert main(["prompt", "list"]) == 0
    assert capsys.readouterr().out == "style tango: 6 examples\ndancing pause: 2 examples\n"
    name = prompts.name_of(tmp_path / "motion.onnx", tmp_path / "judge.onnx")
    assert prompts.load().motion == name != prompts.name_of(tmp_path / "judge.onnx", tmp_path / "motion.onnx")
    assert prompts.name_of(tmp_path / "nowhere") == ""
    assert main(["prompt", "add", "brief", str(short)]) == 1
    assert main(["prompt", "remove", "waltz"]) == 1
    assert main(["prompt", "remove", "tango"]) == 0
    assert [each.name for each in prompts.load().prompts] == ["pause"]
    assert main(["prompt", "add", "nothing"]) == 1
    (tmp_path / "judge.onnx").write_bytes(b"other weights")
    assert main(["prompt", "add", "tango", str(motion)]) == 1
    assert main(["prompt", "add", "lost", str(tmp_path / "lost.bvh")]) == 1
    with pytest.raises(SystemExit):
        main(["prompt", "list", "more"])
    with pytest.raises(SystemExit):
        main(["prompt", "add", "x", "--attribute", "style", "--colour", "red"])
