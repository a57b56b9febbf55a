"""What a person removed stays out when the cells that added it run again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phoenix_nbtrain.dataset import intake
from phoenix_nbtrain.home import home
from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training

EDIT = "flux.2-dev-edit-lora"


def names(training: Training) -> list[str]:
    return training.images["name"].tolist()


def sides(training: Training) -> list[tuple[str, str]]:
    image = training.state.draft.image
    return [(image[p.source].name, image[p.target].name) for p in training.state.draft.pairs]


@pytest.fixture
def drawn(tmp_path) -> Path:
    """Two sources and their targets."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    for size, name in enumerate(("a_before", "a_after", "b_before", "b_after"), 40):
        icon("cup", size).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def paired(opened, drawn) -> Training:
    training = opened(EDIT, images=drawn)
    training.pair_up()
    assert len(training.pairs) == 2
    return training


def test_all_cells_run_again_after_a_removal_buy_nothing(opened, service, icons):
    training = opened(images=icons)
    removed = names(training)[1]
    training.remove(removed)
    training.start()
    for kernel in (training, opened(again=True)):
        report = kernel.add_images(icons)
        assert (report.added, report.skipped, report.left_out) == (0, 3, 1)
        assert "1 image you removed was left out" in str(report)
        assert "again=True" in str(report) and "again=True" in report._repr_html_()
        assert removed not in names(kernel)
        kernel.start()
        assert kernel.launched_before
    assert len(service.launches) == 1


def test_what_a_frame_lacks_and_what_was_replaced_stays_out(opened, icons, tmp_path):
    training = opened(images=icons)
    first, second, *rest = names(training)
    frame = training.images
    training.images = frame[frame["name"] != first]
    icon("key", 48).save(tmp_path / "better.png")
    training.replace(second, tmp_path / "better.png")
    assert training.add_images(icons).left_out == 2
    assert names(training) == [second, *rest]


def test_undo_forgets_a_removal_and_redo_remembers_it(opened, icons):
    training = opened(images=icons)
    training.remove(names(training)[0])
    training.undo()
    assert training.state.draft.left_out == ()
    training.redo()
    assert training.add_images(icons).left_out == 1
    assert training.add_images(icons, again=True).added == 1
    assert training.state.draft.left_out == ()
    training.undo()
    assert training.add_images(icons).left_out == 1


def test_a_replacement_taken_back_and_made_again_is_remembered(opened, icons, tmp_path):
    training = opened(images=icons)
    icon("key", 48).save(tmp_path / "better.png")
    training.replace(names(training)[0], tmp_path / "better.png")
    before = training.state.draft.left_out
    training.undo()
    assert training.state.draft.left_out == ()
    training.redo()
    assert training.state.draft.left_out == before


def test_the_addition_that_is_taken_back_is_no_removal(opened, icons):
    training = opened(images=icons)
    training.undo()
    assert training.add_images(icons).added == 4


def test_an_image_that_replaces_another_is_no_longer_left_out(opened, icons, tmp_path):
    training = opened(images=icons)
    icon("key", 48).save(tmp_path / "better.png")
    training.add_images(tmp_path / "better.png")
    training.remove("better.png")
    training.replace(names(training)[0], tmp_path / "better.png")
    assert training.add_images(tmp_path / "better.png").skipped == 1


def test_another_kernel_keeps_to_a_removal_made_while_it_was_reading(opened, drawn, monkeypatch):
    one = opened()
    other = opened(again=True)
    sort = intake.sort

    def sorted_late(*args: Any, **named: Any) -> intake.Intake:
        taken = sort(*args, **named)
        monkeypatch.setattr(intake, "sort", sort)
        one.add_images(drawn / "a_after.png")
        one.remove("a_after.png")
        return taken

    monkeypatch.setattr(intake, "sort", sorted_late)
    report = other.add_images(drawn)
    assert (report.added, report.left_out) == (3, 1)
    assert "a_after.png" not in names(other)


def test_what_somebody_else_removed_on_the_service_may_come_back(opened, service, icons):
    training = opened(EDIT, images=icons)
    ids = training.images.index
    training.set_pairs([{"source": ids[0], "target": ids[1]}, {"source": ids[2], "target": ids[3]}])
    training.sync()
    model = service.models[training.model_id]
    service.models[training.model_id] = replace(
        model,
        training_images=model.training_images[1:],
        training_image_pairs=model.training_image_pairs[:1],
    )
    training.sync()
    assert len(training.pairs) == 1
    assert training.add_images(icons).left_out == 0
    assert training.state.draft.left_out_pairs == frozenset()


def test_the_cells_that_name_a_removed_image_run_again(opened, icons):
    training = opened(images=icons)
    first, second, *_ = names(training)
    training.remove(first)
    for _ in range(2):
        training.add_images(icons)
        training.set_captions({first: "gone", second: "kept"})
        training.remove(first)
    assert training.images["caption"].tolist()[0] == "kept"


def test_an_image_that_was_replaced_and_then_removed_may_be_named_again(opened, icons, tmp_path):
    icon("key", 48).save(tmp_path / "better.png")
    training = opened(EDIT, images=icons)
    first, second, *_ = names(training)
    training.replace(first, tmp_path / "better.png")
    training.config["sample_sources"] = [first, second]
    training.remove(first)
    before = training.state.draft
    training.add_images(icons)
    with pytest.warns(UserWarning, match=f"{first} was removed .* not replaced"):
        training.replace(first, tmp_path / "better.png")
    training.config["sample_sources"] = [first, second]
    training.remove(first)
    assert training.state.draft.images == before.images
    assert training.state.draft.config == before.config


def test_an_image_removed_before_its_content_was_known_stays_out(training, icons, service, runner):
    shutil.rmtree(home())
    _here.clear()
    joined = Training.open(model_id=training.model_id, client=service, runner=runner)
    joined.remove(joined.images.index[0])
    report = joined.add_images(icons)
    assert (report.added, report.skipped, report.left_out) == (0, 3, 1)


def test_a_removed_pair_stays_out_until_it_is_wanted_again(paired, opened, tmp_path):
    table = paired.save_pairs(tmp_path / "pairs.csv")
    paired.pairs = paired.pairs.iloc[1:]
    for kernel in (paired, opened(EDIT, again=True)):
        found = kernel.pair_up()
        assert (len(found.ops), found.left_out) == (0, 1)
        assert "1 pair you removed was left out" in str(found)
        assert kernel.add_pairs(table).summary == (
            "1 already there, 1 pair you removed was left out"
        )
    assert len(paired.pair_up(again=True).ops) == 1
    paired.undo()
    assert paired.pair_up().left_out == 1
    assert paired.add_pairs(table, again=True).count("added") == 1
    assert paired.state.draft.left_out_pairs == frozenset()


def test_a_pair_turned_round_or_given_another_side_does_not_come_back(paired):
    first, second = paired.state.draft.pairs
    paired._session.editing.edit([{"op": "swap", "table": "pairs", "row": first.pair_id}]).result()
    paired._session.editing.edit(
        [
            {
                "op": "set",
                "table": "pairs",
                "row": second.pair_id,
                "column": "target",
                "value": next(i for i in paired.images.index if i not in second.triple),
            }
        ]
    ).result()
    before = sides(paired)
    assert paired.pair_up().left_out == 2
    assert sides(paired) == before
    paired.undo()
    paired.undo()
    assert paired.state.draft.left_out_pairs == frozenset()


def test_a_pair_that_is_there_twice_is_removed_once_without_being_left_out(paired):
    frame = paired.pairs
    twice = [*frame.to_dict("records"), frame.iloc[0].to_dict()]
    paired.set_pairs(twice)
    paired.pairs = paired.pairs.iloc[:2]
    assert paired.state.draft.left_out_pairs == frozenset()


def test_a_removed_pair_stays_out_although_one_of_its_images_was_replaced(paired, tmp_path):
    paired.pairs = paired.pairs.iloc[1:]
    icon("key", 64).save(tmp_path / "better.png")
    paired.replace("a_before.png", tmp_path / "better.png")
    assert paired.pair_up().left_out == 1


def test_a_pair_removed_after_its_image_stays_out_with_the_image_back(paired, drawn):
    paired.remove("a_before.png")
    paired.pairs = paired.pairs.iloc[1:]
    paired.add_images(drawn, again=True)
    assert paired.pair_up().left_out == 1


def test_the_lines_of_a_removed_image_are_left_out(paired, tmp_path):
    table = paired.save_pairs(tmp_path / "pairs.csv")
    paired.remove("a_before.png")
    report = paired.add_pairs(table)
    assert report.summary == "1 already there, 1 pair you removed was left out"
    assert "you removed a_before.png" in str(report)


def test_two_images_chosen_in_a_view_are_paired_although_their_pair_was_removed(paired):
    row = paired.state.draft.pairs[0]
    paired._session.editing.edit([{"op": "delete", "table": "pairs", "row": row.pair_id}]).result()
    paired._session.pairs.pair_chosen([row.source, row.target]).result()
    assert len(paired.pairs) == 2
    assert paired.state.draft.left_out_pairs == frozenset()


def test_an_image_that_comes_back_is_in_its_pairs_again(paired, service, drawn):
    before = paired.pairs[["source", "target", "instruction"]]
    paired.remove("a_before.png")
    paired.sync()
    paired.add_images(drawn, again=True)
    paired.pair_up()
    assert paired.pairs[["source", "target", "instruction"]].equals(before)
    paired.start()
    assert len(service.launches) == 1


def test_images_that_had_one_id_one_after_the_other_come_back_as_two(opened, icons, tmp_path):
    training = opened(images=icons)
    first = training.images.index[0]
    icon("key", 48).save(tmp_path / "better.png")
    training.replace(first, tmp_path / "better.png")
    training.remove(first)
    report = training.add_images([tmp_path / "better.png", icons], again=True)
    assert report.added == 2
    assert training.images.index.is_unique and len(training.images) == 5
    assert report.rows[0].image_id == first
