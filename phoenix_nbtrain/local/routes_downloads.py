"""A trained model's weights, to take away."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.engines.contract import weights_name
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.app_context import store, wire
from phoenix_nbtrain.local.pricing import DOWNLOAD_PRICE, bill, charge
from phoenix_nbtrain.local.request_body import QUOTED, dry_run, json_object, text_field
from phoenix_nbtrain.local.rows import (
    DOWNLOAD,
    ENDED,
    insert_job,
    job_row,
    model_row,
    set_job_status,
)
from phoenix_nbtrain.local.service_errors import Refused, bad

__all__ = ["routes", "weights"]

routes = Blueprint("downloads", __name__)


@routes.post("/models/<model_id>/download")
def request_download(model_id: str) -> ResponseReturnValue:
    dry = dry_run()
    epoch = text_field(json_object(), "modelEpoch", longest=100)
    if dry:
        with store().reading() as connection:
            _file_of(connection, model_row(connection, model_id), epoch)
            return jsonify(wire().cost(bill(connection, DOWNLOAD_PRICE), DOWNLOAD)), QUOTED
    with store().writing() as connection:
        row = model_row(connection, model_id)
        work = _file_of(connection, row, epoch)
        price = bill(connection, DOWNLOAD_PRICE)
        charge(connection, price.cost)
        job = insert_job(connection, DOWNLOAD, model_id, bill=price, work=work, output={})
        # The weights lie ready, so there is nothing to wait for.
        set_job_status(connection, job, "success")
        connection.execute("UPDATE jobs SET progress = 1 WHERE id = ?", (job["id"],))
    return {"jobId": job["id"]}


@routes.get("/assets/download/<job_id>")
def read(job_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        job = job_row(connection, job_id)
    if job["type"] != DOWNLOAD:
        raise Refused(404, {"reason": f"Download {shown(job_id)} not found"})
    reply = {"jobId": job_id, "jobStatus": job["status"]}
    if job["status"] in ENDED:
        reply["downloadUrl"] = wire().signed(f"downloads/{job_id}")
    return reply


def weights(connection: sqlite3.Connection, job_id: str) -> tuple[Path, str]:
    """Return the file of a download, and what it is called for people."""
    job = job_row(connection, job_id)
    work = json.loads(job["work"])
    return store().run_dir(work["job"]) / work["file"], f"{job['model_id']}-{work['file']}"


def _file_of(connection: sqlite3.Connection, row: sqlite3.Row, epoch: str | None) -> dict[str, Any]:
    """Return which file is meant: the epoch's that is asked for, or chosen, or the last weights.

    Those of the model's last run that trained to its end: one that goes on, was stopped or failed
    takes nothing away.
    """
    trained = connection.execute(
        "SELECT id FROM jobs WHERE model_id = ? AND type != ? AND status = 'success'"
        " ORDER BY number DESC LIMIT 1",
        (row["id"], DOWNLOAD),
    ).fetchone()
    if trained is None:
        raise bad("The model has no weights: it has not been trained to the end")
    job_id = trained["id"]
    given = {} if epoch is None else {"modelEpoch": epoch}
    name, wanted = weights_name(), epoch or row["epoch"]
    if wanted is not None:
        found = connection.execute(
            "SELECT epoch FROM epochs WHERE job_id = ? AND CAST(epoch AS TEXT) = ?",
            (job_id, wanted),
        ).fetchone()
        if found is None:
            raise bad(f'"modelEpoch" {shown(wanted, 40)} is not an epoch of this model')
        name = weights_name(found["epoch"])
    if not (store().run_dir(job_id) / name).is_file():
        raise Refused(404, {"reason": "The weights are gone from the data folder"})
    return {"job": job_id, "file": name, "given": given}
