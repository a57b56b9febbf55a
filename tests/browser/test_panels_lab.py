"""The panels of plain widgets in a real JupyterLab: what ipywidgets does not promise by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.harness import Browser, axe, browser, shot, until
from browser.lab import Lab, Notebook, lab, pictures

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab


def opening(name: str, folder: Path) -> str:
    return f"""
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open({name!r}, type="flux.2-dev-lora")
training.add_images({folder.name!r}, recursive=True)
training.sync()
"""


def colours(notebook: Notebook, selector: str) -> list[str]:
    return notebook.page.evaluate(
        "(s) => { const c = getComputedStyle(document.querySelector(s));"
        " return [c.color, c.backgroundColor] }",
        selector,
    )


def test_a_form_and_a_price_in_jupyterlab(browser: Browser, lab: Lab, pictures: Path) -> None:
    cells = [opening("panels", pictures), "nbt.ConfigForm(training)", "nbt.LaunchPanel(training)"]
    lab.write("panels.ipynb", cells)
    with lab.open(browser, "panels.ipynb") as notebook:
        page = notebook.page
        notebook.run_all()
        rank, epochs = page.get_by_label("Rank"), page.get_by_label("Epochs")
        until(notebook, lambda: rank.count() and rank.input_value() == "64")

        # What is half typed outlives changes from the kernel, which show in the other fields.
        rank.fill("3")
        notebook.ask("training.update_config({'epochs': 7})")
        until(notebook, lambda: epochs.input_value() == "7")
        assert rank.input_value() == "3"
        assert notebook.ask("training.config['rank']") == 64

        # Leaving a field takes it.
        rank.fill("32")
        epochs.focus()
        until(notebook, lambda: notebook.ask("training.config['rank']") == 32)

        # A refusal stands at its field, for everyone to read.
        epochs.fill("500")
        epochs.press("Enter")
        until(notebook, lambda: epochs.get_attribute("aria-invalid") == "true")
        notes = page.locator(f"#{epochs.get_attribute('aria-describedby')}")
        assert "Keeping 7" in notes.inner_text()
        assert epochs.input_value() == "500"
        assert notebook.ask("training.config['epochs']") == 7
        assert axe(notebook, ".nbt-form") == []

        # Keys on a button are not taken for commands on the cell: "d d" would delete it.
        page.get_by_role("button", name="advanced").focus()
        page.keyboard.press("d")
        page.keyboard.press("d")
        assert page.locator(".jp-Notebook .jp-Cell").count() == 3

        # The price came because the panel is displayed, and says how old it is.
        start = page.locator("button.nbt-start:visible")
        until(notebook, lambda: start.count() and "simulated CU" in start.inner_text())
        until(notebook, start.is_enabled)
        assert page.locator(".nbt-launch time").inner_text().startswith("estimated")
        start.click()
        until(notebook, lambda: page.get_by_role("button", name="Start for").is_visible())
        assert axe(notebook, ".nbt-launch") == []

        # Running the cell again forgets the question, and nothing was started.
        notebook.run(2)
        until(notebook, lambda: page.get_by_role("button", name="Start:").is_visible())
        assert page.get_by_role("button", name="Start for").count() == 0
        assert notebook.ask("training.run is None")

        light = colours(notebook, ".nbt-form .nbt-in input")
        notebook.js(
            "await app.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        until(notebook, lambda: colours(notebook, ".nbt-form .nbt-in input") != light)
        until(notebook, lambda: axe(notebook, ".nbt-form") == [])
        assert axe(notebook, ".nbt-launch") == []


MARKED = """
return [...panel.node.querySelectorAll(".nbt-form.jupyter-widgets-disconnected, .nbt-form .jupyter-widgets-disconnected")]
  .map((part) => getComputedStyle(part, "::before").content).filter((content) => content !== "none");
"""


def test_a_restarted_kernel_is_told_in_one_line(browser: Browser, lab: Lab, pictures: Path) -> None:
    lab.write("ended.ipynb", [opening("ended", pictures), "nbt.ConfigForm(training)"])
    with lab.open(browser, "ended.ipynb") as notebook:
        notebook.run_all()
        epochs = notebook.page.get_by_label("Epochs")
        until(notebook, lambda: epochs.count() and epochs.input_value() == "10")
        place = epochs.bounding_box()
        notebook.js("await panel.sessionContext.restartKernel();")
        until(notebook, lambda: notebook.js(MARKED))
        (line,) = notebook.js(MARKED)
        assert line == '"The kernel of this view has ended. Run this cell again."'
        assert place is not None
        assert epochs.bounding_box()["x"] == place["x"]
        shot(notebook, "panel-ended")
