"""One service has one address here, however it was spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.addresses import canonical_address
from phoenix_nbtrain.client.connect import unchecked
from phoenix_nbtrain.client.credentials import Credentials, Secret

SAME = {
    "https://phoenix.example/v1": [
        "HTTPS://Phoenix.Example/v1",
        "https://phoenix.example:443/v1/",
        "https://phoenix.example./v1",
        "https://phoenix.example:/v1//",
    ],
    "https://xn--bcher-kva.example": [
        "https://bücher.example/",
        "https://BÜCHER.example",
        "https://XN--bcher-kva.example",
    ],
    "http://localhost:8000/v1": [
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1/",
        "http://LOCALHOST:8000/v1",
        "http://localhost.:8000/v1",
        "http://127.1:8000/v1",
        "http://0x7f000001:8000/v1",
        "http://[::ffff:127.0.0.1]:8000/v1",
        "http://[0:0:0:0:0:0:0:1]:8000/v1",
        "http://0.0.0.0:8000/v1",
        "http://127.0.0.2:8000/v1",
    ],
    "https://[2001:db8::1]:8443": ["https://[2001:DB8:0:0::1]:8443/"],
}


@pytest.mark.parametrize(
    ("given", "one"), [(given, one) for one, spelled in SAME.items() for given in (one, *spelled)]
)
def test_spellings_of_one_address_are_one(given, one):
    assert canonical_address(given) == one


def test_different_addresses_stay_different():
    different = [
        "https://phoenix.example/v1",
        "http://phoenix.example/v1",
        "https://phoenix.example/V1",
        "https://phoenix.example/v2",
        "https://phoenix.example:8443/v1",
        "https://straße.example",
        "https://strasse.example",
        "https://a.localhost",
        "https://b.localhost",
    ]
    assert len({canonical_address(address) for address in different}) == len(different)


@pytest.mark.parametrize("text", ["local:0a1b", "", "o", "https://", "https://[::1", "https://h:x"])
def test_what_is_no_web_address_stays_as_it_is(text):
    assert canonical_address(text) == text


@given(st.from_regex(r"https?://[a-zA-Zäß0-9._\-\[\]:]{1,20}(/[a-z/]{0,8})?", fullmatch=True))
def test_the_one_spelling_is_one_already(text):
    once = canonical_address(text)
    assert canonical_address(once) == once


@pytest.mark.parametrize("given", ["HTTP://127.0.0.1:8000/v1/", "http://[::1]:8000/v1"])
def test_requests_go_where_the_user_said_and_memory_is_kept_under_one_name(given):
    secret = Secret("s")
    client = unchecked(Credentials(api_key=secret, api_secret=secret, base_url=given))
    assert client.origin == "http://localhost:8000/v1"
    assert client._http.base_url == given.rstrip("/")
    client.close()
