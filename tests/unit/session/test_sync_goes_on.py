"""What one failure must not stop: the rest of a flight, and the next one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from phoenix_nbtrain.errors import ServiceError, StoreBusy, StoreError
from phoenix_nbtrain.store.journal import Journal


def test_a_removal_that_a_pair_holds_back_is_done_after_the_pair_is_gone(
    opened, service, icons, monkeypatch
):
    delete = service.delete_training_image

    def refused_while_paired(model_id: str, asset_id: str) -> None:
        for pair in service.models[model_id].training_image_pairs:
            if asset_id in (pair.source_id, pair.target_id):
                raise ServiceError("The image is used by a pair.", status=400)
        delete(model_id, asset_id)

    monkeypatch.setattr(service, "delete_training_image", refused_while_paired)
    training = opened("flux.2-dev-edit-lora", images=icons)
    a, b, c, d = training.images.index
    training.set_pairs([{"source": a, "target": b}, {"source": c, "target": d}])
    training.sync()
    training.remove(a)
    training.sync()
    model = service.models[training.model_id]
    assert len(model.training_images) == 3
    assert len(model.training_image_pairs) == 1
    assert not training.state.draft.removed


def test_a_removal_that_is_refused_for_good_holds_nothing_else_up(training, service):
    service.before["delete_training_image"] = ServiceError("This image stays.", status=400)
    first, second, *_ = training.images.index
    training.remove(first)
    training.set_captions({second: "sent all the same"})
    training.sync()
    assert training.images.loc[second, "state"] == "saved"
    assert "This image stays." in training.state.sync.message
    assert service.count("delete_training_image") == 1  # once a flight
    service.before.clear()
    training.sync()
    assert len(service.models[training.model_id].training_images) == 3
    assert training.state.sync.message == ""


@pytest.mark.parametrize(
    "fault",
    [
        StoreBusy("The journal is in use.", remedy="Try again."),
        StoreError("Nothing can be kept there: no space left.", remedy="Free up space there."),
        OSError(28, "disk full"),
    ],
)
def test_a_disk_that_fails_once_is_tried_again(opened, runner, service, icons, monkeypatch, fault):
    training = opened(images=icons)
    fails = [fault]
    uploads: Callable[..., dict[str, str]] = Journal.uploads

    def once(journal: Journal, **scope: Any) -> dict[str, str]:
        if fails:
            raise fails.pop()
        return uploads(journal, **scope)

    monkeypatch.setattr(Journal, "uploads", once)
    runner.advance(5)
    runner.advance(60)
    assert not fails
    assert training.images["state"].tolist() == ["saved"] * 4
    assert len(service.models[training.model_id].training_images) == 4


def test_while_a_flight_waits_for_another_kernel_edits_begin_no_more_of_them(
    opened, runner, icons, monkeypatch
):
    training = opened(images=icons)
    begun: list[Callable[[], object]] = []

    alone = runner.alone

    def waits(name: str, work: Callable[[], object]) -> Future[object]:
        if name != "sync":
            return alone(name, work)
        begun.append(work)
        return Future()

    with monkeypatch.context() as patch:
        patch.setattr(runner, "alone", waits)
        for caption in ("one", "two", "three"):
            training.set_captions({training.images.index[0]: caption})
            runner.advance(5)
        assert len(begun) == 1
    begun[0]()
    assert training.images["state"].tolist() == ["saved"] * 4
    training.set_captions({training.images.index[0]: "four"})
    runner.advance(5)
    assert training.images["state"].tolist() == ["saved"] * 4
