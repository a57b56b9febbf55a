"""The configuration form: what is typed is taken, or refused beside what stands."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from trainings import EDIT, StagedTraining, image, images, pair, training_of
from views.panels import alive, everything, quiet, said

from phoenix_nbtrain import catalog
from phoenix_nbtrain.catalog import MODEL_TYPES, Parameter
from phoenix_nbtrain.widgets.form import ConfigForm

__all__ = ["quiet"]


def opened() -> tuple[StagedTraining, ConfigForm]:
    training = training_of()
    return training, ConfigForm(training)


def field(form: ConfigForm, name: str) -> Any:
    return form._fields[name]


def type_in(form: ConfigForm, name: str, typed: str) -> None:
    """Type key by key, as a browser tells it."""
    for end in range(1, len(typed) + 1):
        field(form, name).input.set_state({"value": typed[:end]})


def leave(form: ConfigForm, name: str, typed: str) -> None:
    form.dressing._handle_custom_msg({"kind": "left", "field": name, "text": typed}, [])


def enter(form: ConfigForm, name: str, typed: str) -> None:
    field(form, name).input.set_state({"value": typed})
    field(form, name).input._handle_custom_msg({"event": "submit"}, [])


def noted(form: ConfigForm, name: str) -> str:
    return field(form, name).note.value


def test_each_parameter_has_a_field_with_its_range_and_its_default() -> None:
    for name in MODEL_TYPES:
        form = ConfigForm(training_of(type=name))
        assert set(form._fields) == set(catalog.parameters(name))
        form.close()
    form = ConfigForm(training_of())
    assert field(form, "epochs").input.description == "Epochs · 1 to 100 <em>affects cost</em>"
    assert field(form, "learning_rate").input.description == "Learning rate · 1e-5 to 1e-3"
    assert field(form, "learning_rate").input.value == "0.00005"
    assert field(form, "rank").input.value == "64"


def test_typing_alone_changes_nothing_and_leaving_the_field_does() -> None:
    training = training_of(images(24))
    form = ConfigForm(training)
    type_in(form, "epochs", "12")
    assert (training.edits, dict(training.state.draft.config)) == (0, {})
    assert "Keeping <b>10</b>" in noted(form, "epochs")
    leave(form, "epochs", "12")
    assert dict(training.state.draft.config) == {"epochs": 12}
    assert "default 10" in noted(form, "epochs")
    assert "<b>Epochs</b> changed." in form._why.value


def test_leaving_brings_its_text_so_a_late_keystroke_cannot_be_lost() -> None:
    training, form = opened()
    field(form, "epochs").input.set_state({"value": "1"})  # "12" still waits in the browser
    leave(form, "epochs", "12")
    field(form, "epochs").input.set_state({"value": "12"})
    assert dict(training.state.draft.config) == {"epochs": 12}
    assert "Keeping" not in noted(form, "epochs")


def test_enter_takes_it_and_leaving_after_that_is_no_second_edit() -> None:
    training, form = opened()
    enter(form, "repeats", "15")
    leave(form, "repeats", "15")
    assert (training.edits, training.state.draft.config["repeats"]) == (1, 15)


@pytest.mark.parametrize("typed", ["500", "0", "1.5", "many", "nan", "9" * 5000])
def test_a_refused_value_stays_typed_with_the_reason_and_what_stands(typed: str) -> None:
    training, form = opened()
    leave(form, "epochs", typed)
    assert dict(training.state.draft.config) == {}
    assert field(form, "epochs").input.value == typed
    assert "epochs" in noted(form, "epochs")
    assert "Keeping <b>10</b>" in noted(form, "epochs")
    assert "nbt-invalid" in field(form, "epochs").box._dom_classes
    leave(form, "epochs", "12")
    assert "nbt-invalid" not in field(form, "epochs").box._dom_classes
    assert training.state.draft.config["epochs"] == 12


def test_an_emptied_field_goes_back_to_the_default() -> None:
    training, form = opened()
    leave(form, "epochs", "12")
    leave(form, "epochs", "")
    assert dict(training.state.draft.config) == {}
    assert field(form, "epochs").input.value == "10"


def test_a_change_from_the_kernel_shows_and_a_half_typed_field_is_left_alone() -> None:
    training, form = opened()
    type_in(form, "rank", "3")
    op = {"op": "set", "table": "config", "column": "value"}
    training.edit([{**op, "row": "epochs", "value": 7}, {**op, "row": "rank", "value": 16}])
    assert field(form, "epochs").input.value == "7"
    assert field(form, "rank").input.value == "3"
    assert "Keeping <b>16</b>" in noted(form, "rank")


def test_what_is_typed_after_a_change_of_someone_else_was_shown_is_taken() -> None:
    training, form = opened()
    op = {"op": "set", "table": "config", "row": "rank", "column": "value", "value": 16}
    training.edit([op])
    leave(form, "rank", "32")
    assert training.state.draft.config["rank"] == 32
    assert field(form, "rank").input.value == "32"


def test_what_was_typed_over_a_change_of_someone_else_is_refused_and_told() -> None:
    training, form = opened()
    type_in(form, "rank", "32")
    op = {"op": "set", "table": "config", "row": "rank", "column": "value", "value": 16}
    training.edit([op])
    leave(form, "rank", "32")
    assert training.state.draft.config["rank"] == 16
    assert field(form, "rank").input.value == "32"
    assert "Keeping <b>16</b>" in noted(form, "rank")


def test_two_quick_edits_of_one_field_both_count() -> None:
    training, form = opened()
    training.runner.hold = True
    leave(form, "epochs", "12")
    leave(form, "epochs", "13")
    training.runner.release()
    training.runner.release()
    assert training.state.draft.config["epochs"] == 13
    assert field(form, "epochs").input.value == "13"


def test_the_slider_and_the_number_are_one_value() -> None:
    training, form = opened()
    rate = field(form, "learning_rate")
    rate.slider.set_state({"value": 1.1220184543019634e-4})
    assert training.state.draft.config["learning_rate"] == 1.1e-4
    assert rate.input.value == "0.00011"
    leave(form, "learning_rate", "3.21e-4")
    assert rate.slider.value == pytest.approx(3.21e-4)
    assert training.edits == 2
    assert training.state.draft.config["learning_rate"] == 3.21e-4


def test_sample_prompts_are_lines_and_too_many_are_refused() -> None:
    training, form = opened()
    leave(form, "sample_prompts", "a hedgehog\n\n  a fox  \n")
    assert training.state.draft.config["sample_prompts"] == ("a hedgehog", "a fox")
    assert field(form, "sample_prompts").input.value == "a hedgehog\na fox"
    leave(form, "sample_prompts", "1\n2\n3\n4\n5")
    assert training.state.draft.config["sample_prompts"] == ("a hedgehog", "a fox")
    assert "at most 4" in noted(form, "sample_prompts")


def test_sample_sources_are_chosen_by_name_for_edit_types() -> None:
    training = training_of([image(1, name="a<b>.png"), image(2)], type=EDIT)
    form = ConfigForm(training)
    chooser = field(form, "sample_sources").list
    assert [label for label, _ in chooser.options] == ["a<b>.png", "picture-2.png"]
    chooser.set_state({"index": [1]})
    assert training.state.draft.config["sample_sources"] == ("img_2",)
    training.change(draft=replace(training.state.draft, images=(image(3), image(2))))
    assert training.state.draft.config["sample_sources"] == ("img_2",)
    assert chooser.index == (1,)


def test_the_steps_are_counted_in_words() -> None:
    pairs = [pair(n, 2 * n, 2 * n + 1) for n in range(24)]
    form = ConfigForm(training_of(images(48), pairs, type=EDIT))
    leave(form, "epochs", "12")
    leave(form, "repeats", "15")
    assert form._steps.value == "24 pairs × 15 repeats × 12 epochs = 4,320 steps"
    leave(form, "batch_size", "2")
    assert form._steps.value == "24 pairs × 15 repeats × 12 epochs ÷ batch 2 = 2,160 steps"
    capped = ConfigForm(training_of(images(1), type="flux.1-lora"))
    leave(capped, "max_train_steps", "50")
    assert capped._steps.value == "1 image × 20 repeats × 10 epochs, ended at 50 steps"
    assert "No images yet" in ConfigForm(training_of())._steps.value


def test_use_the_defaults_is_one_edit() -> None:
    training, form = opened()
    leave(form, "epochs", "12")
    leave(form, "rank", "8")
    form._reset.click()
    assert (training.edits, dict(training.state.draft.config)) == (3, {})
    assert field(form, "rank").input.value == "64"
    assert form._reset.layout.display == "none"


def test_nothing_can_be_changed_while_it_trains() -> None:
    training, form = opened()
    training.runs()
    assert all(f.input.disabled or not hasattr(f, "input") for f in form._fields.values())
    assert "Training is running" in form._why.value
    training.runs("trained")
    assert not field(form, "epochs").input.disabled


def test_a_secret_parameter_has_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalog.parameters("flux.2-dev-lora")
    secret = Parameter(name="wandb_key", wire="wandbKey", kind="secret", default="hush-hush")
    monkeypatch.setattr(
        catalog, "parameters", lambda _: MappingProxyType({**known, "wandb_key": secret})
    )
    form = ConfigForm(training_of())
    assert "hush-hush" not in said(form)
    assert "wandb" not in said(form)


def test_hostile_text_stays_text() -> None:
    _training, form = opened()
    leave(form, "epochs", "<img src=x onerror=alert(1)>")
    assert "<img" not in noted(form, "epochs")
    assert "&lt;img" in noted(form, "epochs")


def test_closing_leaves_nothing_open_and_nothing_alive() -> None:
    before = alive()
    training = training_of(images(2), type=EDIT)
    form = ConfigForm(training)
    assert len(list(everything(form))) > 20
    form.close()
    form.close()
    assert alive() == before
    assert training.hears == 0
    gone = weakref.ref(form)
    del form
    gc.collect()
    assert gone() is None


def test_it_reads_well_as_plain_text() -> None:
    form = ConfigForm(training_of(images(3)))
    words = repr(form)
    assert words == "ConfigForm: animal stickers · 3 images × 20 repeats × 10 epochs = 600 steps"
    assert form._repr_mimebundle_()["text/plain"] == words


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="epoch"):
        ConfigForm(training_of(), epoch=3)  # type: ignore[call-arg]


def test_a_parameter_that_both_sides_changed_is_shown_with_the_two_choices() -> None:
    training = training_of(images(3))
    form = ConfigForm(training)
    assert form._both.children == ()

    def both(**theirs: Any) -> None:
        draft = replace(
            training.state.draft,
            config=MappingProxyType({"epochs": 7, "rank": 8}),
            config_theirs=MappingProxyType(theirs),
        )
        training.change(draft=draft)

    both(epochs=12, rank=None)
    first, second = form._both.children
    assert "epochs is 7 here, and someone else set 12" in first.children[0].value
    assert "rank is 8 here, and someone else set 64" in second.children[0].value
    (section,) = form.snapshot(training.state)
    assert "someone else set 12" in section.body(None)
    keep, take = first.children[1:]
    assert (keep.description, take.description) == ("Keep my epochs", "Take their epochs")
    take.click()
    assert training.state.draft.config["epochs"] == 12
    (only,) = form._both.children
    only.children[1].click()
    assert training.state.draft.config == {"epochs": 12, "rank": 8}
    assert form._both.children == ()
