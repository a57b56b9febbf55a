"""The way to the network as the environment describes it, and what was wrong with it.

Proxies and certificates are set by variables that many programs share, so a wrong one may come from
anywhere. Each failure names the variable, and shows no proxy's password.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import socket
import ssl
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import httpcore
import httpx

from phoenix_nbtrain.addresses import LOOPBACK
from phoenix_nbtrain.client.secrecy import Secret, without_secrets
from phoenix_nbtrain.errors import ServiceUnreachable
from phoenix_nbtrain.text import shown

_SCHEMES = ("http", "https", "socks5", "socks5h")
_EXPIRED = {9: "is not valid yet", 10: "has expired"}
"""By OpenSSL's code of what is wrong with a certificate."""
_UNKNOWN_ISSUER = {
    18: "is self-signed",
    19: "comes from an issuer that is not trusted here",
    20: "comes from an issuer that is not known here",
    21: "comes from an issuer that is not known here",
}
_OTHER_NAME = {62: "is for another name", 64: "is for another address"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy that the environment names."""

    url: str
    """Its address, without a name and a password."""
    auth: tuple[str, Secret] | None = field(default=None, repr=False)
    source: str
    """The variable that names it."""
    sent: Secret | None = field(default=None, repr=False)
    """Name and password as they are sent, kept out of all words while the proxy is used."""

    def __str__(self) -> str:
        return f"{shown(self.url, 60)} ({self.source})"


def proxy_for(url: httpx.URL | str) -> Proxy | None:
    """Return the environment's proxy for ``url``, if any; there is none for this computer.

    Raises:
        ServiceUnreachable: what it names is no proxy, or one that cannot be used.
    """
    url = httpx.URL(url)
    if url.host in LOOPBACK or urllib.request.proxy_bypass(url.host):
        return None
    found = urllib.request.getproxies()
    kind = next((kind for kind in (url.scheme, "all") if found.get(kind)), None)
    return None if kind is None else _proxy(found[kind].strip(), _variable(f"{kind}_proxy"))


def _variable(name: str) -> str:
    """Return a variable as it is spelled in the environment; small letters count first."""
    names = (name, name.upper(), *os.environ)
    found = (known for known in names if known.lower() == name and os.environ.get(known))
    return next(found, "this system's settings")


def _proxy(given: str, source: str) -> Proxy:
    given = given if "://" in given else f"http://{given}"
    # Without what may be a name and a password, also where the rest cannot be read.
    scheme, _, rest = given.partition("://")
    seen = shown(f"{scheme}://{rest.rpartition('@')[2]}", 50)
    try:
        url = httpx.URL(given)
        good = re.fullmatch(r"[\w.:-]+", url.host) and (url.port is None or 0 < url.port < 1 << 16)
    except (httpx.InvalidURL, ValueError):
        good = False
    if not good:
        raise _wrong(
            f"{source} names an invalid proxy: {seen}.",
            f"Write http://host:port, or unset {source}.",
        )
    if url.scheme not in _SCHEMES:
        raise _wrong(
            f"{source} names a kind of proxy that is not supported: {seen}.",
            f"Use http://, https:// or socks5://, or unset {source}.",
        )
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise _wrong(
            f"{source} names a SOCKS proxy, {seen}, which needs the package socksio.",
            f"pip install socksio, or unset {source}.",
        )
    plain = str(url.copy_with(username=None, password=None, path="/")).rstrip("/")
    if not url.username:
        return Proxy(url=plain, source=source)
    pair = base64.b64encode(f"{url.username}:{url.password}".encode()).decode("ascii")
    return Proxy(
        url=plain,
        auth=(url.username, Secret(url.password)),
        source=source,
        sent=Secret(pair),
    )


def certificates() -> str | None:
    """Return the variable that says which certificates are trusted, with its value, if any does."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # in the order in which httpx takes them
        if os.environ.get(name):
            return f"{name}={shown(os.environ[name], 60)}"
    return None


def tls_context() -> ssl.SSLContext:
    """Return how TLS connections are made, by the environment's certificates, else certifi's.

    Raises:
        ServiceUnreachable: the environment names a file or a folder that cannot be used.
    """
    given = certificates()
    if given is not None and given.startswith("SSL_CERT_DIR"):
        folders = os.environ["SSL_CERT_DIR"].split(os.pathsep)
        if not any(Path(folder).is_dir() for folder in folders):
            raise _wrong(
                f"{given} is not a folder.", "Unset it, or name a folder of CA certificates."
            )
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # an SSLError is one, too
        why = error.strerror if not isinstance(error, ssl.SSLError) and error.strerror else ""
        if error.filename is not None:  # of these, only the log's file is told by its name
            log = shown(os.environ.get("SSLKEYLOGFILE", error.filename), 60)
            failure = _wrong(
                f"SSLKEYLOGFILE={log} cannot be written: {why}.",
                "Unset it, or name a file that can be.",
            )
        elif given is not None:
            failure = _wrong(
                f"{given} {f'cannot be read: {why}' if why else 'holds no usable certificates'}.",
                "Unset it, or name a file of CA certificates (PEM).",
            )
        else:
            failure = _wrong(
                f"The certificates of this Python cannot be read: {why or shown(str(error), 60)}.",
                "pip install --force-reinstall certifi",
            )
    raise failure


def unreachable(host: str, proxy: Proxy | None, error: Exception) -> ServiceUnreachable:
    """Return what it means that no connection to ``host`` came about.

    Args:
        host: where the request was to go.
        proxy: through which proxy.
        error: httpcore's failure, before any byte of the request left.
    """
    name = shown(host, 60)
    cause = error.args[0] if error.args else None  # what the system said, as httpcore hands it on
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(name, cause)
    if isinstance(cause, ssl.SSLError):
        why = (cause.reason or "unknown").lower().replace("_", " ")
        return _wrong(
            f"No TLS connection to {name} could be made: {shown(why, 60)}.",
            "Check the base URL and any proxy or firewall in between.",
        )
    if isinstance(error, httpcore.ProxyError) and proxy is not None:
        return _proxy_refuses(name, proxy, str(error))
    if isinstance(error, httpcore.ConnectTimeout):
        why = "no answer in time"
    elif isinstance(cause, socket.gaierror):
        why = "its name could not be resolved"
    elif isinstance(cause, OSError) and cause.strerror:
        why = cause.strerror
    else:
        why = shown(without_secrets(str(error)), 60)
    if proxy is not None:
        return _wrong(
            f"The proxy {proxy} cannot be reached: {why}.",
            f"Check {proxy.source}, or list {name} in NO_PROXY.",
        )
    return _wrong(
        f"Phoenix cannot be reached at {name}: {why}.", "Check the network and the base URL."
    )


def _certificate(name: str, error: ssl.SSLCertVerificationError) -> ServiceUnreachable:
    code, given = error.verify_code, certificates()
    if code in _EXPIRED:
        what, remedy = (
            _EXPIRED[code],
            "Check this computer's clock; if it is right, the server's certificate is out of date.",
        )
    elif code in _UNKNOWN_ISSUER:
        what = _UNKNOWN_ISSUER[code]
        remedy = (
            "If your network inspects TLS, set SSL_CERT_FILE to a file with its CA (PEM)."
            if given is None
            else f"{given} lacks it: add the CA there, or unset it."
        )
    elif code in _OTHER_NAME:
        what, remedy = _OTHER_NAME[code], "Check the base URL and any proxy in between."
    else:
        what = f"is not accepted ({shown(error.verify_message, 50)})"
        remedy = "SSL_CERT_FILE names the CA certificates that are trusted."
    return _wrong(f"The certificate of {name} {what}.", remedy)


def _proxy_refuses(name: str, proxy: Proxy, said: str) -> ServiceUnreachable:
    if said.startswith("407") and proxy.auth is None:
        return _wrong(
            f"The proxy {proxy} requires a user name and password.",
            f"Give them in {proxy.source}: http://user:password@host:port.",
        )
    if said.startswith("407"):
        return _wrong(
            f"The proxy {proxy} refused the user name or password.",
            f"Correct them in {proxy.source}.",
        )
    return _wrong(
        f"The proxy {proxy} refuses {name}: {shown(without_secrets(said), 40)}.",
        f"Ask whoever runs it, or list {name} in NO_PROXY.",
    )


def _wrong(message: str, remedy: str) -> ServiceUnreachable:
    return ServiceUnreachable(message, sent=False, remedy=remedy)
