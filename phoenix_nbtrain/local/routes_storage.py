"""What signed URLs open without credentials: bytes to read, and an upload's parts to write.

A signature is good for one path until a given time. Paths that are read are never written, so that
the URL of an image never lets one be written.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from phoenix_nbtrain.home import write_whole
from phoenix_nbtrain.local.app_context import store
from phoenix_nbtrain.local.routes_training import weights
from phoenix_nbtrain.local.rows import asset_row, upload_row
from phoenix_nbtrain.local.service_errors import Refused, bad

routes = Blueprint("storage", __name__)


@routes.get("/storage/assets/<asset_id>")
def read_asset(asset_id: str) -> Response:
    _check_signature(f"assets/{asset_id}")
    with store().reading() as connection:
        row = asset_row(connection, asset_id)
    response = Response(store().content(row["sha256"]), mimetype=row["mime"])
    # If a browser opens it as a page, nothing in it runs.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=300"
    return response


@routes.get("/storage/downloads/<job_id>")
def read_download(job_id: str) -> Response:
    _check_signature(f"downloads/{job_id}")
    with store().reading() as connection:
        path, name = weights(connection, job_id)
    try:
        content = path.read_bytes()
    except OSError:
        raise Refused(404, {"message": "The weights are gone from the data folder"}) from None
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@routes.put("/storage/uploads/<upload_id>/<int:number>")
def write_part(upload_id: str, number: int) -> Response:
    _check_signature(f"uploads/{upload_id}/{number}")
    with store().reading() as connection:
        row = upload_row(connection, upload_id)
    if row["status"] != "pending":
        raise bad("The upload was completed; its parts cannot be sent any more")
    content = request.get_data(cache=False)
    if not 0 < len(content) <= row["file_size"]:
        raise bad(f"A part of this file has 1 to {row['file_size']} bytes, not {len(content)}")
    # Sent again it takes its own place, whole or not at all.
    write_whole(store().upload_dir(upload_id) / str(number), content)
    return Response(status=200)


def _check_signature(path: str) -> None:
    expires, signature = request.args.get("expires", ""), request.args.get("signature", "")
    if not store().signed(path, expires, signature):
        raise Refused(403, {"message": "The signature is wrong or has expired"})
