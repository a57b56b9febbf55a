"""A lock between the processes of one computer, held for as long as some work takes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phoenix_nbtrain.home import home, locking_in, private_folder, writing_in

try:
    import fcntl
except ImportError:  # Windows: one kernel at a time is what it gets
    fcntl = None  # type: ignore[assignment]  # the module stands in for its own absence

_LOCKS = fcntl is not None

__all__ = ["lease", "lease_if_free"]

_threads: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@contextmanager
def lease(*names: str) -> Iterator[None]:
    """Hold the one lock of that name on this computer; wait for it if another holds it.

    The operating system lets go of it when a process dies, however it dies. The lock's file is
    there only while somebody holds it or waits for it.

    Raises:
        StoreError: nothing can be locked in the data folder.
    """
    with _held(names, wait=True):
        yield


@contextmanager
def lease_if_free(*names: str) -> Iterator[bool]:
    """Hold the lock of that name unless another holds it; yield whether it is held now."""
    with _held(names, wait=False) as held:
        yield held


@contextmanager
def _held(names: tuple[str, ...], *, wait: bool) -> Iterator[bool]:
    name = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    with _guard:
        within = _threads.setdefault(name, threading.Lock())
    if not within.acquire(blocking=wait):
        yield False
        return
    try:
        path = home() / "locks" / name
        if not _LOCKS:
            yield True
            return
        descriptor = _locked(path, wait=wait)
        if descriptor is None:
            yield False
            return
        try:
            yield True
        finally:
            # By its holder only and before the lock goes: whoever waited for it sees in `_locked`
            # that the file is no longer the one of that name.
            if _is(descriptor, path):
                path.unlink(missing_ok=True)
            os.close(descriptor)
    finally:
        within.release()


def _locked(path: Path, *, wait: bool) -> int | None:
    """Return a descriptor that holds the lock on the file which ``path`` names now.

    ``None`` where another holds it and it is not to be waited for.
    """
    while True:
        private_folder(path.parent)
        with writing_in(path.parent):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with locking_in(path.parent):
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _is(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder took it away; another may hold the one in its place


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
