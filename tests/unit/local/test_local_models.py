"""Models, assets and the account, over the wire."""

from __future__ import annotations

import base64
import re
import stat
import time
from typing import Any

import pytest
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.local import store as store_module
from phoenix_nbtrain.local.store import Store, origin_id


def test_a_new_model_is_new_and_has_what_the_official_client_needs(phoenix):
    model = phoenix.ok("POST", "/models", {"name": "props", "type": "qwen-image-lora"})["model"]
    needed = {"capabilities", "collectionIds", "createdAt", "custom", "exampleAssetIds", "id"}
    needed |= {"privacy", "source", "status", "tags", "trainingImagesNumber", "type", "updatedAt"}
    assert needed <= model.keys()
    assert (model["status"], model["name"], model["trainingImagesNumber"]) == ("new", "props", 0)
    assert phoenix.read(model["id"]) == model


def test_what_a_model_cannot_be_is_refused(phoenix):
    for body in ({"name": "n" * 65}, {"type": "gpt-image-1"}, {"type": 3}, {"name": ["x"]}, []):
        status, reply = phoenix.send("POST", "/models", body)
        assert status == 400
        assert list(reply) == ["reason"]
        assert len(reply["reason"]) <= 200
    assert phoenix.ok("GET", "/models")["models"] == []


def test_an_unknown_model_is_a_404_that_names_it(phoenix):
    assert phoenix.send("GET", "/models/model_x") == (404, {"reason": "Model model_x not found"})
    for method, path in (
        ("PUT", ""),
        ("PUT", "/train"),
        ("POST", "/training-images"),
        ("DELETE", "/training-images/asset_x"),
    ):
        body = {"assetId": "asset_x"} if method == "POST" else {}
        assert phoenix.send(method, f"/models/model_x{path}", body)[0] == 404
    assert phoenix.send("GET", "/models/%ED%B0%80")[0] == 404  # half a character
    assert phoenix.send("GET", "/jobs/job_x")[0] == 404


def test_a_model_can_be_renamed_and_keeps_parameters_without_training(phoenix):
    model_id = phoenix.model()
    body = {"name": "other", "parameters": {"nbEpochs": 3, "wandbKey": "secret"}}
    model = phoenix.ok("PUT", f"/models/{model_id}", body)["model"]
    assert model["name"] == "other"
    assert model["parameters"] == {"nbEpochs": 3}  # somebody's key is not kept
    assert model["status"] == "new"
    assert "jobId" not in model


def test_the_type_changes_only_while_the_model_is_new(phoenix):
    model_id = phoenix.style_set()
    change = {"type": "flux.1-lora"}
    assert phoenix.ok("PUT", f"/models/{model_id}", change)["model"]["type"] == "flux.1-lora"
    phoenix.launch(model_id)
    status, reply = phoenix.send("PUT", f"/models/{model_id}", {"type": "zimage-lora"})
    assert status == 400
    assert "while the model is new" in reply["reason"]


def test_the_list_pages_through_every_model_once(phoenix):
    made = [phoenix.model(name=f"model {n}") for n in range(7)]
    seen: list[str] = []
    path = "/models?pageSize=3"
    sizes = []
    while True:
        reply = phoenix.ok("GET", path)
        sizes.append(len(reply["models"]))
        seen += [model["id"] for model in reply["models"]]
        token = reply.get("nextPaginationToken")
        if token is None:
            break
        path = f"/models?pageSize=3&paginationToken={token}"
    assert sizes == [3, 3, 1]
    assert seen == made[::-1]
    rising = phoenix.ok("GET", "/models?sortDirection=asc")["models"]
    assert [model["id"] for model in rising] == made


def test_the_list_filters_by_known_statuses_and_ignores_unknown_ones(phoenix):
    model_id = phoenix.model()
    assert phoenix.ok("GET", "/models?status=trained")["models"] == []
    for status in ("new", "training-canceled", "nonsense"):
        assert [m["id"] for m in phoenix.ok("GET", f"/models?status={status}")["models"]] == [
            model_id
        ]
    assert phoenix.ok("GET", "/models?privacy=public")["models"] == []


def test_a_listed_model_shows_three_of_its_images(phoenix):
    model_id = phoenix.style_set(5)
    (listed,) = phoenix.ok("GET", "/models")["models"]
    assert len(listed["trainingImages"]) == 3
    assert listed["trainingImagesNumber"] == 5
    assert len(phoenix.read(model_id)["trainingImages"]) == 5


def listed(phoenix: Phoenix, query: str = "") -> list[str]:
    return [model["id"] for model in phoenix.ok("GET", f"/models?{query}")["models"]]


def test_a_deleted_model_is_listed_as_such_and_refuses_everything(phoenix):
    model_id, other = phoenix.style_set(2), phoenix.model()
    (first, _) = phoenix.read(model_id)["trainingImages"]
    assert phoenix.ok("DELETE", f"/models/{model_id}") == {}
    assert listed(phoenix) == [other]
    assert listed(phoenix, "status=new") == [other]
    assert listed(phoenix, "status=deleted") == [model_id]
    (deleted,) = phoenix.ok("GET", "/models?status=deleted")["models"]
    assert deleted["deletedAt"]
    # A status that the service does not know is ignored, and everything comes back.
    assert set(listed(phoenix, "status=nonsense")) == {model_id, other}
    missing = (404, {"reason": f"Model {model_id} not found"})
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "", {"name": "x"}),
        ("PUT", "/train", None),
        ("PUT", "/train?dryRun=true", None),
        ("POST", "/train/action", {"action": "cancel"}),
        ("POST", "/download", None),
        ("POST", "/training-images", {"assetId": phoenix.upload(drawing())}),
        ("PUT", f"/training-images/{first['id']}", {"assetId": first["id"]}),
        ("DELETE", f"/training-images/{first['id']}", None),
        ("PUT", "/training-images/pairs", []),
    ):
        assert phoenix.send(method, f"/models/{model_id}{path}", body) == missing, (method, path)
    # The images are the account's, not the model's.
    assert phoenix.ok("GET", f"/assets/{first['id']}")


def test_a_deleted_model_comes_back_as_it_was_for_thirty_days(phoenix, monkeypatch):
    model_id = phoenix.style_set(2)
    assert phoenix.send("POST", f"/models/{model_id}/restore")[0] == 400
    phoenix.ok("DELETE", f"/models/{model_id}")
    restored = phoenix.ok("POST", f"/models/{model_id}/restore")["model"]
    assert "deletedAt" not in restored
    assert (restored["status"], restored["trainingImagesNumber"]) == ("new", 2)
    assert listed(phoenix) == [model_id]
    phoenix.ok("DELETE", f"/models/{model_id}")
    later = time.time() + 31 * 86_400
    monkeypatch.setattr("phoenix_nbtrain.local.routes_models.time.time", lambda: later)
    assert phoenix.send("POST", f"/models/{model_id}/restore")[0] == 410
    assert phoenix.send("POST", "/models/model_x/restore")[0] == 404


def test_deleting_a_model_that_trains_ends_its_training(phoenix):
    model_id = phoenix.style_set(1)
    job_id = phoenix.launch(model_id)
    phoenix.ok("DELETE", f"/models/{model_id}")
    assert phoenix.job(job_id)["status"] == "canceled"
    restored = phoenix.ok("POST", f"/models/{model_id}/restore")["model"]
    assert restored["status"] == "training-canceled"


def test_models_are_read_at_once_as_they_are_asked_for(phoenix):
    first, second, gone = phoenix.style_set(4), phoenix.model(), phoenix.model()
    phoenix.ok("DELETE", f"/models/{gone}")

    def bulk(*ids: str, **more: bool) -> list[dict[str, Any]]:
        body = {"modelIds": ids, **more}
        found: list[dict[str, Any]] = phoenix.ok("POST", "/models/get-bulk", body)["models"]
        return found

    found = bulk(second, first, gone, "model_x", second)
    assert [model["id"] for model in found] == [second, first]
    assert len(found[1]["trainingImages"]) == 3
    assert len(bulk(first, allTrainingImages=True)[0]["trainingImages"]) == 4
    assert bulk() == []
    for body in ({}, {"modelIds": "model_x"}, {"modelIds": [3]}, {"modelIds": ["m"] * 101}):
        assert phoenix.send("POST", "/models/get-bulk", body)[0] == 400


def test_assets_are_read_two_hundred_at_once(phoenix):
    ids = [phoenix.upload(drawing()) for _ in range(3)]

    def bulk(*asked: str) -> tuple[int, Any]:
        return phoenix.send("POST", "/assets/get-bulk", {"assetIds": asked})

    status, reply = bulk(ids[2], "asset_x", ids[0], ids[2])
    assert status == 200
    assert [asset["id"] for asset in reply["assets"]] == [ids[2], ids[0]]
    single = phoenix.ok("GET", f"/assets/{ids[0]}")["asset"]
    assert reply["assets"][1].keys() == single.keys()
    assert bulk(*["asset_x"] * 200) == (200, {"assets": []})
    assert bulk(*["asset_x"] * 201)[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=0",
        "pageSize=501",
        "pageSize=x",
        "paginationToken=x",
        "pageSize=%D9%A3",
        "createdAfter=x",
    ],
)
def test_nonsense_in_the_list_query_is_refused(phoenix, query):
    assert phoenix.send("GET", f"/models?{query}")[0] == 400


def test_an_uploaded_image_is_described_and_its_bytes_come_back(phoenix):
    content = drawing("box", "red", size=(120, 60))
    image = base64.b64encode(content).decode()
    body = {"name": "IMG_0042 telephone-box.png", "image": image}
    asset = phoenix.ok("POST", "/assets", body)["asset"]
    assert (asset["mimeType"], asset["status"], asset["kind"]) == ("image/png", "success", "image")
    assert asset["properties"] == {"width": 120, "height": 60, "size": len(content)}
    assert asset["metadata"]["name"] == "IMG_0042 telephone-box.png"
    assert asset["description"] == ""
    assert re.fullmatch(r"white, red and black, wide: telephone box", asset["automaticCaptioning"])
    assert phoenix.fetch(asset["url"]).data == content
    files = [p for p in (phoenix.data_dir / "content").rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in files] == [content]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_caption_is_written_and_stays(phoenix):
    model_id, asset_id = phoenix.model(), phoenix.upload(drawing())
    phoenix.attach(model_id, asset_id)
    for caption in ("a\nred <b>box</b>", "e\u0301 \u202e", ""):
        phoenix.ok("PUT", f"/assets/{asset_id}", {"description": caption})
        assert phoenix.ok("GET", f"/assets/{asset_id}")["asset"]["description"] == caption
        assert phoenix.read(model_id)["trainingImages"][0]["description"] == caption
    assert phoenix.send("PUT", f"/assets/{asset_id}", {"description": "x" * 65_537})[0] == 400
    assert phoenix.send("PUT", f"/assets/{asset_id}", {"description": 3})[0] == 400
    assert phoenix.send("PUT", f"/assets/{asset_id}", {"name": "n" * 1025})[0] == 400
    assert phoenix.send("PUT", "/assets/asset_x", {"description": "x"})[0] == 404


def test_what_is_no_image_is_no_asset(phoenix):
    cut = drawing()[:-40]
    lies = bytearray(drawing())
    lies[60:70] = b"0123456789"  # inside the compressed pixels
    for image in (b"<svg onload=alert(1)>", b"", cut, bytes(lies), b"GIF89a" + b"\0" * 40):
        body = {"name": "x.png", "image": base64.b64encode(image).decode()}
        status, reply = phoenix.send("POST", "/assets", body)
        assert status == 400, image[:10]
        assert len(reply["reason"]) <= 200
    for body in ({"name": "x.png", "image": "!!!"}, {"image": "aGk="}, {"name": "x", "image": 3}):
        assert phoenix.send("POST", "/assets", body)[0] == 400
    assert list((phoenix.data_dir).glob("content/*/*")) == []


def test_a_signed_url_serves_its_own_image_and_nothing_else(phoenix, monkeypatch):
    first, second = phoenix.upload(drawing("box")), phoenix.upload(drawing("circle"))
    url = phoenix.ok("GET", f"/assets/{first}")["asset"]["url"]
    reply = phoenix.fetch(url)
    assert (reply.status_code, reply.mimetype) == (200, "image/png")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert phoenix.fetch(url.replace(first, second)).status_code == 403
    assert phoenix.fetch(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert phoenix.fetch(url.partition("?")[0]).status_code == 403
    assert phoenix.fetch(url.replace("expires=1", "expires=2")).status_code == 403
    assert phoenix.fetch("/v1/storage/../phoenix.sqlite?" + url.partition("?")[2]).status_code in (
        403,
        404,
    )
    later = time.time() + store_module.URL_SECONDS + 1
    monkeypatch.setattr(store_module.time, "time", lambda: later)
    assert phoenix.fetch(url).status_code == 403


def test_the_origin_is_made_once_and_every_reply_carries_it(phoenix):
    origin = origin_id(phoenix.data_dir)
    assert phoenix.raw("GET", "/v1/models").headers["X-Phoenix-Local"] == origin
    assert phoenix.raw("GET", "/v1/nothing").headers["X-Phoenix-Local"] == origin
    assert origin_id(phoenix.data_dir) == origin
    assert origin_id(phoenix.data_dir.parent / "other") != origin
    assert stat.S_IMODE((phoenix.data_dir / "phoenix.sqlite").stat().st_mode) == 0o600


def test_a_foreign_newer_or_damaged_database_is_refused_and_kept(phoenix):
    path = phoenix.store.path
    with phoenix.store.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer"):
        Store(phoenix.data_dir)
    assert path.read_bytes() == before
    for content in (b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4000):
        path.write_bytes(content)
        with pytest.raises(StoreError):
            Store(phoenix.data_dir)
        assert path.read_bytes() == content
