"""A proxy that spoils one kind of request, on real sockets, before or after it took effect."""

from __future__ import annotations

import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from faults.kinds import Fault

from phoenix_nbtrain.client.sockets import SocketTransport

__all__ = ["Knocking", "Proxy", "Spoiled"]


@dataclass(kw_only=True, eq=False)
class Spoiled:
    """Which requests a fault meets."""

    fault: Fault
    method: str
    path: re.Pattern[str]
    first: int = 1
    """The n-th that matches is the first to be met."""
    most: int | None = 1
    """How many are; ``None`` for all from then on."""
    at: Callable[[str], None] = lambda _: None
    """Called when one that is met has ``arrived``, and when it has ``happened``."""
    seen: int = 0
    met: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Count a request, and return whether the fault is for it."""
        if method != self.method or not self.path.fullmatch(path):
            return False
        self.seen += 1
        if self.seen < self.first or (self.most is not None and self.met >= self.most):
            return False
        self.met += 1
        return True


@dataclass(kw_only=True)
class _Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.proxy.connections.add(self.connection)

    def finish(self) -> None:
        self.server.proxy.connections.discard(self.connection)
        super().finish()

    def _serve(self) -> None:
        proxy = self.server.proxy
        picture = proxy.pictures.get(self.path)
        if picture is not None:
            self._give(_Reply(status=200, headers=[("Content-Type", "image/png")], body=picture))
            return
        spoiled = proxy.spoiled_by(self.command, self.path)
        if spoiled is None:
            self._give(self._forwarded(self._content()))
            return
        fault = spoiled.fault
        spoiled.at("arrived")
        if fault.how == "reset" and fault.effect == "none":
            self._reset()  # with the body unread
            return
        content, reply = self._content(), None
        for _ in range({"none": 0, "done": 1, "twice": 2}[fault.effect]):
            reply = self._forwarded(content)
        spoiled.at("happened")
        self._spoil(fault, reply)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _forwarded(self, content: bytes) -> _Reply:
        backend = HTTPConnection("127.0.0.1", self.server.proxy.backend, timeout=60)
        try:
            # The Host goes along, so that signed addresses lead through here, too.
            backend.request(self.command, self.path, content, dict(self.headers.items()))
            reply = backend.getresponse()
            hidden = {"x-phoenix-local", "content-length", "connection", "server", "date"}
            kept = [(k, v) for k, v in reply.getheaders() if k.lower() not in hidden]
            return _Reply(status=reply.status, headers=kept, body=reply.read())
        finally:
            backend.close()

    def _give(self, reply: _Reply, *, more: int = 0) -> None:
        """Write a reply of which ``more`` bytes never come."""
        self.send_response(reply.status)
        for key, value in reply.headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply.body) + more))
        self.end_headers()
        self.wfile.write(reply.body)

    def _spoil(self, fault: Fault, reply: _Reply | None) -> None:
        if fault.how == "answer":
            own = _Reply(status=fault.status, headers=list(fault.headers), body=fault.body)
            self._give(own if reply is None or fault.status else reply)
            return
        self.close_connection = True
        if fault.how == "reset":
            self._reset()
        elif fault.how == "silence":
            self._until_left()
        elif fault.how == "no http":
            self.wfile.write(b"220 mail.example.org ESMTP\r\n\r\n")
        elif reply is not None:
            half = len(reply.body) // 2  # of nothing at all, too: more of it was announced
            self._give(replace(reply, body=reply.body[:half]), more=1000)
            if fault.how == "stall":
                self._until_left()
            elif fault.how == "trickle":
                while not self._until_left(0.05):
                    self.wfile.write(b" ")

    def _until_left(self, seconds: float | None = None) -> bool:
        """Wait until the client has gone; return whether it has."""
        self.connection.settimeout(seconds or self.server.proxy.silence)
        try:
            return not self.connection.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        self.rfile.close()  # the last to hold the socket: now it is cut

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", proxy.port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):  # a client that left is what is tested
            self.proxy.broken.append(error)


class Proxy:
    """Passes requests on to a backend on this computer, and spoils those that it is told to."""

    def __init__(self, backend: int) -> None:
        self.backend = backend
        self.port = 0
        self.silence = 30.0
        """Seconds after which a connection that says nothing is closed."""
        self.broken: list[BaseException | None] = []
        """Faults of the proxy itself, which there must not be."""
        self.connections: set[socket.socket] = set()
        self.pictures: dict[str, bytes] = {}
        """What the service may fetch from here, by path: a web of images."""
        self._lock = threading.Lock()
        self.spoiled: list[Spoiled] = []
        """The first that meets a request counts."""
        self._server: _Server | None = None
        self.up()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def serve(self, picture: Path) -> str:
        """Let the service fetch an image from here; return its address."""
        self.pictures[f"/{picture.name}"] = picture.read_bytes()
        return f"http://127.0.0.1:{self.port}/{picture.name}"

    def up(self) -> None:
        """Listen; always on the same port."""
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def down(self) -> None:
        """Close every connection and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for connection in list(self.connections):
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def spoiling(self, spoiled: Spoiled) -> Iterator[Spoiled]:
        """Let a fault meet requests until the block ends."""
        self.spoiled.append(spoiled)
        try:
            yield spoiled
        finally:
            self.spoiled.remove(spoiled)

    def refuses(self, method: str, path: str) -> bool:
        """Whether this request, which is about to be sent, shall find nobody listening."""
        return self._meeting(method, path, refused=True) is not None

    def spoiled_by(self, method: str, target: str) -> Spoiled | None:
        """Return what meets a request which came, if anything does."""
        return self._meeting(method, target, refused=False)

    def _meeting(self, method: str, target: str, *, refused: bool) -> Spoiled | None:
        path = target.removeprefix("/v1")
        with self._lock:
            planned = [s for s in self.spoiled if (s.fault.how == "refused") == refused]
            return next((s for s in planned if s.meets(method, path)), None)


class Knocking(httpx.BaseTransport):
    """The client's own sockets; the proxy is told who comes, so that it can be down by then.

    Nobody can refuse a connection for what will be asked on it, unless he knows beforehand.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._sockets = SocketTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self._proxy.refuses(request.method, request.url.raw_path.decode()):
            return self._sockets.handle_request(request)
        self._proxy.down()
        try:
            return self._sockets.handle_request(request)
        finally:
            self._proxy.up()

    def close(self) -> None:
        self._sockets.close()
