"""Models: made, read, changed, deleted."""

from __future__ import annotations

import json
import time
from typing import Any

from flask import Blueprint, request

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.app_context import store, wire, workers
from phoenix_nbtrain.local.paging import date, page
from phoenix_nbtrain.local.parameters import checked
from phoenix_nbtrain.local.request_body import id_list, json_object, text_field
from phoenix_nbtrain.local.rows import end_job, iso, job_row, model_row, touch_model
from phoenix_nbtrain.local.service_errors import Refused, bad
from phoenix_nbtrain.local.store import new_id

__all__ = ["routes"]

routes = Blueprint("models", __name__)

NAME_BYTES_MAX = 4 * 64
NAME_MAX = 64
DESCRIPTION_MAX = 256
PAGE_DEFAULT = 100
PAGE_MAX = 500
_UNTYPED = "custom"
"""The type of a model that was created without one; the service's word, and not trainable."""
BULK_MAX = 100
"""Models of one bulk read; the service's own ceiling is not documented."""
RESTORABLE_SECONDS = 30 * 86_400
_STATUSES = ("new", "training", "trained", "failed")
"""What a list can be narrowed to, besides ``deleted``."""


@routes.post("/models")
def create() -> dict[str, Any]:
    body = json_object()
    name, description = _name(body) or "", _description(body) or ""
    type_name = _type(body) or _UNTYPED
    with store().writing() as connection:
        model_id, now = new_id("model"), iso()
        connection.execute(
            "INSERT INTO models (id, name, type, short_description, status, created_at,"
            " updated_at, parameters) VALUES (?, ?, ?, ?, 'new', ?, ?, '{}')",
            (model_id, name, type_name, description, now, now),
        )
        return {"model": wire().model(connection, model_row(connection, model_id))}


@routes.get("/models/<model_id>")
def read(model_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = model_row(connection, model_id)
        body = {"model": wire().model(connection, row)}
    if row["status"] == "training":
        # Not quite free of effects for a GET: a worker that died is started again, which goes on
        # with what was launched before and changes nothing that a second GET would not.
        workers().ensure()
    return body


@routes.put("/models/<model_id>")
def update(model_id: str) -> dict[str, Any]:
    body = json_object()
    name, description, type_name = _name(body), _description(body), _type(body)
    with store().writing() as connection:
        row = model_row(connection, model_id)
        changes: dict[str, Any] = {"updated_at": iso()}
        if name is not None:
            changes["name"] = name
        if description is not None:
            changes["short_description"] = description
        if type_name is not None and type_name != row["type"]:
            if row["status"] != "new":
                raise bad("The type can only be changed while the model is new")
            changes["type"] = type_name
            changes["parameters"] = "{}"  # another trainer's ranges may not hold for it
        kept = changes.get("type", row["type"])
        if body.get("parameters") is not None:
            if kept not in MODEL_TYPES:
                raise bad(f'Models of type "{kept}" have no training parameters')
            changes["parameters"] = json.dumps(checked(kept, body["parameters"]))
        if "epoch" in body:
            changes["epoch"] = _epoch(connection, row, body["epoch"])
        assignments = ", ".join(f"{column} = ?" for column in changes)
        statement = f"UPDATE models SET {assignments} WHERE id = ?"  # our own names
        connection.execute(statement, (*changes.values(), model_id))
        return {"model": wire().model(connection, model_row(connection, model_id))}


@routes.delete("/models/<model_id>")
def delete(model_id: str) -> dict[str, Any]:
    # Soft, as on the service: nothing is erased, and a training that runs is given up.
    with store().writing() as connection:
        row = model_row(connection, model_id)
        if row["status"] == "training":
            end_job(connection, job_row(connection, row["job_id"]), "canceled")
        now = iso()
        connection.execute(
            "UPDATE models SET deleted_at = ?, updated_at = ? WHERE id = ?", (now, now, model_id)
        )
    return {}


@routes.post("/models/<model_id>/restore")
def restore(model_id: str) -> dict[str, Any]:
    with store().writing() as connection:
        row = model_row(connection, model_id, deleted=True)
        if row["deleted_at"] is None:
            raise bad("The model is not deleted")
        if row["deleted_at"] < iso(time.time() - RESTORABLE_SECONDS):
            raise Refused(410, {"reason": "The model was deleted too long ago"})
        connection.execute("UPDATE models SET deleted_at = NULL WHERE id = ?", (model_id,))
        touch_model(connection, model_id)
        return {"model": wire().model(connection, model_row(connection, model_id))}


@routes.post("/models/get-bulk")
def get_bulk() -> dict[str, Any]:
    body = json_object()
    ids = id_list(body, "modelIds", most=BULK_MAX)
    full = bool(body.get("allTrainingImages")) and not body.get("trainingImagesPreview")
    places = ", ".join("?" * len(ids))
    with store().reading() as connection:
        rows = connection.execute(
            f"SELECT * FROM models WHERE deleted_at IS NULL AND id IN ({places})", ids
        ).fetchall()
        models = {r["id"]: wire().model(connection, r, listed=not full) for r in rows}
    # As they were asked for; what is not there is left out.
    return {"models": [models[i] for i in dict.fromkeys(ids) if i in models]}


@routes.get("/models")
def listing() -> dict[str, Any]:
    where, values = [], []
    if request.args.get("privacy", "private") != "private":
        where.append("0")  # nothing here is public
    status = request.args.get("status")
    if status in _STATUSES:
        where.append("deleted_at IS NULL AND status = ?")
        values.append(status)
    elif status == "deleted":
        where.append("deleted_at IS NOT NULL")
    elif status is None:
        where.append("deleted_at IS NULL")
    # With any other word everything comes back, deleted models too: the service's habit.
    for parameter, sign in (("createdAfter", ">"), ("createdBefore", "<")):
        if parameter in request.args:
            where.append(f"created_at {sign} ?")
            values.append(date(parameter))
    with store().reading() as connection:
        rows, following = page(
            connection,
            "models",
            where,
            values,
            column="updated_at" if request.args.get("sortBy") == "updatedAt" else "created_at",
            rising=request.args.get("sortDirection") == "asc",
            default=PAGE_DEFAULT,
            most=PAGE_MAX,
        )
        models = [wire().model(connection, row, listed=True) for row in rows]
    return {"models": models, **following}


def _name(body: dict[str, Any]) -> str | None:
    name = text_field(body, "name", longest=NAME_BYTES_MAX)
    if name is not None and len(name) > NAME_MAX:
        raise bad(f'"name" must not be longer than {NAME_MAX} characters')
    return name


def _description(body: dict[str, Any]) -> str | None:
    text = text_field(body, "shortDescription", longest=4 * DESCRIPTION_MAX)
    if text is not None and len(text) > DESCRIPTION_MAX:
        raise bad(f'"shortDescription" must not be longer than {DESCRIPTION_MAX} characters')
    return text


def _type(body: dict[str, Any]) -> str | None:
    name = text_field(body, "type", longest=100)
    if name is not None and name not in MODEL_TYPES:
        raise bad(f'"type" {shown(name, 40)} is not a trainable model type')
    return name


def _epoch(connection: Any, row: Any, value: object) -> str | None:
    if value is None:
        return None
    if row["type"] not in ("flux.1-lora", "flux.1-kontext-lora"):
        raise bad("The epoch can only be set for flux.1-lora and flux.1-kontext-lora models")
    found = connection.execute(
        "SELECT 1 FROM epochs WHERE job_id = ? AND CAST(epoch AS TEXT) = ?",
        (row["job_id"], value if isinstance(value, str) else None),
    ).fetchone()
    if row["status"] != "trained" or found is None:
        raise bad("The epoch can only be set to one of a trained model's epochs")
    return str(value)
