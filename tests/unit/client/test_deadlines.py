"""A server that never ends, on a real socket: every call ends, and knows whether it was sent.

What else a socket can do to a call, `faults` plants in every operation.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from unit.client.test_network import serving

from phoenix_nbtrain.client.endpoints import ENDPOINTS
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.errors import ServiceUnreachable

SECONDS = 0.6
"""What every operation of these tests gets; the server keeps trickling for longer."""
HURRIED = {name: replace(e, seconds=SECONDS, again="never") for name, e in ENDPOINTS.items()}


@contextmanager
def client_at(base_url: str) -> Iterator[Phoenix]:
    transport = Transport(base_url=base_url, open_wire=SocketTransport, endpoints=HURRIED)
    client = Phoenix(transport, origin="test", is_local=False)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def client_of(behave: Callable[[socket.socket], None]) -> Iterator[Phoenix]:
    """A client of a server that treats a connection as ``behave`` says, until the client leaves."""
    with serving(behave) as port, client_at(f"http://127.0.0.1:{port}/v1") as client:
        yield client


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"],
    ids=["nothing", "headers", "body"],
)
def test_a_server_that_trickles_holds_no_call_beyond_its_time(start):
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            if start:
                connection.sendall(b"x")
                time.sleep(0.05)
            elif not connection.recv(65536):
                return

    with client_of(behave) as client:
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable, match=r"within 0.6 s") as caught:
            client.trigger_training("m", {})
        assert time.monotonic() - began < SECONDS + 9
        assert caught.value.sent


def test_a_server_that_reads_slowly_holds_no_upload_beyond_its_time():
    def behave(connection: socket.socket) -> None:
        while connection.recv(65536):
            time.sleep(0.02)  # fast enough that no single write waits for long

    with client_of(behave) as client:
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable) as caught:
            client.upload_inline("a.png", bytes(40_000_000))
        assert time.monotonic() - began < SECONDS + 9, "it would take 16 s"
        assert caught.value.sent


def test_something_that_speaks_no_tls_got_no_byte_of_the_request():
    received: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        serving(behave) as port,
        client_at(f"https://127.0.0.1:{port}/v1") as client,
        pytest.raises(ServiceUnreachable) as caught,
    ):
        client.trigger_training("m", {"rank": 4})
    assert not caught.value.sent
    assert b"rank" not in b"".join(received)


def test_the_proxy_of_the_environment_is_used_but_never_for_this_computer(monkeypatch):
    seen: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"models": [] }')

    with serving(behave) as port:
        monkeypatch.setenv("http_proxy", f"http://user:pass@127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        for base_url in ("http://phoenix.test/v1", f"http://127.0.0.1:{port}/v1"):
            with client_at(base_url) as client:
                client.ping()
    assert seen[0].startswith(b"GET http://phoenix.test/v1/models")
    assert seen[1].startswith(b"GET /v1/models")
