"""What a forked child does with what its parent holds: it begins anew, and leaves that alone.

A fork copies every object and only one thread. Whatever another thread held is then held for ever,
and connections, pipes and locks are the parent's as well. So in the child the parent's objects
refuse to be used, and each module's state is as after an import; filelock closes the lock files.
``multiprocessing`` forks that way, and so do some notebook servers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar
from weakref import WeakSet, WeakValueDictionary

from phoenix_nbtrain.errors import PhoenixError

K = TypeVar("K")
T = TypeVar("T")

PATIENCE_SECONDS = 10.0
"""How long a fork waits for work that must not be cut in two; longer than a commit takes."""

_parents: WeakSet[Any] = WeakSet()
_resets: list[Callable[[], None]] = []


class _Gate:
    """Lets a fork wait until no thread is within `whole`, and threads wait for the fork."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._forking = 0
        self._mine = threading.local()

    def enter(self) -> None:
        depth = getattr(self._mine, "depth", 0)
        with self._changed:
            # Whoever is inside already is waited for, and must not wait in turn.
            while self._forking and not depth:
                self._changed.wait()
            self._inside += 1
        self._mine.depth = depth + 1

    def leave(self) -> None:
        self._mine.depth -= 1
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        mine = getattr(self._mine, "depth", 0)
        with self._changed:
            self._forking += 1
            self._changed.wait_for(lambda: self._inside <= mine, PATIENCE_SECONDS)

    def open(self) -> None:
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()


_gate = _Gate()


@contextmanager
def whole() -> Iterator[None]:
    """Let no fork happen within this block, which must be short and wait for nobody.

    SQLite's own record of who has locked a file is copied by a fork: a child would take the locks
    of a transaction under way for its own process's, and wait for ever.
    """
    gate = _gate
    gate.enter()
    try:
        yield
    finally:
        gate.leave()


def not_for_children(item: T) -> T:
    """Let ``item`` raise a `PhoenixError` in forked children, whatever is asked of it."""
    _parents.add(item)
    return item


def after_fork(reset: Callable[[], None]) -> Callable[[], None]:
    """Call ``reset`` in every forked child before anything else. A decorator."""
    _resets.append(reset)
    return reset


class OneEach(WeakValueDictionary[K, T]):
    """One object per key, shared by all threads for as long as it is used. A child has none."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        after_fork(self._forget)

    def one(self, key: K, make: Callable[[], T]) -> T:
        """Return the object of a key, made where there is none."""
        with self.lock:
            found = self.get(key)
            if found is None:
                found = self[key] = make()
            return found

    def _forget(self) -> None:
        self.lock = threading.RLock()
        self.clear()


class _ParentsOwn:
    """What `not_for_children` items become in a child."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # for `isinstance`
            return _ParentsOwn
        raise _refusal()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise _refusal()

    def __repr__(self) -> str:
        return "<of the process that this one was forked from>"


def _refusal() -> PhoenixError:
    return PhoenixError(
        "This was opened before the process was forked, and works in the first process only.",
        remedy="Open it again here: nbt.connect(…), then nbt.Training.open(…).",
    )


def _in_child() -> None:
    global _gate
    _gate = _Gate()
    for reset in _resets:
        reset()
    for item in list(_parents):
        object.__setattr__(item, "__class__", _ParentsOwn)
    _parents.clear()


def _before() -> None:
    _gate.close()


def _in_parent() -> None:
    _gate.open()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
