"""The pair table's story in a real JupyterLab: pasted, dragged, written over many, compared, loaded anew.

Set NBTRAIN_SCREENSHOTS to a folder to get images of the way.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.harness import Browser, browser
from browser.lab import Lab, Notebook, lab, pictures
from browser.test_hosts import KEYS
from browser.test_lab_story import DRAWN, opening, shot, until
from playwright.sync_api import Locator

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

GRID, TABLE = 1, 2


def pairs(notebook: Notebook) -> list[list[str]]:
    """Return what the kernel holds: names of source and target, and the instruction."""
    rows: list[list[str]] = notebook.ask(
        "(lambda names: [[names.get(r.source, ''), names.get(r.target, ''), r.instruction]"
        " for r in training.pairs.itertuples()])(training.images['name'].to_dict())"
    )
    return rows


def line(table: Locator, n: int) -> Locator:
    return table.locator(f".nbt-pair[aria-rowindex='{n + 2}']")


def paste(notebook: Notebook, text: str) -> None:
    """Paste with the real keys what lies on the real clipboard."""
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    notebook.page.keyboard.press("Control+v")


def test_a_set_of_pairs_is_put_together_in_the_table(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    cells = [opening("table", pictures), "nbt.ImageGrid(training)", "nbt.PairTable(training)"]
    lab.write("table.ipynb", cells)
    with lab.open(browser, "table.ipynb", height=2400) as notebook:
        page = notebook.page
        for index in range(3):
            notebook.run(index)
        grid, table = notebook.cell(GRID), notebook.cell(TABLE)
        until(notebook, "thumbnails", lambda: notebook.js(DRAWN) >= 12)
        table.locator(".nbt-scroll:not([aria-busy])").wait_for()
        page.evaluate(KEYS)
        begun = pairs(notebook)
        assert len(begun) == 6

        # A block from a spreadsheet, one name of it wrong.
        (source, target, _), second = begun[0], begun[1]
        line(table, 0).locator(".nbt-number").click()
        line(table, 0).locator(".nbt-instruction").focus()
        page.keyboard.press("Escape")
        paste(notebook, f"{source}\t{target}\tpasted\n{second[0]}\tno such image\tpasted, too")
        until(notebook, "the block", lambda: pairs(notebook)[0][2] == "pasted")
        table.get_by_text("1 row pasted, 1 rejected: row 2: There is no image").wait_for()
        assert pairs(notebook)[:2] == [[source, target, "pasted"], second]  # whole or not at all
        line(table, 1).get_by_text("There is no image no such image").wait_for()
        shot(notebook, "table-1-pasted")

        # An image of the grid, dragged onto a target with the real mouse.
        dropped = begun[4][1]
        tile = grid.locator(".nbt-tile", has=page.locator(f".nbt-name[data-name='{dropped}']"))
        tile.locator(".nbt-pic").drag_to(line(table, 2).locator(".nbt-side").nth(1))
        until(notebook, "the dropped image", lambda: pairs(notebook)[2][1] == dropped)
        shot(notebook, "table-2-dropped")

        # A pair, dragged by its handle.
        line(table, 5).hover()
        line(table, 5).locator(".nbt-grip").drag_to(
            line(table, 3), target_position={"x": 300, "y": 5}
        )
        until(notebook, "the moved pair", lambda: pairs(notebook)[3][:2] == begun[5][:2])

        # One sentence for many.
        line(table, 3).locator(".nbt-number").click()
        line(table, 5).locator(".nbt-number").click(modifiers=["Shift"])
        table.get_by_role("button", name="Template…").click()
        page.get_by_role("textbox", name="Template").fill("paint pair {n}")
        shot(notebook, "table-3-template")
        page.get_by_role("button", name="Apply to 3 pairs").click()
        until(
            notebook,
            "the sentences",
            lambda: [p[2] for p in pairs(notebook)][3:] == [f"paint pair {n}" for n in (4, 5, 6)],
        )

        # Compared, pair after pair.
        line(table, 0).locator(".nbt-instruction").focus()
        page.keyboard.press("Space")
        dialog = page.get_by_role("dialog").filter(has_text="1 of 6")
        dialog.wait_for()
        until(notebook, "both images", lambda: dialog.locator(".nbt-stage img[src]").count() == 2)
        shot(notebook, "table-4-compared")
        page.keyboard.press("PageDown")
        page.get_by_role("dialog").get_by_text("2 of 6").wait_for()
        page.keyboard.press("Escape")

        # No key of all these was the notebook's, and none will be.
        for key in ("Escape", "ArrowDown", "Shift+ArrowDown", "Escape"):
            page.keyboard.press(key)
        line(table, 2).locator(".nbt-number").focus()
        for key in ("d", "d", "a", "x"):
            page.keyboard.press(key)
        assert page.evaluate("() => window.keys") == []
        assert notebook.js("return panel.content.widgets.length;") == len(cells)
        held = pairs(notebook)

        # The page is loaded anew: what was refused is offered again, and all else is as it was.
        notebook.js("await panel.context.save();")
        page.reload()
        notebook.ready()
        line(table, 1).get_by_text("There is no image no such image").wait_for()
        assert pairs(notebook) == held
        for n, (_, _, said) in enumerate(held[:3]):
            line(table, n).locator(".nbt-text").get_by_text(said, exact=True).wait_for()
        line(table, 1).locator(".nbt-side").nth(1).click()
        assert (
            page.get_by_role("combobox", name="Target of pair 2").input_value() == "no such image"
        )
        shot(notebook, "table-5-loaded-anew")
