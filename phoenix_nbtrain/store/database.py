"""One way to open a SQLite file that matters.

Rollback journal and ``synchronous=FULL``: several processes write, and what was committed must
be there after a power cut. A file that is damaged, belongs to something else or was written by
a newer version is refused and left as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from phoenix_nbtrain.errors import StoreError, shown
from phoenix_nbtrain.home import private_folder

__all__ = ["Database"]


class Database:
    """A SQLite file with a schema of ours. A connection lives for one operation only."""

    def __init__(self, path: Path, *, application_id: int, version: int, schema: str) -> None:
        self.path = path
        self._application_id = application_id
        self._version = version
        self._schema = schema
        self._ready = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside ``BEGIN IMMEDIATE``; commit at the end, roll back on error.

        Raises:
            StoreError: the file cannot be trusted or written.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as connection:
                yield connection
        except sqlite3.IntegrityError:
            raise  # a rule of the schema said no, which the caller asked for
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path.name} cannot be used: {shown(str(error))}.",
                remedy=self._left,
            ) from error

    @property
    def _left(self) -> str:
        return f"It was left as it is; move it away from {self.path.parent} to begin a new one."

    def _connect(self) -> sqlite3.Connection:
        if not self._ready or not self.path.exists():
            private_folder(self.path.parent)
            # Created with its final mode, so that it is never readable by others in between.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._ready = False
        connection = sqlite3.connect(self.path, timeout=5, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute("PRAGMA synchronous = FULL")
            if not self._ready:
                self._prepare(connection)
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
            for statement in self._schema.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self._application_id}")
            connection.execute(f"PRAGMA user_version = {self._version}")
        elif owner != self._application_id:
            connection.execute("ROLLBACK")
            raise StoreError(
                f"{self.path.name} belongs to another program.",
                remedy=self._left,
            )
        elif version > self._version:
            connection.execute("ROLLBACK")
            raise StoreError(
                f"{self.path.name} was written by a newer phoenix-nbtrain.",
                remedy="Update this one: pip install -U phoenix-nbtrain.",
            )
        connection.execute("COMMIT")
