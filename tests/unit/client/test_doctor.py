"""The doctor looks, says what is amiss, changes nothing and shows no secret."""

from __future__ import annotations

import errno
import fcntl
import importlib.metadata
import json
import os
import sqlite3
from pathlib import Path

import certifi
import httpx
import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain import checkup
from phoenix_nbtrain.errors import CredentialsError, StoreError

PLANTED = ("planted-key-1", "planted-secret-2", "planted-token-3")


def examined() -> dict[str, tuple[str, str]]:
    """State and detail of every check, by its name."""
    frame = nbt.doctor()
    assert list(frame.columns) == ["check", "state", "detail"]
    assert set(frame["state"]) <= {"ok", "warning", "problem"}
    assert frame.notna().all(axis=None)
    return {row.check: (row.state, row.detail) for row in frame.itertuples()}


def test_a_fresh_computer_is_well_and_stays_untouched():
    found = examined()
    assert found["python"][0] == found["disk space"][0] == "ok"
    assert found["anywidget"] == ("ok", importlib.metadata.version("anywidget"))
    assert found["front end anywidget"][0] == "ok"
    assert "the local one" in found["phoenix"][1]
    assert not Path(os.environ["PHOENIX_NBTRAIN_HOME"]).exists()


def test_the_connected_phoenix_is_the_one_that_is_asked():
    nbt.connect("local")
    found = examined()
    assert "Local Phoenix · nothing is charged" in found["phoenix"][1]
    assert found["reached"] == ("ok", "a free request succeeded")
    assert found["phoenix.sqlite"][0] == "ok"


def test_a_package_that_is_missing_or_too_old_is_named_with_its_cure(monkeypatch):
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("safetensors", "waitress"):
            raise importlib.metadata.PackageNotFoundError(name)
        return {"pandas": "2.9.3", "anywidget": "0.9.21"}.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = examined()
    assert found["safetensors"] == (
        "problem",
        "not installed here; pip install 'phoenix-nbtrain'",
    )
    assert found["waitress"][0] == "warning", "only serving needs it"
    assert found["pandas"] == ("problem", "2.9.3 is too old; pip install -U 'pandas>=3'")
    assert found["anywidget"][0] == "problem", "0.9 is older than 0.11"


def test_a_missing_front_end_is_a_warning_since_the_lab_may_run_elsewhere(monkeypatch, tmp_path):
    from jupyter_core import paths

    monkeypatch.setattr(paths, "jupyter_path", lambda *_: [str(tmp_path)])
    state, detail = examined()["front end anywidget"]
    assert (state, "another one" in detail) == ("warning", True)


def test_a_damaged_database_is_found():
    folder = Path(os.environ["PHOENIX_NBTRAIN_HOME"])
    folder.mkdir(mode=0o700)
    with sqlite3.connect(folder / "journal.sqlite3") as file:
        file.execute("CREATE TABLE t (x)")
    file.close()
    (folder / "drafts.sqlite3").write_bytes(b"no database at all, but a text" * 40)
    found = examined()
    assert found["journal.sqlite3"][0] == "ok"
    assert found["drafts.sqlite3"][0] == "problem"
    assert found["data folder"][0] == "ok"
    folder.chmod(0o755)
    assert "chmod 700" in examined()["data folder"][1]


def test_a_relative_data_folder_is_looked_into_as_any_other(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", "relative/home")
    nbt.connect("local")
    assert examined()["phoenix.sqlite"][0] == "ok"
    assert examined()["data folder"] == ("ok", str(tmp_path / "relative" / "home"))


@pytest.mark.parametrize("below", ["", "here"])
def test_a_file_where_the_data_folder_should_be_is_a_problem(below, monkeypatch, tmp_path):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "taken" / below))
    state, detail = examined()["data folder"]
    assert (state, "set PHOENIX_NBTRAIN_HOME to another" in detail) == ("problem", True)


def test_little_space_is_a_warning(monkeypatch):
    monkeypatch.setattr(checkup, "LITTLE_SPACE", 1 << 80)
    assert examined()["disk space"][0] == "warning"


def test_a_service_that_is_down_is_a_problem_after_one_try(monkeypatch, over):
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    asked = over(down)
    monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", PLANTED[2])
    found = examined()
    assert found["reached"][0] == "problem"
    assert "cannot be reached" in found["reached"][1]
    assert [request.url.path for request in asked] == ["/v1/models"]


@pytest.mark.parametrize("where", ["environment", "saved login", "half", "in the address"])
@pytest.mark.parametrize("status", [200, 401, 500])
def test_no_secret_is_ever_shown(monkeypatch, over, where, status):
    key, secret, token = PLANTED
    basic = httpx.BasicAuth(key, secret)._auth_header
    said = {"message": f"{basic} is wrong", "models": []}
    over(lambda _: httpx.Response(status, json=said))
    if where == "environment":
        monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", key)
        monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", secret)
    elif where == "half":
        monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", key)
    elif where == "in the address":
        monkeypatch.setenv("PHOENIX_NBTRAIN_BEARER_TOKEN", token)
        monkeypatch.setenv("PHOENIX_NBTRAIN_BASE_URL", f"https://{key}:{secret}@phoenix.test/v1")
    else:
        folder = Path(os.environ["PHOENIX_NBTRAIN_HOME"])
        folder.mkdir(mode=0o700)
        (folder / "login.json").write_text(json.dumps({"api_key": key, "api_secret": secret}))
    found = examined()
    if where in ("environment", "saved login"):
        assert where in found["credentials"][1]
        assert found["reached"][0] == ("ok" if status == 200 else "problem")
    else:
        assert found["phoenix"][0] == "problem"
    text = nbt.doctor().to_csv() + nbt.doctor().to_html()
    assert not any(planted in text for planted in (*PLANTED, basic.split()[1]))


@pytest.mark.parametrize(
    ("variable", "value", "check", "words"),
    [
        ("SSL_CERT_FILE", "/proc/nothing/ca.pem", "certificates", "SSL_CERT_FILE=/proc/nothing"),
        ("SSLKEYLOGFILE", "/proc/nothing/keys", "certificates", "SSLKEYLOGFILE=/proc/nothing"),
        ("HTTPS_PROXY", "http://[oops:9", "proxy", "HTTPS_PROXY names an invalid proxy"),
        ("HTTPS_PROXY", "socks://me:planted-secret-2@[::1]:9", "proxy", "HTTPS_PROXY names a kind"),
        ("PHOENIX_NBTRAIN_HOME", "a" * 300, "data folder", "a shorter path"),
        ("PHOENIX_NBTRAIN_HOME", "/" + "a/" * 300, "data folder", "at most 470 bytes"),
        ("PHOENIX_NBTRAIN_HOME", "/proc/nbtrain", "data folder", "Make it writable"),
        ("PHOENIX_NBTRAIN_HOME", "~nobody-of-that-name", "data folder", "is not a folder"),
    ],
)
def test_what_is_set_wrongly_is_a_problem_that_is_named(variable, value, check, words, monkeypatch):
    monkeypatch.setenv(variable, value)
    found = examined()
    assert found[check][0] == "problem"
    assert words in found[check][1]
    assert not any(planted in str(found) for planted in PLANTED)


def test_a_proxy_and_certificates_that_are_set_are_shown(monkeypatch):
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    where = certifi.where()
    monkeypatch.setenv("SSL_CERT_FILE", where)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PLANTED[1]}@127.0.0.1:9")
    found = examined()
    assert found["certificates"][0] == "ok"
    assert found["proxy"] == ("ok", "http://127.0.0.1:9 (HTTPS_PROXY), for the hosted Phoenix")
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.delenv("SSL_CERT_FILE")
    found = examined()
    assert found["certificates"] == ("ok", "those of the package certifi")
    assert found["proxy"] == ("ok", "none is set")


@pytest.mark.parametrize(
    ("error", "words"), [(errno.ENOLCK, "cannot be locked"), (errno.ENOSPC, "Free up space there")]
)
def test_a_data_folder_without_locks_or_room_is_a_problem(monkeypatch, error, words):
    def no(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    nbt.connect("local")
    monkeypatch.setattr(fcntl, "flock", no)  # as good as any call that needs room
    state, detail = examined()["data folder"]
    assert (state, words in detail) == ("problem", True)


def test_a_saved_login_that_cannot_be_read_is_not_taken_for_none():
    (Path(os.environ["PHOENIX_NBTRAIN_HOME"]) / "login.json").mkdir(parents=True)
    with pytest.raises(CredentialsError, match=r"saved login.*cannot be read.*log in again"):
        nbt.connect()
    with pytest.raises(StoreError):
        nbt.logout()
    assert "cannot be read" in examined()["phoenix"][1]


def test_a_check_that_fails_by_itself_is_a_row(monkeypatch):
    from jupyter_core import paths

    def no_home(*_: object) -> list[str]:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(paths, "jupyter_path", no_home)
    assert examined()["front ends"] == ("problem", "Could not determine home directory.")
