"""The session's SQL index: beats, eight-counts, notices, the total. WAL, every commit on the disk.

Read as something untrusted: into memory, with limits, from plain tables only.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dancecoach.errors import FileFormatError
from dancecoach.session import assessments, scores
from dancecoach.session.format import INDEX, LONGEST, member, number, text
from dancecoach.types import Beat, Notice, NoticeLevel, Primitive, PrimitiveScore, Synchrony

# From version n (its place) to n + 1. Every entry has a test.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE beats (
        id INTEGER PRIMARY KEY, time REAL NOT NULL, count INTEGER NOT NULL, downbeat INTEGER NOT NULL,
        tempo REAL NOT NULL, confidence REAL NOT NULL, announced_at REAL NOT NULL
    );
    CREATE TABLE primitives (
        id INTEGER PRIMARY KEY, number INTEGER NOT NULL, start REAL NOT NULL, stop REAL NOT NULL,
        beat_times TEXT NOT NULL, msr REAL, msr_low REAL, msr_high REAL, msr_published REAL,
        offset_ms REAL, offset_sd_ms REAL, offset_low_ms REAL, offset_high_ms REAL,
        level TEXT, n_hits INTEGER NOT NULL, n_beats INTEGER NOT NULL, reason TEXT, synchrony TEXT NOT NULL
    );
    CREATE TABLE notices (
        id INTEGER PRIMARY KEY, time REAL NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL,
        remedy TEXT NOT NULL, level TEXT NOT NULL
    );
    CREATE INDEX beats_time ON beats (time);
    CREATE INDEX primitives_start ON primitives (start);
    """,
    "ALTER TABLE primitives ADD COLUMN assessment TEXT;",
)
VERSION = len(MIGRATIONS)
TABLES = ("meta", "beats", "primitives", "notices")

_LARGEST = 256 * 1024**2  # bytes
_MOST_ROWS = 1_000_000
_LONGEST_VALUE = 1_000_000  # bytes of one value
_LONGEST_READING = 20.0  # s
_BEAT_TIMES = (9, 7)  # of a primitive: eight or six beats, and the first of the next
_LEVELS = {str(level): level for level in get_args(NoticeLevel)}
_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the index holds, in session seconds; `total` and `picture` (width, height) when known."""

    beats: tuple[Beat, ...] = ()
    primitives: tuple[PrimitiveScore, ...] = ()
    notices: tuple[tuple[float, Notice], ...] = ()
    total: Synchrony | None = None
    picture: tuple[int, int] | None = None


class IndexWriter:
    """Writes a new index; rows count once `commit` has returned. One thread."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        migrate(self._connection)
        self._pending = False

    def beat(self, beat: Beat) -> None:
        """Add a beat."""
        row = (beat.time, int(beat.count), int(beat.downbeat), beat.tempo, beat.confidence, beat.announced_at)
        self._add(
            "INSERT INTO beats (time, count, downbeat, tempo, confidence, announced_at) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    def primitive(self, score: PrimitiveScore) -> None:
        """Add a scored eight-count."""
        value = score.synchrony
        low, high = value.msr_interval or (None, None)
        early, late = value.offset_interval_ms or (None, None)
        row = (
            score.index,
            score.primitive.start,
            score.primitive.stop,
            json.dumps(score.primitive.beat_times.tolist()),
            *(value.msr, low, high, value.msr_published, value.offset_ms, value.offset_sd_ms, early, late),
            *(value.level, value.n_hits, value.n_beats, value.reason),
            scores.to_json(value),
            assessments.to_json(score.assessment),
        )
        marks = ", ".join("?" * len(row))
        self._add(
            "INSERT INTO primitives (number, start, stop, beat_times, msr, msr_low, msr_high, msr_published,"
            " offset_ms, offset_sd_ms, offset_low_ms, offset_high_ms, level, n_hits, n_beats, reason, synchrony,"
            " assessment)"
            f" VALUES ({marks})",
            row,
        )

    def notice(self, seconds: float, notice: Notice) -> None:
        """Add a notice shown at `seconds`."""
        row = (seconds, notice.code, notice.text, notice.remedy, notice.level)
        self._add("INSERT INTO notices (time, code, text, remedy, level) VALUES (?, ?, ?, ?, ?)", row)

    def put(self, key: str, value: str) -> None:
        """Set an entry of the table meta."""
        self._add("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def _add(self, statement: str, row: _Row) -> None:
        if not self._pending:
            self._connection.execute("BEGIN")
            self._pending = True
        self._connection.execute(statement, row)

    def commit(self) -> None:
        """Put what was added on the disk."""
        if self._pending:
            self._connection.execute("COMMIT")
            self._pending = False

    def close(self) -> None:
        """Commit, fold the log into the file and close."""
        try:
            self.commit()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an index to the current version; raises FileFormatError for a newer one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= VERSION:
        raise FileFormatError("The index is of a newer version.", "Update dancecoach to open it.")
    for step in range(version, VERSION):
        connection.executescript(f"BEGIN; {MIGRATIONS[step]} PRAGMA user_version = {step + 1}; COMMIT;")


def read_index(folder: Path) -> Contents:
    """Read a session's index; an absent one is empty.

    Raises
    ------
    FileFormatError
        When it is damaged, too large, of a newer version or not ours.
    """
    path = member(folder, INDEX)
    log = member(folder, f"{INDEX}-wal")
    member(folder, f"{INDEX}-shm")
    if path is None or path.stat().st_size == 0:
        return Contents()
    if path.stat().st_size + (log.stat().st_size if log is not None else 0) > _LARGEST:
        raise FileFormatError(f"The index of session {folder.name} is too large.", "It may not be a session of ours.")
    try:
        # A copy: the original may lie where nothing can be written, and reading must not change it.
        with tempfile.TemporaryDirectory(prefix="dancecoach-") as temporary:
            copy = Path(temporary) / INDEX
            shutil.copyfile(path, copy)
            if log is not None:
                shutil.copyfile(log, copy.with_name(f"{INDEX}-wal"))
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                return _read(connection)
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"The index of session {folder.name} is damaged.", "Its beats and scores cannot be shown."
        ) from error


def _read(connection: sqlite3.Connection) -> Contents:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    deadline = time.monotonic() + _LONGEST_READING
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_master LIMIT 1000").fetchall())
    if any(kind in ("view", "trigger") for kind in kinds.values()):
        raise sqlite3.DatabaseError("views and triggers are not ours")
    if kinds:
        migrate(connection)
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_master LIMIT 1000").fetchall())
    if not kinds:
        return Contents()  # cut off while it was begun
    if any(kinds.get(table) != "table" for table in TABLES):
        raise sqlite3.DatabaseError("a table is missing")

    def rows(statement: str) -> list[_Row]:
        return connection.execute(f"{statement} LIMIT {_MOST_ROWS}").fetchall()

    meta = {key: value for key, value in rows("SELECT key, value FROM meta") if isinstance(key, str)}
    return Contents(
        beats=_some(
            _beat, rows("SELECT time, count, downbeat, tempo, confidence, announced_at FROM beats ORDER BY id")
        ),
        primitives=_some(
            _primitive,
            rows("SELECT number, beat_times, synchrony, assessment FROM primitives ORDER BY start, id"),
        ),
        notices=_some(_notice, rows("SELECT time, code, text, remedy, level FROM notices ORDER BY id")),
        total=scores.from_json(meta.get("total")),
        picture=_picture(scores.parse(meta.get("picture"))),
    )


def _some(convert: Any, rows: Sequence[_Row]) -> tuple[Any, ...]:
    return tuple(value for value in map(convert, rows) if value is not None)


def _beat(row: _Row) -> Beat | None:
    seconds, count, downbeat, tempo, confidence, announced_at = (number(value) for value in row)
    if seconds is None or count is None or tempo is None or confidence is None:
        return None
    if not (abs(seconds) < LONGEST and 1 <= count <= 8 and 0 < tempo < 1000):
        return None
    heard = seconds if announced_at is None else announced_at
    return Beat(seconds, int(count), bool(downbeat), tempo, min(max(confidence, 0.0), 1.0), heard)


def _primitive(row: _Row) -> PrimitiveScore | None:
    index, synchrony = number(row[0]), scores.from_json(row[2])
    times = scores.parse(row[1])
    if index is None or synchrony is None or not isinstance(times, list) or len(times) not in _BEAT_TIMES:
        return None
    values = [number(value) for value in times]
    beats = np.array([np.nan if value is None else value for value in values])
    if not np.all(np.isfinite(beats)) or np.abs(beats).max() >= LONGEST or np.any(np.diff(beats) <= 0):
        return None
    beats.flags.writeable = False
    primitive = Primitive(float(beats[0]), float(beats[-1]), beats)
    return PrimitiveScore(int(index), primitive, synchrony, assessments.from_table(scores.parse(row[3])))


def _notice(row: _Row) -> tuple[float, Notice] | None:
    seconds, level = number(row[0]), _LEVELS.get(str(row[4]))
    if seconds is None or level is None:
        return None
    return seconds, Notice(text(row[1], 80), text(row[2], 500), text(row[3], 500), level)


def _picture(value: object) -> tuple[int, int] | None:
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(type(side) is int and 16 <= side <= 16384 for side in value)
    ):
        return value[0], value[1]
    return None
