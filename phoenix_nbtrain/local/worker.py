"""The process that trains. One per data folder, in a session of its own; it outlives kernels.

    python -P -m phoenix_nbtrain.local.worker DATA_DIR

It takes the lease, runs the queued jobs one after another and ends when there are none. Killed at
any moment, its successor goes on from the last checkpoint and arrives at the same weights.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from phoenix_nbtrain.errors import PhoenixError, shown
from phoenix_nbtrain.local.lease import hold_lease
from phoenix_nbtrain.local.run_files import checkpoint_path
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.tables import (
    ENDED,
    end_job,
    iso,
    job_row,
    queue_waiting,
    set_job_status,
    set_progress,
)

__all__ = ["main", "work_off"]

log = logging.getLogger(__name__)

IDLE_SECONDS = 4.0
"""How long the process waits for another job: starting one takes a good part of a second."""
CLAIMS_MAX = 8
"""A job whose process dies this often without getting further is given up."""


def main(data_dir: Path) -> None:
    """Hold the lease and work until there has been nothing to do for a while."""
    store = Store(data_dir)
    while True:
        with hold_lease(data_dir) as mine:
            if not mine:
                return
            work_off(store, idle_seconds=IDLE_SECONDS)
        # A job may have come between the last look and the release, by someone who saw the lease.
        with store.reading() as connection:
            if _next(connection) is None:
                return


def work_off(store: Store, *, idle_seconds: float = 0.0) -> None:
    """Run queued jobs until there has been none for ``idle_seconds``."""
    idle_since = time.monotonic()
    while True:
        job = _claim(store)
        if job is not None:
            _attempt(store, job)
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= idle_seconds:
            return
        else:
            time.sleep(0.1)


def _next(connection: sqlite3.Connection) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM unfinished ORDER BY number LIMIT 1"
    ).fetchone()
    return row


def _claim(store: Store) -> sqlite3.Row | None:
    """Return the next job, begun; ``None`` where there is none."""
    with store.reading() as connection:
        if _next(connection) is None:
            return None
    with store.writing() as connection:
        queue_waiting(connection)
        job = _next(connection)
        if job is None:
            return None
        step = _checkpoint_step(store, job["id"])
        claims = 1 if step > job["claimed_step"] else job["claims"] + 1
        if claims > CLAIMS_MAX:
            end_job(
                connection,
                job,
                "failure",
                error=f"The training process ended {CLAIMS_MAX} times at the same point.",
                hint="A smaller batch size or rank takes less memory.",
            )
            return None
        connection.execute(
            "UPDATE jobs SET claims = ?, claimed_step = ?, started_at = coalesce(started_at, ?)"
            " WHERE id = ?",
            (claims, step, time.time(), job["id"]),
        )
        if job["status"] == "queued":
            set_job_status(connection, job, "warming-up")
        job = job_row(connection, job["id"])
        set_progress(
            connection, job["model_id"], "starting-train", startedAt=int(job["started_at"] * 1000)
        )
        return job


def _checkpoint_step(store: Store, job_id: str) -> int:
    try:
        with checkpoint_path(store, job_id).open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, 1 << 24)))
        return int(json.loads(header["__metadata__"]["state"])["step"])
    except (OSError, ValueError, KeyError):
        return 0


def _attempt(store: Store, job: sqlite3.Row) -> None:
    """Run a job; a failure is the job's, and is told."""
    from phoenix_nbtrain.local.run import Run

    try:
        Run(store, job).to_the_end()
    except Exception as error:
        log.exception("job %s failed", job["id"])
        words: dict[str, Any] = {"error": f"Training failed: {shown(str(error), 150)}"}
        if isinstance(error, PhoenixError):
            words = {"error": error.message[:200], "hint": error.remedy[:200]}
        if not store.path.exists():
            raise
        with store.writing() as connection:
            now = job_row(connection, job["id"])
            if now["status"] not in ENDED:
                end_job(connection, now, "failure", **words)
    # However it ended, nobody goes on from there.
    checkpoint_path(store, job["id"]).unlink(missing_ok=True)


if __name__ == "__main__":
    logging.basicConfig(format=f"{iso()} %(levelname)s %(name)s: %(message)s")
    main(Path(sys.argv[1]))
