"""The pair table in a real browser, over a fake model; the kernel's half is the real one."""

from __future__ import annotations

import pytest
from browser.harness import browser, until
from browser.pair_page import line, made, side, table
from playwright.sync_api import Browser
from trainings import EDIT, image, pair, training_of

__all__ = ["browser"]

FOCUSED = """() => {
  const row = document.activeElement.closest(".nbt-pair");
  return [row?.getAttribute("aria-rowindex"), document.activeElement.className.split(" ")[0]];
}"""


def test_a_pair_shows_both_pictures_and_what_should_happen(browser: Browser) -> None:
    with table(browser, made()) as view:
        side(view, 0, "source").get_by_text("cat line.png").wait_for()
        side(view, 0, "target").get_by_text("cat.png").wait_for()
        line(view, 0).get_by_text("colour it").wait_for()
        line(view, 0).get_by_text("saved", exact=True).wait_for()
        line(view, 1).get_by_text("no instruction").wait_for()
        until(view, lambda: view.page.locator(".nbt-thumb img:visible").count() == 4)
        view.page.get_by_text("2 pairs", exact=True).wait_for()


def test_what_pairs_lack_is_named_and_one_jumps_there(browser: Browser) -> None:
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
    with table(browser, training) as view:
        line(view, 1).get_by_text("no instruction").wait_for()
        missing = view.page.get_by_role("button", name="2 without instruction")
        missing.click()
        until(view, lambda: view.js(FOCUSED) == ["3", "nbt-instruction"])
        missing.click()
        until(view, lambda: view.js(FOCUSED) == ["195", "nbt-instruction"])
        view.page.get_by_role("button", name="1 without source").click()
        until(view, lambda: view.js(FOCUSED)[1] == "nbt-side")
        view.page.get_by_text("no source yet").wait_for()
        assert view.axe() == []
        training.edit([{**op, "value": "img_9"} for op in ops[2:]])
        view.tell()
        until(view, lambda: view.page.get_by_role("button", name="1 without source").count() == 0)


def test_hundreds_of_pairs_are_a_few_lines(browser: Browser) -> None:
    training = training_of(
        [image(n) for n in range(30)],
        [pair(30 * a + b, a, b) for a in range(30) for b in range(30) if a != b],
        type=EDIT,
    )
    with table(browser, training) as view:
        line(view, 0).get_by_text("colour it").wait_for()
        view.js("() => { document.querySelector('.nbt-scroll').scrollTop = 10000000 }")
        line(view, 869).get_by_text("colour it").wait_for()
        view.page.wait_for_timeout(200)
        assert view.page.locator(".nbt-pair").count() <= 20
        assert view.page.locator("[role=grid]").get_attribute("aria-rowcount") == "871"


def test_an_instruction_is_typed_in_place_and_enter_goes_down(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        line(view, 0).locator(".nbt-instruction").click()
        view.page.locator("textarea").fill("paint the cat")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[0].instruction == "paint the cat")
        view.page.keyboard.type("paint the dog")  # typing on a cell begins it
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[1].instruction == "paint the dog")
        line(view, 1).get_by_text("kept here").wait_for()
        line(view, 1).locator(".nbt-instruction").click()
        view.page.keyboard.type(" and its tail")
        view.page.keyboard.press("Escape")
        assert line(view, 1).locator(".nbt-text").inner_text() == "paint the dog"
        assert len(view.sent("edit")) == 2


def test_shift_and_enter_begin_a_new_line(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        line(view, 0).locator(".nbt-instruction").click()
        view.page.keyboard.press("Shift+Enter")
        view.page.keyboard.type("and its tail")
        assert view.page.locator("textarea").input_value() == "colour it\nand its tail"
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[0].instruction == "colour it\nand its tail")


def test_tab_saves_and_goes_to_the_next_cell_and_back(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "target").click()
        view.page.keyboard.type("fox")
        view.page.keyboard.press("Tab")
        until(view, lambda: training.state.draft.pairs[0].target == "img_4")
        assert view.js(FOCUSED) == ["2", "nbt-instruction"]
        view.page.keyboard.type("make it a fox")
        view.page.keyboard.press("Shift+Tab")
        until(view, lambda: training.state.draft.pairs[0].instruction == "make it a fox")
        assert view.js(FOCUSED) == ["2", "nbt-side"]


def test_what_is_typed_for_a_pair_that_others_delete_is_given_back(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        line(view, 1).locator(".nbt-instruction").click()
        view.page.keyboard.type("paint the dog")
        training.edit([{"op": "delete", "table": "pairs", "row": "pair_2"}])
        view.tell()
        view.page.locator(".nbt-typed").get_by_text("paint the dog").wait_for()
        assert view.page.locator("textarea").count() == 0


def test_a_target_is_chosen_from_the_list_by_typing(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "target").click()
        options = view.page.get_by_role("option")
        assert options.count() == 5
        view.page.keyboard.type("fo")
        assert options.all_inner_texts() == ["fox.png"]
        field = view.page.get_by_role("combobox")
        assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[0].target == "img_4")
        side(view, 0, "target").get_by_text("fox.png").wait_for()
        assert options.count() == 0
        side(view, 0, "target").click()
        options.filter(has_text="dog.png").click()
        until(view, lambda: training.state.draft.pairs[0].target == "img_2")


def test_a_name_nobody_has_is_kept_and_offered_again(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "source").click()
        view.page.keyboard.type("giraffe")
        view.page.get_by_text("No image is called that.").wait_for()
        view.page.keyboard.press("Enter")
        until(view, lambda: side(view, 0, "source").get_attribute("aria-invalid") == "true")
        line(view, 0).get_by_text("There is no picture giraffe in the set.").wait_for()
        side(view, 0, "source").get_by_text("cat line.png").wait_for()
        side(view, 0, "source").click()
        assert view.page.get_by_role("combobox").input_value() == "giraffe"
        view.page.keyboard.press("Escape")
        assert side(view, 0, "source").get_attribute("aria-invalid") is None
        assert training.state.draft.pairs[0].source == "img_1"


def test_looking_at_a_cell_whose_name_two_images_have_changes_nothing(browser: Browser) -> None:
    rows = [image(1, name="a.png"), image(2, name="same.png"), image(3, name="same.png")]
    training = training_of(rows, [pair(1, 1, 2)], type=EDIT)
    with table(browser, training) as view:
        side(view, 0, "target").click()
        view.page.keyboard.press("Tab")
        view.page.wait_for_timeout(100)
        assert side(view, 0, "target").get_attribute("aria-invalid") is None
        assert view.sent("edit") == []
        side(view, 0, "target").click()
        view.page.get_by_role("option").nth(2).click()
        until(view, lambda: training.state.draft.pairs[0].target == "img_3")


def test_a_pair_of_a_picture_with_itself_is_refused_with_the_reason(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "target").click()
        view.page.get_by_role("option").filter(has_text="cat line.png").click()
        line(view, 0).get_by_text("the same picture").wait_for()
        assert side(view, 0, "target").get_attribute("aria-invalid") == "true"
        side(view, 0, "target").get_by_text("cat.png").wait_for()
        assert training.state.draft.pairs[0].target == "img_0"


def test_a_pair_is_swapped_and_deleted_by_its_buttons_and_brought_back(browser: Browser) -> None:
    training = made()
    before = training.state.draft.pairs
    with table(browser, training) as view:
        view.page.get_by_role("button", name="Swap source and target of pair 2").click()
        until(view, lambda: training.state.draft.pairs[1].source == "img_2")
        assert training.state.draft.pairs[1].pair_id == "pair_2"
        side(view, 1, "source").get_by_text("dog.png").wait_for()
        view.page.get_by_role("button", name="Delete pair 1").click()
        until(view, lambda: len(training.state.draft.pairs) == 1)
        for _ in range(2):
            view.page.get_by_role("button", name="Undo").click()
        until(view, lambda: training.state.draft.pairs == before)
        until(view, lambda: view.page.locator(".nbt-pair").count() == 2)


def test_keys_move_over_cells_and_never_reach_the_notebook(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        view.js(
            "() => { window.keys = []; document.body.addEventListener('keydown', (e) => keys.push(e.key)) }"
        )
        line(view, 0).locator("[tabindex='0']").focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
            view.page.keyboard.press(key)
        assert view.page.locator("[role=grid] [tabindex='0']").count() == 1
        assert "nbt-instruction" in view.js("() => document.activeElement.className")
        view.page.keyboard.press("Control+Delete")
        until(view, lambda: len(training.state.draft.pairs) == 1)
        view.page.keyboard.press("Control+z")
        until(view, lambda: len(training.state.draft.pairs) == 2)
        assert view.js("() => window.keys") == []
        missing = view.js(
            """() => [...document.querySelectorAll('#here button, #here [tabindex]')]
            .filter((n) => !n.hasAttribute('data-lm-suppress-shortcuts')).map((n) => n.outerHTML)"""
        )
        assert missing == []


def test_a_pair_whose_picture_is_gone_says_so_and_takes_another(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        training.edit([{"op": "delete", "table": "images", "row": "img_1"}])
        view.tell()
        line(view, 0).get_by_text("its source picture was removed").wait_for()
        side(view, 0, "source").get_by_text("(removed)").wait_for()
        assert line(view, 0).get_by_role("button", name="Compare").is_disabled()
        side(view, 0, "source").click()
        view.page.get_by_role("option").filter(has_text="fox.png").click()
        until(view, lambda: training.state.draft.pairs[0].source == "img_4")
        line(view, 0).get_by_text("kept here").wait_for()


@pytest.mark.parametrize("text", ["<img src=x onerror=window.pwned=1>", "<script>pwned=1</script>"])
def test_hostile_names_and_instructions_stay_text(browser: Browser, text: str) -> None:
    rows = [image(1, name=text), image(2, name="fine.png")]
    training = training_of(rows, [pair(1, 1, 2, text)], type=EDIT)
    with table(browser, training) as view:
        line(view, 0).locator(".nbt-text").get_by_text(text, exact=True).wait_for()
        assert side(view, 0, "source").locator(".nbt-name").inner_text() == text
        side(view, 0, "target").click()
        view.page.get_by_role("option").filter(has_text=text).wait_for()
        view.page.wait_for_timeout(100)
        assert view.js("() => window.pwned") is None
        assert view.page.locator("#here script").count() == 0
        assert view.page.locator("#here img[src^='x']").count() == 0


def test_while_it_trains_pairs_stand_still(browser: Browser) -> None:
    with table(browser, made(status="training")) as view:
        view.page.get_by_text("Training is running.").wait_for()
        line(view, 0).locator(".nbt-instruction").click()
        assert view.page.locator("textarea").count() == 0
        assert view.page.get_by_role("button", name="Add pair").is_disabled()
        assert line(view, 0).get_by_role("button", name="Delete").is_disabled()


def test_no_pairs_says_what_to_do(browser: Browser) -> None:
    with table(browser, made(pairs=0)) as view:
        view.page.get_by_text("training.pair_up(").wait_for()
    with table(browser, training_of(type=EDIT)) as view:
        view.page.get_by_text("A pair needs two images.").wait_for()
        assert view.page.get_by_role("button", name="Add pair").is_disabled()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 380])
def test_nothing_serious_for_axe_and_nothing_sticks_out(
    browser: Browser, dark: bool, width: int
) -> None:
    training = made()
    training.edit([{"op": "delete", "table": "images", "row": "img_3"}])
    with table(browser, training, width=width, dark=dark) as view:
        view.page.locator(".nbt-thumb img:visible").first.wait_for()
        assert view.axe() == []
        side(view, 0, "source").click()
        view.page.get_by_role("option").first.wait_for()
        assert view.axe() == []
        view.page.keyboard.press("Escape")
        line(view, 0).locator(".nbt-number").click()
        view.page.get_by_text("1 selected", exact=True).wait_for()
        assert view.axe() == []
        wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert view.js(wide)
