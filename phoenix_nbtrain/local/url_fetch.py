"""Fetches the image behind a URL that somebody pasted, from public addresses only.

Such a URL may point into this computer, its network or a cloud's metadata: by its name, by a
redirect, or by a name that resolves to another address a moment later. So a name is resolved
once, all its addresses are checked, and the connection goes to an address that was checked. Each
redirect is checked in the same way. No cookies, credentials or proxies of the environment are used.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from phoenix_nbtrain.addresses import DEFAULT_PORTS, is_public
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.text import shown

SECONDS_MAX = 30.0
"""For one image, from the first name lookup to the last byte, redirects included."""
CONNECT_SECONDS = 10.0
REDIRECTS_MAX = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_DOWNLOAD_IT = "Download the image yourself and add the file."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a URL points: scheme, host, port, and what to ask for there."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query."""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            InputError: images are not fetched from it.
        """
        if not url.isprintable() or " " in url or "\\" in url:
            raise InputError("The URL holds characters that no URL has.", remedy="Copy it again.")
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
        except ValueError:
            raise InputError("This is not a URL.", remedy=_DOWNLOAD_IT) from None
        if parts.scheme not in DEFAULT_PORTS:
            raise InputError(
                f"Images are not fetched from {shown(parts.scheme or 'nowhere', 20)}: URLs.",
                remedy="Give an http or https URL, or add the file itself.",
            )
        if "@" in parts.netloc:
            raise InputError(
                "The URL holds a user name.", remedy="Leave out everything up to the @."
            )
        try:
            name = host if ":" in host else host.encode("idna").decode("ascii")
        except UnicodeError:
            name = ""
        if not name or port == 0:
            raise InputError("The URL names no host.", remedy="Copy it again.")
        return cls(parts.scheme, name, port or DEFAULT_PORTS[parts.scheme], _target(parts))

    @property
    def authority(self) -> str:
        """Host and port as the request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def file_name(self) -> str:
        """What the image is called: the last part of the path, else the host."""
        last = unquote(self.target.partition("?")[0].rpartition("/")[2], errors="replace")
        name = "".join(c for c in last if c.isprintable())[:200].strip()
        return name or self.host[:200]


def fetch(url: str, *, private: bool = False) -> bytes:
    """Return the bytes behind a URL, at most as many as an image may have.

    Whether they are an image is for the decoder to say; the ``Content-Type`` is ignored.

    Args:
        url: http or https, without user name and password.
        private: whether addresses that are not public are connected to as well.

    Raises:
        InputError: it must not be fetched, or cannot be; no byte was asked of an address that
            is not public.
    """
    until = time.monotonic() + SECONDS_MAX
    for _ in range(REDIRECTS_MAX + 1):
        address = Address.parse(url)
        try:
            moved, content = _get(address, until, private=private)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, InputError):
                raise
            why = (
                _why(error)
                if time.monotonic() < until
                else f"took more than {SECONDS_MAX:.0f} seconds"
            )
            raise InputError(f"{shown(address.host, 60)} {why}.", remedy=_DOWNLOAD_IT) from error
        if moved is None:
            return content
        try:
            url = urljoin(url, moved)
        except ValueError:
            raise InputError("The URL leads to none.", remedy=_DOWNLOAD_IT) from None
    raise InputError(
        f"The URL leads on and on, more than {REDIRECTS_MAX} times.", remedy=_DOWNLOAD_IT
    )


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        detail = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return f"has no certificate that can be trusted: {shown(detail, 50)}"
    return f"could not be read: {shown(str(error), 60)}"


def _get(address: Address, until: float, *, private: bool) -> tuple[str | None, bytes]:
    """Return where the reply leads on to, or its bytes."""
    headers = {
        "Host": address.authority,
        "Accept": "image/jpeg, image/png, image/webp",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "phoenix-nbtrain",
    }
    connection = http.client.HTTPConnection(address.host, address.port)
    # Given its socket, the connection never resolves or connects by itself.
    with _connected(address, until, private=private) as connection.sock:
        connection.request("GET", address.target, headers=headers)
        with connection.getresponse() as reply:
            if reply.status in _REDIRECTS and (moved := reply.headers.get("Location")):
                return moved, b""
            if reply.status != http.client.OK:
                raise InputError(
                    f"{shown(address.host, 60)} answered {reply.status}.",
                    remedy="Open the URL in a browser to see why.",
                )
            if (reply.length or 0) > BYTES_MAX or len(
                content := reply.read(BYTES_MAX + 1)
            ) > BYTES_MAX:
                raise InputError(
                    f"The file has more than {BYTES_MAX // 1_000_000} MB.",
                    remedy="Make the image smaller and add the file.",
                )
            if reply.length or time.monotonic() >= until:
                raise ConnectionError("the reply ended early")
            return None, content


@contextmanager
def _connected(address: Address, until: float, *, private: bool) -> Iterator[socket.socket]:
    """Yield a connection to an address that was checked, TLS included, hung up when time is up."""
    with ExitStack() as stack:
        plain = stack.enter_context(
            _reached(resolve(address, until, private=private), address.port, until)
        )
        # A slow server may keep every single read within its time and the whole without end.
        # Of a socket of its own, as TLS takes the other one over.
        alarm = threading.Timer(
            until - time.monotonic(), _hang_up, (stack.enter_context(plain.dup()),)
        )
        alarm.daemon = True
        stack.callback(alarm.cancel)
        alarm.start()
        if address.scheme == "https":
            context = ssl.create_default_context()
            plain = stack.enter_context(context.wrap_socket(plain, server_hostname=address.host))
        yield plain


def _hang_up(connected: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        connected.shutdown(socket.SHUT_RDWR)


def _reached(addresses: list[str], port: int, until: float) -> socket.socket:
    """Return a connection to the first address that takes one."""
    error: OSError = TimeoutError("no time was left")
    for ip in addresses:
        patience = min(CONNECT_SECONDS, until - time.monotonic())
        if patience > 0:
            try:
                return connect(ip, port, patience)
            except OSError as failure:
                error = failure
    raise error


def connect(ip: str, port: int, patience: float) -> socket.socket:
    """Return a connection to an IP address; there is nothing left to resolve."""
    return socket.create_connection((ip, port), timeout=patience)


def resolve(address: Address, until: float, *, private: bool) -> list[str]:
    """Return the addresses of a host, all of them checked.

    Raises:
        InputError: there is none, or one is not public.
    """
    answers: queue.Queue[list[str]] = queue.Queue()

    def ask() -> None:
        found = []
        with suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))

    # The resolver knows no time limit, so it is asked from a thread that can be left behind.
    threading.Thread(target=ask, name="look up a host", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise TimeoutError("its name was not found in time") from None
    host = shown(address.host, 60)
    if not found:
        raise InputError(f"There is no {host}.", remedy="Check the URL's spelling.")
    if not private and not all(map(is_public, found)):
        # One is enough: the owner of the name must not choose which of them is connected to.
        raise InputError(
            f"{host} is no public address.",
            remedy="Add the file, or allow it: phoenix-nbtrain settings import_private=true",
        )
    return found


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    # What is written in a script of its own goes as its UTF-8, escaped; the rest as it is.
    return "".join(c if c.isascii() else quote(c, errors="replace") for c in target)
