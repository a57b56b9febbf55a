"""Nothing of a credential, and no signed address, is in anything that a notebook could keep."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from typing import Any

import httpx
import pytest

from phoenix_nbtrain.client import connect as connecting
from phoenix_nbtrain.client.connect import unchecked
from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret
from phoenix_nbtrain.errors import CredentialsError, PhoenixError
from phoenix_nbtrain.records import Asset, Download, Epoch, Job, TrainingImage, Upload

KEY, SECRET, TOKEN = "planted-key-1", "planted-secret-2", "planted-token-3"
BASIC = httpx.BasicAuth(KEY, SECRET)._auth_header.split()[1]
PLANTED = (KEY, SECRET, TOKEN, BASIC, "hunter2")
SIGNED = "https://storage.test/a.png?X-Amz-Signature=hunter2"


def credentials(kind: str) -> Credentials:
    if kind == "token":
        return Credentials(bearer_token=Secret(TOKEN), base_url="https://phoenix.test/v1")
    return Credentials(
        api_key=Secret(KEY), api_secret=Secret(SECRET), base_url="https://phoenix.test/v1"
    )


def reachable(error: BaseException) -> list[str]:
    """Everything that an error and those behind it tell of themselves."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        told += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return [*told, "".join(traceback.format_exception(error))]


@pytest.mark.parametrize("kind", ["key", "token"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError(f"proxy said: Basic {BASIC}"),
        httpx.ReadTimeout("slow"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        httpx.Response(401, json={"message": f"'Basic {BASIC}' is no key; Bearer {TOKEN}"}),
        httpx.Response(500, text=f"<pre>{BASIC}</pre>"),
        httpx.Response(302, headers={"location": f"https://evil.test/?{BASIC}"}),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "status_code", "")),
)
def test_no_failure_carries_the_credentials(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    answer: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            answer.request = request  # type: ignore[attr-defined]  # as httpx's own client does
            raise answer
        return answer

    monkeypatch.setattr(connecting, "SocketTransport", lambda: httpx.MockTransport(handle))
    client = unchecked(credentials(kind))
    with pytest.raises(PhoenixError) as caught:
        client.trigger_training("m", {})
    assert len(asked) == 1
    assert (TOKEN if kind == "token" else BASIC) in asked[0].headers["authorization"]
    told = [*reachable(caught.value), repr(client), repr(client._http), caplog.text]
    told.append(repr(pickle.dumps(caught.value)))
    assert not any(planted in text for text in told for planted in PLANTED)
    behind = [caught.value.__cause__, caught.value.__context__]
    assert behind == [None, None], "httpx's errors hold the signed request"


@pytest.mark.parametrize("kind", ["key", "token"])
def test_no_picture_of_the_credentials_themselves_shows_them(kind: str) -> None:
    given = credentials(kind)
    told = [repr(given), str(given), f"{given}", repr(copy.copy(given)), repr(copy.deepcopy(given))]
    told += [repr(OriginAuth(given)), repr(vars(OriginAuth(given)))]
    secret = given.bearer_token or given.api_key
    assert secret is not None
    told += [repr(secret), f"{secret}", f"{secret:>30}", repr([secret])]
    assert not any(planted in text for text in told for planted in PLANTED)
    for unsafe in (given, secret, unchecked(given)):
        with pytest.raises(TypeError):
            pickle.dumps(unsafe)


def test_no_record_shows_a_signed_address() -> None:
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


def test_an_address_with_credentials_is_refused_without_showing_them() -> None:
    given = Credentials(
        bearer_token=Secret(TOKEN), base_url=f"https://{KEY}:{SECRET}@phoenix.test/v1"
    )
    with pytest.raises(CredentialsError) as caught:
        unchecked(given)
    assert not any(planted in text for text in reachable(caught.value) for planted in PLANTED)
