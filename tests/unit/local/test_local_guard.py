"""What strangers send: hosts, origins, credentials and bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.local import app as app_module


@pytest.fixture
def served(tmp_path) -> Phoenix:
    return Phoenix(tmp_path / "served", credentials=("key", "s:cret"))


GOOD = {"Authorization": "Basic a2V5OnM6Y3JldA=="}


def test_every_route_but_signed_storage_wants_credentials(served):
    served_rules = [rule for rule in served.app.url_map.iter_rules() if rule.endpoint != "static"]
    assert len(served_rules) > 25
    for rule in served_rules:
        path = str(rule)
        for name in rule.arguments:
            path = path.replace(f"<int:{name}>", "1").replace(f"<{name}>", "x")
        for method in rule.methods - {"OPTIONS", "HEAD"}:  # type: ignore[operator]  # it has some
            status = served.raw(method, path).status_code
            assert status == (403 if rule.endpoint.startswith("storage.") else 401), path
    assert served.raw("GET", "/v1/models", headers=GOOD).status_code == 200


@pytest.mark.parametrize(
    "value", ["Basic a2V5Ondyb25n", "Basic !!!", "Bearer a2V5OnM6Y3JldA==", "Basic", "", "Basic é"]
)
def test_wrong_credentials_are_a_401_without_a_hint(served, value):
    reply = served.raw("GET", "/v1/models", headers={"Authorization": value})
    assert (reply.status_code, reply.get_json()) == (401, {"message": "Unauthorized"})


def test_a_signed_url_of_a_served_phoenix_needs_no_credentials(served):
    from phoenix_nbtrain.local.new_assets import made
    from phoenix_nbtrain.local.rows import insert_asset

    with served.store.writing() as connection:
        asset_id = insert_asset(connection, made(served.store, "x.png", drawing(), (96, 96)))
    asset = served.raw("GET", f"/v1/assets/{asset_id}", headers=GOOD).get_json()["asset"]
    path = asset["url"].removeprefix(f"http://{served.host}")
    assert served.raw("GET", path).data == drawing()


@pytest.mark.parametrize(
    "host",
    ["evil.com", "127.0.0.1.evil.com", "localhost.evil.com:80", "", "phoenix.local", "[::2]"],
)
def test_only_this_computers_names_are_answered_to(served, host):
    reply = served.raw("GET", "/v1/models", headers={**GOOD, "Host": host})
    assert reply.status_code in (400, 403)


def test_other_web_pages_are_refused_before_any_handler(phoenix):
    for headers in (
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.com"},
        {"Origin": "http://127.0.0.1:1234"},
        {"Origin": "https://phoenix.local"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        reply = phoenix.raw("POST", "/v1/models", json={"name": "x"}, headers=headers)
        assert reply.status_code == 403, headers
    assert phoenix.ok("GET", "/models")["models"] == []
    own = {"Origin": "http://phoenix.local"}
    assert phoenix.raw("POST", "/v1/models", json={}, headers=own).status_code == 200


DEEP = 100_000
HOSTILE = {
    "deep array": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a little deep": b'{"name":' + b"[" * 40 + b"]" * 40 + b"}",
    "NaN": b'{"parameters":{"learningRate":NaN}}',
    "Infinity": b'{"parameters":{"learningRate":-Infinity}}',
    "1e400": b'{"parameters":{"learningRate":1e400}}',
    "long number": b'{"parameters":{"seed":' + b"9" * 6000 + b"}}",
    "2^70": b'{"parameters":{"seed":1180591620717411303424}}',
    "same key twice": b'{"name":"a","name":"b"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "UTF-8 BOM": b'\xef\xbb\xbf{"name":"a"}',
    "bad UTF-8": b'{"name":"\xff"}',
    "lone surrogate": b'{"name":"\\udc80"}',
    "surrogate key": b'{"\\udc80":1}',
    "cut off": b'{"name":',
    "no object": b'"name"',
    "a number": b"3",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_a_400_everywhere_and_changes_nothing(phoenix, body):
    model_id = phoenix.style_set(2)
    before = phoenix.read(model_id)
    for method, path in (
        ("POST", "/v1/models"),
        ("PUT", f"/v1/models/{model_id}"),
        ("PUT", f"/v1/models/{model_id}/train"),
        ("PUT", f"/v1/models/{model_id}/training-images/pairs"),
        ("POST", f"/v1/models/{model_id}/training-images"),
        ("POST", "/v1/assets"),
        ("POST", f"/v1/models/{model_id}/train/action"),
        ("POST", f"/v1/models/{model_id}/download"),
        ("POST", "/v1/models/get-bulk"),
        ("POST", "/v1/assets/get-bulk"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/uploads/upload_x/action"),
    ):
        reply = phoenix.raw(method, path, data=body, content_type="application/json")
        assert reply.status_code == 400, path
        assert len(reply.get_json()["reason"]) <= 200
    after = phoenix.read(model_id)
    for image in [*before["trainingImages"], *after["trainingImages"]]:
        image.pop("downloadUrl")
    assert after == before
    assert len(phoenix.ok("GET", "/models")["models"]) == 1


def test_a_body_beyond_the_limit_is_not_read(phoenix, monkeypatch):
    phoenix.app.config["MAX_CONTENT_LENGTH"] = 1000
    body = json.dumps({"name": "x" * 2000})
    reply = phoenix.raw("POST", "/v1/models", data=body, content_type="application/json")
    assert reply.status_code == 413
    assert app_module.BODY_BYTES_MAX < 100_000_000


def test_what_is_not_there_is_not_there(phoenix):
    assert phoenix.send("GET", "/nothing") == (404, {"message": "Not Found"})
    assert phoenix.send("DELETE", "/models") == (405, {"message": "Method Not Allowed"})
    assert phoenix.raw("GET", "/static/x").status_code == 404


def test_a_failure_of_ours_tells_no_secret(phoenix, monkeypatch, caplog):
    def broken(*_: object) -> Any:
        raise KeyError("a secret path")

    monkeypatch.setattr(phoenix.store, "reading", broken)
    assert phoenix.send("GET", "/models") == (500, {"message": "Internal Server Error"})
    assert "a request failed" in caplog.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["name", "type", "parameters", "assetId", "assetIds", "data", "image", "nbEpochs",
             "samplePrompts", "epoch", "description", "action", "sourceId", "targetId",
             "modelIds", "fileName", "contentType", "fileSize", "parts", "kind", "modelEpoch"]
        ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(body=json_values, data=st.data())
@settings(max_examples=120, suppress_health_check=list(HealthCheck))
def test_no_body_makes_the_service_fail(phoenix: Phoenix, body: Any, data: st.DataObject) -> None:
    models = phoenix.ok("GET", "/models")["models"]
    model_id = models[-1]["id"] if models else phoenix.style_set(1)
    method, path = data.draw(
        st.sampled_from(
            [
                ("POST", "/models"),
                ("PUT", f"/models/{model_id}"),
                ("PUT", f"/models/{model_id}/train"),
                ("PUT", f"/models/{model_id}/training-images/pairs"),
                ("POST", f"/models/{model_id}/training-images"),
                ("POST", "/assets"),
                ("POST", "/assets/get-bulk"),
                ("POST", "/models/get-bulk"),
                ("POST", f"/models/{model_id}/download"),
                ("POST", "/uploads"),
            ]
        )
    )
    text = json.dumps(body)
    reply = phoenix.raw(method, f"/v1{path}", data=text, content_type="application/json")
    assert reply.status_code < 500, (path, text)
