"""Connections are kept between operations, and only as long as they are good."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from phoenix_nbtrain import database, locks
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.errors import StoreBusy, StoreError


def notes(path: Path) -> Database:
    made = Database(path, application_id=7, version=1, schema="CREATE TABLE notes (text TEXT)")
    with made.reading():
        pass  # the connection that creates or checks the file is not kept
    return made


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "notes.sqlite3"


@pytest.fixture
def db(path) -> Database:
    return notes(path)


def write(db: Database, text: str) -> sqlite3.Connection:
    with db.writing() as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return connection


def read(db: Database) -> list[str]:
    with db.reading() as connection:
        return [row["text"] for row in connection.execute("SELECT text FROM notes")]


def test_one_connection_serves_one_operation_after_the_other(db):
    first = write(db, "a")
    assert write(db, "b") is first
    with db.reading() as reading, db.reading() as beside:
        assert reading is first
        assert beside is not first
    assert read(db) == ["a", "b"]


def test_what_other_processes_wrote_since_is_read(db, path):
    write(db, "ours")
    other = notes(path)
    write(other, "theirs")
    assert read(db) == ["ours", "theirs"]
    write(db, "ours again")
    assert read(other) == ["ours", "theirs", "ours again"]


def test_an_operation_that_fails_leaves_nothing_behind_and_its_connection_is_closed(db):
    kept = write(db, "a")
    with pytest.raises(ValueError, match="changed my mind"), db.writing() as connection:
        connection.execute("INSERT INTO notes VALUES ('b')")
        raise ValueError("changed my mind")
    assert connection is kept
    with pytest.raises(sqlite3.ProgrammingError):
        kept.execute("SELECT 1")
    assert write(db, "c") is not kept
    assert read(db) == ["a", "c"]


def test_a_commit_is_durable_on_a_kept_connection_too(db):
    for text in ("a", "b"):
        connection = write(db, text)
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 3, "EXTRA"


def test_a_file_that_is_gone_is_not_written_through_an_open_connection(db, path):
    write(db, "a")
    path.unlink()
    with pytest.raises(StoreError, match="is gone from"):
        write(db, "b")
    assert not path.exists()


def test_another_file_in_its_place_is_the_one_that_counts(db, path, tmp_path):
    old = write(db, "a")
    other = tmp_path / "other.sqlite3"
    write(notes(other), "restored")
    other.replace(path)
    assert read(db) == ["restored"]
    with pytest.raises(sqlite3.ProgrammingError):
        old.execute("SELECT 1")


def test_a_connection_in_use_while_the_file_is_replaced_is_not_used_again(db, path, tmp_path):
    other = tmp_path / "other.sqlite3"
    write(notes(other), "restored")
    with db.reading():
        other.replace(path)
        assert read(db) == ["restored"]
    assert read(db) == ["restored"]
    write(db, "and kept")
    assert read(notes(path)) == ["restored", "and kept"]


def test_a_forked_process_opens_connections_of_its_own(db, monkeypatch):
    parents = write(db, "a")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert write(db, "b") is not parents
    assert parents.execute("SELECT 1").fetchone()[0] == 1, "closed, though it is not ours"
    assert [kept for _, kept in database._inherited] == [parents]
    database._inherited.clear()
    parents.close()


def test_connections_go_with_the_database_they_belong_to(path):
    db = notes(path)
    kept = write(db, "a")
    del db
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        kept.execute("SELECT 1")


def test_opening_it_once_more_takes_nobodys_lock_away(db, path, monkeypatch):
    monkeypatch.setattr(locks, "GIVEN_UP_AFTER", 0.0)
    # Closing any descriptor of a file drops all the locks that this process has on it.
    child = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    )
    with db.writing() as connection:
        connection.execute("INSERT INTO notes VALUES ('a')")
        other = Database(path, application_id=7, version=1, schema="")
        with contextlib.suppress(StoreBusy), other.reading():
            pass
        done = subprocess.run(
            [sys.executable, "-c", child, str(path)], capture_output=True, check=False
        )
    assert b"locked" in done.stderr
    assert read(db) == ["a"]


def meeting(db: Database, error: sqlite3.DatabaseError) -> StoreError:
    with pytest.raises(StoreError) as caught, db.writing():
        raise error
    assert len(str(caught.value)) <= 200
    return caught.value


def test_a_full_disk_is_told_and_nobody_is_asked_to_move_the_file_away(db):
    write(db, "a")
    with pytest.raises(StoreError) as caught, db.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # as full as a disk can be
        connection.executemany("INSERT INTO notes VALUES (?)", [("b" * 9000,)] * 9)
    assert "cannot be written: database or disk is full" in str(caught.value)
    assert "Free up space" in str(caught.value)
    assert "move it away" not in str(caught.value)
    assert read(db) == ["a"]
    write(db, "c")
    assert read(db) == ["a", "c"]


def test_a_file_that_cannot_be_written_is_told(path):
    db = notes(path)
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY
    assert "cannot be written" in str(meeting(db, error))
    assert "PHOENIX_NBTRAIN_HOME" in str(meeting(db, error))


def test_a_path_that_sqlite_cannot_open_is_too_long(tmp_path):
    db = Database(
        tmp_path / ("a" * 200) / ("b" * 200) / ("c" * 200) / "notes.sqlite3",
        application_id=7,
        version=1,
        schema="",
    )
    words = r"its path is too long.*PHOENIX_NBTRAIN_HOME"
    with pytest.raises(StoreError, match=words) as told, db.reading():
        pass
    assert len(str(told.value)) <= 200


def test_where_nothing_can_be_locked_no_other_process_is_blamed(db, monkeypatch):
    busy = sqlite3.OperationalError("database is locked")
    assert type(meeting(db, busy)) is StoreBusy

    def no(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no)
    assert "cannot be locked" in str(meeting(db, busy))
    lost = sqlite3.OperationalError("disk I/O error")
    lost.sqlite_errorcode = sqlite3.SQLITE_IOERR_LOCK
    assert "cannot be locked" in str(meeting(db, lost))


def test_a_file_that_a_newer_version_took_over_is_read_and_not_written(db, path):
    write(db, "ours")
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute("ALTER TABLE notes ADD COLUMN more TEXT")
        other.execute("PRAGMA user_version = 2")
    assert read(db) == ["ours"]
    with pytest.raises(StoreError, match=r"notes\.sqlite3 is in use by a newer.*Restart"):
        write(db, "too late")
    assert read(db) == ["ours"]


def test_a_file_too_old_to_migrate_is_refused_and_left_as_it_is(db, path):
    write(db, "ours")
    before = path.read_bytes()
    newer = Database(
        path, application_id=7, version=3, schema="", migrations={2: "DROP TABLE notes"}
    )
    with pytest.raises(StoreError, match=r"notes\.sqlite3 was written by .* too old.*move it away"):
        write(newer, "ours")
    assert path.read_bytes() == before
    assert read(db) == ["ours"]
