"""What httpcore logs of each exchange, and whatever an exchange over sockets leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from planted import ECHO, KEY, SECRET, credentials, escaped, in_base64, leaked, leaked_by, told
from unit.client.test_network import _no_variables, saying, serving

from phoenix_nbtrain.client.connect import connect, unchecked
from phoenix_nbtrain.client.secrecy import keep_out_of_logs
from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.errors import PhoenixError

__all__ = ["_no_variables"]

HTTPCORE = ("connection", "http11", "http2", "proxy", "socks")
HEADERS = f"X-Echo: {ECHO}\r\nLocation: https://evil.test/?{quote(ECHO)}\r\nContent-Length: 0\r\n"


@pytest.fixture
def logged(caplog) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog


def in_records(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Everything that a handler, of whatever kind, can find in what was logged."""
    return [caplog.text, *(repr(vars(record)) for record in caplog.records)]


@pytest.mark.parametrize("status", [200, 302, 403, 500])
def test_a_reply_is_logged_without_what_it_repeats(logged, status):
    reply = f"HTTP/1.1 {status} {ECHO}\r\n{HEADERS}\r\n"
    with serving(saying(reply)) as port, pytest.raises(PhoenixError) as caught:
        connect(api_key=KEY, api_secret=SECRET, base_url=f"http://127.0.0.1:{port}/v1")
    assert "receive_response_headers.complete" in logged.text
    assert "X-Echo" in logged.text
    assert not leaked_by([*told(caught.value), *in_records(logged)])


def test_what_is_no_http_is_logged_without_what_it_repeats(logged):
    client = unchecked(credentials("http://127.0.0.1:1/v1"))
    with serving(saying(f"{ECHO}\r\n\r\n")) as port:
        client = unchecked(credentials(f"http://127.0.0.1:{port}/v1"))
        with pytest.raises(PhoenixError) as caught:
            client.trigger_training("m", {})
    assert "failed exception" in logged.text
    assert not leaked_by([*told(caught.value), *in_records(logged)])


@pytest.mark.parametrize("logger", ["httpcore", "httpx", *(f"httpcore.{n}" for n in HTTPCORE)])
def test_no_logger_of_the_wire_tells_a_secret_in_any_part_of_a_record(logged, logger):
    given = credentials()
    keep_out_of_logs()
    keep_out_of_logs()
    try:
        raise ValueError(ECHO)
    except ValueError:
        logging.getLogger(logger).exception(
            "at %s with 100%% of %r", ECHO, [SECRET], stack_info=True
        )
    (record,) = logged.records
    assert "ValueError" in logged.text
    assert "100% of" in record.getMessage()
    assert not leaked_by(in_records(logged)), given


def test_a_logger_of_somebody_else_is_left_alone(logged):
    given = credentials()
    keep_out_of_logs()
    logging.getLogger("of.the.user").warning("%s", SECRET)
    assert logged.records[-1].args == (SECRET,), given


PASSWORD = "pr/oxy&pass+word%"
OF_THE_PROXY = (PASSWORD, in_base64(PASSWORD), in_base64(f"boss:{PASSWORD}"))


@pytest.mark.parametrize("status", [200, 403, 407, 502])
@pytest.mark.parametrize("url", ["https://phoenix.invalid/v1", "http://phoenix.invalid/v1"])
def test_a_proxys_password_is_a_secret_too(monkeypatch, logged, status, url):
    echo = " ".join(form for plain in OF_THE_PROXY for form in escaped(plain))
    reply = f"HTTP/1.1 {status} {echo}\r\nX-Echo: {echo}\r\nContent-Length: 0\r\n\r\n"
    told_of: list[str] = []
    with serving(saying(reply)) as port:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://boss:{quote(PASSWORD, safe='')}@127.0.0.1:{port}")
        with SocketTransport() as sockets:
            try:
                told_of.append(repr(sockets.handle_request(httpx.Request("GET", url))))
            except (PhoenixError, httpx.TransportError) as error:
                told_of += told(error) if isinstance(error, PhoenixError) else [str(error)]
            told_of += [repr(vars(sockets)), repr(sockets._pools)]
    assert "X-Echo" in logged.text
    texts = [*told_of, *in_records(logged)]
    assert not {text[:200]: found for text in texts if (found := leaked(text, OF_THE_PROXY))}


@pytest.mark.parametrize("given", ["http://{k}:{s}@:port", "ftp://{k}:{s}@h", "http://{k}:{r}@h:1"])
def test_a_proxy_that_is_none_is_told_without_its_password(monkeypatch, given):
    proxy = given.format(k=KEY, s=quote(SECRET, safe=""), r=SECRET)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(PhoenixError) as caught:
        unchecked(credentials("https://phoenix.invalid/v1")).trigger_training("m", {})
    assert not leaked_by(told(caught.value))
