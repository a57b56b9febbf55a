"""Jobs: trainings and downloads, one by one and as a list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.app_context import store, wire, workers
from phoenix_nbtrain.local.paging import date, page
from phoenix_nbtrain.local.reply_json import AUTHOR
from phoenix_nbtrain.local.request_body import json_object
from phoenix_nbtrain.local.rows import DOWNLOAD, ENDED, job_row
from phoenix_nbtrain.local.service_errors import bad

__all__ = ["routes"]

routes = Blueprint("jobs", __name__)

PAGE_DEFAULT = 50
PAGE_MAX = 100
_STATUSES = ("pending", "queued", "warming-up", "in-progress", "finalizing", *ENDED)
_NO_FILTERS = (DOWNLOAD, "model-import")
"""Types that jobs have and that a list cannot be narrowed to."""


@routes.get("/jobs/<job_id>")
def read(job_id: str) -> dict[str, Any]:
    with store().reading() as connection:
        row = job_row(connection, job_id)
    if row["status"] not in ENDED:
        # As with a model that trains: a worker that died is started again, and nothing else.
        workers().ensure()
    return {"job": wire().job(row)}


@routes.post("/jobs/<job_id>/action")
def action(job_id: str) -> dict[str, Any]:
    if json_object().get("action") != "cancel":
        raise bad('"action" must be "cancel"')
    with store().reading() as connection:
        job_row(connection, job_id)
    # Inference jobs only, of which there are none; a training is canceled through its model.
    raise bad("Cannot cancel this type of job. Action not permitted.")


@routes.get("/jobs")
def listing() -> dict[str, Any]:
    where, values = [], []
    narrowed = [n for n in ("status", "type", "types", "workflowId") if n in request.args]
    if "status" in narrowed:
        if request.args["status"] not in _STATUSES:
            raise bad(f'"status" must be one of {", ".join(_STATUSES)}')
        where.append("status = ?")
        values.append(request.args["status"])
    if "types" in narrowed:
        types = [t.strip() for t in request.args["types"].split(",")]
    else:
        types = [request.args["type"]] if "type" in narrowed else []
    for name in types:
        if name in _NO_FILTERS:
            raise bad(f'Jobs cannot be listed by the type "{shown(name, 40)}"')
    if types:
        where.append(f"type IN ({', '.join('?' * len(types))})")
        values.extend(types)
    if "workflowId" in narrowed or request.args.get("authorId", AUTHOR) != AUTHOR:
        where.append("0")  # there are no workflows, and one author
    if "createdAfter" in request.args:
        if narrowed:
            raise bad(f'"createdAfter" cannot be used with "{narrowed[0]}"; use "updatedAfter"')
        where.append("created_at > ?")
        values.append(date("createdAfter"))
    if "updatedAfter" in request.args:
        if not narrowed:
            raise bad('"updatedAfter" needs "status", "type" or "types"; use "createdAfter"')
        where.append("updated_at > ?")
        values.append(date("updatedAfter"))
    with store().reading() as connection:
        rows, following = page(
            connection,
            "jobs",
            where,
            values,
            column="updated_at" if narrowed else "created_at",
            default=PAGE_DEFAULT,
            most=PAGE_MAX,
        )
    if any(row["status"] not in ENDED for row in rows):
        workers().ensure()
    return {"jobs": [wire().job(row) for row in rows], **following}
