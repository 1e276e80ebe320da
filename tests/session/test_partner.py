"""The partner's track of a session: written, read back, damaged, exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.errors import FileFormatError
from dancecoach.session import format as names
from dancecoach.session.bvh import read_bvh
from dancecoach.session.export import export, partner_destination
from dancecoach.session.recorder import Recorder
from dancecoach.session.store import delete_session, open_session
from dancecoach.session.track import PARTNER_RECORD, PARTNER_STATES, read_partner
from tests.session import made
from tests.session.made import STARTED

SIZE = PARTNER_RECORD.itemsize + 4


@pytest.fixture(scope="module")
def duet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.record(tmp_path_factory.mktemp("duet"), 3.0, partner=made.partner_frames(3.0))


def test_what_the_partner_danced_is_what_is_opened(duet: Path) -> None:
    session = open_session(duet)
    partner, frames = session.partner, made.partner_frames(3.0)
    assert partner is not None and session.partner_track is partner.track
    assert np.abs(partner.track.times - [frame.time - STARTED for frame in frames]).max() < 1e-9
    room = partner.track.joints + partner.track.roots[:, None]
    assert np.abs(room - [frame.joints for frame in frames]).max() < 1e-5
    assert partner.contacts[0].tolist() == [1.0, 0.0, 0.5, 0.25]
    assert partner.holds[0].tolist() == [0.0, 0.75, 0.0, 1.0]
    assert [PARTNER_STATES[state] for state in partner.states[[0, -1]]] == ["following", "holding"]
    assert partner.feet_inferred[[0, -1]].tolist() == [False, True]


def test_without_a_partner_there_is_no_file(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 1.0)
    assert not (folder / names.PARTNER).exists()
    assert open_session(folder).partner is None


def test_frames_ahead_of_now_do_not_make_the_session_longer(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 1.0, partner=made.partner_frames(1.5))
    session = open_session(folder)
    assert session.duration == pytest.approx(1.0, abs=0.1)
    assert session.partner is not None and session.partner.track.times[-1] > 1.4


def test_what_was_danced_before_the_start_is_no_part_of_the_session(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, STARTED + 0.5, {}, False, minimum_free=0)
    for frame in made.partner_frames(1.0):
        recorder.partner(frame)
    session = open_session(recorder.close())
    assert session.partner is not None
    assert session.partner.track.times[0] == pytest.approx(0.0, abs=1e-6)


def test_a_track_torn_anywhere_keeps_its_whole_records(duet: Path, tmp_path: Path) -> None:
    content = (duet / names.PARTNER).read_bytes()
    torn = tmp_path / "torn"
    for cut in (64 + SIZE, 64 + SIZE + 1, 64 + 3 * SIZE - 1, len(content)):
        torn.write_bytes(content[:cut])
        partner = read_partner(torn)
        assert partner is not None and len(partner.track) == (cut - 64) // SIZE
    torn.write_bytes(content[:40])
    assert read_partner(torn) is None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_damage_never_crashes(duet: Path, data: st.DataObject) -> None:
    content = bytearray((duet / names.PARTNER).read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = duet.parent / "damaged.track"
    damaged.write_bytes(content)
    try:
        partner = read_partner(damaged)
    except FileFormatError:
        return
    assert partner is not None
    assert np.isfinite(partner.track.joints).all() and np.isfinite(partner.track.roots).all()


def test_numbers_of_a_stranger_are_kept_within_bounds(tmp_path: Path) -> None:
    from dancecoach.session.track import PARTNER_MAGIC, RecordWriter

    records = np.zeros(3, PARTNER_RECORD)
    records["time"] = [0.0, np.nan, 0.5]
    records["joints"][0, 3] = np.inf
    records["joints"][2, 0] = 1e30
    records["contacts"], records["holds"] = np.nan, 7.0
    records["state"] = 200
    writer = RecordWriter(tmp_path / "a", PARTNER_MAGIC, PARTNER_RECORD)
    writer.write(records)
    writer.close()
    partner = read_partner(tmp_path / "a")
    assert partner is not None and len(partner.track) == 2
    assert np.isfinite(partner.track.joints).all() and np.isfinite(partner.track.roots).all()
    assert partner.contacts.max() == 0.0 and partner.holds.max() == 1.0
    assert partner.states.max() < len(PARTNER_STATES)


def test_a_file_of_another_kind_is_left_out_and_told(duet: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(duet, tmp_path / "copy"))
    shutil.copy(copy / names.POSES, copy / names.PARTNER)
    session = open_session(copy)
    assert session.partner is None and len(session.track) == 90
    assert [warning.code for warning in session.warnings] == ["partner_damaged"]


def test_deleting_takes_the_partner_too(duet: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(duet, tmp_path / "copy"))
    delete_session(copy)
    assert not copy.exists()


def test_a_duet_is_exported_as_two_files_of_one_room(duet: Path, tmp_path: Path) -> None:
    assert export(open_session(duet), "bvh", tmp_path / "tango.bvh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tango-partner.bvh", "tango.bvh"]
    dancer, partner = read_bvh(tmp_path / "tango.bvh"), read_bvh(tmp_path / "tango-partner.bvh")
    assert len(dancer) == len(partner) and np.allclose(dancer.times, partner.times)
    between = partner.roots - dancer.roots
    assert np.abs(between - [0.0, 0.0, 1.0]).max() < 0.01


def test_a_partner_who_came_later_stands_still_before(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 3.0, partner=made.partner_frames(3.0, first=2.0))
    assert export(open_session(folder), "bvh", tmp_path / "late.bvh")
    partner = read_bvh(partner_destination(tmp_path / "late.bvh"))
    assert len(partner) == len(read_bvh(tmp_path / "late.bvh")) == 90
    speed = np.linalg.norm(np.diff(partner.roots, axis=0), axis=1)
    assert speed[:58].max() < 1e-4 < speed[62:].max()


def test_a_stopped_export_leaves_neither_file(duet: Path, tmp_path: Path) -> None:
    answers = iter([True, False])
    assert not export(open_session(duet), "bvh", tmp_path / "a.bvh", lambda share: next(answers))
    assert list(tmp_path.iterdir()) == []


def test_everything_has_the_partner_in_it(duet: Path, tmp_path: Path) -> None:
    assert export(open_session(duet), "json", tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(document["partner"]["times"]) == 90
    assert document["partner"]["states"][-1] == "holding"
