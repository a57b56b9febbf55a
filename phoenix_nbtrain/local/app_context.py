"""What a request handler works with, kept on the application that serves it."""

from __future__ import annotations

from typing import cast

from flask import current_app, request

from phoenix_nbtrain.local.reply_json import Wire
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.upload_imports import Importers
from phoenix_nbtrain.local.workers import Workers

__all__ = ["IMPORTERS", "KEY", "SERVED", "importers", "served", "store", "wire", "workers"]

KEY = "phoenix-nbtrain"
IMPORTERS = "phoenix-nbtrain-importers"
SERVED = "phoenix-nbtrain-served"


def workers() -> Workers:
    """Return what starts the training process."""
    return cast(Workers, current_app.extensions[KEY])


def importers() -> Importers:
    """Return what brings uploads in."""
    return cast(Importers, current_app.extensions[IMPORTERS])


def served() -> bool:
    """Whether requests come over a socket, from whoever has the key."""
    return bool(current_app.extensions[SERVED])


def store() -> Store:
    """Return the data folder."""
    return workers().store


def wire() -> Wire:
    """Return the writer of this request's reply."""
    return Wire(store(), request.host_url.rstrip("/"))
