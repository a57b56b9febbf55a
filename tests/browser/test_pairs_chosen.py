"""Choosing pairs and cells of the table, and what is done to all that are chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from browser.harness import browser, until
from browser.pair_page import (
    cells_chosen,
    instruction,
    instructions,
    line,
    made,
    many,
    number,
    rows_chosen,
    side,
    table,
)
from playwright.sync_api import Browser

__all__ = ["browser"]


def test_numbers_choose_rows_with_shift_and_control(browser: Browser) -> None:
    with table(browser, many(8)) as view:
        number(view, 1).click()
        until(view, lambda: rows_chosen(view) == [1])
        number(view, 4).click(modifiers=["Shift"])
        until(view, lambda: rows_chosen(view) == [1, 2, 3, 4])
        number(view, 3).click(modifiers=["Control"])
        number(view, 6).click(modifiers=["Control"])
        until(view, lambda: rows_chosen(view) == [1, 2, 4, 6])
        assert view.page.get_by_role("group", name="Selected pairs").inner_text().startswith("4 ")
        assert "4 pairs selected" in view.page.locator("[aria-live]").text_content()
        view.page.keyboard.press("Escape")
        until(view, lambda: rows_chosen(view) == [])
        assert view.page.get_by_role("group", name="Selected pairs").count() == 0
        number(view, 2).click()
        until(view, lambda: rows_chosen(view) == [2])
        number(view, 2).click()
        until(view, lambda: rows_chosen(view) == [])


def test_shift_and_arrows_choose_a_range_of_cells(browser: Browser) -> None:
    with table(browser, many(4)) as view:
        side(view, 0, "source").focus()
        for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
            view.page.keyboard.press(key)
        both, none = [False, True, True], [False, False, False]
        until(view, lambda: cells_chosen(view) == [both, both, none, none])
        view.page.keyboard.press("Shift+ArrowUp")
        until(view, lambda: cells_chosen(view) == [both, none, none, none])
        view.page.keyboard.press("ArrowDown")
        until(view, lambda: cells_chosen(view) == [none] * 4)


def test_shift_space_chooses_the_row_and_control_space_one_more(browser: Browser) -> None:
    with table(browser, many(4)) as view:
        instruction(view, 1).focus()
        view.page.keyboard.press("Shift+Space")
        until(view, lambda: rows_chosen(view) == [1])
        view.page.keyboard.press("Control+ArrowDown")
        view.page.keyboard.press("Control+Space")
        until(view, lambda: rows_chosen(view) == [1, 3])


def test_the_pointer_draws_a_range(browser: Browser) -> None:
    with table(browser, many(6)) as view:
        instruction(view, 1).hover()
        view.page.mouse.down()
        instruction(view, 2).hover()
        instruction(view, 3).hover()
        view.page.mouse.up()
        only = [False, False, True]
        until(view, lambda: cells_chosen(view)[1:4] == [only] * 3)
        assert view.page.locator("textarea").count() == 0
        instruction(view, 0).click()  # a click alone writes
        assert view.page.locator("textarea").count() == 1
        assert cells_chosen(view)[1] == [False, False, False]


def test_a_button_held_down_elsewhere_draws_no_range(browser: Browser) -> None:
    with table(browser, many(6)) as view:
        number(view, 1).click()
        until(view, lambda: rows_chosen(view) == [1])
        view.page.locator(".nbt-title").hover()
        view.page.mouse.down()
        number(view, 4).hover()
        view.page.mouse.up()
        view.page.wait_for_timeout(100)
        assert rows_chosen(view) == [1]


def test_everything_is_chosen_and_deleted_in_one_step(browser: Browser) -> None:
    training = many(300)
    with table(browser, training) as view:
        instruction(view, 0).focus()
        view.page.keyboard.press("Control+a")
        view.page.get_by_text("300 selected", exact=True).wait_for()
        assert view.page.locator(".nbt-pair").count() < 30
        view.page.keyboard.press("Delete")
        until(view, lambda: training.state.draft.pairs == ())
        assert len(view.sent("edit")) == 1
        view.page.get_by_role("button", name="Undo").click()
        until(view, lambda: len(training.state.draft.pairs) == 300)
        line(view, 0).get_by_text("0", exact=True).wait_for()


def test_a_far_range_is_chosen_though_it_was_never_in_view(browser: Browser) -> None:
    training = many(400)
    with table(browser, training) as view:
        number(view, 0).click()
        view.js("() => { document.querySelector('.nbt-scroll').scrollTop = 10000000 }")
        number(view, 399).click(modifiers=["Shift"])
        view.page.get_by_text("400 selected", exact=True).wait_for()
        view.page.get_by_role("button", name="Fill down").click()
        until(view, lambda: set(instructions(training)) == {"0"})
        assert len(view.sent("edit")) == 1


def test_what_is_chosen_stays_chosen_where_others_change_the_table(browser: Browser) -> None:
    training = many(5)
    with table(browser, training) as view:
        number(view, 2).click()
        until(view, lambda: rows_chosen(view) == [2])
        training.edit([{"op": "delete", "table": "pairs", "row": "pair_0"}])
        view.tell()
        until(view, lambda: rows_chosen(view) == [1])
        assert number(view, 1).evaluate("(n) => n === document.activeElement")
        view.page.keyboard.press("Delete")
        until(view, lambda: instructions(training) == ["1", "3", "4"])


def test_a_pair_is_begun_in_place_and_goes_on_to_what_it_lacks(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        view.page.get_by_role("button", name="Add pair").click()
        field = view.page.get_by_role("combobox", name="Source of pair 3")
        field.wait_for()
        until(view, lambda: field.evaluate("(n) => n === document.activeElement"))
        view.page.keyboard.type("fox")
        view.page.keyboard.press("Enter")
        view.page.get_by_role("combobox", name="Target of pair 3").wait_for()
        view.page.keyboard.type("dog.p")
        view.page.keyboard.press("Enter")
        view.page.get_by_role("textbox", name="Instruction of pair 3").wait_for()
        view.page.keyboard.type("make it a dog")
        view.page.keyboard.press("Enter")
        until(view, lambda: len(training.state.draft.pairs) == 3)
        until(view, lambda: training.state.draft.pairs[2].instruction == "make it a dog")
        added = training.state.draft.pairs[2]
        assert (added.source, added.target) == ("img_4", "img_2")


def test_a_new_pair_says_what_the_one_above_says(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        instruction(view, 0).focus()
        view.page.keyboard.press("Alt+Enter")
        view.page.get_by_role("combobox", name="Source of pair 2").wait_for()
        assert instructions(training) == ["colour it", "colour it", ""]
        view.page.keyboard.press("Escape")
        line(view, 1).get_by_text("no source yet").wait_for()
        side(view, 1, "source").get_by_text("choose a source").wait_for()
        view.page.keyboard.press("Alt+Shift+Enter")
        until(view, lambda: instructions(training) == ["colour it", "colour it", "colour it", ""])
        assert training.state.draft.pairs[1].pair_id not in ("pair_1", "pair_2")


def test_chosen_pairs_swap_their_sides_in_one_step(browser: Browser) -> None:
    training = made()
    before = training.state.draft.pairs
    with table(browser, training) as view:
        number(view, 0).click()
        number(view, 1).click(modifiers=["Shift"])
        view.page.get_by_text("2 selected", exact=True).wait_for()
        view.page.keyboard.press("Alt+ArrowRight")
        until(view, lambda: training.state.draft.pairs[1].source == "img_2")
        side(view, 0, "source").get_by_text("cat.png").wait_for()
        assert training.state.draft.pairs[0].target == "img_1"
        view.page.keyboard.press("Control+z")
        until(view, lambda: training.state.draft.pairs == before)


def test_pairs_move_and_the_focus_goes_with_them(browser: Browser) -> None:
    training = many(5)
    with table(browser, training) as view:
        instruction(view, 3).focus()
        for _ in range(3):
            view.page.keyboard.press("Alt+ArrowUp")
        until(view, lambda: instructions(training) == ["3", "0", "1", "2", "4"])
        until(view, lambda: instruction(view, 0).evaluate("(n) => n === document.activeElement"))
        number(view, 1).click()
        number(view, 2).click(modifiers=["Shift"])
        view.page.get_by_text("2 selected", exact=True).wait_for()
        view.page.keyboard.press("Alt+ArrowDown")
        until(view, lambda: instructions(training) == ["3", "2", "0", "1", "4"])
        until(view, lambda: rows_chosen(view) == [2, 3])
        view.page.keyboard.press("Control+z")
        until(view, lambda: instructions(training) == ["3", "0", "1", "2", "4"])


def test_delete_empties_cells_and_deletes_whole_rows(browser: Browser) -> None:
    training = many(4)
    with table(browser, training) as view:
        instruction(view, 1).focus()
        view.page.keyboard.press("Shift+ArrowDown")
        until(view, lambda: cells_chosen(view)[2][2])
        view.page.keyboard.press("Delete")
        until(view, lambda: instructions(training) == ["0", "", "", "3"])
        assert len(view.sent("edit")) == 1
        view.page.keyboard.press("Control+z")
        until(view, lambda: instructions(training) == ["0", "1", "2", "3"])
        view.page.keyboard.press("Control+Delete")
        until(view, lambda: instructions(training) == ["0", "3"])


def test_fill_down_lets_all_say_what_the_first_says(browser: Browser) -> None:
    training = many(5)
    with table(browser, training) as view:
        instruction(view, 1).focus()
        for _ in range(2):
            view.page.keyboard.press("Shift+ArrowDown")
        until(view, lambda: cells_chosen(view)[3][2])
        view.page.keyboard.press("Control+d")
        until(view, lambda: instructions(training) == ["0", "1", "1", "1", "4"])
        instruction(view, 3).get_by_text("1", exact=True).wait_for()
        view.page.keyboard.press("Control+z")
        until(view, lambda: instructions(training) == ["0", "1", "2", "3", "4"])
        view.page.keyboard.press("Escape")
        instruction(view, 4).focus()
        view.page.keyboard.press("Control+d")  # a single cell says what the one above says
        until(view, lambda: instructions(training) == ["0", "1", "2", "3", "3"])


def test_a_block_is_painted_at_once_and_each_refused_cell_says_why(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "target").focus()
        view.page.keyboard.press("Shift+ArrowDown")
        until(view, lambda: cells_chosen(view)[1][1])
        training.edit(
            [{"op": "set", "table": "pairs", "row": "pair_2", "column": "source", "value": "img_0"}]
        )
        training.runner.hold = True
        view.page.keyboard.press("Control+d")  # cat.png would be both of the second pair
        until(view, lambda: line(view, 1).locator(".nbt-word").inner_text() == "sending")
        side(view, 1, "target").get_by_text("cat.png").wait_for()
        training.runner.release()
        view.tell()
        training.runner.hold = False
        line(view, 1).get_by_text("the same picture").wait_for()
        assert side(view, 1, "target").get_attribute("aria-invalid") == "true"
        view.page.get_by_text("1 cell not taken. It says why").wait_for()


@pytest.mark.parametrize(
    ("kept", "left"), [("Keep mine", ["colour it", ""]), ("Take theirs", ["paint", ""])]
)
def test_both_texts_are_shown_and_one_of_them_is_kept(
    browser: Browser, kept: str, left: list[str]
) -> None:
    training = made()
    draft = training.state.draft
    ours, other = draft.pairs
    theirs = replace(ours, pair_id="pair_9", instruction="paint")
    ours = replace(ours, theirs="paint", refusal="Someone else wrote “paint” for these two")
    training.change(draft=replace(draft, pairs=(ours, theirs, other)))
    with table(browser, training) as view:
        instruction(view, 0).get_by_text("colour it").wait_for()
        instruction(view, 0).get_by_text("theirs: paint").wait_for()
        assert view.axe() == []
        line(view, 0).locator(".nbt-instruction").focus()
        view.page.keyboard.press("ArrowRight")
        view.page.keyboard.press("ArrowRight")
        if kept == "Take theirs":
            view.page.keyboard.press("ArrowRight")
        assert view.js("() => document.activeElement.textContent") == kept
        view.page.keyboard.press("Enter")
        until(view, lambda: instructions(training) == left)
        until(view, lambda: view.page.get_by_role("button", name=kept).count() == 0)
        view.page.keyboard.press("Control+z")
        until(view, lambda: len(instructions(training)) == 3)


@pytest.mark.parametrize(
    "command",
    ["Alt+ArrowUp", "Alt+ArrowRight", "Alt+Enter", "Control+d", "Delete", "Control+Delete"],
)
def test_while_it_trains_no_key_changes_a_pair(browser: Browser, command: str) -> None:
    training = made(status="training")
    with table(browser, training) as view:
        instruction(view, 1).focus()
        view.page.keyboard.press(command)
        view.page.wait_for_timeout(100)
        assert view.sent("edit") == []
        assert "Training is running" in view.page.locator("[aria-live]").text_content()
