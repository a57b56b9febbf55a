"""Who holds a lock file, for those who wait: written into it by whoever locked it."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from phoenix_nbtrain.errors import shown, time_of

__all__ = ["holder_of", "sign"]


def sign(descriptor: int) -> None:
    """Write into a lock file that this kernel has locked it, and since when."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    told = {"pid": os.getpid(), "notebook": Path(notebook).name, "since": time.time()}
    with suppress(OSError):  # a full disk: the lock counts without it
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(told).encode())


def holder_of(path: Path) -> str:
    """Return who has locked a file and since when, as the end of a sentence."""
    try:
        told = json.loads(path.read_bytes())
        pid, notebook, since = int(told["pid"]), str(told["notebook"]), float(told["since"])
        at = time_of(since)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return "by another kernel"  # of an earlier version, or not written yet
    who = f"by {shown(notebook, 40)} (process {pid})" if notebook else f"by process {pid}"
    return f"{who} since {at}"
