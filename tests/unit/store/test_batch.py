"""Writes of several threads in one commit: nobody goes on before the own one is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from phoenix_nbtrain.store.batch import Batch

WAIT = 10


class Disk:
    """Writes when it is let, and tells what it wrote at once."""

    def __init__(self) -> None:
        self.writes: list[Sequence[int]] = []
        self.writing = threading.Event()
        self.go_on = threading.Event()
        self.full = False

    def write(self, items: Sequence[int]) -> list[None]:
        self.writes.append(items)
        self.writing.set()
        assert self.go_on.wait(WAIT)
        if self.full and 2 in items:
            raise OSError("the disk is full")
        return [None] * len(items)


def until(what: Callable[[], bool]) -> None:
    end = threading.Event()
    for _ in range(WAIT * 100):
        if what():
            return
        end.wait(0.01)
    raise AssertionError("it did not happen in time")


def two_writes(disk: Disk, pool: ThreadPoolExecutor) -> list[Future[None]]:
    """Ask for one write, and for three more while that is under way."""
    batch = Batch(disk.write)
    asked = [pool.submit(batch, 0)]
    assert disk.writing.wait(WAIT)
    asked += [pool.submit(batch, n) for n in (1, 2, 3)]
    until(lambda: len(batch._waiting) == 3)
    assert not any(one.done() for one in asked)
    disk.go_on.set()
    return asked


def test_what_comes_while_one_writes_is_written_at_once():
    disk = Disk()
    with ThreadPoolExecutor(4) as pool:
        for one in two_writes(disk, pool):
            one.result(WAIT)
    assert disk.writes[0] == [0]
    assert sorted(disk.writes[1]) == [1, 2, 3]
    assert len(disk.writes) == 2


def test_a_write_that_fails_fails_for_all_that_were_in_it_and_for_no_other():
    disk = Disk()
    disk.full = True
    with ThreadPoolExecutor(4) as pool:
        first, *others = two_writes(disk, pool)
        first.result(WAIT)
        for one in others:
            with pytest.raises(OSError, match="full"):
                one.result(WAIT)
