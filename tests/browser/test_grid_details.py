"""Details of the image grid in which a fault would hide: keys, half-typed letters, words told once."""

from __future__ import annotations

from typing import Any

from trainings import image, images, training_of

FOCUSED = "() => document.activeElement.querySelector('.nbt-name')?.textContent"

COMPOSED = """(key) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, isComposing: true, bubbles: true, cancelable: true }))"""
"""A key that goes to the input method, as Enter does that ends a word of Japanese."""


def test_arrows_go_to_the_neighbour_on_each_side_and_pages_to_what_was_not_seen(
    grid: Any,
) -> None:
    view = grid(training_of(images(200)))
    view.caption(0).get_by_text("number 0").wait_for()
    view.tile(8).locator(".nbt-pic").click()
    for key, name in [
        ("ArrowUp", 2), ("ArrowUp", 2), ("ArrowLeft", 1), ("ArrowDown", 7), ("ArrowRight", 8),
        ("PageDown", 20), ("PageUp", 8), ("PageUp", 0), ("End", 199), ("ArrowDown", 199), ("Home", 0),
    ]:  # fmt: skip
        view.press(key)
        view.until(lambda name=name: view.js(FOCUSED) == f"picture-{name}.png", f"{key}: {name}")  # type: ignore[misc]


def test_a_row_that_is_not_here_yet_says_that_it_is_on_its_way(grid: Any) -> None:
    view = grid(training_of(images(3000)))
    view.caption(0).get_by_text("number 0").wait_for()
    assert view.tile(0).get_attribute("aria-busy") is None
    view.js(
        """() => { const { model } = window, { send } = model;
        window.late = [];
        model.send = async (message) => {
            if (message.kind === "rows") await new Promise((go) => window.late?.push(go) ?? go());
            return send.call(model, message);
        } }"""
    )
    view.scroll(60_000)
    view.until(lambda: view.tile(8).get_attribute("aria-busy") == "true")
    view.js("() => { window.late.forEach((go) => go()); window.late = null }")
    view.until(lambda: view.tile(8).get_attribute("aria-busy") is None)


def test_enter_that_ends_a_composed_word_saves_nothing_yet(grid: Any) -> None:
    view = grid(training_of([image(1, "a"), image(2, "b")]))
    view.caption(0).click()
    view.editor.fill("きつね")
    for key in ("Enter", "Escape", "Tab"):
        view.js(COMPOSED, key)
    assert view.editor.get_attribute("aria-label") == "Caption of picture-1.png"
    assert view.editor.input_value() == "きつね" and view.sent("edit") == []
    view.press("Enter")
    view.until(lambda: view.images[0].caption == "きつね")
    view.press("Escape", "o")
    view.dialog.locator("textarea").fill("いぬ")
    for key in ("Enter", "Escape"):
        view.js(COMPOSED, key)
    assert view.dialog.locator("textarea").input_value() == "いぬ" and view.training.edits == 1


def test_shift_tab_in_a_caption_goes_back(grid: Any) -> None:
    view = grid(training_of([image(1, "a"), image(2, "b"), image(3, "c")]))
    view.caption(1).click()
    view.editor.fill("new")
    view.press("Shift+Tab")
    view.until(lambda: view.images[1].caption == "new")
    assert view.editor.get_attribute("aria-label") == "Caption of picture-1.png"
    view.press("Tab", "Tab")
    assert view.editor.get_attribute("aria-label") == "Caption of picture-3.png"


def test_a_preview_marks_whole_words(grid: Any) -> None:
    view = grid(training_of([image(1, "the fox, red")]))
    view.select(0)
    view.press("c")
    for typed, gone, come in [
        ("the fog, red", "fox", "fog"),
        ("the foxes, red", "", "es"),  # nothing is gone: what came is all
        ("the fox, red, at dawn", "", ", at dawn"),
        ("fox, red", "the ", ""),
    ]:
        view.dialog.locator("textarea").fill(typed)
        view.until(
            lambda come=come: view.dialog.locator("ins").all_text_contents() == [come],  # type: ignore[misc]
            typed,
        )
        assert view.dialog.locator("del").text_content() == gone
        assert view.dialog.locator(".nbt-becomes").inner_text() == typed


def test_what_was_done_last_is_told_alone(grid: Any) -> None:
    view = grid(training_of(images(6)))
    for left in (5, 4):
        view.select(0)
        view.press("Delete")
        view.until(lambda left=left: len(view.images) == left)  # type: ignore[misc]
        view.until(lambda left=left: view.tiles() == left)  # type: ignore[misc]
    assert view.page.get_by_text("1 image removed.").count() == 1


def test_what_cannot_be_removed_any_more_is_told(grid: Any) -> None:
    view = grid(training_of(images(3)))
    view.select(1)
    view.training.edit(
        [{"op": "delete", "table": "images", "row": "img_1"}]
    )  # the page has not heard
    view._states.clear()
    view.press("Delete")
    view.says("Not removed: ")
    assert len(view.images) == 2


def test_while_it_trains_no_image_is_dragged_into_a_pair(grid: Any) -> None:
    view = grid(training_of(images(2)))
    view.tile(0).locator("img").wait_for()
    drag = """() => document.querySelector(".nbt-tile").dispatchEvent(new DragEvent("dragstart",
        { dataTransfer: new DataTransfer(), bubbles: true, cancelable: true }))"""
    assert view.js(drag) is True
    view.training.change(model=training_of(status="training").state.model)
    view.tell()
    view.says("Training is running.")
    assert view.js(drag) is False


def test_an_image_is_looked_at_sixteen_times_as_large_and_no_larger(grid: Any) -> None:
    view = grid(training_of(images(2)))
    view.select(0)
    view.press("o")
    view.dialog.locator("img[src]").wait_for()
    view.press(*["+"] * 20)
    assert view.dialog.locator(".nbt-percent").inner_text() == "1600 %"


def test_the_large_image_stays_when_those_before_it_go(grid: Any) -> None:
    view = grid(training_of(images(5)))
    view.select(3)
    view.press("o")
    view.dialog.get_by_text("4 of 5").wait_for()
    view.training.edit([{"op": "delete", "table": "images", "row": "img_0"}])
    view.tell()
    view.dialog.get_by_text("3 of 4").wait_for()
    assert view.dialog.locator(".nbt-dialog-title").inner_text() == "picture-3.png"
    view.press("ArrowRight")
    view.until(lambda: view.dialog.locator(".nbt-dialog-title").inner_text() == "picture-4.png")
