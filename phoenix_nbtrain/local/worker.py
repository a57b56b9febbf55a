"""The process that trains. One per data folder, in a session of its own; it outlives kernels.

    python -P -m phoenix_nbtrain.local.worker DATA_DIR

It takes the lease, runs the queued jobs one after another and ends when there are none. Killed at
any moment, its successor goes on from the last checkpoint and arrives at the same weights.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from phoenix_nbtrain.database import is_full
from phoenix_nbtrain.engines.demo import DEMO
from phoenix_nbtrain.errors import PhoenixError, StoreBusy
from phoenix_nbtrain.home import private_folder
from phoenix_nbtrain.local.rows import (
    ENDED,
    end_job,
    iso,
    job_row,
    model_row,
    queue_waiting,
    set_job_status,
    set_progress,
)
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.workers import hold_lease
from phoenix_nbtrain.text import ending, shown

T = TypeVar("T")

log = logging.getLogger(__name__)

IDLE_SECONDS = 4.0
"""How long the process waits for another job: starting one takes a good part of a second."""
ROOM_SECONDS = 5.0
"""Between two looks whether a full disk has room again."""
ROOM_BYTES = 4 << 20
"""Room for what is written beside the checkpoint: images, samples, the database's journal."""
CLAIMS_MAX = 8
"""A job whose process dies this often without getting further is given up."""


def main(data_dir: Path) -> None:
    """Hold the lease and work until there has been nothing to do for a while."""
    store = Store(data_dir)
    while True:
        with hold_lease(data_dir) as mine:
            if not mine:
                return
            store.bring_checkpoints_back()
            work_off(store, idle_seconds=IDLE_SECONDS)
        # A job may have come between the last look and the release, by someone who saw the lease.
        with store.reading() as connection:
            if _next(connection) is None:
                return


def work_off(store: Store, *, idle_seconds: float = 0.0) -> None:
    """Run queued jobs until there has been none for ``idle_seconds``."""
    idle_since = time.monotonic()
    while True:
        job = _patiently(lambda: _claim(store))
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
        step = DEMO.saved_step(store.run_dir(job["id"]))
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


def _attempt(store: Store, job: sqlite3.Row) -> None:
    """Run a job to its end, and record a failure in it.

    A full disk or a busy database is no failure: the job waits, and goes on from its last
    checkpoint.
    """
    from phoenix_nbtrain.local.job_run import JobRun

    while True:
        try:
            JobRun(store, job).to_the_end()
        except Exception as error:
            if not _passes(error):
                log.exception("job %s failed", job["id"])
                if not store.path.exists():
                    raise
                words: dict[str, Any] = {"error": f"Training failed: {shown(str(error), 150)}"}
                if isinstance(error, PhoenixError):
                    words = {"error": error.message[:200], "hint": error.remedy[:200]}
                _patiently(partial(_fail, store, job["id"], words))
                break
            log.warning("job %s waits: %s", job["id"], error)
            if not _room_again(store, job["id"], full=is_full(error)):
                break
        else:
            break
    # However it ended, it is not resumed.
    store.checkpoint(job["id"]).unlink(missing_ok=True)


def _fail(store: Store, job_id: str, words: dict[str, Any]) -> None:
    with store.writing() as connection:
        job = job_row(connection, job_id)
        if job["status"] not in ENDED:
            end_job(connection, job, "failure", **words)


def _passes(error: Exception) -> bool:
    return is_full(error) or isinstance(error, StoreBusy)


def _patiently(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, once there is room on the disk for it."""
    while True:
        try:
            return work()
        except PhoenixError as error:
            if not _passes(error):
                raise
            log.warning("the worker waits: %s", error)
        time.sleep(ROOM_SECONDS)


def _room_again(store: Store, job_id: str, *, full: bool) -> bool:
    """Wait until the job can go on; return whether it still should, and was not canceled."""
    reported = not full
    while True:
        time.sleep(ROOM_SECONDS)
        try:
            with store.reading() as connection:
                if job_row(connection, job_id)["status"] in ENDED:
                    return False
            if not reported:
                _tell_waiting(store, job_id)
                reported = True
            _try_room(store, job_id)
        except (PhoenixError, OSError) as error:
            if not _passes(error):
                raise
        else:
            return True


def _tell_waiting(store: Store, job_id: str) -> None:
    """Say in the job what it waits for, in place of how long it takes."""
    hint = (
        f"The disk of {ending(store.data_dir, 60)} is full. Training waits, and goes on from its "
    )
    with store.writing() as connection:
        job = job_row(connection, job_id)
        connection.execute(
            "UPDATE jobs SET hint = ?, updated_at = ? WHERE id = ?",
            (f"{hint}last checkpoint when there is room.", iso(), job_id),
        )
        progress = json.loads(model_row(connection, job["model_id"], deleted=True)["progress"])
        for passing in ("remainingTimeMs", "updatedAt"):
            progress.pop(passing, None)
        set_progress(connection, job["model_id"], **progress)


def _try_room(store: Store, job_id: str) -> None:
    """Write as much as the next checkpoint takes, twice, and take it away again.

    Raises:
        OSError: there is no room for it.
    """
    path = store.checkpoint(job_id)
    size = path.stat().st_size if path.exists() else 0
    with tempfile.TemporaryFile(dir=private_folder(path.parent)) as file:
        file.write(bytes(2 * size + ROOM_BYTES))
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    main(Path(sys.argv[1]))
