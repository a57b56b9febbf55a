"""Assets: pictures, their captions, and the signed addresses of their bytes."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, request

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.local.body import json_object, text_field
from phoenix_nbtrain.local.captioner import automatic_caption
from phoenix_nbtrain.local.context import store, wire
from phoenix_nbtrain.local.refusals import Refused, bad, told
from phoenix_nbtrain.local.store import Store, new_id
from phoenix_nbtrain.local.tables import asset_row, iso

__all__ = ["CAPTION_BYTES_MAX", "NAME_BYTES_MAX", "Picture", "insert_asset", "picture", "routes"]

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
    found = picture(store(), name, image)
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


class Picture(dict[str, Any]):
    """The columns of an asset that are known before it has an id."""


def picture(where: Store, name: str, encoded: str) -> Picture:
    """Check a picture in base64 and keep its bytes.

    Raises:
        Refused: 400, it is no base64, or no picture that can be trained on.
    """
    from phoenix_nbtrain.images.header import inspect

    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise bad('"image" must be an image in base64') from None
    try:
        header = inspect(content)
        # The caption needs the pixels, so a picture whose header lies is refused here as well.
        caption = automatic_caption(name, content)
    except ImageError as error:
        raise told(error) from None
    return Picture(
        name=name,
        automatic=caption,
        mime=header.mime,
        width=header.width,
        height=header.height,
        size=len(content),
        sha256=where.add_content(content),
        source="uploaded",
        metadata="{}",
    )


def insert_asset(connection: sqlite3.Connection, found: Picture) -> str:
    """Add an asset and return its id."""
    asset_id, now = new_id("asset"), iso()
    columns = {
        **found,
        "id": asset_id,
        "description": "",
        "created_at": now,
        "updated_at": now,
    }
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(f"INSERT INTO assets ({names}) VALUES ({places})", tuple(columns.values()))
    return asset_id


def sample_picture(where: Store, name: str, png: bytes, size: tuple[int, int], **more: Any) -> Picture:
    """Keep a picture that a training made."""
    return Picture(
        name=name,
        automatic="",
        mime="image/png",
        width=size[0],
        height=size[1],
        size=len(png),
        sha256=where.add_content(png),
        source="txt2img",
        metadata=json.dumps(more),
    )
