"""Who is at work is told by a lock of the operating system, not by what a file says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from phoenix_nbtrain.home import home
from phoenix_nbtrain.store.alive import at_work, may_be_at_work, who_is_at
from phoenix_nbtrain.store.lease import lease, lease_if_free

CHILD = """
import sys, time
from phoenix_nbtrain.store.alive import at_work
with at_work("job"):
    print("at it", flush=True)
    time.sleep(60)
"""


def seen(age: float = 1) -> bool:
    return may_be_at_work("job", age=age, longest=100)


def test_work_is_seen_while_it_goes_on() -> None:
    assert not seen()
    with at_work("job"):
        assert seen()
        assert seen(age=101), "a process that was suspended goes on, however late"
    assert not seen()
    assert not list((home() / "locks").iterdir())


def test_a_killed_process_is_not_at_work_any_more() -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"at it\n"
        assert seen()
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert len(list((home() / "locks").iterdir())) == 1
        assert not seen()
        assert not list((home() / "locks").iterdir()), "what it left is taken away"
    finally:
        child.kill()
        child.wait(10)
        child.stdout.close()


def test_a_lock_file_that_cannot_be_taken_away_hides_nothing_of_what_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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


def test_a_full_disk_that_takes_no_name_takes_the_lock_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with at_work("job"), lease("job", what="It is held"):
        assert seen()
        assert who_is_at("job") == "by another kernel"
