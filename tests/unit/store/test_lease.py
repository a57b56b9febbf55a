"""A lock between processes: one holder at a time, and no file once nobody holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import home, refuse_without_locks
from phoenix_nbtrain.local.lease import hold_lease, lease_held
from phoenix_nbtrain.store.alive import at_work, may_be_at_work
from phoenix_nbtrain.store.lease import lease, lease_if_free

COUNTING = """
import sys
from pathlib import Path
from phoenix_nbtrain.store.lease import lease
count = Path(sys.argv[1])
for _ in range(150):
    with lease("count", what="It is counted"):
        count.write_text(str(int(count.read_text()) + 1))
"""


def held() -> list[Path]:
    return list((home() / "locks").iterdir())


def test_the_file_is_there_only_while_the_lock_is_held() -> None:
    with lease("sync", "a", what=""), lease("sync", "b", what=""):
        assert len(held()) == 2
    assert held() == []


def test_whoever_waited_for_a_file_that_is_gone_locks_the_one_in_its_place() -> None:
    with lease("sync", what=""):
        (path,) = held()
        path.unlink()
        other = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(other, fcntl.LOCK_EX)
    assert held() == [path], "it is another's now, and stays"
    os.close(other)


def test_processes_that_come_and_go_never_hold_it_at_the_same_time(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    command = [sys.executable, "-c", COUNTING, str(count)]
    children = [subprocess.Popen(command) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    assert count.read_text() == "600"
    assert held() == []


HOLDING = """
import sys
from phoenix_nbtrain.store.lease import lease
with lease("sync", what="It is synced"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_that_is_held_is_not_waited_for_where_that_is_asked() -> None:
    with lease_if_free("sync") as first, lease_if_free("sync") as second:
        assert (first, second) == (True, False)
        assert len(held()) == 1, "whoever did not get it takes nothing away"
    assert held() == []
    command = [sys.executable, "-c", HOLDING]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with lease_if_free("sync") as third:
            assert not third, "another process has it"
        child.communicate()
    with lease_if_free("sync") as fourth:
        assert fourth


@pytest.mark.parametrize("refusal", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused_by_name_before_any_work_begins(
    refusal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_folder_for_locks_that_cannot_be_written_is_told() -> None:
    home().mkdir()
    (home() / "locks").write_text("a file in the way")
    for work in (lambda: lease("sync", what=""), lambda: at_work("job")):
        with pytest.raises(StoreError, match="Make it writable"), work():
            pass
