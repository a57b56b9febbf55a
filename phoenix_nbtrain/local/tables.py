"""Rows of the local Phoenix, read and changed within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.refusals import Refused

__all__ = [
    "ENDED",
    "asset_row",
    "caption_of",
    "end_job",
    "image_rows",
    "iso",
    "job_row",
    "model_row",
    "now_ms",
    "pair_rows",
    "set_job_status",
    "set_progress",
    "touch_model",
]

ENDED = ("success", "failure", "canceled")
"""Job statuses that nothing follows."""


def iso(seconds: float | None = None) -> str:
    """Return a time (now, if none is given) as the service writes it."""
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_ms() -> int:
    """Return now in the unit of ``trainingProgress``."""
    return int(time.time() * 1000)


def _one(connection: sqlite3.Connection, kind: str, table: str, row_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = None
    try:
        statement = f"SELECT * FROM {table} WHERE id = ?"  # our own names
        row = connection.execute(statement, (row_id,)).fetchone()
    except UnicodeEncodeError:  # a path with half a character is no id of ours
        row = None
    if row is None:
        raise Refused(404, {"reason": f"{kind} {shown(row_id)} not found"})
    return row


def model_row(connection: sqlite3.Connection, model_id: str) -> sqlite3.Row:
    """Return a model, or refuse with 404."""
    return _one(connection, "Model", "models", model_id)


def asset_row(connection: sqlite3.Connection, asset_id: str) -> sqlite3.Row:
    """Return an asset, or refuse with 404."""
    return _one(connection, "Asset", "assets", asset_id)


def job_row(connection: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """Return a job, or refuse with 404."""
    return _one(connection, "Job", "jobs", job_id)


def image_rows(
    connection: sqlite3.Connection, model_id: str, *, limit: int = -1
) -> list[sqlite3.Row]:
    """Return a model's training images with their assets, in the order they were added."""
    return connection.execute(
        "SELECT a.*, t.created_at AS attached_at FROM training_images t"
        " JOIN assets a ON a.id = t.asset_id WHERE t.model_id = ? ORDER BY t.number LIMIT ?",
        (model_id, limit),
    ).fetchall()


def pair_rows(connection: sqlite3.Connection, model_id: str) -> list[sqlite3.Row]:
    """Return a model's pairs in order."""
    return connection.execute(
        "SELECT * FROM pairs WHERE model_id = ? ORDER BY place", (model_id,)
    ).fetchall()


def caption_of(asset: sqlite3.Row) -> str:
    """Return the caption that counts: a person's, else the automatic one."""
    return str(asset["description"] or asset["automatic"])


def touch_model(connection: sqlite3.Connection, model_id: str) -> None:
    """Note that a model changed."""
    connection.execute("UPDATE models SET updated_at = ? WHERE id = ?", (iso(), model_id))


def set_job_status(connection: sqlite3.Connection, job: sqlite3.Row, status: str) -> None:
    """Move a job on, with an entry in its history."""
    history = [*json.loads(job["history"]), {"status": status, "date": iso()}]
    connection.execute(
        "UPDATE jobs SET status = ?, history = ?, updated_at = ? WHERE id = ?",
        (status, json.dumps(history), iso(), job["id"]),
    )


def set_progress(connection: sqlite3.Connection, model_id: str, stage: str, **more: Any) -> None:
    """Say where a model's training is, in ``trainingProgress``'s own fields."""
    progress = {"stage": stage, "updatedAt": now_ms()} | {
        key: value for key, value in more.items() if value is not None
    }
    connection.execute(
        "UPDATE models SET progress = ?, updated_at = ? WHERE id = ?",
        (json.dumps(progress), iso(), model_id),
    )


def end_job(
    connection: sqlite3.Connection,
    job: sqlite3.Row,
    status: str,
    *,
    error: str = "",
    hint: str = "",
) -> None:
    """End a job as ``success``, ``failure`` or ``canceled``, and its model with it.

    A simulated balance gets a failed training's price back, as the service refunds it.
    """
    outcome = {"success": "trained", "failure": "failed", "canceled": "training-canceled"}[status]
    set_job_status(connection, job, status)
    connection.execute(
        "UPDATE jobs SET error = ?, hint = ?, progress = ? WHERE id = ?",
        (error, hint, 1.0 if status == "success" else job["progress"], job["id"]),
    )
    ended = time.time()
    launched = datetime.fromisoformat(job["created_at"]).timestamp()
    stats: dict[str, Any] = {"endedAt": iso(ended)}
    if job["started_at"] is not None:
        started = float(job["started_at"])
        stats |= {
            "startedAt": iso(started),
            "queueDuration": round(max(0.0, started - launched), 3),
            "trainDuration": round(max(0.0, ended - started), 3),
        }
    connection.execute(
        "UPDATE models SET status = ?, stats = ?, updated_at = ? WHERE id = ?",
        (outcome, json.dumps(stats), iso(), job["model_id"]),
    )
    if status == "failure":
        _refund(connection, float(job["cost"]))


def _refund(connection: sqlite3.Connection, cost: float) -> None:
    row = connection.execute("SELECT value FROM settings WHERE name = 'limits'").fetchone()
    limits = json.loads(row[0]) if row else {}
    if limits.get("balance") is not None:
        limits["balance"] += cost
        connection.execute(
            "UPDATE settings SET value = ? WHERE name = 'limits'", (json.dumps(limits),)
        )
