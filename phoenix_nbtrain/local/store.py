"""The local Phoenix's data folder: one SQLite file, the pictures' bytes, and its secrets.

Every process that serves or trains opens the same folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.errors import StoreError

__all__ = ["Limits", "Store", "new_id", "origin_id"]

SCHEMA_VERSION = 1
APPLICATION_ID = 0x50484C50
"""Marks the SQLite file as ours: "PHLP"."""
URL_SECONDS = 3600
"""How long a signed URL can be fetched."""

_SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    short_description TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    parameters TEXT NOT NULL,
    progress TEXT,
    stats TEXT,
    job_id TEXT,
    epoch TEXT
);
CREATE TABLE assets (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    automatic TEXT NOT NULL,
    mime TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE training_images (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id TEXT NOT NULL REFERENCES models (id),
    asset_id TEXT NOT NULL REFERENCES assets (id),
    created_at TEXT NOT NULL,
    UNIQUE (model_id, asset_id)
);
CREATE TABLE pairs (
    model_id TEXT NOT NULL REFERENCES models (id),
    place INTEGER NOT NULL,
    source_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    instruction TEXT NOT NULL,
    PRIMARY KEY (model_id, place)
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    model_id TEXT NOT NULL REFERENCES models (id),
    status TEXT NOT NULL,
    history TEXT NOT NULL,
    progress REAL NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    cost TEXT NOT NULL,
    work TEXT NOT NULL,
    output TEXT NOT NULL,
    error TEXT NOT NULL,
    hint TEXT NOT NULL,
    started_at REAL,
    claims INTEGER NOT NULL,
    claimed_step INTEGER NOT NULL
);
CREATE INDEX jobs_by_status ON jobs (status);
CREATE VIEW unfinished AS
    SELECT * FROM jobs WHERE status NOT IN ('success', 'failure', 'canceled');
CREATE TABLE epochs (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    epoch INTEGER NOT NULL,
    asset_ids TEXT NOT NULL,
    PRIMARY KEY (job_id, epoch)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The ceilings of this Phoenix's one plan. Settings, so that a refusal can be tried out."""

    training_images: int = 50
    """Most pictures of one model: the training guide's hard maximum."""
    parallel_trainings: int = 10
    """Most unfinished trainings. One runs at a time, the others wait."""
    cooldown_seconds: float = 0.0
    """Least time between two launches."""
    balance: float | None = None
    """Simulated creative units left; ``None`` where nothing is counted, as nothing is charged."""


def new_id(kind: str) -> str:
    """Return a fresh id in the service's form, for example ``asset_`` and 24 letters."""
    return f"{kind}_{secrets.token_hex(12)}"


class Store:
    """One data folder. Holds no open file, so any number of threads may share it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self._contents = Contents(self.data_dir / "content")
        database = Database(
            self.data_dir / "phoenix.sqlite",
            application_id=APPLICATION_ID,
            version=SCHEMA_VERSION,
            schema=_SCHEMA,
            filled=_fill,
        )
        self.path = database.path
        self.writing = database.writing
        self.reading = database.reading
        with self.reading() as connection:
            self.origin = str(_setting(connection, "origin"))
            self._key = bytes.fromhex(_setting(connection, "url_key"))

    # -- settings -------------------------------------------------------------------------------

    def limits(self, connection: sqlite3.Connection) -> Limits:
        """Return the ceilings as they are set now."""
        row = connection.execute("SELECT value FROM settings WHERE name = 'limits'").fetchone()
        return Limits(**json.loads(row[0])) if row else Limits()

    def set_limits(self, limits: Limits) -> None:
        """Change the ceilings, for every process that serves this folder."""
        with self.writing() as connection:
            save_limits(connection, limits)

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
            raise StoreError("A picture is gone from the data folder.", remedy="Upload it again.")
        return content

    def run_dir(self, job_id: str) -> Path:
        """Return the folder of a job's weights and checkpoint."""
        return self.data_dir / "runs" / job_id

    # -- signed URLs ----------------------------------------------------------------------------

    def sign(self, path: str) -> str:
        """Return the query that lets ``path`` be fetched for a while without credentials."""
        expires = int(time.time()) + URL_SECONDS
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


def save_limits(connection: sqlite3.Connection, limits: Limits) -> None:
    """Write the ceilings within a transaction."""
    values = {name: getattr(limits, name) for name in Limits.__dataclass_fields__}
    _set(connection, "limits", values)


def _setting(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise StoreError("The local Phoenix's database is incomplete.", remedy="Move it away.")
    return json.loads(row[0])


def _set(connection: sqlite3.Connection, name: str, value: Any) -> None:
    connection.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, json.dumps(value)),
    )
