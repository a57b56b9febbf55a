"""Who waits for another kernel is told whom for, can stop, and does not wait for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from other_kernel import Slept, another_kernel, interrupted_after, sleeps_by

from phoenix_nbtrain import telling
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.errors import StoreBusy
from phoenix_nbtrain.home import home
from phoenix_nbtrain.locks import Waiting, at_work, lease, who_is_at


def until_it_ends(wait: Waiting) -> StoreBusy:
    with pytest.raises(StoreBusy) as caught:
        while True:
            wait.pause()
    return caught.value


def test_it_is_said_once_after_two_seconds_and_ends_after_ten_minutes():
    said: list[str] = []
    slept = Slept()
    wait = Waiting("It is synced", lambda: "by process 7", say=said.append, sleep=slept)
    while slept.seconds < 1.9:
        wait.pause()
    assert said == []
    error = until_it_ends(wait)
    assert said == ["Waiting: It is synced by process 7. Interrupt to stop waiting."]
    assert 600 <= slept.seconds < 601
    assert "by process 7, and nothing has happened there for 10 minutes" in error.message
    assert error.remedy


def test_ten_minutes_are_counted_from_the_last_progress():
    slept = Slept()
    wait = Waiting(
        "It is synced",
        lambda: "by process 7",
        progress=lambda: min(int(slept.seconds), 3000),
        say=lambda _: None,
        sleep=slept,
    )
    until_it_ends(wait)
    assert 3600 <= slept.seconds < 3602


def test_a_cell_reads_it_and_a_thread_leaves_it_to_its_view(capsys):
    telling.tell("said in a cell")
    thread = threading.Thread(target=telling.tell, args=("said by a thread",))
    thread.start()
    thread.join()
    assert capsys.readouterr().err == "said in a cell\n"


def test_a_lock_names_its_holder_and_the_wait_can_be_interrupted(monkeypatch, capsys):
    with another_kernel("sync") as child:
        interrupted_after(3, monkeypatch)
        with pytest.raises(KeyboardInterrupt), lease("sync", what="This is synced"):
            pass
        said = capsys.readouterr().err
        assert said.startswith(
            f"Waiting: This is synced by props.ipynb (process {child.pid}) since "
        )
        assert said.count("\n") == 1


def test_a_holder_that_moves_is_waited_for_and_one_that_does_not_is_not(monkeypatch):
    with another_kernel("sync") as child:
        moved = 0

        def move(seconds: float) -> None:
            nonlocal moved
            if moved < 2 and seconds > 500 * (moved + 1):
                moved += 1
                child.stdin.write("\n")
                child.stdin.flush()
                assert child.stdout.readline() == "moved\n"

        slept = Slept(move)
        sleeps_by(slept, monkeypatch)
        with (
            pytest.raises(StoreBusy, match=r"props\.ipynb"),
            lease("sync", what="This is synced", say=lambda _: None),
        ):
            pass
        assert 1600 <= slept.seconds < 1610


def test_a_token_names_who_is_at_it():
    with at_work("job"):
        assert who_is_at("job").startswith(f"by process {os.getpid()} since ")
    assert who_is_at("job") == "by another kernel"
    assert list((home() / "locks").iterdir()) == []


def test_a_lock_file_of_an_earlier_version_names_nobody():
    with at_work("job"):
        (path,) = (home() / "locks").iterdir()
        for content in ("", "{}", json.dumps({"pid": 1, "notebook": "", "since": 1e300})):
            path.write_text(content)
            assert who_is_at("job") == "by another kernel"


# -- the database -------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "notes.sqlite3"


@pytest.fixture
def db(path) -> Database:
    made = Database(path, application_id=7, version=1, schema="CREATE TABLE notes (text TEXT)")
    with made.writing() as connection:
        connection.execute("INSERT INTO notes VALUES ('a')")
    return made


@contextmanager
def locked_by_another(path: Path, statements: str) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        f"{statements}\nprint('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.communicate()


WRITING = "db.execute('BEGIN EXCLUSIVE')"
READING = "db.execute('BEGIN'); db.execute('SELECT * FROM notes').fetchall()"


@pytest.mark.parametrize(
    ("theirs", "ours"), [(WRITING, "reading"), (WRITING, "writing"), (READING, "writing")]
)
def test_a_database_in_use_names_the_process_and_can_be_interrupted(
    db, path, theirs, ours, monkeypatch, capsys
):
    with locked_by_another(path, theirs) as child:
        interrupted_after(3, monkeypatch)
        with pytest.raises(KeyboardInterrupt), getattr(db, ours)() as connection:
            connection.execute("SELECT * FROM notes").fetchall()
            if ours == "writing":
                connection.execute("INSERT INTO notes VALUES ('b')")
        said = capsys.readouterr().err
        who = f"process {child.pid}" if sys.platform == "linux" else "another process"
        assert said == f"Waiting: notes.sqlite3 is in use by {who}. Interrupt to stop waiting.\n"
    with db.reading() as connection:
        rows = connection.execute("SELECT text FROM notes").fetchall()
    assert [row["text"] for row in rows] == ["a"], "nothing half done"


def test_a_database_that_nobody_lets_go_of_is_busy_after_ten_minutes(db, path, monkeypatch):
    with locked_by_another(path, WRITING):
        slept = Slept()
        sleeps_by(slept, monkeypatch)
        with pytest.raises(StoreBusy, match=r"notes\.sqlite3 is in use by"), db.writing():
            pass
        assert 600 <= slept.seconds < 601


def test_a_large_change_does_not_meet_readers_in_its_midst(db, path):
    rows = [("x" * 4000,)] * 2000  # four times what SQLite keeps in memory
    with locked_by_another(path, READING) as child, db.writing() as connection:
        connection.executemany("INSERT INTO notes VALUES (?)", rows)
        child.communicate()
    with db.reading() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone()[0] == 2001
