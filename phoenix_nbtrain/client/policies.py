"""How often and how long: what each operation may do when no reply comes.

A property of the operation, never of the HTTP method: the service's trigger is a PUT, which every
layer on the way believes safe to repeat, and it spends money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["POLICIES", "TRIES", "Policy"]

TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one operation may do."""

    again: Literal["plainly", "read first", "never"]
    """After a failure that may pass: send the same once more; read what stands, and send only
    what is missing; or leave it to whoever called."""
    seconds: float
    """Until the whole reply must be there, counted for each try from its first byte."""
    connection: Literal["shared", "fresh"] = "shared"
    """``fresh``: one that nothing else has used."""

    @property
    def tries(self) -> int:
        """How often it is sent at most."""
        return 1 if self.again == "never" else TRIES


_READ = Policy(again="plainly", seconds=60)
_WRITE = Policy(again="plainly", seconds=60)
_READ_FIRST = Policy(again="read first", seconds=60)
_CREATE = Policy(again="never", seconds=60)
_BUY = Policy(again="never", seconds=120, connection="fresh")

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        # Reads, and the dry runs, which change nothing.
        "ping": Policy(again="plainly", seconds=15),
        "glance": Policy(again="never", seconds=5),
        "get_model": _READ,
        "get_models": _READ,
        "list_models": _READ,
        "get_job": _READ,
        "list_jobs": _READ,
        "get_asset": _READ,
        "get_assets": _READ,
        "get_upload": _READ,
        "get_download": _READ,
        "list_projects": _READ,
        "get_team_limits": _READ,
        "quote_training": _READ,
        "quote_download": _READ,
        "fetch": Policy(again="plainly", seconds=120),
        "fetch_to": Policy(again="plainly", seconds=3600),
        # Writes that say the whole of what shall stand: twice is the same as once.
        "update_model": _WRITE,
        "update_asset": _WRITE,
        "replace_pairs": _WRITE,
        "send_part": Policy(again="plainly", seconds=600),
        # Writes that are refused, or do more, the second time.
        "add_training_images": _READ_FIRST,
        "replace_training_image": _READ_FIRST,
        "delete_training_image": _READ_FIRST,
        "delete_model": _READ_FIRST,
        "complete_upload": _READ_FIRST,
        "cancel_training": _READ_FIRST,
        # Each success makes another one, and nothing read tells whose it is.
        "create_model": _CREATE,
        "begin_upload": _CREATE,
        "upload_inline": Policy(again="never", seconds=180),
        # These spend money. Only the launch protocol sends them.
        "trigger_training": _BUY,
        "trigger_download": _BUY,
    }
)
"""Every operation of the client."""
