"""What is typed and not taken yet is told to the kernel, and is there again when a page comes after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser.gridview import caption, editor, tile
from browser.harness import Shown, browser, shot, shown, until
from browser.pair_page import instruction, made, number, side, table
from playwright.sync_api import Browser
from trainings import image, images, training_of

from phoenix_nbtrain.widgets import row_view
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

__all__ = ["browser"]


def told(view: Shown) -> list[str]:
    """Return what the kernel was told of what is typed, as it came."""
    return [message["value"] for message in view.sent("typing")]


def gone(view: Shown) -> None:
    """Take the page away without a word to its fields, as closing a tab by a command does."""
    view.js("() => { model.mute = true; window.end(); }")


def type_(view: Shown, text: str) -> None:
    view.page.keyboard.type(text)
    until(view, lambda: told(view)[-1:] == [text], "the text at the kernel")


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
    with shown(browser, ImageGrid(training)) as view:
        until(view, lambda: held)
        caption(view, 1).click()
        editor(view).fill("")
        type_(view, "a cat on a mat")
        held[0]()
        replies, view._replies = view._replies, []
        assert replies[0]["content"]["cells"][0]["value"] == "a cat on a mat"
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[1].caption == "a cat on a mat")
        view._replies += replies
        view.tell()
        view.js("() => new Promise(requestAnimationFrame)")
        assert again(view).count() == 0
        assert view.page.get_by_text("Not saved: the page was closed first.").count() == 0


def test_half_a_caption_is_offered_where_the_page_is_shown_again(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 1).click()
        editor(view).fill("")
        type_(view, "a cat on a")
        gone(view)
    assert training.state.draft.images[1].caption == "a cat"
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 1).get_by_text("Not saved: the page was closed first.").wait_for()
        assert view.axe() == []
        shot(view, "typed-kept")
        again(view).get_by_role("button", name="Go on").click()
        assert editor(view).input_value() == "a cat on a"
        assert editor(view).evaluate("(n) => n === document.activeElement")
        view.page.keyboard.type(" mat")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[1].caption == "a cat on a mat")
        assert again(view).count() == 0
    with shown(browser, ImageGrid(training)) as view:
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
    with shown(browser, ImageGrid(training_of(before))) as view:
        caption(view, 0).click()
        view.page.keyboard.press("Escape")
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        view.js("() => { model.mute = true }")  # the kernel is gone
        for n, text in ((2, "a dog, written down"), (1, "a cat, with Enter")):
            caption(view, n).click()
            editor(view).fill(text)
            view.page.keyboard.press("Enter")
        caption(view, 0).click()
        editor(view).fill("a fox, half ty")
        # A field that is taken away loses the focus without a word, as Firefox has it.
        view.js("() => window.addEventListener('blur', (e) => e.stopImmediatePropagation(), true)")
        # A view of another training is no taker.
        restarted(view, ImageGrid(training_of([image(9, "a hen")])), monkeypatch)
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.page.locator(".nbt-note", has_text="Kept:").count() == 0
        restarted(view, ImageGrid(training), monkeypatch)
        view.page.get_by_text("Kept: 2 texts that you were typing.").wait_for()
        for n, text in ((0, "a fox, half ty"), (1, "a cat, with Enter")):
            tile(view, n).get_by_text("Not saved: the kernel did not answer.").wait_for()
            caption(view, n).click()
            assert editor(view).input_value() == text
            view.page.keyboard.press("Escape")
        assert tile(view, 2).get_by_text("Not saved").count() == 0
        assert view.axe() == []


def test_an_edit_that_its_kernel_never_heard_is_offered_where_the_cell_runs_again(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        view.js("() => { model.mute = true }")
        editor(view).fill("a fox at no kernel")
        view.page.keyboard.press("Enter")
        view.js("() => window.end()")
        view.take(ImageGrid(training))
        again(view).get_by_role("button", name="Go on").click()
        assert editor(view).input_value() == "a fox at no kernel"


def test_what_the_same_kernel_was_told_is_not_offered_twice(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        text = "a fox, whose reply is lost"
        caption(view, 0).click()
        editor(view).fill(text)
        until(view, lambda: told(view) == [text])
        view.js("() => { model.lost = 1 }")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[0].caption == text)
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
    with shown(browser, ImageGrid(training)) as view:
        answered = "() => model.heard.some((reply) => reply.cells?.length)"
        caption(view, 0).click()
        editor(view).fill("")
        type_(view, "half a fo")
        view.js("() => { window.endFirst = window.end }")
        view.take(ImageGrid(training))
        view.page.wait_for_function(answered)
        view.js("() => new Promise(requestAnimationFrame)")
        assert again(view).count() == 0
        assert view.page.get_by_text("Not saved: the page was closed first.").count() == 0
        view.js("() => { model.mute = true; window.endFirst(); window.end() }")
        view.take(ImageGrid(training))
        again(view).get_by_role("button", name="Go on").click()
        assert editor(view).input_value() == "half a fo"


def test_the_caption_of_an_image_far_away_is_gone_on_with(browser: Browser) -> None:
    training = training_of(images(300))
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).locator(".nbt-pic").click()
        view.page.keyboard.press("End")
        view.page.locator(".nbt-tile:focus", has_text="number 299").wait_for()
        view.page.keyboard.press("Enter")
        editor(view).fill("")
        type_(view, "the last of all")
        gone(view)
    with shown(browser, ImageGrid(training)) as view:
        again(view).get_by_role("button", name="Go on").click()
        editor(view).wait_for()
        assert editor(view).input_value() == "the last of all"


def test_escape_and_a_text_put_back_leave_nothing_behind(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        view.page.keyboard.type("es")
        until(view, lambda: told(view) == ["a foxes"])
        view.page.keyboard.press("Escape")
        until(view, lambda: len(view.sent("let go")) == 1)
        caption(view, 0).click()
        view.page.keyboard.type("y")
        until(view, lambda: told(view)[-1] == "a foxy")
        view.page.keyboard.press("Backspace")
        view.page.keyboard.press("Tab")
        until(view, lambda: len(view.sent("let go")) == 2)
        assert view.sent("edit") == []
    with shown(browser, ImageGrid(training)) as view:
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


@pytest.mark.parametrize("key", ["Tab", "Escape"])
@pytest.mark.parametrize("where", ["tile", "viewer", "table"])
def test_a_text_that_is_refused_while_its_field_is_open_again_stays(
    browser: Browser, where: str, key: str
) -> None:
    training = made() if where == "table" else training_of([image(1, "a fox")])
    cell = {"table": "images", "row": "img_1", "column": "caption"}
    if where == "table":
        cell = {"table": "pairs", "row": "pair_1", "column": "instruction"}
    with shown(browser, (PairTable if where == "table" else ImageGrid)(training)) as view:
        refused = view.page.locator("[aria-invalid=true]:visible").first
        field = view.page.locator("textarea:visible")

        def reopen() -> None:
            if where == "viewer":
                view.page.get_by_role("dialog").get_by_label("Caption").click()
            else:
                (caption if where == "tile" else instruction)(view, 0).click()
                field.wait_for()

        if where == "viewer":
            tile(view, 0).locator(".nbt-pic").dblclick()
        training.runner.hold = True
        reopen()
        field.fill("mine")
        view.page.keyboard.press("Tab")
        until(view, lambda: view.sent("edit"))
        reopen()
        assert field.input_value() == "mine"
        training.runner.hold = False
        training.edit([{**cell, "op": "set", "value": "theirs"}])
        training.runner.release()
        view.tell()
        refused.wait_for()
        view.page.keyboard.press(key)
        assert view.sent("let go") == [] and len(view.sent("edit")) == 1
        reopen()
        assert field.input_value() == "mine"
        # Now it has been offered, and is let go of.
        view.page.keyboard.press("Escape")
        until(view, lambda: view.sent("let go"))
        refused.wait_for(state="detached")


def test_a_field_that_is_only_looked_at_tells_nothing(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")]))) as view:
        caption(view, 0).click()
        view.page.keyboard.press("Control")
        view.page.keyboard.press("Escape")
        view.page.wait_for_timeout(400)
        assert view.sent("typing") == view.sent("let go") == view.sent("edit") == []


@pytest.mark.parametrize("key", ["Control", "Alt", "Meta"])
def test_a_key_that_begins_a_shortcut_tells_it_at_once(browser: Browser, key: str) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")]))) as view:
        caption(view, 0).click()
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
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        view.page.keyboard.type(" ran")
        LEAVING[how](view)
        until(view, lambda: training.state.draft.images[0].caption == "a fox ran")
        assert editor(view).count() == 0
    pairs = made()
    with table(browser, pairs) as view:
        instruction(view, 1).click()
        view.page.keyboard.type("half an")
        LEAVING[how](view)
        until(view, lambda: pairs.state.draft.pairs[1].instruction == "half an")


def test_what_waits_behind_an_edit_is_not_lost_with_the_page(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        training.runner.hold = True
        view.page.keyboard.type("es")
        view.page.keyboard.press("Tab")
        view.page.keyboard.type("s")
        view.page.keyboard.press("Enter")  # waits for the answer to the first
        until(view, lambda: told(view) == ["a foxes", "a cats"])
        assert len(view.sent("edit")) == 1
        view.js("() => { model.mute = true }")
    training.runner.hold = False
    training.runner.release()
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).get_by_text("a foxes").wait_for()
        again(view).get_by_role("button", name="Go on").click()
        assert editor(view).input_value() == "a cats"


def test_half_a_caption_in_the_large_view_is_offered_again(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).locator(".nbt-pic").dblclick()
        view.page.get_by_role("textbox", name="Caption").fill("")
        type_(view, "a fox that")
        gone(view)
    with shown(browser, ImageGrid(training)) as view:
        again(view).wait_for()
        tile(view, 0).locator(".nbt-pic").dblclick()
        field = view.page.get_by_role("textbox", name="Caption")
        assert field.input_value() == "a fox that"
        field.press("Escape")
        until(view, lambda: field.input_value() == "a fox")


def test_what_cannot_be_gone_on_with_now_stays_offered(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "a cat")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        editor(view).fill("")
        type_(view, "a fox that")
        gone(view)
    with shown(browser, ImageGrid(training)) as view:
        again(view).wait_for()
        view.page.get_by_role("searchbox").fill("cat")
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 1)
        again(view).get_by_role("button", name="Go on").click()
        until(view, lambda: "it is filtered out" in live(view))
        view.page.get_by_role("searchbox").fill("")
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 2)
        again(view).get_by_role("button", name="Go on").click()
        until(view, lambda: editor(view).count() == 1)
        assert editor(view).input_value() == "a fox that"


def live(view: Shown) -> str:
    return view.page.locator("[aria-live]").first.text_content() or ""


def test_a_caption_that_was_refused_is_offered_where_the_page_is_loaded_anew(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        op = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
        training.edit([{**op, "value": "set by a cell"}])
        editor(view).fill("typed meanwhile")
        view.page.keyboard.press("Enter")
        tile(view, 0).get_by_text("It changed meanwhile").wait_for()
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).get_by_text("It changed meanwhile").wait_for()
        caption(view, 0).click()
        assert editor(view).input_value() == "typed meanwhile"
        view.page.keyboard.press("Escape")
        until(view, lambda: view.sent("let go"))
        assert training.state.draft.images[0].caption == "set by a cell"


def test_a_press_in_the_field_itself_is_none_outside_wherever_the_view_lives(
    browser: Browser,
) -> None:
    with shown(browser, ImageGrid(training_of([image(1, "a fox")]))) as view:
        caption(view, 0).get_by_text("a fox").wait_for()
        view.js(
            """() => {
              const host = document.body.appendChild(document.createElement("div"));
              const inside = host.attachShadow({ mode: "open" });
              inside.append(document.querySelector("style").cloneNode(true), document.querySelector(".nbt"));
            }"""
        )
        caption(view, 0).click()
        view.page.keyboard.type(" ran")
        editor(view).click()
        assert editor(view).input_value() == "a fox ran"
        assert view.sent("edit") == []


def test_half_an_instruction_and_half_a_name_are_offered_again(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        instruction(view, 1).focus()
        view.page.keyboard.press("Enter")
        type_(view, "paint it")
        gone(view)
    with table(browser, training) as view:
        again(view).get_by_role("button", name="Go on").click()
        field = view.page.get_by_role("textbox", name="Instruction of pair 2")
        assert field.input_value() == "paint it"
        field.press("Enter")
        until(view, lambda: training.state.draft.pairs[1].instruction == "paint it")
        side(view, 0, "source").focus()
        view.page.keyboard.press("f")
        view.page.keyboard.type("o")
        until(view, lambda: told(view)[-1:] == ["fo"])
        gone(view)
    with table(browser, training) as view:
        again(view).get_by_role("button", name="Go on").click()
        assert view.page.get_by_role("combobox").input_value() == "fo"


def test_what_was_typed_into_a_dialog_is_there_when_it_is_opened_again(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        number(view, 0).click()
        view.page.get_by_role("button", name="Template…").click()
        view.page.get_by_role("textbox", name="Template").fill("")
        type_(view, "paint {source} and")
        gone(view)
    for kept in (True, False):
        with table(browser, training) as view:
            number(view, 0).click()
            view.page.get_by_role("button", name="Template…").click()
            field = view.page.get_by_role("textbox", name="Template")
            wanted = "paint {source} and" if kept else "colour it"
            until(view, lambda wanted=wanted, field=field: field.input_value() == wanted)
            view.page.wait_for_function("() => model.heard.filter((r) => r.cells).length === 2")
            assert field.input_value() == wanted
            view.page.get_by_role("button", name="Cancel").click()  # lets it go
            until(view, lambda: view.sent("let go"))
    rows = training_of(images(2))
    with shown(browser, ImageGrid(rows)) as view:
        tile(view, 0).locator(".nbt-pic").click()
        view.page.keyboard.press("c")
        view.page.locator("dialog textarea").fill("")
        type_(view, "much the same")
        gone(view)
    with shown(browser, ImageGrid(rows)) as view:
        tile(view, 0).locator(".nbt-pic").click()
        view.page.keyboard.press("c")
        field = view.page.locator("dialog textarea")
        until(view, lambda: field.input_value() == "much the same")
        view.page.get_by_text("1 of 1 will change").wait_for()
