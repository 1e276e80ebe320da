"""Listing, opening and deleting sessions, and folders that are hostile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancecoach.errors import FileFormatError, RecordingError
from dancecoach.session import format as names
from dancecoach.session import index as index_module
from dancecoach.session.export import to_document
from dancecoach.session.format import read_manifest
from dancecoach.session.index import MIGRATIONS, TABLES, VERSION, Contents, migrate, read_index
from dancecoach.session.recorder import Recorder
from dancecoach.session.sound import read_sound
from dancecoach.session.store import delete_session, grid_of, list_sessions, open_session
from dancecoach.session.track import TIMES_MAGIC, TIMES_RECORD, RecordWriter
from dancecoach.types import Beat, Primitive, PrimitiveScore, downbeats_of
from dancecoach.ui.review_model import ReviewSession, SessionInfo
from tests.session import made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.record(tmp_path_factory.mktemp("whole"), 4.0, with_video=True)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "sessions" / "copy"))


def test_the_review_window_gets_what_it_asks_for(whole: Path) -> None:
    session: ReviewSession = open_session(whole)
    for name, member in vars(ReviewSession).items():
        if isinstance(member, property):
            getattr(session, name)
    info: SessionInfo = list_sessions(whole.parent)[0]
    assert (info.name, info.readable, info.problem) == (whole.name, True, "")
    assert info.msr == 0.75
    assert info.duration == pytest.approx(4.0, abs=0.05)
    assert info.created[:10] == whole.name[:10]


def test_the_newest_session_comes_first_and_broken_ones_say_so(copy: Path) -> None:
    folder = copy.parent
    for name in ("2026-01-01_10-00-00", "2026-01-02_10-00-00"):
        shutil.copytree(copy, folder / name)
    (folder / "2026-01-01_10-00-00" / names.MANIFEST).write_text("{")
    (folder / "holiday.txt").write_text("")
    (folder / "pictures").mkdir()
    found = list_sessions(folder)
    assert [info.name for info in found] == ["copy", "2026-01-02_10-00-00", "2026-01-01_10-00-00"]
    assert [info.readable for info in found] == [True, True, False]
    assert "damaged" in found[-1].problem


def test_no_folder_no_sessions(tmp_path: Path) -> None:
    assert list_sessions(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 10_000,
        b" " * 1_000_000,
        b"{}",
        b'{"schema": "dancecoach.session/999"}',
        b'{"schema": 1e999}',
    ],
)
def test_a_bad_description_is_refused_with_a_sentence(copy: Path, content: bytes) -> None:
    (copy / names.MANIFEST).write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        open_session(copy)
    assert caught.value.remedy
    assert not list_sessions(copy.parent)[0].readable


def test_a_description_of_nonsense_values_is_harmless(copy: Path) -> None:
    document = {
        "schema": names.SCHEMA,
        "created": 7,
        "info": {"camera": ["x"], "y" * 1000: "z" * 100_000},
        "finished": "yes",
        "duration": 1e300,
        "msr": "good",
        "lost": {"poses": 10**30, "blocks": None},
        "clock_origin": [1],
    }
    (copy / names.MANIFEST).write_text(json.dumps(document))
    manifest = read_manifest(copy)
    assert not manifest.finished
    assert manifest.duration is None
    assert manifest.created == ""
    assert max(len(value) for value in manifest.info.values()) <= 500
    assert open_session(copy).duration == pytest.approx(4.0, abs=0.1)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("name", names.NAMES)
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_only_plain_files_are_read(copy: Path, tmp_path: Path, name: str, kind: str) -> None:
    path = copy / name
    path.unlink(missing_ok=True)
    if kind == "link":
        other = tmp_path / "secret"
        other.write_bytes(b"secret")
        path.symlink_to(other)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nothing")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    if name in (names.MANIFEST, names.POSES):
        with pytest.raises(FileFormatError):
            open_session(copy)
    else:
        session = open_session(copy)
        (warning,) = session.warnings
        if warning.code == "index_damaged":
            assert name.startswith(names.INDEX)
            assert session.beats == ()
        elif warning.code == "sound_damaged":
            assert name in (names.SOUND, names.SOUND_TIMES)
            assert session.sound is None
        elif warning.code == "partner_damaged":
            assert name == names.PARTNER
            assert session.partner is None
        else:
            assert (warning.code, session.video_path) == ("video_damaged", None)


@pytest.mark.parametrize("name", [names.POSES, names.SOUND, names.SOUND_TIMES, names.VIDEO_TIMES])
def test_a_file_of_another_kind_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"GIF89a" + b"\0" * 5000)
    if name == names.POSES:
        with pytest.raises(FileFormatError):
            open_session(copy)
    else:
        session = open_session(copy)
        assert [warning.code for warning in session.warnings] in (["sound_damaged"], ["video_damaged"])
        assert len(session.track) == 120


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_random_damage_never_crashes(whole: Path, data: st.DataObject) -> None:
    copy = whole.parent.parent / "damaged"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    path = copy / data.draw(
        st.sampled_from([names.POSES, names.SOUND, names.SOUND_TIMES, names.INDEX, names.MANIFEST])
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        session = open_session(copy)
    except FileFormatError:
        return
    assert np.all(np.isfinite(session.track.joints))
    assert np.all(np.diff(session.track.times) > 0)


def test_numbers_that_are_none_and_times_that_run_back_are_mended(copy: Path) -> None:
    from dancecoach.session.track import POSE_MAGIC, POSE_RECORD, read_records

    records = read_records(copy / names.POSES, POSE_MAGIC, POSE_RECORD).copy()
    records["joints"][10, 20] = np.nan
    records["joints"][11, 20] = 1e30
    records["visibility"][12, 3] = np.inf
    records["image_joints"][12, 3] = np.nan
    records["time"][50] = 0.5
    records["time"][60] = np.nan
    records["time"][70] = 1e300
    (copy / names.POSES).unlink()
    writer = RecordWriter(copy / names.POSES, POSE_MAGIC, POSE_RECORD)
    writer.write(records)
    writer.close()
    session = open_session(copy)
    track = session.track
    assert len(track) == 117
    assert np.all(np.isfinite(track.joints))
    assert track.visibility[10, 20] == track.visibility[11, 20] == track.visibility[12, 3] == 0.0
    assert track.visibility[10, 19] > 0.5
    assert np.all(np.isfinite(session.poses.image_joints))


def test_a_sound_longer_than_its_header_says_is_whole(copy: Path) -> None:
    path = copy / names.SOUND
    content = bytearray(path.read_bytes())
    content[40:44] = content[4:8] = b"\0\0\0\0"
    path.write_bytes(content)
    sound = read_sound(path, copy / names.SOUND_TIMES)
    assert sound is not None
    assert sound.count == 4 * made.RATE


def test_sound_times_of_nonsense_are_left_out(copy: Path) -> None:
    path = copy / names.SOUND_TIMES
    path.unlink()
    writer = RecordWriter(path, TIMES_MAGIC, TIMES_RECORD)
    rows = [(0, 0.5), (-5, 0.6), (2**62, 0.7), (24_000, np.nan), (24_000, 1.0)]
    writer.write(np.array(rows, TIMES_RECORD))
    writer.close()
    sound = open_session(copy).sound
    assert sound is not None
    assert sound.indices.tolist() == [0.0, 24_000.0]
    assert sound.stop == pytest.approx(4.5)


def connect(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / names.INDEX, isolation_level=None)


@pytest.mark.parametrize(
    "attack",
    [
        "DROP TABLE beats; CREATE VIEW beats AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
        " SELECT n id, n time, 1 count, 1 downbeat, 1 tempo, 1 confidence, 1 announced_at FROM r",
        "DROP TABLE primitives",
        "PRAGMA user_version = 99",
        "CREATE TRIGGER boo AFTER INSERT ON meta BEGIN DELETE FROM beats; END",
        "INSERT OR REPLACE INTO meta VALUES ('total', hex(zeroblob(2000000)))",
    ],
)
def test_a_hostile_index_costs_the_scores_only(copy: Path, attack: str) -> None:
    connection = connect(copy)
    connection.executescript(attack)
    connection.close()
    session = open_session(copy)
    assert session.beats == ()
    assert [warning.code for warning in session.warnings] == ["index_damaged"]
    assert len(session.track) == 120


def test_nonsense_in_the_index_is_left_out(copy: Path) -> None:
    connection = connect(copy)
    connection.executescript(
        """
        INSERT INTO beats (time, count, downbeat, tempo, confidence, announced_at) VALUES
            ('x', 1, 1, 120, 1, 1), (1e300, 1, 1, 120, 1, 1), (9e999, 1, 1, 120, 1, 1), (9, 70, 1, 120, 1, 1),
            (9, 1, 1, -3, 1, 1), (x'00', 1, 1, 120, 1, 1);
        UPDATE primitives SET synchrony = '[[[';
        UPDATE meta SET value = '{"part": "tail", "start": 0, "stop": 1}' WHERE key = 'total';
        INSERT OR REPLACE INTO meta VALUES ('picture', '[100000000, 1]');
        """
    )
    connection.close()
    session = open_session(copy)
    assert len(session.beats) == 8
    assert session.picture is None
    assert session.total is not None
    assert session.total.part == "body"


def test_too_large_an_index_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_LARGEST", 1000)
    with pytest.raises(FileFormatError, match="too large"):
        read_index(copy)


def test_every_migration_has_a_test() -> None:
    tests = {name for name in globals() if name.startswith("test_migration_")}
    assert tests == {f"test_migration_{step}_to_{step + 1}" for step in range(VERSION)}


def test_migration_0_to_1() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT;")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == set(TABLES)
    migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


def test_migration_1_to_2() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT;")
    connection.execute(
        "INSERT INTO primitives (number, start, stop, beat_times, n_hits, n_beats, synchrony)"
        " VALUES (1, 0, 4, '[]', 0, 0, '{}')"
    )
    migrate(connection)
    assert connection.execute("SELECT number, assessment FROM primitives").fetchall() == [(1, None)]
    connection.close()


def test_an_index_cut_off_before_its_tables_is_empty(copy: Path) -> None:
    (copy / names.INDEX).unlink()
    connection = connect(copy)
    connection.execute("PRAGMA user_version = 0")
    connection.execute("VACUUM")
    connection.close()
    assert read_index(copy) == Contents()


def test_index_is_durable(whole: Path) -> None:
    connection = connect(whole)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_beat_announced_again_counts_once() -> None:
    first = made.beats(4.0, started=0.0)
    corrected = Beat(1.02, 1, True, 120.0, 0.9, 5.0)
    grid = grid_of([*first, corrected])
    assert grid is not None
    assert len(grid.beat_times) == 8
    assert grid.beat_times[2] == 1.02
    assert grid.counts[2] == 1
    assert grid.source == "heard"
    assert grid_of(first[:1]) is None


def test_beats_of_played_music_are_exact() -> None:
    beats = [Beat(time, index % 6 + 1, index % 3 == 0, 90.0, 1.0, time) for index, time in enumerate(range(9))]
    grid = grid_of(beats)
    assert grid is not None
    assert (grid.source, grid.beats_per_bar) == ("analysed", 3)


@pytest.mark.parametrize(("beats_per_bar", "cycle"), [(3, 6), (4, 8), (6, 6)])
@pytest.mark.parametrize("first", range(8))
def test_a_session_keeps_counts_and_metre(tmp_path: Path, beats_per_bar: int, cycle: int, first: int) -> None:
    recorder = Recorder(tmp_path, made.STARTED, {}, False, minimum_free=0)
    counts = [(first + index) % cycle + 1 for index in range(2 * cycle + 1)]
    times = made.STARTED + 0.5 * np.arange(len(counts))
    downbeats = downbeats_of(beats_per_bar)
    recorder.beats(
        [Beat(float(at), count, count in downbeats, 120.0, 0.9, at) for at, count in zip(times, counts, strict=True)]
    )
    beats = times[: cycle + 1]
    primitive = Primitive(float(beats[0]), float(beats[-1]), beats)
    recorder.primitive(PrimitiveScore(1, primitive, made.synchrony(primitive.start, primitive.stop)))
    session = open_session(recorder.close(made.synchrony(made.STARTED, float(times[-1]))))
    grid = session.beat_grid
    assert grid is not None
    assert grid.counts.tolist() == counts
    assert (grid.beats_per_bar, grid.cycle) == (beats_per_bar, cycle)
    assert [len(score.primitive.beat_times) for score in session.primitives] == [cycle + 1]
    document = to_document(session)
    assert document["beats_per_bar"] == beats_per_bar
    assert [beat["count"] for beat in document["beats"]] == counts


def test_deleting_takes_the_session_and_nothing_else(copy: Path) -> None:
    sibling = copy.parent / "sibling"
    shutil.copytree(copy, sibling)
    delete_session(copy)
    assert not copy.exists()
    assert open_session(sibling).total is not None
    (sibling / "my notes.txt").write_text("keep")
    with pytest.raises(RecordingError):
        delete_session(sibling)
    assert [path.name for path in sibling.iterdir()] == ["my notes.txt"]
    with pytest.raises(FileFormatError):
        delete_session(sibling)


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_deleting_follows_no_link(copy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(copy)
    with pytest.raises(FileFormatError):
        delete_session(link)
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (copy / names.SOUND).unlink()
    (copy / names.SOUND).symlink_to(precious)
    delete_session(copy)
    assert precious.read_text() == "keep"
    assert not copy.exists()
