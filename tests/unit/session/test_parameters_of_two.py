"""A parameter that was changed here and on the service waits for a person to keep one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from fake_service import FakeService

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.training import Training


def set_there(service: FakeService, training: Training, **wire: Any) -> None:
    parameters = {**service.models[training.model_id].parameters, **wire}
    service.update_model(training.model_id, parameters=parameters)


def there(service: FakeService, training: Training, name: str = "nbEpochs") -> Any:
    return service.models[training.model_id].parameters[name]


@pytest.fixture
def training(opened, service, icons) -> Training:
    """Ten epochs on both sides, then seven here and twelve there."""
    training = opened(images=icons)
    training.config["epochs"] = 10
    training.sync()
    set_there(service, training, nbEpochs=12)
    training.config["epochs"] = 7
    training.sync()
    return training


def test_both_values_are_shown_and_nothing_is_overwritten(training, service):
    assert (training.config["epochs"], there(service, training)) == (7, 12)
    assert dict(training.state.draft.config_theirs) == {"epochs": 12}
    (message,) = training.check().query("kind == 'changed-there'")["message"]
    assert message == "epochs is 7 here, and someone else set 12 on the service."
    training.sync()
    assert (training.config["epochs"], there(service, training)) == (7, 12)


def test_nothing_starts_until_one_is_kept(training, service):
    for _ in range(2):
        training.config["epochs"] = 7  # a cell that is run again chooses nothing
        with pytest.raises(InputError, match=r"keep_mine\('epochs'\) or .*take_theirs\('epochs'\)"):
            training.start()
    assert service.launches == []
    training.keep_mine("epochs")
    training.start()
    (launched,) = service.launches
    assert launched["nbEpochs"] == 7


@pytest.mark.parametrize(("side", "stands"), [("keep_mine", 7), ("take_theirs", 12)])
def test_one_is_kept_and_both_sides_agree(training, service, side, stands):
    getattr(training, side)()
    training.sync()
    assert (training.config["epochs"], there(service, training)) == (stands, stands)
    assert training.state.draft.unsent == 0
    with pytest.raises(InputError, match="nothing to choose"):
        getattr(training, side)("epochs")


@pytest.mark.parametrize("side", ["keep_mine", "take_theirs"])
def test_a_choice_can_be_taken_back(training, side):
    before = training.state.draft
    getattr(training, side)()
    for _ in range(2):
        after = training.state.draft
        training.undo()
        assert training.state.draft.config == before.config
        assert training.state.draft.config_theirs == before.config_theirs
        training.redo()
        assert training.state.draft.config == after.config
        assert training.state.draft.config_theirs == after.config_theirs == {}


def test_a_third_value_set_here_is_the_choice(training, service):
    training.config["epochs"] = 9
    training.sync()
    assert there(service, training) == 9
    training.undo()
    assert dict(training.state.draft.config_theirs) == {"epochs": 12}


def test_the_choice_waits_in_the_next_kernel_too(training, opened):
    again = opened(again=True)
    assert dict(again.state.draft.config_theirs) == {"epochs": 12}


def test_what_they_set_next_is_what_is_shown_and_the_same_as_ours_ends_it(training, service):
    set_there(service, training, nbEpochs=13)
    training.sync()
    assert dict(training.state.draft.config_theirs) == {"epochs": 13}
    set_there(service, training, nbEpochs=7)
    training.sync()
    assert dict(training.state.draft.config_theirs) == {}
    assert training.state.draft.unsent == 0


def test_other_parameters_are_sent_meanwhile(training, service):
    training.config["rank"] = 8
    training.sync()
    assert (there(service, training, "rank"), there(service, training)) == (8, 12)
    assert dict(training.state.draft.config_theirs) == {"epochs": 12}


def test_their_default_is_a_value_like_any_other(opened, service, icons):
    training = opened(images=icons)
    training.config["epochs"] = 12
    training.sync()
    parameters = dict(service.models[training.model_id].parameters)
    del parameters["nbEpochs"]
    service.update_model(training.model_id, parameters=parameters)
    training.config["epochs"] = 7
    training.sync()
    assert dict(training.state.draft.config_theirs) == {"epochs": None}
    training.take_theirs()
    training.sync()
    assert "epochs" not in training.state.draft.config


def test_what_only_they_changed_is_taken_and_the_same_on_both_sides_is_no_choice(
    opened, service, icons
):
    training = opened(images=icons)
    training.config["epochs"] = 9
    training.sync()
    set_there(service, training, rank=8, nbEpochs=11)
    training.config["epochs"] = 11
    training.sync()
    assert (training.config["rank"], training.config["epochs"]) == (8, 11)
    assert dict(training.state.draft.config_theirs) == {}
    training.start()


def test_whatever_both_set_neither_is_overwritten_unseen(opened, service, icons):
    training = opened(images=icons)
    training.config["epochs"] = agreed = 5
    training.sync()
    drawn = random.Random(5)
    for _ in range(80):
        mine, theirs = (drawn.choice([agreed, 5, 6, 7]) for _ in range(2))
        set_there(service, training, nbEpochs=theirs)
        training.config["epochs"] = mine
        training.sync()
        if len({agreed, mine, theirs}) == 3:
            assert (training.config["epochs"], there(service, training)) == (mine, theirs)
            side, agreed = drawn.choice([("keep_mine", mine), ("take_theirs", theirs)])
            getattr(training, side)()
            training.sync()
        else:
            agreed = mine if theirs == agreed else theirs
        assert (training.config["epochs"], there(service, training)) == (agreed, agreed)
        assert training.state.draft.unsent == 0
