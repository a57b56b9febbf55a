"""Choosing pairs and cells of the table, and what is done to all that are chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from browser.pair_page import made, many


def test_numbers_choose_rows_with_shift_and_control(table: Any) -> None:
    view = table(many(8))
    view.number(1).click()
    view.until(lambda: view.rows_chosen() == [1])
    view.number(4).click(modifiers=["Shift"])
    view.until(lambda: view.rows_chosen() == [1, 2, 3, 4])
    view.number(3).click(modifiers=["Control"])
    view.number(6).click(modifiers=["Control"])
    view.until(lambda: view.rows_chosen() == [1, 2, 4, 6])
    assert view.page.get_by_role("group", name="Selected pairs").inner_text().startswith("4 ")
    assert "4 pairs selected" in view.page.locator("[aria-live]").text_content()
    view.press("Escape")
    view.until(lambda: view.rows_chosen() == [])
    assert view.page.get_by_role("group", name="Selected pairs").count() == 0
    view.number(2).click()
    view.until(lambda: view.rows_chosen() == [2])
    view.number(2).click()
    view.until(lambda: view.rows_chosen() == [])


def test_shift_and_arrows_choose_a_range_of_cells(table: Any) -> None:
    view = table(many(4))
    view.side(0, "source").focus()
    view.press("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown")
    both, none = [False, True, True], [False, False, False]
    view.until(lambda: view.cells_chosen() == [both, both, none, none])
    view.press("Shift+ArrowUp")
    view.until(lambda: view.cells_chosen() == [both, none, none, none])
    view.press("ArrowDown")
    view.until(lambda: view.cells_chosen() == [none] * 4)


def test_shift_space_chooses_the_row_and_control_space_one_more(table: Any) -> None:
    view = table(many(4))
    view.instruction(1).focus()
    view.press("Shift+Space")
    view.until(lambda: view.rows_chosen() == [1])
    view.press("Control+ArrowDown", "Control+Space")
    view.until(lambda: view.rows_chosen() == [1, 3])


def test_the_pointer_draws_a_range(table: Any) -> None:
    view = table(many(6))
    view.instruction(1).hover()
    view.page.mouse.down()
    view.instruction(2).hover()
    view.instruction(3).hover()
    view.page.mouse.up()
    only = [False, False, True]
    view.until(lambda: view.cells_chosen()[1:4] == [only] * 3)
    assert view.page.locator("textarea").count() == 0
    view.instruction(0).click()  # a click alone writes
    assert view.page.locator("textarea").count() == 1
    assert view.cells_chosen()[1] == [False, False, False]


def test_a_button_held_down_elsewhere_draws_no_range(table: Any) -> None:
    view = table(many(6))
    view.number(1).click()
    view.until(lambda: view.rows_chosen() == [1])
    view.page.locator(".nbt-title").hover()
    view.page.mouse.down()
    view.number(4).hover()
    view.page.mouse.up()
    view.page.wait_for_timeout(100)
    assert view.rows_chosen() == [1]


def test_everything_is_chosen_and_deleted_in_one_step(table: Any) -> None:
    view = table(many(300))
    view.instruction(0).focus()
    view.press("Control+a")
    view.says("300 selected", exact=True)
    assert view.page.locator(".nbt-pair").count() < 30
    view.press("Delete")
    view.until(lambda: view.pairs == ())
    assert len(view.sent("edit")) == 1
    view.button("Undo").click()
    view.until(lambda: len(view.pairs) == 300)
    view.line(0).get_by_text("0", exact=True).wait_for()


def test_a_far_range_is_chosen_though_it_was_never_in_view(table: Any) -> None:
    view = table(many(400))
    view.number(0).click()
    view.scroll(10000000)
    view.number(399).click(modifiers=["Shift"])
    view.says("400 selected", exact=True)
    view.button("Fill down").click()
    view.until(lambda: set(view.instructions()) == {"0"})
    assert len(view.sent("edit")) == 1


def test_what_is_chosen_stays_chosen_where_others_change_the_table(table: Any) -> None:
    view = table(many(5))
    view.number(2).click()
    view.until(lambda: view.rows_chosen() == [2])
    view.training.edit([{"op": "delete", "table": "pairs", "row": "pair_0"}])
    view.tell()
    view.until(lambda: view.rows_chosen() == [1])
    assert view.number(1).evaluate("(n) => n === document.activeElement")
    view.press("Delete")
    view.until(lambda: view.instructions() == ["1", "3", "4"])


def test_a_pair_is_begun_in_place_and_goes_on_to_what_it_lacks(table: Any) -> None:
    view = table(made())
    view.button("Add pair").click()
    field = view.page.get_by_role("combobox", name="Source of pair 3")
    field.wait_for()
    view.until(lambda: field.evaluate("(n) => n === document.activeElement"))
    view.type("fox", "Enter")
    view.page.get_by_role("combobox", name="Target of pair 3").wait_for()
    view.type("dog.p", "Enter")
    view.page.get_by_role("textbox", name="Instruction of pair 3").wait_for()
    view.type("make it a dog", "Enter")
    view.until(lambda: len(view.pairs) == 3)
    view.until(lambda: view.pairs[2].instruction == "make it a dog")
    added = view.pairs[2]
    assert (added.source, added.target) == ("img_4", "img_2")


def test_a_new_pair_says_what_the_one_above_says(table: Any) -> None:
    view = table(made())
    view.instruction(0).focus()
    view.press("Alt+Enter")
    view.page.get_by_role("combobox", name="Source of pair 2").wait_for()
    assert view.instructions() == ["colour it", "colour it", ""]
    view.press("Escape")
    view.line(1).get_by_text("no source yet").wait_for()
    view.side(1, "source").get_by_text("choose a source").wait_for()
    view.press("Alt+Shift+Enter")
    view.until(lambda: view.instructions() == ["colour it", "colour it", "colour it", ""])
    assert view.pairs[1].pair_id not in ("pair_1", "pair_2")


def test_chosen_pairs_swap_their_sides_in_one_step(table: Any) -> None:
    training = made()
    before = training.state.draft.pairs
    view = table(training)
    view.number(0).click()
    view.number(1).click(modifiers=["Shift"])
    view.says("2 selected", exact=True)
    view.press("Alt+ArrowRight")
    view.until(lambda: view.pairs[1].source == "img_2")
    view.side(0, "source").get_by_text("cat.png").wait_for()
    assert view.pairs[0].target == "img_1"
    view.press("Control+z")
    view.until(lambda: view.pairs == before)


def test_pairs_move_and_the_focus_goes_with_them(table: Any) -> None:
    view = table(many(5))
    view.instruction(3).focus()
    view.press(*["Alt+ArrowUp"] * 3)
    view.until(lambda: view.instructions() == ["3", "0", "1", "2", "4"])
    view.until(lambda: view.instruction(0).evaluate("(n) => n === document.activeElement"))
    view.number(1).click()
    view.number(2).click(modifiers=["Shift"])
    view.says("2 selected", exact=True)
    view.press("Alt+ArrowDown")
    view.until(lambda: view.instructions() == ["3", "2", "0", "1", "4"])
    view.until(lambda: view.rows_chosen() == [2, 3])
    view.press("Control+z")
    view.until(lambda: view.instructions() == ["3", "0", "1", "2", "4"])


def test_delete_empties_cells_and_deletes_whole_rows(table: Any) -> None:
    view = table(many(4))
    view.instruction(1).focus()
    view.press("Shift+ArrowDown")
    view.until(lambda: view.cells_chosen()[2][2])
    view.press("Delete")
    view.until(lambda: view.instructions() == ["0", "", "", "3"])
    assert len(view.sent("edit")) == 1
    view.press("Control+z")
    view.until(lambda: view.instructions() == ["0", "1", "2", "3"])
    view.press("Control+Delete")
    view.until(lambda: view.instructions() == ["0", "3"])


def test_fill_down_lets_all_say_what_the_first_says(table: Any) -> None:
    view = table(many(5))
    view.instruction(1).focus()
    view.press(*["Shift+ArrowDown"] * 2)
    view.until(lambda: view.cells_chosen()[3][2])
    view.press("Control+d")
    view.until(lambda: view.instructions() == ["0", "1", "1", "1", "4"])
    view.instruction(3).get_by_text("1", exact=True).wait_for()
    view.press("Control+z")
    view.until(lambda: view.instructions() == ["0", "1", "2", "3", "4"])
    view.press("Escape")
    view.instruction(4).focus()
    view.press("Control+d")  # a single cell says what the one above says
    view.until(lambda: view.instructions() == ["0", "1", "2", "3", "3"])


def test_a_block_is_painted_at_once_and_each_refused_cell_says_why(table: Any) -> None:
    training = made()
    view = table(training)
    view.side(0, "target").focus()
    view.press("Shift+ArrowDown")
    view.until(lambda: view.cells_chosen()[1][1])
    training.edit(
        [{"op": "set", "table": "pairs", "row": "pair_2", "column": "source", "value": "img_0"}]
    )
    training.runner.hold = True
    view.press("Control+d")  # cat.png would be both of the second pair
    view.until(lambda: view.line(1).locator(".nbt-word").inner_text() == "sending")
    view.side(1, "target").get_by_text("cat.png").wait_for()
    training.runner.release()
    view.tell()
    training.runner.hold = False
    view.line(1).get_by_text("the same image").wait_for()
    assert view.side(1, "target").get_attribute("aria-invalid") == "true"
    view.says("1 cell rejected (see the red cell)")


@pytest.mark.parametrize(
    ("kept", "left"), [("Keep mine", ["colour it", ""]), ("Take theirs", ["paint", ""])]
)
def test_both_texts_are_shown_and_one_of_them_is_kept(
    table: Any, kept: str, left: list[str]
) -> None:
    training = made()
    draft = training.state.draft
    ours, other = draft.pairs
    theirs = replace(ours, pair_id="pair_9", instruction="paint")
    ours = replace(ours, theirs="paint", refusal="Someone else wrote “paint” for these two")
    training.change(draft=replace(draft, pairs=(ours, theirs, other)))
    view = table(training)
    view.instruction(0).get_by_text("colour it").wait_for()
    view.instruction(0).get_by_text("theirs: paint").wait_for()
    assert view.axe() == []
    view.line(0).locator(".nbt-instruction").focus()
    view.press("ArrowRight", "ArrowRight")
    if kept == "Take theirs":
        view.press("ArrowRight")
    assert view.js("() => document.activeElement.textContent") == kept
    view.press("Enter")
    view.until(lambda: view.instructions() == left)
    view.until(lambda: view.button(kept).count() == 0)
    view.press("Control+z")
    view.until(lambda: len(view.instructions()) == 3)


@pytest.mark.parametrize(
    "command",
    ["Alt+ArrowUp", "Alt+ArrowRight", "Alt+Enter", "Control+d", "Delete", "Control+Delete"],
)
def test_while_it_trains_no_key_changes_a_pair(table: Any, command: str) -> None:
    view = table(made(status="training"))
    view.instruction(1).focus()
    view.press(command)
    view.page.wait_for_timeout(100)
    assert view.sent("edit") == []
    assert "Training is running" in view.page.locator("[aria-live]").text_content()
