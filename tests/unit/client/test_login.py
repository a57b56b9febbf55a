"""A saved login: asked without an echo, checked before it is kept, its owner's only."""

from __future__ import annotations

import getpass
import json
import stat
import warnings

import httpx
import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain.client import connect as connecting
from phoenix_nbtrain.client.credentials import HOSTED_URL
from phoenix_nbtrain.client.login import login_path
from phoenix_nbtrain.errors import AuthenticationFailed, CredentialsError, InputError
from phoenix_nbtrain.home import write_whole

SECRETS = ("planted-key-1", "planted-secret-2", "planted-token-3")


class Hosted:
    """The hosted service behind `connect`: it knows one key pair and one token."""

    requests: list[httpx.Request]

    def __init__(self) -> None:
        key = httpx.BasicAuth(*SECRETS[:2])._auth_header
        self.known = {key, f"Bearer {SECRETS[2]}"}

    def answer(self, request: httpx.Request) -> httpx.Response:
        given = request.headers.get("authorization", "")
        if given not in self.known:
            return httpx.Response(401, json={"message": f"Unauthorized: {given}"})
        if request.url.path.endswith("/teams"):
            project = {"id": "proj_1", "name": "One"}
            return httpx.Response(200, json={"teams": [{"id": "t", "projects": [project]}]})
        return httpx.Response(200, json={"models": []})


@pytest.fixture
def hosted(monkeypatch, over) -> Hosted:
    service = Hosted()
    monkeypatch.setattr(connecting, "_login_seen", 0)
    service.requests = over(service.answer)
    return service


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Type these answers into the prompts; return the prompts as they come."""
    left, prompts = list(answers), []

    def ask(prompt: str = "Password: ") -> str:
        prompts.append(prompt)
        return left.pop(0)

    monkeypatch.setattr(getpass, "getpass", ask)
    return prompts


def test_a_key_is_asked_checked_and_kept_for_its_owner_only(monkeypatch, hosted, capsys):
    prompts = typing(monkeypatch, f" {SECRETS[0]} ", SECRETS[1])
    said = nbt.login()
    assert prompts == ["API key: ", "API secret: "]
    assert len(hosted.requests) == 1
    path = login_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert str(path) in said
    assert repr(said) == said, "a notebook shows a sentence, without quotes"
    shown = said + "".join(capsys.readouterr())
    assert not any(secret in shown for secret in SECRETS)
    client = nbt.connect()
    assert not client.is_local
    assert hosted.requests[-1].headers["authorization"] in hosted.known


def test_a_token_is_kept_with_the_project_it_reaches(monkeypatch, hosted):
    typing(monkeypatch, SECRETS[2])
    nbt.login(kind="token")
    saved = json.loads(login_path().read_text())
    assert set(saved) == {"bearer_token", "base_url", "project_id"}
    assert saved["project_id"] == "proj_1"


def test_wrong_credentials_are_not_saved_nor_shown(monkeypatch, hosted):
    hosted.known.clear()
    typing(monkeypatch, *SECRETS[:2])
    with pytest.raises(AuthenticationFailed) as caught:
        nbt.login()
    assert not login_path().exists()
    header = hosted.requests[0].headers["authorization"]
    assert header.split()[1] not in str(caught.value), "the service quoted it"


def test_a_wrong_login_leaves_the_one_before(monkeypatch, hosted):
    typing(monkeypatch, *SECRETS[:2], "wrong", "wrong")
    nbt.login()
    before = login_path().read_bytes()
    with pytest.raises(AuthenticationFailed):
        nbt.login()
    assert login_path().read_bytes() == before


def test_logout_deletes_it_and_says_so(monkeypatch, hosted):
    assert "no saved login" in nbt.logout()
    typing(monkeypatch, *SECRETS[:2])
    nbt.login()
    assert "Deleted the saved login" in nbt.logout()
    assert not login_path().exists()
    assert nbt.connect().is_local


def test_the_environment_comes_first_and_login_says_so(monkeypatch, hosted):
    typing(monkeypatch, *SECRETS[:2])
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", SECRETS[2])
    assert "Credentials from the environment take precedence" in nbt.login()


@pytest.mark.parametrize("answers", [("",), ("key", "  ")])
def test_nothing_typed_is_nothing_saved(monkeypatch, hosted, answers):
    typing(monkeypatch, *answers)
    with pytest.raises(CredentialsError, match="was entered"):
        nbt.login()
    assert (hosted.requests, login_path().exists()) == ([], False)


@pytest.mark.parametrize("bad", ["kéy", "two words", "line\nbreak", "nul\0"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(monkeypatch, hosted, bad):
    typing(monkeypatch, bad, "secret")
    with pytest.raises(CredentialsError, match="Copy all of it again") as caught:
        nbt.login()
    assert bad not in str(caught.value)
    assert hosted.requests == []


@pytest.mark.parametrize("error", [None, EOFError, NotImplementedError])
def test_where_nobody_can_be_asked_without_an_echo_the_environment_is_named(monkeypatch, error):
    def ask(prompt: str = "") -> str:
        if error is not None:
            raise error
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        pytest.fail("it asked")

    monkeypatch.setattr(getpass, "getpass", ask)
    with pytest.raises(CredentialsError, match="PHOENIX_NBTRAIN_API_KEY"):
        nbt.login()


def test_a_tutorial_logs_nobody_in(monkeypatch):
    monkeypatch.setenv("PHOENIX_NBTRAIN_ONLY", "local")
    monkeypatch.setattr(getpass, "getpass", lambda prompt="": pytest.fail("it asked"))
    with pytest.raises(CredentialsError, match="local Phoenix"):
        nbt.login()


def test_another_kind_is_refused():
    with pytest.raises(InputError, match="password"):
        nbt.login(kind="password")  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("content", ["[]", "{", '{"api_key": 7}', '"text"'])
def test_a_damaged_login_is_no_crash(content, tmp_path):
    login_path().parent.mkdir(parents=True, exist_ok=True)
    login_path().write_text(content)
    if content == "{":
        with pytest.raises(CredentialsError, match="log in again"):
            nbt.connect()
    else:
        assert nbt.connect().is_local


def test_what_is_connected_to_that_service_goes_on_with_the_new_login(hosted, monkeypatch):
    before = nbt.connect(bearer_token=SECRETS[2])
    typing(monkeypatch, *SECRETS[:2])
    nbt.login()
    after = connecting.connected()
    assert after is not before and after is not None
    asked = len(hosted.requests)
    after.ping()
    key = httpx.BasicAuth(*SECRETS[:2])._auth_header
    assert [r.headers["authorization"] for r in hosted.requests[asked:]] == [key]


def test_a_login_leaves_what_is_connected_elsewhere_alone(hosted, monkeypatch):
    before = nbt.connect("local")
    typing(monkeypatch, *SECRETS[:2])
    nbt.login()
    assert connecting.connected() is before


def saved_elsewhere(token: str, **more: str) -> None:
    """Do what `login` does in another kernel."""
    words = {"bearer_token": token, "base_url": HOSTED_URL, "project_id": "proj_1", **more}
    write_whole(login_path(), json.dumps(words).encode())


def test_a_login_in_another_kernel_is_found_when_a_token_has_expired(hosted):
    saved_elsewhere(SECRETS[2])
    stale = nbt.connect("hosted")
    hosted.known = {"Bearer newer-token-4"}
    connecting.look_for_login()
    assert connecting.connected() is stale
    asked = len(hosted.requests)
    connecting.look_for_login()
    assert len(hosted.requests) == asked, "each saved login is looked at once"
    saved_elsewhere("newer-token-4")
    connecting.look_for_login()
    fresh = connecting.connected()
    assert fresh is not None and fresh is not stale
    fresh.ping()


@pytest.mark.parametrize(
    ("where", "given", "more"),
    [
        ("saved", {}, {"project_id": "proj_2"}),
        ("saved", {}, {"base_url": "https://other.test/v1"}),
        ("given", {"bearer_token": SECRETS[2], "project_id": "proj_1"}, {}),
        ("environment", {}, {}),
    ],
)
def test_a_login_in_another_kernel_leaves_what_is_not_its_own_alone(
    hosted, monkeypatch, where, given, more
):
    if where != "given":
        saved_elsewhere(SECRETS[2])
    before = nbt.connect("hosted", **given)
    if where == "environment":
        monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", SECRETS[2])
    saved_elsewhere(SECRETS[2], **more)
    connecting.look_for_login()
    assert connecting.connected() is before


def test_a_login_for_another_project_changes_no_connection(hosted, monkeypatch):
    client = nbt.connect("hosted", bearer_token=SECRETS[2], project_id="proj_1")
    typing(monkeypatch, SECRETS[2])
    nbt.login("token", project_id="proj_2")
    assert connecting.default_client() is client
