"""What a reply is, what a dry run or a launch came back with, and what a refusal means."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix_nbtrain.client.secrecy import words_without_secrets
from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    CoolingDown,
    NotFound,
    PermissionDenied,
    PlanLimitReached,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.records import Job, LaunchReply, Model, Quote, amount, text
from phoenix_nbtrain.text import lasting, shown

QUOTED = 269
"""The HTTP status of a dry run."""
PAUSE_MAX = 60
"""Seconds: a service that asks for a longer pause is not waited for."""
_LIKE_5XX = (408, 409)
"""Refusals that the same request may not meet again: too slow, or at the same time as another."""
_WORDS_MAX = 120
"""Characters of the service's own words that a message quotes."""


_REFUSED: Mapping[int, tuple[type[ServiceError], str]] = {
    401: (AuthenticationFailed, "Check the key and secret, or log in with another token."),
    403: (PermissionDenied, "Ask the team's owner."),
    404: (NotFound, "Check the id and the project."),
}
"""What a refusal is by its status, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that arrived whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the decoded body, or ``None`` where it is no JSON.

        What it says to people holds no secret: no message, detail, hint or status.
        """
        try:
            return words_without_secrets(json.loads(self.content))
        except (ValueError, RecursionError):
            return None

    def object(self) -> dict[str, Any]:
        """Return the decoded body, which must be an object.

        Raises:
            ServiceUnreachable: it is none; a proxy's page, say, is no reply of the service.
        """
        body = self.json()
        if isinstance(body, dict):
            return body
        del body  # what is not ours is in no variable that a traceback could show
        raise _no_reply_of_the_service(self.status)

    def inner(self, key: str) -> dict[str, Any]:
        """Return the object under ``key``.

        Raises:
            ServiceUnreachable: there is none.
        """
        value = self.object().get(key)
        if isinstance(value, dict):
            return value
        del value
        raise ServiceUnreachable(
            f"Phoenix's reply has no {key}.",
            sent=True,
            remedy="training.refresh() reads it again.",
        )

    def refuse_page(self) -> None:
        """Raise where the reply is a web page, whose status is not the service's.

        Raises:
            ServiceUnreachable: it is one.
        """
        if self.is_page:
            raise _no_reply_of_the_service(self.status)

    @property
    def is_page(self) -> bool:
        """Whether it is a web page."""
        return bool(self.content) and "html" in self.headers.get("content-type", "")

    def objects(self, key: str) -> list[dict[str, Any]]:
        """Return the objects in the list under ``key``; none where it is missing."""
        value = self.object().get(key)
        return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _no_reply_of_the_service(status: int) -> ServiceUnreachable:
    # Counted as sent: a proxy that dislikes a reply may put its own page in the reply's place.
    return ServiceUnreachable(
        f"The reply ({status}) is not from Phoenix.",
        sent=True,
        remedy="Check the base URL, and whether a proxy or login page is in between.",
    )


def priced(reply: Reply) -> Quote | LaunchReply:
    """Return a dry run's price, or what it launched against the service's documentation.

    Raises:
        ServiceUnreachable: the reply is neither; it does not count as a price.
    """
    body = reply.object()
    # A job, or any success that is none of a dry run and speaks of a model: it launched.
    if body.get("job") or body.get("jobId") or (reply.status != QUOTED and body.get("model")):
        return launched(reply)
    price = Quote.from_wire(body) if reply.status == QUOTED else None
    if price is not None:
        return price
    del body  # what is not ours is in no variable that a traceback could show
    raise ServiceUnreachable(
        "The dry run returned no usable cost.",
        sent=True,
        remedy="Nothing was charged; estimate again.",
    )


def launched(reply: Reply) -> LaunchReply:
    """Return what a request without ``dryRun`` came back with."""
    body = reply.object()
    job, model = body.get("job"), body.get("model")
    # A download's reply is the id alone.
    job = job if isinstance(job, dict) else {"jobId": body.get("jobId")}
    found = Job.from_wire(job)
    if reply.status == QUOTED and not found.id:
        return LaunchReply(outcome="quoted")
    return LaunchReply(
        outcome="launched",
        job=found if found.id else None,
        model=Model.from_wire(model) if isinstance(model, dict) else None,
        cost=amount(body.get("creativeUnitsCost")),
    )


def error_of(reply: Reply) -> ServiceError | ServiceUnreachable:
    """Return what a refusing reply means.

    Four forms of bodies are known: ``{"reason", "name"?, "details"?}``, ``{"message"}``,
    ``{"status": "error", "code", "message"}``, and text that is no JSON. A refusal that is a web
    page, or asks to log in to a proxy, comes from something on the way.
    """
    final = 400 <= reply.status < 500 and reply.status not in (*_LIKE_5XX, 429)
    if reply.status == 407 or (final and reply.is_page):
        return _no_reply_of_the_service(reply.status)
    body = reply.json()
    body = body if isinstance(body, dict) else {}
    details = body.get("details")
    details = details if isinstance(details, dict) else {}
    words = text("reason", "message", "error", "detail").of(body).strip()
    said = shown(words, _WORDS_MAX).rstrip(".") or f"Phoenix answered {reply.status}"
    rest: dict[str, Any] = {"status": reply.status, "details": details}
    if 300 <= reply.status < 400:
        return ServiceFailed(
            f"Phoenix answered with a redirect ({reply.status}), which is not followed.",
            remedy="Check the base URL.",
            **rest,
        )
    # An expired token is a 403 with this header; without it, a refusal of permission.
    if reply.status == 403 and "AccessDenied" in reply.headers.get("x-amzn-errortype", ""):
        return AuthenticationFailed(
            "The credentials were refused: a token has expired, or a key is no longer valid.",
            remedy="Connect again with new ones.",
            **rest,
        )
    if reply.status == 429:
        return _of_429(body, details, said, reply, rest)
    if reply.status == 500 and "x-phoenix-local" in reply.headers and words.endswith("."):
        # Our own words about the local data folder, which say what to do; waiting does not help.
        return ServiceFailed(f"{said}.", **rest)
    if reply.status >= 500 or reply.status in _LIKE_5XX:
        return ServiceFailed(
            f"{said} ({reply.status}).",
            remedy="Try again shortly.",
            retry_after=retry_after(reply.headers),
            **rest,
        )
    kind, remedy = _REFUSED.get(reply.status, (ServiceError, ""))
    return kind(f"{said}.", remedy=remedy, **rest)


def _of_429(
    body: Mapping[str, Any],
    details: Mapping[str, Any],
    said: str,
    reply: Reply,
    rest: dict[str, Any],
) -> ServiceError:
    """Tell apart a plan's ceiling, a cooldown and too many requests."""
    for seconds in (_seconds(body), _seconds(details)):
        if seconds is not None:
            return CoolingDown(
                f"{said}: the next can start in {lasting(seconds)}.",
                remedy="Try again then.",
                remaining_seconds=seconds,
                **rest,
            )
    if body.get("name") == "PlanLimitReachedError" or "actionName" in details:
        limit, action = details.get("actionLimit"), details.get("actionName", "this")
        return PlanLimitReached(
            f"The plan's limit for {shown(action, 40)} is {shown(limit, 12)}.",
            remedy="Waiting won't help; free up room or change the plan.",
            **rest,
        )
    after = retry_after(reply.headers)
    return Throttled(f"{said}.", remedy="Try again shortly.", retry_after=after, **rest)


def _seconds(body: Mapping[str, Any]) -> float | None:
    """Return the seconds of a cooldown, if it is a time that anyone could wait: ten years."""
    value = body.get("remainingSeconds")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0.0, float(value)) if value < 3e8 else None  # NaN is below nothing


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, if it is a sane wish: 0 < t ≤ 60."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return seconds if 0 < seconds <= PAUSE_MAX else None
