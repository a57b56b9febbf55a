"""The trigger, its dry run, the cancel action, and the jobs they make."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.catalog import MODEL_TYPES, PAIRS_MIN
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.body import json_object
from phoenix_nbtrain.local.context import store, wire, workers
from phoenix_nbtrain.local.parameters import checked, config_of
from phoenix_nbtrain.local.pricing import price
from phoenix_nbtrain.local.refusals import Refused, bad, plan_limit
from phoenix_nbtrain.local.store import Limits, new_id, save_limits
from phoenix_nbtrain.local.tables import (
    ENDED,
    caption_of,
    end_job,
    image_rows,
    iso,
    job_row,
    model_row,
    pair_rows,
    set_progress,
)

__all__ = ["routes"]

routes = Blueprint("training", __name__)

QUOTED = 269


@routes.put("/models/<model_id>/train")
def train(model_id: str) -> ResponseReturnValue:
    # In the query only: the service ignores a dryRun in the body and launches.
    dry = request.args.get("dryRun")
    if dry not in (None, "true", "api"):
        raise bad('"dryRun" must be "true" or "api", or left out to launch')
    body = json_object()
    if dry is not None:
        with store().reading() as connection:
            _, amount = _order(connection, model_id, body, simulated=_simulated_count())
        return jsonify(wire().cost(amount)), QUOTED
    with store().writing() as connection:
        work, amount = _order(connection, model_id, body, simulated=0)
        row = model_row(connection, model_id)
        limits = store().limits(connection)
        _refuse_launch(connection, row, limits, amount)
        if limits.balance is not None:
            save_limits(connection, replace(limits, balance=limits.balance - float(amount)))
        job_id = _launch(connection, row, work, amount)
        reply = {
            "job": wire().job(job_row(connection, job_id)),
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


@routes.get("/jobs/<job_id>")
def job(job_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = job_row(connection, job_id)
    if row["status"] not in ENDED:
        workers().ensure()
    return {"job": wire().job(row)}


def _simulated_count() -> int:
    text = request.args.get("trainingImagesCount", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise bad('"trainingImagesCount" must be a whole number')
    return int(text)


def _order(
    connection: sqlite3.Connection, model_id: str, body: dict[str, Any], *, simulated: int
) -> tuple[dict[str, Any], Decimal]:
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
        raise bad("The model has no training images")
    if kind.pairs and items == 0:
        raise bad(f"{kind.name} trains on pairs, and the training images are not paired")
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
    return work, price(kind.name, config, items)


def _refuse_launch(
    connection: sqlite3.Connection, row: sqlite3.Row, limits: Limits, amount: Decimal
) -> None:
    if row["status"] == "training":
        raise bad("Model is already training")
    running = connection.execute("SELECT count(*) FROM unfinished").fetchone()[0]
    if running >= limits.parallel_trainings:
        raise plan_limit("parallel-training", limit=limits.parallel_trainings, value=running)
    last = connection.execute("SELECT created_at FROM jobs ORDER BY number DESC LIMIT 1").fetchone()
    if last is not None:
        since = time.time() - datetime.fromisoformat(last["created_at"]).timestamp()
        left = limits.cooldown_seconds - since
        if left > 0:
            reason = "Trainings were launched too close together"
            raise Refused(429, {"reason": reason, "remainingSeconds": round(left, 1)})
    if limits.balance is not None and float(amount) > limits.balance:
        raise Refused(402, {"reason": "Not enough creative units"})


def _launch(
    connection: sqlite3.Connection, row: sqlite3.Row, work: dict[str, Any], amount: Decimal
) -> str:
    job_id, now, model_id = new_id("job"), iso(), row["id"]
    config = config_of(work["type"], work["kept"])
    output = {"losses": [], "epoch": 0, "epochs": config["epochs"]}
    connection.execute(
        "INSERT INTO jobs (id, type, model_id, status, history, progress, created_at, updated_at,"
        " cost, work, output, error, hint, claims, claimed_step)"
        " VALUES (?, ?, ?, 'pending', ?, 0, ?, ?, ?, ?, ?, '', '', 0, -1)",
        (
            job_id,
            f"{work['trainer']}-model-training",
            model_id,
            json.dumps([{"status": "pending", "date": now}]),
            now,
            now,
            str(amount),
            json.dumps(work),
            json.dumps(output),
        ),
    )
    # The service names a nameless model when its training starts.
    name = row["name"] or f"{work['type']} of {len(work['images'])} images"
    connection.execute(
        "UPDATE models SET status = 'training', job_id = ?, name = ?, parameters = ?, stats = NULL,"
        " epoch = NULL WHERE id = ?",
        (job_id, name, json.dumps(work["kept"]), model_id),
    )
    set_progress(connection, model_id, "pending")
    return job_id
