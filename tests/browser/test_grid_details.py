"""Details of the image grid in which a fault would hide: keys, half-typed letters, words told once."""

from __future__ import annotations

from typing import Any

from browser.gridview import SCROLL, caption, editor, select, tile
from browser.harness import Shown, browser, shown, until
from playwright.sync_api import Browser
from trainings import image, images, training_of

from phoenix_nbtrain.widgets.grid import ImageGrid

__all__ = ["browser"]

FOCUSED = "() => document.activeElement.querySelector('.nbt-name')?.textContent"

COMPOSED = """(key) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, isComposing: true, bubbles: true, cancelable: true }))"""
"""A key that goes to the input method, as Enter does that ends a word of Japanese."""


def dialog(view: Shown) -> Any:
    return view.page.locator("dialog")


def test_arrows_go_to_the_neighbour_on_each_side_and_pages_to_what_was_not_seen(
    browser: Browser,
) -> None:
    with shown(browser, ImageGrid(training_of(images(200)))) as view:
        caption(view, 0).get_by_text("number 0").wait_for()
        tile(view, 8).locator(".nbt-pic").click()
        for key, name in [
            ("ArrowUp", 2), ("ArrowUp", 2), ("ArrowLeft", 1), ("ArrowDown", 7), ("ArrowRight", 8),
            ("PageDown", 20), ("PageUp", 8), ("PageUp", 0), ("End", 199), ("ArrowDown", 199), ("Home", 0),
        ]:  # fmt: skip
            view.page.keyboard.press(key)
            until(
                view, lambda name=name: view.js(FOCUSED) == f"picture-{name}.png", f"{key}: {name}"
            )  # type: ignore[misc]


def test_a_row_that_is_not_here_yet_says_that_it_is_on_its_way(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of(images(3000)))) as view:
        caption(view, 0).get_by_text("number 0").wait_for()
        assert tile(view, 0).get_attribute("aria-busy") is None
        view.js(
            """() => { const { model } = window, { send } = model;
            window.late = [];
            model.send = async (message) => {
                if (message.kind === "rows") await new Promise((go) => window.late?.push(go) ?? go());
                return send.call(model, message);
            } }"""
        )
        view.js(SCROLL, 60_000)
        until(view, lambda: tile(view, 8).get_attribute("aria-busy") == "true")
        view.js("() => { window.late.forEach((go) => go()); window.late = null }")
        until(view, lambda: tile(view, 8).get_attribute("aria-busy") is None)


def test_enter_that_ends_a_composed_word_saves_nothing_yet(browser: Browser) -> None:
    training = training_of([image(1, "a"), image(2, "b")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        editor(view).fill("きつね")
        for key in ("Enter", "Escape", "Tab"):
            view.js(COMPOSED, key)
        assert editor(view).get_attribute("aria-label") == "Caption of picture-1.png"
        assert editor(view).input_value() == "きつね" and view.sent("edit") == []
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[0].caption == "きつね")
        view.page.keyboard.press("Escape")
        view.page.keyboard.press("o")
        dialog(view).locator("textarea").fill("いぬ")
        for key in ("Enter", "Escape"):
            view.js(COMPOSED, key)
        assert dialog(view).locator("textarea").input_value() == "いぬ" and training.edits == 1


def test_shift_tab_in_a_caption_goes_back(browser: Browser) -> None:
    training = training_of([image(1, "a"), image(2, "b"), image(3, "c")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 1).click()
        editor(view).fill("new")
        view.page.keyboard.press("Shift+Tab")
        until(view, lambda: training.state.draft.images[1].caption == "new")
        assert editor(view).get_attribute("aria-label") == "Caption of picture-1.png"
        view.page.keyboard.press("Tab")
        view.page.keyboard.press("Tab")
        assert editor(view).get_attribute("aria-label") == "Caption of picture-3.png"


def test_a_preview_marks_whole_words(browser: Browser) -> None:
    training = training_of([image(1, "the fox, red")])
    with shown(browser, ImageGrid(training)) as view:
        select(view, 0)
        view.page.keyboard.press("c")
        for typed, gone, come in [
            ("the fog, red", "fox", "fog"),
            ("the foxes, red", "", "es"),  # nothing is gone: what came is all
            ("the fox, red, at dawn", "", ", at dawn"),
            ("fox, red", "the ", ""),
        ]:
            dialog(view).locator("textarea").fill(typed)
            until(
                view,
                lambda come=come: dialog(view).locator("ins").all_text_contents() == [come],  # type: ignore[misc]
                typed,
            )
            assert dialog(view).locator("del").text_content() == gone
            assert dialog(view).locator(".nbt-becomes").inner_text() == typed


def test_what_was_done_last_is_told_alone(browser: Browser) -> None:
    training = training_of(images(6))
    with shown(browser, ImageGrid(training)) as view:
        for left in (5, 4):
            select(view, 0)
            view.page.keyboard.press("Delete")
            until(view, lambda left=left: len(training.state.draft.images) == left)  # type: ignore[misc]
            until(view, lambda left=left: view.page.locator(".nbt-tile:visible").count() == left)  # type: ignore[misc]
        assert view.page.get_by_text("1 image removed.").count() == 1


def test_what_cannot_be_removed_any_more_is_told(browser: Browser) -> None:
    training = training_of(images(3))
    with shown(browser, ImageGrid(training)) as view:
        select(view, 1)
        training.edit(
            [{"op": "delete", "table": "images", "row": "img_1"}]
        )  # the page has not heard
        view._states.clear()
        view.page.keyboard.press("Delete")
        view.page.get_by_text("Not removed: ").wait_for()
        assert len(training.state.draft.images) == 2


def test_while_it_trains_no_picture_is_dragged_into_a_pair(browser: Browser) -> None:
    training = training_of(images(2))
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).locator("img").wait_for()
        drag = """() => document.querySelector(".nbt-tile").dispatchEvent(new DragEvent("dragstart",
            { dataTransfer: new DataTransfer(), bubbles: true, cancelable: true }))"""
        assert view.js(drag) is True
        training.change(model=training_of(status="training").state.model)
        view.tell()
        view.page.get_by_text("Training is running.").wait_for()
        assert view.js(drag) is False


def test_a_picture_is_looked_at_sixteen_times_as_large_and_no_larger(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of(images(2)))) as view:
        select(view, 0)
        view.page.keyboard.press("o")
        dialog(view).locator("img[src]").wait_for()
        for _ in range(20):
            view.page.keyboard.press("+")
        assert dialog(view).locator(".nbt-percent").inner_text() == "1600 %"


def test_the_large_picture_stays_when_those_before_it_go(browser: Browser) -> None:
    training = training_of(images(5))
    with shown(browser, ImageGrid(training)) as view:
        select(view, 3)
        view.page.keyboard.press("o")
        dialog(view).get_by_text("4 of 5").wait_for()
        training.edit([{"op": "delete", "table": "images", "row": "img_0"}])
        view.tell()
        dialog(view).get_by_text("3 of 4").wait_for()
        assert dialog(view).locator(".nbt-dialog-title").inner_text() == "picture-3.png"
        view.page.keyboard.press("ArrowRight")
        until(
            view, lambda: dialog(view).locator(".nbt-dialog-title").inner_text() == "picture-4.png"
        )
