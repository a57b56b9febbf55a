"""Models and the account they belong to."""

from __future__ import annotations

import base64
import json
from typing import Any

from flask import Blueprint, request

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.body import json_object, text_field
from phoenix_nbtrain.local.context import store, wire, workers
from phoenix_nbtrain.local.parameters import checked
from phoenix_nbtrain.local.refusals import bad
from phoenix_nbtrain.local.store import new_id
from phoenix_nbtrain.local.tables import iso, model_row
from phoenix_nbtrain.local.wire import PROJECT, TEAM

__all__ = ["routes"]

routes = Blueprint("models", __name__)

NAME_BYTES_MAX = 4 * 64
NAME_MAX = 64
DESCRIPTION_MAX = 256
PAGE_DEFAULT = 100
PAGE_MAX = 500
_UNTYPED = "custom"
"""The type of a model that was created without one; the service's word, and not trainable."""
_STATUSES = ("new", "training", "trained", "failed", "deleted")
"""What a list can be narrowed to. Any other word is ignored, as the service ignores it."""


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


@routes.get("/models")
def listing() -> dict[str, Any]:
    size = _page_size(request.args.get("pageSize"))
    column = "updated_at" if request.args.get("sortBy") == "updatedAt" else "created_at"
    rising = request.args.get("sortDirection") == "asc"
    where, values = ["1"], []
    if request.args.get("privacy", "private") != "private":
        where.append("0")  # nothing here is public
    status = request.args.get("status")
    if status in _STATUSES:
        where.append("status = ?")
        values.append(status)
    for parameter, sign in (("createdAfter", ">"), ("createdBefore", "<")):
        if parameter in request.args:
            where.append(f"created_at {sign} ?")
            values.append(request.args[parameter])
    token = request.args.get("paginationToken")
    if token is not None:
        where.append(f"({column}, number) {'>' if rising else '<'} (?, ?)")
        values.extend(_from_token(token))
    order = "ASC" if rising else "DESC"
    with store().reading() as connection:
        rows = connection.execute(
            f"SELECT * FROM models WHERE {' AND '.join(where)}"  # values are bound
            f" ORDER BY {column} {order}, number {order} LIMIT ?",
            (*values, size + 1),
        ).fetchall()
        page = rows[:size]
        body: dict[str, Any] = {
            "models": [wire().model(connection, row, listed=True) for row in page]
        }
    if len(rows) > size:
        body["nextPaginationToken"] = _token(page[-1][column], page[-1]["number"])
    return body


@routes.get("/teams")
def teams() -> dict[str, Any]:
    with store().reading() as connection:
        row = connection.execute("SELECT value FROM settings WHERE name = 'created_at'").fetchone()
    since = iso(json.loads(row[0]))
    project = {"id": PROJECT, "name": "Local project", "createdAt": since, "updatedAt": since}
    context = {"invitationsCount": 0, "keysCount": 0, "usersCount": 1, "userRole": "admin"}
    team = {
        "id": TEAM,
        "name": "Local team",
        "type": "personal",
        "plan": "free",
        "context": context,
        "projects": [project],
        "createdAt": since,
        "updatedAt": since,
    }
    return {"teams": [team]}


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


def _page_size(text: str | None) -> int:
    if text is None:
        return PAGE_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= PAGE_MAX):
        raise bad(f'"pageSize" must be 1 to {PAGE_MAX}')
    return int(text)


def _token(value: str, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, number]).encode()).decode().rstrip("=")


def _from_token(token: str) -> list[Any]:
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        value, number = json.loads(base64.urlsafe_b64decode(padded))
        if isinstance(value, str) and type(number) is int and 0 <= number < 2**63:
            return [value.encode("utf-8").decode(), number]
    except (ValueError, TypeError, RecursionError):
        pass
    raise bad('"paginationToken" is not one of ours')
