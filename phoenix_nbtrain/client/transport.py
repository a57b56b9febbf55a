"""HTTP for the client: one operation, sent as often as it may be, and its bounded reply."""

from __future__ import annotations

import json
import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpx

from phoenix_nbtrain.addresses import is_public, resolved
from phoenix_nbtrain.client.decompress import ENCODING, decompressed
from phoenix_nbtrain.client.endpoints import ENDPOINTS, Endpoint
from phoenix_nbtrain.client.replies import Reply, error_of
from phoenix_nbtrain.client.secrecy import without_secrets
from phoenix_nbtrain.client.sockets import deadline
from phoenix_nbtrain.errors import (
    PASSING,
    InputError,
    PhoenixError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.text import shown

T = TypeVar("T")

REPLY_BYTES_MAX = 64 * 1024 * 1024
FILE_BYTES_MAX = 16 * 1024 * 1024 * 1024
"""Of what goes straight to disk: the weights of large models."""
CONNECT_SECONDS = 10
_AS_IT_IS = {"Accept-Encoding": "identity"}
"""For files, which are packed already."""
_PAUSE_FIRST, _PAUSE_MAX = 0.5, 8.0
"""Seconds between tries, doubling from the first to the longest."""
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Failures in which no byte of the request has left: refused, DNS, TLS, no free connection."""

_chance = random.SystemRandom()
"""For the jitter; a notebook's own seeded random numbers are not disturbed by a retry."""

Auth = Callable[[httpx.Request], None]


class _Target(httpx.URL):
    """An address of which no repr shows the query, which may be signed."""

    def __repr__(self) -> str:
        return f"<{self.scheme}://{self.host}{self.path}>"


class _Content(bytes):
    """What a request sends, of which no repr shows more than its size."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class _Request(httpx.Request):
    """A request of which no repr shows the query."""

    def __repr__(self) -> str:
        return f"<{self.method} {_Target(self.url)!r}>"


class Transport:
    """Sends requests to one base URL with one set of credentials.

    httpx's transports are used without its client, which would follow environment and redirects,
    keep cookies, and log every address with its signature.

    Args:
        base_url: where the service is, with its version, without a final slash.
        open_wire: returns a new httpx transport to the service; called once for all ordinary
            requests and once more for every launch.
        sign: adds the credentials to a request.
        open_foreign: returns a new httpx transport to other hosts, for signed addresses.
        params: query parameters that every request carries, such as ``projectId``.
        endpoints: what each operation sends, how often and how long.
    """

    def __init__(
        self,
        *,
        base_url: str,
        open_wire: Callable[[], httpx.BaseTransport],
        sign: Auth = lambda _: None,
        open_foreign: Callable[[], httpx.BaseTransport] | None = None,
        params: Mapping[str, str] | None = None,
        endpoints: Mapping[str, Endpoint] = ENDPOINTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.params = dict(params or {})
        self.sleep = sleep
        self._open_wire = open_wire
        self._open_foreign = open_foreign or open_wire
        self._sign = sign
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._wires: dict[str, httpx.BaseTransport] = {}
        self._closed = False
        not_for_children(self)

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"

    def send(
        self,
        operation: str,
        *ids: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request, as often as ``operation`` allows without a read.

        Args:
            operation: one of `ENDPOINTS`.
            ids: what stands in its path.
            body: what is sent as JSON, or JSON that was written already.
            params: further query parameters.

        Raises:
            InputError: it cannot be written as JSON, or into an address; nothing was sent.
            ServiceUnreachable: no usable reply came.
            ServiceError: the service refused.
        """
        endpoint = self._endpoints[operation]
        path = endpoint.path_of(*ids)
        content = None if body is None else _content(body)
        asked = {**self.params, **(params or {})}
        try:
            url = httpx.URL(self.base_url + path, params=asked)
        except (httpx.InvalidURL, UnicodeError):
            raise InputError(
                f"An address cannot contain {shown(asked, 90)}.", remedy="Copy the ids again."
            ) from None

        def once() -> Reply:
            headers = {} if content is None else {"Content-Type": "application/json"}
            request = _Request(endpoint.method, url, headers=headers, content=content)
            self._sign(request)
            if endpoint.connection == "fresh":
                self._refuse_if_closed()
                with self._open_wire() as wire:
                    return _exchange(wire, request, endpoint)
            return _exchange(self._wire("ours"), request, endpoint)

        return self._repeated(once, endpoint.tries if endpoint.again == "plainly" else 1)

    def send_signed(
        self,
        operation: str,
        url: str,
        *,
        content: bytes | None = None,
        into: Path | None = None,
    ) -> Reply:
        """Send a request to a signed address: without our credentials, following no redirect.

        Args:
            operation: one of `ENDPOINTS`.
            url: the address.
            content: what is sent.
            into: the file that takes the reply's body, which the `Reply` then lacks.

        Raises:
            ServiceUnreachable: the address is neither https nor this very service's, or is one
                within this computer or network; or no whole reply came, and the file may hold a
                part.
            OSError: the file cannot be written.
        """
        target, ours = self._checked(url)
        endpoint = self._endpoints[operation]

        def once() -> Reply:
            wire = self._wire("ours" if ours else "foreign")
            request = _Request(endpoint.method, target, headers=_AS_IT_IS, content=content)
            if into is None:
                return _exchange(wire, request, endpoint)
            with into.open("wb") as file:
                return _exchange(wire, request, endpoint, into=file)

        return self._repeated(once, endpoint.tries)

    def reading_first(
        self, operation: str, send: Callable[[], T], look: Callable[[], T | None]
    ) -> T:
        """Send; where that fails in a way that may pass, look what stands before sending again.

        Args:
            operation: the one of `ENDPOINTS` that ``send`` sends.
            send: sends what is missing, once.
            look: reads the service, and returns the outcome where it stands already.
        """
        tries = self._endpoints[operation].tries
        sent = False
        for attempt in range(tries):
            try:
                return send()
            except PASSING as error:
                failure: PhoenixError = error
                sent = _mark_sent(error, earlier=sent)
            if attempt < tries - 1:
                self._pause(attempt, failure)
            try:
                # The last one may have arrived, too, and only its reply be lost.
                found = look()
            except PASSING:
                break  # what stands is not known, so the failure to tell of is the write's
            if found is not None:
                return found
        raise failure

    def with_params(self, params: Mapping[str, str]) -> Transport:
        """Return a transport to the same place whose requests carry other parameters."""
        return Transport(
            base_url=self.base_url,
            open_wire=self._open_wire,
            sign=self._sign,
            open_foreign=self._open_foreign,
            params=params,
            endpoints=self._endpoints,
            sleep=self.sleep,
        )

    def close(self) -> None:
        """Close the connections. What is asked afterwards, in the background too, is refused."""
        with self._lock:
            self._closed = True
            wires, self._wires = list(self._wires.values()), {}
        for wire in wires:
            wire.close()

    def _repeated(self, once: Callable[[], Reply], tries: int) -> Reply:
        sent = False
        for attempt in range(tries):
            try:
                return once()
            except PASSING as error:
                sent = _mark_sent(error, earlier=sent)
                if attempt == tries - 1:
                    raise
                self._pause(attempt, error)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, attempt: int, error: PhoenixError) -> None:
        wait = error.retry_after if isinstance(error, Throttled | ServiceFailed) else None
        backoff = min(_PAUSE_MAX, _PAUSE_FIRST * 2**attempt) * (1 - 0.25 * _chance.random())
        self.sleep(backoff if wait is None else wait)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ServiceUnreachable(
                "The connection was closed.", sent=False, remedy="Connect again: nbt.connect()."
            )

    def _wire(self, whose: str) -> httpx.BaseTransport:
        with self._lock:
            self._refuse_if_closed()
            if whose not in self._wires:
                made = self._open_wire if whose == "ours" else self._open_foreign
                self._wires[whose] = made()
            return self._wires[whose]

    def _checked(self, url: str) -> tuple[_Target, bool]:
        try:
            target = _Target(url)
        except (httpx.InvalidURL, TypeError, ValueError):
            target = _Target()
        base = httpx.URL(self.base_url)
        ours = (target.scheme, target.host, target.port) == (base.scheme, base.host, base.port)
        if not ours and (target.scheme != "https" or target.userinfo or _is_inside(target.host)):
            raise ServiceUnreachable(
                "A signed address of the service is not https, or leads into this network.",
                sent=False,
                remedy="It was not used.",
            )
        return target, ours


def _mark_sent(error: PhoenixError, *, earlier: bool) -> bool:
    """Return whether this try or an earlier one may have left, and let the error say so."""
    if not isinstance(error, ServiceUnreachable):
        return True
    error.sent = error.sent or earlier
    return error.sent


def _is_inside(host: str) -> bool:
    """Whether a host is, by its name, this computer or in a network of its own."""
    name = host.lower().rstrip(".")
    try:
        return not is_public(resolved(name))
    except ValueError:
        return not name or name == "localhost" or name.endswith(".localhost")


def _content(body: Any) -> bytes:
    return _Content(body if isinstance(body, bytes) else as_json(body))


def as_json(body: Any) -> bytes:
    """Return ``body`` as JSON.

    Raises:
        InputError: it cannot be written.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"This cannot be sent: {shown(str(error), 80)}.",
            remedy="Use strings, finite numbers, lists and mappings.",
        ) from None


def _exchange(
    wire: httpx.BaseTransport,
    request: httpx.Request,
    endpoint: Endpoint,
    *,
    into: BinaryIO | None = None,
) -> Reply:
    """Send once; a good reply's body goes ``into`` a file, if one is given.

    The failure holds nothing of httpx's, whose errors carry the signed request; and of what fails
    otherwise, Ctrl-C included, the frames of others are emptied, which hold it as well.
    """
    from phoenix_nbtrain import __version__

    request.headers.setdefault("Accept", "application/json, */*;q=0.5")
    request.headers.setdefault("Accept-Encoding", ENCODING)
    request.headers.setdefault("User-Agent", f"phoenix-nbtrain/{__version__}")
    waits = dict.fromkeys(("read", "write"), endpoint.seconds)
    waits |= dict.fromkeys(("connect", "pool"), min(CONNECT_SECONDS, endpoint.seconds))
    request.extensions["timeout"] = waits
    failure: PhoenixError
    try:
        with deadline(endpoint.seconds):
            reply = _whole(wire.handle_request(request), into)
    except _NOT_SENT as error:
        failure = ServiceUnreachable(
            f"Phoenix cannot be reached at {shown(request.url.host, 40)}: "
            f"{shown(without_secrets(str(error)), 60)}.",
            sent=False,
            remedy="Check the network and the base URL.",
        )
    except httpx.HTTPError as error:
        slow = isinstance(error, httpx.TimeoutException)
        why = f"within {endpoint.seconds:g} s" if slow else f"({type(error).__name__})"
        failure = ServiceUnreachable(
            f"Phoenix sent no complete reply {why}.",
            sent=True,
            remedy="Check the network; refresh() shows what arrived.",
        )
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
    else:
        if 200 <= reply.status < 300:
            return reply
        failure = error_of(reply)
    raise failure


def _whole(response: httpx.Response, into: BinaryIO | None) -> Reply:
    save = into.write if into is not None and response.is_success else None
    limit = REPLY_BYTES_MAX if save is None else FILE_BYTES_MAX
    chunks, size = [], 0
    with closing(response):
        for chunk in decompressed(response):
            size += len(chunk)
            if size > limit:
                raise ServiceUnreachable(f"The reply is larger than {limit >> 20:,} MB.", sent=True)
            if save is None:
                chunks.append(chunk)
            else:
                save(chunk)
    return Reply(status=response.status_code, headers=response.headers, content=b"".join(chunks))
