"""Images given by their URL: the service fetches them, the notebook never does."""

from __future__ import annotations

import json

import pytest
from fake_service import FakeService, interrupted, lost, once

from phoenix_nbtrain.errors import ServiceError, ServiceUnreachable
from phoenix_nbtrain.home import home
from phoenix_nbtrain.tool import train
from phoenix_nbtrain.widgets.grid import ImageGrid

SIGNED = "https://cdn.example.com/sets/ref1.png?X-Signature=s3cret"


@pytest.fixture
def web(service, icons) -> list[str]:
    """Three images that the service finds on the web."""
    urls = [SIGNED, *(f"https://cdn.example.com/ref{i}.png" for i in (2, 3))]
    for url, path in zip(urls, sorted(icons.glob("*.png")), strict=False):
        service.web[url] = path.read_bytes()
    return urls


@pytest.fixture(autouse=True)
def _offline(monkeypatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it was fetched here"))


def test_they_are_imported_by_the_service_and_added(opened, service, web):
    training = opened()
    report = training.add_images(web)
    assert [row.name for row in report.rows] == ["ref1.png", "ref2.png", "ref3.png"]
    training.sync()
    frame = training.images
    assert frame["state"].tolist() == ["saved"] * 3
    assert frame["name"].tolist() == ["ref1.png", "ref2.png", "ref3.png"]
    assert frame[["width", "height"]].to_numpy().tolist() == [[64, 64]] * 3
    assert frame["bytes"].tolist() == [len(service.web[url]) for url in web]
    assert service.count("import_image") == 3
    assert service.count("fetch") == 0


def test_running_the_cell_again_adds_and_imports_nothing(opened, service, web):
    for again in (False, False, True):
        training = opened(again=again, images=[*web, web[0]])
        training.sync()
    assert len(training.images) == 3
    assert service.count("import_image") == 3
    training.remove("ref1.png")
    training.sync()
    assert training.add_images(web[0]).left_out == 1
    training.add_images(web[0], again=True)
    training.sync()
    assert service.count("import_image") == 3
    assert len(service.get_model(training.model_id).training_images) == 3


def test_a_url_is_kept_until_the_asset_is_there_and_shown_nowhere(opened, service, web):
    service.before["import_image"] = lost
    training = opened()
    report = training.add_images(web)
    with pytest.raises(ServiceUnreachable):
        training.sync()
    assert (home() / "drafts.sqlite3").read_bytes().count(b"s3cret")
    grid = ImageGrid(training)
    texts = [report, training, training.state, training.images.to_csv(), grid.get_state()]
    grid.close()
    assert not any("s3cret" in repr(text) or "s3cret" in str(text) for text in texts)
    service.before.clear()
    training = opened(again=True)
    training.sync()
    assert training.images["state"].tolist() == ["saved"] * 3
    assert training.state.draft.images[0].url is None


@pytest.mark.parametrize("step", ["begin_upload", "complete_upload"])
def test_an_import_that_was_begun_is_gone_on_with(opened, service, web, step):
    service.after[step] = once(interrupted)
    training = opened(images=web)
    with pytest.raises(KeyboardInterrupt):
        training.sync()
    training = opened(again=True)
    training.sync()
    assert len(service.assets) == 3
    assert len(service.get_model(training.model_id).training_images) == 3


def test_a_failed_import_is_a_refused_row_with_the_services_words_and_no_address(
    opened, service, web
):
    service.before["begin_upload"] = ServiceError(f"Could not import {SIGNED}: 403.", status=200)
    training = opened(images=web[:1])
    training.sync()
    (reason,) = training.images["reason"]
    assert "Could not import" in reason
    assert "s3cret" not in reason
    service.before.clear()
    training.add_images(web[:1])
    training.sync()
    assert training.images["state"].tolist() == ["saved"]


def test_what_the_service_says_of_an_address_while_it_fails_shows_none(opened, service, web):
    service.before["import_image"] = ServiceUnreachable(f"Gateway: {SIGNED}", sent=True)
    training = opened(images=web)
    with pytest.raises(ServiceUnreachable) as caught:
        training.sync()
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.args)
    assert "s3cret" not in training.state.sync.message


def test_a_url_may_replace_an_image_and_have_a_caption(opened, service, web, icons):
    training = opened(images={web[1]: "by its URL"})
    training.add_images(sorted(icons.glob("*.png"))[3])
    training.replace(training.images.index[1], web[2])
    training.sync()
    frame = training.images
    assert frame["state"].tolist() == ["saved"] * 2
    assert service.assets[frame["asset_id"].iloc[0]].description == "by its URL"
    assert service.contents[frame["asset_id"].iloc[1]] == service.web[web[2]]


class TestTheToolsPage:
    """The calls of the tool's own page, word for word."""

    @pytest.fixture
    def page(self, service, icons) -> FakeService:
        model = service.create_model(name="custom", type="flux.2-dev-lora")
        for model_id in ("model_custom_abc", "model_xxx"):
            from dataclasses import replace

            service.models[model_id] = replace(model, id=model_id)
        files = [path.read_bytes() for path in sorted(icons.glob("*.png"))]
        for number, content in enumerate(files[:3], 1):
            service.web[f"https://cdn.example.com/ref{number}.png"] = content
        service.web["https://..."] = files[3]
        return service

    def test_the_request(self, page):
        request = json.loads(
            """{
"action": "upload_images",
"model_id": "model_custom_abc",
"images": [
"https://cdn.example.com/ref1.png",
"https://cdn.example.com/ref2.png",
"https://cdn.example.com/ref3.png"
],
"team_id": "team_abc123",
"project_id": "proj_xyz789"
}"""
        )
        response = train(**request, client=page)
        assert {key: response[key] for key in ("status", "count")} == {
            "status": "uploaded",
            "count": 3,
        }
        assert (page.team_id, page.project_id) == ("team_abc123", "proj_xyz789")
        assert len(page.get_model("model_custom_abc").training_images) == 3
        again = train(**request, client=page)
        assert (again["count"], again["already"]) == (0, 3)

    def test_the_four_examples(self, page):
        uploaded = train(
            action="upload_images", model_id="model_xxx", images=["https://..."], client=page
        )
        assert uploaded["count"] == 1
        configured = train(
            action="configure", model_id="model_xxx", config={"steps": 1200}, client=page
        )
        assert configured["training_started"] is False
        cost = train(action="start", model_id="model_xxx", dry_run=True, client=page)
        assert cost["cost"] == 1080
        assert page.launches == []
        started = train(action="start", model_id="model_xxx", client=page)
        assert started["training_started"] is True
        assert len(page.launches) == 1


def test_an_image_whose_asset_is_gone_comes_back_by_its_address(opened, service, web):
    service.before["add_training_images"] = lost
    training = opened(images=web[:1])
    with pytest.raises(ServiceUnreachable):
        training.sync()
    service.before.clear()
    service.lose(next(iter(service.assets)))
    training.sync()
    assert "add it by its URL again" in training.images["reason"].iloc[0]
    report = training.add_images(web[:1])
    assert report.added == 0
    training.sync()
    assert training.images["state"].tolist() == ["saved"]
