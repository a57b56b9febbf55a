"""What we send is what the service's official SDK sends, endpoint by endpoint.

Both go through a transport that records: method, path, query, body and authorisation must be
equal. Where we differ on purpose:

- Headers other than ``Authorization`` and the body's type: ours name this package, theirs theirs.
- Uploads of parts and signed addresses: the SDK has no method for them.
- ``GET /teams/{id}/limits`` and ``GET /teams``: we add ``projectId``, as to every request; the SDK
  declares no such parameter there, and the service scopes keys by themselves.
- Retries and redirects: theirs repeat a launch and follow redirects; see `client.endpoints`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from scenario_sdk import Scenario

from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret
from phoenix_nbtrain.client.endpoints import ENDPOINTS
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.records import TrainingPair

BASE = "https://phoenix.test/v1"
ODD = "model a/b?c#d"
PARAMETERS = {"learningRate": 5e-05, "nbEpochs": 10, "samplePrompts": ["ä, „fox“"]}

Ours = Callable[[Phoenix], Any]
Theirs = Callable[[Scenario], Any]

CASES: dict[str, tuple[Ours, Theirs]] = {
    "ping": (lambda p: p.ping(), lambda s: s.models.list(page_size=1)),
    "create_model": (
        lambda p: p.create_model(name="prop icons", type="flux.2-dev-lora"),
        lambda s: s.models.create(name="prop icons", type="flux.2-dev-lora"),
    ),
    "get_model": (lambda p: p.get_model(ODD), lambda s: s.models.retrieve(ODD)),
    "get_models": (
        lambda p: p.get_models(["a", "b"]),
        lambda s: s.models.get_bulk(model_ids=["a", "b"]),
    ),
    "list_models": (
        lambda p: list(p.list_models(status="trained")),
        lambda s: list(s.models.list(page_size=100, status="trained")),
    ),
    "update_model: name": (
        lambda p: p.update_model("m", name="n"),
        lambda s: s.models.update("m", name="n"),
    ),
    "update_model: parameters": (
        lambda p: p.update_model("m", parameters=PARAMETERS),
        lambda s: s.models.update("m", extra_body={"parameters": PARAMETERS}),
    ),
    "update_model: epoch": (
        lambda p: p.update_model("m", epoch="7"),
        lambda s: s.models.update("m", epoch="7"),
    ),
    "update_model: no epoch": (
        lambda p: p.update_model("m", epoch=None),
        lambda s: s.models.update("m", epoch=None),
    ),
    "delete_model": (lambda p: p.delete_model("m"), lambda s: s.models.delete("m")),
    "add_training_images: one": (
        lambda p: p.add_training_images("m", ["a"]),
        lambda s: s.models.training_images.add("m", asset_id="a"),
    ),
    "add_training_images: several": (
        lambda p: p.add_training_images("m", ["a", "b"]),
        lambda s: s.models.training_images.add("m", asset_ids=["a", "b"]),
    ),
    "replace_training_image": (
        lambda p: p.replace_training_image("m", "a", asset_id="b"),
        lambda s: s.models.training_images.replace("a", model_id="m", asset_id="b"),
    ),
    "delete_training_image": (
        lambda p: p.delete_training_image("m", "a"),
        lambda s: s.models.training_images.delete("a", model_id="m"),
    ),
    "replace_pairs": (
        lambda p: p.replace_pairs(
            "m", [TrainingPair(source_id="a", target_id="b", instruction="colour it")]
        ),
        lambda s: s.models.training_images.replace_pairs(
            "m", body=[{"source_id": "a", "target_id": "b", "instruction": "colour it"}]
        ),
    ),
    "replace_pairs: none": (
        lambda p: p.replace_pairs("m", []),
        lambda s: s.models.training_images.replace_pairs("m", body=[]),
    ),
    "quote_training": (
        lambda p: p.quote_training("m", PARAMETERS),
        lambda s: s.models.train.trigger(
            "m", dry_run="true", extra_body={"parameters": PARAMETERS}
        ),
    ),
    "trigger_training": (
        lambda p: p.trigger_training("m", PARAMETERS),
        lambda s: s.models.train.trigger("m", extra_body={"parameters": PARAMETERS}),
    ),
    "cancel_training": (
        lambda p: p.cancel_training("m"),
        lambda s: s.models.train.action("m", action="cancel"),
    ),
    "get_job": (lambda p: p.get_job("j"), lambda s: s.jobs.retrieve("j")),
    "list_jobs": (
        lambda p: list(p.list_jobs(types=["model-training", "flux-model-training"])),
        lambda s: list(s.jobs.list(page_size=100, types=["model-training", "flux-model-training"])),
    ),
    "list_jobs: status": (
        lambda p: list(p.list_jobs(status="success")),
        lambda s: list(s.jobs.list(page_size=100, status="success")),
    ),
    "quote_download": (
        lambda p: p.quote_download("m"),
        lambda s: s.models.download("m", dry_run="true"),
    ),
    "quote_download: an epoch": (
        lambda p: p.quote_download("m", epoch="3"),
        lambda s: s.models.download("m", dry_run="true", model_epoch="3"),
    ),
    "trigger_download": (
        lambda p: p.trigger_download("m", epoch="3"),
        lambda s: s.models.download("m", model_epoch="3"),
    ),
    "trigger_download: the default epoch": (
        lambda p: p.trigger_download("m"),
        lambda s: s.models.download("m"),
    ),
    "get_download": (lambda p: p.get_download("j"), lambda s: s.assets.download.get_status("j")),
    "get_asset": (lambda p: p.get_asset("a"), lambda s: s.assets.retrieve("a")),
    "get_assets": (
        lambda p: p.get_assets(["a", "b"]),
        lambda s: s.assets.get_bulk(asset_ids=["a", "b"], original_assets="true"),
    ),
    "update_asset: caption": (
        lambda p: p.update_asset("a", description="ein Fuchs, „rot“ 🦊"),
        lambda s: s.assets.update("a", description="ein Fuchs, „rot“ 🦊"),
    ),
    "update_asset: no caption": (
        lambda p: p.update_asset("a", description=""),
        lambda s: s.assets.update("a", description=""),
    ),
    "update_asset: name": (
        lambda p: p.update_asset("a", name="n"),
        lambda s: s.assets.update("a", name="n"),
    ),
    "upload_inline": (
        lambda p: p.upload_image("fox.png", b"\0\1\2\3"),
        lambda s: s.assets.upload(name="fox.png", image="AAECAw=="),
    ),
    "begin_upload": (
        lambda p: p.begin_upload(
            file_name="fox.png", content_type="image/png", size=9_000_000, parts=2
        ),
        lambda s: s.uploads.create(
            file_name="fox.png",
            content_type="image/png",
            file_size=9_000_000,
            parts=2,
            kind="image",
        ),
    ),
    "begin_upload: from an address": (
        lambda p: p.begin_import("https://a.test/fox.png"),
        lambda s: s.uploads.create(url="https://a.test/fox.png", kind="image"),
    ),
    "complete_upload": (
        lambda p: p.complete_upload("u"),
        lambda s: s.uploads.trigger_action("u", action="complete"),
    ),
    "get_upload": (lambda p: p.get_upload("u"), lambda s: s.uploads.retrieve("u")),
    "list_projects": (lambda p: p.list_projects(), lambda s: s.teams.list()),
    "get_team_limits": (lambda p: p.get_team_limits("t"), lambda s: s.teams.retrieve_limits("t")),
}

NOT_IN_THE_SDK = {"send_part", "fetch", "fetch_to"}
SCOPED_BY_US_ONLY = {"list_projects", "get_team_limits"}

ANSWER = {
    **{key: {"id": "x"} for key in ("model", "asset", "upload", "trainingImage")},
    **{key: [] for key in ("models", "jobs", "assets", "teams", "pairs")},
    "job": {"jobId": "j"},
    "creativeUnitsCost": 1,
    "jobId": "j",
    "jobStatus": "success",
}


def told(request: httpx.Request) -> dict[str, Any]:
    """What a request says, as far as both must say the same."""
    return {
        "method": request.method,
        "path": request.url.raw_path.partition(b"?")[0],
        "query": dict(request.url.params),
        "body": json.loads(request.content) if request.content else None,
        "type": request.headers.get("content-type") if request.content else None,
        "authorization": request.headers.get("authorization"),
        "host": request.headers["host"],
    }


def recording(seen: list[httpx.Request]) -> httpx.BaseTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("case", "project"),
    [
        (case, project)
        for case in CASES
        for project in ({}, {"projectId": "proj_1"})
        if not (project and case in SCOPED_BY_US_ONLY)
    ],
)
@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_both_send_the_same(case, project, scheme):
    basic = scheme == "basic"
    pair = {"api_key": "key", "api_secret": "s:cret/+="} if basic else {"bearer_auth": "tok.en"}
    names = {"api_key": "api_key", "api_secret": "api_secret", "bearer_auth": "bearer_token"}
    given = Credentials(**{names[k]: Secret(v) for k, v in pair.items()}, base_url=BASE)
    send, sdk_send = CASES[case]
    sent: list[httpx.Request] = []
    sdk_sent: list[httpx.Request] = []
    transport = Transport(
        base_url=BASE,
        open_wire=lambda: recording(sent),
        sign=OriginAuth(given).sign,
        params=project,
    )
    send(Phoenix(transport, origin=BASE, is_local=False))
    with httpx.Client(transport=recording(sdk_sent)) as http:
        more = {"base_url": BASE, "max_retries": 0, "default_query": project}
        sdk_send(Scenario(**pair, http_client=http, **more))
    assert [told(r) for r in sent] == [told(r) for r in sdk_sent]
    assert len(sent) == 1


def test_every_operation_is_compared():
    compared = {case.partition(":")[0] for case in CASES}
    assert compared == set(ENDPOINTS) - NOT_IN_THE_SDK - {"glance"}
