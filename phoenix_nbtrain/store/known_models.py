"""The journal's part on models: which ones this computer made, joined, or is about to make."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from phoenix_nbtrain.clock import Clock, Moment
from phoenix_nbtrain.database import Database

__all__ = ["KnownModel", "KnownModels"]


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


class KnownModels:
    """Models by name. A creation is written down before it is asked for, one per name."""

    _db: Database
    _clock: Clock

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
