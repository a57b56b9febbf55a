"""A lock between the processes of one computer, held for as long as some work takes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from phoenix_nbtrain.forks import after_fork, close_own, open_own
from phoenix_nbtrain.home import home, locking_in, private_folder, writing_in
from phoenix_nbtrain.store.holders import holder_of, sign
from phoenix_nbtrain.waiting import Waiting, tell

try:
    import fcntl
except ImportError:  # Windows: one kernel at a time is what it gets
    fcntl = None  # type: ignore[assignment]  # the module stands in for its own absence

_LOCKS = fcntl is not None

__all__ = ["Held", "lease", "lease_if_free"]

_threads: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@after_fork
def _forget() -> None:
    global _guard
    _guard = threading.Lock()
    _threads.clear()


class Held:
    """A lock that is held."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def progress(self) -> None:
        """Let those who wait see that the work gets on. Harmless when it is over."""
        with suppress(OSError):
            os.utime(self._path)


@contextmanager
def lease(*names: str, what: str, say: Callable[[str], None] = tell) -> Iterator[Held]:
    """Hold the one lock of that name on this computer; wait for it if another holds it.

    The operating system lets go of it when a process dies, however it dies. The lock's file is
    there only while somebody holds it or waits for it.

    Args:
        names: what is locked.
        what: the same for people, such as ``The training is being synced``.
        say: tells people, after two seconds, whom they wait for.

    Raises:
        StoreBusy: another process has held it for ten minutes without `Held.progress`.
        StoreError: nothing can be locked in the data folder.
    """
    with _held(names, wait=(what, say)) as held:
        assert held is not None
        yield held


@contextmanager
def lease_if_free(*names: str) -> Iterator[bool]:
    """Hold the lock of that name unless another holds it; yield whether it is held now."""
    with _held(names, wait=None) as held:
        yield held is not None


@contextmanager
def _held(
    names: tuple[str, ...], *, wait: tuple[str, Callable[[str], None]] | None
) -> Iterator[Held | None]:
    name = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    with _guard:
        within = _threads.setdefault(name, threading.Lock())
    if not within.acquire(blocking=wait is not None):
        yield None
        return
    try:
        path = home() / "locks" / name
        if not _LOCKS:
            yield Held(path)
            return
        waiting = wait and Waiting(
            wait[0], lambda: holder_of(path), progress=lambda: _touched(path), say=wait[1]
        )
        descriptor = _locked(path, waiting)
        if descriptor is None:
            yield None
            return
        try:
            sign(descriptor)
            yield Held(path)
        finally:
            # By its holder only and before the lock goes: whoever waited for it sees in `_locked`
            # that the file is no longer the one of that name.
            with suppress(OSError):
                if _is(descriptor, path):
                    path.unlink()
            close_own(descriptor)
    finally:
        within.release()


def _touched(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _locked(path: Path, waiting: Waiting | None) -> int | None:
    """Return a descriptor that holds the lock on the file which ``path`` names now.

    ``None`` where another holds it and it is not to be waited for.
    """
    while True:
        private_folder(path.parent)
        with writing_in(path.parent):
            descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        free = True
        try:
            with locking_in(path.parent):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(descriptor, path):
                return descriptor
        except BlockingIOError:
            free = False
        except BaseException:
            close_own(descriptor)
            raise
        close_own(descriptor)  # if free: its holder took it away, and another may be in its place
        if not free:
            if waiting is None:
                return None
            waiting.pause()


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
