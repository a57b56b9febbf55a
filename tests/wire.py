"""A Phoenix client over a handler instead of a network, with what it sent.

`LocalWire` has the local Phoenix behind it: requests fail as planned, replies are rewritten.
`serving` and `served` put a Phoenix on a real socket.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from faults.kinds import Fault
from werkzeug.serving import WSGIRequestHandler, make_server

from phoenix_nbtrain.client.endpoints import ENDPOINTS
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.local.app import create_app
from phoenix_nbtrain.local.store import Store

Handler = Callable[[httpx.Request], httpx.Response]
Rewrite = Callable[[httpx.Request, Handler], httpx.Response]
"""Takes a request and what passes it on; returns the reply to give."""

BASE = "https://phoenix.test/v1"
STORAGE = "https://storage.test"
_LOCAL = "http://phoenix.local"
_FAILURES: dict[str, type[BaseException]] = {
    "refused": httpx.ConnectError,
    "reset": httpx.ReadError,
    "interrupt": KeyboardInterrupt,
    **dict.fromkeys(("silence", "stall", "trickle"), httpx.ReadTimeout),
    **dict.fromkeys(("half", "no http"), httpx.RemoteProtocolError),
}
"""What httpx makes of each kind of fault."""


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


def operation(request: httpx.Request) -> str:
    """Return what the client calls this request, as in `ENDPOINTS`."""
    path = request.url.path
    if request.url.host == "storage.test":
        return "fetch" if request.method == "GET" else "send_part"
    for name, endpoint in ENDPOINTS.items():
        pattern = re.escape("/v1" + endpoint.path).replace(r"\{\}", "[^/]+")
        quote = endpoint.method != "GET" and "dryRun" in request.url.params
        if (
            endpoint.path
            and name not in ("ping", "glance")
            and endpoint.method == request.method
            and re.fullmatch(pattern, path)
            and quote == name.startswith("quote_")
        ):
            return name
    return ""


class LocalWire(Wire):
    """The local Phoenix of a folder as a hosted one, with its storage on a host of its own."""

    def __init__(self, folder: Path, *, rewrite: Rewrite | None = None, **more: Any) -> None:
        app = create_app(folder)
        self._app = httpx.WSGITransport(app=app, raise_app_exceptions=False)
        self.store = Store(folder)
        self.rewrite = rewrite
        self.faults: dict[str, list[Fault]] = {}
        """By operation, or ``write`` for whatever changes something: what meets the next requests."""
        super().__init__(self._answer, **more)

    @property
    def operations(self) -> list[str]:
        """What was asked of the service, and then what of its storage."""
        return [operation(request) for request in (*self.requests, *self.foreign)]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        pass_on = (
            partial(self.rewrite, request, self._pass_on)
            if self.rewrite
            else (partial(self._pass_on, request))
        )
        planned = self.faults.get(operation(request))
        if not planned and request.method != "GET":
            planned = self.faults.get("write")
        if not planned:
            return pass_on()
        fault = planned.pop(0)
        for _ in range({"none": 0, "done": 1, "twice": 2}[fault.effect]):
            reply = pass_on()
        if fault.how == "answer":
            answer = httpx.Response(fault.status, headers=fault.headers, content=fault.body)
            return answer if fault.status else reply
        raise _FAILURES[fault.how](fault.how)

    def _pass_on(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.test":
            assert "authorization" not in request.headers, "storage hosts get no credentials"
        headers = {k: v for k, v in request.headers.items() if k != "host"}
        target = _LOCAL + request.url.raw_path.decode()
        passed = httpx.Request(request.method, target, headers=headers, content=request.content)
        reply = self._app.handle_request(passed)
        content = reply.read().replace(
            f"{_LOCAL}/v1/storage".encode(), f"{STORAGE}/v1/storage".encode()
        )
        kept = {
            k: v for k, v in reply.headers.items() if k not in ("content-length", "x-phoenix-local")
        }
        return httpx.Response(reply.status_code, headers=kept, content=content)


def as_documented(request: httpx.Request, pass_on: Handler) -> httpx.Response:
    """Answer as the service's documentation allows, where the local Phoenix is more regular.

    Lists come in pages of two, the first of them empty; what is read in bulk comes in another
    order; objects have keys that no record knows.
    """
    params = dict(request.url.params)
    if "pageSize" in params:
        if "paginationToken" not in params:
            return httpx.Response(
                200, json={request.url.path.rpartition("/")[2]: [], "nextPaginationToken": "first"}
            )
        params |= {"pageSize": "2"}
        if params["paginationToken"] == "first":
            del params["paginationToken"]
        request = httpx.Request(
            request.method, request.url.copy_with(params=params), headers=request.headers
        )
    reply = pass_on(request)
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply
    body = json.loads(reply.content)
    for key, value in body.items():
        if isinstance(value, list) and request.url.path.endswith("/get-bulk"):
            value.reverse()
        if key in ("model", "asset", "job", "upload", "trainingImage"):
            value["complianceMetadata"] = {"x": 1}
    body["traceId"] = "t-1"
    return httpx.Response(reply.status_code, json=body)


@contextmanager
def served(data_dir: Path) -> Iterator[dict[str, str]]:
    """Run ``phoenix-nbtrain serve``; yield what it says: address and credentials."""
    command = ["serve", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        [sys.executable, "-m", "phoenix_nbtrain.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serving(app: Callable[..., Iterable[bytes]]) -> Iterator[int]:
    """Serve a WSGI application on this computer, a thread per connection; yield its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
        assert not thread.is_alive()
