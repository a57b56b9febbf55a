"""HTTP for the client: one request, its bounded reply, and what a failure means.

Retries are a property of the operation, not of the method: `Transport.read` repeats, `Transport.once`
never does, and a launch takes `Transport.fresh`, which shares no connection with anything.
"""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

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
    shown,
)

__all__ = ["Reply", "Transport"]

REPLY_BYTES_MAX = 64 * 1024 * 1024
TRIES = 3
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Failures in which no byte of the request has left: refused, DNS, TLS, no free connection."""

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that arrived whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the decoded body, or ``None`` where it is no JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    def object(self) -> Mapping[str, Any]:
        """Return the decoded body if it is an object, else an empty one."""
        body = self.json()
        return body if isinstance(body, dict) else {}


def error_of(reply: Reply) -> ServiceError:
    """Return what a refusing reply means. All four documented body forms are read."""
    body = reply.object()
    words = next(
        (body[k] for k in ("reason", "message", "error", "detail") if isinstance(body.get(k), str)),
        "",
    )
    details = body.get("details")
    details = details if isinstance(details, dict) else {}
    said = shown(words, 140).rstrip(".") if words else f"Phoenix answered {reply.status}"
    rest: dict[str, Any] = {"status": reply.status, "details": details}
    if reply.status == 401:
        return AuthenticationFailed(
            f"{said}.", remedy="Check the key and secret, or log in with another token.", **rest
        )
    if reply.status == 403:
        # An expired token is a 403 with this header; without it, a refusal of permission.
        if "AccessDenied" in reply.headers.get("x-amzn-errortype", ""):
            return AuthenticationFailed(
                "The bearer token has expired.", remedy="Connect again with a new one.", **rest
            )
        return PermissionDenied(f"{said}.", remedy="Ask the team's owner.", **rest)
    if reply.status == 404:
        return NotFound(f"{said}.", remedy="Check the id and the project.", **rest)
    if reply.status == 429:
        return _of_429(body, details, said, reply, rest)
    if reply.status >= 500:
        return ServiceFailed(f"{said} ({reply.status}).", remedy="Try again shortly.", **rest)
    return ServiceError(f"{said}.", **rest)


def _of_429(
    body: Mapping[str, Any],
    details: Mapping[str, Any],
    said: str,
    reply: Reply,
    rest: dict[str, Any],
) -> ServiceError:
    seconds = body.get("remainingSeconds", details.get("remainingSeconds"))
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        return CoolingDown(
            f"{said}: {max(0, seconds):g} s to go.",
            remedy="Start again after that.",
            remaining_seconds=max(0.0, float(seconds)),
            **rest,
        )
    if body.get("name") == "PlanLimitReachedError" or "actionName" in details:
        limit, action = details.get("actionLimit"), details.get("actionName", "this")
        return PlanLimitReached(
            f"The plan's limit for {shown(action, 40)} is {shown(limit, 12)}.",
            remedy="Waiting does not change it; make room, or change the plan.",
            **rest,
        )
    after = retry_after(reply.headers)
    return Throttled(f"{said}.", remedy="Try again shortly.", retry_after=after, **rest)


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
    return seconds if 0 < seconds <= 60 else None


class Transport:
    """Sends requests to one base URL with one set of credentials.

    Args:
        base_url: where the service is, with its version, without a final slash.
        make_http: returns a new ``httpx.Client``; called once for all ordinary requests and
            once more for every launch.
        params: query parameters that every request carries, such as ``projectId``.
    """

    def __init__(
        self,
        *,
        base_url: str,
        make_http: Callable[[], httpx.Client],
        params: Params | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.params = dict(params or {})
        self._make_http = make_http
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._closed = False
        self._sleep = sleep

    def read(self, method: str, path: str, **sent: Any) -> Reply:
        """Send a request that changes nothing; up to three tries."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                return self.once(method, path, **sent)
            except ServiceUnreachable:
                if last:
                    raise
                wait = None
            except (Throttled, ServiceFailed) as error:
                if last:
                    raise
                wait = getattr(error, "retry_after", None)
            backoff = min(8.0, 0.5 * 2**attempt) * (1 - 0.25 * random.random())
            self._sleep(backoff if wait is None else wait)
        raise AssertionError("unreachable: the last try returns or raises")

    def once(self, method: str, path: str, **sent: Any) -> Reply:
        """Send a request exactly once."""
        return self._send(self._opened(), method, path, **sent)

    def fresh(self, method: str, path: str, **sent: Any) -> Reply:
        """Send a request exactly once, on a connection that nothing else has used."""
        with self._make_http() as http:
            return self._send(http, method, path, **sent)

    def fetch(self, url: str, *, limit: int = REPLY_BYTES_MAX) -> bytes:
        """Return what a signed URL points at. No credentials are sent, no redirect is followed.

        Raises:
            ServiceUnreachable: the URL leaves https (other than to this very service).
        """
        target, base = httpx.URL(url), httpx.URL(self.base_url)
        ours = (target.scheme, target.host, target.port) == (base.scheme, base.host, base.port)
        if not ours and target.scheme != "https":
            raise ServiceUnreachable(
                "A picture's address is not https.", sent=False, remedy="It was not fetched."
            )
        if ours:
            http = self._opened()
            return self._exchange(http, http.build_request("GET", url), limit, None).content
        with httpx.Client(follow_redirects=False, timeout=30) as http:
            return self._exchange(http, http.build_request("GET", url), limit, None).content

    def with_params(self, params: Params) -> Transport:
        """Return a transport to the same place whose requests carry other parameters."""
        return Transport(
            base_url=self.base_url, make_http=self._make_http, params=params, sleep=self._sleep
        )

    def close(self) -> None:
        """Close the connections. What is asked afterwards, in the background too, is refused."""
        with self._lock:
            self._closed = True
            if self._http is not None:
                self._http.close()
                self._http = None

    def _opened(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise ServiceUnreachable(
                    "The connection was closed.", sent=False, remedy="Connect again: nbt.connect()."
                )
            if self._http is None:
                self._http = self._make_http()
            return self._http

    def _send(
        self,
        http: httpx.Client,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
    ) -> Reply:
        request = http.build_request(
            method,
            self.base_url + path,
            params={**self.params, **(params or {})},
            json=body,
        )
        return self._exchange(http, request, REPLY_BYTES_MAX, httpx.USE_CLIENT_DEFAULT)

    def _exchange(self, http: httpx.Client, request: httpx.Request, limit: int, auth: Any) -> Reply:
        try:
            response = http.send(request, stream=True, auth=auth, follow_redirects=False)
            try:
                content = b""
                chunks = []
                size = 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > limit:
                        raise ServiceUnreachable(
                            f"The reply is larger than {limit >> 20} MB.", sent=True
                        )
                    chunks.append(chunk)
                content = b"".join(chunks)
            finally:
                response.close()
        except _NOT_SENT as error:
            raise ServiceUnreachable(
                f"Phoenix cannot be reached at {request.url.host}: {shown(str(error), 60)}.",
                sent=False,
                remedy="Check the network and the base URL.",
            ) from error
        except httpx.HTTPError as error:
            raise ServiceUnreachable(
                f"Phoenix gave no whole reply ({type(error).__name__}).",
                sent=True,
                remedy="Check the network; refresh() shows what arrived.",
            ) from error
        reply = Reply(status=response.status_code, headers=response.headers, content=content)
        if not 200 <= reply.status < 300:
            if 300 <= reply.status < 400:
                raise ServiceFailed(
                    f"Phoenix answered with a redirect ({reply.status}), which is not followed.",
                    status=reply.status,
                    remedy="Check the base URL.",
                )
            raise error_of(reply)
        return reply
