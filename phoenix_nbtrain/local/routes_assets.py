"""Assets: pictures and their captions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from phoenix_nbtrain.local.app_context import store, wire
from phoenix_nbtrain.local.new_assets import insert_asset, uploaded
from phoenix_nbtrain.local.request_body import id_list, json_object, text_field
from phoenix_nbtrain.local.rows import asset_row, iso
from phoenix_nbtrain.local.service_errors import bad

__all__ = ["CAPTION_BYTES_MAX", "NAME_BYTES_MAX", "routes"]

routes = Blueprint("assets", __name__)

NAME_BYTES_MAX = 1024
CAPTION_BYTES_MAX = 64 * 1024
BULK_MAX = 200
"""Assets of one bulk read (SDK)."""


@routes.post("/assets")
def upload() -> dict[str, Any]:
    body = json_object()
    name = text_field(body, "name", longest=NAME_BYTES_MAX)
    image = body.get("image")
    if not name:
        raise bad('"name" is required')
    if not isinstance(image, str) or not image:
        raise bad('"image" must be an image in base64')
    found = uploaded(store(), name, image)
    with store().writing() as connection:
        asset_id = insert_asset(connection, found)
        return {"asset": wire().asset(asset_row(connection, asset_id))}


@routes.get("/assets/<asset_id>")
def read(asset_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        return {"asset": wire().asset(asset_row(connection, asset_id))}


@routes.put("/assets/<asset_id>")
def update(asset_id: str) -> dict[str, Any]:
    body = json_object()
    description = text_field(body, "description", longest=CAPTION_BYTES_MAX)
    name = text_field(body, "name", longest=NAME_BYTES_MAX)
    with store().writing() as connection:
        row = asset_row(connection, asset_id)
        connection.execute(
            "UPDATE assets SET description = ?, name = ?, updated_at = ? WHERE id = ?",
            (
                row["description"] if description is None else description,
                name or row["name"],
                iso(),
                asset_id,
            ),
        )
        return {"asset": wire().asset(asset_row(connection, asset_id))}


@routes.post("/assets/get-bulk")
def get_bulk() -> dict[str, Any]:
    ids = id_list(json_object(), "assetIds", most=BULK_MAX)
    places = ", ".join("?" * len(ids))
    with store().reading() as connection:
        rows = connection.execute(f"SELECT * FROM assets WHERE id IN ({places})", ids).fetchall()
    found = {row["id"]: wire().asset(row) for row in rows}
    # As they were asked for; what is not there is left out.
    return {"assets": [found[i] for i in dict.fromkeys(ids) if i in found]}
