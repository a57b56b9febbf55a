"""A model's training images and pairs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from flask import Blueprint

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.app_context import store, wire
from phoenix_nbtrain.local.new_assets import NewAsset, insert_asset, uploaded
from phoenix_nbtrain.local.request_body import json_object, json_value, text_field
from phoenix_nbtrain.local.routes_assets import CAPTION_BYTES_MAX, NAME_BYTES_MAX
from phoenix_nbtrain.local.rows import (
    asset_row,
    image_rows,
    iso,
    model_row,
    pair_rows,
    touch_model,
)
from phoenix_nbtrain.local.service_errors import Refused, bad, plan_limit
from phoenix_nbtrain.local.settings import load

__all__ = ["routes"]

routes = Blueprint("images", __name__)

ASSETS_PER_CALL = 10
PAIRS_MAX = 1000
_PRESETS = ("default", "style", "subject")
_DATA_URL = re.compile(r"data:image/[a-z0-9.+-]+;base64,", re.IGNORECASE)


@routes.post("/models/<model_id>/training-images")
def add(model_id: str) -> dict[str, Any]:
    body = json_object()
    given = _given(model_id, body)
    with store().writing() as connection:
        model_row(connection, model_id)
        ids = [insert_asset(connection, item) if isinstance(item, dict) else item for item in given]
        _attach(connection, model_id, ids)
        added = {row["id"]: wire().image(row) for row in image_rows(connection, model_id)}
        images = [added[asset_id] for asset_id in ids]
    if "assetIds" in body:
        # The form of a batch's reply is not documented. The first image stands where the
        # SDK looks for the one, the whole list beside it.
        return {"trainingImage": images[0], "trainingImages": images}
    return {"trainingImage": images[0]}


@routes.put("/models/<model_id>/training-images/<image_id>")
def replace(model_id: str, image_id: str) -> dict[str, Any]:
    body = json_object()
    given = _given(model_id, body)
    if len(given) != 1:
        raise bad("One image replaces one image: give one assetId")
    with store().writing() as connection:
        model_row(connection, model_id)
        _training_image(connection, model_id, image_id)
        new = given[0]
        new_id = insert_asset(connection, new) if isinstance(new, dict) else new
        asset_row(connection, new_id)
        if new_id != image_id:
            _refuse_attached(connection, model_id, [new_id])
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
        touch_model(connection, model_id)
        row = next(r for r in image_rows(connection, model_id) if r["id"] == new_id)
        return {"trainingImage": wire().image(row)}


@routes.delete("/models/<model_id>/training-images/<image_id>")
def delete(model_id: str, image_id: str) -> dict[str, Any]:
    with store().writing() as connection:
        model_row(connection, model_id)
        _training_image(connection, model_id, image_id)
        connection.execute(
            "DELETE FROM training_images WHERE model_id = ? AND asset_id = ?", (model_id, image_id)
        )
        # A pair needs both its pictures.
        connection.execute(
            "DELETE FROM pairs WHERE model_id = ? AND ? IN (source_id, target_id)",
            (model_id, image_id),
        )
        touch_model(connection, model_id)
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
        model_row(connection, model_id)
        known = {row["id"] for row in image_rows(connection, model_id)}
        for source, target, _ in pairs:
            for asset_id in (source, target):
                if asset_id not in known:
                    raise bad(f"{shown(asset_id)} is not a training image of this model")
        connection.execute("DELETE FROM pairs WHERE model_id = ?", (model_id,))
        connection.executemany(
            "INSERT INTO pairs VALUES (?, ?, ?, ?, ?)",
            [(model_id, place, *pair) for place, pair in enumerate(pairs)],
        )
        touch_model(connection, model_id)
        stored = [wire().pair(row) for row in pair_rows(connection, model_id)]
    return {"count": len(stored), "pairs": stored}


def _given(model_id: str, body: dict[str, Any]) -> Sequence[str | NewAsset]:
    """Return what a request wants attached: ids, or a picture that has none yet."""
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
        model_row(connection, model_id)  # before the picture is kept for nobody
    return [uploaded(store(), name, data[match.end() :])]


def _asset_id(value: object, field: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"asset_\w{1,64}", value, re.ASCII):
        raise bad(f'"{field}" must be the id of an asset (asset_…), not a URL or a path')
    return value


def _attach(connection: sqlite3.Connection, model_id: str, ids: Sequence[str]) -> None:
    for asset_id in ids:
        asset_row(connection, asset_id)
    if len(set(ids)) < len(ids):
        raise bad('"assetIds" names an asset twice')
    _refuse_attached(connection, model_id, ids)
    count = connection.execute(
        "SELECT count(*) FROM training_images WHERE model_id = ?", (model_id,)
    ).fetchone()[0]
    most = load(connection).training_images
    if count + len(ids) > most:
        raise plan_limit("add-training-image", limit=most, value=count)
    connection.executemany(
        "INSERT INTO training_images (model_id, asset_id, created_at) VALUES (?, ?, ?)",
        [(model_id, asset_id, iso()) for asset_id in ids],
    )
    touch_model(connection, model_id)


def _refuse_attached(connection: sqlite3.Connection, model_id: str, ids: Sequence[str]) -> None:
    known = {row["id"] for row in image_rows(connection, model_id)}
    if known.intersection(ids):
        raise bad("The provided assetId is already a training image of this model")


def _training_image(connection: sqlite3.Connection, model_id: str, image_id: str) -> None:
    if not any(row["id"] == image_id for row in image_rows(connection, model_id)):
        raise Refused(404, {"reason": f"Training image {shown(image_id)} not found"})


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
