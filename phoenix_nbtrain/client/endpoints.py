"""Every endpoint: its method and path, how often a request may be sent, and how long it may take.

How often is a property of the operation, never of the HTTP method: the service's trigger is a PUT,
which every layer on the way believes safe to repeat, and it spends money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

TRIES = 3
_ID_MAX = 256


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one operation sends, and how."""

    method: str
    path: str = ""
    """Below the base URL, ``{}`` for each id; empty where a signed address says it all."""
    again: Literal["plainly", "read first", "never"] = "plainly"
    """After a failure that may pass: send the same once more; read what stands, and send only
    what is missing; or leave it to whoever called."""
    seconds: float = 60
    """Until the whole reply must be there, counted for each try from its first byte."""
    connection: Literal["shared", "fresh"] = "shared"
    """``fresh``: one that nothing else has used."""

    @property
    def tries(self) -> int:
        """How often it is sent at most."""
        return 1 if self.again == "never" else TRIES

    def path_of(self, *ids: str) -> str:
        """Return the path with each id as one segment.

        Raises:
            InputError: an id is longer than any, or holds what none does.
        """
        return self.path.format(*map(_segment, ids))


def _segment(value: str) -> str:
    if not (value.isascii() and value.isprintable() and len(value) <= _ID_MAX):
        raise InputError(
            f"{shown(value)} is not an id.", remedy="Copy all of it again, and nothing else."
        )
    return quote(value, safe="")


_READ_FIRST = partial(Endpoint, again="read first")
_CREATE = partial(Endpoint, again="never")
_BUY = partial(Endpoint, again="never", seconds=120, connection="fresh")

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        # Reads, and the dry runs, which change nothing.
        "ping": Endpoint("GET", "/models", seconds=15),
        "glance": Endpoint("GET", "/models", again="never", seconds=5),
        "get_model": Endpoint("GET", "/models/{}"),
        "get_models": Endpoint("POST", "/models/get-bulk"),
        "list_models": Endpoint("GET", "/models"),
        "get_job": Endpoint("GET", "/jobs/{}"),
        "list_jobs": Endpoint("GET", "/jobs"),
        "get_asset": Endpoint("GET", "/assets/{}"),
        "get_assets": Endpoint("POST", "/assets/get-bulk"),
        "get_upload": Endpoint("GET", "/uploads/{}"),
        "get_download": Endpoint("GET", "/assets/download/{}"),
        "list_projects": Endpoint("GET", "/teams"),
        "get_team_limits": Endpoint("GET", "/teams/{}/limits"),
        "quote_training": Endpoint("PUT", "/models/{}/train"),
        "quote_download": Endpoint("POST", "/models/{}/download"),
        "fetch": Endpoint("GET", seconds=120),
        "fetch_to": Endpoint("GET", seconds=3600),
        # Writes that say the whole of what shall stand: twice is the same as once.
        "update_model": Endpoint("PUT", "/models/{}"),
        "update_asset": Endpoint("PUT", "/assets/{}"),
        "replace_pairs": Endpoint("PUT", "/models/{}/training-images/pairs"),
        "send_part": Endpoint("PUT", seconds=600),
        # Writes that are refused, or do more, the second time.
        "add_training_images": _READ_FIRST("POST", "/models/{}/training-images"),
        "replace_training_image": _READ_FIRST("PUT", "/models/{}/training-images/{}"),
        "delete_training_image": _READ_FIRST("DELETE", "/models/{}/training-images/{}"),
        "delete_model": _READ_FIRST("DELETE", "/models/{}"),
        "complete_upload": _READ_FIRST("POST", "/uploads/{}/action"),
        "cancel_training": _READ_FIRST("POST", "/models/{}/train/action"),
        # Each success makes another one, and nothing read tells whose it is.
        "create_model": _CREATE("POST", "/models"),
        "begin_upload": _CREATE("POST", "/uploads"),
        "upload_inline": _CREATE("POST", "/assets", seconds=180),
        # These spend money. Only the launch protocol sends them.
        "trigger_training": _BUY("PUT", "/models/{}/train"),
        "trigger_download": _BUY("POST", "/models/{}/download"),
    }
)
"""Every operation of the client."""
