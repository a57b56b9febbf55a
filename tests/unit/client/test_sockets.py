"""What a connection costs before its first byte."""

from __future__ import annotations

import httpx
import pytest

from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.errors import ServiceUnreachable


def test_no_certificates_are_read_for_an_address_that_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading them takes a tenth of a second, and every launch has a connection of its own."""

    def read(*_: object) -> None:
        raise AssertionError("the certificates were read")

    monkeypatch.setattr(httpx, "create_ssl_context", read)
    with SocketTransport() as sockets:
        with pytest.raises(ServiceUnreachable):
            sockets.handle_request(httpx.Request("GET", "http://127.0.0.1:9/"))
        with pytest.raises(AssertionError):
            sockets.handle_request(httpx.Request("GET", "https://127.0.0.1:9/"))
