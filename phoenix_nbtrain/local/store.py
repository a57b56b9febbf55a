"""The local Phoenix's data folder: one SQLite file, the images' bytes, and its secrets.

Every process that serves or trains opens the same folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.engines.contract import CHECKPOINT
from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.local.schema import APPLICATION_ID, MIGRATIONS, SCHEMA, VERSION

URL_SECONDS = 3600
"""How long a signed URL can be fetched."""


def new_id(kind: str) -> str:
    """Return a fresh id in the service's form, for example ``asset_`` and 24 letters."""
    return f"{kind}_{secrets.token_hex(12)}"


class Store:
    """One data folder. Any number of threads may share it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self._contents = Contents(self.data_dir / "content")
        database = Database(
            self.data_dir / "phoenix.sqlite",
            application_id=APPLICATION_ID,
            version=VERSION,
            schema=SCHEMA,
            migrations=MIGRATIONS,
            filled=_fill,
        )
        self.path = database.path
        self.writing = database.writing
        self.reading = database.reading
        with self.reading() as connection:
            self.origin = str(_setting(connection, "origin"))
            self.created_at = float(_setting(connection, "created_at"))
            self._key = bytes.fromhex(_setting(connection, "url_key"))

    # -- files ----------------------------------------------------------------------------------

    def add_content(self, content: bytes) -> str:
        """Keep ``content`` on disk, once, and return its SHA-256."""
        return self._contents.put(content)

    def content(self, digest: str) -> bytes:
        """Return what `add_content` kept.

        Raises:
            StoreError: it is gone from the data folder.
        """
        content = self._contents.get(digest)
        if content is None:
            raise StoreError("An image is gone from the data folder.", remedy="Upload it again.")
        return content

    def run_dir(self, job_id: str) -> Path:
        """Return the folder of a job's weights and checkpoint."""
        return self.data_dir / "runs" / job_id

    def checkpoint(self, job_id: str) -> Path:
        """Return where a job's state is kept while it runs."""
        return self.run_dir(job_id) / CHECKPOINT

    def checkpoint_aside(self, job_id: str) -> Path:
        """Return where a job's state is while its end is written down, out of its folder."""
        return self.run_dir(job_id).with_suffix(".checkpoint")

    def bring_checkpoints_back(self) -> None:
        """Put into their folders the states that a process left aside which was killed just then."""
        for aside in (self.data_dir / "runs").glob("*.checkpoint"):
            aside.replace(self.checkpoint(aside.stem))

    def upload_dir(self, upload_id: str) -> Path:
        """Return the folder of the parts that came of an upload, each named for its number."""
        return self.data_dir / "uploads" / upload_id

    # -- where it is served ---------------------------------------------------------------------

    def served_key(self) -> tuple[str, str]:
        """Return the API key and secret that it is served under; kept, so that clients stay let in.

        Whoever can read the folder's database, which is its owner's only, can read them.
        """
        with self.writing() as connection:
            if _found(connection, "served_key") is None:
                _set(
                    connection,
                    "served_key",
                    ["local_" + secrets.token_hex(8), secrets.token_hex(24)],
                )
            key, secret = _setting(connection, "served_key")
        return key, secret

    # -- signed URLs ----------------------------------------------------------------------------

    def sign(self, path: str, *, expires: int | None = None) -> str:
        """Return the query that opens ``path`` without credentials, an hour if not told otherwise.

        Args:
            path: below ``/v1/storage/``. What is read and what is written there never share one.
            expires: until when, in seconds of the epoch.
        """
        expires = int(time.time()) + URL_SECONDS if expires is None else expires
        return f"expires={expires}&signature={self._signature(path, expires)}"

    def signed(self, path: str, expires: str, signature: str) -> bool:
        """Whether a query of `sign` is for ``path`` and still good."""
        if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return False
        expected = self._signature(path, int(expires))
        good = hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())
        return good and int(expires) > time.time()

    def _signature(self, path: str, expires: int) -> str:
        message = f"{path}\n{expires}".encode("utf-8", "replace")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def origin_id(data_dir: Path) -> str:
    """Return the id of the local Phoenix in ``data_dir``, created with the folder.

    Raises:
        StoreError: the folder's database is damaged, foreign or newer.
    """
    return Store(data_dir).origin


def _fill(connection: sqlite3.Connection) -> None:
    _set(connection, "origin", secrets.token_hex(8))
    _set(connection, "url_key", secrets.token_hex(32))
    _set(connection, "created_at", time.time())


def _found(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def _setting(connection: sqlite3.Connection, name: str) -> Any:
    value = _found(connection, name)
    if value is None:
        raise StoreError("The local Phoenix's database is incomplete.", remedy="Move it away.")
    return value


def _set(connection: sqlite3.Connection, name: str, value: Any) -> None:
    connection.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, json.dumps(value)),
    )
