"""What a served Phoenix settles before its application is asked, over real sockets."""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import wire

from phoenix_nbtrain.cli import main


@dataclass(frozen=True)
class Served:
    base_url: str
    api_key: str
    api_secret: str
    data_dir: Path

    @property
    def port(self) -> int:
        return httpx.URL(self.base_url).port or 80

    @property
    def auth(self) -> str:
        pair = f"{self.api_key}:{self.api_secret}".encode()
        return f"Authorization: Basic {base64.b64encode(pair).decode()}"

    def say(self, *lines: str, body: bytes = b"", host: str = "") -> bytes:
        """Send a request as it is written and return all that comes back."""
        host = host or f"127.0.0.1:{self.port}"
        head = "\r\n".join([lines[0], f"Host: {host}", self.auth, *lines[1:], "", ""])
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as wire:
            wire.sendall(head.encode() + body)
            wire.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: wire.recv(1 << 16), b""))


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with wire.served(folder) as given:
        yield Served(**given, data_dir=folder)


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


GET = "GET /v1/models HTTP/1.1"
POST = "POST /v1/models HTTP/1.1"
SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        (POST, "Transfer-Encoding: chunked", "Content-Length: 4"),
        (POST, "Content-Length: 5", "Transfer-Encoding: chunked"),
        (POST, "Content-Length: 0", "transfer-encoding: CHUNKED"),
        (POST, "Transfer-Encoding: gzip", "Content-Length: 4"),
        (POST, "Transfer-Encoding:", "Content-Length: 4"),
        (POST, "Content-Length: 4", "Content-Length: 5"),
        (POST.replace("1.1", "1.0"), "Transfer-Encoding: chunked", "Content-Length: 4"),
        (POST.replace("1.1", "1.0"), "Transfer-Encoding: chunked"),
    ],
    ids=", ".join,
)
def test_a_body_of_two_lengths_is_a_400_and_ends_the_connection(served, lines):
    reply = served.say(*lines, body=SMUGGLED)
    assert status(reply) == 400
    assert reply.count(b"HTTP/1.") == 1


def test_each_length_alone_is_taken(served):
    body = b'{"name": "one"}'
    whole = served.say(POST, f"Content-Length: {len(body)}", "Connection: close", body=body)
    assert status(whole) == 200
    pieces = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    chunked = served.say(POST, "Transfer-Encoding: chunked", "Connection: close", body=pieces)
    assert status(chunked) == 200


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://evil.test/v1/models", 421),
        ("https://evil.test:443/v1/models", 421),
        ("http://127.0.0.1.evil.test/v1/models", 421),
        ("http://127.0.0.1@evil.test/v1/models", 421),
        ("http://127.0.0.1:{port}/v1/models", 200),
        ("http://LOCALHOST:{port}/v1/models", 200),
        ("/v1/models", 200),
    ],
)
def test_a_request_for_another_host_is_misdirected(served, target, expected):
    line = f"GET {target.format(port=served.port)} HTTP/1.1"
    assert status(served.say(line, "Connection: close")) == expected


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "phoenix.local"]
)
def test_a_name_that_leads_here_is_not_this_computers(served, host):
    for line in (GET, f"GET http://127.0.0.1:{served.port}/v1/models HTTP/1.1"):
        assert status(served.say(line, "Connection: close", host=host)) == 403


def test_connections_that_are_only_half_open_keep_nobody_out(served):
    with contextlib.ExitStack() as left:
        for n in range(120):
            wire = socket.create_connection(("127.0.0.1", served.port), timeout=20)
            left.enter_context(wire)
            wire.sendall(
                [b"", b"G", b"POST /v1/models HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"][n % 3]
            )
        begun = time.monotonic()
        reply = served.say(GET, "Connection: close")
        took = time.monotonic() - begun
    assert status(reply) == 200
    assert took < 5


def test_urls_are_imported_only_where_that_was_allowed(served):
    auth = (served.api_key, served.api_secret)
    with httpx.Client(base_url=served.base_url, auth=auth, trust_env=False) as http:

        def imported() -> dict[str, str]:
            body = {"url": "http://127.0.0.1:9/a.png?sig=hunter2", "kind": "image"}
            upload = http.post("/uploads", json=body).json()["upload"]
            until = time.monotonic() + 30
            while upload["status"] != "failed" and time.monotonic() < until:
                time.sleep(0.05)
                upload = http.get(f"/uploads/{upload['id']}").json()["upload"]
            found: dict[str, str] = upload
            return found

        refused = imported()
        assert refused["status"] == "failed"
        assert "settings import_served=true" in refused["errorMessage"]
        settings = ["settings", "--data-dir", str(served.data_dir)]
        assert main([*settings, "import_private=true"]) == 0
        assert "import_served" in imported()["errorMessage"]
        assert main([*settings, "import_served=true", "import_private=false"]) == 0
        assert "no public address" in imported()["errorMessage"]
