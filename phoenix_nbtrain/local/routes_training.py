"""The trigger, its dry run, and the action that cancels."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.catalog import MODEL_TYPES, PAIRS_MIN
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.app_context import store, wire, workers
from phoenix_nbtrain.local.parameters import checked, config_of
from phoenix_nbtrain.local.pricing import Bill, bill, charge, price
from phoenix_nbtrain.local.request_body import QUOTED, dry_run, json_object
from phoenix_nbtrain.local.rows import (
    DOWNLOAD,
    caption_of,
    end_job,
    image_rows,
    insert_job,
    iso,
    job_row,
    model_row,
    pair_rows,
    set_progress,
)
from phoenix_nbtrain.local.service_errors import Refused, bad, plan_limit
from phoenix_nbtrain.local.settings import load

__all__ = ["routes"]

routes = Blueprint("training", __name__)


@routes.put("/models/<model_id>/train")
def train(model_id: str) -> ResponseReturnValue:
    # In the query only: the service ignores a dryRun in the body and launches.
    dry = dry_run()
    body = json_object()
    if dry:
        with store().reading() as connection:
            _, amount = _order(connection, model_id, body, simulated=_simulated_count())
        return jsonify(wire().cost(amount)), QUOTED
    _bring_to_now()
    with store().writing() as connection:
        work, amount = _order(connection, model_id, body, simulated=0)
        row = model_row(connection, model_id)
        _refuse_launch(connection, row)
        charge(connection, amount.cost)
        job = _launch(connection, row, work, amount)
        reply = {
            "job": wire().job(job),
            "model": wire().model(connection, model_row(connection, model_id)),
            **wire().cost(amount),
        }
    workers().ensure()
    return reply


@routes.post("/models/<model_id>/train/action")
def action(model_id: str) -> dict[str, Any]:
    if json_object().get("action") != "cancel":
        raise bad('"action" must be "cancel"')
    with store().writing() as connection:
        row = model_row(connection, model_id)
        if row["status"] != "training":
            raise bad("Model is not training")
        end_job(connection, job_row(connection, row["job_id"]), "canceled")
        return {"model": wire().model(connection, model_row(connection, model_id))}


def _simulated_count() -> int:
    text = request.args.get("trainingImagesCount", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise bad('"trainingImagesCount" must be a whole number')
    return int(text)


def _order(
    connection: sqlite3.Connection, model_id: str, body: dict[str, Any], *, simulated: int
) -> tuple[dict[str, Any], Bill]:
    """Return what a launch would do and what it would cost; refuse what cannot be trained."""
    row = model_row(connection, model_id)
    kind = MODEL_TYPES.get(row["type"])
    if kind is None:
        raise bad(f'Models of type "{shown(row["type"], 40)}" cannot be trained')
    given = body.get("parameters")
    kept = json.loads(row["parameters"]) if given is None else checked(kind.name, given)
    config = config_of(kind.name, kept)
    for asset_id in config.get("sample_sources", ()):
        found = connection.execute("SELECT 1 FROM assets WHERE id = ?", (asset_id,)).fetchone()
        if found is None:
            raise bad(f"parameters.sampleSourceImages: asset {shown(asset_id)} not found")
    images, pairs = image_rows(connection, model_id), pair_rows(connection, model_id)
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
    captions = {image["id"]: caption_of(image) for image in images}
    work = {
        "type": kind.name,
        "trainer": kind.trainer,
        "kept": kept,
        "images": [[image["id"], image["sha256"], captions[image["id"]]] for image in images],
        "pairs": [[p["source_id"], p["target_id"], p["instruction"]] for p in pairs]
        if kind.pairs
        else [],
    }
    return work, bill(connection, price(kind.name, config, items))


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
    connection: sqlite3.Connection, row: sqlite3.Row, work: dict[str, Any], amount: Bill
) -> sqlite3.Row:
    config = config_of(work["type"], work["kept"])
    job = insert_job(
        connection,
        f"{work['trainer']}-model-training",
        row["id"],
        bill=amount,
        work=work,
        output={"losses": [], "epoch": 0, "epochs": config["epochs"]},
    )
    # The service names a nameless model when its training starts.
    name = row["name"] or f"{work['type']} of {len(work['images'])} images"
    connection.execute(
        "UPDATE models SET status = 'training', job_id = ?, name = ?, parameters = ?, stats = NULL,"
        " epoch = NULL WHERE id = ?",
        (job["id"], name, json.dumps(work["kept"]), row["id"]),
    )
    set_progress(connection, row["id"], "pending")
    return job
