"""The service's official client, as judge: the whole life of a model on a served local Phoenix.

With strict response validation the client refuses every reply that lacks a field its own types
require, or has one of another kind. What it accepts here, it would accept from the service.
"""

from __future__ import annotations

import base64
import io
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import wire
from PIL import Image
from safetensors.numpy import load
from scenario_sdk import APIResponseValidationError, BadRequestError, NotFoundError, Scenario

from phoenix_nbtrain.images.drawings import draw_icons
from phoenix_nbtrain.local import settings
from phoenix_nbtrain.local.store import Store

QUICK = {"nbEpochs": 2, "nbRepeats": 1, "rank": 4, "samplePrompts": ["a fox"], "seed": 7}
LONG = {"nbEpochs": 100, "nbRepeats": 100}
PART = 5_000_000


class Served:
    """A local Phoenix behind a port, and the official client in front of it."""

    def __init__(self, data_dir: Path, given: dict[str, str]) -> None:
        self.data_dir = data_dir
        self.sdk = Scenario(**given, max_retries=0, _strict_response_validation=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with wire.served(folder) as given:
        found = Served(folder, given)
        yield found
        found.sdk.close()


@pytest.fixture
def sdk(served) -> Scenario:
    return served.sdk


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[bytes]:
    folder = draw_icons(tmp_path_factory.mktemp("icons"), count=4, size=64)
    return [path.read_bytes() for path in sorted(folder.glob("*.png"))]


def upload(sdk: Scenario, content: bytes, name: str = "icon.png") -> str:
    image = base64.b64encode(content).decode()
    return sdk.assets.upload(name=name, image=image).asset.id


def until(ask: Callable[[], Any], is_so: Callable[[Any], bool], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not is_so(found := ask()):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def style_set(sdk: Scenario, pictures: list[bytes]) -> str:
    model_id = sdk.models.create(name="icons", type="flux.1-lora").model.id
    ids = [upload(sdk, content, f"icon {n}.png") for n, content in enumerate(pictures)]
    sdk.models.training_images.add(model_id, asset_ids=ids)
    return model_id


@pytest.fixture(scope="module")
def trained(served, pictures) -> str:
    model_id = style_set(served.sdk, pictures)
    served.sdk.models.train.trigger(model_id, parameters=QUICK)
    until(lambda: served.sdk.models.retrieve(model_id).model.status, lambda s: s == "trained")
    return model_id


def test_a_style_is_trained_from_nothing_to_weights(sdk, pictures):
    model_id = style_set(sdk, pictures)
    model = sdk.models.retrieve(model_id).model
    assert (model.status, model.training_images_number) == ("new", 4)
    assert model.training_images is not None
    first = model.training_images[0].id
    assert sdk.assets.update(first, description="inkling, an icon").asset.description
    sdk.models.update(model_id, name="inklings", parameters=QUICK)

    launched = sdk.models.train.trigger(model_id)
    assert launched.model.status == "training"
    job = until(lambda: sdk.jobs.retrieve(launched.job.job_id).job, lambda j: j.status == "success")
    assert job.billing is not None
    assert job.billing.cu_cost == launched.creative_units_cost
    assert [entry.status for entry in job.status_history] == [
        *("pending", "queued", "warming-up", "in-progress", "finalizing", "success")
    ]

    model = sdk.models.retrieve(model_id).model
    assert (model.name, model.status, model.job_id) == ("inklings", "trained", job.job_id)
    assert model.training_images is not None
    assert model.training_images[0].description == "inkling, an icon"
    assert model.epochs is not None
    assert [epoch.epoch for epoch in model.epochs] == ["1", "2"]
    assert model.epochs[0].assets is not None
    sample = httpx.get(model.epochs[0].assets[0].url)
    assert Image.open(io.BytesIO(sample.content)).format == "PNG"


def test_an_edit_is_trained_from_pairs(sdk, pictures):
    model_id = sdk.models.create(name="edits", type="flux.2-dev-edit-lora").model.id
    ids = [upload(sdk, content) for content in pictures]
    assert sdk.models.training_images.add(model_id, asset_id=ids[0]).training_image.id == ids[0]
    sdk.models.training_images.add(model_id, asset_ids=ids[1:])
    body: list[Any] = [
        {"source_id": ids[0], "target_id": ids[1], "instruction": "colour it"},
        {"source_id": ids[2], "target_id": ids[3], "instruction": "colour it"},
    ]
    assert sdk.models.training_images.replace_pairs(model_id, body=body).count == 2
    sdk.models.train.trigger(model_id, parameters={"nbEpochs": 1, "nbRepeats": 1})
    model = until(lambda: sdk.models.retrieve(model_id).model, lambda m: m.status == "trained")
    assert [pair.instruction for pair in model.training_image_pairs] == ["colour it"] * 2


def test_an_image_is_replaced_and_removed(sdk, pictures):
    model_id = style_set(sdk, pictures)
    other = upload(sdk, pictures[0], "other.png")
    images = sdk.models.retrieve(model_id).model.training_images
    assert images is not None
    added = sdk.models.training_images.replace(images[0].id, model_id=model_id, asset_id=other)
    assert added.training_image.id == other
    sdk.models.training_images.delete(images[1].id, model_id=model_id)
    assert sdk.models.retrieve(model_id).model.training_images_number == 3


def test_a_dry_run_is_a_269_whose_price_the_launch_then_bills(served, pictures):
    """The client's types know a dry run's answer as a launch's that lacks job and model: strict,
    it refuses it; as it comes by default, it gives an object without either."""
    sdk = served.sdk
    model_id = style_set(sdk, pictures)
    raw = sdk.models.train.with_raw_response.trigger(model_id, dry_run="true", parameters=QUICK)
    price = raw.http_response.json()
    assert raw.status_code == 269
    assert price.keys() == {"creativeUnitsCost", "creativeUnitsDiscount", "costDetails"}
    with pytest.raises(APIResponseValidationError):
        sdk.models.train.trigger(model_id, dry_run="true", parameters=QUICK)
    lenient = Scenario(
        api_key=sdk.api_key, api_secret=sdk.api_secret, base_url=sdk.base_url, max_retries=0
    )
    with lenient:
        quoted = lenient.models.train.trigger(model_id, dry_run="api", parameters=QUICK)
    assert quoted.job is None
    assert quoted.creative_units_cost == price["creativeUnitsCost"]
    assert sdk.models.retrieve(model_id).model.status == "new"

    launched = sdk.models.train.trigger(model_id, parameters=QUICK)
    assert launched.creative_units_cost == price["creativeUnitsCost"]
    assert launched.cost_details is not None
    assert launched.cost_details.train_model == price["costDetails"]["train-model"]


def test_a_running_training_is_canceled(sdk, pictures):
    model_id = style_set(sdk, pictures)
    job_id = sdk.models.train.trigger(model_id, parameters=LONG).job.job_id
    with pytest.raises(BadRequestError, match="Action not permitted"):
        sdk.jobs.trigger_action(job_id, action="cancel")
    assert sdk.models.train.action(model_id, action="cancel").model.status == "training-canceled"
    assert sdk.jobs.retrieve(job_id).job.status == "canceled"


def test_a_large_image_comes_in_parts_without_credentials(sdk):
    noise = np.random.default_rng(7).integers(0, 256, (1500, 1500, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    content = out.getvalue()
    count = -(-len(content) // PART)
    assert count > 1
    begun = sdk.uploads.create(
        file_name="noise.png",
        content_type="image/png",
        file_size=len(content),
        parts=count,
        kind="image",
    ).upload
    assert (begun.status, begun.source) == ("pending", "multipart")
    assert begun.parts is not None
    for n, part in enumerate(begun.parts):
        sent = httpx.put(part.url, content=content[n * PART : (n + 1) * PART])
        assert sent.is_success, sent.text
    completed = sdk.uploads.trigger_action(begun.id, action="complete").upload
    assert completed.status in ("validating", "validated", "imported")
    ended = until(
        lambda: sdk.uploads.retrieve(begun.id).upload, lambda u: u.status in ("imported", "failed")
    )
    assert ended.entity_id, ended.error_message
    (asset,) = sdk.assets.get_bulk(asset_ids=[ended.entity_id, "asset_gone"]).assets
    assert (asset.properties.width, asset.properties.size) == (1500, len(content))
    assert httpx.get(asset.url).content == content


def test_a_url_that_must_not_be_fetched_is_an_upload_that_failed(sdk):
    begun = sdk.uploads.create(url="http://127.0.0.1/x.png", kind="image").upload
    ended = until(lambda: sdk.uploads.retrieve(begun.id).upload, lambda u: u.status == "failed")
    assert ended.source == "url"
    assert "imports nothing from URLs" in (ended.error_message or "")


def test_models_are_listed_read_at_once_deleted_and_restored(sdk, pictures):
    kept, gone = style_set(sdk, pictures), style_set(sdk, pictures)
    sdk.models.delete(gone)
    assert [m.id for m in sdk.models.get_bulk(model_ids=[gone, kept]).models] == [kept]
    listed = sdk.models.list(page_size=500).models
    assert kept in {m.id for m in listed}
    assert gone not in {m.id for m in listed}
    deleted = {m.id: m for m in sdk.models.list(status="deleted").models}  # type: ignore[arg-type]
    assert deleted[gone].deleted_at
    with pytest.raises(NotFoundError):
        sdk.models.train.trigger(gone)
    assert sdk.models.restore(gone).model.status == "new"
    assert sdk.models.retrieve(gone).model.deleted_at is None


def test_jobs_are_listed_page_by_page(sdk, trained):
    job_id = sdk.models.retrieve(trained).model.job_id
    seen: list[str] = []
    page = sdk.jobs.list(page_size=1)
    while True:
        seen += [job.job_id for job in page.jobs]
        if page.next_pagination_token is None:
            break
        page = sdk.jobs.list(page_size=1, pagination_token=page.next_pagination_token)
    assert len(seen) == len(set(seen))
    assert job_id in seen
    done = sdk.jobs.list(types=["flux-model-training"], status="success").jobs
    assert job_id in {job.job_id for job in done}


def test_weights_are_quoted_bought_and_taken_away(sdk, trained):
    raw = sdk.models.with_raw_response.download(trained, dry_run="true")
    assert raw.status_code == 269
    assert raw.http_response.json()["creativeUnitsCost"] == 5
    taken = {}
    for epoch in ("1", "2"):
        job_id = sdk.models.download(trained, model_epoch=epoch).job_id
        assert sdk.jobs.retrieve(job_id).job.job_type == "model-download"
        done = sdk.assets.download.get_status(job_id)
        assert done.job_status == "success"
        assert done.download_url is not None
        taken[epoch] = load(httpx.get(done.download_url).content)
    assert taken["1"].keys() == taken["2"].keys()
    assert any((taken["1"][name] != taken["2"][name]).any() for name in taken["1"])


def test_the_teams_limits_are_those_that_are_set(served):
    store = Store(served.data_dir)
    with store.writing() as connection:
        before = settings.load(connection)
        settings.save(connection, replace(before, parallel_trainings=3, balance=Decimal("99.5")))
    (team,) = served.sdk.teams.list().teams
    found = served.sdk.teams.retrieve_limits(team.id)
    assert found.limits.parallel_training == 3
    assert found.values.creative_units == 99.5
    with store.writing() as connection:
        settings.save(connection, before)


def test_a_body_beyond_all_limits_is_refused_by_its_length(served):
    """Before credentials are looked at, and before a byte of it is on the disk."""
    url = served.sdk.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall(
            b"PUT /v1/storage/uploads/x/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: 900000000\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
