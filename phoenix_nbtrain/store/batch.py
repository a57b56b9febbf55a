"""Writes that come at the same moment, in one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from phoenix_nbtrain.forks import not_for_children

__all__ = ["Batch"]

T = TypeVar("T")
R = TypeVar("R")


class Batch(Generic[T, R]):
    """Collects what is to be written while a write is under way.

    A commit takes a disk as long for one row as for many. So whoever comes while a write is under
    way waits for its end, and the first of those that waited then writes for all.

    Args:
        write: writes several items in one commit and returns the outcome of each, which may be an
            error. Where it raises, none of them was written.
    """

    def __init__(self, write: Callable[[Sequence[T]], Sequence[R | BaseException]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, Future[R]]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, item: T) -> R:
        """Write ``item`` in this thread; return its outcome, or raise it."""
        future = self.add(item)
        with self._turn:
            self.flush()
        return future.result()

    def add(self, item: T) -> Future[R]:
        """Let the next `flush` write ``item``, unless the future is cancelled before."""
        future: Future[R] = not_for_children(Future())
        with self._lock:
            self._waiting.append((item, future))
        return future

    def flush(self) -> None:
        """Write all that waits, if anything does. For one thread at a time."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        waiting = [one for one in waiting if one[1].set_running_or_notify_cancel()]
        if not waiting:  # whoever came before has written it
            return
        outcomes: Sequence[R | BaseException]
        try:
            outcomes = self._write([item for item, _ in waiting])
        except BaseException as error:  # handed to whoever asked for it
            outcomes = [error] * len(waiting)
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
