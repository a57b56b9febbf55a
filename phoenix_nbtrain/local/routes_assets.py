"""Assets, which are images and their captions, and uploads: files that come in parts, or from a URL."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.local.app_context import replies, service, store
from phoenix_nbtrain.local.new_assets import uploaded
from phoenix_nbtrain.local.pricing import Bill
from phoenix_nbtrain.local.request_input import (
    CAPTION_BYTES_MAX,
    NAME_BYTES_MAX,
    QUOTED,
    action_of,
    dry_run,
    id_list,
    json_object,
    text_field,
)
from phoenix_nbtrain.local.rows import (
    asset_row,
    insert,
    insert_asset,
    iso,
    rows_in_order,
    update,
    upload_row,
)
from phoenix_nbtrain.local.service_errors import bad
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.local.store import new_id
from phoenix_nbtrain.local.url_fetch import Address

routes = Blueprint("assets", __name__)

BULK_MAX = 200
"""Assets of one bulk read (SDK)."""


@routes.post("/assets")
def add_asset() -> dict[str, Any]:
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
        return {"asset": replies().asset(asset_row(connection, asset_id))}


@routes.get("/assets/<asset_id>")
def read_asset(asset_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        return {"asset": replies().asset(asset_row(connection, asset_id))}


@routes.put("/assets/<asset_id>")
def change_asset(asset_id: str) -> dict[str, Any]:
    body = json_object()
    description = text_field(body, "description", longest=CAPTION_BYTES_MAX)
    name = text_field(body, "name", longest=NAME_BYTES_MAX)
    with store().writing() as connection:
        row = asset_row(connection, asset_id)
        if description is None:
            description = row["description"]
        name = name or row["name"]
        update(connection, "assets", asset_id, description=description, name=name)
        return {"asset": replies().asset(asset_row(connection, asset_id))}


@routes.post("/assets/get-bulk")
def read_assets() -> dict[str, Any]:
    ids = id_list(json_object(), "assetIds", most=BULK_MAX)
    with store().reading() as connection:
        return {
            "assets": [replies().asset(row) for row in rows_in_order(connection, "assets", ids)]
        }


# -- uploads --------------------------------------------------------------------------------------

PART_BYTES_MIN = 5_000_000
"""Least size of every part but the last."""
PARTS_MAX = 10_000
URL_BYTES_MAX = 4096


@routes.post("/uploads")
def begin_upload() -> ResponseReturnValue:
    dry = dry_run()
    body = json_object()
    columns = _from_url(body) if body.get("url") is not None else _in_parts(body)
    if dry:
        return replies().cost(Bill(Decimal(0))), QUOTED
    upload_id, now = new_id("upload"), iso()
    with store().writing() as connection:
        insert(connection, "uploads", id=upload_id, **columns, created_at=now, updated_at=now)
        row = upload_row(connection, upload_id)
    return _reply(row)


@routes.post("/uploads/<upload_id>/action")
def complete_upload(upload_id: str) -> dict[str, Any]:
    action_of("complete")
    with store().writing() as connection:
        row = upload_row(connection, upload_id)
        if row["status"] == "pending":
            _check_parts(row)
            update(connection, "uploads", upload_id, status="validating")
            row = upload_row(connection, upload_id)
        # One that was completed before answers with where it is.
    return _reply(row)


@routes.get("/uploads/<upload_id>")
def read_upload(upload_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = upload_row(connection, upload_id)
    return _reply(row)


def _reply(row: sqlite3.Row) -> dict[str, Any]:
    """Return an upload, and see to it that it is brought in.

    As with a job: what a process began that is gone by now is taken up again.
    """
    if row["status"] in ("validating", "validated"):
        service().importers.ensure(row["id"])
    return {"upload": replies().upload(row)}


def _check_parts(row: sqlite3.Row) -> None:
    """Refuse to complete an upload that is not all there yet."""
    count, total = row["parts_count"], 0
    for number in range(1, count + 1):
        try:
            size = (store().upload_dir(row["id"]) / str(number)).stat().st_size
        except FileNotFoundError:
            raise bad(f"Part {number} of {count} is missing; send it, then complete") from None
        if number < count and size < PART_BYTES_MIN:
            raise bad(f"Part {number} has {size} bytes; all but the last need {PART_BYTES_MIN}")
        total += size
    if total != row["file_size"]:
        raise bad(f"The parts have {total} bytes, and fileSize is {row['file_size']}")


def _kind(body: dict[str, Any]) -> None:
    if body.get("kind") != "image":
        raise bad('"kind" must be "image"; nothing else is trained on here')


def _from_url(body: dict[str, Any]) -> dict[str, Any]:
    _kind(body)
    url = text_field(body, "url", longest=URL_BYTES_MAX) or ""
    if service().served and not _imports():
        words = "A served Phoenix imports nothing from URLs. Add the file itself, or allow it:"
        error = f"{words} phoenix-nbtrain settings import_served=true"
        return {"source": "url", "status": "failed", "file_name": "image", "error": error}
    try:
        # What can be said without asking anybody is said at once; the rest by the import.
        name = Address.parse(url).file_name
    except InputError as error:
        # The URL is not kept: what was pasted may hold a password.
        return {"source": "url", "status": "failed", "file_name": "image", "error": str(error)}
    return {"source": "url", "status": "validating", "file_name": name, "url": url}


def _imports() -> bool:
    with store().reading() as connection:
        return load(connection).import_served


def _in_parts(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("huggingFaceModelName") or body.get("civitaiModelUrl"):
        raise bad("Models are not imported here; upload an image")
    _kind(body)
    name = text_field(body, "fileName", longest=NAME_BYTES_MAX)
    content_type = text_field(body, "contentType", longest=100)
    if not name or not content_type:
        raise bad('"fileName" and "contentType" are required')
    size, parts = _whole(body, "fileSize"), _whole(body, "parts")
    if not 1 <= size <= BYTES_MAX:
        raise bad(f'"fileSize" must be 1 to {BYTES_MAX} bytes')
    if not 1 <= parts <= PARTS_MAX:
        raise bad(f'"parts" must be 1 to {PARTS_MAX}')
    if (parts - 1) * PART_BYTES_MIN >= size:
        raise bad(f"Every part but the last needs {PART_BYTES_MIN} bytes: use fewer parts")
    return {
        "source": "multipart",
        "status": "pending",
        "file_name": name,
        "content_type": content_type,
        "file_size": size,
        "parts_count": parts,
    }


def _whole(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise bad(f'"{name}" must be a whole number')
    return int(value)
