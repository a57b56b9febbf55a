"""One source of credentials, never mixed, never shown."""

from __future__ import annotations

import json
import warnings

import httpx
import pytest
from IPython.core.interactiveshell import InteractiveShell

from phoenix_nbtrain.client.connect import connect, default_client
from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret, find
from phoenix_nbtrain.errors import CredentialsError, InputError, PhoenixError, ServiceUnreachable


def test_ours_come_before_the_services_own(monkeypatch):
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
def test_every_documented_pair_is_found(monkeypatch, prefix):
    monkeypatch.setenv(f"{prefix}API_KEY", "k")
    monkeypatch.setenv(f"{prefix}API_SECRET", "s")
    found = find()
    assert found is not None
    assert found.api_key is not None
    assert found.api_key.reveal() == "k"


PAIR = {"PHOENIX_NBTRAIN_API_KEY": "k", "PHOENIX_NBTRAIN_API_SECRET": "s"}
KEYS = {"api_key": "k", "api_secret": "s"}
ELSEWHERE = {"PHOENIX_NBTRAIN_BASE_URL": "https://phoenix.example/v1"}
THEIRS = {"SCENARIO_API_KEY": "for another", "SCENARIO_API_SECRET": "service"}


@pytest.mark.parametrize(
    ("environment", "given", "words"),
    [
        (PAIR, {"api_key": "mine"}, "api_secret"),
        ({"PHOENIX_NBTRAIN_API_SECRET": "s"}, {}, "PHOENIX_NBTRAIN_API_KEY"),
        ({**PAIR, "PHOENIX_NBTRAIN_BEARER_TOKEN": "t"}, {}, "Both"),
        ({}, {"to": "hosted"}, "PHOENIX_NBTRAIN_API_KEY"),
        (ELSEWHERE, {}, "PHOENIX_NBTRAIN_BASE_URL is set without"),
        ({**ELSEWHERE, **THEIRS}, {}, "PHOENIX_NBTRAIN_BASE_URL is set without"),
        ({}, {"to": "local", **KEYS}, "takes no api_key and no api_secret"),
        ({}, {**KEYS, "base_url": "http://phoenix.example/v1"}, "https"),
        *(
            ({}, {**KEYS, "base_url": address}, "is incomplete")
            for address in (
                *("https://", "https:///v1", "https:", "nonsense"),
                "https://phoenix.test:99999/v1",
            )
        ),
    ],
)
def test_credentials_that_cannot_be_used_are_refused_and_never_completed_from_elsewhere(
    monkeypatch, environment, given, words
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError, match=words):
        connect(**given)


def test_a_saved_login_comes_last(monkeypatch, tmp_path):
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path))
    (tmp_path / "login.json").write_text(json.dumps({"bearer_token": "saved"}))
    found = find()
    assert found is not None
    assert found.source == "saved login"
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", "now")
    monkeypatch.setenv("PHOENIX_NBTRAIN_BASE_URL", "https://phoenix.example/v1")
    found = find()
    assert found is not None
    assert (found.source, found.base_url) == ("environment", "https://phoenix.example/v1")


def test_after_a_connect_that_failed_no_other_phoenix_is_chosen_in_its_place(tmp_path, monkeypatch):
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


def test_a_key_in_a_cell_is_warned_of_each_time_the_cell_runs(monkeypatch, over, tmp_path):
    over(lambda _: httpx.Response(200, json={"models": []}))
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
        assert "contains a credential" in words
        assert "hunter2" not in words
    assert warned("_ = nbt.connect(api_key=secret, api_secret=secret)") == []


def test_an_unknown_phoenix_is_refused():
    with pytest.raises(InputError, match="moon"):
        connect("moon")  # type: ignore[arg-type]  # the mistake under test


def test_another_origin_gets_no_credentials():
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
def test_an_argument_that_is_no_text_is_told_by_name_and_its_value_is_not_shown(name, value):
    given = {"api_key": "k", "api_secret": "s", name: value}
    with pytest.raises(
        InputError, match=f"^{name} must be text, not a {type(value).__name__}"
    ) as e:
        connect(**given)
    assert "planted" not in str(e.value)
    with pytest.raises(InputError, match="no such Phoenix"):
        connect(value)
