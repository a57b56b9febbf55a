"""Rows of the local Phoenix, read and changed within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.local.pricing import Bill, refund
from phoenix_nbtrain.local.service_errors import Refused
from phoenix_nbtrain.local.store import new_id
from phoenix_nbtrain.text import shown

ENDED = ("success", "failure", "canceled")
"""Job statuses that nothing follows."""
DOWNLOAD = "model-download"
"""The type of the jobs that train nothing."""


def iso(seconds: float | None = None) -> str:
    """Return a time (now, if none is given) as the service writes it."""
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def insert(connection: sqlite3.Connection, table: str, **columns: Any) -> None:
    """Add a row. Names are our own words; values are bound."""
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(columns.values()))


def update(connection: sqlite3.Connection, table: str, row_id: str, **columns: Any) -> None:
    """Change columns of a row, and note when."""
    columns["updated_at"] = iso()
    assignments = ", ".join(f"{column} = ?" for column in columns)
    connection.execute(
        f"UPDATE {table} SET {assignments} WHERE id = ?", (*columns.values(), row_id)
    )


def _one(connection: sqlite3.Connection, kind: str, table: str, row_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = None
    try:
        statement = f"SELECT * FROM {table} WHERE id = ?"  # our own names
        row = connection.execute(statement, (row_id,)).fetchone()
    except UnicodeEncodeError:  # a path with half a character is no id of ours
        row = None
    if row is None:
        raise _missing(kind, row_id)
    return row


def _missing(kind: str, row_id: str) -> Refused:
    return Refused(404, {"reason": f"{kind} {shown(row_id)} not found"})


def model_row(
    connection: sqlite3.Connection, model_id: str, *, deleted: bool = False
) -> sqlite3.Row:
    """Return a model, or refuse with 404. One that was deleted is there for its restoring only."""
    row = _one(connection, "Model", "models", model_id)
    if row["deleted_at"] is not None and not deleted:
        raise _missing("Model", model_id)
    return row


def asset_row(connection: sqlite3.Connection, asset_id: str) -> sqlite3.Row:
    """Return an asset, or refuse with 404."""
    return _one(connection, "Asset", "assets", asset_id)


def job_row(connection: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """Return a job, or refuse with 404."""
    return _one(connection, "Job", "jobs", job_id)


def upload_row(connection: sqlite3.Connection, upload_id: str) -> sqlite3.Row:
    """Return an upload, or refuse with 404."""
    return _one(connection, "Upload", "uploads", upload_id)


def rows_in_order(connection: sqlite3.Connection, table: str, ids: list[str]) -> list[sqlite3.Row]:
    """Return rows as they were asked for; what is not there is left out."""
    places = ", ".join("?" * len(ids))
    statement = f"SELECT * FROM {table} WHERE id IN ({places})"  # our own names
    found = {row["id"]: row for row in connection.execute(statement, ids)}
    return [found[row_id] for row_id in ids if row_id in found]


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


def insert_asset(connection: sqlite3.Connection, found: Mapping[str, Any]) -> str:
    """Add an asset, whose other columns are ``found``, and return its id."""
    asset_id, now = new_id("asset"), iso()
    about = {"id": asset_id, "description": "", "created_at": now, "updated_at": now}
    insert(connection, "assets", **found, **about)
    return asset_id


def insert_job(
    connection: sqlite3.Connection,
    kind: str,
    model_id: str,
    *,
    bill: Bill,
    work: dict[str, Any],
    output: dict[str, Any],
) -> sqlite3.Row:
    """Add a pending job of a type of the service's, and return it."""
    job_id, now = new_id("job"), iso()
    insert(
        connection,
        "jobs",
        id=job_id,
        type=kind,
        model_id=model_id,
        status="pending",
        history=json.dumps([{"status": "pending", "date": now}]),
        progress=0,
        created_at=now,
        updated_at=now,
        cost=str(bill.cost),
        discount=str(bill.discount),
        work=json.dumps(work),
        output=json.dumps(output),
        error="",
        hint="",
        claims=0,
        claimed_step=-1,
    )
    return job_row(connection, job_id)


def set_job_status(
    connection: sqlite3.Connection, job: sqlite3.Row, status: str, **columns: Any
) -> None:
    """Move a job on, with an entry in its history, and change columns along with it."""
    history = [*json.loads(job["history"]), {"status": status, "date": iso()}]
    update(connection, "jobs", job["id"], status=status, history=json.dumps(history), **columns)


def set_progress(connection: sqlite3.Connection, model_id: str, stage: str, **more: Any) -> None:
    """Say where a model's training is, in ``trainingProgress``'s own fields."""
    progress = {"stage": stage, "updatedAt": int(time.time() * 1000)} | {
        key: value for key, value in more.items() if value is not None
    }
    update(connection, "models", model_id, progress=json.dumps(progress))


def queue_waiting(connection: sqlite3.Connection) -> None:
    """Move every pending job into the queue."""
    for job in connection.execute("SELECT * FROM jobs WHERE status = 'pending'").fetchall():
        set_job_status(connection, job, "queued")
        set_progress(connection, job["model_id"], "queued-for-train")


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
    progress = 1.0 if status == "success" else job["progress"]
    set_job_status(connection, job, status, error=error, hint=hint, progress=progress)
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
    update(connection, "models", job["model_id"], status=outcome, stats=json.dumps(stats))
    if status == "failure":
        refund(connection, Decimal(job["cost"]))
