"""A lock between the processes of one computer, held for as long as some work takes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from phoenix_nbtrain.home import home, private_folder

try:
    import fcntl
except ImportError:  # Windows: one kernel at a time is what it gets
    fcntl = None  # type: ignore[assignment]  # the module stands in for its own absence

__all__ = ["lease"]

_threads: dict[str, threading.Lock] = {}
_guard = threading.Lock()


@contextmanager
def lease(*names: str) -> Iterator[None]:
    """Hold the one lock of that name on this computer; wait for it if another holds it.

    The operating system lets go of it when a process dies, however it dies.
    """
    name = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    with _guard:
        within = _threads.setdefault(name, threading.Lock())
    with within:
        path = private_folder(home() / "locks") / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
