"""What replies and failures mean, and how often a request is sent."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest
from wire import Wire, answering, in_turn

from phoenix_nbtrain.client.connect import connect
from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    CoolingDown,
    CredentialsError,
    InputError,
    NotFound,
    PermissionDenied,
    PlanLimitReached,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.records import LaunchReply, Quote


@pytest.mark.parametrize(
    ("status", "headers", "body", "error", "words"),
    [
        (400, {}, {"reason": "Model is already training"}, ServiceError, "already training"),
        (401, {}, {"message": "Unauthorized"}, AuthenticationFailed, "Unauthorized"),
        (403, {}, {"message": "API Keys cannot access"}, PermissionDenied, "API Keys"),
        (
            403,
            {"x-amzn-errortype": "AccessDeniedException"},
            {"message": "denied"},
            AuthenticationFailed,
            "expired",
        ),
        (404, {}, {"reason": "Model m not found"}, NotFound, "not found"),
        (
            429,
            {},
            {"name": "PlanLimitReachedError", "reason": "x", "details": {"actionLimit": 0, "actionName": "parallel-training"}},
            PlanLimitReached,
            "parallel-training is 0",
        ),
        (429, {}, {"reason": "Wait", "remainingSeconds": 42}, CoolingDown, "42 s"),
        (429, {}, {"details": {"remainingSeconds": 7}}, CoolingDown, "7 s"),
        (429, {}, {"message": "Too many"}, Throttled, "Too many"),
        (408, {}, {"message": "Request Timeout"}, ServiceFailed, "408"),
        (409, {}, {"message": "Conflict"}, ServiceFailed, "409"),
        (502, {}, None, ServiceFailed, "502"),
        (400, {}, {"status": "error", "code": "X", "message": "docs form"}, ServiceError, "docs form"),
        (302, {"location": "https://evil.test"}, None, ServiceFailed, "redirect"),
        (400, {}, None, ServiceUnreachable, r"\(400\) is not from Phoenix.*proxy"),
        (401, {}, None, ServiceUnreachable, "not from Phoenix"),
        (403, {}, None, ServiceUnreachable, "not from Phoenix"),
        (404, {}, None, ServiceUnreachable, "not from Phoenix"),
        (407, {}, {"message": "Log in"}, ServiceUnreachable, "not from Phoenix"),
        (408, {}, None, ServiceFailed, "408"),
        (429, {}, None, Throttled, "429"),
    ],
)  # fmt: skip
def test_every_refusal_is_told_apart(status, headers, body, error, words):
    content = {"html": "<html>gone</html>"} if body is None else {"json": body}
    wire = answering(status, headers=headers, **content)
    with pytest.raises(error, match=words) as caught:
        wire.phoenix.create_model(name="m", type="flux.2-dev-lora")
    assert type(caught.value) is error
    assert len(str(caught.value)) <= 200
    assert len(wire.requests) == 1


def test_reads_are_tried_three_times_and_writes_once():
    wire = answering(503)
    with pytest.raises(ServiceFailed):
        wire.phoenix.get_model("m")
    assert len(wire.requests) == 3
    with pytest.raises(ServiceFailed):
        wire.phoenix.upload_image("a.png", b"x")
    assert len(wire.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        *(httpx.Response(status) for status in (408, 409, 429, 500, 502, 503)),
        *(httpx.ReadTimeout("slow"), httpx.ReadError("reset")),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("spend", "arguments"), [("training", ("m", {})), ("download", ("m",))])
def test_what_spends_is_sent_exactly_once_whatever_comes_back(answer, spend, arguments):
    wire = in_turn(answer)
    with pytest.raises((ServiceError, ServiceUnreachable)) as caught:
        getattr(wire.phoenix, f"trigger_{spend}")(*arguments)
    assert getattr(caught.value, "sent", True)
    assert (len(wire.requests), wire.slept) == (1, [])
    assert "dryRun" not in wire.requests[0].url.params


def test_a_launch_has_a_connection_of_its_own():
    wire = answering(200, json={"job": {"jobId": "job_1"}, "model": {"id": "m"}})
    wire.phoenix.ping()
    reply = wire.phoenix.trigger_training("m", {"rank": 4})
    assert wire.wires == 2
    assert reply.job is not None
    assert reply.job.id == "job_1"


def test_a_dry_run_always_says_so_in_the_query():
    wire = answering(269, json={"creativeUnitsCost": 10.75, "creativeUnitsDiscount": 0})
    quote = wire.phoenix.quote_training("m", {"rank": 4})
    assert isinstance(quote, Quote)
    assert quote.amount == Decimal("10.75")
    assert dict(wire.requests[0].url.params) == {"projectId": "proj_1", "dryRun": "true"}


@pytest.mark.parametrize(
    ("status", "cost"),
    [(200, 10), (269, "NaN"), (269, -1), (269, "12"), (269, 1e308), (269, None), (269, True)],
)
def test_a_dry_run_without_a_usable_price_does_not_count(status, cost):
    wire = answering(status, json={"creativeUnitsCost": cost})
    with pytest.raises(ServiceUnreachable, match="no usable cost"):
        wire.phoenix.quote_training("m", {})


def test_a_dry_run_that_holds_a_job_is_a_launch():
    wire = answering(200, json={"job": {"jobId": "job_1"}})
    assert isinstance(wire.phoenix.quote_training("m", {}), LaunchReply)


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteError("reset"), True),
        (httpx.RemoteProtocolError("half"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_a_failed_connection_is_provably_not_sent(error, sent):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ServiceUnreachable) as caught:
        Wire(fail).phoenix.trigger_training("m", {})
    assert caught.value.sent is sent


def test_paging_stops_at_a_repeated_token():
    wire = answering(200, json={"models": [{"id": "m"}], "nextPaginationToken": "same"})
    assert len(list(wire.phoenix.list_models())) == 2


def test_a_signed_address_gets_no_credentials_and_must_be_https():
    wire = answering(200, content=b"picture")
    with pytest.raises(ServiceUnreachable, match="https"):
        wire.phoenix.fetch("http://127.0.0.1:9/secret")
    assert wire.phoenix.fetch("https://phoenix.test/storage/x?sig=1") == b"picture"
    assert "Authorization" not in wire.requests[0].headers


def test_a_token_with_several_projects_must_name_one(over):
    projects = [{"id": f"proj_{i}", "name": f"P{i}"} for i in range(5)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/teams"):
            return httpx.Response(200, json={"teams": [{"id": "team_1", "projects": projects}]})
        return httpx.Response(200, json={"models": []})

    over(answer)
    with pytest.raises(CredentialsError, match=r"proj_0.*and 2 more.*project_id"):
        connect(bearer_token="t")
    del projects[1:]
    assert connect(bearer_token="t").project_id == "proj_0"


@pytest.mark.parametrize("model_id", ["é", "\udc80", "a\nb", "x" * 100_000])
def test_what_is_no_id_is_refused_before_anything_is_sent(model_id):
    wire = answering(200, json={"model": {"id": "m"}})
    with pytest.raises(InputError, match=r"is not an id\. Copy all of it again") as caught:
        wire.phoenix.get_model(model_id)
    assert len(str(caught.value)) <= 200
    assert str(caught.value).isprintable()
    assert wire.requests == []


@pytest.mark.parametrize("project_id", ["\udc80", "x" * 100_000])
def test_what_no_address_can_hold_is_refused_before_anything_is_sent(project_id):
    wire = Wire(lambda _: httpx.Response(200), project_id=project_id)
    with pytest.raises(InputError, match="An address cannot contain") as caught:
        wire.phoenix.get_model("m")
    assert len(str(caught.value)) <= 200
    assert wire.requests == []


def test_an_id_is_one_segment_of_the_path_and_never_leads_elsewhere():
    wire = answering(200, json={"trainingImage": {"id": "b"}})
    wire.phoenix.replace_training_image("../m?x=1", "a/b{}", asset_id="b")
    path = wire.requests[0].url.raw_path.partition(b"?")[0]
    assert path == b"/v1/models/..%2Fm%3Fx%3D1/training-images/a%2Fb%7B%7D"
