"""What can become of a request between a client and a service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

__all__ = ["FAULTS", "Fault"]

Effect = Literal["none", "done", "twice"]
How = Literal["refused", "silence", "reset", "half", "stall", "trickle", "no http", "answer"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How much of a request takes effect, and what comes back."""

    effect: Effect = "none"
    how: How = "answer"
    status: int = 0
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


def _answer(status: int, body: object, *, effect: Effect = "none", **headers: str) -> Fault:
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
    "408": _answer(408, {"message": "Request Timeout"}),
    "409": _answer(409, {"message": "Conflict"}),
    "500": _answer(500, {"message": "Internal Server Error"}),
    "502": _answer(502, _PAGE),
    "503": _answer(503, {"message": "Service Unavailable"}, Retry_After="7"),
    "throttle": _answer(429, {"message": "Too Many Requests"}, Retry_After="7"),
    "cooldown": _answer(429, {"reason": "Wait", "remainingSeconds": 42}),
    "ceiling": _answer(429, _CEILING),
    "expired": _answer(403, _EXPIRED, x_amzn_errortype="AccessDeniedException"),
    "blocked": _answer(403, _PAGE),
    "garbage": _answer(200, _NOT_JSON),
    "no http": Fault(how="no http"),
    "408, done": _answer(408, {"message": "Request Timeout"}, effect="done"),
    "502, done": _answer(502, _PAGE, effect="done"),
    "garbage, done": _answer(200, _NOT_JSON, effect="done"),
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
