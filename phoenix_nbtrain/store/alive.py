"""Whether somebody is still at a piece of work that the journal shows as begun.

A lock that the operating system takes back when its process dies, however it dies. A process id
would not do: a killed child stays a zombie that ``kill 0`` calls alive, and ids are used again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from phoenix_nbtrain.forks import close_own, open_own
from phoenix_nbtrain.home import home, locking_in, private_folder, writing_in
from phoenix_nbtrain.store.holders import holder_of, sign

try:
    import fcntl
except ImportError:  # Windows: then only time tells
    fcntl = None  # type: ignore[assignment]  # the module stands in for its own absence

_LOCKS = fcntl is not None

__all__ = ["at_work", "may_be_at_work", "who_is_at"]


@contextmanager
def at_work(token: str) -> Iterator[None]:
    """Let others see, until the block ends, that this process is at ``token``.

    To be entered once, and before the journal shows the work, so that nobody finds it abandoned.

    Raises:
        StoreError: nothing can be locked in the data folder; the block is not entered.
    """
    if not _LOCKS:
        yield
        return
    path = _path(token)
    private_folder(path.parent)
    with writing_in(path.parent):
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        with locking_in(path.parent):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sign(descriptor)
        yield
    finally:
        close_own(descriptor)
        _take_away(path)


def may_be_at_work(token: str, *, age: float, longest: float) -> bool:
    """Return whether a process may still be at work that was begun ``age`` seconds ago.

    Args:
        token: what it is at.
        age: seconds since it began, or last told something.
        longest: seconds that it can take at most. Counts only where no lock tells: a process
            that was suspended goes on where it was, however late.
    """
    if not _LOCKS:
        return age <= longest
    try:
        descriptor = open_own(_path(token), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # it is there, and cannot be looked into just now
        return age <= longest
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return age <= longest
    finally:
        close_own(descriptor)
    # Left by a process that was killed. A token is entered once, before anybody can ask for it, so
    # nobody is about to lock this file.
    _take_away(_path(token))
    return False


def who_is_at(token: str) -> str:
    """Return who is at ``token`` and since when, as the end of a sentence."""
    return holder_of(_path(token))


def _take_away(path: Path) -> None:
    with suppress(OSError):  # the file alone means nothing, so what was done there must be told
        path.unlink()


def _path(token: str) -> Path:
    return home() / "locks" / f"at-{token}"
