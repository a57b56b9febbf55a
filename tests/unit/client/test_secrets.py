"""Nothing of a credential, and no signed address, is in anything that a notebook could keep."""

from __future__ import annotations

import base64
import copy
import gc
import json
import logging
import pickle
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import assume
from hypothesis import given as drawn
from hypothesis import strategies as st
from planted import (
    ECHO,
    KEY,
    PAIR,
    SECRET,
    SPELLED,
    credentials,
    escaped,
    in_base64,
    leaked,
    leaked_by,
    told,
)
from unit.client.test_replies import CALLS
from wire import Handler, Wire

from phoenix_nbtrain.client.connect import connect, unchecked
from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret, find
from phoenix_nbtrain.client.login import login
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.secrecy import _unescaped, without_secrets
from phoenix_nbtrain.errors import CredentialsError, InputError, PhoenixError, StoreError
from phoenix_nbtrain.records import Asset, Download, Epoch, Job, Quote, TrainingImage, Upload

TOKEN = "planted.token/3+x=="
SIGNED = "https://storage.test/a.png?X-Amz-Signature=hunter2"

# -- the scrubber ----------------------------------------------------------------------------------

visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40)


@drawn(value=visible, before=st.binary(max_size=5), after=st.binary(max_size=5))
def test_a_secret_is_found_amid_what_was_encoded_with_it(
    value: str, before: bytes, after: bytes
) -> None:
    secret = Secret(value)
    told = without_secrets(base64.b64encode(before + value.encode() + after).decode())
    # What is left of it, at either end, is part of a character.
    assert secret.reveal() == value
    assert len(told) <= 4 * (len(before) + len(after)) / 3 + 8


@drawn(value=visible)
def test_a_secret_is_found_however_it_is_written(value: str) -> None:
    assume("@" not in value)  # else it may look like the user of an address
    assume(value.strip("\\") == value)  # an escaped backslash at an end of it may be left
    assume(len(_unescaped(value)[0]) >= 6)  # else it is too short to be looked for in escapes
    secret, packed = Secret(value), in_base64(value)
    for form in [*escaped(value), *escaped(packed), *escaped(packed.rstrip("="))]:
        assert _bare(without_secrets(f"before {form} after")) == "before … after", form
        assert _bare(without_secrets(f'["{form}"]')) == '["…"]', form
    assert secret


def _bare(words: str) -> str:
    """Return words without the backslash that may have stood before a secret's first character."""
    return words.replace("\\", "")


def test_other_words_stay_as_they_are():
    kept = [Secret(KEY), Secret(SECRET), Secret("")]
    for words in ("", "Model m is already training.", "100% of planted-key", "a\\b &amp; c%20d"):
        assert without_secrets(words) == words
    assert kept


def test_a_short_secret_goes_only_where_it_is_a_whole_header():
    kept = (Secret("cat"), credentials(), Credentials(api_key=Secret("a"), api_secret=Secret("b")))
    assert without_secrets("a cat, a category") == "a cat, a category"
    assert without_secrets("Basic YTpi was sent") == "… was sent"
    assert without_secrets("Bearer cat; Bearer category") == "…; Bearer …"
    assert kept


@pytest.mark.parametrize("value", ["\\" * 8, "%41%42%43", "\\\\\\\\ab", "&amp;&amp;"])
def test_a_secret_of_escapes_takes_nothing_else_with_it(value):
    secret = Secret(value)
    for words in ("ABC, the cab & a\\b", "100%", ""):
        assert without_secrets(words) == words
    assert value not in without_secrets(f"it is {value}."), secret


def test_a_secret_that_is_gone_is_looked_for_no_more():
    secret = Secret("remembered-1")
    twin = Secret("remembered-1")
    assert without_secrets("remembered-1") == "…"
    del secret
    gc.collect()
    assert without_secrets("remembered-1") == "…", twin
    del twin
    gc.collect()
    assert without_secrets("remembered-1") == "remembered-1"


# -- replies and failures --------------------------------------------------------------------------

_FIELDS = ("reason", "message", "error", "detail", "name", "status", "code")
NESTED = {"echo": ECHO, ECHO: [ECHO, {"deep": ECHO}], "actionName": ECHO, "actionLimit": ECHO}
_HEADERS = {"x-amzn-errortype": f"AccessDenied {ECHO}", "retry-after": ECHO, "x-echo": ECHO}
REPLIES: dict[str, Callable[[], httpx.Response]] = {
    **{
        f"{status} {field}": lambda status=status, field=field: httpx.Response(
            status, json={field: ECHO, "details": NESTED}, headers=_HEADERS
        )
        for status in (400, 401, 403, 404, 409, 429, 500)
        for field in _FIELDS
    },
    "each form": lambda: httpx.Response(
        422, json={"reason": "", "details": dict.fromkeys(SPELLED)}
    ),
    "cooldown": lambda: httpx.Response(429, json={"message": ECHO, "remainingSeconds": 9}),
    "ceiling": lambda: httpx.Response(
        429, json={"name": "PlanLimitReachedError", "message": ECHO, "details": NESTED}
    ),
    "of our own": lambda: httpx.Response(
        500, json={"message": f"{ECHO}."}, headers={"x-phoenix-local": ECHO}
    ),
    "page": lambda: httpx.Response(502, html=f"<html><title>{ECHO}</title>{ECHO}</html>"),
    "page as 200": lambda: httpx.Response(200, html=f"<html>{ECHO}</html>"),
    "text": lambda: httpx.Response(500, text=ECHO),
    "redirect": lambda: httpx.Response(302, headers={"location": f"https://evil.test/{ECHO}"}),
    "reason phrase": lambda: httpx.Response(
        403, content=b"", extensions={"reason_phrase": ECHO.encode()}
    ),
    "another packing": lambda: httpx.Response(200, headers={"content-encoding": ECHO}),
    "half an object": lambda: httpx.Response(200, json={"model": ECHO, "job": {}, "upload": ECHO}),
    "no price": lambda: httpx.Response(269, json={"echo": ECHO, "creativeUnitsCost": ECHO}),
}
FAILURES = (httpx.ConnectError, httpx.ReadTimeout, httpx.LocalProtocolError, httpx.ProxyError)


Client = Callable[[Handler], Phoenix]


@pytest.fixture
def client_of(over, monkeypatch) -> Client:
    """Make a client with the planted key, which a handler answers."""

    def put(handler: Handler) -> Phoenix:
        over(handler)
        monkeypatch.setattr("time.sleep", lambda _: None)
        client = unchecked(credentials())
        client._http.sleep = lambda _: None
        return client

    return put


@pytest.mark.parametrize("call", sorted(CALLS))
def test_no_refusal_carries_what_it_repeats(client_of, caplog, call):
    caplog.set_level(logging.DEBUG)
    answer: Callable[[], httpx.Response] = REPLIES["text"]
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer()

    client = client_of(handle)
    kept = dict.fromkeys(REPLIES, 0)
    for name, reply in REPLIES.items():
        answer = reply
        try:
            repr(CALLS[call](client))
        except PhoenixError as error:
            kept[name] += 1
            assert not leaked_by(told(error)), name
            behind = (error.__cause__, error.__context__)  # httpx's hold the signed request
            assert all(e is None or isinstance(e, PhoenixError) for e in behind)
    assert sum(kept.values()) >= len(REPLIES) - 12
    assert not leaked(caplog.text)
    sent = {r.headers.get("authorization") for r in asked if r.url.host == "phoenix.test"}
    assert sent <= {f"Basic {PAIR}"}


def test_a_token_is_not_repeated_either(over):
    def refuse(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        words = [TOKEN, in_base64(TOKEN), *escaped(TOKEN), f"Bearer {TOKEN}"]
        return httpx.Response(401, json={"message": " ".join(words), "details": {"all": words}})

    over(refuse)
    with pytest.raises(PhoenixError) as caught:
        connect(bearer_token=TOKEN, project_id="p", base_url="https://phoenix.test/v1")
    assert not [text for text in told(caught.value) if TOKEN in text or in_base64(TOKEN) in text]


@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_carries_the_credentials(client_of, failure):
    def handle(request: httpx.Request) -> httpx.Response:
        raise failure(f"Illegal header value {ECHO}", request=request)

    client = client_of(handle)
    with pytest.raises(PhoenixError) as caught:
        client.trigger_training("m", {})
    assert not leaked_by([*told(caught.value), repr(client), repr(client._http)])


def test_an_interrupted_request_leaves_no_signed_one_behind(client_of):
    def handle(request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        raise KeyboardInterrupt(len(headers))

    client = client_of(handle)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.get_model("m")
    tb: Any = caught.value.__traceback__
    while tb.tb_next is not None:
        tb = tb.tb_next
    assert tb.tb_frame.f_code.co_name == "handle"
    assert tb.tb_frame.f_locals == {}


def test_words_are_cleaned_and_nothing_else(client_of):
    theirs = {
        "id": KEY, "name": SECRET, "description": PAIR, "automaticCaptioning": ECHO,
        "metadata": {"name": f"Basic {PAIR}"},
    }  # fmt: skip
    parameters = {"samplePrompts": [ECHO], "message": SECRET, "status": KEY}
    job = {
        "jobId": "j", "status": KEY, "statusHistory": [{"status": SECRET, "date": "d"}],
        "metadata": {"error": ECHO, "hint": ECHO, "input": {"error": SECRET}},
    }  # fmt: skip
    body = {
        "asset": theirs, "job": job,
        "model": {"id": "m", "name": KEY, "status": ECHO, "parameters": parameters,
                  "trainingImages": [theirs], "trainingProgress": {"stage": ECHO},
                  "trainingImagePairs": [{"sourceId": KEY, "instruction": SECRET}]},
        "upload": {"id": "u", "status": "failed", "errorMessage": ECHO, "fileName": SECRET},
    }  # fmt: skip
    client = client_of(lambda _: httpx.Response(200, json=body))
    asset, model = client.get_asset("a"), client.get_model("m")
    assert (asset.id, asset.name, asset.description) == (KEY, f"Basic {PAIR}", PAIR)
    assert asset.automatic_captioning == ECHO
    assert (model.name, dict(model.parameters)) == (KEY, parameters)
    assert model.training_images[0].description == PAIR
    assert model.training_image_pairs[0].instruction == SECRET
    assert model.progress is not None
    found, upload = client.get_job("j"), client.get_upload("u")
    assert dict(found.input) == {"error": SECRET}
    assert upload.file_name == SECRET
    words = [found.error, found.hint, found.status, repr(found.history), upload.error_message]
    words += [model.status, model.progress.stage]
    assert not leaked_by(words)
    assert all("…" in text for text in words)


def test_what_a_price_consists_of_holds_no_secret(client_of):
    price = {"creativeUnitsCost": 7, "costDetails": {ECHO: 2, "train-model": 5}}
    quote = client_of(lambda _: httpx.Response(269, json=price)).quote_training("m", {})
    assert isinstance(quote, Quote)
    assert len(quote.details) == 2
    assert quote.details["train-model"] == 5
    assert not leaked(repr(quote))


@pytest.mark.parametrize("depth", [30, 33, 300, 900])
def test_details_of_any_depth_are_cleaned(client_of, depth):
    details = '{"a":[' * depth + json.dumps(ECHO) + "]}" * depth
    body = f'{{"details": {details}}}'
    client = client_of(lambda _: httpx.Response(400, content=body))
    with pytest.raises(PhoenixError) as caught:
        client.get_model("m")
    assert not leaked(repr(vars(caught.value)))


# -- where credentials are given and found ---------------------------------------------------------


def test_wrong_credentials_are_in_no_variable_of_the_traceback(client_of):
    client_of(lambda _: httpx.Response(401, json={"message": ECHO}))
    with pytest.raises(PhoenixError) as caught:
        connect(api_key=KEY, api_secret=SECRET, base_url="https://phoenix.test/v1")
    assert not leaked_by(told(caught.value))
    with pytest.raises(CredentialsError) as both:
        connect(api_key=KEY, api_secret=SECRET, bearer_token=TOKEN)
    assert not leaked_by(told(both.value))
    with pytest.raises(InputError, match="api_secret must be text") as no_text:
        connect(api_key=KEY, api_secret=SECRET.encode())  # type: ignore[arg-type]  # the mistake
    assert not leaked_by(told(no_text.value))
    with pytest.raises(CredentialsError) as broken:
        connect(api_key=f"{KEY} x", api_secret=SECRET)
    assert not leaked_by(told(broken.value))


@pytest.mark.parametrize("ask", [connect, login])
@pytest.mark.parametrize("value", [KEY, SECRET.encode(), "a" * 32])
def test_a_key_in_the_wrong_place_is_not_repeated(ask, value):
    with pytest.raises(InputError, match=r"There is no such (Phoenix|kind)\.") as caught:
        ask(value)
    assert not leaked_by(told(caught.value))
    assert not [text for text in told(caught.value) if "a" * 32 in text]


@pytest.mark.parametrize(
    "given",
    [
        {"API_KEY": KEY},
        {"API_KEY": KEY, "API_SECRET": SECRET, "BEARER_TOKEN": TOKEN},
        {"API_KEY": f"{KEY} {KEY}", "API_SECRET": SECRET},
    ],
)
def test_an_environment_that_cannot_be_used_is_not_shown(monkeypatch, given):
    for name, value in given.items():
        monkeypatch.setenv(f"PHOENIX_NBTRAIN_{name}", value)
    with pytest.raises(CredentialsError) as caught:
        find()
    assert not leaked_by(told(caught.value))


def test_a_saved_login_that_cannot_be_read_is_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path))
    (tmp_path / "login.json").write_text(json.dumps({"api_key": KEY, "api_secret": SECRET})[:-1])
    with pytest.raises(CredentialsError, match="cannot be read") as caught:
        find()
    assert not leaked_by(told(caught.value))


def test_a_login_that_cannot_be_saved_is_not_shown(monkeypatch, over, tmp_path):
    over(lambda _: httpx.Response(200, json={"models": []}))
    typed = [SECRET, KEY]
    monkeypatch.setattr("getpass.getpass", lambda _: typed.pop())
    (tmp_path / "file").touch()
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="Nothing can be saved") as caught:
        login(base_url="https://phoenix.test/v1")
    assert not leaked_by(told(caught.value))


def test_a_signed_address_is_in_no_variable_of_the_traceback():
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(403, text="expired")

    phoenix = Wire(refuse).phoenix
    asset = Asset.from_wire({"id": "a", "url": SIGNED})
    with pytest.raises(PhoenixError) as caught:
        phoenix.fetch(asset.url)
    assert not [text for text in told(caught.value) if "hunter2" in text]
    assert re.fullmatch(r"'https://storage.test/a.png\?…'", repr(asset.url))
    assert asset.url == SIGNED


@pytest.mark.parametrize("kind", ["key", "token"])
def test_no_image_of_the_credentials_themselves_shows_them(kind):
    given = credentials() if kind == "key" else Credentials(bearer_token=Secret(KEY))
    shown = [
        repr(given),
        str(given),
        f"{given}",
        repr(copy.copy(given)),
        repr(copy.deepcopy(given)),
    ]
    shown += [repr(OriginAuth(given)), repr(vars(OriginAuth(given)))]
    secret = given.bearer_token or given.api_key
    assert secret is not None
    shown += [repr(secret), f"{secret}", f"{secret:>30}", repr([secret]), repr(given.sent)]
    assert not leaked_by(shown)
    for unsafe in (given, secret, unchecked(given)):
        with pytest.raises(TypeError):
            pickle.dumps(unsafe)


def test_no_record_shows_a_signed_address():
    part = {"number": 1, "url": SIGNED}
    records = [
        Asset.from_wire({"id": "a", "url": SIGNED}),
        TrainingImage.from_wire({"id": "a", "downloadUrl": SIGNED}),
        Epoch.from_wire({"epoch": "1", "assets": [{"assetId": "a", "url": SIGNED}]}),
        Upload.from_wire({"id": "u", "parts": [part], "url": SIGNED}),
        Download.from_wire({"jobId": "j", "downloadUrl": SIGNED}),
        Job.from_wire({"jobId": "j", "metadata": {"output": {"downloadUrl": SIGNED}}}),
    ]
    assert not any("hunter2" in repr(record) for record in records)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_an_address_with_credentials_is_refused_without_showing_them(scheme):
    base_url = f"{scheme}://{KEY}:{quote(SECRET, safe='')}@phoenix.test/v1"
    with pytest.raises(CredentialsError) as caught:
        unchecked(credentials(base_url))
    assert not leaked_by(told(caught.value))
    with pytest.raises(CredentialsError) as unreadable:
        unchecked(credentials(f"{scheme}://{KEY}:{SECRET}@phoenix.test/v1"))
    assert not leaked_by(told(unreadable.value))


@pytest.mark.parametrize(
    "url", ["s3://me:hunter2@a.test/x.png", "s3://a.test/x.png?token=hunter2", "me:hunter2@a.test"]
)
def test_an_address_that_no_service_fetches_is_told_without_its_secrets(url):
    with pytest.raises(InputError, match="not the address of an image") as caught:
        unchecked(credentials()).import_image(url)
    assert "hunter2" not in str(caught.value)
