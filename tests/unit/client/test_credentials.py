"""One source of credentials, never mixed, never shown."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import httpx
import pytest

from phoenix_nbtrain.client.connect import connect
from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret, find
from phoenix_nbtrain.errors import CredentialsError, InputError


def test_a_secret_is_never_shown() -> None:
    secret = Secret("hunter2")
    holder = Credentials(api_key=secret, api_secret=secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr(holder), str(holder)]
    shown.append(repr(copy.deepcopy(secret)))
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_ours_come_before_the_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO_SDK_API_KEY", "theirs")
    monkeypatch.setenv("SCENARIO_SDK_API_SECRET", "theirs")
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", "ours")
    found = find()
    assert found is not None
    assert found.bearer_token is not None
    assert found.api_key is None


@pytest.mark.parametrize(
    "prefix", ["PHOENIX_NBTRAIN_", "SCENARIO_SDK_", "SCENARIO_"], ids=str.lower
)
def test_every_documented_pair_is_found(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv(f"{prefix}API_KEY", "k")
    monkeypatch.setenv(f"{prefix}API_SECRET", "s")
    found = find()
    assert found is not None
    assert found.api_key is not None
    assert found.api_key.reveal() == "k"


def test_explicit_arguments_are_not_completed_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "k")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "s")
    with pytest.raises(CredentialsError, match="api_secret"):
        connect(api_key="mine")


def test_half_a_pair_is_an_error_that_names_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "s")
    with pytest.raises(CredentialsError, match="PHOENIX_NBTRAIN_API_KEY"):
        connect()


def test_both_kinds_at_once_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "k")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "s")
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", "t")
    with pytest.raises(CredentialsError, match="Both"):
        connect()


def test_a_saved_login_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path))
    (tmp_path / "login.json").write_text(json.dumps({"bearer_token": "saved"}))
    found = find()
    assert found is not None
    assert found.source == "saved login"
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", "now")
    found = find()
    assert found is not None
    assert found.source == "environment"


def test_hosted_without_credentials_says_what_to_set() -> None:
    with pytest.raises(CredentialsError, match="PHOENIX_NBTRAIN_API_KEY"):
        connect("hosted")


def test_an_unknown_phoenix_is_refused() -> None:
    with pytest.raises(InputError, match="moon"):
        connect("moon")  # type: ignore[arg-type]  # the mistake under test


def test_credentials_are_not_sent_over_http_elsewhere() -> None:
    with pytest.raises(CredentialsError, match="https"):
        connect(api_key="k", api_secret="s", base_url="http://phoenix.example/v1")


def test_another_origin_gets_no_credentials() -> None:
    auth = OriginAuth(Credentials(bearer_token=Secret("t"), base_url="https://a.test/v1"))

    def sent(url: str) -> str | None:
        request = httpx.Request("GET", url)
        auth.sign(request)
        return request.headers.get("Authorization")

    assert sent("https://a.test/v1/models") == "Bearer t"
    for url in ("https://b.test/v1/models", "http://a.test/v1/models", "https://a.test:8443/v1"):
        assert sent(url) is None
