"""The image grid for everyone: each of its dialogs and editors, both themes, no motion, forced colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.gridview import Grid
from browser.harness import Shown, shown
from browser.test_picker import fill
from playwright.sync_api import Browser
from trainings import EDIT, StagedTraining, image, images, pair, training_of

from phoenix_nbtrain.session.state import SyncState
from phoenix_nbtrain.widgets.picker.folder_grid import FolderGrid


def training() -> StagedTraining:
    """Return one with something of everything."""
    rows = [
        image(1, "a fox"),
        image(2, "", automatic_caption="a wolf"),
        image(3, "x", refusal="The image is too large."),
        replace(image(4, "mine"), theirs="theirs", refusal="Somebody else changed it, too."),
        image(5, "not saved", saved=False),
        *(image(n, f"a thing, number {n}") for n in range(6, 30)),
    ]
    return training_of(rows, [pair(1, 1, 2), pair(2, 1, 6)], type=EDIT)


def open_everything(view: Shown, given: StagedTraining) -> Iterator[str]:
    """Bring up one thing after the other that a person can meet in a grid, and name it."""
    page = view.page
    view.tile(5).locator("img").wait_for()
    yield "the grid"
    view.select(1, 3)
    yield "a selection"
    view.caption(0).click()
    view.editor.fill("a red fox")
    yield "a caption's editor"
    view.press("Escape")

    view.select(0, 1, 5)
    view.press("c")
    view.dialog.locator("textarea").fill("an animal")
    view.dialog.get_by_text("3 of 3 will change").wait_for()
    yield "captions, set"
    view.dialog.get_by_text("Find and replace", exact=True).click()
    view.dialog.get_by_label("Find", exact=True).fill("thing")
    view.dialog.get_by_label("Replace with").fill("wolf")
    view.dialog.get_by_text("1 of 3 will change").wait_for()
    yield "captions, found and replaced"
    view.closed()

    view.select(1)
    view.button("Replace…").click()
    view.dialog.get_by_role("textbox").fill("notes.txt")
    view.press("Enter")
    view.dialog.get_by_text("does not exist").wait_for()
    yield "an image to replace, refused"
    view.closed()

    for n, what in ((0, "an image"), (2, "a refused image"), (3, "an image that two changed")):
        view.tile(n).locator(".nbt-pic").dblclick(position={"x": 40, "y": 40})
        view.dialog.locator("img[src]").wait_for()
        yield f"{what}, large"
        if n == 0:
            view.press("Enter", "+")
            yield "its caption, beside it"
            view.press("Escape")
        view.closed()

    view.press("?")
    view.dialog.get_by_text("move from image to image").wait_for()
    yield "the keys"
    view.closed()

    view.select(6, 7)
    view.press("Delete")
    page.get_by_text("2 images removed.").wait_for()
    yield "what was removed"
    view.caption(4).click()
    view.editor.fill("precious words")
    given.edit([{"op": "delete", "table": "images", "row": "img_5"}])
    view.tell()
    page.locator(".nbt-typed").wait_for()
    yield "words that have no place any more"
    given.change(sync=SyncState(phase="sending", done=3, total=12))
    view.tell()
    page.get_by_text("Uploading images: 3 of 12").wait_for()
    yield "images on their way"
    view.button("attention").click()
    view.until(lambda: "of 26 images" in page.locator(".nbt-count").inner_text())
    yield "what needs attention"
    page.get_by_role("searchbox").fill("zebra")
    page.get_by_text("No images match.").wait_for()
    yield "nothing found"
    page.get_by_role("searchbox").fill("")
    given.change(model=replace(given.state.model, status="training"))
    view.tell()
    page.get_by_text("Training is running.").wait_for()
    view.tile(0).locator("img").wait_for()
    yield "a training that runs"


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_in_anything_that_opens(grid: Any, dark: bool) -> None:
    given = training()
    found = {}
    view = grid(given, dark=dark)
    for what in open_everything(view, given):
        faults = view.axe()
        if faults:
            found[what] = faults
    assert found == {}


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_in_a_folder(
    browser: Browser, dark: bool, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "sketches", 30)
    (folder / "broken.png").write_bytes(b"<html>")
    few = training_of(images(3))
    grid = FolderGrid(few, few.browse(folder))
    with shown(browser, grid, Grid, dark=dark, width=360) as view:
        view.says("This is a web page")
        view.tile(1).click()
        view.until(lambda: len(grid.selected) == 1)
        assert view.axe() == []
        view.press("o")
        view.dialog.locator("img[src]").wait_for()
        assert view.axe() == []


MOVING = """() => {
    const ms = (text) => Math.max(...text.split(",").map((t) => parseFloat(t) * (t.includes("ms") ? 1 : 1000)));
    const moves = [];
    for (const node of document.querySelectorAll("#here *")) {
        for (const which of [null, "::before", "::after", "::backdrop"]) {
            const s = getComputedStyle(node, which);
            const animated = s.animationName !== "none" && ms(s.animationDuration) > 1;
            if (animated || ms(s.transitionDuration) > 1) moves.push(node.className + (which ?? ""));
        }
    }
    return moves;
}"""
"""What moves, or would, for longer than a millisecond."""


def test_nothing_moves_for_whoever_wants_no_motion(grid: Any) -> None:
    given = training()
    view = grid(given)
    view.tile(5).locator("img").wait_for()
    assert view.js(MOVING) != []  # for everyone else, a little does
    view.page.emulate_media(reduced_motion="reduce")
    moving = {what: view.js(MOVING) for what in open_everything(view, given)}
    assert {what: nodes for what, nodes in moving.items() if nodes} == {}


RING = """() => {
    const node = document.activeElement;
    const at = node.matches(".nbt-tile") ? [node.querySelector(".nbt-pic"), null]
        : node.matches(".nbt-stage") ? [node, "::after"]
        : node.matches("[type=radio]") ? [node.closest("label"), null] : [node, null];
    const s = getComputedStyle(...at);
    const line = (style, width) => style !== "none" && parseFloat(width) >= 1;
    const ringed = line(s.outlineStyle, s.outlineWidth) || (at[1] && line(s.borderTopStyle, s.borderTopWidth));
    return [node === document.body ? "" : node.outerHTML.slice(0, 120), Boolean(ringed)];
}"""
"""What has the focus, and whether that is drawn with a line, which forced colours keep."""


def tabbed(view: Shown) -> tuple[list[str], list[str]]:
    """Go through all that takes the focus by Tab; return it, and what of it shows no ring."""
    passed: list[str] = []
    bare: list[str] = []
    for _ in range(40):
        view.press("Tab")
        node, ringed = view.js(RING)
        if node in passed:
            break
        if not node:  # round the corner: from the last to the first
            continue
        passed.append(node)
        if not ringed:
            bare.append(node)
    return passed, bare


def test_with_forced_colours_the_focus_and_all_that_colour_said_is_seen(grid: Any) -> None:
    view = grid(training())
    view.page.emulate_media(forced_colors="active")
    view.tile(5).locator("img").wait_for()
    view.select(1, 2)
    view.js("() => document.activeElement.blur()")
    passed, bare = tabbed(view)
    assert len(passed) >= 8 and bare == []

    style = """([selector, name, part]) => getComputedStyle(document.querySelector(selector), part)[name]"""

    def look(selector: str, name: str, part: str | None = None) -> str:
        return str(view.js(style, [selector, name, part]))

    # Selected, refused and pressed are seen without a colour of ours.
    assert look(".nbt-tile[aria-selected=true] .nbt-pic", "outlineStyle") == "solid"
    assert look(".nbt-tile[aria-invalid=true] .nbt-cap", "outlineStyle") == "solid"
    view.tile(0).focus()
    view.select()
    pressed = look(".nbt-seg[aria-pressed=true]", "backgroundColor")
    assert pressed != look(".nbt-seg[aria-pressed=false]", "backgroundColor")
    # The drawings of the three sizes stand out from what is behind them, shadows included.
    drawn = look(".nbt-seg.nbt-small", "backgroundColor", "::before")
    assert drawn not in (look(".nbt", "backgroundColor"), "rgba(0, 0, 0, 0)")
    assert look(".nbt-seg.nbt-small", "boxShadow", "::before") != "none"
    assert look(".nbt-seg.nbt-medium", "backgroundColor", "::before") != pressed
    view.press("c")
    view.dialog.locator("textarea").fill("an animal")
    passed, bare = tabbed(view)
    assert len(passed) >= 4 and bare == []
    assert look(".nbt-way:has(:checked)", "backgroundColor") == pressed
    assert "underline" in look(".nbt-becomes ins", "textDecorationLine")
    view.closed()
    view.press("o")
    view.dialog.locator("img[src]").wait_for()
    view.press("Space")
    view.button("Select", pressed=True).wait_for()
    button = ".nbt-viewer [aria-pressed=true]"  # its colour comes by a transition
    view.until(lambda: look(button, "backgroundColor") == pressed)
    passed, bare = tabbed(view)
    assert len(passed) >= 5 and bare == []
