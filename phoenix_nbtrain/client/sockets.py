"""Sockets with a deadline for the whole exchange.

httpx counts its timeouts anew for every chunk, so that a server which sends a byte every few
seconds holds a call for ever. Here each wait on the network gets what is left of the exchange.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from phoenix_nbtrain.client.network import Proxy, proxy_for, tls_context, unreachable
from phoenix_nbtrain.client.secrecy import keep_out_of_logs
from phoenix_nbtrain.clock import ticks

_WRITTEN_AT_ONCE = 64 * 1024
_SHORTEST = 0.001
"""Seconds; a timeout of 0 would mean a socket that never waits."""

_NO_CONNECTION = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError)
"""Failures of connecting: no byte of the request has left."""

_until: ContextVar[float | None] = ContextVar("phoenix_nbtrain_deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let every wait on the network within this block end after ``seconds`` in all."""
    token = _until.set(ticks() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def _left(timeout: float | None) -> float | None:
    until = _until.get()
    if until is None:
        return timeout
    left = max(until - ticks(), _SHORTEST)
    return left if timeout is None else min(left, timeout)


class SocketTransport(httpx.BaseTransport):
    """Sends requests over the network, one thread's exchange within its `deadline`.

    Proxies and certificates are those of the environment; see `phoenix_nbtrain.client.network`.
    """

    def __init__(self) -> None:
        keep_out_of_logs()
        self._lock = threading.Lock()
        self._pools: dict[tuple[Proxy | None, bool], httpcore.ConnectionPool] = {}
        self._tls: ssl.SSLContext | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the reply, its body unread.

        Raises:
            ServiceUnreachable: no connection came about, so nothing was sent.
            httpx.TransportError: the exchange broke off.
        """
        assert isinstance(request.stream, httpx.SyncByteStream)
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        proxy = proxy_for(request.url)
        pool = self._pool(proxy, secure=request.url.scheme == "https")
        try:
            with _httpx_errors():
                reply = pool.handle_request(sent)
        except _NO_CONNECTION as error:
            failure = unreachable(request.url.host, proxy, error)
        else:
            return _response(reply)
        # Not within the handler: the failure that it handles holds the signed request.
        raise failure

    def close(self) -> None:
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, proxy: Proxy | None, *, secure: bool) -> httpcore.ConnectionPool:
        # The certificates take a tenth of a second to read: only where they are wanted.
        secure = secure or (proxy is not None and proxy.url.startswith("https"))
        with self._lock:
            if (proxy, secure) not in self._pools:
                if secure and self._tls is None:
                    self._tls = tls_context()
                self._pools[proxy, secure] = httpcore.ConnectionPool(
                    ssl_context=self._tls,
                    proxy=None if proxy is None else _httpcore_proxy(proxy),
                    max_connections=32,
                    max_keepalive_connections=16,
                    keepalive_expiry=5,
                    network_backend=_Backend(),
                )
            return self._pools[proxy, secure]


def _httpcore_proxy(proxy: Proxy) -> httpcore.Proxy:
    name, password = proxy.auth or ("", None)
    auth = None if password is None else (name, password.reveal())
    return httpcore.Proxy(proxy.url, auth=auth)


def _response(reply: httpcore.Response) -> httpx.Response:
    """Return a reply as httpx's, without its own words for its status, which a repr would show."""
    assert isinstance(reply.stream, Iterable)
    return httpx.Response(reply.status, headers=reply.headers, stream=_Body(reply.stream))


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Turn httpcore's errors into httpx's, which have the same names, but for `_NO_CONNECTION`."""
    try:
        yield
    except _NO_CONNECTION:
        raise
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__, httpx.TransportError)(str(error)) from None


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            return _Stream(
                self._plain.connect_tcp(host, port, _left(timeout), local_address, socket_options)
            )
        except UnicodeError as error:  # a name that no resolver takes
            raise httpcore.ConnectError("this is not a host name") from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        until = _until.get()
        if until is not None and ticks() > until:
            # What is late must not begin at all: by now somebody may count on its being over.
            raise httpcore.WriteTimeout("the request took too long")
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            self._stream.write(buffer[start : start + _WRITTEN_AT_ONCE], _left(timeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
