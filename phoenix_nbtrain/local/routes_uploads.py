"""Files that come in parts, or from an address on the web, and become assets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.local.app_context import importers, served, store, wire
from phoenix_nbtrain.local.pricing import Bill
from phoenix_nbtrain.local.request_body import QUOTED, dry_run, json_object, text_field
from phoenix_nbtrain.local.routes_assets import NAME_BYTES_MAX
from phoenix_nbtrain.local.rows import iso, upload_row
from phoenix_nbtrain.local.service_errors import bad
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.local.store import new_id
from phoenix_nbtrain.local.upload_imports import check_parts
from phoenix_nbtrain.local.url_fetch import Address

__all__ = ["routes"]

routes = Blueprint("uploads", __name__)

PART_BYTES_MIN = 5_000_000
"""Least size of every part but the last."""
PARTS_MAX = 10_000
URL_BYTES_MAX = 4096
_UNDER_WAY = ("validating", "validated")


@routes.post("/uploads")
def begin() -> ResponseReturnValue:
    dry = dry_run()
    body = json_object()
    columns = _from_url(body) if body.get("url") is not None else _in_parts(body)
    if dry:
        return jsonify(wire().cost(Bill(Decimal(0)))), QUOTED
    columns = {"id": new_id("upload"), **columns, "created_at": iso(), "updated_at": iso()}
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO uploads ({names}) VALUES ({places})"  # our own names
    with store().writing() as connection:
        connection.execute(statement, tuple(columns.values()))
        row = upload_row(connection, columns["id"])
    if row["status"] in _UNDER_WAY:
        importers().ensure(row["id"])
    return {"upload": wire().upload(row)}


@routes.post("/uploads/<upload_id>/action")
def action(upload_id: str) -> dict[str, Any]:
    if json_object().get("action") != "complete":
        raise bad('"action" must be "complete"')
    with store().writing() as connection:
        row = upload_row(connection, upload_id)
        if row["status"] == "pending":
            check_parts(store(), row, least=PART_BYTES_MIN)
            connection.execute(
                "UPDATE uploads SET status = 'validating', updated_at = ? WHERE id = ?",
                (iso(), upload_id),
            )
            row = upload_row(connection, upload_id)
        # One that was completed before answers with where it is.
    if row["status"] in _UNDER_WAY:
        importers().ensure(upload_id)
    return {"upload": wire().upload(row)}


@routes.get("/uploads/<upload_id>")
def read(upload_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = upload_row(connection, upload_id)
    if row["status"] in _UNDER_WAY:
        # As with a job: what was begun, by a process that is gone, is taken up again.
        importers().ensure(upload_id)
    return {"upload": wire().upload(row)}


def _kind(body: dict[str, Any]) -> None:
    if body.get("kind") != "image":
        raise bad('"kind" must be "image"; nothing else is trained on here')


def _from_url(body: dict[str, Any]) -> dict[str, Any]:
    _kind(body)
    url = text_field(body, "url", longest=URL_BYTES_MAX) or ""
    if served() and not _imports():
        words = "A served Phoenix imports nothing from URLs. Add the file itself, or allow it:"
        error = f"{words} phoenix-nbtrain settings import_served=true"
        return {"source": "url", "status": "failed", "file_name": "picture", "error": error}
    try:
        # What can be said without asking anybody is said at once; the rest by the import.
        name = Address.parse(url).file_name
    except InputError as error:
        # The URL is not kept: what was pasted may hold a password.
        return {"source": "url", "status": "failed", "file_name": "picture", "error": str(error)}
    return {"source": "url", "status": "validating", "file_name": name, "url": url}


def _imports() -> bool:
    with store().reading() as connection:
        return load(connection).import_served


def _in_parts(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("huggingFaceModelName") or body.get("civitaiModelUrl"):
        raise bad("Models are not imported here; upload a picture")
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
