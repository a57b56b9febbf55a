"""A proxy or a certificate that stands in the way is named, with its variable and what to do."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import trustme

import phoenix_nbtrain as nbt
from phoenix_nbtrain.client import connect
from phoenix_nbtrain.client.credentials import Credentials, Secret
from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.errors import ServiceUnreachable

SECRET = "planted-password"
NOW = dt.datetime.now(dt.UTC)
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch) -> None:
    for name in list(os.environ):
        if name.lower() in VARIABLES or name == "SSLKEYLOGFILE":
            monkeypatch.delenv(name)


def refused(url: str = "https://phoenix.invalid/v1/models") -> ServiceUnreachable:
    """What a request ends in that is never sent."""
    with SocketTransport() as sockets, pytest.raises(ServiceUnreachable) as caught:
        sockets.handle_request(httpx.Request("GET", url))
    assert not caught.value.sent
    assert caught.value.remedy
    assert len(str(caught.value)) <= 200
    assert caught.value.__cause__ is None
    return caught.value


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on this computer that meets each connection with ``answer``."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def saying(text: str) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(text.encode())

    return answer


# -- proxies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("socks://127.0.0.1:9/", r"kind of proxy .*supported: socks://127\.0\.0\.1:9"),
        ("ftp://127.0.0.1:9", r"kind of proxy .*supported: ftp:"),
        ("http://[oops:9", r"names an invalid proxy: http://\[oops:9"),
        ("http://127.0.0.1:99999", r"names an invalid proxy: http://127\.0\.0\.1:99999"),
        ("http://127.0.0.1:0", "names an invalid proxy"),
        ("http://", "names an invalid proxy"),
        ("http://not a host", "names an invalid proxy"),
        (f"http://me:{SECRET}@[oops:9", "names an invalid proxy"),
        (f"socks4://me:{SECRET}@127.0.0.1:9", "kind of proxy"),
        (f"me:{SECRET}@127.0.0.1:99999", "names an invalid proxy"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_what_is_no_proxy_is_told_with_its_variable(variable, value, words, monkeypatch):
    monkeypatch.setenv(variable, value)
    error = refused()
    assert error.message.startswith(f"{variable} names")
    assert error.remedy.endswith(f"unset {variable}.")
    assert SECRET not in str(error)
    with pytest.raises(ServiceUnreachable, match=words):
        raise error


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_a_socks_proxy_says_which_package_it_needs(kind, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:{SECRET}@127.0.0.1:9")
    error = refused()
    assert "pip install socksio" in error.remedy
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "value",
    ["127.0.0.1:9", "http://127.0.0.1:9 ", f"http://us%40er:{SECRET}@127.0.0.1:9", "http://127.0.0.1:9/"],
)  # fmt: skip
def test_a_dead_proxy_is_named_without_its_password(value, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", value)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1,[::1],fe80::/10")
    assert str(refused()) == (
        "The proxy http://127.0.0.1:9 (HTTPS_PROXY) cannot be reached: Connection refused. "
        "Check HTTPS_PROXY, or list phoenix.invalid in NO_PROXY."
    )


def test_a_proxy_is_not_asked_for_hosts_that_it_is_not_for(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "[::1],phoenix.invalid")
    assert "phoenix.invalid: its name could not be resolved" in refused().message
    assert "127.0.0.1: Connection refused" in refused("https://127.0.0.1:9/").message


@pytest.mark.parametrize(
    ("user", "reply", "words"),
    [
        ("", "407 Proxy Authentication Required", "requires a user name and password"),
        (f"me:{SECRET}@", "407 Proxy Authentication Required", "refused the user name"),
        ("", "403 Forbidden", r"refuses phoenix\.invalid: 403 Forbidden.*NO_PROXY"),
        ("", "502 Bad Gateway", r"refuses phoenix\.invalid: 502 Bad Gateway"),
    ],
)
def test_what_a_proxy_refuses_was_not_sent(user, reply, words, monkeypatch):
    page = "<html>Blocked</html>"
    head = f"HTTP/1.1 {reply}\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
    with serving(saying(head + page)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{port}")
        error = refused()
    assert f"http://127.0.0.1:{port} (HTTPS_PROXY)" in error.message
    assert SECRET not in str(error)
    with pytest.raises(ServiceUnreachable, match=words):
        raise error


# -- certificates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "content", "words"),
    [
        ("SSL_CERT_FILE", None, "cannot be read: No such file or directory"),
        ("SSL_CERT_FILE", b"no certificate", "holds no usable certificates"),
        ("SSL_CERT_FILE", b"", "holds no usable certificates"),
        (
            "SSL_CERT_FILE",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no usable certificates",
        ),
        ("SSL_CERT_DIR", None, "is not a folder"),
        ("SSL_CERT_DIR", b"a file", "is not a folder"),
    ],
)
def test_certificates_that_cannot_be_used_are_told_with_their_variable(
    variable, content, words, monkeypatch, tmp_path
):
    path = Path("/proc/nothing/cacert.pem")
    if content is not None:
        path = Path(os.path.relpath(tmp_path / "cacert.pem"))
        path.write_bytes(content)
    monkeypatch.setenv(variable, str(path))
    error = refused()
    assert error.message.startswith(f"{variable}=")
    assert words in error.message
    assert error.remedy.startswith("Unset it")


def test_a_log_of_keys_that_cannot_be_written_is_told(monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", "/proc/nothing/keys.log")
    assert str(refused()).startswith("SSLKEYLOGFILE=/proc/nothing/keys.log cannot be written: No")


AUTHORITY = trustme.CA()
CERTIFICATES = {
    "expired": AUTHORITY.issue_cert("127.0.0.1", not_after=NOW - dt.timedelta(days=1)),
    "of another name": AUTHORITY.issue_cert("phoenix.test"),
    "good": AUTHORITY.issue_cert("127.0.0.1"),
}


@contextlib.contextmanager
def secured(certificate: trustme.LeafCert) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as safe:
            safe.recv(65536)
            safe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with serving(answer) as port:
        yield port


@pytest.mark.parametrize(
    ("which", "known", "words"),
    [
        ("expired", True, r"certificate of 127\.0\.0\.1 has expired\. Check this computer's clock"),
        ("of another name", True, r"is for another address\. Check the base URL"),
        ("good", False, r"issuer that is not known here\. .*set SSL_CERT_FILE"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(which, known, words, monkeypatch, tmp_path):
    if known:
        AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with secured(CERTIFICATES[which]) as port:
        error = refused(f"https://127.0.0.1:{port}/")
    with pytest.raises(ServiceUnreachable, match=words):
        raise error


def test_a_variable_that_lacks_the_issuer_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", os.path.relpath(tmp_path))
    with secured(CERTIFICATES["good"]) as port:
        assert refused(f"https://127.0.0.1:{port}/").remedy.startswith("SSL_CERT_DIR=")
        AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with SocketTransport() as sockets:
            reply = sockets.handle_request(httpx.Request("GET", f"https://127.0.0.1:{port}/"))
            assert reply.status_code == 200


def test_no_certificates_are_read_for_an_address_that_needs_none(monkeypatch):
    """Reading them takes a tenth of a second, and every launch has a connection of its own."""

    def read(*_: object) -> None:
        raise AssertionError("the certificates were read")

    monkeypatch.setattr(httpx, "create_ssl_context", read)
    with SocketTransport() as sockets:
        with pytest.raises(ServiceUnreachable):
            sockets.handle_request(httpx.Request("GET", "http://127.0.0.1:9/"))
        with pytest.raises(AssertionError):
            sockets.handle_request(httpx.Request("GET", "https://127.0.0.1:9/"))


def test_a_server_without_tls_is_told_as_one():
    with serving(saying("HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = refused(f"https://127.0.0.1:{port}/")
    assert error.message.startswith("No TLS connection to 127.0.0.1 could be made: ")


# -- as people meet it ------------------------------------------------------------------------


def test_a_host_that_no_resolver_takes_is_an_error_of_ours():
    name = "a" * 64
    with pytest.raises(ServiceUnreachable, match=r"cannot be reached at aaa.*not a host name"):
        nbt.connect(api_key="k", api_secret="s", base_url=f"https://{name}.test/v1")


def test_connecting_tells_the_cause_and_stays_as_it_was(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/proc/nothing/cacert.pem")
    before = nbt.connect("local")
    with pytest.raises(ServiceUnreachable, match="SSL_CERT_FILE"):
        nbt.connect(api_key="k", api_secret="s", base_url="https://127.0.0.1:9/v1")
    assert connect.connected() is before


def test_a_launch_that_the_proxy_refuses_was_never_sent(monkeypatch):
    page = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    credentials = Credentials(api_key=Secret("k"), api_secret=Secret("s"))
    with serving(saying(page)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(ServiceUnreachable) as caught:
            connect.unchecked(credentials).trigger_training("model_1", {})
    assert not caught.value.sent, "so it may be started again at once"
