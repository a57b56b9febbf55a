"""The trigger of a training and its cancel, the jobs, and the download of weights."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.catalog import MODEL_TYPES, PAIRS_MIN, from_wire, full_config
from phoenix_nbtrain.engines.contract import weights_name
from phoenix_nbtrain.local.app_context import replies, service, store
from phoenix_nbtrain.local.pricing import DOWNLOAD_PRICE, Bill, bill, charge, price
from phoenix_nbtrain.local.reply_json import AUTHOR
from phoenix_nbtrain.local.request_input import (
    QUOTED,
    action_of,
    checked_parameters,
    date,
    dry_run,
    json_object,
    page,
    text_field,
)
from phoenix_nbtrain.local.rows import (
    DOWNLOAD,
    ENDED,
    caption_of,
    end_job,
    image_rows,
    insert_job,
    iso,
    job_row,
    model_row,
    pair_rows,
    set_job_status,
    set_progress,
    update,
)
from phoenix_nbtrain.local.service_errors import Refused, bad, plan_limit
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.text import shown

routes = Blueprint("training", __name__)


@routes.put("/models/<model_id>/train")
def train(model_id: str) -> ResponseReturnValue:
    # In the query only: the service ignores a dryRun in the body and launches.
    dry = dry_run()
    body = json_object()
    if dry:
        with store().reading() as connection:
            row = model_row(connection, model_id)
            _, _, amount = _order(connection, row, body, simulated=_simulated_count())
        return replies().cost(amount), QUOTED
    _bring_to_now()
    with store().writing() as connection:
        row = model_row(connection, model_id)
        config, work, amount = _order(connection, row, body, simulated=0)
        _refuse_launch(connection, row)
        charge(connection, amount.cost)
        job = _launch(connection, row, config, work, amount)
        model = replies().model(connection, model_row(connection, model_id))
        reply = {"job": replies().job(job), "model": model, **replies().cost(amount)}
    service().workers.ensure()
    return reply


@routes.post("/models/<model_id>/train/action")
def cancel(model_id: str) -> dict[str, Any]:
    action_of("cancel")
    with store().writing() as connection:
        row = model_row(connection, model_id)
        if row["status"] != "training":
            raise bad("Model is not training")
        end_job(connection, job_row(connection, row["job_id"]), "canceled")
        return {"model": replies().model(connection, model_row(connection, model_id))}


def _simulated_count() -> int:
    text = request.args.get("trainingImagesCount", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise bad('"trainingImagesCount" must be a whole number')
    return int(text)


def _order(
    connection: sqlite3.Connection, row: sqlite3.Row, body: dict[str, Any], *, simulated: int
) -> tuple[dict[str, Any], dict[str, Any], Bill]:
    """Return a launch's configuration, work and cost; refuse what cannot be trained."""
    kind = MODEL_TYPES.get(row["type"])
    if kind is None:
        raise bad(f'Models of type "{shown(row["type"], 40)}" cannot be trained')
    given = body.get("parameters")
    kept = json.loads(row["parameters"]) if given is None else checked_parameters(kind.name, given)
    config = full_config(kind.name, from_wire(kind.name, kept))
    for asset_id in config.get("sample_sources", ()):
        found = connection.execute("SELECT 1 FROM assets WHERE id = ?", (asset_id,)).fetchone()
        if found is None:
            raise bad(f"parameters.sampleSourceImages: asset {shown(asset_id)} not found")
    images, pairs = image_rows(connection, row["id"]), pair_rows(connection, row["id"])
    items = len(pairs) if kind.pairs else len(images)
    if not images:
        items = simulated
    if items == 0 and not images:
        raise bad("The model has no training images. Add some, then ask again")
    if kind.pairs and items == 0:
        raise bad(
            f"{kind.name} trains on pairs, and the training images are not paired. "
            "training.pair_up() pairs them by name"
        )
    if kind.pairs and items < PAIRS_MIN:
        raise bad(f"{kind.name} needs at least {PAIRS_MIN} pairs of training images")
    work = {
        "type": kind.name,
        "trainer": kind.trainer,
        "kept": kept,
        "images": [[image["id"], image["sha256"], caption_of(image)] for image in images],
        "pairs": [[p["source_id"], p["target_id"], p["instruction"]] for p in pairs]
        if kind.pairs
        else [],
    }
    return config, work, bill(connection, price(kind.name, config, items))


def _bring_to_now() -> None:
    """Let launches that lie in the future, since the clock was set back, be of now.

    So the cooldown after them passes; counted from where they lie, it would last a day or a year.
    """
    now = (iso(), DOWNLOAD)
    with store().reading() as connection:
        future = "FROM jobs WHERE created_at > ? AND type != ?"
        if connection.execute(f"SELECT 1 {future}", now).fetchone() is None:
            return
    with store().writing() as connection:
        connection.execute(
            "UPDATE jobs SET created_at = ? WHERE created_at > ? AND type != ?", (now[0], *now)
        )


def _refuse_launch(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    if row["status"] == "training":
        raise bad("Model is already training")
    settings = load(connection)
    running = connection.execute("SELECT count(*) FROM unfinished").fetchone()[0]
    if running >= settings.parallel_trainings:
        raise plan_limit("parallel-training", limit=settings.parallel_trainings, value=running)
    last = connection.execute(
        "SELECT created_at FROM jobs WHERE type != ? ORDER BY number DESC LIMIT 1", (DOWNLOAD,)
    ).fetchone()
    if last is not None:
        since = time.time() - datetime.fromisoformat(last["created_at"]).timestamp()
        left = settings.cooldown_seconds - since
        if left > 0:
            reason = "Trainings were launched too close together"
            raise Refused(429, {"reason": reason, "remainingSeconds": round(left, 1)})


def _launch(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    config: dict[str, Any],
    work: dict[str, Any],
    amount: Bill,
) -> sqlite3.Row:
    job = insert_job(
        connection,
        f"{work['trainer']}-model-training",
        row["id"],
        bill=amount,
        work=work,
        output={"losses": [], "epoch": 0, "epochs": config["epochs"]},
    )
    update(
        connection,
        "models",
        row["id"],
        status="training",
        job_id=job["id"],
        # The service names a nameless model when its training starts.
        name=row["name"] or f"{work['type']} of {len(work['images'])} images",
        parameters=json.dumps(work["kept"]),
        stats=None,
        epoch=None,
    )
    set_progress(connection, row["id"], "pending")
    return job


# -- jobs -----------------------------------------------------------------------------------------

PAGE_DEFAULT = 50
PAGE_MAX = 100
_STATUSES = ("pending", "queued", "warming-up", "in-progress", "finalizing", *ENDED)
_NO_FILTERS = (DOWNLOAD, "model-import")
"""Types that jobs have and that a list cannot be narrowed to."""


@routes.get("/jobs/<job_id>")
def read_job(job_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = job_row(connection, job_id)
    if row["status"] not in ENDED:
        # As with a model that trains: a worker that died is started again, and nothing else.
        service().workers.ensure()
    return {"job": replies().job(row)}


@routes.post("/jobs/<job_id>/action")
def act_on_job(job_id: str) -> dict[str, Any]:
    action_of("cancel")
    with store().reading() as connection:
        job_row(connection, job_id)
    # Inference jobs only, of which there are none; a training is canceled through its model.
    raise bad("Cannot cancel this type of job. Action not permitted.")


@routes.get("/jobs")
def list_jobs() -> dict[str, Any]:
    where, values = [], []
    narrowed = [n for n in ("status", "type", "types", "workflowId") if n in request.args]
    if "status" in narrowed:
        if request.args["status"] not in _STATUSES:
            raise bad(f'"status" must be one of {", ".join(_STATUSES)}')
        where.append("status = ?")
        values.append(request.args["status"])
    if "types" in narrowed:
        types = [t.strip() for t in request.args["types"].split(",")]
    else:
        types = [request.args["type"]] if "type" in narrowed else []
    for name in types:
        if name in _NO_FILTERS:
            raise bad(f'Jobs cannot be listed by the type "{shown(name, 40)}"')
    if types:
        where.append(f"type IN ({', '.join('?' * len(types))})")
        values.extend(types)
    if "workflowId" in narrowed or request.args.get("authorId", AUTHOR) != AUTHOR:
        where.append("0")  # there are no workflows, and one author
    if "createdAfter" in request.args:
        if narrowed:
            raise bad(f'"createdAfter" cannot be used with "{narrowed[0]}"; use "updatedAfter"')
        where.append("created_at > ?")
        values.append(date("createdAfter"))
    if "updatedAfter" in request.args:
        if not narrowed:
            raise bad('"updatedAfter" needs "status", "type" or "types"; use "createdAfter"')
        where.append("updated_at > ?")
        values.append(date("updatedAfter"))
    with store().reading() as connection:
        rows, following = page(
            connection,
            "jobs",
            where,
            values,
            column="updated_at" if narrowed else "created_at",
            default=PAGE_DEFAULT,
            most=PAGE_MAX,
        )
    if any(row["status"] not in ENDED for row in rows):
        service().workers.ensure()
    return {"jobs": [replies().job(row) for row in rows], **following}


# -- downloads ------------------------------------------------------------------------------------


@routes.post("/models/<model_id>/download")
def request_download(model_id: str) -> ResponseReturnValue:
    dry = dry_run()
    epoch = text_field(json_object(), "modelEpoch", longest=100)
    if dry:
        with store().reading() as connection:
            _file_of(connection, model_row(connection, model_id), epoch)
            return replies().cost(bill(connection, DOWNLOAD_PRICE), DOWNLOAD), QUOTED
    with store().writing() as connection:
        row = model_row(connection, model_id)
        work = _file_of(connection, row, epoch)
        price = bill(connection, DOWNLOAD_PRICE)
        charge(connection, price.cost)
        job = insert_job(connection, DOWNLOAD, model_id, bill=price, work=work, output={})
        # The weights lie ready, so there is nothing to wait for.
        set_job_status(connection, job, "success", progress=1)
    return {"jobId": job["id"]}


@routes.get("/assets/download/<job_id>")
def read_download(job_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        job = job_row(connection, job_id)
    if job["type"] != DOWNLOAD:
        raise Refused(404, {"reason": f"Download {shown(job_id)} not found"})
    reply = {"jobId": job_id, "jobStatus": job["status"]}
    if job["status"] in ENDED:
        reply["downloadUrl"] = replies().signed(f"downloads/{job_id}")
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
