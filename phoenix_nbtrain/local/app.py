"""The local Phoenix as a WSGI application.

The client reaches it inside its own process, without a socket; served on a loopback port it wants
credentials. It holds no state of its own: everything is in the data folder.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from phoenix_nbtrain.addresses import LOOPBACK
from phoenix_nbtrain.errors import StoreBusy, StoreError
from phoenix_nbtrain.local import (
    routes_account,
    routes_assets,
    routes_models,
    routes_storage,
    routes_training,
)
from phoenix_nbtrain.local.app_context import KEY, Service
from phoenix_nbtrain.local.request_input import BODY_BYTES_MAX
from phoenix_nbtrain.local.service_errors import Refused
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.upload_imports import Importers
from phoenix_nbtrain.local.workers import Workers

log = logging.getLogger(__name__)

Reply = tuple[dict[str, Any], int]

_LOOPBACK = {f"[{name}]" if ":" in name else name for name in LOOPBACK}
_IN_PROCESS = "phoenix.local"
"""The host of requests that never leave the process. Not taken where there is a socket: on a
network, anybody may answer to a name under ``.local``."""


def create_app(data_dir: Path, *, credentials: tuple[str, str] | None = None) -> Flask:
    """Return the application of the local Phoenix in ``data_dir``.

    Args:
        data_dir: its data folder; created if it is not there.
        credentials: API key and secret that every request must carry, signed URLs aside. Without
            them the application is meant for use inside this process.

    Raises:
        StoreError: the folder's database is damaged, foreign or newer.
    """
    store = Store(data_dir)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions[KEY] = Service(
        store, Workers(store), Importers(store), served=credentials is not None
    )

    @app.before_request
    def guard() -> Reply | None:
        in_process = credentials is None and _host_name(request.host) == _IN_PROCESS
        if not in_process and not is_this_computer(request.host):
            return _message(403, "This Phoenix answers on this computer only")
        storage = request.blueprint == routes_storage.routes.name
        own = request.host_url.rstrip("/")
        foreign = request.headers.get("Origin", own) != own
        site = request.headers.get("Sec-Fetch-Site")
        if foreign or (site in ("cross-site", "same-site") and not storage):
            return _message(403, "Requests of other web pages are refused")
        if credentials is not None and not storage and not _authorised(credentials):
            return _message(401, "Unauthorized")
        return None

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Phoenix-Local"] = store.origin
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Reply:
        return error.body, error.status

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Reply:
        return _message(error.code or 500, error.name)

    @app.errorhandler(StoreError)
    def store_error(error: StoreError) -> Reply:
        return _message(500, str(error))

    @app.errorhandler(StoreBusy)
    def busy(error: StoreBusy) -> Reply:
        log.error("the data folder cannot be used", exc_info=error)
        return _message(503, "The data folder is busy")

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Reply:
        log.error("a request failed", exc_info=error)
        return _message(500, "Internal Server Error")

    for part in (routes_models, routes_training, routes_assets, routes_storage, routes_account):
        app.register_blueprint(part.routes, url_prefix="/v1")
    return app


def _message(status: int, message: str) -> Reply:
    """Answer as the service's gateway does, for what never reaches a handler."""
    return {"message": message}, status


def is_this_computer(host: str) -> bool:
    """Whether a host, with or without its port, is a name that this computer alone has.

    A web page can let its own name lead here, but it cannot send requests for another name.
    """
    return _host_name(host.lower()) in _LOOPBACK


def _host_name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _authorised(credentials: tuple[str, str]) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        pair = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(pair, ":".join(credentials).encode())
