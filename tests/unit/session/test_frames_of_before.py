"""A frame that was read before an edit and is assigned after it puts nothing back."""

from __future__ import annotations

import random
import warnings
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from phoenix_nbtrain.dataset.baselines import KEPT
from phoenix_nbtrain.errors import InputError, PairError
from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.training import Training

EDIT = "flux.2-dev-edit-lora"


@pytest.fixture
def training(opened, icons) -> Training:
    training = opened(EDIT, images=icons)
    ids = training.images.index
    training.set_captions(dict.fromkeys(ids, "first"))
    training.set_pairs(
        [{"source": ids[i], "target": ids[i + 1], "instruction": "go"} for i in range(3)]
    )
    return training


def captions(training: Training) -> list[str]:
    return training.images["caption"].tolist()


def typed(training: Training, row: int, text: str) -> None:
    """Type a caption as a view does."""
    row_id = training.images.index[row]
    op = {"op": "set", "table": "images", "row": row_id, "column": "caption", "value": text}
    assert not training._session.editing.edit([op], training.state.draft.revision).result().refused


def instructed(training: Training, row: int, text: str) -> None:
    row_id = training.pairs.index[row]
    op = {"op": "set", "table": "pairs", "row": row_id, "column": "instruction", "value": text}
    assert not training._session.editing.edit([op], training.state.draft.revision).result().refused


def test_what_was_typed_meanwhile_stays(training, opened):
    frame, pairs = training.images, training.pairs
    typed(training, 0, "typed")
    instructed(training, 0, "typed")
    opened(EDIT, again=True).set_captions({frame.index[1]: "of another kernel"})
    frame.loc[frame.index[2], "caption"] = "of the frame"
    pairs.loc[pairs.index[1], "instruction"] = "of the frame"
    training.images, training.pairs = frame, pairs
    assert captions(training) == ["typed", "of another kernel", "of the frame", "first"]
    assert training.pairs["instruction"].tolist() == ["typed", "of the frame", "go"]


def test_what_the_service_says_meanwhile_stays(training, service):
    training.sync()
    frame = training.images
    service.update_asset(frame["asset_id"].iloc[0], description="theirs")
    training.refresh()
    training.images = frame[frame.index != frame.index[3]]
    assert captions(training) == ["theirs", "first", "first"]


def test_where_both_changed_a_text_what_stands_is_kept_and_the_other_offered(training, service):
    frame, pairs = training.images, training.pairs
    typed(training, 0, "typed")
    instructed(training, 0, "typed")
    frame["caption"] = "of the frame"
    pairs["instruction"] = "of the frame"
    with pytest.warns(UserWarning, match="1 caption was changed both") as told:
        training.images = frame
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=r"1 instruction was changed both .*take_theirs\(\)"):
        training.pairs = pairs
    assert captions(training) == ["typed", *["of the frame"] * 3]
    row = training.images.iloc[0]
    assert "of the frame" in row["reason"]
    assert "of the frame" in training.pairs["reason"].iloc[0]
    training.sync()
    assert training.images["state"].tolist() == ["saved"] * 4
    assert training.pairs["state"].tolist() == ["saved"] * 3
    asset_id = training.images["asset_id"].iloc[0]
    assert service.assets[asset_id].description == "typed"
    assert sum("take_theirs() accepts it" in f.message for f in training._session.findings()) == 2


def test_two_texts_of_our_own_stop_no_start(training, service):
    frame = training.images
    typed(training, 0, "typed")
    frame["caption"] = "of the frame"
    with pytest.warns(UserWarning, match="1 caption"):
        training.images = frame
    training.start()
    assert len(service.launches) == 1


@pytest.fixture
def offered(training) -> Training:
    frame, pairs = training.images, training.pairs
    typed(training, 0, "typed")
    instructed(training, 0, "typed")
    frame.loc[frame.index[0], "caption"] = "of the frame"
    pairs.loc[pairs.index[0], "instruction"] = "of the frame"
    with pytest.warns(UserWarning, match="changed both"):
        training.images = frame
    with pytest.warns(UserWarning, match="changed both"):
        training.pairs = pairs
    return training


@pytest.mark.parametrize(
    ("side", "text"), [("keep_mine", "typed"), ("take_theirs", "of the frame")]
)
def test_one_of_the_two_is_chosen_and_the_choice_taken_back(offered, side, text):
    before = offered.state.draft
    getattr(offered, side)()
    for _ in range(2):
        chosen = offered.state.draft
        assert (chosen.images[0].caption, chosen.images[0].offered) == (text, None)
        assert (chosen.pairs[0].instruction, chosen.pairs[0].offered) == (text, None)
        offered.undo()
        assert (offered.state.draft.images, offered.state.draft.pairs) == (
            before.images,
            before.pairs,
        )
        offered.redo()
    with pytest.raises(InputError, match="nothing to choose"):
        getattr(offered, side)(offered.images.index[0])


def test_the_offer_is_there_in_the_next_kernel_and_goes_with_the_next_edit(offered, opened):
    again = opened(EDIT, again=True)
    assert (
        again.state.draft.images[0].offered == again.state.draft.pairs[0].offered == "of the frame"
    )
    typed(again, 0, "third")
    instructed(again, 0, "third")
    assert again.state.draft.images[0].offered is again.state.draft.pairs[0].offered is None
    again.undo()
    again.undo()
    assert (
        again.state.draft.images[0].offered == again.state.draft.pairs[0].offered == "of the frame"
    )


def test_undo_takes_the_offer_back_with_the_assignment(offered):
    offered.undo()
    offered.undo()
    assert offered.state.draft.images[0].offered is offered.state.draft.pairs[0].offered is None
    offered.redo()
    assert offered.state.draft.images[0].offered == "of the frame"


def test_their_text_on_the_service_comes_first(offered, service):
    offered.keep_mine(*offered.pairs.index[:1])
    offered.sync()
    service.update_asset(offered.images["asset_id"].iloc[0], description="theirs")
    typed(offered, 0, "typed more")
    frame = offered.images
    typed(offered, 0, "typed most")
    frame["caption"] = "of the frame"
    with pytest.warns(UserWarning, match="changed both"):
        offered.images = frame
    offered.sync()
    with pytest.raises(InputError, match="Someone else wrote"):
        offered.start()
    offered.take_theirs(offered.images.index[0])
    row = offered.state.draft.images[0]
    assert (row.caption, row.refusal, row.offered) == ("theirs", "", "of the frame")


def test_a_frame_that_is_edited_and_assigned_again_and_again_is_taken(training):
    frame = training.images
    for text in ("a", "b", "first"):
        frame["caption"] = text
        training.images = frame
        assert captions(training) == [text] * 4
    for text in ("c", "d"):
        training.images = frame.assign(caption=text)
        assert captions(training) == [text] * 4


def test_frames_made_of_one_frame_may_change_what_another_of_them_wrote(training):
    frame = training.images
    for text in ("a", "b"):
        training.images = frame.assign(caption=text)
        assert captions(training) == [text] * 4
    training.images = frame[frame.index != frame.index[0]]
    assert captions(training) == ["b"] * 3
    typed(training, 0, "typed")
    with pytest.warns(UserWarning, match="1 caption"):
        training.images = frame.iloc[1:].assign(caption="c")
    assert captions(training) == ["typed", "c", "c"]


def test_a_frame_that_was_not_taken_in_full_is_not_asked_about_twice(training):
    frame = training.images
    typed(training, 0, "typed")
    frame["caption"] = "of the frame"
    with pytest.warns(UserWarning, match="1 caption"):
        training.images = frame
    frame.loc[frame.index[1], "caption"] = "more"
    training.images = frame
    assert captions(training)[:2] == ["typed", "more"]


def test_the_warning_is_given_each_time_the_cell_runs(training):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for text in ("x", "y"):
            frame = training.images
            typed(training, 0, text)
            training.images = frame.assign(caption="of the frame")
    assert len(told) == 2


def test_what_was_removed_meanwhile_stays_removed_unless_the_frame_changed_it(training):
    frame, pairs = training.images, training.pairs
    training.remove(frame.index[3])
    training.pairs = pairs.iloc[1:]
    words = "1 row was removed here since the frame was read, and stays out"
    with pytest.warns(UserWarning, match=words):
        training.images = frame
    with pytest.warns(UserWarning, match=words):
        training.pairs = pairs
    assert len(training.images) == 3
    assert len(training.pairs) == 2
    frame = frame.assign(caption="of the frame")
    with pytest.raises(InputError, match="removed since"):
        training.images = frame
    with pytest.raises(PairError, match="removed since"):
        training.pairs = pairs.assign(instruction="of the frame")


def test_a_frame_of_before_an_image_was_replaced_is_taken(training, tmp_path):
    training.sync()
    frame = training.images
    icon("key", 48).save(tmp_path / "better.png")
    training.replace(frame.index[0], tmp_path / "better.png")
    training.sync()
    for text in ("of the frame", "once more"):
        frame["caption"] = text
        training.images = frame
        assert captions(training) == [text] * 4
    assert training.images["width"].iloc[0] == 48
    with pytest.raises(InputError, match="width is read from the image"):
        training.images = frame.assign(width=5)


def test_an_order_that_was_changed_here_stays_and_that_of_the_frame_is_taken_over(training):
    frame = training.images
    last = frame.index[3]
    training._session.editing.edit(
        [{"op": "move", "table": "images", "row": last, "at": 0}]
    ).result()
    frame["caption"] = "of the frame"
    training.images = frame
    assert training.images.index[0] == last
    training.images = frame.iloc[::-1]
    assert list(training.images.index) == list(frame.index[::-1])


def test_a_new_pair_of_the_frame_comes_behind_the_one_that_it_stood_behind(training):
    pairs = training.pairs
    ids = training.images.index
    last = pairs.index[2]
    training._session.editing.edit(
        [{"op": "move", "table": "pairs", "row": last, "at": 0}]
    ).result()
    pairs.loc["new"] = {"source": ids[3], "target": ids[0], "instruction": "new"}
    training.pairs = pairs
    assert training.pairs["instruction"].tolist() == ["go", "new", "go", "go"]
    assert training.pairs.index[0] == last


def test_a_table_without_pair_ids_is_told_apart_the_same_way(training):
    pairs = training.pairs.reset_index(drop=True)
    instructed(training, 0, "typed")
    pairs.loc[1, "instruction"] = "of the frame"
    training.pairs = pairs
    assert training.pairs["instruction"].tolist() == ["typed", "of the frame", "go"]
    assert len(training.pairs) == 3


def test_a_name_and_a_side_that_both_changed_are_refused_by_row(training):
    frame, pairs = training.images, training.pairs
    first, second = frame.index[:2]
    for table, row, column, value in (
        ("images", first, "name", "typed.png"),
        ("pairs", pairs.index[0], "target", frame.index[3]),
    ):
        op = {"op": "set", "table": table, "row": row, "column": column, "value": value}
        assert not training._session.editing.edit([op]).result().refused
    training.images, training.pairs = frame, pairs
    assert training.images["name"].iloc[0] == "typed.png"
    frame.loc[first, "name"] = "frame.png"
    with pytest.raises(InputError, match="name was changed here, too"):
        training.images = frame
    pairs.loc[pairs.index[0], "target"] = frame.index[2]
    with pytest.raises(PairError, match="target was changed here, too"):
        training.pairs = pairs
    assert second in training.images.index


def test_where_the_token_is_lost_all_that_differs_is_set(training):
    plain = pd.DataFrame({"name": training.images["name"].tolist()})
    for make in (lambda f: pd.DataFrame(f.to_dict()), lambda f: f.merge(plain, on="name")):
        frame = training.images
        typed(training, 0, "typed")
        made = make(frame)
        made.index = frame.index
        training.images = made
        assert captions(training)[0] == "first"


def test_the_last_states_are_kept_however_often_each_is_read(training):
    frame = training.images
    for _ in range(3 * KEPT):
        _ = training.images
    typed(training, 0, "typed")
    training.images = frame.assign(caption="first")
    assert captions(training)[0] == "typed"
    for n in range(KEPT + 1):
        typed(training, 1, str(n))
    training.images = frame
    assert captions(training)[0] == "first"


def test_pairs_of_a_removed_image_are_passed_over_when_the_cell_runs_again(training):
    names = training.images["name"].tolist()
    table = [{"source": names[i], "target": names[i + 1], "instruction": "go"} for i in range(3)]
    training.remove(names[0])
    with pytest.warns(UserWarning, match="1 pair was left out: you removed an image"):
        training.set_pairs(table)
    assert len(training.pairs) == 2


def test_whatever_is_changed_in_the_frame_and_here_no_text_is_lost_unseen(training):
    drawn = random.Random(3)
    for round_ in range(40):
        frame = training.images
        before = dict(frame["caption"])
        here = {i: f"here {round_}" for i in frame.index if drawn.random() < 0.4}
        there = {i: f"there {round_}" for i in frame.index if drawn.random() < 0.4}
        if here:
            training.set_captions(here)
        for row_id, text in there.items():
            frame.loc[row_id, "caption"] = text
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            training.images = frame
        for row in training.state.draft.images:
            expected: Any = before | there | here
            assert row.caption == expected[row.image_id]
            both = row.image_id in here and row.image_id in there
            assert (row.offered == f"there {round_}") == both
            assert replace(row, offered=None).state == row.state
