"""What the service refused is sent again when somebody asks for it or changes something, never by itself."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from fake_service import FakeService
from training_types import Opened

from phoenix_nbtrain.client import connect as connecting
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import ServiceError
from phoenix_nbtrain.training import Training


def not_today() -> None:
    raise ServiceError("Not today.", status=400)


def refused_caption(opened: Opened, service: FakeService, icons: Path) -> Training:
    """Return a training of four images with one caption that the service refused for a while."""
    training = opened(images=icons)
    training.sync()
    service.before["update_asset"] = not_today
    training.set_captions({training.images.index[0]: "a fox"})
    training.sync()
    assert states(training) == ["refused", "saved", "saved", "saved"]
    service.before.clear()
    return training


def connect_to(service: FakeService, **other: str) -> FakeService:
    """Connect to a service of the same contents, as `connect` would."""
    newer = FakeService(is_local=True)
    vars(newer).update(vars(service) | other, close=lambda: None)
    connecting.use(cast("Phoenix", newer))
    return newer


def states(training: Training) -> list[str]:
    return [row.state for row in training.state.draft.images]


def test_time_alone_sends_nothing_again(opened, service, icons, runner):
    training = refused_caption(opened, service, icons)
    sent = service.count("update_asset")
    runner.advance(3600)
    training.estimate()
    assert (service.count("update_asset"), states(training)[0]) == (sent, "refused")


def test_sync_by_hand_tries_again(opened, service, icons):
    training = refused_caption(opened, service, icons)
    training.sync()
    assert states(training) == ["saved"] * 4
    assert service.get_model(training.model_id).training_images[0].description == "a fox"


def test_a_button_tries_again_and_what_is_refused_once_more_says_why(opened, service, icons):
    training = refused_caption(opened, service, icons)
    service.before["update_asset"] = not_today
    training._session.sync.send_again()
    assert states(training)[0] == "refused"
    assert training.state.draft.images[0].refusal == "Not today."
    service.before.clear()
    training._session.sync.send_again()
    assert states(training) == ["saved"] * 4


def test_a_change_elsewhere_tries_again(opened, service, icons, runner):
    training = refused_caption(opened, service, icons)
    training.set_captions({training.images.index[1]: "a cat"})
    runner.advance(5)
    assert states(training) == ["saved"] * 4


def test_pairs_that_were_refused_for_one_of_them_are_sent_once_it_is_gone(
    opened, service, icons, runner
):
    training = opened("flux.2-dev-edit-lora", images=icons)
    training.sync()
    a, b, c, d = training.images.index
    service.before["replace_pairs"] = not_today
    training.set_pairs([{"source": a, "target": b}, {"source": c, "target": d}])
    training.sync()
    assert [training.state.draft.pair_state(p) for p in training.state.draft.pairs] == [
        "refused",
        "refused",
    ]
    service.before.clear()
    training.set_pairs([{"source": a, "target": b}])
    runner.advance(5)
    assert [training.state.draft.pair_state(p) for p in training.state.draft.pairs] == ["saved"]


def test_a_refused_image_is_not_uploaded_again_for_each_change(opened, service, icons, runner):
    service.before["upload_image"] = not_today
    training = opened(images=icons)
    training.sync()
    service.before.clear()
    training.set_captions({training.images.index[0]: "its caption is wanted now"})
    runner.advance(5)
    assert states(training) == ["saved", "refused", "refused", "refused"]
    training.sync()
    assert states(training) == ["saved"] * 4


def test_connecting_anew_reaches_the_trainings_that_are_open_and_tries_again(
    opened, service, icons, runner
):
    training = refused_caption(opened, service, icons)
    newer = connect_to(service)
    runner.advance(5)
    assert states(training) == ["saved"] * 4
    assert training._session.sync.service is newer


@pytest.mark.parametrize("other", [{"origin": "https://elsewhere.test"}, {"project_id": "p_2"}])
def test_connecting_to_something_else_changes_no_training(opened, service, icons, runner, other):
    service.project_id = "p_1"
    training = refused_caption(opened, service, icons)
    connect_to(service, **other)
    runner.advance(5)
    assert training._session.sync.service is service and states(training)[0] == "refused"


def test_what_waits_for_a_choice_between_two_texts_is_not_sent(training, service, runner):
    first = training.state.draft.images[0]
    service.update_asset(first.asset_id or "", description="theirs")
    training.set_captions({first.image_id: "mine"})
    training.sync()
    training.sync()
    training._session.sync.send_again()
    row = training.state.draft.images[0]
    assert (row.caption, row.theirs, row.state) == ("mine", "theirs", "refused")
    assert service.assets[first.asset_id or ""].description == "theirs"
