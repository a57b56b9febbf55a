"""Training images and pairs, over the wire."""

from __future__ import annotations

import base64

import pytest
from unit.local.local_phoenix import Phoenix, drawing


def ids_of(phoenix: Phoenix, model_id: str) -> list[str]:
    return [image["id"] for image in phoenix.read(model_id)["trainingImages"]]


@pytest.fixture
def pictures(phoenix) -> list[str]:
    return [phoenix.upload(drawing(), f"{n}.png") for n in range(12)]


def test_one_image_is_added_with_its_captions(phoenix):
    model_id = phoenix.model()
    asset_id = phoenix.upload(drawing("box", "blue"), "blue-box.png", caption="a box")
    path = f"/models/{model_id}/training-images"
    reply = phoenix.ok("POST", path, {"assetId": asset_id, "caption": "ignored"})
    image = reply["trainingImage"]
    assert reply.keys() == {"trainingImage"}
    assert image.keys() == {
        "id", "name", "description", "automaticCaptioning", "downloadUrl", "createdAt"
    }  # fmt: skip
    assert (image["id"], image["name"], image["description"]) == (asset_id, "blue-box.png", "a box")
    assert "blue box" in image["automaticCaptioning"]


def test_ten_are_added_at_once_and_eleven_are_not(phoenix, pictures):
    model_id = phoenix.model()
    path = f"/models/{model_id}/training-images"
    refused = phoenix.send("POST", path, {"assetIds": pictures[:11]})
    assert refused == (400, {"reason": "Too many assetIds provided in a single request"})
    assert ids_of(phoenix, model_id) == []
    reply = phoenix.ok("POST", path, {"assetIds": pictures[:10]})
    assert [image["id"] for image in reply["trainingImages"]] == pictures[:10]
    assert reply["trainingImage"] == reply["trainingImages"][0]
    assert ids_of(phoenix, model_id) == pictures[:10]


def test_an_image_that_is_there_already_refuses_the_whole_batch(phoenix, pictures):
    model_id = phoenix.model()
    phoenix.attach(model_id, pictures[0])
    path = f"/models/{model_id}/training-images"
    reason = "The provided assetId is already a training image of this model"
    for body in ({"assetId": pictures[0]}, {"assetIds": [pictures[1], pictures[0]]}):
        assert phoenix.send("POST", path, body) == (400, {"reason": reason})
    assert ids_of(phoenix, model_id) == pictures[:1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"assetId": "https://example.org/x.png"},
        {"assetId": "../../secret"},
        {"assetId": 2**62},
        {"assetIds": []},
        {"assetIds": ["asset_a", "asset_a"]},
        {"assetIds": ["asset_a"], "assetId": "asset_a"},
        {"data": "http://169.254.169.254/latest/meta-data/", "name": "x"},
        {"data": "data:text/html;base64,aGk=", "name": "x"},
        {"data": "data:image/png;base64,aGk=", "name": "x"},
        {"data": "data:image/png;base64,aGk="},
        {"assetId": "asset_a", "preset": "huge"},
    ],
)
def test_what_is_no_asset_of_ours_is_refused(phoenix, body):
    model_id = phoenix.model()
    status, reply = phoenix.send("POST", f"/models/{model_id}/training-images", body)
    assert status in (400, 404)
    assert len(reply["reason"]) <= 200
    assert ids_of(phoenix, model_id) == []


def test_a_url_is_refused_by_the_name_of_its_field(phoenix):
    path = f"/models/{phoenix.model()}/training-images"
    _, reply = phoenix.send("POST", path, {"assetId": "https://example.org/x.png"})
    assert "assetId" in reply["reason"]


def test_a_data_url_becomes_an_asset_and_a_training_image(phoenix):
    model_id, content = phoenix.model(), drawing("box", "red")
    data = "data:image/png;base64," + base64.b64encode(content).decode()
    body = {"data": data, "name": "box.png", "preset": "style"}
    image = phoenix.ok("POST", f"/models/{model_id}/training-images", body)["trainingImage"]
    assert image["name"] == "box.png"
    assert phoenix.fetch(image["downloadUrl"]).data == content
    assert ids_of(phoenix, model_id) == [image["id"]]


def test_the_plans_ceiling_is_a_429_that_says_so(phoenix, pictures):
    phoenix.set(training_images=3)
    model_id = phoenix.model()
    phoenix.attach(model_id, *pictures[:2])
    path = f"/models/{model_id}/training-images"
    status, reply = phoenix.send("POST", path, {"assetIds": pictures[2:4]})
    assert status == 429
    assert reply["name"] == "PlanLimitReachedError"
    assert reply["details"] == {
        "actionLimit": 3,
        "actionName": "add-training-image",
        "actionValue": 2,
        "limitScope": "team",
    }
    assert ids_of(phoenix, model_id) == pictures[:2]


def test_an_image_is_replaced_in_its_place_and_pairs_follow(phoenix, pictures):
    model_id = phoenix.model("flux.2-dev-edit-lora")
    one, two, three = pictures[:3]
    phoenix.attach(model_id, one, two)
    pairs = f"/models/{model_id}/training-images/pairs"
    phoenix.ok("PUT", pairs, [{"sourceId": one, "targetId": two, "instruction": "go"}])
    path = f"/models/{model_id}/training-images"
    image = phoenix.ok("PUT", f"{path}/{one}", {"assetId": three})["trainingImage"]
    assert image["id"] == three
    assert ids_of(phoenix, model_id) == [three, two]
    assert phoenix.read(model_id)["trainingImagePairs"][0]["sourceId"] == three
    assert phoenix.send("PUT", f"{path}/{three}", {"assetId": two})[0] == 400
    assert phoenix.send("PUT", f"{path}/{one}", {"assetId": pictures[4]})[0] == 404


def test_an_image_is_removed_and_its_pairs_with_it(phoenix, pictures):
    model_id = phoenix.model("flux.2-dev-edit-lora")
    one, two, three = pictures[:3]
    phoenix.attach(model_id, one, two, three)
    path = f"/models/{model_id}/training-images"
    body = [{"sourceId": one, "targetId": two}, {"sourceId": two, "targetId": three}]
    phoenix.ok("PUT", f"{path}/pairs", body)
    assert phoenix.ok("DELETE", f"{path}/{one}") == {}
    assert ids_of(phoenix, model_id) == [two, three]
    (left,) = phoenix.read(model_id)["trainingImagePairs"]
    assert left == {"sourceId": two, "targetId": three, "instruction": ""}
    assert phoenix.send("DELETE", f"{path}/{one}")[0] == 404
    assert phoenix.ok("GET", f"/assets/{one}")["asset"]["id"] == one


def test_a_bad_pair_leaves_the_pairs_as_they_were(phoenix, pictures):
    model_id = phoenix.model("flux.2-dev-edit-lora")
    one, two, stranger = pictures[:3]
    phoenix.attach(model_id, one, two)
    path = f"/models/{model_id}/training-images/pairs"
    good = {"sourceId": one, "targetId": two, "instruction": ""}
    phoenix.ok("PUT", path, [good])
    for bad in (
        {"pairs": [good]},
        [good, {"sourceId": one, "targetId": stranger}],
        [good, {"sourceId": one, "targetId": one}],
        [{"sourceId": one}],
        [[one, two]],
        [{**good, "instruction": 3}],
        None,
    ):
        status, reply = phoenix.send("PUT", path, bad)
        assert status == 400
        assert len(reply["reason"]) <= 200
    assert phoenix.read(model_id)["trainingImagePairs"] == [good]
    _, reply = phoenix.send("PUT", path, [{"sourceId": one, "targetId": stranger}])
    assert f"{stranger} is not a training image" in reply["reason"]
