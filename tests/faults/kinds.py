"""What can become of a request between a client and a service; `FAULTS` by name.

The proxy plants them on real sockets, `LocalWire` within the process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

__all__ = ["FAULTS", "INTERRUPT", "Fault", "answer"]

Effect = Literal["none", "done", "twice"]
How = Literal[
    "refused", "silence", "reset", "half", "stall", "trickle", "no http", "interrupt", "answer"
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How much of a request takes effect, and what comes back."""

    effect: Effect = "none"
    how: How = "answer"
    status: int = 0
    """Of an answer; 0 for the service's own."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def slow(self) -> bool:
        """Whether only the client's own deadline ends it."""
        return self.how in ("silence", "stall", "trickle")

    @property
    def pause(self) -> float | None:
        """The seconds that the service asks to wait."""
        seconds = dict(self.headers).get("Retry-After")
        return None if seconds is None else float(seconds)


def answer(status: int, body: object, *, effect: Effect = "none", **headers: str) -> Fault:
    """Answer with an object, or with the text of a page."""
    page = isinstance(body, str)
    named = {
        "Content-Type": "text/html" if page else "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Fault(
        effect=effect,
        status=status,
        headers=tuple(named.items()),
        body=body.encode() if isinstance(body, str) else json.dumps(body).encode(),
    )


_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_NOT_JSON = "\x00\x01 this is not JSON {"
_CEILING = {
    "reason": "Plan limit reached",
    "name": "PlanLimitReachedError",
    "details": {"actionName": "add-training-image", "actionLimit": 10, "actionValue": 10},
}
_EXPIRED = {"message": "The security token included in the request is expired"}

FAULTS: dict[str, Fault] = {
    "refused": Fault(how="refused"),
    "black hole": Fault(how="silence"),
    "reset": Fault(how="reset"),
    "408": answer(408, {"message": "Request Timeout"}),
    "409": answer(409, {"message": "Conflict"}),
    "500": answer(500, {"message": "Internal Server Error"}),
    "502": answer(502, _PAGE),
    "503": answer(503, {"message": "Service Unavailable"}, Retry_After="7"),
    "throttle": answer(429, {"message": "Too Many Requests"}, Retry_After="7"),
    "cooldown": answer(429, {"reason": "Wait", "remainingSeconds": 42}),
    "ceiling": answer(429, _CEILING),
    "expired": answer(403, _EXPIRED, x_amzn_errortype="AccessDeniedException"),
    "blocked": answer(403, _PAGE),
    "garbage": answer(200, _NOT_JSON),
    "no http": Fault(how="no http"),
    "408, done": answer(408, {"message": "Request Timeout"}, effect="done"),
    "502, done": answer(502, _PAGE, effect="done"),
    "garbage, done": answer(200, _NOT_JSON, effect="done"),
    "no http, done": Fault(effect="done", how="no http"),
    "reset, done": Fault(effect="done", how="reset"),
    "half, done": Fault(effect="done", how="half"),
    "stall, done": Fault(effect="done", how="stall"),
    "trickle, done": Fault(effect="done", how="trickle"),
    "silence, done": Fault(effect="done", how="silence"),
    "repeated": Fault(effect="twice"),
}
"""By name. Those that end in ``done`` come after the request took effect; ``repeated`` is a
request that something on the way sends twice, and the second's answer comes back."""

INTERRUPT = Fault(how="interrupt")
"""Ctrl-C while the client waits; within the process only."""
