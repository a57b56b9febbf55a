"""A Phoenix client over a handler instead of a network, with what it sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.transport import Transport

Handler = Callable[[httpx.Request], httpx.Response]

BASE = "https://phoenix.test/v1"


class Wire:
    """Records requests and pauses; answers as the handler says."""

    def __init__(self, handler: Handler, *, project_id: str | None = "proj_1", **more: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.foreign: list[httpx.Request] = []
        self.slept: list[float] = []
        self.wires = 0

        def open_wire(seen: list[httpx.Request]) -> httpx.BaseTransport:
            def record(request: httpx.Request) -> httpx.Response:
                seen.append(request)
                return handler(request)

            self.wires += 1
            return httpx.MockTransport(record)

        def sign(request: httpx.Request) -> None:
            request.headers["Authorization"] = "Basic c2VjcmV0"

        transport = Transport(
            base_url=BASE,
            open_wire=lambda: open_wire(self.requests),
            open_foreign=lambda: open_wire(self.foreign),
            sign=sign,
            params={"projectId": project_id} if project_id else {},
            sleep=self.slept.append,
            **more,
        )
        self.phoenix = Phoenix(transport, origin=BASE, is_local=False, project_id=project_id)

    def paths(self) -> list[str]:
        """Method and path of every request, without the API's version."""
        return [f"{r.method} {r.url.path.removeprefix('/v1')}" for r in self.requests]


def answering(status: int, **kwargs: Any) -> Wire:
    """A wire that gives every request the same answer."""
    return Wire(lambda request: httpx.Response(status, **kwargs))


def in_turn(*answers: httpx.Response | Exception) -> Wire:
    """A wire that gives its answers one after the other, and the last one from then on."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return Wire(answer)
