"""Grid and table in Notebook 7 and in Voilà: what is typed is what the kernel holds.

Set NBTRAIN_SCREENSHOTS to a folder to get images of the way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.harness import Browser, browser
from browser.hosts import Notebook7, voila
from browser.lab import Lab, lab, pictures
from browser.test_lab_story import DRAWN, caption_of, opening, until
from playwright.sync_api import Page

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

KEYS = "() => (window.keys = [], addEventListener('keydown', (e) => window.keys.push(e.key)))"
"""Keys that reach the page: the notebook listens there."""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook7]:
    running = Notebook7(tmp_path_factory.mktemp("notebook"))
    yield running
    running.close()


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("NBTRAIN_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def type_caption(page: Page, text: str) -> None:
    page.locator(".nbt-tile:visible .nbt-cap").first.click()
    page.get_by_label(re.compile("^Caption of")).fill(text)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def type_instruction(page: Page, text: str) -> None:
    page.locator(".nbt-instruction:visible").first.click()
    page.get_by_label("Instruction of pair 1").fill(text)
    page.keyboard.press("Enter")


def wait(page: Page, holds: Callable[[], Any]) -> Any:
    for _ in range(600):
        found = holds()
        if found:
            return found
        page.wait_for_timeout(100)
    shot(page, "host-failed")
    raise AssertionError("it did not come to that")


def test_notebook_7_shows_and_takes_what_is_typed(
    notebook7: Notebook7, browser: Browser, tmp_path: Path
) -> None:
    from phoenix_nbtrain.images.drawings import draw_pairs

    folder = draw_pairs(notebook7.work / "seven", count=6, size=256)
    views = ("nbt.ImageGrid(training)", "nbt.PairTable(training)", "nbt.ImageGrid(training)")
    sleep = "time.sleep(4); training.set_captions(lambda row: 'while it was blocked')"
    notebook7.write("seven.ipynb", [opening("seven", folder), *views, sleep])
    with notebook7.open(browser, "seven.ipynb", height=2600) as notebook:
        page = notebook.page
        for index in range(4):
            notebook.run(index)
        until(notebook, "thumbnails", lambda: notebook.js(DRAWN) >= 12)
        page.evaluate(KEYS)
        name = notebook.ask("training.images['name'].iloc[0]")
        type_caption(page, "typed in the notebook")
        until(notebook, "the caption", lambda: "typed" in caption_of(notebook, name))
        type_instruction(page, "paint it, in the notebook")
        first = "training.pairs['instruction'].iloc[0]"
        until(notebook, "the instruction", lambda: "paint it" in notebook.ask(first))
        notebook.cell(3).get_by_text("typed in the notebook").first.wait_for()
        page.keyboard.press("Control+z")
        until(notebook, "the undo", lambda: "paint it" not in notebook.ask(first))
        page.locator(".nbt-tile:visible .nbt-pic").first.click()
        for key in ("d", "d", "a"):
            page.keyboard.press(key)
        assert page.evaluate("() => window.keys") == []
        shot(page, "notebook-7")
        # Typed while a cell blocks the kernel: it stands, and what the cell did is in every view.
        notebook.begin(4)
        type_instruction(page, "typed meanwhile")
        until(notebook, "the end of the cell", lambda: not notebook.busy(4))
        until(notebook, "what was typed", lambda: notebook.ask(first) == "typed meanwhile")
        for cell in (1, 3):
            notebook.cell(cell).get_by_text("while it was blocked").first.wait_for()
        notebook.run(1)  # shown anew
        notebook.cell(1).get_by_text("while it was blocked").first.wait_for()


@pytest.mark.parametrize("width", [1080, 360])
def test_voila_shows_and_takes_what_is_typed(
    lab: Lab, browser: Browser, pictures: Path, width: int
) -> None:
    name = f"voila{width}"
    views = "nbt.ImageGrid(training), nbt.PairTable(training), nbt.ImageGrid(training)"
    cells = [opening(name, pictures), f"for view in ({views}):\n    display(view)"]
    lab.write(f"{name}.ipynb", cells)
    with voila(lab, f"{name}.ipynb") as address:
        context = browser.new_context(viewport={"width": width, "height": 2400})
        try:
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(address)
            page.locator(".nbt-pic img:visible").first.wait_for()
            type_caption(page, "typed without a notebook")
            wait(page, lambda: page.get_by_text("typed without a notebook").count() >= 2)
            type_instruction(page, "painted without a notebook")
            page.get_by_text("painted without a notebook").first.wait_for()
            assert page.evaluate(WIDER) <= 0
            shot(page, f"voila-{width}")
        finally:
            context.close()
