"""Uploads in parts, over the wire: the plan, the signed addresses, and what becomes of the file."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.local import reply_json, routes_assets


def plan(content: bytes, parts: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "fileName": "box.png",
        "contentType": "image/png",
        "fileSize": len(content),
        "parts": parts,
        "kind": "image",
        **changes,
    }


def begin(phoenix: Phoenix, content: bytes, parts: int = 1) -> Any:
    return phoenix.ok("POST", "/uploads", plan(content, parts))["upload"]


def put(phoenix: Phoenix, part: dict[str, Any], content: bytes) -> int:
    path = part["url"].removeprefix("http://phoenix.local")
    return int(phoenix.raw("PUT", path, data=content).status_code)


def complete(phoenix: Phoenix, upload_id: str) -> tuple[int, Any]:
    return phoenix.send("POST", f"/uploads/{upload_id}/action", {"action": "complete"})


def read(phoenix: Phoenix, upload_id: str) -> Any:
    return phoenix.ok("GET", f"/uploads/{upload_id}")["upload"]


@pytest.fixture
def tiny_parts(monkeypatch) -> int:
    """Parts of 100 bytes do, as 5 MB would with larger images."""
    monkeypatch.setattr(routes_assets, "PART_BYTES_MIN", 100)
    return 100


def test_a_file_in_parts_becomes_an_asset(phoenix, tiny_parts):
    content = drawing("box", "red")
    pieces = [content[:150], content[150:250], content[250:]]
    upload = begin(phoenix, content, 3)
    assert (upload["status"], upload["source"], upload["partsCount"]) == ("pending", "multipart", 3)
    assert [part["number"] for part in upload["parts"]] == [1, 2, 3]
    for part, piece in reversed(list(zip(upload["parts"], pieces, strict=True))):
        assert put(phoenix, part, piece) == 200
    status, reply = complete(phoenix, upload["id"])
    assert (status, reply["upload"]["status"]) == (200, "validating")
    assert "parts" not in reply["upload"]
    ended = phoenix.until(lambda: phoenix.ended_upload(upload["id"]))
    assert ended["status"] == "imported"
    asset = phoenix.ok("GET", f"/assets/{ended['entityId']}")["asset"]
    assert asset["metadata"]["name"] == "box.png"
    assert phoenix.fetch(asset["url"]).data == content
    # The parts have served their purpose.
    folder = phoenix.store.upload_dir(upload["id"]).parent
    phoenix.until(lambda: list(folder.iterdir()) == [])


def test_a_completed_upload_completed_again_is_the_same_one(phoenix):
    content = drawing()
    upload = begin(phoenix, content)
    put(phoenix, upload["parts"][0], content)
    for _ in range(3):
        assert complete(phoenix, upload["id"])[0] == 200
    ended = phoenix.until(lambda: phoenix.ended_upload(upload["id"]))
    status, reply = complete(phoenix, upload["id"])
    assert (status, reply["upload"]) == (200, ended)
    with phoenix.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM assets").fetchone()[0] == 1
    assert put(phoenix, upload["parts"][0], content) == 400


def test_two_processes_that_read_one_upload_make_one_asset(phoenix):
    others = [Phoenix(phoenix.data_dir) for _ in range(3)]
    for _ in range(5):
        content = drawing()
        upload = begin(phoenix, content)
        put(phoenix, upload["parts"][0], content)
        complete(phoenix, upload["id"])
        for other in others:
            other.until(lambda: other.ended_upload(upload["id"]))  # noqa: B023  # called at once
    with phoenix.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM assets").fetchone()[0] == 5


def test_what_is_missing_or_too_small_is_refused_and_can_be_made_good(phoenix, tiny_parts):
    content = drawing("box", "red")
    upload = begin(phoenix, content, 2)
    first, second = upload["parts"]

    def refused(words: str) -> None:
        status, reply = complete(phoenix, upload["id"])
        assert status == 400
        assert words in reply["reason"]
        assert read(phoenix, upload["id"])["status"] == "pending"

    refused("Part 1 of 2 is missing")
    put(phoenix, first, content[:99])
    refused("Part 1 has 99 bytes")
    put(phoenix, first, content[:100])
    refused("Part 2 of 2 is missing")
    put(phoenix, second, content[100:-1])
    refused(f"fileSize is {len(content)}")
    # A part sent again takes its own place.
    put(phoenix, second, content[100:])
    assert complete(phoenix, upload["id"])[0] == 200
    assert phoenix.until(lambda: phoenix.ended_upload(upload["id"]))["status"] == "imported"


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>" * 9, b"GIF89a" + bytes(90)])
def test_what_is_no_image_fails_and_says_so(phoenix, content):
    upload = begin(phoenix, content)
    put(phoenix, upload["parts"][0], content)
    assert complete(phoenix, upload["id"])[0] == 200
    ended = phoenix.until(lambda: phoenix.ended_upload(upload["id"]))
    assert ended["status"] == "failed"
    assert 0 < len(ended["errorMessage"]) <= 200
    assert "entityId" not in ended


def test_a_part_that_changes_under_the_completion_fails(phoenix, monkeypatch):
    content = drawing()
    upload = begin(phoenix, content)
    put(phoenix, upload["parts"][0], content)
    with monkeypatch.context() as dead:
        dead.setattr("phoenix_nbtrain.local.upload_imports.Importers.ensure", lambda *_: None)
        complete(phoenix, upload["id"])
    (phoenix.store.upload_dir(upload["id"]) / "1").write_bytes(content[:-1])
    ended = phoenix.until(lambda: phoenix.ended_upload(upload["id"]))
    assert ended["status"] == "failed"
    assert f"not {len(content)}" in ended["errorMessage"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "model"},
        {"kind": None},
        {"fileName": None},
        {"fileName": 3},
        {"contentType": None},
        {"fileSize": 0},
        {"fileSize": BYTES_MAX + 1},
        {"fileSize": "12"},
        {"fileSize": 12.5},
        {"fileSize": True},
        {"parts": 0},
        {"parts": 10_001},
        {"parts": 2},
        {"fileSize": 10_000_000, "parts": 3},
        {"huggingFaceModelName": "a/b"},
        {"url": 3},
        {"url": "http://pictures.example/" + "x" * 5000},
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(phoenix, changes):
    status, reply = phoenix.send("POST", "/uploads", plan(drawing(), **changes))
    assert status == 400
    assert len(reply["reason"]) <= 200
    with phoenix.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM uploads").fetchone()[0] == 0


def test_the_largest_plans_are_taken(phoenix):
    for size, parts in ((5_000_001, 2), (BYTES_MAX, 10), (BYTES_MAX, 1)):
        upload = phoenix.ok("POST", "/uploads", plan(b"", fileSize=size, parts=parts))["upload"]
        assert len(upload["parts"]) == parts


def test_a_dry_run_of_an_upload_is_free_and_begins_nothing(phoenix):
    reply = phoenix.ok("POST", "/uploads?dryRun=true", plan(drawing()), status=269)
    assert reply == {"creativeUnitsCost": 0, "creativeUnitsDiscount": 0, "costDetails": {}}
    with phoenix.store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM uploads").fetchone()[0] == 0


def test_an_address_writes_its_own_part_for_a_while_and_nothing_else(
    phoenix, tiny_parts, monkeypatch
):
    content = drawing("box", "red")
    upload, other = begin(phoenix, content, 2), begin(phoenix, content, 2)
    path = upload["parts"][0]["url"].removeprefix("http://phoenix.local")
    for changed in (
        path.replace("/1?", "/2?"),
        path.replace(upload["id"], other["id"]),
        path.partition("?")[0],
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.replace(f"/{upload['id']}/1", "/..%2f..%2fphoenix.sqlite/1"),
    ):
        assert phoenix.raw("PUT", changed, data=b"x" * 120).status_code in (403, 404), changed
    assert phoenix.raw("GET", path).status_code == 405
    asset = phoenix.upload(content)
    signed = phoenix.ok("GET", f"/assets/{asset}")["asset"]["url"]
    assert phoenix.raw("PUT", signed.removeprefix("http://phoenix.local"), data=b"x").status_code \
        == 405  # fmt: skip
    assert put(phoenix, upload["parts"][0], b"") == 400
    assert put(phoenix, upload["parts"][0], bytes(len(content) + 1)) == 400
    assert not phoenix.store.upload_dir(upload["id"]).exists()

    later = time.time() + reply_json.PART_SECONDS + 1
    monkeypatch.setattr("phoenix_nbtrain.local.store.time.time", lambda: later)
    assert put(phoenix, upload["parts"][0], content[:200]) == 403
    # Read again, the upload has fresh addresses.
    assert put(phoenix, read(phoenix, upload["id"])["parts"][0], content[:200]) == 200


def test_a_part_larger_than_any_body_is_not_read(phoenix):
    phoenix.app.config["MAX_CONTENT_LENGTH"] = 1000
    content = bytes(2000)
    upload = begin(phoenix, content)
    assert put(phoenix, upload["parts"][0], content) == 413
    assert not phoenix.store.upload_dir(upload["id"]).exists()


def test_parts_need_no_credentials_and_their_plan_does(tmp_path):
    served = Phoenix(tmp_path / "served", credentials=("key", "secret"))
    good = {"Authorization": "Basic a2V5OnNlY3JldA=="}
    content = drawing()
    begun = served.raw("POST", "/v1/uploads", json=plan(content), headers=good)
    upload = begun.get_json()["upload"]
    url = upload["parts"][0]["url"].removeprefix(f"http://{served.host}")
    assert served.raw("PUT", url, data=content).status_code == 200
    foreign = {"Origin": "http://evil.example"}
    assert served.raw("PUT", url, data=content, headers=foreign).status_code == 403
    path = f"/v1/uploads/{upload['id']}"
    assert served.raw("GET", path).status_code == 401
    action = {"action": "complete"}
    assert served.raw("POST", f"{path}/action", json=action).status_code == 401
    assert served.raw("POST", f"{path}/action", json=action, headers=good).status_code == 200


def test_an_unknown_upload_is_a_404(phoenix):
    assert phoenix.send("GET", "/uploads/upload_x")[0] == 404
    assert complete(phoenix, "upload_x") == (404, {"reason": "Upload upload_x not found"})
    upload = begin(phoenix, drawing())
    path = f"/uploads/{upload['id']}/action"
    assert phoenix.send("POST", path, {"action": "upload-complete"})[0] == 400


def test_an_upload_that_found_no_thread_is_brought_in_by_the_next_read(phoenix, monkeypatch):
    content = drawing("box", "red")
    upload = begin(phoenix, content)
    assert put(phoenix, upload["parts"][0], content) == 200
    start, refusals = threading.Thread.start, [0]

    def refused(thread: threading.Thread) -> None:
        if thread.name.startswith("import") and refusals[0] < 2:
            refusals[0] += 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert complete(phoenix, upload["id"])[0] == 200
    assert phoenix.until(lambda: phoenix.ended_upload(upload["id"]))["status"] == "imported"
    assert refusals == [2]
