"""The Phoenix ``train`` tool against the local Phoenix: the seven actions and their refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wire import serving

import phoenix_nbtrain as nbt
from phoenix_nbtrain.cli import main
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import ConfigError, InputError, NotFound
from phoenix_nbtrain.images.drawings import draw_pairs
from phoenix_nbtrain.tool import ACTIONS, Markdown


@pytest.fixture
def client() -> Phoenix:
    return nbt.connect("local")


@pytest.fixture
def model_id(client) -> str:
    return client.create_model(name="tool", type="flux.2-dev-lora").id


@pytest.fixture
def edit_id(client) -> str:
    return client.create_model(name="edit", type="flux.2-dev-edit-lora").id


def upload(client: Phoenix, folder: Path) -> list[str]:
    return [
        client.upload_image(path.name, path.read_bytes()).id
        for path in sorted(folder.glob("*.png"))
    ]


def test_the_whole_life_of_a_training(client, model_id, icons):
    ids = upload(client, icons)
    reply = nbt.train("upload_images", model_id, images=ids)
    assert (reply["status"], reply["count"], reply["already"]) == ("uploaded", 4, 0)
    again = nbt.train("upload_images", model_id, images=ids)
    assert (again["count"], again["already"]) == (0, 4)

    reply = nbt.train(
        "update_image", model_id, training_image_id=ids[0], image_data={"caption": "an apple"}
    )
    assert reply["training_image"]["description"] == "an apple"
    assert client.get_asset(ids[0]).description == "an apple"

    reply = nbt.train("delete_image", model_id, training_image_id=ids[3])
    assert reply["status"] == "deleted"
    assert [i.id for i in client.get_model(model_id).training_images] == ids[:3]

    reply = nbt.train("configure", model_id, config={"epochs": 1, "nb_repeats": 1})
    assert (reply["training_started"], reply["config"]["repeats"]) == (False, 1)
    assert client.get_model(model_id).status == "new"

    price = nbt.train("start", model_id, dry_run=True)
    assert price["unit"] == "simulated CU"
    assert price["cost"] > 0
    assert client.get_model(model_id).status == "new"

    started = nbt.train("start", model_id)
    assert started["training_started"]
    assert not nbt.train("start", model_id)["training_started"]
    run = nbt.Training.open(model_id=model_id).wait(60)
    assert run.status == "trained"
    stopped = nbt.train("stop", model_id)
    assert stopped["message"] == "Nothing is running."


def test_an_image_that_was_deleted_can_be_given_again(client, model_id, icons):
    ids = upload(client, icons)
    nbt.train("upload_images", model_id, images=ids)
    nbt.train("delete_image", model_id, training_image_id=ids[3])
    assert nbt.train("upload_images", model_id, images=ids[3])["count"] == 1
    assert len(client.get_model(model_id).training_images) == 4


def test_what_the_tool_sets_is_the_choice_where_two_set_one_parameter(client, model_id):
    nbt.train("configure", model_id, config={"epochs": 3})
    training = nbt.Training.open(model_id=model_id)
    client.update_model(
        model_id, parameters={**client.get_model(model_id).parameters, "nbEpochs": 5}
    )
    training.config["epochs"] = 4
    training.sync()
    assert dict(training.state.draft.config_theirs) == {"epochs": 5}
    nbt.train("configure", model_id, config={"rank": 8})
    assert client.get_model(model_id).parameters["nbEpochs"] == 5
    nbt.train("configure", model_id, config={"nb_epochs": 4})
    assert client.get_model(model_id).parameters["nbEpochs"] == 4


def test_the_tools_own_example_of_1200_steps_works(client, model_id, icons):
    nbt.train("upload_images", model_id, images=upload(client, icons))
    reply = nbt.train("configure", model_id, config={"steps": 1200})
    config = reply["config"]
    assert 4 * config["epochs"] * config["repeats"] == 1200
    assert reply["steps"] == "1,200 steps: 10 epochs × 30 repeats × 4 images"
    stored = client.get_model(model_id).parameters
    assert (stored["nbEpochs"], stored["nbRepeats"]) == (10, 30)


def test_more_than_ten_images_go_in_tens(client, edit_id, tmp_path):
    folder = draw_pairs(tmp_path / "pairs", count=12, size=64)
    reply = nbt.train("upload_images", edit_id, images=sorted(map(str, folder.rglob("*.png"))))
    assert reply["count"] == 24
    assert len(client.get_model(edit_id).training_images) == 24


def test_pairs_by_name_by_id_and_as_a_record(client, edit_id, icons):
    ids = upload(client, icons)
    nbt.train("upload_images", edit_id, images=ids)
    names = [path.name for path in sorted(icons.glob("*.png"))]
    pairs = [
        {"source": names[0], "target": names[1], "instruction": "first"},
        {"sourceId": ids[2], "targetId": ids[3], "instruction": "second"},
    ]
    for data in (pairs, {"pairs": pairs}):
        reply = nbt.train("set_pairs", edit_id, image_data=data)
        assert reply["count"] == 2
    assert [(p.source_id, p.target_id) for p in client.get_model(edit_id).training_image_pairs] == [
        (ids[0], ids[1]),
        (ids[2], ids[3]),
    ]
    assert nbt.train("set_pairs", edit_id, image_data=[])["count"] == 0
    assert client.get_model(edit_id).training_image_pairs == ()


def test_configure_with_dry_run_returns_the_cost_and_cannot_launch(client, model_id, icons):
    nbt.train("upload_images", model_id, images=upload(client, icons))
    reply = nbt.train("configure", model_id, config={"epochs": 2}, dry_run=True)
    assert reply["cost"] > 0
    assert client.get_model(model_id).status == "new"


@pytest.mark.parametrize("action", ["configure", "start"])
def test_a_dry_run_keeps_nothing_of_its_configuration(client, model_id, icons, action):
    nbt.train("upload_images", model_id, images=upload(client, icons))
    nbt.train("configure", model_id, config={"epochs": 2})
    before, training = client.get_model(model_id), nbt.Training.open(model_id=model_id)
    price = nbt.train(action, model_id, config={"steps": 1200}, dry_run=True)
    assert price["status"] == "estimated"
    assert price["config"]["repeats"] * price["config"]["epochs"] == 300
    assert price["cost"] > nbt.train("start", model_id, dry_run=True)["cost"]
    with pytest.raises(ConfigError, match="The nearest is 40,000"):
        nbt.train(action, model_id, config={"steps": 10**9}, dry_run=True)
    assert client.get_model(model_id) == before
    assert training.config["epochs"] == 2


def test_the_same_training_is_bought_again_only_when_asked(client, model_id, icons, capsys):
    nbt.train("upload_images", model_id, images=upload(client, icons))
    nbt.train("configure", model_id, config={"epochs": 1, "repeats": 1})
    first = nbt.train("start", model_id)
    nbt.Training.open(model_id=model_id).wait(60)
    assert nbt.train("start", model_id)["job_id"] == first["job_id"]
    assert main(["train", "start", "--model-id", model_id, "--again"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["training_started"]
    assert second["job_id"] != first["job_id"]
    nbt.Training.open(model_id=model_id).wait(60)


def test_markdown_keeps_strangers_texts_text(client, model_id, icons):
    ids = upload(client, icons)
    nbt.train("upload_images", model_id, images=ids[:1])
    reply = nbt.train(
        "update_image",
        model_id,
        training_image_id=ids[0],
        image_data={"caption": "<script>top.__pwn=1</script> [x](javascript:alert(1)) | a"},
        response_format="markdown",
    )
    assert isinstance(reply, Markdown)
    assert "<script" not in reply
    assert "[x](" not in reply


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"action": "fly"}, InputError, "no action fly"),
        ({"action": "start", "model_id": ""}, InputError, "model_id"),
        ({"action": "upload_images"}, InputError, "images"),
        ({"action": "upload_images", "images": 7}, InputError, "list of asset ids"),
        ({"action": "upload_images", "images": [7]}, InputError, "not a path"),
        ({"action": "upload_images", "images": ["asset_nowhere00"]}, InputError, "asset_nowhere00"),
        ({"action": "upload_images", "images": ["ftp://h/1.png"]}, InputError, "http or https"),
        ({"action": "upload_images", "images": ["https://me:pw@h/1.png"]}, InputError, "user name"),
        ({"action": "upload_images", "images": ["http://169.254.169.254/1.png"]}, InputError, r"1.png.*public.*settings import_private=true\.$"),
        ({"action": "upload_images", "images": ["/nowhere/cat.png"]}, InputError, "nowhere"),
        ({"action": "update_image", "image_data": {"caption": "x"}}, InputError, "training_image_id"),
        ({"action": "update_image", "training_image_id": "asset_x"}, InputError, "image_data"),
        ({"action": "update_image", "training_image_id": "asset_x", "image_data": "x"}, InputError, "record"),
        ({"action": "update_image", "training_image_id": "asset_x", "image_data": {"tags": 1}}, InputError, "tags"),
        ({"action": "delete_image"}, InputError, "training_image_id"),
        ({"action": "delete_image", "training_image_id": "asset_x"}, InputError, "asset_x"),
        ({"action": "stop", "model_id": "model_nowhere"}, NotFound, "model_nowhere"),
        ({"action": "set_pairs"}, InputError, "image_data"),
        ({"action": "set_pairs", "image_data": [{"source": "a"}]}, InputError, "target"),
        ({"action": "set_pairs", "image_data": [{"source": "a", "target": "b"}]}, InputError, "a"),
        ({"action": "upload_images", "images": ["a"], "dry_run": True}, InputError, "no dry run"),
        ({"action": "stop", "dry_run": True}, InputError, "no dry run"),
        ({"action": "configure", "config": {}, "again": True}, InputError, "no again"),
        ({"action": "configure"}, InputError, "config"),
        ({"action": "configure", "config": '{"epochs":1}'}, ConfigError, "must be a mapping"),
        ({"action": "configure", "config": {"epoch": 3}}, ConfigError, "Did you mean epochs"),
        ({"action": "configure", "config": {"rank": 999}}, ConfigError, "2 to 128"),
        ({"action": "configure", "config": {"steps": 10}}, ConfigError, "images first"),
        ({"action": "start", "model_id": "model_nowhere"}, NotFound, "model_nowhere"),
        ({"action": "start", "response_format": "xml"}, InputError, "json or markdown"),
    ],
)  # fmt: skip
def test_bad_calls_say_what_is_wrong_and_change_nothing(client, model_id, call, error, words):
    before = client.get_model(model_id)
    with pytest.raises(error, match=words) as caught:
        nbt.train(**{"model_id": model_id, **call})
    assert len(str(caught.value)) <= 200
    assert client.get_model(model_id) == before
    assert nbt.Training.open(model_id=model_id).state.draft.images == ()


class TestUrls:
    @pytest.fixture
    def cdn(self, client, icons) -> Iterator[str]:
        """A server of images on this computer, which its local Phoenix may read from."""
        files = {f"/ref{n}.png": path.read_bytes() for n, path in enumerate(icons.glob("*.png"), 1)}

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
            content = files.get(environ["PATH_INFO"], b"")
            start("200 OK" if content else "404 Not Found", [])
            return [content]

        assert main(["settings", "import_private=true"]) == 0
        with serving(answer) as port:
            yield f"http://127.0.0.1:{port}"

    def test_the_request_of_the_tools_page(self, client, model_id, cdn):
        request = {
            "action": "upload_images",
            "model_id": model_id,
            "images": [f"{cdn}/ref1.png", f"{cdn}/ref2.png", f"{cdn}/ref3.png"],
        }
        response = nbt.train(**request)
        assert {k: response[k] for k in ("status", "count")} == {"status": "uploaded", "count": 3}
        again = nbt.train(**request)
        assert (again["count"], again["already"]) == (0, 3)
        there = client.get_model(model_id).training_images
        assert [image.id for image in there] == [
            image["training_image_id"] for image in response["training_images"]
        ]
        frame = nbt.Training.open(model_id=model_id).images
        assert frame["name"].tolist() == ["ref1.png", "ref2.png", "ref3.png"]
        assert frame["width"].tolist() == [64] * 3

    def test_urls_ids_and_paths_together(self, client, model_id, cdn, icons):
        files = sorted(icons.glob("*.png"))
        given = client.upload_image("given.png", files[3].read_bytes()).id
        reply = nbt.train(
            "upload_images", model_id, images=[f"{cdn}/ref1.png?a=1", given, str(files[2])]
        )
        assert reply["count"] == 3

    def test_one_that_cannot_be_imported_is_refused_by_name_and_can_be_given_again(
        self, client, model_id, cdn
    ):
        images = [f"{cdn}/ref1.png", f"{cdn}/nowhere.png?signature=s3cret"]
        reply = nbt.train("upload_images", model_id, images=images)
        assert reply["count"] == 1
        (refused,) = reply["refused"]
        assert refused["name"] == "nowhere.png"
        assert "404" in refused["reason"]
        assert "s3cret" not in json.dumps(reply)
        assert len(nbt.Training.open(model_id=model_id).images) == 1
        assert nbt.train("upload_images", model_id, images=images)["already"] == 1

    def test_an_image_replaced_by_one_that_cannot_be_had_stays(self, client, model_id, cdn):
        nbt.train("upload_images", model_id, images=[f"{cdn}/ref1.png"])
        (image,) = client.get_model(model_id).training_images
        change = {"training_image_id": image.id, "image_data": {"path": f"{cdn}/nowhere.png"}}
        with pytest.raises(InputError, match="stays as it was"):
            nbt.train("update_image", model_id, **change)
        assert [i.id for i in client.get_model(model_id).training_images] == [image.id]
        change["image_data"] = {"path": f"{cdn}/ref2.png", "caption": "the second"}
        reply = nbt.train("update_image", model_id, **change)
        (image,) = client.get_model(model_id).training_images
        assert reply["training_image"]["training_image_id"] == image.id
        assert image.description == "the second"


def test_an_image_that_is_there_already_takes_no_others_place(client, model_id, icons):
    files = sorted(map(str, icons.glob("*.png")))
    nbt.train("upload_images", model_id, images=files)
    image = client.get_model(model_id).training_images[0].id
    with pytest.raises(InputError, match=r"already in the dataset, as .*Choose another one\."):
        nbt.train("update_image", model_id, training_image_id=image, image_data={"path": files[1]})


def test_an_unknown_asset_is_refused_with_a_remedy(client, model_id):
    with pytest.raises(InputError, match=r"no asset_nowhere00: check the id, or add the file"):
        nbt.train("upload_images", model_id, images=["asset_nowhere00"])


def test_a_plan_s_ceiling_says_how_many_fit(client, model_id, icons):
    assert main(["settings", "training_images=3"]) == 0
    files = sorted(map(str, icons.glob("*.png")))
    reply = nbt.train("upload_images", model_id, images=files)
    assert reply["count"] == 3
    (refused,) = reply["refused"]
    assert refused["reason"].startswith("The plan allows 3 images per model: 3 of these 4 fit.")
    assert len(client.get_model(model_id).training_images) == 3


def test_a_second_computer_recognises_what_the_first_sent(
    client, model_id, icons, tmp_path, monkeypatch
):
    nbt.train("upload_images", model_id, images=[*map(str, icons.glob("*.png"))])
    data_dir = tmp_path / "home" / "local"
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "another computer"))
    other = nbt.connect("local", data_dir=data_dir)
    assert other.get_model(model_id).training_images_number == 4
    training = nbt.Training.open(model_id=model_id)
    training.sync()
    report = training.add_images(icons)
    assert (report.added, report.skipped, report.problem) == (0, 4, "")


def test_an_empty_dataset_is_refused_by_the_service(client, model_id):
    with pytest.raises(nbt.PhoenixError, match=r"no training images\. Add some"):
        nbt.train("start", model_id)
    assert client.get_model(model_id).status == "new"


class TestCommandLine:
    def test_the_same_seven_actions(self, client, model_id, icons, capsys):
        images = [str(p) for p in icons.glob("*.png")]
        assert main(["train", "upload_images", "--model-id", model_id, "--images", *images]) == 0
        assert json.loads(capsys.readouterr().out)["count"] == 4
        config = json.dumps({"epochs": 2})
        assert main(["train", "configure", "--model-id", model_id, "--config", config]) == 0
        assert json.loads(capsys.readouterr().out)["config"]["epochs"] == 2
        assert main(["train", "start", "--model-id", model_id, "--dry-run"]) == 0
        assert json.loads(capsys.readouterr().out)["unit"] == "simulated CU"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [(["fly", "--model-id", "m"], 2), (["start"], 2), (["start", "--model-id", "model_x"], 1)],
    )
    def test_failures_are_words_and_a_code(self, client, arguments, code, capsys):
        assert main(["train", *arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("phoenix-nbtrain: ")
        assert "Traceback" not in captured.err


def test_the_actions_are_those_of_the_tool():
    assert ACTIONS == (
        "upload_images",
        "update_image",
        "delete_image",
        "set_pairs",
        "configure",
        "start",
        "stop",
    )
