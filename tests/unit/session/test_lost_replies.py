"""A write whose reply was lost: what then turns up on the service is ours, not somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_service import FakeService, lost

from phoenix_nbtrain.errors import ServiceUnreachable
from phoenix_nbtrain.records import TrainingPair
from phoenix_nbtrain.training import Training

EDIT_TYPE = "flux.2-dev-edit-lora"


GoesOn = Callable[[Training], Training]


@pytest.fixture(params=[False, True], ids=["same kernel", "kernel restarted"])
def goes_on(request, opened) -> GoesOn:
    """Return the training that goes on after the lost reply and what was typed since."""
    return lambda training: opened(training.type, again=True) if request.param else training


def lose(service: FakeService, request: str, training: Training) -> None:
    """Sync with the reply of one request lost."""
    service.after[request] = lost
    with pytest.raises(ServiceUnreachable):
        training.sync()
    service.after.clear()


@pytest.fixture
def training(opened, icons) -> Training:
    training = opened(EDIT_TYPE, images=icons)
    training.sync()
    return training


def pair(training: Training, instruction: str) -> None:
    source, target, *_ = training.images.index
    training.set_pairs([{"source": source, "target": target, "instruction": instruction}])


@pytest.mark.parametrize("typed", ["newer", ""])
def test_a_caption_typed_after_the_lost_one_is_sent(training, service, goes_on, typed):
    image_id = training.images.index[0]
    training.set_captions({image_id: "lost"})
    lose(service, "update_asset", training)
    training.set_captions({image_id: typed})
    training = goes_on(training)
    training.sync()
    row = training.images.loc[image_id]
    assert (row["caption"], row["state"], row["reason"]) == (typed, "saved", "")
    assert service.assets[row["asset_id"]].description == typed


def test_a_caption_that_somebody_else_wrote_meanwhile_is_still_told(training, service, goes_on):
    image_id = training.images.index[0]
    training.set_captions({image_id: "lost"})
    lose(service, "update_asset", training)
    service.update_asset(training.images.loc[image_id, "asset_id"], description="theirs")
    training.set_captions({image_id: "newer"})
    training = goes_on(training)
    training.sync()
    assert "theirs" in training.images.loc[image_id, "reason"]


@pytest.mark.parametrize("typed", ["newer", "first"])
def test_an_instruction_typed_after_the_lost_one_replaces_it(training, service, goes_on, typed):
    pair(training, "first")
    training.sync()
    pair(training, "lost")
    lose(service, "replace_pairs", training)
    pair(training, typed)
    training = goes_on(training)
    training.sync()
    assert training.pairs[["instruction", "reason"]].to_numpy().tolist() == [[typed, ""]]
    (there,) = service.models[training.model_id].training_image_pairs
    assert there.instruction == typed


def test_a_pair_removed_after_it_was_lost_stays_removed_and_a_foreign_one_comes_in(
    training, service, goes_on
):
    pair(training, "lost")
    lose(service, "replace_pairs", training)
    training.set_pairs([])
    model = service.models[training.model_id]
    third, fourth = (image.id for image in model.training_images[2:])
    foreign = TrainingPair(source_id=third, target_id=fourth, instruction="theirs")
    pairs = (*model.training_image_pairs, foreign)
    service.models[model.id] = replace(model, training_image_pairs=pairs)
    training = goes_on(training)
    training.sync()
    assert training.pairs["instruction"].tolist() == ["theirs"]
    assert service.models[model.id].training_image_pairs == (foreign,)


def test_a_parameter_set_back_after_the_lost_one_is_set_back(training, service, goes_on):
    training.update_config({"epochs": 20})
    training.sync()
    training.update_config({"epochs": 30})
    lose(service, "update_model", training)
    training.update_config({"epochs": 20})
    training = goes_on(training)
    training.sync()
    assert training.config["epochs"] == 20
    assert service.models[training.model_id].parameters["nbEpochs"] == 20


@pytest.mark.parametrize("left_out", ["trainingImages", "trainingImagePairs", "parameters"])
def test_what_the_service_leaves_out_of_its_reply_is_not_taken_for_gone(
    training, service, monkeypatch, left_out
):
    training.update_config({"epochs": 20})
    pair(training, "turn it")
    training.sync()
    empty = {
        "trainingImages": {"training_images": ()},
        "trainingImagePairs": {"training_image_pairs": ()},
        "parameters": {"parameters": {}},
    }[left_out]
    read = service.get_model
    monkeypatch.setattr(
        service,
        "get_model",
        lambda model_id: replace(read(model_id), left_out=frozenset({left_out}), **empty),
    )
    training.sync()
    assert training.config["epochs"] == 20
    assert training.images["state"].tolist() == ["saved"] * 4
    assert training.pairs["state"].tolist() == ["saved"]
