"""Any reply at all is a record, or one error of the tree that a person can read."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import answering, in_turn

from phoenix_nbtrain import errors
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.replies import Reply, error_of, retry_after
from phoenix_nbtrain.errors import (
    CoolingDown,
    PhoenixError,
    PlanLimitReached,
    ServiceError,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.records import TrainingPair
from phoenix_nbtrain.text import lasting

CALLS: dict[str, Callable[[Phoenix], Any]] = {
    "ping": lambda p: p.ping(),
    "create_model": lambda p: p.create_model(name="n", type="t"),
    "get_model": lambda p: p.get_model("m"),
    "get_models": lambda p: p.get_models(["m"]),
    "list_models": lambda p: list(p.list_models()),
    "update_model": lambda p: p.update_model("m", name="n", epoch=None),
    "delete_model": lambda p: p.delete_model("m"),
    "add_training_images": lambda p: p.add_training_images("m", ["a", "b"]),
    "replace_training_image": lambda p: p.replace_training_image("m", "a", asset_id="b"),
    "delete_training_image": lambda p: p.delete_training_image("m", "a"),
    "replace_pairs": lambda p: p.replace_pairs("m", [TrainingPair(source_id="a", target_id="b")]),
    "quote_training": lambda p: p.quote_training("m", {}),
    "trigger_training": lambda p: p.trigger_training("m", {}),
    "cancel_training": lambda p: p.cancel_training("m"),
    "get_job": lambda p: p.get_job("j"),
    "list_jobs": lambda p: list(p.list_jobs()),
    "quote_download": lambda p: p.quote_download("m"),
    "trigger_download": lambda p: p.trigger_download("m"),
    "get_download": lambda p: p.get_download("j"),
    "get_asset": lambda p: p.get_asset("a"),
    "get_assets": lambda p: p.get_assets(["a"]),
    "update_asset": lambda p: p.update_asset("a", description="d"),
    "upload_inline": lambda p: p.upload_inline("a.png", b"x"),
    "begin_upload": lambda p: p.begin_upload(
        file_name="a", content_type="image/png", size=1, parts=1
    ),
    "begin_import": lambda p: p.begin_import("https://a.test/b.png"),
    "get_upload": lambda p: p.get_upload("u"),
    "complete_upload": lambda p: p.complete_upload("u"),
    "send_part": lambda p: p.send_part("https://a.test/b", b"x"),
    "fetch": lambda p: p.fetch("https://a.test/b"),
    "fetch_to": lambda p: p.fetch_to("https://a.test/b", Path(os.devnull)),
    "list_projects": lambda p: p.list_projects(),
    "get_team_limits": lambda p: p.get_team_limits("team_1"),
}

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300)
words = [
    "model", "models", "job", "jobs", "asset", "assets", "upload", "trainingImage", "pairs",
    "teams", "projects", "id", "jobId", "parts", "number", "url", "status", "parameters",
    "reason", "message", "name", "details", "remainingSeconds", "actionName", "actionLimit",
    "trainingProgress", "progress", "position", "epochs", "properties", "width", "billing",
    "creativeUnitsCost", "costDetails", "statusHistory", "limits", "nextPaginationToken",
]  # fmt: skip
keys = st.text(max_size=8) | st.sampled_from(words)
bodies = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)
content = st.binary(max_size=200) | bodies.map(lambda body: json.dumps(body).encode())
header = st.sampled_from(["0", "-10", "121", "1e35", "nan", "soon", "7", "\x80", ""])


@settings(max_examples=150)
@given(
    call=st.sampled_from(sorted(CALLS)), status=st.integers(200, 599), content=content, after=header
)
def test_any_reply_is_a_record_or_one_readable_error(
    call: str, status: int, content: bytes, after: str
) -> None:
    wire = answering(status, content=content, headers={"retry-after": after.encode()})  # type: ignore[dict-item]
    try:
        repr(CALLS[call](wire.phoenix))
    except PhoenixError as error:
        assert type(error) in {
            getattr(errors, name) for name in errors.__all__ if name[0].isupper()
        }
        assert len(str(error)) <= 200
        assert str(error).isprintable()
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert all(0 < pause <= 60 for pause in wire.slept)


def test_the_property_covers_every_operation():
    from phoenix_nbtrain.client.endpoints import ENDPOINTS

    sent = {name.replace("begin_import", "begin_upload") for name in CALLS}
    assert sent == set(ENDPOINTS) - {"glance"}


@pytest.mark.parametrize(
    "call",
    sorted(
        set(CALLS) - {"send_part", "fetch", "fetch_to", "delete_model", "delete_training_image"}
    ),
)
@pytest.mark.parametrize(
    "page", [b"<html>Log in to the hotel's network</html>", b"", b"[]", b'{"model": {"id": "m"'],
    ids=["html", "empty", "list", "half"],
)  # fmt: skip
def test_a_200_that_is_no_object_of_the_services_is_no_reply(call, page):
    wire = answering(200, content=page)
    with pytest.raises(ServiceUnreachable, match="not from Phoenix") as caught:
        CALLS[call](wire.phoenix)
    assert caught.value.sent


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
@pytest.mark.parametrize("key", ["reason", "message", "error", "detail"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"remainingSeconds": 123456.75},
        {"details": {"actionName": "x" * 999, "actionLimit": 1e99}},
    ],
    ids=["plain", "cooldown", "ceiling"],
)
def test_a_long_message_is_cut_to_what_a_person_reads(status, key, more):
    content = json.dumps({key: "long words " * 500, **more}).encode()
    error = error_of(Reply(status=status, headers={}, content=content))
    assert 20 < len(str(error)) <= 200


@pytest.mark.parametrize("seconds", [0, 12.5, -3])
def test_a_cooldown_names_its_seconds_wherever_they_stand(seconds):
    for body in ({"remainingSeconds": seconds}, {"details": {"remainingSeconds": seconds}}):
        error = error_of(Reply(status=429, headers={}, content=json.dumps(body).encode()))
        assert isinstance(error, CoolingDown)
        assert error.remaining_seconds == max(0, seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599.3, "59 min 59 s"),
        (3600, "1 h"),
        (3899, "1 h 5 min"),
        (7199.9, "2 h"),
        (2.9e8, "80,555 h 33 min"),
    ],
)
def test_a_cooldown_is_told_as_people_say_it(seconds, words):
    assert lasting(seconds) == words
    content = json.dumps({"reason": "Too soon.", "remainingSeconds": seconds}).encode()
    error = error_of(Reply(status=429, headers={}, content=content))
    assert error.message == f"Too soon: the next can start in {words}."


@pytest.mark.parametrize("seconds", ["1e35", "NaN", "1e400", "true", '"42"', "null"])
def test_a_cooldown_that_nobody_could_wait_is_a_throttle(seconds):
    content = f'{{"remainingSeconds": {seconds}}}'.encode()
    assert type(error_of(Reply(status=429, headers={}, content=content))) is Throttled


def test_a_ceiling_and_a_cooldown_are_never_repeated_but_a_throttled_read_is():
    ceiling = {"name": "PlanLimitReachedError", "details": {"actionName": "x", "actionLimit": 0}}
    for body, kind, sent in (
        (ceiling, PlanLimitReached, 1),
        ({"remainingSeconds": 1}, CoolingDown, 1),
        ({"message": "slow down"}, Throttled, 3),
    ):
        wire = answering(429, json=body)
        with pytest.raises(kind):
            wire.phoenix.get_model("m")
        assert len(wire.requests) == sent


@pytest.mark.parametrize("status", [429, 503])
def test_a_sane_wish_for_a_pause_is_followed(status):
    wire = in_turn(
        httpx.Response(status, headers={"retry-after": "7"}),
        httpx.Response(200, json={"model": {"id": "m"}}),
    )
    assert wire.phoenix.get_model("m").id == "m"
    assert wire.slept == [7]


@pytest.mark.parametrize(
    "value", ["0", "-10", "121", "1e35", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "nan", "inf", ""]
)
def test_any_other_wish_is_met_with_pauses_of_our_own(value):
    assert retry_after({"retry-after": value}) is None
    wire = answering(429, headers={"retry-after": value}, json={})
    with pytest.raises(Throttled):
        wire.phoenix.get_model("m")
    first, second = wire.slept
    assert 0.375 <= first <= 0.5
    assert 0.75 <= second <= 1


def test_a_bomb_of_zeros_is_cut_off():
    bomb = gzip.compress(bytes(80 << 20))
    wire = answering(200, content=bomb, headers={"content-encoding": "gzip"})
    with pytest.raises(ServiceUnreachable, match="larger than 64 MB"):
        wire.phoenix.trigger_training("m", {})


def test_names_of_strangers_are_shown_as_text():
    wire = answering(400, json={"reason": "bad \u202egnp.exe\x00 <script>"})
    with pytest.raises(ServiceError) as caught:
        wire.phoenix.get_model("m")
    assert str(caught.value).isprintable()
    assert "\\u202e" in str(caught.value)
