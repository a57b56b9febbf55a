"""Locks between the processes of one computer: lock files, held by filelock.

The operating system takes such a lock back when its holder dies, however it dies. A process id
would not do: a killed child stays a zombie that ``kill 0`` calls alive, and ids are used again.
filelock makes the file its owner's only, keeps it from children, forked or started, and lets nobody
lock a file that was taken away. Ours is that the file is there only while somebody holds the lock,
that it says who does, and that whoever waits is told for whom and does not wait for ever.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from phoenix_nbtrain.errors import StoreBusy, StoreError
from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.home import home, private_folder, writing_in
from phoenix_nbtrain.telling import tell
from phoenix_nbtrain.text import ending, shown, time_of

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""How file systems refuse that have no locks, such as some network shares."""
SAID_AFTER = 2.0
"""Seconds after which it is said who is waited for."""
GIVEN_UP_AFTER = 600.0
"""Seconds without progress of the holder after which waiting ends."""
_PAUSE_FIRST, _PAUSE_EARLY, _PAUSE_LATE = 0.001, 0.025, 0.1

_threads: dict[str, threading.Lock] = {}
_guard = threading.Lock()


class Waiting:
    """One wait for what another process holds.

    Args:
        what: what is held, as the start of a sentence, such as ``journal.sqlite3 is in use``.
        holder: returns by whom and since when, as its end.
        progress: returns what changes while the holder gets on.
        say: tells people whom they wait for.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        what: str,
        holder: Callable[[], str],
        *,
        progress: Callable[[], object] = lambda: None,
        say: Callable[[str], None] = tell,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._what, self._holder = what, holder
        self._progress = progress
        self._mark: object = None
        self._say, self._sleep = say, sleep
        self._said = False
        self._waited = self._still = 0.0
        self._pause = _PAUSE_FIRST

    def pause(self, seconds: float | None = None) -> None:
        """Wait a little; the caller then tries again.

        Args:
            seconds: how long; by default a moment that grows.

        Raises:
            StoreBusy: the holder has made no progress for ten minutes.
        """
        mark = self._progress()
        if mark != self._mark:
            self._mark, self._still = mark, 0.0
        if self._still >= GIVEN_UP_AFTER:
            raise StoreBusy(
                f"{self._what} {self._holder()}, and nothing has happened there for "
                f"{GIVEN_UP_AFTER / 60:.0f} minutes.",
                remedy="Shut that kernel down or restart it, then try again.",
            )
        if self._waited >= SAID_AFTER and not self._said:
            self._said = True
            self._say(f"Waiting: {self._what} {self._holder()}. Interrupt to stop waiting.")
        # Counted by what was slept: a computer asleep has not waited.
        seconds = self._pause if seconds is None else seconds
        self._sleep(seconds)
        self._waited += seconds
        self._still += seconds
        most = _PAUSE_EARLY if self._waited < SAID_AFTER else _PAUSE_LATE
        self._pause = min(most, max(_PAUSE_FIRST, self._pause * 1.5))


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

    Args:
        names: what is locked.
        what: the same for people, such as ``The training is being synced``.
        say: tells people, after two seconds, whom they wait for.

    Raises:
        StoreBusy: another process has held it for ten minutes without `Held.progress`.
        StoreError: nothing can be locked in the data folder.
    """
    path, within = _named(names)
    with within:
        waiting = Waiting(what, lambda: _holder_of(path), progress=lambda: _touched(path), say=say)
        while (lock := _take(path)) is None:
            waiting.pause()
        with lock:
            yield Held(path)


@contextmanager
def lease_if_free(*names: str) -> Iterator[bool]:
    """Hold the lock of that name unless another holds it; yield whether it is held now.

    Raises:
        StoreError: nothing can be locked in the data folder.
    """
    path, within = _named(names)
    if not within.acquire(blocking=False):
        yield False
        return
    try:
        with locked(path) as mine:
            yield mine
    finally:
        within.release()


@contextmanager
def at_work(token: str) -> Iterator[None]:
    """Let others see, until the block ends, that this process is at ``token``.

    To be entered once, and before the journal shows the work, so that nobody finds it abandoned.

    Raises:
        StoreError: nothing can be locked in the data folder; the block is not entered.
    """
    path = _path_of(token)
    try:
        lock = _take(path)
    except StoreError:
        with suppress(OSError):
            path.unlink()  # so that nobody takes it for work under way
        raise
    assert lock is not None
    with lock:
        yield


def may_be_at_work(token: str, *, age: float, longest: float) -> bool:
    """Return whether a process may still be at work that was begun ``age`` seconds ago.

    Args:
        token: what it is at.
        age: seconds since it began, or last told something.
        longest: seconds that it can take at most. Counts only where no lock tells: a process
            that was suspended goes on where it was, however late.
    """
    try:
        return is_locked(_path_of(token))
    except StoreError:
        return age <= longest


def who_is_at(token: str) -> str:
    """Return who is at ``token`` and since when, as the end of a sentence."""
    return _holder_of(_path_of(token))


@contextmanager
def locked(path: Path, *, patience: float = 0.0) -> Iterator[bool]:
    """Yield whether the lock file ``path`` could be locked; it stays so until the block ends.

    Args:
        path: the lock file; made where it is missing, with its folder.
        patience: seconds within which another may let go of it.

    Raises:
        StoreError: files cannot be made or locked there.
    """
    until = time.monotonic() + patience
    while (lock := _take(path)) is None and time.monotonic() <= until:
        time.sleep(_PAUSE_EARLY)
    if lock is None:
        yield False
        return
    with lock:
        yield True


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock file ``path``.

    For a moment it is then held by whoever asks. So of two who ask at once about one that a dead
    process left, one is told that it is held; and whoever locks a file that others ask about needs
    `locked` with patience.

    Raises:
        StoreError: files cannot be looked into or locked there.
    """
    with writing_in(path.parent):
        if not path.exists():
            return False
    lock = _take(path)
    if lock is None:
        return True
    with lock:  # left by a process that was killed; taken away with this
        return False


def refuse_without_locks(folder: Path) -> None:
    """Raise where files in ``folder``, which is there, cannot be locked. Leaves nothing behind.

    Raises:
        StoreError: they cannot, or nothing can be written there.
    """
    with _told(folder), tempfile.TemporaryFile(dir=folder) as file:
        lock_descriptor(file.fileno(), blocking=False)
        file.write(b"there is room for a byte")
        file.flush()


def _named(names: tuple[str, ...]) -> tuple[Path, threading.Lock]:
    """Return the lock file of a name, and the lock of this process's threads in front of it."""
    name = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
    with _guard:
        return home() / "locks" / name, _threads.setdefault(name, threading.Lock())


def _path_of(token: str) -> Path:
    return home() / "locks" / f"at-{token}"


def _touched(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _take(path: Path) -> _Taken | None:
    """Lock a file, made where it is missing; return ``None`` where another holds it."""
    private_folder(path.parent)
    with _told(path.parent):
        try:
            return _Taken(path)
        except Timeout:
            return None


class _Taken:
    """The lock on a file, held by this process until the ``with`` block ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(
            path, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=self._sign
        )
        self._lock.acquire(blocking=False)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        # What was done while it was held must be told, so nothing is raised here. The file goes
        # before the lock does, and only by its holder, who may no longer be the one of that name.
        with suppress(OSError):
            if self._lock.is_locked and os.path.samestat(self._file, self._path.stat()):
                self._path.unlink()
        with suppress(OSError):
            self._lock.release()

    def _sign(self, descriptor: int) -> None:
        """Write into the file that this kernel has locked it, and since when."""
        self._file = os.fstat(descriptor)
        notebook = os.environ.get("JPY_SESSION_NAME", "")
        told = {"pid": os.getpid(), "notebook": Path(notebook).name, "since": time.time()}
        with suppress(OSError):  # a full disk: the lock counts without it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(told).encode())


def _holder_of(path: Path) -> str:
    """Return who has locked a file and since when, as the end of a sentence."""
    try:
        told = json.loads(path.read_bytes())
        pid, notebook, since = int(told["pid"]), str(told["notebook"]), float(told["since"])
        at = time_of(since)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return "by another kernel"  # of an earlier version, or not written yet
    who = f"by {shown(notebook, 40)} (process {pid})" if notebook else f"by process {pid}"
    return f"{who} since {at}"


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Tell what the system refuses within the block as a `StoreError` that names ``folder``.

    Without locks two kernels could buy the same at once, so nothing goes on.
    """
    with writing_in(folder):
        try:
            yield
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise StoreError(
                f"Files in {ending(folder)} cannot be locked: {error.strerror}.",
                remedy="Set PHOENIX_NBTRAIN_HOME, or data_dir, to a folder on a local disk.",
            ) from error
