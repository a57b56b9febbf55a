"""The guard of imports by URL: what it refuses, and that nobody was connected to before it did."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import trustme
from unit.local.local_phoenix import Phoenix, drawing
from unit.local.web import PUBLIC, Web, body, moved, web_on_this_computer

from phoenix_nbtrain.addresses import is_public
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.local import url_fetch
from phoenix_nbtrain.local.url_fetch import Address, fetch


@pytest.fixture
def web(monkeypatch) -> Iterator[Web]:
    with web_on_this_computer(monkeypatch) as found:
        yield found


def refusal(url: str) -> str:
    with pytest.raises(InputError) as refused:
        fetch(url)
    assert refused.value.remedy
    assert len(str(refused.value)) <= 200
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://pictures.example/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,aGk=",
        "gopher://pictures.example/",
        "javascript:alert(1)",
        "//pictures.example/x.png",
        "x.png",
        "",
        "http://user@pictures.example/x.png",
        "http://user:password@pictures.example/x.png",
        "http://@pictures.example/x.png",
        "http:///x.png",
        "http://[::1/x.png",
        "http://pictures.example:0/x.png",
        "http://pictures.example:99999/x.png",
        "http://pictures..example/x.png",
        "http://pictures.example\\@127.0.0.1/",
        "http://images.example/\r\nHost: other",
        "http://images.example/a b",
        "http://pictures.example/\u202egnp.x",
    ],
)
def test_what_is_no_plain_web_address_is_refused_before_anybody_is_asked(web, url):
    assert "password" not in refusal(url)
    assert (web.looked_up, web.connected) == ([], [])


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "localhost"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "0.0.0.0", "0"),
        *("224.0.0.1", "255.255.255.255", "240.0.0.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fec0::1]", "[3fff::1]", "192.0.0.9"),
        *("168.63.129.16", "192.88.99.1"),
    ],
)
def test_an_address_that_is_not_public_is_not_connected_to(web, host):
    assert "no public address" in refusal(f"http://{host}/latest/meta-data/")
    assert web.connected == []


@pytest.mark.parametrize("ip", ["8.8.8.8", "93.184.215.14", "2606:4700::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(ip):
    assert is_public(ip)


def test_a_name_is_refused_if_one_of_its_addresses_is_private(web):
    web.names["inside.example"] = ["192.168.0.7"]
    web.names["both.example"] = [PUBLIC, "127.0.0.1"]
    for name in ("inside.example", "both.example"):
        assert name in refusal(f"http://{name}/x.png")
    assert web.connected == []


def test_the_address_that_was_checked_is_the_one_connected_to(web):
    """A name may say one address to the check and another to the connection, a moment later."""
    web.pages["/x.png"] = body(b"picture")

    class Fickle(list[str]):
        def __iter__(self) -> Iterator[str]:
            answers, self[:] = list(self[:1]), ["127.0.0.1"]
            return iter(answers)

    web.names["pictures.example"] = Fickle([PUBLIC])
    assert fetch("http://pictures.example/x.png") == b"picture"
    assert web.looked_up.count("pictures.example") == 1
    assert web.connected == [PUBLIC]
    assert web.requests[0][1]["Host"] == "pictures.example"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "//localhost/x.png",
        "file:///etc/passwd",
        "ftp://pictures.example/x.png",
        "http://user@pictures.example/x.png",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_checked_like_the_first_url(web, location, status):
    web.pages["/x.png"] = moved(location, status)
    refusal("http://pictures.example/x.png")
    assert web.connected == [PUBLIC]


def test_a_redirect_to_another_page_is_followed(web):
    web.pages["/a"] = moved("b/c.png?size=large")
    web.pages["/b/c.png?size=large"] = body(b"picture")
    assert fetch("http://pictures.example/a") == b"picture"


def test_redirects_in_a_circle_end(web):
    web.pages["/a"], web.pages["/b"] = moved("/b"), moved("/a")
    assert "on and on" in refusal("http://pictures.example/a")
    assert len(web.connected) == url_fetch.REDIRECTS_MAX + 1


def test_a_file_that_says_it_is_too_large_is_not_read(web):
    over, written = threading.Event(), []

    def endless(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Length", str(10**12))
        to.end_headers()
        try:
            while True:
                written.append(to.wfile.write(bytes(1 << 16)))
        finally:
            over.set()

    web.pages["/x.png"] = endless
    assert "more than 50 MB" in refusal("http://pictures.example/x.png")
    assert over.wait(10)
    assert sum(written) < 40_000_000  # what the sockets hold, at most


def test_a_file_that_grows_without_end_is_left(web, monkeypatch):
    monkeypatch.setattr(url_fetch, "BYTES_MAX", 1_000_000)

    def endless(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while True:
            to.wfile.write(bytes(1 << 16))

    web.pages["/x.png"] = endless
    assert "more than 1 MB" in refusal("http://pictures.example/x.png")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_server_that_never_comes_to_an_end_is_left_in_time(web, monkeypatch, head):
    """Every single read stays within its time; only the whole does not."""
    monkeypatch.setattr(url_fetch, "SECONDS_MAX", 0.5)
    over = threading.Event()

    def drip(to: BaseHTTPRequestHandler) -> None:
        to.wfile.write(head)
        for _ in range(400):  # without the guard it would be forever
            if over.wait(0.02):
                break
            to.wfile.write(b"x")

    web.pages["/x.png"] = drip
    began = time.monotonic()
    assert "took more than" in refusal("http://pictures.example/x.png")
    assert time.monotonic() - began < 5
    over.set()


def test_a_name_that_is_never_found_is_left_in_time(web, monkeypatch):
    monkeypatch.setattr(url_fetch, "SECONDS_MAX", 0.2)
    over = threading.Event()
    monkeypatch.setattr(url_fetch.socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    assert "took more than" in refusal("http://pictures.example/x.png")
    over.set()


def test_half_a_file_is_none(web):
    web.pages["/x.png"] = body(b"half", Content_Length="8")
    assert "ended early" in refusal("http://pictures.example/x.png")
    web.pages["/y.png"] = body(b"gone", status=410)
    assert "answered 410" in refusal("http://pictures.example/y.png")


def test_nothing_of_ours_goes_along(web, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy:secret@127.0.0.1:9")
    web.pages["/a"] = body(b"", status=302, Location="/b", Set_Cookie="session=1")
    web.pages["/b"] = body(b"picture")
    assert fetch("http://pictures.example/a") == b"picture"
    for _, headers in web.requests:
        assert headers.keys() == {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent"}


def test_https_asks_for_the_name_and_trusts_no_other(web, monkeypatch, tmp_path):
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("pictures.example").configure_cert(served)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    names: list[str | None] = []
    served.sni_callback = lambda _socket, name, _context: names.append(name)
    real = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: real(cafile=str(trusted)))
    listening = socket.create_server(("127.0.0.1", 0))
    hosts: list[str] = []

    def serve() -> None:
        for _ in range(2):
            plain, _ = listening.accept()
            with plain:
                try:
                    with served.wrap_socket(plain, server_side=True) as secured:
                        hosts.extend(
                            line
                            for line in secured.recv(9999).decode().split("\r\n")
                            if line.startswith("Host")
                        )
                        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                except ssl.SSLError:
                    pass  # the guard went away at our certificate

    thread = threading.Thread(target=serve)
    thread.start()
    web.names["other.example"] = [PUBLIC]
    web.port = listening.getsockname()[1]
    try:
        assert fetch("https://pictures.example/x.png") == b"ok"
        assert "certificate that can be trusted: Hostname mismatch" in refusal(
            "https://other.example/x.png"
        )
    finally:
        thread.join(10)
        listening.close()
    assert names == ["pictures.example", "other.example"]
    assert hosts == ["Host: pictures.example"]


def test_names_come_from_the_path():
    def name(path: str) -> str:
        return Address.parse(f"http://pictures.example{path}").file_name

    assert name("/a/red%20fox.png?x=/y.png") == "red fox.png"
    assert name("/") == name("") == "pictures.example"
    assert name("/%E2%80%AEgnp.x") == "gnp.x"
    assert name("/%ff.png") == "\ufffd.png"
    assert Address.parse("http://bücher.example:8080/ü?ö").authority == "xn--bcher-kva.example:8080"
    assert Address.parse("http://pictures.example/ü?ö").target == "/%C3%BC?%C3%B6"
    assert Address.parse("https://[2606:4700::1]/").authority == "[2606:4700::1]"


# -- over the wire -------------------------------------------------------------------------------


def imported(phoenix: Phoenix, url: str) -> dict[str, str]:
    upload = phoenix.ok("POST", "/uploads", {"url": url, "kind": "image"})["upload"]
    assert (upload["source"], upload["kind"]) == ("url", "image")
    return phoenix.until(lambda: phoenix.ended_upload(upload["id"]))


def test_an_image_on_the_web_becomes_an_asset(phoenix, web):
    content = drawing("box", "red")
    web.pages["/red%20box.png"] = body(content, Content_Type="text/html")
    upload = imported(phoenix, "http://pictures.example/red%20box.png")
    assert (upload["status"], upload["fileName"]) == ("imported", "red box.png")
    asset = phoenix.ok("GET", f"/assets/{upload['entityId']}")["asset"]
    assert (asset["metadata"]["name"], asset["mimeType"]) == ("red box.png", "image/png")
    assert phoenix.fetch(asset["url"]).data == content


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<!doctype html><p>hello", "a web page"),
        (b"<svg onload='alert(1)'/>", "an SVG"),
        (b"", "empty"),
        (drawing()[:-30], "cut off"),
    ],
)
def test_what_is_no_image_fails_by_its_bytes(phoenix, web, content, word):
    web.pages["/x.png"] = body(content, Content_Type="image/png")
    upload = imported(phoenix, "http://pictures.example/x.png")
    assert upload["status"] == "failed"
    assert word in upload["errorMessage"]
    assert "entityId" not in upload


def test_private_addresses_are_a_setting_of_the_data_folder(phoenix, web):
    web.pages["/x.png"] = body(drawing())
    url = f"http://127.0.0.1:{web.port}/x.png"
    refused = imported(phoenix, url)
    assert refused["status"] == "failed"
    assert "phoenix-nbtrain settings import_private=true" in refused["errorMessage"]
    assert web.connected == []
    phoenix.set(import_private=True)
    assert imported(phoenix, url)["status"] == "imported"


def test_a_url_with_a_password_is_not_kept(phoenix, web):
    url = "http://me:hunter2@pictures.example/x.png"
    upload = phoenix.ok("POST", "/uploads", {"url": url, "kind": "image"})["upload"]
    assert upload["status"] == "failed"
    assert "hunter2" not in str(upload)
    assert b"hunter2" not in phoenix.store.path.read_bytes()
    assert web.looked_up == []


@pytest.mark.parametrize("content", [drawing(), b"no image"])
def test_the_signature_of_a_url_is_not_kept_once_the_import_is_over(phoenix, web, content):
    web.pages["/x.png?signature=hunter2"] = body(content)
    upload = imported(phoenix, "http://pictures.example/x.png?signature=hunter2")
    assert upload["status"] == ("failed" if content == b"no image" else "imported")
    assert "hunter2" not in str(upload)
    assert b"hunter2" not in phoenix.store.path.read_bytes()


def test_an_import_whose_process_died_is_taken_up_by_the_next_reader(phoenix, web, monkeypatch):
    web.pages["/x.png"] = body(drawing())
    with monkeypatch.context() as dead:
        dead.setattr("phoenix_nbtrain.local.upload_imports.Importers.ensure", lambda *_: None)
        body_ = {"url": "http://pictures.example/x.png", "kind": "image"}
        upload = phoenix.ok("POST", "/uploads", body_)["upload"]
        assert phoenix.ok("GET", f"/uploads/{upload['id']}")["upload"]["status"] == "validating"
    ended = phoenix.until(lambda: phoenix.ended_upload(upload["id"]))
    assert ended["status"] == "imported"


def test_nobody_waits_for_an_import(phoenix, web):
    asked, go_on = threading.Event(), threading.Event()

    def slow(to: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(20)
        body(drawing())(to)

    web.pages["/x.png"] = slow
    sent = {"url": "http://pictures.example/x.png", "kind": "image"}
    upload = phoenix.ok("POST", "/uploads", sent)["upload"]
    assert upload["status"] == "validating"
    assert asked.wait(10)
    # Reads and writes go on meanwhile.
    assert phoenix.read(phoenix.style_set(1))
    assert phoenix.ok("GET", f"/uploads/{upload['id']}")["upload"]["status"] == "validating"
    go_on.set()
    assert phoenix.until(lambda: phoenix.ended_upload(upload["id"]))["status"] == "imported"
