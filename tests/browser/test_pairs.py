"""The pair table in a real browser, over a fake model; the kernel's half is the real one."""

from __future__ import annotations

from typing import Any

import pytest
from browser.pair_page import made
from trainings import EDIT, image, pair, training_of

FOCUSED = """() => {
  const row = document.activeElement.closest(".nbt-pair");
  return [row?.getAttribute("aria-rowindex"), document.activeElement.className.split(" ")[0]];
}"""


def test_a_pair_shows_both_images_and_what_should_happen(table: Any) -> None:
    view = table(made())
    view.side(0, "source").get_by_text("cat line.png").wait_for()
    view.side(0, "target").get_by_text("cat.png").wait_for()
    view.line(0).get_by_text("colour it").wait_for()
    view.line(0).get_by_text("saved", exact=True).wait_for()
    view.line(1).get_by_text("no instruction").wait_for()
    view.until(lambda: view.page.locator(".nbt-thumb img:visible").count() == 4)
    view.says("2 pairs", exact=True)


def test_what_pairs_lack_is_named_and_one_jumps_there(table: Any) -> None:
    training = training_of(
        [image(n) for n in range(30)],
        [pair(30 * a + b, a, b) for a in range(8) for b in range(30) if a != b],
        type=EDIT,
    )
    ops = [
        {"op": "set", "table": "pairs", "row": row, "column": column, "value": ""}
        for row, column in (
            ("pair_2", "instruction"),
            ("pair_200", "instruction"),
            ("pair_100", "source"),
        )
    ]
    training.edit(ops)
    view = table(training)
    view.line(1).get_by_text("no instruction").wait_for()
    missing = view.button("2 without instruction")
    missing.click()
    view.until(lambda: view.js(FOCUSED) == ["3", "nbt-instruction"])
    missing.click()
    view.until(lambda: view.js(FOCUSED) == ["195", "nbt-instruction"])
    view.button("1 without source").click()
    view.until(lambda: view.js(FOCUSED)[1] == "nbt-side")
    view.says("no source yet")
    assert view.axe() == []
    training.edit([{**op, "value": "img_9"} for op in ops[2:]])
    view.tell()
    view.until(lambda: view.button("1 without source").count() == 0)


def test_hundreds_of_pairs_are_a_few_lines(table: Any) -> None:
    training = training_of(
        [image(n) for n in range(30)],
        [pair(30 * a + b, a, b) for a in range(30) for b in range(30) if a != b],
        type=EDIT,
    )
    view = table(training)
    view.line(0).get_by_text("colour it").wait_for()
    view.scroll(10000000)
    view.line(869).get_by_text("colour it").wait_for()
    view.page.wait_for_timeout(200)
    assert view.page.locator(".nbt-pair").count() <= 20
    assert view.page.locator("[role=grid]").get_attribute("aria-rowcount") == "871"


def test_an_instruction_is_typed_in_place_and_enter_goes_down(table: Any) -> None:
    view = table(made())
    view.line(0).locator(".nbt-instruction").click()
    view.page.locator("textarea").fill("paint the cat")
    view.press("Enter")
    view.until(lambda: view.pairs[0].instruction == "paint the cat")
    view.type("paint the dog")  # typing on a cell begins it
    view.press("Enter")
    view.until(lambda: view.pairs[1].instruction == "paint the dog")
    view.line(1).get_by_text("saved locally").wait_for()
    view.line(1).locator(".nbt-instruction").click()
    view.type(" and its tail", "Escape")
    assert view.line(1).locator(".nbt-text").inner_text() == "paint the dog"
    assert len(view.sent("edit")) == 2


def test_shift_and_enter_begin_a_new_line(table: Any) -> None:
    view = table(made())
    view.line(0).locator(".nbt-instruction").click()
    view.press("Shift+Enter")
    view.type("and its tail")
    assert view.page.locator("textarea").input_value() == "colour it\nand its tail"
    view.press("Enter")
    view.until(lambda: view.pairs[0].instruction == "colour it\nand its tail")


def test_tab_saves_and_goes_to_the_next_cell_and_back(table: Any) -> None:
    view = table(made())
    view.side(0, "target").click()
    view.type("fox", "Tab")
    view.until(lambda: view.pairs[0].target == "img_4")
    assert view.js(FOCUSED) == ["2", "nbt-instruction"]
    view.type("make it a fox", "Shift+Tab")
    view.until(lambda: view.pairs[0].instruction == "make it a fox")
    assert view.js(FOCUSED) == ["2", "nbt-side"]


def test_what_is_typed_for_a_pair_that_others_delete_is_given_back(table: Any) -> None:
    view = table(made())
    view.line(1).locator(".nbt-instruction").click()
    view.type("paint the dog")
    view.training.edit([{"op": "delete", "table": "pairs", "row": "pair_2"}])
    view.tell()
    view.page.locator(".nbt-typed").get_by_text("paint the dog").wait_for()
    assert view.page.locator("textarea").count() == 0


def test_a_target_is_chosen_from_the_list_by_typing(table: Any) -> None:
    view = table(made())
    view.side(0, "target").click()
    options = view.page.get_by_role("option")
    assert options.count() == 5
    view.type("fo")
    assert options.all_inner_texts() == ["fox.png"]
    field = view.page.get_by_role("combobox")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    view.press("Enter")
    view.until(lambda: view.pairs[0].target == "img_4")
    view.side(0, "target").get_by_text("fox.png").wait_for()
    assert options.count() == 0
    view.side(0, "target").click()
    options.filter(has_text="dog.png").click()
    view.until(lambda: view.pairs[0].target == "img_2")


def test_a_name_nobody_has_is_kept_and_offered_again(table: Any) -> None:
    view = table(made())
    view.side(0, "source").click()
    view.type("giraffe")
    view.says("No image has that name.")
    view.press("Enter")
    view.until(lambda: view.side(0, "source").get_attribute("aria-invalid") == "true")
    view.line(0).get_by_text("There is no image giraffe in the dataset.").wait_for()
    view.side(0, "source").get_by_text("cat line.png").wait_for()
    view.side(0, "source").click()
    assert view.page.get_by_role("combobox").input_value() == "giraffe"
    view.press("Escape")
    assert view.side(0, "source").get_attribute("aria-invalid") is None
    assert view.pairs[0].source == "img_1"


def test_looking_at_a_cell_whose_name_two_images_have_changes_nothing(table: Any) -> None:
    rows = [image(1, name="a.png"), image(2, name="same.png"), image(3, name="same.png")]
    view = table(training_of(rows, [pair(1, 1, 2)], type=EDIT))
    view.side(0, "target").click()
    view.press("Tab")
    view.page.wait_for_timeout(100)
    assert view.side(0, "target").get_attribute("aria-invalid") is None
    assert view.sent("edit") == []
    view.side(0, "target").click()
    view.page.get_by_role("option").nth(2).click()
    view.until(lambda: view.pairs[0].target == "img_3")


def test_a_pair_of_an_image_with_itself_is_refused_with_the_reason(table: Any) -> None:
    view = table(made())
    view.side(0, "target").click()
    view.page.get_by_role("option").filter(has_text="cat line.png").click()
    view.line(0).get_by_text("the same image").wait_for()
    assert view.side(0, "target").get_attribute("aria-invalid") == "true"
    view.side(0, "target").get_by_text("cat.png").wait_for()
    assert view.pairs[0].target == "img_0"


def test_a_pair_is_swapped_and_deleted_by_its_buttons_and_brought_back(table: Any) -> None:
    training = made()
    before = training.state.draft.pairs
    view = table(training)
    view.button("Swap source and target of pair 2").click()
    view.until(lambda: view.pairs[1].source == "img_2")
    assert view.pairs[1].pair_id == "pair_2"
    view.side(1, "source").get_by_text("dog.png").wait_for()
    view.button("Delete pair 1").click()
    view.until(lambda: len(view.pairs) == 1)
    for _ in range(2):
        view.button("Undo").click()
    view.until(lambda: view.pairs == before)
    view.until(lambda: view.page.locator(".nbt-pair").count() == 2)


def test_keys_move_over_cells_and_never_reach_the_notebook(table: Any) -> None:
    view = table(made())
    view.count_keys()
    view.line(0).locator("[tabindex='0']").focus()
    view.press("ArrowRight", "ArrowRight", "ArrowDown")
    assert view.page.locator("[role=grid] [tabindex='0']").count() == 1
    assert "nbt-instruction" in view.js("() => document.activeElement.className")
    view.press("Control+Delete")
    view.until(lambda: len(view.pairs) == 1)
    view.press("Control+z")
    view.until(lambda: len(view.pairs) == 2)
    assert view.keys() == []
    assert view.unguarded() == []


def test_a_pair_whose_image_is_gone_says_so_and_takes_another(table: Any) -> None:
    view = table(made())
    view.training.edit([{"op": "delete", "table": "images", "row": "img_1"}])
    view.tell()
    view.line(0).get_by_text("its source image was removed").wait_for()
    view.side(0, "source").get_by_text("(removed)").wait_for()
    assert view.line(0).get_by_role("button", name="Compare").is_disabled()
    view.side(0, "source").click()
    view.page.get_by_role("option").filter(has_text="fox.png").click()
    view.until(lambda: view.pairs[0].source == "img_4")
    view.line(0).get_by_text("saved locally").wait_for()


@pytest.mark.parametrize("text", ["<img src=x onerror=window.pwned=1>", "<script>pwned=1</script>"])
def test_hostile_names_and_instructions_stay_text(table: Any, text: str) -> None:
    rows = [image(1, name=text), image(2, name="fine.png")]
    view = table(training_of(rows, [pair(1, 1, 2, text)], type=EDIT))
    view.line(0).locator(".nbt-text").get_by_text(text, exact=True).wait_for()
    assert view.side(0, "source").locator(".nbt-name").inner_text() == text
    view.side(0, "target").click()
    view.page.get_by_role("option").filter(has_text=text).wait_for()
    view.page.wait_for_timeout(100)
    assert view.js("() => window.pwned") is None
    assert view.page.locator("#here script").count() == 0
    assert view.page.locator("#here img[src^='x']").count() == 0


def test_while_it_trains_pairs_stand_still(table: Any) -> None:
    view = table(made(status="training"))
    view.says("Training is running.")
    view.line(0).locator(".nbt-instruction").click()
    assert view.page.locator("textarea").count() == 0
    assert view.button("Add pair").is_disabled()
    assert view.line(0).get_by_role("button", name="Delete").is_disabled()


def test_no_pairs_says_what_to_do(table: Any) -> None:
    view = table(made(pairs=0))
    view.page.get_by_text("training.pair_up(").wait_for()
    view = table(training_of(type=EDIT))
    view.says("A pair needs two images.")
    assert view.button("Add pair").is_disabled()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 380])
def test_nothing_serious_for_axe_and_nothing_sticks_out(table: Any, dark: bool, width: int) -> None:
    training = made()
    training.edit([{"op": "delete", "table": "images", "row": "img_3"}])
    view = table(training, width=width, dark=dark)
    view.page.locator(".nbt-thumb img:visible").first.wait_for()
    assert view.axe() == []
    view.side(0, "source").click()
    view.page.get_by_role("option").first.wait_for()
    assert view.axe() == []
    view.press("Escape")
    view.line(0).locator(".nbt-number").click()
    view.says("1 selected", exact=True)
    assert view.axe() == []
    wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert view.js(wide)
