"""One source of credentials, never mixed, never shown."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from IPython.core.interactiveshell import InteractiveShell

from phoenix_nbtrain.client.connect import connect, default_client
from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret, find
from phoenix_nbtrain.errors import (
    CredentialsError,
    InputError,
    PhoenixError,
    ServiceUnreachable,
)


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


def test_an_address_without_credentials_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_BASE_URL", "https://phoenix.example/v1")
    with pytest.raises(CredentialsError, match="PHOENIX_NBTRAIN_BASE_URL is set without"):
        connect()
    monkeypatch.setenv("SCENARIO_API_KEY", "for another")
    monkeypatch.setenv("SCENARIO_API_SECRET", "service")
    with pytest.raises(CredentialsError, match="PHOENIX_NBTRAIN_BASE_URL is set without"):
        connect()
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", "t")
    found = find()
    assert found is not None
    assert found.base_url == "https://phoenix.example/v1"


def test_the_local_phoenix_takes_no_credentials() -> None:
    with pytest.raises(CredentialsError, match="takes no api_key and no api_secret"):
        connect("local", api_key="k", api_secret="s")


def test_after_a_connect_that_failed_no_other_phoenix_is_chosen_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "somebodys")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "account")
    monkeypatch.setattr("phoenix_nbtrain.client.connect.open_remote", lambda _: pytest.fail("no"))
    with pytest.raises(PhoenixError):
        connect("local", data_dir=tmp_path / "file")
    for _ in range(2):
        with pytest.raises(ServiceUnreachable, match=r"the last nbt\.connect\(\) failed") as caught:
            default_client()
        assert not caught.value.sent
    made = connect("local", data_dir=tmp_path / "made")
    assert default_client() is made
    with pytest.raises(InputError):
        connect("lokal")
    assert default_client() is made, "as it was"


def test_a_key_in_a_cell_is_warned_of_each_time_the_cell_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"models": []})

    monkeypatch.setattr(
        "phoenix_nbtrain.client.connect.SocketTransport", lambda: httpx.MockTransport(answer)
    )
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setattr("phoenix_nbtrain.client.connect._default", None)
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.run_cell("import phoenix_nbtrain as nbt, warnings; secret = 'typed-elsewhere'")

    def warned(cell: str) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            shell.run_cell(cell, store_history=True).raise_error()
        # As it is printed, which is with the line that it is about.
        return [warnings.formatwarning(w.message, w.category, w.filename, w.lineno) for w in caught]

    literal = "_ = nbt.connect(api_key='hunter2', api_secret=secret)"
    for _ in range(2):
        (words,) = warned(literal)
        assert "A credential stands in cell" in words
        assert "hunter2" not in words
    assert warned("_ = nbt.connect(api_key=secret, api_secret=secret)") == []


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


@pytest.mark.parametrize("name", ["api_key", "base_url", "project_id", "team_id", "bearer_token"])
@pytest.mark.parametrize("value", [5, b"planted", ["planted"], object(), float("nan")])
def test_an_argument_that_is_no_text_is_told_by_name_and_its_value_is_not_shown(
    name: str, value: Any
) -> None:
    given = {"api_key": "k", "api_secret": "s", name: value}
    with pytest.raises(InputError, match=f"^{name} is a {type(value).__name__}, not a text") as e:
        connect(**given)
    assert "planted" not in str(e.value)
    with pytest.raises(InputError, match="no such Phoenix"):
        connect(value)


@pytest.mark.parametrize(
    "address", ["https://", "https:///v1", "https:", "nonsense", "https://phoenix.test:99999/v1"]
)
def test_a_base_url_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(CredentialsError, match=r"is not a whole address"):
        connect(api_key="k", api_secret="s", base_url=address)
