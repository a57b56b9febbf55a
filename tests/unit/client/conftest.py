"""A handler in place of the network, for tests of what opens its own connections."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from wire import Handler

from phoenix_nbtrain.client import connect

Over = Callable[[Handler], list[httpx.Request]]


@pytest.fixture
def over(monkeypatch) -> Over:
    """Let a handler answer all that `connect` opens; return what it is asked, as it comes."""

    def put(handler: Handler) -> list[httpx.Request]:
        asked: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return handler(request)

        monkeypatch.setattr(connect, "SocketTransport", lambda: httpx.MockTransport(answer))
        return asked

    return put
