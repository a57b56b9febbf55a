"""Refusals, as the service words them."""

from __future__ import annotations

from typing import Any


class Refused(Exception):  # a reply on its way, no error of ours
    """The request is refused; the reply is ready."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def bad(reason: str) -> Refused:
    """Return a 400 in the service's form, ``{"reason": …}``."""
    return Refused(400, {"reason": reason})


def plan_limit(action: str, *, limit: int, value: int) -> Refused:
    """Return the 429 of a plan's ceiling, which waiting does not cure."""
    details = {
        "actionLimit": limit,
        "actionName": action,
        "actionValue": value,
        "limitScope": "team",
    }
    body = {"reason": "Plan limit reached", "name": "PlanLimitReachedError", "details": details}
    return Refused(429, body)
