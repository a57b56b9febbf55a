"""A Phoenix on 127.0.0.1 that counts launches, loses replies and keeps no launch out."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["FATES", "PRICE", "Lossy", "Seeded", "serving"]

PRICE = 1080
FATES = (
    "answered",
    "reset before",
    "reset after",
    "black hole",
    "late",
    "408 after",
    "409 after",
    "429 after",
    "502 after",
    "502 before",
    "repeated by a proxy",
)
"""What becomes of the first launch request for a model; every later one is answered."""
HOLE_SECONDS = 0.3


@dataclass(eq=False)
class Seeded:
    """A model, what is to happen to its launch, and what did."""

    id: str
    fate: str = "answered"
    kill_when: str = ""
    """``arrived`` or ``happened``: the client is killed at that moment of its launch request."""
    pid: int | None = None
    requests: int = 0
    jobs: list[str] = field(default_factory=list)
    """One per launch that took effect."""

    def wire(self) -> dict[str, Any]:
        image = {"id": f"asset_{self.id}", "name": "a.png", "description": "one"}
        model: dict[str, Any] = {
            "id": self.id,
            "name": self.id,
            "type": "flux.2-dev-lora",
            "status": "training" if self.jobs else "new",
            "trainingImages": [image],
            "trainingImagesNumber": 1,
            "parameters": {},
        }
        if self.jobs:
            model["jobId"] = self.jobs[-1]
        return model


class Lossy:
    """The service's state; `serving` gives it an address."""

    def __init__(self) -> None:
        self.url = ""
        self.models: dict[str, Seeded] = {}
        self.on_trigger: Callable[[], None] = lambda: None
        """Called in the handler when a launch request has arrived."""
        self._lock = threading.Lock()

    def seed(self, model_id: str, **given: Any) -> Seeded:
        self.models[model_id] = Seeded(model_id, **given)
        return self.models[model_id]

    def launch(self, model: Seeded) -> str:
        with self._lock:
            model.jobs.append(f"job_{model.id}_{len(model.jobs) + 1}")
            return model.jobs[-1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    phoenix: Lossy

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _respond(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # its client was killed

    def _reset(self) -> None:
        """Close so that the client sees a reset, as when a gateway dies."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/v1").strip("/").split("/")
        models = self.phoenix.models
        if path == ["models"]:
            self._respond(200, {"models": []})
        elif path[0] == "models" and path[1] in models:
            self._respond(200, {"model": models[path[1]].wire()})
        elif path[0] == "jobs":
            self._respond(200, {"job": _job(path[1])})
        else:
            self._respond(404, {"reason": "Not found"})

    def do_PUT(self) -> None:
        address = urlsplit(self.path)
        path = address.path.removeprefix("/v1").strip("/").split("/")
        body = self._body()
        model = self.phoenix.models.get(path[1]) if path[0] == "models" else None
        if model is None:
            self._respond(404, {"reason": "Not found"})
        elif len(path) == 3 and path[2] == "train":
            if parse_qs(address.query).get("dryRun"):
                self._respond(
                    269,
                    {
                        "creativeUnitsCost": PRICE,
                        "creativeUnitsDiscount": 0,
                        "costDetails": {"train-model": PRICE},
                    },
                )
            else:
                self._trigger(model)
        else:
            self._respond(200, {"model": {**model.wire(), **body}})

    do_POST = do_PUT

    def _trigger(self, model: Seeded) -> None:
        model.requests += 1
        fate = model.fate if model.requests == 1 else "answered"
        self.phoenix.on_trigger()
        self._kill(model, "arrived")
        if fate == "reset before":
            self._reset()
            return
        if fate == "502 before":
            self._respond(502, {"message": "Bad gateway"})
            return
        if fate == "late":
            time.sleep(HOLE_SECONDS / 2)
        job_id = self.phoenix.launch(model)
        self._kill(model, "happened")
        if fate == "black hole":
            self.connection.settimeout(HOLE_SECONDS)
            with suppress(OSError):
                self.connection.recv(1)
            self._reset()
        elif fate == "reset after":
            self._reset()
        elif fate == "repeated by a proxy":
            self._respond(400, {"reason": "Model is already training"})
        elif fate.endswith(" after"):
            self._respond(int(fate[:3]), {"message": "No."})
        else:
            self._respond(
                200,
                {"job": _job(job_id), "model": model.wire(), "creativeUnitsCost": PRICE},
            )

    def _kill(self, model: Seeded, moment: str) -> None:
        if model.kill_when == moment and model.requests == 1 and model.pid is not None:
            os.kill(model.pid, signal.SIGKILL)  # our own child, waiting for this very reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take a client that was killed for granted; show anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _job(job_id: str) -> dict[str, Any]:
    return {"jobId": job_id, "jobType": "musubi-model-training", "status": "in-progress"}


@contextmanager
def serving() -> Iterator[Lossy]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    phoenix = Lossy()
    handler = type("Handler", (_Handler,), {"phoenix": phoenix})
    server = _Server(("127.0.0.1", 0), handler)
    phoenix.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield phoenix
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
