"""What is typed and not taken yet is told to the kernel, and is there again when a page comes after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser.gridview import Grid
from browser.harness import Shown, shot, shown
from browser.pair_page import made, table_of
from playwright.sync_api import Browser
from trainings import image, images, training_of

from phoenix_nbtrain.widgets import row_view
from phoenix_nbtrain.widgets.grid import ImageGrid


def told(view: Shown) -> list[str]:
    """Return what the kernel was told of what is typed, as it came."""
    return [message["value"] for message in view.sent("typing")]


def gone(view: Shown) -> None:
    """Take the page away without a word to its fields, as closing a tab by a command does."""
    view.js("() => { model.mute = true; window.end(); }")


def type_(view: Shown, text: str) -> None:
    view.type(text)
    view.until(lambda: told(view)[-1:] == [text], "the text at the kernel")


def again(view: Shown) -> Any:
    """Return the note that says what is kept."""
    return view.page.locator(".nbt-note", has_text="Kept: what you were typing")


def test_what_is_typed_while_older_words_are_asked_for_is_not_offered_as_lost(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Callable[[], None]] = []
    answer = ImageGrid._answer_refused

    def late(grid: ImageGrid, request: Any, reply: Any) -> None:
        held.append(lambda: answer(grid, request, reply))

    monkeypatch.setattr(ImageGrid, "_answer_refused", late)
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.until(lambda: held)
        view.caption(1).click()
        view.editor.fill("")
        type_(view, "a cat on a mat")
        held[0]()
        replies, view._replies = view._replies, []
        assert replies[0]["content"]["cells"][0]["value"] == "a cat on a mat"
        view.press("Enter")
        view.until(lambda: training.state.draft.images[1].caption == "a cat on a mat")
        view._replies += replies
        view.tell()
        view.js("() => new Promise(requestAnimationFrame)")
        assert again(view).count() == 0
        assert view.page.get_by_text("Not saved: the page was closed first.").count() == 0


def test_half_a_caption_is_offered_where_the_page_is_shown_again(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(1).click()
        view.editor.fill("")
        type_(view, "a cat on a")
        gone(view)
    assert training.state.draft.images[1].caption == "a cat"
    with shown(browser, ImageGrid(training), Grid) as view:
        view.tile(1).get_by_text("Not saved: the page was closed first.").wait_for()
        assert view.axe() == []
        shot(view, "typed-kept")
        again(view).get_by_role("button", name="Continue").click()
        assert view.editor.input_value() == "a cat on a"
        assert view.editor.evaluate("(n) => n === document.activeElement")
        view.type(" mat", "Enter")
        view.until(lambda: training.state.draft.images[1].caption == "a cat on a mat")
        assert again(view).count() == 0
    with shown(browser, ImageGrid(training), Grid) as view:
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


def restarted(view: Shown, widget: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show a widget of another kernel where the view was, as running the cell again does."""
    monkeypatch.setattr(row_view, "KERNEL", "another kernel")
    view.js("() => window.end()")
    view.take(widget)


def test_what_a_restarted_kernel_never_heard_is_offered_by_the_view_that_comes_after(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [image(1, "a fox"), image(2, "a cat"), image(3, "a dog")]
    training = training_of([before[0], before[1], image(3, "a dog, written down")])
    with shown(browser, ImageGrid(training_of(before)), Grid) as view:
        view.caption(0).click()
        view.press("Escape")
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        view.js("() => { model.mute = true }")  # the kernel is gone
        for n, text in ((2, "a dog, written down"), (1, "a cat, with Enter")):
            view.caption(n).click()
            view.editor.fill(text)
            view.press("Enter")
        view.caption(0).click()
        view.editor.fill("a fox, half ty")
        # A field that is taken away loses the focus without a word, as Firefox has it.
        view.js("() => window.addEventListener('blur', (e) => e.stopImmediatePropagation(), true)")
        # A view of another training is no taker.
        restarted(view, ImageGrid(training_of([image(9, "a hen")])), monkeypatch)
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.page.locator(".nbt-note", has_text="Kept:").count() == 0
        restarted(view, ImageGrid(training), monkeypatch)
        view.says("Kept: 2 texts that you were typing.")
        for n, text in ((0, "a fox, half ty"), (1, "a cat, with Enter")):
            view.tile(n).get_by_text("Not saved: the kernel did not answer.").wait_for()
            view.caption(n).click()
            assert view.editor.input_value() == text
            view.press("Escape")
        assert view.tile(2).get_by_text("Not saved").count() == 0
        assert view.axe() == []


def test_an_edit_that_its_kernel_never_heard_is_offered_where_the_cell_runs_again(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        view.js("() => { model.mute = true }")
        view.editor.fill("a fox at no kernel")
        view.press("Enter")
        view.js("() => window.end()")
        view.take(ImageGrid(training))
        again(view).get_by_role("button", name="Continue").click()
        assert view.editor.input_value() == "a fox at no kernel"


def test_what_the_same_kernel_was_told_is_not_offered_twice(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        text = "a fox, whose reply is lost"
        view.caption(0).click()
        view.editor.fill(text)
        view.until(lambda: told(view) == [text])
        view.js("() => { model.lost = 1 }")
        view.press("Enter")
        view.until(lambda: training.state.draft.images[0].caption == text)
        view.js("() => window.end()")
        view.take(ImageGrid(training))
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert again(view).count() == 0
        restarted(view, ImageGrid(training_of([image(1, "from a cell, later")])), monkeypatch)
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


def test_what_is_being_typed_in_one_view_is_offered_by_another_once_that_has_ended(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        answered = "() => model.heard.some((reply) => reply.cells?.length)"
        view.caption(0).click()
        view.editor.fill("")
        type_(view, "half a fo")
        view.js("() => { window.endFirst = window.end }")
        view.take(ImageGrid(training))
        view.page.wait_for_function(answered)
        view.js("() => new Promise(requestAnimationFrame)")
        assert again(view).count() == 0
        assert view.page.get_by_text("Not saved: the page was closed first.").count() == 0
        view.js("() => { model.mute = true; window.endFirst(); window.end() }")
        view.take(ImageGrid(training))
        again(view).get_by_role("button", name="Continue").click()
        assert view.editor.input_value() == "half a fo"


def test_the_caption_of_an_image_far_away_is_gone_on_with(browser: Browser) -> None:
    training = training_of(images(300))
    with shown(browser, ImageGrid(training), Grid) as view:
        view.tile(0).locator(".nbt-pic").click()
        view.press("End")
        view.page.locator(".nbt-tile:focus", has_text="number 299").wait_for()
        view.press("Enter")
        view.editor.fill("")
        type_(view, "the last of all")
        gone(view)
    with shown(browser, ImageGrid(training), Grid) as view:
        again(view).get_by_role("button", name="Continue").click()
        view.editor.wait_for()
        assert view.editor.input_value() == "the last of all"


def test_escape_and_a_text_put_back_leave_nothing_behind(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        view.type("es")
        view.until(lambda: told(view) == ["a foxes"])
        view.press("Escape")
        view.until(lambda: len(view.sent("let go")) == 1)
        view.caption(0).click()
        view.type("y")
        view.until(lambda: told(view)[-1] == "a foxy")
        view.press("Backspace", "Tab")
        view.until(lambda: len(view.sent("let go")) == 2)
        assert view.sent("edit") == []
    with shown(browser, ImageGrid(training), Grid) as view:
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


@pytest.mark.parametrize("key", ["Tab", "Escape"])
@pytest.mark.parametrize("where", ["tile", "viewer", "table"])
def test_a_text_that_is_refused_while_its_field_is_open_again_stays(
    grid: Any, table: Any, where: str, key: str
) -> None:
    if where == "table":
        view = table(made())
        cell = {"table": "pairs", "row": "pair_1", "column": "instruction"}
    else:
        view = grid(training_of([image(1, "a fox")]))
        cell = {"table": "images", "row": "img_1", "column": "caption"}
    training = view.training
    refused = view.page.locator("[aria-invalid=true]:visible").first
    field = view.page.locator("textarea:visible")

    def reopen() -> None:
        if where == "viewer":
            view.page.get_by_role("dialog").get_by_label("Caption").click()
        else:
            (view.instruction(0) if where == "table" else view.caption(0)).click()
            field.wait_for()

    if where == "viewer":
        view.tile(0).locator(".nbt-pic").dblclick()
    training.runner.hold = True
    reopen()
    field.fill("mine")
    view.press("Tab")
    view.until(lambda: view.sent("edit"))
    reopen()
    assert field.input_value() == "mine"
    training.runner.hold = False
    training.edit([{**cell, "op": "set", "value": "theirs"}])
    training.runner.release()
    view.tell()
    refused.wait_for()
    view.press(key)
    assert view.sent("let go") == [] and len(view.sent("edit")) == 1
    reopen()
    assert field.input_value() == "mine"
    # Now it has been offered, and is let go of.
    view.press("Escape")
    view.until(lambda: view.sent("let go"))
    refused.wait_for(state="detached")


def test_a_field_that_is_only_looked_at_tells_nothing(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")])), Grid) as view:
        view.caption(0).click()
        view.press("Control", "Escape")
        view.page.wait_for_timeout(400)
        assert view.sent("typing") == view.sent("let go") == view.sent("edit") == []


@pytest.mark.parametrize("key", ["Control", "Alt", "Meta"])
def test_a_key_that_begins_a_shortcut_tells_it_at_once(browser: Browser, key: str) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")])), Grid) as view:
        view.caption(0).click()
        heard = view.js(
            """(key) => {
              const field = document.activeElement;
              field.value = "a fox ran";
              field.dispatchEvent(new Event("input"));
              const event = new KeyboardEvent("keydown", { key, bubbles: true, [key.replace("Control", "ctrl").toLowerCase() + "Key"]: true });
              field.dispatchEvent(event);
              return model.sent.filter((message) => message.kind === "typing").map((message) => message.value);
            }""",
            key,
        )
        assert heard == ["a fox ran"]


LEAVING: dict[str, Callable[[Shown], object]] = {
    "pagehide": lambda view: view.js("() => void window.dispatchEvent(new Event('pagehide'))"),
    "pointerdown": lambda view: view.js(
        "() => void document.body.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))"
    ),
}


@pytest.mark.parametrize("how", LEAVING)
def test_who_turns_away_has_what_was_typed_taken(browser: Browser, how: str) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        view.type(" ran")
        LEAVING[how](view)
        view.until(lambda: training.state.draft.images[0].caption == "a fox ran")
        assert view.editor.count() == 0
    pairs = made()
    with table_of(browser, pairs) as view:
        view.instruction(1).click()
        view.type("half an")
        LEAVING[how](view)
        view.until(lambda: pairs.state.draft.pairs[1].instruction == "half an")


def test_what_waits_behind_an_edit_is_not_lost_with_the_page(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        training.runner.hold = True
        view.type("es", "Tab")
        view.type("s")
        view.press("Enter")  # waits for the answer to the first
        view.until(lambda: told(view) == ["a foxes", "a cats"])
        assert len(view.sent("edit")) == 1
        view.js("() => { model.mute = true }")
    training.runner.hold = False
    training.runner.release()
    with shown(browser, ImageGrid(training), Grid) as view:
        view.tile(0).get_by_text("a foxes").wait_for()
        again(view).get_by_role("button", name="Continue").click()
        assert view.editor.input_value() == "a cats"


def test_half_a_caption_in_the_large_view_is_offered_again(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.tile(0).locator(".nbt-pic").dblclick()
        view.page.get_by_role("textbox", name="Caption").fill("")
        type_(view, "a fox that")
        gone(view)
    with shown(browser, ImageGrid(training), Grid) as view:
        again(view).wait_for()
        view.tile(0).locator(".nbt-pic").dblclick()
        field = view.page.get_by_role("textbox", name="Caption")
        assert field.input_value() == "a fox that"
        field.press("Escape")
        view.until(lambda: field.input_value() == "a fox")


def test_what_cannot_be_gone_on_with_now_stays_offered(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        view.editor.fill("")
        type_(view, "a fox that")
        gone(view)
    with shown(browser, ImageGrid(training), Grid) as view:
        again(view).wait_for()
        view.page.get_by_role("searchbox").fill("cat")
        view.until(lambda: view.tiles() == 1)
        again(view).get_by_role("button", name="Continue").click()
        view.until(lambda: "it is filtered out" in live(view))
        view.page.get_by_role("searchbox").fill("")
        view.until(lambda: view.tiles() == 2)
        again(view).get_by_role("button", name="Continue").click()
        view.until(lambda: view.editor.count() == 1)
        assert view.editor.input_value() == "a fox that"


def live(view: Shown) -> str:
    return view.page.locator("[aria-live]").first.text_content() or ""


def test_a_caption_that_was_refused_is_offered_where_the_page_is_loaded_anew(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training), Grid) as view:
        view.caption(0).click()
        op = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
        training.edit([{**op, "value": "set by a cell"}])
        view.editor.fill("typed meanwhile")
        view.press("Enter")
        view.tile(0).get_by_text("It changed in the meantime").wait_for()
    with shown(browser, ImageGrid(training), Grid) as view:
        view.tile(0).get_by_text("It changed in the meantime").wait_for()
        view.caption(0).click()
        assert view.editor.input_value() == "typed meanwhile"
        view.press("Escape")
        view.until(lambda: view.sent("let go"))
        assert training.state.draft.images[0].caption == "set by a cell"


def test_a_press_in_the_field_itself_is_none_outside_wherever_the_view_lives(
    browser: Browser,
) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")])), Grid) as view:
        view.caption(0).get_by_text("a fox").wait_for()
        view.js(
            """() => {
              const host = document.body.appendChild(document.createElement("div"));
              const inside = host.attachShadow({ mode: "open" });
              inside.append(document.querySelector("style").cloneNode(true), document.querySelector(".nbt"));
            }"""
        )
        view.caption(0).click()
        view.type(" ran")
        view.editor.click()
        assert view.editor.input_value() == "a fox ran"
        assert view.sent("edit") == []


def test_half_an_instruction_and_half_a_name_are_offered_again(browser: Browser) -> None:
    training = made()
    with table_of(browser, training) as view:
        view.instruction(1).focus()
        view.press("Enter")
        type_(view, "paint it")
        gone(view)
    with table_of(browser, training) as view:
        again(view).get_by_role("button", name="Continue").click()
        field = view.page.get_by_role("textbox", name="Instruction of pair 2")
        assert field.input_value() == "paint it"
        field.press("Enter")
        view.until(lambda: training.state.draft.pairs[1].instruction == "paint it")
        view.side(0, "source").focus()
        view.press("f")
        view.type("o")
        view.until(lambda: told(view)[-1:] == ["fo"])
        gone(view)
    with table_of(browser, training) as view:
        again(view).get_by_role("button", name="Continue").click()
        assert view.page.get_by_role("combobox").input_value() == "fo"


def test_what_was_typed_into_a_dialog_is_there_when_it_is_opened_again(browser: Browser) -> None:
    training = made()
    with table_of(browser, training) as view:
        view.number(0).click()
        view.button("Template…").click()
        view.page.get_by_role("textbox", name="Template").fill("")
        type_(view, "paint {source} and")
        gone(view)
    for kept in (True, False):
        with table_of(browser, training) as view:
            view.number(0).click()
            view.button("Template…").click()
            field = view.page.get_by_role("textbox", name="Template")
            wanted = "paint {source} and" if kept else "colour it"
            view.until(lambda wanted=wanted, field=field: field.input_value() == wanted)
            view.page.wait_for_function("() => model.heard.filter((r) => r.cells).length === 2")
            assert field.input_value() == wanted
            view.button("Cancel").click()  # lets it go
            view.until(lambda: view.sent("let go"))
    rows = training_of(images(2))
    with shown(browser, ImageGrid(rows), Grid) as view:
        view.tile(0).locator(".nbt-pic").click()
        view.press("c")
        view.page.locator("dialog textarea").fill("")
        type_(view, "much the same")
        gone(view)
    with shown(browser, ImageGrid(rows), Grid) as view:
        view.tile(0).locator(".nbt-pic").click()
        view.press("c")
        field = view.page.locator("dialog textarea")
        view.until(lambda: field.input_value() == "much the same")
        view.says("1 of 1 will change")
