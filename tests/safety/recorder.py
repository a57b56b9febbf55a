"""Who sends what costs money: every request that buys, with the function that sent it.

In this process `install` hooks what carries requests; in children the folder ``site`` does, by way of
``PYTHONPATH``. `judge` reads what was recorded. Requests of tests themselves and of the official
client are told apart by where their code lies.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["LOG", "SITE", "environment", "install", "judge", "origin_of", "read"]

LOG = "NBTRAIN_REQUESTS_THAT_BUY"
"""Names the file that they are appended to."""
SITE = Path(__file__).with_name("site")
TESTS = str(Path(__file__).parents[1])
_BUYS = {"PUT": re.compile(r"/models/[^/]+/train$"), "POST": re.compile(r"/models/[^/]+/download$")}
_CARRIERS = (
    f"{os.sep}httpx{os.sep}",
    f"{os.sep}httpcore{os.sep}",
    f"phoenix_nbtrain{os.sep}client{os.sep}",
)
"""Code that sends what others tell it to."""
PROTOCOL, NOTEBOOKS = "the launch protocol", "the launch protocol, in notebooks"
THE_ONE = f"phoenix_nbtrain{os.sep}launch{os.sep}sending.py:send"


def environment(log: Path) -> dict[str, str]:
    """Return the variables under which this process and its children record to ``log``."""
    inherited = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    path = [str(SITE), *(p for p in inherited if p != str(SITE))]
    return {LOG: str(log), "PYTHONPATH": os.pathsep.join(path)}


def install() -> None:
    """Record what this process sends, from now on: over sockets, in the process, or to a mock."""
    import httpcore
    import httpx

    for carrier in (httpcore.ConnectionPool, httpx.WSGITransport, httpx.MockTransport):
        _hook(carrier)


def _hook(carrier: Any) -> None:
    handle = carrier.handle_request

    def recorded(self: Any, request: Any) -> Any:
        method, target = request.method, getattr(request.url, "target", None)
        if target is None:
            target = request.url.raw_path
        if isinstance(method, bytes):
            method = method.decode()
        path, _, query = target.decode().partition("?")
        pattern = _BUYS.get(method)
        if pattern and pattern.search(path) and "dryRun" not in query:
            _write(origin_of(sys._getframe(1)))
        return handle(self, request)

    carrier.handle_request = recorded


def origin_of(frame: FrameType | None) -> str:
    """Return ``file:function`` of whoever told the client to send."""
    while frame is not None:
        name = frame.f_code.co_filename
        wraps = frame.f_code.co_name == "handle_request"  # a test's transport around the real one
        if name != __file__ and not wraps and not any(carrier in name for carrier in _CARRIERS):
            # A mutation tester runs a copy of each function, under a name of its own.
            function = re.sub(r"^x(_|ǁ\w+ǁ)|__mutmut_\w+$", "", frame.f_code.co_name)
            return f"{name}:{function}"
        frame = frame.f_back
    return "nobody"


def _write(origin: str) -> None:
    log = os.environ.get(LOG)
    if log is None:
        return
    line = json.dumps({"origin": origin, "kernel": "ipykernel.kernelapp" in sys.modules})
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def read(log: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what was recorded."""
    if log.exists():
        yield from map(json.loads, log.read_text(encoding="utf-8").splitlines())


def judge(log: Path) -> tuple[Counter[str], list[str]]:
    """Return how many requests came from where, and the origins that must not be."""
    counts, wrong = Counter[str](), []
    for record in read(log):
        origin = record["origin"]
        if origin.endswith(THE_ONE):
            counts[NOTEBOOKS if record["kernel"] else PROTOCOL] += 1
        elif f"{os.sep}scenario_sdk{os.sep}" in origin:
            counts["the official client"] += 1
        elif origin.startswith(TESTS) and not record["kernel"]:
            counts["tests' own calls of the client"] += 1
        else:
            wrong.append(origin)
    return counts, wrong
