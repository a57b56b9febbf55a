"""URLs as names of images: what is taken, what is shown of it, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.dataset.allowed_text import name_text
from phoenix_nbtrain.dataset.urls import checked_url, is_url, url_name
from phoenix_nbtrain.errors import InputError


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://cdn.example.com/ref1.png", "https://cdn.example.com/ref1.png"),
        (" HTTPS://CDN.Example.com/Ref1.png ", "https://cdn.example.com/Ref1.png"),
        ("https://h/x.png?sig=A%2Fb#part", "https://h/x.png?sig=A%2Fb"),
        ("http://127.0.0.1:8000/x.png", "http://127.0.0.1:8000/x.png"),
        ("https://...", "https://..."),
    ],
)
def test_a_url_is_kept_without_what_never_reaches_a_server(url: str, kept: str) -> None:
    assert is_url(url)
    assert checked_url(url) == kept
    assert checked_url(kept) == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/x.png", "ftp"),
        ("file:///etc/passwd", "file"),
        ("data:image/png;base64,AAAA", "data"),
        ("javascript:alert(1)", "javascript"),
        ("gopher://host/x", "gopher"),
        ("http://user@host/x.png", "user name or password"),
        ("https://user:s3cret@host/x.png?sig=s3cret", "user name or password"),
        ("https:///x.png", "no host"),
        ("https://[::1/x.png", "no host"),
        ("https://host:port/x.png", "no host"),
        ("https://host/a b.png", "not a valid URL"),
        ("https://host\\@other/x.png", "not a valid URL"),
        ("https://host/\u202egnp.exe", "not a valid URL"),
        ("https://host/" + "x" * 9000, "not a valid URL"),
    ],
)
def test_what_is_no_image_s_url_is_refused_in_clear_words(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        checked_url(url)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("path", ["cat.png", "a/b:c.png", "C:\\cats\\1.png", "https", "http:/x"])
def test_a_path_is_no_url(path: str) -> None:
    assert not is_url(path)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/a/b/ref1.png?sig=s3cret#x", "ref1.png"),
        ("https://host/caf%C3%A9%20noir.png", "café noir.png"),
        ("https://host", "image"),
        ("https://host/a/", "image"),
        ("https://host/%2e%2e%2f", "image"),
        ("https://host/..%5Cwin.ini", "win.ini"),
        ("https://host/%0Ax%00.png", "x.png"),
        ("https://host/" + "é" * 200 + ".png", "é" * 125 + ".png"),
    ],
)
def test_the_name_is_the_last_part_made_safe(url: str, name: str) -> None:
    assert url_name(url) == name


@given(st.text())
def test_any_text_gives_a_name_that_an_image_may_have(text: str) -> None:
    name = url_name("https://host/" + text)
    assert name_text(name) == name
    assert "/" not in name


@given(st.text())
def test_any_text_is_taken_or_refused_by_an_input_error(text: str) -> None:
    try:
        url = checked_url("https://" + text)
    except InputError as error:
        assert len(str(error)) <= 200
    else:
        assert url.startswith("https://")
        assert "#" not in url
