"""Whole stories in a real JupyterLab: what a person clicks is what the kernel holds.

Set NBTRAIN_SCREENSHOTS to a folder to get images of the way.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from browser.harness import Browser, browser
from browser.lab import Lab, Notebook, lab, pictures

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

EDIT = "flux.2-dev-edit-lora"


def opening(name: str, folder: Path) -> str:
    """Return the first cell: a training of pairs from a folder of drawings."""
    return f"""
import time
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open({name!r}, type={EDIT!r})
training.add_images({folder.name!r}, recursive=True)
training.pair_up("line", "colour", instruction="colour the line drawing")
"""


ASSIGNING = """
frame = training.images
frame["caption"] = "from a cell"
training.images = frame
pairs = training.pairs
pairs.loc[pairs.index[1], "instruction"] = "from a cell, too"
training.pairs = pairs
"""

DRAWN = """
return [...document.querySelectorAll(".nbt-tile img")].filter((img) => img.naturalWidth > 0).length
"""

COUNTED = ("models", "jobs", "assets")


def until(notebook: Notebook, what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to hold, and return it."""
    for _ in range(int(seconds * 10)):
        found = holds()
        if found:
            return found
        notebook.page.wait_for_timeout(100)
    shot(notebook, "failed")
    notes = notebook.page.locator(".nbt-note:visible").all_inner_texts()
    raise AssertionError(f"{what} did not come to be; the views say {notes}")


def shot(notebook: Notebook, name: str) -> None:
    folder = os.environ.get("NBTRAIN_SCREENSHOTS")
    if folder:
        notebook.page.screenshot(path=Path(folder) / f"{name}.png")


def rows(lab: Lab, table: str) -> int:
    """Count what the local Phoenix of the lab holds."""
    path = lab.phoenix / "local" / "phoenix.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        count: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return count


def caption_of(notebook: Notebook, name: str) -> str:
    return notebook.ask(f"training.images.set_index('name').caption[{name!r}]")


def test_what_is_clicked_is_what_the_kernel_holds(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    grid_cell, table_cell, form_cell, launch_cell, progress_cell, frame_cell, sleep_cell = range(
        1, 8
    )
    lab.write(
        "clicks.ipynb",
        [
            opening("clicks", pictures),
            "nbt.ImageGrid(training)",
            "nbt.PairTable(training)",
            "nbt.ConfigForm(training)",
            "nbt.LaunchPanel(training)",
            "nbt.ProgressPanel(training)",
            ASSIGNING,
            "time.sleep(6)",
        ],
    )
    with lab.open(browser, "clicks.ipynb", height=2600) as notebook:
        page = notebook.page
        for index in range(6):
            notebook.run(index)
        grid, table = notebook.cell(grid_cell), notebook.cell(table_cell)
        form, launch = notebook.cell(form_cell), notebook.cell(launch_cell)
        progress = notebook.cell(progress_cell)

        until(notebook, "thumbnails", lambda: notebook.js(DRAWN) >= 12)

        # A caption, edited in the grid.
        tile = grid.locator(".nbt-tile:visible").first
        tile.locator(".nbt-cap").click()
        name = notebook.ask("training.images['name'].iloc[0]")
        page.get_by_label(re.compile("^Caption of")).fill("an apple, typed in the grid")
        page.keyboard.press("Enter")
        until(notebook, "the caption", lambda: "typed" in caption_of(notebook, name))
        assert caption_of(notebook, name) == "an apple, typed in the grid"
        page.keyboard.press("Escape")

        # An instruction, edited in the table.
        table.locator(".nbt-instruction").first.click()
        page.get_by_label("Instruction of pair 1").fill("paint it, typed in the table")
        page.keyboard.press("Enter")
        first = "training.pairs['instruction'].iloc[0]"
        until(notebook, "the instruction", lambda: "paint it" in notebook.ask(first))
        page.keyboard.press("Escape")
        shot(notebook, "1-edited")

        # Frames, assigned in a cell, are in both views.
        notebook.run(frame_cell)
        tile.get_by_text("from a cell").wait_for()
        table.locator(".nbt-text").get_by_text("from a cell, too").wait_for()
        assert notebook.ask("sorted(set(training.images['caption']))") == ["from a cell"]
        assert notebook.ask("training.pairs['instruction'].tolist()[:2]") == [
            "paint it, typed in the table",
            "from a cell, too",
        ]

        # The price follows the epochs.
        start = launch.get_by_role("button", name=re.compile("^Start: "))
        until(notebook, "a price", lambda: start.count() and start.is_enabled())
        before = start.text_content()
        form.get_by_label(re.compile("[Ee]pochs")).first.fill("100")
        page.keyboard.press("Enter")
        until(notebook, "the epochs", lambda: notebook.ask("training.config['epochs']") == 100)
        until(
            notebook,
            "the new price",
            lambda: start.count() and start.is_enabled() and start.text_content() != before,
        )
        shot(notebook, "2-priced")
        priced = notebook.ask("str(training.state.price.estimate)")
        assert start.text_content() == f"Start: {priced}"

        # Start, accepted once more by its price.
        start.click()
        launch.get_by_role("button", name=f"Start for {priced}").click()
        until(notebook, "the run", lambda: notebook.ask("training.status") == "training")
        assert rows(lab, "jobs") == 1

        # Progress moves while a cell blocks the kernel.
        bar = progress.get_by_role("progressbar")
        until(notebook, "progress", lambda: bar.get_attribute("aria-valuetext"))
        notebook.begin(sleep_cell)
        until(notebook, "the cell", lambda: notebook.busy(sleep_cell))
        seen = set()
        while notebook.busy(sleep_cell):
            seen.add((bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuetext")))
            page.wait_for_timeout(100)
        shot(notebook, "3-running")
        assert len(seen) >= 3, seen

        # Stop.
        progress.get_by_role("button", name="Stop…").click()
        progress.get_by_role("button", name="Stop the training").click()
        progress.get_by_text("stopped").first.wait_for()
        until(notebook, "the end", lambda: notebook.ask("training.status") == "training-canceled")
        shot(notebook, "4-stopped")


def test_all_cells_run_twice_make_one_model_one_upload_per_image_and_one_run(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    lab.write(
        "twice.ipynb",
        [
            opening("twice", pictures),
            "training.update_config({'epochs': 2, 'repeats': 1})",
            "nbt.Studio(training)",
            "run = training.start()",
            "training.wait(60).status",
        ],
    )
    before = {table: rows(lab, table) for table in COUNTED}
    made = []
    with lab.open(browser, "twice.ipynb", height=2600) as notebook:
        for _ in range(2):
            notebook.run_all()
            assert notebook.output(4) == "'trained'"
            made.append({table: rows(lab, table) - before[table] for table in COUNTED})
        assert made[0] == made[1] == {"models": 1, "jobs": 1, "assets": 12}
        studio = notebook.cell(2)
        studio.get_by_text("trained in").first.wait_for()
        until(notebook, "thumbnails", lambda: notebook.js(DRAWN) >= 12)
        studio.get_by_role("button", name="Start: 6 simulated CU").wait_for()
        shot(notebook, "5-studio")


def test_a_caption_outlives_its_kernel_before_it_was_sent(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    lab.write("killed.ipynb", [opening("killed", pictures), "nbt.ImageGrid(training)"])
    with lab.open(browser, "killed.ipynb") as notebook:
        notebook.run(0)
        notebook.run(1)
        notebook.ask("training.sync()")
        name = notebook.ask("training.images['name'].iloc[0]")
        # What cannot be sent stays here: the service is out of reach from now on.
        notebook.ask("setattr(training._session.sync.service, 'get_model', lambda *_: 1 / 0)")
        notebook.cell(1).locator(".nbt-tile:visible .nbt-cap").first.click()
        notebook.page.get_by_label(re.compile("^Caption of")).fill("typed, then killed")
        notebook.page.keyboard.press("Enter")
        until(notebook, "the caption", lambda: "killed" in caption_of(notebook, name))
        assert notebook.ask("training.state.draft.unsent") == 1
        shot(notebook, "6-before-the-kill")
        notebook.kill_kernel()
        notebook.run(0)
        assert caption_of(notebook, name) == "typed, then killed"
        notebook.run(1)
        notebook.cell(1).get_by_text("typed, then killed").first.wait_for()
        notebook.ask("training.sync()")
        until(notebook, "saving", lambda: notebook.ask("training.state.draft.unsent") == 0)
        shot(notebook, "7-there-again")
