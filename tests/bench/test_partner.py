"""`dancecoach bench partner`: a folder of duets in, tables and a document out."""

import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancecoach.__main__ import main
from dancecoach.bench.duet_contact import f1, touching
from dancecoach.bench.partner import TRUE, fold_indices, other_leader, run
from dancecoach.bench.partner_baselines import delayed, placed
from dancecoach.bench.partner_figures import over_takes, take_figures
from dancecoach.errors import DancecoachError
from dancecoach.session.duets import Duet, read_duets
from dancecoach.types import Floats
from tests.support.duets import couple


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four couples."""
    root = tmp_path_factory.mktemp("duets")
    for seed in range(4):
        leader, follower = couple(9.0, seed=seed)
        # A hand is held for a while.
        follower[100:200, 21] = leader[100:200, 20] + (0.0, 0.05, 0.1)
        for role, room in (("leader", leader), ("follower", follower)):
            np.savez(root / f"pair{seed}_{role}.npz", times=np.arange(len(room)) / 30.0, joints=room)
    return root


class Oracle:
    """Knows the followers by heart, and answers some frames late."""

    lookahead_frames = 0

    def __init__(self, duets: Sequence[Duet], frames: int = 0) -> None:
        self.name = f"oracle-{frames}"
        self._known, self._frames = list(duets), frames

    def fit(self, duets: Sequence[Duet]) -> None:
        self.fitted = [duet.name for duet in duets]

    def run(self, leader: Floats, first: Floats) -> Floats:
        true = next(duet for duet in self._known if np.allclose(duet.follower[0], first))
        assert true.name not in self.fitted
        return delayed(true.follower, self._frames)[: len(leader)]


class Deaf(Oracle):
    def run(self, leader: Floats, first: Floats) -> Floats:
        return np.repeat(first[None], len(leader), axis=0)


def test_the_command_prints_tables_and_a_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--folds", "2", "--models", "ours,mirror,mm-steered", "--json", "-"]
    assert main(["bench", "partner", str(folder), *arguments]) == 0
    out, err = capsys.readouterr()
    document: dict[str, Any] = json.loads(out, parse_constant=pytest.fail)
    assert document["schema"] == "dancecoach.bench.partner/1"
    assert list(document["takes"]) == ["pair0", "pair1", "pair2", "pair3"]
    assert sorted(itertools.chain(*document["folds"])) == sorted(document["takes"])
    models = document["models"]
    assert list(models) == [TRUE, "truth-67ms", "truth-133ms", "truth-200ms", "ours", "mirror", "mm-steered"]
    truth = models[TRUE]["figures"]
    for name in ("root_cm", "facing_deg", "mpjpe_cm", "hands_cm", "lag_ms", "fid_k", "fid_g", "fid_cd"):
        assert truth[name]["value"] == pytest.approx(0.0, abs=1e-4)
    for name in ("touch_f1", "touch_f1_pooled", "hold_f1", "jerk_ratio"):
        assert truth[name]["value"] == pytest.approx(1.0)
    late = models["truth-200ms"]
    assert late["lookahead_frames"] == -6
    assert late["figures"]["lag_ms"]["value"] == pytest.approx(200.0, abs=15.0)
    mirror = models["mirror"]
    assert set(mirror["takes"]) == set(document["takes"])
    assert mirror["figures"]["root_cm"]["low"] <= mirror["figures"]["root_cm"]["value"]
    assert mirror["shuffled_leader"]["root_shuffled_cm"] > mirror["shuffled_leader"]["root_cm"]
    assert mirror["corrupted"]["dropout 3 s"]["never_recovered"] is not None
    assert mirror["against"]["rival"] == "mm-steered"
    assert document["floors"]["fid_k"] > 0
    assert "Shown another leader" in err and "Leader seen badly" in err and "Farther from the goal" in err
    assert max(map(len, err.splitlines())) <= 160


def test_known_partners_score_what_they_must(folder: Path) -> None:
    duets = read_duets(folder)
    text = io.StringIO()
    models = [Oracle(duets), Oracle(duets, 3), Deaf(duets)]
    models[2].name = "deaf"
    document = run(folder, folds=4, models=models, out=text)
    perfect, late, deaf = (document["models"][name] for name in ("oracle-0", "oracle-3", "deaf"))
    assert perfect["figures"]["root_cm"]["value"] == 0.0
    assert perfect["figures"]["hold_f1"]["value"] == 1.0
    assert late["figures"]["lag_ms"]["value"] == pytest.approx(100.0, abs=10.0)
    assert deaf["figures"]["lag_ms"]["value"] is None
    assert deaf["shuffled_leader"]["root_p"] == 1.0  # whoever leads
    endured = deaf["corrupted"]["dropout 1 s"]
    assert (endured["recovery_s"], endured["recovery_worst_s"], endured["late"]) == (0.0, 0.0, 0.0)
    assert "against" not in deaf  # the rival was not run
    assert "–" in text.getvalue()


def test_what_is_cleaned_up_gets_a_row_of_its_own(folder: Path) -> None:
    duets = read_duets(folder)

    def raised(leader: Floats, follower: Floats) -> Floats:
        assert np.isfinite(leader).all()
        return follower + (0.0, 0.1, 0.0)

    document = run(folder, folds=2, models=[Oracle(duets)], out=io.StringIO(), clean=raised)
    figures = {name: model["figures"]["drift_cm"]["value"] for name, model in document["models"].items()}
    assert figures["oracle-0+clean"] == pytest.approx(figures["oracle-0"] + 10.0, abs=0.5)


def test_a_partner_that_breaks_is_named(folder: Path) -> None:
    class Broken(Deaf):
        name = "broken"

        def run(self, leader: Floats, first: Floats) -> Floats:
            return leader * np.nan

    broken = Broken(read_duets(folder))
    broken.name = "broken"
    with pytest.raises(DancecoachError, match="broken"):
        run(folder, folds=2, models=[broken], out=io.StringIO())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no folder"),
        (["."], "no pairs of dancers"),
        (["DUETS", "--models", "ours,fred"], "There is no partner 'fred'. Choose among ours, last-pose"),
        (["DUETS", "--models", ","], "Choose among"),
        (["DUETS", "--folds", "5"], "4 takes make no 5 folds"),
        (["DUETS", "--folds", "1"], "folds"),
        (["DUETS", "--horizon", "-1"], "A horizon of -1 ms"),
        (["DUETS", "--json", "no folder/x"], "cannot be written"),
    ],
)
def test_refusals_are_one_sentence(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(folder) if word == "DUETS" else word for word in arguments]
    assert main(["bench", "partner", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err.splitlines()[-1]


def test_every_take_is_tested_once() -> None:
    groups = fold_indices(11, 5)
    assert sorted(itertools.chain(*groups)) == list(range(11))
    assert min(map(len, groups)) == 2  # so that there is another leader in each
    assert groups == fold_indices(11, 5)


def test_another_leader_begins_where_the_true_one_did() -> None:
    duet, other = Duet("a", *couple(8.0, seed=1)), Duet("b", *couple(6.0, seed=2))
    leader = other_leader(duet, other)
    assert len(leader) == 180
    here, there = placed(duet.leader[:1]), placed(leader[:1])
    assert there.place == pytest.approx(here.place)
    assert there.heading == pytest.approx(here.heading)
    alone = other_leader(duet, duet)
    assert not np.allclose(alone, duet.leader)
    assert len(alone) == len(duet)


def test_real_dancers(recordings: Path) -> None:
    duets = read_duets(recordings / "motion" / "cmu_salsa" / "bvh")[:6]
    true, late = (
        over_takes([take_figures(duet, delayed(duet.follower, frames)) for duet in duets]) for frames in (0, 4)
    )
    assert 0.27 < true["bed"]["value"] < 0.42
    assert 0.15 < true["bed_corrected"]["value"] < 0.33  # they do mark the same moments
    assert late["bed_corrected"]["value"] < 0.12  # a tenth of a second takes that away
    assert late["root_cm"]["value"] == pytest.approx(8.0, abs=2.0)
    assert late["facing_deg"]["value"] == pytest.approx(16.0, abs=4.0)
    assert late["lag_ms"]["value"] == pytest.approx(133.0, abs=8.0)
    assert 3.0 < true["depth_cm"]["value"] < 9.0  # close holds, brought to one body shape
    assert 30 < true["foot_cm_s"]["value"] < 65


def test_touch_of_all_frames_is_that_of_the_takes_one_after_the_other(folder: Path) -> None:
    duets = read_duets(folder)
    made = [delayed(duet.follower, 3 * number) for number, duet in enumerate(duets)]
    flags = [
        (touching(duet.leader, room), touching(duet.leader, duet.follower))
        for duet, room in zip(duets, made, strict=True)
    ]
    predicted, true = (np.concatenate(each) for each in zip(*flags, strict=True))
    expected = f1(predicted, true)
    assert expected is not None and 0.0 < expected < 1.0
    found = over_takes([take_figures(duet, room) for duet, room in zip(duets, made, strict=True)])
    assert found["touch_f1_pooled"]["value"] == pytest.approx(expected, abs=1e-4)
