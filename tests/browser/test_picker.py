"""Choosing twenty of thousands: a folder in the grid, and a whole story in JupyterLab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser.harness import Browser, Shown, axe, browser, shown, until
from browser.lab import Lab, Notebook, lab
from PIL import Image
from trainings import images, training_of

from phoenix_nbtrain.widgets.picker.folder_grid import FolderGrid

__all__ = ["browser", "lab"]

HOSTILE = (
    "<img src=x onerror=window.pwned=1>.png",
    "<script>top.pwned=1<!--.png",
    '<button data-commandlinker-command="x">.png',
    "[x](javascript:alert(1)).png",
    "a\u202egnp.png",
)


def fill(folder: Path, count: int, *, width: int = 48, height: int = 36) -> Path:
    """Write that many small images, no two alike."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:height, 0:width]
    for n in range(count):
        hill = 255 * np.exp(-(((x - n % width) / 14) ** 2) - ((y - n // width % height) / 9) ** 2)
        tones = [hill, np.full_like(hill, n * 7 % 200 + 40), 255 - hill * (n % 5) / 5]
        Image.fromarray(np.stack(tones, -1).astype(np.uint8)).save(folder / f"img{n}.png")
    return folder


@pytest.fixture(scope="module")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("picker") / "sketches", 4000)


def grid_of(folder: Path, count: int = 20) -> FolderGrid:
    training = training_of(images(count))
    return FolderGrid(training, training.browse(folder))


def tile(view: Shown, n: int) -> Any:
    return view.page.locator(f".nbt-line[aria-rowindex] .nbt-tile:visible >> nth={n}")


def names(grid: FolderGrid) -> list[str]:
    return [grid.folder.files[i].name for i in grid.selected]


# -- the grid of a folder --------------------------------------------------------------------------


def test_thousands_of_files_cost_a_screenful(browser: Browser, thousands: Path) -> None:
    grid = grid_of(thousands)
    with shown(browser, grid) as view:
        tile(view, 0).get_by_text("img0.png").wait_for()
        view.page.get_by_text("4,000 images").wait_for()
        assert view.page.get_by_text("30 of 50 slots left.").is_visible()
        view.js("() => { document.querySelector('.nbt-scroll').scrollTop = 1e7 }")
        view.page.get_by_text("img3999.png").wait_for()
        until(view.page, lambda: view.page.locator(".nbt-pic:visible img[hidden]").count() == 0)
        assert view.js("() => document.querySelectorAll('.nbt-tile').length") <= 60
        assert len(grid.folder._headers) <= 300
        asked = {i for m in view.sent("thumbnails") for i in m["ids"]}
        assert len(asked) <= 120


def test_clicks_choose_one_by_one_shift_a_range_and_keys_do_the_same(
    browser: Browser, thousands: Path
) -> None:
    grid = grid_of(thousands)
    with shown(browser, grid) as view:
        tile(view, 0).get_by_text("img0.png").wait_for()
        tile(view, 1).locator(".nbt-pic").click()
        tile(view, 4).locator(".nbt-cap").click()  # no caption to edit: it chooses
        until(view.page, lambda: names(grid) == ["img1.png", "img4.png"])
        assert view.page.locator("textarea").count() == 0
        tile(view, 1).click()
        until(view.page, lambda: names(grid) == ["img4.png"])
        tile(view, 2).click()
        tile(view, 9).click(modifiers=["Shift"])
        until(view.page, lambda: names(grid) == [f"img{n}.png" for n in range(2, 10)])
        view.page.keyboard.press("ArrowRight")
        view.page.keyboard.press("Space")
        until(view.page, lambda: names(grid)[-1] == "img10.png")
        view.page.keyboard.press("Enter")
        view.page.keyboard.press("Delete")
        assert view.page.locator("textarea").count() == 0
        view.page.keyboard.press("Control+a")
        until(view.page, lambda: len(grid.selected) == 4000)
        view.page.keyboard.press("Escape")
        until(view.page, lambda: grid.selected == [])
        assert view.sent("edit") == []


def test_a_search_and_an_order_find_what_to_choose(browser: Browser, thousands: Path) -> None:
    grid = grid_of(thousands)
    with shown(browser, grid) as view:
        tile(view, 0).get_by_text("img0.png").wait_for()
        view.page.get_by_label("Search names").fill("img399")
        view.page.get_by_text("11 of 4,000 images").wait_for()
        tile(view, 0).get_by_text("img399.png").wait_for()
        tile(view, 0).click()
        tile(view, 10).click(modifiers=["Shift"])
        until(view.page, lambda: len(grid.selected) == 11)
        assert names(grid)[:2] == ["img399.png", "img3990.png"]
        view.page.keyboard.press("Escape")
        order = view.page.get_by_label("Order")
        assert order.locator("option").all_inner_texts() == ["By name", "Smallest first"]


def test_what_cannot_be_taken_says_so_and_hostile_names_stay_text(
    browser: Browser, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "odd", 2)
    content = (folder / "img0.png").read_bytes()
    for name in HOSTILE:
        (folder / name).write_bytes(content)
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "gone.png").symlink_to("nowhere.png")
    grid = grid_of(folder)
    with shown(browser, grid) as view:
        view.page.get_by_text("9 images").wait_for()
        view.page.get_by_text("This is a web page").wait_for()
        view.page.get_by_text("It is a link to a missing file").wait_for()
        text = view.page.locator("#here").inner_text()
        for name in HOSTILE[:4]:
            assert name in text
        until(view.page, lambda: view.page.locator(".nbt-pic img:visible").count() == 7)
        assert (
            view.page.locator("#here script, #here button[data-commandlinker-command]").count() == 0
        )
        assert view.js("() => window.pwned") is None
        assert view.axe() == []


# -- a story in JupyterLab -------------------------------------------------------------------------


def image_of(notebook: Notebook, name: str) -> None:
    """Keep an image of the page where a folder for them is named."""
    folder = os.environ.get("NBTRAIN_SCREENSHOTS")
    if folder:
        notebook.page.locator(".nbt-picker").screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.lab
def test_twenty_of_thousands_are_chosen_and_added(browser: Browser, lab: Lab) -> None:
    fill(lab.work / "sketchbook", 3000)
    (lab.work / "sketchbook" / "broken.png").write_bytes(b"<html>")
    opening = """
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("picked", type="flux.2-dev-lora")
training.add_images(["sketchbook/img1.png", "sketchbook/img2.png"])
"""
    lab.write("picker.ipynb", [opening, "nbt.ImagePicker(training)"])
    with lab.open(browser, "picker.ipynb", width=1300, height=1100) as notebook:
        page = notebook.page
        notebook.run_all()
        path = page.get_by_label("Add images from")
        path.fill("sketchbook")
        page.get_by_role("button", name="Preview…").click()
        folder_panel = page.locator(".nbt-folder")
        folder_panel.get_by_text("3,001 images", exact=True).wait_for()
        tiles = folder_panel.locator(".nbt-line[aria-rowindex] .nbt-tile:visible")
        until(page, lambda: folder_panel.get_by_text("in the training", exact=True).count() == 2)
        folder_panel.get_by_text("48 of 50 slots left.").wait_for()
        add = folder_panel.locator("button.nbt-start")
        assert add.is_disabled()

        # A range of nineteen and one more, by the keyboard; nothing of it reaches the notebook.
        folder_panel.get_by_label("Search names").fill("img20")
        tiles.first.get_by_text("img20.png").wait_for()
        tiles.first.click()
        page.keyboard.press("Shift+ArrowRight")
        for _ in range(17):
            page.keyboard.press("Shift+ArrowRight")
        until(page, lambda: add.inner_text() == "Add 19 images")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        page.keyboard.press("d")
        page.keyboard.press("d")
        until(page, lambda: add.inner_text() == "Add 20 images")
        assert page.locator(".jp-Notebook .jp-Cell").count() == 2
        folder_panel.get_by_text("28 more fit.").wait_for()
        assert axe(notebook, ".nbt-picker") == []
        image_of(notebook, "picker-chosen-light")

        # Exactly these are added, and are marked then.
        add.click()
        page.locator(".nbt-report").get_by_text("20 added").wait_for()
        chosen = ["img20.png", *(f"img20{n}.png" for n in range(10))]
        chosen += [f"img200{n}.png" for n in range(9)]
        there = notebook.ask("[row.name for row in training.state.draft.images]")
        assert there == ["img1.png", "img2.png", *chosen]
        until(page, lambda: add.inner_text() == "Add images" and add.is_disabled())
        until(page, lambda: folder_panel.get_by_text("in the training", exact=True).count() >= 11)
        image_of(notebook, "picker-added-light")

        # More than fit cannot be added, and how many too many is said.
        folder_panel.get_by_label("Search names").fill("")
        tiles.first.get_by_text("broken.png").wait_for()
        tiles.first.focus()
        page.keyboard.press("Control+a")
        folder_panel.get_by_text("only 28 fit: deselect").wait_for()
        assert add.is_disabled()
        notebook.js(
            "await app.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        page.wait_for_timeout(500)
        until(page, lambda: axe(notebook, ".nbt-picker") == [])
        image_of(notebook, "picker-many-dark")
        page.set_viewport_size({"width": 480, "height": 1100})
        page.wait_for_timeout(500)
        image_of(notebook, "picker-many-narrow")

        folder_panel.get_by_role("button", name="Close").click()
        until(page, lambda: folder_panel.count() == 0)
