"""Names, captions and paths that strangers chose stay text in all that the grid and the picker show."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.gridview import Grid
from browser.harness import Shown, shown
from browser.test_picker import fill
from fake_service import FakeService
from playwright.sync_api import Browser
from trainings import EDIT, image, training_of

from phoenix_nbtrain import text as texts
from phoenix_nbtrain.widgets.picker.folder_grid import FolderGrid

HOSTILE = (
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1</script>",
    "<select><iframe></select><img src=x: onerror=window.pwned=1>",
    '<button data-commandlinker-command="x" onclick=window.pwned=1>',
    "[x](javascript:window.pwned=1)",
    '" autofocus onfocus="window.pwned=1',
    "</textarea></dialog><svg onload=window.pwned=1>",
    "&lt;b&gt; $& \\u0041 %s",
    "👩‍👩‍👧‍👦 of four, é and é",
)
TURNED = "\u202egnp.exe"
"""A name that reads otherwise than it is written."""

ELEMENTS = """() => {
    const all = [...document.querySelectorAll("#here *")];
    const known = new Set(`BUTTON CODE DD DEL DIALOG DIV DL DT H2 H3 IMG INPUT INS KBD LABEL LI OPTION P SELECT
        SPAN STYLE TEXTAREA UL`.split(/\\s+/));
    return all.filter((node) => !known.has(node.tagName)
        || [...node.attributes].some(({ name }) => /^on|^href$|commandlinker|autofocus/.test(name))
        || (node.matches("img[src]") && !node.src.startsWith("blob:"))
        || (node.matches("select") && !node.matches(".nbt-sort"))).map((node) => node.outerHTML.slice(0, 200));
}"""
"""Elements that only a text taken for HTML could have made."""


def harmless(view: Shown) -> None:
    assert view.js(ELEMENTS) == []
    assert view.js("() => window.pwned") is None


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_wrote_is_text_wherever_the_grid_shows_it(
    grid: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """One image is called so, one says so, and of one somebody else says so."""
    rows = [
        image(1, "fine", name=text, automatic_caption=text, refusal=text),
        image(2, text, name="said.png", automatic_caption=text),
        replace(image(3, "mine", name="two.png"), theirs=text, refusal="Changed there, too."),
        image(4, "", name=f"lone {text}.png", automatic_caption=text),
        image(5, "five", name="five.png"),
    ]
    monkeypatch.setattr(FakeService, "where", text)
    view = grid(training_of(rows, type=EDIT, name=text))
    page = view.page
    # Around the tiles, on them, in their tooltips and in what is read out of them.
    view.tile(0).get_by_text(text, exact=True).first.wait_for()
    assert page.locator(".nbt-title").inner_text() == text
    assert page.locator(".nbt-head .nbt-pill").last.inner_text() == text
    assert view.tile(0).locator(".nbt-name").inner_text() == text
    assert view.tile(0).locator(".nbt-name").get_attribute("title").startswith(text)
    assert view.tile(0).locator("img").get_attribute("alt") == text
    assert view.tile(0).locator(".nbt-reason").get_attribute("title") == text
    assert text in view.tile(0).locator(".nbt-dot").get_attribute("aria-label")
    assert view.caption(1).inner_text() == text
    assert view.tile(2).locator(".nbt-reason").inner_text() == f"Theirs: {text}"
    assert view.caption(3).inner_text() == text  # the ghost
    harmless(view)

    # As it is edited: in the field, in its label, and as what stands there while it is empty.
    view.caption(0).click()
    assert view.editor.get_attribute("aria-label") == f"Caption of {text}"
    assert view.editor.get_attribute("placeholder") == text
    view.press("Escape")
    view.caption(1).click()
    assert view.editor.input_value() == text
    harmless(view)
    view.press("Escape")

    # In the preview of captions: before, after, and the name; and as the dialog's title.
    view.select(0, 1, 4)
    view.press("c")
    view.dialog.get_by_text("Find and replace", exact=True).click()
    view.dialog.get_by_label("Find", exact=True).fill("fi")
    view.dialog.get_by_label("Replace with").fill(text)
    changes = view.dialog.locator(".nbt-becomes")
    view.until(lambda: changes.all_inner_texts() == [f"{text}ne", f"{text}ve"])
    harmless(view)
    view.closed()
    view.select(0)
    view.press("c")
    assert view.dialog.get_attribute("aria-label") == f"Caption of {text}"
    assert view.dialog.locator(".nbt-dialog-title").inner_text() == f"Caption of {text}"
    view.closed()

    # Beside the large image, its reason and its badges among it.
    view.press("o")
    view.dialog.locator("img[src]").wait_for()
    assert view.dialog.get_attribute("aria-label") == text
    assert view.dialog.locator(".nbt-dialog-title").inner_text() == text
    assert view.dialog.locator(".nbt-reason").inner_text() == text
    view.press("ArrowRight")
    view.until(lambda: view.dialog.locator("textarea").input_value() == text)
    view.press("ArrowRight")
    view.dialog.get_by_text(f"Theirs: {text}").wait_for()
    harmless(view)
    view.closed()

    # In an error's words, in what is told of a deed, and in words that are given back.
    view.select(1)
    view.button("Replace…").click()
    view.dialog.get_by_role("textbox").fill(text)
    view.press("Enter")
    refused = texts.shown(text, 200)[-40:]  # of a long path the end is told
    view.until(lambda: refused in view.dialog.locator(".nbt-reason").inner_text())
    harmless(view)
    view.closed()
    view.tile(1).focus()
    view.select(1, 3, 4)
    view.press("p")
    page.locator(".nbt-note:visible").first.wait_for()
    view.caption(4).click()
    view.editor.fill(text)
    view.training.edit([{"op": "delete", "table": "images", "row": "img_5"}])
    view.tell()
    view.until(lambda: page.locator(".nbt-typed").all_inner_texts() == [text])
    page.get_by_role("searchbox").fill(text)
    view.until(lambda: "of 4 images" in page.locator(".nbt-count").inner_text())
    harmless(view)


def test_a_name_that_turns_its_letters_shows_them_as_they_are(grid: Any) -> None:
    view = grid(training_of([image(1, "a", name=TURNED)]))
    view.tile(0).get_by_text("\\u202egnp", exact=False).wait_for()
    view.select(0)
    view.press("o")
    view.dialog.locator("img[src]").wait_for()
    told = """() => [...document.querySelectorAll("#here *")].flatMap((node) =>
        [node.innerText, ...["title", "alt", "aria-label"].map((name) => node.getAttribute(name))])"""
    assert not any("\u202e" in said for said in view.js(told) if said)
    assert view.dialog.get_attribute("aria-label") == "\\u202egnp.exe"


def test_names_that_look_alike_are_told_apart_and_long_ones_are_borne(grid: Any) -> None:
    composed, split = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    rows = [
        image(1, "a", name=composed),
        image(2, "b", name=split),
        image(3, "c", name="lone \udc80.png"),
        image(4, "w" * 65_536, name="x" * 300),
    ]
    view = grid(training_of(rows), width=360)
    view.tile(3).get_by_text("www").wait_for()
    assert view.caption(0).inner_text() == "a" and view.caption(1).inner_text() == "b"
    assert "lone ?.png" in view.tile(2).inner_text()
    view.caption(3).click()
    assert len(view.editor.input_value()) == 65_536
    view.press("Escape", "o")
    view.dialog.locator("img[src]").wait_for()
    for box in ("document.documentElement", "document.querySelector('dialog')"):
        assert view.js(f"() => {box}.scrollWidth <= {box}.clientWidth")


def test_a_folder_and_its_files_are_called_what_they_are_called(
    browser: Browser, tmp_path: Path
) -> None:
    folder = fill(tmp_path / HOSTILE[0], 1)
    inside = fill(folder / HOSTILE[2].replace("/", "∕"), 1)
    names = [f"{text.replace('/', '∕')}.png" for text in HOSTILE]
    for name in names:
        (folder / name).write_bytes((folder / "img0.png").read_bytes())
    training = training_of()
    grid = FolderGrid(training, training.browse(folder, recursive=True))
    with shown(browser, grid, Grid) as view:
        view.says(f"{len(names) + 2} images")
        assert view.page.locator(".nbt-title").inner_text() == HOSTILE[0]
        said = view.page.locator(".nbt-tile:visible .nbt-name").all_inner_texts()
        assert {*names, f"{inside.name}/img0.png"} <= set(said)
        harmless(view)
        view.tile(0).click()
        view.press("o")
        view.dialog.locator("img[src]").wait_for()
        for _ in range(len(names)):
            view.press("ArrowRight")
        harmless(view)
