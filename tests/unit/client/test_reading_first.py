"""Where a write's reply is lost, the service is read, and only what is missing is sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from documented import Documented
from wire import Wire

from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import NotFound, ServiceFailed, ServiceUnreachable
from phoenix_nbtrain.records import TrainingPair


class Lossy:
    """A documented service on a bad line, with one model that has two training images."""

    def __init__(self) -> None:
        self.service = Documented()
        self.wire = Wire(self.answer)
        self.losses: list[str] = []
        """What happens to the next writes: ``request`` or ``reply`` is lost, or ``502``."""
        self.phoenix: Phoenix = self.wire.phoenix
        self.ids = [self.phoenix.upload_image(f"{n}.png", b"x").id for n in range(5)]
        self.model = self.phoenix.create_model(name="a", type="flux.2-dev-lora").id
        self.phoenix.add_training_images(self.model, self.ids[:2])
        self.wire.requests.clear()

    def answer(self, request: httpx.Request) -> httpx.Response:
        loss = self.losses.pop(0) if self.losses and request.method != "GET" else ""
        if loss == "request":
            raise httpx.ConnectError("refused")
        reply = self.service(request)
        if loss == "reply":
            raise httpx.ReadTimeout("slow")
        return httpx.Response(502, text="<html>Bad gateway</html>") if loss == "502" else reply

    def there(self) -> list[str]:
        return list(self.service.models[self.model]["images"])

    def writes(self) -> list[httpx.Request]:
        return [r for r in self.wire.requests if r.method != "GET"]


@pytest.fixture
def line() -> Lossy:
    return Lossy()


LOSSES = pytest.mark.parametrize("loss", ["request", "reply", "502"])


@LOSSES
def test_images_are_added_once_each(line: Lossy, loss: str) -> None:
    line.losses = [loss]
    added = line.phoenix.add_training_images(line.model, line.ids[2:])
    assert [image.id for image in added] == line.ids[2:]
    assert line.there() == line.ids
    assert len(line.writes()) == (2 if loss == "request" else 1)


def test_only_those_that_are_missing_are_sent_again(line: Lossy) -> None:
    """Whether a batch is all or nothing is not documented."""
    real = line.service.add_images

    def half(key: str, *, body: Any, query: Any) -> Any:
        real(key, body={"assetIds": body["assetIds"][:1]}, query=query)
        raise httpx.ReadError("reset")

    route = next(i for i, r in enumerate(line.service._routes) if r[2] == real)
    method, pattern, _ = line.service._routes[route]

    def once(key: str, **rest: Any) -> Any:
        line.service._routes[route] = (method, pattern, real)
        return half(key, **rest)

    line.service._routes[route] = (method, pattern, once)
    added = line.phoenix.add_training_images(line.model, line.ids[2:])
    assert [json.loads(r.content) for r in line.writes()] == [
        {"assetIds": line.ids[2:]},
        {"assetIds": line.ids[3:]},
    ]
    assert sorted(line.there()) == sorted(line.ids)
    assert [image.id for image in added] == line.ids[2:], "all that were asked for"


CHANGES: dict[str, tuple[Callable[[Lossy], Any], Callable[[Lossy], bool]]] = {
    "replace": (
        lambda x: x.phoenix.replace_training_image(x.model, x.ids[0], asset_id=x.ids[4]),
        lambda x: x.there() == [x.ids[4], x.ids[1]],
    ),
    "delete": (
        lambda x: x.phoenix.delete_training_image(x.model, x.ids[0]),
        lambda x: x.there() == [x.ids[1]],
    ),
    "delete the model": (
        lambda x: x.phoenix.delete_model(x.model),
        lambda x: x.model not in x.service.models,
    ),
    "caption": (
        lambda x: x.phoenix.update_asset(x.ids[0], description="red"),
        lambda x: x.service.assets[x.ids[0]]["description"] == "red",
    ),
    "rename": (
        lambda x: x.phoenix.update_model(x.model, name="b"),
        lambda x: x.service.models[x.model]["name"] == "b",
    ),
    "pairs": (
        lambda x: x.phoenix.replace_pairs(
            x.model, [TrainingPair(source_id=x.ids[0], target_id=x.ids[1])]
        ),
        lambda x: len(x.service.models[x.model]["trainingImagePairs"]) == 1,
    ),
}


@LOSSES
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_stands_and_no_error_is_left(line: Lossy, change: str, loss: str) -> None:
    line.losses = [loss]
    make, stands = CHANGES[change]
    make(line)
    assert stands(line)


@LOSSES
def test_a_run_is_stopped_though_the_reply_is_lost(line: Lossy, loss: str) -> None:
    line.phoenix.trigger_training(line.model, {})
    line.losses = [loss]
    assert line.phoenix.cancel_training(line.model).status == "training-canceled"


def test_a_line_that_stays_bad_ends_with_its_own_error_after_three_tries(line: Lossy) -> None:
    line.losses = ["request"] * 9
    with pytest.raises(ServiceUnreachable):
        line.phoenix.add_training_images(line.model, line.ids[2:])
    assert len(line.writes()) == 3
    line.losses = ["502"] * 9
    line.service.models[line.model]["images"].clear()
    with pytest.raises(ServiceFailed):
        line.phoenix.update_model(line.model, name="b")


def test_a_write_that_may_have_left_counts_as_sent_whatever_fails_afterwards() -> None:
    answers: Iterator[Exception] = iter(())

    def answer(request: httpx.Request) -> httpx.Response:
        raise next(answers)

    for make in (
        lambda phoenix: phoenix.cancel_training("m"),
        lambda phoenix: phoenix.update_model("m", name="a"),
    ):
        answers = iter([httpx.ReadTimeout("slow"), *[httpx.ConnectError("refused")] * 9])
        with pytest.raises(ServiceUnreachable) as caught:
            make(Wire(answer).phoenix)
        assert caught.value.sent
        answers = iter([httpx.ConnectError("refused")] * 9)
        with pytest.raises(ServiceUnreachable) as caught:
            make(Wire(answer).phoenix)
        assert not caught.value.sent


def test_what_was_never_there_is_still_not_found(line: Lossy) -> None:
    with pytest.raises(NotFound):
        line.phoenix.delete_training_image(line.model, "asset_nobody")
    with pytest.raises(NotFound):
        line.phoenix.delete_model("model_nobody")
    assert [r.method for r in line.wire.requests] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("loss", ["request", "reply", "502"])
@pytest.mark.parametrize("make", ["model", "asset", "upload"])
def test_what_makes_a_new_one_each_time_is_sent_once(line: Lossy, make: str, loss: str) -> None:
    line.losses = [loss]
    calls: dict[str, Callable[[], Any]] = {
        "model": lambda: line.phoenix.create_model(name="b", type="flux.2-dev-lora"),
        "asset": lambda: line.phoenix.upload_image("a.png", b"x"),
        "upload": lambda: line.phoenix.begin_import("https://a.test/b.png"),
    }
    with pytest.raises((ServiceUnreachable, ServiceFailed)):
        calls[make]()
    assert len(line.writes()) == 1
