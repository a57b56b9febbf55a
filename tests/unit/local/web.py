"""A piece of the web for the tests of imports: one server on this computer, under any name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from phoenix_nbtrain.local import url_fetch

PUBLIC = "93.184.215.14"
"""Stands for a server somewhere; never connected to."""

Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes, *, status: int = 200, **headers: str) -> Answer:
    """Answer with ``content``; a header's name is written with underscores."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in ({"Content_Length": str(len(content))} | headers).items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(content)

    return answer


def moved(location: str, status: int = 302) -> Answer:
    """Answer that it is elsewhere."""
    return body(b"", status=status, Location=location)


class Web:
    """The web as the guard sees it: names, what they resolve to, and who is connected to."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port: int = server.server_address[1]
        self.pages: dict[str, Answer] = {}
        self.names: dict[str, list[str]] = {"pictures.example": [PUBLIC]}
        self.looked_up: list[str] = []
        self.connected: list[str] = []
        self.requests: list[tuple[str, dict[str, str]]] = []

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        self.requests.append((to.path, dict(to.headers)))
        self.pages.get(to.path, body(b"", status=404))(to)


@contextmanager
def web_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Serve a `Web`: its public address leads to the server, any other one nowhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                web.answer(self)
            except OSError:  # the guard hung up, as it should
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web = Web(server)
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        web.looked_up.append(host)
        if host in web.names:
            return [(2, 1, 6, "", (ip, port)) for ip in web.names[host]]
        assert "example" not in host, "no test asks a resolver on the network"
        return real(host, port, *args, **more)

    def connect(ip: str, port: int, patience: float) -> socket.socket:
        web.connected.append(ip)
        assert ip in (PUBLIC, "127.0.0.1"), "no test leaves this computer"
        return socket.create_connection(("127.0.0.1", web.port), timeout=patience)

    monkeypatch.setattr(url_fetch.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(url_fetch, "connect", connect)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
