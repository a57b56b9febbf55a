"""Models: made, read, changed, deleted; their training images and pairs."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, request

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.local.app_context import replies, service, store
from phoenix_nbtrain.local.new_assets import NewAsset, uploaded
from phoenix_nbtrain.local.request_input import (
    CAPTION_BYTES_MAX,
    NAME_BYTES_MAX,
    checked_parameters,
    date,
    id_list,
    json_object,
    json_value,
    page,
    text_field,
)
from phoenix_nbtrain.local.rows import (
    asset_row,
    end_job,
    image_rows,
    insert,
    insert_asset,
    iso,
    job_row,
    model_row,
    pair_rows,
    rows_in_order,
    update,
)
from phoenix_nbtrain.local.service_errors import Refused, bad, plan_limit
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.local.store import new_id
from phoenix_nbtrain.text import shown

routes = Blueprint("models", __name__)

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
        insert(
            connection,
            "models",
            id=model_id,
            name=name,
            type=type_name,
            short_description=description,
            status="new",
            created_at=now,
            updated_at=now,
            parameters="{}",
        )
        return _reply(connection, model_id)


@routes.get("/models/<model_id>")
def read(model_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = model_row(connection, model_id)
        body = {"model": replies().model(connection, row)}
    if row["status"] == "training":
        # Not quite free of effects for a GET: a worker that died is started again, which goes on
        # with what was launched before and changes nothing that a second GET would not.
        service().workers.ensure()
    return body


@routes.put("/models/<model_id>")
def change(model_id: str) -> dict[str, Any]:
    body = json_object()
    name, description, type_name = _name(body), _description(body), _type(body)
    with store().writing() as connection:
        row = model_row(connection, model_id)
        changes: dict[str, Any] = {}
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
            changes["parameters"] = json.dumps(checked_parameters(kept, body["parameters"]))
        if "epoch" in body:
            changes["epoch"] = _epoch(connection, row, body["epoch"])
        update(connection, "models", model_id, **changes)
        return _reply(connection, model_id)


@routes.delete("/models/<model_id>")
def delete(model_id: str) -> dict[str, Any]:
    # Soft, as on the service: nothing is erased, and a training that runs is given up.
    with store().writing() as connection:
        row = model_row(connection, model_id)
        if row["status"] == "training":
            end_job(connection, job_row(connection, row["job_id"]), "canceled")
        update(connection, "models", model_id, deleted_at=iso())
    return {}


@routes.post("/models/<model_id>/restore")
def restore(model_id: str) -> dict[str, Any]:
    with store().writing() as connection:
        row = model_row(connection, model_id, deleted=True)
        if row["deleted_at"] is None:
            raise bad("The model is not deleted")
        if row["deleted_at"] < iso(time.time() - RESTORABLE_SECONDS):
            raise Refused(410, {"reason": "The model was deleted too long ago"})
        update(connection, "models", model_id, deleted_at=None)
        return _reply(connection, model_id)


@routes.post("/models/get-bulk")
def get_bulk() -> dict[str, Any]:
    body = json_object()
    ids = id_list(body, "modelIds", most=BULK_MAX)
    full = bool(body.get("allTrainingImages")) and not body.get("trainingImagesPreview")
    with store().reading() as connection:
        rows = rows_in_order(connection, "models", ids)
        there = [row for row in rows if row["deleted_at"] is None]
        return {"models": [replies().model(connection, row, listed=not full) for row in there]}


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
        models = [replies().model(connection, row, listed=True) for row in rows]
    return {"models": models, **following}


def _reply(connection: sqlite3.Connection, model_id: str) -> dict[str, Any]:
    return {"model": replies().model(connection, model_row(connection, model_id))}


def _short_text(body: dict[str, Any], field: str, most: int) -> str | None:
    text = text_field(body, field, longest=4 * most)
    if text is not None and len(text) > most:
        raise bad(f'"{field}" must not be longer than {most} characters')
    return text


def _name(body: dict[str, Any]) -> str | None:
    return _short_text(body, "name", NAME_MAX)


def _description(body: dict[str, Any]) -> str | None:
    return _short_text(body, "shortDescription", DESCRIPTION_MAX)


def _type(body: dict[str, Any]) -> str | None:
    name = text_field(body, "type", longest=100)
    if name is not None and name not in MODEL_TYPES:
        raise bad(f'"type" {shown(name, 40)} is not a trainable model type')
    return name


def _epoch(connection: sqlite3.Connection, row: sqlite3.Row, value: object) -> str | None:
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


# -- training images and pairs --------------------------------------------------------------------

ASSETS_PER_CALL = 10
PAIRS_MAX = 1000
_ATTACHED = "The provided assetId is already a training image of this model"
_PRESETS = ("default", "style", "subject")
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)


@routes.post("/models/<model_id>/training-images")
def add_images(model_id: str) -> dict[str, Any]:
    body = json_object()
    given = _given(model_id, body)
    with store().writing() as connection:
        attached = _attached(connection, model_id)
        ids = [insert_asset(connection, item) if isinstance(item, dict) else item for item in given]
        _attach(connection, model_id, ids, attached)
        added = {row["id"]: replies().image(row) for row in image_rows(connection, model_id)}
        images = [added[asset_id] for asset_id in ids]
    if "assetIds" in body:
        # The form of a batch's reply is not documented. The first image stands where the
        # SDK looks for the one, the whole list beside it.
        return {"trainingImage": images[0], "trainingImages": images}
    return {"trainingImage": images[0]}


@routes.put("/models/<model_id>/training-images/<image_id>")
def replace_image(model_id: str, image_id: str) -> dict[str, Any]:
    body = json_object()
    given = _given(model_id, body)
    if len(given) != 1:
        raise bad("One image replaces one image: give one assetId")
    with store().writing() as connection:
        attached = _attached(connection, model_id, image_id)
        new = given[0]
        new_id = insert_asset(connection, new) if isinstance(new, dict) else new
        asset_row(connection, new_id)
        if new_id != image_id and new_id in attached:
            raise bad(_ATTACHED)
        connection.execute(
            "UPDATE training_images SET asset_id = ?, created_at = ?"
            " WHERE model_id = ? AND asset_id = ?",
            (new_id, iso(), model_id, image_id),
        )
        # Pairs follow the image that took the place; the service's habit is not documented.
        values = (new_id, model_id, image_id)
        for statement in (
            "UPDATE pairs SET source_id = ? WHERE model_id = ? AND source_id = ?",
            "UPDATE pairs SET target_id = ? WHERE model_id = ? AND target_id = ?",
        ):
            connection.execute(statement, values)
        update(connection, "models", model_id)
        row = next(r for r in image_rows(connection, model_id) if r["id"] == new_id)
        return {"trainingImage": replies().image(row)}


@routes.delete("/models/<model_id>/training-images/<image_id>")
def delete_image(model_id: str, image_id: str) -> dict[str, Any]:
    with store().writing() as connection:
        _attached(connection, model_id, image_id)
        connection.execute(
            "DELETE FROM training_images WHERE model_id = ? AND asset_id = ?", (model_id, image_id)
        )
        # A pair needs both its images.
        connection.execute(
            "DELETE FROM pairs WHERE model_id = ? AND ? IN (source_id, target_id)",
            (model_id, image_id),
        )
        update(connection, "models", model_id)
    return {}


@routes.put("/models/<model_id>/training-images/pairs")
def replace_pairs(model_id: str) -> dict[str, Any]:
    body = json_value()
    if not isinstance(body, list):
        raise bad("The request body must be an array of pairs")
    if len(body) > PAIRS_MAX:
        raise bad(f"At most {PAIRS_MAX} pairs are taken")
    pairs = [_pair(item, place) for place, item in enumerate(body)]
    with store().writing() as connection:
        attached = _attached(connection, model_id)
        for asset_id in (side for pair in pairs for side in pair[:2]):
            if asset_id not in attached:
                raise bad(f"{shown(asset_id)} is not a training image of this model")
        connection.execute("DELETE FROM pairs WHERE model_id = ?", (model_id,))
        connection.executemany(
            "INSERT INTO pairs VALUES (?, ?, ?, ?, ?)",
            [(model_id, place, *pair) for place, pair in enumerate(pairs)],
        )
        update(connection, "models", model_id)
        stored = [replies().pair(row) for row in pair_rows(connection, model_id)]
    return {"count": len(stored), "pairs": stored}


def _given(model_id: str, body: dict[str, Any]) -> Sequence[str | NewAsset]:
    """Return what a request wants attached: ids, or an image that has none yet."""
    preset = body.get("preset")
    if preset is not None and preset not in _PRESETS:
        raise bad(f'"preset" must be one of {", ".join(_PRESETS)}')
    if "assetIds" in body:
        if any(key in body for key in ("assetId", "data", "name")):
            raise bad('"assetIds" cannot be used with "assetId", "data" or "name"')
        ids = body["assetIds"]
        if not isinstance(ids, list) or not ids:
            raise bad('"assetIds" must be a list of asset ids')
        if len(ids) > ASSETS_PER_CALL:
            raise bad("Too many assetIds provided in a single request")
        return [_asset_id(item, "assetIds") for item in ids]
    if body.get("assetId") is not None:
        return [_asset_id(body["assetId"], "assetId")]
    data = body.get("data")
    name = text_field(body, "name", longest=NAME_BYTES_MAX)
    if data is None:
        raise bad('"assetId", "assetIds", or "data" with "name" is required')
    if not isinstance(data, str) or (match := _DATA_URL.match(data)) is None:
        raise bad('"data" must be a data URL of an image in base64')
    if not name:
        raise bad('"name" is required with "data"')
    with store().reading() as connection:
        model_row(connection, model_id)  # refused before the image is stored
    return [uploaded(store(), name, data[match.end() :])]


def _asset_id(value: object, field: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"asset_\w{1,64}", value, re.ASCII):
        raise bad(f'"{field}" must be the id of an asset (asset_…), not a URL or a path')
    return value


def _attach(
    connection: sqlite3.Connection, model_id: str, ids: Sequence[str], attached: set[str]
) -> None:
    for asset_id in ids:
        asset_row(connection, asset_id)
    if len(set(ids)) < len(ids):
        raise bad('"assetIds" names an asset twice')
    if attached.intersection(ids):
        raise bad(_ATTACHED)
    most = load(connection).training_images
    if len(attached) + len(ids) > most:
        raise plan_limit("add-training-image", limit=most, value=len(attached))
    connection.executemany(
        "INSERT INTO training_images (model_id, asset_id, created_at) VALUES (?, ?, ?)",
        [(model_id, asset_id, iso()) for asset_id in ids],
    )
    update(connection, "models", model_id)


def _attached(
    connection: sqlite3.Connection, model_id: str, image_id: str | None = None
) -> set[str]:
    """Return the ids of a model's training images; refuse, with 404, where one is not among them."""
    model_row(connection, model_id)
    ids = {row["id"] for row in image_rows(connection, model_id)}
    if image_id is not None and image_id not in ids:
        raise Refused(404, {"reason": f"Training image {shown(image_id)} not found"})
    return ids


def _pair(item: object, place: int) -> tuple[str, str, str]:
    if not isinstance(item, dict):
        raise bad(f"Pair {place + 1} must be an object")
    sides = []
    for key in ("sourceId", "targetId"):
        value = item.get(key)
        if not isinstance(value, str):
            raise bad(f'Pair {place + 1} needs a "{key}"')
        sides.append(value)
    if sides[0] == sides[1]:
        raise bad(f"Pair {place + 1} has the same image as source and target")
    instruction = text_field(item, "instruction", longest=CAPTION_BYTES_MAX)
    return sides[0], sides[1], instruction or ""
