"""What somebody else changed on the service waits until a person chooses, whatever else is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.training import Training


@pytest.fixture
def training(opened, service, icons) -> Training:
    """The first image's caption is ``mine`` here and ``theirs`` there; the second is gone there."""
    training = opened(images=icons)
    first, second = training.images.index[:2]
    training.set_captions({first: "base", second: "base"})
    training.sync()
    service.update_asset(training.images["asset_id"].iloc[0], description="theirs")
    service.delete_training_image(training.model_id, training.images["asset_id"].iloc[1])
    training.set_captions({first: "mine"})
    training.sync()
    assert waiting(training) == ["theirs", "gone"]
    return training


def waiting(training: Training) -> list[str]:
    first, second = training.state.draft.images[:2]
    return [text for text in (first.theirs, second.gone and "gone") if text]


def test_all_cells_run_again_choose_nothing(training, service, icons):
    first, second = training.state.draft.images[:2]
    for _ in range(2):
        training.add_images(icons)
        training.set_captions({first.image_id: "mine", second.image_id: "base"})
        training.sync()
    assert waiting(training) == ["theirs", "gone"]
    assert service.assets[first.asset_id or ""].description == "theirs"
    assert len(service.get_model(training.model_id).training_images) == 3


def test_a_new_name_chooses_nothing(training, service):
    frame = training.images
    frame["name"] = [f"{n}.png" for n in range(4)]
    training.images = frame
    training.sync()
    training.undo()
    training.sync()
    assert waiting(training) == ["theirs", "gone"]
    assert service.assets[frame["asset_id"].iloc[0]].description == "theirs"


def test_an_image_that_they_removed_is_added_again_by_hand(training, service, icons):
    training.add_images(icons, again=True)
    training.sync()
    assert waiting(training) == ["theirs"]
    assert len(service.get_model(training.model_id).training_images) == 4


def test_what_is_typed_and_taken_back_shows_both_texts_again(training):
    training.set_captions({training.images.index[0]: "third"})
    assert waiting(training) == ["gone"]
    training.undo()
    assert waiting(training) == ["theirs", "gone"]


def test_a_choice_that_is_made_again_keeps_what_a_frame_offers(opened, service, icons):
    training = opened(images=icons)
    training.sync()
    frame = training.images
    frame.loc[frame.index[0], "caption"] = "of a frame"
    training.set_captions({frame.index[0]: "mine"})
    with pytest.warns(UserWarning, match="take_theirs"):
        training.images = frame
    service.update_asset(training.images["asset_id"].iloc[0], description="theirs")
    training.sync()
    training.take_theirs()
    chosen = training.state.draft.images[0]
    assert (chosen.caption, chosen.theirs, chosen.offered) == ("theirs", None, "of a frame")
    training.undo()
    training.redo()
    assert training.state.draft.images[0] == chosen


@pytest.mark.parametrize("choose", ["keep_mine", "take_theirs"])
def test_a_choice_taken_back_or_made_again_says_nothing_of_what_they_wrote_since(
    training, service, choose
):
    first = training.images.index[0]
    asset = training.images["asset_id"].iloc[0]

    def they_set(caption: str, epochs: int) -> None:
        service.update_asset(asset, description=caption)
        parameters = {**service.models[training.model_id].parameters, "nbEpochs": epochs}
        service.update_model(training.model_id, parameters=parameters)

    they_set("theirs", 11)
    training.config["epochs"] = 7
    training.sync()
    getattr(training, choose)(first, "epochs")
    training.undo()
    they_set("newer", 12)
    training.sync()
    for step in (training.redo, training.undo, training.redo):
        step()
        training.sync()
        draft = training.state.draft
        assert (draft.image[first].theirs, draft.config_theirs["epochs"]) == ("newer", 12)
        assert service.assets[asset].description == "newer"
        assert service.models[training.model_id].parameters["nbEpochs"] == 12


def test_a_view_changes_no_caption_and_no_parameter_that_it_has_not_shown(opened, service, icons):
    training = opened(images=icons)
    training.sync()
    first, seen = training.state.draft.images[0], training.state.draft.revision
    service.update_asset(first.asset_id or "", description="theirs")
    service.update_model(training.model_id, parameters={"nbEpochs": 12})
    training.sync()
    ops = [
        {
            "op": "set",
            "table": "images",
            "row": first.image_id,
            "column": "caption",
            "value": "mine",
        },
        {"op": "set", "table": "config", "row": "epochs", "value": 7},
    ]
    reply = training._session.editing.edit(ops, seen).result()
    assert [refusal.value for refusal in reply.refused] == ["theirs", 12]
    assert training.images["caption"].iloc[0] == "theirs"
    assert training._session.editing.edit(ops, reply.revision).result().refused == ()


def test_a_start_names_the_commands_that_choose(training, service):
    for row in training.state.draft.images[:2]:
        keep = rf"training\.keep_mine\('{row.image_id}'\) or training\.take_theirs\("
        with pytest.raises(InputError, match=keep):
            training.start()
        training.keep_mine(row.image_id)
    training.start()
    assert len(service.launches) == 1


@pytest.fixture
def paired(opened, service, icons) -> Training:
    """A pair whose instruction is ``mine`` here and ``theirs`` there."""
    training = opened("flux.2-dev-edit-lora", images=icons)
    source, target = training.images["name"].iloc[:2]
    training.set_pairs([{"source": source, "target": target, "instruction": "base"}])
    training.sync()
    (pair,) = service.get_model(training.model_id).training_image_pairs
    service.replace_pairs(training.model_id, [replace(pair, instruction="theirs")])
    training.set_pairs([{"source": source, "target": target, "instruction": "mine"}])
    training.sync()
    assert training.pairs["instruction"].tolist() == ["mine", "theirs"]
    return training


@pytest.mark.parametrize(("side", "stands"), [("keep_mine", "mine"), ("take_theirs", "theirs")])
def test_pairs_set_by_a_cell_that_runs_again_choose_nothing(paired, service, side, stands):
    source, target = paired.images["name"].iloc[:2]
    for _ in range(2):
        paired.set_pairs([{"source": source, "target": target, "instruction": "mine"}])
        paired.sync()
    assert paired.pairs["instruction"].tolist() == ["mine", "theirs"]
    getattr(paired, side)()
    paired.sync()
    (pair,) = service.get_model(paired.model_id).training_image_pairs
    assert pair.instruction == stands
    assert paired.pairs["instruction"].tolist() == [stands]


def test_their_instruction_is_taken_although_their_pair_was_deleted_here(paired):
    paired.pairs = paired.pairs.iloc[:1]
    paired.take_theirs()
    assert paired.pairs["instruction"].tolist() == ["theirs"]
    paired.undo()
    assert paired.pairs["instruction"].tolist() == ["mine"]
