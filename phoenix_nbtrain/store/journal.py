"""The journal: what was created, uploaded and bought from this computer.

The one place where a launch is allowed or not. Its rules are indexes of the database, so they
hold between threads, kernels and processes alike: an estimate buys once, and a model has at most
one launch that is not finished.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Literal

from phoenix_nbtrain.clock import Clock, Moment, moment
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.home import home
from phoenix_nbtrain.store.batch import Batch
from phoenix_nbtrain.store.migrations import JOURNAL_MIGRATIONS

__all__ = [
    "OPEN_STATES",
    "RAN_STATES",
    "Intent",
    "IntentKind",
    "IntentState",
    "Journal",
    "KnownModel",
]

IntentKind = Literal["training", "download"]
"""What is bought: a training, or its weights to take away."""

IntentState = Literal[
    "prepared",
    "submitting",
    "running",
    "stopping",
    "trained",
    "delivered",
    "failed",
    "canceled",
    "ended",
    "not_sent",
    "refused",
    "rejected",
    "uncertain",
    "not_seen",
]
"""How far it is. A training ends as ``trained``, a download as ``delivered``; ``ended`` is one of
which the service no longer tells how. ``refused`` may have been refused because an earlier copy of
the same request was taken; it ends as ``rejected`` where reads show no run. ``not_seen`` was
uncertain, and read often enough without a trace to appear not launched."""

OPEN_STATES: frozenset[IntentState] = frozenset(
    {"prepared", "submitting", "refused", "uncertain", "running", "stopping"}
)
"""States in which a further launch of the same kind for the same model is refused."""

RAN_STATES: frozenset[IntentState] = frozenset(
    {"running", "stopping", "trained", "delivered", "failed", "canceled", "ended"}
)
"""States of what surely was launched."""

_ONE_UPLOAD = "origin = ? AND project = ? AND model_id = ? AND content_hash = ?"

_SCHEMA = """
CREATE TABLE models (
    entry TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    model_id TEXT,
    at REAL NOT NULL,
    boot TEXT NOT NULL DEFAULT '',
    ticks REAL NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX one_creation ON models (origin, project, name) WHERE model_id IS NULL;
CREATE TABLE uploads (
    origin TEXT NOT NULL,
    project TEXT NOT NULL,
    model_id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    PRIMARY KEY (origin, project, model_id, content_hash)
);
CREATE TABLE begun_uploads (
    origin TEXT NOT NULL,
    project TEXT NOT NULL,
    model_id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (origin, project, model_id, content_hash)
);
CREATE TABLE intents (
    intent_id TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    project TEXT NOT NULL,
    model_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    estimate_id TEXT UNIQUE,
    state TEXT NOT NULL,
    amount TEXT NOT NULL,
    unit TEXT NOT NULL,
    status_before TEXT NOT NULL,
    job_before TEXT,
    job_id TEXT,
    reason TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    changed REAL NOT NULL,
    kind TEXT NOT NULL DEFAULT 'training',
    served TEXT NOT NULL DEFAULT '',
    run_before TEXT NOT NULL DEFAULT '',
    epoch TEXT,
    quiet_reads INTEGER NOT NULL DEFAULT 0,
    read_at REAL NOT NULL DEFAULT 0,
    changed_boot TEXT NOT NULL DEFAULT '',
    changed_ticks REAL NOT NULL DEFAULT 0,
    read_boot TEXT NOT NULL DEFAULT '',
    read_ticks REAL NOT NULL DEFAULT 0,
    beside TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    charged TEXT
);
CREATE UNIQUE INDEX one_open_launch ON intents (model_id, kind, beside)
    WHERE state IN ('prepared', 'submitting', 'refused', 'uncertain', 'running', 'stopping');
CREATE INDEX bought ON intents (origin, model_id, fingerprint);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model that this computer made, or is about to."""

    entry: str
    name: str
    type: str
    model_id: str | None
    """``None`` while its creation has been written down and no reply was seen."""
    at: float
    """Seconds since 1970."""
    boot: str = ""
    ticks: float = 0.0

    @property
    def begun(self) -> Moment:
        """When its creation was written down."""
        return Moment(at=self.at, boot=self.boot, ticks=self.ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One purchase: accepted, on its way, running or done."""

    intent_id: str
    kind: IntentKind = "training"
    origin: str
    project: str
    model_id: str
    fingerprint: str
    estimate_id: str | None
    """The estimate it spent; ``None`` for a run that somebody else launched."""
    state: IntentState
    amount: Decimal
    unit: str
    status_before: str
    """The model's status as read just before the request."""
    job_before: str | None
    job_id: str | None = None
    reason: str = ""
    at: float = 0.0
    """When it was prepared, seconds since 1970."""
    changed: float = 0.0
    """When its state last changed, seconds since 1970."""
    served: str = ""
    """A digest of what the service held and was asked for, where it is known."""
    epoch: str | None = None
    """Of a download: whose weights; ``None`` for the model's own."""
    run_before: str = ""
    """All that tells the model's last run from another, as read just before the request."""
    quiet_reads: int = 0
    """While it is uncertain or refused: how often the service was read and showed no trace."""
    read_at: float = 0.0
    """When the last of these reads was, seconds since 1970."""
    changed_boot: str = ""
    changed_ticks: float = 0.0
    read_boot: str = ""
    read_ticks: float = 0.0
    remedy: str = ""
    """What the service, or we, advised with a refusal."""
    charged: Decimal | None = None
    """The cost that the service named when it launched; ``None`` where it named none."""

    @property
    def costs_otherwise(self) -> bool:
        """Whether it was launched at another cost than was accepted."""
        return self.charged is not None and self.charged != self.amount

    @property
    def last_change(self) -> Moment:
        """When its state last changed."""
        return Moment(at=self.changed, boot=self.changed_boot, ticks=self.changed_ticks)

    @property
    def last_read(self) -> Moment:
        """When the last read that counts was; in 1970 if there was none."""
        return Moment(at=self.read_at, boot=self.read_boot, ticks=self.read_ticks)

    @property
    def bought_here(self) -> bool:
        """Whether this computer launched it; else it was found on the service."""
        return self.estimate_id is not None

    @property
    def open(self) -> bool:
        """Whether it may still come to something, so that no other may be launched."""
        return self.state in OPEN_STATES


_COLUMNS = tuple(field.name for field in fields(Intent))


def _intent(row: sqlite3.Row) -> Intent:
    # Known columns only: a newer version, installed while this kernel is open, may have added some.
    values = {name: row[name] for name in _COLUMNS}
    for name in ("amount", "charged"):
        values[name] = None if values[name] is None else Decimal(values[name])
    return Intent(**values)


class Journal:
    """Models, uploads and launches, in one file per computer."""

    def __init__(self, path: Path | None = None, *, clock: Clock = moment) -> None:
        self._clock = clock
        self._db = Database(
            path or home() / "journal.sqlite3",
            application_id=0x50484E4A,  # "PHNJ"
            version=3,
            schema=_SCHEMA,
            migrations=JOURNAL_MIGRATIONS,
        )
        self._remember = Batch(self._remember_all)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._db.path

    @property
    def stands(self) -> bool:
        """See `Database.stands`."""
        return self._db.stands

    # -- launches -------------------------------------------------------------------------------

    def prepare(self, intent: Intent, *, newest: str | None) -> bool:
        """Write an accepted launch down, spending its estimate.

        Args:
            intent: the launch.
            newest: the id of the model's newest launch of its kind, under any address, as it
                was when this one was decided on.

        Returns:
            False where another launch was written down since, the estimate was spent before, or
            the model has a launch that is not finished, under any address. Then nothing was
            written.
        """
        now = self._clock()
        try:
            with self._db.writing() as db:
                rows = db.execute(
                    "SELECT intent_id, state FROM intents WHERE model_id = ? AND kind = ?"
                    " ORDER BY rowid DESC",
                    (intent.model_id, intent.kind),
                ).fetchall()
                if (rows[0]["intent_id"] if rows else None) != newest:
                    return False
                if intent.open and any(row["state"] in OPEN_STATES for row in rows):
                    return False
                values = {
                    **asdict(intent),
                    "amount": str(intent.amount),
                    "charged": None if intent.charged is None else str(intent.charged),
                    "at": now.at,
                    "changed": now.at,
                    "changed_boot": now.boot,
                    "changed_ticks": now.ticks,
                }
                names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
                db.execute(f"INSERT INTO intents ({names}) VALUES ({places})", values)
        except sqlite3.IntegrityError:
            return False
        return True

    def move(
        self,
        intent_id: str,
        to: IntentState,
        *,
        only_from: Collection[IntentState],
        job_id: str | None = None,
        reason: str | None = None,
        remedy: str | None = None,
        charged: Decimal | None = None,
    ) -> bool:
        """Move a launch to another state if it is still in one of ``only_from``.

        Returns:
            Whether it was moved: not where another has been opened since it was closed.
        """
        marks, now = ", ".join("?" for _ in only_from), self._clock()
        try:
            with self._db.writing() as db:
                done = db.execute(
                    "UPDATE intents SET state = ?, changed = ?, changed_boot = ?,"
                    " changed_ticks = ?, job_id = coalesce(?, job_id),"
                    " reason = coalesce(?, reason), remedy = coalesce(?, remedy),"
                    " charged = coalesce(?, charged)"
                    f" WHERE intent_id = ? AND state IN ({marks})",
                    (
                        *(to, now.at, now.boot, now.ticks, job_id, reason, remedy),
                        *(None if charged is None else str(charged), intent_id, *only_from),
                    ),
                )
                return done.rowcount == 1
        except sqlite3.IntegrityError:
            return False

    def note_job(self, intent_id: str, job_id: str, *, charged: Decimal | None = None) -> None:
        """Write down which job a launch became and its cost, whatever state it is in by now."""
        with self._db.writing() as db:
            db.execute(
                "UPDATE intents SET job_id = ?, charged = ? WHERE intent_id = ?",
                (job_id, None if charged is None else str(charged), intent_id),
            )

    def note_quiet_read(self, intent_id: str, *, apart: float) -> None:
        """Count a read, just now, that showed no trace of an uncertain or refused launch.

        Args:
            intent_id: the launch.
            apart: a read fewer seconds than this after the last one tells nothing new.
        """
        now = self._clock()
        with self._db.writing() as db:
            row = db.execute(
                "SELECT * FROM intents WHERE intent_id = ? AND state IN ('uncertain', 'refused')",
                (intent_id,),
            ).fetchone()
            if row is None or now.since(_intent(row).last_read) < apart:
                return
            db.execute(
                "UPDATE intents SET quiet_reads = quiet_reads + 1,"
                " read_at = ?, read_boot = ?, read_ticks = ? WHERE intent_id = ?",
                (now.at, now.boot, now.ticks, intent_id),
            )

    def count_from_now(self, intent_id: str) -> None:
        """Put a launch's times that lie in the future, since the clock was set back, to now."""
        now = self._clock()
        with self._db.writing() as db:
            for name, column in (("changed", "changed"), ("read", "read_at")):
                db.execute(
                    f"UPDATE intents SET {column} = ?, {name}_boot = ?, {name}_ticks = ?"
                    f" WHERE intent_id = ? AND {column} > ? AND {name}_boot != ?",
                    (now.at, now.boot, now.ticks, intent_id, now.at, now.boot),
                )

    def intent(self, intent_id: str) -> Intent | None:
        """Return one launch."""
        with self._db.reading() as db:
            row = db.execute("SELECT * FROM intents WHERE intent_id = ?", (intent_id,)).fetchone()
        return _intent(row) if row else None

    def intents(
        self,
        *,
        origin: str | None = None,
        model_id: str | None = None,
        kind: IntentKind | None = "training",
    ) -> list[Intent]:
        """Return launches, the newest first; of every kind where ``kind`` is ``None``."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT * FROM intents WHERE (:origin IS NULL OR origin = :origin)"
                " AND (:model_id IS NULL OR model_id = :model_id)"
                " AND (:kind IS NULL OR kind = :kind) ORDER BY rowid DESC",
                {"origin": origin, "model_id": model_id, "kind": kind},
            ).fetchall()
        return [_intent(row) for row in rows]

    def spent(self, estimate_id: str) -> bool:
        """Return whether an estimate has bought something, or tried to."""
        with self._db.reading() as db:
            row = db.execute(
                "SELECT 1 FROM intents WHERE estimate_id = ?", (estimate_id,)
            ).fetchone()
        return row is not None

    # -- models ---------------------------------------------------------------------------------

    def begin_model(
        self,
        *,
        origin: str,
        project: str,
        name: str,
        type: str,
        entry_id: str | None = None,
        seen: Collection[str] | None = None,
    ) -> KnownModel | None:
        """Write down that a model is about to be created.

        Args:
            origin: which Phoenix.
            project: which project of it.
            name: the model's name.
            type: the model's type.
            entry_id: names the creation; made up where none is given.
            seen: the entries of that name that were looked at before this was decided; ``None``
                where another model of the name is wanted whatever there is.

        Returns:
            ``None`` if somebody is creating one of that name, or has since ``seen`` was read.
        """
        now = self._clock()
        entry = KnownModel(
            entry=entry_id or secrets.token_hex(8),
            name=name,
            type=type,
            model_id=None,
            at=now.at,
            boot=now.boot,
            ticks=now.ticks,
        )
        try:
            with self._db.writing() as db:
                there = db.execute(
                    "SELECT entry FROM models WHERE origin = ? AND project = ? AND name = ?",
                    (origin, project, name),
                ).fetchall()
                if seen is not None and any(row["entry"] not in seen for row in there):
                    return None
                db.execute(
                    "INSERT INTO models (entry, origin, project, name, type, at, boot, ticks)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (entry.entry, origin, project, name, type, now.at, now.boot, now.ticks),
                )
        except sqlite3.IntegrityError:
            return None
        return entry

    def finish_model(self, entry: str, model_id: str) -> None:
        """Write down which model a creation made."""
        with self._db.writing() as db:
            db.execute("UPDATE models SET model_id = ? WHERE entry = ?", (model_id, entry))

    def forget_model(self, entry: str) -> None:
        """Drop a model that was never made, or is gone from the service."""
        with self._db.writing() as db:
            db.execute("DELETE FROM models WHERE entry = ?", (entry,))

    def remember_model(
        self, *, origin: str, project: str, name: str, type: str, model_id: str
    ) -> None:
        """Write down a model that is now in use here, made here or not."""
        now, entry = self._clock(), secrets.token_hex(8)
        with self._db.writing() as db:
            db.execute("DELETE FROM models WHERE origin = ? AND model_id = ?", (origin, model_id))
            db.execute(
                "INSERT INTO models (entry, origin, project, name, type, model_id, at, boot, ticks)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (entry, origin, project, name, type, model_id, now.at, now.boot, now.ticks),
            )

    def models(self, *, origin: str, project: str, name: str | None = None) -> list[KnownModel]:
        """Return the models known here, the newest first."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT entry, name, type, model_id, at, boot, ticks FROM models"
                " WHERE origin = ? AND project = ? AND (? IS NULL OR name = ?)"
                " ORDER BY rowid DESC",
                (origin, project, name, name),
            ).fetchall()
        return [KnownModel(**dict(row)) for row in rows]

    # -- uploads --------------------------------------------------------------------------------

    def remember_upload(
        self, *, origin: str, project: str, model_id: str, content_hash: str, asset_id: str
    ) -> None:
        """Write down under which asset id an image was uploaded for a model."""
        self._remember((origin, project, model_id, content_hash, asset_id))

    def _remember_all(self, rows: Sequence[tuple[str, str, str, str, str]]) -> list[None]:
        keys = [row[:4] for row in rows]
        with self._db.writing() as db:
            db.executemany("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany(f"DELETE FROM begun_uploads WHERE {_ONE_UPLOAD}", keys)
        return [None] * len(rows)

    def uploads(self, *, origin: str, project: str, model_id: str) -> dict[str, str]:
        """Return the asset id of every image uploaded for a model, by content hash.

        Captions live on the asset, so no two models share one of ours.
        """
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT content_hash, asset_id FROM uploads"
                " WHERE origin = ? AND project = ? AND model_id = ?",
                (origin, project, model_id),
            ).fetchall()
        return {row["content_hash"]: row["asset_id"] for row in rows}

    def forget_upload(self, *, origin: str, model_id: str, asset_id: str) -> None:
        """Drop an asset that the service no longer has."""
        with self._db.writing() as db:
            db.execute(
                "DELETE FROM uploads WHERE origin = ? AND model_id = ? AND asset_id = ?",
                (origin, model_id, asset_id),
            )

    def begin_upload(
        self, *, origin: str, project: str, model_id: str, content_hash: str, upload_id: str
    ) -> None:
        """Write down the upload that an image is on its way in, so that another can go on."""
        with self._db.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO begun_uploads VALUES (?, ?, ?, ?, ?)",
                (origin, project, model_id, content_hash, upload_id),
            )

    def begun_uploads(self, *, origin: str, project: str, model_id: str) -> dict[str, str]:
        """Return the upload ids of images whose upload has no end yet, by content hash."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT content_hash, upload_id FROM begun_uploads"
                " WHERE origin = ? AND project = ? AND model_id = ?",
                (origin, project, model_id),
            ).fetchall()
        return {row["content_hash"]: row["upload_id"] for row in rows}
