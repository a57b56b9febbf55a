"""Assets: pictures, their captions, and the signed addresses of their bytes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from phoenix_nbtrain.local.assets import insert_asset, uploaded
from phoenix_nbtrain.local.body import json_object, text_field
from phoenix_nbtrain.local.context import store, wire
from phoenix_nbtrain.local.refusals import Refused, bad
from phoenix_nbtrain.local.tables import asset_row, iso

__all__ = ["CAPTION_BYTES_MAX", "NAME_BYTES_MAX", "routes"]

routes = Blueprint("assets", __name__)

NAME_BYTES_MAX = 1024
CAPTION_BYTES_MAX = 64 * 1024


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


@routes.get("/storage/<path:path>")
def storage(path: str) -> Response:
    expires, signature = request.args.get("expires", ""), request.args.get("signature", "")
    kind, _, asset_id = path.partition("/")
    if kind != "assets" or not store().signed(path, expires, signature):
        raise Refused(403, {"message": "The signature is wrong or has expired"})
    with store().reading() as connection:
        row = asset_row(connection, asset_id)
    response = Response(store().content(row["sha256"]), mimetype=row["mime"])
    # Should a browser ever open it as a page, it is a picture and nothing else.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=300"
    return response
