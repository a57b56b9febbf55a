"""The cell that runs: what it puts out, who asked for it, and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """What asked for the cell to be run."""

    message: str
    """The id of this one run."""
    cell: str
    """The notebook's id of the cell. Pages name it; what runs a notebook without a page does not,
    and listens no longer than the cell runs."""


def request() -> Request | None:
    """Return what the kernel is answering; ``None`` where there is no kernel."""
    shell = _shell()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "get_parent"):
        return None
    parent = kernel.get_parent() or {}
    header, metadata = parent.get("header") or {}, parent.get("metadata") or {}
    return Request(str(header.get("msg_id", "")), str(metadata.get("cellId") or ""))


def put_out(data: Mapping[str, Any], display_id: str = "", *, update: bool = False) -> None:
    """Display a bundle of MIME types, or put it in the place of what has that id."""
    shell = _shell()
    if shell is not None:
        transient = {"display_id": display_id} if display_id else {}
        shell.display_pub.publish(dict(data), {}, transient=transient, update=update)


def at_end(work: Callable[[object], None]) -> None:
    """Do ``work`` at the end of every cell, within it. Asked for twice, it is done once."""
    shell = _shell()
    if shell is not None:
        shell.events.register("post_run_cell", work)


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
