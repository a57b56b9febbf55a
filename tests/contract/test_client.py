"""One contract, held by both stand-ins for the service: the local Phoenix and the one in memory."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from fake_service import FakeService
from PIL import Image
from wire import LocalWire, as_documented

from phoenix_nbtrain.client.connect import open_local
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.uploads import INLINE_BYTES_MAX
from phoenix_nbtrain.errors import NotFound, ServiceError
from phoenix_nbtrain.records import Asset, LaunchReply, Model, Quote, TrainingPair

TYPE, EDIT = "flux.2-dev-lora", "flux.2-dev-edit-lora"


@pytest.fixture(params=["in memory", "local", "local, as documented"])
def service(request, tmp_path) -> Iterator[Any]:
    """Yield the client, and what waits until a model's training has ended."""
    if request.param == "in memory":
        memory = FakeService()
        yield memory, memory.finish
        return
    folder = tmp_path / "local"
    client = (
        open_local(folder)
        if request.param == "local"
        else LocalWire(folder, rewrite=as_documented, project_id=None).phoenix
    )

    def finish(model_id: str) -> None:
        until = time.monotonic() + 60
        while client.get_model(model_id).status == "training":
            assert time.monotonic() < until
            time.sleep(0.05)

    yield client, finish
    client.close()


@pytest.fixture
def phoenix(service) -> Phoenix:
    client: Phoenix = service[0]
    return client


@pytest.fixture
def finish(service) -> Callable[[str], None]:
    wait: Callable[[str], None] = service[1]
    return wait


def picture(seed: int = 0, size: int = 64) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


@pytest.fixture
def assets(phoenix) -> list[Asset]:
    return [phoenix.upload_image(f"{n}.png", picture(n)) for n in range(4)]


@pytest.fixture
def model(phoenix, assets) -> Model:
    """A model with four training images."""
    made = phoenix.create_model(name="prop icons", type=TYPE)
    phoenix.add_training_images(made.id, [a.id for a in assets])
    return phoenix.get_model(made.id)


class TestModels:
    def test_a_new_model_is_there_under_its_name(self, phoenix):
        made = phoenix.create_model(name="prop icons", type=TYPE)
        assert (made.name, made.type, made.status) == ("prop icons", TYPE, "new")
        assert phoenix.get_model(made.id) == made

    def test_every_page_of_the_list_is_read(self, phoenix):
        made = {phoenix.create_model(name=f"m{n}", type=TYPE).id for n in range(5)}
        assert {m.id for m in phoenix.list_models()} == made
        assert list(phoenix.list_models(status="trained")) == []

    def test_several_come_in_the_order_asked_without_those_that_are_gone(self, phoenix):
        a, b, c = (phoenix.create_model(name=n, type=TYPE).id for n in "abc")
        phoenix.delete_model(b)
        assert [m.id for m in phoenix.get_models([c, b, "model_nobody", a, c])] == [c, a]
        assert phoenix.get_models([]) == ()

    def test_name_and_parameters_are_kept_and_launch_nothing(self, phoenix):
        made = phoenix.create_model(name="a", type=TYPE)
        assert phoenix.update_model(made.id, name="b").name == "b"
        changed = phoenix.update_model(made.id, parameters={"nbEpochs": 3, "rank": 8})
        assert changed.parameters["nbEpochs"] == 3
        assert (changed.name, changed.status, changed.job_id) == ("b", "new", None)

    def test_a_deleted_model_is_gone(self, phoenix):
        made = phoenix.create_model(name="a", type=TYPE)
        phoenix.delete_model(made.id)
        assert list(phoenix.list_models()) == []
        with pytest.raises(NotFound):
            phoenix.get_model(made.id)
        with pytest.raises(NotFound):
            phoenix.delete_model(made.id)


class TestTrainingImages:
    def test_one_or_several_are_added_and_come_back(self, phoenix, assets):
        made = phoenix.create_model(name="a", type=TYPE)
        ids = [a.id for a in assets]
        assert [i.id for i in phoenix.add_training_images(made.id, ids[:1])] == ids[:1]
        assert [i.id for i in phoenix.add_training_images(made.id, ids[1:])] == ids[1:]
        read = phoenix.get_model(made.id)
        assert [i.id for i in read.training_images] == ids
        assert read.training_images_number == 4
        assert read.training_images[0].name == "0.png"

    def test_the_same_one_twice_is_refused(self, phoenix, model):
        with pytest.raises(ServiceError, match="already a training image") as caught:
            phoenix.add_training_images(model.id, [model.training_images[0].id])
        assert caught.value.status == 400

    def test_more_than_ten_at_once_are_refused(self, phoenix, model):
        with pytest.raises(ServiceError, match="Too many assetIds"):
            phoenix.add_training_images(model.id, [f"asset_{n}" for n in range(11)])

    def test_another_takes_an_images_place(self, phoenix, model):
        new = phoenix.upload_image("new.png", picture(9))
        old = model.training_images[1].id
        assert phoenix.replace_training_image(model.id, old, asset_id=new.id).id == new.id
        assert [i.id for i in phoenix.get_model(model.id).training_images][1] == new.id

    def test_a_deleted_one_leaves_its_asset(self, phoenix, model):
        image = model.training_images[0].id
        phoenix.delete_training_image(model.id, image)
        assert image not in [i.id for i in phoenix.get_model(model.id).training_images]
        assert phoenix.get_asset(image).id == image
        with pytest.raises(NotFound):
            phoenix.delete_training_image(model.id, image)

    def test_pairs_are_replaced_as_a_whole(self, phoenix, assets):
        made = phoenix.create_model(name="a", type=EDIT)
        a, b, c, d = (asset.id for asset in assets)
        phoenix.add_training_images(made.id, [a, b, c, d])
        pairs = (
            TrainingPair(source_id=a, target_id=b, instruction="colour it, „rot“"),
            TrainingPair(source_id=c, target_id=d),
        )
        assert phoenix.replace_pairs(made.id, pairs) == pairs
        assert phoenix.get_model(made.id).training_image_pairs == pairs
        assert phoenix.replace_pairs(made.id, pairs[1:]) == pairs[1:]
        assert phoenix.replace_pairs(made.id, []) == ()
        with pytest.raises(ServiceError) as caught:
            phoenix.replace_pairs(made.id, [TrainingPair(source_id=a, target_id="asset_nobody")])
        assert caught.value.status == 400


class TestTraining:
    def test_a_dry_run_says_the_price_and_starts_nothing(self, phoenix, model):
        price = phoenix.quote_training(model.id, {"nbEpochs": 1, "nbRepeats": 1})
        assert isinstance(price, Quote)
        assert isinstance(price.amount, Decimal)
        assert price.amount > 0
        assert price.details == {"train-model": price.amount}
        assert phoenix.get_model(model.id).status == "new"
        assert list(phoenix.list_jobs()) == []

    def test_what_cannot_be_trained_is_refused(self, phoenix):
        empty = phoenix.create_model(name="a", type=TYPE)
        with pytest.raises(ServiceError, match="no training images"):
            phoenix.quote_training(empty.id, {})

    def test_a_launch_runs_to_weights_that_can_be_taken_away(
        self, phoenix, finish, model, tmp_path
    ):
        launched = phoenix.trigger_training(model.id, {"nbEpochs": 1, "nbRepeats": 1})
        assert launched.outcome == "launched"
        assert launched.job is not None
        assert launched.model is not None
        assert (launched.model.id, launched.model.status) == (model.id, "training")
        assert launched.cost is not None
        assert launched.cost > 0
        finish(model.id)
        trained = phoenix.get_model(model.id)
        assert (trained.status, trained.job_id) == ("trained", launched.job.id)
        assert trained.ended_at
        job = phoenix.get_job(launched.job.id)
        assert (job.status, job.ended, job.id) == ("success", True, launched.job.id)
        assert [status for status, _ in job.history][-1] in ("success", "queued")
        assert all(date for _, date in job.history)
        assert job.cost is not None

        assert [j.id for j in phoenix.list_jobs()] == [job.id]
        assert [j.id for j in phoenix.list_jobs(types=[job.type])] == [job.id]
        assert [j.id for j in phoenix.list_jobs(status="success")] == [job.id]
        assert list(phoenix.list_jobs(types=["flux-model-training"])) == []

        price = phoenix.quote_download(model.id)
        assert isinstance(price, Quote)
        asked = phoenix.trigger_download(model.id)
        assert isinstance(asked, LaunchReply)
        assert asked.job is not None
        ready = phoenix.get_download(asked.job.id)
        assert (ready.job_id, ready.status) == (asked.job.id, "success")
        weights = phoenix.fetch(ready.url)
        assert len(weights) > 10
        assert phoenix.fetch_to(ready.url, tmp_path / "weights") == len(weights)
        assert (tmp_path / "weights").read_bytes() == weights

    def test_a_second_launch_is_refused_and_a_run_can_be_stopped(self, phoenix, model):
        launched = phoenix.trigger_training(model.id, {"nbEpochs": 100, "nbRepeats": 100})
        with pytest.raises(ServiceError, match="already training"):
            phoenix.trigger_training(model.id, {})
        assert phoenix.cancel_training(model.id).status == "training-canceled"
        assert launched.job is not None
        assert phoenix.get_job(launched.job.id).status == "canceled"
        with pytest.raises(ServiceError, match="not training"):
            phoenix.cancel_training(model.id)

    def test_what_is_not_trained_cannot_be_taken_away(self, phoenix, model):
        for ask in (phoenix.quote_download, phoenix.trigger_download):
            with pytest.raises(ServiceError, match="trained"):
                ask(model.id)


class TestAssets:
    def test_an_image_comes_back_as_it_was_sent(self, phoenix):
        asset = phoenix.upload_image("füchse 🦊.png", picture())
        assert (asset.name, asset.size) == ("füchse 🦊.png", len(picture()))
        assert phoenix.get_asset(asset.id).id == asset.id
        assert phoenix.fetch(asset.url) == picture()

    def test_a_large_one_goes_in_parts_and_a_second_call_with_its_id_sends_nothing(self, phoenix):
        content = picture(3, size=1700)
        assert len(content) > 2 * INLINE_BYTES_MAX
        begun: list[str] = []
        asset = phoenix.upload_image("large.png", content, begun=begun.append)
        assert asset.name == "large.png"
        assert phoenix.fetch(asset.url) == content
        assert phoenix.get_upload(begun[0]).entity_id == asset.id
        again = phoenix.upload_image("large.png", content, upload_id=begun[0])
        assert again.id == asset.id

    def test_one_that_was_only_begun_is_gone_on_with(self, phoenix):
        content = picture(4, size=1300)
        begun = phoenix.begin_upload(
            file_name="half.png", content_type="image/png", size=len(content), parts=1
        )
        assert (begun.status, begun.imported, len(begun.parts)) == ("pending", False, 1)
        asset = phoenix.upload_image("half.png", content, upload_id=begun.id)
        assert phoenix.get_upload(begun.id).entity_id == asset.id
        assert phoenix.fetch(asset.url) == content

    def test_several_come_in_the_order_asked_without_those_that_are_gone(self, phoenix, assets):
        a, b, *_ = (asset.id for asset in assets)
        asked = [b, "asset_nobody", *(f"asset_{n}x" for n in range(250)), a, b]
        assert [asset.id for asset in phoenix.get_assets(asked)] == [b, a]

    def test_a_caption_and_a_name_are_written_each_alone(self, phoenix, assets):
        asset = assets[0]
        caption = "ein Fuchs, „rot“\n2. Zeile 🦊"
        assert phoenix.update_asset(asset.id, description=caption).description == caption
        renamed = phoenix.update_asset(asset.id, name="b.png")
        assert (renamed.name, renamed.description) == ("b.png", caption)
        assert phoenix.update_asset(asset.id, description="").description == ""

    def test_an_address_that_nobody_may_fetch_fails_with_a_reason(self, phoenix):
        begun: list[str] = []
        with pytest.raises(ServiceError, match="could not import"):
            phoenix.import_image("http://169.254.169.254/latest/meta-data/", begun=begun.append)
        assert phoenix.get_upload(begun[0]).failed


class TestAccount:
    def test_the_project_is_found(self, phoenix):
        (project,) = phoenix.list_projects()
        assert project.id.startswith("proj_")
        assert project.team_id.startswith("team_")

    def test_the_teams_limits_are_read_or_none(self, phoenix):
        limits = phoenix.get_team_limits()
        assert limits is not None
        assert limits.plan
        assert limits.parallel_training is not None
        assert limits.parallel_training > 0
        assert limits == phoenix.get_team_limits(phoenix.list_projects()[0].team_id)

    def test_a_ping_is_answered(self, phoenix):
        assert phoenix.ping().status == phoenix.ping(patient=False).status == 200


@pytest.mark.parametrize(
    "read",
    [
        lambda p: p.get_model("model_nobody"),
        lambda p: p.update_model("model_nobody", name="a"),
        lambda p: p.delete_model("model_nobody"),
        lambda p: p.quote_training("model_nobody", {}),
        lambda p: p.trigger_training("model_nobody", {}),
        lambda p: p.cancel_training("model_nobody"),
        lambda p: p.quote_download("model_nobody"),
        lambda p: p.replace_pairs("model_nobody", []),
        lambda p: p.get_job("job_nobody"),
        lambda p: p.get_download("job_nobody"),
        lambda p: p.get_asset("asset_nobody"),
        lambda p: p.update_asset("asset_nobody", description="a"),
        lambda p: p.get_upload("upload_nobody"),
        lambda p: p.complete_upload("upload_nobody"),
        lambda p: p.get_model("../teams"),
        lambda p: p.get_model("a/b?c=d#e%2f"),
    ],
)
def test_what_is_not_there_is_not_found(phoenix, read):
    with pytest.raises(NotFound) as caught:
        read(phoenix)
    assert caught.value.status == 404
