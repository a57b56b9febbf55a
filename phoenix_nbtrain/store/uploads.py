"""The journal's part on uploads: which picture is which asset, and what is on its way."""

from __future__ import annotations

from collections.abc import Sequence

from phoenix_nbtrain.database import Database
from phoenix_nbtrain.store.together import Together

__all__ = ["Uploads"]

_ONE_UPLOAD = "origin = ? AND project = ? AND model_id = ? AND content_hash = ?"


class Uploads:
    """Uploads by the model they were made for and the hash of what was sent."""

    _db: Database
    _remember: Together[tuple[str, str, str, str, str]]
    """Set up with `_remember_all`."""

    def remember_upload(
        self, *, origin: str, project: str, model_id: str, content_hash: str, asset_id: str
    ) -> None:
        """Write down under which asset id a picture was uploaded for a model."""
        self._remember((origin, project, model_id, content_hash, asset_id))

    def _remember_all(self, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
        keys = [row[:4] for row in rows]
        with self._db.writing() as db:
            db.executemany("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany(f"DELETE FROM begun_uploads WHERE {_ONE_UPLOAD}", keys)

    def uploads(self, *, origin: str, project: str, model_id: str) -> dict[str, str]:
        """Return the asset id of every picture uploaded for a model, by content hash.

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
        """Write down the upload that a picture is on its way in, so that another can go on."""
        with self._db.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO begun_uploads VALUES (?, ?, ?, ?, ?)",
                (origin, project, model_id, content_hash, upload_id),
            )

    def begun_uploads(self, *, origin: str, project: str, model_id: str) -> dict[str, str]:
        """Return the upload ids of pictures whose upload has no end yet, by content hash."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT content_hash, upload_id FROM begun_uploads"
                " WHERE origin = ? AND project = ? AND model_id = ?",
                (origin, project, model_id),
            ).fetchall()
        return {row["content_hash"]: row["upload_id"] for row in rows}
