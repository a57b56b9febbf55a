"""One way to open a SQLite file that matters.

Rollback journal, ``synchronous=EXTRA``, a connection to each operation and ``BEGIN IMMEDIATE``:
several processes write, a writer never starts on stale reads, and what was committed is there
after a power cut. A file that is damaged, belongs to something else or was written by a newer
version is refused and left as it is. Where a newer version took the file over while it was in use
here, it is still read, and written no more.

An operation's connection is kept for the next one, of whatever thread: to open one and to read
the schema takes ten times as long as a small read.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from phoenix_nbtrain.errors import StoreBusy, StoreError
from phoenix_nbtrain.forks import whole
from phoenix_nbtrain.home import FULL, PATH_BYTES_MAX, WRITING, private_folder, writing_in
from phoenix_nbtrain.locks import Waiting, refuse_without_locks
from phoenix_nbtrain.text import ending, shown

Migration = str | Callable[[sqlite3.Connection], None]
"""Statements, separated by semicolons, or what runs them within the migrating transaction."""

_LOCKING = (
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
_KEPT = 4
"""Unused connections that stay open."""
_Kept = tuple[int, sqlite3.Connection]
"""The process that opened it, and an unused connection."""
_File = tuple[int, int, int]
"""Process, device and inode: whose connection it is, and to which file."""
_inherited: list[_Kept] = []
"""Of a process that forked this one: neither used nor closed here, since both share their state."""


class Database:
    """A SQLite file with a schema of ours. Any number of threads may use it.

    Args:
        path: where it is; created with its folder, both their owner's only.
        application_id: marks the file as ours.
        version: of the schema.
        schema: statements, separated by semicolons.
        migrations: by a version that was, what makes the next one of it. A file of an older
            version without one is refused and left as it is.
        filled: called within the creating transaction.
    """

    def __init__(
        self,
        path: Path,
        *,
        application_id: int,
        version: int,
        schema: str,
        migrations: Mapping[int, Migration] | None = None,
        filled: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._application_id = application_id
        self._version = version
        self._schema = schema
        self._migrations = dict(migrations or {})
        self._filled = filled
        self._ready = False
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []
        self._file: _File | None = None
        """What the idle connections belong to."""
        self._opened: _File | None = None
        """What was created or checked."""
        weakref.finalize(self, _let_go, self._idle)

    @property
    def stands(self) -> bool:
        """Whether the file that was created or checked here is still the one of its name.

        So it is before the first operation, which creates or checks it.
        """
        return self._opened is None or self._opened == _file_at(self.path)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a write transaction: committed at the end, undone on error.

        Raises:
            StoreBusy: another process kept it locked, and wrote nothing, for ten minutes. Who is
                waited for is said after two seconds.
            StoreError: the file cannot be trusted or written, was deleted meanwhile, or is a newer
                version's by now.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] > self._version:
                raise StoreError(
                    f"{self.path.name} is in use by a newer phoenix-nbtrain; nothing was written.",
                    remedy="Restart this kernel; if that does not help: "
                    "pip install -U phoenix-nbtrain.",
                )
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees one state of the database.

        Raises:
            StoreBusy, StoreError: as for `writing`.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        waiting = Waiting(f"{self.path.name} is in use", self._holder, progress=self._changes)
        try:
            while True:
                with ExitStack() as stack:
                    stack.enter_context(whole())
                    file = self._there()
                    connection = self._begun(begin, file)
                    if connection is not None:
                        until_the_end = stack.pop_all()
                        break
                waiting.pause()
            with until_the_end:
                try:
                    try:
                        yield connection
                    except BaseException:
                        if connection.in_transaction:  # a full disk has ended it already
                            connection.execute("ROLLBACK")
                        raise
                    while not _done(connection, "COMMIT"):
                        waiting.pause()
                except BaseException:
                    connection.close()
                    raise
                self._keep(connection, file)
        except sqlite3.IntegrityError:
            raise  # a rule of the schema said no, which the caller asked for
        except sqlite3.DatabaseError as error:
            raise self._told(error) from error

    def _begun(self, begin: str, file: _File | None) -> sqlite3.Connection | None:
        """Return a connection that has begun; ``None`` where another process is in the way."""
        connection = self._idle_one(file)
        try:
            if connection is None:
                connection = self._connect()
            connection.execute(begin)
            # A reader's lock is taken by its first read: here, where it can be waited for.
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except BaseException as error:
            if connection is not None:
                connection.close()
            if _is_busy(error):
                return None
            raise
        return connection

    def _holder(self) -> str:
        # A file system without locks looks the same to SQLite.
        refuse_without_locks(self.path.parent)
        pids = _locking(self.path) - {os.getpid()}
        return f"by process {min(pids)}" if pids else "by another process"

    def _changes(self) -> list[tuple[int, int] | None]:
        """Return what changes when anybody writes."""
        found: list[tuple[int, int] | None] = []
        for path in (self.path, self.path.with_name(self.path.name + "-journal")):
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append(None)
        return found

    def _there(self) -> _File | None:
        """Return which file is there now; ``None`` before the first operation."""
        if not self._ready:
            return None
        file = _file_at(self.path)
        if file is None:
            # Not made anew behind the back of whoever relies on what it held.
            raise StoreError(
                f"{self.path.name} is gone from {ending(self.path.parent, 40)}.",
                remedy="Connect and open the training again.",
            )
        return file

    def _idle_one(self, file: _File | None) -> sqlite3.Connection | None:
        """Return a kept connection, if there is one to this very file."""
        if file is None:
            return None
        with self._lock:
            if file != self._file:
                # Another file, or another process: SQLite's connections do not survive a fork.
                _let_go(self._idle)
                self._file = file
            return self._idle.pop()[1] if self._idle else None

    def _keep(self, connection: sqlite3.Connection, file: _File | None) -> None:
        """Keep a connection that was taken for ``file``, if that is still the one in use."""
        with self._lock:
            # One operation may have seen the file replaced while another was still under way.
            if file is not None and file == self._file and len(self._idle) < _KEPT:
                self._idle.append((os.getpid(), connection))
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        if not self._ready:
            with writing_in(self.path.parent):
                _create(self.path)
        connection = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            # FULL leaves the folder unsynced once the rollback journal is gone: after a power cut
            # the journal may be there again, and undo a launch that was written down and sent.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA foreign_keys = ON")
            # What is deleted is overwritten, such as a signed address that is over.
            connection.execute("PRAGMA secure_delete = ON")
            if not self._ready:
                self._prepare(connection)
                self._opened = _file_at(self.path)
                self._ready = True
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner == 0 and version == 0 and tables == 0:
            run(connection, self._schema)
            self._filled(connection)
            connection.execute(f"PRAGMA application_id = {self._application_id}")
            connection.execute(f"PRAGMA user_version = {self._version}")
        elif owner != self._application_id:
            connection.execute("ROLLBACK")
            raise StoreError(f"{self.path.name} belongs to another program.", remedy=self._left)
        elif version > self._version:
            connection.execute("ROLLBACK")
            raise StoreError(
                f"{self.path.name} was written by a newer phoenix-nbtrain.",
                remedy="Upgrade this one: pip install -U phoenix-nbtrain.",
            )
        elif version < self._version:
            steps = range(version, self._version)
            if not self._migrations.keys() >= set(steps):
                connection.execute("ROLLBACK")
                raise StoreError(
                    f"{self.path.name} was written by a version of phoenix-nbtrain that is "
                    "too old to be read.",
                    remedy=self._left,
                )
            for older in steps:
                run(connection, self._migrations[older])
            connection.execute(f"PRAGMA user_version = {self._version}")
        connection.execute("COMMIT")

    def _told(self, error: sqlite3.DatabaseError) -> StoreError:
        """Return what one of SQLite's errors means, and what to do."""
        code = getattr(error, "sqlite_errorcode", 0)
        name, folder, why = self.path.name, self.path.parent, shown(str(error))
        if _is_busy(error) or code in _LOCKING:
            return StoreBusy(f"{name} is in use {self._holder()}.", remedy="Try again.")
        where = f"{name} in {ending(folder, 60)}"
        if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return StoreError(
                f"{where} cannot be written: {why}.",
                remedy="It is unchanged. Free up space on that disk, or check it.",
            )
        if code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            long = len(os.fsencode(self.path)) > PATH_BYTES_MAX
            return StoreError(
                f"{where} cannot be {'opened: its path is too long' if long else 'written'}.",
                remedy="Make it writable, or name another folder: PHOENIX_NBTRAIN_HOME, or data_dir.",
            )
        return StoreError(f"{name} cannot be used: {why}.", remedy=self._left)

    @property
    def _left(self) -> str:
        folder = shown(str(self.path.parent), 80)
        return f"It was left unchanged; move it away from {folder} to start a new one."


def is_full(error: BaseException | None) -> bool:
    """Return whether something, in the database or beside it, could not be written for want of room."""
    while error is not None:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_WRITE:
            return True
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__
    return False


def _file_at(path: Path) -> _File | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (os.getpid(), status.st_dev, status.st_ino)


def _is_busy(error: BaseException) -> bool:
    said = str(error)
    return isinstance(error, sqlite3.OperationalError) and ("locked" in said or "busy" in said)


def _done(connection: sqlite3.Connection, statement: str) -> bool:
    """Run a statement; return False where another process is in the way just now."""
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            return False
        raise
    return True


def _locking(path: Path) -> set[int]:
    """Return the processes that have locked a file, as far as the system tells."""
    try:
        status = path.stat()
        lines = Path("/proc/locks").read_bytes().decode().splitlines()
    except (OSError, ValueError):
        return set()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    fields = [line.replace("->", "").split() for line in lines]
    return {int(of[4]) for of in fields if len(of) > 5 and of[5] == device and int(of[4]) > 0}


def run(connection: sqlite3.Connection, migration: Migration) -> None:
    """Run statements one by one: `executescript` would end the transaction first."""
    if callable(migration):
        migration(connection)
        return
    for statement in migration.split(";"):
        connection.execute(statement)


def _create(path: Path) -> None:
    """Make an empty file, its owner's only, if there is none.

    Made under another name, so that no descriptor of ours is closed on a file that SQLite has
    open in this process: the system would take its locks away with it.
    """
    if path.exists():
        return
    descriptor, name = tempfile.mkstemp(dir=private_folder(path.parent), prefix=WRITING)
    os.close(descriptor)
    try:
        os.link(name, path)
    except FileExistsError:
        pass  # another was quicker
    except OSError:  # a file system without links
        Path(name).rename(path)
        return
    Path(name).unlink()


def _let_go(idle: list[_Kept]) -> None:
    """Close connections, but for those that another process opened."""
    while idle:
        process, connection = kept = idle.pop()
        if process == os.getpid():
            connection.close()
        else:
            _inherited.append(kept)
