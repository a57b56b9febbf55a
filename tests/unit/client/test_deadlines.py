"""A server that never ends, on a real socket: every call ends, and knows whether it was sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from phoenix_nbtrain.client.endpoints import ENDPOINTS
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.errors import ServiceUnreachable

SECONDS = 0.6
"""What every operation of these tests gets; the server keeps trickling for longer."""


@contextmanager
def serving(behave: Callable[[socket.socket, threading.Event], None]) -> Iterator[Phoenix]:
    """A client of a server that treats its first connection as ``behave`` says."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                with server.accept()[0] as connection:
                    behave(connection, over)
            except OSError:
                pass  # the client left, which is what is tested

        thread = threading.Thread(target=serve)
        thread.start()
        endpoints = {
            name: replace(endpoint, seconds=SECONDS, again="never")
            for name, endpoint in ENDPOINTS.items()
        }
        transport = Transport(
            base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1",
            open_wire=SocketTransport,
            endpoints=endpoints,
        )
        client = Phoenix(transport, origin="test", is_local=False)
        try:
            yield client
        finally:
            client.close()
            over.set()
            thread.join(5)
            assert not thread.is_alive()


def trickle(start: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return behave


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"],
    ids=["nothing", "headers", "body"],
)
def test_a_server_that_trickles_holds_no_call_beyond_its_time(start: bytes) -> None:
    behave = trickle(start)
    if not start:

        def behave(connection: socket.socket, over: threading.Event) -> None:
            over.wait(30)

    with serving(behave) as client:
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable, match=r"within 0.6 s") as caught:
            client.trigger_training("m", {})
        assert time.monotonic() - began < SECONDS + 2
        assert caught.value.sent


def test_a_server_that_reads_slowly_holds_no_upload_beyond_its_time() -> None:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        while not over.wait(0.02):  # fast enough that no single write waits for long
            connection.recv(65536)

    with serving(behave) as client:
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable) as caught:
            client.upload_inline("a.png", bytes(40_000_000))
        assert time.monotonic() - began < SECONDS + 3
        assert caught.value.sent


def test_a_connection_cut_after_the_request_counts_as_sent() -> None:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)

    with serving(behave) as client, pytest.raises(ServiceUnreachable) as caught:
        client.trigger_training("m", {})
    assert caught.value.sent


def test_half_a_reply_is_none() -> None:
    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"job": {"jobId": "j"}')

    with serving(behave) as client, pytest.raises(ServiceUnreachable) as caught:
        client.trigger_training("m", {})
    assert caught.value.sent


def test_a_refused_connection_is_provably_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    transport = Transport(base_url=f"http://127.0.0.1:{port}/v1", open_wire=SocketTransport)
    client = Phoenix(transport, origin="test", is_local=False)
    with pytest.raises(ServiceUnreachable, match="cannot be reached") as caught:
        client.trigger_training("m", {})
    assert not caught.value.sent


def test_something_that_speaks_no_tls_got_no_byte_of_the_request() -> None:
    received: list[bytes] = []

    def behave(connection: socket.socket, over: threading.Event) -> None:
        received.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(behave) as plain:
        transport = Transport(
            base_url=plain._http.base_url.replace("http:", "https:"), open_wire=SocketTransport
        )
        client = Phoenix(transport, origin="test", is_local=False)
        with pytest.raises(ServiceUnreachable) as caught:
            client.trigger_training("m", {"rank": 4})
    assert not caught.value.sent
    assert b"rank" not in b"".join(received)


def test_the_proxy_of_the_environment_is_used_but_never_for_this_computer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bytes] = []

    def behave(connection: socket.socket, over: threading.Event) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + b'{"models": [] }')

    with serving(behave) as proxy:
        address = proxy._http.base_url.removesuffix("/v1")
        monkeypatch.setenv("http_proxy", address.replace("http://", "http://user:pass@"))
        monkeypatch.delenv("no_proxy", raising=False)
        elsewhere = Transport(base_url="http://phoenix.test/v1", open_wire=SocketTransport)
        Phoenix(elsewhere, origin="test", is_local=False).ping()
        elsewhere.close()
    assert seen[0].startswith(b"GET http://phoenix.test/v1/models")
    with serving(behave) as here:
        here.ping()
    assert seen[1].startswith(b"GET /v1/models")
