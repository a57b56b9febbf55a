"""What all groups of endpoints share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from phoenix_nbtrain.client.replies import Reply
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.errors import InputError, ServiceUnreachable
from phoenix_nbtrain.records import Job, LaunchReply, Model, Quote, amount
from phoenix_nbtrain.text import shown

__all__ = ["QUOTED", "Endpoints", "launched", "priced", "segment"]

QUOTED = 269
"""The HTTP status of a dry run."""
_PAGES_MAX = 10_000
_ID_MAX = 256


def segment(value: str) -> str:
    """Return an id as one segment of a path.

    Raises:
        InputError: it is longer than any, or holds what none does.
    """
    if not (value.isascii() and value.isprintable() and len(value) <= _ID_MAX):
        raise InputError(f"{shown(value)} is not an id.", remedy="Copy it again, alone and whole.")
    return quote(value, safe="")


class Endpoints:
    """A group of endpoints over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def _pages(
        self, operation: str, path: str, *, key: str, params: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the objects under ``key``, page by page.

        A page may be short or empty while others follow. A token seen before ends the list, since
        the service would go round in a circle.
        """
        seen: set[str] = set()
        for _ in range(_PAGES_MAX):
            reply = self._http.send(operation, "GET", path, params=params)
            yield from reply.objects(key)
            token = reply.object().get("nextPaginationToken")
            if not isinstance(token, str) or not token or token in seen:
                return
            seen.add(token)
            params = {**params, "paginationToken": token}
        raise ServiceUnreachable("The service's list does not end.", sent=True)


def priced(reply: Reply) -> Quote | LaunchReply:
    """Return a dry run's price, or what it launched against the service's documentation.

    Raises:
        ServiceUnreachable: the reply is neither; it does not count as a price.
    """
    body = reply.object()
    # A job, or any success that is none of a dry run and speaks of a model: it launched.
    if body.get("job") or body.get("jobId") or (reply.status != QUOTED and body.get("model")):
        return launched(reply)
    price = Quote.from_wire(body) if reply.status == QUOTED else None
    if price is not None:
        return price
    del body  # what is not ours is in no variable that a traceback could show
    raise ServiceUnreachable(
        "The dry run's reply states no usable price.",
        sent=True,
        remedy="A dry run buys nothing; estimate again.",
    )


def launched(reply: Reply) -> LaunchReply:
    """Return what a request without ``dryRun`` came back with."""
    body = reply.object()
    job, model = body.get("job"), body.get("model")
    # A download's reply is the id alone.
    job = job if isinstance(job, dict) else {"jobId": body.get("jobId")}
    found = Job.from_wire(job)
    if reply.status == QUOTED and not found.id:
        return LaunchReply(outcome="quoted")
    return LaunchReply(
        outcome="launched",
        job=found if found.id else None,
        model=Model.from_wire(model) if isinstance(model, dict) else None,
        cost=amount(body.get("creativeUnitsCost")),
    )
