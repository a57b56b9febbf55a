"""A lock between processes: one holder at a time, and no file once nobody holds it.

The operating system tells who holds one, not what a file says.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import home
from phoenix_nbtrain.local.workers import hold_lease, lease_held
from phoenix_nbtrain.locks import (
    at_work,
    is_locked,
    lease,
    lease_if_free,
    locked,
    may_be_at_work,
    refuse_without_locks,
    who_is_at,
)

COUNTING = """
import sys
from pathlib import Path
from phoenix_nbtrain.locks import lease
count = Path(sys.argv[1])
for _ in range(150):
    with lease("count", what="It is counted"):
        count.write_text(str(int(count.read_text()) + 1))
"""


def held() -> list[Path]:
    return list((home() / "locks").iterdir())


def comes_to(count: int) -> bool:
    """Wait for so many lock files: what earlier tests left behind may just be at its own."""
    until = time.monotonic() + 30
    while len(held()) != count and time.monotonic() < until:
        time.sleep(0.01)
    return len(held()) == count


def test_the_file_is_there_only_while_the_lock_is_held():
    with lease("sync", "a", what=""), lease("sync", "b", what=""):
        assert comes_to(2)
    assert comes_to(0)


def test_whoever_waited_for_a_file_that_is_gone_locks_the_one_in_its_place():
    with lease("sync", what=""):
        (path,) = held()
        path.unlink()
        other = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(other, fcntl.LOCK_EX)
    assert held() == [path], "it is another's now, and stays"
    os.close(other)


def test_processes_that_come_and_go_never_hold_it_at_the_same_time(tmp_path):
    count = tmp_path / "count"
    count.write_text("0")
    command = [sys.executable, "-c", COUNTING, str(count)]
    children = [subprocess.Popen(command) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    assert count.read_text() == "600"
    assert comes_to(0)


HOLDING = """
import sys
from phoenix_nbtrain.locks import lease
with lease("sync", what="It is synced"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_that_is_held_is_not_waited_for_where_that_is_asked():
    with lease_if_free("sync") as first, lease_if_free("sync") as second:
        assert (first, second) == (True, False)
        assert comes_to(1), "whoever did not get it takes nothing away"
    assert comes_to(0)
    command = [sys.executable, "-c", HOLDING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout.readline() == "held\n"
        with lease_if_free("sync") as third:
            assert not third, "another process has it"
        child.communicate()
    with lease_if_free("sync") as fourth:
        assert fourth


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused_by_name_before_any_work_begins(
    refusal, monkeypatch
):
    (home() / "local").mkdir(parents=True)
    with hold_lease(home() / "local"):
        pass

    def no(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(fcntl, "flock", no)
    for work in (
        lambda: lease("sync", what=""),
        lambda: lease_if_free("sync"),
        lambda: at_work("job"),
        lambda: hold_lease(home() / "local"),
    ):
        words = r"cannot be locked.*PHOENIX_NBTRAIN_HOME"
        with pytest.raises(StoreError, match=words) as told, work():
            raise AssertionError("two kernels may be here at once")
        assert len(str(told.value)) <= 200
    with pytest.raises(StoreError, match="cannot be locked"):
        lease_held(home() / "local")
    with pytest.raises(StoreError, match="cannot be locked"):
        refuse_without_locks(home())
    assert may_be_at_work("job", age=1, longest=100) is False, "its file is taken away again"


def test_a_folder_for_locks_that_cannot_be_written_is_told():
    home().mkdir()
    (home() / "locks").write_text("a file in the way")
    for work in (lambda: lease("sync", what=""), lambda: at_work("job")):
        with pytest.raises(StoreError, match="Make it writable"), work():
            pass


# -- who is at work ------------------------------------------------------------------------------

WORKING = """
import sys, time
from phoenix_nbtrain.locks import at_work
with at_work("job"):
    print("at it", flush=True)
    time.sleep(60)
"""


def seen(age: float = 1) -> bool:
    return may_be_at_work("job", age=age, longest=100)


def test_work_is_seen_while_it_goes_on():
    assert not seen()
    with at_work("job"):
        assert seen()
        assert seen(age=101), "a process that was suspended goes on, however late"
    assert not seen()
    assert not list((home() / "locks").glob("at-*"))


def test_a_killed_process_is_not_at_work_any_more():
    child = subprocess.Popen([sys.executable, "-c", WORKING], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"at it\n"
        assert seen()
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert len(list((home() / "locks").glob("at-*"))) == 1
        assert not seen()
        assert not list((home() / "locks").glob("at-*")), "what it left is taken away"
    finally:
        child.kill()
        child.wait(10)
        child.stdout.close()


def test_a_lock_file_that_cannot_be_taken_away_hides_nothing_of_what_was_done(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(KeyError, match="the outcome"), at_work("job"):
        raise KeyError("the outcome")
    assert not seen()
    with lease("job", what="It is held"):
        pass
    with lease_if_free("job") as free:
        assert free


def test_a_full_disk_that_takes_no_name_takes_the_lock_all_the_same(monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with at_work("job"), lease("job", what="It is held"):
        assert seen()
        assert who_is_at("job") == "by another kernel"


# -- a lock held for life ------------------------------------------------------------------------

FOR_LIFE = """
import os, subprocess, sys, time
from pathlib import Path
from phoenix_nbtrain.locks import locked
with locked(Path(sys.argv[1])) as mine:
    assert mine
    pid = 0
    if sys.argv[2] == "forks":
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
    elif sys.argv[2] == "starts another":
        # `close_fds` closes nothing here: the file must not be handed on by itself.
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        pid = subprocess.Popen(command, close_fds=False).pid
    print(pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("and_", ["does nothing", "forks", "starts another"])
def test_a_killed_holder_leaves_it_free_whatever_children_live_on(tmp_path, and_):
    path = tmp_path / "theirs.lock"
    command = [sys.executable, "-W", "ignore", "-c", FOR_LIFE, str(path), and_]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        child = int(holder.stdout.readline())
        try:
            assert path.stat().st_mode & 0o777 == 0o600
            assert is_locked(path)
            with locked(path, patience=0.1) as mine:
                assert not mine
            holder.kill()
            holder.wait(30)
            assert path.exists(), "it had no time to take it away"
            with locked(path) as mine:
                assert mine
            assert not path.exists()
            assert not is_locked(path)
        finally:
            holder.kill()
            if child:
                os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_that_leaves_the_block_takes_neither_lock_nor_file(tmp_path):
    path = tmp_path / "theirs.lock"
    code = """
import os, sys
from pathlib import Path
from phoenix_nbtrain.locks import locked
path = Path(sys.argv[1])
with locked(path):
    child = os.fork()
if child == 0:
    os._exit(0)
"""
    code = code.replace("    child = os.fork()\n", INSIDE)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(path)], timeout=60, check=False
    )
    assert done.returncode == 0


INSIDE = """
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        assert path.exists(), "the child took it away"
        with locked(path) as again:
            assert not again, "the child gave it back"
"""


def test_threads_of_one_process_take_turns():
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with lease("sync", what="It is synced"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1
    assert comes_to(0)


def test_what_the_system_refuses_is_told_with_the_folder(monkeypatch, tmp_path):
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(StoreError, match=tmp_path.name), locked(tmp_path / "a.lock"):
        raise AssertionError("nothing was locked")
