"""Where a write's reply is lost, the service is read, and only what is missing is sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from faults.kinds import FAULTS
from wire import Handler, LocalWire, Wire, operation

from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import NotFound, ServiceFailed, ServiceUnreachable
from phoenix_nbtrain.local.workers import Workers
from phoenix_nbtrain.records import TrainingPair


class Line:
    """A bad line to a Phoenix with one model that has two training images."""

    def __init__(self, folder: Path, picture: bytes) -> None:
        self.wire, self.picture = LocalWire(folder), picture
        self.phoenix: Phoenix = self.wire.phoenix
        self.ids = [self.phoenix.upload_image(f"{n}.png", picture).id for n in range(5)]
        self.model = self.phoenix.create_model(name="a", type="flux.2-dev-lora").id
        self.phoenix.add_training_images(self.model, self.ids[:2])
        self.wire.requests.clear()

    def lose(self, loss: str, *, times: int = 1) -> None:
        """Let a fault meet the next writes."""
        self.wire.faults = {"write": [FAULTS[loss]] * times}

    def there(self) -> list[str]:
        return [image.id for image in self.phoenix.get_model(self.model).training_images]

    def writes(self) -> list[httpx.Request]:
        return [r for r in self.wire.requests if r.method != "GET"]


@pytest.fixture
def line(tmp_path, icons, monkeypatch) -> Line:
    monkeypatch.setattr(Workers, "ensure", lambda self: None)  # no training moves on
    return Line(tmp_path / "local", next(icons.glob("*.png")).read_bytes())


LOSSES = pytest.mark.parametrize("loss", ["refused", "silence, done", "502, done"])


@LOSSES
def test_images_are_added_once_each(line, loss):
    line.lose(loss)
    added = line.phoenix.add_training_images(line.model, line.ids[2:])
    assert [image.id for image in added] == line.ids[2:]
    assert line.there() == line.ids
    assert len(line.writes()) == (2 if loss == "refused" else 1)


def test_only_those_that_are_missing_are_sent_again(line):
    """Whether a batch is all or nothing is not documented."""

    def half(request: httpx.Request, pass_on: Handler) -> httpx.Response:
        if operation(request) != "add_training_images":
            return pass_on(request)
        line.wire.rewrite = None
        ids = json.loads(request.content)["assetIds"]
        pass_on(httpx.Request("POST", request.url, json={"assetIds": ids[:1]}))
        raise httpx.ReadError("reset")

    line.wire.rewrite = half
    added = line.phoenix.add_training_images(line.model, line.ids[2:])
    assert [json.loads(r.content) for r in line.writes()] == [
        {"assetIds": line.ids[2:]},
        {"assetIds": line.ids[3:]},
    ]
    assert sorted(line.there()) == sorted(line.ids)
    assert [image.id for image in added] == line.ids[2:], "all that were asked for"


CHANGES: dict[str, tuple[Callable[[Line], Any], Callable[[Line], bool]]] = {
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
        lambda x: list(x.phoenix.list_models()) == [],
    ),
    "caption": (
        lambda x: x.phoenix.update_asset(x.ids[0], description="red"),
        lambda x: x.phoenix.get_asset(x.ids[0]).description == "red",
    ),
    "rename": (
        lambda x: x.phoenix.update_model(x.model, name="b"),
        lambda x: x.phoenix.get_model(x.model).name == "b",
    ),
    "pairs": (
        lambda x: x.phoenix.replace_pairs(
            x.model, [TrainingPair(source_id=x.ids[0], target_id=x.ids[1])]
        ),
        lambda x: len(x.phoenix.get_model(x.model).training_image_pairs) == 1,
    ),
}


@LOSSES
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_stands_and_no_error_is_left(line, change, loss):
    line.lose(loss)
    make, stands = CHANGES[change]
    make(line)
    assert stands(line)


@LOSSES
def test_a_run_is_stopped_though_the_reply_is_lost(line, loss):
    line.phoenix.trigger_training(line.model, {})
    line.lose(loss)
    assert line.phoenix.cancel_training(line.model).status == "training-canceled"


def test_a_line_that_stays_bad_ends_with_its_own_error_after_three_tries(line):
    line.lose("refused", times=9)
    with pytest.raises(ServiceUnreachable):
        line.phoenix.add_training_images(line.model, line.ids[2:])
    assert len(line.writes()) == 3
    line.lose("502, done", times=9)
    with pytest.raises(ServiceFailed):
        line.phoenix.update_model(line.model, name="b")


def test_a_write_that_may_have_left_counts_as_sent_whatever_fails_afterwards():
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


def test_what_was_never_there_is_still_not_found(line):
    with pytest.raises(NotFound):
        line.phoenix.delete_training_image(line.model, "asset_nobody")
    with pytest.raises(NotFound):
        line.phoenix.delete_model("model_nobody")
    assert [r.method for r in line.wire.requests] == ["DELETE", "DELETE"]


@LOSSES
@pytest.mark.parametrize("make", ["model", "asset", "upload"])
def test_what_makes_a_new_one_each_time_is_sent_once(line, make, loss):
    line.lose(loss)
    calls: dict[str, Callable[[], Any]] = {
        "model": lambda: line.phoenix.create_model(name="b", type="flux.2-dev-lora"),
        "asset": lambda: line.phoenix.upload_image("a.png", line.picture),
        "upload": lambda: line.phoenix.begin_import("https://169.254.169.254/b.png"),
    }
    with pytest.raises((ServiceUnreachable, ServiceFailed)):
        calls[make]()
    assert len(line.writes()) == 1
