"""Writes of several threads at the same moment, in one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["Together"]

T = TypeVar("T")


class Together(Generic[T]):
    """Collects what threads want written while one of them writes.

    A commit takes a disk as long for one row as for many. So whoever comes while a write is under
    way waits for its end, and the first of those that waited then writes for all.

    Args:
        write: writes several items, all or none.
    """

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._waiting: list[tuple[T, Future[None]]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, item: T) -> None:
        """Return when ``item`` is written; raise what the write that was to hold it raised."""
        done: Future[None] = Future()
        with self._lock:
            self._waiting.append((item, done))
        with self._turn:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if waiting:
                _settle(self._write, waiting)
        done.result()


def _settle(
    write: Callable[[Sequence[T]], None], waiting: Sequence[tuple[T, Future[None]]]
) -> None:
    try:
        write([item for item, _ in waiting])
    except BaseException as error:
        for _, done in waiting:
            done.set_exception(error)
    else:
        for _, done in waiting:
            done.set_result(None)
