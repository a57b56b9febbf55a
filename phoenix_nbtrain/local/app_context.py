"""What a request handler works with, kept on the application that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app, request

from phoenix_nbtrain.local.reply_json import Replies
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.upload_imports import Importers
from phoenix_nbtrain.local.workers import Workers

KEY = "phoenix-nbtrain"


@dataclass(frozen=True, slots=True)
class Service:
    """One local Phoenix."""

    store: Store
    workers: Workers
    """What starts the training process."""
    importers: Importers
    """What brings uploads in."""
    served: bool
    """Whether requests come over a socket, from whoever has the key."""


def service() -> Service:
    """Return the service that this request is for."""
    return cast(Service, current_app.extensions[KEY])


def store() -> Store:
    """Return its data folder."""
    return service().store


def replies() -> Replies:
    """Return the writer of this request's reply."""
    return Replies(store(), request.host_url.rstrip("/"))
